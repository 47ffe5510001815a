"""How figures, dates and counted nouns are written for French readers: the one place of the typography."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

FINE = "\u202f"  # thin no-break space, between thousands
INSECABLE = "\u00a0"
VIDE = "—"
_SECABLES = re.compile("(?<=«) | (?=[:;?!»%])")
_MOIS = (
    "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre",
)  # fmt: skip


def milliers(valeur: int | None) -> str:
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


def accord(valeur: int, singulier: str, pluriel: str | None = None) -> str:
    """A count with its noun: 1 ligne, 2 lignes."""
    return f"{milliers(valeur)} {singulier if valeur < 2 else pluriel or singulier + 's'}"


def majuscule(texte: str) -> str:
    """« agenda » → « Agenda »."""
    return texte[:1].upper() + texte[1:]


def enumerer(noms: Sequence[str]) -> str:
    """« a, b et c »."""
    return " et ".join([", ".join(noms[:-1]), noms[-1]] if len(noms) > 1 else noms)


def insecables(texte: str) -> str:
    """A sentence whose lines do not break inside « » nor before : ; ? ! and %."""
    return _SECABLES.sub(INSECABLE, texte)


def citer(texte: str) -> str:
    """A text of somebody else between « », itself left as it is."""
    return f"«{INSECABLE}{texte}{INSECABLE}»"


def jour_en_lettres(valeur: date) -> str:
    """1er avril 2026."""
    return f"{'1er' if valeur.day == 1 else valeur.day} {_MOIS[valeur.month - 1]} {valeur.year}"


def instant(valeur: datetime) -> str:
    """31/03/2026 à 02 h 15, in the time zone of `valeur`."""
    return f"{valeur:%d/%m/%Y} à {valeur:%H}{INSECABLE}h{INSECABLE}{valeur:%M}"


def taille(octets: int) -> str:
    """A size of file as people say it."""
    for unite, seuil in (("Go", 10**9), ("Mo", 10**6), ("Ko", 10**3)):
        if octets >= seuil:
            return f"{octets / seuil:.1f}".replace(".", ",") + f"{FINE}{unite}"
    return accord(octets, "octet")


def _virgule(valeur: float) -> str:
    return f"{valeur:,.1f}".replace(",", FINE).replace(".", ",")
