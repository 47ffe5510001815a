"""TDDUI 1.1: CDA R2 documents of one person each, read as rows of the tables of §4.1 (specification §4.4).

The XML is streamed: memory holds one entry of a document (a séjour, an event), then what is kept of the document. A
DOCTYPE refuses it, so there is no entity and nothing is ever fetched.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import BinaryIO, NamedTuple
from xml.parsers import expat

from transforms.lecture.lignes_tddui import (
    SYSTEMES_INS,
    Cadre,
    DebutDeDocument,
    DocumentRefuse,
    DossierTransfere,
    LignesTddui,
    Transfert,
    finess_de_l_usager,
)
from transforms.lecture.modele import LectureImpossible

PROFONDEUR_MAX = 100
ELEMENTS_PAR_ENTREE_MAX = 100_000
ENTREES_MAX = 100_000
ATTRIBUT_MAX_CARACTERES = 1024
# Refused documents that are told one by one; the others are counted.
REFUSES_DITS_MAX = 100

_BLOC_OCTETS = 1 << 16
_JETON_MAX_OCTETS = 8 << 20

_ESPACE = "urn:hl7-org:v3"
_FHIR = "http://hl7.org/fhir"
_RACINE_STRUCTURE = "1.2.250.1.71.4.2.2"
_MODELE_EXPORT = "1.2.250.1.213.1.1.1.58"
_CODE_EXPORT = "EXPORT_DUI"
_MODELE_SEJOUR = "1.2.250.1.213.1.1.3.219"
_MODELE_ENTREE = "1.2.250.1.213.1.1.3.48.6"
_MODELE_SORTIE = "1.2.250.1.213.1.1.3.48.7"
_MODELE_EVENEMENT = "1.2.250.1.213.1.1.3.215"
_MODELE_STATUT = "1.2.250.1.213.1.1.3.217"
_LOINC_MISE_A_JOUR = "106177-9"
_STATUT_EVENEMENT = {"PLANIFIE": "planifie", "REALISE": "realise", "ANNULE": "annule"}
_SANS_EFFET = frozenset({"cancelled", "nullified"})

_NUMERO = re.compile(r"(3[0-9A-Za-z]{9}/.+?)-(?:SEJOUR|EVN)-", re.IGNORECASE | re.DOTALL)
_FINESS_IDNST = re.compile(r"1?([0-9A-Za-z]{9})")
_MOMENT = re.compile(r"(\d{4})(\d\d)(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:\.\d+)?)?)?([+-]\d{4})?)?")


class _Noeud:
    """An element of an entry."""

    __slots__ = ("attributs", "enfants", "ligne", "nom")

    def __init__(self, nom: str, attributs: dict[str, str], ligne: int) -> None:
        self.nom = nom
        self.attributs = attributs
        self.ligne = ligne
        self.enfants: list[_Noeud] = []

    def fils(self, *chemin: str) -> Iterator[_Noeud]:
        """Elements under this one along a path of names."""
        for enfant in self.enfants:
            if enfant.nom == chemin[0]:
                if len(chemin) == 1:
                    yield enfant
                else:
                    yield from enfant.fils(*chemin[1:])

    def valeur(self, attribut: str, *chemin: str) -> str | None:
        """The attribute of the first element along the path that has one."""
        valeurs = (fils.attributs.get(attribut, "").strip() for fils in self.fils(*chemin))
        return next((valeur for valeur in valeurs if valeur), None)

    def est(self, modele: str) -> bool:
        return any(fils.attributs.get("root") == modele for fils in self.fils("templateId"))


class _Lieu(NamedTuple):
    """What an entry says of its structure: the FINESS it names (`""`: one is named, but not by its FINESS) and its
    identifier, from which come the local number of the person and one more FINESS."""

    structure: str | None
    usager: str | None


class _Sejour(NamedTuple):
    ligne: int
    lieu: _Lieu
    debut: str | None
    fin: str | None


class _Evenement(NamedTuple):
    ligne: int
    lieu: _Lieu
    identifiant: str | None
    debut: str | None
    statut: str


class _MiseAJour(NamedTuple):
    ligne: int
    lieu: _Lieu
    moment: str


_SANS_LIEU = _Lieu(None, None)


@dataclass
class _Document:
    """What is kept of the document of one person."""

    lignes: int = 0
    ligne: int = 1
    est_export: bool = False
    ins: str | None = None
    autre_numero: str | None = None
    gestionnaire: str | None = None
    sejours: list[_Sejour] = field(default_factory=list)
    evenements: list[_Evenement] = field(default_factory=list)
    mises_a_jour: list[_MiseAJour] = field(default_factory=list)


def _iso(valeur: str | None) -> str | None:
    """A TS of HL7 (`AAAAMMJJHHMMSS+ZZzz`) as ISO 8601, to the day at least; any other text is left as it is."""
    trouve = _MOMENT.fullmatch(valeur or "")
    if trouve is None:
        return valeur
    annee, mois, jour, heure, minute, seconde, decalage = trouve.groups()
    if heure is None:
        return f"{annee}-{mois}-{jour}"
    decalage = f"{decalage[:3]}:{decalage[3:]}" if decalage else ""
    return f"{annee}-{mois}-{jour}T{heure}:{minute or '00'}:{seconde or '00'}{decalage}"


def _finess(organisation: _Noeud) -> str:
    """FINESS of what bears `id` elements; "" when none of them is one."""
    for identifiant in organisation.fils("id"):
        trouve = _FINESS_IDNST.fullmatch(identifiant.attributs.get("extension", "").strip())
        if trouve and identifiant.attributs.get("root") == _RACINE_STRUCTURE:
            return trouve[1].upper()
    return ""


def _lieu(acte: _Noeud) -> _Lieu:
    """Of an encounter: who is responsible for it, and whose number its identifier bears."""
    structure = None
    for participant in acte.fils("participant"):
        if participant.attributs.get("typeCode", "RESP") == "RESP":
            for entite in participant.fils("participantRole", "scopingEntity"):
                structure = structure or _finess(entite)
    identifiants = (fils.attributs.get("extension", "").strip() for fils in acte.fils("id"))
    trouve = next(filter(None, map(_NUMERO.match, identifiants)), None)
    return _Lieu(structure, trouve[1] if trouve else None)


class _Lecteur:
    """Handlers of the parser: builds the entries of a document one by one and keeps what they say."""

    _GARDES = frozenset({"root", "extension", "value", "code", "moodCode", "typeCode"})

    def __init__(self, analyseur: expat.XMLParserType, jour_extraction: str) -> None:
        self.document = _Document()
        self._analyseur = analyseur
        self._jour_extraction = jour_extraction
        self._profondeur = 0
        self._pile: list[_Noeud] = []
        self._saute_depuis = 0
        self._elements = 0
        self._prises = {"recordTarget": self._personne, "custodian": self._organisme, "entry": self._entree}
        analyseur.StartElementHandler = self._debut
        analyseur.EndElementHandler = self._fin
        analyseur.StartDoctypeDeclHandler = self._doctype

    def _refus(self, detail: str, code: str = "FICHIER_ILLISIBLE") -> LectureImpossible:
        return LectureImpossible(code, detail, self._analyseur.CurrentLineNumber)

    def _doctype(self, *_: object) -> None:
        raise self._refus("le document contient une déclaration DOCTYPE, qu'un document CDA n'a pas")

    def _debut(self, balise: str, attributs: dict[str, str]) -> None:
        self._profondeur += 1
        if self._profondeur > PROFONDEUR_MAX:
            raise self._refus("le document est trop profondément imbriqué")
        if self._saute_depuis:
            return
        espace, _, nom = balise.rpartition(" ")
        if self._profondeur == 1:
            self._racine(espace, nom)
            return
        if espace != _ESPACE or (self._pile and nom == "text"):
            # Other vocabularies and narratives: nothing in there is read.
            self._saute_depuis = self._profondeur
        elif self._pile or nom in self._prises:
            self._prend(nom, attributs)
        elif self._profondeur == 2:
            racine, code = attributs.get("root"), attributs.get("code")
            if (nom == "templateId" and racine == _MODELE_EXPORT) or (nom == "code" and code == _CODE_EXPORT):
                self.document.est_export = True

    def _racine(self, espace: str, nom: str) -> None:
        if (espace, nom) == (_FHIR, "Bundle"):
            raise self._refus("c'est un Bundle FHIR en XML : exportez-le en JSON", "CONTENU_INATTENDU")
        if (espace, nom) != (_ESPACE, "ClinicalDocument"):
            raise self._refus("un document CDA (ClinicalDocument) était attendu", "CONTENU_INATTENDU")

    def _prend(self, nom: str, attributs: dict[str, str]) -> None:
        self._elements += 1
        if self._elements > ELEMENTS_PAR_ENTREE_MAX:
            raise self._refus("une entrée du document est démesurée")
        gardes = {cle: valeur for cle, valeur in attributs.items() if cle in self._GARDES}
        if any(len(valeur) > ATTRIBUT_MAX_CARACTERES for valeur in gardes.values()):
            raise self._refus(f"une valeur du document dépasse {ATTRIBUT_MAX_CARACTERES} caractères")
        noeud = _Noeud(nom, gardes, self._analyseur.CurrentLineNumber)
        if self._pile:
            self._pile[-1].enfants.append(noeud)
        self._pile.append(noeud)

    def _fin(self, _balise: str) -> None:
        if self._saute_depuis:
            if self._saute_depuis == self._profondeur:
                self._saute_depuis = 0
        elif self._pile:
            noeud = self._pile.pop()
            if not self._pile:
                self._elements = 0
                self._prises[noeud.nom](noeud)
        self._profondeur -= 1

    def _personne(self, cible: _Noeud) -> None:
        for role in cible.fils("patientRole"):
            self.document.ligne = role.ligne
            for identifiant in role.fils("id"):
                valeur = identifiant.attributs.get("extension", "").strip() or None
                if identifiant.attributs.get("root") in SYSTEMES_INS:
                    self.document.ins = self.document.ins or valeur
                else:
                    self.document.autre_numero = self.document.autre_numero or valeur

    def _organisme(self, custodian: _Noeud) -> None:
        for organisation in custodian.fils("assignedCustodian", "representedCustodianOrganization"):
            self.document.gestionnaire = self.document.gestionnaire or _finess(organisation)

    def _entree(self, entree: _Noeud) -> None:
        for enfant in entree.enfants:
            self._acte(enfant, _SANS_LIEU)
        document = self.document
        if len(document.sejours) + len(document.evenements) + len(document.mises_a_jour) > ENTREES_MAX:
            raise self._refus(f"plus de {ENTREES_MAX} séjours, évènements et mises à jour pour une personne")

    def _acte(self, acte: _Noeud, lieu: _Lieu) -> None:
        """Keep what an act is, and what it holds; `lieu`: that of the séjour or event around it."""
        if acte.nom == "organizer" and acte.est(_MODELE_SEJOUR):
            lieu = self._sejour(acte)
        elif acte.nom == "encounter" and acte.est(_MODELE_EVENEMENT):
            lieu = _lieu(acte)
            self._evenement(acte, lieu)
        elif acte.nom == "observation" and acte.valeur("code", "code") == _LOINC_MISE_A_JOUR:
            moment = _iso(acte.valeur("value", "value") or acte.valeur("value", "effectiveTime"))
            if moment:
                self.document.mises_a_jour.append(_MiseAJour(acte.ligne, lieu, moment))
        for enfant in acte.enfants:
            self._acte(enfant, lieu)

    def _sejour(self, groupe: _Noeud) -> _Lieu:
        admission = next(groupe.fils("component", "encounter"), None)
        lieu = _lieu(admission) if admission else _SANS_LIEU
        if groupe.valeur("code", "statusCode") in _SANS_EFFET:
            return lieu
        debut = fin = None
        for observation in groupe.fils("component", "observation"):
            moment = observation.valeur("value", "effectiveTime")
            if observation.est(_MODELE_ENTREE):
                debut = debut or moment
            elif observation.est(_MODELE_SORTIE) and observation.attributs.get("moodCode") == "EVN":
                fin = fin or moment  # in another mood it is only planned
        if debut is None and admission:
            debut = admission.valeur("value", "effectiveTime") or admission.valeur("value", "effectiveTime", "low")
        self.document.sejours.append(_Sejour(groupe.ligne, lieu, _iso(debut), _iso(fin)))
        return lieu

    def _evenement(self, acte: _Noeud, lieu: _Lieu) -> None:
        identifiant = acte.valeur("extension", "id") or acte.valeur("root", "id")
        debut = _iso(acte.valeur("value", "effectiveTime", "low") or acte.valeur("value", "effectiveTime"))
        # Several tell the story of the event: the last one in time stands, else the last one written.
        statuts = [
            (observation.valeur("value", "effectiveTime") or "", rang, observation.valeur("code", "value") or "")
            for rang, observation in enumerate(acte.fils("entryRelationship", "observation"))
            if observation.est(_MODELE_STATUT)
        ]
        statut = _STATUT_EVENEMENT.get(max(statuts)[2].upper()) if statuts else None
        if statut is None:
            statut = "realise" if debut and debut[:10] < self._jour_extraction else "planifie"
        self.document.evenements.append(_Evenement(acte.ligne, lieu, identifiant, debut, statut))


def _lire_document(blocs: Iterable[bytes], cadre: Cadre) -> _Document:
    """What a document says. Raises `LectureImpossible`: FICHIER_VIDE, FICHIER_ILLISIBLE, CONTENU_INATTENDU."""
    analyseur = expat.ParserCreate(namespace_separator=" ")
    lecteur = _Lecteur(analyseur, cadre.date_extraction.isoformat())
    octets_lus = 0
    try:
        for bloc in blocs:
            octets_lus += len(bloc)
            analyseur.Parse(bloc, False)
            if octets_lus - analyseur.CurrentByteIndex > _JETON_MAX_OCTETS:
                raise LectureImpossible("FICHIER_ILLISIBLE", f"une balise dépasse {_JETON_MAX_OCTETS >> 20} Mio")
        if not octets_lus:
            raise LectureImpossible("FICHIER_VIDE")
        analyseur.Parse(b"", True)
    except expat.ExpatError as erreur:
        # From None: the original error may carry the text of the document.
        raise LectureImpossible("FICHIER_ILLISIBLE", "le XML est abîmé ou interrompu", erreur.lineno) from None
    except (ValueError, LookupError):
        detail = "les caractères du XML ne sont pas dans l'encodage qu'il annonce, ou cet encodage n'est pas lu"
        raise LectureImpossible("FICHIER_ILLISIBLE", detail, analyseur.CurrentLineNumber) from None
    document = lecteur.document
    if not (document.est_export or document.sejours or document.evenements):
        detail = f"ce document CDA n'est pas un export de dossier usager ({_CODE_EXPORT})"
        raise LectureImpossible("CONTENU_INATTENDU", detail)
    document.lignes = analyseur.CurrentLineNumber
    return document


class DocumentsCda:
    """Documents of one extraction, read one after the other in the order of their names.

    On one key of a state table the later document wins, as between two deposits of one date (§6.2).
    """

    def __init__(self, cadre: Cadre) -> None:
        self._cadre = cadre
        self.lignes = LignesTddui(cadre)
        self._etats: dict[tuple[object, ...], list[tuple[str, int, DossierTransfere, str | None, str | None]]] = {}
        self._documents: list[DebutDeDocument] = []
        self._lignes_avant = 0
        self._refuses: list[DocumentRefuse] = []
        self._refuses_tus = 0

    def ajoute(self, nom: str, blocs: Iterable[bytes], ligne: int | None = None) -> None:
        """Read a document; its rows are numbered behind those of the documents before, or all bear `ligne`.

        Raises `LectureImpossible`: FICHIER_VIDE, FICHIER_ILLISIBLE, CONTENU_INATTENDU (nothing of it is kept).
        """
        document = _lire_document(blocs, self._cadre)
        self._verse(document, ligne)
        if ligne is None:
            self._documents.append(DebutDeDocument(self._lignes_avant, nom))
            self._lignes_avant += document.lignes

    def refuse(self, nom: str, erreur: LectureImpossible) -> None:
        """Keep a document that cannot be read, or count it when they are many."""
        if len(self._refuses) < REFUSES_DITS_MAX:
            self._refuses.append(DocumentRefuse(nom, erreur))
        else:
            self._refuses_tus += 1

    def transfert(self) -> Transfert:
        """All that was read."""
        for lignes in self._etats.values():
            for table, ligne, dossier, *cellules in lignes:
                if table == "dossiers":
                    self.lignes.personne(ligne, dossier, cellules[0])
                else:
                    self.lignes.sejour(ligne, dossier, *cellules)
        self._etats.clear()
        refuses = list(self._refuses)
        if self._refuses_tus:
            dernier = LectureImpossible("FICHIER_ILLISIBLE", f"{self._refuses_tus} autres documents sont refusés aussi")
            refuses.append(DocumentRefuse("autres documents", dernier))
        return Transfert(self.lignes.feuilles(), refuses=tuple(refuses), documents=tuple(self._documents))

    def _verse(self, document: _Document, ligne: int | None) -> None:
        """Make the rows of a document."""

        def numero(ligne_du_document: int) -> int:
            return ligne if ligne is not None else self._lignes_avant + ligne_du_document

        structures = _Structures(document, self._cadre)
        etats: dict[tuple[object, ...], list[tuple[str, int, DossierTransfere, str | None, str | None]]] = {}

        def etat(table: str, n: int, dossier: DossierTransfere, a: str | None, b: str | None) -> None:
            cle = (table, *dossier, *((a,) if table == "sejours" else ()))
            # Without its whole key a row is like no other.
            unique = cle if None not in cle else (*cle, len(self._etats), len(etats))
            etats.setdefault(unique, []).append((table, n, dossier, a, b))

        for dossier in structures.dossiers():
            etat("dossiers", numero(document.ligne), dossier, document.ins, None)
        for sejour in document.sejours:
            etat("sejours", numero(sejour.ligne), structures.du_sejour(sejour.lieu), sejour.debut, sejour.fin)
        self._etats.update(etats)
        for evenement in document.evenements:
            for dossier in structures.de(evenement.lieu):
                cellules = {"id_evenement": evenement.identifiant, "debut": evenement.debut, "statut": evenement.statut}
                self.lignes.ajoute("agenda", numero(evenement.ligne), dossier, **cellules)
        for mise_a_jour in document.mises_a_jour:
            for dossier in structures.de(mise_a_jour.lieu):
                self.lignes.ajoute("mises_a_jour", numero(mise_a_jour.ligne), dossier, horodatage=mise_a_jour.moment)


class _Structures:
    """Which dossiers the entries of a document belong to: one per structure of the person (§4.4)."""

    def __init__(self, document: _Document, cadre: Cadre) -> None:
        self._document = document
        self._cadre = cadre
        self._numeros: dict[str | None, str] = {}
        self._des_sejours: list[str | None] = []
        for sejour in document.sejours:
            finess = self._finess_du_sejour(sejour.lieu)
            if finess not in self._des_sejours:
                self._des_sejours.append(finess)
            if sejour.lieu.usager:
                self._numeros.setdefault(finess, sejour.lieu.usager)
        lieux = chain((s.lieu for s in document.sejours), (e.lieu for e in document.evenements))
        self._numero = (
            next((lieu.usager for lieu in lieux if lieu.usager), None) or document.autre_numero or document.ins
        )
        for evenement in document.evenements:
            if evenement.lieu.usager:
                for finess in self._finess_de(evenement.lieu):
                    self._numeros.setdefault(finess, evenement.lieu.usager)

    def dossiers(self) -> list[DossierTransfere]:
        """The dossiers of the person: one per structure of a séjour, else of an event, else of the document."""
        trouvees = [f for f in self._des_sejours if f] or self._des_sejours
        if not trouvees:
            trouvees = [f for evenement in self._document.evenements for f in self._finess_de(evenement.lieu)]
        return [self._dossier(finess) for finess in dict.fromkeys(trouvees or self._finess_de(_SANS_LIEU))]

    def du_sejour(self, lieu: _Lieu) -> DossierTransfere:
        return self._dossier(self._finess_du_sejour(lieu))

    def de(self, lieu: _Lieu) -> list[DossierTransfere]:
        return [self._dossier(finess) for finess in self._finess_de(lieu)]

    def _dossier(self, finess: str | None) -> DossierTransfere:
        return DossierTransfere(finess, self._numeros.get(finess, self._numero))

    def _finess_du_sejour(self, lieu: _Lieu) -> str | None:
        if lieu.structure is not None:
            return self._cadre.essms(lieu.structure)
        return self._cadre.essms(finess_de_l_usager(lieu.usager) or self._document.gestionnaire)

    def _finess_de(self, lieu: _Lieu) -> list[str | None]:
        """Structures of anything but a séjour; None stands for a structure that is named but gives no FINESS."""
        nommee, du_numero = self._cadre.essms(lieu.structure), self._cadre.essms(finess_de_l_usager(lieu.usager))
        # What is responsible may be the organisation above the structure: the séjours know better.
        if connue := next((f for f in (nommee, du_numero) if f and f in self._des_sejours), None):
            return [connue]
        if lieu.structure is not None:
            return [nommee]
        if self._des_sejours:
            return [f for f in self._des_sejours if f] or [None]
        autre = finess_de_l_usager(self._document.autre_numero)
        return [du_numero or self._cadre.essms(self._document.gestionnaire or autre)]


def blocs_de(flux: BinaryIO) -> Iterator[bytes]:
    """An open file, block by block."""
    while bloc := flux.read(_BLOC_OCTETS):
        yield bloc
