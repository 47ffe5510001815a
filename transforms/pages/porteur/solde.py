"""What the page of a porteur says of its projects: what each balance waits for, in its words (specification §6.6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from schemas.curated import A_LA_CIBLE
from transforms.dire.formats import accord, euros, jour, majuscule
from transforms.dire.libelles import CONDITIONS, ETATS_CONDITION, INDICATEURS, VERDICTS, etat_du_solde

BLOCAGES_CITES = 5


@dataclass(frozen=True)
class Solde:
    """The balance of one project. `conditions`: (name, state in words, tone, sentence). `blocages`: what keeps each
    structure from its targets, the nearest first; `autres`: how many more. `calendrier`: one sentence, or none. `aptitudes`: one
    sentence per structure that is blocked.
    """

    projet: str
    montant: str
    payable: str
    etat: str
    conditions: Sequence[tuple[str, str, str, str]]
    blocages: Sequence[str]
    autres: int
    calendrier: str
    aptitudes: Sequence[str]


_TONS = {
    "remplie": "ok",
    "non_remplie": "erreur",
    "a_confirmer": "attention",
    "inconnue": "attention",
    "sans_objet": "neutre",
}


def soldes(tables: Mapping[str, pl.DataFrame], noms: Mapping[str, str]) -> list[Solde]:
    """The balance of each project of a porteur; `tables`: its rows of the published ones, `noms`: FINESS → name."""
    return [_solde(c, tables, noms) for c in tables["conventions"].sort("projet").iter_rows(named=True)]


def _solde(convention: Mapping[str, Any], tables: Mapping[str, pl.DataFrame], noms: Mapping[str, str]) -> Solde:
    du_projet = {t: tables[t].filter(pl.col("projet") == convention["projet"]) for t in tables if t != "conventions"}
    conditions = sorted(
        du_projet["conditions_solde"].iter_rows(named=True), key=lambda x: [*CONDITIONS].index(x["condition"])
    )
    blocages = [
        f"{noms.get(m['finess_et'], m['finess_et'])} : {INDICATEURS[m['indicateur']].nom}, {_manque(m)}"
        for m in du_projet["indicateurs"]
        .filter(pl.col("opposable") & ~pl.col("verdict").is_in(A_LA_CIBLE))
        .sort("reste_a_faire", "finess_et", "indicateur", nulls_last=True)
        .iter_rows(named=True)
    ]
    return Solde(
        convention["projet"],
        euros(convention["solde"]),
        euros(convention["solde_payable"]),
        majuscule(etat_du_solde(convention, {x["condition"]: x["etat"] for x in conditions})),
        [
            (
                majuscule(CONDITIONS[x["condition"]]),
                majuscule(ETATS_CONDITION[x["etat"]]),
                _TONS[x["etat"]],
                x["detail"],
            )
            for x in conditions
        ],
        blocages[:BLOCAGES_CITES],
        len(blocages[BLOCAGES_CITES:]),
        _calendrier(convention),
        [
            f"{noms.get(a['finess_et'], a['finess_et'])} : {a['motif']}"
            for a in du_projet["verifications_aptitude"].filter(pl.col("etat") == "bloque").iter_rows(named=True)
        ],
    )


def _manque(mesure: Mapping[str, Any]) -> str:
    """What a measure lacks to be on target: units, or a proof."""
    if mesure["reste_a_faire"]:
        return f"il manque {accord(mesure['reste_a_faire'], *INDICATEURS[mesure['indicateur']].comptes)}"
    return VERDICTS[mesure["verdict"]]


def _calendrier(convention: Mapping[str, Any]) -> str:
    if convention["echeance_indicative"] is None:
        return ""
    return (
        f"Échéance indicative : {jour(convention['echeance_indicative'])} "
        f"({convention['delai_indicatif_mois']} mois après le début du projet ; c'est un repère, jamais un refus)."
    )
