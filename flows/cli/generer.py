"""`duimetre generer`."""

from __future__ import annotations

import argparse
from datetime import date

from flows.cli.commun import Declarer, Sortie, afficher, date_iso, positif
from transforms.dire.formats import accord, milliers, taille


def ajouter(declarer: Declarer) -> None:
    """Declare the command."""
    parseur = declarer("generer", "Écrit des exports synthétiques mais réalistes.", _executer)
    parseur.add_argument("--graine", type=positif, default=1, metavar="N", help="graine du hasard (défaut : 1)")
    parseur.add_argument("--porteurs", type=positif, default=6, metavar="N", help="porteurs (défaut : 6)")
    parseur.add_argument("--essms", type=positif, default=60, metavar="N", help="ESSMS (défaut : 60)")
    parseur.add_argument("--personnes", type=positif, default=4000, metavar="N", help="personnes (défaut : 4000)")
    parseur.add_argument(
        "--debut", type=date_iso, default=date(2026, 1, 1), metavar="AAAA-MM-JJ", help="premier jour (2026-01-01)"
    )
    parseur.add_argument(
        "--fin", type=date_iso, default=date(2026, 6, 30), metavar="AAAA-MM-JJ", help="dernier jour (2026-06-30)"
    )


def _executer(options: argparse.Namespace) -> int:
    from flows import reglages  # noqa: PLC0415
    from transforms import donnees_fictives  # noqa: PLC0415

    r = reglages.lire_reglages(options.data)
    demande = donnees_fictives.Demande(
        graine=options.graine,
        porteurs=options.porteurs,
        essms=options.essms,
        personnes=options.personnes,
        debut=options.debut,
        fin=options.fin,
    )
    bilan = donnees_fictives.generer(r.data, demande)
    afficher(raconter(bilan, str(r.raw)))
    return Sortie.OK


def raconter(bilan: object, ou: str) -> str:
    """What was generated, in French."""
    from transforms.donnees_fictives import RegionEcrite  # noqa: PLC0415

    assert isinstance(bilan, RegionEcrite)
    demande = bilan.demande
    return (
        f"Région synthétique : {accord(demande.porteurs, 'porteur')}, {milliers(demande.essms)} ESSMS, "
        f"{accord(demande.personnes, 'personne')}.\n"
        f"{accord(bilan.fichiers, 'fichier')} ({taille(bilan.octets)}, {accord(sum(bilan.lignes.values()), 'ligne')} dont "
        f"{accord(bilan.lignes_invalides, 'fautive')}) dans {ou}."
    )
