"""Settings: environment, then file, then defaults; every fault told at once, where it is and how to cure it."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from flows.reglages import ReglageInvalide, Reglages, avec_tableau, lire_reglages

EXPLOITATION = Path(__file__).parents[2] / "docs" / "exploitation.md"


def test_l_environnement_avant_le_fichier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "duimetre.toml").write_text(
        'nuits_conservees = 40\nsilence_jours = 50\nfuseau = "Indian/Reunion"\n', "utf-8"
    )
    monkeypatch.setenv("DUIMETRE_SILENCE_JOURS", "60")
    monkeypatch.setenv("DUIMETRE_SEUIL_PUBLICATION", "")
    monkeypatch.setenv("DUIMETRE_DATA", str(tmp_path))
    r = lire_reglages()
    assert (r.nuits_conservees, r.silence_jours, r.journaux_conserves, r.seuil_publication) == (40, 60, 60, 11)
    assert (r.data, r.fuseau, r.zone.key) == (tmp_path, "Indian/Reunion", "Indian/Reunion")
    assert lire_reglages(fuseau="Europe/Paris").fuseau == "Europe/Paris"
    assert lire_reglages(tmp_path / "autre").nuits_conservees == 30


def test_le_jour_est_celui_de_la_region(tmp_path: Path) -> None:
    instant = datetime(2026, 3, 31, 21, tzinfo=UTC)
    assert Reglages(tmp_path).aujourd_hui(instant) == date(2026, 3, 31)
    assert Reglages(tmp_path, fuseau="Indian/Reunion").aujourd_hui(instant) == date(2026, 4, 1)


FAUTIF = """# réglages de la région
nuits_conservee = 30
silence_jours = true
ratio_max = "deux cents"
cle = "secrete"
fuseau = "Europe/Pariss"
taille_max_octets = 1.5
[mail]
serveur = "relais"
"""


def test_toutes_les_fautes_sont_dites_avec_leur_ligne(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "duimetre.toml").write_text(FAUTIF, "utf-8")
    monkeypatch.setenv("DUIMETRE_WEBHOOK", "ftp://ici")
    with pytest.raises(ReglageInvalide) as erreur:
        lire_reglages(tmp_path)
    dites = str(erreur.value).splitlines()
    assert "secrete" not in str(erreur.value)
    assert sorted(dite.partition(" (attendu : ")[0] for dite in dites) == [
        "DUIMETRE_WEBHOOK : « webhook » : une adresse http:// ou https:// est attendue.",
        "duimetre.toml, ligne 2 : « nuits_conservee » n'a pas de sens (vouliez-vous dire « nuits_conservees » ?).",
        "duimetre.toml, ligne 3 : « silence_jours » : un nombre entier positif est attendu.",
        "duimetre.toml, ligne 4 : « ratio_max » : un nombre entier positif est attendu.",
        "duimetre.toml, ligne 5 : « cle » n'a pas de sens",
        "duimetre.toml, ligne 6 : « fuseau » : fuseau horaire inconnu : « Europe/Pariss » (exemple : Indian/Reunion).",
        "duimetre.toml, ligne 7 : « taille_max_octets » : un nombre entier positif est attendu.",
        "duimetre.toml, ligne 8 : « mail » n'a pas de sens (vouliez-vous dire « mail_a » ?).",
    ]


@pytest.mark.parametrize(
    ("variable", "valeur", "attendu"),
    [
        (
            "DUIMETRE_MAIL_SERVEUR",
            "relais.example",
            "Réglages : « mail_serveur », « mail_de » .* les trois vont ensemble",
        ),
        ("DUIMETRE_MAIL_SERVEUR", "relais:smtp", "DUIMETRE_MAIL_SERVEUR : .*« hôte:port » est attendue"),
        ("DUIMETRE_MAIL_DE", " ", "DUIMETRE_MAIL_DE : « mail_de » : un texte est attendu"),
        ("DUIMETRE_NUITS_CONSERVEES", "-1", "DUIMETRE_NUITS_CONSERVEES : .*un nombre entier positif"),
    ],
)
def test_un_reglage_inutilisable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, valeur: str, attendu: str
) -> None:
    monkeypatch.setenv(variable, valeur)
    with pytest.raises(ReglageInvalide, match=attendu):
        lire_reglages(tmp_path)


def test_un_fichier_illisible(tmp_path: Path) -> None:
    (tmp_path / "duimetre.toml").write_text("fuseau = Paris\n", "utf-8")
    with pytest.raises(ReglageInvalide, match=r"duimetre.toml ne peut pas être lu : .*line 1"):
        lire_reglages(tmp_path)


def test_le_tableau_de_la_page_est_a_jour() -> None:
    """`make dictionnaire` was run after the last change of the settings; each of them has its line."""
    page = EXPLOITATION.read_text(encoding="utf-8")
    assert avec_tableau(page) == page
    assert all(f"| `{nom}` |" in page for nom in Reglages.model_fields if nom not in ("data", "cle"))
    assert avec_tableau(page.replace("| `silence_jours` | `45` |", "| `silence_jours` | `44` |")) == page


def test_l_aide_ne_charge_ni_pydantic_ni_polars() -> None:
    programme = (
        "import sys, flows.cli.principal as c; c._parseur(); print({'pydantic', 'polars', 'prefect'} & {*sys.modules})"
    )
    sortie = subprocess.run([sys.executable, "-c", programme], capture_output=True, text=True, check=True)
    assert sortie.stdout == "set()\n"
