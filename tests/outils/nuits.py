"""Nights of the command line, and what they published: what several tests share."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
from polars.testing import assert_frame_equal

from flows.versions.version import actuelle

D1, D2 = date(2026, 4, 1), date(2026, 5, 1)
# What two nights that saw the same deposits may differ by.
PROPRE_A_LA_NUIT = ("version", "recu_le")
DUIMETRE = Path(sys.executable).with_name("duimetre")


def publie(racine: Path) -> dict[str, pl.DataFrame]:
    """The rows of every published parquet file, without what is proper to a night."""
    version = actuelle(racine / "curated")
    assert version is not None
    return {
        str(f.relative_to(version)): pl.read_parquet(f, hive_partitioning=False).drop(PROPRE_A_LA_NUIT, strict=False)
        for f in sorted(version.rglob("*.parquet"))
    }


def memes_lignes(racine: Path, attendu: dict[str, pl.DataFrame]) -> None:
    obtenu = publie(racine)
    assert obtenu.keys() == attendu.keys()
    for nom, table in attendu.items():
        assert_frame_equal(obtenu[nom], table)


def fichiers(racine: Path) -> list[Path]:
    return sorted(f for f in (racine / "raw" / "depots").rglob("*") if f.is_file())


def commande(*arguments: str | Path, **environ: str) -> subprocess.Popen[str]:
    propre = {cle: valeur for cle, valeur in os.environ.items() if not cle.startswith(("PREFECT_", "DUIMETRE_"))}
    return subprocess.Popen(
        [DUIMETRE, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=propre | environ
    )


def executer(*arguments: str | Path, **environ: str) -> tuple[int, str, str]:
    processus = commande(*arguments, **environ)
    sortie, erreurs = processus.communicate(timeout=240)
    return processus.returncode, sortie, erreurs


# Every Python process of a test, the server included, says who it is and whom it talks to.
TEMOIN = """
import os, sys

def noter(mot, valeur):
    with open(os.environ["TEMOIN"], "a") as fichier:
        fichier.write(f"{mot} {os.getpid()} {valeur!r}\\n")

def auditer(evenement, arguments):
    if evenement == "socket.connect":
        noter("connexion", arguments[1][0] if isinstance(arguments[1], tuple) else arguments[1])
    elif evenement == "socket.getaddrinfo":
        noter("nom", arguments[0])

noter("processus", sys.orig_argv)
sys.addaudithook(auditer)
"""


def until(condition: Any, secondes: float) -> bool:
    limite = time.monotonic() + secondes
    while time.monotonic() < limite:
        if condition():
            return True
        time.sleep(0.05)
    return False
