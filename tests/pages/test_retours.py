"""What goes back to the porteurs: acknowledgements, error files, pages, work lists; to the right porteur, and harmless."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from conftest import Region
from scenario import ESSMS, deposer, jouer, nuit_directe, projets
from typographie import espaces

from flows.reception.inventaire import Depose
from flows.retours import pages
from flows.retours.accuses import dossier_de_retour, nom_sur
from flows.retours.pages import date_des_pages
from schemas.constats import catalogue
from schemas.depots import TABLES, champs_de
from transforms.dire.formats import accord, jour_en_lettres, milliers, taille, taux
from transforms.dire.texte_sur import csv_excel
from transforms.pages.porteur.accuse import Accuse, Partie, Premier, en_csv, en_html, en_json
from transforms.pages.porteur.delai import Delai
from transforms.pages.porteur.index import FICHIERS_MAX, FichierRecu, Situation
from transforms.pages.porteur.index import page_du_porteur as en_page
from transforms.sort_depot import SortDepot
from transforms.validation.constats import CONSTATS, constat_de_fichier

D = date(2026, 4, 1)
NUIT_1 = datetime(2026, 4, 2, 1, 30, tzinfo=UTC)
E1, E2, E3 = ESSMS["E1"], ESSMS["E2"], ESSMS["E3"]
MO = 1_000_000
# The first character, after what a spreadsheet skips, that makes a cell a formula.
FORMULES = ("=1+1", "+1", "-1", "@SOMME(A1)", "\t=1", "\r=1", " =1", "\u00a0=1", "＝1", "\n=1")


def lire_csv(octets: bytes) -> list[dict[str, str]]:
    assert octets.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(octets.decode("utf-8-sig"), newline=""), delimiter=";"))


class _Texte(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.morceaux: list[str] = []
        self.liens: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.liens += [valeur or "" for nom, valeur in attrs if nom in ("href", "src")]

    def handle_data(self, data: str) -> None:
        self.morceaux.append(data)


def texte(html: str) -> str:
    """What a person reads of a page, spaces made plain."""
    lecteur = _Texte()
    lecteur.feed(html.partition("</style>")[2])
    return re.sub(r"\s+", " ", " ".join(lecteur.morceaux))


def retours(racine: Path, porteur: str = "asso") -> dict[str, bytes]:
    dossier = racine / "retours" / porteur
    return {f.name: f.read_bytes() for f in sorted(dossier.rglob("*")) if f.is_file()} if dossier.is_dir() else {}


def accuse_de(racine: Path, nom: str, porteur: str = "asso") -> dict[str, object]:
    trouves = [
        json.loads(contenu)
        for fichier, contenu in retours(racine, porteur).items()
        if fichier.startswith("accuse_") and fichier.endswith(".json")
    ]
    (seul,) = [a for a in trouves if a["nom"] == nom]
    return dict(seul)


# --- writing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("valeur", FORMULES)
def test_aucune_formule_dans_un_csv(valeur: str) -> None:
    (ligne,) = lire_csv(csv_excel(pl.DataFrame({"a": [valeur]})))
    assert ligne["a"].startswith("'")


@pytest.mark.parametrize("valeur", ["é ; à", 'un "mot"', "D-0001", "a=b", "deux\nlignes", "12,5"])
def test_un_texte_ordinaire_reste_tel_quel(valeur: str) -> None:
    (ligne,) = lire_csv(csv_excel(pl.DataFrame({"a": [valeur]})))
    assert ligne["a"] == valeur


def test_nombres_et_dates_a_la_francaise() -> None:
    assert taux(85.714, 90) == "85,7\u00a0%"
    assert taux(89.96, 90) == "89,9\u00a0%", "a rate under its target is not shown at it"
    assert taux(90.0, 90) == "90,0\u00a0%"
    assert taux(None) == "—"
    assert milliers(1234567) == "1\u202f234\u202f567"
    assert accord(1, "ligne") == "1 ligne" and accord(2, "ligne") == "2 lignes" and accord(0, "ligne") == "0 ligne"
    assert jour_en_lettres(D) == "1er avril 2026"
    assert taille(12_345) == "12,3\u202fKo"


@pytest.mark.parametrize(
    ("chemin", "attendu"),
    [
        ("2026/Séjours été.csv", "Sejours_ete.csv"),
        ("../../etc/passwd", "passwd"),
        ("a\nb*c?.csv", "a_b_c_.csv"),
        ("\u202excod.csv", "xcod.csv"),
        ("日本", "fichier"),
        ("..", "fichier"),
        ("x" * 300, "x" * 80),
    ],
)
def test_nom_sur(chemin: str, attendu: str) -> None:
    assert nom_sur(chemin) == attendu


# --- acknowledgement ---------------------------------------------------------------------------------------------------


def partie(constats: pl.DataFrame, **autres: object) -> Partie:
    base = Partie("", "sejours", D, False, SortDepot("TROP_DE_REJETS", 500_000, 0, 500_000), constats)
    return replace(base, **autres)  # type: ignore[arg-type]


def accuse(*parties: Partie) -> Accuse:
    instant = datetime(2026, 4, 2, 3, 30)
    return Accuse("AAAA-BBBB-CCCC", "asso", "sejours_2026-04-01.csv", "ab" * 32, 1234, instant, instant, parties)


def constats(n: int, code: str = "DATE_INVALIDE", valeur: str = "valeur {}") -> pl.DataFrame:
    return pl.DataFrame(
        [(code, i + 2, "date_entree", None, valeur.format(i), "", 1, None) for i in range(n)],
        schema=CONSTATS,
        orient="row",
    )


def test_cent_mille_constats() -> None:
    """« under 1 MB even with 100 000 findings »; the CSV lists the first of each kind and counts the others, under 5 MB."""
    codes = [c.code for c in catalogue().values() if c.niveau != "fichier"]
    tous = constats(100_000, valeur="x" * 1200 + "{}").with_columns(
        code=pl.Series([codes[i % len(codes)] for i in range(100_000)])
    )
    recu = accuse(partie(tous))
    debut = time.perf_counter()
    html, brut = en_html(recu), en_json(recu)
    assert time.perf_counter() - debut < 10
    assert len(html.encode()) < MO and len(brut.encode()) < MO
    assert texte(f"</style>{milliers(100_000 // len(codes))} fois") in texte(html)
    octets = en_csv(recu)
    assert octets is not None and len(octets) < 5 * MO
    assert sum(int(ligne["lignes concernées"]) for ligne in lire_csv(octets)) == 100_000
    assert all(octets.count(f";{c}\r\n".encode()) > 10 for c in codes)


def test_mille_parties_et_cinq_cents_sortes() -> None:
    """Neither members of an archive nor sheets make a page heavy."""
    feuilles = pl.concat([constat_de_fichier("FEUILLE_IGNOREE", detail=f"F{i}") for i in range(500)])
    html = en_html(accuse(*(partie(feuilles, membre=f"{i}.csv") for i in range(1000))))
    assert len(html.encode()) < MO
    assert "autres sortes de constats" in texte(html)


def test_tout_constat_du_catalogue_se_dit() -> None:
    lignes = [(c, 3, "date_entree", None, "v", "précision", 1, None) for c in catalogue()]
    html = texte(en_html(accuse(partie(pl.DataFrame(lignes, schema=CONSTATS, orient="row")))))
    assert not re.search(r"\{\w*\}", html)


def test_une_valeur_hostile_ne_change_pas_la_page() -> None:
    hostile = "</td><script>alert(1)</script><img src=x onerror=alert(1)>\u202e\x00"
    recu = replace(accuse(partie(constats(1, valeur=hostile), membre=hostile)), nom=hostile)
    html = en_html(recu)
    assert "<script" not in html and "<img" not in html
    assert "\u202e" not in html and "\x00" not in html
    assert hostile.partition("\u202e")[0] in texte(html)


def test_un_contenu_en_double_rappelle_le_premier() -> None:
    premier = Premier("ancien.csv", datetime(2026, 3, 1, 4, 5))
    html = texte(en_html(accuse(partie(constats(2), premier=premier))))
    assert "Ce contenu a déjà été reçu le 01/03/2026 à 04 h 05 sous le nom « ancien.csv »" in html.replace(
        "\u00a0", " "
    )


def test_pages_autonomes() -> None:
    lecteur = _Texte()
    lecteur.feed(en_html(replace(accuse(partie(constats(3))), erreurs="erreurs_x.csv")))
    assert lecteur.liens == ["#contenu", "../../index.html", "erreurs_x.csv"]


# --- reception ---------------------------------------------------------------------------------------------------------

DOSSIERS = f"""finess_et;id_dossier;id_personne;date_creation;Nom de famille
{E1};D1;P1;2024-01-01;Durand
{E1};D2;P2;pas une date;Payet
{ESSMS["AUTRE"]};D3;P3;;
"""


def test_accuse_d_un_fichier(tmp_path: Path) -> None:
    """« line, column, received value, what to do, an example »."""
    projets(tmp_path, "E1")
    deposer(tmp_path, "dossiers_2026-04-01.csv", DOSSIERS)
    jouer(tmp_path, aujourd_hui=D)
    recu = accuse_de(tmp_path, "dossiers_2026-04-01.csv")
    assert re.fullmatch(r"[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{4}", str(recu["numero"]))
    assert recu["statut"] == "accepte_avec_rejets"
    (seule,) = recu["parties"]  # type: ignore[misc]
    assert [seule[f"lignes_{n}"] for n in ("lues", "utilisees", "rejetees", "hors_projet")] == [3, 1, 2, 1]
    mauvaise = next(c for c in seule["constats"] if c["code"] == "DATE_INVALIDE")
    assert (mauvaise["lignes"], mauvaise["colonne"], mauvaise["valeurs"]) == ([3], "date_creation", ["pas une date"])
    assert mauvaise["que_faire"] == (
        "Écrivez la date JJ/MM/AAAA ou AAAA-MM-JJ. Puis déposez le fichier corrigé sous le même nom."
    )
    assert mauvaise["exemple"] == "14/03/2026"
    fichiers = retours(tmp_path)
    erreurs = lire_csv(fichiers[str(recu["fichier_des_erreurs"])])
    assert ("3", "date_creation", "pas une date") in {(e["ligne"], e["colonne"], e["valeur reçue"]) for e in erreurs}
    page = texte(next(c.decode() for n, c in fichiers.items() if n.startswith("accuse_") and n.endswith(".html")))
    for dit in ("Accepté avec lignes rejetées", "pas une date", "ligne 3", "Nom de famille", str(recu["numero"])):
        assert dit in page
    assert "Durand" not in page, "a column that is not expected never travels further than its name"


def test_un_bon_fichier_n_a_pas_de_fichier_d_erreurs(tmp_path: Path) -> None:
    projets(tmp_path, "E1")
    deposer(tmp_path, "sejours_2026-04-01.csv", f"finess_et;id_dossier;date_entree\n{E1};D1;2025-01-01\n")
    jouer(tmp_path, aujourd_hui=D)
    assert accuse_de(tmp_path, "sejours_2026-04-01.csv")["statut"] == "accepte"
    assert not [n for n in retours(tmp_path) if n.startswith("erreurs_")]


def test_un_fichier_corrige_garde_l_ancien_accuse(tmp_path: Path) -> None:
    projets(tmp_path, "E1")
    deposer(tmp_path, "dossiers_2026-04-01.csv", DOSSIERS)
    jouer(tmp_path, aujourd_hui=D)
    avant = retours(tmp_path)
    deposer(tmp_path, "dossiers_2026-04-01.csv", DOSSIERS.replace("pas une date", "2024-05-06"))
    jouer(tmp_path, aujourd_hui=D)
    apres = retours(tmp_path)
    assert avant.items() <= apres.items() and len(apres) > len(avant)


def test_un_contenu_deja_recu_sous_un_autre_nom(tmp_path: Path) -> None:
    projets(tmp_path, "E1")
    deposer(tmp_path, "dossiers_2026-04-01.csv", DOSSIERS)
    jouer(tmp_path, aujourd_hui=D)
    deposer(tmp_path, "dossiers_2026-04-01_copie.csv", DOSSIERS)
    jouer(tmp_path, aujourd_hui=D)
    copie = accuse_de(tmp_path, "dossiers_2026-04-01_copie.csv")
    assert copie["statut"] == "deja_recu"
    assert "déjà été reçu le 01/04/2026" in str(copie["verdict"])
    (seule,) = copie["parties"]  # type: ignore[misc]
    assert (seule["lignes_lues"], seule["deja_recu_le"][:10]) == (3, "2026-04-01")
    assert "DATE_INVALIDE" in {c["code"] for c in seule["constats"]}


def test_un_fichier_seulement_touche_garde_son_accuse(tmp_path: Path) -> None:
    projets(tmp_path, "E1")
    chemin = deposer(tmp_path, "dossiers_2026-04-01.csv", DOSSIERS)
    jouer(tmp_path, aujourd_hui=D)
    avant = retours(tmp_path)
    chemin.touch()
    jouer(tmp_path, aujourd_hui=D)
    assert retours(tmp_path) == avant
    assert "pas une date" in next(c.decode() for n, c in avant.items() if n.endswith(".html"))


def test_un_fichier_juge_de_nouveau_recrit_son_accuse(tmp_path: Path) -> None:
    """The register gains an ESSMS: the rows that were outside the project are not any more."""
    projets(tmp_path, "E1")
    deposer(tmp_path, "dossiers_2026-04-01.csv", DOSSIERS)
    jouer(tmp_path, aujourd_hui=D)
    noms = set(retours(tmp_path))
    projets(tmp_path, "E1\nAUTRE")
    jouer(tmp_path, aujourd_hui=date(2026, 4, 2))
    assert set(retours(tmp_path)) == noms
    recu = accuse_de(tmp_path, "dossiers_2026-04-01.csv")
    (seule,) = recu["parties"]  # type: ignore[misc]
    assert seule["lignes_hors_projet"] == 0
    assert str(recu["recu_le"])[:10] == "2026-04-01" and str(recu["examine_le"])[:10] == "2026-04-02"


def test_registre_a_corriger(tmp_path: Path) -> None:
    projets(tmp_path, "E1 porteur=asso\nE1 porteur=autre\nE2 porteur=tiers")
    deposer(tmp_path, "dossiers_2026-04-01.csv", DOSSIERS)
    nuit_directe(tmp_path, [D], NUIT_1)
    recu = accuse_de(tmp_path, "dossiers_2026-04-01.csv")
    assert recu["statut"] == "en_attente"
    assert "corriger son registre" in str(recu["verdict"])
    assert "Vos fichiers attendent" in texte(retours(tmp_path)["index.html"].decode())


def test_rien_pour_un_porteur_inconnu(tmp_path: Path) -> None:
    """« folder of an unknown porteur (told to the operator only: nothing is written back) »."""
    projets(tmp_path, "E1")
    deposer(tmp_path, "dossiers_2026-04-01.csv", DOSSIERS, porteur="inconnu")
    nuit_directe(tmp_path, [D], NUIT_1)
    assert not (tmp_path / "retours" / "inconnu").exists()


def test_un_lien_plante_dans_les_retours_n_est_jamais_suivi(tmp_path: Path) -> None:
    projets(tmp_path, "E1 porteur=asso\nE2 porteur=autre")
    deposer(tmp_path, "dossiers_2026-04-01.csv", DOSSIERS)
    deposer(tmp_path, "dossiers_2026-04-01.csv", DOSSIERS.replace(E1, E2), porteur="autre")
    ailleurs = tmp_path / "ailleurs"
    ailleurs.mkdir()
    (tmp_path / "secret").write_text("intact")
    dossier = tmp_path / "retours" / "autre"
    dossier.mkdir(parents=True)
    (dossier / "index.html").symlink_to(tmp_path / "secret")
    (dossier / ".index.html.en_cours").symlink_to(tmp_path / "secret")
    (tmp_path / "retours" / "asso").symlink_to(ailleurs)
    bilan = nuit_directe(tmp_path, [D], NUIT_1)
    assert {r.porteur for r in bilan.recus} == {"asso", "autre"}, "the night goes on without that folder"
    assert list(ailleurs.iterdir()) == []
    assert (tmp_path / "secret").read_text() == "intact"
    assert not (dossier / "index.html").is_symlink() and b"<!DOCTYPE html>" in (dossier / "index.html").read_bytes()
    assert not [n for n in retours(tmp_path, "autre") if n.endswith(".en_cours")]


def test_un_accuse_precede_le_registre(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between the two, the next night writes the same acknowledgement again."""
    projets(tmp_path, "E1")
    deposer(tmp_path, "dossiers_2026-04-01.csv", DOSSIERS)

    def tue(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as m:
        m.setattr("flows.staging.registre.RegistreDepots.inscrire", tue)
        with pytest.raises(KeyboardInterrupt):
            jouer(tmp_path, aujourd_hui=D)
    avant = retours(tmp_path)
    assert avant
    jouer(tmp_path, aujourd_hui=D)
    assert retours(tmp_path) == avant


def test_aucune_formule_dans_les_retours(tmp_path: Path) -> None:
    """« Formula payloads in every text field: no export contains a live formula. »"""
    projets(tmp_path, "E1 nom==1+1")
    for charge in ("=1+1", "+1", "-1", "@A1", '"\t=1"', '"\r=1"'):
        for table in TABLES:
            colonnes = [c for c in champs_de(table).values() if c.nom != "finess_et"]
            valeurs = [c.exemple if c.nature in ("date", "horodatage") else charge for c in colonnes]
            lignes = [";".join(["finess_et", *(c.nom for c in colonnes), charge])]
            lignes += [";".join([f, *map(str, valeurs), charge]) for f in (E1, charge)]
            nom = f"{table}_2026-04-01_{len(charge)}{charge.strip(chr(34)).strip()[0]}.csv"
            deposer(tmp_path, nom, "\n".join(lignes) + "\n")
    # A dossier that is left to do, under a name that is a formula.
    deposer(tmp_path, "dossiers_2026-04-02.csv", f"finess_et;id_dossier;id_personne\n{E1};=D1;P1\n{E1};+D2;P2\n")
    deposer(
        tmp_path,
        "sejours_2026-04-02.csv",
        f"finess_et;id_dossier;date_entree\n{E1};=D1;2025-01-01\n{E1};+D2;2025-01-01\n",
    )
    nuit_directe(tmp_path, [D], NUIT_1)
    exports = {n: c for n, c in retours(tmp_path).items() if n.endswith(".csv")}
    assert f"a_completer_{E1}.csv" in exports and len(exports) > 40
    for nom, contenu in exports.items():
        for ligne in lire_csv(contenu):
            for cellule in ligne.values():
                assert not re.match(r"[\s\u00a0]*[=+\-@＝＋－＠]", cellule), (nom, cellule)


# --- the night ----------------------------------------------------------------------------------------------------------

_DOSSIERS_A = "\n".join(
    [f"{E1};A-{i};PA-{i};oui" for i in range(1, 11)] + [f"{E2};A-9{i};PA-9{i};oui" for i in range(4)]
)
_SEJOURS_A = "\n".join(
    [f"{E1};A-{i};2025-01-01;" for i in range(1, 11)] + [f"{E2};A-9{i};2025-01-01;" for i in range(4)]
)


_PROJETS = "finess_et;id_dossier;id_projet;statut;date_debut;date_fin\n"
_AGENDA = "finess_et;id_dossier;id_evenement;debut;statut\n"


@pytest.fixture(scope="module")
def nuitee(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten dossiers in E1, eight of them updated, and four in E2, all done; no mss, no dmp; E3 without any deposit."""
    racine = tmp_path_factory.mktemp("retours")
    projets(racine, "E1 nom=Association_Été\nE2 nom=Association_Été\nE3 porteur=autre")
    deposer(racine, "dossiers_2026-04-01.csv", f"finess_et;id_dossier;id_personne;eligible_projet\n{_DOSSIERS_A}\n")
    deposer(racine, "sejours_2026-04-01.csv", f"finess_et;id_dossier;date_entree;date_sortie\n{_SEJOURS_A}\n")
    mises_a_jour = [f"{E1};A-{i};2026-02-0{i}" for i in range(1, 9)] + [f"{E1};A-9;2025-12-24", f"{E1};A-10;2026-04-01"]
    mises_a_jour += [f"{E2};A-9{i};2026-03-01" for i in range(4)]
    deposer(racine, "mises_a_jour_2026-04-01.csv", "finess_et;id_dossier;horodatage\n" + "\n".join(mises_a_jour) + "\n")
    actifs = [f"{E1};A-{i};PP{i};actif;2025-06-01;" for i in range(1, 7)]
    actifs += [f"{E1};A-7;PP7;termine;2024-01-01;2025-11-30"]
    actifs += [f"{E2};A-9{i};PP9{i};actif;2025-06-01;" for i in range(4)]
    deposer(
        racine,
        "projets_2026-04-01.csv",
        _PROJETS + "\n".join(actifs) + "\n",
    )
    agenda = [f"{E1};A-{i};R{i};2026-02-01;realise" for i in range(1, 7)]
    agenda += [f"{E1};A-7;R7;2026-02-01;annule", f"{E1};A-8;R8;2026-06-01;planifie"]
    agenda += [f"{E2};A-9{i};R9{i};2026-02-01;" for i in range(4)]
    deposer(racine, "agenda_2026-04-01.csv", _AGENDA + "\n".join(agenda) + "\n")
    deposer(racine, "dmp_2026-03-15.csv", "finess_et;horodatage\n")
    nuit_directe(racine, [D], NUIT_1)
    return racine


def test_liste_a_completer(nuitee: Path) -> None:
    """« the porteur's own dossier identifiers that are not active, without projet, without agenda event, with the reason »."""
    lignes = [{c: espaces(v) for c, v in x.items()} for x in lire_csv(retours(nuitee)[f"a_completer_{E1}.csv"])]
    assert {(ligne["structure"], ligne["mesure du"]) for ligne in lignes} == {(f"Structure {E1}", "01/04/2026")}
    assert [(ligne["dossier"], ligne["indicateur"], ligne["raison"]) for ligne in lignes] == [
        (
            "A-10",
            "Dossiers actifs",
            "Aucune mise à jour du 01/01/2026 au 31/03/2026 ; mis à jour le 01/04/2026, après la période.",
        ),
        ("A-9", "Dossiers actifs", "Dernière mise à jour connue le 24/12/2025 : aucune du 01/01/2026 au 31/03/2026."),
        ("A-8", "Projet personnalisé", "Dossier actif, sans aucun projet personnalisé."),
        ("A-7", "Projet personnalisé", "Dossier actif ; son dernier projet est terminé depuis le 30/11/2025."),
        (
            "A-8",
            "Agenda",
            "Dossier actif, sans événement d'agenda du 01/01/2026 au 31/03/2026 (le plus récent : 01/06/2026).",
        ),
        ("A-7", "Agenda", "Dossier actif ; tous ses événements d'agenda du 01/01/2026 au 31/03/2026 sont annulés."),
    ]
    assert {ligne["effet sur le taux"] for ligne in lignes if ligne["indicateur"] == "Dossiers actifs"} == {
        "1 de plus ; il en manque 1 pour atteindre 90 % (taux : 80,0 %)"
    }
    assert not re.search(r"PA-\d", str(lignes)), "persons appear by dossier only"


def test_rien_a_completer_pas_de_liste(nuitee: Path) -> None:
    assert f"a_completer_{E2}.csv" not in retours(nuitee)


def test_page_du_porteur(nuitee: Path) -> None:
    html = retours(nuitee)["index.html"].decode()
    page = espaces(texte(html))
    for dit in (
        "Association_Été",
        "Mesure du 1er avril 2026, période du 01/01/2026 au 31/03/2026 (règles 2025)",
        "Corriger et redéposer « dmp_2026-03-15.csv »",
        "Le fichier n'a que son en-tête : aucune ligne.",
        "Déposer « mss » (messages MSSanté)",
        "vos exports comptent pour cette mesure jusqu'au 16/05/2026. Ce que vous saisissez aujourd'hui comptera pour celle du "
        "01/05/2026.",
        f"Structure {E1} : il manque 1 dossier actif Dossiers actifs : 80,0 % pour une cible de 90 %. Si c'est dans votre "
        "logiciel du 01/01/2026 au 31/03/2026, redéposez l'export « mises_a_jour » d'ici au 16/05/2026.",
        "80,0 % 8 sur 10, reste 1",
        "75,0 % 6 sur 8, reste 2",
        "100,0 % 4 sur 4, atteint",
        "— source manquante",
    ):
        assert dit in page, dit
    assert page.index("Corriger et redéposer") < page.index("Déposer « mss »") < page.index("il manque 1 dossier actif")
    assert f'href="a_completer_{E1}.csv"' in html
    lecteur = _Texte()
    lecteur.feed(html)
    assert all(lien.startswith(("#", "accuses/", "a_completer_")) for lien in lecteur.liens)
    assert all((nuitee / "retours" / "asso" / lien).is_file() for lien in lecteur.liens if not lien.startswith("#"))


def test_un_porteur_sans_depot_a_sa_page(nuitee: Path) -> None:
    (nom, html), *reste = retours(nuitee, "autre").items()
    assert (nom, reste) == ("index.html", [])
    assert "Aucun fichier reçu" in texte(html.decode())


def test_un_fichier_retire_ne_se_lit_plus(nuitee: Path, tmp_path: Path) -> None:
    """No raw identifier is kept: once its file is gone, the list counts the dossiers and says so; done, the list goes."""
    import shutil  # noqa: PLC0415

    racine = tmp_path / "copie"
    shutil.copytree(nuitee, racine, symlinks=True)
    depots = racine / "raw" / "depots" / "asso"
    (depots / "dossiers_2026-04-01.csv").unlink()
    nuit_directe(racine, [D], NUIT_1 + timedelta(days=1))
    assert "A-10" in {ligne["dossier"] for ligne in lire_csv(retours(racine)[f"a_completer_{E1}.csv"])}, (
        "sejours has it"
    )
    (depots / "sejours_2026-04-01.csv").unlink()
    nuit_directe(racine, [D], NUIT_1 + timedelta(days=2))
    lignes = lire_csv(retours(racine)[f"a_completer_{E1}.csv"])
    assert {ligne["dossier"] for ligne in lignes} == {"(fichier retiré du dossier de dépôt)"}
    assert "Déposez de nouveau « dossiers » : 1 identifiant ne se lit plus ici." in espaces(lignes[0]["que faire"])
    faits = [f"{E1};A-{i};2026-02-01" for i in (9, 10)]
    deposer(racine, "mises_a_jour_2026-04-02.csv", "finess_et;id_dossier;horodatage\n" + "\n".join(faits) + "\n")
    projets_ = [f"{E1};A-{i};PPP{i};actif;2025-06-01;" for i in range(1, 11)]
    deposer(
        racine,
        "projets_2026-04-02.csv",
        _PROJETS + "\n".join(projets_) + "\n",
    )
    agenda = [f"{E1};A-{i};RR{i};2026-02-01;" for i in range(1, 11)]
    deposer(racine, "agenda_2026-04-02.csv", _AGENDA + "\n".join(agenda) + "\n")
    nuit_directe(racine, [D], NUIT_1 + timedelta(days=3))
    assert f"a_completer_{E1}.csv" not in retours(racine)


def test_un_fichier_depose_deux_fois_se_relit_une_fois(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The deposit that the dossier comes from; once it is gone the latest one, not its copy too, then another table."""
    relus = []

    def noter(depose: Depose, *autres: Any) -> Any:
        relus.append(depose.chemin)
        return relire(depose, *autres)

    relire = pages._relire
    monkeypatch.setattr(pages, "_relire", noter)
    projets(tmp_path, "E1")
    entetes = "finess_et;id_dossier;id_personne\n"
    deposer(tmp_path, "dossiers_2026-04-01.csv", f"{entetes}{E1};A-1;P1\n{E1};A-2;P2\n")
    for chemin in ("dossiers_2026-06-01.csv", "renvoi/dossiers_2026-06-01.csv"):
        deposer(tmp_path, chemin, f"{entetes}{E1};A-2;P2\n")
    sejours = f"{E1};A-1;2025-01-01\n{E1};A-2;2025-01-01\n"
    deposer(tmp_path, "sejours_2026-04-01.csv", f"finess_et;id_dossier;date_entree\n{sejours}")
    deposer(tmp_path, "mises_a_jour_2026-04-01.csv", f"finess_et;id_dossier;horodatage\n{E1};A-2;2026-02-01\n")
    nuit_directe(tmp_path, [D], NUIT_1 + timedelta(days=70))
    assert {ligne["dossier"] for ligne in lire_csv(retours(tmp_path)[f"a_completer_{E1}.csv"])} == {"A-1"}
    assert relus == ["dossiers_2026-04-01.csv"]
    relus.clear()
    (tmp_path / "raw" / "depots" / "asso" / "dossiers_2026-04-01.csv").unlink()
    nuit_directe(tmp_path, [D], NUIT_1 + timedelta(days=71))
    assert {ligne["dossier"] for ligne in lire_csv(retours(tmp_path)[f"a_completer_{E1}.csv"])} == {"A-1"}
    assert [Path(chemin).name for chemin in relus] == ["dossiers_2026-06-01.csv", "sejours_2026-04-01.csv"]


def projets_publies(version: Path) -> dict[str, pl.DataFrame]:
    tables = ("conventions", "conditions_solde", "verifications_aptitude")
    return {t: pl.read_parquet(version / t / f"date_mesure={D}" / f"{t}.parquet") for t in tables}


def test_mille_structures_et_cinq_mille_fichiers(nuitee: Path) -> None:
    version = nuitee / "curated" / "actuel"
    essms = pl.read_parquet(version / "essms" / "essms.parquet").filter(pl.col("finess_et") == E1)
    indicateurs = pl.read_parquet(version / "indicateurs" / f"date_mesure={D}" / "indicateurs.parquet")
    sources = pl.read_parquet(version / "sources" / f"date_mesure={D}" / "sources.parquet")
    mille = pl.DataFrame({"numero": [f"{i:09d}" for i in range(1000)]})

    def multiplier(table: pl.DataFrame) -> pl.DataFrame:
        modele = table.filter(pl.col("finess_et") == E1)
        return modele.join(mille, how="cross").with_columns(finess_et="numero").drop("numero")

    page = en_page(
        Situation(
            porteur="asso",
            nom="Association",
            delai=Delai(D, D),
            edite_le=NUIT_1,
            version="v",
            essms=multiplier(essms).with_columns(raison_sociale=pl.lit("Établissement d'accueil & de soins " * 3)),
            indicateurs=multiplier(indicateurs),
            sources=multiplier(sources),
            projets=projets_publies(version),
            listes={numero: f"a_completer_{numero}.csv" for numero in mille["numero"]},
            fichiers=[FichierRecu("f" * 200, NUIT_1, "accepte", ("dossiers",), 1, 1, 0, 0, "accuse_x.html")]
            * FICHIERS_MAX,
            nb_fichiers=5000,
            rejets=(),
            refus=(),
            ecartes=frozenset(),
            en_attente=False,
        )
    )
    assert len(page.encode()) < MO
    assert "Et 500 autres structures" in texte(page) and "Et 4 900 fichiers plus anciens" in texte(page)


@pytest.mark.parametrize(
    ("cette_nuit", "publiees", "attendu"),
    [
        ([D], [], D),
        ([date(2026, 1, 1), D], [], D),
        ([date(2026, 1, 1)], [D], None),
        ([D], [date(2027, 1, 1)], D),
        ([date(2027, 1, 1)], [], date(2027, 1, 1)),
    ],
)
def test_date_des_pages(tmp_path: Path, cette_nuit: list[date], publiees: list[date], attendu: date | None) -> None:
    for jour in publiees:
        (tmp_path / "indicateurs" / f"date_mesure={jour}").mkdir(parents=True)
    assert date_des_pages(cette_nuit, tmp_path, date(2026, 4, 2)) == attendu


# --- isolation ----------------------------------------------------------------------------------------------------------


def test_les_retours_d_un_porteur_ne_disent_rien_d_un_autre(region: Region, tmp_path: Path) -> None:
    """« The returns of porteur A contain no identifier, name or FINESS of porteur B »: only what A itself deposited."""
    racine = region.copier(tmp_path)
    nuit_directe(racine, [D], datetime(2026, 4, 2, 2, tzinfo=UTC))
    essms = pl.read_parquet(racine / "curated" / "actuel" / "essms" / "essms.parquet")
    bruts = {p.name: _contenu(p) for p in (racine / "raw" / "depots").iterdir() if p.is_dir()}
    rendus = {p.name: b"\n".join(f.read_bytes() for f in p.rglob("*.*")) for p in (racine / "retours").iterdir()}
    porteurs = essms["porteur"].unique().to_list()
    assert set(porteurs) == set(rendus)
    verifies = 0
    for porteur, rendu in rendus.items():
        autres = essms.filter(pl.col("porteur") != porteur)
        propres = essms.filter(pl.col("porteur") == porteur)
        siens = {v for c in ("nom_porteur", "raison_sociale") for v in propres[c].drop_nulls()}
        secrets = {
            v for c in ("finess_et", "nom_porteur", "raison_sociale", "porteur") for v in autres[c].drop_nulls()
        } - siens
        secrets |= region.identifiants
        for secret in secrets:
            octets = secret.encode()
            if octets not in bruts.get(porteur, b""):
                verifies += 1
                assert octets not in rendu, (porteur, secret)
    assert verifies > 300


def _contenu(depots: Path) -> bytes:
    """All that a porteur deposited, unpacked, as bytes of UTF-8 text."""
    import zipfile  # noqa: PLC0415

    morceaux: list[bytes] = []
    for fichier in sorted(f for f in depots.rglob("*") if f.is_file()):
        octets = fichier.read_bytes()
        morceaux.append(str(fichier.relative_to(depots)).encode())
        if zipfile.is_zipfile(fichier):
            with zipfile.ZipFile(fichier) as archive:
                for membre in archive.namelist():
                    interieur = archive.read(membre)
                    morceaux.append(_en_utf8(interieur))
        elif fichier.suffix == ".parquet":
            morceaux.append(pl.read_parquet(octets).write_csv().encode())
        elif fichier.name.endswith(".gz"):
            import gzip  # noqa: PLC0415

            morceaux.append(_en_utf8(gzip.decompress(octets)))
        else:
            morceaux.append(_en_utf8(octets))
    return b"\n".join(morceaux)


def _en_utf8(octets: bytes) -> bytes:
    for codage in ("utf-8-sig", "utf-16" if octets[:2] in (b"\xff\xfe", b"\xfe\xff") else "cp1252"):
        try:
            return octets.decode(codage).encode()
        except UnicodeDecodeError:
            continue
    return octets


def test_les_reponses_d_avant_sont_rangees(nuitee: Path, tmp_path: Path) -> None:
    """What a former duimètre put beside the page goes to the folder of its month, once; what else is there stays."""
    racine = tmp_path / "data"
    shutil.copytree(nuitee, racine, symlinks=True)
    dossier = racine / "retours" / "asso"
    rangees = sorted(f.relative_to(dossier) for f in dossier.glob("accuses/*/*"))
    assert rangees and {f.parts[0] for f in rangees} == {"accuses"}
    for fichier in rangees:
        (dossier / fichier).rename(dossier / fichier.name)
    (dossier / "accuse_inconnu.html").write_text("à moi")
    nuit_directe(racine, [D], NUIT_1 + timedelta(days=1))
    assert sorted(f.relative_to(dossier) for f in dossier.glob("accuses/*/*")) == rangees
    assert [f.name for f in dossier.glob("accuse_*")] == ["accuse_inconnu.html"]


def test_rien_n_est_ecrit_derriere_un_lien_plante(tmp_path: Path) -> None:
    """A porteur may write in its folder: a link in the place of `accuses` leads nowhere, and the night goes on."""
    ailleurs = tmp_path / "ailleurs"
    ailleurs.mkdir()
    (tmp_path / "retours" / "asso").mkdir(parents=True)
    (tmp_path / "retours" / "asso" / "accuses").symlink_to(ailleurs)
    with pytest.raises(OSError), dossier_de_retour(tmp_path / "retours", "asso", "accuses", "2026-04"):
        pass
    assert list(ailleurs.iterdir()) == []
