"""Specification §6.5, Sources and Verdict: what may flatter a rate, `taux_plancher`, `verdict`, who is à la cible.

D = 2026-04-01, window from 1 January to 31 March 2026, D + 45 = 2026-05-16. A file without a date is extracted on D.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from scenario import ESSMS, deposer, fichier_csv, nuit_directe, projets
from typographie import espaces

from flows import etat, nuit, preuve
from flows.reglages import lire_reglages
from transforms.explication import dire, expliquer
from transforms.preuve import Objet, verifier_preuve

Verifier = Callable[..., Any]

D = date(2026, 4, 1)
NUIT = datetime(2026, 4, 12, 3, tzinfo=UTC)


def dix(*autres: str, attendu: str, essms: str = "E1", actifs: int = 10) -> str:
    """Ten persons of each ESSMS, the first `actifs` dossiers updated in the window; other columns, and what is expected."""
    lignes = [f"{e}: D{i} | {e}: D{i} 2025-01-01 →" for e in essms.split() for i in range(10)]
    majs = [f"{e}: D{i} 2026-01-05" for e in essms.split() for i in range(actifs)]
    base = "\n".join(["dossiers | sejours", *lignes])
    blocs = [base, "\n".join(["mises_a_jour", *majs]), *autres, "\n".join(["attendu le 2026-04-01", attendu])]
    return "\n\n".join(blocs)


def sans_colonne(table: str, alias: str = "E1") -> str:
    """A file refused for its header: `id_dossier` is missing."""
    colonne = {
        "sejours": "date_entree;2025-01-01",
        "dossiers": "id_personne;P1",
        "mises_a_jour": "horodatage;2026-01-05",
    }
    nom, valeur = colonne[table].split(";")
    return f"finess_et;{nom}\n{ESSMS[alias]};{valeur}\n"


# --- Sources: the latest extraction date -------------------------------------------------------------------------------


def test_projets_par_leur_extraction_de_reference(verifier: Verifier) -> None:
    """« Latest extraction date: dossiers, sejours, projets: the reference extraction where there is one ».

    E1's complete extraction of projets is inside the window, whatever came since in part; E2 has partial ones only.
    """
    verifier("""
    dossiers | sejours             | mises_a_jour      | projets 2026-03-31 | projets 2026-04-02 partiel
    D1       | D1 2025-01-01 →     | D1 2026-01-05     | D1 PP1 actif →     | D1 PP1 actif →
    E2: D1   | E2: D1 2025-01-01 → | E2: D1 2026-01-05 |                    | E2: D1 PP1 actif →

    attendu le 2026-04-01
    projet_personnalise 1/1 atteint source_partielle plancher – verdict a_confirmer
    dossiers_actifs 1/1 calcule verdict atteint
    E2: projet_personnalise 1/1 atteint calcule plancher 1/1 verdict atteint
    """)


def test_les_autres_par_les_depots_qui_nomment_la_structure(verifier: Verifier) -> None:
    """« others: of the porteur's usable deposits with an accepted row of that ESSMS, else with any ».

    The agenda of 2 April names E2 only: that of E1 is of 31 March still. E3 is in none: the latest of the porteur says zero.
    """
    verifier("""
    dossiers | sejours             | mises_a_jour      | agenda 2026-03-31 | agenda 2026-04-02
    D1       | D1 2025-01-01 →     | D1 2026-01-05     | D1 R1 2026-01-05  | E2: D1 R1 2026-01-05
    E2: D1   | E2: D1 2025-01-01 → | E2: D1 2026-01-05 |                   |
    E3: D1   | E3: D1 2025-01-01 → | E3: D1 2026-01-05 |                   |

    attendu le 2026-04-01
    agenda 1/1 source_partielle plancher – verdict a_confirmer
    E2: agenda 1/1 calcule plancher 1/1 verdict atteint
    E3: agenda 0/1 calcule plancher 0/1 verdict non_atteint
    """)


def test_maj_par_les_depots_qui_nomment_la_structure(verifier: Verifier) -> None:
    """« maj: the later of mises_a_jour and of the usable deposits of dossiers that give it ».

    mises_a_jour of 2 April names E2 only; E3's dossiers of D bear their own dates.
    """
    verifier("""
    dossiers               | sejours             | mises_a_jour 2026-03-31 | mises_a_jour 2026-04-02
    D1                     | D1 2025-01-01 →     | D1 2026-01-05           | E2: D1 2026-01-05
    E2: D1                 | E2: D1 2025-01-01 → | E2: D1 2026-01-06       |
    E3: D1 P1 maj=2026-01-05 | E3: D1 2025-01-01 → | E3: D1 2026-01-06       |

    attendu le 2026-04-01
    dossiers_actifs 1/1 source_partielle
    E2: dossiers_actifs 1/1 calcule
    E3: dossiers_actifs 1/1 calcule
    """)


# --- Reasons 3 ---------------------------------------------------------------------------------------------------------


def test_b_reference_tardive(verifier: Verifier) -> None:
    """« (b) […] has no reference extraction (partial deposits only), or one later than D + 45 days »."""
    verifier("""
    dossiers | sejours 2026-05-17 | sejours 2026-05-16  | mises_a_jour
    D1       | D1 2025-01-01 →    | E2: D1 2025-01-01 → | D1 2026-01-05
    E2: D1   |                    |                     | E2: D1 2026-01-05

    attendu le 2026-04-01
    dossiers_actifs 1/1 atteint source_partielle plancher – verdict a_confirmer
    alerte SOURCE_TARDIVE sejours
    E2: dossiers_actifs 1/1 atteint calcule plancher 1/1 verdict atteint
    """)


def test_c_le_depot_corrige_ne_laisse_pas_de_doute(verifier: Verifier, tmp_path: Path) -> None:
    """« (c) a standing or pending deposit »: rows rejected in a file that another has replaced are forgotten."""
    deposer(tmp_path, "sejours_2026-04-01.csv", fichier_csv("sejours", ["D1 2025-01-01 →", "D2 2025-02-30 →"]))
    verifier(
        """
    dossiers | mises_a_jour  | attendu le 2026-04-01
    D1       | D1 2026-01-05 | dossiers_actifs 1/1 source_partielle plancher 1/2 verdict a_confirmer
    """,
        essms="E1",
    )
    deposer(tmp_path, "sejours_2026-04-01.csv", fichier_csv("sejours", ["D1 2025-01-01 →"]))
    verifier(
        """
    dossiers | mises_a_jour  | attendu le 2026-04-01
    D1       | D1 2026-01-05 | dossiers_actifs 1/1 calcule plancher 1/1 verdict atteint
    """,
        essms="E1",
    )


def test_d_sejours_de_dossiers_inconnus(verifier: Verifier) -> None:
    """« (d) it is dossiers and current séjours of the window are of dossiers unknown there »: distinct dossiers count.

    Of E1, D8 (two séjours) and D9 are unknown; of E2, the unknown one left before the window.
    """
    verifier("""
    dossiers | sejours                            | mises_a_jour
    D1       | D1 2025-01-01 →                    | D1 2026-01-05
    E2: D1   | D8 2025-01-01 → 2026-01-01         | E2: D1 2026-01-05
             | D8 2026-02-01 →                    |
             | D9 2026-03-31 →                    |
             | E2: D1 2025-01-01 →                |
             | E2: D9 2025-01-01 → 2025-12-31     |
             | E2: D8 2026-04-01 →                |

    attendu le 2026-04-01
    dossiers_actifs 1/1 atteint source_partielle plancher 1/3 verdict a_confirmer
    alerte DOSSIER_INCONNU sejours 3
    E2: dossiers_actifs 1/1 atteint calcule plancher 1/1 verdict atteint
    """)


REFUS = dix(attendu="{attendu}\nE2: {autre}", essms="E1 E2", actifs=9)
DOUTEUX = "dossiers_actifs 9/10 atteint source_partielle plancher – verdict a_confirmer"
SUR = "dossiers_actifs 9/10 atteint calcule plancher 9/10 verdict atteint"


@pytest.mark.parametrize(
    ("nom", "contenu", "douteux"),
    [
        pytest.param("sejours_2026-04-10.csv", sans_colonne("sejours"), True, id="une colonne manque"),
        pytest.param("dossiers_2026-04-01_partiel.csv", sans_colonne("dossiers", "E2"), True, id="partiel, à la référence"),
        pytest.param("sejours_2026-05-16.xlsx", "PK pas un classeur", True, id="illisible, à la borne"),
        pytest.param("sejours_2026-05-17.csv", sans_colonne("sejours"), False, id="après la borne"),
        pytest.param("sejours_2026-03-31.csv", sans_colonne("sejours"), False, id="avant la référence"),
        pytest.param("sejours_2026-04-10.csv", "finess_et;id_dossier;date_entree\n", False, id="aucune ligne"),
        pytest.param("sejours_2026-04-10.csv", "", False, id="vide"),
        pytest.param("mises_a_jour_2026-04-10.csv", sans_colonne("mises_a_jour"), False, id="une autre table"),
        pytest.param("sejours_2026-04-10.csv", fichier_csv("sejours", ["AUTRE: D1 2025-01-01 →"]), False, id="hors projet"),
    ],
)  # fmt: skip
def test_e_fichier_refuse(verifier: Verifier, tmp_path: Path, nom: str, contenu: str, douteux: bool) -> None:
    """« (e) it is dossiers or sejours and a standing or pending deposit of it of those dates is refused for another reason
    than its rows or having none »: nobody knows whom it speaks of, so it is every ESSMS of the porteur."""
    deposer(tmp_path, nom, contenu)
    attendu = DOUTEUX if douteux else SUR
    verifier(REFUS.format(attendu=attendu, autre=attendu))


def test_e_en_suspens_seulement(verifier: Verifier, tmp_path: Path) -> None:
    """« it is pending while it lies at its path and no other has been seen there since »: corrected, it is forgotten."""
    deposer(tmp_path, "sejours_2026-04-10_partiel.csv", sans_colonne("sejours"))
    verifier(REFUS.format(attendu=DOUTEUX, autre=DOUTEUX))
    deposer(tmp_path, "sejours_2026-04-10_partiel.csv", fichier_csv("sejours", ["D1 2025-01-01 →"]))
    verifier(REFUS.format(attendu=SUR, autre=SUR))


def test_e_du_porteur(verifier: Verifier, tmp_path: Path) -> None:
    """Another porteur's refused file says nothing of this one's."""
    deposer(tmp_path, "sejours_2026-04-10.csv", sans_colonne("sejours", "E2"), porteur="p2")
    verifier(
        """
    dossiers | sejours         | mises_a_jour  | p2/dossiers | p2/sejours          | p2/mises_a_jour
    D1       | D1 2025-01-01 → | D1 2026-01-05 | E2: D1      | E2: D1 2025-01-01 → | E2: D1 2026-01-05

    attendu le 2026-04-01
    dossiers_actifs 1/1 calcule verdict atteint
    E2: dossiers_actifs 1/1 source_partielle verdict a_confirmer
    """,
        essms="E1\nE2 porteur=p2",
    )


# --- taux_plancher -----------------------------------------------------------------------------------------------------


def test_plancher_des_lignes_rejetees(verifier: Verifier) -> None:
    """« n = the rejected rows of 3(c) in the needed tables dossiers and sejours, added, plus the distinct unknown dossiers ».

    E1: one bad row of each: 10 / 12, under 90 %. Its mss, 9 messages for 10 persons, stays at 9 / 12, over 70 %.
    E2: one bad row of séjours: 10 / 11 is over 90 %.
    """
    verifier(
        dix(
            "dossiers 2026-04-02 partiel | sejours 2026-04-02 partiel | mss\nD20 P20 creation=demain | D20 2025-02-30 → "
            "| 2026-01-05 ×9\n | E2: D20 2025-02-30 → | E2: 2026-01-05 ×9",
            essms="E1 E2",
            attendu="dossiers_actifs 10/10 atteint source_partielle plancher 10/12 verdict a_confirmer\n"
            "mss 9/10 atteint source_partielle plancher 9/12 verdict atteint\n"
            "E2: dossiers_actifs 10/10 source_partielle plancher 10/11 verdict atteint",
        )
    )


def test_plancher_des_mises_a_jour_rejetees(verifier: Verifier) -> None:
    """« for projet_personnalise and agenda, plus the rejected rows of mises_a_jour that name the ESSMS and lie in usable
    deposits, at most the dossiers of the file active that are not actifs »: two of E1's ten are not, and three rows are bad.

    Rejected updates only lower dossiers_actifs. E2's bad row is in a deposit from before the window; E3 has one, all are
    actifs.
    """
    projets = "\n".join(["projets", *(f"{e}: D{i} PP{i} actif →" for e in ("E1", "E2", "E3") for i in range(10))])
    majs = [f"{e}: D{i} 2026-01-05" for e in ("E1", "E2") for i in range(8)] + [
        f"E3: D{i} 2026-01-05" for i in range(10)
    ]
    majs += ["D8 jamais", "D8 hier", "D9 demain", "E3: D9 demain"]
    tableau = dix(projets, essms="E1 E2 E3", actifs=0, attendu="{}")
    avant = "mises_a_jour 2025-12-30\nE2: D1 2025-12-01\nE2: D2 2025-12-01\nE2: D3 2025-12-01\nE2: D9 jamais"
    tableau = tableau.replace("mises_a_jour", "\n".join(["mises_a_jour", *majs, "", avant]), 1)
    verifier(
        tableau.format(
            "dossiers_actifs 8/10 manqué calcule plancher 8/10 verdict non_atteint\n"
            "projet_personnalise 8/8 atteint calcule plancher 8/10 verdict a_confirmer\n"
            "E2: projet_personnalise 8/8 atteint calcule plancher 8/8 verdict atteint\n"
            "E3: projet_personnalise 10/10 atteint calcule plancher 10/10 verdict atteint"
        )
    )


def test_plancher_une_personne_compte_une_fois(verifier: Verifier) -> None:
    """« for dossiers_actifs the numerator here counts each person once »: 9 dossiers of 8 persons, of 10 in the file active."""
    lignes = "\n".join(["dossiers | sejours", *(f"D{i} P{max(i, 1)} | D{i} 2025-01-01 →" for i in range(11))])
    majs = "\n".join(["mises_a_jour", *(f"D{i} 2026-01-05" for i in range(9))])
    verifier(f"""{lignes}

{majs}

attendu le 2026-04-01
dossiers_actifs 9/10 90 % atteint calcule plancher 8/10 verdict a_confirmer
""")


def test_plancher_une_source_ancienne_du_numerateur(verifier: Verifier) -> None:
    """« A late source of another numerator only lowers the rate »: mss and dmp, and maj in dossiers_actifs, of 31 March.

    « null where the gap has no bound: […] 3(a) […] for maj in projet_personnalise and agenda (its absence shrinks their
    denominator) ».
    """
    verifier("""
    dossiers | sejours         | mises_a_jour 2026-03-31 | projets        | mss 2026-03-31 | dmp 2026-03-31
    D1       | D1 2025-01-01 → | D1 2026-01-05           | D1 PP1 actif → | 2026-01-05     | 2026-01-05 dossier=D1

    attendu le 2026-04-01
    dossiers_actifs 1/1 source_partielle plancher 1/1 verdict atteint
    projet_personnalise 1/1 source_partielle plancher – verdict a_confirmer
    mss 1/1 source_partielle plancher 1/1 verdict atteint
    dmp 1/1 source_partielle plancher 1/1 verdict atteint
    eprescription –/– plancher – verdict non_opposable
    """)


def test_plancher_une_extraction_dans_la_fenetre(verifier: Verifier) -> None:
    """« null where the gap has no bound: […] 3(a) for dossiers or sejours »: for every rate."""
    verifier("""
    dossiers 2026-03-31 | sejours         | mises_a_jour  | mss        | attendu le 2026-04-01
    D1                  | D1 2025-01-01 → | D1 2026-01-05 | 2026-01-05 | dossiers_actifs 1/1 plancher – verdict a_confirmer
                        |                 |               |            | mss 1/1 source_partielle plancher – verdict a_confirmer
    """)


# --- verdict -----------------------------------------------------------------------------------------------------------


def test_verdicts_dans_l_ordre(verifier: Verifier) -> None:
    """« first that applies »: non_opposable before all; non_demontre; non_atteint even where the sources are partial."""
    verifier(
        """
    dossiers | sejours                 | mises_a_jour
    D1       | D1 2025-01-01 →         | D1 2026-01-05
    D2       | D2 2025-01-01 →         | E2: D1 2026-01-05
    E2: D1   | D3 2025-02-30 →         |
             | E2: D1 2025-01-01 →     |

    attendu le 2026-04-01
    dossiers_actifs 1/2 manqué source_partielle plancher 1/3 verdict non_atteint
    projet_personnalise –/1 source_absente plancher – verdict non_demontre
    mss –/2 source_absente verdict non_demontre
    cibles_atteintes non, cibles_a_confirmer non
    E2: mss –/1 libre source_absente verdict non_opposable
    E2: dmp –/1 libre source_absente verdict non_opposable
    """,
        essms="E1 sous_secteur=PA\nE2 exemption_socles=oui",
    )


def test_denominateur_nul(verifier: Verifier) -> None:
    """« sans_objet (denominateur_nul with no reason 3, for projet_personnalise and agenda only); a_confirmer
    (denominateur_nul otherwise) ». E1's only person left before the window; so did E2's, whose projets are of 31 March.
    """
    verifier("""
    dossiers | sejours                        | mises_a_jour      | projets            | projets 2026-03-31
    D1       | D1 2025-01-01 → 2025-12-31     | D1 2026-01-05     | D1 PP1 actif →     | E2: D1 PP1 actif →
    E2: D1   | E2: D1 2025-01-01 → 2025-12-31 | E2: D1 2026-01-05 |                    |

    agenda           | mss        | dmp                   | attendu le 2026-04-01
    D1 R1 2026-04-01 | 2026-01-05 | 2026-01-05 personne=Z | dossiers_actifs 0/0 denominateur_nul plancher – verdict a_confirmer
                     |            |                       | projet_personnalise 0/0 denominateur_nul verdict sans_objet
                     |            |                       | agenda 0/0 verdict sans_objet
                     |            |                       | mss 1/0 denominateur_nul verdict a_confirmer
                     |            |                       | cibles_atteintes non, cibles_a_confirmer oui
                     |            |                       | E2: projet_personnalise 0/0 denominateur_nul verdict a_confirmer
    """)


# --- à la cible --------------------------------------------------------------------------------------------------------


TOUT = """
    dossiers{partiel} | sejours         | mises_a_jour  | projets        | agenda           | mss
    D1                | D1 2025-01-01 → | D1 2026-01-05 | D1 PP1 actif → | D1 R1 2026-01-05 | 2026-01-05

    dmp                   | attendu le 2026-04-01
    2026-01-05 dossier=D1 | dossiers_actifs 1/1 100 % atteint
                          | {attendu}
    """


def test_a_la_cible(verifier: Verifier) -> None:
    """« An ESSMS is à la cible when every opposable verdict is atteint or sans_objet »."""
    verifier(
        TOUT.format(partiel="", attendu="cibles_atteintes oui, cibles_a_confirmer non"), essms="E1 sous_secteur=PA"
    )


def test_un_fichier_partiel_ne_fait_pas_verser_le_solde(verifier: Verifier) -> None:
    """A porteur who sends only well-kept dossiers in a « partiel » file is à confirmer, not à la cible."""
    attendu = "cibles_atteintes non, cibles_a_confirmer oui"
    verifier(TOUT.format(partiel=" 2026-04-01 partiel", attendu=attendu), essms="E1 sous_secteur=PA")


def test_une_structure_vide_n_est_pas_un_echec(verifier: Verifier) -> None:
    """An empty structure is à confirmer: the agency can say that nobody was there, its balance is not lost for ever.

    E2 has its people, its targets are reached: it is à la cible whatever E1 is.
    """
    verifier(
        """
    dossiers | sejours                    | mises_a_jour      | projets            | agenda
    D1       | D1 2025-01-01 → 2025-06-30 | E2: D1 2026-01-05 | E2: D1 PP1 actif → | E2: D1 R1 2026-01-05
    E2: D1   | E2: D1 2025-01-01 →        |                   |                    |

    mss            | dmp                       | attendu le 2026-04-01
    E2: 2026-01-05 | E2: 2026-01-05 dossier=D1 | file_active 0, cibles_atteintes non, cibles_a_confirmer oui
                   |                           | E2: cibles_atteintes oui, E2: cibles_a_confirmer non
    """,
        essms="E1 sous_secteur=PA\nE2 sous_secteur=PA",
    )


def test_une_cible_manquee_n_est_pas_a_confirmer(verifier: Verifier) -> None:
    """« à confirmer when the others are all a_confirmer »: one that is not reached, or not shown, is neither."""
    verifier(
        """
    dossiers 2026-04-01 partiel | sejours         | mises_a_jour  | projets         | agenda           | mss
    D1                          | D1 2025-01-01 → | D1 2026-01-05 | D1 PP1 annule → | D1 R1 2026-01-05 | 2026-01-05

    dmp                   | attendu le 2026-04-01
    2026-01-05 dossier=D1 | agenda 1/1 verdict a_confirmer, projet_personnalise 0/1 verdict non_atteint
                          | cibles_atteintes non, cibles_a_confirmer non
    """,
        essms="E1 sous_secteur=PA",
    )


@pytest.mark.parametrize(
    ("secteur", "verdict"),
    [("", "a_confirmer"), (" sous_secteur=PA", "non_demontre"), (" sous_secteur=PJM", "non_opposable")],
)
def test_sous_secteur_inconnu(verifier: Verifier, secteur: str, verdict: str) -> None:
    """« Where the sub-sector that an exemption needs is unknown, non_atteint and non_demontre of mss and dmp are
    a_confirmer »; the other verdicts do not wait for it. The project holds this ESSMS only."""
    absent = "non_atteint" if verdict == "non_demontre" else verdict
    verifier(
        f"""
    dossiers | sejours         | mises_a_jour  | mss 2026-04-01
    D1       | D1 2025-01-01 → | D1 2026-01-05 | 2025-12-05

    attendu le 2026-04-01
    mss 0/1 manqué calcule verdict {absent}
    dmp –/1 source_absente verdict {verdict}
    dossiers_actifs 1/1 verdict atteint, projet_personnalise –/1 verdict non_demontre
    """,
        essms=f"E1{secteur}",
    )


@pytest.mark.parametrize(
    ("essms", "verdict"),
    [
        ("E1 regles=2023", "non_demontre"),
        ("E1 regles=2025-martinique", "a_confirmer"),
        ("E1 sous_secteur=PJM\nE2", "a_confirmer"),
        ("E1\nE2 sous_secteur=PA", "non_demontre"),
        ("E1 regles=2025-martinique sous_secteur=PA\nE2", "non_demontre"),
    ],
)
def test_sous_secteur_inconnu_selon_les_regles(verifier: Verifier, essms: str, verdict: str) -> None:
    """Only « where the sub-sector that an exemption needs is unknown »: that of the rule set, for the ESSMS or its project."""
    verifier(
        f"""
    dossiers | sejours         | attendu le 2026-04-01
    D1       | D1 2025-01-01 → | mss –/1 source_absente verdict {verdict}, dmp –/1 verdict {verdict}
    """,
        essms=essms,
    )


def test_sous_secteur_inconnu_et_cible_atteinte(verifier: Verifier) -> None:
    """Reached, the target needs no exemption; and no sub-sector is asked where the ARS has decided."""
    verifier(
        """
    dossiers | sejours             | mss        | attendu le 2026-04-01
    D1       | D1 2025-01-01 →     | 2026-01-05 | mss 1/1 calcule verdict atteint
    E2: D1   | E2: D1 2025-01-01 → |            | E2: mss 0/1 calcule verdict non_opposable
    """,
        essms="E1\nE2 exemption_socles=oui",
    )


def test_la_nuit_l_etat_et_la_preuve_en_disent_autant(tmp_path: Path) -> None:
    """One ESSMS à la cible, one à confirmer for a refused file: the summary, `etat`, and a proof that names that file."""
    deposer(tmp_path, "sejours_2026-04-10.csv", sans_colonne("sejours", "E2"), porteur="p2")
    tables = {
        "dossiers": "D1",
        "sejours": "D1 2025-01-01 →",
        "mises_a_jour": "D1 2026-01-05",
        "projets": "D1 PP1 actif →",
        "agenda": "D1 R1 2026-01-05",
        "mss": "2026-01-05",
        "dmp": "2026-01-05 dossier=D1",
    }
    for table, ligne in tables.items():
        for porteur, alias in (("asso", "E1"), ("p2", "E2")):
            deposer(tmp_path, f"{table}_2026-04-01.csv", fichier_csv(table, [f"{alias}: {ligne}"]), porteur)
    projets(tmp_path, "E1 sous_secteur=PA\nE2 porteur=p2 sous_secteur=PA")
    bilan = nuit_directe(tmp_path, [D], NUIT)
    reglages = lire_reglages(tmp_path)
    resume = espaces("\n".join(nuit.resumer(bilan, reglages)))
    assert "Mesure du 01/04/2026 : 2 ESSMS, 2 mesurés, 1 à la cible partout, 1 à confirmer" in resume
    vu = etat.constater(reglages, NUIT)
    assert (vu.a_la_cible, vu.a_confirmer) == (1, 1)
    assert "À la cible partout : 1 ESSMS ; à confirmer : 1" in espaces(etat.dire(vu, reglages.zone))
    assert "un fichier refusé attend d'être corrigé" in espaces(dire(expliquer(bilan.dossier, ESSMS["E2"])))
    zip_ = tmp_path / "preuve.zip"
    zip_.write_bytes(preuve.constituer(reglages, Objet("finess_et", ESSMS["E2"]), D).remise.octets)
    (tmp_path / "deplie").mkdir()
    entiere = verifier_preuve(zip_, tmp_path / "deplie")
    assert [d["statut"] for d in entiere.description["depots"] if d["date_extraction"] == "2026-04-10"] == ["refuse"]
