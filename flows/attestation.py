"""The attestation of a project: one page of PDF made from the published version, and its check (specification §3).

It is handed out with the bundle that it cites. Both are registered with their SHA-256 and the versions they cite, which
retention then keeps: whether a page was changed, and whether what is published has changed since, is told from these.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from flows import preuve
from flows.disque import sha256_du_fichier
from flows.reglages import Reglages
from flows.versions.manifeste import MANIFESTE
from flows.versions.preuves_remises import lire_preuves
from flows.versions.version import actuelle
from schemas.erreurs import ErreurDite, Inconnu, Sortie
from transforms.dire.formats import accord
from transforms.pages.attestation import Attestee, page
from transforms.preuve import Objet, differences
from transforms.tables_publiees import TablesPubliees

# What the page shows.
_MONTREES = ("indicateurs", "maturin_sms", "sources", "conventions", "conditions_solde")
_ECARTS_DITS = 10


class AttestationInvalide(ErreurDite):
    """The page is not one that was handed out here, or what it cites is no longer whole (French message)."""


class AttestationDepassee(ErreurDite):
    """The page is as it was handed out, and what is published has changed since (French message, with the differences)."""

    code = Sortie.PLUS_A_JOUR


@dataclass(frozen=True)
class Attestation:
    """A page and the bundle it cites, as they were handed out: where, their SHA-256, the version they cite."""

    page: Path
    sha256: str
    preuve: Path
    preuve_sha256: str
    version: str


def attester(reglages: Reglages, projet: str, date_mesure: date, sortie: Path, maintenant: datetime) -> Attestation:
    """Write the page of a project at a date to `sortie`, and its bundle beside it (`.preuve.zip`).

    The caller holds the lock of the night. Raises what `preuve.constituer` does.
    """
    objet = Objet("projet", projet)
    dossier = preuve.constituer(reglages, objet, date_mesure)
    version = dossier.publication.version
    lignes = preuve.lignes_publiees(version, objet, _MONTREES, date_mesure)
    attestee = Attestee(
        projet=projet,
        nom_porteur=_nom_du_porteur(version, lignes["conventions"]["porteur"].item()),
        date_mesure=date_mesure,
        tables=lignes,
        depots=dossier.description["depots"],
        version=version.name,
        calcul=dossier.publication.calcul,
        empreintes={"preuve": dossier.remise.sha256, "manifeste": sha256_du_fichier(version / MANIFESTE)},
    )
    remise = preuve.Remise(
        page(attestee), {**dossier.remise.sujet, "preuve": dossier.remise.sha256}, dossier.remise.versions
    )
    archive = sortie.with_suffix(".preuve.zip")
    preuve.remettre(reglages, dossier.remise, archive, maintenant)
    preuve.remettre(reglages, remise, sortie, maintenant)
    return Attestation(sortie, remise.sha256, archive, dossier.remise.sha256, version.name)


def _nom_du_porteur(version: Path, porteur: str) -> str:
    noms = TablesPubliees(version).table("essms").filter(porteur=porteur)["nom_porteur"]
    return str(noms[0]) if len(noms) else porteur


@dataclass(frozen=True)
class Conforme:
    """A page found as it was handed out, that says what is published: what its register holds, the current version."""

    remise: Mapping[str, Any]
    version: str


def verifier(reglages: Reglages, chemin: Path) -> Conforme:
    """Say that a page in hand still matches what is published.

    Raises `AttestationInvalide` when it is not a page handed out here, byte for byte, or when what it cites is damaged;
    `AttestationDepassee` when what is published differs; OSError.
    """
    sha256 = sha256_du_fichier(chemin)
    remises = [r for r in lire_preuves(reglages.curated) if r["sha256"] == sha256 and "preuve" in r]
    if not remises:
        raise AttestationInvalide(
            f"ATTESTATION NON VALABLE\n  {chemin.name} n'est pas une attestation écrite ici, ou elle a été modifiée : ne vous "
            "fiez à aucun de ses chiffres. Refaites-la : duimetre attestation --projet P --date-mesure AAAA-MM-JJ"
        )
    remise = remises[0]
    objet, date_mesure = Objet("projet", remise["projet"]), date.fromisoformat(remise["date_mesure"])
    citee, publiee = reglages.curated / "versions" / remise["versions"][0], actuelle(reglages.curated)
    if publiee is None or not citee.is_dir():
        raise AttestationInvalide(
            f"ATTESTATION NON VÉRIFIABLE\n  La page est intacte, mais la version {citee.name} qu'elle cite n'est plus ici : "
            "restaurez-la depuis une sauvegarde de curated/."
        )
    if abimes := sorted(
        f"{v.name} : {f}" for v in {citee, publiee} for f in preuve.changes(v, _MONTREES, date_mesure).values()
    ):
        raise AttestationInvalide(
            "ATTESTATION NON VÉRIFIABLE\n  La page est intacte, mais des fichiers publiés ne sont plus tels qu'ils l'ont été "
            f"({', '.join(abimes)}) : restaurez-les depuis une sauvegarde de curated/."
        )
    try:
        ecarts = differences(
            preuve.lignes_publiees(citee, objet, _MONTREES, date_mesure),
            preuve.lignes_publiees(publiee, objet, _MONTREES, date_mesure),
            ("sur la page", "maintenant"),
        )
    except Inconnu as erreur:
        ecarts = [str(erreur)]
    if ecarts:
        suite = [f"… et {accord(len(ecarts) - _ECARTS_DITS, 'autre différence')}"] if len(ecarts) > _ECARTS_DITS else []
        raise AttestationDepassee(
            "\n  ".join(
                (
                    "ATTESTATION DÉPASSÉE",
                    "La page est telle qu'elle a été écrite, mais ce qui est publié a changé depuis :",
                    *ecarts[:_ECARTS_DITS],
                    *suite,
                )
            )
        )
    return Conforme(remise, publiee.name)
