"""What the report shows of a published version: its tables, read once and arranged by porteur and ESSMS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from schemas.curated import PAR_DATE, dtypes
from transforms.tables_publiees import TablesPubliees

Ligne = dict[str, Any]
Tables = Mapping[str, pl.DataFrame]

# Those whose former dates make the curves; the other dated tables are read at the last date only.
_HISTORIQUES = ("indicateurs", "porteurs", "territoires")
_LUES = (
    *_HISTORIQUES,
    "maturin_sms",
    "alertes",
    "populations",
    "sources",
    "financement",
    "conventions",
    "conditions_solde",
    "verifications_aptitude",
    "essms",
    "depots",
    "evolution",
    "fraicheur",
)
# A page stays light and readable whatever the number of nights.
DATES_MAX = 13
# Under this many measured ESSMS a median says nothing of a group.
MEDIANE_MIN = 3


def lire_version(version: Path) -> Tables:
    """The tables of a version (its directory), each with its `date_mesure` where it has one.

    Raises `Inconnu` when the version has no measure, `OSError` or `polars` errors when a file cannot be read.
    """
    publiees = TablesPubliees(version)
    derniere, montrees = publiees.choisir(), dates_montrees(publiees.dates)
    return {t: _lire_table(publiees, t, montrees if t in _HISTORIQUES else [derniere]) for t in _LUES}


def dates_montrees(dates: Sequence[date]) -> list[date]:
    """The measure dates a history shows: all while they are few, else the first of each month and the last one."""
    triees = sorted(dates)
    if len(triees) <= DATES_MAX:
        return triees
    premieres = {(j.year, j.month): j for j in reversed(triees)}
    return sorted({*premieres.values(), triees[-1]})[-DATES_MAX:]


def _lire_table(publiees: TablesPubliees, table: str, dates: Sequence[date]) -> pl.DataFrame:
    types = dtypes(table)
    if table not in PAR_DATE:
        return publiees.table(table, colonnes=types)
    parts = [pl.DataFrame(schema={"date_mesure": pl.Date, **types})]
    for jour in dates:
        if publiees.chemin(table, jour).exists():
            parts.append(publiees.table(table, jour).with_columns(pl.lit(jour).alias("date_mesure")))
    # A former partition may lack a column that came since; what it has besides is not shown.
    return pl.concat(parts, how="diagonal_relaxed").select("date_mesure", *types)


def medianes(indicateurs: pl.DataFrame, essms: pl.DataFrame) -> dict[tuple[str, str, str], Ligne]:
    """(`region`, `sous_secteur`, `indicateur`) → `mediane` of the known rates (%), `nb` of ESSMS it is made of."""
    groupe = ["region", "sous_secteur", "indicateur"]
    lignes = (
        indicateurs.filter(pl.col("taux").is_not_null())
        .join(essms.select("finess_et", "region", "sous_secteur"), on="finess_et")
        .drop_nulls(groupe)
        .group_by(groupe)
        .agg(pl.col("taux").median().alias("mediane"), pl.len().alias("nb"))
        .filter(pl.col("nb") >= MEDIANE_MIN)
    )
    return {
        (ligne["region"], ligne["sous_secteur"], ligne["indicateur"]): ligne for ligne in lignes.iter_rows(named=True)
    }


def par_cle(table: pl.DataFrame, *cles: str) -> dict[Any, list[Ligne]]:
    """Rows by key, in their order; a key of one column is its value, of several their tuple."""
    resultat: dict[Any, list[Ligne]] = {}
    for ligne in table.iter_rows(named=True):
        cle = ligne[cles[0]] if len(cles) == 1 else tuple(ligne[c] for c in cles)
        resultat.setdefault(cle, []).append(ligne)
    return resultat
