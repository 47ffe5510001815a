"""TDDUI: a FHIR Bundle of the national DUI transfer format, read as rows of the tables of §4.1 (specification §4.4).

`membres_json` streams any JSON object whose bulk is an array: the FINESS file is read with it too.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO, NamedTuple, NoReturn
from zoneinfo import ZoneInfo

import polars as pl

from schemas.depots import champs_de
from transforms.lecture.modele import LIGNE, SURPLUS, Feuille, LectureImpossible

TAILLE_BLOC_OCTETS = 1 << 16
TAILLE_TAMPON_CARACTERES = 1 << 20
TAILLE_ELEMENT_MAX_CARACTERES = 1 << 24
MARGE_NOMBRE_CARACTERES = 1 << 12
LIGNES_PAR_LOT = 50_000

# The tables that a bundle gives, with all their columns.
ENTETES = {table: tuple(champs_de(table)) for table in ("dossiers", "sejours", "mises_a_jour", "projets", "agenda")}

_ECHAPPEMENT = re.compile(rb"\\.", re.DOTALL)
_DANS_CHAINE = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_COUPE_SURE = re.compile(rb'(?<=[^\\])[^"\\\x80-\xff0-9A-Fa-f]|[^"\\\x80-\xff]{8}')
_REMPLISSAGE = b"." * 128
_BLANCS = re.compile(r"[ \t\n\r]*")


def _blocs_alleges(flux: BinaryIO) -> Iterator[bytes]:
    """Blocks of a JSON text whose very long strings (attachments) are cut short; everything else byte for byte.

    A string is cut where it fills a whole block: what follows, up to its closing quote, gives way to a filling long
    enough for no rule to take what is left for an identifier or a date. The cut falls behind an ASCII character
    that cannot be part of an escape (`_COUPE_SURE`), hence never inside an escape or a character of several bytes.
    """
    dans_chaine = echappe = coupee = False
    while bloc := flux.read(TAILLE_BLOC_OCTETS):
        debut = 0
        if dans_chaine:
            trouve = _DANS_CHAINE.match(bloc, 1 if echappe else 0)
            fin = trouve.end() if trouve else 0
            if bloc[fin : fin + 1] != b'"':
                echappe = fin < len(bloc)
                if not coupee and len(bloc) == TAILLE_BLOC_OCTETS and (coupe := _COUPE_SURE.search(bloc)):
                    coupee = True
                    yield bloc[: coupe.end()] + _REMPLISSAGE
                elif not coupee:
                    yield bloc
                continue
            dans_chaine = echappe = False
            debut = fin + 1
        structure = bloc[debut:]
        if b"\\" in structure:
            structure = _ECHAPPEMENT.sub(b"", structure)
        dans_chaine = structure.count(b'"') % 2 == 1
        echappe = dans_chaine and structure.endswith(b"\\")
        yield bloc[debut - 1 :] if coupee else bloc
        coupee = False


def _refuse_constante(constante: str) -> NoReturn:
    raise LectureImpossible("FICHIER_ILLISIBLE", f"« {constante} » n'est pas une valeur JSON")


def _objet_sans_doublon(paires: list[tuple[str, object]]) -> dict[str, object]:
    objet = dict(paires)
    if len(objet) != len(paires):
        raise LectureImpossible("FICHIER_ILLISIBLE", "une propriété apparaît deux fois dans le même objet JSON")
    return objet


class _TexteJson:
    """The text of a JSON file, of which only a bounded stretch is in memory."""

    def __init__(self, flux: BinaryIO, *, doublons_admis: bool) -> None:
        self._blocs = _blocs_alleges(flux)
        self._decodeur = codecs.getincrementaldecoder("utf-8-sig")()
        # Numbers stay text: an identifier must not lose a digit, and no number is computed with here.
        self._json = json.JSONDecoder(
            parse_float=str,
            parse_int=str,
            parse_constant=_refuse_constante,
            object_pairs_hook=None if doublons_admis else _objet_sans_doublon,
        )
        self._tampon = ""
        self._position = 0
        self._fini = False
        self._ligne_du_tampon = 1

    def caractere(self) -> str:
        """Next character that is not blank, left in place; "" at the end of the file."""
        while True:
            blancs = _BLANCS.match(self._tampon, self._position)
            self._position = blancs.end() if blancs else self._position
            if self._position < len(self._tampon):
                return self._tampon[self._position]
            if self._fini:
                return ""
            self._complete()

    def consomme(self, attendus: str) -> str:
        """Take the next character, which must be one of `attendus`."""
        caractere = self.caractere()
        if not caractere or caractere not in attendus:
            raise self.illisible("le contenu JSON est interrompu" if not caractere else "le contenu n'est pas du JSON")
        self._position += 1
        return caractere

    def valeur(self) -> object:
        """Take the next value, whole; its numbers are text."""
        self.caractere()
        if len(self._tampon) - self._position < MARGE_NOMBRE_CARACTERES:
            self._complete()  # a number cut by the end of the buffer would pass for a shorter one
        while True:
            try:
                valeur, self._position = self._json.raw_decode(self._tampon, self._position)
            except RecursionError:
                raise self.illisible("le contenu JSON est trop profondément imbriqué") from None
            except ValueError:
                # From None: the original error carries the text of the file.
                if self._fini:
                    raise self.illisible("le contenu JSON est invalide ou interrompu") from None
                if len(self._tampon) - self._position > TAILLE_ELEMENT_MAX_CARACTERES:
                    raise self.illisible("un élément JSON est invalide ou démesuré") from None
                self._complete()
            else:
                return valeur

    def illisible(self, detail: str) -> LectureImpossible:
        """Error at the current line."""
        ligne = self._ligne_du_tampon + self._tampon.count("\n", 0, self._position)
        return LectureImpossible("FICHIER_ILLISIBLE", detail, ligne)

    def _complete(self) -> None:
        """Let go of what is read and read on, at least as much as is left: retries on a long element stay linear."""
        self._ligne_du_tampon += self._tampon.count("\n", 0, self._position)
        morceaux = [self._tampon[self._position :]]
        manque = max(TAILLE_TAMPON_CARACTERES, len(morceaux[0]))
        self._position = 0
        while manque > 0 and not self._fini:
            bloc = next(self._blocs, b"")
            self._fini = not bloc
            try:
                morceaux.append(self._decodeur.decode(bloc, final=self._fini))
            except UnicodeDecodeError:
                raise LectureImpossible("FICHIER_ILLISIBLE", "un fichier JSON est en UTF-8, celui-ci non") from None
            manque -= len(morceaux[-1])
        self._tampon = "".join(morceaux)


class MembreJson(NamedTuple):
    """One member of a JSON object: `rang` is 0 for a plain member, 1, 2, … for the elements of an array."""

    cle: str
    rang: int
    valeur: object


def membres_json(flux: BinaryIO, *, doublons_admis: bool = False) -> Iterator[MembreJson]:
    """Members of the object a JSON file (UTF-8, with or without BOM) is made of, its arrays element by element.

    Numbers come as text. Memory: one element, without its very long strings (`_blocs_alleges`). Raises
    `LectureImpossible`: FICHIER_VIDE, CONTENU_INATTENDU (an array, not an object), FICHIER_ILLISIBLE (not JSON, broken,
    truncated, not UTF-8, NaN, nested too deep, an element of more than 16 Mi characters, a property given twice unless
    `doublons_admis`). `flux.read(n)` must give n bytes until the end, as buffered files do.
    """
    texte = _TexteJson(flux, doublons_admis=doublons_admis)
    if not texte.caractere():
        raise LectureImpossible("FICHIER_VIDE")
    if texte.caractere() == "[":
        raise LectureImpossible("CONTENU_INATTENDU", "un objet JSON était attendu, c'est une liste")
    texte.consomme("{")
    vues: set[object] = set()
    suite = texte.consomme("}") if texte.caractere() == "}" else ","
    while suite == ",":
        if texte.caractere() != '"':
            raise texte.illisible("le contenu n'est pas du JSON")
        cle = str(texte.valeur())
        if cle in vues:
            raise texte.illisible("une propriété apparaît deux fois dans le même objet JSON")
        vues.add(cle)
        texte.consomme(":")
        if texte.caractere() == "[":
            yield from _elements(texte, cle)
        else:
            yield MembreJson(cle, 0, texte.valeur())
        suite = texte.consomme(",}")
    if texte.caractere():
        raise texte.illisible("le fichier continue après la fin du JSON")


def _elements(texte: _TexteJson, cle: str) -> Iterator[MembreJson]:
    texte.consomme("[")
    suite = texte.consomme("]") if texte.caractere() == "]" else ","
    rang = 0
    while suite == ",":
        rang += 1
        yield MembreJson(cle, rang, texte.valeur())
        suite = texte.consomme(",]")


SYSTEME_USAGER = "https://identifiant-medicosocial-localusager.esante.gouv.fr"
SYSTEMES_INS = frozenset({"urn:oid:1.2.250.1.213.1.4.8", "urn:oid:1.2.250.1.213.1.4.9"})
PROFILS_PATIENT = ("tddui-patient", "tddui-patient-ins")
PROFILS_ORGANISATION = ("tddui-organization",)
TABLE_DU_PROFIL = {
    ("Encounter", "tddui-encounter-sejour"): "sejours",
    ("Encounter", "tddui-encounter-evenement"): "agenda",
    ("CarePlan", "tddui-careplan-projet-personnalise"): "projets",
}
SEJOUR_SANS_EFFET = frozenset({"cancelled", "entered-in-error"})
STATUT_PROJET = {
    "draft": "en_preparation",
    "active": "actif",
    "on-hold": "suspendu",
    "completed": "termine",
    "revoked": "annule",
    "entered-in-error": "annule",
}
STATUT_AGENDA = {
    "finished": "realise",
    "in-progress": "realise",
    "arrived": "realise",
    "onleave": "realise",
    "cancelled": "annule",
}
REFERENCES_DE_PERSONNE = ("subject", "patient", "for", "beneficiary", "actor")

_FINESS = re.compile(r"[0-9A-Z]{9}")
_USAGER_AVEC_FINESS = re.compile(r"3([0-9A-Za-z]{9})/")
_DATE_HEURE = re.compile(r"(\d{4}-\d{2}-\d{2})T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(Z|[+-]\d{2}:\d{2})?")


def texte_utile(valeur: object) -> str | None:
    """A text worth keeping, trimmed, without the lone surrogates JSON escapes can spell."""
    if not isinstance(valeur, str):
        return None
    valeur = valeur.strip()
    if not valeur.isascii():
        valeur = valeur.encode("utf-8", "replace").decode("utf-8")
    return valeur or None


def _champ(objet: object, *chemin: str) -> object:
    for cle in chemin:
        objet = objet.get(cle) if isinstance(objet, dict) else None
    return objet


def _liste(valeur: object) -> list[object]:
    if isinstance(valeur, list):
        return valeur
    return [] if valeur is None else [valeur]


def _profils(ressource: dict[str, object]) -> list[str]:
    """Canonical addresses of the profiles, without their version (`…|2.2.0`)."""
    textes = (texte_utile(profil) for profil in _liste(_champ(ressource, "meta", "profile")))
    return [texte.split("|")[0] for texte in textes if texte]


def _identifiant(ressource: dict[str, object], systemes: frozenset[str]) -> str | None:
    """First value among the identifiers of these systems."""
    for identifiant in _liste(ressource.get("identifier")):
        valeur = texte_utile(_champ(identifiant, "value"))
        if valeur and texte_utile(_champ(identifiant, "system")) in systemes:
            return valeur
    return None


def _premier_identifiant(ressource: dict[str, object]) -> str | None:
    valeurs = (texte_utile(_champ(identifiant, "value")) for identifiant in _liste(ressource.get("identifier")))
    return next((valeur for valeur in valeurs if valeur), None) or texte_utile(ressource.get("id"))


def _finess_idnst(organisation: dict[str, object]) -> str | None:
    """FINESS number of an Organization: identifier of type IDNST, kind of number `1`."""
    for identifiant in _liste(organisation.get("identifier")):
        codes = [_champ(codage, "code") for codage in _liste(_champ(identifiant, "type", "coding"))]
        valeur = texte_utile(_champ(identifiant, "value"))
        if valeur and "IDNST" in codes and valeur.startswith("1"):
            return valeur[1:].upper()
    return None


class _Annuaire:
    """Resources of one type that references lead to, and the text each stands for (None: nothing, or two things)."""

    def __init__(self, type_ressource: str) -> None:
        self._type = type_ressource
        self._valeurs: dict[str, str | None] = {}

    def inscrit(self, adresse: str | None, identifiant: str | None, valeur: str | None) -> None:
        cles = [adresse] if adresse else []
        if identifiant:
            cles.append(f"{self._type}/{identifiant}")
            if not adresse or "://" not in adresse:
                cles.append(f"/{self._type}/{identifiant}")  # an absolute reference may name it by any server
        for cle in cles:
            self._valeurs[cle] = valeur if self._valeurs.get(cle, valeur) == valeur else None

    def cle(self, base: str, reference: str) -> str | None:
        """Key of the resource a reference leads to, None outside the bundle. `base`: server of who refers to it."""
        reference = reference.split("/_history/", 1)[0]
        if "://" in reference:
            candidates = [reference, "/" + "/".join(reference.rsplit("/", 2)[-2:])]
        else:
            candidates = [f"{base}/{reference}", reference]
        return next((candidate for candidate in candidates if candidate in self._valeurs), None)

    def valeur(self, base: str, reference: str) -> str | None:
        cle = self.cle(base, reference)
        return self._valeurs[cle] if cle else None


class _Patient(NamedTuple):
    ligne: int
    usager: str | None
    ins: str | None
    maj: str | None


_SCHEMA_RESSOURCE = {
    "ligne": pl.UInt32,
    "table": pl.String,
    "personne": pl.Int32,
    "structure": pl.Int32,
    "identifiant": pl.String,
    "debut": pl.String,
    "fin": pl.String,
    "statut": pl.String,
    "maj": pl.String,
}
# The columns of _SCHEMA_RESSOURCE: `personne` and `structure` are ranks in `_Bundle.references`.
_Ressource = tuple[int, str, int | None, int | None, str | None, str | None, str | None, str | None, str | None]


@dataclass
class _Bundle:
    """What is kept of a bundle: references still unresolved, since a resource may stand before its person."""

    patients: list[_Patient] = field(default_factory=list)
    usagers: _Annuaire = field(default_factory=lambda: _Annuaire("Patient"))
    organisations: _Annuaire = field(default_factory=lambda: _Annuaire("Organization"))
    finess_organisations: dict[int, str | None] = field(default_factory=dict)
    references: dict[tuple[str, str], int] = field(default_factory=dict)
    autres_adresses: set[str] = field(default_factory=set)
    ressources: list[pl.DataFrame] = field(default_factory=list)

    def rang(self, base: str, reference: str | None) -> int | None:
        if reference is None:
            return None
        return self.references.setdefault((base, reference), len(self.references))


def _lire_bundle(flux: BinaryIO) -> _Bundle:
    bundle = _Bundle()
    lot: list[_Ressource] = []
    est_bundle = False
    for membre in membres_json(flux):
        if membre.cle == "resourceType":
            est_bundle = membre.valeur == "Bundle"
        elif membre.cle == "entry":
            if membre.rang == 0 or not isinstance(membre.valeur, dict):
                raise LectureImpossible("CONTENU_INATTENDU", "« entry » doit être une liste d'objets")
            lot.extend(_range(bundle, membre.rang, membre.valeur))
            if len(lot) >= LIGNES_PAR_LOT:
                bundle.ressources.append(pl.DataFrame(lot, schema=_SCHEMA_RESSOURCE, orient="row"))
                lot = []
    if not est_bundle:
        raise LectureImpossible("CONTENU_INATTENDU", "une ressource FHIR de type « Bundle » était attendue")
    bundle.ressources.append(pl.DataFrame(lot, schema=_SCHEMA_RESSOURCE, orient="row"))
    return bundle


def _range(bundle: _Bundle, ligne: int, entree: dict[str, object]) -> Iterator[_Ressource]:
    """File one entry: Patient and Organization in the directories, any other resource that says something as a row."""
    ressource = entree.get("resource")
    if not isinstance(ressource, dict):
        return
    type_ressource = ressource.get("resourceType")
    adresse = texte_utile(entree.get("fullUrl"))
    identifiant = texte_utile(ressource.get("id"))
    profils = _profils(ressource)
    maj = texte_utile(_champ(ressource, "meta", "lastUpdated"))
    if type_ressource == "Patient":
        usager = _identifiant(ressource, frozenset({SYSTEME_USAGER}))
        if usager or _est_tddui(profils, PROFILS_PATIENT):
            bundle.patients.append(_Patient(ligne, usager, _identifiant(ressource, SYSTEMES_INS), maj))
            bundle.usagers.inscrit(adresse, identifiant, usager)
        return
    if type_ressource == "Organization":
        finess = _finess_idnst(ressource)
        if finess or _est_tddui(profils, PROFILS_ORGANISATION):
            bundle.finess_organisations[ligne] = finess
            bundle.organisations.inscrit(adresse, identifiant, finess)
    if adresse and adresse.startswith("urn:") and type_ressource != "Encounter":
        bundle.autres_adresses.add(adresse)
    table = _table(str(type_ressource), profils)
    statut = texte_utile(ressource.get("status"))
    if table == "sejours" and statut in SEJOUR_SANS_EFFET:
        table = "mises_a_jour"
    personne = _reference_de_personne(ressource)
    if table == "mises_a_jour" and (maj is None or personne is None):
        return
    base = adresse.rsplit("/", 2)[0] if adresse and "://" in adresse else ""
    yield (
        ligne,
        table,
        bundle.rang(base, personne),
        bundle.rang(base, texte_utile(_champ(ressource, "serviceProvider", "reference"))),
        None if table == "sejours" else _premier_identifiant(ressource),
        texte_utile(_champ(ressource, "period", "start")),
        texte_utile(_champ(ressource, "period", "end")),
        statut,
        maj,
    )


def _est_tddui(profils: list[str], fins: tuple[str, ...]) -> bool:
    """Whether a Patient or an Organization is of the format: by its profile, or for want of any profile."""
    return not profils or any(profil.endswith(fins) for profil in profils)


def _table(type_ressource: str, profils: list[str]) -> str:
    """Table a resource feeds beside `mises_a_jour`, which any resource of a person feeds."""
    for (type_attendu, fin), table in TABLE_DU_PROFIL.items():
        if type_ressource == type_attendu and any(profil.endswith(fin) for profil in profils):
            return table
    return "mises_a_jour"


def _reference_de_personne(ressource: dict[str, object]) -> str | None:
    for cle in REFERENCES_DE_PERSONNE:
        for valeur in _liste(ressource.get(cle)):
            if reference := texte_utile(_champ(valeur, "reference")):
                return reference
    return None


class _Tables:
    """Rows on their way to frames, table by table."""

    def __init__(self) -> None:
        self._lignes: dict[str, list[tuple[str | int | None, ...]]] = {table: [] for table in ENTETES}
        self._lots: dict[str, list[pl.DataFrame]] = {table: [] for table in ENTETES}

    def ajoute(self, table: str, ligne: int, **cellules: str | None) -> None:
        lignes = self._lignes[table]
        lignes.append((ligne, *map(cellules.get, ENTETES[table])))
        if len(lignes) >= LIGNES_PAR_LOT:
            self._vide(table)

    def feuilles(self) -> dict[str, Feuille]:
        for table, lignes in self._lignes.items():
            if lignes:
                self._vide(table)
        return {table: Feuille(None, ENTETES[table], iter(lots)) for table, lots in self._lots.items() if lots}

    def _vide(self, table: str) -> None:
        cellules = [f"c{rang}" for rang in range(len(ENTETES[table]))]
        schema: dict[str, type[pl.DataType]] = {LIGNE: pl.UInt32, **dict.fromkeys(cellules, pl.String)}
        lot = pl.DataFrame(self._lignes[table], schema=schema, orient="row")
        self._lots[table].append(lot.select(*cellules, LIGNE, pl.lit(False).alias(SURPLUS)))
        self._lignes[table] = []


class _Structures:
    """Which ESSMS a resource belongs to (§4.4, "Structure of a resource")."""

    def __init__(self, bundle: _Bundle, seul_essms_de_ej: Mapping[str, str]) -> None:
        self._seul_essms_de_ej = seul_essms_de_ej
        self._par_reference = {
            rang: self._essms(bundle.organisations.valeur(base, reference))
            for (base, reference), rang in bundle.references.items()
        }
        distinctes = {
            self._essms(finess) or f"sans numéro {ligne}": self._essms(finess)
            for ligne, finess in bundle.finess_organisations.items()
        }
        self._seule_organisation = next(iter(distinctes.values())) if len(distinctes) == 1 else None
        self._des_sejours: dict[str, list[str | None]] = {}

    def note_sejour(self, usager: str, reference: int) -> None:
        """A séjour tells its structure: it will be that of its person's other resources."""
        structures = self._des_sejours.setdefault(usager, [])
        if self._par_reference[reference] not in structures:
            structures.append(self._par_reference[reference])

    def de(self, usager: str | None, reference: int | None = None) -> list[str | None]:
        """Structures of a resource of this person; None stands for a structure that is named but gives no FINESS."""
        if reference is not None:
            return [self._par_reference[reference]]
        if usager and (des_sejours := self._des_sejours.get(usager)):
            return [structure for structure in des_sejours if structure] or [None]
        if self._seule_organisation:
            return [self._seule_organisation]
        trouve = _USAGER_AVEC_FINESS.match(usager or "")
        return [self._essms(trouve[1].upper()) if trouve else None]

    def _essms(self, finess: str | None) -> str | None:
        """The number of an entité juridique stands for its only ESSMS; any other number, for itself."""
        return self._seul_essms_de_ej.get(finess, finess) if finess else None


def lire_tddui(
    flux: BinaryIO, *, seul_essms_de_ej: Mapping[str, str], fuseau_de: Callable[[str], str]
) -> dict[str, Feuille]:
    """Tables of text of a TDDUI bundle, by table name; only those it gives rows of (§4.4, §6.5 "Sources").

    `seul_essms_de_ej`: entité juridique → only ESSMS of the porteur's project under it, absent if there is none or
    several (`transforms.finess.entites_juridiques`). `fuseau_de`: time zone name of a FINESS (§6.1), for the day of a
    dateTime in a date column. Headers are the columns of §4.1; `ligne` is the rank of the entry, from 1.

    A row is never dropped for want of a person or of a structure: it comes with the cell empty, and the validation
    rejects it. Séjours `cancelled` or `entered-in-error` never took place: no row. A resource without structure of its
    own, of a person who has séjours in several, gives one row per structure, as the Patient itself does.

    Raises `LectureImpossible`: those of `membres_json`, CONTENU_INATTENDU (not a Bundle), AUCUNE_LIGNE.
    """
    bundle = _lire_bundle(flux)
    usagers = {rang: bundle.usagers.valeur(base, reference) for (base, reference), rang in bundle.references.items()}
    hors_personnes = {
        rang for (base, ref), rang in bundle.references.items() if not _designe_une_personne(bundle, base, ref)
    }
    structures = _Structures(bundle, seul_essms_de_ej)
    for lot in bundle.ressources:
        sejours = lot.filter((pl.col("table") == "sejours") & pl.col("structure").is_not_null())
        for personne, structure in sejours.select("personne", "structure").iter_rows():
            if usager := usagers.get(personne):
                structures.note_sejour(usager, structure)
    tables = _Tables()
    for patient in bundle.patients:
        for finess in structures.de(patient.usager):
            qui = {"finess_et": finess, "id_dossier": patient.usager}
            tables.ajoute("dossiers", patient.ligne, **qui, id_personne=patient.usager, ins=patient.ins)
            if patient.maj:
                tables.ajoute("mises_a_jour", patient.ligne, **qui, horodatage=patient.maj)
    jour_local = _JourLocal(fuseau_de)
    bundle.ressources.reverse()
    while bundle.ressources:  # each lot is let go of once its rows are made
        for ressource in bundle.ressources.pop().iter_rows():
            if ressource[1] == "mises_a_jour" and ressource[2] in hors_personnes:
                continue
            usager = usagers.get(ressource[2])
            for finess in structures.de(usager, ressource[3]):
                _ajoute_ressource(tables, ressource, finess, usager, jour_local)
    feuilles = tables.feuilles()
    if not feuilles:
        raise LectureImpossible("AUCUNE_LIGNE")
    return feuilles


def _designe_une_personne(bundle: _Bundle, base: str, reference: str) -> bool:
    """Whether a reference is one to a Patient, known or not (the subject of some resources is a group, a place, …)."""
    if bundle.usagers.cle(base, reference):
        return True
    if reference.startswith("urn:"):
        return reference not in bundle.autres_adresses
    return reference.split("/_history/", 1)[0].rsplit("/", 2)[-2:-1] == ["Patient"]


def _ajoute_ressource(
    tables: _Tables, ressource: _Ressource, finess: str | None, usager: str | None, jour_local: _JourLocal
) -> None:
    ligne, table, _personne, _structure, identifiant, debut, fin, statut, maj = ressource
    qui = {"finess_et": finess, "id_dossier": usager}
    if table == "sejours":
        entree, sortie = jour_local(debut, finess), jour_local(fin, finess)
        tables.ajoute(table, ligne, **qui, date_entree=entree, date_sortie=sortie)
    elif table == "projets":
        # A status FHIR does not translate is left as received: the validation shows it.
        statut = STATUT_PROJET.get(statut, statut) if statut else None
        dates = {"date_debut": jour_local(debut, finess), "date_fin": jour_local(fin, finess)}
        tables.ajoute(table, ligne, **qui, id_projet=identifiant, statut=statut, **dates)
    elif table == "agenda":
        statut = STATUT_AGENDA.get(statut or "", "planifie")
        tables.ajoute(table, ligne, **qui, id_evenement=identifiant, debut=debut, statut=statut)
    if maj:
        tables.ajoute("mises_a_jour", ligne, **qui, horodatage=maj)


class _JourLocal:
    """Day, in the time zone of the ESSMS, of a FHIR dateTime; anything else is left as it is for the validation."""

    def __init__(self, fuseau_de: Callable[[str], str]) -> None:
        self._fuseau_de = fuseau_de
        self._fuseaux: dict[str, ZoneInfo] = {}

    def __call__(self, texte: str | None, finess: str | None) -> str | None:
        trouve = _DATE_HEURE.fullmatch(texte or "")
        if texte is None or trouve is None:
            return texte
        if trouve[2] is None or finess is None or not _FINESS.fullmatch(finess):
            return trouve[1]
        if finess not in self._fuseaux:
            self._fuseaux[finess] = ZoneInfo(self._fuseau_de(finess))
        try:
            return datetime.fromisoformat(texte).astimezone(self._fuseaux[finess]).date().isoformat()
        except (ValueError, OverflowError):
            return texte
