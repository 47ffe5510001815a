"""Published tables (specification §7): one pandera model each, the only declaration of their columns.

`date_mesure` is the partition key of the tables that have one: it stands in the folder name (hive), not in the files.
"""

from __future__ import annotations

from typing import Any

import pandera.polars as pa
import polars as pl
import pyarrow as pa_arrow

from schemas.champs import Champ, champ, champs
from schemas.referentiels import PORTEES, SOUS_SECTEURS, TYPES

STATUTS_INDICATEUR = ("calcule", "source_partielle", "denominateur_nul", "source_absente")
# What a rate proves (§6.5).
VERDICTS = ("atteint", "a_confirmer", "non_atteint", "non_demontre", "sans_objet", "non_opposable")
# An ESSMS is à la cible when its opposable verdicts are all among these.
A_LA_CIBLE = ("atteint", "sans_objet")
STATUTS_DEPOT = ("accepte", "accepte_avec_rejets", "refuse", "en_attente", "deja_recu", "remplace", "retire")
# Something of such a deposit is used.
ACCEPTES = STATUTS_DEPOT[:2]
INDICATEURS = ("dossiers_actifs", "projet_personnalise", "agenda", "mss", "dmp", "eprescription", "eparcours")
ALERTES = (
    "TAUX_SUP_100",
    "DOUBLON_PERSONNE",
    "FINESS_ABSENT",
    "ELIGIBILITE_ABSENTE",
    "SOURCE_ABSENTE",
    "SOURCE_PARTIELLE",
    "FINESS_INCONNU",
    "FINESS_FERME",
    "DOSSIER_INCONNU",
    "IDENTITE_INCOHERENTE",
    "REJETS",
    "SOURCE_TARDIVE",
    "REFERENTIEL",
    "CHUTE",
    "VALEUR_NULLE",
    "EXTRACTION_REDATEE",
    "PREMIERE_MESURE_MANQUEE",
    "FIN_DE_MOIS",
    "PROJET_ECHU",
    "DMP_HORS_POPULATION",
    "POPULATION_CHUTE",
    "MONTANT",
    "DELAI_DEPASSE",
    "CATEGORIE_NON_ELIGIBLE",
)
CONDITIONS = ("cibles_usage", "service_regulier", "depenses")
ETATS_CONDITION = ("remplie", "non_remplie", "a_confirmer", "inconnue", "sans_objet")
# What the measure needs (§6.5): the tables of §4, and `maj`, mises_a_jour or the date_derniere_maj of dossiers.
SOURCES = ("dossiers", "sejours", "maj", "projets", "agenda", "mss", "dmp", "eprescription", "eparcours")
NIVEAUX = ("departement", "region", "national")
PARTITION = "date_mesure"
TOUS = "TOUS"
SECTEUR_INCONNU = "INCONNU"

_FINESS = "Numéro FINESS de l'ESSMS"
_PORTEUR = "Identifiant du porteur (dossier de dépôt)"
_PROJET = "Identifiant du projet : la convention"
_RECU = "Numéro de reçu du fichier, celui de son accusé de réception"
_NOM = (
    "Ce que dit le nom du fichier (table, date, copie, format) ; le nom lui-même n'est que dans les retours du porteur"
)
_MEMBRE = "Feuille du classeur (par la table lue) ou membre de l'archive (par ce que dit son nom)"
_VERSION = "Identifiant de la publication qui a calculé la ligne"
_REGLES = "Règles appliquées"
_COMPTES = (
    "ESSMS comptés dans la somme : ceux dont le taux est calculable (sans dénominateur : ceux dont le numérateur l'est)"
)
_NUMERATEURS = "Somme des numérateurs des seuls ESSMS comptés (nb_calcules) ; vide s'il n'y en a aucun"
_DENOMINATEURS = "Somme des dénominateurs des mêmes ESSMS ; vide sans ESSMS compté ou sans objet"
_TAUX_DES_SOMMES = "100 × somme des numérateurs / somme des dénominateurs, non arrondi, peut dépasser 100"
_PARTIELS = "Parmi eux, ESSMS dont une source est incomplète (statut source_partielle) : leur taux peut être flatté"
_ATTEINTS = "Parmi eux, ESSMS dont la cible opposable est atteinte (verdict atteint)"
_A_CONFIRMER = "ESSMS dont le verdict est à confirmer, que leur taux soit compté ou non"
_PERSONNES = (
    "Somme des files actives, là où elles sont connues, des ESSMS comptés (nb_calcules) ; une personne suivie par deux "
    "ESSMS y est deux fois"
)
_FENETRE = "jour de la fenêtre : la somme n'ajoute que des ESSMS mesurés sur la même"
_TOUTES_FENETRES = " ; vide sur la ligne de l'objectif, qui les ajoute toutes"
_SANS_CIBLE = " ; vide sans cible ou si masqué"
_CIBLE_COMMUNE = "Cible des textes ; vide si l'indicateur n'en a pas ou si elle diffère d'un ESSMS à l'autre"


class Indicateurs(pa.DataFrameModel):
    """Un ESSMS, un indicateur, une date de mesure."""

    finess_et: pl.String = champ("finess", _FINESS, requis=True)
    porteur: pl.String = champ("texte", _PORTEUR, requis=True)
    indicateur: pl.String = champ("liste", "Indicateur d'usage", requis=True, valeurs=INDICATEURS)
    numerateur: pl.Int64 = champ("entier", "Numérateur ; vide si une source manque", ge=0)
    denominateur: pl.Int64 = champ("entier", "Dénominateur ; vide si une source manque ou sans objet", ge=0)
    taux: pl.Float64 = champ(
        "decimal", "100 × numérateur / dénominateur, non arrondi, peut dépasser 100", unite="%", ge=0
    )
    cible: pl.Float64 = champ("decimal", "Cible des textes ; vide si l'indicateur n'en a pas", unite="%")
    opposable: pl.Boolean = champ("bool", "La cible conditionne le versement du solde", requis=True)
    atteint: pl.Boolean = champ("bool", "La cible est atteinte (décidé sur les entiers) ; vide sans taux")
    reste_a_faire: pl.Int64 = champ(
        "entier", "Plus petit nombre d'unités de numérateur qui manquent pour atteindre la cible", unite="unités", ge=0
    )
    statut: pl.String = champ("liste", "Fiabilité du calcul", requis=True, valeurs=STATUTS_INDICATEUR)
    debut_fenetre: pl.Date = champ("date", "Premier jour de la fenêtre", requis=True)
    fin_fenetre: pl.Date = champ("date", "Dernier jour de la fenêtre", requis=True)
    regles: pl.String = champ("texte", _REGLES, requis=True)
    version: pl.String = champ("texte", _VERSION, requis=True)
    projet: pl.String = champ("texte", _PROJET, requis=True)
    taux_plancher: pl.Float64 = champ(
        "decimal",
        "Le plus bas taux que permettent les manques connus des sources ; vide sans taux, ou si rien ne les borne",
        unite="%",
        ge=0,
    )
    verdict: pl.String = champ(
        "liste",
        "Ce que le taux prouve, une fois compté ce qui peut le flatter",
        requis=True,
        valeurs=VERDICTS,
    )

    @pa.dataframe_check
    @classmethod
    def taux_coherent(cls, donnees: Any) -> pl.LazyFrame:
        """A rate is there exactly when it can be: both terms known, denominator not zero (§6.5)."""
        calculable = (
            pl.col("numerateur").is_not_null() & pl.col("denominateur").is_not_null() & (pl.col("denominateur") != 0)
        )
        resultat: pl.LazyFrame = donnees.lazyframe.select(
            (pl.col("taux").is_not_null() == calculable.fill_null(False))
            & (pl.col("atteint").is_null() | (pl.col("atteint") == (pl.col("reste_a_faire") == 0)))
        )
        return resultat

    class Config:
        """Sorted, strict."""

        strict = True
        ordered = True


class MaturinSms(pa.DataFrameModel):
    """Un ESSMS, une date de mesure : préremplissage de l'observatoire MaturiN-SMS."""

    finess_et: pl.String = champ("finess", _FINESS, requis=True)
    finess_ej: pl.String = champ("finess", "Numéro FINESS de l'entité juridique")
    raison_sociale: pl.String = champ("texte", "Raison sociale (FINESS)")
    categorie: pl.String = champ("texte", "Catégorie d'établissement FINESS")
    sous_secteur: pl.String = champ("texte", "Sous-secteur du programme (PA, PH, DOM, PDS, PDE, AHI, PJM)")
    departement: pl.String = champ("texte", "Code du département, d'après le numéro FINESS")
    region: pl.String = champ("texte", "Région, d'après le département")
    porteur: pl.String = champ("texte", _PORTEUR, requis=True)
    debut_fenetre: pl.Date = champ("date", "Premier jour de la fenêtre", requis=True)
    fin_fenetre: pl.Date = champ("date", "Dernier jour de la fenêtre", requis=True)
    regles: pl.String = champ("texte", _REGLES, requis=True)
    file_active: pl.Int64 = champ("entier", "Personnes accompagnées dans la fenêtre", unite="personnes", ge=0)
    file_active_annuelle: pl.Int64 = champ(
        "entier",
        "Personnes accompagnées depuis le 1er janvier (ou le début de la fenêtre s'il est antérieur)",
        unite="personnes",
        ge=0,
    )
    personnes_eligibles: pl.Int64 = champ(
        "entier", "Personnes de la file active qui peuvent avoir un projet", unite="personnes", ge=0
    )
    nb_dossiers_actifs: pl.Int64 = champ("entier", "Dossiers actifs", unite="dossiers", ge=0)
    taux_dossiers_actifs: pl.Float64 = champ("decimal", "Dossiers actifs / file active", unite="%", ge=0)
    nb_dossiers_projet: pl.Int64 = champ("entier", "Dossiers actifs avec un projet en vigueur", unite="dossiers", ge=0)
    taux_projet_personnalise: pl.Float64 = champ("decimal", "Part des dossiers actifs avec projet", unite="%", ge=0)
    nb_dossiers_agenda: pl.Int64 = champ(
        "entier", "Dossiers actifs avec un événement d'agenda dans la fenêtre", unite="dossiers", ge=0
    )
    taux_agenda: pl.Float64 = champ("decimal", "Part des dossiers actifs avec agenda", unite="%", ge=0)
    nb_messages_mss: pl.Int64 = champ("entier", "Messages MSSanté envoyés dans la fenêtre", unite="messages", ge=0)
    taux_mss: pl.Float64 = champ("decimal", "Messages envoyés / personnes éligibles", unite="%", ge=0)
    nb_dmp_alimentes: pl.Int64 = champ(
        "entier", "Personnes éligibles dont le DMP a été alimenté", unite="personnes", ge=0
    )
    taux_dmp: pl.Float64 = champ("decimal", "DMP alimentés / personnes éligibles", unite="%", ge=0)
    nb_eprescriptions: pl.Int64 = champ("entier", "Imports e-prescription dans la fenêtre", unite="imports", ge=0)
    nb_echanges_eparcours: pl.Int64 = champ("entier", "Échanges e-parcours dans la fenêtre", unite="échanges", ge=0)
    cibles_atteintes: pl.Boolean = champ(
        "bool", "À la cible : chaque verdict opposable est « atteint » ou « sans_objet »"
    )
    version: pl.String = champ("texte", _VERSION, requis=True)
    projet: pl.String = champ("texte", _PROJET, requis=True)
    cibles_a_confirmer: pl.Boolean = champ(
        "bool", "Pas encore à la cible, mais tous les autres verdicts opposables sont « a_confirmer »"
    )
    nb_dmp_hors_population: pl.Int64 = champ(
        "entier", "Personnes au DMP alimenté qui ne sont pas parmi les personnes éligibles", unite="personnes", ge=0
    )

    class Config:
        """Sorted, strict."""

        strict = True
        ordered = True


class Essms(pa.DataFrameModel):
    """Un ESSMS d'un projet (dimension)."""

    finess_et: pl.String = champ("finess", _FINESS, requis=True)
    finess_ej: pl.String = champ("finess", "Numéro FINESS de l'entité juridique")
    raison_sociale: pl.String = champ("texte", "Raison sociale (FINESS)")
    categorie: pl.String = champ("texte", "Catégorie d'établissement FINESS")
    sous_secteur: pl.String = champ("texte", "Sous-secteur du programme : projets.csv, sinon d'après la catégorie")
    departement: pl.String = champ("texte", "Code du département, d'après le numéro FINESS")
    nom_departement: pl.String = champ("texte", "Nom du département")
    region: pl.String = champ("texte", "Région, d'après le département")
    porteur: pl.String = champ("texte", _PORTEUR, requis=True)
    nom_porteur: pl.String = champ("texte", "Nom du porteur", requis=True)
    regles: pl.String = champ("texte", _REGLES, requis=True)
    date_premiere_mesure: pl.Date = champ("date", "Date de la première mesure ; sa fenêtre peut être plus longue")
    exemption_socles: pl.Boolean = champ("bool", "Cibles MSSanté et DMP levées par l'ARS", requis=True)
    profil: pl.String = champ("texte", "Profil d'éditeur des fichiers du porteur")
    type: pl.String = champ("texte", "Acquisition ou montée de version")
    part_medico_sociale: pl.Float64 = champ("decimal", "Part médico-sociale de l'ESSMS (0 à 1)")
    connu_finess: pl.Boolean = champ("bool", "Le numéro est dans FINESS ; vide sans fichier FINESS")
    ouvert: pl.Boolean = champ("bool", "L'établissement est ouvert d'après FINESS ; vide s'il n'y est pas")
    version: pl.String = champ("texte", _VERSION, requis=True)
    projet: pl.String = champ("texte", _PROJET, requis=True)
    motif_exemption: pl.String = champ("texte", "Pourquoi les cibles MSSanté et DMP sont levées")
    dui_reference: pl.Boolean = champ("bool", "DUI référencé (règles 2022)", requis=True)
    portee: pl.String = champ("texte", "Portée du projet : regional ou national")
    date_convention: pl.Date = champ("date", "Date de la convention")
    date_debut_projet: pl.Date = champ("date", "Date de début du projet")
    date_vsr: pl.Date = champ("date", "Date de la vérification de service régulier")
    montant_accorde: pl.Decimal(14, 2) = champ("montant", "Montant accordé au projet", unite="€", ge=0)  # type: ignore[valid-type]

    class Config:
        """Sorted, strict."""

        strict = True
        ordered = True


class EssmsMesures(Essms):
    """Un ESSMS d'un projet tel que la mesure d'une date l'a lu : le registre de ce jour-là."""

    numeros: pl.String = champ("texte", "Ses anciens numéros FINESS, séparés par des espaces ; vide s'il n'en a pas")

    class Config:
        """Sorted, strict."""

        strict = True
        ordered = True


class Depots(pa.DataFrameModel):
    """Un fichier reçu (ou une feuille, un membre d'archive), et ce qu'il est devenu."""

    depot: pl.String = champ("texte", "Identifiant du dépôt", requis=True)
    porteur: pl.String = champ("texte", _PORTEUR, requis=True)
    nom: pl.String = champ("texte", _NOM, requis=True)
    membre: pl.String = champ("texte", _MEMBRE)
    table: pl.String = champ("texte", "Table lue")
    sha256: pl.String = champ("texte", "Empreinte SHA-256 du contenu")
    date_extraction: pl.Date = champ("date", "Date d'extraction portée par le nom")
    partiel: pl.Boolean = champ("bool", "Extraction partielle")
    recu_le: pl.Datetime("us", "UTC") = champ("horodatage", "Première fois que le fichier a été vu (UTC)", requis=True)  # type: ignore[valid-type]
    statut: pl.String = champ("liste", "Sort du dépôt", requis=True, valeurs=STATUTS_DEPOT)
    motif: pl.String = champ("texte", "Code du constat qui a fait refuser ou attendre le dépôt")
    lignes_lues: pl.Int64 = champ("entier", "Lignes lues", unite="lignes", ge=0)
    lignes_utilisees: pl.Int64 = champ("entier", "Lignes utilisées", unite="lignes", ge=0)
    lignes_rejetees: pl.Int64 = champ("entier", "Lignes rejetées, hors projet comprises", unite="lignes", ge=0)
    lignes_hors_projet: pl.Int64 = champ(
        "entier",
        "Lignes de structures étrangères au projet (non comptées dans la règle des 20 %)",
        unite="lignes",
        ge=0,
    )
    recu: pl.String = champ("texte", _RECU, requis=True)
    version: pl.String = champ("texte", _VERSION, requis=True)

    class Config:
        """Sorted, strict."""

        strict = True
        ordered = True


class Constats(pa.DataFrameModel):
    """Un constat sur un dépôt, sans valeur identifiante."""

    depot: pl.String = champ("texte", "Identifiant du dépôt", requis=True)
    porteur: pl.String = champ("texte", _PORTEUR, requis=True)
    nom: pl.String = champ("texte", _NOM, requis=True)
    membre: pl.String = champ("texte", _MEMBRE)
    table: pl.String = champ("texte", "Table lue")
    code: pl.String = champ("texte", "Code du constat (catalogue)", requis=True)
    niveau: pl.String = champ("liste", "Portée", requis=True, valeurs=("fichier", "ligne", "avertissement"))
    message: pl.String = champ("texte", "Ce qui ne va pas", requis=True)
    que_faire: pl.String = champ("texte", "Ce que le porteur peut faire", requis=True)
    ligne: pl.Int64 = champ("entier", "Ligne du fichier (en-tête = 1) ; la première si plusieurs", ge=1)
    colonne: pl.String = champ("texte", "Colonne de la table")
    valeur: pl.String = champ(
        "texte", "Valeur reçue, si elle ne peut désigner personne (un FINESS : si sa clé est juste)"
    )
    nombre: pl.Int64 = champ("entier", "Lignes concernées", unite="lignes", requis=True, ge=1)
    recu: pl.String = champ("texte", _RECU, requis=True)
    version: pl.String = champ("texte", _VERSION, requis=True)

    class Config:
        """Sorted, strict."""

        strict = True
        ordered = True


class Alertes(pa.DataFrameModel):
    """Une alerte à une date de mesure, sur un ESSMS ou sur les référentiels."""

    finess_et: pl.String = champ("finess", _FINESS + " ; vide pour une alerte générale")
    porteur: pl.String = champ("texte", _PORTEUR)
    code: pl.String = champ("liste", "Code de l'alerte", requis=True, valeurs=ALERTES)
    indicateur: pl.String = champ("texte", "Indicateur concerné")
    table: pl.String = champ("texte", "Table concernée")
    nombre: pl.Int64 = champ("entier", "Lignes, personnes, dossiers ou points dont parle l'alerte", ge=0)
    message: pl.String = champ("texte", "L'alerte en une phrase", requis=True)
    version: pl.String = champ("texte", _VERSION, requis=True)

    class Config:
        """Sorted, strict."""

        strict = True
        ordered = True


class Populations(pa.DataFrameModel):
    """Les populations d'un ESSMS, étape par étape, à une date de mesure : des dossiers connus aux numérateurs."""

    finess_et: pl.String = champ("finess", _FINESS, requis=True)
    porteur: pl.String = champ("texte", _PORTEUR, requis=True)
    dossiers_connus: pl.Int64 = champ(
        "entier", "Dossiers de l'extraction de référence ; vide si « dossiers » manque", unite="dossiers", ge=0
    )
    personnes_connues: pl.Int64 = champ("entier", "Personnes de ces dossiers", unite="personnes", ge=0)
    dossiers_accompagnes: pl.Int64 = champ(
        "entier",
        "Parmi eux, dossiers d'une personne accompagnée dans la fenêtre ; vide si « dossiers » ou « sejours » manque",
        unite="dossiers",
        ge=0,
    )
    file_active: pl.Int64 = champ("entier", "Personnes accompagnées dans la fenêtre", unite="personnes", ge=0)
    personnes_eligibles: pl.Int64 = champ(
        "entier", "Personnes de la file active qui peuvent avoir un projet", unite="personnes", ge=0
    )
    dossiers_actifs: pl.Int64 = champ(
        "entier", "Parmi les dossiers accompagnés, ceux mis à jour dans la fenêtre", unite="dossiers", ge=0
    )
    dossiers_projet: pl.Int64 = champ(
        "entier", "Parmi les dossiers actifs, ceux qui ont un projet en vigueur", unite="dossiers", ge=0
    )
    dossiers_agenda: pl.Int64 = champ(
        "entier",
        "Parmi les dossiers actifs, ceux qui ont un événement d'agenda dans la fenêtre",
        unite="dossiers",
        ge=0,
    )
    version: pl.String = champ("texte", _VERSION, requis=True)

    class Config:
        """Sorted, strict."""

        strict = True
        ordered = True


class Sources(pa.DataFrameModel):
    """Ce que la mesure d'un ESSMS a lu d'une table, à une date de mesure."""

    finess_et: pl.String = champ("finess", _FINESS, requis=True)
    porteur: pl.String = champ("texte", _PORTEUR, requis=True)
    table: pl.String = champ(
        "liste",
        "Table lue ; maj : mises_a_jour, ou date_derniere_maj de dossiers",
        requis=True,
        valeurs=SOURCES,
    )
    presente: pl.Boolean = champ("bool", "La table est là pour cette mesure", requis=True)
    derniere_extraction: pl.Date = champ(
        "date", "Dernière extraction utilisée (dossiers, sejours, projets : l'extraction de référence)"
    )
    sans_reference: pl.Boolean = champ(
        "bool", "Sans extraction complète (dossiers, sejours) : rien que des dépôts partiels, ou rien", requis=True
    )
    lignes_rejetees: pl.Int64 = champ(
        "entier",
        "Lignes rejetées qui concernent ou peuvent concerner l'ESSMS (dossiers, sejours ; maj : celles de mises_a_jour)",
        requis=True,
        ge=0,
    )
    version: pl.String = champ("texte", _VERSION, requis=True)
    tardive: pl.Boolean = champ(
        "bool",
        "L'extraction de référence est postérieure de plus de 45 jours à la mesure (dossiers, sejours)",
        requis=True,
    )
    refusee: pl.Boolean = champ(
        "bool", "Un fichier refusé, à corriger, aurait compté pour cette mesure (dossiers, sejours)", requis=True
    )
    sejours_inconnus: pl.Int64 = champ(
        "entier",
        "Dossiers inconnus dont un séjour est dans la fenêtre (dossiers)",
        unite="dossiers",
        requis=True,
        ge=0,
    )

    class Config:
        """Sorted, strict."""

        strict = True
        ordered = True


class Porteurs(pa.DataFrameModel):
    """Un porteur, une fenêtre, un indicateur, une date de mesure : sommes de ses ESSMS mesurés sur cette fenêtre."""

    porteur: pl.String = champ("texte", _PORTEUR, requis=True)
    nom_porteur: pl.String = champ("texte", "Nom du porteur", requis=True)
    indicateur: pl.String = champ("liste", "Indicateur d'usage", requis=True, valeurs=INDICATEURS)
    nb_essms: pl.Int64 = champ("entier", "ESSMS du porteur mesurés sur la fenêtre", unite="ESSMS", requis=True, ge=1)
    nb_calcules: pl.Int64 = champ("entier", _COMPTES, unite="ESSMS", requis=True, ge=0)
    nb_partiels: pl.Int64 = champ("entier", _PARTIELS, unite="ESSMS", requis=True, ge=0)
    numerateur: pl.Int64 = champ("entier", _NUMERATEURS, ge=0)
    denominateur: pl.Int64 = champ("entier", _DENOMINATEURS, ge=0)
    taux: pl.Float64 = champ("decimal", _TAUX_DES_SOMMES, unite="%", ge=0)
    cible: pl.Float64 = champ("decimal", _CIBLE_COMMUNE, unite="%")
    nb_atteints: pl.Int64 = champ("entier", _ATTEINTS + " ; vide sans cible", unite="ESSMS", ge=0)
    nb_opposables: pl.Int64 = champ(
        "entier", "ESSMS pour lesquels la cible conditionne le solde", unite="ESSMS", requis=True, ge=0
    )
    version: pl.String = champ("texte", _VERSION, requis=True)
    debut_fenetre: pl.Date = champ("date", "Premier " + _FENETRE, requis=True)
    fin_fenetre: pl.Date = champ("date", "Dernier " + _FENETRE, requis=True)
    nb_personnes: pl.Int64 = champ("entier", _PERSONNES, unite="personnes", ge=0)
    nb_a_confirmer: pl.Int64 = champ("entier", _A_CONFIRMER + " ; vide sans cible", unite="ESSMS", ge=0)

    class Config:
        """Sorted, strict."""

        strict = True
        ordered = True


class Territoires(pa.DataFrameModel):
    """Un territoire, un sous-secteur, une fenêtre, un indicateur, une date de mesure : sommes des ESSMS."""

    niveau: pl.String = champ("liste", "Échelle du territoire", requis=True, valeurs=NIVEAUX)
    code: pl.String = champ("texte", "Code du département ou de la région ; FR pour le pays", requis=True)
    nom: pl.String = champ("texte", "Nom du territoire", requis=True)
    code_region: pl.String = champ("texte", "Code de la région du département, ou de la région ; vide pour le pays")
    sous_secteur: pl.String = champ(
        "liste",
        "Sous-secteur du programme ; TOUS : ensemble ; INCONNU : ESSMS sans catégorie connue",
        requis=True,
        valeurs=(*SOUS_SECTEURS, SECTEUR_INCONNU, TOUS),
    )
    indicateur: pl.String = champ("liste", "Indicateur d'usage", requis=True, valeurs=INDICATEURS)
    nb_essms: pl.Int64 = champ("entier", "ESSMS du territoire mesurés sur la fenêtre", unite="ESSMS", requis=True, ge=1)
    masque: pl.Boolean = champ(
        "bool",
        "Dans l'export public, les chiffres sont retirés : ils montreraient un petit effectif, ou permettraient d'en "
        "retrouver un ; toujours faux dans la table de l'agence",
        requis=True,
    )
    nb_calcules: pl.Int64 = champ("entier", _COMPTES + " ; vide si masqué", unite="ESSMS", ge=0)
    nb_partiels: pl.Int64 = champ("entier", _PARTIELS + " ; vide si masqué", unite="ESSMS", ge=0)
    numerateur: pl.Int64 = champ("entier", _NUMERATEURS + ", ou si masqué", ge=0)
    denominateur: pl.Int64 = champ("entier", _DENOMINATEURS + ", si masqué, ou toutes fenêtres additionnées", ge=0)
    taux: pl.Float64 = champ("decimal", _TAUX_DES_SOMMES, unite="%", ge=0)
    cible: pl.Float64 = champ("decimal", _CIBLE_COMMUNE, unite="%")
    nb_atteints: pl.Int64 = champ("entier", _ATTEINTS + _SANS_CIBLE, unite="ESSMS", ge=0)
    objectif: pl.Int64 = champ(
        "entier",
        "Objectif du programme, sur la seule ligne nationale des dossiers actifs qui ajoute toutes les fenêtres",
        unite="dossiers",
        ge=1,
    )
    part_objectif: pl.Float64 = champ("decimal", "100 × numérateur / objectif", unite="%", ge=0)
    version: pl.String = champ("texte", _VERSION, requis=True)
    debut_fenetre: pl.Date = champ("date", "Premier " + _FENETRE + _TOUTES_FENETRES)
    fin_fenetre: pl.Date = champ("date", "Dernier " + _FENETRE + _TOUTES_FENETRES)
    nb_personnes: pl.Int64 = champ("entier", _PERSONNES + " ; vide dans l'export public", unite="personnes", ge=0)
    nb_a_confirmer: pl.Int64 = champ("entier", _A_CONFIRMER + _SANS_CIBLE, unite="ESSMS", ge=0)
    perimetre: pl.String = champ(
        "texte",
        "Régions des ESSMS de ces données, sur la ligne de l'objectif (ce n'est pas tout le pays) ; vide ailleurs",
    )

    class Config:
        """Sorted, strict."""

        strict = True
        ordered = True


class Evolution(pa.DataFrameModel):
    """Un ESSMS et un indicateur : sa dernière mesure, la précédente, et depuis quand la cible est atteinte."""

    finess_et: pl.String = champ("finess", _FINESS, requis=True)
    porteur: pl.String = champ("texte", _PORTEUR + " à la dernière mesure", requis=True)
    indicateur: pl.String = champ("liste", "Indicateur d'usage", requis=True, valeurs=INDICATEURS)
    date_mesure: pl.Date = champ("date", "Dernière date de mesure publiée", requis=True)
    taux: pl.Float64 = champ("decimal", "Taux à cette date ; vide s'il n'a pu être calculé", unite="%", ge=0)
    atteint: pl.Boolean = champ("bool", "Le taux atteint la cible à cette date ; vide sans taux ou sans cible")
    date_precedente: pl.Date = champ("date", "Date de mesure précédente ; vide à la première")
    taux_precedent: pl.Float64 = champ("decimal", "Taux à la date précédente", unite="%", ge=0)
    variation_points: pl.Float64 = champ(
        "decimal", "Écart de taux à taux_precedent ; vide si l'un manque", unite="points"
    )
    premiere_date_atteinte: pl.Date = champ(
        "date", "Première date de mesure dont le verdict est « atteint » ; vide si jamais"
    )
    atteint_depuis: pl.Date = champ(
        "date",
        "Première des mesures au verdict « atteint », sans interruption jusqu'à la dernière ; vide si elle ne l'est pas",
    )
    nb_mesures: pl.Int64 = champ("entier", "Dates de mesure publiées", unite="mesures", requis=True, ge=1)
    version: pl.String = champ("texte", _VERSION, requis=True)

    class Config:
        """Sorted, strict."""

        strict = True
        ordered = True


class Fraicheur(pa.DataFrameModel):
    """Un porteur et une table : sa dernière extraction utilisée, et son âge au jour de la publication."""

    porteur: pl.String = champ("texte", _PORTEUR, requis=True)
    nom_porteur: pl.String = champ("texte", "Nom du porteur", requis=True)
    table: pl.String = champ("texte", "Table des exports", requis=True)
    facultative: pl.Boolean = champ("bool", "La table n'entre dans aucune cible", requis=True)
    nb_depots: pl.Int64 = champ(
        "entier", "Dépôts acceptés avec des lignes utilisées", unite="dépôts", requis=True, ge=0
    )
    derniere_extraction: pl.Date = champ("date", "Extraction la plus récente de ces dépôts ; vide s'il n'y en a pas")
    jour: pl.Date = champ("date", "Jour de la publication", requis=True)
    retard_jours: pl.Int64 = champ("entier", "Jours de l'extraction à la publication", unite="jours")
    version: pl.String = champ("texte", _VERSION, requis=True)

    class Config:
        """Sorted, strict."""

        strict = True
        ordered = True


class Financement(pa.DataFrameModel):
    """Un porteur, une date de mesure : ses projets réunis, et si leur solde est dû."""

    porteur: pl.String = champ("texte", _PORTEUR, requis=True)
    nom_porteur: pl.String = champ("texte", "Nom du porteur", requis=True)
    nb_essms: pl.Int64 = champ("entier", "ESSMS du porteur", unite="ESSMS", requis=True, ge=1)
    nb_acquisition: pl.Int64 = champ("entier", "ESSMS en acquisition", unite="ESSMS", requis=True, ge=0)
    nb_montee_de_version: pl.Int64 = champ("entier", "ESSMS en montée de version", unite="ESSMS", requis=True, ge=0)
    nb_sans_type: pl.Int64 = champ(
        "entier", "ESSMS dont projets.csv ne dit pas le type : comptés pour 0 €", unite="ESSMS", requis=True, ge=0
    )
    montant_usage: pl.Decimal(14, 2) = champ(  # type: ignore[valid-type]
        "montant", "Forfaits d'usage, part médico-sociale appliquée", unite="€", requis=True, ge=0
    )
    montant_equipement: pl.Decimal(14, 2) = champ(  # type: ignore[valid-type]
        "montant", "Forfaits d'équipement (acquisition), part médico-sociale appliquée", unite="€", requis=True, ge=0
    )
    montant_total: pl.Decimal(14, 2) = champ("montant", "Usage + équipement", unite="€", requis=True, ge=0)  # type: ignore[valid-type]
    avance: pl.Decimal(14, 2) = champ(  # type: ignore[valid-type]
        "montant", "Somme des avances des projets (table conventions) ; vide si l'une est inconnue", unite="€", ge=0
    )
    solde: pl.Decimal(14, 2) = champ(  # type: ignore[valid-type]
        "montant", "Somme des soldes des projets (table conventions) ; vide si l'un est inconnu", unite="€", ge=0
    )
    nb_a_la_cible: pl.Int64 = champ("entier", "ESSMS à la cible", unite="ESSMS", requis=True, ge=0)
    nb_manquants: pl.Int64 = champ(
        "entier", "ESSMS qui n'y sont pas, à confirmer et taux inconnus compris", unite="ESSMS", requis=True, ge=0
    )
    solde_du: pl.Boolean = champ(
        "bool", "Le solde de chaque projet du porteur est exigible (table conventions)", requis=True
    )
    version: pl.String = champ("texte", _VERSION, requis=True)

    class Config:
        """Sorted, strict."""

        strict = True
        ordered = True


class Conventions(pa.DataFrameModel):
    """Un projet (une convention), une date de mesure : ses ESSMS, ses montants, son calendrier, et si le solde est exigible."""

    projet: pl.String = champ("texte", _PROJET, requis=True)
    porteur: pl.String = champ("texte", _PORTEUR + " ; vide si les ESSMS du projet en ont plusieurs")
    regles: pl.String = champ("texte", _REGLES + " ; vide si les ESSMS du projet en ont plusieurs")
    type: pl.String = champ("liste", "Type de projet ; vide si ses ESSMS n'ont pas tous le même", valeurs=TYPES)
    portee: pl.String = champ("liste", "Portée du projet", valeurs=PORTEES)
    nb_essms: pl.Int64 = champ("entier", "ESSMS du projet à la date de mesure", unite="ESSMS", requis=True, ge=1)
    nb_essms_a_la_cible: pl.Int64 = champ(
        "entier", "ESSMS dont chaque verdict opposable est atteint ou sans objet", unite="ESSMS", requis=True, ge=0
    )
    nb_essms_a_confirmer: pl.Int64 = champ(
        "entier", "ESSMS dont les autres verdicts opposables sont tous à confirmer", unite="ESSMS", requis=True, ge=0
    )
    montant_theorique: pl.Decimal(14, 2) = champ(  # type: ignore[valid-type]
        "montant",
        "Somme des forfaits des règles, part médico-sociale appliquée ; vide si un ESSMS est sans forfait connu ou si une "
        "ligne de projets.csv qui nomme le projet est écartée",
        unite="€",
        ge=0,
    )
    montant_accorde: pl.Decimal(14, 2) = champ(  # type: ignore[valid-type]
        "montant", "Montant accordé d'après projets.csv : c'est lui qui compte s'il y est", unite="€", ge=0
    )
    avance: pl.Decimal(14, 2) = champ(  # type: ignore[valid-type]
        "montant", "Moitié du montant, au centime inférieur ; vide si aucun montant n'est connu", unite="€", ge=0
    )
    solde: pl.Decimal(14, 2) = champ("montant", "Montant moins l'avance", unite="€", ge=0)  # type: ignore[valid-type]
    depenses_justifiees: pl.Decimal(14, 2) = champ(  # type: ignore[valid-type]
        "montant", "Dépenses justifiées d'après depenses.csv, dernière ligne à la date de mesure", unite="€", ge=0
    )
    solde_payable: pl.Decimal(14, 2) = champ(  # type: ignore[valid-type]
        "montant",
        "Le plus petit du solde et des dépenses justifiées moins l'avance, au moins 0 ; vide sans montant ou sans dépenses",
        unite="€",
        ge=0,
    )
    solde_exigible: pl.Boolean = champ(
        "bool",
        "Dans conditions_solde, cibles_usage est remplie, service_regulier remplie ou sans objet ; solde_payable est positif",
        requis=True,
    )
    date_convention: pl.Date = champ("date", "Date de la convention")
    date_debut_projet: pl.Date = champ("date", "Date de début du projet")
    date_vsr: pl.Date = champ("date", "Date de la vérification de service régulier")
    delai_indicatif_mois: pl.Int64 = champ(
        "entier",
        "Délai indicatif des textes, le plus long du projet ; vide pour un projet national",
        unite="mois",
        ge=1,
    )
    mois_ecoules: pl.Int64 = champ(
        "entier", "Mois entiers depuis le début du projet, sinon depuis la convention", unite="mois", ge=0
    )
    echeance_indicative: pl.Date = champ("date", "Le même début plus le délai indicatif")
    date_cibles_atteintes: pl.Date = champ(
        "date", "Première date de mesure publiée, jusqu'à celle-ci, où cibles_usage est remplie ; vide si jamais"
    )
    version: pl.String = champ("texte", _VERSION, requis=True)

    class Config:
        """Sorted, strict."""

        strict = True
        ordered = True


class ConditionsSolde(pa.DataFrameModel):
    """Une condition du solde d'un projet, à une date de mesure : son état, et le texte dont elle vient."""

    projet: pl.String = champ("texte", _PROJET, requis=True)
    condition: pl.String = champ("liste", "Condition du solde", requis=True, valeurs=CONDITIONS)
    etat: pl.String = champ("liste", "État de la condition", requis=True, valeurs=ETATS_CONDITION)
    detail: pl.String = champ("texte", "Ce qui fait cet état, en une phrase", requis=True)
    nb_essms: pl.Int64 = champ(
        "entier",
        "ESSMS concernés : ceux qui manquent une cible (cibles_usage non remplie), ceux qui sont à confirmer (à confirmer), "
        "ailleurs tous ceux du projet",
        unite="ESSMS",
        requis=True,
        ge=0,
    )
    source: pl.String = champ("texte", "Texte officiel des règles du projet", requis=True)
    version: pl.String = champ("texte", _VERSION, requis=True)

    class Config:
        """Sorted, strict."""

        strict = True
        ordered = True


class VerificationsAptitude(pa.DataFrameModel):
    """Un ESSMS en montée de version, une date de mesure : les trois taux du DUI permettent-ils la vérification d'aptitude."""

    finess_ej: pl.String = champ("finess", "Numéro FINESS de l'entité juridique")
    finess_et: pl.String = champ("finess", _FINESS, requis=True)
    porteur: pl.String = champ("texte", _PORTEUR, requis=True)
    projet: pl.String = champ("texte", _PROJET, requis=True)
    etat: pl.String = champ("liste", "Prêt ou bloqué", requis=True, valeurs=("pret", "bloque"))
    motif: pl.String = champ("texte", "Ce qui bloque ; vide si rien")
    version: pl.String = champ("texte", _VERSION, requis=True)

    class Config:
        """Sorted, strict."""

        strict = True
        ordered = True


# Tables by name; those of PAR_DATE are partitioned by date_mesure.
TABLES: dict[str, type[pa.DataFrameModel]] = {
    "indicateurs": Indicateurs,
    "maturin_sms": MaturinSms,
    "essms": Essms,
    "essms_mesures": EssmsMesures,
    "depots": Depots,
    "constats": Constats,
    "alertes": Alertes,
    "populations": Populations,
    "sources": Sources,
    "porteurs": Porteurs,
    "territoires": Territoires,
    "evolution": Evolution,
    "fraicheur": Fraicheur,
    "financement": Financement,
    "conventions": Conventions,
    "conditions_solde": ConditionsSolde,
    "verifications_aptitude": VerificationsAptitude,
}
PAR_DATE = (
    "indicateurs",
    "maturin_sms",
    "essms_mesures",
    "alertes",
    "populations",
    "sources",
    "porteurs",
    "territoires",
    "financement",
    "conventions",
    "conditions_solde",
    "verifications_aptitude",
)
# What makes a row unique, checked at publication; where a column of it may be missing, its absence counts as a value. Two
# findings (`constats`) may be the same once the received values are hidden.
CLES = {
    "indicateurs": ("date_mesure", "finess_et", "indicateur"),
    "maturin_sms": ("date_mesure", "finess_et"),
    "essms": ("finess_et",),
    "essms_mesures": ("date_mesure", "finess_et"),
    "depots": ("recu", "depot", "membre"),
    "alertes": ("date_mesure", "porteur", "finess_et", "code", "indicateur", "table", "message"),
    "populations": ("date_mesure", "finess_et"),
    "sources": ("date_mesure", "finess_et", "table"),
    "porteurs": ("date_mesure", "porteur", "debut_fenetre", "fin_fenetre", "indicateur"),
    "territoires": ("date_mesure", "niveau", "code", "sous_secteur", "debut_fenetre", "fin_fenetre", "indicateur"),
    "evolution": ("finess_et", "indicateur"),
    "fraicheur": ("porteur", "table"),
    "financement": ("date_mesure", "porteur"),
    "conventions": ("date_mesure", "projet"),
    "conditions_solde": ("date_mesure", "projet", "condition"),
    "verifications_aptitude": ("date_mesure", "finess_et"),
}
DESCRIPTION_DATE_MESURE = "Date de mesure D : la fenêtre finit la veille"


def champs_de(table: str) -> dict[str, Champ]:
    """The declared columns of a published table, in order (without the partition key)."""
    return champs(TABLES[table])


def description(table: str) -> str:
    """What one row of the table is, in French."""
    return (TABLES[table].__doc__ or "").strip()


def dtypes(table: str) -> dict[str, Any]:
    """polars dtype of each column."""
    return {nom: colonne.dtype.type for nom, colonne in TABLES[table].to_schema().columns.items()}


_TYPES_SQL = {
    pl.String: "VARCHAR",
    pl.Int64: "BIGINT",
    pl.Float64: "DOUBLE",
    pl.Boolean: "BOOLEAN",
    pl.Date: "DATE",
    pl.Decimal(14, 2): "DECIMAL(14,2)",
    pl.Datetime("us", "UTC"): "TIMESTAMP WITH TIME ZONE",
}


def types_sql(table: str) -> dict[str, str]:
    """DuckDB type of each column."""
    return {nom: _TYPES_SQL[dtype] for nom, dtype in dtypes(table).items()}


def schema_arrow(table: str) -> pa_arrow.Schema:
    """Arrow schema of the files; each field carries `description` and `unite` in its metadata."""
    modele = champs_de(table)
    vide = pl.DataFrame(schema=dtypes(table)).to_arrow(compat_level=pl.CompatLevel.oldest())
    return pa_arrow.schema(
        [
            f.with_nullable(not modele[f.name].requis).with_metadata(
                {"description": modele[f.name].description} | ({"unite": u} if (u := modele[f.name].unite) else {})
            )
            for f in vide.schema
        ],
        metadata={"table": table, "description": description(table)},
    )
