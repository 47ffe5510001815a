"""§8: « A run may be killed at any instant: readers see the old or the new version, whole; the next run repairs and
continues; no deposit is lost or counted twice. »

Each kill starts from the same data root: one night published, half of the deposits still to come. Most nights run without
Prefect in a process forked from a warm one; one in five is the command itself. `DUIMETRE_TEST_MORTS=20` kills 20 (6
otherwise), `DUIMETRE_TEST_GRAINE` repeats a draw.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import signal
import time
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path

import polars as pl
import pytest
from conftest import Region
from nuits import D1, D2, commande, fichiers, memes_lignes, publie, until
from scenario import nuit_directe

from flows.versions.chaine import verifier_chaine, verifier_version
from flows.versions.version import actuelle

MORTS = int(os.environ.get("DUIMETRE_TEST_MORTS", "6"))
GRAINE = int(os.environ.get("DUIMETRE_TEST_GRAINE") or time.time())
FICHIERS, FICHIERS_TARD = 18, 10


@pytest.fixture(scope="module")
def atelier(
    region: Region, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, pl.DataFrame], dict[str, float]]:
    """A data root whose second night is to be killed, what an undisturbed one publishes, and how long it takes."""
    base = region.copier(tmp_path_factory.mktemp("base"))
    for fichier in random.Random(1).sample(fichiers(base), len(fichiers(base)) - FICHIERS):
        fichier.unlink()
    tard = random.Random(2).sample(fichiers(base), FICHIERS_TARD)
    attente = base / "attente"
    attente.mkdir()
    for rang, fichier in enumerate(tard):
        fichier.rename(attente / str(rang))
    nuit_directe(base, [D1])
    for rang, fichier in enumerate(tard):
        (attente / str(rang)).rename(fichier)
    temoin = tmp_path_factory.mktemp("temoin") / "racine"
    shutil.copytree(base, temoin, symlinks=True)
    debut = time.monotonic()
    nuit_directe(temoin, [D1, D2])
    durees = {"directe": time.monotonic() - debut}
    reference = publie(temoin)
    commandee = tmp_path_factory.mktemp("commandee") / "racine"
    shutil.copytree(base, commandee, symlinks=True)
    debut = time.monotonic()
    assert commande("nuit", "--data", commandee, "--date-mesure", str(D1), "--date-mesure", str(D2)).wait() == 0
    durees["commande"] = time.monotonic() - debut
    memes_lignes(commandee, reference)
    return base, reference, durees


@pytest.fixture(scope="module")
def fourche() -> Iterator[multiprocessing.context.ForkServerContext]:
    """Forks processes where everything is imported."""
    contexte = multiprocessing.get_context("forkserver")
    contexte.set_forkserver_preload(["scenario"])
    with pytest.MonkeyPatch.context() as environ:
        environ.setenv(
            "PYTHONPATH", os.pathsep.join([str(Path(__file__).parents[1] / "outils"), os.environ.get("PYTHONPATH", "")])
        )
        yield contexte


@pytest.fixture(scope="module")
def vivantes() -> list[bool]:
    """Of each kill, whether the night was still running."""
    return []


@pytest.mark.parametrize("numero", range(MORTS))
def test_tuee_a_un_instant_quelconque(
    numero: int,
    atelier: tuple[Path, dict[str, pl.DataFrame], dict[str, float]],
    fourche: multiprocessing.context.ForkServerContext,
    vivantes: list[bool],
    tmp_path: Path,
) -> None:
    base, reference, durees = atelier
    hasard = random.Random(f"{GRAINE} {numero}")
    racine = tmp_path / "racine"
    shutil.copytree(base, racine, symlinks=True, ignore=shutil.ignore_patterns("verrou"))
    par_commande = numero % 5 == 4
    # Spread over the night: one kill in each of as many slices as there are kills.
    attente_s = (numero + hasard.random()) / MORTS * durees["commande" if par_commande else "directe"]
    print(f"DUIMETRE_TEST_GRAINE={GRAINE}, tuée après {attente_s:.2f} s")
    vivantes.append(tuer(racine, attente_s, fourche, par_commande=par_commande))
    version = actuelle(racine / "curated")
    assert version is not None
    assert verifier_version(version) == []
    versions = {v for f in version.glob("*/*.parquet") for v in pl.read_parquet(f)["version"].unique().to_list()}
    assert versions == {version.name}
    nuit_directe(racine, [D1, D2])
    assert verifier_chaine(racine / "curated") == []
    assert not list((racine / "curated" / "versions").glob(".*"))
    memes_lignes(racine, reference)


def test_des_nuits_ont_bien_ete_tuees(vivantes: list[bool]) -> None:
    """A kill that comes after the end shows nothing: most came before."""
    assert sum(vivantes) > len(vivantes) / 2


def tuer(
    racine: Path, attente_s: float, fourche: multiprocessing.context.ForkServerContext, *, par_commande: bool
) -> bool:
    """Start a night and SIGKILL it after some seconds; whether it was still running."""
    if par_commande:
        processus = commande("nuit", "--data", racine, "--date-mesure", str(D1), "--date-mesure", str(D2))
        time.sleep(attente_s)
        processus.send_signal(signal.SIGKILL)
        processus.communicate()
        return processus.returncode == -signal.SIGKILL
    fils: BaseProcess = fourche.Process(target=nuit_directe, args=(racine, [D1, D2]))
    fils.start()
    assert until((racine / "staging" / "verrou").exists, 60)  # it has begun: the lock is the first thing it takes
    fils.join(attente_s)
    fils.kill()
    fils.join()
    return fils.exitcode == -signal.SIGKILL
