"""Registers kept by the agency (specification §4.6): projets.csv and bal.csv."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl
from pandera.api.polars.types import PolarsData

from schemas.champs import champ

SOUS_SECTEURS = ("PA", "PH", "DOM", "PDS", "PDE", "AHI", "PJM")


class ProjetsArs(pa.DataFrameModel):
    """projets.csv: which porteur leads which ESSMS, under which rules."""

    porteur: pl.String = champ("texte", "Identifiant du porteur ; il nomme son dossier de dépôt", requis=True)
    nom: pl.String = champ("texte", "Nom du porteur", requis=True)
    finess_et: pl.String = champ("finess", "Numéro FINESS de l'ESSMS", requis=True)
    # Its values are the rule sets of transforms/regles, one file each: see `transforms.projets.lire_projets`.
    regles: pl.String = champ("liste", "Règles de mesure", defaut="2025")
    date_premiere_mesure: pl.Date = champ("date", "Date de la première mesure de l'ESSMS")
    sous_secteur: pl.String = champ("liste", "Sous-secteur, s'il diffère de la catégorie", valeurs=SOUS_SECTEURS)
    exemption_socles: pl.Boolean = champ("bool", "Cibles MSSanté et DMP levées par l'ARS")
    profil: pl.String = champ("texte", "Profil d'éditeur des fichiers du porteur")
    type: pl.String = champ("liste", "Type de projet", valeurs=("acquisition", "montee_de_version"))
    part_medico_sociale: pl.Float64 = champ("decimal", "Part médico-sociale de l'ESSMS", unite="0 à 1")

    @pa.check("porteur")
    @classmethod
    def porteur_invalide(cls, donnees: PolarsData) -> pl.LazyFrame:
        """ASCII letters, digits, `-`, `_`: it names a folder (§4.6)."""
        return donnees.lazyframe.select(pl.col(donnees.key).str.contains(r"^[A-Za-z0-9_-]{1,64}$"))

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
