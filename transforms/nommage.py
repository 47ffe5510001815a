"""What the name of a deposit says (specification §4): table, extraction date, partial or not, format."""

from __future__ import annotations

import hashlib
import json
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

Format = Literal["csv", "csv.gz", "xlsx", "parquet", "json", "xml", "zip"]
FORMATS: tuple[Format, ...] = ("csv.gz", "csv", "xlsx", "parquet", "json", "xml", "zip")

TDDUI = "tddui"
FORMATS_TDDUI: tuple[Format, ...] = ("json", "xml")
CLASSEUR = "duimetre"

_NOM = re.compile(r"^(?P<table>.+?)_(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{8})(?P<reste>_.*)?$", re.DOTALL)
_EN_COURS = (".part", ".tmp", ".filepart")

# Control characters, without width, or that change the direction of what is read.
_INVISIBLES = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
# Of a name, what may be shown: a table and a date, a copy mark, a format (§8).
_MONTRES = (
    rf"(?is)^(?:.*/)?(?:(?P<table>{'|'.join((*TABLES, TDDUI, CLASSEUR))})_(?P<jour>[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}|[0-9]{{8}})"
    r"(?:[_ ][^/]*?)??|[^/]*?)(?P<marque> - copie(?: \([0-9]{1,4}\))?| \([0-9]{1,4}\))?"
    rf"(?:\.(?P<format>{'|'.join(re.escape(f) for f in FORMATS)}))?$"
)


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
    if (table == TDDUI) != (format_ in FORMATS_TDDUI) or (table == CLASSEUR and format_ != "xlsx"):
        attendu = {TDDUI: ".json ou .xml", CLASSEUR: ".xlsx"}.get(table, ".csv, .csv.gz, .xlsx ou .parquet")
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


def empreinte_de_reception(porteur: str, chemin: str, sha256: str) -> str:
    """What tells a content under its name from any other."""
    return hashlib.sha256(json.dumps([porteur, chemin, sha256]).encode()).hexdigest()


def numero_de_recu(porteur: str, chemin: str, sha256: str) -> str:
    """The receipt number of a content under its name: the same however often the night is run again."""
    numero = empreinte_de_reception(porteur, chemin, sha256)[:12].upper()
    return "-".join((numero[:4], numero[4:8], numero[8:]))


def nom_publiable(colonne: str) -> pl.Expr:
    """What may be shown of a name (§8): table, date, copy mark and format, never the rest; `fichier` without a table.

    `Dossiers_20260331_Jean Dupont - Copie (2).csv` gives `dossiers_2026-03-31 - Copie (2).csv`, `Jean Dupont.zip` gives
    `fichier.zip`.
    """
    lus = pl.col(colonne).str.extract_groups(_MONTRES).struct
    jour = lus.field("jour").str.replace_all("-", "", literal=True).str.to_date("%Y%m%d", strict=False)
    table_et_jour = pl.concat_str(lus.field("table").str.to_lowercase(), jour.dt.to_string("%Y-%m-%d"), separator="_")
    return pl.concat_str(
        table_et_jour.fill_null("fichier"),
        lus.field("marque").str.replace("(?i)copie", "Copie").fill_null(""),
        ("." + lus.field("format").str.to_lowercase()).fill_null(""),
    )


def membre_publiable() -> pl.Expr:
    """The same for a member (columns `membre`, `nom_table`): a sheet is shown by the table read in it, null without any."""
    fichier = pl.col("membre").str.contains(r"\.[A-Za-z0-9.]+$")
    return (
        pl.when(pl.col("membre") == "")
        .then(None)
        .when(fichier)
        .then(nom_publiable("membre"))
        .when(pl.col("nom_table") != "")
        .then("nom_table")
        .otherwise(pl.lit("fichier"))
    )


def echapper(texte: str) -> str:
    """A name in which control and direction characters are shown as escapes (§8)."""
    return _INVISIBLES.sub(lambda trouve: trouve[0].encode("unicode_escape").decode(), texte)
