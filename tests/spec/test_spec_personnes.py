"""Specification §6.3 and §6.4: persons and populations. D = 2026-04-01, window from 1 January to 31 March 2026."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scenario import ins

Verifier = Callable[..., Any]

INS_A, INS_B, INS_C = ins("1900175123001"), ins("2900175123002"), ins("190012A123003")
INS_FAUX = INS_A[:-2] + "00"


def test_deux_identifiants_partagent_un_ins(verifier: Verifier) -> None:
    """« Exactly one: the person is that ins (so two id_personne sharing an ins are one person) »."""
    verifier(f"""
    dossiers            | sejours         | mises_a_jour  | attendu le 2026-04-01
    D1 IPP1 ins={INS_A} | D1 2025-01-01 → | D1 2026-01-05 | file_active 1, personnes_eligibles 1
    D2 IPP2 ins={INS_A} | D2 2025-01-01 → | D2 2026-01-05 | dossiers_actifs 3/1 300 %
    D3 IPP1             |                 | D3 2026-01-05 | alerte TAUX_SUP_100 dossiers_actifs
                        |                 |               | alerte DOUBLON_PERSONNE 1
    """)


def test_un_identifiant_a_deux_ins(verifier: Verifier) -> None:
    """« None, or several (alert IDENTITE_INCOHERENTE): the person is that id_personne ».

    IPP1 has two INS: IPP1 is the person of D1 and D2; IPP2 and IPP3, whose only INS is one of them, are somebody else.
    """
    verifier(f"""
    dossiers            | sejours         | attendu le 2026-04-01
    D1 IPP1 ins={INS_A} | D1 2025-01-01 → | file_active 3
    D2 IPP1 ins={INS_B} | D2 2025-01-01 → | alerte IDENTITE_INCOHERENTE 1
    D3 IPP2 ins={INS_A} | D3 2025-01-01 → | alerte DOUBLON_PERSONNE 1
    D4 IPP3 ins={INS_B} | D4 2025-01-01 → |
    """)


def test_un_ins_de_plus_de_deux_usagers(verifier: Verifier) -> None:
    """« An ins borne by more than two id_personne of the ESSMS identifies nobody: it is left out everywhere (same alert) ».

    E1: three usagers, three persons, and a document that bears that INS alone is nobody's. E2: two usagers, one person. E3:
    one of the three has another INS, that is his.
    """
    verifier(f"""
    dossiers                | sejours             | dmp                        | attendu le 2026-04-01
    D1 IPP1 ins={INS_A}     | D1 2025-01-01 →     | 2026-01-02 ins={INS_A}     | file_active 3, dmp 0/3
    D2 IPP2 ins={INS_A}     | D2 2025-01-01 →     |                            | nb_dmp_hors_population 0
    D3 IPP3 ins={INS_A}     | D3 2025-01-01 →     |                            | alerte IDENTITE_INCOHERENTE 3
    E2: D1 IPP1 ins={INS_A} | E2: D1 2025-01-01 → | E2: 2026-01-02 ins={INS_A} | E2: file_active 1, E2: dmp 1/1
    E2: D2 IPP2 ins={INS_A} | E2: D2 2025-01-01 → |                            | E2: pas d'alerte IDENTITE_INCOHERENTE
    E3: D1 IPP1 ins={INS_A} | E3: D1 2025-01-01 → | E3: 2026-01-02 ins={INS_B} | E3: file_active 3, E3: dmp 1/3
    E3: D2 IPP1 ins={INS_B} | E3: D2 2025-01-01 → |                            | E3: alerte IDENTITE_INCOHERENTE 3
    E3: D3 IPP2 ins={INS_A} | E3: D3 2025-01-01 → |                            |
    E3: D4 IPP3 ins={INS_A} | E3: D4 2025-01-01 → |                            |
    """)


def test_un_usager_de_plus_de_deux_dossiers(verifier: Verifier) -> None:
    """« An id_personne of more than two current dossiers that do not all bear one same valid ins identifies nobody either
    (same alert): each of these dossiers is a person of its own (its ins, if valid) ».

    E1: three dossiers without INS, three persons; a document of that usager is of none of them. E2: all bear one INS, one
    person. E3: two of the three bear it, and IPP2 too: they are that INS, the third is somebody else.
    """
    verifier(f"""
    dossiers                | sejours             | dmp                       | attendu le 2026-04-01
    D1 IPP0                 | D1 2025-01-01 →     | 2026-01-02 personne=IPP0  | file_active 3, dmp 1/3
    D2 IPP0                 | D2 2025-01-01 →     | 2026-01-02 dossier=D3     | nb_dmp_hors_population 1
    D3 IPP0                 | D3 2025-01-01 →     |                           | alerte IDENTITE_INCOHERENTE 1
    E2: D1 IPP1 ins={INS_A} | E2: D1 2025-01-01 → |                           | E2: file_active 1
    E2: D2 IPP1 ins={INS_A} | E2: D2 2025-01-01 → |                           | E2: pas d'alerte IDENTITE_INCOHERENTE
    E2: D3 IPP1 ins={INS_A} | E2: D3 2025-01-01 → |                           | E2: alerte DOUBLON_PERSONNE 1
    E3: D1 IPP1 ins={INS_A} | E3: D1 2025-01-01 → |                           | E3: file_active 2
    E3: D2 IPP1 ins={INS_A} | E3: D2 2025-01-01 → |                           | E3: alerte IDENTITE_INCOHERENTE 1
    E3: D3 IPP1             | E3: D3 2025-01-01 → |                           |
    E3: D4 IPP2 ins={INS_A} | E3: D4 2025-01-01 → |                           |
    """)


def test_un_ins_faux_ne_relie_personne(verifier: Verifier) -> None:
    """« the distinct valid ins »: a wrong key is dropped; a Corsican INS is valid, in any case of letters."""
    verifier(f"""
    dossiers                        | sejours             | attendu le 2026-04-01
    D1 IPP1 ins={INS_FAUX}          | D1 2025-01-01 →     | file_active 2
    D2 IPP2 ins={INS_FAUX}          | D2 2025-01-01 →     | pas d'alerte IDENTITE_INCOHERENTE
    E2: D1 IPP1 ins={INS_C}         | E2: D1 2025-01-01 → | E2: file_active 1
    E2: D2 IPP2 ins={INS_C.lower()} | E2: D2 2025-01-01 → |
    """)


def test_les_personnes_ne_traversent_pas_les_structures(verifier: Verifier) -> None:
    """« Inside one ESSMS »: the same INS in two ESSMS is one person in each; identifiers of E2 say nothing of E1."""
    verifier(f"""
    dossiers                | sejours             | attendu le 2026-04-01
    D1 IPP1 ins={INS_A}     | D1 2025-01-01 →     | file_active 1, pas d'alerte IDENTITE_INCOHERENTE
    E2: D1 IPP1 ins={INS_B} | E2: D1 2025-01-01 → | E2: file_active 1
    """)


def test_un_ins_remplace_ne_compte_plus(verifier: Verifier) -> None:
    """« among its current dossiers »: the INS of an earlier extraction no longer joins D1 and D2."""
    verifier(f"""
    dossiers 2026-04-02 | dossiers 2026-04-03 | sejours         | attendu le 2026-04-01
    D1 IPP1 ins={INS_A} | D1 IPP1             | D1 2025-01-01 → | file_active 2
    D2 IPP2 ins={INS_A} | D2 IPP2 ins={INS_A} | D2 2025-01-01 → |
    """)


def test_file_active(verifier: Verifier) -> None:
    """« date_entree ≤ fin_fenetre and (date_sortie null or ≥ debut_fenetre), each once ».

    Counted: D1 present; D2 who leaves on the first day of the window; D3 who enters on the last; D4 twice in the window.
    Not counted: D5 who left on the eve; D6 who enters on D; D7 without séjour. D8's exit « 31/12/2099 » means none.
    """
    verifier("""
    dossiers | sejours                    | attendu le 2026-04-01
    D1       | D1 2025-06-01 →            | file_active 5
    D2       | D2 2025-06-01 → 2026-01-01 |
    D3       | D3 2026-03-31 →            |
    D4       | D4 2025-06-01 → 2026-01-15 |
    D5       | D4 2026-02-01 → 2026-02-01 |
    D6       | D5 2025-06-01 → 2025-12-31 |
    D7       | D6 2026-04-01 →            |
    D8       | D8 2025-06-01 → 31/12/2099 |
    """)


def test_file_active_annuelle(verifier: Verifier) -> None:
    """« the same from 1 January of the year of fin_fenetre, if earlier, instead of debut_fenetre ».

    On 1 July D2 (out on 1 January) counts in the year only, D3 (out on 31 December) no more. On 1 January 2027 the year is
    still 2026. On 15 February the window starts before the year: it is the window that counts.
    """
    verifier("""
    dossiers 2026-12-01 | sejours 2026-12-01         | attendu le 2026-07-01  | attendu le 2027-01-01
    D1                  | D1 2025-06-01 →            | file_active 1          | file_active 1
    D2                  | D2 2025-06-01 → 2026-01-01 | file_active_annuelle 2 | file_active_annuelle 2
    D3                  | D3 2025-06-01 → 2025-12-31 |                        |

    attendu le 2026-02-15
    file_active 3
    file_active_annuelle 3
    """)


def test_dossier_actif(verifier: Verifier) -> None:
    """« a dossier whose person is in the file active, and with at least one mise à jour whose day is in the window ».

    D2 has no séjour, but its person (IPP1) has one under D1: D2 is active, D1 (not updated) is not. D3's person left.
    """
    verifier("""
    dossiers | sejours                    | mises_a_jour  | attendu le 2026-04-01
    D1 IPP1  | D1 2025-06-01 →            | D2 2026-01-05 | dossiers_actifs 1/1
    D2 IPP1  | D3 2025-01-01 → 2025-12-31 | D2 2026-01-06 |
    D3 IPP3  |                            | D3 2026-01-05 |
    """)


def test_personnes_eligibles(verifier: Verifier) -> None:
    """« persons with at least one dossier whose eligible_projet is not false (null counts and raises an alert) ».

    IPP1 no; IPP2 no and yes: counted; IPP3 not said: counted, alert; IPP4 not said but out: neither.
    """
    verifier("""
    dossiers             | sejours                    | attendu le 2026-04-01
    D1 IPP1 eligible=non | D1 2025-01-01 →            | file_active 3, personnes_eligibles 2
    D2 IPP2 eligible=non | D2 2025-01-01 →            | alerte ELIGIBILITE_ABSENTE 1
    D3 IPP2 eligible=oui | D4 2025-01-01 →            |
    D4 IPP3 eligible=    | D5 2025-01-01 → 2025-02-01 |
    D5 IPP4 eligible=    |                            |
    """)


def test_effectifs_nuls_sans_dossiers_ou_sans_sejours(verifier: Verifier) -> None:
    """« The counts of persons are null when dossiers or sejours is not present »."""
    verifier(
        """
    dossiers | sejours             | attendu le 2026-04-01
    D1       | E2: D1 2025-01-01 → | file_active –, file_active_annuelle –, personnes_eligibles –
             |                     | E2: file_active –, E2: file_active_annuelle –
             |                     | E2: personnes_eligibles –
             |                     | E3: file_active –
    """,
        essms="E1\nE2\nE3",
    )


def test_dossiers_inconnus(verifier: Verifier) -> None:
    """« A séjour, projet, agenda event or mise à jour of a dossier unknown there has no effect (alert, with the count) »."""
    verifier("""
    dossiers | sejours         | mises_a_jour  | projets        | agenda
    D1       | D1 2025-01-01 → | D1 2026-01-05 | D9 PP9 actif → | D9 R9 2026-01-05T10:00
             | D9 2025-01-01 → | D9 2026-01-05 |                | D9 R9 2026-01-06T10:00
             |                 | D9 2026-01-05 |                | D9 R8 2026-01-06T10:00 annule
             |                 | D9 2026-01-06 |                |

    attendu le 2026-04-01
    file_active 1, dossiers_actifs 1/1
    projet_personnalise 0/1, agenda 0/1
    alerte DOSSIER_INCONNU sejours 1
    alerte DOSSIER_INCONNU projets 1
    alerte DOSSIER_INCONNU mises_a_jour 2
    alerte DOSSIER_INCONNU agenda 2
    """)
