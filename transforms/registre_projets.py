"""The register of projects in time: which rows count on which day, and for whom a FINESS number counts (specification §4.6)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from itertools import combinations
from typing import NamedTuple

import polars as pl

from schemas.champs import champs
from schemas.referentiels import ProjetsArs
from transforms.dire.formats import enumerer, jour
from transforms.lecture.modele import LIGNE

# "the same on all rows of a project"
COMMUNES = ("portee", "date_convention", "date_debut_projet", "date_vsr", "montant_accorde")
_CONFLITS = {LIGNE: pl.UInt32, "du": pl.Date, "au": pl.Date, "raison": pl.String}


@dataclass(frozen=True)
class Alerte:
    """What is wrong in a register, and how to put it right (French)."""

    porteur: str | None
    finess_et: str | None
    message: str


@dataclass(frozen=True)
class ProjetsDuJour:
    """The register on one day.

    `essms`: one row per ESSMS (columns of `schemas.referentiels.ProjetsArs`, the columns of a project made the same on its
    rows; `numeros`: its former numbers, separated by spaces). `autres_numeros`: number received → ESSMS of the day that it
    counts for, where the two differ. `incertains`: projects that a row set aside on that day names. `alertes`: what is set
    aside on that day, and what contradicts itself.
    """

    essms: pl.DataFrame
    autres_numeros: Mapping[str, str]
    incertains: frozenset[str]
    alertes: tuple[Alerte, ...]


@dataclass(frozen=True)
class RegistreProjets:
    """The register of projects, all periods.

    `lignes`: the rows without a fault (columns of `schemas.referentiels.ProjetsArs`, and `ligne`). `fautives`: `porteur`,
    `finess_et`, `projet`, `debut`, `fin` of the others, as far as they can be read; `alertes` tells why.
    """

    lignes: pl.DataFrame
    fautives: pl.DataFrame
    alertes: tuple[Alerte, ...]

    @classmethod
    def vide(cls) -> RegistreProjets:
        """A register without a row."""
        lignes = pl.DataFrame(schema={LIGNE: pl.UInt32} | {c.nom: c.dtype for c in champs(ProjetsArs).values()})
        return cls(lignes, lignes.select("porteur", "finess_et", "projet", "debut", "fin"), ())

    @property
    def porteurs(self) -> frozenset[str]:
        """Porteurs with a row that counts at some date."""
        return frozenset(self._jugees["porteur"].to_list())

    @property
    def en_attente(self) -> frozenset[str]:
        """Porteurs whose rows are all set aside: their files wait."""
        return frozenset(self._ecartees["porteur"].to_list()) - self.porteurs

    @property
    def nommes(self) -> frozenset[str]:
        """The FINESS that a row names, set aside or not, as its number or as a former one."""
        numeros = {*self.lignes["finess_et"], *self.fautives["finess_et"].drop_nulls()}
        return frozenset(numeros.union(*self._anciens.values()))

    @property
    def projets(self) -> frozenset[str]:
        """The projects that a row names, set aside or not."""
        return frozenset(self.lignes["projet"]) | frozenset(self.fautives["projet"].drop_nulls())

    def projet(self, porteur: str) -> frozenset[str]:
        """FINESS that the files of a porteur may name: those of all its rows, whatever the period, former ones included."""
        siens = self._jugees.filter(pl.col("porteur") == porteur)["finess_et"].to_list()
        return frozenset(siens).union(*(self._anciens[f] for f in siens))

    def ecartes_de(self, porteur: str) -> frozenset[str]:
        """FINESS of a porteur that no row of its own gives it at any date, all being set aside."""
        siens = self._ecartees.filter(pl.col("porteur") == porteur)["finess_et"].drop_nulls()
        return frozenset(siens) - self.projet(porteur)

    def actuels(self, numeros: Set[str]) -> frozenset[str]:
        """Of these numbers, those that are not the former number of another of them."""
        return frozenset(numeros).difference(*(self._anciens.get(f, ()) for f in numeros))

    def souche(self, finess: str) -> str:
        """One number for all those that `finess_precedent` ties together, at any date."""
        return self._souches.get(finess, finess)

    def jours_de_changement(self) -> list[date]:
        """The first day of each stretch of time over which the register says the same, earliest first."""
        apres = [fin + timedelta(days=1) for fin in self.lignes["fin"].drop_nulls() if fin < date.max]
        return sorted({date.min, *self.lignes["debut"].drop_nulls(), *apres})

    def au(self, le: date) -> ProjetsDuJour:
        """§4.6 "A measure at D reads the rows valid at D", without those that another row sets aside on that day."""
        valides = self.lignes.filter(_valide(le)).sort(LIGNE)
        du_jour = self._conflits.filter(pl.lit(le).is_between("du", "au"))
        essms = valides.join(du_jour, on=LIGNE, how="anti")
        ecartees = pl.concat(
            [
                self.fautives.filter(_valide(le))["projet"],
                valides.join(du_jour, on=LIGNE, how="semi")["projet"],
            ]
        )
        # "the first non-empty value of the rows valid at D counts"
        communes = [pl.col(c).drop_nulls().first().over("projet") for c in COMMUNES]
        anciens = [" ".join(sorted(self._anciens[f])) or None for f in essms["finess_et"]]
        return ProjetsDuJour(
            essms.with_columns(*communes, pl.Series("numeros", anciens, dtype=pl.String)).drop(LIGNE).sort("finess_et"),
            self._autres_numeros(valides["finess_et"].to_list(), essms["finess_et"].to_list()),
            frozenset(ecartees.drop_nulls()),
            (*_dire_conflits(valides, du_jour), *_contradictions(essms)),
        )

    def _autres_numeros(self, valides: Iterable[str], gardes: Iterable[str]) -> dict[str, str]:
        """§4.6 "Rows of deposits that bear any number of a chain of finess_precedent count for the row of that chain valid
        at D": one that came before or after it, and that is nobody's on that day."""
        pour: dict[str, set[str]] = {}
        for finess in gardes:
            for numero in self._anciens[finess] | self._suivants.get(finess, frozenset()):
                pour.setdefault(numero, set()).add(finess)
        portes = frozenset(valides)
        return {numero: min(qui) for numero, qui in sorted(pour.items()) if len(qui) == 1 and numero not in portes}

    @cached_property
    def _anciens(self) -> Mapping[str, frozenset[str]]:
        """FINESS → all its numbers before, those of the former ones included."""
        directs: dict[str, set[str]] = {}
        for finess, precedents in self.lignes.select("finess_et", "finess_precedent").iter_rows():
            directs.setdefault(finess, set()).update((precedents or "").split())
        return {finess: frozenset(_atteints(finess, directs) - {finess}) for finess in directs}

    @cached_property
    def _suivants(self) -> Mapping[str, set[str]]:
        """FINESS → all its numbers after."""
        suivants: dict[str, set[str]] = {}
        for finess, anciens in self._anciens.items():
            for ancien in anciens:
                suivants.setdefault(ancien, set()).add(finess)
        return suivants

    @cached_property
    def _souches(self) -> Mapping[str, str]:
        voisins = {f: set(self._suivants.get(f, ())) | self._anciens.get(f, frozenset()) for f in self.nommes}
        return {f: min(_atteints(f, voisins)) for f, autres in voisins.items() if autres}

    @cached_property
    def _conflits(self) -> pl.DataFrame:
        return pl.DataFrame(sorted(set(_conflits(self.lignes))), schema=_CONFLITS, orient="row")

    @cached_property
    def _jugees(self) -> pl.DataFrame:
        """The rows that deposits are judged against: those that count on one day at least."""
        return self.lignes.filter(~pl.col(LIGNE).is_in(_toujours_ecartees(self.lignes, self._conflits)))

    @property
    def _ecartees(self) -> pl.DataFrame:
        toujours = self.lignes.join(self._jugees, on=LIGNE, how="anti")
        ecartees = pl.concat([table.select("porteur", "finess_et") for table in (self.fautives, toujours)])
        return ecartees.filter(pl.col("porteur").is_not_null())


def _valide(le: date) -> pl.Expr:
    return (pl.col("debut") <= le).fill_null(True) & (pl.col("fin") >= le).fill_null(True)


def _atteints(depart: str, liens: Mapping[str, Set[str]]) -> set[str]:
    """All that is reached from `depart`, itself included."""
    vus, a_voir = {depart}, [depart]
    while a_voir:
        nouveaux = liens.get(a_voir.pop(), frozenset()) - vus
        vus |= nouveaux
        a_voir += nouveaux
    return vus


class _Ligne(NamedTuple):
    """What tells whether two rows can be valid on one day."""

    ligne: int
    finess: str
    porteur: str
    projet: str
    precedents: str | None
    du: date
    au: date

    @property
    def avant(self) -> list[str]:
        return (self.precedents or "").split()


def _conflits(lignes: pl.DataFrame) -> Iterator[tuple[int, date, date, str]]:
    """Row set aside, from which day to which, and why: rows of one ESSMS valid on one day ("both"); a row one of whose former
    numbers "another row valid at the same date bears, as finess_et or as former number"."""
    colonnes = pl.col(LIGNE, "finess_et", "porteur", "projet", "finess_precedent")
    bornes = (pl.col("debut").fill_null(date.min), pl.col("fin").fill_null(date.max))
    par_numero: dict[str, list[_Ligne]] = {}
    portent: dict[str, list[_Ligne]] = {}
    for ligne in map(_Ligne._make, lignes.select(colonnes, *bornes).iter_rows()):
        par_numero.setdefault(ligne.finess, []).append(ligne)
        for numero in {ligne.finess, *ligne.avant}:
            portent.setdefault(numero, []).append(ligne)
    for memes in par_numero.values():
        for une, autre in combinations(memes, 2):
            du, au = max(une.du, autre.du), min(une.au, autre.au)
            if du <= au:
                yield une.ligne, du, au, _en_double(une, autre, du, au)
                yield autre.ligne, du, au, _en_double(autre, une, du, au)
    for une in (ligne for memes in par_numero.values() for ligne in memes):
        for numero in une.avant:
            for autre in portent[numero]:
                du, au = max(une.du, autre.du), min(une.au, autre.au)
                if autre.finess != une.finess and du <= au:
                    yield une.ligne, du, au, _numero_pris(numero, autre, du, au)


def _en_double(une: _Ligne, autre: _Ligne, du: date, au: date) -> str:
    if une.porteur != autre.porteur:
        quoi = "l'ESSMS est inscrit sous deux porteurs"
    elif une.projet != autre.projet:
        quoi = "l'ESSMS est inscrit dans deux projets"
    else:
        quoi = "l'ESSMS est inscrit deux fois avec des valeurs différentes"
    return (
        f"{quoi}{_periode(du, au)} (voir ligne {autre.ligne}) : gardez une seule ligne, ou mettez à la plus ancienne une "
        "« fin » la veille du « debut » de l'autre"
    )


def _numero_pris(numero: str, autre: _Ligne, du: date, au: date) -> str:
    comme = "le numéro" if autre.finess == numero else "un numéro d'avant"
    return (
        f"« finess_precedent » : {numero} est encore {comme} de la ligne {autre.ligne}{_periode(du, au)} : faites "
        "commencer celle-ci (« debut ») après la « fin » de l'autre, ou retirez ce numéro"
    )


def _periode(du: date, au: date) -> str:
    depuis = "" if du == date.min else f" à partir du {jour(du)}"
    if au == date.max:
        return depuis
    return f" jusqu'au {jour(au)}" if du == date.min else f" du {jour(du)} au {jour(au)}"


def _toujours_ecartees(lignes: pl.DataFrame, conflits: pl.DataFrame) -> list[int]:
    """The rows that another sets aside on every day of their period."""
    bornes = {
        ligne: (debut or date.min, fin or date.max)
        for ligne, debut, fin in lignes.select(LIGNE, "debut", "fin").iter_rows()
    }
    ecartees = set()
    for ligne, du, au in conflits.sort(LIGNE, "du").select(LIGNE, "du", "au").iter_rows():
        libre, fin = bornes[ligne]
        if du <= libre <= au:
            if au >= fin:
                ecartees.add(ligne)
            else:
                bornes[ligne] = (au + timedelta(days=1), fin)
    return sorted(ecartees)


def _dire_conflits(valides: pl.DataFrame, du_jour: pl.DataFrame) -> Iterator[Alerte]:
    raisons = du_jour.group_by(LIGNE).agg(pl.col("raison").unique().sort())
    ecartees = valides.join(raisons, on=LIGNE, how="inner").sort(LIGNE)
    for ligne, porteur, finess, pourquoi in ecartees.select(LIGNE, "porteur", "finess_et", "raison").iter_rows():
        yield Alerte(porteur, finess, f"projets.csv, ligne {ligne} écartée : {' ; '.join(pourquoi)}.")


def _contradictions(essms: pl.DataFrame) -> Iterator[Alerte]:
    """The columns of a project that its rows fill differently, empty cells apart; `essms` in the order of the file."""
    for (projet,), lignes in essms.group_by("projet", maintain_order=True):
        for colonne in ("porteur", *COMMUNES):
            premieres = lignes.drop_nulls(colonne).unique(colonne, keep="first", maintain_order=True)
            if premieres.height > 1:
                ou = enumerer([str(ligne) for ligne in premieres[LIGNE]])
                suite = "" if colonne == "porteur" else f" ; celle de la ligne {premieres[LIGNE][0]} compte"
                yield Alerte(
                    premieres["porteur"][0],
                    None,
                    f"projets.csv, projet « {projet} » : « {colonne} » n'a pas la même valeur aux lignes {ou}{suite}. "
                    + (
                        "Donnez un projet à chaque porteur."
                        if colonne == "porteur"
                        else "Mettez la même valeur à toutes les lignes du projet."
                    ),
                )
