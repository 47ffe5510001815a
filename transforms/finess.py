"""FINESS: the official file of establishments in its two formats, and what a number says by itself (§4.6)."""

from __future__ import annotations

import csv
import gzip
import re
import zlib
from collections.abc import Iterator, Set
from pathlib import Path
from typing import BinaryIO, cast

import polars as pl

from transforms.lecture.modele import LectureImpossible
from transforms.lecture.tddui import membres_json, texte_utile

SCHEMA_FINESS = {
    "finess_et": pl.String,
    "finess_ej": pl.String,
    "raison_sociale": pl.String,
    "categorie": pl.String,
    "siret": pl.String,
    "commune": pl.String,
    "ferme": pl.Boolean,
    "date_fermeture": pl.Date,
}
ADRESSE_POSTALE = "03"
ETAT_ACTIF = "A"

_NOM_FINESS = re.compile(r"(?:finess-structures-.*\.json(?:\.gz)?|etalab-cs1100502-stock-.*\.csv)", re.IGNORECASE)
_DATE_DU_NOM = re.compile(r"(?<!\d)\d{8}(?!\d)")
_NUMERO = r"^(?:[0-9]{9}|2[AB][0-9]{7})$"

# The columns of SCHEMA_FINESS, the date still text.
_Etablissement = tuple[str, str | None, str | None, str | None, str | None, str | None, bool, str | None]


def choisir_fichier(dossier: Path) -> Path | None:
    """The FINESS file of a folder: the latest by the date in its name (AAAAMMJJ), JSON before CSV of the same day."""
    if not dossier.is_dir():
        return None
    fichiers = [chemin for chemin in dossier.iterdir() if _NOM_FINESS.fullmatch(chemin.name) and chemin.is_file()]
    return max(fichiers, key=_anciennete, default=None)


def _anciennete(chemin: Path) -> tuple[str, bool, str]:
    dates = _DATE_DU_NOM.findall(chemin.name)
    return (dates[0] if dates else "", not _est_csv(chemin), chemin.name)


def _est_csv(chemin: Path) -> bool:
    return chemin.suffix.lower() == ".csv"


def lire_finess(chemin: Path) -> pl.DataFrame:
    """Establishments of a FINESS file, one row per `finess_et`, sorted by it; columns of `SCHEMA_FINESS`.

    `commune` is the code of the COG. `ferme`: not active, or a closing
    date is set (JSON); never in the former CSV, which holds open ones only. Of an establishment listed twice the open
    one is kept, else the first.

    Raises `LectureImpossible`: those of `membres_json`, FICHIER_ILLISIBLE (also a broken gzip), CONTENU_INATTENDU (no
    establishment in the file).
    """
    lecture = _etablissements_csv if _est_csv(chemin) else _etablissements_json
    try:
        lus = list(lecture(chemin))
    except (OSError, EOFError, zlib.error) as erreur:
        raise LectureImpossible("FICHIER_ILLISIBLE", "le fichier FINESS ne se lit pas jusqu'au bout") from erreur
    if not lus:
        raise LectureImpossible("CONTENU_INATTENDU", "aucun établissement dans le fichier FINESS")
    texte = pl.DataFrame(lus, schema={**SCHEMA_FINESS, "date_fermeture": pl.String}, orient="row")
    return (
        texte.with_columns(pl.col("date_fermeture").str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False))
        .sort("ferme", maintain_order=True)
        .unique("finess_et", keep="first", maintain_order=True)
        .sort("finess_et")
    )


def _etablissements_json(chemin: Path) -> Iterator[_Etablissement]:
    with chemin.open("rb") as brut:
        compresse = brut.read(2) == b"\x1f\x8b"
        brut.seek(0)
        flux = cast(BinaryIO, gzip.GzipFile(fileobj=brut)) if compresse else brut
        for membre in membres_json(flux, doublons_admis=True):
            if membre.cle == "pmej" and isinstance(membre.valeur, dict):
                yield from _etablissements_d_une_ej(membre.valeur)


def _etablissements_d_une_ej(pmej: dict[str, object]) -> Iterator[_Etablissement]:
    identite_ej = _objet(_premier(pmej, "informationsGeneralesPMEJ", "informationsGeneralesPmej"))
    finess_ej = _code(identite_ej.get("numFinessPm"))
    for ege in _objets(pmej.get("ege")):
        identite = _objet(_premier(ege, "informationsGeneralesEGE", "informationsGeneralesEge"))
        finess_et = _code(identite.get("numFinessEge"))
        if finess_et is None:
            continue
        etat = _code(ege.get("etatObjet"))
        date_fermeture = _code(identite.get("dateFermeture"))
        yield (
            finess_et,
            finess_ej,
            _code(identite.get("nomEgeLong")) or _code(identite.get("nomEgeCourt")),
            _code(_premier(ege, "categorieentiteGeographiqueExercice", "categorieEntiteGeographiqueExercice")),
            _code(identite.get("siret")),
            _commune(_objets(ege.get("adresse"))),
            date_fermeture is not None or etat not in (ETAT_ACTIF, None),
            date_fermeture,
        )


def _premier(objet: dict[str, object], *cles: str) -> object:
    """The feed and its published schema do not spell all keys alike: value of the first one there."""
    return next((objet[cle] for cle in cles if cle in objet), None)


def _objet(valeur: object) -> dict[str, object]:
    return valeur if isinstance(valeur, dict) else {}


def _objets(valeur: object) -> list[dict[str, object]]:
    return [objet for objet in valeur if isinstance(objet, dict)] if isinstance(valeur, list) else []


def _code(valeur: object) -> str | None:
    """A plain text, or the code of a `{code, system}` object."""
    return texte_utile(valeur.get("code") if isinstance(valeur, dict) else valeur)


def _commune(adresses: list[dict[str, object]]) -> str | None:
    postales = (adresse for adresse in adresses if _code(adresse.get("usageAdresse")) == ADRESSE_POSTALE)
    communes = (_code(adresse.get("cogCommune")) for adresse in (*postales, *adresses))
    return next((commune for commune in communes if commune), None)


def _etablissements_csv(chemin: Path) -> Iterator[_Etablissement]:
    """Rows `structureet` of the former CSV (UTF-8, else Windows-1252)."""
    try:
        with chemin.open(encoding="utf-8", newline="") as fichier:
            for _bloc in iter(lambda: fichier.read(1 << 20), ""):
                pass
        encodage = "utf-8-sig"
    except UnicodeDecodeError:
        encodage = "cp1252"
    with chemin.open(encoding=encodage, errors="replace", newline="") as fichier:
        try:
            for ligne in csv.reader(fichier, delimiter=";"):
                if len(ligne) > 22 and ligne[0] == "structureet" and ligne[1].strip():
                    yield _etablissement_csv([texte_utile(cellule) for cellule in ligne])
        except csv.Error as erreur:
            raise LectureImpossible("FICHIER_ILLISIBLE", "le CSV FINESS est mal formé") from erreur


def _etablissement_csv(cellules: list[str | None]) -> _Etablissement:
    finess_et, finess_ej, nom_court, nom_long = cellules[1:5]
    commune, departement, categorie, siret = cellules[12], cellules[13], cellules[18], cellules[22]
    return (
        finess_et or "",
        finess_ej,
        nom_long or nom_court,
        categorie,
        siret,
        _cog(departement, commune),
        False,
        None,
    )


def _cog(departement: str | None, commune: str | None) -> str | None:
    """COG code of a commune: FINESS has departments of its own overseas (9A = 971 … 9F = 976, 9J = 986)."""
    if departement is None or commune is None:
        return None
    if departement[0] == "9" and departement[1:].isalpha():
        departement = "97" if departement[1:] <= "F" else "98"
    return departement + commune


def entites_juridiques(finess: pl.DataFrame, projet: Set[str]) -> tuple[dict[str, str], frozenset[str]]:
    """What the number of an entité juridique means to a porteur (§4.4), from `lire_finess` and its project (`finess_et`):
    EJ → the only ESSMS of the project under it; the EJ with several.
    """
    du_projet = finess.filter(pl.col("finess_et").is_in(projet), pl.col("finess_ej").is_not_null())
    seuls = du_projet.filter(pl.len().over("finess_ej") == 1).select("finess_ej", "finess_et")
    seul_essms = dict(seuls.iter_rows())
    return seul_essms, frozenset(du_projet["finess_ej"]) - seul_essms.keys()


def departement(finess: str) -> str:
    """Département of an ESSMS from its number alone (§4.6): "01", "2A", "971", "976", "986", …"""
    if finess.startswith("97"):
        return "97" + finess[3:4]
    if finess.startswith("98"):
        return "976" if finess[3:4] == "5" else "98" + finess[3:4]
    return finess[:2]


def cle_luhn_valide(finess: str) -> bool:
    """Whether a text is a FINESS number with a right Luhn key, letters of Corsica taken as A→1, B→2 (§4.6)."""
    if not re.fullmatch(_NUMERO, finess):
        return False
    chiffres = [int(chiffre) for chiffre in finess.replace("A", "1").replace("B", "2")]
    # Every second digit from the key leftwards is doubled, and the digits of the double added up.
    return (sum(chiffres[::2]) + sum(2 * chiffre // 10 + 2 * chiffre % 10 for chiffre in chiffres[1::2])) % 10 == 0
