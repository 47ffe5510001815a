"""The work list of one ESSMS: its dossiers that would move a rate, and why they do not count (`a_completer_<finess>.csv`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl

from schemas.depots import champs_de
from transforms import types
from transforms.dire.formats import accord, cible, insecables, jour, milliers, taux
from transforms.dire.libelles import INDICATEURS
from transforms.dire.texte_sur import csv_excel, lisible
from transforms.lecture.entetes import apparier
from transforms.lecture.modele import Feuille
from transforms.pages.porteur.delai import Delai
from transforms.pseudonymes import pseudonymiser
from transforms.texte import propres

_RAISONS = {
    "jamais_mis_a_jour": "Aucune mise à jour connue du {debut} au {fin}.",
    "mis_a_jour_avant": "Dernière mise à jour connue le {jour} : aucune du {debut} au {fin}.",
    "mis_a_jour_apres": "Aucune mise à jour du {debut} au {fin} ; mis à jour le {jour}, après la période.",
    "aucun_projet": "Dossier actif, sans aucun projet personnalisé.",
    "projet_a_venir": "Dossier actif ; son projet ne commence que le {jour}, après le {fin}.",
    "projet_termine_sans_date": "Dossier actif ; son projet est terminé sans date de fin.",
    "projet_termine": "Dossier actif ; son dernier projet est terminé depuis le {jour}.",
    "projet_suspendu": "Dossier actif ; son projet est suspendu.",
    "projet_annule": "Dossier actif ; son projet est annulé.",
    "aucun_evenement": "Dossier actif, sans aucun événement d'agenda connu.",
    "evenement_hors_fenetre": "Dossier actif, sans événement d'agenda du {debut} au {fin} (le plus récent : {jour}).",
    "evenements_annules": "Dossier actif ; tous ses événements d'agenda du {debut} au {fin} sont annulés.",
}
# While the window lasts.
_A_FAIRE = {
    "dossiers_actifs": "Mettez le dossier à jour dans le logiciel jusqu'au {fin} ; si la personne n'est plus accompagnée, "
    "renseignez la date de sortie du séjour.",
    "projet_personnalise": "Ouvrez ou actualisez le projet personnalisé : statut, date de début et, s'il est terminé, "
    "date de fin.",
    "agenda": "Enregistrez dans l'agenda du logiciel les rendez-vous et activités de la personne, passés et prévus.",
}
# Once it is over, while exports still count: what is in the software already.
_A_REDEPOSER = {
    "dossiers_actifs": "Si une mise à jour du {debut} au {fin} est dans votre logiciel, redéposez l'export "
    "« mises_a_jour » d'ici au {limite}. Si la personne était partie avant le {debut}, renseignez sa date de sortie et "
    "redéposez « sejours ». Sinon, mise à jour faite maintenant : {trop_tard}.",
    "projet_personnalise": "Si un projet en préparation, ou en vigueur du {debut} au {fin}, est dans votre logiciel, "
    "redéposez l'export « projets » d'ici au {limite}, avec son statut et ses dates. Projet commencé depuis : {trop_tard}.",
    "agenda": "Si un rendez-vous ou une activité du {debut} au {fin} est dans votre logiciel, redéposez l'export « agenda » "
    "d'ici au {limite}. Rendez-vous d'aujourd'hui ou à venir : {trop_tard}.",
}
# And when they do not any more.
_TROP_TARD = {
    "dossiers_actifs": "Mise à jour faite maintenant : {trop_tard}.",
    "projet_personnalise": "Projet ouvert ou actualisé maintenant : {trop_tard}.",
    "agenda": "Rendez-vous d'aujourd'hui ou à venir : {trop_tard}.",
}
SANS_FICHIER = "(fichier retiré du dossier de dépôt)"

# Pseudonym of a dossier → as its porteur writes it.
IDENTIFIANTS = {"id_dossier": pl.String, "brut": pl.String}


def identifiants(feuille: Feuille, table: str, cherches: pl.Series, cle: bytes) -> Iterator[pl.DataFrame]:
    """Find the dossiers `cherches` (pseudonyms) in a deposit that the porteur has left (columns `IDENTIFIANTS`), lot by lot."""
    position = apparier(feuille.entetes, champs_de(table)).positions.get("id_dossier")
    if position is None:
        return
    for lot in feuille.lots:
        bruts = lot.select(types.identifiant(propres(pl.col(f"c{position}"))).alias("brut")).drop_nulls().unique()
        pseudonymes = pseudonymiser(bruts["brut"], "id_dossier", cle).alias("id_dossier")
        yield bruts.with_columns(pseudonymes).filter(pseudonymes.is_in(cherches.implode())).select(list(IDENTIFIANTS))


def liste_en_csv(lignes: pl.DataFrame, mesures: pl.DataFrame, structure: str, delai: Delai) -> bytes:
    """The list of one ESSMS for Excel: one row per dossier and indicator, those whose identifier is gone counted by reason.

    `lignes`: `indicateur`, `motif`, `jour` (of the relation `a_completer`) and `brut`, the porteur's identifier or null.
    `mesures`: the rows of `indicateurs` of that ESSMS, whose name is `structure`.
    """
    par_indicateur = {m["indicateur"]: m for m in mesures.iter_rows(named=True)}
    ordre = {nom: rang for rang, nom in enumerate(INDICATEURS)}
    groupes = (
        lignes.with_columns(
            fois=pl.when(pl.col("brut").is_null()).then(pl.len().over("indicateur", "motif", "jour", "brut"))
        )
        .unique(["indicateur", "motif", "jour", "brut"])
        .with_columns(rang=pl.col("indicateur").replace_strict(ordre, return_dtype=pl.Int64))
        .sort("rang", "motif", "jour", "brut", nulls_last=True)
    )
    entete = structure, jour(delai.date_mesure)
    dites = [(*entete, *_ligne(g, par_indicateur[g["indicateur"]], delai)) for g in groupes.iter_rows(named=True)]
    colonnes = ("structure", "mesure du", "dossier", "indicateur", "raison", "que faire", "effet sur le taux")
    return csv_excel(
        pl.DataFrame(dites, schema=dict.fromkeys(colonnes, pl.String), orient="row").with_columns(
            lisible(pl.col("dossier"))
        )
    )


def _ligne(groupe: dict[str, Any], mesure: dict[str, Any], delai: Delai) -> tuple[str, ...]:
    dates = {
        "debut": jour(mesure["debut_fenetre"]),
        "fin": jour(mesure["fin_fenetre"]),
        "limite": jour(delai.limite),
        "trop_tard": delai.trop_tard,
    }
    raison = _RAISONS[groupe["motif"]].format(jour=jour(groupe["jour"]), **dates)
    textes = _A_FAIRE if delai.fenetre_ouverte else _A_REDEPOSER if delai.exports_ouverts else _TROP_TARD
    que_faire = textes[groupe["indicateur"]].format_map(dates)
    if groupe["brut"] is None:
        que_faire = (
            f"Déposez de nouveau « dossiers » : {accord(groupe['fois'], 'identifiant')} ne se "
            f"{'lit' if groupe['fois'] < 2 else 'lisent'} plus ici. {que_faire}"
        )
    effet = (
        f"1 de plus ; il en manque {milliers(mesure['reste_a_faire'])} pour atteindre {cible(mesure['cible'])} "
        f"(taux : {taux(mesure['taux'], mesure['cible'])})"
    )
    dites = INDICATEURS[groupe["indicateur"]].titre, raison, que_faire, effet
    return groupe["brut"] or SANS_FICHIER, *(insecables(dite) for dite in dites)
