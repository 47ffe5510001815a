"""What was handed out, evidence bundles and attestations, and the versions they cite: retention never removes these
(specification §2, §3 `preuve` and `attestation`).

    curated/preuves/<début du sha256>.json   SHA-256 of the file, what it is about, versions it cites

One small file each, written whole before the bundle or the page is released: a kill leaves a version cited too many, never
one missing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from flows.disque import remplacer
from flows.versions.manifeste import ErreurPublication

_DOSSIER = "preuves"


def inscrire_preuve(
    curated: Path, *, sha256: str, sujet: Mapping[str, str], versions: list[str], cree_le: datetime
) -> None:
    """Register a file that is handed out and the versions it cites.

    `sujet`: `finess_et` or `projet`, `date_mesure`; of an attestation also `preuve`, the SHA-256 of the bundle that it cites.
    """
    dossier = curated / _DOSSIER
    dossier.mkdir(exist_ok=True)
    contenu = {
        "sha256": sha256,
        **sujet,
        "versions": versions,
        "cree_le": cree_le.isoformat(),
    }
    provisoire = dossier / f".{sha256[:32]}"
    provisoire.write_text(json.dumps(contenu, indent=2) + "\n", encoding="utf-8")
    remplacer(provisoire, dossier / f"{sha256[:32]}.json")


def lire_preuves(curated: Path) -> list[dict[str, Any]]:
    """What was handed out (keys of `inscrire_preuve`, those of `sujet` among them).

    Raises `ErreurPublication` when one cannot be read.
    """
    preuves = []
    for fichier in sorted((curated / _DOSSIER).glob("*.json")):
        try:
            contenu = json.loads(fichier.read_text(encoding="utf-8"))
            preuves.append({**contenu, "versions": [str(v) for v in contenu["versions"]]})
        except (ValueError, KeyError, TypeError) as erreur:
            raise ErreurPublication(
                f"{fichier} est illisible : aucune version n'est retirée tant que ce fichier n'est pas restauré."
            ) from erreur
    return preuves


def versions_citees(curated: Path) -> set[str]:
    """The versions that a bundle or an attestation cites."""
    return {version for preuve in lire_preuves(curated) for version in preuve["versions"]}
