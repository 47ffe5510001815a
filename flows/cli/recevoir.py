"""`duimetre recevoir`."""

from __future__ import annotations

import argparse

from flows.cli.commun import Declarer, Sortie, afficher, dire_erreur, option_json
from schemas.erreurs import ErreurDite


def ajouter(declarer: Declarer) -> None:
    """Declare the command."""
    aide = "Lit ce qui vient d'être déposé et y répond, sans attendre la nuit ; ne mesure ni ne publie rien."
    option_json(declarer("recevoir", aide, _executer))


def _executer(options: argparse.Namespace) -> int:
    from flows import recevoir, reglages  # noqa: PLC0415
    from flows.alerter import dire_echec  # noqa: PLC0415
    from flows.verrou import VerrouPris  # noqa: PLC0415

    r = reglages.lire_reglages(options.data)
    if not r.raw.is_dir():
        dire_erreur(f"Le dossier {r.raw} n'existe pas. Vérifiez --data ou DUIMETRE_DATA.")
        return Sortie.ECHEC
    try:
        traites = recevoir.repondre(r)
    except VerrouPris as erreur:
        afficher(str(erreur))  # no failure: nobody is to be told
        return erreur.code
    except ErreurDite:
        raise
    except Exception as erreur:  # people get a sentence, the journal says where
        dire_erreur(f"Ce qui n'est pas encore reçu le sera la prochaine fois. {dire_echec(erreur)}")
        return Sortie.ECHEC
    afficher(recevoir.en_json(traites, r) if options.json else "\n".join(recevoir.dire(traites, r)))
    return Sortie.OK
