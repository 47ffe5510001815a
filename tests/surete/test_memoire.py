"""A small file takes neither the memory nor the night (specification §5, §8): findings are listed up to a thousand of a kind
and counted beyond, long cells are bounded in every format, exact copies are one finding."""

from __future__ import annotations

import io
import json
import signal
import time
import zipfile
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from nuits import commande, until
from test_corpus import _cout
from test_garde import F1, Maison

from flows.reception import reception
from flows.staging.registre import RegistreDepots
from transforms.finess import cle_luhn_valide
from transforms.lecture.csv import CHAMP_MAX_CARACTERES
from transforms.validation import doublons
from transforms.validation.constats import LIGNES_LISTEES

MAJ = "finess_et;id_dossier;horodatage\n"
MO = 1_000_000


@pytest.fixture
def maison(tmp_path: Path) -> Maison:
    return Maison(tmp_path)


def recevoir(maison: Maison) -> tuple[dict[str, object], pl.DataFrame, list[list[str]]]:
    """Receive the only file; its acknowledgement, its findings in the register, the rows of its error file."""
    (depose,) = maison.vus()
    assert maison.recevoir(depose) is not None
    with RegistreDepots(maison.reglages.registre) as registre:
        constats = registre.constats()
    (accuse,) = maison.reglages.retours.glob("alpha/accuses/*/accuse_*.json")
    (erreurs,) = maison.reglages.retours.glob("alpha/accuses/*/erreurs_*.csv")
    assert erreurs.stat().st_size < 5 * MO
    lignes = [ligne.split(";") for ligne in erreurs.read_text(encoding="utf-8-sig").splitlines()[1:]]
    return json.loads(accuse.read_text(encoding="utf-8")), constats, lignes


def parquet(maison: Maison, identifiant: str, lignes: int, dernier: str = "D1") -> None:
    """Updates whose identifier, said once in the file, is that of all rows but the last."""
    id_dossier = pa.DictionaryArray.from_arrays(
        pa.array([0] * (lignes - 1) + [1], pa.int32()), pa.array([identifiant, dernier])
    )
    autres = [pa.array([v] * lignes).dictionary_encode() for v in (F1, "2026-03-01")]
    table = pa.table({"finess_et": autres[0], "id_dossier": id_dossier, "horodatage": autres[1]})
    pq.write_table(table, maison.alpha / "mises_a_jour_2026-03-31.parquet", compression="zstd")


def test_un_fichier_de_rebut_est_compte_sans_etre_garde(maison: Maison) -> None:
    n = 200_000
    maison.deposer("mises_a_jour_2026-03-31.csv", MAJ + "x;y;z\n" * n)
    with _cout() as cout:
        accuse, constats, erreurs = recevoir(maison)
    assert cout.memoire_kio < 350 << 10
    (partie,) = accuse["parties"]  # type: ignore[misc,attr-defined]
    assert (partie["statut"], partie["lignes_lues"], partie["lignes_rejetees"]) == ("refuse", n, n)
    dits = {c["code"]: (c["nombre"], c["non_listees"], c["lignes"][:3]) for c in partie["constats"]}
    attendu = (n, n - LIGNES_LISTEES, [2, 3, 4])
    assert dits == {"TROP_DE_REJETS": (1, 0, []), "FINESS_INVALIDE": attendu, "HORODATAGE_INVALIDE": attendu}
    for code in ("FINESS_INVALIDE", "HORODATAGE_INVALIDE"):
        du_code = constats.filter(code=code)
        assert du_code["ligne"].to_list() == list(range(2, LIGNES_LISTEES + 3))
        assert du_code["nombre"].to_list() == [1] * LIGNES_LISTEES + [n - LIGNES_LISTEES]
        listees = [ligne for ligne in erreurs if ligne[-1] == code]
        assert [int(ligne[2]) for ligne in listees] == list(range(2, LIGNES_LISTEES + 3))
        assert listees[-1][-2] == str(n - LIGNES_LISTEES)
        assert "Seules les premières lignes sont listées" in listees[-1][6]
    (page,) = maison.reglages.retours.glob("alpha/accuses/*/accuse_*.html")
    html = page.read_text(encoding="utf-8").replace("\u202f", " ").replace("\u00a0", " ")
    assert "200 000 fois : seules les 1 000 premières lignes sont listées" in html


def test_mille_et_une_valeurs_de_structures(maison: Maison) -> None:
    """A finding said once per structure is bounded too, with the rows of each structure that is listed."""
    hors = [f for f in (f"9{n:08d}" for n in range(20_000)) if cle_luhn_valide(f)][:1500]
    maison.deposer("mises_a_jour_2026-03-31.csv", MAJ + "".join(f"{f};D1;2026-03-01\n" for f in hors + hors[:1]))
    _, constats, _ = recevoir(maison)
    dits = constats.filter(code="HORS_PROJET")
    assert dits["ligne"].to_list() == list(range(2, LIGNES_LISTEES + 3))
    assert dits["nombre"].to_list() == [2] + [1] * (LIGNES_LISTEES - 1) + [500]


def test_un_long_texte_repete_par_un_dictionnaire(maison: Maison) -> None:
    """18 GB of text in 4 kB: refused at the first megabytes."""
    parquet(maison, "D" * 60_000, 300_000)
    debut = time.process_time()
    accuse, _, _ = recevoir(maison)
    assert time.process_time() - debut < 5
    assert accuse["parties"][0]["motif"] == "ARCHIVE_DEMESUREE"  # type: ignore[index]


def test_des_identifiants_trop_longs_ne_sont_pas_gardes(maison: Maison) -> None:
    parquet(maison, "D" * 250, 60_000)
    accuse, constats, erreurs = recevoir(maison)
    assert accuse["parties"][0]["motif"] == "TROP_DE_REJETS"  # type: ignore[index]
    assert constats.filter(code="IDENTIFIANT_INVALIDE")["nombre"].sum() == 59_999
    assert sum(ligne[-1] == "IDENTIFIANT_INVALIDE" for ligne in erreurs) == LIGNES_LISTEES + 1


def test_une_cellule_demesuree_est_refusee_comme_dans_un_csv(maison: Maison) -> None:
    parquet(maison, "D1", 3, "D" * (CHAMP_MAX_CARACTERES + 1))
    accuse, constats, _ = recevoir(maison)
    assert accuse["parties"][0]["motif"] == "FICHIER_ILLISIBLE"  # type: ignore[index]
    assert constats.select("ligne", "detail").rows() == [(4, f"Une cellule dépasse {CHAMP_MAX_CARACTERES} caractères.")]


def test_les_membres_d_une_archive_se_partagent_la_liste(maison: Maison, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reception, "_CONSTATS_PAR_FICHIER", 50)
    tampon = io.BytesIO()
    with zipfile.ZipFile(tampon, "w") as archive:
        for jour in (29, 30, 31):
            archive.writestr(f"mises_a_jour_2026-03-{jour}.csv", MAJ + "x;y;z\n" * 40)
    (maison.alpha / "tout.zip").write_bytes(tampon.getvalue())
    accuse, constats, erreurs = recevoir(maison)
    nombres = [{c["code"]: c["nombre"] for c in p["constats"]} for p in accuse["parties"]]  # type: ignore[attr-defined]
    assert nombres == [{"TROP_DE_REJETS": 1, "FINESS_INVALIDE": 40, "HORODATAGE_INVALIDE": 40}] * 3
    assert constats.height == 81 + 3 + 3
    assert sum(int(ligne[-2]) for ligne in erreurs if ligne[-1] == "FINESS_INVALIDE") == 120


def test_les_copies_exactes_sont_un_constat(maison: Maison, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doublons, "_LIGNES_COMPAREES", 1000)
    lignes = [f"{F1};D{n};P{n}\n" for n in range(5000)]
    maison.deposer("dossiers_2026-03-31.csv", "finess_et;id_dossier;id_personne\n" + "".join(lignes + lignes[:3000]))
    accuse, constats, erreurs = recevoir(maison)
    detail = "3\u202f000 lignes en double, gardées une fois (lignes " + ", ".join(
        f"5\u202f{n:03d}" for n in range(2, 10)
    )
    assert constats.select("code", "ligne", "detail", "nombre").rows() == [("DOUBLON_EXACT", 5002, f"{detail}…)", 3000)]
    assert accuse["parties"][0]["constats"][0]["message"] == f"{detail}…)."  # type: ignore[index]
    assert len(erreurs) == 1
    assert accuse["parties"][0]["lignes_utilisees"] == 8000  # type: ignore[index]


def test_une_nuit_finit_a_sigterm_pendant_un_tel_fichier(tmp_path: Path) -> None:
    maison = Maison(tmp_path)
    registres = tmp_path / "raw" / "referentiels"
    registres.mkdir()
    (registres / "projets.csv").write_text(f"porteur;nom;finess_et\nalpha;Alpha;{F1}\n", encoding="utf-8")
    maison.deposer("mises_a_jour_2026-03-31.csv", MAJ + "x;y;z\n" * 2_000_000)
    nuit = commande("nuit", "--data", tmp_path, "--date-mesure", "2026-04-01", DUIMETRE_CLE="0" * 64)
    assert until(lambda: list((tmp_path / "staging").glob(".reception/*/fichier")), 120)
    time.sleep(2)
    assert nuit.poll() is None
    nuit.send_signal(signal.SIGTERM)
    debut = time.monotonic()
    _, erreurs = nuit.communicate(timeout=60)
    assert time.monotonic() - debut < 5
    assert nuit.returncode != 0
    assert "Traceback" not in erreurs
    assert not (tmp_path / "curated" / "actuel").exists()
