"""What pandera is asked: which rows break a model, in one pass (it makes several for each check, which costs more than small
tables are worth), then what is wrong with those."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pandera.errors
import polars as pl
from pandera.api.checks import Check
from pandera.api.polars.types import PolarsData
from pandera.polars import DataFrameSchema

from schemas.constats import catalogue
from schemas.depots import caracteres_max
from transforms.validation.constats import RANG, constats_de_lignes
from transforms.validation.marques import manquantes

# Of pandera's own checks, those the models use; the checks that the models write themselves answer row by row.
_CONNUES = ("greater_than_or_equal_to", "isin")
# What pandera says of a bad row weighs more than the row.
_FAUTIVES_PAR_PASSE = 20_000


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


def constater_les_fautes(
    type_: pl.DataFrame, texte: pl.DataFrame, mauvais_types: list[pl.DataFrame], modele: Any, date_extraction: date
) -> list[pl.DataFrame]:
    """Run the pandera model on the typed rows; a value of a bad type (already found) is not also a missing one."""
    a_verifier = type_.with_columns(date_extraction=pl.lit(date_extraction))
    en_faute = fautives(a_verifier, modele.to_schema())
    if not en_faute.any():
        return []
    a_verifier, texte = a_verifier.filter(en_faute), texte.filter(en_faute)
    return [
        constats
        for debut in range(0, texte.height, _FAUTIVES_PAR_PASSE)
        for constats in _dire_les_fautes(
            a_verifier[debut : debut + _FAUTIVES_PAR_PASSE],
            texte[debut : debut + _FAUTIVES_PAR_PASSE],
            mauvais_types,
            modele,
        )
    ]


def _dire_les_fautes(
    a_verifier: pl.DataFrame, texte: pl.DataFrame, mauvais_types: list[pl.DataFrame], modele: Any
) -> list[pl.DataFrame]:
    try:
        modele.validate(a_verifier, lazy=True)
    except pandera.errors.SchemaErrors as erreurs:
        cas = erreurs.failure_cases
    else:
        return []
    resultat: list[pl.DataFrame] = []
    for (verification, contexte, colonne), groupe in cas.group_by(
        "check", "schema_context", "column", maintain_order=True
    ):
        nom = None if contexte == "DataFrameSchema" else str(colonne)
        code = "VALEUR_MANQUANTE" if verification == "not_nullable" else str(verification).split("(", 1)[0].upper()
        code = "VALEUR_HORS_LISTE" if code == "ISIN" else code
        if code not in catalogue():
            raise RuntimeError(f"pandera check without a finding: {verification} on {nom}")
        lignes = texte[groupe["index"].to_list()]
        if code == "VALEUR_MANQUANTE":
            if nom == "finess_et":
                continue
            for deja in mauvais_types:
                if deja["colonne"][0] == nom:
                    lignes = lignes.join(deja, on=RANG, how="anti", maintain_order="left")
            resultat += manquantes(lignes, str(nom))
            continue
        detail = str(caracteres_max(str(nom))) if code == "IDENTIFIANT_INVALIDE" else ""
        resultat.append(constats_de_lignes(code, lignes, nom, nom, detail))
    return resultat
