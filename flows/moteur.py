"""Prefect inside the process that needs it: a private server for the time of a `with`, and nothing left behind.

Without a server of its own, Prefect starts one per process in its slowest form: 10 s of migrations on a new
database, block types, an interface, then a poll. `moteur` starts the same server with what a night needs
(flow runs, task runs, states, warnings of tasks) while the caller imports its own modules:

    with moteur(Path("data/staging/prefect")):
        from flows.nuit import nuit

        nuit(...)

The runs stay in `<dossier>/prefect.db` (one whose process was killed stays "Running" there). To look at them:

    PREFECT_HOME=<dossier> DO_NOT_TRACK=1 PREFECT_SERVER_ANALYTICS_ENABLED=false prefect server start

Where Prefect already has a server (`PREFECT_API_URL`, in the environment or in the active profile), nothing is started.

Prefect is imported inside functions only: this module sets its environment before, and is also the program of the
server (`python -P moteur.py DESCRIPTEUR PID`).
"""

# ruff: noqa: PLC0415 - Prefect reads its environment when it is imported: never at the top of this file.

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import gc
import importlib.metadata
import json
import os
import re
import secrets
import select
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import uvicorn
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONSERVATION_JOURS = 90
DELAI_FIN_S = 60.0  # for the last events to be sent, then written; a few tens of milliseconds each
DELAI_BLOCAGE_S = 10.0  # without one event written

SANS_TELEMETRIE = {"DO_NOT_TRACK": "1", "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}


class MoteurInterrompu(Exception):
    """The embedded server died under the flow; the message says in French where its output is."""


@contextlib.contextmanager
def moteur(dossier: Path) -> Iterator[None]:
    """Give the flows run inside the `with` a Prefect API, and wait at its end until all they said is recorded.

    Args:
        dossier: Prefect's home for these runs, created if need be (private): `prefect.db`, `prefect.log` (warnings of
            Prefect in this process), `serveur.log`. A database that cannot be read, or of another version of Prefect,
            is moved to `prefect.db.ecartee` and a new one is started. Runs older than `CONSERVATION_JOURS` go.

    The environment is restored at the end. To be entered before Prefect is imported: the server starts meanwhile, and
    Prefect never calls home. It may be entered again afterwards, with another folder. Where Prefect has a server already,
    only telemetry is turned off. Not for asynchronous callers.

    Raises:
        MoteurInterrompu: the body failed and the server was dead; the failure of the body is its cause.
        OSError: the folder cannot be written.
    """
    if _has_server(os.environ):
        with _environment({cle: os.environ.get(cle, valeur) for cle, valeur in SANS_TELEMETRIE.items()}):
            yield
        return
    dossier = dossier.absolute()
    dossier.mkdir(mode=0o700, parents=True, exist_ok=True)
    migrate = not _prepare_database(dossier)
    with socket.create_server(("127.0.0.1", 0), backlog=128) as ecoute:
        url = f"http://127.0.0.1:{ecoute.getsockname()[1]}/api"
        secret = f"duimetre:{secrets.token_hex(16)}"
        # The parent's copy is closed at once: connections wait in the queue of the socket until the server is ready,
        # and are refused, not left waiting, once it is dead.
        serveur = _start_server(dossier, ecoute, secret, migrate=migrate)
    try:
        with _environment(_client_environment(dossier, url, secret)), _prefect_settings():
            try:
                yield
            finally:
                if serveur.poll() is None:
                    _drain()
    except Exception as erreur:
        if serveur.poll() is None:
            raise
        raise MoteurInterrompu(
            f"Le serveur Prefect embarqué s'est arrêté (code {serveur.returncode}). "
            f"Sa dernière sortie est dans {dossier / 'serveur.log'}."
        ) from erreur
    finally:
        _stop_server(serveur)


def schema_file() -> Path:
    """Return where the schema of the installed Prefect's database is expected: an SQL dump, empty but for its revision.

    Prefect's own migrations build the same in 10 s instead of 20 ms; a test compares both, and writes the file to put
    here when Prefect changes. Without the file the migrations are run.
    """
    return Path(__file__).with_name(f"prefect-{importlib.metadata.version('prefect')}.sql")


def dump_schema(base: Path) -> str:
    """Return the SQL that rebuilds the SQLite database `base`, as `schema_file` holds it."""
    with contextlib.closing(sqlite3.connect(base)) as connexion:
        return "\n".join(connexion.iterdump()) + "\n"


def _has_server(environ: Mapping[str, str]) -> bool:
    if environ.get("PREFECT_API_URL"):
        return True
    home = Path(environ.get("PREFECT_HOME", "~/.prefect")).expanduser()
    profils_path = Path(environ.get("PREFECT_PROFILES_PATH", home / "profiles.toml")).expanduser()
    try:
        profils = tomllib.loads(profils_path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    actif = environ.get("PREFECT_PROFILE", profils.get("active"))
    return bool(profils.get("profiles", {}).get(actif, {}).get("PREFECT_API_URL"))


def _prepare_database(dossier: Path) -> bool:
    """Leave a readable `prefect.db` of the installed version, and say whether it needs no migration."""
    fichier_schema = schema_file()
    if not fichier_schema.exists():
        return False
    schema = fichier_schema.read_text(encoding="utf-8")
    base = dossier / "prefect.db"
    with (dossier / "verrou").open("w") as verrou:
        fcntl.flock(verrou, fcntl.LOCK_EX)
        if base.exists() and not _is_sound(base, schema):
            _set_aside(base)
        if base.exists():
            _forget_old_runs(base)
        else:
            nouvelle = dossier / "prefect.db.nouvelle"
            nouvelle.unlink(missing_ok=True)
            with contextlib.closing(sqlite3.connect(nouvelle)) as connexion:
                connexion.executescript(schema)
            nouvelle.replace(base)
    return True


def _is_sound(base: Path, schema: str) -> bool:
    revision = re.search(r"INSERT INTO \"alembic_version\" VALUES\('(\w+)'\)", schema)
    try:
        with contextlib.closing(sqlite3.connect(base)) as connexion:
            integrite = connexion.execute("PRAGMA quick_check(1)").fetchone()
            version = connexion.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.DatabaseError as erreur:
        return getattr(erreur, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    return integrite == ("ok",) and revision is not None and version == (revision[1],)


def _set_aside(base: Path) -> None:
    # A write-ahead log left beside the new database would be replayed into it.
    for suffixe in ("-wal", "-shm"):
        base.with_name(base.name + suffixe).unlink(missing_ok=True)
    ecartee = base.with_name(f"{base.name}.ecartee")
    if ecartee.is_dir():
        shutil.rmtree(ecartee)
    else:
        ecartee.unlink(missing_ok=True)
    base.rename(ecartee)


def _forget_old_runs(base: Path) -> None:
    avant = f"-{CONSERVATION_JOURS} days"
    # Somebody looking at the runs may hold the database: the next night will do it.
    with (
        contextlib.suppress(sqlite3.OperationalError),
        contextlib.closing(sqlite3.connect(base, timeout=1)) as connexion,
        connexion,
    ):
        connexion.execute("PRAGMA foreign_keys = ON")
        connexion.execute("DELETE FROM flow_run WHERE created < datetime('now', ?)", (avant,))
        connexion.execute("DELETE FROM log WHERE timestamp < datetime('now', ?)", (avant,))


def _client_environment(dossier: Path, url: str, secret: str) -> dict[str, str | None]:
    """Return what the process that runs the flows needs; None removes a variable."""
    sans_proxy = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    return {
        **SANS_TELEMETRIE,
        "PREFECT_API_URL": url,
        "PREFECT_API_AUTH_STRING": secret,
        "PREFECT_API_KEY": None,
        "PREFECT_HOME": str(dossier),
        "PREFECT_PROFILE": None,
        "PREFECT_PROFILES_PATH": None,
        "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "false",
        "PREFECT_LOGGING_LEVEL": os.environ.get("PREFECT_LOGGING_LEVEL", "WARNING"),
        "PREFECT_LOGGING_SETTINGS_PATH": os.environ.get("PREFECT_LOGGING_SETTINGS_PATH", str(_write_logging(dossier))),
        # Both spellings: the lower one wins where both exist, and a proxy must not see what goes to this machine.
        **dict.fromkeys(("no_proxy", "NO_PROXY"), f"{sans_proxy},127.0.0.1" if sans_proxy else "127.0.0.1"),
    }


def _write_logging(dossier: Path) -> Path:
    """Write Prefect's logging configuration: warnings to `prefect.log` and to the runs, nothing on the terminal."""
    configuration = {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"ligne": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
        "handlers": {
            "fichier": {
                "class": "logging.handlers.RotatingFileHandler",
                "filename": str(dossier / "prefect.log"),
                "maxBytes": 1_000_000,
                "backupCount": 1,
                "delay": True,
                "encoding": "utf-8",
                "formatter": "ligne",
            },
            "api": {"class": "prefect.logging.handlers.APILogHandler"},
        },
        "loggers": {
            "prefect": {"level": "@niveau", "handlers": ["fichier"], "propagate": False},
            "prefect.flow_runs": {"level": "NOTSET", "handlers": ["api"]},
            "prefect.task_runs": {"level": "NOTSET", "handlers": ["api"]},
            # Named outside of `prefect`; as warnings they only say that the end of a run is waiting for them.
            "EventsWorker": {"level": "ERROR", "handlers": ["fichier"], "propagate": False},
            "APILogWorker": {"level": "ERROR", "handlers": ["fichier"], "propagate": False},
        },
    }
    # Prefect reads a YAML template (JSON is YAML) where `$` starts one of its settings.
    texte = json.dumps(configuration).replace("$", "$$").replace("@niveau", "${PREFECT_LOGGING_LEVEL}")
    chemin = dossier / "journal.json"
    chemin.write_text(texte, encoding="utf-8")
    return chemin


@contextlib.contextmanager
def _environment(changements: Mapping[str, str | None]) -> Iterator[None]:
    """Change the environment, and what an already imported Prefect made of it, for the time of the `with`."""
    avant = {cle: os.environ.get(cle) for cle in changements}
    _set_environment(changements)
    try:
        yield
    finally:
        _set_environment(avant)


def _set_environment(variables: Mapping[str, str | None]) -> None:
    for cle, valeur in variables.items():
        if valeur is None:
            os.environ.pop(cle, None)
        else:
            os.environ[cle] = valeur
    if "prefect" in sys.modules:
        from prefect.context import refresh_global_settings_context

        refresh_global_settings_context()


@contextlib.contextmanager
def _prefect_settings() -> Iterator[None]:
    from prefect.logging.configuration import setup_logging
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    setup_logging(incremental=False)  # an earlier engine of this process had its own file
    # Nobody listens to heartbeats, and ending their thread takes up to 1 s per flow. No environment variable says none.
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        yield


def _drain() -> None:
    """Wait until the server has received every event and log line: states of task runs travel as events."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    for service in (EventsWorker, APILogWorker):
        service.drain_all(timeout=DELAI_FIN_S)


def _start_server(dossier: Path, ecoute: socket.socket, secret: str, *, migrate: bool) -> subprocess.Popen[bytes]:
    """Start this file as the server of the listening socket; it lives until its standard input is closed."""
    environ = {cle: valeur for cle, valeur in os.environ.items() if not cle.startswith("PREFECT_")}
    environ |= SANS_TELEMETRIE | {
        "PREFECT_HOME": str(dossier),
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{dossier / 'prefect.db'}",
        "PREFECT_SERVER_DATABASE_MIGRATE_ON_START": str(migrate).lower(),
        "PREFECT_SERVER_API_AUTH_STRING": secret,
        "PREFECT_LOGGING_LEVEL": "WARNING",
        "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
        # Blocks, automations, the feed of events and its subscribers serve the interface, which is not there.
        "PREFECT_API_BLOCKS_REGISTER_ON_START": "false",
        "PREFECT_MEMOIZE_BLOCK_AUTO_REGISTRATION": "false",
        "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
        "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_ENABLED": "false",
        "PREFECT_SERVER_EVENTS_STREAM_OUT_ENABLED": "false",
        "PREFECT_SERVER_LOGS_STREAM_OUT_ENABLED": "false",
        # Run-time type checks inside a dependency of the server: 0.3 s of its start.
        "PY_KEY_VALUE_DISABLE_BEARTYPE": "1",
    }
    with (dossier / "serveur.log").open("wb") as sortie:
        return subprocess.Popen(
            # -P: the modules beside this file must not hide those the server imports.
            [sys.executable, "-P", __file__, str(ecoute.fileno()), str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=sortie,
            stderr=subprocess.STDOUT,
            pass_fds=(ecoute.fileno(),),
            cwd=dossier,
            env=environ,
            start_new_session=True,
        )


def _stop_server(serveur: subprocess.Popen[bytes]) -> None:
    assert serveur.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        serveur.stdin.close()
    try:
        serveur.wait(DELAI_FIN_S)
    except subprocess.TimeoutExpired:
        serveur.kill()
        serveur.wait()


def _serve(descripteur: int, pid_parent: int) -> None:
    """Be the server: Prefect's API on the inherited listening socket, as long as the parent lives."""
    gc.disable()  # imports only make objects that stay: 10 % of the start
    # Ctrl-C and a stopped service reach every process: the parent decides, its last states must find a server.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    serveurs: list[uvicorn.Server] = []
    threading.Thread(target=_follow_parent, args=(pid_parent, serveurs), daemon=True).start()

    import uvicorn
    from prefect.server.api import admin, events, server

    # FastAPI prepares every router it passes on the way to the first match: 0.3 s when the routes of a run come last.
    tardifs = (admin.router, events.router)
    server.API_ROUTERS = (*tardifs, *(route for route in server.API_ROUTERS if route not in tardifs))  # type: ignore[assignment]
    application = server.create_app(ephemeral=True)
    gc.freeze()
    gc.enable()
    configuration = uvicorn.Config(
        _record_before_shutdown(application),
        lifespan="on",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=int(DELAI_FIN_S / 2),
    )
    serveurs.append(uvicorn.Server(configuration))
    serveurs[0].run(sockets=[socket.socket(fileno=descripteur)])


def _follow_parent(pid_parent: int, serveurs: list[uvicorn.Server]) -> None:
    """Stop the server when the parent closes its end of the pipe or is gone, whatever killed it."""
    while os.getppid() == pid_parent and not select.select([0], [], [], 1.0)[0]:
        pass
    if not serveurs:
        os._exit(0)
    serveurs[0].should_exit = True
    time.sleep(DELAI_FIN_S)
    os._exit(1)


def _record_before_shutdown(application: ASGIApp) -> ASGIApp:
    """Wrap Prefect's application: it drops the events not yet written when told to stop, so tell it afterwards."""
    from prefect.server.utilities.messaging.memory import METRICS

    async def enveloppe(scope: Scope, receive: Receive, send: Send) -> None:
        async def receive_later() -> Message:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                await _wait_written(METRICS["events"])
            return message

        await application(scope, receive_later if scope["type"] == "lifespan" else receive, send)

    return enveloppe


async def _wait_written(compteurs: Mapping[str, int]) -> None:
    """Wait until as many events are consumed as were published, as long as it goes on."""
    ecrits, limite = -1, 0.0
    while compteurs["consumed"] < compteurs["published"]:
        if compteurs["consumed"] > ecrits:
            ecrits, limite = compteurs["consumed"], time.monotonic() + DELAI_BLOCAGE_S
        elif time.monotonic() > limite:
            return
        await asyncio.sleep(0.01)


if __name__ == "__main__":
    _serve(int(sys.argv[1]), int(sys.argv[2]))
    os._exit(0)  # the database is closed: freeing 170 MB of modules one by one would keep the parent waiting
