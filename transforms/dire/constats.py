"""A finding of the catalogue (`schemas/constats.toml`), said in French."""

from __future__ import annotations

from typing import NamedTuple

from schemas.constats import Niveau, catalogue

NIVEAUX: dict[Niveau, str] = {
    "fichier": "Fichier refusé",
    "ligne": "Ligne rejetée",
    "avertissement": "Avertissement",
}


class Dit(NamedTuple):
    """What is said of one finding."""

    niveau: Niveau
    message: str
    que_faire: str
    exemple: str


class _Vide(dict[str, str]):
    def __missing__(self, cle: str) -> str:
        return ""


def dire_constat(code: str, colonne: str | None, table: str | None, ligne: int | None, detail: str) -> Dit:
    """The texts of a finding, filled in with where it is and its `detail`."""
    constat = catalogue()[code]
    precisions = _Vide(
        colonne=colonne or "", table=table or "", ligne="" if ligne is None else str(ligne), detail=detail
    )
    return Dit(
        constat.niveau,
        constat.message.format_map(precisions).strip(),
        constat.que_faire.format_map(precisions).strip(),
        constat.exemple.format_map(precisions),
    )
