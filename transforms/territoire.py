"""Where an ESSMS is, from its number alone: département, région, time zone (specification §4.6, §6.1); and its bucket."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files

import polars as pl

from transforms.finess import departement

FUSEAU_PAR_DEFAUT = "Europe/Paris"

# Work is cut into this many buckets of ESSMS; the number is stored with the rows, so it never changes.
NB_SEAUX = 8


@cache
def departements() -> pl.DataFrame:
    """Columns `departement`, `nom`, `code_region`, `region`, `fuseau`."""
    with files("schemas").joinpath("departements.csv").open("rb") as flux:
        return pl.read_csv(flux.read(), separator=";", infer_schema=False)


@cache
def categories() -> pl.DataFrame:
    """FINESS category → its `agregat`, the `sous_secteur` of the programme, and `article_l312_1`.

    `article_l312_1`: the item of art. L312-1, I of the code de l'action sociale et des familles that the category falls under,
    null where it is none of them. Made by hand from the text of the article and the labels of the FINESS nomenclature
    (ANS, TRE_R66-CategorieEtablissement): no official table says it. Left out: 216, 218, 256, 258, 259, 271, 324 (housing of
    the code de la construction, or none), 247 (5° a excludes entreprises adaptées), 341 (MASP, art. L271-1: no order of a judge,
    as 14° wants), 342 (art. L215-4), 462 (lieux de vie: III says that they are none of I).
    """
    with files("schemas").joinpath("categories.csv").open("rb") as flux:
        return pl.read_csv(flux.read(), separator=";", infer_schema=False)


@cache
def _fuseaux() -> dict[str, str]:
    return dict(departements().select("departement", "fuseau").iter_rows())


def fuseau(finess: str) -> str:
    """Time zone of an ESSMS (§6.1): by département, Europe/Paris elsewhere."""
    return _fuseaux().get(departement(finess), FUSEAU_PAR_DEFAUT)


def seau(finess: pl.Series) -> pl.Series:
    """Bucket of each FINESS (UInt8, 0 to `NB_SEAUX` − 1), the same on every machine and engine."""
    distincts = finess.drop_nulls().unique()
    numeros = [hashlib.sha256(f.encode()).digest()[0] % NB_SEAUX for f in distincts.to_list()]
    return finess.replace_strict(distincts, pl.Series(numeros, dtype=pl.UInt8), default=None, return_dtype=pl.UInt8)
