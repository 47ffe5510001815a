"""Archives (specification §4, §5): one level of files, each copied out of the archive before it is looked at."""

from __future__ import annotations

import errno
import hashlib
import lzma
import stat
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from transforms.lecture.csv import est_du_texte, reconnaitre
from transforms.lecture.modele import LectureImpossible

BLOC_OCTETS = 1 << 20
MEMBRES_MAX = 1_000
# One XML document per person (TDDUI 1.1): they are small, and read as one deposit.
DOCUMENTS_MAX = 50_000
# Small archives of repetitive text compress more than 200 times without any harm.
RATIO_JUGE_AU_DELA_OCTETS = 10 << 20

_ARCHIVES = (".zip", ".7z", ".rar", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz")
_CREE_SOUS_UNIX = 3
_DOMMAGES = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    ValueError,  # names that are not in their encoding, places before the start of the file
    OverflowError,
)


@dataclass(frozen=True)
class Limites:
    """How far a file may unpack: total size, and ratio to the packed size."""

    taille_octets: int = 2 << 30
    ratio: int = 200


@dataclass(frozen=True)
class Membre:
    """A file of an archive: copied out of it, or the reason why it is not (`erreur`, then nothing is at `copie`)."""

    nom: str
    copie: Path
    sha256: str
    erreur: LectureImpossible | None = None


def extraire(archive: Path, dossier: Path, limites: Limites) -> Iterator[Membre]:
    """Copy the members of an archive, one after the other, under names of our own in `dossier`.

    The name of a member is only a text: it never becomes a path. Each copy is removed when the next one is asked for. A
    damaged member is told by itself, the others are given. Raises `LectureImpossible`, before any member is given
    (FICHIER_VIDE, CONTENU_INATTENDU, FICHIER_ILLISIBLE, ARCHIVE_CHIFFREE, ARCHIVE_IMBRIQUEE, ARCHIVE_DEMESUREE, ARCHIVE_VIDE).
    """
    with archive.open("rb") as flux:
        debut = flux.read(BLOC_OCTETS)
    _verifier_nature(debut)
    with _lisible("l'archive est tronquée ou abîmée : refaites-la"):
        contenu = zipfile.ZipFile(archive)
    with contenu:
        infos = [i for i in contenu.infolist() if not _ignore(i)]
        _juger(infos, archive.stat().st_size, limites)
        for rang, info in enumerate(sorted(infos, key=_nom_lisible)):
            copie = dossier / f"membre-{rang}"
            try:
                yield _membre(contenu, info, copie)
            finally:
                copie.unlink(missing_ok=True)


@contextmanager
def _lisible(detail: str) -> Iterator[None]:
    try:
        yield
    except NotImplementedError as erreur:
        autre = "il est compressé d'une façon qui n'est pas lue : refaites l'archive avec l'outil de Windows"
        raise LectureImpossible("FICHIER_ILLISIBLE", autre) from erreur
    except (*_DOMMAGES, OSError) as erreur:
        if isinstance(erreur, OSError) and erreur.errno not in (None, errno.EINVAL):
            raise  # the disk, not the file
        raise LectureImpossible("FICHIER_ILLISIBLE", detail) from erreur


def _verifier_nature(debut: bytes) -> None:
    if not debut:
        raise LectureImpossible("FICHIER_VIDE")
    nature = reconnaitre(debut)
    if nature is None and est_du_texte(debut):
        nature = "fichier texte (CSV)"
    if nature not in (None, "archive ZIP"):
        detail = f"{nature} sous une extension .zip : rendez-lui la sienne, ou refaites une archive .zip"
        raise LectureImpossible("CONTENU_INATTENDU", detail)


def _nom_lisible(info: zipfile.ZipInfo) -> str:
    return info.filename.replace("\\", "/")


def _ignore(info: zipfile.ZipInfo) -> bool:
    """Folders, and what macOS and editors leave behind."""
    nom = PurePosixPath(_nom_lisible(info))
    return info.is_dir() or nom.name.startswith((".", "~")) or "__MACOSX" in nom.parts or nom.name == "Thumbs.db"


def _juger(infos: list[zipfile.ZipInfo], taille_archive: int, limites: Limites) -> None:
    """Refuse by the table of contents alone what must not be unpacked."""
    if not infos:
        raise LectureImpossible("ARCHIVE_VIDE")
    if any(i.flag_bits & 0x1 for i in infos):
        raise LectureImpossible("ARCHIVE_CHIFFREE")
    if any(_nom_lisible(i).casefold().endswith(_ARCHIVES) for i in infos):
        raise LectureImpossible("ARCHIVE_IMBRIQUEE")
    documents = sum(_nom_lisible(i).casefold().endswith(".xml") for i in infos)
    if len(infos) - documents > MEMBRES_MAX or documents > DOCUMENTS_MAX:
        au_plus = DOCUMENTS_MAX if documents > DOCUMENTS_MAX else MEMBRES_MAX
        raise LectureImpossible("ARCHIVE_DEMESUREE", f"elle contient {len(infos)} fichiers, {au_plus} au plus")
    if max(Counter(_nom_lisible(i) for i in infos).values()) > 1:
        raise LectureImpossible("FICHIER_ILLISIBLE", "deux fichiers de l'archive ont le même nom")
    total = sum(i.file_size for i in infos)
    if total > limites.taille_octets:
        detail = f"{total >> 20} Mio une fois décompressé, {limites.taille_octets >> 20} au plus"
        raise LectureImpossible("ARCHIVE_DEMESUREE", detail)
    if total > RATIO_JUGE_AU_DELA_OCTETS and total > limites.ratio * taille_archive:
        raise LectureImpossible("ARCHIVE_DEMESUREE", "le taux de compression est anormal")


def _membre(contenu: zipfile.ZipFile, info: zipfile.ZipInfo, copie: Path) -> Membre:
    nom = _nom_lisible(info)
    try:
        if info.create_system == _CREE_SOUS_UNIX and stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
            raise LectureImpossible("FICHIER_NON_ORDINAIRE", "c'est un lien, gardé tel quel dans l'archive")
        with _lisible("ce fichier de l'archive est tronqué ou abîmé : refaites l'archive"):
            return Membre(nom, copie, _copier(contenu, info, copie))
    except LectureImpossible as erreur:
        # Its header alone tells one damaged member from another: there is no content to name it by.
        empreinte = hashlib.sha256(f"{info.CRC} {info.file_size} {nom}".encode("utf-8", "backslashreplace"))
        copie.unlink(missing_ok=True)
        return Membre(nom, copie, empreinte.hexdigest(), erreur)


def _copier(contenu: zipfile.ZipFile, info: zipfile.ZipInfo, copie: Path) -> str:
    """Copy a member out (the zip reader never gives more than it announces); its SHA-256."""
    empreinte = hashlib.sha256()
    with contenu.open(info) as source, copie.open("xb") as cible:
        while bloc := source.read(BLOC_OCTETS):
            empreinte.update(bloc)
            cible.write(bloc)
    return empreinte.hexdigest()
