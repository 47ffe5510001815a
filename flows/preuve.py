"""The evidence bundle of published figures, from the published version, the register and staging (specification §3).

The figures are the published ones, whatever arrived since: the deposits are those that the version which computed it names
in its manifest. What cannot be reproduced exactly is said, and no bundle is written.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from flows import mesure
from flows.disque import ecrire_prive, sha256_du_fichier
from flows.reglages import Reglages
from flows.staging import scelles
from flows.staging.registre import RegistreDepots
from flows.versions.manifeste import MAILLON, MANIFESTE, sha256_de
from flows.versions.preuves_remises import inscrire_preuve, lire_preuves
from flows.versions.version import actuelle
from schemas.curated import ACCEPTES
from schemas.erreurs import ErreurDite, Inconnu
from transforms import preuve, regles
from transforms.dire.formats import jour as en_jour
from transforms.dire.formats import majuscule
from transforms.preuve import Objet
from transforms.publication import table_depots
from transforms.tables_publiees import TablesPubliees

# How a deposit is named.
_NOMMES = ("depot", "recu", "nom", "membre", "sha256", "table", "date_extraction")


class NonReproductible(ErreurDite):
    """The published figure cannot be computed again from what is staged (French message, with the reasons)."""


@dataclass(frozen=True)
class Remise:
    """A bundle or a page to hand out: its bytes, what it is about (`inscrire_preuve`), the versions it cites."""

    octets: bytes
    sujet: Mapping[str, str]
    versions: Sequence[str]

    @property
    def sha256(self) -> str:
        """The SHA-256 of its bytes."""
        return sha256_de(self.octets)


@dataclass(frozen=True)
class Publication:
    """The published rows about an ESSMS or a project at a date, in the current version, and the version that computed them."""

    version: Path
    calcul: str
    dossier_calcul: Path | None
    lignes: Mapping[str, pl.DataFrame]

    @property
    def citees(self) -> list[str]:
        """The versions that evidence of these rows cites."""
        return list(dict.fromkeys([self.version.name, *([self.calcul] if self.dossier_calcul else [])]))


@dataclass(frozen=True)
class Constituee:
    """A bundle, and what it was made from."""

    publication: Publication
    description: Mapping[str, Any]
    remise: Remise


def constituer(reglages: Reglages, objet: Objet, date_mesure: date) -> Constituee:
    """Make the bundle of an ESSMS or a project at a date. The caller holds the lock of the night.

    Raises `Inconnu`, `NonReproductible`, `LienInvalide`, OSError.
    """
    publication = _publication(reglages.curated, objet, date_mesure)
    inscrits = _inscrits(publication, date_mesure)
    essms = objet.lignes(inscrits.essms)
    porteurs = essms["porteur"].unique().to_list()
    with RegistreDepots(reglages.registre) as registre:
        tous = registre.depots().filter(pl.col("porteur").is_in(porteurs))
        depots, manques = _depots(reglages.curated, publication, tous, porteurs)
        bilans = registre.bilans(date.min)
        entrees = mesure.entrees(reglages, {date_mesure: inscrits}, depots, bilans)
        abimes = scelles.abimes(reglages, registre, entrees)
    if abimes:
        raise _non_reproductible([*manques, *(f"staging/{a} a changé ou manque" for a in abimes)])
    try:
        recalcul = preuve.recalculer(entrees[date_mesure], objet, date_mesure, publication.lignes)
    except duckdb.Error as erreur:
        raise _non_reproductible([*manques, "les lignes d'un dépôt ne sont plus lisibles dans staging/"]) from erreur
    if ecarts := preuve.differences(preuve.comparables(publication.lignes), preuve.comparables(recalcul.figures)):
        raise _non_reproductible([*manques, *ecarts])
    siens = {*essms["finess_et"]}
    numeros = siens | {numero for numero, pour in inscrits.autres_numeros.items() if pour in siens}
    bilans = bilans.filter(pl.col("finess_et").is_in(sorted(numeros)))
    sujet = {objet.colonne: objet.valeur, "date_mesure": date_mesure.isoformat()}
    description = _description(publication, recalcul, depots, bilans, sujet) | {
        "porteurs": dict(essms.select("porteur", "nom_porteur").unique().sort("porteur").iter_rows()),
        "depots_ecartes": _ecartes(tous, bilans),
    }
    octets = preuve.assembler(recalcul, publication.lignes, description, _pieces(publication))
    return Constituee(publication, description, Remise(octets, sujet, publication.citees))


def remettre(reglages: Reglages, remise: Remise, sortie: Path, maintenant: datetime) -> None:
    """Write a bundle or a page to `sortie` and register it; nothing is left at `sortie` when it fails (OSError)."""
    provisoire = sortie.with_name(f".{sortie.name}.{secrets.token_hex(4)}")
    try:
        ecrire_prive(provisoire, remise.octets)
        inscrire_preuve(
            reglages.curated,
            sha256=remise.sha256,
            sujet=remise.sujet,
            versions=list(remise.versions),
            cree_le=maintenant,
        )
        provisoire.replace(sortie)
    finally:
        provisoire.unlink(missing_ok=True)


def lignes_publiees(version: Path, objet: Objet, date_mesure: date) -> dict[str, pl.DataFrame]:
    """The rows about an ESSMS or a project in the tables of its bundle. Raises `Inconnu` when there are none."""
    tables = TablesPubliees(version)
    jour = tables.choisir(date_mesure)
    indicateurs = tables.table("indicateurs", jour)
    if objet.colonne not in indicateurs.columns or not all(
        tables.chemin(nom, jour).is_file() for nom in objet.publiees
    ):
        raise Inconnu(
            f"La mesure du {en_jour(jour)} est d'une version de duimètre qui ne suivait pas les projets. Refaites-la : "
            f"duimetre nuit --date-mesure {jour.isoformat()}"
        )
    siens = objet.lignes(indicateurs)
    if siens.is_empty():
        raise Inconnu(f"{majuscule(str(objet))} : aucun chiffre n'est publié au {en_jour(jour)}.")
    lues = {nom: tables.table(nom, jour) for nom in objet.publiees}
    return {
        nom: objet.lignes(lue) if objet.colonne in lue.columns else lue.join(siens, on="finess_et", how="semi")
        for nom, lue in lues.items()
    }


def _publication(curated: Path, objet: Objet, date_mesure: date) -> Publication:
    version = actuelle(curated)
    if version is None:
        raise Inconnu("Aucune version n'est publiée. Lancez « duimetre nuit ».")
    lignes = {
        table: siennes.select(pl.lit(date_mesure).alias("date_mesure"), pl.all())
        for table, siennes in lignes_publiees(version, objet, date_mesure).items()
    }
    calcul = lignes["indicateurs"]["version"][0]
    dossier = curated / "versions" / calcul
    return Publication(version, calcul, dossier if (dossier / MANIFESTE).is_file() else None, lignes)


def _inscrits(publication: Publication, date_mesure: date) -> mesure.Inscrits:
    """The register of that date, as the version that computed the figures read it; without its manifest, former numbers only."""
    publiees = TablesPubliees(publication.dossier_calcul or publication.version)
    if not publiees.chemin("essms_mesures", date_mesure).is_file():
        raise NonReproductible(
            f"Le registre des projets lu par la mesure du {en_jour(date_mesure)} n'a pas été publié. Republiez cette date "
            "(« duimetre nuit --date-mesure … ») puis refaites la preuve des nouveaux chiffres."
        )
    essms = publiees.table("essms_mesures", date_mesure).drop("version")
    numeros = {n: f for f, tous in essms.select("finess_et", "numeros").drop_nulls().iter_rows() for n in tous.split()}
    if publication.dossier_calcul is not None:
        manifeste = json.loads((publication.dossier_calcul / MANIFESTE).read_bytes())
        numeros = manifeste["autres_numeros"].get(date_mesure.isoformat(), {})
    return mesure.Inscrits(essms.with_columns(seau=pl.lit(0, pl.UInt8)), numeros)


def _depots(
    curated: Path, publication: Publication, tous: pl.DataFrame, porteurs: Sequence[str]
) -> tuple[pl.DataFrame, list[str]]:
    """The deposits of the porteurs as the night of that version saw them, and what is no longer as it was, in French.

    From its manifest; when retention removed it, those received up to that night.
    """
    if publication.dossier_calcul is None:
        # Nobody wrote in which order contents were put back: at each path, the last one received that was not refused.
        accepte_le = pl.when(pl.col("sort").is_in(ACCEPTES)).then("recu_le")
        recus = tous.filter(
            (pl.col("recu_le") <= _instant(curated, publication.calcul)) & (pl.col("statut") != "retire")
        )
        debout = (pl.col("recu_le") >= accepte_le.max().over("nom")).fill_null(True)
        return _comme_alors(table_depots(recus.filter(debout))), []
    tous = table_depots(tous)
    manifeste = json.loads((publication.dossier_calcul / MANIFESTE).read_bytes())
    entrees = [e for e in manifeste["entrees"] if e["porteur"] in porteurs]
    if any("recu" not in e for e in manifeste["entrees"]):
        raise _non_reproductible([f"la version {publication.calcul} nomme les fichiers comme ils ont été déposés"])
    schema = {"depot": pl.String, "recu": pl.String, "utilisees": pl.Int64}
    lignes = [(e["depot"], e["recu"], e["lignes_utilisees"]) for e in entrees]
    alors = pl.DataFrame(lignes, schema=schema, orient="row")
    # A file may hold one content twice: the first of them stood.
    vus = tous.join(alors, on=["depot", "recu"], how="inner", maintain_order="left").unique(
        "depot", keep="first", maintain_order=True
    )
    partis = alors.join(tous, on=["depot", "recu"], how="anti")["recu"].to_list()
    rejuges = vus.filter(pl.col("lignes_utilisees") != pl.col("utilisees"))["recu"].to_list()
    manques = [f"le dépôt de reçu {recu} n'est plus dans le registre" for recu in partis]
    manques += [f"le dépôt de reçu {recu} a été jugé de nouveau depuis, autrement" for recu in rejuges]
    return _comme_alors(vus.drop("utilisees")), manques


def _comme_alors(vus: pl.DataFrame) -> pl.DataFrame:
    """Give each deposit the fate of its examination, whatever became of it since; of several copies, the first by name stands."""
    return vus.with_columns(statut="sort", en_suspens=pl.lit(True), canonique=pl.col("depot").is_first_distinct())


def _ecartes(tous: pl.DataFrame, bilans: pl.DataFrame) -> list[dict[str, Any]]:
    """The deposits of `bilans` that were replaced or withdrawn, the latest first."""
    return (
        table_depots(tous)
        .filter(pl.col("statut").is_in(["remplace", "retire"]))
        .join(bilans, on="depot", how="semi")
        .sort("recu_le", "recu", "membre", descending=[True, False, False])
        .select(*_NOMMES, "statut")
        .with_columns(pl.col("date_extraction").cast(pl.String))
        .to_dicts()
    )


def _instant(curated: Path, version: str) -> datetime:
    maillon = curated / "chaine" / f"{version}.json"
    try:
        return datetime.fromisoformat(json.loads(maillon.read_bytes())["cree_le"])
    except (OSError, ValueError, KeyError) as erreur:
        raise NonReproductible(
            f"La version {version}, qui a calculé ces chiffres, n'est plus là et son maillon est illisible ({maillon}). "
            "Restaurez-les depuis une sauvegarde de curated/."
        ) from erreur


def _non_reproductible(raisons: list[str]) -> NonReproductible:
    return NonReproductible(
        "Ce qui est publié ne peut plus être reproduit à l'identique ; aucune preuve n'est écrite. "
        f"Raisons : {' ; '.join(raisons[:5])}. Restaurez staging/ depuis une sauvegarde de l'époque, ou republiez cette "
        "date (« duimetre nuit --date-mesure … ») puis refaites la preuve des nouveaux chiffres."
    )


def _description(
    publication: Publication,
    recalcul: preuve.Recalcul,
    depots: pl.DataFrame,
    bilans: pl.DataFrame,
    sujet: Mapping[str, str],
) -> dict[str, Any]:
    manifeste = json.loads(((publication.dossier_calcul or publication.version) / MANIFESTE).read_bytes())
    utilisees = bilans.group_by("depot").agg(lignes_utilisees_essms=pl.col("lignes_utilisees").sum())
    lus = recalcul.entrees["depots"].select("depot", "accepte")
    liste = (
        depots.join(lus, on="depot", how="inner")
        .join(utilisees, on="depot", how="left")
        .sort("date_extraction", "rang", "nom_table")
        .select(
            *_NOMMES,
            "partiel",
            "statut",
            "lignes_lues",
            "lignes_utilisees",
            "lignes_rejetees",
            pl.col("lignes_utilisees_essms").fill_null(0),
        )
        .with_columns(pl.col("date_extraction").cast(pl.String))
    )
    indicateurs = publication.lignes["indicateurs"]
    return {
        "format": 1,
        **sujet,
        "porteur": indicateurs["porteur"][0],
        "version": publication.version.name,
        "version_qui_a_calcule": publication.calcul,
        "code": manifeste["code"],
        "regles": manifeste["regles"],
        "chiffres": indicateurs.select(Objet.de(sujet).chiffres).to_dicts(),
        "depots": liste.to_dicts(),
    }


def _pieces(publication: Publication) -> dict[str, bytes]:
    pieces = {f"version/{nom}": (publication.version / nom).read_bytes() for nom in (MANIFESTE, MAILLON)}
    if publication.dossier_calcul and publication.calcul != publication.version.name:
        pieces |= {
            f"version_calcul/{nom}": (publication.dossier_calcul / nom).read_bytes() for nom in (MANIFESTE, MAILLON)
        }
    return pieces | {f"regles/{nom}.toml": regles.fichier(nom) for nom in regles.noms()}


def rapprocher(reglages: Reglages, verdict: preuve.PreuveEntiere) -> list[str]:
    """Compare a bundle found whole with what this data root still holds; remarks in French.

    Raises `PreuveInvalide` when the version it cites is here and says otherwise.
    """
    remarques = []
    if verdict.sha256 in {p["sha256"] for p in lire_preuves(reglages.curated)}:
        remarques.append("Cette preuve est enregistrée ici, telle quelle.")
    version = reglages.curated / "versions" / verdict.description["version"]
    if not (version / MANIFESTE).is_file():
        return [*remarques, "La version citée n'est pas ici : la preuve est vérifiée par son seul contenu."]
    problemes = [
        f"{nom} n'est pas celui de la version publiée ici."
        for nom in (MANIFESTE, MAILLON)
        if (version / nom).read_bytes() != verdict.fichiers[f"version/{nom}"]
    ]
    jour = date.fromisoformat(verdict.description["date_mesure"])
    objet = Objet.de(verdict.description)
    if changees := changes(version, objet.publiees, jour):
        raise preuve.PreuveInvalide(
            [*problemes, *(f"{relatif} a changé dans la version publiée ici." for relatif in changees)]
        )
    ici = lignes_publiees(version, objet, jour)
    for table, citees in preuve.tables_de_la_preuve(verdict.fichiers, objet).items():
        if not ici[table].equals(citees.drop("date_mesure")):
            problemes.append(f"Les lignes de {table} ne sont pas celles de la version publiée ici.")
    if problemes:
        raise preuve.PreuveInvalide(problemes)
    return [*remarques, "Les lignes, le manifeste et le maillon sont ceux de la version publiée ici."]


def changes(version: Path, tables: Sequence[str], jour: date) -> list[str]:
    """The files of some tables of a version at a date that are no longer what its manifest says."""
    inventaire = json.loads((version / MANIFESTE).read_bytes())["fichiers"]
    fichiers = [TablesPubliees(version).chemin(table, jour) for table in tables]
    relatifs = {f.relative_to(version).as_posix(): f for f in fichiers if f.is_file()}
    return [r for r, fichier in relatifs.items() if sha256_du_fichier(fichier) != inventaire[r]["sha256"]]
