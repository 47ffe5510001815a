"""CSV exports as they come: encoding, separator and damage are found out from the bytes, rows are streamed.

The file is read twice from its handle: once to settle the encoding on all of it (a file that is UTF-8 for a million
lines and Windows-1252 on the next one is Windows-1252), once to give its rows. Neither pass holds more than one lot.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import os
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import BinaryIO, cast

import polars as pl

from transforms.lecture.modele import LIGNE, SURPLUS, Feuille, LectureImpossible

SEPARATEURS = (";", "\t", "|", ",")  # on a tie the first wins: commas are the likeliest to be there by accident
COLONNES_MAX = 2_000
CHAMP_MAX_CARACTERES = 1 << 20
LIGNE_MAX_OCTETS = 8 << 20
LOT_MAX_CARACTERES = 16 << 20
LOT_MAX_CELLULES = 4_000_000
OCTETS_MAX = 2 << 30
RATIO_MAX = 200
RATIO_JUGE_DES_OCTETS = 10 << 20

_BLOC_OCTETS = 1 << 20
_LIGNES_OBSERVEES = 50
_LIGNES_AVALEES = 3
_ASCII = bytes(range(0x80))
_CONTROLES = re.compile(rb"[\x01-\x08\x0e-\x1a]")
_C1 = frozenset(range(0x80, 0xA0))
_LATIN9 = frozenset(b"\xa4\xbc\xbd\xbe")
_MARQUES = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SIGNATURES = (
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "classeur Excel ancien (.xls) ou protégé par un mot de passe"),
    (b"%PDF", "document PDF"),
    (b"\x1f\x8b", "fichier compressé (.gz)"),
    (b"7z\xbc\xaf\x27\x1c", "archive 7-Zip"),
    (b"Rar!", "archive RAR"),
    (b"PAR1", "fichier Parquet"),
    (b"{\\rtf", "document texte (RTF)"),
)
_BALISES = (
    (re.compile(rb"<\?xml|<!--.*?-->\s*<\?xml", re.I | re.S), "fichier XML"),
    (re.compile(rb"<(!doctype\s+html|!--|html|head|body|meta|table|style|div)\b", re.I), "page HTML"),
    (re.compile(rb"<[a-z]", re.I), "fichier XML"),
    (re.compile(rb'\{\s*["}]|\[\s*\{'), "fichier JSON"),
)
_DECLARATION = re.compile(r'"?sep=([;,\t|])"?\s*', re.I)
_FINS_DE_LIGNE = re.compile(r"\r\n|\r|\n")

# One row as read: line where it starts, its cells, its size in characters.
LigneLue = tuple[int, Sequence[str | None], int]


def reconnaitre(debut: bytes) -> str | None:
    """Name (French) what a file that is no table of text really is, from its first bytes; None when nothing shows."""
    if debut.startswith(b"PK\x03\x04"):
        return "classeur Excel" if b"xl/" in debut or b"[Content_Types].xml" in debut else "archive ZIP"
    for signature, nature in _SIGNATURES:
        if debut.startswith(signature):
            return nature
    for marque, _ in _MARQUES:
        debut = debut.removeprefix(marque)
    texte = debut.replace(b"\0", b"").lstrip()
    return next((nature for balise, nature in _BALISES if balise.match(texte)), None)


def est_du_texte(debut: bytes) -> bool:
    """Tell whether the first bytes of a file look like text, in any encoding that CSV files come in."""
    return not _CONTROLES.search(debut.replace(b"\0", b""))


def en_lots(lignes: Iterator[LigneLue], n_colonnes: int, taille_lot: int) -> Iterator[pl.DataFrame]:
    """Gather rows into the frames of a `Feuille` of `n_colonnes`: short rows are filled with nulls, longer ones cut.

    A lot has at most `taille_lot` rows, fewer when rows are wide or long: its memory is bounded whatever the file.
    """
    lignes_max = max(1, min(taille_lot, LOT_MAX_CELLULES // n_colonnes))
    numeros: list[int] = []
    surplus: list[bool] = []
    # One flat list, row after row: a list per row would keep the garbage collector busy half of the time.
    cellules: list[str | None] = []
    caracteres = 0
    for numero, champs, taille in lignes:
        en_trop = False
        if len(champs) == n_colonnes:
            cellules.extend(champs)
        else:
            cellules.extend(champs[:n_colonnes])
            cellules.extend((None,) * (n_colonnes - len(champs)))
            en_trop = not est_blanche(champs[n_colonnes:])
        numeros.append(numero)
        surplus.append(en_trop)
        caracteres += taille
        if len(numeros) >= lignes_max or caracteres >= LOT_MAX_CARACTERES:
            yield _lot(numeros, cellules, surplus)
            numeros, cellules, surplus, caracteres = [], [], [], 0
    if numeros:
        yield _lot(numeros, cellules, surplus)


def _lot(numeros: list[int], cellules: list[str | None], surplus: list[bool]) -> pl.DataFrame:
    n_colonnes = len(cellules) // len(numeros)
    return pl.DataFrame(
        [
            *(pl.Series(f"c{rang}", cellules[rang::n_colonnes], dtype=pl.String) for rang in range(n_colonnes)),
            pl.Series(LIGNE, numeros, dtype=pl.UInt32),
            pl.Series(SURPLUS, surplus, dtype=pl.Boolean),
        ]
    )


def est_blanche(champs: Sequence[str | None]) -> bool:
    """Tell whether no cell of the row has a visible character."""
    return not any(champ and not champ.isspace() for champ in champs)


def lire_csv(flux: BinaryIO, *, taille_lot: int = 100_000) -> Feuille:
    """Read a CSV (specification §4) from an open, seekable binary handle, which stays open and belongs to the caller.

    Separator: `;`, tab, `|` or `,`: the one that cuts most of the first data rows without passing the header, then the
    one that cuts the header most, quotes respected; a first line `sep=;` decides and is no data. Encoding: BOM; NUL
    pattern of UTF-16; UTF-8 if the whole file is; else Windows-1252 if any byte 0x80–0x9F occurs (letters there,
    control codes in ISO-8859); else ISO-8859-15 if a byte is one of its additions `€ Œ œ Ÿ` (0xA4, 0xBC, 0xBD, 0xBE);
    else Windows-1252, which says the same for all other French letters. Bytes without meaning become U+FFFD.

    `ligne` is the physical line where the record starts; blank lines are skipped, before the header too.

    Raises `LectureImpossible`, at the call or while the lots are iterated: FICHIER_VIDE, CONTENU_INATTENDU,
    ENCODAGE_INCONNU, FICHIER_ILLISIBLE (also when `flux` decompresses and its content is truncated or corrupt),
    GUILLEMET_OUVERT (with the line where the open record starts).
    """
    with _decompression():
        encodage, saut = _encodage(flux)
    lignes = _enregistrements(flux, encodage, saut)
    for ligne, champs, _ in lignes:
        if not est_blanche(champs):
            return Feuille(None, _entetes(champs, ligne), en_lots(lignes, len(champs), taille_lot))
    raise LectureImpossible("FICHIER_VIDE", "le fichier ne contient aucune donnée")


def lire_csv_gz(
    flux: BinaryIO, *, taille_lot: int = 100_000, octets_max: int = OCTETS_MAX, ratio_max: float = RATIO_MAX
) -> Feuille:
    """Read a gzip-compressed CSV from an open, seekable binary handle, as `lire_csv` does.

    Raises what `lire_csv` raises, and ARCHIVE_DEMESUREE when the file unpacks to more than `octets_max` bytes or, above
    10 MiB unpacked, to more than `ratio_max` times its size.
    """
    return lire_csv(cast(BinaryIO, _Gzip(flux, octets_max, ratio_max)), taille_lot=taille_lot)


class _Gzip(gzip.GzipFile):
    """A gzip stream that does not unpack without limit."""

    def __init__(self, flux: BinaryIO, octets_max: int, ratio_max: float) -> None:
        octets_compresses = flux.seek(0, os.SEEK_END)
        flux.seek(0)
        super().__init__(fileobj=flux, mode="rb")
        self._limite = min(octets_max, max(RATIO_JUGE_DES_OCTETS, int(ratio_max * octets_compresses)))

    def read(self, size: int | None = -1) -> bytes:
        octets = super().read(size)
        if self.tell() > self._limite:
            detail = f"le fichier .gz dépasse {self._limite} octets une fois décompressé"
            raise LectureImpossible("ARCHIVE_DEMESUREE", detail)
        return octets

    def read1(self, size: int = -1) -> bytes:
        return self.read(size)


@contextmanager
def _decompression() -> Iterator[None]:
    """Turn what a damaged compressed handle raises into a finding."""
    try:
        yield
    except (gzip.BadGzipFile, zipfile.BadZipFile, EOFError, zlib.error) as erreur:
        detail = "le fichier compressé est tronqué ou abîmé : déposez-le de nouveau"
        raise LectureImpossible("FICHIER_ILLISIBLE", detail) from erreur


def _encodage(flux: BinaryIO) -> tuple[str, int]:
    """Give the encoding of the whole file and the number of bytes of its BOM."""
    flux.seek(0)
    debut = flux.read(_BLOC_OCTETS)
    if nature := reconnaitre(debut):
        raise LectureImpossible("CONTENU_INATTENDU", _conseil(nature))
    encodage, saut = _encodage_annonce(debut)
    if encodage == "utf-32":
        raise LectureImpossible("ENCODAGE_INCONNU", "le fichier est en UTF-32 : enregistrez-le en UTF-8")
    if encodage in ("utf-16-le", "utf-16-be"):
        _verifier_utf16(flux, encodage, saut)
        return encodage, saut
    return _encodage_octets(flux, saut), saut


def _conseil(nature: str) -> str:
    if nature == "classeur Excel":
        return "classeur Excel renommé en .csv : enregistrez-le au format CSV ou déposez-le en .xlsx"
    return f"{nature} et non un fichier CSV : refaites l'export au format CSV"


def _encodage_annonce(debut: bytes) -> tuple[str | None, int]:
    for marque, encodage in _MARQUES:
        if debut.startswith(marque):
            return encodage, len(marque)
    paires = len(debut) // 2
    nuls_pairs, nuls_impairs = debut[0::2].count(0), debut[1::2].count(0)
    if paires and nuls_impairs > paires / 2 and not nuls_pairs:
        return "utf-16-le", 0
    if paires and nuls_pairs > paires / 2 and not nuls_impairs:
        return "utf-16-be", 0
    return None, 0


def _blocs(flux: BinaryIO, saut: int) -> Iterator[bytes]:
    flux.seek(saut)
    sans_fin_de_ligne = 0
    while bloc := flux.read(_BLOC_OCTETS):
        fin = max(bloc.rfind(b"\n"), bloc.rfind(b"\r"))
        sans_fin_de_ligne = sans_fin_de_ligne + len(bloc) if fin < 0 else len(bloc) - fin - 1
        if sans_fin_de_ligne > LIGNE_MAX_OCTETS:
            detail = f"une ligne dépasse {LIGNE_MAX_OCTETS >> 20} Mio : ce n'est pas un tableau"
            raise LectureImpossible("FICHIER_ILLISIBLE", detail)
        yield bloc


def _verifier_utf16(flux: BinaryIO, encodage: str, saut: int) -> None:
    decodeur = codecs.getincrementaldecoder(encodage)()
    ligne = 1
    for bloc in _blocs(flux, saut):
        try:
            texte = decodeur.decode(bloc)
        except UnicodeDecodeError as erreur:
            detail = "le fichier commence en UTF-16 et ne l'est plus ensuite : enregistrez-le en UTF-8"
            raise LectureImpossible("ENCODAGE_INCONNU", detail) from erreur
        if (rang := texte.find("\0")) >= 0:
            raise _caractere_nul(ligne + texte.count("\n", 0, rang))
        ligne += texte.count("\n")


def _encodage_octets(flux: BinaryIO, saut: int) -> str:
    decodeur = codecs.getincrementaldecoder("utf-8")()
    en_utf8, accents_en_utf8, ligne = True, bool(saut), 1
    hauts: set[int] = set()
    for bloc in _blocs(flux, saut):
        if (rang := bloc.find(0)) >= 0:
            raise _caractere_nul(ligne + bloc.count(b"\n", 0, rang))
        hauts.update(bloc.translate(None, _ASCII))
        if en_utf8:
            try:
                accents_en_utf8 |= not decodeur.decode(bloc).isascii()
            except UnicodeDecodeError as erreur:
                if saut:
                    detail = "le fichier s'annonce en UTF-8 (BOM) mais a des caractères d'un autre encodage"
                    fautive = ligne + erreur.object.count(b"\n", 0, erreur.start)
                    raise LectureImpossible("ENCODAGE_INCONNU", detail, fautive) from erreur
                en_utf8 = False
        ligne += bloc.count(b"\n")
    # Bytes left over at the end are a last letter cut in two, unless nothing before them was UTF-8 either.
    if en_utf8 and (accents_en_utf8 or not decodeur.getstate()[0]):
        return "utf-8"
    return "iso8859-15" if hauts & _LATIN9 and not hauts & _C1 else "cp1252"


def _caractere_nul(ligne: int) -> LectureImpossible:
    detail = "le fichier contient des caractères nuls : il est abîmé ou n'est pas du texte ; refaites l'export"
    return LectureImpossible("CONTENU_INATTENDU", detail, ligne)


def _separateur(flux: BinaryIO, encodage: str, saut: int) -> tuple[str, int]:
    """Give the separator and the number of physical lines (0 or 1) taken by its declaration `sep=`."""
    flux.seek(saut)
    texte = flux.read(_BLOC_OCTETS).decode(encodage, "replace")
    lignes = list(islice(io.StringIO(texte, newline=""), _LIGNES_OBSERVEES))
    if lignes and (declaration := _DECLARATION.fullmatch(lignes[0])):
        return declaration[1], 1

    def merite(separateur: str) -> tuple[int, int]:
        rangees = [r for r in csv.reader(lignes, delimiter=separateur) if not est_blanche(r)]
        if not rangees:  # nothing but separators
            return len(lignes), 0
        largeur = len(rangees[0])
        return sum(1 < len(rangee) <= largeur for rangee in rangees[1:]), largeur

    return max(SEPARATEURS, key=merite), 0


def _enregistrements(flux: BinaryIO, encodage: str, saut: int) -> Iterator[LigneLue]:
    """Yield every record that is not an empty line, the header among them."""
    csv.field_size_limit(CHAMP_MAX_CARACTERES)  # of the process: there is no other; its default refuses 128 KiB
    with _decompression():
        separateur, entamees = _separateur(flux, encodage, saut)
        flux.seek(saut)
        texte = io.TextIOWrapper(flux, encoding=encodage, errors="replace", newline="")
        try:
            yield from _analyser(texte, separateur, entamees)
        finally:
            if not flux.closed:
                texte.detach()


def _analyser(texte: Iterable[str], separateur: str, entamees: int) -> Iterator[LigneLue]:
    """Cut physical lines into records; the first `entamees` lines count but are no data."""
    derniere, ligne, caracteres, largeur = "", 1, 0, 0

    def lignes_physiques() -> Iterator[str]:
        nonlocal derniere, caracteres
        for derniere in islice(texte, entamees, None):
            caracteres += len(derniere)
            if caracteres > LOT_MAX_CARACTERES:
                raise _guillemet_ouvert(ligne)
            yield derniere

    # Strict, so that text behind a closing quote shows: it is how a stray quote met by another one far below is found.
    lecteur = csv.reader(lignes_physiques(), delimiter=separateur, strict=True)
    while True:
        lues, caracteres = lecteur.line_num, 0
        ligne = entamees + lues + 1
        try:
            champs = next(lecteur)
        except StopIteration:
            return
        except csv.Error as erreur:
            if lecteur.line_num > lues + 1:
                raise _guillemet_ouvert(ligne) from erreur
            champs = _champs_tolerants(derniere, separateur, ligne)
        if not champs:
            continue
        largeur = largeur or (0 if est_blanche(champs) else len(champs))
        if lecteur.line_num - lues > _LIGNES_AVALEES and _avale_des_lignes(champs, separateur, largeur):
            raise _guillemet_ouvert(ligne)
        yield ligne, champs, caracteres


def _champs_tolerants(texte: str, separateur: str, ligne: int) -> list[str]:
    """Cells of a record that stands on one line but is no proper CSV, such as `"a"b;c`."""
    try:
        champs = next(csv.reader([texte.rstrip("\r\n") + "\n"], delimiter=separateur))
    except csv.Error as erreur:
        if '"' in texte:
            raise _guillemet_ouvert(ligne) from erreur
        detail = f"une cellule dépasse {CHAMP_MAX_CARACTERES} caractères"
        raise LectureImpossible("FICHIER_ILLISIBLE", detail, ligne) from erreur
    if champs[-1].endswith("\n"):  # only an open quote takes the line end into the cell
        raise _guillemet_ouvert(ligne)
    return champs


def _avale_des_lignes(champs: Sequence[str], separateur: str, largeur: int) -> bool:
    """Tell a quote closed by another stray one far below: what it holds are rows of the table, not to be lost."""
    return largeur > 2 and any(
        len(lignes := _FINS_DE_LIGNE.split(champ)[1:-1]) >= _LIGNES_AVALEES
        and all(ligne.count(separateur) == largeur - 1 for ligne in lignes)
        for champ in champs
    )


def _guillemet_ouvert(ligne: int) -> LectureImpossible:
    detail = "un guillemet ouvert dans cet enregistrement n'est pas refermé : les lignes suivantes y seraient perdues"
    return LectureImpossible("GUILLEMET_OUVERT", detail, ligne)


def _entetes(champs: Sequence[str | None], ligne: int) -> tuple[str, ...]:
    if len(champs) > COLONNES_MAX:
        detail = f"{len(champs)} colonnes dans l'en-tête : {COLONNES_MAX} au plus sont lues"
        raise LectureImpossible("FICHIER_ILLISIBLE", detail, ligne)
    return tuple(champ or "" for champ in champs)
