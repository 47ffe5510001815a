"""The small counts hidden before publication, and the attacks they must stand (specification §8)."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import date
from fractions import Fraction
from math import inf
from typing import Any

import polars as pl
import pytest

from transforms.suppression import masquer

SEUIL = 11
JOUR = date(2026, 4, 1)
ENSEMBLE = ("dossiers_actifs", "projet_personnalise", "agenda", "mss", "dmp")
Cle = tuple[str, str, str]
Lignes = dict[tuple[Cle, str], tuple[int | None, int | None]]


def territoires(lignes: Lignes, regions: dict[str, str]) -> pl.DataFrame:
    """Leaves (département, sub-sector) and their indicator figures, summed as `territoires.sql` does."""
    sommes: dict[tuple[Cle, str], list[int | None]] = {}
    for (feuille, indicateur), valeurs in lignes.items():
        _, code, secteur = feuille
        lieux = [("departement", code), ("region", regions[code]), ("national", "FR")]
        for cle in [(niveau, c, s) for niveau, c in lieux for s in (secteur, "TOUS")]:
            somme = sommes.setdefault((cle, indicateur), [None, None])
            for rang, valeur in enumerate(valeurs):
                if valeur is not None:
                    somme[rang] = (somme[rang] or 0) + valeur
    return pl.DataFrame(
        [
            {
                "date_mesure": JOUR,
                "niveau": niveau,
                "code": code,
                "code_region": regions.get(code) if niveau == "departement" else code if niveau == "region" else None,
                "sous_secteur": secteur,
                "indicateur": indicateur,
                "nb_essms": 1,
                "nb_calcules": 1,
                "numerateur": numerateur,
                "denominateur": denominateur,
                "taux": 1.0,
            }
            for ((niveau, code, secteur), indicateur), (numerateur, denominateur) in sommes.items()
        ],
        schema_overrides={"numerateur": pl.Int64, "denominateur": pl.Int64, "code_region": pl.String},
    )


def une_table(rng: random.Random, *, petite: bool = False) -> tuple[pl.DataFrame, dict[str, str]]:
    """A random set of départements, régions and sub-sectors, with counts around the threshold and sources missing."""
    departements = [f"d{i}" for i in range(rng.randint(1, 3 if petite else 5))]
    regions = {d: f"r{rng.randint(0, 1 if petite else 2)}" for d in departements}
    secteurs = rng.sample(["PA", "PH", "DOM", "PDE", "PJM"], rng.randint(1, 2 if petite else 4))
    grandeur = rng.choice((8, 20, 60, 400))
    lignes: Lignes = {}
    for departement in departements:
        for secteur in secteurs:
            if rng.random() < 0.2:
                continue
            feuille = ("departement", departement, secteur)
            file_active = rng.randint(0, grandeur)
            actifs = rng.randint(0, file_active)
            eligibles = rng.randint(0, file_active)
            figures: dict[str, tuple[int | None, int | None]] = {
                "dossiers_actifs": (actifs, file_active),
                "projet_personnalise": (rng.randint(0, actifs), actifs),
                "agenda": (rng.randint(0, actifs), actifs),
                "mss": (rng.randint(0, 3 * grandeur), eligibles),
                "dmp": (rng.randint(0, eligibles), eligibles),
            }
            for indicateur, valeurs in figures.items():
                absente = rng.random() < 0.15
                lignes[feuille, indicateur] = (None, None) if absente else valeurs
    if not lignes:
        lignes[("departement", "d0", "PA"), "dossiers_actifs"] = (3, 9)
    return territoires(lignes, regions), regions


def equations(publiee: pl.DataFrame, regions: dict[str, str]) -> list[dict[Cle, int]]:
    """What everybody knows of the cases: each sum minus its parts is zero."""
    cases = set(publiee.select("niveau", "code", "sous_secteur").iter_rows())
    trouvees = []
    for niveau, code in sorted({(n, c) for n, c, _ in cases}):
        parties = [x for x in cases if x[:2] == (niveau, code) and x[2] != "TOUS"]
        trouvees.append({(niveau, code, "TOUS"): 1} | dict.fromkeys(parties, -1))
    for niveau, code, secteur in sorted(cases):
        if niveau == "region":
            parties = [x for x in cases if x[0] == "departement" and regions[x[1]] == code and x[2] == secteur]
        elif niveau == "national":
            parties = [x for x in cases if x[0] == "region" and x[2] == secteur]
        else:
            continue
        trouvees.append({(niveau, code, secteur): 1} | dict.fromkeys(parties, -1))
    return trouvees


def systemes(
    vraie: pl.DataFrame, publiee: pl.DataFrame, regions: dict[str, str]
) -> Iterator[tuple[list[Cle], list[tuple[dict[Cle, int], int]], dict[Cle, int]]]:
    """For each published count: the hidden cases, the equations on them, and the truth (a missing count is a zero)."""
    connues = equations(publiee, regions)
    cle = ("niveau", "code", "sous_secteur", "indicateur")
    masquees = set(publiee.filter("masque").select(cle).iter_rows())
    for colonne in ("numerateur", "denominateur"):
        figures: dict[str, dict[Cle, int]] = {}
        for *case, indicateur, valeur in vraie.select(*cle, colonne).iter_rows():
            # A case of which no structure has a figure: the attacker may know it.
            if valeur is not None:
                figures.setdefault(indicateur, {})[tuple(case)] = valeur
        for indicateur, verites in sorted(figures.items()):
            inconnues = sorted(x for x in verites if (*x, indicateur) in masquees)
            secretes = set(inconnues)
            lignes = []
            for equation in connues:
                gauche = {x: k for x, k in equation.items() if x in secretes}
                if gauche:
                    droite = -sum(k * verites.get(x, 0) for x, k in equation.items() if x not in secretes)
                    lignes.append((gauche, droite))
            if inconnues:
                yield inconnues, lignes, verites


PREMIER = 2**61 - 1


def resolues(inconnues: Sequence[Cle], lignes: Sequence[tuple[dict[Cle, int], int]]) -> list[Cle]:
    """The unknowns that the equations alone give: reduced row echelon form, in a prime field so that it is exact."""
    reste = [[gauche.get(x, 0) % PREMIER for x in inconnues] for gauche, _ in lignes]
    echelonnees: list[tuple[int, list[int]]] = []
    for colonne in range(len(inconnues)):
        rang = next((i for i, ligne in enumerate(reste) if ligne[colonne]), None)
        if rang is None:
            continue
        pivot = reste.pop(rang)
        inverse = pow(pivot[colonne], -1, PREMIER)
        pivot = [k * inverse % PREMIER for k in pivot]
        reste = [_soustraire(ligne, pivot, colonne) for ligne in reste]
        echelonnees = [(c, _soustraire(ligne, pivot, colonne)) for c, ligne in echelonnees] + [(colonne, pivot)]
    return [inconnues[c] for c, ligne in echelonnees if sum(map(bool, ligne)) == 1]


def _soustraire(ligne: list[int], pivot: list[int], colonne: int) -> list[int]:
    facteur = ligne[colonne]
    return [(k - facteur * p) % PREMIER for k, p in zip(ligne, pivot, strict=True)] if facteur else ligne


def serrees(inconnues: Sequence[Cle], lignes: Sequence[tuple[dict[Cle, int], int]]) -> list[Cle]:
    """The unknowns that signs give: bounds tightened by each equation in turn until none moves (a sum that is zero…)."""
    bornes: dict[Cle, tuple[float, float]] = dict.fromkeys(inconnues, (0, inf))
    change = True
    while change:
        change = False
        for gauche, droite in lignes:
            for x, k in gauche.items():
                autres = [(-m * k, bornes[y]) for y, m in gauche.items() if y != x]
                bas = droite * k + sum(min(c * mini, c * maxi) for c, (mini, maxi) in autres)
                haut = droite * k + sum(max(c * mini, c * maxi) for c, (mini, maxi) in autres)
                serree = max(bas, bornes[x][0]), min(haut, bornes[x][1])
                change, bornes[x] = change or serree != bornes[x], serree
    return [x for x, (mini, maxi) in bornes.items() if mini == maxi]


def test_aucune_case_n_est_retrouvee_dans_mille_tables() -> None:
    """Solving the published totals exactly recovers no hidden count, in any of 1 000 random tables."""
    rng = random.Random(5)
    cachees = 0
    for numero in range(1000):
        vraie, regions = une_table(rng)
        publiee = masquer(vraie, SEUIL)
        deja: set[frozenset[Cle]] = set()
        for inconnues, lignes, _ in systemes(vraie, publiee, regions):
            cachees += len(inconnues)
            if frozenset(inconnues) not in deja:  # what the equations give does not depend on the figures
                assert resolues(inconnues, lignes) == [], numero
                deja.add(frozenset(inconnues))
            assert serrees(inconnues, lignes) == [], numero
    assert cachees > 20_000


def test_l_attaque_retrouve_ce_qui_n_est_cache_que_la_ou_c_est_petit() -> None:
    """The attack is a real one: with primary suppression alone it recovers cases in most tables."""
    rng = random.Random(5)
    vaincues = 0
    for _ in range(100):
        vraie, regions = une_table(rng)
        petite = (pl.col("numerateur") < SEUIL) | (pl.col("denominateur") < SEUIL)
        naive = vraie.with_columns(masque=petite.fill_null(False))
        vaincues += any(resolues(x, e) or serrees(x, e) for x, e, _ in systemes(vraie, naive, regions))
    assert vaincues > 60


def simplexe(
    objectif: dict[Cle, int],
    inconnues: Sequence[Cle],
    lignes: Sequence[tuple[dict[Cle, int], int]],
    depart: dict[Cle, int],
) -> Fraction | None:
    """Maximum of a sum of unknowns under the equations and non-negativity (None: unbounded); Bland's rule, exact.

    `depart` is a solution, from which a first basis is found without a first phase: x = depart + moves.
    """
    variables = [*inconnues, *(("artificielle", str(i), "") for i in range(len(lignes)))]
    tableau, base = [], []
    for numero, (gauche, droite) in enumerate(lignes):
        signe = 1 if droite >= 0 else -1
        ligne = [Fraction(signe * gauche.get(x, 0)) for x in inconnues]
        ligne += [Fraction(int(i == numero)) for i in range(len(lignes))] + [Fraction(signe * droite)]
        tableau.append(ligne)
        base.append(len(inconnues) + numero)
    penalite = 10**6 + 10**3 * sum(depart.values())
    cout = [Fraction(objectif.get(x, 0)) for x in inconnues] + [Fraction(-penalite)] * len(lignes)
    while True:
        reduits = [
            cout[j] - sum(cout[base[i]] * ligne[j] for i, ligne in enumerate(tableau)) for j in range(len(variables))
        ]
        entrante = next((j for j, c in enumerate(reduits) if c > 0), None)
        if entrante is None:
            return sum((cout[base[i]] * ligne[-1] for i, ligne in enumerate(tableau)), Fraction(0))
        rapports = [(ligne[-1] / ligne[entrante], base[i], i) for i, ligne in enumerate(tableau) if ligne[entrante] > 0]
        if not rapports:
            return None
        _, _, sortante = min(rapports)
        pivot = tableau[sortante][entrante]
        tableau[sortante] = [v / pivot for v in tableau[sortante]]
        for i, ligne in enumerate(tableau):
            if i != sortante and (facteur := ligne[entrante]):
                tableau[i] = [v - facteur * p for v, p in zip(ligne, tableau[sortante], strict=True)]
        base[sortante] = entrante


def test_l_intervalle_des_valeurs_possibles_est_au_moins_large_comme_le_seuil() -> None:
    """The guarantee: linear programming under the published totals leaves each hidden count an interval of 11 or more."""
    rng = random.Random(6)
    vus = 0
    while vus < 100:
        vraie, regions = une_table(rng)
        publiee = masquer(vraie, SEUIL)
        bornes = [
            s for s in systemes(vraie, publiee, regions) if len(s[0]) <= 12 and ("national", "FR", "TOUS") not in s[0]
        ]
        for inconnues, lignes, verites in rng.sample(bornes, min(2, len(bornes))):
            for x in inconnues:
                haut = simplexe({x: 1}, inconnues, lignes, verites)
                if haut is None:
                    continue
                oppose = simplexe({x: -1}, inconnues, lignes, verites)
                assert oppose is not None
                assert -oppose <= verites[x] <= haut
                assert haut + oppose >= SEUIL, (x, verites[x], -oppose, haut)
                vus += 1


def visibles(publiee: pl.DataFrame) -> pl.DataFrame:
    return publiee.filter(~pl.col("masque"))


@pytest.mark.parametrize("graine", range(20))
def test_aucun_petit_effectif_ni_petite_difference_ne_reste(graine: int) -> None:
    vraie, _ = une_table(random.Random(graine))
    montrees = visibles(masquer(vraie, SEUIL))
    for colonne in ("numerateur", "denominateur"):
        valeurs = montrees[colonne].drop_nulls()
        assert valeurs.is_empty() or valeurs.min() >= SEUIL  # type: ignore[operator]
    ecarts = montrees.filter(pl.col("indicateur") != "mss").select(x=pl.col("denominateur") - pl.col("numerateur"))["x"]
    assert ecarts.filter(ecarts.is_between(1, SEUIL - 1)).is_empty()


def quatre(effectifs: dict[tuple[str, str], int]) -> pl.DataFrame:
    lignes: Lignes = {
        (("departement", code, secteur), "dossiers_actifs"): (n, n) for (code, secteur), n in effectifs.items()
    }
    return territoires(lignes, {"01": "84", "69": "84", "75": "11"})


def masquees(table: pl.DataFrame) -> set[str]:
    vues = masquer(table, SEUIL).filter("masque")
    return {f"{c} {s}" for c, s in vues.select("code", "sous_secteur").iter_rows()}


def test_un_rectangle_protege_une_case() -> None:
    """One small case: its département and its sub-sector each give one more, and the fourth corner closes the move."""
    table = quatre({("01", "PA"): 5, ("01", "PH"): 40, ("69", "PA"): 50, ("69", "PH"): 300, ("75", "PA"): 400})
    assert masquees(table) == {"01 PA", "01 PH", "69 PA", "69 PH"}


def test_rien_a_cacher() -> None:
    assert masquees(quatre({("01", "PA"): 50, ("69", "PA"): 60, ("75", "PH"): 70})) == set()


def test_un_territoire_d_un_seul_secteur_cache_aussi_son_total() -> None:
    """Where a département has one sub-sector, its total is the same count."""
    caches = masquees(quatre({("01", "PA"): 5, ("69", "PA"): 50, ("69", "PH"): 60}))
    assert caches == {"01 PA", "01 TOUS", "69 PA", "69 TOUS"}


def test_tout_est_cache_s_il_n_y_a_qu_une_case() -> None:
    table = masquer(quatre({("01", "PA"): 5}), SEUIL)
    assert table["masque"].all()
    assert table.select("numerateur", "denominateur", "taux", "nb_calcules").null_count().row(0) == (6, 6, 6, 6)
    assert table["nb_essms"].null_count() == 0


def test_le_seuil_est_un_reglage_et_zero_est_un_petit_effectif() -> None:
    table = quatre({("01", "PA"): 5, ("01", "PH"): 40, ("69", "PA"): 50, ("69", "PH"): 300})
    assert masquer(table, 5).filter("masque").is_empty()
    assert masquees(quatre({("01", "PA"): 0, ("01", "PH"): 40, ("69", "PA"): 50, ("69", "PH"): 300}))


def test_les_indicateurs_qui_partagent_un_effectif_sont_caches_ensemble() -> None:
    """A shown denominator of `agenda` would give the hidden numerator of `dossiers_actifs`."""
    lignes: Lignes = {}
    for code, secteur, actifs in (("01", "PA", 5), ("01", "PH", 40), ("69", "PA", 50), ("69", "PH", 90)):
        feuille = ("departement", code, secteur)
        lignes[feuille, "dossiers_actifs"] = (actifs, actifs + 20)
        lignes[feuille, "agenda"] = (actifs, actifs)
        lignes[feuille, "eprescription"] = (50, None)
    publiee = masquer(territoires(lignes, {"01": "84", "69": "84"}), SEUIL)
    par_case: dict[Any, Any] = {
        cle: dict(g.select("indicateur", "masque").iter_rows()) for cle, g in publiee.group_by("code", "sous_secteur")
    }
    assert par_case["01", "PA"] == {"dossiers_actifs": True, "agenda": True, "eprescription": False}
    assert all(x["dossiers_actifs"] == x["agenda"] for x in par_case.values())
