"""The night: receive, validate, stage, measure, publish (specification §3)."""

from __future__ import annotations

import gc
import hashlib
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib.metadata import version as version_du_paquet
from importlib.resources import files
from pathlib import Path
from time import sleep
from typing import Any, TypeVar, cast
from zoneinfo import ZoneInfo

import duckdb
import polars as pl
from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.task_runners import ThreadPoolTaskRunner
from prefect.tasks import Task
from prefect.utilities.annotations import opaque, unmapped

from flows import compaction, mesure, reception, referentiels, restitution
from flows.avis import si_echec
from flows.catalogue import macros, vues
from flows.epingles import epingles
from flows.isolement import interruptibles
from flows.journal import avancement, journal, lieu, noter, tenir
from flows.publication import (
    COLONNES,
    ErreurPublication,
    actuelle,
    conserver,
    construire_catalogue,
    preparer,
    publier,
    reporter,
    sceller,
)
from flows.reception import Depose, Dossier, NonTraite, Recu
from flows.registre import Registre
from flows.reglages import ReglageInvalide, Reglages, cle_des_pseudonymes, lire
from flows.verrou import verrou
from schemas import curated
from transforms import agregats, rapports, regles
from transforms.mesure import Entrees
from transforms.publication import dire_alertes, ecrire_table, reunir, table_constats, table_depots, table_sources
from transforms.suppression import masquer

LOTS_MAX = 16
_FORMAT_VERSION = "%Y%m%dT%H%M%S%fZ"
# What may pass by itself: a network drive that hiccups, a register that another process reads.
_PASSAGERES = (OSError, sqlite3.OperationalError, duckdb.IOException)


def _passagere(_tache: Task[..., Any], _execution: TaskRun, etat: State[Any]) -> bool:
    erreur = etat.result(raise_on_failure=False)
    return isinstance(erreur, _PASSAGERES)


T = TypeVar("T")


def _tel_quel(valeur: T) -> T:
    """Hand a value to a task as it is: Prefect need not look for futures inside tables."""
    return cast(T, opaque(valeur))


_REESSAYER: dict[str, Any] = {
    "retries": 2,
    "retry_delay_seconds": 1,
    "retry_condition_fn": _passagere,
    "cache_policy": NO_CACHE,
}


@dataclass(frozen=True)
class Bilan:
    """What the night did: `recus` tonight, `non_traites`, and the published measure(s)."""

    version: str
    dossier: Path
    recus: tuple[Recu, ...]
    non_traites: tuple[NonTraite, ...]
    mesures: Mapping[date, pl.DataFrame]


@task(name="lire les référentiels", **_REESSAYER)
def lire_referentiels(reglages: Reglages) -> referentiels.Referentiels:
    """projets.csv, bal.csv, FINESS."""
    return referentiels.lire(reglages)


@task(name="inventorier les dépôts", **_REESSAYER)
def inventorier(
    reglages: Reglages, registres: referentiels.Referentiels, cle: bytes
) -> tuple[list[Depose], list[tuple[Depose, Dossier]]]:
    """All files of the drop folders, and those to read tonight, each with what it is judged against.

    Those still being written are left.
    """
    deposes = list(reception.parcourir(reglages.depots))
    dossiers = {p: registres.dossier(p).sous_cle(cle) for p in {d.porteur for d in deposes}}
    with Registre(reglages.registre) as registre:
        reception.balayer(reglages.staging, registre)
        retenus = reception.nouveaux(deposes, dossiers, registre.apercus())
    frais = datetime.now(UTC).timestamp() - reception.FRAICHEUR_SECONDES
    if any(d.mtime > frais for d in retenus):
        sleep(reception.FRAICHEUR_SECONDES / 2)
        retenus = [d for d in retenus if reception.inchange(d)]
    return deposes, [(d, dossiers[d.porteur]) for d in retenus]


@task(name="recevoir un lot de fichiers", **_REESSAYER)
def recevoir_lot(
    lot: Sequence[tuple[Depose, Dossier]], reglages: Reglages, cle: bytes, maintenant: datetime, compteur: Compteur
) -> list[Recu | NonTraite]:
    """Receive each file of the lot; a file that fails unexpectedly does not stop the others."""
    aujourd_hui = maintenant.astimezone(ZoneInfo(reglages.fuseau)).date()
    resultat: list[Recu | NonTraite] = []
    with Registre(reglages.registre) as registre:
        for depose, dossier in lot:
            try:
                recu = reception.recevoir(
                    depose,
                    dossier,
                    reglages=reglages,
                    registre=registre,
                    cle=cle,
                    maintenant=maintenant,
                    aujourd_hui=aujourd_hui,
                )
            except _PASSAGERES:
                raise
            except Exception as erreur:  # the others must go on; the cause goes to the log without any value
                journal().error("Fichier non traité (%s) : %s", depose.porteur, lieu(erreur))
                resultat.append(NonTraite(depose.porteur, depose.chemin, type(erreur).__name__))
            else:
                if recu is not None:
                    resultat.append(recu)
            compteur.un_de_plus()
    return resultat


class Compteur:
    """Counts files done across the threads of the reception."""

    def __init__(self, total: int) -> None:
        self._total, self._fait, self._verrou = total, 0, threading.Lock()

    def un_de_plus(self) -> None:
        """One more file is done."""
        with self._verrou:
            self._fait += 1
            avancement("Lecture des dépôts", self._fait, self._total)


@task(name="réunir les petits fichiers", **_REESSAYER)
def reunir_fichiers(reglages: Reglages) -> None:
    """Few files to open, however long the history."""
    with Registre(reglages.registre) as registre:
        compaction.compacter(reglages, registre)
        registre.recopier()


@task(name="mesurer des seaux d'ESSMS", **_REESSAYER)
def mesurer_seaux(
    seaux: Sequence[int], entrees: Entrees, dates: Sequence[date], publiee: Path | None, a_completer: date | None
) -> dict[date, dict[str, pl.DataFrame]]:
    """Every measure date for some buckets."""
    return mesure.mesurer_dates(entrees, dates, seaux, publiee, a_completer)


@task(name="publier", **_REESSAYER)
def publier_version(
    reglages: Reglages,
    registres: referentiels.Referentiels,
    depots: pl.DataFrame,
    mesures: Mapping[date, Mapping[str, pl.DataFrame]],
    publiee: Path | None,
    maintenant: datetime,
) -> Path:
    """Build a whole version beside the others, then swap."""
    version = maintenant.strftime(_FORMAT_VERSION)
    nouvelle = preparer(reglages.curated, version)
    for jour, relations in mesures.items():
        iso = jour.isoformat()
        ecrire_table("indicateurs", relations["indicateurs"], version, nouvelle, date_mesure=iso)
        ecrire_table("maturin_sms", relations["maturin_sms"], version, nouvelle, date_mesure=iso)
        alertes = pl.concat([dire_alertes(relations["alertes"]), _alertes_generales(registres)], how="diagonal_relaxed")
        ecrire_table("alertes", alertes, version, nouvelle, date_mesure=iso)
        ecrire_table("populations", relations["populations"], version, nouvelle, date_mesure=iso)
        sources = table_sources(relations["sources"], registres.essms)
        ecrire_table("sources", sources, version, nouvelle, date_mesure=iso)
    ecrire_table("essms", registres.essms, version, nouvelle, date_mesure=None)
    ecrire_table("depots", table_depots(depots), version, nouvelle, date_mesure=None)
    with Registre(reglages.registre) as registre:
        ecrire_table("constats", table_constats(registre.constats(), depots), version, nouvelle, date_mesure=None)
    ecrire_agregats(reglages, registres, depots, mesures, publiee, nouvelle, maintenant)
    colonnes = construire_catalogue(nouvelle, vues(), macros(), publiee)
    if publiee is not None:
        reporter(publiee, nouvelle, sauf=list(mesures))
    rapports.ecrire(nouvelle, nouvelle / "rapports")
    # In the region's time: the days of the retention are those people know.
    cree_le = maintenant.astimezone(ZoneInfo(reglages.fuseau))
    contenu = _contenu(registres, depots, mesures) | {COLONNES: colonnes}
    sceller(nouvelle, cree_le=cree_le, precedente=publiee, contenu=contenu)
    return publier(reglages.curated, nouvelle)


@task(name="rendre aux porteurs", cache_policy=NO_CACHE)
def rendre(
    reglages: Reglages,
    registres: referentiels.Referentiels,
    version: Path,
    jour: date,
    a_completer: pl.DataFrame,
    depots: pl.DataFrame,
    deposes: Sequence[Depose],
    cle: bytes,
    maintenant: datetime,
) -> None:
    """Pages and work lists, after the publication: whatever goes wrong here is said, and done again the next night."""
    try:
        restitution.rendre(reglages, version, jour, a_completer, depots, deposes, registres.dossier, cle, maintenant)
    except OSError as erreur:
        journal().warning("Les pages des porteurs n'ont pas toutes été écrites : %s", lieu(erreur))


@task(name="retirer les versions anciennes", cache_policy=NO_CACHE)
def conserver_versions(reglages: Reglages, maintenant: datetime) -> None:
    """Retention, after the publication: whatever goes wrong here is said, and tried again the next night."""
    try:
        retirees = conserver(
            reglages.curated,
            maintenant=maintenant,
            nuits=reglages.nuits_conservees,
            epingles=epingles(reglages.curated),
        )
    except (OSError, ErreurPublication) as erreur:
        journal().warning("Les versions anciennes n'ont pas été retirées : %s", lieu(erreur))
    else:
        noter("Versions anciennes retirées", etape="retention", versions=len(retirees))


def ecrire_agregats(
    reglages: Reglages,
    registres: referentiels.Referentiels,
    depots: pl.DataFrame,
    mesures: Mapping[date, Mapping[str, pl.DataFrame]],
    publiee: Path | None,
    nouvelle: Path,
    maintenant: datetime,
) -> None:
    """Write the tables made once per publication; the history is in `publiee`, the measures of tonight in `nouvelle`."""
    version = maintenant.strftime(_FORMAT_VERSION)
    jour = maintenant.astimezone(ZoneInfo(reglages.fuseau)).date()
    indicateurs = pl.concat(
        relations["indicateurs"].with_columns(date_mesure=pl.lit(jour_mesure))
        for jour_mesure, relations in mesures.items()
    )
    par_date = agregats.sommer(indicateurs, registres.essms)
    par_date["territoires"] = masquer(par_date["territoires"], reglages.seuil_publication)
    par_date["financement"] = agregats.financer(indicateurs, registres.essms)
    for table, lignes in par_date.items():
        for jour_mesure in mesures:
            du_jour = lignes.filter(pl.col("date_mesure") == jour_mesure)
            ecrire_table(table, du_jour, version, nouvelle, date_mesure=jour_mesure.isoformat())
    par_jour = {f.parent.name: f for v in (publiee, nouvelle) if v for f in v.glob("indicateurs/*/*.parquet")}
    ecrire_table("evolution", agregats.suivre(list(par_jour.values())), version, nouvelle, date_mesure=None)
    fraicheur = agregats.dater(depots.filter("canonique"), registres.essms, jour)
    ecrire_table("fraicheur", fraicheur, version, nouvelle, date_mesure=None)


def _alertes_generales(registres: referentiels.Referentiels) -> pl.DataFrame:
    schema = {n: t for n, t in curated.dtypes("alertes").items() if n in ("code", "porteur", "finess_et", "message")}
    lignes = [
        {"code": code, "porteur": a.porteur, "finess_et": a.finess_et, "message": a.message}
        for code, a in registres.alertes
    ]
    return pl.DataFrame(lignes, schema=schema)


def _contenu(registres: referentiels.Referentiels, depots: pl.DataFrame, mesures: Mapping[date, Any]) -> dict[str, Any]:
    """What the manifest says of the inputs (the deposits that these measures could read), the rules and the code."""
    utiles = pl.concat([relations["depots_utiles"].select("depot") for relations in mesures.values()])
    entrees = (
        depots.filter("canonique")
        .join(utiles, on="depot", how="semi", maintain_order="left")
        .with_columns(pl.col("date_extraction").cast(pl.String))
    )
    colonnes = [
        "depot",
        "porteur",
        "nom",
        "membre",
        "nom_table",
        "date_extraction",
        "sha256",
        "statut",
        "lignes_lues",
        "lignes_utilisees",
        "lignes_rejetees",
    ]
    return {
        "dates_mesure": [d.isoformat() for d in sorted(mesures)],
        "entrees": entrees.select(colonnes).to_dicts(),
        "referentiels": dict(registres.fichiers),
        "regles": {
            r.nom: {"source": r.source, "sha256": hashlib.sha256(regles.fichier(r.nom)).hexdigest()}
            for r in regles.toutes()
        },
        "code": {"version": version_du_paquet("duimetre"), "sha256": _empreinte_du_code()},
    }


def _empreinte_du_code() -> str:
    """One hash over the sources of the three rooms: which code made a figure."""
    somme = hashlib.sha256()
    for paquet in ("schemas", "transforms", "flows"):
        racine = Path(str(files(paquet)))
        for fichier in sorted(racine.rglob("*")):
            if fichier.suffix in (".py", ".sql", ".toml", ".csv"):
                somme.update(f"{fichier.relative_to(racine.parent)}\0".encode() + fichier.read_bytes())
    return somme.hexdigest()


def _repartir(a_lire: Sequence[tuple[Depose, Dossier]]) -> list[list[tuple[Depose, Dossier]]]:
    """Lots of files of about the same size: a porteur's name never decides who waits."""
    lots: list[list[tuple[Depose, Dossier]]] = [[] for _ in range(min(LOTS_MAX, len(a_lire)))]
    for rang, element in enumerate(sorted(a_lire, key=lambda e: (-e[0].apercu.taille, e[0].porteur, e[0].chemin))):
        lots[rang % len(lots)].append(element)
    return lots


@flow(name="nuit", task_runner=ThreadPoolTaskRunner(max_workers=2), validate_parameters=True)  # type: ignore[arg-type]
def nuit(
    data: str | None = None,
    dates_mesure: list[date] | None = None,
    fuseau: str | None = None,
    reconstruire: bool = False,
    maintenant: datetime | None = None,
) -> Bilan:
    """The whole nightly job on one data root, for one or several measure dates (default: today in the region).

    `fuseau`: time zone of the region, when it is not that of the settings; it says what day it is. `reconstruire`:
    read every file of raw/ again, as if it had just come.

    Raises `VerrouPris` when another night runs, `ReferentielIllisible` without a usable projets.csv, `ReglageInvalide`.
    Whatever it raises, the version that was published stays.
    """
    reglages = lire(Path(data) if data else None, fuseau=fuseau)
    instant = maintenant or datetime.now(UTC)
    dates = sorted(set(dates_mesure or [instant.astimezone(ZoneInfo(reglages.fuseau)).date()]))
    with (
        verrou(reglages.staging),
        tenir(reglages.journaux, reglages.journaux_conserves),
        si_echec(reglages),
        _ramassage_leger(),
        interruptibles(),
    ):
        cle = cle_des_pseudonymes(reglages)
        publiee = actuelle(reglages.curated)
        registres = lire_referentiels(reglages)
        if reconstruire:
            with Registre(reglages.registre) as registre:
                registre.tout_refaire()
        deposes, a_lire = inventorier(reglages, _tel_quel(registres), cle)
        noter("Fichiers à lire", etape="inventaire", fichiers=len(a_lire))
        compteur = Compteur(len(a_lire))
        lots = recevoir_lot.map(
            [_tel_quel(lot) for lot in _repartir(a_lire)],
            unmapped(reglages),
            unmapped(cle),
            unmapped(instant),
            unmapped(_tel_quel(compteur)),
        )
        traites = [resultat for lot in lots.result() for resultat in lot]
        _noter_receptions(traites)
        reunir_fichiers(reglages)
        with Registre(reglages.registre) as registre:
            refuser_deux_cles(registre, cle)
            depots = registre.depots()
            depuis = mesure.avant_les_fenetres(dates)
            entrees = mesure.entrees(reglages, registres.essms, depots, registre.bilans(depuis), registre.plis())
        aujourd_hui = instant.astimezone(ZoneInfo(reglages.fuseau)).date()
        jour_des_pages = restitution.date_des_pages(dates, publiee, aujourd_hui)
        parts = mesurer_seaux.map(
            [_tel_quel(seaux) for seaux in mesure.tranches(entrees, depuis)],
            unmapped(_tel_quel(entrees)),
            unmapped(dates),
            unmapped(publiee),
            unmapped(jour_des_pages),
        ).result()
        mesures = {jour: {nom: reunir([part[jour][nom] for part in parts]) for nom in parts[0][jour]} for jour in dates}
        dossier = publier_version(
            reglages, _tel_quel(registres), _tel_quel(depots), _tel_quel(mesures), publiee, instant
        )
        noter("Version publiée", etape="publication", version=dossier.name, dates=len(dates))
        if jour_des_pages is not None:
            a_completer = _tel_quel(mesures[jour_des_pages]["a_completer"])
            rendre(
                reglages,
                _tel_quel(registres),
                dossier,
                jour_des_pages,
                a_completer,
                _tel_quel(depots),
                _tel_quel(deposes),
                cle,
                instant,
            )
        conserver_versions(reglages, instant)
        bilan = _bilan(dossier, traites, mesures)
        for ligne in resumer(bilan, reglages):
            journal().info(ligne, extra={"champs": {"etape": "bilan"}})
    return bilan


@contextmanager
def _ramassage_leger() -> Iterator[None]:
    """Leave what is loaded already out of the garbage collections: listing a year of deposits would make several of them,
    each looking through every object of the libraries."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def refuser_deux_cles(registre: Registre, cle: bytes) -> None:
    """Under two keys one person would count twice. Raises `ReglageInvalide` while some contents stay under a former key."""
    restants = registre.sous_autre_cle(reception.empreinte_de_cle(cle))
    if restants:
        raise ReglageInvalide(
            f"La clé des pseudonymes a changé et {restants} contenu(s) déjà reçu(s) n'ont plus leur fichier dans "
            "raw/depots. Remettez ces fichiers, ou l'ancienne clé, puis relancez."
        )


def _bilan(
    dossier: Path, traites: Sequence[Recu | NonTraite], mesures: Mapping[date, Mapping[str, pl.DataFrame]]
) -> Bilan:
    return Bilan(
        version=dossier.name,
        dossier=dossier,
        recus=tuple(r for r in traites if isinstance(r, Recu)),
        non_traites=tuple(r for r in traites if isinstance(r, NonTraite)),
        mesures={jour: relations["indicateurs"] for jour, relations in mesures.items()},
    )


def _noter_receptions(traites: Sequence[Recu | NonTraite]) -> None:
    """What came from each porteur, counted, in the file of the night."""
    for porteur in sorted({t.porteur for t in traites}):
        recus = [t for t in traites if isinstance(t, Recu) and t.porteur == porteur]
        noter(
            "Dépôts reçus",
            etape="reception",
            porteur=porteur,
            fichiers=len(recus),
            refuses=sum(s == "refuse" for r in recus for s in r.statuts),
            lignes_rejetees=sum(r.lignes_rejetees for r in recus),
            non_traites=sum(t.porteur == porteur for t in traites) - len(recus),
        )


def resumer(bilan: Bilan, reglages: Reglages) -> list[str]:
    """The end of the night in a few French lines."""
    statuts = [s for recu in bilan.recus for s in recu.statuts]
    refuses = sum(s == "refuse" for s in statuts)
    lignes = [
        "",
        f"Fichiers reçus : {len(bilan.recus)} ; tables acceptées : "
        f"{sum(s.startswith('accepte') for s in statuts)} ; refusées : {refuses} ; "
        f"en attente : {sum(s == 'en_attente' for s in statuts)} ; déjà reçues : {sum(s == 'deja_recu' for s in statuts)}",
        f"Lignes rejetées : {sum(r.lignes_rejetees for r in bilan.recus)}",
    ]
    if bilan.non_traites:
        lignes.append(f"Fichiers non traités, repris la prochaine nuit : {len(bilan.non_traites)}")
    for jour, indicateurs in bilan.mesures.items():
        essms = indicateurs["finess_et"].n_unique()
        mesures = indicateurs.filter(pl.col("taux").is_not_null())["finess_et"].n_unique()
        opposables = indicateurs.filter("opposable").group_by("finess_et").agg(pl.col("atteint").fill_null(False).all())
        lignes.append(
            f"Mesure du {jour:%d/%m/%Y} : {essms} ESSMS, {mesures} mesurés, "
            f"{int(opposables['atteint'].sum())} à la cible partout"
        )
    lignes.append(f"Publié : {reglages.curated / 'actuel'} (version {bilan.version})")
    lignes.append(f"Rapport : {reglages.curated / 'actuel' / 'rapports' / 'index.html'}")
    lignes.append(f"Réponses aux porteurs : {reglages.retours}")
    return lignes
