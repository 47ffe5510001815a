"""What is said of a project: the conditions of its balance, the vérification d'aptitude, its alerts (specification §6.6)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from transforms.dire.formats import accord, citer, enumerer, euros, insecables, jour, majuscule, milliers
from transforms.dire.libelles import INDICATEURS

Ligne = Mapping[str, Any]
CLE = ("date_mesure", "projet")


def dire_conditions(conditions: pl.DataFrame, projets: pl.DataFrame) -> pl.DataFrame:
    """The conditions with their sentence and the text they come from (columns of `conditions_solde` but `version`).

    `projets`: one row per project and date, columns of `projets_mesures` and of `soldes`.
    """
    des_projets = {tuple(p[c] for c in CLE): p for p in projets.iter_rows(named=True)}
    situees = [(c, des_projets[c["date_mesure"], c["projet"]]) for c in conditions.iter_rows(named=True)]
    return conditions.with_columns(
        pl.Series(
            "detail", [insecables(_CONDITIONS[c["condition"]](c["etat"], p)) for c, p in situees], dtype=pl.String
        ),
        pl.Series("source", [p["textes"] for _, p in situees], dtype=pl.String),
    )


_MANQUE = ("ESSMS n'est pas", "ESSMS ne sont pas")


def _cibles_usage(etat: str, p: Ligne) -> str:
    total, a_confirmer = p["nb_essms"], p["nb_a_confirmer"]
    manquent = total - p["nb_a_la_cible"] - a_confirmer
    confirmer = f"{accord(a_confirmer, 'ESSMS est', 'ESSMS sont')} à confirmer sur {milliers(total)}"
    incertain = " Une ligne de projets.csv qui nomme ce projet est écartée : l'agence doit la corriger pour conclure."
    if etat == "non_remplie":
        dite = f"{accord(manquent, *_MANQUE)} à la cible sur {milliers(total)}"
        dite += f" ; {confirmer}." if a_confirmer else "."
    elif a_confirmer:
        dite = f"{confirmer} ; aucun ne manque une cible à coup sûr."
    elif p["nb_atteints"]:
        dite = (
            "L'ESSMS du projet est à la cible."
            if total == 1
            else f"Les {milliers(total)} ESSMS du projet sont à la cible."
        )
    else:
        dite = (
            "Le projet n'a aucune cible opposable qui ait quelque chose à mesurer : aucune n'est atteinte ni manquée."
        )
    return dite + (incertain if p["incertain"] else "")


def _service_regulier(etat: str, p: Ligne) -> str:
    return {
        "remplie": f"Le service régulier est vérifié depuis le {jour(p['date_vsr'])}.",
        "non_remplie": f"La vérification de service régulier est datée du {jour(p['date_vsr'])}, après la mesure.",
        "inconnue": "projets.csv ne donne pas la date de la vérification de service régulier (date_vsr).",
        "sans_objet": "Tous les ESSMS du projet sont en montée de version : il n'y a pas de vérification de service régulier.",
    }[etat]


def _depenses(etat: str, p: Ligne) -> str:
    if etat == "inconnue":
        return "depenses.csv n'a pas de dépenses justifiées de ce projet à la date de mesure."
    justifiees = f"{euros(p['depenses_justifiees'])} de dépenses justifiées au {jour(p['date_depenses'])}"
    if p["solde_payable"] is None:
        return f"{justifiees} ; le montant du projet est inconnu, donc le plafond du solde aussi."
    return (
        f"{justifiees} : le solde de {euros(p['solde'])} est plafonné à {euros(p['solde_payable'])}, l'avance étant de "
        f"{euros(p['avance'])}."
    )


_CONDITIONS: Mapping[str, Callable[[str, Ligne], str]] = {
    "cibles_usage": _cibles_usage,
    "service_regulier": _service_regulier,
    "depenses": _depenses,
}


def dire_aptitude(verifications: pl.DataFrame) -> pl.DataFrame:
    """The vérifications d'aptitude with their reason (columns of `verifications_aptitude` but `version`).

    `absents`, `nuls`: the indicators whose rate is not supplied, or zero, separated by spaces.
    """
    motifs = [_motif(absents, nuls) for absents, nuls in verifications.select("absents", "nuls").iter_rows()]
    return verifications.drop("absents", "nuls").with_columns(pl.Series("motif", motifs, dtype=pl.String))


def _motif(absents: str | None, nuls: str | None) -> str | None:
    raisons = []
    if absents:
        raisons.append(f"{'taux non fournis' if ' ' in absents else 'taux non fourni'} : {_nommer(absents)}")
    if nuls:
        raisons.append(f"taux à 0 : {_nommer(nuls)}")
    return insecables(f"{majuscule(' ; '.join(raisons))}.") if raisons else None


def _nommer(indicateurs: str) -> str:
    ordre = [*INDICATEURS]
    return enumerer([citer(INDICATEURS[i].nom) for i in sorted(indicateurs.split(), key=ordre.index)])


def dire_alertes_projets(alertes: pl.DataFrame, projets: pl.DataFrame) -> pl.DataFrame:
    """The alerts of §6.6 (columns of `alertes` that they fill, and `date_mesure`).

    `projets`: one row per project and date, columns of `projets_mesures` and of `conventions`.
    """
    des_projets = {tuple(p[c] for c in CLE): p for p in projets.iter_rows(named=True)}
    messages = [
        insecables(_ALERTES[a["code"]](a, des_projets[a["date_mesure"], a["projet"]]))
        for a in alertes.iter_rows(named=True)
    ]
    return alertes.select(
        "date_mesure", "code", "porteur", "finess_et", pl.Series("message", messages, dtype=pl.String)
    )


def _montant(alerte: Ligne, p: Ligne) -> str:
    if p["montant_theorique"] is not None:
        return (
            f"Projet {citer(p['projet'])} : le montant accordé ({euros(p['montant_accorde'])}) n'est pas la somme des "
            f"forfaits ({euros(p['montant_theorique'])}). C'est lui qui compte : vérifiez-le dans projets.csv."
        )
    raisons = [
        *([f"{accord(n, 'ESSMS', 'ESSMS')} sans type"] if (n := p["nb_sans_type"]) else []),
        *(
            [f"{accord(n, 'ESSMS', 'ESSMS')} dont les règles n'ont pas de forfait"]
            if (n := p["nb_sans_forfait"])
            else []
        ),
        *(["une ligne écartée qui le nomme"] if p["incertain"] else []),
    ]
    return (
        f"Projet {citer(p['projet'])} : la somme des forfaits est inconnue ({enumerer(raisons)}). Corrigez ses lignes de "
        "projets.csv."
    )


def _delai(alerte: Ligne, p: Ligne) -> str:
    return (
        f"Projet {citer(p['projet'])} : le délai indicatif de {p['delai_indicatif_mois']} mois a pris fin le "
        f"{jour(p['echeance_indicative'])}. Les textes en font un repère : ce n'est pas un motif de refus."
    )


def _categorie(alerte: Ligne, p: Ligne) -> str:
    return (
        f"La catégorie FINESS {alerte['categorie']} n'est pas de celles de l'article L. 312-1 du code de l'action sociale "
        "et des familles : vérifiez que cet établissement peut être financé."
    )


_ALERTES: Mapping[str, Callable[[Ligne, Ligne], str]] = {
    "MONTANT": _montant,
    "DELAI_DEPASSE": _delai,
    "CATEGORIE_NON_ELIGIBLE": _categorie,
}
