"""The tables of a published version: where their files are, at which dates, what they hold (specification §7)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

import polars as pl

from schemas.curated import PAR_DATE, PARTITION
from schemas.erreurs import Inconnu
from transforms.dire.formats import jour as en_jour

_DATES_DITES = 5


@dataclass(frozen=True)
class TablesPubliees:
    """The tables of the version that lies in `dossier`; without one, nothing is published yet."""

    dossier: Path | None

    @cached_property
    def dates(self) -> list[date]:
        """The measure dates, earliest first."""
        dossiers = self.dossier.glob(f"indicateurs/{PARTITION}=*") if self.dossier else ()
        return sorted(date.fromisoformat(d.name.partition("=")[2]) for d in dossiers)

    def choisir(self, voulue: date | None = None) -> date:
        """The measure date that is wanted, by default the latest. Raises `Inconnu` when it is not published."""
        if voulue is None and self.dates:
            return self.dates[-1]
        if voulue is None or voulue not in self.dates:
            laquelle = f" à la date du {en_jour(voulue)}" if voulue else ""
            dernieres = ", ".join(map(en_jour, self.dates[-_DATES_DITES:])) or "aucune"
            raise Inconnu(f"Aucune mesure n'est publiée{laquelle}. Dernières dates publiées : {dernieres}.")
        return voulue

    def chemin(self, table: str, jour: date | None = None) -> Path:
        """The file of a table, whether it is there or not; `jour` says which for those that have a measure date."""
        assert self.dossier is not None
        if table not in PAR_DATE:
            return self.dossier / table / f"{table}.parquet"
        assert jour is not None, table
        return self.dossier / table / f"{PARTITION}={jour.isoformat()}" / f"{table}.parquet"

    def table(self, table: str, jour: date | None = None, colonnes: Collection[str] | None = None) -> pl.DataFrame:
        """The rows of a table, as its file holds them (`jour` as for `chemin`). Raises `OSError`, errors of `polars`."""
        # By handle: polars takes a path for a pattern.
        with self.chemin(table, jour).open("rb") as flux:
            return pl.read_parquet(flux, columns=list(colonnes) if colonnes else None)
