"""Headers of a file matched to the columns of a table (specification §4)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_SEPARATEURS = re.compile(r"[\s\-_.]+")


def nom_normalise(entete: str) -> str:
    """A header without case, accents, surrounding spaces, and with space, `-`, `_` and `.` equal."""
    decompose = unicodedata.normalize("NFKD", entete.strip().lstrip("\ufeff"))
    sans_accent = "".join(c for c in decompose if not unicodedata.combining(c))
    return _SEPARATEURS.sub("_", sans_accent.strip()).casefold()


@dataclass(frozen=True)
class Correspondance:
    """Where each known column stands in the file (`positions`), the known columns named twice, the unknown headers."""

    positions: dict[str, int]
    doubles: tuple[str, ...]
    inconnues: tuple[str, ...]


def apparier(entetes: Sequence[str], connues: Iterable[str]) -> Correspondance:
    """Match the headers of a file with the known columns of a table."""
    positions: dict[str, int] = {}
    doubles: list[str] = []
    inconnues: list[str] = []
    attendues = {nom_normalise(c): c for c in connues}
    for position, entete in enumerate(entetes):
        colonne = attendues.get(nom_normalise(entete))
        if colonne is None:
            if entete.strip():
                inconnues.append(entete.strip())
        elif colonne in positions:
            doubles.append(colonne)
        else:
            positions[colonne] = position
    return Correspondance(positions, tuple(doubles), tuple(inconnues))
