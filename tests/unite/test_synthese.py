"""The synthetic region: reproducible, plausible, and with every kind of mess it promises."""

import gzip
import json
import re
import zipfile
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from python_calamine import CalamineWorkbook

from schemas.erreurs import DemandeImpossible
from transforms.donnees_fictives import Demande, RegionEcrite, generer
from transforms.donnees_fictives.activite import Activite, construire_activite
from transforms.donnees_fictives.editeurs import _EDITEURS
from transforms.donnees_fictives.hasard import Hasard
from transforms.donnees_fictives.periode import Periode, Trimestre
from transforms.donnees_fictives.region import MODELES, Region, cle_luhn, construire_region, repartir

PERIODE = Periode(date(2026, 1, 1), date(2026, 6, 30))
PETIT: dict[str, Any] = {"essms": 14, "personnes": 150, "fin": date(2026, 3, 31)}
CODAGES = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16"}


@pytest.fixture(scope="session")
def monde(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RegionEcrite]:
    racine = tmp_path_factory.mktemp("region")
    return racine / "raw", generer(racine, Demande(personnes=1500))


@pytest.fixture(scope="session")
def raw(monde: tuple[Path, RegionEcrite]) -> Path:
    return monde[0]


@pytest.fixture(scope="session")
def region() -> Region:
    return construire_region(Hasard(1).sous("region"), PERIODE, porteurs=6, essms=60, personnes=4000)


def depots(raw: Path, porteur: str = "", motif: str = "**/*") -> list[Path]:
    """Files of a drop folder, or of all of them."""
    return sorted(f for f in (raw / "depots" / porteur).glob(motif) if f.is_file())


def codage(contenu: bytes) -> str:
    for debut, nom in CODAGES.items():
        if contenu.startswith(debut):
            return nom
    try:
        contenu.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252" if re.search(rb"[\x80-\x9f]", contenu) else "iso8859-15"
    return "utf-8"


def texte(fichier: Path) -> str:
    contenu = fichier.read_bytes()
    if fichier.suffix == ".gz":
        contenu = gzip.decompress(contenu)
    return contenu.decode(codage(contenu))


def projets(raw: Path) -> pl.DataFrame:
    return pl.read_csv(raw / "referentiels" / "projets.csv", separator=";", infer_schema=False)


def finess(raw: Path) -> dict[str, Any]:
    contenu = json.loads(
        gzip.decompress((raw / "referentiels" / "finess-structures-journalier-20260701.json.gz").read_bytes())
    )
    return {e["informationsGeneralesEGE"]["numFinessEge"]: e for pm in contenu["pmej"] for e in pm["ege"]}


def luhn_valide(numero: str) -> bool:
    chiffres = [int(c) for c in numero]
    return sum(c if i % 2 == 0 else sum(divmod(2 * c, 10)) for i, c in enumerate(reversed(chiffres))) % 10 == 0


def ins_valide(ins: str) -> bool:
    if len(ins) != 15:
        return False
    numero = int(ins[:13].replace("A", "0").replace("B", "0"))
    numero -= 1_000_000 if ins[6] == "A" else 2_000_000 if ins[6] == "B" else 0
    return 97 - numero % 97 == int(ins[13:])


# Reproducible


def contenu_de(racine: Path) -> dict[str, bytes]:
    return {str(f.relative_to(racine)): f.read_bytes() for f in racine.rglob("*") if f.is_file()}


def test_memes_arguments_memes_octets(tmp_path: Path) -> None:
    bilans = [generer(tmp_path / nom, Demande(graine=3, **PETIT)) for nom in "ab"]
    generer(tmp_path / "c", Demande(graine=4, **PETIT))
    a, b, c = (contenu_de(tmp_path / nom) for nom in "abc")
    assert a == b
    assert bilans[0] == bilans[1]
    assert {Path(nom).suffix.lower() for nom in a} == {".csv", ".gz", ".xlsx", ".parquet", ".zip", ".json", ".txt"}
    assert a.keys() == c.keys()
    etats = [nom for nom in a if "dossiers" in nom or "sejours" in nom]
    assert len(etats) >= 11
    assert all(a[nom] != c[nom] for nom in etats)


def test_ecrase_les_siens_et_laisse_les_autres(tmp_path: Path) -> None:
    depot = tmp_path / "raw" / "depots" / "trois-ravines"
    depot.mkdir(parents=True)
    (depot / "a_moi.csv").write_text("x")
    (depot / "eparcours_2026-04-01.csv").write_text("ancien")
    generer(tmp_path, Demande(**PETIT | {"porteurs": 1}))
    assert (depot / "a_moi.csv").read_text() == "x"
    assert (depot / "eparcours_2026-04-01.csv").read_bytes().startswith(b"\xef\xbb\xbfFINESS ET")


@pytest.mark.parametrize(
    "arguments",
    [
        {"porteurs": 0},
        {"essms": 5},
        {"personnes": 59},
        {"debut": date(2026, 7, 1)},
        {"mauvaises_lignes_pct": 101.0},
        {"mauvaises_lignes_pct": -1.0},
    ],
)
def test_arguments_impossibles(tmp_path: Path, arguments: dict[str, Any]) -> None:
    with pytest.raises(DemandeImpossible, match=r"il faut|période|pourcentage"):
        generer(tmp_path, Demande(**arguments))
    assert list(tmp_path.iterdir()) == []


def test_periode_coupee_en_trimestres() -> None:
    assert PERIODE.trimestres == (
        Trimestre(date(2026, 1, 1), date(2026, 3, 31)),
        Trimestre(date(2026, 4, 1), date(2026, 6, 30)),
    )
    assert (PERIODE.premiere_mesure, PERIODE.lendemain) == (date(2026, 4, 1), date(2026, 7, 1))
    assert PERIODE.mois_clos == tuple(date(2026, m, 1) for m in range(2, 8))
    courte = Periode(date(2026, 1, 31), date(2026, 2, 15))
    assert courte.trimestres == (Trimestre(date(2026, 1, 31), date(2026, 2, 15)),)
    assert courte.mois_clos == (date(2026, 2, 16),)


def test_repartir_ne_perd_personne() -> None:
    assert repartir(10, [1, 1, 1]) == [4, 3, 3]
    assert repartir(60, [18, 14, 10, 7, 10, 1], minimum=1) == [17, 14, 10, 7, 10, 2]
    with pytest.raises(DemandeImpossible, match="ne suffit pas"):
        repartir(1, [1, 1], minimum=1)


# Referentials


def test_numeros_finess(raw: Path) -> None:
    assert cle_luhn("97040002") == "4"  # La Réunion
    assert cle_luhn("2A000001") == cle_luhn("21000001")
    registre, officiels = projets(raw), finess(raw)
    tous = set(registre["finess_et"]) | set(officiels)
    assert all(luhn_valide(n) for n in tous)
    assert registre.height == registre["finess_et"].n_unique() == 60
    assert {n[:4] for n in tous if n.startswith("9")} == {"9702", "9704", "9805"}
    assert {"09", "31", "34", "66"} <= {n[:2] for n in registre["finess_et"]}


def test_fichier_finess(raw: Path) -> None:
    registre, officiels = projets(raw), finess(raw)
    du_projet = set(registre["finess_et"])
    assert len(du_projet - set(officiels)) == 1
    fermes = [n for n in du_projet & set(officiels) if officiels[n]["etatObjet"] == "I"]
    assert len(fermes) == 1
    assert officiels[fermes[0]]["informationsGeneralesEGE"]["dateFermeture"] == "2026-02-15"
    assert len(set(officiels) - du_projet) == 45
    premiers_usages = Counter(e["adresse"][0]["usageAdresse"] for e in officiels.values())
    assert set(premiers_usages) == {"03", "06"}
    assert all(e["adresse"][-1]["usageAdresse"] == "03" for e in officiels.values())


def test_projets_csv(raw: Path) -> None:
    registre = projets(raw)
    assert registre.columns == [
        "porteur", "nom", "finess_et", "regles", "date_premiere_mesure", "sous_secteur", "exemption_socles", "profil",
        "type", "part_medico_sociale", "projet", "portee", "date_convention", "date_debut_projet", "date_vsr", "montant_accorde",
    ]  # fmt: skip
    assert dict(registre.group_by("porteur").len().iter_rows()) == {
        "trois-ravines": 18,
        "ght-hautes-vallees": 14,
        "gcsms-parcours-madinina": 10,
        "baobab-soutien": 1,
        "tutelaire-piemont": 7,
        "enfance-deux-lagons": 10,
    }
    en_2023 = registre.filter(pl.col("regles") == "2023")
    assert en_2023["porteur"].unique().to_list() == ["gcsms-parcours-madinina"]
    assert en_2023["date_premiere_mesure"].unique().to_list() == ["2026-04-01"]
    assert registre["exemption_socles"].value_counts(sort=True).rows() == [("non", 59), ("oui", 1)]
    assert set(registre["type"]) == {"acquisition", "montee_de_version"}
    assert dict(registre.drop_nulls("projet").group_by("projet").len().iter_rows()) == {
        "trois-ravines-pilotes": 4,
        "trois-ravines-2024": 5,
        "trois-ravines-2025": 9,
    }
    assert set(registre["portee"]) == {"regional", "national", None}


def test_depenses_csv(raw: Path) -> None:
    """Each names a project of the register; the statement of one of them was made twice."""
    texte = (raw / "referentiels" / "depenses.csv").read_text(encoding="utf-8-sig")
    assert texte.splitlines() == [
        "projet;montant;date",
        "trois-ravines-pilotes;60000,00;2026-03-02",
        "trois-ravines-2024;50000,00;2026-03-02",
        "ght-hautes-vallees;12000;2026-01-31",
        "baobab-soutien;9000;2026-01-01",
        "baobab-soutien;18250,55;2026-03-01",
        "tutelaire-piemont;250000;2026-03-12",
    ]


def test_tous_les_sous_secteurs(region: Region) -> None:
    essms = [e for p in region.porteurs for e in p.essms]
    assert Counter(e.genre.sous_secteur for e in essms) == {
        "PA": 12, "PH": 17, "DOM": 7, "PDS": 4, "PDE": 10, "AHI": 3, "PJM": 7,
    }  # fmt: skip
    assert sum(e.effectif for e in essms) == 4000
    assert {p.identifiant for p in region.porteurs if any(e.genre.sous_secteur == "PJM" for e in p.essms)} == {
        "tutelaire-piemont"
    }


def test_chaque_modele_a_son_editeur() -> None:
    assert [m.cle for m in MODELES] == list(_EDITEURS)


def test_au_dela_de_six_porteurs(tmp_path: Path) -> None:
    generer(tmp_path, Demande(**PETIT | {"porteurs": 8}))
    assert len(list((tmp_path / "raw" / "depots").iterdir())) == 8
    registre = projets(tmp_path / "raw")
    assert registre.filter(pl.col("porteur") == "trois-ravines-2")["nom"].unique().to_list() == [
        "Association Trois Ravines 2"
    ]
    assert registre["finess_et"].n_unique() == 14


# Activity


@pytest.fixture(scope="session")
def activites(region: Region) -> dict[str, Activite]:
    source = Hasard(1)
    return {p.identifiant: construire_activite(source.sous(p.identifiant), p, PERIODE) for p in region.porteurs}


def dans(colonne: str, jours: Trimestre) -> pl.Expr:
    return pl.col(colonne).dt.date().is_between(jours.debut, jours.fin)


def file_active(activite: Activite, jours: Trimestre) -> pl.DataFrame:
    presents = (pl.col("date_entree") <= jours.fin) & (
        pl.col("date_sortie").is_null() | (pl.col("date_sortie") >= jours.debut)
    )
    return activite.sejours.filter(presents).select("finess_et", "id_dossier").unique()


@pytest.mark.parametrize("rang", [0, 1])
def test_les_taux_sont_ceux_voulus(region: Region, activites: dict[str, Activite], rang: int) -> None:
    jours = PERIODE.trimestres[rang]
    for porteur in region.porteurs:
        activite = activites[porteur.identifiant]
        presents = file_active(activite, jours)
        actifs = presents.join(
            activite.mises_a_jour.filter(dans("horodatage", jours)), on=["finess_et", "id_dossier"], how="semi"
        )
        rendez_vous = activite.agenda.filter(dans("debut", jours) & (pl.col("statut") != "annule"))
        suivis = actifs.join(rendez_vous, on=["finess_et", "id_dossier"], how="semi")
        for essms in (e for e in porteur.essms if not e.sans_depot):
            du_essms = pl.col("finess_et") == essms.finess_et
            n, a = presents.filter(du_essms).height, actifs.filter(du_essms).height
            assert abs(a - essms.taux[rang].maj * n) <= 1
            assert abs(suivis.filter(du_essms).height - essms.taux[rang].agenda * a) <= 1


def test_des_taux_de_toutes_sortes(region: Region) -> None:
    taux = [e.taux[0] for p in region.porteurs for e in p.essms]
    assert sum(t.maj >= 0.94 for t in taux) > 20
    assert sum(0.87 <= t.maj < 0.9 for t in taux) >= 10
    assert sum(t.mss == t.dmp == t.agenda == 0 for t in taux) >= 5
    assert sum(t.mss > 1 for t in taux) >= 3
    assert all(0 <= t.mss <= 1.1 and 0 <= t.dmp <= 1.1 for t in taux)
    chutes = [e for p in region.porteurs for e in p.essms if e.taux[1].mss < 0.7 * e.taux[0].mss]
    assert len(chutes) == 1


def test_les_bords_de_la_fenetre(activites: dict[str, Activite]) -> None:
    sejours = pl.concat([a.sejours for a in activites.values()])
    for colonne, jours in (
        ("date_sortie", [date(2025, 12, 31), date(2026, 1, 1)]),
        ("date_entree", [date(2026, 3, 31), date(2026, 4, 1)]),
    ):
        for jour in jours:
            assert sejours.filter(pl.col(colonne) == jour).height >= 20
    for activite in (a for a in activites.values() if a.dossiers.height > 100):
        instants = activite.mises_a_jour["horodatage"]
        for jour, heure in (
            (date(2025, 12, 31), 23),
            (date(2026, 1, 1), 0),
            (date(2026, 3, 31), 23),
            (date(2026, 4, 1), 0),
        ):
            assert ((instants.dt.date() == jour) & (instants.dt.hour() == heure)).sum() >= 1


def test_les_personnes(activites: dict[str, Activite]) -> None:
    dossiers = pl.concat([a.dossiers for a in activites.values()])
    ins = dossiers["ins"].drop_nulls()
    valides = ins.filter([ins_valide(i) for i in ins])
    assert 0.985 < valides.len() / ins.len() < 0.995
    assert 0.04 < dossiers["ins"].null_count() / dossiers.height < 0.08
    assert valides.str.slice(5, 2).is_in(["2A", "2B"]).sum() >= 10
    assert ins_valide("255081416802538")  # an example everybody knows
    par_personne = (
        dossiers.drop_nulls("ins").group_by("finess_et", "id_personne").agg(pl.col("ins").n_unique(), n=pl.len())
    )
    assert par_personne.filter(pl.col("n") > 1).height >= 10  # two files of one person
    assert par_personne.filter(pl.col("ins") > 1).height >= 3  # one local number, two INS
    par_ins = dossiers.drop_nulls("ins").group_by("finess_et", "ins").agg(pl.col("id_personne").n_unique())
    assert par_ins.filter(pl.col("id_personne") > 1).height >= 3  # one INS, two local numbers
    assert dossiers["eligible_projet"].null_count() > 10


# Files


def test_formats_et_encodages(raw: Path) -> None:
    csv = [f for f in depots(raw) if f.suffix.lower() == ".csv"]
    encodages = Counter(codage(f.read_bytes()) for f in csv)
    with zipfile.ZipFile(depots(raw, "enfance-deux-lagons", "exports_2026-04-01.zip")[0]) as archive:
        assert archive.namelist() == [f"{t}_2026-04-01.csv" for t in ("dossiers", "sejours", "projets")]
        encodages[codage(archive.read("dossiers_2026-04-01.csv"))] += 1
    assert set(encodages) == {"utf-8", "utf-8-sig", "utf-16", "cp1252", "iso8859-15"}
    entetes = [texte(f).splitlines()[0] for f in csv]
    assert {c for ligne in entetes for c in ";,|\t" if c in ligne} == set(";,|\t")
    assert {re.split(r"[;,|\t]", ligne)[0].strip('"') for ligne in entetes} >= {
        "FINESS ET", "FINESS_ET", " Finess-et ", "finess.et", "finess_et", "bal_emettrice",
    }  # fmt: skip
    fins = {"crlf" if "\r\n" in texte(f) else "lf" for f in csv}
    assert fins == {"crlf", "lf"}
    assert any(str(f.relative_to(raw)).count("/") > 2 for f in csv)  # sub-folders
    assert Counter(f.suffix.lower() for f in depots(raw))[".parquet"] == 4


def test_classeurs(raw: Path) -> None:
    classeur = CalamineWorkbook.from_path(depots(raw, "gcsms-parcours-madinina", "duimetre_2026-04-01.xlsx")[0])
    assert classeur.sheet_names == ["Lisez-moi", "dossiers", "sejours", "mss", "dmp"]
    lignes = classeur.get_sheet_by_name("sejours").to_python()
    assert lignes[0] == ["FINESS ET", "Id Dossier", "Nom", "Prénom", "Date Entrée", "Date Sortie"]
    assert isinstance(lignes[1][4], date)
    assert str(lignes[1][0]).startswith("9702")


def test_zeros_perdus_dans_excel(raw: Path) -> None:
    dossier = depots(raw, "tutelaire-piemont")[0].parent
    classeur = CalamineWorkbook.from_path(dossier / "DOSSIERS_20260402.XLSX").get_sheet_by_index(0).to_python()
    assert {str(ligne[0])[:2] for ligne in classeur[1:] if 0 < float(str(ligne[0])) < 1e8} == {"99"}  # département 09
    traces = [ligne.split("\t")[0] for ligne in texte(dossier / "MISES_A_JOUR_20260402.CSV").splitlines()]
    assert "99900045" in traces
    assert "099900045" not in traces
    assert "099900045" in projets(raw)["finess_et"]


def test_un_editeur_ecrit_en_utc_un_autre_avec_decalage(raw: Path) -> None:
    reunion = [texte(f) for f in depots(raw, "trois-ravines", "*/mises_a_jour_*.csv")]
    # Nights of La Réunion (+04:00): 1 January before 01:00, 31 March after 23:00.
    assert any(re.search(r";2025-12-31T20:\d\d:00Z", t) for t in reunion)
    assert any(re.search(r";2026-03-31T19:\d\d:00Z", t) for t in reunion)
    parquet = pl.read_parquet(depots(raw, "ght-hautes-vallees", "mises_a_jour_20260701.parquet")[0])
    offsets = parquet["horodatage"].str.extract(r"([+-]\d\d:\d\d)$").drop_nulls().unique().sort().to_list()
    assert offsets == ["+01:00", "+02:00"]
    natif = pl.read_parquet(depots(raw, "ght-hautes-vallees", "agenda_20260402.parquet")[0])
    assert natif.schema["DEBUT"] == pl.Datetime("ms")
    assert natif.schema["FINESS_ET"] == pl.String


def test_colonnes_inconnues_et_texte_libre(raw: Path) -> None:
    entete = texte(depots(raw, "trois-ravines", "2026-04/dossiers_2026-04-01.csv")[0]).splitlines()[0]
    assert "Nom;Prénom;Date de naissance" in entete
    maj = texte(depots(raw, "enfance-deux-lagons", "2026/mises_a_jour_2026-04-01.csv")[0])
    assert '"Point avec la sœur aînée.\nParticipation : 12 € ; accord ""oral"""' in maj
    with zipfile.ZipFile(depots(raw, "enfance-deux-lagons", "exports_2026-04-01.zip")[0]) as archive:
        assert b"|2099-12-31" in archive.read("sejours_2026-04-01.csv")


def test_deux_grains_de_messagerie(raw: Path) -> None:
    assert depots(raw, "baobab-soutien", "**/*mss*") == depots(raw, "baobab-soutien", "**/*MSS*") == []
    comptes = pl.read_csv(depots(raw, "ght-hautes-vallees", "mss_2026-04-02.csv")[0], infer_schema=False)
    assert comptes.columns == ["bal_emettrice", "horodatage", "sens", "nb_messages"]
    connues = pl.read_csv(raw / "referentiels" / "bal.csv", separator=";", infer_schema=False)
    assert connues.height == 28
    assert comptes.filter(pl.col("bal_emettrice").is_in(connues["bal"].implode())).height > 0.97 * comptes.height
    messages = pl.read_csv(
        texte(depots(raw, "trois-ravines", "2026-04/mss_*.csv")[0]).encode(), separator=";", infer_schema=False
    )
    par_message = messages.drop_nulls("Id Message").group_by("Id Message").len()
    assert par_message["len"].max() == 4
    assert 1.5 < messages.height / par_message.height < 3


def test_extractions_et_cas_particuliers(raw: Path) -> None:
    noms = {p: [f.name for f in depots(raw, p)] for p in {f.parts[len(raw.parts) + 1] for f in depots(raw)}}
    mensuels = [n for n in noms["trois-ravines"] if n.startswith("dossiers_")]
    assert mensuels == [f"dossiers_2026-{m:02d}-01.csv" for m in range(2, 8)]
    for porteur in ("baobab-soutien", "tutelaire-piemont"):
        assert len([n for n in noms[porteur] if n.lower().startswith("dossiers_")]) == 1
    assert "dmp_2025-12-18.csv" in noms["enfance-deux-lagons"]  # before the window
    assert [n for n in noms["enfance-deux-lagons"] if n.lower().startswith("dmp")] == ["dmp_2025-12-18.csv"]
    assert "projets_2026-03-24.xlsx" in noms["gcsms-parcours-madinina"]  # before its end
    assert sum("partiel" in n for n in noms["gcsms-parcours-madinina"]) == 2
    assert "export DUI avril.csv" in noms["ght-hautes-vallees"]
    hopital = raw / "depots" / "ght-hautes-vallees"
    copie = hopital / "renvoi" / "dossiers_2026-04-02_renvoi.csv.gz"
    assert copie.read_bytes() == (hopital / "dossiers_2026-04-02.csv.gz").read_bytes()
    enfance = raw / "depots" / "enfance-deux-lagons" / "2026"
    assert (
        texte(enfance / "agenda_2026-04-01.csv").splitlines()[0]
        == "finess.et|id.dossier|Référence RDV|Quand|statut|libelle"
    )
    assert "id.evenement|debut" in texte(enfance / "agenda_2026-04-01_corrige.csv").splitlines()[0]
    bundle = json.loads(depots(raw, "baobab-soutien", "transferts/tddui_2026-04-06_admissions.json")[0].read_bytes())
    patients = [e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == "Patient"]
    assert [ins_valide(p["identifier"][0]["value"]) for p in patients] == [True, True]


def test_extractions_qui_se_recouvrent(raw: Path) -> None:
    def lignes(mois: str) -> set[str]:
        return set(texte(depots(raw, "trois-ravines", f"{mois}/mises_a_jour_{mois}-01.csv")[0]).splitlines()[1:])

    communes = lignes("2026-03") & lignes("2026-04")
    assert len(communes) > 100
    assert all("T" not in c or "2026-02-" in c.split(";")[2] or "2031" in c for c in communes if c.count(";") == 3)


def test_un_essms_sans_depot_et_des_structures_hors_projet(raw: Path) -> None:
    registre = set(projets(raw).filter(pl.col("porteur") == "trois-ravines")["finess_et"])
    recus: Counter[str] = Counter()
    for fichier in depots(raw, "trois-ravines"):
        recus.update(ligne.split(";")[0] for ligne in texte(fichier).splitlines()[1:])
    assert len(registre - set(recus)) == 1
    autres = [n for n in recus if len(n) == 9 and n not in registre]
    assert len(autres) == 1
    assert luhn_valide(autres[0])
    assert autres[0] in finess(raw)


def test_mauvaises_lignes(monde: tuple[Path, RegionEcrite], tmp_path: Path) -> None:
    raw, bilan = monde
    assert 0.015 < bilan.lignes_invalides / sum(bilan.lignes.values()) < 0.026
    assert bilan.fichiers == len(list(raw.rglob("*.*")))
    maj = "".join(texte(f) for f in depots(raw, "trois-ravines", "*/mises_a_jour_*.csv"))
    for valeur in ("2026-02-30 10:00:00", "2031-06-15", ";25:61;", "\n97O41;", "poste 4;étage 2", "\n;;;"):
        assert valeur in maj
    refuse = texte(depots(raw, "trois-ravines", "eparcours_2026-04-01.csv")[0]).splitlines()[1:]
    fautives = [ligne for ligne in refuse if "non daté" in ligne or re.match(r"\d{9};;", ligne)]
    assert 0.25 < len(fautives) / len(refuse) < 0.45
    assert generer(tmp_path, Demande(**PETIT, mauvaises_lignes_pct=0)).lignes_invalides == 0


def test_volume_de_la_demonstration(region: Region, activites: dict[str, Activite]) -> None:
    evenements = sum(getattr(a, t).height for a in activites.values() for t in ("mises_a_jour", "agenda", "mss", "dmp"))
    assert 90_000 < evenements < 200_000
    assert len(region.porteurs) == 6
