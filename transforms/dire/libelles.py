"""The French words for indicators, sub-sectors, tables and statuses."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Libelle:
    """How an indicator is named and defined [AAP-2025, « Cibles d'utilisation »]; `reste`: what its missing units are."""

    nom: str
    numerateur: str
    denominateur: str | None
    reste: tuple[str, str] | None


INDICATEURS = {
    "dossiers_actifs": Libelle(
        "Dossiers actifs",
        "Dossiers d'une personne de la file active, mis à jour au moins une fois dans la fenêtre.",
        "File active : personnes accompagnées dans la fenêtre (présentes à la fin, plus les sorties définitives de la "
        "fenêtre), chacune comptée une fois.",
        ("dossier à mettre à jour", "dossiers à mettre à jour"),
    ),
    "projet_personnalise": Libelle(
        "Projet personnalisé",
        "Dossiers actifs qui ont un projet personnalisé en vigueur dans la fenêtre.",
        "Dossiers actifs.",
        ("dossier actif à doter d'un projet en vigueur", "dossiers actifs à doter d'un projet en vigueur"),
    ),
    "agenda": Libelle(
        "Agenda",
        "Dossiers actifs qui ont au moins un événement d'agenda, non annulé, dans la fenêtre.",
        "Dossiers actifs.",
        ("dossier actif à doter d'un événement d'agenda", "dossiers actifs à doter d'un événement d'agenda"),
    ),
    "mss": Libelle(
        "MSSanté",
        "Messages de messagerie sécurisée de santé envoyés dans la fenêtre. Ce taux peut dépasser 100 %.",
        "Personnes éligibles : personnes de la file active qui peuvent avoir un projet d'accueil et d'accompagnement "
        "(article L. 311-3, 7°, du code de l'action sociale et des familles).",
        ("message à envoyer", "messages à envoyer"),
    ),
    "dmp": Libelle(
        "DMP",
        "Personnes dont le dossier médical partagé a reçu au moins un document dans la fenêtre.",
        "Personnes éligibles, comme pour MSSanté.",
        ("personne dont le DMP est à alimenter", "personnes dont le DMP est à alimenter"),
    ),
    "eprescription": Libelle("e-prescription", "Imports de prescriptions électroniques dans la fenêtre.", None, None),
    "eparcours": Libelle("e-parcours", "Échanges avec un service e-parcours dans la fenêtre.", None, None),
}

AVEC_CIBLE = tuple(nom for nom, libelle in INDICATEURS.items() if libelle.denominateur)

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

STATUTS = {
    "calcule": "calculé",
    "source_partielle": "source incomplète",
    "denominateur_nul": "dénominateur nul",
    "source_absente": "source absente",
}

STATUTS_DEPOT = {
    "accepte": "accepté",
    "accepte_avec_rejets": "accepté, lignes rejetées",
    "refuse": "refusé",
    "en_attente": "en attente",
    "deja_recu": "déjà reçu",
}

TYPES = {"acquisition": "acquisition", "montee_de_version": "montée de version"}

SOURCES = {
    "dossiers": "Dossiers",
    "sejours": "Séjours",
    "mises_a_jour": "Mises à jour",
    "maj": "Mises à jour",
    "projets": "Projets",
    "agenda": "Agenda",
    "mss": "MSSanté",
    "dmp": "DMP",
    "eprescription": "e-prescription",
    "eparcours": "e-parcours",
}

# From what blocks a payment to what only needs a look: code → (effect, meaning).
ALERTES = {
    "REFERENTIEL": ("Bloque", "Une ligne de projets.csv est écartée : l'agence doit la corriger."),
    "SOURCE_ABSENTE": ("Bloque", "Une table nécessaire manque : le taux ne peut pas être calculé."),
    "VALEUR_NULLE": ("Bloque", "Un taux opposable est à 0 : la vérification d'aptitude est bloquée."),
    "SOURCE_PARTIELLE": ("Fausse le taux", "Une source est incomplète : le taux peut être flatté."),
    "REJETS": ("Fausse le taux", "Des lignes rejetées concernent ou peuvent concerner l'ESSMS."),
    "TAUX_SUP_100": ("Fausse le taux", "Un taux dépasse 100 %."),
    "CHUTE": ("À vérifier", "Un taux a perdu plus de 30 points depuis la mesure précédente."),
    "DOSSIER_INCONNU": ("À vérifier", "Des lignes portent sur un dossier absent de « dossiers » : sans effet."),
    "IDENTITE_INCOHERENTE": ("À vérifier", "Une même personne a plusieurs INS."),
    "DOUBLON_PERSONNE": ("À vérifier", "Une personne a plusieurs dossiers."),
    "ELIGIBILITE_ABSENTE": ("À vérifier", "L'éligibilité au projet n'est pas renseignée : comptée comme oui."),
    "SOURCE_TARDIVE": ("À vérifier", "L'extraction de référence est postérieure de plus de 45 jours à la mesure."),
    "FINESS_FERME": ("À vérifier", "L'établissement est fermé d'après FINESS."),
    "FINESS_INCONNU": ("À vérifier", "Le numéro n'est pas dans FINESS."),
    "FINESS_ABSENT": ("À vérifier", "Aucun fichier FINESS : les identités sont vides."),
}
