"""The night as the operator runs it, on a generated region: exit codes, what it publishes, what it never lets out."""

from __future__ import annotations

import fcntl
import os
import random
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from conftest import Region
from nuits import D1, D2, TEMOIN, commande, executer, fichiers, memes_lignes, publie, until
from polars.testing import assert_frame_equal
from scenario import deposer, ecrire, nuit_directe
from typographie import espaces

from flows.versions.chaine import verifier_chaine
from flows.versions.version import actuelle


class Temoin:
    """What every Python process of a command says of itself (see `test_orchestration`)."""

    def __init__(self, dossier: Path) -> None:
        dossier.mkdir()
        (dossier / "sitecustomize.py").write_text(TEMOIN, encoding="utf-8")
        self.fichier = dossier / "temoin.txt"
        self.fichier.touch()
        self.environ = {"PYTHONPATH": os.pathsep.join(p for p in (str(dossier), os.environ.get("PYTHONPATH")) if p)}
        self.environ |= {"TEMOIN": str(self.fichier)}

    def lignes(self, mot: str) -> list[tuple[int, str]]:
        lignes = (ligne.split(" ", 2) for ligne in self.fichier.read_text(encoding="utf-8").splitlines())
        return [(int(pid), valeur) for premier, pid, valeur in lignes if premier == mot]


@pytest.fixture(scope="module")
def nuitee(region: Region, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, Temoin]:
    """A data root after one night by the command line, what it said, and what its processes did."""
    racine = region.copier(tmp_path_factory.mktemp("nuitee"))
    temoin = Temoin(racine / "temoin")
    code, sortie, erreurs = executer(
        "nuit", "--data", racine, "--date-mesure", D1.isoformat(), DUIMETRE_CLE="", **temoin.environ
    )
    assert code == 0, erreurs
    return racine, sortie + erreurs, temoin


def test_code_0_et_resume(nuitee: tuple[Path, str, Temoin]) -> None:
    racine, ecran, _ = nuitee
    dit = espaces(ecran)
    version = actuelle(racine / "curated")
    assert version is not None
    assert verifier_chaine(racine / "curated") == []
    deposes = [f for f in fichiers(racine) if not f.name.startswith("~")]
    assert f"Fichiers reçus : {len(deposes)} " in dit
    assert "Mesure du 01/04/2026 : 7 ESSMS" in dit
    assert version.name in dit
    versions = {v for f in version.rglob("*.parquet") for v in pl.read_parquet(f)["version"].unique().to_list()}
    assert versions == {version.name}
    statuts = dict(publie(racine)["depots/depots.parquet"]["statut"].value_counts().iter_rows())
    assert statuts["deja_recu"] == 1
    assert statuts["refuse"] == 4


def test_aucun_identifiant_brut_ne_sort(nuitee: tuple[Path, str, Temoin], region: Region) -> None:
    """§8: « No raw identifier leaves raw/ except towards the porteur that sent it (retours/<porteur>/) »."""
    racine, dit, _ = nuitee
    assert len(region.identifiants) > 300
    colonnes = 0
    for fichier in sorted((racine / "staging").rglob("*.parquet")) + sorted((racine / "curated").rglob("*.parquet")):
        with fichier.open("rb") as flux:
            table = pl.read_parquet(flux)
        for nom, dtype in table.schema.items():
            if dtype == pl.String:
                colonnes += 1
                trouves = region.identifiants.intersection(table[nom].drop_nulls().unique().to_list())
                assert not trouves, f"{fichier.relative_to(racine)}, {nom} : {len(trouves)}"
    assert colonnes > 100
    # All that is not data of ours: the register, its log, Prefect's folder, catalogue, manifest, report, what the night
    # said. Not the report's style and scripts, the same every night: short identifiers are digits of their code.
    octets = {"sortie": dit.encode()} | {
        str(f.relative_to(racine)): f.read_bytes()
        for dossier in ("staging", "curated")
        for f in (racine / dossier).rglob("*")
        if f.is_file() and "statiques" not in f.parts
    }
    assert {"staging/registre.sqlite", "staging/prefect/prefect.db"} <= octets.keys()
    # Six digits of a moment are no identifier: Prefect's database writes « 1970-01-01 00:00:00.000000 ».
    moment = re.compile(rb"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d\.\d{6}")
    for nom, contenu in octets.items():
        sans_moment = moment.sub(b"\0", contenu)
        for identifiant in region.identifiants:
            assert identifiant.encode() not in sans_moment, nom


def test_ce_qui_est_prive_l_est(nuitee: tuple[Path, str, Temoin]) -> None:
    """§8: the key is in a 0600 file outside curated/; nobody else enters staging/."""
    racine, _, _ = nuitee
    assert (racine / "staging" / "cle").stat().st_mode & 0o777 == 0o600
    assert (racine / "staging").stat().st_mode & 0o077 == 0


def test_rien_sur_le_reseau_et_aucun_processus_ne_reste(nuitee: tuple[Path, str, Temoin]) -> None:
    _, _, temoin = nuitee
    processus = {pid for pid, _ in temoin.lignes("processus")}
    assert len(processus) >= 2  # the night and its server
    adresses = {valeur for _, valeur in temoin.lignes("connexion")}
    assert adresses <= {"'127.0.0.1'"}
    assert {valeur for _, valeur in temoin.lignes("nom")} <= {"'127.0.0.1'", "'localhost'"}
    assert not [pid for pid in processus if Path(f"/proc/{pid}").exists()]


def test_une_autre_date_reprend_les_mesures_deja_publiees(nuitee: tuple[Path, str, Temoin], tmp_path: Path) -> None:
    """« Unchanged partitions are hard-linked from the previous version, not rewritten » (§2)."""
    racine = tmp_path / "racine"
    shutil.copytree(nuitee[0], racine, symlinks=True)
    avant = actuelle(racine / "curated")
    nuit_directe(racine, [D2])
    apres = actuelle(racine / "curated")
    assert avant is not None
    assert apres is not None
    assert apres != avant
    for table in ("indicateurs", "maturin_sms", "alertes"):
        ancien, reporte = (v / table / f"date_mesure={D1}" / f"{table}.parquet" for v in (avant, apres))
        assert ancien.stat().st_ino == reporte.stat().st_ino
        assert (apres / table / f"date_mesure={D2}" / f"{table}.parquet").is_file()
    assert verifier_chaine(racine / "curated") == []


@pytest.fixture(scope="module")
def tranquille(region: Region, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, pl.DataFrame]]:
    """A data root after one undisturbed night over both dates, and what it published."""
    racine = region.copier(tmp_path_factory.mktemp("tranquille"))
    nuit_directe(racine, [D1, D2])
    return racine, publie(racine)


def test_meme_publication_dans_tout_ordre_d_arrivee(
    region: Region, tranquille: tuple[Path, dict[str, pl.DataFrame]], tmp_path: Path
) -> None:
    """§6.2: « Arrival time is never used »: half of the files, in no order, arrive one night later; one comes twice."""
    racine = region.copier(tmp_path)
    (racine / "staging").mkdir()
    shutil.copy(tranquille[0] / "staging" / "cle", racine / "staging" / "cle")
    tard = random.Random(7).sample(fichiers(racine), 24)
    attente = tmp_path / "attente"
    for rang, fichier in enumerate(tard):
        (attente / str(rang)).parent.mkdir(exist_ok=True)
        fichier.rename(attente / str(rang))
    nuit_directe(racine, [D1])
    for rang, fichier in enumerate(tard):
        (attente / str(rang)).rename(fichier)
    nuit_directe(racine, [D1, D2])
    memes_lignes(racine, tranquille[1])


def test_le_meme_contenu_sous_un_autre_nom_ne_change_rien(
    tranquille: tuple[Path, dict[str, pl.DataFrame]], tmp_path: Path
) -> None:
    """§7 `deja_recu`: « same porteur, table, extraction date and content », whatever the name; before or after the first."""
    racine = tmp_path / "racine"
    shutil.copytree(tranquille[0], racine, symlinks=True)
    copies = 0
    for fichier in fichiers(racine):
        if fichier.suffix in (".csv", ".gz", ".parquet") and fichier.name[:1].isalpha() and "_2026" in fichier.name:
            racine_nom, point, extension = fichier.name.partition(".")
            copie = fichier.parent / "aaa" / f"{racine_nom}_zzz{point}{extension}"
            ecrire(copie, fichier.read_bytes())
            copies += 1
    assert copies > 20
    nuit_directe(racine, [D1, D2])
    apres = publie(racine)
    for nom, table in tranquille[1].items():
        if not nom.startswith(("depots/", "constats/")):
            assert_frame_equal(apres[nom], table)
    avant_statuts, apres_statuts = (
        dict(p["depots/depots.parquet"]["statut"].value_counts().iter_rows()) for p in (tranquille[1], apres)
    )
    assert apres_statuts == avant_statuts | {"deja_recu": avant_statuts["deja_recu"] + copies}


@pytest.mark.parametrize(
    ("arguments", "dit"),
    [
        (("nuit", "--date-mesure", "hier"), "« hier » n'est pas une date AAAA-MM-JJ"),
        (("nuits",), "« nuits » n'existe pas"),
        ((), "il manque"),
    ],
)
def test_code_2_sur_une_faute_de_frappe(arguments: tuple[str, ...], dit: str) -> None:
    code, _, erreurs = executer(*arguments)
    assert code == 2
    assert dit in erreurs


def test_code_10_quand_une_nuit_tourne_deja(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "staging").mkdir()
    with (tmp_path / "staging" / "verrou").open("w") as verrou:
        fcntl.flock(verrou, fcntl.LOCK_EX)
        code, _, erreurs = executer("nuit", "--data", tmp_path)
    assert code == 10
    assert "Une nuit est en cours" in erreurs


def test_code_1_sans_projets_lisible(nuitee: tuple[Path, str, Temoin], tmp_path: Path) -> None:
    """§4.6: « Without a readable projets.csv the night fails (exit 1) and says what is wrong »; what was published stays."""
    racine = tmp_path / "racine"
    shutil.copytree(nuitee[0], racine, symlinks=True)
    ecrire(racine / "raw" / "referentiels" / "projets.csv", "porteur;nom\np1;Association\n")
    avant = actuelle(racine / "curated")
    code, _, erreurs = executer("nuit", "--data", racine, "--date-mesure", D1.isoformat())
    assert code == 1
    assert "finess_et" in erreurs
    assert "Traceback" not in erreurs
    assert actuelle(racine / "curated") == avant


def test_code_1_sans_donnees(tmp_path: Path) -> None:
    code, _, erreurs = executer("nuit", "--data", tmp_path)
    assert code == 1
    assert "n'existe pas" in erreurs


def test_un_mauvais_fichier_n_arrete_pas_les_autres(
    tmp_path: Path, tranquille: tuple[Path, dict[str, pl.DataFrame]]
) -> None:
    """§1: « one bad file or porteur never blocks the others »: rubbish of every kind, and a porteur nobody knows."""
    racine = tmp_path / "racine"
    shutil.copytree(tranquille[0], racine, symlinks=True)
    porteur = next((racine / "raw" / "depots").iterdir()).name
    for nom in ("csv", "csv.gz", "xlsx", "parquet"):
        deposer(racine, f"dossiers_2026-04-01.{nom}", random.Random(nom).randbytes(3000), porteur)
        deposer(racine, f"sejours_2026-04-01.{nom}", b"", porteur)
    deposer(racine, "tddui_2026-04-01.json", "{]", porteur)
    deposer(racine, "archive.zip", b"PK\x03\x04abc", porteur)
    deposer(racine, "dossiers_2026-04-01.csv", "finess_et;id_dossier;id_personne\n", "inconnu")
    (racine / "raw" / "depots" / porteur / "dossiers_2026-04-02_lien.csv").symlink_to("/etc/passwd")
    bilan = nuit_directe(racine, [D1, D2])
    assert not bilan.non_traites
    apres = publie(racine)
    # What is refused leaves the rates of that porteur in doubt (§6.5 3(e)), and changes none of them.
    doute = {"statut", "taux_plancher", "verdict", "cibles_atteintes", "cibles_a_confirmer"}
    for nom, table in tranquille[1].items():
        if nom.startswith(("indicateurs/", "maturin_sms/", "essms/")):
            ailleurs = pl.col("porteur") != porteur
            assert_frame_equal(apres[nom].filter(ailleurs), table.filter(ailleurs))
            assert_frame_equal(apres[nom].drop(doute, strict=False), table.drop(doute, strict=False))
    depots, anciens = (p["depots/depots.parquet"] for p in (apres, tranquille[1]))
    nouveaux = depots.join(anciens, on=["recu"], how="anti", nulls_equal=True)
    assert nouveaux.height == 12
    assert set(nouveaux["statut"].to_list()) == {"refuse"}


@pytest.fixture
def endormi() -> Iterator[list[subprocess.Popen[str]]]:
    """Processes to end, whatever happens."""
    processus: list[subprocess.Popen[str]] = []
    yield processus
    for p in processus:
        p.kill()
        p.wait()


def test_deux_nuits_en_meme_temps(
    nuitee: tuple[Path, str, Temoin], tmp_path: Path, endormi: list[subprocess.Popen[str]]
) -> None:
    """A night killed leaves no lock: the next one starts at once (the lock is the kernel's)."""
    racine = tmp_path / "racine"
    shutil.copytree(nuitee[0], racine, symlinks=True, ignore=shutil.ignore_patterns("verrou"))
    verrou = racine / "staging" / "verrou"
    premiere = commande("nuit", "--data", racine, "--date-mesure", D1.isoformat())
    endormi.append(premiere)
    assert until(verrou.exists, 60)
    time.sleep(0.5)  # between the file and the lock on it
    assert executer("nuit", "--data", racine)[0] == 10
    premiere.send_signal(signal.SIGKILL)
    premiere.wait()
    with verrou.open("r+") as flux:
        fcntl.flock(flux, fcntl.LOCK_EX | fcntl.LOCK_NB)
