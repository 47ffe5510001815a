"""`duimetre etat`."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from flows.commandes.commun import Declarer, Sortie, dire, option_json


def ajouter(declarer: Declarer) -> None:
    """Declare the command."""
    option_json(declarer("etat", "Dit en un écran où en est la publication.", _executer))


def _executer(options: argparse.Namespace) -> int:
    from flows import etat, reglages  # noqa: PLC0415

    r = reglages.lire(options.data)
    constat = etat.constater(r, datetime.now(UTC))
    dire(etat.en_json(constat) if options.json else etat.dire(constat, ZoneInfo(r.fuseau)))
    return Sortie.PERIME if constat.perime else Sortie.OK
