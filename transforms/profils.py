"""Editors' profiles (specification §4.5): the files of an editor read as those of §4, from one TOML file per editor.

A profile works on text, before validation: columns renamed, values and dates rewritten as the plain format writes them,
rows of one file shared out between tables. Whatever it does not know goes through as it is and is judged as usual, so that
a file in the plain format passes too. The profiles of `schemas/profils/` are the example to start from.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Self

import polars as pl
from pydantic import Field, StrictBool, model_validator

from schemas.depots import TABLES, champs_de, groupes_requis
from transforms import types
from transforms.lecture.entetes import Attendu, apparier, nom_normalise
from transforms.lecture.modele import LIGNE, NATIVE, SURPLUS, Feuille, LectureImpossible
from transforms.nommage import Nom, format_de, lire_nom, mots_de_partiel, plier, sans_marque
from transforms.texte import nettoyer
from transforms.traduction import Saisie, Texte, analyser_toml, comprendre

_FORMATS_DE_FICHIER = ("csv", "csv.gz", "xlsx", "parquet")
_NOM_DE_PROFIL = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_MOTS = re.compile(r"AAAA|AA|JJ|MM|HH|SS")
_DATE_DU_MOTIF = re.compile(r"\{([^{}]*)\}")
_DATE_REECRITE = re.compile(r"(?P<a>\d{4})-(?P<m>\d\d)-(?P<j>\d\d)(?: (?P<h>\d\d):(?P<i>\d\d)(?::(?P<s>\d\d))?)?")
# The century of a two-digit year, as POSIX has it: 00–68 → 20xx, 69–99 → 19xx.
_SIECLES = (("20", r"[0-5]\d|6[0-8]"), ("19", r"69|[7-9]\d"))


class ProfilInvalide(ValueError):
    """A profile that does not exist or cannot be used; the French message says what is wrong with it."""


@dataclass(frozen=True)
class FormatDate:
    """How an editor writes a date, with or without a time: `JJ-MM-AA`, `AAAAMMJJHHMM`, `JJ/MM/AAAA HH:MM:SS`…

    `MM` is the month, and the minutes once `HH` was met. `morceaux`: one letter per part (`a`, `A` for two digits, `m`, `j`,
    `h`, `i`, `s`), anything else as it stands. Raises `ProfilInvalide` when day, month or year is missing or comes twice.
    """

    texte: str
    morceaux: tuple[str, ...]

    @staticmethod
    def lire(texte: str) -> FormatDate:
        """Read a format as people write it."""
        morceaux: list[str] = []
        fin = 0
        for mot in _MOTS.finditer(texte):
            morceaux += [f"={c}" for c in texte[fin : mot.start()]]
            lettre = {"AAAA": "a", "AA": "A", "JJ": "j", "MM": "m", "HH": "h", "SS": "s"}[mot[0]]
            morceaux.append("i" if lettre == "m" and "h" in morceaux else lettre)
            fin = mot.end()
        morceaux += [f"={c}" for c in texte[fin:]]
        parts = "".join(sorted(m for m in morceaux if not m.startswith("=")))
        inconnus = {m[1] for m in morceaux if m.startswith("=") and (m[1].isdigit() or m[1] in "AJMHS\\$")}
        if inconnus or parts.casefold() not in ("ajm", "ahijm", "ahijms"):
            raise ProfilInvalide(
                f"« {texte} » n'est pas un format de date (AAAA ou AA, MM, JJ, puis si besoin HH, MM et SS)"
            )
        return FormatDate(texte, tuple(morceaux))

    @property
    def forme(self) -> str:
        """A regular expression of the texts that look like this format."""
        largeurs = {"a": r"\d{4}"}
        return "".join(re.escape(m[1:]) if m.startswith("=") else largeurs.get(m, r"\d\d") for m in self.morceaux)

    @property
    def precision(self) -> str:
        """`jour`, `minute` or `seconde`."""
        return "seconde" if "s" in self.morceaux else "minute" if "h" in self.morceaux else "jour"

    @property
    def deja_lu(self) -> bool:
        """True when the plain reader reads exactly this (`types.INSTANT`)."""
        return re.fullmatch(r"(AAAA-MM-JJ|JJ/MM/AAAA)([ T]HH:MM(:SS)?)?", self.texte) is not None

    def expressions(self) -> Iterator[tuple[str, str]]:
        """Regular expressions with their replacement: the same date as `AAAA-MM-JJ[ HH:MM[:SS]]`."""
        suite = {"jour": "", "minute": " ${h}:${i}", "seconde": " ${h}:${i}:${s}"}[self.precision]
        siecles = _SIECLES if "A" in self.morceaux else (("", r"\d{4}"),)
        for siecle, annee in siecles:
            groupes = {m: rf"(?P<{m}>\d\d)" for m in "mjhis"} | {"a": f"(?P<a>{annee})", "A": f"(?P<a>{annee})"}
            corps = "".join(re.escape(m[1:]) if m.startswith("=") else groupes[m] for m in self.morceaux)
            yield f"^{corps}$", f"{siecle}${{a}}-${{m}}-${{j}}{suite}"

    def ecrire(self, parties: Mapping[str, str]) -> str:
        """The date whose parts are given (`a` on four digits) in this format."""
        valeurs = {**parties, "A": parties["a"][2:]}
        return "".join(m[1:] if m.startswith("=") else valeurs[m] for m in self.morceaux)


class Filtre(Saisie):
    """The rows of a file that belong to a table: those with one of these values under that header of the editor."""

    colonne: Texte = Field(description="en-tête de la colonne qui dit de quelle sorte est chaque ligne")
    valeurs: tuple[Texte, ...] = Field(min_length=1, description="valeurs des lignes de cette table")


class TableProfil(Saisie):
    """How one table is found in a file of the editor.

    `connues`: normalised headers that the profile knows in the file, for this table or another. `formats`: those of the profile.
    """

    table: str = Field(json_schema_extra={"enum": list(TABLES)}, description="table du format simple")
    colonnes: dict[str, Texte] = Field(
        json_schema_extra={
            "properties": {
                c.nom: {"type": "string", "description": c.description} for t in TABLES for c in champs_de(t).values()
            }
        },
        description="notre colonne = en-tête de l'éditeur",
    )
    valeurs: dict[str, dict[str, str]] = Field({}, description="notre colonne, puis valeur de l'éditeur = la nôtre")
    filtre: Filtre | None = Field(None, description="lignes du fichier qui sont de cette table (toutes sans filtre)")
    _connues: frozenset[str] = frozenset()
    _formats: tuple[FormatDate, ...] = ()

    @model_validator(mode="after")
    def _juste(self) -> Self:
        if self.table not in TABLES:
            raise ProfilInvalide(f"« {self.table} » n'est pas une table (tables : {', '.join(TABLES)})")
        champs = champs_de(self.table)
        for nom in self.colonnes.keys() - champs.keys():
            raise ProfilInvalide(f"« {nom} » n'est pas une colonne de « {self.table} » ({', '.join(champs)})")
        for nom in (c.nom for c in champs.values() if c.colonne_requise and c.nom not in self.colonnes):
            raise ProfilInvalide(f"la colonne « {nom} » de « {self.table} » est obligatoire")
        for nom, traduites in self.valeurs.items():
            champ = champs.get(nom)
            if champ is None or champ.nature not in ("liste", "bool"):
                raise ProfilInvalide(f"« {nom} » n'est pas une colonne à liste ou oui/non de « {self.table} »")
            permises = champ.valeurs if champ.nature == "liste" else ("oui", "non")
            for valeur in (v for v, notre in traduites.items() if notre not in permises):
                raise ProfilInvalide(f"valeurs de {nom} : « {valeur} » doit donner {', '.join(permises)}")
        return self

    def entete(self, colonne: str) -> str:
        """The editor's header of one of our columns (ours where the profile has none)."""
        return self.colonnes.get(colonne, colonne)


class FichierProfil(Saisie):
    """A file of the editor."""

    motif: Texte = Field(
        description="nom du fichier sans son extension : * pour n'importe quoi, {AAAAMMJJ} pour la date d'extraction"
    )
    partiel: StrictBool = Field(False, description="vrai si le fichier n'a jamais toutes les lignes de ses structures")
    tables: tuple[TableProfil, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _juste(self) -> Self:
        _expression_du_motif(self.motif)
        if len({t.table for t in self.tables}) < len(self.tables):
            raise ProfilInvalide("une table y est décrite deux fois")
        if len(self.tables) > 1 and len({t.filtre is None for t in self.tables}) > 1:
            raise ProfilInvalide("toutes ses tables ont un filtre, ou aucune")
        return self


class Description(Saisie):
    """What a profile file says."""

    editeur: Texte = Field(description="nom de l'éditeur ou du logiciel")
    formats_de_date: tuple[Texte, ...] = Field((), description="formats de date : AAAA ou AA, MM, JJ, puis HH, MM, SS")
    fichiers: tuple[FichierProfil, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _relier(self) -> Self:
        formats = _formats(self.formats_de_date)
        for fichier in self.fichiers:
            entetes = [e for t in fichier.tables for e in t.colonnes.values()]
            entetes += [t.filtre.colonne for t in fichier.tables if t.filtre]
            for table in fichier.tables:
                table._connues, table._formats = frozenset(map(nom_normalise, entetes)), formats
        return self


@dataclass(frozen=True)
class Profil:
    """An editor's profile; `empreinte` changes with its content."""

    nom: str
    editeur: str
    fichiers: tuple[FichierProfil, ...]
    empreinte: str


# --- reading a profile -----------------------------------------------------------------------------------------------


def dossier_des_profils() -> Path:
    """Where the profiles are."""
    return Path(str(files("schemas"))) / "profils"


def disponibles() -> tuple[str, ...]:
    """Names of the profiles there are."""
    return tuple(sorted(f.stem for f in dossier_des_profils().glob("*.toml")))


def charger(nom: str) -> Profil:
    """The profile of that name. Raises `ProfilInvalide`."""
    connus = disponibles()
    if nom not in connus:
        raise ProfilInvalide(f"Le profil « {nom} » n'existe pas (profils connus : {', '.join(connus) or 'aucun'}).")
    return lire_profil(nom, (dossier_des_profils() / f"{nom}.toml").read_bytes())


def lire_profil(nom: str, contenu: bytes) -> Profil:
    """Read the TOML text of a profile. Raises `ProfilInvalide` with the name of the profile and the faulty places."""
    try:
        if not _NOM_DE_PROFIL.fullmatch(nom):
            raise ValueError("a un nom impossible : minuscules sans accent, chiffres, « - » et « _ » seulement.")
        lue = comprendre(Description, analyser_toml(contenu))
    except ValueError as erreur:
        raise ProfilInvalide(f"Le profil « {nom} » {erreur}") from erreur
    return Profil(nom, lue.editeur, lue.fichiers, hashlib.sha256(contenu).hexdigest())


def _formats(textes: Sequence[str]) -> tuple[FormatDate, ...]:
    """The date formats to rewrite; those the plain reader reads need nothing."""
    formats = [f for f in map(FormatDate.lire, textes) if not f.deja_lu]
    simples = {FormatDate.lire(j + h).forme for j in ("AAAA-MM-JJ", "JJ/MM/AAAA") for h in ("", " HH:MM", " HH:MM:SS")}
    formes = [f.forme for f in formats]
    for format_ in formats:
        if format_.forme in simples:
            raise ProfilInvalide(
                f"« {format_.texte} » ressemble trop à JJ/MM/AAAA ou AAAA-MM-JJ pour en être distingué"
            )
        if formes.count(format_.forme) > 1:
            raise ProfilInvalide(f"« {format_.texte} » ne se distingue pas d'un autre format de date")
    return tuple(formats)


# --- names of files --------------------------------------------------------------------------------------------------


@lru_cache(256)
def _expression_du_motif(motif: str) -> tuple[re.Pattern[str], FormatDate]:
    """What a folded name must match, and its date format: `*` is anything, `{AAAAMMJJ}` (or another) the extraction date."""
    dates = _DATE_DU_MOTIF.findall(motif)
    if len(dates) != 1:
        raise ProfilInvalide(f"motif « {motif} » : la date d'extraction y figure une fois, par exemple {{AAAAMMJJ}}")
    FormatDate.lire(dates[0])
    plie = FormatDate.lire(plier(dates[0]).upper())
    avant, apres = (
        ".*".join(re.escape(plier(p)) for p in morceau.split("*")) for morceau in motif.split(f"{{{dates[0]}}}", 1)
    )
    return re.compile(f"{avant}(?P<date>{plie.forme}){apres}", re.DOTALL), plie


def _nom_selon(fichier: FichierProfil, chemin: str) -> Nom | None:
    """The name of a deposit read by the pattern of a profile, both folded (§4), None when it is another name."""
    base = chemin.rpartition("/")[2]
    extension = format_de(base)
    if extension not in _FORMATS_DE_FICHIER or extension is None:
        return None
    entier = plier(base[: -len(extension) - 1])
    expression, format_ = _expression_du_motif(fichier.motif)
    trouve = expression.fullmatch(sans_marque(entier)[0]) or expression.fullmatch(entier)
    if trouve is None:
        return None
    for forme, remplacement in format_.expressions():
        texte = pl.select(pl.lit(trouve["date"]).str.replace(forme, remplacement)).item()
        if _DATE_REECRITE.fullmatch(texte):
            try:
                jour = date.fromisoformat(texte[:10])
            except ValueError:
                return None
            return Nom(fichier.tables[0].table, jour, fichier.partiel or mots_de_partiel(entier), extension)
    return None


@dataclass(frozen=True)
class SelonProfil:
    """A file as a profile may read it, from its name alone. `simple`: the table that the name says in the plain format."""

    nom: Nom
    tables: tuple[TableProfil, ...]
    simple: str | None


def candidat(profil: Profil, chemin: str) -> SelonProfil | None:
    """What the profile makes of a file from its name: by one of its patterns, else by the table that a plain name says.

    None when the profile has nothing to say of this file.
    """
    try:
        simple = lire_nom(chemin)
    except LectureImpossible:
        simple = None
    for fichier in profil.fichiers:
        nom = _nom_selon(fichier, chemin)
        if nom is not None:
            return SelonProfil(nom, fichier.tables, simple.table if simple else None)
    if simple is not None:
        for table in (t for f in profil.fichiers for t in f.tables):
            if table.table == simple.table:
                return SelonProfil(simple, (table,), simple.table)
    return None


def convient(lu: SelonProfil, entetes: Sequence[str]) -> bool:
    """Does the profile know the columns of the file at least as well as the plain format does?"""
    if lu.simple not in TABLES:
        return True
    recus = {nom_normalise(e) for e in entetes}
    par_profil = max(sum(nom_normalise(e) in recus for e in t.colonnes.values()) for t in lu.tables)
    return 0 < par_profil >= len(apparier(entetes, champs_de(lu.simple)).positions)


def attendu_selon(lu: SelonProfil, finess: frozenset[str]) -> Attendu:
    """What the table of a file of the editor is known by: its headers, or ours in their place."""
    variantes = tuple(
        tuple(
            frozenset(n for c in groupe for n in (c, nom_normalise(t.entete(c)))) for groupe in groupes_requis(t.table)
        )
        for t in lu.tables
    )
    connues = {n for t in lu.tables for n in (*t._connues, *champs_de(t.table))}
    return Attendu(variantes, frozenset(connues), finess)


def noms_rappeles(erreur: LectureImpossible, profil: Profil | None) -> LectureImpossible:
    """A refusal for its name, with the names that the editor's exports have."""
    if profil is None or erreur.code not in ("NOM_INVALIDE", "TABLE_INCONNUE"):
        return erreur
    motifs = ", ".join(f.motif.replace("{", "").replace("}", "").replace("*", "…") for f in profil.fichiers)
    detail = f"{erreur.detail} Les exports de {profil.editeur} gardent leur nom : {motifs}."
    return LectureImpossible(erreur.code, detail.strip(), erreur.ligne)


# --- rows ------------------------------------------------------------------------------------------------------------


def appliquer(feuille: Feuille, table: TableProfil) -> Feuille:
    """The rows of one table in a file of the editor, as the plain format writes them; line numbers stay.

    Raises `LectureImpossible` (CONTENU_INATTENDU) when the column that tells the tables apart is missing.
    """
    recus = [nom_normalise(e) for e in feuille.entetes]
    sources = [
        (nom, position)
        for nom, entete in table.colonnes.items()
        for position, recu in enumerate(recus)
        if recu == nom_normalise(entete)
    ]
    trouvees, prises = {nom for nom, _ in sources}, {position for _, position in sources}
    notres = set(champs_de(table.table))
    sources += [
        (recu, position)
        for position, recu in enumerate(recus)
        if recu in notres - trouvees and recu not in table._connues and position not in prises
    ]
    sources += [
        (feuille.entetes[position], position)
        for position, recu in enumerate(recus)
        if recu not in table._connues and recu not in notres
    ]
    tri = None
    if table.filtre is not None:
        entete, valeurs = table.filtre.colonne, table.filtre.valeurs
        if nom_normalise(entete) not in recus:
            detail = f"La colonne « {entete} », qui dit de quelle sorte est chaque ligne, manque."
            raise LectureImpossible("CONTENU_INATTENDU", detail)
        tri = (recus.index(nom_normalise(entete)), frozenset(map(types.forme_comparable, valeurs)))
    sources.sort(key=lambda source: source[1])
    noms = {nom: feuille.entetes[position] for nom, position in sources}
    return replace(
        feuille,
        entetes=tuple(nom for nom, _ in sources),
        lots=_reecrire(feuille.lots, sources, tri, table),
        noms=dict(table.colonnes) | noms,
    )


def _reecrire(
    lots: Iterable[pl.DataFrame],
    sources: Sequence[tuple[str, int]],
    tri: tuple[int, frozenset[str]] | None,
    table: TableProfil,
) -> Iterator[pl.DataFrame]:
    champs = champs_de(table.table)
    for brut in lots:
        lot, _ = nettoyer(brut, [c for c in brut.columns if c not in (LIGNE, SURPLUS) and not c.startswith(NATIVE)])
        retenu = lot
        if tri is not None:
            colonne, acceptees = f"c{tri[0]}", tri[1]
            sortes = [t for t in lot[colonne].drop_nulls().unique() if types.forme_comparable(t) in acceptees]
            retenu = lot.filter(pl.col(colonne).is_in(sortes))
        expressions = []
        for rang, (nom, position) in enumerate(sources):
            texte = pl.col(f"c{position}")
            if nom in table.valeurs:
                texte = _valeurs_reecrites(retenu[f"c{position}"], texte, table.valeurs[nom])
            elif nom in champs and champs[nom].nature in ("date", "horodatage"):
                texte = _dates_reecrites(texte, table._formats)
            expressions.append(texte.alias(f"c{rang}"))
            if (natives := f"{NATIVE}c{position}") in lot.columns:
                expressions.append(pl.col(natives).alias(f"{NATIVE}c{rang}"))
        yield retenu.select(*expressions, LIGNE, SURPLUS)


def _valeurs_reecrites(recues: pl.Series, texte: pl.Expr, valeurs: Mapping[str, str]) -> pl.Expr:
    comparables = {types.forme_comparable(v): notre for v, notre in valeurs.items()}
    connues = {
        recue: comparables[types.forme_comparable(recue)]
        for recue in recues.drop_nulls().unique()
        if types.forme_comparable(recue) in comparables
    }
    return texte.replace(connues) if connues else texte


def _dates_reecrites(texte: pl.Expr, formats: Sequence[FormatDate]) -> pl.Expr:
    """Dates in one of the formats as ISO text; what is no real date stays as received, for the finding to show it."""
    resultat = texte
    for format_ in formats:
        for expression, remplacement in format_.expressions():
            candidate = texte.str.replace(expression, remplacement)
            vraie = texte.str.contains(expression) & types.date(candidate).is_not_null()
            resultat = pl.when(vraie).then(candidate).otherwise(resultat)
    return resultat


# --- findings --------------------------------------------------------------------------------------------------------


def en_mots_du_porteur(constats: pl.DataFrame, table: TableProfil) -> pl.DataFrame:
    """Findings (columns `transforms.validation.constats.CONSTATS`) with the porteur's own words beside ours.

    `entete`: the editor's header of the column; rewritten dates are shown as the file has them; lists of accepted values and of
    key columns are the editor's. A date that the file already wrote in ISO form is shown in the editor's format too.
    """
    natures = {c.nom: c.nature for c in champs_de(table.table).values()}

    def valeur(ligne: Mapping[str, Any]) -> str | None:
        recue: str | None = ligne["valeur"]
        lue = _DATE_REECRITE.fullmatch(recue or "")
        if lue is None or natures.get(ligne["colonne"]) not in ("date", "horodatage"):
            return recue
        precision = "seconde" if lue["s"] else "minute" if lue["h"] else "jour"
        possibles = [f for f in table._formats if f.precision == precision]
        return possibles[0].ecrire(lue.groupdict(default="")) if len(possibles) == 1 else recue

    def detail(ligne: Mapping[str, Any]) -> str:
        texte: str = ligne["detail"]
        if ligne["code"] == "VALEUR_HORS_LISTE" and ligne["colonne"] in table.valeurs:
            return ", ".join(table.valeurs[ligne["colonne"]])
        if ligne["code"] == "CLE_EN_DOUBLE":
            return ", ".join(table.entete(c) for c in texte.split(", "))
        return texte

    lignes = constats.to_dicts()
    return constats.with_columns(
        pl.Series("entete", [table.entete(x["colonne"]) if x["colonne"] else None for x in lignes], dtype=pl.String),
        pl.Series("valeur", [valeur(x) for x in lignes], dtype=pl.String),
        pl.Series("detail", [detail(x) for x in lignes], dtype=pl.String),
    )
