"""Reference implementation of SPECIFICATION §4.6 in plain Python: what a measure at *D* reads of projets.csv."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal


@dataclass(frozen=True)
class Essms:
    """One row of projets.csv (§4.6); `fautive`: one of its values is an error, and says nothing of its period."""

    finess_et: str
    porteur: str
    regles: str = "2025"
    date_premiere_mesure: date | None = None
    sous_secteur: str | None = None
    exemption_socles: bool = False
    projet: str | None = None
    debut: date | None = None
    fin: date | None = None
    finess_precedent: tuple[str, ...] = ()
    type: str | None = None
    dui_reference: bool = True
    part_medico_sociale: Decimal | None = None
    portee: str | None = None
    date_convention: date | None = None
    date_debut_projet: date | None = None
    date_vsr: date | None = None
    montant_accorde: Decimal | None = None
    fautive: bool = False

    @property
    def convention(self) -> str:
        """The project of the row: "`projet` id (the convention; default: the porteur)"."""
        return self.porteur if self.projet is None else self.projet

    def couvre(self, d: date) -> bool:
        """Say whether the row is of that day: "from … to …, both included; empty: open"."""
        return (self.debut is None or self.debut <= d) and (self.fin is None or d <= self.fin)


@dataclass(frozen=True)
class Registre:
    """The register of a date: rows that are read, rows set aside, and FINESS of a row → the numbers that count for it."""

    valides: tuple[Essms, ...]
    ecartees: tuple[Essms, ...]
    numeros: dict[str, frozenset[str]]


def registre_du(lignes: Sequence[Essms], d: date) -> Registre:
    """Read the register at *D* (§4.6): "A measure at *D* reads the rows **valid at *D***"."""
    lisibles = [x for x in lignes if not x.fautive]
    du_jour = [x for x in lisibles if x.couvre(d)]
    anterieurs = {x: numeros_anterieurs(x.finess_et, lisibles) for x in du_jour}
    # "A row with an error, or two rows of one ESSMS valid at one date (both, for measures at those dates), are set
    # aside"; "A former number that another row valid at the same date bears, as `finess_et` or as former number, sets
    # that row aside."
    ecartees = [x for x in lignes if x.fautive and x.couvre(d)]
    for un in du_jour:
        autres = [x for x in du_jour if x is not un]
        portes = {x.finess_et for x in autres} | {n for x in autres for n in anterieurs[x]}
        if un.finess_et in {x.finess_et for x in autres} or anterieurs[un] & portes:
            ecartees.append(un)
    valides = tuple(x for x in du_jour if x not in ecartees)
    liens = [x for x in lisibles if x not in ecartees]
    return Registre(valides, tuple(ecartees), {x.finess_et: numeros_de(x, valides, liens) for x in valides})


def numeros_anterieurs(finess: str, lignes: Iterable[Essms]) -> frozenset[str]:
    """Follow `finess_precedent`, "its numbers before", from row to row."""
    lignes, trouves, a_suivre = list(lignes), set[str](), [finess]
    while a_suivre:
        numero = a_suivre.pop()
        for x in lignes:
            if x.finess_et == numero:
                a_suivre += [n for n in x.finess_precedent if n not in trouves]
                trouves |= set(x.finess_precedent)
    return frozenset(trouves - {finess})


def chaine(finess: str, lignes: Collection[Essms]) -> frozenset[str]:
    """Give all the numbers of a chain, those before and those after."""
    numeros = {finess}
    while True:
        lies = [{x.finess_et, *x.finess_precedent} for x in lignes if numeros & {x.finess_et, *x.finess_precedent}]
        plus = numeros.union(*lies)
        if plus == numeros:
            return frozenset(numeros)
        numeros = plus


def numeros_de(un: Essms, valides: Sequence[Essms], lignes: Collection[Essms]) -> frozenset[str]:
    """Give the numbers that count for a row.

    "Rows of deposits that bear any number of a chain of `finess_precedent` count for the row of that chain valid at
    *D*." A number to come of several rows of that day (they will merge) is of none of them.
    """
    tous = chaine(un.finess_et, lignes)
    if sum(x.finess_et in tous for x in valides) == 1:
        return tous
    return frozenset({un.finess_et}) | numeros_anterieurs(un.finess_et, lignes)


def numeros_du_porteur(lignes: Iterable[Essms], porteur: str) -> frozenset[str]:
    """List what a deposit may name: "all rows of their porteur, whatever the period, former numbers included"."""
    siennes = [x for x in lignes if x.porteur == porteur and not x.fautive]
    return frozenset(n for x in siennes for n in (x.finess_et, *x.finess_precedent))
