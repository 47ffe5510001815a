"""A year of nights: twenty porteurs drop files every day, and a night must not cost more because time has passed.

`make annee` plays the whole year (`python tests/annee.py --aide`). The nights are those of the command line without
Prefect's engine, whose constant cost would only flatter the ratio.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
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


@dataclass(frozen=True)
class Porteur:
    """A porteur that drops files every day; `glissant`: its exports of facts go back three months."""

    nom: str
    essms: tuple[str, ...]
    glissant: bool


@dataclass(frozen=True)
class Cout:
    """What one night cost. `octets`: disk taken by staging, curated and retours once it is over, each file once."""

    nuit: int
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


def jouer(data: Path, nuits: int, nombre: int = 20) -> Iterator[Cout]:
    """Drop the files of each day and run its night; gives what each cost."""
    from scenario import nuit_directe  # noqa: PLC0415

    tous = porteurs(nombre)
    monde(data, tous)
    for numero in range(1, nuits + 1):
        jour = DEBUT + timedelta(days=numero)
        for porteur in tous:
            deposer_jour(data, porteur, jour)
        debut, cpu = time.monotonic(), _cpu()
        nuit_directe(data, [jour], datetime.combine(jour, datetime.min.time(), UTC) + timedelta(hours=3))
        duree_s, cpu_s = time.monotonic() - debut, _cpu() - cpu
        _vieillir(data, jour)
        yield Cout(
            numero,
            duree_s,
            cpu_s,
            sum(1 for _ in (data / "staging").rglob("*.parquet")),
            {racine: _octets(data / racine) for racine in ("staging", "curated", "retours")},
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


def medianes(couts: Sequence[Cout], autour_de: int, ecart: int = 4) -> tuple[float, float]:
    """Median seconds and CPU seconds of the nights around one: a month has heavier nights than others."""
    voisines = [c for c in couts if abs(c.nuit - autour_de) <= ecart]
    return statistics.median(c.secondes for c in voisines), statistics.median(c.cpu_s for c in voisines)


def main(arguments: Sequence[str]) -> int:
    """Play the year; 0 when the last nights cost at most `RAPPORT_MAX` times those around night 30."""
    parseur = argparse.ArgumentParser(prog="annee.py", add_help=False)
    parseur.add_argument("--aide", action="help", help="affiche cette aide")
    parseur.add_argument("--nuits", type=int, default=365, help="nuits jouées, plus de 40 (défaut : 365)")
    parseur.add_argument("--porteurs", type=int, default=20, help="porteurs (défaut : 20)")
    options = parseur.parse_args(arguments)
    couts: list[Cout] = []
    with tempfile.TemporaryDirectory(prefix="duimetre-annee-") as temporaire:
        for cout in jouer(Path(temporaire), options.nuits, options.porteurs):
            couts.append(cout)
            print(
                f"nuit {cout.nuit} : {cout.secondes:.2f} s ({cout.cpu_s:.2f} s de processeur), "
                f"{cout.fichiers_staging} fichiers dans staging, "
                + ", ".join(f"{r} {o / 2**20:.1f} Mio" for r, o in cout.octets.items()),
                flush=True,
            )
    trente, derniere = couts[REFERENCE - 1], couts[-1]
    (s30, p30), (s_fin, p_fin) = medianes(couts, REFERENCE), medianes(couts, derniere.nuit)
    ecart = derniere.nuit - trente.nuit
    print(
        f"Nuits autour de la {REFERENCE}e : {s30:.2f} s ({p30:.2f} s de processeur) ; dernières : {s_fin:.2f} s "
        f"({p_fin:.2f} s) : {s_fin / s30:.2f} fois ({p_fin / p30:.2f} fois en processeur, {RAPPORT_MAX} au plus)"
    )
    print(
        "Disque par nuit : "
        + ", ".join(f"{r} {(o - trente.octets[r]) / ecart / 2**20:.2f} Mio" for r, o in derniere.octets.items())
    )
    return 1 if p_fin / p30 > RAPPORT_MAX else 0


if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]
    sys.exit(main(sys.argv[1:]))
