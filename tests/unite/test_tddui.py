"""TDDUI bundles (§4.4): what each resource becomes, and files nobody should crash on. All persons are invented."""

from __future__ import annotations

import io
import json
import tempfile
import tracemalloc
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.lecture import lignes_tddui, tddui
from transforms.lecture.lignes_tddui import Avertissement, Cadre, Transfert
from transforms.lecture.modele import LIGNE, SURPLUS, Feuille, LectureImpossible
from transforms.lecture.tddui import lire_tddui, membres_json

REFERENCES = Path(__file__).parents[2].parent / "shared" / "references" / "tddui"
PROFIL = "https://interop.esante.gouv.fr/ig/fhir/tddui/StructureDefinition/"
SYSTEME = "https://identifiant-medicosocial-localusager.esante.gouv.fr"
SERVEUR = "https://dui.example"

FOYER = "970400024"
ESAT = "970405767"
EJ = "970408589"

Json = dict[str, Any]
Ligne = tuple[Any, ...]


def entree(type_ressource: str, identifiant: str, profil: str | None, **champs: Any) -> Json:
    """An entry of a bundle; `maj` is its `meta.lastUpdated`, `url` its `fullUrl`, the rest goes into the resource."""
    meta = {"profile": [PROFIL + profil]} if profil else {}
    if "maj" in champs:
        meta["lastUpdated"] = champs.pop("maj")
    url = champs.pop("url", f"{SERVEUR}/{type_ressource}/{identifiant}")
    return {"fullUrl": url, "resource": {"resourceType": type_ressource, "id": identifiant, "meta": meta, **champs}}


def patient(identifiant: str, usager: str | None = None, *autres: Json, **champs: Any) -> Json:
    usager = usager or f"3{FOYER}/{identifiant}"
    return entree(
        "Patient", identifiant, "tddui-patient", identifier=[*autres, {"system": SYSTEME, "value": usager}], **champs
    )


def organisation(identifiant: str, numero: str = "1" + FOYER, **champs: Any) -> Json:
    numeros = [{"type": {"coding": [{"code": "IDNST"}]}, "value": numero}]
    return entree("Organization", identifiant, "tddui-organization", identifier=numeros, **champs)


def _lien(cible: str | None) -> Json | None:
    return {"reference": cible} if cible else None


def sejour(identifiant: str, personne: str, structure: str | None = None, **champs: Any) -> Json:
    liens = {"subject": _lien(personne), "serviceProvider": _lien(structure)}
    periode = {"period": {"start": "2025-01-06"}}
    return entree(
        "Encounter", identifiant, "tddui-encounter-sejour", **periode | liens | {"status": "finished"} | champs
    )


def evenement(identifiant: str, personne: str, structure: str | None = None, **champs: Any) -> Json:
    liens = {"subject": _lien(personne), "serviceProvider": _lien(structure)}
    periode = {"period": {"start": "2026-03-02T10:00:00+04:00"}}
    return entree("Encounter", identifiant, "tddui-encounter-evenement", **periode | liens | champs)


def projet(identifiant: str, personne: str, **champs: Any) -> Json:
    profil = "tddui-careplan-projet-personnalise"
    return entree("CarePlan", identifiant, profil, subject=_lien(personne), **{"status": "active"} | champs)


def bundle(*entrees: Json) -> bytes:
    return json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entrees}).encode()


def transfert(contenu: bytes, **seul_essms_de_ej: str) -> Transfert:
    fuseaux = {"970": "Indian/Reunion"}
    cadre = Cadre(
        {cle.removeprefix("ej"): valeur for cle, valeur in seul_essms_de_ej.items()},
        lambda finess: fuseaux.get(finess[:3], "Europe/Paris"),
        date(2026, 4, 1),
    )
    with tempfile.TemporaryDirectory() as prive:
        return lire_tddui(io.BytesIO(contenu), cadre, Path(prive))


def lire(contenu: bytes, **seul_essms_de_ej: str) -> dict[str, Feuille]:
    return transfert(contenu, **seul_essms_de_ej).feuilles


def lignes(feuille: Feuille) -> list[Ligne]:
    """Rows of a table: the rank of the entry, then the cells."""
    lots = pl.concat(feuille.lots)
    assert not lots[SURPLUS].any()
    assert lots.schema[LIGNE] == pl.UInt32
    return lots.select(LIGNE, pl.exclude(LIGNE, SURPLUS)).rows()


def tables(*entrees: Json, **seul_essms_de_ej: str) -> dict[str, list[Ligne]]:
    return {table: lignes(feuille) for table, feuille in lire(bundle(*entrees), **seul_essms_de_ej).items()}


@pytest.mark.skipif(not REFERENCES.is_dir(), reason="échantillons publics absents")
def test_exemples_publics() -> None:
    sejours = lire((REFERENCES / "tddui_2023-05-10_sejour.json").read_bytes())
    usager = "3480787529/194704032"
    assert {table: lignes(feuille) for table, feuille in sejours.items()} == {
        "dossiers": [(1, "480787529", usager, usager, "147720425367411", None, None, None)],
        "sejours": [(3, "480787529", usager, "2023-04-14", None)],
        "agenda": [
            (4, "480787529", usager, "3480787529/147720425367411-EVN-12548", "2023-04-14T10:30:00+02:00", "realise")
        ],
    }
    projets = lire((REFERENCES / "tddui_2025-12-01_projet.json").read_bytes())
    usager = "3480787529/123456789"
    assert {table: lignes(feuille) for table, feuille in projets.items()} == {
        "dossiers": [(1, "480787529", usager, usager, None, None, None, None)],
        "projets": [(2, "480787529", usager, "3480787529/123456789-PPER-1234", "actif", None, None)],
    }


def test_entetes_sont_les_colonnes_de_la_specification() -> None:
    feuilles = lire(
        bundle(
            patient("p", maj="2026-03-01"),
            sejour("s", "Patient/p"),
            evenement("e", "Patient/p"),
            projet("c", "Patient/p"),
        )
    )
    assert {table: feuille.entetes for table, feuille in feuilles.items()} == {
        "dossiers": (
            "finess_et", "id_dossier", "id_personne", "ins", "date_creation", "date_derniere_maj", "eligible_projet"
        ),
        "sejours": ("finess_et", "id_dossier", "date_entree", "date_sortie"),
        "mises_a_jour": ("finess_et", "id_dossier", "horodatage"),
        "projets": ("finess_et", "id_dossier", "id_projet", "statut", "date_debut", "date_fin"),
        "agenda": ("finess_et", "id_dossier", "id_evenement", "debut", "statut"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("systeme", "ins"),
    [
        ("urn:oid:1.2.250.1.213.1.4.8", "147720425367411"),
        ("urn:oid:1.2.250.1.213.1.4.9", "147720425367411"),
        ("urn:oid:1.2.250.1.213.1.4.10", None),
    ],
)
def test_ins_selon_le_systeme(systeme: str, ins: str | None) -> None:
    (dossier,) = tables(patient("p", "IPP1", {"system": systeme, "value": "147720425367411"}), organisation("o"))[
        "dossiers"
    ]
    assert dossier[:5] == (1, FOYER, "IPP1", "IPP1", ins)


@pytest.mark.parametrize(
    ("numeros", "usager"),
    [
        ([{"system": "autre", "value": "1"}], "p"),
        ([{"system": "urn:oid:1.2.250.1.213.1.4.8", "value": "147720425367411"}], "147720425367411"),
    ],
)
def test_patient_sans_identifiant_local_l_ins_sinon_la_ressource(numeros: list[Json], usager: str) -> None:
    resultat = tables(
        entree("Patient", "p", "tddui-patient-ins", identifier=numeros),
        organisation("o"),
        sejour("s", "Patient/p", "Organization/o"),
    )
    assert resultat["dossiers"][0][:4] == (1, FOYER, usager, usager)
    assert resultat["sejours"][0][:3] == (3, FOYER, usager)


def test_structure_serviceprovider_d_abord() -> None:
    resultat = tables(
        patient("p", f"3{FOYER}/1"),
        organisation("foyer"),
        organisation("esat", "1" + ESAT),
        sejour("s", "Patient/p", "Organization/foyer"),
        evenement("e", "Patient/p", "Organization/esat"),
    )
    assert resultat["agenda"][0][1] == ESAT
    assert resultat["dossiers"][0][1] == FOYER


def test_structure_du_sejour_meme_place_apres() -> None:
    resultat = tables(
        projet("c", "Patient/p"),
        evenement("e", "Patient/p"),
        patient("p", f"3{FOYER}/1"),
        sejour("s", "Patient/p", "Organization/esat"),
        organisation("esat", "1" + ESAT),
        organisation("foyer"),
    )
    assert [resultat[table][0][1] for table in ("projets", "agenda", "dossiers", "sejours")] == [ESAT] * 4


def test_structure_seule_organisation_du_bundle() -> None:
    resultat = tables(patient("p", f"3{FOYER}/1"), organisation("esat", "1" + ESAT), projet("c", "Patient/p"))
    assert (resultat["dossiers"][0][1], resultat["projets"][0][1]) == (ESAT, ESAT)


def test_structure_dans_l_identifiant_local_faute_de_mieux() -> None:
    resultat = tables(
        patient("p", "32a0000014/1"), patient("q", "IPP2"), organisation("a"), organisation("b", "1" + ESAT)
    )
    assert [dossier[1] for dossier in resultat["dossiers"]] == ["2A0000014", None]


@pytest.mark.parametrize("numero", ["3" + FOYER, FOYER])
def test_identifiant_idnst_d_une_autre_sorte_ne_donne_pas_de_finess(numero: str) -> None:
    resultat = tables(patient("p", "IPP1"), organisation("o", numero), sejour("s", "Patient/p", "Organization/o"))
    assert (resultat["sejours"][0][1], resultat["dossiers"][0][1]) == (None, None)


def test_structure_nommee_mais_absente_n_est_pas_devinee() -> None:
    resultat = tables(patient("p"), organisation("o"), sejour("s", "Patient/p", "Organization/inconnue"))
    assert resultat["sejours"] == [(3, None, f"3{FOYER}/p", "2025-01-06", None)]
    assert resultat["dossiers"][0][1] is None


def test_un_dossier_par_structure_de_sejour() -> None:
    resultat = tables(
        patient("p", "IPP1", maj="2026-03-01T08:00:00Z"),
        organisation("foyer"),
        organisation("esat", "1" + ESAT),
        sejour("s1", "Patient/p", "Organization/foyer"),
        sejour("s2", "Patient/p", "Organization/esat"),
        sejour("s3", "Patient/p", "Organization/foyer", period={"start": "2024-01-01", "end": "2024-02-01"}),
        projet("c", "Patient/p"),
    )
    assert [dossier[:3] for dossier in resultat["dossiers"]] == [(1, FOYER, "IPP1"), (1, ESAT, "IPP1")]
    assert resultat["mises_a_jour"] == [
        (1, FOYER, "IPP1", "2026-03-01T08:00:00Z"),
        (1, ESAT, "IPP1", "2026-03-01T08:00:00Z"),
    ]
    assert [ligne[:4] for ligne in resultat["projets"]] == [(7, FOYER, "IPP1", "c"), (7, ESAT, "IPP1", "c")]
    assert [ligne[:2] for ligne in resultat["sejours"]] == [(4, FOYER), (5, ESAT), (6, FOYER)]


def test_entite_juridique_vaut_son_seul_essms() -> None:
    entrees = [
        patient("p", f"3{EJ}/1"),
        patient("q", f"3{EJ}/2"),
        organisation("o", "1" + EJ),
        sejour("s", "Patient/p", "Organization/o"),
    ]
    assert [ligne[1] for ligne in tables(*entrees, **{f"ej{EJ}": FOYER})["dossiers"]] == [FOYER, FOYER]
    assert tables(*entrees, **{f"ej{EJ}": FOYER})["sejours"][0][1] == FOYER
    # Without a single ESSMS the number stays: the validation knows what to say about it.
    assert tables(*entrees)["sejours"][0][1] == EJ
    assert tables(entrees[0], **{f"ej{EJ}": FOYER})["dossiers"][0][1] == FOYER


@pytest.mark.parametrize(
    ("recu", "jour"),
    [
        ("2025-12-31T21:30:00Z", "2026-01-01"),
        ("2026-01-01T00:30:00.1234567+04:00", "2026-01-01"),
        ("2026-01-01T00:30:00+14:00", "2025-12-31"),
        ("2026-01-01T23:30:00", "2026-01-01"),
        ("2026-01-01T00:00:00Z", "2026-01-01"),
        ("2026-01-01", "2026-01-01"),
        ("2026-01", "2026-01"),
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"),
        ("2026-02-30T00:00:00Z", "2026-02-30T00:00:00Z"),
    ],
)
def test_date_donne_le_jour_local_de_l_essms(recu: str, jour: str) -> None:
    periode = {"start": recu, "end": recu}
    resultat = tables(
        patient("p"),
        organisation("o"),
        sejour("s", "Patient/p", period=periode),
        projet("c", "Patient/p", period=periode),
    )
    assert resultat["sejours"][0][3:] == (jour, jour)
    assert resultat["projets"][0][5:] == (jour, jour)


def test_sejour_annule_n_a_pas_eu_lieu() -> None:
    resultat = tables(
        patient("p"),
        organisation("foyer"),
        organisation("esat", "1" + ESAT),
        sejour("s1", "Patient/p", "Organization/esat", status="entered-in-error", maj="2026-03-01"),
        sejour("s2", "Patient/p", "Organization/esat", status="cancelled"),
        sejour("s3", "Patient/p", "Organization/foyer", status="planned"),
    )
    assert [ligne[0] for ligne in resultat["sejours"]] == [6]
    assert [ligne[1] for ligne in resultat["dossiers"]] == [FOYER]
    assert resultat["mises_a_jour"] == [(4, ESAT, f"3{FOYER}/p", "2026-03-01")]


@pytest.mark.parametrize(
    ("recu", "statut"),
    [
        ("draft", "en_preparation"),
        ("active", "actif"),
        ("on-hold", "suspendu"),
        ("completed", "termine"),
        ("revoked", "annule"),
        ("entered-in-error", "annule"),
        ("unknown", "unknown"),
        (None, None),
    ],
)
def test_statut_de_projet(recu: str | None, statut: str | None) -> None:
    assert tables(patient("p"), projet("c", "Patient/p", status=recu))["projets"][0][4] == statut


@pytest.mark.parametrize(
    ("recu", "statut"),
    [
        ("planned", "planifie"),
        ("triaged", "planifie"),
        ("finished", "realise"),
        ("cancelled", "annule"),
        ("in-progress", "realise"),
        ("arrived", "realise"),
        ("onleave", "realise"),
        ("unknown", "planifie"),
        (None, "planifie"),
    ],
)
def test_statut_d_evenement(recu: str | None, statut: str) -> None:
    assert tables(patient("p"), evenement("e", "Patient/p", status=recu))["agenda"][0][5] == statut


def test_identifiant_du_premier_identifier_sinon_de_la_ressource() -> None:
    numeros = [{"system": "sans valeur"}, {"value": "EVN-1"}, {"value": "EVN-2"}]
    resultat = tables(
        patient("p"),
        evenement("e1", "Patient/p", identifier=numeros),
        evenement("e2", "Patient/p"),
        projet("c1", "Patient/p", identifier=[{"value": 12}]),
    )
    assert [ligne[3] for ligne in resultat["agenda"]] == ["EVN-1", "e2"]
    assert [ligne[3] for ligne in resultat["projets"]] == ["12"]


def test_debut_d_evenement_garde_son_decalage() -> None:
    assert tables(patient("p"), evenement("e", "Patient/p"))["agenda"][0][4] == "2026-03-02T10:00:00+04:00"


def test_seul_le_profil_fait_le_sejour_ou_l_evenement() -> None:
    lien = {"subject": {"reference": "Patient/p"}}
    versionne = entree("Encounter", "v", "tddui-encounter-sejour|2.2.0", period={"start": "2025-01-06"}, **lien)
    resultat = tables(
        patient("p"),
        entree("Encounter", "e", None, **lien),
        entree("Encounter", "f", "autre-encounter", **lien),
        entree("CarePlan", "c", "tddui-encounter-sejour", **lien),
        versionne,
    )
    assert {table: [ligne[0] for ligne in contenu] for table, contenu in resultat.items()} == {
        "dossiers": [1],
        "sejours": [5],
    }


def test_chaque_ressource_de_la_personne_est_une_mise_a_jour() -> None:
    jour = "2026-03-01T08:00:00Z"
    resultat = tables(
        patient("p", maj=jour),
        sejour("s", "Patient/p", maj=jour),
        evenement("e", "Patient/p", maj=jour),
        projet("c", "Patient/p", maj=jour),
        entree("Observation", "o", None, subject={"reference": "Patient/p"}, maj=jour),
        entree("Consent", "k", "tddui-consent-accord", patient={"reference": "Patient/p"}, maj=jour),
        entree("Task", "t", None, **{"for": {"reference": "Patient/p"}}, maj=jour),
        entree("Schedule", "h", None, actor=[{"display": "x"}, {"reference": "Patient/p"}], maj=jour),
        entree("Observation", "sans-date", None, subject={"reference": "Patient/p"}),
        organisation("org", maj=jour),
        entree("Practitioner", "pr", None, maj=jour),
        entree("Observation", "groupe", None, subject={"reference": "Group/g"}, maj=jour),
        entree("Location", "l", None, url="urn:uuid:lieu"),
        entree("Observation", "du lieu", None, subject={"reference": "urn:uuid:lieu"}, maj=jour),
        entree("Observation", "perdue", None, subject={"reference": "Patient/absent"}, maj=jour),
        entree("Observation", "perdue aussi", None, subject={"reference": "urn:uuid:absent"}, maj=jour),
    )
    assert sorted(resultat["mises_a_jour"]) == [
        *((rang, FOYER, f"3{FOYER}/p", jour) for rang in range(1, 9)),
        (15, FOYER, None, jour),
        (16, FOYER, None, jour),
    ]


@pytest.mark.parametrize(
    ("majs", "jour"),
    [
        # Every resource bears the same day: the server that exports wrote it.
        (["2026-03-12T08:00:00Z", "2026-03-12T20:30:00+02:00", "2026-03-12"], "12/03/2026"),
        # Some do, on the day of the extraction.
        (["2026-04-01T08:00:00Z", None, "2026-04-01T09:00:00Z"], "01/04/2026"),
        # Some do, on another day: those were touched.
        (["2026-03-12T08:00:00Z", None, "2026-03-12T09:00:00Z"], None),
        (["2026-04-01T08:00:00Z", "2026-03-31T08:00:00Z", None], None),
    ],
)
def test_un_seul_jour_de_mise_a_jour_est_celui_de_l_export(majs: list[str | None], jour: str | None) -> None:
    champs = [{"maj": maj} if maj else {} for maj in majs]
    lu = transfert(
        bundle(
            patient("p", **champs[0]), projet("c", "Patient/p", **champs[1]), evenement("e", "Patient/p", **champs[2])
        )
    )
    dates = [maj for maj in majs if maj]
    if jour is None:
        assert [ligne[3] for ligne in lignes(lu.feuilles["mises_a_jour"])] == dates
        assert lu.avertissements == ()
    else:
        assert "mises_a_jour" not in lu.feuilles
        assert lu.avertissements == (Avertissement("MISES_A_JOUR_DU_JOUR", jour, len(dates)),)


def test_profils_non_lus_comptes_une_fois_chacun() -> None:
    lu = transfert(
        bundle(
            patient("p"),
            organisation("o"),
            entree("Goal", "g1", "tddui-goal-objectif", subject={"reference": "Patient/p"}),
            entree("Goal", "g2", "tddui-goal-objectif|2.2.0"),
            entree("Consent", "k", "tddui-consent-accord", patient={"reference": "Patient/p"}),
            entree("Observation", "o", "observation-d-un-autre-guide"),
            entree("List", "l", None),
            sejour("s", "Patient/p", "Organization/o"),
        )
    )
    assert lu.avertissements == (
        Avertissement("PROFIL_TDDUI_NON_LU", "tddui-consent-accord", 1),
        Avertissement("PROFIL_TDDUI_NON_LU", "tddui-goal-objectif", 2),
    )


@pytest.mark.parametrize("profil", ["tddui-careplan-projet-perso", "tddui-careplan-projet-perso-essms|2.1.0-ballot"])
def test_projets_des_versions_d_essai(profil: str) -> None:
    ancien = entree("CarePlan", "c", profil, subject=_lien("Patient/p"), status="active")
    assert tables(patient("p"), ancien)["projets"] == [(2, FOYER, f"3{FOYER}/p", "c", "actif", None, None)]


@pytest.mark.parametrize(
    ("url", "reference", "trouve"),
    [
        (f"{SERVEUR}/Patient/p", "Patient/p", True),
        (f"{SERVEUR}/Patient/p", f"{SERVEUR}/Patient/p", True),
        (f"{SERVEUR}/Patient/p", f"{SERVEUR}/Patient/p/_history/3", True),
        (f"{SERVEUR}/Patient/p", "https://ailleurs.example/Patient/p", False),
        ("urn:uuid:1", "urn:uuid:1", True),
        ("urn:uuid:1", "Patient/p", True),
        ("urn:uuid:1", "https://ailleurs.example/Patient/p", True),
        ("urn:uuid:1", "urn:uuid:2", False),
        ("urn:uuid:1", "#p", False),
        ("urn:uuid:1", "Group/p", False),
    ],
)
def test_reference_a_la_personne(url: str, reference: str, trouve: bool) -> None:
    resultat = tables(patient("p", "IPP1", url=url), organisation("o"), sejour("s", reference, "Organization/o"))
    assert resultat["sejours"] == [(3, FOYER, "IPP1" if trouve else None, "2025-01-06", None)]


def test_meme_identifiant_de_ressource_sur_deux_serveurs() -> None:
    a, b = "https://a.example/Patient/1", "https://b.example/Patient/1"
    resultat = tables(
        patient("1", "IPP-A", url=a),
        patient("1", "IPP-B", url=b),
        organisation("o"),
        sejour("s", "Patient/1", url="https://b.example/Encounter/s"),
        sejour("t", "Patient/1", url="urn:uuid:t"),
        sejour("u", a),
    )
    assert [ligne[2] for ligne in resultat["sejours"]] == ["IPP-B", None, "IPP-A"]


def test_sans_personne_la_ligne_reste_a_rejeter() -> None:
    orphelin = entree("CarePlan", "c", "tddui-careplan-projet-personnalise", status="active")
    assert tables(organisation("o"), orphelin)["projets"] == [(2, FOYER, None, "c", "actif", None, None)]


def test_substitut_isole_ne_passe_pas_en_polars() -> None:
    contenu = bundle(patient("p", "IPP\ud800é"), organisation("o"))
    assert lignes(lire(contenu)["dossiers"])[0][2] == "IPP?é"


def test_lots_bornes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lignes_tddui, "LIGNES_PAR_LOT", 2)
    entrees = [patient("p"), *(evenement(f"e{rang}", "Patient/p") for rang in range(5))]
    lots = list(lire(bundle(*entrees))["agenda"].lots)
    assert [lot.height for lot in lots] == [2, 2, 1]
    assert pl.concat(lots)[LIGNE].to_list() == [2, 3, 4, 5, 6]


ENTREE = json.dumps(patient("p")).encode()


@pytest.mark.parametrize(
    ("contenu", "code"),
    [
        (b"", "FICHIER_VIDE"),
        (b" \n\t", "FICHIER_VIDE"),
        (b"[]", "CONTENU_INATTENDU"),
        (b'{"resourceType": "Patient"}', "CONTENU_INATTENDU"),
        (b'{"entry": [' + ENTREE + b"]}", "CONTENU_INATTENDU"),
        (b'{"resourceType": "Bundle", "entry": {}}', "CONTENU_INATTENDU"),
        (b'{"resourceType": "Bundle", "entry": [1]}', "CONTENU_INATTENDU"),
        (b'{"resourceType": "Bundle"}', "AUCUNE_LIGNE"),
        (b'{"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "List"}}, {}]}', "AUCUNE_LIGNE"),
        (bundle(patient("p"))[:-1], "FICHIER_ILLISIBLE"),
        (bundle(patient("p"))[:-40], "FICHIER_ILLISIBLE"),
        (bundle(patient("p")) + b"{}", "FICHIER_ILLISIBLE"),
        (b'{"resourceType": "Bundle", "entry": [' + ENTREE + b",]}", "FICHIER_ILLISIBLE"),
        (b'{"resourceType": "Bundle", "total": NaN}', "FICHIER_ILLISIBLE"),
        (b'{"resourceType": "Bundle", "resourceType": "Bundle"}', "FICHIER_ILLISIBLE"),
        (b'{"resourceType": "Bundle", "entry": [{"id": 1, "id": 2}]}', "FICHIER_ILLISIBLE"),
        (b'{"resourceType": "Bundle", 1: 2}', "FICHIER_ILLISIBLE"),
        (b'{"entry": [' + b"[" * 100_000 + b"]" * 100_000 + b"]}", "FICHIER_ILLISIBLE"),
        (b'{"entry": [' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"]}", "FICHIER_ILLISIBLE"),
        (b"[" * 100_000, "CONTENU_INATTENDU"),
        (bundle(patient("p", "Zoé")).decode().encode("utf-16"), "FICHIER_ILLISIBLE"),
        (b'{"resourceType": "Bundle", "id": "caf\xe9"}', "FICHIER_ILLISIBLE"),
        (b"PK\x03\x04\x00\x00", "FICHIER_ILLISIBLE"),
        (b"finess_et;id_dossier\n", "FICHIER_ILLISIBLE"),
        (b"<html>", "FICHIER_ILLISIBLE"),
    ],
)
def test_fichier_inutilisable(contenu: bytes, code: str) -> None:
    with pytest.raises(LectureImpossible) as erreur:
        lire(contenu)
    assert erreur.value.code == code


def test_erreur_dit_la_ligne() -> None:
    with pytest.raises(LectureImpossible) as erreur:
        lire(b'{"resourceType": "Bundle",\n "entry": [\n' + ENTREE + b",\n oups\n]}")
    assert erreur.value.ligne == 4


def test_bom_et_resourcetype_a_la_fin() -> None:
    contenu = b'\xef\xbb\xbf{"entry": [' + ENTREE + b'], "total": 1, "resourceType": "Bundle"}'
    assert lignes(lire(contenu)["dossiers"])[0][1] == FOYER


def test_contenus_de_mauvais_type_ignores() -> None:
    bizarre = entree("Encounter", "e", None, subject="Patient/p", identifier="x", period=[], status={"a": 1})
    bizarre["resource"]["meta"] = {"profile": PROFIL + "tddui-encounter-sejour", "lastUpdated": {}}
    resultat = tables(patient("p"), bizarre, {"fullUrl": 3, "resource": {"resourceType": 7, "meta": [], "id": []}})
    assert resultat["sejours"] == [(2, None, None, None, None)]


class _FluxGenere(io.RawIOBase):
    """A file that is made as it is read: its size costs no memory."""

    def __init__(self, morceaux: Iterator[bytes]) -> None:
        self._morceaux = morceaux
        self._reste = b""

    def readable(self) -> bool:
        return True

    def readinto(self, tampon: Any) -> int:
        self._reste = self._reste or next(self._morceaux, b"")
        donnees, self._reste = self._reste[: len(tampon)], self._reste[len(tampon) :]
        tampon[: len(donnees)] = donnees
        return len(donnees)


@pytest.mark.parametrize(
    "motif", [b"QUJDREVGR0g=", b"QUJD\\/REVGR0hJSktM\\r\\n", '\\"<p>été à Saint-Élie</p>\\"'.encode()]
)
def test_piece_jointe_geante_ne_tient_pas_en_memoire(motif: bytes) -> None:
    bloc = motif * (100_000 // len(motif))

    def contenu() -> Iterator[bytes]:
        yield b'{"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "DocumentReference", "data": "'
        yield from (bloc for _ in range(500))
        yield b'"}},' + ENTREE + b"]}"

    tracemalloc.start()
    cadre = Cadre({}, lambda _finess: "Europe/Paris", date(2026, 4, 1))
    with tempfile.TemporaryDirectory() as prive:
        feuilles = lire_tddui(io.BufferedReader(_FluxGenere(contenu())), cadre, Path(prive)).feuilles
    pic_octets = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert lignes(feuilles["dossiers"])[0][:2] == (2, FOYER)
    assert pic_octets < 8_000_000


def test_valeur_demesuree_ne_devient_pas_un_identifiant() -> None:
    (dossier,) = tables(patient("p", "3" * 300_000), organisation("o"))["dossiers"]
    assert len(dossier[2]) > 64


@given(
    st.recursive(
        st.text(alphabet='ab"\\/é€😀\n\x07 ', max_size=60) | st.none() | st.booleans() | st.integers(),
        lambda enfants: st.lists(enfants, max_size=4) | st.dictionaries(st.text("ab", max_size=3), enfants, max_size=4),
        max_leaves=12,
    ),
    st.booleans(),
)
def test_allegement_ne_touche_que_les_longues_chaines(valeur: Any, ascii_seulement: bool) -> None:
    """Whatever the blocks cut through, what comes out is the same JSON, long strings apart."""

    def pareil(avant: Any, apres: Any) -> bool:
        if isinstance(avant, str):
            garde = apres.removesuffix("." * 128)
            return avant == apres or (garde != apres and avant.startswith(garde))
        if isinstance(avant, list):
            return len(avant) == len(apres) and all(map(pareil, avant, apres))
        if isinstance(avant, dict):
            return all(map(pareil, avant, apres)) and all(map(pareil, avant.values(), apres.values()))
        return bool(avant == apres)

    texte = json.dumps(valeur, ensure_ascii=ascii_seulement).encode()
    with pytest.MonkeyPatch.context() as reglage:
        reglage.setattr(tddui, "TAILLE_BLOC_OCTETS", 16)
        allege = b"".join(tddui._blocs_alleges(io.BytesIO(texte)))
    assert pareil(valeur, json.loads(allege))


@given(
    st.dictionaries(st.text(max_size=5), st.integers() | st.text() | st.lists(st.text() | st.integers()), max_size=5)
)
def test_membres_quel_que_soit_le_decoupage(objet: dict[str, Any]) -> None:
    with pytest.MonkeyPatch.context() as reglage:
        reglage.setattr(tddui, "TAILLE_TAMPON_CARACTERES", 24)
        reglage.setattr(tddui, "MARGE_NOMBRE_CARACTERES", 24)
        lus = list(membres_json(io.BytesIO(json.dumps(objet, indent=1).encode())))
    texte = {cle: _en_texte(valeur) for cle, valeur in objet.items()}
    assert [tuple(membre) for membre in lus] == [
        (cle, rang, element)
        for cle, valeur in texte.items()
        for rang, element in (enumerate(valeur, 1) if isinstance(valeur, list) else [(0, valeur)])
    ]


def _en_texte(valeur: Any) -> Any:
    return [_en_texte(element) for element in valeur] if isinstance(valeur, list) else str(valeur)
