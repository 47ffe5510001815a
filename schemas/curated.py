"""Published tables (specification §7): one pandera model each, the only declaration of their columns.

`date_mesure` is the partition key of the tables that have one: it stands in the folder name (hive), not in the files.
"""

from __future__ import annotations

from typing import Any

import pandera.polars as pa
import polars as pl
import pyarrow as pa_arrow

from schemas.champs import Champ, champ, champs

STATUTS_INDICATEUR = ("calcule", "source_partielle", "denominateur_nul", "source_absente")
STATUTS_DEPOT = ("accepte", "accepte_avec_rejets", "refuse", "en_attente", "deja_recu")
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
)

_FINESS = "Numéro FINESS de l'ESSMS"
_PORTEUR = "Identifiant du porteur (dossier de dépôt)"
_VERSION = "Identifiant de la publication qui a calculé la ligne"
_REGLES = "Règles appliquées (2023 ou 2025)"


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
    nb_dmp_alimentes: pl.Int64 = champ("entier", "Personnes dont le DMP a été alimenté", unite="personnes", ge=0)
    taux_dmp: pl.Float64 = champ("decimal", "DMP alimentés / personnes éligibles", unite="%", ge=0)
    nb_eprescriptions: pl.Int64 = champ("entier", "Imports e-prescription dans la fenêtre", unite="imports", ge=0)
    nb_echanges_eparcours: pl.Int64 = champ("entier", "Échanges e-parcours dans la fenêtre", unite="échanges", ge=0)
    cibles_atteintes: pl.Boolean = champ("bool", "Toutes les cibles opposables sont atteintes")
    version: pl.String = champ("texte", _VERSION, requis=True)

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
    date_premiere_mesure: pl.Date = champ("date", "Date de la première mesure (règles 2023)")
    exemption_socles: pl.Boolean = champ("bool", "Cibles MSSanté et DMP levées par l'ARS", requis=True)
    profil: pl.String = champ("texte", "Profil d'éditeur des fichiers du porteur")
    type: pl.String = champ("texte", "Acquisition ou montée de version")
    part_medico_sociale: pl.Float64 = champ("decimal", "Part médico-sociale de l'ESSMS (0 à 1)")
    connu_finess: pl.Boolean = champ("bool", "Le numéro est dans FINESS ; vide sans fichier FINESS")
    ouvert: pl.Boolean = champ("bool", "L'établissement est ouvert d'après FINESS ; vide s'il n'y est pas")
    version: pl.String = champ("texte", _VERSION, requis=True)

    class Config:
        """Sorted, strict."""

        strict = True
        ordered = True


class Depots(pa.DataFrameModel):
    """Un fichier reçu (ou une feuille, un membre d'archive), et ce qu'il est devenu."""

    depot: pl.String = champ("texte", "Identifiant du dépôt", requis=True)
    porteur: pl.String = champ("texte", _PORTEUR, requis=True)
    nom: pl.String = champ("texte", "Chemin du fichier dans le dossier du porteur", requis=True)
    membre: pl.String = champ("texte", "Feuille du classeur ou membre de l'archive")
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
    version: pl.String = champ("texte", _VERSION, requis=True)

    class Config:
        """Sorted, strict."""

        strict = True
        ordered = True


class Constats(pa.DataFrameModel):
    """Un constat sur un dépôt, sans valeur identifiante."""

    depot: pl.String = champ("texte", "Identifiant du dépôt", requis=True)
    porteur: pl.String = champ("texte", _PORTEUR, requis=True)
    nom: pl.String = champ("texte", "Chemin du fichier dans le dossier du porteur", requis=True)
    membre: pl.String = champ("texte", "Feuille du classeur ou membre de l'archive")
    table: pl.String = champ("texte", "Table lue")
    code: pl.String = champ("texte", "Code du constat (catalogue)", requis=True)
    niveau: pl.String = champ("liste", "Portée", requis=True, valeurs=("fichier", "ligne", "avertissement"))
    message: pl.String = champ("texte", "Ce qui ne va pas", requis=True)
    que_faire: pl.String = champ("texte", "Ce que le porteur peut faire", requis=True)
    ligne: pl.Int64 = champ("entier", "Ligne du fichier (en-tête = 1) ; la première si plusieurs", ge=1)
    colonne: pl.String = champ("texte", "Colonne de la table")
    valeur: pl.String = champ("texte", "Valeur reçue, seulement si elle ne peut désigner personne")
    nombre: pl.Int64 = champ("entier", "Lignes concernées", unite="lignes", requis=True, ge=1)
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


# Tables by name; those of PAR_DATE are partitioned by date_mesure.
TABLES: dict[str, type[pa.DataFrameModel]] = {
    "indicateurs": Indicateurs,
    "maturin_sms": MaturinSms,
    "essms": Essms,
    "depots": Depots,
    "constats": Constats,
    "alertes": Alertes,
}
PAR_DATE = ("indicateurs", "maturin_sms", "alertes")
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
