"""The agency's registers read and judged (specification §4.6): projets.csv, bal.csv, and the identity from FINESS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandera.errors
import polars as pl

from schemas.champs import Champ, champs
from schemas.curated import dtypes
from schemas.erreurs import ErreurDite
from schemas.referentiels import Bal, ProjetsArs
from transforms import regles, types
from transforms.finess import departement
from transforms.lecture.entetes import apparier
from transforms.lecture.modele import LIGNE, SURPLUS, Feuille
from transforms.territoire import categories, departements, seau
from transforms.texte import propres, sans_mot_vide


class ReferentielIllisible(ErreurDite):
    """A register that cannot be used at all; the message is French and says what is wrong with it."""


@dataclass(frozen=True)
class Alerte:
    """Why a row of a register is set aside."""

    porteur: str | None
    finess_et: str | None
    message: str


@dataclass(frozen=True)
class RegistreProjets:
    """The register of projects.

    `essms`: one row per ESSMS kept (columns of `schemas.referentiels.Projets`). `ecartes`: (`porteur`, `finess_et`) set
    aside; `en_attente`: porteurs all of whose rows are set aside.
    """

    essms: pl.DataFrame
    ecartes: pl.DataFrame
    alertes: tuple[Alerte, ...]

    @property
    def porteurs(self) -> frozenset[str]:
        """Porteurs with at least one ESSMS kept."""
        return frozenset(self.essms["porteur"].to_list())

    @property
    def en_attente(self) -> frozenset[str]:
        """Porteurs whose rows are all set aside: their files wait."""
        return frozenset(self.ecartes["porteur"].drop_nulls().to_list()) - self.porteurs

    def projet(self, porteur: str) -> frozenset[str]:
        """FINESS of the project of a porteur."""
        return frozenset(self.essms.filter(pl.col("porteur") == porteur)["finess_et"].to_list())

    def ecartes_de(self, porteur: str) -> frozenset[str]:
        """FINESS of a porteur that are set aside."""
        return frozenset(self.ecartes.filter(pl.col("porteur") == porteur)["finess_et"].drop_nulls().to_list())


_RAISONS = {
    "porteur_invalide": "l'identifiant du porteur n'a que des lettres sans accent, chiffres, « - » et « _ »",
    "finess_invalide": "le numéro FINESS a 9 caractères (le zéro de tête est-il perdu ?)",
    "projet_invalide": "l'identifiant du projet a au plus 64 caractères",
    "part_hors_bornes": "la part médico-sociale est un nombre entre 0 et 1",
    "not_nullable": "valeur obligatoire manquante",
}


def _typer(
    feuille: Feuille, modele: Any, nom: str, listes: Mapping[str, tuple[str, ...]] | None = None
) -> tuple[pl.DataFrame, dict[int, list[str]]]:
    """Typed rows of a register (with `ligne`), and the faults of each line. `listes`: values that the model does not know."""
    colonnes = champs(modele)
    colonnes |= {c: replace(colonnes[c], valeurs=valeurs) for c, valeurs in (listes or {}).items()}
    trouve = apparier(feuille.entetes, colonnes)
    if trouve.doubles:
        raise ReferentielIllisible(f"{nom} : deux colonnes ont le nom « {trouve.doubles[0]} ».")
    manquantes = [c.nom for c in colonnes.values() if c.colonne_requise and c.nom not in trouve.positions]
    if manquantes:
        raise ReferentielIllisible(f"{nom} : il manque la colonne « {'», «'.join(manquantes)} ».")
    lots = list(feuille.lots)
    fautes: dict[int, list[str]] = {}
    if not lots:
        raise ReferentielIllisible(f"{nom} : aucune ligne.")
    brut = pl.concat(lots)
    cellules = [c for c in brut.columns if c not in (LIGNE, SURPLUS)]
    brut = brut.with_columns(sans_mot_vide(propres(pl.col(c))) for c in cellules)
    brut = brut.filter(pl.any_horizontal(pl.col(cellules).is_not_null()) | pl.col(SURPLUS))
    if brut.is_empty():
        raise ReferentielIllisible(f"{nom} : aucune ligne.")
    for ligne in brut.filter(pl.col(SURPLUS))[LIGNE].to_list():
        fautes.setdefault(ligne, []).append("plus de cellules que de colonnes")
    type_ = brut.select(LIGNE)
    for champ in colonnes.values():
        position = trouve.positions.get(champ.nom)
        texte = brut[f"c{position}"] if position is not None else pl.Series([None] * brut.height, dtype=pl.String)
        valeurs = _valeurs(texte, champ)
        for ligne in brut.filter(texte.is_not_null() & valeurs.is_null())[LIGNE].to_list():
            attendu = f" (valeurs : {', '.join(champ.valeurs)})" if champ.valeurs else ""
            fautes.setdefault(ligne, []).append(f"« {champ.nom} » n'est pas lisible{attendu}")
        if champ.defaut is not None:
            valeurs = valeurs.fill_null(champ.defaut)
        type_ = type_.with_columns(valeurs.alias(champ.nom))
    try:
        modele.validate(type_, lazy=True)
    except pandera.errors.SchemaErrors as erreurs:
        for controle, colonne, index in erreurs.failure_cases.select("check", "column", "index").iter_rows():
            ligne = type_[LIGNE][index]
            raison = _RAISONS.get(str(controle), str(controle))
            if not (controle == "not_nullable" and any(f"« {colonne} »" in f for f in fautes.get(ligne, []))):
                fautes.setdefault(ligne, []).append(f"« {colonne} » : {raison}")
    return type_, fautes


def _valeurs(texte: pl.Series, champ: Champ) -> pl.Series:
    """The typed values of a column of text, null where the text is not of the type."""
    if champ.nature in ("liste", "bool"):
        table = types.correspondance(texte, champ)
        return texte.replace_strict(table["texte"], table["valeur"], default=None, return_dtype=champ.dtype)
    expression = {
        "date": types.date(pl.first()),
        "decimal": types.decimal(pl.first()),
        "montant": types.montant(pl.first()),
        "finess": pl.first().str.to_uppercase(),
    }.get(champ.nature, pl.first())
    return texte.to_frame().select(expression).to_series()


def lire_projets(feuille: Feuille) -> RegistreProjets:
    """Read projets.csv: rows in error, and ESSMS under two porteurs, are set aside with the reason (§4.6).

    Raises `ReferentielIllisible` without a usable header or row.
    """
    type_, fautes = _typer(feuille, ProjetsArs, "projets.csv", {"regles": regles.noms()})
    type_ = type_.with_columns(
        pl.col("exemption_socles").fill_null(False),
        pl.col("dui_reference").fill_null(True),
        projet=pl.coalesce("projet", "porteur"),
    )
    attributs = [c for c in type_.columns if c != LIGNE]
    for (_finess,), lignes in type_.filter(pl.col("finess_et").is_not_null()).group_by("finess_et"):
        if lignes["porteur"].n_unique() > 1:
            raison = "l'ESSMS est inscrit sous deux porteurs"
        elif lignes.select(attributs).n_unique() > 1:
            raison = "l'ESSMS est inscrit deux fois avec des valeurs différentes"
        else:
            continue
        for ligne in lignes[LIGNE].to_list():
            fautes.setdefault(ligne, []).append(raison)
    mauvaises = pl.col(LIGNE).is_in(sorted(fautes))
    ecartes = type_.filter(mauvaises)
    nommables = pl.col("porteur").str.contains(r"^[A-Za-z0-9_-]{1,64}$")
    alertes = tuple(
        Alerte(porteur, finess, f"projets.csv, ligne {ligne} écartée : {' ; '.join(fautes[ligne])}.")
        for ligne, porteur, finess in ecartes.sort(LIGNE).select(LIGNE, "porteur", "finess_et").iter_rows()
    )
    return RegistreProjets(
        essms=type_.filter(~mauvaises).drop(LIGNE).unique("finess_et", keep="first").sort("finess_et"),
        ecartes=ecartes.filter(nommables).select("porteur", "finess_et").unique().sort("porteur", "finess_et"),
        alertes=alertes,
    )


def lire_bal(feuille: Feuille) -> tuple[dict[str, str], tuple[Alerte, ...]]:
    """Read bal.csv: mailbox in lower case → FINESS; rows in error are set aside.

    Raises `ReferentielIllisible` without a usable header or row.
    """
    type_, fautes = _typer(feuille, Bal, "bal.csv")
    type_ = type_.with_columns(pl.col("bal").str.to_lowercase())
    for _, lignes in type_.filter(pl.col("bal").is_not_null()).group_by("bal"):
        if lignes["finess_et"].n_unique() > 1:
            for ligne in lignes[LIGNE].to_list():
                fautes.setdefault(ligne, []).append("la boîte est inscrite pour deux ESSMS")
    alertes = tuple(
        Alerte(None, None, f"bal.csv, ligne {ligne} écartée : {' ; '.join(raisons)}.")
        for ligne, raisons in sorted(fautes.items())
    )
    bonnes = type_.filter(~pl.col(LIGNE).is_in(sorted(fautes)))
    return dict(bonnes.select("bal", "finess_et").iter_rows()), alertes


def identifier(registre: RegistreProjets, finess: pl.DataFrame | None) -> pl.DataFrame:
    """The dimension `essms` (columns of the published table but `version`, and `seau`).

    `finess`: columns `finess_et`, `finess_ej`, `raison_sociale`, `categorie`, `ferme`; None without a FINESS file, and
    the identity columns are null then. The sub-sector of the register wins over that of the category (§4.6).
    """
    connus = (
        finess
        if finess is not None
        else pl.DataFrame(
            schema={
                "finess_et": pl.String,
                "finess_ej": pl.String,
                "raison_sociale": pl.String,
                "categorie": pl.String,
                "ferme": pl.Boolean,
            }
        )
    )
    secteurs: Mapping[str, str] = dict(categories().select("categorie", "sous_secteur").iter_rows())
    lieux = departements().select("departement", nom_departement="nom", region="region")
    essms = (
        registre.essms.rename({"nom": "nom_porteur"})
        .join(connus, on="finess_et", how="left")
        .with_columns(
            sous_secteur=pl.coalesce("sous_secteur", pl.col("categorie").replace_strict(secteurs, default=None)),
            departement=_departement(registre),
            connu_finess=pl.col("ferme").is_not_null() if finess is not None else pl.lit(None, pl.Boolean),
            ouvert=~pl.col("ferme"),
        )
        .join(lieux, on="departement", how="left")
        .sort("finess_et")
    )
    colonnes = [c for c in dtypes("essms") if c != "version"]
    return essms.select(colonnes).with_columns(seau(essms["finess_et"]).alias("seau"))


def _departement(registre: RegistreProjets) -> pl.Series:
    return pl.Series([departement(f) for f in registre.essms["finess_et"].to_list()], dtype=pl.String)
