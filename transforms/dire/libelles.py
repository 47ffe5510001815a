"""The French words for indicators, tables, sources, statuses and sub-sectors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from schemas.depots import TABLES, libelle
from transforms.dire.formats import accord, majuscule

Noms = tuple[str, str]  # singular, plural


@dataclass(frozen=True)
class Libelle:
    """How an indicator is named and defined [AAP-2025, « Cibles d'utilisation »].

    `nom`: inside a sentence. `comptes`: what its numerator counts; `population`: what its denominator does; `reste`: what
    its missing units are. The last two, and `denominateur`, are None where there is no rate.
    """

    nom: str
    numerateur: str
    comptes: Noms
    denominateur: str | None = None
    population: Noms | None = None
    reste: Noms | None = None

    @property
    def titre(self) -> str:
        """Its name at the head of a line or of a column."""
        return majuscule(self.nom)


_DOSSIERS_ACTIFS: Noms = ("dossier actif", "dossiers actifs")
_ELIGIBLES: Noms = ("personne éligible", "personnes éligibles")

INDICATEURS = {
    "dossiers_actifs": Libelle(
        "dossiers actifs",
        "Dossiers d'une personne de la file active, mis à jour au moins une fois dans la fenêtre.",
        _DOSSIERS_ACTIFS,
        "File active : personnes accompagnées dans la fenêtre (présentes à la fin, plus les sorties définitives de la "
        "fenêtre), chacune comptée une fois.",
        ("personne de la file active", "personnes de la file active"),
        ("dossier à mettre à jour", "dossiers à mettre à jour"),
    ),
    "projet_personnalise": Libelle(
        "projet personnalisé",
        "Dossiers actifs qui ont un projet personnalisé en vigueur dans la fenêtre.",
        ("dossier actif avec un projet en vigueur", "dossiers actifs avec un projet en vigueur"),
        "Dossiers actifs.",
        _DOSSIERS_ACTIFS,
        ("dossier actif à doter d'un projet en vigueur", "dossiers actifs à doter d'un projet en vigueur"),
    ),
    "agenda": Libelle(
        "agenda",
        "Dossiers actifs qui ont au moins un événement d'agenda, non annulé, dans la fenêtre.",
        ("dossier actif avec un événement d'agenda", "dossiers actifs avec un événement d'agenda"),
        "Dossiers actifs.",
        _DOSSIERS_ACTIFS,
        ("dossier actif à doter d'un événement d'agenda", "dossiers actifs à doter d'un événement d'agenda"),
    ),
    "mss": Libelle(
        "MSSanté",
        "Messages de messagerie sécurisée de santé envoyés dans la fenêtre. Ce taux peut dépasser 100 %.",
        ("message envoyé", "messages envoyés"),
        "Personnes éligibles : personnes de la file active qui peuvent avoir un projet d'accueil et d'accompagnement "
        "(article L. 311-3, 7°, du code de l'action sociale et des familles).",
        _ELIGIBLES,
        ("message à envoyer", "messages à envoyer"),
    ),
    "dmp": Libelle(
        "DMP",
        "Personnes éligibles dont le dossier médical partagé a reçu au moins un document dans la fenêtre.",
        ("personne dont le DMP a été alimenté", "personnes dont le DMP a été alimenté"),
        "Personnes éligibles, comme pour MSSanté.",
        _ELIGIBLES,
        ("personne dont le DMP est à alimenter", "personnes dont le DMP est à alimenter"),
    ),
    "eprescription": Libelle(
        "e-prescription",
        "Imports de prescriptions électroniques dans la fenêtre.",
        ("import de prescription", "imports de prescriptions"),
    ),
    "eparcours": Libelle("e-parcours", "Échanges avec un service e-parcours dans la fenêtre.", ("échange", "échanges")),
}
AVEC_CIBLE = tuple(nom for nom, indicateur in INDICATEURS.items() if indicateur.reste)

SOUS_SECTEURS = {
    "PA": "Personnes âgées",
    "PH": "Personnes handicapées",
    "DOM": "Aide et soins à domicile",
    "PDS": "Personnes en difficultés spécifiques",
    "PDE": "Protection de l'enfance",
    "AHI": "Accueil, hébergement, insertion",
    "PJM": "Protection juridique des majeurs",
    "INCONNU": "Sous-secteur inconnu",
    "TOUS": "Ensemble",
}

# Of a figure.
STATUTS = {
    "calcule": "calculé",
    "source_partielle": "source incomplète",
    "denominateur_nul": "rien à compter",
    "source_absente": "source manquante",
}

# What a figure proves (§6.5); why it is « à confirmer », see `transforms.dire.doutes`.
VERDICTS = {
    "atteint": "atteint",
    "a_confirmer": "à confirmer",
    "non_atteint": "non atteint",
    "non_demontre": "non démontré",
    "sans_objet": "sans objet",
    "non_opposable": "non opposable",
}

# Conditions of the balance and their states (§6.6).
CONDITIONS = {
    "cibles_usage": "cibles d'usage",
    "service_regulier": "service régulier",
    "depenses": "dépenses justifiées",
}
ETATS_CONDITION = {
    "remplie": "remplie",
    "non_remplie": "non remplie",
    "a_confirmer": "à confirmer",
    "inconnue": "inconnue",
    "sans_objet": "sans objet",
}

# Of a file or of one of its tables.
STATUTS_DEPOT = {
    "accepte": "accepté",
    "accepte_avec_rejets": "accepté avec lignes rejetées",
    "refuse": "refusé",
    "en_attente": "en attente",
    "deja_recu": "déjà reçu",
    "remplace": "remplacé",
    "retire": "retiré par l'agence",
}

# Of a source for a measure (§6.5), the worst first.
ETATS_SOURCE = {
    "manquante": "manquante",
    "ancienne": "trop ancienne",
    "partielle": "partielle seulement",
    "tardive": "trop tardive",
    "refusee": "fichier refusé",
    "rejets": "lignes rejetées",
    "inconnus": "dossiers inconnus",
    "a_jour": "à jour",
    "facultative": "facultative, non reçue",
}

# The populations of a measure, step by step (columns of the table `populations`).
ETAPES = {
    "dossiers_connus": "Dossiers connus",
    "dossiers_accompagnes": "Accompagnés dans la fenêtre (file active)",
    "dossiers_actifs": "Mis à jour dans la fenêtre (dossiers actifs)",
    "dossiers_projet": "Actifs, avec un projet en vigueur",
    "dossiers_agenda": "Actifs, avec un événement d'agenda",
}

# What a vérification d'aptitude finds, and how far a project reaches (§6.6).
ETATS_APTITUDE = {"pret": "prêt", "bloque": "bloqué"}
PORTEES = {"regional": "régionale", "national": "nationale"}

TYPES = {"acquisition": "acquisition", "montee_de_version": "montée de version"}

LIGNES_REJETEES: Noms = ("ligne rejetée", "lignes rejetées")
FACULTATIVES = ("eprescription", "eparcours")


def table_a_deposer(source: str) -> str:
    """The table to deposit for a source: `maj` is mises_a_jour, or the date_derniere_maj of dossiers (§6.5)."""
    return "mises_a_jour" if source == "maj" else source


def nom_de_source(source: str) -> str:
    """A source as people call it: « mises à jour des dossiers »."""
    return libelle(table_a_deposer(source))


def nom_de_table(table: str) -> str:
    """A table as its file names it and as people call it."""
    return f"{table} ({libelle(table)})" if table in TABLES else table


def etat_de_source(source: Mapping[str, Any], fin_fenetre: date) -> str:
    """The state of a source (a row of the table `sources`): the worst that `ETATS_SOURCE` says of it.

    A row published before a reason was has none.
    """
    if not source["presente"]:
        return "facultative" if source["table"] in FACULTATIVES else "manquante"
    derniere = source["derniere_extraction"]
    defauts = {
        "ancienne": derniere is not None and derniere <= fin_fenetre,
        "partielle": source["sans_reference"],
        "tardive": source.get("tardive"),
        "refusee": source.get("refusee"),
        "rejets": source["lignes_rejetees"],
        "inconnus": source.get("sejours_inconnus"),
    }
    return next((etat for etat, vrai in defauts.items() if vrai), "a_jour")


def dire_etat_de_source(source: Mapping[str, Any], fin_fenetre: date) -> str:
    """The same in words, with the count of rejected rows or of unknown dossiers."""
    etat = etat_de_source(source, fin_fenetre)
    if etat == "rejets":
        return accord(source["lignes_rejetees"], *LIGNES_REJETEES)
    if etat == "inconnus":
        return accord(source["sejours_inconnus"], "dossier inconnu", "dossiers inconnus")
    return ETATS_SOURCE[etat]


def etat_du_solde(convention: Mapping[str, Any], etats: Mapping[str, str]) -> str:
    """Where the balance of a project stands, in words: the first thing that it waits for (§6.6).

    `convention`: a row of `conventions`. `etats`: condition → its state (table `conditions_solde`).
    """
    cibles, service = etats["cibles_usage"], etats["service_regulier"]
    attentes = {
        "exigible": convention["solde_exigible"],
        "cibles d'usage non atteintes": cibles == "non_remplie",
        "cibles d'usage à confirmer": cibles == "a_confirmer",
        "aucune cible d'usage à démontrer": cibles == "sans_objet",
        "service régulier à constater": service not in ("remplie", "sans_objet"),
        "montant inconnu": convention["solde"] is None,
        "dépenses à justifier": etats["depenses"] != "remplie",
    }
    return next(
        (dite for dite, vraie in attentes.items() if vraie), "rien à payer, l'avance couvre les dépenses justifiées"
    )
