"""Fixtures shared by the tests."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest


@dataclass(frozen=True)
class Region:
    """A generated region: its data root, and the raw identifiers (of more than 5 characters) its files hold."""

    racine: Path
    identifiants: frozenset[str]

    def copier(self, vers: Path) -> Path:
        """Its raw files in a data root of their own."""
        shutil.copytree(self.racine / "raw", vers / "raw", dirs_exist_ok=True)
        return vers


@pytest.fixture
def verifier(tmp_path: Path) -> Callable[..., Any]:
    """`scenario.scenario` on a data root of its own."""
    from scenario import scenario  # noqa: PLC0415 - the tests that need no night do not wait for it

    return partial(scenario, tmp_path)


@pytest.fixture(scope="session")
def region(tmp_path_factory: pytest.TempPathFactory) -> Region:
    """A small generated region, as `duimetre generer` writes it; copy it (`region.copier`) before a night on it."""
    from transforms import donnees_fictives  # noqa: PLC0415

    identifiants: set[str] = set()

    def noter(atelier: Any) -> Iterator[Any]:
        for fichier in exports(atelier):
            for tableau in fichier.tableaux:
                for nom in tableau.cadre.columns:
                    if nom.startswith("id_") or nom in ("ins", "bal_emettrice"):
                        identifiants.update(tableau.cadre[nom].drop_nulls().str.strip_chars().to_list())
            yield fichier

    exports = donnees_fictives.exports
    racine = tmp_path_factory.mktemp("region")
    with patch.object(donnees_fictives, "exports", noter):
        donnees_fictives.generer(
            racine,
            donnees_fictives.Demande(
                graine=3, porteurs=6, essms=7, personnes=60, debut=date(2026, 3, 1), fin=date(2026, 3, 31)
            ),
        )
    for chemin in (racine / "raw").rglob("*"):
        if chemin.is_file():
            os.utime(chemin, (1_700_000_000, 1_700_000_000))  # else the night waits: they could still be growing
    return Region(racine, frozenset(i for i in identifiants if len(i) > 5))
