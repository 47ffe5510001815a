"""Folding staged facts: what a later extraction of the same porteur has repeated or replaced is left out.

A night reads the fold of a file instead of the file; every relation of §6 gives the same from one and the other, for any
measure date and in any order of arrival. So a row is left out only for a row of the same key in a deposit extracted on a
*later day*: two deposits of one day are told apart by their names (§6.2), and a copy that comes under another name may
change which of them is the later. The files themselves stay, for the states of the past and the evidence bundles.
"""

from __future__ import annotations

from collections.abc import Sequence

from schemas.depots import TABLES, champs_de, cle, grain
from transforms.mesure import chemin_litteral

# What makes two rows of a porteur the same fact: the key of §4 for the tables whose latest extraction wins, every column
# for those whose rows are "just facts" (§6.2), and
_A_PART: dict[str, tuple[str, ...]] = {
    # its only fact is date_derniere_maj,
    "dossiers": ("finess_et", "id_dossier", "date_derniere_maj"),
    # its rows without a message are counts of a day.
    "mss": (
        *cle("mss"),
        "CASE WHEN id_message IS NULL THEN bal_emettrice END",
        "CASE WHEN id_message IS NULL THEN CAST(horodatage AS DATE) END",
    ),
}
CLES = _A_PART | {
    table: cle(table) or tuple(champs_de(table))
    for table in TABLES
    if table not in _A_PART and grain(table) == "evenement"
}


def requete(table: str, fichiers: Sequence[str]) -> str:
    """SQL of the fold of staged files of `table` (one of `CLES`), with their columns.

    It reads a relation `provenance` (`depot`, `porteur`, `date_extraction`) of the deposits that lie in these files; those
    without a porteur have no rows in the fold.
    """
    liste = ", ".join(chemin_litteral(f) for f in fichiers)
    garde = " AND s.date_derniere_maj IS NOT NULL" if table == "dossiers" else ""
    return f"""SELECT s.*
               FROM read_parquet([{liste}], hive_partitioning = false, union_by_name = true) AS s
               INNER JOIN provenance AS p ON p.depot = s.depot AND p.porteur IS NOT NULL{garde}
               QUALIFY p.date_extraction
                       = MAX(p.date_extraction) OVER (PARTITION BY p.porteur, {", ".join(CLES[table])})"""
