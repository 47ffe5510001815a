"""Small counts hidden from what leaves the agency (specification §8): the rule, all of it, is `masquer`.

A *case* is one territory × sub-sector (totals included) × window. The figures of a case are hidden together, for all
indicators that share a count: the denominator of one is the numerator of another, so hiding them apart would hide nothing.

1. *Primary*: a case is hidden when one of its counts, or its persons, is below the threshold of persons; when the difference
   of two counts nested in one another (file active − dossiers actifs…) is, without being zero: it counts persons too; when
   a sum adds fewer ESSMS than their own threshold; when two sums of one count differ by fewer: their difference is
   the figure of the ESSMS that one of them lacks.
2. *Secondary*: what is hidden must not come back by subtracting what is shown from a total. The counts of a publication
   obey these equations: the sub-sectors of a territory add up to its `TOUS`, the départements to their région, the régions
   to the country, and the windows of the country to the row of the objective. For each hidden case and each of its counts
   there must be a *déplacement*: persons moved from one département × sub-sector × window to another, or exchanged between
   two, that changes hidden cases only. The published figures are then the same before and after it, and nobody can tell
   which of the two is true. Where no such move exists, the cases of the one that costs fewest persons are hidden too, up
   to the totals if need be. The number of ESSMS counted is a count like the others, with its own threshold.

Guaranteed, for whoever solves all published equations and knows that counts are not negative: from the lowest to the
highest value a hidden count may have there is at least its threshold; so what is left of a total once all that is shown
of it is taken away adds that many persons, and that many ESSMS. Each publication is protected by itself: comparing two
dates, or what other sources say, is not covered.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
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
# Counts that are one and the same where the same ESSMS are counted.
_PARTAGES = (
    ("dossiers_actifs.numerateur", "projet_personnalise.denominateur"),
    ("dossiers_actifs.numerateur", "agenda.denominateur"),
    ("projet_personnalise.denominateur", "agenda.denominateur"),
    ("mss.denominateur", "dmp.denominateur"),
)
_RETIRES = (
    "nb_calcules",
    "nb_partiels",
    "numerateur",
    "denominateur",
    "taux",
    "nb_atteints",
    "nb_a_confirmer",
    "part_objectif",
)
_ESSMS = "nb_calcules"
_JAMAIS_MONTRE = "nb_personnes"

Lieu = tuple[str, str]
Fenetre = tuple[date, date] | None
Case = tuple[Lieu, str, Fenetre]
Effectifs = Mapping[str, int]

_NATIONAL: Lieu = ("national", "FR")
# The row of the objective, where there is one: dossiers actifs of all windows.
_PROGRAMME: Case = (_NATIONAL, TOUS, None)


@dataclass(frozen=True)
class Seuils:
    """The smallest numbers of persons, and of ESSMS, that a shown figure may count; from 1."""

    personnes: int
    essms: int

    def de(self, nom: str) -> int:
        """That of a count of a case (`agenda.numerateur`)."""
        return self.essms if nom.endswith(_ESSMS) else self.personnes


def masquer(territoires: pl.DataFrame, seuils: Seuils) -> pl.DataFrame:
    """Hide the small counts of the sums by territory, and what would give them back.

    In: the table `territoires`, totals included. Out: the same rows with `masque`; where it is true the figures are null
    (not `nb_essms`, which says how many structures there are). `nb_personnes` is null everywhere: from one indicator to
    another it would give, by subtraction, the persons of an ESSMS.
    """
    masquees = [
        (date_mesure, *lieu, secteur, *(fenetre or (None, None)), indicateur)
        for (date_mesure,), lignes in territoires.group_by("date_mesure", maintain_order=True)
        for ensemble in _ENSEMBLES
        for lieu, secteur, fenetre in _a_masquer(_grille(lignes, ensemble), seuils)
        for indicateur in ensemble
    ]
    cle = ["date_mesure", "niveau", "code", "sous_secteur", "debut_fenetre", "fin_fenetre", "indicateur"]
    marques = pl.DataFrame(masquees, schema=[(c, territoires.schema[c]) for c in cle], orient="row")
    reunies = (
        territoires.drop("masque")
        .join(marques.with_columns(masque=pl.lit(True)), on=cle, how="left", nulls_equal=True)
        .with_columns(pl.col("masque").fill_null(False), nb_personnes=pl.lit(None, pl.Int64))
    )
    return reunies.with_columns(pl.when(~pl.col("masque")).then(pl.col(nom)).alias(nom) for nom in _RETIRES)


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
        return tuple(sorted(self.effectifs, key=lambda case: (*case[:2], case[2] or ())))

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
        """For each leaf (département × sub-sector × window): itself and the totals it is part of."""
        return {
            (lieu, secteur, fenetre): self.bits.get(_PROGRAMME, 0)
            + sum(
                self.bits[ou, quoi, fenetre] for ou in (lieu, self.regions[lieu], _NATIONAL) for quoi in (secteur, TOUS)
            )
            for lieu, secteur, fenetre in self.cases
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
                if feuille[0] == origine[0] or feuille[1] == origine[1] or feuille[2] != origine[2]:
                    continue
                premiere = self.fermetures.get((feuille[0], *origine[1:]))
                seconde = self.fermetures.get((origine[0], *feuille[1:]))
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
    for ligne in lignes.filter(pl.col("indicateur").is_in(indicateurs)).iter_rows(named=True):
        lieu = ligne["niveau"], ligne["code"]
        debut, fin = ligne["debut_fenetre"], ligne["fin_fenetre"]
        case = effectifs.setdefault((lieu, ligne["sous_secteur"], (debut, fin) if debut else None), {})
        for nom in ("numerateur", "denominateur", "nb_personnes", _ESSMS):
            if ligne[nom] is not None:
                case[f"{ligne['indicateur']}.{nom}"] = ligne[nom]
        if ligne["niveau"] == "departement":
            regions[lieu] = ("region", ligne["code_region"])
    return Grille(effectifs, regions)


def _ecarts(effectifs: Effectifs, paires: Collection[tuple[str, str]]) -> Iterator[tuple[str, str, int]]:
    """Each pair of counts that are both known, with their difference."""
    for premier, second in paires:
        if premier in effectifs and second in effectifs:
            yield premier, second, effectifs[premier] - effectifs[second]


def _sensible(effectifs: Effectifs, seuils: Seuils) -> bool:
    def essms(nom: str) -> int:
        return effectifs[f"{nom.partition('.')[0]}.{_ESSMS}"]

    return (
        # No ESSMS at all has no figure to hide.
        any(valeur < seuils.de(nom) for nom, valeur in effectifs.items() if valeur or not nom.endswith(_ESSMS))
        or any(0 < ecart < seuils.personnes for *_, ecart in _ecarts(effectifs, _EMBOITES))
        or any(
            ecart and (abs(ecart) < seuils.personnes or abs(essms(un) - essms(autre)) < seuils.essms)
            for un, autre, ecart in _ecarts(effectifs, _PARTAGES)
        )
    )


def _a_masquer(grille: Grille, seuils: Seuils) -> list[Case]:
    """Primary then secondary suppression: the cases to hide."""
    a_voir = [case for case in grille.cases if _sensible(grille.effectifs[case], seuils)]
    masquees = sum(grille.bits[case] for case in a_voir)
    while a_voir:
        nouvelles = _compagnes(grille, a_voir.pop(), masquees, seuils)
        masquees |= nouvelles
        a_voir += [grille.cases[rang] for rang in grille.eclater(nouvelles)]
    return [grille.cases[rang] for rang in grille.eclater(masquees)]


def _compagnes(grille: Grille, case: Case, masquees: int, seuils: Seuils) -> int:
    """The cases to hide with `case` so that none of its counts can be told: the cheapest moves that blur them all."""
    restent = {
        nom
        for nom, valeur in grille.effectifs[case].items()
        if not nom.endswith(_JAMAIS_MONTRE) and (valeur or not nom.endswith(_ESSMS))
    }
    possibles = []
    for plus, moins in grille.deplacements(case):
        if (plus | moins) & ~masquees:
            possibles.append((plus, moins))
            continue
        restent -= _floutes(grille, plus, moins, restent, seuils)
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
            floutes = _floutes(grille, plus, moins, restent, seuils)
            if floutes and (choix is None or cout / len(floutes) < choix[0]):
                choix = cout / len(floutes), nouvelles, floutes
        assert choix is not None  # a move from outside takes from no case: nothing bounds it
        _, nouvelles, floutes = choix
        ajoutees |= nouvelles
        restent -= floutes
    return ajoutees


def _floutes(grille: Grille, plus: int, moins: int, noms: Collection[str], seuils: Seuils) -> set[str]:
    """The counts that a move changes far enough."""
    return {nom for nom in noms if _largeur(grille, plus, moins, nom) >= seuils.de(nom)}


def _largeur(grille: Grille, plus: int, moins: int, nom: str) -> float:
    """How far a count may go one way and the other along a move, no count of it turning negative.

    Zero when it is null in a case of the move: whoever knows which structures have no figure knows that it stays so. But
    what the row of the objective never says binds nothing.
    """
    baisse = hausse = inf
    for rang in grille.eclater(plus):
        baisse = min(baisse, _valeur(grille, rang, nom))
    for rang in grille.eclater(moins):
        hausse = min(hausse, _valeur(grille, rang, nom))
    return 0 if baisse < 0 or hausse < 0 else baisse + hausse


def _valeur(grille: Grille, rang: int, nom: str) -> float:
    case = grille.cases[rang]
    return grille.effectifs[case].get(nom, inf if case == _PROGRAMME else -1)
