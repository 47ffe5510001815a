"""What the name of a deposit says (specification §4): table, extraction date, partial or not, format."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from difflib import SequenceMatcher
from functools import lru_cache
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

_CONNUES = (*TABLES, TDDUI, CLASSEUR)
_ANNEES = range(1990, 2101)
_EN_COURS = (".part", ".tmp", ".filepart")
_COMPLET = ("complet", "complete")

# Control characters, without width, or that change the direction of what is read.
_INVISIBLES = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")

# --- what a folded name may say: the same expressions for one name (re) and for a column of them (polars) -----------------
_SEPARATEURS = r"[ _.\-\u2010-\u2015\u2212]+"
_SANS_LARGEUR = "\u200b\u200c\u200d\u2060\ufeff\u00ad"
_COPIE = r"(?: \(?cop(?:ie|y)(?: ?\(?[0-9]{1,4}\)?)?\)?| ?\([0-9]{1,4}\))"
_MARQUE = rf"(?s)^(?P<corps>.*?)(?:{_COPIE})*?(?P<marque>{_COPIE})?$"
_JOUR = "[0-9]{4} [0-9]{2} [0-9]{2}|[0-9]{2} [0-9]{2} [0-9]{4}|[0-9]{8}"
_TABLE = "|".join(t.replace("_", " ") for t in _CONNUES)
_DIT = rf"(?s)^(?:(?P<t1>{_TABLE}) (?P<j1>{_JOUR})|(?P<j2>{_JOUR}) (?P<t2>{_TABLE}))(?: (?P<reste>.*))?$"
_EXTENSION = rf"(?i)\.({'|'.join(re.escape(f) for f in FORMATS)})$"

_separateurs, _marque, _dit = (re.compile(e) for e in (_SEPARATEURS, _MARQUE, _DIT))
_jours_exacts = re.compile(rf"(?:^| )({_JOUR})(?= |$)")
# Dates as people also write them: understood well enough to propose a name, not to accept it.
_jours_devines = re.compile(
    r"(?<![0-9])(?:(?P<serre>[0-9]{8})(?:[0-9]{4}|[0-9]{6})?|(?P<a>[0-9]{4}) (?P<m>[0-9]{1,2}) (?P<j>[0-9]{1,2})"
    r"|(?P<j2>[0-9]{1,2})(?:er)? (?P<m2>[0-9]{1,2}) (?P<a2>[0-9]{4}))(?![0-9])"
)
_tables_exactes = re.compile(rf"(?:^| )({_TABLE})(?![^ 0-9])")
_MOIS = "janvier|fevrier|mars|avril|mai|juin|juillet|aout|septembre|octobre|novembre|decembre"
_mois = re.compile(rf"(?<![^ ])(?:{_MOIS})(?![^ ])")


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
    base = chemin.rpartition("/")[2].casefold()
    return next((f for f in FORMATS if base.endswith("." + f)), None)


def plier(texte: str) -> str:
    """A name without case and accents, `_`, `-`, `.` and spaces equal (§4)."""
    if not texte.isascii():
        lettres = unicodedata.normalize("NFKD", texte)
        texte = "".join(c for c in lettres if c not in _SANS_LARGEUR and unicodedata.category(c)[0] != "M")
    return _separateurs.sub(" ", texte.lower())


def sans_marque(plie: str) -> tuple[str, str]:
    """A folded name without its copy marks, and the last of them (` copie`, ` copie (2)`, ` (1)`), "" without any."""
    plie = plie.rstrip(" ")
    if not plie.endswith(")") and " cop" not in plie:
        return plie, ""
    trouve = _marque.match(plie)
    return (trouve["corps"], trouve["marque"] or "") if trouve else (plie, "")


def mots_de_partiel(plie: str) -> bool:
    """Does a folded name hold a word that begins with `partiel` or `incompl`?"""
    return ("partiel" in plie or "incompl" in plie) and any(
        mot.startswith(("partiel", "incompl")) for mot in plie.split(" ")
    )


@lru_cache(1 << 12)
def _jour(texte: str) -> date | None:
    """The first reading of a date that is a real one of the years 1990–2100 (§4)."""
    if " " in texte:
        parts = texte.split(" ")
        lectures = [parts if len(parts[0]) == 4 else parts[::-1]]
    else:
        lectures = [[texte[:4], texte[4:6], texte[6:]], [texte[4:], texte[2:4], texte[:2]]]
    for annee, mois, jour in lectures:
        try:
            if int(annee) in _ANNEES:
                return date(int(annee), int(mois), int(jour))
        except ValueError:
            continue
    return None


def lire_nom(chemin: str) -> Nom:
    """Read the base name of a deposit that is not an archive; raises `LectureImpossible` when it says nothing usable.

    A refusal proposes the full name where it can be guessed. It holds what a name says and nothing else that was received.
    """
    base = chemin.rpartition("/")[2]
    format_ = format_de(base)
    if format_ is None:
        raise LectureImpossible("EXTENSION_INCONNUE", _conseil_extension(base))
    racine = base[: -len(format_) - 1]
    plie = plier(racine)
    corps, _ = sans_marque(plie)
    dit = _dit.match(corps)
    jour = _jour(dit["j1"] or dit["j2"]) if dit else None
    if dit is None or jour is None or format_de(racine) is not None or _autres_jours(dit["reste"], jour):
        raise _refus(racine, format_)
    table = (dit["t1"] or dit["t2"]).replace(" ", "_")
    if (table == TDDUI) != (format_ in FORMATS_TDDUI) or (table == CLASSEUR and format_ != "xlsx"):
        attendu = {TDDUI: ".json ou .xml", CLASSEUR: ".xlsx"}.get(table, ".csv, .csv.gz, .xlsx ou .parquet")
        raise LectureImpossible("EXTENSION_INCONNUE", f"Un fichier « {table} » est attendu en {attendu}.")
    reste = dit["reste"] or ""
    partiel = (table == TDDUI or mots_de_partiel(reste)) and not any(mot in _COMPLET for mot in reste.split(" "))
    return Nom(table, jour, partiel, format_)


def _autres_jours(reste: str | None, jour: date) -> set[date]:
    """Dates behind the first that are not the same day."""
    lus = (_jour(texte) for texte in _jours_exacts.findall(reste)) if reste else ()
    return {lu for lu in lus if lu is not None} - {jour}


def _refus(racine: str, format_: Format) -> LectureImpossible:
    """Why a name says no table or no date, or two dates, and the name to give the file instead."""
    double = format_de(racine)
    corps, marque = sans_marque(plier(racine[: -len(double) - 1] if double else racine))
    jours, reste = _deviner_jours(corps)
    table = _deviner_table(reste)
    mots = re.findall(r"[^\W\d_]+", reste)
    suite = "_partiel" if mots_de_partiel(reste) else "_complet" if table == TDDUI and set(_COMPLET) & set(mots) else ""
    proposes = [
        f"« {table or '<table>'}_{jour}{suite}{_marque_montree(marque)}.{format_} »" for jour in jours or ["AAAA-MM-JJ"]
    ]
    conseil = f"Renommez-le {' ou '.join(proposes)}." if table or jours else ""
    if table and len(mots) > len(table.split("_")) + bool(suite):
        conseil += " Ce qui le distingue d'un autre se met après la date."
    if double:
        return LectureImpossible("NOM_INVALIDE", f"Le nom porte deux extensions : gardez la dernière. {conseil}")
    if len(jours) > 1:
        return LectureImpossible("NOM_INVALIDE", f"Le nom porte deux dates : gardez celle de l'extraction. {conseil}")
    if not jours:
        return LectureImpossible("NOM_INVALIDE", f"La date d'extraction {_defaut_du_jour(corps)}. {conseil}")
    if not mots or _tables_exactes.match(f" {corps}"):
        return LectureImpossible("NOM_INVALIDE", conseil)
    return LectureImpossible("TABLE_INCONNUE", conseil if table else "")


def _defaut_du_jour(corps: str) -> str:
    """What is wrong with the date of a folded name that holds no real one."""
    ecrit = _jours_exacts.search(corps)
    if ecrit is None:
        return "AAAA-MM-JJ manque"
    annee = next((int(part) for part in ecrit[1].split(" ") if len(part) == 4), _ANNEES[0])
    if annee in _ANNEES:
        return "n'existe pas dans le calendrier"
    return "est dans le futur" if annee > _ANNEES[-1] else f"est antérieure à {_ANNEES[0]}"


def _deviner_jours(corps: str) -> tuple[list[str], str]:
    """The dates that a folded name seems to hold (`AAAA-MM-JJ`), in order, each once, and the name without them."""
    jours: dict[str, None] = {}

    def noter(trouve: re.Match[str]) -> str:
        ecrit = trouve["serre"] or " ".join(
            n.zfill(2) for n in (trouve["a"] or trouve["j2"], trouve["m"] or trouve["m2"], trouve["j"] or trouve["a2"])
        )
        lu = _jour(ecrit)
        if lu is None:
            return trouve[0]
        jours[lu.isoformat()] = None
        return " "

    reste = _jours_devines.sub(noter, _mois.sub(lambda m: str(_MOIS.split("|").index(m[0]) + 1), corps))
    return list(jours), " ".join(reste.split())


def _deviner_table(reste: str) -> str:
    """The one table that a folded name without its dates seems to say, "" when none or several do."""
    mots = re.findall(r"[^\W\d_]+", reste)
    exactes = set(_tables_exactes.findall(" ".join(mots)))
    if not exactes:
        suites = [mots[i : i + n] for n in (1, 2, 3) for i in range(len(mots) - n + 1)]
        notes = [
            (SequenceMatcher(None, "".join(suite), table.replace("_", "")).ratio(), table.replace("_", " "))
            for suite in suites[:60]
            for table in _CONNUES
        ]
        meilleure = max(notes, default=(0.0, ""))
        exactes = {meilleure[1]} if meilleure[0] >= 0.75 else set()
    return exactes.pop().replace(" ", "_") if len(exactes) == 1 else ""


def _marque_montree(marque: str) -> str:
    """A copy mark as Windows writes it."""
    numero = re.search("[0-9]+", marque)
    return (" - Copie" if "cop" in marque else "") + (f" ({numero[0]})" if numero else "")


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
    """Rank of each deposit (columns `nom`, `membre`) in the order of names (§4).

    The name folded, without extension, digits compared as numbers; then the copy mark (none, `Copie`, 1, 2, …); then the path
    by code point; the container's name before those of the member and of the sheet inside it.
    """
    piece = pl.col("membre").str.extract(r"(?i)^(.*\.xlsx)/[^/]*$").fill_null(pl.col("membre"))
    noms = (pl.col("nom"), piece, pl.col("membre"))
    cles = [(_lu(nom, "cle").alias(f"cle{i}"), nom.alias(f"chemin{i}")) for i, nom in enumerate(noms)]
    return pl.struct(e for cle in cles for e in cle).rank("dense")


def empreinte_de_reception(porteur: str, chemin: str, sha256: str) -> str:
    """What tells a content under its name from any other."""
    return hashlib.sha256(json.dumps([porteur, chemin, sha256]).encode()).hexdigest()


def numero_de_recu(porteur: str, chemin: str, sha256: str) -> str:
    """The receipt number of a content under its name: the same however often the night is run again."""
    numero = empreinte_de_reception(porteur, chemin, sha256)[:12].upper()
    return "-".join((numero[:4], numero[4:8], numero[8:]))


def nom_publiable(colonne: str) -> pl.Expr:
    """What may be shown of a name (§8): table, date, copy mark and format, never the rest; `fichier` without a table.

    `20260331 Dossiers Jean Dupont - Copie (2).csv` gives `dossiers_2026-03-31 - Copie (2).csv`, `Jean Dupont.zip` gives
    `fichier.zip`.
    """
    return _lu(pl.col(colonne), "montre")


def _lu(chemin: pl.Expr, champ: Literal["cle", "montre"]) -> pl.Expr:
    """A field of `_lus` for a column of paths; a base name that comes back under many folders is read once."""

    def lire(bases: pl.Series) -> pl.Series:
        uniques = bases.unique()
        lus = uniques.to_frame("base").with_columns(_lus(uniques, champ))
        return bases.to_frame("base").join(lus, on="base", how="left", maintain_order="left", nulls_equal=True)[champ]

    return chemin.str.extract(r"([^/]*)$").map_batches(lire, return_dtype=pl.String)


def _lus(bases: pl.Series, champ: Literal["cle", "montre"]) -> pl.Series:
    """Of base names, `cle` (the order of names) or `montre` (what may be shown of them)."""
    plie = (
        pl.col("base")
        .str.replace(_EXTENSION, "")
        .str.normalize("NFKD")
        .str.replace_all(rf"[\p{{M}}{_SANS_LARGEUR}]+", "")
        .str.to_lowercase()
        .str.replace_all(_SEPARATEURS, " ")
        .str.strip_chars_end(" ")
    )
    ecrit = pl.coalesce("j1", "j2")
    serre = ecrit.str.replace("^(..) (..) (....)$", "$3$2$1").str.replace_all(" ", "", literal=True)
    retourne = pl.when(~ecrit.str.contains(" ")).then(ecrit.str.replace("^(..)(..)(....)$", "$3$2$1"))
    lectures = [lecture.str.to_date("%Y%m%d", strict=False) for lecture in (serre, retourne)]
    dits = (
        bases.to_frame("base")
        .select("base", plie.str.extract_groups(_MARQUE).struct.unnest())
        .with_columns(pl.col("corps").str.extract_groups(_DIT).struct.unnest())
        .with_columns(
            table=pl.coalesce("t1", "t2"),
            jour=pl.coalesce(pl.when(j.dt.year().is_between(_ANNEES[0], _ANNEES[-1])).then(j) for j in lectures),
            numero=pl.col("marque").str.extract("([0-9]+)"),
            copie=pl.col("marque").str.contains("cop", literal=True),
        )
    )
    jour = pl.col("jour")
    if champ == "montre":
        format_ = pl.col("base").str.extract(_EXTENSION).str.to_lowercase()
        table_et_jour = pl.concat_str(pl.col("table").str.replace_all(" ", "_"), jour.cast(pl.String), separator="_")
        montre = pl.concat_str(
            pl.when(format_.is_not_null()).then(table_et_jour).fill_null("fichier"),
            pl.when("copie").then(pl.lit(" - Copie")).otherwise(pl.lit("")),
            (" (" + pl.col("numero") + ")").fill_null(""),
            ("." + format_).fill_null(""),
        )
        return dits.select(montre=montre)["montre"]
    parts = (_nombre(partie.cast(pl.String)) for partie in (jour.dt.year(), jour.dt.month(), jour.dt.day()))
    tete = pl.concat_str("table", *parts, pl.lit(""), separator=" ").fill_null("")
    suite = pl.when(jour.is_null()).then("corps").otherwise(pl.col("reste").fill_null(""))
    rang = pl.coalesce(pl.col("numero").cast(pl.Int32) + 1, pl.col("copie").cast(pl.Int32), 0)
    return dits.select(cle=tete + _naturel(suite) + "\x00" + rang.cast(pl.String).str.zfill(5))["cle"]


def _nombre(chiffres: pl.Expr) -> pl.Expr:
    """Digits that sort as the number they make, still before letters: behind how many they are."""
    return chiffres.str.len_bytes().cast(pl.String).str.zfill(3) + chiffres


def _naturel(texte: pl.Expr) -> pl.Expr:
    """Text that sorts with its digits as numbers."""
    element = pl.element()
    chiffres = pl.when(element.str.contains("^[0-9]")).then(_nombre(element.str.strip_chars_start("0")))
    return texte.str.extract_all("[0-9]+|[^0-9]+").list.eval(chiffres.otherwise(element)).list.join("")


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
