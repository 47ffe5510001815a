"""`duimetre preuve`: the bundle of a published figure, and its verification (specification §3; issue 4)."""

from __future__ import annotations

import hashlib
import io
import json
import random
import shutil
import sqlite3
import subprocess
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from scenario import ESSMS, deposer, nuit_directe, projets

from flows.cli.principal import main
from flows.versions import preuves_remises
from transforms import preuve
from transforms.nommage import numero_de_recu
from transforms.preuve import PreuveInvalide

JOUR = date(2026, 4, 1)
NUIT = datetime(2026, 4, 3, 2, 30, tzinfo=UTC)
E1 = ESSMS["E1"]
INS = "185057800608436"


def lancer(*arguments: str) -> int:
    with pytest.raises(SystemExit) as fin:
        main(arguments)
    return int(str(fin.value.code))


def region(racine: Path) -> None:
    projets(racine, "E1\nE2\nE3 porteur=ght")
    dossiers = "".join(f"{E1};D{i};P{i}\n" for i in range(5)) + f"{ESSMS['E2']};D9;P9\n{E1};;P5\n"
    deposer(racine, "dossiers_2026-04-02.csv", "finess_et;id_dossier;id_personne\n" + dossiers)
    sejours = "".join(f"{E1};D{i};2026-01-05\n" for i in range(5))
    deposer(racine, "sejours_2026-04-02.csv", "finess_et;id_dossier;date_entree\n" + sejours)
    maj = "".join(f"{E1};D{i};2026-02-1{i}\n" for i in range(4))
    deposer(racine, "mises_a_jour_2026-04-02.csv", "finess_et;id_dossier;horodatage\n" + maj)


@pytest.fixture(scope="module")
def modele(tmp_path_factory: pytest.TempPathFactory) -> Path:
    racine = tmp_path_factory.mktemp("modele") / "data"
    region(racine)
    nuit_directe(racine, [JOUR], NUIT)
    return racine


@pytest.fixture
def publiee(modele: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(modele, tmp_path / "data", symlinks=True))


def ecrire(data: Path, nom: str = "preuve.zip") -> Path:
    sortie = data.parent / nom
    assert lancer("preuve", E1, "--date-mesure", "2026-04-01", "--sortie", str(sortie), "--data", str(data)) == 0
    return sortie


def contenu(chemin: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(chemin) as archive:
        return {nom: archive.read(nom) for nom in archive.namelist()}


def test_the_bundle_holds_the_figure_and_all_it_comes_from(publiee: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chemin = ecrire(publiee)
    pieces = contenu(chemin)
    dit = json.loads(pieces["preuve.json"])
    assert {c["indicateur"]: (c["numerateur"], c["denominateur"]) for c in dit["chiffres"]}["dossiers_actifs"] == (4, 5)
    depots = {d["nom"]: d for d in dit["depots"]}
    fichier = publiee / "raw" / "depots" / "asso" / "dossiers_2026-04-02.csv"
    sha256 = hashlib.sha256(fichier.read_bytes()).hexdigest()
    assert depots["dossiers_2026-04-02.csv"] | {"depot": ""} == {
        "depot": "",
        "recu": numero_de_recu("asso", "dossiers_2026-04-02.csv", sha256),
        "nom": "dossiers_2026-04-02.csv",
        "membre": None,
        "sha256": sha256,
        "table": "dossiers",
        "date_extraction": "2026-04-02",
        "partiel": False,
        "statut": "accepte_avec_rejets",
        "lignes_lues": 7,
        "lignes_utilisees": 6,
        "lignes_rejetees": 1,
        "lignes_utilisees_essms": 5,
    }
    assert len(depots) == 3
    version = (publiee / "curated" / "actuel").readlink().name
    assert (dit["version"], dit["version_qui_a_calcule"]) == (version, version)
    assert pieces["version/manifeste.json"] == (publiee / "curated" / "actuel" / "manifeste.json").read_bytes()
    assert json.loads(pieces["version/maillon.json"])["version"] == version
    assert dit["code"] == json.loads(pieces["version/manifeste.json"])["code"]
    for nom in ("2023", "2025"):
        assert hashlib.sha256(pieces[f"regles/{nom}.toml"]).hexdigest() == dit["regles"][nom]["sha256"]
    assert pl.read_parquet(pieces["entrees/depose_dossiers.parquet"]).height == 5
    assert "Refaire le calcul" in pieces["LISEZ-MOI.txt"].decode()
    assert f"SHA-256 : {hashlib.sha256(chemin.read_bytes()).hexdigest()}" in capsys.readouterr().out
    assert chemin.stat().st_mode & 0o077 == 0


def test_the_bundle_holds_pseudonyms_of_that_essms_only_and_no_path(publiee: Path) -> None:
    pieces = contenu(ecrire(publiee))
    for nom, octets in pieces.items():
        assert str(publiee).encode() not in octets, nom
        if nom.startswith("entrees/depose_"):
            lignes = pl.read_parquet(octets)
            assert set(lignes["finess_et"]) <= {E1}
            identifiants = [c for c in ("id_dossier", "id_personne", "ins") if c in lignes.columns]
            valeurs = {v for c in identifiants for v in lignes[c].drop_nulls()}
            assert all(len(v) == 32 and set(v) <= set("0123456789abcdef") for v in valeurs), nom


def test_plain_sql_recomputes_the_figures_in_the_unpacked_bundle(
    publiee: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dossier = tmp_path / "depliee"
    with zipfile.ZipFile(ecrire(publiee)) as archive:
        archive.extractall(dossier)
    monkeypatch.chdir(dossier)
    with duckdb.connect() as base:
        resultats = [
            base.execute(ordre).fetchall()
            for ordre in duckdb.extract_statements(Path("recalcul.sql").read_text(encoding="utf-8"))
        ]
    assert ("dossiers_actifs", 4, 5, 80.0, "source_partielle") in resultats[-2]
    assert resultats[-1] == [("IDENTIQUE : les chiffres publiés sont ceux que donnent les dépôts",)]
    sommes = subprocess.run(["sha256sum", "--check", "--quiet", "empreintes.sha256"], check=False, capture_output=True)
    assert sommes.returncode == 0, sommes.stderr


def test_the_same_figure_gives_the_same_bytes(publiee: Path) -> None:
    assert ecrire(publiee, "a.zip").read_bytes() == ecrire(publiee, "b.zip").read_bytes()


def test_verification_here_and_elsewhere(publiee: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chemin = ecrire(publiee)
    assert lancer("preuve", "--verifier", str(chemin), "--data", str(publiee)) == 0
    ici = capsys.readouterr().out
    assert "le recalcul donne les chiffres publiés (3 dépôts)" in ici
    assert "Cette preuve est enregistrée ici, telle quelle." in ici
    assert "ceux de la version publiée ici" in ici
    assert lancer("preuve", "--verifier", str(chemin), "--data", str(tmp_path / "ailleurs")) == 0
    assert "vérifiée par son seul contenu" in capsys.readouterr().out


def test_one_changed_byte_anywhere_is_seen(publiee: Path, tmp_path: Path) -> None:
    octets = ecrire(publiee).read_bytes()
    hasard = random.Random(1)
    # The header and the end of the archive entirely, the rest at random.
    rangs = [*range(64), *range(len(octets) - 200, len(octets)), *hasard.sample(range(len(octets)), 300)]
    copie = tmp_path / "copie.zip"
    for rang in rangs:
        change = bytearray(octets)
        change[rang] ^= 1 << hasard.randrange(8)
        copie.write_bytes(change)
        with pytest.raises(PreuveInvalide):
            preuve.verifier_preuve(copie, tmp_path / "travail")


def test_it_says_which_file_changed(publiee: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chemin = ecrire(publiee)
    octets = bytearray(chemin.read_bytes())
    octets[octets.index(b"2025-04-01") if b"2025-04-01" in octets else octets.index(b"Refaire le calcul")] ^= 1
    chemin.write_bytes(octets)
    assert lancer("preuve", "--verifier", str(chemin)) == 1
    dit = capsys.readouterr().err
    assert "PREUVE NON VALABLE" in dit
    assert "Le fichier LISEZ-MOI.txt a changé." in dit


def refaire(chemin: Path, changer: Callable[[dict[str, bytes]], None]) -> None:
    """A forger who knows the format: coherent hashes, other content."""
    pieces = contenu(chemin)
    changer(pieces)
    del pieces["empreintes.sha256"]
    pieces["empreintes.sha256"] = "".join(
        f"{hashlib.sha256(o).hexdigest()}  {n}\n" for n, o in sorted(pieces.items())
    ).encode()
    chemin.write_bytes(preuve._zip(pieces))


def _parquet(lignes: pl.DataFrame) -> bytes:
    flux = io.BytesIO()
    lignes.write_parquet(flux)
    return flux.getvalue()


def mieux_publie(pieces: dict[str, bytes]) -> None:
    lignes = pl.read_parquet(pieces["publie/indicateurs.parquet"])
    mieux = pl.when(pl.col("indicateur") == "dossiers_actifs").then(5).otherwise("numerateur").alias("numerateur")
    pieces["publie/indicateurs.parquet"] = _parquet(lignes.with_columns(mieux))
    dit = json.loads(pieces["preuve.json"])
    for chiffre in dit["chiffres"]:
        if chiffre["indicateur"] == "dossiers_actifs":
            chiffre["numerateur"] = 5
    pieces["preuve.json"] = json.dumps(dit, ensure_ascii=False).encode()


def moins_de_lignes(pieces: dict[str, bytes]) -> None:
    lignes = pl.read_parquet(pieces["entrees/depose_mises_a_jour.parquet"])
    pieces["entrees/depose_mises_a_jour.parquet"] = _parquet(lignes.head(2))


def autre_version(pieces: dict[str, bytes]) -> None:
    manifeste = json.loads(pieces["version/manifeste.json"])
    pieces["version/manifeste.json"] = json.dumps(manifeste | {"cree_le": "2020-01-01T00:00:00+00:00"}).encode()


def sql_curieux(pieces: dict[str, bytes]) -> None:
    pieces["recalcul.sql"] += b"CREATE TABLE fuite AS SELECT * FROM read_csv('/etc/hostname');\n"


@pytest.mark.parametrize(
    ("changer", "attendu"),
    [
        (mieux_publie, "Le recalcul ne donne pas le chiffre publié : indicateurs, dossiers_actifs, numerateur"),
        (moins_de_lignes, "Le recalcul ne donne pas le chiffre publié"),
        (autre_version, "Le manifeste n'est pas celui du maillon"),
        (sql_curieux, "Le SQL de la preuve ne s'exécute pas"),
    ],
)
def test_a_coherent_forgery_does_not_recompute(
    publiee: Path, capsys: pytest.CaptureFixture[str], changer: Callable[[dict[str, Any]], None], attendu: str
) -> None:
    chemin = ecrire(publiee)
    refaire(chemin, changer)
    assert lancer("preuve", "--verifier", str(chemin)) == 1
    assert attendu in capsys.readouterr().err


def test_the_published_figure_is_proved_whatever_arrived_since(publiee: Path) -> None:
    avant = contenu(ecrire(publiee, "avant.zip"))
    # One more update, a better extraction, and the date is not measured again; a copy that would stand first by name.
    deposer(publiee, "mises_a_jour_2026-04-02_suite.csv", f"finess_et;id_dossier;horodatage\n{E1};D4;2026-02-20\n")
    deposer(publiee, "sejours_2026-04-03.csv", f"finess_et;id_dossier;date_entree\n{E1};D0;2026-01-05\n")
    original = publiee / "raw" / "depots" / "asso" / "dossiers_2026-04-02.csv"
    deposer(publiee, "AVANT/dossiers_2026-04-02.csv", original.read_bytes())
    calcul = (publiee / "curated" / "actuel").readlink().name
    nuit_directe(publiee, [date(2026, 5, 1)], NUIT + timedelta(days=28))
    chemin = ecrire(publiee, "apres.zip")
    apres = contenu(chemin)
    dit = json.loads(apres["preuve.json"])
    assert dit["version_qui_a_calcule"] == calcul
    assert dit["version"] == (publiee / "curated" / "actuel").readlink().name != calcul
    assert dit["chiffres"] == json.loads(avant["preuve.json"])["chiffres"]
    assert [d["nom"] for d in dit["depots"]] == [d["nom"] for d in json.loads(avant["preuve.json"])["depots"]]
    assert apres["version_calcul/manifeste.json"] == avant["version/manifeste.json"]
    assert lancer("preuve", "--verifier", str(chemin), "--data", str(publiee)) == 0
    assert preuves_remises.versions_citees(publiee / "curated") == {dit["version"], calcul}


def test_the_version_that_computed_it_was_removed(publiee: Path) -> None:
    avant = contenu(ecrire(publiee, "avant.zip"))
    calcul = (publiee / "curated" / "actuel").readlink().name
    deposer(publiee, "mises_a_jour_2026-04-02_suite.csv", f"finess_et;id_dossier;horodatage\n{E1};D4;2026-02-20\n")
    nuit_directe(publiee, [date(2026, 5, 1)], NUIT + timedelta(days=28))
    dossier = publiee / "curated" / "versions" / calcul
    (publiee / "curated" / "chaine").mkdir(exist_ok=True)
    (dossier / "maillon.json").rename(publiee / "curated" / "chaine" / f"{calcul}.json")
    subprocess.run(["rm", "-r", str(dossier)], check=True)
    dit = json.loads(contenu(ecrire(publiee, "apres.zip"))["preuve.json"])
    assert dit["chiffres"] == json.loads(avant["preuve.json"])["chiffres"]
    assert len(dit["depots"]) == 3


def test_what_cannot_be_reproduced_is_said_and_nothing_is_written(
    publiee: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (fichier,) = (publiee / "staging" / "mises_a_jour").glob("*.parquet")
    lignes = pl.read_parquet(fichier)
    lignes.head(1).write_parquet(fichier)
    sortie = publiee.parent / "fausse.zip"
    demande = ("preuve", E1, "--date-mesure", "2026-04-01", "--sortie", str(sortie), "--data", str(publiee))
    assert lancer(*demande) == 1
    dit = capsys.readouterr().err
    assert "ne peut plus être reproduit" in dit
    assert f"Raisons : staging/mises_a_jour/{fichier.name} a changé ou manque." in dit

    def desceller() -> None:
        with sqlite3.connect(publiee / "staging" / "registre.sqlite") as base:
            base.execute("DELETE FROM sceaux")

    desceller()
    assert lancer(*demande) == 1
    assert "dossiers_actifs, numerateur : publié 4, recalculé 1" in capsys.readouterr().err
    desceller()
    fichier.write_bytes(b"PAR1")
    assert lancer(*demande) == 1
    assert "ne sont plus lisibles dans staging" in capsys.readouterr().err
    assert not sortie.exists()
    assert preuves_remises.versions_citees(publiee / "curated") == set()
    assert [f.name for f in publiee.parent.iterdir()] == ["data"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("000000000", "--date-mesure", "2026-04-01", "--sortie", "p.zip"), 5),
        ((E1, "--date-mesure", "2026-04-02", "--sortie", "p.zip"), 5),
        ((E1, "--date-mesure", "2026-04-01", "--sortie", "absent/p.zip"), 1),
        ((E1, "--date-mesure", "2026-04-01"), 2),
        ((E1, "--verifier", "p.zip"), 2),
        (("--verifier", "absent.zip"), 1),
    ],
)
def test_exit_codes(
    publiee: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: int
) -> None:
    monkeypatch.chdir(tmp_path)
    assert lancer("preuve", *arguments, "--data", str(publiee)) == code
    assert not (tmp_path / "p.zip").exists()


@pytest.mark.parametrize("octets", [b"", b"PK", b"pas un zip", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_bundle_is_said(tmp_path: Path, octets: bytes) -> None:
    (tmp_path / "p.zip").write_bytes(octets)
    with pytest.raises(PreuveInvalide):
        preuve.verifier_preuve(tmp_path / "p.zip", tmp_path / "travail")


def test_members_with_foreign_names_are_never_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        archive.writestr("../dehors.txt", "x")
    with pytest.raises(PreuveInvalide, match="n'est pas une preuve"):
        preuve.verifier_preuve(tmp_path / "p.zip", tmp_path / "travail")
    assert not (tmp_path / "dehors.txt").exists()


def test_une_date_passee_est_prouvee_avec_le_registre_de_ce_jour(
    publiee: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """§4.6: whatever became of the structure since, its figure rests on the porteur, the number and the others of that date."""
    avant = contenu(ecrire(publiee, "avant.zip"))
    projets(publiee, "E1 fin=2026-06-30\nE2\nE3 porteur=ght\nPARIS porteur=ght debut=2026-07-01 finess_precedent=E1")
    for table, texte in (
        ("dossiers", f"finess_et;id_dossier;id_personne\n{E1};D1;P1\n{ESSMS['PARIS']};D2;P2\n"),
        ("sejours", f"finess_et;id_dossier;date_entree\n{E1};D1;2026-01-05\n{E1};D2;2026-01-05\n"),
        ("mises_a_jour", f"finess_et;id_dossier;horodatage\n{E1};D1;2026-09-10\n"),
    ):
        deposer(publiee, f"{table}_2026-10-01.csv", texte, "ght")
    nuit_directe(publiee, [date(2026, 10, 1)], datetime(2026, 10, 2, 2, 30, tzinfo=UTC))
    apres = contenu(ecrire(publiee))
    for piece in ("entrees/essms.parquet", "entrees/bilans.parquet", "entrees/depose_dossiers.parquet"):
        assert avant[piece] == apres[piece]
    sortie = publiee.parent / "octobre.zip"
    demande = ["preuve", ESSMS["PARIS"], "--date-mesure", "2026-10-01", "--sortie", str(sortie), "--data", str(publiee)]
    assert lancer(*demande) == 0
    chiffres = {c["indicateur"]: c for c in json.loads(contenu(sortie)["preuve.json"])["chiffres"]}
    assert (chiffres["dossiers_actifs"]["numerateur"], chiffres["dossiers_actifs"]["denominateur"]) == (1, 2)
    for chemin in (sortie, publiee.parent / "preuve.zip"):
        assert lancer("preuve", "--verifier", str(chemin), "--data", str(publiee)) == 0
    # When retention has removed the version that computed it, the former numbers are still in the table of that date.
    calcul = (publiee / "curated" / "actuel").resolve()
    nuit_directe(publiee, [date(2026, 10, 2)], datetime(2026, 10, 3, 2, 30, tzinfo=UTC))
    chaine = publiee / "curated" / "chaine"
    chaine.mkdir(exist_ok=True)
    shutil.copy(calcul / "maillon.json", chaine / f"{calcul.name}.json")
    shutil.rmtree(calcul)
    assert lancer(*demande) == 0
