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

from collections import Counter
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
    """The cases of one publication with their counts (null ones left out), and the région of each département."""

    effectifs: Mapping[Case, Effectifs]
    regions: Mapping[Lieu, Lieu]

    @cached_property
    def fermetures(self) -> Mapping[Case, frozenset[Case]]:
        """For each département × sub-sector: itself and the totals it is part of."""
        return {
            (lieu, secteur): frozenset(
                (ou, quoi) for ou in (lieu, self.regions[lieu], _NATIONAL) for quoi in (secteur, TOUS)
            )
            for lieu, secteur in sorted(self.effectifs)
            if lieu in self.regions and secteur != TOUS
        }

    def deplacements(self, case: Case) -> Iterator[tuple[frozenset[Case], frozenset[Case]]]:
        """Every move that adds to `case`: the cases it adds to, and those it takes from.

        A move brings persons into a leaf (département × sub-sector) from outside or from another leaf; or exchanges the
        sub-sectors of two départements, which leaves the totals of both as they are. A total that has both ends of the
        move does not change.
        """
        for feuille, arrivee in self.fermetures.items():
            if case not in arrivee:
                continue
            yield arrivee, frozenset()
            for origine, depart in self.fermetures.items():
                if case not in depart:
                    yield arrivee - depart, depart - arrivee
                croisees = (feuille[0], origine[1]), (origine[0], feuille[1])
                if all(c in self.fermetures and c not in (feuille, origine) for c in croisees):
                    plus = Counter([*arrivee, *depart])
                    plus.subtract([c for croisee in croisees for c in self.fermetures[croisee]])
                    if plus[case] > 0:
                        yield frozenset(c for c, k in plus.items() if k > 0), frozenset(
                            c for c, k in plus.items() if k < 0
                        )


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
    masquees = {case for case, effectifs in grille.effectifs.items() if _sensible(effectifs, seuil)}
    a_voir = sorted(masquees)
    poids = {case: 1 + max(e.values(), default=0) for case, e in grille.effectifs.items()}
    while a_voir:
        case = a_voir.pop()
        for nouvelle in sorted(_compagnes(grille, poids, case, masquees, seuil)):
            masquees.add(nouvelle)
            a_voir.append(nouvelle)
    return masquees


def _compagnes(
    grille: Grille,
    poids: Mapping[Case, int],
    case: Case,
    masquees: set[Case],
    seuil: int,
) -> set[Case]:
    """The cases to hide with `case` so that none of its counts can be told: the cheapest moves that blur them all."""
    restent = set(grille.effectifs[case])
    ajoutees: set[Case] = set()
    deplacements = [(plus, moins) for plus, moins in grille.deplacements(case)] if restent else []
    while restent:
        choix: tuple[float, frozenset[Case], set[str]] | None = None
        for plus, moins in deplacements:
            nouvelles = (plus | moins) - masquees - ajoutees
            cout = sum(poids[c] for c in nouvelles)
            if choix is not None and cout / len(restent) >= choix[0]:
                continue
            floutes = {nom for nom in restent if _largeur(grille.effectifs, plus, moins, nom) >= seuil}
            if floutes and (choix is None or cout / len(floutes) < choix[0]):
                choix = cout / len(floutes), nouvelles, floutes
                if cout == 0 and floutes == restent:
                    break
        assert choix is not None  # a move from outside takes from no case: nothing bounds it
        _, nouvelles, floutes = choix
        ajoutees |= nouvelles
        restent -= floutes
    return ajoutees


def _largeur(effectifs: Mapping[Case, Effectifs], plus: Collection[Case], moins: Collection[Case], nom: str) -> float:
    """How far a count may go one way and the other along a move, no count of it turning negative.

    Zero when it is null in a case of the move: whoever knows which structures have no figure knows that it stays so.
    """
    if any(nom not in effectifs[c] for c in (*plus, *moins)):
        return 0
    baisse = min((effectifs[c][nom] for c in plus), default=inf)
    hausse = min((effectifs[c][nom] for c in moins), default=inf)
    return baisse + hausse
