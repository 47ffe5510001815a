"""What a file holds: one table, several sheets, the members of an archive, or a reason why it cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from schemas.depots import TABLES
from transforms.lecture.archive import Limites, extraire
from transforms.lecture.csv import lire_csv, lire_csv_gz
from transforms.lecture.entetes import nom_normalise
from transforms.lecture.excel import feuilles, lire_feuille
from transforms.lecture.modele import Feuille, LectureImpossible
from transforms.lecture.parquet import lire_parquet
from transforms.lecture.tddui import lire_tddui
from transforms.nommage import CLASSEUR, TDDUI, Nom, en_cours_d_ecriture, format_de, lire_nom
from transforms.territoire import fuseau


@dataclass(frozen=True)
class Piece:
    """One table of a deposit, or a part of it that cannot be read.

    `membre`: member of the archive, sheet of the workbook, or "" for the file itself. `lire` gives the table of text (it
    may raise `LectureImpossible`); it is None when `erreur` says why there is none. `table` is "" when unknown.
    `feuilles_ignorees`: sheets of the workbook left alone.
    """

    membre: str
    table: str
    date_extraction: date | None
    partiel: bool
    format: str
    sha256: str
    lire: Callable[[], Feuille] | None = None
    erreur: LectureImpossible | None = None
    feuilles_ignorees: tuple[str, ...] = ()


@dataclass(frozen=True)
class Lecture:
    """How to read: limits on what unpacks, a private folder for copies, EJ → only ESSMS of the project (§4.4)."""

    limites: Limites
    dossier: Path
    seul_essms_de_ej: Mapping[str, str]


def pieces(chemin: str, copie: Path, sha256: str, lecture: Lecture) -> Iterator[Piece]:
    """The tables of a deposit named `chemin`, whose content is the file `copie`.

    Never raises for a fault of the file: a piece carries it. A piece is to be read before the next one is asked for.
    """
    if format_de(chemin) != "zip":
        yield from _pieces_d_un_fichier(chemin, "", copie, sha256, lecture)
        return
    try:
        for membre in extraire(copie, lecture.dossier, lecture.limites):
            if not en_cours_d_ecriture(membre.nom):
                yield from _pieces_d_un_fichier(membre.nom, membre.nom, membre.copie, membre.sha256, lecture)
    except LectureImpossible as erreur:
        yield _illisible("", sha256, erreur, format_="zip")


def _illisible(
    membre: str, sha256: str, erreur: LectureImpossible, *, nom: Nom | None = None, format_: str = ""
) -> Piece:
    table = nom.table if nom and nom.table in TABLES else ""
    return Piece(
        membre=membre,
        table=table,
        date_extraction=nom.date_extraction if nom else None,
        partiel=nom.partiel if nom else False,
        format=nom.format if nom else format_,
        sha256=sha256,
        erreur=erreur,
    )


def _pieces_d_un_fichier(chemin: str, membre: str, copie: Path, sha256: str, lecture: Lecture) -> Iterator[Piece]:
    try:
        nom = lire_nom(chemin)
    except LectureImpossible as erreur:
        yield _illisible(membre, sha256, erreur)
        return
    try:
        if nom.table == TDDUI:
            yield from _pieces_tddui(nom, membre, copie, sha256, lecture)
        elif nom.table == CLASSEUR:
            yield from _pieces_d_un_classeur(nom, membre, copie, sha256)
        else:
            yield _piece(nom, nom.table, membre, sha256, lambda: _lire(nom, copie))
    except LectureImpossible as erreur:
        yield _illisible(membre, sha256, erreur, nom=nom)


def _piece(
    nom: Nom, table: str, membre: str, sha256: str, lire: Callable[[], Feuille], ignorees: tuple[str, ...] = ()
) -> Piece:
    return Piece(membre, table, nom.date_extraction, nom.partiel, nom.format, sha256, lire, None, ignorees)


def _lire(nom: Nom, copie: Path) -> Feuille:
    """Open the one table of a file."""
    if nom.format == "csv":
        return lire_csv(copie.open("rb"))
    if nom.format == "csv.gz":
        return lire_csv_gz(copie.open("rb"))
    if nom.format == "parquet":
        return lire_parquet(copie)
    noms = [f.nom for f in feuilles(copie)]
    if not noms:
        raise LectureImpossible("FICHIER_VIDE")
    choisie = next((n for n in noms if nom_normalise(n) == nom.table), noms[0])
    return lire_feuille(copie, choisie)


def _pieces_d_un_classeur(nom: Nom, membre: str, copie: Path, sha256: str) -> Iterator[Piece]:
    """One piece per sheet named after a table (§4)."""
    noms = [f.nom for f in feuilles(copie)]
    tables = [n for n in noms if nom_normalise(n) in TABLES]
    ignorees = tuple(n for n in noms if n not in tables)
    if not tables:
        raise LectureImpossible("TABLE_INCONNUE", "Aucune feuille ne porte le nom d'une table.")
    for rang, feuille in enumerate(tables):
        yield _piece(
            nom,
            nom_normalise(feuille),
            f"{membre}/{feuille}" if membre else feuille,
            sha256,
            lambda f=feuille: lire_feuille(copie, f),  # type: ignore[misc]
            ignorees if rang == 0 else (),
        )


def _pieces_tddui(nom: Nom, membre: str, copie: Path, sha256: str, lecture: Lecture) -> Iterator[Piece]:
    """One piece per table the bundle gives rows of (§4.4)."""
    with copie.open("rb") as flux:
        tables = lire_tddui(flux, seul_essms_de_ej=lecture.seul_essms_de_ej, fuseau_de=fuseau)
        for table, feuille in tables.items():
            yield _piece(nom, table, membre, sha256, lambda f=feuille: f)  # type: ignore[misc]
