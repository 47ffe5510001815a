"""Which rows break a model, in one pass: pandera makes several for each check, which costs more than small tables are worth."""

from __future__ import annotations

import polars as pl
from pandera.api.polars.types import PolarsData
from pandera.polars import DataFrameSchema


def fautives(lignes: pl.DataFrame, schema: DataFrameSchema) -> pl.Series:
    """The rows that break a check of `schema` (Boolean, one per row); `validate` then says what is wrong with them.

    All rows when a column is not there or not of its type.
    """
    types_ = {nom: colonne.dtype.type for nom, colonne in schema.columns.items()}
    if any(lignes.schema.get(nom) != dtype for nom, dtype in types_.items()):
        return pl.repeat(True, lignes.height, eager=True)
    source = lignes.lazy()
    requises = [nom for nom, colonne in schema.columns.items() if not colonne.nullable]
    reponses = [source.select(~pl.all_horizontal(pl.col(requises).is_not_null()).alias("0"))]
    for nom, verifications in [(n, c.checks) for n, c in schema.columns.items()] + [("*", schema.checks)]:
        for verification in verifications:
            reponse = verification.get_backend(source)(verification).apply(PolarsData(source, nom))
            faute = ~pl.first().fill_null(verification.ignore_na)
            reponses.append(reponse.select(faute.alias(str(len(reponses)))))
    return pl.concat(reponses, how="horizontal").select(pl.any_horizontal(pl.all())).collect().to_series()
