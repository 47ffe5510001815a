"""What changed on the disk since it was written: staged files are made again or stop the night, versions are told."""

from __future__ import annotations

import logging
import random
import shutil
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import pytest
from alterations import INSTANT, JOUR, campagne, retourner_un_bit
from alterations import region as monde
from nuits import memes_lignes, publie
from scenario import nuit_directe

from flows import etat
from flows.alerter import dire_echec
from flows.reception import reception
from flows.reglages import Reglages, lire_reglages
from flows.staging import compaction
from flows.staging.fichiers import StagingAbime
from flows.staging.registre import RegistreDepots
from flows.versions import chaine, version

APRES = INSTANT + timedelta(hours=1)


@pytest.fixture(scope="module")
def modele(tmp_path_factory: pytest.TempPathFactory) -> Path:
    racine = tmp_path_factory.mktemp("modele") / "data"
    monde(racine)
    return racine


@pytest.fixture
def region(modele: Path, tmp_path: Path) -> Path:
    """A data root with merged files, folds and files of their own; its raw files are those that the register knows."""
    racine = Path(shutil.copytree(modele, tmp_path / "data", symlinks=True))
    with RegistreDepots(lire_reglages(racine).registre) as registre:
        inodes = [(f.stat().st_ino, f.parent.name, f.name) for f in (racine / "raw" / "depots").glob("*/*")]
        registre._base.executemany("UPDATE apercus SET inode = ? WHERE porteur = ? AND chemin = ?", inodes)
    return racine


def ranges(racine: Path, motif: str) -> list[Path]:
    return sorted((racine / "staging").glob(f"[!.]*/{motif}.parquet"))


def abimer(fichier: Path) -> None:
    retourner_un_bit(fichier, random.Random(0))


def test_un_bit_change_n_a_jamais_d_autres_chiffres(region: Path) -> None:
    sorts = set()
    for fichier, dit, ecarts in campagne(region, 16, 2):
        assert ecarts == [], fichier
        sorts |= {mot for mot in ("relus depuis raw", "il est refait") if mot in dit}
    assert sorts == {"relus depuis raw", "il est refait"}


@pytest.mark.parametrize("motif", ["repli-*", "reunis-*", "[!r]*"])
@pytest.mark.parametrize("mal", [abimer, Path.unlink])
def test_la_nuit_refait_ce_qui_est_abime_ou_parti(region: Path, motif: str, mal: Callable[[Path], None]) -> None:
    attendu = publie(region)
    for fichier in ranges(region, motif):
        mal(fichier)
    bilan = nuit_directe(region, [JOUR], APRES)
    memes_lignes(region, attendu)
    # A fold is made again from its file, which is whole; the others from the deposits.
    assert (bilan.recus == ()) == (motif == "repli-*")
    assert nuit_directe(region, [JOUR], APRES + timedelta(minutes=1)).recus == ()


def test_sans_le_depot_la_nuit_s_arrete_et_dit_quoi_faire(region: Path) -> None:
    avant = version.actuelle(region / "curated")
    (fichier,) = (region / "staging" / "mss").glob("reunis-2026-04-*")
    sain = fichier.read_bytes()
    abimer(fichier)
    depot = region / "raw" / "depots" / "asso" / "mss_2026-04-01.csv"
    ailleurs = depot.rename(region / depot.name)
    with pytest.raises(StagingAbime) as arret:
        nuit_directe(region, [JOUR], APRES)
    dit = dire_echec(arret.value)
    assert f"staging/mss/{fichier.name} (absents de raw/depots : asso, mss du 2026-04-01)" in dit
    assert "Restaurez-les depuis une sauvegarde de staging/, ou remettez ces dépôts dans raw/depots" in dit
    assert version.actuelle(region / "curated") == avant
    # Either cure does.
    fichier.write_bytes(sain)
    assert nuit_directe(region, [JOUR], APRES).version
    abimer(fichier)
    ailleurs.rename(depot)
    assert nuit_directe(region, [JOUR], APRES + timedelta(minutes=1)).version


def test_un_depot_illisible_dans_raw_ne_remplace_pas_celui_qui_est_abime(region: Path) -> None:
    """§4: a refused content replaces nothing. What it hides still counts, and nobody can make its rows again."""
    (fichier,) = (region / "staging" / "mss").glob("reunis-2026-04-*")
    abimer(fichier)
    (region / "raw" / "depots" / "asso" / "mss_2026-04-01.csv").write_bytes(b"")
    with pytest.raises(
        StagingAbime, match=f"staging/mss/{fichier.name} .absents de raw/depots : asso, mss du 2026-04-01"
    ):
        nuit_directe(region, [JOUR], APRES)


def test_un_depot_qu_on_ne_peut_pas_relire_arrete_la_nuit(region: Path) -> None:
    (fichier,) = (region / "staging" / "mss").glob("reunis-2026-04-*")
    abimer(fichier)
    with (
        patch.object(reception, "recevoir", side_effect=RuntimeError),
        pytest.raises(StagingAbime, match=f"staging/mss/{fichier.name} .ses dépôts n'ont pas pu être relus"),
    ):
        nuit_directe(region, [JOUR], APRES)


def test_un_fichier_abime_n_est_pas_reuni_aux_autres(region: Path) -> None:
    (abime,) = ranges(region, "reunis-2026-03-*")[:1]
    abimer(abime)
    with RegistreDepots(lire_reglages(region).registre) as registre:
        nom = f"{abime.parent.name}/{abime.name}"
        with patch.object(compaction, "FICHIERS_MAX", 0):
            compaction.compacter(lire_reglages(region), registre)
        assert nom in registre.fichiers()
        assert registre.abimes(registre.fichiers()) == [nom]


@pytest.fixture
def dits(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> pytest.LogCaptureFixture:
    monkeypatch.setattr(logging.getLogger("duimetre"), "propagate", True)
    caplog.set_level(logging.WARNING, "duimetre")
    return caplog


def dire(region: Path, instant: datetime) -> list[str]:
    return etat.constater(Reglages(region), instant).alarmes


@pytest.mark.parametrize("table", ["indicateurs", "populations"])
def test_une_mesure_publiee_qui_a_change_n_est_pas_reprise(region: Path, table: str) -> None:
    suivante = date(2026, 4, 2)
    assert dire(region, INSTANT) == []
    actuelle = version.actuelle(region / "curated")
    assert actuelle is not None
    chemin = f"{table}/date_mesure=2026-04-01/{table}.parquet"
    abimer(actuelle / chemin)
    (alarme,) = dire(region, INSTANT)
    assert f"La version {actuelle.name} n'est plus telle qu'elle a été publiée : le fichier {chemin} a changé" in alarme
    with pytest.raises(chaine.VersionAbimee) as arret:
        nuit_directe(region, [suivante], APRES)
    assert str(arret.value) == alarme
    assert "« duimetre revenir <version> », ou recalculer avec « duimetre nuit --date-mesure 2026-04-01 »" in alarme
    assert version.actuelle(region / "curated") == actuelle
    # The cure that is told: that date is computed again, and the next version is whole.
    nouvelle = nuit_directe(region, [JOUR, suivante], APRES).dossier
    assert chaine.verifier_version(nouvelle) == []
    assert dire(region, INSTANT) == []


def test_ce_que_la_nuit_refait_est_dit_et_ne_l_arrete_pas(region: Path, dits: pytest.LogCaptureFixture) -> None:
    actuelle = version.actuelle(region / "curated")
    assert actuelle is not None
    abimer(actuelle / "evolution" / "evolution.parquet")
    nouvelle = nuit_directe(region, [JOUR], APRES).dossier
    assert f"La version {actuelle.name} n'est plus telle" in dits.text
    assert "Cette nuit refait ce qui est abîmé." in dits.text
    assert chaine.verifier_version(nouvelle) == []
    # It is no longer the current one, and one of the others is looked at each night.
    autres = len(version.lister_versions(region / "curated")) - 1
    dits.clear()
    for rang in range(1, autres + 1):
        nuit_directe(region, [JOUR], APRES + timedelta(days=rang))
    assert f"La version {actuelle.name}, qui n'est plus l'actuelle, a changé" in dits.text


def test_etat_ne_montre_pas_les_chiffres_d_une_table_abimee(region: Path) -> None:
    actuelle = version.actuelle(region / "curated")
    assert actuelle is not None
    abimer(actuelle / "depots" / "depots.parquet")
    with pytest.raises(chaine.VersionAbimee, match=r"le fichier depots/depots\.parquet a changé"):
        dire(region, INSTANT)
