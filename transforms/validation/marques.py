"""What programs and spreadsheets made of cells (specification §4): words for nothing, numbers and dates in place of identifiers.

A lot carries it beside its clean text, in columns that are there only when a row needs them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import polars as pl

from schemas.champs import Champ
from transforms import types
from transforms.texte import ERREUR_DE_TABLEUR, MOT_POUR_RIEN
from transforms.validation.constats import constats_de_lignes

# Beside a column of text, null where there is nothing to say: the word it held for nothing; the identifier as it was received
# where a final `.0` was dropped, in scientific notation, native date.
MOT, ZERO, SCIENTIFIQUE, NATIF = "mot_de_", "zero_de_", "scientifique_de_", "natif_de_"

_NOTATION_SCIENTIFIQUE = r"^[+-]?[0-9]+(?:[.,][0-9]+)?[eE][+-][0-9]+$"


def marquer(texte: pl.DataFrame, colonnes: Mapping[str, Champ], singulieres: Collection[str]) -> pl.DataFrame:
    """Take words for nothing and a final `.0` out of the columns `singulieres` of a clean lot, and note what was there."""
    for nom in (n for n in colonnes if n in singulieres):
        source, nature = pl.col(nom), colonnes[nom].nature
        vus = {MOT: source.str.contains(MOT_POUR_RIEN)}
        if nature in ("id", "finess"):
            vus[ZERO] = source.str.contains(r"^[0-9]+\.0$")
        if nature in ("id", "ins"):
            vus[SCIENTIFIQUE] = source.str.contains(_NOTATION_SCIENTIFIQUE)
        notes = texte.select(pl.when(vu).then(source).alias(marque + nom) for marque, vu in vus.items())
        notes = notes.select(c for c in notes.columns if notes[c].null_count() < notes.height)
        net = types.identifiant(source) if nature in ("id", "finess") else pl.when(~vus[MOT]).then(source)
        if nature == "ins":
            net = pl.when(~vus[SCIENTIFIQUE]).then(net)
        if notes.width:
            texte = texte.hstack(notes).with_columns(net.alias(nom))
    return texte


def dire_les_marques(
    situe: pl.DataFrame, colonnes: Mapping[str, Champ]
) -> tuple[list[pl.DataFrame], list[pl.DataFrame]]:
    """(Findings that reject the row, warnings) on what `marquer` noted; an empty value that is required is said elsewhere."""
    rejets: list[pl.DataFrame] = []
    avertissements: list[pl.DataFrame] = []

    def dire(suite: list[pl.DataFrame], code: str, nom: str, lignes: pl.Expr, valeur: str) -> None:
        suite.append(constats_de_lignes(code, situe.filter(lignes), nom, valeur))

    for nom, champ in colonnes.items():
        if (mot := MOT + nom) in situe.columns:
            erreur = pl.col(mot).str.contains(ERREUR_DE_TABLEUR) & pl.lit(champ.vide_parle)
            dire(rejets, "ERREUR_DE_TABLEUR", nom, erreur, mot)
            dit_ailleurs = pl.col("finess_et").is_null() if nom == "finess_et" else pl.lit(champ.requis)
            dire(avertissements, "MOT_POUR_RIEN", nom, pl.col(mot).is_not_null() & ~erreur & ~dit_ailleurs, mot)
        if (zero := ZERO + nom) in situe.columns:
            dire(avertissements, "ZERO_FINAL", nom, pl.col(zero).is_not_null(), zero)
        if (nombre := SCIENTIFIQUE + nom) in situe.columns:
            suite, code = (avertissements, "INS_DETRUITE") if champ.nature == "ins" else (rejets, "IDENTIFIANT_NOMBRE")
            dire(suite, code, nom, pl.col(nombre).is_not_null(), nombre)
        if (natif := NATIF + nom) in situe.columns and champ.nature == "id":
            dire(rejets, "IDENTIFIANT_DATE", nom, pl.col(natif) & pl.col(nom).is_not_null(), nom)
    return rejets, avertissements


def manquantes(lignes: pl.DataFrame, nom: str) -> list[pl.DataFrame]:
    """The findings on rows where the required column `nom` is empty; each names the word that stood there."""
    mot = MOT + nom
    if mot not in lignes.columns:
        return [constats_de_lignes("VALEUR_MANQUANTE", lignes, nom)]
    return [
        constats_de_lignes(
            "VALEUR_MANQUANTE", groupe, nom, mot, "" if ecrit is None else f"« {ecrit} » n'est pas une valeur."
        )
        for (ecrit,), groupe in lignes.group_by(mot, maintain_order=True)
    ]
