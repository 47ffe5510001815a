"""The one Jinja environment of the pages: how they say figures and words, and their common style."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from transforms.dire import formats, libelles


@cache
def style(propre: str) -> str:
    """The style sheet of a kind of pages (`rapport`): what all pages share, then its own."""
    dossier = files("transforms.pages")
    lus = (dossier.joinpath("commun.css"), dossier.joinpath(propre, f"{propre}.css"))
    return "".join(feuille.read_text(encoding="utf-8") for feuille in lus)


def rendre(gabarit: str, **contenu: Any) -> str:
    """The page made from a template (`porteur/accuse`); every value is escaped."""
    dossier, _, nom = gabarit.partition("/")
    return _environnement().get_template(f"{dossier}/gabarits/{nom}.html.jinja").render(contenu)


@cache
def _environnement() -> Environment:
    environnement = Environment(
        loader=PackageLoader("transforms.pages", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environnement.filters |= {
        "entier": formats.entier,
        "taux": formats.taux,
        "nombre": formats.nombre,
        "cible": formats.cible,
        "ecart": formats.ecart,
        "euros": formats.euros,
        "jour": formats.jour,
        "instant": formats.instant,
        "taille": formats.taille,
    }
    environnement.globals |= {
        "style": lambda propre: Markup(style(propre)),
        "accord": formats.accord,
        "indicateurs": libelles.INDICATEURS,
        "avec_cible": libelles.AVEC_CIBLE,
        "sous_secteurs": libelles.SOUS_SECTEURS,
        "statuts": libelles.STATUTS,
        "statuts_depot": libelles.STATUTS_DEPOT,
        "noms_sources": libelles.SOURCES,
        "noms_alertes": libelles.ALERTES,
        "types": libelles.TYPES,
    }
    return environnement
