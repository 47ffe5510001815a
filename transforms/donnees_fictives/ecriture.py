"""How a software writes a table: header spelling, text of dates, encoding, container. Same content, same bytes."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

import polars as pl
import xlsxwriter

SURPLUS = "\x1f"
"""Marks, in the text of a cell, a separator that the software forgot to quote."""

LIGNES_MAX_CLASSEUR = 50_000
"""Beyond that many rows editors hand over CSV rather than a workbook."""

Nature = Literal["texte", "date", "instant", "entier", "booleen", "finess"]
Entetes = Literal["canonique", "majuscules", "libelles", "tirets", "points"]

_DATE_DES_CLASSEURS = datetime(2026, 1, 1)
_LIBELLES = {
    "finess_et": "FINESS ET",
    "id_dossier": "Id Dossier",
    "id_personne": "Id personne",
    "ins": "INS",
    "date_creation": "Date Création",
    "date_derniere_maj": "Date Dernière MàJ",
    "eligible_projet": "Éligible projet",
    "date_entree": "Date Entrée",
    "date_sortie": "Date Sortie",
    "horodatage": "Horodatage",
    "id_projet": "Id Projet",
    "date_debut": "Date Début",
    "date_fin": "Date Fin",
    "id_evenement": "Id évènement",
    "debut": "Début",
    "id_message": "Id Message",
    "bal_emettrice": "BAL émettrice",
    "nb_messages": "Nb Messages",
    "id_document": "Id Document",
    "prenom": "Prénom",
    "date_naissance": "Date de naissance",
    "libelle": "Libellé",
}


@dataclass(frozen=True)
class Style:
    """Habits of one export. `fuseau`: date-times in local civil time, with their offset, or converted to UTC."""

    entetes: Entetes = "canonique"
    date: str = "%Y-%m-%d"
    instant: str = "%Y-%m-%d %H:%M:%S"
    fuseau: Literal["local", "decalage", "utc"] = "local"
    booleens: tuple[str, str] = ("oui", "non")
    valeurs: Mapping[str, str] = field(default_factory=dict)
    fin_ouverte: str = ""
    finess_sans_zero: bool = False
    espaces: bool = False
    encodage: str = "utf-8"
    separateur: str = ";"
    fin_de_ligne: str = "\r\n"
    guillemets: Literal["necessary", "always"] = "necessary"
    lignes_vides: bool = False
    lignes_courtes: bool = False


@dataclass(frozen=True)
class Tableau:
    """A table as text, before its container: String columns under canonical names, what each holds, rows made wrong."""

    table: str
    cadre: pl.DataFrame
    natures: Mapping[str, Nature]
    invalides: int


def natures(cadre: pl.DataFrame) -> dict[str, Nature]:
    """Return what each column of a typed frame holds."""

    def nature(nom: str, dtype: pl.DataType) -> Nature:
        if nom == "finess_et":
            return "finess"
        if dtype == pl.Date:
            return "date"
        if isinstance(dtype, pl.Datetime):
            return "instant"
        if dtype == pl.Boolean:
            return "booleen"
        return "entier" if dtype.is_integer() else "texte"

    return {nom: nature(nom, dtype) for nom, dtype in cadre.schema.items()}


def en_texte(cadre: pl.DataFrame, style: Style, fuseau: str) -> pl.DataFrame:
    """Return a typed frame as text, null for an empty cell; `fuseau` is the civil time zone of the structures."""
    return cadre.select(_colonne(nom, nature, style, fuseau) for nom, nature in natures(cadre).items())


def _colonne(nom: str, nature: Nature, style: Style, fuseau: str) -> pl.Expr:
    colonne = pl.col(nom)
    if nature == "date":
        texte = colonne.dt.strftime(style.date)
        return texte.fill_null(style.fin_ouverte) if style.fin_ouverte and nom in ("date_sortie", "date_fin") else texte
    if nature == "instant":
        if style.fuseau != "local":
            colonne = colonne.dt.replace_time_zone(fuseau, ambiguous="earliest", non_existent="null")
        if style.fuseau == "utc":
            colonne = colonne.dt.convert_time_zone("UTC")
        return colonne.dt.strftime(style.instant)
    if nature == "booleen":
        vrai, faux = style.booleens
        return pl.when(colonne).then(pl.lit(vrai)).when(~colonne).then(pl.lit(faux)).alias(nom)
    if nature == "finess" and style.finess_sans_zero:
        return colonne.str.strip_chars_start("0")
    if nom in ("statut", "sens"):
        return colonne.replace(dict(style.valeurs))
    return colonne.cast(pl.String)


def entete(nom: str, style: Style) -> str:
    """Return a header as this software spells it; only case, accents, spaces and `-` `_` `.` change (§4)."""
    match style.entetes:
        case "canonique":
            return nom
        case "majuscules":
            return nom.upper()
        case "libelles":
            return _LIBELLES.get(nom, nom.capitalize())
        case "tirets":
            return f" {nom.replace('_', '-').capitalize()} "
        case "points":
            return nom.replace("_", ".")


def csv(tableau: Tableau, style: Style, renommees: Mapping[str, str] | None = None) -> bytes:
    """Return the table as CSV in the style; `renommees` gives headers of its own to some columns."""
    cadre = tableau.cadre
    if style.espaces:
        cadre = cadre.with_columns(
            pl.format(" {}  ", c).alias(c) for c in ("finess_et", "id_dossier") if c in cadre.columns
        )
    if style.lignes_vides:
        milieu = cadre.height // 2
        cadre = pl.concat([cadre[:milieu], cadre.clear(n=1), cadre[milieu:], cadre.clear(n=2)])
    noms = {nom: (renommees or {}).get(nom, entete(nom, style)) for nom in cadre.columns}
    texte = cadre.rename(noms).write_csv(
        separator=style.separateur, line_terminator=style.fin_de_ligne, quote_style=style.guillemets
    )
    texte = texte.replace(SURPLUS, style.separateur)
    if style.lignes_courtes:
        texte = texte.replace(style.separateur + style.fin_de_ligne, style.fin_de_ligne)
    if style.encodage == "utf-16":
        return ("\ufeff" + texte).encode("utf-16-le")
    if style.encodage == "iso8859-15":
        texte = texte.replace("’", "'").replace("–", "-")
    return texte.encode(style.encodage)


def csv_gz(tableau: Tableau, style: Style) -> bytes:
    """Return the table as gzipped CSV, without the date of compression."""
    return gzip.compress(csv(tableau, style), mtime=0)


def classeur_d_export(tableaux: Iterable[Tableau], style: Style, notice: str = "") -> bytes:
    """Return a workbook with one sheet per table, native dates and numeric FINESS numbers as Excel makes them.

    `notice`, when given, fills a first sheet that is no table. What is not a date, a date-time or a number stays text.
    """
    tampon = io.BytesIO()
    with xlsxwriter.Workbook(tampon, {"in_memory": True}) as classeur_:
        classeur_.set_properties({"created": _DATE_DES_CLASSEURS})
        formats = {
            "date": classeur_.add_format({"num_format": "dd/mm/yyyy"}),
            "instant": classeur_.add_format({"num_format": "dd/mm/yyyy hh:mm:ss"}),
        }
        if notice:
            classeur_.add_worksheet("Lisez-moi").write_string(0, 0, notice)
        for tableau in tableaux:
            feuille = classeur_.add_worksheet(tableau.table)
            for j, (nom, nature) in enumerate((nom, tableau.natures[nom]) for nom in tableau.cadre.columns):
                feuille.write_string(0, j, entete(nom, style))
                for i, texte in enumerate(tableau.cadre[nom], start=1):
                    valeur = _cellule(texte, nature)
                    if isinstance(valeur, date):
                        feuille.write_datetime(i, j, valeur, formats[nature])
                    elif isinstance(valeur, int):
                        feuille.write_number(i, j, valeur)
                    elif valeur:
                        feuille.write_string(i, j, valeur)
    return tampon.getvalue()


def _cellule(texte: str | None, nature: Nature) -> str | int | date | None:
    if texte is None:
        return None
    with suppress(ValueError):
        if nature == "date":
            jour = date.fromisoformat(texte)
            return jour if jour.year >= 1900 else texte
        if nature == "instant":
            instant = datetime.fromisoformat(texte)
            return instant if instant.year >= 1900 else texte
        if nature in ("entier", "finess"):
            return int(texte)
    return texte


def parquet(tableau: Tableau, style: Style) -> bytes:
    """Return the table as Parquet with native dates, date-times and whole numbers; FINESS and the rest are text.

    A text that is no date becomes null, as in a typed column of a data warehouse. Date-times with an offset stay text.
    """
    conversions = []
    for nom in tableau.cadre.columns:
        colonne, nature = pl.col(nom), tableau.natures[nom]
        if nature == "date":
            colonne = colonne.str.to_date(style.date, strict=False)
        elif nature == "instant" and style.fuseau == "local":
            colonne = colonne.str.to_datetime(style.instant, strict=False, time_unit="ms")
        elif nature == "entier":
            colonne = colonne.cast(pl.Int64, strict=False)
        conversions.append(colonne.alias(entete(nom, style)))
    tampon = io.BytesIO()
    tableau.cadre.select(conversions).write_parquet(tampon, compression="zstd")
    return tampon.getvalue()


def archive(membres: Mapping[str, bytes]) -> bytes:
    """Return a ZIP of these members, all dated 1 January 1980."""
    tampon = io.BytesIO()
    with zipfile.ZipFile(tampon, "w", zipfile.ZIP_DEFLATED) as sortie:
        for nom, contenu in membres.items():
            sortie.writestr(zipfile.ZipInfo(nom, (1980, 1, 1, 0, 0, 0)), contenu, zipfile.ZIP_DEFLATED)
    return tampon.getvalue()
