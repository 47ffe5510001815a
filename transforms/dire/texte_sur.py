"""How a received text is shown: harmless to the eye and to a spreadsheet, and the CSV that Excel opens."""

from __future__ import annotations

import io
import re

import polars as pl

# A longer value is cut: a whole column may have slipped into one cell.
VALEUR_MAX = 1000

# What a spreadsheet could take for a formula, also behind spaces and in full-width letters.
_FORMULE = "^(?:[\\s\\x00-\\x20\u00a0\u200b\ufeff]*[=+\\-@＝＋－＠]|[\\t\\r\\n])"
# Controls and marks that hide or reorder what is read; the line feed and the tab of a cell stay.
_INVISIBLES = "[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]"


def sans_formule(texte: pl.Expr) -> pl.Expr:
    """Text that no spreadsheet runs: a leading apostrophe before `=`, `+`, `-`, `@`, tab or line break (§8).

    For every cell of text that goes to a CSV or a workbook.
    """
    return texte.str.replace(_FORMULE, "'${0}")


def lisible(texte: pl.Expr, longueur: int = VALEUR_MAX) -> pl.Expr:
    """Text a person can read: controls and marks that reorder it become `�`, the excess is cut and shown as `…`."""
    net = texte.str.slice(0, longueur).str.replace_all(_INVISIBLES, "�")
    return pl.when(texte.str.len_chars() > longueur).then(pl.concat_str(net, pl.lit("…"))).otherwise(net)


def dire_texte(texte: str, longueur: int = VALEUR_MAX) -> str:
    """`lisible` for one text."""
    net = re.sub(_INVISIBLES, "�", texte[:longueur])
    return f"{net}…" if len(texte) > longueur else net


def csv_excel(table: pl.DataFrame) -> bytes:
    """A table as the CSV that a French Excel opens by a double click: UTF-8 with BOM, `;`, CRLF, no formula."""
    textes = [nom for nom, dtype in table.schema.items() if dtype == pl.String]
    sure = table.with_columns(sans_formule(pl.col(nom)).str.replace_all(_INVISIBLES, "�") for nom in textes)
    flux = io.BytesIO()
    sure.write_csv(
        flux, include_bom=True, separator=";", line_terminator="\r\n", quote_style="necessary", null_value=""
    )
    return flux.getvalue()
