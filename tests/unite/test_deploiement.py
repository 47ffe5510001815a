"""Schedules: Prefect deployments, systemd units, cron (issue 4). `make chaos` runs one on a real server and worker."""

from __future__ import annotations

import configparser
import importlib
import inspect
import re
import shutil
import subprocess
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from flows.cli.principal import _parseur
from flows.mensuelle import premiers_du_mois

RACINE = Path(__file__).parents[2]
DEPLOY = RACINE / "deploy"
UNITES = sorted(DEPLOY.glob("systemd/*.timer"))


def deploiements() -> dict[str, dict[str, Any]]:
    contenu = yaml.safe_load((RACINE / "prefect.yaml").read_text(encoding="utf-8"))
    return {d["name"]: d for d in contenu["deployments"]}


def test_prefect_deploys_the_night_the_monthly_measure_and_one_on_demand() -> None:
    assert {nom: [s["cron"] for s in d["schedules"]] for nom, d in deploiements().items()} == {
        "nuit": ["30 2 * * *"],
        "mesure-mensuelle": ["0 6 1 * *"],
        "a-la-demande": [],
    }
    version = yaml.safe_load((RACINE / "prefect.yaml").read_text(encoding="utf-8"))["prefect-version"]
    assert f"prefect=={version}" in (RACINE / "pyproject.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("nom", ["nuit", "mesure-mensuelle", "a-la-demande"])
def test_each_deployment_leads_to_a_flow_that_takes_its_parameters(nom: str) -> None:
    deploiement = deploiements()[nom]
    fichier, _, fonction = deploiement["entrypoint"].partition(":")
    module = importlib.import_module(fichier.removesuffix(".py").replace("/", "."))
    parametres = inspect.signature(getattr(module, fonction).fn).parameters
    assert set(deploiement["parameters"]) <= set(parametres)
    assert deploiement["work_pool"] == {"name": "duimetre"}
    assert deploiement["concurrency_limit"] == 1
    assert all(ZoneInfo(s["timezone"]).key == "Indian/Reunion" for s in deploiement["schedules"])


def test_the_monthly_measure_takes_the_last_three_firsts() -> None:
    assert premiers_du_mois(date(2026, 4, 1)) == [date(2026, 2, 1), date(2026, 3, 1), date(2026, 4, 1)]
    assert premiers_du_mois(date(2027, 1, 31)) == [date(2026, 11, 1), date(2026, 12, 1), date(2027, 1, 1)]


def test_the_script_of_cron_gives_the_same_dates(tmp_path: Path) -> None:
    shutil.copytree(DEPLOY, tmp_path / "deploy")
    faux = tmp_path / ".venv" / "bin" / "duimetre"
    faux.parent.mkdir(parents=True)
    faux.write_text('#!/bin/sh\necho "$@"\n', encoding="utf-8")
    faux.chmod(0o755)
    dit = subprocess.run(
        [tmp_path / "deploy" / "mensuelle.sh", "--data", "/d"], capture_output=True, text=True, check=True
    ).stdout
    options = _parseur().parse_args(dit.split())
    assert sorted(options.date_mesure) == premiers_du_mois(max(options.date_mesure))
    assert max(options.date_mesure).day == 1
    assert str(options.data) == "/d"


def commandes() -> list[str]:
    """The command lines of the units and of cron."""
    lignes = [
        ligne.partition("=")[2]
        for unite in DEPLOY.glob("systemd/*.service")
        for ligne in unite.read_text(encoding="utf-8").splitlines()
        if ligne.startswith("ExecStart=")
    ]
    cron = (DEPLOY / "cron" / "duimetre").read_text(encoding="utf-8")
    return lignes + re.findall(r"^[\d*].*?duimetre  (.*)$", cron, flags=re.MULTILINE)


@pytest.mark.parametrize("commande", commandes())
def test_scheduled_commands_exist(commande: str) -> None:
    programme, *arguments = commande.split()
    assert programme in ("/opt/duimetre/.venv/bin/duimetre", "/opt/duimetre/deploy/mensuelle.sh")
    _parseur().parse_args(["nuit", *arguments] if programme.endswith(".sh") else arguments)


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
    assert {"duimetre-nuit": "02:30", "duimetre-mensuelle": "06:00", "duimetre-alarme": "07:00"}[
        timer.stem
    ] in calendrier


def test_another_night_in_progress_is_no_failure_for_systemd() -> None:
    for nom in ("nuit", "mensuelle"):
        unite = (DEPLOY / "systemd" / f"duimetre-{nom}.service").read_text(encoding="utf-8")
        assert "SuccessExitStatus=10" in unite
        # The drop folders are only read.
        assert "data/raw" not in unite
