"""What a file holds: one table, several sheets, the members of an archive, or a reason why it cannot be read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path, PurePosixPath

import polars as pl

from schemas.depots import TABLES
from transforms.lecture.archive import Limites, extraire
from transforms.lecture.cda import DocumentsCda, blocs_de
from transforms.lecture.csv import (
    CHAMP_MAX_CARACTERES,
    RATIO_JUGE_DES_OCTETS,
    RATIO_MAX,
    lire_csv,
    lire_csv_gz,
)
from transforms.lecture.entetes import Attendu, attendu_de, nom_normalise
from transforms.lecture.excel import LimitesClasseur, feuilles, lire_feuille, premieres_lignes
from transforms.lecture.lignes_tddui import Avertissement, Cadre, DebutDeDocument, Transfert
from transforms.lecture.modele import LIGNE, Feuille, LectureImpossible, Remarque
from transforms.lecture.parquet import lire_parquet
from transforms.lecture.tddui import lire_tddui
from transforms.nommage import CLASSEUR, TDDUI, Nom, en_cours_d_ecriture, format_de, lire_nom
from transforms.profils import (
    Profil,
    SelonProfil,
    TableProfil,
    appliquer,
    attendu_selon,
    candidat,
    convient,
    noms_rappeles,
)
from transforms.territoire import fuseau

# No column holds so much: what repeats longer texts unpacks.
_LONGUE_OCTETS = 256


@dataclass(frozen=True)
class Piece:
    """One table of a deposit, or a part of it that cannot be read.

    `membre`: member of the archive, sheet of the workbook, or "" for the file itself. `lire` gives the table of text (it
    may raise `LectureImpossible`); it is None when `erreur` says why there is none. `table` is "" when unknown.
    `feuilles_ignorees`: sheets of the workbook left alone. `profil`: how the editor's profile read it, None in the plain format.
    `avertissements`: what else is said of the file. `documents`: where each begins, when its lines are those of several
    documents one after the other.
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
    avertissements: tuple[Avertissement, ...] = ()
    documents: tuple[DebutDeDocument, ...] = ()


@dataclass(frozen=True)
class Lecture:
    """How to read: limits on what unpacks, a private folder for copies, EJ → only ESSMS of the project (§4.4), profile,
    FINESS of the project (what tells a row of data from a title)."""

    limites: Limites
    dossier: Path
    seul_essms_de_ej: Mapping[str, str]
    profil: Profil | None = None
    projet: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Fichier:
    """A file to read: the deposit itself (`membre` is "") or a member of it. Its name is `chemin`, its content `copie`."""

    chemin: str
    membre: str
    copie: Path
    sha256: str


def membres(archive: Fichier, lecture: Lecture) -> Iterator[Fichier | Piece]:
    """The files of an archive; a piece stands for one that cannot be copied out, and for an archive that is refused.

    A file is to be read before the next one is asked for: its copy goes then. The XML documents of one extraction (one
    per person) are read together, as one deposit of each table: apart they would be thousands of deposits of a few rows,
    and an acknowledgement nobody reads.
    """
    vide = True
    documents: dict[tuple[date, bool], _DocumentsDeLArchive] = {}
    try:
        for membre in extraire(archive.copie, lecture.dossier, lecture.limites):
            if en_cours_d_ecriture(membre.nom):
                continue
            vide = False
            fichier = Fichier(membre.nom, membre.nom, membre.copie, membre.sha256)
            if nom := _nom_du_document(archive.chemin, membre.nom):
                cle = nom.date_extraction, nom.partiel
                documents.setdefault(cle, _DocumentsDeLArchive(nom, lecture)).ajoute(fichier, membre.erreur)
            else:
                yield piece_illisible(fichier, membre.erreur) if membre.erreur else fichier
        for lus in documents.values():
            yield from _pieces_du_transfert(lus.nom, replace(archive, sha256=lus.empreinte()), lus.transfert())
        if vide:
            raise LectureImpossible("ARCHIVE_VIDE")
    except LectureImpossible as erreur:
        yield piece_illisible(archive, erreur)


def _nom_du_document(archive: str, membre: str) -> Nom | None:
    """What is known of a TDDUI document of an archive: by its own name, else by that of the archive.

    Programs that export one document per person name each after the person or a number; the archive alone bears the
    date. None when neither says that it is one.
    """
    if format_de(membre) != "xml":
        return None
    for chemin in (membre, str(PurePosixPath(archive).with_suffix(".xml"))):
        with suppress(LectureImpossible):
            nom = lire_nom(chemin)
            if nom.table == TDDUI:
                return nom
    return None


class _DocumentsDeLArchive:
    """The TDDUI documents of one extraction in an archive."""

    def __init__(self, nom: Nom, lecture: Lecture) -> None:
        self.nom = nom
        self._documents = DocumentsCda(_cadre(nom, lecture))
        self.transfert = self._documents.transfert
        self._empreintes: list[str] = []

    def ajoute(self, fichier: Fichier, erreur: LectureImpossible | None) -> None:
        self._empreintes.append(fichier.sha256)
        try:
            if erreur:
                raise erreur
            with fichier.copie.open("rb") as flux:
                self._documents.ajoute(fichier.membre, blocs_de(flux))
        except LectureImpossible as refus:
            self._documents.refuse(fichier.membre, refus)

    def empreinte(self) -> str:
        """That of their contents, whatever their names and how the archive is packed."""
        return hashlib.sha256(" ".join(sorted(self._empreintes)).encode()).hexdigest()


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
            lues = _pieces_selon_profil(selon_profil, fichier, lecture) if selon_profil else []
            if lues:
                yield from lues
                return
        nom = lire_nom(fichier.chemin)
        if nom.table == TDDUI:
            yield from _pieces_tddui(nom, fichier, lecture)
        elif nom.table == CLASSEUR:
            yield from _pieces_d_un_classeur(nom, fichier, lecture)
        else:
            attendu = attendu_de(nom.table, lecture.projet)
            yield _piece(nom, nom.table, fichier, lambda: _lire(nom, fichier.copie, attendu, lecture.limites))
    except LectureImpossible as erreur:
        if selon_profil is not None:
            nom = selon_profil.nom
            membre, jour = fichier.membre, nom.date_extraction
            yield Piece(membre, nom.table, jour, nom.partiel, nom.format, fichier.sha256, erreur=erreur)
        else:
            yield piece_illisible(fichier, noms_rappeles(erreur, lecture.profil))


def _pieces_selon_profil(lu: SelonProfil, fichier: Fichier, lecture: Lecture) -> list[Piece]:
    """One piece per table the editor's file gives rows of (§4.5); none when the file is in the plain format.

    A file of several tables is a deposit of those it has rows of; when it has none, its first table says so.
    """

    attendu = attendu_selon(lu, lecture.projet)

    def lire(table: TableProfil) -> Feuille:
        nom = replace(lu.nom, table=table.table)
        return appliquer(_lire(nom, fichier.copie, attendu, lecture.limites), table)

    if not convient(lu, _lire(lu.nom, fichier.copie, attendu, lecture.limites).entetes):
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


def _lire(nom: Nom, copie: Path, attendu: Attendu, limites: Limites) -> Feuille:
    """Open the one table of a file."""
    if nom.format == "csv":
        return lire_csv(copie.open("rb"), attendu)
    if nom.format == "csv.gz":
        return lire_csv_gz(copie.open("rb"), attendu, octets_max=limites.taille_octets, ratio_max=limites.ratio)
    if nom.format == "parquet":
        return lire_parquet(copie)
    du_classeur = _limites_du_classeur(limites)
    choisie, *autres = _feuilles_de(nom.table, copie, attendu, du_classeur)
    feuille = lire_feuille(copie, choisie, attendu, limites=du_classeur)
    feuille.remarques.extend(Remarque("FEUILLE_EN_PLUS", valeur=autre) for autre in autres)
    return feuille


def _feuilles_de(table: str, copie: Path, attendu: Attendu, limites: LimitesClasseur) -> list[str]:
    """The sheet that holds the table of a workbook, then the visible ones that have its header too and are not read (§4).

    A hidden sheet (lists of values, settings) is not the table that the porteur sees: it comes last.
    """
    trouvees = sorted(feuilles(copie, limites=limites), key=lambda f: not f.visible)
    if not trouvees:
        raise LectureImpossible("FICHIER_VIDE")
    nommee = next((f.nom for f in trouvees if nom_normalise(f.nom) == table), None)
    if nommee is not None or len(trouvees) == 1:
        return [nommee or trouvees[0].nom]
    avec = {f: any(map(attendu.est_entete, lues)) for f, lues in premieres_lignes(copie, limites=limites)}
    candidates = [f for f in trouvees if avec[f]] or trouvees[:1]
    return [candidates[0].nom, *(f.nom for f in candidates[1:] if f.visible)]


def _limites_du_classeur(limites: Limites) -> LimitesClasseur:
    return LimitesClasseur(octets=limites.taille_octets, ratio=limites.ratio)


def _pieces_d_un_classeur(nom: Nom, fichier: Fichier, lecture: Lecture) -> Iterator[Piece]:
    """One piece per sheet named after a table (§4)."""
    du_classeur = _limites_du_classeur(lecture.limites)
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
            lambda f=feuille, t=table: lire_feuille(  # type: ignore[misc]
                fichier.copie, f, attendu_de(t, lecture.projet), limites=du_classeur
            ),
            feuille,
        )
        if autres:
            piece = replace(piece, lire=None, erreur=LectureImpossible("FEUILLE_EN_DOUBLE"))
        yield replace(piece, feuilles_ignorees=ignorees) if rang == 0 else piece


def _cadre(nom: Nom, lecture: Lecture) -> Cadre:
    return Cadre(lecture.seul_essms_de_ej, fuseau, nom.date_extraction)


def _pieces_tddui(nom: Nom, fichier: Fichier, lecture: Lecture) -> Iterator[Piece]:
    """One piece per table the bundle, or the document of one person, gives rows of (§4.4)."""
    with fichier.copie.open("rb") as flux:
        if nom.format == "xml":
            documents = DocumentsCda(_cadre(nom, lecture))
            documents.ajoute("", blocs_de(flux))
            transfert = replace(documents.transfert(), documents=())
        else:
            transfert = lire_tddui(flux, _cadre(nom, lecture), lecture.dossier)
    yield from _pieces_du_transfert(nom, fichier, transfert)


def _pieces_du_transfert(nom: Nom, fichier: Fichier, transfert: Transfert) -> Iterator[Piece]:
    avertissements = transfert.avertissements
    for table, feuille in transfert.feuilles.items():
        piece = _piece(nom, table, fichier, lambda f=feuille: f)  # type: ignore[misc]
        yield replace(piece, avertissements=avertissements, documents=transfert.documents)
        avertissements = ()
    for document in transfert.refuses:
        empreinte = hashlib.sha256(f"{fichier.sha256} {document.nom}".encode("utf-8", "backslashreplace")).hexdigest()
        yield Piece(document.nom, "", None, False, nom.format, empreinte, erreur=document.erreur)
