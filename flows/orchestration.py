"""The night under Prefect: the only module that imports it. What Prefect keeps of it holds no value of a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

from prefect import flow, tags, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.runtime import flow_run
from prefect.states import Completed
from prefect.task_runners import ThreadPoolTaskRunner
from prefect.tasks import Task
from prefect.utilities.annotations import opaque

from flows import nuit as etapes
from flows import recevoir
from flows.alerter import dire_echec
from flows.reception.reception import NonTraite, Recu
from flows.reglages import Reglages, lire_reglages
from flows.verrou import VerrouPris
from transforms.dire.libelles import LIGNES_REJETEES

T = TypeVar("T")
P = ParamSpec("P")

_NOMS: dict[Callable[..., Any], str] = {
    etapes.lire_referentiels: "lire les référentiels",
    etapes.inventorier: "inventorier les dépôts",
    etapes.recevoir_lot: "recevoir des fichiers",
    etapes.reunir_fichiers: "réunir les petits fichiers",
    etapes.a_mesurer: "choisir les dates à mesurer",
    etapes.soigner_ranges: "contrôler ce qui est rangé",
    etapes.controler_publie: "contrôler ce qui est publié",
    etapes.mesurer_seaux: "mesurer des seaux d'ESSMS",
    etapes.publier_version: "publier",
    etapes.rendre: "rendre aux porteurs",
    etapes.conserver_versions: "retirer les versions anciennes",
}


class Echec(Exception):
    """Hides `erreur` from Prefect, which keeps messages: that of an error could hold a value of a file."""

    def __init__(self, erreur: Exception) -> None:
        super().__init__(dire_echec(erreur))
        self.erreur = erreur


def _sans_valeur(fonction: Callable[P, T]) -> Callable[P, T]:
    """The function, which raises nothing but `Echec`."""

    @wraps(fonction)
    def enveloppe(*arguments: P.args, **nommes: P.kwargs) -> T:
        try:
            return fonction(*arguments, **nommes)
        except Exception as erreur:
            raise Echec(erreur) from None

    return enveloppe


def _passagere(_tache: Task[..., Any], _execution: TaskRun, etat: State[Any]) -> bool:
    return isinstance(getattr(etat.result(raise_on_failure=False), "erreur", None), etapes.PASSAGERES)


_TACHES: dict[Callable[..., Any], Task[..., Any]] = {
    etape: task(
        name=nom,
        task_run_name=nom,
        retries=etapes.ESSAIS - 1,
        retry_delay_seconds=etapes.DELAI_ESSAI_S,
        retry_condition_fn=_passagere,
        cache_policy=NO_CACHE,
    )(_sans_valeur(etape))
    for etape, nom in _NOMS.items()
}


class Taches:
    """Does each step as a task run of the flow run that calls it (see `nuit.Executant`)."""

    def faire(self, etape: Callable[..., T], *arguments: Any) -> T:
        """One task run. Prefect need not look for futures inside tables: they are given as they are."""
        try:
            return cast(T, _TACHES[etape](*map(opaque, arguments)))
        except Echec as echec:
            raise echec.erreur from None

    def repartir(self, etape: Callable[..., T], lots: Sequence[Any], *arguments: Any) -> list[T]:
        """One task run per lot, which its name tells."""
        tache = _TACHES[etape]
        executions = [
            tache.with_options(task_run_name=f"{tache.name}, lot {rang} sur {len(lots)}").submit(
                *map(opaque, (lot, *arguments))
            )
            for rang, lot in enumerate(lots, 1)
        ]
        try:
            return [execution.result() for execution in executions]
        except Echec as echec:
            raise echec.erreur from None


def _executer(reglages: Reglages, dates: Sequence[date] | None, *, reconstruire: bool = False) -> etapes.Bilan:
    bilan = etapes.executer(reglages, dates, reconstruire=reconstruire, executant=Taches())
    _montrer(bilan, reglages)
    return bilan


def _montrer(bilan: etapes.Bilan, reglages: Reglages) -> None:
    """The summary of the night, with its links, and what was refused or rejected, per porteur."""
    rapport = (bilan.dossier / "rapports" / "index.html").as_uri()
    lignes = [f"- {ligne}" for ligne in etapes.resumer(bilan, reglages) if ligne]
    liens = f"[Rapport]({rapport}) · [Réponses aux porteurs]({reglages.retours.absolute().as_uri()})"
    create_markdown_artifact(
        "\n".join([f"# Nuit {bilan.version}", *lignes, "", liens]), key="nuit", description="Ce que la nuit a fait"
    )
    _montrer_recus((*bilan.recus, *bilan.non_traites), "refus", "Refusé et rejeté, par porteur")


def _montrer_recus(traites: Sequence[Recu | NonTraite], cle: str, description: str) -> None:
    create_table_artifact(
        [
            {
                "porteur": porteur,
                "fichiers": comptes["fichiers"],
                "tables refusées": comptes["refuses"],
                LIGNES_REJETEES[1]: comptes["lignes_rejetees"],
                "fichiers non traités": comptes["non_traites"],
            }
            for porteur, comptes in etapes.receptions(traites).items()
        ],
        key=cle,
        description=description,
    )


def _nom_de_la_nuit() -> str:
    parametres = flow_run.parameters
    dates = parametres.get("dates_mesure") or [
        _aujourd_hui(_reglages(parametres.get("data"), parametres.get("fuseau")))
    ]
    return f"nuit {', '.join(sorted(map(str, dates)))}"


def _reglages(data: str | None, fuseau: str | None) -> Reglages:
    return lire_reglages(Path(data) if data else None, fuseau=fuseau)


def _aujourd_hui(reglages: Reglages) -> date:
    return reglages.aujourd_hui(datetime.now(UTC))


_FLOT: dict[str, Any] = {
    "task_runner": ThreadPoolTaskRunner(max_workers=etapes.EN_MEME_TEMPS),
    "description": "Reçoit les dépôts, les contrôle, mesure et publie.",
}


@flow(name="nuit", flow_run_name=_nom_de_la_nuit, **_FLOT)
@_sans_valeur
def nuit(
    data: str | None = None,
    dates_mesure: list[date] | None = None,
    fuseau: str | None = None,
    reconstruire: bool = False,
) -> etapes.Bilan:
    """See `nuit.executer`; Prefect shows what follows.

    Args:
        data: Racine des données ; vide : DUIMETRE_DATA, puis ./data.
        dates_mesure: Dates de mesure ; vide : aujourd'hui dans la région, et les dates officielles qui ont changé.
        fuseau: Fuseau de la région, s'il n'est pas celui des réglages.
        reconstruire: Relire tous les fichiers de raw, comme s'ils arrivaient.
    """
    return _executer(_reglages(data, fuseau), dates_mesure, reconstruire=reconstruire)


@flow(name="réception", flow_run_name="réception", **_FLOT | {"description": "Répond à ce qui vient d'être déposé."})
@_sans_valeur
def reception(data: str | None = None, fuseau: str | None = None) -> State[None] | None:
    """See `recevoir.repondre`. That a night holds the lock is no failure: it reads those files itself.

    Args:
        data: Racine des données ; vide : DUIMETRE_DATA, puis ./data.
        fuseau: Fuseau de la région, s'il n'est pas celui des réglages.
    """
    reglages = _reglages(data, fuseau)
    try:
        traites = recevoir.repondre(reglages, executant=Taches())
    except VerrouPris as pris:
        return Completed(message=str(pris))
    if traites:
        _montrer_recus(traites, "reception", "Reçu entre deux nuits, par porteur")
    return None


def lancer(reglages: Reglages, dates: list[date] | None, *, reconstruire: bool) -> None:
    """The flow `nuit`, as the command runs it. Raises what `nuit.executer` raises."""
    with tags("duimetre"):
        try:
            nuit(str(reglages.data), dates, reconstruire=reconstruire)
        except Echec as echec:
            raise echec.erreur from None
