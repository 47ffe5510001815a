"""Broken and strange files as one table: name, what it is, how it is made, fate and findings expected (issue: guard).

The fate is that of each table of the file, in order, joined by ` + `; `-` says that the file is left without a word. The
findings are all codes of the file, in alphabetical order. `lignes`: rows used, over all its tables.

In the texts `@` stands for a number of the file's own (so that no content comes twice), `F1` for an ESSMS of the porteur,
`F0` for one whose number starts with a zero, `FX` for one whose key is wrong, `FB` for an ESSMS of the other porteur.

    python tests/outils/corpus.py DOSSIER      writes them all, to look at them
"""

# ruff: noqa: E501 - a table is read along its rows

from __future__ import annotations

import gzip
import io
import json
import os
import socket
import stat
import struct
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import xlsxwriter

PORTEUR, AUTRE = "alpha", "beta"
FINESS = {"F1": "970400123", "F0": "010000123", "FX": "970400124", "FB": "970400115"}
# Files of the other porteur that links try to reach; the second one has two names then, and nobody knows whose it is.
SECRET, PARTAGE = "dossiers_2026-04-01.csv", "dossiers_2026-03-01.csv"

REFUSE, OK, REJETS, RIEN = "refuse", "accepte", "accepte_avec_rejets", "-"
SANS: str = ""

Contenu = Callable[[int], bytes]
Poser = Callable[[Path, int], None]


@dataclass(frozen=True)
class Cas:
    """One file: `poser` makes it at a path."""

    nom: bytes
    quoi: str
    poser: Poser
    statut: str
    codes: str
    lignes: int

    @property
    def chemin(self) -> str:
        return self.nom.decode("utf-8", "backslashreplace")


def cas(nom: str | bytes, quoi: str, contenu: Contenu | Poser, statut: str, codes: str = "", lignes: int = 0) -> Cas:
    brut = nom if isinstance(nom, bytes) else nom.encode()
    poser = contenu if getattr(contenu, "pose", False) else _ecrire(contenu)  # type: ignore[arg-type]
    return Cas(brut, quoi, poser, statut, codes, lignes)  # type: ignore[arg-type]


def _ecrire(contenu: Contenu) -> Poser:
    def poser(chemin: Path, numero: int) -> None:
        chemin.write_bytes(contenu(numero))

    return poser


def pose(fonction: Poser) -> Poser:
    """A maker that does more than write bytes."""
    fonction.pose = True  # type: ignore[attr-defined]
    return fonction


def remplir(texte: str, numero: int) -> str:
    for nom, finess in FINESS.items():
        texte = texte.replace(nom, finess)
    return texte.replace("@", f"{numero:03d}")


# ---- bytes as they come


def t(texte: str, encodage: str = "utf-8", avant: bytes = b"", apres: bytes = b"") -> Contenu:
    """Text in an encoding."""
    return lambda n: avant + remplir(texte, n).encode(encodage) + apres


def octets(brut: bytes) -> Contenu:
    return lambda n: brut.replace(b"@", b"%03d" % n)


def gz(contenu: Contenu) -> Contenu:
    return lambda n: gzip.compress(contenu(n), mtime=0)


def coupe(contenu: Contenu, part: int, sur: int = 21) -> Contenu:
    """The first bytes of a file only."""

    def couper(_: int) -> bytes:
        entier = _entier(contenu)
        return entier[: max(1, len(entier) * part // sur)]

    return couper


@cache
def _entier(contenu: Contenu) -> bytes:
    return contenu(0)


def abime(contenu: Contenu, place: float = 0.5) -> Contenu:
    """One byte changed."""

    def abimer(n: int) -> bytes:
        brut = bytearray(contenu(n))
        brut[int(len(brut) * place)] ^= 0xFF
        return bytes(brut)

    return abimer


D = "finess_et;id_dossier;id_personne\n"
S = "finess_et;id_dossier;date_entree;date_sortie\n"
M = "finess_et;id_dossier;horodatage\n"
MSS = "finess_et;horodatage;id_message;nb_messages\n"
D1 = D + "F1;D@;P@\n"


def bonnes(entete: str, ligne: str, nombre: int) -> str:
    """A header and rows that differ by `#`."""
    return entete + "".join(ligne.replace("#", str(rang)) + "\n" for rang in range(nombre))


def avec(entete: str, ligne: str, nombre: int, *mauvaises: str) -> Contenu:
    """Good rows, and bad ones behind."""
    return t(bonnes(entete, ligne, nombre) + "".join(m + "\n" for m in mauvaises))


# ---- workbooks

Feuilles = Mapping[str, Sequence[Sequence[Any]]]
DX = ["finess_et", "id_dossier", "id_personne"]
DX1: Feuilles = {"dossiers": [DX, ["F1", "D@", "P@"]]}


def xlsx(feuilles: Feuilles, apres: Callable[[xlsxwriter.Workbook], None] | None = None) -> Contenu:
    def faire(n: int) -> bytes:
        tampon = io.BytesIO()
        classeur = xlsxwriter.Workbook(tampon, {"in_memory": True, "default_date_format": "dd/mm/yyyy"})
        for nom, lignes in feuilles.items():
            feuille = classeur.add_worksheet(nom)
            for rang, ligne in enumerate(lignes):
                for colonne, valeur in enumerate(ligne):
                    if isinstance(valeur, str) and not valeur.startswith("="):
                        feuille.write_string(rang, colonne, remplir(valeur, n))
                    elif valeur is not None:
                        feuille.write(rang, colonne, valeur)
        if apres:
            apres(classeur)
        classeur.close()
        return tampon.getvalue()

    return faire


def parties(contenu: Contenu, **changements: bytes | None) -> Contenu:
    """A workbook some of whose parts are replaced (or removed): `sheet1`, `sharedStrings`, `workbook`…"""
    lieux = {
        "sheet1": "xl/worksheets/sheet1.xml",
        "sharedStrings": "xl/sharedStrings.xml",
        "workbook": "xl/workbook.xml",
    }

    def refaire(n: int) -> bytes:
        tampon = io.BytesIO()
        remplaces = {lieux[nom]: valeur for nom, valeur in changements.items()}
        with (
            zipfile.ZipFile(io.BytesIO(contenu(n))) as avant,
            zipfile.ZipFile(tampon, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as apres,
        ):
            for nom in avant.namelist():
                valeur = remplaces.get(nom, avant.read(nom))
                if valeur is not None:
                    apres.writestr(nom, valeur)
        return tampon.getvalue()

    return refaire


def feuille(corps: bytes, avant: bytes = b"") -> bytes:
    return (
        b'<?xml version="1.0"?>'
        + avant
        + b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        b"<sheetData>" + corps + b"</sheetData></worksheet>"
    )


def cellule(place: str, texte: str) -> bytes:
    return f'<c r="{place}" t="inlineStr"><is><t>{texte}</t></is></c>'.encode()


LIGNE1 = b'<row r="1">' + b"".join(cellule(f"{c}1", e) for c, e in zip("ABC", DX, strict=True)) + b"</row>"
MILLIARD = (
    b'<!DOCTYPE a [<!ENTITY a0 "ah">'
    + b"".join(b'<!ENTITY a%d "%s">' % (i, b"&a%d;" % (i - 1) * 10) for i in range(1, 10))
    + b"]>"
)
XXE = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>'


def ole(*textes: str) -> Contenu:
    """A compound file of Office: enough of one for its directory to be seen."""
    entete = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 16 + b"\x3e\0\x03\0\xfe\xff\x09\0" + b"\0" * 480
    return lambda n: entete + b"".join(x.encode("utf-16-le").ljust(128, b"\0") for x in textes) + b"%03d" % n


# ---- archives


@dataclass(frozen=True)
class Entree:
    """A member that is more than a name and a content."""

    contenu: Contenu
    mode: int = 0o100644
    methode: int = zipfile.ZIP_DEFLATED


def zippe(membres: Mapping[str, Contenu | Entree] | Sequence[tuple[str, Contenu | Entree]]) -> Contenu:
    def faire(n: int) -> bytes:
        tampon = io.BytesIO()
        with zipfile.ZipFile(tampon, "w") as archive:
            for nom, valeur in membres.items() if isinstance(membres, Mapping) else membres:
                entree = valeur if isinstance(valeur, Entree) else Entree(valeur)
                info = zipfile.ZipInfo(nom)
                info.filename = nom  # backslashes and all
                info.create_system, info.external_attr, info.compress_type = 3, entree.mode << 16, entree.methode
                archive.writestr(info, entree.contenu(n))
        return tampon.getvalue()

    return faire


def retouche(contenu: Contenu, local: tuple[int, bytes] | None, central: tuple[int, bytes] | None) -> Contenu:
    """Bytes changed in every local header and every entry of the table of contents of an archive."""

    def refaire(n: int) -> bytes:
        brut = bytearray(contenu(n))
        for signature, changement in ((b"PK\x03\x04", local), (b"PK\x01\x02", central)):
            place = brut.find(signature)
            while place >= 0 and changement:
                brut[place + changement[0] : place + changement[0] + len(changement[1])] = changement[1]
                place = brut.find(signature, place + 4)
        return bytes(brut)

    return refaire


def zeros(taille: int) -> Contenu:
    return lambda n: bytes(taille) + b"%03d" % n


# ---- Parquet


def parquet(colonnes: Mapping[str, Any], **options: Any) -> Contenu:
    def faire(n: int) -> bytes:
        def adapter(valeur: Any) -> Any:
            return remplir(valeur, n) if isinstance(valeur, str) else valeur

        tableaux = [pa.array([adapter(x) for x in v]) if isinstance(v, list) else v for v in colonnes.values()]
        tampon = io.BytesIO()
        pq.write_table(pa.Table.from_arrays(tableaux, names=list(colonnes)), tampon, **options)
        return tampon.getvalue()

    return faire


def arrow_ipc(n: int) -> bytes:
    tampon = io.BytesIO()
    pl.DataFrame({"finess_et": [str(n)]}).write_ipc(tampon)
    return tampon.getvalue()


def parquet_double(n: int) -> bytes:
    tampon = io.BytesIO()
    colonnes = [pa.array([FINESS["F1"]]), pa.array([f"D{n}"]), pa.array([f"P{n}"]), pa.array([f"D{n}"])]
    pq.write_table(
        pa.Table.from_arrays(colonnes, names=["finess_et", "id_dossier", "id_personne", "id_dossier"]), tampon
    )
    return tampon.getvalue()


def parquet_bombe(n: int) -> bytes:
    geante = pa.DictionaryArray.from_arrays(pa.array([0] * 20_000, pa.int32()), pa.array(["x" * (2 << 20)]))
    colonnes = [geante, geante, pa.array([f"P{n}"] * 20_000)]
    tampon = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(colonnes, names=["finess_et", "id_dossier", "id_personne"]), tampon)
    return tampon.getvalue()


def lzma_gourmand(n: int) -> bytes:
    """A member that asks for a dictionary of 4 GiB."""
    brut = zippe({"dossiers_2026-04-01_z.csv": Entree(t(D1), methode=zipfile.ZIP_LZMA)})(n)
    return brut.replace(b"\x09\x04\x05\x00\x5d\x00\x00\x80\x00", b"\x09\x04\x05\x00\x5d\xff\xff\xff\xff")


DP1 = {"finess_et": ["F1"], "id_dossier": ["D@"], "id_personne": ["P@"]}
MP1 = {"finess_et": ["F1"], "id_dossier": ["D@"]}

# ---- TDDUI

_PROFIL = "https://interop.esante.gouv.fr/ig/fhir/tddui/StructureDefinition/tddui-"
_USAGER = "https://identifiant-medicosocial-localusager.esante.gouv.fr"


def entrees(organisation: str = "1F1", **ressource: Any) -> list[dict[str, Any]]:
    structure = {
        "resourceType": "Organization",
        "id": "o",
        "meta": {"profile": [_PROFIL + "organization"]},
        "identifier": [{"type": {"coding": [{"code": "IDNST"}]}, "value": organisation}],
    }
    patient = {
        "resourceType": "Patient",
        "id": "p",
        "meta": {"profile": [_PROFIL + "patient"]},
        "identifier": [{"system": _USAGER, "value": "3F1/@"}],
    }
    return [{"resource": structure}, {"resource": patient | ressource}]


def bundle(contenu: Any, **reste: Any) -> str:
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": contenu} | reste, ensure_ascii=False)


# ---- what is no plain file


@pose
def lien_vers_l_autre(chemin: Path, _: int) -> None:
    chemin.symlink_to(chemin.parents[1] / AUTRE / SECRET)


@pose
def lien_de_dossier(chemin: Path, _: int) -> None:
    chemin.symlink_to(chemin.parents[1] / AUTRE, target_is_directory=True)


@pose
def lien_boucle(chemin: Path, _: int) -> None:
    chemin.symlink_to(chemin.parent, target_is_directory=True)


@pose
def lien_mort(chemin: Path, _: int) -> None:
    chemin.symlink_to("nulle-part.csv")


@pose
def lien_physique(chemin: Path, _: int) -> None:
    os.link(chemin.parents[1] / AUTRE / PARTAGE, chemin)


@pose
def tube(chemin: Path, _: int) -> None:
    os.mkfifo(chemin)


@pose
def prise(chemin: Path, _: int) -> None:
    # A short name, then moved: the address of a socket has 108 bytes.
    ici = Path.cwd()
    os.chdir(chemin.parent)
    try:
        with socket.socket(socket.AF_UNIX) as ouverte:
            ouverte.bind("s")
        Path("s").rename(chemin)
    finally:
        os.chdir(ici)


@pose
def peripherique(chemin: Path, _: int) -> None:
    os.mknod(chemin, stat.S_IFCHR | 0o600, os.makedev(1, 5))  # /dev/zero: it has no end


@pose
def creux(chemin: Path, _: int) -> None:
    with chemin.open("wb") as flux:
        flux.truncate(3 << 30)


@pose
def dossier_vide(chemin: Path, _: int) -> None:
    chemin.mkdir()


# ---- sheets and cells that take some words


def _fusionnees(classeur: xlsxwriter.Workbook) -> None:
    feuille_ = classeur.worksheets()[0]
    feuille_.merge_range("A2:A3", FINESS["F1"])


def _premiere_masquee(classeur: xlsxwriter.Workbook) -> None:
    classeur.worksheets()[1].activate()
    classeur.worksheets()[0].hide()


def _lignes_masquees(classeur: xlsxwriter.Workbook) -> None:
    classeur.worksheets()[0].set_row(1, None, None, {"hidden": True})


def _tableau(classeur: xlsxwriter.Workbook) -> None:
    classeur.worksheets()[0].add_table("A1:C2", {"columns": [{"header": e} for e in DX]})


def _graphique(classeur: xlsxwriter.Workbook) -> None:
    graphique = classeur.add_chart({"type": "bar"})
    graphique.add_series({"values": "=dossiers!$A$2:$A$2"})
    classeur.add_chartsheet("Graphique").set_chart(graphique)


def _formules(classeur: xlsxwriter.Workbook) -> None:
    classeur.worksheets()[0].write_formula("B2", '="D"&ROW()', None, "D-calcule")


def _erreur_na(classeur: xlsxwriter.Workbook) -> None:
    classeur.worksheets()[0].write_formula("B5", "=NA()", None, "#N/A")


def _depuis_1904(contenu: Contenu) -> Contenu:
    def faire(n: int) -> bytes:
        tampon = io.BytesIO()
        with xlsxwriter.Workbook(tampon, {"in_memory": True, "date_1904": True}) as classeur:
            f = classeur.add_worksheet("mises_a_jour")
            for colonne, entete in enumerate(("finess_et", "id_dossier", "horodatage")):
                f.write(0, colonne, entete)
            f.write_string(1, 0, FINESS["F1"])
            f.write_string(1, 1, f"D{n}")
            f.write_datetime(
                1, 2, datetime(2026, 3, 14, 10, 25), classeur.add_format({"num_format": "dd/mm/yyyy hh:mm"})
            )
        return tampon.getvalue()

    return faire


ODS = zippe({"mimetype": t("application/vnd.oasis.opendocument.spreadsheet"), "content.xml": t("<x n='@'/>")})
DOCX = zippe({"[Content_Types].xml": t("<Types n='@'/>"), "word/document.xml": t("<w/>")})
XLSB = zippe({"[Content_Types].xml": t("<Types n='@'/>"), "xl/workbook.bin": t("x")})
HTML = t("<html><body><table><tr><td>finess_et</td><td>@</td></tr></table></body></html>")
MILLE = t(bonnes(D, "F1;D@-#;P@-#", 1000))
NOMBREUX = xlsx({"dossiers": [DX, *(["F1", f"D@-{i}", f"P@-{i}"] for i in range(300))]})
ZIP_BON = zippe(
    {"dossiers_2026-04-01_z.csv": MILLE, "sejours_2026-04-01_z.csv": t(bonnes(S, "F1;D@-#;2025-06-01;", 1000))}
)
PARQUET_BON = parquet(
    {nom: [v[0] + "-" + str(i) if nom != "finess_et" else v[0] for i in range(300)] for nom, v in DP1.items()}
)
TDDUI_BON = t(bundle(entrees()))


def cas_de_table() -> Iterator[Cas]:
    """All files."""
    yield from NOMS
    yield from TEXTES
    yield from VALEURS
    yield from TABLES_ECHANGEES
    yield from CLASSEURS
    yield from ARCHIVES
    yield from PARQUETS
    yield from BUNDLES
    yield from GENRES
    for part in range(1, 21):
        bout = f"tronque-{part:02d}"
        yield cas(
            f"dossiers_2026-04-01_{bout}.csv.gz",
            f"gzip coupé à {part}/21",
            coupe(gz(MILLE), part),
            REFUSE,
            "FICHIER_ILLISIBLE",
        )
        yield cas(
            f"dossiers_2026-04-01_{bout}.xlsx",
            f"classeur coupé à {part}/21",
            coupe(NOMBREUX, part),
            REFUSE,
            "FICHIER_ILLISIBLE",
        )
        yield cas(f"{bout}.zip", f"archive coupée à {part}/21", coupe(ZIP_BON, part), REFUSE, "FICHIER_ILLISIBLE")
        yield cas(
            f"dossiers_2026-04-01_{bout}.parquet",
            f"parquet coupé à {part}/21",
            coupe(PARQUET_BON, part),
            REFUSE,
            "FICHIER_ILLISIBLE",
        )


# fmt: off
NOMS = [
    cas("dossiers.csv", "sans date", t(D1), REFUSE, "NOM_INVALIDE"),
    cas("_2026-04-01.csv", "sans table", t(D1), REFUSE, "NOM_INVALIDE"),
    cas("dossiers_2026-04-01.csv.csv", "extension deux fois", t(D1), REFUSE, "NOM_INVALIDE"),
    cas("dossiers_2026-04-01.xlsx.csv", "deux extensions", t(D1), REFUSE, "NOM_INVALIDE"),
    cas("dossiers_01-04-2026.csv", "date à la française", t(D1), OK, SANS, 1),
    cas("dossiers_2026-13-01.csv", "13e mois", t(D1), REFUSE, "NOM_INVALIDE"),
    cas("dossiers_2026-02-30.csv", "30 février", t(D1), REFUSE, "NOM_INVALIDE"),
    cas("dossiers 2026-04-01.csv", "espace au lieu du tiret bas", t(D1), OK, SANS, 1),
    cas("dossiers_2026-04-01 (1).csv", "second téléchargement", t(D1), OK, SANS, 1),
    cas("*.csv", "nom qui est un motif", t(D1), REFUSE, "NOM_INVALIDE"),
    cas("dossier_2026-04-01.csv", "table au singulier", t(D1), REFUSE, "TABLE_INCONNUE"),
    cas("séjours_2026-04-01.csv", "table accentuée", t(S + "F1;D@;2026-01-05;\n"), OK, SANS, 1),
    cas("usagers_2026-04-01.csv", "autre table", t(D1), REFUSE, "TABLE_INCONNUE"),
    cas("mises-a-jour_2026-04-01.csv", "tirets", t(M + "F1;D@;2026-03-01\n"), OK, SANS, 1),
    cas(b"dossiers\xff_2026-04-01.csv", "octet qui n'est pas UTF-8 dans la table", t(D1), REFUSE, "TABLE_INCONNUE"),
    cas("../dossiers_2026-04-01_pt.csv".replace("../", ".."), "points devant : en cours d'écriture", t(D1), RIEN),
    cas("dossiers_2026-05-15.csv", "extraction dans le futur", t(D1), REFUSE, "EXTRACTION_FUTURE"),
    cas("dossiers_2026-04-03_demain.csv", "extraction de demain", t(D1), OK, SANS, 1),
    cas("dossiers_2026-04-01.xls", "HTML enregistré en .xls", HTML, REFUSE, "EXTENSION_INCONNUE"),
    cas("dossiers_2026-04-01.ods", "OpenDocument", ODS, REFUSE, "EXTENSION_INCONNUE"),
    cas("dossiers_2026-04-01.txt", "texte", t(D1), REFUSE, "EXTENSION_INCONNUE"),
    cas("dossiers_2026-04-01.7z", "7-Zip", octets(b"7z\xbc\xaf\x27\x1c@"), REFUSE, "EXTENSION_INCONNUE"),
    cas("dossiers_2026-04-01.rar", "RAR", octets(b"Rar!@"), REFUSE, "EXTENSION_INCONNUE"),
    cas("dossiers_2026-04-01.pdf", "PDF", octets(b"%PDF-1.7 @"), REFUSE, "EXTENSION_INCONNUE"),
    cas("dossiers_2026-04-01", "sans extension", t(D1), REFUSE, "EXTENSION_INCONNUE"),
    cas("Thumbs.db", "reste de Windows", octets(b"@"), REFUSE, "EXTENSION_INCONNUE"),
    cas("dossiers_2026-04-01_\u202evsc.exe", "extension cachée par un texte de droite à gauche", t(D1), REFUSE, "EXTENSION_INCONNUE"),
    cas("dossiers_2026-04-01.json", "JSON qui n'est pas tddui", t(D1), REFUSE, "EXTENSION_INCONNUE"),
    cas("tddui_2026-04-01.csv", "tddui en CSV", t(D1), REFUSE, "EXTENSION_INCONNUE"),
    cas("duimetre_2026-04-01.csv", "duimetre en CSV", t(D1), REFUSE, "EXTENSION_INCONNUE"),
    cas("DOSSIERS_20260401_MAJ.CSV", "majuscules, date sans tirets", t(D1), OK, SANS, 1),
    cas("dossiers_2026-04-01_*.csv", "étoile", t(D1), OK, SANS, 1),
    cas("dossiers_2026-04-01_[a-z]?.csv", "crochets", t(D1), OK, SANS, 1),
    cas("dossiers_2026-04-01_{a,b}*.parquet", "accolades", parquet(DP1), OK, SANS, 1),
    cas("dossiers_2026-04-01_*.xlsx", "étoile", xlsx(DX1), OK, SANS, 1),
    cas("dossiers_2026-04-01_'; DROP TABLE examens; --.csv", "SQL", t(D1), OK, SANS, 1),
    cas("dossiers_2026-04-01_$(touch x)`id`.csv", "commande", t(D1), OK, SANS, 1),
    cas("dossiers_2026-04-01_a\nb.csv", "saut de ligne", t(D1), OK, SANS, 1),
    cas("dossiers_2026-04-01_\u202excod.csv", "de droite à gauche", t(D1), OK, SANS, 1),
    cas("dossiers_2026-04-01_\x1b[31m\x07.csv", "codes de terminal", t(D1), OK, SANS, 1),
    cas(b"dossiers_2026-04-01_\xe9t\xe9.csv", "accents Windows-1252", t(D1), OK, SANS, 1),
    cas("dossiers_2026-04-01_été 🦊.csv", "accents et emoji", t(D1), OK, SANS, 1),
    cas("dossiers_2026-04-01_" + "x" * 231 + ".csv", "255 octets", t(D1), OK, SANS, 1),
    cas("--dossiers_2026-04-01.csv", "option de commande", t(D1), REFUSE, "TABLE_INCONNUE"),
    cas("dossiers_2026-04-01_sous\\..\\..\\dossier.csv", "barres de Windows", t(D1), OK, SANS, 1),
    cas("dossiers_2026-04-01.csv.part", "en cours d'écriture", t(D1), RIEN),
    cas("dossiers_2026-04-01.csv.filepart", "en cours d'écriture", t(D1), RIEN),
    cas("dossiers_2026-04-01.TMP", "en cours d'écriture", t(D1), RIEN),
    cas("~$dossiers_2026-04-01.xlsx", "verrou d'Excel", octets(b"@"), RIEN),
    cas(".~lock.dossiers_2026-04-01.csv#", "verrou de LibreOffice", octets(b"@"), RIEN),
]

TEXTES = [
    cas("dossiers_2026-04-01_vide.csv", "0 octet", octets(b""), REFUSE, "FICHIER_VIDE"),
    cas("dossiers_2026-04-01_blancs.csv", "lignes blanches seules", t("\n\n  \n"), REFUSE, "FICHIER_VIDE"),
    cas("dossiers_2026-04-01_bom-seul.csv", "BOM seul", octets(b"\xef\xbb\xbf"), REFUSE, "FICHIER_VIDE"),
    cas("dossiers_2026-04-01_entete-seul.csv", "en-tête seul", t(D), REFUSE, "AUCUNE_LIGNE"),
    cas("dossiers_2026-04-01_lignes-vides.csv", "cellules toutes vides", t(D + ";;\n ; ;\n;;\n"), REFUSE, "AUCUNE_LIGNE"),
    cas("dossiers_2026-04-01_entete-faux.csv", "autres noms de colonnes", t("etab;dossier;personne\nF1;D@;P@\n"), REFUSE, "COLONNE_MANQUANTE"),
    cas("dossiers_2026-04-01_sans-entete.csv", "sans en-tête", t("F1;D@;P@\nF1;E@;Q@\n"), REFUSE, "COLONNE_MANQUANTE"),
    cas("dossiers_2026-04-01_titre.csv", "titre au-dessus de l'en-tête", t("Export du 1er avril\n" + D1), OK, "LIGNES_AVANT_ENTETE", 1),
    cas("dossiers_2026-04-01_1col.csv", "une seule colonne", t("finess_et\nF1\n"), REFUSE, "COLONNE_MANQUANTE"),
    cas("dossiers_2026-04-01_sep-inconnu.csv", "séparateur inconnu", t(D1.replace(";", "^")), REFUSE, "COLONNE_MANQUANTE"),
    cas("dossiers_2026-04-01_separateurs.csv", "rien que des séparateurs", t(";;;\n;;;\n"), REFUSE, "FICHIER_VIDE"),
    cas("dossiers_2026-04-01_col-double.csv", "en-tête deux fois", t("finess_et;id_dossier;id_personne;id_dossier\nF1;D@;P@;D@\n"), REFUSE, "COLONNE_EN_DOUBLE"),
    cas("dossiers_2026-04-01_col-double2.csv", "en-tête deux fois, autrement écrit", t("finess_et;id_dossier;id_personne;Id-Dossier\nF1;D@;P@;D@\n"), REFUSE, "COLONNE_EN_DOUBLE"),
    cas("dossiers_2026-04-01_manque-et-double.csv", "tout d'un coup", t("finess_et;id_dossier;id_dossier\nF1;D@;D@\n"), REFUSE, "COLONNE_EN_DOUBLE COLONNE_MANQUANTE"),
    cas("dossiers_2026-04-01_entete-varie.csv", "casse, accents, espaces", t(" FINESS.ET ;Id Dossier;ID-PERSONNÉ\nF1;D@;P@\n"), OK, SANS, 1),
    cas("dossiers_2026-04-01_entete-quote.csv", "tout entre guillemets", t('"finess_et";"id_dossier";"id_personne"\n"F1";"D@";"P@"\n'), OK, SANS, 1),
    cas("dossiers_2026-04-01_en-plus.csv", "colonnes inconnues", t("nom;finess_et;id_dossier;id_personne;nir\nDURAND;F1;D@;P@;1\n"), OK, "COLONNE_IGNOREE", 1),
    cas("dossiers_2026-04-01_decale.csv", "une ligne décalée", avec(D, "F1;D@#;P@#", 9, "F1;D@;x;P@;y"), REJETS, "CELLULES_EN_TROP", 9),
    cas("dossiers_2026-04-01_decale-tout.csv", "colonne décalée partout", t(bonnes(D, "DURAND;F1;D@#;P@#", 9)), REFUSE, "CELLULES_EN_TROP FINESS_INVALIDE TROP_DE_REJETS"),
    cas("dossiers_2026-04-01_cellules-vides-en-trop.csv", "séparateurs en fin de ligne", t(D.replace("\n", ";;\n") + "F1;D@;P@;;\n"), OK, SANS, 1),
    cas("dossiers_2026-04-01_courtes.csv", "cellules manquantes en fin de ligne", t(D.replace("\n", ";ins;date_creation\n") + "F1;D@;P@\n"), OK, SANS, 1),
    cas("dossiers_2026-04-01_sep.csv", "ligne sep=;", t("sep=;\n" + D1), OK, SANS, 1),
    cas("dossiers_2026-04-01_sep-virgule.csv", "ligne sep=,", t('"sep=,"\n' + D1.replace(";", ",")), OK, SANS, 1),
    cas("dossiers_2026-04-01_virgule.csv", "virgules", t(D1.replace(";", ",")), OK, SANS, 1),
    cas("dossiers_2026-04-01_tab.csv", "tabulations", t(D1.replace(";", "\t")), OK, SANS, 1),
    cas("dossiers_2026-04-01_barre.csv", "barres", t(D1.replace(";", "|")), OK, SANS, 1),
    cas("dossiers_2026-04-01_virgules-dedans.csv", "virgules dans les textes", t(D + "F1;D@,1,2;P@,3\nF1;E@,1,2;Q@,3\n"), OK, SANS, 2),
    cas("dossiers_2026-04-01_bom.csv", "UTF-8 avec BOM", t(D1, avant=b"\xef\xbb\xbf"), OK, SANS, 1),
    cas("dossiers_2026-04-01_bom2.csv", "BOM deux fois", t(D1, avant=b"\xef\xbb\xbf" * 2), OK, SANS, 1),
    cas("dossiers_2026-04-01_bom-cp1252.csv", "BOM UTF-8, contenu Windows-1252", t(D + "F1;Dé@;P@\n", "cp1252", b"\xef\xbb\xbf"), REFUSE, "ENCODAGE_INCONNU"),
    cas("dossiers_2026-04-01_utf16le.csv", "UTF-16 LE avec BOM", t(D1, "utf-16-le", b"\xff\xfe"), OK, SANS, 1),
    cas("dossiers_2026-04-01_utf16be.csv", "UTF-16 BE avec BOM", t(D1, "utf-16-be", b"\xfe\xff"), OK, SANS, 1),
    cas("dossiers_2026-04-01_utf16le-nu.csv", "UTF-16 LE sans BOM", t(D1, "utf-16-le"), OK, SANS, 1),
    cas("dossiers_2026-04-01_utf16be-nu.csv", "UTF-16 BE sans BOM", t(D1, "utf-16-be"), OK, SANS, 1),
    cas("dossiers_2026-04-01_utf16-casse.csv", "UTF-16 puis autre chose", t(D1, "utf-16-le", b"\xff\xfe", b"\x00\xd8\x41\x00"), REFUSE, "ENCODAGE_INCONNU"),
    cas("dossiers_2026-04-01_utf32.csv", "UTF-32", t(D1, "utf-32"), REFUSE, "ENCODAGE_INCONNU"),
    cas("dossiers_2026-04-01_cp1252.csv", "Windows-1252", t(D + "F1;Dœ€é@;P@\n", "cp1252"), OK, SANS, 1),
    cas("dossiers_2026-04-01_latin9.csv", "ISO-8859-15", t(D + "F1;Dœ€é@;P@\n", "iso8859-15"), OK, SANS, 1),
    cas("dossiers_2026-04-01_melange.csv", "UTF-8 puis Windows-1252", lambda n: t(D + "F1;Dé@;P@\n")(n) + t("F1;Eé@;Q@\n", "cp1252")(n), OK, SANS, 2),
    cas("dossiers_2026-04-01_nul.csv", "octet nul au milieu", t(D + "F1;D\0@;P@\n"), REFUSE, "CONTENU_INATTENDU"),
    cas("dossiers_2026-04-01_nuls-fin.csv", "fin du fichier en octets nuls", t(D1, apres=bytes(4096)), REFUSE, "CONTENU_INATTENDU"),
    cas("dossiers_2026-04-01_aleatoire.csv", "octets au hasard", octets(bytes(range(1, 256)) * 40), REFUSE, "COLONNE_MANQUANTE"),
    cas("dossiers_2026-04-01_mac.csv", "fins de ligne Mac", t(D1.replace("\n", "\r")), OK, SANS, 1),
    cas("dossiers_2026-04-01_crlf.csv", "fins de ligne mêlées", t(D.replace("\n", "\r\n") + "F1;D@;P@\rF1;E@;Q@\n"), OK, SANS, 2),
    cas("dossiers_2026-04-01_sans-fin.csv", "sans fin de ligne à la fin", t(D1.rstrip("\n")), OK, SANS, 1),
    cas("dossiers_2026-04-01_lignes-blanches.csv", "lignes blanches entre les lignes", t("\n" + D + "\n\nF1;D@;P@\n\n"), OK, SANS, 1),
    cas("dossiers_2026-04-01_ctrl-z.csv", "fin de fichier DOS (Ctrl-Z)", t(D1 + "\x1a"), REJETS, "FINESS_INVALIDE VALEUR_MANQUANTE", 1),
    cas("dossiers_2026-04-01_saut-quote.csv", "saut de ligne entre guillemets", t(D + 'F1;"D\n@";P@\n'), OK, SANS, 1),
    cas("dossiers_2026-04-01_guillemet-50000.csv", "guillemet seul à la ligne 50 000", t(bonnes(D, "F1;D@-#;P@-#", 49_998) + 'F1;"D;P\n' + "F1;x@;y\n" * 5000), REFUSE, "GUILLEMET_OUVERT"),
    cas("dossiers_2026-04-01_guillemet-1.csv", "guillemet seul dans l'en-tête", t('finess_et;"id_dossier;id_personne\nF1;D@;P@\n'), REFUSE, "GUILLEMET_OUVERT"),
    cas("dossiers_2026-04-01_guillemets-loin.csv", "deux guillemets seuls, loin l'un de l'autre", t(bonnes(D, "F1;D@-#;P@-#", 50) + 'F1;"D;P\n' + bonnes("", "F1;E@-#;Q@-#", 50) + 'F1;D";P\n'), REFUSE, "GUILLEMET_OUVERT"),
    cas("dossiers_2026-04-01_guillemet-dedans.csv", "guillemets dans une cellule", t(D + 'F1;D"x"@;"P""@"\n'), OK, SANS, 1),
    cas("dossiers_2026-04-01_cellule-geante.csv", "cellule de 2 Mio", t(D + "F1;D@;" + "x" * (2 << 20) + "\n"), REFUSE, "FICHIER_ILLISIBLE"),
    cas("dossiers_2026-04-01_ligne-geante.csv", "9 Mio sans fin de ligne", t("x" * (9 << 20) + "@"), REFUSE, "FICHIER_ILLISIBLE"),
    cas("dossiers_2026-04-01_10000col.csv", "10 000 colonnes", t(";".join(f"c{i}" for i in range(10_000)) + "\n" + ";" * 9_999 + "@\n"), REFUSE, "FICHIER_ILLISIBLE"),
    cas("dossiers_2026-04-01_1500col.csv", "1 500 colonnes", t(D.strip() + "".join(f";c{i}" for i in range(1_497)) + "\nF1;D@;P@" + ";x" * 1_497 + "\n"), OK, "COLONNE_IGNOREE", 1),
    cas("dossiers_2026-04-01_html.csv", "HTML enregistré en .csv", HTML, REFUSE, "CONTENU_INATTENDU"),
    cas("dossiers_2026-04-01_xml.csv", "XML", t('<?xml version="1.0"?><a>@</a>'), REFUSE, "CONTENU_INATTENDU"),
    cas("dossiers_2026-04-01_json.csv", "JSON", t('{"a": "@"}'), REFUSE, "CONTENU_INATTENDU"),
    cas("dossiers_2026-04-01_rtf.csv", "RTF", t("{\\rtf1 @}"), REFUSE, "CONTENU_INATTENDU"),
    cas("dossiers_2026-04-01_pdf.csv", "PDF", octets(b"%PDF-1.7 @"), REFUSE, "CONTENU_INATTENDU"),
    cas("dossiers_2026-04-01_xlsx.csv", "classeur renommé", xlsx(DX1), REFUSE, "CONTENU_INATTENDU"),
    cas("dossiers_2026-04-01_xls.csv", "ancien classeur renommé", ole("Workbook"), REFUSE, "CONTENU_INATTENDU"),
    cas("dossiers_2026-04-01_zip.csv", "archive renommée", ZIP_BON, REFUSE, "CONTENU_INATTENDU"),
    cas("dossiers_2026-04-01_gz.csv", "gzip renommé", gz(t(D1)), REFUSE, "CONTENU_INATTENDU"),
    cas("dossiers_2026-04-01_parquet.csv", "parquet renommé", parquet(DP1), REFUSE, "CONTENU_INATTENDU"),
    cas("dossiers_2026-04-01_bon.csv.gz", "gzip", gz(t(D1)), OK, SANS, 1),
    cas("dossiers_2026-04-01_deux.csv.gz", "deux gzip bout à bout", lambda n: gz(t(D1))(n) + gz(t("F1;E@;Q@\n"))(n), OK, SANS, 2),
    cas("dossiers_2026-04-01_vide.csv.gz", "gzip de rien", gz(octets(b"")), REFUSE, "FICHIER_VIDE"),
    cas("dossiers_2026-04-01_texte.csv.gz", "CSV nommé .csv.gz", t(D1), REFUSE, "FICHIER_ILLISIBLE"),
    cas("dossiers_2026-04-01_gzgz.csv.gz", "gzip de gzip", gz(gz(t(D1))), REFUSE, "CONTENU_INATTENDU"),
    cas("dossiers_2026-04-01_crc.csv.gz", "gzip à la somme fausse", abime(gz(MILLE), 0.999), REFUSE, "FICHIER_ILLISIBLE"),
    cas("dossiers_2026-04-01_bombe.csv.gz", "30 Mio de lignes dans 60 Kio", gz(t("F1;D@;P\n" * 2_000_000)), REFUSE, "ARCHIVE_DEMESUREE"),
    cas("dossiers_2026-04-01_bombe-nulle.csv.gz", "64 Mio d'octets nuls", gz(zeros(64 << 20)), REFUSE, "CONTENU_INATTENDU"),
    cas("sous-dossier/encore/dossiers_2026-04-01_sous.csv", "dans un sous-dossier", t(D1), OK, SANS, 1),
]

VALEURS = [
    cas("mises_a_jour_2026-04-01_dates.csv", "trois façons d'écrire une date", t(M + "F1;D@;2026-03-14\nF1;D@;14/03/2026\nF1;D@;2026-03-14 10:25:00\nF1;D@;14/03/2026 10:25\nF1;D@;2026-03-14T10:25:00.123Z\n"), OK, SANS, 5),
    cas("sejours_2026-04-01_dates.csv", "dates avec une heure", t(S + "F1;D@;2025-06-01 00:00:00;\nF1;E@;01/06/2025;31/12/2099\nF1;G@;2025-06-01T00:00;2999-12-31\n"), OK, SANS, 3),
    cas("sejours_2026-04-01_dates-fausses.csv", "trois façons qui ne vont pas", avec(S, "F1;D@-#;2025-06-01;", 20, "F1;A;01-06-2025;", "F1;B;1 juin 2025;", "F1;C;06/25/2025;", "F1;D;01/06/25;"), REJETS, "ANNEE_COURTE DATES_ECHANGEES DATE_INVALIDE", 20),
    cas("sejours_2026-04-01_serie.csv", "date d'Excel en nombre", avec(S, "F1;D@-#;2025-06-01;", 20, "F1;A;45809;"), REJETS, "DATE_INVALIDE", 20),
    cas("sejours_2026-04-01_serie-tout.csv", "toutes les dates d'Excel en nombre", t(bonnes(S, "F1;D@-#;45809;", 20)), REFUSE, "DATE_INVALIDE TROP_DE_REJETS"),
    cas("sejours_2026-04-01_30fevrier.csv", "30 février", avec(S, "F1;D@-#;2025-06-01;", 20, "F1;A;30/02/2025;"), REJETS, "DATE_INVALIDE", 20),
    cas("sejours_2026-04-01_1899.csv", "avant 1900", avec(S, "F1;D@-#;2025-06-01;", 20, "F1;A;1899-12-30;"), REJETS, "DATE_TROP_ANCIENNE", 20),
    cas("sejours_2026-04-01_2030.csv", "entrée dans quatre ans", avec(S, "F1;D@-#;2025-06-01;", 20, "F1;A;2030-01-01;"), REJETS, "DATE_TROP_LOINTAINE", 20),
    cas("sejours_2026-04-01_inverse.csv", "sortie avant entrée", avec(S, "F1;D@-#;2025-06-01;", 20, "F1;A;2025-06-01;2025-05-01"), REJETS, "SORTIE_AVANT_ENTREE", 20),
    cas("mises_a_jour_2026-04-01_futur.csv", "fait dans le futur", avec(M, "F1;D@-#;2026-03-01", 20, "F1;A;2026-04-03"), REJETS, "FAIT_FUTUR", 20),
    cas("mss_2026-04-01_espaces.csv", "nombres avec espaces", avec(MSS, "F1;2026-03-01;M@-#;1", 20, "F1;2026-03-01;A;1 234", "F1;2026-03-01;B;1\u00a0234", "F1;2026-03-01;C;3,0"), REJETS, "ENTIER_INVALIDE", 21),
    cas("mss_2026-04-01_negatif.csv", "nombre négatif", avec(MSS, "F1;2026-03-01;M@-#;1", 20, "F1;2026-03-01;A;-4"), REJETS, "ENTIER_NEGATIF", 20),
    cas("mss_2026-04-01_enorme.csv", "nombre de 30 chiffres", avec(MSS, "F1;2026-03-01;M@-#;1", 20, "F1;2026-03-01;A;" + "9" * 30), REJETS, "ENTIER_INVALIDE", 20),
    cas("dossiers_2026-04-01_zero.csv", "zéro de tête perdu", t(D + "10000123;D@;P@\n"), OK, "ZERO_PERDU", 1),
    cas("dossiers_2026-04-01_scientifique.csv", "FINESS en notation scientifique", avec(D, "F1;D@#;P@#", 9, "9,70E+08;D;P"), REJETS, "FINESS_INVALIDE", 9),
    cas("dossiers_2026-04-01_cle.csv", "clé FINESS fausse", t(D + "FX;D@;P@\n"), OK, "FINESS_CLE", 1),
    cas("dossiers_2026-04-01_autrui.csv", "structure d'un autre porteur", avec(D, "F1;D@#;P@#", 9, "FB;D;P"), OK, "HORS_PROJET", 9),
    cas("dossiers_2026-04-01_autrui-tout.csv", "rien que la structure d'un autre", t(bonnes(D, "FB;D@#;P@#", 9)), OK, "HORS_PROJET", 0),
    cas("dossiers_2026-04-01_sans-finess.csv", "FINESS vides", avec(D, "F1;D@#;P@#", 9, ";D;P"), REJETS, "VALEUR_MANQUANTE", 9),
    cas("dossiers_2026-04-01_long.csv", "identifiant de 65 caractères", avec(D, "F1;D@#;P@#", 9, "F1;" + "x" * 65 + ";P"), REJETS, "IDENTIFIANT_INVALIDE", 9),
    cas("dossiers_2026-04-01_ins.csv", "INS malformée", t(D.replace("\n", ";ins\n") + "F1;D@;P@;12345\n"), OK, "INS_A_VERIFIER INS_INVALIDE", 1),
    cas("dossiers_2026-04-01_bool.csv", "ni oui ni non", avec(D.replace("\n", ";eligible_projet\n"), "F1;D@#;P@#;Oui", 9, "F1;D;P;peut-être"), REJETS, "BOOLEEN_INVALIDE", 9),
    cas("dossiers_2026-04-01_contraires.csv", "même clé, contenus différents", avec(D, "F1;D@#;P@#", 19, "F1;D;P", "F1;D;Q"), REJETS, "CLE_EN_DOUBLE", 19),
    cas("dossiers_2026-04-01_copies.csv", "lignes copiées", t(D + "F1;D@;P@\n" * 5), OK, "DOUBLON_EXACT", 5),
    cas("projets_2026-04-01_statut.csv", "statut hors liste", avec("finess_et;id_dossier;id_projet;statut\n", "F1;D@-#;P@-#;actif", 9, "F1;D;P;validé"), REJETS, "VALEUR_HORS_LISTE", 9),
    cas("dmp_2026-04-01_anonyme.csv", "document de personne", avec("finess_et;horodatage;id_dossier;ins\n", "F1;2026-03-01;D@#;", 9, "F1;2026-03-01;;"), REJETS, "SANS_IDENTIFIANT", 9),
    cas("dossiers_2026-04-01_formules.csv", "formules dans les textes", t(D + "F1;=cmd|' /C calc'!A0@;+1\nF1;@SUM(1);-1\nF1;'x@;\"\tx\"\n"), OK, SANS, 3),
    cas("dossiers_2026-04-01_unicode.csv", "emoji, droite à gauche, zéro de largeur nulle", t(D + "F1;🦊\u202e@\u200b;P\u0301\n"), OK, SANS, 1),
    cas("dossiers_2026-04-01_total.csv", "ligne de total", avec(D, "F1;D@#;P@#", 9, "Total;9;"), REJETS, "FINESS_INVALIDE VALEUR_MANQUANTE", 9),
]

TABLES_ECHANGEES = [
    cas("dossiers_2026-04-01_sejours.csv", "séjours nommés dossiers", t(S + "F1;D@;2025-06-01;\n"), REFUSE, "AUTRE_TABLE COLONNE_MANQUANTE"),
    cas("sejours_2026-04-01_dossiers.csv", "dossiers nommés séjours", t(D1), REFUSE, "AUTRE_TABLE COLONNE_MANQUANTE"),
    cas("eparcours_2026-04-01_maj.csv", "mises à jour nommées eparcours", t(M + "F1;D@;2026-03-01\n"), REFUSE, "AUTRE_TABLE COLONNE_MANQUANTE"),
    cas("projets_2026-04-01_agenda.csv", "agenda nommé projets", t("finess_et;id_dossier;id_evenement;debut;statut\nF1;D@;E@;2026-03-01;realise\n"), REFUSE, "AUTRE_TABLE COLONNE_MANQUANTE"),
    cas("mises_a_jour_2026-04-01_dmp.csv", "DMP nommé mises à jour, toutes colonnes là", t("finess_et;horodatage;id_document;id_dossier\nF1;2026-03-01;X@;D@\n"), OK, "COLONNE_IGNOREE TABLE_DOUTEUSE", 1),
    cas("mss_2026-04-01_eparcours.csv", "e-parcours nommé mss, toutes colonnes là", t("finess_et;id_echange;horodatage\nF1;X@;2026-03-01\n"), OK, "COLONNE_IGNOREE TABLE_DOUTEUSE", 1),
    cas("dossiers_2026-04-01_sejours.xlsx", "classeur de séjours nommé dossiers", xlsx({"Feuil1": [["finess_et", "id_dossier", "date_entree"], ["F1", "D@", date(2025, 6, 1)]]}), REFUSE, "AUTRE_TABLE COLONNE_MANQUANTE"),
]

CLASSEURS = [
    cas("dossiers_2026-04-01_bon.xlsx", "simple", xlsx(DX1), OK, SANS, 1),
    cas("dossiers_2026-04-01_seconde.xlsx", "la feuille qui porte le nom de la table", xlsx({"Lisez-moi": [["Bonjour @"]], **DX1}), OK, SANS, 1),
    cas("dossiers_2026-04-01_masquee.xlsx", "première feuille masquée", xlsx({"Listes": [["oui"], ["non"]], "Export": DX1["dossiers"]}, _premiere_masquee), OK, SANS, 1),
    cas("dossiers_2026-04-01_lignes-masquees.xlsx", "ligne masquée", xlsx(DX1, _lignes_masquees), OK, SANS, 1),
    cas("dossiers_2026-04-01_tableau.xlsx", "tableau mis en forme", xlsx(DX1, _tableau), OK, SANS, 1),
    cas("dossiers_2026-04-01_graphique.xlsx", "feuille de graphique", xlsx(DX1, _graphique), OK, SANS, 1),
    cas("dossiers_2026-04-01_fusion.xlsx", "cellules fusionnées", xlsx({"dossiers": [DX, ["F1", "D@", "P@"], [None, "E@", "Q@"]]}, _fusionnees), REJETS, "VALEUR_MANQUANTE", 1),
    cas("dossiers_2026-04-01_formules.xlsx", "formule et sa dernière valeur", xlsx(DX1, _formules), OK, SANS, 1),
    cas("dossiers_2026-04-01_na.xlsx", "cellule en erreur", xlsx({"dossiers": [DX, *([["F1", f"D@{i}", f"P@{i}"] for i in range(5)])]}, _erreur_na), REJETS, "VALEUR_MANQUANTE", 4),
    cas("dossiers_2026-04-01_nombres.xlsx", "FINESS en nombre", xlsx({"dossiers": [DX, [10000123, "D@", "P@"], [970400123, "E@", 12.0]]}), OK, "ZERO_PERDU", 2),
    cas("dossiers_2026-04-01_haut-vide.xlsx", "lignes vides au-dessus", xlsx({"dossiers": [[], [], DX, ["F1", "D@", "P@"]]}), OK, SANS, 1),
    cas("dossiers_2026-04-01_total.xlsx", "ligne de total", xlsx({"dossiers": [DX, *([["F1", f"D@{i}", f"P@{i}"] for i in range(9)]), ["Total", 9]]}), REJETS, "FINESS_INVALIDE VALEUR_MANQUANTE", 9),
    cas("sejours_2026-04-01_natives.xlsx", "dates d'Excel", xlsx({"sejours": [["finess_et", "id_dossier", "date_entree"], ["F1", "D@", date(2025, 6, 1)]]}), OK, SANS, 1),
    cas("sejours_2026-04-01_serie.xlsx", "date d'Excel sans son format", xlsx({"sejours": [["finess_et", "id_dossier", "date_entree"], *(["F1", f"D@{i}", date(2025, 6, 1)] for i in range(9)), ["F1", "D@", 45809]]}), REJETS, "DATE_INVALIDE", 9),
    cas("mises_a_jour_2026-04-01_1904.xlsx", "calendrier de 1904", _depuis_1904(t("")), OK, SANS, 1),
    cas("dossiers_2026-04-01_vide.xlsx", "feuille vide", xlsx({"dossiers": [], "x": [["@"]]}), REFUSE, "FICHIER_VIDE"),
    cas("dossiers_2026-04-01_entete.xlsx", "en-tête seul", xlsx({"dossiers": [DX], "x": [["@"]]}), REFUSE, "AUCUNE_LIGNE"),
    cas("dossiers_2026-04-01_dimension.xlsx", "étendue annoncée jusqu'au bout de la grille", parties(xlsx(DX1), sheet1=feuille(LIGNE1 + b'<row r="2">' + cellule("A2", FINESS["F1"]) + cellule("B2", "D-dim") + cellule("C2", "P") + b"</row>").replace(b"<sheetData>", b'<dimension ref="A1:XFD1048576"/><sheetData>')), OK, SANS, 1),
    cas("dossiers_2026-04-01_fantomes.xlsx", "100 000 lignes vides mises en forme", parties(xlsx(DX1), sheet1=feuille(LIGNE1 + b'<row r="2">' + cellule("A2", FINESS["F1"]) + cellule("B2", "D-fan") + cellule("C2", "P") + b"</row>" + b"".join(b'<row r="%d"><c r="A%d" s="0"/></row>' % (i, i) for i in range(3, 100_003)))), OK, SANS, 1),
    cas("duimetre_2026-04-01.xlsx", "une feuille par table", xlsx({"Dossiers": DX1["dossiers"], "Mises à jour": [["finess_et", "id_dossier", "horodatage"], ["F1", "D@", "2026-03-01"]], "Notes": [["x"]]}), f"{OK} + {OK}", "FEUILLE_IGNOREE", 2),
    cas("duimetre_2026-04-01_croisees.xlsx", "une feuille juste, une feuille d'une autre table", xlsx({"dossiers": DX1["dossiers"], "sejours": [DX, ["F1", "D@", "P@"]]}), f"{OK} + {REFUSE}", "AUTRE_TABLE COLONNE_MANQUANTE", 1),
    cas("duimetre_2026-04-01_double.xlsx", "deux feuilles pour une table", xlsx({"dossiers": DX1["dossiers"], "sejours": [["x"]], "Séjours ": [["y"]]}), f"{OK} + {REFUSE}", "FEUILLE_EN_DOUBLE", 1),
    cas("duimetre_2026-04-01_aucune.xlsx", "aucune feuille connue", xlsx({"Feuil1": DX1["dossiers"]}), REFUSE, "TABLE_INCONNUE"),
    cas("dossiers_2026-04-01_motdepasse.xlsx", "mot de passe", ole("EncryptionInfo", "EncryptedPackage"), REFUSE, "CLASSEUR_CHIFFRE"),
    cas("dossiers_2026-04-01_ancien.xlsx", "ancien .xls renommé", ole("Workbook"), REFUSE, "CONTENU_INATTENDU"),
    cas("dossiers_2026-04-01_html.xlsx", "HTML enregistré en .xlsx", HTML, REFUSE, "CONTENU_INATTENDU"),
    cas("dossiers_2026-04-01_csv.xlsx", "CSV renommé", t(D1), REFUSE, "CONTENU_INATTENDU"),
    cas("dossiers_2026-04-01_ods.xlsx", "OpenDocument renommé", ODS, REFUSE, "CONTENU_INATTENDU"),
    cas("dossiers_2026-04-01_docx.xlsx", "Word renommé", DOCX, REFUSE, "CONTENU_INATTENDU"),
    cas("dossiers_2026-04-01_xlsb.xlsx", "classeur binaire renommé", XLSB, REFUSE, "CONTENU_INATTENDU"),
    cas("dossiers_2026-04-01_zip.xlsx", "archive renommée", ZIP_BON, REFUSE, "CONTENU_INATTENDU"),
    cas("dossiers_2026-04-01_0octet.xlsx", "0 octet", octets(b""), REFUSE, "FICHIER_VIDE"),
    cas("dossiers_2026-04-01_chiffre.xlsx", "parties chiffrées", retouche(xlsx(DX1), (6, b"\x01"), (8, b"\x01")), REFUSE, "CLASSEUR_CHIFFRE"),
    cas("dossiers_2026-04-01_loin.xlsx", "une cellule tout au bout de la grille", parties(xlsx(DX1), sheet1=feuille(LIGNE1 + b'<row r="1048576">' + cellule("XFD1048576", "x") + b"</row>")), REFUSE, "CLASSEUR_DEMESURE"),
    cas("dossiers_2026-04-01_bas.xlsx", "deux cellules qui étendent la grille", parties(xlsx(DX1), sheet1=feuille(LIGNE1.replace(b"</row>", cellule("ALL1", "x") + b"</row>") + b'<row r="1048576">' + cellule("A1048576", "x") + b"</row>")), REFUSE, "CLASSEUR_DEMESURE"),
    cas("dossiers_2026-04-01_milliard.xlsx", "billion laughs dans les textes", parties(xlsx(DX1), sharedStrings=b'<?xml version="1.0"?>' + MILLIARD + b"<sst><si><t>&a9;</t></si></sst>"), REFUSE, "FICHIER_ILLISIBLE"),
    cas("dossiers_2026-04-01_milliard2.xlsx", "billion laughs dans la feuille", parties(xlsx(DX1), sheet1=feuille(LIGNE1 + b'<row r="2">' + cellule("A2", "&a9;") + b"</row>", MILLIARD)), REFUSE, "FICHIER_ILLISIBLE"),
    cas("dossiers_2026-04-01_xxe.xlsx", "entité extérieure", parties(xlsx(DX1), sheet1=feuille(LIGNE1 + b'<row r="2">' + cellule("A2", "&x;") + b"</row>", XXE)), REFUSE, "FICHIER_ILLISIBLE"),
    cas("dossiers_2026-04-01_bombe.xlsx", "64 Mio de textes partagés", parties(xlsx(DX1), sharedStrings=b"<sst><si><t>" + b"A" * (64 << 20) + b"</t></si></sst>"), REFUSE, "CLASSEUR_DEMESURE"),
    cas("dossiers_2026-04-01_profond.xlsx", "XML très imbriqué", parties(xlsx(DX1), sheet1=feuille(LIGNE1 + b"<row>" + b"<a>" * 500_000 + b"</a>" * 500_000 + b"</row>")), REFUSE, "AUCUNE_LIGNE"),
    cas("dossiers_2026-04-01_attributs.xlsx", "balise de 9 Mio", parties(xlsx(DX1), sheet1=feuille(b'<row r="1" x="' + b"y" * (9 << 20) + b'"></row>')), REFUSE, "CLASSEUR_DEMESURE"),
    cas("dossiers_2026-04-01_desordre.xlsx", "lignes dans le désordre", parties(xlsx(DX1), sheet1=feuille(LIGNE1 + b'<row r="9">' + cellule("A9", "x") + b'</row><row r="2">' + cellule("A2", "x") + b"</row>")), REFUSE, "FICHIER_ILLISIBLE"),
    cas("dossiers_2026-04-01_sans-feuille.xlsx", "partie manquante", parties(xlsx(DX1), sheet1=None), REFUSE, "FICHIER_ILLISIBLE"),
    cas("dossiers_2026-04-01_sans-textes.xlsx", "textes partagés manquants", parties(xlsx(DX1), sharedStrings=None), REFUSE, "FICHIER_ILLISIBLE"),
    cas("dossiers_2026-04-01_sans-classeur.xlsx", "sans classeur dedans", parties(xlsx(DX1), workbook=None), REFUSE, "CONTENU_INATTENDU"),
    cas("dossiers_2026-04-01_pas-xml.xlsx", "feuille qui n'est pas du XML", parties(xlsx(DX1), sheet1=b"finess_et;id_dossier"), REFUSE, "FICHIER_ILLISIBLE"),
    cas("dossiers_2026-04-01_abime.xlsx", "un octet changé", abime(NOMBREUX, 0.4), REFUSE, "FICHIER_ILLISIBLE"),
]

ARCHIVES = [
    cas("envoi.zip", "deux fichiers", ZIP_BON, f"{OK} + {OK}", SANS, 2000),
    cas("mac.zip", "faite sur un Mac", zippe({"envoi/": t(""), "envoi/dossiers_2026-04-01_z.csv": t(D1), "__MACOSX/envoi/._dossiers_2026-04-01_z.csv": t("@"), "envoi/.DS_Store": t("@")}), OK, SANS, 1),
    cas("melange.zip", "un bon, un mal nommé, un illisible", zippe({"dossiers_2026-04-01_z.csv": t(D1), "notes @.txt": t("x"), "sejours_2026-04-01_z.xlsx": t("PK\x03\x04@")}), f"{OK} + {REFUSE} + {REFUSE}", "EXTENSION_INCONNUE FICHIER_ILLISIBLE", 1),
    cas("tddui.zip", "bundle et CSV", zippe({"tddui_2026-04-01_z.json": TDDUI_BON, "sejours_2026-04-01_z.csv": t(S + "F1;D@;2025-06-01;\n")}), f"{OK} + {OK}", SANS, 2),
    cas("classeur.zip", "classeur de deux tables dans une archive", zippe({"duimetre_2026-04-01_z.xlsx": xlsx({"dossiers": DX1["dossiers"], "sejours": [S.strip().split(";"), ["F1", "D@", "2025-06-01"]]})}), f"{OK} + {OK}", SANS, 2),
    cas("gz.zip", "csv.gz dans une archive", zippe({"dossiers_2026-04-01_z.csv.gz": gz(t(D1))}), OK, SANS, 1),
    cas("imbriquee.zip", "archive dans une archive", zippe({"dossiers_2026-04-01_z.csv": t(D1), "autres.zip": ZIP_BON}), REFUSE, "ARCHIVE_IMBRIQUEE"),
    cas("imbriquee7z.zip", "7-Zip dans une archive", zippe({"autres.7z": octets(b"7z\xbc\xaf\x27\x1c@")}), REFUSE, "ARCHIVE_IMBRIQUEE"),
    cas("deguisee.zip", "archive nommée .csv dans une archive", zippe({"dossiers_2026-04-01_z.csv": ZIP_BON}), REFUSE, "CONTENU_INATTENDU"),
    cas("chiffree.zip", "mot de passe", retouche(ZIP_BON, (6, b"\x01"), (8, b"\x01")), REFUSE, "ARCHIVE_CHIFFREE"),
    cas("chiffree-a-demi.zip", "un fichier dit chiffré, qui ne l'est pas", retouche(zippe({"dossiers_2026-04-01_z.csv": t(D1)}), (6, b"\x01"), None), OK, SANS, 1),
    cas("bombe.zip", "64 Mio de zéros", zippe({"dossiers_2026-04-01_z.csv": zeros(1 << 25), "sejours_2026-04-01_z.csv": zeros(1 << 25)}), REFUSE, "ARCHIVE_DEMESUREE"),
    cas("bombe-menteuse.zip", "taille annoncée fausse", retouche(zippe({"dossiers_2026-04-01_z.csv": zeros(1 << 24)}), (22, struct.pack("<I", 100)), (24, struct.pack("<I", 100))), REFUSE, "FICHIER_ILLISIBLE"),
    cas("annonce-4gio.zip", "4 Gio annoncés", retouche(zippe({"dossiers_2026-04-01_z.csv": t(D1)}), None, (24, struct.pack("<I", 0xFFFFFFF0))), REFUSE, "ARCHIVE_DEMESUREE"),
    cas("nombreuse.zip", "1 001 fichiers", zippe({f"dossiers_2026-04-01_{i}.csv": t(D1) for i in range(1001)}), REFUSE, "ARCHIVE_DEMESUREE"),
    cas("vide.zip", "archive vide", octets(b"PK\x05\x06" + bytes(18)), REFUSE, "ARCHIVE_VIDE"),
    cas("que-des-tmp.zip", "rien que des fichiers en cours", zippe({"dossiers_2026-04-01.csv.tmp": t(D1), ".x": t("@")}), REFUSE, "ARCHIVE_VIDE"),
    cas("0octet.zip", "0 octet", octets(b""), REFUSE, "FICHIER_VIDE"),
    cas("traversee.zip", "noms qui remontent", zippe({"../../../beta/dossiers_2026-04-01_z.csv": t(D1), "/etc/sejours_2026-04-01_z.csv": t(S + "F1;D@;2025-06-01;\n"), "C:\\x\\..\\mises_a_jour_2026-04-01_z.csv": t(M + "F1;D@;2026-03-01\n")}), f"{OK} + {OK} + {OK}", SANS, 3),
    cas("lien.zip", "lien gardé dans l'archive", zippe({"dossiers_2026-04-01_z.csv": Entree(t("../beta/" + SECRET), 0o120777)}), REFUSE, "FICHIER_NON_ORDINAIRE"),
    cas("doubles.zip", "deux fichiers du même nom", zippe([("dossiers_2026-04-01_z.csv", t(D1)), ("dossiers_2026-04-01_z.csv", t(D1 + "F1;E@;Q@\n"))]), REFUSE, "FICHIER_ILLISIBLE"),
    cas("copies.zip", "deux fois le même contenu", zippe({"dossiers_2026-04-01_a.csv": t(D1), "dossiers_2026-04-01_b.csv": t(D1)}), f"{OK} + deja_recu", SANS, 1),
    cas("noms.zip", "saut de ligne, étoile, droite à gauche dans les noms", zippe({"dossiers_2026-04-01_a\nb.csv": t(D1), "sejours_2026-04-01_*.csv": t(S + "F1;D@;2025-06-01;\n"), "mises_a_jour_2026-04-01_\u202e.csv": t(M + "F1;D@;2026-03-01\n")}), f"{OK} + {OK} + {OK}", SANS, 3),
    cas("abimee.zip", "un fichier abîmé, l'autre bon", abime(zippe({"dossiers_2026-04-01_a.csv": Entree(MILLE, methode=zipfile.ZIP_STORED), "sejours_2026-04-01_b.csv": t(S + "F1;D@;2025-06-01;\n")}), 0.5), f"{REFUSE} + {OK}", "FICHIER_ILLISIBLE", 1),
    cas("bzip2.zip", "compression bzip2", zippe({"dossiers_2026-04-01_z.csv": Entree(t(D1), methode=zipfile.ZIP_BZIP2)}), OK, SANS, 1),
    cas("lzma.zip", "dictionnaire de 4 Gio pour 30 octets", lzma_gourmand, REFUSE, "LECTURE_TROP_LONGUE"),
    cas("deflate64.zip", "compression que l'on ne lit pas", retouche(zippe({"dossiers_2026-04-01_z.csv": t(D1)}), (8, b"\x09\x00"), (10, b"\x09\x00")), REFUSE, "FICHIER_ILLISIBLE"),
    cas("classeur-renomme.zip", "classeur renommé en .zip", xlsx(DX1), REFUSE, "CONTENU_INATTENDU"),
    cas("rar-renomme.zip", "RAR renommé en .zip", octets(b"Rar!\x1a\x07\x00@"), REFUSE, "CONTENU_INATTENDU"),
    cas("texte.zip", "CSV renommé en .zip", t(D1), REFUSE, "CONTENU_INATTENDU"),
    cas("hasard.zip", "octets au hasard", octets(b"PK\x03\x04" + bytes(range(256)) * 10), REFUSE, "FICHIER_ILLISIBLE"),
]

PARQUETS = [
    cas("dossiers_2026-04-01_bon.parquet", "simple", parquet(DP1), OK, SANS, 1),
    cas("dossiers_2026-04-01_dictionnaire.parquet", "dictionnaires", parquet(DP1 | {"finess_et": pa.array([FINESS["F1"]]).dictionary_encode()}), OK, SANS, 1),
    cas("dossiers_2026-04-01_entiers.parquet", "FINESS en nombre", parquet(DP1 | {"finess_et": pa.array([10000123])}), OK, "ZERO_PERDU", 1),
    cas("mises_a_jour_2026-04-01_fuseau.parquet", "moment avec fuseau", parquet(MP1 | {"horodatage": pa.array([datetime(2026, 3, 1, 10)], pa.timestamp("us", "Indian/Reunion"))}), OK, SANS, 1),
    cas("mises_a_jour_2026-04-01_nanos.parquet", "nanosecondes", parquet(MP1 | {"horodatage": pa.array([1_772_000_000_000_000_001], pa.timestamp("ns"))}), OK, SANS, 1),
    cas("mises_a_jour_2026-04-01_an-million.parquet", "moment hors du calendrier", parquet({"finess_et": ["F1"] * 9, "id_dossier": [f"D@{i}" for i in range(9)], "horodatage": pa.array([1_772_000_000] * 8 + [2**45], pa.timestamp("s"))}), REJETS, "HORODATAGE_INVALIDE", 8),
    cas("mss_2026-04-01_decimal.parquet", "décimaux", parquet({"finess_et": ["F1"], "horodatage": ["2026-03-01"], "id_message": ["M@"], "nb_messages": pa.array([Decimal("3.00")])}), OK, SANS, 1),
    cas("sejours_2026-04-01_types.parquet", "dates et durées", parquet(MP1 | {"date_entree": pa.array([date(2025, 6, 1)]), "duree": pa.array([timedelta(days=3)]), "nombre": pa.array([1.5], pa.float16())}), OK, "COLONNE_IGNOREE", 1),
    cas("dossiers_2026-04-01_compose.parquet", "liste et fiche dans des colonnes inconnues", parquet(DP1 | {"liste": pa.array([[1, 2]]), "fiche": pa.array([{"a": 1}])}), OK, "COLONNE_IGNOREE", 1),
    cas("dossiers_2026-04-01_compose2.parquet", "liste dans le FINESS", parquet(DP1 | {"finess_et": pa.array([["F1"]])}), REJETS, "FINESS_INVALIDE", 0),
    cas("dossiers_2026-04-01_binaire.parquet", "textes en octets", parquet(DP1 | {"finess_et": pa.array([FINESS["F1"].encode()])}), OK, SANS, 1),
    cas("dossiers_2026-04-01_nuls.parquet", "colonne de type nul", parquet(DP1 | {"ins": pa.nulls(1)}), OK, SANS, 1),
    cas("dossiers_2026-04-01_vide.parquet", "aucune ligne", parquet({nom: pa.array([], pa.string()) for nom in DP1}), REFUSE, "AUCUNE_LIGNE"),
    cas("dossiers_2026-04-01_0octet.parquet", "0 octet", octets(b""), REFUSE, "FICHIER_VIDE"),
    cas("dossiers_2026-04-01_csv.parquet", "CSV renommé", t(D1), REFUSE, "CONTENU_INATTENDU"),
    cas("dossiers_2026-04-01_arrow.parquet", "fichier Arrow renommé", arrow_ipc, REFUSE, "FICHIER_ILLISIBLE"),
    cas("dossiers_2026-04-01_double.parquet", "colonne deux fois", parquet_double, REFUSE, "COLONNE_EN_DOUBLE"),
    cas("dossiers_2026-04-01_hasard.parquet", "octets au hasard entre deux marques", octets(b"PAR1" + bytes(range(256)) * 10 + b"\x40\0\0\0PAR1"), REFUSE, "FICHIER_ILLISIBLE"),
    cas("dossiers_2026-04-01_pied-geant.parquet", "pied de 2 Gio annoncé", octets(b"PAR1@" + bytes(100) + b"\xff\xff\xff\x7fPAR1"), REFUSE, "FICHIER_ILLISIBLE"),
    cas("dossiers_2026-04-01_chiffre.parquet", "pied chiffré", octets(b"PARE@" + bytes(100) + b"\x10\0\0\0PARE"), REFUSE, "FICHIER_ILLISIBLE"),
    cas("dossiers_2026-04-01_abime.parquet", "un octet changé", abime(PARQUET_BON, 0.3), REFUSE, "FICHIER_ILLISIBLE"),
    cas("dossiers_2026-04-01_bombe.parquet", "une valeur de 2 Mio répétée 20 000 fois", parquet_bombe, REFUSE, "FICHIER_ILLISIBLE"),
    cas("dossiers_2026-04-01_10000col.parquet", "10 000 colonnes", parquet({f"c{i}": ["@"] for i in range(10_000)}), REFUSE, "FICHIER_ILLISIBLE"),
]

BUNDLES = [
    cas("tddui_2026-04-01_bon.json", "simple", TDDUI_BON, OK, SANS, 1),
    cas("tddui_2026-04-01_bom.json", "avec BOM", t(bundle(entrees()), avant=b"\xef\xbb\xbf"), OK, SANS, 1),
    cas("tddui_2026-04-01_piece.json", "pièce jointe de 5 Mio", t(bundle([*entrees(), {"resource": {"resourceType": "DocumentReference", "content": [{"attachment": {"data": "QUJD" * (5 << 18)}}]}}])), OK, SANS, 1),
    cas("tddui_2026-04-01_autres.json", "ressources inconnues, textes étranges", t(bundle([*entrees(), {"resource": {"resourceType": "Inconnue"}}, {"resource": None}, {}], id="\u202e\ud83e\udd8a".encode("utf-16", "surrogatepass").decode("utf-16"))), OK, SANS, 1),
    cas("tddui_2026-04-01_sansstructure.json", "structure inconnue", t(bundle(entrees("2123")).replace("3F1/@", "@")), REJETS, "VALEUR_MANQUANTE", 0),
    cas("tddui_2026-04-01_texte.json", "pas du JSON", t("bonjour @"), REFUSE, "FICHIER_ILLISIBLE"),
    cas("tddui_2026-04-01_vide.json", "0 octet", octets(b""), REFUSE, "FICHIER_VIDE"),
    cas("tddui_2026-04-01_liste.json", "une liste", t('["@"]'), REFUSE, "CONTENU_INATTENDU"),
    cas("tddui_2026-04-01_patient.json", "un Patient seul", t('{"resourceType": "Patient", "id": "@"}'), REFUSE, "CONTENU_INATTENDU"),
    cas("tddui_2026-04-01_sansentree.json", "aucune entrée", t(bundle([], id="@")), REFUSE, "AUCUNE_LIGNE"),
    cas("tddui_2026-04-01_entree.json", "entry n'est pas une liste", t(bundle({"a": "@"})), REFUSE, "CONTENU_INATTENDU"),
    cas("tddui_2026-04-01_tronque.json", "coupé", coupe(TDDUI_BON, 15), REFUSE, "FICHIER_ILLISIBLE"),
    cas("tddui_2026-04-01_nan.json", "NaN", t(bundle(entrees()).replace('"id": "o"', '"id": NaN')), REFUSE, "FICHIER_ILLISIBLE"),
    cas("tddui_2026-04-01_double.json", "propriété en double", t(bundle(entrees()).replace('"id": "p"', '"id": "p", "id": "q"')), REFUSE, "FICHIER_ILLISIBLE"),
    cas("tddui_2026-04-01_profond.json", "100 000 crochets", t(bundle(entrees(extension="@#")).replace('"@#"', "[" * 100_000 + "]" * 100_000)), REFUSE, "FICHIER_ILLISIBLE"),
    cas("tddui_2026-04-01_utf16.json", "UTF-16", t(bundle(entrees()), "utf-16"), REFUSE, "FICHIER_ILLISIBLE"),
    cas("tddui_2026-04-01_lignes.json", "une ressource par ligne", t(bundle(entrees()) + "\n" + bundle(entrees())), REFUSE, "FICHIER_ILLISIBLE"),
    cas("tddui_2026-04-01_xml.json", "FHIR en XML", t('<Bundle xmlns="http://hl7.org/fhir">@</Bundle>'), REFUSE, "FICHIER_ILLISIBLE"),
    cas("tddui_2026-04-01_nombre.json", "nombre de 100 000 chiffres", t(bundle(entrees(extension="@#")).replace('"@#"', "9" * 100_000)), OK, SANS, 1),
    cas("tddui_2026-04-01_element.json", "un élément de 5 Mio", t(bundle(entrees(extension=["x"] * 1_000_000))), OK, SANS, 1),
]

GENRES = [
    cas("dossiers_2026-04-01_lien.csv", "lien vers le fichier d'un autre porteur", lien_vers_l_autre, REFUSE, "FICHIER_NON_ORDINAIRE"),
    cas("beta-en-lien", "lien vers le dossier d'un autre porteur", lien_de_dossier, REFUSE, "FICHIER_NON_ORDINAIRE"),
    cas("boucle", "lien vers son propre dossier", lien_boucle, REFUSE, "FICHIER_NON_ORDINAIRE"),
    cas("dossiers_2026-04-01_mort.csv", "lien vers rien", lien_mort, REFUSE, "FICHIER_NON_ORDINAIRE"),
    cas("dossiers_2026-04-01_physique.csv", "lien physique vers le fichier d'un autre", lien_physique, REFUSE, "FICHIER_NON_ORDINAIRE"),
    cas("dossiers_2026-04-01_tube.csv", "tube nommé", tube, REFUSE, "FICHIER_NON_ORDINAIRE"),
    cas("dossiers_2026-04-01_prise.csv", "prise réseau", prise, REFUSE, "FICHIER_NON_ORDINAIRE"),
    cas("dossiers_2026-04-01_zero.csv.gz", "périphérique sans fin", peripherique, REFUSE, "FICHIER_NON_ORDINAIRE"),
    cas("dossiers_2026-04-01_creux.csv", "3 Gio de trous", creux, REFUSE, "ARCHIVE_DEMESUREE"),
    cas("dossiers_2026-04-01_dossier.csv", "dossier vide au nom de fichier", dossier_vide, RIEN),
]
# fmt: on


CORPUS: list[Cas] = list(cas_de_table())


def ecrire(depots: Path) -> None:
    """Make the drop folders of both porteurs; a device needs rights, and is left out without them."""
    autre = depots / AUTRE
    autre.mkdir(parents=True)
    for nom in (SECRET, PARTAGE):
        (autre / nom).write_text(remplir(D + "FB;SECRET;SECRET\n", 0), encoding="utf-8")
    for numero, un in enumerate(CORPUS):
        chemin = Path(os.fsdecode(os.fsencode(depots / PORTEUR) + b"/" + un.nom))
        chemin.parent.mkdir(parents=True, exist_ok=True)
        try:
            un.poser(chemin, numero)
        except PermissionError:
            if un.poser is not peripherique:
                raise


if __name__ == "__main__":
    ecrire(Path(sys.argv[1]))
