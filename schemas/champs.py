"""How a column is declared: dtype, nullability and checks by pandera, meaning and kind in the metadata of the field.

Everything that speaks of a column (casting, staging, dictionary, Arrow metadata, templates) reads it from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypedDict, Unpack

import pandera.backends.polars.builtin_checks  # a check made before this cannot be called by itself  # noqa: F401
import pandera.polars as pa
import polars as pl

Nature = Literal["finess", "ins", "id", "texte", "date", "horodatage", "liste", "bool", "entier", "decimal", "montant"]

DTYPES: Mapping[Nature, Any] = {
    "finess": pl.String,
    "ins": pl.String,
    "id": pl.String,
    "texte": pl.String,
    "date": pl.Date,
    "horodatage": pl.Datetime("us"),
    "liste": pl.String,
    "bool": pl.Boolean,
    "entier": pl.Int64,
    "decimal": pl.Float64,
    "montant": pl.Decimal(14, 2),
}


@dataclass(frozen=True)
class Champ:
    """One column of a model, as the rest of the house reads it.

    `requis`: a null value is a fault. `colonne_requise`: the file must have the column. `pseudonyme`: replaced by its
    keyed pseudonym at staging. `sans_fin`: a date from 2099 on means none. `valeurs`: the list of a `liste`;
    `synonymes`: other spelling → value of the list. `defaut`: value of an empty cell. `vide_signifie`: without a default, an
    empty cell says something all the same.
    """

    nom: str
    nature: Nature
    description: str
    requis: bool
    colonne_requise: bool
    pseudonyme: bool = False
    sans_fin: bool = False
    unite: str | None = None
    exemple: str | None = None
    valeurs: tuple[str, ...] = ()
    synonymes: Mapping[str, str] = field(default_factory=dict)
    defaut: str | int | None = None
    vide_signifie: bool = False

    @property
    def vide_parle(self) -> bool:
        """An empty cell says something, which an error value of a spreadsheet may hide (§4)."""
        return self.vide_signifie or self.defaut is not None

    @property
    def dtype(self) -> Any:
        """The polars dtype of the column."""
        return DTYPES[self.nature]


class Precisions(TypedDict, total=False):
    """What a declaration may say beyond its nature: the fields of `Champ`; `colonne_requise` follows `requis` by default."""

    colonne_requise: bool
    pseudonyme: bool
    sans_fin: bool
    unite: str
    exemple: str
    valeurs: tuple[str, ...]
    synonymes: Mapping[str, str]
    defaut: str | int
    vide_signifie: bool


def champ(
    nature: Nature, description: str, *, requis: bool = False, ge: int | None = None, **precisions: Unpack[Precisions]
) -> Any:
    """Declare a column: a pandera field whose metadata holds its `Champ`. `ge`: the least value, checked by pandera."""
    if nature not in DTYPES:
        raise ValueError(f"unknown nature {nature!r}")
    precisions.setdefault("colonne_requise", requis)
    declare = Champ("", nature, description, requis, **precisions)
    return pa.Field(
        nullable=not requis,
        description=description,
        ge=ge,
        isin=list(declare.valeurs) or None,
        metadata={"champ": declare},
    )


def champs(modele: type[pa.DataFrameModel]) -> dict[str, Champ]:
    """The declared columns of a model, in order; columns without a nature (provenance) are left out."""
    return {
        nom: replace(colonne.metadata["champ"], nom=nom)
        for nom, colonne in modele.to_schema().columns.items()
        if colonne.metadata
    }
