"""How figures and dates are written for French readers."""

from __future__ import annotations

import math
from datetime import date
from decimal import Decimal

FINE = "\u202f"  # thin no-break space, between thousands
INSECABLE = "\u00a0"
VIDE = "—"


def entier(valeur: int | None) -> str:
    """12345 → « 12 345 » ; None → « — »."""
    return VIDE if valeur is None else f"{valeur:,}".replace(",", FINE)


def nombre(valeur: float | None, a_atteindre: float | None = None) -> str:
    """A rate with one decimal; one that misses its target is never rounded up to it."""
    if valeur is None:
        return VIDE
    arrondi = round(valeur, 1)
    if a_atteindre is not None and valeur < a_atteindre <= arrondi:
        arrondi = math.floor(valeur * 10) / 10
    return _virgule(arrondi)


def taux(valeur: float | None, a_atteindre: float | None = None) -> str:
    """The same, in percent."""
    return VIDE if valeur is None else f"{nombre(valeur, a_atteindre)}{INSECABLE}%"


def cible(valeur: float | None) -> str:
    """A target, in percent: no decimal where it has none."""
    if valeur is None:
        return VIDE
    return f"{int(valeur)}{INSECABLE}%" if valeur == int(valeur) else taux(valeur)


def ecart(valeur: float | None) -> str:
    """A change in points, with its sign."""
    if valeur is None:
        return VIDE
    arrondi = round(valeur, 1)
    signe = "+" if arrondi > 0 else "−" if arrondi < 0 else ""
    return f"{signe}{_virgule(abs(arrondi))}"


def euros(montant: Decimal | None) -> str:
    """An amount, cents only where there are some."""
    if montant is None:
        return VIDE
    centimes = montant != montant.to_integral_value()
    texte = f"{montant:,.2f}" if centimes else f"{montant:,.0f}"
    return texte.replace(",", FINE).replace(".", ",") + f"{INSECABLE}€"


def jour(valeur: date | None) -> str:
    """2026-04-01 → 01/04/2026."""
    return VIDE if valeur is None else f"{valeur:%d/%m/%Y}"


def _virgule(valeur: float) -> str:
    return f"{valeur:,.1f}".replace(",", FINE).replace(".", ",")
