"""A synthetic but realistic region: referentials, and exports as porteurs send them (`duimetre generer`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from schemas.erreurs import DemandeImpossible
from transforms.donnees_fictives.activite import construire_activite
from transforms.donnees_fictives.editeurs import Atelier, exports
from transforms.donnees_fictives.fichiers_agence import NOM_FINESS, bal_csv, depenses_csv, finess_json, projets_csv
from transforms.donnees_fictives.hasard import Hasard
from transforms.donnees_fictives.periode import Periode
from transforms.donnees_fictives.region import construire_region

__all__ = ["Bilan", "Demande", "generer"]

_PAR_BAL = "ght-hautes-vallees"


@dataclass(frozen=True)
class Demande:
    """The region wanted. Raises `DemandeImpossible` on figures that make no region."""

    graine: int = 1
    porteurs: int = 6
    essms: int = 60
    personnes: int = 4000
    debut: date = date(2026, 1, 1)
    fin: date = date(2026, 6, 30)
    mauvaises_lignes_pct: float = 2.0

    def __post_init__(self) -> None:
        if self.porteurs < 1 or self.essms < self.porteurs:
            raise DemandeImpossible("il faut au moins un porteur, et au moins un ESSMS par porteur")
        if self.personnes < self.essms:
            raise DemandeImpossible("il faut au moins une personne par ESSMS")
        if self.fin < self.debut:
            raise DemandeImpossible("la fin de la période précède son début")
        if not 0 <= self.mauvaises_lignes_pct <= 100:
            raise DemandeImpossible("la part de mauvaises lignes est un pourcentage entre 0 et 100")


@dataclass(frozen=True)
class RegionEcrite:
    """What was written. `lignes`: rows per table, copies and bad ones included; `lignes_invalides`: those to reject."""

    fichiers: int
    octets: int
    demande: Demande
    lignes: Mapping[str, int]
    lignes_invalides: int


def generer(racine: Path, demande: Demande) -> RegionEcrite:
    """Write a synthetic region under `racine/raw` (§2) and return what it holds.

    Same demand, same bytes. Files of the same name are overwritten, others left alone. Porteurs are written one
    after the other: memory grows with the largest of them, not with the region.
    """
    hasard = Hasard(demande.graine)
    periode = Periode(demande.debut, demande.fin)
    region = construire_region(
        hasard.sous("region"), periode, porteurs=demande.porteurs, essms=demande.essms, personnes=demande.personnes
    )
    referentiels = racine / "raw" / "referentiels"
    ecrits = [
        _ecrire(referentiels / "projets.csv", projets_csv(region, periode.premiere_mesure)),
        _ecrire(referentiels / "depenses.csv", depenses_csv(region, periode.premiere_mesure)),
        _ecrire(referentiels / "bal.csv", bal_csv(p for p in region.porteurs if p.modele.cle == _PAR_BAL)),
        _ecrire(referentiels / NOM_FINESS.format(jour=periode.lendemain), finess_json(region, periode.lendemain)),
    ]
    lignes: Counter[str] = Counter()
    invalides = 0
    for porteur in region.porteurs:
        source = hasard.sous(porteur.identifiant)
        prefixe = porteur.essms[0].departement.prefixe
        voisin = next(
            e.finess_et for e in region.hors_projet if e.finess_et.startswith(prefixe) and e.categorie == "500"
        )
        activite = construire_activite(source, porteur, periode)
        for fichier in exports(Atelier(source, porteur, activite, periode, demande.mauvaises_lignes_pct, voisin)):
            ecrits.append(_ecrire(racine / "raw" / "depots" / porteur.identifiant / fichier.chemin, fichier.contenu))
            for tableau in fichier.tableaux:
                lignes[tableau.table] += tableau.cadre.height
                invalides += tableau.invalides
    return RegionEcrite(len(ecrits), sum(ecrits), demande, dict(sorted(lignes.items())), invalides)


def _ecrire(chemin: Path, contenu: bytes) -> int:
    chemin.parent.mkdir(parents=True, exist_ok=True)
    chemin.write_bytes(contenu)
    return len(contenu)
