"""The night under Prefect: the only module that imports it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TypeVar, cast
from zoneinfo import ZoneInfo

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.task_runners import ThreadPoolTaskRunner
from prefect.tasks import Task
from prefect.utilities.annotations import opaque, unmapped

from flows import nuit as etapes
from flows.mensuelle import premiers_du_mois
from flows.reglages import lire

T = TypeVar("T")

_NOMS: dict[Callable[..., Any], str] = {
    etapes.lire_referentiels: "lire les référentiels",
    etapes.inventorier: "inventorier les dépôts",
    etapes.recevoir_lot: "recevoir des fichiers",
    etapes.reunir_fichiers: "réunir les petits fichiers",
    etapes.mesurer_seaux: "mesurer des seaux d'ESSMS",
    etapes.publier_version: "publier",
    etapes.rendre: "rendre aux porteurs",
    etapes.conserver_versions: "retirer les versions anciennes",
}


def _passagere(_tache: Task[..., Any], _execution: TaskRun, etat: State[Any]) -> bool:
    return isinstance(etat.result(raise_on_failure=False), etapes.PASSAGERES)


_TACHES = {
    etape: task(
        name=nom,
        retries=etapes.ESSAIS - 1,
        retry_delay_seconds=etapes.DELAI_ESSAI_S,
        retry_condition_fn=_passagere,
        cache_policy=NO_CACHE,
    )(etape)
    for etape, nom in _NOMS.items()
}


class Taches:
    """Does each step as a task run of the flow run that calls it (see `nuit.Executant`)."""

    def faire(self, etape: Callable[..., T], *arguments: Any) -> T:
        """One task run. Prefect need not look for futures inside tables: they are given as they are."""
        return cast(T, _TACHES[etape](*map(opaque, arguments)))

    def repartir(self, etape: Callable[..., T], lots: Sequence[Any], *arguments: Any) -> list[T]:
        """One task run per lot."""
        communs = [unmapped(opaque(a)) for a in arguments]
        resultat: list[T] = _TACHES[etape].map([opaque(lot) for lot in lots], *communs).result()
        return resultat


@flow(name="nuit", task_runner=ThreadPoolTaskRunner(max_workers=etapes.EN_MEME_TEMPS), validate_parameters=True)  # type: ignore[arg-type]
def nuit(
    data: str | None = None,
    dates_mesure: list[date] | None = None,
    fuseau: str | None = None,
    reconstruire: bool = False,
) -> etapes.Bilan:
    """The whole nightly job on one data root, see `nuit.executer`."""
    reglages = lire(Path(data) if data else None, fuseau=fuseau)
    return etapes.executer(reglages, dates_mesure, reconstruire=reconstruire, executant=Taches())


# Another night may hold the lock: this one waits its turn.
@flow(name="mesure mensuelle", retries=3, retry_delay_seconds=1200)
def mesure_mensuelle(data: str | None = None, fuseau: str | None = None) -> etapes.Bilan:
    """A night that measures the 1st of this month and the two firsts before it. Raises what `nuit` raises."""
    reglages = lire(Path(data) if data else None, fuseau=fuseau)
    aujourd_hui = datetime.now(UTC).astimezone(ZoneInfo(reglages.fuseau)).date()
    return nuit(data, premiers_du_mois(aujourd_hui), fuseau)
