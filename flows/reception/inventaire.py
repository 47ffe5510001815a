"""What lies in the drop folders, listed and opened by descriptors (specification §4, §8).

A porteur may change its folder while the night looks at it. So every folder is opened below the one before it without
following links, and a deposit is opened the same way from the top: nothing is reached by a path that is joined.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from flows.journal import journal
from flows.staging.registre import Apercu
from transforms.dire.formats import accord
from transforms.lecture.modele import LectureImpossible
from transforms.nommage import en_cours_d_ecriture

# What the system opens in one go: no program of the porteur's reads below a longer path.
CHEMIN_MAX_OCTETS = 4096
# Folders kept open on the way down: nobody bounds the depth of a drop folder, the system bounds what a process opens.
OUVERTS_MAX = 32
_DOSSIER = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# It became something else since it was seen, or went away.
_CHANGE = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENXIO, errno.ENODEV, errno.ESTALE)
# Troubles of the machine, whatever the file.
_DE_LA_MACHINE = (errno.ENOSPC, errno.ENOMEM, errno.EMFILE, errno.ENFILE)


class EncoreEnEcriture(Exception):
    """The file is no longer what was seen: it is left for the next night."""


class Depose(NamedTuple):
    """A file seen in a drop folder.

    `chemin`: relative to the folder of the porteur, as text. `reel`: below `base`, as the system has it; `base` is ours, and
    trusted. `mode`: 0 when it cannot even be looked at (no right to, a path too long).
    """

    porteur: str
    chemin: str
    base: Path
    reel: str
    apercu: Apercu
    mode: int
    liens: int
    mtime: float


def texte_du_nom(nom: str) -> str:
    """A file name as valid text: bytes that are not UTF-8 are shown as `\\xNN`."""
    if nom.isascii():
        return nom
    return os.fsencode(nom).decode("utf-8", "backslashreplace")


def voir(porteur: str, base: Path, reel: str, vu: os.stat_result, debut: int) -> Depose:
    """The deposit that looks like `vu`; its `chemin` begins in `reel` at `debut`."""
    chemin = texte_du_nom(reel[debut:])
    return Depose(porteur, chemin, base, reel, _apercu(vu), vu.st_mode, vu.st_nlink, vu.st_mtime)


def _apercu(vu: os.stat_result) -> Apercu:
    return Apercu(vu.st_size, vu.st_mtime_ns, vu.st_ino)


@contextmanager
def _du_fichier() -> Iterator[None]:
    """Tell what is the matter with one file from what is the matter with the machine."""
    try:
        yield
    except OSError as erreur:
        if erreur.errno in _DE_LA_MACHINE:
            raise
        if erreur.errno in _CHANGE:
            raise EncoreEnEcriture from erreur
        raise LectureImpossible("FICHIER_INACCESSIBLE") from erreur


# --- the list --------------------------------------------------------------------------------------------------------


def parcourir(depots: Path) -> Iterator[Depose]:
    """All that lies in the drop folders but what is still being written (§4); links are seen, never followed.

    A folder that cannot be listed is given like a file that cannot be looked at, and the operator is told.
    """
    if not depots.is_dir():
        return
    for porteur in sorted(os.scandir(depots), key=lambda e: e.name):
        if porteur.name.startswith("."):
            continue
        if porteur.is_dir(follow_symlinks=False):
            yield from _parcourir(depots, porteur.name)
        else:
            journal().warning("Dans raw/depots, ce qui n'est pas le dossier d'un porteur n'est pas lu.")


def _parcourir(base: Path, racine: str) -> Iterator[Depose]:
    porteur = texte_du_nom(racine)
    illisibles = 0
    a_voir = [racine]
    chaine: list[int | None] = [None]  # descriptors of the folders on the way down; None: not open, or no longer
    try:
        while a_voir:
            reel = a_voir.pop()
            _raccourcir(chaine, reel.count("/") + 1)
            try:
                entrees = _lister(base, reel, chaine)
            except EncoreEnEcriture:
                continue
            except LectureImpossible:
                illisibles += 1
                yield _invisible(porteur, base, reel)
                continue
            for entree in entrees:
                if en_cours_d_ecriture(entree.name):
                    continue
                ici = f"{reel}/{entree.name}"
                try:
                    vu = entree.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                except OSError:
                    illisibles += 1
                    yield _invisible(porteur, base, ici)
                    continue
                if stat.S_ISDIR(vu.st_mode):
                    a_voir.append(ici)
                else:
                    yield voir(porteur, base, ici, vu, len(racine) + 1)
    finally:
        _raccourcir(chaine, 0)
    if illisibles:
        journal().warning(
            "Dans le dossier de dépôt de %s, %s : vérifiez les droits et la longueur des chemins.",
            porteur,
            accord(illisibles, "élément illisible", "éléments illisibles"),
        )


def _lister(base: Path, reel: str, chaine: list[int | None]) -> list[os.DirEntry[str]]:
    """What is in the folder `reel`, opened below the last of `chaine` and put at its end."""
    with _du_fichier():
        if len(os.fsencode(reel)) > CHEMIN_MAX_OCTETS:
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
    parent, nom = os.path.split(reel)
    au_dessus = chaine[-1]
    if au_dessus is None:
        au_dessus = chaine[-1] = _descendre(base, parent)
    with _du_fichier():
        dossier = os.open(nom, os.O_RDONLY | _DOSSIER, dir_fd=au_dessus)
        chaine.append(dossier)
        with os.scandir(dossier) as contenu:
            entrees = sorted(contenu, key=lambda e: e.name)
    if len(chaine) > OUVERTS_MAX and (ancien := chaine[-OUVERTS_MAX - 1]) is not None:
        os.close(ancien)
        chaine[-OUVERTS_MAX - 1] = None
    return entrees


def _raccourcir(chaine: list[int | None], longueur: int) -> None:
    while len(chaine) > longueur:
        if (descripteur := chaine.pop()) is not None:
            os.close(descripteur)


def _invisible(porteur: str, base: Path, reel: str) -> Depose:
    chemin = texte_du_nom(reel.partition("/")[2] or ".")
    return Depose(porteur, chemin, base, reel, Apercu(0, 0, 0), mode=0, liens=1, mtime=0.0)


# --- one deposit -----------------------------------------------------------------------------------------------------


def inchange(depose: Depose) -> bool:
    """True when the file still looks as it did when it was seen: nobody is writing to it."""
    if not depose.mode:  # there was nothing to see
        return True
    try:
        with _dossier(depose) as (dossier, nom), _du_fichier():
            return _apercu(os.stat(nom, dir_fd=dossier, follow_symlinks=False)) == depose.apercu
    except (EncoreEnEcriture, LectureImpossible):
        return False


@contextmanager
def ouvrir(depose: Depose) -> Iterator[int]:
    """A descriptor to `lire` the file of a deposit from: a plain file with one name, the one that was seen, unchanged to the end.

    Raises `EncoreEnEcriture`, `LectureImpossible` (FICHIER_INACCESSIBLE); any other OSError is not about this file alone.
    """
    with _dossier(depose) as (dossier, nom), _du_fichier():
        # O_NONBLOCK: a pipe that took the place of the file would make us wait for somebody to write.
        drapeaux = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descripteur = os.open(nom, drapeaux, dir_fd=dossier)
    try:
        _exiger_inchange(descripteur, depose)
        yield descripteur
        _exiger_inchange(descripteur, depose)
    finally:
        os.close(descripteur)


def lire_octets(descripteur: int, octets: int) -> bytes:
    """The next bytes of an open deposit, none at its end. Raises as `ouvrir`."""
    with _du_fichier():
        return os.read(descripteur, octets)


def _exiger_inchange(descripteur: int, depose: Depose) -> None:
    with _du_fichier():
        vu = os.fstat(descripteur)
    if not stat.S_ISREG(vu.st_mode) or vu.st_nlink > 1 or _apercu(vu) != depose.apercu:
        raise EncoreEnEcriture


@contextmanager
def _dossier(depose: Depose) -> Iterator[tuple[int, str]]:
    """A descriptor of the folder where a deposit is, and its name there."""
    dossiers, nom = os.path.split(depose.reel)
    descripteur = _descendre(depose.base, dossiers)
    try:
        yield descripteur, nom
    finally:
        os.close(descripteur)


def _descendre(base: Path, dossiers: str) -> int:
    """A descriptor of a folder below `base`, to open others from; each component is opened below the one before."""
    descripteur = os.open(base, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    for nom in dossiers.split("/") if dossiers else ():
        try:
            with _du_fichier():
                suivant = os.open(nom, os.O_PATH | _DOSSIER, dir_fd=descripteur)
        finally:
            os.close(descripteur)
        descripteur = suivant
    return descripteur
