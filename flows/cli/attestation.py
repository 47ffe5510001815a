"""`duimetre attestation`."""

from __future__ import annotations

import argparse
from datetime import UTC, date, datetime
from pathlib import Path

from flows.cli.commun import Declarer, DemandeImpossible, Sortie, afficher, date_iso


def ajouter(declarer: Declarer) -> None:
    """Declare the command."""
    parseur = declarer(
        "attestation", "Écrit l'attestation d'un projet, une page en PDF à imprimer, ou en vérifie une.", _executer
    )
    parseur.add_argument("--projet", metavar="P", help="identifiant du projet : la convention")
    parseur.add_argument("--date-mesure", type=date_iso, metavar="AAAA-MM-JJ", help="date de mesure des chiffres")
    parseur.add_argument(
        "--sortie",
        type=Path,
        metavar="F.pdf",
        help="fichier à écrire (défaut : attestation_<projet>_<date>.pdf) ; sa preuve est écrite à côté, en .preuve.zip",
    )
    parseur.add_argument(
        "--verifier",
        type=Path,
        metavar="F.pdf",
        help="dit si cette page est intacte et encore conforme à la publication",
    )

    parseur.add_argument(
        "--preuve",
        type=Path,
        metavar="F.preuve.zip",
        help="avec --verifier : refait la page de cette preuve et la compare, sans autres données",
    )


def _executer(options: argparse.Namespace) -> int:
    demande = (options.projet, options.date_mesure)
    if options.verifier is not None and not any((*demande, options.sortie)):
        return _refaire(options) if options.preuve is not None else _verifier(options.data, options.verifier)
    if options.verifier is not None or options.preuve is not None or not all(demande):
        raise DemandeImpossible(
            "Écrire une attestation : duimetre attestation --projet P --date-mesure AAAA-MM-JJ [--sortie F.pdf]\n"
            "En vérifier une        : duimetre attestation --verifier F.pdf [--preuve F.preuve.zip]"
        )
    sortie = options.sortie or Path(f"attestation_{options.projet}_{options.date_mesure}.pdf")
    if sortie.suffix.lower() != ".pdf":
        raise DemandeImpossible(
            f"{sortie} : le nom de l'attestation doit finir par .pdf (sa preuve est écrite à côté, en .preuve.zip)."
        )
    return _attester(options, sortie.absolute())


def _attester(options: argparse.Namespace, sortie: Path) -> int:
    from flows import attestation, reglages  # noqa: PLC0415
    from flows.verrou import verrou  # noqa: PLC0415

    r = reglages.lire_reglages(options.data)
    with verrou(r.staging):
        faite = attestation.attester(r, options.projet, options.date_mesure, sortie, datetime.now(UTC))
    afficher(
        f"Attestation écrite : {faite.page}\nSHA-256 : {faite.sha256}\n"
        f"Preuve qu'elle cite : {faite.preuve} (données de santé : à conserver et à transmettre comme telles)\n"
        f"SHA-256 : {faite.preuve_sha256}\nVersion citée, gardée désormais : {faite.version}"
    )
    return Sortie.OK


def _verifier(data: Path | None, chemin: Path) -> int:
    from flows import attestation, reglages  # noqa: PLC0415
    from transforms.dire.formats import jour  # noqa: PLC0415

    conforme = attestation.confronter(reglages.lire_reglages(data), chemin)
    remise = conforme.remise
    afficher(
        f"Attestation valable : projet {remise['projet']}, mesure du {jour(date.fromisoformat(remise['date_mesure']))}.\n"
        f"La page est intacte ; ses chiffres, verdicts, conditions et montants sont ceux qui sont publiés (version "
        f"{conforme.version}).\n"
        f"Elle a été écrite d'après la version {remise['versions'][0]} ; SHA-256 de sa preuve : {remise['preuve']}"
    )
    return Sortie.OK


def _refaire(options: argparse.Namespace) -> int:
    from tempfile import TemporaryDirectory  # noqa: PLC0415

    from flows import attestation  # noqa: PLC0415
    from transforms.dire.formats import jour  # noqa: PLC0415
    from transforms.preuve import verifier_preuve  # noqa: PLC0415

    with TemporaryDirectory(prefix="duimetre-preuve-") as travail:
        entiere = verifier_preuve(options.preuve, Path(travail))
    d = attestation.refaire(options.verifier, entiere)
    afficher(
        f"Attestation valable : projet {d['projet']}, mesure du {jour(date.fromisoformat(d['date_mesure']))}.\n"
        "La preuve est entière, son recalcul donne les chiffres publiés, et la page est celle qu'elle donne, à l'octet près.\n"
        f"SHA-256 de la preuve : {entiere.sha256}\n"
        "Seule l'agence peut dire si la publication a changé depuis : duimetre attestation --verifier F.pdf"
    )
    return Sortie.OK
