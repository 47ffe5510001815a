"""Small staged files put together, so that a night opens few files however long the history.

Nothing is computed here: the rows stay those of their deposits, and the register says which file holds them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

import duckdb

from flows.registre import Registre
from flows.reglages import Reglages
from flows.staging import deposer
from transforms.mesure import chemin_litteral

# A table's deposits of one extraction month are put together when they lie in more files than this…
FICHIERS_MAX = 8
# …and only files smaller than this are rewritten.
PETIT_OCTETS = 32 << 20


def compacter(reglages: Reglages, registre: Registre) -> int:
    """Put together the small staged files of each table and extraction month; gives the number of files made.

    The new file is durable before the register, in one transaction, says that it holds those rows; the former ones are
    swept by the next night. Killed at any moment, the register names files that are whole.
    """
    faits = 0
    for (table, mois), groupe in groupby(registre.fichiers_ranges(), key=lambda f: (f.table, f.mois)):
        petits = [f for f in groupe if (reglages.staging / f.fichier).stat().st_size < PETIT_OCTETS]
        if len(petits) > FICHIERS_MAX:
            fichiers = [f.fichier for f in petits]
            registre.deplacer(fichiers, _reunir(reglages.staging, table, mois, fichiers))
            faits += 1
    return faits


def _reunir(staging: Path, table: str, mois: str, fichiers: Iterable[str]) -> str:
    """Write the rows of several staged files into one, sorted like them; its path relative to `staging`."""
    sources = sorted(fichiers)
    nom = hashlib.sha256("\0".join(sources).encode()).hexdigest()[:16]
    relatif = f"{table}/reunis-{mois}-{nom}.parquet"
    provisoire = staging / ".reception" / f"{nom}.parquet"
    provisoire.parent.mkdir(exist_ok=True, mode=0o700)
    liste = ", ".join(chemin_litteral(str(staging / f)) for f in sources)
    with duckdb.connect(config={"memory_limit": "512MB", "threads": 2}) as base:
        base.execute(f"SET temp_directory = {chemin_litteral(str(provisoire.parent / 'tri'))}")
        base.execute(
            f"""COPY (SELECT * FROM read_parquet([{liste}], hive_partitioning = false, union_by_name = true)
                      ORDER BY seau, depot, finess_et, ligne)
                TO {_texte(str(provisoire))} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 50000)"""
        )
    return deposer(provisoire, staging, relatif)


def _texte(chemin: str) -> str:
    return "'" + chemin.replace("'", "''") + "'"
