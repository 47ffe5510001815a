"""Where a table begins in a file, and which of its headers is which column (specification §4, "Where the table is")."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from schemas.depots import champs_de, groupes_requis
from transforms.texte import propre

# Non-blank rows among which the header is looked for.
LIGNES_CHERCHEES = 20

_SEPARATEURS = re.compile(r"[\s\-_.]+")
_COUPES = re.compile(r"[;,\t|]")
# What may stand between the names of a header that no separator cut.
_COUPES_POSSIBLES = re.compile(r"[;,\t|:/¤§~^#\s]+")


def nom_normalise(entete: str) -> str:
    """A header without case, accents, surrounding spaces, and with space, `-`, `_` and `.` equal."""
    decompose = unicodedata.normalize("NFKD", propre(entete))
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
            if propre(entete):
                inconnues.append(propre(entete))
        elif colonne in positions:
            doubles.append(colonne)
        else:
            positions[colonne] = position
    return Correspondance(positions, tuple(doubles), tuple(inconnues))


def est_non_coupe(entetes: Sequence[str], connues: Iterable[str]) -> bool:
    """Tell whether the only filled header holds the names of two known columns or more."""
    remplies = [e for e in entetes if e and not e.isspace()]
    morceaux = _COUPES_POSSIBLES.split(propre(remplies[0])) if len(remplies) == 1 else []
    return len({nom_normalise(m.strip("\"'")) for m in morceaux}.intersection(map(nom_normalise, connues))) > 1


@dataclass(frozen=True)
class Attendu:
    """What the table of a file is known by; without `variantes` its header is the first row that is not blank.

    `variantes`: each is a table that the file may hold, as groups of names of which the header has one each; `connues`:
    names of all its columns; both normalised. `finess`: numbers of the porteur's ESSMS.
    """

    variantes: tuple[tuple[frozenset[str], ...], ...] = ()
    connues: frozenset[str] = frozenset()
    finess: frozenset[str] = frozenset()

    def est_entete(self, cellules: Iterable[str | None]) -> bool:
        """Tell whether a row names every column that the table needs."""
        noms = {nom_normalise(c) for c in cellules if c}
        return not self.variantes or any(all(g & noms for g in variante) for variante in self.variantes)

    def est_du_tableau(self, cellules: Iterable[str | None]) -> bool:
        """Tell whether a row names two known columns or holds a FINESS of the porteur, cut or not by the separator."""
        morceaux = [m for c in cellules if c for m in _COUPES.split(c)]
        return len(self.connues.intersection(map(nom_normalise, morceaux))) > 1 or self.a_un_finess(morceaux)

    def a_un_finess(self, cellules: Iterable[str]) -> bool:
        """Tell whether a cell is a FINESS of the porteur, as spreadsheets may have left it."""
        return bool(self.finess) and any(n in self.finess for c in cellules for n in _numeros(c))


def _numeros(cellule: str) -> Iterator[str]:
    numero = propre(cellule).strip('" ').upper().removesuffix(".0")
    yield numero
    if len(numero) == 8:
        yield "0" + numero


def attendu_de(table: str, finess: frozenset[str] = frozenset()) -> Attendu:
    """What an input table in the plain format is known by."""
    return Attendu((tuple(map(frozenset, groupes_requis(table))),), frozenset(champs_de(table)), finess)
