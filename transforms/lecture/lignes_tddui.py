"""Rows of the tables of §4.1 that a TDDUI transfer gives, whatever its version (specification §4.4)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

import polars as pl

from schemas.depots import champs_de
from transforms.lecture.modele import LIGNE, SURPLUS, Feuille, LectureImpossible

LIGNES_PAR_LOT = 50_000

# The tables that a transfer gives, with all their columns.
ENTETES = {table: tuple(champs_de(table)) for table in ("dossiers", "sejours", "mises_a_jour", "projets", "agenda")}
SYSTEMES_INS = frozenset({"1.2.250.1.213.1.4.8", "1.2.250.1.213.1.4.9"})

_FINESS = re.compile(r"[0-9A-Z]{9}")
_FINESS_DE_L_USAGER = re.compile(r"3([0-9A-Za-z]{9})/")
_DATE_HEURE = re.compile(r"(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)(Z|[+-]\d{2}:\d{2})?")
_MINUIT_UTC = re.compile(r"00:00(?::00(?:\.0+)?)?(?:Z|[+-]00:00)")


class DossierTransfere(NamedTuple):
    """Whom a row is about."""

    finess_et: str | None
    id_dossier: str | None


class Avertissement(NamedTuple):
    """A warning about the whole file: code of the catalogue, precision, how many things it concerns."""

    code: str
    detail: str
    nombre: int


class DocumentRefuse(NamedTuple):
    """A document among others that cannot be read: its name, and why."""

    nom: str
    erreur: LectureImpossible


class DebutDeDocument(NamedTuple):
    """Where a document begins when several are numbered as one text: lines before it, and its name."""

    lignes_avant: int
    nom: str


@dataclass(frozen=True)
class Transfert:
    """What a transfer gives: its tables (only those with rows), and what is said of it beside."""

    feuilles: dict[str, Feuille]
    avertissements: tuple[Avertissement, ...] = ()
    refuses: tuple[DocumentRefuse, ...] = ()
    documents: tuple[DebutDeDocument, ...] = ()


@dataclass(frozen=True)
class Cadre:
    """What a transfer is read against.

    `seul_essms_de_ej`: entité juridique → only ESSMS of the porteur's project under it, absent if there is none or
    several (`transforms.finess.entites_juridiques`). `fuseau_de`: time zone name of a FINESS (§6.1), for the day of a
    moment in a date column.
    """

    seul_essms_de_ej: Mapping[str, str]
    fuseau_de: Callable[[str], str]
    date_extraction: date

    def essms(self, finess: str | None) -> str | None:
        """The number of an entité juridique stands for its only ESSMS; any other number, for itself."""
        return self.seul_essms_de_ej.get(finess, finess) if finess else None


def finess_de_l_usager(usager: str | None) -> str | None:
    """The FINESS inside a local identifier (`3` + FINESS + `/` + …)."""
    trouve = _FINESS_DE_L_USAGER.match(usager or "")
    return trouve[1].upper() if trouve else None


class LignesTddui:
    """Rows on their way to frames, table by table."""

    def __init__(self, cadre: Cadre) -> None:
        self._fuseau_de = cadre.fuseau_de
        self._fuseaux: dict[str, ZoneInfo] = {}
        self._lignes: dict[str, list[tuple[str | int | None, ...]]] = {table: [] for table in ENTETES}
        self._lots: dict[str, list[pl.DataFrame]] = {table: [] for table in ENTETES}

    def ajoute(self, table: str, ligne: int, dossier: DossierTransfere, **cellules: str | None) -> None:
        """Add a row; the columns that are not given are empty."""
        lignes = self._lignes[table]
        lignes.append((ligne, *dossier, *map(cellules.get, ENTETES[table][2:])))
        if len(lignes) >= LIGNES_PAR_LOT:
            self._vide(table)

    def personne(self, ligne: int, dossier: DossierTransfere, ins: str | None) -> None:
        """A person's dossier in one structure."""
        self.ajoute("dossiers", ligne, dossier, id_personne=dossier.id_dossier, ins=ins)

    def sejour(self, ligne: int, dossier: DossierTransfere, debut: str | None, fin: str | None) -> None:
        """A séjour, whose ends are days or moments."""
        entree, sortie = self.jour(debut, dossier.finess_et), self.jour(fin, dossier.finess_et)
        self.ajoute("sejours", ligne, dossier, date_entree=entree, date_sortie=sortie)

    def jour(self, texte: str | None, finess: str | None) -> str | None:
        """Day, in the time zone of the ESSMS, of a moment of ISO 8601; any other text is left for the validation to judge.

        Midnight of UTC is that very day: it is how programs write a day (no French zone has its midnight then).
        """
        trouve = _DATE_HEURE.fullmatch(texte or "")
        if texte is None or trouve is None:
            return texte
        if trouve[3] is None or finess is None or not _FINESS.fullmatch(finess):
            return trouve[1]
        if finess not in self._fuseaux:
            self._fuseaux[finess] = ZoneInfo(self._fuseau_de(finess))
        try:
            moment = datetime.fromisoformat(texte)
            if _MINUIT_UTC.fullmatch(trouve[2] + trouve[3]):
                return trouve[1]
            return moment.astimezone(self._fuseaux[finess]).date().isoformat()
        except (ValueError, OverflowError):
            return texte

    def feuilles(self) -> dict[str, Feuille]:
        """The tables that have rows."""
        for table, lignes in self._lignes.items():
            if lignes:
                self._vide(table)
        return {table: Feuille(None, ENTETES[table], iter(lots)) for table, lots in self._lots.items() if lots}

    def _vide(self, table: str) -> None:
        cellules = [f"c{rang}" for rang in range(len(ENTETES[table]))]
        schema: dict[str, type[pl.DataType]] = {LIGNE: pl.UInt32, **dict.fromkeys(cellules, pl.String)}
        lot = pl.DataFrame(self._lignes[table], schema=schema, orient="row")
        self._lots[table].append(lot.select(*cellules, LIGNE, pl.lit(False).alias(SURPLUS)))
        self._lignes[table] = []
