"""Reading CSV files as they come (specification §4)."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
from itertools import chain
from typing import BinaryIO, cast

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.lecture import csv as lecture_csv
from transforms.lecture.csv import (
    CHAMP_MAX_CARACTERES,
    COLONNES_MAX,
    LIGNE_MAX_OCTETS,
    lire_csv,
    lire_csv_gz,
    reconnaitre,
)
from transforms.lecture.modele import Feuille, LectureImpossible

EN_TETE = "finess_et;id_dossier;horodatage"


def lire(octets: bytes, taille_lot: int = 100_000) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    """Headers, and rows as (cells…, ligne, surplus)."""
    feuille = lire_csv(io.BytesIO(octets), taille_lot=taille_lot)
    return feuille.entetes, rangees(feuille)


def rangees(feuille: Feuille) -> list[tuple[object, ...]]:
    attendu = {f"c{i}": pl.String for i in range(len(feuille.entetes))} | {"ligne": pl.UInt32, "surplus": pl.Boolean}
    resultat: list[tuple[object, ...]] = []
    for lot in feuille.lots:
        assert dict(lot.schema) == attendu
        resultat.extend(lot.rows())
    return resultat


def refus(octets: bytes) -> LectureImpossible:
    with pytest.raises(LectureImpossible) as erreur:
        lire(octets)
    return erreur.value


# ---- separators


@pytest.mark.parametrize("separateur", [";", ",", "\t", "|"])
def test_separateur_reconnu(separateur: str) -> None:
    texte = separateur.join("abc") + "\n" + separateur.join("123") + "\n"
    assert lire(texte.encode()) == (("a", "b", "c"), [("1", "2", "3", 2, False)])


def test_separateur_entre_guillemets_ne_compte_pas() -> None:
    octets = b'"nom, prenom, usage";finess\n"DUPONT, Jeanne";010000123\n'
    assert lire(octets) == (("nom, prenom, usage", "finess"), [("DUPONT, Jeanne", "010000123", 2, False)])


def test_separateur_departage_par_les_donnees() -> None:
    """An unquoted comma in a header does not make it a comma file."""
    octets = b"nom, prenom, usage;finess\nDUPONT;010000123\nDURAND;010000123\n"
    assert lire(octets)[0] == ("nom, prenom, usage", "finess")


def test_separateur_virgule_partout_et_cellules_finales_absentes() -> None:
    octets = b"nom, prenom;finess;date\nDUPONT, A;010000123\nDURAND, B;010000123;2026-01-01\n"
    assert lire(octets) == (
        ("nom, prenom", "finess", "date"),
        [("DUPONT, A", "010000123", None, 2, False), ("DURAND, B", "010000123", "2026-01-01", 3, False)],
    )


def test_virgule_decimale() -> None:
    assert lire(b"a;b\n1,5;2,5\n")[1] == [("1,5", "2,5", 2, False)]


def test_une_seule_colonne() -> None:
    assert lire(b"finess_et\n010000123\n2A0000014\n") == (
        ("finess_et",),
        [("010000123", 2, False), ("2A0000014", 3, False)],
    )


@pytest.mark.parametrize("declaration", ["sep=,", "SEP=,", '"sep=,"'])
def test_declaration_sep_d_excel(declaration: str) -> None:
    octets = f"{declaration}\r\na,b;c\r\n1,2;3\r\n".encode("utf-8-sig")
    assert lire(octets) == (("a", "b;c"), [("1", "2;3", 3, False)])


# ---- encodings


@pytest.mark.parametrize("encodage", ["utf-8", "utf-8-sig", "cp1252", "iso8859-15", "utf-16", "utf-16-le", "utf-16-be"])
def test_encodages(encodage: str) -> None:
    texte = "finess_et;libellé\r\n010000123;Foyer «L'Œuvre» à 12 €, cœur\r\n"
    if encodage == "iso8859-15":
        assert b"\xbc" in texte.encode(encodage)
    entetes, lignes = lire(texte.encode(encodage))
    assert entetes == ("finess_et", "libellé")
    assert lignes == [("010000123", "Foyer «L'Œuvre» à 12 €, cœur", 2, False)]


FRANCAIS = [
    "Réalisé;planifié",
    "envoyé;succès;échec",
    "annulé\nterminé",
    "Mère à l'école, où ça a été créé : forêt, hôpital, août, naïve",
    "Foyer « Les Érables » n° 12, Île de Ré, Orléans",
]


@pytest.mark.parametrize("texte", FRANCAIS)
@pytest.mark.parametrize("encodage", ["cp850", "mac_roman", "cp1252", "iso8859-15", "utf-8"])
def test_francais_en_encodages_anciens(encodage: str, texte: str) -> None:
    entetes, lignes = lire(f"a;b;c;d\n{texte}".encode(encodage))
    lu = "\n".join(";".join(str(c) for c in ligne[:-2] if c is not None) for ligne in lignes)
    assert (entetes, lu) == (("a", "b", "c", "d"), texte)


@pytest.mark.parametrize(
    "texte",
    [
        "l’usager – « œuvre » à 12 €…",
        "Živković et Šárka",
        "DOŠEN",
        "mot‚ suite",
        "„guillemets“",
        "Ž",
        "5 ‰",
        "préface ‚ici‘",
    ],
)
def test_ce_que_cp1252_dit_n_est_pas_d_un_autre_encodage(texte: str) -> None:
    octets = f"a\n{texte}\n".encode("cp1252", "replace")
    assert lire(octets)[1] == [(octets[2:-1].decode("cp1252"), 2, False)]


@given(st.lists(st.text("abcdeélèàçûîôœŒÉÀ’«»–…€'- SŠŽ,.;\n", max_size=12), max_size=6))
@settings(max_examples=150, deadline=None)
def test_un_texte_francais_en_cp1252_est_lu_en_cp1252(textes: list[str]) -> None:
    """Capitals that no French word has in its middle are where a name begins."""
    texte = "\n".join(re.sub("(?<=\\w)[ŠŽ]", "s", t) for t in textes)
    assert lecture_csv._encodage(io.BytesIO(b"a;\xe9\n" + texte.encode("cp1252")))[0] == "cp1252"
    sans_accent = re.sub("[éèàçûîôÉÀ]", "e", texte).encode("cp1252")
    assert lecture_csv._encodage(io.BytesIO(b"a\n" + sans_accent))[0] in ("cp1252", "utf-8")


def test_encodages_melanges_restent_cp1252() -> None:
    """An é of Windows beside one of DOS: nobody knows what such a file says."""
    assert lire(b"a;b\nR\x82alis\x82;\xe9\n")[1] == [("R‚alis‚", "é", 2, False)]


def test_utf16_gros_boutiste_avec_bom() -> None:
    octets = codecs.BOM_UTF16_BE + "a;é\n1;€\n".encode("utf-16-be")
    assert lire(octets) == (("a", "é"), [("1", "€", 2, False)])


def test_cp1252_quand_rien_ne_tranche() -> None:
    assert lire(b"a;b\n1;\xe0\xa8\n")[1] == [("1", "à¨", 2, False)]


def test_octet_c1_l_emporte_sur_l_euro_d_iso_8859_15() -> None:
    assert lire(b"a;b\n\xa4;\x80\n")[1] == [("¤", "€", 2, False)]


def test_octets_indefinis_de_cp1252() -> None:
    assert lire(b"a;b\n\x81\x8d\x8f\x90\x9d;\xe9\n")[1] == [("\ufffd" * 5, "é", 2, False)]


def test_l_encodage_est_celui_de_tout_le_fichier() -> None:
    """A million UTF-8-looking bytes before the first byte that is not."""
    octets = b"a;b\n" + b"1;2\n" * 400_000 + "é;à\n".encode("cp1252")
    feuille = lire_csv(io.BytesIO(octets))
    assert pl.concat(feuille.lots).row(-1) == ("é", "à", 400_002, False)


def test_caractere_utf8_a_cheval_sur_deux_blocs() -> None:
    octets = b"a;b\n" + b"x" * ((1 << 20) - 5) + "é;é\n".encode()
    assert lire(octets)[1][0][1:] == ("é", 2, False)


def test_utf8_coupe_dans_la_derniere_lettre_reste_utf8() -> None:
    assert lire("a;b\né;é".encode()[:-1])[1] == [("é", "\ufffd", 2, False)]


def test_cp1252_dont_le_seul_accent_est_le_dernier_octet() -> None:
    assert lire(b"a;b\n1;Andr\xe9")[1] == [("1", "André", 2, False)]


def test_bom_utf8_mais_octets_d_un_autre_encodage() -> None:
    erreur = refus(codecs.BOM_UTF8 + b"a;b\n1;2\n\xe9;3\n")
    assert (erreur.code, erreur.ligne) == ("ENCODAGE_INCONNU", 3)


def test_utf32_et_utf16_abime() -> None:
    assert refus("a;b\n1;2\n".encode("utf-32")).code == "ENCODAGE_INCONNU"
    assert refus("a;b\n".encode("utf-16") + b"\x00\xd8\x00\xd8\x00\xd8").code == "ENCODAGE_INCONNU"


def test_octets_nuls() -> None:
    erreur = refus(b"a;b\n1;2\n3;4" + b"\0" * 5000)
    assert (erreur.code, erreur.ligne) == ("CONTENU_INATTENDU", 3)
    assert "caractères nuls" in erreur.detail
    assert refus("a;b\n1;\0\n".encode("utf-16")).ligne == 2


# ---- lines


@pytest.mark.parametrize("fin", ["\n", "\r\n", "\r"])
def test_fins_de_ligne_et_lignes_blanches(fin: str) -> None:
    texte = fin.join(["", " ", EN_TETE, "", "1;2;3", "", "", '4;"5', '5";6', "7;8;9"])
    entetes, lignes = lire(texte.encode())
    assert entetes == ("finess_et", "id_dossier", "horodatage")
    assert lignes == [("1", "2", "3", 5, False), ("4", f"5{fin}5", "6", 8, False), ("7", "8", "9", 10, False)]


def test_guillemets_doubles_et_saut_de_ligne() -> None:
    octets = b'a;b\n"il a dit ""oui""";"ligne 1\nligne 2\r\nligne 3"\n1;2\n'
    assert lire(octets)[1] == [('il a dit "oui"', "ligne 1\nligne 2\r\nligne 3", 2, False), ("1", "2", 5, False)]


def test_guillemets_hors_norme_sur_une_ligne() -> None:
    """Text behind a closing quote, or a quote inside an unquoted cell, is read as it stands."""
    octets = b'a;b\n"x"y;1\nab"c;2\n"z" ;3\n'
    assert lire(octets)[1] == [("xy", "1", 2, False), ('ab"c', "2", 3, False), ("z ", "3", 4, False)]


def test_cellules_absentes_et_surplus() -> None:
    octets = b"a;b;c\n1\n1;2;3;;  ;\n1;2;3;;x\n;;\n"
    assert lire(octets)[1] == [
        ("1", None, None, 2, False),
        ("1", "2", "3", 3, False),
        ("1", "2", "3", 4, True),
        ("", "", "", 5, False),
    ]


def test_valeurs_laissees_telles_quelles() -> None:
    assert lire(b"a;b\n 010 ;\n")[1] == [(" 010 ", "", 2, False)]


def test_sans_fin_de_ligne_a_la_fin() -> None:
    assert lire(b"a;b\n1;2")[1] == [("1", "2", 2, False)]


def test_en_tete_seul_ne_donne_aucun_lot() -> None:
    feuille = lire_csv(io.BytesIO(b"a;b\n"))
    assert (feuille.nom, feuille.entetes, list(feuille.lots)) == (None, ("a", "b"), [])


def test_taille_des_lots() -> None:
    octets = b"a;b\n" + b"1;2\n" * 25
    assert [len(lot) for lot in lire_csv(io.BytesIO(octets), taille_lot=10).lots] == [10, 10, 5]


def test_les_lignes_larges_font_des_lots_plus_courts() -> None:
    ligne = b";".join([b"x"] * COLONNES_MAX) + b"\n"
    tailles = [len(lot) for lot in lire_csv(io.BytesIO(ligne * 2502)).lots]
    assert tailles == [2000, 501]


def test_les_lignes_longues_font_des_lots_plus_courts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lecture_csv, "LOT_MAX_CARACTERES", 50)
    ligne = b"12345;789\n"
    assert [len(lot) for lot in lire_csv(io.BytesIO(ligne * 13)).lots] == [5, 5, 2]
    erreur = refus(ligne + b'1;"2\n' + b"\n" * 50 + b'"\n')
    assert (erreur.code, erreur.ligne) == ("GUILLEMET_OUVERT", 2)


def test_le_flux_reste_ouvert() -> None:
    flux = io.BytesIO(b"a;b\n1;2\n")
    list(lire_csv(flux).lots)
    assert not flux.closed
    assert [lot.row(0) for lot in lire_csv(flux).lots] == [("1", "2", 2, False)]


# ---- what cannot be read


@pytest.mark.parametrize("octets", [b"", b"\n \r\n\t\n", codecs.BOM_UTF8, b";;;\n;;\n", "\n \n".encode("utf-16")])
def test_fichier_vide(octets: bytes) -> None:
    assert refus(octets).code == "FICHIER_VIDE"


def test_guillemet_jamais_referme() -> None:
    lignes = [EN_TETE, *(f"010000123;D{i};2026-01-01" for i in range(60_000))]
    lignes[49_999] = '010000123;"D;2026-01-01'
    flux = io.BytesIO("\n".join(lignes).encode())
    lots = lire_csv(flux, taille_lot=10_000).lots
    for _ in range(4):
        assert len(next(lots)) == 10_000
    with pytest.raises(LectureImpossible) as erreur:
        list(lots)
    assert (erreur.value.code, erreur.value.ligne) == ("GUILLEMET_OUVERT", 50_000)


@pytest.mark.parametrize(
    "fin",
    [
        pytest.param('x;"1', id="in the last line, without line end"),
        pytest.param('x;"1\n', id="in the last line"),
        pytest.param('x;"1\n2;3\n4;"5\n', id="the next quote opens another cell"),
        pytest.param('x;"1\n' + "2;3\n" * 300_000, id="more than a mebibyte"),
        pytest.param('x;"' + "y" * (CHAMP_MAX_CARACTERES + 1) + '"\n', id="more than a mebibyte on a line"),
    ],
)
def test_guillemet_ouvert(fin: str) -> None:
    erreur = refus(("a;b\n1;2\n" + fin).encode())
    assert (erreur.code, erreur.ligne) == ("GUILLEMET_OUVERT", 3)


def test_lignes_avalees_entre_deux_guillemets_isoles() -> None:
    """Two stray quotes that look like one quoted cell would lose the rows between them without a word."""
    octets = b'a;b;c\n1;"2;3\n4;5;6\n7;8;9\n1;2;3\n4;5";6\n'
    erreur = refus(octets)
    assert (erreur.code, erreur.ligne) == ("GUILLEMET_OUVERT", 2)


def test_cellule_multiligne_longue_permise() -> None:
    note = "\n".join(f"ligne {i} ; suite" for i in range(5_000))
    assert lire(f'a;b;c\n1;"{note}";3\n4;5;6\n'.encode())[1] == [
        ("1", note, "3", 2, False),
        ("4", "5", "6", 5_002, False),
    ]


def test_cellule_sans_guillemet_demesuree() -> None:
    erreur = refus(b"a;b\n1;" + b"y" * (CHAMP_MAX_CARACTERES + 1) + b"\n")
    assert (erreur.code, erreur.ligne) == ("FICHIER_ILLISIBLE", 2)


def test_ligne_demesuree() -> None:
    assert refus(b"a;b\n" + b"y;" * LIGNE_MAX_OCTETS).code == "FICHIER_ILLISIBLE"


def test_trop_de_colonnes() -> None:
    erreur = refus(b";".join([b"x"] * (COLONNES_MAX + 1)))
    assert erreur.code == "FICHIER_ILLISIBLE"
    assert "2001 colonnes" in erreur.detail


@pytest.mark.parametrize(
    ("debut", "nature"),
    [
        (b"PK\x03\x04....[Content_Types].xml", "classeur Excel renommé en .csv"),
        (b"PK\x03\x04....dossiers.csv", "archive ZIP"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", ".xls"),
        (b"%PDF-1.7", "PDF"),
        (b"\x1f\x8b\x08", ".gz"),
        (b"PAR1", "Parquet"),
        (b"\xef\xbb\xbf \n<!DOCTYPE html><html>", "page HTML"),
        (b"<table><tr><td>a", "page HTML"),
        ("<html><body>".encode("utf-16"), "page HTML"),
        (b"<?xml version='1.0'?><a/>", "XML"),
        (b"<ClasseurXml>", "XML"),
        (b'{"resourceType": "Bundle"}', "JSON"),
        (b'[\n {"a": 1}]', "JSON"),
    ],
)
def test_contenu_inattendu(debut: bytes, nature: str) -> None:
    erreur = refus(debut)
    assert erreur.code == "CONTENU_INATTENDU"
    assert nature.casefold() in erreur.detail.casefold()


def test_une_table_de_texte_n_est_rien_d_autre() -> None:
    assert reconnaitre(EN_TETE.encode()) is None
    assert reconnaitre(b"[finess_et];[id]") is None


# ---- gzip


def test_gzip() -> None:
    feuille = lire_csv_gz(io.BytesIO(gzip.compress("a;é\n1;2\n".encode())))
    assert (feuille.entetes, rangees(feuille)) == (("a", "é"), [("1", "2", 2, False)])


def test_gzip_ouvert_par_l_appelant() -> None:
    with gzip.open(io.BytesIO(GZIP)) as flux:
        assert rangees(lire_csv(cast(BinaryIO, flux)))[-1] == ("1999", "15830081", 2001, False)
    with gzip.open(io.BytesIO(GZIP[:-9])) as flux, pytest.raises(LectureImpossible) as erreur:
        lire_csv(cast(BinaryIO, flux))
    assert erreur.value.code == "FICHIER_ILLISIBLE"


GZIP = gzip.compress(b"a;b\n" + b"".join(b"%d;%d\n" % (i, i * 7919) for i in range(2_000)))


@pytest.mark.parametrize(
    "octets",
    [
        GZIP[:-9],
        GZIP[: len(GZIP) // 2],
        GZIP[:200] + b"\xff\x00\xff" + GZIP[203:],
        GZIP[:-8] + b"\0\0\0\0" + GZIP[-4:],
        b"a;b\n1;2\n",
    ],
)
def test_gzip_abime(octets: bytes) -> None:
    with pytest.raises(LectureImpossible) as erreur:
        rangees(lire_csv_gz(io.BytesIO(octets)))
    assert erreur.value.code == "FICHIER_ILLISIBLE"
    assert ".gz" in erreur.value.detail or "compressé" in erreur.value.detail


def test_gzip_abime_apres_le_premier_passage() -> None:
    """The damage shows only while lots are iterated."""
    flux = io.BytesIO(GZIP)
    lots = lire_csv_gz(flux, taille_lot=100).lots
    next(lots)
    flux.getbuffer()[-6] ^= 0xFF
    with pytest.raises(LectureImpossible) as erreur:
        list(lots)
    assert erreur.value.code == "FICHIER_ILLISIBLE"


def test_gzip_vide_et_gzip_de_classeur() -> None:
    for octets, code in [(b"", "FICHIER_VIDE"), (b"PK\x03\x04xl/", "CONTENU_INATTENDU")]:
        with pytest.raises(LectureImpossible) as erreur:
            lire_csv_gz(io.BytesIO(gzip.compress(octets)))
        assert erreur.value.code == code


def test_gzip_demesure() -> None:
    bombe = gzip.compress(b"a;b\n" + b"1;2\n" * 5_000_000)
    with pytest.raises(LectureImpossible) as erreur:
        lire_csv_gz(io.BytesIO(bombe))
    assert erreur.value.code == "ARCHIVE_DEMESUREE"
    with pytest.raises(LectureImpossible) as erreur:
        lire_csv_gz(io.BytesIO(GZIP), octets_max=1_000)
    assert erreur.value.code == "ARCHIVE_DEMESUREE"


# ---- any table, any dialect

LETTRES = "aZ09 ;,|\t\"'=é\u00e0ç«»"
ALPHABETS = {
    "utf-8": LETTRES + "œ€\u2028\x85\x0b\x0c漢🙂",
    "utf-8-sig": LETTRES + "œ€\u2028\x85\x1c漢🙂",
    "utf-16": LETTRES + "œ€\u2028漢🙂",
    "utf-16-le": LETTRES + "œ€",
    "utf-16-be": LETTRES + "œ€",
    "cp1252": LETTRES + "œŒ€’",
    "iso8859-15": LETTRES + "œŒ€",
}
# Names that no encoding but the right one reads, in the header.
NOMS = ["finess_et", "libellé€", "horodatage", "sens", "cœur"]


@st.composite
def tables(draw: st.DrawFn) -> tuple[str, str, str, int, list[list[str]]]:
    encodage = draw(st.sampled_from(sorted(ALPHABETS)))
    cellule = st.text(ALPHABETS[encodage] + "\r\n", max_size=6)
    largeur = draw(st.integers(2, 5))
    lignes = draw(st.lists(st.lists(cellule, min_size=largeur, max_size=largeur), max_size=8))
    return (
        encodage,
        draw(st.sampled_from(";,\t|")),
        draw(st.sampled_from(["\n", "\r\n", "\r"])),
        draw(st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL])),
        [NOMS[:largeur], *lignes],
    )


@settings(max_examples=200, deadline=None)
@given(tables(), st.integers(1, 4))
def test_toute_table_est_relue_a_l_identique(
    table: tuple[str, str, str, int, list[list[str]]], taille_lot: int
) -> None:
    encodage, separateur, fin, guillemets, lignes = table
    if any("\r" in cellule or "\n" in cellule for cellule in chain(*lignes)):
        guillemets = csv.QUOTE_ALL  # the writer does not quote a line end that is not its own
    texte = ""
    attendu = []
    for ligne in lignes:
        attendu.append((*ligne, 1 + len(re.findall("\r\n|\r|\n", texte)), False))
        tampon = io.StringIO(newline="")
        csv.writer(tampon, delimiter=separateur, lineterminator=fin, quoting=guillemets).writerow(ligne)  # type: ignore[arg-type]
        texte += tampon.getvalue()
    entetes, lues = lire(texte.encode(encodage), taille_lot)
    assert entetes == tuple(lignes[0])
    assert lues == attendu[1:]
