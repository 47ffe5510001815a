"""`fautives` finds the rows that pandera finds, and refuses the models it would not follow (specification §5)."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pandera.errors
import pandera.polars as pa
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandera.api.polars.types import PolarsData

from schemas import curated, depots
from transforms.validation.modele import fautives

EXTRACTION = date(2026, 4, 1)
JOURS = [
    date(1899, 12, 31),
    date(1900, 1, 1),
    *(EXTRACTION + timedelta(days=n) for n in (-40, 0, 1, 2, 365, 366, 730, 731)),
    date(2100, 1, 1),
]
# For each type, values on both sides of every border of §5.
VALEURS: dict[Any, list[Any]] = {
    pl.String: ["", "D1", "x" * 64, "x" * 65, "actif", "planifie", "envoye", "succes"],
    pl.Date: JOURS,
    pl.Datetime("us"): [datetime.combine(j, datetime.min.time()) for j in JOURS],
    pl.Int64: [-1, 0, 3],
    pl.UInt32: [2],
    pl.Boolean: [True, False],
}


def types(schema: pa.DataFrameSchema) -> dict[str, Any]:
    return {nom: colonne.dtype.type for nom, colonne in schema.columns.items()}


@pytest.mark.parametrize("table", depots.TABLES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_the_rows_that_pandera_finds(table: str, data: st.DataObject) -> None:
    schema = depots.TABLES[table].to_schema()
    ligne = st.tuples(*(st.sampled_from([*VALEURS[t], None]) for t in types(schema).values()))
    lignes = pl.DataFrame(data.draw(st.lists(ligne, max_size=8)), schema=types(schema), orient="row")
    try:
        schema.validate(lignes, lazy=True)
        attendues: set[int] = set()
    except pandera.errors.SchemaErrors as erreurs:
        attendues = set(erreurs.failure_cases["index"].to_list())
    assert set(fautives(lignes, schema).arg_true().to_list()) == attendues


@pytest.mark.parametrize("modele", [*depots.TABLES.values(), *curated.TABLES.values()])
def test_every_model_is_followed(modele: type[pa.DataFrameModel]) -> None:
    schema = modele.to_schema()
    assert fautives(pl.DataFrame(schema=types(schema)), schema).is_empty()


class Connu(pa.DataFrameModel):
    n: pl.Int64 = pa.Field(ge=0)


class Borne(pa.DataFrameModel):
    n: pl.Int64 = pa.Field(le=3)


class Unique(pa.DataFrameModel):
    n: pl.Int64 = pa.Field(unique=True)


class Cle(pa.DataFrameModel):
    n: pl.Int64

    class Config:
        unique = ["n"]


class Avertit(pa.DataFrameModel):
    n: pl.Int64 = pa.Field(ge=0, raise_warning=True)


class UnParUn(pa.DataFrameModel):
    n: pl.Int64

    @pa.check("n", element_wise=True)
    @classmethod
    def pair(cls, n: int) -> bool:
        return n % 2 == 0


class EnBloc(pa.DataFrameModel):
    n: pl.Int64

    @pa.dataframe_check
    @classmethod
    def court(cls, donnees: PolarsData) -> bool:
        return donnees.lazyframe.collect().height < 2


@pytest.mark.parametrize(
    ("modele", "dit"),
    [
        (Borne, "less_than_or_equal_to of n"),
        (Unique, "unique of n"),
        (Cle, r"unique of \*"),
        (Avertit, "raise_warning in greater_than_or_equal_to of n"),
        (UnParUn, "element_wise in pair of n"),
        (EnBloc, "court does not answer row by row"),
    ],
)
def test_a_model_that_asks_for_something_else_is_refused(modele: type[pa.DataFrameModel], dit: str) -> None:
    lignes = pl.DataFrame({"n": [-1, 5]})
    assert fautives(lignes, Connu.to_schema()).to_list() == [True, False]
    with pytest.raises(TypeError, match=dit):
        fautives(lignes, modele.to_schema())
