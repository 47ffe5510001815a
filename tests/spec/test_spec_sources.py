"""Specification §6.5, Sources: what is present, the `statut` of an indicator, alerts. D = 2026-04-01, D + 45 = 2026-05-16."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Verifier = Callable[..., Any]


def test_structure_sans_depot(verifier: Verifier) -> None:
    """« an ESSMS without any deposit is a row too » (§7); the optional sources may be absent without an alert."""
    verifier(
        """
    attendu le 2026-04-01
    dossiers_actifs –/– – % reste – source_absente
    projet_personnalise –/– source_absente
    agenda –/– source_absente
    mss –/– source_absente opposable, dmp –/– source_absente
    eprescription –/– source_absente
    eparcours –/– source_absente
    file_active –, cibles_atteintes non
    alerte SOURCE_ABSENTE mss
    pas d'alerte SOURCE_ABSENTE eprescription
    """,
        essms="E1",
    )


def test_ce_que_chaque_indicateur_demande(verifier: Verifier) -> None:
    """The table « numerator needs | denominator needs »: E1 has no mise à jour, E2 no séjour, E3 no dossier.

    mss and dmp are of the porteur, « whoever it is about (no row for that ESSMS then means zero) ».
    """
    verifier("""
    dossiers | sejours             | projets        | agenda           | mss           | eparcours
    D1       | D1 2025-01-01 →     | D1 PP1 actif → | D1 R1 2026-01-05 | 2026-01-05 ×2 | X1 2026-01-05
    E2: D1   | E3: D1 2025-01-01 → |                |                  |               |

    attendu le 2026-04-01
    dossiers_actifs –/1 source_absente
    projet_personnalise –/– source_absente
    agenda –/– source_absente
    mss 2/1 calcule, dmp –/1 source_absente
    eparcours 1/– calcule, eprescription –/– source_absente
    E2: dossiers_actifs –/– source_absente
    E2: mss 0/– source_absente, E2: eparcours 0/– calcule
    E3: dossiers_actifs –/– source_absente
    E3: mss 0/– source_absente, E3: dmp –/– source_absente
    """)


def test_mises_a_jour_presentes(verifier: Verifier) -> None:
    """« maj is present when mises_a_jour is, or when a usable deposit of dossiers has a date_derniere_maj of that ESSMS ».

    Only E1's dossiers have a date: E2 has no maj. In the other porteur, mises_a_jour speaks of E3 alone: MAYOTTE is at 0.
    """
    verifier(
        """
    dossiers               | sejours             | p2/dossiers | p2/sejours               | p2/mises_a_jour
    D1 IPP1 maj=2026-01-05 | D1 2025-01-01 →     | E3: D1      | E3: D1 2025-01-01 →      | E3: D1 2026-01-05
    E2: D1                 | E2: D1 2025-01-01 → | MAYOTTE: D1 | MAYOTTE: D1 2025-01-01 → |

    attendu le 2026-04-01
    dossiers_actifs 1/1 calcule
    E2: dossiers_actifs –/1 source_absente
    E3: dossiers_actifs 1/1 calcule
    MAYOTTE: dossiers_actifs 0/1 calcule
    """,
        essms="E1\nE2\nE3 porteur=p2\nMAYOTTE porteur=p2",
    )


def test_denominateur_nul_et_ordre_des_statuts(verifier: Verifier) -> None:
    """« first that applies »: a missing source before a denominator of 0, that before a partial source.

    E1: nobody in the window. E2: nobody, and an extraction inside the window. Nobody and no projets: source_absente.
    """
    verifier("""
    dossiers | sejours                    | mises_a_jour  | dossiers 2026-03-31 | sejours 2026-03-31
    D1       | D1 2025-01-01 → 2025-12-31 | D1 2026-01-05 | E2: D1              | E2: D1 2025-01-01 → 2025-12-31

    attendu le 2026-04-01
    dossiers_actifs 0/0 – % reste – denominateur_nul
    file_active 0
    projet_personnalise –/0 source_absente
    mss –/0 source_absente
    E2: dossiers_actifs 0/0 denominateur_nul
    """)


def test_partielle_a_extraction_dans_la_fenetre(verifier: Verifier) -> None:
    """« (a) its latest extraction date is ≤ fin_fenetre »: on 31 March the window is not over, on 1 April it is.

    E1: séjours of 31 March. E2: all of 1 April but mss. E2's maj: « the later of mises_a_jour and of dossiers ».
    """
    verifier("""
    dossiers 2026-04-01        | sejours 2026-03-31 | sejours 2026-04-01  | mises_a_jour 2026-03-31 | mss 2026-03-31
    D1                         | D1 2025-01-01 →    | E2: D1 2025-01-01 → | D1 2026-01-05           | 2026-01-05
    E2: D1 IPP1 maj=2026-01-05 |                    |                     |                         |

    dmp 2026-03-31        | dmp 2026-04-01            | attendu le 2026-04-01
    2026-01-05 dossier=D1 | E2: 2026-01-05 dossier=D1 | dossiers_actifs 1/1 100 % atteint source_partielle
                          |                           | alerte SOURCE_PARTIELLE dossiers_actifs
                          |                           | dmp 1/1 source_partielle
                          |                           | E2: dossiers_actifs 1/1 calcule
                          |                           | E2: mss 0/1 source_partielle, E2: dmp 1/1 calcule
    """)


def test_partielle_b_sans_extraction_complete(verifier: Verifier) -> None:
    """« (b) it is dossiers or sejours and has no reference extraction (partial deposits only) »."""
    verifier("""
    dossiers 2026-04-02 | sejours 2026-04-02 partiel | mises_a_jour 2026-04-02 partiel | projets 2026-04-02 partiel
    D1                  | D1 2025-01-01 →            | D1 2026-01-05                   | D1 PP1 actif →

    attendu le 2026-04-01
    dossiers_actifs 1/1 source_partielle
    projet_personnalise 1/1 source_partielle
    """)


def test_partielle_projets_seuls_partiels_ne_le_sont_pas(verifier: Verifier) -> None:
    """(b) is said of dossiers and sejours only."""
    verifier("""
    dossiers 2026-04-02 | sejours 2026-04-02 | mises_a_jour 2026-04-02 | projets 2026-04-02 partiel
    D1                  | D1 2025-01-01 →    | D1 2026-01-05           | D1 PP1 actif →

    attendu le 2026-04-01
    projet_personnalise 1/1 calcule
    """)


def test_partielle_c_ligne_rejetee_qui_nomme_la_structure(verifier: Verifier) -> None:
    """« (c) […] has rejected rows naming that ESSMS »: the bad row is of E1; rows outside the project name nobody here.

    Rejected rows of other tables than dossiers and sejours do not make a source partial.
    """
    verifier("""
    dossiers | sejours                | mises_a_jour      | attendu le 2026-04-01
    D1       | D1 2025-01-01 →        | D1 2026-01-05     | dossiers_actifs 1/1 source_partielle
    E2: D1   | D2 2025-02-30 →        | E2: D1 2026-01-05 | alerte REJETS sejours 1
             | E2: D1 2025-01-01 →    | E2: D1 demain     | E2: dossiers_actifs 1/1 calcule, E2: pas d'alerte REJETS
             | AUTRE: D1 2025-01-01 → |                   |
             | AUTRE: D2 2025-02-30 → |                   |
    """)


def test_partielle_c_ligne_sans_finess(verifier: Verifier) -> None:
    """« a rejected row whose FINESS is missing or malformed names every ESSMS of the project that the file names, all of
    the porteur's if it names none ».

    The first sejours file names E1 and E2, its row without FINESS concerns both and not E3. The second dossiers file of the
    other porteur has only such rows: all its ESSMS.
    """
    verifier(
        """
    dossiers | sejours 2026-04-02    | sejours 2026-04-02 b | p2/dossiers 2026-04-02 | p2/dossiers 2026-04-02 b
    D1       | D1 2025-01-01 →       | E3: D1 2025-01-01 →  | MAYOTTE: D1            | FAUX: D2
    E2: D1   | E2: D1 2025-01-01 →   |                      | REUNION: D1            | SANS: D3
    E3: D1   | SANS: D7 2025-01-01 → |                      |                        |

    attendu le 2026-04-01
    alerte REJETS sejours 1, E2: alerte REJETS sejours 1
    E3: pas d'alerte REJETS
    MAYOTTE: alerte REJETS dossiers 2
    REUNION: alerte REJETS dossiers 2
    """,
        essms="E1\nE2\nE3\nMAYOTTE porteur=p2\nREUNION porteur=p2",
    )


def test_partielle_c_fichier_refuse_pour_ses_lignes(verifier: Verifier) -> None:
    """« refused ones included »; « all rows of a file refused for its rows count as rejected ».

    The second export of sejours has 3 bad rows of 4: it is refused, the first one stays, and the rate may be flattered.
    A file refused for its header says nothing of any row.
    """
    verifier("""
    dossiers 2026-04-02 | sejours 2026-04-02  | sejours 2026-04-10 | mises_a_jour
    D1                  | D1 2025-01-01 →     | D1 2025-01-01 →    | D1 2026-01-05
    E2: D1              | E2: D1 2025-01-01 → | D2 2025-02-30 →    | E2: D1 2026-01-05
                        |                     | D3 2025-02-30 →    |
                        |                     | D4 2025-02-30 →    |

    attendu le 2026-04-01
    file_active 1, dossiers_actifs 1/1 source_partielle
    alerte REJETS sejours 4
    E2: dossiers_actifs 1/1 calcule
    """)


def test_partielle_c_bornes(verifier: Verifier) -> None:
    """« extracted from the reference extraction on (any usable date if none) up to the bound »: 10 April to 16 May here.

    E1: bad rows on 9 April and 17 May, too early and too late. E2: on 16 May. E3 has no reference: on 1 January.
    """
    verifier("""
    dossiers 2026-04-10 | sejours 2026-04-10  | sejours 2026-04-09 partiel | sejours 2026-05-17 partiel
    D1                  | D1 2025-01-01 →     | D9 2025-02-30 →            | D9 2025-02-30 →
    E2: D1              | E2: D1 2025-01-01 → |                            |
    E3: D1              |                     |                            |

    sejours 2026-05-16 partiel | sejours 2026-01-01 partiel | sejours 2025-12-31 partiel | sejours 2026-04-10 partiel
    E2: D9 2025-02-30 →        | E3: D9 2025-02-30 →        | E3: D8 2025-02-30 →        | E3: D1 2025-01-01 →

    attendu le 2026-04-01
    file_active 1, pas d'alerte REJETS
    E2: alerte REJETS sejours 1
    E3: alerte REJETS sejours 1
    """)


def test_reference_d_une_table_ne_dit_rien_d_une_autre(verifier: Verifier) -> None:
    """« present: dossiers, sejours: when §6.2 leaves it a row »: a file whose rows of E1 are all rejected leaves none."""
    verifier("""
    dossiers | sejours             | mises_a_jour  | attendu le 2026-04-01
    D1       | D1 2025-02-30 →     | D1 2026-01-05 | dossiers_actifs –/– source_absente, alerte REJETS sejours 1
    E2: D1   | E2: D1 2025-01-01 → |               | E2: dossiers_actifs 0/1 calcule
    """)
