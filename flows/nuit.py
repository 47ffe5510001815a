"""The night: receive, validate, stage, measure, publish (specification §3).

Plain steps and their order. `flows/orchestration.py` gives the same steps to Prefect.
"""

from __future__ import annotations

import gc
import hashlib
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import cache, cached_property
from importlib.metadata import version as version_du_paquet
from importlib.resources import files
from pathlib import Path
from time import sleep
from typing import Any, Protocol, TypeVar

import duckdb
import polars as pl

from flows import dates, mesure
from flows.alerter import si_echec
from flows.journal import avancement, journal, lieu, noter, tenir
from flows.reception import inventaire, reception, registres_ars
from flows.reception.inventaire import Depose
from flows.reception.isolement import interruptibles
from flows.reception.reception import Dossier, NonTraite, Recu
from flows.reglages import ReglageInvalide, Reglages, cle_des_pseudonymes
from flows.retours import pages
from flows.staging import compaction, restes, scelles
from flows.staging.registre import RegistreDepots
from flows.verrou import verrou
from flows.versions.catalogue import construire_catalogue
from flows.versions.chaine import controler, premiere_publication
from flows.versions.manifeste import COLONNES, ErreurPublication
from flows.versions.preuves_remises import versions_citees
from flows.versions.publication import preparer_version, publier, reporter, sceller
from flows.versions.retention import conserver
from flows.versions.version import actuelle
from flows.versions.vues import macros, vues
from schemas import curated
from transforms import agregats, regles
from transforms.dire import formats
from transforms.dire.alertes import dire_alertes, dire_redatees
from transforms.dire.formats import accord, insecables, milliers
from transforms.mesure import Entrees
from transforms.pages import rapport
from transforms.publication import ecrire_table, table_constats, table_depots, table_sources
from transforms.refus import a_corriger
from transforms.tables_publiees import TablesPubliees

LOTS_MAX = 16
_FORMAT_VERSION = "%Y%m%dT%H%M%S%fZ"
# What may pass by itself: a network drive that hiccups, a register that another process reads.
PASSAGERES = (OSError, sqlite3.OperationalError, duckdb.IOException)
ESSAIS = 3
DELAI_ESSAI_S = 1.0
EN_MEME_TEMPS = 2

T = TypeVar("T")


@dataclass(frozen=True)
class Nuit:
    """What all the steps of one night know. `publiee`: the version that it follows, if any.

    `dates`: those it is asked to measure; then, once the deposits are received, those it measures. A reception between two
    nights (`flows/recevoir.py`) measures none. `jour_des_pages`: the measure the porteurs' pages are about, when it is one
    of those tonight is about. `reconstruire`: every file of raw/ is read again.
    """

    reglages: Reglages
    maintenant: datetime
    dates: tuple[date, ...]
    cle: bytes = field(repr=False)
    publiee: Path | None
    jour_des_pages: date | None
    reconstruire: bool

    @property
    def aujourd_hui(self) -> date:
        """The day it is in the region."""
        return self.reglages.aujourd_hui(self.maintenant)

    @property
    def derniere_date(self) -> date:
        """The latest measure date, published before or tonight: the one that the table `essms` is of."""
        return max((*self.dates, *TablesPubliees(self.publiee).dates))

    @property
    def version(self) -> str:
        """The name of the version it publishes."""
        return self.maintenant.strftime(_FORMAT_VERSION)


@dataclass(frozen=True)
class Lus:
    """What the measures of a night are made from: registers of the agency, register of deposits, inputs of the SQL by date."""

    registres: registres_ars.Referentiels
    depots: pl.DataFrame
    entrees: Mapping[date, Entrees]

    @cached_property
    def _redatees(self) -> pl.DataFrame:
        return dire_redatees(self.depots)

    @cached_property
    def _jugements(self) -> pl.DataFrame:
        return self.depots.select("depot", "contexte").unique()

    def empreinte(self, jour: date, entrees: Entrees) -> str:
        """The fingerprint of all that the tables of one date are made from; whoever makes one from something more adds it.

        `entrees`: see `mesure.avec_les_autres`.
        """
        debut = mesure.avant_les_fenetres([jour])
        autres = {
            "alertes_generales": _alertes_generales(self.registres, jour),
            "redatees": self._redatees.filter(pl.col("date_extraction") >= debut),
            "jugements": self._jugements,
            "depenses": self.registres.depenses.filter(pl.col("date") <= jour),
            "incertains": pl.DataFrame({"projet": sorted(self.registres.projets(jour).incertains)}),
            "code": pl.DataFrame({"sha256": [_empreinte_du_code()]}),
        }
        return dates.empreinte_de_la_mesure(entrees, jour, autres)


class Executant(Protocol):
    """Who does the steps of a night; an error of `PASSAGERES` is tried again before it is raised."""

    def faire(self, etape: Callable[..., T], *arguments: Any) -> T:
        """Do one step."""

    def repartir(self, etape: Callable[..., T], lots: Sequence[Any], *arguments: Any) -> list[T]:
        """Do one step for each lot, several at a time: `etape(lot, *arguments)`. The results have the order of the lots."""


@dataclass(frozen=True)
class Direct:
    """Does the steps in this process, as plain calls."""

    essais: int = ESSAIS

    def faire(self, etape: Callable[..., T], *arguments: Any) -> T:
        """See `Executant`."""
        for _ in range(self.essais - 1):
            try:
                return etape(*arguments)
            except PASSAGERES:
                sleep(DELAI_ESSAI_S)
        return etape(*arguments)

    def repartir(self, etape: Callable[..., T], lots: Sequence[Any], *arguments: Any) -> list[T]:
        """See `Executant`."""
        with ThreadPoolExecutor(EN_MEME_TEMPS) as bassin:
            return list(bassin.map(lambda lot: self.faire(etape, lot, *arguments), lots))


DIRECT = Direct()


@dataclass(frozen=True)
class Bilan:
    """What the night did: `recus` since the version it follows, `non_traites`, and the measures it made.

    `deja_lus`: how many of the `recus` a reception had read before the night (`flows/recevoir.py`). `reprises`: the dates
    that it looked at and took over, nothing of what they read having changed.
    """

    version: str
    dossier: Path
    recus: tuple[Recu, ...]
    non_traites: tuple[NonTraite, ...]
    mesures: Mapping[date, pl.DataFrame]
    deja_lus: int
    reprises: tuple[date, ...]


def lire_referentiels(nuit: Nuit) -> registres_ars.Referentiels:
    """projets.csv, depenses.csv, bal.csv, FINESS."""
    return registres_ars.lire_registres(nuit.reglages).avec_oublies(nuit.publiee)


def inventorier(nuit: Nuit, registres: registres_ars.Referentiels) -> tuple[list[Depose], list[tuple[Depose, Dossier]]]:
    """All files of the drop folders, and those to read tonight, each with what it is judged against.

    Those still being written are left.
    """
    reglages = nuit.reglages
    deposes = list(inventaire.parcourir(reglages.depots))
    dossiers = {p: registres.dossier(p).sous_cle(nuit.cle) for p in {d.porteur for d in deposes}}
    with RegistreDepots(reglages.registre) as registre:
        if nuit.reconstruire:
            registre.tout_refaire()
        reception.balayer(reglages.staging, registre)
        connus = registre.apercus()
        reception.noter_les_vus(deposes, registre, connus)
        retenus = reception.nouveaux(deposes, dossiers, connus)
    frais = datetime.now(UTC).timestamp() - reception.FRAICHEUR_SECONDES
    if any(d.mtime > frais for d in retenus):
        sleep(reception.FRAICHEUR_SECONDES / 2)
        retenus = [d for d in retenus if inventaire.inchange(d)]
    return deposes, [(d, dossiers[d.porteur]) for d in retenus]


def recevoir_lot(lot: Sequence[tuple[Depose, Dossier]], nuit: Nuit, compteur: Compteur) -> list[Recu | NonTraite]:
    """Receive each file of the lot; a file that fails unexpectedly does not stop the others."""
    resultat: list[Recu | NonTraite] = []
    with RegistreDepots(nuit.reglages.registre) as registre:
        for depose, dossier in lot:
            try:
                recu = reception.recevoir(
                    depose,
                    dossier,
                    reglages=nuit.reglages,
                    registre=registre,
                    cle=nuit.cle,
                    maintenant=nuit.maintenant,
                )
            except PASSAGERES:
                raise
            except Exception as erreur:  # the others must go on; the cause goes to the log without any value
                journal().error("Fichier non traité (%s) : %s", depose.porteur, lieu(erreur))
                resultat.append(NonTraite(depose.porteur, depose.chemin))
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
            if self._fait == self._total or self._fait % (1 + self._total // 100) == 0:
                avancement("Lecture des dépôts", self._fait, self._total)


def reunir_fichiers(nuit: Nuit) -> None:
    """Few files to open, however long the history."""
    with RegistreDepots(nuit.reglages.registre) as registre:
        compaction.compacter(nuit.reglages, registre)
        registre.recopier()


def soigner_ranges(nuit: Nuit, entrees: Mapping[date, Entrees], deposes: Sequence[Depose], encore: bool) -> bool:
    """The staged files about to be read are what was written; True when some deposits are to be received again first."""
    with RegistreDepots(nuit.reglages.registre) as registre:
        abimes = scelles.abimes(nuit.reglages, registre, entrees)
        return scelles.soigner(nuit.reglages, registre, abimes, deposes, encore=encore)


def controler_publie(nuit: Nuit, publiee: Path) -> None:
    """What the next version takes over is what was sealed; what else is damaged is told."""
    rang = nuit.reglages.aujourd_hui(nuit.maintenant).toordinal()
    for constat in controler(nuit.reglages.curated, publiee, sauf=nuit.dates, rang=rang):
        journal().warning(constat)


def a_mesurer(nuit: Nuit, candidates: Sequence[date], lus: Lus) -> tuple[date, ...]:
    """Those of these dates, earliest first, whose tables may not come out as they are published."""
    publiees, faites = TablesPubliees(nuit.publiee), dates.faites(nuit.publiee)
    choisies: list[date] = []
    for jour in candidates:
        faite = faites.get(jour)
        if (
            faite is None
            or jour not in publiees.dates
            or choisies  # its CHUTE and its date_cibles_atteintes look back at them
            or (jour == nuit.jour_des_pages and restes.lire(nuit.reglages.staging, faite.empreinte) is None)
        ):
            choisies.append(jour)
            continue
        try:
            lues = mesure.avec_les_autres(lus.entrees[jour], jour, choisies, {}, publiees)
        except (OSError, pl.exceptions.PolarsError):  # `controler_publie` says what is damaged
            lues = None
        if lues is None or lus.empreinte(jour, lues) != faite.empreinte:
            choisies.append(jour)
    return tuple(choisies)


def mesurer_seaux(
    seaux: Sequence[int], nuit: Nuit, entrees: Mapping[date, Entrees]
) -> dict[date, dict[str, pl.DataFrame]]:
    """Every measure date for some buckets."""
    return mesure.mesurer_dates(entrees, seaux, nuit.publiee, nuit.jour_des_pages)


def publier_version(
    nuit: Nuit,
    registres: registres_ars.Referentiels,
    depots: pl.DataFrame,
    mesures: Mapping[date, Mapping[str, pl.DataFrame]],
    faites: Mapping[date, dates.Faite],
) -> Path:
    """Build a whole version beside the others, then swap. `faites`: what its manifest says of its measures."""
    reglages, version = nuit.reglages, nuit.version
    nouvelle = preparer_version(reglages.curated, version)
    redates = dire_redatees(depots)
    projets = projets_de_la_nuit(nuit, registres, mesures) if mesures else {}
    for jour, relations in mesures.items():
        ecrire_table("indicateurs", relations["indicateurs"], version, nouvelle, date_mesure=jour)
        ecrire_table("maturin_sms", relations["maturin_sms"], version, nouvelle, date_mesure=jour)
        # An extraction older than every window no longer matters.
        debut = relations["indicateurs"]["debut_fenetre"].min()
        redatees = redates.filter(pl.col("date_extraction") >= pl.lit(debut, pl.Date)).drop("date_extraction")
        alertes = pl.concat(
            [
                dire_alertes(relations["alertes"]),
                _alertes_generales(registres, jour),
                projets["alertes"].filter(date_mesure=jour).drop("date_mesure"),
                redatees,
            ],
            how="diagonal_relaxed",
        )
        ecrire_table("alertes", alertes, version, nouvelle, date_mesure=jour)
        ecrire_table("populations", relations["populations"], version, nouvelle, date_mesure=jour)
        essms = registres.essms(jour)
        sources = table_sources(relations["sources"], essms)
        ecrire_table("sources", sources, version, nouvelle, date_mesure=jour)
        for table in sorted(projets.keys() - {"alertes"}):
            ecrire_table(table, projets[table].filter(date_mesure=jour), version, nouvelle, date_mesure=jour)
        ecrire_table("essms_mesures", essms, version, nouvelle, date_mesure=jour)
    ecrire_table("essms", registres.essms(nuit.derniere_date), version, nouvelle, date_mesure=None)
    montres = table_depots(depots)
    ecrire_table("depots", montres, version, nouvelle, date_mesure=None)
    with RegistreDepots(reglages.registre) as registre:
        ecrire_table("constats", table_constats(registre.constats(), montres), version, nouvelle, date_mesure=None)
    ecrire_agregats(nuit, registres, depots, mesures, nouvelle)
    colonnes = construire_catalogue(nouvelle, vues(), macros(), nuit.publiee)
    if nuit.publiee is not None:
        reporter(nuit.publiee, nouvelle, sauf=list(mesures))
    rapport.ecrire(nouvelle, nouvelle / "rapports")
    # In the region's time: the days of the retention are those people know.
    cree_le = nuit.maintenant.astimezone(reglages.zone)
    contenu = _contenu(registres, montres, mesures) | {
        COLONNES: colonnes,
        dates.MESURES: dates.faites_en_donnees(faites),
    }
    sceller(nouvelle, cree_le=cree_le, precedente=nuit.publiee, contenu=contenu)
    return publier(reglages.curated, nouvelle)


def rendre(
    nuit: Nuit,
    registres: registres_ars.Referentiels,
    version: Path,
    a_completer: pl.DataFrame,
    depots: pl.DataFrame,
    deposes: Sequence[Depose],
) -> None:
    """Pages and work lists, after the publication: whatever goes wrong here is said, and done again the next night."""
    assert nuit.jour_des_pages is not None
    try:
        mesure_publiee = pages.MesurePubliee(version, nuit.jour_des_pages, a_completer, nuit.maintenant)
        pages.ecrire_pages(mesure_publiee, depots, deposes, registres.dossier, nuit.reglages, nuit.cle)
    except OSError as erreur:
        journal().warning("Les pages des porteurs n'ont pas toutes été écrites : %s", lieu(erreur))


def conserver_versions(nuit: Nuit) -> None:
    """Retention, after the publication: whatever goes wrong here is said, and tried again the next night.

    A version that computed an official measure of the current one stays too: the evidence of that measure cites it.
    """
    curated = nuit.reglages.curated
    try:
        officielles = {faite.version for faite in dates.faites(actuelle(curated)).values() if faite.officielle}
        retirees = conserver(
            curated,
            maintenant=nuit.maintenant,
            nuits=nuit.reglages.nuits_conservees,
            citees=officielles.union(versions_citees(curated)),
        )
    except (OSError, ErreurPublication) as erreur:
        journal().warning("Les versions anciennes n'ont pas été retirées : %s", lieu(erreur))
    else:
        noter("Versions anciennes retirées", etape="retention", versions=len(retirees))


def ecrire_agregats(
    nuit: Nuit,
    registres: registres_ars.Referentiels,
    depots: pl.DataFrame,
    mesures: Mapping[date, Mapping[str, pl.DataFrame]],
    nouvelle: Path,
) -> None:
    """Write the sums of the measures of tonight, which `nouvelle` holds already, and the tables made once per publication."""
    version = nuit.version
    for jour_mesure, relations in mesures.items():
        indicateurs = relations["indicateurs"].with_columns(date_mesure=pl.lit(jour_mesure))
        essms = registres.essms(jour_mesure)
        du_jour = agregats.sommer(indicateurs, essms)
        for table, lignes in du_jour.items():
            ecrire_table(table, lignes, version, nouvelle, date_mesure=jour_mesure)
    historique = {
        jour: tables.chemin("indicateurs", jour)
        for tables in map(TablesPubliees, (nuit.publiee, nouvelle))
        for jour in tables.dates
    }
    ecrire_table("evolution", agregats.suivre(historique), version, nouvelle, date_mesure=None)
    fraicheur = agregats.dater(depots.filter("canonique"), registres.essms(nuit.derniere_date), nuit.aujourd_hui)
    ecrire_table("fraicheur", fraicheur, version, nouvelle, date_mesure=None)


def projets_de_la_nuit(
    nuit: Nuit, registres: registres_ars.Referentiels, mesures: Mapping[date, Mapping[str, pl.DataFrame]]
) -> dict[str, pl.DataFrame]:
    """What §6.6 says of the projects at the measure dates of tonight (see `agregats.suivre_projets`)."""
    schema = {"date_mesure": pl.Date, "projet": pl.String}
    publiees = TablesPubliees(nuit.publiee)
    incertains = [(jour, projet) for jour in mesures for projet in registres.projets(jour).incertains]
    atteintes = [
        (jour, projet)
        for jour in publiees.dates
        if jour not in mesures and publiees.chemin("conditions_solde", jour).is_file()  # older versions have none
        for projet in publiees.table("conditions_solde", jour).filter(condition="cibles_usage", etat="remplie")[
            "projet"
        ]
    ]
    return agregats.suivre_projets(
        pl.concat(relations["indicateurs"].with_columns(date_mesure=jour) for jour, relations in mesures.items()),
        pl.concat(registres.essms(jour).with_columns(date_mesure=jour) for jour in mesures),
        pl.DataFrame(incertains, schema=schema, orient="row"),
        registres.depenses,
        pl.DataFrame(atteintes, schema=schema, orient="row"),
    )


def _alertes_generales(registres: registres_ars.Referentiels, jour: date) -> pl.DataFrame:
    schema = {n: t for n, t in curated.dtypes("alertes").items() if n in ("code", "porteur", "finess_et", "message")}
    lignes = [
        {"code": code, "porteur": a.porteur, "finess_et": a.finess_et, "message": a.message}
        for code, a in registres.alertes_du(jour)
    ]
    return pl.DataFrame(lignes, schema=schema)


def _contenu(
    registres: registres_ars.Referentiels, depots: pl.DataFrame, mesures: Mapping[date, Any]
) -> dict[str, Any]:
    """What the manifest says of the inputs (the deposits that these measures could read), the rules and the code."""
    utiles = {depot for relations in mesures.values() for depot in relations["depots_utiles"]["depot"]}
    entrees = depots.filter(pl.col("canonique") & pl.col("depot").is_in(utiles)).with_columns(
        pl.col("date_extraction").cast(pl.String)
    )
    colonnes = [
        "depot",
        "porteur",
        "recu",
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
        "autres_numeros": {
            d.isoformat(): dict(n) for d in sorted(mesures) if (n := registres.projets(d).autres_numeros)
        },
        "regles": {
            r.nom: {"source": r.source, "sha256": hashlib.sha256(regles.fichier(r.nom)).hexdigest()}
            for r in regles.toutes()
        },
        "code": {"version": version_du_paquet("duimetre"), "sha256": _empreinte_du_code()},
    }


@cache
def _empreinte_du_code() -> str:
    """One hash over the sources of the three rooms: which code made a figure."""
    somme = hashlib.sha256()
    for paquet in ("schemas", "transforms", "flows"):
        racine = Path(str(files(paquet)))
        for fichier in sorted(racine.rglob("*")):
            if fichier.suffix in (".py", ".sql", ".toml", ".csv"):
                somme.update(f"{fichier.relative_to(racine.parent)}\0".encode() + fichier.read_bytes())
    return somme.hexdigest()


def _lots(a_lire: Sequence[tuple[Depose, Dossier]]) -> list[list[tuple[Depose, Dossier]]]:
    """Lots of files of about the same size: a porteur's name never decides who waits."""
    lots: list[list[tuple[Depose, Dossier]]] = [[] for _ in range(min(LOTS_MAX, len(a_lire)))]
    for rang, element in enumerate(sorted(a_lire, key=lambda e: (-e[0].apercu.taille, e[0].porteur, e[0].chemin))):
        lots[rang % len(lots)].append(element)
    return lots


def executer(
    reglages: Reglages,
    demandees: Sequence[date] | None = None,
    maintenant: datetime | None = None,
    *,
    reconstruire: bool = False,
    executant: Executant = DIRECT,
) -> Bilan:
    """The whole nightly job on one data root, for one or several measure dates (default: see `dates.par_defaut`).

    `reconstruire`: read every file of raw/ again, as if it had just come.

    Waits for a reception to end. Raises `VerrouPris` when another night runs, `ReferentielIllisible` without a usable
    projets.csv, `ReglageInvalide`. Whatever it raises, the version that was published stays.
    """
    with (
        verrou(reglages.staging),
        tenir(reglages.journaux, reglages.journaux_conserves),
        si_echec(reglages),
        _ramassage_leger(),
        interruptibles(),
    ):
        instant = maintenant or datetime.now(UTC)
        bilan = _enchainer(_preparer(reglages, demandees, instant, reconstruire), executant)
        for ligne in resumer(bilan, reglages):
            journal().info(ligne, extra={"champs": {"etape": "bilan"}})
    return bilan


def _preparer(reglages: Reglages, demandees: Sequence[date] | None, maintenant: datetime, reconstruire: bool) -> Nuit:
    publiee = actuelle(reglages.curated)
    cle = cle_des_pseudonymes(reglages)
    return Nuit(reglages, maintenant, tuple(sorted(set(demandees or ()))), cle, publiee, None, reconstruire)


def _candidates(nuit: Nuit, registres: registres_ars.Referentiels) -> tuple[date, ...]:
    """The dates tonight is about."""
    publiees, faites = TablesPubliees(nuit.publiee).dates, dates.faites(nuit.publiee)
    return nuit.dates or dates.par_defaut(nuit.aujourd_hui, _premieres(registres), publiees, faites)


def _premieres(registres: registres_ars.Referentiels) -> set[date]:
    return set(registres.registre.lignes["date_premiere_mesure"].drop_nulls().to_list())


def _enchainer(nuit: Nuit, executant: Executant) -> Bilan:
    """The steps of the night, in order."""
    faire, repartir = executant.faire, executant.repartir
    registres = faire(lire_referentiels, nuit)
    candidates = _candidates(nuit, registres)
    toutes = bool(nuit.dates) or nuit.reconstruire
    nuit = replace(nuit, jour_des_pages=pages.date_des_pages(candidates, nuit.publiee, nuit.aujourd_hui))
    debut = mesure.avant_les_fenetres(candidates)
    traites: list[Recu | NonTraite] = []
    for encore in (True, True, False):
        deposes, recus = recevoir_depots(nuit, registres, executant)
        traites += recus
        faire(reunir_fichiers, nuit)
        with RegistreDepots(nuit.reglages.registre) as registre:
            refuser_deux_cles(registre, nuit.cle)
            depots = registre.depots()
            inscrits = {jour: registres.inscrits(jour) for jour in candidates}
            tous = mesure.entrees(nuit.reglages, inscrits, depots, registre.bilans(debut), registre.replis())
        premiere = premiere_publication(nuit.reglages.curated) or nuit.aujourd_hui
        lus = Lus(registres, depots, {j: replace(e, premiere_publication=premiere) for j, e in tous.items()})
        nuit = replace(nuit, dates=candidates if toutes else faire(a_mesurer, nuit, candidates, lus))
        entrees = {jour: lus.entrees[jour] for jour in nuit.dates}
        if not faire(soigner_ranges, nuit, entrees, deposes, encore):
            break
        nuit = replace(nuit, reconstruire=False)
    _noter_refus(depots, deposes)
    if nuit.publiee is not None:
        faire(controler_publie, nuit, nuit.publiee)
    seaux = mesure.tranches(lus.entrees, mesure.avant_les_fenetres(nuit.dates)) if nuit.dates else []
    parts = repartir(mesurer_seaux, seaux, nuit, lus.entrees)
    mesures = {
        jour: {nom: pl.concat([part[jour][nom] for part in parts]) for nom in parts[0][jour]} for jour in nuit.dates
    }
    faites = _faites(nuit, lus, mesures)
    dossier = faire(publier_version, nuit, registres, depots, mesures, faites)
    reprises = tuple(sorted({*candidates} - {*nuit.dates}))
    noter("Version publiée", etape="publication", version=dossier.name, dates=len(nuit.dates), reprises=len(reprises))
    if nuit.jour_des_pages is not None:
        a_completer = _restes(nuit.reglages, faites[nuit.jour_des_pages].empreinte, mesures.get(nuit.jour_des_pages))
        faire(rendre, nuit, registres, dossier, a_completer, depots, deposes)
    faire(conserver_versions, nuit)
    return _bilan(dossier, traites, _lus_avant(nuit, depots, traites), mesures, reprises)


def _faites(nuit: Nuit, lus: Lus, mesures: Mapping[date, Mapping[str, pl.DataFrame]]) -> dict[date, dates.Faite]:
    """What the manifest says of the measures: those of tonight, and those taken over that a next night may look at."""
    publiees, premieres = TablesPubliees(nuit.publiee), _premieres(lus.registres)
    faites = dates.faites(nuit.publiee)
    for jour in mesures:
        lues = mesure.avec_les_autres(lus.entrees[jour], jour, nuit.dates, mesures, publiees)
        faites[jour] = dates.Faite(lus.empreinte(jour, lues), officielle=False, version=nuit.version)
    vues = {j: f._replace(officielle=f.officielle or dates.officielle(j, premieres)) for j, f in faites.items()}
    return {j: f for j, f in vues.items() if f.officielle or j in mesures or j >= nuit.aujourd_hui}


def _restes(reglages: Reglages, empreinte: str, relations: Mapping[str, pl.DataFrame] | None) -> pl.DataFrame:
    """What is left to do at the measure of the pages: made tonight, and kept, or what an earlier night kept of it."""
    if relations is None:
        gardes = restes.lire(reglages.staging, empreinte)
        assert gardes is not None  # `a_mesurer`
        return gardes
    restes.garder(reglages.staging, empreinte, relations["a_completer"])
    return relations["a_completer"]


def recevoir_depots(
    nuit: Nuit, registres: registres_ars.Referentiels, executant: Executant
) -> tuple[list[Depose], list[Recu | NonTraite]]:
    """All files of the drop folders, and what became of those to read."""
    deposes, a_lire = executant.faire(inventorier, nuit, registres)
    noter("Fichiers à lire", etape="inventaire", fichiers=len(a_lire))
    lots = executant.repartir(recevoir_lot, _lots(a_lire), nuit, Compteur(len(a_lire)))
    traites = [resultat for lot in lots for resultat in lot]
    for porteur, comptes in receptions(traites).items():
        noter("Dépôts reçus", etape="reception", porteur=porteur, **comptes)
    return deposes, traites


def _lus_avant(nuit: Nuit, depots: pl.DataFrame, traites: Sequence[Recu | NonTraite]) -> list[Recu]:
    """The files that receptions read since the publication that this night follows, told as the night tells its own."""
    debut = datetime.min if nuit.publiee is None else datetime.strptime(nuit.publiee.name, _FORMAT_VERSION)
    neuf = pl.col("statut") != "deja_recu"
    lus = (
        depots.filter(pl.col("recu_le").is_between(debut.replace(tzinfo=UTC), nuit.maintenant, closed="none"))
        .group_by("porteur", "nom", "sha256_fichier", maintain_order=True)
        .agg(
            pl.col("statut").filter(neuf),
            (pl.col("lignes_rejetees") - pl.col("lignes_hors_projet")).filter(neuf).sum(),
            pl.col("lignes_hors_projet").filter(neuf).sum(),
        )
    )
    cette_nuit = {(t.porteur, t.chemin) for t in traites}
    return [
        Recu(porteur, nom, tuple(statuts) or ("deja_recu",), rejetees, hors_projet)
        for porteur, nom, _, statuts, rejetees, hors_projet in lus.iter_rows()
        if (porteur, nom) not in cette_nuit
    ]


@contextmanager
def _ramassage_leger() -> Iterator[None]:
    """Leave what is loaded already out of the garbage collections: listing a year of deposits would make several of them,
    each looking through every object of the libraries."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def refuser_deux_cles(registre: RegistreDepots, cle: bytes) -> None:
    """Under two keys one person would count twice. Raises `ReglageInvalide` while some contents stay under a former key."""
    restants = registre.sous_autre_cle(reception.empreinte_de_cle(cle))
    if restants:
        raise ReglageInvalide(
            f"La clé des pseudonymes a changé et {restants} contenu(s) déjà reçu(s) n'ont plus leur fichier dans "
            "raw/depots. Remettez ces fichiers, ou l'ancienne clé, puis relancez."
        )


def _bilan(
    dossier: Path,
    traites: Sequence[Recu | NonTraite],
    avant: Sequence[Recu],
    mesures: Mapping[date, Mapping[str, pl.DataFrame]],
    reprises: tuple[date, ...],
) -> Bilan:
    return Bilan(
        version=dossier.name,
        dossier=dossier,
        recus=(*avant, *(r for r in traites if isinstance(r, Recu))),
        non_traites=tuple(r for r in traites if isinstance(r, NonTraite)),
        mesures={jour: relations["indicateurs"] for jour, relations in mesures.items()},
        deja_lus=len(avant),
        reprises=reprises,
    )


def receptions(traites: Sequence[Recu | NonTraite]) -> dict[str, dict[str, int]]:
    """What came from each porteur, counted."""
    comptes = {}
    for porteur in sorted({t.porteur for t in traites}):
        recus = [t for t in traites if isinstance(t, Recu) and t.porteur == porteur]
        comptes[porteur] = {
            "fichiers": len(recus),
            "refuses": sum(s == "refuse" for r in recus for s in r.statuts),
            "lignes_rejetees": sum(r.lignes_rejetees for r in recus),
            "non_traites": sum(t.porteur == porteur for t in traites) - len(recus),
        }
    return comptes


def _noter_refus(depots: pl.DataFrame, deposes: Sequence[Depose]) -> None:
    """What each porteur has still to correct, in the file of the night."""
    presents = {(d.porteur, d.chemin) for d in deposes}
    restants = a_corriger(depots, lambda *fichier: fichier in presents)
    for (porteur,), siens in restants.group_by("porteur", maintain_order=True):
        noter("Fichiers refusés ou en attente, à reprendre", etape="refus", porteur=str(porteur), fichiers=siens.height)


def resumer(bilan: Bilan, reglages: Reglages) -> list[str]:
    """The end of the night in a few French lines."""
    statuts = Counter(s for recu in bilan.recus for s in recu.statuts)
    acceptees = sum(statuts[s] for s in curated.ACCEPTES)
    hors_projet = sum(r.lignes_hors_projet for r in bilan.recus)
    avant = f", dont {milliers(bilan.deja_lus)} par « duimetre recevoir »" if bilan.deja_lus else ""
    lignes = [
        "",
        f"Fichiers reçus : {milliers(len(bilan.recus))}{avant} ; tables acceptées : {milliers(acceptees)} ; "
        f"refusées : {milliers(statuts['refuse'])} ; en attente : {milliers(statuts['en_attente'])} ; "
        f"déjà reçues : {milliers(statuts['deja_recu'])}",
        f"Lignes rejetées : {milliers(sum(r.lignes_rejetees for r in bilan.recus))} ; hors projet : {milliers(hors_projet)}",
    ]
    if bilan.non_traites:
        lignes.append(f"Fichiers non traités, repris la prochaine nuit : {milliers(len(bilan.non_traites))}")
    faites = ", ".join(map(formats.jour, bilan.mesures)) or "aucune"
    reprises = f" ; reprises sans changement : {', '.join(map(formats.jour, bilan.reprises))}" if bilan.reprises else ""
    lignes.append(f"Mesures : {faites}{reprises}")
    for jour, indicateurs in bilan.mesures.items():
        essms = indicateurs["finess_et"].n_unique()
        mesures = indicateurs.filter(pl.col("taux").is_not_null())["finess_et"].n_unique()
        a_la_cible, a_confirmer = agregats.compter_a_la_cible(indicateurs)
        lignes.append(
            f"Mesure du {formats.jour(jour)} : {milliers(essms)} ESSMS, {accord(mesures, 'mesuré')}, "
            f"{milliers(a_la_cible)} à la cible partout, {milliers(a_confirmer)} à confirmer"
        )
    lignes.append(f"Publié : {reglages.curated / 'actuel'} (version {bilan.version})")
    lignes.append(f"Rapport : {reglages.curated / 'actuel' / 'rapports' / 'index.html'}")
    lignes.append(f"Réponses aux porteurs : {reglages.retours}")
    return [insecables(ligne) for ligne in lignes]
