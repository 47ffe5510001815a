"""Text → typed values of the columns of a table, and the findings on what is not of its type (specification §4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

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
# What a day is written in: a longer text may have an offset.
_JOUR_OCTETS = 10


def typer(
    texte: pl.DataFrame, colonnes: Mapping[str, Champ]
) -> tuple[pl.DataFrame, list[pl.DataFrame], list[pl.DataFrame]]:
    """Give the types; (typed frame, findings that reject the row, warnings)."""
    remplies = {nom for nom in colonnes if texte[nom].null_count() < texte.height}
    a_lire = _a_lire(texte, {nom: c for nom, c in colonnes.items() if nom in remplies})
    fuseaux = {f: fuseau(f) for f in texte["finess_et"].drop_nulls().unique()}
    valeurs: list[pl.Expr] = []
    finales: list[pl.Expr] = []
    fautes: dict[str, pl.Expr] = {}
    for nom, champ in colonnes.items():
        if nom == "finess_et":
            continue
        source, valeur = pl.col(nom), pl.col(_VALEUR + nom)
        expression = _expression(champ, a_lire[nom], fuseaux) if nom in remplies else pl.lit(None, champ.dtype)
        valeurs.append(expression.alias(_VALEUR + nom))
        if nom in remplies and champ.nature in _CODE_DU_TYPE:
            fautes[nom] = (source.is_not_null() & valeur.is_null()).alias(_FAUTE + nom)
        if champ.sans_fin:
            valeur = types.sans_fin(valeur)
        if champ.defaut is not None:
            valeur = pl.when(source.is_null()).then(pl.lit(champ.defaut)).otherwise(valeur)
        finales.append(valeur.alias(nom))
    zeros = [nom for nom in fautes if colonnes[nom].sans_fin]
    type_ = (
        texte.lazy()
        .with_columns(_fuseau=pl.col("finess_et").replace_strict(fuseaux, default=FUSEAU_PAR_DEFAUT))
        .with_columns(valeurs)
        .select(
            RANG,
            LIGNE,
            "finess_et",
            *finales,
            *fautes.values(),
            *(types.est_jour_zero(pl.col(_VALEUR + nom)).alias(_VALEUR + nom) for nom in zeros),
        )
        .collect()
    )
    rejets: list[pl.DataFrame] = []
    avertissements: list[pl.DataFrame] = []
    for nom in fautes:
        mauvaises, champ = type_[_FAUTE + nom], colonnes[nom]
        if champ.sans_fin:
            rien = mauvaises & texte.select(types.est_date_pour_rien(pl.col(nom))).to_series()
            mauvaises = mauvaises & ~rien
            zero = texte.filter(rien | type_[_VALEUR + nom].fill_null(False))
            avertissements.append(constats_de_lignes("DATE_ZERO", zero, nom, nom))
        if mauvaises.any():
            detail = ", ".join((*champ.valeurs, *champ.synonymes)) if champ.nature == "liste" else ""
            constats = constats_de_lignes(_CODE_DU_TYPE[champ.nature], texte.filter(mauvaises), nom, nom, detail)
            (avertissements if champ.nature == "ins" else rejets).append(constats)
        if champ.nature == "ins" and a_lire[nom]:
            sans_cle = types.est_ins_sans_cle(pl.col(nom)) & ~mauvaises
            avertissements.append(constats_de_lignes("INS_SANS_CLE", texte.filter(sans_cle), nom, nom))
    return type_[[RANG, LIGNE, *colonnes]], rejets, avertissements


def _a_lire(texte: pl.DataFrame, colonnes: Mapping[str, Champ]) -> dict[str, Any]:
    """What is to know of each column before its types are given.

    Of a `liste` or `bool` its distinct texts; of the others whether a text is written so that the slower reader is needed.
    """
    vus: dict[str, Any] = dict.fromkeys(colonnes)
    vus |= {n: texte[n].drop_nulls().unique() for n, c in colonnes.items() if c.nature in ("bool", "liste")}
    lents = {n: _DOUTES[c.nature](pl.col(n)).any() for n, c in colonnes.items() if c.nature in _DOUTES}
    if lents:
        vus |= texte.select(**lents).row(0, named=True)
    for nom in (n for n in lents if colonnes[n].nature == "date" and vus[n]):
        vus[nom] = bool(texte.select(types.decalage(pl.col(nom)).is_not_null().any()).item())
    return vus


_DOUTES: Mapping[str, Callable[[pl.Expr], pl.Expr]] = {
    "date": lambda texte: texte.str.len_bytes() > _JOUR_OCTETS,
    "horodatage": types.est_irregulier,
    "ins": lambda texte: ~texte.str.contains(types.INS),
}


def _expression(champ: Champ, lu: Any, fuseaux: Mapping[str, str]) -> pl.Expr:
    """The typed value of a column of text, null where the text is not of the type; `lu` as in `_a_lire`."""
    texte = pl.col(champ.nom)
    zones = pl.col("_fuseau"), {FUSEAU_PAR_DEFAUT, *fuseaux.values()}
    if champ.nature in ("bool", "liste"):
        table = types.correspondance(lu, champ)
        return texte.replace_strict(table["texte"], table["valeur"], default=None, return_dtype=champ.dtype)
    if champ.nature == "date":
        return types.date_locale(texte, *zones) if lu else types.date(texte)
    if champ.nature == "horodatage":
        return types.horodatage(texte, *zones) if lu else types.horodatage_local(texte)
    if champ.nature == "ins":
        return types.ins_ecrit_autrement(texte) if lu else types.ins(texte)
    lire = {"entier": types.entier, "decimal": types.decimal}.get(champ.nature)
    return lire(texte) if lire else texte
