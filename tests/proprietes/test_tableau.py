"""Whatever stands above a table and between its rows, the same rows of data are read, on their true lines."""

from __future__ import annotations

import io

from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.lecture.csv import LigneLue, lire_csv, tableau
from transforms.lecture.entetes import attendu_de
from transforms.lecture.modele import LectureImpossible

F1 = "970400123"
ATTENDU = attendu_de("dossiers", frozenset({F1}))
ENTETE = ["finess_et", "id_dossier", "id_personne"]
# Words of titles; none is a FINESS of the porteur, and one at most names a column.
MOTS = [
    "",
    " ",
    "Foyer",
    "export;du,jour",
    "a|b",
    "\t",
    "12",
    "Total",
    "-",
    "970400999",
    "ins",
    f"no {F1}",
    "(3 lignes)",
]

titres = st.lists(st.lists(st.sampled_from(MOTS), max_size=4), max_size=25)


def _attendu(au_dessus: list[list[str]]) -> int | None:
    """The rank of the header after these rows, None when it is too far or the first row stands for it."""
    pleines = sum(any(c.strip() for c in rangee) for rangee in au_dessus)
    return len(au_dessus) if pleines < 20 else None


@settings(max_examples=300, deadline=None)
@given(titres, st.integers(0, 30))
def test_l_en_tete_est_trouve_et_les_lignes_sont_vraies(au_dessus: list[list[str]], n: int) -> None:
    donnees = [[F1, f"D{i}", f"P{i}"] for i in range(n)]
    rangees: list[LigneLue] = [(i, r, 0) for i, r in enumerate([*au_dessus, ENTETE, *donnees], 1)]
    feuille = tableau(None, iter(rangees), ATTENDU, 7)
    lues = [ligne for lot in feuille.lots for ligne in lot["ligne"].to_list()]
    rang = _attendu(au_dessus)
    if rang is None:
        assert list(feuille.entetes) != ENTETE
        return
    assert (list(feuille.entetes), feuille.ligne_entete) == (ENTETE, rang + 1)
    assert lues == list(range(rang + 2, rang + 2 + n))
    assert len(feuille.remarques) == any(c.strip() for rangee in au_dessus for c in rangee)


@settings(max_examples=300, deadline=None)
@given(titres.filter(lambda t: len(t) < 19), st.sampled_from(";,\t|"), st.integers(1, 9), st.data())
def test_un_csv_sous_des_titres(au_dessus: list[list[str]], separateur: str, n: int, data: st.DataObject) -> None:
    """Titles are written without quotes, as they come; a row of the table among them refuses the file."""
    titres = ["".join(r) for r in au_dessus]
    donnees = [separateur.join([F1, f"D{i}", f"P{i}"]) for i in range(n)]
    corps = [separateur.join(ENTETE), *donnees]
    feuille = lire_csv(io.BytesIO("\n".join([*titres, *corps]).encode()), ATTENDU)
    lues = [ligne for lot in feuille.lots for ligne in lot["ligne"].to_list()]
    assert (list(feuille.entetes), lues) == (ENTETE, list(range(len(titres) + 2, len(titres) + 2 + n)))
    place = data.draw(st.integers(0, len(titres)))
    try:
        lire_csv(io.BytesIO("\n".join([*titres[:place], donnees[0], *titres[place:], *corps]).encode()), ATTENDU)
    except LectureImpossible as erreur:
        assert (erreur.code, erreur.ligne) == ("DEUX_TABLEAUX", place + 1)
    else:
        raise AssertionError("a row above the header was lost")
