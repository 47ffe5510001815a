"""What is written stays written: files and directories flushed to the disk, and known again by their hash."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

_SANS_FSYNC = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})


def rendre_durable(chemin: Path | str) -> None:
    """Flush a file, or the names that a directory holds. Raises `OSError`."""
    descripteur = os.open(chemin, os.O_RDONLY)
    try:
        os.fsync(descripteur)
    except OSError as erreur:
        # Some network file systems cannot sync a directory: they write entries through.
        if not (erreur.errno in _SANS_FSYNC and stat.S_ISDIR(os.fstat(descripteur).st_mode)):
            raise
    finally:
        os.close(descripteur)


def ecrire_prive(chemin: Path, octets: bytes) -> None:
    """Write, durably, a file that only its owner reads and that is not there yet. Raises `OSError`."""
    with os.fdopen(os.open(chemin, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as flux:
        flux.write(octets)
        flux.flush()
        os.fsync(flux.fileno())


def remplacer(provisoire: Path, definitif: Path) -> None:
    """Give a finished file its name in its folder, whole and durably, whatever bears it. Raises `OSError`."""
    rendre_durable(provisoire)
    provisoire.replace(definitif)
    rendre_durable(definitif.parent)


def sha256_du_fichier(chemin: Path) -> str:
    """SHA-256 of a file, in hexadecimal. Raises `OSError`."""
    with chemin.open("rb") as flux:
        return hashlib.file_digest(flux, "sha256").hexdigest()


def rendre_durables(racine: Path, dossiers: Iterable[Path | str]) -> None:
    """Flush the names that the directories of a tree hold, thousands of them: all at once where the system can.

    `dossiers`: those of the tree `racine`, all on its file system. Raises `OSError`.
    """
    syncfs = _syncfs()
    if syncfs is not None:
        descripteur = os.open(racine, os.O_RDONLY)
        try:
            if syncfs(descripteur) == 0:
                return
            code = ctypes.get_errno()
        finally:
            os.close(descripteur)
        if code not in _SANS_FSYNC:
            raise OSError(code, os.strerror(code), str(racine))
    for dossier in dossiers:
        rendre_durable(dossier)


@cache
def _syncfs() -> Callable[[int], int] | None:
    """`syncfs(2)`, which Python does not give; None outside Linux."""
    try:
        fonction: Callable[[int], int] = ctypes.CDLL(None, use_errno=True).syncfs
    except (AttributeError, OSError, TypeError):
        return None
    return fonction
