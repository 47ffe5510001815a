"""Versions cited by an evidence bundle: retention never removes them (specification §2, §3 `preuve`).

    curated/preuves/<début du sha256>.json   what was handed out: bundle, its SHA-256, figure, versions it cites

One small file per bundle, written whole before the bundle is released: a kill leaves a version cited too many, never one missing.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from flows.disque import remplacer
from flows.versions.manifeste import ErreurPublication

_DOSSIER = "preuves"


def inscrire_preuve(
    curated: Path, *, sha256: str, finess_et: str, date_mesure: str, versions: list[str], cree_le: datetime
) -> None:
    """Register a bundle and the versions it cites."""
    dossier = curated / _DOSSIER
    dossier.mkdir(exist_ok=True)
    contenu = {
        "sha256": sha256,
        "finess_et": finess_et,
        "date_mesure": date_mesure,
        "versions": versions,
        "cree_le": cree_le.isoformat(),
    }
    provisoire = dossier / f".{sha256[:32]}"
    provisoire.write_text(json.dumps(contenu, indent=2) + "\n", encoding="utf-8")
    remplacer(provisoire, dossier / f"{sha256[:32]}.json")


def lire_preuves(curated: Path) -> list[dict[str, Any]]:
    """The bundles handed out (keys of `inscrire_preuve`). Raises `ErreurPublication` when one cannot be read."""
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
    """The versions that a bundle cites."""
    return {version for preuve in lire_preuves(curated) for version in preuve["versions"]}
