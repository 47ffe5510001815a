"""What another projets.csv or depenses.csv would change against the one in place, day by day, in French (§4.6)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import polars as pl

from transforms.dire.formats import accord, citer, enumerer, euros, insecables, jour
from transforms.projets import citer_recu
from transforms.registre_projets import COMMUNES, ProjetsDuJour, RegistreProjets

# What a change is about beside the columns of the register.
AJOUTE, RETIRE, NUMERO, NUMEROS = "ajoute", "retire", "numero", "numeros"
_SANS_EFFET = ("finess_et", "finess_precedent", "debut", "fin", "numeros")
_MONTRES = 10


@dataclass(frozen=True)
class Changement:
    """What becomes of one ESSMS from `du` to `au` (both included, `date.min` and `date.max` for no bound).

    `quoi`: a column of projets.csv, or `ajoute`, `retire`, `numero` (`avant` and `apres` are its numbers), `numeros` (those
    of others whose rows count for it). `projet` and `porteur`: those it will have, or had where it goes.
    """

    quoi: str
    finess_et: str
    projet: str
    porteur: str
    avant: Any
    apres: Any
    du: date
    au: date

    @property
    def sujet(self) -> tuple[Any, ...]:
        """All but the ESSMS and the days: what is said once."""
        return self.quoi, self.projet, self.porteur, self.avant, self.apres


def comparer_registres(ancien: RegistreProjets, nouveau: RegistreProjets) -> list[Changement]:
    """The changes between two registers, each over the longest stretch of days; by ESSMS, then by date."""
    jours = sorted({*ancien.jours_de_changement(), *nouveau.jours_de_changement()})
    ouverts: dict[tuple[Any, ...], Changement] = {}
    finis = []
    for du, suivant in zip(jours, [*jours[1:], None], strict=True):
        au = suivant - timedelta(days=1) if suivant else date.max
        vus = {(finess, *sujet): (finess, *sujet) for finess, *sujet in _du_jour(ancien.au(du), nouveau.au(du))}
        for cle in ouverts.keys() - vus.keys():
            finis.append(ouverts.pop(cle))
        for cle, (finess, quoi, projet, porteur, avant, apres) in vus.items():
            debut = ouverts[cle].du if cle in ouverts else du
            ouverts[cle] = Changement(quoi, finess, projet, porteur, avant, apres, debut, au)
    return sorted([*finis, *ouverts.values()], key=lambda c: (c.finess_et, c.du, c.quoi))


def _du_jour(ancien: ProjetsDuJour, nouveau: ProjetsDuJour) -> Iterator[tuple[Any, ...]]:
    """What differs between two registers on one day: `finess_et`, then `Changement.sujet`."""
    avant, apres = ({e["finess_et"]: e for e in r.essms.iter_rows(named=True)} for r in (ancien, nouveau))
    renommes = {n: f for n, f in nouveau.autres_numeros.items() if n in avant and f not in avant}
    for finess in avant.keys() - apres.keys() - renommes.keys():
        yield finess, RETIRE, avant[finess]["projet"], avant[finess]["porteur"], None, None
    for finess in apres.keys() - avant.keys() - {*renommes.values()}:
        yield finess, AJOUTE, apres[finess]["projet"], apres[finess]["porteur"], None, None
    for numero, finess in renommes.items():
        yield finess, NUMERO, apres[finess]["projet"], apres[finess]["porteur"], numero, finess
    meme = {f: f for f in avant.keys() & apres.keys()}
    for numero, finess in (meme | renommes).items():
        la = apres[finess]
        # What a project says of itself is another matter when the ESSMS goes to another one.
        suivent = COMMUNES if avant[numero]["projet"] != la["projet"] else ()
        for colonne in la.keys() - {*_SANS_EFFET, *suivent}:
            if avant[numero][colonne] != la[colonne]:
                yield finess, colonne, la["projet"], la["porteur"], avant[numero][colonne], la[colonne]
        comptaient, comptent = _qui_comptent(ancien, numero), _qui_comptent(nouveau, finess)
        if numero == finess and (comptaient, avant[numero]["numeros"]) != (comptent, la["numeros"]):
            yield finess, NUMEROS, la["projet"], la["porteur"], comptaient, comptent


def _qui_comptent(registre: ProjetsDuJour, finess: str) -> tuple[str, ...]:
    return tuple(sorted(numero for numero, pour in registre.autres_numeros.items() if pour == finess))


def dire(changements: Iterable[Changement]) -> list[str]:
    """The changes in French, one sentence for all the ESSMS that the same thing happens to on the same days."""
    groupes: dict[tuple[Any, ...], list[Changement]] = {}
    for c in changements:
        groupes.setdefault((c.du, c.au, *c.sujet), []).append(c)
    return [insecables(_dire(memes)) for memes in groupes.values()]


def _dire(memes: list[Changement]) -> str:
    c, nombre = memes[0], len(memes)
    devient = f"passe de {_valeur(c.avant)} à {_valeur(c.apres)}"
    if c.quoi in COMMUNES:
        return f"Projet {citer(c.projet)} : « {c.quoi} » {devient}{_quand(c)}."
    numeros = ", ".join(m.finess_et for m in memes[:_MONTRES]) + ("…" if nombre > _MONTRES else "")
    projet = f"dans le projet {citer(c.projet)}, porteur {citer(c.porteur)}"
    entre, verbe = ("entre", "n'est") if nombre < 2 else ("entrent", "ne sont")
    faits = {
        AJOUTE: f"{entre} {projet}",
        RETIRE: f"{verbe} plus {projet}",
        NUMERO: f"remplace le numéro {c.avant}",
        NUMEROS: f"les lignes aux numéros {enumerer(c.apres or ())} comptent aussi pour cet ESSMS",
        "porteur": f"du porteur {_valeur(c.avant)} au porteur {_valeur(c.apres)}",
    }
    if c.quoi == NUMEROS and not c.apres:
        faits[NUMEROS] = f"les lignes aux numéros {enumerer(c.avant)} ne comptent plus pour cet ESSMS"
    return (
        f"{accord(nombre, 'ESSMS', 'ESSMS')} ({numeros}) : {faits.get(c.quoi, f'« {c.quoi} » {devient}')}{_quand(c)}."
    )


def _quand(c: Changement) -> str:
    if c.au == date.max:
        return "" if c.du == date.min else f" à partir du {jour(c.du)}"
    return f" jusqu'au {jour(c.au)}" if c.du == date.min else f" du {jour(c.du)} au {jour(c.au)}"


def _valeur(valeur: Any) -> str:
    if isinstance(valeur, Decimal):
        return euros(valeur)
    if isinstance(valeur, date):
        return jour(valeur)
    if isinstance(valeur, bool):
        return "oui" if valeur else "non"
    return "rien" if valeur is None else citer_recu(str(valeur))


def touches(changements: Iterable[Changement], jours: Iterable[date]) -> dict[date, list[str]]:
    """Of these measure dates, those that read what changes, each with the ESSMS it concerns (their new numbers)."""
    siens = {le: sorted({c.finess_et for c in changements if c.du <= le <= c.au}) for le in sorted(jours)}
    return {le: essms for le, essms in siens.items() if essms}


def dire_depenses(ancien: pl.DataFrame, nouveau: pl.DataFrame) -> list[str]:
    """What another depenses.csv would change (frames of `transforms.projets.lire_depenses`), in French."""
    avant, apres = (
        {(projet, le): montant for projet, montant, le in t.select("projet", "montant", "date").iter_rows()}
        for t in (ancien, nouveau)
    )
    return [insecables(phrase) for phrase in _depenses(avant, apres)]


def _depenses(avant: Mapping[tuple[str, date], Decimal], apres: Mapping[tuple[str, date], Decimal]) -> Iterator[str]:
    for projet, le in sorted(avant.keys() | apres.keys()):
        vieux, neuf = avant.get((projet, le)), apres.get((projet, le))
        if vieux != neuf:
            etat = f"Projet {citer_recu(projet)}, état du {jour(le)} : "
            if vieux is None:
                yield f"{etat}{euros(neuf)}, nouveau."
            elif neuf is None:
                yield f"{etat}{euros(vieux)}, retiré."
            else:
                yield f"{etat}passe de {euros(vieux)} à {euros(neuf)}."
