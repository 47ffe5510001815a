"""From the drop folders to staging: guard, copy, read, validate, pseudonymise, write down (specification §4, §5, §8)."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path, PurePosixPath

import polars as pl

from flows.reception import inventaire
from flows.reception.inventaire import Depose, EncoreEnEcriture
from flows.reception.isolement import lire_pieces
from flows.reglages import Reglages
from flows.retours import accuses
from flows.staging.fichiers import Scelle, deposer, dossier_de_travail
from flows.staging.registre import Connus, FicheExamen, Reception, RegistreDepots, Unite
from schemas.constats import catalogue
from schemas.depots import TABLES
from transforms.lecture.archive import BLOC_OCTETS, Limites
from transforms.lecture.modele import LectureImpossible
from transforms.lecture.ouverture import Lecture, Piece
from transforms.nommage import FORMATS_TDDUI, format_de
from transforms.pages.porteur.accuse import Partie, Premier
from transforms.profils import Profil, en_mots_du_porteur
from transforms.sort_depot import SortDepot
from transforms.validation.constats import comptes, constat_de_fichier, sans_constat, situer_dans_les_documents
from transforms.validation.examen import BILAN, EXAMEN_VERSION, Examen, examiner
from transforms.validation.situation import Contexte

# A file touched this recently may still be growing: it is looked at twice.
FRAICHEUR_SECONDES = 2.0
# Told to the porteur, but looked at again every night: what stands in the way may be gone.
_A_RELIRE = ("EXTRACTION_FUTURE", "FICHIER_INACCESSIBLE", "LECTURE_TROP_LONGUE")
# Why the files of a porteur are not even read.
_NON_LUS = {"inconnu": "PORTEUR_INCONNU", "attente": "REGISTRE_A_CORRIGER", "profil": "PROFIL_INCONNU"}
# Findings of one received file that are listed line by line; beyond it, the kinds of each of its parts are only counted.
_CONSTATS_PAR_FICHIER = 30_000
_TYPES = {
    stat.S_ISLNK: "C'est un lien vers un autre fichier.",
    stat.S_ISFIFO: "C'est un tube nommé.",
    stat.S_ISSOCK: "C'est une prise réseau.",
    stat.S_ISBLK: "C'est un périphérique.",
    stat.S_ISCHR: "C'est un périphérique.",
}


@dataclass(frozen=True)
class Dossier:
    """What the files of a porteur are judged against, and the fingerprint of it (`contexte`).

    `etat`: `ouvert`, `attente` (all its rows of the register are set aside), `profil` (its editor's profile cannot be
    used, `motif` says why) or `inconnu` (no such porteur).
    """

    porteur: str
    etat: str
    contexte: str = ""
    projet: frozenset[str] = frozenset()
    ecartes: frozenset[str] = frozenset()
    bal: Mapping[str, str] = field(default_factory=dict)
    seul_essms_de_ej: Mapping[str, str] = field(default_factory=dict)
    entites_juridiques: frozenset[str] = frozenset()
    profil: Profil | None = None
    motif: str = ""

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
            self.profil.empreinte if self.profil else self.motif,
        ]
        contexte = hashlib.sha256(json.dumps(contenu).encode()).hexdigest()[:16]
        return replace(self, contexte=contexte)

    def sous_cle(self, cle: bytes) -> Dossier:
        """The same, to be judged again when the key of the pseudonyms changes too."""
        return replace(self, contexte=f"{self.contexte}-{empreinte_de_cle(cle)}")


def empreinte_de_cle(cle: bytes) -> str:
    """What tells two keys apart without telling the key."""
    return hmac.digest(cle, b"empreinte", "sha256").hex()[:8]


@dataclass(frozen=True)
class Recu:
    """One file received tonight: the fate of each of its parts (status by unit), for the summary.

    `lignes_rejetees`: without those outside the project, which are counted apart.
    """

    porteur: str
    chemin: str
    statuts: tuple[str, ...]
    lignes_rejetees: int
    lignes_hors_projet: int = 0


@dataclass(frozen=True)
class NonTraite:
    """A file that could not be treated tonight through no fault of its own; it is tried again the next night."""

    porteur: str
    chemin: str


def nouveaux(deposes: Sequence[Depose], dossiers: Mapping[str, Dossier], connus: Connus) -> list[Depose]:
    """The files to read tonight: never seen, changed since, or judged in another context (`connus`: `RegistreDepots.apercus`)."""
    return [
        d
        for d in deposes
        if (vu := connus.get((d.porteur, d.chemin))) is None or vu[:4] != (*d.apercu, dossiers[d.porteur].contexte)
    ]


def noter_les_vus(deposes: Sequence[Depose], registre: RegistreDepots, connus: Connus) -> None:
    """Write down which files went away or came back since the last inventory, before any is received (§4).

    What lies in a folder that cannot be listed is not known to be gone.
    """
    fermes = {(d.porteur, d.chemin) for d in deposes if not d.mode}

    def cache(lieu: tuple[str, str]) -> bool:
        porteur, chemin = lieu
        return bool(fermes) and any((porteur, str(dossier)) in fermes for dossier in PurePosixPath(chemin).parents)

    registre.noter_les_vus({(d.porteur, d.chemin): d.apercu for d in deposes}, connus, cache)


def _refus_du_genre(depose: Depose) -> LectureImpossible | None:
    """Only plain files with one name are opened (§8)."""
    if not depose.mode:
        return LectureImpossible("FICHIER_INACCESSIBLE")
    for est, detail in _TYPES.items():
        if est(depose.mode):
            return LectureImpossible("FICHIER_NON_ORDINAIRE", detail)
    if not stat.S_ISREG(depose.mode):
        return LectureImpossible("FICHIER_NON_ORDINAIRE")
    if depose.liens > 1:
        return LectureImpossible("FICHIER_NON_ORDINAIRE", "Le fichier a un autre nom ailleurs (lien physique).")
    return None


def _prendre(depose: Depose, copie: Path, limites: Limites) -> str:
    """Copy the deposit, if it is one that may be opened; its SHA-256. Raises `EncoreEnEcriture`, `LectureImpossible`."""
    if refus := _refus_du_genre(depose):
        raise refus
    return _copier(depose, copie, limites)


def _taille_admise(vu: os.stat_result, chemin: str, travail: Path, limites: Limites) -> int:
    """A CSV is read in lots, whatever its size: only the room for its copy bounds it. A file with holes weighs nothing there
    and would fill the disk here, so it is held to the limit of what unpacks, like the other formats."""
    plein = vu.st_blocks * 512 >= vu.st_size
    if plein and format_de(chemin) == "csv":
        return max(limites.taille_octets, shutil.disk_usage(travail).free // 2)
    return limites.taille_octets


def _copier(depose: Depose, copie: Path, limites: Limites) -> str:
    """Copy the file under a name of our own; its SHA-256. The file that is open is the one that was seen.

    Raises `EncoreEnEcriture`, `LectureImpossible` (FICHIER_INACCESSIBLE, ARCHIVE_DEMESUREE); any other OSError is not
    about this file alone.
    """
    empreinte = hashlib.sha256()
    taille = 0
    with inventaire.ouvrir(depose) as source, copie.open("xb") as cible:
        if depose.apercu.taille > _taille_admise(os.fstat(source), depose.chemin, copie.parent, limites):
            raise LectureImpossible("ARCHIVE_DEMESUREE", f"{depose.apercu.taille >> 20} Mio reçus")
        while bloc := inventaire.lire_octets(source, BLOC_OCTETS):
            taille += len(bloc)
            if taille > depose.apercu.taille:  # one that grows as fast as it is read has no end
                raise EncoreEnEcriture
            empreinte.update(bloc)
            cible.write(bloc)
    return empreinte.hexdigest()


def nom_du_contenu(porteur: str, piece: Piece, chemin: str) -> str:
    """Name of a content (§4): the same for the same porteur, table, extraction date, partial or not, format and bytes."""
    if piece.table and piece.date_extraction:
        identite = [porteur, piece.table, piece.date_extraction.isoformat(), piece.format, piece.sha256]
        identite += ["partiel"] if piece.partiel else []
    else:
        identite = [porteur, chemin, piece.membre, piece.sha256]
    return hashlib.sha256(json.dumps(identite).encode()).hexdigest()[:32]


def _fiche(depot: str, contexte: str, examen: Examen, fichier: Scelle | None) -> FicheExamen:
    """The fate of a content as it is written down: values that may identify a person are left out."""
    publiables = [c.code for c in catalogue().values() if c.publiable]
    return FicheExamen(
        depot=depot,
        contexte=contexte,
        sort=examen.sort,
        fichier=fichier,
        bilan=examen.bilan.with_columns(lignes_utilisees=pl.col("lignes_lues") - pl.col("lignes_rejetees")),
        constats=examen.constats.with_columns(pl.when(pl.col("code").is_in(publiables)).then("valeur").alias("valeur")),
    )


def examen_de_fichier(code: str, *, detail: str = "", ligne: int | None = None) -> Examen:
    """The examination of a file that is not read."""
    constats = constat_de_fichier(code, detail=detail, ligne=ligne)
    return Examen(SortDepot(code), constats, pl.DataFrame(schema=BILAN))


def ouvrir_depot(depose: Depose, dossier: Dossier, travail: Path, reglages: Reglages) -> tuple[str, Iterator[Piece]]:
    """Copy a deposit into `travail`, under a name of our own, and give its SHA-256 and its tables; never raises for its faults.

    One piece says why when the file is not to be opened (§8), or not now (§4.6). Raises `EncoreEnEcriture`.
    """
    copie, sha256, refus = travail / "fichier", "", None
    try:
        sha256 = _prendre(depose, copie, reglages.limites)
    except LectureImpossible as erreur:
        refus = erreur
    if code := _NON_LUS.get(dossier.etat):
        refus = LectureImpossible(code, dossier.motif)
    if refus is not None:
        return sha256, iter([Piece("", "", None, False, "", sha256, erreur=refus)])
    lecture = Lecture(reglages.limites, travail, dossier.seul_essms_de_ej, dossier.profil, dossier.projet)
    return sha256, lire_pieces(depose.chemin, copie, sha256, lecture, reglages.bornes)


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
        entites_juridiques=dossier.entites_juridiques if piece.format in FORMATS_TDDUI else frozenset(),
        bal=dossier.bal,
    )
    try:
        feuille = piece.lire()
    except LectureImpossible as erreur:
        return examen_de_fichier(erreur.code, detail=erreur.detail, ligne=erreur.ligne)
    examen = examiner(feuille, contexte, sortie)
    if piece.profil is not None:
        examen = replace(examen, constats=en_mots_du_porteur(examen.constats, piece.profil))
    if piece.documents:
        examen = replace(examen, constats=situer_dans_les_documents(examen.constats, piece.documents))
    dits = [constat_de_fichier("FEUILLE_IGNOREE", valeur=f) for f in piece.feuilles_ignorees]
    dits += [constat_de_fichier(a.code, detail=a.detail, nombre=a.nombre) for a in piece.avertissements]
    return replace(examen, constats=pl.concat([examen.constats, *dits]))


def recevoir(
    depose: Depose,
    dossier: Dossier,
    *,
    reglages: Reglages,
    registre: RegistreDepots,
    cle: bytes,
    maintenant: datetime,
) -> Recu | None:
    """Receive one file: copy, examine each of its tables, stage, write down. None when it is still being written.

    Killed at any moment, it leaves either nothing or the whole: staged files are named after their content and become
    part of the figures with the one transaction of the register that ends it.
    """
    aujourd_hui = reglages.aujourd_hui(maintenant)
    with suppress(EncoreEnEcriture), dossier_de_travail(reglages.staging) as travail:
        sha256, parties = ouvrir_depot(depose, dossier, travail, reglages)
        en_place = registre.en_place(depose.porteur, depose.chemin, sha256)
        unites: list[Unite] = []
        fiches: list[FicheExamen] = []
        rendues: list[Partie] = []
        lus: dict[str, SortDepot] = {}
        a_relire = False
        for piece in parties:
            depot = nom_du_contenu(depose.porteur, piece, depose.chemin)
            unites.append(Unite(piece.membre, piece.table, piece.date_extraction, piece.partiel, piece.sha256, depot))
            if piece.sha256 and depot in lus:
                rendues.append(accuses.partie(unites[-1], lus[depot], sans_constat(), Premier(None, None)))
                continue
            connu = bool(piece.sha256) and registre.examen(depot, dossier.contexte)
            # Put here for the first time or again, a content that stands nowhere else is told as new, with its values.
            sauf = depose.chemin if en_place.nouveau else None
            if connu and (deja := accuses.partie_deja_recue(unites[-1], sauf, registre, reglages)):
                rendues.append(deja)
                continue
            relatif = f"{piece.table}/{depot}-{dossier.contexte}.parquet" if piece.table else ""
            provisoire = travail / f"{depot}.parquet"
            examen = examiner_piece(piece, depot, dossier, cle, aujourd_hui, provisoire)
            if sum(p.constats.height for p in rendues) > _CONSTATS_PAR_FICHIER:
                examen = replace(examen, constats=comptes(examen.constats))
            lus[depot] = examen.sort
            rendues.append(accuses.partie(unites[-1], examen.sort, examen.constats))
            if connu:
                continue
            a_relire = a_relire or examen.sort.motif in _A_RELIRE
            fichier = None
            if provisoire.exists():
                fichier = deposer(provisoire, reglages.staging, relatif)
            contexte = f"à relire {aujourd_hui}" if examen.sort.motif in _A_RELIRE else dossier.contexte
            fiches.append(_fiche(depot, contexte, examen, fichier))
        reception = Reception(
            depose.porteur,
            depose.chemin,
            sha256,
            depose.apercu.taille,
            maintenant,
            f"à relire {aujourd_hui}" if a_relire else dossier.contexte,
        )
        if dossier.etat != "inconnu":
            en_place = replace(en_place, retire=registre.retraits(u.depot for u in unites))
            accuses.accuser(reglages, registre, reception, rendues, en_place, maintenant)
        registre.inscrire(reception, depose.apercu, unites, fiches)
        neuves = [p.sort for p in rendues if p.premier is None]
        return Recu(
            depose.porteur,
            depose.chemin,
            tuple(sort.statut for sort in neuves) or ("deja_recu",),
            sum(sort.lignes_a_corriger for sort in neuves),
            sum(sort.lignes_hors_projet for sort in neuves),
        )
    return None


def balayer(staging: Path, registre: RegistreDepots) -> None:
    """Remove what killed nights left: copies, and staged files that the register does not know."""
    shutil.rmtree(staging / ".reception", ignore_errors=True)
    utiles = registre.fichiers()
    registre.lever_les_sceaux(utiles)
    for table in TABLES:
        for fichier in (staging / table).glob("*.parquet"):
            if str(fichier.relative_to(staging)) not in utiles:
                fichier.unlink()
