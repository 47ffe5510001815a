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
# From the lock to the mark of a reception there is an instant in which it could be taken for a night.
HESITATION_S = 1.0
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
    # The kernel says who holds the lock too: a reception holds a second one meanwhile. What a file says could be stale.
    with _ouvrir(chemin) as principal, _ouvrir(chemin.with_name("verrou.reception")) as marque:
        _attendre(principal, marque, reception=reception)
        if reception:
            fcntl.flock(marque, fcntl.LOCK_EX)
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


def _attendre(principal: int, marque: int, *, reception: bool) -> None:
    """Take the lock, in turn."""
    debut = time.monotonic()
    limite = debut + (ATTENTE_RECEPTION_S if reception else ATTENTE_NUIT_S)
    derniere_reception = debut
    dit = False
    while not _prendre(principal):
        maintenant = time.monotonic()
        par_reception = _est_tenu(marque)
        if par_reception:
            derniere_reception = maintenant
        par_nuit = not par_reception and maintenant > derniere_reception + HESITATION_S
        if maintenant > limite or (par_nuit and not reception):
            raise VerrouPris(_refus(par_reception=par_reception, reception=reception))
        if not dit and (par_reception or par_nuit):
            qui = "Une réception (« duimetre recevoir »)" if par_reception else "Une nuit"
            minutes = round((limite - debut) / 60)
            # A warning: the journal of the run is not open yet, and Prefect shows no less of what is said outside it.
            journal().warning(f"{qui} est en cours : attente de sa fin, {minutes} minutes au plus.")
            dit = True
        time.sleep(_PAS_S)


def _prendre(descripteur: int) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(descripteur, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _est_tenu(marque: int) -> bool:
    """Whether a reception holds its mark; looking does not hold it against another look."""
    try:
        fcntl.flock(marque, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(marque, fcntl.LOCK_UN)
    return False


def _refus(*, par_reception: bool, reception: bool) -> str:
    if reception and not par_reception:
        return "Une nuit est en cours : elle lit elle-même ce qui est déposé et y répond. Il n'y a rien à refaire."
    if par_reception:
        return "Une réception est en cours depuis longtemps : attendez qu'elle finisse, puis recommencez."
    return "Une nuit est en cours : attendez qu'elle finisse, puis recommencez."
