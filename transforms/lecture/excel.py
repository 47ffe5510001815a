"""Excel workbooks (.xlsx) as text, cell by cell, with the row numbers that Excel shows.

The XML of a sheet is streamed: memory holds the shared texts and one lot of rows, never the grid, so that a crafted
workbook can neither exhaust it nor abort the process, as it does with readers that allocate what the file announces.
"""

from __future__ import annotations

import errno
import math
import posixpath
import re
import struct
import zipfile
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path
from typing import IO, BinaryIO
from xml.parsers import expat

import polars as pl

from transforms.lecture.csv import (
    OCTETS_MAX,
    RATIO_JUGE_DES_OCTETS,
    RATIO_MAX,
    SANS_ATTENTE,
    LigneLue,
    est_blanche,
    est_du_texte,
    reconnaitre,
    tableau,
)
from transforms.lecture.entetes import LIGNES_CHERCHEES, Attendu, nom_normalise
from transforms.lecture.modele import LIGNE, NATIVE, Feuille, LectureImpossible, Remarque

TEXTE_MAX_CARACTERES = 131_072  # Excel itself stops at 32 767
TEXTES_MAX = 10_000_000
TEXTES_MAX_CARACTERES = 256 << 20
PARTIE_MAX_OCTETS = 64 << 20  # of a part other than sheets and texts
FUSIONS_MAX = 100_000

_BLOC_OCTETS = TEXTE_MAX_CARACTERES  # so that the parser never gives more at once
_JETON_MAX_OCTETS = 8 << 20
_CHIFFRES = "0123456789"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_CHIFFREMENT_OLE = "EncryptedPackage".encode("utf-16-le")
_LIGNES_RETENUES = 200  # of what is said of cells
_JOURS_MAX = 2_958_466  # 10000-01-01
_JOUR_S = 86_400
_ARTEFACT_S = 0.001
_FORMATS_MOMENT = {*map(str, range(14, 23)), "45", "47"}
_FORMAT_DUREE = "46"
_LITTERAUX = re.compile(r'"[^"]*"|\\.|_.|\*.', re.S)
# The format without a format, as Excel calls it in other languages; some programs write it so in the file.
_GENERAL = re.compile("standaard|standard|general|generale|geral|estándar", re.I)
_FRACTION_DE_SECONDE = re.compile("s[.,]0+", re.I)
# Of years, months, days, hours, minutes and seconds, in English or (some programs) in French.
_LETTRES_DE_MOMENT = re.compile("[dmyhsja]", re.I)
_INSTANT_ISO = re.compile(r"(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d)(?::(\d\d)(?:\.\d+)?)?Z?)?")
_PLAGE = re.compile(r"([A-Z]{1,3})(\d+):([A-Z]{1,3})(\d+)")
_ECHAPPEMENT = re.compile(r"_x([0-9A-Fa-f]{4})_")

_BOOLEENS = {"1": "VRAI", "true": "VRAI", "0": "FAUX", "false": "FAUX"}

_DOMMAGES = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    expat.ExpatError,
    ValueError,
    LookupError,
)

Convertisseur = Callable[[str], str]


@dataclass(frozen=True)
class _Moment:
    """How the number of a cell in a date format becomes text."""

    lire: Convertisseur

    def __call__(self, texte: str) -> str:
        return self.lire(texte)


@dataclass(frozen=True)
class FeuilleExcel:
    """A worksheet of a workbook; hidden ones are there too."""

    nom: str
    visible: bool


@dataclass(frozen=True)
class LimitesClasseur:
    """What a workbook may be: rows, columns and cells of the grid its values span, unpacked bytes and their ratio."""

    lignes: int = 1_048_576
    colonnes: int = 2_000
    cellules: int = 50_000_000
    octets: int = OCTETS_MAX
    ratio: float = RATIO_MAX


LIMITES = LimitesClasseur()


def feuilles(chemin: Path, *, limites: LimitesClasseur = LIMITES) -> list[FeuilleExcel]:
    """List the worksheets of a workbook in its order (chart sheets left out).

    Raises `LectureImpossible`: FICHIER_VIDE, FICHIER_ILLISIBLE, CONTENU_INATTENDU, CLASSEUR_CHIFFRE, CLASSEUR_DEMESURE.
    """
    with _ouvrir(chemin, limites) as classeur:
        return [FeuilleExcel(partie.nom, partie.visible) for partie in classeur.parties]


def premieres_lignes(
    chemin: Path, *, limites: LimitesClasseur = LIMITES
) -> Iterator[tuple[FeuilleExcel, list[tuple[str | None, ...]]]]:
    """Give the first non-blank rows of each worksheet, among which headers are looked for; none where it is damaged."""
    with _ouvrir(chemin, limites) as classeur:
        textes, formats = classeur.textes(), classeur.formats()
        for partie in classeur.parties:
            grille = _Grille(textes, formats, limites)
            try:
                with _lisible():
                    pleines = (
                        cellules for _, cellules, _ in _rangees(classeur, partie, grille) if not est_blanche(cellules)
                    )
                    lues = [tuple(cellules) for cellules in islice(pleines, LIGNES_CHERCHEES)]
            except LectureImpossible:
                lues = []
            yield FeuilleExcel(partie.nom, partie.visible), lues


def lire_feuille(
    chemin: Path,
    nom: str,
    attendu: Attendu = SANS_ATTENTE,
    *,
    taille_lot: int = 100_000,
    limites: LimitesClasseur = LIMITES,
) -> Feuille:
    """Read the worksheet `nom`; where its table begins is found by `tableau`.

    Cells become text: dates `AAAA-MM-JJ`, with ` HH:MM:SS` when there is a time, times and durations `HH:MM:SS`,
    whole numbers without decimals (padded as shown when their format is nothing but zeros), other numbers in their
    shortest form (`1.58E+18` as Excel shows it), booleans `VRAI`/`FAUX`, errors and texts as they are, formulas by their
    last value.

    Remarks once the lots are read: FORMULE_SANS_VALEUR and CELLULES_FUSIONNEES where they touch data of known columns.

    Raises `LectureImpossible` with the codes of `feuilles` and of `tableau`, at the call or while the lots are iterated.
    """
    grilles: list[_Grille] = []
    feuille = tableau(nom, _lignes(chemin, nom, limites, grilles), attendu, taille_lot, rogner=True)

    def lots() -> Iterator[pl.DataFrame]:
        lues = pl.Series([], dtype=pl.UInt32)
        for lot in feuille.lots:
            lues.append(lot[LIGNE])
            yield _avec_natives(lot, grilles[0].natives)
        noms = ((rang, nom_normalise(entete)) for rang, entete in enumerate(feuille.entetes))
        connues = {rang: nom for rang, nom in noms if nom in attendu.connues}
        feuille.remarques.extend(grilles[0].remarques(feuille.ligne_entete or 0, connues, lues))

    return replace(feuille, lots=lots())


def _avec_natives(lot: pl.DataFrame, natives: Mapping[int, list[int]]) -> pl.DataFrame:
    """Mark the cells of a lot that are native dates, and forget those of its rows (rank of a column → row numbers)."""
    numeros, marques = lot[LIGNE].to_list(), []
    for rang, natifs in natives.items():
        fin = bisect_right(natifs, numeros[-1])
        du_lot = set(natifs[:fin])
        del natifs[:fin]
        if du_lot and f"c{rang}" in lot.columns:
            marques.append(pl.Series(f"{NATIVE}c{rang}", [n in du_lot for n in numeros], dtype=pl.Boolean))
    return lot.hstack(marques)


def _lignes(chemin: Path, nom: str, limites: LimitesClasseur, grilles: list[_Grille]) -> Iterator[LigneLue]:
    """Yield the rows that hold a value, with the size of their text; the grid that gathers them goes to `grilles`."""
    with _ouvrir(chemin, limites) as classeur:
        partie = next((partie for partie in classeur.parties if partie.nom == nom), None)
        if partie is None:
            raise LectureImpossible("FICHIER_ILLISIBLE", "la feuille demandée n'est pas dans le classeur")
        grille = _Grille(classeur.textes(), classeur.formats(), limites)
        grilles.append(grille)
        yield from _rangees(classeur, partie, grille)


def _rangees(classeur: _Classeur, partie: _Partie, grille: _Grille) -> Iterator[LigneLue]:
    with classeur.partie(partie.chemin) as flux:
        for _ in _parcourir(flux, grille.poignees):
            yield from grille.lignes
            grille.lignes.clear()


# ---- the package


@dataclass(frozen=True)
class _Partie:
    nom: str
    visible: bool
    chemin: str


class _Classeur:
    """The parts of an open workbook."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        # Part names have no case, and some writers put backslashes.
        self._membres = {nom.replace("\\", "/").lower(): nom for nom in archive.namelist()}
        liens = self._liens("")
        self._classeur = next(
            (cible for type_, cible in liens.values() if type_ == "officeDocument"), "xl/workbook.xml"
        )
        if self._classeur.lower() not in self._membres:
            raise LectureImpossible("CONTENU_INATTENDU", _nature_du_zip(self._membres))
        self._lies = self._liens(self._classeur)
        self.origine_1904 = False
        self.parties: list[_Partie] = []
        for balise, attributs in self._balises(self._classeur):
            if balise == "workbookPr":
                self.origine_1904 = attributs.get("date1904") in ("1", "true")
            elif balise == "sheet":
                type_, cible = self._lies.get(attributs.get("id", ""), ("", ""))
                if type_ == "worksheet":
                    visible = attributs.get("state", "visible") == "visible"
                    self.parties.append(_Partie(attributs.get("name", ""), visible, cible))

    def partie(self, chemin: str) -> IO[bytes]:
        membre = self._membres.get(chemin.lower())
        if membre is None:
            raise LectureImpossible("FICHIER_ILLISIBLE", "le classeur est incomplet : une de ses parties manque")
        return self._archive.open(membre)

    def textes(self) -> list[str]:
        """Shared texts, in their order."""
        chemin = self._cible("sharedStrings")
        if chemin is None:
            return []
        with self.partie(chemin) as flux:
            return _textes_partages(flux)

    def formats(self) -> dict[str, Convertisseur]:
        """How the number of a cell becomes text, by style identifier."""
        chemin = self._cible("styles")
        moment = _Moment(lru_cache(1 << 16)(partial(_moment, origine_1904=self.origine_1904)))
        nombre = lru_cache(1 << 16)(_nombre)
        codes: dict[str, str] = {}
        formats: dict[str, Convertisseur] = {}
        dans_les_cellules = False
        for balise, attributs in self._balises(chemin) if chemin else ():
            if balise == "numFmt":
                codes[attributs.get("numFmtId", "")] = attributs.get("formatCode", "")
            elif balise in ("cellXfs", "cellStyleXfs"):
                dans_les_cellules = balise == "cellXfs"
            elif balise == "xf" and dans_les_cellules:
                identifiant = attributs.get("numFmtId", "0")
                formats[str(len(formats))] = _convertisseur(identifiant, codes.get(identifiant), nombre, moment)
        return formats or {"0": nombre}

    def _cible(self, type_cherche: str) -> str | None:
        cible = next((cible for type_, cible in self._lies.values() if type_ == type_cherche), "")
        return cible if cible.lower() in self._membres else None

    def _liens(self, chemin: str) -> dict[str, tuple[str, str]]:
        """Relationships of a part: identifier → (kind, path of the target)."""
        dossier, nom = posixpath.split(chemin)
        relations = posixpath.join(dossier, "_rels", f"{nom}.rels")
        if relations.lower() not in self._membres:
            return {}
        return {
            attributs.get("Id", ""): (
                attributs.get("Type", "").rpartition("/")[2],
                posixpath.normpath(posixpath.join("/", dossier, attributs.get("Target", ""))).lstrip("/"),
            )
            for balise, attributs in self._balises(relations)
            if balise == "Relationship"
        }

    def _balises(self, chemin: str) -> Iterator[tuple[str, dict[str, str]]]:
        """Elements of a small part, in order, their names and those of their attributes without prefix."""
        elements: list[tuple[str, dict[str, str]]] = []

        def poignees(_prefixe: str) -> _Poignees:
            def debut(balise: str, attributs: dict[str, str]) -> None:
                locaux = {nom.rpartition(":")[2]: valeur for nom, valeur in attributs.items()}
                elements.append((balise.rpartition(":")[2], locaux))

            return debut, None, None

        with self.partie(chemin) as flux:
            for octets_lus in _parcourir(flux, poignees):
                if octets_lus > PARTIE_MAX_OCTETS:
                    raise _demesure(f"une partie du classeur dépasse {PARTIE_MAX_OCTETS >> 20} Mio")
                yield from elements
                elements.clear()


@contextmanager
def _ouvrir(chemin: Path, limites: LimitesClasseur) -> Iterator[_Classeur]:
    with chemin.open("rb") as flux, _lisible():
        _verifier_nature(flux)
        with zipfile.ZipFile(flux) as archive:
            _verifier_taille(archive, flux, limites)
            yield _Classeur(archive)


@contextmanager
def _lisible() -> Iterator[None]:
    """Turn what a damaged workbook makes its parsers raise into a finding.

    ValueError and LookupError are among it: numbers that are none, texts that are not there, unknown XML encodings.
    """
    try:
        yield
    except (*_DOMMAGES, OSError) as erreur:
        if isinstance(erreur, OSError) and erreur.errno != errno.EINVAL:  # a seek before the start of the file
            raise
        detail = "le classeur est tronqué ou abîmé : ouvrez-le dans Excel, enregistrez-le et déposez-le de nouveau"
        raise LectureImpossible("FICHIER_ILLISIBLE", detail) from erreur


def _verifier_nature(flux: BinaryIO) -> None:
    debut = flux.read(_BLOC_OCTETS)
    if debut.startswith(b"PK"):
        return
    if not debut:
        raise LectureImpossible("FICHIER_VIDE", "le fichier est vide")
    if debut.startswith(_OLE):
        if _contient(flux, _CHIFFREMENT_OLE):
            detail = "le classeur est protégé par un mot de passe : enregistrez-le sans mot de passe"
            raise LectureImpossible("CLASSEUR_CHIFFRE", detail)
        detail = "classeur à l'ancien format .xls renommé en .xlsx : enregistrez-le au format .xlsx"
        raise LectureImpossible("CONTENU_INATTENDU", detail)
    nature = reconnaitre(debut)
    if nature is None and est_du_texte(debut):
        nature = "fichier texte (CSV)"
    if nature is not None:
        detail = f"{nature} renommé en .xlsx : enregistrez-le au format .xlsx ou rendez-lui son extension"
        raise LectureImpossible("CONTENU_INATTENDU", detail)
    raise LectureImpossible("FICHIER_ILLISIBLE", "ce n'est pas un classeur Excel")


def _contient(flux: BinaryIO, motif: bytes) -> bool:
    flux.seek(0)
    fin = b""
    while bloc := flux.read(_BLOC_OCTETS):
        if motif in fin + bloc:
            return True
        fin = bloc[-len(motif) :]
    return False


def _verifier_taille(archive: zipfile.ZipFile, flux: BinaryIO, limites: LimitesClasseur) -> None:
    membres = archive.infolist()
    if any(membre.flag_bits & 1 for membre in membres):
        raise LectureImpossible("CLASSEUR_CHIFFRE", "le classeur est chiffré : enregistrez-le sans mot de passe")
    if any(membre.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for membre in membres):
        raise zipfile.BadZipFile("compression that workbooks do not use")
    # The sizes announced bound what is unpacked: the zip reader never gives more.
    deplies = sum(membre.file_size for membre in membres)
    if deplies > limites.octets:
        raise _demesure(f"{deplies} octets une fois décompressé, {limites.octets} au plus")
    compresses = flux.seek(0, 2)
    if deplies > RATIO_JUGE_DES_OCTETS and deplies > limites.ratio * compresses:
        raise _demesure(f"{deplies} octets une fois décompressé pour {compresses} octets reçus")


def _nature_du_zip(membres: dict[str, str]) -> str:
    if "xl/workbook.bin" in membres:
        return "classeur Excel binaire (.xlsb) renommé en .xlsx : enregistrez-le au format .xlsx"
    if "content.xml" in membres:
        return "document OpenDocument (.ods) renommé en .xlsx : enregistrez-le au format .xlsx"
    if "word/document.xml" in membres:
        return "document Word renommé en .xlsx"
    return "archive ZIP sans classeur Excel : si c'est une archive de fichiers, nommez-la .zip"


def _demesure(detail: str) -> LectureImpossible:
    return LectureImpossible("CLASSEUR_DEMESURE", f"{detail} : supprimez ce qui est hors du tableau et redéposez")


# ---- the XML

_Debut = Callable[[str, dict[str, str]], None]
_Poignees = tuple[_Debut, Callable[[str], None] | None, Callable[[str], None] | None]


def _parcourir(flux: IO[bytes], poignees: Callable[[str], _Poignees]) -> Iterator[int]:
    """Parse a part with the handlers (start, end, text) that `poignees` gives for the prefix of its root element.

    Yields the number of bytes read so far after each block, so that the caller takes what its handlers gathered.
    """
    analyseur = expat.ParserCreate()
    analyseur.buffer_text = True

    def racine(balise: str, _attributs: dict[str, str]) -> None:
        prefixe = balise[: balise.rfind(":") + 1]
        debut, fin, texte = poignees(prefixe)
        analyseur.StartElementHandler = debut
        analyseur.EndElementHandler = fin
        analyseur.CharacterDataHandler = texte

    def doctype(*_: object) -> None:
        raise LectureImpossible(
            "FICHIER_ILLISIBLE", "le classeur contient une déclaration DOCTYPE, qu'Excel n'écrit pas"
        )

    analyseur.StartElementHandler = racine
    analyseur.StartDoctypeDeclHandler = doctype
    octets_lus = 0
    while bloc := flux.read(_BLOC_OCTETS):
        octets_lus += len(bloc)
        analyseur.Parse(bloc, False)
        if octets_lus - analyseur.CurrentByteIndex > _JETON_MAX_OCTETS:
            raise _demesure(f"une balise dépasse {_JETON_MAX_OCTETS >> 20} Mio")
        yield octets_lus
    analyseur.Parse(b"", True)
    yield octets_lus


def _textes_partages(flux: IO[bytes]) -> list[str]:
    textes: list[str] = []
    caracteres = 0

    def poignees(prefixe: str) -> _Poignees:
        si, t, rph = prefixe + "si", prefixe + "t", prefixe + "rPh"
        texte, garde, phonetique = "", False, False

        def debut(balise: str, _attributs: dict[str, str]) -> None:
            nonlocal texte, garde, phonetique
            if balise == t:
                garde = not phonetique
            elif balise == si:
                texte = ""
            elif balise == rph:
                phonetique = True

        def fin(balise: str) -> None:
            nonlocal garde, phonetique, caracteres
            if balise == t:
                garde = False
            elif balise == si:
                textes.append(_sans_echappement(texte))
                caracteres += len(texte)
            elif balise == rph:
                phonetique = False

        def lettres(suite: str) -> None:
            nonlocal texte
            if garde:
                texte = _suite(texte, suite)

        return debut, fin, lettres

    for _ in _parcourir(flux, poignees):
        if len(textes) > TEXTES_MAX or caracteres > TEXTES_MAX_CARACTERES:
            raise _demesure(f"plus de {TEXTES_MAX} textes différents ou de {TEXTES_MAX_CARACTERES} caractères")
    return textes


class _Grille:
    """The rows of a sheet, gathered in `lignes` while its XML is parsed."""

    def __init__(
        self,
        textes: list[str],
        formats: dict[str, Convertisseur],
        limites: LimitesClasseur,
    ) -> None:
        self.lignes: list[LigneLue] = []
        self.natives: dict[int, list[int]] = {}  # rank of a column → rows whose cell is a date
        self._styles_de_date = {style for style, c in formats.items() if isinstance(c, _Moment)}
        self._textes, self._formats, self._limites = textes, formats, limites
        self._par_defaut = formats["0"]
        self._rangs: dict[str, int] = {}  # letters of a column → its rank from 0
        self._cellules: list[str | None] = []
        self._numero = self._precedent = self._caracteres = self._largeur = 0
        self._rang = -1
        self._sans_numero = self._garde = self._phonetique = False
        self._type: str | None = None
        self._style = "0"
        self._texte: str | None = None
        self._formule: tuple[int, int] | None = None  # the last cell with a formula: row, rank
        self._valeur_vue = False
        self._sans_valeur: dict[int, list[int]] = {}  # rank of a column → first rows with a formula and no value
        self._fusions: list[tuple[int, int, int, int]] = []  # first row and rank, last row and rank

    def poignees(self, prefixe: str) -> _Poignees:
        """What is called at each element whose names begin with `prefixe`."""
        self._c, self._row, self._rph = prefixe + "c", prefixe + "row", prefixe + "rPh"
        self._f, self._fusion = prefixe + "f", prefixe + "mergeCell"
        self._porteurs_de_texte = frozenset((prefixe + "v", prefixe + "t"))
        return self._debut, self._fin, self._lettres

    def _debut(self, balise: str, attributs: dict[str, str]) -> None:
        if balise == self._c:
            if (reference := attributs.get("r")) is None:
                self._rang += 1
            else:
                colonne = reference.rstrip(_CHIFFRES)
                try:
                    self._rang = self._rangs[colonne]
                except KeyError:
                    self._rang = self._rangs[colonne] = _rang(colonne)
                if self._sans_numero:
                    self._numero, self._sans_numero = int(reference[len(colonne) :]), False
            self._type, self._style, self._texte = attributs.get("t"), attributs.get("s", "0"), None
        elif balise in self._porteurs_de_texte:
            self._garde = self._valeur_vue = not self._phonetique
        elif balise == self._row:
            self._sans_numero = "r" not in attributs
            self._numero = self._precedent + 1 if self._sans_numero else int(attributs["r"])
            self._cellules, self._rang, self._caracteres = [], -1, 0
        elif balise == self._rph:
            self._phonetique = True
        elif balise == self._f:
            self._formule, self._valeur_vue = (self._numero, self._rang), False
        elif balise == self._fusion and (plage := _PLAGE.fullmatch(attributs.get("ref", ""))):
            if len(self._fusions) == FUSIONS_MAX:
                raise _demesure(f"plus de {FUSIONS_MAX} fusions de cellules")
            self._fusions.append((int(plage[2]), _rang(plage[1]), int(plage[4]), _rang(plage[3])))

    def _marquer_native(self, type_: str | None) -> None:
        if type_ == "d" or (type_ in (None, "n") and self._style in self._styles_de_date):
            self.natives.setdefault(self._rang, []).append(self._numero)

    def _fin(self, balise: str) -> None:
        if balise == self._c:
            if (texte := self._texte) is None:
                self._finir_vide()
                return
            type_ = self._type
            if type_ == "s":
                valeur = self._textes[int(texte)]
            elif type_ is None or type_ == "n":
                valeur = self._formats.get(self._style, self._par_defaut)(texte)
            elif type_ == "b":
                valeur = _BOOLEENS.get(texte, texte)
            elif type_ == "d":
                valeur = _instant_iso(texte)
            else:
                valeur = _sans_echappement(texte)
            self._marquer_native(type_)
            self._caracteres += len(valeur)
            cellules = self._cellules
            if self._rang == len(cellules) < self._limites.colonnes:
                cellules.append(valeur)
            else:
                _poser(cellules, self._rang, valeur, self._limites)
        elif balise == self._row:
            self._finir_ligne()
        elif balise == self._rph:
            self._phonetique = False
        else:
            self._garde = False

    def _finir_vide(self) -> None:
        """A cell without text: one whose formula nobody computed is not empty, as one that gives an empty text is."""
        calculee = self._valeur_vue and self._type == "str"
        if self._formule == (self._numero, self._rang) and not calculee:
            lignes = self._sans_valeur.setdefault(self._rang, [])
            if len(lignes) < _LIGNES_RETENUES:
                lignes.append(self._numero)

    def remarques(self, ligne_entete: int, connues: Mapping[int, str], lues: pl.Series) -> Iterator[Remarque]:
        """What makes cells of the rows `lues` (in order) say less than they show, in the columns `connues` (rank → name)."""
        for rang, colonne in connues.items():
            for ligne in self._sans_valeur.get(rang, ()):
                if ligne > ligne_entete:
                    yield Remarque("FORMULE_SANS_VALEUR", ligne, colonne)
        for haut, gauche, bas, droite in self._fusions:
            # The first of its cells keeps its value; one above or beside the data hides none.
            suivante = lues.search_sorted(max(haut + (haut < bas), ligne_entete + 1))
            if suivante < len(lues) and lues[suivante] <= bas:
                plage = f"{_lettres(gauche)}{haut}:{_lettres(droite)}{bas}"
                for rang in range(gauche + (haut == bas), min(droite, self._limites.colonnes) + 1):
                    if rang in connues:
                        yield Remarque("CELLULES_FUSIONNEES", lues[suivante], connues[rang], plage, derniere=bas)

    def _finir_ligne(self) -> None:
        numero, limites = self._numero, self._limites
        if numero <= self._precedent:
            raise ValueError("rows out of order")
        if numero > limites.lignes:
            raise _demesure(f"une ligne {numero}, {limites.lignes} au plus")
        self._precedent = numero
        if self._cellules:
            self._largeur = max(self._largeur, len(self._cellules))
            if numero * self._largeur > limites.cellules:
                raise _demesure(f"{numero} lignes sur {self._largeur} colonnes, {limites.cellules} cellules au plus")
            self.lignes.append((numero, self._cellules, self._caracteres))

    def _lettres(self, suite: str) -> None:
        if self._garde:
            self._texte = suite if self._texte is None else _suite(self._texte, suite)


def _poser(cellules: list[str | None], rang: int, valeur: str, limites: LimitesClasseur) -> None:
    if rang >= limites.colonnes:
        raise _demesure(f"une cellule en colonne {rang + 1}, {limites.colonnes} colonnes au plus")
    cellules.extend((None,) * (rang + 1 - len(cellules)))
    cellules[rang] = valeur


def _suite(texte: str, suite: str) -> str:
    if len(texte) + len(suite) > TEXTE_MAX_CARACTERES:
        raise _demesure(f"une cellule de plus de {TEXTE_MAX_CARACTERES} caractères")
    return texte + suite


def _rang(colonne: str) -> int:
    """Rank from 0 of a column: A → 0, Z → 25, AA → 26."""
    if not re.fullmatch("[A-Z]{1,3}", colonne):
        raise ValueError("not a column")
    rang = 0
    for lettre in colonne:
        rang = rang * 26 + ord(lettre) - 64
    return rang - 1


def _lettres(rang: int) -> str:
    """Letters of a column from its rank: 0 → A, 26 → AA."""
    return (_lettres(rang // 26 - 1) if rang >= 26 else "") + chr(65 + rang % 26)


def _sans_echappement(texte: str) -> str:
    """Text without the `_xHHHH_` that stand for characters that XML cannot hold."""
    if "_x" not in texte:
        return texte

    def lettre(trouve: re.Match[str]) -> str:
        code = int(trouve[1], 16)
        return trouve[0] if code == 0 or 0xD800 <= code < 0xE000 else chr(code)

    return _ECHAPPEMENT.sub(lettre, texte)


# ---- numbers as text


def _convertisseur(identifiant: str, code: str | None, nombre: Convertisseur, moment: Convertisseur) -> Convertisseur:
    """Give how a number shows in a format: a moment, a duration, digits padded with zeros, or just a number."""
    if code is None:
        if identifiant in _FORMATS_MOMENT:
            return moment
        return _duree if identifiant == _FORMAT_DUREE else nombre
    code = _LITTERAUX.sub("", code)
    if re.search(r"\[(h+|m+|s+)\]", code, re.I):
        return _duree
    code = re.sub(r"\[[^\]]*\]", "", code)
    premier = code.split(";")[0].strip()
    if re.fullmatch("0{2,}", premier):
        return lambda texte: nombre(texte).zfill(len(premier))
    code = _GENERAL.sub("", _FRACTION_DE_SECONDE.sub("s", code))
    # Digits to fill in beside letters that are not quoted: a number and its unit.
    return moment if _LETTRES_DE_MOMENT.search(code) and not re.search("[0#?]", code) else nombre


def _nombre(texte: str) -> str:
    """Shortest text of a number: no decimals and no exponent when it is whole, up to 15 digits."""
    if texte.isdecimal() and texte.isascii() and (texte[0] != "0" or texte == "0"):
        return texte
    try:
        valeur = float(texte)
    except ValueError:
        return texte
    if not math.isfinite(valeur):
        return texte
    return str(int(valeur)) if valeur.is_integer() and abs(valeur) < 1e15 else repr(valeur).upper()


def _instant_iso(texte: str) -> str:
    """A cell of type date, written as a native date is; anything else as it stands."""
    lu = _INSTANT_ISO.fullmatch(texte)
    if lu is None:
        return texte
    heure = f"{lu[2] or '00:00'}:{lu[3] or '00'}"
    return lu[1] if heure == "00:00:00" else f"{lu[1]} {heure}"


def _moment(texte: str, *, origine_1904: bool) -> str:
    """Text of a serial date: day, day and time, or time alone under one day."""
    secondes = _secondes(texte)
    jours = secondes // _JOUR_S if secondes is not None else -1
    if secondes is None or not 0 <= jours < _JOURS_MAX - (1_462 if origine_1904 else 0):
        return _nombre(texte)
    heure = _heure(secondes % _JOUR_S)
    if float(texte) < 1:
        return heure
    origine = date(1904, 1, 1) if origine_1904 else date(1899, 12, 30)
    if jours < 60 and not origine_1904:  # Excel believes that 1900 was a leap year
        origine = date(1899, 12, 31)
    jour = origine + timedelta(days=jours)
    return f"{jour}" if secondes % _JOUR_S == 0 else f"{jour} {heure}"


def _duree(texte: str) -> str:
    secondes = _secondes(texte)
    return _nombre(texte) if secondes is None or secondes < 0 else _heure(secondes)


def _heure(secondes: int) -> str:
    return f"{secondes // 3600:02}:{secondes // 60 % 60:02}:{secondes % 60:02}"


def _secondes(jours: str) -> int | None:
    """Whole seconds in a number of days; binary fractions that miss the second by less than a millisecond reach it."""
    try:
        return math.floor(float(jours) * _JOUR_S + _ARTEFACT_S)
    except (ValueError, OverflowError):
        return None
