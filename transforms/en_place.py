"""What stands at each path (specification §4, "A file put in the place of another"): what counts, what is said of the rest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from schemas.curated import ACCEPTES


@dataclass(frozen=True)
class EnPlace:
    """What is known of a path when a content is found there.

    `nouveau`: the last content seen there is another, or there is none. `recu_le`: when this one first came there, None when
    it never did. `avant`: receipt number and first reception of the content that stands there but for this one, None without any.
    `retire`: the agency has withdrawn it.
    """

    nouveau: bool
    recu_le: datetime | None
    avant: tuple[str, datetime] | None
    retire: bool = False


def mettre_en_place(
    depots: pl.DataFrame, hors_place: pl.DataFrame, absents: pl.Series, retires: pl.Series
) -> pl.DataFrame:
    """The deposits (one row per part of a received file, in the order of names) with what they count for.

    `depots`: columns `depot`, `reception`, `statut` (of the examination). `hors_place`: those that do not stand at their path
    (`reception`, `depot`, and `deplace`, 1 when the content stands at another path only). `absents`: receptions whose file is
    gone. `retires`: contents withdrawn.

    Gives `sort`, the status of the examination; `en_suspens`: refused or waiting, and still to be told, because it is pending or
    part of a file that stands; `canonique`: the row that stands for its content, the first by name of those that count; and
    `statut`: `retire`; `remplace`; `deja_recu` for a copy of a content that stands elsewhere; else `sort`.
    """
    accepte = pl.col("statut").is_in(ACCEPTES)
    refusees = depots.filter(~accepte)["reception"].unique()
    entieres = refusees.filter(
        ~refusees.is_in(depots.filter(pl.col("reception").is_in(refusees.implode()) & accepte)["reception"].implode())
    )
    parties = entieres.filter(entieres.is_in(absents.implode()))
    deplaces = hors_place.group_by("reception", "depot").agg(pl.col("deplace").min().cast(pl.Boolean))
    situes = depots.join(deplaces, on=["reception", "depot"], how="left", maintain_order="left").with_columns(
        sort="statut",
        la=pl.col("deplace").is_null() & ~pl.col("reception").is_in(parties.implode()),
        retire=pl.col("depot").is_in(retires.implode()),
    )
    ailleurs = situes.filter("la")["depot"].implode()
    # Of the contents that are nowhere, the first by name.
    nulle_part = situes.filter(~pl.col("la")).filter(~pl.col("depot").is_in(ailleurs))
    premieres = pl.when("la").then("depot").is_first_distinct() & pl.col("la")
    if not nulle_part.is_empty():
        perdus = nulle_part["depot"].unique()
        premieres |= pl.when(pl.col("depot").is_in(perdus.implode())).then("depot").is_first_distinct() & pl.col(
            "depot"
        ).is_in(perdus.implode())
    return (
        situes.with_columns(canonique=premieres)
        .with_columns(
            en_suspens=~accepte & pl.col("la") & ~pl.col("retire"),
            statut=pl.when("retire")
            .then(pl.lit("retire"))
            .when(accepte & (~pl.col("deplace") | (pl.col("deplace") & pl.col("canonique"))))
            .then(pl.lit("remplace"))
            .when(~pl.col("canonique"))
            .then(pl.lit("deja_recu"))
            .otherwise("statut"),
        )
        .drop("la", "retire", "deplace")
    )
