"""Prefect around the night: what it shows, what it never keeps, and that the night does not need it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from nuits import until
from scenario import ESSMS, deposer, projets

from flows import nuit, serveur_prefect
from flows.versions.version import actuelle

RACINE = Path(__file__).parents[2]
JOUR = "2026-04-01"


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


def propre(**environ: str) -> dict[str, str]:
    """An environment where nobody has set Prefect."""
    garde = {cle: valeur for cle, valeur in os.environ.items() if not cle.startswith(("PREFECT_", "DUIMETRE_"))}
    return garde | {"PYTHONPATH": str(RACINE)} | environ


def lancer(racine: Path, **environ: str) -> subprocess.Popen[str]:
    """`duimetre nuit` in a process of its own."""
    return subprocess.Popen(
        [Path(sys.executable).with_name("duimetre"), "nuit", "--data", racine, "--date-mesure", JOUR],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=propre(HOME=str(racine), **environ),
    )


def serveurs(racine: Path) -> list[int]:
    """The living servers whose home is in that data root."""
    trouves = []
    for processus in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            environ = (processus / "environ").read_bytes().split(b"\0")
            if f"PREFECT_HOME={racine / 'staging' / 'prefect'}".encode() in environ and is_alive(int(processus.name)):
                trouves.append(int(processus.name))
    return trouves


def petite_region(racine: Path) -> None:
    projets(racine, "E1")
    deposer(racine, "dossiers_2026-04-02.csv", f"finess_et;id_dossier;id_personne\n{ESSMS['E1']};D1;Dupont Jeanne\n")
    deposer(racine, "Jeanne Dupont.csv", "nom;prenom\nDupont;Jeanne\n")


@pytest.fixture(scope="module")
def nuitee(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A data root after one night by the command, and what it said."""
    racine = tmp_path_factory.mktemp("nuitee")
    petite_region(racine)
    processus = lancer(racine)
    sortie, erreurs = processus.communicate(timeout=240)
    assert (processus.returncode, erreurs) == (0, "")
    assert serveurs(racine) == []
    return racine, sortie


@pytest.fixture
def suite(nuitee: tuple[Path, str], tmp_path: Path) -> Path:
    """A copy of that data root: the database of its server needs no migration."""
    return Path(shutil.copytree(nuitee[0], tmp_path / "racine", symlinks=True))


def test_only_one_module_imports_prefect() -> None:
    sources = (f for salle in ("schemas", "transforms", "flows") for f in (RACINE / salle).rglob("*.py"))
    trouves = [f.name for f in sources if re.search(r"^\s*(import|from) prefect", f.read_text("utf-8"), re.MULTILINE)]
    assert trouves == ["orchestration.py"]


def test_the_run_its_tasks_and_their_states_have_names(nuitee: tuple[Path, str]) -> None:
    base = nuitee[0] / "staging" / "prefect" / "prefect.db"
    assert query(base, "SELECT name, state_name, tags FROM flow_run") == [
        ("nuit 2026-04-01", "Completed", '["duimetre"]')
    ]
    assert query(base, "SELECT name, state_name, run_count FROM task_run ORDER BY name") == [
        (nom, "Completed", 1)
        for nom in (
            "contrôler ce qui est rangé",
            "inventorier les dépôts",
            "lire les référentiels",
            "mesurer des seaux d'ESSMS, lot 1 sur 1",
            "publier",
            "recevoir des fichiers, lot 1 sur 2",
            "recevoir des fichiers, lot 2 sur 2",
            "rendre aux porteurs",
            "retirer les versions anciennes",
            "réunir les petits fichiers",
        )
    ]


def test_the_journal_and_two_artifacts_are_there_without_any_value(nuitee: tuple[Path, str]) -> None:
    racine, sortie = nuitee
    base = racine / "staging" / "prefect" / "prefect.db"
    messages = [message for (message,) in query(base, "SELECT message FROM log ORDER BY timestamp")]
    assert "Fichiers à lire : fichiers 2" in messages
    assert "Dépôts reçus : porteur asso, fichiers 2, refuses 1, lignes_rejetees 0, non_traites 0" in messages
    resume = next(m for m in messages if m.startswith("Fichiers reçus\u00a0: 2"))
    assert resume in sortie
    version = actuelle(racine / "curated")
    assert version is not None
    (markdown,) = query(base, "SELECT json_extract(data, '$') FROM artifact WHERE key = 'nuit'")[0]
    assert markdown.startswith(f"# Nuit {version.name}\n- {resume}\n")
    assert f"[Rapport]({(version / 'rapports' / 'index.html').as_uri()})" in markdown
    (table,) = query(base, "SELECT json_extract(data, '$') FROM artifact WHERE key = 'refus'")[0]
    assert table == (
        '[{"porteur": "asso", "fichiers": 2, "tables refus\\u00e9es": 1, "lignes rejet\\u00e9es": 0, '
        '"fichiers non trait\\u00e9s": 0}]'
    )
    for fichier in (racine / "staging" / "prefect").rglob("*"):
        assert not fichier.is_file() or not re.search(rb"Dupont|Jeanne", fichier.read_bytes()), fichier
    assert (racine / "staging" / "prefect").stat().st_mode & 0o777 == 0o700


def test_the_parameters_are_described_and_none_is_for_tests() -> None:
    from flows import orchestration  # noqa: PLC0415 - Prefect takes a second to import

    for flot in (orchestration.nuit, orchestration.reception):
        decrits = {nom: p.get("description", "") for nom, p in flot.parameters.properties.items()}
        assert decrits.keys() <= {"data", "dates_mesure", "fuseau", "reconstruire"}
        assert all(texte.endswith(".") for texte in decrits.values())


def test_old_runs_go(suite: Path) -> None:
    base = suite / "staging" / "prefect" / "prefect.db"
    with contextlib.closing(sqlite3.connect(base)) as connexion, connexion:
        for champ in ("created", "start_time", "end_time"):
            connexion.execute(f"UPDATE flow_run SET {champ} = datetime('now', '-91 days')")
    anciennes = query(base, "SELECT id FROM flow_run")
    assert lancer(suite).wait(120) == 0
    assert query(base, "SELECT count(*) FROM flow_run") == [(1,)]
    assert query(base, "SELECT id FROM flow_run") != anciennes


def test_a_killed_night_leaves_no_server(suite: Path) -> None:
    processus = lancer(suite)
    assert until(lambda: serveurs(suite), 60)
    (pid,) = serveurs(suite)
    time.sleep(0.5)  # until it is the server
    os.kill(pid, signal.SIGTERM)  # as a terminal or a service manager does to a whole group: the night decides
    os.kill(pid, signal.SIGINT)
    time.sleep(0.3)
    assert serveurs(suite) == [pid]
    processus.kill()
    processus.communicate()
    assert until(lambda: not serveurs(suite), 5)


def test_a_server_that_cannot_start_does_not_stop_the_night(suite: Path) -> None:
    avant = actuelle(suite / "curated")
    for fichier in (suite / "staging" / "prefect").glob("prefect.db*"):
        fichier.write_text("ceci n'est pas une base", encoding="utf-8")
    processus = lancer(suite)
    sortie, erreurs = processus.communicate(timeout=120)
    assert (processus.returncode, erreurs) == (0, "")
    assert "Le serveur Prefect ne répond pas : la nuit se fait sans lui." in sortie
    assert actuelle(suite / "curated") != avant
    journal = max((suite / "staging" / "journaux").glob("*.jsonl")).read_text(encoding="utf-8")
    assert '"niveau": "avertissement", "message": "Le serveur Prefect ne répond pas' in journal
    assert '"resultat": "publiee"' in journal


def test_a_server_that_dies_does_not_stop_the_night(suite: Path) -> None:
    avant = actuelle(suite / "curated")
    base = suite / "staging" / "prefect" / "prefect.db"
    processus = lancer(suite)
    assert until(lambda: query(base, "SELECT count(*) FROM flow_run") == [(2,)], 90)
    for pid in serveurs(suite):
        os.kill(pid, signal.SIGKILL)
    sortie, erreurs = processus.communicate(timeout=200)
    assert processus.returncode == 0, erreurs
    assert "la nuit se fait sans lui" in sortie
    assert actuelle(suite / "curated") != avant


def test_a_configured_server_that_does_not_answer_does_not_stop_the_night(suite: Path) -> None:
    processus = lancer(suite, PREFECT_API_URL="http://127.0.0.1:9/api")
    sortie, _ = processus.communicate(timeout=120)
    assert processus.returncode == 0
    assert "la nuit se fait sans lui" in sortie
    assert len(query(suite / "staging" / "prefect" / "prefect.db", "SELECT id FROM flow_run")) == 1


@pytest.mark.parametrize("source", ["environnement", "profil"])
def test_a_configured_server_is_respected(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def aucun(*_: object, **__: object) -> None:
        raise AssertionError("a server was started")

    monkeypatch.setattr(subprocess, "Popen", aucun)
    monkeypatch.setattr(os, "environ", propre(PREFECT_HOME=str(tmp_path)))
    if source == "environnement":
        os.environ["PREFECT_API_URL"] = "http://prefect.ars.example/api"
    else:
        (tmp_path / "profiles.toml").write_text(
            'active = "ars"\n[profiles.ars]\nPREFECT_API_URL = "http://prefect.ars.example/api"\n', encoding="utf-8"
        )
    obtenu = serveur_prefect.demarrer(tmp_path / "prefect")
    assert (obtenu.url, obtenu.processus) == ("http://prefect.ars.example/api", None)
    assert os.environ["DO_NOT_TRACK"] == "1"
    assert not (tmp_path / "prefect").exists()


def test_a_profile_without_server_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "profiles.toml").write_text('active = "ephemeral"\n[profiles.ephemeral]\n', encoding="utf-8")
    monkeypatch.setattr(os, "environ", propre(PREFECT_HOME=str(tmp_path)))
    assert serveur_prefect._configuree() == ""


ETAPES = """
import sys
from pathlib import Path
from flows.serveur_prefect import demarrer

serveur_prefect = demarrer(Path(sys.argv[1]))
from prefect import flow
from flows import nuit, orchestration

essais = []

def lire_referentiels(_nuit):
    essais.append(1)
    raise OSError(5, "Dupont Jeanne") if len(essais) < 3 else ValueError("Dupont Jeanne")

etape = orchestration._TACHES[nuit.lire_referentiels]
orchestration._TACHES[lire_referentiels] = etape.with_options(retry_delay_seconds=0)
orchestration._TACHES[lire_referentiels].fn = orchestration._sans_valeur(lire_referentiels)

@flow
@orchestration._sans_valeur
def flot():
    return orchestration.Taches().faire(lire_referentiels, None)

assert serveur_prefect.pret()
try:
    flot()
except orchestration.Echec as echec:
    print(echec.erreur, len(essais))
"""


def test_a_passing_error_is_tried_again_and_no_message_of_an_error_is_kept(suite: Path) -> None:
    home = suite / "staging" / "prefect"
    dit = subprocess.run(
        [sys.executable, "-c", ETAPES, home], env=propre(HOME=str(suite)), capture_output=True, text=True, check=True
    )
    assert (dit.stdout, dit.stderr) == ("Dupont Jeanne 3\n", "")
    base = home / "prefect.db"
    assert query(base, "SELECT state_name, run_count FROM task_run ORDER BY created DESC LIMIT 1") == [("Failed", 3)]
    (message,) = query(base, "SELECT message FROM flow_run_state WHERE type = 'FAILED'")[0]
    assert "Echec: ValueError (<string>:" in message
    for fichier in home.rglob("*"):
        assert not fichier.is_file() or b"Dupont" not in fichier.read_bytes(), fichier


RECEPTION = """
import sys
from pathlib import Path
from flows.serveur_prefect import demarrer

serveur_prefect = demarrer(Path(sys.argv[1]) / "staging" / "prefect")
from flows import orchestration, verrou

verrou.ATTENTE_RECEPTION_S = 0.0
assert serveur_prefect.pret()
orchestration.reception(sys.argv[1])
"""


def test_a_reception_is_a_run_of_its_own_and_no_failure_when_a_night_runs(suite: Path) -> None:
    deposer(suite, "sejours_2026-04-02.csv", f"finess_et;id_dossier;date_entree\n{ESSMS['E1']};D1;Dupont\n")
    version = actuelle(suite / "curated")
    lancement = [sys.executable, "-c", RECEPTION, suite]
    with (suite / "staging" / "verrou.reception").open("r+") as pris:
        fcntl.flock(pris, fcntl.LOCK_EX)
        subprocess.run(lancement, env=propre(HOME=str(suite)), check=True)
    base = suite / "staging" / "prefect" / "prefect.db"
    executions = "SELECT state_name FROM flow_run WHERE name = 'réception' ORDER BY created"
    taches = (
        "SELECT name FROM task_run WHERE flow_run_id IN (SELECT id FROM flow_run WHERE name = 'réception') ORDER BY 1"
    )
    assert (query(base, executions), query(base, taches)) == ([("Completed",)], [])
    subprocess.run(lancement, env=propre(HOME=str(suite)), check=True)
    assert query(base, executions) == [("Completed",)] * 2
    assert [nom for (nom,) in query(base, taches)] == [
        "inventorier les dépôts",
        "lire les référentiels",
        *(f"recevoir des fichiers, lot {n} sur 3" for n in (1, 2, 3)),  # two files were copied since they were read
    ]
    messages = [m for (m,) in query(base, "SELECT message FROM flow_run_state WHERE type = 'COMPLETED'")]
    assert len([m for m in messages if m and "est en cours : elle lit elle-même" in m]) == 1
    (table,) = query(base, "SELECT json_extract(data, '$') FROM artifact WHERE key = 'reception'")[0]
    assert json.loads(table) == [
        {"porteur": "asso", "fichiers": 3, "tables refusées": 0, "lignes rejetées": 1, "fichiers non traités": 0}
    ]
    assert actuelle(suite / "curated") == version


@pytest.mark.parametrize(("erreur", "essais"), [(OSError, 3), (ValueError, 1)])
def test_the_plain_night_tries_a_passing_error_again(
    erreur: type[Exception], essais: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nuit, "DELAI_ESSAI_S", 0.0)
    vus: list[int] = []

    def etape(lot: int, autre: int) -> int:
        vus.append(lot)
        if lot == 2:
            raise erreur
        return lot + autre

    assert nuit.DIRECT.repartir(etape, [1, 3], 10) == [11, 13]
    with pytest.raises(erreur):
        nuit.DIRECT.repartir(etape, [1, 2], 10)
    assert vus.count(2) == essais
    vus.clear()
    with pytest.raises(erreur):
        nuit.Direct(essais=1).faire(etape, 2, 10)
    assert vus == [2]
