"""Schedules: Prefect deployments, systemd units, cron (issue 4). `make chaos` runs one on a real server and worker."""

from __future__ import annotations

import configparser
import contextlib
import importlib
import inspect
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from test_orchestration import petite_region, propre, query

from flows.cli.principal import _parseur
from flows.versions.version import actuelle

RACINE = Path(__file__).parents[2]
DEPLOY = RACINE / "deploy"
UNITES = sorted(DEPLOY.glob("systemd/*.timer"))


def deploiements() -> dict[str, dict[str, Any]]:
    contenu = yaml.safe_load((RACINE / "prefect.yaml").read_text(encoding="utf-8"))
    return {d["name"]: d for d in contenu["deployments"]}


def test_prefect_deploys_the_night_the_reception_and_one_on_demand() -> None:
    assert {nom: [s["cron"] for s in d["schedules"]] for nom, d in deploiements().items()} == {
        "nuit": ["30 2 * * *"],
        "reception": ["*/10 * * * *"],
        "a-la-demande": [],
    }
    version = yaml.safe_load((RACINE / "prefect.yaml").read_text(encoding="utf-8"))["prefect-version"]
    assert f"prefect=={version}" in (RACINE / "pyproject.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("nom", ["nuit", "reception", "a-la-demande"])
def test_each_deployment_leads_to_a_flow_that_takes_its_parameters(nom: str) -> None:
    deploiement = deploiements()[nom]
    fichier, _, fonction = deploiement["entrypoint"].partition(":")
    module = importlib.import_module(fichier.removesuffix(".py").replace("/", "."))
    parametres = inspect.signature(getattr(module, fonction).fn).parameters
    assert set(deploiement["parameters"]) <= set(parametres)
    assert deploiement["work_pool"]["name"] == "duimetre"
    assert deploiement["work_pool"]["job_variables"]["env"] == {"PREFECT_LOGGING_EXTRA_LOGGERS": "duimetre"}
    assert deploiement["tags"] == ["duimetre"]
    # Receptions that come while one waits for the night are not kept for later.
    une = {"limit": 1, "collision_strategy": "CANCEL_NEW"} if nom == "reception" else 1
    assert deploiement["concurrency_limit"] == une
    assert all(ZoneInfo(s["timezone"]).key == "Indian/Reunion" for s in deploiement["schedules"])


def commandes() -> list[str]:
    """The command lines of the units and of cron."""
    lignes = [
        ligne.partition("=")[2]
        for unite in DEPLOY.glob("systemd/*.service")
        for ligne in unite.read_text(encoding="utf-8").splitlines()
        if ligne.startswith("ExecStart=")
    ]
    cron = (DEPLOY / "cron" / "duimetre").read_text(encoding="utf-8")
    return lignes + re.findall(r"^[\d*].*?duimetre  (.*?)(?: >/dev/null)?$", cron, flags=re.MULTILINE)


@pytest.mark.parametrize("commande", commandes())
def test_scheduled_commands_exist(commande: str) -> None:
    programme, *arguments = commande.split()
    assert programme == "/opt/duimetre/.venv/bin/duimetre"
    _parseur().parse_args(arguments)


def test_there_are_commands_for_every_way_of_scheduling() -> None:
    assert len(commandes()) == 6


@pytest.mark.parametrize("timer", UNITES, ids=lambda t: t.stem)
def test_timers_start_their_service_in_the_time_of_the_region(timer: Path) -> None:
    lu = configparser.ConfigParser(interpolation=None)
    lu.optionxform = str  # type: ignore[assignment, method-assign]
    lu.read(timer, encoding="utf-8")
    assert lu["Timer"]["Unit"] == f"{timer.stem}.service"
    assert (timer.with_suffix(".service")).is_file()
    calendrier = lu["Timer"]["OnCalendar"]
    assert calendrier.endswith(" Indian/Reunion")
    assert lu["Timer"]["Persistent"] == "true"
    heures = {"nuit": " 02:30:00 ", "alarme": " 07:00:00 ", "reception": " *:00/10:00 "}
    assert heures[timer.stem.removeprefix("duimetre-")] in calendrier


def test_another_night_in_progress_is_no_failure_for_systemd() -> None:
    for nom in ("nuit", "reception"):
        unite = (DEPLOY / "systemd" / f"duimetre-{nom}.service").read_text(encoding="utf-8")
        assert "SuccessExitStatus=10" in unite
        # The drop folders are only read.
        assert "data/raw" not in unite
        assert ("data/curated" in unite) == (nom != "reception")


def test_the_lines_about_prefect_work_when_pasted_in_order(tmp_path: Path) -> None:
    """§3 of docs/exploitation.md: its very lines, but for the folders and the port, until the night on demand is published."""
    section = (RACINE / "docs" / "exploitation.md").read_text(encoding="utf-8").partition("**Prefect**, avec")[2]
    lignes = section.split("```")[1]
    data, projet = tmp_path / "data", tmp_path / "duimetre"
    petite_region(data)
    (projet / ".venv" / "bin").mkdir(parents=True)
    for nom in ("flows", "schemas", "transforms", "prefect.yaml"):
        (projet / nom).symlink_to(RACINE / nom)
    (projet / ".venv" / "bin" / "activate").write_text(f'export PATH="{Path(sys.executable).parent}:$PATH"\n', "utf-8")
    with socket.create_server(("127.0.0.1", 0)) as prise:
        port = str(prise.getsockname()[1])
    for ancien, nouveau in (("/opt/duimetre", projet), ("/srv/duimetre/data", data), (":4200", f":{port}")):
        assert ancien in lignes
        lignes = lignes.replace(ancien, str(nouveau))
    environ = propre(HOME=str(tmp_path), PREFECT_SERVER_API_PORT=port, no_proxy="127.0.0.1", NO_PROXY="127.0.0.1")
    with (tmp_path / "sortie").open("w+", encoding="utf-8") as sortie:
        coquille = subprocess.Popen(
            ["bash", "-e"], stdin=subprocess.PIPE, stdout=sortie, stderr=sortie, text=True, env=environ,
            start_new_session=True,
        )  # fmt: skip
        try:
            coquille.communicate(lignes, timeout=280)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(coquille.pid, signal.SIGKILL)  # the server and the worker
        sortie.seek(0)
        assert coquille.returncode == 0, sortie.read()[-4000:]
    version = actuelle(data / "curated")
    assert version is not None
    base = tmp_path / ".prefect" / "prefect.db"
    assert query(
        base, "SELECT name, state_name FROM flow_run WHERE state_name <> 'Scheduled' AND name LIKE 'nuit %'"
    ) == [("nuit 2026-04-01", "Completed")]
    messages = [message for (message,) in query(base, "SELECT message FROM log")]
    assert "Dépôts reçus : porteur asso, fichiers 2, refuses 1, lignes_rejetees 0, non_traites 0" in messages
    assert not [m for m in messages if "Dupont" in m or "Jeanne" in m]
