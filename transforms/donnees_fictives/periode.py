"""The period the synthetic activity covers, cut as its measures and extractions are."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date, timedelta

JOUR = timedelta(days=1)


@dataclass(frozen=True)
class Trimestre:
    """Three months of activity, closed days."""

    debut: date
    fin: date


@dataclass(frozen=True)
class Periode:
    """Closed days [`debut`, `fin`]."""

    debut: date
    fin: date

    @property
    def trimestres(self) -> tuple[Trimestre, ...]:
        """Quarters counted from `debut`; the last one stops at `fin`."""
        debuts = [j for j in self._mois(3, avec_debut=True) if j <= self.fin]
        suivants = [*debuts[1:], self.lendemain]
        return tuple(Trimestre(d, min(s - JOUR, self.fin)) for d, s in zip(debuts, suivants, strict=True))

    @property
    def mois_clos(self) -> tuple[date, ...]:
        """The day after each month of the period: the dates of monthly extractions."""
        return tuple(dict.fromkeys((*self._mois(1), self.lendemain)))

    @property
    def premiere_mesure(self) -> date:
        """The day after the first quarter: first measure date."""
        return self.trimestres[0].fin + JOUR

    @property
    def lendemain(self) -> date:
        """The day after the period: last measure date."""
        return self.fin + JOUR

    def _mois(self, pas: int, *, avec_debut: bool = False) -> list[date]:
        jours = [self.debut] if avec_debut else []
        rang = pas
        while (jour := _plus_mois(self.debut, rang)) <= self.lendemain:
            jours.append(jour)
            rang += pas
        return jours


def _plus_mois(jour: date, mois: int) -> date:
    annee, rang = divmod(jour.month - 1 + mois, 12)
    dernier = calendar.monthrange(jour.year + annee, rang + 1)[1]
    return date(jour.year + annee, rang + 1, min(jour.day, dernier))
