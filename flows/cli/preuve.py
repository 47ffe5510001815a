"""`duimetre preuve`."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

from flows.cli.commun import Declarer, DemandeImpossible, Sortie, afficher, date_iso


def ajouter(declarer: Declarer) -> None:
    """Declare the command."""
    parseur = declarer("preuve", "Écrit la preuve d'un chiffre publié, ou en vérifie une.", _executer)
    parseur.add_argument("finess", nargs="?", metavar="FINESS", help="numéro FINESS de l'ESSMS")
    parseur.add_argument("--date-mesure", type=date_iso, metavar="AAAA-MM-JJ", help="date de mesure du chiffre")
    parseur.add_argument("--sortie", type=Path, metavar="F.zip", help="fichier à écrire")
    parseur.add_argument("--verifier", type=Path, metavar="F.zip", help="vérifie cette preuve et refait son calcul")


def _executer(options: argparse.Namespace) -> int:
    demande = (options.finess, options.date_mesure, options.sortie)
    if options.verifier is not None and not any(demande):
        return _verifier(options.data, options.verifier)
    if options.verifier is not None or not all(demande):
        raise DemandeImpossible(
            "Écrire une preuve : duimetre preuve FINESS --date-mesure AAAA-MM-JJ --sortie F.zip\n"
            "En vérifier une  : duimetre preuve --verifier F.zip"
        )
    return _constituer(options)


def _constituer(options: argparse.Namespace) -> int:
    from flows import preuve, reglages  # noqa: PLC0415
    from flows.verrou import verrou  # noqa: PLC0415

    r = reglages.lire_reglages(options.data)
    with verrou(r.staging):
        faite = preuve.constituer(
            r, options.finess.upper(), options.date_mesure, options.sortie.absolute(), datetime.now(UTC)
        )
    afficher(
        f"Preuve écrite : {faite.chemin}\nVersion citée, gardée désormais : {faite.version}\nSHA-256 : {faite.sha256}"
    )
    return Sortie.OK


def _verifier(data: Path | None, chemin: Path) -> int:
    from tempfile import TemporaryDirectory  # noqa: PLC0415

    from flows import preuve, reglages  # noqa: PLC0415
    from transforms.preuve import verifier_preuve  # noqa: PLC0415

    with TemporaryDirectory(prefix="duimetre-preuve-") as travail:
        verdict = verifier_preuve(chemin, Path(travail))
    remarques = [*verdict.remarques, *preuve.rapprocher(reglages.lire_reglages(data), verdict)]
    d = verdict.description
    afficher(
        f"Preuve valable : ESSMS {d['finess_et']}, mesure du {d['date_mesure']}, version {d['version']}.\n"
        f"Fichiers intacts ; le recalcul donne les chiffres publiés ({len(d['depots'])} dépôts).\n"
        f"SHA-256 : {verdict.sha256}"
    )
    for remarque in remarques:
        afficher(remarque)
    return Sortie.OK
