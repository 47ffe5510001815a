"""A year of nights: twenty porteurs drop files every day, and a night must not cost more because time has passed.

`make chaos` ends with the whole year (`python tests/campagnes/annee.py --aide`). Most nights are those of the command
line without Prefect's engine, in this process: its constant cost would only flatter the ratio. A few, beside those that
are compared,
are whole ones, in a process of their own, since people wait for these.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

DEBUT = date(2025, 1, 1)
# What editors send every day, and once a week (each porteur its own day of the week).
QUOTIDIENNES = ("dossiers", "sejours", "mises_a_jour", "mss")
HEBDOMADAIRES = ("projets", "agenda", "dmp")
DOSSIERS_PAR_ESSMS = 25
ESSMS_PAR_PORTEUR = 3
# Some editors export the last week every day, others the last three months: facts that come again and again.
GLISSANT_JOURS = 90
# The last nights against those around this one, at most so many times.
REFERENCE = 30
RAPPORT_MAX = 1.3
ECART = 4
# A night as the command runs it, but for the day it believes to be.
_AVEC_MOTEUR = """
import sys
from datetime import date, datetime
from pathlib import Path
from flows import reglages
from flows.serveur_prefect import demarrer
lus = reglages.lire_reglages(Path(sys.argv[1]))
serveur = demarrer(lus.staging / "prefect")
from prefect import flow
from flows import nuit, orchestration
from flows.reception import isolement
isolement.preparer()
assert serveur.pret()
@flow
def nuit_d_un_jour():
    jour, instant = date.fromisoformat(sys.argv[2]), datetime.fromisoformat(sys.argv[3])
    nuit.executer(lus, [jour], instant, executant=orchestration.Taches())
nuit_d_un_jour()
"""


@dataclass(frozen=True)
class Porteur:
    """A porteur that drops files every day; `glissant`: its exports of facts go back three months."""

    nom: str
    essms: tuple[str, ...]
    glissant: bool


@dataclass(frozen=True)
class Cout:
    """What one night cost. `octets`: disk taken by staging, curated and retours once it is over, each file once, if asked.

    `moteur`: with Prefect, from the start of the process to its end.
    """

    nuit: int
    moteur: bool
    secondes: float
    cpu_s: float
    fichiers_staging: int
    octets: dict[str, int]


def porteurs(nombre: int) -> list[Porteur]:
    """Invented porteurs with ESSMS of their own."""
    from scenario import finess  # noqa: PLC0415

    return [
        Porteur(
            f"porteur{p:02d}",
            tuple(finess(f"{1 + p % 20:02d}{p:03d}{e:03d}") for e in range(ESSMS_PAR_PORTEUR)),
            glissant=p % 2 == 1,
        )
        for p in range(nombre)
    ]


def monde(data: Path, tous: Sequence[Porteur]) -> None:
    """The register of the agency."""
    from scenario import ecrire  # noqa: PLC0415

    lignes = [f"{p.nom};Association {p.nom};{e}\n" for p in tous for e in p.essms]
    ecrire(data / "raw" / "referentiels" / "projets.csv", "porteur;nom;finess_et\n" + "".join(lignes))


def deposer_jour(data: Path, porteur: Porteur, jour: date) -> None:
    """The files of one porteur on the morning of `jour`, about the days before it."""
    tables = {
        "dossiers": "finess_et;id_dossier;id_personne;date_creation;date_derniere_maj;eligible_projet",
        "sejours": "finess_et;id_dossier;date_entree;date_sortie",
        "projets": "finess_et;id_dossier;id_projet;statut;date_debut;date_fin",
        "mises_a_jour": "finess_et;id_dossier;horodatage",
        "agenda": "finess_et;id_dossier;id_evenement;debut;statut",
        "mss": "finess_et;horodatage;id_message",
        "dmp": "finess_et;horodatage;id_dossier;id_document",
    }
    lignes: dict[str, list[str]] = {table: [] for table in tables}
    for essms in porteur.essms:
        for numero in range(DOSSIERS_PAR_ESSMS):
            dossier = f"D{numero:03d}"
            lignes["dossiers"].append(
                f"{essms};{dossier};P{numero:03d};2024-01-15;{_derniere_maj(essms, numero, jour)};oui"
            )
            lignes["sejours"].append(f"{essms};{dossier};2024-02-01;{_sortie(numero, jour)}")
            lignes["projets"].append(f"{essms};{dossier};J{numero:03d};actif;2024-03-01;")
        for passe in range(1, GLISSANT_JOURS + 1 if porteur.glissant else 8):
            veille = jour - timedelta(days=passe)
            for numero in _touches(essms, veille):
                heure = f"{veille} {8 + numero % 10:02d}:{numero % 60:02d}"
                dossier = f"D{numero:03d}"
                lignes["mises_a_jour"].append(f"{essms};{dossier};{heure}")
                lignes["agenda"].append(f"{essms};{dossier};E{veille:%y%m%d}{numero};{heure};realise")
                lignes["mss"].append(f"{essms};{heure};M{veille:%y%m%d}{numero}")
                lignes["dmp"].append(f"{essms};{heure};{dossier};T{veille:%y%m%d}{numero}")
    dossier_depots = data / "raw" / "depots" / porteur.nom
    dossier_depots.mkdir(parents=True, exist_ok=True)
    instant = datetime.combine(jour, datetime.min.time(), UTC).timestamp()
    de_la_semaine = sum(map(ord, porteur.nom)) % 7 == jour.toordinal() % 7
    for table in QUOTIDIENNES + HEBDOMADAIRES * de_la_semaine:
        fichier = dossier_depots / f"{table}_{jour}.csv"
        fichier.write_text("\n".join([tables[table], *lignes[table], ""]), encoding="utf-8")
        os.utime(fichier, (instant, instant))


def _touches(essms: str, jour: date) -> Iterator[int]:
    """The dossiers that somebody worked on that day."""
    hasard = random.Random(f"{essms} {jour}")
    return (n for n in range(DOSSIERS_PAR_ESSMS) if hasard.random() < 0.25)


def _derniere_maj(essms: str, numero: int, jour: date) -> date:
    hasard = random.Random(f"{essms} {numero} {jour.toordinal() // 7}")
    return jour - timedelta(days=1 + hasard.randrange(6) + jour.toordinal() % 7)


def _sortie(numero: int, jour: date) -> str:
    sortie = DEBUT + timedelta(days=40 * numero)
    return sortie.isoformat() if numero % 5 == 4 and sortie < jour else ""


def jouer(
    data: Path, nuits: int, nombre: int = 20, moteur: Collection[int] = (), pesees: Collection[int] = ()
) -> Iterator[Cout]:
    """Drop the files of each day and run its night; gives what each cost.

    `moteur`: the nights with Prefect's engine. `pesees`: those after which the disk is measured.
    """
    from scenario import nuit_directe  # noqa: PLC0415

    tous = porteurs(nombre)
    monde(data, tous)
    for numero in range(1, nuits + 1):
        jour = DEBUT + timedelta(days=numero)
        for porteur in tous:
            deposer_jour(data, porteur, jour)
        instant = datetime.combine(jour, datetime.min.time(), UTC) + timedelta(hours=3)
        debut, cpu = time.monotonic(), _cpu()
        if numero in moteur:
            _nuit_avec_moteur(data, jour, instant)
        else:
            nuit_directe(data, [jour], instant)
        duree_s, cpu_s = time.monotonic() - debut, _cpu() - cpu
        _vieillir(data, jour)
        yield Cout(
            numero,
            numero in moteur,
            duree_s,
            cpu_s,
            sum(1 for _ in (data / "staging").rglob("*.parquet")),
            {racine: _octets(data / racine) for racine in ("staging", "curated", "retours")}
            if numero in pesees
            else {},
        )


def _nuit_avec_moteur(data: Path, jour: date, instant: datetime) -> None:
    subprocess.run(
        [sys.executable, "-c", _AVEC_MOTEUR, str(data), jour.isoformat(), instant.isoformat()],
        check=True,
        cwd=Path(__file__).parents[2],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _vieillir(data: Path, jour: date) -> None:
    """Give the versions the time they would have had: retention looks at it, and this year lasts an hour."""
    instant = datetime.combine(jour, datetime.min.time(), UTC).timestamp()
    for version in sorted((data / "curated" / "versions").iterdir())[-2:]:
        os.utime(version, (instant, instant))


def _cpu() -> float:
    moi = os.times()
    return moi.user + moi.system + moi.children_user + moi.children_system


def _octets(racine: Path) -> int:
    vus = {(s.st_dev, s.st_ino): s.st_blocks * 512 for s in (os.lstat(f) for f in racine.rglob("*"))}
    return sum(vus.values())


def comparees(derniere: int) -> tuple[list[range], list[range]]:
    """The nights that are compared, around night 30 and at the end of `derniere` nights, and as many beside them for Prefect."""
    fin = derniere - ECART
    sans = [range(milieu - ECART, milieu + ECART + 1) for milieu in (REFERENCE, fin)]
    avec = [range(milieu - ECART, milieu + ECART + 1) for milieu in (REFERENCE + 2 * ECART + 1, fin - 2 * ECART - 1)]
    return sans, avec


def mediane(couts: Sequence[Cout], nuits: Collection[int]) -> tuple[float, float]:
    """Median seconds and CPU seconds of these nights: a month has heavier nights than others."""
    vues = [c for c in couts if c.nuit in nuits]
    return statistics.median(c.secondes for c in vues), statistics.median(c.cpu_s for c in vues)


def main(arguments: Sequence[str]) -> int:
    """Play the year; 0 when the last nights take at most `RAPPORT_MAX` times as long as those around night 30."""
    parseur = argparse.ArgumentParser(prog="annee.py", add_help=False)
    parseur.add_argument("--aide", action="help", help="affiche cette aide")
    parseur.add_argument("--nuits", type=int, default=365, help="nuits jouées, plus de 70 (défaut : 365)")
    parseur.add_argument("--porteurs", type=int, default=20, help="porteurs (défaut : 20)")
    options = parseur.parse_args(arguments)
    sans, avec = comparees(options.nuits)
    couts: list[Cout] = []
    with tempfile.TemporaryDirectory(prefix="duimetre-annee-") as temporaire:
        annee = jouer(
            Path(temporaire), options.nuits, options.porteurs, [*avec[0], *avec[1]], {REFERENCE, options.nuits}
        )
        for cout in annee:
            couts.append(cout)
            print(
                f"nuit {cout.nuit} : {cout.secondes:.2f} s ({cout.cpu_s:.2f} s de processeur"
                f"{', Prefect compris' if cout.moteur else ''}), {cout.fichiers_staging} fichiers dans staging"
                + "".join(f", {r} {o / 2**20:.1f} Mio" for r, o in cout.octets.items()),
                flush=True,
            )
    for quoi, (avant, apres) in (("sans Prefect", sans), ("Prefect compris", avec)):
        (s30, p30), (s_fin, p_fin) = mediane(couts, avant), mediane(couts, apres)
        print(
            f"Nuits {avant[0]} à {avant[-1]}, {quoi} : {s30:.2f} s ({p30:.2f} s de processeur) ; {apres[0]} à "
            f"{apres[-1]} : {s_fin:.2f} s ({p_fin:.2f} s), soit {s_fin / s30:.2f} fois ({p_fin / p30:.2f})"
        )
    trente, derniere = couts[REFERENCE - 1], couts[-1]
    ecart = derniere.nuit - trente.nuit
    print(
        "Disque par nuit : "
        + ", ".join(f"{r} {(o - trente.octets[r]) / ecart / 2**20:.2f} Mio" for r, o in derniere.octets.items())
    )
    rapport = mediane(couts, sans[1])[0] / mediane(couts, sans[0])[0]
    print(f"Sans Prefect, {rapport:.2f} fois : {RAPPORT_MAX} au plus")
    return 1 if rapport > RAPPORT_MAX else 0


if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[1] / "outils"), str(Path(__file__).parents[2])]
    sys.exit(main(sys.argv[1:]))
