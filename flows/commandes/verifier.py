"""`duimetre verifier`."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path

from flows.commandes.commun import Declarer, Sortie, dire, dire_erreur, option_json


def ajouter(declarer: Declarer) -> None:
    """Declare the command."""
    parseur = declarer("verifier", "Contrôle des fichiers avant leur dépôt, comme le fera la nuit.", _executer)
    parseur.add_argument("fichiers", type=Path, nargs="+", metavar="FICHIER", help="fichier à contrôler")
    parseur.add_argument("--porteur", required=True, metavar="P", help="identifiant du porteur (nom de son dossier)")
    parseur.add_argument("--html", type=Path, metavar="SORTIE", help="écrit aussi la réponse en page HTML (un fichier)")
    option_json(parseur)


def _executer(options: argparse.Namespace) -> int:
    if options.html and len(options.fichiers) > 1:
        dire_erreur("--html ne vaut que pour un seul fichier.")
        return Sortie.USAGE
    for fichier in options.fichiers:
        if not fichier.exists() and not fichier.is_symlink():
            dire_erreur(f"Le fichier {fichier} n'existe pas.")
            return Sortie.USAGE
        if fichier.is_dir():
            dire_erreur(f"{fichier} est un dossier : donnez les fichiers à contrôler.")
            return Sortie.USAGE

    from flows import referentiels, reglages, verification  # noqa: PLC0415
    from flows.isolement import LecteurEnPanne  # noqa: PLC0415
    from transforms.pages.porteur.accuse import en_html  # noqa: PLC0415
    from transforms.referentiels import ReferentielIllisible  # noqa: PLC0415

    r = reglages.lire(options.data)
    try:
        registres = referentiels.lire(r, garder_extrait=False)
    except ReferentielIllisible as erreur:
        dire_erreur(str(erreur))
        return Sortie.ECHEC
    dossier = registres.dossier(options.porteur)
    if dossier.etat == "inconnu":
        dire_erreur(_porteur_inconnu(options.porteur, registres.registre.porteurs | registres.registre.en_attente))
        return Sortie.USAGE
    try:
        accuses = [verification.verifier(f, dossier, r, datetime.now(UTC)) for f in options.fichiers]
        if options.html:
            options.html.write_text(en_html(accuses[0]), encoding="utf-8")
    except verification.NonVerifiable as erreur:
        dire_erreur(str(erreur))
        return Sortie.FICHIER_REFUSE
    except LecteurEnPanne as erreur:
        dire_erreur(f"Le contrôle n'a pas pu aller au bout : défaut de duimètre à signaler à l'opérateur ({erreur}).")
        return Sortie.ECHEC
    except OSError as erreur:
        dire_erreur(f"{erreur.filename or ''} : {erreur.strerror or erreur}. Vérifiez les droits et l'espace disque.")
        return Sortie.ECHEC
    if options.json:
        contenu = {"porteur": options.porteur, "fichiers": [verification.en_donnees(a) for a in accuses]}
        dire(json.dumps(contenu, ensure_ascii=False, indent=1))
    else:
        dire("\n\n".join(verification.dire(a) for a in accuses))
    statuts = {p.statut for a in accuses for p in a.parties}
    if statuts & {"refuse", "en_attente"}:
        return Sortie.FICHIER_REFUSE
    return Sortie.LIGNES_REJETEES if "accepte_avec_rejets" in statuts else Sortie.OK


def _porteur_inconnu(porteur: str, connus: frozenset[str]) -> str:
    proches = get_close_matches(porteur, sorted(connus), n=1)
    conseil = f" Vouliez-vous dire « {proches[0]} » ?" if proches else ""
    return (
        f"Le porteur « {porteur} » n'est pas dans projets.csv.{conseil} Porteurs connus : {', '.join(sorted(connus))}."
    )
