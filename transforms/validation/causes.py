"""Findings that one cause explains, said once (specification §5): a row out of its columns, days and months exchanged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

import polars as pl

from transforms import types
from transforms.validation.constats import RANG, constats_de_lignes

# A row of which three cells fail is out of its columns when it is too long, or has no number where its FINESS should be.
_FAUTES_D_UNE_LIGNE_DECALEE = 3
_COMME_UN_FINESS = r"^[0-9A-Za-z]{8,9}$"

_DATES_FAUSSES = ("DATE_INVALIDE", "HORODATAGE_INVALIDE", "FAIT_FUTUR", "DATE_TROP_LOINTAINE")
_AVEC_BARRES = r"^[0-9]{2}/[0-9]{2}/[0-9]{4}"
# A column looks American when at least so many of its dates fail as they are, more than this share, and none exchanged.
_ECHANGEES_MIN, _ECHANGEES_MIN_PCT = 3, 20
_UN_JOUR = timedelta(days=1)


def lignes_decalees(rejets: Sequence[pl.DataFrame]) -> pl.Series:
    """The `rang` of the rows that are out of their columns for sure, by the findings that reject rows of a lot."""
    preuves = [
        constats.filter(pl.lit(code == "CELLULES_EN_TROP") | ~pl.col("valeur").str.contains(_COMME_UN_FINESS))[RANG]
        for constats in rejets
        if (code := constats["code"][0]) in ("CELLULES_EN_TROP", "FINESS_INVALIDE")
    ]
    if not preuves:
        return pl.Series(RANG, [], pl.UInt32)
    fautes = pl.concat(c.select(RANG, "code") for c in rejets).filter(pl.col(RANG).is_in(pl.concat(preuves).implode()))
    # A row of one cell misses the others without being out of its columns.
    remplies = pl.col("code").is_in(["FINESS_INVALIDE", "VALEUR_MANQUANTE"]).not_().any()
    decalees = fautes.group_by(RANG).agg(pl.len(), remplies.alias("remplie"))
    return decalees.filter("remplie", pl.col("len") >= _FAUTES_D_UNE_LIGNE_DECALEE)[RANG].sort()


def sans_lignes(constats: Sequence[pl.DataFrame], rangs: pl.Series) -> list[pl.DataFrame]:
    """The findings on the other rows."""
    return [autres for c in constats if not (autres := c.filter(~pl.col(RANG).is_in(rangs.implode()))).is_empty()]


def dates_mal_ecrites(rejets: Sequence[pl.DataFrame], texte: pl.DataFrame, date_extraction: date) -> list[pl.DataFrame]:
    """The findings that reject rows of a lot, those on years of two digits and on months before days said as such.

    In a column that looks American all the dates with slashes are rejected: those that read both ways are wrong too.
    """
    dites: dict[str, pl.DataFrame] = {}
    for nom in {str(c["colonne"][0]) for c in rejets if c["code"][0] in _DATES_FAUSSES}:
        fausses = pl.concat(c for c in rejets if c["colonne"][0] == nom and c["code"][0] in _DATES_FAUSSES)
        dites[nom] = _echangees(fausses, texte, nom, date_extraction)
    redits = [c for constats in rejets for c in _redits(constats, dites)]
    redits += [constats_de_lignes("DATES_ECHANGEES", lignes, nom, nom) for nom, lignes in dites.items()]
    return [c for c in redits if not c.is_empty()]


def _echangees(fausses: pl.DataFrame, texte: pl.DataFrame, nom: str, date_extraction: date) -> pl.DataFrame:
    """The rows of a column that hold `MM/JJ/AAAA`, by its findings `fausses`."""
    barres = texte.filter(pl.col(nom).str.contains(_AVEC_BARRES)).with_columns(
        _echangee=types.mois_et_jour_echanges(pl.col(nom)),
        _fausse=pl.col(RANG).is_in(fausses[RANG].implode()),
        _illisible=types.date(pl.col(nom)).is_null(),
    )
    n_fausses = int(barres["_fausse"].sum())
    possibles = (barres["_echangee"] <= date_extraction + _UN_JOUR).fill_null(False).all()
    if possibles and n_fausses >= _ECHANGEES_MIN and 100 * n_fausses > _ECHANGEES_MIN_PCT * barres.height:
        return barres
    return barres.filter(pl.col("_illisible") & pl.col("_echangee").is_not_null())


def _redits(constats: pl.DataFrame, dites: dict[str, pl.DataFrame]) -> Iterator[pl.DataFrame]:
    nom = constats["colonne"][0]
    if constats["code"][0] not in _DATES_FAUSSES:
        yield constats
        return
    autres = constats.filter(~pl.col(RANG).is_in(dites[nom][RANG].implode()))
    courtes = types.a_annee_courte(pl.col("valeur"))
    yield autres.filter(~courtes)
    yield autres.filter(courtes).with_columns(code=pl.lit("ANNEE_COURTE"))
