"""The same rows written in every accepted way (§4) give the same staged rows; a single mess changes none without a finding."""

from __future__ import annotations

import gzip
import io
import os
import random
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import xlsxwriter
from polars.testing import assert_frame_equal
from scenario import finess, ins

from schemas.depots import TABLES, champs_de
from transforms.lecture.archive import Limites
from transforms.lecture.modele import LectureImpossible
from transforms.lecture.ouverture import Fichier, Lecture, pieces
from transforms.validation.examen import examiner
from transforms.validation.situation import Contexte

TOURS = int(os.environ.get("DUIMETRE_ECRITURES", "60"))
JOUR = date(2026, 4, 1)
PROJET = frozenset(finess(f"0100000{n}") for n in range(3))
Ligne = dict[str, Any]


# --- rows, and how each value may be written -------------------------------------------------------------------------


def tirer(hasard: random.Random, table: str) -> list[Ligne]:
    """Rows of a table as they are meant: dates, moments, booleans, text; None where there is nothing."""

    def valeur(nom: str, rang: int) -> Any:
        champ = champs_de(table)[nom]
        if nom != "ins" and not champ.requis and hasard.random() < 0.3:
            return None
        debut = date(2026, 1, 1) if nom in ("date_sortie", "date_fin") else date(2025, 1, 1)
        tirages: dict[str, Any] = {
            "finess": hasard.choice(sorted(PROJET)),
            "ins": ins(f"1840397404{hasard.randrange(1000):03}"),
            "date": debut + timedelta(hasard.randrange(80)),
            "horodatage": datetime(2026, 1, 1) + timedelta(minutes=hasard.randrange(60 * 24 * 80)),
            "liste": hasard.choice(champ.valeurs or ("",)),
            "bool": hasard.random() < 0.5,
            "entier": hasard.randrange(9),
        }
        return tirages.get(champ.nature, f"Né{nom[-2:]}{rang}")

    return [{nom: valeur(nom, rang) for nom in champs_de(table)} for rang in range(hasard.randint(4, 12))]


def simple(valeur: Any) -> str:
    """A value as the plain format writes it."""
    if isinstance(valeur, bool):
        return "oui" if valeur else "non"
    if isinstance(valeur, datetime):
        return f"{valeur:%Y-%m-%d %H:%M:%S}"
    return "" if valeur is None else str(valeur)


def autrement(hasard: random.Random, valeur: Any, nature: str) -> str:
    """The same value as other people and programs write it."""
    choix = hasard.choice
    if isinstance(valeur, bool):
        ecrit = choix(["O", "Oui", "TRUE", "vrai", "T", "1"] if valeur else ["n", "NON", "false", "Faux", "F", "0"])
    elif isinstance(valeur, datetime):
        sec = f"{valeur:%S}"
        heure = f"{valeur.hour}:{valeur:%M}:{sec}" if choix((True, False)) else f"{valeur:%H:%M:%S}.000"
        ecrit = f"{choix([f'{valeur:%Y-%m-%d}', f'{valeur:%d/%m/%Y}'])}{choix(' T')}{heure}"
    elif isinstance(valeur, date):
        ecrit = choix([f"{valeur:%d/%m/%Y}", f"{valeur} 00:00:00", f"{valeur}T10:30", f"{valeur}T00:00:00Z"])
    elif nature == "entier" and valeur is not None:
        ecrit = choix([f"{valeur}", f"{valeur},0", f"{valeur}.0", f"0{valeur}"])
    elif nature == "ins" and valeur:
        ecrit = choix(
            [f"{valeur}.0", " ".join((valeur[0], valeur[1:5], valeur[5:])), f"{valeur}^^^&1.2.250.1.213.1.4.8&ISO^NH"]
        )
    elif nature == "liste" and valeur:
        ecrit = choix([valeur.upper(), valeur.replace("_", " "), valeur.replace("_", "-").title()])
    elif valeur is None:
        ecrit = choix(["", " ", "NULL", "(null)", r"\N", "None", "nan", "<NA>", "N/A", "undefined"])
    else:
        ecrit = choix(
            [valeur, valeur.replace("é", "e\u0301"), f"'{valeur}", f'="{valeur}"', valeur[:1] + "\u200b" + valeur[1:]]
        )
    return choix(["", " ", "\u00a0"]) + ecrit + choix(["", "", "  ", "\ufeff"])


def entete_autrement(hasard: random.Random, nom: str) -> str:
    mots = nom.replace("_", hasard.choice(["_", "-", " ", ".", "\u00a0"]))
    return hasard.choice(["", " ", "\u200b"]) + hasard.choice(
        [mots, mots.upper(), mots.title(), mots.replace("e", "é", 1)]
    )


def nom_autrement(hasard: random.Random, table: str, format_: str) -> str:
    mots = [hasard.choice([table, table.upper(), table.replace("_", "-"), table.replace("e", "é", 1)])]
    mots.insert(hasard.randint(0, 1), hasard.choice(["2026-04-01", "20260401", "01.04.2026", "01042026", "2026_04_01"]))
    if hasard.random() < 0.4:
        mots.append("Foyer sud")
    marque = hasard.choice(["", "", " (1)", " - Copie", " - Copie (2)", "_copie"])
    return hasard.choice("_- .").join(mots) + marque + "." + hasard.choice([format_, format_.upper()])


# --- files -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Depot:
    nom: str
    octets: bytes


def en_csv(grille: list[list[str]], separateur: str = ";", fin: str = "\n", tout: bool = False) -> str:
    def cellule(texte: str) -> str:
        a_citer = tout or separateur in texte or texte.startswith('="') or "\n" in texte
        return '"' + texte.replace('"', '""') + '"' if a_citer else texte

    return "".join(separateur.join(map(cellule, ligne)) + fin for ligne in grille)


def en_classeur(grille: list[list[str]], feuille: str) -> bytes:
    tampon = io.BytesIO()
    classeur = xlsxwriter.Workbook(tampon, {"in_memory": True})
    onglet = classeur.add_worksheet(feuille)
    for rang, ligne in enumerate(grille):
        for colonne, texte in enumerate(ligne):
            onglet.write_string(rang, colonne, texte)
    classeur.close()
    return tampon.getvalue()


def reference(table: str, lignes: list[Ligne]) -> Depot:
    noms = list(champs_de(table))
    grille = [noms, *([simple(ligne[nom]) for nom in noms] for ligne in lignes)]
    return Depot(f"{table}_2026-04-01.csv", en_csv(grille).encode())


def ecrire_autrement(hasard: random.Random, table: str, lignes: list[Ligne]) -> Depot:
    """The same rows under another name, in another format, with columns in another order and all that §4 sees through."""
    champs = champs_de(table)
    noms = hasard.sample(list(champs), len(champs))
    grille = [[entete_autrement(hasard, nom) for nom in noms]]
    grille += [[autrement(hasard, x[nom], champs[nom].nature) for nom in noms] for x in lignes]
    if hasard.random() < 0.3:
        grille.insert(1, ["-----"] * len(noms))
    if hasard.random() < 0.3:
        grille.append([f"({len(lignes)} lignes affectées)"])
    if hasard.random() < 0.3:
        grille.insert(hasard.randint(1, len(grille)), [""] * len(noms))
    format_ = hasard.choice(["csv", "csv", "csv.gz", "xlsx", "parquet"])
    if format_ == "xlsx":
        octets = en_classeur(grille, hasard.choice([table, "Export"]))
    elif format_ == "parquet":
        tampon = io.BytesIO()
        colonnes = {
            nom: [ligne[rang] if rang < len(ligne) else "" for ligne in grille[1:]] for rang, nom in enumerate(noms)
        }
        pl.DataFrame(colonnes).write_parquet(tampon)
        octets = tampon.getvalue()
    else:
        texte = en_csv(grille, hasard.choice(";,\t|"), hasard.choice(["\n", "\r\n", "\r"]), tout=hasard.random() < 0.3)
        encodage = hasard.choice(["utf-8", "utf-8-sig", "utf-16", "cp1252", "iso8859-15", "cp850", "mac_roman"])
        try:
            octets = texte.encode(encodage)
        except UnicodeEncodeError:  # characters without width
            octets = texte.encode("utf-16")
        octets = gzip.compress(octets) if format_ == "csv.gz" else octets
    return Depot(nom_autrement(hasard, table, format_), octets)


def lire(depot: Depot, dossier: Path) -> tuple[pl.DataFrame, pl.DataFrame, bool]:
    """Staged rows in no order, findings, and whether the file is partial."""
    copie, sortie = dossier / "copie", dossier / "sortie.parquet"
    copie.write_bytes(depot.octets)
    sortie.unlink(missing_ok=True)
    lecture = Lecture(Limites(), dossier, {}, projet=PROJET)
    (piece,) = pieces(Fichier(depot.nom, "", copie, ""), lecture)
    if piece.lire is None:
        assert piece.erreur is not None
        return pl.DataFrame(), pl.DataFrame({"code": [piece.erreur.code]}), piece.partiel
    assert piece.date_extraction == JOUR
    try:
        examen = examiner(piece.lire(), Contexte("d", piece.table, JOUR, PROJET, b"k" * 32), sortie)
    except LectureImpossible as erreur:
        return pl.DataFrame(), pl.DataFrame({"code": [erreur.code]}), piece.partiel
    constats = examen.constats
    lignes = pl.read_parquet(sortie).drop("ligne") if sortie.exists() else pl.DataFrame()
    return lignes.sort(pl.all()) if lignes.width else lignes, constats, piece.partiel


@pytest.mark.parametrize("graine", range(TOURS))
def test_les_memes_lignes_ecrites_autrement(graine: int, tmp_path: Path) -> None:
    hasard = random.Random(graine)
    table = sorted(TABLES)[graine % len(TABLES)]
    lignes = tirer(hasard, table)
    attendues, constats, _ = lire(reference(table, lignes), tmp_path)
    assert attendues.height >= 4, constats
    depot = ecrire_autrement(hasard, table, lignes)
    lues, constats, partiel = lire(depot, tmp_path)
    assert not partiel
    assert lues.height == attendues.height, (depot.nom, constats.rows())
    assert_frame_equal(lues, attendues)


# --- a single mess ---------------------------------------------------------------------------------------------------

# None of these is a value of the columns of its kind, nor an empty cell.
DESTRUCTIONS = ["NULL", "#N/A", "#REF!", "1,58E+18", "2E+05", "x" * 999, '"', '"début']
MOTS = [
    *DESTRUCTIONS, "31/02/2026", "13/25/2026", "00/01/1900", "0000-00-00", "26/01/15", "mars 2026", "à voir", 'a"b', 'fin"',
    "-----", "Total", "Total : 12", "3,5", "1e5", "=1+1", "2026-13-01", "2026-01-15T25:00", "9,7E+08", "1e-3",
]  # fmt: skip
NOMBRES = ["46000", "010000123", "12345678", "1840397404001"]
GENRES = ["cellule"] * 4 + ["colonne", "ligne", "entete", "coupe"]


def alterer(hasard: random.Random, table: str, lignes: list[Ligne]) -> tuple[str, bytes]:
    """A clean CSV file with one mess, and what it is: a cell, a column, a row of its own, a header, the end cut off."""
    champs = champs_de(table)
    noms = list(champs)
    grille = [noms, *([simple(ligne[nom]) for nom in noms] for ligne in lignes)]
    genre, rang = hasard.choice(GENRES), hasard.randrange(1, len(grille))
    nom = hasard.choice([n for n in noms if champs[n].nature != "texte"])
    mots = DESTRUCTIONS if champs[nom].nature == "id" else MOTS if champs[nom].nature == "entier" else MOTS + NOMBRES
    mot = hasard.choice(mots)
    if genre == "colonne":
        for ligne in grille[1:]:
            ligne[noms.index(nom)] = mot
    elif genre == "cellule":
        grille[rang][noms.index(nom)] = mot
    elif genre == "ligne":
        grille.insert(rang, [mot, *[""] * hasard.randrange(len(noms))])
    elif genre == "entete":
        grille[0][noms.index(nom)] += hasard.choice(["x", "_2", " (texte)"])
    octets = en_csv(grille).encode()
    if genre == "coupe":  # in the FINESS of the last row
        octets = octets[: octets.rindex(b"\n", 0, len(octets) - 1) + hasard.randrange(2, 9)]
    return f"{genre} {mot!r} ligne {rang + 1} colonne {nom}", octets


def test_un_desordre_ne_change_rien_en_silence(tmp_path: Path) -> None:
    silences, changements = [], 0
    for graine in range(TOURS * 3):
        hasard = random.Random(f"désordre {graine}")
        table = sorted(TABLES)[graine % len(TABLES)]
        lignes = tirer(hasard, table)
        attendues, constats_propres, _ = lire(reference(table, lignes), tmp_path)
        quoi, octets = alterer(hasard, table, lignes)
        lues, constats, _ = lire(Depot(f"{table}_2026-04-01.csv", octets), tmp_path)
        change = not lues.equals(attendues)
        changements += change
        if change and constats.height <= constats_propres.height:
            silences.append((graine, table, quoi))
    assert silences == []
    assert changements > TOURS
