"""`duimetre exporter`."""

from __future__ import annotations

import argparse
from pathlib import Path

from flows.cli.commun import Declarer, Sortie, afficher, date_iso


def ajouter(declarer: Declarer) -> None:
    """Declare the command."""
    parseur = declarer(
        "exporter", "Écrit un classeur pour l'analyste, ou des tables à publier sans petit effectif.", _executer
    )
    quoi = parseur.add_mutually_exclusive_group(required=True)
    quoi.add_argument("--xlsx", type=Path, metavar="F.xlsx", help="classeur : une feuille par table publiée")
    quoi.add_argument(
        "--public", type=Path, metavar="DOSSIER", help="tables à publier hors de l'ARS, petits effectifs masqués"
    )
    parseur.add_argument(
        "--date-mesure", type=date_iso, metavar="AAAA-MM-JJ", help="date de mesure (défaut : la dernière publiée)"
    )


def _executer(options: argparse.Namespace) -> int:
    from flows import reglages  # noqa: PLC0415
    from flows.versions.version import lecture  # noqa: PLC0415
    from transforms import export  # noqa: PLC0415
    from transforms.suppression import Seuils  # noqa: PLC0415

    r = reglages.lire_reglages(options.data)
    with lecture(r.curated) as version:
        if options.xlsx:
            ecrits = [export.exporter_classeur(version, options.xlsx, options.date_mesure)]
        else:
            seuils = Seuils(r.seuil_publication, r.seuil_publication_essms)
            ecrits = export.publics(version, options.public, options.date_mesure, seuils)
    afficher("\n".join(f"Écrit : {chemin}" for chemin in ecrits))
    return Sortie.OK
