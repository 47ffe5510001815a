"""Run the SQL of `transforms/sql/` on staged parquet, for some buckets of ESSMS and one measure date.

Each file of the folder is one relation of the specification and bears its name. This module only says in which order
they are made and what they read; no rule of §6 is here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from importlib.resources import files

import duckdb
import polars as pl

from schemas.depots import TABLES, champs_de
from transforms.territoire import seau

# Made first, from what is known of the deposits: they say which staged files are worth opening.
PRELIMINAIRES = (
    "bilans",
    "fenetres",
    "extractions",
    "extractions_reference",
    "bornes_etat",
    "depots_etat",
    "depots_utiles",
    "fichiers_utiles",
)
# The rows of the staged files that were opened: of each table, and of `dossiers` the date_derniere_maj of every deposit.
DERNIERES_MAJ = "dernieres_maj"
DEPOSEES = tuple(f"depose_{nom}" for nom in (*TABLES, DERNIERES_MAJ))
_ETATS = ("dossiers", "sejours", "projets")
# In order: each relation reads only inputs and relations above it.
RELATIONS = (
    "besoins",
    "dossiers_courants",
    "sejours_courants",
    "projets_courants",
    "ins_de_personne",
    "personnes",
    "file_active",
    "file_active_annuelle",
    "personnes_eligibles",
    "mises_a_jour_fenetre",
    "dossiers_actifs",
    "projets_en_vigueur",
    "agenda_courant",
    "agenda_fenetre",
    "messages_identifies",
    "comptages_quotidiens",
    "messages",
    "personnes_dmp",
    "eprescription_fenetre",
    "eparcours_fenetre",
    "rejets_nommes",
    "rejets",
    "rejets_maj",
    "refus",
    "sejours_inconnus",
    "sources",
    "effectifs",
    "populations",
    "comptages",
    "etats_sources",
    "planchers",
    "exemptions",
    "indicateurs",
    "maturin_sms",
    "dossiers_inconnus",
    "alertes",
)
# Made after them, only when asked for.
A_LA_DEMANDE = ("a_completer",)
RESULTATS = ("indicateurs", "maturin_sms", "alertes", "populations", "sources", "depots_utiles")

DEPOTS = {
    "depot": pl.String,
    "porteur": pl.String,
    "nom_table": pl.String,
    "date_extraction": pl.Date,
    "partiel": pl.Boolean,
    "accepte": pl.Boolean,
    "motif": pl.String,
    "ordre": pl.Int64,
    "fichier": pl.String,
    "fichier_faits": pl.String,
}
BILANS = {"depot": pl.String, "finess_et": pl.String, "lignes_utilisees": pl.Int64, "lignes_rejetees": pl.Int64}
PRECEDENTS = {"finess_et": pl.String, "indicateur": pl.String, "taux": pl.Float64, "denominateur": pl.Int64}
AUTRES_MESURES = {"date_mesure": pl.Date}


@dataclass(frozen=True)
class Entrees:
    """What a measure reads.

    `essms`: the ESSMS of the register at that date (columns of the table `essms_mesures`, and `seau`: null for one that is
    there only because its project counts it). `autres_numeros`: number received → the one of `essms` that it counts for, where
    they differ. `depots` (columns `DEPOTS`): accepted deposits, and those refused (`motif`: why) that stand or are pending;
    `ordre` follows the extraction date, then the name (§6.2); `fichier` is the staged parquet file that holds its rows, maybe
    with those of others; `fichier_faits` the one to read its facts in, the same or a fold of it
    (`transforms.faits_replies`). `bilans` (columns `BILANS`): rows used and rejected per deposit and FINESS received.
    `regles`: the relations of `transforms.regles.relations`. `precedents` (columns `PRECEDENTS`): rates and denominators at
    the previous measure date of each ESSMS. `premiere_publication`: its day, None when it is to come. `autres_mesures`
    (column `date_mesure`): the dates published or being measured beside this one.
    """

    essms: pl.DataFrame
    depots: pl.DataFrame
    bilans: pl.DataFrame
    regles: Mapping[str, pl.DataFrame]
    precedents: pl.DataFrame
    premiere_publication: date | None = None
    autres_mesures: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=AUTRES_MESURES))
    autres_numeros: Mapping[str, str] = field(default_factory=dict)

    @property
    def numeros(self) -> pl.DataFrame:
        """Every number that counts at that date: `recu`, `finess_et` and its `porteur`."""
        autres = {"recu": list(self.autres_numeros), "finess_et": list(self.autres_numeros.values())}
        tous = pl.concat(
            [
                self.essms.select("finess_et", recu="finess_et"),
                pl.DataFrame(autres, schema=dict.fromkeys(autres, pl.String)).select("finess_et", "recu"),
            ]
        )
        return tous.join(self.essms.select("finess_et", "porteur"), on="finess_et")


@cache
def texte_sql(nom: str) -> str:
    """The text of one relation of `depots/` or `mesure/`, or of a file named with its folder (`macros/duckdb`)."""
    racine = files("transforms.sql")
    fichiers = (racine.joinpath(*dossier, *f"{nom}.sql".split("/")) for dossier in ((), ("depots",), ("mesure",)))
    return next(f for f in fichiers if f.is_file()).read_text(encoding="utf-8")


def litteral(texte: str) -> str:
    """A text as an SQL string."""
    return "'" + texte.replace("'", "''") + "'"


def chemin_litteral(chemin: str) -> str:
    """A path as an SQL string that no engine expands as a pattern."""
    return litteral("".join(f"[{c}]" if c in "*?[" else c for c in chemin))


def _vue_deposee(table: str, lecture: str, fichiers: Sequence[str], seaux: Collection[int]) -> str:
    """The staged rows of a table for some buckets, with what is known of their deposit; typed even when there is none.

    `lecture`: `etat` or `faits`, which of its two files is read.
    """
    if not fichiers:
        types = {"depot": "VARCHAR", "ligne": "UINTEGER"} | {
            c.nom: {
                "date": "DATE",
                "horodatage": "TIMESTAMP",
                "bool": "BOOLEAN",
                "entier": "BIGINT",
            }.get(c.nature, "VARCHAR")
            for c in champs_de(table).values()
        }
        colonnes = ", ".join(f"CAST(NULL AS {t}) AS {c}" for c, t in types.items())
        provenance = "CAST(NULL AS DATE) AS date_extraction, CAST(NULL AS BIGINT) AS ordre, '' AS numero_recu"
        return f"SELECT {colonnes}, {provenance} WHERE FALSE"
    colonnes = ", ".join("n.finess_et" if c == "finess_et" else f"s.{c}" for c in ("depot", "ligne", *champs_de(table)))
    liste = ", ".join(chemin_litteral(f) for f in fichiers)
    rangement = "fichier" if lecture == "etat" else "fichier_faits"
    return f"""SELECT {colonnes}, d.date_extraction, d.ordre, s.finess_et AS numero_recu
               FROM read_parquet([{liste}], hive_partitioning = false, filename = 'fichier') AS s
               INNER JOIN depots AS d ON d.depot = s.depot AND d.{rangement} = s.fichier AND d.accepte
               INNER JOIN numeros AS n ON n.recu = s.finess_et AND n.porteur = d.porteur
               INNER JOIN essms AS e ON e.finess_et = n.finess_et
               WHERE s.seau IN ({", ".join(map(str, sorted(seaux)))})"""


def _avec_annonces(base: duckdb.DuckDBPyConnection, vue: str, fichiers: Sequence[str], seaux: Collection[int]) -> str:
    """The rows of `agenda` in `vue`, and those of older files that announce an event for the windows or replace one that does.

    Years of events that are over are so passed by, where the files say when their latest is.
    """
    liste = ", ".join(chemin_litteral(f) for f in fichiers)
    (debut,) = base.execute("SELECT MIN(debut_fenetre) FROM fenetres").fetchall()[0]
    base.execute(
        f"""CREATE TEMP TABLE annonces AS SELECT DISTINCT n.finess_et, s.id_dossier, s.id_evenement
            FROM read_parquet([{liste}], hive_partitioning = false) AS s
            INNER JOIN numeros AS n ON n.recu = s.finess_et WHERE s.debut >= DATE '{debut}'"""
    )
    if not base.execute("SELECT count(*) FROM annonces").fetchall()[0][0]:
        return vue
    return f"""{vue} UNION ALL SELECT f.* FROM ({_vue_deposee("agenda", "faits", fichiers, seaux)}) AS f
               SEMI JOIN annonces USING (finess_et, id_dossier, id_evenement)"""


def _preparer(
    base: duckdb.DuckDBPyConnection, entrees: Entrees, date_mesure: date, seaux: Collection[int] | None = None
) -> None:
    """Give a base the inputs of a measure and the relations that say which deposits and staged files it reads.

    `essms` are those of the `seaux`; a project may have others, in `essms_des_projets`.
    """
    base.execute("SET TimeZone = 'UTC'")
    base.execute(texte_sql("macros/duckdb"))
    tables = {
        "mesure": pl.DataFrame(
            {"date_mesure": [date_mesure], "premiere_publication": [entrees.premiere_publication]},
            schema={"date_mesure": pl.Date, "premiere_publication": pl.Date},
        ),
        "autres_mesures": entrees.autres_mesures,
        "numeros": entrees.numeros,
        "essms": entrees.essms if seaux is None else entrees.essms.filter(pl.col("seau").is_in(sorted(seaux))),
        "essms_des_projets": entrees.essms.select("projet", "finess_et", "sous_secteur"),
        "depots": entrees.depots,
        "bilans_recus": entrees.bilans,
        "precedents": entrees.precedents,
        **entrees.regles,
    }
    for nom, table in tables.items():
        base.register(f"_{nom}", table.to_arrow())
        base.execute(f"CREATE TEMP TABLE {nom} AS SELECT * FROM _{nom}")
    for relation in PRELIMINAIRES:
        base.execute(f"CREATE TEMP TABLE {relation} AS {texte_sql(relation)}")


def depots_utiles(entrees: Entrees, date_mesure: date) -> pl.DataFrame:
    """The deposits that can matter for one measure date (column `depot`)."""
    with duckdb.connect(config={"memory_limit": "1GB", "threads": 2}) as base:
        _preparer(base, replace(entrees, bilans=entrees.bilans.clear()), date_mesure)
        utiles: pl.DataFrame = base.sql("SELECT depot FROM depots_utiles").pl()
    return utiles


def fichiers_lus(entrees: Mapping[date, Entrees]) -> list[str]:
    """The staged files that the measures of these dates open, whatever the buckets."""
    lus: set[str] = set()
    for date_mesure, du_jour in entrees.items():
        with duckdb.connect(config={"memory_limit": "1GB", "threads": 2}) as base:
            _preparer(base, du_jour, date_mesure)
            lus.update(fichier for (fichier,) in base.execute("SELECT fichier FROM fichiers_utiles").fetchall())
    return sorted(lus)


def mesurer(
    entrees: Entrees,
    date_mesure: date,
    seaux: Collection[int],
    *,
    relations: Sequence[str] = RESULTATS,
) -> dict[str, pl.DataFrame]:
    """Measure the ESSMS of some buckets at one date: the asked `relations`, each sorted by its first columns.

    Raises `duckdb.Error` when a staged file cannot be read.
    """
    # A row is staged in the bucket of the number it bears.
    mesures = entrees.essms.filter(pl.col("seau").is_in(sorted(seaux)))
    ranges = {*seaux, *seau(entrees.numeros.join(mesures, on="finess_et", how="semi")["recu"])}
    with duckdb.connect(config={"memory_limit": "1GB", "threads": 2}) as base:
        _preparer(base, entrees, date_mesure, seaux)
        utiles: dict[tuple[str, str], list[str]] = {}
        for deposee, lecture, fichier in base.execute("FROM fichiers_utiles ORDER BY ALL").fetchall():
            utiles.setdefault((deposee, lecture), []).append(fichier)
        for deposee in TABLES:
            lecture = "etat" if deposee in _ETATS else "faits"
            vue = _vue_deposee(deposee, lecture, utiles.get((deposee, lecture), ()), ranges)
            if annonces := utiles.get((deposee, "annonces")):
                vue = _avec_annonces(base, vue, annonces, ranges)
            base.execute(f"CREATE TEMP VIEW depose_{deposee} AS {vue}")
        faits = _vue_deposee("dossiers", "faits", utiles.get(("dossiers", "faits"), ()), ranges)
        base.execute(
            f"""CREATE TEMP VIEW depose_{DERNIERES_MAJ} AS
                SELECT depot, ligne, finess_et, id_dossier, date_derniere_maj, date_extraction, ordre FROM ({faits}) AS f
                WHERE date_derniere_maj IS NOT NULL"""
        )
        for relation in (*RELATIONS, *(r for r in A_LA_DEMANDE if r in relations)):
            base.execute(f"CREATE TEMP TABLE {relation} AS {texte_sql(relation)}")
        return {nom: base.sql(f"SELECT * FROM {nom} ORDER BY ALL").pl() for nom in relations}
