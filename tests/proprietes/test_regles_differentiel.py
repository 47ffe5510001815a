"""The production SQL against the independent oracle, on random worlds that look for trouble."""

from __future__ import annotations

import os
import random

import pytest
from differentiel import ecarts, mesurer_en_sql
from mondes import Monde, monde, reduire, repr_monde
from oracle_conventions import mesurer_monde

MONDES = int(os.environ.get("DUIMETRE_TEST_MONDES", "1000"))
LOT = 500


def differents(un_monde: Monde, replier: bool) -> list[str]:
    return ecarts(mesurer_monde(*un_monde), mesurer_en_sql([un_monde], replier=replier)[0])


def _different(un_monde: Monde) -> bool:
    return bool(differents(un_monde, replier=False))


def _different_replie(un_monde: Monde) -> bool:
    return bool(differents(un_monde, replier=True))


@pytest.mark.parametrize("premiere", range(0, MONDES, LOT))
def test_sql_et_oracle_donnent_les_memes_figures(premiere: int) -> None:
    """Facts read in the files of the deposits, then in their folds."""
    mondes = [monde(random.Random(graine)) for graine in range(premiere, min(premiere + LOT, MONDES))]
    attendus = [mesurer_monde(*un_monde) for un_monde in mondes]
    for replier in (False, True):
        for un_monde, attendu, obtenu in zip(mondes, attendus, mesurer_en_sql(mondes, replier=replier), strict=True):
            if lot := ecarts(attendu, obtenu):
                # Alone it may agree: then the worlds of a run disturb one another, and it is shown as it is.
                seul = bool(differents(un_monde, replier))
                petit = reduire(un_monde, _different_replie if replier else _different) if seul else un_monde
                pytest.fail(f"replier={replier}\n{repr_monde(petit)}\n" + "\n".join(differents(petit, replier) or lot))
