"""What the attestation of a project says: the published rows, in words. Nothing is computed here but counts and sorting."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from schemas.curated import SOURCES, VERDICTS
from transforms.agregats import besoins
from transforms.dire import libelles
from transforms.dire.doutes import causes
from transforms.dire.formats import (
    INSECABLE,
    VIDE,
    accord,
    cible,
    enumerer,
    euros,
    insecables,
    jour,
    majuscule,
    milliers,
    taux,
)

Ligne = Mapping[str, Any]

INCONNU = "non connu"
_PAYABLES = ("remplie", "sans_objet")
_DOUTES_DITS = 4


@dataclass(frozen=True)
class Attestee:
    """What the page is about: all of it stands in the bundle of the project.

    `description`: its `preuve.json`. `tables`: its published rows (`transforms.preuve.Objet.publiees`). `preuve_sha256` and
    `manifeste_sha256`: SHA-256 of the bundle, and of the manifest of the version that it cites.
    """

    description: Mapping[str, Any]
    tables: Mapping[str, pl.DataFrame]
    preuve_sha256: str
    manifeste_sha256: str


def contenu(attestee: Attestee, essms_max: int) -> dict[str, Any]:
    """What the template shows; `essms_max`: how many ESSMS it lists, those that block first."""
    tables, description = attestee.tables, attestee.description
    convention = tables["conventions"].row(0, named=True)
    essms = _essms(tables)
    montres = essms[:essms_max]
    regles = enumerer(sorted(tables["indicateurs"]["regles"].unique()))
    return {
        "projet": description["projet"],
        "porteurs": enumerer([f"{nom} ({porteur})" for porteur, nom in description["porteurs"].items()]),
        "nb_essms": len(essms),
        "date_mesure": date.fromisoformat(description["date_mesure"]),
        "version": description["version"],
        "fenetres": insecables(_fenetres(tables["indicateurs"])),
        "conclusion": insecables(_conclusion(convention)),
        "raisons": insecables(_raisons(convention, tables["conditions_solde"])),
        "conditions": [_condition(c) for c in _dans_l_ordre(tables["conditions_solde"])],
        "textes": [insecables(t) for t in _textes(tables["conditions_solde"])],
        "faits": _faits(convention),
        "verdicts": [majuscule(libelles.VERDICTS[v]) for v in VERDICTS],
        "indicateurs_comptes": _comptes(tables["indicateurs"]),
        "titre_essms": f"ESSMS, ceux qui bloquent d’abord ({len(montres)} sur {len(essms)})",
        "essms": montres,
        "reste": insecables(_reste(essms[essms_max:])),
        "doutes": insecables(_doutes(tables)),
        "sources": _sources(tables, description["depots"]),
        "preuve_sha256": attestee.preuve_sha256,
        "manifeste_sha256": attestee.manifeste_sha256,
        "calcul": insecables(f"version {description['version_qui_a_calcule']} ; règles {regles}"),
        "verification": insecables(_VERIFICATION),
    }


_VERIFICATION = (
    "Cette page dit ce que prouvent les fichiers reçus à cette publication ; elle ne vaut pas décision de payer. L'agence dit "
    "si elle est intacte et si la publication a changé depuis : duimetre attestation --verifier LE_FICHIER.pdf. La preuve, "
    "écrite avec elle, contient tous les ESSMS, les dépôts, les règles et le calcul ; chacun "
    "refait l'un et l'autre sans l'agence en ajoutant --preuve LE_FICHIER.preuve.zip."
)


def _fenetres(indicateurs: pl.DataFrame) -> str:
    par_fenetre = (
        indicateurs.group_by("debut_fenetre", "fin_fenetre")
        .agg(pl.col("finess_et").n_unique())
        .sort("debut_fenetre", "fin_fenetre")
    )
    dites = [f"du {jour(debut)} au {jour(fin)}" for debut, fin, _ in par_fenetre.iter_rows()]
    if len(dites) == 1:
        return f"Fenêtre {dites[0]}."
    comptes = [accord(nb, "ESSMS", "ESSMS") for nb in par_fenetre["finess_et"]]
    return f"Fenêtres {enumerer([f'{dite} ({compte})' for dite, compte in zip(dites, comptes, strict=True)])}."


def _conclusion(convention: Ligne) -> str:
    if convention["solde_exigible"]:
        return f"Solde exigible : {euros(convention['solde_payable'])}."
    return "Le solde n’est pas exigible à cette mesure."


def _raisons(convention: Ligne, conditions: pl.DataFrame) -> str:
    manquent = [
        f"{libelles.CONDITIONS[c['condition']]} : {libelles.ETATS_CONDITION[c['etat']]}"
        for c in _dans_l_ordre(conditions)
        if c["etat"] not in _PAYABLES or (c["condition"] == "cibles_usage" and c["etat"] != "remplie")
    ]
    if convention["solde_payable"] == 0:
        manquent.append("rien à payer, les dépenses justifiées ne dépassent pas l'avance")
    if manquent:
        return f"{majuscule(' ; '.join(manquent))}."
    if convention["solde_exigible"]:
        return "Les conditions sont remplies d'après les fichiers reçus et le registre de l'agence."
    return "Les conditions sont remplies, mais le montant n'est pas connu."


def _dans_l_ordre(conditions: pl.DataFrame) -> list[dict[str, Any]]:
    ordre = [*libelles.CONDITIONS]
    return sorted(conditions.iter_rows(named=True), key=lambda c: ordre.index(c["condition"]))


def _condition(c: Ligne) -> dict[str, str]:
    return {
        "nom": majuscule(libelles.CONDITIONS[c["condition"]]),
        "etat": libelles.ETATS_CONDITION[c["etat"]],
        "detail": insecables(c["detail"]),
    }


def _textes(conditions: pl.DataFrame) -> list[str]:
    """Where the conditions come from, those of one text together."""
    par_texte: dict[str, list[str]] = {}
    for c in _dans_l_ordre(conditions):
        par_texte.setdefault(c["source"], []).append(libelles.CONDITIONS[c["condition"]])
    return [f"{majuscule(enumerer(noms))} : {texte}." for texte, noms in par_texte.items()]


def _faits(c: Ligne) -> list[list[tuple[str, str]]]:
    """Amounts and dates, three to a line."""

    def dire(valeur: Any, comment: Callable[[Any], str]) -> str:
        return INCONNU if valeur is None else comment(valeur)

    delai, echeance = c["delai_indicatif_mois"], c["echeance_indicative"]
    atteintes = c["date_cibles_atteintes"]
    faits = [
        ("Montant accordé", dire(c["montant_accorde"], euros)),
        ("Montant des forfaits", dire(c["montant_theorique"], euros)),
        ("Avance", dire(c["avance"], euros)),
        ("Solde", dire(c["solde"], euros)),
        ("Dépenses justifiées", dire(c["depenses_justifiees"], euros)),
        ("Solde payable", dire(c["solde_payable"], euros)),
        ("Convention", dire(c["date_convention"], jour)),
        ("Début du projet", dire(c["date_debut_projet"], jour)),
        ("Service régulier vérifié", dire(c["date_vsr"], jour)),
        ("Échéance indicative", "sans" if delai is None else f"{dire(echeance, jour)} ({delai}{INSECABLE}mois)"),
        ("Mois écoulés", dire(c["mois_ecoules"], milliers)),
        ("Cibles atteintes depuis", "pas encore" if atteintes is None else jour(atteintes)),
    ]
    return [faits[rang : rang + 3] for rang in range(0, len(faits), 3)]


def _comptes(indicateurs: pl.DataFrame) -> list[dict[str, Any]]:
    comptes = Counter(indicateurs.select("indicateur", "verdict").iter_rows())
    return [
        {
            "titre": libelles.INDICATEURS[nom].titre,
            "cible": cible_commune(indicateurs.filter(indicateur=nom)["cible"].unique().to_list()),
            "comptes": [milliers(comptes[nom, v]) for v in VERDICTS],
        }
        for nom in libelles.AVEC_CIBLE
    ]


def cible_commune(cibles: Sequence[float | None]) -> str:
    """The target of the ESSMS, or « selon les règles » where they do not share it."""
    return cible(cibles[0]) if len(cibles) == 1 else "selon les règles"


def _essms(tables: Mapping[str, pl.DataFrame]) -> list[dict[str, Any]]:
    """The ESSMS, those that block first, then those to confirm."""
    par_essms: dict[str, dict[str, Ligne]] = {}
    for i in tables["indicateurs"].iter_rows(named=True):
        par_essms.setdefault(i["finess_et"], {})[i["indicateur"]] = i
    lignes = []
    for m in tables["maturin_sms"].iter_rows(named=True):
        rang = 2 if m["cibles_atteintes"] else 1 if m["cibles_a_confirmer"] else 0
        siens = par_essms[m["finess_et"]]
        lignes.append(
            {
                "rang": rang,
                "finess": m["finess_et"],
                "nom": _abreger(m["raison_sociale"] or ""),
                "cases": [_case(siens[nom]) for nom in libelles.AVEC_CIBLE],
            }
        )
    return sorted(lignes, key=lambda e: (e["rang"], e["finess"]))


_NOM_MAX = 40


def _abreger(nom: str) -> str:
    return nom if len(nom) <= _NOM_MAX else f"{nom[: _NOM_MAX - 1].rstrip()}…"


def _case(i: Ligne) -> dict[str, str]:
    chiffre = VIDE
    if i["numerateur"] is not None and i["denominateur"] is not None:
        chiffre = f"{milliers(i['numerateur'])}/{milliers(i['denominateur'])}"
        chiffre += f" = {taux(i['taux'], i['cible'])}" if i["taux"] is not None else ""
    precision = ""
    if i["verdict"] == "non_atteint" and i["reste_a_faire"]:
        precision = f", manque {milliers(i['reste_a_faire'])}"
    if i["verdict"] == "a_confirmer" and i["taux_plancher"] is not None:
        precision = f", ≥{INSECABLE}{taux(i['taux_plancher'], i['cible'])}"
    return {
        "chiffre": insecables(chiffre),
        "verdict": libelles.VERDICTS[i["verdict"]],
        "precision": insecables(precision),
    }


def _reste(tus: Sequence[Ligne]) -> str:
    if not tus:
        return "Tous les ESSMS du projet sont sur cette page."
    rangs = Counter(e["rang"] for e in tus)
    parts = [
        f"{milliers(rangs[rang])} {texte}"
        for rang, texte in enumerate(("qui bloquent", libelles.VERDICTS["a_confirmer"], "à la cible"))
        if rangs[rang]
    ]
    autres = accord(len(tus), "autre ESSMS n’est pas sur cette page", "autres ESSMS ne sont pas sur cette page")
    return f"{autres} ({enumerer(parts)}) : la preuve les contient tous."


def _doutes(tables: Mapping[str, pl.DataFrame]) -> str:
    """What leaves rates to confirm, by cause, those of most ESSMS first; empty without any."""
    concernes: dict[str, set[str]] = {}
    for doute, essms in causes(tables["indicateurs"], tables["sources"], besoins()):
        concernes.setdefault(doute.cause, set()).update(essms)
    if not concernes:
        return ""
    par_nombre = sorted(concernes, key=lambda cause: (-len(concernes[cause]), cause))
    dits = [f"{cause} ({accord(len(concernes[cause]), 'ESSMS', 'ESSMS')})" for cause in par_nombre[:_DOUTES_DITS]]
    if len(par_nombre) > _DOUTES_DITS:
        dits.append(accord(len(par_nombre) - _DOUTES_DITS, "autre cause", "autres causes"))
    return f"À confirmer : {' ; '.join(dits)}."


def _sources(tables: Mapping[str, pl.DataFrame], depots: Sequence[Ligne]) -> list[dict[str, str]]:
    fins = dict(tables["indicateurs"].select("finess_et", "fin_fenetre").iter_rows())
    etats: dict[str, Counter[str]] = {s: Counter() for s in SOURCES if s not in libelles.FACULTATIVES}
    for s in tables["sources"].iter_rows(named=True):
        if s["table"] in etats:
            etats[s["table"]][libelles.etat_de_source(s, fins[s["finess_et"]])] += 1
    return [
        {
            "nom": majuscule(libelles.nom_de_source(source)),
            "etats": insecables(_dire_etats(compte)),
            **_lus([d for d in depots if d["table"] == libelles.table_a_deposer(source)]),
        }
        for source, compte in etats.items()
    ]


def _dire_etats(compte: Counter[str]) -> str:
    return " ; ".join(
        f"{texte} pour {accord(compte[etat], 'ESSMS', 'ESSMS')}"
        for etat, texte in libelles.ETATS_SOURCE.items()
        if compte[etat]
    )


def _lus(depots: Sequence[Ligne]) -> dict[str, str]:
    if not depots:
        return {"depots": "0", "extraits": VIDE}
    dates = sorted(date.fromisoformat(d["date_extraction"]) for d in depots)
    memes = dates[0] == dates[-1]
    return {
        "depots": milliers(len(depots)),
        "extraits": f"le {jour(dates[0])}" if memes else f"du {jour(dates[0])} au {jour(dates[-1])}",
    }
