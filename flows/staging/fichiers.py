"""Files of the private staging area: whole and durable, or not there."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

from flows.disque import rendre_durable
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
        with fichier.open("rb") as flux:
            return hashlib.file_digest(flux, "sha256").hexdigest()
    except OSError:
        return None


def deposer(provisoire: Path, staging: Path, relatif: str) -> Scelle:
    """Give a finished file its place `relatif` under `staging`, durably, and its seal."""
    definitif = staging / relatif
    definitif.parent.mkdir(exist_ok=True, mode=0o700)
    rendre_durable(provisoire)
    with provisoire.open("rb") as flux:
        sha256 = hashlib.file_digest(flux, "sha256").hexdigest()
    provisoire.replace(definitif)
    rendre_durable(definitif.parent)
    return Scelle(relatif, sha256)
