"""Templates, examples and Table Schema of the input tables, all made from their models (specification §4).

Nothing here declares a column: what a column is called, means and accepts comes from `schemas.champs`; a kind of column
(`nature`) is translated once into what Excel and Table Schema call it.
"""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import date, datetime
from typing import Any

import xlsxwriter

from schemas.champs import Champ
from schemas.depots import IDENTIFIANT_CARACTERES_MAX, TABLES, champs_de, cle, grain, libelle
from transforms.types import INS

# Extraction date of the examples: the facts they hold are earlier.
DATE_EXEMPLE = date(2026, 4, 1)
# Of the published schemas: to be raised when a column comes.
VERSION_SCHEMA = "1.0.0"

_DATE_DES_CLASSEURS = datetime(2026, 1, 1)
_DERNIERE_LIGNE = 1_048_575
_LISTE_BOOLEENNE = ("oui", "non")
_TEXTE = "@"
_FORMATS_EXCEL = {"date": "yyyy-mm-dd", "horodatage": "yyyy-mm-dd hh:mm", "entier": "0"}
_ATTENDU = {
    "finess": "9 caractères, zéros de tête compris",
    "ins": "15 caractères",
    "id": f"{IDENTIFIANT_CARACTERES_MAX} caractères au plus",
    "texte": "texte",
    "date": "AAAA-MM-JJ ou JJ/MM/AAAA",
    "horodatage": "AAAA-MM-JJ HH:MM ou JJ/MM/AAAA HH:MM",
    "bool": "oui ou non",
    "entier": "nombre entier",
    "decimal": "nombre",
}
_TABLE_SCHEMA: dict[str, dict[str, Any]] = {
    "finess": {"type": "string", "constraints": {"minLength": 9, "maxLength": 9, "pattern": "^[0-9A-Z]{9}$"}},
    "ins": {"type": "string", "constraints": {"minLength": 15, "maxLength": 15, "pattern": INS}},
    "id": {"type": "string", "constraints": {"minLength": 1, "maxLength": IDENTIFIANT_CARACTERES_MAX}},
    "texte": {"type": "string", "constraints": {}},
    "liste": {"type": "string", "constraints": {}},
    "date": {"type": "date", "format": "%Y-%m-%d", "constraints": {}},
    "horodatage": {"type": "datetime", "format": "%Y-%m-%d %H:%M", "constraints": {}},
    "bool": {
        "type": "boolean",
        "trueValues": ["oui", "o", "true", "vrai", "1"],
        "falseValues": ["non", "n", "false", "faux", "0"],
        "constraints": {},
    },
    "entier": {"type": "integer", "constraints": {}},
    "decimal": {"type": "number", "constraints": {}},
}


def fichiers(table: str) -> dict[str, bytes]:
    """What a porteur gets for one table, by file name: empty templates, a valid example, the Table Schema."""
    return {
        f"{table}_AAAA-MM-JJ.csv": _csv([list(champs_de(table))]),
        f"{table}_AAAA-MM-JJ.xlsx": classeur(table),
        f"{table}_{DATE_EXEMPLE}_exemple.csv": _csv([list(champs_de(table)), *lignes_exemple(table)]),
        "schema.json": (json.dumps(table_schema(table), ensure_ascii=False, indent=2) + "\n").encode(),
    }


def lignes_exemple(table: str) -> list[list[str]]:
    """Valid rows, in the order of the columns: the example of each column; lists and yes/no go through their values.

    Identifiers differ from row to row, so that no row is a copy of another; only the first has an INS.
    """
    champs = list(champs_de(table).values())
    nombre = max(2, *(len(_valeurs(c)) for c in champs))

    def cellule(champ: Champ, rang: int) -> str:
        if valeurs := _valeurs(champ):
            return valeurs[rang % len(valeurs)]
        exemple = champ.exemple or ""
        if champ.nature == "ins" and rang:
            return ""
        return f"{exemple}-{rang + 1}" if champ.nature == "id" and rang else exemple

    return [[cellule(c, rang) for c in champs] for rang in range(nombre)]


def _valeurs(champ: Champ) -> tuple[str, ...]:
    return _LISTE_BOOLEENNE if champ.nature == "bool" else champ.valeurs


def _csv(lignes: list[list[str]]) -> bytes:
    """`;`, CRLF and UTF-8 with BOM: a double click opens it in a French Excel."""
    texte = io.StringIO(newline="")
    csv.writer(texte, delimiter=";", lineterminator="\r\n").writerows(lignes)
    return texte.getvalue().encode("utf-8-sig")


def classeur(table: str) -> bytes:
    """An empty workbook: one sheet named after the table, its headers explained, columns of text, dates and lists ready to fill.

    Columns of text are in text format, so that Excel keeps the zeros of a FINESS. The same bytes each time.
    """
    tampon = io.BytesIO()
    with xlsxwriter.Workbook(tampon, {"in_memory": True}) as livre:
        livre.set_properties({"title": libelle(table), "created": _DATE_DES_CLASSEURS})
        entete = {"bold": True, "bottom": 1, "num_format": _TEXTE}
        facultatif, requis = livre.add_format(entete), livre.add_format({**entete, "bg_color": "#FFE9A8"})
        feuille = livre.add_worksheet(table)
        feuille.freeze_panes(1, 0)
        for rang, champ in enumerate(champs_de(table).values()):
            cellules = livre.add_format({"num_format": _FORMATS_EXCEL.get(champ.nature, _TEXTE)})
            feuille.set_column(rang, rang, max(16, len(champ.nom) + 4), cellules)
            feuille.write_string(0, rang, champ.nom, requis if champ.requis else facultatif)
            feuille.write_comment(0, rang, _notice(champ), {"author": "duimètre", "x_scale": 2.5, "y_scale": 1.6})
            if valeurs := _valeurs(champ):
                choix = {
                    "validate": "list",
                    "source": list(valeurs),
                    "ignore_blank": not champ.requis,
                    "error_title": champ.nom,
                    "error_message": f"Valeurs acceptées : {', '.join(valeurs)}.",
                }
                feuille.data_validation(1, rang, _DERNIERE_LIGNE, rang, choix)
    return tampon.getvalue()


def _notice(champ: Champ) -> str:
    lignes = [f"{champ.description}.", "Obligatoire." if champ.requis else "Facultatif."]
    lignes.append(f"Attendu : {', '.join(champ.valeurs) if champ.valeurs else _ATTENDU[champ.nature]}.")
    if champ.exemple:
        lignes.append(f"Exemple : {champ.exemple}")
    return "\n".join(lignes)


def table_schema(table: str) -> dict[str, Any]:
    """The Table Schema of a table, laid out as on schema.data.gouv.fr."""
    schema: dict[str, Any] = {
        "$schema": "https://frictionlessdata.io/schemas/table-schema.json",
        "name": f"duimetre-{table.replace('_', '-')}",
        "title": f"duimètre : {libelle(table)}",
        "description": (
            f"Export « {table} » déposé par un porteur du programme ESMS numérique ({libelle(table)}). "
            "Fichier CSV, séparateur « ; », encodage UTF-8, nommé "
            f"{table}_AAAA-MM-JJ.csv où la date est celle de l'extraction."
        ),
        "countryCode": "FR",
        "version": VERSION_SCHEMA,
        "missingValues": [""],
        "fields": [_champ_de_schema(champ, table) for champ in champs_de(table).values()],
    }
    if grain(table) == "etat":
        schema["primaryKey"] = list(cle(table))
    return schema


def _champ_de_schema(champ: Champ, table: str) -> dict[str, Any]:
    modele = _TABLE_SCHEMA[champ.nature]
    contraintes = {"required": champ.requis and champ.colonne_requise, **modele["constraints"]}
    if champ.valeurs:
        contraintes["enum"] = list(champ.valeurs)
    verifications = {v.name for v in TABLES[table].to_schema().columns[champ.nom].checks}
    if "entier_negatif" in verifications:
        contraintes["minimum"] = 0
    description = champ.description + (f" (en {champ.unite})" if champ.unite else "")
    champ_de_schema = {
        "name": champ.nom,
        "title": re.split(r" ?[;:(]", champ.description)[0].strip(),
        "description": description,
        **{cle_: valeur for cle_, valeur in modele.items() if cle_ != "constraints"},
    }
    if champ.exemple:
        champ_de_schema["example"] = champ.exemple
    return {**champ_de_schema, "constraints": contraintes}
