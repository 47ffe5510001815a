"""Errors that people are told: each carries its French message and the exit code of the command it stops (§3)."""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar


class Sortie(IntEnum):
    """Exit codes (§3)."""

    OK = 0
    ECHEC = 1
    USAGE = 2
    LIGNES_REJETEES = 3
    FICHIER_REFUSE = 4
    INCONNU = 5
    PERIME = 6
    PLUS_A_JOUR = 8
    VERROU = 10


class ErreurDite(Exception):
    """What stops a command; the message, in French, says what to do, and holds no value of a deposit."""

    code: ClassVar[Sortie] = Sortie.ECHEC


class DemandeImpossible(ErreurDite):
    """What is asked for makes no sense."""

    code = Sortie.USAGE


class Inconnu(ErreurDite):
    """An ESSMS, a measure date or a version that is not published."""

    code = Sortie.INCONNU
