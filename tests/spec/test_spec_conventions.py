"""§6.6: what a project is worth, the conditions of its balance, its calendar, the vérification d'aptitude."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from flows import nuit
from schemas.curated import CONDITIONS, INDICATEURS, TABLES, dtypes
from transforms import regles
from transforms.agregats import suivre_projets
from transforms.publication import disposer, ecrire_table

D = date(2026, 4, 1)
VERDICTS = ("non_opposable", "non_demontre", "sans_objet", "a_confirmer", "non_atteint", "atteint")
_COMMUNS = {
    "porteur": "p",
    "nom_porteur": "Porteur",
    "projet": "P",
    "finess_ej": "970000001",
    "categorie": "500",
    "regles": "2023",
    "type": "acquisition",
    "dui_reference": True,
    "part_medico_sociale": None,
    "portee": None,
    "date_convention": None,
    "date_debut_projet": None,
    "date_vsr": None,
    "montant_accorde": None,
}
_ESSMS = {
    "date_mesure": pl.Date,
    "finess_et": pl.String,
    **{c: t for c, t in dtypes("essms").items() if c in _COMMUNS},
}


def essms(nombre: int = 1, jour: date = D, **colonnes: Any) -> pl.DataFrame:
    """`nombre` ESSMS at one date; a column is one value for all or the list of theirs."""
    lignes = [
        {"date_mesure": jour, "finess_et": f"{i:09d}"}
        | _COMMUNS
        | {nom: v[i] if isinstance(v, list) else v for nom, v in colonnes.items()}
        for i in range(nombre)
    ]
    return pl.DataFrame(lignes, schema=_ESSMS)


def verdicts(table: pl.DataFrame, *propres: str) -> pl.DataFrame:
    """Each ESSMS of `table` with one opposable verdict, its own (`atteint` where none is given), and a free indicator."""
    dits = [*propres, *["atteint"] * (table.height - len(propres))]
    return mesures(
        (jour, finess, indicateur, v, 95.0)
        for (jour, finess), dit in zip(table.select("date_mesure", "finess_et").rows(), dits, strict=True)
        for indicateur, v in (("dmp", dit), ("eparcours", "non_opposable"))
    )


def mesures(lignes: Iterable[tuple[date, str, str, str | None, float | None]]) -> pl.DataFrame:
    """date_mesure, finess_et, indicateur, verdict, taux"""
    schema = {
        "date_mesure": pl.Date,
        "finess_et": pl.String,
        "indicateur": pl.String,
        "verdict": pl.String,
        "taux": pl.Float64,
    }
    return pl.DataFrame(list(lignes), schema=schema, orient="row")


def projets_a(*lignes: tuple[date, str]) -> pl.DataFrame:
    return pl.DataFrame(list(lignes), schema={"date_mesure": pl.Date, "projet": pl.String}, orient="row")


def depenses(*lignes: tuple[str, str, date]) -> pl.DataFrame:
    return pl.DataFrame(
        [(projet, Decimal(montant), jour) for projet, montant, jour in lignes],
        schema={"projet": pl.String, "montant": pl.Decimal(14, 2), "date": pl.Date},
        orient="row",
    )


def suivre(
    table: pl.DataFrame, indicateurs: pl.DataFrame | None = None, **autres: pl.DataFrame
) -> dict[str, pl.DataFrame]:
    """What is published of these ESSMS, checked against the models of the tables."""
    entrees = {"incertains": projets_a(), "depenses": depenses(), "atteintes": projets_a()} | autres
    faites = suivre_projets(verdicts(table) if indicateurs is None else indicateurs, table, **entrees)
    for nom in TABLES.keys() & faites.keys() - {"alertes"}:
        for _, lignes in faites[nom].group_by("date_mesure"):
            disposer(nom, lignes, "v")
    return faites


def convention(table: pl.DataFrame, indicateurs: pl.DataFrame | None = None, **autres: pl.DataFrame) -> dict[str, Any]:
    """The row of the only project."""
    return suivre(table, indicateurs, **autres)["conventions"].row(0, named=True)


def conditions(table: pl.DataFrame, indicateurs: pl.DataFrame | None = None, **autres: pl.DataFrame) -> dict[str, Any]:
    """The conditions of the only project, by name."""
    faites = suivre(table, indicateurs, **autres)["conditions_solde"]
    assert sorted(faites["condition"]) == sorted(CONDITIONS)
    return {c["condition"]: c for c in faites.iter_rows(named=True)}


def dites(faites: Mapping[str, pl.DataFrame]) -> dict[str, str]:
    """The alerts: code → message, with plain spaces."""
    return {
        code: message.replace("\u00a0", " ").replace("\u202f", " ")
        for code, message in faites["alertes"].select("code", "message").iter_rows()
    }


def plain(texte: str) -> str:
    return texte.replace("\u00a0", " ").replace("\u202f", " ")


# --- amounts -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("nombre", "type_", "usage", "equipement"),
    [
        (46, "acquisition", 322_000, 644_000),
        (64, "acquisition", 373_000, 49 * 14_000 + 15 * 3_000),
        (35, "montee_de_version", 175_000, 0),
        (72, "montee_de_version", 291_000, 0),
        (49, "acquisition", 343_000, 686_000),
        (50, "acquisition", 345_000, 689_000),
    ],
)
@pytest.mark.parametrize("jeu", ["2023", "2025"])
def test_les_montants_des_textes(nombre: int, type_: str, usage: int, equipement: int, jeu: str) -> None:
    faites = suivre(essms(nombre, type=type_, regles=jeu))
    ligne, totaux = (faites[table].row(0, named=True) for table in ("conventions", "financement"))
    assert (totaux["montant_usage"], totaux["montant_equipement"]) == (Decimal(usage), Decimal(equipement))
    assert ligne["montant_theorique"] == totaux["montant_total"] == Decimal(usage + equipement)
    assert ligne["avance"] == ligne["solde"] == Decimal(usage + equipement) / 2
    assert faites["alertes"].is_empty()


@pytest.mark.parametrize(("reference", "equipement"), [(True, 667_000), (False, 552_000)])
def test_l_equipement_de_2022_depend_du_referencement(reference: bool, equipement: int) -> None:
    ligne = suivre(essms(46, regles="2022", dui_reference=reference))["financement"].row(0, named=True)
    assert (ligne["montant_usage"], ligne["montant_equipement"]) == (Decimal(322_000), Decimal(equipement))


@pytest.mark.parametrize(
    ("reference", "equipement"),
    [(True, 49 * 14_500 + 3_000), (False, 49 * 12_000 + 1_000), ([True] * 49 + [False], 49 * 14_500 + 1_000)],
)
def test_le_cinquantieme_essms_de_2022(reference: bool | list[bool], equipement: int) -> None:
    faites = suivre(essms(50, regles="2022", dui_reference=reference))
    assert faites["financement"]["montant_equipement"].to_list() == [Decimal(equipement)]


def test_deux_conventions_d_un_porteur_ont_chacune_leurs_seuils() -> None:
    """70 acquisitions in projects of 40 and 30: 1 470 000 €, not the 1 134 000 € of a single one."""
    faites = suivre(essms(70, projet=["A"] * 40 + ["B"] * 30))
    montants = dict(faites["conventions"].select("projet", "montant_theorique").iter_rows())
    assert montants == {"A": Decimal(840_000), "B": Decimal(630_000)}
    (porteur,) = faites["financement"].to_dicts()
    assert (porteur["montant_total"], porteur["avance"], porteur["nb_essms"]) == (1_470_000, 735_000, 70)
    assert convention(essms(70))["montant_theorique"] == Decimal(1_134_000)


def test_dans_un_projet_mixte_les_premiers_sont_ceux_qui_gagnent_le_plus() -> None:
    """40 acquisitions and 20 upgrades, the upgrades first by FINESS; usage and equipment each on their own."""
    mixte = essms(60, type=["montee_de_version"] * 20 + ["acquisition"] * 40)
    totaux = suivre(mixte)["financement"].row(0, named=True)
    assert totaux["montant_usage"] == 40 * 7_000 + 9 * 5_000 + 11 * 2_000
    assert totaux["montant_equipement"] == 40 * 14_000
    assert (totaux["nb_acquisition"], totaux["nb_montee_de_version"]) == (40, 20)
    assert convention(mixte)["type"] is None
    assert suivre(mixte.reverse())["conventions"].equals(suivre(mixte)["conventions"])
    parts = essms(50, part_medico_sociale=[0.1] + [1.0] * 49)
    assert suivre(parts)["financement"]["montant_usage"].to_list() == [Decimal(49 * 7_000 + 200)]


def test_dans_un_projet_a_plusieurs_regles_chaque_essms_suit_les_siennes() -> None:
    """50 ESSMS, the thresholds are those of the project: an ESSMS of 2022 gains 11 500 € of equipment, one of 2023 11 000 €."""
    ligne = convention(essms(50, regles=["2023"] * 25 + ["2022"] * 25))
    assert ligne["montant_theorique"] == 345_000 + 25 * 14_500 + 24 * 14_000 + 3_000
    assert ligne["regles"] is None


def test_la_part_medico_sociale_et_le_centime_impair() -> None:
    assert convention(essms(14, type="montee_de_version", part_medico_sociale=0.35))["montant_theorique"] == Decimal(
        "24500.00"
    )
    impair = convention(essms(1, part_medico_sociale=0.333333))
    assert impair["montant_theorique"] == Decimal("6999.99")
    assert (impair["avance"], impair["solde"]) == (Decimal("3499.99"), Decimal("3500.00"))
    # 3 × 1 666,665 €: cents are rounded once, on the sum
    trois = essms(3, type="montee_de_version", part_medico_sociale=0.333333)
    assert convention(trois)["montant_theorique"] == Decimal("5000.00")
    assert convention(trois.head(1))["montant_theorique"] == Decimal("1666.67")


def test_le_montant_accorde_est_celui_qui_compte() -> None:
    faites = suivre(essms(1, montant_accorde=Decimal("50000.01")))
    ligne = faites["conventions"].row(0, named=True)
    assert (ligne["montant_theorique"], ligne["montant_accorde"]) == (Decimal(21_000), Decimal("50000.01"))
    assert (ligne["avance"], ligne["solde"]) == (Decimal("25000.00"), Decimal("25000.01"))
    assert dites(faites) == {
        "MONTANT": "Projet « P » : le montant accordé (50 000,01 €) n'est pas la somme des forfaits (21 000 €). C'est lui qui "
        "compte : vérifiez-le dans projets.csv."
    }
    assert dites(suivre(essms(1, montant_accorde=Decimal(21_000)))) == {}


@pytest.mark.parametrize(
    ("colonnes", "incertains", "dit"),
    [
        ({"type": ["acquisition", None]}, projets_a(), "1 ESSMS sans type"),
        ({"type": [None, None], "montant_accorde": Decimal(10)}, projets_a(), "2 ESSMS sans type"),
        ({}, projets_a((D, "P")), "une ligne écartée qui le nomme"),
    ],
)
def test_un_montant_qu_on_ne_peut_pas_calculer(colonnes: dict[str, Any], incertains: pl.DataFrame, dit: str) -> None:
    faites = suivre(essms(2, **colonnes), incertains=incertains, depenses=depenses(("P", "9", D)))
    ligne = faites["conventions"].row(0, named=True)
    assert ligne["montant_theorique"] is None
    connu = ligne["montant_accorde"]
    assert (ligne["avance"], ligne["solde"]) == ((connu / 2, connu / 2) if connu else (None, None))
    assert ligne["solde_payable"] == (Decimal(4) if connu else None)
    assert dites(faites)["MONTANT"] == (
        f"Projet « P » : la somme des forfaits est inconnue ({dit}). Corrigez ses lignes de projets.csv."
    )
    assert faites["financement"].row(0, named=True)["solde"] == ligne["solde"]


def test_une_ligne_ecartee_d_un_autre_projet_ou_d_une_autre_date_ne_change_rien() -> None:
    ailleurs = projets_a((D, "Q"), (D - timedelta(1), "P"))
    assert convention(essms(), incertains=ailleurs)["montant_theorique"] == Decimal(21_000)


def test_un_type_sans_forfait_dans_ses_regles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither 0 € nor the amount of the others: unknown, and said."""
    jeux = [r.model_copy(update={"forfaits": r.forfaits[1:2]}) for r in regles.toutes()]
    monkeypatch.setattr(regles, "toutes", lambda: tuple(jeux))
    faites = suivre(essms(2, type=["acquisition", "montee_de_version"]))
    assert faites["conventions"]["montant_theorique"].to_list() == [None]
    assert "(1 ESSMS dont les règles n'ont pas de forfait)" in dites(faites)["MONTANT"]


def test_un_jeu_de_regles_ou_deux_forfaits_valent_pour_un_essms_est_refuse() -> None:
    jeu = next(r for r in regles.toutes() if r.nom == "2023")
    double = jeu.forfaits[0].model_copy(update={"dui_reference": False})
    with pytest.raises(ValueError, match="deux forfaits valent pour un même ESSMS"):
        regles.Regles.model_validate(
            {**jeu.model_dump(), "forfaits": [*jeu.model_dump()["forfaits"], double.model_dump()]}
        )


# --- conditions --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dits", "etat", "nb_essms", "a_la_cible", "a_confirmer"),
    [
        (("atteint", "atteint", "atteint"), "remplie", 3, 3, 0),
        (("atteint", "sans_objet", "non_opposable"), "remplie", 3, 3, 0),
        (("sans_objet", "sans_objet", "non_opposable"), "sans_objet", 3, 3, 0),
        (("non_opposable", "non_opposable", "non_opposable"), "sans_objet", 3, 3, 0),
        (("atteint", "a_confirmer", "a_confirmer"), "a_confirmer", 2, 1, 2),
        (("sans_objet", "a_confirmer", "sans_objet"), "a_confirmer", 1, 2, 1),
        (("atteint", "a_confirmer", "non_atteint"), "non_remplie", 1, 1, 1),
        (("non_demontre", "non_atteint", "a_confirmer"), "non_remplie", 2, 0, 1),
    ],
)
def test_cibles_usage(dits: tuple[str, ...], etat: str, nb_essms: int, a_la_cible: int, a_confirmer: int) -> None:
    table = essms(3)
    trouvee = conditions(table, verdicts(table, *dits))["cibles_usage"]
    assert (trouvee["etat"], trouvee["nb_essms"]) == (etat, nb_essms)
    ligne = convention(table, verdicts(table, *dits))
    assert (ligne["nb_essms_a_la_cible"], ligne["nb_essms_a_confirmer"]) == (a_la_cible, a_confirmer)
    assert (ligne["date_cibles_atteintes"] == D) == (etat == "remplie")


@pytest.mark.parametrize(
    ("dits", "etat", "dit"),
    [
        (("atteint",), "remplie", "Les 2 ESSMS du projet sont à la cible."),
        (("a_confirmer",), "a_confirmer", "1 ESSMS est à confirmer sur 2 ; aucun ne manque une cible à coup sûr."),
        (
            ("a_confirmer", "non_atteint"),
            "non_remplie",
            "1 ESSMS n'est pas à la cible sur 2 ; 1 ESSMS est à confirmer sur 2.",
        ),
        (("non_atteint", "non_atteint"), "non_remplie", "2 ESSMS ne sont pas à la cible sur 2."),
        (
            ("sans_objet", "sans_objet"),
            "sans_objet",
            "Le projet n'a aucune cible opposable qui ait quelque chose à mesurer : aucune n'est atteinte ni manquée.",
        ),
    ],
)
def test_la_phrase_de_cibles_usage_et_la_ligne_ecartee(dits: tuple[str, ...], etat: str, dit: str) -> None:
    """With a row of the register set aside, nothing is better than to confirm, and the sentence says it."""
    table = essms(2)
    sure = conditions(table, verdicts(table, *dits))["cibles_usage"]
    assert (sure["etat"], plain(sure["detail"])) == (etat, dit)
    ecartee = conditions(table, verdicts(table, *dits), incertains=projets_a((D, "P")))["cibles_usage"]
    assert ecartee["etat"] == ("non_remplie" if etat == "non_remplie" else "a_confirmer")
    assert plain(ecartee["detail"]) == (
        f"{dit} Une ligne de projets.csv qui nomme ce projet est écartée : l'agence doit la corriger pour conclure."
    )


def test_un_essms_a_deux_verdicts() -> None:
    """One missed target, one to confirm: it is missed; a verdict that nobody gave, or no row at all, proves nothing."""
    table = essms(1)
    for dit in ("non_atteint", "non_demontre", None):
        lignes = [(D, "000000000", "dmp", "a_confirmer", 95.0), (D, "000000000", "mss", dit, 95.0)]
        assert conditions(table, mesures(lignes))["cibles_usage"]["etat"] == "non_remplie"
    assert conditions(table, mesures([]))["cibles_usage"]["etat"] == "non_remplie"


@pytest.mark.parametrize(
    ("type_", "vsr", "etat", "dit"),
    [
        ("acquisition", D, "remplie", "Le service régulier est vérifié depuis le 01/04/2026."),
        (
            "acquisition",
            D + timedelta(1),
            "non_remplie",
            "La vérification de service régulier est datée du 02/04/2026, après la mesure.",
        ),
        (
            ["acquisition", "montee_de_version"],
            None,
            "inconnue",
            "projets.csv ne donne pas la date de la vérification de service régulier (date_vsr).",
        ),
        (
            "montee_de_version",
            None,
            "sans_objet",
            "Tous les ESSMS du projet sont en montée de version : il n'y a pas de vérification de service régulier.",
        ),
        (
            ["montee_de_version", None],
            None,
            "inconnue",
            "projets.csv ne donne pas la date de la vérification de service régulier (date_vsr).",
        ),
    ],
)
def test_service_regulier(type_: Any, vsr: date | None, etat: str, dit: str) -> None:
    trouvee = conditions(essms(2, type=type_, date_vsr=vsr))["service_regulier"]
    assert (trouvee["etat"], plain(trouvee["detail"])) == (etat, dit)


@pytest.mark.parametrize(
    ("lignes", "etat", "payable", "dit"),
    [
        ((), "inconnue", None, "depenses.csv n'a pas de dépenses justifiées de ce projet à la date de mesure."),
        (
            (("P", "99999", D + timedelta(1)), ("Q", "99999", D)),
            "inconnue",
            None,
            "depenses.csv n'a pas de dépenses justifiées de ce projet à la date de mesure.",
        ),
        (
            (("P", "15000.50", D), ("P", "99999", D - timedelta(9))),
            "remplie",
            Decimal("4500.50"),
            "15 000,50 € de dépenses justifiées au 01/04/2026 : le solde de 10 500 € est plafonné à 4 500,50 €, l'avance étant "
            "de 10 500 €.",
        ),
        (
            (("P", "10000", D),),
            "remplie",
            Decimal(0),
            "10 000 € de dépenses justifiées au 01/04/2026 : le solde de 10 500 € est plafonné à 0 €, l'avance étant de "
            "10 500 €.",
        ),
        (
            (("P", "80000", D),),
            "remplie",
            Decimal(10_500),
            "80 000 € de dépenses justifiées au 01/04/2026 : le solde de 10 500 € est plafonné à 10 500 €, l'avance étant de "
            "10 500 €.",
        ),
    ],
)
def test_depenses(lignes: Any, etat: str, payable: Decimal | None, dit: str) -> None:
    """One acquisition, 21 000 €: 10 500 € in advance."""
    trouvee = conditions(essms(), depenses=depenses(*lignes))["depenses"]
    assert (trouvee["etat"], plain(trouvee["detail"])) == (etat, dit)
    ligne = convention(essms(date_vsr=D), depenses=depenses(*lignes))
    assert ligne["solde_payable"] == payable
    assert ligne["solde_exigible"] == bool(payable)


def test_les_depenses_d_un_projet_sans_montant() -> None:
    trouvee = conditions(essms(type=None), depenses=depenses(("P", "9", D)))["depenses"]
    assert plain(trouvee["detail"]) == (
        "9 € de dépenses justifiées au 01/04/2026 ; le montant du projet est inconnu, donc le plafond du solde aussi."
    )


def test_chaque_condition_dit_le_texte_des_regles() -> None:
    textes = {r.nom: r.source for r in regles.toutes()}
    assert {c["source"] for c in conditions(essms()).values()} == {textes["2023"]}
    mixte = essms(3, regles=["2023", "2025", "2023"])
    assert {c["source"] for c in conditions(mixte).values()} == {" ; ".join(sorted([textes["2023"], textes["2025"]]))}


@pytest.mark.parametrize(
    ("dit", "type_", "vsr", "exigible"),
    [
        ("atteint", "acquisition", D, True),
        ("atteint", "montee_de_version", None, True),
        ("atteint", "acquisition", None, False),
        ("atteint", "acquisition", D + timedelta(1), False),
        ("sans_objet", "acquisition", D, False),
        ("a_confirmer", "acquisition", D, False),
        ("non_atteint", "montee_de_version", D, False),
    ],
)
def test_le_solde_n_est_exigible_que_si_tout_y_est(dit: str, type_: str, vsr: date | None, exigible: bool) -> None:
    table = essms(2, type=type_, date_vsr=vsr)
    faites = suivre(table, verdicts(table, dit, dit), depenses=depenses(("P", "99999", D)))
    assert faites["conventions"]["solde_exigible"].to_list() == [exigible]
    assert faites["financement"]["solde_du"].to_list() == [exigible]


def test_le_solde_d_un_porteur_est_du_quand_celui_de_chaque_projet_l_est() -> None:
    table = essms(2, projet=["A", "B"], date_vsr=D)
    un, deux = depenses(("A", "99999", D)), depenses(("A", "99999", D), ("B", "99999", D))
    for connues, du in ((un, False), (deux, True)):
        assert suivre(table, depenses=connues)["financement"]["solde_du"].to_list() == [du]


def test_un_projet_de_deux_porteurs_n_est_a_aucun() -> None:
    table = essms(3, porteur=["p", "p", "q"], projet=["P", "A", "P"], date_vsr=D)
    faites = suivre(table, depenses=depenses(("A", "99999", D), ("P", "99999", D)))
    assert faites["conventions"].select("projet", "porteur", "solde_exigible").rows() == [
        ("A", "p", True),
        ("P", None, True),
    ]
    colonnes = ("porteur", "nb_essms", "montant_usage", "montant_total", "solde", "solde_du")
    assert faites["financement"].select(colonnes).rows() == [
        ("p", 2, Decimal(14_000), Decimal(42_000), None, False),
        ("q", 1, Decimal(7_000), Decimal(21_000), None, False),
    ]


def test_au_hasard_rien_n_est_exigible_sans_preuve() -> None:
    """500 projects: `solde_exigible` only where every opposable verdict is `atteint` or `sans_objet`; bounds of amounts."""
    hasard = Random(13)
    tables, lignes, justifiees, incertains = [], [], [], []
    for k in range(500):
        n, projet = hasard.randint(1, 4), f"P{k}"
        montees = hasard.random() < 0.7
        table = essms(
            n,
            projet=projet,
            type=["montee_de_version" if montees else hasard.choice(("acquisition", None)) for _ in range(n)],
            regles=[hasard.choice(("2023", "2025")) for _ in range(n)],
            part_medico_sociale=[hasard.choice((None, 0.0, 1.0, round(hasard.random(), 6))) for _ in range(n)],
            date_vsr=hasard.choice((None, D, D + timedelta(1))),
            montant_accorde=hasard.choice((None, None, Decimal(hasard.randint(0, 10**7)) / 100)),
        ).with_columns(finess_et=pl.lit(f"{k:04d}") + pl.col("finess_et").str.slice(4))
        tables.append(table)
        poids = hasard.choice(([1] * 6, [2, 0, 1, 0, 0, 9]))
        lignes += [
            (D, finess, indicateur, hasard.choices(VERDICTS, poids)[0], None)
            for finess in table["finess_et"]
            for indicateur in INDICATEURS
        ]
        if hasard.random() < 0.8:
            justifiees.append((projet, str(Decimal(hasard.randint(0, 10**7)) / 100), D))
        if hasard.random() < 0.1:
            incertains.append((D, projet))
    toutes = pl.concat(tables)
    faites = suivre(toutes, mesures(lignes), incertains=projets_a(*incertains), depenses=depenses(*justifiees))
    assert faites["conventions"].height == 500
    manques = {f for _, f, _, v, _ in lignes if v not in ("non_opposable", "atteint", "sans_objet")}
    sans_preuve = {*toutes.filter(pl.col("finess_et").is_in(manques))["projet"], *(projet for _, projet in incertains)}
    connues = {projet: Decimal(montant) for projet, montant, _ in justifiees}
    for ligne in faites["conventions"].iter_rows(named=True):
        if ligne["projet"] in sans_preuve:
            assert not ligne["solde_exigible"]
        montant = ligne["montant_theorique"] if ligne["montant_accorde"] is None else ligne["montant_accorde"]
        if montant is None:
            assert (ligne["avance"], ligne["solde"], ligne["solde_payable"]) == (None, None, None)
            continue
        assert ligne["avance"] + ligne["solde"] == montant
        assert 0 <= ligne["solde"] - ligne["avance"] <= Decimal("0.01")
        if ligne["projet"] in connues:
            assert ligne["solde_payable"] == max(min(ligne["solde"], connues[ligne["projet"]] - ligne["avance"]), 0)
        assert not ligne["solde_exigible"] or 0 < ligne["solde_payable"] <= ligne["solde"]
    assert 40 < faites["conventions"]["solde_exigible"].sum() < 300


# --- calendar ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("type_", "portee", "delai", "echeance"),
    [
        ("acquisition", None, 18, date(2026, 3, 30)),
        ("acquisition", "regional", 18, date(2026, 3, 30)),
        ("montee_de_version", "regional", 9, date(2025, 6, 30)),
        (["montee_de_version", "acquisition"], "regional", 18, date(2026, 3, 30)),
        (["montee_de_version", None], "regional", 9, date(2025, 6, 30)),
        (None, "regional", None, None),
        ("acquisition", "national", None, None),
    ],
)
def test_les_delais_indicatifs(type_: Any, portee: str | None, delai: int | None, echeance: date | None) -> None:
    """Begun on 30 September 2024, under a convention of 2020 that does not count then."""
    faites = suivre(
        essms(2, type=type_, portee=portee, date_debut_projet=date(2024, 9, 30), date_convention=date(2020, 1, 1))
    )
    ligne = faites["conventions"].row(0, named=True)
    assert (ligne["delai_indicatif_mois"], ligne["echeance_indicative"], ligne["mois_ecoules"]) == (delai, echeance, 18)
    assert ("DELAI_DEPASSE" in dites(faites)) == (echeance is not None)


@pytest.mark.parametrize(
    ("debut", "ecoules", "depasse"),
    [
        (date(2024, 10, 1), 18, False),
        (date(2024, 9, 30), 18, True),
        (date(2024, 8, 31), 19, True),
        (D, 0, False),
        (D + timedelta(40), 0, False),
        (None, None, False),
    ],
)
def test_les_mois_ecoules_depuis_la_convention(debut: date | None, ecoules: int | None, depasse: bool) -> None:
    faites = suivre(essms(date_convention=debut))
    assert faites["conventions"]["mois_ecoules"].to_list() == [ecoules]
    assert ("DELAI_DEPASSE" in dites(faites)) == depasse


def test_la_phrase_du_delai() -> None:
    assert dites(suivre(essms(date_convention=date(2024, 8, 31)))) == {
        "DELAI_DEPASSE": "Projet « P » : le délai indicatif de 18 mois a pris fin le 28/02/2026. Les textes en font un repère : "
        "ce n'est pas un motif de refus."
    }


def test_la_date_des_cibles_est_la_premiere_publiee() -> None:
    """Two dates measured tonight beside published ones: an earlier date counts, a later one and another project do not."""
    avant, apres = D - timedelta(31), D + timedelta(30)
    table = pl.concat([essms(1, jour) for jour in (D, apres)])
    indicateurs = verdicts(table, "non_atteint", "atteint")
    faites = suivre(table, indicateurs)["conventions"]
    assert dict(faites.select("date_mesure", "date_cibles_atteintes").iter_rows()) == {D: None, apres: apres}
    faites = suivre(table, indicateurs, atteintes=projets_a((avant, "P"), (D - timedelta(90), "Q")))["conventions"]
    assert dict(faites.select("date_mesure", "date_cibles_atteintes").iter_rows()) == {D: avant, apres: avant}
    assert (
        convention(essms(), verdicts(essms(), "non_atteint"), atteintes=projets_a((apres, "P")))[
            "date_cibles_atteintes"
        ]
        is None
    )


def test_l_histoire_est_celle_de_la_version_publiee(tmp_path: Path) -> None:
    """A version that has measured two dates, the first before these tables; a date measured again counts as it stands now."""
    vieille, avant = D - timedelta(62), D - timedelta(31)
    for jour in (vieille, avant):
        (tmp_path / "indicateurs" / f"date_mesure={jour}").mkdir(parents=True)
    ecrire_table("conditions_solde", suivre(essms(1, avant))["conditions_solde"], "v", tmp_path, date_mesure=avant)
    registres: Any = SimpleNamespace(
        projets=lambda _: SimpleNamespace(incertains=frozenset()),
        essms=lambda _: essms().drop("date_mesure"),
        depenses=depenses(),
    )
    ce_soir: Any = SimpleNamespace(publiee=tmp_path)
    manque = {"indicateurs": verdicts(essms(), "non_atteint").drop("date_mesure")}
    for mesures_, attendue in (({D: manque}, avant), ({avant: manque, D: manque}, None)):
        faites = nuit.projets_de_la_nuit(ce_soir, registres, mesures_)["conventions"]
        assert faites.filter(date_mesure=D)["date_cibles_atteintes"].to_list() == [attendue]


# --- category, aptitude ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("categorie", "alerte"), [("500", False), (None, False), ("247", True), ("355", True)])
def test_une_categorie_hors_de_l_article_l_312_1(categorie: str | None, alerte: bool) -> None:
    faites = suivre(essms(categorie=categorie))
    assert faites["alertes"]["finess_et"].to_list() == (["000000000"] if alerte else [])
    if alerte:
        assert dites(faites)["CATEGORIE_NON_ELIGIBLE"] == (
            f"La catégorie FINESS {categorie} n'est pas de celles de l'article L. 312-1 du code de l'action sociale et des "
            "familles : vérifiez que cet établissement peut être financé."
        )


@pytest.mark.parametrize(
    ("taux", "motif"),
    [
        ({}, None),
        ({"dmp": 0.0, "mss": None}, None),
        ({"agenda": 0.0}, "Taux à 0 : « agenda »."),
        ({"projet_personnalise": None}, "Taux non fourni : « projet personnalisé »."),
        (
            {"dossiers_actifs": 0.0, "projet_personnalise": None, "agenda": None},
            "Taux non fournis : « projet personnalisé » et « agenda » ; taux à 0 : « dossiers actifs ».",
        ),
    ],
)
def test_la_verification_d_aptitude(taux: dict[str, float | None], motif: str | None) -> None:
    table = essms(2, type=["montee_de_version", "acquisition"])
    lignes = [
        (D, f"{i:09d}", indicateur, "atteint", taux.get(indicateur, 42.0))
        for i in range(2)
        for indicateur in INDICATEURS
    ]
    (trouvee,) = suivre(table, mesures(lignes))["verifications_aptitude"].to_dicts()
    assert (trouvee["finess_ej"], trouvee["finess_et"], trouvee["projet"]) == ("970000001", "000000000", "P")
    assert trouvee["etat"] == ("bloque" if motif else "pret")
    assert (plain(trouvee["motif"]) if motif else trouvee["motif"]) == motif
