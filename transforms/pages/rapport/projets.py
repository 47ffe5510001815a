"""The pages of the projects: what each convention asks before its balance is paid, and what blocks it (§6.6).

A page shows the figures of the tables `conventions`, `conditions_solde`, `verifications_aptitude`; it computes none.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import polars as pl

from transforms.dire.libelles import etat_du_solde
from transforms.pages.rapport.donnees import Ligne, par_cle

# A project without a known amount comes after those that have one.
_SANS_MONTANT = Decimal(-1)


def page_du_projet(projet: str) -> str:
    """The page of a project in the report: its identifier where a file can bear it, else a hash of it."""
    nom = projet if re.fullmatch(r"[A-Za-z0-9_-]{1,64}", projet) else hashlib.sha256(projet.encode()).hexdigest()[:16]
    return f"projets/{nom}.html"


class ProjetsALaDate:
    """The projects at one measure date, found by their identifier."""

    def __init__(self, du_jour: Callable[[str], pl.DataFrame], noms: Mapping[str, str]) -> None:
        """`du_jour`: a table at the date. `noms`: porteur → its name."""
        conditions = par_cle(du_jour("conditions_solde"), "projet")
        self._aptitudes = du_jour("verifications_aptitude")
        self._lignes = {
            c["projet"]: {
                **c,
                "page": page_du_projet(c["projet"]),
                "nom_porteur": noms.get(c["porteur"], c["porteur"]),
                "conditions": {x["condition"]: x for x in conditions.get(c["projet"], ())},
                "nb_bloquants": c["nb_essms"] - c["nb_essms_a_la_cible"] - c["nb_essms_a_confirmer"],
            }
            for c in du_jour("conventions").iter_rows(named=True)
        }
        for ligne in self._lignes.values():
            ligne["etat"] = etat_du_solde(ligne, {n: x["etat"] for n, x in ligne["conditions"].items()})

    def trouver(self, projet: str) -> Ligne | None:
        """A project by its identifier."""
        return self._lignes.get(projet)

    def liste(self, porteur: str | None = None) -> list[Ligne]:
        """The projects (of a porteur), the highest balance first, then those that fewest ESSMS keep from it."""
        return sorted(
            (ligne for ligne in self._lignes.values() if porteur in (None, ligne["porteur"])),
            key=lambda c: (
                -(_SANS_MONTANT if c["solde"] is None else c["solde"]),
                c["nb_bloquants"],
                c["nb_essms_a_confirmer"],
                c["projet"],
            ),
        )

    def aptitudes(self, **filtres: Any) -> list[tuple[str | None, list[Ligne]]]:
        """The vérifications d'aptitude by entité juridique, those that are blocked first; `filtres`: columns and values."""
        lignes = self._aptitudes.filter(*(pl.col(c) == v for c, v in filtres.items())).sort(
            "finess_ej", pl.col("etat") == "pret", "finess_et", nulls_last=True
        )
        return list(par_cle(lignes, "finess_ej").items())
