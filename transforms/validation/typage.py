"""Text → typed values of the columns of a table, and the findings on what is not of its type (specification §4)."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from schemas.champs import Champ
from transforms import types
from transforms.lecture.modele import LIGNE
from transforms.territoire import FUSEAU_PAR_DEFAUT, fuseau
from transforms.validation.constats import RANG, constats_de_lignes

_CODE_DU_TYPE = {
    "date": "DATE_INVALIDE",
    "horodatage": "HORODATAGE_INVALIDE",
    "bool": "BOOLEEN_INVALIDE",
    "entier": "ENTIER_INVALIDE",
    "decimal": "DECIMAL_INVALIDE",
    "liste": "VALEUR_HORS_LISTE",
    "ins": "INS_INVALIDE",
}
# Beside a column of text: its typed value, and whether there is a text without one.
_VALEUR, _FAUTE = "valeur_de_", "faute_de_"


def typer(
    texte: pl.DataFrame, colonnes: Mapping[str, Champ]
) -> tuple[pl.DataFrame, list[pl.DataFrame], list[pl.DataFrame]]:
    """Give the types; (typed frame, findings that reject the row, warnings)."""
    listes = [c.nom for c in colonnes.values() if c.nature in ("bool", "liste")]
    moments = [c.nom for c in colonnes.values() if c.nature == "horodatage"]
    apercu = texte.select(
        pl.col("finess_et", *listes).drop_nulls().unique().implode(),
        *(types.decalage(pl.col(nom)).is_not_null().any() for nom in moments),
    )
    fuseaux = {f: fuseau(f) for f in apercu["finess_et"][0]}
    remplies = {nom for nom in colonnes if texte[nom].null_count() < texte.height}
    valeurs: list[pl.Expr] = []
    finales: list[pl.Expr] = []
    fautes: dict[str, pl.Expr] = {}
    for nom, champ in colonnes.items():
        if nom == "finess_et":
            continue
        source, valeur = pl.col(nom), pl.col(_VALEUR + nom)
        expression = _expression(champ, apercu, fuseaux) if nom in remplies else pl.lit(None, champ.dtype)
        valeurs.append(expression.alias(_VALEUR + nom))
        if nom in remplies and champ.nature in _CODE_DU_TYPE:
            mauvaise = source.is_not_null() & valeur.is_null()
            if champ.sans_fin:
                mauvaise &= types.date(source).is_null()
            fautes[nom] = mauvaise.alias(_FAUTE + nom)
        if champ.defaut is not None:
            valeur = pl.when(source.is_null()).then(pl.lit(champ.defaut)).otherwise(valeur)
        finales.append(valeur.alias(nom))
    type_ = (
        texte.lazy()
        .with_columns(_fuseau=pl.col("finess_et").replace_strict(fuseaux, default=FUSEAU_PAR_DEFAUT))
        .with_columns(valeurs)
        .select(RANG, LIGNE, "finess_et", *finales, *fautes.values())
        .collect()
    )
    rejets: list[pl.DataFrame] = []
    avertissements: list[pl.DataFrame] = []
    for nom in fautes:
        mauvaises = type_[_FAUTE + nom]
        if mauvaises.any():
            champ = colonnes[nom]
            detail = ", ".join((*champ.valeurs, *champ.synonymes)) if champ.nature == "liste" else ""
            constats = constats_de_lignes(_CODE_DU_TYPE[champ.nature], texte.filter(mauvaises), nom, nom, detail)
            (avertissements if champ.nature == "ins" else rejets).append(constats)
    return type_[[RANG, LIGNE, *colonnes]], rejets, avertissements


def _expression(champ: Champ, apercu: pl.DataFrame, fuseaux: Mapping[str, str]) -> pl.Expr:
    """The typed value of a column of text, null where the text is not of the type.

    `apercu`: one row, the distinct texts of a `liste` or `bool`, whether any text of an `horodatage` has an offset.
    """
    texte = pl.col(champ.nom)
    if champ.nature in ("bool", "liste"):
        table = types.correspondance(apercu[champ.nom][0], champ)
        return texte.replace_strict(table["texte"], table["valeur"], default=None, return_dtype=champ.dtype)
    if champ.nature == "date":
        return types.date(texte, sans_fin=champ.sans_fin)
    if champ.nature == "horodatage" and not apercu[champ.nom][0]:
        return types.horodatage_local(texte)
    if champ.nature == "horodatage":
        return types.horodatage(texte, pl.col("_fuseau"), {FUSEAU_PAR_DEFAUT, *fuseaux.values()})
    lire = {"entier": types.entier, "decimal": types.decimal, "ins": types.ins}.get(champ.nature)
    return lire(texte) if lire else texte
