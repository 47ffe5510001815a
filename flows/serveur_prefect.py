"""Prefect's own server, on the loopback, for the process of one night: `prefect server start`, settings by environment.

Prefect is not imported here: it reads its environment when it is, and the server starts meanwhile.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

DELAI_DEMARRAGE_S = 90.0  # 12 s of them for the migrations of a new database, on a machine that does nothing else
DELAI_FIN_S = 5.0

_CLIENT = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_EXTRA_LOGGERS": "duimetre",  # the journal is in the logs of the run; the console is for it alone
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
}
_SERVEUR = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
    # States and logs are kept, not the feed of events; runs for 90 days, Prefect's default.
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "flow_runs",
}


@dataclass(frozen=True)
class Serveur:
    """The server of this process: `processus` is None when it was there before us."""

    url: str
    processus: subprocess.Popen[bytes] | None = None

    def repond(self) -> bool:
        """Whether it answers."""
        try:
            urllib.request.urlopen(f"{self.url}/health", timeout=DELAI_FIN_S).close()
        except OSError as erreur:
            return isinstance(erreur, urllib.error.HTTPError)
        return True

    def pret(self) -> bool:
        """Wait until it answers; False when it died, takes too long, or was never ours and does not."""
        limite = time.monotonic() + DELAI_DEMARRAGE_S
        while not self.repond():
            if self.processus is None or self.processus.poll() is not None or time.monotonic() > limite:
                return False
            time.sleep(0.1)
        return True


def demarrer(dossier: Path) -> Serveur:
    """Give the Prefect of this process a server, to be called before it is imported; the environment is changed.

    Where the operator has one (`PREFECT_API_URL`, in the environment or in the active profile), nothing is started.
    Else `dossier` (private, created if need be) is Prefect's home: `prefect.db`, `serveur.log`. The server dies with this
    process, however it dies. Raises `OSError` when the folder cannot be written.
    """
    os.environ.update(_CLIENT)
    if url := _configuree():
        return Serveur(url)
    dossier = dossier.absolute()
    dossier.mkdir(mode=0o700, parents=True, exist_ok=True)
    with socket.create_server(("127.0.0.1", 0)) as prise:
        port = prise.getsockname()[1]
    secret = f"duimetre:{secrets.token_hex(16)}"  # other users of the machine reach the loopback too
    propre = {cle: valeur for cle, valeur in os.environ.items() if not cle.startswith("PREFECT_")}
    with (dossier / "serveur.log").open("wb") as sortie:
        processus = subprocess.Popen(
            [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port), "--no-ui"],
            stdout=sortie,
            stderr=subprocess.STDOUT,
            cwd=dossier,
            env=propre | _SERVEUR | {"PREFECT_HOME": str(dossier), "PREFECT_SERVER_API_AUTH_STRING": secret},
            start_new_session=True,
            preexec_fn=_lier(os.getpid()),  # noqa: PLW1509 - system calls only
        )
    url = f"http://127.0.0.1:{port}/api"
    for cle in ("PREFECT_PROFILE", "PREFECT_PROFILES_PATH", "PREFECT_API_KEY"):
        os.environ.pop(cle, None)
    os.environ.update(PREFECT_HOME=str(dossier), PREFECT_API_URL=url, PREFECT_API_AUTH_STRING=secret)
    os.environ["PREFECT_CLIENT_MAX_RETRIES"] = "2"  # on the loopback, who does not answer is dead: 6 s, not 60, a call
    sans_proxy = f"{os.environ.get('no_proxy') or os.environ.get('NO_PROXY') or 'localhost'},127.0.0.1"
    os.environ.update(no_proxy=sans_proxy, NO_PROXY=sans_proxy)
    # Registered before Prefect is imported: what it sends when the process ends still finds a server.
    atexit.register(_arreter, processus, url, secret, datetime.now(UTC))
    return Serveur(url, processus)


def _configuree() -> str:
    """The server of the operator, as Prefect would find it; empty when there is none."""
    if url := os.environ.get("PREFECT_API_URL"):
        return url
    home = os.environ.get("PREFECT_HOME", "~/.prefect")
    chemin = Path(os.environ.get("PREFECT_PROFILES_PATH", f"{home}/profiles.toml")).expanduser()
    with contextlib.suppress(OSError, ValueError):
        profils = tomllib.loads(chemin.read_text(encoding="utf-8"))
        actif = profils.get("profiles", {}).get(os.environ.get("PREFECT_PROFILE", profils.get("active")), {})
        return str(actif.get("PREFECT_API_URL", ""))
    return ""


def _lier(parent: int) -> Callable[[], None]:
    """What the server does before it is one: die with its parent, leave to it what a terminal or a service manager says."""
    prctl = ctypes.CDLL(None).prctl  # not loaded in the child

    def avant() -> None:
        prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:
            os._exit(1)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})

    return avant


def _arreter(processus: subprocess.Popen[bytes], url: str, secret: str, debut: datetime) -> None:
    """Stop the server, once the last states of this night's tasks are written if that takes less than `DELAI_FIN_S`."""
    filtre = {
        "task_runs": {"state": {"type": {"any_": ["PENDING", "RUNNING"]}}},
        "flow_runs": {"start_time": {"after_": debut.isoformat()}},
    }
    entetes = {"Content-Type": "application/json", "Authorization": f"Basic {b64encode(secret.encode()).decode()}"}
    requete = urllib.request.Request(f"{url}/task_runs/count", json.dumps(filtre).encode(), entetes)
    with contextlib.suppress(OSError):
        for _ in range(int(DELAI_FIN_S / 0.1)):
            time.sleep(0.1)
            if not json.load(urllib.request.urlopen(requete, timeout=DELAI_FIN_S)):
                break
    processus.kill()
    processus.wait()
