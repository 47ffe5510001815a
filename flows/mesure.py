"""What a measure reads, taken from the register, the staging area and the previous publication."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from types import MappingProxyType

import polars as pl

from flows.reglages import Reglages
from schemas.curated import ACCEPTES
from transforms import regles
from transforms.mesure import AUTRES_MESURES, BILANS, DEPOTS, PRECEDENTS, RESULTATS, Entrees, mesurer
from transforms.tables_publiees import TablesPubliees
from transforms.territoire import NB_SEAUX

# Staged bytes (compressed) that one run of the SQL takes easily in its share of memory.
TRANCHE_OCTETS = 64 << 20


def avant_les_fenetres(dates: Collection[date]) -> date:
    """A day before the longest window that the rule sets give these measure dates, by a few days at most."""
    mois = max(max(r.fenetre.mois, r.fenetre.mois_premiere_mesure) for r in regles.toutes())
    return min(dates) - timedelta(days=31 * mois)


def entrees(
    reglages: Reglages,
    essms: pl.DataFrame,
    depots: pl.DataFrame,
    bilans: pl.DataFrame,
    replis: Mapping[str, str] = MappingProxyType({}),
) -> Entrees:
    """Inputs of measures: the deposits that stand, and those that are refused for their rows and pending (§4).

    `depots`, `bilans` and `replis` are those of the register.

    Without `replis`, every row of every deposit is read (for evidence), not only those that are not repeated since.
    """
    lus = depots.filter(
        pl.col("canonique")
        & (pl.col("statut").is_in(ACCEPTES) | ((pl.col("motif") == "TROP_DE_REJETS") & pl.col("en_suspens")))
    ).with_columns(
        accepte=pl.col("statut") != "refuse",
        fichier=pl.lit(f"{reglages.staging}/") + pl.col("fichier"),
        fichier_faits=pl.lit(f"{reglages.staging}/") + pl.col("fichier").replace(replis),
        ordre=pl.struct("date_extraction", "rang", "nom_table").rank("dense").cast(pl.Int64),
    )
    return Entrees(
        essms=essms,
        depots=lus.select(list(DEPOTS)),
        bilans=bilans.join(lus.select("depot"), on="depot", how="semi").select(list(BILANS)),
        regles=regles.relations(regles.toutes()),
        precedents=pl.DataFrame(schema=PRECEDENTS),
    )


def tranches(entrees: Entrees, depuis: date) -> list[list[int]]:
    """The buckets to measure together: all in one run when there is little to read, one by one when there is much.

    `depuis`: the day from which most of what is read was extracted.
    """
    recents = entrees.depots.filter(pl.col("date_extraction") >= depuis)
    fichiers = recents["fichier_faits"].drop_nulls().unique().to_list()
    octets = sum(f.stat().st_size for f in map(Path, fichiers) if f.exists())  # one that is not read may be gone
    nombre = min(NB_SEAUX, 1 + octets // TRANCHE_OCTETS)
    return [list(range(premier, NB_SEAUX, nombre)) for premier in range(nombre)]


def precedente(jour: date, dates: Collection[date], publiees: TablesPubliees) -> date | None:
    """The measure date before `jour`, among those of tonight (`dates`) and those of the published version."""
    return max((d for d in {*publiees.dates, *dates} if d < jour), default=None)


def avec_les_autres(
    entrees: Entrees,
    jour: date,
    dates: Collection[date],
    resultats: Mapping[date, Mapping[str, pl.DataFrame]],
    publiees: TablesPubliees,
) -> Entrees:
    """The inputs of one measure, with what they say of those of tonight (`dates`, in `resultats`) and of those published.

    Of the dates, only those that matter are given: a measure is made again when what it reads has changed.
    """
    avant = precedente(jour, dates, publiees)
    if avant is None:
        precedents = pl.DataFrame(schema=PRECEDENTS)
    elif avant in resultats:
        precedents = resultats[avant]["indicateurs"].select(list(PRECEDENTS))
    else:
        precedents = publiees.table("indicateurs", avant, list(PRECEDENTS))
    premieres = entrees.essms["date_premiere_mesure"].drop_nulls().unique().to_list()
    utiles = {premiere + timedelta(days=n) for premiere in premieres for n in (0, 1)}
    autres = sorted(d for d in utiles.intersection({*publiees.dates, *dates}) if d < jour)
    return replace(entrees, precedents=precedents, autres_mesures=pl.DataFrame({"date_mesure": autres}, AUTRES_MESURES))


def mesurer_dates(
    entrees: Entrees,
    dates: Sequence[date],
    seaux: Collection[int],
    publiee: Path | None,
    a_completer: date | None = None,
) -> dict[date, dict[str, pl.DataFrame]]:
    """Measure some buckets at each date, earliest first: the rates of one date are the previous ones of the next (CHUTE).

    The relation `a_completer` is made for that date only.
    """
    publiees = TablesPubliees(publiee)
    resultats: dict[date, dict[str, pl.DataFrame]] = {}
    for date_mesure in sorted(set(dates)):
        lues = avec_les_autres(entrees, date_mesure, dates, resultats, publiees)
        relations = (*RESULTATS, "a_completer") if date_mesure == a_completer else RESULTATS
        resultats[date_mesure] = mesurer(lues, date_mesure, seaux, relations=relations)
    return resultats
