"""A TDDUI 1.1 archive of many documents: memory and time of the processes that read it (`tests/surete/test_documents_cda.py`
plays a short version).

    python tests/campagnes/archive_cda.py --documents 5000 --octets 100000
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from threading import Event, Thread

sys.path.insert(0, str(Path(__file__).parents[1] / "outils"))

from documents_cda import Evenement, Sejour, document, maj

from flows.reception.isolement import lire_pieces
from flows.reglages import Bornes
from transforms.lecture.archive import Limites
from transforms.lecture.ouverture import Lecture

FOYER = "970400024"
MEMOIRE_MAX_KIO = 512 << 10


@dataclass
class Bilan:
    """What reading the archive gave and took; `memoire_kio`: peak of the resident set of one reading process."""

    lignes: dict[str, int] = field(default_factory=dict)
    refus: list[str] = field(default_factory=list)
    memoire_kio: int = 0
    duree_s: float = 0.0


def ecrire_archive(chemin: Path, documents: int, octets: int, *, serres: bool = False) -> int:
    """An archive of `documents` documents of about `octets` bytes each; the bytes that it unpacks to.

    A document holds one séjour and events with an update each; narratives make up the size unless `serres`: then events do.
    """
    usager = f"3{FOYER}/00001"
    evenements = max(1, octets // 2000) if serres else 10
    corps = [Sejour(f"{usager}-SEJOUR-1", FOYER)]
    corps += [Evenement(f"{usager}-EVN-{n}", autres=maj("20260311090000+0100")) for n in range(evenements)]
    vide = len(document(*corps))
    modele = document(
        *corps, narration="".join(f"<p>Récit {n} de la séance.</p>" for n in range(max(0, octets - vide) // 36))
    )
    total = 0
    with zipfile.ZipFile(chemin, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for rang in range(documents):
            contenu = modele.replace(b"/00001-", b"/%05d-" % rang).replace(b"147720425367411", b"1477204%08d" % rang)
            archive.writestr(f"usager {rang}.xml", contenu)
            total += len(contenu)
    return total


def _descendants(pid: int) -> Iterator[int]:
    for tache in Path(f"/proc/{pid}/task").glob("*/children"):
        for enfant in tache.read_text(encoding="ascii").split():
            yield int(enfant)
            yield from _descendants(int(enfant))


@contextmanager
def _observer(bilan: Bilan) -> Iterator[None]:
    fini = Event()

    def observer() -> None:
        while not fini.wait(0.02):
            for pid in _descendants(os.getpid()):
                try:
                    texte = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
                except OSError:
                    continue
                pic = next((int(x.split()[1]) for x in texte.splitlines() if x.startswith("VmHWM")), 0)
                bilan.memoire_kio = max(bilan.memoire_kio, pic)

    observateur = Thread(target=observer)
    observateur.start()
    try:
        yield
    finally:
        fini.set()
        observateur.join()


def lire(archive: Path, dossier: Path) -> Bilan:
    """Read an archive as the reception does: in a child of its own, with its bounds."""
    bilan = Bilan()
    debut = time.perf_counter()
    with _observer(bilan):
        lecture = Lecture(Limites(), dossier, {})
        for piece in lire_pieces(f"tddui_{date(2026, 4, 1)}.zip", archive, "0" * 64, lecture, Bornes()):
            if piece.lire is None:
                bilan.refus.append(piece.erreur.code if piece.erreur else "")
            else:
                bilan.lignes[piece.table] = sum(lot.height for lot in piece.lire().lots)
    bilan.duree_s = time.perf_counter() - debut
    return bilan


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--documents", type=int, default=5_000)
    options.add_argument("--octets", type=int, default=100_000)
    options.add_argument("--serres", action="store_true", help="nothing but events, no narrative")
    choix = options.parse_args()
    with tempfile.TemporaryDirectory() as prive:
        archive = Path(prive) / "archive.zip"
        total = ecrire_archive(archive, choix.documents, choix.octets, serres=choix.serres)
        (Path(prive) / "travail").mkdir()
        bilan = lire(archive, Path(prive) / "travail")
        print(
            f"{total / 1e6:.0f} Mo décompressés, {archive.stat().st_size / 1e6:.1f} Mo reçus, {choix.documents} documents"
        )
    print(f"lignes {bilan.lignes}, refus {len(bilan.refus)} {sorted(set(bilan.refus))}")
    print(f"mémoire {bilan.memoire_kio >> 10} Mio (512 au plus), {bilan.duree_s:.1f} s")
    return int(bilan.memoire_kio > MEMOIRE_MAX_KIO or bilan.lignes.get("dossiers") != choix.documents)


if __name__ == "__main__":
    sys.exit(main())
