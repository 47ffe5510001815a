"""The night's checks on files that are not dropped yet (specification §3, `verifier`): same functions, nothing kept."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from flows.reception import inventaire, reception
from flows.reception.reception import Dossier
from flows.reglages import Reglages
from schemas.erreurs import ErreurDite, Sortie
from transforms.dire.constats import dire_constat
from transforms.dire.formats import INSECABLE, accord, citer, jour, milliers
from transforms.dire.libelles import STATUTS_DEPOT, nom_de_table
from transforms.dire.texte_sur import dire_texte
from transforms.nommage import en_cours_d_ecriture
from transforms.pages.porteur.accuse import Accuse, Groupe, Partie, grouper, verdict
from transforms.sort_depot import SortDepot

LIGNES_MONTREES = 5
_LONGUEUR_VALEUR = 60


class NonVerifiable(ErreurDite):
    """A file that the night would leave without a word, or that changes while it is read."""

    code = Sortie.FICHIER_REFUSE


def verifier(fichier: Path, dossier: Dossier, reglages: Reglages, maintenant: datetime) -> Accuse:
    """What the night would answer to this file, was it dropped now by this porteur; without a receipt number.

    Works on a copy in a private temporary folder, gone at the end; writes nowhere else. Raises `NonVerifiable`, `OSError`.
    """
    if en_cours_d_ecriture(fichier.name):
        raise NonVerifiable(
            "Ce nom est celui d'un fichier en cours d'écriture : un tel dépôt n'est pas lu. Renommez-le."
        )
    vu = os.lstat(fichier)
    depose = inventaire.voir(dossier.porteur, fichier.parent, fichier.name, vu, 0)
    # Pseudonyms are made as at night, for keys that appear twice, with a key that nobody keeps.
    cle = secrets.token_bytes(32)
    ici = maintenant.astimezone(reglages.zone)
    parties = []
    with tempfile.TemporaryDirectory(prefix="duimetre-") as prive:
        travail = Path(prive)
        try:
            sha256, pieces = reception.ouvrir_depot(depose, dossier, travail, reglages)
            for rang, piece in enumerate(pieces):
                examen = reception.examiner_piece(
                    piece, "verification", dossier, cle, ici.date(), travail / f"{rang}.parquet"
                )
                parties.append(
                    Partie(
                        piece.membre,
                        piece.table,
                        piece.date_extraction,
                        piece.partiel,
                        examen.sort,
                        examen.constats,
                    )
                )
        except inventaire.EncoreEnEcriture:
            raise NonVerifiable("Le fichier change pendant sa lecture : recommencez quand il sera complet.") from None
    return Accuse("", dossier.porteur, depose.chemin, sha256, vu.st_size, ici, ici, parties)


# --- for a terminal ---------------------------------------------------------------------------------------------------


def dire(accuse: Accuse) -> str:
    """The answer as text: verdict, counts, then findings grouped by kind and column, the gravest first."""
    lignes = [
        f"{dire_texte(accuse.nom, 300)}{INSECABLE}: {STATUTS_DEPOT[accuse.statut].upper()}",
        f"  {verdict(accuse)}",
    ]
    for partie in accuse.parties:
        lignes += ["", f"  {_titre(partie)}"]
        if partie.sort.lignes_lues:
            lignes.append(f"  {_comptes(partie.sort)}")
        if partie.effet:
            lignes.append(f"  {partie.effet}")
        for groupe in grouper(partie.constats, partie.table):
            lignes += ["", *(f"    {texte}" for texte in _groupe(groupe, partie))]
    return "\n".join(lignes)


def _titre(partie: Partie) -> str:
    table = nom_de_table(partie.table) or "Table inconnue"
    titre = f"{table}, extraction du {jour(partie.date_extraction)}" if partie.date_extraction else table
    membre = f" [{dire_texte(partie.membre, 120)}]" if partie.membre else ""
    partiel = ", partielle" if partie.partiel else ""
    return f"{titre}{partiel}{membre}{INSECABLE}: {STATUTS_DEPOT[partie.sort.statut]}"


def _comptes(sort: SortDepot) -> str:
    comptes = [
        accord(sort.lignes_lues, "ligne lue", "lignes lues"),
        accord(sort.lignes_utilisees, "utilisée"),
        accord(sort.lignes_a_corriger, "rejetée"),
    ]
    if sort.lignes_hors_projet:
        comptes.append(f"{milliers(sort.lignes_hors_projet)} hors projet")
    return ", ".join(comptes)


def _groupe(groupe: Groupe, partie: Partie) -> Iterator[str]:
    """One kind of finding on one column: said once, then where it is and what was received."""
    ou = f"{citer(groupe.colonne)}{INSECABLE}: " if groupe.colonne and groupe.colonne not in groupe.message else ""
    unite = ("ligne", "lignes") if groupe.lignes else ("fois", "fois")
    combien = f" ({accord(groupe.nombre, *unite)})" if groupe.nombre > 1 else ""
    yield f"{groupe.gravite.upper()} — {ou}{groupe.message}{combien}"
    if groupe.valeurs:
        montrees = _du_groupe(groupe, partie.constats).head(LIGNES_MONTREES)
        for numero, valeur, fois, document in montrees.select("ligne", "valeur", "nombre", "document").iter_rows():
            recu = f"reçu {citer(dire_texte(valeur, _LONGUEUR_VALEUR))}" if valeur else ""
            repetition = f" sur {accord(fois, 'ligne')}" if fois > 1 else ""
            place = f"ligne {milliers(numero)}" if numero else ""
            place += f" de {citer(dire_texte(document, _LONGUEUR_VALEUR))}" if document else ""
            yield f"  {f'{INSECABLE}: '.join(t for t in (place, recu) if t)}{repetition}"
        reste = groupe.nombre - int(montrees["nombre"].sum())
        if reste > 0:
            yield f"  … et {accord(reste, 'autre ligne', 'autres lignes')}"
    elif groupe.lieux:
        yield f"  {groupe.lieux}"
    yield f"  Que faire{INSECABLE}: {groupe.que_faire}"
    if groupe.exemple:
        yield f"  Exemple{INSECABLE}: {groupe.exemple}"


def _du_groupe(groupe: Groupe, constats: pl.DataFrame) -> pl.DataFrame:
    colonne = pl.coalesce("entete", "colonne")
    return constats.filter(pl.col("code") == groupe.code, colonne.eq_missing(pl.lit(groupe.colonne, pl.String)))


# --- for a machine ----------------------------------------------------------------------------------------------------


def en_donnees(accuse: Accuse) -> dict[str, Any]:
    """The same for a machine, with every finding."""
    return {
        "fichier": accuse.nom,
        "sha256": accuse.sha256 or None,
        "statut": accuse.statut,
        "verdict": verdict(accuse),
        "parties": [
            {
                **p.en_donnees(),
                "constats": [_constat(c, p.table) for c in p.constats.iter_rows(named=True)],
            }
            for p in accuse.parties
        ],
    }


def _constat(ligne: dict[str, Any], table: str) -> dict[str, Any]:
    colonne = ligne["entete"] or ligne["colonne"]
    constat = dire_constat(ligne["code"], colonne, table, ligne["ligne"], ligne["detail"])
    return {
        "code": ligne["code"],
        "niveau": constat.niveau,
        "ligne": ligne["ligne"],
        "document": ligne["document"],
        "colonne": colonne,
        "valeur": ligne["valeur"],
        "nombre": ligne["nombre"],
        "message": constat.message,
        "que_faire": constat.que_faire,
        "exemple": constat.exemple or None,
    }
