"""Which dates a night measures (specification §3), and what tells that a published measure would come out the same."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from flows.versions.manifeste import contenu_du_manifeste
from transforms.mesure import Entrees, depots_utiles

# §3 "D with D ≤ today ≤ D + 46 days (the official measures that later deposits still settle, §6.2)".
OUVERTE_JOURS = 46
# Key of the manifest.
MESURES = "mesures"


class Faite(NamedTuple):
    """A published measure: the fingerprint of what it read, whether its date was official then, the version that computed it."""

    empreinte: str
    officielle: bool
    version: str


def faites(publiee: Path | None) -> dict[date, Faite]:
    """The measures that the manifest of a version tells of. Raises `VersionInvalide` when it cannot be read."""
    if publiee is None:
        return {}
    lues = contenu_du_manifeste(publiee).get(MESURES, {})  # none in that of an older duimètre
    return {date.fromisoformat(jour): Faite(**faite) for jour, faite in lues.items()}


def faites_en_donnees(mesures: Mapping[date, Faite]) -> dict[str, dict[str, Any]]:
    """The same for the manifest."""
    return {jour.isoformat(): faite._asdict() for jour, faite in mesures.items()}


def officielle(jour: date, premieres: Collection[date]) -> bool:
    """Whether a date is official (§3): the 1st of a month, a `date_premiere_mesure` of the register or the day after it."""
    return jour.day == 1 or jour in premieres or jour - timedelta(days=1) in premieres


def par_defaut(
    aujourd_hui: date, premieres: Collection[date], publiees: Collection[date], anciennes: Mapping[date, Faite]
) -> tuple[date, ...]:
    """The dates that a night measures, or takes over where nothing has changed, earliest first (§3).

    `premieres`: the `date_premiere_mesure` of the register; `publiees`: the dates of the version it follows; `anciennes`:
    what its manifest says of them (a date that was official stays so, whatever becomes of the register).
    """
    ouvertes = {aujourd_hui - timedelta(days=recul) for recul in range(OUVERTE_JOURS + 1)}
    retenues = {jour for jour in ouvertes.union(publiees) if officielle(jour, premieres)}
    retenues |= {jour for jour in publiees if jour in anciennes and anciennes[jour].officielle}
    return tuple(sorted({aujourd_hui, *retenues}))


def empreinte_de_la_mesure(entrees: Entrees, date_mesure: date, autres: Mapping[str, pl.DataFrame]) -> str:
    """One hash over all that the tables of a measure date are made from: equal ones, equal tables.

    `autres`: what they are made from besides `entrees`. Of a table with a column `depot` the rows count whose deposit can
    matter for that date. Neither the order of rows nor where a deposit is staged changes it.
    """
    tables = {
        "essms": entrees.essms,
        "numeros": entrees.numeros,
        "depots": entrees.depots.drop("fichier", "fichier_faits"),
        "bilans": entrees.bilans,
        "precedents": entrees.precedents,
        "autres_mesures": entrees.autres_mesures,
        "premiere_publication": pl.DataFrame({"jour": [entrees.premiere_publication]}, {"jour": pl.Date}),
        **entrees.regles,
        **autres,
    }
    utiles = depots_utiles(entrees, date_mesure)
    somme = hashlib.sha256()
    for nom, table in sorted(tables.items()):
        lues = table.join(utiles, on="depot", how="semi") if "depot" in table.columns else table
        if "ordre" in lues.columns:  # a deposit that does not matter takes a rank too
            lues = lues.with_columns(pl.col("ordre").rank("dense"))
        triees = lues.select(sorted(lues.columns)).sort(pl.all())
        somme.update(f"{nom}\0{triees.write_csv(null_value='∅')}\0".encode())
    return somme.hexdigest()
