"""Hand-computed cases for the reference: the register with time (§4.6), verdicts (§6.5), projects and balance (§6.6)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from oracle import Depot, Publie, Resultat, mesurer, reculer
from oracle_conventions import (
    ACQUISITION,
    MONTEE,
    Depense,
    avance_et_solde,
    mesurer_monde,
    mois_ecoules,
    montant_d_une_nature,
)
from oracle_registre import Essms, numeros_du_porteur, registre_du
from test_oracle import AGENDA, E1, E2, E3, MSS, PROJETS, D, depot, dossiers, maj, mesure, sejours

VEILLE, LENDEMAIN = D - timedelta(days=1), D + timedelta(days=1)
X, Y = Essms(E1, "p"), Essms(E2, "p")


# §4.6


@pytest.mark.parametrize(
    ("lignes", "valides", "ecartees"),
    [
        pytest.param([X], "1", "", id="ouverte"),
        pytest.param([replace(X, debut=D, fin=D)], "1", "", id="bornes comprises"),
        pytest.param([replace(X, fin=VEILLE)], "", "", id="finie"),
        pytest.param([replace(X, debut=LENDEMAIN)], "", "", id="a venir"),
        pytest.param([replace(X, fin=VEILLE), replace(X, porteur="q", debut=D)], "1", "", id="demenagement"),
        pytest.param([replace(X, fin=D), replace(X, porteur="q", debut=D)], "", "1 1", id="chevauchement"),
        pytest.param([replace(X, fautive=True), Y], "2", "1", id="fautive"),
        pytest.param([X, replace(Y, finess_precedent=(E1,))], "1", "2", id="ancien numero qui vit encore"),
        pytest.param([replace(X, fin=VEILLE), replace(Y, finess_precedent=(E1,))], "2", "", id="changement"),
        pytest.param(
            [replace(X, finess_precedent=(E3,)), replace(Y, finess_precedent=(E3,))], "", "1 2", id="ancien partage"
        ),
    ],
)
def test_registre_du_jour(lignes: list[Essms], valides: str, ecartees: str) -> None:
    registre = registre_du(lignes, D)
    assert sorted(x.finess_et[-1] for x in registre.valides) == valides.split()
    assert sorted(x.finess_et[-1] for x in registre.ecartees) == ecartees.split()


def test_les_numeros_d_une_chaine_comptent_pour_la_ligne_du_jour() -> None:
    lignes = [
        Essms(E1, "p", fin=reculer(D, 6) - timedelta(days=1)),
        Essms(E2, "q", debut=reculer(D, 6), fin=VEILLE, finess_precedent=(E1,)),
        Essms(E3, "q", debut=D, finess_precedent=(E2,)),
    ]
    for jour, finess in ((reculer(D, 9), E1), (VEILLE, E2), (D, E3)):
        assert registre_du(lignes, jour).numeros == {finess: {E1, E2, E3}}
    assert numeros_du_porteur(lignes, "p") == {E1}
    assert numeros_du_porteur(lignes, "q") == {E1, E2, E3}


FUSION = [Essms(E1, "p", fin=VEILLE), Essms(E2, "p", fin=VEILLE), Essms(E3, "p", debut=D, finess_precedent=(E1, E2))]


@pytest.mark.parametrize(
    ("lignes", "jour", "attendu"),
    [
        pytest.param(FUSION, D, {E3: {E1, E2, E3}}, id="apres une fusion"),
        pytest.param(FUSION, VEILLE, {E1: {E1}, E2: {E2}}, id="avant une fusion, le numero a venir n'est de personne"),
        pytest.param([X, replace(Y, finess_precedent=(E1,))], D, {E1: {E1}}, id="le numero d'une ligne ecartee"),
    ],
)
def test_numeros_qui_ne_comptent_que_pour_un(lignes: list[Essms], jour: date, attendu: dict[str, set[str]]) -> None:
    assert registre_du(lignes, jour).numeros == attendu


def test_un_changement_de_numero_ne_vide_pas_les_taux() -> None:
    lignes = [Essms(E1, "p", fin=VEILLE), Essms(E2, "p", debut=D, finess_precedent=(E1,))]
    x = mesurer(lignes, [dossiers("1"), sejours("1"), maj("1")], D).indicateurs
    assert {(finess, y["taux"]) for (finess, nom), y in x.items() if nom == "dossiers_actifs"} == {(E2, 100.0)}


def test_on_ne_lit_que_les_depots_du_porteur_du_jour() -> None:
    lignes = [Essms(E1, "p", fin=VEILLE), Essms(E1, "q", debut=D)]
    envoi = [dossiers("1"), sejours("1"), maj("1")]
    assert mesurer(lignes, envoi, D).indicateurs[(E1, "dossiers_actifs")]["statut"] == "source_absente"
    a_l_autre = [replace(x, porteur="q") for x in envoi]
    assert mesurer(lignes, a_l_autre, D).indicateurs[(E1, "dossiers_actifs")]["statut"] == "calcule"


# §6.5, verdict


def en_ordre(noms: str = "1 2 3 4 5 6 7 8 9 10") -> list[Depot]:
    """Everything served for all the dossiers named."""
    n = noms.split()
    projets = PROJETS + "\n" + "\n".join(f"{x} | {x} | actif" for x in n)
    evenements = AGENDA + "\n" + "\n".join(f"{x} | e | 2026-02-01 |" for x in n)
    documents = "id_dossier | horodatage\n" + "\n".join(f"{x} | 2026-02-01" for x in n)
    return [
        dossiers(noms),
        sejours(noms),
        maj(noms),
        depot("projets", "2026-04-02", projets),
        depot("agenda", "2026-04-02", evenements),
        depot("mss", "2026-04-02", MSS + f"\n | b | 2026-02-01 | {len(n)} |"),
        depot("dmp", "2026-04-02", documents),
    ]


def change(depots: Sequence[Depot], table: str, **autres: Any) -> list[Depot]:
    return [replace(x, **autres) if x.table == table else x for x in depots]


def verdict(indicateur: str, depots: Sequence[Depot], **essms: Any) -> tuple[str, float | None]:
    x = mesure(*depots, **{"sous_secteur": "PH", **essms}).indicateurs[(E1, indicateur)]
    return x["verdict"], x["taux_plancher"]


TOUT = en_ordre()
AVANT = date(2026, 3, 31)
UN_REJET = {"statut": "accepte_avec_rejets", "rejets": (E1,)}


@pytest.mark.parametrize(
    ("indicateur", "depots", "attendu"),
    [
        pytest.param("dossiers_actifs", TOUT, ("atteint", 100.0), id="atteint"),
        pytest.param("dossiers_actifs", change(TOUT, "dossiers", **UN_REJET), ("atteint", 1000 / 11), id="1 rejet"),
        pytest.param(
            "dossiers_actifs", change(TOUT, "sejours", statut="accepte_avec_rejets", rejets=(E1, E1)),
            ("a_confirmer", 1000 / 12), id="2 rejets",
        ),
        pytest.param(
            "dossiers_actifs", change(change(TOUT, "sejours", **UN_REJET), "dossiers", **UN_REJET),
            ("a_confirmer", 1000 / 12), id="1 rejet de chaque table",
        ),
        pytest.param("dmp", change(TOUT, "sejours", rejets=(E1,) * 4), ("atteint", 1000 / 14), id="dmp, 4 rejets"),
        pytest.param("dmp", change(TOUT, "sejours", rejets=(E1,) * 5), ("a_confirmer", 1000 / 15), id="dmp, 5 rejets"),
        pytest.param(
            "dossiers_actifs", [*TOUT, sejours("a b", suffixe="_b")], ("a_confirmer", 1000 / 12), id="2 inconnus"
        ),
        pytest.param("agenda", [*TOUT, sejours("a", suffixe="_b")], ("atteint", 1000 / 11), id="agenda, 1 inconnu"),
        pytest.param("dossiers_actifs", change(TOUT, "dossiers", partiel=True), ("a_confirmer", None), id="partiel"),
        pytest.param(
            "mss", change(TOUT, "sejours", date_extraction=date(2026, 5, 17)), ("a_confirmer", None), id="tardif"
        ),
        pytest.param("mss", change(TOUT, "sejours", date_extraction=AVANT), ("a_confirmer", None), id="ancien"),
        pytest.param("mss", change(TOUT, "mss", date_extraction=AVANT), ("atteint", 100.0), id="mss ancien"),
        pytest.param(
            "dossiers_actifs", change(TOUT, "mises_a_jour", date_extraction=AVANT), ("atteint", 100.0), id="maj ancienne"
        ),
        pytest.param(
            "agenda", change(TOUT, "mises_a_jour", date_extraction=AVANT), ("a_confirmer", None), id="maj, agenda"
        ),
        pytest.param("agenda", change(TOUT, "agenda", date_extraction=AVANT), ("a_confirmer", None), id="agenda ancien"),
        pytest.param(
            "projet_personnalise", change(TOUT, "agenda", date_extraction=AVANT), ("atteint", 100.0), id="autre table"
        ),
        pytest.param(
            "projet_personnalise", change(TOUT, "projets", date_extraction=AVANT), ("a_confirmer", None), id="projets"
        ),
        pytest.param(
            "dossiers_actifs", [*TOUT, depot("dossiers", "2026-05-16", statut="refuse")], ("a_confirmer", None), id="refuse"
        ),
        pytest.param(
            "dossiers_actifs", [*TOUT, depot("dossiers", "2026-05-17", statut="refuse")], ("atteint", 100.0),
            id="refuse apres la borne",
        ),
        pytest.param("dossiers_actifs", [*TOUT[:2], maj("1")], ("non_atteint", 10.0), id="non atteint"),
        pytest.param("dossiers_actifs", TOUT[:2], ("non_demontre", None), id="sans maj"),
        pytest.param("agenda", [*TOUT[:2], maj("z"), *TOUT[3:]], ("sans_objet", None), id="aucun dossier actif"),
        pytest.param(
            "agenda", [*change(TOUT[:2], "sejours", **UN_REJET), maj("z"), *TOUT[3:]], ("a_confirmer", None),
            id="aucun dossier actif, un rejet",
        ),
        pytest.param("dossiers_actifs", [dossiers("1"), sejours("z"), maj("1")], ("a_confirmer", None), id="personne"),
    ],
)  # fmt: skip
def test_verdict(indicateur: str, depots: list[Depot], attendu: tuple[str, float | None]) -> None:
    assert verdict(indicateur, depots) == attendu


@pytest.mark.parametrize(("rejets", "attendu"), [(1, 900 / 10), (2, 900 / 10), (0, 900 / 9)])
def test_les_mises_a_jour_rejetees_manquent_aux_dossiers_actifs(rejets: int, attendu: float) -> None:
    """Nine dossiers of ten are in use: at most one more could be."""
    depots = [*TOUT[:2], maj("1 2 3 4 5 6 7 8 9", rejets=(E1,) * rejets), *TOUT[3:]]
    assert verdict("agenda", depots) == ("atteint", attendu)
    assert verdict("dossiers_actifs", depots) == ("atteint", 90.0)


def test_deux_dossiers_d_une_personne_ne_prouvent_qu_une_personne() -> None:
    depots = [dossiers("1:p 2:p 3 4"), sejours("1 3 4"), maj("1 2 3")]
    assert verdict("dossiers_actifs", depots) == ("a_confirmer", 200 / 3)


@pytest.mark.parametrize(
    ("essms", "attendu"),
    [
        ({"sous_secteur": None}, "a_confirmer"),
        ({"sous_secteur": "PH"}, "non_demontre"),
        ({"sous_secteur": None, "regles": "2023"}, "non_demontre"),
        ({"sous_secteur": None, "regles": "2025-martinique"}, "a_confirmer"),
        ({"sous_secteur": "PJM"}, "non_opposable"),
        ({"sous_secteur": None, "exemption_socles": True}, "non_opposable"),
    ],
)
def test_sous_secteur_inconnu(essms: dict[str, Any], attendu: str) -> None:
    assert verdict("mss", TOUT[:5], **essms)[0] == attendu


@pytest.mark.parametrize(
    ("regles", "autre", "opposable", "sans_messages"),
    [
        ("2025", "PJM", False, "non_opposable"),
        ("2025", "PH", True, "non_demontre"),
        ("2025", None, True, "a_confirmer"),
        ("2025-martinique", "PH", False, "non_opposable"),
        ("2023", "PJM", True, "non_demontre"),
    ],
)
def test_exemption_d_un_projet_mixte(regles: str, autre: str | None, opposable: bool, sans_messages: str) -> None:
    lignes = [Essms(E1, "p", regles, sous_secteur="PJM"), Essms(E2, "p", regles, sous_secteur=autre)]
    x = mesurer(lignes, TOUT[:2], D).indicateurs[(E1, "mss")]
    assert (x["opposable"], x["verdict"]) == (opposable, sans_messages)


# §6.6


def essms_du_projet(nombre: int, type_: str, **autres: Any) -> list[Essms]:
    return [Essms(f"{i:09d}", "p", type=type_, **autres) for i in range(nombre)]


@pytest.mark.parametrize(
    ("nature", "essms", "milliers"),
    [
        ("usage", essms_du_projet(46, ACQUISITION), 322),
        ("usage", essms_du_projet(64, ACQUISITION), 373),
        ("usage", essms_du_projet(35, MONTEE), 175),
        ("usage", essms_du_projet(72, MONTEE), 291),
        ("usage", essms_du_projet(64, ACQUISITION, regles="2022"), 373),
        ("equipement", essms_du_projet(46, ACQUISITION, regles="2023"), 644),
        ("equipement", essms_du_projet(46, ACQUISITION, regles="2022"), 667),
        ("equipement", essms_du_projet(46, ACQUISITION, regles="2022", dui_reference=False), 552),
        ("equipement", essms_du_projet(50, ACQUISITION), 14 * 49 + 3),
        ("equipement", essms_du_projet(46, MONTEE), 0),
        # Those that gain most: the 49 acquisitions (5 k€ more each), not the upgrades (3 k€ more).
        ("usage", [*essms_du_projet(10, MONTEE), *essms_du_projet(49, ACQUISITION)], 10 * 2 + 49 * 7),
        ("usage", essms_du_projet(2, ACQUISITION, part_medico_sociale=Decimal("0.5")), 7),
    ],
)
def test_montants_des_textes(nature: str, essms: list[Essms], milliers: int) -> None:
    assert montant_d_une_nature(essms, nature) == 1000 * milliers


def test_deux_projets_d_un_porteur() -> None:
    essms = essms_du_projet(70, ACQUISITION)
    lignes = [replace(x, projet="A" if i < 40 else "B") for i, x in enumerate(essms)]
    conventions = mesurer_monde(lignes, [], D).conventions
    assert {k: x["montant_theorique"] for k, x in conventions.items()} == {"A": 840000, "B": 630000}


def test_le_centime_impair_est_dans_le_solde() -> None:
    assert avance_et_solde(Decimal("0.01")) == (Decimal("0.00"), Decimal("0.01"))
    assert avance_et_solde(Decimal("21000.01")) == (Decimal("10500.00"), Decimal("10500.01"))
    assert avance_et_solde(None) == (None, None)


def convention(depots: Sequence[Depot], depenses: Sequence[Depense] = (), *plus: Essms, **essms: Any) -> Resultat:
    un = Essms(E1, "p", **{"sous_secteur": "PH", "type": ACQUISITION, "date_vsr": D, **essms})
    return mesurer_monde([un, *plus], depots, D, depenses)


ASSEZ = (Depense("p", Decimal(21000), D),)


@pytest.mark.parametrize(
    ("depenses", "montants", "exigible"),
    [
        pytest.param(ASSEZ, (21000, 10500, 10500, 21000, 10500), True, id="tout"),
        pytest.param([], (21000, 10500, 10500, None, None), False, id="sans depenses"),
        pytest.param([Depense("p", Decimal(12000), D)], (21000, 10500, 10500, 12000, 1500), True, id="plafonne"),
        pytest.param([Depense("p", Decimal(10500), D)], (21000, 10500, 10500, 10500, 0), False, id="l'avance seule"),
        pytest.param([Depense("p", Decimal(9), D)], (21000, 10500, 10500, 9, 0), False, id="moins que l'avance"),
        pytest.param([Depense("p", Decimal(9), LENDEMAIN)], (21000, 10500, 10500, None, None), False, id="plus tard"),
        pytest.param(
            [*ASSEZ, Depense("p", Decimal(9), VEILLE)], (21000, 10500, 10500, 21000, 10500), True, id="derniere"
        ),
    ],
)
def test_solde(depenses: list[Depense], montants: tuple[int | None, ...], exigible: bool) -> None:
    x = convention(TOUT, depenses).conventions["p"]
    colonnes = ("montant_theorique", "avance", "solde", "depenses_justifiees", "solde_payable")
    assert tuple(x[c] for c in colonnes) == montants
    assert x["solde_exigible"] is exigible
    assert x["date_cibles_atteintes"] == D


@pytest.mark.parametrize(
    ("depots", "publiees", "attendu"),
    [
        (TOUT, [], D),
        (TOUT, [("p", VEILLE), ("p", date(2026, 3, 1))], date(2026, 3, 1)),
        (TOUT, [("autre", VEILLE)], D),
        (TOUT[:2], [("p", VEILLE)], VEILLE),
        (TOUT[:2], [], None),
    ],
)
def test_date_cibles_atteintes(depots: list[Depot], publiees: list[tuple[str, date]], attendu: date | None) -> None:
    x = mesurer_monde([Essms(E1, "p", sous_secteur="PH")], depots, D, publie=Publie(atteintes=tuple(publiees)))
    assert x.conventions["p"]["date_cibles_atteintes"] == attendu


VIDE = Essms(E2, "p", sous_secteur="PH", type=ACQUISITION)


@pytest.mark.parametrize(
    ("depots", "plus", "etat"),
    [
        pytest.param(TOUT, [], "remplie", id="remplie"),
        pytest.param(change(TOUT, "dossiers", partiel=True), [], "a_confirmer", id="a confirmer"),
        pytest.param(TOUT[:6], [], "non_remplie", id="non remplie"),
        pytest.param(TOUT, [VIDE], "non_remplie", id="un autre sans depot"),
        pytest.param(TOUT, [replace(VIDE, fautive=True)], "a_confirmer", id="une ligne ecartee"),
        pytest.param(TOUT, [replace(VIDE, projet="autre", fautive=True)], "remplie", id="celle d'un autre projet"),
        pytest.param(TOUT, [replace(VIDE, debut=LENDEMAIN)], "remplie", id="une ligne a venir"),
    ],
)
def test_cibles_usage(depots: list[Depot], plus: list[Essms], etat: str) -> None:
    resultat = convention(depots, ASSEZ, *plus)
    assert resultat.conditions[("p", "cibles_usage")]["etat"] == etat
    assert resultat.conventions["p"]["solde_exigible"] is (etat == "remplie")


@pytest.mark.parametrize(
    ("essms", "etat"),
    [
        ({"date_vsr": D}, "remplie"),
        ({"date_vsr": LENDEMAIN}, "non_remplie"),
        ({"date_vsr": None}, "inconnue"),
        ({"date_vsr": None, "type": MONTEE}, "sans_objet"),
        ({"date_vsr": None, "type": None}, "inconnue"),
    ],
)
def test_service_regulier(essms: dict[str, Any], etat: str) -> None:
    resultat = convention(TOUT, [Depense("p", Decimal(10**6), D)], montant_accorde=Decimal(5000), **essms)
    assert resultat.conditions[("p", "service_regulier")]["etat"] == etat
    assert resultat.conventions["p"]["solde_exigible"] is (etat in ("remplie", "sans_objet"))


def test_le_montant_accorde_est_ce_qui_compte() -> None:
    resultat = convention(TOUT, ASSEZ, montant_accorde=Decimal("30000.01"))
    x = resultat.conventions["p"]
    assert (x["montant_theorique"], x["avance"], x["solde"]) == (21000, 15000, Decimal("15000.01"))
    assert ("MONTANT", "p", None, None) in resultat.alertes
    assert ("MONTANT", "p", None, None) in convention(TOUT, type=None).alertes
    assert ("MONTANT", "p", None, None) not in convention(TOUT, montant_accorde=Decimal(21000)).alertes


@pytest.mark.parametrize(
    ("debut", "mois"),
    [
        (D, 0),
        (LENDEMAIN - timedelta(days=31), 0),
        (date(2026, 3, 1), 1),
        (date(2024, 10, 1), 18),
        (date(2024, 10, 2), 17),
    ],
)
def test_mois_ecoules(debut: date, mois: int) -> None:
    assert mois_ecoules(debut, D) == mois


@pytest.mark.parametrize(
    ("essms", "delai", "echeance", "depasse"),
    [
        ({"date_debut_projet": date(2024, 10, 1)}, 18, D, False),
        ({"date_debut_projet": date(2024, 9, 30)}, 18, date(2026, 3, 30), True),
        ({"date_convention": date(2024, 9, 30), "date_debut_projet": D}, 18, date(2027, 10, 1), False),
        ({"date_convention": date(2024, 9, 30)}, 18, date(2026, 3, 30), True),
        ({"date_convention": D, "type": MONTEE}, 9, date(2027, 1, 1), False),
        ({"date_convention": date(2020, 1, 1), "portee": "national"}, None, None, False),
        ({}, 18, None, False),
    ],
)
def test_calendrier(essms: dict[str, Any], delai: int | None, echeance: date | None, depasse: bool) -> None:
    resultat = convention([], **essms)
    x = resultat.conventions["p"]
    assert (x["delai_indicatif_mois"], x["echeance_indicative"]) == (delai, echeance)
    assert (("DELAI_DEPASSE", "p", None, None) in resultat.alertes) is depasse


def test_verification_d_aptitude() -> None:
    assert convention(TOUT, type=MONTEE).aptitudes[E1]["etat"] == "pret"
    assert convention(TOUT[:4], type=MONTEE).aptitudes[E1]["etat"] == "bloque"
    nul = change(TOUT, "agenda", lignes=tuple({**x, "statut": "annule"} for x in TOUT[4].lignes))
    assert convention(nul, type=MONTEE).aptitudes[E1]["etat"] == "bloque"
    assert convention(TOUT).aptitudes == {}
