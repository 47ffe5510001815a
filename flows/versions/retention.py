"""Which versions stay: the last nights, the first day of each month, those in use or cited (§2)."""

from __future__ import annotations

import fcntl
import os
import shutil
import struct
import sys
from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

from flows.disque import remplacer, rendre_durable
from flows.versions.manifeste import MAILLON
from flows.versions.version import CATALOGUE, Version, journal_versions, lister_versions

A_SUPPRIMER = ".a_supprimer"
# The version removed last: its partitions, thousands of directories, become those of the next version.
RESERVE = ".reserve"


def conserver(
    curated: Path,
    *,
    maintenant: datetime,
    nuits: int = 30,
    delai: timedelta = timedelta(hours=48),
    citees: Collection[str] = (),
) -> list[str]:
    """Remove the versions nobody needs any more; returns their identifiers. The caller holds the lock of the night.

    Kept: the versions of the last `nuits` days that had a publication; for ever, of each month, the last version of
    its first day with a publication (what readers had at the end of that day; the 1st, unless its night failed), days
    being those of `cree_le`; the current version; `citees` (cited by an evidence bundle); a version in use
    (`lecture`, or any DuckDB client that has its catalogue open, as far as the file system shows its lock); a version
    that was current less than `delai` ago, for readers that take no lock; a version that cannot be read. What cannot
    be removed is logged and tried again next time.
    """
    versions = lister_versions(curated)
    gardees = {version.id for version in versions if version.actuelle or version.cree_le is None}
    gardees |= _dernieres_nuits(versions, nuits) | _premieres_du_mois(versions) | set(citees)
    limite = (maintenant - delai).timestamp()
    supprimees = []
    for version in versions:
        if version.id in gardees:
            continue
        try:
            if version.dossier.stat().st_mtime <= limite and _supprimer(curated, version.dossier):
                supprimees.append(version.id)
        except OSError as erreur:
            journal_versions.warning("La version %s n'a pas pu être supprimée : %s", version.id, erreur.strerror)
    return supprimees


def _dernieres_nuits(versions: Sequence[Version], nuits: int) -> set[str]:
    jours = sorted({version.cree_le.date() for version in versions if version.cree_le}, reverse=True)[:nuits]
    return {version.id for version in versions if version.cree_le and version.cree_le.date() in jours}


def _premieres_du_mois(versions: Sequence[Version]) -> set[str]:
    retenues: dict[tuple[int, int], tuple[date, str]] = {}
    for version in versions:
        if version.cree_le is None:
            continue
        jour = version.cree_le.date()
        premier_jour, _ = retenues.get((jour.year, jour.month), (jour, ""))
        if jour <= premier_jour:
            retenues[(jour.year, jour.month)] = (jour, version.id)
    return {id_version for _, id_version in retenues.values()}


def _supprimer(curated: Path, dossier: Path) -> bool:
    descripteur = os.open(dossier, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descripteur, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            journal_versions.debug("no lock on directories here")
        if _catalogue_ouvert(dossier / CATALOGUE):
            return False
        _garder_maillon(curated, dossier)
        condamnee = dossier.rename(dossier.parent / f".{dossier.name}{A_SUPPRIMER}")
    finally:
        os.close(descripteur)
    reserve = condamnee.with_name(RESERVE)
    if reserve.exists():
        shutil.rmtree(reserve)
    condamnee.rename(reserve)
    return True


def _catalogue_ouvert(catalogue: Path) -> bool:
    """Whether another process has the catalogue open: DuckDB holds a POSIX read lock on it. Asks, takes no lock.

    Blind to this process's own connections, and POSIX drops their lock here: in the process of the night, use `lecture`.
    """
    if sys.platform != "linux":
        return False
    question = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    try:
        descripteur = os.open(catalogue, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        reponse = fcntl.fcntl(descripteur, fcntl.F_GETLK, question)
    except OSError:
        return False
    finally:
        os.close(descripteur)
    return bool(struct.unpack_from("h", reponse)[0] != fcntl.F_UNLCK)


def _garder_maillon(curated: Path, dossier: Path) -> None:
    chaine = curated / "chaine"
    chaine.mkdir(exist_ok=True)
    provisoire = chaine / ".en_cours"
    provisoire.write_bytes((dossier / MAILLON).read_bytes())
    remplacer(provisoire, chaine / f"{dossier.name}.json")
    rendre_durable(curated)
