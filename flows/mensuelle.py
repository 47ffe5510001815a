"""The official monthly measure, on the 1st (specification §3, §6.2): a night at the last three firsts of month."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

from prefect import flow

from flows.nuit import Bilan, nuit
from flows.reglages import lire

# §6.2 "the population of a measure settles 45 days after D": the third month's measure of a date is final.
MOIS_REPRIS = 3


def premiers_du_mois(jour: date, nombre: int = MOIS_REPRIS) -> list[date]:
    """The latest `nombre` firsts of month up to `jour`, earliest first."""
    mois = [jour.year * 12 + jour.month - 1 - recul for recul in range(nombre)]
    return [date(m // 12, m % 12 + 1, 1) for m in reversed(mois)]


# Another night may hold the lock: this one waits its turn.
@flow(name="mesure mensuelle", retries=3, retry_delay_seconds=1200)
def mesure_mensuelle(data: str | None = None, fuseau: str | None = None) -> Bilan:
    """A night that measures the 1st of this month and the two firsts before it. Raises what `nuit` raises."""
    reglages = lire(Path(data) if data else None, fuseau=fuseau)
    aujourd_hui = reglages.aujourd_hui(datetime.now(UTC))
    return nuit(data, premiers_du_mois(aujourd_hui), fuseau)
