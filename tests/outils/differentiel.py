"""Random worlds of `mondes` measured by the production SQL, in the terms of the oracle; many worlds in one run."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
from mondes import Monde, accorder
from mondes_registre import ANCIENS, FINESS, MASSE
from oracle import Alerte, Resultat, ordre
from oracle_registre import Essms, registre_du

from schemas.curated import dtypes
from schemas.depots import champs_de
from transforms import faits_replies, regles
from transforms.mesure import BILANS, DEPOTS, PRECEDENTS, Entrees, mesurer

# One bucket for all worlds: what buckets change is tested elsewhere.
SEAU = 0
NUMEROS = (*FINESS, *ANCIENS, *(f"9900000{i:02d}" for i in range(MASSE)))
# Alerts of one ESSMS are compared with what they are about and their number, but these: their number is not said (§6.3),
# or they are about no indicator and no table.
SANS_NOMBRE = frozenset({"IDENTITE_INCOHERENTE"})
SANS_OBJET = frozenset({"IDENTITE_INCOHERENTE", "PROJET_ECHU", "DMP_HORS_POPULATION", "FIN_DE_MOIS"})
# Columns and alerts of version 2 that the pipeline does not give yet.
PAS_ENCORE = frozenset(
    {"statut", "SOURCE_PARTIELLE", "projet", "taux_plancher", "verdict", "cibles_atteintes", "cibles_a_confirmer"}
    | {"VALEUR_NULLE", "MONTANT", "DELAI_DEPASSE", "CHUTE", "POPULATION_CHUTE", "PREMIERE_MESURE_MANQUEE"}
)
# What needs other measures or other files than a world holds.
NON_COMPAREES = frozenset({"CHUTE", "POPULATION_CHUTE", "PREMIERE_MESURE_MANQUEE"})


def _finess(monde: int, finess: str | None) -> str | None:
    """A FINESS that no other world has."""
    return None if finess is None else f"1{monde:04d}{NUMEROS.index(finess):04d}"


def _du_monde(finess: str) -> tuple[int, str]:
    return int(finess[1:5]), NUMEROS[int(finess[5:])]


def _nom(monde: int, nom: str) -> str:
    """A porteur, a project or a deposit that no other world has."""
    return f"{monde}-{nom}"


def _essms(monde: int, un: Essms) -> dict[str, Any]:
    ligne = {c.name: getattr(un, c.name) for c in fields(un) if c.name != "fautive"}
    part = un.part_medico_sociale
    return {
        **ligne,
        "finess_et": _finess(monde, un.finess_et),
        "porteur": _nom(monde, un.porteur),
        "projet": _nom(monde, un.convention),
        "part_medico_sociale": None if part is None else float(part),
    }


def entrees(mondes: Sequence[Monde], dossier: Path, *, replier: bool) -> Entrees:
    """Stage the deposits of some worlds under `dossier` as the reception would, without pseudonyms: one file per table.

    With `replier` the facts are read in a fold of that file, as after a compaction.
    """
    essms: list[dict[str, Any]] = []
    depots, bilans = [], []
    lignes: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for monde, (registre, recus, d, *_) in enumerate(mondes):
        essms += [_essms(monde, e) for e in registre_du(registre, d).valides]
        classes = sorted(recus, key=lambda d: (*ordre(d), d.table))
        for rang, depot in enumerate(classes):
            nom = _nom(monde, f"d{rang}")
            refus = "TROP_DE_REJETS" if depot.rejets else "COLONNE_MANQUANTE"
            fichier = str(_fichier(dossier, depot.table)) if depot.lignes else None
            valeurs = {
                "depot": nom,
                "porteur": _nom(monde, depot.porteur),
                "nom_table": depot.table,
                "date_extraction": depot.date_extraction,
                "partiel": depot.partiel,
                "accepte": depot.statut != "refuse",
                "motif": refus if depot.statut == "refuse" else None,
                "ordre": rang,
                "fichier": fichier,
                "fichier_faits": fichier,
            }
            depots.append({c: valeurs[c] for c in DEPOTS})
            for finess in {ligne["finess_et"] for ligne in depot.lignes} | set(depot.rejets):
                utilisees = sum(ligne["finess_et"] == finess for ligne in depot.lignes)
                bilans.append((nom, _finess(monde, finess), utilisees, sum(r == finess for r in depot.rejets)))
            lignes[depot.table] += [
                {"ligne": numero, **ligne, "finess_et": _finess(monde, ligne["finess_et"]), "depot": nom}
                for numero, ligne in enumerate(depot.lignes, 2)
            ]
    for table, de_la_table in lignes.items():
        _deposer(table, de_la_table, _fichier(dossier, table))
    ranges = pl.DataFrame(depots, schema=DEPOTS)
    if replier:
        ranges = ranges.with_columns(fichier_faits=pl.col("fichier").replace(_replier(ranges, dossier)))
    colonnes = dtypes("essms")
    return Entrees(
        essms=pl.concat(
            [
                pl.DataFrame(schema=colonnes),
                pl.DataFrame(essms, infer_schema_length=None).select(c for c in essms[0] if c in colonnes),
            ],
            how="diagonal_relaxed",
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


def fige(monde: Monde) -> Monde:
    """A world whose register has neither periods nor former numbers, as long as the pipeline reads none."""
    valides = registre_du(monde.registre, monde.d).valides
    return accorder(
        monde._replace(registre=tuple(replace(x, debut=None, fin=None, finess_precedent=()) for x in valides))
    )


def mesurer_en_sql(mondes: Sequence[Monde], *, replier: bool = False) -> list[Resultat]:
    """The same results as the oracle's, from `transforms/sql/`: one run per measure date, whatever the number of worlds."""
    resultats = [Resultat() for _ in mondes]
    par_date: dict[date, list[int]] = defaultdict(list)
    for rang, monde in enumerate(mondes):
        par_date[monde.d].append(rang)
    for date_mesure, rangs in par_date.items():
        with tempfile.TemporaryDirectory() as dossier:
            lus = entrees([mondes[r] for r in rangs], Path(dossier), replier=replier)
            relations = mesurer(lus, date_mesure, [SEAU], relations=("indicateurs", "maturin_sms", "alertes"))
        for nom, relation in relations.items():
            for ligne in relation.iter_rows(named=True):
                numero, finess = _du_monde(ligne["finess_et"])
                _ranger(resultats[rangs[numero]], nom, finess, ligne)
    return resultats


def _ranger(resultat: Resultat, relation: str, finess: str, ligne: dict[str, Any]) -> None:
    if "projet" in ligne:
        ligne["projet"] = ligne["projet"].partition("-")[2]
    if relation == "indicateurs":
        resultat.indicateurs[(finess, ligne["indicateur"])] = ligne
    elif relation == "maturin_sms":
        resultat.maturin[finess] = ligne
    elif relation == "alertes" and ligne["code"] not in NON_COMPAREES:
        resultat.alertes.add(
            comparable((ligne["code"], finess, ligne["indicateur"] or ligne["nom_table"], ligne["nombre"]))
        )


def comparable(alerte: Alerte) -> Alerte:
    """An alert without what the specification does not say of it."""
    code, finess, objet, nombre = alerte
    return code, finess, None if code in SANS_OBJET else objet, None if code in SANS_NOMBRE else nombre


def ecarts(attendu: Resultat, obtenu: Resultat) -> list[str]:
    """What differs, on the tables and columns that both give."""
    liste = []
    for nom in ("indicateurs", "maturin"):
        a: dict[Any, dict[str, Any]] = getattr(attendu, nom)
        o: dict[Any, dict[str, Any]] = getattr(obtenu, nom)
        if a.keys() != o.keys():
            liste.append(f"{nom}: {sorted(a.keys() ^ o.keys())}")
        for cle in sorted(a.keys() & o.keys()):
            liste += [
                f"{nom} {cle} {c}: attendu {v!r}, obtenu {o[cle].get(c)!r}"
                for c, v in a[cle].items()
                if c not in PAS_ENCORE and o[cle].get(c) != v
            ]
    attendues = {x for x in attendu.alertes if x[0] not in PAS_ENCORE}
    liste += [f"alerte en moins : {x}" for x in sorted(attendues - obtenu.alertes, key=str)]
    liste += [
        f"alerte en trop : {x}" for x in sorted(obtenu.alertes - attendu.alertes, key=str) if x[0] not in PAS_ENCORE
    ]
    return liste
