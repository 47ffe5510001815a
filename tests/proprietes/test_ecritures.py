"""§4: the same row written in every accepted way gives the same staged row, whatever the file format."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st
from scenario import ESSMS, ins

from transforms.lecture.csv import lire_csv
from transforms.lecture.excel import lire_feuille
from transforms.lecture.modele import Feuille
from transforms.lecture.parquet import lire_parquet
from transforms.validation.examen import examiner
from transforms.validation.situation import Contexte

E1, INS = ESSMS["REUNION"], ins("1840397404001")
# For each column, the first writing is the plain one.
ECRITURES = {
    "finess_et": [E1, f'="{E1}"', f"'{E1}", f" {E1}\u00a0", f"\ufeff{E1}", f"{E1}.0"],
    "id_dossier": ["4711", "4711\u200b", "4711.0", "\u202f4711", "'4711"],
    "id_personne": ["Zoé-1", "Zoe\u0301-1", "\u00adZoé-1", " Zoé-1\u2007"],
    "ins": [INS, f"{INS}.0", f"{INS}^^^&1.2.250.1.213.1.4.8&ISO^NH", f"{INS[0]} {INS[1:3]} {INS[3:]}", INS[:13]],
    "date_creation": [
        "2025-06-01",
        "01/06/2025",
        "2025-06-01 00:00:00",
        "2025-05-31T20:00:00Z",
        "2025-06-01T00:00Z",
        "01/06/2025 9:05",
    ],
    "date_derniere_maj": [
        "2026-02-10 09:05",
        "10/02/2026 9:05",
        "2026-02-10T05:05:00.000Z",
        "2026-02-10T09:05+04",
        "10/02/2026 09:05:00 +0400",
    ],
    "eligible_projet": ["oui", "O", "VRAI", "t", "1", " Oui\u00a0"],
}
VIDES = ["", "  ", "NULL", "(null)", "\\N", "None", "nil", "NaN", "<NA>", "N/A", "undefined", "#N/A", "#REF!", "\u200b"]


def rangees(dossier: Path, format_: str, cellules: Sequence[str]) -> pl.DataFrame:
    """The staged rows of a file of one row."""
    chemin, noms = dossier / f"d.{format_}", list(ECRITURES)
    if format_ == "csv":
        lue = lire_csv(io.BytesIO(f"{'|'.join(noms)}\n{'|'.join(cellules)}\n".encode()))
    else:
        lue = _autre(chemin, noms, cellules)
    contexte = Contexte("d", "dossiers", date(2026, 4, 1), frozenset({E1}), b"cle")
    examen = examiner(lue, contexte, dossier / "lignes.parquet")
    assert examen.sort.statut == "accepte", examen.constats
    return pl.read_parquet(dossier / "lignes.parquet")


def _autre(chemin: Path, noms: Sequence[str], cellules: Sequence[str]) -> Feuille:
    if chemin.suffix == ".parquet":
        pl.DataFrame([list(cellules)], schema=dict.fromkeys(noms, pl.String), orient="row").write_parquet(chemin)
        return lire_parquet(chemin)
    with xlsxwriter.Workbook(chemin) as classeur:
        feuille = classeur.add_worksheet("dossiers")
        for rang, ligne in enumerate((noms, cellules)):
            for colonne, texte in enumerate(ligne):
                feuille.write_string(rang, colonne, texte)
    return lire_feuille(chemin, "dossiers")


@pytest.mark.parametrize("format_", ["csv", "xlsx", "parquet"])
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_toute_ecriture_donne_la_meme_ligne(format_: str, data: st.DataObject) -> None:
    simple = [ecritures[0] for ecritures in ECRITURES.values()]
    recue = [data.draw(st.sampled_from(ecritures)) for ecritures in ECRITURES.values()]
    for rang, nom in enumerate(ECRITURES):
        if nom in ("ins", "date_creation") and data.draw(st.booleans()):
            simple[rang], recue[rang] = "", data.draw(st.sampled_from(VIDES))
    with tempfile.TemporaryDirectory() as dossier:
        attendues = rangees(Path(dossier), "csv", simple)
        assert rangees(Path(dossier), format_, recue).equals(attendues)
