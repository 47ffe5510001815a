"""The register of deposits: what it gives is the same with and without the copy that spares reading all of it."""

from __future__ import annotations

import random
import sqlite3
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from flows.staging import registre as module
from flows.staging.fichiers import Scelle
from flows.staging.registre import Apercu, FicheExamen, Reception, RegistreDepots, Unite
from transforms.validation.constats import CONSTATS
from transforms.validation.examen import BILAN

INSTANT = datetime(2026, 4, 1, 2, tzinfo=UTC)


def fiche(depot: str, statut: str, fichier: str | None, lignes: int) -> FicheExamen:
    sans_constat = pl.DataFrame(schema=CONSTATS)
    bilan = pl.DataFrame(schema=BILAN).with_columns(lignes_utilisees=pl.lit(0))
    motif = "TROP_DE_REJETS" if statut == "refuse" else None
    scelle = Scelle(fichier, "0" * 64) if fichier else None
    return FicheExamen(depot, "contexte", statut, motif, lignes, lignes, 0, 0, scelle, bilan, sans_constat)


def inscrire(registre: RegistreDepots, hasard: random.Random, nuit: int) -> None:
    """A file of one to three tables: new, replaced under its name, or the copy of another."""
    chemin = f"export{hasard.randrange(12)}.xlsx"
    contenu = f"{hasard.randrange(30):064x}"
    unites, fiches = [], []
    for rang in range(1 + hasard.randrange(3)):
        depot = f"{contenu[-4:]}-{rang}"
        unites.append(
            Unite(f"feuille{rang}", "mss", date(2026, 3, 1) + timedelta(days=rang), rang == 1, contenu, depot)
        )
        statut = hasard.choice(["accepte", "accepte_avec_rejets", "refuse", "en_attente"])
        fichier = f"mss/{depot}.parquet" if statut.startswith("accepte") else None
        fiches.append(fiche(depot, statut, fichier, hasard.randrange(50)))
    reception = Reception(
        hasard.choice("ab"), chemin, contenu, 1000 + nuit, INSTANT + timedelta(days=nuit), f"contexte {nuit}"
    )
    # Sometimes the file is known again without its tables being examined.
    registre.inscrire(reception, Apercu(1, nuit, 2), unites, fiches if hasard.random() < 0.7 else [])


@pytest.mark.parametrize("graine", range(8))
def test_la_copie_ne_change_rien_a_ce_que_donne_le_registre(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, graine: int
) -> None:
    monkeypatch.setattr(module, "_PART_CHANGEE", 0.2)
    hasard = random.Random(graine)
    avec, sans = tmp_path / "avec" / "registre.sqlite", tmp_path / "sans" / "registre.sqlite"
    copies = set()
    for nuit in range(40):
        etat = hasard.getstate()
        for chemin in (avec, sans):
            hasard.setstate(etat)
            with RegistreDepots(chemin) as registre:
                for _ in range(hasard.randrange(4)):
                    inscrire(registre, hasard, nuit)
                if hasard.random() < 0.3:
                    ranges = [f.fichier for f in registre.fichiers_ranges()]
                    registre.deplacer(ranges[:3], Scelle(f"mss/reunis{nuit}.parquet", "0" * 64), None)
                if hasard.random() < 0.1:
                    registre.tout_refaire()
        with RegistreDepots(avec) as un, RegistreDepots(sans) as deux:
            un.recopier()
            assert_frame_equal(un.depots(), deux.depots())
        (copie,) = avec.parent.glob("*.parquet")
        copies.add(copie.name)
        if nuit % 10 == 9:
            octets = bytearray(copie.read_bytes())
            octets[len(octets) // 2] ^= 1
            copie.write_bytes(octets)
        elif nuit % 10 == 4:
            copie.unlink()
    assert 10 < len(copies) < 40


def test_ce_qui_n_a_pas_change_est_lu_dans_la_copie(tmp_path: Path) -> None:
    chemin = tmp_path / "registre.sqlite"
    with RegistreDepots(chemin) as registre:
        for nuit in range(5):
            inscrire(registre, random.Random(nuit), nuit)
        registre.recopier()
        attendu = registre.depots()
    with sqlite3.connect(chemin) as base:
        base.executescript("DROP TRIGGER unite_retiree; DELETE FROM unites;")
    with RegistreDepots(chemin) as registre:
        assert_frame_equal(registre.depots(), attendu)
        next(tmp_path.glob("*.parquet")).unlink()
        assert registre.depots().is_empty()


def test_un_registre_d_avant_les_plis_est_mis_a_jour(tmp_path: Path) -> None:
    chemin = tmp_path / "staging" / "registre.sqlite"
    RegistreDepots(chemin).fermer()
    with sqlite3.connect(chemin) as base:
        base.executescript("DROP TABLE plis; DROP TABLE copie; DROP TABLE changes; PRAGMA user_version = 1;")
    with RegistreDepots(chemin) as registre:
        assert registre.plis() == {}
        registre.deplacer(["mss/a.parquet"], Scelle("mss/reunis.parquet", "0"), Scelle("mss/plie.parquet", "1"))
        assert registre.plis() == {"mss/reunis.parquet": "mss/plie.parquet"}


def test_un_registre_d_avant_la_copie_la_recoit(tmp_path: Path) -> None:
    chemin = tmp_path / "registre.sqlite"
    with RegistreDepots(chemin) as registre:
        for nuit in range(5):
            inscrire(registre, random.Random(nuit), nuit)
        attendu = registre.depots()
    with sqlite3.connect(chemin) as base:
        declencheurs = base.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        base.executescript("".join(f"DROP TRIGGER {nom};" for (nom,) in declencheurs))
        base.executescript("DROP TABLE copie; DROP TABLE changes; PRAGMA user_version = 2;")
    with RegistreDepots(chemin) as registre:
        assert_frame_equal(registre.depots(), attendu)
        registre.recopier()
        assert_frame_equal(registre.depots(), attendu)


def test_un_registre_d_avant_les_sceaux_les_donne_a_la_premiere_lecture(tmp_path: Path) -> None:
    chemin = tmp_path / "registre.sqlite"
    with RegistreDepots(chemin) as registre:
        inscrire(registre, random.Random(1), 1)
        attendu = registre.depots()
    with sqlite3.connect(chemin) as base:
        base.executescript("DROP TABLE sceaux; PRAGMA user_version = 3;")
    (tmp_path / "mss").mkdir()
    (tmp_path / "mss" / "a.parquet").write_bytes(b"des lignes")
    with RegistreDepots(chemin) as registre:
        assert_frame_equal(registre.depots(), attendu)
        assert registre.abimes(["mss/a.parquet", "mss/disparu.parquet"]) == ["mss/disparu.parquet"]
        (tmp_path / "mss" / "a.parquet").write_bytes(b"des lignEs")
        assert registre.abimes(["mss/a.parquet"]) == ["mss/a.parquet"]
    with sqlite3.connect(chemin) as base:
        assert base.execute("PRAGMA user_version").fetchone() == (4,)
