"""A published table has one row per key, or is not published (specification §7)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from scenario import ESSMS, deposer, nuit_directe, projets

from flows import alerter, nuit
from schemas.curated import CLES, PAR_DATE, TABLES, champs_de
from transforms.publication import CleEnDouble, ecrire_table, table_depots

JOUR = date(2026, 4, 1)
NUIT = datetime(2026, 4, 3, 2, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> Path:
    racine = tmp_path_factory.mktemp("region") / "data"
    projets(racine, "E1\nE2 type=montee_de_version")
    deposer(racine, "dossiers_2026-04-02.csv", f"finess_et;id_dossier;id_personne\n{ESSMS['E1']};D1;P1\n")
    nuit_directe(racine, [JOUR], NUIT)
    return racine


def test_every_table_has_a_key_but_the_findings() -> None:
    assert TABLES.keys() - CLES.keys() == {"constats"}
    manquantes = {t: [c for c in cle if c != "date_mesure" and not champs_de(t)[c].requis] for t, cle in CLES.items()}
    assert {t: c for t, c in manquantes.items() if c} == {
        "depots": ["membre"],
        "alertes": ["porteur", "finess_et", "indicateur", "table"],
        "territoires": ["debut_fenetre", "fin_fenetre"],
    }


@pytest.mark.parametrize("table", CLES)
def test_a_key_said_twice_is_not_written(table: str, region: Path, tmp_path: Path) -> None:
    partition = f"date_mesure={JOUR}/" if table in PAR_DATE else ""
    lignes = pl.read_parquet(
        region / "curated" / "actuel" / table / f"{partition}{table}.parquet", hive_partitioning=False
    )
    jour = JOUR if table in PAR_DATE else None
    ecrire_table(table, lignes, "v", tmp_path / "sans", date_mesure=jour)
    with pytest.raises(CleEnDouble, match=f"« {table} » aurait 1 ligne"):
        ecrire_table(table, pl.concat([lignes, lignes.head(1)]), "v", tmp_path / "avec", date_mesure=jour)
    assert list((tmp_path / "avec").rglob("*.parquet")) == []


def test_the_night_publishes_nothing_and_says_why(region: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    avant = (region / "curated" / "actuel").readlink()
    monkeypatch.setattr(nuit, "table_depots", lambda depots: pl.concat([table_depots(depots)] * 2))
    with pytest.raises(CleEnDouble) as erreur:
        nuit_directe(region, [JOUR], NUIT + timedelta(days=1))
    assert (region / "curated" / "actuel").readlink() == avant
    assert "La table « depots » aurait 1 ligne(s) de trop pour sa clé (recu, depot, membre)." in alerter.dire_echec(
        erreur.value
    )
