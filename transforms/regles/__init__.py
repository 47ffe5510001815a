"""Rules as data: one TOML file per rule set (windows, targets, exemptions), with the text they come from."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal, Self

import polars as pl
from pydantic import Field, StrictBool, model_validator

from schemas.curated import INDICATEURS
from schemas.erreurs import ErreurDite
from schemas.referentiels import SOUS_SECTEURS
from transforms.traduction import Saisie, Texte, lire_toml

Entier = Annotated[int, Field(strict=True, gt=0)]


class ReglesInvalides(ErreurDite, ValueError):
    """A rule file that cannot be used; the message says where and why."""


class Fenetre(Saisie):
    """Months of the window that the facts are counted in."""

    mois: Entier = Field(description="mois de la fenêtre")
    mois_premiere_mesure: Entier = Field(description="mois de la fenêtre pour la première mesure d'un ESSMS")


class Cible(Saisie):
    """The target of an indicator, decided on integers (§6.5), and whom it does not bind."""

    cible_pct: Entier | None = Field(default=None, description="cible en pour cent ; aucune sans cette ligne")
    socle: StrictBool = Field(default=False, description="vrai si exemption_socles lève la cible")
    non_opposable: frozenset[str] = Field(
        default=frozenset(),
        json_schema_extra={"items": {"enum": [*SOUS_SECTEURS]}},
        description="sous-secteurs non tenus",
    )


class Forfait(Saisie):
    """What an ESSMS is worth in its project (§6.6), in euros; a nature that a type has no forfait of is worth nothing."""

    type: Literal["acquisition", "montee_de_version"] = Field(description="type de projet de l'ESSMS")
    nature: Literal["usage", "equipement"] = Field(description="ce que le forfait paie")
    rang_max: Entier = Field(description="rang du dernier ESSMS du projet au montant plein")
    montant_plein: Entier = Field(description="euros par ESSMS, jusqu'à ce rang")
    montant_reduit: Entier = Field(description="euros par ESSMS, au-delà")
    dui_reference: StrictBool | None = Field(
        default=None, description="ne vaut que pour un DUI référencé (true) ou non (false) ; pour tous sans cette ligne"
    )


class Regles(Saisie):
    """A rule set: months of the window, and per indicator its target and where it does not bind."""

    nom: Texte = Field(description="nom du jeu de règles : celui du fichier")
    source: Texte = Field(description="texte dont viennent ces règles")
    fenetre: Fenetre
    indicateurs: dict[str, Cible] = Field(
        json_schema_extra={"propertyNames": {"enum": [*INDICATEURS]}}, description="indicateur, puis sa cible"
    )
    forfaits: tuple[Forfait, ...] = Field(
        default=(), description="montants par ESSMS ; sans eux le montant d'un projet est inconnu"
    )

    @model_validator(mode="after")
    def _juste(self) -> Self:  # what no figure has would bind nobody
        secteurs = {s for cible in self.indicateurs.values() for s in cible.non_opposable}
        if inconnus := sorted(self.indicateurs.keys() - {*INDICATEURS}) + sorted(secteurs - {*SOUS_SECTEURS}):
            raise ValueError(f"indicateur ou sous-secteur inconnu ({', '.join(inconnus)})")
        vus: set[tuple[str, str, bool]] = set()
        for f in self.forfaits:
            cles = {(f.type, f.nature, r) for r in ((True, False) if f.dui_reference is None else (f.dui_reference,))}
            if cles & vus:  # an ESSMS would be paid twice
                raise ValueError(f"deux forfaits valent pour un même ESSMS ({f.type}, {f.nature})")
            vus |= cles
        return self


def dossier_des_regles() -> Path:
    """Where the rule files are; a rule set more is a file more here, and nothing else."""
    return Path(str(files("transforms.regles")))


def fichier(nom: str) -> bytes:
    """The file `<nom>.toml`, as it is."""
    return (dossier_des_regles() / f"{nom}.toml").read_bytes()


def toutes() -> tuple[Regles, ...]:
    """The rule sets of the folder, by name. Raises `ReglesInvalides`."""
    return _toutes(dossier_des_regles())


def noms() -> tuple[str, ...]:
    """The names of the rule sets, those that projets.csv may use."""
    return tuple(r.nom for r in toutes())


@cache
def _toutes(ou: Path) -> tuple[Regles, ...]:
    # A rule set is named after its year; the other files hold what is not a rule of measure.
    lus = {}
    for chemin in ou.glob("[0-9]*.toml"):
        try:
            lus[chemin.stem] = lire_toml(Regles, chemin.read_bytes())
        except ValueError as erreur:
            raise ReglesInvalides(f"Le fichier de règles {chemin.name} {erreur}") from erreur
    for nom_du_fichier, r in lus.items():
        if nom_du_fichier != r.nom:  # a copy whose name was not changed would count every ESSMS twice
            raise ReglesInvalides(f"Le fichier de règles {nom_du_fichier}.toml porte le nom « {r.nom} ».")
    return tuple(sorted(lus.values(), key=lambda r: r.nom))


def relations(regles: tuple[Regles, ...]) -> dict[str, pl.DataFrame]:
    """The rule sets as the relations that the SQL reads: `regles`, `cibles`, `non_opposables`."""
    return {
        "regles": pl.DataFrame(
            [(r.nom, r.fenetre.mois, r.fenetre.mois_premiere_mesure) for r in regles],
            schema={"regles": pl.String, "mois_fenetre": pl.Int32, "mois_premiere_mesure": pl.Int32},
            orient="row",
        ),
        "cibles": pl.DataFrame(
            [(r.nom, nom, c.cible_pct, c.socle) for r in regles for nom, c in r.indicateurs.items()],
            schema={"regles": pl.String, "indicateur": pl.String, "cible": pl.Int64, "socle": pl.Boolean},
            orient="row",
        ),
        "non_opposables": pl.DataFrame(
            [
                (r.nom, nom, s)
                for r in regles
                for nom, c in sorted(r.indicateurs.items())
                for s in sorted(c.non_opposable)
            ],
            schema={"regles": pl.String, "indicateur": pl.String, "sous_secteur": pl.String},
            orient="row",
        ),
    }


def relations_publication() -> dict[str, pl.DataFrame]:
    """Amounts and objectives as the relations of the aggregates: `forfaits` (euros), `textes` (source of a rule set),
    `objectifs`.
    """
    programme = tomllib.loads(fichier("programme").decode())
    return {
        "forfaits": pl.DataFrame(
            [
                (r.nom, f.type, f.nature, f.rang_max, f.montant_plein, f.montant_reduit, f.dui_reference)
                for r in toutes()
                for f in r.forfaits
            ],
            schema={
                "regles": pl.String,
                "type": pl.String,
                "nature": pl.String,
                "rang_max": pl.Int64,
                "montant_plein": pl.Decimal(9, 0),
                "montant_reduit": pl.Decimal(9, 0),
                "dui_reference": pl.Boolean,
            },
            orient="row",
        ),
        "textes": pl.DataFrame(
            [(r.nom, r.source) for r in toutes()], schema={"regles": pl.String, "texte": pl.String}, orient="row"
        ),
        "objectifs": pl.DataFrame(
            list(programme["objectifs"].items()), schema={"indicateur": pl.String, "objectif": pl.Int64}, orient="row"
        ),
    }
