"""One run at a time on a data root: a night, or a reception (`duimetre recevoir`), which never keeps a night from coming."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from flows.journal import journal
from schemas.erreurs import ErreurDite, Sortie

# A reception takes minutes; a night is not waited for longer than half of the time between two receptions.
ATTENTE_NUIT_S = 30 * 60.0
ATTENTE_RECEPTION_S = 5 * 60.0
_PAS_S = 0.1
_tenus: set[Path] = set()


class VerrouPris(ErreurDite):
    """Another run holds the lock."""

    code = Sortie.VERROU


@contextmanager
def verrou(staging: Path, *, reception: bool = False) -> Iterator[None]:
    """Hold the lock of the data root; the kernel frees it when the process dies, however it dies.

    A night waits for a reception to end (`ATTENTE_NUIT_S`), not for another night. A `reception` waits for whatever runs
    (`ATTENTE_RECEPTION_S`). Who waits says so, once. Raises `VerrouPris` when the wait is over.

    The command line takes it before it starts Prefect, the flow takes it again in the same process: the inner one is free.
    """
    staging.mkdir(parents=True, exist_ok=True, mode=0o700)
    chemin = (staging / "verrou").resolve()
    if chemin in _tenus:
        yield
        return
    # Nights keep each other out by the first lock, at once; the second one is held by whatever runs.
    with _ouvrir(chemin) as des_nuits, _ouvrir(chemin.with_name("verrou.reception")) as de_tous:
        if not reception and not _prendre(des_nuits):
            raise VerrouPris("Une nuit est en cours : attendez qu'elle finisse, puis recommencez.")
        _attendre(de_tous, reception=reception)
        _tenus.add(chemin)
        try:
            yield
        finally:
            _tenus.discard(chemin)


@contextmanager
def _ouvrir(chemin: Path) -> Iterator[int]:
    descripteur = os.open(chemin, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield descripteur
    finally:
        os.close(descripteur)


def _prendre(descripteur: int) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(descripteur, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _attendre(de_tous: int, *, reception: bool) -> None:
    """Take the lock of whatever runs, in turn: for a night only a reception can hold it."""
    attente = ATTENTE_RECEPTION_S if reception else ATTENTE_NUIT_S
    limite = time.monotonic() + attente
    dit = False
    while not _prendre(de_tous):
        if time.monotonic() > limite:
            raise VerrouPris(
                "Une nuit ou une autre réception est en cours : elle lit elle-même ce qui est déposé et y répond. "
                "Il n'y a rien à refaire."
                if reception
                else "Une réception est en cours depuis longtemps : attendez qu'elle finisse, puis recommencez."
            )
        if not dit:
            qui = "Une nuit ou une autre réception" if reception else "Une réception (« duimetre recevoir »)"
            # A warning: the journal of the run is not open yet, and Prefect shows no less of what is said outside it.
            journal().warning(f"{qui} est en cours : attente de sa fin, {round(attente / 60)} minutes au plus.")
            dit = True
        time.sleep(_PAS_S)
