"""`duimetre etat`."""

from __future__ import annotations

import argparse
import socket
from datetime import UTC, datetime

from flows.cli.commun import Declarer, Sortie, afficher, dire_erreur, option_json


def ajouter(declarer: Declarer) -> None:
    """Declare the command."""
    parseur = declarer("etat", "Dit en un écran où en est la publication.", _executer)
    option_json(parseur)
    parseur.add_argument(
        "--avertir",
        action="store_true",
        help="s'il y a une alarme (nuit absente ou échouée, disque plein), l'envoie au webhook ou par courriel",
    )


def _executer(options: argparse.Namespace) -> int:
    from flows import alerter, etat, reglages  # noqa: PLC0415
    from flows.versions.manifeste import ErreurPublication  # noqa: PLC0415

    r = reglages.lire_reglages(options.data)
    try:
        constat = etat.constater(r, datetime.now(UTC))
    except ErreurPublication as erreur:
        alarmes, code = [str(erreur)], Sortie.ECHEC
        dire_erreur(str(erreur))
    else:
        alarmes, code = constat.alarmes, Sortie.PERIME if constat.perime else Sortie.OK
        afficher(etat.en_json(constat) if options.json else etat.dire(constat, r.zone))
    if options.avertir and alarmes:
        if not (r.webhook or r.mail_serveur):
            dire_erreur("Aucun destinataire : réglez « webhook » ou « mail_serveur », « mail_de », « mail_a ».")
        for probleme in alerter.avertir(r, f"duimetre : alarme sur {socket.gethostname()}", "\n".join(alarmes)):
            dire_erreur(probleme)
    return code
