"""Text to typed columns (specification §4, Types): the only place where a type is given.

Every function takes a polars expression of trimmed text (null = empty) and gives an expression that is null where the
text is not of the type; the caller compares nulls to find the bad values.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from datetime import date as date_

import polars as pl

from schemas.champs import Champ
from schemas.depots import DATE_SANS_FIN
from transforms.texte import MOT_POUR_RIEN, propre

# The years 1 to 9999, the only ones that Python's dates hold.
_ANNEE = r"(?:[1-9][0-9]{3}|[0-9][1-9][0-9]{2}|[0-9]{2}[1-9][0-9]|[0-9]{3}[1-9])"
_JOUR = rf"(?:{_ANNEE}-[0-9]{{2}}-[0-9]{{2}}|[0-9]{{2}}/[0-9]{{2}}/{_ANNEE})"
_HEURE = r"[ T](?:(?:[01]?[0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:[.,][0-9]{1,9})?)?|24:00(?::00(?:[.,]0{1,9})?)?)"
_DECALAGE = r"(?:[Zz]|[+-](?:0[0-9]|1[0-5])(?::?[0-5][0-9])?)"
INSTANT = rf"^{_JOUR}(?:{_HEURE} ?{_DECALAGE}?)?$"

# No French zone has its midnight then: a day that a program wrote as a moment.
_MINUIT_UTC = r"^.{10}[ T]0?0:00(?::00(?:[.,]0+)?)? ?(?:[Zz]|[+-]00(?::?00)?)$"
# What Excel and MySQL write for no date and is none; `00:00:00` is what a workbook gives for day 0.
_RIEN_DATE = r"^(?:0000-00-00|00/00/0000|00/01/1900|1900-01-00)(?:[ T][0-9:.,]+)?$|^00:00:00$"
# The days 0 and 1 of spreadsheets.
_JOURS_ZERO = date_(1899, 12, 30), date_(1900, 1, 1)
_ANNEE_COURTE = r"^([0-9]{2})[/.-]([0-9]{2})[/.-]([0-9]{2})(?:[ T].*)?$"

INS = r"^[0-9]{5}([0-9][0-9]|2[AB])[0-9]{6}[0-9]{2}$"
_INS_SANS_CLE = r"^[0-9]{5}(?:[0-9][0-9]|2[AB])[0-9]{6}$"

VRAI = frozenset({"o", "oui", "true", "t", "vrai", "1"})
FAUX = frozenset({"n", "non", "false", "f", "faux", "0"})

# 999 999 999 messages on a line: beyond it a sum over a region could overflow, and no mailbox sends that.
CHIFFRES_MAX = 9


def forme_comparable(texte: str) -> str:
    """A value of a list, cleaned, without case, accents, spaces, `-` and `_` (§4)."""
    decompose = unicodedata.normalize("NFKD", propre(texte))
    return "".join(c for c in decompose if not unicodedata.combining(c) and c not in " -_").casefold()


def _de_notre_ere(valeur: pl.Expr) -> pl.Expr:
    """Null outside the years 1 to 9999."""
    return pl.when(valeur.dt.year().is_between(1, 9999)).then(valeur)


def _jour(texte: pl.Expr) -> pl.Expr:
    francais = texte.str.slice(2, 1) == "/"
    return pl.coalesce(
        pl.when(~francais).then(texte.str.slice(0, 10)).str.to_date("%Y-%m-%d", strict=False),
        pl.when(francais).then(texte.str.slice(0, 10)).str.to_date("%d/%m/%Y", strict=False),
    )


def date(texte: pl.Expr) -> pl.Expr:
    """`AAAA-MM-JJ` or `JJ/MM/AAAA`, a time behind it ignored, and its offset too: where there is one, see `date_locale`."""
    return pl.when(texte.str.contains(INSTANT)).then(_jour(texte))


def date_locale(texte: pl.Expr, fuseau: pl.Expr, fuseaux: Iterable[str]) -> pl.Expr:
    """The same, with an offset the local day of the ESSMS as for `horodatage`, but midnight UTC is that very day (§4)."""
    tel_quel = decalage(texte).is_null() | texte.str.contains(_MINUIT_UTC)
    return pl.when(tel_quel).then(date(texte)).otherwise(horodatage(texte, fuseau, fuseaux).dt.date())


def sans_fin(jour: pl.Expr) -> pl.Expr:
    """The end that a day of `date_sortie` or `date_fin` says: from 2099 on none, and none on the days 0 and 1 of spreadsheets."""
    return pl.when((jour < DATE_SANS_FIN) & ~est_jour_zero(jour)).then(jour)


def est_jour_zero(jour: pl.Expr) -> pl.Expr:
    """Is it the day 0 or 1 of a spreadsheet?"""
    return jour.is_between(*_JOURS_ZERO)


def est_date_pour_rien(texte: pl.Expr) -> pl.Expr:
    """Is it what Excel and MySQL write for no date, and is none?"""
    return texte.str.contains(_RIEN_DATE)


def a_annee_courte(texte: pl.Expr) -> pl.Expr:
    """Is it a date JJ/MM/AA, or with dashes or points?"""
    deux_chiffres = texte.str.replace(r"^([0-9][/.-])", "0${1}").str.replace(r"^(...)([0-9][/.-])", "${1}0${2}")
    complet = deux_chiffres.str.replace(_ANNEE_COURTE, "${1}/${2}/20${3}")
    return texte.str.contains(r"^[0-9]{1,2}[/.-][0-9]{1,2}[/.-][0-9]{2}\b") & date(complet).is_not_null()


def mois_et_jour_echanges(texte: pl.Expr) -> pl.Expr:
    """The date of a text `MM/JJ/AAAA`, as Americans write; null for what is no such date."""
    return date(texte.str.replace(r"^([0-9]{2})/([0-9]{2})/", "${2}/${1}/"))


def _nombre(texte: pl.Expr, debut: int) -> pl.Expr:
    return texte.str.slice(debut, 2).cast(pl.Int64, strict=False)


def _heure_dite(texte: pl.Expr) -> pl.Expr:
    """The moment as it is written, its offset left aside; hours have two digits."""
    reste = texte.str.slice(10)
    micros = reste.str.extract(r"[.,]([0-9]+)").str.pad_end(6, "0").str.slice(0, 6).cast(pl.Int64)
    secondes = (
        _nombre(reste, 1).fill_null(0) * 3600
        + _nombre(reste, 4).fill_null(0) * 60
        + pl.when(reste.str.slice(6, 1) == ":").then(_nombre(reste, 7)).otherwise(0)
    )
    return _jour(texte).cast(pl.Datetime("us")) + pl.duration(
        microseconds=secondes * 1_000_000 + micros.fill_null(0), time_unit="us"
    )


def decalage(texte: pl.Expr) -> pl.Expr:
    """The offset that ends a moment, null without one."""
    return texte.str.slice(15).str.extract(rf"({_DECALAGE})$")


def _a_heure_courte(texte: pl.Expr) -> pl.Expr:
    return texte.str.slice(12, 1) == ":"


def est_irregulier(texte: pl.Expr) -> pl.Expr:
    """Does this moment have an offset, hours of one digit, or 24 of them?"""
    return decalage(texte).is_not_null() | _a_heure_courte(texte) | (texte.str.slice(11, 2) == "24")


def horodatage_local(texte: pl.Expr) -> pl.Expr:
    """`horodatage` where no text is irregular: a sixth of its cost."""
    return pl.when(texte.str.contains(INSTANT)).then(_heure_dite(texte))


def horodatage(texte: pl.Expr, fuseau: pl.Expr, fuseaux: Iterable[str]) -> pl.Expr:
    """Local civil time of the ESSMS (naive datetime, µs).

    Without an offset the text is local time already; with one it is converted to the zone that `fuseau` names (one of
    `fuseaux`) before its day is taken (§4, `horodatage`). `24:00` is the next midnight.
    """
    complet = pl.when(_a_heure_courte(texte)).then(texte.str.slice(0, 11) + "0" + texte.str.slice(11)).otherwise(texte)
    local = _heure_dite(complet)
    ecart = decalage(texte).str.replace(r"[Zz]", "+00:00").str.replace(r"^([+-][0-9]{2})$", "${1}00")
    minutes = (_nombre(ecart, 1) * 60 + ecart.str.slice(-2).cast(pl.Int64)) * (
        pl.when(ecart.str.starts_with("-")).then(-1).otherwise(1)
    )
    utc = (local - pl.duration(minutes=minutes)).dt.replace_time_zone("UTC")
    converti = pl.lit(None, pl.Datetime("us"))
    for nom in sorted(set(fuseaux)):
        heure_locale = utc.dt.convert_time_zone(nom).dt.replace_time_zone(None)
        converti = pl.when(fuseau == nom).then(heure_locale).otherwise(converti)
    valeur = pl.when(ecart.is_null()).then(local).otherwise(converti)
    return _de_notre_ere(pl.when(texte.str.contains(INSTANT)).then(valeur))


def entier(texte: pl.Expr) -> pl.Expr:
    """Decimal digits, `3,0` and `3.0` for 3 (a leading minus is read, so that a negative count is named as such)."""
    chiffres = texte.str.extract(rf"^(-?[0-9]{{1,{CHIFFRES_MAX}}})(?:[.,]0+)?$")
    return chiffres.cast(pl.Int64, strict=False)


def decimal(texte: pl.Expr) -> pl.Expr:
    """A decimal number, comma or point."""
    point = texte.str.replace(",", ".", literal=True)
    return pl.when(point.str.contains(r"^[0-9]{1,9}(\.[0-9]{1,9})?$")).then(point.cast(pl.Float64, strict=False))


def montant(texte: pl.Expr) -> pl.Expr:
    """An amount in euros and cents, as people write it: `336 000,00 €`."""
    nombre = texte.str.replace_all(r"[ €]", "").str.replace(",", ".", literal=True)
    return pl.when(nombre.str.contains(r"^[0-9]{1,12}(\.[0-9]{1,2})?$")).then(
        nombre.cast(pl.Decimal(14, 2), strict=False)
    )


def identifiant(texte: pl.Expr) -> pl.Expr:
    """An identifier as it counts: a word for nothing is none, a final `.0` of digits is dropped (§4). `texte` is clean."""
    return pl.when(~texte.str.contains(MOT_POUR_RIEN)).then(texte.str.replace(r"^([0-9]+)\.0$", "${1}"))


def _cle_ins(numero: pl.Expr) -> pl.Expr:
    """The key of the 13 characters of an INS: 97 − number mod 97, `2A`/`2B` in positions 6–7 count as 19/18."""
    chiffres = numero.str.replace(r"^(.{5})2A", "${1}19").str.replace(r"^(.{5})2B", "${1}18")
    return 97 - chiffres.cast(pl.Int64, strict=False) % 97


def ins(texte: pl.Expr) -> pl.Expr:
    """The INS of 15 characters where it is well formed and its key right, null elsewhere (§4.1)."""
    majuscule = texte.str.to_uppercase()
    cle = majuscule.str.slice(13, 2).cast(pl.Int64, strict=False)
    return pl.when(majuscule.str.contains(INS) & (_cle_ins(majuscule.str.slice(0, 13)) == cle)).then(majuscule)


def _ins_ecrit(texte: pl.Expr) -> pl.Expr:
    """Without spaces inside, final `.0` and what follows a `^` (HL7 CX form)."""
    return texte.str.to_uppercase().str.replace(r"\^.*$", "").str.replace_all(r"\s", "").str.replace(r"\.0$", "")


def est_ins_sans_cle(texte: pl.Expr) -> pl.Expr:
    """Is it an INS whose key is left out?"""
    return _ins_ecrit(texte).str.contains(_INS_SANS_CLE)


def ins_ecrit_autrement(texte: pl.Expr) -> pl.Expr:
    """`ins` of texts as people and systems write it; the key is computed where it is left out (§4.1)."""
    net = _ins_ecrit(texte)
    avec_cle = net + _cle_ins(net).cast(pl.String).str.zfill(2)
    return ins(pl.when(net.str.contains(_INS_SANS_CLE)).then(avec_cle).otherwise(net))


def correspondance(valeurs: pl.Series, champ: Champ) -> pl.DataFrame:
    """Canonical value of each distinct text of a `liste` or `bool` column: frame (`texte`, `valeur`)."""
    textes = valeurs.drop_nulls().unique().to_list()
    if champ.nature == "bool":
        booleens = [True if f in VRAI else False if f in FAUX else None for f in map(forme_comparable, textes)]
        return pl.DataFrame({"texte": textes, "valeur": booleens}, schema={"texte": pl.String, "valeur": pl.Boolean})
    connues: Mapping[str, str] = {forme_comparable(v): v for v in champ.valeurs} | {
        forme_comparable(k): v for k, v in champ.synonymes.items()
    }
    return pl.DataFrame(
        {"texte": textes, "valeur": [connues.get(forme_comparable(t)) for t in textes]},
        schema={"texte": pl.String, "valeur": pl.String},
    )
