"""Editors' profiles (specification §4.5): the files of an editor read as those of §4, from one TOML file per editor.

A profile works on text, before validation: columns renamed, values and dates rewritten as the plain format writes them,
rows of one file shared out between tables. Whatever it does not know goes through as it is and is judged as usual, so that
a file in the plain format passes too. The profiles of `schemas/profils/` are the example to start from.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath
from typing import Any

import polars as pl

from schemas.depots import TABLES, champs_de
from transforms import types
from transforms.lecture.entetes import apparier, nom_normalise
from transforms.lecture.modele import LIGNE, SURPLUS, Feuille, LectureImpossible
from transforms.nommage import Nom, format_de, lire_nom

_FORMATS_DE_FICHIER = ("csv", "csv.gz", "xlsx", "parquet")
_NOM_DE_PROFIL = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_MOTS = re.compile(r"AAAA|AA|JJ|MM|HH|SS")
_DATE_DU_MOTIF = re.compile(r"\{([^{}]*)\}")
_DATE_REECRITE = re.compile(r"(?P<a>\d{4})-(?P<m>\d\d)-(?P<j>\d\d)(?: (?P<h>\d\d):(?P<i>\d\d)(?::(?P<s>\d\d))?)?")
# The century of a two-digit year, as POSIX has it: 00–68 → 20xx, 69–99 → 19xx.
_SIECLES = (("20", r"[0-5]\d|6[0-8]"), ("19", r"69|[7-9]\d"))


class ProfilInvalide(Exception):
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
                f"« {texte} » n'est pas un format de date (AAAA ou AA, MM, JJ, puis si besoin HH, MM et SS)."
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


@dataclass(frozen=True)
class TableProfil:
    """How one table is found in a file of the editor.

    `colonnes`: our column → the editor's header. `valeurs`: our column → the editor's value → ours. `filtre`: header and values
    of the rows that belong to the table, None for all of them. `connues`: normalised headers that the profile knows in the file,
    for this table or another.
    """

    table: str
    colonnes: Mapping[str, str]
    valeurs: Mapping[str, Mapping[str, str]]
    filtre: tuple[str, tuple[str, ...]] | None
    connues: frozenset[str]
    formats: tuple[FormatDate, ...]

    def entete(self, colonne: str) -> str:
        """The editor's header of one of our columns (ours where the profile has none)."""
        return self.colonnes.get(colonne, colonne)


@dataclass(frozen=True)
class FichierProfil:
    """A file of the editor: `motif` of its name, its tables; `partiel`: it never holds all rows of its structures."""

    motif: str
    partiel: bool
    tables: tuple[TableProfil, ...]


@dataclass(frozen=True)
class Profil:
    """An editor's profile; `empreinte` changes with its content."""

    nom: str
    editeur: str
    fichiers: tuple[FichierProfil, ...]
    empreinte: str


# --- reading a profile -----------------------------------------------------------------------------------------------


def _dossier() -> Traversable:
    return files("schemas").joinpath("profils")


def disponibles() -> tuple[str, ...]:
    """Names of the profiles there are."""
    return tuple(sorted(f.name[:-5] for f in _dossier().iterdir() if f.name.endswith(".toml")))


def charger(nom: str) -> Profil:
    """The profile of that name. Raises `ProfilInvalide`."""
    connus = disponibles()
    if nom not in connus:
        raise ProfilInvalide(f"Le profil « {nom} » n'existe pas (profils connus : {', '.join(connus) or 'aucun'}).")
    return lire_profil(nom, _dossier().joinpath(f"{nom}.toml").read_bytes())


def lire_profil(nom: str, contenu: bytes) -> Profil:
    """Read the TOML text of a profile. Raises `ProfilInvalide` with the name of the profile and the faulty place."""
    try:
        if not _NOM_DE_PROFIL.fullmatch(nom):
            raise ProfilInvalide("son nom n'a que des minuscules sans accent, des chiffres, « - » et « _ ».")
        brut = tomllib.loads(contenu.decode("utf-8"))
        _cles(brut, {"editeur", "formats_de_date", "fichiers"}, "le profil")
        formats = _formats(_liste(brut.get("formats_de_date", []), "formats_de_date"))
        fichiers = tuple(
            _fichier(f, f"fichier n° {rang}", formats)
            for rang, f in enumerate(_tableaux(brut.get("fichiers"), "[[fichiers]]"), 1)
        )
        editeur = _texte(brut.get("editeur"), "editeur")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as erreur:
        raise ProfilInvalide(f"Le profil « {nom} » ne peut pas être lu : {erreur}") from erreur
    except ProfilInvalide as erreur:
        raise ProfilInvalide(f"Le profil « {nom} » ne peut pas être utilisé : {erreur}") from erreur
    return Profil(nom, editeur, fichiers, hashlib.sha256(contenu).hexdigest())


def _cles(brut: Mapping[str, Any], permises: set[str], ou: str) -> None:
    inconnues = sorted(set(brut) - permises)
    if inconnues:
        raise ProfilInvalide(f"{ou} : « {inconnues[0]} » n'a pas de sens (attendu : {', '.join(sorted(permises))}).")


def _texte(valeur: Any, ou: str) -> str:
    if not isinstance(valeur, str) or not valeur.strip():
        raise ProfilInvalide(f"{ou} : un texte est attendu.")
    return valeur.strip()


def _liste(valeur: Any, ou: str) -> list[str]:
    if not isinstance(valeur, list):
        raise ProfilInvalide(f"{ou} : une liste de textes est attendue.")
    return [_texte(v, ou) for v in valeur]


def _tableaux(valeur: Any, ou: str) -> list[dict[str, Any]]:
    if not isinstance(valeur, list) or not valeur or not all(isinstance(v, dict) for v in valeur):
        raise ProfilInvalide(f"il faut au moins un {ou}.")
    return valeur


def _dictionnaire(valeur: Any, ou: str) -> dict[str, Any]:
    if not isinstance(valeur, dict):
        raise ProfilInvalide(f"{ou} : des lignes « nom = valeur » sont attendues.")
    return valeur


def _formats(textes: Sequence[str]) -> tuple[FormatDate, ...]:
    """The date formats to rewrite; those the plain reader reads need nothing."""
    formats = [f for f in map(FormatDate.lire, textes) if not f.deja_lu]
    simples = {FormatDate.lire(j + h).forme for j in ("AAAA-MM-JJ", "JJ/MM/AAAA") for h in ("", " HH:MM", " HH:MM:SS")}
    for format_ in formats:
        if format_.forme in simples:
            raise ProfilInvalide(
                f"« {format_.texte} » ressemble trop à JJ/MM/AAAA ou AAAA-MM-JJ pour en être distingué."
            )
    formes = [f.forme for f in formats]
    for format_ in formats:
        if formes.count(format_.forme) > 1:
            raise ProfilInvalide(f"« {format_.texte} » ne se distingue pas d'un autre format de date.")
    return tuple(formats)


def _fichier(brut: Mapping[str, Any], ou: str, formats: tuple[FormatDate, ...]) -> FichierProfil:
    _cles(brut, {"motif", "partiel", "tables"}, ou)
    motif = _texte(brut.get("motif"), f"{ou}, motif")
    _expression_du_motif(motif)
    partiel = brut.get("partiel", False)
    if not isinstance(partiel, bool):
        raise ProfilInvalide(f"{ou}, partiel : true ou false est attendu.")
    tables = [
        _table(t, f"{ou} ({motif})", formats) for t in _tableaux(brut.get("tables"), f"[[fichiers.tables]] ({ou})")
    ]
    noms = [t.table for t in tables]
    if len(set(noms)) < len(noms):
        raise ProfilInvalide(f"{ou} : une table y est décrite deux fois.")
    if len(tables) > 1 and any(t.filtre is None for t in tables) and any(t.filtre for t in tables):
        raise ProfilInvalide(f"{ou} : toutes ses tables ont un filtre, ou aucune.")
    connues = frozenset(
        nom_normalise(e) for t in tables for e in (*t.colonnes.values(), *([t.filtre[0]] if t.filtre else []))
    )
    return FichierProfil(motif, partiel, tuple(replace(t, connues=connues) for t in tables))


def _table(brut: Mapping[str, Any], ou: str, formats: tuple[FormatDate, ...]) -> TableProfil:
    _cles(brut, {"table", "colonnes", "valeurs", "filtre"}, ou)
    table = _texte(brut.get("table"), f"{ou}, table")
    if table not in TABLES:
        raise ProfilInvalide(f"{ou} : « {table} » n'est pas une table (tables : {', '.join(TABLES)}).")
    champs = champs_de(table)
    colonnes = {
        nom: _texte(entete, f"{ou}, colonnes, {nom}")
        for nom, entete in _dictionnaire(brut.get("colonnes"), f"{ou}, colonnes").items()
    }
    for nom in colonnes:
        if nom not in champs:
            raise ProfilInvalide(f"{ou} : « {nom} » n'est pas une colonne de « {table} » ({', '.join(champs)}).")
    manquantes = [c.nom for c in champs.values() if c.colonne_requise and c.nom not in colonnes]
    if manquantes:
        raise ProfilInvalide(f"{ou} : la colonne « {manquantes[0]} » de « {table} » est obligatoire.")
    valeurs = {
        nom: _valeurs(table, nom, _dictionnaire(v, f"{ou}, valeurs, {nom}"), ou)
        for nom, v in _dictionnaire(brut.get("valeurs", {}), f"{ou}, valeurs").items()
    }
    filtre = None
    if "filtre" in brut:
        regle = _dictionnaire(brut["filtre"], f"{ou}, filtre")
        _cles(regle, {"colonne", "valeurs"}, f"{ou}, filtre")
        acceptees = tuple(_liste(regle.get("valeurs"), f"{ou}, filtre, valeurs"))
        if not acceptees:
            raise ProfilInvalide(f"{ou}, filtre : il faut au moins une valeur.")
        filtre = (_texte(regle.get("colonne"), f"{ou}, filtre, colonne"), acceptees)
    return TableProfil(table, colonnes, valeurs, filtre, frozenset(), formats)


def _valeurs(table: str, nom: str, brut: Mapping[str, Any], ou: str) -> dict[str, str]:
    champ = champs_de(table).get(nom)
    if champ is None or champ.nature not in ("liste", "bool"):
        raise ProfilInvalide(f"{ou}, valeurs : « {nom} » n'est pas une colonne à liste ou oui/non de « {table} ».")
    permises = champ.valeurs if champ.nature == "liste" else ("oui", "non")
    for valeur, notre in brut.items():
        if notre not in permises:
            raise ProfilInvalide(f"{ou}, valeurs de {nom} : « {valeur} » doit donner {', '.join(permises)}.")
    return dict(brut)


# --- names of files --------------------------------------------------------------------------------------------------


def _expression_du_motif(motif: str) -> re.Pattern[str]:
    """`*` stands for anything, `{AAAAMMJJ}` (or another date format) for the extraction date."""
    dates = _DATE_DU_MOTIF.findall(motif)
    if len(dates) != 1:
        raise ProfilInvalide(f"motif « {motif} » : la date d'extraction y figure une fois, par exemple {{AAAAMMJJ}}.")
    format_ = FormatDate.lire(dates[0])
    avant, apres = (
        ".*".join(re.escape(p) for p in morceau.split("*")) for morceau in motif.split(f"{{{dates[0]}}}", 1)
    )
    return re.compile(f"({avant})(?P<date>{format_.forme})({apres})", re.IGNORECASE | re.DOTALL)


def _nom_selon(fichier: FichierProfil, chemin: str) -> Nom | None:
    """The name of a deposit read by the pattern of a profile, None when it is another name."""
    base = unicodedata.normalize("NFC", PurePosixPath(chemin).name)
    extension = format_de(base)
    if extension not in _FORMATS_DE_FICHIER or extension is None:
        return None
    trouve = _expression_du_motif(fichier.motif).fullmatch(base[: -len(extension) - 1])
    if trouve is None:
        return None
    format_ = FormatDate.lire(_DATE_DU_MOTIF.findall(fichier.motif)[0])
    for expression, remplacement in format_.expressions():
        texte = pl.select(pl.lit(trouve["date"]).str.replace(expression, remplacement)).item()
        if _DATE_REECRITE.fullmatch(texte):
            try:
                jour = date.fromisoformat(texte[:10])
            except ValueError:
                return None
            partiel = fichier.partiel or "partiel" in base.casefold()
            return Nom(fichier.tables[0].table, jour, partiel, extension)
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
        if recu in notres - trouvees and recu not in table.connues and position not in prises
    ]
    sources += [
        (feuille.entetes[position], position)
        for position, recu in enumerate(recus)
        if recu not in table.connues and recu not in notres
    ]
    tri = None
    if table.filtre is not None:
        entete, valeurs = table.filtre
        if nom_normalise(entete) not in recus:
            detail = f"La colonne « {entete} », qui dit de quelle sorte est chaque ligne, manque."
            raise LectureImpossible("CONTENU_INATTENDU", detail)
        tri = (recus.index(nom_normalise(entete)), frozenset(map(types.forme_comparable, valeurs)))
    return Feuille(feuille.nom, tuple(nom for nom, _ in sources), _reecrire(feuille.lots, sources, tri, table))


def _reecrire(
    lots: Iterable[pl.DataFrame],
    sources: Sequence[tuple[str, int]],
    tri: tuple[int, frozenset[str]] | None,
    table: TableProfil,
) -> Iterator[pl.DataFrame]:
    champs = champs_de(table.table)
    for lot in lots:
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
                texte = _dates_reecrites(texte, table.formats)
            expressions.append(texte.alias(f"c{rang}"))
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
    net = texte.str.strip_chars()
    resultat = texte
    for format_ in formats:
        for expression, remplacement in format_.expressions():
            candidate = net.str.replace(expression, remplacement)
            vraie = net.str.contains(expression) & types.date(candidate).is_not_null()
            resultat = pl.when(vraie).then(candidate).otherwise(resultat)
    return resultat


# --- findings --------------------------------------------------------------------------------------------------------


def en_mots_du_porteur(constats: pl.DataFrame, table: TableProfil) -> pl.DataFrame:
    """Findings (columns `transforms.validation.CONSTATS`) with the porteur's own words beside ours.

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
        possibles = [f for f in table.formats if f.precision == precision]
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
