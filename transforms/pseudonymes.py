"""Keyed pseudonyms (specification §8): HMAC-SHA-256 on the distinct values of a column."""

from __future__ import annotations

import hmac

import polars as pl

# 128 bits of the HMAC: no collision in practice among 10¹² identifiers, half the room of the whole digest.
OCTETS = 16


def pseudonymiser(valeurs: pl.Series, famille: str, cle: bytes) -> pl.Series:
    """Replace each text by its pseudonym (32 hexadecimal characters); null stays null.

    `famille` (the name of the column) separates the domains: an INS and a dossier written alike get different
    pseudonyms, the same identifier in two tables gets the same.
    """
    distinctes = valeurs.drop_nulls().unique()
    prefixe = famille.encode() + b"\0"
    pseudonymes = [hmac.digest(cle, prefixe + v.encode(), "sha256")[:OCTETS].hex() for v in distinctes.to_list()]
    return valeurs.replace_strict(
        distinctes, pl.Series(pseudonymes, dtype=pl.String), default=None, return_dtype=pl.String
    )
