"""The report: every figure is the table's, pages are whole HTML, nothing leaves them, and they stay light (§1, issue 5)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from time import process_time
from typing import Any
from urllib.parse import unquote, urlsplit

import demo_publiee
import polars as pl
import pytest
from region_publiee import CIBLES, region
from site_html import Noeud, analyser

from schemas.curated import INDICATEURS, PAR_DATE
from transforms.dire import formats
from transforms.pages.rapport import donnees, ecrire, pages

DATES = [date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1), date(2026, 4, 1)]
HOSTILE = '<script>alert("1")</script> & \'"><img src=x onerror=alert(1)> {{ 7*7 }} </td></table>\n=1+1'
STATUTS = {
    "calcule": "calculé",
    "source_partielle": "source incomplète",
    "denominateur_nul": "rien à compter",
    "source_absente": "source manquante",
}
VERDICTS = {
    "atteint": "atteint",
    "a_confirmer": "à confirmer",
    "non_atteint": "non atteint",
    "non_demontre": "non démontré",
    "sans_objet": "sans objet",
    "non_opposable": "non opposable",
}
ETATS = {
    "remplie": "Remplie",
    "non_remplie": "Non remplie",
    "a_confirmer": "À confirmer",
    "inconnue": "Inconnue",
    "sans_objet": "Sans objet",
}
CIBLES_USAGE = {
    "non_remplie": "Cibles d'usage non atteintes",
    "a_confirmer": "Cibles d'usage à confirmer",
    "sans_objet": "Aucune cible d'usage à démontrer",
}
INDICATEUR_CONFIRME = re.compile(r"^[A-Za-zé ]+, à confirmer\u00a0: .+\. .+\.$")
Site = Mapping[str, Noeud]


def etat_de_source(s: Mapping[str, Any], fin_fenetre: date) -> str:
    """What §6.5 says of a source, in the words of the pages."""
    rejetees, inconnus = s["lignes_rejetees"], s["sejours_inconnus"]
    if not s["presente"]:
        return "Facultative, non reçue" if s["table"] in ("eprescription", "eparcours") else "Manquante"
    if s["derniere_extraction"] and s["derniere_extraction"] <= fin_fenetre:
        return "Trop ancienne"
    if s["sans_reference"] or s["tardive"]:
        return "Partielle seulement" if s["sans_reference"] else "Trop tardive"
    if s["refusee"]:
        return "Fichier refusé"
    if rejetees:
        return f"{entier(rejetees)} ligne{'s' * (rejetees > 1)} rejetée{'s' * (rejetees > 1)}"
    return f"{entier(inconnus)} dossier{'s' * (inconnus > 1)} inconnu{'s' * (inconnus > 1)}" if inconnus else "À jour"


def entier(valeur: int | None) -> str:
    return "—" if valeur is None else f"{valeur:,}".replace(",", "\u202f")


def nombre(valeur: float | None, cible: float | None = None) -> str:
    if valeur is None:
        return "—"
    texte = f"{valeur:.1f}"
    if cible is not None and valeur < cible <= float(texte):
        texte = f"{cible - 0.1:.1f}"
    return texte.replace(".", ",")


def taux(valeur: float | None, cible: float | None = None) -> str:
    return "—" if valeur is None else nombre(valeur, cible) + "\u00a0%"


def cible(valeur: float | None) -> str:
    return "—" if valeur is None else f"{valeur:.0f}\u00a0%"


def points(valeur: float | None) -> str:
    if valeur is None:
        return "—"
    texte = f"{abs(valeur):.1f}".replace(".", ",")
    return texte if texte == "0,0" else ("+" if valeur > 0 else "−") + texte


def euros(valeur: Any) -> str:
    if valeur is None:
        return "—"
    texte = f"{valeur:,.2f}".removesuffix(".00")
    return texte.replace(",", "\u202f").replace(".", ",") + "\u00a0€"


def jour(valeur: date | None) -> str:
    return "—" if valeur is None else valeur.strftime("%d/%m/%Y")


def du_jour(tables: Mapping[str, pl.DataFrame], table: str) -> pl.DataFrame:
    derniere = tables["indicateurs"]["date_mesure"].max()
    return tables[table].filter(pl.col("date_mesure") == derniere) if table in PAR_DATE else tables[table]


def cle(lignes: pl.DataFrame, *colonnes: str) -> dict[Any, dict[str, Any]]:
    return {tuple(ligne[c] for c in colonnes): ligne for ligne in lignes.iter_rows(named=True)}


@pytest.fixture(scope="module")
def petites() -> dict[str, pl.DataFrame]:
    return region(60, DATES)


@pytest.fixture(scope="module")
def petit_site(petites: dict[str, pl.DataFrame]) -> Site:
    return {chemin: analyser(html) for chemin, html in pages(petites)}


def site_ecrit(dossier: Path) -> Site:
    return {p.relative_to(dossier).as_posix(): analyser(p.read_text("utf-8")) for p in sorted(dossier.rglob("*.html"))}


@pytest.fixture(scope="module")
def demo() -> tuple[dict[str, pl.DataFrame], Site]:
    """The demo as a night publishes it, its tables read without the report's reader."""
    version = demo_publiee.version()
    tables = {
        t.name: pl.read_parquet(t / "**/*.parquet", hive_partitioning=t.name in PAR_DATE, missing_columns="insert")
        for t in version.iterdir()
        if t.is_dir() and t.name != "rapports"
    }
    return tables, site_ecrit(version / "rapports")


@pytest.fixture(params=["petites", "demo"])
def publie(request: pytest.FixtureRequest) -> tuple[dict[str, pl.DataFrame], Site]:
    if request.param == "demo":
        return request.getfixturevalue("demo")  # type: ignore[no-any-return]
    return request.getfixturevalue("petites"), request.getfixturevalue("petit_site")


# What the pages say


def test_one_page_per_essms_and_porteur(publie: tuple[dict[str, pl.DataFrame], Site]) -> None:
    tables, site = publie
    attendues = {"index.html", "projets.html", "aptitude.html", "essms.html", "definitions.html"}
    attendues |= {f"projets/{p}.html" for p in du_jour(tables, "conventions")["projet"]}
    attendues |= {f"essms/{f}.html" for f in tables["essms"]["finess_et"]}
    attendues |= {f"porteurs/{p}.html" for p in tables["essms"]["porteur"]}
    assert set(site) == attendues


def test_every_figure_of_an_essms_is_the_tables(publie: tuple[dict[str, pl.DataFrame], Site]) -> None:
    tables, site = publie
    mesures = cle(du_jour(tables, "indicateurs"), "finess_et", "indicateur")
    evolution = cle(tables["evolution"], "finess_et", "indicateur")
    fraicheur = cle(tables["fraicheur"], "porteur", "table")
    populations = cle(du_jour(tables, "populations"), "finess_et")
    maturin = cle(du_jour(tables, "maturin_sms"), "finess_et")
    medianes = donnees.medianes(du_jour(tables, "indicateurs"), tables["essms"])
    for essms in tables["essms"].iter_rows(named=True):
        finess = essms["finess_et"]
        page = site[f"essms/{finess}.html"]
        attendu = []
        for i in INDICATEURS:
            m, v = mesures[finess, i], evolution[finess, i] if i in CIBLES else {}
            mediane = medianes.get((essms["region"], essms["sous_secteur"], i), {}).get("mediane")
            etat = "—" if m["cible"] is None else VERDICTS[m["verdict"]]
            attendu.append(
                [
                    taux(m["taux"], m["cible"]),
                    etat,
                    entier(m["reste_a_faire"]),
                    entier(m["numerateur"]),
                    entier(m["denominateur"]),
                    cible(m["cible"]),
                    taux(mediane),
                    points(v.get("variation_points")),
                    jour(v.get("atteint_depuis")),
                    STATUTS[m["statut"]],
                ]
            )
        assert [ligne[1:] for ligne in page.par_id("mesures").lignes()] == attendu
        restes = [m for i in CIBLES if (m := mesures[finess, i])["taux"] is None or m["reste_a_faire"]]
        dits = [li.texte for ul in page.tous("ul") if ul.attributs.get("class") == "reste" for li in ul.tous("li")]
        # What a rate is « à confirmer » by comes after, one line per cause (tests/pages/test_dire.py).
        a_confirmer = [dit for dit in dits if ", à confirmer\u00a0:" in dit]
        assert all(INDICATEUR_CONFIRME.match(dit) for dit in a_confirmer)
        dits = [dit for dit in dits if dit not in a_confirmer]
        assert len(dits) == len(restes)
        for dit, m in zip(dits, restes, strict=True):
            assert f" : {entier(m['reste_a_faire'])} " in dit.replace("\u00a0:", " :") or (
                m["taux"] is None and dit.endswith(f"taux inconnu, {STATUTS[m['statut']]}.")
            )
        sources = du_jour(tables, "sources").filter(pl.col("finess_et") == finess)
        assert sorted(ligne[1:] for ligne in page.par_id("sources").lignes()) == sorted(
            [
                etat_de_source(s, mesures[finess, "dossiers_actifs"]["fin_fenetre"]),
                jour(s["derniere_extraction"]),
                entier(s["lignes_rejetees"]),
                entier(
                    fraicheur[essms["porteur"], "mises_a_jour" if s["table"] == "maj" else s["table"]]["retard_jours"]
                ),
            ]
            for s in sources.iter_rows(named=True)
        )
        p = populations[(finess,)]
        assert [ligne[1:] for ligne in page.par_id("etapes").lignes()] == [
            [entier(p["dossiers_connus"]), entier(p["personnes_connues"])],
            [entier(p["dossiers_accompagnes"]), entier(p["file_active"])],
            ["—", entier(p["personnes_eligibles"])],
            [entier(p["dossiers_actifs"]), "—"],
            [entier(p["dossiers_projet"]), "—"],
            [entier(p["dossiers_agenda"]), "—"],
        ]
        (fiche,) = page.tous("dl")
        populations_dites = [
            entier(maturin[(finess,)][c]) for c in ("file_active", "personnes_eligibles", "file_active_annuelle")
        ]
        assert re.findall(r"([\d\u202f]+|—)(?= personnes| éligibles| depuis)", fiche.texte) == populations_dites
        alertes = du_jour(tables, "alertes").filter(pl.col("finess_et") == finess)
        lues = page.par_id("alertes").lignes() if len(alertes) else []
        assert sorted((code, message) for _, message, code in lues) == sorted(alertes.select("code", "message").rows())


def ajoutes(nombre: int) -> str:
    return f" {entier(nombre)} ESSMS"


def historique_attendu(lignes: pl.DataFrame, indicateurs: tuple[str, ...], *, de_sommes: bool) -> list[list[str]]:
    def case(m: Mapping[str, Any]) -> str:
        combien = ajoutes(m["nb_calcules"]) if de_sommes else ""
        if m["indicateur"] not in CIBLES:
            return entier(m["numerateur"]) + combien
        if m["taux"] is not None:
            return f"{nombre(m['taux'], m['cible'])} ({entier(m['numerateur'])}/{entier(m['denominateur'])})" + combien
        return f"—{combien}" if de_sommes else f"— {STATUTS[m['statut']]}"

    par = cle(lignes, "date_mesure", "indicateur")
    dates = sorted({d for d, _ in par}, reverse=True)
    return [[jour(d), *(case(par[d, i]) if (d, i) in par else "—" for i in indicateurs)] for d in dates]


def panel_attendu(indicateurs: pl.DataFrame) -> pl.DataFrame:
    """By hand: of each indicator, the ESSMS counted at every date where one is."""
    comptes = indicateurs.filter(
        pl.col("taux").is_not_null()
        | (pl.col("denominateur").is_null() & pl.col("statut").is_in(["calcule", "source_partielle"]))
    )
    sommes = []
    for (indicateur,), lignes in comptes.group_by("indicateur"):
        dates = lignes["date_mesure"].n_unique()
        gardees = lignes.filter(pl.len().over("finess_et") == dates)
        for (jour_mesure,), a_la_date in indicateurs.group_by("date_mesure"):
            restent = gardees.filter(pl.col("date_mesure") == jour_mesure)
            numerateur, denominateur = (
                (int(restent[c].sum()) if restent[c].count() else None) for c in ("numerateur", "denominateur")
            )
            sommes.append(
                {
                    "date_mesure": jour_mesure,
                    "indicateur": indicateur,
                    "nb_calcules": restent.height,
                    "numerateur": numerateur,
                    "denominateur": denominateur,
                    "taux": 100 * numerateur / denominateur if denominateur and numerateur is not None else None,
                    "cible": CIBLES.get(str(indicateur)),
                }
            )
            assert a_la_date.height
    return pl.DataFrame(sommes)


def durees(table: pl.DataFrame) -> list[pl.DataFrame]:
    """The rows by length of window, the longest first (all have a latest date in these tables)."""
    mois = table.with_columns(duree=(pl.col("fin_fenetre") - pl.col("debut_fenetre")).dt.total_days() > 40)
    return [m.drop("duree") for _, m in sorted(mois.group_by("duree"), key=lambda g: not g[0][0])]


def test_every_history_is_the_tables(publie: tuple[dict[str, pl.DataFrame], Site]) -> None:
    """One table per length of window; beside it the constant panel, where structures come or go."""
    tables, site = publie
    for finess in tables["essms"]["finess_et"]:
        lignes = tables["indicateurs"].filter(pl.col("finess_et") == finess)
        lues = site[f"essms/{finess}.html"].par_id("historique").lignes()
        assert lues == historique_attendu(lignes, tuple(CIBLES), de_sommes=False)
    pays = (pl.col("niveau") == "national") & (pl.col("sous_secteur") == "TOUS") & pl.col("objectif").is_null()
    scenes = [("index.html", tables["territoires"].filter(pays), tables["indicateurs"])]
    for porteur in tables["essms"]["porteur"].unique():
        siennes = (tables[t].filter(pl.col("porteur") == porteur) for t in ("porteurs", "indicateurs"))
        scenes.append((f"porteurs/{porteur}.html", *siennes))
    panels = 0
    for page, sommes, indicateurs in scenes:
        suffixes = ["", *(f"-{rang}" for rang in range(2, len(durees(sommes)) + 1))]
        ids = {n.attributs.get("id") for n in site[page].tous("table")}
        for suffixe, lignes, mesures in zip(suffixes, durees(sommes), durees(indicateurs), strict=True):
            lues = site[page].par_id(f"historique{suffixe}").lignes()
            assert lues == historique_attendu(lignes, INDICATEURS, de_sommes=True)
            panel = panel_attendu(mesures)
            memes = cle(panel, "date_mesure", "indicateur")
            stable = all(
                s["nb_calcules"] == memes.get((s["date_mesure"], s["indicateur"]), {}).get("nb_calcules", 0)
                for s in lignes.filter(pl.col("indicateur").is_in(list(CIBLES))).iter_rows(named=True)
            )
            assert (f"panel{suffixe}" in ids) == (not stable)
            if not stable:
                panels += 1
                attendu = historique_attendu(panel, tuple(CIBLES), de_sommes=True)
                assert site[page].par_id(f"panel{suffixe}").lignes() == attendu
        assert not {f"historique-{len(suffixes) + 1}", "historique-1"} & ids
    assert panels


def somme_attendue(s: Mapping[str, Any]) -> list[str]:
    absent = "— aucun ESSMS calculé" if s["indicateur"] in CIBLES else "—"
    return [
        absent if s["taux"] is None else taux(s["taux"], s["cible"]),
        entier(s["numerateur"]),
        entier(s["denominateur"]),
        cible(s["cible"]),
        entier(s["nb_atteints"]),
        entier(s["nb_a_confirmer"]),
        f"{entier(s['nb_calcules'])} sur {entier(s['nb_essms'])}",
        entier(s["nb_partiels"]),
        entier(s["nb_personnes"]),
    ]


def derriere(s: Mapping[str, Any]) -> str:
    """What is behind a sum: structures, persons, verdicts."""
    n = s["nb_personnes"]
    personnes = "" if n is None else f", {entier(n)} personne{'s' * (n > 1)}"
    a_confirmer = f", {entier(s['nb_a_confirmer'])} à confirmer" if s["nb_a_confirmer"] else ""
    return f"{entier(s['nb_calcules'])} ESSMS{personnes} {entier(s['nb_atteints'])} à la cible{a_confirmer}"


def case_attendue(s: Mapping[str, Any] | None) -> str:
    if s is None:
        return "—"
    if s["taux"] is None:
        return "— aucun ESSMS calculé"
    return f"{taux(s['taux'], s['cible'])} {derriere(s)}"


def blocs(sommes: pl.DataFrame) -> list[tuple[str, tuple[date, date], pl.DataFrame]]:
    """The windows, the longest first: what ends the names of their tables, the window, their rows."""
    par_fenetre = sorted(sommes.drop_nulls("debut_fenetre").group_by("debut_fenetre", "fin_fenetre"))
    return [
        (f"-{rang}" if rang > 1 else "", fenetre, lignes)  # type: ignore[misc]
        for rang, (fenetre, lignes) in enumerate(sorted(par_fenetre, key=lambda g: g[0]), start=1)
    ]


def a_la_cible(m: Mapping[str, Any]) -> str:
    return "oui" if m["cibles_atteintes"] else "à confirmer" if m["cibles_a_confirmer"] else "non"


def bloquants(c: Mapping[str, Any]) -> int:
    return int(c["nb_essms"] - c["nb_essms_a_la_cible"] - c["nb_essms_a_confirmer"])


def etat_du_solde(tables: Mapping[str, pl.DataFrame], c: Mapping[str, Any]) -> str:
    """The first thing that the balance waits for (§6.6)."""
    etats = dict(du_jour(tables, "conditions_solde").filter(projet=c["projet"]).select("condition", "etat").iter_rows())
    if c["solde_exigible"]:
        return "Exigible"
    if etats["cibles_usage"] in CIBLES_USAGE:
        return CIBLES_USAGE[etats["cibles_usage"]]
    if etats["service_regulier"] not in ("remplie", "sans_objet"):
        return "Service régulier à constater"
    if c["solde"] is None:
        return "Montant inconnu"
    if etats["depenses"] != "remplie":
        return "Dépenses à justifier"
    return "Rien à payer, l'avance couvre les dépenses justifiées"


def projet_attendu(tables: Mapping[str, pl.DataFrame], c: Mapping[str, Any]) -> list[str]:
    """The line of a project: what is at stake, where it stands, and how near it is."""
    types = {None: "Mixte ou inconnu", "acquisition": "Acquisition", "montee_de_version": "Montée de version"}
    return [
        types[c["type"]],
        euros(c["solde"]),
        euros(c["solde_payable"]),
        etat_du_solde(tables, c),
        entier(bloquants(c)),
        entier(c["nb_essms_a_confirmer"]),
        f"{entier(c['nb_essms_a_la_cible'])} sur {entier(c['nb_essms'])}",
        jour(c["echeance_indicative"]),
    ]


def retenu(m: Mapping[str, Any]) -> str:
    """What a target keeps back: units of it, or a proof."""
    if not m["opposable"]:
        return "—"
    dit = f"reste {entier(m['reste_a_faire'])} " if m["verdict"] == "non_atteint" else f"{VERDICTS[m['verdict']]} "
    return ("" if m["verdict"] in ("atteint", "sans_objet") else dit) + taux(m["taux"], m["cible"])


def test_every_figure_of_a_project_is_the_tables(publie: tuple[dict[str, pl.DataFrame], Site]) -> None:
    tables, site = publie
    mesures = du_jour(tables, "indicateurs")
    for c in du_jour(tables, "conventions").iter_rows(named=True):
        page = site[f"projets/{c['projet']}.html"]
        conditions = du_jour(tables, "conditions_solde").filter(projet=c["projet"]).iter_rows(named=True)
        lues = {ligne[2]: (ligne[1], ligne[3], ligne[4]) for ligne in page.par_id("conditions").lignes()}
        assert lues == {x["detail"]: (ETATS[x["etat"]], entier(x["nb_essms"]), x["source"]) for x in conditions}
        montants = ("montant_theorique", "montant_accorde", "avance", "solde", "depenses_justifiees", "solde_payable")
        assert page.par_id("montants").lignes() == [[euros(c[m]) for m in montants]]
        membres = cle(mesures.filter(projet=c["projet"]), "finess_et", "indicateur")
        lus = {ligne[0]: ligne[1:6] for ligne in page.par_id("essms").lignes()}
        noms = {f: nom or f for f, nom in tables["essms"].select("finess_et", "raison_sociale").iter_rows()}
        assert lus == {noms[f]: [retenu(membres[f, i]) for i in CIBLES] for f in {f for f, _ in membres}}
        assert jour(c["date_vsr"]) in page.par_id("calendrier").texte
        assert jour(c["date_cibles_atteintes"]) in page.par_id("calendrier").texte


def test_projects_come_by_stake_then_by_nearness(publie: tuple[dict[str, pl.DataFrame], Site]) -> None:
    tables, site = publie
    lignes = [
        (c["solde"] is None, -(c["solde"] or 0), bloquants(c), c["nb_essms_a_confirmer"], c["projet"])
        for c in du_jour(tables, "conventions").iter_rows(named=True)
    ]
    lus = [ligne[0] for ligne in site["projets.html"].par_id("projets").lignes()]
    assert lus == [projet for *_, projet in sorted(lignes)]


def test_every_verification_is_shown(publie: tuple[dict[str, pl.DataFrame], Site]) -> None:
    tables, site = publie
    attendues = du_jour(tables, "verifications_aptitude")
    lues = site["aptitude.html"].par_id("aptitude").lignes() if len(attendues) else []
    etats = {"pret": "prêt", "bloque": "bloqué"}
    assert sorted((ligne[1][-9:], *ligne[2:]) for ligne in lues) == sorted(
        (f, p, etats[e], m or "—")
        for f, p, e, m in attendues.select("finess_et", "projet", "etat", "motif").iter_rows()
    )


def test_every_figure_of_a_porteur_is_the_tables(publie: tuple[dict[str, pl.DataFrame], Site]) -> None:
    tables, site = publie
    mesures = cle(du_jour(tables, "indicateurs"), "finess_et", "indicateur")
    maturin = cle(du_jour(tables, "maturin_sms"), "finess_et")
    alertes = du_jour(tables, "alertes")
    par_essms = Counter(alertes["finess_et"])
    for porteur in tables["essms"]["porteur"].unique():
        page = site[f"porteurs/{porteur}.html"]
        for suffixe, (debut, fin), lignes in blocs(du_jour(tables, "porteurs").filter(pl.col("porteur") == porteur)):
            sommes = cle(lignes, "indicateur")
            lues = page.par_id(f"sommes{suffixe}").lignes()
            assert [ligne[1:] for ligne in lues] == [somme_attendue(sommes[(i,)]) for i in INDICATEURS]
            assert (
                f"fenêtre du {jour(debut)} au {jour(fin)}" in page.par_id(f"sommes{suffixe}").tous("caption")[0].texte
            )
        siennes = du_jour(tables, "conventions").filter(pl.col("porteur") == porteur)
        lus = {ligne[0]: ligne[1:] for ligne in page.par_id("projets").lignes()}
        assert lus == {c["projet"]: projet_attendu(tables, c) for c in siennes.iter_rows(named=True)}
        essms = tables["essms"].filter(pl.col("porteur") == porteur).sort("finess_et")
        attendu = [
            [
                entier(maturin[(e["finess_et"],)]["file_active"]),
                *(
                    f"{taux(m['taux'], m['cible'])} {precision}".strip()
                    for i in CIBLES
                    if (m := mesures[e["finess_et"], i])
                    for precision in [
                        VERDICTS["a_confirmer"]
                        if m["verdict"] == "a_confirmer" and m["taux"] is not None
                        else ""
                        if m["statut"] == "calcule"
                        else STATUTS[m["statut"]]
                    ]
                ),
                a_la_cible(maturin[(e["finess_et"],)]),
                entier(par_essms[e["finess_et"]]),
            ]
            for e in essms.iter_rows(named=True)
        ]
        assert [ligne[3:] for ligne in page.par_id("liste").lignes()] == attendu
        fraicheur = tables["fraicheur"].filter(pl.col("porteur") == porteur)
        assert sorted(ligne[1:] for ligne in page.par_id("fraicheur").lignes()) == sorted(
            [
                entier(f["nb_depots"]),
                jour(f["derniere_extraction"])
                + (" aucun dépôt utilisable" if f["derniere_extraction"] is None else ""),
                entier(f["retard_jours"]),
            ]
            for f in fraicheur.iter_rows(named=True)
        )
        miennes = alertes.filter(pl.col("porteur") == porteur)
        dites = Counter[tuple[str, str]]()
        for tr in page.par_id("alertes").tous("tbody")[0].tous("tr") if len(miennes) else ():
            _, message, liens, code = [c for c in tr.enfants if isinstance(c, Noeud)]
            dites[code.texte, message.texte] += len(liens.tous("a")) or 1
        assert dites == Counter(miennes.select("code", "message").rows())
        depots = tables["depots"].filter(pl.col("porteur") == porteur)
        lues = page.par_id("depots").lignes() if len(depots) else []
        assert len(lues) == min(len(depots), 15)
        recents = depots.sort("recu_le", "nom", "membre", "table", descending=[True, False, False, False])
        for ligne, d in zip(lues, recents.iter_rows(named=True), strict=False):
            assert ligne[4:] == [entier(d[c]) for c in ("lignes_lues", "lignes_utilisees", "lignes_rejetees")]


def verifier_bloc(page: Noeud, suffixe: str, territoires: Mapping[Any, Mapping[str, Any]]) -> None:
    """The sums of one window on the first page."""
    ensemble = [territoires["national", "FR", "TOUS", i] for i in INDICATEURS]
    assert [ligne[1:] for ligne in page.par_id(f"sommes{suffixe}").lignes()] == [somme_attendue(s) for s in ensemble]
    lieux = {(niveau, code) for niveau, code, *_ in territoires}
    secteurs = sorted({s for niveau, _, s, _ in territoires if niveau == "national"} - {"TOUS"})
    assert [ligne[1:] for ligne in page.par_id(f"secteurs{suffixe}").lignes()] == [
        [case_attendue(territoires["national", "FR", s, i]) for i in CIBLES]
        + [entier(territoires["national", "FR", s, "dossiers_actifs"]["nb_essms"])]
        for s in secteurs
    ]
    regions = sorted(code for niveau, code in lieux if niveau == "region")
    if len(regions) > 1:
        assert [ligne[1:-1] for ligne in page.par_id(f"regions{suffixe}").lignes()] == [
            [case_attendue(territoires["region", code, "TOUS", i]) for i in CIBLES] for code in regions
        ]
    departements = sorted(code for niveau, code in lieux if niveau == "departement")
    tuiles = [li for li in page.par_id(f"departements{suffixe}").enfants if isinstance(li, Noeud)]
    for tuile, code in zip(tuiles, departements, strict=True):
        attendu = [case_attendue(territoires["departement", code, "TOUS", i]) for i in CIBLES]
        assert [dd.texte for dd in tuile.tous("dd")] == [a.replace("— aucun ESSMS calculé", "—") for a in attendu]


def test_every_figure_of_the_first_page_is_the_tables(publie: tuple[dict[str, pl.DataFrame], Site]) -> None:
    tables, site = publie
    page = site["index.html"]
    territoires = du_jour(tables, "territoires")
    (programme,) = territoires.filter(pl.col("objectif").is_not_null()).to_dicts()
    assert page.par_id("objectif").texte == (
        f"{entier(programme['numerateur'])} dossiers actifs "
        f"{taux(programme['part_objectif'])} de l'objectif national de {entier(programme['objectif'])}. "
        f"Périmètre\u00a0: {programme['perimetre']}\u00a0; toutes fenêtres additionnées."
    )
    maturin = du_jour(tables, "maturin_sms")
    atteintes, a_confirmer = (
        int(maturin[c].fill_null(False).sum()) for c in ("cibles_atteintes", "cibles_a_confirmer")
    )
    assert (
        f"{entier(atteintes)} ESSMS à toutes leurs cibles opposables "
        f"sur {entier(len(tables['essms']))}\u00a0; {entier(a_confirmer)} autre{'s' * (a_confirmer > 1)} à confirmer"
    ) in page.texte
    fenetres = blocs(territoires)
    for suffixe, (debut, fin), lignes in fenetres:
        assert f"enêtre du {jour(debut)} au {jour(fin)}" in page.texte
        verifier_bloc(page, suffixe, cle(lignes, "niveau", "code", "sous_secteur", "indicateur"))
    par_porteur = cle(du_jour(tables, "porteurs"), "porteur", "debut_fenetre", "indicateur")
    financement = cle(du_jour(tables, "financement"), "porteur")
    porteurs = sorted(set(tables["essms"]["porteur"]))
    assert [ligne[1:] for ligne in page.par_id("liste").lignes()] == [
        [
            entier(financement[(p,)]["nb_essms"]),
            *(case_attendue(par_porteur.get((p, debut, i))) for i in CIBLES),
            entier(financement[(p,)]["nb_a_la_cible"]),
            "oui" if financement[(p,)]["solde_du"] else "non",
        ]
        for p in porteurs
        for _, (debut, _), _ in fenetres
        if (p, debut, "agenda") in par_porteur
    ]
    alertes = du_jour(tables, "alertes")
    dites = {ligne[5]: ligne[2:5] for ligne in page.par_id("alertes").lignes()}
    assert dites == {
        code: [
            entier(len(a)),
            entier(a["finess_et"].drop_nulls().n_unique()),
            entier(a["porteur"].drop_nulls().n_unique()),
        ]
        for (code,), a in alertes.group_by("code")
    }
    fraicheur = cle(tables["fraicheur"], "porteur", "table")
    tables_lues = [
        "dossiers",
        "sejours",
        "mises_a_jour",
        "projets",
        "agenda",
        "mss",
        "dmp",
        "eprescription",
        "eparcours",
    ]
    assert [ligne[1:] for ligne in page.par_id("fraicheur").lignes()] == [
        [
            f"{entier(f['retard_jours'])} {jour(f['derniere_extraction'])}"
            if (f := fraicheur[p, t])["derniere_extraction"]
            else "— aucun dépôt"
            for t in tables_lues
        ]
        for p in porteurs
    ]
    assert len(site["essms.html"].par_id("liste").lignes()) == len(tables["essms"])


def test_a_rate_that_misses_its_target_is_never_shown_at_it() -> None:
    assert formats.taux(89.96, 90) == "89,9\u00a0%"
    assert formats.taux(89.96) == "90,0\u00a0%"
    assert formats.taux(90.0, 90) == "90,0\u00a0%"
    assert formats.milliers(1234567) == "1\u202f234\u202f567"
    assert formats.ecart(-0.04) == "0,0"


def test_medians_are_of_the_sub_sector_in_its_region() -> None:
    essms = pl.DataFrame(
        {
            "finess_et": list("ABCDEF"),
            "region": ["R", "R", "R", "R", "S", "R"],
            "sous_secteur": ["PA", "PA", "PA", "PH", "PA", "PA"],
        }
    )
    mesures = pl.DataFrame(
        {"finess_et": list("ABCDEF"), "indicateur": ["mss"] * 6, "taux": [10.0, 20.0, 90.0, 50.0, 60.0, None]}
    )
    assert donnees.medianes(mesures, essms) == {
        ("R", "PA", "mss"): {"region": "R", "sous_secteur": "PA", "indicateur": "mss", "mediane": 20.0, "nb": 3}
    }


def test_a_long_history_keeps_the_first_of_each_month_and_the_last() -> None:
    nuits = pl.date_range(date(2025, 1, 3), date(2026, 4, 20), eager=True).to_list()
    montrees = donnees.dates_montrees(nuits)
    assert montrees == [*(date(2025, m, 1) for m in range(5, 13)), *(date(2026, m, 1) for m in range(1, 5)), nuits[-1]]
    assert donnees.dates_montrees(nuits[:13]) == nuits[:13]


# What they are


def test_links_resolve_and_nothing_comes_from_elsewhere(petites: dict[str, pl.DataFrame], tmp_path: Path) -> None:
    racine = tmp_path / "rapports"
    version = tmp_path / "version"
    for table, lignes in petites.items():
        parts = lignes.group_by("date_mesure") if table in PAR_DATE else [((None,), lignes)]
        for (d,), part in parts:
            dossier = version / table / f"date_mesure={d}" if d else version / table
            dossier.mkdir(parents=True)
            (part.drop("date_mesure") if d else part).write_parquet(dossier / f"{table}.parquet")
    assert ecrire(version, racine) == len(list(racine.rglob("*.html")))
    site = site_ecrit(racine)
    ids = {chemin: {n.attributs["id"] for n in page.tous() if "id" in n.attributs} for chemin, page in site.items()}
    for chemin, page in site.items():
        for noeud in page.tous():
            assert not any(nom.startswith("on") for nom in noeud.attributs)
            for nom in ("src", "href"):
                if nom not in noeud.attributs:
                    continue
                url = urlsplit(noeud.attributs[nom])
                assert not url.scheme and not url.netloc and not url.query and not url.path.startswith("/")
                cible_du_lien = (
                    ((racine / chemin).parent / unquote(url.path)).resolve() if url.path else racine / chemin
                )
                assert cible_du_lien.is_file(), (chemin, noeud.attributs[nom])
                if url.fragment:
                    assert url.fragment in ids[cible_du_lien.relative_to(racine.resolve()).as_posix()], noeud.attributs[
                        nom
                    ]
    for style in racine.rglob("*.css"):
        assert "url(" not in style.read_text("utf-8") and "@import" not in style.read_text("utf-8")
    for script in (racine / "statiques").glob("*.js"):
        assert not re.search(r"https?:|fetch\(|XMLHttpRequest|innerHTML|eval\(", script.read_text("utf-8"))
    for bibliotheque in ("d3", "plot"):
        assert "Permission to use, copy, modify" in (racine / f"statiques/tiers/{bibliotheque}.LICENSE.txt").read_text()


def test_hostile_names_stay_text() -> None:
    tables = region(20, DATES[-1:], nom=HOSTILE)
    for chemin, html in pages(tables):
        page = analyser(html)
        assert "<img" not in html and "alert(1)>" not in html
        assert [s.attributs["src"] for s in page.tous("script")] == [
            ("../" if "/" in chemin else "") + "statiques/rapport.js"
        ]
        if chemin.startswith(("essms/", "porteurs/")):
            (titre,) = page.tous("h1")
            assert "{{ 7*7 }}" in titre.texte or titre.texte.startswith("ESSMS ")


def test_an_essms_or_a_version_without_anything_still_has_a_page() -> None:
    tables = {
        nom: lignes.filter(pl.col("finess_et") != "000000003")
        if nom != "essms" and "finess_et" in lignes.columns
        else lignes
        for nom, lignes in region(5, DATES).items()
    }
    site = {chemin: analyser(html) for chemin, html in pages(tables)}
    assert "n'a pas de mesure au 01/04/2026" in site["essms/000000003.html"].tous("main")[0].texte
    vides = {nom: lignes.clear() if nom not in ("essms", "indicateurs") else lignes for nom, lignes in tables.items()}
    for _, html in pages(vides):
        analyser(html)


def test_two_thousand_essms_stay_light_and_quick() -> None:
    tables = region(2000, [date(2025 + m // 12, m % 12 + 1, 1) for m in range(donnees.DATES_MAX)])
    debut = process_time()
    tailles = {chemin: len(html.encode()) for chemin, html in pages(tables)}
    duree_secondes = process_time() - debut
    statiques = Path(donnees.__file__).parent / "statiques"
    total = sum(tailles.values()) + sum(f.stat().st_size for f in statiques.rglob("*") if f.is_file())
    assert len(tailles) == 2000 + 50 + 100 + 5
    assert total < 22_500_000
    assert max(tailles.values()) < 1_000_000
    assert duree_secondes < 20
