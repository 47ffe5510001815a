"""What a measure reads, taken from the register, the staging area and the previous publication."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
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


@dataclass(frozen=True)
class Inscrits:
    """The ESSMS of the register on one day: the dimension (columns of `essms_mesures`, and `seau`), the projects that a row set
    aside names, and the other numbers that count (see `transforms.registre_projets.ProjetsDuJour`)."""

    essms: pl.DataFrame
    autres_numeros: Mapping[str, str] = field(default_factory=dict)
    incertains: frozenset[str] = frozenset()


def entrees(
    reglages: Reglages,
    inscrits: Mapping[date, Inscrits],
    depots: pl.DataFrame,
    bilans: pl.DataFrame,
    replis: Mapping[str, str] = MappingProxyType({}),
) -> dict[date, Entrees]:
    """Inputs of measures, by measure date: the deposits that stand, and those of a table that are refused and stand or are
    pending (§4).


    `inscrits`: the ESSMS of each of these dates (§4.6). `depots`, `bilans` and `replis` are those of the register.

    Without `replis`, every row of every deposit is read (for evidence), not only those that are not repeated since.
    """
    lus = depots.filter(
        pl.col("canonique")
        & pl.col("date_extraction").is_not_null()
        & (pl.col("nom_table") != "")
        & (pl.col("statut").is_in(ACCEPTES) | ((pl.col("sort") == "refuse") & pl.col("en_suspens")))
    ).with_columns(
        accepte=pl.col("statut") != "refuse",
        fichier=pl.lit(f"{reglages.staging}/") + pl.col("fichier"),
        fichier_faits=pl.lit(f"{reglages.staging}/") + pl.col("fichier").replace(replis),
        ordre=pl.struct("date_extraction", "rang", "nom_table").rank("dense").cast(pl.Int64),
    )
    communes = Entrees(
        essms=pl.DataFrame(),
        depots=lus.select(list(DEPOTS)),
        bilans=bilans.join(lus.select("depot"), on="depot", how="semi").select(list(BILANS)),
        regles=regles.relations(regles.toutes()),
        precedents=pl.DataFrame(schema=PRECEDENTS),
    )
    return {
        jour: replace(communes, essms=du_jour.essms, autres_numeros=du_jour.autres_numeros)
        for jour, du_jour in inscrits.items()
    }


def tranches(entrees: Mapping[date, Entrees], depuis: date) -> list[list[int]]:
    """The buckets to measure together: all in one run when there is little to read, one by one when there is much.

    `depuis`: the day from which most of what is read was extracted.
    """
    depots = next(iter(entrees.values())).depots  # the same whatever the date
    recents = depots.filter(pl.col("date_extraction") >= depuis)
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
    # Under its number of today; ESSMS that became one have no former rate together.
    precedents = precedents.with_columns(pl.col("finess_et").replace(entrees.autres_numeros)).filter(
        pl.len().over("finess_et", "indicateur") == 1
    )
    premieres = entrees.essms["date_premiere_mesure"].drop_nulls().unique().to_list()
    utiles = {premiere + timedelta(days=n) for premiere in premieres for n in (0, 1)}
    autres = sorted(d for d in utiles.intersection({*publiees.dates, *dates}) if d < jour)
    return replace(entrees, precedents=precedents, autres_mesures=pl.DataFrame({"date_mesure": autres}, AUTRES_MESURES))


def mesurer_dates(
    entrees: Mapping[date, Entrees],
    seaux: Collection[int],
    publiee: Path | None,
    a_completer: date | None = None,
) -> dict[date, dict[str, pl.DataFrame]]:
    """Measure some buckets at each date, earliest first: the rates of one date are the previous ones of the next (CHUTE).

    The relation `a_completer` is made for that date only.
    """
    publiees = TablesPubliees(publiee)
    resultats: dict[date, dict[str, pl.DataFrame]] = {}
    for date_mesure, du_jour in sorted(entrees.items()):
        lues = avec_les_autres(du_jour, date_mesure, entrees, resultats, publiees)
        relations = (*RESULTATS, "a_completer") if date_mesure == a_completer else RESULTATS
        resultats[date_mesure] = mesurer(lues, date_mesure, seaux, relations=relations)
    return resultats
