"""Evidence bundle of published figures, of one ESSMS or of a project (specification §3 `preuve`): made, and verified offline.

A zip without compression, the same bytes for the same content, that any DuckDB client can recompute without us:

    LISEZ-MOI.txt             what it is, how to verify it
    preuve.json               figure, version, code, rules, deposits (receipt, SHA-256, extraction date, rows)
    recalcul.sql              plain SQL: inputs → every relation of the specification → figures → differences
    entrees/*.parquet         what the SQL reads: pseudonymised rows of these ESSMS, deposits, rules
    publie/*.parquet          the published rows of these ESSMS
    regles/*.toml             the rule files
    version/*.json            manifest and chain link of the version
    empreintes.sha256         SHA-256 of every other file (`sha256sum -c` reads it)
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import threading
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Any

import duckdb
import polars as pl

from schemas.erreurs import ErreurDite
from transforms.agregats import PROJETS, suivre_projets, textes_des_projets
from transforms.dire.formats import majuscule
from transforms.mesure import DEPOSEES, PRELIMINAIRES, RELATIONS, Entrees, mesurer, texte_sql
from transforms.publication import table_sources

# The published tables that a bundle recomputes; that of a project also has what it says of the project.
PUBLIEES = ("indicateurs", "maturin_sms")
_SUIVIES = ("conventions", "conditions_solde", "verifications_aptitude")
DU_PROJET = ("sources", *_SUIVIES)
CHIFFRES = ("indicateur", "numerateur", "denominateur", "taux", "statut")
# Of the project, what its SQL reads and the measure does not make.
_LUES_DU_PROJET = ("incertains", "depenses", "atteintes_publiees", "categories", "forfaits", "textes")
_CALCULEES_DU_PROJET = tuple(r for r in PROJETS if r not in ("alertes_projets", "financement"))
# Sentences, and what they are made of: states and amounts are recomputed, not their words.
_DITES = ("detail", "source", "motif", "absents", "nuls")
# By which the rows of a table are told apart.
_CLES = ("projet", "finess_et", "indicateur", "table", "condition")
# What is published beside the computed columns.
_ETIQUETTES = ("version", "date_mesure")

_LUES = ("mesure", "essms", "essms_des_projets", "depots", "bilans", "regles", "cibles")
# The alerts are no part of a figure.
_CALCULEES = tuple(
    r
    for r in (*PRELIMINAIRES, *RELATIONS)
    if r not in ("bilans", "depots_utiles", "fichiers_utiles", "dossiers_inconnus", "alertes")
)
# Columns of the night's own affairs: where a file is staged, in which bucket.
_INTERNES = ("fichier", "fichier_faits", "seau")

_EMPREINTES = "empreintes.sha256"
_FICHIERS_MAX = 200
_OCTETS_MAX = 4 << 30
_DELAI_RECALCUL_S = 600.0
_ILLISIBLE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    OSError,
    ValueError,
    RuntimeError,
    NotImplementedError,
    EOFError,
    KeyError,
    IndexError,
)


class PreuveInvalide(ErreurDite):
    """What is wrong with a bundle, one sentence per fault."""

    def __init__(self, problemes: Sequence[str]) -> None:
        super().__init__("\n  ".join(("PREUVE NON VALABLE", *problemes)))


@dataclass(frozen=True)
class Objet:
    """What a bundle proves: the figures of an ESSMS (`finess_et`) or of a project (`projet`), by the column that says so."""

    colonne: str
    valeur: str

    @classmethod
    def de(cls, description: Mapping[str, Any]) -> Objet:
        """What a `preuve.json` is about. Raises `KeyError` when it does not say."""
        colonne = "projet" if "projet" in description else "finess_et"
        return cls(colonne, description[colonne])

    def lignes(self, table: pl.DataFrame) -> pl.DataFrame:
        """The rows of a table that are about it."""
        return table.filter(self._sien)

    def seulement(self, colonne: str) -> pl.Expr:
        """A column, null in the rows of others."""
        return pl.when(self._sien).then(colonne).alias(colonne)

    @property
    def _sien(self) -> pl.Expr:
        return pl.col(self.colonne) == self.valeur

    @property
    def publiees(self) -> tuple[str, ...]:
        """The published tables of its bundle."""
        return (*PUBLIEES, *DU_PROJET) if self.colonne == "projet" else PUBLIEES

    @property
    def chiffres(self) -> tuple[str, ...]:
        """Of `indicateurs`, what `preuve.json` repeats and `recalcul.sql` shows."""
        return ("finess_et", *CHIFFRES) if self.colonne == "projet" else CHIFFRES

    def __str__(self) -> str:
        """As a sentence names it."""
        return f"{'projet' if self.colonne == 'projet' else 'ESSMS'} {self.valeur}"


@dataclass(frozen=True)
class Recalcul:
    """The inputs of figures and what they give: `entrees` by relation, `figures` for each table of `Objet.publiees`."""

    entrees: Mapping[str, pl.DataFrame]
    figures: Mapping[str, pl.DataFrame]


def recalculer(entrees: Entrees, objet: Objet, date_mesure: date, publiees: Mapping[str, pl.DataFrame]) -> Recalcul:
    """Measure the ESSMS of `objet` again and give what was read and what came out.

    `entrees`: as for a night; its `essms` holds all those of that date. `publiees`: the published rows. Raises
    `duckdb.Error` when a staged file cannot be read.
    """
    siens = objet.lignes(entrees.essms)
    # The others of its project and of its porteur are known, not measured.
    connus = [pl.col(c).is_in(siens[c].unique().to_list()) for c in ("projet", "porteur")]
    essms = entrees.essms.filter(pl.any_horizontal(connus)).with_columns(objet.seulement("seau"))
    depots = entrees.depots.join(siens, on="porteur", how="semi")
    bilans = entrees.bilans.join(depots.select("depot"), on="depot", how="semi")
    reduites = replace(entrees, essms=essms, depots=depots, bilans=bilans)
    seaux = siens["seau"].unique().to_list()
    tout = mesurer(reduites, date_mesure, seaux, relations=[*_LUES, *DEPOSEES, *PUBLIEES, "sources"])
    recalcul = Recalcul(
        entrees={nom: tout[nom].drop(_INTERNES, strict=False) for nom in (*_LUES, *DEPOSEES)},
        figures={nom: tout[nom] for nom in PUBLIEES},
    )
    if objet.colonne != "projet":
        return recalcul
    sources = table_sources(tout["sources"], siens)
    du_projet = _suivre_le_projet(tout["indicateurs"], siens, date_mesure, publiees)
    return Recalcul(
        {**recalcul.entrees, **du_projet.entrees}, {**recalcul.figures, "sources": sources, **du_projet.figures}
    )


def _suivre_le_projet(
    indicateurs: pl.DataFrame, essms: pl.DataFrame, date_mesure: date, publiees: Mapping[str, pl.DataFrame]
) -> Recalcul:
    """§6.6 from the recomputed rates, the published register and what the published row says was read besides.

    That is: the expenses it counted, the earlier date at which the targets were reached, whether a row set aside named it.
    """
    publiee = publiees["conventions"].row(0, named=True)
    projet, justifiees, avant = (publiee[c] for c in ("projet", "depenses_justifiees", "date_cibles_atteintes"))
    jour = pl.lit(date_mesure).alias("date_mesure")
    depenses = [] if justifiees is None else [(projet, justifiees, date_mesure)]
    atteintes = [(avant, projet)] if avant is not None and avant < date_mesure else []
    lues = {
        "depenses": pl.DataFrame(
            depenses, {"projet": pl.String, "montant": pl.Decimal(14, 2), "date": pl.Date}, orient="row"
        ),
        "atteintes_publiees": pl.DataFrame(atteintes, {"date_mesure": pl.Date, "projet": pl.String}, orient="row"),
    }
    for incertains in ([], [(date_mesure, projet)]):
        lues["incertains"] = pl.DataFrame(incertains, {"date_mesure": pl.Date, "projet": pl.String}, orient="row")
        figures = suivre_projets(
            indicateurs.with_columns(jour),
            essms.with_columns(jour),
            lues["incertains"],
            lues["depenses"],
            lues["atteintes_publiees"],
        )
        if not differences(comparables({t: publiees[t] for t in _SUIVIES}), comparables(figures)):
            break
    return Recalcul(lues | textes_des_projets(), {t: figures[t] for t in _SUIVIES})


def comparables(tables: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Tables without their sentences."""
    return {nom: table.drop(_DITES, strict=False) for nom, table in tables.items()}


def differences(
    publiees: Mapping[str, pl.DataFrame],
    autres: Mapping[str, pl.DataFrame],
    mots: tuple[str, str] = ("publié", "recalculé"),
) -> list[str]:
    """Where the published rows and others differ, in French; empty when they are the same.

    `mots`: what a value of the ones and of the others is called.
    """
    ecarts = []
    for table, lignes in publiees.items():
        calculees = [c for c in lignes.columns if c not in _ETIQUETTES]
        if not set(calculees) <= set(autres[table].columns):  # one published before a column was lacks it
            ecarts.append(f"{table} : les colonnes diffèrent")
            continue
        cle = [c for c in _CLES if c in calculees]
        avants, apres = (t.select(calculees).sort(cle) for t in (lignes, autres[table]))
        if avants.height != apres.height:
            ecarts.append(f"{table} : {avants.height} lignes {mots[0]}es, {apres.height} {mots[1]}es")
            continue
        dite = [c for c in cle[:-1] if avants[c].n_unique() > 1] + cle[-1:]
        for avant, apre in zip(avants.iter_rows(named=True), apres.iter_rows(named=True), strict=True):
            ecarts += [
                f"{table}, {', '.join(avant[c] for c in dite)}, {nom} : {mots[0]} {avant[nom]}, {mots[1]} {apre[nom]}"
                for nom in calculees
                if avant[nom] != apre[nom]
            ]
    return ecarts


def texte_recalcul(publiees: Mapping[str, pl.DataFrame], objet: Objet) -> str:
    """The SQL that recomputes the figures inside the unpacked bundle, and compares them with the published rows."""
    du_projet = objet.colonne == "projet"
    parties = [
        "-- Recalcule les chiffres publiés. Dans le dossier de la preuve dépliée, avec DuckDB 1.4 ou plus récent :",
        '--     duckdb -c ".read recalcul.sql"',
        "-- Chaque relation porte le nom de la spécification ; le texte qui suit son nom est celui de transforms/sql/.",
        texte_sql("macros/duckdb"),
    ]
    parties += [
        f"CREATE OR REPLACE TEMP TABLE {nom} AS SELECT * FROM read_parquet('entrees/{nom}.parquet');"
        for nom in (*_LUES, *DEPOSEES, *(_LUES_DU_PROJET if du_projet else ()))
    ]
    parties += [f"CREATE OR REPLACE TEMP TABLE {nom} AS\n{texte_sql(nom).rstrip()}\n;" for nom in _CALCULEES]
    if du_projet:
        parties += [texte_sql("preuve/projet")]
        parties += [
            f"CREATE OR REPLACE TEMP TABLE {nom} AS\n{texte_sql(f'agregats/{nom}').rstrip()}\n;"
            for nom in _CALCULEES_DU_PROJET
        ]
    ecarts = []
    for table, lignes in comparables(publiees).items():
        colonnes = ", ".join(f'"{c}"' for c in lignes.columns if c not in _ETIQUETTES)
        publie = f"SELECT {colonnes} FROM read_parquet('publie/{table}.parquet')"
        recalcule = f"SELECT {colonnes} FROM {table}"
        ecarts += [f"({publie} EXCEPT ALL {recalcule})", f"({recalcule} EXCEPT ALL {publie})"]
    comptes = "\nUNION ALL ".join(f"SELECT COUNT(*) AS nombre FROM ({e}) AS e" for e in ecarts)
    parties += [
        f"SELECT {', '.join(objet.chiffres)} FROM indicateurs ORDER BY ALL;",
        "SELECT CASE WHEN SUM(nombre) = 0 THEN 'IDENTIQUE : les chiffres publiés sont ceux que donnent les dépôts'\n"
        f"ELSE 'DIFFÉRENT des chiffres publiés' END AS verdict\nFROM (\n{comptes}\n) AS ecarts;",
    ]
    return "\n\n".join(parties) + "\n"


def assembler(
    recalcul: Recalcul,
    publiees: Mapping[str, pl.DataFrame],
    description: Mapping[str, Any],
    pieces: Mapping[str, bytes],
) -> bytes:
    """The bundle as the bytes of its zip.

    `publiees`: the published rows of `Objet.publiees`. `description`: content of `preuve.json`. `pieces`: the other
    files by name (`regles/…`, `version/…`). The same arguments give the same bytes.
    """
    fichiers = dict(pieces)
    fichiers |= {f"entrees/{nom}.parquet": _parquet(lignes) for nom, lignes in recalcul.entrees.items()}
    fichiers |= {f"publie/{table}.parquet": _parquet(lignes) for table, lignes in publiees.items()}
    fichiers["preuve.json"] = (json.dumps(description, ensure_ascii=False, indent=2) + "\n").encode()
    fichiers["recalcul.sql"] = texte_recalcul(publiees, Objet.de(description)).encode()
    fichiers["LISEZ-MOI.txt"] = _lisez_moi(description).encode()
    fichiers[_EMPREINTES] = "".join(
        f"{hashlib.sha256(contenu).hexdigest()}  {nom}\n" for nom, contenu in sorted(fichiers.items())
    ).encode()
    return _zip(fichiers)


def _parquet(lignes: pl.DataFrame) -> bytes:
    flux = io.BytesIO()
    lignes.write_parquet(flux, compression="zstd")
    return flux.getvalue()


def _zip(fichiers: Mapping[str, bytes]) -> bytes:
    flux = io.BytesIO()
    with zipfile.ZipFile(flux, "w", zipfile.ZIP_STORED) as archive:
        for nom, contenu in sorted(fichiers.items()):
            entree = zipfile.ZipInfo(nom, (1980, 1, 1, 0, 0, 0))
            entree.create_system = 3
            entree.external_attr = 0o600 << 16
            archive.writestr(entree, contenu)
    return flux.getvalue()


def _lisez_moi(description: Mapping[str, Any]) -> str:
    return f"""Preuve de chiffres publiés par duimètre
=======================================

{majuscule(str(Objet.de(description)))}, mesure du {description["date_mesure"]}, version {description["version"]}.

Ce dossier permet de refaire le calcul sans duimètre ni connexion.

1. Vérifier que rien n'a changé (Linux, macOS) : sha256sum -c empreintes.sha256
2. Refaire le calcul (DuckDB 1.4 ou plus récent) : duckdb -c ".read recalcul.sql"
   La dernière ligne dit si les chiffres recalculés sont les chiffres publiés.
3. Avec duimètre, les deux à la fois, sans rien déplier : duimetre preuve --verifier LE_FICHIER.zip

Ce qu'il contient
-----------------
preuve.json          les chiffres, la version, le code, les règles, et chaque dépôt : reçu, SHA-256, date d'extraction, lignes ;
                     « depots_ecartes » : les dépôts de ces ESSMS remplacés par un autre contenu ou retirés par l'agence
recalcul.sql         le calcul, relation par relation, dans l'ordre
entrees/             ce que lit le calcul : lignes des dépôts pour ces ESSMS (pseudonymes), dépôts, bilans, règles
publie/              les lignes publiées de ces ESSMS
regles/              les fichiers de règles, avec le texte officiel dont elles viennent
version/             le manifeste de la version et son maillon dans la chaîne des publications
empreintes.sha256    l'empreinte de chaque fichier

Le maillon porte l'empreinte du manifeste ; le manifeste porte celles des tables publiées et des dépôts. L'agence garde
la version et les dépôts d'origine : l'empreinte d'un dépôt se recalcule sur le fichier reçu.

Les lignes sont pseudonymisées, elles restent des données de santé à caractère personnel : à conserver et à transmettre
comme telles.
"""


@dataclass(frozen=True)
class PreuveEntiere:
    """A bundle found whole: its `description` (preuve.json), its files, and remarks that are no faults."""

    description: Mapping[str, Any]
    fichiers: Mapping[str, bytes]
    sha256: str
    remarques: tuple[str, ...]


def verifier_preuve(chemin: Path, travail: Path) -> PreuveEntiere:
    """Check every byte of a bundle, recompute its figures with the SQL inside, compare with the published rows.

    `travail`: an empty directory where it is unpacked. The SQL runs without any access outside of it. Raises
    `PreuveInvalide` with everything that is wrong.
    """
    octets = _lire(chemin)
    fichiers = _deplier(octets)
    _verifier_empreintes(fichiers, octets)
    try:
        description = json.loads(fichiers["preuve.json"])
        publiees = tables_de_la_preuve(fichiers, Objet.de(description))
        problemes = _verifier_version(fichiers, description)
        problemes += _verifier_figures(publiees, description)
    except (KeyError, ValueError, TypeError, pl.exceptions.PolarsError) as erreur:
        raise PreuveInvalide(["Il manque une pièce à cette preuve, ou elle est illisible."]) from erreur
    if problemes:
        raise PreuveInvalide(problemes)
    for nom, contenu in fichiers.items():
        cible = travail / nom
        cible.parent.mkdir(parents=True, exist_ok=True)
        cible.write_bytes(contenu)
    recalculees = _executer(fichiers["recalcul.sql"].decode(), travail, [*publiees])
    if ecarts := differences(comparables(publiees), comparables(recalculees)):
        raise PreuveInvalide([f"Le recalcul ne donne pas le chiffre publié : {e}" for e in ecarts])
    remarques = []
    if fichiers["recalcul.sql"].decode() != texte_recalcul(publiees, Objet.de(description)):
        remarques.append(
            "Le SQL de la preuve n'est pas celui de cette installation : comparez-le à celui de sa version."
        )
    return PreuveEntiere(description, fichiers, hashlib.sha256(octets).hexdigest(), tuple(remarques))


def tables_de_la_preuve(fichiers: Mapping[str, bytes], objet: Objet) -> dict[str, pl.DataFrame]:
    """The published rows that a bundle holds. Raises `KeyError`, errors of `polars`."""
    return {table: pl.read_parquet(fichiers[f"publie/{table}.parquet"]) for table in objet.publiees}


def _lire(chemin: Path) -> bytes:
    try:
        if chemin.stat().st_size > _OCTETS_MAX:
            raise PreuveInvalide(["Ce fichier est trop gros pour être une preuve."])
        return chemin.read_bytes()
    except OSError as erreur:
        raise PreuveInvalide([f"{chemin} ne peut pas être lu : {erreur.strerror}."]) from erreur


def _deplier(octets: bytes) -> dict[str, bytes]:
    fichiers: dict[str, bytes] = {}
    problemes = []
    try:
        with zipfile.ZipFile(io.BytesIO(octets)) as archive:
            entrees = archive.infolist()
            if len(entrees) > _FICHIERS_MAX or any(not _ordinaire(e, len(octets)) for e in entrees):
                raise PreuveInvalide(["Ce fichier n'est pas une preuve écrite par duimètre, ou il a été refait."])
            for entree in entrees:
                try:
                    fichiers[entree.filename] = archive.read(entree)
                except _ILLISIBLE:
                    problemes.append(f"Le fichier {entree.filename} a changé.")
    except _ILLISIBLE as erreur:
        raise PreuveInvalide(
            ["Ce fichier n'est pas une archive zip lisible : il a changé ou il est tronqué."]
        ) from erreur
    if problemes:
        raise PreuveInvalide(problemes)
    return fichiers


def _ordinaire(entree: zipfile.ZipInfo, taille: int) -> bool:
    chemin = PurePosixPath(entree.filename)
    return (
        entree.compress_type == zipfile.ZIP_STORED
        and entree.file_size <= taille
        and not entree.is_dir()
        and not chemin.is_absolute()
        and ".." not in chemin.parts
        and all(c.isalnum() or c in "._-/" for c in entree.filename)
    )


def _verifier_empreintes(fichiers: Mapping[str, bytes], octets: bytes) -> None:
    try:
        lignes = [ligne.split("  ", 1) for ligne in fichiers[_EMPREINTES].decode().splitlines()]
        attendues = {nom: somme for somme, nom in lignes}
    except (KeyError, ValueError) as erreur:
        raise PreuveInvalide([f"Le fichier {_EMPREINTES} manque ou a changé."]) from erreur
    presents = fichiers.keys() - {_EMPREINTES}
    problemes = [f"Le fichier {nom} manque." for nom in sorted(attendues.keys() - presents)]
    problemes += [f"Le fichier {nom} a été ajouté." for nom in sorted(presents - attendues.keys())]
    problemes += [
        f"Le fichier {nom} a changé."
        for nom in sorted(presents & attendues.keys())
        if hashlib.sha256(fichiers[nom]).hexdigest() != attendues[nom]
    ]
    if not problemes and _zip(fichiers) != octets:
        problemes.append("L'enveloppe de l'archive a changé ; les fichiers qu'elle contient sont intacts.")
    if problemes:
        raise PreuveInvalide(problemes)


def _verifier_version(fichiers: Mapping[str, bytes], description: Mapping[str, Any]) -> list[str]:
    """The manifest is the one whose hash the chain link holds, and both are those of the version cited."""
    manifeste, maillon = json.loads(fichiers["version/manifeste.json"]), json.loads(fichiers["version/maillon.json"])
    problemes = []
    if maillon["manifeste_sha256"] != hashlib.sha256(fichiers["version/manifeste.json"]).hexdigest():
        problemes.append("Le manifeste n'est pas celui du maillon de la chaîne.")
    if not manifeste["version"] == maillon["version"] == description["version"]:
        problemes.append("Le manifeste et le maillon ne sont pas ceux de la version citée.")
    return problemes


def _verifier_figures(publiees: Mapping[str, pl.DataFrame], description: Mapping[str, Any]) -> list[str]:
    """The published rows are those of the ESSMS or project and the date that the bundle says."""
    objet = Objet.de(description)
    attendu = {(objet.valeur, description["date_mesure"])}
    vus = {
        (valeur, jour.isoformat())
        for lignes in publiees.values()
        if objet.colonne in lignes.columns
        for valeur, jour in lignes.select(objet.colonne, "date_mesure").iter_rows()
    }
    if vus != attendu:
        return [f"Les lignes publiées ne sont pas celles de l'objet et de la date annoncés ({objet})."]
    if publiees["indicateurs"].select(objet.chiffres).to_dicts() != description["chiffres"]:
        return ["Les chiffres de preuve.json ne sont pas ceux des lignes publiées."]
    return []


def _executer(texte: str, dossier: Path, tables: Sequence[str]) -> dict[str, pl.DataFrame]:
    """Run the SQL of a bundle on its own files only: it comes from outside."""
    racine = str(dossier).replace("'", "''")
    with duckdb.connect(config={"memory_limit": "1GB", "threads": 2}) as base:
        base.execute(f"SET allowed_directories = ['{racine}/']")
        base.execute(f"SET temp_directory = '{racine}/.tri'")
        base.execute("SET enable_external_access = false")
        base.execute("SET lock_configuration = true")
        minuterie = threading.Timer(_DELAI_RECALCUL_S, base.interrupt)
        minuterie.start()
        try:
            base.execute(texte.replace("read_parquet('", f"read_parquet('{racine}/")).fetchall()
            return {table: base.sql(f"SELECT * FROM {table}").pl() for table in tables}
        except duckdb.Error as erreur:
            raise PreuveInvalide([f"Le SQL de la preuve ne s'exécute pas ({type(erreur).__name__})."]) from erreur
        finally:
            minuterie.cancel()
