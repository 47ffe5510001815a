"""Random worlds of `mondes` measured by the production SQL, in the terms of the oracle; many worlds in one run."""

from __future__ import annotations

import re
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import fields
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
from mondes import Monde
from mondes_registre import ANCIENS, FINESS, MASSE
from oracle import Alerte, Resultat, ordre
from oracle_registre import Essms

from flows.mesure import Inscrits
from flows.reception.registres_ars import Referentiels, lire_registres
from flows.reglages import Reglages
from schemas.depots import champs_de
from transforms import faits_replies, regles
from transforms.agregats import suivre_projets
from transforms.mesure import AUTRES_MESURES, BILANS, DEPOTS, PRECEDENTS, Entrees, mesurer

# One bucket for all worlds: what buckets change is tested elsewhere.
SEAU = 0
NUMEROS = (*FINESS, *ANCIENS, *(f"9900000{i:02d}" for i in range(MASSE)))
# Alerts of one ESSMS are compared with what they are about and their number, but these: their number is not said (§6.3),
# or they are about no indicator and no table.
SANS_NOMBRE = frozenset({"IDENTITE_INCOHERENTE", "CHUTE", "POPULATION_CHUTE"})
SANS_OBJET = frozenset(
    {"IDENTITE_INCOHERENTE", "PROJET_ECHU", "DMP_HORS_POPULATION", "FIN_DE_MOIS", "PREMIERE_MESURE_MANQUEE"}
    | {"POPULATION_CHUTE"}
)


def _finess(monde: int, finess: str) -> str:
    """A FINESS that no other world has."""
    return f"1{monde:04d}{NUMEROS.index(finess):04d}"


def _du_monde(finess: str) -> tuple[int, str]:
    return int(finess[1:5]), NUMEROS[int(finess[5:])]


def _nom(monde: int, nom: str) -> str:
    """A porteur, a project or a deposit that no other world has."""
    return f"{monde}-{nom}"


def _cellule(valeur: Any) -> str:
    if isinstance(valeur, bool):
        return "oui" if valeur else "non"
    return "" if valeur is None else str(valeur)


def _inscription(monde: int, un: Essms) -> dict[str, str]:
    """A row of projets.csv; one in error has a type that does not exist."""
    colonnes = {c.name: _cellule(getattr(un, c.name)) for c in fields(un) if c.name != "fautive"}
    return {
        **colonnes,
        "nom": "Association",
        "finess_et": _finess(monde, un.finess_et),
        "finess_precedent": " ".join(_finess(monde, x) for x in un.finess_precedent),
        "porteur": _nom(monde, un.porteur),
        "projet": "" if un.projet is None else _nom(monde, un.projet),
        "type": "autre" if un.fautive else colonnes["type"],
    }


def registres(mondes: Sequence[Monde], racine: Path) -> Referentiels:
    """The registers of some worlds, written as the agency does and read back."""
    reglages = Reglages(racine)
    inscriptions = [_inscription(monde, un) for monde, (registre, *_) in enumerate(mondes) for un in registre]
    depenses = [
        {"projet": _nom(monde, x.projet), "montant": str(x.montant), "date": str(x.date)}
        for monde, un_monde in enumerate(mondes)
        for x in un_monde.depenses
    ]
    reglages.referentiels.mkdir(parents=True)
    for nom, lignes in (("projets", inscriptions), ("depenses", depenses)):
        if lignes:
            pl.DataFrame(lignes).write_csv(reglages.referentiels / f"{nom}.csv", separator=";")
    return lire_registres(reglages, garder_extrait=False)


def entrees(mondes: Sequence[Monde], inscrits: Inscrits, dossier: Path, *, replier: bool) -> Entrees:
    """Stage the deposits of some worlds under `dossier` as the reception would, without pseudonyms: one file per table.

    With `replier` the facts are read in a fold of that file, as after a compaction.
    """
    depots, bilans = [], []
    lignes: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for monde, (_, recus, *_) in enumerate(mondes):
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
                recu = None if finess is None else _finess(monde, finess)
                bilans.append((nom, recu, utilisees, sum(r == finess for r in depot.rejets)))
            lignes[depot.table] += [
                {"ligne": numero, **ligne, "finess_et": _finess(monde, ligne["finess_et"]), "depot": nom}
                for numero, ligne in enumerate(depot.lignes, 2)
            ]
    for table, de_la_table in lignes.items():
        _deposer(table, de_la_table, _fichier(dossier, table))
    ranges = pl.DataFrame(depots, schema=DEPOTS)
    if replier:
        ranges = ranges.with_columns(fichier_faits=pl.col("fichier").replace(_replier(ranges, dossier)))
    return Entrees(
        essms=inscrits.essms.with_columns(pl.lit(SEAU, pl.UInt8).alias("seau")),
        autres_numeros=inscrits.autres_numeros,
        depots=ranges,
        bilans=pl.DataFrame(bilans, schema=BILANS, orient="row"),
        regles=regles.relations(regles.toutes()),
        precedents=pl.DataFrame(_precedents(mondes), schema=PRECEDENTS, orient="row"),
        premiere_publication=mondes[0].publie.premiere,
        autres_mesures=pl.DataFrame({"date_mesure": mondes[0].publie.dates}, schema=AUTRES_MESURES),
    )


def _precedents(mondes: Sequence[Monde]) -> list[tuple[str, str, float | None, int | None]]:
    return [
        (_finess(i, finess), indicateur, taux, denominateur)
        for i, monde in enumerate(mondes)
        for (finess, indicateur), (taux, denominateur) in monde.publie.precedents.items()
    ]


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
    """The same results as the oracle's, from the pipeline: one run per measure date and calendar of what is published."""
    resultats = [Resultat() for _ in mondes]
    ensembles: dict[tuple[date, date | None, tuple[date, ...]], list[int]] = defaultdict(list)
    for rang, monde in enumerate(mondes):
        ensembles[(monde.d, monde.publie.premiere, monde.publie.dates)].append(rang)
    for (date_mesure, *_), rangs in ensembles.items():
        for nom, relation in _mesurer_ensemble([mondes[r] for r in rangs], date_mesure, replier=replier).items():
            for ligne in relation.iter_rows(named=True):
                numero, propre = _rendre(ligne)
                _ranger(resultats[rangs[numero]], nom, propre)
    return resultats


def _mesurer_ensemble(mondes: Sequence[Monde], date_mesure: date, *, replier: bool) -> dict[str, pl.DataFrame]:
    with tempfile.TemporaryDirectory() as dossier:
        lus = registres(mondes, Path(dossier))
        inscrits = lus.inscrits(date_mesure)
        mesures = mesurer(
            entrees(mondes, inscrits, Path(dossier), replier=replier),
            date_mesure,
            [SEAU],
            relations=("indicateurs", "maturin_sms", "alertes"),
        )
    schema = {"date_mesure": pl.Date, "projet": pl.String}
    atteintes = [(jour, _nom(i, projet)) for i, monde in enumerate(mondes) for projet, jour in monde.publie.atteintes]
    suivis = suivre_projets(
        mesures["indicateurs"].with_columns(date_mesure=date_mesure),
        inscrits.essms.with_columns(date_mesure=date_mesure),
        pl.DataFrame([(date_mesure, x) for x in sorted(inscrits.incertains)], schema=schema, orient="row"),
        lus.depenses,
        pl.DataFrame(atteintes, schema=schema, orient="row"),
    )
    return mesures | {f"projets/{nom}": x for nom, x in suivis.items()}


def _rendre(ligne: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """The number of the world of a row, and the row in its terms; the alert about a project names it in its message."""
    rendue = dict(ligne)
    numero = None
    if ligne.get("message"):
        rendue["projet"] = re.split(r"[\s»]+", ligne["message"].partition("«")[2].strip())[0]
    for colonne in ("porteur", "projet"):
        if rendue.get(colonne):
            monde, _, rendue[colonne] = rendue[colonne].partition("-")
            numero = int(monde)
    if ligne.get("finess_et"):
        numero, rendue["finess_et"] = _du_monde(ligne["finess_et"])
    assert numero is not None, ligne
    return numero, rendue


def _ranger(resultat: Resultat, relation: str, ligne: dict[str, Any]) -> None:
    if relation == "indicateurs":
        resultat.indicateurs[(ligne["finess_et"], ligne["indicateur"])] = ligne
    elif relation == "maturin_sms":
        resultat.maturin[ligne["finess_et"]] = ligne
    elif relation == "projets/conventions":
        resultat.conventions[ligne["projet"]] = ligne
    elif relation == "projets/conditions_solde":
        resultat.conditions[(ligne["projet"], ligne["condition"])] = ligne
    elif relation == "projets/verifications_aptitude":
        resultat.aptitudes[ligne["finess_et"]] = ligne
    elif relation == "projets/alertes":
        resultat.alertes.add((ligne["code"], ligne["projet"], None, None))
    elif relation == "alertes":
        objet = ligne["indicateur"] or ligne["nom_table"]
        resultat.alertes.add(comparable((ligne["code"], ligne["finess_et"], objet, ligne["nombre"])))


def comparable(alerte: Alerte) -> Alerte:
    """An alert without what the specification does not say of it."""
    code, sujet, objet, nombre = alerte
    return code, sujet, None if code in SANS_OBJET else objet, None if code in SANS_NOMBRE else nombre


def ecarts(attendu: Resultat, obtenu: Resultat) -> list[str]:
    """What differs, on the columns the oracle gives; and any balance said to be due that some verdict does not prove."""
    liste = []
    for nom in ("indicateurs", "maturin", "conventions", "conditions", "aptitudes"):
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
    return liste + [f"solde exigible à tort : {x}" for x in soldes_a_tort(obtenu)]


def soldes_a_tort(obtenu: Resultat) -> list[str]:
    """The projects said to be due their balance while an opposable verdict of theirs is no proof (issue 13)."""
    douteux = {
        x["projet"]
        for x in obtenu.indicateurs.values()
        if x["opposable"] and x["verdict"] not in ("atteint", "sans_objet")
    }
    return sorted(projet for projet, x in obtenu.conventions.items() if x["solde_exigible"] and projet in douteux)
