"""Reproducible draws: the same seed and the same name always give the same column, in any order of calls."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

_PAS = 0x9E3779B97F4A7C15
_MELANGES = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))


@dataclass(frozen=True)
class Hasard:
    """A source of draws named by a path; `sous` opens an independent one."""

    graine: int
    chemin: str = ""

    def sous(self, nom: object) -> Hasard:
        """Return the source of draws of a part (a porteur, a quarter, a table)."""
        return Hasard(self.graine, f"{self.chemin}/{nom}")

    def uniforme(self, nom: str, n: int) -> pl.Series:
        """Return `n` Float64 in [0, 1[ (splitmix64 on a counter: stable whatever the version of the libraries)."""
        cle = hashlib.blake2b(f"{self.graine}{self.chemin}#{nom}".encode(), digest_size=8).digest()
        z = pl.int_range(n, dtype=pl.UInt64) * _PAS + pl.lit(int.from_bytes(cle, "big"), pl.UInt64)
        for decalage, facteur in _MELANGES:
            z = (z ^ (z // 2**decalage)) * pl.lit(facteur, pl.UInt64)
        z = z ^ (z // 2**31)
        return pl.select(((z // 2**11).cast(pl.Float64) / 2.0**53).alias(nom)).to_series()

    def entiers(self, nom: str, n: int, bas: int, haut: int) -> pl.Series:
        """Return `n` Int64 between `bas` and `haut`, both included."""
        return (self.uniforme(nom, n) * (haut - bas + 1)).floor().cast(pl.Int64) + bas

    def choix(self, nom: str, n: int, valeurs: Sequence[str]) -> pl.Series:
        """Return `n` values of the list, equally likely."""
        return pl.Series(nom, valeurs, dtype=pl.String).gather(self.entiers(nom, n, 0, len(valeurs) - 1))

    def python(self, nom: str) -> random.Random:
        """Return a generator of the standard library, for the few draws made one by one."""
        return random.Random(f"{self.graine}{self.chemin}#{nom}")
