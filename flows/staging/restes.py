"""What is left to do in each dossier at the measure that the porteurs' pages are about, kept for a night that has no reason
to measure it again (private: pseudonyms)."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from flows.disque import remplacer

_DOSSIER = "restes"


def garder(staging: Path, empreinte: str, restes: pl.DataFrame) -> None:
    """Keep the relation `a_completer` of the measure of this fingerprint, in the place of the former. Raises `OSError`."""
    fichier = _fichier(staging, empreinte)
    fichier.parent.mkdir(exist_ok=True, mode=0o700)
    provisoire = fichier.with_name(".en_cours")
    restes.write_parquet(provisoire)
    remplacer(provisoire, fichier)
    for ancien in fichier.parent.glob("*.parquet"):
        if ancien != fichier:
            ancien.unlink()


def lire(staging: Path, empreinte: str) -> pl.DataFrame | None:
    """What `garder` kept, None when it is not there whole."""
    try:
        with _fichier(staging, empreinte).open("rb") as flux:
            return pl.read_parquet(flux)
    except (OSError, pl.exceptions.PolarsError):
        return None


def _fichier(staging: Path, empreinte: str) -> Path:
    return staging / _DOSSIER / f"{empreinte}.parquet"
