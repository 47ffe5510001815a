"""Which dates the night measures (§3), and that what it takes over is what it would have measured."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from unittest.mock import patch

import pytest
from nuits import memes_lignes, publie
from scenario import ESSMS, deposer, ecrire, nuit_directe, projets
from typographie import espaces

from flows import dates, mesure, nuit
from flows.reglages import lire_reglages
from flows.retours import pages
from flows.staging.registre import RegistreDepots

HISTOIRES = int(os.environ.get("DUIMETRE_TEST_HISTOIRES", "2"))
GRAINE = int(os.environ.get("DUIMETRE_TEST_GRAINE", "1"))
AVRIL, MAI = date(2026, 4, 1), date(2026, 5, 1)
REGISTRE = "E1\nE2 porteur=ght regles=2023"
SUCCES = dates.Faite("", officielle=True, version="")


@pytest.mark.parametrize(
    ("aujourd_hui", "premieres", "publiees", "attendu"),
    [
        (date(2026, 4, 1), (), (), "2026-03-01 2026-04-01"),
        # 46 days after the 1st of April, the last night of its open period; then the day after.
        (date(2026, 5, 17), (), (), "2026-04-01 2026-05-01 2026-05-17"),
        (date(2026, 5, 18), (), (), "2026-05-01 2026-05-18"),
        # A first measure, and the day after it: each has its own 46 days.
        (date(2026, 5, 15), ("2026-03-30",), (), "2026-03-30 2026-03-31 2026-04-01 2026-05-01 2026-05-15"),
        (date(2026, 5, 16), ("2026-03-30",), (), "2026-03-31 2026-04-01 2026-05-01 2026-05-16"),
        (date(2026, 4, 10), ("2026-04-10",), (), "2026-03-01 2026-04-01 2026-04-10"),
        (date(2026, 4, 10), ("2026-04-11",), (), "2026-03-01 2026-04-01 2026-04-10"),
        # Published ones, for as long as they are official; an ordinary day is measured once.
        (
            date(2026, 5, 18),
            ("2024-06-15",),
            ("2023-01-01", "2024-06-15", "2024-06-16", "2024-06-17", "2026-05-17"),
            "2023-01-01 2024-06-15 2024-06-16 2026-05-01 2026-05-18",
        ),
    ],
)
def test_les_dates_d_une_nuit(
    aujourd_hui: date, premieres: tuple[str, ...], publiees: tuple[str, ...], attendu: str
) -> None:
    """§3 « today, every 1st of a month, date_premiere_mesure and the day after it, D ≤ today ≤ D + 46 days, and every
    published official date »."""
    des_jours = [[date.fromisoformat(j) for j in jours] for jours in (premieres, publiees)]
    assert " ".join(map(str, dates.par_defaut(aujourd_hui, *des_jours, {}))) == attendu


def test_une_date_officielle_le_reste() -> None:
    """The register names another first measure: the former one, published, was not an ordinary day."""
    jour = date(2024, 6, 15)
    anciennes = {jour: SUCCES, date(2024, 6, 17): SUCCES._replace(officielle=False)}
    assert dates.par_defaut(date(2026, 5, 18), (), [*anciennes], anciennes)[0] == jour
    assert date(2024, 6, 17) not in dates.par_defaut(date(2026, 5, 18), (), [*anciennes], anciennes)


def region(racine: Path) -> Path:
    projets(racine, REGISTRE)
    for essms, porteur in (("E1", "asso"), ("E2", "ght")):
        for table, lignes in {
            "dossiers_2026-04-02.csv": "id_dossier;id_personne;date_derniere_maj\nD1;P1;2026-03-15\nD2;P2;2026-01-10",
            "sejours_2026-04-02.csv": "id_dossier;date_entree;date_sortie\nD1;2025-01-01;\nD2;2025-01-01;",
        }.items():
            deposer_table(racine, table, lignes, essms, porteur)
    return racine


def deposer_table(racine: Path, nom: str, lignes: str, essms: str = "E1", porteur: str = "asso") -> None:
    entete, *suite = lignes.split("\n")
    contenu = "\n".join([f"finess_et;{entete}", *(f"{ESSMS[essms]};{ligne}" for ligne in suite), ""])
    deposer(racine, nom, contenu, porteur)


def nuitee(racine: Path, jour: date, heure: int = 3, *, demandees: tuple[date, ...] = ()) -> nuit.Bilan:
    return nuit_directe(racine, demandees, datetime.combine(jour, time(heure), UTC))


def jours(bilan: nuit.Bilan) -> tuple[list[str], list[str]]:
    """The dates measured and those taken over."""
    return [f"{j:%m-%d}" for j in bilan.mesures], [f"{j:%m-%d}" for j in bilan.reprises]


@pytest.fixture
def comptees() -> Iterator[list[date]]:
    """The runs of the SQL of a measure."""
    appels: list[date] = []
    mesurer = mesure.mesurer

    def compter(entrees: object, jour: date, *suite: object, **options: object) -> object:
        appels.append(jour)
        return mesurer(entrees, jour, *suite, **options)  # type: ignore[arg-type]

    with patch.object(mesure, "mesurer", compter):
        yield appels


def test_une_nuit_calme_ne_mesure_rien_deux_fois(tmp_path: Path, comptees: list[date]) -> None:
    """§3: the night after measures its day; a second one the same day nothing, and publishes the same tables and pages."""
    racine = region(tmp_path)
    assert jours(nuitee(racine, date(2026, 4, 10))) == (["03-01", "04-01", "04-10"], [])
    assert jours(nuitee(racine, date(2026, 4, 11))) == (["04-11"], ["03-01", "04-01"])
    avant, page = publie(racine), racine / "retours" / "asso" / "index.html"
    listes = {f.name: f.read_bytes() for f in page.parent.glob("*.csv")}
    assert listes
    shutil.rmtree(racine / "retours")
    comptees.clear()
    bilan = nuitee(racine, date(2026, 4, 11), 4)
    assert jours(bilan) == ([], ["03-01", "04-01", "04-11"])
    assert comptees == []
    memes_lignes(racine, avant)
    assert {f.name: f.read_bytes() for f in page.parent.glob("*.csv")} == listes
    assert bilan.version in page.read_text("utf-8")
    dit = [espaces(ligne) for ligne in nuit.resumer(bilan, lire_reglages(racine))]
    assert "Mesures : aucune ; reprises sans changement : 01/03/2026, 01/04/2026, 11/04/2026" in dit
    assert jours(nuitee(racine, date(2026, 4, 11), 5, demandees=(AVRIL,))) == (["04-01"], [])


def test_un_depot_tardif_fait_remesurer_ce_qu_il_peut_toucher_et_ce_qui_suit(tmp_path: Path) -> None:
    """Extracted in January, it is of no window of May, but §6.6 looks back at the targets of January."""
    racine = region(tmp_path)
    janvier = date(2026, 1, 1)
    nuitee(racine, date(2026, 5, 20), demandees=(janvier, date(2026, 1, 2), MAI))
    nuitee(racine, date(2026, 5, 20), 4)
    deposer_table(racine, "mises_a_jour_2026-01-15.csv", "id_dossier;horodatage\nD2;2025-12-10")
    assert jours(nuitee(racine, date(2026, 5, 21))) == (["01-01", "05-01", "05-21"], [])
    deposer_table(racine, "mises_a_jour_2026-05-15.csv", "id_dossier;horodatage\nD2;2026-04-20")
    assert jours(nuitee(racine, date(2026, 5, 22))) == (["01-01", "05-01", "05-22"], [])


def test_la_premiere_mesure_et_son_lendemain(tmp_path: Path) -> None:
    racine = region(tmp_path)
    projets(racine, "E1 date_premiere_mesure=2026-04-08\nE2 porteur=ght regles=2023")
    assert jours(nuitee(racine, date(2026, 4, 8)))[0] == ["03-01", "04-01", "04-08"]
    assert jours(nuitee(racine, date(2026, 4, 9))) == (["04-09"], ["03-01", "04-01", "04-08"])


def test_un_changement_de_registre_fait_remesurer_les_dates_officielles(tmp_path: Path) -> None:
    """Whatever their age; ordinary days stay what they were."""
    racine = region(tmp_path)
    nuitee(racine, date(2026, 4, 10))
    nuitee(racine, date(2026, 4, 11))
    projets(racine, REGISTRE.replace("2023", "2025"))
    assert jours(nuitee(racine, date(2026, 9, 10))) == (["03-01", "04-01", "08-01", "09-01", "09-10"], [])
    assert jours(nuitee(racine, date(2026, 9, 11))) == (["09-11"], ["03-01", "04-01", "08-01", "09-01"])
    with RegistreDepots(lire_reglages(racine).registre) as registre:
        registre.retirer(registre.depots()["recu"][0], "essai", datetime(2026, 9, 11, tzinfo=UTC))
    assert jours(nuitee(racine, date(2026, 9, 12)))[0] == ["03-01", "04-01", "08-01", "09-01", "09-12"]


def test_des_depenses_font_remesurer_les_dates_qu_elles_concernent(tmp_path: Path) -> None:
    racine = region(tmp_path)
    projets(racine, f"{REGISTRE} projet=P")
    nuitee(racine, date(2026, 5, 10))
    ecrire(racine / "raw" / "referentiels" / "depenses.csv", "projet;montant;date\nP;1000,50;2026-04-15\n")
    assert jours(nuitee(racine, date(2026, 5, 11))) == (["05-01", "05-11"], ["04-01"])


def test_un_jugement_qui_change_sans_changer_les_comptes_fait_remesurer(tmp_path: Path) -> None:
    """Two mailboxes exchanged in bal.csv: the same files, as many rows for each ESSMS, other messages."""
    racine = tmp_path
    projets(racine, "E1\nE2")
    bal = racine / "raw" / "referentiels" / "bal.csv"
    ecrire(bal, f"bal;finess_et\na@x.fr;{ESSMS['E1']}\nb@x.fr;{ESSMS['E2']}\n")
    deposer(
        racine, "mss_2026-04-02.csv", "bal_emettrice;horodatage;nb_messages\na@x.fr;2026-03-02;3\nb@x.fr;2026-03-02;5\n"
    )
    nuitee(racine, date(2026, 4, 10))
    ecrire(bal, f"bal;finess_et\na@x.fr;{ESSMS['E2']}\nb@x.fr;{ESSMS['E1']}\n")
    assert jours(nuitee(racine, date(2026, 4, 11)))[0] == ["03-01", "04-01", "04-11"]


@pytest.mark.parametrize("etape", ["publier", "ecrire_pages"])
def test_une_nuit_interrompue_est_reprise(etape: str, tmp_path: Path) -> None:
    """Before the swap nothing was measured; after it, the pages are written by the next night, the same day too."""
    racine = region(tmp_path)
    with (
        patch.object(nuit if etape == "publier" else pages, etape, side_effect=KeyboardInterrupt),
        pytest.raises(KeyboardInterrupt),
    ):
        nuitee(racine, date(2026, 4, 10))
    bilan = nuitee(racine, date(2026, 4, 10), 4)
    officielles = ["03-01", "04-01"]
    assert jours(bilan) == ((["03-01", "04-01", "04-10"], []) if etape == "publier" else ([], [*officielles, "04-10"]))
    assert bilan.version in (racine / "retours" / "asso" / "index.html").read_text("utf-8")


def test_une_publication_d_un_autre_code_est_mesuree_de_nouveau(tmp_path: Path) -> None:
    racine = region(tmp_path)
    nuitee(racine, date(2026, 4, 10))
    with patch.object(nuit, "_empreinte_du_code", lambda: "autre"):
        assert jours(nuitee(racine, date(2026, 4, 11))) == (["03-01", "04-01", "04-11"], [])


def test_la_version_qui_a_calcule_une_mesure_officielle_reste(tmp_path: Path) -> None:
    """Its manifest says from which deposits: the evidence of that figure is made from it (§3 `preuve`)."""
    racine = region(tmp_path)
    projets(racine, f"{REGISTRE} projet=P")
    premiere = nuitee(racine, date(2026, 4, 30)).version  # the 1st of April, and a day between it and that of May
    deposer_table(racine, "mises_a_jour_2026-02-10.csv", "id_dossier;horodatage\nD2;2026-02-08")
    seconde = nuitee(racine, date(2026, 5, 10)).version  # both
    ecrire(racine / "raw" / "referentiels" / "depenses.csv", "projet;montant;date\nP;1000,50;2026-04-15\n")
    with patch.object(nuit, "conserver", return_value=[]) as conserver:
        troisieme = nuitee(racine, date(2026, 5, 17)).version  # that of May only
        nuitee(racine, date(2026, 5, 18))
    assert premiere not in conserver.call_args.kwargs["citees"]
    assert conserver.call_args.kwargs["citees"] == {seconde, troisieme}


def _depot(racine: Path, rng: random.Random) -> None:
    extraction = date(2026, 1, 5) + timedelta(days=rng.randrange(130))
    fait = extraction - timedelta(days=rng.randrange(100))
    deposer_table(racine, f"mises_a_jour_{extraction}.csv", f"id_dossier;horodatage\nD{rng.choice('12')};{fait}")


def _etat(racine: Path, rng: random.Random) -> None:
    extraction = date(2026, 1, 5) + timedelta(days=rng.randrange(130))
    suite = rng.choice(("", "_partiel"))
    ligne = f"D{rng.choice('123')};P{rng.choice('123')};{extraction - timedelta(days=rng.randrange(60))}"
    deposer_table(
        racine, f"dossiers_{extraction}{suite}.csv", f"id_dossier;id_personne;date_derniere_maj\n{ligne}", "E2", "ght"
    )


def _registre(racine: Path, rng: random.Random) -> None:
    premiere = rng.choice(("", " date_premiere_mesure=2026-03-20", " date_premiere_mesure=2026-02-15"))
    e2 = rng.choice(
        (
            "E2 porteur=ght regles=2023",
            "E2 porteur=ght regles=2025",
            "E2 porteur=ght fin=2026-04-04\nE2 porteur=asso debut=2026-04-05",
            "E2 porteur=ght fin=2026-03-31\nE3 porteur=ght debut=2026-04-01 finess_precedent=E2",
        )
    )
    projets(racine, f"E1{premiere}\n{e2}")


def _retrait(racine: Path, rng: random.Random) -> None:
    with RegistreDepots(lire_reglages(racine).registre) as registre:
        recus = sorted(registre.depots()["recu"])
        if recus and rng.random() < 0.5:
            registre.retirer(rng.choice(recus), "essai", datetime(2026, 5, 1, tzinfo=UTC))
        elif recus:
            registre.remettre(rng.choice(recus))


GESTES: tuple[Callable[[Path, random.Random], None], ...] = (_depot, _depot, _etat, _registre, _retrait)


@pytest.fixture(scope="module")
def reprises() -> list[int]:
    """How many dates each night of the histories took over."""
    return []


@pytest.mark.parametrize("graine", range(GRAINE, GRAINE + HISTOIRES))
def test_ce_qui_est_repris_est_ce_qu_on_aurait_mesure(graine: int, reprises: list[int], tmp_path: Path) -> None:
    """Nights that choose, then one that measures all of these dates: the same tables."""
    rng = random.Random(graine)
    racine, jour = region(tmp_path / "racine"), date(2026, 3, 25)
    for heure in range(6):
        for _ in range(rng.randint(0, 2) if heure else 0):
            rng.choice(GESTES)(racine, rng)
        bilan = nuitee(racine, jour, heure)
        reprises.append(len(bilan.reprises))
        temoin = tmp_path / "temoin"
        shutil.copytree(racine, temoin, symlinks=True)
        nuitee(temoin, jour, 12, demandees=tuple({*bilan.mesures, *bilan.reprises}))
        memes_lignes(temoin, publie(racine))
        shutil.rmtree(temoin)
        jour += timedelta(days=rng.choice((0, 1, 1, 6, 20)))


def test_des_nuits_ont_repris_des_mesures(reprises: list[int]) -> None:
    assert max(reprises) > 1
