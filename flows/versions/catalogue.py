"""The catalogue of a version: read-only DuckDB views over its files, and the ready questions (§2)."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from flows.versions.manifeste import COLONNES, contenu_du_manifeste
from flows.versions.version import CATALOGUE, id_en_cours
from schemas.curated import PARTITION
from transforms.mesure import litteral

VARIABLE_DOSSIER = "duimetre_version"
"""DuckDB variable that tells the views of a catalogue where their version now is, when the data root was moved."""

VERSION_STOCKAGE = "v1.4.0"
"""Storage version of the catalogue: the oldest DuckDB client that must open it."""


@dataclass(frozen=True)
class ColonneVue:
    """A column of a view: name, DuckDB type, French description."""

    nom: str
    type_sql: str
    description: str


@dataclass(frozen=True)
class Vue:
    """A table of a version as the catalogue shows it.

    Its files are `<nom>/<PARTITION>=AAAA-MM-JJ/*.parquet` when `partitionnee`, else `<nom>/*.parquet`.
    """

    nom: str
    description: str
    colonnes: Sequence[ColonneVue]
    partitionnee: bool


@dataclass(frozen=True)
class Macro:
    """A ready question: a table macro over views of the catalogue.

    `tables`: the views that `requete` names. `relations`: other names of it, each with its query, which reads no file.
    """

    nom: str
    parametres: Sequence[str]
    description: str
    requete: str
    tables: Sequence[str]
    relations: Mapping[str, str]


def construire_catalogue(
    nouvelle: Path, vues: Sequence[Vue], macros: Sequence[Macro] = (), precedente: Path | None = None
) -> dict[str, list[list[str]]]:
    """Write `catalogue.duckdb` into a version being built: one documented view per table, and macros.

    Call it before `reporter`, so that it opens the files of tonight only, however long the history: what the partitions
    of `precedente` look like is taken from its manifest. Returns, for the manifest of this version (key `COLONNES`), the
    different sets of columns that the files of each partitioned table have.

    The views name the absolute path the version will have once published, so they work from any directory and stay
    with their version when `actuel` moves. If the data root is moved, a reader says where the version now is:
    `SET VARIABLE duimetre_version = '<new root>/curated/versions/<id>'` (VARIABLE_DOSSIER; `[`, `*` and `?` of the path
    between square brackets). A partitioned table's column that no file has yet is null; a table without a file is an
    empty view. The columns of a view are those declared, in their order. Raises duckdb.Error, VersionInvalide when
    `precedente` cannot be read.
    """
    catalogue = nouvelle / CATALOGUE
    publiee = nouvelle.parent / id_en_cours(nouvelle)
    with duckdb.connect() as base:
        jeux = _jeux_de_colonnes(base, vues, nouvelle, precedente)
        # A view is bound when created: the variable shows it files that are there now.
        base.execute(f"SET VARIABLE {VARIABLE_DOSSIER} = {litteral(_motif(nouvelle))}")
        base.execute(f"ATTACH {litteral(str(catalogue))} AS {_nom('catalogue')} (STORAGE_VERSION '{VERSION_STOCKAGE}')")
        base.execute("USE catalogue")
        base.execute("BEGIN")  # one write to the disk, not one for each comment
        requetes = {vue.nom: _requete(vue, nouvelle, publiee, jeux.get(vue.nom, [])) for vue in vues}
        for vue in vues:
            base.execute(f"CREATE VIEW {_nom(vue.nom)} AS {requetes[vue.nom]}")
            base.execute(f"COMMENT ON VIEW {_nom(vue.nom)} IS {litteral(vue.description)}")
            for colonne in vue.colonnes:
                cible = f"{_nom(vue.nom)}.{_nom(colonne.nom)}"
                base.execute(f"COMMENT ON COLUMN {cible} IS {litteral(colonne.description)}")
        for macro in macros:
            # A name in a macro is looked up where it is called: with its own queries it works under any ATTACH.
            noms = {table: requetes[table] for table in macro.tables} | dict(macro.relations)
            sources = ", ".join(f"{_nom(nom)} AS ({requete})" for nom, requete in noms.items())
            base.execute(
                f"CREATE MACRO {_nom(macro.nom)}({', '.join(macro.parametres)}) AS TABLE WITH {sources} {macro.requete}"
            )
            base.execute(f"COMMENT ON MACRO TABLE {_nom(macro.nom)} IS {litteral(macro.description)}")
        base.execute("COMMIT")
        base.execute("USE memory")
        base.execute("DETACH catalogue")
    return jeux


def _requete(vue: Vue, nouvelle: Path, publiee: Path, jeux: Sequence[Sequence[str]]) -> str:
    sous_dossiers = f"/{PARTITION}=*" if vue.partitionnee else ""
    motif = f"/{vue.nom}{sous_dossiers}/*.parquet"
    if not any(nouvelle.glob(motif[1:])):
        nulles = ", ".join(f"CAST(NULL AS {colonne.type_sql}) AS {_nom(colonne.nom)}" for colonne in vue.colonnes)
        return f"SELECT {nulles} WHERE false"
    racine = f"coalesce(getvariable('{VARIABLE_DOSSIER}'), {litteral(_motif(publiee))})"
    colonnes = [f"CAST({_nom(c.nom)} AS {c.type_sql}) AS {_nom(c.nom)}" for c in vue.colonnes]
    options = ""
    if vue.partitionnee:
        options = f", hive_partitioning = true, hive_types = {{'{PARTITION}': DATE}}"
        if len(jeux) > 1:
            # Only then: it makes every query read the footer of every partition.
            options += ", union_by_name = true"
        connues = {PARTITION} | {colonne.partition(" ")[0] for jeu in jeux for colonne in jeu}
        colonnes = [
            expression if c.nom in connues else f"CAST(NULL AS {c.type_sql}) AS {_nom(c.nom)}"
            for c, expression in zip(vue.colonnes, colonnes, strict=True)
        ]
    return f"SELECT {', '.join(colonnes)} FROM read_parquet({racine} || {litteral(motif)}{options})"


def _jeux_de_colonnes(
    base: duckdb.DuckDBPyConnection, vues: Sequence[Vue], nouvelle: Path, precedente: Path | None
) -> dict[str, list[list[str]]]:
    """Per partitioned table the different sets of columns (`name type`) of its files, those to be carried over included."""
    herites = contenu_du_manifeste(precedente).get(COLONNES) if precedente else {}
    jeux: dict[str, list[list[str]]] = {}
    for vue in vues:
        if vue.partitionnee:
            trouves = _jeux_des_fichiers(base, nouvelle, vue.nom)
            if herites is not None:
                trouves |= {tuple(jeu) for jeu in herites.get(vue.nom, [])}
            elif precedente is not None:  # published by a duimètre that did not write them down
                trouves |= _jeux_des_fichiers(base, precedente, vue.nom)
            jeux[vue.nom] = [list(jeu) for jeu in sorted(trouves)]
    return jeux


def _jeux_des_fichiers(base: duckdb.DuckDBPyConnection, version: Path, table: str) -> set[tuple[str, ...]]:
    motif = f"{table}/{PARTITION}=*/*.parquet"
    if not any(version.glob(motif)):
        return set()
    schemas = base.execute(
        "SELECT DISTINCT list(concat_ws(' ', name, type, converted_type, logical_type) ORDER BY name) "
        f"FROM parquet_schema({litteral(f'{_motif(version)}/{motif}')}) WHERE num_children IS NULL GROUP BY file_name"
    ).fetchall()
    return {tuple(schema) for (schema,) in schemas}


def _nom(valeur: str) -> str:
    return '"' + valeur.replace('"', '""') + '"'


def _motif(chemin: Path) -> str:
    """The absolute path as a glob that matches it alone; links in it are kept: moving their target is no move."""
    return re.sub(r"[\[*?]", r"[\g<0>]", os.path.abspath(chemin))  # noqa: PTH100
