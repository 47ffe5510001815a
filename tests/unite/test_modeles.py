"""Templates, examples and Table Schema (issue 3, 6): all derived from the models, accepted by frictionless and by duimètre."""

import csv
import hashlib
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace

import openpyxl
import pytest
from frictionless import Dialect, Resource, Schema, formats

from flows.cli import modeles as commande
from flows.reception import verification
from flows.reception.reception import Dossier
from flows.reglages import Reglages
from schemas.constats import catalogue
from schemas.depots import TABLES, champs_de, cle, grain, libelle
from transforms.modeles import DATE_EXEMPLE, classeur, fichiers, lignes_exemple, table_schema

MAINTENANT = datetime(2026, 4, 2, 6, tzinfo=UTC)
PROJET = frozenset({champs_de("dossiers")["finess_et"].exemple or ""})


def verdict(chemin: Path) -> verification.Accuse:
    dossier = Dossier("p1", "ouvert", projet=PROJET).avec_contexte()
    return verification.verifier(chemin, dossier, Reglages(chemin.parent / "data"), MAINTENANT)


def en_csv(lignes: list[list[str]]) -> bytes:
    texte = io.StringIO(newline="")
    csv.writer(texte, delimiter=";").writerows(lignes)
    return texte.getvalue().encode("utf-8-sig")


@contextmanager
def ressource(tmp_path: Path, table: str, contenu: bytes) -> Iterator[Resource]:
    (tmp_path / "essai.csv").write_bytes(contenu)
    schema = Schema.from_descriptor(json.loads(fichiers(table)["schema.json"]))
    dialecte = Dialect(controls=[formats.CsvControl(delimiter=";")])
    yield Resource(
        path="essai.csv", basepath=str(tmp_path), schema=schema, dialect=dialecte, encoding="utf-8-sig", format="csv"
    )


def erreurs_frictionless(tmp_path: Path, table: str, contenu: bytes) -> set[str]:
    with ressource(tmp_path, table, contenu) as r:
        return {e[0] for e in r.validate().flatten(["type"])}


@pytest.mark.parametrize("table", TABLES)
def test_les_modeles_ont_exactement_les_colonnes_de_la_table(table: str) -> None:
    colonnes = list(champs_de(table))
    faits = fichiers(table)
    assert set(faits) == {
        f"{table}_AAAA-MM-JJ.csv",
        f"{table}_AAAA-MM-JJ.xlsx",
        f"{table}_2026-04-01_exemple.csv",
        "schema.json",
    }
    vide = faits[f"{table}_AAAA-MM-JJ.csv"]
    assert vide == ("\ufeff" + ";".join(colonnes) + "\r\n").encode()
    assert [f["name"] for f in table_schema(table)["fields"]] == colonnes
    feuille = openpyxl.load_workbook(io.BytesIO(classeur(table)))[table]
    assert [c.value for c in feuille[1]] == colonnes and feuille.max_row == 1


@pytest.mark.parametrize("table", TABLES)
def test_le_schema_dit_ce_que_dit_le_modele(table: str) -> None:
    schema = table_schema(table)
    assert schema["$schema"] == "https://frictionlessdata.io/schemas/table-schema.json"
    assert libelle(table) in schema["title"] and schema["countryCode"] == "FR"
    for decrit, champ in zip(schema["fields"], champs_de(table).values(), strict=True):
        assert champ.description in decrit["description"] and champ.description.startswith(decrit["title"])
        assert decrit.get("example") == (champ.exemple or None)
        assert decrit["constraints"]["required"] == (champ.requis and champ.colonne_requise)
        assert decrit["constraints"].get("enum") == (list(champ.valeurs) or None)
        if champ.nature == "id":
            assert decrit["constraints"]["maxLength"] == 64
        if champ.nature == "finess":
            assert decrit["type"] == "string" and decrit["constraints"]["pattern"] == "^[0-9A-Z]{9}$"
    assert schema.get("primaryKey") == (list(cle(table)) if grain(table) == "etat" else None)


def test_un_nombre_negatif_est_hors_du_schema() -> None:
    nb = next(f for f in table_schema("mss")["fields"] if f["name"] == "nb_messages")
    assert (nb["type"], nb["constraints"]["minimum"]) == ("integer", 0)


@pytest.mark.parametrize("table", TABLES)
def test_l_exemple_est_accepte_par_frictionless_et_par_duimetre_sans_un_mot(table: str, tmp_path: Path) -> None:
    exemple = fichiers(table)[f"{table}_{DATE_EXEMPLE}_exemple.csv"]
    assert erreurs_frictionless(tmp_path, table, exemple) == set()
    chemin = tmp_path / f"{table}_{DATE_EXEMPLE}_exemple.csv"
    chemin.write_bytes(exemple)
    accuse = verdict(chemin)
    assert accuse.statut == "accepte"
    assert accuse.parties[0].constats.height == 0, accuse.parties[0].constats
    assert accuse.parties[0].sort.lignes_utilisees == len(lignes_exemple(table)) >= 2


CASSES = {
    "finess_et": ("97040012", "pattern ou longueur"),
    "ins": ("12345", "forme"),
    "date_entree": ("2026-02-30", "date"),
    "horodatage": ("hier", "horodatage"),
    "debut": ("14 mars", "horodatage"),
    "statut": ("peut-être", "liste"),
    "eligible_projet": ("inconnu", "booléen"),
    "nb_messages": ("-3", "nombre"),
    "id_projet": ("x" * 65, "longueur"),
    "id_dossier": ("x" * 65, "longueur"),
    "id_import": ("", "obligatoire"),
    "id_echange": ("", "obligatoire"),
}


@pytest.mark.parametrize(("table", "colonne"), [(t, c) for t in TABLES for c in champs_de(t) if c in CASSES])
def test_un_exemple_casse_est_refuse_par_frictionless_et_signale_par_duimetre(
    table: str, colonne: str, tmp_path: Path
) -> None:
    colonnes, lignes = list(champs_de(table)), lignes_exemple(table)
    lignes[0][colonnes.index(colonne)] = CASSES[colonne][0]
    casse = en_csv([colonnes, *lignes])
    assert erreurs_frictionless(tmp_path, table, casse) & {"constraint-error", "type-error", "primary-key"}
    chemin = tmp_path / f"{table}_2026-04-01.csv"
    chemin.write_bytes(casse)
    constats = verdict(chemin).parties[0].constats
    assert 2 in constats["ligne"].to_list()


def test_une_colonne_manquante_est_refusee_par_frictionless(tmp_path: Path) -> None:
    colonnes, lignes = list(champs_de("sejours")), lignes_exemple("sejours")
    rang = colonnes.index("date_entree")
    sans = [[c for j, c in enumerate(ligne) if j != rang] for ligne in [colonnes, *lignes]]
    assert "missing-label" in erreurs_frictionless(tmp_path, "sejours", en_csv(sans))


@pytest.mark.parametrize("table", TABLES)
def test_un_modele_excel_rempli_est_accepte(table: str, tmp_path: Path) -> None:
    livre = openpyxl.load_workbook(io.BytesIO(classeur(table)))
    feuille = livre[table]
    colonnes = list(champs_de(table).values())
    for i, ligne in enumerate(lignes_exemple(table), 2):
        for j, (champ, texte) in enumerate(zip(colonnes, ligne, strict=True), 1):
            if texte:
                native = {"date": date.fromisoformat, "horodatage": datetime.fromisoformat, "entier": int}
                feuille.cell(i, j, native.get(champ.nature, str)(texte))
    chemin = tmp_path / f"{table}_2026-04-01.xlsx"
    livre.save(chemin)
    accuse = verdict(chemin)
    assert accuse.statut == "accepte" and accuse.parties[0].constats.height == 0
    assert accuse.parties[0].sort.lignes_utilisees == len(lignes_exemple(table))


@pytest.mark.parametrize("table", TABLES)
def test_le_classeur_propose_les_listes_et_garde_les_zeros(table: str) -> None:
    feuille = openpyxl.load_workbook(io.BytesIO(classeur(table)))[table]
    listes = {str(v.sqref).split(":")[0][:-1]: v.formula1 for v in feuille.data_validations.dataValidation}
    for rang, champ in enumerate(champs_de(table).values(), 1):
        lettre = openpyxl.utils.get_column_letter(rang)
        choix = ("oui", "non") if champ.nature == "bool" else champ.valeurs
        assert listes.get(lettre) == (f'"{",".join(choix)}"' if choix else None), champ.nom
        format_ = feuille.column_dimensions[lettre].number_format
        if champ.nature in ("finess", "ins", "id", "texte"):
            assert format_ == "@", champ.nom
        if champ.nature in ("date", "horodatage"):
            assert format_.startswith("yyyy-mm-dd")
        notice = feuille.cell(1, rang).comment.text
        assert champ.description in notice and ("Obligatoire" in notice) == champ.requis


def test_meme_contenu_memes_octets() -> None:
    def empreinte() -> str:
        return hashlib.sha256(b"".join(c for t in TABLES for c in fichiers(t).values())).hexdigest()

    ailleurs = subprocess.run(
        [sys.executable, "-c", "import time;time.sleep(1.1);import hashlib;from schemas.depots import TABLES;"
         "from transforms.modeles import fichiers;"
         "print(hashlib.sha256(b''.join(c for t in TABLES for c in fichiers(t).values())).hexdigest())"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    assert empreinte() == ailleurs


def test_la_commande_ecrit_un_dossier_par_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert commande._executer(SimpleNamespace(sortie=tmp_path / "m")) == 0  # type: ignore[arg-type]
    ecrits = {str(f.relative_to(tmp_path / "m")) for f in (tmp_path / "m").rglob("*") if f.is_file()}
    assert ecrits == {f"{t}/{nom}" for t in TABLES for nom in fichiers(t)}
    assert "duimetre verifier" in capsys.readouterr().out


def test_la_page_du_porteur_cite_chaque_table_et_ses_colonnes() -> None:
    page = (Path(__file__).parents[2] / "docs/porteur.md").read_text(encoding="utf-8")
    for table in TABLES:
        (ligne,) = [x for x in page.splitlines() if x.startswith(f"| `{table}` |")]
        obligatoires = ligne.split("|")[3]
        for champ in champs_de(table).values():
            assert f"`{champ.nom}`" in ligne, (table, champ.nom)
            if champ.requis:
                assert f"`{champ.nom}`" in obligatoires, (table, champ.nom)


def test_la_page_du_porteur_reprend_les_phrases_des_reponses() -> None:
    page = (Path(__file__).parents[2] / "docs/porteur.md").read_text(encoding="utf-8")
    erreurs = [x.split("|")[1] for x in page.splitlines() if x[:3].rstrip(" 0123456789") == "|" and x[2:3].isdigit()]
    codes = [
        "NOM_INVALIDE", "COLONNE_MANQUANTE", "FINESS_INVALIDE", "ZERO_PERDU", "HORS_PROJET", "DATE_INVALIDE",
        "SORTIE_AVANT_ENTREE", "CLE_EN_DOUBLE", "CELLULES_EN_TROP", "TROP_DE_REJETS",
    ]  # fmt: skip
    assert len(erreurs) == len(codes)
    for erreur, code in zip(erreurs, codes, strict=True):
        debut = " ".join(erreur.split()[1:4])
        assert catalogue()[code].message.startswith(debut.split(" «")[0]), (erreur, code)
