"""Immutable versions and their atomic publication (specification §2, §7, §8; retention and chain of versions).

    curated/versions/<id>/…        one directory per publication, never changed once published
    curated/actuel                 relative symlink to the current one
    curated/chaine/<id>.json       what remains of a version that retention removed: its link of the chain
    curated/versions/.reserve      directories of the version removed last, for the next one

A publication is, under the lock of the night: `preparer_version`, write the tables, `construire_catalogue`, `reporter`,
`sceller`, `publier`, then `conserver`. Everything happens in `versions/.<id>.en_cours` until the last two renames;
the second one, of the symlink, is the publication. `versions/.<id>.en_cours` and `.actuel.<id>` are what a killed run
leaves and what the next `preparer_version` sweeps.

For readers: the symlink moves while they read, so resolve it once, not once per file. Opening
`curated/actuel/catalogue.duckdb` read-only does (its views name the files of their own version); so does
`lecture(curated)`, which also holds the version against retention. A glob such as `curated/actuel/indicateurs/**`
does not.
"""

from __future__ import annotations

import errno
import filecmp
import os
import shutil
import stat
from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from typing import Any

from flows.disque import rendre_durable, rendre_durables
from flows.versions.chaine import verifier_version
from flows.versions.manifeste import (
    MAILLON,
    MANIFESTE,
    Inode,
    VersionInvalide,
    ecrire_neuf,
    empreinte_fichier,
    fichiers_du_manifeste,
    octets_json,
    parcourir_version,
    reference,
    sha256_de,
)
from flows.versions.retention import A_SUPPRIMER, RESERVE
from flows.versions.version import (
    EN_COURS,
    FORME_ID,
    LIEN_EN_ATTENTE,
    LienInvalide,
    cible_du_lien,
    cible_pour,
    id_du_lien,
    id_en_cours,
    journal_versions,
    liens_en_attente,
    lister_versions,
)
from schemas.curated import PARTITION

# A name of its own: a leftover `.actuel.<id>` condemns the version <id>, which a return must never do.
_LIEN_DE_RETOUR = ".retour"
_CLES_RESERVEES = frozenset({"version", "cree_le", "precedente", "fichiers"})
_SANS_LIEN_DUR = frozenset({errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})


def preparer_version(curated: Path, id_version: str) -> Path:
    """Sweep what killed runs left and return the empty directory where version `id_version` is to be built.

    The caller holds the lock of the night. Raises VersionInvalide when the identifier is malformed or already
    published.
    """
    if not FORME_ID.fullmatch(id_version):
        raise VersionInvalide(f"Identifiant de version invalide : {id_version!r}.")
    versions = curated / "versions"
    versions.mkdir(parents=True, exist_ok=True)
    _balayer(curated)
    if (versions / id_version).exists():
        raise VersionInvalide(f"La version {id_version} existe déjà : une version publiée ne change plus.")
    nouvelle = versions / f".{id_version}{EN_COURS}"
    nouvelle.mkdir()
    return nouvelle


def reporter(precedente: Path, nouvelle: Path, *, sauf: Collection[date] = ()) -> int:
    """Carry the partitions of the previous version over into the new one; returns the number of files.

    Hard links where the file system has them, copies elsewhere. Left out: the measure dates in `sauf` (computed again:
    a table without a row for such a date must not keep its former ones) and partitions already in `nouvelle`. A
    partition that the version removed last holds with the very same files is taken from there.
    """
    reserve = nouvelle.parent / RESERVE
    exclues = {f"{PARTITION}={jour.isoformat()}" for jour in sauf}
    reportes = 0
    for table in _sous_dossiers(precedente):
        vers = nouvelle / table.name
        deja = {partition.name for partition in _sous_dossiers(vers)} | exclues
        for partition in _sous_dossiers(table):
            if not partition.name.startswith(f"{PARTITION}=") or partition.name in deja:
                continue
            vers.mkdir(parents=True, exist_ok=True)
            cible = f"{vers}/{partition.name}"
            fichiers = _inodes(partition.path)
            if not _reprendre(f"{reserve}/{table.name}/{partition.name}", fichiers, cible):
                os.mkdir(cible)  # noqa: PTH102 - thousands of them
                for nom in fichiers:
                    _lier(f"{partition.path}/{nom}", f"{cible}/{nom}")
            reportes += len(fichiers)
    if reserve.exists():
        shutil.rmtree(reserve)
    return reportes


def _reprendre(ancienne: str, fichiers: Mapping[str, Inode], cible: str) -> bool:
    """Move the partition `ancienne` to `cible`, if it holds `fichiers` and nothing else; False when it does not."""
    try:
        if _inodes(ancienne) != fichiers:
            return False
        os.rename(ancienne, cible)  # noqa: PTH104 - thousands of them
    except OSError:
        return False
    return True


def _inodes(dossier: str) -> dict[str, Inode]:
    with os.scandir(dossier) as entrees:
        vus = {e.name: e.stat(follow_symlinks=False) for e in entrees}
    return {nom: (vu.st_dev, vu.st_ino) for nom, vu in vus.items()}


def _sous_dossiers(dossier: Path | os.DirEntry[str]) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(dossier) as entrees:
            return sorted((e for e in entrees if e.is_dir(follow_symlinks=False)), key=lambda e: e.name)
    except FileNotFoundError:
        return []


def sceller(nouvelle: Path, *, cree_le: datetime, precedente: Path | None, contenu: Mapping[str, Any]) -> None:
    """Write the manifest of a version, make its files read-only and durable; nothing may be added to it afterwards.

    `manifeste.json` holds `version`, `cree_le` (given, with its offset), `precedente` (version and SHA-256 of its
    manifest, null for the first), `fichiers` (path → `taille_octets`, `sha256`) and the keys of `contenu` (`entrees`,
    `regles`, `code`…). `maillon.json` is the link of the chain: SHA-256 of the manifest and of the previous link,
    small enough to be kept for ever. Files hard-linked from `precedente` keep the hash of its manifest and are not
    read again; a file that was written again as it was becomes such a link. Raises ValueError when `contenu` has a
    reserved key or `cree_le` no offset, VersionInvalide when the tree holds something else than files and directories or
    `precedente` cannot be read, OSError.
    """
    if reservees := _CLES_RESERVEES & contenu.keys():
        raise ValueError(f"reserved keys of the manifest: {sorted(reservees)}")
    if cree_le.utcoffset() is None:
        raise ValueError("cree_le needs an offset")
    id_version = id_en_cours(nouvelle)
    fichiers, dossiers = parcourir_version(nouvelle)
    connus = fichiers_du_manifeste(precedente) if precedente else {}
    inventaire: dict[str, dict[str, Any]] = {}
    reportes: set[str] = set()
    for chemin, inode in fichiers.items():
        if precedente and chemin in connus and inode == _inode(f"{precedente}/{chemin}"):
            inventaire[chemin] = connus[chemin]
            reportes.add(chemin)
            continue
        inventaire[chemin] = empreinte_fichier(nouvelle / chemin)
        if (
            precedente
            and connus.get(chemin) == inventaire[chemin]
            and _partager(precedente / chemin, nouvelle / chemin)
        ):
            reportes.add(chemin)
    commun = {"version": id_version, "cree_le": cree_le.isoformat()}
    manifeste = octets_json(
        {**contenu, **commun, "precedente": reference(precedente, MANIFESTE), "fichiers": inventaire}
    )
    maillon = octets_json(
        {**commun, "precedente": reference(precedente, MAILLON), "manifeste_sha256": sha256_de(manifeste)}
    )
    ecrire_neuf(nouvelle / MANIFESTE, manifeste)
    ecrire_neuf(nouvelle / MAILLON, maillon)
    for chemin in [*(fichiers.keys() - reportes), MANIFESTE, MAILLON]:
        fichier = nouvelle / chemin
        fichier.chmod(stat.S_IMODE(fichier.stat().st_mode) & ~0o222)
        rendre_durable(fichier)
    rendre_durables(nouvelle, dossiers)


def publier(curated: Path, nouvelle: Path) -> Path:
    """Publish a sealed version: rename it into place, then swap `actuel`; returns its directory.

    An exception means that `actuel` has not moved (OSError; VersionInvalide when the version is not sealed). Once it
    has, only its durability may still fail: that is logged, since readers already see the new version.
    """
    id_version = id_en_cours(nouvelle)
    if not (nouvelle / MAILLON).is_file():
        raise VersionInvalide(f"La version {id_version} n'est pas scellée.")
    versions = curated / "versions"
    en_attente = curated / f"{LIEN_EN_ATTENTE}{id_version}"
    # While this link exists the version is not published: the swap itself removes it.
    en_attente.symlink_to(cible_pour(id_version))
    rendre_durable(curated)
    publiee = nouvelle.rename(versions / id_version)
    rendre_durable(versions)
    _permuter(curated, en_attente)
    return publiee


def revenir(curated: Path, id_version: str) -> Path:
    """Make a published version the current one again; returns its directory. The caller holds the lock of the night.

    The versions published since stay, but the next night starts from this one: it carries over this one's measures
    only. Raises VersionInvalide when the version is unknown or no longer whole.
    """
    if (curated / "versions").is_dir():
        _balayer(curated)
    choisie = next((version for version in lister_versions(curated) if version.id == id_version), None)
    if choisie is None:
        raise VersionInvalide(
            f"La version {id_version} n'est pas publiée ici. « duimetre versions » donne la liste des versions."
        )
    if problemes := verifier_version(choisie.dossier):
        raise VersionInvalide(
            f"La version {id_version} n'est plus entière : {' ; '.join(problemes[:3])}. "
            "Choisir une autre version ou la restaurer depuis une sauvegarde."
        )
    retour = curated / _LIEN_DE_RETOUR
    retour.symlink_to(cible_pour(id_version))
    _permuter(curated, retour)
    return choisie.dossier


def _balayer(curated: Path) -> None:
    versions = curated / "versions"
    courante = cible_du_lien(curated)
    for id_version in liens_en_attente(curated):
        dossier = versions / id_version
        if FORME_ID.fullmatch(id_version) and dossier.is_dir() and courante != cible_pour(id_version):
            shutil.rmtree(dossier)
            rendre_durable(versions)
        (curated / f"{LIEN_EN_ATTENTE}{id_version}").unlink()
    (curated / _LIEN_DE_RETOUR).unlink(missing_ok=True)
    for suffixe in (EN_COURS, A_SUPPRIMER):
        for reste in versions.glob(f".*{suffixe}"):
            shutil.rmtree(reste)


def _permuter(curated: Path, lien: Path) -> None:
    with suppress(LienInvalide, FileNotFoundError):
        if precedente := id_du_lien(curated):
            # The time of a version's directory says until when it was current (see `conserver`).
            os.utime(curated / cible_pour(precedente))
    lien.replace(curated / "actuel")
    try:
        rendre_durable(curated)
    except OSError as erreur:
        journal_versions.warning(
            "Version publiée, mais le disque n'a pas confirmé l'écriture du lien : %s", erreur.strerror
        )


def _lier(source: str, cible: str) -> None:
    try:
        os.link(source, cible)
    except OSError as erreur:
        if erreur.errno not in _SANS_LIEN_DUR:
            raise
        shutil.copyfile(source, cible)


def _inode(chemin: str) -> Inode | None:
    try:
        vu = os.lstat(chemin)
    except FileNotFoundError:
        return None
    return vu.st_dev, vu.st_ino


def _partager(ancien: Path, nouveau: Path) -> bool:
    """Put a hard link to `ancien` in the place of `nouveau`, if it has the same content; False where that cannot be."""
    provisoire = nouveau.with_name(f".{nouveau.name}.lien")
    try:
        if not filecmp.cmp(ancien, nouveau, shallow=False):  # damaged since
            return False
        os.link(ancien, provisoire)
    except OSError as erreur:
        if erreur.errno not in {*_SANS_LIEN_DUR, errno.ENOENT}:
            raise
        return False
    provisoire.replace(nouveau)
    return True
