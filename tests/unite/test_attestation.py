"""The attestation of a project: one page that says no more than its sources, and that nobody changes unseen (§3; issue 13)."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from pypdf import PdfReader

from schemas.curated import SOURCES
from transforms.dire.formats import INSECABLE
from transforms.dire.libelles import AVEC_CIBLE
from transforms.pages.attestation import Attestee, page

Verdict = tuple[str, int | None, int | None]  # verdict, numerator, denominator

BON: Verdict = ("atteint", 40, 40)
TEXTE = "Appel à projets régional 2025, §4.4–4.5"
CONVENTION: dict[str, Any] = {
    "porteur": "asso",
    "montant_theorique": Decimal("14000.00"),
    "montant_accorde": None,
    "avance": Decimal("7000.00"),
    "solde": Decimal("7000.00"),
    "depenses_justifiees": Decimal("12500.50"),
    "solde_payable": Decimal("5500.50"),
    "solde_exigible": True,
    "date_convention": date(2025, 6, 1),
    "date_debut_projet": None,
    "date_vsr": date(2026, 2, 12),
    "delai_indicatif_mois": 18,
    "mois_ecoules": 10,
    "echeance_indicative": date(2026, 12, 1),
    "date_cibles_atteintes": date(2026, 4, 1),
}
CONDITIONS = {
    "depenses": ("remplie", "12 500,50 € de dépenses justifiées au 01/03/2026."),
    "cibles_usage": ("remplie", "Les 2 ESSMS du projet sont tous à la cible."),
    "service_regulier": ("remplie", "Le service régulier est vérifié depuis le 12/02/2026."),
}


def attestee(
    essms: Sequence[Mapping[str, Verdict]],
    convention: Mapping[str, Any] | None = None,
    conditions: Mapping[str, tuple[str, str]] | None = None,
    rejets: int = 0,
) -> Attestee:
    """A project: for each ESSMS, the verdicts that are not `BON`."""
    indicateurs, maturin, sources = [], [], []
    for rang, verdicts in enumerate(essms):
        finess = f"0100{rang:05d}"
        bloquants = {v for v, _, _ in verdicts.values()} - {"atteint", "sans_objet", "non_opposable"}
        for indicateur in AVEC_CIBLE:
            verdict, numerateur, denominateur = verdicts.get(indicateur, BON)
            connu = numerateur is not None and bool(denominateur)
            indicateurs.append(
                {
                    "finess_et": finess,
                    "indicateur": indicateur,
                    "numerateur": numerateur,
                    "denominateur": denominateur,
                    "taux": 100 * numerateur / denominateur if connu else None,
                    "cible": 90.0,
                    "verdict": verdict,
                    "reste_a_faire": max(0, -(-9 * denominateur // 10) - numerateur) if connu else None,
                    "taux_plancher": 89.96 if verdict == "a_confirmer" and connu else None,
                    "debut_fenetre": date(2026, 1, 1),
                    "fin_fenetre": date(2026, 3, 31),
                    "regles": "2025",
                }
            )
        maturin.append(
            {
                "finess_et": finess,
                "raison_sociale": "SAVS L’Étoile du Cœur",
                "cibles_atteintes": not bloquants,
                "cibles_a_confirmer": bloquants == {"a_confirmer"},
            }
        )
        sources += [
            {
                "finess_et": finess,
                "table": source,
                "presente": True,
                "derniere_extraction": date(2026, 4, 2),
                "sans_reference": False,
                "lignes_rejetees": rejets if source == "dossiers" else 0,
                "tardive": False,
                "refusee": False,
                "sejours_inconnus": 0,
            }
            for source in SOURCES
        ]
    lignes = [
        {"condition": c, "etat": etat, "detail": detail, "source": TEXTE}
        for c, (etat, detail) in (CONDITIONS | dict(conditions or {})).items()
    ]
    return Attestee(
        description={
            "projet": "asso-2025",
            "nom_porteur": "Association de l’Œuvre",
            "date_mesure": "2026-04-01",
            "version": "v2",
            "version_qui_a_calcule": "v1",
            "depots": [{"table": "dossiers", "date_extraction": j} for j in ("2026-04-02", "2026-04-05")],
        },
        tables={
            "indicateurs": pl.DataFrame(indicateurs, infer_schema_length=None),
            "maturin_sms": pl.DataFrame(maturin),
            "sources": pl.DataFrame(sources),
            "conventions": pl.DataFrame([CONVENTION | dict(convention or {})]),
            "conditions_solde": pl.DataFrame(lignes),
        },
        preuve_sha256="3b" * 32,
        manifeste_sha256="9a" * 32,
    )


def lire(pdf: bytes) -> str:
    """The text of a page, its lines joined."""
    (feuille,) = PdfReader(io.BytesIO(pdf)).pages
    assert [round(float(c)) for c in feuille.mediabox[2:]] == [595, 842]
    return " ".join(feuille.extract_text().replace(INSECABLE, " ").split())


def test_the_page_says_figures_verdicts_conditions_amounts_and_hashes() -> None:
    dit = lire(page(attestee([{}, {"dmp": ("sans_objet", 0, 0)}])))
    for attendu in (
        "Projet asso-2025, porté par Association de l’Œuvre (asso) : 2 ESSMS. Mesure du 01/04/2026",
        "Fenêtre du 01/01/2026 au 31/03/2026.",
        "Solde exigible : 5 500,50 €.",
        "Service régulier remplie Le service régulier est vérifié depuis le 12/02/2026.",
        f"Cibles d'usage, service régulier et dépenses justifiées : {TEXTE}.",
        "Montant accordé non connu Montant des forfaits 14 000 € Avance 7 000 €",
        "Échéance indicative 01/12/2026 (18 mois)",
        "Début du projet non connu",
        "DMP 90 % 1 0 0 0 1 0",
        "010000000 SAVS L’Étoile du Cœur 40/40 = 100,0 %",
        "Tous les ESSMS du projet sont sur cette page.",
        "Dossiers du DUI 2 du 02/04/2026 au 05/04/2026 à jour pour 2 ESSMS",
        "3b" * 32,
        "9a" * 32,
        "version v1",
        "elle ne vaut pas décision de payer",
    ):
        assert attendu in dit, (attendu, dit)


def test_a_doubt_or_a_lack_is_said_and_the_balance_is_not_exigible() -> None:
    cas = [
        {"dossiers_actifs": ("a_confirmer", 37, 40)},
        {"mss": ("non_atteint", 30, 40), "dmp": ("non_demontre", None, None)},
        {},
    ]
    conditions = {
        "cibles_usage": ("non_remplie", "1 ESSMS n'est pas à la cible sur 3."),
        "depenses": ("inconnue", "Rien."),
    }
    payable = {
        "solde_exigible": False,
        "solde_payable": None,
        "depenses_justifiees": None,
        "date_cibles_atteintes": None,
    }
    dit = lire(page(attestee(cas, payable, conditions, rejets=3)))
    assert (
        "Le solde n’est pas exigible à cette mesure. Cibles d'usage : non remplie ; dépenses justifiées : inconnue."
        in dit
    )
    assert "Solde exigible" not in dit
    assert "37/40 = 92,5 % à confirmer, min. 89,9 %" in dit  # never rounded up to the target
    assert "30/40 = 75,0 % non atteint, manque 6" in dit
    assert "— non démontré" in dit
    assert "lignes rejetées pour 3 ESSMS ; 9 lignes rejetées en tout" in dit
    assert "Cibles atteintes depuis pas encore" in dit
    ordre = [dit.index(f"01000000{rang} ") for rang in (1, 0, 2)]
    assert ordre == sorted(ordre)


@pytest.mark.parametrize("nombre", [1, 16, 60])
def test_it_is_one_page_whatever_the_project_and_says_who_is_not_on_it(nombre: int) -> None:
    cas = [{"agenda": ("non_atteint", 10, 40)} if rang % 2 else {} for rang in range(nombre)]
    longue = "Une phrase de condition aussi longue que la plus longue que l'on sache écrire pour un projet. " * 3
    dit = lire(page(attestee(cas, conditions=dict.fromkeys(CONDITIONS, ("remplie", longue)))))
    if nombre == 60:
        titre = dit.partition("ESSMS, ceux qui bloquent d’abord (")[2]
        montres = int(titre.partition(" sur 60)")[0])
        assert 5 <= montres <= 16
        assert (
            f"{60 - montres} autres ESSMS ne sont pas sur cette page ({30 - montres} qui bloquent et 30 à la cible)"
            in dit
        )
        assert "010000001 " in dit
        assert "010000000 " not in dit


def test_the_same_content_gives_the_same_bytes_and_another_figure_others() -> None:
    projet = [{"dmp": ("atteint", 37, 40)}]
    assert page(attestee(projet)) == page(attestee(projet))
    assert page(attestee(projet)) != page(attestee([{"dmp": ("atteint", 38, 40)}]))


def test_its_letters_are_its_own_and_all_there(caplog: pytest.LogCaptureFixture) -> None:
    pdf = page(attestee([{}]))
    polices = PdfReader(io.BytesIO(pdf)).pages[0]["/Resources"]["/Font"]  # type: ignore[index]
    embarquees = {str(p.get_object()["/BaseFont"]) for p in polices.values() if "/FontDescriptor" in p.get_object()}
    assert {n.partition("+")[2] for n in embarquees} == {"DejaVuSansCondensed", "DejaVuSansCondensed-Bold"}
    assert not caplog.records
