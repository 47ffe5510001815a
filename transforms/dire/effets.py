"""What rejected rows do to the rates of their porteur, said before anything is measured (specification §6.5)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import duckdb

from transforms.dire.formats import enumerer, insecables, milliers
from transforms.dire.libelles import INDICATEURS, table_a_deposer
from transforms.mesure import texte_sql


def effet_des_rejets(table: str, lignes: int, *, refuse: bool) -> str:
    """What `lignes` rejected rows of a table leave in doubt, as a sentence; all those of the file when it is refused.

    A row that a denominator lacks may flatter the rate; one that only the numerator lacks can but lower it. Empty when
    nothing depends on them.
    """
    douteux, abaisses, comptes = _qui_en_depend(table)
    clauses = []
    if douteux:
        clauses.append(f"{_les(douteux)} {'est' if len(douteux) == 1 else 'sont'} à confirmer")
    if abaisses:
        sort = "manque ou est trop bas" if refuse else "ne peut qu'être trop bas"
        clauses.append(f"{_les(abaisses)} {sort}")
    if comptes:
        clauses.append(f"le compte « {INDICATEURS[comptes[0]].nom} » {'manque' if refuse else 'est incomplet'}")
    if not lignes or not clauses:
        return ""
    manque = "cette ligne manque" if lignes == 1 else f"ces {milliers(lignes)} lignes manquent"
    return insecables(f"Tant que {manque}, {' ; '.join(clauses)}.")


def _les(indicateurs: Sequence[str]) -> str:
    noms = enumerer([f"« {INDICATEURS[i].nom} »" for i in indicateurs])
    return f"le taux {noms}" if len(indicateurs) == 1 else f"les taux {noms}"


@cache
def _qui_en_depend(table: str) -> tuple[list[str], list[str], list[str]]:
    """The indicators whose denominator needs a table, those of which only the numerator does, and those without a rate."""
    with duckdb.connect() as base:
        besoins = base.execute(texte_sql("besoins")).fetchall()
    utiles = {(indicateur, partie) for indicateur, partie, source in besoins if table_a_deposer(source) == table}
    douteux = [i for i in INDICATEURS if (i, "denominateur") in utiles]
    autres = [i for i in INDICATEURS if (i, "numerateur") in utiles and i not in douteux]
    sans_taux = [i for i in autres if not INDICATEURS[i].reste]
    return douteux, [i for i in autres if i not in sans_taux], sans_taux
