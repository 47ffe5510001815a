"""Reading a published version: its dates, its tables, and what is said of a date without a measure."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from schemas.erreurs import Inconnu
from transforms.tables_publiees import TablesPubliees

MARS, AVRIL = date(2026, 3, 1), date(2026, 4, 1)


@pytest.fixture
def publiees(tmp_path: Path) -> TablesPubliees:
    tables = TablesPubliees(tmp_path / "v[1]*")
    for table, jour, valeur in (("indicateurs", AVRIL, 4), ("indicateurs", MARS, 3), ("essms", None, 0)):
        fichier = tables.chemin(table, jour)
        fichier.parent.mkdir(parents=True)
        pl.DataFrame({"a": [valeur], "b": ["x"]}).write_parquet(fichier)
    return tables


def test_dates_and_tables(publiees: TablesPubliees) -> None:
    assert publiees.dates == [MARS, AVRIL]
    assert publiees.choisir() == AVRIL and publiees.choisir(MARS) == MARS
    assert publiees.table("indicateurs", MARS).to_dict(as_series=False) == {"a": [3], "b": ["x"]}
    assert publiees.table("essms", MARS, ["a"]).to_dict(as_series=False) == {"a": [0]}


def test_a_date_without_a_measure_is_told_with_those_there_are(publiees: TablesPubliees) -> None:
    with pytest.raises(Inconnu) as dit:
        publiees.choisir(date(2026, 3, 2))
    assert str(dit.value) == (
        "Aucune mesure n'est publiée à la date du 02/03/2026. Dernières dates publiées : 01/03/2026, 01/04/2026."
    )
    assert TablesPubliees(None).dates == []
    with pytest.raises(Inconnu, match=r"^Aucune mesure n'est publiée\. "):
        TablesPubliees(None).choisir()
