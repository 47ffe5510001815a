"""One night at a time on a data root."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from schemas.erreurs import ErreurDite, Sortie

_tenus: set[Path] = set()


class VerrouPris(ErreurDite):
    """Another run holds the lock."""

    code = Sortie.VERROU


@contextmanager
def verrou(staging: Path) -> Iterator[None]:
    """Hold the lock of the data root; the kernel frees it when the process dies, however it dies.

    The command line takes it before it starts Prefect, the flow takes it again in the same process: the inner one is
    free. Raises `VerrouPris` at once when another process holds it.
    """
    staging.mkdir(parents=True, exist_ok=True, mode=0o700)
    chemin = (staging / "verrou").resolve()
    if chemin in _tenus:
        yield
        return
    descripteur = os.open(chemin, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descripteur, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as erreur:
            raise VerrouPris("Une nuit est en cours : attendez qu'elle finisse, puis recommencez.") from erreur
        _tenus.add(chemin)
        try:
            yield
        finally:
            _tenus.discard(chemin)
    finally:
        os.close(descripteur)
