"""Do the lock files still answer pyproject.toml? Offline: `python tests/outils/verrous.py [FOLDER]`, exit 1 when not."""

from __future__ import annotations

import re
import sys
import tomllib
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

EPINGLE = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", re.MULTILINE)
# Lock → the extras it installs besides the dependencies.
VERROUS = {"requirements.lock": ("install",), "requirements-dev.lock": ("install", "dev")}


def epingles(verrou: Path) -> Mapping[str, frozenset[Version]]:
    """Pinned versions by canonical name; several where they depend on the platform."""
    versions: dict[str, set[Version]] = defaultdict(set)
    for nom, version in EPINGLE.findall(verrou.read_text(encoding="utf-8")):
        versions[canonicalize_name(nom)].add(Version(version))
    return {nom: frozenset(v) for nom, v in versions.items()}


def ecarts(dossier: Path) -> list[str]:
    """What the locks of `dossier` lack or contradict, in French, one sentence each; empty when they are fresh."""
    projet = tomllib.loads((dossier / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    phrases, poses = [], {nom: epingles(dossier / nom) for nom in VERROUS}
    for nom, extras in VERROUS.items():
        demandes = [*projet["dependencies"], *(d for e in extras for d in projet["optional-dependencies"][e])]
        for demande in map(Requirement, demandes):
            versions = poses[nom].get(canonicalize_name(demande.name), frozenset())
            if not versions:
                phrases.append(f"{nom} : {demande.name} manque.")
            phrases += [
                f"{nom} : {demande.name} {v} ne convient pas à « {demande} »."
                for v in sorted(versions)
                if not demande.specifier.contains(v, prereleases=True)
            ]
    base, dev = poses.values()
    phrases += [f"Les deux verrous n'ont pas la même version de {n}." for n in sorted(base) if dev.get(n) != base[n]]
    return phrases


if __name__ == "__main__":
    trouves = ecarts(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[2])
    if trouves:
        sys.exit("\n".join([*trouves, "Lancez « make lock »."]))
