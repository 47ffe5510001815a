"""The dictionary of the published tables, made from their models: for people, as a data contract, as a Table Schema.

`python -m transforms.dictionnaire docs` writes `dictionnaire.md` and `contrat.odcs.yaml` into `docs`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas import curated
from transforms import profils, regles
from transforms.traduction import Saisie

VERSION_CONTRAT = "1.0.0"
_VERSION_ODCS = "v3.1.0"

_LOGIQUES = {
    "VARCHAR": "string",
    "BIGINT": "integer",
    "DOUBLE": "number",
    "DECIMAL(14,2)": "number",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "TIMESTAMP WITH TIME ZONE": "timestamp",
}
# Table Schema of the CSV that `write_csv` makes of a table.
_FRICTIONLESS: Mapping[str, Mapping[str, Any]] = {
    "string": {"type": "string"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean", "trueValues": ["true"], "falseValues": ["false"]},
    "date": {"type": "date"},
    "timestamp": {"type": "datetime", "format": "%Y-%m-%dT%H:%M:%S.%f%z"},
}


@dataclass(frozen=True)
class Colonne:
    """A published column: `type_sql` is that of the views of the catalogue."""

    nom: str
    type_sql: str
    description: str
    unite: str | None
    requise: bool
    valeurs: tuple[str, ...]

    @property
    def type_logique(self) -> str:
        """Its type in the data contract."""
        return _LOGIQUES[self.type_sql]


def colonnes(table: str) -> list[Colonne]:
    """The columns of a table as its readers see them, partition key first."""
    types = curated.types_sql(table)
    cle = [Colonne("date_mesure", "DATE", curated.DESCRIPTION_DATE_MESURE, None, True, ())]
    return (cle if table in curated.PAR_DATE else []) + [
        Colonne(
            c.nom, types[c.nom], c.description, c.unite, c.requis, regles.noms() if c.nom == "regles" else c.valeurs
        )
        for c in curated.champs_de(table).values()
    ]


def chemin(table: str) -> str:
    """The parquet files of a table, from the root of a version."""
    return f"{table}/date_mesure=*/{table}.parquet" if table in curated.PAR_DATE else f"{table}/{table}.parquet"


def markdown() -> str:
    """The dictionary in French, for `docs/dictionnaire.md`."""
    lignes = [
        "# Dictionnaire des tables publiées",
        "",
        "Fait à partir des modèles (`schemas/curated.py`) par `make dictionnaire` : ne pas corriger ici. Les fichiers sont",
        "sous `data/curated/actuel/` ; `catalogue.duckdb` montre les mêmes tables. Les colonnes s'ajoutent, ne changent pas",
        "de nom et ne disparaissent pas. « Vide » : la valeur peut manquer.",
        "",
    ]
    lignes += [f"- [{table}](#{table}) : {curated.description(table)}" for table in curated.TABLES]
    for table in curated.TABLES:
        cle = curated.CLES.get(table)
        lignes += [
            "",
            f"## {table}",
            "",
            curated.description(table),
            "",
            f"Fichiers : `{chemin(table)}`." + (f" Clé : {', '.join(f'`{c}`' for c in cle)}." if cle else ""),
            "",
            "| colonne | type | unité | vide | description |",
            "|---|---|---|---|---|",
        ]
        for c in colonnes(table):
            valeurs = f" Valeurs : {', '.join(f'`{v}`' for v in c.valeurs)}." if c.valeurs else ""
            vide = "" if c.requise else "oui"
            lignes.append(f"| `{c.nom}` | {c.type_sql} | {c.unite or ''} | {vide} | {c.description}.{valeurs} |")
    return "\n".join(lignes) + "\n"


def contrat() -> dict[str, Any]:
    """The data contract (Open Data Contract Standard v3), for `docs/contrat.odcs.yaml`."""
    return {
        "apiVersion": _VERSION_ODCS,
        "kind": "DataContract",
        "id": "duimetre-tables-publiees",
        "name": "duimètre, tables publiées",
        "version": VERSION_CONTRAT,
        "status": "active",
        "domain": "médico-social",
        "description": {
            "purpose": "Indicateurs d'usage du DUI, de MSSanté et du DMP par les ESSMS, chaque nuit.",
            "usage": "Suivi du programme ESMS numérique par l'agence régionale de santé et les porteurs.",
            "limitations": (
                "Usage interne à l'agence. Hors de l'agence, ne publier que ce que « duimetre exporter --public » écrit : "
                "les petits effectifs y sont masqués."
            ),
        },
        "servers": [{"server": "actuel", "type": "local", "path": "data/curated/actuel", "format": "parquet"}],
        "schema": [_objet(table) for table in curated.TABLES],
    }


def _objet(table: str) -> dict[str, Any]:
    cle = curated.CLES.get(table, ())
    if not all(colonne.requise for colonne in colonnes(table) if colonne.nom in cle):
        cle = ()  # a primary key has no null
    return {
        "name": table,
        "physicalName": chemin(table),
        "logicalType": "object",
        "physicalType": "table",
        "description": curated.description(table),
        "properties": [_propriete(colonne, cle) for colonne in colonnes(table)],
    }


def _propriete(colonne: Colonne, cle: Sequence[str]) -> dict[str, Any]:
    propriete: dict[str, Any] = {
        "name": colonne.nom,
        "logicalType": colonne.type_logique,
        "physicalType": colonne.type_sql,
        "required": colonne.requise,
        "description": colonne.description,
    }
    if colonne.nom in cle:
        propriete |= {"primaryKey": True, "primaryKeyPosition": cle.index(colonne.nom) + 1}
    if colonne.unite:
        propriete["customProperties"] = [{"property": "unite", "value": colonne.unite}]
    if colonne.valeurs:
        propriete["quality"] = [
            {
                "type": "library",
                "metric": "invalidValues",
                "arguments": {"validValues": list(colonne.valeurs)},
                "mustBe": 0,
            }
        ]
    return propriete


def table_schema_publiee(table: str) -> dict[str, Any]:
    """Table Schema of the CSV of a table (columns of its files: the partition key is in the folder name)."""
    return {
        "fields": [
            {
                "name": c.nom,
                **_FRICTIONLESS[c.type_logique],
                "description": c.description,
                "constraints": {"required": c.requise} | ({"enum": list(c.valeurs)} if c.valeurs else {}),
            }
            for c in colonnes(table)
            if not (c.nom == "date_mesure" and table in curated.PAR_DATE)
        ],
        "missingValues": [""],
    }


def en_yaml(valeur: Mapping[str, Any]) -> str:
    """A mapping as block YAML; every text is quoted as in JSON, which YAML reads as it is."""
    return "\n".join(_lignes_yaml(valeur)) + "\n"


def _lignes_yaml(valeur: Any, retrait: str = "") -> Iterator[str]:
    for cle, contenu in valeur.items():
        if isinstance(contenu, Mapping):
            yield f"{retrait}{cle}:"
            yield from _lignes_yaml(contenu, retrait + "  ")
        elif isinstance(contenu, list) and contenu and isinstance(contenu[0], Mapping):
            yield f"{retrait}{cle}:"
            for element in contenu:
                premiere, *suite = _lignes_yaml(element, retrait + "    ")
                yield f"{retrait}  - {premiere.lstrip()}"
                yield from suite
        else:
            yield f"{retrait}{cle}: {json.dumps(contenu, ensure_ascii=False)}"


def schemas_json() -> dict[Path, str]:
    """JSON Schema of the files that people write beside the code, for their text editor to complete with."""
    modeles: dict[Path, type[Saisie]] = {
        profils.dossier_des_profils() / "profil.schema.json": profils.Description,
        regles.dossier_des_regles() / "regles.schema.json": regles.Regles,
    }
    return {
        fichier: json.dumps(modele.model_json_schema(), ensure_ascii=False, indent=1) + "\n"
        for fichier, modele in modeles.items()
    }


def ecrire_dictionnaire(dossier: Path) -> None:
    """Write the dictionary and the contract into `dossier`, the JSON Schemas beside the files they describe."""
    pages = {dossier / "dictionnaire.md": markdown(), dossier / "contrat.odcs.yaml": en_yaml(contrat())}
    for fichier, texte in (pages | schemas_json()).items():
        fichier.write_text(texte, encoding="utf-8")


if __name__ == "__main__":
    ecrire_dictionnaire(Path(sys.argv[1]))
