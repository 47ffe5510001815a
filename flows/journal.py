"""What the night says: plain French lines, and the advance of long steps, through one logger.

On the console the lines are for people. Each night also has a file of its own in `staging/journaux/`, and the receptions
between two nights one per day in `receptions/` there, JSON lines: `heure` (UTC), `niveau`, `message`, and when they make
sense `etape`, `porteur`, counts. Nothing that identifies a person ever goes through here: no value of a file, no name of a
file, no message of an unexpected error.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

NOM = "duimetre"

_NIVEAUX = {"DEBUG": "detail", "INFO": "info", "WARNING": "avertissement", "ERROR": "erreur", "CRITICAL": "erreur"}
RECEPTIONS = "receptions"
# An advance is written at its end, and this often before.
_PERIODE_AVANCEMENT_S = 10.0


def journal() -> logging.Logger:
    """The logger of the night. Nothing that identifies a person ever goes through it."""
    return logging.getLogger(NOM)


def avancement(etape: str, fait: int, total: int) -> None:
    """Say how far a step has come; a terminal shows a bar, elsewhere only its end is a line."""
    journal().info("%s : %d sur %d", etape, fait, total, extra={"avancement": (etape, fait, total)})


def noter(message: str, *, etape: str, porteur: str | None = None, **comptes: int | float | str) -> None:
    """Write a structured line in the file of the night, and in the logs of Prefect: the console is for the summary."""
    nommes = ({"porteur": porteur} if porteur else {}) | comptes
    texte = ", ".join(f"{nom} {valeur}" for nom, valeur in nommes.items())
    journal().debug("%s : %s", message, texte, extra={"champs": {"etape": etape} | nommes})


def lieu(erreur: BaseException) -> str:
    """Type and place of an error: its message could hold a value of a file."""
    trace = erreur.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    ou = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "?"
    return f"{type(erreur).__name__} ({ou})"


class _Fichier(logging.Handler):
    """JSON lines, one per record, on the disk as soon as they are said. A full disk silences it, never the night."""

    def __init__(self, flux: TextIO) -> None:
        super().__init__(logging.DEBUG)
        self._flux = flux
        self._avances: dict[str, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage().strip()
        champs: dict[str, object] = dict(getattr(record, "champs", {}))
        etape, fait, total = getattr(record, "avancement", (None, 0, 0))
        if etape is not None:
            maintenant = time.monotonic()
            if fait != total and maintenant - self._avances.setdefault(etape, maintenant) < _PERIODE_AVANCEMENT_S:
                return
            self._avances[etape] = maintenant
            champs |= {"etape": etape, "fait": fait, "total": total}
        if message:
            self.ecrire(_NIVEAUX[record.levelname], message, **champs)

    def ecrire(self, niveau: str, message: str, **champs: object) -> None:
        ligne = {"heure": datetime.now(UTC).isoformat(timespec="milliseconds"), "niveau": niveau, "message": message}
        with suppress(OSError):
            self._flux.write(json.dumps(ligne | champs, ensure_ascii=False) + "\n")


@contextmanager
def tenir(dossier: Path, conserver: int, *, reception: bool = False) -> Iterator[None]:
    """Keep the file of one night in `dossier` for the time of the `with`; the `conserver` latest files stay.

    Its last line has `etape` = `fin`, `resultat` (`publiee` or `echec`) and `duree_s`; a file without it is that of a
    night which was killed, or is not over. A log that cannot be written never stops the night: the console says it.
    A `with` inside another has no file of its own. A `reception` is no night: it adds to the file of its day (UTC) in
    `receptions/`, its result being `recue` or `echec`.
    """
    if any(isinstance(h, _Fichier) for h in journal().handlers):
        yield
        return
    debut, maintenant = time.monotonic(), datetime.now(UTC)
    if reception:
        qui, resultat, dossier = "La réception", "recue", dossier / RECEPTIONS
        nom, neuf = f"{maintenant:%Y%m%d}.jsonl", os.O_NOFOLLOW
    else:
        qui, resultat = "La nuit", "publiee"
        nom, neuf = f"{maintenant:%Y%m%dT%H%M%S%fZ}-{os.getpid()}.jsonl", os.O_EXCL
    try:
        dossier.mkdir(mode=0o700, parents=True, exist_ok=True)
        for ancien in sorted(f for f in dossier.glob("*.jsonl") if f.name != nom)[: -(conserver - 1) or None]:
            ancien.unlink()
        descripteur = os.open(dossier / nom, os.O_WRONLY | os.O_CREAT | os.O_APPEND | neuf, 0o600)
    except OSError as erreur:
        journal().warning("%s : son journal ne peut pas être écrit (%s).", qui, erreur.strerror)
        yield
        return
    niveau = journal().level
    # Line by line, so that a killed night keeps what it said.
    flux = os.fdopen(descripteur, "w", buffering=1, encoding="utf-8")
    fichier = _Fichier(flux)
    journal().addHandler(fichier)
    journal().setLevel(logging.DEBUG)
    fichier.ecrire("info", f"{qui} commence.", etape="debut", pid=os.getpid())
    try:
        yield
    except BaseException as erreur:
        fichier.ecrire("erreur", f"{qui} a échoué : {lieu(erreur)}", **_fin("echec", debut))
        raise
    else:
        fichier.ecrire("info", f"{qui} est finie.", **_fin(resultat, debut))
    finally:
        journal().removeHandler(fichier)
        journal().setLevel(niveau)
        with suppress(OSError):
            flux.close()


def _fin(resultat: str, debut: float) -> dict[str, object]:
    return {"etape": "fin", "resultat": resultat, "duree_s": round(time.monotonic() - debut, 1)}


@dataclass(frozen=True)
class Execution:
    """A night as its file tells it: `resultat` is `publiee`, `echec`, `interrompue` or `en_cours`."""

    debut: datetime
    resultat: str
    duree_s: float | None
    message: str
    fichier: str


def derniere_execution(dossier: Path) -> Execution | None:
    """The latest night that has a file in `dossier`; None when there is none."""
    fichiers = sorted(dossier.glob("*.jsonl"))
    if not fichiers:
        return None
    premiere, derniere = _bornes(fichiers[-1])
    instant, _, pid = fichiers[-1].stem.partition("-")
    debut = datetime.strptime(instant, "%Y%m%dT%H%M%S%fZ").replace(tzinfo=UTC)
    if derniere.get("etape") == "fin":
        return Execution(
            debut, str(derniere["resultat"]), float(derniere["duree_s"]), str(derniere["message"]), fichiers[-1].name
        )
    resultat = "en_cours" if premiere and _vit(int(pid)) else "interrompue"
    return Execution(debut, resultat, None, str(derniere.get("message", "")), fichiers[-1].name)


def _bornes(fichier: Path) -> tuple[dict[str, str], dict[str, str]]:
    """First and last whole lines; a killed night may leave half a line."""
    lignes = []
    for texte in fichier.read_text(encoding="utf-8", errors="replace").splitlines():
        with suppress(ValueError):
            lignes.append(json.loads(texte))
    return (lignes[0], lignes[-1]) if lignes else ({}, {})


def _vit(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
