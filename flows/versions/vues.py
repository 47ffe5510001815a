"""What `catalogue.duckdb` holds: a view per published table, and ready questions as table macros (specification §7)."""

from __future__ import annotations

from flows.versions.catalogue import ColonneVue, Macro, Vue
from schemas import curated
from schemas.curated import PARTITION
from transforms.mesure import texte_sql

_DATE_FACULTATIVE = "jour := NULL"

# Name, parameters, tables read, relations of the measure used as they are, what it answers.
_QUESTIONS: tuple[tuple[str, tuple[str, ...], tuple[str, ...], tuple[str, ...], str], ...] = (
    (
        "atteinte",
        ("jour",),
        ("indicateurs", "essms_mesures"),
        (),
        "Où en est chaque ESSMS de ses cibles à une date de mesure. Exemple : FROM atteinte('2026-04-01')",
    ),
    (
        "historique",
        ("finess",),
        ("indicateurs",),
        (),
        "Toutes les mesures d'un ESSMS, avec leur variation. Exemple : FROM historique('970490017')",
    ),
    (
        "pourquoi",
        ("finess", "un_indicateur", _DATE_FACULTATIVE),
        ("indicateurs", "sources"),
        ("besoins",),
        "De quelles sources vient un chiffre, et ce qui leur manque (dernière date de mesure, ou jour). "
        "Exemple : FROM pourquoi('970490017', 'dossiers_actifs')",
    ),
    (
        "comparaison",
        ("finess", _DATE_FACULTATIVE),
        ("indicateurs", "maturin_sms"),
        (),
        "Un ESSMS à côté de la médiane de son sous-secteur dans sa région. Exemple : FROM comparaison('970490017')",
    ),
    (
        "a_relancer",
        ("jour",),
        ("indicateurs", "sources"),
        ("besoins",),
        "À quel porteur demander quelle table : absentes ou incomplètes, pour les indicateurs opposables. "
        "Exemple : FROM a_relancer('2026-04-01')",
    ),
    (
        "manquants",
        ("un_porteur", _DATE_FACULTATIVE),
        ("indicateurs", "essms_mesures"),
        (),
        "Les cibles opposables qu'un porteur n'atteint pas ou qui sont à confirmer, la plus proche d'abord. "
        "Exemple : FROM manquants('trois-ravines')",
    ),
)


def vues() -> list[Vue]:
    """The published tables as the catalogue shows them."""
    return [
        Vue(
            table,
            curated.description(table),
            [
                *(
                    [ColonneVue(PARTITION, "DATE", curated.DESCRIPTION_DATE_MESURE)]
                    if table in curated.PAR_DATE
                    else []
                ),
                *(
                    ColonneVue(nom, curated.types_sql(table)[nom], champ.description)
                    for nom, champ in curated.champs_de(table).items()
                ),
            ],
            table in curated.PAR_DATE,
        )
        for table in curated.TABLES
    ]


def macros() -> list[Macro]:
    """The ready questions."""
    return [
        Macro(nom, parametres, description, texte_sql(f"catalogue/{nom}"), tables, {r: texte_sql(r) for r in relations})
        for nom, parametres, tables, relations, description in _QUESTIONS
    ]
