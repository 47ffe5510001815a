"""What is still to correct in the drop folders: one answer for `duimetre etat`, the porteur's page and the log of the night."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from schemas.curated import ACCEPTES


def a_corriger(depots: pl.DataFrame, present: Callable[[str, str], bool]) -> pl.DataFrame:
    """The files of which something is refused or waits, still there (§4: pending, or part of a file that stands), that nothing
    accepted of that table, of that date or later, makes useless.

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
        .drop("remplace")
        .sort("recu_le", "porteur", "nom", "membre", descending=[True, False, False, False])
    )
    la = [present(porteur, nom) for porteur, nom in ouverts.select("porteur", "nom").iter_rows()]
    return (
        ouverts.filter(pl.Series(la, dtype=pl.Boolean))
        .unique(["porteur", "depot"], keep="first", maintain_order=True)
        .unique(["porteur", "nom"], keep="first", maintain_order=True)
    )
