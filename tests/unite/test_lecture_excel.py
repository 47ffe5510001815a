"""Reading workbooks cell by cell (specification §4)."""

from __future__ import annotations

import tempfile
import tracemalloc
import zipfile
from collections.abc import Callable
from datetime import date, datetime, time
from pathlib import Path

import openpyxl
import polars as pl
import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.lecture import excel
from transforms.lecture.excel import FeuilleExcel, LimitesClasseur, feuilles, lire_feuille
from transforms.lecture.modele import LectureImpossible

NS = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
NS_R = 'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
REL = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PAQUET = 'xmlns="http://schemas.openxmlformats.org/package/2006/relationships"'


def rangees(chemin: Path, nom: str = "Feuil1") -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    """Headers, and rows as (cells…, ligne, surplus)."""
    feuille = lire_feuille(chemin, nom)
    assert feuille.nom == nom
    attendu = {f"c{i}": pl.String for i in range(len(feuille.entetes))} | {"ligne": pl.UInt32, "surplus": pl.Boolean}
    lignes: list[tuple[object, ...]] = []
    for lot in feuille.lots:
        assert dict(lot.select(pl.exclude("^native_.*$")).schema) == attendu
        lignes.extend(lot.select(list(attendu)).rows())
    return feuille.entetes, lignes


def refus(chemin: Path, nom: str = "Feuil1", limites: LimitesClasseur = excel.LIMITES) -> LectureImpossible:
    with pytest.raises(LectureImpossible) as erreur:
        list(lire_feuille(chemin, nom, limites=limites).lots)
    return erreur.value


@pytest.fixture
def ecrire(tmp_path: Path) -> Callable[..., Path]:
    """Write a workbook with one function that fills its first sheet."""

    def ecrire(remplir: Callable[..., None], **options: object) -> Path:
        chemin = tmp_path / "classeur.xlsx"
        with xlsxwriter.Workbook(chemin, options) as classeur:
            remplir(classeur.add_worksheet("Feuil1"), classeur)
        return chemin

    return ecrire


@pytest.fixture
def composer(tmp_path: Path) -> Callable[..., Path]:
    """Write a workbook from the XML of its sheet, as other software or a forger would."""

    def composer(donnees: str, *, avant: str = "", **parties: str) -> Path:
        chemin = tmp_path / "compose.xlsx"
        contenu = {
            "_rels/.rels": f'<Relationships {PAQUET}><Relationship Id="rId1" Type="{REL}/officeDocument" '
            'Target="xl/workbook.xml"/></Relationships>',
            "xl/workbook.xml": f'<workbook {NS} {NS_R}><sheets><sheet name="Feuil1" sheetId="1" r:id="rId1"/></sheets>'
            "</workbook>",
            "xl/_rels/workbook.xml.rels": f'<Relationships {PAQUET}><Relationship Id="rId1" Type="{REL}/worksheet" '
            f'Target="/xl/worksheets/sheet1.xml"/><Relationship Id="rId2" Type="{REL}/sharedStrings" '
            f'Target="sharedStrings.xml"/><Relationship Id="rId3" Type="{REL}/styles" Target="styles.xml"/>'
            "</Relationships>",
            "xl/worksheets/sheet1.xml": f"<worksheet {NS}>{avant}<sheetData>{donnees}</sheetData></worksheet>",
            **{nom.replace("__", "/") + ".xml": texte for nom, texte in parties.items()},
        }
        with zipfile.ZipFile(chemin, "w", zipfile.ZIP_DEFLATED) as archive:
            for nom, texte in contenu.items():
                archive.writestr(nom, texte)
        return chemin

    return composer


# ---- sheets


def test_feuilles_dans_l_ordre_cachees_comprises(tmp_path: Path) -> None:
    chemin = tmp_path / "classeur.xlsx"
    with xlsxwriter.Workbook(chemin) as classeur:
        classeur.add_worksheet("dossiers & séjours").write_row(0, 0, ["a"])
        classeur.add_worksheet("cachée").hide()
        classeur.add_worksheet("très cachée").very_hidden()
        graphique = classeur.add_chart({"type": "column"})
        graphique.add_series({"values": "='dossiers & séjours'!$A$1:$A$2"})
        classeur.add_chartsheet("graphique").set_chart(graphique)
    assert feuilles(chemin) == [
        FeuilleExcel("dossiers & séjours", True),
        FeuilleExcel("cachée", False),
        FeuilleExcel("très cachée", False),
    ]
    assert lire_feuille(chemin, "dossiers & séjours").entetes == ("a",)
    assert refus(chemin, "cachée").code == "FICHIER_VIDE"
    assert refus(chemin, "absente").code == "FICHIER_ILLISIBLE"


def test_un_nom_avec_des_caracteres_de_motif(tmp_path: Path) -> None:
    chemin = tmp_path / "dossiers_[2026]*.xlsx"
    with xlsxwriter.Workbook(chemin) as classeur:
        classeur.add_worksheet("Feuil1").write_row(0, 0, ["a"])
    assert rangees(chemin) == (("a",), [])


# ---- rows


def test_numeros_de_ligne_d_excel(ecrire: Callable[..., Path]) -> None:
    def remplir(feuille: xlsxwriter.worksheet.Worksheet, classeur: xlsxwriter.Workbook) -> None:
        feuille.write_blank(0, 0, None, classeur.add_format({"bold": True}))
        feuille.write_row(1, 0, [" ", ""])
        feuille.write_row(3, 1, ["finess_et", "id_dossier"])
        feuille.write_row(4, 1, ["010000123", "D1"])
        feuille.write_row(7, 1, ["010000123", "D2", None, "à vérifier"])
        feuille.write_row(8, 2, ["D3", " "])

    assert rangees(ecrire(remplir)) == (
        ("", "finess_et", "id_dossier"),
        [
            (None, "010000123", "D1", 5, False),
            (None, "010000123", "D2", 8, True),
            (None, None, "D3", 9, False),
        ],
    )


def test_en_tete_seul_ne_donne_aucun_lot(ecrire: Callable[..., Path]) -> None:
    chemin = ecrire(lambda feuille, _: feuille.write_row(0, 0, ["a", "b"]))
    assert rangees(chemin) == (("a", "b"), [])


def test_taille_des_lots(ecrire: Callable[..., Path]) -> None:
    chemin = ecrire(lambda feuille, _: feuille.write_column(0, 0, ["a", *range(25)]))
    assert [len(lot) for lot in lire_feuille(chemin, "Feuil1", taille_lot=10).lots] == [10, 10, 5]


def test_cellules_fusionnees(ecrire: Callable[..., Path]) -> None:
    def remplir(feuille: xlsxwriter.worksheet.Worksheet, classeur: xlsxwriter.Workbook) -> None:
        feuille.write_row(0, 0, ["a", "b", "c"])
        feuille.merge_range(1, 0, 2, 1, "fusion", classeur.add_format())
        feuille.write(1, 2, "x")
        feuille.write(2, 2, "y")

    assert rangees(ecrire(remplir))[1] == [("fusion", None, "x", 2, False), (None, None, "y", 3, False)]


# ---- cells


@pytest.mark.parametrize(
    ("valeur", "format_", "attendu"),
    [
        (12.0, None, "12"),
        (-3, None, "-3"),
        (123456789012345, None, "123456789012345"),
        (999999999999999.0, None, "999999999999999"),
        (0.1, None, "0.1"),
        (1.5e-7, None, "1.5E-07"),
        (1e20, None, "1E+20"),
        (-0.0, None, "0"),
        (10000123, "000000000", "010000123"),
        (42, "00000;@", "00042"),
        (10000123, "0", "10000123"),
        (0.5, "0%", "0.5"),
        (46113, "#,##0.00\\ [$€-40C]", "46113"),
        (46113, '0" jours"', "46113"),
        (46113, "[Red]0_d;General", "46113"),
        (46113, "Standard", "46113"),
        (46113, "General;@", "46113"),
        (46113, "Standard;Standard", "46113"),
        (46113, "# ##0_ ;[Rouge]-# ##0 ", "46113"),
        (46113, "# ##0 jours", "46113"),
        (46113, "jj/mm/aaaa", "2026-04-01"),
        (46113, "jj", "2026-04-01"),
        (46113, "TT.MM.JJJJ", "2026-04-01"),
        (46113.5, "yyyy-mm-dd hh:mm:ss.000", "2026-04-01 12:00:00"),
        (1.58e18, None, "1.58E+18"),
        (46113, "dd/mm/yyyy", "2026-04-01"),
        (46113, "[$-40C]d mmmm yyyy;@", "2026-04-01"),
        (46113.354166666664, "dd/mm/yyyy hh:mm", "2026-04-01 08:30:00"),
        (46113.354166666664, "dd/mm/yyyy", "2026-04-01 08:30:00"),
        (46113 + 30599.9995 / 86400, "dd/mm/yyyy hh:mm:ss", "2026-04-01 08:30:00"),
        (46113 + 86399.9995 / 86400, "dd/mm/yyyy hh:mm:ss", "2026-04-02"),
        (46113 + 86399.7 / 86400, "dd/mm/yyyy hh:mm:ss", "2026-04-01 23:59:59"),
        (1, "dd/mm/yyyy", "1900-01-01"),
        (59, "dd/mm/yyyy", "1900-02-28"),
        (61, "dd/mm/yyyy", "1900-03-01"),
        (2958465, "dd/mm/yyyy", "9999-12-31"),
        (2958466, "dd/mm/yyyy", "2958466"),
        (-1, "dd/mm/yyyy", "-1"),
        (0.3958333333333333, "hh:mm", "09:30:00"),
        (0.9999999999, "hh:mm:ss", "00:00:00"),
        (0, "dd/mm/yyyy", "00:00:00"),
        (1.5, "[h]:mm:ss", "36:00:00"),
        (0.0034722222222222, "[mm]:ss", "00:05:00"),
        (-0.5, "[h]:mm", "-0.5"),
        (True, None, "VRAI"),
        (False, None, "FAUX"),
        ("010000123", None, "010000123"),
        ("  x ", None, "  x "),
        ("ligne 1\nligne 2", None, "ligne 1\nligne 2"),
        ("l'été & <œuf> €", None, "l'été & <œuf> €"),
        ("_x0041_", None, "_x0041_"),
        ("a\x07b", None, "a\x07b"),
    ],
)
def test_texte_d_une_cellule(ecrire: Callable[..., Path], valeur: object, format_: str | None, attendu: str) -> None:
    def remplir(feuille: xlsxwriter.worksheet.Worksheet, classeur: xlsxwriter.Workbook) -> None:
        feuille.write(0, 0, "a")
        style = classeur.add_format({"num_format": format_}) if format_ else None
        if isinstance(valeur, str):
            feuille.write_string(1, 0, valeur, style)
        else:
            feuille.write(1, 0, valeur, style)

    assert rangees(ecrire(remplir))[1] == [(attendu, 2, False)]


@pytest.mark.parametrize(
    ("numero", "attendu"), [(14, "2026-04-01"), (22, "2026-04-01"), (46, "1106712:00:00"), (4, "46113")]
)
def test_formats_integres(ecrire: Callable[..., Path], numero: int, attendu: str) -> None:
    def remplir(feuille: xlsxwriter.worksheet.Worksheet, classeur: xlsxwriter.Workbook) -> None:
        feuille.write(0, 0, "a")
        feuille.write(1, 0, 46113, classeur.add_format({"num_format": numero}))

    assert rangees(ecrire(remplir))[1] == [(attendu, 2, False)]


def test_formules_erreurs_et_texte_enrichi(ecrire: Callable[..., Path]) -> None:
    def remplir(feuille: xlsxwriter.worksheet.Worksheet, classeur: xlsxwriter.Workbook) -> None:
        feuille.write_row(0, 0, ["a", "b", "c", "d", "e", "f"])
        feuille.write_formula(1, 0, "=1+1", None, 2)
        feuille.write_formula(1, 1, '="D"&1', None, "D1")
        feuille.write_formula(1, 2, "=NA()", None, "#N/A")
        feuille.write_formula(1, 3, "=1=1", None, True)
        feuille.write_rich_string(1, 4, "ab", classeur.add_format({"bold": True}), "cd", "ef")
        feuille.write_formula(1, 5, '=""', None, "")

    assert rangees(ecrire(remplir))[1] == [("2", "D1", "#N/A", "VRAI", "abcdef", None, 2, False)]


def test_systeme_1904(ecrire: Callable[..., Path]) -> None:
    def remplir(feuille: xlsxwriter.worksheet.Worksheet, classeur: xlsxwriter.Workbook) -> None:
        feuille.write(0, 0, "a")
        style = classeur.add_format({"num_format": "dd/mm/yyyy hh:mm"})
        feuille.write_datetime(1, 0, datetime(2026, 4, 1, 8, 30), style)
        feuille.write_number(2, 0, 1, style)
        feuille.write_number(3, 0, 2957003, style)
        feuille.write_number(4, 0, 2957004, style)

    assert rangees(ecrire(remplir, date_1904=True))[1] == [
        ("2026-04-01 08:30:00", 2, False),
        ("1904-01-02", 3, False),
        ("9999-12-31", 4, False),
        ("2957004", 5, False),
    ]


def test_ecritures_d_autres_logiciels(composer: Callable[..., Path]) -> None:
    """No references, inline texts, ISO dates, CDATA, comments, phonetic texts, new errors, an unknown style."""
    chemin = composer(
        '<row><c t="inlineStr"><is><t>a</t></is></c><c t="s"><v>1</v></c></row><row/>'
        '<row><c t="d"><v>2026-04-01</v></c><c t="e"><v>#SPILL!</v></c></row>'
        '<row r="7"><c t="str"><v><![CDATA[x&]]>y<!-- non -->z</v></c><c s="99"><v> 12.0 </v></c></row>'
        '<row><c r="A9" t="inlineStr"><is><r><t>é</t></r><r><t xml:space="preserve"> &#233;</t></r>'
        '<rPh sb="0" eb="1"><t>KANA</t></rPh></is></c><c><f>A1</f></c></row>'
        '<row r="12"><c r="B12" t="b"><v>1</v></c><c r="A12"><v>1E+2</v></c><c r="C12"><v/></c></row>',
        xl__sharedStrings=f'<sst {NS} uniqueCount="4294967295"><si/><si><t>b</t><rPh><t>KANA</t></rPh></si></sst>',
    )
    assert rangees(chemin) == (
        ("a", "b"),
        [
            ("2026-04-01", "#SPILL!", 3, False),
            ("x&yz", "12", 7, False),
            ("é é", None, 9, False),
            ("100", "VRAI", 12, False),
        ],
    )


@pytest.mark.parametrize(
    ("instant", "attendu"),
    [
        ("2026-04-01", "2026-04-01"),
        ("2026-04-01T00:00:00", "2026-04-01"),
        ("2026-04-01T00:00:00.000Z", "2026-04-01"),
        ("2026-04-01T08:30", "2026-04-01 08:30:00"),
        ("2026-04-01T08:30:15.250", "2026-04-01 08:30:15"),
        ("T08:30", "T08:30"),
    ],
)
def test_dates_iso_d_ooxml_strict(composer: Callable[..., Path], instant: str, attendu: str) -> None:
    donnees = f'<row><c t="inlineStr"><is><t>a</t></is></c></row><row><c t="d"><v>{instant}</v></c></row>'
    assert rangees(composer(donnees))[1] == [(attendu, 2, False)]


def test_fusions_sans_nombre(composer: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(excel, "FUSIONS_MAX", 2)
    fusion = "</sheetData><mergeCells>" + '<mergeCell ref="A1:A2"/>' * 3 + "</mergeCells><sheetData>"
    chemin = composer(f'<row><c t="inlineStr"><is><t>a</t></is></c></row>{fusion}')
    assert refus(chemin).code == "CLASSEUR_DEMESURE"


def test_prefixe_devant_chaque_balise(composer: Callable[..., Path]) -> None:
    espace = NS.replace("xmlns", "xmlns:x")
    chemin = composer(
        "",
        xl__workbook=f'<x:workbook {espace} {NS_R}><x:sheets><x:sheet name="Feuil1" sheetId="1" r:id="rId1"/></x:sheets>'
        "</x:workbook>",
        xl__worksheets__sheet1=f'<x:worksheet {espace}><x:sheetData><x:row r="2"><x:c r="A2" t="s"><x:v>0</x:v></x:c>'
        '</x:row><x:row r="3"><x:c r="A3"><x:v>5</x:v></x:c></x:row></x:sheetData></x:worksheet>',
        xl__sharedStrings=f"<x:sst {espace}><x:si><x:t>a</x:t></x:si></x:sst>",
    )
    assert rangees(chemin) == (("a",), [("5", 3, False)])


# ---- any table

cellules = st.one_of(
    st.none(),
    st.text("aZ0é€<&\"'\u2028漢🙂; \n", min_size=1, max_size=5),
    st.integers(-(10**14), 10**14),
    st.integers(-(10**9), 10**9).map(lambda n: n / 1024),
    st.booleans(),
    st.dates(date(1904, 1, 2)),
    st.datetimes(datetime(1904, 1, 2), datetime(9999, 12, 31)).map(lambda d: d.replace(microsecond=0)),
    st.times().map(lambda t: t.replace(microsecond=0)),
)


def texte_attendu(valeur: object) -> str | None:
    if isinstance(valeur, bool):
        return "VRAI" if valeur else "FAUX"
    if isinstance(valeur, float):
        return str(int(valeur)) if valeur == int(valeur) else str(valeur)
    return str(valeur).removesuffix(" 00:00:00") if valeur is not None else None


def ecrire_xlsxwriter(chemin: Path, lignes: list[tuple[object, ...]], **options: bool) -> None:
    with xlsxwriter.Workbook(chemin, options) as classeur:
        feuille = classeur.add_worksheet("Feuil1")
        for rang, ligne in enumerate(lignes):
            for colonne, valeur in enumerate(ligne):
                if isinstance(valeur, str):
                    feuille.write_string(rang, colonne, valeur)
                elif isinstance(valeur, date | time):
                    format_ = "hh:mm:ss" if isinstance(valeur, time) else "dd/mm/yyyy hh:mm:ss"
                    feuille.write_datetime(rang, colonne, valeur, classeur.add_format({"num_format": format_}))
                else:
                    feuille.write(rang, colonne, valeur)


def ecrire_openpyxl(chemin: Path, lignes: list[tuple[object, ...]], **_options: bool) -> None:
    classeur = openpyxl.Workbook()
    feuille = classeur.worksheets[0]
    feuille.title = "Feuil1"
    for ligne in lignes:
        feuille.append(ligne)
    classeur.save(chemin)


@settings(max_examples=120, deadline=None)
@given(
    st.lists(st.tuples(cellules, cellules, cellules), max_size=6),
    st.sampled_from([ecrire_xlsxwriter, ecrire_openpyxl]),
    st.fixed_dictionaries({"constant_memory": st.booleans(), "date_1904": st.booleans()}),
)
def test_toute_table_est_relue_a_l_identique(
    lignes: list[tuple[object, ...]], ecrire: Callable[..., None], options: dict[str, bool]
) -> None:
    with tempfile.TemporaryDirectory() as dossier:
        chemin = Path(dossier) / "c.xlsx"
        ecrire(chemin, [("a", "b", "c"), *lignes], **options)
        lues = rangees(chemin)[1]
    attendues = [
        (*map(texte_attendu, ligne), numero, False)
        for numero, ligne in enumerate(lignes, 2)
        if any(valeur is not None for valeur in ligne)
    ]
    assert lues == attendues


# ---- what cannot be read


@pytest.mark.parametrize(
    ("contenu", "code", "detail"),
    [
        (b"", "FICHIER_VIDE", ""),
        (b"finess_et;id_dossier\n010000123;D1\n", "CONTENU_INATTENDU", "CSV"),
        ("finess_et;libellé\n".encode("utf-16"), "CONTENU_INATTENDU", "CSV"),
        (b"<html><table><tr><td>a</td></tr></table></html>", "CONTENU_INATTENDU", "page HTML"),
        (b"%PDF-1.7\n", "CONTENU_INATTENDU", "PDF"),
        (excel._OLE + b"\0" * 512 + "Workbook".encode("utf-16-le"), "CONTENU_INATTENDU", ".xls"),
        (excel._OLE + b"\0" * 262_130 + "EncryptedPackage".encode("utf-16-le"), "CLASSEUR_CHIFFRE", "mot de passe"),
        (b"\x01\x02\x03\x04\xff", "FICHIER_ILLISIBLE", ""),
        (b"PK\x03\x04 rien de plus", "FICHIER_ILLISIBLE", "tronqué"),
    ],
)
def test_ce_n_est_pas_un_classeur(tmp_path: Path, contenu: bytes, code: str, detail: str) -> None:
    chemin = tmp_path / "c.xlsx"
    chemin.write_bytes(contenu)
    with pytest.raises(LectureImpossible) as erreur:
        feuilles(chemin)
    assert erreur.value.code == code
    assert detail.casefold() in erreur.value.detail.casefold()


@pytest.mark.parametrize(
    ("membre", "detail"),
    [("dossiers.csv", ".zip"), ("content.xml", ".ods"), ("xl/workbook.bin", ".xlsb"), ("word/document.xml", "Word")],
)
def test_autre_archive(tmp_path: Path, membre: str, detail: str) -> None:
    chemin = tmp_path / "c.xlsx"
    with zipfile.ZipFile(chemin, "w") as archive:
        archive.writestr(membre, "x")
    erreur = refus(chemin)
    assert erreur.code == "CONTENU_INATTENDU"
    assert detail.casefold() in erreur.detail.casefold()


def test_classeur_tronque_ou_abime(ecrire: Callable[..., Path]) -> None:
    chemin = ecrire(lambda feuille, _: feuille.write_column(0, 0, ["a", *map(str, range(3000))]))
    octets = chemin.read_bytes()
    milieu = octets.index(b"xl/worksheets/sheet1.xml") + 200
    for abime in (octets[:-30], octets[: len(octets) // 2], octets[:milieu] + b"\xff" * 20 + octets[milieu + 20 :]):
        chemin.write_bytes(abime)
        assert refus(chemin).code == "FICHIER_ILLISIBLE"


@pytest.mark.parametrize(
    "donnees",
    [
        '<row r="1"><c r="A1"><v>1</v></c>',
        '<row r="1"><c r="A1" t="s"><v>7</v></c></row>',
        '<row r="5"><c r="A5"><v>1</v></c></row><row r="2"><c r="A2"><v>2</v></c></row>',
        '<row r="1"><c r="1A"><v>1</v></c></row>',
        '<row r="un"><c r="A1"><v>1</v></c></row>',
    ],
)
def test_xml_invalide(composer: Callable[..., Path], donnees: str) -> None:
    assert refus(composer(donnees)).code == "FICHIER_ILLISIBLE"


@pytest.mark.parametrize("partie", ["xl__worksheets__sheet1", "xl__sharedStrings", "xl__styles", "xl__workbook"])
def test_entites_refusees(composer: Callable[..., Path], partie: str) -> None:
    entites = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><x>&b;</x>'
    chemin = composer('<row r="1"><c r="A1"><v>1</v></c></row>', **{partie: entites})
    erreur = refus(chemin)
    assert erreur.code == "FICHIER_ILLISIBLE"
    assert "DOCTYPE" in erreur.detail


UNE_CELLULE = '<row r="1"><c r="A1" t="str"><v>a</v></c></row>'


@pytest.mark.parametrize(
    "donnees",
    [
        pytest.param(UNE_CELLULE + '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>', id="far corner"),
        pytest.param(UNE_CELLULE + '<row r="1048576"><c r="AAA1048576"><v>1</v></c></row>', id="too many cells"),
        pytest.param(UNE_CELLULE + '<row r="2"><c r="BZZ2"><v>1</v></c></row>', id="too many columns"),
        pytest.param(UNE_CELLULE + '<row r="99999999999"><c><v>1</v></c></row>', id="too many rows"),
        pytest.param("<row>" + "<c><v>1</v></c>" * 2001 + "</row>", id="columns without references"),
        pytest.param(f'<row><c t="str"><v>{"y" * 200_000}</v></c></row>', id="long text"),
        pytest.param(f'<row><c t="{"y" * (9 << 20)}"/></row>', id="long attribute"),
    ],
)
def test_classeur_demesure(composer: Callable[..., Path], donnees: str) -> None:
    chemin = composer(donnees)
    limites = LimitesClasseur(ratio=100_000)
    tracemalloc.start()
    try:
        assert refus(chemin, limites=limites).code == "CLASSEUR_DEMESURE"
        assert tracemalloc.get_traced_memory()[1] < 40 << 20
    finally:
        tracemalloc.stop()


def test_cellules_vides_mises_en_forme_au_bout_du_monde(composer: Callable[..., Path]) -> None:
    """Whole columns or rows formatted by hand are common and hold nothing."""
    chemin = composer(
        UNE_CELLULE
        + '<row r="2"><c r="A2"><v>5</v></c><c r="XFD2" s="0"/></row><row r="1048576"><c r="XFD1048576"/></row>',
        avant='<dimension ref="A1:XFD1048576"/>',
    )
    assert rangees(chemin) == (("a",), [("5", 2, False)])


def test_derniere_ligne_d_excel(composer: Callable[..., Path]) -> None:
    chemin = composer(UNE_CELLULE + '<row r="1048576"><c r="A1048576"><v>5</v></c></row>')
    assert rangees(chemin) == (("a",), [("5", 1_048_576, False)])


def test_taille_et_ratio_annonces(composer: Callable[..., Path]) -> None:
    chemin = composer(UNE_CELLULE + "<row/>" * 2_000_000)
    assert refus(chemin).code == "CLASSEUR_DEMESURE"
    assert refus(chemin, limites=LimitesClasseur(octets=1 << 20, ratio=1e6)).code == "CLASSEUR_DEMESURE"
    assert list(lire_feuille(composer(UNE_CELLULE + " " * (9 << 20)), "Feuil1").lots) == []


def test_trop_de_textes(composer: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(excel, "TEXTES_MAX", 100)
    chemin = composer(UNE_CELLULE, xl__sharedStrings=f"<sst {NS}>{'<si/>' * 101}</sst>")
    assert refus(chemin).code == "CLASSEUR_DEMESURE"


def test_lots_bornes_meme_si_un_long_texte_est_partage(composer: Callable[..., Path]) -> None:
    """2 000 rows share one text of 100 000 characters: 200 MB once copied."""
    lignes = "".join(f'<row r="{n}"><c r="A{n}" t="s"><v>0</v></c></row>' for n in range(1, 2_002))
    chemin = composer(lignes, xl__sharedStrings=f"<sst {NS}><si><t>{'x' * 100_000}</t></si></sst>")
    tailles = [len(lot) for lot in lire_feuille(chemin, "Feuil1").lots]
    assert tailles == [168] * 11 + [152]


def test_membres_chiffres(ecrire: Callable[..., Path]) -> None:
    chemin = ecrire(lambda feuille, _: feuille.write(0, 0, "a"))
    octets = bytearray(chemin.read_bytes())
    octets[octets.index(b"PK\x01\x02") + 8] |= 1
    chemin.write_bytes(octets)
    assert refus(chemin).code == "CLASSEUR_CHIFFRE"


def test_fichier_absent(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        feuilles(tmp_path / "absent.xlsx")
