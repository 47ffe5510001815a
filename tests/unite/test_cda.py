"""TDDUI 1.1 (§4.4): what each entry of a CDA document becomes, alone, in an archive and in a bundle. All persons are invented."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from documents_cda import FHIR, INS, Evenement, Sejour, document, maj, statut

from transforms.lecture import tddui
from transforms.lecture.archive import Limites
from transforms.lecture.cda import DocumentsCda
from transforms.lecture.lignes_tddui import Cadre
from transforms.lecture.modele import LIGNE, SURPLUS, Feuille, LectureImpossible
from transforms.lecture.ouverture import Fichier, Lecture, Piece, membres, pieces

REFERENCES = Path(__file__).parents[2].parent / "shared" / "references" / "tddui"
FOYER, ESAT, MARTINIQUE, EJ = "970400024", "970405767", "972000014", "970408589"
U = f"3{FOYER}/0001"
Ligne = tuple[Any, ...]


def lire(*contenus: bytes, extraction: date = date(2026, 4, 1), **seul_essms_de_ej: str) -> dict[str, list[Ligne]]:
    """The rows of documents read together, by table, without their line."""
    fuseaux = {"970": "Indian/Reunion", "972": "America/Martinique"}
    cadre = Cadre(
        {cle.removeprefix("ej"): valeur for cle, valeur in seul_essms_de_ej.items()},
        lambda finess: fuseaux.get(finess[:3], "Europe/Paris"),
        extraction,
    )
    documents = DocumentsCda(cadre)
    for rang, contenu in enumerate(contenus):
        documents.ajoute(f"{rang}.xml", [contenu])
    return {table: _lignes(feuille) for table, feuille in documents.transfert().feuilles.items()}


def _lignes(feuille: Feuille) -> list[Ligne]:
    return pl.concat(feuille.lots).drop(LIGNE, SURPLUS).rows()


@pytest.mark.skipif(not REFERENCES.is_dir(), reason="échantillons publics absents")
def test_exemple_public() -> None:
    usager = "3480787529/147720425367411"
    qui = ("480787529", usager)
    assert lire((REFERENCES / "tddui_v1.1_cda.xml").read_bytes()) == {
        "dossiers": [(*qui, usager, "147720425367411", None, None, None)],
        "sejours": [(*qui, "2023-04-14", None)],  # its exit is only planned
        "agenda": [(*qui, f"{usager}-EVN-12548", "2023-04-14T10:30:00+02:00", "realise")],
        "mises_a_jour": [(*qui, "2023-04-14T11:15:00+02:00")],
    }


def test_entree_par_sa_modalite_sinon_l_admission() -> None:
    lues = lire(
        document(
            Sejour(f"{U}-SEJOUR-1", FOYER, admission="20250601", entree="20250603"),
            Sejour(f"{U}-SEJOUR-2", FOYER, admission="20240601", sortie="20240901"),
            Sejour(f"{U}-SEJOUR-3", FOYER, admission="20230601", sortie="20230901", humeur="INT"),
            Sejour(f"{U}-SEJOUR-4", FOYER, admission="20220601", etat="cancelled"),
        )
    )
    assert [ligne[2:] for ligne in lues["sejours"]] == [
        ("2025-06-03", None),
        ("2024-06-01", "2024-09-01"),
        ("2023-06-01", None),
    ]


@pytest.mark.parametrize(
    ("recu", "jour"),
    [
        ("20251231213000+0000", "2026-01-01"),
        ("202512312130+0000", "2026-01-01"),
        ("2025123121+0000", "2026-01-01"),
        ("20251231213000.123+0100", "2026-01-01"),
        ("20251231213000", "2025-12-31"),
        ("20251231", "2025-12-31"),
        ("202512", "202512"),
        ("31/12/2025", "31/12/2025"),
    ],
)
def test_date_hl7_donne_le_jour_local(recu: str, jour: str) -> None:
    lues = lire(document(Sejour(f"{U}-SEJOUR-1", FOYER, admission=recu, sortie=recu)))
    assert lues["sejours"][0][2:] == (jour, jour)


def test_minuit_en_temps_universel_est_ce_jour() -> None:
    """Programs write a day so; in Martinique the moment is of the day before."""
    lues = lire(
        document(Sejour(f"3{MARTINIQUE}/1-SEJOUR-1", MARTINIQUE, "20260101000000+0000", sortie="20260102010000+0000"))
    )
    assert lues["sejours"][0][2:] == ("2026-01-01", "2026-01-01")


@pytest.mark.parametrize(
    ("autres", "debut", "attendu"),
    [
        (statut("PLANIFIE"), "20260310103000+0100", "planifie"),
        (statut("REALISE"), "20260510103000+0100", "realise"),
        (statut("ANNULE"), "20260310103000+0100", "annule"),
        (statut("VALIDE"), "20260310103000+0100", "realise"),
        (
            statut("PLANIFIE", "20260301") + statut("ANNULE", "20260309") + statut("REALISE", "20260302"),
            "20260310",
            "annule",
        ),
        (statut("PLANIFIE") + statut("REALISE"), "20260310", "realise"),
        ("", "20260310103000+0100", "realise"),
        ("", "20260331", "realise"),
        ("", "20260401", "planifie"),
        ("", "20260510", "planifie"),
    ],
)
def test_statut_d_evenement_sinon_selon_sa_date(autres: str, debut: str, attendu: str) -> None:
    lues = lire(document(Evenement(f"{U}-EVN-1", debut, autres=autres)))
    assert lues["agenda"][0][4] == attendu


def test_mises_a_jour_des_observations_seulement() -> None:
    """The date of the document is none; each goes to the structure of what it is about."""
    lues = lire(
        document(
            Sejour(f"{U}-SEJOUR-1", FOYER),
            Sejour(f"3{ESAT}/77-SEJOUR-1", ESAT),
            Evenement(f"{U}-EVN-1", autres=maj("20260311090000+0100")),
            Evenement(f"3{ESAT}/77-EVN-2", autres=maj("20260312") + maj("20260313")),
            Evenement("sans structure", autres=maj("20260314")),
        )
    )
    assert lues["mises_a_jour"] == [
        (FOYER, U, "2026-03-11T09:00:00+01:00"),
        (ESAT, f"3{ESAT}/77", "2026-03-12"),
        (ESAT, f"3{ESAT}/77", "2026-03-13"),
        (FOYER, U, "2026-03-14"),
        (ESAT, f"3{ESAT}/77", "2026-03-14"),
    ]


@pytest.mark.parametrize(
    ("sejour", "attendu"),
    [
        (Sejour(f"3{ESAT}/9-SEJOUR-1", FOYER), (FOYER, f"3{ESAT}/9")),
        (Sejour(f"3{ESAT}/9-SEJOUR-1", sans_structure=True), (ESAT, f"3{ESAT}/9")),
        (Sejour("SEJ-9", sans_structure=True), (FOYER, "147720425367411")),
        (Sejour(f"3{ESAT}/9-SEJOUR-1", None), (None, f"3{ESAT}/9")),
        (Sejour(f"3{EJ}/9-SEJOUR-1", EJ), (ESAT, f"3{EJ}/9")),
    ],
)
def test_structure_du_sejour(sejour: Sejour, attendu: tuple[str | None, str]) -> None:
    """The one named, else that of its identifier, else the document's; one named without FINESS is not guessed."""
    lues = lire(document(sejour), **{f"ej{EJ}": ESAT})
    assert lues["sejours"][0][:2] == lues["dossiers"][0][:2] == attendu


@pytest.mark.parametrize(
    ("evenement", "structures"),
    [
        (Evenement(f"{U}-EVN-1"), [FOYER]),
        (Evenement(f"3{ESAT}/0001-EVN-1"), [ESAT]),
        (Evenement(f"{U}-EVN-1", finess=ESAT), [ESAT]),
        (Evenement(f"{U}-EVN-1", finess=EJ), [FOYER]),
        (Evenement("EVN-1"), [FOYER, ESAT]),
        (Evenement("EVN-1", finess=EJ), [EJ]),
        (Evenement(f"3{EJ}/0001-EVN-1"), [FOYER, ESAT]),
    ],
)
def test_structure_de_l_evenement(evenement: Evenement, structures: list[str]) -> None:
    lues = lire(document(Sejour(f"{U}-SEJOUR-1", FOYER), Sejour(f"3{ESAT}/0001-SEJOUR-1", ESAT), evenement))
    assert [ligne[0] for ligne in lues["agenda"]] == structures
    assert [ligne[0] for ligne in lues["dossiers"]] == [FOYER, ESAT]


@pytest.mark.parametrize(
    ("numeros", "entrees", "attendu"),
    [
        (((INS, "147720425367411"),), [Evenement(f"3{ESAT}/8-EVN-1")], (ESAT, f"3{ESAT}/8", "147720425367411")),
        (((INS, "147720425367411"),), [], (FOYER, "147720425367411", "147720425367411")),
        ((("1.2.3", "IPP8"), (INS, "147720425367411")), [], (FOYER, "IPP8", "147720425367411")),
        ((("1.2.250.1.213.1.4.9", "147720425367411"),), [], (FOYER, "147720425367411", "147720425367411")),
        ((), [], (FOYER, None, None)),
    ],
)
def test_personne_sans_sejour(numeros: Any, entrees: list[Evenement], attendu: tuple[str | None, ...]) -> None:
    finess, usager, _, ins, *_ = lire(document(*entrees, numeros=numeros))["dossiers"][0]
    assert (finess, usager, ins) == attendu


def test_le_dernier_document_d_une_personne_l_emporte() -> None:
    """As between two deposits of one date: one row per key of a state table, that of the later name."""
    premier = document(Sejour(f"{U}-SEJOUR-1", FOYER), Sejour(f"{U}-SEJOUR-2", FOYER, "20200101"))
    second = document(Sejour(f"{U}-SEJOUR-1", FOYER, sortie="20260301"), numeros=((INS, "271020100000013"),))
    lues = lire(premier, second)
    assert lues["dossiers"] == [(FOYER, U, U, "271020100000013", None, None, None)]
    assert lues["sejours"] == [(FOYER, U, "2025-06-01", "2026-03-01"), (FOYER, U, "2020-01-01", None)]
    # Inside one document a contradiction stays, for the validation to tell.
    double = document(Sejour(f"{U}-SEJOUR-1", FOYER), Sejour(f"{U}-SEJOUR-1", FOYER, sortie="20260301"))
    assert len(lire(double)["sejours"]) == 2


@pytest.mark.parametrize("encodage", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1", "windows-1252"])
def test_encodages(encodage: str) -> None:
    annonce = encodage.removesuffix("-sig")
    texte = document(
        Sejour(f"3{FOYER}/É1-SEJOUR-1", FOYER), prologue=f'<?xml version="1.0" encoding="{annonce}"?>'
    ).decode()
    assert lire(texte.encode(encodage))["sejours"][0][1] == f"3{FOYER}/É1"


BON = document(Sejour(f"{U}-SEJOUR-1", FOYER))


@pytest.mark.parametrize(
    ("contenu", "code", "mot"),
    [
        (b"", "FICHIER_VIDE", ""),
        (b"<a/>", "CONTENU_INATTENDU", "ClinicalDocument"),
        (b'<Bundle xmlns="http://hl7.org/fhir"/>', "CONTENU_INATTENDU", "JSON"),
        (b'{"resourceType": "Bundle"}', "FICHIER_ILLISIBLE", "abîmé"),
        (b"PK\x03\x04", "FICHIER_ILLISIBLE", "abîmé"),
        (BON[:-30], "FICHIER_ILLISIBLE", "abîmé"),
        (BON.replace(b"Ch\xc3\xaanes", b"Ch\xeanes"), "FICHIER_ILLISIBLE", "abîmé"),
        (BON.replace(b"UTF-8", b"IBM-999"), "FICHIER_ILLISIBLE", "encodage"),
        (BON.replace(b"UTF-8", b"shift_jis"), "FICHIER_ILLISIBLE", "encodage"),
        (document(export='<code code="34133-9"/>'), "CONTENU_INATTENDU", "EXPORT_DUI"),
    ],
)
def test_document_inutilisable(contenu: bytes, code: str, mot: str) -> None:
    with pytest.raises(LectureImpossible) as erreur:
        lire(contenu)
    assert erreur.value.code == code
    assert mot in erreur.value.detail


# --- alone, in an archive, in a bundle ----------------------------------------------------------------------------------


def _pieces(dossier: Path, nom: str, contenu: bytes) -> list[Piece]:
    """Every table of a deposit, as the reception sees them."""
    copie = dossier / "depot"
    copie.write_bytes(contenu)
    lecture = Lecture(Limites(), dossier, {})
    depot = Fichier(nom, "", copie, "0" * 64)
    trouvees: Iterable[Fichier | Piece] = membres(depot, lecture) if nom.endswith(".zip") else [depot]
    lues = []
    for trouvee in trouvees:
        for piece in [trouvee] if isinstance(trouvee, Piece) else pieces(trouvee, lecture):
            lues.append(piece)
    return lues


def _zip(**contenus: bytes) -> bytes:
    flux = io.BytesIO()
    with zipfile.ZipFile(flux, "w") as archive:
        for nom, contenu in contenus.items():
            archive.writestr(nom, contenu)
    return flux.getvalue()


def _lues(trouvees: list[Piece]) -> dict[str, list[Ligne]]:
    return {piece.table: _lignes(piece.lire()) for piece in trouvees if piece.lire}


def une_personne(numero: int) -> bytes:
    return document(
        Sejour(f"3{FOYER}/{numero}-SEJOUR-1", FOYER),
        Evenement(f"3{FOYER}/{numero}-EVN-1", autres=maj("20260311090000+0100")),
        numeros=(("1.2.3", str(numero)),),
    )


def test_document_seul(tmp_path: Path) -> None:
    trouvees = _pieces(tmp_path, "sub/tddui_2026-04-01_Dupont.xml", une_personne(1))
    assert [(p.membre, p.table, p.date_extraction, p.partiel, p.format) for p in trouvees] == [
        ("", table, date(2026, 4, 1), True, "xml") for table in ("dossiers", "sejours", "mises_a_jour", "agenda")
    ]
    assert trouvees[0].documents == ()
    (illisible,) = _pieces(tmp_path, "tddui_2026-04-01.xml", b"<a/>")
    assert illisible.erreur is not None
    assert illisible.erreur.code == "CONTENU_INATTENDU"


@pytest.mark.parametrize(
    ("archive", "noms"),
    [
        ("envoi.zip", ["tddui_2026-04-01_1.xml", "dossier/tddui_2026-04-01_2.XML", "tddui_2026-04-01_3.xml"]),
        ("tddui_2026-04-01.zip", ["DOC0001.XML", "Martin.xml", "sous/un nom libre.xml"]),
    ],
)
def test_documents_d_une_archive_lus_ensemble(tmp_path: Path, archive: str, noms: list[str]) -> None:
    contenu = _zip(**{nom: une_personne(rang) for rang, nom in enumerate(noms)}, **{"lisez-moi.txt": b"bonjour"})
    autre, *trouvees = _pieces(tmp_path, archive, contenu)
    assert autre.erreur is not None
    assert autre.erreur.code == "EXTENSION_INCONNUE"
    assert [(p.membre, p.table, p.date_extraction, p.format) for p in trouvees] == [
        ("", table, date(2026, 4, 1), "xml") for table in ("dossiers", "sejours", "mises_a_jour", "agenda")
    ]
    assert [d.nom for d in trouvees[0].documents] == sorted(noms)
    assert sorted(ligne[1] for ligne in _lues(trouvees)["dossiers"]) == [f"3{FOYER}/{rang}" for rang in range(3)]
    # The same documents under other names, packed otherwise, are the same content.
    autres_noms = _zip(**{f"tddui_2026-04-01_{rang}b.xml": une_personne(rang) for rang in range(3)})
    assert _pieces(tmp_path, "autre.zip", autres_noms)[0].sha256 == trouvees[0].sha256


def test_chaque_date_de_document_est_une_extraction(tmp_path: Path) -> None:
    contenu = _zip(
        **{"tddui_2026-03-01.xml": une_personne(1), "tddui_2026-04-01.xml": une_personne(2), "x.xml": b"<a/>"}
    )
    trouvees = _pieces(tmp_path, "envoi.zip", contenu)
    assert trouvees[0].erreur is not None
    assert (trouvees[0].membre, trouvees[0].erreur.code) == ("x.xml", "NOM_INVALIDE")
    dossiers = [p for p in trouvees if p.table == "dossiers"]
    assert [p.date_extraction for p in dossiers] == [date(2026, 3, 1), date(2026, 4, 1)]
    assert dossiers[0].sha256 != dossiers[1].sha256


def test_document_abime_d_une_archive_dit_seul(tmp_path: Path) -> None:
    contenu = _zip(**{"1.xml": une_personne(1), "2.xml": une_personne(2)[:-100], "3.xml": une_personne(3)})
    trouvees = _pieces(tmp_path, "tddui_2026-04-01.zip", contenu)
    assert len(_lues(trouvees)["dossiers"]) == 2
    (refusee,) = (p for p in trouvees if p.erreur)
    assert (refusee.membre, refusee.erreur.code if refusee.erreur else "") == ("2.xml", "FICHIER_ILLISIBLE")
    assert refusee.erreur is not None
    assert refusee.erreur.ligne == une_personne(2)[:-100].count(b"\n") + 1


def test_documents_abimes_en_nombre_sont_comptes(tmp_path: Path) -> None:
    contenu = _zip(**{f"{rang:03}.xml": b"<a" for rang in range(250)})
    trouvees = _pieces(tmp_path, "tddui_2026-04-01.zip", contenu)
    assert len(trouvees) == 101
    assert trouvees[-1].erreur is not None
    assert "150 autres documents" in trouvees[-1].erreur.detail


def test_lignes_comptees_d_un_document_a_l_autre(tmp_path: Path) -> None:
    """Line numbers run on: `documents` tells which document a line is of."""
    un, deux = une_personne(1), une_personne(2)
    contenu = _zip(**{"1.xml": un, "2.xml": deux})
    piece = next(p for p in _pieces(tmp_path, "tddui_2026-04-01.zip", contenu) if p.table == "sejours")
    assert piece.documents == ((0, "1.xml"), (un.count(b"\n") + 1, "2.xml"))
    assert piece.lire is not None
    ligne = un.splitlines().index(next(texte for texte in un.splitlines() if b"<organizer" in texte)) + 1
    assert pl.concat(piece.lire().lots)[LIGNE].to_list() == [ligne, un.count(b"\n") + 1 + ligne]


def _reference(contenu: bytes, type_contenu: str = "text/xml", **champs: Any) -> dict[str, Any]:
    donnees = base64.b64encode(contenu).decode()
    return {
        "resource": {
            "resourceType": "DocumentReference",
            "meta": {"lastUpdated": "2026-03-20T09:00:00+01:00", "profile": [FHIR + "tddui-documentreference"]},
            "content": [{"attachment": {"data": donnees, "contentType": type_contenu}}],
            **champs,
        }
    }


def _bundle(*entrees: dict[str, Any]) -> bytes:
    return json.dumps({"resourceType": "Bundle", "entry": entrees}).encode()


SUJET = {"resource": {"resourceType": "Patient", "id": "p", "identifier": [{"system": f"urn:oid:{INS}", "value": "1"}]}}


@pytest.mark.parametrize("type_contenu", ["text/xml", "application/xml", "Text/XML; charset=utf-8"])
def test_pieces_jointes_d_un_bundle(tmp_path: Path, type_contenu: str) -> None:
    contenu = _bundle(
        SUJET,
        _reference(une_personne(1), type_contenu, subject={"reference": "Patient/p"}),
        _reference(une_personne(2), type_contenu),
        _reference(b"%PDF-1.4", "application/pdf"),
        _reference(document(export='<code code="34133-9"/>')),
    )
    trouvees = _pieces(tmp_path, "tddui_2026-04-01.json", contenu)
    lues = _lues(trouvees)
    # Neither the bearer of the documents nor their dates count beside what the documents say.
    assert [ligne[1] for ligne in lues["dossiers"]] == [f"3{FOYER}/1", f"3{FOYER}/2"]
    assert [ligne[2] for ligne in lues["mises_a_jour"]] == ["2026-03-11T09:00:00+01:00"] * 2
    assert ("PROFIL_TDDUI_NON_LU", "tddui-documentreference", 2) in trouvees[0].avertissements
    assert not any(p.erreur for p in trouvees)


@pytest.mark.parametrize(
    "echappe", [lambda texte: texte, lambda t: t.replace("/", "\\/"), lambda t: t.replace("+", "\\u002B")]
)
@pytest.mark.parametrize("encodage", ["utf-8", "utf-8-sig", "utf-16"])
def test_piece_jointe_plus_longue_que_la_memoire(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, echappe: Any, encodage: str
) -> None:
    """A long attachment goes through the disk, whatever escapes JSON has and wherever the blocks cut."""
    monkeypatch.setattr(tddui, "TAILLE_BLOC_OCTETS", 61)
    texte = document(
        *(Evenement(f"{U}-EVN-{rang}") for rang in range(40)),
        prologue=f'<?xml version="1.0" encoding="{encodage.removesuffix("-sig")}"?>',
        narration="?>÷ÿ~~~>>>???" * 20,
    ).decode()
    contenu = _bundle(
        _reference(b"%PDF-1.4" * 1000, "application/pdf"), _reference(texte.encode(encodage)), _reference(BON)
    )
    avant = len(list(tmp_path.iterdir()))
    lues = _lues(_pieces(tmp_path, "tddui_2026-04-01.json", echappe(contenu.decode()).encode()))
    assert [ligne[2] for ligne in lues["agenda"]] == [f"{U}-EVN-{rang}" for rang in range(40)]
    assert len(lues["sejours"]) == 1
    assert len(list(tmp_path.iterdir())) == avant + 1  # the deposit itself


def test_piece_jointe_abimee_dite_seule(tmp_path: Path) -> None:
    abimee = _reference(une_personne(2))
    abimee["resource"]["content"][0]["attachment"]["data"] += "*"
    trouvees = _pieces(tmp_path, "tddui_2026-04-01.json", _bundle(_reference(une_personne(1)), abimee))
    assert len(_lues(trouvees)["dossiers"]) == 1
    (refusee,) = (p for p in trouvees if p.erreur)
    assert refusee.erreur is not None
    assert (refusee.membre, refusee.erreur.code) == ("entrée 2", "FICHIER_ILLISIBLE")
    assert "base64" in refusee.erreur.detail


@pytest.mark.parametrize(
    ("entrees", "mot"),
    [
        ([_reference(b"<a/>"), _reference(b"<a/>")], "2 pièces jointes XML"),
        ([_reference(b"%PDF", "application/pdf")], "ucune pièce jointe de type"),
        ([_reference(une_personne(1)[:-50])], "entrée 1"),
    ],
)
def test_version_1_sans_document_lisible(tmp_path: Path, entrees: list[dict[str, Any]], mot: str) -> None:
    (piece,) = _pieces(tmp_path, "tddui_2026-04-01.json", _bundle(*entrees))
    assert piece.erreur is not None
    assert piece.erreur.code == "TDDUI_SANS_DOCUMENT"
    assert mot in piece.erreur.detail
