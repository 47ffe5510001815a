"""What `duimetre exporter` writes from the published version: the analyst's workbook, and tables fit for the public."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pyarrow.parquet as pq

from schemas import curated
from transforms.agregats import situer_depots, sommer
from transforms.dire.formats import jour as en_jour
from transforms.dire.texte_sur import csv_excel, sans_formule
from transforms.publication import disposer
from transforms.suppression import Seuils, masquer
from transforms.tables_publiees import TablesPubliees

# Limit of the format, header left out.
LIGNES_MAX = 1_048_575
_FUSEAU = ZoneInfo("Europe/Paris")
_LISEZMOI = """duimètre — mesure du {jour}

territoires.csv et territoires.parquet : les mêmes lignes. Une ligne par territoire (département, région, pays),
sous-secteur (TOUS : ensemble), fenêtre et indicateur ; colonnes décrites dans dictionnaire.csv. Les taux de fenêtres
différentes ne s'additionnent pas ; seule la ligne de l'objectif (fenêtre vide) ajoute les dossiers actifs de toutes.

Petits effectifs
Une ligne est masquée (masque = true, chiffres vides) quand un de ses effectifs, ou la différence de deux effectifs
emboîtés (file active moins dossiers actifs…), compte moins de {personnes} personnes ; quand elle ajoute moins de
{essms} ESSMS, ou quand la comparer à un autre indicateur donnerait les chiffres de moins de {essms} ESSMS. D'autres
lignes le sont pour qu'aucune de celles-là ne puisse être retrouvée en soustrayant des totaux ce qui est montré. Une
ligne vide mais non masquée n'a pas d'ESSMS dont le taux soit calculable. nb_personnes est toujours vide ici.
Les chiffres par ESSMS et par porteur ne sont pas publiés : ils permettraient de retrouver ce qui est masqué.
Publier deux dates de mesure rapprochées permet de les comparer : la protection vaut pour chaque date prise seule.
"""


def exporter_classeur(version: Path, fichier: Path, date_mesure: date | None = None) -> Path:
    """Write the published tables of one measure date into a workbook, one typed sheet each.

    Filters, frozen header, dates and numbers as such, the description of each column as a note of its header; no cell is
    a formula. The sheet `lisez-moi` says what the tables are. A table longer than a sheet is cut, and says so. Raises
    `Inconnu`, `OSError`.
    """
    import xlsxwriter  # noqa: PLC0415 - the public export does not need it

    publiees = TablesPubliees(version)
    retenue = publiees.choisir(date_mesure)
    tables = {nom: publiees.table(nom, retenue) for nom in curated.TABLES}
    flux = io.BytesIO()
    livre = xlsxwriter.Workbook(
        flux, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    )
    formats = _formats(livre)
    _lisez_moi(livre, formats, tables, retenue, version.name)
    for nom, lignes in tables.items():
        _feuille(livre, formats, nom, lignes)
    livre.close()
    fichier.write_bytes(flux.getvalue())
    return fichier


def publics(version: Path, dossier: Path, date_mesure: date | None, seuils: Seuils) -> list[Path]:
    """Write the tables that may be published outside the agency, for one measure date: `territoires`, its dictionary.

    The sums are made again from the published figures and hidden with `seuils` (specification §8). Raises
    `Inconnu`, `OSError`.
    """
    publiees = TablesPubliees(version)
    retenue = publiees.choisir(date_mesure)
    # A file of a former version lacks the columns that came since: what they would say is not known.
    lus = [pl.DataFrame(schema=curated.dtypes("indicateurs")), publiees.table("indicateurs", retenue)]
    indicateurs = pl.concat(lus, how="diagonal_relaxed").with_columns(date_mesure=pl.lit(retenue))
    essms = situer_depots(publiees.table("maturin_sms", retenue))
    territoires = masquer(sommer(indicateurs, essms)["territoires"], seuils)
    dossier.mkdir(parents=True, exist_ok=True)
    chemins = [dossier / nom for nom in ("territoires.parquet", "territoires.csv", "dictionnaire.csv", "LISEZMOI.txt")]
    prete = disposer("territoires", territoires, version.name)
    pq.write_table(prete, chemins[0], compression="zstd")
    chemins[1].write_bytes(csv_excel(pl.DataFrame(prete)))
    chemins[2].write_bytes(csv_excel(_descriptions("territoires")))
    lisez_moi = _LISEZMOI.format(jour=en_jour(retenue), personnes=seuils.personnes, essms=seuils.essms)
    chemins[3].write_text(lisez_moi, encoding="utf-8")
    return chemins


def _descriptions(table: str) -> pl.DataFrame:
    return pl.DataFrame(
        [
            (nom, curated.types_sql(table)[nom], champ.unite, champ.description)
            for nom, champ in curated.champs_de(table).items()
        ],
        schema=["colonne", "type", "unite", "description"],
        orient="row",
    )


def _formats(livre: Any) -> Mapping[str, Any]:
    return {
        "entete": livre.add_format({"bold": True, "bg_color": "#E8EEF4", "bottom": 1, "valign": "top"}),
        "BIGINT": livre.add_format({"num_format": "#,##0"}),
        "DOUBLE": livre.add_format({"num_format": "#,##0.0"}),
        "DECIMAL(14,2)": livre.add_format({"num_format": "#,##0.00"}),
        "DATE": livre.add_format({"num_format": "dd/mm/yyyy"}),
        "TIMESTAMP WITH TIME ZONE": livre.add_format({"num_format": "dd/mm/yyyy hh:mm"}),
        "VARCHAR": livre.add_format({"num_format": "@"}),
        "BOOLEAN": livre.add_format({}),
        "texte": livre.add_format({"text_wrap": True, "valign": "top"}),
    }


def _lisez_moi(
    livre: Any, formats: Mapping[str, Any], tables: Mapping[str, pl.DataFrame], jour: date, version: str
) -> None:
    feuille = livre.add_worksheet("lisez-moi")
    feuille.set_column(0, 0, 16)
    feuille.set_column(1, 1, 12)
    feuille.set_column(2, 2, 100, formats["texte"])
    feuille.write_string(0, 0, f"duimètre : mesure du {en_jour(jour)}, version {version}", formats["entete"])
    for rang, (nom, lignes) in enumerate(tables.items(), start=2):
        coupe = f" Seules les {LIGNES_MAX} premières lignes sont ici." if lignes.height > LIGNES_MAX else ""
        feuille.write_url(rang, 0, f"internal:'{nom}'!A1", string=nom)
        feuille.write_number(rang, 1, lignes.height, formats["BIGINT"])
        feuille.write_string(rang, 2, curated.description(nom) + coupe)


def _feuille(livre: Any, formats: Mapping[str, Any], nom: str, lignes: pl.DataFrame) -> None:
    feuille = livre.add_worksheet(nom)
    textes = [c for c, dtype in lignes.schema.items() if dtype == pl.String]
    sures = lignes.head(LIGNES_MAX).with_columns(sans_formule(pl.col(textes)))
    types = curated.types_sql(nom)
    for rang, (colonne, champ) in enumerate(curated.champs_de(nom).items()):
        feuille.write_string(0, rang, colonne, formats["entete"])
        feuille.write_comment(0, rang, champ.description + (f" ({champ.unite})" if champ.unite else ""))
        plus_long = sures[colonne].cast(pl.String).str.len_chars().max() if sures.height else 0
        feuille.set_column(rang, rang, min(max(len(colonne) + 3, int(str(plus_long or 0)) + 1), 60))
        ecrire = {"VARCHAR": feuille.write_string, "BOOLEAN": feuille.write_boolean}.get(types[colonne])
        for ligne, valeur in enumerate(sures[colonne].to_list(), start=1):
            if valeur is None:
                continue
            if ecrire is not None:
                ecrire(ligne, rang, valeur, formats[types[colonne]])
            elif isinstance(valeur, date):
                feuille.write_datetime(ligne, rang, _sans_fuseau(valeur), formats[types[colonne]])
            else:
                feuille.write_number(
                    ligne, rang, float(valeur) if isinstance(valeur, Decimal) else valeur, formats[types[colonne]]
                )
    feuille.freeze_panes(1, 1)
    feuille.autofilter(0, 0, max(sures.height, 1), len(types) - 1)


def _sans_fuseau(valeur: date | datetime) -> date | datetime:
    """A workbook knows no time zone: moments are those of Paris."""
    return valeur.astimezone(_FUSEAU).replace(tzinfo=None) if isinstance(valeur, datetime) else valeur
