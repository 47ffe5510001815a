"""Text as people meant it (specification §4): the one place that cleans what programs leave around cells, headers and names."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

import polars as pl

_SANS_LARGEUR = "\u200b\u200c\u200d\u2060\ufeff\u00ad"
_ESPACES = "\u00a0\u202f\u2007"
_A_RETIRER = str.maketrans(dict.fromkeys(_SANS_LARGEUR, "") | dict.fromkeys(_ESPACES, " "))
# What spreadsheets are told to keep as text.
_ENVELOPPE = re.compile(r'^(?:="(.*)"|\'(.*))$', re.DOTALL)

# The error values of spreadsheets, and cells too narrow to show a number: nobody knows what stood there. A closed list: a
# finding names them.
_ERREURS = (
    "REF|VALEUR|VALUE|DIV/0|NUL|NULL|NOMBRE|NUM|PROPAGATION|SPILL|CALC|CHAMP|FIELD|CONNEXION|CONNECT|BLOQUÉ|BLOCKED|INCONNU|UNKNOWN|"
    "OCCUPÉ|BUSY|EXTERNE|EXTERNAL|PYTHON|TIMEOUT"
)
ERREUR_DE_TABLEUR = (
    rf"(?i)^#(?:N/A|(?:{_ERREURS}) ?!|(?:NOM|NAME) ?\?|GETTING_DATA|OBTENTION_DONNEES|#+)$|^Err ?:[0-9]{{3}}$"
)
# What programs write for nothing (§4), and the same with the error values.
_MOT_VIDE = r"(?i)^(?:null|\(null\)|\\n|none|nil|nan|<na>|n/a|undefined)$"
MOT_POUR_RIEN = f"{_MOT_VIDE}|{ERREUR_DE_TABLEUR}"

# What a column may hold that trimming does not settle: letters with accents are fine.
_A_NETTOYER = r"[^\x00-\x7fÀ-ÿŒœŸ€’–]|^[='\u00ad\u00a0\u2060\ufeff]"
# One look for all that is odd in trimmed ASCII: wrappings, words for nothing, numbers that a spreadsheet rewrote.
_SINGULIER = (
    r"^(?:[='#(\\<]|(?i:n(?:ull|one|il|an|/a)$|undefined$|err ?:)|[0-9]+\.0$|[+-]?[0-9]+(?:[.,][0-9]+)?[eE][+-][0-9]+$)"
)


def propre(texte: str) -> str:
    """NFC, without characters of no width, no-break spaces as spaces, `="…"` and a leading apostrophe unwrapped, trimmed."""
    net = unicodedata.normalize("NFC", texte.translate(_A_RETIRER)).strip()
    enveloppe = _ENVELOPPE.match(net)
    return net if enveloppe is None else (enveloppe[1] if enveloppe[1] is not None else enveloppe[2]).strip()


def propres(texte: pl.Expr) -> pl.Expr:
    """The same for a column of text; what is left empty is null."""
    net = (
        texte.str.normalize("NFC")
        .str.replace_all(f"[{_SANS_LARGEUR}]", "")
        .str.replace_all(f"[{_ESPACES}]", " ")
        .str.strip_chars()
        .str.replace(r'(?s)^(?:="(.*)"|\'(.*))$', "${1}${2}")
        .str.strip_chars()
    )
    return pl.when(net != "").then(net)


def sans_mot_vide(texte: pl.Expr) -> pl.Expr:
    """Clean text, null where it is a word for nothing; error values of spreadsheets stay, to be told."""
    return pl.when(~texte.str.contains(_MOT_VIDE)).then(texte)


def nettoyer(lot: pl.DataFrame, colonnes: Iterable[str]) -> tuple[pl.DataFrame, frozenset[str]]:
    """`propres` on these columns of a lot, paid for only by those that need it; and those that hold something odd.

    Odd: a word for nothing, an error value or a number that a spreadsheet rewrote, perhaps; the others surely hold none.
    """
    noms = list(colonnes)
    net = lot.with_columns(pl.col(noms).str.strip_chars())
    vu = net.lazy().select(
        pl.struct(
            vide=(pl.col(nom) == "").any(),
            accents=(pl.col(nom).str.len_bytes() != pl.col(nom).str.len_chars()).any(),
            singulier=pl.col(nom).str.contains(_SINGULIER).any(),
        ).alias(nom)
        for nom in noms
    )
    apercu: dict[str, dict[str, bool]] = vu.collect().row(0, named=True) if noms else {}
    expressions, singulieres = [], set()
    for nom, a in apercu.items():
        sale = (a["accents"] or a["singulier"]) and bool(net[nom].str.contains(_A_NETTOYER).any())
        if sale:
            expressions.append(propres(pl.col(nom)))
        elif a["vide"]:
            expressions.append(pl.when(pl.col(nom) != "").then(nom).alias(nom))
        if sale or a["singulier"]:
            singulieres.add(nom)
    return net.with_columns(expressions), frozenset(singulieres)
