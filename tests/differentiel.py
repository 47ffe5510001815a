"""A random world of `mondes` measured by the production SQL, in the terms of the oracle."""

from __future__ import annotations

import tempfile
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
from mondes import Monde
from oracle import Resultat

from schemas.curated import dtypes
from schemas.depots import champs_de
from transforms import regles
from transforms.mesure import BILANS, DEPOTS, PRECEDENTS, Entrees, mesurer
from transforms.nommage import cle_de_tri

# One bucket for the whole world: what buckets change is tested elsewhere.
SEAU = 0


def _essms(monde: Monde) -> pl.DataFrame:
    lignes = [
        {
            "finess_et": e.finess_et,
            "porteur": e.porteur,
            "regles": e.regles,
            "date_premiere_mesure": e.date_premiere_mesure,
            "sous_secteur": e.sous_secteur,
            "exemption_socles": e.exemption_socles,
        }
        for e in monde[0]
    ]
    cadre = pl.concat([pl.DataFrame(schema=dtypes("essms")), pl.DataFrame(lignes)], how="diagonal_relaxed")
    return cadre.with_columns(pl.lit(SEAU, pl.UInt8).alias("seau"))


def entrees(monde: Monde, dossier: Path) -> Entrees:
    """Stage the deposits of a world under `dossier` as the reception would, without pseudonyms."""
    depots, bilans = [], []
    classes = sorted(monde[1], key=lambda d: (d.date_extraction, cle_de_tri(d.chemin, d.membre), d.table))
    for rang, depot in enumerate(classes):
        nom = f"d{rang}"
        fichier = dossier / f"{nom}.parquet"
        accepte = depot.statut != "refuse"
        staged = str(fichier) if depot.lignes else None
        depots.append(
            (nom, depot.porteur, depot.table, depot.date_extraction, depot.partiel, accepte, rang, staged)
        )
        for finess in {ligne["finess_et"] for ligne in depot.lignes} | set(depot.rejets):
            utilisees = sum(ligne["finess_et"] == finess for ligne in depot.lignes)
            bilans.append((nom, finess, utilisees, sum(r == finess for r in depot.rejets)))
        if depot.lignes:
            schema = {"ligne": pl.UInt32} | {c.nom: c.dtype for c in champs_de(depot.table).values()}
            lignes = [
                {"ligne": numero}
                | {c: ligne.get(c) for c in schema if c != "ligne"}
                | {"ligne": ligne.get("ligne", numero)}
                for numero, ligne in enumerate(depot.lignes, 2)
            ]
            cadre = pl.DataFrame(lignes, schema=schema)
            if depot.table == "agenda":  # the reception keeps an exact copy once
                cadre = cadre.unique([c for c in schema if c != "ligne"], keep="first", maintain_order=True)
            cadre = cadre.with_columns(depot=pl.lit(nom), seau=pl.lit(SEAU, pl.UInt8))
            cadre.write_parquet(fichier)
    return Entrees(
        essms=_essms(monde),
        depots=pl.DataFrame(depots, schema=DEPOTS, orient="row"),
        bilans=pl.DataFrame(bilans, schema=BILANS, orient="row"),
        regles=regles.relations(regles.toutes()),
        precedents=pl.DataFrame(schema=PRECEDENTS),
    )


def mesurer_en_sql(monde: Monde, date_mesure: date | None = None) -> Resultat:
    """The same result as the oracle's, from `transforms/sql/`."""
    with tempfile.TemporaryDirectory() as dossier:
        e = entrees(monde, Path(dossier))
        relations = mesurer(e, date_mesure or monde[2], [SEAU])
    resultat = Resultat()
    for ligne in relations["indicateurs"].iter_rows(named=True):
        resultat.indicateurs[(ligne["finess_et"], ligne["indicateur"])] = ligne
    for ligne in relations["maturin_sms"].iter_rows(named=True):
        resultat.maturin[ligne["finess_et"]] = ligne
    for ligne in relations["alertes"].iter_rows(named=True):
        objet = ligne["indicateur"] or ligne["nom_table"]
        resultat.alertes.add((ligne["code"], ligne["finess_et"], objet, ligne["nombre"]))
    return resultat


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
