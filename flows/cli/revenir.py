"""`duimetre revenir`."""

from __future__ import annotations

import argparse

from flows.cli.commun import Declarer, Sortie, afficher
from schemas.erreurs import Inconnu


def ajouter(declarer: Declarer) -> None:
    """Declare the command."""
    parseur = declarer("revenir", "Remet en place une version publiée.", _executer)
    parseur.add_argument("version", help="identifiant donné par « duimetre versions »")


def _executer(options: argparse.Namespace) -> int:
    from flows import reglages  # noqa: PLC0415
    from flows.verrou import verrou  # noqa: PLC0415
    from flows.versions import publication, version  # noqa: PLC0415

    r = reglages.lire_reglages(options.data)
    with verrou(r.staging):
        if options.version not in {version.id for version in version.lister_versions(r.curated)}:
            raise Inconnu(f"Version inconnue : {options.version}. « duimetre versions » en donne la liste.")
        publication.revenir(r.curated, options.version)
    afficher(
        f"La version {options.version} est de nouveau en place. Les versions publiées depuis restent ; "
        "la prochaine nuit repart de celle-ci."
    )
    return Sortie.OK
