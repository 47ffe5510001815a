"""The official monthly measure, on the 1st (specification §3, §6.2): a night at the last three firsts of month."""

from __future__ import annotations

from datetime import date

# §6.2 "the population of a measure settles 45 days after D": the third month's measure of a date is final.
MOIS_REPRIS = 3


def premiers_du_mois(jour: date, nombre: int = MOIS_REPRIS) -> list[date]:
    """The latest `nombre` firsts of month up to `jour`, earliest first."""
    mois = [jour.year * 12 + jour.month - 1 - recul for recul in range(nombre)]
    return [date(m // 12, m % 12 + 1, 1) for m in reversed(mois)]
