"""Specification §6.5: indicators, targets, what is opposable. D = 2026-04-01, window from 1 January to 31 March 2026."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from scenario import ins

Verifier = Callable[..., Any]

INS_A, INS_B = ins("1900175123001"), ins("2900175123002")


def test_projet_en_vigueur(verifier: Verifier) -> None:
    """« en_preparation always; actif if date_debut is null or ≤ fin_fenetre (a planned end that has passed does not end it);
    termine if (date_debut null or ≤ fin_fenetre) and date_fin not null and ≥ debut_fenetre. Others never. »

    E1 has those that are en vigueur, E2 those that are not.
    """
    en_vigueur = (
        "actif →",
        "actif 2026-03-31 →",
        "actif 2025-01-01 → 2026-01-01",
        "actif 2025-01-01 → 2025-12-31",
        "actif → 2020-01-01",
        "actif 2025-01-01 → 31/12/2099",
        "en_cours → 2026-02-15",
        "en_preparation →",
        "en_preparation 2026-03-31 → 2026-03-31",
        "en_preparation 2026-04-01 →",
        "en_preparation → 2025-12-31",
        "termine → 2026-02-15",
        "termine 2025-01-01 → 2026-01-01",
        "termine → 2026-12-31",
    )
    pas_en_vigueur = (
        "actif 2026-04-01 →",
        "termine →",
        "termine → 2025-12-31",
        "termine 2026-04-01 → 2026-06-01",
        "suspendu →",
        "suspendu → 2026-02-15",
        "annule →",
        "annule → 2026-02-15",
    )
    lignes = [
        f"{e}: D{rang} | {e}: D{rang} 2025-01-01 → | {e}: D{rang} 2026-01-05 | {e}: D{rang} PP{rang} {projet} |"
        for e, cas in (("E1", en_vigueur), ("E2", pas_en_vigueur))
        for rang, projet in enumerate(cas)
    ]
    lignes[0] += " projet_personnalise 14/14, E2: projet_personnalise 0/8"
    verifier("dossiers | sejours | mises_a_jour | projets | attendu le 2026-04-01\n" + "\n".join(lignes))


def test_projets_echus(verifier: Verifier) -> None:
    """« alert PROJET_ECHU with the number of dossiers actifs that only have such ones, date_fin < debut_fenetre ».

    D1 and D2 (with a cancelled one beside); not D3 (another runs), D4 (its end is the first day), D5 (not active).
    """
    verifier("""
    dossiers | sejours         | mises_a_jour  | projets                     | attendu le 2026-04-01
    D1       | D1 2025-01-01 → | D1 2026-01-05 | D1 PP1 actif → 2025-12-31   | projet_personnalise 4/4
    D2       | D2 2025-01-01 → | D2 2026-01-05 | D2 PP2 actif → 2024-12-31   | alerte PROJET_ECHU 2
    D3       | D3 2025-01-01 → | D3 2026-01-05 | D2 PP3 annule →             |
    D4       | D4 2025-01-01 → | D4 2026-01-05 | D3 PP4 actif → 2024-12-31   |
    D5       | D5 2025-01-01 → |               | D3 PP5 en_preparation →     |
             |                 |               | D4 PP6 actif → 2026-01-01   |
             |                 |               | D5 PP7 actif → 2024-12-31   |
    """)


def test_deux_projets_d_un_dossier_comptent_une_fois(verifier: Verifier) -> None:
    """« dossiers actifs with a projet en vigueur »; a projet of a dossier that is not active does not count."""
    verifier("""
    dossiers | sejours         | mises_a_jour  | projets         | attendu le 2026-04-01
    D1       | D1 2025-01-01 → | D1 2026-01-05 | D1 PP1 actif →  | projet_personnalise 1/2
    D2       | D2 2025-01-01 → | D2 2026-01-05 | D1 PP2 actif →  |
    D3       | D3 2025-01-01 → |               | D2 PP3 annule → |
             |                 |               | D3 PP4 actif →  |
    """)


def test_agenda(verifier: Verifier) -> None:
    """« dossiers actifs with ≥ 1 agenda event, not annule, whose day is in the window »; an empty statut is planned."""
    verifier("""
    dossiers | sejours         | mises_a_jour  | agenda                         | attendu le 2026-04-01
    D1       | D1 2025-01-01 → | D1 2026-01-05 | D1 R1 2026-01-01T00:00         | agenda 3/5
    D2       | D2 2025-01-01 → | D2 2026-01-05 | D1 R2 2026-02-01T00:00         |
    D3       | D3 2025-01-01 → | D3 2026-01-05 | D2 R3 2026-03-31T23:59 réalisé |
    D4       | D4 2025-01-01 → | D4 2026-01-05 | D3 R4 2026-02-01 Planifié      |
    D5       | D5 2025-01-01 → | D5 2026-01-05 | D4 R5 2026-02-01 ANNULE        |
    D6       | D6 2025-01-01 → |               | D5 R6 2025-12-31T23:59         |
             |                 |               | D5 R7 2026-04-01T00:00         |
             |                 |               | D6 R8 2026-02-01               |
    """)


def test_personne_d_un_document_dmp(verifier: Verifier) -> None:
    """« that of the dossier if known; else, where the current dossiers of exactly one person bear the valid ins, that
    person, else that ins; else that of id_personne if known; else the given id_personne, else id_dossier ».

    E1: five ways of naming the person of D1, one person; a failure and the eve do not count for D2.
    E2: unknown dossiers, persons and INS are each somebody, out of the population.
    E3: the dossier wins over the INS and the id_personne of the same row, the INS over id_personne.
    """
    verifier(f"""
    dossiers                | sejours             | dmp
    D1 IPP1 ins={INS_A}     | D1 2025-01-01 →     | 2026-01-01 dossier=D1
    D2 IPP2                 | D2 2025-01-01 →     | 2026-01-02 ins={INS_A}
    E2: D1                  | E2: D1 2025-01-01 → | 2026-01-03 personne=IPP1
    E3: D1 IPP1 ins={INS_A} | E3: D1 2025-01-01 → | 2026-01-04 dossier=D9 personne=IPP1
    E3: D2 IPP2             | E3: D2 2025-01-01 → | 2026-01-05 dossier=D9 ins={INS_A} personne=IPP2
                            |                     | 2026-01-06 dossier=D2 echec
                            |                     | 2025-12-31 dossier=D2
                            |                     | E2: 2026-01-01 dossier=D9
                            |                     | E2: 2026-01-01 personne=IPP9
                            |                     | E2: 2026-01-01 dossier=D8 personne=IPP9
                            |                     | E2: 2026-01-01 dossier=D8 personne=IPP9 ins={INS_B}
                            |                     | E3: 2026-01-01 dossier=D2 ins={INS_A} personne=IPP1
                            |                     | E3: 2026-01-01 ins={INS_B} personne=IPP2

    attendu le 2026-04-01
    dmp 1/2 50 %
    E2: dmp 0/1, E2: nb_dmp_hors_population 3
    E2: alerte DMP_HORS_POPULATION 3
    E3: dmp 1/2, E3: nb_dmp_hors_population 1
    """)


def test_dmp_par_un_ins_qui_n_est_pas_celui_de_la_personne(verifier: Verifier) -> None:
    """« where the current dossiers of exactly one person bear the valid ins, that person, else that ins ».

    E1: IPP1 bears two INS: both lead to it. E2: IPP2 bears one of them too: that INS is its person, the other is still IPP1.
    """
    verifier(f"""
    dossiers                | sejours             | dmp                        | attendu le 2026-04-01
    D1 IPP1 ins={INS_A}     | D1 2025-01-01 →     | 2026-01-02 ins={INS_A}     | dmp 1/1
    D2 IPP1 ins={INS_B}     | D2 2025-01-01 →     | 2026-01-03 ins={INS_B}     | nb_dmp_hors_population 0
    E2: D1 IPP1 ins={INS_A} | E2: D1 2025-01-01 → | E2: 2026-01-02 ins={INS_A} | pas d'alerte DMP_HORS_POPULATION
    E2: D2 IPP1 ins={INS_B} | E2: D2 2025-01-01 → | E2: 2026-01-03 ins={INS_B} | E2: dmp 2/2
    E2: D3 IPP2 ins={INS_A} | E2: D3 2025-01-01 → |                            | E2: nb_dmp_hors_population 0
    """)


def test_dmp_hors_population(verifier: Verifier) -> None:
    """« Persons so fed who are not in the personnes éligibles are counted apart: both terms speak of the same people ».

    D2 left before the window, D3 has no séjour, D4 is not eligible. Without séjours (E2) nothing is counted.
    """
    verifier("""
    dossiers        | sejours                    | dmp                      | attendu le 2026-04-01
    D1              | D1 2025-01-01 →            | 2026-01-02 dossier=D1    | dmp 1/1 100 % atteint
    D2              | D2 2024-01-01 → 2025-12-31 | 2026-01-02 dossier=D2    | nb_dmp_hors_population 3
    D3              | D4 2025-01-01 →            | 2026-01-02 dossier=D3    | alerte DMP_HORS_POPULATION 3
    D4 eligible=non |                            | 2026-01-02 dossier=D4    | E2: dmp –/–
    E2: D1          |                            | 2026-01-02 dossier=D4    | E2: nb_dmp_hors_population –
                    |                            | E2: 2026-01-02 dossier=9 | E2: pas d'alerte DMP_HORS_POPULATION
    """)


def test_un_dossier_et_une_personne_de_meme_nom_sont_deux(verifier: Verifier) -> None:
    """An unknown dossier « 7 » and an unknown person « 7 » are not the same person."""
    verifier("""
    dossiers | sejours         | dmp                   | attendu le 2026-04-01
    D1       | D1 2025-01-01 → | 2026-01-01 dossier=7  | dmp 0/1
             |                 | 2026-01-01 personne=7 | nb_dmp_hors_population 2
    """)


def test_cible_exactement_atteinte_ou_manquee_d_une_unite(verifier: Verifier) -> None:
    """« 100 × numerateur ≥ cible × denominateur »; « the smallest number of extra units that reaches the target ».

    E1: 9 of 10 dossiers is 90 %. E2: 8 of 10, one to go. E3: 10 of 12 is 83 %, 11 of 12 (91.7 %) is needed; messages:
    7 of 10 is 70 %, 6 of 10 leaves one; 8 of 12 leaves one (66.7 %).
    """
    lignes = []
    for essms, nombre, actifs, messages in (("E1", 10, 9, 7), ("E2", 10, 8, 6), ("E3", 12, 10, 8)):
        for rang in range(1, nombre + 1):
            maj = f"{essms}: D{rang} 2026-01-05" if rang <= actifs else ""
            mss = f"{essms}: 2026-01-05 ×{messages}" if rang == 1 else ""
            attente = {
                "E1": "dossiers_actifs 9/10 90 % atteint reste 0 opposable calcule, mss 7/10 70 % atteint reste 0",
                "E2": "E2: dossiers_actifs 8/10 80 % manqué reste 1, E2: mss 6/10 60 % manqué reste 1",
                "E3": "E3: dossiers_actifs 10/12 manqué reste 1, E3: mss 8/12 manqué reste 1",
            }[essms]
            lignes.append(
                f"{essms}: D{rang} | {essms}: D{rang} 2025-01-01 → | {maj} | {mss} | {attente if rang == 1 else ''}"
            )
    verifier("dossiers | sejours | mises_a_jour | mss | attendu le 2026-04-01\n" + "\n".join(lignes))


def test_reste_a_faire_de_zero(verifier: Verifier) -> None:
    """From 0 of 3: 3 dossiers (90 % of 3 is 2.7), 3 messages (70 % of 3 is 2.1)."""
    verifier("""
    dossiers | sejours         | mises_a_jour  | mss
    D1       | D1 2025-01-01 → | D1 2025-12-01 | 2025-12-01 ×9
    D2       | D2 2025-01-01 → |               |
    D3       | D3 2025-01-01 → |               |

    attendu le 2026-04-01
    dossiers_actifs 0/3 0 % manqué reste 3 calcule
    mss 0/3 0 % manqué reste 3
    """)


def test_valeur_nulle_parle_de_la_verification_d_aptitude(verifier: Verifier) -> None:
    """« the three DUI rates supplied and not zero […]. VALEUR_NULLE speaks of it for montee_de_version only, and also where a
    rate cannot be supplied »: E1 has a rate at 0, one without denominator, one without source; its mss is at 0 too."""
    verifier(
        """
    dossiers | sejours             | mises_a_jour      | projets            | mss
    E1: D1   | E1: D1 2025-01-01 → | E1: D1 2025-12-01 | E1: D1 PP1 actif → | 2025-12-01 ×9
    E3: D1   | E3: D1 2025-01-01 → | E3: D1 2025-12-01 | E3: D1 PP1 actif → |

    attendu le 2026-04-01                  | attendu le 2026-04-01
    E1: dossiers_actifs 0/1, E1: mss 0/1   | E3: dossiers_actifs 0/1, E3: mss 0/1
    E1: alerte VALEUR_NULLE dossiers_actifs | E3: pas d'alerte VALEUR_NULLE
    E1: alerte VALEUR_NULLE projet_personnalise, E1: alerte VALEUR_NULLE agenda |
    E1: pas d'alerte VALEUR_NULLE mss |
    """,
        essms="E1 type=montee_de_version\nE3 type=acquisition",
    )


def _opposables(attentes: Mapping[str, str]) -> str:
    """ESSMS that reach all targets but those of mss and dmp, at 0 of 1; what is expected of each."""
    lignes = [
        f"{e}: D1 | {e}: D1 2025-01-01 → | {e}: D1 2026-01-05 | {e}: D1 PP1 actif → | {e}: D1 R1 2026-01-05 |"
        f" {e}: 2025-12-31 | {e}: 2025-12-31 dossier=D1 | " + ", ".join(f"{e}: {a.strip()}" for a in attente.split(","))
        for e, attente in attentes.items()
    ]
    entete = "dossiers | sejours | mises_a_jour | projets | agenda | mss | dmp | attendu le 2026-04-01\n"
    return entete + "\n".join(lignes)


OPPOSABLE = "mss 0/1 0 % manqué reste 1 opposable, dmp 0/1 opposable, cibles_atteintes non"
LIBRE = "mss 0/1 0 % manqué reste 1 libre, dmp 0/1 libre, cibles_atteintes oui"


def test_exemption_decidee_par_l_ars(verifier: Verifier) -> None:
    """« opposable is false for mss and dmp where exemption_socles is true; they are computed all the same »."""
    verifier(
        _opposables({"E1": OPPOSABLE, "E3": LIBRE + ", agenda 1/1 100 % atteint opposable"}),
        essms="E1\nE3 exemption_socles=oui",
    )


def test_exemption_de_pjm_selon_les_regles(verifier: Verifier) -> None:
    """« jamais (2023, 2022), projet_pjm_seul (2025: every ESSMS of the project valid at D is PJM) or par_essms
    (2025-martinique: this ESSMS is PJM) ».

    The project `seul` is PJM alone, `mixte` holds a PA, `inconnu` one whose sub-sector is not
    known. The same mixed project in Martinique frees its PJM only.
    """
    cas = {
        "E1": ("projet=seul regles=2025 sous_secteur=PJM", LIBRE),
        "E2": ("projet=seul regles=2025 sous_secteur=PJM", LIBRE),
        "E3": ("projet=mixte regles=2025 sous_secteur=PJM", OPPOSABLE),
        "PARIS": ("projet=mixte regles=2025 sous_secteur=PA", OPPOSABLE),
        "CORSE": ("projet=inconnu regles=2025 sous_secteur=PJM", OPPOSABLE),
        "GUYANE": ("projet=inconnu regles=2025", OPPOSABLE),
        "REUNION": ("projet=2023 regles=2023 date_premiere_mesure=2026-04-01 sous_secteur=PJM", OPPOSABLE),
        "MAYOTTE": ("projet=2022 regles=2022 date_premiere_mesure=2026-04-01 sous_secteur=PJM", OPPOSABLE),
        "MARTINIQUE": ("projet=matinik regles=2025-martinique sous_secteur=PJM", LIBRE),
        "GUADELOUPE": ("projet=matinik regles=2025-martinique sous_secteur=PA", OPPOSABLE),
    }
    verifier(
        _opposables({e: attente for e, (_, attente) in cas.items()}),
        essms="\n".join(f"{e} {ligne}" for e, (ligne, _) in cas.items()),
    )


def test_taux_au_dela_de_cent(verifier: Verifier) -> None:
    """« may pass 100 % […]; that raises an alert, never a clip »."""
    verifier("""
    dossiers | sejours         | mises_a_jour  | mss           | dmp
    D1 IPP1  | D1 2025-01-01 → | D1 2026-01-05 | 2026-01-05 ×7 | 2026-01-05 dossier=D1
    D2 IPP1  |                 | D2 2026-01-05 |               | 2026-01-05 dossier=D9

    attendu le 2026-04-01
    dossiers_actifs 2/1 200 % atteint reste 0
    mss 7/1 700 %, dmp 1/1 100 %
    alerte TAUX_SUP_100 dossiers_actifs, alerte TAUX_SUP_100 mss
    pas d'alerte TAUX_SUP_100 dmp
    """)


def test_chute_depuis_la_mesure_precedente(verifier: Verifier) -> None:
    """« CHUTE (more than 30 points since the previous measure date) »: E1 falls by 50 points, E2 by exactly 30."""
    lignes = ["D1 | D1 2025-01-01 → | D1 2026-02-01 | dossiers_actifs 2/2 | dossiers_actifs 1/2"]
    lignes += ["D2 | D2 2025-01-01 → | D2 2026-02-01 | | alerte CHUTE dossiers_actifs 50"]
    lignes += ["| | D1 2026-05-01 | | E2: dossiers_actifs 7/10", "| | | | E2: pas d'alerte CHUTE"]
    for rang in range(1, 11):
        lignes.append(f"E2: D{rang} | E2: D{rang} 2025-01-01 → | E2: D{rang} 2026-02-01 | |")
        lignes += [f"| | E2: D{rang} 2026-05-01 | |"] if rang <= 7 else []
    verifier(
        "dossiers 2026-07-01 | sejours 2026-07-01 | mises_a_jour 2026-07-01 | attendu le 2026-04-01"
        " | attendu le 2026-07-01\n" + "\n".join(lignes)
    )


def test_chute_de_la_file_active(verifier: Verifier) -> None:
    """« POPULATION_CHUTE (file active more than 30 % under that of the previous measure date) »: E1 loses 4 of 10, E2 3 of 10."""
    lignes = [
        f"{e}: D{rang} | {e}: D{rang} 2025-01-01 → {'2026-01-15' if rang <= partis else ''} |"
        + (" alerte POPULATION_CHUTE 4, E2: pas d'alerte POPULATION_CHUTE" if (e, rang) == ("E1", 1) else "")
        for e, partis in (("E1", 4), ("E2", 3))
        for rang in range(1, 11)
    ]
    lignes[1] += " file_active 6, E2: file_active 7"
    avant = "| attendu le 2026-04-01 | attendu le 2026-07-01"
    lignes = [ligne.replace(" |" + a, " | |" + a) if (a := ligne.rpartition("|")[2]) else ligne for ligne in lignes]
    verifier(f"dossiers 2026-07-01 | sejours 2026-07-01 {avant}\n" + "\n".join(lignes))
