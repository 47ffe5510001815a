"""Bits that change in staged files: a campaign that flips one at a time, each followed by a night.

Run `python tests/campagnes/alterations.py`; the suite plays a short one.
"""

from __future__ import annotations

import argparse
import logging
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

JOUR = date(2026, 4, 1)
INSTANT = datetime(2026, 4, 3, 2, tzinfo=UTC)


def region(racine: Path) -> None:
    """Two porteurs, extractions that repeat each other: the night leaves merged files, folds and files of their own."""
    from scenario import ESSMS, deposer, nuit_directe, projets  # noqa: PLC0415

    from flows.staging import compaction  # noqa: PLC0415

    projets(racine, "E1\nE2\nE3 porteur=ght")
    for rang, jour in enumerate(("2026-03-05", "2026-03-15", "2026-03-25", "2026-04-01", "2026-04-02")):
        for porteur, essms in {"asso": ["E1", "E2"], "ght": ["E3"]}.items():
            dossiers = [(ESSMS[e], f"D{i}", i) for e in essms for i in range(6)]
            tables = {
                "dossiers": ("id_dossier;id_personne", [f"{f};{d};P{i}" for f, d, i in dossiers]),
                "sejours": ("id_dossier;date_entree", [f"{f};{d};2026-01-05" for f, d, _ in dossiers]),
                "mises_a_jour": (
                    "id_dossier;horodatage",
                    [f"{f};{d};2026-02-1{i}" for f, d, i in dossiers[: 5 - rang]],
                ),
                "mss": ("horodatage;id_message", [f"{f};2026-02-1{i} 09:00;{d}" for f, d, i in dossiers[rang:]]),
            }
            for table, (colonnes, lignes) in tables.items():
                deposer(racine, f"{table}_{jour}.csv", "\n".join([f"finess_et;{colonnes}", *lignes, ""]), porteur)
        if jour == "2026-04-01":
            with patch.object(compaction, "FICHIERS_MAX", 1):
                nuit_directe(racine, [JOUR], INSTANT)
    nuit_directe(racine, [JOUR], INSTANT + timedelta(minutes=1))


def retourner_un_bit(fichier: Path, hasard: random.Random) -> None:
    """Change one bit, and nothing that a listing shows."""
    from os import utime  # noqa: PLC0415

    vu, octets = fichier.stat(), bytearray(fichier.read_bytes())
    octets[hasard.randrange(len(octets))] ^= 1 << hasard.randrange(8)
    fichier.chmod(0o600)
    with fichier.open("r+b") as flux:
        flux.write(octets)
    fichier.chmod(vu.st_mode)
    utime(fichier, ns=(vu.st_atime_ns, vu.st_mtime_ns))


def campagne(racine: Path, nombre: int, graine: int) -> Iterator[tuple[str, str, list[str]]]:
    """Flip a bit of each staged file in turn; gives the file, what the night said of it, and the tables that differ then."""
    from nuits import publie  # noqa: PLC0415
    from scenario import nuit_directe  # noqa: PLC0415

    from flows.journal import NOM  # noqa: PLC0415
    from flows.staging import compaction  # noqa: PLC0415

    hasard, faits, dits = random.Random(graine), 0, []
    attendu = publie(racine)
    temoin = logging.Handler(logging.WARNING)
    temoin.emit = lambda trace: dits.append(trace.getMessage())  # type: ignore[method-assign]
    logging.getLogger(NOM).addHandler(temoin)
    vus: Counter[str] = Counter()
    try:
        while faits < nombre:
            ranges = sorted(str(f.relative_to(racine)) for f in (racine / "staging").glob("[!.]*/*.parquet"))
            fichier = min(ranges, key=lambda f: (vus[f], hasard.random()))
            vus[fichier] += 1
            faits += 1
            retourner_un_bit(racine / fichier, hasard)
            dits.clear()
            # Merged again as soon as there are two, so that there are always merged files and folds.
            with patch.object(compaction, "FICHIERS_MAX", hasard.choice([1, 8])):
                nuit_directe(racine, [JOUR], INSTANT + timedelta(minutes=1 + faits))
            obtenu = publie(racine)
            yield (
                fichier,
                " ".join(dits),
                [t for t in attendu if t not in obtenu or not attendu[t].equals(obtenu[t])],
            )
    finally:
        logging.getLogger(NOM).removeHandler(temoin)


def main() -> int:
    """Play the campaign; 0 when no night published other figures."""
    parseur = argparse.ArgumentParser(prog="alterations.py")
    parseur.add_argument("--bits", type=int, default=120)
    parseur.add_argument("--graine", type=int, default=1)
    options = parseur.parse_args()
    bilan: Counter[str] = Counter()
    logging.getLogger("duimetre").propagate = False
    with tempfile.TemporaryDirectory(prefix="duimetre-alterations-") as temporaire:
        region(Path(temporaire))
        for fichier, dit, ecarts in campagne(Path(temporaire), options.bits, options.graine):
            genre = next((g for g in ("repli-", "reunis-") if g in fichier), "seul")
            sort = "relu de raw" if "relus" in dit else "repli refait" if "refait" in dit else "non lu"
            bilan[f"{genre} : {sort}" + " ; AUTRES CHIFFRES" * bool(ecarts)] += 1
            if ecarts:
                print(fichier, dit, ecarts, flush=True)
    print("\n".join(f"{n:4d}  {quoi}" for quoi, n in sorted(bilan.items())))
    return 1 if any("AUTRES" in quoi for quoi in bilan) else 0


if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[1] / "outils"), str(Path(__file__).parents[2])]
    sys.exit(main())
