"""Text to typed columns (specification §4, Types): the only place where a type is given.

Every function takes a polars expression of trimmed text (null = empty) and gives an expression that is null where the
text is not of the type; the caller compares nulls to find the bad values.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping

import polars as pl

from schemas.champs import Champ
from schemas.depots import DATE_SANS_FIN

# The years 1 to 9999, the only ones that Python's dates hold.
_ANNEE = r"(?:[1-9][0-9]{3}|[0-9][1-9][0-9]{2}|[0-9]{2}[1-9][0-9]|[0-9]{3}[1-9])"
_JOUR = rf"(?:{_ANNEE}-[0-9]{{2}}-[0-9]{{2}}|[0-9]{{2}}/[0-9]{{2}}/{_ANNEE})"
_HEURE = r"[ T](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:[.,][0-9]{1,9})?)?"
_DECALAGE = r"(?:[Zz]|[+-](?:0[0-9]|1[0-5]):?[0-5][0-9])"
INSTANT = rf"^{_JOUR}(?:{_HEURE} ?{_DECALAGE}?)?$"

INS = r"^[0-9]{5}([0-9][0-9]|2[AB])[0-9]{6}[0-9]{2}$"

VRAI = frozenset({"o", "oui", "true", "vrai", "1"})
FAUX = frozenset({"n", "non", "false", "faux", "0"})

# 999 999 999 messages on a line: beyond it a sum over a region could overflow, and no mailbox sends that.
CHIFFRES_MAX = 9


def forme_comparable(texte: str) -> str:
    """A value of a list without case, accents, spaces, `-` and `_` (§4)."""
    decompose = unicodedata.normalize("NFKD", texte)
    return "".join(c for c in decompose if not unicodedata.combining(c) and c not in " -_\u00a0").casefold()


def nettoyer(texte: pl.Expr) -> pl.Expr:
    """Trimmed text; empty strings and strings of spaces are null (§4)."""
    net = texte.str.strip_chars()
    return pl.when(net != "").then(net)


def _de_notre_ere(valeur: pl.Expr) -> pl.Expr:
    """Null outside the years 1 to 9999."""
    return pl.when(valeur.dt.year().is_between(1, 9999)).then(valeur)


def _jour(texte: pl.Expr) -> pl.Expr:
    francais = texte.str.slice(2, 1) == "/"
    return pl.coalesce(
        pl.when(~francais).then(texte.str.slice(0, 10)).str.to_date("%Y-%m-%d", strict=False),
        pl.when(francais).then(texte.str.slice(0, 10)).str.to_date("%d/%m/%Y", strict=False),
    )


def date(texte: pl.Expr, *, sans_fin: bool = False) -> pl.Expr:
    """`AAAA-MM-JJ` or `JJ/MM/AAAA`, a time behind it ignored; with `sans_fin`, a date from 2099 on means none."""
    jour = pl.when(texte.str.contains(INSTANT)).then(_jour(texte))
    return pl.when(jour < DATE_SANS_FIN).then(jour) if sans_fin else jour


def _nombre(texte: pl.Expr, debut: int) -> pl.Expr:
    return texte.str.slice(debut, 2).cast(pl.Int64, strict=False)


def _heure_dite(texte: pl.Expr) -> pl.Expr:
    """The moment as it is written, its offset left aside."""
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
    return texte.str.slice(16).str.extract(rf"({_DECALAGE})$")


def horodatage_local(texte: pl.Expr) -> pl.Expr:
    """`horodatage` where no text has an offset: a sixth of its cost."""
    return pl.when(texte.str.contains(INSTANT)).then(_heure_dite(texte))


def horodatage(texte: pl.Expr, fuseau: pl.Expr, fuseaux: Iterable[str]) -> pl.Expr:
    """Local civil time of the ESSMS (naive datetime, µs).

    Without an offset the text is local time already; with one it is converted to the zone that `fuseau` names (one of
    `fuseaux`) before its day is taken (§4, `horodatage`).
    """
    local = _heure_dite(texte)
    ecart = decalage(texte).str.replace(r"[Zz]", "+00:00")
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
    """Decimal digits (a leading minus is read, so that a negative count is named as such)."""
    return pl.when(texte.str.contains(rf"^-?[0-9]{{1,{CHIFFRES_MAX}}}$")).then(texte.cast(pl.Int64, strict=False))


def decimal(texte: pl.Expr) -> pl.Expr:
    """A decimal number, comma or point."""
    point = texte.str.replace(",", ".", literal=True)
    return pl.when(point.str.contains(r"^[0-9]{1,9}(\.[0-9]{1,9})?$")).then(point.cast(pl.Float64, strict=False))


def ins(texte: pl.Expr) -> pl.Expr:
    """The INS where it is well formed and its key right, null elsewhere (§4.1).

    13 characters and a 2-digit key = 97 − number mod 97; `2A`/`2B` in positions 6–7 count as 19/18.
    """
    majuscule = texte.str.to_uppercase()
    numero = (
        majuscule.str.slice(0, 13)
        .str.replace(r"^(.{5})2A", "${1}19")
        .str.replace(r"^(.{5})2B", "${1}18")
        .cast(pl.Int64, strict=False)
    )
    cle = majuscule.str.slice(13, 2).cast(pl.Int64, strict=False)
    forme = majuscule.str.contains(INS)
    return pl.when(forme & (97 - numero % 97 == cle)).then(majuscule)


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
