"""The alerts in French: their effect, what each means, and the sentence of one of them."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from schemas.curated import ACCEPTES
from transforms.dire.formats import accord, insecables, jour
from transforms.dire.libelles import INDICATEURS


@dataclass(frozen=True)
class GenreAlerte:
    """A kind of alert. `phrase`: what is said of one; two of them follow a number (singular, plural); none for those whose
    sentence comes with the referential.
    """

    effet: str
    sens: str
    phrase: tuple[str, ...] = ()

    def dire(self, indicateur: str | None, table: str | None, nombre: int | None) -> str:
        """The sentence of one alert."""
        nom = INDICATEURS[indicateur].nom if indicateur else ""
        phrases = [phrase.format(indicateur=nom, table=table, nombre=nombre) for phrase in self.phrase]
        return insecables(phrases[0] if len(phrases) == 1 else accord(nombre or 0, *phrases))


# From what blocks a payment to what only needs a look.
ALERTES = {
    "REFERENTIEL": GenreAlerte("Bloque", "Une ligne de projets.csv est écartée : l'agence doit la corriger."),
    "SOURCE_ABSENTE": GenreAlerte(
        "Bloque",
        "Une table nécessaire manque : le taux ne peut pas être calculé.",
        ("Le taux « {indicateur} » ne peut pas être calculé : il manque une source.",),
    ),
    "VALEUR_NULLE": GenreAlerte(
        "Bloque",
        "Un taux du DUI d'un ESSMS en montée de version est à 0 ou ne peut pas être fourni : la vérification d'aptitude est "
        "bloquée.",
        ("Le taux « {indicateur} » est à 0 ou ne peut pas être fourni, ce qui bloque la vérification d'aptitude.",),
    ),
    "SOURCE_PARTIELLE": GenreAlerte(
        "Fausse le taux",
        "Une source est incomplète : le taux peut être flatté.",
        ("Le taux « {indicateur} » est calculé sur des sources incomplètes : il peut être flatté.",),
    ),
    "REJETS": GenreAlerte(
        "Fausse le taux",
        "Des lignes rejetées concernent ou peuvent concerner l'ESSMS.",
        (
            "ligne rejetée de « {table} » concerne ou peut concerner cet ESSMS.",
            "lignes rejetées de « {table} » concernent ou peuvent concerner cet ESSMS.",
        ),
    ),
    "EXTRACTION_REDATEE": GenreAlerte(
        "Fausse le taux",
        "Un même contenu est déposé sous une date d'extraction plus récente : la date du nom est à vérifier.",
    ),
    "TAUX_SUP_100": GenreAlerte(
        "Fausse le taux", "Un taux dépasse 100 %.", ("Le taux « {indicateur} » dépasse 100 %.",)
    ),
    "MONTANT": GenreAlerte(
        "À vérifier", "Le montant accordé à un projet n'est pas la somme des forfaits, ou cette somme est inconnue."
    ),
    "DELAI_DEPASSE": GenreAlerte(
        "À vérifier", "Le délai indicatif d'un projet est passé : un repère des textes, pas un motif de refus."
    ),
    "CATEGORIE_NON_ELIGIBLE": GenreAlerte(
        "À vérifier",
        "La catégorie FINESS n'est pas de celles de l'article L. 312-1 du code de l'action sociale et des familles.",
    ),
    "CHUTE": GenreAlerte(
        "À vérifier",
        "Un taux a perdu plus de 30 points depuis la mesure précédente.",
        ("Le taux « {indicateur} » a baissé de {nombre} points depuis la mesure précédente.",),
    ),
    "POPULATION_CHUTE": GenreAlerte(
        "À vérifier",
        "La file active a perdu plus de 30 % depuis la mesure précédente : un export est peut-être incomplet.",
        (
            "personne de moins dans la file active qu'à la mesure précédente, soit plus de 30 % : vérifiez que les exports "
            "« dossiers » et « sejours » sont complets.",
            "personnes de moins dans la file active qu'à la mesure précédente, soit plus de 30 % : vérifiez que les exports "
            "« dossiers » et « sejours » sont complets.",
        ),
    ),
    "DMP_HORS_POPULATION": GenreAlerte(
        "À vérifier",
        "Des documents de DMP sont de personnes qui ne sont pas parmi les personnes éligibles : ils ne comptent pas.",
        (
            "personne au DMP alimenté n'est pas parmi les personnes éligibles : elle ne compte pas dans le taux. Vérifiez "
            "ses identifiants dans l'export « dmp » et ses séjours.",
            "personnes au DMP alimenté ne sont pas parmi les personnes éligibles : elles ne comptent pas dans le taux. "
            "Vérifiez leurs identifiants dans l'export « dmp » et leurs séjours.",
        ),
    ),
    "PROJET_ECHU": GenreAlerte(
        "À vérifier",
        "Des dossiers actifs n'ont que des projets actifs dont la fin prévue est passée : ils comptent, à actualiser.",
        (
            "dossier actif n'a qu'un projet dont la fin prévue est passée : il compte, mais il est à actualiser.",
            "dossiers actifs n'ont que des projets dont la fin prévue est passée : ils comptent, mais sont à actualiser.",
        ),
    ),
    "PREMIERE_MESURE_MANQUEE": GenreAlerte(
        "À vérifier",
        "Aucune mesure n'est publiée à la date de la première mesure, ni au lendemain.",
        (
            "La première mesure de cet ESSMS n'est publiée ni à la « date_premiere_mesure » de projets.csv, ni le lendemain : "
            "lancez « duimetre nuit --date-mesure » à cette date.",
        ),
    ),
    "FIN_DE_MOIS": GenreAlerte(
        "À vérifier",
        "La mesure est datée du dernier jour d'un mois : ce jour n'est dans aucune fenêtre mensuelle.",
        ("Cette mesure est datée du dernier jour d'un mois, qu'aucune fenêtre mensuelle ne compte : mesurez le 1er.",),
    ),
    "DOSSIER_INCONNU": GenreAlerte(
        "À vérifier",
        "Des lignes portent sur un dossier absent de « dossiers » : sans effet.",
        (
            "ligne de « {table} » porte sur un dossier absent de « dossiers » : sans effet.",
            "lignes de « {table} » portent sur un dossier absent de « dossiers » : sans effet.",
        ),
    ),
    "IDENTITE_INCOHERENTE": GenreAlerte(
        "À vérifier",
        "Un usager a plusieurs INS, un INS porté par plus de deux usagers, ou plus de deux dossiers sans un même INS.",
        (
            "usager dont l'identité est à corriger dans le logiciel : plusieurs INS, un INS porté par plus de deux usagers, "
            "ou plus de deux dossiers sans un même INS.",
            "usagers dont l'identité est à corriger dans le logiciel : plusieurs INS, un INS porté par plus de deux "
            "usagers, ou plus de deux dossiers sans un même INS.",
        ),
    ),
    "DOUBLON_PERSONNE": GenreAlerte(
        "À vérifier",
        "Une personne a plusieurs dossiers.",
        ("personne a plusieurs dossiers.", "personnes ont plusieurs dossiers."),
    ),
    "ELIGIBILITE_ABSENTE": GenreAlerte(
        "À vérifier",
        "L'éligibilité au projet n'est pas renseignée : comptée comme oui.",
        (
            "personne de la file active sans « eligible_projet » : comptée comme éligible.",
            "personnes de la file active sans « eligible_projet » : comptées comme éligibles.",
        ),
    ),
    "SOURCE_TARDIVE": GenreAlerte(
        "À vérifier",
        "L'extraction de référence est postérieure de plus de 45 jours à la mesure.",
        ("« {table} » a été extraite plus de 45 jours après la date de mesure.",),
    ),
    "FINESS_FERME": GenreAlerte(
        "À vérifier",
        "L'établissement est fermé d'après FINESS.",
        ("Cet établissement est fermé d'après FINESS.",),
    ),
    "FINESS_INCONNU": GenreAlerte(
        "À vérifier", "Le numéro n'est pas dans FINESS.", ("Ce numéro n'est pas dans FINESS.",)
    ),
    "FINESS_ABSENT": GenreAlerte("À vérifier", "Aucun fichier FINESS : les identités sont vides."),
}


def dire_alertes(alertes: pl.DataFrame) -> pl.DataFrame:
    """Alerts of the measure with their French sentence; `nom_table` becomes `table`."""
    phrases = [
        ALERTES[code].dire(indicateur, table, nombre)
        for code, indicateur, table, nombre in alertes.select("code", "indicateur", "nom_table", "nombre").iter_rows()
    ]
    return alertes.rename({"nom_table": "table"}).with_columns(pl.Series("message", phrases, dtype=pl.String))


def dire_redatees(depots: pl.DataFrame) -> pl.DataFrame:
    """The contents of one porteur and table that stand under a later extraction date than once before (§4), one row each.

    `depots`: those of the register. Gives the columns of `alertes`, and `date_extraction`, the latest.
    """
    accepte = pl.col("sort").is_in(ACCEPTES) & (pl.col("statut") != "retire")
    contenus = (
        depots.filter(pl.col("canonique") & accepte)
        .sort("date_extraction", "rang")
        .group_by("porteur", "nom_table", "sha256", maintain_order=True)
        .agg(
            pl.col("date_extraction", "recu").first().name.prefix("premier_"),
            pl.col("date_extraction", "recu").filter(pl.col("statut").is_in(ACCEPTES)).last(),
            autres=pl.col("date_extraction").n_unique() - 2,
        )
        .filter(pl.col("premier_date_extraction") < pl.col("date_extraction"))
    )
    phrases = [
        f"Le même contenu de « {c['nom_table']} » est déposé comme extrait le {jour(c['premier_date_extraction'])} (reçu "
        f"{c['premier_recu']}) puis le {jour(c['date_extraction'])} (reçu {c['recu']})"
        + (f", et à {accord(c['autres'], 'autre date', 'autres dates')}" if c["autres"] else "")
        + " : l'une des dates est fausse, ou l'export n'a pas été refait."
        for c in contenus.iter_rows(named=True)
    ]
    return contenus.select(
        "porteur",
        "date_extraction",
        pl.lit("EXTRACTION_REDATEE").alias("code"),
        pl.col("nom_table").alias("table"),
        pl.Series("message", phrases, dtype=pl.String),
    )
