"""`duimetre versions`, `duimetre revenir`, and the retention at the end of a night (issue 4, Versions)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from scenario import ESSMS, deposer, nuit_directe, projets

from flows.cli.principal import main
from flows.nuit import vues
from flows.reglages import ReglageInvalide
from flows.versions import catalogue, chaine, preuves_remises, publication, version

JOUR = date(2026, 4, 1)
# The next day in the region (Europe/Paris).
DEBUT = datetime(2026, 4, 2, 22, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def modele(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One ESSMS, one real night."""
    racine = tmp_path_factory.mktemp("modele") / "data"
    projets(racine, "E1")
    deposer(racine, "dossiers_2026-04-02.csv", f"finess_et;id_dossier;id_personne\n{ESSMS['E1']};D1;P1\n")
    deposer(racine, "sejours_2026-04-02.csv", f"finess_et;id_dossier;date_entree\n{ESSMS['E1']};D1;2026-01-05\n")
    nuit_directe(racine, [JOUR], DEBUT)
    return racine


@pytest.fixture
def region(modele: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(modele, tmp_path / "data", symlinks=True))


def lancer(*arguments: str) -> int:
    with pytest.raises(SystemExit) as fin:
        main(arguments)
    return int(str(fin.value.code))


def nuits(racine: Path, *instants: datetime) -> list[str]:
    """Versions of other nights, with the tables of the first."""
    curated, publiees = racine / "curated", []
    for instant in instants:
        precedente = version.actuelle(curated)
        assert precedente is not None
        nouvelle = publication.preparer_version(curated, instant.strftime("%Y%m%dT%H%M%S%fZ"))
        for dossier in precedente.iterdir():
            if dossier.is_dir():
                shutil.copytree(dossier, nouvelle / dossier.name)
        catalogue.construire_catalogue(nouvelle, vues())
        publication.sceller(nouvelle, cree_le=instant, precedente=precedente, contenu={"dates_mesure": ["2026-04-01"]})
        publiees.append(publication.publier(curated, nouvelle).name)
    return publiees


def vieillir(racine: Path) -> None:
    """All versions left their place four days ago."""
    for dossier in (racine / "curated" / "versions").iterdir():
        os.utime(dossier, (time.time() - 4 * 86400,) * 2)


def test_list_and_return(region: Path, capsys: pytest.CaptureFixture[str]) -> None:
    premiere = (region / "curated" / "actuel").readlink().name
    (seconde,) = nuits(region, DEBUT + timedelta(days=1))
    assert lancer("versions", "--data", str(region)) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{premiere}  publiée le 03/04/2026 à 00\u00a0h\u00a030",
        f"{seconde}  publiée le 04/04/2026 à 00\u00a0h\u00a030 ← actuelle",
    ]
    assert lancer("revenir", premiere, "--data", str(region)) == 0
    assert version.actuelle(region / "curated") == region / "curated" / "versions" / premiere
    capsys.readouterr()
    assert lancer("versions", "--json", "--verifier", "--data", str(region)) == 0
    lu = json.loads(capsys.readouterr().out)
    assert lu["problemes"] == []
    assert lu["versions"] == [
        {
            "version": premiere,
            "publiee_le": "2026-04-03T00:30:00+02:00",
            "actuelle": True,
            "citee_par_une_preuve": False,
        },
        {
            "version": seconde,
            "publiee_le": "2026-04-03T22:30:00+00:00",
            "actuelle": False,
            "citee_par_une_preuve": False,
        },
    ]
    # The next night goes on from there.
    troisieme = nuit_directe(region, [JOUR], DEBUT + timedelta(days=2)).version
    manifeste = json.loads((region / "curated" / "actuel" / "manifeste.json").read_bytes())
    assert (manifeste["version"], manifeste["precedente"]["version"]) == (troisieme, premiere)


def test_nothing_published_yet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lancer("versions", "--data", str(tmp_path)) == 0
    assert "Aucune version publiée" in capsys.readouterr().out


def test_return_unknown_damaged_or_during_a_night(region: Path, capsys: pytest.CaptureFixture[str]) -> None:
    premiere = (region / "curated" / "actuel").readlink().name
    (seconde,) = nuits(region, DEBUT + timedelta(days=1))
    assert lancer("revenir", "20200101T000000000000Z", "--data", str(region)) == 5
    assert "Version inconnue" in capsys.readouterr().err
    catalogue = region / "curated" / "versions" / premiere / "catalogue.duckdb"
    catalogue.chmod(0o600)
    catalogue.write_bytes(b"abime")
    assert lancer("revenir", premiere, "--data", str(region)) == 1
    assert "n'est plus entière" in capsys.readouterr().err
    assert lancer("versions", "--verifier", "--data", str(region)) == 1
    assert f"{premiere} : le fichier catalogue.duckdb a changé" in capsys.readouterr().out
    assert version.actuelle(region / "curated") == region / "curated" / "versions" / seconde
    with subprocess.Popen(["flock", str(region / "staging" / "verrou"), "sleep", "30"]) as autre:
        limite = time.monotonic() + 20
        while (code := lancer("revenir", seconde, "--data", str(region))) == 0 and time.monotonic() < limite:
            time.sleep(0.05)
        autre.kill()
    assert code == 10
    assert "Une nuit est en cours" in capsys.readouterr().err


def test_a_night_keeps_the_last_nights_the_firsts_of_month_and_what_a_bundle_cites(
    region: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DUIMETRE_NUITS_CONSERVEES", "2")
    premiere = (region / "curated" / "actuel").readlink().name
    mai = [datetime(2026, 5, jour, 3, tzinfo=UTC) for jour in (1, 2, 3, 4)]
    premier_mai, citee, oubliee, veille = nuits(region, *mai)
    preuves_remises.inscrire_preuve(
        region / "curated",
        sha256="a" * 64,
        sujet={"finess_et": ESSMS["E1"], "date_mesure": "2026-04-01"},
        versions=[citee],
        cree_le=mai[-1],
    )
    vieillir(region)
    nouvelle = nuit_directe(region, [JOUR], datetime.now(UTC)).version
    restantes = {v.id for v in version.lister_versions(region / "curated")}
    # The night just published and the one before are the last two.
    assert restantes == {premiere, premier_mai, citee, veille, nouvelle}
    assert oubliee not in restantes
    assert chaine.verifier_chaine(region / "curated") == []
    lues = [
        json.loads(x) for f in (region / "staging" / "journaux").iterdir() for x in f.read_text("utf-8").splitlines()
    ]
    assert sum(x["versions"] for x in lues if x.get("etape") == "retention") == 1


def test_a_damaged_pin_removes_nothing_and_the_night_is_published(
    region: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DUIMETRE_NUITS_CONSERVEES", "1")
    nuits(region, *(datetime(2026, 5, jour, 3, tzinfo=UTC) for jour in (1, 2, 3)))
    (region / "curated" / "preuves").mkdir()
    (region / "curated" / "preuves" / "x.json").write_text("{", encoding="utf-8")
    vieillir(region)
    nuit_directe(region, [JOUR], datetime.now(UTC))
    assert len(version.lister_versions(region / "curated")) == 5


def test_the_documented_renewal_of_the_key_gives_the_same_figures(
    region: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """docs/exploitation.md, « Changer la clé »: the next night reads everything again under the new one."""
    maj = f"finess_et;id_dossier;horodatage\n{ESSMS['E1']};D1;2026-02-03\n"
    deposer(region, "mises_a_jour_2026-04-02.csv", maj)
    avant = nuit_directe(region, [JOUR], DEBUT + timedelta(days=1)).mesures[JOUR]
    anciens = pseudonymes(region)
    monkeypatch.setenv("DUIMETRE_CLE", "une autre clé, assez longue pour être sûre")
    apres = nuit_directe(region, [JOUR], DEBUT + timedelta(days=2)).mesures[JOUR]
    assert apres.equals(avant)
    assert avant.filter(indicateur="dossiers_actifs")["numerateur"].to_list() == [1]
    # A file that is no longer there could not be read again: the night says so, and publishes nothing.
    (region / "raw" / "depots" / "asso" / "sejours_2026-04-02.csv").unlink()
    monkeypatch.setenv("DUIMETRE_CLE", "une troisième clé, assez longue elle aussi")
    with pytest.raises(ReglageInvalide, match="Remettez ces fichiers, ou l'ancienne clé"):
        nuit_directe(region, [JOUR], DEBUT + timedelta(days=3))
    assert anciens.isdisjoint(pseudonymes(region))


def pseudonymes(racine: Path) -> set[str]:
    fichiers = (racine / "staging" / "mises_a_jour").glob("*.parquet")
    return {v for f in fichiers for v in pl.read_parquet(f)["id_dossier"]}
