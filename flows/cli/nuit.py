"""`duimetre nuit`."""

from __future__ import annotations

import argparse
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from flows.cli.commun import Declarer, Sortie, dire_erreur, option_dates

if TYPE_CHECKING:
    from flows.reglages import Reglages


def ajouter(declarer: Declarer) -> None:
    """Declare the command."""
    parseur = declarer("nuit", "Reçoit les dépôts, les contrôle, mesure et publie.", _executer)
    option_dates(parseur)
    parseur.add_argument(
        "--reconstruire", action="store_true", help="relit tous les fichiers de raw, comme s'ils arrivaient"
    )


def _executer(options: argparse.Namespace) -> int:
    return lancer_nuit(options.data, options.date_mesure, reconstruire=options.reconstruire)


def lancer_nuit(data: Path | None, dates: list[date] | None, *, reconstruire: bool = False) -> int:
    """Run the night, under Prefect when it can; its exit code (§3). The lock is taken before anything starts."""
    from flows import reglages as r  # noqa: PLC0415
    from flows.verrou import VerrouPris, verrou  # noqa: PLC0415

    reglages = r.lire_reglages(data)
    if not reglages.raw.is_dir():
        dire_erreur(f"Le dossier {reglages.raw} n'existe pas. Vérifiez --data ou DUIMETRE_DATA.")
        return Sortie.ECHEC
    try:
        with verrou(reglages.staging):
            return _sous_prefect(reglages, dates, reconstruire=reconstruire)
    except VerrouPris as erreur:
        dire_erreur(f"Cette nuit ne fait rien. {erreur}")
        return erreur.code
    except r.ReglageInvalide as erreur:
        dire_erreur(f"Rien n'est publié. {erreur}")
        return Sortie.ECHEC
    except OSError as erreur:
        dire_erreur(
            f"Rien n'est publié : {erreur.strerror or erreur} ({erreur.filename or reglages.data}). "
            "Vérifiez l'espace disque et les droits, puis relancez."
        )
        return Sortie.ECHEC
    except Exception as erreur:  # people get a sentence, the file of the night says where
        from flows.alerter import dire_echec  # noqa: PLC0415

        dire_erreur(f"Rien n'est publié. {dire_echec(erreur)}")
        return Sortie.ECHEC


def _sous_prefect(reglages: Reglages, dates: list[date] | None, *, reconstruire: bool) -> Sortie:
    """The night; without Prefect when its server does not answer or dies: nobody's figures wait for an interface."""
    from flows.journal import journal, tenir  # noqa: PLC0415
    from flows.serveur_prefect import demarrer  # noqa: PLC0415

    with tenir(reglages.journaux, reglages.journaux_conserves):
        serveur = demarrer(reglages.staging / "prefect")
        from flows import nuit, orchestration  # noqa: PLC0415 - while the server starts
        from flows.reception import isolement  # noqa: PLC0415 - while the server starts

        isolement.preparer()  # it loads while the night does
        if serveur.pret():
            try:
                orchestration.lancer(reglages, dates, reconstruire=reconstruire)
            except Exception:
                if serveur.repond():
                    raise
            else:
                return Sortie.OK
        journal().warning("Le serveur Prefect ne répond pas : la nuit se fait sans lui.")
        nuit.executer(reglages, dates, reconstruire=reconstruire)
    return Sortie.OK
