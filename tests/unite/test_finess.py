"""The FINESS file in both formats, and what a number says by itself (§4.6). Establishments are invented."""

from __future__ import annotations

import gzip
import json
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from transforms.finess import (
    SCHEMA_FINESS,
    choisir_fichier,
    cle_luhn_valide,
    departement,
    entites_juridiques,
    lire_finess,
)
from transforms.lecture.modele import LectureImpossible

REFERENCES = Path(__file__).parents[2].parent / "shared" / "references" / "finess"

Json = dict[str, Any]


def ege(numero: str | None, *, ferme_le: str | None = None, **autres: Any) -> Json:
    identite = {"numFinessEge": numero, "nomEgeCourt": f"COURT {numero}", "nomEgeLong": None, "siret": None}
    return {
        "informationsGeneralesEGE": identite | {"dateFermeture": ferme_le},
        "categorieentiteGeographiqueExercice": "500",
        "adresse": [{"usageAdresse": "03", "cogCommune": "97411"}],
        "etatObjet": "A",
        **autres,
    }


def pmej(numero: str, *etablissements: Json) -> Json:
    return {"informationsGeneralesPMEJ": {"numFinessPm": numero}, "ege": list(etablissements)}


def ecrire(dossier: Path, *pmejs: Json, nom: str = "finess-structures-journalier-20261001.json") -> Path:
    chemin = dossier / nom
    contenu = json.dumps({"schemaVersion": "v1.0.0", "pmej": pmejs, "gco": [{"x": 1}], "gcc": []}).encode()
    chemin.write_bytes(gzip.compress(contenu) if nom.endswith(".gz") else contenu)
    return chemin


@pytest.mark.skipif(not REFERENCES.is_dir(), reason="échantillons publics absents")
def test_les_deux_formats_disent_la_meme_chose() -> None:
    ancien = lire_finess(REFERENCES / "etalab-cs1100502-stock-20260512-0339.extrait.csv")
    nouveau = lire_finess(REFERENCES / "finess-structures-journalier-20261001.extrait.json")
    assert (ancien.height, nouveau.height) == (10, 11)
    assert nouveau.filter(~pl.col("ferme")).equals(ancien)
    assert nouveau.filter("ferme").rows() == [
        ("970302295", "970302022", "ANNEXE FERMEE (FICTIVE)", "500", None, "97302", True, date(2024, 12, 31))
    ]
    assert nouveau.row(by_predicate=pl.col("finess_et") == "970210126") == (
        "970210126", "970210118", "CMPP INTERSECTORIEL", "189", "50254756500015", "97207", False, None
    )  # fmt: skip
    for fichier in (ancien, nouveau):
        assert all(cle_luhn_valide(numero) for numero in [*fichier["finess_et"], *fichier["finess_ej"]])
    assert [departement(numero) for numero in ancien["finess_et"]] == [
        "01", "971", "971", "972", "972", "973", "974", "974", "976", "986"
    ]  # fmt: skip


@pytest.mark.parametrize("nom", ["finess-structures-journalier-20261001.json", "finess-structures-20261001.json.gz"])
def test_json_simple_ou_compresse(tmp_path: Path, nom: str) -> None:
    chemin = ecrire(tmp_path, pmej("970408589", ege("970400024"), ege("010000024")), nom=nom)
    lu = lire_finess(chemin)
    assert lu.schema == SCHEMA_FINESS
    assert lu.rows() == [
        ("010000024", "970408589", "COURT 010000024", "500", None, "97411", False, None),
        ("970400024", "970408589", "COURT 970400024", "500", None, "97411", False, None),
    ]


def test_json_orthographe_et_objets_du_schema_publie(tmp_path: Path) -> None:
    codes = {"system": "https://exemple"}
    etablissement = {
        "informationsGeneralesEge": {
            "numFinessEge": "2A0000014",
            "nomEgeCourt": "COURT",
            "nomEgeLong": " Résidence de l'Œillet ",
            "siret": 31822647900117,
            "inconnu": {"x": [1]},
        },
        "categorieEntiteGeographiqueExercice": {"code": "377"} | codes,
        "adresse": [
            {"usageAdresse": {"code": "06"} | codes, "cogCommune": "2B033"},
            {"usageAdresse": {"code": "03"} | codes, "cogCommune": {"code": "2A004"} | codes},
        ],
        "etatObjet": {"code": "A"} | codes,
        "nouveaute": None,
    }
    ej = {"informationsGeneralesPmej": {"numFinessPm": "2A0000022"}, "ege": [etablissement, "?", {}, ege(None)]}
    assert lire_finess(ecrire(tmp_path, ej, {})).rows() == [
        ("2A0000014", "2A0000022", "Résidence de l'Œillet", "377", "31822647900117", "2A004", False, None)
    ]


@pytest.mark.parametrize(
    ("adresses", "commune"),
    [
        ([{"usageAdresse": "06", "cogCommune": "97401"}], "97401"),
        ([{"usageAdresse": "06", "cogCommune": "97401"}, {"usageAdresse": "03"}], "97401"),
        ([{"usageAdresse": "03"}], None),
        ([], None),
        (None, None),
    ],
)
def test_json_commune_de_l_adresse_postale_sinon_d_une_autre(
    tmp_path: Path, adresses: list[Json] | None, commune: str | None
) -> None:
    chemin = ecrire(tmp_path, pmej("970408589", ege("970400024", adresse=adresses)))
    assert lire_finess(chemin)["commune"].to_list() == [commune]


@pytest.mark.parametrize(
    ("etat", "ferme_le", "ferme", "date_fermeture"),
    [
        ("A", None, False, None),
        (None, None, False, None),
        ("I", None, True, None),
        ("A", "2024-12-31", True, date(2024, 12, 31)),
        ("A", "2024-12-31T00:00:00+01:00", True, date(2024, 12, 31)),
        ("A", "31/12/2024", True, None),
    ],
)
def test_json_fermeture(
    tmp_path: Path, etat: str | None, ferme_le: str | None, ferme: bool, date_fermeture: date | None
) -> None:
    chemin = ecrire(tmp_path, pmej("970408589", ege("970400024", ferme_le=ferme_le, etatObjet=etat)))
    assert lire_finess(chemin).select("ferme", "date_fermeture").rows() == [(ferme, date_fermeture)]


def test_json_etablissement_en_double(tmp_path: Path) -> None:
    chemin = ecrire(
        tmp_path,
        pmej("970408589", ege("970400024", ferme_le="2020-01-01")),
        pmej("970400149", ege("970400024"), ege("010000024")),
        pmej("010780054", ege("970400024"), ege("010000024")),
    )
    assert lire_finess(chemin).select("finess_et", "finess_ej", "ferme").rows() == [
        ("010000024", "970400149", False),
        ("970400024", "970400149", False),
    ]


def ligne_csv(numero: str, departement_finess: str, commune: str, nom_long: str = "") -> str:
    cellules = [
        "structureet",
        numero,
        "970408589",
        "LES ÉTÉS D'ŒUVRE",
        nom_long,
        *[""] * 7,
        commune,
        departement_finess,
    ]
    return ";".join([*cellules, *[""] * 4, "500", *[""] * 3, "31822647900117", *[""] * 9])


@pytest.mark.parametrize("encodage", ["utf-8", "utf-8-sig", "cp1252"])
def test_csv(tmp_path: Path, encodage: str) -> None:
    chemin = tmp_path / "etalab-cs1100502-stock-20260512-0339.csv"
    lignes = [
        "finess;etalab;111;2026-05-12",
        ligne_csv("970400024", "9D", "411"),
        ligne_csv("2A0000014", "2A", "004", '"RÉSIDENCE ""LE MAQUIS""; ANNEXE"'),
        ligne_csv("980501506", "9F", "606"),
        ligne_csv("980600027", "9J", "613"),
        ligne_csv("010000024", "01", ""),
        "structureet;court",
        "geolocalisation;970400024;1;2;1;2026-05-12",
    ]
    chemin.write_text("\r\n".join(lignes), encoding=encodage, newline="")
    lu = lire_finess(chemin)
    assert lu.schema == SCHEMA_FINESS
    assert lu.select("finess_et", "raison_sociale", "commune").rows() == [
        ("010000024", "LES ÉTÉS D'ŒUVRE", None),
        ("2A0000014", 'RÉSIDENCE "LE MAQUIS"; ANNEXE', "2A004"),
        ("970400024", "LES ÉTÉS D'ŒUVRE", "97411"),
        ("980501506", "LES ÉTÉS D'ŒUVRE", "97606"),
        ("980600027", "LES ÉTÉS D'ŒUVRE", "98613"),
    ]
    assert lu.row(2)[1:] == ("970408589", "LES ÉTÉS D'ŒUVRE", "500", "31822647900117", "97411", False, None)


@pytest.mark.parametrize(
    ("nom", "contenu", "code"),
    [
        ("finess-structures-1.json", b"", "FICHIER_VIDE"),
        ("finess-structures-1.json", b'{"pmej": [{"ege"', "FICHIER_ILLISIBLE"),
        ("finess-structures-1.json", b'{"pmej": [], "gco": []}', "CONTENU_INATTENDU"),
        ("finess-structures-1.json", b'{"pmej": ' + b'{"ege":' * 50_000 + b"0" + b"}" * 50_001, "FICHIER_ILLISIBLE"),
        (
            "finess-structures-1.json",
            b'{"pmej": [{"ege": [null, {"informationsGeneralesEGE": 3}]}]}',
            "CONTENU_INATTENDU",
        ),
        ("finess-structures-1.json.gz", gzip.compress(b'{"pmej": []}' + b" " * 99_999)[:-30], "FICHIER_ILLISIBLE"),
        ("finess-structures-1.json.gz", b"\x1f\x8b\x08" + b"\xff" * 40, "FICHIER_ILLISIBLE"),
        ("etalab-cs1100502-stock-1.csv", b"", "CONTENU_INATTENDU"),
        ("etalab-cs1100502-stock-1.csv", b"numero;nom\n1;2\n", "CONTENU_INATTENDU"),
        ("etalab-cs1100502-stock-1.csv", b'structureet;"' + b"x" * 2_000_000, "FICHIER_ILLISIBLE"),
    ],
)
def test_fichier_inutilisable(tmp_path: Path, nom: str, contenu: bytes, code: str) -> None:
    chemin = tmp_path / nom
    chemin.write_bytes(contenu)
    with pytest.raises(LectureImpossible) as erreur:
        lire_finess(chemin)
    assert erreur.value.code == code


def test_fichier_absent(tmp_path: Path) -> None:
    with pytest.raises(LectureImpossible) as erreur:
        lire_finess(tmp_path / "finess-structures-1.json")
    assert erreur.value.code == "FICHIER_ILLISIBLE"


@pytest.mark.parametrize(
    ("noms", "choisi"),
    [
        ([], None),
        (["projets.csv", "etalab-autre.csv", "finess-structures-20261001.json.part"], None),
        (["finess-structures-journalier-20261001.json.gz", "etalab-cs1100502-stock-20260512-0339.csv"], 0),
        (["finess-structures-journalier-20260401.json.gz", "etalab-cs1100502-stock-20260512-0339.csv"], 1),
        (["finess-structures-journalier-20260512.json", "etalab-cs1100502-stock-20260512-0339.csv"], 0),
        (["finess-structures-journalier-20261001.json", "FINESS-structures-journalier-20261002.JSON"], 1),
        (["finess-structures-journalier-20261001.json", "finess-structures-copie.json"], 0),
        (["etalab-cs1100502-stock-20260512-0339.csv", "etalab-cs1100502-stock-20260512-0340.csv"], 1),
    ],
)
def test_choisir_fichier(tmp_path: Path, noms: list[str], choisi: int | None) -> None:
    for nom in noms:
        (tmp_path / nom).touch()
    (tmp_path / "finess-structures-29990101.json").mkdir()
    assert choisir_fichier(tmp_path) == (None if choisi is None else tmp_path / noms[choisi])


def test_choisir_fichier_sans_dossier(tmp_path: Path) -> None:
    assert choisir_fichier(tmp_path / "absent") is None


def test_entites_juridiques_vues_d_un_projet(tmp_path: Path) -> None:
    chemin = ecrire(
        tmp_path,
        pmej("970408589", ege("970400024"), ege("970405767")),
        pmej("970400149", ege("970400032"), ege("970400040")),
        pmej("010780054", ege("010000024")),
    )
    projet = {"970400024", "970400032", "970400040", "hors FINESS"}
    assert entites_juridiques(lire_finess(chemin), projet) == ({"970408589": "970400024"}, {"970400149"})


# 2A0000014 by hand, A taken as 1 and every second digit doubled: 2 + 2 + 0 + 0 + 0 + 0 + 0 + 2 + 4 = 10.
NUMEROS = {
    "010000024": True,
    "970400024": True,
    "2A0000014": True,
    "2A0000022": True,
    "2B0000012": True,
    "2B0000020": True,
    "2A0000012": False,
    "2B0000014": False,
    "480787529": False,
    "010000025": False,
    "100000024": False,
    "01000002": False,
    "0100000240": False,
    "2a0000014": False,
    "A10000024": False,
    "01000002A": False,
    "": False,
    "٠١٠٠٠٠٠٢٤": False,
    "010000024\n": False,
}


@pytest.mark.parametrize(("numero", "valide"), NUMEROS.items())
def test_cle_luhn(numero: str, valide: bool) -> None:
    assert cle_luhn_valide(numero) is valide


DEPARTEMENTS = {
    "010000024": "01",
    "750000001": "75",
    "2A0000014": "2A",
    "2B0000012": "2B",
    "970100400": "971",
    "970210126": "972",
    "970302287": "973",
    "970400024": "974",
    "970500001": "975",
    "980501506": "976",
    "980600027": "986",
    "980800001": "988",
}


def test_departement() -> None:
    assert {numero: departement(numero) for numero in DEPARTEMENTS} == DEPARTEMENTS
