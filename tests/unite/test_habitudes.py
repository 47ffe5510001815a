"""What keeps the house: the version that the changelog names, locks that answer pyproject.toml, hooks that are local,
one name for one thing."""

from __future__ import annotations

import ast
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from collections import defaultdict
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

RACINE = next(d for d in Path(__file__).resolve().parents if (d / "pyproject.toml").exists())
PROJET = tomllib.loads((RACINE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
VERROUS = Path("tests/outils/verrous.py")


def verrous(dossier: Path) -> subprocess.CompletedProcess[str]:
    commande = [sys.executable, str(RACINE / VERROUS), str(dossier)]
    return subprocess.run(commande, capture_output=True, text=True, encoding="utf-8", check=False)


@pytest.fixture
def copie(tmp_path: Path) -> Path:
    for nom in ("pyproject.toml", "requirements.lock", "requirements-dev.lock"):
        shutil.copy(RACINE / nom, tmp_path)
    return tmp_path


def test_la_version_est_celle_du_journal_des_changements() -> None:
    """And the one that the manifests cite: they ask the installed package, made again when pyproject.toml changes."""
    entrees = re.findall(r"^## \[([^\]]+)\] - \d{4}-\d{2}-\d{2}$", (RACINE / "CHANGELOG.md").read_text("utf-8"), re.M)
    assert entrees[0] == PROJET["version"] == version("duimetre")
    assert entrees == sorted(entrees, key=lambda e: [int(n) for n in e.split(".")], reverse=True)


def test_les_verrous_repondent_au_projet() -> None:
    resultat = verrous(RACINE)
    assert (resultat.returncode, resultat.stderr) == (0, "")


@pytest.mark.parametrize(
    ("fichier", "avant", "apres", "phrase"),
    [
        ("pyproject.toml", '"rich>=13"', '"rich>=99"', "requirements.lock : rich "),
        ("pyproject.toml", '"rich>=13"', '"rich>=13", "inconnue"', "requirements.lock : inconnue manque."),
        ("pyproject.toml", '"pytest>=9"', '"pytest>=9", "Autre_Outil"', "requirements-dev.lock : Autre_Outil manque."),
        (
            "requirements.lock",
            "\njinja2==3.1.",
            "\njinja2==3.1.999",
            "Les deux verrous n'ont pas la même version de jinja2.",
        ),
    ],
)
def test_un_verrou_qui_ne_repond_plus_est_dit(copie: Path, fichier: str, avant: str, apres: str, phrase: str) -> None:
    texte = (copie / fichier).read_text(encoding="utf-8")
    assert texte.count(avant) == 1
    (copie / fichier).write_text(texte.replace(avant, apres), encoding="utf-8")
    resultat = verrous(copie)
    assert resultat.returncode == 1
    assert phrase in resultat.stderr
    assert "make lock" in resultat.stderr


def test_les_controles_avant_commit_sont_locaux() -> None:
    """No hook is fetched: each runs the tool that the lock pins."""
    depots = yaml.safe_load((RACINE / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    assert [d["repo"] for d in depots] == ["local"]
    crochets = depots[0]["hooks"]
    assert {c["id"] for c in crochets} == {"ruff-format", "ruff", "mypy", "sqlfluff", "djlint", "verrous"}
    assert all(c["language"] == "system" and c["entry"].startswith(".venv/bin/") for c in crochets)


def test_le_canari_libere_ce_qui_peut_l_etre_et_dit_ce_qui_est_tenu() -> None:
    """b without its bound resolves with nothing; a and c are freed, extras kept."""

    def resoudre(demandes: list[str]) -> str:
        return "" if "b<2" in demandes else "b 3 demande un a qui n'existe pas"

    liberer = runpy.run_path(str(RACINE / "tests/outils/canari.py"))["liberer"]
    demandes = [Requirement(d) for d in ("a==1", "b<2", "c[x]>=3")]
    assert liberer(demandes, resoudre) == (["a", "b<2", "c[x]"], {"b": "b 3 demande un a qui n'existe pas"})


# Several modules have a function of that name, on purpose.
MEMES_NOMS = {
    "ajouter": "each command adds itself to the command line",
    "champs_de": "the same question, asked of the tables received and of the published ones",
    "dire": "what its module makes, as a text to read: called by the name of the module",
    "en_json": "the same for a machine",
}


def test_un_nom_designe_une_seule_chose() -> None:
    """No public class has the name of another one, no public function but those of the list."""
    lieux: dict[type[ast.stmt], dict[str, list[str]]] = {
        ast.ClassDef: defaultdict(list),
        ast.FunctionDef: defaultdict(list),
    }
    for piece in ("schemas", "transforms", "flows"):
        for fichier in (RACINE / piece).rglob("*.py"):
            for noeud in ast.parse(fichier.read_text(encoding="utf-8")).body:
                if isinstance(noeud, ast.ClassDef | ast.FunctionDef) and not noeud.name.startswith("_"):
                    lieux[type(noeud)][noeud.name].append(str(fichier.relative_to(RACINE)))
    doubles = [{nom: ou for nom, ou in noms.items() if len(ou) > 1} for noms in lieux.values()]
    assert doubles[0] == {}
    assert doubles[1].keys() == MEMES_NOMS.keys(), doubles[1]
