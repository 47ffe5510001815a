"""The published versions as readers find them (specification §2): which one is current, and how to hold it."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from math import inf
from pathlib import Path

from flows.versions.manifeste import MAILLON, MANIFESTE, ErreurPublication, comprendre_maillon

CATALOGUE = "catalogue.duckdb"

EN_COURS = ".en_cours"
LIEN_EN_ATTENTE = ".actuel."

FORME_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,99}")

journal_versions = logging.getLogger("duimetre.publication")


class LienInvalide(ErreurPublication):
    """`curated/actuel` does not lead to a published version."""


@dataclass(frozen=True)
class Version:
    """A published version. `cree_le` is None when its link of the chain cannot be read."""

    id: str
    dossier: Path
    cree_le: datetime | None
    actuelle: bool


def actuelle(curated: Path) -> Path | None:
    """The directory of the current version, None before the first publication.

    Raises LienInvalide when the link is foreign or dangling, or gone although versions are there: going on as if there
    were no previous version would lose the measures it carries over.
    """
    id_version = id_du_lien(curated)
    if id_version is None:
        if lister_versions(curated):
            raise LienInvalide(
                f"Le lien {curated / 'actuel'} a disparu alors que des versions sont publiées. "
                "Le rétablir avec « duimetre revenir <version> »."
            )
        return None
    dossier = curated / "versions" / id_version
    if not (dossier / MANIFESTE).is_file():
        raise LienInvalide(
            f"Le lien {curated / 'actuel'} mène à une version absente ou incomplète ({id_version}). "
            "La restaurer depuis une sauvegarde, ou choisir une autre version avec « duimetre revenir <version> »."
        )
    return dossier


def lister_versions(curated: Path) -> list[Version]:
    """The published versions, oldest first; a version whose publication was interrupted is not one."""
    versions = curated / "versions"
    if not versions.is_dir():
        return []
    en_attente = set(liens_en_attente(curated))
    courante = cible_du_lien(curated)
    trouvees = [
        Version(dossier.name, dossier, _cree_le(dossier), courante == cible_pour(dossier.name))
        for dossier in versions.iterdir()
        if FORME_ID.fullmatch(dossier.name) and dossier.is_dir() and dossier.name not in en_attente
    ]
    return sorted(trouvees, key=lambda version: (version.cree_le.timestamp() if version.cree_le else inf, version.id))


@contextmanager
def lecture(curated: Path) -> Iterator[Path]:
    """Hold the current version while reading it: yields its directory, which retention leaves alone meanwhile.

    Raises LienInvalide when nothing is published.
    """
    descripteur, version = _ouvrir_actuelle(curated)
    try:
        yield version
    finally:
        os.close(descripteur)


def cible_pour(id_version: str) -> str:
    """Where `actuel` leads when this version is the current one."""
    return f"versions/{id_version}"


def cible_du_lien(curated: Path) -> str | None:
    """Where `actuel` leads, None when it is not there; LienInvalide when it is no link."""
    try:
        return str((curated / "actuel").readlink())
    except FileNotFoundError:
        return None
    except OSError as erreur:
        if erreur.errno != errno.EINVAL:
            raise
        raise LienInvalide(
            f"{curated / 'actuel'} doit être un lien vers une version. "
            "Le renommer, puis « duimetre revenir <version> »."
        ) from erreur


def id_du_lien(curated: Path) -> str | None:
    """The version that `actuel` names, None when it is not there; LienInvalide when it leads elsewhere."""
    cible = cible_du_lien(curated)
    if cible is None:
        return None
    id_version = cible.removeprefix("versions/")
    if cible != cible_pour(id_version) or not FORME_ID.fullmatch(id_version):
        raise LienInvalide(
            f"Le lien {curated / 'actuel'} mène hors des versions ({cible}). "
            "Le rétablir avec « duimetre revenir <version> »."
        )
    return id_version


def id_en_cours(nouvelle: Path) -> str:
    """The identifier of the version being built in this directory."""
    return nouvelle.name.removeprefix(".").removesuffix(EN_COURS)


def liens_en_attente(curated: Path) -> list[str]:
    """The versions renamed into place whose swap did not happen."""
    return [lien.name.removeprefix(LIEN_EN_ATTENTE) for lien in curated.glob(f"{LIEN_EN_ATTENTE}*")]


def _cree_le(dossier: Path) -> datetime | None:
    try:
        return comprendre_maillon((dossier / MAILLON).read_bytes()).cree_le
    except (OSError, ValueError):
        return None


def _ouvrir_actuelle(curated: Path) -> tuple[int, Path]:
    while True:
        version = actuelle(curated)
        if version is None:
            raise LienInvalide("Aucune version n'est encore publiée. Lancer « duimetre nuit ».")
        # Between the resolution of the link and the lock the version may have been removed: then the link has moved.
        with suppress(FileNotFoundError):
            descripteur = os.open(version, os.O_RDONLY | os.O_DIRECTORY)
            try:
                # Where the file system has no such lock the delay of `conserver` protects the reader.
                with suppress(OSError):
                    fcntl.flock(descripteur, fcntl.LOCK_SH)
                if os.path.samestat(os.fstat(descripteur), version.stat()):
                    return descripteur, version
            except BaseException:
                os.close(descripteur)
                raise
            os.close(descripteur)
