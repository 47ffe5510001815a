"""The agency's registers, read from `raw/referentiels/` (specification §4.6)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from flows.disque import sha256_du_fichier
from flows.mesure import Inscrits
from flows.reception.reception import Dossier
from flows.reglages import Reglages
from transforms.finess import choisir_fichier, entites_juridiques, lire_finess
from transforms.lecture.csv import lire_csv
from transforms.lecture.modele import Feuille, LectureImpossible
from transforms.profils import Profil, ProfilInvalide, charger
from transforms.projets import (
    DEPENSES,
    DEPENSES_LUES,
    PROJETS,
    ReferentielIllisible,
    identifier,
    lire_bal,
    lire_depenses,
    lire_projets,
)
from transforms.registre_projets import Alerte, ProjetsDuJour, RegistreProjets
from transforms.tables_publiees import TablesPubliees
from transforms.territoire import seau

T = TypeVar("T")

OUBLIE = (
    "L'ESSMS {} était dans la dernière publication et n'est plus dans projets.csv : il n'est plus mesuré. Remettez sa ligne, "
    "avec une date de fin s'il a quitté le projet."
)
SANS_FINESS = "Aucun fichier FINESS dans raw/referentiels : raisons sociales et catégories restent vides."


@dataclass(frozen=True)
class Referentiels:
    """The registers of tonight.

    `depenses`: see `transforms.projets.lire_depenses`. `alertes`: (code, alert), those of one date apart. `fichiers`: name →
    SHA-256 of each file read. `profils`: porteur → editor's profile, None without one, or why it cannot be used.
    """

    registre: RegistreProjets
    depenses: pl.DataFrame
    bal: Mapping[str, str]
    finess: pl.DataFrame | None
    alertes: tuple[tuple[str, Alerte], ...]
    fichiers: Mapping[str, str]
    profils: Mapping[str, Profil | str | None]

    @cached_property
    def _du_jour(self) -> dict[date, ProjetsDuJour]:
        return {}

    def projets(self, jour: date) -> ProjetsDuJour:
        """The register of projects as it is on one day."""
        if jour not in self._du_jour:
            self._du_jour[jour] = self.registre.au(jour)
        return self._du_jour[jour]

    def inscrits(self, jour: date) -> Inscrits:
        """What a measure of that date reads of the register; the numbers of one chain are in one bucket at any date."""
        projets = self.projets(jour)
        essms = identifier(projets, self.finess)
        souches = [self.registre.souche(f) for f in essms["finess_et"]]
        return Inscrits(
            essms.with_columns(seau(pl.Series(souches, dtype=pl.String)).alias("seau")),
            projets.autres_numeros,
            projets.incertains,
        )

    def essms(self, jour: date) -> pl.DataFrame:
        """The dimension `essms` valid at a date."""
        return self.inscrits(jour).essms

    def avec_oublies(self, publiee: Path | None) -> Referentiels:
        """The same, with an alert for each ESSMS of the last version that no row names any more."""
        dites = [("REFERENTIEL", alerte) for alerte in oublies(self.registre, publiee)]
        return replace(self, alertes=(*self.alertes, *dites))

    def alertes_du(self, jour: date) -> list[tuple[str, Alerte]]:
        """(code, alert) of a measure date: those of tonight, and those of the register on that day."""
        return [*self.alertes, *(("REFERENTIEL", a) for a in self.projets(jour).alertes)]

    def dossier(self, porteur: str) -> Dossier:
        """What the files of a drop folder are judged against."""
        projet = self.registre.projet(porteur)
        if not projet:
            etat = "attente" if porteur in self.registre.en_attente else "inconnu"
            return Dossier(porteur, etat).avec_contexte()
        profil = self.profils[porteur]
        if isinstance(profil, str):
            return Dossier(porteur, "profil", motif=profil).avec_contexte()
        seuls, ambigues = (
            ({}, frozenset()) if self.finess is None else entites_juridiques(self.finess, self.registre.actuels(projet))
        )
        return Dossier(
            porteur,
            "ouvert",
            projet=projet,
            ecartes=self.registre.ecartes_de(porteur),
            bal=self.bal,
            seul_essms_de_ej=seuls,
            entites_juridiques=ambigues,
            profil=profil,
        ).avec_contexte()


def oublies(registre: RegistreProjets, publiee: Path | None) -> Iterator[Alerte]:
    """§4.6 "An ESSMS of the last version that no row names any more (gone, not ended) raises an alert"."""
    if publiee is not None:
        essms = TablesPubliees(publiee).table("essms").sort("finess_et")
        for porteur, finess in essms.select("porteur", "finess_et").iter_rows():
            if finess not in registre.nommes:
                yield Alerte(porteur, finess, OUBLIE.format(finess))


def _profils(registre: RegistreProjets) -> dict[str, Profil | str | None]:
    """The profile of each porteur (§4.5); a file is dropped for several ESSMS, so one porteur has one profile."""
    noms = (
        registre.lignes.group_by("porteur")
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


def ouvrir_registre(chemin: Path, lire: Callable[[Feuille], T]) -> T:
    """What a register says, read by `lire`. Raises `ReferentielIllisible` when it cannot be used."""
    try:
        with chemin.open("rb") as flux:
            return lire(lire_csv(flux))
    except LectureImpossible as erreur:
        raise ReferentielIllisible(f"{chemin.name} ne peut pas être lu. {erreur.detail}") from erreur
    except OSError as erreur:
        raise ReferentielIllisible(f"{chemin.name} ne peut pas être lu : {erreur.strerror}.") from erreur


def lire_registres(reglages: Reglages, *, garder_extrait: bool = True) -> Referentiels:
    """Read projets.csv, depenses.csv, bal.csv and the FINESS file; without `garder_extrait` nothing is written.

    Raises `ReferentielIllisible` when projets.csv cannot be used; what else is missing or unreadable is an alert.
    """
    dossier = reglages.referentiels
    fichiers: dict[str, str] = {}
    projets = dossier / PROJETS
    if not projets.is_file():
        raise ReferentielIllisible(
            f"projets.csv manque dans {dossier}. Déposez-y le registre des projets tenu par l'ARS."
        )
    registre = ouvrir_registre(projets, lire_projets)
    fichiers[PROJETS] = sha256_du_fichier(projets)
    alertes = [("REFERENTIEL", a) for a in registre.alertes]
    facultatifs: dict[str, Any] = {"bal.csv": {}, DEPENSES: pl.DataFrame(schema=DEPENSES_LUES)}
    lecteurs: dict[str, Callable[[Feuille], tuple[Any, tuple[Alerte, ...]]]] = {
        "bal.csv": lire_bal,
        DEPENSES: partial(lire_depenses, projets=registre.projets),
    }
    for nom, lire in lecteurs.items():
        if (chemin := dossier / nom).is_file():
            try:
                facultatifs[nom], dites = ouvrir_registre(chemin, lire)
                fichiers[nom] = sha256_du_fichier(chemin)
                alertes += [("REFERENTIEL", a) for a in dites]
            except ReferentielIllisible as erreur:
                alertes.append(("REFERENTIEL", Alerte(None, None, f"{nom} n'est pas utilisé. {erreur}")))
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
    return Referentiels(
        registre, facultatifs[DEPENSES], facultatifs["bal.csv"], finess, tuple(alertes), fichiers, profils
    )
