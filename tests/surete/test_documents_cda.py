"""TDDUI 1.1 (§4.4, §8): hostile documents harm nobody else, and an archive of many is read in bounded memory."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from archive_cda import ecrire_archive, lire
from documents_cda import FHIR, Evenement, Sejour, document, maj
from test_corpus import _cout

from flows.reception import inventaire, reception
from flows.reception.reception import Dossier
from flows.reglages import Reglages
from flows.staging.registre import RegistreDepots

FOYER = "970400024"
DOSSIER = Dossier("alpha", "ouvert", projet=frozenset({FOYER})).avec_contexte()
MO = 1_000_000


def sain(numero: int = 1, entree: str = "20250601") -> bytes:
    return document(
        Sejour(f"3{FOYER}/{numero}-SEJOUR-1", FOYER, entree),
        Evenement(f"3{FOYER}/{numero}-EVN-1", autres=maj("20260311")),
        numeros=(("1.2.3", str(numero)),),
    )


BON = sain()
DEBUT = BON[: BON.index(b"<recordTarget>")]
PROLOGUE = b'<?xml version="1.0" encoding="UTF-8"?>\n'
RIRES = PROLOGUE + (
    b'<!DOCTYPE ClinicalDocument [<!ENTITY a "ha">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(12))
    + b"]>"
    + BON.removeprefix(PROLOGUE).replace(b"EXEMPLE", b"&m;")
)
EXTERNE = PROLOGUE + b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + BON.removeprefix(PROLOGUE)
DTD = PROLOGUE + b'<!DOCTYPE a SYSTEM "http://exemple.invalid/a.dtd">' + BON.removeprefix(PROLOGUE)

HOSTILES = {
    "milliards de rires": (RIRES, "DOCTYPE"),
    "entité externe": (EXTERNE, "DOCTYPE"),
    "DTD externe": (DTD, "DOCTYPE"),
    "entité non déclarée": (BON.replace(b"EXEMPLE", b"&m;"), "abîmé"),
    "profond": (DEBUT + b"<entry>" * 1_000_000, "imbriqué"),
    "profond ailleurs": (DEBUT + b'<a xmlns="x">' * 1_000_000, "imbriqué"),
    "attribut de 4 Mo": (DEBUT + b'<entry><a code="' + b"x" * 4 * MO + b'"/></entry>', "1024 caractères"),
    "attribut de 12 Mo": (DEBUT + b'<entry><a code="' + b"x" * 12 * MO + b'"/></entry>', "8 Mio"),
    "entrée d'un million d'éléments": (DEBUT + b"<entry>" + b'<a code="1"/>' * MO, "démesurée"),
    "commentaire sans fin": (DEBUT + b"<!--" + b"-x" * 6 * MO, "8 Mio"),
    "UTF-16 annoncé UTF-8": (BON.decode().encode("utf-16"), "abîmé"),
    "octets sans encodage": (DEBUT + bytes(range(128, 256)) * 1000, "abîmé"),
    "encodage inconnu": (BON.replace(b"UTF-8", b"rot13"), "encodage"),
    "zéros": (bytes(MO), "abîmé"),
    "instructions": (PROLOGUE + b"<?xml-stylesheet href='file:///etc/passwd'?>" + b"<a/>", "ClinicalDocument"),
}


class Reception:
    """Deposits of `alpha`, received; what the porteur reads, and the cost."""

    def __init__(self, racine: Path) -> None:
        self.reglages = Reglages(racine)
        (self.reglages.depots / "alpha").mkdir(parents=True)

    def __call__(self, nom: str, contenu: bytes) -> dict[str, Any]:
        (self.reglages.depots / "alpha" / nom).write_bytes(contenu)
        (depose,) = (d for d in inventaire.parcourir(self.reglages.depots) if d.chemin == nom)
        moment = datetime(2026, 4, 2, tzinfo=UTC)
        with RegistreDepots(self.reglages.registre) as registre, _cout() as self.cout:
            recu = reception.recevoir(
                depose, DOSSIER, reglages=self.reglages, registre=registre, cle=b"0" * 32, maintenant=moment
            )
        assert recu is not None
        accuses = [json.loads(a.read_text(encoding="utf-8")) for a in self.reglages.retours.rglob("accuse_*.json")]
        return next(a for a in accuses if a["nom"] == nom)


@pytest.fixture
def recevoir(tmp_path: Path) -> Reception:
    return Reception(tmp_path)


def _zip(contenus: dict[str, bytes]) -> bytes:
    flux = io.BytesIO()
    with zipfile.ZipFile(flux, "w") as archive:
        for nom, contenu in contenus.items():
            archive.writestr(nom, contenu)
    return flux.getvalue()


def _bundle(*documents: bytes) -> bytes:
    entrees = [
        {
            "resource": {
                "resourceType": "DocumentReference",
                "meta": {"profile": [FHIR + "tddui-documentreference"]},
                "content": [{"attachment": {"contentType": "text/xml", "data": base64.b64encode(contenu).decode()}}],
            }
        }
        for contenu in documents
    ]
    return json.dumps({"resourceType": "Bundle", "entry": entrees}).encode()


@pytest.mark.parametrize("quoi", HOSTILES)
def test_document_hostile_refuse_seul(recevoir: Reception, quoi: str) -> None:
    """Alone it is refused with the reason; the documents beside it are read all the same."""
    hostile, mot = HOSTILES[quoi]
    seul = recevoir("tddui_2026-04-01.xml", hostile)
    assert seul["statut"] == "refuse"
    (constat,) = seul["parties"][0]["constats"]
    assert constat["code"] in ("FICHIER_ILLISIBLE", "CONTENU_INATTENDU")
    assert mot in constat["message"]
    assert (recevoir.cout.duree_s, recevoir.cout.memoire_kio) < (10, 300 << 10)
    ensemble = recevoir("tddui_2026-03-31.zip", _zip({"1.xml": BON, "2.xml": hostile, "3.xml": sain(3)}))
    assert ensemble["statut"] == "accepte_avec_rejets"
    par_partie = {(p["membre"], p["table"]): (p["statut"], p["lignes_utilisees"]) for p in ensemble["parties"]}
    assert par_partie[None, "dossiers"] == ("accepte", 2)
    assert par_partie["2.xml", None] == ("refuse", 0)


@pytest.mark.parametrize("quoi", ["milliards de rires", "attribut de 12 Mo", "profond"])
def test_piece_jointe_hostile_refusee_seule(recevoir: Reception, quoi: str) -> None:
    accuse = recevoir("tddui_2026-04-01.json", _bundle(BON, HOSTILES[quoi][0], sain(3)))
    par_partie = {(p["membre"], p["table"]): (p["statut"], p["lignes_utilisees"]) for p in accuse["parties"]}
    assert par_partie[None, "dossiers"] == ("accepte", 2)
    assert par_partie["entrée 2", None] == ("refuse", 0)
    assert recevoir.cout.memoire_kio < 300 << 10


def test_longue_piece_jointe_qui_n_est_pas_du_xml_laissee(recevoir: Reception) -> None:
    accuse = recevoir("tddui_2026-04-01.json", _bundle(BON, b"%PDF-1.4" * MO, sain(3)))
    assert accuse["statut"] == "accepte"
    dossiers = next(p for p in accuse["parties"] if p["table"] == "dossiers")
    assert dossiers["lignes_utilisees"] == 2
    assert [(c["code"], c["nombre"]) for c in dossiers["constats"]] == [("PROFIL_TDDUI_NON_LU", 1)]


def test_base64_de_soixante_megaoctets_ne_tient_pas_en_memoire(recevoir: Reception) -> None:
    """An attachment as long as one likes goes through the disk."""
    narration = b"<p>" + b"r\xc3\xa9cit " * 100 + b"</p>"
    avant, apres = BON.split(b"<text></text>")
    long = avant + b"<text>" + narration * (60 * MO // len(narration)) + b"</text>" + apres
    accuse = recevoir("tddui_2026-04-01.json", _bundle(long, sain(2)))
    assert accuse["statut"] == "accepte"
    assert next(p["lignes_utilisees"] for p in accuse["parties"] if p["table"] == "dossiers") == 2
    assert recevoir.cout.memoire_kio < 200 << 10


def test_archive_de_trop_de_documents_refusee(recevoir: Reception) -> None:
    accuse = recevoir("tddui_2026-04-01.zip", _zip(dict.fromkeys((f"{n}.xml" for n in range(50_001)), b"")))
    assert [(p["statut"], p["constats"][0]["code"]) for p in accuse["parties"]] == [("refuse", "ARCHIVE_DEMESUREE")]


def test_constat_dit_le_document_et_sa_ligne(recevoir: Reception) -> None:
    """The porteur finds the line in the document; nobody else learns its name (it may be a person's)."""
    mauvais = sain(2, entree="32/13/2025")
    accuse = recevoir("tddui_2026-04-01.zip", _zip({"Dupont.xml": BON, "Martin.xml": mauvais, "Payet.xml": sain(3)}))
    ligne = mauvais[: mauvais.index(b"<organizer")].count(b"\n") + 1
    (constat,) = (c for p in accuse["parties"] if p["table"] == "sejours" for c in p["constats"])
    assert (constat["code"], constat["documents"], constat["lignes"]) == ("DATE_INVALIDE", ["Martin.xml"], [ligne])
    retours = recevoir.reglages.retours
    (page,) = retours.rglob("accuse_*.html")
    assert f"ligne {ligne} de" in page.read_text(encoding="utf-8") and "Martin.xml" in page.read_text(encoding="utf-8")
    (erreurs,) = retours.rglob("erreurs_*.csv")
    lignes = [texte.split(";") for texte in erreurs.read_text(encoding="utf-8-sig").splitlines()]
    rejet = next(x for x in lignes if x[-1] == "DATE_INVALIDE")
    assert rejet[:3] == ["Martin.xml", "sejours", str(ligne)]
    with RegistreDepots(recevoir.reglages.registre) as registre:
        constats = registre.constats()
    assert constats.filter(code="DATE_INVALIDE")["ligne"].to_list() == [ligne]
    assert "Martin" not in str(constats.to_dicts())


def test_deux_cents_documents_en_memoire_bornee(tmp_path: Path) -> None:
    """The short version of the campaign (`tests/campagnes/archive_cda.py`): memory does not follow the number of documents."""
    archive = tmp_path / "archive.zip"
    assert ecrire_archive(archive, 200, 100_000) > 18 * MO
    (tmp_path / "travail").mkdir()
    bilan = lire(archive, tmp_path / "travail")
    assert bilan.lignes == {"dossiers": 200, "sejours": 200, "mises_a_jour": 2000, "agenda": 2000}
    assert bilan.refus == []
    assert 50 << 10 < bilan.memoire_kio < 150 << 10
