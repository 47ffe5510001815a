"""What may be shown of the names and numbers that were dropped (specification §8), and what is still to correct (§7)."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import openpyxl
import polars as pl
import pytest
from scenario import ESSMS, deposer, finess, nuit_directe, projets

from flows import etat
from flows.cli.principal import main
from flows.reglages import Reglages
from transforms.finess import cle_luhn_valide
from transforms.nommage import membre_publiable, nom_publiable, numero_de_recu

JOUR = date(2026, 4, 1)
NUIT = datetime(2026, 4, 3, 2, 30, tzinfo=UTC)
E1 = ESSMS["E1"]
VOISIN = finess("69000010")
# A column to the left: the number of a person, of a file, and part of a social security number where a FINESS should be.
DECALES = ("1850578006084", "270451234", "27045123")
CACHES = (*DECALES, "Zacharie", "Quincampoix", "Feuille de paie")
DOSSIERS = "finess_et;id_dossier;id_personne"


def classeur(feuilles: dict[str, list[str]]) -> bytes:
    livre = openpyxl.Workbook()
    livre.remove(livre.active)  # type: ignore[arg-type]
    for nom, lignes in feuilles.items():
        feuille = livre.create_sheet(nom)
        for ligne in lignes:
            feuille.append(ligne.split(";"))
    octets = io.BytesIO()
    livre.save(octets)
    return octets.getvalue()


def archive(membres: dict[str, str]) -> bytes:
    octets = io.BytesIO()
    with zipfile.ZipFile(octets, "w") as zip_:
        for nom, contenu in membres.items():
            zip_.writestr(nom, contenu)
    return octets.getvalue()


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> Path:
    racine = tmp_path_factory.mktemp("region") / "data"
    projets(racine, "E1 porteur=asso\nE2 porteur=ght")
    entete = f"{DOSSIERS};Zacharie Quincampoix"
    deposer(racine, "Quincampoix/dossiers_2026-04-02_Zacharie Quincampoix.csv", f"{entete}\n{E1};D1;P1;x\n")
    deposer(racine, "sejours_2026-04-02 - Copie (2).csv", f"finess_et;id_dossier;date_entree\n{E1};D1;2026-01-05\n")
    deposer(racine, "Zacharie Quincampoix.csv", "a\n1\n")
    dates = "finess_et;id_dossier;horodatage\n"
    membres = {
        "Quincampoix/mises_a_jour_2026-04-02_Zacharie.csv": f"{dates}{E1};D1;2026-03-01\n",
        "Zacharie/mises_a_jour_2026-04-02_Quincampoix.csv": f"{dates}{E1};D1;2026-03-01\n",
        "Zacharie.txt": "Quincampoix",
    }
    deposer(racine, "Zacharie.zip", archive(membres))
    feuilles = {
        "Projets": [f"finess_et;id_dossier;id_projet;statut;Quincampoix Zacharie\n{E1};D1;PP1;actif;x"],
        "Zacharie Quincampoix": ["Feuille de paie"],
    }
    lignes = {nom: texte[0].split("\n") for nom, texte in feuilles.items()}
    deposer(racine, "duimetre_2026-04-02_Zacharie.xlsx", classeur(lignes))
    deposer(racine, "agenda_2026-04-02_z.xlsx", classeur({"Quincampoix": ["finess_et;Zacharie", f"{E1};1"]}))
    decales = "".join(f"{n};D1;E{i};2026-03-0{i + 1}\n" for i, n in enumerate((*DECALES, VOISIN, E1)))
    deposer(racine, "agenda_2026-04-02_Zacharie.csv", f"finess_et;id_dossier;id_evenement;debut\n{decales}", "asso")
    deposer(racine, "dossiers_2026-04-02_Zacharie.csv", f"{DOSSIERS}\n{ESSMS['E2']};D1;P1\n", "ght")
    deposer(racine, "dossiers_2026-04-02.csv", "a\n1\n", "in\u202econ\x1bnu")
    (racine / "raw" / "depots" / "Zacharie Quincampoix.txt").write_text("x", encoding="utf-8")
    nuit_directe(racine, [JOUR], NUIT)
    with pytest.raises(SystemExit) as fin:
        main(["preuve", E1, "--date-mesure", str(JOUR), "--sortie", f"{racine}/preuve.zip", "--data", str(racine)])
    assert fin.value.code == 0
    return racine


def table(region: Path, nom: str) -> pl.DataFrame:
    return pl.read_parquet(region / "curated" / "actuel" / nom / f"{nom}.parquet")


def textes(chemin: str, octets: bytes) -> Iterator[tuple[str, str]]:
    """The raw bytes of a file as text, its cells when it is a table, its members when it is an archive."""
    yield chemin, octets.decode("latin-1")
    yield chemin, octets.decode("utf-8", "replace")
    if chemin.endswith(".parquet"):
        yield chemin, pl.read_parquet(octets).write_json()
    elif chemin.endswith(".zip"):
        with zipfile.ZipFile(io.BytesIO(octets)) as zip_:
            for nom in zip_.namelist():
                yield from textes(f"{chemin}/{nom}", zip_.read(nom))


def test_no_name_and_no_number_of_a_person_leaves_the_private_side(region: Path) -> None:
    assert not any(cle_luhn_valide(n.zfill(9)) for n in DECALES)
    lieux = [region / "curated", region / "staging" / "journaux", region / "preuve.zip"]
    fichiers = [f for lieu in lieux for f in (lieu.rglob("*") if lieu.is_dir() else [lieu]) if f.is_file()]
    assert {f.suffix for f in fichiers} >= {".parquet", ".json", ".html", ".duckdb", ".jsonl", ".zip"}
    vus = [
        (ou, cache)
        for f in fichiers
        for ou, texte in textes(str(f), f.read_bytes())
        for cache in CACHES
        if re.search(rf"(?<![0-9a-f]){cache}(?![0-9a-f])", texte, re.IGNORECASE)
    ]
    assert vus == []
    retours = "".join(f.read_text(encoding="utf-8") for f in (region / "retours" / "asso").rglob("*.*"))
    assert all(cache in retours for cache in (*DECALES, "Zacharie", "Quincampoix"))


def test_a_file_is_shown_by_its_receipt_and_by_what_its_name_says(region: Path) -> None:
    depots = table(region, "depots").filter(pl.col("porteur") == "asso")
    assert sorted(depots.select("nom", "membre", "table", "statut").rows(), key=str) == [
        ("agenda_2026-04-02.csv", None, "agenda", "refuse"),
        ("agenda_2026-04-02.xlsx", None, "agenda", "refuse"),
        ("dossiers_2026-04-02.csv", None, "dossiers", "accepte"),
        ("duimetre_2026-04-02.xlsx", "projets", "projets", "accepte"),
        ("fichier.csv", None, None, "refuse"),
        ("fichier.zip", "fichier", None, "refuse"),
        ("fichier.zip", "mises_a_jour_2026-04-02.csv n° 2", "mises_a_jour", "deja_recu"),
        ("fichier.zip", "mises_a_jour_2026-04-02.csv", "mises_a_jour", "accepte"),
        ("sejours_2026-04-02 - Copie (2).csv", None, "sejours", "accepte"),
    ]
    accuses = [json.loads(f.read_bytes()) for f in (region / "retours" / "asso").rglob("accuse_*.json")]
    assert set(depots["recu"]) == {a["numero"] for a in accuses}
    assert depots["recu"].n_unique() == 7
    nom = "Quincampoix/dossiers_2026-04-02_Zacharie Quincampoix.csv"
    (accuse,) = [a for a in accuses if a["nom"] == nom]
    assert accuse["numero"] == numero_de_recu("asso", nom, accuse["sha256"])
    page = (region / "curated" / "actuel" / "rapports" / "porteurs" / "asso.html").read_text(encoding="utf-8")
    assert all(recu in page for recu in depots["recu"])


def test_a_received_finess_is_shown_when_its_key_is_right(region: Path) -> None:
    constats = table(region, "constats").filter(pl.col("colonne") == "finess_et")
    assert sorted(constats.select("code", "valeur", "nombre").rows(), key=str) == [
        ("FINESS_INVALIDE", None, 1),
        ("FINESS_INVALIDE", None, 1),
        ("FINESS_INVALIDE", None, 1),
        ("HORS_PROJET", VOISIN, 1),
    ]


def test_the_folder_of_nobody_is_shown_with_escapes(region: Path) -> None:
    assert set(table(region, "depots")["porteur"]) == {"asso", "ght", "in\\u202econ\\x1bnu"}
    assert set(table(region, "constats")["porteur"]) == {"asso", "in\\u202econ\\x1bnu"}
    assert etat.constater(Reglages(region), NUIT).refus_en_attente == {"asso": 3, "in\\u202econ\\x1bnu": 1}


@pytest.mark.parametrize(
    ("nom", "montre"),
    [
        ("Dossiers_20260331_Jean Dupont - Copie (2).csv", "dossiers_2026-03-31 - Copie (2).csv"),
        ("x/Dupont/mises_a_jour_2026-03-31 (1).CSV.GZ", "mises_a_jour_2026-03-31 (1).csv.gz"),
        ("sejours_2026-03-31_Dupont (1) - copie.xlsx", "sejours_2026-03-31 - Copie.xlsx"),
        ("tddui_2026-03-31.json", "tddui_2026-03-31.json"),
        ("31.03.2026 Mises-à-jour Dupont (4).csv", "mises_a_jour_2026-03-31 (4).csv"),
        ("Séjours-20042026-copie2.xlsx", "sejours_2026-04-20 - Copie (2).xlsx"),
        ("dossiers_2026-02-31_Dupont.csv", "fichier.csv"),
        ("Dupont_dossiers_2026-03-31.csv", "fichier.csv"),
        ("dossiers_1850578006084.csv", "fichier.csv"),
        ("dossiers_2026-03-31.Dupont", "fichier"),
        ("Dupont\ndossiers_2026-03-31.csv", "fichier.csv"),
        ("Dupont.zip", "fichier.zip"),
        ("Dupont", "fichier"),
    ],
)
def test_only_what_a_name_says_is_shown(nom: str, montre: str) -> None:
    cadre = pl.DataFrame({"nom": [nom], "membre": [nom], "nom_table": [""]})
    assert cadre.select(nom_publiable("nom")).item() == montre
    assert cadre.select(membre_publiable()).item() == montre


def test_a_sheet_is_shown_by_its_table() -> None:
    membres = [("", "dossiers", None), ("Dupont", "dossiers", "dossiers"), ("Dupont", "", "fichier")]
    cadre = pl.DataFrame(membres, schema=["membre", "nom_table", "attendu"], orient="row")
    assert cadre.select(membre_publiable()).to_series().to_list() == cadre["attendu"].to_list()


# --- what is still to correct ----------------------------------------------------------------------------------------


def restants(racine: Path, instant: datetime) -> tuple[int, int, int]:
    """How many files of `asso` are to correct for `etat`, on its page, in the file of the night."""
    journal = max((racine / "staging" / "journaux").glob("*.jsonl")).read_text(encoding="utf-8")
    notes = [json.loads(ligne) for ligne in journal.splitlines()]
    page = (racine / "retours" / "asso" / "index.html").read_text(encoding="utf-8")
    return (
        etat.constater(Reglages(racine), instant).refus_en_attente.get("asso", 0),
        len(set(re.findall(r"Corriger et redéposer «\s[^»]*\s»", page))),
        sum(n["fichiers"] for n in notes if n.get("etape") == "refus" and n["porteur"] == "asso"),
    )


def test_a_duplicate_hides_no_refusal_and_three_places_agree(tmp_path: Path) -> None:
    projets(tmp_path, "E1 porteur=asso")
    mauvais = "finess_et\n1\n"
    premier = deposer(tmp_path, "dossiers_2026-04-02.csv", mauvais)
    deposer(tmp_path, "dossiers_2026-04-02_bis.csv", mauvais)
    nuit_directe(tmp_path, [JOUR], NUIT)
    assert restants(tmp_path, NUIT) == (1, 1, 1)
    premier.unlink()
    nuit_directe(tmp_path, [JOUR], NUIT + timedelta(days=1))
    assert restants(tmp_path, NUIT) == (1, 1, 1)
    deposer(tmp_path, "dossiers_2026-04-02_ter.csv", f"{DOSSIERS}\n{E1};D1;P1\n")
    nuit_directe(tmp_path, [JOUR], NUIT + timedelta(days=2))
    assert restants(tmp_path, NUIT) == (0, 0, 0)
