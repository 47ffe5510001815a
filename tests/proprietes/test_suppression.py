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

from transforms.suppression import Seuils, masquer

SEUILS = Seuils(personnes=11, essms=3)
JOUR = date(2026, 4, 1)
TRIMESTRE = (date(2026, 1, 1), date(2026, 3, 31))
MOIS = (date(2026, 3, 1), date(2026, 3, 31))
ENSEMBLE = ("dossiers_actifs", "projet_personnalise", "agenda", "mss", "dmp")
COMPTES = ("numerateur", "denominateur", "nb_calcules")
Fenetre = tuple[date, date] | None
Cle = tuple[str, str, str, Fenetre]
Figures = tuple[int | None, int | None, int]  # numerator, denominator, ESSMS counted
Lignes = dict[tuple[Cle, str], Figures]
PROGRAMME: Cle = ("national", "FR", "TOUS", None)


def territoires(lignes: Lignes, regions: dict[str, str]) -> pl.DataFrame:
    """Leaves (département, sub-sector, window) and their indicator figures, summed as `territoires.sql` does."""
    sommes: dict[tuple[Cle, str], list[int | None]] = {}
    for (feuille, indicateur), valeurs in lignes.items():
        _, code, secteur, fenetre = feuille
        lieux = [("departement", code), ("region", regions[code]), ("national", "FR")]
        cles: list[Cle] = [(niveau, c, s, fenetre) for niveau, c in lieux for s in (secteur, "TOUS")]
        for cle in [*cles, PROGRAMME] if indicateur == "dossiers_actifs" else cles:
            somme = sommes.setdefault((cle, indicateur), [None, None, None])
            for rang, valeur in enumerate(valeurs):
                if valeur is not None and (cle != PROGRAMME or rang != 1):
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
                "nb_essms": 10,
                "masque": False,
                **dict(zip(COMPTES, figures, strict=True)),
                "nb_partiels": 0,
                "taux": 1.0,
                "nb_atteints": 0,
                "nb_a_confirmer": 0,
                "part_objectif": 1.0,
                "nb_personnes": figures[1],
                **dict(zip(("debut_fenetre", "fin_fenetre"), fenetre or (None, None), strict=True)),
            }
            for ((niveau, code, secteur, fenetre), indicateur), figures in sommes.items()
        ],
        schema_overrides={"code_region": pl.String}
        | dict.fromkeys((*COMPTES, "nb_personnes"), pl.Int64)
        | dict.fromkeys(("debut_fenetre", "fin_fenetre"), pl.Date),
    )


def cases(table: pl.DataFrame, *colonnes: str) -> Iterator[tuple[Any, ...]]:
    """The key of each row, as a `Cle`, then the asked columns."""
    for niveau, code, secteur, debut, fin, *reste in table.select(
        "niveau", "code", "sous_secteur", "debut_fenetre", "fin_fenetre", *colonnes
    ).iter_rows():
        yield (niveau, code, secteur, (debut, fin) if debut else None), *reste


def une_table(rng: random.Random, *, petite: bool = False) -> tuple[pl.DataFrame, dict[str, str]]:
    """A random set of places, sub-sectors and windows, with counts around the thresholds and sources missing."""
    departements = [f"d{i}" for i in range(rng.randint(1, 3 if petite else 5))]
    regions = {d: f"r{rng.randint(0, 1 if petite else 2)}" for d in departements}
    secteurs = rng.sample(["PA", "PH", "DOM", "PDE", "PJM"], rng.randint(1, 2 if petite else 4))
    fenetres = rng.choice(([TRIMESTRE], [TRIMESTRE], [TRIMESTRE, MOIS]))
    grandeur = rng.choice((8, 20, 60, 400))
    nombre = rng.choice((2, 6, 20))
    lignes: Lignes = {}
    for departement in departements:
        for secteur in secteurs:
            if rng.random() < 0.2:
                continue
            feuille = ("departement", departement, secteur, rng.choice(fenetres))
            file_active = rng.randint(0, grandeur)
            actifs = rng.randint(0, file_active)
            eligibles = rng.randint(0, file_active)
            essms = rng.randint(1, nombre)
            figures: dict[str, tuple[int | None, int | None]] = {
                "dossiers_actifs": (actifs, file_active),
                "projet_personnalise": (rng.randint(0, actifs), actifs),
                "agenda": (rng.randint(0, actifs), actifs),
                "mss": (rng.randint(0, 3 * grandeur), eligibles),
                "dmp": (rng.randint(0, eligibles), eligibles),
            }
            for indicateur, valeurs in figures.items():
                absente = rng.random() < 0.15
                comptes = max(1, essms - rng.choice((0, 0, 0, 1, 3)))
                lignes[feuille, indicateur] = (None, None, 0) if absente else (*valeurs, comptes)
    if not lignes:
        lignes[("departement", "d0", "PA", TRIMESTRE), "dossiers_actifs"] = (3, 9, 2)
    return territoires(lignes, regions), regions


def equations(publiee: pl.DataFrame, regions: dict[str, str]) -> list[dict[Cle, int]]:
    """What everybody knows of the cases: each sum minus its parts is zero."""
    connues: set[Cle] = {cle for (cle,) in cases(publiee)}
    programme = {PROGRAMME: 1} | {x: -1 for x in connues if x[0] == "national" and x[2] == "TOUS" and x[3]}
    trouvees = [programme] if PROGRAMME in connues else []
    ordonnees: list[Cle] = sorted(connues - {PROGRAMME})  # type: ignore[type-var]
    for niveau, code, fenetre in dict.fromkeys((n, c, f) for n, c, _, f in ordonnees):
        parties = [x for x in ordonnees if (x[0], x[1], x[3]) == (niveau, code, fenetre) and x[2] != "TOUS"]
        trouvees.append({(niveau, code, "TOUS", fenetre): 1} | dict.fromkeys(parties, -1))
    for niveau, code, *quoi in ordonnees:
        if niveau == "region":
            dessous = [x for x in ordonnees if x[0] == "departement" and regions[x[1]] == code]
        elif niveau == "national":
            dessous = [x for x in ordonnees if x[0] == "region"]
        else:
            continue
        parties = [x for x in dessous if [*x[2:]] == quoi]
        trouvees.append({(niveau, code, quoi[0], quoi[1]): 1} | dict.fromkeys(parties, -1))  # type: ignore[dict-item]
    return trouvees


def systemes(
    vraie: pl.DataFrame, publiee: pl.DataFrame, regions: dict[str, str]
) -> Iterator[tuple[list[Cle], list[tuple[dict[Cle, int], int]], dict[Cle, int], str]]:
    """For each published count: the hidden cases, the equations on them, the truth (a missing count is a zero), its name."""
    connues = equations(publiee, regions)
    masquees = set(cases(publiee.filter("masque"), "indicateur"))
    for colonne in COMPTES:
        figures: dict[str, dict[Cle, int]] = {}
        for case, indicateur, valeur in cases(vraie, "indicateur", colonne):
            # A case of which no structure has a figure: the attacker may know it.
            if valeur is not None:
                figures.setdefault(indicateur, {})[case] = valeur
        for indicateur, verites in sorted(figures.items()):
            inconnues = sorted((x for x in verites if (x, indicateur) in masquees), key=str)
            secretes = set(inconnues)
            lignes = []
            for equation in connues:
                if PROGRAMME in equation and PROGRAMME not in verites:
                    continue
                gauche = {x: k for x, k in equation.items() if x in secretes}
                if gauche:
                    droite = -sum(k * verites.get(x, 0) for x, k in equation.items() if x not in secretes)
                    lignes.append((gauche, droite))
            if inconnues:
                yield inconnues, lignes, verites, colonne


def a_proteger(trouvees: Sequence[Cle], verites: dict[Cle, int], colonne: str) -> list[Cle]:
    """Those that hide something: a case without any ESSMS counted has no figure."""
    return [x for x in trouvees if verites[x] or colonne != "nb_calcules"]


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
        publiee = masquer(vraie, SEUILS)
        deja: dict[Any, list[Cle]] = {}
        for inconnues, lignes, verites, colonne in systemes(vraie, publiee, regions):
            cachees += len(inconnues)
            # What the equations give does not depend on the figures.
            systeme = tuple(tuple(gauche) for gauche, _ in lignes)
            if (systeme, *inconnues) not in deja:
                deja[(systeme, *inconnues)] = resolues(inconnues, lignes)
            assert a_proteger(deja[(systeme, *inconnues)], verites, colonne) == [], numero
            assert a_proteger(serrees(inconnues, lignes), verites, colonne) == [], numero
    assert cachees > 20_000


def restes(seuils: Seuils) -> list[int]:
    """By differencing, in 300 random tables: how many ESSMS a total adds beside all that is shown of it."""
    rng = random.Random(7)
    trouves = []
    for _ in range(300):
        vraie, regions = une_table(rng)
        for _, lignes, _, colonne in systemes(vraie, masquer(vraie, seuils), regions):
            if colonne == "nb_calcules":
                # The total is shown, or all its parts are.
                trouves += [abs(reste) for gauche, reste in lignes if len(set(gauche.values())) == 1 and reste]
    return trouves


def test_ce_qui_reste_d_un_total_ajoute_au_moins_trois_essms() -> None:
    gardes = restes(SEUILS)
    assert len(gardes) > 300
    assert min(gardes) == SEUILS.essms
    assert min(restes(Seuils(SEUILS.personnes, 1))) < SEUILS.essms  # without the rule, they come back


def test_l_attaque_retrouve_ce_qui_n_est_cache_que_la_ou_c_est_petit() -> None:
    """The attack is a real one: with primary suppression alone it recovers cases in most tables."""
    rng = random.Random(5)
    vaincues = 0
    for _ in range(100):
        vraie, regions = une_table(rng)
        petite = (pl.col("numerateur") < SEUILS.personnes) | (pl.col("denominateur") < SEUILS.personnes)
        naive = vraie.with_columns(masque=petite.fill_null(False))
        vaincues += any(resolues(x, e) or serrees(x, e) for x, e, *_ in systemes(vraie, naive, regions))
    assert vaincues > 50


def simplexe(
    objectif: dict[Cle, int],
    inconnues: Sequence[Cle],
    lignes: Sequence[tuple[dict[Cle, int], int]],
    depart: dict[Cle, int],
) -> Fraction | None:
    """Maximum of a sum of unknowns under the equations and non-negativity (None: unbounded); Bland's rule, exact.

    `depart` is a solution, from which a first basis is found without a first phase: x = depart + moves.
    """
    variables = [*inconnues, *(("artificielle", str(i), "", None) for i in range(len(lignes)))]
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
        publiee = masquer(vraie, SEUILS)
        bornes = [
            s
            for s in systemes(vraie, publiee, regions)
            if len(s[0]) <= 12 and not any(niveau == "national" and secteur == "TOUS" for niveau, _, secteur, _ in s[0])
        ]
        for inconnues, lignes, verites, colonne in rng.sample(bornes, min(2, len(bornes))):
            for x in a_proteger(inconnues, verites, colonne):
                haut = simplexe({x: 1}, inconnues, lignes, verites)
                if haut is None:
                    continue
                oppose = simplexe({x: -1}, inconnues, lignes, verites)
                assert oppose is not None
                assert -oppose <= verites[x] <= haut
                assert haut + oppose >= SEUILS.de(colonne), (x, verites[x], -oppose, haut)
                vus += 1


def visibles(publiee: pl.DataFrame) -> pl.DataFrame:
    return publiee.filter(~pl.col("masque"))


@pytest.mark.parametrize("graine", range(20))
def test_aucun_petit_effectif_ni_petite_difference_ne_reste(graine: int) -> None:
    vraie, _ = une_table(random.Random(graine))
    montrees = visibles(masquer(vraie, SEUILS))
    for colonne in COMPTES:
        valeurs = montrees.filter(pl.col("nb_calcules") > 0)[colonne].drop_nulls()
        assert valeurs.is_empty() or valeurs.min() >= SEUILS.de(colonne)  # type: ignore[operator]
    ecarts = montrees.filter(pl.col("indicateur") != "mss").select(x=pl.col("denominateur") - pl.col("numerateur"))["x"]
    assert ecarts.filter(ecarts.is_between(1, SEUILS.personnes - 1)).is_empty()


def quatre(effectifs: dict[tuple[str, str], int], essms: int = 10, fenetre: Fenetre = TRIMESTRE) -> pl.DataFrame:
    lignes: Lignes = {
        (("departement", code, secteur, fenetre), "dossiers_actifs"): (n, n, essms)
        for (code, secteur), n in effectifs.items()
    }
    return territoires(lignes, {"01": "84", "69": "84", "75": "11"})


def reunir(*tables: pl.DataFrame) -> pl.DataFrame:
    """Sums of several tables: their common cases are added."""
    ajoutees = [*COMPTES, "nb_personnes"]
    cle = [c for c in tables[0].columns if c not in ajoutees]
    sommes = pl.concat(tables).group_by(cle, maintain_order=True).agg(pl.col(ajoutees).sum())
    # The row of the objective has no denominator.
    return sommes.with_columns(
        pl.when(pl.col("debut_fenetre").is_not_null()).then(pl.col(c)).alias(c)
        for c in ("denominateur", "nb_personnes")
    )


def masquees(table: pl.DataFrame) -> set[str]:
    vues = masquer(table, SEUILS).filter("masque")
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
    table = masquer(quatre({("01", "PA"): 5}), SEUILS)
    assert table["masque"].all()
    assert table.select("numerateur", "denominateur", "taux", "nb_calcules").null_count().row(0) == (7, 7, 7, 7)
    assert table["nb_essms"].null_count() == 0


def test_le_seuil_est_un_reglage_et_zero_est_un_petit_effectif() -> None:
    table = quatre({("01", "PA"): 5, ("01", "PH"): 40, ("69", "PA"): 50, ("69", "PH"): 300})
    assert masquer(table, Seuils(5, 3)).filter("masque").is_empty()
    assert masquees(quatre({("01", "PA"): 0, ("01", "PH"): 40, ("69", "PA"): 50, ("69", "PH"): 300}))


def test_les_indicateurs_qui_partagent_un_effectif_sont_caches_ensemble() -> None:
    """A shown denominator of `agenda` would give the hidden numerator of `dossiers_actifs`."""
    lignes: Lignes = {}
    for code, secteur, actifs in (("01", "PA", 5), ("01", "PH", 40), ("69", "PA", 50), ("69", "PH", 90)):
        feuille = ("departement", code, secteur, TRIMESTRE)
        lignes[feuille, "dossiers_actifs"] = (actifs, actifs + 20, 10)
        lignes[feuille, "agenda"] = (actifs, actifs, 10)
        lignes[feuille, "eprescription"] = (50, None, 10)
    publiee = masquer(territoires(lignes, {"01": "84", "69": "84"}), SEUILS)
    par_case: dict[Any, Any] = {
        cle: dict(g.select("indicateur", "masque").iter_rows()) for cle, g in publiee.group_by("code", "sous_secteur")
    }
    assert par_case["01", "PA"] == {"dossiers_actifs": True, "agenda": True, "eprescription": False}
    assert all(x["dossiers_actifs"] == x["agenda"] for x in par_case.values())


def test_une_somme_de_deux_essms_est_cachee_et_son_reste_aussi() -> None:
    """Big counts of two ESSMS; alone in its département and in its sub-sector, so that their totals are hidden with it."""
    petite = quatre({("01", "PA"): 500}, essms=2)
    table = reunir(petite, quatre({("01", "PH"): 400, ("69", "PA"): 500, ("69", "PH"): 300, ("75", "PA"): 400}))
    assert masquees(table) == {"01 PA", "01 PH", "69 PA", "69 PH"}
    assert masquer(table, Seuils(11, 1)).filter("masque").is_empty()


def test_deux_indicateurs_compares_ne_donnent_pas_un_essms() -> None:
    """dossiers_actifs adds six ESSMS and agenda five of them: their dossiers actifs differ by those of the sixth."""
    feuille: Cle = ("departement", "01", "PA", TRIMESTRE)
    lignes: Lignes = {(feuille, "dossiers_actifs"): (400, 500, 6), (feuille, "agenda"): (300, 350, 5)}
    assert masquer(territoires(lignes, {"01": "84"}), SEUILS).filter(pl.col("indicateur") != "mss")["masque"].all()
    lignes[feuille, "agenda"] = (200, 250, 3)
    assert not masquer(territoires(lignes, {"01": "84"}), SEUILS)["masque"].any()


def test_la_ligne_de_l_objectif_ne_rend_pas_une_fenetre_cachee() -> None:
    """All windows added minus the window that is shown would give the one that is hidden."""
    table = reunir(
        quatre({("01", "PA"): 100, ("69", "PA"): 200}),
        quatre({("01", "PA"): 60, ("69", "PA"): 50}, essms=1, fenetre=MOIS),
    )
    programme = masquer(table, SEUILS).filter(pl.col("debut_fenetre").is_null())
    assert programme["masque"].to_list() == [True]
    assert programme["numerateur"].to_list() == [None]
