"""Tables of a version → pages of the report. A page shows the figures of the tables; it computes none they hold."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import polars as pl

from schemas.curated import A_LA_CIBLE, INDICATEURS, SOURCES, TOUS
from schemas.depots import TABLES
from transforms import regles
from transforms.agregats import besoins, suivre_panels
from transforms.dire.alertes import ALERTES
from transforms.dire.doutes import Doute, causes, doutes
from transforms.dire.libelles import AVEC_CIBLE, table_a_deposer
from transforms.pages.environnement import remplir, style
from transforms.pages.rapport.donnees import DATES_MAX, MEDIANE_MIN, Ligne, Tables, lire_version, medianes, par_cle
from transforms.pages.rapport.projets import ProjetsALaDate

DEPOTS_MONTRES = 15
# The texts of the tables cannot look like these: their `<` and `"` are escaped.
_GUILLEMETS_FACULTATIFS = re.compile("""( [a-z-]+=)"([^\\s"'=<>`]+)"(?=[ >])""")
_FINS_FACULTATIVES = re.compile("</(?:td|th|tr|li|dt|dd|thead|tbody)>")


def ecrire(version: Path, sortie: Path) -> int:
    """Write the report of the version `version` (its directory) into `sortie`, which it makes; returns the pages' count.

    Raises what `donnees.lire_version` raises, `FileExistsError` when `sortie` exists.
    """
    nombre = 0
    sortie.mkdir()
    for dossier in ("porteurs", "projets", "essms"):
        (sortie / dossier).mkdir()
    for chemin, contenu in pages(lire_version(version)):
        (sortie / chemin).write_text(contenu, encoding="utf-8")
        nombre += 1
    ecrire_statiques(sortie / "statiques")
    return nombre


def ecrire_statiques(dossier: Path) -> None:
    """Write what all pages share (style, scripts) into `dossier`, which it makes."""
    _copier(files("transforms.pages.rapport").joinpath("statiques"), dossier)
    (dossier / "rapport.css").write_text(style("rapport"), encoding="utf-8")


def pages(tables: Tables) -> Iterator[tuple[str, str]]:
    """The pages of a report: relative path and HTML.

    `tables`: those of `donnees.lire_version`, at least one measure date in `indicateurs`.
    """
    indicateurs, essms = tables["indicateurs"], tables["essms"]
    derniere: date = indicateurs["date_mesure"].max()  # type: ignore[assignment]
    commun = {"date_mesure": derniere, "version": _version(indicateurs, derniere)}
    vue = _Vue(tables, derniere)
    yield "index.html", _rendre("index", racine="", **commun, **vue.region())
    yield "essms.html", _rendre("liste", racine="", **commun, lignes=[vue.resume(f) for f in essms["finess_et"]])
    yield "projets.html", _rendre("projets", racine="", **commun, projets=vue.projets.liste())
    yield "aptitude.html", _rendre("aptitude", racine="", **commun, **vue.aptitude())
    yield "definitions.html", _rendre("definitions", racine="", **commun, **_definitions())
    for porteur in essms["porteur"].unique().sort():
        yield f"porteurs/{porteur}.html", _rendre("porteur", racine="../", **commun, **vue.porteur(porteur))
    for projet in vue.projets.liste():
        yield projet["page"], _rendre("projet", racine="../", **commun, **vue.projet(projet))
    for finess in essms["finess_et"]:
        yield f"essms/{finess}.html", _rendre("essms", racine="../", **commun, **vue.essms(finess))


class _Vue:
    """What each page needs, found by key."""

    def __init__(self, tables: Tables, derniere: date) -> None:
        self._tables, self._derniere = tables, derniere
        essms = tables["essms"].sort("finess_et")
        mesures = self._du_jour("indicateurs")
        self._essms = {e["finess_et"]: e for e in essms.iter_rows(named=True)}
        self._mesures = {
            finess: {m["indicateur"]: m for m in lignes} for finess, lignes in par_cle(mesures, "finess_et").items()
        }
        self._medianes = medianes(mesures, essms)
        self._historique = par_cle(
            tables["indicateurs"].select(
                "finess_et", "date_mesure", "indicateur", "taux", "numerateur", "denominateur", "cible", "statut"
            ),
            "finess_et",
        )
        self._evolution = {(e["finess_et"], e["indicateur"]): e for e in tables["evolution"].iter_rows(named=True)}
        self._maturin = {m["finess_et"]: m for m in self._du_jour("maturin_sms").iter_rows(named=True)}
        self._populations = {p["finess_et"]: p for p in self._du_jour("populations").iter_rows(named=True)}
        self._sources = par_cle(self._du_jour("sources"), "finess_et", "table")
        self._fraicheur = par_cle(tables["fraicheur"], "porteur", "table")
        self._alertes = self._du_jour("alertes").sort(
            pl.col("code").replace_strict(list(ALERTES), list(range(len(ALERTES))), default=99, return_dtype=pl.Int64),
            "finess_et",
            "indicateur",
            maintain_order=True,
        )
        self._alertes_essms = par_cle(self._alertes, "finess_et")
        self._besoins = besoins()
        self._noms = {finess: e["raison_sociale"] for finess, e in self._essms.items()}
        self.projets = ProjetsALaDate(self._du_jour, {e["porteur"]: e["nom_porteur"] for e in self._essms.values()})
        self._panels = par_cle(suivre_panels(tables["indicateurs"]), "porteur")

    def _du_jour(self, table: str) -> pl.DataFrame:
        return self._tables[table].filter(pl.col("date_mesure") == self._derniere)

    def resume(self, finess: str) -> Ligne:
        """One ESSMS on one line."""
        return {
            **self._essms[finess],
            "mesures": self._mesures.get(finess, {}),
            "maturin": self._maturin.get(finess),
            "nb_alertes": len(self._alertes_essms.get(finess, ())),
        }

    def essms(self, finess: str) -> Ligne:
        """The page of one ESSMS."""
        essms = self._essms[finess]
        sources = []
        for table in SOURCES:
            for source in self._sources.get((finess, table), ()):
                frais = self._fraicheur.get((essms["porteur"], table_a_deposer(table)), [None])[0]
                sources.append({**source, "fraicheur": frais})
        return {
            "e": essms,
            "mediane_min": MEDIANE_MIN,
            "mesures": list(self._mesures.get(finess, {}).values()),
            "medianes": {
                i: m for i in AVEC_CIBLE if (m := self._medianes.get((essms["region"], essms["sous_secteur"], i)))
            },
            "evolution": {i: v for i in AVEC_CIBLE if (v := self._evolution.get((finess, i)))},
            "maturin": self._maturin.get(finess),
            "populations": self._populations.get(finess),
            "cibles": _cibles(self._mesures.get(finess, {})),
            "historique": _historique(self._historique.get(finess, ()), AVEC_CIBLE),
            "sources": sources,
            "doutes": [(m["indicateur"], d) for m in self._mesures.get(finess, {}).values() for d in self._doutes(m)],
            "projet": self.projets.trouver(essms["projet"]),
            "alertes": self._alertes_essms.get(finess, ()),
        }

    def porteur(self, porteur: str) -> Ligne:
        """The page of one porteur."""
        sommes = self._tables["porteurs"].filter(pl.col("porteur") == porteur)
        financement = self._du_jour("financement").filter(pl.col("porteur") == porteur)
        depots = (
            self._tables["depots"]
            .filter(pl.col("porteur") == porteur)
            .sort(["recu_le", "nom", "membre", "table"], descending=[True, False, False, False])
        )
        lignes = [self.resume(f) for f, e in self._essms.items() if e["porteur"] == porteur]
        return {
            "porteur": porteur,
            "nom": lignes[0]["nom_porteur"],
            "lignes": lignes,
            "blocs": list(_par_fenetre(sommes.filter(pl.col("date_mesure") == self._derniere))),
            "courbes": _courbes(sommes, self._panels.get(porteur, ())),
            "financement": financement.row(0, named=True) if len(financement) else None,
            "projets": self.projets.liste(porteur),
            "fraicheur": [f for t in TABLES for f in self._fraicheur.get((porteur, t), ())],
            "alertes": self._alertes_groupees(porteur),
            "nb_alertes": len(self._alertes.filter(pl.col("porteur") == porteur)),
            "depots": list(depots.head(DEPOTS_MONTRES).iter_rows(named=True)),
            "nb_depots": len(depots),
        }

    def projet(self, projet: Ligne) -> Ligne:
        """The page of one project (a line of `ProjetsALaDate.liste`)."""
        mesures = self._du_jour("indicateurs").filter(projet=projet["projet"])
        sources = self._du_jour("sources").join(mesures.select("finess_et").unique(), on="finess_et", how="semi")
        membres = [f for f in mesures["finess_et"].unique().sort() if f in self._essms]
        return {
            "p": projet,
            "noms": self._noms,
            "essms": sorted((self.resume(f) for f in membres), key=_distance),
            "a_la_cible": A_LA_CIBLE,
            "doutes": [
                (doute, [self._noms.get(f) or f for f in sorted(essms)])
                for doute, essms in causes(mesures.filter("opposable"), sources, self._besoins)
            ],
            "organismes": self.projets.aptitudes(projet=projet["projet"]),
        }

    def _doutes(self, mesure: Ligne) -> list[Doute]:
        lues = [s for t in self._besoins[mesure["indicateur"]] for s in self._sources.get((mesure["finess_et"], t), ())]
        return doutes(mesure, lues)

    def aptitude(self) -> Ligne:
        """The vérifications d'aptitude of the whole version."""
        return {"organismes": self.projets.aptitudes(), "noms": self._noms}

    def _alertes_groupees(self, porteur: str) -> list[Ligne]:
        """The alerts of a porteur, one line per sentence, with the ESSMS (FINESS, name) it is said of."""
        groupes = par_cle(self._alertes.filter(pl.col("porteur") == porteur), "code", "message")
        return [
            {
                "code": code,
                "message": message,
                "essms": [
                    (f, self._essms[f]["raison_sociale"]) for a in lignes if (f := a["finess_et"]) in self._essms
                ],
            }
            for (code, message), lignes in groupes.items()
        ]

    def region(self) -> Ligne:
        """The first page: everything this version holds, one région most of the time."""
        territoires, du_jour = self._tables["territoires"], self._du_jour("territoires")
        pays = (pl.col("niveau") == "national") & (pl.col("sous_secteur") == TOUS)
        essms = self._tables["essms"]
        alertes = self._alertes.group_by("code", maintain_order=True).agg(
            pl.len().alias("nb"),
            pl.col("finess_et").drop_nulls().n_unique().alias("nb_essms"),
            pl.col("porteur").drop_nulls().n_unique().alias("nb_porteurs"),
        )
        financement = {f["porteur"]: f for f in self._du_jour("financement").iter_rows(named=True)}
        regles_par_fenetre = par_cle(
            self._du_jour("indicateurs").select("debut_fenetre", "fin_fenetre", "regles").unique().sort(pl.all()),
            "debut_fenetre",
            "fin_fenetre",
        )
        sommes = {p: list(_par_fenetre(s)) for (p,), s in self._du_jour("porteurs").group_by("porteur")}
        noms = dict(essms.select("porteur", "nom_porteur").unique().sort("porteur").iter_rows())
        programme = du_jour.filter(pl.col("objectif").is_not_null())
        return {
            "regions": essms["region"].drop_nulls().unique().sort().to_list(),
            "blocs": [
                {
                    **bloc,
                    "regles": [r["regles"] for r in regles_par_fenetre.get((bloc["debut"], bloc["fin"]), ())],
                    **_lieux(du_jour.filter(pl.col("debut_fenetre") == bloc["debut"])),
                }
                for bloc in _par_fenetre(du_jour.filter(pays))
            ],
            "programme": programme.row(0, named=True) if len(programme) else None,
            "nb_essms": len(essms),
            "nb_a_confirmer": int(self._du_jour("maturin_sms")["cibles_a_confirmer"].fill_null(False).sum()),
            "nb_cibles_atteintes": int(self._du_jour("maturin_sms")["cibles_atteintes"].fill_null(False).sum()),
            "courbes": _courbes(territoires.filter(pays), self._panels.get("", ())),
            "porteurs": [
                {
                    "porteur": p,
                    "nom": nom,
                    "blocs": sommes.get(p, ()),
                    "financement": financement.get(p),
                    "fraicheur": {t: self._fraicheur[p, t][0] for t in TABLES if (p, t) in self._fraicheur},
                }
                for p, nom in noms.items()
            ],
            "alertes": list(alertes.iter_rows(named=True)),
            "alertes_generales": self._alertes_essms.get(None, ()),
        }


def _distance(essms: Ligne) -> tuple[bool, int, int, str]:
    """What an ESSMS lacks to be à la cible, the nearest first: those that are come last."""
    retenues = [m for m in essms["mesures"].values() if m["opposable"] and m["verdict"] not in A_LA_CIBLE]
    inconnues = sum(m["reste_a_faire"] is None for m in retenues)
    return not retenues, inconnues, sum(m["reste_a_faire"] or 0 for m in retenues), essms["finess_et"]


def _par_fenetre(sommes: pl.DataFrame) -> Iterator[Ligne]:
    """The sums of one measure date by indicator, window by window, the longest first: a sum is of one window only.

    `suffixe` makes the names of what is shown of each window differ on a page.
    """
    fenetres = par_cle(
        sommes.drop_nulls("debut_fenetre").sort("debut_fenetre", "fin_fenetre"), "debut_fenetre", "fin_fenetre"
    )
    for rang, ((debut, fin), lignes) in enumerate(fenetres.items(), start=1):
        par_indicateur = {s["indicateur"]: s for s in lignes}
        yield {
            "debut": debut,
            "fin": fin,
            "suffixe": f"-{rang}" if rang > 1 else "",
            "sommes": par_indicateur,
            "cibles": _cibles(par_indicateur),
        }


def _lieux(territoires: pl.DataFrame) -> Ligne:
    """The sums of one window by sub-sector, by région, by département."""
    tous = pl.col("sous_secteur") == TOUS
    return {
        "secteurs": _lignes_de(territoires.filter((pl.col("niveau") == "national") & ~tous), "sous_secteur"),
        "par_region": _lignes_de(territoires.filter((pl.col("niveau") == "region") & tous), "code"),
        "departements": _lignes_de(territoires.filter((pl.col("niveau") == "departement") & tous), "code"),
    }


def _courbes(sommes: pl.DataFrame, panels: Sequence[Ligne]) -> list[Ligne]:
    """The histories of sums, one per length of window (`mois`), the latest first, each with its constant panel.

    `panels`: rows of `agregats.suivre_panels`. `stable`: the sums add the same ESSMS at all dates, the panel is them.
    """
    mois = {(p["date_mesure"], p["debut_fenetre"]): p["mois"] for p in panels}
    lignes: dict[int, list[Ligne]] = {}
    for somme in sommes.iter_rows(named=True):
        duree = mois.get((somme["date_mesure"], somme["debut_fenetre"]))
        if duree is not None:
            lignes.setdefault(duree, []).append(somme)
    courbes: list[Ligne] = []
    for duree in sorted(lignes, key=lambda m: (max(s["date_mesure"] for s in lignes[m]), m), reverse=True):
        constant = [p for p in panels if p["mois"] == duree and p["indicateur"] in AVEC_CIBLE]
        comptes = {(p["date_mesure"], p["indicateur"]): p["nb_calcules"] for p in constant}
        derniers = {s["indicateur"]: s for s in sorted(lignes[duree], key=lambda s: s["date_mesure"])}
        courbe = {
            **_historique(lignes[duree]),
            "mois": duree,
            "suffixe": f"-{len(courbes) + 1}" if courbes else "",
            "cibles": _cibles(derniers),
            "stable": all(
                comptes.get((s["date_mesure"], s["indicateur"])) == s["nb_calcules"]
                for s in lignes[duree]
                if s["indicateur"] in AVEC_CIBLE
            ),
            "panel": _historique(constant, AVEC_CIBLE),
        }
        courbes.append(courbe)
    return courbes


def _cibles(mesures: Mapping[str, Ligne]) -> dict[str, float | None]:
    """The target of each indicator, None where there is none or several."""
    return {i: mesures[i]["cible"] if i in mesures else None for i in INDICATEURS}


def _definitions() -> Ligne:
    """What the texts say, from the rules themselves."""
    jeux = regles.toutes()
    sources = {
        "financement": " ; ".join(r.source for r in jeux),
        "programme": tomllib.loads(regles.fichier("programme").decode())["source"],
    }
    return {
        "regles": jeux,
        "mediane_min": MEDIANE_MIN,
        "sources_textes": sources,
        "cibles": {i: _selon_les_regles(i, jeux) for i in INDICATEURS},
    }


def _selon_les_regles(indicateur: str, jeux: Sequence[regles.Regles]) -> list[Ligne]:
    """What is asked of an indicator, with the names of the rule sets that ask it."""
    demandes: dict[tuple[int | None, bool, str], list[str]] = {}
    for r in jeux:
        c = r.indicateurs.get(indicateur, regles.Cible())
        demandes.setdefault((c.cible_pct, c.socle, r.exemption_pjm if c.socle else "jamais"), []).append(r.nom)
    return [
        {"regles": noms, "cible": cible, "socle": socle, "exemption_pjm": exemption}
        for (cible, socle, exemption), noms in demandes.items()
    ]


def _lignes_de(territoires: pl.DataFrame, cle: str) -> list[Ligne]:
    """One line per territory or sub-sector: its name and its sums by indicator."""
    return [
        {
            **lignes[0],
            "sommes": {s["indicateur"]: s for s in lignes},
        }
        for _, lignes in sorted(par_cle(territoires, cle).items())
    ]


def _historique(lignes: Iterable[Ligne], indicateurs: Iterable[str] = INDICATEURS) -> Ligne:
    """`lignes`: measure dates, latest first, each with its rows by indicator; `indicateurs`: its columns."""
    dates: dict[date, dict[str, Ligne]] = {}
    for ligne in lignes:
        dates.setdefault(ligne["date_mesure"], {})[ligne["indicateur"]] = ligne
    return {"lignes": sorted(dates.items(), reverse=True), "indicateurs": indicateurs, "dates_max": DATES_MAX}


def _version(indicateurs: pl.DataFrame, derniere: date) -> str:
    return str(indicateurs.filter(pl.col("date_mesure") == derniere)["version"][0])


def _rendre(gabarit: str, **contexte: Any) -> str:
    # Two thousand pages: neither the indentation of the templates nor the end tags, the quotes and the escapes that HTML
    # lets out (no template puts an attribute between apostrophes).
    html = remplir(f"rapport/{gabarit}", **contexte).replace("&#39;", "'")
    court = _GUILLEMETS_FACULTATIFS.sub(r"\1\2", _FINS_FACULTATIVES.sub("", html))
    return "\n".join(ligne for brute in court.splitlines() if (ligne := brute.strip())) + "\n"


def _copier(source: Traversable, cible: Path) -> None:
    cible.mkdir()
    for element in source.iterdir():
        if element.is_dir():
            _copier(element, cible / element.name)
        elif not element.name.endswith(".py"):
            (cible / element.name).write_bytes(element.read_bytes())
