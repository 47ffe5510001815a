"""Specification §4, « Where the table is »: which row is the header, which rows are no data, and what is said of them.

A file is given as its rows, cells separated by `|` (nothing between two bars: an empty cell); it is read as a CSV and as a
workbook, which say the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter
from scenario import ESSMS

from transforms.lecture.archive import Limites
from transforms.lecture.modele import LectureImpossible
from transforms.lecture.ouverture import Fichier, Lecture, pieces
from transforms.profils import charger
from transforms.validation.examen import examiner
from transforms.validation.situation import Contexte

E1, CORSE = ESSMS["E1"], ESSMS["CORSE"]
PROJET = frozenset({E1, CORSE})
DOSSIERS = "finess_et|id_dossier|id_personne"
Feuilles = dict[str, list[str]]


@dataclass(frozen=True)
class Lu:
    """What a file gave: lines kept (None when it is refused), findings as (code, line), all that they say."""

    lignes: list[int] | None
    constats: list[tuple[str, int | None]]
    dits: str


def lire(dossier: Path, nom: str, profil: str | None = None) -> Lu:
    """Read and examine the only table of the file."""
    lecture = Lecture(Limites(), dossier, {}, charger(profil) if profil else None, PROJET)
    (piece,) = pieces(Fichier(nom, "", dossier / nom, "0" * 64), lecture)
    assert piece.date_extraction is not None
    sortie = dossier / "lignes.parquet"
    sortie.unlink(missing_ok=True)
    try:
        if piece.erreur is not None:
            raise piece.erreur
        assert piece.lire is not None
        contexte = Contexte("d", piece.table, piece.date_extraction, PROJET, b"cle", bal={"b@x.mssante.fr": E1})
        examen = examiner(piece.lire(), contexte, sortie)
    except LectureImpossible as erreur:
        return Lu(None, [(erreur.code, erreur.ligne)], erreur.detail)
    lignes = pl.read_parquet(sortie)["ligne"].sort().to_list() if sortie.exists() else []
    dits = " ".join(f"{c['detail']} {c['valeur'] or ''}" for c in examen.constats.to_dicts())
    constats = [(c["code"], c["ligne"]) for c in examen.constats.to_dicts()]
    return Lu(None if examen.sort.motif else lignes, constats, dits)


def en_csv(dossier: Path, table: str, rangees: list[str]) -> str:
    nom = f"{table}_2026-04-01.csv"
    texte = "\n".join(r.replace("|", ";").replace("@", E1) for r in rangees)
    (dossier / nom).write_text(texte, encoding="utf-8")
    return nom


def en_xlsx(dossier: Path, table: str, feuilles: Feuilles, cachees: tuple[str, ...] = ()) -> str:
    nom = f"{table}_2026-04-01.xlsx"
    with xlsxwriter.Workbook(dossier / nom) as classeur:
        for titre, rangees in feuilles.items():
            feuille = classeur.add_worksheet(titre)
            if titre in cachees:
                feuille.hide()
            else:
                feuille.activate()  # the first sheet, which is active, could not be hidden
            for rang, rangee in enumerate(rangees):
                for colonne, texte in enumerate(rangee.split("|")):
                    if texte:
                        feuille.write_string(rang, colonne, texte.replace("@", E1))
    return nom


def des_deux_manieres(dossier: Path, table: str, rangees: list[str], profil: str | None = None) -> Lu:
    en_texte = lire(dossier, en_csv(dossier, table, rangees), profil)
    en_classeur = lire(dossier, en_xlsx(dossier, table, {"Export": rangees}), profil)
    assert (en_texte.lignes, en_texte.constats) == (en_classeur.lignes, en_classeur.constats)
    return en_texte


D1 = "@|D1|P1"
VIDES = ["x"] * 18


@pytest.mark.parametrize(
    ("table", "rangees", "lignes", "constats"),
    [
        ("dossiers", [DOSSIERS, D1], [2], []),
        ("dossiers", ["Export du 1er avril", "", DOSSIERS, D1], [4], [("LIGNES_AVANT_ENTETE", 1)]),
        ("dossiers", ["Foyer, les Palmiers, Hélène", "Structure : @", DOSSIERS, D1], [4], [("LIGNES_AVANT_ENTETE", 1)]),
        ("dossiers", ["Statut|tous", DOSSIERS, D1], [3], [("LIGNES_AVANT_ENTETE", 1)]),
        ("dossiers", ["t", *VIDES, DOSSIERS, D1], [21], [("LIGNES_AVANT_ENTETE", 1)]),
        ("mss", ["titre", "finess_et|horodatage", "@|2026-03-01"], [3], [("LIGNES_AVANT_ENTETE", 1)]),
        (
            "dmp",
            ["titre", "finess_et|horodatage|ins|id_personne", "@|2026-03-01||P1"],
            [3],
            [("LIGNES_AVANT_ENTETE", 1)],
        ),
        # Two tables in one: a FINESS of the porteur, or two names of columns, above the header.
        ("dossiers", ["@|D9|P9", DOSSIERS, D1], None, [("DEUX_TABLEAUX", 1)]),
        ("dossiers", ["titre", "finess_et|id_dossier", "x|y", DOSSIERS, D1], None, [("DEUX_TABLEAUX", 2)]),
        ("dossiers", ["finess_et,id_dossier", DOSSIERS, D1], None, [("DEUX_TABLEAUX", 1)]),
        ("dossiers", ["@,D9,P9", DOSSIERS, D1], None, [("DEUX_TABLEAUX", 1)]),
    ],
)
def test_en_tete(
    tmp_path: Path, table: str, rangees: list[str], lignes: list[int] | None, constats: list[tuple[str, int | None]]
) -> None:
    lu = des_deux_manieres(tmp_path, table, rangees)
    assert (lu.lignes, lu.constats) == (lignes, constats)


def test_la_boite_emettrice_vaut_la_structure(tmp_path: Path) -> None:
    (tmp_path / "mss_2026-04-01.csv").write_text("titre\nbal_emettrice;horodatage\nb@x.mssante.fr;2026-03-01\n")
    lu = lire(tmp_path, "mss_2026-04-01.csv")
    assert (lu.lignes, lu.constats) == ([3], [("LIGNES_AVANT_ENTETE", 1)])


def test_au_dela_de_vingt_lignes_l_en_tete_est_la_premiere(tmp_path: Path) -> None:
    lu = des_deux_manieres(tmp_path, "dossiers", ["t", *VIDES, "x", DOSSIERS, D1])
    assert lu.lignes is None
    assert {code for code, _ in lu.constats} == {"COLONNE_MANQUANTE"}
    assert "L'en-tête a été lu à la ligne 1." in lu.dits


@pytest.mark.parametrize("numero", [E1.lower(), f"{E1}.0", E1.removeprefix("0"), f'="{E1}"', CORSE.lower()])
def test_un_finess_abime_au_dessus_de_l_en_tete_en_est_un(tmp_path: Path, numero: str) -> None:
    assert des_deux_manieres(tmp_path, "dossiers", [f"{numero}|D9|P9", DOSSIERS, D1]).constats == [("DEUX_TABLEAUX", 1)]


@pytest.mark.parametrize("separateur", [";", ",", "\t", "|"])
@pytest.mark.parametrize("titre", ["Foyer", "a,b,c,d,e", "a;b;c;d", "sans | rien, ni ; plus"])
def test_le_separateur_est_celui_qui_montre_l_en_tete(tmp_path: Path, separateur: str, titre: str) -> None:
    table = [ligne.replace("|", separateur).replace("@", E1) for ligne in (DOSSIERS, D1)]
    (tmp_path / "dossiers_2026-04-01.csv").write_text("\n".join([titre, "", *table]), encoding="utf-8")
    assert lire(tmp_path, "dossiers_2026-04-01.csv") == Lu([4], [("LIGNES_AVANT_ENTETE", 1)], lire_detail(3))


def lire_detail(ligne: int) -> str:
    return f"1 ligne au-dessus de l'en-tête, lu à la ligne {ligne}. "


def test_ligne_sep_puis_titre(tmp_path: Path) -> None:
    (tmp_path / "dossiers_2026-04-01.csv").write_text(f"sep=,\n;titre;\nfiness_et,id_dossier,id_personne\n{E1},D1,P1\n")
    assert lire(tmp_path, "dossiers_2026-04-01.csv").lignes == [4]


HORS = ("LIGNE_HORS_TABLEAU", 3)
MANQUE_FINESS = ("VALEUR_MANQUANTE", 3)
INVALIDE = ("FINESS_INVALIDE", 3)


@pytest.mark.parametrize(
    ("rangee", "constats"),
    [
        (DOSSIERS, [HORS]),
        ("---------|----------|-----------", [HORS]),
        ("-|-|-", [HORS]),
        ("(10 lignes affectées)||", [HORS]),
        ("(1 row affected)||", [HORS]),
        ("Total||", [HORS]),
        ("TOTAL : 10||", [HORS]),
        ("Sous-total|||3", [HORS]),
        ("sous total 2||", [HORS]),
        ("Nombre de lignes||", [HORS]),
        ("Somme|||", [HORS]),
        ("Fin||", [HORS]),
        ("||Total", [HORS]),  # of three required ones, all but one are empty
        ("|||Total", [HORS]),
        # Data that look like it: they are judged, and rejected when they lack what a row needs.
        ("Totalement||", [INVALIDE, MANQUE_FINESS, MANQUE_FINESS]),
        ("Finess||", [INVALIDE, MANQUE_FINESS, MANQUE_FINESS]),
        ("Total|10|", [INVALIDE, MANQUE_FINESS]),
        ("Total|10|10", [INVALIDE]),
        ("@|Total 3|P3", []),
        ("@|Fin|Total", []),
        ("@|finess_et|id_dossier", []),
        ("@|---|---", []),
        ("@|D3|", [MANQUE_FINESS]),
        ("|D3|P3", [MANQUE_FINESS]),
    ],
)
def test_lignes_qui_ne_sont_pas_des_donnees(tmp_path: Path, rangee: str, constats: list[tuple[str, int]]) -> None:
    """A row that is not data is told once, neither read nor rejected; a row of data never vanishes."""
    entete = DOSSIERS + "|libelle"
    rangees = [entete, D1, rangee if rangee != DOSSIERS else entete, "@|D4|P4"]
    lu = des_deux_manieres(tmp_path, "dossiers", rangees)
    assert [c for c in lu.constats if c[0] != "COLONNE_IGNOREE"] == sorted(constats)
    assert lu.lignes == ([2, 4] if constats else [2, 3, 4])


def test_avec_deux_colonnes_requises_toutes_doivent_etre_vides(tmp_path: Path) -> None:
    """mss needs a structure (or its mailbox) and a moment: a row that has one of them is data."""
    entete = "titre|finess_et|horodatage"
    lu = des_deux_manieres(
        tmp_path, "mss", [entete, "|@|2026-03-01", "Total||", "Total||2026-03-01", "Total|@|", *["|@|2026-03-01"] * 9]
    )
    codes = [c for c in lu.constats if c[0] != "COLONNE_IGNOREE"]
    assert codes == [("LIGNE_HORS_TABLEAU", 3), ("VALEUR_MANQUANTE", 4), ("VALEUR_MANQUANTE", 5)]


def test_selon_un_profil(tmp_path: Path) -> None:
    """The header of an editor is looked for by its own names; a header again and totals are no data there either."""
    table = charger("atrium").fichiers[0].tables[0]
    entete = [table.entete(c) for c in table.colonnes]
    donnees = {"finess_et": "@", "id_dossier": "D1", "id_personne": "P1"}
    rangee = "|".join(donnees.get(c, "") for c in table.colonnes)
    rangees = ["Export", "|".join(entete), rangee, "|".join(entete), "Total", "(1 ligne)"]
    lu = des_deux_manieres(tmp_path, table.table, rangees, "atrium")
    hors = [("LIGNE_HORS_TABLEAU", n) for n in (4, 5, 6)]
    assert (lu.lignes, lu.constats) == ([3], [("LIGNES_AVANT_ENTETE", 1), *hors])
    manque = des_deux_manieres(tmp_path, table.table, ["ET_FINESS|DOS_NUM|BEN_NUN", "@|D1|P1"], "atrium")
    assert (manque.lignes, manque.constats) == (None, [("COLONNE_MANQUANTE", None)])
    assert (
        "le plus proche : « BEN_NUN » ; " in manque.dits and "en-tête lu : ET_FINESS ; DOS_NUM ; BEN_NUN" in manque.dits
    )


@pytest.mark.parametrize(
    ("rangees", "dit"),
    [
        (
            ["finess_et|id_dosier|id_personne", D1],
            "L'en-tête a été lu à la ligne 1. le plus proche : « id_dosier » ; "
            "en-tête lu : finess_et ; id_dosier ; id_personne",
        ),
        (
            ["", "finess_et|nom|id_personne", D1],
            "L'en-tête a été lu à la ligne 2. en-tête lu : finess_et ; nom ; id_personne",
        ),
    ],
)
def test_colonne_manquante(tmp_path: Path, rangees: list[str], dit: str) -> None:
    lu = lire(tmp_path, en_csv(tmp_path, "dossiers", rangees))
    assert (lu.lignes, lu.constats, lu.dits) == (None, [("COLONNE_MANQUANTE", None)], dit)
    classeur = lire(tmp_path, en_xlsx(tmp_path, "dossiers", {"Mon export": rangees}))
    assert classeur.dits == dit.replace("en-tête lu", "feuille « Mon export », en-tête lu")


@pytest.mark.parametrize(
    "entete",
    ["finess_et,id_dossier,id_personne", "finess_et^id_dossier^id_personne", "finess_et  id_dossier id_personne"],
)
def test_toutes_les_colonnes_dans_une_cellule(tmp_path: Path, entete: str) -> None:
    lu = lire(tmp_path, en_xlsx(tmp_path, "dossiers", {"Export": [entete, "@,D1,P1"]}))
    assert {code for code, _ in lu.constats} == {"COLONNE_MANQUANTE"}
    assert "Toutes ses colonnes sont dans une seule cellule" in lu.dits
    seule = lire(tmp_path, en_xlsx(tmp_path, "dossiers", {"Export": ["finess_et", "@"]}))
    assert "une seule cellule" not in seule.dits


@pytest.mark.parametrize(
    ("feuilles", "cachees", "lignes", "constats"),
    [
        ({"Sommaire": ["Bonjour"], "Export": [DOSSIERS, D1]}, (), [2], []),
        ({"Sommaire": ["Bonjour"], "Export": ["titre", DOSSIERS, D1]}, (), [3], [("LIGNES_AVANT_ENTETE", 1)]),
        ({"Export": [DOSSIERS, D1], "Dossiers": ["titre", "", DOSSIERS, D1]}, (), [4], [("LIGNES_AVANT_ENTETE", 1)]),
        ({"Export": [DOSSIERS, D1], "Suite": [DOSSIERS, "@|D2|P2"]}, (), [2], [("FEUILLE_EN_PLUS", None)]),
        ({"Valeurs": [DOSSIERS, "@|D9|P9"], "Export": [DOSSIERS, D1, "@|D2|P2"]}, ("Valeurs",), [2, 3], []),
        ({"Accueil": ["Bonjour"], "Valeurs": [DOSSIERS, D1]}, ("Valeurs",), [2], []),
    ],
)
def test_la_feuille_qui_a_l_en_tete(
    tmp_path: Path,
    feuilles: Feuilles,
    cachees: tuple[str, ...],
    lignes: list[int],
    constats: list[tuple[str, int | None]],
) -> None:
    lu = lire(tmp_path, en_xlsx(tmp_path, "dossiers", feuilles, cachees))
    assert (lu.lignes, lu.constats) == (lignes, constats)


def test_classeur_duimetre(tmp_path: Path) -> None:
    """Each sheet of it has its own header and its own rows that are no data."""
    nom = en_xlsx(tmp_path, "duimetre", {"dossiers": ["Titre", DOSSIERS, D1, "Total|||1"]})
    lu = lire(tmp_path, nom)
    assert (lu.lignes, lu.constats) == ([3], [("LIGNES_AVANT_ENTETE", 1), ("LIGNE_HORS_TABLEAU", 4)])


def test_parquet(tmp_path: Path) -> None:
    """A parquet file has real columns; a row of totals is no data there either."""
    nom = "dossiers_2026-04-01.parquet"
    cadre = pl.DataFrame(
        {"finess_et": [E1, None, "Total"], "id_dossier": ["D1", "D2", None], "id_personne": ["P1", "P2", None]}
    )
    cadre.write_parquet(tmp_path / nom)
    lu = lire(tmp_path, nom)
    assert (lu.lignes, lu.constats) == ([2], [("VALEUR_MANQUANTE", 3), ("LIGNE_HORS_TABLEAU", 4)])


def fusionner(dossier: Path, plages: list[str], rangees: list[str]) -> Lu:
    nom = "sejours_2026-04-01.xlsx"
    with xlsxwriter.Workbook(dossier / nom) as classeur:
        feuille = classeur.add_worksheet("sejours")
        for plage in plages:
            feuille.merge_range(plage, "")
        for rang, rangee in enumerate(rangees):
            for colonne, texte in enumerate(rangee.split("|")):
                if texte:
                    feuille.write_string(rang, colonne, texte.replace("@", E1))
    return lire(dossier, nom)


SEJOURS = ["finess_et|id_dossier|date_entree|date_sortie|libelle", *(f"@|D{n}|2025-01-0{n}||l" for n in range(1, 9))]


@pytest.mark.parametrize(
    ("plages", "rangees", "lignes", "constats"),
    [
        # The value of a required column is missing: its row is rejected, and told why.
        (["A2:A3"], [*SEJOURS[:2], "|D2|2025-01-02||l", *SEJOURS[3:]], [2, *range(4, 10)], [("VALEUR_MANQUANTE", 3)]),
        # Nobody knows whether the exit stood there.
        (["D2:D4"], SEJOURS, None, [("CELLULES_FUSIONNEES", 3)]),
        (["C5:D5"], SEJOURS, None, [("CELLULES_FUSIONNEES", 5)]),
        # A title, a header, a column that is not read, a total, cells under the table.
        (["A1:D1"], ["Titre", *SEJOURS], [*range(3, 11)], [("LIGNES_AVANT_ENTETE", 1)]),
        (["E2:E5", "E6:F6"], SEJOURS, [*range(2, 10)], []),
        (["A10:D10"], [*SEJOURS, "Total||||8"], [*range(2, 10)], [("LIGNE_HORS_TABLEAU", 10)]),
        (["A12:D14"], SEJOURS, [*range(2, 10)], []),
    ],
)
def test_cellules_fusionnees(
    tmp_path: Path,
    plages: list[str],
    rangees: list[str],
    lignes: list[int] | None,
    constats: list[tuple[str, int | None]],
) -> None:
    lu = fusionner(tmp_path, plages, rangees)
    assert [c for c in lu.constats if c[0] != "COLONNE_IGNOREE"] == constats
    assert lu.lignes == lignes
    assert ("VALEUR_MANQUANTE" in dict(constats)) == ("fusionnées (A2:A3)" in lu.dits)


@pytest.mark.parametrize(
    ("cellule", "constats"),
    [
        ((1, 3), [("FORMULE_SANS_VALEUR", 2)]),
        ((5, 0), [("FORMULE_SANS_VALEUR", 6)]),
        ((30, 1), [("FORMULE_SANS_VALEUR", 31)]),
        ((3, 4), []),
    ],
)
def test_formule_sans_valeur(tmp_path: Path, cellule: tuple[int, int], constats: list[tuple[str, int | None]]) -> None:
    """What a formula gives is not in the file when no spreadsheet has computed it: it is not an empty cell."""
    openpyxl = pytest.importorskip("openpyxl")
    classeur = openpyxl.Workbook()
    for rangee in SEJOURS:
        classeur.active.append([c.replace("@", E1) for c in rangee.split("|")])
    classeur.active.cell(cellule[0] + 1, cellule[1] + 1).value = "=A1"
    classeur.save(tmp_path / "sejours_2026-04-01.xlsx")
    lu = lire(tmp_path, "sejours_2026-04-01.xlsx")
    assert [c for c in lu.constats if c[0] == "FORMULE_SANS_VALEUR"] == constats
    assert (lu.lignes is None) == bool(constats)


def guillemets(dossier: Path, *rangees: str) -> Lu:
    nom = "mises_a_jour_2026-04-01.csv"
    lignes = ["finess_et;id_dossier;horodatage;commentaire", f"{E1};D0;2026-02-10;rien"]
    lignes += [r.replace("@", E1).replace("%", "2A0000002") for r in rangees]
    (dossier / nom).write_text("\n".join(lignes), encoding="utf-8")
    return lire(dossier, nom)


@pytest.mark.parametrize(
    "rangees",
    [
        ('@;D1;2026-02-11;"suite', "@;D2;2026-02-12;rien", '@;D3;2026-02-13;fin"'),
        ('@;D1;2026-02-11;"suite', '@;D2;2026-02-12;fin"'),
        ('@;D1;2026-02-11;"suite', '@;D2";2026-02-12;rien'),
        ('@;"D1;2026-02-11;suite', '@;D2";2026-02-12;rien'),
        ('@;D1;2026-02-11;"suite', f'{E1.removeprefix("0")};D2;2026-02-12;fin"'),
        ('@;D1;2026-02-11;"suite', "%;D2;2026-02-12;rien", "%;D3;2026-02-12;a", "%;D4;2026-02-12;b", 'x"'),
    ],
)
def test_un_guillemet_isole_n_avale_pas_de_lignes(tmp_path: Path, rangees: tuple[str, ...]) -> None:
    assert guillemets(tmp_path, *rangees).constats == [("COLONNE_IGNOREE", None), ("GUILLEMET_OUVERT", 3)]


@pytest.mark.parametrize(
    "commentaire",
    ['"deux\nlignes"', '"un ; deux\ntrois ; quatre ; cinq ; six"', f'"voir\n{E1}\nfin"', '"a\n\n\n\n\nb"'],
)
def test_un_saut_de_ligne_entre_guillemets_passe(tmp_path: Path, commentaire: str) -> None:
    lu = guillemets(tmp_path, f"@;D1;2026-02-11;{commentaire}", "@;D2;2026-02-12;rien")
    assert [c for c in lu.constats if c[0] != "COLONNE_IGNOREE"] == []
    assert lu.lignes == [2, 3, 3 + commentaire.count("\n") + 1]
