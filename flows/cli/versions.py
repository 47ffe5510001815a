"""`duimetre versions`."""

from __future__ import annotations

import argparse
import json

from flows.cli.commun import Declarer, Sortie, afficher, option_json
from transforms.dire.formats import instant


def ajouter(declarer: Declarer) -> None:
    """Declare the command."""
    parseur = declarer("versions", "Liste les versions publiées.", _executer)
    option_json(parseur)
    parseur.add_argument(
        "--verifier", action="store_true", help="relit chaque fichier et la chaîne des versions (peut être long)"
    )


def _executer(options: argparse.Namespace) -> int:
    from flows import reglages  # noqa: PLC0415
    from flows.versions.chaine import verifier_chaine  # noqa: PLC0415
    from flows.versions.preuves_remises import versions_citees  # noqa: PLC0415
    from flows.versions.version import lister_versions  # noqa: PLC0415

    r = reglages.lire_reglages(options.data)
    citees = versions_citees(r.curated)
    versions = [
        {
            "version": version.id,
            "publiee_le": version.cree_le.isoformat() if version.cree_le else None,
            "actuelle": version.actuelle,
            "citee_par_une_preuve": version.id in citees,
        }
        for version in lister_versions(r.curated)
    ]
    problemes = verifier_chaine(r.curated) if options.verifier else []
    if options.json:
        contenu = {"versions": versions} | ({"problemes": problemes} if options.verifier else {})
        afficher(json.dumps(contenu, ensure_ascii=False, indent=2))
    else:
        fuseau = r.zone
        for version in lister_versions(r.curated):
            quand = instant(version.cree_le.astimezone(fuseau)) if version.cree_le else "date illisible"
            marques = " ← actuelle" * version.actuelle + " (citée par une preuve)" * (version.id in citees)
            afficher(f"{version.id}  publiée le {quand}{marques}")
        if not versions:
            afficher("Aucune version publiée. Lancez « duimetre nuit ».")
        if options.verifier:
            afficher("\n".join(problemes) or "Tout est tel que publié : fichiers, manifestes, chaîne.")
    return Sortie.ECHEC if problemes else Sortie.OK
