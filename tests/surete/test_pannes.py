"""Kills, failing disks, two nights at once, files that move: a short campaign (`make chaos` runs the long one)."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import chaos
import polars as pl
import pytest
from conftest import Region
from scenario import ESSMS, deposer, nuit_directe, projets

from flows.reglages import lire_reglages
from flows.staging.registre import RegistreDepots

JOUR = date(2026, 4, 1)
ENTETES = "finess_et;id_dossier;id_personne\n"


@pytest.fixture(scope="module")
def bibliotheque(tmp_path_factory: pytest.TempPathFactory) -> Path | None:
    return chaos.compiler(tmp_path_factory.mktemp("bibliotheque"))


@pytest.fixture(scope="module")
def nuits(tmp_path_factory: pytest.TempPathFactory, bibliotheque: Path | None) -> Iterator[chaos.Nuits]:
    with chaos.nuits(tmp_path_factory.mktemp("nuits"), bibliotheque) as n:
        yield n


def test_killed_nights_never_show_a_mixed_version_and_the_next_one_is_right(nuits: chaos.Nuits, tmp_path: Path) -> None:
    bilan = chaos.tuer(nuits, tmp_path, 4, graine=12)
    assert bilan.fautes == []
    assert bilan.morts == 4
    assert bilan.lectures > 10
    assert bilan.versions > 1


def test_a_failing_call_leaves_the_old_version_and_the_next_night_heals(
    nuits: chaos.Nuits, bibliotheque: Path | None, tmp_path: Path
) -> None:
    if bibliotheque is None:
        pytest.skip("no C compiler for the library that makes calls fail")
    bilan = chaos.pannes(nuits, tmp_path, 12, graine=6)
    assert bilan.fautes == []
    assert bilan.appels > 300
    assert bilan.echecs > 0


def test_of_two_nights_started_together_one_runs(nuits: chaos.Nuits, tmp_path: Path) -> None:
    assert chaos.ensemble(nuits, tmp_path, 3) == [(0, 10)] * 3


# Each way a file of the data root is read or written at night, one file each, in the process, in a fork and in a program.
_LECTURES = """
import os, sqlite3, subprocess, sys
from pathlib import Path
import duckdb, polars, pyarrow.parquet
os.chdir(sys.argv[1])
duckdb.sql("FROM read_parquet('duckdb.parquet')").fetchall()
duckdb.sql("COPY (SELECT 1) TO 'ecrit.parquet' (FORMAT parquet)")
polars.read_parquet("polars.parquet")
polars.scan_parquet("paresseux.parquet").collect()
polars.read_csv("polars.csv")
pyarrow.parquet.read_table("pyarrow.parquet")
sqlite3.connect("file:base.sqlite?mode=ro", uri=True).execute("SELECT count(*) FROM sqlite_master").fetchall()
Path("python.txt").read_bytes()
os.close(os.open("descripteur.txt", os.O_RDONLY | os.O_NOFOLLOW))
os.symlink("lien.txt", "vers.txt")
Path("vers.txt").read_bytes()
Path("dossier").mkdir()
os.close(os.open("dossier", os.O_RDONLY))
if os.fork() == 0:
    Path("fourche.txt").read_bytes()
    os._exit(0)
os.wait()
subprocess.run(["cat", "enfant.txt"], check=True)
"""


def test_the_library_sees_every_file_that_is_opened(bibliotheque: Path | None, tmp_path: Path) -> None:
    if bibliotheque is None:
        pytest.skip("no C compiler for the library that counts")
    lus = [f"{nom}.parquet" for nom in ("duckdb", "polars", "paresseux", "pyarrow")]
    for nom in lus:
        pl.DataFrame({"a": [1]}).write_parquet(tmp_path / nom)
    textes = [f"{nom}.txt" for nom in ("python", "descripteur", "lien", "fourche", "enfant")]
    for nom in ("polars.csv", *textes):
        (tmp_path / nom).write_text("a\n1\n", encoding="utf-8")
    with sqlite3.connect(tmp_path / "base.sqlite") as base:
        base.execute("CREATE TABLE t (a)")
    vues = chaos.ouvertures(bibliotheque, tmp_path, sys.executable, "-c", _LECTURES, tmp_path)
    assert {nom for _, sens, nom in vues if sens == "r"} == {*lus, *textes, "polars.csv", "base.sqlite"}
    assert {nom for _, sens, nom in vues if sens == "w"} == {"ecrit.parquet"}
    processus = {nom: pid for pid, _, nom in vues}
    assert len({processus[nom] for nom in ("python.txt", "fourche.txt", "enfant.txt")}) == 3


def test_a_night_without_news_opens_what_it_needs(bibliotheque: Path | None, region: Region, tmp_path: Path) -> None:
    """In raw: the registers, and the deposits where the names of dossiers to complete are looked for, each content once."""
    if bibliotheque is None:
        pytest.skip("no C compiler for the library that counts")
    racine = region.copier(tmp_path)
    nuit_directe(racine, [JOUR])
    nuit = chaos.sans_nouvelle(racine, bibliotheque, JOUR.isoformat())
    referentiels = {Path(f).name: nuit.lus[f] for f in nuit.sous("raw/referentiels")}
    # Read, then hashed; the FINESS file is only hashed: its extract is in staging.
    assert [n for nom, n in referentiels.items() if nom in ("projets.csv", "bal.csv", "depenses.csv")] == [2, 2, 2]
    assert [n for nom, n in referentiels.items() if nom.startswith("finess")] == [1]
    assert len(referentiels) == 4

    relus = nuit.sous("raw/depots")
    with RegistreDepots(lire_reglages(racine).registre) as registre:
        recus, ranges = registre.depots(), registre.fichiers()
    utiles = recus.filter(
        pl.col("nom_table").is_in(["dossiers", "sejours"]) & ~pl.col("statut").is_in(["refuse", "en_attente"])
    )
    assert relus
    assert {f.removeprefix("raw/depots/") for f in relus} <= set(
        utiles.select(pl.concat_str("porteur", "nom", separator="/")).to_series()
    )
    assert all(nuit.lus[f] == 1 for f in relus)
    assert len({(f.split("/")[2], (racine / f).read_bytes()) for f in relus}) == len(relus)
    assert all(list((racine / "retours" / f.split("/")[2]).glob("a_completer_*.csv")) for f in relus)

    ailleurs = ("cle", "verrou", "registre.sqlite", "journaux", "prefect", "referentiels", "restes", ".reception")
    staging = [f.removeprefix("staging/") for f in nuit.sous("staging")]
    # The copy of the register is read, not made again.
    (copie,) = (f for f in staging if f.startswith("depots-"))
    assert f"staging/{copie}" not in nuit.ecrits
    tables = {f for f in staging if not f.startswith((*ailleurs, copie))}
    assert tables <= ranges
    assert len([f for f in staging if f.startswith("referentiels/")]) == 1
    assert not any(f.startswith("raw/") or (f.startswith("staging/") and f[8:] in ranges) for f in nuit.ecrits)
    assert nuit.processus > 2  # the night, Prefect's server, the readers' children
    assert f"{len(relus)} dépôts, relus pour nommer" in nuit.dire()


def depots(racine: Path) -> dict[str, tuple[str, str]]:
    with (racine / "curated" / "actuel" / "depots" / "depots.parquet").open("rb") as flux:
        return {
            nom: (sha, statut) for nom, sha, statut in pl.read_parquet(flux, columns=["nom", "sha256", "statut"]).rows()
        }


def region(racine: Path) -> None:
    projets(racine, "E1")
    deposer(racine, "sejours_2026-04-02.csv", f"finess_et;id_dossier;date_entree\n{ESSMS['E1']};D1;2026-01-05\n")


def test_a_file_that_grows_while_the_night_starts_is_left_for_the_next_one(tmp_path: Path) -> None:
    region(tmp_path)
    fichier = deposer(tmp_path, "dossiers_2026-04-02.csv", f"{ENTETES}{ESSMS['E1']};D1;P1\n")
    fini = threading.Event()

    def ecrire_encore() -> None:
        with fichier.open("a", encoding="utf-8") as flux:
            rang = 2
            while not fini.is_set():
                flux.write(f"{ESSMS['E1']};D{rang};P{rang}\n")
                flux.flush()
                rang += 1
                time.sleep(0.02)

    ecrivain = threading.Thread(target=ecrire_encore)
    os.utime(fichier)
    ecrivain.start()
    try:
        nuit_directe(tmp_path, [JOUR])
    finally:
        fini.set()
        ecrivain.join()
    assert depots(tmp_path).keys() == {"sejours_2026-04-02.csv"}
    os.utime(fichier, (1_700_000_000,) * 2)
    nuit_directe(tmp_path, [JOUR])
    assert depots(tmp_path)["dossiers_2026-04-02.csv"] == (hashlib.sha256(fichier.read_bytes()).hexdigest(), "accepte")


def test_a_file_replaced_under_the_same_name_is_a_new_deposit(tmp_path: Path) -> None:
    region(tmp_path)
    deposer(tmp_path, "dossiers_2026-04-02.csv", f"{ENTETES}{ESSMS['E1']};D1;P1\n")
    nuit_directe(tmp_path, [JOUR])
    # Same name, same size, same time: only the content and the inode differ.
    nouveau = deposer(tmp_path, "dossiers_2026-04-02.csv.part", f"{ENTETES}{ESSMS['E1']};D2;P1\n")
    nouveau.replace(nouveau.with_suffix(""))
    nuit_directe(tmp_path, [JOUR])
    with (tmp_path / "curated" / "actuel" / "depots" / "depots.parquet").open("rb") as flux:
        recus = pl.read_parquet(flux).filter(pl.col("nom") == "dossiers_2026-04-02.csv")
    assert recus["sha256"].n_unique() == 2
    assert sorted(recus["statut"].to_list()) == ["accepte", "remplace"]
