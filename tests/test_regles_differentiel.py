"""The production SQL against the independent oracle, on random worlds that look for trouble."""

from __future__ import annotations

import os
import random

import pytest
from differentiel import ecarts, mesurer_en_sql
from mondes import monde, reduire, repr_monde
from oracle import mesurer

MONDES = int(os.environ.get("DUIMETRE_TEST_MONDES", "120"))


@pytest.mark.parametrize("dizaine", range(0, MONDES, 10))
def test_sql_et_oracle_donnent_les_memes_figures(dizaine: int) -> None:
    for graine in range(dizaine, dizaine + 10):
        un_monde = monde(random.Random(graine))
        if ecarts(mesurer(*un_monde), mesurer_en_sql(un_monde)):
            petit = reduire(un_monde, lambda m: bool(ecarts(mesurer(*m), mesurer_en_sql(m))))
            pytest.fail(f"{repr_monde(petit)}\n" + "\n".join(ecarts(mesurer(*petit), mesurer_en_sql(petit))))
