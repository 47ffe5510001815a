"""Text as people meant it (specification §4): the one place that cleans what programs leave around cells, headers and names."""

from __future__ import annotations

import re
import unicodedata

import polars as pl

_SANS_LARGEUR = "\u200b\u200c\u200d\u2060\ufeff\u00ad"
_ESPACES = "\u00a0\u202f\u2007"
_A_RETIRER = str.maketrans(dict.fromkeys(_SANS_LARGEUR, "") | dict.fromkeys(_ESPACES, " "))
# What spreadsheets are told to keep as text.
_ENVELOPPE = re.compile(r'^(?:="(.*)"|\'(.*))$', re.DOTALL)


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
        .str.replace(r'(?s)^="(.*)"$', "${1}")
        .str.replace(r"^'", "")
        .str.strip_chars()
    )
    return pl.when(net != "").then(net)
