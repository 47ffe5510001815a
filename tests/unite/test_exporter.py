"""`duimetre exporter`: the analyst's workbook, and the tables that may be published."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import demo_publiee
import openpyxl
import polars as pl
import pytest

from schemas import curated
from schemas.erreurs import Inconnu
from transforms.export import exporter_classeur, publics
from transforms.suppression import Seuils

D = demo_publiee.DATE_MESURE


@pytest.fixture(scope="module")
def livre(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The workbook, as a spreadsheet opens it."""
    fichier = exporter_classeur(demo_publiee.version(), tmp_path_factory.mktemp("xlsx") / "demo.xlsx")
    return openpyxl.load_workbook(fichier)


def publiee(table: str) -> pl.DataFrame:
    partition = f"date_mesure={D}" if table in curated.PAR_DATE else ""
    return pl.read_parquet(demo_publiee.version() / table / partition / f"{table}.parquet")


@pytest.mark.parametrize("table", curated.TABLES)
def test_une_feuille_par_table_avec_ses_valeurs(livre: Any, table: str) -> None:
    entete, *lignes = livre[table].iter_rows(values_only=True)
    attendue = publiee(table)
    assert list(entete) == attendue.columns
    assert len(lignes) == attendue.height
    for vue, voulue in zip(lignes, attendue.iter_rows(), strict=True):
        for valeur, vraie in zip(vue, voulue, strict=True):
            if isinstance(vraie, datetime):
                assert isinstance(valeur, datetime)
            elif isinstance(vraie, date):
                assert valeur.date() == vraie
            elif isinstance(vraie, float | Decimal):
                assert valeur == pytest.approx(float(vraie))
            elif isinstance(vraie, str):
                assert (valeur or "").lstrip("'") == vraie
            else:
                assert valeur == vraie


def test_filtres_entetes_figes_et_aucune_formule(livre: Any) -> None:
    assert livre.sheetnames == ["lisez-moi", *curated.TABLES]
    for table in curated.TABLES:
        feuille = livre[table]
        assert feuille.freeze_panes == "B2"
        assert feuille.auto_filter.ref.startswith("A1:")
        assert {c.data_type for ligne in feuille.iter_rows() for c in ligne} <= {"n", "s", "b", "d"}
        assert feuille["A1"].comment.text
    assert livre["lisez-moi"]["A3"].value == "indicateurs"


def test_les_zeros_de_tete_et_les_textes_dangereux(tmp_path: Path) -> None:
    """A FINESS stays a text; a text that could be a formula has an apostrophe before it."""
    version = tmp_path / "v"
    for table in curated.TABLES:
        partition = f"date_mesure={D}" if table in curated.PAR_DATE else ""
        (version / table / partition).mkdir(parents=True)
        lignes = publiee(table)
        if table == "essms":
            lignes = lignes.with_columns(raison_sociale=pl.lit('=HYPERLINK("http://x")'))
        lignes.write_parquet(version / table / partition / f"{table}.parquet")
    feuille = openpyxl.load_workbook(exporter_classeur(version, tmp_path / "f.xlsx", D))["essms"]
    assert {c.data_type for c in feuille["A"]} == {"s"}
    assert feuille["A2"].value == publiee("essms")["finess_et"][0]
    assert feuille["C2"].value == '\'=HYPERLINK("http://x")'


def test_l_export_public_n_a_aucun_petit_effectif(tmp_path: Path) -> None:
    ecrits = publics(demo_publiee.version(), tmp_path / "public", None, Seuils(11, 3))
    assert sorted(x.name for x in ecrits) == [
        "LISEZMOI.txt",
        "dictionnaire.csv",
        "territoires.csv",
        "territoires.parquet",
    ]
    table = pl.read_parquet(tmp_path / "public" / "territoires.parquet")
    entiere = publiee("territoires").drop("masque", "nb_personnes")
    assert table.drop("masque", "nb_personnes").filter(~table["masque"]).equals(entiere.filter(~table["masque"]))
    assert table["nb_personnes"].null_count() == table.height
    for colonne, seuil in (("numerateur", 11), ("denominateur", 11), ("nb_calcules", 3)):
        assert table.filter(pl.col("nb_calcules") > 0)[colonne].drop_nulls().min() >= seuil  # type: ignore[operator]
    csv = pl.read_csv(tmp_path / "public" / "territoires.csv", separator=";", infer_schema=False)
    assert csv.height == table.height
    assert (csv["masque"] == "true").sum() == table["masque"].sum() > 0
    dit = (tmp_path / "public" / "LISEZMOI.txt").read_text(encoding="utf-8")
    assert "moins de 11 personnes" in dit
    assert "moins de\n3 ESSMS" in dit
    textes = b"".join(x.read_bytes() for x in ecrits)
    finess = publiee("essms")["finess_et"]
    assert not any(f.encode() in textes for f in finess)


def test_une_mesure_d_une_version_ancienne_s_exporte_sans_verdicts(tmp_path: Path) -> None:
    """Its figures are summed; how many ESSMS are at the target by verdict is not known, which is not none."""
    for table in ("indicateurs", "maturin_sms"):
        dossier = tmp_path / "v" / table / f"date_mesure={D}"
        dossier.mkdir(parents=True)
        anciennes = {"verdict", "taux_plancher", "projet", "cibles_a_confirmer"}
        publiee(table).drop(anciennes, strict=False).write_parquet(dossier / f"{table}.parquet")
    publics(tmp_path / "v", tmp_path / "public", D, Seuils(11, 3))
    vues = pl.read_parquet(tmp_path / "public" / "territoires.parquet").filter(~pl.col("masque"))
    assert vues["nb_atteints"].null_count() == vues["nb_a_confirmer"].null_count() == vues.height
    assert vues["numerateur"].drop_nulls().len() > 0


def test_le_seuil_change_ce_qui_est_cache(tmp_path: Path) -> None:
    caches = []
    for rang, seuils in enumerate((Seuils(1, 1), Seuils(11, 1), Seuils(11, 3), Seuils(60, 6))):
        publics(demo_publiee.version(), tmp_path / str(rang), D, seuils)
        caches.append(int(pl.read_parquet(tmp_path / str(rang) / "territoires.parquet")["masque"].sum()))
    assert caches[0] < caches[1] < caches[2] < caches[3]


def test_une_date_non_publiee_est_dite(tmp_path: Path) -> None:
    with pytest.raises(Inconnu, match="01/04/2026"):
        publics(demo_publiee.version(), tmp_path, date(2025, 1, 1), Seuils(11, 3))


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--xlsx", "a.xlsx", "--date-mesure", "2026-03-01"], 0),
        (["--public", "p", "--date-mesure", "2020-01-01"], 5),
        (["--xlsx", "absent/a.xlsx"], 1),
        ([], 2),
        (["--xlsx", "a.xlsx", "--public", "p"], 2),
    ],
)
def test_codes_de_sortie(tmp_path: Path, arguments: list[str], code: int) -> None:
    appel = [sys.executable, "-c", "from flows.cli.principal import main; main()", "exporter", *arguments]
    fini = subprocess.run(
        [*appel, "--data", str(demo_publiee.demo())],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=dict(os.environ),
        check=False,
    )
    assert fini.returncode == code, fini.stderr
    assert "Traceback" not in fini.stderr
    assert (tmp_path / "a.xlsx").exists() == (code == 0)
