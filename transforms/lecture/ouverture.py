"""What a file holds: one table, several sheets, the members of an archive, or a reason why it cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import polars as pl

from schemas.depots import TABLES
from transforms.lecture.archive import Limites, extraire
from transforms.lecture.csv import (
    CHAMP_MAX_CARACTERES,
    RATIO_JUGE_DES_OCTETS,
    RATIO_MAX,
    lire_csv,
    lire_csv_gz,
)
from transforms.lecture.entetes import nom_normalise
from transforms.lecture.excel import LimitesClasseur, feuilles, lire_feuille
from transforms.lecture.modele import LIGNE, Feuille, LectureImpossible
from transforms.lecture.parquet import lire_parquet
from transforms.lecture.tddui import lire_tddui
from transforms.nommage import CLASSEUR, TDDUI, Nom, en_cours_d_ecriture, format_de, lire_nom
from transforms.profils import Profil, SelonProfil, TableProfil, appliquer, candidat, convient, noms_rappeles
from transforms.territoire import fuseau

# No column holds so much: what repeats longer texts unpacks.
_LONGUE_OCTETS = 256


@dataclass(frozen=True)
class Piece:
    """One table of a deposit, or a part of it that cannot be read.

    `membre`: member of the archive, sheet of the workbook, or "" for the file itself. `lire` gives the table of text (it
    may raise `LectureImpossible`); it is None when `erreur` says why there is none. `table` is "" when unknown.
    `feuilles_ignorees`: sheets of the workbook left alone. `profil`: how the editor's profile read it, None in the plain format.
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
    profil: TableProfil | None = None


@dataclass(frozen=True)
class Lecture:
    """How to read: limits on what unpacks, a private folder for copies, EJ → only ESSMS of the project (§4.4), profile."""

    limites: Limites
    dossier: Path
    seul_essms_de_ej: Mapping[str, str]
    profil: Profil | None = None


@dataclass(frozen=True)
class Fichier:
    """A file to read: the deposit itself (`membre` is "") or a member of it. Its name is `chemin`, its content `copie`."""

    chemin: str
    membre: str
    copie: Path
    sha256: str


def membres(archive: Fichier, lecture: Lecture) -> Iterator[Fichier | Piece]:
    """The files of an archive; a piece stands for one that cannot be copied out, and for an archive that is refused.

    A file is to be read before the next one is asked for: its copy goes then.
    """
    vide = True
    try:
        for membre in extraire(archive.copie, lecture.dossier, lecture.limites):
            if en_cours_d_ecriture(membre.nom):
                continue
            vide = False
            fichier = Fichier(membre.nom, membre.nom, membre.copie, membre.sha256)
            yield piece_illisible(fichier, membre.erreur) if membre.erreur else fichier
        if vide:
            raise LectureImpossible("ARCHIVE_VIDE")
    except LectureImpossible as erreur:
        yield piece_illisible(archive, erreur)


def piece_illisible(fichier: Fichier, erreur: LectureImpossible) -> Piece:
    """The piece that says why a file cannot be read, with what its name tells."""
    try:
        nom = lire_nom(fichier.chemin)
    except LectureImpossible:
        format_ = format_de(fichier.chemin) or ""
        return Piece(fichier.membre, "", None, False, format_, fichier.sha256, erreur=erreur)
    table = nom.table if nom.table in TABLES else ""
    return Piece(fichier.membre, table, nom.date_extraction, nom.partiel, nom.format, fichier.sha256, erreur=erreur)


def pieces(fichier: Fichier, lecture: Lecture) -> Iterator[Piece]:
    """The tables of a file that is no archive.

    Never raises for a fault of the file: a piece carries it. A piece is to be read before the next one is asked for.
    """
    selon_profil = None
    try:
        if lecture.profil is not None:
            selon_profil = candidat(lecture.profil, fichier.chemin)
            lues = _pieces_selon_profil(selon_profil, fichier, lecture.limites) if selon_profil else []
            if lues:
                yield from lues
                return
        nom = lire_nom(fichier.chemin)
        if nom.table == TDDUI:
            yield from _pieces_tddui(nom, fichier, lecture)
        elif nom.table == CLASSEUR:
            yield from _pieces_d_un_classeur(nom, fichier, lecture.limites)
        else:
            yield _piece(nom, nom.table, fichier, lambda: _lire(nom, fichier.copie, lecture.limites))
    except LectureImpossible as erreur:
        if selon_profil is not None:
            nom = selon_profil.nom
            membre, jour = fichier.membre, nom.date_extraction
            yield Piece(membre, nom.table, jour, nom.partiel, nom.format, fichier.sha256, erreur=erreur)
        else:
            yield piece_illisible(fichier, noms_rappeles(erreur, lecture.profil))


def _pieces_selon_profil(lu: SelonProfil, fichier: Fichier, limites: Limites) -> list[Piece]:
    """One piece per table the editor's file gives rows of (§4.5); none when the file is in the plain format.

    A file of several tables is a deposit of those it has rows of; when it has none, its first table says so.
    """

    def lire(table: TableProfil) -> Feuille:
        return appliquer(_lire(replace(lu.nom, table=table.table), fichier.copie, limites), table)

    if not convient(lu, _lire(lu.nom, fichier.copie, limites).entetes):
        return []
    remplies = [t for t in lu.tables if len(lu.tables) == 1 or any(lot.height for lot in lire(t).lots)]
    return [
        replace(_piece(lu.nom, t.table, fichier, lambda t=t: lire(t)), profil=t)  # type: ignore[misc]
        for t in remplies or lu.tables[:1]
    ]


def _piece(nom: Nom, table: str, fichier: Fichier, lire: Callable[[], Feuille], feuille: str = "") -> Piece:
    membre = "/".join(partie for partie in (fichier.membre, feuille) if partie)
    return Piece(
        membre,
        table,
        nom.date_extraction,
        nom.partiel,
        nom.format,
        fichier.sha256,
        lambda: borner(lire(), fichier.copie.stat().st_size),
    )


def borner(feuille: Feuille, taille_octets: int) -> Feuille:
    """The same table, whatever the format of its file (of `taille_octets`), refused where it is read when a cell is too long
    (FICHIER_ILLISIBLE) or when long cells, said once in the file, make too much text (ARCHIVE_DEMESUREE)."""

    def lots() -> Iterator[pl.DataFrame]:
        longues, limite = 0, max(RATIO_JUGE_DES_OCTETS, RATIO_MAX * taille_octets)
        for lot in feuille.lots:
            for nom in lot.columns:
                if lot.schema[nom] != pl.String or (lot[nom].str.len_bytes().max() or 0) <= _LONGUE_OCTETS:  # type: ignore[operator]
                    continue
                octets = lot[nom].str.len_bytes()
                longues += int(octets.filter(octets > _LONGUE_OCTETS).sum())
                trop = lot.filter(pl.col(nom).str.len_chars() > CHAMP_MAX_CARACTERES)
                if not trop.is_empty():
                    detail = f"une cellule dépasse {CHAMP_MAX_CARACTERES} caractères"
                    raise LectureImpossible("FICHIER_ILLISIBLE", detail, trop[LIGNE][0])
            if longues > limite:
                raise LectureImpossible("ARCHIVE_DEMESUREE", f"plus de {limite} octets de longs textes répétés")
            yield lot

    return replace(feuille, lots=lots())


def _lire(nom: Nom, copie: Path, limites: Limites) -> Feuille:
    """Open the one table of a file."""
    if nom.format == "csv":
        return lire_csv(copie.open("rb"))
    if nom.format == "csv.gz":
        return lire_csv_gz(copie.open("rb"), octets_max=limites.taille_octets, ratio_max=limites.ratio)
    if nom.format == "parquet":
        return lire_parquet(copie)
    du_classeur = _limites_du_classeur(limites)
    trouvees = feuilles(copie, limites=du_classeur)
    if not trouvees:
        raise LectureImpossible("FICHIER_VIDE")
    noms = [f.nom for f in trouvees]
    # A hidden first sheet (lists of values, settings) is not the table that the porteur sees.
    premiere = next((f.nom for f in trouvees if f.visible), noms[0])
    choisie = next((n for n in noms if nom_normalise(n) == nom.table), premiere)
    return lire_feuille(copie, choisie, limites=du_classeur)


def _limites_du_classeur(limites: Limites) -> LimitesClasseur:
    return LimitesClasseur(octets=limites.taille_octets, ratio=limites.ratio)


def _pieces_d_un_classeur(nom: Nom, fichier: Fichier, limites: Limites) -> Iterator[Piece]:
    """One piece per sheet named after a table (§4)."""
    du_classeur = _limites_du_classeur(limites)
    noms = [f.nom for f in feuilles(fichier.copie, limites=du_classeur)]
    par_table: dict[str, list[str]] = {}
    for feuille in noms:
        par_table.setdefault(nom_normalise(feuille), []).append(feuille)
    tables = {table: homonymes for table, homonymes in par_table.items() if table in TABLES}
    ignorees = tuple(n for n in noms if nom_normalise(n) not in TABLES)
    if not tables:
        raise LectureImpossible("TABLE_INCONNUE", "Aucune feuille ne porte le nom d'une table.")
    for rang, (table, (feuille, *autres)) in enumerate(tables.items()):
        piece = _piece(
            nom,
            table,
            fichier,
            lambda f=feuille: lire_feuille(fichier.copie, f, limites=du_classeur),  # type: ignore[misc]
            feuille,
        )
        if autres:
            piece = replace(piece, lire=None, erreur=LectureImpossible("FEUILLE_EN_DOUBLE"))
        yield replace(piece, feuilles_ignorees=ignorees) if rang == 0 else piece


def _pieces_tddui(nom: Nom, fichier: Fichier, lecture: Lecture) -> Iterator[Piece]:
    """One piece per table the bundle gives rows of (§4.4)."""
    with fichier.copie.open("rb") as flux:
        tables = lire_tddui(flux, seul_essms_de_ej=lecture.seul_essms_de_ej, fuseau_de=fuseau)
        for table, feuille in tables.items():
            yield _piece(nom, table, fichier, lambda f=feuille: f)  # type: ignore[misc]
