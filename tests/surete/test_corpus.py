"""Every file of the corpus gets the answer of its table, through the real reception; none hurts, none sees another's."""

from __future__ import annotations

import os
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
from corpus import AUTRE, CORPUS, FINESS, PARTAGE, PORTEUR, RIEN, SECRET, Cas, ecrire

from flows.reception import inventaire, reception, registres_ars
from flows.reception.isolement import preparer
from flows.reglages import Reglages, cle_des_pseudonymes
from flows.staging.registre import RegistreDepots

DUREE_MAX_S = 5.0  # of the processor: what else runs on the machine does not count
ATTENTE_MAX_S = 60.0
MEMOIRE_MAX_KIO = 512 << 10


@dataclass
class Reponse:
    """What one file got, and what it cost."""

    statuts: list[str]
    codes: str
    lignes: int
    attente_s: float
    duree_s: float
    memoire_kio: int


@dataclass
class Nuit:
    reponses: dict[str, Reponse] = field(default_factory=dict)
    depots: pl.DataFrame = field(default_factory=pl.DataFrame)
    bilans: pl.DataFrame = field(default_factory=pl.DataFrame)


def _memoire_kio(pid: int | str, mesure: str) -> int:
    try:
        texte = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return 0
    return next((int(x.split()[1]) for x in texte.splitlines() if x.startswith(mesure)), 0)


def _enfants(pid: int) -> list[int]:
    try:
        fils = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        return []
    return [int(f) for f in fils]


def _processeur_s(pid: int) -> float:
    try:
        champs = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(champs[11]) + int(champs[12])) / os.sysconf("SC_CLK_TCK")


@dataclass
class Cout:
    duree_s: float = 0.0
    memoire_kio: int = 0


@contextmanager
def _cout() -> Iterator[Cout]:
    """What is spent in the `with`, here and in the readers: time of the processor, and memory (growth here, peaks there)."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forget the peak so far
    avant, debut = _memoire_kio("self", "VmRSS"), time.process_time()
    memoires: dict[int, int] = {}
    durees: dict[int, float] = {}
    fini = threading.Event()

    def observer() -> None:
        while not fini.wait(0.01):
            for lecteur in (petit for enfant in _enfants(os.getpid()) for petit in _enfants(enfant)):
                memoires[lecteur] = max(memoires.get(lecteur, 0), _memoire_kio(lecteur, "VmHWM"))
                durees[lecteur] = max(durees.get(lecteur, 0.0), _processeur_s(lecteur))

    observateur = threading.Thread(target=observer)
    observateur.start()
    cout = Cout()
    try:
        yield cout
    finally:
        fini.set()
        observateur.join()
    cout.duree_s = time.process_time() - debut + sum(durees.values())
    cout.memoire_kio = max(0, _memoire_kio("self", "VmHWM") - avant) + max(memoires.values(), default=0)


@pytest.fixture(scope="module")
def nuit(tmp_path_factory: pytest.TempPathFactory) -> Nuit:
    racine = tmp_path_factory.mktemp("corpus")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of zipfile, about the archive with two files of one name
        ecrire(racine / "raw" / "depots")
    (racine / "raw" / "referentiels").mkdir()
    lignes = [f"{PORTEUR};Alpha;{FINESS[f]}" for f in ("F1", "F0", "FX")] + [f"{AUTRE};Beta;{FINESS['FB']}"]
    (racine / "raw" / "referentiels" / "projets.csv").write_text(
        "\n".join(["porteur;nom;finess_et", *lignes, ""]), encoding="utf-8"
    )
    reglages = Reglages(racine, DUIMETRE_CLE="0" * 64)
    registres = registres_ars.lire_registres(reglages)
    cle = cle_des_pseudonymes(reglages)
    preparer()
    nuit = Nuit()
    couts: dict[str, tuple[float, float, int]] = {}
    with RegistreDepots(reglages.registre) as registre:
        for depose in inventaire.parcourir(reglages.depots):
            debut = time.monotonic()
            with _cout() as cout:
                recu = reception.recevoir(
                    depose,
                    registres.dossier(depose.porteur),
                    reglages=reglages,
                    registre=registre,
                    cle=cle,
                    maintenant=datetime(2026, 4, 2, 1, tzinfo=UTC),
                )
            assert recu is not None
            if depose.porteur == PORTEUR:
                couts[depose.chemin] = time.monotonic() - debut, cout.duree_s, cout.memoire_kio
        nuit.depots, constats, nuit.bilans = registre.depots(), registre.constats(), registre.bilans(date.min)
    for (chemin,), unites in nuit.depots.filter(porteur=PORTEUR).group_by("nom"):
        codes = constats.filter(pl.col("depot").is_in(unites["depot"].implode()))["code"].unique().sort()
        uniques = unites.filter(pl.col("statut") != "deja_recu")
        nuit.reponses[chemin] = Reponse(
            unites.sort("membre", "nom_table")["statut"].to_list(),
            " ".join(codes),
            int(uniques["lignes_utilisees"].sum()),
            *couts[chemin],
        )
    return nuit


@pytest.mark.parametrize("cas", CORPUS, ids=lambda c: c.quoi)
def test_fichier(nuit: Nuit, cas: Cas) -> None:
    reponse = nuit.reponses.get(cas.chemin)
    if cas.statut == RIEN:
        assert reponse is None
        return
    assert reponse is not None
    assert (" + ".join(reponse.statuts), reponse.codes, reponse.lignes) == (cas.statut, cas.codes, cas.lignes)


def test_le_corpus_est_assez_grand_et_sans_double() -> None:
    assert len(CORPUS) >= 150
    assert len({c.nom for c in CORPUS}) == len(CORPUS)


def test_aucun_fichier_ne_prend_plus_de_5_s_ni_de_512_mio(nuit: Nuit) -> None:
    couteux = {
        chemin: r
        for chemin, r in nuit.reponses.items()
        if r.duree_s > DUREE_MAX_S or r.attente_s > ATTENTE_MAX_S or r.memoire_kio > MEMOIRE_MAX_KIO
    }
    assert couteux == {}


def test_aucun_ne_lit_le_fichier_d_un_autre_porteur(nuit: Nuit) -> None:
    d_autre = nuit.depots.filter(porteur=AUTRE)
    assert dict(d_autre.select("nom", "statut").iter_rows()) == {SECRET: "accepte", PARTAGE: "refuse"}
    (sha256,) = d_autre.filter(nom=SECRET)["sha256"]
    assert nuit.depots.filter(porteur=PORTEUR, sha256=sha256).is_empty()
    d_alpha = nuit.depots.filter(porteur=PORTEUR)["depot"]
    assert nuit.bilans.filter(pl.col("depot").is_in(d_alpha.implode()), finess_et=FINESS["FB"]).is_empty()
