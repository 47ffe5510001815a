"""A finding of the catalogue (`schemas/constats.toml`), said in French."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import NamedTuple

from schemas.constats import Constat, Niveau, catalogue
from transforms.dire.formats import insecables, milliers

NIVEAUX: dict[Niveau, str] = {
    "fichier": "Fichier refusé",
    "ligne": "Ligne rejetée",
    "avertissement": "Avertissement",
}

# Rejected rows that ask nothing of the porteur: they change neither the verdict on a file nor what is asked (§5).
HORS_VERDICT = {"HORS_PROJET": "Ligne hors projet", "ESSMS_ECARTE": "Ligne en attente"}
MEME_NOM = "Puis déposez le fichier corrigé sous le même nom."


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
    constat = _modele(code)
    precisions = _Vide(
        colonne=colonne or "",
        table=table or "",
        ligne="" if ligne is None else milliers(ligne),
        detail=insecables(detail),
    )
    return Dit(
        constat.niveau,
        constat.message.format_map(precisions).strip(),
        constat.que_faire.format_map(precisions).strip(),
        constat.exemple.format_map(precisions),
    )


def gravite(code: str) -> str:
    """How grave a finding is, in words."""
    return HORS_VERDICT.get(code) or NIVEAUX[catalogue()[code].niveau]


@cache
def _modele(code: str) -> Constat:
    """The templates of a finding with their no-break spaces; a rejected row is always cured by the same gesture (§5)."""
    constat = catalogue()[code]
    suite = f" {MEME_NOM}" if constat.niveau == "ligne" and code not in HORS_VERDICT else ""
    return replace(constat, message=insecables(constat.message), que_faire=insecables(constat.que_faire) + suite)
