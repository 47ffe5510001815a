"""`duimetre verifier` (specification §3): the night's checks before dropping, readable, and nothing written."""

import json
import re
from argparse import Namespace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typographie import espaces

from flows.cli.principal import _parseur, main
from flows.reception import inventaire, reception, registres_ars, verification
from flows.reception.isolement import LecteurEnPanne
from flows.reglages import Reglages
from flows.staging.registre import RegistreDepots

A, B, AILLEURS = "970400123", "970400024", "970400032"
ENTETE = "finess_et;id_dossier;date_entree;date_sortie\n"
BONNES = "".join(f"{A};D{n};2026-01-05;\n" for n in range(20))


@pytest.fixture
def racine(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    (data / "raw/referentiels").mkdir(parents=True)
    (data / "raw/referentiels/projets.csv").write_text(
        f"porteur;nom;finess_et\np1;Un;{A}\np1;Un;{B}\n", encoding="utf-8"
    )
    return data


def fichier(racine: Path, contenu: str, nom: str = "sejours_2026-04-01.csv") -> Path:
    chemin = racine.parent / nom
    chemin.write_text(contenu, encoding="utf-8")
    return chemin


def lancer(racine: Path, *arguments: object, porteur: str = "p1") -> int:
    with pytest.raises(SystemExit) as fin:
        main(["verifier", *map(str, arguments), "--porteur", porteur, "--data", str(racine)])
    assert isinstance(fin.value.code, int)
    return fin.value.code


def tout(racine: Path) -> dict[str, int]:
    return {str(f.relative_to(racine)): f.stat().st_mtime_ns for f in racine.rglob("*")}


CAS = [
    ("propre", ENTETE + BONNES, 0, "ACCEPTÉ"),
    ("doublon exact : avertissement seul", ENTETE + BONNES + f"{A};D1;2026-01-05;\n", 0, "AVERTISSEMENT"),
    ("une date fausse", ENTETE + BONNES + f"{A};D99;2026-02-30;\n", 3, "reçu « 2026-02-30 »"),
    ("une structure hors projet", ENTETE + BONNES + f"{AILLEURS};D99;2026-02-01;\n", 0, "n'est pas dans votre projet"),
    ("trop de rejets", ENTETE + f"{A};D1;x;\n{A};D2;x;\n{A};D3;x;\n{A};D4;2026-01-05;\n", 4, "3 sur 4"),
    ("une colonne manque", f"finess_et;id_dossier\n{A};D1\n", 4, "La colonne « date_entree » manque"),
    ("autre table", f"finess_et;id_dossier;id_projet;statut\n{A};D1;P1;actif\n", 4, "« projets »"),
]


@pytest.mark.parametrize(("contenu", "code", "dit"), [c[1:] for c in CAS], ids=[c[0] for c in CAS])
def test_code_de_sortie_et_reponse(
    contenu: str, code: int, dit: str, racine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chemin = fichier(racine, contenu)
    avant = tout(racine)
    assert lancer(racine, chemin) == code
    assert dit in espaces(capsys.readouterr().out)
    assert tout(racine) == avant


def test_rien_ne_reste_du_dossier_prive(racine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prive = tmp_path / "prive"
    prive.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(prive))
    lancer(racine, fichier(racine, ENTETE + BONNES))
    assert list(prive.iterdir()) == []


def test_chaque_erreur_a_sa_ligne_sa_colonne_sa_valeur_et_quoi_faire(
    racine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fautes = "".join(f"{A};E{n};2026-02-3{n};\n" for n in range(7))
    chemin = fichier(racine, ENTETE + BONNES * 1 + "".join(f"{A};F{n};2026-01-05;\n" for n in range(40)) + fautes)
    assert lancer(racine, chemin) == 3
    dit = espaces(capsys.readouterr().out)
    assert "67 lignes lues, 60 utilisées, 7 rejetées" in dit
    assert "LIGNE REJETÉE — « date_entree » : Ce n'est pas une date. (7 lignes)" in dit
    assert [m[1] for m in re.finditer(r"ligne (\d+) : reçu « 2026-02-3", dit)] == ["62", "63", "64", "65", "66"]
    assert "… et 2 autres lignes" in dit
    assert (
        "Que faire : Écrivez la date JJ/MM/AAAA ou AAAA-MM-JJ. Puis déposez le fichier corrigé sous le même nom." in dit
        and "Exemple : 14/03/2026" in dit
    )


def test_le_json_donne_chaque_constat(racine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chemin = fichier(racine, ENTETE + BONNES + f"{A};D98;hier;\n{A};;2026-01-05;\n")
    assert lancer(racine, chemin, "--json") == 3
    contenu = json.loads(capsys.readouterr().out)
    assert contenu["porteur"] == "p1"
    (partie,) = contenu["fichiers"][0]["parties"]
    assert (partie["lignes_lues"], partie["lignes_utilisees"], partie["lignes_rejetees"]) == (22, 20, 2)
    assert [(c["code"], c["ligne"], c["colonne"], c["valeur"]) for c in partie["constats"]] == [
        ("DATE_INVALIDE", 22, "date_entree", "hier"),
        ("VALEUR_MANQUANTE", 23, "id_dossier", None),
    ]
    assert all(c["que_faire"] and c["message"] for c in partie["constats"])


def test_plusieurs_fichiers_le_pire_decide(racine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bon = fichier(racine, ENTETE + BONNES)
    mauvais = fichier(racine, "x", "bilan.pdf")
    assert lancer(racine, bon, mauvais) == 4
    dit = espaces(capsys.readouterr().out)
    assert "sejours_2026-04-01.csv : ACCEPTÉ" in dit and "bilan.pdf : REFUSÉ" in dit


def test_la_page_html_n_est_pas_un_recu(racine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = racine.parent / "reponse.html"
    chemin = fichier(racine, ENTETE + BONNES + f"{A};D98;<b>hier</b>;\n")
    assert lancer(racine, chemin, "--html", page) == 3
    html = page.read_text(encoding="utf-8")
    assert "Contrôle avant dépôt" in html and "reçu pour toute question" not in html and "Numéro de reçu" not in html
    assert "&lt;b&gt;hier" in html and "<b>hier" not in html
    assert lancer(racine, chemin, chemin, "--html", page) == 2
    assert "un seul fichier" in capsys.readouterr().err


def test_la_meme_reponse_que_la_nuit(racine: Path, tmp_path: Path) -> None:
    contenu = (
        ENTETE
        + BONNES
        + f"{A};D98;hier;\n{AILLEURS};D1;2026-01-05;\n{A};D1;2026-01-05;\n{A};D2;2026-01-05;2026-01-06\n"
    )
    reglages = Reglages(racine)
    depot = racine / "raw/depots/p1"
    depot.mkdir(parents=True)
    (depot / "sejours_2026-04-01.csv").write_text(contenu, encoding="utf-8")
    dossier = registres_ars.lire_registres(reglages).dossier("p1")
    maintenant = datetime(2026, 4, 2, 6, tzinfo=UTC)
    accuse = verification.verifier(fichier(racine, contenu), dossier, reglages, maintenant)
    with RegistreDepots(reglages.registre) as registre:
        (depose,) = inventaire.parcourir(reglages.depots)
        recu = reception.recevoir(
            depose,
            dossier,
            reglages=reglages,
            registre=registre,
            cle=b"k" * 32,
            maintenant=maintenant,
        )
        depots = registre.depots()
        constats = registre.constats()
    (partie,) = accuse.parties
    assert recu is not None and recu.statuts == (partie.sort.statut,) == ("accepte_avec_rejets",)
    assert depots.select("sha256", *partie.sort.en_donnees()).rows() == [
        (accuse.sha256, *partie.sort.en_donnees().values())
    ]
    cles = ["code", "ligne", "colonne", "detail", "nombre"]
    assert sorted(constats.select(cles).rows(), key=str) == sorted(partie.constats.select(cles).rows(), key=str)


@pytest.mark.parametrize(
    ("nom", "cree", "code", "dit"),
    [
        ("absent.csv", None, 2, "n'existe pas"),
        ("dossier", "dossier", 2, "est un dossier"),
        ("~$sejours_2026-04-01.xlsx", "x", 4, "en cours d'écriture"),
        ("sejours_2026-04-01.csv", "", 4, "Le fichier est vide"),
        ("sejours_2999-01-01.csv", ENTETE + BONNES, 4, "dans le futur"),
        ("sejours.csv", ENTETE + BONNES, 4, "La date d'extraction AAAA-MM-JJ manque"),
    ],
)
def test_fichiers_etranges(
    nom: str, cree: str | None, code: int, dit: str, racine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chemin = racine.parent / nom
    if cree == "dossier":
        chemin.mkdir()
    elif cree is not None:
        chemin.write_text(cree, encoding="utf-8")
    assert lancer(racine, chemin) == code
    ecrit = capsys.readouterr()
    assert dit in ecrit.out + ecrit.err


def test_un_lien_n_est_pas_suivi(racine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lien = racine.parent / "sejours_2026-04-02.csv"
    lien.symlink_to(fichier(racine, ENTETE + BONNES))
    assert lancer(racine, lien) == 4
    assert "C'est un lien vers un autre fichier." in capsys.readouterr().out


def test_un_porteur_inconnu(racine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chemin = fichier(racine, ENTETE + BONNES)
    assert lancer(racine, chemin, porteur="p") == 2
    assert "« p » n'est pas dans projets.csv. Vouliez-vous dire « p1 » ?" in capsys.readouterr().err


def test_sans_registre_lisible(racine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chemin = fichier(racine, ENTETE + BONNES)
    (racine / "raw/referentiels/projets.csv").unlink()
    assert lancer(racine, chemin) == 1
    assert "projets.csv manque" in capsys.readouterr().err


def test_des_structures_ecartees_attendent_l_agence(racine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    registre = racine / "raw/referentiels/projets.csv"
    registre.write_text(f"porteur;nom;finess_et\np1;Un;{A}\np2;Deux;{A}\np2;Deux;{B}\n", encoding="utf-8")
    assert lancer(racine, fichier(racine, ENTETE + BONNES)) == 4
    assert "l'agence doit corriger son registre" in capsys.readouterr().out


def test_un_terminal_ne_recoit_aucune_commande(racine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    piege = "\x1b[2J\x1b]0;titre\x07\u202egro.lave"
    chemin = fichier(racine, f"finess_et;id_dossier;date_entree;{piege}\n" + BONNES + f"{A};D98;{piege};\n")
    assert lancer(racine, chemin) == 3
    dit = espaces(capsys.readouterr().out)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e]", dit)


def test_l_aide_et_les_arguments_sont_en_francais(racine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as fin:
        main(["verifier", str(fichier(racine, ENTETE + BONNES)), "--data", str(racine)])
    assert fin.value.code == 2 and "Dites de qui sont ces fichiers : --porteur P" in espaces(capsys.readouterr().err)
    options = _parseur().parse_args(["verifier", "a.csv", "b.csv", "--porteur", "p1"])
    assert isinstance(options, Namespace) and [f.name for f in options.fichiers] == ["a.csv", "b.csv"]


def test_un_lecteur_en_panne_n_est_pas_la_faute_du_fichier(
    racine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def panne(*_: object) -> None:
        raise LecteurEnPanne("KeyError (csv.py:12)")

    monkeypatch.setattr(reception, "ouvrir_depot", panne)
    assert lancer(racine, fichier(racine, ENTETE + BONNES)) == 1
    assert "à signaler à l'opérateur (KeyError (csv.py:12))" in capsys.readouterr().err


def test_sur_un_ordinateur_sans_le_registre(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """§3 `--structures`: the same checks from the numbers that the porteur knows, without projets.csv; nothing is written."""
    monkeypatch.chdir(tmp_path)
    deux = fichier(tmp_path / "data", ENTETE + BONNES + f"{AILLEURS};D99;2026-02-01;\n")

    def code(*arguments: str) -> int:
        with pytest.raises(SystemExit) as fin:
            main(["verifier", str(deux), "--json", *arguments])
        assert isinstance(fin.value.code, int)
        return fin.value.code

    assert code("--structures", f"{A}, {B}") == 0
    (partie,) = json.loads(capsys.readouterr().out)["fichiers"][0]["parties"]
    assert (partie["lignes_lues"], partie["lignes_utilisees"], partie["lignes_hors_projet"]) == (21, 20, 1)
    assert code("--structures", AILLEURS) == 0
    (partie,) = json.loads(capsys.readouterr().out)["fichiers"][0]["parties"]
    assert (partie["lignes_utilisees"], partie["lignes_hors_projet"]) == (1, 20)
    assert code("--structures", "97040012") == 2
    assert "9 caractères" in capsys.readouterr().err
    assert sorted(f.name for f in tmp_path.iterdir()) == [deux.name]
