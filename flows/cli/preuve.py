"""`duimetre preuve`."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

from flows.cli.commun import Declarer, DemandeImpossible, Sortie, afficher, date_iso


def ajouter(declarer: Declarer) -> None:
    """Declare the command."""
    parseur = declarer(
        "preuve", "Écrit la preuve des chiffres publiés d'un ESSMS ou d'un projet, ou en vérifie une.", _executer
    )
    parseur.add_argument("finess", nargs="?", metavar="FINESS", help="numéro FINESS de l'ESSMS")
    parseur.add_argument("--projet", metavar="P", help="au lieu d'un ESSMS : tous ceux de cette convention")
    parseur.add_argument("--date-mesure", type=date_iso, metavar="AAAA-MM-JJ", help="date de mesure des chiffres")
    parseur.add_argument("--sortie", type=Path, metavar="F.zip", help="fichier à écrire")
    parseur.add_argument("--verifier", type=Path, metavar="F.zip", help="vérifie cette preuve et refait son calcul")


def _executer(options: argparse.Namespace) -> int:
    objets = [o for o in (options.finess, options.projet) if o]
    if options.verifier is not None and not any((*objets, options.date_mesure, options.sortie)):
        return _verifier(options.data, options.verifier)
    if options.verifier is not None or len(objets) != 1 or not all((options.date_mesure, options.sortie)):
        raise DemandeImpossible(
            "Écrire la preuve d'un ESSMS : duimetre preuve FINESS --date-mesure AAAA-MM-JJ --sortie F.zip\n"
            "Celle d'un projet           : duimetre preuve --projet P --date-mesure AAAA-MM-JJ --sortie F.zip\n"
            "En vérifier une             : duimetre preuve --verifier F.zip"
        )
    return _constituer(options)


def _constituer(options: argparse.Namespace) -> int:
    from flows import preuve, reglages  # noqa: PLC0415
    from flows.verrou import verrou  # noqa: PLC0415
    from transforms.preuve import Objet  # noqa: PLC0415

    r = reglages.lire_reglages(options.data)
    objet = Objet("projet", options.projet) if options.projet else Objet("finess_et", options.finess.upper())
    sortie = options.sortie.absolute()
    with verrou(r.staging):
        remise = preuve.constituer(r, objet, options.date_mesure).remise
        preuve.remettre(r, remise, sortie, datetime.now(UTC))
    afficher(
        f"Preuve écrite : {sortie}\nVersion citée, gardée désormais : {remise.versions[0]}\nSHA-256 : {remise.sha256}"
    )
    return Sortie.OK


def _verifier(data: Path | None, chemin: Path) -> int:
    from tempfile import TemporaryDirectory  # noqa: PLC0415

    from flows import preuve, reglages  # noqa: PLC0415
    from transforms.dire.formats import accord  # noqa: PLC0415
    from transforms.preuve import Objet, verifier_preuve  # noqa: PLC0415

    with TemporaryDirectory(prefix="duimetre-preuve-") as travail:
        verdict = verifier_preuve(chemin, Path(travail))
    remarques = [*verdict.remarques, *preuve.rapprocher(reglages.lire_reglages(data), verdict)]
    d = verdict.description
    afficher(
        f"Preuve valable : {Objet.de(d)}, mesure du {d['date_mesure']}, version {d['version']}.\n"
        f"Fichiers intacts ; le recalcul donne les chiffres publiés ({accord(len(d['depots']), 'dépôt')}).\n"
        f"SHA-256 : {verdict.sha256}"
    )
    for remarque in remarques:
        afficher(remarque)
    return Sortie.OK
