"""What seals a version: the inventory of its files (`manifeste.json`) and its link of the chain (`maillon.json`)."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from schemas.erreurs import ErreurDite

MANIFESTE = "manifeste.json"
MAILLON = "maillon.json"
COLONNES = "colonnes"

# Device and number of a file: the same pair, the same content.
Inode = tuple[int, int]


class ErreurPublication(ErreurDite):
    """Something about the versions that the operator must look at; the message (French) says what to do."""


class VersionInvalide(ErreurPublication):
    """A version is missing, damaged, or may not be made."""


class Maillon(NamedTuple):
    """One link of the chain of versions."""

    version: str
    cree_le: datetime
    manifeste_sha256: str
    precedente: str | None
    precedente_sha256: str | None


def comprendre_maillon(octets: bytes) -> Maillon:
    """Parse a link of the chain; ValueError when it is not one."""
    try:
        lu = json.loads(octets)
        precedente = lu["precedente"] or {"version": None, "sha256": None}
        cree_le = datetime.fromisoformat(lu["cree_le"])
        maillon = Maillon(lu["version"], cree_le, lu["manifeste_sha256"], precedente["version"], precedente["sha256"])
    except (KeyError, TypeError) as erreur:
        raise ValueError("not a link of the chain") from erreur
    if cree_le.utcoffset() is None or not isinstance(maillon.precedente, str | None):
        raise ValueError("not a link of the chain")
    return maillon


def ecrire_neuf(chemin: Path, octets: bytes) -> None:
    """Write a file that is not there yet."""
    with chemin.open("xb") as flux:
        flux.write(octets)


def octets_json(valeur: Mapping[str, Any]) -> bytes:
    """One line per input and per file: people compare two of them, and there may be tens of thousands."""
    return ("{\n" + ",\n".join(f"{_ligne(cle)}: {_bloc(valeur[cle])}" for cle in sorted(valeur)) + "\n}\n").encode()


def _bloc(valeur: Any) -> str:
    if valeur and isinstance(valeur, list):
        return "[\n  " + ",\n  ".join(map(_ligne, valeur)) + "\n]"
    if valeur and isinstance(valeur, Mapping):
        return "{\n  " + ",\n  ".join(f"{_ligne(cle)}: {_ligne(valeur[cle])}" for cle in sorted(valeur)) + "\n}"
    return _ligne(valeur)


_ligne = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True).encode


def charger_json(octets: bytes) -> dict[str, Any]:
    """A JSON object; ValueError when it is something else."""
    valeur = json.loads(octets)
    if not isinstance(valeur, dict):
        raise ValueError("not a JSON object")
    return valeur


def sha256_de(octets: bytes) -> str:
    """SHA-256, in hexadecimal."""
    return hashlib.sha256(octets).hexdigest()


def empreinte_fichier(chemin: Path) -> dict[str, Any]:
    """What the inventory says of a file: `taille_octets`, `sha256`."""
    with chemin.open("rb") as flux:
        empreinte = hashlib.file_digest(flux, "sha256").hexdigest()
        return {"taille_octets": os.fstat(flux.fileno()).st_size, "sha256": empreinte}


def reference(precedente: Path | None, nom: str) -> dict[str, str] | None:
    """How a version names the one before: its identifier and the SHA-256 of its piece `nom`."""
    if precedente is None:
        return None
    return {"version": precedente.name, "sha256": sha256_de(lire_piece(precedente / nom))}


def lire_piece(chemin: Path) -> bytes:
    """The bytes of a manifest or link; VersionInvalide when it is not there."""
    try:
        return chemin.read_bytes()
    except FileNotFoundError as erreur:
        raise _illisible(chemin) from erreur


def contenu_du_manifeste(version: Path) -> dict[str, Any]:
    """The manifest of a version; VersionInvalide when it cannot be read."""
    try:
        return charger_json(lire_piece(version / MANIFESTE))
    except ValueError as erreur:
        raise _illisible(version / MANIFESTE) from erreur


def fichiers_du_manifeste(version: Path) -> dict[str, dict[str, Any]]:
    """The inventory of a version (path → `empreinte_fichier`); VersionInvalide when it cannot be read."""
    try:
        fichiers: dict[str, dict[str, Any]] = contenu_du_manifeste(version)["fichiers"]
    except KeyError as erreur:
        raise _illisible(version / MANIFESTE) from erreur
    return fichiers


def _illisible(chemin: Path) -> VersionInvalide:
    return VersionInvalide(
        f"{chemin.name} de la version {chemin.parent.name} est absent ou illisible. Restaurer cette version depuis une "
        "sauvegarde, ou choisir une autre version avec « duimetre revenir <version> »."
    )


def parcourir_version(version: Path) -> tuple[dict[str, Inode], list[str]]:
    """The files under a version (path relative to it → inode) and its directories."""
    fichiers: dict[str, Inode] = {}
    dossiers = [str(version)]
    for dossier in dossiers:  # grows while it is walked
        with os.scandir(dossier) as entrees:
            for entree in entrees:
                if entree.is_dir(follow_symlinks=False):
                    dossiers.append(entree.path)
                elif entree.is_file(follow_symlinks=False):
                    vu = entree.stat(follow_symlinks=False)
                    fichiers[entree.path[len(dossiers[0]) + 1 :]] = (vu.st_dev, vu.st_ino)
                else:
                    raise VersionInvalide(
                        f"{entree.path} n'est ni un fichier ni un dossier : une version n'en contient pas d'autre."
                    )
    return fichiers, dossiers
