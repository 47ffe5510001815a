"""The data of `duimetre demo`, measured and published once for all the tests that read it."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path

from scenario import nuit_directe

from transforms import donnees_fictives

DATE_MESURE = date(2026, 4, 1)
PRECEDENTE = date(2026, 3, 1)


@cache
def demo() -> Path:
    """The data root: graine 1, one night of measures on 1 March and 1 April 2026."""
    racine = Path(tempfile.mkdtemp(prefix="duimetre-demo-"))
    atexit.register(shutil.rmtree, racine, ignore_errors=True)
    donnees_fictives.generer(racine, donnees_fictives.Demande())
    nuit_directe(racine, [PRECEDENTE, DATE_MESURE], datetime(2026, 7, 2, 4, tzinfo=UTC))
    return racine


def version() -> Path:
    """The published version."""
    return (demo() / "curated" / "actuel").resolve()
