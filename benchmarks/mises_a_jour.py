"""A million updates in one CSV: peak memory and time of reception and measure, against a mere copy (`make bench`).

The yardstick is DuckDB copying the same CSV, all text, to parquet: what it costs to read the bytes and write them down.
Times are of one run on the machine at hand, so only the ratio says something. Memory is the peak of the largest process
of the tree (readers run in processes of their own); the limit is 1.5 GB.
"""

from __future__ import annotations

import argparse
import random
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb

from flows import mesure
from flows.reception import inventaire, reception, registres_ars
from flows.reglages import Reglages, cle_des_pseudonymes
from flows.staging.registre import RegistreDepots
from transforms.finess import cle_luhn_valide

D = date(2026, 4, 1)
ESSMS, DOSSIERS = 50, 20_000
MEMOIRE_MAX_OCTETS = 1_500_000_000


def ecrire(racine: Path, lignes: int) -> Path:
    """A project of 50 ESSMS and 20 000 dossiers with `lignes` updates over six months; gives the file of updates."""
    hasard = random.Random(1)
    debuts = [f"9704{n:04d}" for n in range(1, ESSMS + 1)]
    numeros = [next(d + c for c in "0123456789" if cle_luhn_valide(d + c)) for d in debuts]
    dossiers = [(hasard.choice(numeros), f"DOS-{n:06d}") for n in range(DOSSIERS)]
    depots = racine / "raw" / "depots" / "asso"
    referentiels_ = racine / "raw" / "referentiels"
    depots.mkdir(parents=True)
    referentiels_.mkdir()
    (referentiels_ / "projets.csv").write_text(
        "porteur;nom;finess_et\n" + "".join(f"asso;Association;{n}\n" for n in numeros), encoding="utf-8"
    )
    (depots / "dossiers_2026-04-02.csv").write_text(
        "finess_et;id_dossier;id_personne\n" + "".join(f"{f};{d};P{d}\n" for f, d in dossiers), encoding="utf-8"
    )
    (depots / "sejours_2026-04-02.csv").write_text(
        "finess_et;id_dossier;date_entree\n" + "".join(f"{f};{d};2025-01-01\n" for f, d in dossiers), encoding="utf-8"
    )
    fichier = depots / "mises_a_jour_2026-04-02.csv"
    origine = datetime(2025, 10, 1)
    with fichier.open("w", encoding="utf-8") as flux:
        flux.write("finess_et;id_dossier;horodatage\n")
        for _ in range(lignes):
            finess, dossier = hasard.choice(dossiers)
            flux.write(
                f"{finess};{dossier};{origine + timedelta(minutes=hasard.randrange(180 * 1440)):%Y-%m-%d %H:%M:%S}\n"
            )
    return fichier


def copier(fichier: Path) -> float:
    """Seconds that DuckDB takes to copy the CSV, all text, to parquet."""
    debut = time.perf_counter()
    with duckdb.connect(config={"threads": 2}) as base:
        base.execute(
            "COPY (FROM read_csv($1, all_varchar = true, delim = ';', header = true)) TO $2 (FORMAT parquet, COMPRESSION zstd)",
            [str(fichier), str(fichier.parents[3] / "copie.parquet")],
        )
    return time.perf_counter() - debut


def recevoir_et_mesurer(racine: Path) -> tuple[float, float]:
    """Seconds of the reception of the updates, and of the measure, as the night does them."""
    reglages = Reglages(racine, DUIMETRE_CLE="0" * 64)
    registres = registres_ars.lire_registres(reglages)
    duree_s = {}
    with RegistreDepots(reglages.registre) as registre:
        for depose in inventaire.parcourir(reglages.depots):
            debut = time.perf_counter()
            reception.recevoir(
                depose,
                registres.dossier(depose.porteur),
                reglages=reglages,
                registre=registre,
                cle=cle_des_pseudonymes(reglages),
                maintenant=datetime.now(UTC),
            )
            duree_s[depose.chemin] = time.perf_counter() - debut
        entrees = mesure.entrees(reglages, {D: registres.inscrits(D)}, registre.depots(), registre.bilans(date.min))
    debut = time.perf_counter()
    for seaux in mesure.tranches(entrees, date.min):
        mesure.mesurer_dates(entrees, seaux, None)
    return duree_s["mises_a_jour_2026-04-02.csv"], time.perf_counter() - debut


def main() -> int:
    """Print the figures; 1 when the memory limit is passed."""
    parseur = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parseur.add_argument("--lignes", type=int, default=1_000_000)
    parseur.add_argument("--racine", type=Path, help=argparse.SUPPRESS)  # the measured process
    options = parseur.parse_args()
    if options.racine is None:
        with tempfile.TemporaryDirectory() as dossier:
            ecrire(Path(dossier), options.lignes)
            commande = [sys.executable, __file__, "--racine", dossier, "--lignes", str(options.lignes)]
            return subprocess.run(commande, check=False).returncode
    fichier = options.racine / "raw" / "depots" / "asso" / "mises_a_jour_2026-04-02.csv"
    reception_s, mesure_s = recevoir_et_mesurer(options.racine)
    memoire = 1024 * max(resource.getrusage(qui).ru_maxrss for qui in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    copie_s = copier(fichier)
    print(f"{options.lignes} lignes, {fichier.stat().st_size / 1e6:.0f} Mo")
    print(f"copie par DuckDB     {copie_s:6.2f} s")
    print(f"réception            {reception_s:6.2f} s   {reception_s / copie_s:5.1f} × la copie")
    print(f"mesure               {mesure_s:6.2f} s   {mesure_s / copie_s:5.1f} × la copie")
    print(f"mémoire au plus haut {memoire / 1e9:6.2f} Go  (limite {MEMOIRE_MAX_OCTETS / 1e9:.1f})")
    return int(memoire > MEMOIRE_MAX_OCTETS)


if __name__ == "__main__":
    sys.exit(main())
