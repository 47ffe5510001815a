"""Rows of one file that say the same thing twice, or two things under one key (specification §5)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from schemas.depots import champs_de, cle, grain
from transforms.lecture.modele import LIGNE
from transforms.validation.constats import RANG

# Rows compared at a time: their fingerprints take some 100 MB.
_LIGNES_COMPAREES = 1_000_000


_SANS_DOUBLON = pl.DataFrame(schema={RANG: pl.UInt32, LIGNE: pl.UInt32, "finess_et": pl.String})
_REPERE = "repere"


def _peut_doubler(table: str) -> bool:
    """Where two rows of one key say something (§5): facts without a key may come twice."""
    return bool(cle(table)) or table == "dmp"


def _identifiant(table: str) -> str | None:
    """The column that a row must have to be a copy of another one; None where every row may be."""
    modele = champs_de(table)
    facultatif = next((c for c in cle(table) if c.startswith("id_") and not modele[c].requis), None)
    return "id_document" if table == "dmp" else facultatif


def repere(table: str) -> list[pl.Expr]:
    """What finds the rows that may be doubles: a number of their key for a state, of their content for the others."""
    if not _peut_doubler(table):
        return []
    numero, identifiant = (
        pl.struct(cle(table) if grain(table) == "etat" else list(champs_de(table))).hash(),
        _identifiant(table),
    )
    return [(pl.when(pl.col(identifiant).is_not_null()).then(numero) if identifiant else numero).alias(_REPERE)]


def _empreinte(colonnes: Iterable[str]) -> pl.Expr:
    """128 bits that stand for the content of these columns: two different rows of a file never share them by chance."""
    return pl.struct(pl.struct(*colonnes).hash(graine).alias(str(graine)) for graine in (1, 2))


@dataclass(frozen=True)
class Doublons:
    """`contraires`: rows of a key with different contents, all of them; `copies`: exact copies beyond the first (§5).

    Both: `rang`, `ligne`, in the order of the file. `par_essms`: how many `contraires` (`n`) each `finess_et` has.
    """

    contraires: pl.DataFrame
    copies: pl.DataFrame
    par_essms: pl.DataFrame

    def ecartees(self) -> pl.DataFrame:
        """The `rang` of the rows that are not kept."""
        return pl.concat([self.contraires[[RANG]], self.copies[[RANG]]])


def comparer(lignes: pl.LazyFrame, hauteur: int, table: str) -> Doublons:
    """Compare the rows, part by part for the memory: those of one key are in one part, and most of them are alone."""
    contraires, copies = [_SANS_DOUBLON], [_SANS_DOUBLON]
    parts = 1 + hauteur // _LIGNES_COMPAREES
    for part in range(parts if hauteur and _peut_doubler(table) else 0):
        reperes = lignes.select(_REPERE).filter(pl.col(_REPERE) % parts == part).collect()[_REPERE]
        multiples = reperes.filter(reperes.is_duplicated()).unique()
        if multiples.is_empty():
            continue
        suspectes = (
            lignes.filter(pl.col(_REPERE).is_in(multiples.implode()))
            .select(
                *_SANS_DOUBLON.columns,
                contenu=_empreinte(champs_de(table)),
                cle=_empreinte(cle(table) or champs_de(table)),
            )
            .collect(engine="streaming")
            .sort(RANG)
        )
        if grain(table) == "etat":
            en_conflit = suspectes.select("cle", "contenu").unique().filter(pl.col("cle").is_duplicated())
            contraires.append(suspectes.join(en_conflit, on="cle", how="semi")[_SANS_DOUBLON.columns])
            suspectes = suspectes.join(en_conflit, on="cle", how="anti", maintain_order="left")
        copies.append(suspectes.filter(~pl.col("contenu").is_first_distinct())[_SANS_DOUBLON.columns])
    en_trop = pl.concat(contraires).sort(RANG)
    par_essms = en_trop.group_by("finess_et").agg(n=pl.len().cast(pl.Int64))
    return Doublons(en_trop[[RANG, LIGNE]], pl.concat(copies)[[RANG, LIGNE]].sort(RANG), par_essms)
