"""Small counts hidden before publication (specification §8): the rule, all of it, is `masquer`.

A *case* is one territory × sub-sector (totals included). The figures of a case are hidden together, for all indicators
that share a count: the denominator of one is the numerator of another, so hiding them apart would hide nothing.

1. *Primary*: a case is hidden when one of its counts is below the threshold, or when the difference of two counts nested
   in one another (file active − dossiers actifs…) is, without being zero: it counts persons too.
2. *Secondary*: what is hidden must not come back by subtracting what is shown from a total. The counts of a publication
   obey two kinds of equations: the sub-sectors of a territory add up to its `TOUS`, the départements to their région,
   the régions to the country. For each hidden case and each of its counts there must be a *déplacement*: persons moved
   from one département × sub-sector to another, or exchanged between two, that changes hidden cases only. The published
   figures are then the same before and after it, and nobody can tell which of the two is true. Where no such move
   exists, the cases of the one that costs fewest persons are hidden too, up to the totals if need be.

Guaranteed, for whoever solves all published equations and knows that counts are not negative: from the lowest to the
highest value a hidden count may have there is at least the threshold. Each publication is protected by itself: comparing
two dates, or what other sources say, is not covered.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import inf

import polars as pl

from schemas.curated import TOUS

# Indicators whose counts are the same or nested, hidden together; the others have no count in common.
_ENSEMBLES = (
    ("dossiers_actifs", "projet_personnalise", "agenda", "mss", "dmp"),
    ("eprescription",),
    ("eparcours",),
)
# (whole, part): their difference counts persons or dossiers too.
_EMBOITES = (
    ("dossiers_actifs.denominateur", "dossiers_actifs.numerateur"),
    ("dossiers_actifs.denominateur", "mss.denominateur"),
    ("dossiers_actifs.denominateur", "dmp.denominateur"),
    ("projet_personnalise.denominateur", "projet_personnalise.numerateur"),
    ("agenda.denominateur", "agenda.numerateur"),
    ("dmp.denominateur", "dmp.numerateur"),
)
_RETIRES = ("nb_calcules", "nb_partiels", "numerateur", "denominateur", "taux", "nb_atteints", "part_objectif")

Lieu = tuple[str, str]
Case = tuple[Lieu, str]
Effectifs = Mapping[str, int]

_NATIONAL: Lieu = ("national", "FR")


def masquer(territoires: pl.DataFrame, seuil: int) -> pl.DataFrame:
    """Hide the small counts of the sums by territory, and what would give them back.

    In: `date_mesure`, `niveau`, `code`, `code_region`, `sous_secteur`, `indicateur`, `numerateur`, `denominateur` and
    the other figures of the table `territoires`, totals included. Out: the same rows with `masque`; where it is true
    the figures are null (not `nb_essms`, which counts structures). `seuil`: the smallest count that may be shown, from 1.
    """
    masquees = [
        (date_mesure, *lieu, secteur, indicateur)
        for (date_mesure,), lignes in territoires.group_by("date_mesure", maintain_order=True)
        for ensemble in _ENSEMBLES
        for lieu, secteur in sorted(_a_masquer(_grille(lignes, ensemble), seuil))
        for indicateur in ensemble
    ]
    cle = ["date_mesure", "niveau", "code", "sous_secteur", "indicateur"]
    marques = pl.DataFrame(masquees, schema=[(c, territoires.schema[c]) for c in cle], orient="row")
    reunies = territoires.join(marques.with_columns(masque=pl.lit(True)), on=cle, how="left").with_columns(
        pl.col("masque").fill_null(False)
    )
    return reunies.with_columns(
        pl.when(~pl.col("masque")).then(pl.col(nom)).alias(nom) for nom in _RETIRES if nom in reunies.columns
    )


@dataclass(frozen=True)
class Grille:
    """The cases of one publication with their counts (null ones left out), and the région of each département.

    A set of cases is an integer, one bit per case in the order of `cases`: a country has thousands of moves to try.
    """

    effectifs: Mapping[Case, Effectifs]
    regions: Mapping[Lieu, Lieu]

    @cached_property
    def cases(self) -> tuple[Case, ...]:
        """All cases, in an order that does not depend on that of the rows."""
        return tuple(sorted(self.effectifs))

    @cached_property
    def bits(self) -> Mapping[Case, int]:
        """The set that holds one case."""
        return {case: 1 << rang for rang, case in enumerate(self.cases)}

    @cached_property
    def couts(self) -> tuple[int, ...]:
        """What hiding each case costs: its largest count."""
        return tuple(1 + max(self.effectifs[case].values(), default=0) for case in self.cases)

    @cached_property
    def fermetures(self) -> Mapping[Case, int]:
        """For each leaf (département × sub-sector): itself and the totals it is part of."""
        return {
            (lieu, secteur): sum(
                self.bits[ou, quoi] for ou in (lieu, self.regions[lieu], _NATIONAL) for quoi in (secteur, TOUS)
            )
            for lieu, secteur in self.cases
            if lieu in self.regions and secteur != TOUS
        }

    def deplacements(self, case: Case) -> Iterator[tuple[int, int]]:
        """Every move that adds to `case`: the cases it adds to, and those it takes from.

        A move brings persons into a leaf from outside or from another leaf; or exchanges the sub-sectors of two
        départements, which leaves the totals of both as they are. A total that has both ends does not change.
        """
        bit = self.bits[case]
        for feuille, arrivee in self.fermetures.items():
            if not arrivee & bit:
                continue
            yield arrivee, 0
            for origine, depart in self.fermetures.items():
                if not depart & bit:
                    yield arrivee & ~depart, depart & ~arrivee
                if feuille[0] == origine[0] or feuille[1] == origine[1]:
                    continue
                premiere = self.fermetures.get((feuille[0], origine[1]))
                seconde = self.fermetures.get((origine[0], feuille[1]))
                if premiere and seconde:
                    plus, moins = arrivee | depart, premiere | seconde
                    if plus & ~moins & bit:
                        yield plus & ~moins, moins & ~plus

    def eclater(self, ensemble: int) -> Iterator[int]:
        """The ranks of the cases of a set."""
        while ensemble:
            dernier = ensemble & -ensemble
            yield dernier.bit_length() - 1
            ensemble ^= dernier


def _grille(lignes: pl.DataFrame, indicateurs: Collection[str]) -> Grille:
    effectifs: dict[Case, dict[str, int]] = {}
    regions: dict[Lieu, Lieu] = {}
    utiles = lignes.filter(pl.col("indicateur").is_in(indicateurs)).select(
        "niveau", "code", "code_region", "sous_secteur", "indicateur", "numerateur", "denominateur"
    )
    for niveau, code, region, secteur, indicateur, numerateur, denominateur in utiles.iter_rows():
        case = effectifs.setdefault(((niveau, code), secteur), {})
        for nom, valeur in (("numerateur", numerateur), ("denominateur", denominateur)):
            if valeur is not None:
                case[f"{indicateur}.{nom}"] = valeur
        if niveau == "departement":
            regions[(niveau, code)] = ("region", region)
    return Grille(effectifs, regions)


def _differences(effectifs: Effectifs) -> dict[str, int]:
    """Counts of the rest of a whole, where a part of it is known."""
    return {
        f"{tout} − {partie}": effectifs[tout] - effectifs[partie]
        for tout, partie in _EMBOITES
        if tout in effectifs and partie in effectifs
    }


def _sensible(effectifs: Effectifs, seuil: int) -> bool:
    return any(valeur < seuil for valeur in effectifs.values()) or any(
        0 < valeur < seuil for valeur in _differences(effectifs).values()
    )


def _a_masquer(grille: Grille, seuil: int) -> set[Case]:
    """Primary then secondary suppression: the cases to hide."""
    a_voir = [case for case in grille.cases if _sensible(grille.effectifs[case], seuil)]
    masquees = sum(grille.bits[case] for case in a_voir)
    while a_voir:
        nouvelles = _compagnes(grille, a_voir.pop(), masquees, seuil)
        masquees |= nouvelles
        a_voir += [grille.cases[rang] for rang in grille.eclater(nouvelles)]
    return {grille.cases[rang] for rang in grille.eclater(masquees)}


def _compagnes(grille: Grille, case: Case, masquees: int, seuil: int) -> int:
    """The cases to hide with `case` so that none of its counts can be told: the cheapest moves that blur them all."""
    restent = set(grille.effectifs[case])
    possibles = []
    for plus, moins in grille.deplacements(case):
        if (plus | moins) & ~masquees:
            possibles.append((plus, moins))
            continue
        restent -= _floutes(grille, plus, moins, restent, seuil)
        if not restent:
            return 0
    ajoutees = 0
    while restent:
        choix: tuple[float, int, set[str]] | None = None
        for plus, moins in possibles:
            nouvelles = (plus | moins) & ~masquees & ~ajoutees
            cout = sum(grille.couts[rang] for rang in grille.eclater(nouvelles))
            if choix is not None and cout / len(restent) >= choix[0]:
                continue
            floutes = _floutes(grille, plus, moins, restent, seuil)
            if floutes and (choix is None or cout / len(floutes) < choix[0]):
                choix = cout / len(floutes), nouvelles, floutes
        assert choix is not None  # a move from outside takes from no case: nothing bounds it
        _, nouvelles, floutes = choix
        ajoutees |= nouvelles
        restent -= floutes
    return ajoutees


def _floutes(grille: Grille, plus: int, moins: int, noms: Collection[str], seuil: int) -> set[str]:
    """The counts that a move changes far enough."""
    return {nom for nom in noms if _largeur(grille, plus, moins, nom) >= seuil}


def _largeur(grille: Grille, plus: int, moins: int, nom: str) -> float:
    """How far a count may go one way and the other along a move, no count of it turning negative.

    Zero when it is null in a case of the move: whoever knows which structures have no figure knows that it stays so.
    """
    baisse = hausse = inf
    for rang in grille.eclater(plus):
        baisse = min(baisse, grille.effectifs[grille.cases[rang]].get(nom, -1))
    for rang in grille.eclater(moins):
        hausse = min(hausse, grille.effectifs[grille.cases[rang]].get(nom, -1))
    return 0 if baisse < 0 or hausse < 0 else baisse + hausse
