"""What the commands share: exit codes, types of arguments, messages."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from datetime import date
from typing import Protocol

from schemas.erreurs import DemandeImpossible, Sortie

Fonction = Callable[[argparse.Namespace], int]


class Declarer(Protocol):
    """Declares a command: name, one line of help, function; gives its parser (with `--data` already)."""

    def __call__(self, nom: str, aide: str, fonction: Fonction) -> argparse.ArgumentParser:
        """Declare a command."""


def date_iso(texte: str) -> date:
    """An argument AAAA-MM-JJ."""
    try:
        return date.fromisoformat(texte)
    except ValueError:
        raise argparse.ArgumentTypeError(f"« {texte} » n'est pas une date AAAA-MM-JJ") from None


def positif(texte: str) -> int:
    """An argument that is a whole number from 1 on."""
    if not texte.isdigit() or int(texte) < 1:
        raise argparse.ArgumentTypeError(f"« {texte} » n'est pas un nombre entier positif")
    return int(texte)


def afficher(message: str) -> None:
    """Tell the user, on standard output."""
    sys.stdout.write(message.rstrip() + "\n")
    sys.stdout.flush()


def dire_erreur(message: str) -> None:
    """Tell the user what is wrong, on standard error."""
    sys.stderr.write(message.rstrip() + "\n")


def option_dates(parseur: argparse.ArgumentParser) -> None:
    """`--date-mesure`, which may be repeated."""
    parseur.add_argument(
        "--date-mesure",
        type=date_iso,
        action="append",
        metavar="AAAA-MM-JJ",
        help="date de mesure, peut être répétée (défaut : aujourd'hui, et les dates officielles qui ont changé)",
    )


def option_json(parseur: argparse.ArgumentParser) -> None:
    """`--json`."""
    parseur.add_argument("--json", action="store_true", help="la même chose pour une machine")


__all__ = [
    "Declarer",
    "DemandeImpossible",
    "Fonction",
    "Sortie",
    "afficher",
    "date_iso",
    "dire_erreur",
    "option_dates",
    "option_json",
    "positif",
]
