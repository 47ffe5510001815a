"""`duimetre verifier`."""

from __future__ import annotations

import argparse
import json
import re
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from flows.cli.commun import Declarer, DemandeImpossible, Sortie, afficher, option_json

if TYPE_CHECKING:
    from flows.reception.reception import Dossier
    from flows.reglages import Reglages


def ajouter(declarer: Declarer) -> None:
    """Declare the command."""
    parseur = declarer("verifier", "Contrôle des fichiers avant leur dépôt, comme le fera la nuit.", _executer)
    parseur.add_argument(
        "fichiers",
        type=Path,
        nargs="+",
        metavar="FICHIER",
        help="fichier à contrôler ; sans --porteur ni --structures : projets.csv ou depenses.csv de l'agence, avant de le "
        "mettre en place",
    )
    qui = parseur.add_mutually_exclusive_group()
    qui.add_argument("--porteur", metavar="P", help="identifiant du porteur (nom de son dossier), dans projets.csv")
    qui.add_argument(
        "--structures",
        metavar="FINESS,…",
        help="numéros FINESS de vos structures, séparés par des virgules : sur un ordinateur qui n'a pas projets.csv",
    )
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
    from flows.reception import verification, verification_registres  # noqa: PLC0415
    from transforms.pages.porteur.accuse import en_html  # noqa: PLC0415

    r = reglages.lire_reglages(options.data)
    if not options.porteur and not options.structures:
        if options.html or not all(verification_registres.est_un_registre(f) for f in options.fichiers):
            raise DemandeImpossible(
                "Dites de qui sont ces fichiers : --porteur P ou --structures FINESS,… ; seuls projets.csv et depenses.csv, "
                "les registres de l'agence, se contrôlent sans (et sans --html)."
            )
        return _registres(options, r)
    dossier = _de_ces_structures(options.structures) if options.structures else _du_porteur(options.porteur, r)
    accuses = [verification.verifier(f, dossier, r, datetime.now(UTC)) for f in options.fichiers]
    if options.html:
        options.html.write_text(en_html(accuses[0]), encoding="utf-8")
    if options.json:
        contenu = {"porteur": dossier.porteur, "fichiers": [verification.en_donnees(a) for a in accuses]}
        afficher(json.dumps(contenu, ensure_ascii=False, indent=1))
    else:
        afficher("\n\n".join(verification.dire(a) for a in accuses))
    statuts = {p.sort.statut for a in accuses for p in a.parties}
    if statuts & {"refuse", "en_attente"}:
        return Sortie.FICHIER_REFUSE
    return Sortie.LIGNES_REJETEES if "accepte_avec_rejets" in statuts else Sortie.OK


def _registres(options: argparse.Namespace, reglages: Reglages) -> int:
    from flows.reception import verification_registres  # noqa: PLC0415

    verdicts = verification_registres.verifier_registres(options.fichiers, reglages)
    if options.json:
        afficher(json.dumps({"registres": [v.en_donnees() for v in verdicts]}, ensure_ascii=False, indent=1))
    else:
        afficher("\n\n".join(v.dire() for v in verdicts))
    return max(v.sortie for v in verdicts)


def _du_porteur(porteur: str, reglages: Reglages) -> Dossier:
    from flows.reception import registres_ars  # noqa: PLC0415

    registres = registres_ars.lire_registres(reglages, garder_extrait=False)
    dossier = registres.dossier(porteur)
    if dossier.etat == "inconnu":
        connus = registres.registre.porteurs | registres.registre.en_attente
        raise DemandeImpossible(_porteur_inconnu(porteur, connus))
    return dossier


def _de_ces_structures(structures: str) -> Dossier:
    """What a porteur knows by himself: his structures. Mailboxes, entités juridiques and profile are the agency's to know."""
    from flows.reception.reception import Dossier  # noqa: PLC0415

    numeros = [numero.strip().upper() for numero in structures.split(",")]
    if mauvais := [n for n in numeros if not re.fullmatch(r"[0-9A-Z]{9}", n)]:
        raise DemandeImpossible(
            f"--structures attend des numéros FINESS de 9 caractères séparés par des virgules ; reçu : {', '.join(mauvais)}."
        )
    return Dossier("vos-structures", "ouvert", projet=frozenset(numeros)).avec_contexte()


def _porteur_inconnu(porteur: str, connus: frozenset[str]) -> str:
    proches = get_close_matches(porteur, sorted(connus), n=1)
    conseil = f" Vouliez-vous dire « {proches[0]} » ?" if proches else ""
    return (
        f"Le porteur « {porteur} » n'est pas dans projets.csv.{conseil} Porteurs connus : {', '.join(sorted(connus))}."
    )
