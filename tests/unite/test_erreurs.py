"""Errors carry the exit code of the command they stop (§3); they are caught in one place, and said without a traceback."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from flows.cli import demo, etat, expliquer, exporter, generer, modeles, preuve, revenir, verifier, versions
from flows.cli.principal import main


def lancer(*arguments: str) -> int:
    with pytest.raises(SystemExit) as fin:
        main(arguments)
    assert isinstance(fin.value.code, int)
    return fin.value.code


@pytest.mark.parametrize(
    ("arguments", "code", "dit"),
    [
        (["revenir", "v9"], 5, "Version inconnue : v9."),
        (["expliquer", "970400123"], 1, "Aucune version"),
        (
            ["preuve", "970400123", "--date-mesure", "2026-04-01", "--sortie", "p.zip"],
            5,
            "Aucune version n'est publiée",
        ),
        (["preuve", "970400123"], 2, "En vérifier une"),
        (["preuve", "--verifier", "absente.zip"], 1, "PREUVE NON VALABLE\n  absente.zip ne peut pas être lu"),
        (["generer", "--porteurs", "3", "--essms", "2"], 2, "au moins un ESSMS par porteur"),
        (["generer", "--data", "occupe"], 1, "Vérifiez les droits et l'espace disque."),
        (["modeles", "--sortie", "occupe"], 1, "occupe/dossiers : Not a directory. Vérifiez les droits"),
        (["verifier", "absent.csv", "--porteur", "p1"], 2, "Le fichier absent.csv n'existe pas."),
        (["verifier", "occupe", "--porteur", "p1"], 1, "projets.csv"),
    ],
)
def test_chaque_erreur_a_son_code(
    arguments: list[str],
    code: int,
    dit: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "occupe").touch()
    assert lancer(*arguments) == code
    assert dit in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [["revenir", "v1"], ["preuve", "970400123", "--date-mesure", "2026-04-01", "--sortie", "p.zip"]],
)
def test_le_verrou_d_une_nuit(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    verrou = tmp_path / "data" / "staging" / "verrou"
    verrou.parent.mkdir(parents=True)
    with verrou.open("w") as tenu:
        fcntl.flock(tenu, fcntl.LOCK_EX)
        assert lancer(*arguments) == 10
    assert "attendez qu'elle finisse" in capsys.readouterr().err


def test_les_commandes_ne_traduisent_pas_les_erreurs() -> None:
    """Only `etat` looks at one: a publication that cannot be read is an alarm to send."""
    commandes = (demo, expliquer, exporter, generer, modeles, preuve, revenir, verifier, versions)
    assert not [c.__name__ for c in commandes if "except " in Path(c.__file__).read_text(encoding="utf-8")]
    assert Path(etat.__file__).read_text(encoding="utf-8").count("except ") == 1
