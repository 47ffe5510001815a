"""The one Jinja environment of the pages: how they say figures and words, and their common style."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from jinja2.ext import Extension
from markupsafe import Markup

from schemas.depots import TABLES
from transforms.dire import formats, libelles
from transforms.dire.alertes import ALERTES

# Of a template, what is no text: expressions, statements, comments, tags (with their own expressions).
_CODE = re.compile(r"(\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}|<(?:\{\{.*?\}\}|\{%.*?%\}|[^>])*>)", re.DOTALL)

# Class of colour of the fate of a deposit, of the level of a finding, of the state of a source.
TONS = {
    "accepte": "ok",
    "accepte_avec_rejets": "attention",
    "refuse": "erreur",
    "en_attente": "neutre",
    "deja_recu": "neutre",
    "remplace": "neutre",
    "retire": "attention",
    "fichier": "erreur",
    "ligne": "attention",
    "avertissement": "neutre",
    "manquante": "erreur",
    "ancienne": "attention",
    "partielle": "attention",
    "tardive": "attention",
    "refusee": "attention",
    "rejets": "attention",
    "inconnus": "attention",
    "a_jour": "ok",
    "facultative": "neutre",
}


class _Typographie(Extension):
    """The text written in the templates gets the no-break spaces of French."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        """The source of a template, its text alone changed."""
        return "".join(formats.insecables(p) if rang % 2 == 0 else p for rang, p in enumerate(_CODE.split(source)))


@cache
def style(propre: str) -> str:
    """The style sheet of a kind of pages (`rapport`): what all pages share, then its own."""
    dossier = files("transforms.pages")
    lus = (dossier.joinpath("commun.css"), dossier.joinpath(propre, f"{propre}.css"))
    return "".join(feuille.read_text(encoding="utf-8") for feuille in lus)


def remplir(gabarit: str, **contenu: Any) -> str:
    """The page made from a template (`porteur/accuse`); every value is escaped."""
    dossier, _, nom = gabarit.partition("/")
    return _environnement().get_template(f"{dossier}/gabarits/{nom}.html.jinja").render(contenu)


@cache
def _environnement() -> Environment:
    environnement = Environment(
        loader=PackageLoader("transforms.pages", "."),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=[_Typographie],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environnement.filters |= {
        "entier": formats.milliers,
        "taux": formats.taux,
        "nombre": formats.nombre,
        "cible": formats.cible,
        "ecart": formats.ecart,
        "euros": formats.euros,
        "jour": formats.jour,
        "instant": formats.instant,
        "taille": formats.taille,
        "majuscule": formats.majuscule,
        "enumerer": formats.enumerer,
        "insecables": formats.insecables,
        "citer": formats.citer,
        "etat_de_source": libelles.dire_etat_de_source,
        "source": lambda source: formats.majuscule(libelles.nom_de_source(source)),
    }
    environnement.globals |= {
        "style": lambda propre: Markup(style(propre)),
        "accord": formats.accord,
        "indicateurs": libelles.INDICATEURS,
        "avec_cible": libelles.AVEC_CIBLE,
        "sous_secteurs": libelles.SOUS_SECTEURS,
        "statuts": libelles.STATUTS,
        "verdicts": libelles.VERDICTS,
        "statuts_depot": libelles.STATUTS_DEPOT,
        "etapes": libelles.ETAPES,
        "etats_source": libelles.ETATS_SOURCE,
        "tons": TONS,
        "tables": TABLES,
        "alertes_connues": ALERTES,
        "types": libelles.TYPES,
        "portees": libelles.PORTEES,
        "conditions_solde": libelles.CONDITIONS,
        "etats_condition": libelles.ETATS_CONDITION,
        "etats_aptitude": libelles.ETATS_APTITUDE,
    }
    return environnement
