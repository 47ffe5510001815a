"""Reception alone (specification §3, `recevoir`): answers in minutes to what was just dropped; measures and publishes nothing.

The steps are those of the night, under the same lock; the next night finds the files already received.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from flows.journal import journal, tenir
from flows.nuit import DIRECT, Executant, Nuit, lire_referentiels, receptions, recevoir_depots
from flows.reception.isolement import interruptibles
from flows.reception.reception import NonTraite, Recu
from flows.reglages import Reglages, cle_des_pseudonymes
from flows.verrou import verrou
from transforms.dire.formats import accord, milliers
from transforms.dire.libelles import LIGNES_REJETEES, STATUTS_DEPOT
from transforms.sort_depot import sort_du_fichier


def repondre(
    reglages: Reglages, maintenant: datetime | None = None, *, executant: Executant = DIRECT
) -> list[Recu | NonTraite]:
    """Receive what is new in the drop folders, each file with its acknowledgement; what became of each.

    Killed at any moment, what is received is whole and the rest is received later. Raises `VerrouPris` when the lock is not
    free in time, `ReferentielIllisible` without a usable projets.csv (nothing is answered then), `ReglageInvalide`.
    """
    with (
        verrou(reglages.staging, reception=True),
        tenir(reglages.journaux, reglages.journaux_conserves, reception=True),
        interruptibles(),
    ):
        instant = maintenant or datetime.now(UTC)
        passage = Nuit(
            reglages=reglages,
            maintenant=instant,
            dates=(),
            cle=cle_des_pseudonymes(reglages),
            publiee=None,
            jour_des_pages=None,
            reconstruire=False,
        )
        registres = executant.faire(lire_referentiels, passage)
        _, traites = recevoir_depots(passage, registres, executant)
        for ligne in dire(traites, reglages):
            journal().debug(ligne, extra={"champs": {"etape": "bilan"}})
    return traites


def _sorts(traites: Sequence[Recu | NonTraite]) -> Counter[str]:
    return Counter(sort_du_fichier(t.statuts) for t in traites if isinstance(t, Recu))


def _lignes_rejetees(traites: Sequence[Recu | NonTraite]) -> int:
    return sum(t.lignes_rejetees for t in traites if isinstance(t, Recu))


def dire(traites: Sequence[Recu | NonTraite], reglages: Reglages) -> list[str]:
    """The reception in a few French lines."""
    if not traites:
        return ["Rien de nouveau dans les dossiers de dépôt."]
    sorts = _sorts(traites)
    dits = ", ".join(f"{nom} {milliers(sorts[statut])}" for statut, nom in STATUTS_DEPOT.items() if sorts[statut])
    lignes = [f"{accord(sorts.total(), 'fichier lu', 'fichiers lus')}{f' : {dits}' if dits else ''}."]
    if rejetees := _lignes_rejetees(traites):
        lignes.append(f"{accord(rejetees, *LIGNES_REJETEES)}.")
    if restants := len(traites) - sorts.total():
        quand = "repris à la prochaine réception"
        lignes.append(f"{accord(restants, 'fichier non traité', 'fichiers non traités')}, {quand}.")
    return [*lignes, f"Réponses aux porteurs : {reglages.retours}", "Rien n'est publié : c'est la nuit qui mesure."]


def en_json(traites: Sequence[Recu | NonTraite], reglages: Reglages) -> str:
    """The same for a machine, and per porteur."""
    sorts = _sorts(traites)
    contenu = {
        "fichiers": sorts.total(),
        "statuts": {statut: sorts[statut] for statut in STATUTS_DEPOT},
        "lignes_rejetees": _lignes_rejetees(traites),
        "non_traites": len(traites) - sorts.total(),
        "retours": str(reglages.retours),
        "porteurs": receptions(traites),
    }
    return json.dumps(contenu, ensure_ascii=False, indent=1)
