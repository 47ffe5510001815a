"""Which rows break a model, in one pass: pandera makes several for each check, which costs more than small tables are worth."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl
from pandera.api.checks import Check
from pandera.api.polars.types import PolarsData
from pandera.polars import DataFrameSchema

# Of pandera's own checks, those the models use; the checks that the models write themselves answer row by row.
_CONNUES = ("greater_than_or_equal_to", "isin")


def fautives(lignes: pl.DataFrame, schema: DataFrameSchema) -> pl.Series:
    """The rows that break a check of `schema` (Boolean, one per row); `validate` then says what is wrong with them.

    All rows when a column is not there or not of its type. Raises `TypeError` when `schema` asks for what is not looked at
    here: a row that breaks it would pass.
    """
    if inconnues := sorted(set(_inconnues(schema))):
        raise TypeError(f"{schema.name}: pandera would also check {', '.join(inconnues)}")
    types_ = {nom: colonne.dtype.type for nom, colonne in schema.columns.items()}
    if any(lignes.schema.get(nom) != dtype for nom, dtype in types_.items()):
        return pl.repeat(True, lignes.height, eager=True)
    source = lignes.lazy()
    requises = [nom for nom, colonne in schema.columns.items() if not colonne.nullable]
    reponses = [source.select(~pl.all_horizontal(pl.col(requises).is_not_null()).alias("0"))]
    for nom, verification in _verifications(schema):
        reponse = verification.get_backend(source)(verification).apply(PolarsData(source, nom))
        if not isinstance(reponse, pl.LazyFrame):
            raise TypeError(f"{schema.name}: {verification.name} does not answer row by row")
        faute = ~pl.first().fill_null(verification.ignore_na)
        reponses.append(reponse.select(faute.alias(str(len(reponses)))))
    return pl.concat(reponses, how="horizontal").select(pl.any_horizontal(pl.all())).collect().to_series()


def _verifications(schema: DataFrameSchema) -> Iterator[tuple[str, Any]]:
    for nom, colonne in schema.columns.items():
        yield from ((nom, verification) for verification in colonne.checks)
    yield from (("*", verification) for verification in schema.checks)


def _inconnues(schema: DataFrameSchema) -> Iterator[str]:
    """What a model may ask of pandera and is not looked at here."""
    for nom, colonne in [("*", schema), *schema.columns.items()]:
        yield from (
            f"{quoi} of {nom}"
            for quoi in ("unique", "parsers", "coerce", "default", "regex")
            if getattr(colonne, quoi, None)
        )
    for nom, verification in _verifications(schema):
        if verification.name in Check.CHECK_FUNCTION_REGISTRY and verification.name not in _CONNUES:
            yield f"{verification.name} of {nom}"
        for quoi in ("element_wise", "groupby", "raise_warning", "n_failure_cases"):
            if getattr(verification, quoi):
                yield f"{quoi} in {verification.name} of {nom}"
