"""The agency's registers read and judged (specification §4.6): projets.csv, bal.csv, depenses.csv, the identity from FINESS."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

import pandera.errors
import polars as pl

from schemas.champs import Champ, champs
from schemas.curated import dtypes
from schemas.erreurs import ErreurDite
from schemas.referentiels import Bal, Depenses, ProjetsArs
from transforms import regles, types
from transforms.dire.formats import citer, enumerer, jour
from transforms.dire.texte_sur import dire_texte
from transforms.finess import departement
from transforms.lecture.entetes import apparier
from transforms.lecture.modele import LIGNE, SURPLUS, Feuille
from transforms.registre_projets import Alerte, ProjetsDuJour, RegistreProjets
from transforms.territoire import categories, departements
from transforms.texte import propres, sans_mot_vide

PROJETS, DEPENSES = "projets.csv", "depenses.csv"
DEPENSES_LUES: dict[str, Any] = {"projet": pl.String, "montant": pl.Decimal(14, 2), "date": pl.Date}
# A received value is shown this far: a whole column may have slipped into one cell.
_LONGUEUR_VALEUR = 40


class ReferentielIllisible(ErreurDite):
    """A register that cannot be used at all; the message is French and says what is wrong with it."""


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
    lignes_lues = {ligne: rang for rang, ligne in enumerate(brut[LIGNE].to_list())}
    for champ in colonnes.values():
        position = trouve.positions.get(champ.nom)
        texte = brut[f"c{position}"] if position is not None else pl.Series([None] * brut.height, dtype=pl.String)
        valeurs = _valeurs(texte, champ)
        for ligne in brut.filter(texte.is_not_null() & valeurs.is_null())[LIGNE].to_list():
            fautes.setdefault(ligne, []).append(_illisible(champ, texte[lignes_lues[ligne]]))
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


_ATTENDUS = {
    "date": "écrivez AAAA-MM-JJ ou JJ/MM/AAAA",
    "bool": "écrivez oui ou non",
    "montant": "écrivez un nombre d'euros, comme 336000,00",
    "decimal": "écrivez un nombre, comme 0,5",
}


def citer_recu(texte: str) -> str:
    """A received value between « », harmless and not too long."""
    return citer(dire_texte(texte, _LONGUEUR_VALEUR))


def _proche(recu: str, connus: Iterable[str]) -> str:
    proches = get_close_matches(recu, sorted(connus), 1)
    return f" ; le plus proche : {citer(proches[0])}" if proches else ""


def _illisible(champ: Champ, recu: str) -> str:
    attendu = f" (valeurs : {', '.join(champ.valeurs)})" if champ.valeurs else f" : {_ATTENDUS[champ.nature]}"
    return f"« {champ.nom} » n'est pas lisible{attendu} ; reçu {citer_recu(recu)}{_proche(recu, champ.valeurs)}"


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
    """Read projets.csv: rows in error are set aside with the reason (§4.6), a row written twice counts once.

    Raises `ReferentielIllisible` without a usable header or row.
    """
    type_, fautes = _typer(feuille, ProjetsArs, PROJETS, {"regles": regles.noms()})
    type_ = type_.with_columns(
        pl.col("exemption_socles").fill_null(False),
        pl.col("dui_reference").fill_null(True),
        pl.col("finess_precedent").str.to_uppercase(),
        projet=pl.coalesce("projet", "porteur"),
    )
    for ligne, raison in _fautes_entre_colonnes(type_):
        fautes.setdefault(ligne, []).append(raison)
    mauvaises = pl.col(LIGNE).is_in(sorted(fautes))
    fautives = type_.filter(mauvaises).sort(LIGNE)
    alertes = tuple(
        Alerte(porteur, finess, f"projets.csv, ligne {ligne} écartée : {' ; '.join(fautes[ligne])}.")
        for ligne, porteur, finess in fautives.select(LIGNE, "porteur", "finess_et").iter_rows()
    )
    nommable = pl.when(pl.col("porteur").str.contains(r"^[A-Za-z0-9_-]{1,64}$")).then("porteur")
    attributs = [c for c in type_.columns if c != LIGNE]
    return RegistreProjets(
        lignes=type_.filter(~mauvaises).sort(LIGNE).unique(attributs, keep="first", maintain_order=True),
        # A period that cannot be is none: such a row may be of any day.
        fautives=fautives.select(
            nommable,
            "finess_et",
            "projet",
            pl.when(~(pl.col("fin") < pl.col("debut")).fill_null(False)).then(pl.col("debut", "fin")),
        ),
        alertes=alertes,
    )


def _fautes_entre_colonnes(lignes: pl.DataFrame) -> Iterator[tuple[int, str]]:
    """What is wrong with a period or with the former numbers of a row: its line, and why."""
    colonnes = lignes.select(LIGNE, "finess_et", "debut", "fin", "finess_precedent")
    for ligne, finess, debut, fin, precedents in colonnes.iter_rows():
        if debut and fin and fin < debut:
            yield ligne, f"« fin » ({jour(fin)}) est avant « debut » ({jour(debut)}) : corrigez l'une des deux dates"
        for numero in (precedents or "").split():
            if numero == finess:
                yield (
                    ligne,
                    "« finess_precedent » est le numéro de la ligne elle-même : mettez-y le numéro d'avant, ou rien",
                )
            elif not re.fullmatch(r"[0-9A-Z]{9}", numero):
                yield (
                    ligne,
                    f"« finess_precedent » : {citer_recu(numero)} n'est pas un numéro FINESS de 9 caractères (le zéro de tête "
                    "est-il perdu ?) ; séparez plusieurs numéros par des espaces",
                )


def lire_depenses(feuille: Feuille, projets: Set[str]) -> tuple[pl.DataFrame, tuple[Alerte, ...]]:
    """Read depenses.csv: `projet`, `montant` (Decimal(14, 2), euros justified so far), `date`; rows in error are set aside.

    `projets`: those that the register names. Raises `ReferentielIllisible` without a usable header or row.
    """
    type_, fautes = _typer(feuille, Depenses, DEPENSES)
    for (projet, le), memes in type_.drop_nulls(["projet", "date"]).group_by("projet", "date"):
        if memes["montant"].drop_nulls().n_unique() > 1:
            for ligne in memes[LIGNE].to_list():
                autres = enumerer([str(autre) for autre in sorted(memes[LIGNE].to_list()) if autre != ligne])
                fautes.setdefault(ligne, []).append(
                    f"le projet {citer_recu(str(projet))} a déjà un autre montant au {jour(le)} (voir ligne {autres}) : "
                    "gardez celui de l'état visé"
                )
    alertes = [
        Alerte(None, None, f"depenses.csv, ligne {ligne} écartée : {' ; '.join(raisons)}.")
        for ligne, raisons in sorted(fautes.items())
    ]
    bonnes = type_.filter(~pl.col(LIGNE).is_in(sorted(fautes)))
    for ligne, projet in bonnes.filter(~pl.col("projet").is_in(sorted(projets))).select(LIGNE, "projet").iter_rows():
        alertes.append(
            Alerte(
                None,
                None,
                f"depenses.csv, ligne {ligne} : le projet {citer_recu(projet)} n'est pas dans projets.csv"
                f"{_proche(projet, projets)}.",
            )
        )
    return bonnes.drop(LIGNE).unique(maintain_order=True).sort("projet", "date"), tuple(alertes)


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


def identifier(projets: ProjetsDuJour, finess: pl.DataFrame | None) -> pl.DataFrame:
    """The dimension `essms` of one day (columns of the published table `essms_mesures` but `version`).

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
        projets.essms.rename({"nom": "nom_porteur"})
        .join(connus, on="finess_et", how="left")
        .with_columns(
            sous_secteur=pl.coalesce("sous_secteur", pl.col("categorie").replace_strict(secteurs, default=None)),
            departement=_departement(projets),
            connu_finess=pl.col("ferme").is_not_null() if finess is not None else pl.lit(None, pl.Boolean),
            ouvert=~pl.col("ferme"),
        )
        .join(lieux, on="departement", how="left")
        .sort("finess_et")
    )
    return essms.select(c for c in dtypes("essms_mesures") if c != "version")


def _departement(projets: ProjetsDuJour) -> pl.Series:
    return pl.Series([departement(f) for f in projets.essms["finess_et"].to_list()], dtype=pl.String)
