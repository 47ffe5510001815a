"""Files are read in child processes with bounds on memory and time: a hostile one hurts nobody else (issue: guard).

A crafted workbook, archive, bundle or Parquet file may fill the memory, never end, or abort the process that decodes it.
So each file is opened by a child of its own, which hands text back: what comes out of it are names, headers and Arrow
frames. It knows neither the key of the pseudonyms nor the files of other porteurs, and dies with its parent.

The children are forked by a server that has nothing but the readers loaded (a fork takes 5 ms, loading them a second),
since a process with threads cannot be forked safely. The server is this module, run as a program; it is started at the
first file, or before by `preparer`, and ends with the process that started it.
"""

from __future__ import annotations

import atexit
import ctypes
import errno
import gc
import json
import os
import pickle
import resource
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import astuple
from datetime import date
from io import BytesIO
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import polars as pl

from flows.reglages import Bornes
from schemas.erreurs import ErreurDite
from transforms.lecture.lignes_tddui import Avertissement, DebutDeDocument
from transforms.lecture.modele import Feuille, LectureImpossible, Remarque
from transforms.lecture.ouverture import Fichier, Lecture, Piece, membres, piece_illisible, pieces
from transforms.nommage import format_de, lire_nom
from transforms.profils import TableProfil

MEMOIRE_DE_BASE_OCTETS = 320 << 20
MEMOIRE_PAR_OCTET = 8
DUREE_DE_BASE_S = 5
DUREE_PAR_MIO_S = 15
# A child that waits for something that does not come (a lock lost in a fork) uses no time of the processor.
BLOCAGE_PAR_SECONDE = 10

_TRAME_MAX_OCTETS = 1 << 30
_PR_SET_PDEATHSIG = 1
# One thread is enough to make frames of text, and pools that reserve memory in advance would count as used.
_ENVIRONNEMENT = {"POLARS_MAX_THREADS": "1", "ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "1"}


class LecteurEnPanne(ErreurDite):
    """A reader failed otherwise than it may: a fault of the program, told by its type and place."""

    def __init__(self, panne: str) -> None:
        super().__init__(f"Un fichier n'a pas pu être lu : défaut de duimètre à signaler à l'opérateur ({panne}).")


class LectureInterrompue(BaseException):
    """The night ends: what is being read is left as if it had not been begun."""


class _Mort(Exception):
    """The child is gone before it said all."""


def preparer() -> None:
    """Start what reads files, while the caller does something else."""
    _Serveur.courant()


_INTERROMPUES = threading.Event()


@contextmanager
def interruptibles() -> Iterator[None]:
    """Whatever ends this block early (SIGTERM) ends the readings of the other threads too, at their next lot."""
    _INTERROMPUES.clear()
    try:
        yield
    except BaseException as fin:
        if not isinstance(fin, Exception):
            _INTERROMPUES.set()
        raise


def bornes_pour(taille_octets: int, bornes: Bornes) -> Bornes:
    """What reading a file of this size may take: a small one is given little, so that a bomb does not go far."""
    return Bornes(
        min(bornes.memoire_octets, MEMOIRE_DE_BASE_OCTETS + MEMOIRE_PAR_OCTET * taille_octets),
        min(bornes.duree_secondes, DUREE_DE_BASE_S + DUREE_PAR_MIO_S * taille_octets // (1 << 20)),
    )


def lire_pieces(chemin: str, copie: Path, sha256: str, lecture: Lecture, bornes: Bornes) -> Iterator[Piece]:
    """The tables of a deposit named `chemin`, whose content is the file `copie`, each file of it read by its own child.

    Never raises for a fault of the file: a piece carries it, or its `lire` raises `LectureImpossible`, as its lots do
    while they are iterated (LECTURE_TROP_LONGUE when the child passed its bounds or died). A piece is to be read before
    the next one is asked for. Raises `LecteurEnPanne`, and OSError for a trouble of the disk or of the system.
    """
    depot = Fichier(chemin, "", copie, sha256)
    if format_de(chemin) != "zip":
        yield from _pieces(depot, lecture, bornes)
        return
    with _Enfant("membres", depot, lecture, bornes) as enfant:
        try:
            for genre, contenu in enfant.suite():
                if genre == b"P":
                    yield _piece(json.loads(contenu), enfant, lecture)
                else:
                    description = json.loads(contenu)
                    yield from _pieces(Fichier(**description | {"copie": Path(description["copie"])}), lecture, bornes)
        except _Mort:
            yield piece_illisible(depot, LectureImpossible("LECTURE_TROP_LONGUE"))


def _pieces(fichier: Fichier, lecture: Lecture, bornes: Bornes) -> Iterator[Piece]:
    if lecture.profil is None:
        try:
            lire_nom(fichier.chemin)
        except LectureImpossible as erreur:  # nothing to open
            yield piece_illisible(fichier, erreur)
            return
    rendues, perdue = 0, True
    while perdue:  # a child lost while it read a sheet: another one goes on with the next sheet
        with _Enfant("pieces", fichier, lecture, bornes, sauter=rendues) as enfant:
            try:
                for _, contenu in enfant.suite():
                    rendues += 1
                    yield _piece(json.loads(contenu), enfant, lecture)
                perdue = enfant.perdu
            except _Mort:
                yield piece_illisible(fichier, LectureImpossible("LECTURE_TROP_LONGUE"))
                return


def _piece(description: dict[str, Any], enfant: _Enfant, lecture: Lecture) -> Piece:
    erreur, extraction = description["erreur"], description["date_extraction"]
    return Piece(
        **description
        | {
            "erreur": LectureImpossible(*erreur) if erreur else None,
            "date_extraction": date.fromisoformat(extraction) if extraction else None,
            "feuilles_ignorees": tuple(description["feuilles_ignorees"]),
            "avertissements": tuple(Avertissement(*a) for a in description["avertissements"]),
            "documents": tuple(DebutDeDocument(*d) for d in description["documents"]),
            "profil": None if description["profil"] is None else _tables_du_profil(lecture)[description["profil"]],
        },
        lire=None if erreur else enfant.feuille,
    )


def _tables_du_profil(lecture: Lecture) -> list[TableProfil]:
    return [table for fichier in lecture.profil.fichiers for table in fichier.tables] if lecture.profil else []


class _Lien:
    """Frames (one letter, then bytes) over a socket; EOFError when the other end is gone."""

    def __init__(self, prise: socket.socket) -> None:
        self._bout = Connection(prise.detach())
        self.fermer = self._bout.close

    def envoyer(self, genre: bytes, contenu: bytes | memoryview = b"") -> None:
        try:
            self._bout.send_bytes(genre)
            self._bout.send_bytes(contenu)
        except (BrokenPipeError, ConnectionResetError) as erreur:
            raise EOFError from erreur

    def recevoir(self) -> tuple[bytes, bytes]:
        # Bytes, never objects: nothing that a child sends is unpickled.
        try:
            return self._bout.recv_bytes(1), self._bout.recv_bytes(_TRAME_MAX_OCTETS)
        except OSError as erreur:  # reset, or longer than it may be
            raise EOFError from erreur


class _Enfant:
    """A child at work on one file, seen from the parent."""

    def __init__(self, tache: str, fichier: Fichier, lecture: Lecture, bornes: Bornes, *, sauter: int = 0) -> None:
        self.perdu = False
        self._serveur = _Serveur.courant()
        self._lien = self._serveur.enfant()
        a_lui = bornes_pour(fichier.copie.stat().st_size, bornes)
        try:
            # Pickled towards the child only: what comes back is never more than text and frames.
            self._lien.envoyer(b"D", pickle.dumps((tache, sauter, fichier, lecture, a_lui)))
            self._lien.recevoir()
        except EOFError as erreur:
            self._lien.fermer()
            self._serveur.oublier()
            raise OSError(errno.ECHILD, "no child to read files") from erreur

    def __enter__(self) -> _Enfant:
        return self

    def __exit__(self, *_: object) -> None:
        self._lien.fermer()

    def suite(self) -> Iterator[tuple[bytes, bytes]]:
        """What the child has, one after the other; stops early when it is lost. Raises `_Mort` when it dies in between."""
        while not self.perdu:
            genre, contenu = self._recevoir()
            if genre == b".":
                return
            yield genre, contenu
            if not self.perdu:
                self._demander(b"S")

    def feuille(self) -> Feuille:
        """The table that the child stands at."""
        try:
            self._demander(b"L")
            _, contenu = self._recevoir()
        except _Mort as erreur:
            raise self._perte() from erreur
        nom, entetes, ligne_entete, noms = json.loads(contenu)
        remarques: list[Remarque] = []
        return Feuille(nom, tuple(entetes), self._lots(remarques), ligne_entete, remarques, noms)

    def _lots(self, remarques: list[Remarque]) -> Iterator[pl.DataFrame]:
        while True:
            try:
                self._demander(b"L")
                genre, contenu = self._recevoir()
            except _Mort as erreur:
                raise self._perte() from erreur
            if genre == b".":
                remarques.extend(Remarque(*r) for r in json.loads(contenu))
                return
            yield pl.read_ipc_stream(BytesIO(contenu))

    def _demander(self, genre: bytes) -> None:
        # A child that is gone is noticed by what it does not answer.
        with suppress(EOFError):
            self._lien.envoyer(genre)

    def _recevoir(self) -> tuple[bytes, bytes]:
        if _INTERROMPUES.is_set():
            raise LectureInterrompue
        try:
            genre, contenu = self._lien.recevoir()
        except EOFError as erreur:
            if self._serveur.est_mort():
                raise OSError(errno.ECHILD, "the server of the readers died") from erreur
            raise _Mort from erreur
        if genre == b"E":
            raise LectureImpossible(*json.loads(contenu))
        if genre == b"O":
            raise OSError(json.loads(contenu), os.strerror(json.loads(contenu)))
        if genre == b"X":
            raise LecteurEnPanne(contenu.decode())
        return genre, contenu

    def _perte(self) -> LectureImpossible:
        self.perdu = True
        return LectureImpossible("LECTURE_TROP_LONGUE")


class _Serveur:
    """The process that forks the children, seen from its parent."""

    _creation: ClassVar[threading.Lock] = threading.Lock()
    _courant: ClassVar[_Serveur | None] = None

    def __init__(self) -> None:
        self._controle, autre = socket.socketpair()
        environnement = {k: v for k, v in os.environ.items() if k != "DUIMETRE_CLE"} | _ENVIRONNEMENT
        with autre:
            self._processus = subprocess.Popen(
                [sys.executable, "-P", "-m", "flows.reception.isolement", str(autre.fileno())],
                stdin=subprocess.DEVNULL,
                # What native code prints when it aborts may hold values of the file.
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[autre.fileno()],
                env=environnement,
            )
        atexit.register(self._finir)

    def enfant(self) -> _Lien:
        """A new child, ready to be told what to read."""
        ici, la = socket.socketpair()
        with la:
            try:
                socket.send_fds(self._controle, [b"F"], [la.fileno()])
            except OSError:
                ici.close()
                self.oublier()
                raise
        return _Lien(ici)

    def est_mort(self) -> bool:
        return self._processus.poll() is not None

    def oublier(self) -> None:
        """Let the next file have a new server."""
        with _Serveur._creation:
            if _Serveur._courant is self:
                _Serveur._courant = None

    @classmethod
    def courant(cls) -> _Serveur:
        """The one of this process, started when there is none."""
        with cls._creation:
            if cls._courant is None:
                cls._courant = cls()
            return cls._courant

    def _finir(self) -> None:
        self._controle.close()
        self._processus.wait()


# ---- in the server and in its children


def _servir(descripteur: int) -> None:
    """Fork a child for each socket received, until the parent is gone."""
    for ignore in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(ignore, signal.SIG_IGN)  # the end of the parent is the only end
    gc.collect()
    gc.freeze()
    controle = socket.socket(fileno=descripteur)
    while True:
        _, recus, _, _ = socket.recv_fds(controle, 1, 1)
        if not recus:
            return
        with suppress(OSError):  # no more processes: the parent sees the socket closed
            if os.fork() == 0:
                controle.close()
                _travailler(_Lien(socket.socket(fileno=recus[0])))
        os.close(recus[0])


def _travailler(lien: _Lien) -> NoReturn:
    """The life of a child."""
    code = 1
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        _, contenu = lien.recevoir()
        tache, sauter, fichier, lecture, bornes = pickle.loads(contenu)
        travail = _Travail(lien, lecture, bornes)
        lien.envoyer(b"P")
        if tache == "membres":
            travail.rendre(membres(fichier, lecture))
        else:
            travail.rendre(islice(pieces(fichier, lecture), sauter, None))
        code = 0
    except MemoryError:
        pass
    except OSError as erreur:
        with suppress(EOFError):
            lien.envoyer(b"O", str(erreur.errno or errno.EIO).encode())
    except EOFError:  # the parent has what it wanted, or is gone
        code = 0
    except Exception as erreur:
        trace = erreur.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        lieu = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "?"
        with suppress(EOFError):
            lien.envoyer(b"X", f"{type(erreur).__name__} ({lieu})".encode())
    finally:
        os._exit(code)


class _Travail:
    """What a child gives, step by step; it is idle and off the clock while the parent does not ask."""

    def __init__(self, lien: _Lien, lecture: Lecture, bornes: Bornes) -> None:
        self._lien = lien
        self._profil = _tables_du_profil(lecture)
        self._blocage_s = bornes.duree_secondes * BLOCAGE_PAR_SECONDE
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        deja = pages * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core would hold the file
        resource.setrlimit(resource.RLIMIT_AS, (deja + bornes.memoire_octets,) * 2)
        resource.setrlimit(resource.RLIMIT_CPU, (bornes.duree_secondes,) * 2)

    def rendre(self, elements: Iterator[Fichier | Piece]) -> None:
        """Tell the members of an archive, or the tables of a file and, when asked, their rows."""
        while (element := self._prochain(elements)) is not None:
            if isinstance(element, Fichier):
                self._lien.envoyer(b"F", _json(vars(element) | {"copie": str(element.copie)}))
            else:
                self._lien.envoyer(b"P", _json(self._description(element)))
            genre, _ = self._lien.recevoir()
            if genre == b"L" and isinstance(element, Piece):
                self._lire(element)
        self._lien.envoyer(b".")

    def _lire(self, piece: Piece) -> None:
        """Hand the table over, one lot ahead of the parent, until it asks for something else."""
        demande = b"L"
        for genre, contenu in self._trames(piece):
            if demande != b"L":
                return
            self._lien.envoyer(genre, contenu)
            demande, _ = self._lien.recevoir()

    def _trames(self, piece: Piece) -> Iterator[tuple[bytes, bytes | memoryview]]:
        """The headers, each lot, then the end or the reason why it stops there."""
        assert piece.lire is not None  # the parent asks only for what can be read
        try:
            with self._a_temps():
                feuille = piece.lire()
            yield b"F", _json([feuille.nom, feuille.entetes, feuille.ligne_entete, dict(feuille.noms)])
            while (lot := self._prochain(feuille.lots)) is not None:
                contenu = BytesIO()
                lot.write_ipc_stream(contenu)
                yield b"L", contenu.getbuffer()
            yield b".", _json([astuple(r) for r in feuille.remarques])
        except LectureImpossible as erreur:
            yield b"E", _json([erreur.code, erreur.detail, erreur.ligne])

    def _description(self, piece: Piece) -> dict[str, object]:
        erreur, extraction, profil = piece.erreur, piece.date_extraction, piece.profil
        return {nom: valeur for nom, valeur in vars(piece).items() if nom != "lire"} | {
            "erreur": [erreur.code, erreur.detail, erreur.ligne] if erreur else None,
            "date_extraction": extraction.isoformat() if extraction else None,
            "profil": None if profil is None else self._profil.index(profil),
        }

    def _prochain(self, elements: Iterator[Any]) -> Any:
        with self._a_temps():
            return next(elements, None)

    @contextmanager
    def _a_temps(self) -> Iterator[None]:
        signal.setitimer(signal.ITIMER_REAL, self._blocage_s)
        yield
        signal.setitimer(signal.ITIMER_REAL, 0)


def _json(valeur: object) -> bytes:
    return json.dumps(valeur).encode()


if __name__ == "__main__":
    _servir(int(sys.argv[1]))
