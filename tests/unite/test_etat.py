"""`duimetre etat` (specification §3; issue 4)."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from scenario import ESSMS, deposer, nuit_directe, projets
from typographie import espaces

from flows import etat
from flows.cli.principal import main
from flows.reglages import Reglages

JOUR = date(2026, 4, 1)
NUIT = datetime(2026, 4, 3, 2, 30, tzinfo=UTC)
ENTETES = "finess_et;id_dossier;id_personne\n"


@pytest.fixture(scope="module")
def modele(tmp_path_factory: pytest.TempPathFactory) -> Path:
    racine = tmp_path_factory.mktemp("modele") / "data"
    projets(racine, "E1 porteur=asso\nE2 porteur=ght\nE3 porteur=muet")
    deposer(racine, "dossiers_2026-04-02.csv", f"{ENTETES}{ESSMS['E1']};D1;P1\n")
    deposer(racine, "sejours_2026-04-02.csv", f"finess_et;id_dossier;date_entree\n{ESSMS['E1']};D1;2026-01-05\n")
    deposer(racine, "mauvais nom.csv", "a\n1\n")
    deposer(racine, "dossiers_2026-04-02.csv", "finess_et\n1\n", "ght")
    nuit_directe(racine, [JOUR], NUIT)
    return racine


@pytest.fixture
def region(modele: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(modele, tmp_path / "data", symlinks=True))


def test_one_screen_says_what_the_operator_must_know(region: Path) -> None:
    vu = etat.constater(Reglages(region), NUIT + timedelta(hours=5))
    assert (vu.perime, vu.dates_mesure) == (False, ["2026-04-01"])
    assert vu.depots_par_statut == {"accepte": 2, "refuse": 2}
    assert vu.refus_en_attente == {"asso": 1, "ght": 1}
    assert vu.porteurs_sans_depot == ["muet"]
    assert vu.porteurs_silencieux == {}
    assert vu.sources_absentes["dossiers_actifs"] == 3
    assert vu.execution is not None
    assert vu.execution.resultat == "publiee"
    assert vu.alarmes == []
    texte = espaces(etat.dire(vu, ZoneInfo("Indian/Reunion")))
    assert texte.startswith("OK — dernière publication le 03/04/2026 à 06 h 30")
    assert "Dépôts : accepté 2, refusé 2" in texte
    assert "Fichiers refusés ou en attente, à reprendre : asso 1, ght 1" in texte
    assert "Dates mesurées : 01/04/2026" in texte
    assert "Sources manquantes (ESSMS) : " in texte and "projet personnalisé 3" in texte
    assert len(texte.splitlines()) < 24
    assert all(len(ligne) < 200 for ligne in texte.splitlines())


def test_stale_after_26_hours_and_silent_after_45_days(region: Path) -> None:
    assert not etat.constater(Reglages(region), NUIT + timedelta(hours=26)).perime
    perime = etat.constater(Reglages(region), NUIT + timedelta(hours=26, seconds=1))
    assert perime.perime
    assert "26 heures" in perime.alarmes[0]
    assert etat.constater(Reglages(region), NUIT + timedelta(days=45, hours=23)).porteurs_silencieux == {}
    silence = etat.constater(Reglages(region), NUIT + timedelta(days=46)).porteurs_silencieux
    assert silence == {"asso": 46, "ght": 46}
    assert etat.constater(Reglages(region, silence_jours=60), NUIT + timedelta(days=46)).porteurs_silencieux == {}


def test_a_refused_file_no_longer_waits_once_replaced_or_taken_away(region: Path) -> None:
    (region / "raw" / "depots" / "asso" / "mauvais nom.csv").unlink()
    deposer(region, "dossiers_2026-04-03.csv", f"{ENTETES}{ESSMS['E2']};D1;P1\n", "ght")
    nuit_directe(region, [JOUR], NUIT + timedelta(days=1))
    assert etat.constater(Reglages(region), NUIT + timedelta(days=1)).refus_en_attente == {}


def test_a_failed_night_and_a_full_disk_are_alarms(region: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (region / "raw" / "referentiels" / "projets.csv").unlink()
    with pytest.raises(Exception, match=r"projets\.csv"):
        nuit_directe(region, [JOUR], NUIT + timedelta(hours=12))
    libre = shutil.disk_usage(region)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: libre._replace(free=2**30))
    vu = etat.constater(Reglages(region), NUIT + timedelta(hours=13))
    assert vu.execution is not None
    assert vu.execution.resultat == "echec"
    assert not vu.perime
    assert vu.espace_insuffisant
    assert [a.partition(" : ")[0] for a in vu.alarmes] == [
        "La dernière nuit a échoué",
        "Il reste 1,1\u202fGo sur le disque",
    ]


def test_command_says_it_to_people_and_machines(region: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as fin:
        main(["etat", "--json", "--data", str(region)])
    vu = json.loads(capsys.readouterr().out)
    # Published in April 2026, or not yet: the clock of the machine decides.
    perime = datetime.now(UTC) - NUIT > timedelta(hours=26)
    assert fin.value.code == (6 if perime else 0)
    assert vu["perime"] is perime
    assert vu["depots_par_statut"] == {"accepte": 2, "refuse": 2}
    assert vu["execution"]["resultat"] == "publiee"


def test_nothing_published_yet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as fin:
        main(["etat", "--data", str(tmp_path / "neuf")])
    assert fin.value.code == 6
    assert "Aucune publication. Lancez « duimetre nuit »." in espaces(capsys.readouterr().out)
