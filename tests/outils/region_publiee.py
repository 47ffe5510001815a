"""The tables of a version built directly, figures drawn at random: a sum need not be the sum of anything, so that a page
that computed it again would be caught.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import polars as pl

from schemas.curated import ALERTES, CONDITIONS, ETATS_CONDITION, INDICATEURS, PAR_DATE, SOURCES, STATUTS_DEPOT, dtypes
from schemas.referentiels import SOUS_SECTEURS

VERSION = "20260702T040000000000Z"
CIBLES = {"dossiers_actifs": 90.0, "projet_personnalise": 90.0, "agenda": 90.0, "mss": 70.0, "dmp": 70.0}
DEPARTEMENTS = {"09": "Ariège", "31": "Haute-Garonne", "34": "Hérault", "974": "La Réunion"}
REGIONS = {"09": "Occitanie", "31": "Occitanie", "34": "Occitanie", "974": "La Réunion"}
DUREES = (3, 1)  # months, of the windows
DEPOSEES = ("dossiers", "sejours", "mises_a_jour", "projets", "agenda", "mss", "dmp", "eprescription", "eparcours")


def region(
    nb_essms: int, dates: Sequence[date], *, nom: str = "SERVICE D'ACCOMPAGNEMENT LES VACOAS", graine: int = 1
) -> dict[str, pl.DataFrame]:
    """The tables that the report reads, for `nb_essms` ESSMS of `nb_essms` / 40 porteurs; `nom` begins every name."""
    hasard = Random(graine)
    essms = [_essms(hasard, rang, nom) for rang in range(nb_essms)]
    porteurs = sorted({(e["porteur"], e["nom_porteur"]) for e in essms})
    territoires = [
        ("national", "FR", "France"),
        *(("region", r[:2].upper(), r) for r in sorted(set(REGIONS.values()))),
        *(("departement", code, nom_dep) for code, nom_dep in DEPARTEMENTS.items()),
    ]
    lignes: dict[str, list[dict[str, Any]]] = {
        "essms": essms,
        "indicateurs": [_mesure(hasard, e, i, d) for d in dates for e in essms for i in INDICATEURS],
        "maturin_sms": [_maturin(hasard, e, d) for d in dates for e in essms],
        "populations": [_populations(hasard, e, d) for d in dates for e in essms],
        "sources": [_source(hasard, e, t, d) for d in dates for e in essms for t in SOURCES],
        "alertes": [_alerte(hasard, e, d) for d in dates for e in essms for _ in range(hasard.randint(0, 6))]
        + [{"date_mesure": d, "code": "REFERENTIEL", "message": f"{nom} : ligne 3 écartée"} for d in dates],
        "porteurs": [
            {"porteur": p, "nom_porteur": n, **_somme(hasard, i, d, mois), "nb_opposables": 1}
            for d in dates
            for p, n in porteurs
            for mois in (DUREES if p in ("porteur-0", "porteur-1") else DUREES[:1])
            for i in INDICATEURS
        ],
        "territoires": [
            {
                "niveau": niveau,
                "code": code,
                "nom": lieu,
                "sous_secteur": s,
                "masque": False,
                **_somme(hasard, i, d, mois),
            }
            for d in dates
            for niveau, code, lieu in territoires
            for s in (*SOUS_SECTEURS, "TOUS")
            for mois in DUREES
            for i in INDICATEURS
        ]
        + [_programme(hasard, d) for d in dates],
        "evolution": [_evolution(hasard, e, i, dates) for e in essms for i in INDICATEURS],
        "fraicheur": [_fraicheur(hasard, p, n, t) for p, n in porteurs for t in DEPOSEES],
        **_projets(hasard, essms, dates),
        "financement": [_financement(hasard, p, n, d) for d in dates for p, n in porteurs],
        "depots": [_depot(hasard, p, rang, nom) for p, _ in porteurs for rang in range(40)],
    }
    return {
        table: pl.DataFrame(
            [{"version": VERSION, **ligne} for ligne in contenu],
            schema=({"date_mesure": pl.Date} if table in PAR_DATE else {}) | dtypes(table),
        )
        for table, contenu in lignes.items()
    }


def _rien(hasard: Random, valeur: Any, sur: int = 8) -> Any:
    """The value, or nothing once in a while."""
    return None if hasard.randrange(sur) == 0 else valeur


def _essms(hasard: Random, rang: int, nom: str) -> dict[str, Any]:
    departement = hasard.choice(list(DEPARTEMENTS))
    return {
        "finess_et": f"{rang:09d}",
        "finess_ej": _rien(hasard, f"{rang + 500_000_000:09d}"),
        "raison_sociale": _rien(hasard, f"{nom} {rang}", 20),
        "categorie": _rien(hasard, "500"),
        "sous_secteur": _rien(hasard, hasard.choice(SOUS_SECTEURS), 20),
        "departement": departement,
        "nom_departement": DEPARTEMENTS[departement],
        "region": REGIONS[departement],
        "porteur": f"porteur-{rang // 40}",
        "nom_porteur": f"{nom} du groupe {rang // 40}",
        "regles": "2025",
        "exemption_socles": rang % 7 == 0,
        "type": _rien(hasard, hasard.choice(["acquisition", "montee_de_version"])),
        "projet": f"projet-{rang // 20}",
        "dui_reference": True,
        "connu_finess": _rien(hasard, True),
        "ouvert": _rien(hasard, True),
    }


def _mesure(hasard: Random, essms: dict[str, Any], indicateur: str, jour: date) -> dict[str, Any]:
    cible = CIBLES.get(indicateur)
    statut = hasard.choices(["calcule", "source_partielle", "denominateur_nul", "source_absente"], [80, 8, 4, 8])[0]
    connu = statut in ("calcule", "source_partielle")
    denominateur = 0 if statut == "denominateur_nul" else hasard.choice([7, 45, 58, 64, 80, 112, 1999])
    numerateur = None if statut == "source_absente" else hasard.randint(0, int(1.1 * denominateur))
    if hasard.randrange(12) == 0 and connu and cible:
        numerateur = int(denominateur * cible / 100)  # on the target, or just under it
    taux = 100 * numerateur / denominateur if connu and cible and numerateur is not None else None
    atteint = None if taux is None or cible is None else 100 * (numerateur or 0) >= cible * denominateur
    opposable = cible is not None and not (essms["exemption_socles"] and indicateur in ("mss", "dmp"))
    return {
        "date_mesure": jour,
        "finess_et": essms["finess_et"],
        "porteur": essms["porteur"],
        "projet": essms["projet"],
        "verdict": _verdict(opposable, statut, atteint),
        "indicateur": indicateur,
        "numerateur": numerateur,
        "denominateur": denominateur if cible and statut != "source_absente" else None,
        "taux": taux,
        "cible": cible,
        "opposable": opposable,
        "atteint": atteint,
        "reste_a_faire": None if atteint is None else 0 if atteint else hasard.choice([1, 3, 12, 27, 1234]),
        "statut": statut,
        **fenetre(jour, 1 if int(essms["finess_et"]) in range(0, 80, 5) else 3),
        "regles": "2025",
    }


def _verdict(opposable: bool, statut: str, atteint: bool | None) -> str:
    if not opposable:
        return "non_opposable"
    if statut == "source_absente":
        return "non_demontre"
    if statut == "denominateur_nul":
        return "sans_objet"
    return "non_atteint" if not atteint else "a_confirmer" if statut == "source_partielle" else "atteint"


def _projets(hasard: Random, essms: Sequence[dict[str, Any]], dates: Sequence[date]) -> dict[str, list[dict[str, Any]]]:
    """Rows of the tables of projects: amounts and states drawn one by one."""
    porteurs = {e["projet"]: e["porteur"] for e in essms}
    montants = ("montant_theorique", "montant_accorde", "avance", "solde", "depenses_justifiees", "solde_payable")
    comptes = ("nb_essms_a_la_cible", "nb_essms_a_confirmer")
    jours = ("date_convention", "date_debut_projet", "date_vsr", "echeance_indicative", "date_cibles_atteintes")
    return {
        "conventions": [
            {
                "date_mesure": d,
                "projet": projet,
                "porteur": porteur,
                "regles": _rien(hasard, "2025"),
                "type": _rien(hasard, hasard.choice(["acquisition", "montee_de_version"])),
                "portee": _rien(hasard, hasard.choice(["regional", "national"])),
                "nb_essms": 20,
                **{c: hasard.randint(0, 10) for c in comptes},
                **{m: _rien(hasard, Decimal(hasard.randint(0, 100_000_000)) / 100) for m in montants},
                **{j: _rien(hasard, date(2024, 1, 1) + timedelta(days=hasard.randrange(900))) for j in jours},
                "delai_indicatif_mois": _rien(hasard, hasard.choice([9, 18])),
                "mois_ecoules": _rien(hasard, hasard.randint(0, 30)),
                "solde_exigible": hasard.random() < 0.3,
            }
            for d in dates
            for projet, porteur in porteurs.items()
        ],
        "conditions_solde": [
            {
                "date_mesure": d,
                "projet": projet,
                "condition": condition,
                "etat": hasard.choice(ETATS_CONDITION),
                "detail": f"{hasard.randint(2, 20)} ESSMS ne sont pas à la cible.",
                "nb_essms": hasard.randint(0, 20),
                "source": "Appels à projets régionaux 2025",
            }
            for d in dates
            for projet in porteurs
            for condition in CONDITIONS
        ],
        "verifications_aptitude": [
            {
                "date_mesure": d,
                "finess_ej": e["finess_ej"],
                "finess_et": e["finess_et"],
                "porteur": e["porteur"],
                "projet": e["projet"],
                "etat": (etat := hasard.choice(["pret", "bloque"])),
                "motif": "Taux à 0 : « agenda »." if etat == "bloque" else None,
            }
            for d in dates
            for e in essms
            if e["type"] == "montee_de_version"
        ],
    }


def _maturin(hasard: Random, essms: dict[str, Any], jour: date) -> dict[str, Any]:
    return {
        "date_mesure": jour,
        "finess_et": essms["finess_et"],
        "porteur": essms["porteur"],
        "file_active": _rien(hasard, hasard.choice([0, 7, 64, 112, 1999])),
        "file_active_annuelle": _rien(hasard, hasard.choice([0, 7, 64, 112, 1999])),
        "personnes_eligibles": _rien(hasard, hasard.choice([0, 7, 64, 112, 1999])),
        "projet": essms["projet"],
        "cibles_atteintes": (atteintes := hasard.random() < 0.4),
        "cibles_a_confirmer": not atteintes and hasard.random() < 0.3,
    }


def _populations(hasard: Random, essms: dict[str, Any], jour: date) -> dict[str, Any]:
    colonnes = [c for c in dtypes("populations") if c not in ("finess_et", "porteur", "version")]
    return {
        "date_mesure": jour,
        "finess_et": essms["finess_et"],
        "porteur": essms["porteur"],
        **{c: _rien(hasard, hasard.choice([0, 7, 64, 112, 1999])) for c in colonnes},
    }


def _source(hasard: Random, essms: dict[str, Any], table: str, jour: date) -> dict[str, Any]:
    return {
        "date_mesure": jour,
        "finess_et": essms["finess_et"],
        "porteur": essms["porteur"],
        "table": table,
        "presente": hasard.random() < 0.9,
        "derniere_extraction": _rien(hasard, jour + timedelta(days=hasard.randint(0, 60))),
        "sans_reference": hasard.random() < 0.1,
        "lignes_rejetees": hasard.choice([0, 0, 0, 0, 3, 1500]),
        "tardive": hasard.random() < 0.1,
        "refusee": hasard.random() < 0.1,
        "sejours_inconnus": hasard.choice([0, 0, 0, 0, 1, 1500]),
    }


def _alerte(hasard: Random, essms: dict[str, Any], jour: date) -> dict[str, Any]:
    return {
        "date_mesure": jour,
        "finess_et": essms["finess_et"],
        "porteur": essms["porteur"],
        "code": hasard.choice([c for c in ALERTES if c != "REFERENTIEL"]),
        "message": "Le taux « projet personnalisé » est calculé sur des sources incomplètes : il peut être flatté.",
    }


def fenetre(jour: date, mois: int) -> dict[str, date]:
    """The window of that many months (at most 12) before a 1st of a month."""
    debut = (
        jour.replace(month=jour.month - mois)
        if jour.month > mois
        else jour.replace(jour.year - 1, jour.month + 12 - mois)
    )
    return {"debut_fenetre": debut, "fin_fenetre": jour - timedelta(days=1)}


def _somme(hasard: Random, indicateur: str, jour: date, mois: int) -> dict[str, Any]:
    cible = CIBLES.get(indicateur)
    numerateur, denominateur = hasard.randint(0, 40_000), hasard.randint(1, 40_000) if cible else None
    return {
        "date_mesure": jour,
        **fenetre(jour, mois),
        "indicateur": indicateur,
        "nb_essms": hasard.randint(1, 2000),
        "nb_calcules": hasard.randint(0, 2000),
        "nb_partiels": hasard.randint(0, 2000),
        "numerateur": numerateur,
        "denominateur": denominateur,
        "taux": hasard.uniform(0, 130) if cible else None,
        "cible": cible,
        "nb_atteints": hasard.randint(0, 2000) if cible else None,
        "nb_personnes": _rien(hasard, hasard.randint(0, 40_000)),
        "nb_a_confirmer": hasard.choice([0, 3, 2000]) if cible else None,
    }


def _programme(hasard: Random, jour: date) -> dict[str, Any]:
    """The row of the objective: all windows added, so neither window, nor denominator, nor rate."""
    somme = _somme(hasard, "dossiers_actifs", jour, 3)
    vides = dict.fromkeys(("debut_fenetre", "fin_fenetre", "denominateur", "taux"))
    lieu = {"niveau": "national", "code": "FR", "nom": "France", "sous_secteur": "TOUS", "masque": False}
    objectif = {"objectif": 410_000, "part_objectif": hasard.uniform(0, 100), "perimetre": "La Réunion, Occitanie"}
    return somme | vides | lieu | objectif


def _evolution(hasard: Random, essms: dict[str, Any], indicateur: str, dates: Sequence[date]) -> dict[str, Any]:
    return {
        "finess_et": essms["finess_et"],
        "porteur": essms["porteur"],
        "indicateur": indicateur,
        "date_mesure": dates[-1],
        "date_precedente": dates[-2] if len(dates) > 1 else None,
        "variation_points": _rien(hasard, hasard.uniform(-60, 60)),
        "atteint_depuis": _rien(hasard, hasard.choice(dates), 2),
        "nb_mesures": len(dates),
    }


def _fraicheur(hasard: Random, porteur: str, nom: str, table: str) -> dict[str, Any]:
    age = _rien(hasard, hasard.randint(0, 1500))
    return {
        "porteur": porteur,
        "nom_porteur": nom,
        "table": table,
        "facultative": table in ("eprescription", "eparcours"),
        "nb_depots": 0 if age is None else hasard.randint(1, 1200),
        "derniere_extraction": None if age is None else date(2026, 7, 2) - timedelta(days=age),
        "jour": date(2026, 7, 2),
        "retard_jours": age,
    }


def _financement(hasard: Random, porteur: str, nom: str, jour: date) -> dict[str, Any]:
    montants = ("montant_usage", "montant_equipement", "montant_total", "avance", "solde")
    comptes = ("nb_acquisition", "nb_montee_de_version", "nb_sans_type", "nb_a_la_cible", "nb_manquants")
    return {
        "date_mesure": jour,
        "porteur": porteur,
        "nom_porteur": nom,
        "nb_essms": hasard.randint(1, 2000),
        **{c: hasard.randint(0, 2000) for c in comptes},
        **{m: Decimal(hasard.randint(0, 100_000_000)) / 100 for m in montants},
        "solde_du": hasard.random() < 0.3,
    }


def _depot(hasard: Random, porteur: str, rang: int, nom: str) -> dict[str, Any]:
    return {
        "depot": f"{porteur}-{rang}",
        "porteur": porteur,
        "recu": f"{rang:04X}-0000-0000",
        "nom": f"{nom}_{rang:02d}.csv",
        "membre": _rien(hasard, nom, 2),
        "table": _rien(hasard, "dossiers"),
        "date_extraction": _rien(hasard, date(2026, 4, 1)),
        "partiel": False,
        "recu_le": datetime(2026, 7, 1, 4, 0, rang, tzinfo=UTC),
        "statut": hasard.choice(STATUTS_DEPOT),
        "motif": _rien(hasard, "COLONNE_MANQUANTE", 2),
        "lignes_lues": _rien(hasard, hasard.randint(0, 100_000)),
        "lignes_utilisees": _rien(hasard, hasard.randint(0, 100_000)),
        "lignes_rejetees": _rien(hasard, hasard.randint(0, 100_000)),
    }
