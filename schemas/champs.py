"""How a column is declared: dtype, nullability and checks by pandera, meaning and kind in the metadata of the field.

Everything that speaks of a column (casting, staging, dictionary, Arrow metadata, templates) reads it from here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

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
    `synonymes`: other spelling → value of the list. `defaut`: value of an empty cell.
    """

    nom: str
    nature: Nature
    description: str
    requis: bool
    colonne_requise: bool
    pseudonyme: bool
    sans_fin: bool
    unite: str | None
    exemple: str | None
    valeurs: tuple[str, ...]
    synonymes: Mapping[str, str]
    defaut: str | int | None

    @property
    def dtype(self) -> Any:
        """The polars dtype of the column."""
        return DTYPES[self.nature]


def champ(
    nature: Nature,
    description: str,
    *,
    requis: bool = False,
    colonne_requise: bool | None = None,
    pseudonyme: bool = False,
    sans_fin: bool = False,
    unite: str | None = None,
    exemple: str | None = None,
    valeurs: Sequence[str] = (),
    synonymes: Mapping[str, str] | None = None,
    defaut: str | int | None = None,
    **verifications: Any,
) -> Any:
    """Declare a column: a pandera field whose metadata carries what `Champ` describes.

    `colonne_requise` follows `requis` unless told otherwise; `verifications` are pandera's own (`ge`, `isin`…).
    """
    if nature not in get_args(Nature):
        raise ValueError(f"unknown nature {nature!r}")
    if valeurs:
        verifications.setdefault("isin", list(valeurs))
    return pa.Field(
        nullable=not requis,
        description=description,
        metadata={
            "nature": nature,
            "colonne_requise": requis if colonne_requise is None else colonne_requise,
            "pseudonyme": pseudonyme,
            "sans_fin": sans_fin,
            "unite": unite,
            "exemple": exemple,
            "valeurs": tuple(valeurs),
            "synonymes": dict(synonymes or {}),
            "defaut": defaut,
        },
        **verifications,
    )


def champs(modele: type[pa.DataFrameModel]) -> dict[str, Champ]:
    """The declared columns of a model, in order; columns without a nature (provenance) are left out."""
    resultat: dict[str, Champ] = {}
    for nom, colonne in modele.to_schema().columns.items():
        donnees = colonne.metadata or {}
        if "nature" not in donnees:
            continue
        resultat[nom] = Champ(
            nom=nom,
            nature=donnees["nature"],
            description=colonne.description or "",
            requis=not colonne.nullable,
            colonne_requise=donnees["colonne_requise"],
            pseudonyme=donnees["pseudonyme"],
            sans_fin=donnees["sans_fin"],
            unite=donnees["unite"],
            exemple=donnees["exemple"],
            valeurs=donnees["valeurs"],
            synonymes=donnees["synonymes"],
            defaut=donnees["defaut"],
        )
    return resultat
