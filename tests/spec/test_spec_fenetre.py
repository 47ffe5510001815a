"""Specification §6.1: the window of a measure, in local civil days."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from nuits import publie
from scenario import ESSMS, nuit_directe, projets

Verifier = Callable[..., Any]


def test_regles_2025_trois_mois_avant_la_mesure(verifier: Verifier) -> None:
    """« days from D − 3 months to D − 1, both included (month arithmetic clips: 31 May − 3 months = 28/29 February) »."""
    verifier("""
    dossiers 2026-05-31 | sejours 2026-05-31 | mises_a_jour 2026-05-31 | attendu le 2026-05-31
    D1                  | D1 2025-01-01 →    | D1 2026-02-27           | fenêtre 2026-02-28 → 2026-05-30
    D2                  | D2 2025-01-01 →    | D2 2026-02-28           | dossiers_actifs 2/4
    D3                  | D3 2025-01-01 →    | D3 2026-05-30           | projet_personnalise –/2
    D4                  | D4 2025-01-01 →    | D4 2026-05-31           |

    attendu le 2024-05-31           | attendu le 2024-03-29           | attendu le 2026-01-01
    fenêtre 2024-02-29 → 2024-05-30 | fenêtre 2023-12-29 → 2024-03-28 | fenêtre 2025-10-01 → 2025-12-31
    """)


def test_regles_2023_un_mois_et_trois_pour_la_premiere_mesure(verifier: Verifier) -> None:
    """« the month before D: from D − 1 month to D − 1; 3 months when D is the date_premiere_mesure or the day after »."""
    verifier(
        """
    dossiers 2026-06-01 | sejours 2026-06-01  | mises_a_jour 2026-06-01 | attendu le 2026-03-31
    D1                  | D1 2025-01-01 →     | D1 2026-01-01           | fenêtre 2026-02-28 → 2026-03-30
    D2                  | D2 2025-01-01 →     | D2 2026-02-28           | dossiers_actifs 1/2
    E2: D1              | E2: D1 2025-01-01 → | E2: D1 2026-01-01       | E2: fenêtre 2026-02-28 → 2026-03-30
    E2: D2              | E2: D2 2025-01-01 → | E2: D2 2026-03-01       | E2: dossiers_actifs 1/2
    E3: D1              | E3: D1 2025-01-01 → | E3: D1 2026-01-01       | E3: fenêtre 2025-12-31 → 2026-03-30

    attendu le 2026-04-01
    fenêtre 2026-01-01 → 2026-03-31
    dossiers_actifs 2/2
    E2: fenêtre 2026-03-01 → 2026-03-31
    E2: dossiers_actifs 1/2
    E3: fenêtre 2026-01-01 → 2026-03-31

    attendu le 2026-04-02               | attendu le 2026-04-03
    fenêtre 2026-01-02 → 2026-04-01     | fenêtre 2026-03-03 → 2026-04-02
    E2: fenêtre 2026-01-02 → 2026-04-01 | E2: fenêtre 2026-01-03 → 2026-04-02
    """,
        essms="""
        E1 regles=2023 date_premiere_mesure=2026-04-01
        E2 regles=2023 date_premiere_mesure=2026-04-02
        E3 date_premiere_mesure=2026-04-01
        """,
    )


def test_fin_de_mois(verifier: Verifier) -> None:
    """« FIN_DE_MOIS when the window is of whole months and D is the last day of a month », in every rule set."""
    verifier(
        """
    attendu le 2026-03-30           | attendu le 2026-03-31           | attendu le 2026-04-01       | attendu le 2028-02-28
    pas d'alerte FIN_DE_MOIS        | alerte FIN_DE_MOIS              | pas d'alerte FIN_DE_MOIS    | pas d'alerte FIN_DE_MOIS
    E2: pas d'alerte FIN_DE_MOIS    | E2: alerte FIN_DE_MOIS          | E2: pas d'alerte FIN_DE_MOIS |

    attendu le 2028-02-29
    alerte FIN_DE_MOIS
    """,
        essms="E1\nE2 regles=2023",
    )


def test_premiere_mesure_manquee(tmp_path: Path) -> None:
    """« PREMIERE_MESURE_MANQUEE when D is later, no version holds a measure of those two days, and the date is not before the
    first publication »: 1 March, whose window of 3 months would have been E1's; E3's date is older than duimètre here.
    """
    projets(
        tmp_path,
        """
        E1 regles=2023 date_premiere_mesure=2026-04-01
        E2 regles=2023
        E3 regles=2023 date_premiere_mesure=2026-02-28
        """,
    )

    def manquees(jour: date, mesurees: list[date]) -> list[tuple[date, str]]:
        nuit_directe(tmp_path, mesurees, datetime.combine(jour, time(4), UTC))
        alertes = {Path(nom).parent.name: t for nom, t in publie(tmp_path).items() if nom.startswith("alertes/")}
        cherchees = {jour: t.filter(code="PREMIERE_MESURE_MANQUEE")["finess_et"] for jour, t in alertes.items()}
        return sorted((date.fromisoformat(nom[-10:]), essms) for nom, t in cherchees.items() for essms in t)

    assert manquees(date(2026, 3, 1), [date(2026, 3, 1)]) == []
    assert manquees(date(2026, 4, 3), [date(2026, 4, 3)]) == [(date(2026, 4, 3), ESSMS["E1"])]
    assert manquees(date(2026, 4, 4), [date(2026, 4, 2), date(2026, 4, 3)]) == []


# First instant of 1 January 2026 and of 1 April 2026 in each time zone of §6.1 (both sides of the change of hour in Paris
# and in Miquelon).
FUSEAUX = {
    "PARIS": ("2025-12-31T23:00:00", "2026-03-31T22:00:00"),
    "CORSE": ("2025-12-31T23:00:00", "2026-03-31T22:00:00"),
    "GUADELOUPE": ("2026-01-01T04:00:00", "2026-04-01T04:00:00"),
    "MARTINIQUE": ("2026-01-01T04:00:00", "2026-04-01T04:00:00"),
    "GUYANE": ("2026-01-01T03:00:00", "2026-04-01T03:00:00"),
    "REUNION": ("2025-12-31T20:00:00", "2026-03-31T20:00:00"),
    "MIQUELON": ("2026-01-01T03:00:00", "2026-04-01T02:00:00"),
    "MAYOTTE": ("2025-12-31T21:00:00", "2026-03-31T21:00:00"),
}


def test_les_jours_sont_ceux_de_la_structure(verifier: Verifier) -> None:
    """« Days are local civil days of the ESSMS »: D1 and D4 are one second outside the window, D2 and D3 just inside."""
    lignes = []
    for essms, (debut, apres) in FUSEAUX.items():
        premier, suivant = datetime.fromisoformat(debut), datetime.fromisoformat(apres)
        seconde = timedelta(seconds=1)
        moments = (premier - seconde, premier, suivant - seconde, suivant)
        for rang, moment in enumerate(moments, 1):
            projet = f"{essms}: D{rang} PP{rang} actif →" if rang in (2, 3) else ""
            attente = f"{essms}: dossiers_actifs 2/4, {essms}: projet_personnalise 2/2" if rang == 1 else ""
            lignes.append(
                f"{essms}: D{rang} | {essms}: D{rang} 2025-01-01 → | {essms}: D{rang} {moment.isoformat()}Z"
                f" | {projet} | {attente}"
            )
    verifier("dossiers | sejours | mises_a_jour | projets | attendu le 2026-04-01\n" + "\n".join(lignes))


def test_23h30_a_la_reunion_donne_en_temps_universel(verifier: Verifier) -> None:
    """« with an offset it is converted to the ESSMS's local time zone before its day is taken », in every event table.

    19:30Z is 23:30 in La Réunion: still 31 March there, still 31 December. Without offset the hour is already local.
    """
    verifier(
        """
    dossiers    | sejours                  | mises_a_jour                       | agenda
    REUNION: D1 | REUNION: D1 2025-01-01 → | REUNION: D1 2026-03-31T19:30Z      | REUNION: D1 R1 2026-03-31T19:30Z
    REUNION: D2 | REUNION: D2 2025-01-01 → | REUNION: D2 2025-12-31T19:30Z      | REUNION: D3 R2 2026-03-31T20:30Z
    REUNION: D3 | REUNION: D3 2025-01-01 → | REUNION: D3 2026-03-31T23:30       |
    REUNION: D4 | REUNION: D4 2025-01-01 → | REUNION: D4 2026-04-01T00:30+04:00 |
    REUNION: D5 | REUNION: D5 2025-01-01 → | REUNION: D5 2026-03-31T23:30+0400  |

    mss                              | dmp                                   | eprescription
    REUNION: 2026-03-31T19:30Z ×10   | REUNION: 2026-03-31T19:30Z dossier=D1 | REUNION: I1 2026-03-31T19:30Z
    REUNION: 2025-12-31T19:30Z ×100  | REUNION: 2025-12-31T19:30Z dossier=D2 | REUNION: I2 2025-12-31T19:30Z
    REUNION: 2026-03-31T20:30Z ×1000 |                                       |

    attendu le 2026-04-01
    REUNION: dossiers_actifs 3/5
    REUNION: agenda 1/3
    REUNION: mss 10/5
    REUNION: dmp 1/5
    REUNION: eprescription 1/–
    """
    )


@pytest.mark.parametrize("moment", ["2026-01-01", "01/01/2026", "01/01/2026 00:00", "2026-03-31 23:59:59.999"])
def test_premier_et_dernier_jours_de_la_fenetre(verifier: Verifier, moment: str) -> None:
    """« both included »: dates written in every way of §4."""
    moment = moment.replace(" ", "T")
    verifier(f"""
    dossiers | sejours         | mises_a_jour  | attendu le 2026-04-01
    D1       | D1 2025-01-01 → | D1 {moment}   | dossiers_actifs 1/2
    D2       | D2 2025-01-01 → | D2 2025-12-31 |
             |                 | D2 2026-04-01 |
    """)
