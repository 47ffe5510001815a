"""`duimetre verifier`."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path

from flows.cli.commun import Declarer, DemandeImpossible, Sortie, afficher, option_json


def ajouter(declarer: Declarer) -> None:
    """Declare the command."""
    parseur = declarer("verifier", "Contrôle des fichiers avant leur dépôt, comme le fera la nuit.", _executer)
    parseur.add_argument("fichiers", type=Path, nargs="+", metavar="FICHIER", help="fichier à contrôler")
    parseur.add_argument("--porteur", required=True, metavar="P", help="identifiant du porteur (nom de son dossier)")
    parseur.add_argument("--html", type=Path, metavar="SORTIE", help="écrit aussi la réponse en page HTML (un fichier)")
    option_json(parseur)


def _executer(options: argparse.Namespace) -> int:
    if options.html and len(options.fichiers) > 1:
        raise DemandeImpossible("--html ne vaut que pour un seul fichier.")
    for fichier in options.fichiers:
        if not fichier.exists() and not fichier.is_symlink():
            raise DemandeImpossible(f"Le fichier {fichier} n'existe pas.")
        if fichier.is_dir():
            raise DemandeImpossible(f"{fichier} est un dossier : donnez les fichiers à contrôler.")

    from flows import reglages  # noqa: PLC0415
    from flows.reception import registres_ars, verification  # noqa: PLC0415
    from transforms.pages.porteur.accuse import en_html  # noqa: PLC0415

    r = reglages.lire_reglages(options.data)
    registres = registres_ars.lire_registres(r, garder_extrait=False)
    dossier = registres.dossier(options.porteur)
    if dossier.etat == "inconnu":
        connus = registres.registre.porteurs | registres.registre.en_attente
        raise DemandeImpossible(_porteur_inconnu(options.porteur, connus))
    accuses = [verification.verifier(f, dossier, r, datetime.now(UTC)) for f in options.fichiers]
    if options.html:
        options.html.write_text(en_html(accuses[0]), encoding="utf-8")
    if options.json:
        contenu = {"porteur": options.porteur, "fichiers": [verification.en_donnees(a) for a in accuses]}
        afficher(json.dumps(contenu, ensure_ascii=False, indent=1))
    else:
        afficher("\n\n".join(verification.dire(a) for a in accuses))
    statuts = {p.sort.statut for a in accuses for p in a.parties}
    if statuts & {"refuse", "en_attente"}:
        return Sortie.FICHIER_REFUSE
    return Sortie.LIGNES_REJETEES if "accepte_avec_rejets" in statuts else Sortie.OK


def _porteur_inconnu(porteur: str, connus: frozenset[str]) -> str:
    proches = get_close_matches(porteur, sorted(connus), n=1)
    conseil = f" Vouliez-vous dire « {proches[0]} » ?" if proches else ""
    return (
        f"Le porteur « {porteur} » n'est pas dans projets.csv.{conseil} Porteurs connus : {', '.join(sorted(connus))}."
    )
