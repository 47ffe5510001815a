"""What can still change for a measure (specification §3, §6.2): nobody is asked for what would come too late."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from transforms.dire.formats import jour

# §6.2: the population of a measure settles so many days after it.
_JOURS_DES_EXPORTS = 45


@dataclass(frozen=True)
class Delai:
    """The measure `date_mesure`, whose windows all end the day before, seen on the day `aujourd_hui`."""

    date_mesure: date
    aujourd_hui: date

    @property
    def fenetre_ouverte(self) -> bool:
        """Whether what is done in the software today still falls inside the window."""
        return self.aujourd_hui < self.date_mesure

    @property
    def limite(self) -> date:
        """The last day whose exports settle the population."""
        return self.date_mesure + timedelta(days=_JOURS_DES_EXPORTS)

    @property
    def exports_ouverts(self) -> bool:
        """Whether an export of today still counts for sure."""
        return self.aujourd_hui <= self.limite

    @property
    def prochaine(self) -> date:
        """The next first of a month: its window, of one month or more, holds today."""
        return (self.aujourd_hui.replace(day=1) + timedelta(days=31)).replace(day=1)

    @property
    def trop_tard(self) -> str:
        """« trop tard pour la mesure du 01/04/2026, comptera pour celle du 01/05/2026 »."""
        return f"trop tard pour la mesure du {jour(self.date_mesure)}, comptera pour celle du {jour(self.prochaine)}"

    def dire(self) -> str:
        """Until when exports count, in one sentence."""
        if self.fenetre_ouverte:
            fin = self.date_mesure - timedelta(days=1)
            return (
                f"La période dure jusqu'au {jour(fin)} : exportez du {jour(self.date_mesure)} au {jour(self.limite)}, "
                "pour qu'elle soit entière."
            )
        if self.exports_ouverts:
            return (
                f"La période est finie, mais vos exports comptent pour cette mesure jusqu'au {jour(self.limite)}. "
                f"Ce que vous saisissez aujourd'hui comptera pour celle du {jour(self.prochaine)}."
            )
        return (
            f"Cette mesure est close depuis le {jour(self.limite)}. "
            f"Ce que vous saisissez aujourd'hui comptera pour celle du {jour(self.prochaine)}."
        )
