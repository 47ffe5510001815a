"""The command line (specification §3): French for people, exit codes for machines.

Each command is a module of `flows/cli/`. Heavy libraries are imported by the command that needs them: `duimetre
--help` answers at once, and Prefect's server starts while the rest is being imported.
"""

from __future__ import annotations

import argparse
import io
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from flows.cli import (
    attestation,
    demo,
    etat,
    expliquer,
    exporter,
    generer,
    modeles,
    nuit,
    preuve,
    recevoir,
    retirer,
    revenir,
    verifier,
    versions,
)
from flows.cli.commun import Fonction, dire_erreur
from flows.journal import NOM
from schemas.erreurs import ErreurDite, Sortie

COMMANDES = (
    nuit,
    recevoir,
    verifier,
    modeles,
    etat,
    expliquer,
    exporter,
    preuve,
    attestation,
    retirer,
    versions,
    revenir,
    generer,
    demo,
)

_FRANCAIS = {
    "usage: ": "usage : ",
    "positional arguments": "arguments",
    "options": "options",
    "show this help message and exit": "affiche cette aide",
    "the following arguments are required: %s": "il manque : %s",
    "one of the arguments %s is required": "il manque : %s",
    "unrecognized arguments: %s": "argument inconnu : %s",
    "expected one argument": "une valeur est attendue",
    "expected at least one argument": "au moins une valeur est attendue",
    "argument %(argument_name)s: %(message)s": "%(argument_name)s : %(message)s",
    "invalid choice: %(value)r (choose from %(choices)s)": "« %(value)s » n'existe pas (choix : %(choices)s)",
    "%(prog)s: error: %(message)s\n": "%(prog)s : %(message)s\n",
    "ambiguous option: %(option)s could match %(matches)s": "option ambiguë : %(option)s (%(matches)s)",
    "not allowed with argument %s": "incompatible avec %s",
    "ignored explicit argument %r": "valeur inattendue : %r",
}


def _en_francais() -> None:
    """argparse speaks through gettext: give it the French sentences."""
    argparse._ = lambda texte: _FRANCAIS.get(texte, texte)  # type: ignore[attr-defined]


def _parseur() -> argparse.ArgumentParser:
    _en_francais()
    parseur = argparse.ArgumentParser(
        prog="duimetre", description="Mesure chaque nuit l'usage du DUI, de MSSanté et du DMP par les ESSMS."
    )
    parseur.add_argument("--version", action="version", version=_version(), help="affiche la version")
    commandes = parseur.add_subparsers(dest="commande", metavar="commande", required=True)

    def declarer(nom: str, aide: str, fonction: Fonction) -> argparse.ArgumentParser:
        sous = commandes.add_parser(nom, help=aide, description=aide)
        sous.add_argument(
            "--data", type=Path, metavar="DOSSIER", help="racine des données (défaut : DUIMETRE_DATA, puis ./data)"
        )
        sous.set_defaults(fonction=fonction)
        return sous

    for commande in COMMANDES:
        commande.ajouter(declarer)
    return parseur


def _version() -> str:
    from importlib.metadata import version  # noqa: PLC0415

    return f"duimetre {version('duimetre')}"


class _Affichage(logging.Handler):
    """Plain lines; on a terminal, one bar for the steps that say how far they are.

    Where the output is for a machine, on standard error.
    """

    def __init__(self, machine: bool) -> None:
        super().__init__(logging.INFO)
        self._machine = machine
        self._terminal = sys.stdout.isatty() and not machine
        self._barre: Any = None
        self._taches: dict[str, Any] = {}

    def emit(self, record: logging.LogRecord) -> None:
        etape, fait, total = getattr(record, "avancement", (None, 0, 0))
        if etape is None:
            self.fermer()
            self._dire(record.getMessage())
        elif not self._terminal:
            if fait == total:
                self._dire(f"{etape} : {total} sur {total}")
        else:
            self._avancer(etape, fait, total)

    def _dire(self, ligne: str) -> None:
        flux = sys.stderr if self._machine else sys.stdout
        flux.write(ligne + "\n")
        flux.flush()

    def _avancer(self, etape: str, fait: int, total: int) -> None:
        if self._barre is None:
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415

            self._barre = Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
            self._barre.start()
        if etape not in self._taches:
            self._taches[etape] = self._barre.add_task(etape, total=total)
        self._barre.update(self._taches[etape], completed=fait)

    def fermer(self) -> None:
        if self._barre is not None:
            self._barre.stop()
            self._barre, self._taches = None, {}


def _journal(machine: bool) -> None:
    journal = logging.getLogger(NOM)
    journal.setLevel(logging.INFO)
    journal.propagate = False
    journal.handlers = [_Affichage(machine)]


def parler_utf8() -> None:
    """Start again in Python's UTF-8 mode where names of files would be ASCII only (POSIX locale): paths with accents could
    not be given to the libraries.
    """
    if sys.getfilesystemencoding() == "ascii" and "utf8" not in sys._xoptions:
        os.environ["PYTHONUTF8"] = "1"  # for the processes that this one starts
        os.execv(sys.executable, [sys.executable, "-X", "utf8=1", *sys.orig_argv[1:]])


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command; always ends with one of the exit codes of §3."""
    if arguments is None:
        parler_utf8()
    for flux in (sys.stdout, sys.stderr):
        if isinstance(flux, io.TextIOWrapper):  # what the terminal cannot write never stops a command
            flux.reconfigure(errors="backslashreplace")
    options = _parseur().parse_args(arguments)
    _journal(getattr(options, "json", False))
    try:
        code = options.fonction(options)
    except ErreurDite as erreur:
        dire_erreur(str(erreur))
        code = erreur.code
    except OSError as erreur:
        dire_erreur(
            f"{erreur.filename or 'Disque'} : {erreur.strerror or erreur}. Vérifiez les droits et l'espace disque."
        )
        code = Sortie.ECHEC
    except KeyboardInterrupt:
        dire_erreur("Interrompu. Rien de publié n'a changé.")
        code = Sortie.ECHEC
    sys.exit(int(code))
