"""Reference implementation of SPECIFICATION §4.6 in plain Python: what a measure at *D* reads of projets.csv."""

from collections import Counter
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
    # "A row with an error, or two rows of one ESSMS valid at one date (both, for measures at those dates), are set
    # aside"; "A former number that another row valid at the same date bears, as `finess_et` or as former number, sets
    # that row aside."
    ecartees = [x for x in lignes if x.fautive and x.couvre(d)]
    for un in du_jour:
        autres = [x for x in du_jour if x is not un]
        actuels, anciens = {x.finess_et for x in autres}, {n for x in autres for n in x.finess_precedent}
        if un.finess_et in actuels or set(un.finess_precedent) & (actuels | anciens):
            ecartees.append(un)
    valides = tuple(x for x in du_jour if x not in ecartees)
    return Registre(valides, tuple(ecartees), numeros_du_jour(valides, ecartees, lisibles))


def numeros_du_jour(
    valides: Sequence[Essms], ecartees: Sequence[Essms], lignes: Sequence[Essms]
) -> dict[str, frozenset[str]]:
    """Give the numbers that count for each row.

    "Rows of deposits that bear any number of a chain of `finess_precedent` count for the row of that chain valid at
    *D*." A number of the chains of two rows of that day counts for neither, nor one whose own row is set aside.
    """
    propres = {x.finess_et for x in valides}
    chaines = {x.finess_et: anterieurs(x.finess_et, lignes) | posterieurs(x.finess_et, lignes) for x in valides}
    portes = Counter(n for numeros in chaines.values() for n in numeros)
    reserves = propres | {x.finess_et for x in ecartees}
    return {
        finess: frozenset({finess} | {n for n in numeros if portes[n] == 1 and n not in reserves})
        for finess, numeros in chaines.items()
    }


def anterieurs(finess: str, lignes: Sequence[Essms]) -> set[str]:
    """Follow `finess_precedent`, "its numbers before", from row to row."""
    trouves, a_suivre = set[str](), [finess]
    while a_suivre:
        numero = a_suivre.pop()
        avant = {n for x in lignes if x.finess_et == numero for n in x.finess_precedent}
        a_suivre += avant - trouves
        trouves |= avant
    return trouves - {finess}


def posterieurs(finess: str, lignes: Sequence[Essms]) -> set[str]:
    """Give the numbers that a number became."""
    return {x.finess_et for x in lignes if finess in anterieurs(x.finess_et, lignes)}


def chaine(finess: str, lignes: Collection[Essms]) -> frozenset[str]:
    """Give all the numbers linked to one, those of its chain and of chains that meet it."""
    numeros = {finess}
    while True:
        lies = [{x.finess_et, *x.finess_precedent} for x in lignes if numeros & {x.finess_et, *x.finess_precedent}]
        plus = numeros.union(*lies)
        if plus == numeros:
            return frozenset(numeros)
        numeros = plus


def numeros_du_porteur(lignes: Iterable[Essms], porteur: str) -> frozenset[str]:
    """List what a deposit may name: "all rows of their porteur, whatever the period, former numbers included"."""
    siennes = [x for x in lignes if x.porteur == porteur and not x.fautive]
    return frozenset(n for x in siennes for n in (x.finess_et, *x.finess_precedent))
