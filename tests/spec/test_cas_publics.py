"""The cases of `../shared/cases`, each made from a public bug report of tools that read people's exports.

A case puts its files in the place of those of the same table in `base/` (one ESSMS, 10 dossiers); the night must give the
figures of the table of its README at 2026-04-01.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from scenario import Nuit, deposer, ecrire, jouer, nuit_directe

from transforms.dire.constats import dire_constat
from transforms.nommage import lire_nom

CAS = Path(__file__).parents[3] / "shared" / "cases"
pytestmark = pytest.mark.skipif(not CAS.is_dir(), reason="les cas partagés (../shared/cases) ne sont pas là")

JOUR = date(2026, 4, 1)
E1, PORTEUR = "010000123", "alpha"
ORDRE = ("dossiers_actifs", "projet_personnalise", "agenda", "mss", "dmp")
BASE = dict(zip(ORDRE, ("9/10", "8/9", "7/9", "8/10", "6/10"), strict=True))


def base() -> dict[str, bytes]:
    return {f.name: f.read_bytes() for f in (CAS / "base").glob("*_*.csv")}


def fichiers(cas: str) -> dict[str, bytes]:
    """What is dropped for a case, by name: a bundle stands for all the tables of the DUI."""
    siens = {f.name: f.read_bytes() for f in (CAS / cas).iterdir() if f.name != "expected.txt"}
    tables = {lire_nom(nom).table for nom in siens}
    remplacees = tables | ({"dossiers", "sejours", "mises_a_jour", "projets", "agenda"} if "tddui" in tables else set())
    return {nom: octets for nom, octets in base().items() if lire_nom(nom).table not in remplacees} | siens


def poser(racine: Path, a_deposer: Mapping[str, bytes]) -> None:
    ecrire(racine / "raw" / "referentiels" / "projets.csv", (CAS / "base" / "projets.csv").read_bytes())
    for nom, octets in a_deposer.items():
        deposer(racine, nom, octets, PORTEUR)


def chiffres(nuit: Nuit) -> dict[str, tuple[str, str]]:
    """Numerator/denominator and status of each indicator with a target."""
    lus = {nom: nuit.mesures[JOUR].indicateurs[E1, nom] for nom in ORDRE}
    return {nom: (f"{x['numerateur']}/{x['denominateur']}", x["statut"]) for nom, x in lus.items()}


def constats_de(nuit: Nuit, table: str) -> list[dict[str, Any]]:
    """The findings of the deposit of a table, each with its level and all that is said of it."""
    depots = nuit.depots.select("depot", "nom_table").filter(nom_table=table)
    return [
        x | dit._asdict() | {"texte": " ".join(dit)}
        for x in nuit.constats.join(depots, on="depot").iter_rows(named=True)
        if (dit := dire_constat(x["code"], x["colonne"], table, x["ligne"], x["detail"]))
    ]


@dataclass(frozen=True)
class Attendu:
    """What a case must give: figures that are not those of the base, and the deposit of its table.

    `lignes`: read, used and rejected. `constats`: code, level and line of each finding, in order; None: not asserted.
    """

    table: str
    statut: str = "accepte"
    lignes: tuple[int, int, int] | None = None
    chiffres: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    constats: tuple[tuple[str, str, int | None], ...] | None = None


SANS_DOSSIERS = {
    "dossiers_actifs": ("None/None", "source_absente"),
    "projet_personnalise": ("None/None", "source_absente"),
    "agenda": ("None/None", "source_absente"),
    "mss": ("8/None", "source_absente"),
    "dmp": ("None/None", "source_absente"),
}
SANS_MAJ = {
    "dossiers_actifs": ("None/10", "source_absente"),
    "projet_personnalise": ("None/None", "source_absente"),
    "agenda": ("None/None", "source_absente"),
}
CINQ_SUR_CINQ = dict.fromkeys(ORDRE[:3], ("5/5", "source_partielle"))

ATTENDUS = {
    "01-null-id-message": Attendu("mss", lignes=(8, 8, 0)),
    "03-null-date-sortie": Attendu("sejours", lignes=(10, 10, 0)),
    "04-na-id-personne-xlsx": Attendu("dossiers", "refuse", (10, 0, 10), SANS_DOSSIERS),
    "05-id-message-scientifique": Attendu("mss", "refuse", (8, 0, 8), {"mss": ("None/10", "source_absente")}),
    "07-egal-guillemets": Attendu("dossiers", lignes=(10, 10, 0), constats=()),
    "08-decalage-sans-minutes": Attendu("mises_a_jour", lignes=(9, 9, 0), constats=()),
    "09-heure-un-chiffre": Attendu("agenda", lignes=(7, 7, 0), constats=()),
    "12-date-zero-excel": Attendu("sejours", lignes=(10, 10, 0)),
    "13-message-id-long": Attendu("mss", lignes=(8, 8, 0), constats=()),
    "15-unicode-texte-excel": Attendu("sejours", lignes=(10, 10, 0), constats=()),
    "16-largeur-nulle-entete": Attendu("dossiers", lignes=(10, 10, 0), constats=()),
    "18-largeur-nulle-id-dossier": Attendu("dossiers", lignes=(10, 10, 0), constats=()),
    "19-guillemets-proches": Attendu(
        "mises_a_jour", "refuse", chiffres=SANS_MAJ, constats=(("GUILLEMET_OUVERT", "fichier", 4),)
    ),
    "20-sqlcmd-tirets": Attendu(
        "sejours",
        lignes=(10, 10, 0),
        constats=(("LIGNE_HORS_TABLEAU", "avertissement", 2), ("LIGNE_HORS_TABLEAU", "avertissement", 14)),
    ),
    "21-strict-ooxml-dates-iso": Attendu("sejours", lignes=(10, 10, 0), constats=()),
    "22-format-standard-localise": Attendu("mss", lignes=(8, 8, 0), constats=()),
    "23-id-dossier-devenu-date": Attendu("dossiers", "refuse", (10, 0, 10), SANS_DOSSIERS),
    "26-minuit-utc-javascript": Attendu("sejours", lignes=(10, 10, 0), constats=()),
    "29-cp850": Attendu("agenda", lignes=(7, 7, 0)),
    "34-ins-ecritures": Attendu("dmp", "accepte_avec_rejets", (6, 5, 1)),
    "37-dates-americaines": Attendu("mises_a_jour", "refuse", (9, 0, 9), SANS_MAJ),
    "42-tddui-complet": Attendu("dossiers", lignes=(5, 5, 0), chiffres=CINQ_SUR_CINQ),
    "43-tddui-2.1.0-ballot-careplan": Attendu("dossiers", lignes=(5, 5, 0), chiffres=CINQ_SUR_CINQ),
}
# What the table of the README says nothing of.
TUS = {
    "34-ins-ecritures": {"dmp"},
    "42-tddui-complet": {"mss", "dmp"},
    "43-tddui-2.1.0-ballot-careplan": {"mss", "dmp"},
}


@pytest.fixture(scope="module")
def nuit_de(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Nuit]:
    """The night of a case, played once."""

    @cache
    def jouee(cas: str) -> Nuit:
        racine = tmp_path_factory.mktemp(cas)
        poser(racine, fichiers(cas))
        return jouer(racine, [JOUR])

    return jouee


def test_tous_les_cas_sont_ici() -> None:
    a_part = {"base", "25-fichier-corrige-meme-nom", "40-tddui-v1-document", "41-tddui-ime"}
    assert {d.name for d in CAS.iterdir() if d.is_dir()} - a_part == ATTENDUS.keys()


@pytest.mark.parametrize("cas", ATTENDUS)
def test_un_cas(cas: str, nuit_de: Callable[[str], Nuit]) -> None:
    attendu, nuit = ATTENDUS[cas], nuit_de(cas)
    attendus = {nom: (BASE[nom], "calcule") for nom in ORDRE} | dict(attendu.chiffres)
    tus = TUS.get(cas, set())
    assert {n: c for n, c in chiffres(nuit).items() if n not in tus} == {
        n: c for n, c in attendus.items() if n not in tus
    }
    (depot,) = nuit.depots.filter(nom_table=attendu.table).iter_rows(named=True)
    assert depot["statut"] == attendu.statut
    if attendu.lignes is not None:
        assert tuple(depot[f"lignes_{sort}"] for sort in ("lues", "utilisees", "rejetees")) == attendu.lignes
    if attendu.constats is not None:
        recus = [
            (x["code"], x["niveau"], x["ligne"])
            for x in constats_de(nuit, attendu.table)
            if x["code"] != "COLONNE_IGNOREE"
        ]
        assert sorted(recus, key=str) == sorted(attendu.constats, key=str)
    autres = nuit.depots.filter(pl.col("nom_table") != attendu.table)
    assert autres["statut"].unique().to_list() == ["accepte"]


def test_04_l_erreur_du_tableur_est_nommee(nuit_de: Callable[[str], Nuit]) -> None:
    constats = constats_de(nuit_de("04-na-id-personne-xlsx"), "dossiers")
    manques = [x for x in constats if x["code"] == "VALEUR_MANQUANTE"]
    assert [x["colonne"] for x in manques] == ["id_personne"] * 5
    assert any("#N/A" in f"{x['texte']} {x['valeur']}" for x in constats)
    (refus,) = (x for x in constats if x["niveau"] == "fichier")
    assert "5 sur 10" in refus["texte"]


def test_05_le_remede_est_le_format_texte(nuit_de: Callable[[str], Nuit]) -> None:
    constats = constats_de(nuit_de("05-id-message-scientifique"), "mss")
    rejets = [x for x in constats if x["niveau"] == "ligne"]
    assert [x["colonne"] for x in rejets] == ["id_message"] * 8
    assert len({x["code"] for x in rejets}) == 1 and "Texte" in rejets[0]["que_faire"]


def test_23_le_porteur_sait_que_ses_numeros_sont_devenus_des_dates(nuit_de: Callable[[str], Nuit]) -> None:
    rejets = [x for x in constats_de(nuit_de("23-id-dossier-devenu-date"), "dossiers") if x["niveau"] == "ligne"]
    assert [(x["colonne"], x["ligne"]) for x in rejets] == [("id_dossier", n) for n in range(2, 12)]
    assert all("date" in x["message"] for x in rejets)


def test_25_le_fichier_corrige_remplace_le_premier(tmp_path: Path) -> None:
    vus = {}
    for nuit in (1, 2):
        corriges = (CAS / "25-fichier-corrige-meme-nom").glob(f"nuit{nuit}-*")
        poser(tmp_path, base() | {f.name.partition("-")[2]: f.read_bytes() for f in corriges})
        nuit_directe(tmp_path, [JOUR], datetime(2026, 4, 1 + nuit, 4, tzinfo=UTC))
        publies = pl.read_parquet(tmp_path / "curated/actuel/indicateurs/**/*.parquet").filter(finess_et=E1)
        vus[nuit] = {
            x["indicateur"]: f"{x['numerateur']}/{x['denominateur']}"
            for x in publies.iter_rows(named=True)
            if x["indicateur"] in ORDRE
        }
    assert vus[1]["dossiers_actifs"] == "9/15" and vus[2] == BASE
    depots = pl.read_parquet(tmp_path / "curated/actuel/depots/depots.parquet")
    remplaces = depots.filter(statut="remplace")
    assert sorted(remplaces["table"]) == ["dossiers", "sejours"] and depots.height == 9


def test_34_un_avertissement_ne_dit_pas_utilisee_une_ligne_rejetee(nuit_de: Callable[[str], Nuit]) -> None:
    constats = constats_de(nuit_de("34-ins-ecritures"), "dmp")
    par_ligne = {n: [x for x in constats if x["ligne"] == n] for n in range(2, 8)}
    assert [par_ligne[n] for n in (2, 3, 4, 7)] == [[]] * 4
    (cle_calculee,) = par_ligne[5]
    assert (cle_calculee["niveau"], cle_calculee["colonne"]) == ("avertissement", "ins")
    detruit, rejet = sorted(par_ligne[6], key=lambda x: x["niveau"])
    assert (detruit["niveau"], detruit["colonne"]) == ("avertissement", "ins")
    assert detruit["code"] not in ("INS_INVALIDE", cle_calculee["code"])
    assert (rejet["niveau"], rejet["code"]) == ("ligne", "SANS_IDENTIFIANT")
    assert not re.search("ligne (est|reste) (utilisée|gardée)", detruit["texte"])


def test_37_un_message_dit_que_les_dates_sont_a_l_americaine(nuit_de: Callable[[str], Nuit]) -> None:
    constats = constats_de(nuit_de("37-dates-americaines"), "mises_a_jour")
    assert len({x["code"] for x in constats if "MM/JJ/AAAA" in x["texte"]}) == 1


def test_40_un_transfert_sans_document_le_dit(nuit_de: Callable[[str], Nuit]) -> None:
    nuit = nuit_de("40-tddui-v1-document")
    (depot,) = nuit.depots.filter(pl.col("nom").str.starts_with("tddui")).iter_rows(named=True)
    assert (depot["statut"], depot["lignes_utilisees"]) == ("refuse", 0)
    (constat,) = nuit.constats.filter(depot=depot["depot"]).iter_rows(named=True)
    assert "CDA" in " ".join(dire_constat(constat["code"], None, None, None, constat["detail"]))


def test_41_un_dossier_et_un_projet_et_rien_d_autre(nuit_de: Callable[[str], Nuit]) -> None:
    depots = nuit_de("41-tddui-ime").depots.filter(pl.col("nom").str.starts_with("tddui"))
    lus = depots.sort("nom_table").select("nom_table", "statut", "lignes_utilisees", "lignes_rejetees").rows()
    assert lus == [("dossiers", "accepte", 1, 0), ("projets", "accepte", 1, 0)]


@pytest.mark.parametrize(("cas", "table"), [("42-tddui-complet", t) for t in ("sejours", "agenda", "projets")])
def test_42_cinq_de_chaque(cas: str, table: str, nuit_de: Callable[[str], Nuit]) -> None:
    (depot,) = nuit_de(cas).depots.filter(nom_table=table).iter_rows(named=True)
    assert (depot["statut"], depot["lignes_utilisees"]) == ("accepte", 5)


def test_43_cinq_projets_d_un_ancien_profil(nuit_de: Callable[[str], Nuit]) -> None:
    depots = nuit_de("43-tddui-2.1.0-ballot-careplan").depots.filter(nom_table="projets")
    assert depots.sort("nom").select("nom", "lignes_utilisees").rows() == [
        ("projets_2026-04-02_B.csv", 1),
        ("tddui_2026-04-02.json", 5),
    ]
