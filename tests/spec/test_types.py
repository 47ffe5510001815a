"""Specification §4, Types: texts and the value they stand for."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import polars as pl
import pytest
from scenario import ins

from schemas.depots import champs_de
from transforms import types
from transforms.texte import propres


def lire(expression: pl.Expr, texte: str, **autres: str) -> Any:
    """The value of one text, cleaned as the cells of a file are."""
    net = pl.DataFrame({"v": [texte], **{k: [v] for k, v in autres.items()}}).with_columns(propres(pl.col("v")))
    return net.select(expression).item()


V = pl.col("v")


@pytest.mark.parametrize(
    ("texte", "valeur"),
    [
        ("2026-03-14", date(2026, 3, 14)),
        ("14/03/2026", date(2026, 3, 14)),
        ("  2026-03-14  ", date(2026, 3, 14)),
        ("2024-02-29", date(2024, 2, 29)),
        ("2026-02-29", None),
        ("31/04/2026", None),
        ("2026-03-14 10:25", date(2026, 3, 14)),
        ("14/03/2026T23:59:59.999", date(2026, 3, 14)),
        ("2026-03-14T10:25:00Z", date(2026, 3, 14)),
        ("2026-03-14 25:00", None),
        ("2026-3-14", None),
        ("14-03-2026", None),
        ("03/14/2026", None),
        ("20260314", None),
        ("14/03/26", None),
        ("46095", None),
        ("0000-01-01", None),
        ("0001-01-01", date(1, 1, 1)),
        ("1850-01-01", date(1850, 1, 1)),  # a date, refused by the model
        ("2099-12-31", date(2099, 12, 31)),
        ("", None),
        ("   ", None),
        ("aujourd'hui", None),
    ],
)
def test_date(texte: str, valeur: date | None) -> None:
    assert lire(types.date(V), texte) == valeur


@pytest.mark.parametrize(
    ("texte", "valeur"),
    [("2098-12-31", date(2098, 12, 31)), ("2099-01-01", None), ("31/12/2099", None), ("9999-12-31", None)],
)
def test_une_date_a_partir_de_2099_veut_dire_aucune(texte: str, valeur: date | None) -> None:
    assert lire(types.sans_fin(types.date(V)), texte) == valeur


@pytest.mark.parametrize(
    ("texte", "fuseau", "valeur"),
    [
        ("2026-03-14", "Europe/Paris", datetime(2026, 3, 14)),
        ("14/03/2026 10:25", "Europe/Paris", datetime(2026, 3, 14, 10, 25)),
        ("2026-03-14T10:25:30", "Indian/Reunion", datetime(2026, 3, 14, 10, 25, 30)),
        ("2026-03-14 10:25:30.5", "Europe/Paris", datetime(2026, 3, 14, 10, 25, 30, 500_000)),
        ("2026-03-14 10:25:30,123456789", "Europe/Paris", datetime(2026, 3, 14, 10, 25, 30, 123_456)),
        # with an offset: converted to the zone of the ESSMS
        ("2026-03-31T19:30:00Z", "Indian/Reunion", datetime(2026, 3, 31, 23, 30)),
        ("2026-03-31T20:30Z", "Indian/Reunion", datetime(2026, 4, 1, 0, 30)),
        ("2026-04-01T03:30:00z", "America/Martinique", datetime(2026, 3, 31, 23, 30)),
        ("2026-03-31 23:30+02:00", "Europe/Paris", datetime(2026, 3, 31, 23, 30)),
        ("2026-03-31 23:30 +0400", "Europe/Paris", datetime(2026, 3, 31, 21, 30)),
        ("31/03/2026 23:30-04:30", "Europe/Paris", datetime(2026, 4, 1, 6, 0)),
        # summer and winter time: the night of the change
        ("2026-03-29T00:59:59Z", "Europe/Paris", datetime(2026, 3, 29, 1, 59, 59)),
        ("2026-03-29T01:00:00Z", "Europe/Paris", datetime(2026, 3, 29, 3, 0)),
        ("2026-10-25T00:30:00Z", "Europe/Paris", datetime(2026, 10, 25, 2, 30)),
        ("2026-10-25T01:30:00Z", "Europe/Paris", datetime(2026, 10, 25, 2, 30)),
        # a local time that does not exist, or twice, is a local time all the same
        ("2026-03-29 02:30", "Europe/Paris", datetime(2026, 3, 29, 2, 30)),
        ("2026-10-25 02:30", "Europe/Paris", datetime(2026, 10, 25, 2, 30)),
        # what people and systems write: one digit of hour, the next midnight, an offset without minutes
        ("14/03/2026 9:05", "Europe/Paris", datetime(2026, 3, 14, 9, 5)),
        ("2026-03-14T0:00:07.5", "Europe/Paris", datetime(2026, 3, 14, 0, 0, 7, 500_000)),
        ("2026-03-14 9:05+04", "Europe/Paris", datetime(2026, 3, 14, 6, 5)),
        ("2026-02-10 10:25:00.123456+01", "Europe/Paris", datetime(2026, 2, 10, 10, 25, 0, 123_456)),
        ("2026-03-31T23:30-04", "Indian/Reunion", datetime(2026, 4, 1, 7, 30)),
        ("2026-03-14 24:00", "Europe/Paris", datetime(2026, 3, 15)),
        ("28/02/2026T24:00:00.000", "Europe/Paris", datetime(2026, 3, 1)),
        ("2026-03-31T24:00:00+04:00", "Indian/Reunion", datetime(2026, 4, 1)),
        ("2026-03-14 24:01", "Europe/Paris", None),
        ("2026-03-14 24:00:01", "Europe/Paris", None),
        ("2026-03-14 9:5", "Europe/Paris", None),
        ("2026-03-14T10:25+4", "Europe/Paris", None),
        ("9999-12-31 24:00", "Europe/Paris", None),
        ("2026-03-14 10:60", "Europe/Paris", None),
        ("2026-03-14 10", "Europe/Paris", None),
        ("2026-03-14 10h25", "Europe/Paris", None),
        ("2026-03-14T10:25+25:00", "Europe/Paris", None),
        ("2026-03-14T10:25 CET", "Europe/Paris", None),
        ("2026-02-30 10:25", "Europe/Paris", None),
        ("10:25", "Europe/Paris", None),
        # digits of another script
        ("2026-03-14 1٣:25", "Europe/Paris", None),
        # what no date of Python's holds
        ("0000-01-01 10:25", "Europe/Paris", None),
        ("0001-01-01T00:00+05:00", "Europe/Paris", None),
        ("9999-12-31T23:59Z", "Indian/Reunion", None),
        ("", "Europe/Paris", None),
    ],
)
def test_horodatage(texte: str, fuseau: str, valeur: datetime | None) -> None:
    zones = {"Europe/Paris", "Indian/Reunion", "America/Martinique"}
    assert lire(types.horodatage(V, pl.col("f"), zones), texte, f=fuseau) == valeur


@pytest.mark.parametrize(
    ("texte", "fuseau", "valeur"),
    [
        ("2025-12-31T23:00:00.000Z", "Europe/Paris", date(2026, 1, 1)),
        ("2025-12-31T22:59:59Z", "Europe/Paris", date(2025, 12, 31)),
        ("31/12/2025 20:00Z", "Indian/Reunion", date(2026, 1, 1)),
        ("2026-01-01T02:00:00+00:00", "America/Martinique", date(2025, 12, 31)),
        # no French zone has its midnight at midnight UTC: that very day
        ("2026-01-01T00:00:00Z", "America/Martinique", date(2026, 1, 1)),
        ("2026-01-01 00:00+00", "America/Martinique", date(2026, 1, 1)),
        ("2026-01-01T00:00:00.000+0000", "America/Martinique", date(2026, 1, 1)),
        ("2026-01-01T00:00:00.001Z", "America/Martinique", date(2025, 12, 31)),
        ("2026-01-01T00:00:00+01:00", "America/Martinique", date(2025, 12, 31)),
        # without an offset the time is ignored
        ("2026-01-01 23:59", "America/Martinique", date(2026, 1, 1)),
        ("2026-01-01", "America/Martinique", date(2026, 1, 1)),
        ("2026-02-30T00:00:00Z", "Europe/Paris", None),
    ],
)
def test_date_avec_decalage(texte: str, fuseau: str, valeur: date | None) -> None:
    zones = {"Europe/Paris", "Indian/Reunion", "America/Martinique"}
    assert lire(types.date_locale(V, pl.col("f"), zones), texte, f=fuseau) == valeur


@pytest.mark.parametrize(
    ("texte", "valeur"),
    [
        ("0", 0),
        ("12", 12),
        ("0012", 12),
        ("999999999", 999_999_999),
        ("-3", -3),
        ("1000000000", None),
        ("3,0", 3),
        ("3.0", 3),
        ("-3.00", -3),
        ("1.5", None),
        ("1.", None),
        ("1.0.0", None),
        ("1 000", None),
        ("+3", None),
        ("trois", None),
        ("٣", None),
        ("", None),
    ],
)
def test_entier(texte: str, valeur: int | None) -> None:
    assert lire(types.entier(V), texte) == valeur


@pytest.mark.parametrize(
    ("texte", "valeur"),
    [("0,5", 0.5), ("0.5", 0.5), ("1", 1.0), (",5", None), ("50 %", None), ("1e2", None), ("", None)],
)
def test_decimal(texte: str, valeur: float | None) -> None:
    assert lire(types.decimal(V), texte) == valeur


@pytest.mark.parametrize(
    ("texte", "valide"),
    [
        (ins("1900175123001"), True),
        (ins("190012A123001"), True),
        (ins("290012B123001").lower(), True),
        (ins("1900175123001")[:-1], False),
        (ins("1900175123001") + "0", False),
        (ins("1900175123001")[:-2] + "00", False),
        (ins("190012A123001").replace("2A", "2B"), False),
        (ins("190012A123001").replace("2A", "2C"), False),
        ("1 90 01 75 123 001 " + ins("1900175123001")[-2:], False),
        ("", False),
    ],
)
def test_ins(texte: str, valide: bool) -> None:
    assert lire(types.ins(V), texte) == (texte.upper() if valide else None)


@pytest.mark.parametrize(
    ("texte", "lu"),
    [
        ("1 84 03 97 404 001 57", "184039740400157"),
        ("1\u00a084\u202f03 97 404 001 57", "184039740400157"),
        ("184039740400157.0", "184039740400157"),
        ("184039740400157^^^&1.2.250.1.213.1.4.8&ISO^NH", "184039740400157"),
        ("1840397404001", "184039740400157"),
        ("190012a123001", ins("190012A123001")),
        ("184039740400158", None),
        ("184039740400", None),
        ("1.84040E+14", None),
    ],
)
def test_ins_comme_on_l_ecrit(texte: str, lu: str | None) -> None:
    assert lire(types.ins_ecrit_autrement(V), texte) == lu


@pytest.mark.parametrize(
    ("table", "colonne", "texte", "valeur"),
    [
        ("projets", "statut", "En cours", "actif"),
        ("projets", "statut", "EN_PRÉPARATION", "en_preparation"),
        ("projets", "statut", "en-preparation", "en_preparation"),
        ("projets", "statut", "Terminé", "termine"),
        ("projets", "statut", "cloturé", None),
        ("agenda", "statut", "Réalisé", "realise"),
        ("agenda", "statut", "ANNULE", "annule"),
        ("mss", "sens", "reçu", "recu"),
        ("mss", "sens", "Envoyé", "envoye"),
        ("dmp", "statut", "Succès", "succes"),
        ("dmp", "statut", "Échec", "echec"),
        ("dossiers", "eligible_projet", "O", True),
        ("dossiers", "eligible_projet", "Oui", True),
        ("dossiers", "eligible_projet", "VRAI", True),
        ("dossiers", "eligible_projet", "true", True),
        ("dossiers", "eligible_projet", "1", True),
        ("dossiers", "eligible_projet", "n", False),
        ("dossiers", "eligible_projet", "NON", False),
        ("dossiers", "eligible_projet", "faux", False),
        ("dossiers", "eligible_projet", "False", False),
        ("dossiers", "eligible_projet", "0", False),
        ("dossiers", "eligible_projet", "t", True),
        ("dossiers", "eligible_projet", "F", False),
        ("dossiers", "eligible_projet", "\u200bo\u00a0", True),
        ("dossiers", "eligible_projet", '="non"', False),
        ("dossiers", "eligible_projet", "y", None),
        ("dossiers", "eligible_projet", "1.0", None),
    ],
)
def test_listes_et_booleens(table: str, colonne: str, texte: str, valeur: Any) -> None:
    correspondance = types.correspondance(pl.Series([texte]), champs_de(table)[colonne])
    assert correspondance.rows() == [(texte, valeur)]
