"""Nights that go wrong: kills at random moments, a disk that fails, two nights at once, a reader looking all the time.

And a night to which nothing new comes: its seconds, and the files it opens.

`make chaos` runs the long campaign (`python tests/campagnes/chaos.py --aide` says its figures); `tests/surete/test_pannes.py`
runs the same functions for a few seconds. The nights are those of the command line, in processes of their own; most run
without Prefect's engine, which starts a server per process and writes nothing of ours.
"""

from __future__ import annotations

import argparse
import ctypes
import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

ICI = Path(__file__).parent
DATE_MESURE = "2025-04-01"
ERREURS = (errno.ENOSPC, errno.EIO, errno.EACCES)
PORTEURS = ("alpha", "beta")
_ESSMS_ACTIF = {"alpha": "E1", "beta": "E3"}
TABLES = ("indicateurs", "maturin_sms", "essms", "depots", "constats", "alertes")
# Figures do not depend on when, nor on which version they were computed in.
_HORS_RESULTAT = ("version", "recu_le")


# --- a small region that grows ---------------------------------------------------------------------------------------


def monde(data: Path, porteurs: Sequence[str] = PORTEURS) -> None:
    """One or two porteurs, with two ESSMS and one, and a few deposits."""
    from scenario import ESSMS, ecrire  # noqa: PLC0415 - the launcher forks before polars starts its threads

    projets = "porteur;nom;finess_et\n" + "".join(
        f"{porteur};{porteur};{ESSMS[alias]}\n"
        for porteur, alias in zip(("alpha", "alpha", "beta"), ("E1", "E2", "E3"), strict=True)
        if porteur in porteurs
    )
    ecrire(data / "raw" / "referentiels" / "projets.csv", projets)
    for porteur in porteurs:
        essms = ESSMS[_ESSMS_ACTIF[porteur]]
        dossiers = "finess_et;id_dossier;id_personne\n" + "".join(f"{essms};D{i};P{i}\n" for i in range(20))
        sejours = "finess_et;id_dossier;date_entree\n" + "".join(f"{essms};D{i};2024-06-01\n" for i in range(20))
        racine = data / "raw" / "depots" / porteur
        ecrire(racine / "dossiers_2025-04-02.csv", dossiers)
        ecrire(racine / "sejours_2025-04-02.csv", sejours)
        ecrire(racine / "export.csv", "un fichier que rien ne nomme")


def deposer_tour(data: Path, tour: int, porteurs: Sequence[str] = PORTEURS) -> None:
    """What arrives before the night `tour`: updates, messages, and a copy of one of these files."""
    from scenario import ESSMS, ecrire  # noqa: PLC0415

    for porteur in porteurs:
        racine, essms = data / "raw" / "depots" / porteur, ESSMS[_ESSMS_ACTIF[porteur]]
        jour = f"2025-{1 + tour % 3:02d}-{1 + tour % 28:02d}"
        maj = f"finess_et;id_dossier;horodatage\n{essms};D{tour % 20};{jour} 10:{tour % 60:02d}\n{essms};D1;hier\n"
        maj += f"{essms};D{(tour * 7) % 20};{jour}\n" * 6
        ecrire(racine / f"mises_a_jour_2025-04-02_t{tour}.csv", maj)
        ecrire(racine / f"mss_2025-04-02_t{tour}.csv", f"finess_et;horodatage;id_message\n{essms};{jour};M{tour}\n")
    copie = data / "raw" / "depots" / "alpha" / f"mises_a_jour_2025-04-02_t{tour}_bis.csv"
    ecrire(copie, (copie.parent / f"mises_a_jour_2025-04-02_t{tour}.csv").read_bytes())


def resultat(data: Path) -> dict[str, list[dict[str, Any]]]:
    """All that is published but instants and version identifiers, in an order of its own."""
    import polars as pl  # noqa: PLC0415

    tables = {}
    for table in TABLES:
        lignes = []
        for fichier in sorted((data / "curated" / "actuel" / table).rglob("*.parquet")):
            with fichier.open("rb") as flux:
                lignes += [{"_": fichier.parent.name} | ligne for ligne in pl.read_parquet(flux).to_dicts()]
        propres = [{nom: v for nom, v in ligne.items() if nom not in _HORS_RESULTAT} for ligne in lignes]
        tables[table] = sorted(propres, key=lambda ligne: json.dumps(ligne, default=str))
    return tables


def defauts(data: Path) -> list[str]:
    """What is wrong with a data root between two nights: chain, leftovers, deposits lost or counted twice."""
    import polars as pl  # noqa: PLC0415

    from flows.staging.registre import RegistreDepots  # noqa: PLC0415
    from flows.versions import chaine  # noqa: PLC0415

    curated = data / "curated"
    problemes = chaine.verifier_chaine(curated)
    problemes += [f"reste : {r}" for d in (curated, curated / "versions") for r in sorted(d.glob(".*"))]
    with (curated / "actuel" / "depots" / "depots.parquet").open("rb") as flux:
        publies = pl.read_parquet(flux)["recu"].to_list()
    with RegistreDepots(data / "staging" / "registre.sqlite") as registre:
        recus = registre.depots()
    deposes = [(d.name, f.name) for d in (data / "raw" / "depots").iterdir() for f in d.iterdir()]
    if sorted(recus.select("porteur", "nom").rows()) != sorted(deposes) or sorted(publies) != sorted(recus["recu"]):
        problemes.append(f"dépôts publiés {len(publies)}, déposés {len(deposes)}")
    return problemes


# --- nights in processes of their own --------------------------------------------------------------------------------


def lanceur() -> NoReturn:
    """Fork a night for each line of standard input that asks one, wait for one when asked to.

    Only nights are killed, and nothing is imported again.
    """
    sys.path[:0] = [str(ICI), str(ICI.parent / "outils"), str(ICI.parents[1])]
    import flows.nuit  # noqa: PLC0415
    import flows.orchestration  # noqa: PLC0415
    import flows.serveur_prefect  # noqa: PLC0415
    from flows.cli.principal import main  # noqa: PLC0415

    # No server, so no Prefect; one try, so a failing call fails the night.
    flows.serveur_prefect.demarrer = lambda _dossier: SimpleNamespace(pret=lambda: False)  # type: ignore[assignment, return-value]
    executer = flows.nuit.executer
    flows.nuit.executer = partial(executer, executant=flows.nuit.Direct(essais=1))  # type: ignore[assignment]
    for ligne in sys.stdin:
        demande = json.loads(ligne)
        if "attendre" in demande:
            print(os.waitstatus_to_exitcode(os.waitpid(demande["attendre"], 0)[1]), flush=True)
        elif pid := os.fork():
            print(pid, flush=True)
        else:
            _nuit(demande, main)
    sys.exit(0)


def _nuit(demande: dict[str, Any], main: Any) -> NoReturn:
    sortie = os.open(demande["sortie"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(sortie, 1)
    os.dup2(sortie, 2)
    if "rang" in demande:
        shim = ctypes.CDLL(None)
        shim.pannes_compte.restype = ctypes.c_long
        shim.pannes_faute.restype = ctypes.c_char_p
        shim.pannes_armer(demande["data"].encode(), ctypes.c_long(demande["rang"]), demande["erreur"], demande["suite"])
    try:
        main(["nuit", "--data", demande["data"], "--date-mesure", DATE_MESURE])
    except SystemExit as fin:
        code = int(fin.code or 0)
    except BaseException:
        import traceback  # noqa: PLC0415

        traceback.print_exc()
        code = 99
    if "rang" in demande:
        Path(demande["sortie"] + ".compte").write_text(f"{shim.pannes_compte()}\n{shim.pannes_faute().decode()}")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


@dataclass
class Nuit:
    """A night that was started: its process, and what it said once it is over."""

    pid: int
    lanceur: Nuits
    sortie: Path

    def attendre(self) -> int:
        """Exit code, negative when killed."""
        return self.lanceur.demander(attendre=self.pid)

    def dit(self) -> str:
        """Its standard output and error."""
        return self.sortie.read_text(encoding="utf-8", errors="replace")

    def compte(self) -> tuple[int, str]:
        """Calls that could fail, and the one that did."""
        nombre, faute = Path(f"{self.sortie}.compte").read_text().split("\n", 1)
        return int(nombre), faute


class Nuits:
    """A process that forks nights; `preload`: the library of `tests/outils/pannes.c`."""

    def __init__(self, travail: Path, preload: Path | None = None) -> None:
        environnement = {**os.environ, "POLARS_MAX_THREADS": "2"} | ({"LD_PRELOAD": str(preload)} if preload else {})
        travail.mkdir(parents=True, exist_ok=True)
        self.travail, self.lancees = travail, 0
        self.processus = subprocess.Popen(
            [sys.executable, __file__, "--lanceur"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environnement,
        )

    def demander(self, **demande: Any) -> int:
        """Ask the launcher; its answer."""
        assert self.processus.stdin is not None
        assert self.processus.stdout is not None
        print(json.dumps(demande), file=self.processus.stdin, flush=True)
        return int(self.processus.stdout.readline())

    def lancer(self, data: Path, **panne: Any) -> Nuit:
        """Start a night; two may run at once."""
        self.lancees += 1
        sortie = self.travail / f"sortie-{self.lancees % 2}.txt"
        return Nuit(self.demander(data=str(data), sortie=str(sortie), **panne), self, sortie)

    def faire(self, data: Path) -> None:
        """A whole night, which must succeed."""
        nuit = self.lancer(data)
        code = nuit.attendre()
        assert code == 0, (code, nuit.dit())

    def fermer(self) -> None:
        """No more nights."""
        assert self.processus.stdin is not None
        assert self.processus.stdout is not None
        self.processus.kill()
        self.processus.stdin.close()
        self.processus.stdout.close()
        self.processus.wait()


@contextmanager
def nuits(travail: Path, preload: Path | None = None) -> Iterator[Nuits]:
    """A launcher for the time of the `with`."""
    lanceur_ = Nuits(travail, preload)
    try:
        yield lanceur_
    finally:
        lanceur_.fermer()


def compiler(travail: Path) -> Path | None:
    """The library that makes calls fail, None without a C compiler."""
    if shutil.which("cc") is None:
        return None
    travail.mkdir(parents=True, exist_ok=True)
    bibliotheque = travail / "pannes.so"
    subprocess.run(
        ["cc", "-O1", "-shared", "-fPIC", "-o", bibliotheque, ICI.parent / "outils" / "pannes.c", "-ldl"], check=True
    )
    return bibliotheque


# --- kills, with a reader --------------------------------------------------------------------------------------------


class Lecteur(threading.Thread):
    """Reads the published version without a pause, through the catalogue and the files; keeps what it saw mixed."""

    def __init__(self, curated: Path) -> None:
        super().__init__()
        self.curated, self.fini = curated, threading.Event()
        self.lectures, self.fautes, self.versions = 0, list[str](), set[str]()

    def __enter__(self) -> Lecteur:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.fini.set()
        self.join()

    def run(self) -> None:
        while not self.fini.wait(0.02):
            try:
                self._par_le_catalogue()
                self._par_les_fichiers()
            except Exception as erreur:
                self.fautes.append(repr(erreur))
            self.lectures += 2

    def _par_le_catalogue(self) -> None:
        import duckdb  # noqa: PLC0415

        with duckdb.connect(str(self.curated / "actuel" / "catalogue.duckdb"), read_only=True) as base:
            self._juger(base, *(f"SELECT version FROM {table}" for table in ("essms", "depots", "indicateurs")))

    def _par_les_fichiers(self) -> None:
        import duckdb  # noqa: PLC0415

        from flows.versions import version  # noqa: PLC0415

        with version.lecture(self.curated) as dossier, duckdb.connect() as base:
            lus = self._juger(
                base,
                *(f"SELECT version FROM '{dossier}/{t}/**/*.parquet'" for t in ("essms", "depots", "indicateurs")),
            )
            manifeste = json.loads((dossier / "manifeste.json").read_bytes())["version"]
            if {manifeste, dossier.name} != lus:
                self.fautes.append(f"{dossier.name} : manifeste {manifeste}, tables {lus}")

    def _juger(self, base: Any, *requetes: str) -> set[str]:
        versions = {v for requete in requetes for (v,) in base.execute(requete).fetchall()}
        (essms,), (indicateurs,) = base.execute(
            f"SELECT count(*) FROM ({requetes[0]}) UNION ALL SELECT count(*) FROM ({requetes[2]})"
        ).fetchall()
        if len(versions) != 1 or indicateurs != 7 * essms:
            self.fautes.append(f"versions {versions}, {essms} ESSMS, {indicateurs} indicateurs")
        self.versions |= versions
        return versions


@dataclass
class Bilan:
    """What a campaign of kills saw."""

    morts: int = 0
    trop_tard: int = 0
    nuits: int = 0
    lectures: int = 0
    versions: int = 0
    fautes: list[str] = field(default_factory=list)
    duree_s: float = 0.0


def tuer(n: Nuits, travail: Path, morts: int, graine: int, *, prefect_tous_les: int = 0) -> Bilan:
    """Kill `morts` nights at random moments; after each kill or run of kills, a night must give what its twin gives.

    The twin receives the same files and is never disturbed. `prefect_tous_les`: every so many kills, the night is the
    real command with Prefect's embedded server.
    """
    hasard, bilan, debut = random.Random(graine), Bilan(), time.monotonic()
    data, jumeau = travail / "data", travail / "jumeau"
    for racine in (data, jumeau):
        monde(racine)
    n.faire(jumeau)
    depart = time.monotonic()
    n.faire(data)
    duree = time.monotonic() - depart
    tour = 0
    with Lecteur(data / "curated") as lecteur:
        while bilan.morts < morts:
            tour += 1
            for racine in (data, jumeau):
                deposer_tour(racine, tour)
            while True:
                if prefect_tous_les and bilan.morts % prefect_tous_les == prefect_tous_les - 1:
                    tue = _tuer_commande(data, hasard)
                else:
                    nuit = n.lancer(data)
                    time.sleep(hasard.uniform(0, 1.3 * duree))
                    os.kill(nuit.pid, signal.SIGKILL)
                    tue = nuit.attendre() < 0
                bilan.morts += tue
                bilan.trop_tard += not tue
                if bilan.morts >= morts or hasard.random() < 0.6:
                    break
            for racine in (data, jumeau):
                n.faire(racine)
            bilan.nuits += 1
            if resultat(data) != resultat(jumeau):
                bilan.fautes.append(f"tour {tour} : la nuit d'après diffère de celle de la jumelle")
            bilan.fautes += [f"tour {tour} : {d}" for d in defauts(data)]
            _avancer(f"{bilan.morts} morts sur {morts}, {len(bilan.fautes) + len(lecteur.fautes)} fautes")
    bilan.fautes += lecteur.fautes
    bilan.lectures, bilan.versions = lecteur.lectures, len(lecteur.versions)
    bilan.duree_s = time.monotonic() - debut
    return bilan


def commande(data: Path, date_mesure: str = DATE_MESURE) -> list[str]:
    """The night as people run it, with Prefect's embedded engine."""
    return [str(Path(sys.executable).with_name("duimetre")), "nuit", "--data", str(data), "--date-mesure", date_mesure]


def _tuer_commande(data: Path, hasard: random.Random) -> bool:
    with subprocess.Popen(commande(data), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as processus:
        time.sleep(hasard.uniform(0.5, 12))
        processus.kill()
        return processus.wait() < 0


# --- a disk that fails -----------------------------------------------------------------------------------------------


@dataclass
class BilanPannes:
    """What a campaign of failing calls saw. `appels`: how many calls of a night can fail; `essais`: how many did."""

    appels: int = 0
    essais: int = 0
    echecs: int = 0
    toleres: int = 0
    fautes: list[str] = field(default_factory=list)


def pannes(n: Nuits, travail: Path, rangs: int | None, graine: int, part: tuple[int, int] = (1, 1)) -> BilanPannes:
    """Make each write, fsync, rename… of a night fail in turn, once or from then on (`rangs`: only so many of them).

    `part`: (2, 3) tries the second third of them, for machines that share a campaign.

    After a failure: exit 1 with a sentence that says what to do and the old version whole, or exit 0 and all published
    (a call that may fail, such as one of the log). The next night gives what an undisturbed one gives.
    """
    hasard, bilan = random.Random(graine), BilanPannes()
    avant, essai = travail / "avant", travail / "essai"
    monde(avant, ("alpha",))  # the calls of a second porteur are the same again
    n.faire(avant)
    ancien = resultat(avant)
    deposer_tour(avant, 1, ("alpha",))
    _copier(avant, essai)
    compter = n.lancer(essai, rang=0, erreur=0, suite=0)
    assert compter.attendre() == 0, compter.dit()
    bilan.appels, attendu = compter.compte()[0], resultat(essai)
    tous = range(1, bilan.appels + 1)
    choisis = tous if rangs is None else sorted(hasard.sample(tous, min(rangs, len(tous))))
    for rang in choisis[part[0] - 1 :: part[1]]:
        erreur, suite = hasard.choice(ERREURS), hasard.randrange(2)
        _copier(avant, essai)
        nuit = n.lancer(essai, rang=rang, erreur=erreur, suite=suite)
        code, dit = nuit.attendre(), nuit.dit()
        faute = nuit.compte()[1]
        if not faute:
            continue  # the order of a few calls changes from night to night
        bilan.essais += 1
        ou = f"{errno.errorcode[erreur]}{' puis tout' * suite} sur {faute}"
        bilan.echecs += code == 1
        bilan.toleres += code == 0
        if code == 1:
            if "Rien n'est publié" not in dit or "Traceback" in dit or "relancez" not in dit:
                bilan.fautes.append(f"{ou} : message {dit[-300:]!r}")
            if resultat(essai) != ancien:
                bilan.fautes.append(f"{ou} : l'ancienne version n'est plus entière")
        elif code != 0 or "Traceback" in dit:
            bilan.fautes.append(f"{ou} : sortie {code} {dit[-300:]!r}")
        elif resultat(essai) != attendu and "repris la prochaine nuit" not in dit:
            bilan.fautes.append(f"{ou} : publié, mais autrement")
        n.faire(essai)
        if resultat(essai) != attendu:
            bilan.fautes.append(f"{ou} : la nuit suivante ne guérit pas")
        bilan.fautes += [f"{ou} : {d}" for d in defauts(essai)]
        _avancer(f"{bilan.essais} pannes, {bilan.echecs} nuits échouées, {len(bilan.fautes)} fautes")
    return bilan


def _avancer(ligne: str) -> None:
    """How far the campaign is, for who waits."""
    sys.stderr.write(f"{ligne}\n")


def _copier(source: Path, cible: Path) -> None:
    """A data root as it was: modification times kept, hard links between versions too."""
    shutil.rmtree(cible, ignore_errors=True)
    subprocess.run(["cp", "-a", str(source), str(cible)], check=True)


# --- two nights at once ----------------------------------------------------------------------------------------------


def ensemble(n: Nuits, travail: Path, tours: int) -> list[tuple[int, int]]:
    """Start two nights together `tours` times; gives their sorted exit codes."""
    data = travail / "data"
    monde(data)
    codes = []
    for _ in range(tours):
        paire = [n.lancer(data), n.lancer(data)]
        a, b = sorted(nuit.attendre() for nuit in paire)
        codes.append((a, b))
        _avancer(f"{len(codes)} paires sur {tours}, {sum(c != (0, 10) for c in codes)} fautes")
    return codes


# --- a Prefect server and a worker -----------------------------------------------------------------------------------


def prouver_deploiement(travail: Path, delai_s: float = 240) -> str:
    """Deploy `prefect.yaml` on a real local server; a process worker must run a scheduled night. Gives its version.

    Only the schedule of the night is changed, to the next minute. Everything is stopped at the end (a worker needs two
    SIGTERM).
    """
    import socket  # noqa: PLC0415

    data, projet = travail / "data", travail / "projet"
    monde(data)
    projet.mkdir(parents=True)
    for nom in ("flows", "schemas", "transforms"):
        (projet / nom).symlink_to(ICI.parents[1] / nom)
    texte = (ICI.parents[1] / "prefect.yaml").read_text(encoding="utf-8")
    (projet / "prefect.yaml").write_text(texte.replace('cron: "30 2 * * *"', 'cron: "* * * * *"', 1), encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as prise:
        port = prise.getsockname()[1]
    environnement = {
        **os.environ,
        "PREFECT_HOME": str(travail / "prefect"),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
        "DUIMETRE_DATA": str(data),
    }
    prefect = str(Path(sys.executable).with_name("prefect"))

    def commande(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [prefect, *arguments], env=environnement, cwd=projet, check=True, capture_output=True, text=True
        )

    lances: list[subprocess.Popen[bytes]] = []
    journal = (travail / "prefect.log").open("wb")
    try:
        serveur = [prefect, "server", "start", "--host", "127.0.0.1", "--port", str(port), "--no-ui"]
        lances.append(subprocess.Popen(serveur, env=environnement, cwd=travail, stdout=journal, stderr=journal))
        _attendre_serveur(port, delai_s)
        commande("work-pool", "create", "duimetre", "--type", "process")
        commande("--no-prompt", "deploy", "--all")
        ouvrier = [prefect, "worker", "start", "--pool", "duimetre"]
        lances.append(subprocess.Popen(ouvrier, env=environnement, cwd=projet, stdout=journal, stderr=journal))
        fin = time.monotonic() + delai_s
        while not (data / "curated" / "actuel").exists():
            assert time.monotonic() < fin, (travail / "prefect.log").read_text(errors="replace")[-3000:]
            time.sleep(0.5)
        return (data / "curated" / "actuel").readlink().name
    finally:
        for processus in reversed(lances):
            processus.terminate()
            time.sleep(1)
            processus.terminate()
            try:
                processus.wait(30)
            except subprocess.TimeoutExpired:
                processus.kill()
                processus.wait()
        journal.close()


def _attendre_serveur(port: int, delai_s: float) -> None:
    import urllib.request  # noqa: PLC0415

    fin = time.monotonic() + delai_s
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/health", timeout=2):
                return
        except OSError:
            assert time.monotonic() < fin, "le serveur Prefect ne répond pas"
            time.sleep(0.5)


# --- a night without news --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SansNouvelle:
    """A night to which nothing new came. `lus`, `ecrits`: how many times each file of the data root was opened.

    Paths are relative to the data root; `ecrits` are opens for writing. `processus`: how many processes opened a file.
    """

    duree_s: float
    deposes: int
    lus: Counter[str]
    ecrits: Counter[str]
    processus: int

    def sous(self, dossier: str) -> list[str]:
        """The distinct files opened under a folder of the data root."""
        return sorted(f for f in self.lus | self.ecrits if f.startswith(f"{dossier}/"))

    def dire(self) -> str:
        """One line for the summary of the campaign."""
        fois = (self.lus + self.ecrits).total()
        parts = ", ".join(f"{d} {len(self.sous(d))}" for d in ("raw", "staging", "curated", "retours"))
        return (
            f"Nuit sans nouvelle ({self.deposes} fichiers déposés) : {self.duree_s:.1f} s, Prefect compris ; "
            f"{len(self.lus | self.ecrits)} fichiers ouverts, {fois} fois ({parts}) ; dans raw, "
            f"{len(self.sous('raw/referentiels'))} référentiels et {len(self.sous('raw/depots'))} dépôts, relus pour nommer "
            "les dossiers des listes de travail"
        )


def ouvertures(bibliotheque: Path, data: Path, *programme: str | Path) -> list[tuple[int, str, str]]:
    """Run a program that must succeed; each file it opened below `data`, in order: process, `r` or `w`, relative path.

    The processes that it starts are watched too. Directories are not files.
    """
    data = data.resolve()
    with tempfile.NamedTemporaryFile("r", encoding="utf-8", errors="surrogateescape") as journal:
        environnement = {
            **os.environ,
            "LD_PRELOAD": str(bibliotheque),
            "OUVERTURES_SOUS": f"{data}/",
            "OUVERTURES_JOURNAL": journal.name,
        }
        subprocess.run(programme, check=True, env=environnement, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        lignes = [ligne.rstrip("\n").split(" ", 2) for ligne in journal]
    return [(int(pid), sens, chemin.removeprefix(f"{data}/")) for pid, sens, chemin in lignes]


def sans_nouvelle(data: Path, bibliotheque: Path, date_mesure: str = DATE_MESURE) -> SansNouvelle:
    """A night as people run it, timed and watched, on a data root where another has read all that came."""
    debut = time.monotonic()
    vues = ouvertures(bibliotheque, data, *commande(data, date_mesure))
    return SansNouvelle(
        duree_s=time.monotonic() - debut,
        deposes=sum(f.is_file() for f in (data / "raw" / "depots").rglob("*")),
        lus=Counter(chemin for _, sens, chemin in vues if sens == "r"),
        ecrits=Counter(chemin for _, sens, chemin in vues if sens == "w"),
        processus=len({pid for pid, _, _ in vues}),
    )


# --- the long campaign -----------------------------------------------------------------------------------------------


def main(arguments: Sequence[str]) -> int:
    """Run the campaign; 0 when nothing went wrong."""
    parseur = argparse.ArgumentParser(prog="chaos.py", add_help=False)
    parseur.add_argument("--aide", action="help", help="affiche cette aide")
    parseur.add_argument("--morts", type=int, default=300, help="nuits tuées (défaut : 300)")
    parseur.add_argument("--prefect-tous-les", type=int, default=10, help="une nuit sur N avec Prefect (défaut : 10)")
    parseur.add_argument("--rangs", type=int, help="pannes essayées (défaut : toutes)")
    parseur.add_argument("--part", default="1/1", help="pannes partagées entre machines : 2/3 fait le deuxième tiers")
    parseur.add_argument("--tours", type=int, default=100, help="paires de nuits lancées ensemble (défaut : 100)")
    parseur.add_argument("--graine", type=int, default=1, help="graine du hasard (défaut : 1)")
    parseur.add_argument(
        "--personnes", type=int, default=4000, help="région de la nuit sans nouvelle (défaut : 4000, celle de make run)"
    )
    parseur.add_argument("--sans-deploiement", action="store_true", help="sans le serveur Prefect")
    options = parseur.parse_args(arguments)
    sys.path[:0] = [str(ICI), str(ICI.parent / "outils"), str(ICI.parents[1])]
    fautes: list[str] = []
    with tempfile.TemporaryDirectory(prefix="duimetre-chaos-") as temporaire:
        travail = Path(temporaire)
        bibliotheque = compiler(travail)
        with nuits(travail, bibliotheque) as n:
            if options.morts:
                morts = tuer(
                    n, travail / "morts", options.morts, options.graine, prefect_tous_les=options.prefect_tous_les
                )
                print(
                    f"{morts.morts} nuits tuées ({morts.trop_tard} finies avant), {morts.nuits} nuits d'après, "
                    f"{morts.lectures} lectures de {morts.versions} versions, {len(morts.fautes)} fautes, "
                    f"{morts.duree_s:.0f} s"
                )
                fautes += morts.fautes
            if bibliotheque is None:
                print("Pas de compilateur C : pannes non essayées.")
            elif options.rangs != 0:
                numero, parts = map(int, options.part.split("/"))
                essais = pannes(n, travail / "pannes", options.rangs, options.graine, (numero, parts))
                print(
                    f"{essais.appels} appels d'une nuit peuvent échouer ; {essais.essais} pannes : {essais.echecs} nuits "
                    f"échouées, {essais.toleres} tolérées, {len(essais.fautes)} fautes"
                )
                fautes += essais.fautes
            if options.tours:
                codes = ensemble(n, travail / "ensemble", options.tours)
                bons = sum(c == (0, 10) for c in codes)
                print(f"{bons} paires sur {len(codes)} : l'une publie, l'autre sort avec 10")
                fautes += [f"codes {c}" for c in codes if c != (0, 10)]
        if bibliotheque is not None and options.personnes:
            from transforms import donnees_fictives  # noqa: PLC0415

            data = travail / "region"
            donnees_fictives.generer(data, donnees_fictives.Demande(personnes=options.personnes))
            subprocess.run(commande(data, "2026-04-01"), check=True, stdout=subprocess.DEVNULL)
            print(sans_nouvelle(data, bibliotheque, "2026-04-01").dire())
        if not options.sans_deploiement:
            print(f"Nuit planifiée, prise par un ouvrier Prefect : {prouver_deploiement(travail / 'deploiement')}")
    for faute in fautes[:50]:
        print(f"FAUTE {faute}")
    return 1 if fautes else 0


if __name__ == "__main__":
    if sys.argv[1:] == ["--lanceur"]:
        lanceur()
    sys.exit(main(sys.argv[1:]))
