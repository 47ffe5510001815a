"""What every reader yields: a table of text with the line numbers of the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

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
class Remarque:
    """What a reader has to say of a table beside its rows: a finding of the catalogue.

    `detail` is a French precision without any personal value; `valeur` is text of the file, for its porteur only. It
    concerns the lines from `ligne` to `derniere` (that one line without it).
    """

    code: str
    ligne: int | None = None
    colonne: str | None = None
    detail: str = ""
    valeur: str | None = None
    derniere: int | None = None


@dataclass(frozen=True)
class Feuille:
    """One table of text.

    `entetes` are the headers as received, read in the row `ligne_entete` (None where there is no such row). Each frame of
    `lots` has the String columns `c0` … `c{n-1}` in the order of the headers (missing cells null), `ligne` (UInt32, as an
    editor or Excel shows it) and `surplus` (Boolean: the row has a non-empty cell beyond the last header). Where a column
    `c3` has cells that the file itself holds as dates, `native_c3` (Boolean) says which. `remarques` are complete once the
    lots are read. `noms`: our name of a column → that of the porteur, where a profile gave it ours.
    """

    nom: str | None
    entetes: tuple[str, ...]
    lots: Iterator[pl.DataFrame]
    ligne_entete: int | None = None
    remarques: list[Remarque] = field(default_factory=list)
    noms: Mapping[str, str] = field(default_factory=dict)
