"""One ESSMS explained from the published version (specification §3, `duimetre expliquer`)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from schemas.curated import INDICATEURS as ORDRE
from schemas.erreurs import Inconnu
from transforms.agregats import besoins
from transforms.dire.doutes import Doute, doutes
from transforms.dire.formats import (
    accord,
    cible,
    enumerer,
    insecables,
    jour,
    jour_en_lettres,
    majuscule,
    milliers,
    taux,
)
from transforms.dire.libelles import (
    ETAPES,
    INDICATEURS,
    STATUTS,
    VERDICTS,
    dire_etat_de_source,
    etat_de_source,
    nom_de_source,
)
from transforms.tables_publiees import TablesPubliees


@dataclass(frozen=True)
class Etape:
    """A step of the populations: how many are left, and how many the step lost (None when it cannot be known)."""

    nom: str
    nombre: int | None
    perdus: int | None


@dataclass(frozen=True)
class SourceRequise:
    """A table an indicator needs, and what is wrong with it (None when nothing is)."""

    table: str
    presente: bool
    derniere_extraction: date | None
    defaut: str | None


@dataclass(frozen=True)
class Indicateur:
    """A published figure, its sentence, its sources, and why it is « à confirmer » if it is.

    `taux_plancher` and `verdict` are None in a measure published before they were.
    """

    indicateur: str
    numerateur: int | None
    denominateur: int | None
    taux: float | None
    cible: float | None
    opposable: bool
    atteint: bool | None
    reste_a_faire: int | None
    statut: str
    taux_plancher: float | None
    verdict: str | None
    phrase: str
    sources: tuple[SourceRequise, ...]
    doutes: tuple[Doute, ...]


@dataclass(frozen=True)
class Explication:
    """Everything published about one ESSMS at one date."""

    finess_et: str
    raison_sociale: str | None
    sous_secteur: str | None
    porteur: str
    date_mesure: date
    debut_fenetre: date
    fin_fenetre: date
    regles: str
    version: str
    etapes: tuple[Etape, ...]
    file_active: int | None
    personnes_eligibles: int | None
    indicateurs: tuple[Indicateur, ...]
    alertes: tuple[str, ...]


def expliquer(version: Path, finess: str, date_mesure: date | None = None) -> Explication:
    """Explain one ESSMS at one measure date (default: its latest). Raises `Inconnu`."""
    finess = finess.strip().upper()
    publiees = TablesPubliees(version)
    for jour_mesure in [publiees.choisir(date_mesure)] if date_mesure else reversed(publiees.dates):
        lignes = _lire(publiees, "indicateurs", jour_mesure, finess)
        if lignes:
            return _assembler(publiees, finess, jour_mesure, lignes)
    a_cette_date = f" à la date du {jour(date_mesure)}" if date_mesure else ""
    raise Inconnu(
        f"L'ESSMS « {finess} » n'a pas de mesure publiée{a_cette_date}. "
        "Vérifiez le numéro FINESS (9 caractères) et sa présence dans projets.csv."
    )


def _lire(publiees: TablesPubliees, table: str, date_mesure: date, finess: str) -> list[dict[str, Any]]:
    return publiees.table(table, date_mesure).filter(pl.col("finess_et") == finess).to_dicts()


def _assembler(publiees: TablesPubliees, finess: str, date_mesure: date, lignes: list[dict[str, Any]]) -> Explication:
    (essms,) = _lire(publiees, "maturin_sms", date_mesure, finess)
    sources = {s["table"]: s for s in _lire(publiees, "sources", date_mesure, finess)}
    (populations,) = _lire(publiees, "populations", date_mesure, finess)
    necessaires = besoins()
    indicateurs = [
        _indicateur(ligne, [sources[t] for t in necessaires[ligne["indicateur"]]])
        for ligne in sorted(lignes, key=lambda ligne: ORDRE.index(ligne["indicateur"]))
    ]
    return Explication(
        finess_et=finess,
        raison_sociale=essms["raison_sociale"],
        sous_secteur=essms["sous_secteur"],
        porteur=essms["porteur"],
        date_mesure=date_mesure,
        debut_fenetre=essms["debut_fenetre"],
        fin_fenetre=essms["fin_fenetre"],
        regles=essms["regles"],
        version=essms["version"],
        etapes=tuple(_etapes(populations)),
        file_active=populations["file_active"],
        personnes_eligibles=populations["personnes_eligibles"],
        indicateurs=tuple(indicateurs),
        alertes=tuple(a["message"] for a in _lire(publiees, "alertes", date_mesure, finess)),
    )


# What a step of the populations is taken from.
_AVANT = {
    "dossiers_accompagnes": "dossiers_connus",
    "dossiers_actifs": "dossiers_accompagnes",
    "dossiers_projet": "dossiers_actifs",
    "dossiers_agenda": "dossiers_actifs",
}


def _etapes(populations: dict[str, Any]) -> Iterator[Etape]:
    for colonne, nom in ETAPES.items():
        reste = populations[colonne]
        avant = populations[_AVANT[colonne]] if colonne in _AVANT else None
        yield Etape(nom, reste, avant - reste if avant is not None and reste is not None else None)


def _source(source: dict[str, Any], fin_fenetre: date) -> SourceRequise:
    """A source, and what is wrong with it."""
    a_jour = etat_de_source(source, fin_fenetre) == "a_jour"
    defaut = None if a_jour else dire_etat_de_source(source, fin_fenetre)
    return SourceRequise(source["table"], source["presente"], source["derniere_extraction"], defaut)


def _indicateur(ligne: dict[str, Any], sources: list[dict[str, Any]]) -> Indicateur:
    publies = {nom: valeur for nom, valeur in ligne.items() if nom in Indicateur.__dataclass_fields__}
    requises = [_source(source, ligne["fin_fenetre"]) for source in sources]
    return Indicateur(
        **{"taux_plancher": None, "verdict": None} | publies,
        phrase=insecables(_phrase(ligne, requises)),
        sources=tuple(requises),
        doutes=tuple(doutes(ligne, sources)),
    )


def _phrase(ligne: dict[str, Any], sources: list[SourceRequise]) -> str:
    """The figure as a sentence: its numbers, its target, what is left, or why it is not known."""
    libelle = INDICATEURS[ligne["indicateur"]]
    if ligne["statut"] == "source_absente":
        absentes = [f"« {nom_de_source(s.table)} »" for s in sources if not s.presente]
        return f"{libelle.titre} : non calculé, il manque {enumerer(absentes)}."
    compte = accord(ligne["numerateur"], *libelle.comptes)
    if ligne["statut"] == "denominateur_nul":
        assert libelle.population is not None
        tout = libelle.population[0]
        aucun = "aucun" if tout.startswith("dossier") else "aucune"
        return f"{libelle.titre} : non calculé, {compte} mais {aucun} {tout} dans la fenêtre."
    if ligne["taux"] is None:
        return f"{libelle.titre} : {compte} dans la fenêtre (sans cible)."
    assert libelle.population is not None and libelle.reste is not None
    dit = (
        f"{libelle.titre} : {compte} pour {accord(ligne['denominateur'], *libelle.population)}, "
        f"soit {taux(ligne['taux'], ligne['cible'])}"
    )
    if ligne["cible"] is None:
        return dit + "."
    portee = "" if ligne["opposable"] else ", non opposable ici"
    dit += f" (cible {cible(ligne['cible'])}{portee}) : "
    if not ligne["atteint"]:
        dit += f"cible non atteinte, reste {accord(ligne['reste_a_faire'], *libelle.reste)}."
    elif ligne.get("verdict") == "a_confirmer":
        plancher = ligne["taux_plancher"]
        au_pire = "" if plancher is None else f" (au pire {taux(plancher, ligne['cible'])})"
        dit += f"cible atteinte, {VERDICTS['a_confirmer']}{au_pire}."
    else:
        dit += "cible atteinte."
    if ligne["statut"] == "source_partielle":
        dit += f" {majuscule(STATUTS[ligne['statut']])} : ce taux peut être flatté."
    return dit


def dire(explication: Explication) -> str:
    """The explanation as a screen of French text."""
    e = explication
    lignes = [
        f"{e.raison_sociale or 'ESSMS'} ({e.finess_et}{', ' + e.sous_secteur if e.sous_secteur else ''}), porteur {e.porteur}",
        f"Mesure du {jour_en_lettres(e.date_mesure)}, règles {e.regles} : fenêtre du {jour_en_lettres(e.debut_fenetre)} "
        f"au {jour_en_lettres(e.fin_fenetre)}, version {e.version}.",
        "",
        "Populations",
        *(_dire_etape(etape) for etape in e.etapes),
        f"  File active : {_personnes(e.file_active)} ; éligibles à un projet : {_personnes(e.personnes_eligibles)}.",
        "",
        "Indicateurs",
    ]
    for i in e.indicateurs:
        lignes.append(f"  {i.phrase}")
        lignes.append(f"    Sources : {' ; '.join(_dire_source(s) for s in i.sources)}.")
        lignes += [f"    À confirmer : {d.phrase}" for d in i.doutes]
    lignes += ["", "Alertes"]
    lignes += [f"  {a}" for a in e.alertes] or ["  Aucune."]
    return insecables("\n".join(lignes))


def _dire_etape(etape: Etape) -> str:
    perdus = f"  ({milliers(etape.perdus)} de moins)" if etape.perdus else ""
    return f"  {etape.nom:<50}{milliers(etape.nombre):>8}{perdus}"


def _personnes(combien: int | None) -> str:
    return "inconnue" if combien is None else accord(combien, "personne")


def _dire_source(source: SourceRequise) -> str:
    nom = nom_de_source(source.table)
    extraction = f"extraction du {jour(source.derniere_extraction)}" if source.derniere_extraction else ""
    return f"{nom} ({', '.join(x for x in (extraction, source.defaut) if x)})"


def en_json(explication: Explication) -> str:
    """The same for machines."""
    return json.dumps(asdict(explication), ensure_ascii=False, default=lambda d: d.isoformat(), indent=2)
