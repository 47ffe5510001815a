"""From the drop folders to staging: guard, copy, read, validate, pseudonymise, write down (specification §4, §5, §8)."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl

from flows.registre import Apercu, FicheExamen, Reception, Registre, Unite
from flows.reglages import Reglages
from schemas.constats import catalogue
from transforms.lecture.archive import BLOC_OCTETS
from transforms.lecture.modele import LectureImpossible
from transforms.lecture.ouverture import Lecture, Piece, pieces
from transforms.nommage import en_cours_d_ecriture
from transforms.validation import BILAN, EXAMEN_VERSION, Contexte, Examen, constat_de_fichier, examiner

# A file touched this recently may still be growing: it is looked at twice.
FRAICHEUR_SECONDES = 2.0
_TYPES = {
    stat.S_ISLNK: "C'est un lien vers un autre fichier.",
    stat.S_ISFIFO: "C'est un tube nommé.",
    stat.S_ISSOCK: "C'est une prise réseau.",
    stat.S_ISBLK: "C'est un périphérique.",
    stat.S_ISCHR: "C'est un périphérique.",
}


@dataclass(frozen=True)
class Depose:
    """A file seen in a drop folder. `chemin`: relative to the folder, as text; `reel`: where it is."""

    porteur: str
    chemin: str
    reel: Path
    apercu: Apercu
    mode: int
    liens: int
    mtime: float


@dataclass(frozen=True)
class Dossier:
    """What the files of a porteur are judged against, and the fingerprint of it (`contexte`).

    `etat`: `ouvert`, `attente` (all its rows of the register are set aside) or `inconnu` (no such porteur).
    """

    porteur: str
    etat: str
    contexte: str = ""
    projet: frozenset[str] = frozenset()
    ecartes: frozenset[str] = frozenset()
    bal: Mapping[str, str] = field(default_factory=dict)
    seul_essms_de_ej: Mapping[str, str] = field(default_factory=dict)
    entites_juridiques: frozenset[str] = frozenset()

    def avec_contexte(self) -> Dossier:
        """The same with its `contexte`: what would make its files be judged again when it changes."""
        contenu = [
            EXAMEN_VERSION,
            self.etat,
            sorted(self.projet),
            sorted(self.ecartes),
            sorted(self.bal.items()),
            sorted(self.seul_essms_de_ej.items()),
            sorted(self.entites_juridiques),
        ]
        contexte = hashlib.sha256(json.dumps(contenu).encode()).hexdigest()[:16]
        return replace(self, contexte=contexte)


@dataclass(frozen=True)
class Recu:
    """One file received tonight: the fate of each of its parts (status by unit), for the summary."""

    porteur: str
    chemin: str
    statuts: tuple[str, ...]
    lignes_rejetees: int


@dataclass(frozen=True)
class NonTraite:
    """A file that could not be treated tonight through no fault of its own; it is tried again the next night."""

    porteur: str
    chemin: str
    raison: str


def texte_du_nom(nom: str) -> str:
    """A file name as valid text: bytes that are not UTF-8 are shown as `\\xNN`."""
    return os.fsencode(nom).decode("utf-8", "backslashreplace")


def parcourir(depots: Path) -> Iterator[Depose]:
    """All that lies in the drop folders but what is still being written (§4); links are seen, never followed."""
    if not depots.is_dir():
        return
    for porteur in sorted(os.scandir(depots), key=lambda e: e.name):
        if not porteur.is_dir(follow_symlinks=False) or porteur.name.startswith("."):
            continue
        racine = Path(porteur.path)
        for dossier, sous_dossiers, fichiers in os.walk(racine, followlinks=False):
            sous_dossiers.sort()
            liens = [d for d in sous_dossiers if Path(dossier, d).is_symlink()]
            for nom in sorted([*fichiers, *liens]):
                reel = Path(dossier, nom)
                if en_cours_d_ecriture(nom):
                    continue
                try:
                    vu = os.lstat(reel)
                except FileNotFoundError:
                    continue
                yield Depose(
                    porteur=texte_du_nom(porteur.name),
                    chemin=texte_du_nom(str(reel.relative_to(racine))),
                    reel=reel,
                    apercu=Apercu(vu.st_size, vu.st_mtime_ns, vu.st_ino),
                    mode=vu.st_mode,
                    liens=vu.st_nlink,
                    mtime=vu.st_mtime,
                )


def nouveaux(
    deposes: Sequence[Depose], dossiers: Mapping[str, Dossier], connus: Mapping[tuple[str, str], tuple[Apercu, str]]
) -> list[Depose]:
    """The files to read tonight: never seen, changed since, or judged in another context."""
    return [d for d in deposes if connus.get((d.porteur, d.chemin)) != (d.apercu, dossiers[d.porteur].contexte)]


def inchange(depose: Depose) -> bool:
    """True when the file still looks as it did when it was seen: nobody is writing to it."""
    try:
        vu = os.lstat(depose.reel)
    except FileNotFoundError:
        return False
    return Apercu(vu.st_size, vu.st_mtime_ns, vu.st_ino) == depose.apercu


class EncoreEnEcriture(Exception):
    """The file changed while it was being copied: it is left for the next night."""


def _refus_du_genre(depose: Depose) -> LectureImpossible | None:
    """Only plain files with one name are opened (§8)."""
    for est, detail in _TYPES.items():
        if est(depose.mode):
            return LectureImpossible("FICHIER_NON_ORDINAIRE", detail)
    if not stat.S_ISREG(depose.mode):
        return LectureImpossible("FICHIER_NON_ORDINAIRE")
    if depose.liens > 1:
        return LectureImpossible("FICHIER_NON_ORDINAIRE", "Le fichier a un autre nom ailleurs (lien physique).")
    return None


def _copier(depose: Depose, copie: Path) -> str:
    """Copy the file under a name of our own; its SHA-256. The file that is open is the one that was seen."""
    empreinte = hashlib.sha256()
    descripteur = os.open(depose.reel, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descripteur, "rb") as source, copie.open("xb") as cible:
        vu = os.fstat(source.fileno())
        if not stat.S_ISREG(vu.st_mode) or vu.st_nlink > 1:
            raise EncoreEnEcriture
        while bloc := source.read(BLOC_OCTETS):
            empreinte.update(bloc)
            cible.write(bloc)
        fin = os.fstat(source.fileno())
    if Apercu(fin.st_size, fin.st_mtime_ns, fin.st_ino) != depose.apercu:
        raise EncoreEnEcriture
    return empreinte.hexdigest()


def _depot(porteur: str, piece: Piece, chemin: str) -> str:
    """Name of a content: the same for the same porteur, table, extraction date, format and bytes (§7 `deja_recu`)."""
    if piece.table and piece.date_extraction:
        identite = [porteur, piece.table, piece.date_extraction.isoformat(), piece.format, piece.sha256]
    else:
        identite = [porteur, chemin, piece.membre, piece.sha256]
    return hashlib.sha256(json.dumps(identite).encode()).hexdigest()[:32]


def _fiche(depot: str, contexte: str, examen: Examen, fichier: str | None, attente: bool = False) -> FicheExamen:
    """The fate of a content as it is written down: values that may identify a person are left out."""
    publiables = [c.code for c in catalogue().values() if c.publiable]
    if attente:
        statut = "en_attente"
    elif examen.refus:
        statut = "refuse"
    else:
        statut = "accepte_avec_rejets" if examen.lignes_rejetees else "accepte"
    return FicheExamen(
        depot=depot,
        contexte=contexte,
        statut=statut,
        motif=examen.refus,
        lignes_lues=examen.lignes_lues,
        lignes_utilisees=examen.lignes_utilisees,
        lignes_rejetees=examen.lignes_rejetees,
        lignes_hors_projet=examen.lignes_hors_projet,
        fichier=fichier,
        bilan=examen.bilan.with_columns(lignes_utilisees=pl.col("lignes_lues") - pl.col("lignes_rejetees")),
        constats=examen.constats.with_columns(pl.when(pl.col("code").is_in(publiables)).then("valeur").alias("valeur")),
    )


def examen_de_fichier(code: str, *, detail: str = "", ligne: int | None = None) -> Examen:
    """The examination of a file that is not read."""
    constats = constat_de_fichier(code, detail=detail, ligne=ligne)
    return Examen(code, constats, pl.DataFrame(schema=BILAN), 0, 0, 0, 0)


def examiner_piece(piece: Piece, depot: str, dossier: Dossier, cle: bytes, aujourd_hui: date, sortie: Path) -> Examen:
    """What one table of a file gives, in `sortie` (staged rows) and as findings. Never raises for a fault of the file."""
    if piece.erreur is not None:
        return examen_de_fichier(piece.erreur.code, detail=piece.erreur.detail, ligne=piece.erreur.ligne)
    assert piece.lire is not None and piece.date_extraction is not None  # a piece has one or the other
    if piece.date_extraction > aujourd_hui + timedelta(days=1):
        return examen_de_fichier("EXTRACTION_FUTURE")
    contexte = Contexte(
        depot=depot,
        table=piece.table,
        date_extraction=piece.date_extraction,
        projet=dossier.projet,
        cle_pseudonymes=cle,
        ecartes=dossier.ecartes,
        entites_juridiques=dossier.entites_juridiques if piece.format == "json" else frozenset(),
        bal=dossier.bal,
    )
    try:
        feuille = piece.lire()
    except LectureImpossible as erreur:
        return examen_de_fichier(erreur.code, detail=erreur.detail, ligne=erreur.ligne)
    examen = examiner(feuille, contexte, sortie)
    if piece.feuilles_ignorees:
        ignorees = [constat_de_fichier("FEUILLE_IGNOREE", detail=f) for f in piece.feuilles_ignorees]
        return replace(examen, constats=pl.concat([examen.constats, *ignorees]))
    return examen


def _durable(chemin: Path) -> None:
    descripteur = os.open(chemin, os.O_RDONLY)
    try:
        os.fsync(descripteur)
    finally:
        os.close(descripteur)


def recevoir(
    depose: Depose,
    dossier: Dossier,
    *,
    reglages: Reglages,
    registre: Registre,
    cle: bytes,
    maintenant: datetime,
    aujourd_hui: date,
) -> Recu | None:
    """Receive one file: copy, examine each of its tables, stage, write down. None when it is still being written.

    Killed at any moment, it leaves either nothing or the whole: staged files are named after their content and become
    part of the figures with the one transaction of the register that ends it.
    """
    travail = reglages.staging / ".reception" / secrets.token_hex(8)
    travail.mkdir(parents=True, mode=0o700)
    try:
        return _recevoir(depose, dossier, travail, reglages, registre, cle, maintenant, aujourd_hui)
    except EncoreEnEcriture:
        return None
    finally:
        shutil.rmtree(travail, ignore_errors=True)


def _recevoir(
    depose: Depose,
    dossier: Dossier,
    travail: Path,
    reglages: Reglages,
    registre: Registre,
    cle: bytes,
    maintenant: datetime,
    aujourd_hui: date,
) -> Recu | None:
    copie = travail / "fichier"
    genre = _refus_du_genre(depose)
    sha256 = "" if genre else _copier(depose, copie)
    attente = {"inconnu": "PORTEUR_INCONNU", "attente": "REGISTRE_A_CORRIGER"}.get(dossier.etat)
    unites: list[Unite] = []
    fiches: list[FicheExamen] = []
    futur = False
    if genre or attente:
        piece = Piece("", "", None, False, "", sha256)
        depot = _depot(depose.porteur, piece, depose.chemin)
        examen = examen_de_fichier(attente) if attente else examen_de_fichier(genre.code, detail=genre.detail)  # type: ignore[union-attr]
        unites.append(Unite("", "", None, False, sha256, depot))
        fiches.append(_fiche(depot, dossier.contexte, examen, None, attente=dossier.etat == "attente"))
    else:
        lecture = Lecture(reglages.limites, travail, dossier.seul_essms_de_ej)
        for piece in pieces(depose.chemin, copie, sha256, lecture):
            depot = _depot(depose.porteur, piece, depose.chemin)
            unites.append(Unite(piece.membre, piece.table, piece.date_extraction, piece.partiel, piece.sha256, depot))
            if registre.examen(depot, dossier.contexte) or any(f.depot == depot for f in fiches):
                continue
            relatif = f"{piece.table}/{depot}-{dossier.contexte}.parquet" if piece.table else ""
            provisoire = travail / f"{depot}.parquet"
            examen = examiner_piece(piece, depot, dossier, cle, aujourd_hui, provisoire)
            futur = futur or examen.refus == "EXTRACTION_FUTURE"
            fichier = None
            if provisoire.exists():
                fichier = relatif
                definitif = reglages.staging / relatif
                definitif.parent.mkdir(exist_ok=True, mode=0o700)
                _durable(provisoire)
                provisoire.replace(definitif)
                _durable(definitif.parent)
            contexte = f"futur {aujourd_hui}" if examen.refus == "EXTRACTION_FUTURE" else dossier.contexte
            fiches.append(_fiche(depot, contexte, examen, fichier))
    registre.inscrire(
        Reception(
            depose.porteur,
            depose.chemin,
            sha256,
            depose.apercu.taille,
            maintenant,
            f"futur {aujourd_hui}" if futur else dossier.contexte,
        ),
        depose.apercu,
        unites,
        fiches,
    )
    return Recu(
        depose.porteur,
        depose.chemin,
        tuple(f.statut for f in fiches) or ("deja_recu",),
        sum(f.lignes_rejetees for f in fiches),
    )


def balayer(staging: Path, registre: Registre) -> None:
    """Remove what killed nights left: copies, and staged files that the register does not know."""
    shutil.rmtree(staging / ".reception", ignore_errors=True)
    utiles = registre.fichiers()
    for fichier in staging.glob("*/*.parquet"):
        if str(fichier.relative_to(staging)) not in utiles and not fichier.parent.name.startswith("."):
            fichier.unlink()
