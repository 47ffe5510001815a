"""The register of deposits: what it gives is the same with and without the copy that spares reading all of it."""

from __future__ import annotations

import random
import sqlite3
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from flows.staging import registre as module
from flows.staging.fichiers import Scelle
from flows.staging.registre import Apercu, FicheExamen, Reception, RegistreDepots, RegistreInconnu, Unite
from transforms.sort_depot import SortDepot
from transforms.validation.constats import CONSTATS
from transforms.validation.examen import BILAN

ANCIENS = Path(__file__).parent / "registres_anciens"
INSTANT = datetime(2026, 4, 1, 2, tzinfo=UTC)


# The fates of a content.
ACCEPTE, AVEC_REJETS, REFUSE, EN_ATTENTE = (
    SortDepot(None, 9, 9),
    SortDepot(None, 9, 8, 1),
    SortDepot("TROP_DE_REJETS", 9, 0, 9),
    SortDepot("PROFIL_INCONNU"),
)


def fiche(depot: str, sort: SortDepot, fichier: str | None) -> FicheExamen:
    bilan = pl.DataFrame(schema=BILAN).with_columns(lignes_utilisees=pl.lit(0))
    scelle = Scelle(fichier, "0" * 64) if fichier else None
    return FicheExamen(depot, "contexte", sort, scelle, bilan, pl.DataFrame(schema=CONSTATS))


def inscrire(registre: RegistreDepots, hasard: random.Random, nuit: int) -> None:
    """A file of one to three tables: new, replaced under its name, or the copy of another."""
    chemin = f"export{hasard.randrange(12)}.xlsx"
    contenu = f"{hasard.randrange(30):064x}"
    unites, fiches = [], []
    for rang in range(1 + hasard.randrange(3)):
        depot = f"{contenu[-4:]}-{rang}"
        unites.append(
            Unite(f"feuille{rang}", "mss", date(2026, 3, 1) + timedelta(days=rang), rang == 1, contenu, depot)
        )
        sort = hasard.choice([ACCEPTE, AVEC_REJETS, REFUSE, EN_ATTENTE])
        fichier = f"mss/{depot}.parquet" if sort.motif is None else None
        fiches.append(fiche(depot, replace(sort, lignes_hors_projet=hasard.randrange(50)), fichier))
    reception = Reception(
        hasard.choice("ab"), chemin, contenu, 1000 + nuit, INSTANT + timedelta(days=nuit), f"contexte {nuit}"
    )
    # Sometimes the file is known again without its tables being examined.
    registre.inscrire(reception, Apercu(1, nuit, 2), unites, fiches if hasard.random() < 0.7 else [])


@pytest.mark.parametrize("graine", range(8))
def test_la_copie_ne_change_rien_a_ce_que_donne_le_registre(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, graine: int
) -> None:
    monkeypatch.setattr(module, "_PART_CHANGEE", 0.2)
    hasard = random.Random(graine)
    avec, sans = tmp_path / "avec" / "registre.sqlite", tmp_path / "sans" / "registre.sqlite"
    copies = set()
    for nuit in range(40):
        etat = hasard.getstate()
        for chemin in (avec, sans):
            hasard.setstate(etat)
            with RegistreDepots(chemin) as registre:
                for _ in range(hasard.randrange(4)):
                    inscrire(registre, hasard, nuit)
                if hasard.random() < 0.3:
                    ranges = [f.fichier for f in registre.fichiers_ranges()]
                    registre.deplacer(ranges[:3], Scelle(f"mss/reunis{nuit}.parquet", "0" * 64), None)
                if hasard.random() < 0.1:
                    registre.tout_refaire()
        with RegistreDepots(avec) as un, RegistreDepots(sans) as deux:
            un.recopier()
            assert_frame_equal(un.depots(), deux.depots())
        (copie,) = avec.parent.glob("*.parquet")
        copies.add(copie.name)
        if nuit % 10 == 9:
            octets = bytearray(copie.read_bytes())
            octets[len(octets) // 2] ^= 1
            copie.write_bytes(octets)
        elif nuit % 10 == 4:
            copie.unlink()
    assert 10 < len(copies) < 40


def test_ce_qui_n_a_pas_change_est_lu_dans_la_copie(tmp_path: Path) -> None:
    chemin = tmp_path / "registre.sqlite"
    with RegistreDepots(chemin) as registre:
        for nuit in range(5):
            inscrire(registre, random.Random(nuit), nuit)
        registre.recopier()
        attendu = registre.depots()
    with sqlite3.connect(chemin) as base:
        base.executescript("DROP TRIGGER unite_retiree; DELETE FROM unites;")
    with RegistreDepots(chemin) as registre:
        assert_frame_equal(registre.depots(), attendu)
        next(tmp_path.glob("*.parquet")).unlink()
        assert registre.depots().is_empty()


def ancien(chemin: Path, version: int) -> None:
    """A register as duimètre wrote it then (`registres_anciens/`): two deposits of one folded file, one refused."""
    with sqlite3.connect(chemin) as base:
        for numero in range(2, version + 1):
            base.executescript((ANCIENS / f"version_{numero}.sql").read_text(encoding="utf-8"))
        base.executescript("""
            INSERT INTO receptions VALUES (1, 'asso', 'a.zip', 'aa', 10, '2026-03-01T02:00:00+00:00', 'ctx');
            INSERT INTO apercus (porteur, chemin, taille, mtime_ns, inode, reception) VALUES ('asso', 'a.zip', 10, 11, 12, 1);
            INSERT INTO unites VALUES (1, 'a.csv', 'mss', '2026-03-01', 0, 'a1', 'd1'),
                (1, 'b.csv', 'mss', '2026-03-02', 1, 'a2', 'd2'), (1, 'c.csv', 'mss', '2026-03-03', 0, 'a3', 'd3');
            INSERT INTO examens VALUES ('d1', 'ctx', 'accepte', NULL, 5, 5, 0, 0, 'mss/a.parquet'),
                ('d2', 'ctx', 'accepte_avec_rejets', NULL, 5, 2, 3, 1, 'mss/a.parquet'),
                ('d3', 'ctx', 'refuse', 'TROP_DE_REJETS', 9, 0, 9, 0, NULL);
        """)
        table = "plis (fichier, pli, depots)" if version < 5 else "replis (fichier, repli, depots)"
        base.execute(f"INSERT INTO {table} VALUES ('mss/a.parquet', 'mss/plie.parquet', 2)")


def schema(chemin: Path) -> set[tuple[str, str, str]]:
    with sqlite3.connect(chemin) as base:
        assert base.execute("PRAGMA user_version").fetchone() == (module.VERSION,)
        objets = base.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    return {(genre, nom, " ".join(sql.split())) for genre, nom, sql in objets}


@pytest.mark.parametrize("version", [2, 3, 4, 5, 6])
def test_un_registre_ancien_est_mis_a_jour(tmp_path: Path, version: int) -> None:
    chemin, neuf = tmp_path / "registre.sqlite", tmp_path / "neuf.sqlite"
    ancien(chemin, version)
    with RegistreDepots(neuf), RegistreDepots(chemin) as registre:
        assert schema(chemin) == schema(neuf)
        attendus = [
            ("a.csv", "accepte", None, 5, 5, 0, 0, "mss/a.parquet"),
            ("b.csv", "accepte_avec_rejets", None, 5, 2, 3, 1, "mss/a.parquet"),
            ("c.csv", "refuse", "TROP_DE_REJETS", 9, 0, 9, 0, None),
        ]
        colonnes = ["membre", "statut", "motif", *module._COMPTES, "fichier"]
        assert registre.depots().select(colonnes).sort("membre").rows() == attendus
        assert registre.premier_examen("d2") == (
            SortDepot(None, 5, 2, 3, 1),
            "a.zip",
            datetime(2026, 3, 1, 2, tzinfo=UTC),
        )
        assert registre.replis() == {"mss/a.parquet": "mss/plie.parquet"}
        registre.recopier()
        assert registre.depots().select(colonnes).sort("membre").rows() == attendus
        registre.deplacer(["mss/a.parquet"], Scelle("mss/reunis.parquet", "0"), Scelle("mss/plie2.parquet", "1"))
        assert registre.replis() == {"mss/reunis.parquet": "mss/plie2.parquet"}
        assert registre.depots()["fichier"].drop_nulls().unique().to_list() == ["mss/reunis.parquet"]


@pytest.mark.parametrize("version", [1, module.VERSION + 1])
def test_un_registre_d_une_version_inconnue_reste_tel_quel(tmp_path: Path, version: int) -> None:
    chemin = tmp_path / "registre.sqlite"
    with sqlite3.connect(chemin) as base:
        base.execute(f"PRAGMA user_version = {version}")
    attendu = f"est de la version {version}, ce duimètre connaît les versions 2 à {module.VERSION}"
    with pytest.raises(RegistreInconnu, match=attendu):
        RegistreDepots(chemin)
    with sqlite3.connect(chemin) as base:
        assert base.execute("PRAGMA user_version").fetchone() == (version,)
        assert base.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)


def test_une_mise_a_jour_interrompue_ne_laisse_rien(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chemin = tmp_path / "registre.sqlite"
    ancien(chemin, 2)
    with monkeypatch.context() as m:
        m.setitem(module._ETAPES, 4, ["CREATE TABLE sceaux (fichier)", "DROP TABLE absente"])
        with pytest.raises(sqlite3.OperationalError, match="absente"):
            RegistreDepots(chemin)
    with RegistreDepots(chemin) as registre:
        assert registre.replis() == {"mss/a.parquet": "mss/plie.parquet"}


def test_un_registre_d_avant_les_sceaux_les_donne_a_la_premiere_lecture(tmp_path: Path) -> None:
    chemin = tmp_path / "registre.sqlite"
    ancien(chemin, 3)
    (tmp_path / "mss").mkdir()
    (tmp_path / "mss" / "a.parquet").write_bytes(b"des lignes")
    with RegistreDepots(chemin) as registre:
        assert registre.abimes(["mss/a.parquet", "mss/disparu.parquet"]) == ["mss/disparu.parquet"]
        (tmp_path / "mss" / "a.parquet").write_bytes(b"des lignEs")
        assert registre.abimes(["mss/a.parquet"]) == ["mss/a.parquet"]


def test_une_annee_d_avant_tient_debout_par_le_dernier_contenu_de_chaque_chemin(tmp_path: Path) -> None:
    """A register of version 5: A then B at one path, A there again (`apercus` says so); at another B then a refused one."""
    chemin = tmp_path / "registre.sqlite"
    ancien(chemin, 5)
    with sqlite3.connect(chemin) as base:
        for rang, (lieu, depot) in enumerate(
            [("un.csv", "a"), ("un.csv", "b"), ("deux.csv", "b2"), ("deux.csv", "refus"), ("trois.csv", "seul")], 10
        ):
            quand = f"2026-03-{rang}T02:00:00+00:00"
            base.execute("INSERT INTO receptions VALUES (?, 'asso', ?, ?, 10, ?, 'ctx')", (rang, lieu, depot, quand))
            base.execute("REPLACE INTO apercus VALUES ('asso', ?, 1, 2, 3, ?)", (lieu, rang))
            base.execute("INSERT INTO unites VALUES (?, '', 'mss', '2026-03-01', 0, ?, ?)", (rang, depot, depot))
            refuse = depot == "refus"
            statut, motif, fichier = ("refuse", "FICHIER_VIDE", None) if refuse else ("accepte", None, f"mss/{depot}")
            base.execute("INSERT INTO examens VALUES (?, 'ctx', ?, ?, 1, 1, 0, 0, ?)", (depot, statut, motif, fichier))
        base.execute("UPDATE apercus SET reception = 10 WHERE chemin = 'un.csv'")
        base.execute("UPDATE examens SET fichier = 'mss/a.parquet' WHERE depot = 'b'")
        base.execute("UPDATE replis SET depots = 3")
    with RegistreDepots(chemin) as registre:
        lus = registre.depots().filter(pl.col("nom") != "a.zip").select("depot", "statut", "en_suspens").sort("depot")
        assert lus.rows() == [
            ("a", "accepte", False),
            ("b", "remplace", False),
            ("b2", "accepte", False),
            ("refus", "refuse", True),
            ("seul", "accepte", False),
        ]
        assert registre.ecartes() == {"b"}
        # The fold was made with the rows of b.
        assert registre.replis() == {}
        assert registre.replis(perimes=True) == {"mss/a.parquet": "mss/plie.parquet"}
        registre.replie("mss/a.parquet", Scelle("mss/plie.parquet", "2"))
        assert registre.replis() == {"mss/a.parquet": "mss/plie.parquet"}


@pytest.mark.parametrize("graine", range(4))
def test_ce_qui_est_ecarte_est_ce_que_les_depots_disent_remplace_ou_retire(tmp_path: Path, graine: int) -> None:
    """The two ways to tell it, over random nights: rows and folds speak of the same deposits."""
    hasard = random.Random(graine)
    with RegistreDepots(tmp_path / "registre.sqlite") as registre:
        vus = 0
        for nuit in range(30):
            for _ in range(hasard.randrange(4)):
                inscrire(registre, hasard, nuit)
            connus = registre.apercus()
            restes = {lieu: Apercu(*vu[:3]) for lieu, vu in connus.items() if hasard.random() < 0.8}
            registre.noter_les_vus(restes, connus, lambda lieu: False)
            depots = registre.depots()
            if hasard.random() < 0.2 and depots.height:
                recu = hasard.choice(depots["recu"].to_list())
                registre.retirer(recu, "erreur", INSTANT)
                depots = registre.depots()
            acceptes = depots.filter(pl.col("sort").is_in(["accepte", "accepte_avec_rejets"]))
            debout = set(acceptes.filter(pl.col("statut").is_in(["accepte", "accepte_avec_rejets"]))["depot"])
            assert set(acceptes["depot"]) - debout == registre.ecartes() & set(acceptes["depot"])
            assert sorted(depots.filter("canonique")["depot"]) == sorted(depots["depot"].unique())
            vus += len(set(acceptes["depot"]) - debout)
        assert vus > 20
