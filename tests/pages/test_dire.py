"""One vocabulary: everything that can be shown has its words, said nowhere else, with their agreement."""

from __future__ import annotations

import ast
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typographie import espaces

from schemas import curated
from schemas.constats import catalogue
from transforms.dire import formats
from transforms.dire.alertes import ALERTES, dire_alertes
from transforms.dire.constats import NIVEAUX, dire_constat
from transforms.dire.doutes import doutes
from transforms.dire.libelles import (
    AVEC_CIBLE,
    ETATS_SOURCE,
    INDICATEURS,
    STATUTS,
    STATUTS_DEPOT,
    VERDICTS,
    dire_etat_de_source,
    etat_de_source,
    nom_de_source,
)
from transforms.pages.environnement import TONS

RACINE = Path(__file__).parents[2]


def test_tout_ce_qui_se_publie_a_ses_mots() -> None:
    assert tuple(INDICATEURS) == curated.INDICATEURS
    assert AVEC_CIBLE == ("dossiers_actifs", "projet_personnalise", "agenda", "mss", "dmp")
    assert tuple(STATUTS) == curated.STATUTS_INDICATEUR
    assert tuple(VERDICTS) == curated.VERDICTS
    assert tuple(STATUTS_DEPOT) == curated.STATUTS_DEPOT
    assert set(ALERTES) == set(curated.ALERTES)
    assert set(NIVEAUX) == {c.niveau for c in catalogue().values()}
    assert set(TONS) == {*STATUTS_DEPOT, *NIVEAUX, *ETATS_SOURCE}
    assert [nom_de_source(s) for s in ("maj", "mss")] == ["mises à jour des dossiers", "messages MSSanté"]


def test_un_statut_ne_se_dit_qu_a_un_endroit() -> None:
    statuts = STATUTS | VERDICTS | STATUTS_DEPOT | ETATS_SOURCE
    mots = {mot.casefold() for code, mot in statuts.items() if mot != code}
    mots |= {i.nom.casefold() for i in INDICATEURS.values()} - set(INDICATEURS)
    ailleurs = [
        (fichier.name, noeud.value)
        for dossier in ("transforms", "flows")
        for fichier in sorted((RACINE / dossier).rglob("*.py"))
        if fichier.parent.name not in ("dire", "donnees_fictives")
        for noeud in ast.walk(ast.parse(fichier.read_text(encoding="utf-8")))
        if isinstance(noeud, ast.Constant) and isinstance(noeud.value, str) and noeud.value.casefold() in mots
    ]
    assert ailleurs == []


def test_une_alerte_s_accorde() -> None:
    lignes = [
        ("REJETS", None, "dossiers", 1),
        ("REJETS", None, "dossiers", 2),
        ("DOUBLON_PERSONNE", None, None, 1),
        ("DOUBLON_PERSONNE", None, None, 1200),
        ("CHUTE", "dossiers_actifs", None, 44),
        ("TAUX_SUP_100", "mss", None, None),
        ("SOURCE_TARDIVE", None, "agenda", None),
    ]
    alertes = pl.DataFrame(lignes, schema=["code", "indicateur", "nom_table", "nombre"], orient="row")
    assert [espaces(message) for message in dire_alertes(alertes)["message"]] == [
        "1 ligne rejetée de « dossiers » concerne ou peut concerner cet ESSMS.",
        "2 lignes rejetées de « dossiers » concernent ou peuvent concerner cet ESSMS.",
        "1 personne a plusieurs dossiers.",
        "1 200 personnes ont plusieurs dossiers.",
        "Le taux « dossiers actifs » a baissé de 44 points depuis la mesure précédente.",
        "Le taux « MSSanté » dépasse 100 %.",
        "« agenda » a été extraite plus de 45 jours après la date de mesure.",
    ]


def test_un_constat_dit_ou_il_est() -> None:
    dit = dire_constat("COLONNE_MANQUANTE", "Date d'entrée", "sejours", None, "Lue : « Entrée ».")
    assert dit == (
        "fichier",
        "La colonne «\u00a0Date d'entrée\u00a0» manque. Lue\u00a0: «\u00a0Entrée\u00a0».",
        "Ajoutez la colonne «\u00a0Date d'entrée\u00a0» à l'export\u00a0; son nom exact se trouve dans le modèle de la table.",
        "Date d'entrée",
    )
    assert dire_constat("GUILLEMET_OUVERT", None, None, 12, "").message.startswith(
        "Un guillemet est ouvert à la ligne 12"
    )


@pytest.mark.parametrize(
    ("table", "presente", "extraite_le", "sans_reference", "rejetees", "etat", "dit"),
    [
        ("dossiers", False, None, False, 0, "manquante", "manquante"),
        ("eparcours", False, None, False, 0, "facultative", "facultative, non reçue"),
        ("dossiers", True, date(2026, 3, 31), True, 4, "ancienne", "trop ancienne"),
        ("dossiers", True, None, True, 4, "partielle", "partielle seulement"),
        ("dossiers", True, date(2026, 4, 1), False, 1, "rejets", "1 ligne rejetée"),
        ("dossiers", True, date(2026, 4, 1), False, 1500, "rejets", "1\u202f500 lignes rejetées"),
        ("dossiers", True, date(2026, 4, 1), False, 0, "a_jour", "à jour"),
    ],
)
def test_etat_d_une_source(
    table: str, presente: bool, extraite_le: date | None, sans_reference: bool, rejetees: int, etat: str, dit: str
) -> None:
    source = {
        "table": table,
        "presente": presente,
        "derniere_extraction": extraite_le,
        "sans_reference": sans_reference,
        "lignes_rejetees": rejetees,
    }
    assert etat_de_source(source, date(2026, 3, 31)) == etat
    assert dire_etat_de_source(source, date(2026, 3, 31)) == dit


SOURCE = {
    "table": "dossiers",
    "presente": True,
    "derniere_extraction": date(2026, 4, 2),
    "sans_reference": False,
    "lignes_rejetees": 0,
    "sejours_inconnus": 0,
}
A_CONFIRMER = {
    "indicateur": "agenda",
    "statut": "source_partielle",
    "atteint": True,
    "verdict": "a_confirmer",
    "fin_fenetre": date(2026, 3, 31),
}


@pytest.mark.parametrize(
    ("plus", "etat", "dit"),
    [
        ({"tardive": True, "refusee": True}, "tardive", "trop tardive"),
        ({"refusee": True, "lignes_rejetees": 3}, "refusee", "fichier refusé"),
        ({"lignes_rejetees": 3, "sejours_inconnus": 2}, "rejets", "3 lignes rejetées"),
        ({"sejours_inconnus": 1}, "inconnus", "1 dossier inconnu"),
        ({"tardive": False, "refusee": False, "sejours_inconnus": 0}, "a_jour", "à jour"),
    ],
)
def test_etat_d_une_source_qui_flatte(plus: dict[str, Any], etat: str, dit: str) -> None:
    assert etat_de_source(SOURCE | plus, date(2026, 3, 31)) == etat
    assert dire_etat_de_source(SOURCE | plus, date(2026, 3, 31)) == dit


COMPLETE = "Déposez une extraction complète de « {} » faite entre le 01/04/2026 et le 16/05/2026."
CORRIGE = "Déposez le fichier corrigé sous le même nom."


@pytest.mark.parametrize(
    ("mesure", "source", "dits"),
    [
        ({}, {"lignes_rejetees": 3}, [f"« dossiers » : 3 lignes rejetées. {CORRIGE}"]),
        (
            {},
            {"table": "sejours", "derniere_extraction": date(2026, 3, 20)},
            [
                "« sejours » : l'extraction du 20/03/2026 ne couvre pas toute la fenêtre, qui finit le 31/03/2026. "
                + COMPLETE.format("sejours")
            ],
        ),
        (
            {},
            {"table": "maj", "derniere_extraction": date(2026, 3, 31), "lignes_rejetees": 1},
            [
                "« mises_a_jour » : l'extraction du 31/03/2026 ne couvre pas toute la fenêtre, qui finit le 31/03/2026. "
                "Déposez une extraction de « mises_a_jour » faite le 01/04/2026 ou après.",
                f"« mises_a_jour » : 1 ligne rejetée. {CORRIGE}",
            ],
        ),
        ({"indicateur": "dossiers_actifs"}, {"table": "maj", "derniere_extraction": date(2026, 3, 31), "lignes_rejetees": 1}, []),
        (
            {},
            {"derniere_extraction": None, "sans_reference": True},
            [f"« dossiers » : des dépôts partiels seulement. {COMPLETE.format('dossiers')}"],
        ),
        (
            {},
            {"derniere_extraction": date(2026, 6, 1), "tardive": True},
            [
                "« dossiers » : la première extraction complète, du 01/06/2026, vient plus de 45 jours après la date de mesure. "
                + COMPLETE.format("dossiers")
            ],
        ),
        (
            {},
            {"sejours_inconnus": 2, "refusee": True},
            [
                "Des séjours de la fenêtre sont de 2 dossiers absents de « dossiers ». Ajoutez ces dossiers à l'export de "
                "« dossiers ».",
                f"« dossiers » : un fichier refusé attend d'être corrigé. {CORRIGE}",
            ],
        ),
        (
            {"indicateur": "mss", "atteint": False, "statut": "calcule"},
            {"lignes_rejetees": 3},
            [
                "Un sous-secteur inconnu pourrait lever cette cible (protection juridique des majeurs). L'agence indique "
                "« sous_secteur » dans projets.csv, ou met à jour le fichier FINESS."
            ],
        ),
        (
            {"indicateur": "dossiers_actifs", "atteint": None, "statut": "denominateur_nul"},
            {},
            [
                "Aucune personne de la file active dans la fenêtre. Vérifiez les séjours déposés ; si la structure "
                "n'accompagnait personne, l'agence le constate."
            ],
        ),
        (
            {"indicateur": "dossiers_actifs", "numerateur": 93, "denominateur": 98, "taux_plancher": 88.0},
            {"lignes_rejetees": 2},
            [
                "5 dossiers actifs sont en double : une personne qui a plusieurs dossiers ne compte qu'une fois. Fusionnez les "
                "dossiers d'une même personne, puis déposez une nouvelle extraction de « dossiers ».",
                f"« dossiers » : 2 lignes rejetées. {CORRIGE}",
            ],
        ),
        ({"verdict": "atteint"}, {"lignes_rejetees": 3}, []),
        ({"verdict": "non_atteint", "atteint": False}, {"lignes_rejetees": 3}, []),
    ],
)  # fmt: skip
def test_ce_qui_laisse_un_doute(mesure: dict[str, Any], source: dict[str, Any], dits: list[str]) -> None:
    assert [espaces(d.phrase) for d in doutes(A_CONFIRMER | mesure, [SOURCE | source])] == dits


def test_une_mesure_publiee_avant_les_verdicts_ne_dit_rien() -> None:
    assert doutes({n: v for n, v in A_CONFIRMER.items() if n != "verdict"}, [SOURCE]) == []


def test_typographie() -> None:
    assert [formats.accord(n, "ligne rejetée", "lignes rejetées") for n in (0, 1, 2, 12_345)] == [
        "0 ligne rejetée",
        "1 ligne rejetée",
        "2 lignes rejetées",
        "12\u202f345 lignes rejetées",
    ]
    assert [formats.enumerer(n) for n in (["a"], ["a", "b"], ["a", "b", "c"])] == ["a", "a et b", "a, b et c"]
    assert formats.insecables("Déposer « mss » : 5 % manquent") == "Déposer «\u00a0mss\u00a0»\u00a0: 5\u00a0% manquent"
    assert formats.majuscule("e-prescription") == "E-prescription" and formats.majuscule("MSSanté") == "MSSanté"
