"""Staged files that are no longer what was written: made again from raw/, or the night stops before it measures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from flows.journal import journal
from flows.reception.inventaire import Depose
from flows.reglages import Reglages
from flows.staging import compaction
from flows.staging.fichiers import StagingAbime
from flows.staging.registre import RegistreDepots
from transforms.mesure import Entrees, fichiers_lus


def abimes(reglages: Reglages, registre: RegistreDepots, entrees: Mapping[date, Entrees]) -> list[str]:
    """The damaged or missing files (relative to `staging/`) among those that the measures of these dates open."""
    racine = f"{reglages.staging}/"
    return registre.abimes(fichier.removeprefix(racine) for fichier in fichiers_lus(entrees))


def soigner(
    reglages: Reglages, registre: RegistreDepots, a_refaire: Sequence[str], deposes: Sequence[Depose], *, encore: bool
) -> bool:
    """Make damaged staged files again: True when their deposits are to be received once more before measuring.

    A fold is made from the file it folds, that one from raw/. Raises `StagingAbime` when raw/ no longer holds a content, or
    when, tried often enough (`encore`), its deposits could not be read.
    """
    presents = {(d.porteur, d.chemin, *d.apercu) for d in deposes}
    replies = {repli: fichier for fichier, repli in registre.replis().items()}
    relus, sans_remede = False, []
    for abime in a_refaire:
        fichier = replies.get(abime, abime)
        if abime in replies and not registre.abimes([fichier]):
            compaction.replier(reglages.staging, registre, fichier, abime)
            journal().warning("staging/%s était abîmé : il est refait.", abime)
        elif not encore:
            sans_remede.append(f"staging/{fichier} (ses dépôts n'ont pas pu être relus)")
        elif manquants := registre.rejuger(fichier, presents):
            sans_remede.append(f"staging/{fichier} (absents de raw/depots : {' ; '.join(manquants[:5])})")
        else:
            journal().warning("staging/%s est abîmé ou manque : ses dépôts sont relus depuis raw/depots.", fichier)
            relus = True
    if sans_remede:
        raise StagingAbime(
            f"Des fichiers rangés ont changé ou disparu depuis qu'ils ont été écrits : {', '.join(sans_remede[:5])}. "
            "Restaurez-les depuis une sauvegarde de staging/, ou remettez ces dépôts dans raw/depots, puis relancez "
            "« duimetre nuit »."
        )
    return relus
