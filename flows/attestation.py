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

import polars as pl

from flows import preuve
from flows.disque import sha256_du_fichier
from flows.reglages import Reglages
from flows.versions.manifeste import MANIFESTE, sha256_de
from flows.versions.preuves_remises import lire_preuves
from flows.versions.version import actuelle
from schemas.erreurs import ErreurDite, Inconnu, Sortie
from transforms.dire.formats import accord
from transforms.pages.attestation import Attestee, page
from transforms.preuve import Objet, PreuveEntiere, differences, tables_de_la_preuve

_ECARTS_DITS = 10
_NON_VALABLE = "ATTESTATION NON VALABLE"


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
    dossier = preuve.constituer(reglages, Objet("projet", projet), date_mesure)
    version, archive = dossier.publication.version, dossier.remise
    attestee = Attestee(
        dossier.description, dossier.publication.lignes, archive.sha256, sha256_du_fichier(version / MANIFESTE)
    )
    remise = preuve.Remise(page(attestee), {**archive.sujet, "preuve": archive.sha256}, archive.versions)
    a_cote = sortie.with_suffix(".preuve.zip")
    preuve.remettre(reglages, archive, a_cote, maintenant)
    preuve.remettre(reglages, remise, sortie, maintenant)
    return Attestation(sortie, remise.sha256, a_cote, archive.sha256, version.name)


def refaire(chemin: Path, preuve_entiere: PreuveEntiere) -> Mapping[str, Any]:
    """Make the page of a bundle found whole again, and compare it byte for byte with the one in hand; give its `preuve.json`.

    Needs nothing else. Raises `AttestationInvalide`, OSError.
    """
    description, fichiers = preuve_entiere.description, preuve_entiere.fichiers
    objet = Objet.de(description)
    if objet.colonne != "projet":
        raise AttestationInvalide(
            f"{_NON_VALABLE}\n  La preuve est celle d'un ESSMS : une attestation est celle d'un projet."
        )
    try:
        tables = tables_de_la_preuve(fichiers, objet)
        manifeste = sha256_de(fichiers[f"version/{MANIFESTE}"])
        refaite = page(Attestee(description, tables, preuve_entiere.sha256, manifeste))
    except (KeyError, IndexError, ValueError, TypeError, pl.exceptions.PolarsError) as erreur:
        raise AttestationInvalide(
            f"{_NON_VALABLE}\n  La preuve ne contient pas ce que dit une attestation."
        ) from erreur
    if refaite != chemin.read_bytes():
        raise AttestationInvalide(
            f"{_NON_VALABLE}\n  La page que donne cette preuve n'est pas {chemin.name} : la page a été modifiée, elle vient "
            "d'une autre preuve, ou elle a été écrite par une autre version de duimètre. Refaites-la pour comparer."
        )
    return description


@dataclass(frozen=True)
class Conforme:
    """A page found as it was handed out, that says what is published: what its register holds, the current version."""

    remise: Mapping[str, Any]
    version: str


def confronter(reglages: Reglages, chemin: Path) -> Conforme:
    """Say that a page in hand still matches what is published.

    Raises `AttestationInvalide` when it is not a page handed out here, byte for byte, or when what it cites is damaged;
    `AttestationDepassee` when what is published differs; OSError.
    """
    sha256 = sha256_du_fichier(chemin)
    remises = [r for r in lire_preuves(reglages.curated) if r["sha256"] == sha256 and "preuve" in r]
    if not remises:
        raise AttestationInvalide(
            f"{_NON_VALABLE}\n  {chemin.name} n'est pas une attestation écrite ici, ou elle a été modifiée : ne vous "
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
        f"{v.name} : {f}" for v in {citee, publiee} for f in preuve.changes(v, objet.publiees, date_mesure)
    ):
        raise AttestationInvalide(
            "ATTESTATION NON VÉRIFIABLE\n  La page est intacte, mais des fichiers publiés ne sont plus tels qu'ils l'ont été "
            f"({', '.join(abimes)}) : restaurez-les depuis une sauvegarde de curated/."
        )
    try:
        ecarts = differences(
            preuve.lignes_publiees(citee, objet, date_mesure),
            preuve.lignes_publiees(publiee, objet, date_mesure),
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
