"""Archives (specification §4, §5): one level of files, each copied out of the archive before it is looked at."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from transforms.lecture.modele import LectureImpossible

BLOC_OCTETS = 1 << 20
MEMBRES_MAX = 10_000
# Small archives of repetitive text compress more than 200 times without any harm.
RATIO_JUGE_AU_DELA_OCTETS = 10 << 20

_ARCHIVES = (".zip", ".7z", ".rar", ".tar", ".tgz", ".tar.gz")
_SIGNATURE_ZIP = b"PK\x03\x04"


@dataclass(frozen=True)
class Limites:
    """How far a file may unpack: total size, and ratio to the packed size."""

    taille_octets: int = 2 << 30
    ratio: int = 200


@dataclass(frozen=True)
class Membre:
    """A file copied out of an archive."""

    nom: str
    copie: Path
    sha256: str


def _nom_lisible(info: zipfile.ZipInfo) -> str:
    return info.filename.replace("\\", "/")


def _ignore(info: zipfile.ZipInfo) -> bool:
    """Folders, and what macOS and editors leave behind."""
    nom = PurePosixPath(_nom_lisible(info))
    return info.is_dir() or nom.name.startswith((".", "~")) or "__MACOSX" in nom.parts or nom.name == "Thumbs.db"


def extraire(archive: Path, dossier: Path, limites: Limites) -> Iterator[Membre]:
    """Copy the members of an archive, one after the other, under names of our own in `dossier`.

    The name of a member is only a text: it never becomes a path. Each copy is removed when the next one is asked for.
    Raises `LectureImpossible` (ARCHIVE_CHIFFREE, ARCHIVE_IMBRIQUEE, ARCHIVE_DEMESUREE, ARCHIVE_VIDE, FICHIER_ILLISIBLE).
    """
    try:
        with zipfile.ZipFile(archive) as contenu:
            infos = [i for i in contenu.infolist() if not _ignore(i)]
            _juger(infos, archive.stat().st_size, limites)
            for rang, info in enumerate(sorted(infos, key=_nom_lisible)):
                copie = dossier / f"membre-{rang}"
                try:
                    yield Membre(_nom_lisible(info), copie, _copier(contenu, info, copie))
                finally:
                    copie.unlink(missing_ok=True)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, UnicodeDecodeError, zipfile.LargeZipFile) as erreur:
        raise LectureImpossible("FICHIER_ILLISIBLE", "L'archive est abîmée ou incomplète.") from erreur
    except RuntimeError as erreur:
        raise LectureImpossible("ARCHIVE_CHIFFREE") from erreur


def _juger(infos: list[zipfile.ZipInfo], taille_archive: int, limites: Limites) -> None:
    """Refuse by the table of contents alone what must not be unpacked."""
    if not infos:
        raise LectureImpossible("ARCHIVE_VIDE")
    if any(i.flag_bits & 0x1 for i in infos):
        raise LectureImpossible("ARCHIVE_CHIFFREE")
    if any(_nom_lisible(i).casefold().endswith(_ARCHIVES) for i in infos):
        raise LectureImpossible("ARCHIVE_IMBRIQUEE")
    if len(infos) > MEMBRES_MAX:
        raise LectureImpossible("ARCHIVE_DEMESUREE", f"Plus de {MEMBRES_MAX} fichiers.")
    total = sum(i.file_size for i in infos)
    if total > limites.taille_octets:
        raise LectureImpossible("ARCHIVE_DEMESUREE", f"{total >> 20} Mio une fois décompressée.")
    if total > RATIO_JUGE_AU_DELA_OCTETS and total > limites.ratio * taille_archive:
        raise LectureImpossible("ARCHIVE_DEMESUREE", "Le taux de compression est anormal.")


def _copier(contenu: zipfile.ZipFile, info: zipfile.ZipInfo, copie: Path) -> str:
    """Copy a member out, never more than it announces; its SHA-256."""
    empreinte = hashlib.sha256()
    ecrits = 0
    with contenu.open(info) as source, copie.open("xb") as cible:
        while bloc := source.read(BLOC_OCTETS):
            if ecrits == 0 and bloc.startswith(_SIGNATURE_ZIP) and not _nom_lisible(info).casefold().endswith(".xlsx"):
                raise LectureImpossible("ARCHIVE_IMBRIQUEE")
            ecrits += len(bloc)
            if ecrits > info.file_size:
                raise LectureImpossible("ARCHIVE_DEMESUREE", "La taille annoncée est fausse.")
            empreinte.update(bloc)
            cible.write(bloc)
    return empreinte.hexdigest()
