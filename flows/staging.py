"""Files of the private staging area: whole and durable, or not there."""

from __future__ import annotations

from pathlib import Path

from flows.disque import rendre_durable


def deposer(provisoire: Path, staging: Path, relatif: str) -> str:
    """Give a finished file its place `relatif` under `staging`, durably; returns `relatif`."""
    definitif = staging / relatif
    definitif.parent.mkdir(exist_ok=True, mode=0o700)
    rendre_durable(provisoire)
    provisoire.replace(definitif)
    rendre_durable(definitif.parent)
    return relatif
