"""What the name of a deposit says (specification §4): table, extraction date, partial or not, format."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from pathlib import PurePosixPath
from typing import Literal

import polars as pl

from schemas.depots import TABLES
from transforms.lecture.modele import LectureImpossible

Format = Literal["csv", "csv.gz", "xlsx", "parquet", "json", "zip"]
FORMATS: tuple[Format, ...] = ("csv.gz", "csv", "xlsx", "parquet", "json", "zip")

TDDUI = "tddui"
CLASSEUR = "duimetre"

_NOM = re.compile(r"^(?P<table>.+?)_(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{8})(?P<reste>_.*)?$", re.DOTALL)
_EN_COURS = (".part", ".tmp", ".filepart")


@dataclass(frozen=True)
class Nom:
    """A well-formed name: `table` is an input table, `tddui` (bundle) or `duimetre` (one sheet per table)."""

    table: str
    date_extraction: date
    partiel: bool
    format: Format


def en_cours_d_ecriture(chemin: str) -> bool:
    """Still being written: the base name starts with `.` or `~` or ends in `.part`, `.tmp`, `.filepart`."""
    base = chemin if "/" not in chemin else PurePosixPath(chemin).name  # asked for every file ever received
    return base.startswith((".", "~")) or base.casefold().endswith(_EN_COURS)


def format_de(chemin: str) -> Format | None:
    """The format that the extension announces, None when it is not read."""
    base = PurePosixPath(chemin).name.casefold()
    return next((f for f in FORMATS if base.endswith("." + f)), None)


def lire_nom(chemin: str) -> Nom:
    """Read the base name of a deposit that is not an archive; raises `LectureImpossible` when it says nothing usable."""
    base = unicodedata.normalize("NFC", PurePosixPath(chemin).name)
    format_ = format_de(base)
    if format_ is None:
        raise LectureImpossible("EXTENSION_INCONNUE", _conseil_extension(base))
    racine = base[: -len(format_) - 1]
    if format_de(racine) is not None:
        raise LectureImpossible("NOM_INVALIDE", "Le nom porte deux extensions : gardez la dernière.")
    trouve = _NOM.match(racine)
    if trouve is None:
        raise LectureImpossible("NOM_INVALIDE", "La date d'extraction AAAA-MM-JJ manque après le nom de la table.")
    texte = trouve["date"].replace("-", "")
    try:
        jour = date(int(texte[:4]), int(texte[4:6]), int(texte[6:]))
    except ValueError:
        raise LectureImpossible("NOM_INVALIDE", "La date d'extraction n'existe pas dans le calendrier.") from None
    table = trouve["table"].casefold()
    connues = (*TABLES, TDDUI, CLASSEUR)
    if table not in connues:
        proche = get_close_matches(table, connues, n=1, cutoff=0.7)
        raise LectureImpossible("TABLE_INCONNUE", f"Vouliez-vous dire « {proche[0]} » ?" if proche else "")
    if (table == TDDUI) != (format_ == "json") or (table == CLASSEUR and format_ != "xlsx"):
        attendu = {TDDUI: ".json", CLASSEUR: ".xlsx"}.get(table, ".csv, .csv.gz, .xlsx ou .parquet")
        raise LectureImpossible("EXTENSION_INCONNUE", f"Un fichier « {table} » est attendu en {attendu}.")
    partiel = table == TDDUI or "partiel" in (trouve["reste"] or "").casefold()
    return Nom(table, jour, partiel, format_)


def _conseil_extension(base: str) -> str:
    suffixe = PurePosixPath(base).suffix.casefold()
    return {
        "": "Le nom du fichier n'a pas d'extension.",
        ".xls": "Enregistrez le classeur au format .xlsx.",
        ".xlsm": "Enregistrez le classeur sans macro, au format .xlsx.",
        ".ods": "Enregistrez le classeur au format .xlsx.",
        ".txt": "Enregistrez le fichier au format .csv.",
        ".7z": "Utilisez une archive .zip.",
        ".rar": "Utilisez une archive .zip.",
    }.get(suffixe, "")


def rang_des_noms() -> pl.Expr:
    """Rank of each deposit (columns `nom`, `membre`) among those of one extraction date (§6.2).

    Base names compared by Unicode code point, then path; inside an archive or workbook the container's name first.
    """
    base = r"([^/]*)$"
    return pl.struct(
        pl.col("nom").str.extract(base).alias("base"),
        "nom",
        pl.col("membre").str.extract(base).alias("piece"),
        "membre",
    ).rank("dense")
