"""`duimetre verifier projets.csv` and `depenses.csv`, before they are put in place (specification §4.6)."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from scenario import ESSMS, deposer, ecrire, fichier_csv, nuit_directe, projets

from flows.cli.principal import main

E1, E2, E3 = ESSMS["E1"], ESSMS["E2"], ESSMS["E3"]
D = date(2026, 4, 1)
ENTETE = "porteur;nom;finess_et;projet;debut;fin;finess_precedent;regles;montant_accorde\n"
EN_PLACE = f"{ENTETE}p1;Un;{E1};;;;;;1000\np1;Un;{E2};;;;;;1000\n"


Verifier = Callable[..., tuple[int, str]]


@pytest.fixture
def verifier(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Verifier:
    """Write registers (file name → text) outside of the data root, verify them: exit code and what is told."""
    ecrire(tmp_path / "data" / "raw" / "referentiels" / "projets.csv", EN_PLACE)

    def lancer(*options: str, **textes: str) -> tuple[int, str]:
        for nom, texte in textes.items():
            ecrire(tmp_path / f"{nom}.csv", texte)
        fichiers = [str(tmp_path / f"{nom}.csv") for nom in textes]
        with pytest.raises(SystemExit) as fin:
            main(["verifier", "--data", str(tmp_path / "data"), *options, *fichiers])
        code = int(fin.value.code or 0)
        sortie = capsys.readouterr()
        return code, (sortie.out + sortie.err).replace("\u00a0", " ").replace("\u202f", " ")

    return lancer


def test_le_meme_registre(verifier: Verifier) -> None:
    """Nothing to say: exit 0."""
    code, dit = verifier(projets=EN_PLACE)
    assert code == 0
    assert "projets.csv : sans faute" in dit
    assert "Rien ne changerait" in dit


@pytest.mark.parametrize(
    ("lignes", "attendus"),
    [
        # Added.
        (
            f"p1;Un;{E1};;;;;;1000\np1;Un;{E2};;;;;;1000\np2;Deux;{E3};c2;01/05/2026;;;;\n",
            [f"1 ESSMS ({E3}) : entre dans le projet « c2 », porteur « p2 » à partir du 01/05/2026."],
        ),
        # Ended.
        (
            f"p1;Un;{E1};;;30/06/2026;;;1000\np1;Un;{E2};;;30/06/2026;;;1000\n",
            [f"2 ESSMS ({E1}, {E2}) : ne sont plus dans le projet « p1 », porteur « p1 » à partir du 01/07/2026."],
        ),
        # Gone without a word: told as the night will.
        (
            f"p1;Un;{E1};;;;;;1000\n",
            [f"1 ESSMS ({E2}) : n'est plus dans le projet « p1 », porteur « p1 »."],
        ),
        # Moved.
        (
            f"p1;Un;{E1};;;30/06/2026;;;1000\np2;Un;{E1};;01/07/2026;;;;7\np1;Un;{E2};;;;;;1000\n",
            [
                f"1 ESSMS ({E1}) : du porteur « p1 » au porteur « p2 » à partir du 01/07/2026.",
                f"1 ESSMS ({E1}) : « projet » passe de « p1 » à « p2 » à partir du 01/07/2026.",
            ],
        ),
        # Another number.
        (
            f"p1;Un;{E1};;;30/06/2026;;;1000\np1;Un;{E3};;01/07/2026;;{E1};;1000\np1;Un;{E2};;;;;;1000\n",
            [
                f"1 ESSMS ({E1}) : les lignes aux numéros {E3} comptent aussi pour cet ESSMS jusqu'au 30/06/2026.",
                f"1 ESSMS ({E3}) : remplace le numéro {E1} à partir du 01/07/2026.",
            ],
        ),
        # Rules and amounts.
        (
            f"p1;Un;{E1};;;;;2023;2000,50\np1;Un;{E2};;;;;;2000,50\n",
            [
                "Projet « p1 » : « montant_accorde » passe de 1 000 € à 2 000,50 €.",
                f"1 ESSMS ({E1}) : « regles » passe de « 2025 » à « 2023 ».",
            ],
        ),
    ],
)
def test_ce_qui_changerait(verifier: Verifier, lignes: str, attendus: list[str]) -> None:
    """« ESSMS added, ended, moved, amounts », each from which day to which, and nothing else."""
    code, dit = verifier(projets_prochain=ENTETE + lignes)
    assert code == 0, dit
    assert [ligne.removeprefix("  - ") for ligne in dit.splitlines() if ligne.startswith("  - ")] == attendus


@pytest.mark.parametrize(
    ("lignes", "faute"),
    [
        (
            f"p1;Un;{E1};;01/02/2026;31/01/2026;;;\n",
            "ligne 2 écartée : « fin » (31/01/2026) est avant « debut » (01/02/2026) : corrigez l'une des deux dates.",
        ),
        (f"p1;Un;{E1};;;;{E1};;\n", "« finess_precedent » est le numéro de la ligne elle-même"),
        (f"p1;Un;{E1};;;;12;;\n", "« finess_precedent » : « 12 » n'est pas un numéro FINESS de 9 caractères"),
        (
            f"p1;Un;{E1};;30/02/2026;;;;\n",
            "« debut » n'est pas lisible : écrivez AAAA-MM-JJ ou JJ/MM/AAAA ; reçu « 30/02/2026 »",
        ),
        (f"p1;Un;{E1};;;;;2052;\n", "reçu « 2052 » ; le plus proche : « 2025 »"),
        (f"p1;Un;{E1};;;;;;beaucoup\n", "« montant_accorde » n'est pas lisible : écrivez un nombre d'euros"),
        (
            f"p1;Un;{E1};;;30/06/2026;;;\np2;Deux;{E1};;01/06/2026;;;;\n",
            "ligne 3 écartée : l'ESSMS est inscrit sous deux porteurs du 01/06/2026 au 30/06/2026 (voir ligne 2) : gardez",
        ),
        (
            f"p1;Un;{E1};a;;30/06/2026;;;\np1;Un;{E1};b;01/06/2026;;;;\n",
            "ligne 2 écartée : l'ESSMS est inscrit dans deux projets du 01/06/2026 au 30/06/2026 (voir ligne 3)",
        ),
        (
            f"p1;Un;{E1};;;;;;\np1;Un;{E2};;;;{E1};;\n",
            f"ligne 3 écartée : « finess_precedent » : {E1} est encore le numéro de la ligne 2 : faites commencer celle-ci",
        ),
        (
            f"p1;Un;{E1};;;;;;1000\np1;Un;{E2};;;;;;2000\n",
            "projet « p1 » : « montant_accorde » n'a pas la même valeur aux lignes 2 et 3 ; celle de la ligne 2 compte.",
        ),
        (
            f"p1;Un;{E1};c;;;;;\np2;Deux;{E2};c;;;;;\n",
            "projet « c » : « porteur » n'a pas la même valeur aux lignes 2 et 3. Donnez un projet à chaque porteur.",
        ),
    ],
)
def test_chaque_faute_a_sa_ligne_et_son_remede(verifier: Verifier, lignes: str, faute: str) -> None:
    """« Clear French errors for each fault of the register, with line and cure »: exit 3."""
    code, dit = verifier(projets=ENTETE + lignes)
    assert code == 3
    assert faute in dit


@pytest.mark.parametrize(("texte", "dit"), [("porteur;nom\np1;Un\n", "« finess_et »"), ("", "ne peut pas être lu")])
def test_un_registre_qui_ne_peut_servir(verifier: Verifier, texte: str, dit: str) -> None:
    """Exit 4, and what is wrong."""
    code, sortie = verifier(projets=texte)
    assert code == 4
    assert "projets.csv : REFUSÉ" in sortie
    assert dit in sortie


def test_les_depenses(verifier: Verifier, tmp_path: Path) -> None:
    """Against those in place and the projects of the register beside them."""
    ecrire(tmp_path / "data" / "raw" / "referentiels" / "depenses.csv", "projet;montant;date\np1;100;2026-01-01\n")
    code, dit = verifier(depenses="projet;montant;date\np1;120,5;01/01/2026\np1;300;01/06/2026\n")
    assert code == 0
    assert "Projet « p1 », état du 01/01/2026 : passe de 100 € à 120,50 €." in dit
    assert "Projet « p1 », état du 01/06/2026 : 300 €, nouveau." in dit
    code, dit = verifier(
        depenses="projet;montant;date\np1;1;01/01/2026\np1;2;01/01/2026\np;3;32/01/2026\np11;4;2026-01-01\n"
    )
    assert code == 3
    assert "ligne 2 écartée : le projet « p1 » a déjà un autre montant au 01/01/2026 (voir ligne 3)" in dit
    assert "ligne 4 écartée : « date » n'est pas lisible" in dit
    assert "ligne 5 : le projet « p11 » n'est pas dans projets.csv ; le plus proche : « p1 »." in dit


def test_pour_une_machine(verifier: Verifier) -> None:
    """`--json`: the same content."""
    code, dit = verifier("--json", projets=EN_PLACE + f"p1;Un;{E3};;;;;9;\n")
    (registre,) = json.loads(dit)["registres"]
    assert code == 3
    assert registre["statut"] == "accepte_avec_rejets"
    assert [f.partition(" : ")[0] for f in registre["fautes"]] == ["projets.csv, ligne 4 écartée"]


def test_de_qui_est_le_fichier(verifier: Verifier) -> None:
    """A deposit is somebody's: exit 2 without `--porteur`."""
    code, dit = verifier(dossiers="finess_et\n")
    assert code == 2
    assert "--porteur" in dit


def test_les_mesures_publiees_qui_liraient_autre_chose(verifier: Verifier, tmp_path: Path) -> None:
    """A change without a period is told with the published measures it would rewrite; one with a period touches none."""
    racine = tmp_path / "data"
    for table, ligne in (("dossiers", "D1"), ("sejours", "D1 2025-06-01 →")):
        deposer(racine, f"{table}_2026-04-01.csv", fichier_csv(table, [ligne]), "p1")
    nuit_directe(racine, [D])
    _, dit = verifier(projets=EN_PLACE.replace(f"p1;Un;{E1}", f"p2;Un;{E1}"))
    assert f"01/04/2026 : 1 ESSMS ({E1})" in dit
    assert "mettez une « fin » à l'ancienne ligne" in dit
    _, dit = verifier(projets=EN_PLACE.replace(f"{E1};;;", f"{E1};;;30/06/2026") + f"p2;Deux;{E1};;01/07/2026;;;;\n")
    assert "Aucune mesure déjà publiée ne lirait autre chose." in dit
    _, dit = verifier(projets=EN_PLACE.replace(f"p1;Un;{E2};;;;;;1000\n", ""))
    assert f"L'ESSMS {E2} était dans la dernière publication et n'est plus dans projets.csv" in dit


def test_un_essms_oublie_se_dit_la_nuit(tmp_path: Path) -> None:
    """« An ESSMS of the last version that no row names any more (gone, not ended) raises an alert REFERENTIEL »."""
    projets(tmp_path, "E1\nE2\nE3")
    deposer(tmp_path, "dossiers_2026-04-01.csv", fichier_csv("dossiers", ["D1"]))
    nuit_directe(tmp_path, [D])
    projets(tmp_path, "E1\nE3 fin=2026-01-01")
    bilan = nuit_directe(tmp_path, [date(2026, 4, 2)])
    alertes = pl.read_parquet(bilan.dossier / "alertes" / "date_mesure=2026-04-02" / "alertes.parquet")
    assert alertes.filter(code="REFERENTIEL")["finess_et"].to_list() == [E2]
