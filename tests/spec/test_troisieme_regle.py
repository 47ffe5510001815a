"""Twenty years of rules: a third rule file changes what it says for those who are under it, and nothing else.

Measure of 1 April 2031. Every ESSMS has the same facts, so that only the rules make a difference; the rules "2031" of
this test live in a folder of their own, beside copies of those of the package.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from nuits import publie
from polars.testing import assert_frame_equal
from scenario import ESSMS, PORTEUR, deposer, fichier_csv, nuit_directe, projets, scenario

from flows import preuve
from flows.reglages import lire_reglages
from flows.verrou import verrou
from schemas.curated import CLES, INDICATEURS
from transforms import dictionnaire, regles
from transforms.preuve import Objet, verifier_preuve

D = date(2031, 4, 1)
CLE = "0" * 64
MAINTENANT = datetime(2031, 4, 2, 4, tzinfo=UTC)

# Windows of 2 months, of 6 at the first measure; projet 60 % (was 90), agenda without target, mss 60 % (was 70) and free
# in PJM whatever the project, dmp no longer lifted by any exemption.
TEXTE_2031 = """
nom = "2031"
source = "Instruction du 1er février 2031 (imaginée)"
exemption_pjm = "par_essms"
[fenetre]
mois = 2
mois_premiere_mesure = 6
[indicateurs.dossiers_actifs]
cible_pct = 90
[indicateurs.projet_personnalise]
cible_pct = 60
[indicateurs.agenda]
[indicateurs.mss]
cible_pct = 60
socle = true
[indicateurs.dmp]
cible_pct = 70
[indicateurs.eprescription]
[indicateurs.eparcours]
[[forfaits]]
type = "acquisition"
nature = "usage"
rang_max = 2
montant_plein = 9000
montant_reduit = 1000
"""

# The facts of each ESSMS: five persons. First days of the windows: 1 March, 1 February, 1 January; 1 October 2030.
FAITS = """
dossiers | sejours         | mises_a_jour  | projets        | agenda           | mss           | dmp
D1       | D1 2030-01-01 → | D1 2031-03-15 | D1 PP1 actif → | D1 R1 2031-03-10 | 2031-03-31 ×2 | 2031-03-01 dossier=D1
D2       | D2 2030-01-01 → | D2 2031-03-31 | D2 PP2 actif → | D3 R2 2031-02-01 | 2031-02-01 ×1 | 2031-02-28 dossier=D2
D3       | D3 2030-01-01 → | D3 2031-02-01 |                | D4 R3 2031-01-31 | 2031-01-31 ×1 | 2031-01-31 dossier=D3
D4       | D4 2030-01-01 → | D4 2031-01-31 |                |                  | 2030-10-01 ×1 | 2030-12-31 dossier=D4
D5       | D5 2030-01-01 → | D5 2030-10-01 |                |                  |               |
"""
# PA, PJM, exempted, at its first measure: those that change rules; beside them, two that do not, and another porteur.
AVANT = """
E1 regles=2023 type=acquisition
E2 sous_secteur=PA type=acquisition
E3 sous_secteur=PA type=acquisition
PARIS sous_secteur=PJM type=acquisition
CORSE exemption_socles=oui type=acquisition
GUADELOUPE date_premiere_mesure=2031-04-01 type=acquisition
REUNION porteur=calme sous_secteur=PJM type=acquisition
MAYOTTE porteur=calme regles=2023 date_premiere_mesure=2031-04-01 type=acquisition
"""
BASCULES = ("E3", "PARIS", "CORSE", "GUADELOUPE")
NUMEROS = [ESSMS[alias] for alias in BASCULES]
# The manifest and its link name every rule set, the page of definitions too; DuckDB never writes a database twice the same.
SAUF = ("manifeste.json", "maillon.json", "definitions.html", "catalogue.duckdb")
TERRITOIRES = ("FR", "01", "75", "2A", "971", "84", "11", "94")


def basculer(projets_: str) -> str:
    """The register once the four ESSMS are under the rules 2031."""
    lignes = projets_.strip().splitlines()
    return "\n".join(ligne + " regles=2031" * (ligne.split()[0] in BASCULES) for ligne in lignes)


def faits(aliases: Collection[str]) -> dict[str, list[str]]:
    """The cells of each table, for these ESSMS."""
    lignes = [[c.strip() for c in ligne.split("|")] for ligne in FAITS.strip().splitlines()]
    return {
        table: [f"{alias}: {c}" for alias in aliases for c in cellules if c]
        for table, *cellules in zip(*lignes, strict=True)
    }


def deposer_region(racine: Path) -> Path:
    for porteur, aliases in (
        (PORTEUR, ("E1", "E2", *BASCULES)),
        ("calme", ("REUNION", "MAYOTTE")),
    ):
        for table, cellules in faits(aliases).items():
            deposer(racine, f"{table}_{D}.csv", fichier_csv(table, cellules), porteur)
    return racine


@dataclass
class Region:
    """The same files every night; `avant`: what is published with the two rule files of the package."""

    racine: Path
    avant: dict[str, pl.DataFrame] = field(default_factory=dict)
    octets: dict[str, str] = field(default_factory=dict)
    nuits: int = 0

    def nuit(self, registre: str) -> dict[str, pl.DataFrame]:
        projets(self.racine, registre)
        nuit_directe(self.racine, [D], MAINTENANT + timedelta(minutes=self.nuits))
        self.nuits += 1
        return tables(self.racine)


@pytest.fixture(scope="module")
def departement(tmp_path_factory: pytest.TempPathFactory) -> Region:
    with pytest.MonkeyPatch.context() as fige:
        fige.setenv("DUIMETRE_CLE", CLE)
        departement = Region(deposer_region(tmp_path_factory.mktemp("avant")))
        departement.avant = departement.nuit(AVANT)
        departement.octets = octets(departement.racine)
    return departement


@pytest.fixture
def ajouter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Adds a rule file beside those of the package."""
    monkeypatch.setenv("DUIMETRE_CLE", CLE)
    dossier = tmp_path / "regles"
    dossier.mkdir()
    for fichier in regles.dossier_des_regles().glob("*.toml"):
        shutil.copy(fichier, dossier)

    def ecrire(texte: str = TEXTE_2031, nom: str = "2031") -> None:
        (dossier / f"{nom}.toml").write_text(texte, encoding="utf-8")
        monkeypatch.setattr(regles, "dossier_des_regles", lambda: dossier)

    return ecrire


def test_des_chiffres_calcules_a_la_main(tmp_path: Path, ajouter: Callable[..., None]) -> None:
    """E1 stays under 2023 (one month), E2 under 2025 (three); the same facts under 2031, in each situation it speaks of."""
    ajouter()
    colonnes = {table: [table, *cellules] for table, cellules in faits(("E1", "E2", *BASCULES)).items()}
    hauteur = max(map(len, colonnes.values()))
    lignes = zip(*(c + [""] * (hauteur - len(c)) for c in colonnes.values()), strict=True)
    tableau = "\n".join(" | ".join(ligne) for ligne in lignes)
    attendus = """

    attendu le 2031-04-01                                         | attendu le 2031-04-01
    E1: fenêtre 2031-03-01 → 2031-03-31                           | E2: fenêtre 2031-01-01 → 2031-03-31
    E1: dossiers_actifs 2/5 40 % manqué reste 3 opposable calcule | E2: dossiers_actifs 4/5 80 % manqué reste 1 opposable
    E1: projet_personnalise 2/2 100 % atteint reste 0 opposable   | E2: projet_personnalise 2/4 50 % manqué reste 2 opposable
    E1: agenda 1/2 50 % manqué reste 1 opposable                  | E2: agenda 3/4 75 % manqué reste 1 opposable
    E1: mss 2/5 40 % manqué reste 2 opposable                     | E2: mss 4/5 80 % atteint reste 0 opposable
    E1: dmp 1/5 20 % manqué reste 3 opposable                     | E2: dmp 3/5 60 % manqué reste 1 opposable

    attendu le 2031-04-01                                         | attendu le 2031-04-01
    E3: fenêtre 2031-02-01 → 2031-03-31                           | GUADELOUPE: fenêtre 2030-10-01 → 2031-03-31
    E3: dossiers_actifs 3/5 60 % manqué reste 2 opposable calcule | GUADELOUPE: dossiers_actifs 5/5 100 % atteint opposable
    E3: projet_personnalise 2/3 atteint reste 0 opposable         | GUADELOUPE: projet_personnalise 2/5 40 % manqué reste 1
    E3: agenda 2/3 reste – libre calcule                          | GUADELOUPE: agenda 3/5 60 % reste – libre
    E3: mss 3/5 60 % atteint reste 0 opposable                    | GUADELOUPE: mss 5/5 100 % atteint reste 0 opposable
    E3: dmp 2/5 40 % manqué reste 2 opposable                      | GUADELOUPE: dmp 4/5 80 % atteint reste 0 opposable
    E3: cibles_atteintes non                                      | GUADELOUPE: cibles_atteintes non

    attendu le 2031-04-01                                         | attendu le 2031-04-01
    PARIS: mss 3/5 60 % atteint reste 0 libre                     | CORSE: mss 3/5 60 % atteint reste 0 libre
    PARIS: dmp 2/5 40 % manqué reste 2 opposable                  | CORSE: dmp 2/5 40 % manqué reste 2 opposable
    """
    essms = "\n".join(ligne for ligne in basculer(AVANT).splitlines() if "calme" not in ligne)
    jouee = scenario(tmp_path / "data", tableau + attendus, essms, MAINTENANT.date())
    for alias, cibles in (("E1", (90, 90, 90, 70, 70)), ("E2", (90, 90, 90, 70, 70)), ("E3", (90, 60, None, 60, 70))):
        lignes_ = [jouee.mesures[D].indicateurs[ESSMS[alias], i] for i in INDICATEURS]
        assert tuple(ligne["cible"] for ligne in lignes_) == (*cibles, None, None)
    assert jouee.mesures[D].indicateurs[ESSMS["E3"], "agenda"]["atteint"] is None


def tables(racine: Path) -> dict[str, pl.DataFrame]:
    """The published tables, each in the order of its rows, without what is proper to a night."""
    return {Path(nom).stem: table.sort(pl.all()) for nom, table in publie(racine).items()}


def touchees(table: str) -> pl.Expr:
    """The rows of a published table that may have to do with the ESSMS that changed rules."""
    if table in ("depots", "constats", "fraicheur"):
        return pl.lit(False)
    if table == "territoires":
        return pl.col("code").is_in(TERRITOIRES)
    if table in ("conventions", "conditions_solde"):
        return pl.col("projet") == PORTEUR
    return (
        pl.col("porteur") == PORTEUR
        if table in ("porteurs", "financement", "conventions")
        else pl.col("finess_et").is_in(NUMEROS).fill_null(False)
    )


def octets(racine: Path) -> dict[str, str]:
    """The SHA-256 of all that a night publishes and gives back; `SAUF` left out."""
    fichiers = {
        str(f.relative_to(dossier)): f
        for dossier in ((racine / "curated" / "actuel").resolve(), racine / "retours")
        for f in dossier.rglob("*")
        if f.is_file() and f.name not in SAUF
    }
    return {nom: hashlib.sha256(f.read_bytes()).hexdigest() for nom, f in sorted(fichiers.items())}


def changements(avant: Mapping[str, pl.DataFrame], apres: Mapping[str, pl.DataFrame]) -> set[str]:
    """The columns, `table.colonne`, with another value after; the rows that are about nobody who changed rules are equal."""
    assert avant.keys() == apres.keys()
    trouvees = set()
    for table, lignes in avant.items():
        autres = ~touchees(table)
        assert_frame_equal(apres[table].filter(autres), lignes.filter(autres))
        if table in ("porteurs", "territoires") and apres[table].height != lignes.height:
            trouvees.add(f"{table}.debut_fenetre")  # sums of another window: other rows
            continue
        cle = [c for c in CLES.get(table, lignes.columns) if c in lignes.columns]
        assert_frame_equal(apres[table].select(cle), lignes.select(cle))
        trouvees |= {f"{table}.{c}" for c in lignes.columns if not lignes[c].equals(apres[table][c])}
    return trouvees


def dits(indicateurs: pl.DataFrame) -> set[str]:
    """What the rows of the ESSMS that change rules say, in short sentences."""
    alias = {numero: nom for nom, numero in ESSMS.items()}
    a_cible = indicateurs.filter(touchees("indicateurs"), ~pl.col("indicateur").is_in(["eprescription", "eparcours"]))
    phrases = set()
    for x in a_cible.iter_rows(named=True):
        nom = alias[x["finess_et"]]
        cible = "–" if x["cible"] is None else f"{x['cible']:g}"
        reste = "–" if x["reste_a_faire"] is None else x["reste_a_faire"]
        phrases |= {
            f"{nom} fenêtre {x['debut_fenetre']} → {x['fin_fenetre']}",
            f"{nom} {x['indicateur']} {x['numerateur']}/{x['denominateur']} cible {cible} reste {reste}",
            f"{nom} {x['indicateur']} {'opposable' if x['opposable'] else 'libre'}",
        }
        assert x["atteint"] == (None if x["reste_a_faire"] is None else x["reste_a_faire"] == 0)
    return phrases


def colonnes(texte: str) -> set[str]:
    """`table: colonne colonne …` by line, as `table.colonne`."""
    lignes = (ligne.split(":") for ligne in texte.strip().splitlines())
    return {f"{table.strip()}.{colonne}" for table, noms in lignes for colonne in noms.split()}


# What bears the name of the rules; what follows from a window, from a target, from what binds, by table.
NOM = colonnes("""
essms: regles
essms_mesures: regles
indicateurs: regles
maturin_sms: regles
conditions_solde: source
""")
FORFAITS = colonnes("""
conventions: montant_theorique avance solde
financement: montant_usage montant_equipement montant_total avance solde
""")
FENETRE = colonnes("""
indicateurs: numerateur denominateur taux atteint reste_a_faire debut_fenetre taux_plancher verdict
maturin_sms: debut_fenetre nb_dossiers_actifs taux_dossiers_actifs taux_projet_personnalise nb_dossiers_agenda taux_agenda
maturin_sms: nb_messages_mss taux_mss nb_dmp_alimentes taux_dmp
populations: dossiers_actifs dossiers_agenda
porteurs: debut_fenetre
territoires: debut_fenetre
evolution: taux atteint premiere_date_atteinte atteint_depuis
""")
CIBLE = colonnes("""
indicateurs: cible atteint reste_a_faire verdict
porteurs: cible nb_atteints nb_a_confirmer
territoires: cible nb_atteints nb_a_confirmer
evolution: atteint premiere_date_atteinte atteint_depuis
""")
OPPOSABLE = colonnes("""
indicateurs: opposable verdict
porteurs: nb_opposables nb_atteints nb_a_confirmer
territoires: nb_atteints nb_a_confirmer
evolution: premiere_date_atteinte atteint_depuis
""")


def de_sommes(noms: set[str]) -> set[str]:
    """The columns of the sums, `debut_fenetre` left out: where windows change they are other rows."""
    return {nom for nom in noms if nom.startswith(("porteurs.", "territoires.")) and not nom.endswith("debut_fenetre")}


def test_le_reste_est_identique_colonne_pour_colonne(departement: Region, ajouter: Callable[..., None]) -> None:
    """Whoever stays under his rules keeps every published value; for those that change, what follows from the file alone."""
    ajouter()
    attendus = NOM | FENETRE | CIBLE | OPPOSABLE | FORFAITS
    assert changements(departement.avant, departement.nuit(basculer(AVANT))) == attendus - de_sommes(attendus)


_CHANGEMENTS = {
    "rien": ("", "", set(), ""),
    "fenêtre": (
        "mois = 3\nmois_premiere",
        "mois = 2\nmois_premiere",
        FENETRE,
        "".join(
            f"""
            {nom} fenêtre 2031-02-01 → 2031-03-31
            {nom} dossiers_actifs 3/5 cible 90 reste 2
            {nom} projet_personnalise 2/3 cible 90 reste 1
            {nom} agenda 2/3 cible 90 reste 1
            {nom} mss 3/5 cible 70 reste 1
            {nom} dmp 2/5 cible 70 reste 2
            """
            for nom in ("E3", "PARIS", "CORSE")
        ),
    ),
    "première mesure": (
        "mois_premiere_mesure = 3",
        "mois_premiere_mesure = 6",
        FENETRE,
        """
        GUADELOUPE fenêtre 2030-10-01 → 2031-03-31
        GUADELOUPE dossiers_actifs 5/5 cible 90 reste 0
        GUADELOUPE projet_personnalise 2/5 cible 90 reste 3
        GUADELOUPE agenda 3/5 cible 90 reste 2
        GUADELOUPE mss 5/5 cible 70 reste 0
        GUADELOUPE dmp 4/5 cible 70 reste 0
        """,
    ),
    "cible": (
        "[indicateurs.dmp]\ncible_pct = 70",
        "[indicateurs.dmp]\ncible_pct = 60",
        CIBLE,
        "\n".join(f"{nom} dmp 3/5 cible 60 reste 0" for nom in BASCULES),
    ),
    "sans cible": (
        "[indicateurs.agenda]\ncible_pct = 90",
        "[indicateurs.agenda]",
        CIBLE | OPPOSABLE,
        "\n".join(f"{nom} agenda 3/4 cible – reste –\n{nom} agenda libre" for nom in BASCULES),
    ),
    "exemption de PJM": (
        'exemption_pjm = "projet_pjm_seul"',
        'exemption_pjm = "par_essms"',
        OPPOSABLE,
        "PARIS mss libre\nPARIS dmp libre",
    ),
    "exemption": (
        "[indicateurs.mss]\ncible_pct = 70\nsocle = true",
        "[indicateurs.mss]\ncible_pct = 70",
        OPPOSABLE,
        "CORSE mss opposable",
    ),
}


@pytest.mark.parametrize("changement", _CHANGEMENTS)
def test_un_seul_changement(changement: str, departement: Region, ajouter: Callable[..., None]) -> None:
    """The rules 2025 under another name, with one line changed: only the figures that this line is about move."""
    de, vers, permises, attendus = _CHANGEMENTS[changement]
    texte = regles.fichier("2025").decode().replace('nom = "2025"', 'nom = "2031"')
    assert not de or texte.count(de) == 1
    ajouter(texte.replace(de, vers) if de else texte)
    apres = departement.nuit(basculer(AVANT))
    assert changements(departement.avant, apres) <= NOM | permises
    dits_ = dits(apres["indicateurs"]) - dits(departement.avant["indicateurs"])
    assert dits_ == {ligne.strip() for ligne in attendus.splitlines() if ligne.strip()}


def test_un_fichier_que_personne_n_utilise_ne_change_rien(
    tmp_path: Path, departement: Region, ajouter: Callable[..., None]
) -> None:
    """Byte for byte: tables, pages of the report, answers to the porteurs; only what lists the rules names it."""
    ajouter()
    racine = deposer_region(tmp_path / "data")
    projets(racine, AVANT)
    nuit_directe(racine, [D], MAINTENANT)
    assert octets(racine) == departement.octets
    assert len(departement.octets) > 40
    actuel = racine / "curated" / "actuel"
    assert list(json.loads((actuel / "manifeste.json").read_bytes())["regles"]) == [
        "2022",
        "2023",
        "2025",
        "2025-martinique",
        "2031",
    ]
    page = (actuel / "rapports" / "definitions.html").read_text(encoding="utf-8").replace("\u2011", "-")
    assert "règles 2022, 2023, 2025, 2025-martinique et 2031" in page
    assert "Règles 2022 et 2023 : 70 %" in page.replace("\u00a0", " ").replace("\u202f", " ")


def test_le_nouveau_nom_est_dit_partout(departement: Region, ajouter: Callable[..., None], tmp_path: Path) -> None:
    """The register that names rules nobody knows, the dictionary, the contract, the evidence of a figure, old or new."""
    ajouter()
    apres = departement.nuit(basculer(AVANT) + "\nMARTINIQUE porteur=neuf regles=2030")
    (message,) = apres["alertes"].filter(code="REFERENTIEL")["message"].to_list()
    assert "« regles » n'est pas lisible (valeurs : 2022, 2023, 2025, 2025-martinique, 2031)" in message
    assert dictionnaire.markdown().count("Valeurs : `2022`, `2023`, `2025`, `2025-martinique`, `2031`.") == 5
    for table in ("indicateurs", "maturin_sms", "essms"):
        (champ,) = (c for c in dictionnaire.table_schema_publiee(table)["fields"] if c["name"] == "regles")
        assert champ["constraints"]["enum"] == ["2022", "2023", "2025", "2025-martinique", "2031"]
    reglages = lire_reglages(departement.racine)
    for alias in ("E1", "E3"):
        with verrou(reglages.staging):
            faite = preuve.constituer(reglages, Objet("finess_et", ESSMS[alias]), D)
        zip_ = tmp_path / f"{alias}.zip"
        zip_.write_bytes(faite.remise.octets)
        (tmp_path / alias).mkdir()
        verdict = verifier_preuve(zip_, tmp_path / alias)
        assert verdict.fichiers["regles/2031.toml"].decode() == TEXTE_2031
        assert verdict.description["regles"]["2031"]["sha256"] == hashlib.sha256(TEXTE_2031.encode()).hexdigest()


def test_un_jeu_de_regles_part_d_un_autre(ajouter: Callable[..., None]) -> None:
    """« a set may start from another (base) »: it says what changes, down to one line of one table, and owns its source."""
    ajouter(TEXTE_2031)
    ajouter('nom = "2032"\nbase = "2031"\nsource = "A"\n[fenetre]\nmois = 1\n[indicateurs.mss]\ncible_pct = 50', "2032")
    ajouter('nom = "2032-nord"\nbase = "2032"\nsource = "B"\nexemption_pjm = "jamais"', "2032-nord")
    jeux = {r.nom: r for r in regles.toutes()}
    socle = {r: jeux[r].indicateurs["mss"] for r in ("2031", "2032", "2032-nord")}
    assert [(c.cible_pct, c.socle) for c in socle.values()] == [(60, True), (50, True), (50, True)]
    change = {"nom", "base", "source", "fenetre", "indicateurs"}
    assert jeux["2032"].model_dump(exclude=change) == jeux["2031"].model_dump(exclude=change)
    assert jeux["2032"].fenetre == regles.Fenetre(mois=1, mois_premiere_mesure=6)
    assert [jeux[r].indicateurs["dmp"].socle for r in ("2025-martinique", "2032-nord")] == [True, False]
    assert [(r.source, r.exemption_pjm) for r in (jeux["2032"], jeux["2032-nord"])] == [
        ("A", "par_essms"),
        ("B", "jamais"),
    ]


def test_les_jeux_livres() -> None:
    """« Shipped: 2023, 2025, 2025-martinique (base 2025), 2022 (base 2023) »."""
    livres = {r.nom: (r.base, r.exemption_pjm, r.fenetre.mois) for r in regles.toutes()}
    assert livres == {
        "2022": ("2023", "jamais", 1),
        "2023": (None, "jamais", 1),
        "2025": (None, "projet_pjm_seul", 3),
        "2025-martinique": ("2025", "par_essms", 3),
    }


def test_une_faute_est_dite_du_fichier_ou_elle_est(ajouter: Callable[..., None]) -> None:
    """Not of those that start from it, whatever their names; a circle is told whole."""
    ajouter(TEXTE_2031.replace("mois = 2", "mois = 0"))
    ajouter('nom = "2030"\nbase = "2031"\nsource = "A"', "2030")
    with pytest.raises(ValueError, match=r"^Le fichier de règles 2031\.toml"):
        regles.toutes()
    ajouter(TEXTE_2031.replace("[fenetre]", 'base = "2030"\n[fenetre]'))
    with pytest.raises(ValueError, match=r"2030\.toml part de lui-même \(2030 → 2031 → 2030\) : corrigez « base »"):
        regles.toutes()


@pytest.mark.parametrize(
    ("de", "vers", "dit"),
    [
        ('nom = "2031"', 'nom = "2025"', "2031.toml porte le nom « 2025 »"),
        (
            "socle = true",
            "socles = true",
            "2031.toml ne peut pas être utilisé : indicateurs, mss : « socles » n'a pas",
        ),
        ("mois = 2", "mois = ", "2031.toml ne peut pas être lu"),
        ("mois = 2", "mois = 0", "fenetre : « mois » : un nombre entier positif est attendu"),
        ("[indicateurs.agenda]", "[indicateurs.agendas]", "inconnu (agendas)"),
        ('"par_essms"', '"par_esms"', "« exemption_pjm » : 'jamais', 'projet_pjm_seul' ou 'par_essms' est attendu"),
        ('exemption_pjm = "par_essms"', "", "2031.toml ne peut pas être utilisé : « exemption_pjm » manque"),
        ("[fenetre]", 'base = "2031"\n[fenetre]', "2031.toml part de lui-même (2031 → 2031)"),
        (
            "[fenetre]",
            'base = "2030"\n[fenetre]',
            "2031.toml part de « 2030 », qui n'existe pas (jeux de règles : 2022, 2023, ",
        ),
        (
            "cible_pct = 60",
            "cible_pct = 66.5",
            "indicateurs, mss : « cible_pct » : un nombre entier positif est attendu",
        ),
    ],
)
def test_un_fichier_de_regles_fautif_est_refuse(de: str, vers: str, dit: str, ajouter: Callable[..., None]) -> None:
    """A copy whose name was forgotten would count every ESSMS twice; a slip would leave an indicator without its target."""
    ajouter(TEXTE_2031.replace(de, vers))
    with pytest.raises(ValueError, match=re.escape(dit)):
        regles.toutes()
