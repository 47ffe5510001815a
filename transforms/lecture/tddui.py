"""TDDUI: a FHIR Bundle of the national DUI transfer format, read as rows of the tables of §4.1 (specification §4.4).

`membres_json` streams any JSON object whose bulk is an array: the FINESS file is read with it too.
"""

from __future__ import annotations

import binascii
import codecs
import json
import os
import re
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import chain
from pathlib import Path
from typing import BinaryIO, NamedTuple, NoReturn

import polars as pl

from transforms.lecture.cda import DocumentsCda
from transforms.lecture.lignes_tddui import (
    SYSTEMES_INS,
    Avertissement,
    Cadre,
    DossierTransfere,
    LignesTddui,
    Transfert,
    finess_de_l_usager,
)
from transforms.lecture.modele import LectureImpossible

TAILLE_BLOC_OCTETS = 1 << 16
TAILLE_TAMPON_CARACTERES = 1 << 20
TAILLE_ELEMENT_MAX_CARACTERES = 1 << 24
MARGE_NOMBRE_CARACTERES = 1 << 12
RESSOURCES_PAR_LOT = 50_000
PROFILS_DITS_MAX = 50

_ECHAPPEMENT = re.compile(rb"\\.", re.DOTALL)
_DANS_CHAINE = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_COUPE_SURE = re.compile(rb'(?<=[^\\])[^"\\\x80-\xff0-9A-Fa-f]|[^"\\\x80-\xff]{8}')
_REMPLISSAGE = b"." * 128
_COUPE = re.compile(r"\.{128}([0-9]{12})\.$")
_ECHAPPES_DE_BASE64 = re.compile(rb"\\(?:u00([0-9A-Fa-f]{2})|[/nrt])")
_BLANCS = re.compile(r"[ \t\n\r]*")


class _Recueil:
    """What is cut off very long strings that begin as XML in base64 (CDA attachments), set aside in a private folder."""

    def __init__(self, dossier: Path) -> None:
        self._fichier = tempfile.TemporaryFile(dir=dossier)  # noqa: SIM115 (lives as long as the bundle is read)
        self._places: list[tuple[int, int]] = []

    def ouvre(self, debut_de_la_chaine: bytes) -> bytes:
        """The mark of a new end of string, empty when it is not worth keeping."""
        tete = _ECHAPPES_DE_BASE64.sub(_sans_echappement, debut_de_la_chaine)[:24]
        try:
            texte = binascii.a2b_base64(tete[: len(tete) // 4 * 4])
        except binascii.Error:
            return b""
        if not texte.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").startswith(b"<"):
            return b""
        self._places.append((self._fichier.tell(), 0))
        return b"%012d." % (len(self._places) - 1)

    def ecrit(self, octets: bytes) -> None:
        self._fichier.write(octets)
        debut, taille = self._places[-1]
        self._places[-1] = debut, taille + len(octets)

    def octets(self, donnees: str) -> Iterator[bytes]:
        """The bytes of an attachment, block by block. Raises `LectureImpossible`: FICHIER_ILLISIBLE (its base64 is damaged),
        CONTENU_INATTENDU (long, and no XML)."""
        coupe = _COUPE.search(donnees)
        if donnees.endswith(_REMPLISSAGE.decode()):
            raise LectureImpossible("CONTENU_INATTENDU", "la pièce jointe n'est pas du XML")
        textes = [donnees.encode("ascii", "replace")]
        if coupe and int(coupe[1]) < len(self._places):
            textes = [donnees[: coupe.start()].encode("ascii", "replace")]
        reste = b""
        for texte in chain(textes, self._suite(int(coupe[1])) if coupe else ()):
            reste += texte.translate(None, b" \t\r\n")
            complet = len(reste) // 4 * 4
            yield _de_base64(reste[:complet])
            reste = reste[complet:]
        yield _de_base64(reste)

    def _suite(self, rang: int) -> Iterator[bytes]:
        """The end of a string that was cut, without the escapes of JSON."""
        debut, taille = self._places[rang] if rang < len(self._places) else (0, 0)
        self._fichier.flush()
        brut = b""
        for place in range(debut, debut + taille, TAILLE_BLOC_OCTETS):
            brut += os.pread(self._fichier.fileno(), min(TAILLE_BLOC_OCTETS, debut + taille - place), place)
            # An escape may be cut by the end of a block: it waits for the next one.
            entier = brut.rfind(b"\\", len(brut) - 5) if place + TAILLE_BLOC_OCTETS < debut + taille else -1
            entier = len(brut) if entier < 0 else entier
            yield _ECHAPPES_DE_BASE64.sub(_sans_echappement, brut[:entier])
            brut = brut[entier:]


def _sans_echappement(trouve: re.Match[bytes]) -> bytes:
    if trouve[1]:
        return bytes([int(trouve[1], 16)])
    return b"/" if trouve[0] == b"\\/" else b" "


def _de_base64(texte: bytes) -> bytes:
    try:
        return binascii.a2b_base64(texte, strict_mode=True) if texte else b""
    except binascii.Error:
        raise LectureImpossible("FICHIER_ILLISIBLE", "la pièce jointe n'est pas en base64, ou est tronquée") from None


def _derniere_ouverture(bloc: bytes, debut: int) -> int:
    """Place behind the last quote that is not escaped."""
    place = len(bloc)
    while (place := bloc.rfind(b'"', debut, place)) >= 0:
        barres = place - len(bloc[debut:place].rstrip(b"\\")) - debut
        if barres % 2 == 0:
            break
    return place + 1


def _blocs_alleges(flux: BinaryIO, recueil: _Recueil | None = None) -> Iterator[bytes]:
    """Blocks of a JSON text whose very long strings (attachments) are cut short; everything else byte for byte.

    A string is cut where it fills a whole block: what follows, up to its closing quote, gives way to a filling long
    enough for no rule to take what is left for an identifier or a date, and to the mark of what `recueil` keeps of it.
    The cut falls behind an ASCII character that cannot be part of an escape (`_COUPE_SURE`), hence never inside an
    escape or a character of several bytes.
    """
    dans_chaine = echappe = coupee = False
    tete = marque = b""
    while bloc := flux.read(TAILLE_BLOC_OCTETS):
        debut = 0
        if dans_chaine:
            trouve = _DANS_CHAINE.match(bloc, 1 if echappe else 0)
            fin = trouve.end() if trouve else 0
            if bloc[fin : fin + 1] != b'"':
                echappe = fin < len(bloc)
                if not coupee and len(bloc) == TAILLE_BLOC_OCTETS and (coupe := _COUPE_SURE.search(bloc)):
                    coupee = True
                    marque = recueil.ouvre((tete + bloc)[:64]) if recueil else b""
                    if recueil and marque:
                        recueil.ecrit(bloc[coupe.end() :])
                    yield bloc[: coupe.end()] + _REMPLISSAGE + marque
                elif not coupee:
                    yield bloc
                elif recueil and marque:
                    recueil.ecrit(bloc)
                continue
            if coupee and recueil and marque:
                recueil.ecrit(bloc[:fin])
            dans_chaine = echappe = False
            debut = fin + 1
        structure = bloc[debut:]
        if b"\\" in structure:
            structure = _ECHAPPEMENT.sub(b"", structure)
        dans_chaine = structure.count(b'"') % 2 == 1
        echappe = dans_chaine and structure.endswith(b"\\")
        if dans_chaine and recueil:
            tete = bloc[_derniere_ouverture(bloc, debut) :][:64]
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

    def __init__(self, flux: BinaryIO, *, doublons_admis: bool, recueil: _Recueil | None) -> None:
        self._blocs = _blocs_alleges(flux, recueil)
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


def membres_json(
    flux: BinaryIO, *, doublons_admis: bool = False, recueil: _Recueil | None = None
) -> Iterator[MembreJson]:
    """Members of the object a JSON file (UTF-8, with or without BOM) is made of, its arrays element by element.

    Numbers come as text. Memory: one element, without its very long strings (`_blocs_alleges`). Raises
    `LectureImpossible`: FICHIER_VIDE, CONTENU_INATTENDU (an array, not an object), FICHIER_ILLISIBLE (not JSON, broken,
    truncated, not UTF-8, NaN, nested too deep, an element of more than 16 Mi characters, a property given twice unless
    `doublons_admis`). `recueil` keeps what is cut off attachments. `flux.read(n)` must give n bytes until the end, as
    buffered files do.
    """
    texte = _TexteJson(flux, doublons_admis=doublons_admis, recueil=recueil)
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
URN_INS = frozenset(f"urn:oid:{systeme}" for systeme in SYSTEMES_INS)
PROFILS_PATIENT = ("tddui-patient", "tddui-patient-ins")
PROFILS_ORGANISATION = ("tddui-organization",)
# The older drafts call the plan `tddui-careplan-projet-perso`, with or without an ending of their own.
TABLE_DU_PROFIL = {
    ("Encounter", re.compile(r"tddui-encounter-sejour$")): "sejours",
    ("Encounter", re.compile(r"tddui-encounter-evenement$")): "agenda",
    ("CarePlan", re.compile(r"tddui-careplan-projet-perso[^/]*$")): "projets",
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
TYPES_XML = frozenset({"text/xml", "application/xml"})
REFERENCES_DE_PERSONNE = ("subject", "patient", "for", "beneficiary", "actor")

_PROFIL_TDDUI = re.compile(r"/(tddui-[a-z0-9-]{1,60})$")


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
    est_local: bool


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
    """What is kept of a bundle: references still unresolved, since a resource may stand before its person.

    `jours`: those of the `meta.lastUpdated`, two at most, which `dates` of the `nombre` resources bear. `non_lus`:
    resources by TDDUI profile that is not read. `pieces_jointes`: XML attachments. `documents`: the CDA documents among
    them.
    """

    cadre: Cadre
    recueil: _Recueil
    documents: DocumentsCda
    patients: list[_Patient] = field(default_factory=list)
    usagers: _Annuaire = field(default_factory=lambda: _Annuaire("Patient"))
    organisations: _Annuaire = field(default_factory=lambda: _Annuaire("Organization"))
    finess_organisations: dict[int, str | None] = field(default_factory=dict)
    references: dict[tuple[str, str], int] = field(default_factory=dict)
    autres_adresses: set[str] = field(default_factory=set)
    ressources: list[pl.DataFrame] = field(default_factory=list)
    jours: set[str] = field(default_factory=set)
    dates: int = 0
    nombre: int = 0
    non_lus: Counter[str] = field(default_factory=Counter)
    pieces_jointes: int = 0
    documents_lus: int = 0

    def rang(self, base: str, reference: str | None) -> int | None:
        if reference is None:
            return None
        return self.references.setdefault((base, reference), len(self.references))

    def note_date(self, maj: str | None) -> None:
        self.nombre += 1
        if maj:
            self.dates += 1
            if len(self.jours) < 2:
                self.jours.add(maj[:10])

    def note_non_lu(self, profils: list[str]) -> None:
        trouve = next(filter(None, map(_PROFIL_TDDUI.search, profils)), None)
        if trouve and (trouve[1] in self.non_lus or len(self.non_lus) < PROFILS_DITS_MAX):
            self.non_lus[trouve[1]] += 1

    @property
    def jour_de_l_export(self) -> date | None:
        """The only day of the `meta.lastUpdated`, when it is that of the export: every resource bears it, or the file's name."""
        if len(self.jours) != 1:
            return None
        try:
            jour = date.fromisoformat(next(iter(self.jours)))
        except ValueError:
            return None
        return jour if self.dates == self.nombre or jour == self.cadre.date_extraction else None

    def avertissements(self) -> tuple[Avertissement, ...]:
        dits = [Avertissement("PROFIL_TDDUI_NON_LU", profil, n) for profil, n in sorted(self.non_lus.items())]
        if jour := self.jour_de_l_export:
            dits.insert(0, Avertissement("MISES_A_JOUR_DU_JOUR", f"{jour:%d/%m/%Y}", self.dates))
        return tuple(dits)


def _lire_bundle(flux: BinaryIO, cadre: Cadre, dossier: Path) -> _Bundle:
    recueil = _Recueil(dossier)
    bundle = _Bundle(cadre, recueil, DocumentsCda(cadre))
    lot: list[_Ressource] = []
    est_bundle = False
    for membre in membres_json(flux, recueil=recueil):
        if membre.cle == "resourceType":
            est_bundle = membre.valeur == "Bundle"
        elif membre.cle == "entry":
            if membre.rang == 0 or not isinstance(membre.valeur, dict):
                raise LectureImpossible("CONTENU_INATTENDU", "« entry » doit être une liste d'objets")
            lot.extend(_range(bundle, membre.rang, membre.valeur))
            if len(lot) >= RESSOURCES_PAR_LOT:
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
    bundle.note_date(maj)
    if type_ressource == "Patient":
        local = _identifiant(ressource, frozenset({SYSTEME_USAGER}))
        if local or _est_tddui(profils, PROFILS_PATIENT):
            ins = _identifiant(ressource, URN_INS)
            usager = local or ins or identifiant
            bundle.patients.append(_Patient(ligne, usager, ins, maj, local is not None))
            bundle.usagers.inscrit(adresse, identifiant, usager)
        else:
            bundle.note_non_lu(profils)
        return
    if type_ressource == "DocumentReference" and _lit_les_pieces_jointes(bundle, ligne, ressource):
        return  # the date of the document itself is no mise à jour
    if type_ressource == "Organization":
        finess = _finess_idnst(ressource)
        if finess or _est_tddui(profils, PROFILS_ORGANISATION):
            bundle.finess_organisations[ligne] = finess
            bundle.organisations.inscrit(adresse, identifiant, finess)
    if adresse and adresse.startswith("urn:") and type_ressource != "Encounter":
        bundle.autres_adresses.add(adresse)
    table = _table(str(type_ressource), profils)
    if table == "mises_a_jour" and not (type_ressource == "Organization" and _est_tddui(profils, PROFILS_ORGANISATION)):
        bundle.note_non_lu(profils)
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


def _lit_les_pieces_jointes(bundle: _Bundle, ligne: int, ressource: dict[str, object]) -> bool:
    """Read the CDA documents attached to a DocumentReference (version 1.1); whether there was any, even damaged."""
    trouve = False
    for rang, contenu in enumerate(_liste(ressource.get("content")), 1):
        type_contenu = texte_utile(_champ(contenu, "attachment", "contentType")) or ""
        donnees = _champ(contenu, "attachment", "data")
        if type_contenu.split(";")[0].strip().casefold() not in TYPES_XML or not isinstance(donnees, str):
            continue
        bundle.pieces_jointes += 1
        nom = f"entrée {ligne}" if rang == 1 else f"entrée {ligne}, pièce jointe {rang}"
        try:
            bundle.documents.ajoute(nom, bundle.recueil.octets(donnees), ligne)
            bundle.documents_lus += 1
        except LectureImpossible as erreur:
            if erreur.code == "CONTENU_INATTENDU":
                continue  # another kind of document: the file goes on without it, as without a letter or a picture
            bundle.documents.refuse(nom, erreur)
        trouve = True
    return trouve


def _est_tddui(profils: list[str], fins: tuple[str, ...]) -> bool:
    """Whether a Patient or an Organization is of the format: by its profile, or for want of any profile."""
    return not profils or any(profil.endswith(fins) for profil in profils)


def _table(type_ressource: str, profils: list[str]) -> str:
    """Table a resource feeds beside `mises_a_jour`, which any resource of a person feeds."""
    for (type_attendu, fin), table in TABLE_DU_PROFIL.items():
        if type_ressource == type_attendu and any(fin.search(profil) for profil in profils):
            return table
    return "mises_a_jour"


def _reference_de_personne(ressource: dict[str, object]) -> str | None:
    for cle in REFERENCES_DE_PERSONNE:
        for valeur in _liste(ressource.get(cle)):
            if reference := texte_utile(_champ(valeur, "reference")):
                return reference
    return None


class _Structures:
    """Which ESSMS a resource belongs to (§4.4, "Structure of a resource")."""

    def __init__(self, bundle: _Bundle) -> None:
        self._essms = bundle.cadre.essms
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

    def de(self, usager: str | None, reference: int | None = None) -> list[DossierTransfere]:
        """Dossiers a resource of this person belongs to; without FINESS where a structure is named but gives none."""
        return [DossierTransfere(finess, usager) for finess in self._finess(usager, reference)]

    def _finess(self, usager: str | None, reference: int | None) -> list[str | None]:
        if reference is not None:
            return [self._par_reference[reference]]
        if usager and (des_sejours := self._des_sejours.get(usager)):
            return [structure for structure in des_sejours if structure] or [None]
        if self._seule_organisation:
            return [self._seule_organisation]
        return [self._essms(finess_de_l_usager(usager))]


def lire_tddui(flux: BinaryIO, cadre: Cadre, dossier: Path) -> Transfert:
    """Tables of text of a TDDUI bundle; only those it gives rows of (§4.4, §6.5 "Sources").

    `dossier`: a private folder, where long attachments are set aside. Headers are the columns of §4.1; `ligne` is the
    rank of the entry, from 1.

    A row is never dropped for want of a person or of a structure: it comes with the cell empty, and the validation
    rejects it. Séjours `cancelled` or `entered-in-error` never took place: no row. A resource without structure of its
    own, of a person who has séjours in several, gives one row per structure, as the Patient itself does.

    Raises `LectureImpossible`: those of `membres_json`, CONTENU_INATTENDU (not a Bundle), AUCUNE_LIGNE,
    TDDUI_SANS_DOCUMENT (version 1 without a CDA document that can be read).
    """
    bundle = _lire_bundle(flux, cadre, dossier)
    usagers = {rang: bundle.usagers.valeur(base, reference) for (base, reference), rang in bundle.references.items()}
    hors_personnes = {
        rang for (base, ref), rang in bundle.references.items() if not _designe_une_personne(bundle, base, ref)
    }
    structures = _Structures(bundle)
    for lot in bundle.ressources:
        sejours = lot.filter((pl.col("table") == "sejours") & pl.col("structure").is_not_null())
        for personne, structure in sejours.select("personne", "structure").iter_rows():
            if usager := usagers.get(personne):
                structures.note_sejour(usager, structure)
    lignes = bundle.documents.lignes
    majs_comptent = bundle.jour_de_l_export is None
    for patient in bundle.patients:
        if bundle.documents_lus and not patient.est_local:
            continue  # version 1: whom a document is about, which says it better
        for qui in structures.de(patient.usager):
            lignes.personne(patient.ligne, qui, patient.ins)
            if patient.maj and majs_comptent:
                lignes.ajoute("mises_a_jour", patient.ligne, qui, horodatage=patient.maj)
    bundle.ressources.reverse()
    while bundle.ressources:  # each lot is let go of once its rows are made
        for ressource in bundle.ressources.pop().iter_rows():
            if ressource[1] == "mises_a_jour" and (not majs_comptent or ressource[2] in hors_personnes):
                continue
            usager = usagers.get(ressource[2])
            for qui in structures.de(usager, ressource[3]):
                _ajoute_ressource(lignes, ressource, qui, majs_comptent)
    transfert = bundle.documents.transfert()
    if not transfert.feuilles:
        raise _sans_ligne(bundle, transfert)
    return replace(transfert, avertissements=bundle.avertissements())


def _sans_ligne(bundle: _Bundle, transfert: Transfert) -> LectureImpossible:
    if bundle.pieces_jointes == 0 and "tddui-documentreference" not in bundle.non_lus:
        return LectureImpossible("AUCUNE_LIGNE")
    detail = "aucune pièce jointe de type text/xml ou application/xml"
    if bundle.pieces_jointes:
        trouvees = "1 pièce jointe XML" if bundle.pieces_jointes == 1 else f"{bundle.pieces_jointes} pièces jointes XML"
        detail = f"{trouvees}, aucune n'est un document CDA d'export (EXPORT_DUI) lisible"
    if transfert.refuses:
        premiere = transfert.refuses[0]
        detail += f" ; {premiere.nom} : {premiere.erreur.detail}"
    return LectureImpossible("TDDUI_SANS_DOCUMENT", detail)


def _designe_une_personne(bundle: _Bundle, base: str, reference: str) -> bool:
    """Whether a reference is one to a Patient, known or not (the subject of some resources is a group, a place, …)."""
    if bundle.usagers.cle(base, reference):
        return True
    if reference.startswith("urn:"):
        return reference not in bundle.autres_adresses
    return reference.split("/_history/", 1)[0].rsplit("/", 2)[-2:-1] == ["Patient"]


def _ajoute_ressource(lignes: LignesTddui, ressource: _Ressource, qui: DossierTransfere, majs_comptent: bool) -> None:
    ligne, table, _personne, _structure, identifiant, debut, fin, statut, maj = ressource
    if table == "sejours":
        lignes.sejour(ligne, qui, debut, fin)
    elif table == "projets":
        # A status FHIR does not translate is left as received: the validation shows it.
        statut = STATUT_PROJET.get(statut, statut) if statut else None
        dates = {"date_debut": lignes.jour(debut, qui.finess_et), "date_fin": lignes.jour(fin, qui.finess_et)}
        lignes.ajoute(table, ligne, qui, id_projet=identifiant, statut=statut, **dates)
    elif table == "agenda":
        statut = STATUT_AGENDA.get(statut or "", "planifie")
        lignes.ajoute(table, ligne, qui, id_evenement=identifiant, debut=debut, statut=statut)
    if maj and majs_comptent:
        lignes.ajoute("mises_a_jour", ligne, qui, horodatage=maj)
