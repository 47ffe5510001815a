"""The production SQL against the independent oracle, on random worlds that look for trouble."""

from __future__ import annotations

import os
import random

import pytest
from differentiel import ecarts, mesurer_en_sql
from mondes import Monde, monde, reduire, repr_monde
from oracle import mesurer

MONDES = int(os.environ.get("DUIMETRE_TEST_MONDES", "1000"))
LOT = 500


def differents(un_monde: Monde) -> list[str]:
    return ecarts(mesurer(*un_monde), mesurer_en_sql([un_monde])[0])


@pytest.mark.parametrize("premiere", range(0, MONDES, LOT))
def test_sql_et_oracle_donnent_les_memes_figures(premiere: int) -> None:
    mondes = [monde(random.Random(graine)) for graine in range(premiere, min(premiere + LOT, MONDES))]
    for un_monde, obtenu in zip(mondes, mesurer_en_sql(mondes), strict=True):
        if lot := ecarts(mesurer(*un_monde), obtenu):
            # Alone it may agree: then the worlds of a run disturb one another, and it is shown as it is.
            petit = reduire(un_monde, lambda m: bool(differents(m))) if differents(un_monde) else un_monde
            pytest.fail(f"{repr_monde(petit)}\n" + "\n".join(differents(petit) or lot))
