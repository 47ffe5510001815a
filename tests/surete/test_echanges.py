"""A porteur that keeps swapping what lies in its drop folder while it is read (specification §8, last rule)."""

from __future__ import annotations

import os
import random
import shutil
import socket
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from scenario import ESSMS, deposer, ecrire, nuit_directe

from flows.reception import inventaire, reception
from flows.reception.inventaire import EncoreEnEcriture
from flows.reception.reception import Dossier
from flows.reglages import Reglages, lire_reglages
from flows.staging.registre import RegistreDepots

TOURS = int(os.environ.get("DUIMETRE_ECHANGES", "1000"))
NUITS = max(2, TOURS // 500)
SECRET = "SECRET"
NOMS = ("sejours_2026-04-01.csv", "sous/sejours_2026-04-02.csv", "sous/bas/sejours_2026-04-03.csv")
DOSSIERS = (".", "sous", "sous/bas")
ENTETES = "finess_et;id_dossier;date_entree\n"
JOUR = date(2026, 4, 4)


@dataclass
class Comptes:
    """What was seen while things were swapped."""

    vus: int = 0
    lus: int = 0
    refuses: int = 0
    attendus: int = 0
    fuites: int = 0


class Echangeur:
    """Puts something else in the place of each component of the paths of `alpha`, one after the other, and puts it back."""

    def __init__(self, racine: Path, graine: int) -> None:
        self.depots = racine / "raw" / "depots"
        self.reserve = racine / "reserve"
        self.hasard = random.Random(graine)
        self.echanges = 0
        self.fin = threading.Event()
        alpha, beta = self.depots / "alpha", self.depots / "beta"
        dossiers = [(alpha / d, self._remplacants(beta / d, est_dossier=True)) for d in DOSSIERS]
        fichiers = [(alpha / n, self._remplacants(beta / n, est_dossier=False)) for n in NOMS]
        self.cibles = dossiers + fichiers

    def _remplacants(self, du_voisin: Path, *, est_dossier: bool) -> list[Path | None]:
        """Links, other kinds of files, nothing: made beforehand, so that each swap is two renames."""
        ici = self.reserve / str(len(list(self.reserve.glob("*"))))
        ici.mkdir(parents=True)
        (ici / "lien").symlink_to(du_voisin)
        (ici / "boucle").symlink_to("boucle")
        (ici / "mort").symlink_to("nulle part")
        os.mkfifo(ici / "tube")
        with socket.socket(socket.AF_UNIX) as prise:
            prise.bind(f"/proc/self/fd/{(d := os.open(ici, os.O_PATH))}/prise")  # the address of a socket has 108 bytes
        os.close(d)
        if os.geteuid() == 0:
            os.mknod(ici / "peripherique", stat.S_IFCHR | 0o600, os.makedev(240, 7))
        if est_dossier:
            ecrire(ici / "fichier", ENTETES)
        else:
            (ici / "dossier").mkdir()
            ecrire(ici / "autre", f"{ENTETES}{ESSMS['E1']};D9;2026-01-05\n")
            ecrire(self.depots / "beta" / f"{du_voisin.stem}_lie.csv", f"{ENTETES}{ESSMS['E2']};D1;{SECRET}\n")
            os.link(self.depots / "beta" / f"{du_voisin.stem}_lie.csv", ici / "physique")
        remplacants = sorted(ici.iterdir())
        for remplacant in remplacants:
            os.utime(remplacant, (1_700_000_000,) * 2, follow_symlinks=False)
        return [*remplacants, ici / "lien", ici / "lien", None]

    def echanger(self) -> None:
        cible, remplacants = self.hasard.choice(self.cibles)
        remplacant = self.hasard.choice(remplacants)
        cible.rename(self.reserve / "ote")
        if remplacant is not None:
            remplacant.rename(cible)
        self._laisser_voir()
        if remplacant is not None:
            cible.rename(remplacant)
        (self.reserve / "ote").rename(cible)
        self._laisser_voir()
        self.echanges += 1

    def _laisser_voir(self) -> None:
        time.sleep(self.hasard.choice((0, 0, 0.0001, 0.0005)))

    @contextmanager
    def sans_cesse(self) -> Iterator[None]:
        """Swap in a thread for the time of the `with`; all is back in its place after."""

        def boucler() -> None:
            while not self.fin.is_set():
                self.echanger()

        fil = threading.Thread(target=boucler)
        fil.start()
        try:
            yield
            assert fil.is_alive()
        finally:
            self.fin.set()
            fil.join()
            self.fin.clear()


@pytest.fixture
def racine(tmp_path: Path) -> Path:
    ecrire(
        tmp_path / "raw" / "referentiels" / "projets.csv",
        f"porteur;nom;finess_et\nalpha;Alpha;{ESSMS['E1']}\nbeta;Beta;{ESSMS['E2']}\n",
    )
    for rang, nom in enumerate(NOMS):
        deposer(tmp_path, nom, f"{ENTETES}{ESSMS['E1']};D{rang};2026-01-05\n", "alpha")
        deposer(tmp_path, nom, f"{ENTETES}{ESSMS['E2']};D{rang};{SECRET}\n", "beta")
    return tmp_path


def _un_tour(reglages: Reglages, travail: Path, comptes: Comptes) -> None:
    """List, look twice and copy every file of `alpha`, as a night does before it reads the copies."""
    dossier = Dossier("alpha", "ouvert")
    for depose in inventaire.parcourir(reglages.depots):
        if depose.porteur != "alpha":
            continue
        comptes.vus += 1
        inventaire.inchange(depose)
        travail.mkdir()
        try:
            sha256, _ = reception.ouvrir_depot(depose, dossier, travail, reglages)
        except EncoreEnEcriture:
            comptes.attendus += 1
        else:
            comptes.lus += sha256 != ""
            comptes.refuses += sha256 == ""
            comptes.fuites += any(SECRET.encode() in f.read_bytes() for f in travail.iterdir())
        shutil.rmtree(travail)


def test_aucun_echange_ne_montre_le_fichier_du_voisin(racine: Path) -> None:
    comptes = Comptes()
    echangeur = Echangeur(racine, graine=11)
    avant = len(list(Path("/proc/self/fd").iterdir()))
    with echangeur.sans_cesse():
        for _ in range(TOURS):
            _un_tour(Reglages(racine), racine / "travail", comptes)
    print(comptes, echangeur.echanges, "échanges")
    assert comptes.fuites == 0
    # The swaps fell where they matter: files were read, found changed, and seen as what is never opened.
    assert min(comptes.lus, comptes.refuses, comptes.attendus) > TOURS / 100
    assert echangeur.echanges > TOURS / 10
    assert len(list(Path("/proc/self/fd").iterdir())) == avant


def test_aucun_echange_n_arrete_une_nuit(racine: Path) -> None:
    with Echangeur(racine, graine=12).sans_cesse():
        for _ in range(NUITS):
            nuit_directe(racine, [JOUR], reconstruire=True)
            assert _dit(racine / "retours" / "beta")
            assert not _dit(racine / "retours" / "alpha")
    nuit_directe(racine, [JOUR], reconstruire=True)
    assert not _dit(racine / "retours" / "alpha")
    with RegistreDepots(lire_reglages(racine).registre) as registre:
        recus = registre.depots().filter(porteur="alpha", statut="accepte")
    assert set(NOMS) <= set(recus["nom"])


def test_une_nuit_va_au_bout_quand_tout_change_apres_la_liste(racine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nouveaux = reception.nouveaux
    alpha, beta = (lire_reglages(racine).depots / p for p in ("alpha", "beta"))

    def changer_apres(*liste: Any) -> Any:
        retenus = nouveaux(*liste)
        (alpha / NOMS[0]).unlink()
        (alpha / NOMS[0]).mkdir()
        (alpha / "sous").rename(alpha / ".sous")
        (alpha / "sous").symlink_to(beta / "sous")
        return retenus

    monkeypatch.setattr(reception, "nouveaux", changer_apres)
    bilan = nuit_directe(racine, [JOUR])
    assert sorted((r.porteur, r.chemin) for r in bilan.recus) == [("beta", nom) for nom in sorted(NOMS)]
    assert bilan.non_traites == ()
    assert _dit(racine / "retours" / "beta") and not _dit(racine / "retours" / "alpha")


def _dit(retours: Path) -> bool:
    """Whether the lines of `beta` are told there."""
    return any(SECRET.encode() in f.read_bytes() for f in retours.rglob("*.*"))
