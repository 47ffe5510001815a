"""After the publication: the page and the work lists of each porteur, from what was just published (specification §2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl

from flows.journal import journal, lieu
from flows.reception import reception
from flows.reception.inventaire import Depose, EncoreEnEcriture
from flows.reception.reception import Dossier
from flows.reglages import Reglages
from flows.retours.accuses import (
    dossier_de_retour,
    lister,
    nom_de_retour,
    page_de_l_accuse,
    poser,
    ranger_les_anciens,
    retirer,
    sans_bloquer,
)
from flows.staging.fichiers import dossier_de_travail
from schemas.curated import ACCEPTES
from transforms.lecture.modele import LectureImpossible
from transforms.pages.porteur import index, liste_de_travail
from transforms.pages.porteur.delai import Delai
from transforms.pages.porteur.index import FICHIERS_MAX, FichierRecu, Refus, Situation, noms_des_structures
from transforms.refus import a_corriger, accompagne
from transforms.tables_publiees import TablesPubliees

# Where the identifiers of dossiers are looked for: the table that defines them first.
_TABLES_DES_DOSSIERS = ("dossiers", "sejours")
# Read for the dossiers whose deposit is gone: what a night reads again does not grow with history.
AUTRES_RELUS_MAX = 5
_PROJETS = ("conventions", "conditions_solde", "verifications_aptitude")
_UTILISES = (*ACCEPTES, "deja_recu")
# The status of a file is the last of these that a part of it has: it is replaced whole.
_GRAVITES = ("deja_recu", "accepte", "accepte_avec_rejets", "en_attente", "refuse", "remplace", "retire")


@dataclass(frozen=True)
class MesurePubliee:
    """What the pages are about: the measure `jour` of the folder `version`, its relation `a_completer`; written `maintenant`."""

    version: Path
    jour: date
    a_completer: pl.DataFrame
    maintenant: datetime


@dataclass(frozen=True)
class _Porteur:
    """A porteur as the night sees it: its published `tables` and `depots`, and by name its files still there (`presents`)."""

    dossier: Dossier
    tables: Mapping[str, pl.DataFrame]
    depots: pl.DataFrame
    presents: Mapping[str, Depose]
    reglages: Reglages
    cle: bytes


def date_des_pages(dates: Sequence[date], publiee: Path | None, aujourd_hui: date) -> date | None:
    """The measure the pages are about: the latest known up to today (else the latest), when it is one of tonight's `dates`.

    So a night that measures the past leaves the pages of a later measure alone, and a measure of the future freezes none.
    """
    connues = {*dates, *TablesPubliees(publiee).dates}
    choisie = max((d for d in connues if d <= aujourd_hui), default=max(connues))
    return choisie if choisie in dates else None


def ecrire_pages(
    mesure: MesurePubliee,
    depots: pl.DataFrame,
    deposes: Sequence[Depose],
    dossier_de: Callable[[str], Dossier],
    reglages: Reglages,
    cle: bytes,
) -> None:
    """Write `index.html` and the work lists of every porteur of the register.

    `depots`: those of the register; `deposes`: the files in the drop folders. A porteur whose folder cannot be written
    stops nobody. Raises `OSError` for what is not about one porteur.
    """
    publiees = TablesPubliees(mesure.version)
    tables = {t: publiees.table(t, mesure.jour) for t in ("indicateurs", "sources", "constats", *_PROJETS)}
    tables["essms"] = publiees.table("essms_mesures", mesure.jour)
    projets = tables["conventions"].select("projet", "porteur")
    tables["conditions_solde"] = tables["conditions_solde"].join(projets, on="projet")
    par_porteur: dict[str, dict[str, Depose]] = {}
    for depose in deposes:
        par_porteur.setdefault(depose.porteur, {})[depose.chemin] = depose
    for porteur in sorted({*tables["essms"]["porteur"].to_list(), *par_porteur}):
        dossier = dossier_de(porteur)
        if dossier.etat == "inconnu":
            continue
        vu = _Porteur(
            dossier,
            {nom: table.filter(pl.col("porteur") == porteur) for nom, table in tables.items()},
            depots.filter(pl.col("porteur") == porteur),
            par_porteur.get(porteur, {}),
            reglages,
            cle,
        )
        restes = mesure.a_completer.join(vu.tables["essms"].select("finess_et"), on="finess_et", how="semi")
        try:
            listes = _listes(restes, vu, Delai(mesure.jour, reglages.aujourd_hui(mesure.maintenant)))
            page = index.page_du_porteur(_situation(vu, mesure, listes)).encode()
        except Exception as erreur:  # the others must go on; the cause goes to the log without any value
            journal().error("Page non écrite (%s) : %s", porteur, lieu(erreur))
            continue
        with sans_bloquer(porteur), dossier_de_retour(reglages.retours, porteur) as ouvert:
            poser(ouvert, {**listes, "index.html": page})
            for ancienne in lister(ouvert):
                if ancienne.startswith("a_completer_") and ancienne.endswith(".csv") and ancienne not in listes:
                    retirer(ouvert, ancienne)
            if any(nom.startswith("accuse_") for nom in lister(ouvert)):
                ranger_les_anciens(reglages.retours, porteur, _mois_des_accuses(vu))


def _mois_des_accuses(vu: _Porteur) -> dict[str, datetime]:
    """What ends the name of the answer to each file → when it was received, in the region's time."""
    recus = vu.depots.group_by("porteur", "nom", "sha256_fichier").agg(pl.col("recu_le").min())
    return {nom_de_retour(*recu): recu_le.astimezone(vu.reglages.zone) for *recu, recu_le in recus.iter_rows()}


def _situation(vu: _Porteur, mesure: MesurePubliee, listes: Mapping[str, bytes]) -> Situation:
    fuseau = vu.reglages.zone
    tables, dossier = vu.tables, vu.dossier
    essms = tables["essms"]
    recus = _fichiers_recus(vu.depots)
    debut = tables["indicateurs"]["debut_fenetre"].min()
    rejets = recus.filter(
        (pl.col("statut") == "accepte_avec_rejets") & (pl.col("date_extraction") >= pl.lit(debut, pl.Date))
    )
    return Situation(
        porteur=dossier.porteur,
        nom=essms["nom_porteur"][0] if essms.height else dossier.porteur,
        delai=Delai(mesure.jour, vu.reglages.aujourd_hui(mesure.maintenant)),
        edite_le=mesure.maintenant.astimezone(fuseau),
        version=mesure.version.name,
        essms=essms,
        indicateurs=tables["indicateurs"],
        sources=tables["sources"],
        projets={t: tables[t] for t in _PROJETS},
        listes={nom.removeprefix("a_completer_").removesuffix(".csv"): nom for nom in listes},
        fichiers=_fichiers(recus.head(FICHIERS_MAX), fuseau),
        nb_fichiers=recus.height,
        rejets=_fichiers(rejets, fuseau),
        refus=_refus(vu),
        ecartes=dossier.ecartes,
        en_attente=dossier.etat in ("attente", "profil"),
    )


def _fichiers_recus(depots: pl.DataFrame) -> pl.DataFrame:
    """The files received, the latest first, each with the worst of its parts and its latest extraction."""
    gravite = {statut: rang for rang, statut in enumerate(_GRAVITES)}
    pieces = depots.select(pl.when(pl.col("membre") == "").then("nom").otherwise("membre"), "motif").iter_rows()
    documents = pl.Series([accompagne(*piece) for piece in pieces], dtype=pl.Boolean)
    return (
        depots.with_columns(document=documents)
        .filter(~pl.col("document") | pl.col("document").all().over("porteur", "nom", "sha256_fichier"))
        .with_columns(gravite=pl.col("statut").replace_strict(gravite, return_dtype=pl.Int64))
        .group_by("porteur", "nom", "sha256_fichier", "recu_le")
        .agg(
            pl.col("statut").sort_by("gravite").last(),
            pl.col("nom_table").filter(pl.col("nom_table") != "").unique().sort().alias("tables"),
            pl.col("document").all(),
            pl.col("lignes_lues", "lignes_utilisees", "lignes_rejetees", "lignes_hors_projet").sum(),
            pl.col("date_extraction").max(),
        )
        .sort("recu_le", "nom", descending=[True, False])
    )


def _fichiers(recus: pl.DataFrame, fuseau: ZoneInfo) -> list[FichierRecu]:
    return [
        FichierRecu(
            f["nom"],
            f["recu_le"].astimezone(fuseau),
            f["statut"],
            tuple(f["tables"]),
            f["lignes_lues"],
            f["lignes_utilisees"],
            f["lignes_rejetees"] - f["lignes_hors_projet"],
            f["lignes_hors_projet"],
            page_de_l_accuse(f["porteur"], f["nom"], f["sha256_fichier"], f["recu_le"].astimezone(fuseau)),
            f["document"],
        )
        for f in recus.iter_rows(named=True)
    ]


def _refus(vu: _Porteur) -> list[Refus]:
    ouverts = (
        a_corriger(vu.depots, lambda _, nom: nom in vu.presents)
        .filter(pl.col("statut") == "refuse")
        .join(
            vu.tables["constats"].unique(["depot", "code"]),
            left_on=["depot", "motif"],
            right_on=["depot", "code"],
            how="left",
            maintain_order="left",
        )
    )
    return [
        Refus(nom, message or "", page_de_l_accuse(porteur, nom, sha256, recu_le.astimezone(vu.reglages.zone)))
        for porteur, nom, message, sha256, recu_le in ouverts.select(
            "porteur", "nom", "message", "sha256_fichier", "recu_le"
        ).iter_rows()
    ]


# --- work lists ------------------------------------------------------------------------------------------------------


def _listes(restes: pl.DataFrame, vu: _Porteur, delai: Delai) -> dict[str, bytes]:
    """File name → content of the work list of each ESSMS with something left to do."""
    if restes.is_empty():
        return {}
    indicateurs, noms = vu.tables["indicateurs"], noms_des_structures(vu.tables["essms"])
    nommes = restes.join(_identifiants(restes, vu), on="id_dossier", how="left")
    return {
        f"a_completer_{finess}.csv": liste_de_travail.liste_en_csv(
            lignes, indicateurs.filter(pl.col("finess_et") == finess), noms[str(finess)], delai
        )
        for (finess,), lignes in nommes.group_by("finess_et", maintain_order=True)
    }


def _identifiants(restes: pl.DataFrame, vu: _Porteur) -> pl.DataFrame:
    """The porteur's own identifiers of these dossiers, read again in the deposits still there (columns `IDENTIFIANTS`).

    Nothing of it is kept: no raw identifier stays outside `raw/` but in what goes back to its porteur (§8). `restes` names
    the deposit of each dossier; where it is no longer there a few others, the latest first, may know it. Reading stops
    when all are found, and a file dropped twice is read once.
    """
    cherches = restes["id_dossier"].unique()
    trouves = pl.DataFrame(schema=liste_de_travail.IDENTIFIANTS)
    relus: set[str] = set()
    autres = 0
    utiles = (
        vu.depots.filter(pl.col("statut").is_in(_UTILISES) & pl.col("nom_table").is_in(_TABLES_DES_DOSSIERS))
        .with_columns(
            rang_table=pl.col("nom_table") == "sejours", vise=pl.col("depot").is_in(restes["depot"].implode())
        )
        .sort("vise", "rang_table", "date_extraction", "rang", descending=[True, False, True, True])
        .unique(["nom", "sha256_fichier"], keep="first", maintain_order=True)
    )
    for nom, sha256, vise in utiles.select("nom", "sha256_fichier", "vise").iter_rows():
        manquants = cherches.filter(~cherches.is_in(trouves["id_dossier"].implode()))
        if manquants.is_empty() or autres == AUTRES_RELUS_MAX:
            break
        if nom in vu.presents and sha256 not in relus:
            autres += not vise
            lus = _relire(vu.presents[nom], sha256, manquants, vu)
            if lus is not None:
                relus.add(sha256)
                trouves = pl.concat([trouves, *lus]).unique("id_dossier", maintain_order=True)
    return trouves


def _relire(depose: Depose, sha256: str, cherches: pl.Series, vu: _Porteur) -> list[pl.DataFrame] | None:
    """The dossiers found in one deposit; None when its content is no longer the one that was received."""
    trouves: list[pl.DataFrame] | None = None
    with dossier_de_travail(vu.reglages.staging) as travail, suppress(EncoreEnEcriture, LectureImpossible):
        lu, parties = reception.ouvrir_depot(depose, vu.dossier, travail, vu.reglages)
        if lu == sha256:
            trouves = []
            for piece in parties:
                if piece.table in _TABLES_DES_DOSSIERS and piece.lire is not None:
                    trouves += liste_de_travail.identifiants(piece.lire(), piece.table, cherches, vu.cle)
    return trouves
