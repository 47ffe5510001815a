"""Specification §4: what the name of a deposit says."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from datetime import date

import polars as pl
import pytest
from oracle import Depot, ordre

from schemas.depots import TABLES
from transforms.lecture.modele import LectureImpossible
from transforms.nommage import en_cours_d_ecriture, lire_nom, nom_publiable, rang_des_noms

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
        ("dossiers_2024-02-29.csv", ("dossiers", date(2024, 2, 29), False, "csv")),
        # separators, case, accents
        ("dossiers 2026-04-01.csv", ("dossiers", JOUR, False, "csv")),
        ("Dossiers.2026.04.01.Csv", ("dossiers", JOUR, False, "csv")),
        ("mises à jour 2026_04_01.XLSX", ("mises_a_jour", JOUR, False, "xlsx")),
        ("Mises-a-jour – 2026 04 01 .csv", ("mises_a_jour", JOUR, False, "csv")),
        ("SE\u0301JOURS\u00a02026-04-01.csv", ("sejours", JOUR, False, "csv")),
        ("se\u00adjours\ufeff_2026-04-01.csv", ("sejours", JOUR, False, "csv")),
        ("ｓejours_２０２６0401.csv", ("sejours", JOUR, False, "csv")),
        # either order, four ways to write the date
        ("2026-04-01_dossiers.csv", ("dossiers", JOUR, False, "csv")),
        ("01.04.2026 Mises-à-jour v2.csv.gz", ("mises_a_jour", JOUR, False, "csv.gz")),
        ("dossiers_01-04-2026.csv", ("dossiers", JOUR, False, "csv")),
        ("dossiers_01042026.csv", ("dossiers", JOUR, False, "csv")),
        ("dossiers_20042026.csv", ("dossiers", date(2026, 4, 20), False, "csv")),
        ("dossiers_20101210.csv", ("dossiers", date(2010, 12, 10), False, "csv")),
        ("dossiers_19901112_x.csv", ("dossiers", date(1990, 11, 12), False, "csv")),
        # the same day twice, digits that are no date
        ("mss_2026-04-01_01042026.csv", ("mss", JOUR, False, "csv")),
        ("mss_2026-04-01_10-30-00 31022026 123456789.csv", ("mss", JOUR, False, "csv")),
        # copy marks
        ("dossiers_2026-04-01 (1).csv", ("dossiers", JOUR, False, "csv")),
        ("dossiers_2026-04-01(12).csv", ("dossiers", JOUR, False, "csv")),
        ("dossiers_2026-04-01 - Copie.csv", ("dossiers", JOUR, False, "csv")),
        ("agenda_2026-04-01_partiel - Copie (2).csv", ("agenda", JOUR, True, "csv")),
        ("2026-04-01 dossiers copie 2.csv", ("dossiers", JOUR, False, "csv")),
        ("dossiers_2026-04-01(1) - Copy.csv", ("dossiers", JOUR, False, "csv")),
        # partial or complete
        ("agenda_2026-04-01_Incomplète.csv", ("agenda", JOUR, True, "csv")),
        ("agenda_2026-04-01_PARTIELLEMENT.csv", ("agenda", JOUR, True, "csv")),
        ("agenda_2026-04-01_impartiel.csv", ("agenda", JOUR, False, "csv")),
        ("tddui_2026-04-01_Complète.json", ("tddui", JOUR, False, "json")),
        ("tddui_2026-04-01 complet (1).json", ("tddui", JOUR, False, "json")),
        ("tddui_2026-04-01_incomplet.json", ("tddui", JOUR, True, "json")),
        ("tddui_2026-04-01_completude.json", ("tddui", JOUR, True, "json")),
    ],
)
def test_nom_compris(nom: str, attendu: tuple[str, date, bool, str]) -> None:
    lu = lire_nom(nom)
    assert (lu.table, lu.date_extraction, lu.partiel, lu.format) == attendu


@pytest.mark.parametrize(
    ("nom", "code", "proposes"),
    [
        # no date
        ("dossiers.csv", "NOM_INVALIDE", ["dossiers_AAAA-MM-JJ.csv"]),
        ("Séjours (2).csv.gz", "NOM_INVALIDE", ["sejours_AAAA-MM-JJ (2).csv.gz"]),
        ("sejour partiel.csv", "NOM_INVALIDE", ["sejours_AAAA-MM-JJ_partiel.csv"]),
        ("dossiers_2026-02-30.csv", "NOM_INVALIDE", ["dossiers_AAAA-MM-JJ.csv"]),
        ("dossiers_2026-13-01.csv", "NOM_INVALIDE", ["dossiers_AAAA-MM-JJ.csv"]),
        ("dossiers_20-04-1205.csv", "NOM_INVALIDE", ["dossiers_AAAA-MM-JJ.csv"]),
        ("dossiers_2012-20-26.csv", "NOM_INVALIDE", ["dossiers_AAAA-MM-JJ.csv"]),
        ("dossiers_31-12-2998.csv", "NOM_INVALIDE", ["dossiers_AAAA-MM-JJ.csv"]),
        ("dossiers_1989-12-31.csv", "NOM_INVALIDE", ["dossiers_AAAA-MM-JJ.csv"]),
        ("dossiers_2101-01-01.csv", "NOM_INVALIDE", ["dossiers_AAAA-MM-JJ.csv"]),
        ("*.csv", "NOM_INVALIDE", []),
        ("export Jean Dupont.csv", "NOM_INVALIDE", []),
        # a date that can be guessed
        ("dossiers_2026-04-01final.csv", "NOM_INVALIDE", ["dossiers_2026-04-01.csv"]),
        ("dossiers20260401.csv", "NOM_INVALIDE", ["dossiers_2026-04-01.csv"]),
        ("dossiers_20260401103000.csv", "NOM_INVALIDE", ["dossiers_2026-04-01.csv"]),
        ("dossiers 1-4-2026 - copie.csv", "NOM_INVALIDE", ["dossiers_2026-04-01 - Copie.csv"]),
        ("Séjours du 1er avril 2026.xlsx", "NOM_INVALIDE", ["sejours_2026-04-01.xlsx"]),
        ("dossiers_maison_2026-04-01.csv", "NOM_INVALIDE", ["dossiers_2026-04-01.csv"]),
        # two dates
        ("mss_2026-04-01_2026-05-01.csv", "NOM_INVALIDE", ["mss_2026-04-01.csv", "mss_2026-05-01.csv"]),
        ("01042026 mss partiel 2026-03-31.csv", "NOM_INVALIDE", ["mss_2026-04-01_partiel.csv", "mss_2026-03-31_partiel.csv"]),
        # no table
        ("_2026-04-01.csv", "NOM_INVALIDE", ["<table>_2026-04-01.csv"]),
        ("usagers_2026-04-01.csv", "TABLE_INCONNUE", []),
        ("agenda et dossiers 2026-04-01.csv", "NOM_INVALIDE", ["<table>_2026-04-01.csv"]),
        # a table that can be guessed
        ("dossier_2026-04-01.csv", "TABLE_INCONNUE", ["dossiers_2026-04-01.csv"]),
        ("dosiers 01.04.2026_partiel.xlsx", "TABLE_INCONNUE", ["dossiers_2026-04-01_partiel.xlsx"]),
        ("MisesAJour_2026-04-01.csv", "TABLE_INCONNUE", ["mises_a_jour_2026-04-01.csv"]),
        ("2026-04-01 mise a jours (3).csv", "TABLE_INCONNUE", ["mises_a_jour_2026-04-01 (3).csv"]),
        ("e-prescriptions_2026-04-01.csv", "TABLE_INCONNUE", ["eprescription_2026-04-01.csv"]),
        ("--dossiers_2026-04-01.csv", "TABLE_INCONNUE", ["dossiers_2026-04-01.csv"]),
        ("Jean Dupont_dossiers_2026-04-01_partiel.csv", "TABLE_INCONNUE", ["dossiers_2026-04-01_partiel.csv"]),
        # extensions
        ("dossiers_2026-04-01.xlsx.csv", "NOM_INVALIDE", ["dossiers_2026-04-01.csv"]),
        ("dossiers_2026-04-01.xls", "EXTENSION_INCONNUE", []),
        ("dossiers_2026-04-01", "EXTENSION_INCONNUE", []),
        ("dossiers_2026-04-01.json", "EXTENSION_INCONNUE", []),
        ("tddui_2026-04-01.csv", "EXTENSION_INCONNUE", []),
        ("duimetre_2026-04-01.csv", "EXTENSION_INCONNUE", []),
        ("notice.pdf", "EXTENSION_INCONNUE", []),
    ],
)  # fmt: skip
def test_nom_refuse(nom: str, code: str, proposes: list[str]) -> None:
    with pytest.raises(LectureImpossible) as erreur:
        lire_nom(nom)
    assert (erreur.value.code, re.findall("« ([^»]*[.](?:csv|csv.gz|xlsx)) »", erreur.value.detail)) == (code, proposes)
    assert "Dupont" not in erreur.value.detail
    for propose in proposes:
        if "<" not in propose:
            lu = lire_nom(propose.replace("AAAA-MM-JJ", "2026-04-01"))
            assert lu.partiel == ("partiel" in nom)


@pytest.mark.parametrize(
    ("nom", "dit"),
    [
        ("dossiers.csv", "AAAA-MM-JJ manque"),
        ("dossiers_31-02-2026.csv", "n'existe pas dans le calendrier"),
        ("dossiers_20261301.csv", "n'existe pas dans le calendrier"),
        ("dossiers_01-01-2101.csv", "est dans le futur"),
        ("dossiers_1989-12-31.csv", "est antérieure à 1990"),
        ("mss_2026-04-01_2026-05-01.csv", "deux dates"),
    ],
)
def test_un_refus_dit_ce_qui_manque_au_nom(nom: str, dit: str) -> None:
    with pytest.raises(LectureImpossible) as erreur:
        lire_nom(nom)
    assert dit in erreur.value.detail


def test_un_nom_propose_ne_fait_pas_se_recouvrir_deux_fichiers() -> None:
    for nom in ("dossiers_nord_2026-04-01.csv", "dossiers_sud_2026-04-01.csv"):
        with pytest.raises(LectureImpossible, match="se met après la date"):
            lire_nom(nom)
    with pytest.raises(LectureImpossible) as erreur:
        lire_nom("dosiers_2026-04-01.csv")
    assert erreur.value.detail == "Renommez-le « dossiers_2026-04-01.csv »."


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
    """§4: the folded name, digits as numbers; then the copy mark; then the path; the container's name first."""
    attendu = [
        ("a/b.zip", "a/a.csv"),
        ("a/b.zip", "b/a.csv"),
        ("a/b.zip", "z/A.csv"),
        ("a/b.zip", "duimetre_2026-04-01_9.xlsx/zèbre"),
        ("a/b.zip", "a/duimetre_2026-04-01_10.xlsx/dossiers"),
        ("b.zip", "A.csv"),
        ("z/dossiers_2026-03-31_b.csv", ""),
        ("a/dossiers_2026-04-01.csv", ""),
        ("a/dossiers_2026-04-01.xlsx", ""),
        ("b/01042026 DOSSIERS.csv", ""),
        ("a/dossiers_2026-04-01 - Copie.csv", ""),
        ("a/dossiers_2026-04-01_copie.csv", ""),
        ("a/dossiers_2026-04-01 (1).csv", ""),
        ("2026.04.01 dossiers - Copie (2).csv", ""),
        ("dossiers_2026-04-01 (2).csv", ""),
        ("dossiers_2026-04-01 (10).csv", ""),
        ("2026-04-01_dossiers_v2.csv", ""),
        ("dossiers_2026-04-01_V2 (1).csv", ""),
        ("dossiers_2026-04-01_v2_a.csv", ""),
        ("a/dossiers_01-04-2026-v10.csv", ""),
        ("b/dossiers_01-04-2026-v010.csv", ""),
        ("é.csv", ""),
        ("Z.csv", ""),
    ]
    unites = [(unite, rang) for rang, unite in enumerate(attendu, start=1)]
    random.Random(1).shuffle(unites)
    cadre = pl.DataFrame([unite for unite, _ in [*unites, unites[0]]], schema=["nom", "membre"], orient="row")
    assert cadre.select(rang_des_noms()).to_series().to_list() == [rang for _, rang in [*unites, unites[0]]]


def test_le_rang_de_la_production_est_l_ordre_de_la_specification() -> None:
    """Names drawn so that they meet: other separators, orders, dates, copy marks, containers."""
    hasard = random.Random(7)
    depots = set()
    for _ in range(2000):
        table = hasard.choice(["dossiers", "Mises à jour", "mss"])
        jour = hasard.choice(["2026-04-01", "01042026", "2026.04.02"])
        suite = hasard.choices(["v2", "v10", "Été", "ete", "007", "7"], k=hasard.randint(0, 2))
        marque = hasard.choice(["", " (1)", " - Copie", "(2)", "_copie (10)", "(1) - copy"])
        nom = hasard.choice("_-. ").join([*hasard.sample([table, jour], 2), *suite]) + marque
        piece = hasard.choice(["", "", f"x/{nom}.csv", f"{nom}.csv.gz", f"{nom}.xlsx/{hasard.choice('aB')}"])
        chemin = hasard.choice(["", "s/", "S10/", "S9/"]) + hasard.choice([nom, table])
        depots.add((chemin + (".zip" if piece else ".csv"), piece))
    melange = sorted(depots, key=lambda _: hasard.random())
    rangs = pl.DataFrame(melange, schema=["nom", "membre"], orient="row").select(rang_des_noms()).to_series()
    de_la_specification = sorted(depots, key=lambda x: ordre(Depot("p", x[0], "dossiers", JOUR, membre=x[1])))
    assert [unite for _, unite in sorted(zip(rangs, melange, strict=True))] == de_la_specification


def test_un_nom_publie_est_lu_comme_un_nom_depose() -> None:
    """What the reader of one name accepts, the reader of a column shows, with the same table and day."""
    morceaux = random.Random(4)
    for _ in range(400):
        table = morceaux.choice([*TABLES, "Mises-à jour", "SÉJOURS"])
        jour = morceaux.choice(
            ["2026-04-01", "20260401", "01-04-2026", "01042026", "20042026", "2012-20-26", "20101210", "31022026"]
        )
        parts = morceaux.sample([table, jour], 2)
        nom = morceaux.choice("_-. ").join(
            [*parts, *morceaux.sample(["v2", "Incomplet", "(3)", "copie"], morceaux.randint(0, 2))]
        )
        nom += morceaux.choice(["", " (1)", "(2)", " - Copie", "_copie (3)", " copy 4"]) + morceaux.choice(
            [".csv", ".CSV.GZ"]
        )
        montre = pl.DataFrame({"n": [f"dossier/{nom}"]}).select(nom_publiable("n")).item()
        try:
            lu = lire_nom(nom)
        except LectureImpossible:
            assert montre.startswith("fichier"), nom
        else:
            assert montre.startswith(f"{lu.table}_{lu.date_extraction}"), nom
            assert lire_nom(montre) == replace(lu, partiel=False), nom
