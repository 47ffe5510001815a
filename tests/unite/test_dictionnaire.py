"""One declaration of each published column: models, Arrow, DuckDB, the dictionary, the contract, frictionless agree."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import demo_publiee
import duckdb
import frictionless
import jsonschema
import polars as pl
import pyarrow.parquet as pq
import pytest
import yaml

from schemas import curated
from transforms import dictionnaire

DOCS = Path(__file__).parents[2] / "docs"


def fichiers(table: str) -> list[Path]:
    return sorted((demo_publiee.version() / table).rglob("*.parquet"))


def test_les_pages_sont_a_jour() -> None:
    """`make dictionnaire` was run after the last change of the models."""
    assert (DOCS / "dictionnaire.md").read_text(encoding="utf-8") == dictionnaire.markdown()
    assert (DOCS / "contrat.odcs.yaml").read_text(encoding="utf-8") == dictionnaire.en_yaml(dictionnaire.contrat())


def test_les_schemas_des_fichiers_ecrits_a_la_main_sont_a_jour() -> None:
    """JSON Schemas are those of the models; each profile and rule set names its own, follows it, and a slip does not."""
    for schema, texte in dictionnaire.schemas_json().items():
        assert schema.read_text(encoding="utf-8") == texte
        juge = jsonschema.Draft202012Validator(json.loads(texte))
        ecrits = [f for f in schema.parent.glob("*.toml") if f.stem != "programme"]
        assert len(ecrits) >= 2
        for fichier in ecrits:
            contenu = fichier.read_text(encoding="utf-8")
            assert contenu.startswith(f"#:schema ./{schema.name}\n")
            juge.validate(tomllib.loads(contenu))
            faute = contenu
            for juste, faux in (
                ("cible_pct = 90", "cible_pc = 90"),
                ('table = "sejours"', 'table = "sejour"'),
                ("base", "bas"),
            ):
                faute = faute.replace(juste, faux)
            assert not juge.is_valid(tomllib.loads(faute))


def test_le_contrat_ecrit_est_bien_celui_des_modeles() -> None:
    """The small YAML writer says what it is given, and the contract has every table, column, type and description."""
    contrat: dict[str, Any] = yaml.safe_load((DOCS / "contrat.odcs.yaml").read_text(encoding="utf-8"))
    assert contrat == dictionnaire.contrat()
    assert [t["name"] for t in contrat["schema"]] == list(curated.TABLES)
    for objet in contrat["schema"]:
        types = curated.types_sql(objet["name"])
        proprietes = [p for p in objet["properties"] if p["name"] in types or objet["name"] not in curated.PAR_DATE]
        assert {p["name"]: p["physicalType"] for p in proprietes} == types
        champs = curated.champs_de(objet["name"])
        assert [p["description"] for p in proprietes] == [c.description for c in champs.values()]
        assert [p["required"] for p in proprietes] == [c.requis for c in champs.values()]


@pytest.mark.parametrize("table", curated.TABLES)
def test_chaque_colonne_est_decrite(table: str) -> None:
    assert curated.description(table)
    for champ in curated.champs_de(table).values():
        assert champ.description[0].isupper() or champ.description.startswith("100 ×")
    assert set(curated.champs_de(table)) == set(curated.dtypes(table))


@pytest.mark.parametrize("table", curated.TABLES)
def test_les_fichiers_portent_les_descriptions(table: str) -> None:
    for fichier in fichiers(table):
        schema = pq.read_schema(fichier)
        champs = curated.champs_de(table)
        assert schema.names == list(champs)
        for champ in schema:
            assert champ.metadata[b"description"].decode() == champs[champ.name].description
            assert champ.metadata.get(b"unite", b"").decode() == (champs[champ.name].unite or "")
            assert champ.nullable != champs[champ.name].requis
        assert schema.metadata[b"description"].decode() == curated.description(table)


@pytest.mark.parametrize("table", curated.TABLES)
def test_duckdb_lit_les_types_du_contrat(table: str) -> None:
    """Of the files themselves, and of the view of the catalogue, comments included."""
    with duckdb.connect(str(demo_publiee.version() / "catalogue.duckdb"), read_only=True) as base:
        fichier = str(fichiers(table)[0])
        lus = base.execute("SELECT * FROM read_parquet(?, hive_partitioning = false) LIMIT 0", [fichier]).description
        assert {c[0]: str(c[1]) for c in lus or []} == curated.types_sql(table)
        vue = base.execute(
            "SELECT column_name, data_type, comment FROM duckdb_columns() WHERE table_name = ? ORDER BY column_index",
            [table],
        ).fetchall()
    assert vue == [(c.nom, c.type_sql, c.description) for c in dictionnaire.colonnes(table)]


@pytest.mark.parametrize("table", curated.TABLES)
def test_frictionless_est_d_accord(table: str, tmp_path: Path) -> None:
    """The rows of a table, written as CSV, are valid for frictionless under the Table Schema of the model."""
    lignes = pl.read_parquet(fichiers(table)[-1]).head(2000)
    moments = [nom for nom, dtype in lignes.schema.items() if dtype == pl.Datetime("us", "UTC")]
    lignes.with_columns(pl.col(moments).dt.strftime("%Y-%m-%dT%H:%M:%S%.6f%z")).write_csv(tmp_path / "t.csv")
    schema = frictionless.Schema.from_descriptor(dictionnaire.table_schema_publiee(table))
    ressource = frictionless.Resource(path="t.csv", basepath=str(tmp_path), schema=schema)
    bilan = ressource.validate()
    assert bilan.valid, bilan.flatten(["rowNumber", "fieldName", "type", "note"])[:5]
    assert bilan.tasks[0].stats["rows"] == lignes.height
