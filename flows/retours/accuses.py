"""What goes back to the porteurs, in `retours/<porteur>/`: an acknowledgement per file, pages and work lists (specification §2).

A porteur may write in its own folder: nothing there is ever followed or trusted, and every file is put in place whole.
"""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path, PurePosixPath
from zoneinfo import ZoneInfo

import polars as pl

from flows.journal import journal
from flows.reglages import Reglages
from flows.staging.registre import Reception, RegistreDepots, Unite
from transforms.en_place import EnPlace
from transforms.nommage import empreinte_de_reception, numero_de_recu
from transforms.pages.porteur.accuse import Accuse, Partie, Premier, en_csv, en_html, en_json
from transforms.sort_depot import SortDepot
from transforms.validation.constats import CONSTATS, sans_constat

# Owner and group: these files name persons by their dossier.
_MODE_DOSSIER, _MODE_FICHIER = 0o750, 0o640
_LONGUEUR_NOM = 80


def nom_sur(chemin: str) -> str:
    """A file name of plain letters made from the path of a deposit: readable, and harmless anywhere."""
    sans_accent = unicodedata.normalize("NFKD", PurePosixPath(chemin).name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9.-]+", "_", sans_accent).strip("._-")[:_LONGUEUR_NOM] or "fichier"


def nom_de_retour(porteur: str, chemin: str, sha256: str) -> str:
    """What follows `accuse_` and `erreurs_` in the names of the returns of a file."""
    return f"{nom_sur(chemin)}_{empreinte_de_reception(porteur, chemin, sha256)[:8]}"


def dossier_des_accuses(recu_le: datetime) -> str:
    """Where in the porteur's folder the answer to a file lies; `recu_le` in the region's time: its month there."""
    return f"accuses/{recu_le:%Y-%m}"


def page_de_l_accuse(porteur: str, chemin: str, sha256: str, recu_le: datetime) -> str:
    """The path of the acknowledgement of a file in the porteur's folder; `recu_le` in the region's time."""
    return f"{dossier_des_accuses(recu_le)}/accuse_{nom_de_retour(porteur, chemin, sha256)}.html"


@contextmanager
def dossier_de_retour(retours: Path, *noms: str) -> Iterator[int]:
    """A descriptor of the folder `noms` (that of a porteur, then folders in it), made when needed; never behind a link.

    Raises `OSError`.
    """
    retours.mkdir(parents=True, exist_ok=True, mode=_MODE_DOSSIER)
    drapeaux = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    dossier = os.open(retours, drapeaux)
    try:
        for nom in noms:
            with suppress(FileExistsError):
                os.mkdir(nom, _MODE_DOSSIER, dir_fd=dossier)
            suivant = os.open(nom, drapeaux | os.O_NOFOLLOW, dir_fd=dossier)
            os.close(dossier)
            dossier = suivant
        yield dossier
    finally:
        os.close(dossier)


def ranger_les_anciens(retours: Path, porteur: str, mois: Mapping[str, datetime]) -> None:
    """Move the answers that a former duimètre put beside the page; `mois`: what ends their names → when the file was received."""
    with dossier_de_retour(retours, porteur) as dossier:
        for nom in lister(dossier):
            genre, _, suite = nom.partition("_")
            recu_le = mois.get(suite.rpartition(".")[0])
            if genre in ("accuse", "erreurs") and recu_le is not None:
                with dossier_de_retour(retours, porteur, *dossier_des_accuses(recu_le).split("/")) as range_:
                    os.rename(nom, nom, src_dir_fd=dossier, dst_dir_fd=range_)


def poser(dossier: int, fichiers: Mapping[str, bytes]) -> None:
    """Write files into an open folder, each whole or not at all; a link that bears the name of one is replaced, not followed."""
    for nom, octets in fichiers.items():
        provisoire = f".{nom}.en_cours"
        retirer(dossier, provisoire)
        drapeaux = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descripteur = os.open(provisoire, drapeaux, _MODE_FICHIER, dir_fd=dossier)
        with os.fdopen(descripteur, "wb") as flux:
            flux.write(octets)
            flux.flush()
            os.fsync(flux.fileno())
        os.rename(provisoire, nom, src_dir_fd=dossier, dst_dir_fd=dossier)
    os.fsync(dossier)


def retirer(dossier: int, nom: str) -> None:
    """Remove a file of an open folder, if it is there."""
    with suppress(FileNotFoundError):
        os.unlink(nom, dir_fd=dossier)


def lister(dossier: int) -> list[str]:
    """The names in an open folder."""
    return sorted(os.listdir(dossier))


@contextmanager
def sans_bloquer(porteur: str) -> Iterator[None]:
    """A folder of returns that cannot be written (a link in its place, no right) stops nobody: the operator is told."""
    try:
        yield
    except (PermissionError, NotADirectoryError, IsADirectoryError, FileExistsError) as erreur:
        journal().warning("Retours non écrits (%s) : vérifiez son dossier (%s).", porteur, erreur.strerror)


def partie(unite: Unite, sort: SortDepot, constats: pl.DataFrame, premier: Premier | None = None) -> Partie:
    """What the acknowledgement says of one table of a file; `constats` (columns of the register or of an examination)."""
    return Partie(
        membre=unite.membre,
        table=unite.nom_table,
        date_extraction=unite.date_extraction,
        partiel=unite.partiel,
        sort=sort,
        constats=pl.concat([sans_constat(), constats], how="diagonal_relaxed").select(
            pl.col(nom).cast(dtype) for nom, dtype in CONSTATS.items()
        ),
        premier=premier,
    )


def partie_deja_recue(unite: Unite, sauf: str | None, registre: RegistreDepots, reglages: Reglages) -> Partie | None:
    """The same for a content examined before (its values are not kept); with `sauf`, if it stands at another path than that."""
    deja = registre.premier_examen(unite.depot, sauf)
    if deja is None:
        return None
    sort, chemin, recu_le = deja
    premier = Premier(chemin, recu_le.astimezone(reglages.zone))
    return partie(unite, sort, registre.constats(unite.depot), premier)


def accuser(
    reglages: Reglages,
    registre: RegistreDepots,
    reception: Reception,
    parties: Sequence[Partie],
    en_place: EnPlace,
    maintenant: datetime,
) -> None:
    """Put the acknowledgement of a file, and the list of its findings, in the porteur's folder.

    To be called before the register knows the reception: a killed night does it again. A file only seen again, neither
    changed nor judged otherwise nor put back, keeps its acknowledgement, which has the received values.
    """
    deja = registre.reception(reception.porteur, reception.chemin, reception.sha256)
    nom = nom_de_retour(reception.porteur, reception.chemin, reception.sha256)
    page = f"accuse_{nom}.html"
    fuseau = reglages.zone
    accuse = Accuse(
        numero=numero_de_recu(reception.porteur, reception.chemin, reception.sha256),
        porteur=reception.porteur,
        nom=reception.chemin,
        sha256=reception.sha256,
        taille_octets=reception.taille,
        recu_le=(deja[0] if deja else reception.recu_le).astimezone(fuseau),
        examine_le=maintenant.astimezone(fuseau),
        parties=parties,
        en_place=_a_l_heure(en_place, fuseau),
    )
    inchange = deja and deja[1] == reception.contexte and not en_place.nouveau
    du_mois = dossier_des_accuses(accuse.recu_le).split("/")
    with sans_bloquer(reception.porteur), dossier_de_retour(reglages.retours, reception.porteur, *du_mois) as dossier:
        if inchange and accuse.statut == "deja_recu" and _existe(dossier, page):
            return
        erreurs = en_csv(accuse)
        fichier_erreurs = f"erreurs_{nom}.csv"
        if erreurs is None:
            retirer(dossier, fichier_erreurs)
        else:
            poser(dossier, {fichier_erreurs: erreurs})
            accuse = replace(accuse, erreurs=fichier_erreurs)
        poser(dossier, {page: en_html(accuse).encode(), f"accuse_{nom}.json": en_json(accuse).encode()})


def _a_l_heure(en_place: EnPlace, fuseau: ZoneInfo) -> EnPlace:
    if en_place.avant is None:
        return en_place
    recu, recu_le = en_place.avant
    return replace(en_place, avant=(recu, recu_le.astimezone(fuseau)))


def _existe(dossier: int, nom: str) -> bool:
    try:
        return stat.S_ISREG(os.stat(nom, dir_fd=dossier, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False
