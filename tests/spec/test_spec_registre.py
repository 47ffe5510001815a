"""The register with time, from the deposits to the figures (specification §4.6)."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from scenario import ESSMS, PORTEUR, deposer, fichier_csv, jouer, projets, scenario

AVRIL, OCTOBRE = date(2026, 4, 1), date(2026, 10, 1)
E1, E2, E3 = ESSMS["E1"], ESSMS["E2"], ESSMS["E3"]

# Two people, their dossiers up to date in each of the two windows.
DEUX = """
{p}dossiers {x}  | {p}sejours {x}     | {p}mises_a_jour {x}
{n}: D1          | {n}: D1 2025-06-01 → | {n}: D1 {maj}
{n}: D2          | {n}: D2 2025-06-01 → | {n}: D2 {maj}
"""


def deux(extraction: str, maj: str, numero: str = "E1", porteur: str = "") -> str:
    """The columns of a table of `scenario`: the three exports of one date."""
    return DEUX.format(x=extraction, maj=maj, n=numero, p=f"{porteur}/" if porteur else "")


AVANT, APRES = deux("2026-04-01", "2026-03-10"), deux("2026-10-01", "2026-09-10")


def test_le_passe_d_une_structure_qui_change_de_porteur_reste_a_100_pour_cent(tmp_path: Path) -> None:
    """« changing porteur […] means ending a row and adding one, and past measures stay what they were »; « A measure reads the
    deposits of the porteur of D only ».
    """
    scenario(
        tmp_path,
        f"""{AVANT}
        {deux("2026-10-01", "2026-09-10", porteur="repreneur")}
        attendu le 2026-04-01       | attendu le 2026-10-01
        dossiers_actifs 2/2 atteint | dossiers_actifs 2/2 atteint
        dossiers_actifs calcule     | dossiers_actifs calcule
        """,
        "E1 fin=2026-06-30\nE1 porteur=repreneur debut=2026-07-01",
    )


def test_ce_que_l_ancien_porteur_a_depose_ne_compte_pas_pour_le_nouveau(tmp_path: Path) -> None:
    """« what happened under another porteur is for the new one to supply »."""
    scenario(
        tmp_path,
        f"""{AVANT}
        {APRES}
        attendu le 2026-04-01   | attendu le 2026-10-01
        dossiers_actifs 2/2     | dossiers_actifs –/– source_absente
        """,
        "E1 fin=2026-06-30\nE1 porteur=repreneur debut=2026-07-01",
    )


def test_un_nouveau_numero_n_est_pas_un_faux_zero(tmp_path: Path) -> None:
    """« Rows of deposits that bear any number of a chain count for the row of that chain valid at D »: exports that still
    bear the old number count for the new one, and those that bear the new one count for the past.
    """
    registre = "E1 fin=2026-06-30\nE2 debut=2026-07-01 finess_precedent=E1"
    vieux_numero = f"{AVANT}\n{APRES}"
    scenario(
        tmp_path / "vieux",
        f"""{vieux_numero}
        attendu le 2026-04-01 | attendu le 2026-10-01
        dossiers_actifs 2/2   | E2: dossiers_actifs 2/2 atteint
        """,
        registre,
    )
    scenario(
        tmp_path / "nouveau",
        f"""{deux("2026-04-01", "2026-03-10", "E2")}
        {deux("2026-10-01", "2026-09-10", "E2")}
        attendu le 2026-04-01       | attendu le 2026-10-01
        dossiers_actifs 2/2 atteint | E2: dossiers_actifs 2/2
        """,
        registre,
    )


def test_une_chaine_de_trois_numeros(tmp_path: Path) -> None:
    """A → B → C: « any number of a chain »."""
    scenario(
        tmp_path,
        f"""{deux("2026-10-01", "2026-09-10", "E1")}
        attendu le 2026-10-01
        E3: dossiers_actifs 2/2
        """,
        "E1 fin=2026-03-31\nE2 debut=2026-04-01 fin=2026-06-30 finess_precedent=E1\nE3 debut=2026-07-01 finess_precedent=E2",
    )


def test_deux_numeros_d_une_chaine_dans_un_fichier(tmp_path: Path) -> None:
    """One row per key (§6.2): the later line of the file stands; the facts of both numbers are those of one ESSMS."""
    scenario(
        tmp_path,
        """
        dossiers              | sejours              | mises_a_jour
        E1: D1                | E1: D1 2025-06-01 →  | E1: D1 2026-09-10
        E1: D2                | E2: D1 2025-06-01 → 2026-02-01 | E2: D2 2026-09-10
        E2: D1 eligible=non   | E1: D2 2025-06-01 →  |

        attendu le 2026-10-01
        E2: file_active 1
        E2: dossiers_actifs 1/1
        E2: pas d'alerte DOUBLON_PERSONNE
        """,
        "E1 fin=2026-06-30\nE2 debut=2026-07-01 finess_precedent=E1",
    )


def test_deux_structures_qui_fusionnent(tmp_path: Path) -> None:
    """« its numbers before, one or more »: both count for the new one; before, the new number is nobody's."""
    scenario(
        tmp_path,
        """
        dossiers 2026-04-01 | sejours 2026-04-01  | mises_a_jour 2026-04-01
        E1: D1              | E1: D1 2025-06-01 → | E1: D1 2026-03-10
        E2: D2              | E2: D2 2025-06-01 → | E2: D2 2026-03-10

        dossiers 2026-10-01 | sejours 2026-10-01  | mises_a_jour 2026-10-01
        E1: D1              | E1: D1 2025-06-01 → | E3: D1 2026-09-10
        E2: D2              | E2: D2 2025-06-01 → | E3: D2 2026-09-10
        E3: D3              | E3: D3 2025-06-01 → | E3: D3 2026-09-10

        dossiers 2026-04-02 | sejours 2026-04-02
        E3: D4              | E3: D4 2025-06-01 →

        attendu le 2026-04-01   | attendu le 2026-10-01
        dossiers_actifs 1/1     | E3: dossiers_actifs 3/3
        E2: dossiers_actifs 1/1 |
        """,
        "E1 fin=2026-06-30\nE2 fin=2026-06-30\nE3 debut=2026-07-01 finess_precedent=E1+E2",
    )


def test_hors_de_sa_periode_un_essms_n_a_pas_de_ligne(tmp_path: Path) -> None:
    """« A measure at D reads the rows valid at D », both days included."""
    registre = "E1\nE2 debut=2026-04-01 fin=2026-06-30"
    nuit = scenario(
        tmp_path,
        "dossiers\nD1\n\nattendu le 2026-03-31\nfile_active –\n\nattendu le 2026-04-01\nfile_active –\n\n"
        "attendu le 2026-06-30\nfile_active –\n\nattendu le 2026-07-01\nfile_active –",
        registre,
    )
    assert [set(m.maturin) for m in nuit.mesures.values()] == [{E1}, {E1, E2}, {E1, E2}, {E1}]


def test_ce_qu_un_porteur_depose_d_une_structure_qu_il_n_a_pas_encore_ne_change_pas_le_passe(tmp_path: Path) -> None:
    """« past measures stay what they were »: an early mss file of the structure to come does not make mss present for the
    others of its porteur (« A measure reads the rows valid at D »).
    """
    deposer(tmp_path, "mss_2026-04-01.csv", fichier_csv("mss", ["E2: 2026-03-01"]))
    for table, lignes in (("dossiers", ["D1"]), ("sejours", ["D1 2025-06-01 →"])):
        deposer(tmp_path, f"{table}_2026-04-01.csv", fichier_csv(table, lignes))
    projets(tmp_path, "E1\nE2 porteur=autre")
    avant = jouer(tmp_path, [AVRIL]).mesures[AVRIL].indicateurs[E1, "mss"]
    projets(tmp_path, "E1\nE2 porteur=autre fin=2026-06-30\nE2 debut=2026-07-01")
    assert jouer(tmp_path, [AVRIL]).mesures[AVRIL].indicateurs[E1, "mss"] == avant
    assert avant["statut"] == "source_absente"


@pytest.mark.parametrize(
    ("registre", "attendus", "ecartees"),
    [
        # At one date an ESSMS belongs to at most one project: both rows, for measures at those dates.
        ("E1 fin=2026-06-30\nE1 porteur=autre debut=2026-04-01", {AVRIL: set(), OCTOBRE: {E1}}, 2),
        # A former number that another row valid at the same date bears, as finess_et or as former number.
        ("E1 fin=2026-04-30\nE2 finess_precedent=E1", {AVRIL: {E1}, OCTOBRE: {E2}}, 1),
        ("E2 fin=2026-04-30 finess_precedent=E1\nE3 finess_precedent=E1", {AVRIL: set(), OCTOBRE: {E3}}, 2),
    ],
)
def test_conflits_par_periode(tmp_path: Path, registre: str, attendus: dict[date, set[str]], ecartees: int) -> None:
    """Rows that contradict each other are set aside on the days they share only, each with its alert."""
    projets(tmp_path, registre)
    nuit = jouer(tmp_path, [AVRIL, OCTOBRE])
    assert {jour: set(m.maturin) for jour, m in nuit.mesures.items()} == attendus
    alertes = {jour: [code for code, _ in nuit.registres.alertes_du(jour)].count("REFERENTIEL") for jour in attendus}
    assert alertes == {AVRIL: ecartees, OCTOBRE: 0}


def test_porteur_par_defaut_projet(tmp_path: Path) -> None:
    """« projet (the convention; default: the porteur) »."""
    projets(tmp_path, "E1\nE2 projet=convention-2")
    essms = jouer(tmp_path).registres.essms(AVRIL)
    assert essms["projet"].to_list() == [PORTEUR, "convention-2"]
