"""Some nights of the year of `annee.py`: facts that come again every day are folded, and the figures stay."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest
from annee import DEBUT, HEBDOMADAIRES, QUOTIDIENNES, jouer
from nuits import memes_lignes, publie
from scenario import nuit_directe

from flows.reglages import lire_reglages
from flows.staging import compaction
from flows.staging.registre import RegistreDepots

NUITS = 10


def test_les_faits_plies_donnent_les_figures_d_une_reconstruction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also for measure dates of the past, whose states and facts a later extraction has replaced."""
    monkeypatch.setattr(compaction, "FICHIERS_MAX", 3)
    couts = list(jouer(tmp_path, NUITS, 2))
    assert [c.nuit for c in couts] == list(range(1, NUITS + 1))
    # Seven tables, each in at most three small files, three files made of them, and their folds.
    assert couts[-1].fichiers_staging <= 7 * 3 * 3
    with RegistreDepots(lire_reglages(tmp_path).registre) as registre:
        replis = registre.replis()
    assert {repli.partition("/")[0] for repli in replis.values()} == {"dossiers", "mises_a_jour", "mss"}
    for repli in replis.values():
        assert (tmp_path / "staging" / repli).is_file()

    midi = datetime.combine(DEBUT + timedelta(days=NUITS), time(12), UTC)
    dates = [DEBUT + timedelta(days=n) for n in (-30, 3, NUITS, 45)]
    nuit_directe(tmp_path, dates, midi)
    attendu = publie(tmp_path)
    assert all(f["numerateur"].sum() > 0 for nom, f in attendu.items() if nom.startswith("indicateurs"))
    shutil.rmtree(tmp_path / "staging")
    monkeypatch.setattr(compaction, "FICHIERS_MAX", 10_000)
    nuit_directe(tmp_path, dates, midi + timedelta(hours=1))
    with RegistreDepots(lire_reglages(tmp_path).registre) as registre:
        assert registre.replis() == {}
    memes_lignes(tmp_path, attendu)


def test_le_manifeste_nomme_les_depots_que_la_mesure_pouvait_lire(tmp_path: Path) -> None:
    """Not all of history: of what is older than the window only an agenda may still speak of it (§5)."""
    list(jouer(tmp_path, 7, 1))

    def entrees() -> Counter[str]:
        lu = json.loads((tmp_path / "curated" / "actuel" / "manifeste.json").read_bytes())
        return Counter(e["nom_table"] for e in lu["entrees"])

    assert entrees() == Counter(dict.fromkeys(QUOTIDIENNES, 7) | dict.fromkeys(HEBDOMADAIRES, 1))
    nuit_directe(tmp_path, [DEBUT + timedelta(days=200)], datetime.combine(DEBUT + timedelta(days=8), time(3), UTC))
    assert entrees() == {"agenda": 1}
