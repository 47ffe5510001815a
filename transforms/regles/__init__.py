"""Rules as data: one TOML file per rule set (windows, targets, exemptions), with the text they come from."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib.resources import files
from pathlib import Path

import polars as pl

from schemas.curated import INDICATEURS
from schemas.referentiels import SOUS_SECTEURS


@dataclass(frozen=True)
class Regles:
    """A rule set: months of the window, and per indicator its target (percent) and where it does not bind."""

    nom: str
    source: str
    mois_fenetre: int
    mois_premiere_mesure: int
    cibles_pct: dict[str, int | None]
    socles: frozenset[str]
    non_opposables: frozenset[tuple[str, str]]


def lire(texte: str) -> Regles:
    """Read a rule file.

    Raises ValueError for an indicator or a sub-sector that no figure has, which would bind nobody, and for a target that is
    not a whole number: targets are decided on integers (§6.5).
    """
    brut = tomllib.loads(texte)
    indicateurs = brut["indicateurs"]
    secteurs = {secteur for valeurs in indicateurs.values() for secteur in valeurs.get("non_opposable", [])}
    if inconnus := sorted({*indicateurs} - {*INDICATEURS}) + sorted(secteurs - {*SOUS_SECTEURS}):
        raise ValueError(f"Règles {brut['nom']} : indicateur ou sous-secteur inconnu ({', '.join(inconnus)}).")
    if any(not isinstance(valeurs.get("cible_pct", 0), int) for valeurs in indicateurs.values()):
        raise ValueError(f"Règles {brut['nom']} : une cible n'est pas un nombre entier.")
    return Regles(
        nom=brut["nom"],
        source=brut["source"],
        mois_fenetre=brut["fenetre"]["mois"],
        mois_premiere_mesure=brut["fenetre"]["mois_premiere_mesure"],
        cibles_pct={nom: valeurs.get("cible_pct") for nom, valeurs in indicateurs.items()},
        socles=frozenset(nom for nom, valeurs in indicateurs.items() if valeurs.get("socle")),
        non_opposables=frozenset(
            (nom, secteur) for nom, valeurs in indicateurs.items() for secteur in valeurs.get("non_opposable", [])
        ),
    )


def dossier() -> Path:
    """Where the rule files are; a rule set more is a file more here, and nothing else."""
    return Path(str(files("transforms.regles")))


def fichier(nom: str) -> bytes:
    """The file `<nom>.toml`, as it is."""
    return (dossier() / f"{nom}.toml").read_bytes()


def toutes() -> tuple[Regles, ...]:
    """The rule sets of the folder, by name. Raises ValueError for a file that is not named after its rule set."""
    return _toutes(dossier())


def noms() -> tuple[str, ...]:
    """The names of the rule sets, those that projets.csv may use."""
    return tuple(r.nom for r in toutes())


@cache
def _toutes(ou: Path) -> tuple[Regles, ...]:
    # A rule set is named after its year; the other files hold what is not a rule of measure.
    lus = {f.stem: lire(f.read_text(encoding="utf-8")) for f in ou.glob("[0-9]*.toml")}
    for nom_du_fichier, r in lus.items():
        if nom_du_fichier != r.nom:  # a copy whose name was not changed would count every ESSMS twice
            raise ValueError(f"Le fichier de règles {nom_du_fichier}.toml porte le nom « {r.nom} ».")
    return tuple(sorted(lus.values(), key=lambda r: r.nom))


def relations(regles: tuple[Regles, ...]) -> dict[str, pl.DataFrame]:
    """The rule sets as the relations that the SQL reads: `regles`, `cibles`, `non_opposables`."""
    return {
        "regles": pl.DataFrame(
            [(r.nom, r.mois_fenetre, r.mois_premiere_mesure) for r in regles],
            schema={"regles": pl.String, "mois_fenetre": pl.Int32, "mois_premiere_mesure": pl.Int32},
            orient="row",
        ),
        "cibles": pl.DataFrame(
            [(r.nom, nom, cible, nom in r.socles) for r in regles for nom, cible in r.cibles_pct.items()],
            schema={"regles": pl.String, "indicateur": pl.String, "cible": pl.Int64, "socle": pl.Boolean},
            orient="row",
        ),
        "non_opposables": pl.DataFrame(
            [(r.nom, nom, secteur) for r in regles for nom, secteur in sorted(r.non_opposables)],
            schema={"regles": pl.String, "indicateur": pl.String, "sous_secteur": pl.String},
            orient="row",
        ),
    }


def relations_publication() -> dict[str, pl.DataFrame]:
    """Amounts and objectives as the relations of the aggregates: `forfaits`, `versements` (euros), `objectifs`."""
    financement = tomllib.loads(fichier("financement").decode())
    programme = tomllib.loads(fichier("programme").decode())
    return {
        "forfaits": pl.DataFrame(
            [
                (f["type"], f["nature"], f["rang_max"], Decimal(f["montant_plein"]), Decimal(f["montant_reduit"]))
                for f in financement["forfaits"]
            ],
            schema={
                "type": pl.String,
                "nature": pl.String,
                "rang_max": pl.Int64,
                "montant_plein": pl.Decimal(12, 2),
                "montant_reduit": pl.Decimal(12, 2),
            },
            orient="row",
        ),
        "versements": pl.DataFrame(
            {"part_avance": [Decimal(financement["part_avance"])]}, schema={"part_avance": pl.Decimal(4, 3)}
        ),
        "objectifs": pl.DataFrame(
            list(programme["objectifs"].items()), schema={"indicateur": pl.String, "objectif": pl.Int64}, orient="row"
        ),
    }
