"""Files of the private staging area: whole and durable, or not there."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from flows.disque import remplacer, sha256_du_fichier
from schemas.erreurs import ErreurDite


class StagingAbime(ErreurDite):
    """Staged rows are damaged and cannot be made again."""


class Scelle(NamedTuple):
    """A staged file: its path relative to `staging/`, and the SHA-256 it had when it was written."""

    chemin: str
    sha256: str


def empreinte(fichier: Path) -> str | None:
    """SHA-256 of a file, None when it cannot be read."""
    try:
        return sha256_du_fichier(fichier)
    except OSError:
        return None


def deposer(provisoire: Path, staging: Path, relatif: str) -> Scelle:
    """Give a finished file its place `relatif` under `staging`, durably, and its seal."""
    definitif = staging / relatif
    definitif.parent.mkdir(exist_ok=True, mode=0o700)
    sha256 = sha256_du_fichier(provisoire)
    remplacer(provisoire, definitif)
    return Scelle(relatif, sha256)


@contextmanager
def dossier_de_travail(staging: Path) -> Iterator[Path]:
    """A private folder for the copies of one file, gone at the end (a killed night leaves it to `reception.balayer`)."""
    travail = staging / ".reception" / secrets.token_hex(8)
    travail.mkdir(parents=True, mode=0o700)
    try:
        yield travail
    finally:
        shutil.rmtree(travail, ignore_errors=True)
