"""Why a rate is « à confirmer », and what settles it (specification §6.5, Verdict)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import polars as pl

from transforms.dire.formats import accord, insecables, jour, majuscule
from transforms.dire.libelles import INDICATEURS, LIGNES_REJETEES, table_a_deposer

# §6.2 "the population of a measure settles 45 days after D".
_JOURS_APRES_LA_MESURE = 45
# Among the dossiers actifs: the updates and their own source can flatter them too.
_PARMI_LES_ACTIFS = ("projet_personnalise", "agenda")
_POPULATION = ("dossiers", "sejours")
_A_EXTRACTION_DE_REFERENCE = (*_POPULATION, "projets")


@dataclass(frozen=True)
class Doute:
    """`cause`: what leaves the rate in doubt. `remede`: what settles it, an order to whom it may concern."""

    cause: str
    remede: str

    @property
    def phrase(self) -> str:
        """Both, in one sentence or two."""
        return f"{majuscule(self.cause)}. {majuscule(self.remede)}."


def doutes(mesure: Mapping[str, Any], sources: Iterable[Mapping[str, Any]]) -> list[Doute]:
    """All that keeps a rate « à confirmer »; none for any other verdict.

    `mesure`: a row of `indicateurs`. `sources`: the rows of `sources` of that ESSMS and date, for the tables that the indicator
    needs (`transforms.agregats.besoins`), in the order they are to be told.
    """
    if mesure.get("verdict") != "a_confirmer":
        return []
    if mesure["statut"] == "source_absente" or mesure["atteint"] is False:
        # Only an unknown exemption makes a target that is missed or not shown « à confirmer ».
        dits = [
            Doute(
                "un sous-secteur inconnu pourrait lever cette cible (protection juridique des majeurs)",
                "l'agence indique « sous_secteur » dans projets.csv, ou met à jour le fichier FINESS",
            )
        ]
    else:
        lues = list(sources)
        dits = [
            *_sans_personne(mesure),
            *_en_double(mesure, lues),
            *(d for s in lues for d in _de_la_source(s, mesure)),
        ]
    return [Doute(insecables(d.cause), insecables(d.remede)) for d in dits]


def causes(
    indicateurs: pl.DataFrame, sources: pl.DataFrame, necessaires: Mapping[str, Sequence[str]]
) -> list[tuple[Doute, set[str]]]:
    """What leaves rates « à confirmer », each with the FINESS that it concerns, those of most ESSMS first.

    `indicateurs`, `sources`: rows of these tables at one date. `necessaires`: see `transforms.agregats.besoins`.
    """
    des_sources = {(s["finess_et"], s["table"]): s for s in sources.iter_rows(named=True)}
    concernes: dict[Doute, set[str]] = {}
    for mesure in indicateurs.filter(verdict="a_confirmer").iter_rows(named=True):
        cles = ((mesure["finess_et"], table) for table in necessaires[mesure["indicateur"]])
        lues = [des_sources[cle] for cle in cles if cle in des_sources]
        for doute in doutes(mesure, lues):
            concernes.setdefault(doute, set()).add(mesure["finess_et"])
    return sorted(concernes.items(), key=lambda c: (-len(c[1]), c[0].cause, c[0].remede))


def _sans_personne(mesure: Mapping[str, Any]) -> Iterator[Doute]:
    population = INDICATEURS[mesure["indicateur"]].population
    if mesure["statut"] == "denominateur_nul" and population and mesure["indicateur"] not in _PARMI_LES_ACTIFS:
        yield Doute(
            f"aucune {population[0]} dans la fenêtre",
            "vérifiez les séjours déposés ; si la structure n'accompagnait personne, l'agence le constate",
        )


def _en_double(mesure: Mapping[str, Any], sources: Iterable[Mapping[str, Any]]) -> Iterator[Doute]:
    """Of dossiers_actifs, whose lowest rate counts each person once: as many dossiers as it leaves out."""
    plancher = mesure.get("taux_plancher")
    if mesure["indicateur"] != "dossiers_actifs" or plancher is None:
        return
    manquants = sum(s["lignes_rejetees"] + s["sejours_inconnus"] for s in sources if s["table"] in _POPULATION)
    en_double = mesure["numerateur"] - round(plancher * (mesure["denominateur"] + manquants) / 100)
    if en_double:
        sont = accord(en_double, "dossier actif est en double", "dossiers actifs sont en double")
        yield Doute(
            f"{sont} : une personne qui a plusieurs dossiers ne compte qu'une fois",
            "fusionnez les dossiers d'une même personne, puis déposez une nouvelle extraction de « dossiers »",
        )


def _de_la_source(source: Mapping[str, Any], mesure: Mapping[str, Any]) -> Iterator[Doute]:
    """Reasons 3(a) to 3(e), where they can flatter the rate; a source published before some of them were has none of those."""
    table, fin = source["table"], mesure["fin_fenetre"]
    nom = table_a_deposer(table)
    extraction = _extraction_attendue(table, fin)
    derniere = source["derniere_extraction"]
    flatte = table in _POPULATION or mesure["indicateur"] in _PARMI_LES_ACTIFS
    if derniere is not None and derniere <= fin and flatte:
        cause = f"« {nom} » : l'extraction du {jour(derniere)} ne couvre pas toute la fenêtre, qui finit le {jour(fin)}"
        yield Doute(cause, f"déposez {extraction}")
    if source["sans_reference"]:
        yield Doute(f"« {nom} » : des dépôts partiels seulement", f"déposez {extraction}")
    if source.get("tardive"):
        cause = f"« {nom} » : la première extraction complète, du {jour(derniere)}, vient plus de {_JOURS_APRES_LA_MESURE} jours"
        yield Doute(f"{cause} après la date de mesure", f"déposez {extraction}")
    if (rejetees := source["lignes_rejetees"]) and flatte:
        dites = accord(rejetees, *LIGNES_REJETEES)
        yield Doute(f"« {nom} » : {dites}", "déposez le fichier corrigé sous le même nom")
    if inconnus := source.get("sejours_inconnus"):
        cause = (
            f"des séjours de la fenêtre sont de {accord(inconnus, 'dossier absent', 'dossiers absents')} de « {nom} »"
        )
        yield Doute(cause, f"ajoutez {'ce dossier' if inconnus == 1 else 'ces dossiers'} à l'export de « {nom} »")
    if source.get("refusee"):
        yield Doute(
            f"« {nom} » : un fichier refusé attend d'être corrigé", "déposez le fichier corrigé sous le même nom"
        )


def _extraction_attendue(table: str, fin_fenetre: date) -> str:
    """The extraction that covers the window, as it is asked for."""
    nom, premier_jour = table_a_deposer(table), fin_fenetre + timedelta(days=1)
    if table not in _A_EXTRACTION_DE_REFERENCE:
        return f"une extraction de « {nom} » faite le {jour(premier_jour)} ou après"
    dernier = premier_jour + timedelta(days=_JOURS_APRES_LA_MESURE)
    return f"une extraction complète de « {nom} » faite entre le {jour(premier_jour)} et le {jour(dernier)}"
