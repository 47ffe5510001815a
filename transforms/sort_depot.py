"""The fate of a deposit, the same for its examination, the register, the acknowledgement and the table `depots` (§7)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

# Refusals that wait for the agency, not for the porteur.
_EN_ATTENTE = ("REGISTRE_A_CORRIGER", "PROFIL_INCONNU")


@dataclass(frozen=True)
class SortDepot:
    """`motif`: code of the refusal, None when accepted. `lignes_lues` = `lignes_utilisees` + `lignes_rejetees`.

    `lignes_hors_projet` (of structures that are not in the project, or set aside in the register) are among the rejected ones.
    """

    motif: str | None
    lignes_lues: int = 0
    lignes_utilisees: int = 0
    lignes_rejetees: int = 0
    lignes_hors_projet: int = 0

    @property
    def lignes_a_corriger(self) -> int:
        """The rejected rows that the porteur can do something about (§5)."""
        return self.lignes_rejetees - self.lignes_hors_projet

    @property
    def statut(self) -> str:
        """`accepte`, `accepte_avec_rejets`, `refuse` or `en_attente`; rows outside the project change nothing (§5)."""
        if self.motif:
            return "en_attente" if self.motif in _EN_ATTENTE else "refuse"
        return "accepte_avec_rejets" if self.lignes_a_corriger else "accepte"

    def en_donnees(self) -> dict[str, Any]:
        """The columns of `depots` that tell it, in their order."""
        return {"statut": self.statut, **asdict(self)}


def sort_du_fichier(statuts: Iterable[str]) -> str:
    """The status of a whole file from those of its parts that are new: `deja_recu` when none is."""
    distincts = set(statuts) - {"deja_recu"}
    if len(distincts) < 2:
        return distincts.pop() if distincts else "deja_recu"
    return "accepte_avec_rejets"
