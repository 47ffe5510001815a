"""What every reader yields: a table of text with the line numbers of the file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

LIGNE = "ligne"
SURPLUS = "surplus"
NATIVE = "native_"


class LectureImpossible(Exception):
    """A file that cannot be used at all.

    `code` is one of the catalogue of findings (`schemas/constats.toml`), `detail` a French precision without any
    personal value, `ligne` the line where the trouble starts, when there is one.
    """

    def __init__(self, code: str, detail: str = "", ligne: int | None = None) -> None:
        super().__init__(code, detail, ligne)
        self.code = code
        self.detail = _phrase(detail)
        self.ligne = ligne


def _phrase(detail: str) -> str:
    """A capital and a full stop: a detail stands behind the sentence of its finding."""
    return detail[:1].upper() + detail[1:] + ("" if not detail or detail.endswith((".", "?", "!")) else ".")


@dataclass(frozen=True)
class Feuille:
    """One table of text.

    `entetes` are the headers as received. Each frame of `lots` has the String columns `c0` … `c{n-1}` in the order of the
    headers (missing cells null), `ligne` (UInt32, as an editor or Excel shows it, header = 1) and `surplus` (Boolean: the
    row has a non-empty cell beyond the last header). Where a column `c3` has cells that the file itself holds as dates,
    `native_c3` (Boolean) says which.
    """

    nom: str | None
    entetes: tuple[str, ...]
    lots: Iterator[pl.DataFrame]
