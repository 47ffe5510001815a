"""`duimetre modeles`."""

from __future__ import annotations

import argparse
from pathlib import Path

from flows.cli.commun import Declarer, Sortie, afficher


def ajouter(declarer: Declarer) -> None:
    """Declare the command."""
    aide = "Écrit, pour chaque table, un modèle vide (CSV et Excel), un exemple et son schéma."
    declarer("modeles", aide, _executer).add_argument(
        "--sortie", type=Path, default=Path("modeles"), metavar="DOSSIER", help="où écrire (défaut : ./modeles)"
    )


def _executer(options: argparse.Namespace) -> int:
    from schemas.depots import TABLES, libelle  # noqa: PLC0415
    from transforms.modeles import fichiers  # noqa: PLC0415

    for table in TABLES:
        dossier = options.sortie / table
        dossier.mkdir(parents=True, exist_ok=True)
        for nom, contenu in fichiers(table).items():
            (dossier / nom).write_bytes(contenu)
    afficher(f"Modèles écrits dans {options.sortie} :")
    for table in TABLES:
        afficher(f"  {table:14} {libelle(table)}")
    afficher(
        "Remplissez un modèle, remplacez AAAA-MM-JJ par la date d'extraction, puis contrôlez-le : duimetre verifier."
    )
    return Sortie.OK
