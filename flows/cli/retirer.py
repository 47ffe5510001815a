"""`duimetre retirer`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flows.cli.commun import Declarer, DemandeImpossible, Sortie, afficher

if TYPE_CHECKING:
    from flows.staging.registre import Retrait


def ajouter(declarer: Declarer) -> None:
    """Declare the command."""
    parseur = declarer(
        "retirer", "Retire un dépôt des chiffres (mauvais fichier, autre structure), ou l'y remet.", _executer
    )
    parseur.add_argument("recu", nargs="?", metavar="RECU", help="numéro de reçu du fichier (XXXX-XXXX-XXXX)")
    parseur.add_argument("--motif", metavar="TEXTE", help="pourquoi, gardé dans le registre des dépôts")
    parseur.add_argument("--remettre", metavar="RECU", help="remet ce qui avait été retiré de ce fichier")


def _executer(options: argparse.Namespace) -> int:
    from flows import reglages  # noqa: PLC0415
    from flows.staging.registre import RegistreDepots  # noqa: PLC0415
    from flows.verrou import verrou  # noqa: PLC0415

    motif = (options.motif or "").strip()
    if (bool(options.recu), bool(motif), bool(options.remettre)) not in ((True, True, False), (False, False, True)):
        raise DemandeImpossible(
            'Retirer un dépôt : duimetre retirer RECU --motif "…"\nLe remettre      : duimetre retirer --remettre RECU'
        )
    r = reglages.lire_reglages(options.data)
    # Beside a night, which has read the register already, nobody could tell which figures the withdrawal is in.
    with verrou(r.staging), RegistreDepots(r.registre) as registre:
        if options.remettre:
            remis = registre.remettre(options.remettre.strip().upper())
            afficher(_dire("Remis", remis) if remis else "Rien de ce fichier n'était retiré : rien n'a changé.")
        else:
            afficher(_dire("Retiré", registre.retirer(options.recu.strip().upper(), motif, datetime.now(UTC))))
    return Sortie.OK


def _dire(fait: str, contenus: Sequence[Retrait]) -> str:
    from transforms.dire.formats import jour  # noqa: PLC0415
    from transforms.nommage import echapper  # noqa: PLC0415

    lignes = [
        f"{fait} : porteur {echapper(c.porteur)}, {c.nom_table or 'table inconnue'}"
        + (f" du {jour(c.date_extraction)}" if c.date_extraction else "")
        + f" (reçu {c.recu})"
        for c in contenus
    ]
    return "\n".join(
        [*lignes, "Les chiffres suivront à la prochaine nuit, sous quelque nom que ce contenu soit déposé."]
    )
