"""The attestation of a project: one page that says no more than its sources, and that nobody changes unseen (§3; issue 13)."""

from __future__ import annotations

import hashlib
import io
import json
import random
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from pypdf import PdfReader
from scenario import ESSMS, deposer, ecrire, nuit_directe, projets

from flows.cli.principal import main
from flows.versions import preuves_remises
from schemas.curated import SOURCES
from transforms import preuve
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
                    "atteint": 10 * numerateur >= 9 * denominateur if connu else None,
                    "statut": "source_absente" if numerateur is None else "calcule" if connu else "denominateur_nul",
                    "verdict": verdict,
                    "reste_a_faire": max(0, -(-9 * denominateur // 10) - numerateur) if connu else None,
                    "taux_plancher": 100 * numerateur / (denominateur + rejets) if connu else None,
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
            "porteurs": {"asso": "Association de l’Œuvre"},
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
    assert "37/40 = 92,5 % à confirmer, ≥ 86,0 %" in dit
    assert "30/40 = 75,0 % non atteint, manque 6" in dit
    assert "— non démontré" in dit
    assert "lignes rejetées pour 3 ESSMS" in dit
    assert "À confirmer : « dossiers » : 3 lignes rejetées (1 ESSMS)." in dit
    assert "Cibles atteintes depuis pas encore" in dit
    ordre = [dit.index(f"01000000{rang} ") for rang in (1, 0, 2)]
    assert ordre == sorted(ordre)


@pytest.mark.parametrize(
    ("convention", "attendu"),
    [
        ({"solde_payable": Decimal("0.00")}, "Rien à payer, les dépenses justifiées ne dépassent pas l'avance."),
        ({"solde_payable": None}, "Les conditions sont remplies, mais le montant n'est pas connu."),
    ],
)
def test_a_balance_that_is_not_exigible_says_why(convention: Mapping[str, Any], attendu: str) -> None:
    dit = lire(page(attestee([{}], {"solde_exigible": False, **convention})))
    assert f"Le solde n’est pas exigible à cette mesure. {attendu}" in dit


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


JOUR = date(2026, 4, 1)
NUIT = datetime(2026, 4, 3, 2, 30, tzinfo=UTC)
E1, E2, E3 = (ESSMS[e] for e in ("E1", "E2", "E3"))


def lancer(*arguments: str) -> int:
    with pytest.raises(SystemExit) as fin:
        main(arguments)
    return int(str(fin.value.code))


@pytest.fixture(scope="module")
def modele(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two ESSMS in the project p1, another of the same porteur in p2; E1 is at its targets for the DUI, E2 is not."""
    racine = tmp_path_factory.mktemp("modele") / "data"
    projet = "type=acquisition exemption_socles=oui date_debut_projet=2025-07-01 date_vsr=2026-02-12"
    projets(racine, f"E1 projet=p1 {projet}\nE2 projet=p1 {projet}\nE3 projet=p2 {projet}")
    ecrire(racine / "raw" / "referentiels" / "depenses.csv", "projet;montant;date\np1;20000,50;2026-03-01\n")
    tables: dict[str, list[str]] = {
        "dossiers": ["finess_et;id_dossier;id_personne"],
        "sejours": ["finess_et;id_dossier;date_entree"],
        "mises_a_jour": ["finess_et;id_dossier;horodatage"],
        "projets": ["finess_et;id_dossier;id_projet;statut"],
        "agenda": ["finess_et;id_dossier;id_evenement;debut"],
    }
    for essms, nombre, suivis in ((E1, 5, 5), (E2, 4, 2), (E3, 3, 3)):
        for rang in range(nombre):
            tables["dossiers"].append(f"{essms};D{rang};P{rang}")
            tables["sejours"].append(f"{essms};D{rang};2026-01-05")
            if rang < suivis:
                tables["mises_a_jour"].append(f"{essms};D{rang};2026-02-1{rang}")
                tables["projets"].append(f"{essms};D{rang};J{rang};actif")
                tables["agenda"].append(f"{essms};D{rang};R{rang};2026-02-1{rang}")
    for table, lignes in tables.items():
        deposer(racine, f"{table}_2026-04-02.csv", "\n".join(lignes) + "\n")
    nuit_directe(racine, [JOUR], NUIT)
    return racine


@pytest.fixture
def publiee(modele: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(modele, tmp_path / "data", symlinks=True))


def mieux(racine: Path) -> None:
    """What E2 lacked arrives, and the date is measured again."""
    deposer(
        racine,
        "mises_a_jour_2026-04-03.csv",
        f"finess_et;id_dossier;horodatage\n{E2};D2;2026-02-20\n{E2};D3;2026-02-20\n",
    )
    nuit_directe(racine, [JOUR], NUIT + timedelta(days=1))


def prouver(data: Path, nom: str = "p1.zip") -> Path:
    sortie = data.parent / nom
    demande = ("preuve", "--projet", "p1", "--date-mesure", "2026-04-01", "--sortie", str(sortie), "--data", str(data))
    assert lancer(*demande) == 0
    return sortie


def attester(data: Path, nom: str = "p1.pdf") -> Path:
    sortie = data.parent / nom
    demande = (
        "attestation",
        "--projet",
        "p1",
        "--date-mesure",
        "2026-04-01",
        "--sortie",
        str(sortie),
        "--data",
        str(data),
    )
    assert lancer(*demande) == 0
    return sortie


def contenu(chemin: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(chemin) as archive:
        noms = archive.namelist()
        assert len(noms) == len(set(noms))
        return {nom: archive.read(nom) for nom in noms}


def test_one_bundle_holds_every_essms_of_the_project_and_each_file_once(publiee: Path) -> None:
    pieces = contenu(prouver(publiee))
    dit = json.loads(pieces["preuve.json"])
    assert (dit["projet"], dit["porteur"], dit["date_mesure"]) == ("p1", "asso", "2026-04-01")
    actifs = {
        c["finess_et"]: (c["numerateur"], c["denominateur"])
        for c in dit["chiffres"]
        if c["indicateur"] == "dossiers_actifs"
    }
    assert actifs == {E1: (5, 5), E2: (2, 4)}
    assert len(dit["depots"]) == len({d["depot"] for d in dit["depots"]}) == 5
    for nom, octets in pieces.items():
        if nom.startswith(("publie/", "entrees/depose_")):
            lignes = pl.read_parquet(octets)
            assert set(lignes["finess_et"] if "finess_et" in lignes.columns else [E1]) <= {E1, E2}, nom
            assert set(lignes["projet"] if "projet" in lignes.columns else ["p1"]) <= {"p1"}, nom
    convention = pl.read_parquet(pieces["publie/conventions.parquet"]).row(0, named=True)
    assert (convention["nb_essms"], convention["depenses_justifiees"]) == (2, Decimal("20000.50"))
    assert pl.read_parquet(pieces["publie/conditions_solde.parquet"]).height == 3
    for nom in ("2023", "2025"):
        assert hashlib.sha256(pieces[f"regles/{nom}.toml"]).hexdigest() == dit["regles"][nom]["sha256"]


def test_the_bundle_of_a_project_is_verified_here_elsewhere_and_with_duckdb_alone(
    publiee: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    chemin = prouver(publiee)
    assert lancer("preuve", "--verifier", str(chemin), "--data", str(publiee)) == 0
    ici = capsys.readouterr().out
    assert "Preuve valable : projet p1" in ici
    assert "ceux de la version publiée ici" in ici
    assert lancer("preuve", "--verifier", str(chemin), "--data", str(tmp_path / "ailleurs")) == 0
    assert "vérifiée par son seul contenu" in capsys.readouterr().out
    with zipfile.ZipFile(chemin) as archive:
        archive.extractall(tmp_path / "depliee")
    monkeypatch.chdir(tmp_path / "depliee")
    with duckdb.connect() as base:
        ordres = duckdb.extract_statements(Path("recalcul.sql").read_text(encoding="utf-8"))
        assert [base.execute(ordre).fetchall() for ordre in ordres][-1][0][0].startswith("IDENTIQUE")


@pytest.mark.parametrize(
    ("table", "colonne", "valeur"),
    [
        ("conventions", "solde_exigible", True),
        ("conventions", "montant_theorique", Decimal("99000.00")),
        ("conditions_solde", "etat", "remplie"),
        ("indicateurs", "verdict", "atteint"),
        ("sources", "lignes_rejetees", 4),
    ],
)
def test_a_condition_or_an_amount_forged_coherently_does_not_recompute(
    publiee: Path, capsys: pytest.CaptureFixture[str], table: str, colonne: str, valeur: Any
) -> None:
    chemin = prouver(publiee)
    pieces = contenu(chemin)
    lignes = pl.read_parquet(pieces[f"publie/{table}.parquet"])
    flux = io.BytesIO()
    lignes.with_columns(pl.lit(valeur, lignes.schema[colonne]).alias(colonne)).write_parquet(flux)
    pieces[f"publie/{table}.parquet"] = flux.getvalue()
    del pieces["empreintes.sha256"]
    sommes = "".join(f"{hashlib.sha256(o).hexdigest()}  {n}\n" for n, o in sorted(pieces.items()))
    chemin.write_bytes(preuve._zip({**pieces, "empreintes.sha256": sommes.encode()}))
    assert lancer("preuve", "--verifier", str(chemin)) == 1
    assert f"Le recalcul ne donne pas le chiffre publié : {table}, " in capsys.readouterr().err


def test_the_page_and_its_bundle_are_handed_out_and_verified(
    publiee: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page_ecrite = attester(publiee)
    archive = page_ecrite.with_suffix(".preuve.zip")
    dit = lire(page_ecrite.read_bytes())
    version = (publiee / "curated" / "actuel").readlink().name
    manifeste = (publiee / "curated" / "actuel" / "manifeste.json").read_bytes()
    for attendu in (
        "Projet p1, porté par Association (asso) : 2 ESSMS.",
        "Le solde n’est pas exigible à cette mesure.",
        "2/4 = 50,0 %",
        "non atteint, manque 2",
        hashlib.sha256(archive.read_bytes()).hexdigest(),
        hashlib.sha256(manifeste).hexdigest(),
        version,
    ):
        assert attendu in dit, dit
    assert page_ecrite.stat().st_mode & 0o077 == archive.stat().st_mode & 0o077 == 0
    capsys.readouterr()
    assert lancer("attestation", "--verifier", str(page_ecrite), "--data", str(publiee)) == 0
    assert "Attestation valable : projet p1, mesure du 01/04/2026." in capsys.readouterr().out
    sans_agence = (
        "attestation",
        "--verifier",
        str(page_ecrite),
        "--preuve",
        str(archive),
        "--data",
        str(tmp_path / "rien"),
    )
    assert lancer(*sans_agence) == 0
    assert "celle qu'elle donne, à l'octet près" in capsys.readouterr().out
    assert lancer("preuve", "--verifier", str(archive), "--data", str(publiee)) == 0
    assert preuves_remises.versions_citees(publiee / "curated") == {version}
    assert attester(publiee, "encore.pdf").read_bytes() == page_ecrite.read_bytes()


def test_one_changed_byte_of_the_page_is_seen_with_or_without_the_agency(
    publiee: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page_ecrite = attester(publiee)
    octets = page_ecrite.read_bytes()
    hasard = random.Random(1)
    copie = publiee.parent / "copie.pdf"
    for tour, rang in enumerate(hasard.sample(range(len(octets)), 12)):
        change = bytearray(octets)
        change[rang] ^= 1 << hasard.randrange(8)
        copie.write_bytes(change)
        assert lancer("attestation", "--verifier", str(copie), "--data", str(publiee)) == 1
        assert "ou elle a été modifiée" in capsys.readouterr().err
        if tour < 2:
            avec = ("--preuve", str(page_ecrite.with_suffix(".preuve.zip")))
            assert lancer("attestation", "--verifier", str(copie), *avec) == 1
            assert "ATTESTATION NON VALABLE" in capsys.readouterr().err
    # A bundle is registered too: it is no page.
    archive = str(page_ecrite.with_suffix(".preuve.zip"))
    assert lancer("attestation", "--verifier", archive, "--data", str(publiee)) == 1


def test_what_was_published_since_is_told(publiee: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page_ecrite = attester(publiee)
    nuit_directe(publiee, [JOUR], NUIT + timedelta(hours=5))  # measured again: the same figures
    assert lancer("attestation", "--verifier", str(page_ecrite), "--data", str(publiee)) == 0
    mieux(publiee)
    capsys.readouterr()
    assert lancer("attestation", "--verifier", str(page_ecrite), "--data", str(publiee)) == 8
    dit = capsys.readouterr().err
    assert "ATTESTATION DÉPASSÉE" in dit
    assert f"indicateurs, {E2}, dossiers_actifs, numerateur : sur la page 2, maintenant 4" in dit
    nouvelle = attester(publiee, "nouvelle.pdf")
    assert lancer("attestation", "--verifier", str(nouvelle), "--data", str(publiee)) == 0
    # The first one still is what its bundle gives.
    avec = ("--preuve", str(page_ecrite.with_suffix(".preuve.zip")))
    assert lancer("attestation", "--verifier", str(page_ecrite), *avec) == 0
    assert lancer("attestation", "--verifier", str(nouvelle), *avec) == 1
    # That of an ESSMS gives no page.
    d_un_essms = str(publiee.parent / "e1.zip")
    assert lancer("preuve", E1, "--date-mesure", "2026-04-01", "--sortie", d_un_essms, "--data", str(publiee)) == 0
    assert lancer("attestation", "--verifier", str(nouvelle), "--preuve", d_un_essms) == 1


def test_a_damaged_publication_settles_nothing(publiee: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page_ecrite = attester(publiee)
    fichier = publiee / "curated" / "actuel" / "conventions" / "date_mesure=2026-04-01" / "conventions.parquet"
    octets = bytearray(fichier.read_bytes())
    octets[len(octets) // 2] ^= 1
    fichier.unlink()
    fichier.write_bytes(octets)
    capsys.readouterr()
    assert lancer("attestation", "--verifier", str(page_ecrite), "--data", str(publiee)) == 1
    assert "ATTESTATION NON VÉRIFIABLE" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("attestation", "--projet", "p9", "--date-mesure", "2026-04-01", "--sortie", "f.pdf"), 5),
        (("attestation", "--projet", "p1", "--date-mesure", "2026-04-02", "--sortie", "f.pdf"), 5),
        (("attestation", "--projet", "p1", "--date-mesure", "2026-04-01", "--sortie", "absent/f.pdf"), 1),
        (("attestation", "--projet", "p1", "--date-mesure", "2026-04-01", "--sortie", "f.zip"), 2),
        (("attestation", "--projet", "p1"), 2),
        (("attestation", "--projet", "p1", "--verifier", "f.pdf"), 2),
        (("attestation", "--preuve", "f.zip"), 2),
        (("attestation", "--verifier", "absent.pdf"), 1),
        (("preuve", "--projet", "p9", "--date-mesure", "2026-04-01", "--sortie", "f.zip"), 5),
        (("preuve", E1, "--projet", "p1", "--date-mesure", "2026-04-01", "--sortie", "f.zip"), 2),
    ],
)
def test_exit_codes(
    publiee: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: int
) -> None:
    monkeypatch.chdir(tmp_path)
    assert lancer(*arguments, "--data", str(publiee)) == code
    assert [f.name for f in tmp_path.iterdir()] == ["data"]
