"""Keyed pseudonyms (specification §8): HMAC-SHA-256 on the distinct values of a column."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Sequence

import polars as pl

# 128 bits of the HMAC: no collision in practice among 10¹² identifiers, half the room of the whole digest.
OCTETS = 16


def pseudonymiser(valeurs: pl.Series, famille: str, cle: bytes) -> pl.Series:
    """Replace each text by its pseudonym (32 hexadecimal characters); null stays null.

    `famille` (the name of the column) separates the domains: an INS and a dossier written alike get different
    pseudonyms, the same identifier in two tables gets the same.
    """
    return (
        valeurs.to_frame(famille).select(*pseudonymiser_colonnes(valeurs.to_frame(famille), [famille], cle)).to_series()
    )


def pseudonymiser_colonnes(lignes: pl.DataFrame, familles: Sequence[str], cle: bytes) -> list[pl.Expr]:
    """`pseudonymiser` for columns of `lignes`, as expressions that give them under their names."""
    distinctes = lignes.select(pl.col(familles).drop_nulls().unique().implode())
    expressions = []
    for famille in familles:
        textes = distinctes[famille][0]
        pseudonymes = pl.Series(_pseudonymes(textes.to_list(), famille, cle), dtype=pl.String)
        remplace = pl.col(famille).replace_strict(textes, pseudonymes, default=None, return_dtype=pl.String)
        expressions.append(remplace)
    return expressions


def _pseudonymes(textes: Iterable[str], famille: str, cle: bytes) -> list[str]:
    prefixe = famille.encode() + b"\0"
    return [hmac.digest(cle, prefixe + t.encode(), "sha256")[:OCTETS].hex() for t in textes]
