"""Results of a night laid out as the published tables (specification §7)."""

from __future__ import annotations

import io
from datetime import date
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from schemas.curated import CLES, PAR_DATE, TABLES, dtypes, schema_arrow
from schemas.erreurs import ErreurDite
from transforms.dire.constats import dire_constat
from transforms.finess import cle_luhn_valide
from transforms.nommage import echapper, membre_publiable, nom_publiable
from transforms.tables_publiees import TablesPubliees
from transforms.validation.modele import fautives

_GROUPE_LIGNES = 20_000
_TRI = {
    "indicateurs": ["finess_et", "indicateur"],
    "maturin_sms": ["finess_et"],
    "essms": ["finess_et"],
    "essms_mesures": ["finess_et"],
    "depots": ["porteur", "nom", "recu", "membre", "table", "sha256"],
    "constats": ["porteur", "nom", "membre", "table", "depot", "ligne", "code", "colonne", "valeur"],
    "alertes": ["finess_et", "code", "indicateur", "table", "message"],
    "populations": ["finess_et"],
    "sources": ["finess_et", "table"],
    "porteurs": ["porteur", "debut_fenetre", "indicateur"],
    "territoires": ["niveau", "code", "sous_secteur", "debut_fenetre", "indicateur"],
    "evolution": ["finess_et", "indicateur"],
    "fraicheur": ["porteur", "table"],
    "financement": ["porteur"],
    "conventions": ["projet"],
    "conditions_solde": ["projet", "condition"],
    "verifications_aptitude": ["finess_et"],
}


def table_constats(constats: pl.DataFrame, depots: pl.DataFrame) -> pl.DataFrame:
    """Findings of the canonical deposits with their place and their sentences (columns of `constats` but `version`).

    `depots`: as `table_depots` gives them.
    """
    situes = constats.join(
        depots.filter("canonique").select("depot", "recu", "porteur", "nom", "membre", "table"), on="depot"
    )
    # A FINESS whose key is wrong may be any number: that of a person in a shifted column (§8).
    recus = constats.filter(pl.col("colonne") == "finess_et")["valeur"].drop_nulls().unique()
    finess = [recu for recu in recus if cle_luhn_valide(recu.upper().zfill(9))]
    dits = [dire_constat(*ligne) for ligne in situes.select("code", "colonne", "table", "ligne", "detail").iter_rows()]
    return situes.with_columns(
        pl.Series("message", [d.message for d in dits], dtype=pl.String),
        pl.Series("que_faire", [d.que_faire for d in dits], dtype=pl.String),
        pl.Series("niveau", [d.niveau for d in dits], dtype=pl.String),
        _vide_nul("membre"),
        _vide_nul("table"),
        valeur=pl.when((pl.col("colonne") != "finess_et").fill_null(True) | pl.col("valeur").is_in(finess)).then(
            "valeur"
        ),
    )


def table_depots(depots: pl.DataFrame) -> pl.DataFrame:
    """The register of deposits with its names as §8 shows them and the columns of `depots` but `version`."""
    porteurs = {porteur: echapper(porteur) for porteur in depots["porteur"].unique()}
    montres = depots.with_columns(
        porteur=pl.col("porteur").replace(porteurs),
        nom=nom_publiable("nom"),
        membre=membre_publiable(),
        table=_vide_nul("nom_table"),
        sha256=_vide_nul("sha256"),
    )
    # Two members may look the same once their own names are gone.
    rang = pl.int_range(1, pl.len() + 1).over("recu", "table", "membre")
    numerote = pl.concat_str("membre", pl.lit(" n° "), rang)
    return montres.with_columns(membre=pl.when(rang > 1).then(numerote).otherwise("membre"))


def table_sources(sources: pl.DataFrame, essms: pl.DataFrame) -> pl.DataFrame:
    """What each measure read, as it is published (columns of `sources` but `version`)."""
    return sources.rename({"nom_table": "table"}).join(essms.select("finess_et", "porteur"), on="finess_et")


def _vide_nul(colonne: str) -> pl.Expr:
    return pl.when(pl.col(colonne) != "").then(colonne).alias(colonne)


class CleEnDouble(ErreurDite):
    """Rows of a table to publish have the same key (French message, without any value)."""


def disposer(table: str, lignes: pl.DataFrame, version: str) -> pa.Table:
    """The rows of a published table as its files hold them: checked, sorted, described in the Arrow metadata.

    Raises `pandera.errors.SchemaErrors` when they break their contract, `CleEnDouble` when two have the same key.
    """
    pretes = lignes.with_columns(pl.lit(version).alias("version")).select(
        pl.col(nom).cast(dtype) for nom, dtype in dtypes(table).items()
    )
    if fautives(pretes, TABLES[table].to_schema()).any():
        TABLES[table].validate(pretes, lazy=True)
    cle = [colonne for colonne in CLES.get(table, ()) if colonne in pretes.columns]  # the date is that of the file
    if cle and (doubles := pretes.height - pretes.n_unique(cle)):
        raise CleEnDouble(
            f"La table « {table} » aurait {doubles} ligne(s) de trop pour sa clé ({', '.join(cle)}). C'est un défaut de "
            "duimètre, pas des dépôts : transmettez ce message et le dernier fichier de staging/journaux/."
        )
    arrow = pretes.sort(_TRI[table], nulls_last=False).to_arrow(compat_level=pl.CompatLevel.oldest())
    return arrow.cast(schema_arrow(table))


def ecrire_table(table: str, lignes: pl.DataFrame, version: str, dossier: Path, *, date_mesure: date | None) -> Path:
    """Write one published table (or its partition of `date_mesure`) under `dossier`; give the file.

    Raises as `disposer` does.
    """
    assert (table in PAR_DATE) == (date_mesure is not None), table
    fichier = TablesPubliees(dossier).chemin(table, date_mesure)
    fichier.parent.mkdir(parents=True)
    octets = io.BytesIO()  # pyarrow writes each page of a column by itself
    pq.write_table(disposer(table, lignes, version), octets, compression="zstd", row_group_size=_GROUPE_LIGNES)
    fichier.write_bytes(octets.getbuffer())
    return fichier
