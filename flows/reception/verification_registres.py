"""projets.csv and depenses.csv looked at before they are put in place: their faults, and what they would change (§4.6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from flows.reception.registres_ars import oublies, ouvrir_registre
from flows.reglages import Reglages
from flows.versions.version import actuelle
from schemas.erreurs import Sortie
from transforms import changements
from transforms.dire.formats import INSECABLE, accord, insecables, jour
from transforms.dire.texte_sur import dire_texte
from transforms.projets import DEPENSES, DEPENSES_LUES, PROJETS, ReferentielIllisible, lire_depenses, lire_projets
from transforms.registre_projets import RegistreProjets
from transforms.tables_publiees import TablesPubliees


@dataclass(frozen=True)
class Verdict:
    """What is to be known of a register before it replaces the one in place.

    `refus`: why it cannot be used at all. `fautes`: what is to be put right, by line. `changements`: what it would change.
    `mesures`: the published measures that would be another.
    """

    fichier: str
    refus: str = ""
    fautes: tuple[str, ...] = ()
    changements: tuple[str, ...] = ()
    mesures: tuple[str, ...] = ()

    @property
    def sortie(self) -> Sortie:
        """The exit code of §3."""
        if self.refus:
            return Sortie.FICHIER_REFUSE
        return Sortie.LIGNES_REJETEES if self.fautes else Sortie.OK

    def en_donnees(self) -> dict[str, Any]:
        """The same for a machine."""
        return {
            "fichier": self.fichier,
            "statut": ("accepte", "accepte_avec_rejets", "refuse")[
                (Sortie.OK, Sortie.LIGNES_REJETEES, Sortie.FICHIER_REFUSE).index(self.sortie)
            ],
            "refus": self.refus or None,
            "fautes": list(self.fautes),
            "changements": list(self.changements),
            "mesures_publiees": list(self.mesures),
        }

    def dire(self) -> str:
        """The same for a person."""
        if self.refus:
            return f"{self.fichier}{INSECABLE}: REFUSÉ\n  {self.refus}"
        etat = accord(len(self.fautes), "point à corriger", "points à corriger") if self.fautes else "sans faute"
        lignes = [f"{self.fichier}{INSECABLE}: {etat}", *(f"  - {faute}" for faute in self.fautes)]
        if self.changements:
            lignes += ["", "  Ce qui changerait :", *(f"  - {c}" for c in self.changements)]
        else:
            lignes += ["", "  Rien ne changerait : il dit la même chose que celui qui est en place."]
        if self.mesures:
            lignes += ["", "  Mesures déjà publiées qui liraient autre chose :", *(f"  - {m}" for m in self.mesures)]
            lignes.append(
                "  Si le passé ne devait pas changer, mettez une « fin » à l'ancienne ligne et ajoutez la nouvelle avec un "
                "« debut »."
            )
        elif self.changements and self.fichier.lower().startswith("projets"):
            lignes += ["", "  Aucune mesure déjà publiée ne lirait autre chose."]
        return insecables("\n".join(lignes))


def est_un_registre(fichier: Path) -> bool:
    """Is it named as a register of the agency (`projets….csv`, `depenses….csv`)?"""
    nom = fichier.name.lower()
    return nom.endswith(".csv") and nom.startswith(("projets", "depenses"))


def verifier_registres(fichiers: Sequence[Path], reglages: Reglages) -> list[Verdict]:
    """The verdict on each of these registers; a projets.csv among them is the one that a depenses.csv is held against."""
    en_place = _en_place(reglages.referentiels / PROJETS)
    registre, verdicts = en_place, {}
    for fichier in sorted(fichiers, key=_est_des_depenses):
        nom = dire_texte(fichier.name, 300)
        try:
            if _est_des_depenses(fichier):
                verdicts[fichier] = _depenses(fichier, nom, registre, reglages.referentiels / DEPENSES)
            else:
                registre = ouvrir_registre(fichier, lire_projets)
                verdicts[fichier] = _projets(registre, nom, en_place, actuelle(reglages.curated))
        except ReferentielIllisible as erreur:
            verdicts[fichier] = Verdict(nom, refus=str(erreur))
    return [verdicts[fichier] for fichier in fichiers]


def _est_des_depenses(fichier: Path) -> bool:
    return fichier.name.lower().startswith("depenses")


def _en_place(chemin: Path) -> RegistreProjets:
    """The register in place; an empty one where there is none that can be read."""
    try:
        return ouvrir_registre(chemin, lire_projets)
    except ReferentielIllisible:
        return RegistreProjets.vide()


def _projets(registre: RegistreProjets, nom: str, en_place: RegistreProjets, publiee: Path | None) -> Verdict:
    publiees = TablesPubliees(publiee)
    trouves = changements.comparer_registres(en_place, registre)
    touches = changements.touches(trouves, publiees.dates)
    du_registre = [a for le in registre.jours_de_changement() for a in registre.au(le).alertes]
    mesures = [
        f"{jour(le)} : {accord(len(essms), 'ESSMS', 'ESSMS')} ({', '.join(essms[:10])})"
        for le, essms in touches.items()
    ]
    return Verdict(
        nom,
        fautes=tuple(dict.fromkeys(a.message for a in (*registre.alertes, *du_registre, *oublies(registre, publiee)))),
        changements=tuple(changements.dire(trouves)),
        mesures=tuple(mesures),
    )


def _depenses(fichier: Path, nom: str, registre: RegistreProjets, en_place: Path) -> Verdict:
    lire = partial(lire_depenses, projets=registre.projets)
    nouvelles, alertes = ouvrir_registre(fichier, lire)
    anciennes = ouvrir_registre(en_place, lire)[0] if en_place.is_file() else pl.DataFrame(schema=DEPENSES_LUES)
    return Verdict(
        nom,
        fautes=tuple(a.message for a in alertes),
        changements=tuple(changements.dire_depenses(anciennes, nouvelles)),
    )
