"""Table of text → accepted typed rows and findings (specification §5): everything is reported in one pass.

A file is read lot by lot, so that its size does not matter. What a row says by itself is decided in its lot, by the
pandera model of the table; what needs the whole file (keys that appear twice) is decided at the end, on the staged rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl
import pyarrow.parquet as pq

from schemas.champs import Champ
from schemas.constats import catalogue
from schemas.depots import TABLES, champs_de, cle
from transforms.dire.formats import milliers
from transforms.lecture.entetes import apparier, nom_normalise
from transforms.lecture.modele import LIGNE, SURPLUS, Feuille, LectureImpossible
from transforms.pseudonymes import pseudonymiser_colonnes
from transforms.sort_depot import SortDepot
from transforms.territoire import seau
from transforms.validation.causes import dates_mal_ecrites, lignes_decalees, sans_lignes
from transforms.validation.constats import (
    RANG,
    Releve,
    constat_de_fichier,
    constat_des_copies,
    constats_de_lignes,
    detail_des_rejets,
)
from transforms.validation.doublons import comparer, repere
from transforms.validation.marques import dire_les_marques
from transforms.validation.modele import constater_les_fautes
from transforms.validation.situation import (
    Contexte,
    autre_table,
    colonnes_de_texte,
    constats_de_l_entete,
    hors_tableau,
    situer,
    table_douteuse,
)
from transforms.validation.typage import typer

BILAN = {"finess_et": pl.String, "lignes_lues": pl.Int64, "lignes_rejetees": pl.Int64}

# To be raised when the same file could be judged otherwise: files still there are then examined again.
EXAMEN_VERSION = 4

REJET_MAX_PCT = 20
REJET_MIN_LIGNES = 3
INS_PERDUES_PCT = 20
_MEMOIRE_TRI = "256MB"
_LIGNES_PAR_GROUPE = 50_000


@dataclass(frozen=True)
class Examen:
    """What a file gives.

    `constats`: findings (columns `CONSTATS`; `nombre` rows concerned, `ligne` the first). `bilan`: one row per FINESS of
    the project that the file names, null for a missing or malformed one (columns `BILAN`).
    """

    sort: SortDepot
    constats: pl.DataFrame
    bilan: pl.DataFrame


def examiner(feuille: Feuille, contexte: Contexte, sortie: Path) -> Examen:
    """Validate one table of a file and write its accepted, pseudonymised rows to the parquet file `sortie`.

    Columns of `sortie`: `depot`, `ligne`, those of the model (identifiers as pseudonyms, `horodatage` as local civil time
    of the ESSMS), `seau`; sorted by bucket, ESSMS and order in the file. Nothing is left at `sortie` when the file is
    refused. Never raises for a fault of the file: it is a refusal.
    """
    colonnes = champs_de(contexte.table)
    correspondance = apparier(feuille.entetes, colonnes)
    if entete := constats_de_l_entete(feuille, contexte.table):
        autre = autre_table(feuille, contexte.table)
        if autre:
            entete.insert(0, constat_de_fichier("AUTRE_TABLE", detail=autre))
        return _refus(str(entete[0]["code"][0]), pl.concat(entete))
    constats = [constat_de_fichier("COLONNE_IGNOREE", valeur=e) for e in correspondance.inconnues]
    # A file without an unknown header names nothing of another table that ours has not.
    if correspondance.inconnues and (douteuse := table_douteuse(feuille, contexte.table, correspondance.positions)):
        constats.append(constat_de_fichier("TABLE_DOUTEUSE", detail=douteuse))
    brut = sortie.with_name(sortie.name + ".brut")
    releve = Releve()
    releve.noter(*constats)
    try:
        return _examiner(feuille, contexte, correspondance.positions, releve, brut, sortie)
    except LectureImpossible as erreur:
        sortie.unlink(missing_ok=True)
        releve.noter(constat_de_fichier(erreur.code, ligne=erreur.ligne, detail=erreur.detail))
        return _refus(erreur.code, releve.constats())
    finally:
        brut.unlink(missing_ok=True)


def _refus(code: str, constats: pl.DataFrame) -> Examen:
    return Examen(SortDepot(code), constats, pl.DataFrame(schema=BILAN))


def _examiner(
    feuille: Feuille,
    contexte: Contexte,
    positions: Mapping[str, int],
    releve: Releve,
    brut: Path,
    sortie: Path,
) -> Examen:
    colonnes = champs_de(contexte.table)
    pseudonymes = [c.nom for c in colonnes.values() if c.pseudonyme]
    bilans: list[pl.DataFrame] = []
    ignorees = pl.Series(LIGNE, [], pl.UInt32)
    hors_projet = 0
    reperes = repere(contexte.table)
    ins = _Ins()
    with _Brut(brut) as ecrivain:
        for texte in _donnees(feuille, contexte.table, positions, releve, ignorees):
            situe, sur_finess = situer(texte, contexte)
            situe = situe.filter(pl.col("situation") != "hors_projet")
            hors_projet += texte.height - situe.height
            if situe.is_empty():
                releve.noter(*sur_finess)
                continue
            type_, rejets, avertissements = _juger(situe, sur_finess, contexte)
            ins.compter(situe, avertissements)
            releve.noter(*rejets, *avertissements)
            rejetees = pl.concat([pl.Series(RANG, [], pl.UInt32), *(c[RANG] for c in rejets)])
            juge = type_.with_columns(rejetee=pl.col(RANG).is_in(rejetees.implode()))
            bilans.append(
                juge.lazy()
                .group_by("finess_et")
                .agg(lignes_lues=pl.len().cast(pl.Int64), lignes_rejetees=pl.col("rejetee").sum().cast(pl.Int64))
                .collect()
            )
            acceptees = juge.filter(~pl.col("rejetee"))[type_.columns]
            ecrivain.ajouter(
                acceptees.with_columns(
                    *pseudonymiser_colonnes(acceptees, pseudonymes, contexte.cle_pseudonymes),
                    seau(acceptees["finess_et"]).alias("seau"),
                ).with_columns(reperes)
            )
    bilan = (
        pl.concat(bilans or [pl.DataFrame(schema=BILAN)]).lazy().group_by("finess_et").sum().sort("finess_et").collect()
    )
    if refus := _noter_remarques(feuille, colonnes, ignorees, releve):
        return _refus(refus, releve.constats())
    lues = int(bilan["lignes_lues"].sum())
    if lues + hors_projet == 0:
        releve.noter(constat_de_fichier("AUCUNE_LIGNE"))
        return _refus("AUCUNE_LIGNE", releve.constats())
    releve.noter(ins.constat())
    doublons = comparer(ecrivain.relues(), ecrivain.hauteur, contexte.table)
    if not doublons.contraires.is_empty():
        detail = ", ".join(cle(contexte.table))
        releve.noter(constats_de_lignes("CLE_EN_DOUBLE", doublons.contraires, None, detail=detail))
        bilan = (
            bilan.join(doublons.par_essms, on="finess_et", how="left")
            .with_columns(lignes_rejetees=pl.col("lignes_rejetees") + pl.col("n").fill_null(0))
            .drop("n")
        )
    if not doublons.copies.is_empty():
        releve.noter(constat_des_copies(doublons.copies))
    rejetees_ = int(bilan["lignes_rejetees"].sum())
    if rejetees_ >= REJET_MIN_LIGNES and 100 * rejetees_ > REJET_MAX_PCT * lues:
        releve.noter(constat_de_fichier("TROP_DE_REJETS", detail=detail_des_rejets(rejetees_, lues, hors_projet)))
        bilan = bilan.with_columns(lignes_rejetees=pl.col("lignes_lues"))
        toutes = lues + hors_projet
        sort = SortDepot("TROP_DE_REJETS", toutes, 0, toutes, hors_projet)
        return Examen(sort, releve.constats(), bilan)
    ecrivain.ranger(sortie, contexte, doublons.ecartees())
    sort = SortDepot(None, lues + hors_projet, lues - rejetees_, rejetees_ + hors_projet, hors_projet)
    return Examen(sort, releve.constats(), bilan)


def _juger(
    situe: pl.DataFrame, sur_finess: list[pl.DataFrame], contexte: Contexte
) -> tuple[pl.DataFrame, list[pl.DataFrame], list[pl.DataFrame]]:
    """The rows of a lot with their types, the findings that reject some, and the warnings."""
    colonnes, modele = champs_de(contexte.table), TABLES[contexte.table]
    type_, mauvais_types, avertissements = typer(situe, colonnes)
    marques_rejetees, marques_dites = dire_les_marques(situe, colonnes)
    rejets = [c for c in mauvais_types + marques_rejetees if not c.is_empty()]
    rejets += constater_les_fautes(type_, situe, rejets, modele, contexte.date_extraction)
    rejets.append(constats_de_lignes("CELLULES_EN_TROP", situe.filter(pl.col(SURPLUS)), None))
    for constats in sur_finess:
        (rejets if _rejette(constats) else avertissements).append(constats)
    rejets = [c for c in rejets if not c.is_empty()]
    avertissements = [c for c in avertissements + marques_dites if not c.is_empty()]
    decalees = lignes_decalees(rejets)
    if not decalees.is_empty():
        rejets, avertissements = sans_lignes(rejets, decalees), sans_lignes(avertissements, decalees)
        rejets.append(constats_de_lignes("LIGNE_DECALEE", situe.filter(pl.col(RANG).is_in(decalees.implode())), None))
    return type_, dates_mal_ecrites(rejets, situe, contexte.date_extraction), avertissements


def _rejette(constats: pl.DataFrame) -> bool:
    return not constats.is_empty() and catalogue()[constats["code"][0]].niveau == "ligne"


@dataclass
class _Ins:
    """How many INS a file holds, and how many of them are dropped."""

    recues: int = 0
    perdues: int = 0

    def compter(self, situe: pl.DataFrame, avertissements: list[pl.DataFrame]) -> None:
        perdues = [c for c in avertissements if c["code"][0] in ("INS_INVALIDE", "INS_DETRUITE")]
        self.perdues += sum(c.height for c in perdues)
        self.recues += sum(c.height for c in perdues if c["code"][0] == "INS_DETRUITE")
        if "ins" in situe.columns:
            self.recues += situe.height - situe["ins"].null_count()

    def constat(self) -> pl.DataFrame:
        """The finding on the file, empty where few are dropped."""
        detail = f"{milliers(self.perdues)} sur {milliers(self.recues)}"
        constat = constat_de_fichier("INS_A_VERIFIER", colonne="ins", detail=detail)
        return constat if self.perdues and 100 * self.perdues >= INS_PERDUES_PCT * self.recues else constat.clear()


def _donnees(
    feuille: Feuille, table: str, positions: Mapping[str, int], releve: Releve, ignorees: pl.Series
) -> Iterator[pl.DataFrame]:
    """The rows of data of each lot, see `colonnes_de_texte`; those that are none are noted, their lines go to `ignorees`."""
    rang = 0
    for lot in feuille.lots:
        texte = colonnes_de_texte(lot, positions, champs_de(table), rang)
        rang += texte.height
        if feuille.ligne_entete is not None:
            hors = hors_tableau(lot, texte, feuille, table, positions)
            if hors is not None:
                releve.noter(hors)
                ignorees.append(hors[LIGNE])
                texte = texte.join(hors, on=RANG, how="anti", maintain_order="left")
        if not texte.is_empty():
            yield texte


def _noter_remarques(
    feuille: Feuille, colonnes: Mapping[str, Champ], ignorees: pl.Series, releve: Releve
) -> str | None:
    """Note what the reader says of the table, but for the lines `ignorees`; the code that refuses the file, if any.

    Merged cells of a required column say why its values are missing; of another one, that nobody knows its values.
    """
    refus = None
    notres = {nom_normalise(entete): nom for nom, entete in feuille.noms.items()}
    for r in feuille.remarques:
        if r.ligne is not None and r.ligne in ignorees:
            continue
        nom = None if r.colonne is None else notres.get(r.colonne, r.colonne)
        requise = nom is not None and nom in colonnes and colonnes[nom].colonne_requise
        if nom is not None and requise and r.code == "CELLULES_FUSIONNEES":
            precision = (
                f"Des cellules sont fusionnées ({r.detail}) : défusionnez-les et recopiez la valeur sur chaque ligne."
            )
            releve.preciser("VALEUR_MANQUANTE", nom, (r.ligne or 0, r.derniere or 0), precision)
            continue
        releve.noter(constat_de_fichier(r.code, ligne=r.ligne, colonne=nom, detail=r.detail, valeur=r.valeur))
        if refus is None and catalogue()[r.code].niveau == "fichier":
            refus = r.code
    return refus


class _Brut:
    """Rows of a file as they are accepted, lot by lot: in memory, and from the second lot on in one parquet file."""

    def __init__(self, chemin: Path) -> None:
        self.chemin = chemin
        self.hauteur = 0
        self._seul_lot = pl.DataFrame()
        self._ecrivain: pq.ParquetWriter | None = None

    def __enter__(self) -> _Brut:
        self.chemin.unlink(missing_ok=True)
        return self

    def ajouter(self, lignes: pl.DataFrame) -> None:
        if lignes.is_empty():
            return
        self.hauteur += lignes.height
        if self.hauteur == lignes.height:
            self._seul_lot = lignes
            return
        arrow = lignes.to_arrow(compat_level=pl.CompatLevel.oldest())
        if self._ecrivain is None:
            self._ecrivain = pq.ParquetWriter(self.chemin, arrow.schema, compression="zstd")
            self._ecrivain.write_table(self._seul_lot.to_arrow(compat_level=pl.CompatLevel.oldest()))
            self._seul_lot = self._seul_lot.clear()
        self._ecrivain.write_table(arrow)

    def relues(self) -> pl.LazyFrame:
        """The rows together, once all are there."""
        if self._ecrivain is None:
            return self._seul_lot.lazy()
        self._ecrivain.close()
        return pl.scan_parquet(self.chemin, glob=False)

    def ranger(self, sortie: Path, contexte: Contexte, ecartees: pl.DataFrame) -> None:
        """Write the kept rows sorted by bucket, ESSMS and order in the file; nothing when there never was one.

        Those of one lot in memory: most files, for which opening DuckDB would cost more than all the rest.
        """
        if not self.hauteur:
            return
        colonnes = [LIGNE, *champs_de(contexte.table), "seau"]
        if self._ecrivain is None:
            (
                self._seul_lot.lazy()
                .filter(~pl.col(RANG).is_in(ecartees[RANG].implode()))
                .sort("seau", "finess_et", RANG)
                .select(pl.lit(contexte.depot).alias("depot"), *colonnes)
                .collect()
                .write_parquet(sortie, compression="zstd", row_group_size=_LIGNES_PAR_GROUPE)
            )
            return
        with _duckdb(sortie.parent) as base:
            base.register("ecartees", ecartees.to_arrow())
            base.execute(
                f"""COPY (SELECT CAST($3 AS VARCHAR) AS depot, {", ".join(colonnes)} FROM read_parquet($1)
                          WHERE rang NOT IN (SELECT rang FROM ecartees) ORDER BY seau, finess_et, rang)
                    TO $2 (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {_LIGNES_PAR_GROUPE})""",
                [str(self.chemin), str(sortie), contexte.depot],
            )

    def __exit__(self, *_: object) -> None:
        if self._ecrivain is not None:
            self._ecrivain.close()


def _duckdb(dossier: Path) -> duckdb.DuckDBPyConnection:
    """What sorts a whole file: in bounded memory, the rest in `dossier`."""
    return duckdb.connect(
        config={
            "memory_limit": _MEMOIRE_TRI,
            "threads": 2,
            "preserve_insertion_order": False,
            "temp_directory": str(dossier / ".tri"),
        }
    )
