"""Immutable versions and their atomic publication (specification §2, §7, §8; retention and chain of versions).

    curated/versions/<id>/…        one directory per publication, never changed once published
    curated/actuel                 relative symlink to the current one
    curated/chaine/<id>.json       what remains of a version that retention removed: its link of the chain
    curated/versions/.reserve      directories of the version removed last, for the next one

A publication is, under the lock of the night: `preparer`, write the tables, `construire_catalogue`, `reporter`,
`sceller`, `publier`, then `conserver`. Everything happens in `versions/.<id>.en_cours` until the last two renames;
the second one, of the symlink, is the publication. `versions/.<id>.en_cours` and `.actuel.<id>` are what a killed run
leaves and what the next `preparer` sweeps.

For readers: the symlink moves while they read, so resolve it once, not once per file. Opening
`curated/actuel/catalogue.duckdb` read-only does (its views name the files of their own version); so does
`lecture(curated)`, which also holds the version against retention. A glob such as `curated/actuel/indicateurs/**`
does not.
"""

from __future__ import annotations

import errno
import fcntl
import filecmp
import hashlib
import json
import logging
import os
import re
import shutil
import stat
import struct
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from flows.disque import rendre_durable, rendre_durables
from schemas.curated import PARTITION
from schemas.erreurs import ErreurDite

CATALOGUE = "catalogue.duckdb"
MANIFESTE = "manifeste.json"
MAILLON = "maillon.json"
COLONNES = "colonnes"

VARIABLE_DOSSIER = "duimetre_version"
"""DuckDB variable that tells the views of a catalogue where their version now is, when the data root was moved."""

VERSION_STOCKAGE = "v1.4.0"
"""Storage version of the catalogue: the oldest DuckDB client that must open it."""

_EN_COURS = ".en_cours"
_A_SUPPRIMER = ".a_supprimer"
# The version removed last: its partitions, thousands of directories, become those of the next version.
_RESERVE = ".reserve"
_LIEN_EN_ATTENTE = ".actuel."
# A name of its own: a leftover `.actuel.<id>` condemns the version <id>, which a return must never do.
_LIEN_DE_RETOUR = ".retour"

# Device and number of a file: the same pair, the same content.
_Inode = tuple[int, int]

_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,99}")
_CLES_RESERVEES = frozenset({"version", "cree_le", "precedente", "fichiers"})
_SANS_LIEN_DUR = frozenset({errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})

_journal = logging.getLogger("duimetre.publication")


class ErreurPublication(ErreurDite):
    """Something about the versions that the operator must look at; the message (French) says what to do."""


class LienInvalide(ErreurPublication):
    """`curated/actuel` does not lead to a published version."""


class VersionInvalide(ErreurPublication):
    """A version is missing, damaged, or may not be made."""


class VersionAbimee(VersionInvalide):
    """A version is no longer what was sealed; `fautes`: path of each damaged file ("" for the version itself), in French."""

    def __init__(self, dossier: Path, fautes: Sequence[tuple[str, str]]) -> None:
        jours = sorted({jour for chemin, _ in fautes if (jour := _date_du_fichier(chemin))})
        recalcul = "".join(f" --date-mesure {jour}" for jour in jours[:31])
        super().__init__(
            f"La version {dossier.name} n'est plus telle qu'elle a été publiée : "
            f"{' ; '.join(dit for _, dit in fautes[:3])}{' …' if len(fautes) > 3 else ''}. Remettre ses fichiers depuis "
            "une sauvegarde de curated/, ou choisir une version entière avec « duimetre revenir <version> »"
            + (f", ou recalculer avec « duimetre nuit{recalcul} »." if jours else ".")
        )
        self.fautes = fautes

    def touche(self, tables: Collection[str]) -> bool:
        """Whether the manifest or one of these tables is damaged."""
        return any(chemin.partition("/")[0] in ("", *tables) for chemin, _ in self.fautes)


@dataclass(frozen=True)
class ColonneVue:
    """A column of a view: name, DuckDB type, French description."""

    nom: str
    type_sql: str
    description: str


@dataclass(frozen=True)
class Vue:
    """A table of a version as the catalogue shows it.

    Its files are `<nom>/<PARTITION>=AAAA-MM-JJ/*.parquet` when `partitionnee`, else `<nom>/*.parquet`.
    """

    nom: str
    description: str
    colonnes: Sequence[ColonneVue]
    partitionnee: bool


@dataclass(frozen=True)
class Macro:
    """A ready question: a table macro over views of the catalogue.

    `tables`: the views that `requete` names. `relations`: other names of it, each with its query, which reads no file.
    """

    nom: str
    parametres: Sequence[str]
    description: str
    requete: str
    tables: Sequence[str]
    relations: Mapping[str, str]


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
    id_version = _id_du_lien(curated)
    if id_version is None:
        if lister(curated):
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


def lister(curated: Path) -> list[Version]:
    """The published versions, oldest first; a version whose publication was interrupted is not one."""
    versions = curated / "versions"
    if not versions.is_dir():
        return []
    en_attente = set(_liens_en_attente(curated))
    courante = _cible_du_lien(curated)
    trouvees = [
        Version(dossier.name, dossier, _cree_le(dossier), courante == _cible(dossier.name))
        for dossier in versions.iterdir()
        if _ID.fullmatch(dossier.name) and dossier.is_dir() and dossier.name not in en_attente
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


def preparer(curated: Path, id_version: str) -> Path:
    """Sweep what killed runs left and return the empty directory where version `id_version` is to be built.

    The caller holds the lock of the night. Raises VersionInvalide when the identifier is malformed or already
    published.
    """
    if not _ID.fullmatch(id_version):
        raise VersionInvalide(f"Identifiant de version invalide : {id_version!r}.")
    versions = curated / "versions"
    versions.mkdir(parents=True, exist_ok=True)
    _balayer(curated)
    if (versions / id_version).exists():
        raise VersionInvalide(f"La version {id_version} existe déjà : une version publiée ne change plus.")
    nouvelle = versions / f".{id_version}{_EN_COURS}"
    nouvelle.mkdir()
    return nouvelle


def reporter(precedente: Path, nouvelle: Path, *, sauf: Collection[date] = ()) -> int:
    """Carry the partitions of the previous version over into the new one; returns the number of files.

    Hard links where the file system has them, copies elsewhere. Left out: the measure dates in `sauf` (computed again:
    a table without a row for such a date must not keep its former ones) and partitions already in `nouvelle`. A
    partition that the version removed last holds with the very same files is taken from there.
    """
    reserve = nouvelle.parent / _RESERVE
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


def _reprendre(ancienne: str, fichiers: Mapping[str, _Inode], cible: str) -> bool:
    """Move the partition `ancienne` to `cible`, if it holds `fichiers` and nothing else; False when it does not."""
    try:
        if _inodes(ancienne) != fichiers:
            return False
        os.rename(ancienne, cible)  # noqa: PTH104 - thousands of them
    except OSError:
        return False
    return True


def _inodes(dossier: str) -> dict[str, _Inode]:
    with os.scandir(dossier) as entrees:
        vus = {e.name: e.stat(follow_symlinks=False) for e in entrees}
    return {nom: (vu.st_dev, vu.st_ino) for nom, vu in vus.items()}


def _sous_dossiers(dossier: Path | os.DirEntry[str]) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(dossier) as entrees:
            return sorted((e for e in entrees if e.is_dir(follow_symlinks=False)), key=lambda e: e.name)
    except FileNotFoundError:
        return []


def construire_catalogue(
    nouvelle: Path, vues: Sequence[Vue], macros: Sequence[Macro] = (), precedente: Path | None = None
) -> dict[str, list[list[str]]]:
    """Write `catalogue.duckdb` into a version being built: one documented view per table, and macros.

    Call it before `reporter`, so that it opens the files of tonight only, however long the history: what the partitions
    of `precedente` look like is taken from its manifest. Returns, for the manifest of this version (key `COLONNES`), the
    different sets of columns that the files of each partitioned table have.

    The views name the absolute path the version will have once published, so they work from any directory and stay
    with their version when `actuel` moves. If the data root is moved, a reader says where the version now is:
    `SET VARIABLE duimetre_version = '<new root>/curated/versions/<id>'` (VARIABLE_DOSSIER; `[`, `*` and `?` of the path
    between square brackets). A partitioned table's column that no file has yet is null; a table without a file is an
    empty view. The columns of a view are those declared, in their order. Raises duckdb.Error, VersionInvalide when
    `precedente` cannot be read.
    """
    catalogue = nouvelle / CATALOGUE
    publiee = nouvelle.parent / _id_en_cours(nouvelle)
    with duckdb.connect() as base:
        jeux = _jeux_de_colonnes(base, vues, nouvelle, precedente)
        # A view is bound when created: the variable shows it files that are there now.
        base.execute(f"SET VARIABLE {VARIABLE_DOSSIER} = {_chaine(_motif(nouvelle))}")
        base.execute(f"ATTACH {_chaine(str(catalogue))} AS {_nom('catalogue')} (STORAGE_VERSION '{VERSION_STOCKAGE}')")
        base.execute("USE catalogue")
        base.execute("BEGIN")  # one write to the disk, not one for each comment
        requetes = {vue.nom: _requete(vue, nouvelle, publiee, jeux.get(vue.nom, [])) for vue in vues}
        for vue in vues:
            base.execute(f"CREATE VIEW {_nom(vue.nom)} AS {requetes[vue.nom]}")
            base.execute(f"COMMENT ON VIEW {_nom(vue.nom)} IS {_chaine(vue.description)}")
            for colonne in vue.colonnes:
                cible = f"{_nom(vue.nom)}.{_nom(colonne.nom)}"
                base.execute(f"COMMENT ON COLUMN {cible} IS {_chaine(colonne.description)}")
        for macro in macros:
            # A name in a macro is looked up where it is called: with its own queries it works under any ATTACH.
            noms = {table: requetes[table] for table in macro.tables} | dict(macro.relations)
            sources = ", ".join(f"{_nom(nom)} AS ({requete})" for nom, requete in noms.items())
            base.execute(
                f"CREATE MACRO {_nom(macro.nom)}({', '.join(macro.parametres)}) AS TABLE WITH {sources} {macro.requete}"
            )
            base.execute(f"COMMENT ON MACRO TABLE {_nom(macro.nom)} IS {_chaine(macro.description)}")
        base.execute("COMMIT")
        base.execute("USE memory")
        base.execute("DETACH catalogue")
    return jeux


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
    id_version = _id_en_cours(nouvelle)
    fichiers, dossiers = _parcourir(nouvelle)
    connus = _fichiers_du_manifeste(precedente) if precedente else {}
    inventaire: dict[str, dict[str, Any]] = {}
    reportes: set[str] = set()
    for chemin, inode in fichiers.items():
        if precedente and chemin in connus and inode == _inode(f"{precedente}/{chemin}"):
            inventaire[chemin] = connus[chemin]
            reportes.add(chemin)
            continue
        inventaire[chemin] = _empreinte_fichier(nouvelle / chemin)
        if (
            precedente
            and connus.get(chemin) == inventaire[chemin]
            and _partager(precedente / chemin, nouvelle / chemin)
        ):
            reportes.add(chemin)
    commun = {"version": id_version, "cree_le": cree_le.isoformat()}
    manifeste = _json({**contenu, **commun, "precedente": _reference(precedente, MANIFESTE), "fichiers": inventaire})
    maillon = _json({**commun, "precedente": _reference(precedente, MAILLON), "manifeste_sha256": _sha256(manifeste)})
    _ecrire(nouvelle / MANIFESTE, manifeste)
    _ecrire(nouvelle / MAILLON, maillon)
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
    id_version = _id_en_cours(nouvelle)
    if not (nouvelle / MAILLON).is_file():
        raise VersionInvalide(f"La version {id_version} n'est pas scellée.")
    versions = curated / "versions"
    en_attente = curated / f"{_LIEN_EN_ATTENTE}{id_version}"
    # While this link exists the version is not published: the swap itself removes it.
    en_attente.symlink_to(_cible(id_version))
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
    choisie = next((version for version in lister(curated) if version.id == id_version), None)
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
    retour.symlink_to(_cible(id_version))
    _permuter(curated, retour)
    return choisie.dossier


def conserver(
    curated: Path,
    *,
    maintenant: datetime,
    nuits: int = 30,
    delai: timedelta = timedelta(hours=48),
    epingles: Collection[str] = (),
) -> list[str]:
    """Remove the versions nobody needs any more; returns their identifiers. The caller holds the lock of the night.

    Kept: the versions of the last `nuits` days that had a publication; for ever, of each month, the last version of
    its first day with a publication (what readers had at the end of that day; the 1st, unless its night failed), days
    being those of `cree_le`; the current version; `epingles` (cited by an evidence bundle); a version in use
    (`lecture`, or any DuckDB client that has its catalogue open, as far as the file system shows its lock); a version
    that was current less than `delai` ago, for readers that take no lock; a version that cannot be read. What cannot
    be removed is logged and tried again next time.
    """
    versions = lister(curated)
    gardees = {version.id for version in versions if version.actuelle or version.cree_le is None}
    gardees |= _dernieres_nuits(versions, nuits) | _premieres_du_mois(versions) | set(epingles)
    limite = (maintenant - delai).timestamp()
    supprimees = []
    for version in versions:
        if version.id in gardees:
            continue
        try:
            if version.dossier.stat().st_mtime <= limite and _supprimer(curated, version.dossier):
                supprimees.append(version.id)
        except OSError as erreur:
            _journal.warning("La version %s n'a pas pu être supprimée : %s", version.id, erreur.strerror)
    return supprimees


def verifier_version(dossier: Path) -> list[str]:
    """What is wrong with one version, in French: files missing, added or changed since sealing; empty when whole."""
    return [dit for _, dit in _examiner(dossier, {})]


def abimee(version: Path, empreintes: dict[_Inode, dict[str, Any]] | None = None) -> VersionAbimee | None:
    """That a version is no longer what was sealed, and what to do; None when it is whole. Reads all its files.

    `empreintes` remembers what was read, for the files that versions share.
    """
    fautes = _examiner(version, {} if empreintes is None else empreintes)
    return VersionAbimee(version, fautes) if fautes else None


def controler(curated: Path, publiee: Path, *, sauf: Collection[date], rang: int) -> list[str]:
    """What is wrong with the current version and with one other (the `rang`-th, turning), in French; each file is read once.

    Raises VersionAbimee when the next version would carry over what is damaged: its manifest, or a partition that is not
    among the measure dates `sauf`, which are computed again. So are all other files.
    """
    empreintes: dict[_Inode, dict[str, Any]] = {}
    refaits = {None, *(jour.isoformat() for jour in sauf)}
    constats = []
    if abime := abimee(publiee, empreintes):
        if any(not chemin or _date_du_fichier(chemin) not in refaits for chemin, _ in abime.fautes):
            raise abime
        constats.append(f"{abime} Cette nuit refait ce qui est abîmé.")
    if autres := [version.dossier for version in lister(curated) if version.dossier != publiee]:
        autre = autres[rang % len(autres)]
        if fautes := _examiner(autre, empreintes):
            constats.append(
                f"La version {autre.name}, qui n'est plus l'actuelle, a changé : {fautes[0][1]}. La remettre depuis une "
                "sauvegarde de curated/. Tout voir : « duimetre versions --verifier »."
            )
    return constats


def _date_du_fichier(chemin: str) -> str | None:
    """The measure date (AAAA-MM-JJ) of a file of a version, None when it is about all of them."""
    trouve = re.match(rf"[^/]+/{PARTITION}=([^/]+)/", chemin)
    return trouve[1] if trouve else None


def verifier_chaine(curated: Path) -> list[str]:
    """What is wrong with the versions and their chain, in French; empty when everything is as it was published.

    Every file against its manifest (a hard-linked file is read once), every manifest and link against the ones before,
    removed versions included.
    """
    versions = lister(curated)
    maillons, problemes = _rassembler_maillons(curated, versions)
    premieres = sorted(id_version for id_version, (maillon, _) in maillons.items() if maillon.precedente is None)
    if len(premieres) > 1:
        problemes.append(f"la chaîne a plusieurs débuts : {', '.join(premieres)}")
    for id_version, (maillon, _) in sorted(maillons.items()):
        if maillon.precedente is None:
            continue
        if maillon.precedente not in maillons:
            problemes.append(f"{id_version} : le maillon de la version précédente {maillon.precedente} manque")
        elif maillons[maillon.precedente][1] != maillon.precedente_sha256:
            problemes.append(f"{id_version} : le maillon de la version précédente {maillon.precedente} a changé")
    empreintes: dict[_Inode, dict[str, Any]] = {}
    for version in versions:
        problemes += [f"{version.id} : {dit}" for _, dit in _examiner(version.dossier, empreintes)]
    try:
        actuelle(curated)
    except LienInvalide as erreur:
        problemes.append(str(erreur))
    return problemes


def _cible(id_version: str) -> str:
    return f"versions/{id_version}"


def _cible_du_lien(curated: Path) -> str | None:
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


def _id_du_lien(curated: Path) -> str | None:
    cible = _cible_du_lien(curated)
    if cible is None:
        return None
    id_version = cible.removeprefix("versions/")
    if cible != _cible(id_version) or not _ID.fullmatch(id_version):
        raise LienInvalide(
            f"Le lien {curated / 'actuel'} mène hors des versions ({cible}). "
            "Le rétablir avec « duimetre revenir <version> »."
        )
    return id_version


def _id_en_cours(nouvelle: Path) -> str:
    return nouvelle.name.removeprefix(".").removesuffix(_EN_COURS)


def _liens_en_attente(curated: Path) -> list[str]:
    return [lien.name.removeprefix(_LIEN_EN_ATTENTE) for lien in curated.glob(f"{_LIEN_EN_ATTENTE}*")]


def _cree_le(dossier: Path) -> datetime | None:
    try:
        return _comprendre((dossier / MAILLON).read_bytes()).cree_le
    except (OSError, ValueError):
        return None


class _Maillon(NamedTuple):
    version: str
    cree_le: datetime
    manifeste_sha256: str
    precedente: str | None
    precedente_sha256: str | None


def _comprendre(octets: bytes) -> _Maillon:
    """Parse a link of the chain; ValueError when it is not one."""
    try:
        lu = json.loads(octets)
        precedente = lu["precedente"] or {"version": None, "sha256": None}
        cree_le = datetime.fromisoformat(lu["cree_le"])
        maillon = _Maillon(lu["version"], cree_le, lu["manifeste_sha256"], precedente["version"], precedente["sha256"])
    except (KeyError, TypeError) as erreur:
        raise ValueError("not a link of the chain") from erreur
    if cree_le.utcoffset() is None or not isinstance(maillon.precedente, str | None):
        raise ValueError("not a link of the chain")
    return maillon


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


def _balayer(curated: Path) -> None:
    versions = curated / "versions"
    courante = _cible_du_lien(curated)
    for id_version in _liens_en_attente(curated):
        dossier = versions / id_version
        if _ID.fullmatch(id_version) and dossier.is_dir() and courante != _cible(id_version):
            shutil.rmtree(dossier)
            rendre_durable(versions)
        (curated / f"{_LIEN_EN_ATTENTE}{id_version}").unlink()
    (curated / _LIEN_DE_RETOUR).unlink(missing_ok=True)
    for suffixe in (_EN_COURS, _A_SUPPRIMER):
        for reste in versions.glob(f".*{suffixe}"):
            shutil.rmtree(reste)


def _permuter(curated: Path, lien: Path) -> None:
    with suppress(LienInvalide, FileNotFoundError):
        if precedente := _id_du_lien(curated):
            # The time of a version's directory says until when it was current (see `conserver`).
            os.utime(curated / _cible(precedente))
    lien.replace(curated / "actuel")
    try:
        rendre_durable(curated)
    except OSError as erreur:
        _journal.warning("Version publiée, mais le disque n'a pas confirmé l'écriture du lien : %s", erreur.strerror)


def _lier(source: str, cible: str) -> None:
    try:
        os.link(source, cible)
    except OSError as erreur:
        if erreur.errno not in _SANS_LIEN_DUR:
            raise
        shutil.copyfile(source, cible)


def _ecrire(chemin: Path, octets: bytes) -> None:
    with chemin.open("xb") as flux:
        flux.write(octets)


def _json(valeur: Mapping[str, Any]) -> bytes:
    """One line per input and per file: people compare two of them, and there may be tens of thousands."""
    return ("{\n" + ",\n".join(f"{_ligne(cle)}: {_bloc(valeur[cle])}" for cle in sorted(valeur)) + "\n}\n").encode()


def _bloc(valeur: Any) -> str:
    if valeur and isinstance(valeur, list):
        return "[\n  " + ",\n  ".join(map(_ligne, valeur)) + "\n]"
    if valeur and isinstance(valeur, Mapping):
        return "{\n  " + ",\n  ".join(f"{_ligne(cle)}: {_ligne(valeur[cle])}" for cle in sorted(valeur)) + "\n}"
    return _ligne(valeur)


_ligne = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True).encode


def _charger(octets: bytes) -> dict[str, Any]:
    valeur = json.loads(octets)
    if not isinstance(valeur, dict):
        raise ValueError("not a JSON object")
    return valeur


def _sha256(octets: bytes) -> str:
    return hashlib.sha256(octets).hexdigest()


def _empreinte_fichier(chemin: Path) -> dict[str, Any]:
    with chemin.open("rb") as flux:
        empreinte = hashlib.file_digest(flux, "sha256").hexdigest()
        return {"taille_octets": os.fstat(flux.fileno()).st_size, "sha256": empreinte}


def _reference(precedente: Path | None, nom: str) -> dict[str, str] | None:
    if precedente is None:
        return None
    return {"version": precedente.name, "sha256": _sha256(_lire(precedente / nom))}


def _lire(chemin: Path) -> bytes:
    try:
        return chemin.read_bytes()
    except FileNotFoundError as erreur:
        raise _illisible(chemin) from erreur


def _contenu_du_manifeste(version: Path) -> dict[str, Any]:
    try:
        return _charger(_lire(version / MANIFESTE))
    except ValueError as erreur:
        raise _illisible(version / MANIFESTE) from erreur


def _fichiers_du_manifeste(version: Path) -> dict[str, dict[str, Any]]:
    try:
        fichiers: dict[str, dict[str, Any]] = _contenu_du_manifeste(version)["fichiers"]
    except KeyError as erreur:
        raise _illisible(version / MANIFESTE) from erreur
    return fichiers


def _illisible(chemin: Path) -> VersionInvalide:
    return VersionInvalide(
        f"{chemin.name} de la version {chemin.parent.name} est absent ou illisible. Restaurer cette version depuis une "
        "sauvegarde, ou choisir une autre version avec « duimetre revenir <version> »."
    )


def _parcourir(version: Path) -> tuple[dict[str, _Inode], list[str]]:
    """The files under a version (path relative to it → inode) and its directories."""
    fichiers: dict[str, _Inode] = {}
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


def _inode(chemin: str) -> _Inode | None:
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


def _dernieres_nuits(versions: Sequence[Version], nuits: int) -> set[str]:
    jours = sorted({version.cree_le.date() for version in versions if version.cree_le}, reverse=True)[:nuits]
    return {version.id for version in versions if version.cree_le and version.cree_le.date() in jours}


def _premieres_du_mois(versions: Sequence[Version]) -> set[str]:
    retenues: dict[tuple[int, int], tuple[date, str]] = {}
    for version in versions:
        if version.cree_le is None:
            continue
        jour = version.cree_le.date()
        premier_jour, _ = retenues.get((jour.year, jour.month), (jour, ""))
        if jour <= premier_jour:
            retenues[(jour.year, jour.month)] = (jour, version.id)
    return {id_version for _, id_version in retenues.values()}


def _supprimer(curated: Path, dossier: Path) -> bool:
    descripteur = os.open(dossier, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descripteur, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            _journal.debug("no lock on directories here")
        if _catalogue_ouvert(dossier / CATALOGUE):
            return False
        _garder_maillon(curated, dossier)
        condamnee = dossier.rename(dossier.parent / f".{dossier.name}{_A_SUPPRIMER}")
    finally:
        os.close(descripteur)
    reserve = condamnee.with_name(_RESERVE)
    if reserve.exists():
        shutil.rmtree(reserve)
    condamnee.rename(reserve)
    return True


def _catalogue_ouvert(catalogue: Path) -> bool:
    """Whether another process has the catalogue open: DuckDB holds a POSIX read lock on it. Asks, takes no lock.

    Blind to this process's own connections, and POSIX drops their lock here: in the process of the night, use `lecture`.
    """
    if sys.platform != "linux":
        return False
    question = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    try:
        descripteur = os.open(catalogue, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        reponse = fcntl.fcntl(descripteur, fcntl.F_GETLK, question)
    except OSError:
        return False
    finally:
        os.close(descripteur)
    return bool(struct.unpack_from("h", reponse)[0] != fcntl.F_UNLCK)


def _garder_maillon(curated: Path, dossier: Path) -> None:
    chaine = curated / "chaine"
    chaine.mkdir(exist_ok=True)
    provisoire = chaine / ".en_cours"
    provisoire.unlink(missing_ok=True)
    _ecrire(provisoire, (dossier / MAILLON).read_bytes())
    rendre_durable(provisoire)
    provisoire.replace(chaine / f"{dossier.name}.json")
    rendre_durable(chaine)
    rendre_durable(curated)


def _examiner(dossier: Path, empreintes: dict[_Inode, dict[str, Any]]) -> list[tuple[str, str]]:
    """The faults of one version: path of the file ("" for the version itself), and what is wrong, in French.

    `empreintes` remembers by inode what was read, for the files that versions share.
    """
    try:
        manifeste = (dossier / MANIFESTE).read_bytes()
        maillon = _comprendre((dossier / MAILLON).read_bytes())
        if maillon.manifeste_sha256 != _sha256(manifeste):
            return [("", "le manifeste a changé")]
        contenu = _charger(manifeste)
        version, attendus = contenu["version"], dict(contenu["fichiers"])
        inodes, _ = _parcourir(dossier)
    except (OSError, ValueError, KeyError, TypeError):
        return [("", "le manifeste ou le maillon est absent ou illisible")]
    except VersionInvalide as erreur:
        return [("", str(erreur))]
    if not dossier.name == maillon.version == version:
        return [("", f"son manifeste est celui de la version {version}")]
    presents = inodes.keys() - {MANIFESTE, MAILLON}
    problemes = [(chemin, f"le fichier {chemin} manque") for chemin in sorted(attendus.keys() - presents)]
    problemes += [(chemin, f"le fichier {chemin} a été ajouté") for chemin in sorted(presents - attendus.keys())]
    for chemin in sorted(attendus.keys() & presents):
        inode = inodes[chemin]
        if inode not in empreintes:
            empreintes[inode] = _empreinte_fichier(dossier / chemin)
        if empreintes[inode] != attendus[chemin]:
            problemes.append((chemin, f"le fichier {chemin} a changé"))
    return problemes


def _rassembler_maillons(
    curated: Path, versions: Sequence[Version]
) -> tuple[dict[str, tuple[_Maillon, str]], list[str]]:
    """The links of all versions, removed ones included, each with its SHA-256; and the faults met."""
    maillons: dict[str, tuple[_Maillon, str]] = {}
    problemes = []
    sources = [(chemin.stem, chemin) for chemin in sorted((curated / "chaine").glob("[!.]*.json"))]
    sources += [(version.id, version.dossier / MAILLON) for version in versions]
    for id_version, chemin in sources:
        try:
            octets = chemin.read_bytes()
            maillon = _comprendre(octets)
        except (OSError, ValueError):
            problemes.append(f"{id_version} : le maillon est absent ou illisible")
            continue
        if maillon.version != id_version:
            problemes.append(f"{id_version} : le maillon est celui de la version {maillon.version}")
        elif maillons.setdefault(id_version, (maillon, _sha256(octets)))[1] != _sha256(octets):
            problemes.append(f"{id_version} : deux maillons se contredisent")
    return maillons, problemes


def _requete(vue: Vue, nouvelle: Path, publiee: Path, jeux: Sequence[Sequence[str]]) -> str:
    sous_dossiers = f"/{PARTITION}=*" if vue.partitionnee else ""
    motif = f"/{vue.nom}{sous_dossiers}/*.parquet"
    if not any(nouvelle.glob(motif[1:])):
        nulles = ", ".join(f"CAST(NULL AS {colonne.type_sql}) AS {_nom(colonne.nom)}" for colonne in vue.colonnes)
        return f"SELECT {nulles} WHERE false"
    racine = f"coalesce(getvariable('{VARIABLE_DOSSIER}'), {_chaine(_motif(publiee))})"
    colonnes = [f"CAST({_nom(c.nom)} AS {c.type_sql}) AS {_nom(c.nom)}" for c in vue.colonnes]
    options = ""
    if vue.partitionnee:
        options = f", hive_partitioning = true, hive_types = {{'{PARTITION}': DATE}}"
        if len(jeux) > 1:
            # Only then: it makes every query read the footer of every partition.
            options += ", union_by_name = true"
        connues = {PARTITION} | {colonne.partition(" ")[0] for jeu in jeux for colonne in jeu}
        colonnes = [
            expression if c.nom in connues else f"CAST(NULL AS {c.type_sql}) AS {_nom(c.nom)}"
            for c, expression in zip(vue.colonnes, colonnes, strict=True)
        ]
    return f"SELECT {', '.join(colonnes)} FROM read_parquet({racine} || {_chaine(motif)}{options})"


def _jeux_de_colonnes(
    base: duckdb.DuckDBPyConnection, vues: Sequence[Vue], nouvelle: Path, precedente: Path | None
) -> dict[str, list[list[str]]]:
    """Per partitioned table the different sets of columns (`name type`) of its files, those to be carried over included."""
    herites = _contenu_du_manifeste(precedente).get(COLONNES) if precedente else {}
    jeux: dict[str, list[list[str]]] = {}
    for vue in vues:
        if vue.partitionnee:
            trouves = _jeux_des_fichiers(base, nouvelle, vue.nom)
            if herites is not None:
                trouves |= {tuple(jeu) for jeu in herites.get(vue.nom, [])}
            elif precedente is not None:  # published by a duimètre that did not write them down
                trouves |= _jeux_des_fichiers(base, precedente, vue.nom)
            jeux[vue.nom] = [list(jeu) for jeu in sorted(trouves)]
    return jeux


def _jeux_des_fichiers(base: duckdb.DuckDBPyConnection, version: Path, table: str) -> set[tuple[str, ...]]:
    motif = f"{table}/{PARTITION}=*/*.parquet"
    if not any(version.glob(motif)):
        return set()
    schemas = base.execute(
        "SELECT DISTINCT list(concat_ws(' ', name, type, converted_type, logical_type) ORDER BY name) "
        f"FROM parquet_schema({_chaine(f'{_motif(version)}/{motif}')}) WHERE num_children IS NULL GROUP BY file_name"
    ).fetchall()
    return {tuple(schema) for (schema,) in schemas}


def _chaine(valeur: str) -> str:
    return "'" + valeur.replace("'", "''") + "'"


def _nom(valeur: str) -> str:
    return '"' + valeur.replace('"', '""') + '"'


def _motif(chemin: Path) -> str:
    """The absolute path as a glob that matches it alone; links in it are kept: moving their target is no move."""
    return re.sub(r"[\[*?]", r"[\g<0>]", os.path.abspath(chemin))  # noqa: PTH100
