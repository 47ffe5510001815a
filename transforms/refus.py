"""What is still to correct in the drop folders: one answer for `duimetre etat`, the porteur's page and the log of the night."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from pathlib import PurePosixPath

import polars as pl

from schemas.curated import ACCEPTES
from schemas.depots import TABLES

# Refusals for the name alone.
DU_NOM = ("NOM_INVALIDE", "TABLE_INCONNUE", "EXTENSION_INCONNUE")
# What people put beside their exports: it is never one itself.
_DOCUMENTS = frozenset(
    f".{suffixe}"
    for suffixe in (
        *("doc", "docx", "odt", "rtf", "pdf", "ppt", "pptx", "odp", "htm", "html", "md", "msg", "eml", "log"),
        *("jpg", "jpeg", "png", "gif", "bmp", "tif", "tiff", "webp", "svg", "ico", "mp3", "mp4", "mov"),
        *("lnk", "url", "ini", "db"),
    )
)
_TEXTES = ("", ".txt")


def a_corriger(depots: pl.DataFrame, present: Callable[[str, str], bool]) -> pl.DataFrame:
    """The files of which something is refused or waits, still there (§4: pending, or part of a file that stands), that nothing
    accepted of that table, of that date or later, makes useless.

    A file refused for its name alone is no longer to correct when its bytes came back under a name that says what they are;
    one that is no export never was.

    `depots`: those of the register; `present`: whether a porteur's folder still holds a file of that name. Gives rows of
    `depots`, one per content and per file, the latest first; `statut` is that of the content, whatever its copies: a
    duplicate hides no refusal (§7).
    """
    acceptees = (
        depots.filter(pl.col("statut").is_in(ACCEPTES) & (pl.col("nom_table") != ""))
        .group_by("porteur", "nom_table")
        .agg(remplace=pl.col("date_extraction").max())
    )
    ouverts = (
        depots.filter("en_suspens")
        .with_columns(statut="sort")
        .join(acceptees, on=["porteur", "nom_table"], how="left", maintain_order="left")
        .filter((pl.col("remplace") >= pl.col("date_extraction")).fill_null(False).not_())
        .filter(~(pl.col("motif").is_in(DU_NOM) & _revenu_sous_un_bon_nom(depots)))
        .drop("remplace")
        .sort("recu_le", "porteur", "nom", "membre", descending=[True, False, False, False])
    )
    la = [
        present(porteur, nom) and not accompagne(membre or nom, motif)
        for porteur, nom, membre, motif in ouverts.select("porteur", "nom", "membre", "motif").iter_rows()
    ]
    return (
        ouverts.filter(pl.Series(la, dtype=pl.Boolean))
        .unique(["porteur", "depot"], keep="first", maintain_order=True)
        .unique(["porteur", "nom"], keep="first", maintain_order=True)
    )


def _revenu_sous_un_bon_nom(juges: pl.DataFrame) -> pl.Expr:
    nommes = juges.filter((pl.col("nom_table") != "") & (pl.col("sha256") != "")).select("porteur", "sha256")
    return pl.struct("porteur", "sha256").is_in(nommes.select(pl.struct(pl.all())).to_series().implode())


def accompagne(chemin: str, motif: str | None) -> bool:
    """Whether a file refused for its name is no export at all (`LISEZ-MOI.txt`, a document, an image): told, never a task."""
    if motif not in DU_NOM:
        return False
    suffixe = PurePosixPath(chemin).suffix.casefold()
    return suffixe in _DOCUMENTS or (suffixe in _TEXTES and not _nomme_une_table(chemin))


def _nomme_une_table(chemin: str) -> bool:
    sans_accent = unicodedata.normalize("NFKD", PurePosixPath(chemin).name).casefold()
    lettres = "".join(c for c in sans_accent if c.isalnum())
    return any(table.replace("_", "") in lettres for table in TABLES)
