"""`duimetre nuit`."""

from __future__ import annotations

import argparse
from datetime import date
from pathlib import Path

from flows.commandes.commun import Declarer, Sortie, dire_erreur, option_dates


def ajouter(declarer: Declarer) -> None:
    """Declare the command."""
    parseur = declarer("nuit", "Reçoit les dépôts, les contrôle, mesure et publie.", _executer)
    option_dates(parseur)
    parseur.add_argument(
        "--reconstruire", action="store_true", help="relit tous les fichiers de raw, comme s'ils arrivaient"
    )


def _executer(options: argparse.Namespace) -> int:
    return lancer(options.data, options.date_mesure, reconstruire=options.reconstruire)


def lancer(data: Path | None, dates: list[date] | None, *, reconstruire: bool = False) -> int:
    """Run the night under Prefect, embedded or not; its exit code (§3). The lock is taken before anything starts."""
    from flows import reglages as r  # noqa: PLC0415
    from flows.moteur import MoteurInterrompu, moteur  # noqa: PLC0415
    from flows.verrou import VerrouPris, verrou  # noqa: PLC0415

    reglages = r.lire(data)
    if not reglages.raw.is_dir():
        dire_erreur(f"Le dossier {reglages.raw} n'existe pas. Vérifiez --data ou DUIMETRE_DATA.")
        return Sortie.ECHEC
    try:
        with verrou(reglages.staging), moteur(reglages.staging / "prefect"):
            from flows.isolement import preparer  # noqa: PLC0415

            preparer()  # it loads while the night does
            from flows.orchestration import nuit  # noqa: PLC0415
            from transforms.referentiels import ReferentielIllisible  # noqa: PLC0415

            try:
                nuit(str(reglages.data), dates, reconstruire=reconstruire)
            except ReferentielIllisible as erreur:
                dire_erreur(f"Rien n'est publié. {erreur}")
                return Sortie.ECHEC
    except VerrouPris:
        dire_erreur("Une autre nuit est en cours sur ces données : celle-ci ne fait rien.")
        return Sortie.VERROU
    except (r.ReglageInvalide, MoteurInterrompu) as erreur:
        dire_erreur(f"Rien n'est publié. {erreur}")
        return Sortie.ECHEC
    except OSError as erreur:
        dire_erreur(
            f"Rien n'est publié : {erreur.strerror or erreur} ({erreur.filename or reglages.data}). "
            "Vérifiez l'espace disque et les droits, puis relancez."
        )
        return Sortie.ECHEC
    except Exception as erreur:  # people get a sentence, the file of the night says where
        from flows.avis import dire_echec  # noqa: PLC0415

        dire_erreur(f"Rien n'est publié. {dire_echec(erreur)}")
        return Sortie.ECHEC
    return Sortie.OK
