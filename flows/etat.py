"""One-screen verdict for the operator (specification §3, `duimetre etat`).

Read from what is published, every file of the current version being compared with its manifest (0.3 s for a year), the
files of the nights, the drop folders and the register: it writes nothing, so it may run at any moment, during a night too.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from os.path import lexists
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl

from flows.journal import Execution, derniere_execution
from flows.reglages import Reglages
from flows.staging.registre import RegistreDepots
from flows.versions.chaine import abimee
from flows.versions.manifeste import MANIFESTE
from flows.versions.version import actuelle
from transforms.dire.formats import accord, insecables, instant, jour, milliers, taille
from transforms.dire.libelles import INDICATEURS, STATUTS_DEPOT
from transforms.nommage import echapper
from transforms.refus import a_corriger
from transforms.tables_publiees import TablesPubliees

PEREMPTION = timedelta(hours=26)
_LUES = ("depots", "essms", "alertes", "maturin_sms")


@dataclass(frozen=True)
class Etat:
    """What the operator must know, in figures.

    `perime`: nothing was published in the last 26 hours. `execution`: the latest night, published or not.
    `porteurs_silencieux`: days since their last deposit, for those beyond the setting `silence_jours`.
    `refus_en_attente`: refused or waiting files still in the drop folder, by porteur, that nothing accepted since replaces.
    `version_abimee`: what is no longer as it was published, and what to do; None when nothing is.
    `dates_mesure`: those that this publication measured. `a_la_cible`, `a_confirmer`: ESSMS that are so at the latest measure
    date (§6.5). `sources_absentes`: ESSMS without a rate for want of a source, by indicator, at that date; `alertes_par_code`:
    the alerts of that date.
    """

    version: str | None
    publie_le: datetime | None
    perime: bool
    execution: Execution | None
    dates_mesure: list[str]
    depots_par_statut: dict[str, int]
    porteurs_sans_depot: list[str]
    porteurs_silencieux: dict[str, int]
    refus_en_attente: dict[str, int]
    a_la_cible: int
    a_confirmer: int
    sources_absentes: dict[str, int]
    alertes_par_code: dict[str, int]
    espace_libre_octets: int
    espace_insuffisant: bool
    version_abimee: str | None = None

    @property
    def alarmes(self) -> list[str]:
        """What cannot wait, in French sentences that say what to do."""
        phrases = []
        if self.perime:
            phrases.append(
                "Aucune publication depuis plus de 26 heures : vérifiez la planification et relancez « duimetre nuit »."
            )
        if self.execution and self.execution.resultat in ("echec", "interrompue"):
            sort = "a échoué" if self.execution.resultat == "echec" else "a été interrompue"
            phrases.append(
                f"La dernière nuit {sort} : lisez staging/journaux/{self.execution.fichier}, "
                "corrigez la cause et relancez « duimetre nuit »."
            )
        if self.version_abimee:
            phrases.append(self.version_abimee)
        if self.espace_insuffisant:
            phrases.append(
                f"Il reste {taille(self.espace_libre_octets)} sur le disque : libérez de la place avant la prochaine nuit."
            )
        return phrases


def constater(reglages: Reglages, maintenant: datetime) -> Etat:
    """The state of a data root.

    Raises `LienInvalide` when `curated/actuel` is damaged, `VersionInvalide` when a table that is told here is.
    """
    publiee = actuelle(reglages.curated)
    libre = shutil.disk_usage(_existant(reglages.data)).free
    insuffisant = libre < reglages.espace_min_octets
    execution = derniere_execution(reglages.journaux)
    if publiee is None:
        return Etat(None, None, True, execution, [], {}, [], {}, {}, 0, 0, {}, {}, libre, insuffisant)
    abime = abimee(publiee)
    if abime and abime.touche(_LUES):
        raise abime
    manifeste = json.loads((publiee / MANIFESTE).read_text(encoding="utf-8"))
    publie_le = datetime.fromisoformat(manifeste["cree_le"])
    tables = TablesPubliees(publiee)
    depots, essms = tables.table("depots"), tables.table("essms")
    alertes = tables.table("alertes", tables.choisir())
    cibles = tables.table("maturin_sms", tables.choisir())
    porteurs = set(essms["porteur"].to_list())
    jours = _jours_de_silence(depots, maintenant)
    return Etat(
        version=manifeste["version"],
        publie_le=publie_le,
        perime=maintenant - publie_le > PEREMPTION,
        execution=execution,
        dates_mesure=manifeste["dates_mesure"],
        depots_par_statut=_decompte(depots["statut"]),
        porteurs_sans_depot=sorted(porteurs - jours.keys()),
        porteurs_silencieux={p: j for p, j in jours.items() if p in porteurs and j > reglages.silence_jours},
        refus_en_attente=_refus_en_attente(reglages),
        a_la_cible=_vrais(cibles, "cibles_atteintes"),
        a_confirmer=_vrais(cibles, "cibles_a_confirmer"),
        sources_absentes=_decompte(alertes.filter(pl.col("code") == "SOURCE_ABSENTE")["indicateur"]),
        alertes_par_code=_decompte(alertes["code"]),
        espace_libre_octets=libre,
        espace_insuffisant=insuffisant,
        version_abimee=str(abime) if abime else None,
    )


def _existant(dossier: Path) -> Path:
    return next(d for d in (dossier, *dossier.parents) if d.exists())


def _jours_de_silence(depots: pl.DataFrame, maintenant: datetime) -> dict[str, int]:
    """Whole days since the last file of each porteur."""
    derniers = depots.group_by("porteur").agg(pl.col("recu_le").max()).sort("porteur")
    return {porteur: (maintenant - recu_le).days for porteur, recu_le in derniers.iter_rows()}


def _refus_en_attente(reglages: Reglages) -> dict[str, int]:
    """By porteur, the files to correct or that wait; their names are in the register only (§8)."""
    if not reglages.registre.is_file():
        return {}
    with RegistreDepots(reglages.registre) as registre:
        restants = a_corriger(registre.depots(), lambda porteur, nom: lexists(reglages.depots / porteur / nom))
    return {echapper(porteur): nombre for porteur, nombre in _decompte(restants["porteur"]).items()}


def _vrais(table: pl.DataFrame, colonne: str) -> int:
    """How many rows say yes; none in a table published before the column was."""
    return int(table[colonne].fill_null(False).sum()) if colonne in table.columns else 0


def _decompte(valeurs: pl.Series) -> dict[str, int]:
    return dict(valeurs.value_counts(sort=True).sort(valeurs.name).iter_rows())


def dire(etat: Etat, fuseau: ZoneInfo) -> str:
    """The state in a few French lines."""
    espace = f"Espace libre : {taille(etat.espace_libre_octets)}"
    nuit = f"Dernière nuit : {_dire_execution(etat.execution, fuseau)}"
    if etat.publie_le is None:
        return insecables("\n".join(["Aucune publication. Lancez « duimetre nuit ».", nuit, espace]))
    lignes = [
        f"{'PÉRIMÉ' if etat.perime else 'OK'} — dernière publication le "
        f"{instant(etat.publie_le.astimezone(fuseau))} (version {etat.version})",
        nuit,
        f"Dates mesurées : {', '.join(jour(date.fromisoformat(d)) for d in etat.dates_mesure) or 'aucune, rien n’a changé'}",
        f"Dépôts : {_liste({STATUTS_DEPOT[s]: n for s, n in etat.depots_par_statut.items()})}",
        f"Fichiers refusés ou en attente, à reprendre : {_liste(etat.refus_en_attente)}",
        f"Porteurs sans dépôt : {', '.join(etat.porteurs_sans_depot) or 'aucun'}",
        "Porteurs silencieux : "
        + (", ".join(f"{p} (depuis {accord(j, 'jour')})" for p, j in etat.porteurs_silencieux.items()) or "aucun"),
        f"À la cible partout : {milliers(etat.a_la_cible)} ESSMS ; à confirmer : {milliers(etat.a_confirmer)}",
        f"Sources manquantes (ESSMS) : {_liste({INDICATEURS[i].nom: n for i, n in etat.sources_absentes.items()})}",
        f"Alertes : {_liste(etat.alertes_par_code)}",
        espace,
    ]
    return insecables("\n".join([*lignes, *(f"→ {phrase}" for phrase in etat.alarmes)]))


def _dire_execution(execution: Execution | None, fuseau: ZoneInfo) -> str:
    if execution is None:
        return "aucune trace"
    sort = {
        "publiee": "publiée",
        "echec": "ÉCHEC",
        "interrompue": "INTERROMPUE",
        "en_cours": "en cours",
    }[execution.resultat]
    duree = f", {execution.duree_s:.0f} s" if execution.duree_s is not None else ""
    cause = f" — {execution.message}" if execution.resultat in ("echec", "interrompue") and execution.message else ""
    return f"{sort}, commencée le {instant(execution.debut.astimezone(fuseau))}{duree}{cause}"


def _liste(decompte: dict[str, int]) -> str:
    return ", ".join(f"{nom} {milliers(nombre)}" for nom, nombre in decompte.items()) or "aucun"


def en_json(etat: Etat) -> str:
    """The same for machines."""
    return json.dumps(
        asdict(etat) | {"alarmes": etat.alarmes}, ensure_ascii=False, default=lambda d: d.isoformat(), indent=2
    )
