"""The page of a porteur after a night: what to do first, its ESSMS against their targets, its sources, its files (§1, §2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

from schemas.curated import A_LA_CIBLE, SOURCES
from schemas.depots import libelle
from transforms.agregats import besoins, compter_a_la_cible
from transforms.dire.doutes import causes
from transforms.dire.formats import VIDE, accord, cible, insecables, jour, jour_en_lettres, majuscule, milliers, taux
from transforms.dire.libelles import (
    AVEC_CIBLE,
    ETATS_SOURCE,
    FACULTATIVES,
    INDICATEURS,
    LIGNES_REJETEES,
    STATUTS,
    VERDICTS,
    etat_de_source,
    table_a_deposer,
)
from transforms.dire.texte_sur import dire_texte
from transforms.pages.environnement import remplir
from transforms.pages.porteur.delai import Delai
from transforms.pages.porteur.solde import soldes

ESSMS_MAX = 500
FICHIERS_MAX = 100
ACTIONS_MAX = 10
# A target missed by so few units is within reach this week.
PRES_DU_BUT = 10
CIBLES_CITEES = 5
REFUS_CITES = 3
STRUCTURES_CITEES = 5

# What a missing table deprives of: the indicator it feeds, or all of them.
_TABLE_D_UN_INDICATEUR = {"projets": "projet_personnalise", "agenda": "agenda", "mss": "mss", "dmp": "dmp"}
# The export that may hold what an indicator lacks.
_EXPORT = {indicateur: table for table, indicateur in _TABLE_D_UN_INDICATEUR.items()} | {
    "dossiers_actifs": "mises_a_jour"
}
# Their reference extraction is one of the days after the measure when there is one (§6.2): a later one comes too late.
_TABLES_D_ETAT = ("dossiers", "sejours", "projets")


@dataclass(frozen=True)
class FichierRecu:
    """A file received (one row of the page). `tables`: those it holds; `lignes_rejetees`: without those outside the project;
    `accuse`: file name of its acknowledgement; `document`: it is no export at all.
    """

    nom: str
    recu_le: datetime
    statut: str
    tables: tuple[str, ...]
    lignes_lues: int
    lignes_utilisees: int
    lignes_rejetees: int
    lignes_hors_projet: int
    accuse: str
    document: bool = False


@dataclass(frozen=True)
class Refus:
    """A refused table still to be corrected: nothing accepted has replaced it. `message`: why it is refused."""

    nom: str
    message: str
    accuse: str


@dataclass(frozen=True)
class Situation:
    """All that the page of one porteur is made of.

    `essms`, `indicateurs`, `sources`: rows of the published tables for that porteur and date; `projets`: those
    of `conventions`, `conditions_solde` and `verifications_aptitude`. `listes`: FINESS → file
    name of its work list. `fichiers`: the `FICHIERS_MAX` latest of `nb_fichiers`, latest first. `rejets`: those of the
    window with rejected rows. `ecartes`: FINESS set aside in the register. `en_attente`: all are.
    """

    porteur: str
    nom: str
    delai: Delai
    edite_le: datetime
    version: str
    essms: pl.DataFrame
    indicateurs: pl.DataFrame
    sources: pl.DataFrame
    projets: Mapping[str, pl.DataFrame]
    listes: Mapping[str, str]
    fichiers: Sequence[FichierRecu]
    nb_fichiers: int
    rejets: Sequence[FichierRecu]
    refus: Sequence[Refus]
    ecartes: frozenset[str]
    en_attente: bool


@dataclass(frozen=True)
class Action:
    """One thing to do: a title, why and how, and where to look."""

    titre: str
    texte: str
    lien: str | None = None
    libelle_lien: str = ""


@dataclass(frozen=True)
class Source:
    """The state of one input table for the measure; `etat`: one of `ETATS_SOURCE`."""

    table: str
    libelle: str
    etat: str
    derniere: str
    precision: str


def page_du_porteur(situation: Situation) -> str:
    """The page, under 1 MB."""
    noms = noms_des_structures(situation.essms)
    lignes = _lignes(situation, noms)
    a_la_cible, _ = compter_a_la_cible(situation.indicateurs)
    mesures = situation.indicateurs.filter(pl.col("taux").is_not_null())["finess_et"].n_unique()
    actifs = situation.indicateurs.filter(pl.col("indicateur") == "dossiers_actifs")
    fenetres = situation.indicateurs.select("debut_fenetre", "fin_fenetre", "regles").unique().sort(pl.all())
    return remplir(
        "porteur/index",
        s=situation,
        date_mesure=jour_en_lettres(situation.delai.date_mesure),
        echeance=insecables(situation.delai.dire()),
        fenetres=[f"du {jour(d)} au {jour(f)} (règles {r})" for d, f, r in fenetres.iter_rows()],
        actions=actions(situation, noms),
        cibles=[(INDICATEURS[i].titre, c) for i, c in _cibles(situation.indicateurs).items()],
        chiffres=[
            _chiffre(situation.essms.height, "Structure du projet", "Structures du projet"),
            _chiffre(mesures, "Structure mesurée", "Structures mesurées"),
            _chiffre(a_la_cible, "À la cible partout"),
            _chiffre(_somme(actifs["numerateur"]), *map(majuscule, INDICATEURS["dossiers_actifs"].comptes)),
            _chiffre(_somme(actifs["denominateur"]), "Personne accompagnée", "Personnes accompagnées"),
        ],
        lignes=lignes[:ESSMS_MAX],
        lignes_cachees=len(lignes) - len(lignes[:ESSMS_MAX]),
        soldes=soldes({**situation.projets, "indicateurs": situation.indicateurs}, noms),
        doutes=[
            (majuscule(doute.cause), majuscule(doute.remede), majuscule(_citer(essms, situation.essms.height, noms)))
            for doute, essms in causes(situation.indicateurs, situation.sources, besoins())
        ],
        sources=sources(situation, noms),
        fichiers=[(dire_texte(f.nom, 200), f) for f in situation.fichiers],
        fichiers_caches=situation.nb_fichiers - len(situation.fichiers),
    )


def _somme(valeurs: pl.Series) -> int | None:
    return int(valeurs.sum()) if valeurs.count() else None


def _chiffre(combien: int | None, singulier: str, pluriel: str = "") -> tuple[str, str]:
    """A count and its label, which agrees with it."""
    return (singulier if combien is not None and combien < 2 else pluriel or singulier), milliers(combien)


def noms_des_structures(essms: pl.DataFrame) -> dict[str, str]:
    """FINESS → name of each structure."""
    return {f: nom or f"Structure {f}" for f, nom in essms.select("finess_et", "raison_sociale").iter_rows()}


def _cibles(indicateurs: pl.DataFrame) -> dict[str, str]:
    """The target of each indicator, as said in the head of its column."""
    resultat = {}
    for nom in AVEC_CIBLE:
        valeurs = indicateurs.filter(pl.col("indicateur") == nom)["cible"].drop_nulls().unique().sort().to_list()
        resultat[nom] = "cible " + " ou ".join(map(cible, valeurs)) if valeurs else ""
    return resultat


# --- what to do first ------------------------------------------------------------------------------------------------


def actions(situation: Situation, noms: Mapping[str, str]) -> list[Action]:
    """The most useful things to do, in order: refused files, missing or old sources, rejected rows, targets within reach."""
    sources_ = _sources_a_deposer(situation, noms)
    resultat = [*_refus(situation), *sources_, *_rejets(situation), *_cibles_proches(situation, noms)]
    return resultat[:ACTIONS_MAX]


def _rejets(situation: Situation) -> list[Action]:
    rejets = situation.rejets
    if not rejets:
        return []
    pire = max(rejets, key=lambda f: f.lignes_rejetees)
    comptees = accord(pire.lignes_rejetees, "ligne n'est pas comptée", "lignes ne sont pas comptées")
    autres = f", et d'autres dans {accord(len(rejets) - 1, 'autre fichier', 'autres fichiers')}" if rejets[1:] else ""
    return [
        Action(
            f"Corriger {accord(pire.lignes_rejetees, *LIGNES_REJETEES)} de « {dire_texte(pire.nom, 120)} »",
            f"{comptees}{autres}. Déposez le fichier corrigé sous le même nom.",
            pire.accuse,
            "Voir ce qu'il faut corriger",
        )
    ]


def _refus(situation: Situation) -> list[Action]:
    resultat = []
    for refus in situation.refus[:REFUS_CITES]:
        resultat.append(
            Action(
                f"Corriger et redéposer « {dire_texte(refus.nom, 120)} »",
                f"Ce fichier est refusé : rien n'en est utilisé. {refus.message}",
                refus.accuse,
                "Voir ce qui ne va pas",
            )
        )
    if caches := len(situation.refus) - len(resultat):
        titre = f"Corriger {accord(caches, 'autre fichier refusé', 'autres fichiers refusés')}"
        resultat.append(Action(titre, "Ils sont dans la liste « Vos fichiers » de cette page."))
    return resultat


def _sources_a_deposer(situation: Situation, noms: Mapping[str, str]) -> list[Action]:
    """Tables that are missing or too old for opposable rates, those that block most structures first."""
    opposables = situation.indicateurs.filter(pl.col("opposable")).select("finess_et", "indicateur")
    fin = situation.indicateurs.select("finess_et", "fin_fenetre").unique()
    attendues = situation.sources.filter(~pl.col("table").is_in(FACULTATIVES)).join(fin, on="finess_et")
    trouvees: list[tuple[int, Action]] = []
    for (table,), lignes in attendues.group_by("table", maintain_order=True):
        indicateur = _TABLE_D_UN_INDICATEUR.get(str(table))
        concernees = opposables.filter(pl.col("indicateur") == indicateur) if indicateur else opposables
        utiles = lignes.join(concernees.select("finess_et").unique(), on="finess_et", how="semi")
        effet = f"pas de taux « {INDICATEURS[indicateur].nom} »" if indicateur else "aucun taux complet"
        absentes = utiles.filter(~pl.col("presente"))
        vieilles = utiles.filter(pl.col("presente") & (pl.col("derniere_extraction") <= pl.col("fin_fenetre")))
        nom = table_a_deposer(str(table))
        if absentes.height:
            texte = (
                f"La table manque {_citer(absentes['finess_et'], utiles.height, noms)} : {effet}. "
                f"Nommez le fichier {nom}_AAAA-MM-JJ, avec la date de l'extraction."
            )
            trouvees.append((2 * absentes.height, Action(f"Déposer « {nom} » ({libelle(nom)})", texte)))
        elif vieilles.height:
            des_le = vieilles["fin_fenetre"].max()
            pour_qui = _citer(vieilles["finess_et"], utiles.height, noms)
            assert isinstance(des_le, date)
            a_temps = situation.delai.exports_ouverts or table not in _TABLES_D_ETAT
            texte = f"L'extraction est trop ancienne {pour_qui} : elle ne couvre pas toute la période. " + (
                f"Refaites-la à partir du {jour(des_le + timedelta(days=1))}."
                if a_temps
                else f"Nouvelle extraction : {situation.delai.trop_tard}."
            )
            trouvees.append((vieilles.height, Action(f"Actualiser « {nom} » ({libelle(nom)})", texte)))
    return [action for _, action in sorted(trouvees, key=lambda t: -t[0])]


def _cibles_proches(situation: Situation, noms: Mapping[str, str]) -> list[Action]:
    """The targets nearly reached; once the window is over, what may still be exported, or what to prepare."""
    delai = situation.delai
    proches = situation.indicateurs.filter(
        pl.col("opposable") & (pl.col("reste_a_faire") > 0) & (pl.col("reste_a_faire") <= PRES_DU_BUT)
    ).sort("reste_a_faire", pl.col("taux"), "finess_et", "indicateur", descending=[False, True, False, False])
    resultat = []
    for ligne in proches.head(CIBLES_CITEES).iter_rows(named=True):
        indicateur, reste = INDICATEURS[ligne["indicateur"]], ligne["reste_a_faire"]
        assert indicateur.reste is not None
        liste = situation.listes.get(ligne["finess_et"]) if ligne["indicateur"] not in ("mss", "dmp") else None
        if delai.fenetre_ouverte:
            titre, conseil = accord(reste, *indicateur.reste), f"Il n'en manque que {milliers(reste)} pour l'atteindre."
        else:
            titre = f"il manque {accord(reste, *indicateur.comptes)}"
            conseil = (
                f"Si c'est dans votre logiciel du {jour(ligne['debut_fenetre'])} au {jour(ligne['fin_fenetre'])}, "
                f"redéposez l'export « {_EXPORT[ligne['indicateur']]} » d'ici au {jour(delai.limite)}."
                if delai.exports_ouverts
                else f"Saisi maintenant : {delai.trop_tard}."
            )
        resultat.append(
            Action(
                f"{noms[ligne['finess_et']]} : {titre}",
                f"{indicateur.titre} : {taux(ligne['taux'], ligne['cible'])} pour une cible de {cible(ligne['cible'])}. "
                f"{conseil}",
                liste,
                "Ouvrir la liste des dossiers",
            )
        )
    return resultat


# --- structures ------------------------------------------------------------------------------------------------------


def _lignes(situation: Situation, noms: Mapping[str, str]) -> list[dict[str, Any]]:
    """One row per ESSMS, those with most targets missed first."""
    mesures: dict[str, dict[str, dict[str, Any]]] = {}
    for m in situation.indicateurs.iter_rows(named=True):
        mesures.setdefault(m["finess_et"], {})[m["indicateur"]] = m
    manquantes: dict[str, list[str]] = {}
    absentes = situation.sources.filter(~pl.col("presente") & ~pl.col("table").is_in(FACULTATIVES))
    for finess, table in absentes.select("finess_et", "table").iter_rows():
        manquantes.setdefault(finess, []).append(table_a_deposer(table))
    lignes = []
    for finess, nom in noms.items():
        du_finess = mesures.get(finess, {})
        opposables = [m for m in du_finess.values() if m["opposable"]]
        manques = sum(m["verdict"] not in A_LA_CIBLE for m in opposables)
        lignes.append(
            {
                "finess": finess,
                "nom": nom,
                "cellules": [(INDICATEURS[i].titre, *_cellule(du_finess.get(i))) for i in AVEC_CIBLE],
                "manquantes": ", ".join(manquantes.get(finess, [])),
                "complet": bool(opposables) and manques == 0,
                "manques": manques,
                "liste": situation.listes.get(finess),
            }
        )
    return sorted(lignes, key=lambda ligne: (-ligne["manques"], ligne["nom"], ligne["finess"]))


def _cellule(mesure: dict[str, Any] | None) -> tuple[str, str, str]:
    """The rate, its class of colour, and what there is to know of it."""
    if mesure is None:
        return VIDE, "", "non mesuré"
    if mesure["taux"] is None:
        return VIDE, "", STATUTS[mesure["statut"]]
    precisions = [f"{milliers(mesure['numerateur'])} sur {milliers(mesure['denominateur'])}"]
    if not mesure["atteint"]:
        precisions.append(f"reste {milliers(mesure['reste_a_faire'])}")
    if mesure["statut"] == "source_partielle" and mesure["verdict"] != "a_confirmer":
        precisions.append(STATUTS["source_partielle"])
    if mesure["verdict"] not in ("non_atteint", None):
        precisions.append(VERDICTS[mesure["verdict"]])
    ton = {"atteint": "oui", "non_atteint": "non"}.get(mesure["verdict"], "")
    return taux(mesure["taux"], mesure["cible"]), ton, ", ".join(precisions)


# --- sources ---------------------------------------------------------------------------------------------------------


def sources(situation: Situation, noms: Mapping[str, str]) -> list[Source]:
    """The state of each table for the measure, over the structures of the porteur: that of the worst of them."""
    fins = dict(situation.indicateurs.select("finess_et", "fin_fenetre").iter_rows())
    par_table: dict[str, list[dict[str, Any]]] = {}
    for source in situation.sources.iter_rows(named=True):
        if source["finess_et"] in fins:
            par_table.setdefault(source["table"], []).append(source)
    resultat = []
    for table in (t for t in SOURCES if t in par_table):
        etats = {s["finess_et"]: etat_de_source(s, fins[s["finess_et"]]) for s in par_table[table]}
        pire = min(etats.values(), key=list(ETATS_SOURCE).index)
        concernees = [] if pire in ("a_jour", "facultative") else [f for f, etat in etats.items() if etat == pire]
        derniere = max((d for s in par_table[table] if (d := s["derniere_extraction"])), default=None)
        precision = _citer(concernees, len(etats), noms) if concernees else ""
        nom = table_a_deposer(table)
        resultat.append(Source(nom, libelle(nom), pire, jour(derniere), precision))
    return resultat


def _citer(concernees: Iterable[str], combien: int, noms: Mapping[str, str]) -> str:
    """« pour A, B et 3 autres », out of `combien` structures."""
    triees = sorted(concernees)
    if len(triees) == combien:
        return "pour toutes les structures" if combien > 1 else "pour votre structure"
    cites = triees[:STRUCTURES_CITEES]
    reste = len(triees) - len(cites)
    return f"pour {', '.join(noms[f] for f in cites)}" + (f" et {accord(reste, 'autre')}" if reste else "")
