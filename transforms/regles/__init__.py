"""Rules as data: one TOML file per rule set (windows, targets, exemptions), with the text they come from."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache, reduce
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import polars as pl
from pydantic import ConfigDict, Field, StrictBool, model_validator

from schemas.curated import INDICATEURS
from schemas.erreurs import ErreurDite
from transforms.traduction import Saisie, Texte, analyser_toml, comprendre

Entier = Annotated[int, Field(strict=True, gt=0)]
# What a rule set never takes from the one that it starts from.
_PROPRES = ("nom", "source")


class ReglesInvalides(ErreurDite, ValueError):
    """A rule file that cannot be used; the message says where and why."""


def _en_partie(schema: dict[str, Any]) -> None:
    """JSON Schema of a table of a rule file: one that starts from another may say a part of it (see `_tout_sans_base`)."""
    del schema["description"], schema["required"]


class Fenetre(Saisie):
    """Months of the window that the facts are counted in."""

    model_config = ConfigDict(json_schema_extra=_en_partie)

    mois: Entier = Field(description="mois de la fenêtre")
    mois_premiere_mesure: Entier = Field(description="mois de la fenêtre pour la première mesure d'un ESSMS")


class Cible(Saisie):
    """The target of an indicator, decided on integers (§6.5)."""

    cible_pct: Entier | None = Field(default=None, description="cible en pour cent ; aucune sans cette ligne")
    socle: StrictBool = Field(default=False, description="vrai si exemption_socles et exemption_pjm lèvent la cible")


def _tout_sans_base(schema: dict[str, Any]) -> None:
    """JSON Schema of a rule file: what a set that starts from another may leave out."""
    del schema["description"]
    schema["if"] = {"not": {"required": ["base"]}}
    schema["then"] = {
        "required": [cle for cle in schema["required"] if cle not in _PROPRES],
        "properties": {"fenetre": {"required": [*Fenetre.model_fields]}},
    }
    schema["required"] = [*_PROPRES]


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
    """A rule set: months of the window, per indicator its target, and where the exemption of PJM applies."""

    model_config = ConfigDict(json_schema_extra=_tout_sans_base)

    nom: Texte = Field(description="nom du jeu de règles : celui du fichier")
    base: Texte | None = Field(
        default=None,
        description="jeu de règles dont celui-ci part : il ne dit que ce qui change (une liste, en entier)",
    )
    source: Texte = Field(description="texte dont viennent ces règles")
    fenetre: Fenetre
    exemption_pjm: Literal["jamais", "projet_pjm_seul", "par_essms"] = Field(
        description="cibles des socles levées pour le sous-secteur PJM : jamais, quand tous les ESSMS du projet en sont, "
        "ou ESSMS par ESSMS"
    )
    indicateurs: dict[str, Cible] = Field(
        json_schema_extra={"propertyNames": {"enum": [*INDICATEURS]}}, description="indicateur, puis sa cible"
    )
    forfaits: tuple[Forfait, ...] = Field(
        default=(), description="montants par ESSMS ; sans eux le montant d'un projet est inconnu"
    )

    @model_validator(mode="after")
    def _juste(self) -> Self:  # what no figure has would bind nobody
        if inconnus := sorted(self.indicateurs.keys() - {*INDICATEURS}):
            raise ValueError(f"indicateur inconnu ({', '.join(inconnus)})")
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
    ecrits, lignees, lus = {}, {}, []
    for chemin in sorted(ou.glob("[0-9]*.toml")):
        with _dire(chemin.stem):
            ecrits[chemin.stem] = analyser_toml(chemin.read_bytes())
    for nom in ecrits:
        with _dire(nom):
            lignees[nom] = _lignee(nom, ecrits)
    for nom in sorted(ecrits, key=lambda nom: len(lignees[nom])):  # a fault is told of the file where it stands
        *heritage, propre = (ecrits[n] for n in reversed(lignees[nom]))
        sans_nom = [{cle: valeur for cle, valeur in jeu.items() if cle not in _PROPRES} for jeu in heritage]
        with _dire(nom):
            lus.append(comprendre(Regles, reduce(_fondre, [*sans_nom, propre])))
        if lus[-1].nom != nom:  # a copy whose name was not changed would count every ESSMS twice
            raise ReglesInvalides(f"Le fichier de règles {nom}.toml porte le nom « {lus[-1].nom} ».")
    return tuple(sorted(lus, key=lambda r: r.nom))


@contextmanager
def _dire(nom: str) -> Iterator[None]:
    """Says in which file a fault is."""
    try:
        yield
    except ValueError as erreur:
        raise ReglesInvalides(f"Le fichier de règles {nom}.toml {erreur}") from erreur


def _lignee(nom: str, ecrits: Mapping[str, dict[str, Any]]) -> tuple[str, ...]:
    """A rule set, the one that it starts from, and so on. Raises ValueError: none of that name, or a circle."""
    lignee = [nom]
    while isinstance(base := ecrits[lignee[-1]].get("base"), str):
        if base in lignee:
            boucle = " → ".join([*lignee, base])
            raise ValueError(f"part de lui-même ({boucle}) : corrigez « base » dans un de ces fichiers.")
        if base not in ecrits:
            raise ValueError(f"part de « {base} », qui n'existe pas (jeux de règles : {', '.join(sorted(ecrits))}).")
        lignee.append(base)
    return tuple(lignee)


def _fondre(dessous: Mapping[str, Any], dessus: Mapping[str, Any]) -> dict[str, Any]:
    """Two tables of TOML in one: `dessus` wins, tables inside likewise; a list is replaced whole."""
    fondus = {
        cle: _fondre(dessous[cle], valeur)
        if isinstance(valeur, dict) and isinstance(dessous.get(cle), dict)
        else valeur
        for cle, valeur in dessus.items()
    }
    return {**dessous, **fondus}


def relations(regles: tuple[Regles, ...]) -> dict[str, pl.DataFrame]:
    """The rule sets as the relations that the SQL reads: `regles`, `cibles`."""
    return {
        "regles": pl.DataFrame(
            [(r.nom, r.fenetre.mois, r.fenetre.mois_premiere_mesure, r.exemption_pjm) for r in regles],
            schema={
                "regles": pl.String,
                "mois_fenetre": pl.Int32,
                "mois_premiere_mesure": pl.Int32,
                "exemption_pjm": pl.String,
            },
            orient="row",
        ),
        "cibles": pl.DataFrame(
            [(r.nom, nom, c.cible_pct, c.socle) for r in regles for nom, c in r.indicateurs.items()],
            schema={"regles": pl.String, "indicateur": pl.String, "cible": pl.Int64, "socle": pl.Boolean},
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
