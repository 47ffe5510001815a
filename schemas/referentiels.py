"""Registers kept by the agency (specification §4.6): projets.csv, bal.csv and depenses.csv."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl
from pandera.api.polars.types import PolarsData

from schemas.champs import champ

SOUS_SECTEURS = ("PA", "PH", "DOM", "PDS", "PDE", "AHI", "PJM")
PORTEES = ("regional", "national")
TYPES = ("acquisition", "montee_de_version")


class ProjetsArs(pa.DataFrameModel):
    """projets.csv: which porteur leads which ESSMS, under which rules."""

    porteur: pl.String = champ("texte", "Identifiant du porteur ; il nomme son dossier de dépôt", requis=True)
    nom: pl.String = champ("texte", "Nom du porteur", requis=True)
    finess_et: pl.String = champ("finess", "Numéro FINESS de l'ESSMS", requis=True)
    projet: pl.String = champ("texte", "Identifiant du projet (la convention) ; vide : celui du porteur")
    debut: pl.Date = champ("date", "Premier jour de l'ESSMS dans le projet ; vide : depuis toujours")
    fin: pl.Date = champ("date", "Dernier jour de l'ESSMS dans le projet ; vide : sans fin")
    finess_precedent: pl.String = champ("texte", "Numéros FINESS d'avant, séparés par des espaces")
    # Its values are the rule sets of transforms/regles, one file each: see `transforms.projets.lire_projets`.
    regles: pl.String = champ("liste", "Règles de mesure", defaut="2025")
    date_premiere_mesure: pl.Date = champ("date", "Date de la première mesure de l'ESSMS")
    sous_secteur: pl.String = champ("liste", "Sous-secteur, s'il diffère de la catégorie", valeurs=SOUS_SECTEURS)
    exemption_socles: pl.Boolean = champ("bool", "Cibles MSSanté et DMP levées par l'ARS")
    motif_exemption: pl.String = champ("texte", "Pourquoi elles sont levées")
    profil: pl.String = champ("texte", "Profil d'éditeur des fichiers du porteur")
    type: pl.String = champ("liste", "Type de projet", valeurs=TYPES)
    dui_reference: pl.Boolean = champ("bool", "DUI référencé (règles 2022) ; vide : oui")
    part_medico_sociale: pl.Float64 = champ("decimal", "Part médico-sociale de l'ESSMS", unite="0 à 1")
    # The same on all rows of a project.
    portee: pl.String = champ("liste", "Portée du projet", valeurs=PORTEES)
    date_convention: pl.Date = champ("date", "Date de la convention")
    date_debut_projet: pl.Date = champ("date", "Date de début du projet")
    date_vsr: pl.Date = champ("date", "Date de la vérification de service régulier")
    montant_accorde: pl.Decimal(14, 2) = champ("montant", "Montant accordé au projet", unite="€")  # type: ignore[valid-type]

    @pa.check("porteur")
    @classmethod
    def porteur_invalide(cls, donnees: PolarsData) -> pl.LazyFrame:
        """ASCII letters, digits, `-`, `_`: it names a folder (§4.6)."""
        return donnees.lazyframe.select(pl.col(donnees.key).str.contains(r"^[A-Za-z0-9_-]{1,64}$"))

    @pa.check("projet")
    @classmethod
    def projet_invalide(cls, donnees: PolarsData) -> pl.LazyFrame:
        """1 to 64 characters (§4)."""
        return donnees.lazyframe.select(pl.col(donnees.key).str.len_chars() <= 64)

    @pa.check("finess_et")
    @classmethod
    def finess_invalide(cls, donnees: PolarsData) -> pl.LazyFrame:
        """9 characters `[0-9A-Z]` (§4)."""
        return donnees.lazyframe.select(pl.col(donnees.key).str.contains(r"^[0-9A-Z]{9}$"))

    @pa.check("part_medico_sociale")
    @classmethod
    def part_hors_bornes(cls, donnees: PolarsData) -> pl.LazyFrame:
        """A share between 0 and 1 (§4.6)."""
        return donnees.lazyframe.select(pl.col(donnees.key).is_between(0, 1))

    class Config:
        """Columns beyond these are left alone."""

        strict = "filter"


class Bal(pa.DataFrameModel):
    """bal.csv: which ESSMS owns a secure mailbox."""

    bal: pl.String = champ("texte", "Adresse de la boîte aux lettres MSSanté", requis=True)
    finess_et: pl.String = champ("finess", "Numéro FINESS de l'ESSMS", requis=True)

    @pa.check("finess_et")
    @classmethod
    def finess_invalide(cls, donnees: PolarsData) -> pl.LazyFrame:
        """9 characters `[0-9A-Z]` (§4)."""
        return donnees.lazyframe.select(pl.col(donnees.key).str.contains(r"^[0-9A-Z]{9}$"))

    class Config:
        """Columns beyond these are left alone."""

        strict = "filter"


class Depenses(pa.DataFrameModel):
    """depenses.csv: what a project has justified, by the statements that the accountant has visé."""

    projet: pl.String = champ("texte", "Identifiant du projet (la convention)", requis=True)
    montant: pl.Decimal(14, 2) = champ("montant", "Dépenses justifiées depuis le début", requis=True, unite="€")  # type: ignore[valid-type]
    date: pl.Date = champ("date", "Date de l'état visé", requis=True)

    class Config:
        """Columns beyond these are left alone."""

        strict = "filter"
