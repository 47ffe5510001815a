"""A terminal without UTF-8 stops neither a command nor a night."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from scenario import ESSMS, deposer, projets
from typographie import espaces

RACINE = Path(__file__).parents[2]
POSIX = {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
DUIMETRE = "from flows.cli.principal import main; main()"
NUIT = """
import sys
from datetime import date
from pathlib import Path
from flows.cli.principal import parler_utf8
parler_utf8()
from scenario import nuit_directe
nuit_directe(Path(sys.argv[1]), [date(2026, 4, 1)])
print("\\xe9t\\xe9")
"""


def lancer(code: str, *arguments: str, **reglages: str) -> tuple[int, str, str]:
    """Exit code, standard output and error of Python code under such a terminal."""
    chemins = os.pathsep.join([str(RACINE), str(RACINE / "tests" / "outils")])
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": chemins} | POSIX | reglages
    fini = subprocess.run([sys.executable, "-c", code, *arguments], env=environ, capture_output=True, check=False)
    return fini.returncode, fini.stdout.decode(), fini.stderr.decode(errors="replace")


def test_a_command_speaks_french_all_the_same(tmp_path: Path) -> None:
    data = str(tmp_path / "données")
    code, dit, _ = lancer(DUIMETRE, "etat", "--data", data)
    assert code == 6
    assert espaces(dit).splitlines()[:2] == [
        "Aucune publication. Lancez « duimetre nuit ».",
        "Dernière nuit : aucune trace",
    ]
    code, _, dit = lancer(DUIMETRE, "nuit", "--data", data)
    assert (code, dit) == (1, f"Le dossier {data}/raw n'existe pas. Vérifiez --data ou DUIMETRE_DATA.\n")


@pytest.mark.parametrize("codage", ["ascii:strict", "latin-1:strict"])
def test_what_the_terminal_cannot_write_is_escaped(tmp_path: Path, codage: str) -> None:
    code, _, dit = lancer(DUIMETRE, "nuit", "--data", str(tmp_path / "Ωmega"), PYTHONIOENCODING=codage)
    assert code == 1
    assert f"Le dossier {tmp_path}/\\u03a9mega/raw n'existe pas." in dit


def test_a_night_reads_names_with_accents(tmp_path: Path) -> None:
    data = tmp_path / "données"
    projets(data, "E1")
    deposer(data, "dossiers_2026-04-02_été.csv", f"finess_et;id_dossier;id_personne\n{ESSMS['E1']};Dé;P1\n")
    deposer(data, "Œuvre d'été.csv", "a\n1\n")
    code, dit, erreurs = lancer(NUIT, str(data))
    assert (code, dit.splitlines()[-1:]) == (0, ["été"]), erreurs
    depots = pl.read_parquet(data / "curated" / "actuel" / "depots" / "depots.parquet")
    assert dict(depots.select("nom", "statut").iter_rows()) == {
        "dossiers_2026-04-02.csv": "accepte",
        "fichier.csv": "refuse",
    }
    noms = {json.loads(f.read_bytes())["nom"] for f in (data / "retours" / "asso").rglob("accuse_*.json")}
    assert noms == {"dossiers_2026-04-02_été.csv", "Œuvre d'été.csv"}
    assert "Fichiers refusés ou en attente, à reprendre : asso 1" in espaces(
        lancer(DUIMETRE, "etat", "--data", str(data))[1]
    )
