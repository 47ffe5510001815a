"""The tables made once per publication (specification §7): sums, history, freshness, financing.

The SQL is in `transforms/sql/agregats/`, one relation per file; this module says what each reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import polars.selectors as cs

from schemas.curated import A_LA_CIBLE, SOURCES, dtypes
from schemas.depots import TABLES as DEPOSEES
from transforms import regles
from transforms.dire.conventions import CLE, dire_alertes_projets, dire_aptitude, dire_conditions
from transforms.mesure import texte_sql
from transforms.territoire import categories, departements

# §4.3: the tables that no target needs.
FACULTATIVES = frozenset({"eprescription", "eparcours"})

# What §6.6 is made of, in order.
PROJETS = (
    "verdicts_essms",
    "forfaits_essms",
    "projets_mesures",
    "soldes",
    "conditions_solde",
    "conventions",
    "verifications_aptitude",
    "alertes_projets",
    "financement",
)

# Columns of the dimension `essms` that the sums read.
_LIEUX = ("finess_et", "porteur", "nom_porteur", "sous_secteur", "departement")


def sommer(indicateurs: pl.DataFrame, essms: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Sums of each porteur (`porteurs`) and of each territory (`territoires`), per window, all dates.

    `indicateurs`: columns of the published table and `date_mesure`. `essms`: at least `finess_et`, `porteur`,
    `nom_porteur`, `sous_secteur`, `departement`. `territoires` is whole (`masque` false): see `suppression.masquer`.
    """
    entrees = {
        "indicateurs": indicateurs,
        "essms": essms.select(_LIEUX),
        "departements": departements(),
        "objectifs": regles.relations_publication()["objectifs"],
    }
    return _executer(entrees, ("comptes", "contributions", "porteurs", "territoires"), ("porteurs", "territoires"))


def suivre_panels(indicateurs: pl.DataFrame) -> pl.DataFrame:
    """The sums of the same ESSMS at all the dates of a curve, per porteur and for all ('' as `porteur`).

    `indicateurs` as for `sommer`, the dates of the curves. Out: `porteur`, `date_mesure`, `debut_fenetre`, `mois` (length
    of the window, which says the curve), `indicateur`, `nb_calcules` (ESSMS), `numerateur`, `denominateur`, `taux` (%).
    """
    return _executer({"indicateurs": indicateurs}, ("comptes", "panels"), ("panels",))["panels"]


def suivre_projets(
    indicateurs: pl.DataFrame,
    essms: pl.DataFrame,
    incertains: pl.DataFrame,
    depenses: pl.DataFrame,
    atteintes: pl.DataFrame,
) -> dict[str, pl.DataFrame]:
    """§6.6 at each date: `conventions`, `conditions_solde`, `verifications_aptitude`, `financement`, and their `alertes`.

    `indicateurs`: columns of the published table and `date_mesure`. `essms`: the dimension at each `date_mesure`.
    `incertains`: (`date_mesure`, `projet`), the projects that a row of the register set aside names. `depenses`: `projet`,
    `montant` (euros), `date`. `atteintes`: (`date_mesure`, `projet`) of the other published dates at which `cibles_usage` is
    `remplie`. Amounts are exact, in euros and cents (`Decimal`).
    """
    entrees = {
        "indicateurs": indicateurs,
        "essms": essms,
        "incertains": incertains,
        "depenses": depenses,
        "atteintes_publiees": atteintes,
        **textes_des_projets(),
    }
    faites = _executer(entrees, PROJETS, PROJETS)
    projets = faites["projets_mesures"]
    for autre in ("soldes", "conventions"):
        projets = projets.join(faites[autre].select(*CLE, cs.exclude(projets.columns)), on=CLE)
    return {
        "conventions": faites["conventions"],
        "conditions_solde": dire_conditions(faites["conditions_solde"], projets),
        "verifications_aptitude": dire_aptitude(faites["verifications_aptitude"]),
        "financement": faites["financement"],
        "alertes": dire_alertes_projets(faites["alertes_projets"], projets),
    }


def textes_des_projets() -> dict[str, pl.DataFrame]:
    """What the relations of `PROJETS` read beside measures and registers: the texts, as relations."""
    relations = regles.relations_publication()
    return {"categories": categories(), "forfaits": relations["forfaits"], "textes": relations["textes"]}


def suivre(fichiers: Mapping[date, Path]) -> pl.DataFrame:
    """The latest measure of each ESSMS and indicator beside its history (columns of `evolution`).

    `fichiers`: those of `indicateurs`, by measure date; one written before `verdict` was published has none.
    """
    jours = pl.DataFrame({"fichier": [str(f) for f in fichiers.values()], "date_mesure": list(fichiers)})
    colonnes = ("finess_et", "porteur", "indicateur", "taux", "opposable", "atteint", "statut", "verdict")
    types = dtypes("indicateurs")
    lus = pl.scan_parquet(
        list(fichiers.values()),
        schema={colonne: types[colonne] for colonne in colonnes},
        include_file_paths="fichier",
        glob=False,
        hive_partitioning=False,
        extra_columns="ignore",
        missing_columns="insert",
    )
    historique = lus.collect().join(jours, on="fichier").drop("fichier")
    return _executer({"historique": historique}, ("evolution",), ("evolution",))["evolution"]


def dater(depots: pl.DataFrame, essms: pl.DataFrame, jour: date) -> pl.DataFrame:
    """Age of the data of each porteur and table on the day of the publication (columns of `fraicheur`).

    `depots`: the register of deposits (`porteur`, `nom_table`, `date_extraction`, `statut`, `lignes_utilisees`).
    """
    entrees = {
        "depots": depots.select("porteur", "nom_table", "date_extraction", "statut", "lignes_utilisees"),
        "essms": essms.select("porteur", "nom_porteur"),
        "publication": pl.DataFrame({"jour": [jour]}),
        "tables_deposees": pl.DataFrame(
            [(nom, nom in FACULTATIVES) for nom in DEPOSEES],
            schema={"nom_table": pl.String, "facultative": pl.Boolean},
            orient="row",
        ),
    }
    return _executer(entrees, ("fraicheur",), ("fraicheur",))["fraicheur"].rename({"nom_table": "table"})


def compter_a_la_cible(indicateurs: pl.DataFrame) -> tuple[int, int]:
    """How many ESSMS of one measure are à la cible, and how many à confirmer (§6.5): those of `maturin_sms`."""
    en_defaut = indicateurs.filter(pl.col("opposable") & ~pl.col("verdict").is_in(A_LA_CIBLE))
    restants = en_defaut.group_by("finess_et").agg((pl.col("verdict") == "a_confirmer").all())
    return indicateurs["finess_et"].n_unique() - restants.height, int(restants["verdict"].sum())


def situer_depots(maturin_sms: pl.DataFrame) -> pl.DataFrame:
    """The columns of `essms` that `sommer` reads, as they were at a published date.

    `porteur` stands for `nom_porteur`, which that table does not hold.
    """
    return maturin_sms.with_columns(nom_porteur="porteur").select(_LIEUX)


def besoins() -> dict[str, tuple[str, ...]]:
    """The tables each indicator needs (§6.5), in the order of `schemas.curated.SOURCES`."""
    with duckdb.connect() as base:
        lignes = base.execute(f"SELECT DISTINCT indicateur, nom_table FROM ({texte_sql('besoins')})").fetchall()
    trouves: dict[str, list[str]] = {}
    for indicateur, table in sorted(lignes, key=lambda ligne: SOURCES.index(ligne[1])):
        trouves.setdefault(indicateur, []).append(table)
    return {indicateur: tuple(tables) for indicateur, tables in trouves.items()}


def _executer(
    entrees: Mapping[str, pl.DataFrame], relations: Iterable[str], resultats: Iterable[str]
) -> dict[str, pl.DataFrame]:
    with duckdb.connect(config={"memory_limit": "2GB", "threads": 2}) as base:
        base.execute(texte_sql("macros/duckdb"))
        for nom, table in entrees.items():
            base.register(nom, table.to_arrow())
        for relation in relations:
            base.execute(f"CREATE TEMP TABLE {relation} AS {texte_sql(f'agregats/{relation}')}")
        return {nom: base.sql(f"SELECT * FROM {nom} ORDER BY ALL").pl() for nom in resultats}
