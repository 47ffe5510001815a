"""The agency's registers, read from `raw/referentiels/` (specification §4.6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from flows.disque import sha256_du_fichier
from flows.reception.reception import Dossier
from flows.reglages import Reglages
from transforms.finess import choisir_fichier, entites_juridiques, lire_finess
from transforms.lecture.csv import lire_csv
from transforms.lecture.modele import LectureImpossible
from transforms.profils import Profil, ProfilInvalide, charger
from transforms.projets import Alerte, ReferentielIllisible, RegistreProjets, identifier, lire_bal, lire_projets

SANS_FINESS = "Aucun fichier FINESS dans raw/referentiels : raisons sociales et catégories restent vides."


@dataclass(frozen=True)
class Referentiels:
    """The registers of tonight.

    `essms`: dimension with `seau`. `alertes`: (code, alert). `fichiers`: name → SHA-256 of each file read. `profils`: porteur →
    editor's profile, None without one, or why it cannot be used.
    """

    registre: RegistreProjets
    essms: pl.DataFrame
    bal: Mapping[str, str]
    finess: pl.DataFrame | None
    alertes: tuple[tuple[str, Alerte], ...]
    fichiers: Mapping[str, str]
    profils: Mapping[str, Profil | str | None]

    def dossier(self, porteur: str) -> Dossier:
        """What the files of a drop folder are judged against."""
        projet = self.registre.projet(porteur)
        if not projet:
            etat = "attente" if porteur in self.registre.en_attente else "inconnu"
            return Dossier(porteur, etat).avec_contexte()
        profil = self.profils[porteur]
        if isinstance(profil, str):
            return Dossier(porteur, "profil", motif=profil).avec_contexte()
        seuls, ambigues = ({}, frozenset()) if self.finess is None else entites_juridiques(self.finess, projet)
        return Dossier(
            porteur,
            "ouvert",
            projet=projet,
            ecartes=self.registre.ecartes_de(porteur) - projet,
            bal=self.bal,
            seul_essms_de_ej=seuls,
            entites_juridiques=ambigues,
            profil=profil,
        ).avec_contexte()


def _profils(registre: RegistreProjets) -> dict[str, Profil | str | None]:
    """The profile of each porteur (§4.5); a file is dropped for several ESSMS, so one porteur has one profile."""
    noms = (
        registre.essms.group_by("porteur")
        .agg(pl.col("profil").str.to_lowercase().drop_nulls().unique().sort())
        .sort("porteur")
    )
    return {porteur: _profil(profils) for porteur, profils in noms.iter_rows()}


def _profil(noms: Sequence[str]) -> Profil | str | None:
    if len(noms) > 1:
        return f"Plusieurs profils pour un même porteur : {', '.join(noms)}."
    try:
        return charger(noms[0]) if noms else None
    except ProfilInvalide as erreur:
        return str(erreur)


def _finess(chemin: Path, sha256: str, staging: Path, garder: bool) -> pl.DataFrame:
    """The FINESS file, read once: the extract is kept under the hash of the file."""
    extrait = staging / "referentiels" / f"finess-{sha256[:32]}.parquet"
    if extrait.is_file():
        with extrait.open("rb") as flux:
            return pl.read_parquet(flux)
    table = lire_finess(chemin)
    if not garder:
        return table
    extrait.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    for ancien in extrait.parent.glob("finess-*"):
        ancien.unlink()
    provisoire = extrait.with_suffix(".tmp")
    table.write_parquet(provisoire)
    provisoire.replace(extrait)
    return table


def lire_registres(reglages: Reglages, *, garder_extrait: bool = True) -> Referentiels:
    """Read projets.csv, bal.csv and the FINESS file; without `garder_extrait` nothing is written.

    Raises `ReferentielIllisible` when projets.csv cannot be used; what else is missing or unreadable is an alert.
    """
    dossier = reglages.referentiels
    fichiers: dict[str, str] = {}
    projets = dossier / "projets.csv"
    if not projets.is_file():
        raise ReferentielIllisible(
            f"projets.csv manque dans {dossier}. Déposez-y le registre des projets tenu par l'ARS."
        )
    try:
        with projets.open("rb") as flux:
            registre = lire_projets(lire_csv(flux))
    except LectureImpossible as erreur:
        raise ReferentielIllisible(f"projets.csv ne peut pas être lu. {erreur.detail}") from erreur
    except OSError as erreur:
        raise ReferentielIllisible(f"projets.csv ne peut pas être lu : {erreur.strerror}.") from erreur
    fichiers["projets.csv"] = sha256_du_fichier(projets)
    alertes = [("REFERENTIEL", a) for a in registre.alertes]
    bal: Mapping[str, str] = {}
    if (chemin_bal := dossier / "bal.csv").is_file():
        try:
            with chemin_bal.open("rb") as flux:
                bal, sur_bal = lire_bal(lire_csv(flux))
            alertes += [("REFERENTIEL", a) for a in sur_bal]
            fichiers["bal.csv"] = sha256_du_fichier(chemin_bal)
        except (LectureImpossible, ReferentielIllisible, OSError) as erreur:
            raison = erreur.detail if isinstance(erreur, LectureImpossible) else str(erreur)
            alertes.append(("REFERENTIEL", Alerte(None, None, f"bal.csv n'est pas utilisé. {raison}")))
    finess = None
    chemin_finess = choisir_fichier(dossier)
    if chemin_finess is None:
        alertes.append(("FINESS_ABSENT", Alerte(None, None, SANS_FINESS)))
    else:
        try:
            fichiers[chemin_finess.name] = sha256_du_fichier(chemin_finess)
            finess = _finess(chemin_finess, fichiers[chemin_finess.name], reglages.staging, garder_extrait)
        except (LectureImpossible, OSError) as erreur:
            raison = erreur.detail if isinstance(erreur, LectureImpossible) else str(erreur.strerror)
            message = f"Le fichier FINESS {chemin_finess.name} ne peut pas être lu. {raison}"
            alertes.append(("FINESS_ABSENT", Alerte(None, None, message)))
    profils = _profils(registre)
    alertes += [
        ("REFERENTIEL", Alerte(porteur, None, f"projets.csv, profil de {porteur} : les fichiers attendent. {profil}"))
        for porteur, profil in profils.items()
        if isinstance(profil, str)
    ]
    return Referentiels(registre, identifier(registre, finess), bal, finess, tuple(alertes), fichiers, profils)
