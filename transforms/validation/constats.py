"""Findings: their frames, and the record of those of a file, whose size does not depend on that of the file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from transforms.dire.formats import accord, milliers
from transforms.lecture.modele import LIGNE

# Types of the columns of a findings table; `valeur` is what the porteur wrote, for his eyes only; `entete` is his name of
# the column, where an editor's profile gave it ours; `document` the one of several that `ligne` is a line of (its name is for
# the porteur's eyes only too).
CONSTATS = {
    "code": pl.String,
    "ligne": pl.UInt32,
    "colonne": pl.String,
    "entete": pl.String,
    "valeur": pl.String,
    "detail": pl.String,
    "nombre": pl.UInt32,
    "document": pl.String,
}
# Order of the row in its table: several rows may come from one line (an entry of a bundle).
RANG = "rang"
_GENRE = ("code", "colonne", "entete")


# Of one kind (code and column), lines listed per file; the others are counted.
LIGNES_LISTEES = 1000
# What is kept of a received value: enough to know it, and a thousand of them weigh nothing.
_VALEUR_GARDEE = 256
_LIGNES_CITEES = 8


def constats_de_lignes(
    code: str, lignes: pl.DataFrame, colonne: str | None, valeur: str | None = None, detail: str = ""
) -> Any:
    """One finding per row of `lignes`; `valeur` names the column of text that holds the received value."""
    return lignes.select(
        code=pl.lit(code),
        ligne=pl.col(LIGNE).cast(pl.UInt32),
        colonne=pl.lit(colonne, pl.String),
        entete=pl.lit(None, pl.String),
        valeur=pl.col(valeur) if valeur else pl.lit(None, pl.String),
        detail=pl.lit(detail),
        nombre=pl.lit(1, pl.UInt32),
        document=pl.lit(None, pl.String),
        rang=pl.col(RANG),
    )


def constat_de_fichier(
    code: str,
    *,
    ligne: int | None = None,
    colonne: str | None = None,
    detail: str = "",
    valeur: str | None = None,
    nombre: int = 1,
) -> pl.DataFrame:
    """A findings table of one row about the whole file."""
    return pl.DataFrame([(code, ligne, colonne, None, valeur, detail, nombre, None)], schema=CONSTATS, orient="row")


def situer_dans_les_documents(constats: pl.DataFrame, documents: Sequence[tuple[int, str]]) -> pl.DataFrame:
    """Findings whose lines are those of documents one after the other, with the document and its own line.

    `documents`: how many lines come before each, and its name, in their order.
    """
    avant = pl.Series([lignes for lignes, _ in documents], dtype=pl.UInt32)
    noms = pl.Series([nom for _, nom in documents], dtype=pl.String)
    # Lines begin at 1: the document of a line is the last one with fewer lines before it.
    rangs = pl.Series(avant.search_sorted(constats["ligne"].fill_null(1), side="left"), dtype=pl.Int64) - 1
    situee = constats["ligne"].is_not_null()
    return constats.with_columns(
        ligne=pl.col("ligne") - avant.gather(rangs),
        document=pl.when(situee).then(noms.gather(rangs)),
        # What counts the copies names lines in its sentence, where no document can be told.
        detail=pl.when(situee & (pl.col("code") == "DOUBLON_EXACT"))
        .then(pl.col("detail").str.replace(r" \(lignes? [^)]*\)$", ""))
        .otherwise("detail"),
    )


def sans_constat() -> pl.DataFrame:
    """An empty findings table."""
    return pl.DataFrame(schema=CONSTATS)


# Findings about a structure and not about a row: said once per received value, with the number of rows.
_PAR_VALEUR = ("HORS_PROJET", "ESSMS_ECARTE", "EJ_SANS_ESSMS_UNIQUE", "FINESS_CLE", "ZERO_PERDU")
# Findings about a way of writing: said once per column, with the first value and the number of rows.
_PAR_COLONNE = ("MOT_POUR_RIEN", "ZERO_FINAL", "DATE_ZERO", "DATES_ECHANGEES")


def est_la_suite() -> pl.Expr:
    """Of findings (columns `CONSTATS`), the one of each kind that counts the rows beyond those that are listed."""
    dits_une_fois = pl.col("code").is_in([*_PAR_VALEUR, *_PAR_COLONNE, "DOUBLON_EXACT"])
    depasse = pl.col("valeur").is_null() & (pl.len().over("code", "colonne") > LIGNES_LISTEES)
    return (pl.col("nombre") > 1) & (~dits_une_fois | depasse)


def comptes(constats: pl.DataFrame) -> pl.DataFrame:
    """The same findings, said once per kind with the first of their rows and how many they are."""
    return (
        constats.group_by("code", "colonne", "entete", maintain_order=True)
        .agg(
            pl.col("ligne").min(),
            pl.col("detail").first(),
            pl.col("nombre").cast(pl.Int64).sum().cast(pl.UInt32),
            pl.col("document").first(),
            valeur=pl.lit(None, pl.String),
        )
        .select(list(CONSTATS))
    )


class Releve:
    """The findings of a file, noted in its order: of each kind (code and column) the first `LIGNES_LISTEES`, and how many
    rows the others concern. Its size does not depend on that of the file."""

    def __init__(self) -> None:
        self._listes: dict[tuple[str, str | None], pl.DataFrame] = {}
        self._suites: dict[tuple[str, str | None], tuple[Any, ...]] = {}

    def noter(self, *constats: pl.DataFrame) -> None:
        """Add findings, each frame of one code and column."""
        for lot in constats:
            if lot.is_empty():
                continue
            genre = lot["code"][0], lot["colonne"][0]
            liste = self._listes.get(genre, sans_constat())
            du_lot = lot[list(CONSTATS)].sort("ligne", nulls_last=False, maintain_order=True)
            place = LIGNES_LISTEES - liste.height
            tous, suite = pl.concat([liste, du_lot.head(place)]), du_lot.slice(place)
            if genre[0] in (*_PAR_VALEUR, *_PAR_COLONNE):
                somme = pl.col("nombre").cast(pl.Int64).sum().cast(pl.UInt32)
                cles = [*_GENRE, *(("valeur", "detail") if genre[0] in _PAR_VALEUR else ())]
                groupes = pl.concat([tous, suite]).group_by(cles, maintain_order=True)
                tous = groupes.agg(somme, *(pl.col(c).first() for c in CONSTATS if c not in (*cles, "nombre")))[
                    list(CONSTATS)
                ]
                tous, suite = tous.head(LIGNES_LISTEES), tous.slice(LIGNES_LISTEES)
            # As Python texts: a view would keep the whole lot in memory.
            valeurs = [v and v[:_VALEUR_GARDEE] for v in tous["valeur"].to_list()]
            self._listes[genre] = tous.with_columns(valeur=pl.Series(valeurs, dtype=pl.String))
            if not suite.is_empty():
                code, ligne, colonne, entete, _, detail, nombre, _ = self._suites.get(
                    genre, (*suite.row(0)[:6], 0, None)
                )
                self._suites[genre] = (
                    code,
                    ligne,
                    colonne,
                    entete,
                    None,
                    detail,
                    nombre + int(suite["nombre"].sum()),
                    None,
                )

    def preciser(self, code: str, colonne: str, lignes: tuple[int, int], detail: str) -> None:
        """Say more of the findings of a kind that are on these lines (from, to)."""
        if (liste := self._listes.get((code, colonne))) is not None:
            dit = pl.when(pl.col("ligne").is_between(*lignes)).then(pl.lit(detail)).otherwise("detail")
            self._listes[code, colonne] = liste.with_columns(detail=dit)

    def constats(self) -> pl.DataFrame:
        """All of them (columns `CONSTATS`): about the file first, then by line; what counts the others ends its kind."""
        suites = pl.DataFrame(list(self._suites.values()), schema=CONSTATS, orient="row")
        return (
            pl.concat(
                [
                    c.with_columns(suite=fin)
                    for fin, cs in ((False, self._listes.values()), (True, [suites]))
                    for c in cs
                ]
            )
            .sort("ligne", "code", "colonne", "suite", "valeur", nulls_last=False)
            .drop("suite")
        )


def constat_des_copies(copies: pl.DataFrame) -> pl.DataFrame:
    """One finding for all the copies of a file, that names the first of them."""
    n, lignes = copies.height, copies[LIGNE].sort().head(_LIGNES_CITEES).to_list()
    ou = ("ligne " if n == 1 else "lignes ") + ", ".join(map(milliers, lignes)) + ("…" if n > len(lignes) else "")
    detail = f"{accord(n, 'ligne')} en double, {'gardée' if n == 1 else 'gardées'} une fois ({ou})"
    return constat_de_fichier("DOUBLON_EXACT", ligne=lignes[0], detail=detail).with_columns(nombre=pl.lit(n, pl.UInt32))


def detail_des_rejets(rejetees: int, comptees: int, hors_projet: int) -> str:
    """The two counts that broke the rule of the 20 % (§5), and the rows that are in neither."""
    comptes = f"{milliers(rejetees)} sur {milliers(comptees)}"
    hors = accord(hors_projet, "ligne hors projet n'entre", "lignes hors projet n'entrent")
    return f"{comptes} ({hors} dans aucun de ces deux nombres)" if hors_projet else comptes
