"""Specification §4.6: what the agency keeps, and what becomes of its mistakes."""

from __future__ import annotations

import textwrap
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from scenario import ESSMS, deposer, ecrire, fichier_csv, jouer

from flows.reception import registres_ars
from flows.reglages import lire_reglages
from transforms.projets import ReferentielIllisible

D = date(2026, 4, 1)
E1, E2, E3, REUNION = ESSMS["E1"], ESSMS["E2"], ESSMS["E3"], ESSMS["REUNION"]


def registres(racine: Path, projets: str, bal: str | None = None) -> registres_ars.Referentiels:
    """The registers of tonight; separators « | » and padding are allowed (§4)."""
    poser(racine, projets, bal)
    return registres_ars.lire_registres(lire_reglages(racine))


def poser(racine: Path, projets: str, bal: str | None = None) -> None:
    dossier = racine / "raw" / "referentiels"
    for nom, texte in (("projets.csv", projets), ("bal.csv", bal)):
        if texte is not None:
            numeros = texte.replace("@E1", E1).replace("@E2", E2).replace("@E3", E3)
            ecrire(dossier / nom, textwrap.dedent(numeros).strip("\n"))


def messages(lus: registres_ars.Referentiels) -> list[tuple[str | None, str | None, str]]:
    """The alerts REFERENTIEL of a measure at D."""
    return [(a.porteur, a.finess_et, a.message) for code, a in lus.alertes_du(D) if code == "REFERENTIEL"]


def test_projets_lus(tmp_path: Path) -> None:
    """Every column, its default, the spellings of §4; dates, rules and exemptions are per row."""
    lus = registres(
        tmp_path,
        """
        Porteur | NOM         | FINESS ET | regles | date-premiere-mesure | Sous_Secteur | exemption.socles | type
        asso    | Association | @E1       |        |                      |              |                  |
        asso    | Association | @E2       | 2023   | 01/04/2026           | pjm          | oui              | Montée de version
        """,
    )
    essms = {x["finess_et"]: x for x in lus.essms(D).iter_rows(named=True)}
    assert messages(lus) == []
    colonnes = ("regles", "date_premiere_mesure", "sous_secteur", "exemption_socles", "type")
    assert [essms[E2][c] for c in colonnes] == ["2023", date(2026, 4, 1), "PJM", True, "montee_de_version"]
    assert [essms[E1][c] for c in colonnes] == ["2025", None, None, False, None]
    assert lus.registre.projet("asso") == {E1, E2}


@pytest.mark.parametrize(
    ("ligne", "raison"),
    [
        (
            "asso | Association | @E2 | 2024 | | |",
            "« regles » n'est pas lisible (valeurs : 2022, 2023, 2025, 2025-martinique)",
        ),
        ("asso | Association | @E2 | | 2026-02-30 | |", "« date_premiere_mesure » n'est pas lisible"),
        ("asso | Association | @E2 | | | peut-être |", "« exemption_socles » n'est pas lisible"),
        ("asso | Association | @E2 | | | | 1,5", "la part médico-sociale est un nombre entre 0 et 1"),
        ("asso | Association | 1000024 | | | |", "le numéro FINESS a 9 caractères"),
        ("asso |             | @E2 | | | |", "« nom » : valeur obligatoire manquante"),
        ("ass/o | Association | @E2 | | | |", "l'identifiant du porteur n'a que des lettres sans accent"),
        ("asso | Association | @E2 | | | | | encore", "plus de cellules que de colonnes"),
    ],
)
def test_ligne_ecartee(tmp_path: Path, ligne: str, raison: str) -> None:
    """« A row with an error is set aside with an alert REFERENTIEL that says why; the night goes on for the others »."""
    entete = "porteur | nom | finess_et | regles | date_premiere_mesure | exemption_socles | part_medico_sociale"
    lus = registres(tmp_path, f"{entete}\nasso | Association | @E1 | | | |\n{ligne}")
    assert lus.essms(D)["finess_et"].to_list() == [E1]
    ((_, _, message),) = messages(lus)
    assert message.startswith("projets.csv, ligne 3 écartée : ")
    assert raison in message


def test_essms_sous_deux_porteurs(tmp_path: Path) -> None:
    """« or an ESSMS under two porteurs (for both), is set aside »; the same row twice is one row."""
    lus = registres(
        tmp_path,
        """
        porteur | nom | finess_et
        p1      | Un   | @E1
        p2      | Deux | @E1
        p1      | Un   | @E2
        p1      | Un   | @E2
        """,
    )
    assert lus.essms(D)["finess_et"].to_list() == [E2]
    assert [(p, f) for p, f, _ in messages(lus)] == [("p1", E1), ("p2", E1)]
    assert all("deux porteurs" in m for _, _, m in messages(lus))
    assert lus.registre.ecartes_de("p1") == {E1}
    assert lus.registre.en_attente == {"p2"}


def test_ce_que_deviennent_les_fichiers(tmp_path: Path) -> None:
    """« Where all rows of a porteur are set aside, its files wait (en_attente); rows of an ESSMS set aside are told the same,
    not that they are outside the project »; a folder of nobody is refused; when the register is corrected, all is read.
    """
    entete = "porteur;nom;finess_et;regles\n"
    poser(tmp_path, f"{entete}p1;Un;@E1;\np1;Un;@E2;1999\np2;Deux;@E3;1999\n")
    contenu = fichier_csv("dossiers", ["D1", "E2: D2", "E3: D3", "AUTRE: D4"])
    for porteur in ("p1", "p2", "p3"):
        deposer(tmp_path, "dossiers_2026-04-01.csv", contenu, porteur)

    def sorts() -> dict[str, tuple[str, str | None, int]]:
        colonnes = ("porteur", "statut", "motif", "lignes_utilisees")
        return {p: autres for p, *autres in jouer(tmp_path).depots.select(colonnes).rows()}

    assert sorts() == {
        "p1": ["accepte", None, 1],
        "p2": ["en_attente", "REGISTRE_A_CORRIGER", 0],
        "p3": ["refuse", "PORTEUR_INCONNU", 0],
    }
    constats = set(jouer(tmp_path).constats.select("code", "valeur").rows())
    assert {("ESSMS_ECARTE", E2), ("HORS_PROJET", E3), ("HORS_PROJET", ESSMS["AUTRE"])} <= constats
    poser(tmp_path, f"{entete}p1;Un;@E1;\np1;Un;@E2;2023\np2;Deux;@E3;\np3;Trois;{REUNION};\n")
    assert sorts() == {
        "p1": ["accepte", None, 2],
        "p2": ["accepte", None, 1],
        "p3": ["accepte", None, 0],
    }


@pytest.mark.parametrize(
    ("contenu", "dit"),
    [
        (None, "projets.csv manque"),
        (b"", "ne peut pas être lu"),
        (b"PK\x03\x04 xl/ classeur", "Excel renommé en .csv"),
        (b"porteur;nom\np1;Un\n", "« finess_et »"),
        (b"porteur;nom;finess_et;FINESS-ET\np1;Un;010000016;010000016\n", "deux colonnes"),
        (b"porteur;nom;finess_et\n", "aucune ligne"),
    ],
)
def test_projets_illisible(tmp_path: Path, contenu: bytes | None, dit: str) -> None:
    """« Without a readable projets.csv the night fails (exit 1) and says what is wrong with it »."""
    if contenu is not None:
        ecrire(tmp_path / "raw" / "referentiels" / "projets.csv", contenu)
    with pytest.raises(ReferentielIllisible) as erreur:
        registres_ars.lire_registres(lire_reglages(tmp_path))
    assert dit in str(erreur.value)


@pytest.mark.parametrize(
    ("bal", "boites", "alertes"),
    [
        ("bal | finess_et\nAccueil@s.fr | @E1\nb@s.fr | @E2", {"accueil@s.fr": E1, "b@s.fr": E2}, []),
        ("bal | finess_et\na@s.fr | 123\nb@s.fr | @E2", {"b@s.fr": E2}, ["ligne 2"]),
        ("bal | finess_et\na@s.fr | @E1\nA@S.FR | @E2\nb@s.fr | @E2", {"b@s.fr": E2}, ["deux ESSMS", "deux ESSMS"]),
        ("boite | finess_et\na@s.fr | @E1", {}, ["bal.csv n'est pas utilisé"]),
        ("", {}, ["bal.csv n'est pas utilisé"]),
    ],
)
def test_bal(tmp_path: Path, bal: str, boites: dict[str, str], alertes: list[str]) -> None:
    """bal.csv is optional: a fault sets the row, or the file, aside with an alert; the night goes on."""
    lus = registres(tmp_path, "porteur;nom;finess_et\nasso;Association;@E1\nasso;Association;@E2\n", bal)
    assert dict(lus.bal) == boites
    dits = [m for _, _, m in messages(lus)]
    assert len(dits) == len(alertes)
    assert all(attendu in dit for attendu, dit in zip(alertes, dits, strict=True))


def test_une_boite_donne_la_structure(tmp_path: Path) -> None:
    """§4.2, through the night: rows without finess_et are those of the mailbox's ESSMS."""
    poser(tmp_path, "porteur;nom;finess_et\nasso;Association;@E1\n", "bal;finess_et\naccueil@s.fr;@E1\n")
    deposer(
        tmp_path, "mss_2026-04-01.csv", "horodatage;bal_emettrice\n2026-01-01;ACCUEIL@s.fr\n2026-01-01;autre@s.fr\n"
    )
    nuit = jouer(tmp_path)
    assert nuit.depots.select("statut", "lignes_utilisees", "lignes_rejetees").rows() == [("accepte_avec_rejets", 1, 1)]


def test_sans_fichier_finess(tmp_path: Path) -> None:
    """« without any FINESS file the night runs, identity columns are null, and one alert says so »."""
    lus = registres(tmp_path, f"porteur;nom;finess_et\nasso;Association;@E1\nasso;Association;{REUNION}\n")
    assert [code for code, _ in lus.alertes] == ["FINESS_ABSENT"]
    lignes: list[dict[str, Any]] = lus.essms(D).sort("finess_et").to_dicts()
    assert [x["raison_sociale"] for x in lignes] == [None, None]
    assert [(x["departement"], x["region"]) for x in lignes] == [("01", "Auvergne-Rhône-Alpes"), ("974", "La Réunion")]
    assert [(x["connu_finess"], x["ouvert"]) for x in lignes] == [(None, None), (None, None)]
