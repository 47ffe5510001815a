"""`duimetre expliquer`."""

from __future__ import annotations

import argparse

from flows.cli.commun import Declarer, Sortie, afficher, date_iso, option_json


def ajouter(declarer: Declarer) -> None:
    """Declare the command."""
    parseur = declarer(
        "expliquer", "Explique les chiffres publiés d'un ESSMS : populations, sources, reste à faire.", _executer
    )
    parseur.add_argument("finess", metavar="FINESS", help="numéro FINESS de l'ESSMS")
    parseur.add_argument(
        "--date-mesure", type=date_iso, metavar="AAAA-MM-JJ", help="date de mesure (défaut : la dernière publiée)"
    )
    option_json(parseur)


def _executer(options: argparse.Namespace) -> int:
    from flows import reglages  # noqa: PLC0415
    from flows.versions.version import lecture  # noqa: PLC0415
    from transforms import explication  # noqa: PLC0415

    with lecture(reglages.lire_reglages(options.data).curated) as version:
        trouvee = explication.expliquer(version, options.finess, options.date_mesure)
    afficher(explication.en_json(trouvee) if options.json else explication.dire(trouvee))
    return Sortie.OK
