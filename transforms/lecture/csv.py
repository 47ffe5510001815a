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
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain, islice
from typing import BinaryIO, cast

import polars as pl

from transforms.dire.formats import accord
from transforms.lecture.entetes import LIGNES_CHERCHEES, Attendu
from transforms.lecture.modele import LIGNE, SURPLUS, Feuille, LectureImpossible, Remarque

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
# Older encodings: the bytes that French text is written with there, and letters that Windows-1252 makes no sense of (a low
# quote, a per mille sign or a capital inside a word of small letters, or no character at all).
_FRANCAIS_ANCIEN = "éèàùâêîôûëïüçÉÈÀÙÂÊÎÔÛËÏÜÇ«»°²§·\u00a0–—’‘“”…œŒæÆ€"
_ANCIENS = tuple(
    (encodage, frozenset(_FRANCAIS_ANCIEN.encode(encodage, "ignore")), re.compile(temoin))
    for encodage, temoin in (
        ("cp850", rb"[A-Za-z][\x82\x87-\x89][a-z]|[a-z]\x8a[a-z]|[a-z\x82]\x82[;,\t|\"\r\n]"),
        ("mac_roman", rb"[a-z][\x88\x89\x8d-\x90\x9d][a-z]|[a-z]\x8e(?![A-Za-z])"),
    )
)
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

SANS_ATTENTE = Attendu()


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


def tableau(
    nom: str | None, lignes: Iterator[LigneLue], attendu: Attendu, taille_lot: int, *, rogner: bool = False
) -> Feuille:
    """Find the header among the first rows (specification §4, "Where the table is"); the rows behind it are the table.

    The header is the first of `LIGNES_CHERCHEES` non-blank rows that names what the table needs, else the first of them;
    `rogner`: its blank cells at the end are none.
    Raises `LectureImpossible`: FICHIER_VIDE; DEUX_TABLEAUX (a row above the header is one of the table, or the header of
    another); FICHIER_ILLISIBLE (too many columns).
    """
    au_dessus: list[LigneLue] = []
    entete = None
    for lue in lignes:
        if est_blanche(lue[1]):
            continue
        if attendu.est_entete(lue[1]):
            entete = lue
            break
        au_dessus.append(lue)
        if len(au_dessus) == LIGNES_CHERCHEES:
            break
    if entete is None:
        if not au_dessus:
            raise LectureImpossible("FICHIER_VIDE", "il ne contient aucune donnée")
        entete, *suite = au_dessus
        lignes, au_dessus = chain(suite, lignes), []
    for ligne, champs, _ in au_dessus:
        if attendu.est_du_tableau(champs):
            raise LectureImpossible("DEUX_TABLEAUX", f"l'en-tête a été reconnu à la ligne {entete[0]}", ligne)
    ligne, champs, _ = entete
    largeur = max(rang for rang, champ in enumerate(champs, 1) if not (rogner and est_blanche([champ])))
    if largeur > COLONNES_MAX:
        detail = f"{largeur} colonnes dans l'en-tête : {COLONNES_MAX} au plus sont lues"
        raise LectureImpossible("FICHIER_ILLISIBLE", detail, ligne)
    remarques = []
    if au_dessus:
        detail = f"{accord(len(au_dessus), 'ligne')} au-dessus de l'en-tête, lu à la ligne {ligne}."
        remarques.append(Remarque("LIGNES_AVANT_ENTETE", ligne=au_dessus[0][0], detail=detail))
    entetes = tuple(champ or "" for champ in champs[:largeur])
    return Feuille(nom, entetes, en_lots(lignes, largeur, taille_lot), ligne, remarques)


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


def lire_csv(flux: BinaryIO, attendu: Attendu = SANS_ATTENTE, *, taille_lot: int = 100_000) -> Feuille:
    """Read a CSV (specification §4) from an open, seekable binary handle, which stays open and belongs to the caller.

    Separator: `;`, tab, `|` or `,`: the one that shows the header (see `tableau`), then the one that cuts most of the
    first data rows without passing the header, then the one that cuts the header most, quotes respected; a first line
    `sep=;` decides and is no data. Encoding: BOM; NUL pattern of UTF-16; UTF-8 if the whole file is; CP850 or Mac Roman
    where they alone make French of the bytes (`_encodage_ancien`); else Windows-1252 if any byte 0x80–0x9F occurs (letters
    there, control codes in ISO-8859); else ISO-8859-15 if a byte is one of its additions `€ Œ œ Ÿ` (0xA4, 0xBC, 0xBD,
    0xBE); else Windows-1252, which says the same for all other French letters. Bytes without meaning become U+FFFD.

    `ligne` is the physical line where the record starts; blank lines are skipped, before the header too.

    Raises `LectureImpossible`, at the call or while the lots are iterated: what `tableau` raises, CONTENU_INATTENDU,
    ENCODAGE_INCONNU, FICHIER_ILLISIBLE (also when `flux` decompresses and its content is truncated or corrupt),
    GUILLEMET_OUVERT (with the line where the open record starts).
    """
    csv.field_size_limit(CHAMP_MAX_CARACTERES)  # of the process: there is no other; its default refuses 128 KiB
    with _decompression():
        encodage, saut = _encodage(flux)
        separateur, entamees = _separateur(flux, encodage, saut, attendu)
    plurilignes: list[tuple[int, Sequence[str]]] = []
    flux.seek(saut)
    lignes = _enregistrements(flux, encodage, lambda texte: _analyser(texte, separateur, entamees, plurilignes))
    feuille = tableau(None, lignes, attendu, taille_lot)

    def lots() -> Iterator[pl.DataFrame]:
        for lot in chain(feuille.lots, [None]):
            for ligne, champs in plurilignes:
                if _avale_des_lignes(champs, separateur, len(feuille.entetes), attendu):
                    raise _guillemet_ouvert(ligne)
            plurilignes.clear()
            if lot is not None:
                yield lot

    return replace(feuille, lots=lots())


def lire_csv_gz(
    flux: BinaryIO,
    attendu: Attendu = SANS_ATTENTE,
    *,
    taille_lot: int = 100_000,
    octets_max: int = OCTETS_MAX,
    ratio_max: float = RATIO_MAX,
) -> Feuille:
    """Read a gzip-compressed CSV from an open, seekable binary handle, as `lire_csv` does.

    Raises what `lire_csv` raises, and ARCHIVE_DEMESUREE when the file unpacks to more than `octets_max` bytes or, above
    10 MiB unpacked, to more than `ratio_max` times its size.
    """
    return lire_csv(cast(BinaryIO, _Gzip(flux, octets_max, ratio_max)), attendu, taille_lot=taille_lot)


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
    if not en_utf8 and (ancien := _encodage_ancien(flux, hauts)):
        return ancien
    # Bytes left over at the end are a last letter cut in two, unless nothing before them was UTF-8 either.
    if en_utf8 and (accents_en_utf8 or not decodeur.getstate()[0]):
        return "utf-8"
    return "iso8859-15" if hauts & _LATIN9 and not hauts & _C1 else "cp1252"


def _encodage_ancien(flux: BinaryIO, hauts: set[int]) -> str | None:
    """CP850 or Mac Roman, where all high bytes are those of French there and only there, and Windows-1252 makes no sense."""
    possibles = [(encodage, temoin) for encodage, francais, temoin in _ANCIENS if hauts <= francais]
    vus: set[str] = set()
    fin = b""
    for bloc in chain(_blocs(flux, 0), [b"\n"]) if possibles else ():
        vus.update(encodage for encodage, temoin in possibles if temoin.search(fin + bloc))
        fin = bloc[-2:]
    return vus.pop() if len(vus) == 1 else None


def _caractere_nul(ligne: int) -> LectureImpossible:
    detail = "le fichier contient des caractères nuls : il est abîmé ou n'est pas du texte ; refaites l'export"
    return LectureImpossible("CONTENU_INATTENDU", detail, ligne)


def _separateur(flux: BinaryIO, encodage: str, saut: int, attendu: Attendu) -> tuple[str, int]:
    """Give the separator and the number of physical lines (0 or 1) taken by its declaration `sep=`."""
    flux.seek(saut)
    texte = flux.read(_BLOC_OCTETS).decode(encodage, "replace")
    physiques = io.StringIO(texte, newline="")
    if declaration := _DECLARATION.fullmatch(premiere := next(physiques, "")):
        return declaration[1], 1
    lignes = list(islice((ligne for ligne in chain([premiere], physiques) if ligne.strip()), _LIGNES_OBSERVEES))

    def merite(separateur: str) -> tuple[bool, int, int]:
        rangees = [r for r in csv.reader(lignes, delimiter=separateur) if not est_blanche(r)]
        if not rangees:  # nothing but separators
            return not attendu.variantes, len(lignes), 0
        rang = next((i for i, r in enumerate(rangees[:LIGNES_CHERCHEES]) if attendu.est_entete(r)), None)
        entete, *donnees = rangees[rang or 0 :]
        return rang is not None, sum(1 < len(rangee) <= len(entete) for rangee in donnees), len(entete)

    return max(SEPARATEURS, key=merite), 0


def _enregistrements(
    flux: BinaryIO, encodage: str, analyser: Callable[[Iterable[str]], Iterator[LigneLue]]
) -> Iterator[LigneLue]:
    """Yield what `analyser` makes of the physical lines, from where `flux` stands."""
    with _decompression():
        texte = io.TextIOWrapper(flux, encoding=encodage, errors="replace", newline="")
        try:
            yield from analyser(texte)
        finally:
            if not flux.closed:
                texte.detach()


def _analyser(
    texte: Iterable[str], separateur: str, entamees: int, plurilignes: list[tuple[int, Sequence[str]]]
) -> Iterator[LigneLue]:
    """Cut physical lines into records, empty lines left out; the first `entamees` lines count but are no data.

    Records that stand on several lines go to `plurilignes` too, to be looked at once the header is known.
    """
    derniere, ligne, caracteres = "", 1, 0

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
        if lecteur.line_num > lues + 1:
            plurilignes.append((ligne, champs))
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


def _avale_des_lignes(champs: Sequence[str], separateur: str, largeur: int, attendu: Attendu) -> bool:
    """Tell a quote closed by another stray one below: what it holds are rows of the table, not to be lost.

    They are where an inner line cuts into as many cells as the header, one of them a FINESS of the porteur (the last line
    with the cells that follow it), or where there are several and all cut so.
    """
    for rang, champ in enumerate(champs):
        lignes = [ligne.split(separateur) for ligne in _FINS_DE_LIGNE.split(champ)[1:]]
        if not lignes:
            continue
        *entieres, derniere = lignes
        pleines = [ligne for ligne in entieres if len(ligne) == largeur > 1]
        if largeur > 2 and len(entieres) >= _LIGNES_AVALEES and len(pleines) == len(entieres):
            return True
        if len(derniere) > 1 and len(derniere) + len(champs) - rang - 1 == largeur:
            pleines.append(derniere)
        if any(map(attendu.a_un_finess, pleines)):
            return True
    return False


def _guillemet_ouvert(ligne: int) -> LectureImpossible:
    detail = "un guillemet ouvert dans cet enregistrement n'est pas refermé : les lignes suivantes y seraient perdues"
    return LectureImpossible("GUILLEMET_OUVERT", detail, ligne)
