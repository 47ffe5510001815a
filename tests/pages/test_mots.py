"""What a porteur reads: agreement, no-break spaces, dates, verdicts, what is asked and what can no longer be."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from scenario import ESSMS, deposer, jouer, nuit_directe, projets
from test_retours import D, accuse, constats, retours, texte
from typographie import espaces

from flows.reception import verification
from schemas.constats import catalogue
from schemas.curated import dtypes
from schemas.depots import TABLES
from transforms.dire import formats
from transforms.dire.alertes import ALERTES
from transforms.dire.constats import dire_constat, gravite
from transforms.dire.effets import effet_des_rejets
from transforms.pages.porteur.accuse import Accuse, Partie, en_csv, en_html, en_json, verdict
from transforms.pages.porteur.delai import Delai
from transforms.pages.porteur.index import FichierRecu, Refus, Situation, page_du_porteur
from transforms.pages.porteur.liste_de_travail import _RAISONS, liste_en_csv
from transforms.refus import a_corriger, accompagne
from transforms.sort_depot import SortDepot
from transforms.validation.constats import CONSTATS, detail_des_rejets

E1, AUTRE = ESSMS["E1"], ESSMS["AUTRE"]
NUIT = datetime(2026, 4, 20, 1, 30, tzinfo=UTC)
# Written by us in a name of file or as a format to follow, never as a date.
_ISO = re.compile(r"(?<![_\d])\d{4}-\d{2}-\d{2}(?!\d)")
_SECABLE = re.compile(r"« | [:;?!»%](?=[\s<.,)]|$)")
_NOMS = (
    "ligne|partie|table|fichier|structure|personne|dossier|message|colonne|constat|sorte|identifiant|jour|autre|fois"
)
_FAUTES = (
    re.compile(rf"(?<![\d\u202f,/.])[01] (?!fois)(?:(?:{_NOMS})s|lignes \w+|\w+ées|\w+és)\b"),
    re.compile(rf"(?<![\d,/.])(?:[2-9]|\d[\d\u202f]*\d) (?:(?!fois|autre)(?:{_NOMS}))\b(?!s)"),
)


def fautes(lu: str) -> list[str]:
    """What a French reader would strike out of a text."""
    motifs = (_ISO, _SECABLE, *_FAUTES)
    return [lu[max(0, m.start() - 30) : m.end() + 30] for motif in motifs for m in motif.finditer(lu)]


def lisible(html: str) -> str:
    """The text of a page, its no-break spaces kept, between two marks where a tag stood."""
    corps = html.partition("</style>")[2].replace("&nbsp;", "\u00a0").replace("&amp;", "&")
    return re.sub(r"<[^>]*>", "\n", corps).replace("&#39;", "'").replace("&#34;", '"')


@pytest.mark.parametrize(
    "faute",
    ["le « mot »", "ainsi : oui", "20 %", "le 2026-04-01", "1 lignes", "0 lignes lues", "2 ligne", "12 fichier reçu"],
)
def test_les_fautes_se_voient(faute: str) -> None:
    assert fautes(faute)


@pytest.mark.parametrize(
    "juste",
    ["«\u00a0mot\u00a0»", "oui\u00a0: non", "0 ligne", "1 ligne", "2 lignes", "dossiers_2026-04-01.csv", "3 fois"],
)
def test_ce_qui_est_juste_passe(juste: str) -> None:
    assert not fautes(juste)


def _accuse_de(code: str, combien: int) -> Accuse:
    """A file of which `combien` rows have that finding."""
    niveau = catalogue()[code].niveau
    ligne = None if niveau == "fichier" else 2
    lignes = [
        (code, ligne and ligne + n, "date_entree", None, "v", "", 1, None)
        for n in range(max(combien, niveau == "fichier"))
    ]
    rejetees = combien if niveau == "ligne" else 0
    hors = rejetees if code in ("HORS_PROJET", "ESSMS_ECARTE") else 0
    sort = SortDepot(code if niveau == "fichier" else None, combien, combien - rejetees, rejetees, hors)
    return accuse(Partie("", "sejours", D, False, sort, pl.DataFrame(lignes, schema=CONSTATS, orient="row")))


@pytest.mark.parametrize("combien", [0, 1, 2, 1234])
@pytest.mark.parametrize("code", catalogue())
def test_un_accuse_s_ecrit_sans_faute(code: str, combien: int) -> None:
    recu = _accuse_de(code, combien)
    contenu = json.loads(en_json(recu))
    dits = [contenu["verdict"], contenu["parties"][0]["effet"] or ""]
    dits += [c[t] for c in contenu["parties"][0]["constats"] for t in ("message", "que_faire")]
    dits += [
        c for ligne in csv.reader(io.StringIO((en_csv(recu) or b"").decode("utf-8-sig")), delimiter=";") for c in ligne
    ]
    exemple = catalogue()[code].exemple or "\0"  # a cell to write as it is
    for lu in (lisible(en_html(recu)), verification.dire(recu), *dits):
        assert fautes(lu.replace(exemple, "")) == []


def test_une_alerte_s_ecrit_sans_faute() -> None:
    for code, genre in ALERTES.items():
        for combien in (0, 1, 2) if genre.phrase else ():
            if len(genre.phrase) == 2 or combien == 2:
                assert fautes(genre.dire("agenda", "agenda", combien)) == [], code


# --- the verdict on a file ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lues", "rejetees", "hors", "statut", "dit"),
    [
        (5, 0, 0, "accepte", "Le fichier est utilisé en entier. Vous n'avez rien à refaire."),
        (5, 1, 1, "accepte", "Le fichier est utilisé, sauf 1 ligne hors de votre projet. Vous n'avez rien à refaire."),
        (
            5,
            5,
            5,
            "accepte",
            "Rien de ce fichier n'est utilisé : il ne contient que 5 lignes hors de votre projet. "
            "Vérifiez les structures choisies dans l'export ; si c'est voulu, vous n'avez rien à refaire.",
        ),
        (
            9,
            1,
            0,
            "accepte_avec_rejets",
            "Le fichier est utilisé, sauf 1 ligne rejetée. Corrigez la ligne rejetée dans votre logiciel, "
            "puis déposez l'export corrigé sous le même nom.",
        ),
        (
            9,
            5,
            3,
            "accepte_avec_rejets",
            "Le fichier est utilisé, sauf 2 lignes rejetées et 3 lignes hors de votre projet. "
            "Corrigez les lignes rejetées dans votre logiciel, puis déposez l'export corrigé sous le même nom.",
        ),
    ],
)
def test_les_lignes_hors_projet_ne_changent_pas_le_verdict(
    lues: int, rejetees: int, hors: int, statut: str, dit: str
) -> None:
    sort = SortDepot(None, lues, lues - rejetees, rejetees, hors)
    recu = accuse(Partie("", "sejours", D, False, sort, constats(0)))
    assert sort.statut == recu.statut == statut
    assert espaces(verdict(recu)) == dit


def test_une_structure_ecartee_attend_l_agence() -> None:
    """§4.6: « rows of an ESSMS set aside are told the same, not that they are outside the project »."""
    trouves = pl.DataFrame([("ESSMS_ECARTE", 2, "finess_et", None, E1, "", 2, None)], schema=CONSTATS, orient="row")
    dit = verdict(accuse(Partie("", "sejours", D, False, SortDepot(None, 5, 3, 2, 2), trouves)))
    assert "sauf 2 lignes de structures que l'agence doit rétablir dans son registre." in dit
    assert "hors de votre projet" not in dit
    assert (gravite("ESSMS_ECARTE"), gravite("HORS_PROJET"), gravite("DATE_INVALIDE")) == (
        "Ligne en attente",
        "Ligne hors projet",
        "Ligne rejetée",
    )


def test_hors_projet_de_bout_en_bout(tmp_path: Path) -> None:
    """A file with rows of somebody else is accepted, and nothing is asked; beside a real fault, only the fault counts."""
    projets(tmp_path, "E1")
    entete = "finess_et;id_dossier;date_entree\n"
    deposer(tmp_path, "sejours_2026-04-01.csv", f"{entete}{E1};D1;2025-01-01\n{AUTRE};D2;2025-01-01\n")
    deposer(tmp_path, "agenda_2026-04-01.csv", f"finess_et;id_dossier;id_evenement;debut\n{AUTRE};D2;R1;2026-02-01\n")
    nuit_directe(tmp_path, [D], NUIT)
    depots = jouer(tmp_path, aujourd_hui=D).depots
    assert set(depots.select("nom_table", "statut", "lignes_rejetees", "lignes_hors_projet").rows()) == {
        ("sejours", "accepte", 1, 1),
        ("agenda", "accepte", 1, 1),
    }
    index = texte(next(c.decode() for n, c in retours(tmp_path).items() if n.endswith("index.html")))
    assert "lignes rejetées de" not in espaces(index) and "1 ligne rejetée" not in espaces(index)


def test_un_refus_dit_ce_qui_a_fait_depasser_les_20_pour_cent() -> None:
    dit = dire_constat("TROP_DE_REJETS", None, "sejours", None, detail_des_rejets(1200, 4000, 0))
    assert espaces(dit.message) == (
        "Plus de 20 % des lignes comptées sont rejetées : 1 200 sur 4 000. Le fichier entier est refusé."
    )
    assert "sous le même nom" in dit.que_faire
    assert espaces(detail_des_rejets(3, 9, 1)) == (
        "3 sur 9 (1 ligne hors projet n'entre dans aucun de ces deux nombres)"
    )
    assert espaces(detail_des_rejets(3, 9, 2)) == (
        "3 sur 9 (2 lignes hors projet n'entrent dans aucun de ces deux nombres)"
    )


def test_une_ligne_rejetee_dit_toujours_le_meme_geste() -> None:
    """§5: « What to do about rejected rows always says: put the corrected file under the same name. »"""
    sans = {c.code for c in catalogue().values() if c.niveau == "ligne"} - {"HORS_PROJET", "ESSMS_ECARTE"}
    for code in catalogue():
        que_faire = dire_constat(code, "c", "sejours", 2, "").que_faire
        assert que_faire.endswith(" Puis déposez le fichier corrigé sous le même nom.") == (code in sans), code


def test_un_avertissement_ne_dit_pas_que_la_ligne_sert() -> None:
    for constat in catalogue().values():
        if constat.niveau == "avertissement":
            assert not re.search(r"ligne (l'est|est utilisée|est gardée)", constat.message + constat.que_faire)


# --- what rejected rows do to the rates ---------------------------------------------------------------------------------

_TOUS = "« dossiers actifs », « projet personnalisé », « agenda », « MSSanté » et « DMP »"


@pytest.mark.parametrize(
    ("table", "lignes", "refuse", "dit"),
    [
        ("dossiers", 0, False, ""),
        ("dossiers", 3, False, f"Tant que ces 3 lignes manquent, les taux {_TOUS} sont à confirmer."),
        ("sejours", 1, False, f"Tant que cette ligne manque, les taux {_TOUS} sont à confirmer."),
        (
            "mises_a_jour",
            2,
            False,
            "Tant que ces 2 lignes manquent, les taux « projet personnalisé » et « agenda » sont à confirmer ; "
            "le taux « dossiers actifs » ne peut qu'être trop bas.",
        ),
        ("mss", 1, False, "Tant que cette ligne manque, le taux « MSSanté » ne peut qu'être trop bas."),
        ("dmp", 4, True, "Tant que ces 4 lignes manquent, le taux « DMP » manque ou est trop bas."),
        ("eparcours", 2, False, "Tant que ces 2 lignes manquent, le compte « e-parcours » est incomplet."),
        ("", 2, True, ""),
    ],
)
def test_effet_des_lignes_rejetees(table: str, lignes: int, refuse: bool, dit: str) -> None:
    assert espaces(effet_des_rejets(table, lignes, refuse=refuse)) == dit


@pytest.mark.parametrize("table", TABLES)
def test_l_accuse_dit_l_effet(table: str) -> None:
    partie = Partie("", table, D, False, SortDepot(None, 9, 6, 3, 1), constats(2))
    effet = effet_des_rejets(table, 2, refuse=False)
    recu = accuse(partie)
    assert effet and effet in lisible(en_html(recu)) and effet in verification.dire(recu)
    assert json.loads(en_json(recu))["parties"][0]["effet"] == effet


# --- names --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("nom", "attendu"),
    [
        ("LISEZ-MOI.txt", True),
        ("2026/Compte rendu.docx", True),
        ("notice.PDF", True),
        ("photo.jpg", True),
        ("README", True),
        ("dossiers_2026-04-01.txt", False),
        ("Mises à jour avril.txt", False),
        ("export avril.csv", False),
        ("dossiers.xls", False),
        ("exports.rar", False),
    ],
)
def test_ce_qui_n_est_pas_un_export(nom: str, attendu: bool) -> None:
    assert accompagne(nom, "EXTENSION_INCONNUE") == attendu
    assert not accompagne(nom, "AUCUNE_LIGNE"), "only a refusal for the name"


def test_un_document_n_est_jamais_une_tache(tmp_path: Path) -> None:
    """Told once in its acknowledgement; a badly named export is a task until its bytes come back under a good name."""
    projets(tmp_path, "E1")
    contenu = f"finess_et;id_dossier;date_entree\n{E1};D1;2025-01-01\n"
    deposer(tmp_path, "LISEZ-MOI.txt", "Bonjour")
    deposer(tmp_path, "export avril.csv", contenu)
    nuit_directe(tmp_path, [D], NUIT)

    def page() -> str:
        return espaces(texte(next(c.decode() for n, c in retours(tmp_path).items() if n.endswith("index.html"))))

    def restants() -> list[str]:
        return a_corriger(jouer(tmp_path, aujourd_hui=D).depots, lambda *_: True)["nom"].to_list()

    assert "Corriger et redéposer « export avril.csv »" in page()
    assert "redéposer « LISEZ-MOI.txt »" not in page() and "LISEZ-MOI.txt" in page() and "Non lu" in page()
    assert restants() == ["export avril.csv"]
    lu = next(c.decode() for c in _accuses(tmp_path) if "LISEZ-MOI" in c.decode())
    assert "Non lu Ce fichier n'est pas un export : il n'est pas lu." in espaces(texte(lu))
    assert "Refusé" not in texte(lu) and "format .csv" not in texte(lu)
    deposer(tmp_path, "sejours_2026-04-01.csv", contenu)
    nuit_directe(tmp_path, [D], NUIT + timedelta(days=1))
    assert "Corriger et redéposer" not in page()
    assert restants() == []


def _accuses(racine: Path) -> list[bytes]:
    return [f.read_bytes() for f in (racine / "retours").rglob("accuse_*.html")]


# --- what can still change ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("aujourd_hui", "fenetre", "exports", "prochaine"),
    [
        (date(2026, 3, 31), True, True, date(2026, 4, 1)),
        (date(2026, 4, 1), False, True, date(2026, 5, 1)),
        (date(2026, 5, 16), False, True, date(2026, 6, 1)),
        (date(2026, 5, 17), False, False, date(2026, 6, 1)),
        (date(2026, 12, 31), False, False, date(2027, 1, 1)),
    ],
)
def test_delai(aujourd_hui: date, fenetre: bool, exports: bool, prochaine: date) -> None:
    delai = Delai(D, aujourd_hui)
    assert (delai.limite, delai.fenetre_ouverte, delai.exports_ouverts, delai.prochaine) == (
        date(2026, 5, 16),
        fenetre,
        exports,
        prochaine,
    )
    assert prochaine > aujourd_hui
    assert fautes(formats.insecables(delai.dire())) == []


def _mesures(reste: int = 1) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {
                "finess_et": E1,
                "indicateur": indicateur,
                "numerateur": 8,
                "denominateur": 10,
                "taux": 80.0,
                "cible": 90.0,
                "opposable": True,
                "atteint": False,
                "reste_a_faire": reste,
                "statut": "calcule",
                "debut_fenetre": date(2026, 1, 1),
                "fin_fenetre": date(2026, 3, 31),
                "regles": "2025",
                "verdict": "non_atteint",
                "projet": "projet-0",
            }
            for indicateur in ("dossiers_actifs", "projet_personnalise", "agenda")
        ]
    )


def _liste(aujourd_hui: date, reste: int = 1) -> list[dict[str, str]]:
    indicateurs = ("dossiers_actifs", "projet_personnalise", "agenda")
    lignes = pl.DataFrame(
        [(i, motif, date(2025, 12, 24), brut) for i in indicateurs for motif in _RAISONS for brut in ("D1", None)],
        schema={"indicateur": pl.String, "motif": pl.String, "jour": pl.Date, "brut": pl.String},
        orient="row",
    )
    octets = liste_en_csv(lignes, _mesures(reste), "IME LES LETCHIS", Delai(D, aujourd_hui))
    return list(csv.DictReader(io.StringIO(octets.decode("utf-8-sig")), delimiter=";"))


_TROP_TARD = "trop tard pour la mesure du 01/04/2026, comptera pour celle du "


@pytest.mark.parametrize(
    ("aujourd_hui", "indicateur", "dit", "tait"),
    [
        (
            date(2026, 3, 20),
            "Dossiers actifs",
            ["Mettez le dossier à jour dans le logiciel jusqu'au 31/03/2026"],
            "trop tard",
        ),
        (
            date(2026, 4, 20),
            "Dossiers actifs",
            [
                "Si une mise à jour du 01/01/2026 au 31/03/2026 est dans votre logiciel, redéposez l'export "
                "« mises_a_jour » d'ici au 16/05/2026.",
                f"{_TROP_TARD}01/05/2026.",
            ],
            "Mettez",
        ),
        (
            date(2026, 4, 20),
            "Projet personnalisé",
            ["redéposez l'export « projets » d'ici au 16/05/2026", f"{_TROP_TARD}01/05/2026."],
            "Ouvrez",
        ),
        (
            date(2026, 5, 16),
            "Agenda",
            ["redéposez l'export « agenda » d'ici au 16/05/2026", f"{_TROP_TARD}01/06/2026."],
            "Enregistrez",
        ),
        (date(2026, 5, 17), "Agenda", [f"Rendez-vous d'aujourd'hui ou à venir : {_TROP_TARD}01/06/2026."], "redéposez"),
        (
            date(2026, 5, 17),
            "Dossiers actifs",
            [f"Mise à jour faite maintenant : {_TROP_TARD}01/06/2026."],
            "redéposez",
        ),
    ],
)
def test_une_liste_ne_demande_que_ce_qui_peut_encore_changer(
    aujourd_hui: date, indicateur: str, dit: list[str], tait: str
) -> None:
    lignes = [x for x in _liste(aujourd_hui) if x["indicateur"] == indicateur and x["dossier"] == "D1"]
    assert lignes
    for ligne in lignes:
        que_faire = espaces(ligne["que faire"])
        assert all(d in que_faire for d in dit), que_faire
        assert tait not in que_faire
        assert (ligne["structure"], ligne["mesure du"]) == ("IME LES LETCHIS", "01/04/2026")


@pytest.mark.parametrize("reste", [1, 2, 1234])
@pytest.mark.parametrize("jours", [-10, 10, 60])
def test_une_liste_s_ecrit_sans_faute(jours: int, reste: int) -> None:
    for ligne in _liste(D + timedelta(days=jours), reste):
        for cellule in ligne.values():
            assert fautes(cellule) == []


# --- the page of a porteur ----------------------------------------------------------------------------------------------


# « dossiers » has rejected rows.
_A_CONFIRMER = (
    _mesures()
    .head(1)
    .with_columns(
        indicateur=pl.lit("mss"),
        atteint=True,
        reste_a_faire=pl.lit(0, pl.Int64),
        verdict=pl.lit("a_confirmer"),
        statut=pl.lit("source_partielle"),
    )
)


def _projets(combien: int) -> dict[str, pl.DataFrame]:
    """The tables of the porteur's projects: `combien` of them."""
    convention = {
        "solde": Decimal("10500.00"),
        "solde_payable": Decimal("9000.50"),
        "solde_exigible": False,
        "echeance_indicative": date(2026, 6, 1),
        "delai_indicatif_mois": 18,
    }
    noms = [f"projet-{n}" for n in range(combien)]
    condition = {"condition": "cibles_usage", "etat": "non_remplie", "detail": "1 ESSMS n'est pas à la cible sur 2."}
    autres = [{**condition, "condition": c, "etat": "inconnue"} for c in ("service_regulier", "depenses")]
    aptitude = {"finess_et": E1, "etat": "bloque", "motif": "Taux à 0 : « agenda »."}
    return {
        "conventions": pl.DataFrame(
            [{"projet": n, **convention} for n in noms],
            schema={"projet": pl.String} | _types("conventions", convention),
        ),
        "conditions_solde": pl.DataFrame(
            [{"projet": n, **c} for n in noms for c in (condition, *autres)],
            schema={"projet": pl.String} | _types("conditions_solde", condition),
        ),
        "verifications_aptitude": pl.DataFrame(
            [{"projet": n, **aptitude} for n in noms],
            schema={"projet": pl.String} | _types("verifications_aptitude", aptitude),
        ),
    }


def _types(table: str, colonnes: Mapping[str, Any]) -> dict[str, Any]:
    return {c: dtypes(table)[c] for c in colonnes}


def page(aujourd_hui: date, combien: int, **autres: Any) -> str:
    """The page of a porteur where everything is counted `combien` times."""
    table = {"dossiers": True, "mss": False}
    fichier = FichierRecu(
        "sejours_2026-04-01.csv", NUIT, "accepte_avec_rejets", ("sejours",), 9, 8, combien, combien, "a.html"
    )
    situation = Situation(
        porteur="asso",
        nom="Association",
        delai=Delai(D, aujourd_hui),
        edite_le=NUIT,
        version="v",
        essms=pl.DataFrame({"finess_et": [E1], "raison_sociale": ["IME LES LETCHIS"]}).head(combien),
        indicateurs=pl.concat([_mesures(max(combien, 1)), _A_CONFIRMER]).head(4 * combien),
        sources=pl.DataFrame(
            {
                "finess_et": [E1] * 2,
                "table": list(table),
                "presente": list(table.values()),
                "derniere_extraction": [date(2026, 3, 31), None],
                "sans_reference": [False] * 2,
                "lignes_rejetees": [combien] * 2,
            },
            schema_overrides={"derniere_extraction": pl.Date},
        ),
        projets=_projets(combien),
        listes={E1: f"a_completer_{E1}.csv"},
        fichiers=[fichier] * combien,
        nb_fichiers=2 * combien,
        rejets=[fichier] * combien if combien else [],
        refus=[Refus("x.csv", "Le fichier est vide.", "a.html")] * (4 * combien),
        ecartes=frozenset(["000000001", "000000002"][:combien]),
        en_attente=False,
    )
    return page_du_porteur(situation)


@pytest.mark.parametrize("combien", [0, 1, 2])
@pytest.mark.parametrize("jours", [-10, 10, 60])
def test_une_page_s_ecrit_sans_faute(jours: int, combien: int) -> None:
    assert fautes(lisible(page(D + timedelta(days=jours), combien))) == []


@pytest.mark.parametrize(
    ("jours", "dit", "tait"),
    [
        (-10, "IME LES LETCHIS : 1 dossier à mettre à jour", "trop tard"),
        (10, "IME LES LETCHIS : il manque 1 dossier actif", "à mettre à jour"),
        (60, f"Saisi maintenant : {_TROP_TARD}01/06/2026.", "d'ici au"),
    ],
)
def test_la_page_ne_demande_que_ce_qui_peut_encore_changer(jours: int, dit: str, tait: str) -> None:
    lue = espaces(texte(page(D + timedelta(days=jours), 1)))
    assert dit in lue and tait not in lue


def test_la_page_suit_l_ordre_de_ce_qui_bloque() -> None:
    lue = espaces(texte(page(D + timedelta(days=10), 1)))
    ordre = ["Corriger et redéposer", "Actualiser « dossiers »", "1 ligne rejetée de", "il manque", "Vos structures"]
    assert [lue.index(x) for x in ordre] == sorted(lue.index(x) for x in ordre)
    assert "Structure du projet 1 " in lue


def test_des_ins_inutilisables_sont_a_verifier() -> None:
    """§5: such a file "is accepte but told à vérifier"; never that there is nothing to do."""
    trouves = pl.DataFrame(
        [("INS_A_VERIFIER", None, "ins", None, None, "1 sur 2", 1, None)], schema=CONSTATS, orient="row"
    )
    lu = accuse(Partie("", "dossiers", D, False, SortDepot(None, 2, 2), trouves))
    assert lu.statut == "accepte"
    assert (
        espaces(verdict(lu))
        == "Le fichier est utilisé en entier. À vérifier : une INS sur cinq, ou plus, n'est pas utilisable."
    )
