"""Reading Parquet files as text (specification §4)."""

from __future__ import annotations

import math
import uuid
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from transforms.lecture import parquet
from transforms.lecture.csv import COLONNES_MAX, LOT_MAX_CARACTERES
from transforms.lecture.modele import LectureImpossible
from transforms.lecture.parquet import VALEUR_COMPOSEE, lire_parquet


def rangees(chemin: Path) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    """Headers, and rows as (cells…, ligne, surplus)."""
    feuille = lire_parquet(chemin)
    assert feuille.nom is None
    attendu = {f"c{i}": pl.String for i in range(len(feuille.entetes))} | {"ligne": pl.UInt32, "surplus": pl.Boolean}
    lignes: list[tuple[object, ...]] = []
    for lot in feuille.lots:
        assert dict(lot.select(pl.exclude("^native_.*$")).schema) == attendu
        lignes.extend(lot.select(list(attendu)).rows())
    return feuille.entetes, lignes


def refus(chemin: Path) -> LectureImpossible:
    with pytest.raises(LectureImpossible) as erreur:
        list(lire_parquet(chemin).lots)
    return erreur.value


def ecrire(chemin: Path, colonnes: dict[str, Any], **options: Any) -> Path:
    pq.write_table(pa.table(colonnes), chemin, **options)
    return chemin


def test_table_de_texte(tmp_path: Path) -> None:
    chemin = ecrire(tmp_path / "d.parquet", {"finess_et": ["010000123", None, ""], "Id Dossier": [" D1", "D2", "D3"]})
    assert rangees(chemin) == (
        ("finess_et", "Id Dossier"),
        [("010000123", " D1", 2, False), (None, "D2", 3, False), ("", "D3", 4, False)],
    )


UTC_0630 = datetime(2026, 4, 1, 6, 30)


@pytest.mark.parametrize(
    ("valeurs", "type_", "attendu"),
    [
        ([True, False, None], pa.bool_(), ["VRAI", "FAUX", None]),
        ([-5, 10000123], pa.int32(), ["-5", "10000123"]),
        ([2**64 - 1], pa.uint64(), ["18446744073709551615"]),
        ([12.0, 0.1, -0.0, 999999999999999.0, 1e15, 1e300, math.nan, None], pa.float64(),
         ["12", "0.1", "0", "999999999999999", "1000000000000000.0", "1e+300", None, None]),
        ([0.1, 3.0], pa.float32(), ["0.1", "3"]),
        ([1.5], pa.float16(), ["1.5"]),
        ([Decimal("12.00"), Decimal("-0.50"), Decimal("100.00"), Decimal("0.00")], pa.decimal128(9, 2),
         ["12", "-0.5", "100", "0"]),
        ([Decimal("10000123")], pa.decimal128(38, 0), ["10000123"]),
        ([Decimal("0E-10"), Decimal("12345678901234567890123456789.0000000001")], pa.decimal256(50, 10),
         ["0", "12345678901234567890123456789.0000000001"]),
        ([date(2026, 4, 1), date(1, 1, 1), date(9999, 12, 31), None], pa.date32(),
         ["2026-04-01", "0001-01-01", "9999-12-31", None]),
        ([date(2026, 4, 1)], pa.date64(), ["2026-04-01"]),
        ([datetime(2026, 4, 1, 8, 30), datetime(2026, 4, 1), datetime(9999, 12, 31, 23, 59, 59), None],
         pa.timestamp("us"), ["2026-04-01T08:30:00", "2026-04-01T00:00:00", "9999-12-31T23:59:59", None]),
        ([datetime(2026, 4, 1, 8, 30)], pa.timestamp("s"), ["2026-04-01T08:30:00"]),
        ([datetime(2026, 4, 1, 8, 30, 0, 123456)], pa.timestamp("us"), ["2026-04-01T08:30:00.123"]),
        ([datetime(2026, 4, 1, 8, 30, 0, 5000)], pa.timestamp("ms"), ["2026-04-01T08:30:00.005"]),
        ([datetime(2026, 4, 1, 8, 30)], pa.timestamp("ns"), ["2026-04-01T08:30:00"]),
        ([UTC_0630], pa.timestamp("us", "UTC"), ["2026-04-01T06:30:00+00:00"]),
        ([UTC_0630], pa.timestamp("ns", "Europe/Paris"), ["2026-04-01T08:30:00+02:00"]),
        ([UTC_0630], pa.timestamp("ms", "-04:00"), ["2026-04-01T02:30:00-04:00"]),
        ([time(8, 30, 5)], pa.time32("s"), ["08:30:05"]),
        ([time(8, 30, 5, 1)], pa.time64("ns"), ["08:30:05"]),
        ([timedelta(hours=36, seconds=5), timedelta(minutes=-5)], pa.duration("us"), ["36:00:05", "-00:05:00"]),
        (["a", None, "b", "a"], pa.dictionary(pa.int8(), pa.string()), ["a", None, "b", "a"]),
        ([1, None, 1], pa.dictionary(pa.int32(), pa.int64()), ["1", None, "1"]),
        (["é", None], pa.large_string(), ["é", None]),
        (["é", None], pa.string_view(), ["é", None]),
        (["é".encode(), b"\xe9", None], pa.binary(), ["é", "\ufffd", None]),
        ([None, None], pa.null(), [None, None]),
        ([uuid.UUID(int=5).bytes], pa.uuid(), ["00000000-0000-0000-0000-000000000005"]),
        ([["a"], None], pa.list_(pa.string()), [VALEUR_COMPOSEE, VALEUR_COMPOSEE]),
    ],
    ids=lambda valeur: str(valeur) if isinstance(valeur, pa.DataType) else "",
)  # fmt: skip
def test_texte_d_une_valeur(tmp_path: Path, valeurs: list[Any], type_: pa.DataType, attendu: list[str | None]) -> None:
    chemin = ecrire(
        tmp_path / "d.parquet", {"id": pa.array(map(str, range(len(valeurs)))), "a": pa.array(valeurs, type_)}
    )
    assert [ligne[1] for ligne in rangees(chemin)[1]] == attendu


def test_hors_du_calendrier(tmp_path: Path) -> None:
    """Bare numbers, that the schema of the table will refuse."""
    moments = pa.array([2**62, -(2**62), 0], pa.timestamp("us", "Europe/Paris"))
    chemin = ecrire(tmp_path / "d.parquet", {"jour": pa.array([2**30, -(2**30), 0], pa.date32()), "moment": moments})
    assert rangees(chemin)[1] == [
        ("1073741824", "4611686018427387904", 2, False),
        ("-1073741824", "-4611686018427387904", 3, False),
        ("1970-01-01", "1970-01-01T01:00:00+01:00", 4, False),
    ]


def test_horodatage_int96_de_spark(tmp_path: Path) -> None:
    """Without care the year 9999 overflows into the 19th century."""
    valeurs = pa.array([datetime(2026, 4, 1, 8, 30), datetime(9999, 12, 31)], pa.timestamp("us"))
    chemin = ecrire(tmp_path / "d.parquet", {"a": valeurs}, use_deprecated_int96_timestamps=True, store_schema=False)
    assert [ligne[0] for ligne in rangees(chemin)[1]] == ["2026-04-01T08:30:00", "9999-12-31T00:00:00"]


def test_colonnes_composees_et_autres(tmp_path: Path) -> None:
    chemin = ecrire(
        tmp_path / "d.parquet",
        {"a": ["1", "2"], "b": [{"x": 1, "y": "z"}, None], "c": [[1, 2], []], "d": ["3", "4"]},
    )
    assert rangees(chemin) == (
        ("a", "b", "c", "d"),
        [
            ("1", VALEUR_COMPOSEE, VALEUR_COMPOSEE, "3", 2, False),
            ("2", VALEUR_COMPOSEE, VALEUR_COMPOSEE, "4", 3, False),
        ],
    )


def test_colonnes_de_meme_nom(tmp_path: Path) -> None:
    chemin = tmp_path / "d.parquet"
    pq.write_table(pa.Table.from_arrays([pa.array(["1"]), pa.array(["2"])], names=["a", "a"]), chemin)
    assert rangees(chemin) == (("a", "a"), [("1", "2", 2, False)])


def test_numeros_de_ligne_sur_plusieurs_lots(tmp_path: Path) -> None:
    chemin = ecrire(tmp_path / "d.parquet", {"a": [str(n) for n in range(25)]}, row_group_size=7)
    lots = list(lire_parquet(chemin, taille_lot=10).lots)
    assert max(map(len, lots)) <= 10
    assert pl.concat(lots).select("c0", "ligne").rows() == [(str(n), n + 2) for n in range(25)]


def test_un_seul_grand_groupe_est_lu_par_lots(tmp_path: Path) -> None:
    chemin = ecrire(tmp_path / "d.parquet", {"a": pa.array(range(250_000))})
    assert [len(lot) for lot in lire_parquet(chemin).lots] == [100_000, 100_000, 50_000]


def test_lots_bornes_meme_si_un_long_texte_est_repete(tmp_path: Path) -> None:
    """5 000 times 100 000 characters in a file of a few hundred bytes."""
    texte = pa.array(["x" * 100_000])
    repete = pa.DictionaryArray.from_arrays(pa.array([0] * 5_000, pa.int32()), texte)
    chemin = ecrire(tmp_path / "d.parquet", {"a": repete}, store_schema=False, compression="zstd")
    assert chemin.stat().st_size < 2_000
    pa.default_memory_pool().release_unused()
    avant = pa.default_memory_pool().max_memory()
    tailles = [len(lot) for lot in lire_parquet(chemin).lots]
    assert pa.default_memory_pool().max_memory() - avant < 1 << 20
    assert sum(tailles) == 5_000
    assert max(tailles) * 100_000 <= LOT_MAX_CARACTERES


def test_sans_ligne(tmp_path: Path) -> None:
    assert rangees(ecrire(tmp_path / "d.parquet", {"a": pa.array([], pa.string())})) == (("a",), [])


def test_un_nom_avec_des_caracteres_de_motif(tmp_path: Path) -> None:
    ecrire(tmp_path / "dossiers_1.parquet", {"a": ["autre"]})
    assert rangees(ecrire(tmp_path / "dossiers_*.parquet", {"a": ["1"]}))[1] == [("1", 2, False)]


# ---- what cannot be read


@pytest.mark.parametrize(
    ("contenu", "code", "detail"),
    [
        (b"", "FICHIER_VIDE", ""),
        (b"finess_et;id_dossier\n010000123;D1\n", "CONTENU_INATTENDU", "CSV"),
        (b"PK\x03\x04xl/", "CONTENU_INATTENDU", "classeur Excel"),
        (b"PARE" + b"x" * 50 + b"PARE", "FICHIER_ILLISIBLE", "chiffré"),
        (b"PAR1" + b"x" * 50 + b"PARE", "FICHIER_ILLISIBLE", "chiffré"),
        (b"PAR1" + b"x" * 50, "FICHIER_ILLISIBLE", "tronqué"),
        (b"PAR1" + b"x" * 50 + b"PAR1", "FICHIER_ILLISIBLE", "abîmé"),
        (b"PAR1", "FICHIER_ILLISIBLE", "abîmé"),
        (b"\x01\x02\xff", "FICHIER_ILLISIBLE", "pas un fichier Parquet"),
    ],
)
def test_ce_n_est_pas_un_parquet(tmp_path: Path, contenu: bytes, code: str, detail: str) -> None:
    chemin = tmp_path / "d.parquet"
    chemin.write_bytes(contenu)
    erreur = refus(chemin)
    assert erreur.code == code
    assert detail.casefold() in erreur.detail.casefold()


def test_tronque_ou_abime(tmp_path: Path) -> None:
    chemin = ecrire(tmp_path / "d.parquet", {"a": [str(n * 7919) for n in range(5_000)]}, write_page_checksum=True)
    octets = chemin.read_bytes()
    for abime in (octets[:-20], octets[:200] + b"\xff" * 50 + octets[250:], octets[:100] + octets[200:]):
        chemin.write_bytes(abime)
        assert refus(chemin).code == "FICHIER_ILLISIBLE"


def test_texte_qui_n_est_pas_utf8(tmp_path: Path) -> None:
    table = pa.table(
        {"a": pa.Array.from_buffers(pa.string(), 1, [*pa.array(["é"]).buffers()[:2], pa.py_buffer(b"\xe9\xe9")])}
    )
    pq.write_table(table, tmp_path / "d.parquet")
    assert refus(tmp_path / "d.parquet").code == "FICHIER_ILLISIBLE"


def test_trop_de_colonnes(tmp_path: Path) -> None:
    erreur = refus(ecrire(tmp_path / "d.parquet", {f"c{n}": ["x"] for n in range(COLONNES_MAX + 1)}))
    assert erreur.code == "FICHIER_ILLISIBLE"
    assert "2001 colonnes" in erreur.detail


def test_trop_de_lignes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "LIGNES_MAX", 10)
    assert refus(ecrire(tmp_path / "d.parquet", {"a": ["x"] * 11})).code == "ARCHIVE_DEMESUREE"


def test_pages_demesurees(tmp_path: Path) -> None:
    chemin = ecrire(tmp_path / "d.parquet", {"a": ["x" * 100_000] * 200}, use_dictionary=False, compression="zstd")
    assert refus(chemin).code == "ARCHIVE_DEMESUREE"


def test_fichier_absent(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        lire_parquet(tmp_path / "absent.parquet")
