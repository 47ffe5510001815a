"""Specification §6.2: which rows of which deposits are current. D = 2026-04-01, so D + 45 days = 2026-05-16."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from scenario import deposer, fichier_csv, jouer, projets

from flows import mesure
from flows.staging.registre import RegistreDepots

Verifier = Callable[..., Any]


def test_une_extraction_anterieure_a_la_fenetre_ne_sert_pas(verifier: Verifier) -> None:
    """« usable when it is accepted and was extracted on or after debut_fenetre »."""
    verifier("""
    dossiers 2025-12-31 | sejours 2025-12-31 | dossiers 2026-01-01 | sejours 2026-01-01  | mises_a_jour 2026-04-02
    D1                  | D1 2025-01-01 →    | E2: D1              | E2: D1 2025-01-01 → | D1 2026-02-01
                        |                    |                     |                     | E2: D1 2026-02-01

    attendu le 2026-04-01
    dossiers_actifs –/– source_absente, file_active –
    E2: dossiers_actifs 1/1 source_partielle
    """)


def test_extraction_de_reference_arretee_45_jours_apres(verifier: Verifier) -> None:
    """« the latest extraction date ≤ D + 45 days » (16 May counts, 17 May does not; the 2 April ones are superseded)."""
    verifier("""
    dossiers 2026-04-02 | dossiers 2026-05-16 | dossiers 2026-05-17 | sejours 2026-04-02 | sejours 2026-05-16
    D1                  | D1                  | D1                  | D1 2025-01-01 →    | D1 2025-01-01 →
    D2                  | D2                  | D2                  | D2 2025-01-01 →    | D2 2025-01-01 →
    D3                  |                     | D4                  | D3 2025-01-01 →    |

    sejours 2026-05-17 | attendu le 2026-04-01
    D1 2025-01-01 →    | file_active 2
    D2 2025-01-01 →    | pas d'alerte SOURCE_TARDIVE
    D4 2025-01-01 →    |
    """)


def test_sans_extraction_dans_les_45_jours_la_premiere_apres(verifier: Verifier) -> None:
    """« if there is none, the earliest after », and SOURCE_TARDIVE says so."""
    verifier("""
    dossiers 2026-05-20 | dossiers 2026-06-01 | sejours 2026-05-16 | sejours 2026-06-01
    D1                  | D1                  | D1 2025-01-01 →    | D1 2025-01-01 →
                        | D2                  |                    | D2 2025-01-01 →

    attendu le 2026-04-01
    file_active 1
    alerte SOURCE_TARDIVE dossiers
    pas d'alerte SOURCE_TARDIVE sejours
    """)


def test_un_dossier_purge_plus_tard_ne_disparait_pas_du_passe(verifier: Verifier) -> None:
    """« the population of a measure settles 45 days after D »: D2 is gone from the July export, not from April."""
    verifier("""
    dossiers 2026-04-02 | sejours 2026-04-02 | mises_a_jour 2026-04-02 | dossiers 2026-07-02 | sejours 2026-07-02
    D1                  | D1 2025-01-01 →    | D1 2026-02-01           | D1                  | D1 2025-01-01 →
    D2                  | D2 2025-01-01 →    | D2 2026-02-01           |                     |

    mises_a_jour 2026-07-02 | attendu le 2026-04-01 | attendu le 2026-07-01
    D1 2026-06-01           | dossiers_actifs 2/2   | dossiers_actifs 1/1
    """)


def test_les_extractions_completes_d_un_meme_jour_se_completent(verifier: Verifier) -> None:
    """« they complete each other, and on one key the later file name wins » (digits before letters)."""
    verifier("""
    dossiers 2026-04-02 a | dossiers 2026-04-02 1 | dossiers 2026-04-02 b | sejours 2026-04-02 | attendu le 2026-04-01
    D1 IPP1 eligible=non  | D2 IPP2 eligible=oui  | D3                    | D1 2025-01-01 →    | file_active 3
    D2 IPP2 eligible=non  | D1 IPP1 eligible=oui  |                       | D2 2025-01-01 →    | personnes_eligibles 1
                          |                       |                       | D3 2025-01-01 →    |
    """)


def test_une_extraction_partielle_remplace_les_lignes_de_ses_dossiers(verifier: Verifier) -> None:
    """« for every dossier of which a partial deposit has an accepted row, its rows replace those of that dossier ».

    D1 had two séjours, the partial one leaves one that ended before the window; D2 is not in it and stays.
    """
    verifier("""
    dossiers | sejours 2026-04-02         | sejours 2026-04-03 partiel | attendu le 2026-04-01
    D1       | D1 2024-01-01 → 2024-02-01 | D1 2024-01-01 → 2024-03-01 | file_active 1
    D2       | D1 2025-01-01 →            |                            |
             | D2 2025-01-01 →            |                            |
    """)


def test_les_extractions_partielles_d_une_date_se_completent(verifier: Verifier) -> None:
    """« Date by date: […] their rows together replace those of that dossier; one row per key throughout, the later wins ».

    D1: its séjour in course is in the first file of 3 April, a past one in the second: both stand. D2: on one key the later
    name wins, he left. D3: a partial file of the next day replaces what those of 3 April said.
    """
    verifier("""
    dossiers 2026-04-04 | sejours 2026-04-02 | sejours 2026-04-03 partiel a | sejours 2026-04-03 partiel b
    D1                  | D1 2024-06-01 →    | D1 2025-01-01 →              | D1 2024-01-01 → 2024-02-01
    D2                  | D4 2025-01-01 →    | D2 2025-01-01 →              | D2 2025-01-01 → 2025-02-01
    D3                  |                    | D3 2025-01-01 →              | D3 2024-01-01 → 2024-02-01
    D4                  |                    |                              |

    sejours 2026-04-04 partiel | attendu le 2026-04-01
    D3 2024-01-01 → 2024-03-01 | file_active 2
    """)


def test_un_projet_partiel_change_de_dossier(verifier: Verifier) -> None:
    """« one row per key throughout, the later wins »: PP1 moves from D1 to D2, PP2 of D2 is replaced."""
    verifier("""
    dossiers | sejours         | mises_a_jour  | projets 2026-04-02 | projets 2026-04-03 partiel
    D1       | D1 2025-01-01 → | D1 2026-01-05 | D1 PP1 actif →     | D2 PP1 suspendu →
    D2       | D2 2025-01-01 → | D2 2026-01-05 | D2 PP2 actif →     |
    D3       | D3 2025-01-01 → | D3 2026-01-05 | D3 PP3 actif →     |

    attendu le 2026-04-01
    projet_personnalise 1/3
    """)


def test_bornes_des_extractions_partielles(verifier: Verifier) -> None:
    """« extracted from the reference extraction on, up to the later of D + 45 days and the reference extraction ».

    The reference is 10 April: a partial deposit of the 9th is superseded, one of 16 May counts, one of 17 May does not.
    E2 has no complete deposit: « any usable date », from debut_fenetre on. E3 has a late reference (1 June).
    """
    verifier("""
    dossiers 2026-04-10 | sejours 2026-04-10 | sejours 2026-04-09 partiel | sejours 2026-05-16 partiel
    D1                  | D1 2025-01-01 →    | D1 2025-01-01 → 2025-02-01 | D2 2025-01-01 → 2025-02-01
    D2                  | D2 2025-01-01 →    |                            |
    D3                  | D3 2025-01-01 →    |                            |
    E2: D1              |                    |                            |
    E2: D2              |                    |                            |

    sejours 2026-05-17 partiel | dossiers 2026-06-01 | sejours 2026-06-01  | sejours 2026-06-01 partiel
    D3 2025-01-01 → 2025-02-01 | E3: D1              | E3: D1 2025-01-01 → | E3: D1 2025-01-01 → 2025-02-01
                               | E3: D2              | E3: D2 2025-01-01 → |

    sejours 2026-06-02 partiel     | sejours 2025-12-31 partiel | sejours 2026-01-01 partiel | attendu le 2026-04-01
    E3: D2 2025-01-01 → 2025-02-01 | E2: D1 2025-01-01 →        | E2: D2 2025-01-01 →        | file_active 2
                                   |                            |                            | E2: file_active 1
                                   |                            |                            | E3: file_active 1
    """)


def test_reference_propre_a_chaque_structure_et_table(verifier: Verifier) -> None:
    """« State tables, per ESSMS and table »: E2 is not in the second export, its first one stays the reference."""
    verifier("""
    dossiers 2026-04-02 | sejours 2026-04-02  | dossiers 2026-04-20 | sejours 2026-04-20 | attendu le 2026-04-01
    D1                  | D1 2025-01-01 →     | D2                  | D2 2025-01-01 →    | file_active 1
    E2: D1              | E2: D1 2025-01-01 → |                     |                    | E2: file_active 2
    E2: D2              | E2: D2 2025-01-01 → |                     |                    |
    """)


def test_les_faits_comptent_quelle_que_soit_leur_extraction(verifier: Verifier) -> None:
    """« union over all accepted deposits whatever their date »: D1's update comes from a file older than the window."""
    verifier("""
    dossiers | sejours         | mises_a_jour 2025-12-31 | mises_a_jour 2026-04-02 | mises_a_jour 2026-09-01
    D1       | D1 2025-01-01 → | D1 2026-01-01           | D2 2026-03-31           | D3 2026-02-01
    D2       | D2 2025-01-01 → |                         | D2 2026-03-31           |
    D3       | D3 2025-01-01 → |                         |                         |
    D4       | D4 2025-01-01 → |                         |                         |

    attendu le 2026-04-01
    dossiers_actifs 3/4 calcule
    """)


def test_date_derniere_maj_meme_remplacee_est_une_mise_a_jour(verifier: Verifier) -> None:
    """« date_derniere_maj of every accepted row of dossiers, superseded ones included, is also a mise à jour ».

    D1's update of 10 January is only in a superseded extraction, D2's in one too old to be usable, D3 has none.
    """
    verifier("""
    dossiers 2025-12-31    | dossiers 2026-01-15    | dossiers 2026-04-02    | sejours         | attendu le 2026-04-01
    D2 IPP2 maj=2026-01-01 | D1 IPP1 maj=2026-01-10 | D1 IPP1 maj=2026-04-02 | D1 2025-01-01 → | dossiers_actifs 2/3
                           |                        | D2 IPP2                | D2 2025-01-01 → |
                           |                        | D3 IPP3 maj=2025-12-31 | D3 2025-01-01 → |
    """)


def test_rendez_vous_deplace_ou_annule(verifier: Verifier) -> None:
    """« the rows of the latest extraction that contains the event replace the earlier ones » (also in part).

    R1 moves out of the window, R2 into it, R3 is cancelled, R4 (three dates) keeps one, R5 stays as it was.
    """
    verifier("""
    dossiers | sejours         | mises_a_jour  | agenda 2026-02-01      | agenda 2026-04-02
    D1       | D1 2025-01-01 → | D1 2026-01-05 | D1 R1 2026-03-01T10:00 | D1 R1 2026-04-03T10:00
    D2       | D2 2025-01-01 → | D2 2026-01-05 | D2 R2 2026-04-10T10:00 | D2 R2 2026-03-31T10:00
    D3       | D3 2025-01-01 → | D3 2026-01-05 | D3 R3 2026-03-01T10:00 | D3 R3 2026-03-01T10:00 annule
    D4       | D4 2025-01-01 → | D4 2026-01-05 | D4 R4 2026-04-20T10:00 | D4 R4 2026-01-01T00:00 realise
    D5       | D5 2025-01-01 → | D5 2026-01-05 | D4 R4 2026-04-27T10:00 | D4 R4 2026-04-27T10:00
             |                 |               | D5 R5 2026-03-31T23:59 |

    attendu le 2026-04-01
    agenda 3/5
    """)


def test_rendez_vous_annonces_avant_la_fenetre(verifier: Verifier) -> None:
    """The same of extractions from before the window (§5: planned up to two years ahead).

    R1 stays announced, R2 moves away and R4 is cancelled before it, R3 and R7 move into it, R5 moves away after it, R8 was
    never in it, R6 is announced in a later one only.
    """
    verifier("""
    dossiers | sejours         | mises_a_jour  | agenda 2025-09-01      | agenda 2025-11-01             | agenda 2026-04-02
    D1       | D1 2025-01-01 → | D1 2026-01-05 | D1 R1 2026-02-01T10:00 | D2 R2 2025-12-15T10:00        | D5 R5 2025-12-20T10:00
    D2       | D2 2025-01-01 → | D2 2026-01-05 | D2 R2 2026-02-01T10:00 | D3 R3 2026-02-03T10:00        | D6 R6 2026-02-01T10:00
    D3       | D3 2025-01-01 → | D3 2026-01-05 | D3 R3 2025-12-15T10:00 | D4 R4 2026-02-01T10:00 annule | D7 R7 2026-02-01T10:00
    D4       | D4 2025-01-01 → | D4 2026-01-05 | D4 R4 2026-02-01T10:00 |                               |
    D5       | D5 2025-01-01 → | D5 2026-01-05 | D5 R5 2026-02-01T10:00 |                               |
    D6       | D6 2025-01-01 → | D6 2026-01-05 | D7 R7 2025-10-01T10:00 |                               |
    D7       | D7 2025-01-01 → | D7 2026-01-05 | D8 R8 2025-10-02T10:00 |                               |
    D8       | D8 2025-01-01 → | D8 2026-01-05 |                        |                               |

    attendu le 2026-04-01
    agenda 4/8
    """)


@pytest.mark.parametrize(
    "ranges",
    [
        (("2025-09-01", "2025-11-15"), ("2025-11-10", "2026-04-02"), ("2025-10-01",)),
        (("2025-09-01", "2025-10-01"), ("2025-11-10", "2025-11-15", "2026-04-02")),
        (("2025-09-01", "2025-10-01", "2025-11-10", "2025-11-15", "2026-04-02"),),
    ],
)
def test_rendez_vous_annonces_dans_des_fichiers_reunis(tmp_path: Path, ranges: Sequence[Sequence[str]]) -> None:
    """How the staged rows lie in files says nothing of the figures: here R2 moves away on 1 October."""
    projets(tmp_path, "E1")
    d = date(2026, 4, 1)
    trois = ["D1", "D2", "D3"]
    deposer(tmp_path, "dossiers_2026-04-02.csv", fichier_csv("dossiers", trois))
    deposer(tmp_path, "sejours_2026-04-02.csv", fichier_csv("sejours", [f"{x} 2025-01-01 →" for x in trois]))
    deposer(
        tmp_path, "mises_a_jour_2026-04-02.csv", fichier_csv("mises_a_jour", [f"{x} 2026-01-05T10:00" for x in trois])
    )
    agenda = {
        "2025-09-01": ["D1 R1 2026-02-01T10:00", "D2 R2 2026-02-01T10:00"],
        "2025-10-01": ["D2 R2 2025-12-15T10:00"],
        "2025-11-10": ["D3 R3 2025-12-15T10:00"],
        "2025-11-15": ["D3 R4 2025-12-15T10:00"],
        "2026-04-02": ["D3 R5 2025-12-15T10:00"],
    }
    for jour, lignes in agenda.items():
        deposer(tmp_path, f"agenda_{jour}.csv", fichier_csv("agenda", lignes))
    nuit = jouer(tmp_path)
    fichiers = {
        str(jour): f
        for jour, f in nuit.depots.filter(nom_table="agenda").select("date_extraction", "fichier").iter_rows()
    }
    deplaces = {}
    for rang, jours in enumerate(ranges):
        reuni = f"agenda/reunis-{rang}.parquet"
        lus = [pl.read_parquet(nuit.reglages.staging / fichiers[jour]) for jour in jours]
        pl.concat(lus).write_parquet(nuit.reglages.staging / reuni)
        deplaces |= dict.fromkeys((fichiers[jour] for jour in jours), reuni)
    depots = nuit.depots.with_columns(pl.col("fichier").replace(deplaces))
    with RegistreDepots(nuit.reglages.registre) as registre:
        entrees = mesure.entrees(nuit.reglages, {d: nuit.registres.inscrits(d)}, depots, registre.bilans(date.min))
    relations = mesure.mesurer_dates(entrees, range(8), None)[d]
    (agenda_e1,) = relations["indicateurs"].filter(indicateur="agenda").select("numerateur", "denominateur").rows()
    assert agenda_e1 == (1, 3)


def test_une_activite_collective_est_suivie_dossier_par_dossier(verifier: Verifier) -> None:
    """« may concern several dossiers »: the later extraction names only D1, the event of D2 stays."""
    verifier("""
    dossiers | sejours         | mises_a_jour  | agenda 2026-02-01      | agenda 2026-04-02
    D1       | D1 2025-01-01 → | D1 2026-01-05 | D1 R1 2026-03-01T10:00 | D1 R1 2026-03-01T10:00 annule
    D2       | D2 2025-01-01 → | D2 2026-01-05 | D2 R1 2026-03-01T10:00 |

    attendu le 2026-04-01
    agenda 1/2
    """)


def test_message_a_trois_destinataires(verifier: Verifier) -> None:
    """§4.2: « one per recipient in some exports, counted once »; « the row with the smallest horodatage stands for it ».

    M1: three lines, one message. M2: its first line is on the eve of the window. M3: sent and received are two keys, only
    what is sent counts. M4: the later extraction says three messages.
    """
    verifier("""
    dossiers | sejours         | mss 2026-02-01                         | mss 2026-04-02
    D1       | D1 2025-01-01 → | 2026-01-05T10:00 message=M1 bal=b      | 2026-01-06T10:00 message=M4 bal=b ×3
             |                 | 2026-01-05T10:01 message=M1 bal=b      |
             |                 | 2026-01-05T10:02 message=M1 bal=b      |
             |                 | 2025-12-31T23:59 message=M2 bal=b      |
             |                 | 2026-01-01T00:00 message=M2 bal=b      |
             |                 | 2026-01-07T10:00 message=M3 bal=b      |
             |                 | 2026-01-07T10:00 message=M3 bal=b recu |
             |                 | 2026-01-06T10:00 message=M4 bal=b ×9   |

    attendu le 2026-04-01
    mss 5/1 500 % atteint
    alerte TAUX_SUP_100 mss
    """)


def test_comptages_quotidiens(verifier: Verifier) -> None:
    """§4.2: « inside a file such rows of one key add up; across files the latest extraction wins ».

    5 January: 2 + 3 in one file. 6 January: 10, extracted again as 4. 7 January: 1, not in the second file. 8 January:
    the mailbox b2 is another key. 9 January, mailbox b: an identified message masks the daily count of 50, not that of b2;
    « a daily count without bal_emettrice gives way to any identified message of that ESSMS, sens and day »: 5000, not 1000
    (10 January) nor what was received.
    """
    verifier("""
    dossiers | sejours         | mss 2026-02-01       | mss 2026-04-02                    | attendu le 2026-04-01
    D1       | D1 2025-01-01 → | 2026-01-05 bal=b ×2  | 2026-01-06 bal=b ×4               | mss 1127/1
             |                 | 2026-01-05 bal=b ×3  | 2026-01-08 bal=b2 ×6              |
             |                 | 2026-01-06 bal=b ×10 | 2026-01-08 bal=b recu ×7          |
             |                 | 2026-01-07 bal=b     | 2026-01-09T10:00 bal=b message=M1 |
             |                 | 2026-01-08 bal=b ×10 | 2026-01-09 bal=b2 ×100            |
             |                 | 2026-01-09 bal=b ×50 | 2026-01-10 ×1000                  |
             |                 | 2026-01-09 ×5000     | 2026-01-10T10:00 recu message=M2  |
    """)


def test_comptage_reextrait_a_zero(verifier: Verifier) -> None:
    """A later count of 0 replaces an earlier one; a mask works without mailbox too, and across extractions."""
    verifier("""
    dossiers | sejours         | mss 2026-02-01              | mss 2026-04-02      | attendu le 2026-04-01
    D1       | D1 2025-01-01 → | 2026-01-05 bal=b ×2         | 2026-01-05 bal=b ×0 | mss 1/1
             |                 | 2026-01-06T09:00 message=M1 | 2026-01-06 ×9       |
    """)


def test_eprescriptions_et_eparcours(verifier: Verifier) -> None:
    """§4.3: « inside a file the smallest horodatage stands for its key; across files the latest extraction wins »."""
    verifier("""
    eprescription 2026-02-01 | eprescription 2026-04-02 | eparcours 2026-04-02 | attendu le 2026-04-01
    I1 2025-12-31T23:00      | I2 2026-04-01            | X1 2026-01-01        | eprescription 1/– – % libre calcule
    I1 2026-01-01            | I3 2026-03-31            | X1 2026-01-02        | nb_eprescriptions 1
    I2 2026-01-05            |                          | X2 2026-03-31        | eparcours 2/– libre
    """)


def eligibles(racine: Path) -> int:
    d = date(2026, 4, 1)
    (ligne,) = jouer(racine, [d]).mesures[d].maturin.values()
    return int(ligne["personnes_eligibles"])


def test_departage_par_nom_puis_chemin_et_contenant(tmp_path: Path) -> None:
    """« the name folded, digits compared as numbers; then the path; inside an archive the container's name first »."""
    projets(tmp_path, "E1")
    jour = "2026-04-02"
    deposer(tmp_path, f"sejours_{jour}.csv", fichier_csv("sejours", ["D1 2025-01-01 →", "D2 2025-01-01 →"]))
    deposer(tmp_path, f"b/dossiers_{jour}_a.csv", fichier_csv("dossiers", ["D1 P1 eligible=non", "D2 P2 eligible=oui"]))
    deposer(tmp_path, f"a/dossiers_{jour}_a.csv", fichier_csv("dossiers", ["D1 P1 eligible=oui", "D2 P2 eligible=non"]))
    deposer(tmp_path, f"c/dossiers_{jour}_1.csv", fichier_csv("dossiers", ["D2 P2 eligible=oui", "D1 P1 eligible=oui"]))
    assert eligibles(tmp_path) == 1  # b/…_a: same base name as a/…_a, later path; …_1 comes before both
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zip_:
        zip_.writestr(f"dossiers_{jour}.csv", fichier_csv("dossiers", ["D1 P1 eligible=oui", "D2 P2 eligible=oui"]))
    deposer(tmp_path, "z.zip", archive.getvalue())
    assert eligibles(tmp_path) == 2  # z.zip comes after all, whatever its member is called
