"""Staged files put together and folded, so that a night opens few files and few rows however long the history.

Nothing is computed here: the rows stay those of their deposits, and the register says which file holds them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path

import duckdb
import polars as pl

from flows.reglages import Reglages
from flows.staging.fichiers import deposer
from flows.staging.registre import FichierRange, RegistreDepots
from transforms import faits_replies
from transforms.mesure import chemin_litteral, litteral

# A table's deposits of one extraction month are put together when they lie in more files than this: those of one night
# first, then the results. So a row is written again a few times, not every night of its month. Once another month has
# begun, the results make one file.
FICHIERS_MAX = 8
# Only files smaller than this are rewritten.
PETIT_OCTETS = 32 << 20
# A fold is kept when it has at most this part of the rows: otherwise the file itself is as good.
PART_REPLIEE_MAX = 0.5
_PREFIXE = "reunis-"


def compacter(reglages: Reglages, registre: RegistreDepots) -> int:
    """Put together the small staged files of each table and extraction month; gives the number of files made.

    The folds that are no longer good, because what counts of their file is not what it was, are made again first.
    The new files are durable before the register, in one transaction, says that they hold those rows; the former ones
    are swept by the next night. Killed at any moment, the register names files that are whole.
    """
    faits = 0
    ranges = registre.fichiers_ranges()
    for fichier, repli in registre.replis(perimes=True).items():
        if not registre.abimes([fichier]):
            replier(reglages.staging, registre, fichier, repli)
    en_cours = {f.table: f.mois for f in ranges}  # in the order of months: the last one stays
    for (table, mois), groupe in groupby(ranges, key=lambda f: (f.table, f.mois)):
        petits = [f for f in groupe if _petit(reglages.staging / f.fichier)]
        reunis = [f for f in petits if _PREFIXE in f.fichier]
        isoles = [f for f in petits if _PREFIXE not in f.fichier]
        if len(isoles) > FICHIERS_MAX and (sains := _sains(registre, isoles)):
            reunis.append(_reunir(reglages.staging, registre, sains))
            faits += 1
        plafond = FICHIERS_MAX if mois == en_cours[table] else 1
        if len(reunis) > plafond and len(sains := _sains(registre, reunis)) > 1:
            _reunir(reglages.staging, registre, sains)
            faits += 1
    return faits


def _sains(registre: RegistreDepots, ranges: Sequence[FichierRange]) -> list[FichierRange]:
    """Those that are still what was written: a damaged one stays apart, for the night that needs it to do something about it."""
    abimes = registre.abimes(f.fichier for f in ranges)
    return [f for f in ranges if f.fichier not in abimes]


def _petit(fichier: Path) -> bool:
    """Whether a staged file may be rewritten; one that is gone may not."""
    try:
        return fichier.stat().st_size < PETIT_OCTETS
    except FileNotFoundError:
        return False


def _reunir(staging: Path, registre: RegistreDepots, ranges: Sequence[FichierRange]) -> FichierRange:
    """Write the rows of several staged files of a table and month into one, sorted like them, and its fold if it is worth it.

    A file may still hold rows of a deposit that was judged again since and now lies elsewhere: they are left behind.
    """
    table, mois = ranges[0].table, ranges[0].mois
    sources = sorted(f.fichier for f in ranges)
    marque = hashlib.sha256("\0".join(sources).encode()).hexdigest()[:16]
    provisoire = staging / ".reception" / f"{marque}.parquet"
    provisoire.parent.mkdir(exist_ok=True, mode=0o700)
    provenance = registre.provenance(sources)
    ici = provenance.select("depot", "porteur", "date_extraction", fichier=pl.lit(f"{staging}/") + pl.col("fichier"))
    lus = ", ".join(chemin_litteral(str(staging / f)) for f in sources)
    with _base(ici, provisoire.parent) as base:
        _copier(
            base,
            f"""SELECT s.* EXCLUDE (fichier)
                FROM read_parquet([{lus}], hive_partitioning = false, union_by_name = true, filename = 'fichier') AS s
                INNER JOIN provenance AS p ON p.depot = s.depot AND p.fichier = s.fichier""",
            provisoire,
        )
        a_ranger = _replier(base, table, provisoire)
    reuni = deposer(provisoire, staging, f"{table}/{_PREFIXE}{mois}-{marque}.parquet")
    repli = deposer(a_ranger, staging, f"{table}/repli-{mois}-{marque}.parquet") if a_ranger else None
    registre.deplacer(sources, reuni, repli)
    return FichierRange(table, mois, reuni.chemin)


def replier(staging: Path, registre: RegistreDepots, fichier: str, repli: str) -> None:
    """Write again, in its place, the fold of a staged file."""
    provisoire = staging / ".reception" / Path(repli).name
    provisoire.parent.mkdir(exist_ok=True, mode=0o700)
    with _base(registre.provenance([fichier]), provisoire.parent) as base:
        _copier(base, faits_replies.requete(fichier.partition("/")[0], [str(staging / fichier)]), provisoire)
    registre.replie(fichier, deposer(provisoire, staging, repli))


@contextmanager
def _base(provenance: pl.DataFrame, travail: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"memory_limit": "512MB", "threads": 2}) as base:
        base.execute(f"SET temp_directory = {litteral(str(travail / 'tri'))}")
        base.register("provenance", provenance.to_arrow())
        yield base


def _replier(base: duckdb.DuckDBPyConnection, table: str, reuni: Path) -> Path | None:
    if table not in faits_replies.CLES:
        return None
    repli = reuni.with_suffix(".repli")
    _copier(base, faits_replies.requete(table, [str(reuni)]), repli)
    avant, apres = (
        base.execute(f"SELECT count(*) FROM read_parquet({chemin_litteral(str(f))})").fetchall()[0][0]
        for f in (reuni, repli)
    )
    if apres > PART_REPLIEE_MAX * avant:
        repli.unlink()
        return None
    return repli


def _copier(base: duckdb.DuckDBPyConnection, requete: str, vers: Path) -> None:
    base.execute(
        f"""COPY (FROM ({requete}) ORDER BY seau, depot, finess_et, ligne)
            TO {litteral(str(vers))} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 50000)"""
    )
