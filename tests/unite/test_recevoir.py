"""`duimetre recevoir` (specification §3): answers between two nights, and never in the way of the night."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from conftest import Region
from nuits import commande, executer, fichiers, memes_lignes, publie, until
from scenario import ESSMS, deposer, nuit_directe, projets
from typographie import espaces

from flows import etat, nuit, recevoir, verrou
from flows.journal import derniere_execution
from flows.reglages import lire_reglages
from flows.staging.registre import RegistreDepots

JOUR = date(2026, 4, 1)
NUIT_1 = datetime(2026, 4, 1, 0, 30, tzinfo=UTC)
MIDI = NUIT_1 + timedelta(hours=10)
NUIT_2 = NUIT_1 + timedelta(days=1)
E1 = ESSMS["E1"]
SEJOURS = "finess_et;id_dossier;date_entree\n"
BONNES = SEJOURS + "".join(f"{E1};D{n};2025-01-01\n" for n in range(6))


def accuses(racine: Path) -> dict[str, str]:
    """Deposit → status, as its porteur reads it."""
    lus = [json.loads(f.read_bytes()) for f in (racine / "retours").rglob("accuse_*.json")]
    return {a["nom"]: a["statut"] for a in lus}


def laisser(racine: Path) -> None:
    """What was just dropped has been there for long: nothing waits to see whether it grows."""
    for fichier in fichiers(racine):
        os.utime(fichier, (1_700_000_000, 1_700_000_000))


@pytest.fixture
def racine(tmp_path: Path) -> Path:
    """Six files, one of each fate."""
    projets(tmp_path, "E1\nE2 porteur=attend\nE2 porteur=autre")
    deposer(tmp_path, "sejours_2026-03-31.csv", BONNES)
    deposer(tmp_path, "sejours_2026-03-30.csv", BONNES + f"{E1};D9;demain\n")
    deposer(tmp_path, "sejours_2026-03-31_copie.csv", BONNES)
    deposer(tmp_path, "avril.csv", "x")
    deposer(tmp_path, "sejours_2026-03-31.csv", BONNES, "attend")
    deposer(tmp_path, "sejours_2026-03-31.csv", BONNES, "personne")
    laisser(tmp_path)
    return tmp_path


# --- the command ------------------------------------------------------------------------------------------------------


def test_repond_a_chaque_fichier_et_ne_publie_rien(racine: Path) -> None:
    code, dit, erreurs = executer("recevoir", "--data", racine)
    assert (code, erreurs) == (0, "")
    assert dit.splitlines()[-4:] == [
        "6 fichiers lus : accepté 1, accepté avec lignes rejetées 1, refusé 2, en attente 1, déjà reçu 1.",
        "1 ligne rejetée.",
        f"Réponses aux porteurs : {racine / 'retours'}",
        "Rien n'est publié : c'est la nuit qui mesure.",
    ]
    assert accuses(racine)["avril.csv"] == "refuse"
    assert len(list((racine / "retours").rglob("accuse_*.json"))) == 5
    assert not (racine / "retours" / "personne").exists()
    assert not (racine / "curated").exists()
    assert not (racine / "staging" / "prefect").exists(), "no server for an answer in seconds"
    code, dit, _ = executer("recevoir", "--data", racine)
    assert (code, dit) == (0, "Rien de nouveau dans les dossiers de dépôt.\n")


def test_le_json_est_seul_sur_la_sortie(racine: Path) -> None:
    code, dit, erreurs = executer("recevoir", "--data", racine, "--json")
    assert (code, erreurs) == (0, "Lecture des dépôts : 6 sur 6\n")
    vu = json.loads(dit)
    assert (vu["fichiers"], vu["lignes_rejetees"], vu["non_traites"]) == (6, 1, 0)
    assert vu["statuts"] == {
        "accepte": 1,
        "accepte_avec_rejets": 1,
        "refuse": 2,
        "en_attente": 1,
        "deja_recu": 1,
        "remplace": 0,
        "retire": 0,
    }
    assert vu["porteurs"]["asso"] == {"fichiers": 4, "refuses": 1, "lignes_rejetees": 1, "non_traites": 0}


def test_un_registre_des_projets_illisible_n_est_la_faute_de_personne(racine: Path) -> None:
    projets_csv = racine / "raw" / "referentiels" / "projets.csv"
    bon = projets_csv.read_bytes()
    projets_csv.write_text("porteur;nom\nasso;Association\n", encoding="utf-8")
    code, dit, erreurs = executer("recevoir", "--data", racine)
    assert (code, dit) == (1, "")
    assert "projets.csv" in erreurs and "finess_et" in erreurs and "Traceback" not in erreurs
    assert accuses(racine) == {}
    projets_csv.write_bytes(bon)
    assert executer("recevoir", "--data", racine)[0] == 0
    assert len(accuses(racine)) == 4


def test_sans_donnees(tmp_path: Path) -> None:
    code, _, erreurs = executer("recevoir", "--data", tmp_path)
    assert code == 1 and "n'existe pas" in erreurs


def test_une_reception_n_est_pas_une_nuit_pour_l_operateur(racine: Path) -> None:
    reglages = lire_reglages(racine)
    nuit_directe(racine, [JOUR], NUIT_1)
    avant = derniere_execution(reglages.journaux)
    deposer(racine, "agenda_2026-03-31.csv", "finess_et;id_dossier;id_evenement;debut\n")
    recevoir.repondre(reglages, MIDI)
    (racine / "raw" / "referentiels" / "projets.csv").unlink()
    with pytest.raises(Exception, match=r"projets\.csv manque"):
        recevoir.repondre(reglages, MIDI)
    assert avant is not None and derniere_execution(reglages.journaux) == avant
    assert etat.constater(reglages, MIDI).alarmes == []
    (fichier,) = (reglages.journaux / "receptions").iterdir()
    lignes = [json.loads(ligne) for ligne in fichier.read_text(encoding="utf-8").splitlines()]
    assert [x["resultat"] for x in lignes if x["etape"] == "fin"] == ["recue", "echec"]
    assert [(x["porteur"], x["fichiers"]) for x in lignes if x["etape"] == "reception"] == [("asso", 1)]


# --- the night after ----------------------------------------------------------------------------------------------------


def test_la_nuit_qui_suit_publie_et_compte_comme_si_elle_avait_tout_lu(
    racine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a night publishes and tells is the same, whoever read the files of the day."""
    monkeypatch.setenv("DUIMETRE_CLE", "k" * 32)
    seule = Path(shutil.copytree(racine, tmp_path / "seule", ignore=shutil.ignore_patterns("seule")))
    nuit_directe(seule, [JOUR], NUIT_1)
    nuit_directe(racine, [JOUR], NUIT_1)
    for vers in (seule, racine):
        deposer(vers, "dossiers_2026-04-01.csv", f"finess_et;id_dossier;id_personne\n{E1};D1;P1\n{E1};;P2\n")
        deposer(vers, "sejours_2026-04-01.csv", SEJOURS.replace("date_entree", "date"))
        laisser(vers)
    assert len(recevoir.repondre(lire_reglages(racine), MIDI)) == 2
    deposer(racine, "mises_a_jour_2026-04-01.csv", f"finess_et;id_dossier;horodatage\n{E1};D1;2026-02-01\n")
    deposer(seule, "mises_a_jour_2026-04-01.csv", f"finess_et;id_dossier;horodatage\n{E1};D1;2026-02-01\n")
    avec, sans = (nuit_directe(r, [JOUR], NUIT_2) for r in (racine, seule))
    memes_lignes(racine, publie(seule))
    assert (avec.deja_lus, sans.deja_lus) == (2, 0)
    assert sorted(map(repr, avec.recus)) == sorted(map(repr, sans.recus))
    dites, attendues = (nuit.resumer(b, lire_reglages(r)) for b, r in ((avec, racine), (sans, seule)))
    assert espaces(attendues[1]).startswith("Fichiers reçus : 3 ; ")
    assert espaces(dites[1]) == espaces(attendues[1]).replace("3 ;", "3, dont 2 par « duimetre recevoir » ;", 1)
    assert dites[2] == attendues[2]
    encore = nuit_directe(racine, [JOUR], NUIT_2 + timedelta(days=1))
    assert (encore.recus, encore.deja_lus) == ((), 0)


def test_ce_qu_a_recu_une_nuit_qui_echoue_se_compte_la_suivante(racine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as m:
        m.setattr(nuit, "publier_version", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            nuit_directe(racine, [JOUR], NUIT_1)
    assert len(nuit_directe(racine, [JOUR], NUIT_2).recus) == 6


# --- the lock -----------------------------------------------------------------------------------------------------------

TENIR = """
import sys
from pathlib import Path
from flows.verrou import verrou
with verrou(Path(sys.argv[1]), reception=sys.argv[2] == "reception"):
    print("tenu", flush=True)
    sys.stdin.read()
"""


@contextmanager
def tenu_par(qui: str, staging: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock until its input is closed."""
    with subprocess.Popen(
        [sys.executable, "-c", TENIR, staging, qui], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as processus:
        assert processus.stdout is not None
        assert processus.stdout.readline() == "tenu\n"
        yield processus
        processus.kill()


def test_la_nuit_attend_la_reception_et_le_dit(racine: Path) -> None:
    with tenu_par("reception", racine / "staging") as autre:
        debut = time.monotonic()
        derniere = commande("nuit", "--data", racine, "--date-mesure", str(JOUR))
        assert derniere.stdout is not None
        assert derniere.stdout.readline() == (
            "Une réception (« duimetre recevoir ») est en cours : attente de sa fin, 30 minutes au plus.\n"
        )
        time.sleep(2.0)
        assert derniere.poll() is None and not (racine / "curated").exists()
        autre.communicate("")
        sortie, erreurs = derniere.communicate(timeout=240)
    assert (derniere.returncode, erreurs) == (0, "")
    assert "Fichiers reçus : 6" in espaces(sortie)
    assert time.monotonic() - debut > 2.0


def test_la_nuit_n_attend_pas_une_autre_nuit(racine: Path) -> None:
    with tenu_par("nuit", racine / "staging"):
        debut = time.monotonic()
        code, _, erreurs = executer("nuit", "--data", racine)
        assert time.monotonic() - debut < 10
        # A reception that waits for the night changes nothing to that.
        reception = commande("recevoir", "--data", racine)
        assert reception.stdout is not None and reception.stdout.readline()
        assert executer("nuit", "--data", racine)[0] == 10
        reception.kill()
        reception.wait()
    assert code == 10 and erreurs.startswith("Cette nuit ne fait rien. Une nuit est en cours")


def test_la_reception_attend_la_nuit_son_tour(racine: Path) -> None:
    with tenu_par("nuit", racine / "staging") as autre:
        reception = commande("recevoir", "--data", racine)
        assert reception.stdout is not None
        assert reception.stdout.readline() == (
            "Une nuit ou une autre réception est en cours : attente de sa fin, 5 minutes au plus.\n"
        )
        autre.communicate("")
        sortie, _ = reception.communicate(timeout=60)
    assert reception.returncode == 0 and "6 fichiers lus" in sortie


@pytest.mark.parametrize(
    ("tenant", "reception", "dit"),
    [
        ("nuit", True, "est en cours : elle lit elle-même ce qui est déposé et y répond."),
        ("reception", True, "est en cours : elle lit elle-même ce qui est déposé et y répond."),
        ("reception", False, "Une réception est en cours depuis longtemps"),
    ],
)
def test_l_attente_a_une_fin(
    tenant: str, reception: bool, dit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verrou, "ATTENTE_NUIT_S", 1.5)
    monkeypatch.setattr(verrou, "ATTENTE_RECEPTION_S", 1.5)
    with tenu_par(tenant, tmp_path):
        debut = time.monotonic()
        with pytest.raises(verrou.VerrouPris, match=dit), verrou.verrou(tmp_path, reception=reception):
            pass
        assert 1.5 <= time.monotonic() - debut < 3


def test_code_10_d_une_reception_n_est_pas_une_erreur(
    racine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from flows.cli.principal import main  # noqa: PLC0415

    monkeypatch.setattr(verrou, "ATTENTE_RECEPTION_S", 0.0)
    with tenu_par("nuit", racine / "staging"), pytest.raises(SystemExit) as fin:
        main(["recevoir", "--data", str(racine)])
    ecrit = capsys.readouterr()
    assert fin.value.code == 10 and ecrit.err == "" and "Il n'y a rien à refaire." in ecrit.out
    assert accuses(racine) == {}


@pytest.mark.parametrize("qui", ["nuit", "reception"])
def test_un_verrou_tue_ne_laisse_rien(qui: str, tmp_path: Path) -> None:
    with tenu_par(qui, tmp_path) as autre:
        autre.kill()
        autre.wait()
    for reception in (False, True):
        with verrou.verrou(tmp_path, reception=reception):
            for nom, pris in (("verrou", not reception), ("verrou.reception", True)):
                with (tmp_path / nom).open("r+") as flux:
                    if pris:
                        with pytest.raises(BlockingIOError):
                            fcntl.flock(flux, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    else:
                        fcntl.flock(flux, fcntl.LOCK_EX | fcntl.LOCK_NB)


# --- killed -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("signal_recu", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("part", [0.2, 0.5, 0.8])
def test_arretee_a_tout_moment_rien_n_est_perdu_ni_double(
    signal_recu: signal.Signals, part: float, region: Region, tmp_path: Path
) -> None:
    racine = region.copier(tmp_path / "racine")
    deposes = len([f for f in fichiers(racine) if not f.name.startswith("~")])
    reception = commande("recevoir", "--data", racine)
    retours, registre = racine / "retours", racine / "staging" / "registre.sqlite"
    assert until(lambda: len(list(retours.rglob("accuse_*.json"))) > part * deposes / 2, 60)
    debut = time.monotonic()
    reception.send_signal(signal_recu)
    reception.communicate(timeout=5)
    assert time.monotonic() - debut < 5
    assert reception.returncode == -signal_recu
    with RegistreDepots(registre) as r:
        avant = r.depots().select("porteur", "nom", "sha256_fichier").unique().height
    assert 0 < avant < deposes
    code, sortie, erreurs = executer("recevoir", "--data", racine)
    assert (code, erreurs) == (0, "")
    assert f"{deposes - avant} fichiers lus" in sortie
    with RegistreDepots(registre) as r:
        depots = r.depots()
    assert depots.select("porteur", "nom", "sha256_fichier").unique().height == deposes
    noms = [(f.parents[2].name, json.loads(f.read_bytes())["nom"]) for f in retours.rglob("accuse_*.json")]
    assert (
        len(noms)
        == len(set(noms))
        == depots.filter(pl.col("porteur").is_in([p.name for p in retours.iterdir()]))["nom", "porteur"].unique().height
    )
