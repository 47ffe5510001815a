"""Random worlds of `mondes` measured by the production SQL, in the terms of the oracle; many worlds in one run."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
from mondes import Monde
from oracle import Resultat, ordre

from schemas.curated import dtypes
from schemas.depots import champs_de
from transforms import faits_replies, regles
from transforms.mesure import BILANS, DEPOTS, PRECEDENTS, Entrees, mesurer

# One bucket for all worlds: what buckets change is tested elsewhere.
SEAU = 0


def _propre(numero: int, nom: str | None) -> str | None:
    """A FINESS, a porteur or a deposit that no other world has."""
    return None if nom is None else f"{numero}/{nom}"


def entrees(mondes: Sequence[Monde], dossier: Path, *, replier: bool) -> Entrees:
    """Stage the deposits of some worlds under `dossier` as the reception would, without pseudonyms: one file per table.

    With `replier` the facts are read in a fold of that file, as after a compaction.
    """
    essms: list[dict[str, Any]] = []
    depots, bilans = [], []
    lignes: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for monde, (du_monde, recus, _) in enumerate(mondes):
        essms += [
            {
                "finess_et": _propre(monde, e.finess_et),
                "porteur": _propre(monde, e.porteur),
                "regles": e.regles,
                "date_premiere_mesure": e.date_premiere_mesure,
                "sous_secteur": e.sous_secteur,
                "exemption_socles": e.exemption_socles,
            }
            for e in du_monde
        ]
        classes = sorted(recus, key=lambda d: (*ordre(d), d.table))
        for rang, depot in enumerate(classes):
            nom = _propre(monde, f"d{rang}")
            accepte = depot.statut != "refuse"
            fichier = str(_fichier(dossier, depot.table)) if depot.lignes else None
            depots.append(
                (
                    nom,
                    _propre(monde, depot.porteur),
                    depot.table,
                    depot.date_extraction,
                    depot.partiel,
                    accepte,
                    None if accepte else "TROP_DE_REJETS" if depot.rejets else "COLONNE_MANQUANTE",
                    rang,
                    fichier,
                    fichier,
                )
            )
            for finess in {ligne["finess_et"] for ligne in depot.lignes} | set(depot.rejets):
                utilisees = sum(ligne["finess_et"] == finess for ligne in depot.lignes)
                bilans.append((nom, _propre(monde, finess), utilisees, sum(r == finess for r in depot.rejets)))
            lignes[depot.table] += [
                {"ligne": numero, **ligne, "finess_et": _propre(monde, ligne["finess_et"]), "depot": nom}
                for numero, ligne in enumerate(depot.lignes, 2)
            ]
    for table, de_la_table in lignes.items():
        _deposer(table, de_la_table, _fichier(dossier, table))
    ranges = pl.DataFrame(depots, schema=DEPOTS, orient="row")
    if replier:
        ranges = ranges.with_columns(fichier_faits=pl.col("fichier").replace(_replier(ranges, dossier)))
    return Entrees(
        essms=pl.concat(
            [pl.DataFrame(schema=dtypes("essms")), pl.DataFrame(essms)], how="diagonal_relaxed"
        ).with_columns(pl.lit(SEAU, pl.UInt8).alias("seau")),
        depots=ranges,
        bilans=pl.DataFrame(bilans, schema=BILANS, orient="row"),
        regles=regles.relations(regles.toutes()),
        precedents=pl.DataFrame(schema=PRECEDENTS),
    )


def _fichier(dossier: Path, table: str) -> Path:
    return dossier / f"{table}.parquet"


def _deposer(table: str, lignes: list[dict[str, Any]], fichier: Path) -> None:
    schema = {"depot": pl.String, "ligne": pl.UInt32} | {c.nom: c.dtype for c in champs_de(table).values()}
    cadre = pl.DataFrame(lignes, schema=schema)
    if table == "agenda":  # the reception keeps an exact copy once
        cadre = cadre.unique([c for c in schema if c != "ligne"], keep="first", maintain_order=True)
    cadre.with_columns(pl.lit(SEAU, pl.UInt8).alias("seau")).write_parquet(fichier)


def _replier(depots: pl.DataFrame, dossier: Path) -> dict[str, str]:
    """Fold every staged file; gives file → fold."""
    replis = {}
    with duckdb.connect() as base:
        base.register("provenance", depots.select("depot", "porteur", "date_extraction").to_arrow())
        for table in faits_replies.CLES:
            if (fichier := _fichier(dossier, table)).exists():
                replis[str(fichier)] = str(fichier.with_suffix(".repli"))
                base.execute(
                    f"COPY ({faits_replies.requete(table, [str(fichier)])}) TO '{replis[str(fichier)]}' (FORMAT parquet)"
                )
    return replis


def mesurer_en_sql(mondes: Sequence[Monde], *, replier: bool = False) -> list[Resultat]:
    """The same results as the oracle's, from `transforms/sql/`: one run per measure date, whatever the number of worlds."""
    resultats = [Resultat() for _ in mondes]
    par_date: dict[date, list[int]] = defaultdict(list)
    for rang, (_, _, date_mesure) in enumerate(mondes):
        par_date[date_mesure].append(rang)
    for date_mesure, rangs in par_date.items():
        with tempfile.TemporaryDirectory() as dossier:
            lus = entrees([mondes[r] for r in rangs], Path(dossier), replier=replier)
            relations = mesurer(lus, date_mesure, [SEAU], relations=("indicateurs", "maturin_sms", "alertes"))
        for nom, relation in relations.items():
            for ligne in relation.iter_rows(named=True):
                numero, _, finess = ligne["finess_et"].partition("/")
                _ranger(resultats[rangs[int(numero)]], nom, finess, ligne)
    return resultats


def _ranger(resultat: Resultat, relation: str, finess: str, ligne: dict[str, Any]) -> None:
    if relation == "indicateurs":
        resultat.indicateurs[(finess, ligne["indicateur"])] = ligne
    elif relation == "maturin_sms":
        resultat.maturin[finess] = ligne
    elif relation == "alertes":
        resultat.alertes.add((ligne["code"], finess, ligne["indicateur"] or ligne["nom_table"], ligne["nombre"]))


def ecarts(attendu: Resultat, obtenu: Resultat) -> list[str]:
    """What differs, on the columns the oracle gives."""
    liste = []
    for nom in ("indicateurs", "maturin"):
        a: dict[Any, dict[str, Any]] = getattr(attendu, nom)
        o: dict[Any, dict[str, Any]] = getattr(obtenu, nom)
        if a.keys() != o.keys():
            liste.append(f"{nom}: {sorted(a.keys() ^ o.keys())}")
        for cle in sorted(a.keys() & o.keys()):
            liste += [
                f"{nom} {cle} {c}: attendu {v!r}, obtenu {o[cle][c]!r}" for c, v in a[cle].items() if o[cle][c] != v
            ]
    liste += [f"alerte en moins : {x}" for x in sorted(attendu.alertes - obtenu.alertes, key=str)]
    liste += [f"alerte en trop : {x}" for x in sorted(obtenu.alertes - attendu.alertes, key=str)]
    return liste
