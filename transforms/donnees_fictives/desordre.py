"""What is wrong in real exports: bad rows of every kind, duplicates, rows of structures outside the project."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import polars as pl

from transforms.donnees_fictives.ecriture import SURPLUS
from transforms.donnees_fictives.hasard import Hasard

ALTERATIONS: dict[str, tuple[tuple[str, str], ...]] = {
    "dossiers": (
        ("id_personne", ""),
        ("date_creation", "31/02/2026"),
        ("date_creation", "1890-01-01"),
        ("eligible_projet", "à préciser"),
        ("date_derniere_maj", "n.c."),
    ),
    "sejours": (
        ("date_entree", ""),
        ("date_entree", "00/00/2025"),
        ("date_entree", "2026-13-04"),
        ("date_sortie", "1901-01-01"),
    ),
    "projets": (("id_projet", ""), ("statut", "archivé"), ("statut", ""), ("date_debut", "au printemps")),
    "mises_a_jour": (
        ("horodatage", ""),
        ("horodatage", "2026-02-30 10:00:00"),
        ("horodatage", "2031-06-15 09:00:00"),
        ("horodatage", "25:61"),
        ("id_dossier", ""),
        ("finess_et", ""),
        ("finess_et", "97O41"),
        ("utilisateur", f"poste 4{SURPLUS}étage 2"),
    ),
    "agenda": (
        ("debut", "30/02/2026 14:00"),
        ("debut", "1870-05-01 09:00:00"),
        ("id_evenement", ""),
        ("id_dossier", ""),
        ("statut", "peut-être"),
        ("libelle", f"Bilan{SURPLUS}salle 3"),
    ),
    "mss": (
        ("horodatage", ""),
        ("horodatage", "hier"),
        ("sens", "brouillon"),
        ("finess_et", "3109"),
        ("nb_messages", "-3"),
        ("nb_messages", "douze"),
        ("bal_emettrice", "ancienne.boite@mssante.example"),
    ),
    "dmp": (("horodatage", "32/01/2026"), ("horodatage", ""), ("statut", "en attente"), ("finess_et", "")),
    "eprescription": (("id_import", ""), ("horodatage", "non daté")),
    "eparcours": (("id_echange", ""), ("horodatage", "non daté")),
}
"""Table → (column, text put in it); each makes the row one that §5 rejects, whatever the style of the export."""

_POPULATION = ("dossiers", "sejours")
_CONTRADICTIONS = {
    "dossiers": ("date_creation", "2020-02-29"),
    "sejours": ("date_sortie", "2027-02-28"),
    "projets": ("date_debut", "2020-02-29"),
}
"""State table → what the second row of a key says differently (both are rejected)."""

_AVEC_DOUBLONS = (*_CONTRADICTIONS, "agenda")
_PART_CONTRADICTIONS, _PART_DOUBLONS, _PART_VOISINS = 0.2, 0.004, 0.01


@dataclass(frozen=True)
class Desordre:
    """The mess of an export. `mauvaises_pct`: its bad rows (None: as in the other exports of the porteur).

    `voisin`: a structure outside the project that has rows in it too. `surplus`: whether its container can hold a row
    longer than its header.
    """

    mauvaises_pct: float | None = None
    voisin: str | None = None
    surplus: bool = False


def salir(
    h: Hasard, cadre: pl.DataFrame, table: str, desordre: Desordre, negligents: Collection[str]
) -> tuple[pl.DataFrame, int]:
    """Return the text frame as its software lets it out, and how many rows of it are to be rejected.

    The share of bad rows holds for each table, except `dossiers` and `sejours`, where they sit in the ESSMS of
    `negligents` only (five times as often there): one of them is enough to make the rates of its ESSMS partial (§6.5).
    Exact duplicates (warnings) and the rows of the neighbour come on top.
    """
    n = cadre.height
    sort = h.uniforme("sort", n)
    seuil = (desordre.mauvaises_pct or 0) / 100
    concernes = pl.repeat(True, n, eager=True)
    if table in _POPULATION:
        seuil, concernes = min(5 * seuil, max(seuil, 0.12)), cadre["finess_et"].is_in(list(negligents))
    part_alteree = seuil * (1 - _PART_CONTRADICTIONS) if table in _CONTRADICTIONS else seuil
    alterees = concernes & (sort < part_alteree)
    # A contradiction makes two bad rows of one.
    contredites = concernes & (sort >= part_alteree) & (sort < part_alteree + (seuil - part_alteree) / 2)
    saines = ~alterees & ~contredites
    morceaux = [_alterer(h, cadre, table, alterees, desordre.surplus)]
    if table in _CONTRADICTIONS:
        colonne, valeur = _CONTRADICTIONS[table]
        morceaux.append(cadre.filter(contredites).with_columns(pl.lit(valeur).alias(colonne)))
    if table in _AVEC_DOUBLONS:
        morceaux.append(cadre.filter(saines & (h.uniforme("doublon", n) < _PART_DOUBLONS)))
    if desordre.voisin and "finess_et" in cadre.columns:
        morceaux.append(
            cadre.filter(saines & (h.uniforme("voisin", n) < _PART_VOISINS)).with_columns(
                finess_et=pl.lit(desordre.voisin)
            )
        )
    return pl.concat(morceaux), int(alterees.sum()) + 2 * int(contredites.sum())


def _alterer(h: Hasard, cadre: pl.DataFrame, table: str, alterees: pl.Series, surplus: bool) -> pl.DataFrame:
    choix = [
        (colonne, valeur)
        for colonne, valeur in ALTERATIONS[table]
        if colonne in cadre.columns
        and (surplus or SURPLUS not in valeur)
        # Where the structure is given, the mailbox is only a label.
        and not (colonne == "bal_emettrice" and "finess_et" in cadre.columns)
    ]
    genre = h.entiers("genre", cadre.height, 0, len(choix) - 1)
    par_colonne: dict[str, pl.Expr] = {}
    for rang, (colonne, valeur) in enumerate(choix):
        ancien = par_colonne.get(colonne, pl.col(colonne))
        par_colonne[colonne] = (
            pl.when(pl.lit(alterees & (genre == rang))).then(pl.lit(valeur or None)).otherwise(ancien)
        )
    return cadre.with_columns(**par_colonne)
