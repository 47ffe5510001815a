"""The file of each night (issue 4, Logs) and the notices of failed or absent nights."""

from __future__ import annotations

import json
import logging
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from scenario import deposer, nuit_directe, projets

from flows import alerter, journal
from flows.cli.principal import main
from flows.reglages import Reglages
from transforms.projets import ReferentielIllisible

JOUR = date(2026, 4, 1)


def lignes(dossier: Path) -> list[dict[str, Any]]:
    (fichier,) = dossier.glob("*.jsonl")
    return [json.loads(ligne) for ligne in fichier.read_text(encoding="utf-8").splitlines()]


def test_a_night_has_a_file_with_its_steps_and_counts(tmp_path: Path) -> None:
    projets(tmp_path, "E1")
    deposer(tmp_path, "dossiers_2026-04-02.csv", "finess_et;id_dossier;id_personne\n010000012;D1;Dupont Jeanne\n")
    deposer(tmp_path, "Jeanne Dupont.csv", "nom;prenom\nDupont;Jeanne\n")
    nuit_directe(tmp_path, [JOUR])
    texte = next((tmp_path / "staging" / "journaux").glob("*.jsonl")).read_text(encoding="utf-8")
    lues = lignes(tmp_path / "staging" / "journaux")
    assert [
        (x["etape"], x.get("porteur")) for x in lues if x["etape"] in ("debut", "inventaire", "reception", "fin")
    ] == [
        ("debut", None),
        ("inventaire", None),
        ("reception", "asso"),
        ("fin", None),
    ]
    assert next(x for x in lues if x["etape"] == "inventaire")["fichiers"] == 2
    recu = next(x for x in lues if x["etape"] == "reception")
    assert (recu["fichiers"], recu["refuses"], recu["non_traites"]) == (2, 1, 0)
    assert lues[-1]["resultat"] == "publiee"
    assert lues[-1]["duree_s"] > 0
    assert all({"heure", "niveau", "message"} <= x.keys() for x in lues)
    for identifiant in ("Dupont", "Jeanne", "D1"):
        assert identifiant not in texte
    assert (tmp_path / "staging" / "journaux").stat().st_mode & 0o077 == 0


def test_only_the_latest_files_stay_and_a_failure_is_told_without_any_value(tmp_path: Path) -> None:
    for _ in range(4):
        with journal.tenir(tmp_path, 3):
            journal.journal().info("bonjour")
    with pytest.raises(ValueError, match="secret"), journal.tenir(tmp_path, 3):
        raise ValueError("secret : 1 85 05 78 006 084")
    fichiers = sorted(tmp_path.glob("*.jsonl"))
    assert len(fichiers) == 3
    assert "secret" not in fichiers[-1].read_text(encoding="utf-8")
    derniere = journal.derniere_execution(tmp_path)
    assert derniere is not None
    assert derniere.resultat == "echec"
    assert derniere.message.startswith("La nuit a échoué : ValueError (test_journal.py:")


def test_a_killed_night_and_one_in_progress(tmp_path: Path) -> None:
    assert journal.derniere_execution(tmp_path) is None
    with journal.tenir(tmp_path, 3):
        en_cours = journal.derniere_execution(tmp_path)
        assert en_cours is not None
        assert en_cours.resultat == "en_cours"
    (fichier,) = tmp_path.glob("*.jsonl")
    texte = fichier.read_text(encoding="utf-8").splitlines()
    # Killed in the middle of a line, by a process number that nobody has.
    fichier.rename(tmp_path / f"{fichier.stem.partition('-')[0]}-{2**22 + 1}.jsonl")
    (tmp_path / f"{fichier.stem.partition('-')[0]}-{2**22 + 1}.jsonl").write_text(
        texte[0] + '\n{"heure": "2026', "utf-8"
    )
    tuee = journal.derniere_execution(tmp_path)
    assert tuee is not None
    assert (tuee.resultat, tuee.duree_s) == ("interrompue", None)


def test_a_log_that_cannot_be_written_stops_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "journaux").write_text("un fichier à la place du dossier", encoding="utf-8")
    logging.getLogger(journal.NOM).propagate = True
    with journal.tenir(tmp_path / "journaux", 3):
        journal.journal().info("la nuit continue")
    assert "La nuit : son journal ne peut pas être écrit" in caplog.text


def test_the_advance_of_a_long_step_is_written_at_its_end(tmp_path: Path) -> None:
    with journal.tenir(tmp_path, 3):
        for fait in range(1, 101):
            journal.avancement("Lecture des dépôts", fait, 100)
    assert [(x["fait"], x["total"]) for x in lignes(tmp_path) if x["etape"] == "Lecture des dépôts"] == [(100, 100)]


# --- notices -----------------------------------------------------------------------------------------------------


class _Webhook(BaseHTTPRequestHandler):
    recus: list[dict[str, Any]] = []
    statut = 200

    def do_POST(self) -> None:
        type(self).recus.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.statut)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def webhook(statut: int = 200) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    classe = type("Webhook", (_Webhook,), {"recus": [], "statut": statut})
    with HTTPServer(("127.0.0.1", 0), classe) as serveur:
        threading.Thread(target=serveur.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serveur.server_port}/avis", classe.recus  # type: ignore[attr-defined]
        serveur.shutdown()


class _Smtp(socketserver.StreamRequestHandler):
    recus: list[str] = []

    def handle(self) -> None:
        self.wfile.write(b"220 ici\r\n")
        while ligne := self.rfile.readline().decode().strip():
            ordre = ligne.upper()
            if ordre.startswith("DATA"):
                self.wfile.write(b"354 dites\r\n")
                texte = b""
                while not texte.endswith(b"\r\n.\r\n"):
                    texte += self.rfile.readline()
                type(self).recus.append(texte.decode())
            self.wfile.write(b"221 fin\r\n" if ordre.startswith("QUIT") else b"250 bien\r\n")


@contextmanager
def relais() -> Iterator[tuple[str, list[str]]]:
    classe = type("Smtp", (_Smtp,), {"recus": []})
    with socketserver.TCPServer(("127.0.0.1", 0), classe) as serveur:
        threading.Thread(target=serveur.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{serveur.server_address[1]}", classe.recus  # type: ignore[attr-defined]
        serveur.shutdown()


@pytest.fixture(autouse=True)
def sans_mandataire(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def test_a_failed_night_is_told_by_webhook_and_by_mail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "raw" / "depots").mkdir(parents=True)
    with webhook() as (adresse, recus), relais() as (serveur, courriels):
        monkeypatch.setenv("DUIMETRE_WEBHOOK", adresse)
        monkeypatch.setenv("DUIMETRE_MAIL_SERVEUR", serveur)
        monkeypatch.setenv("DUIMETRE_MAIL_DE", "duimetre@ars.example")
        monkeypatch.setenv("DUIMETRE_MAIL_A", "astreinte@ars.example, autre@ars.example")
        with pytest.raises(ReferentielIllisible):
            nuit_directe(tmp_path, [JOUR])
    (recu,) = recus
    assert recu["sujet"].startswith("duimetre : la nuit a échoué")
    assert "Rien n'est publié" in recu["text"]
    assert "projets.csv manque" in recu["text"]
    (courriel,) = courriels
    assert "To: astreinte@ars.example, autre@ars.example" in courriel


def test_a_notice_never_holds_the_message_of_an_unknown_error() -> None:
    assert "1 85 05" not in alerter.dire_echec(ValueError("1 85 05 78 006 084"))
    assert "relancez" in alerter.dire_echec(ValueError("x"))
    assert alerter.dire_echec(OSError(28, "No space left on device", "/data/Dupont.csv")) == (
        "No space left on device. Vérifiez l'espace disque et les droits, puis relancez."
    )


def test_a_notice_that_does_not_leave_is_said_and_stops_nothing(tmp_path: Path) -> None:
    with webhook(statut=500) as (adresse, _):
        r = Reglages(tmp_path, webhook=adresse, mail_serveur="127.0.0.1:1", mail_de="a@b.example", mail_a="c@d.example")
        problemes = alerter.avertir(r, "sujet", "texte")
    assert len(problemes) == 2
    assert problemes[0].startswith("Le webhook n'a pas répondu")
    assert problemes[1].startswith("Le courriel n'est pas parti")


def test_the_absence_of_a_night_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with webhook() as (adresse, recus):
        monkeypatch.setenv("DUIMETRE_WEBHOOK", adresse)
        with pytest.raises(SystemExit) as fin:
            main(["etat", "--avertir", "--data", str(tmp_path)])
    assert fin.value.code == 6
    assert "Aucune publication depuis plus de 26 heures" in recus[0]["text"]
