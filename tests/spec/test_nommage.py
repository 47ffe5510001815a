"""Specification §4: what the name of a deposit says."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from transforms.lecture.modele import LectureImpossible
from transforms.nommage import en_cours_d_ecriture, lire_nom, rang_des_noms

JOUR = date(2026, 4, 1)


@pytest.mark.parametrize(
    ("nom", "attendu"),
    [
        ("dossiers_2026-04-01.csv", ("dossiers", JOUR, False, "csv")),
        ("DOSSIERS_20260401.CSV", ("dossiers", JOUR, False, "csv")),
        ("mises_a_jour_2026-04-01_v2_final.csv.gz", ("mises_a_jour", JOUR, False, "csv.gz")),
        ("sous/dossier/Sejours_2026-04-01_Foyer é.xlsx", ("sejours", JOUR, False, "xlsx")),
        ("agenda_2026-04-01_partiel.parquet", ("agenda", JOUR, True, "parquet")),
        ("agenda_2026-04-01_Correction-PARTIELLE.csv", ("agenda", JOUR, True, "csv")),
        ("duimetre_2026-04-01.xlsx", ("duimetre", JOUR, False, "xlsx")),
        ("duimetre_20260401_partiel.xlsx", ("duimetre", JOUR, True, "xlsx")),
        ("tddui_2026-04-01.json", ("tddui", JOUR, True, "json")),
        ("mss_2026-04-01_2026-05-01.csv", ("mss", JOUR, False, "csv")),
        ("dossiers_2024-02-29.csv", ("dossiers", date(2024, 2, 29), False, "csv")),
    ],
)
def test_nom_compris(nom: str, attendu: tuple[str, date, bool, str]) -> None:
    lu = lire_nom(nom)
    assert (lu.table, lu.date_extraction, lu.partiel, lu.format) == attendu


@pytest.mark.parametrize(
    ("nom", "code"),
    [
        ("dossiers.csv", "NOM_INVALIDE"),
        ("dossiers 2026-04-01.csv", "NOM_INVALIDE"),
        ("dossiers_2026-02-30.csv", "NOM_INVALIDE"),
        ("dossiers_01-04-2026.csv", "NOM_INVALIDE"),
        ("dossiers_2026-04-01final.csv", "NOM_INVALIDE"),
        ("dossiers_2026-04-01.xlsx.csv", "NOM_INVALIDE"),
        ("2026-04-01_dossiers.csv", "NOM_INVALIDE"),
        ("patients_2026-04-01.csv", "TABLE_INCONNUE"),
        ("dossier_2026-04-01.csv", "TABLE_INCONNUE"),
        ("dossiers_2026-04-01.xls", "EXTENSION_INCONNUE"),
        ("dossiers_2026-04-01", "EXTENSION_INCONNUE"),
        ("dossiers_2026-04-01.json", "EXTENSION_INCONNUE"),
        ("tddui_2026-04-01.csv", "EXTENSION_INCONNUE"),
        ("duimetre_2026-04-01.csv", "EXTENSION_INCONNUE"),
        ("notice.pdf", "EXTENSION_INCONNUE"),
    ],
)
def test_nom_refuse(nom: str, code: str) -> None:
    with pytest.raises(LectureImpossible) as erreur:
        lire_nom(nom)
    assert erreur.value.code == code


def test_le_nom_proche_est_propose() -> None:
    with pytest.raises(LectureImpossible) as erreur:
        lire_nom("dossier_2026-04-01.csv")
    assert "« dossiers »" in erreur.value.detail


@pytest.mark.parametrize(
    ("nom", "en_cours"),
    [
        (".dossiers_2026-04-01.csv", True),
        ("a/~$duimetre_2026-04-01.xlsx", True),
        ("dossiers_2026-04-01.csv.part", True),
        ("dossiers_2026-04-01.csv.TMP", True),
        ("dossiers_2026-04-01.csv.filepart", True),
        (".cache/dossiers_2026-04-01.csv", False),
        ("dossiers_2026-04-01.part.csv", False),
    ],
)
def test_encore_en_ecriture(nom: str, en_cours: bool) -> None:
    assert en_cours_d_ecriture(nom) is en_cours


def test_ordre_des_noms() -> None:
    """§6.2: « base names compared by Unicode code point, then path; inside an archive the container's name first »."""
    attendu = [
        ("z/A.csv", None),
        ("a/a.csv", None),
        ("b/a.csv", None),
        ("a/b.zip", "z/A.csv"),
        ("a/b.zip", "a/a.csv"),
        ("a/b.zip", "b/a.csv"),
        ("b.zip", "A.csv"),
        ("z.csv", None),
        ("é.csv", None),
    ]
    melange = [(nom, membre or "") for nom, membre in (attendu[rang] for rang in (4, 7, 1, 8, 0, 6, 3, 5, 2))]
    cadre = pl.DataFrame([*melange, melange[0]], schema=["nom", "membre"], orient="row")
    assert cadre.select(rang_des_noms()).to_series().to_list() == [5, 8, 2, 9, 1, 7, 4, 6, 3, 5]
