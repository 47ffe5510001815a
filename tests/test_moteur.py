"""The embedded Prefect: what it records, what it leaves behind, what it never does."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest
from flows.moteur import moteur

from flows import moteur as module

RACINE = Path(__file__).parents[1]

# Every Python process of a test, the server included, says who it is and whom it talks to.
TEMOIN = """
import os, sys

def noter(mot, valeur):
    with open(os.environ["TEMOIN"], "a") as fichier:
        fichier.write(f"{mot} {os.getpid()} {valeur!r}\\n")

def auditer(evenement, arguments):
    if evenement == "socket.connect":
        noter("connexion", arguments[1][0] if isinstance(arguments[1], tuple) else arguments[1])
    elif evenement == "socket.getaddrinfo":
        noter("nom", arguments[0])

noter("processus", sys.orig_argv)
sys.addaudithook(auditer)
"""

FLOTS = """
import os, sys, time
from pathlib import Path

from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner

essais = []

@task(retries=2)
def tache(rang):
    if rang == 3 and len(essais) < 2:
        essais.append(rang)
        raise ValueError("essai manqué")
    return rang

@flow(task_runner=ThreadPoolTaskRunner(max_workers=2))
def flot(n):
    return sum(futur.result() for futur in [tache.submit(rang) for rang in range(n)])

@flow
def flot_en_panne():
    raise KeyError("panne")

@flow
def flot_long():
    tache(1)
    print("en cours", flush=True)
    time.sleep(60)
"""


class Lancement:
    """A Python process of its own that uses the engine, and what its witness saw."""

    def __init__(self, dossier: Path, programme: str, **environ: str) -> None:
        self.temoin = dossier / "temoin.txt"
        self.temoin.touch()
        modules = dossier / "modules"
        modules.mkdir(exist_ok=True)
        (modules / "sitecustomize.py").write_text(TEMOIN, encoding="utf-8")
        (modules / "flots.py").write_text(FLOTS, encoding="utf-8")
        propre = {cle: valeur for cle, valeur in os.environ.items() if not cle.startswith("PREFECT_")}
        propre |= {"PYTHONPATH": f"{modules}{os.pathsep}{RACINE}", "TEMOIN": str(self.temoin), "HOME": str(dossier)}
        if propre.pop("PYTHONDONTWRITEBYTECODE", None):  # compiling Prefect again in each process is half of the time
            propre["PYTHONPYCACHEPREFIX"] = str(dossier.parent / "pyc")
        entete = "from pathlib import Path\nfrom flows.moteur import MoteurInterrompu, moteur\n"
        self.processus = subprocess.Popen(
            [sys.executable, "-c", entete + textwrap.dedent(programme)],
            cwd=dossier,
            env=propre | environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def attendre(self) -> tuple[str, str]:
        sortie, erreurs = self.processus.communicate(timeout=120)
        return sortie, erreurs

    def lignes(self, mot: str) -> list[tuple[int, str]]:
        lignes = (ligne.split(" ", 2) for ligne in self.temoin.read_text(encoding="utf-8").splitlines())
        return [(int(pid), valeur) for premier, pid, valeur in lignes if premier == mot]

    def serveurs(self) -> list[int]:
        return [pid for pid, commande in self.lignes("processus") if "/moteur.py'" in commande]

    def attendre_serveur(self) -> int:
        assert until(lambda: bool(self.serveurs()), 60)
        return self.serveurs()[-1]


def until(condition: Any, secondes: float) -> bool:
    limite = time.monotonic() + secondes
    while time.monotonic() < limite:
        if condition():
            return True
        time.sleep(0.05)
    return False


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    etat = Path(f"/proc/{pid}/stat")
    with contextlib.suppress(OSError):
        return etat.read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return not etat.parent.parent.exists()


def query(base: Path, sql: str) -> list[tuple[Any, ...]]:
    with contextlib.closing(sqlite3.connect(base)) as connexion:
        return connexion.execute(sql).fetchall()


FLOT_RUNS = "SELECT f.name, r.state_name FROM flow_run r JOIN flow f ON f.id = r.flow_id ORDER BY r.created"


@pytest.fixture(scope="module")
def deux_moteurs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Lancement, str, str]:
    """Two engines one after the other in one process, behind a proxy that nothing may use."""
    dossier = tmp_path_factory.mktemp("deux_moteurs")
    lancement = Lancement(
        dossier,
        """
        import os
        avant = dict(os.environ)
        with moteur(Path("a")):
            from flots import flot, flot_en_panne
            print(flot(40))
            with moteur(Path("imbrique")):
                print(flot(2))
        assert dict(os.environ) == avant
        try:
            with moteur(Path("b")):
                flot_en_panne()
        except KeyError as erreur:
            print("panne reçue", erreur)
        """,
        HTTP_PROXY="http://192.0.2.1:3128",
        http_proxy="http://192.0.2.1:3128",
    )
    sortie, erreurs = lancement.attendre()
    return dossier, lancement, sortie, erreurs


def test_every_run_state_and_retry_is_in_the_database(deux_moteurs: tuple[Path, Lancement, str, str]) -> None:
    dossier, _, sortie, _ = deux_moteurs
    assert sortie.splitlines()[:2] == ["780", "1"]
    base = dossier / "a" / "prefect.db"
    assert query(base, FLOT_RUNS) == [("flot", "Completed"), ("flot", "Completed")]
    assert query(base, "SELECT state_name, count(*), sum(run_count) FROM task_run GROUP BY 1") == [
        ("Completed", 42, 44)
    ]
    etats = dict(query(base, "SELECT name, count(*) FROM task_run_state GROUP BY 1"))
    assert etats == {"Pending": 42, "Running": 42, "Retrying": 2, "Completed": 42}
    assert dict(query(base, "SELECT name, count(*) FROM flow_run_state GROUP BY 1")) == {
        "Pending": 2,
        "Running": 2,
        "Completed": 2,
    }


def test_an_engine_inside_another_uses_it(deux_moteurs: tuple[Path, Lancement, str, str]) -> None:
    dossier, lancement, _, _ = deux_moteurs
    assert not (dossier / "imbrique").exists()
    assert len(lancement.serveurs()) == 2


def test_an_exception_of_the_flow_reaches_the_caller_and_its_run_is_failed(
    deux_moteurs: tuple[Path, Lancement, str, str],
) -> None:
    dossier, _, sortie, _ = deux_moteurs
    assert sortie.splitlines()[2] == "panne reçue 'panne'"
    assert query(dossier / "b" / "prefect.db", FLOT_RUNS) == [("flot-en-panne", "Failed")]


def test_nothing_is_said_on_the_terminal_but_failures_are_kept(
    deux_moteurs: tuple[Path, Lancement, str, str],
) -> None:
    dossier, _, sortie, erreurs = deux_moteurs
    assert (len(sortie.splitlines()), erreurs) == (3, "")
    assert "KeyError: 'panne'" in (dossier / "b" / "prefect.log").read_text(encoding="utf-8")
    assert [
        message for (message,) in query(dossier / "b" / "prefect.db", "SELECT message FROM log") if "panne" in message
    ]
    assert (dossier / "a" / "serveur.log").read_text(encoding="utf-8") == ""


def test_no_process_remains(deux_moteurs: tuple[Path, Lancement, str, str]) -> None:
    _, lancement, _, _ = deux_moteurs
    assert [pid for pid in lancement.serveurs() if is_alive(pid)] == []


def test_nothing_leaves_the_machine(deux_moteurs: tuple[Path, Lancement, str, str]) -> None:
    _, lancement, _, _ = deux_moteurs
    assert {adresse for _, adresse in lancement.lignes("connexion")} == {"'127.0.0.1'"}
    assert {nom for _, nom in lancement.lignes("nom")} <= {"'127.0.0.1'"}


def test_the_folder_is_private_and_the_database_closed(deux_moteurs: tuple[Path, Lancement, str, str]) -> None:
    dossier, _, _, _ = deux_moteurs
    assert (dossier / "a").stat().st_mode & 0o777 == 0o700
    assert not (dossier / "a" / "prefect.db-wal").exists()


def test_a_killed_run_leaves_no_server_and_the_next_one_works(tmp_path: Path) -> None:
    debut = Lancement(tmp_path, "with moteur(Path('prefect')): pass")
    serveur = debut.attendre_serveur()
    debut.processus.kill()
    assert until(lambda: not is_alive(serveur), 10)
    debut.attendre()

    milieu = Lancement(
        tmp_path,
        """
        with moteur(Path("prefect")):
            from flots import flot_long
            flot_long()
        """,
    )
    assert milieu.processus.stdout is not None
    assert milieu.processus.stdout.readline() == "en cours\n"
    serveur = milieu.serveurs()[-1]
    os.kill(serveur, signal.SIGTERM)  # as a terminal or a service manager does to a whole group
    os.kill(serveur, signal.SIGINT)
    time.sleep(0.3)
    assert is_alive(serveur)
    milieu.processus.kill()
    assert until(lambda: not is_alive(serveur), 10)
    milieu.attendre()

    suite = Lancement(tmp_path, "with moteur(Path('prefect')):\n    from flots import flot\n    print(flot(3))")
    assert suite.attendre() == ("3\n", "")
    base = tmp_path / "prefect" / "prefect.db"
    assert query(base, FLOT_RUNS) == [("flot-long", "Running"), ("flot", "Completed")]
    assert not base.with_name("prefect.db.ecartee").exists()


def test_a_dead_server_is_named(tmp_path: Path) -> None:
    lancement = Lancement(
        tmp_path,
        """
        import os, signal
        try:
            with moteur(Path("prefect")):
                from flots import flot
                pid = [int(l.split()[1]) for l in open(os.environ["TEMOIN"]) if "/moteur.py" in l][-1]
                os.kill(pid, signal.SIGKILL)
                flot(1)
        except MoteurInterrompu as erreur:
            print(erreur.__cause__, "|", erreur)
        """,
    )
    sortie, _ = lancement.attendre()
    assert re.search(r"^Failed to reach API at http://127.0.0.1:.* \| .*code -9.*serveur\.log", sortie)


@pytest.mark.parametrize("source", ["environnement", "profil"])
def test_a_configured_server_is_respected(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_process(*_: object, **__: object) -> None:
        raise AssertionError("a server was started")

    monkeypatch.setattr(subprocess, "Popen", no_process)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.delenv("DO_NOT_TRACK", raising=False)
    monkeypatch.setenv("PREFECT_SERVER_ANALYTICS_ENABLED", "true")
    if source == "environnement":
        monkeypatch.setenv("PREFECT_API_URL", "http://prefect.ars.example/api")
    else:
        (tmp_path / "profiles.toml").write_text(
            'active = "ars"\n[profiles.ars]\nPREFECT_API_URL = "http://prefect.ars.example/api"\n', encoding="utf-8"
        )
    avant = dict(os.environ)
    with moteur(tmp_path / "prefect"):
        assert {cle: valeur for cle, valeur in os.environ.items() if avant.get(cle) != valeur} == {"DO_NOT_TRACK": "1"}
        assert not (tmp_path / "prefect").exists()
    assert dict(os.environ) == avant


def test_an_operator_without_server_gets_one(tmp_path: Path) -> None:
    (tmp_path / "profiles.toml").write_text('active = "ephemeral"\n[profiles.ephemeral]\n', encoding="utf-8")
    assert not module._has_server({"PREFECT_HOME": str(tmp_path)})
    assert not module._has_server({"PREFECT_HOME": str(tmp_path / "absent")})
    assert not module._has_server({"PREFECT_HOME": str(tmp_path), "PREFECT_API_URL": ""})


@pytest.fixture
def base(tmp_path: Path) -> Path:
    assert module._prepare_database(tmp_path)
    return tmp_path / "prefect.db"


def test_a_sound_database_is_kept(base: Path) -> None:
    inode = base.stat().st_ino
    module._prepare_database(base.parent)
    assert base.stat().st_ino == inode


@pytest.mark.parametrize("degat", ["texte", "vide", "pages", "autre version"])
def test_a_database_that_cannot_serve_is_set_aside(degat: str, base: Path) -> None:
    if degat == "texte":
        base.write_text("ceci n'est pas une base", encoding="utf-8")
    elif degat == "vide":
        base.write_bytes(b"")
    elif degat == "pages":
        contenu = base.read_bytes()
        base.write_bytes(contenu[:8192] + os.urandom(len(contenu) - 8192))
    else:
        with contextlib.closing(sqlite3.connect(base)) as connexion, connexion:
            connexion.execute("UPDATE alembic_version SET version_num = 'ffffffffffff'")
    avant = base.read_bytes()
    for _ in range(2):
        module._prepare_database(base.parent)
    assert query(base, "SELECT count(*) FROM flow_run") == [(0,)]
    assert base.with_name("prefect.db.ecartee").read_bytes() == avant


def test_the_write_ahead_log_of_a_database_set_aside_is_not_left_to_the_next_one(base: Path) -> None:
    for _ in range(2):
        for suffixe in ("", "-wal", "-shm"):
            base.with_name(base.name + suffixe).write_bytes(b"reste")
        module._set_aside(base)
        assert {chemin.name for chemin in base.parent.iterdir()} == {"prefect.db.ecartee", "verrou"}


def test_a_busy_database_is_not_set_aside(base: Path) -> None:
    inode = base.stat().st_ino
    with contextlib.closing(sqlite3.connect(base)) as connexion:
        connexion.execute("PRAGMA journal_mode = WAL")
        connexion.execute("BEGIN IMMEDIATE")
        module._prepare_database(base.parent)
        assert base.stat().st_ino == inode


def test_runs_older_than_the_retention_go_with_their_tasks(base: Path) -> None:
    with contextlib.closing(sqlite3.connect(base)) as connexion, connexion:
        connexion.execute("INSERT INTO flow (id, name) VALUES ('f', 'nuit')")
        for nom, jours in (("ancienne", module.CONSERVATION_JOURS + 1), ("recente", module.CONSERVATION_JOURS - 1)):
            connexion.execute(
                "INSERT INTO flow_run (id, name, flow_id, created, auto_scheduled) "
                "VALUES (?1, ?1, 'f', strftime('%Y-%m-%d %H:%M:%f000', 'now', ?2), 0)",
                (nom, f"-{jours} days"),
            )
            connexion.execute(
                "INSERT INTO task_run (id, name, task_key, dynamic_key, flow_run_id) VALUES (?1, ?1, 't', '0', ?1)",
                (nom,),
            )
            connexion.execute(
                "INSERT INTO task_run_state (id, task_run_id, type, name) VALUES (?1, ?1, 'COMPLETED', 'Completed')",
                (nom,),
            )
    module._prepare_database(base.parent)
    for table in ("flow_run", "task_run", "task_run_state"):
        assert query(base, f"SELECT id FROM {table}") == [("recente",)]


def structure(base: Path) -> dict[str, Any]:
    """Return tables and indexes by name, whatever the order of columns and the spacing that a way of building gives."""
    with contextlib.closing(sqlite3.connect(base)) as connexion:
        objets = connexion.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
        resultat: dict[str, Any] = {}
        for type_objet, nom, sql in objets:
            if type_objet == "table":
                colonnes = connexion.execute(f'PRAGMA table_info("{nom}")').fetchall()
                cles = connexion.execute(f'PRAGMA foreign_key_list("{nom}")').fetchall()
                resultat[nom] = (sorted(map(repr, (c[1:] for c in colonnes))), sorted(map(repr, (c[2:] for c in cles))))
            else:
                resultat[nom] = re.sub(r'[\s"]+', " ", sql)
        resultat["revision"] = connexion.execute("SELECT version_num FROM alembic_version").fetchall()
    return resultat


MIGRATIONS = """
import asyncio
from prefect.server.database import provide_database_interface
asyncio.run(provide_database_interface().create_db())
"""


def test_the_schema_in_store_is_the_one_prefect_builds(base: Path, tmp_path: Path) -> None:
    construite = tmp_path / "construite.db"
    subprocess.run(
        [
            sys.executable,
            "-c",
            MIGRATIONS,
        ],
        check=True,
        cwd=tmp_path,
        env=os.environ
        | module.SANS_TELEMETRIE
        | {
            "PREFECT_HOME": str(tmp_path / "home"),
            "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{construite}",
        },
    )
    if structure(construite) != structure(base):
        (tmp_path / module.schema_file().name).write_text(module.dump_schema(construite), encoding="utf-8")
        pytest.fail(f"put {tmp_path / module.schema_file().name} in place of {module.schema_file()}")
    assert query(construite, "SELECT count(*) FROM block_type") == query(base, "SELECT count(*) FROM block_type")
