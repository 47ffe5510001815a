"""Table of text → accepted typed rows and findings (specification §5): everything is reported in one pass.

A file is read lot by lot, so that its size does not matter. What a row says by itself is decided in its lot, by the
pandera model of the table; what needs the whole file (keys that appear twice) is decided at the end, on the staged rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pandera.errors
import polars as pl
import pyarrow.parquet as pq

from schemas.champs import Champ
from schemas.constats import catalogue
from schemas.depots import TABLES, champs_de, cle, grain
from transforms import types
from transforms.dire.formats import accord, entier
from transforms.fautes import fautives
from transforms.finess import cle_luhn_valide
from transforms.lecture.entetes import apparier
from transforms.lecture.modele import LIGNE, SURPLUS, Feuille, LectureImpossible
from transforms.pseudonymes import pseudonymiser_colonnes
from transforms.sort_depot import SortDepot
from transforms.territoire import FUSEAU_PAR_DEFAUT, fuseau, seau

# Types of the columns of a findings table; `valeur` is what the porteur wrote, for his eyes only; `entete` is his name of
# the column, where an editor's profile gave it ours.
CONSTATS = {
    "code": pl.String,
    "ligne": pl.UInt32,
    "colonne": pl.String,
    "entete": pl.String,
    "valeur": pl.String,
    "detail": pl.String,
    "nombre": pl.UInt32,
}
# Order of the row in its table: several rows may come from one line (an entry of a bundle).
RANG = "rang"
BILAN = {"finess_et": pl.String, "lignes_lues": pl.Int64, "lignes_rejetees": pl.Int64}

# To be raised when the same file could be judged otherwise: files still there are then examined again.
EXAMEN_VERSION = 2

REJET_MAX_PCT = 20
REJET_MIN_LIGNES = 3
# Of one kind (code and column), lines listed per file; the others are counted.
LIGNES_LISTEES = 1000
# What is kept of a received value: enough to know it, and a thousand of them weigh nothing.
_VALEUR_GARDEE = 256
_LIGNES_CITEES = 8
# What pandera says of a bad row weighs more than the row.
_FAUTIVES_PAR_PASSE = 20_000
_MEMOIRE_TRI = "256MB"
# Rows compared at a time: their fingerprints take some 100 MB.
_LIGNES_COMPAREES = 1_000_000
_LIGNES_PAR_GROUPE = 50_000

# What a table whose required columns are those of others is known by: one of these at least.
_PROPRES = {
    "dmp": ("id_document", "id_dossier", "ins", "id_personne"),
    "mss": ("id_message", "bal_emettrice", "sens", "nb_messages"),
}

_CODE_DU_TYPE = {
    "date": "DATE_INVALIDE",
    "horodatage": "HORODATAGE_INVALIDE",
    "bool": "BOOLEEN_INVALIDE",
    "entier": "ENTIER_INVALIDE",
    "decimal": "DECIMAL_INVALIDE",
    "liste": "VALEUR_HORS_LISTE",
    "ins": "INS_INVALIDE",
}
# Beside a column of text: its typed value, and whether there is a text without one.
_VALEUR, _FAUTE = "valeur_de_", "faute_de_"


@dataclass(frozen=True)
class Contexte:
    """What a file is judged against: never its own content.

    `depot`: identifier written beside each staged row; `projet`: FINESS of the porteur's project; `ecartes`: those set
    aside in the register; `entites_juridiques`: numbers of EJ that do not stand for one ESSMS of the project; `bal`:
    mailbox (lower case) → FINESS; `cle_pseudonymes`: key of the pseudonyms.
    """

    depot: str
    table: str
    date_extraction: date
    projet: frozenset[str]
    cle_pseudonymes: bytes
    ecartes: frozenset[str] = frozenset()
    entites_juridiques: frozenset[str] = frozenset()
    bal: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Examen:
    """What a file gives.

    `constats`: findings (columns `CONSTATS`; `nombre` rows concerned, `ligne` the first). `bilan`: one row per FINESS of
    the project that the file names, null for a missing or malformed one (columns `BILAN`).
    """

    sort: SortDepot
    constats: pl.DataFrame
    bilan: pl.DataFrame


def _constats(code: str, lignes: pl.DataFrame, colonne: str | None, valeur: str | None = None, detail: str = "") -> Any:
    """One finding per row of `lignes`; `valeur` names the column of text that holds the received value."""
    return lignes.select(
        code=pl.lit(code),
        ligne=pl.col(LIGNE).cast(pl.UInt32),
        colonne=pl.lit(colonne, pl.String),
        entete=pl.lit(None, pl.String),
        valeur=pl.col(valeur) if valeur else pl.lit(None, pl.String),
        detail=pl.lit(detail),
        nombre=pl.lit(1, pl.UInt32),
        rang=pl.col(RANG),
    )


def constat_de_fichier(
    code: str, *, ligne: int | None = None, colonne: str | None = None, detail: str = "", valeur: str | None = None
) -> pl.DataFrame:
    """A findings table of one row about the whole file."""
    return pl.DataFrame([(code, ligne, colonne, None, valeur, detail, 1)], schema=CONSTATS, orient="row")


def sans_constat() -> pl.DataFrame:
    """An empty findings table."""
    return pl.DataFrame(schema=CONSTATS)


def _colonnes_de_texte(
    lot: pl.DataFrame, positions: Mapping[str, int], colonnes: Mapping[str, Champ], premier_rang: int
) -> pl.DataFrame:
    """The known columns of a lot as clean text, blank rows dropped; `surplus` tells the rows with too many cells."""
    cellules = [c for c in lot.columns if c not in (LIGNE, SURPLUS)]
    net = lot.lazy().with_columns(types.nettoyer(pl.col(c)) for c in cellules)
    if cellules:
        net = net.filter(pl.any_horizontal(pl.col(cellules).is_not_null()) | pl.col(SURPLUS))
    return (
        net.with_row_index(RANG, premier_rang)
        .select(
            RANG,
            LIGNE,
            SURPLUS,
            *(
                pl.col(f"c{positions[nom]}").alias(nom) if nom in positions else pl.lit(None, pl.String).alias(nom)
                for nom in colonnes
            ),
        )
        .collect()
    )


def _situer(texte: pl.DataFrame, contexte: Contexte) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Add `situation` and the FINESS as it counts (§4 Types, §4.2 mailbox, §5 project); give the findings on it.

    `situation`: `projet`, `hors_projet` (well-formed, not in the project), `manquant`, `invalide`.
    """
    # What the porteur wrote stays apart: a FINESS found by the mailbox may be that of somebody else.
    texte = texte.with_columns(ecrit="finess_et")
    if "bal_emettrice" in texte.columns and contexte.bal:
        boite = pl.col("bal_emettrice").str.to_lowercase().replace_strict(contexte.bal, default=None)
        texte = texte.with_columns(finess_et=pl.coalesce("finess_et", boite))
    resolus: dict[str, tuple[str, str, str | None]] = {}
    for recu in texte["finess_et"].drop_nulls().unique().to_list():
        numero = recu.upper()
        bien_forme = numero.isascii() and numero.isalnum()
        if len(numero) == 8 and numero.isdigit() and bien_forme and "0" + numero in contexte.projet:
            resolus[recu] = ("0" + numero, "projet", "ZERO_PERDU")
        elif len(numero) == 9 and bien_forme:
            if numero in contexte.projet:
                resolus[recu] = (numero, "projet", None if cle_luhn_valide(numero) else "FINESS_CLE")
            elif numero in contexte.entites_juridiques:
                resolus[recu] = (numero, "invalide", "EJ_SANS_ESSMS_UNIQUE")
            else:
                code = "ESSMS_ECARTE" if numero in contexte.ecartes else "HORS_PROJET"
                resolus[recu] = (numero, "hors_projet", code)
        elif len(numero) == 8 and numero.isdigit() and bien_forme:
            code = "ESSMS_ECARTE" if "0" + numero in contexte.ecartes else "HORS_PROJET"
            resolus[recu] = ("0" + numero, "hors_projet", code)
        else:
            resolus[recu] = (numero, "invalide", "FINESS_INVALIDE")
    table = pl.DataFrame(
        [(recu, *valeurs) for recu, valeurs in resolus.items()],
        schema={"recu": pl.String, "numero": pl.String, "situation": pl.String, "constat": pl.String},
        orient="row",
    )
    situe = (
        texte.lazy()
        .rename({"finess_et": "recu"})
        .join(table.lazy(), on="recu", how="left", maintain_order="left")
        .with_columns(
            pl.when(pl.col("situation") == "projet").then("numero").alias("finess_et"),
            pl.col("situation").fill_null("manquant"),
        )
        .drop("numero", "recu")
        .collect()
    )
    constats = []
    if table["constat"].null_count() < table.height:
        a_dire = situe.filter(pl.col("constat").is_not_null())
        constats = [
            _constats(str(code), lignes, "finess_et", "ecrit")
            for (code,), lignes in a_dire.group_by("constat", maintain_order=True)
        ]
    if texte["finess_et"].has_nulls():
        constats.append(_constats("VALEUR_MANQUANTE", situe.filter(pl.col("situation") == "manquant"), "finess_et"))
    return situe, constats


def _typer(
    texte: pl.DataFrame, colonnes: Mapping[str, Champ]
) -> tuple[pl.DataFrame, list[pl.DataFrame], list[pl.DataFrame]]:
    """Give the types; (typed frame, findings that reject the row, warnings)."""
    listes = [c.nom for c in colonnes.values() if c.nature in ("bool", "liste")]
    moments = [c.nom for c in colonnes.values() if c.nature == "horodatage"]
    apercu = texte.select(
        pl.col("finess_et", *listes).drop_nulls().unique().implode(),
        *(types.decalage(pl.col(nom)).is_not_null().any() for nom in moments),
    )
    fuseaux = {f: fuseau(f) for f in apercu["finess_et"][0]}
    remplies = {nom for nom in colonnes if texte[nom].null_count() < texte.height}
    valeurs: list[pl.Expr] = []
    finales: list[pl.Expr] = []
    fautes: dict[str, pl.Expr] = {}
    for nom, champ in colonnes.items():
        if nom == "finess_et":
            continue
        source, valeur = pl.col(nom), pl.col(_VALEUR + nom)
        expression = _expression(champ, apercu, fuseaux) if nom in remplies else pl.lit(None, champ.dtype)
        valeurs.append(expression.alias(_VALEUR + nom))
        if nom in remplies and champ.nature in _CODE_DU_TYPE:
            mauvaise = source.is_not_null() & valeur.is_null()
            if champ.sans_fin:
                mauvaise &= types.date(source).is_null()
            fautes[nom] = mauvaise.alias(_FAUTE + nom)
        if champ.defaut is not None:
            valeur = pl.when(source.is_null()).then(pl.lit(champ.defaut)).otherwise(valeur)
        finales.append(valeur.alias(nom))
    type_ = (
        texte.lazy()
        .with_columns(_fuseau=pl.col("finess_et").replace_strict(fuseaux, default=FUSEAU_PAR_DEFAUT))
        .with_columns(valeurs)
        .select(RANG, LIGNE, "finess_et", *finales, *fautes.values())
        .collect()
    )
    rejets: list[pl.DataFrame] = []
    avertissements: list[pl.DataFrame] = []
    for nom in fautes:
        mauvaises = type_[_FAUTE + nom]
        if mauvaises.any():
            champ = colonnes[nom]
            detail = ", ".join((*champ.valeurs, *champ.synonymes)) if champ.nature == "liste" else ""
            constats = _constats(_CODE_DU_TYPE[champ.nature], texte.filter(mauvaises), nom, nom, detail)
            (avertissements if champ.nature == "ins" else rejets).append(constats)
    return type_[[RANG, LIGNE, *colonnes]], rejets, avertissements


def _expression(champ: Champ, apercu: pl.DataFrame, fuseaux: Mapping[str, str]) -> pl.Expr:
    """The typed value of a column of text, null where the text is not of the type.

    `apercu`: one row, the distinct texts of a `liste` or `bool`, whether any text of an `horodatage` has an offset.
    """
    texte = pl.col(champ.nom)
    if champ.nature in ("bool", "liste"):
        table = types.correspondance(apercu[champ.nom][0], champ)
        return texte.replace_strict(table["texte"], table["valeur"], default=None, return_dtype=champ.dtype)
    if champ.nature == "date":
        return types.date(texte, sans_fin=champ.sans_fin)
    if champ.nature == "horodatage" and not apercu[champ.nom][0]:
        return types.horodatage_local(texte)
    if champ.nature == "horodatage":
        return types.horodatage(texte, pl.col("_fuseau"), {FUSEAU_PAR_DEFAUT, *fuseaux.values()})
    if champ.nature == "entier":
        return types.entier(texte)
    if champ.nature == "decimal":
        return types.decimal(texte)
    if champ.nature == "ins":
        return types.ins(texte)
    return texte


def _verifier(
    type_: pl.DataFrame, texte: pl.DataFrame, mauvais_types: list[pl.DataFrame], modele: Any, date_extraction: date
) -> list[pl.DataFrame]:
    """Run the pandera model on the typed rows; a value of a bad type (already found) is not also a missing one."""
    a_verifier = type_.with_columns(date_extraction=pl.lit(date_extraction))
    en_faute = fautives(a_verifier, modele.to_schema())
    if not en_faute.any():
        return []
    a_verifier, texte = a_verifier.filter(en_faute), texte.filter(en_faute)
    return [
        constats
        for debut in range(0, texte.height, _FAUTIVES_PAR_PASSE)
        for constats in _dire_les_fautes(
            a_verifier[debut : debut + _FAUTIVES_PAR_PASSE],
            texte[debut : debut + _FAUTIVES_PAR_PASSE],
            mauvais_types,
            modele,
        )
    ]


def _dire_les_fautes(
    a_verifier: pl.DataFrame, texte: pl.DataFrame, mauvais_types: list[pl.DataFrame], modele: Any
) -> list[pl.DataFrame]:
    try:
        modele.validate(a_verifier, lazy=True)
    except pandera.errors.SchemaErrors as erreurs:
        cas = erreurs.failure_cases
    else:
        return []
    resultat: list[pl.DataFrame] = []
    for (verification, contexte, colonne), groupe in cas.group_by(
        "check", "schema_context", "column", maintain_order=True
    ):
        nom = None if contexte == "DataFrameSchema" else str(colonne)
        code = "VALEUR_MANQUANTE" if verification == "not_nullable" else str(verification).split("(", 1)[0].upper()
        code = "VALEUR_HORS_LISTE" if code == "ISIN" else code
        if code not in catalogue():
            raise RuntimeError(f"pandera check without a finding: {verification} on {nom}")
        lignes = texte[groupe["index"].to_list()]
        if code == "VALEUR_MANQUANTE":
            if nom == "finess_et":
                continue
            for deja in mauvais_types:
                if deja["colonne"][0] == nom:
                    lignes = lignes.join(deja, on=RANG, how="anti", maintain_order="left")
        resultat.append(_constats(code, lignes, nom, nom))
    return resultat


_SANS_DOUBLON = pl.DataFrame(schema={RANG: pl.UInt32, LIGNE: pl.UInt32, "finess_et": pl.String})
_REPERE = "repere"


def _peut_doubler(table: str) -> bool:
    """Where two rows of one key say something (§5): facts without a key may come twice."""
    return bool(cle(table)) or table == "dmp"


def _identifiant(table: str) -> str | None:
    """The column that a row must have to be a copy of another one; None where every row may be."""
    modele = champs_de(table)
    facultatif = next((c for c in cle(table) if c.startswith("id_") and not modele[c].requis), None)
    return "id_document" if table == "dmp" else facultatif


def _repere(table: str) -> list[pl.Expr]:
    """What finds the rows that may be doubles: a number of their key for a state, of their content for the others."""
    if not _peut_doubler(table):
        return []
    numero, identifiant = (
        pl.struct(cle(table) if grain(table) == "etat" else list(champs_de(table))).hash(),
        _identifiant(table),
    )
    return [(pl.when(pl.col(identifiant).is_not_null()).then(numero) if identifiant else numero).alias(_REPERE)]


def _empreinte(colonnes: Iterable[str]) -> pl.Expr:
    """128 bits that stand for the content of these columns: two different rows of a file never share them by chance."""
    return pl.struct(pl.struct(*colonnes).hash(graine).alias(str(graine)) for graine in (1, 2))


@dataclass(frozen=True)
class _Doublons:
    """`contraires`: rows of a key with different contents, all of them; `copies`: exact copies beyond the first (§5).

    Both: `rang`, `ligne`, in the order of the file. `par_essms`: how many `contraires` (`n`) each `finess_et` has.
    """

    contraires: pl.DataFrame
    copies: pl.DataFrame
    par_essms: pl.DataFrame

    def ecartees(self) -> pl.DataFrame:
        """The `rang` of the rows that are not kept."""
        return pl.concat([self.contraires[[RANG]], self.copies[[RANG]]])


def _doublons(lignes: pl.LazyFrame, hauteur: int, table: str) -> _Doublons:
    """Compare the rows, part by part for the memory: those of one key are in one part, and most of them are alone."""
    contraires, copies = [_SANS_DOUBLON], [_SANS_DOUBLON]
    parts = 1 + hauteur // _LIGNES_COMPAREES
    for part in range(parts if hauteur and _peut_doubler(table) else 0):
        reperes = lignes.select(_REPERE).filter(pl.col(_REPERE) % parts == part).collect()[_REPERE]
        multiples = reperes.filter(reperes.is_duplicated()).unique()
        if multiples.is_empty():
            continue
        suspectes = (
            lignes.filter(pl.col(_REPERE).is_in(multiples.implode()))
            .select(
                *_SANS_DOUBLON.columns,
                contenu=_empreinte(champs_de(table)),
                cle=_empreinte(cle(table) or champs_de(table)),
            )
            .collect(engine="streaming")
            .sort(RANG)
        )
        if grain(table) == "etat":
            en_conflit = suspectes.select("cle", "contenu").unique().filter(pl.col("cle").is_duplicated())
            contraires.append(suspectes.join(en_conflit, on="cle", how="semi")[_SANS_DOUBLON.columns])
            suspectes = suspectes.join(en_conflit, on="cle", how="anti", maintain_order="left")
        copies.append(suspectes.filter(~pl.col("contenu").is_first_distinct())[_SANS_DOUBLON.columns])
    en_trop = pl.concat(contraires).sort(RANG)
    par_essms = en_trop.group_by("finess_et").agg(n=pl.len().cast(pl.Int64))
    return _Doublons(en_trop[[RANG, LIGNE]], pl.concat(copies)[[RANG, LIGNE]].sort(RANG), par_essms)


def examiner(feuille: Feuille, contexte: Contexte, sortie: Path) -> Examen:
    """Validate one table of a file and write its accepted, pseudonymised rows to the parquet file `sortie`.

    Columns of `sortie`: `depot`, `ligne`, those of the model (identifiers as pseudonyms, `horodatage` as local civil time
    of the ESSMS), `seau`; sorted by bucket, ESSMS and order in the file. Nothing is left at `sortie` when the file is
    refused. Never raises for a fault of the file: it is a refusal.
    """
    colonnes = champs_de(contexte.table)
    correspondance = apparier(feuille.entetes, colonnes)
    entete = [constat_de_fichier("COLONNE_EN_DOUBLE", colonne=c) for c in correspondance.doubles] + [
        constat_de_fichier("COLONNE_MANQUANTE", colonne=c.nom)
        for c in colonnes.values()
        if c.colonne_requise and c.nom not in correspondance.positions
    ]
    if entete:
        autre = _autre_table(feuille, contexte.table)
        if autre:
            entete.insert(0, constat_de_fichier("AUTRE_TABLE", detail=autre))
        return _refus(str(entete[0]["code"][0]), pl.concat(entete))
    constats = [constat_de_fichier("COLONNE_IGNOREE", valeur=e) for e in correspondance.inconnues]
    # A file without an unknown header names nothing of another table that ours has not.
    if correspondance.inconnues and (douteuse := _table_douteuse(feuille, contexte.table, correspondance.positions)):
        constats.append(constat_de_fichier("TABLE_DOUTEUSE", detail=douteuse))
    brut = sortie.with_name(sortie.name + ".brut")
    releve = Releve()
    releve.noter(*constats)
    try:
        return _examiner(feuille, contexte, correspondance.positions, releve, brut, sortie)
    except LectureImpossible as erreur:
        sortie.unlink(missing_ok=True)
        releve.noter(constat_de_fichier(erreur.code, ligne=erreur.ligne, detail=erreur.detail))
        return _refus(erreur.code, releve.constats())
    finally:
        brut.unlink(missing_ok=True)


def _autre_table(feuille: Feuille, table: str) -> str | None:
    """The other table whose required columns are all there: the one that knows most of the headers, then misses fewest."""
    candidates = []
    for nom in TABLES:
        modele = champs_de(nom)
        presentes = apparier(feuille.entetes, modele).positions
        connue = nom not in _PROPRES or any(c in presentes for c in _PROPRES[nom])
        if nom != table and connue and all(c.nom in presentes for c in modele.values() if c.colonne_requise):
            candidates.append((len(presentes), -len(modele), nom))
    return max(candidates)[2] if candidates else None


def _table_douteuse(feuille: Feuille, table: str, positions: Mapping[str, int]) -> str | None:
    """Another table that knows more of the headers than the one named, although none that it needs is missing.

    Only where the headers that it alone knows hold an identifier: an export often has a column more than it should.
    """
    autre = _autre_table(feuille, table)
    siennes = apparier(feuille.entetes, champs_de(autre)).positions if autre else {}
    en_plus = siennes.keys() - positions.keys()
    return autre if len(siennes) > len(positions) and any(c.startswith("id_") for c in en_plus) else None


def _refus(code: str, constats: pl.DataFrame) -> Examen:
    return Examen(SortDepot(code), constats, pl.DataFrame(schema=BILAN))


def _examiner(
    feuille: Feuille,
    contexte: Contexte,
    positions: Mapping[str, int],
    releve: Releve,
    brut: Path,
    sortie: Path,
) -> Examen:
    colonnes = champs_de(contexte.table)
    modele = TABLES[contexte.table]
    pseudonymes = [c.nom for c in colonnes.values() if c.pseudonyme]
    bilans: list[pl.DataFrame] = []
    hors_projet = rang = 0
    repere = _repere(contexte.table)
    with _Brut(brut) as ecrivain:
        for lot in feuille.lots:
            texte = _colonnes_de_texte(lot, positions, colonnes, rang)
            rang += texte.height
            if texte.is_empty():
                continue
            situe, sur_finess = _situer(texte, contexte)
            releve.noter(*sur_finess)
            situe = situe.filter(pl.col("situation") != "hors_projet")
            hors_projet += texte.height - situe.height
            if situe.is_empty():
                continue
            type_, mauvais_types, avertissements = _typer(situe, colonnes)
            du_lot = mauvais_types + [
                c for c in sur_finess if not c.is_empty() and catalogue()[c["code"][0]].niveau == "ligne"
            ]
            du_lot += _verifier(type_, situe, mauvais_types, modele, contexte.date_extraction)
            if situe[SURPLUS].any():
                du_lot.append(_constats("CELLULES_EN_TROP", situe.filter(pl.col(SURPLUS)), None))
            releve.noter(*(c for c in du_lot if not any(c is s for s in sur_finess)), *avertissements)
            rejetees = pl.concat([pl.Series(RANG, [], pl.UInt32), *(c[RANG] for c in du_lot)])
            juge = type_.with_columns(rejetee=pl.col(RANG).is_in(rejetees.implode()))
            bilans.append(
                juge.lazy()
                .group_by("finess_et")
                .agg(lignes_lues=pl.len().cast(pl.Int64), lignes_rejetees=pl.col("rejetee").sum().cast(pl.Int64))
                .collect()
            )
            acceptees = juge.filter(~pl.col("rejetee"))[type_.columns]
            ecrivain.ajouter(
                acceptees.with_columns(
                    *pseudonymiser_colonnes(acceptees, pseudonymes, contexte.cle_pseudonymes),
                    seau(acceptees["finess_et"]).alias("seau"),
                ).with_columns(repere)
            )
    bilan = (
        pl.concat(bilans or [pl.DataFrame(schema=BILAN)]).lazy().group_by("finess_et").sum().sort("finess_et").collect()
    )
    lues = int(bilan["lignes_lues"].sum())
    if lues + hors_projet == 0:
        releve.noter(constat_de_fichier("AUCUNE_LIGNE"))
        return _refus("AUCUNE_LIGNE", releve.constats())
    doublons = _doublons(ecrivain.relues(), ecrivain.hauteur, contexte.table)
    if not doublons.contraires.is_empty():
        detail = ", ".join(cle(contexte.table))
        releve.noter(_constats("CLE_EN_DOUBLE", doublons.contraires, None, detail=detail))
        bilan = (
            bilan.join(doublons.par_essms, on="finess_et", how="left")
            .with_columns(lignes_rejetees=pl.col("lignes_rejetees") + pl.col("n").fill_null(0))
            .drop("n")
        )
    if not doublons.copies.is_empty():
        releve.noter(_constat_des_copies(doublons.copies))
    rejetees_ = int(bilan["lignes_rejetees"].sum())
    if rejetees_ >= REJET_MIN_LIGNES and 100 * rejetees_ > REJET_MAX_PCT * lues:
        releve.noter(constat_de_fichier("TROP_DE_REJETS", detail=f"{rejetees_} sur {lues}"))
        bilan = bilan.with_columns(lignes_rejetees=pl.col("lignes_lues"))
        toutes = lues + hors_projet
        sort = SortDepot("TROP_DE_REJETS", toutes, 0, toutes, hors_projet)
        return Examen(sort, releve.constats(), bilan)
    ecrivain.ranger(sortie, contexte, doublons.ecartees())
    sort = SortDepot(None, lues + hors_projet, lues - rejetees_, rejetees_ + hors_projet, hors_projet)
    return Examen(sort, releve.constats(), bilan)


def _constat_des_copies(copies: pl.DataFrame) -> pl.DataFrame:
    """One finding for all the copies of a file, that names the first of them."""
    n, lignes = copies.height, copies[LIGNE].sort().head(_LIGNES_CITEES).to_list()
    ou = ("ligne " if n == 1 else "lignes ") + ", ".join(map(entier, lignes)) + ("…" if n > len(lignes) else "")
    detail = f"{accord(n, 'ligne')} en double, {'gardée' if n == 1 else 'gardées'} une fois ({ou})"
    return constat_de_fichier("DOUBLON_EXACT", ligne=lignes[0], detail=detail).with_columns(nombre=pl.lit(n, pl.UInt32))


# Findings about a structure and not about a row: said once per received value, with the number of rows.
_PAR_VALEUR = ("HORS_PROJET", "ESSMS_ECARTE", "EJ_SANS_ESSMS_UNIQUE", "FINESS_CLE", "ZERO_PERDU")


def est_la_suite() -> pl.Expr:
    """Of findings (columns `CONSTATS`), the one of each kind that counts the rows beyond those that are listed."""
    dits_une_fois = pl.col("code").is_in([*_PAR_VALEUR, "DOUBLON_EXACT"])
    depasse = pl.col("valeur").is_null() & (pl.len().over("code", "colonne") > LIGNES_LISTEES)
    return (pl.col("nombre") > 1) & (~dits_une_fois | depasse)


def comptes(constats: pl.DataFrame) -> pl.DataFrame:
    """The same findings, said once per kind with the first of their rows and how many they are."""
    return (
        constats.group_by("code", "colonne", "entete", maintain_order=True)
        .agg(
            pl.col("ligne").min(),
            pl.col("detail").first(),
            pl.col("nombre").cast(pl.Int64).sum().cast(pl.UInt32),
            valeur=pl.lit(None, pl.String),
        )
        .select(list(CONSTATS))
    )


class Releve:
    """The findings of a file, noted in its order: of each kind (code and column) the first `LIGNES_LISTEES`, and how many
    rows the others concern. Its size does not depend on that of the file."""

    def __init__(self) -> None:
        self._listes: dict[tuple[str, str | None], pl.DataFrame] = {}
        self._suites: dict[tuple[str, str | None], tuple[Any, ...]] = {}

    def noter(self, *constats: pl.DataFrame) -> None:
        """Add findings, each frame of one code and column."""
        for lot in constats:
            if lot.is_empty():
                continue
            genre = lot["code"][0], lot["colonne"][0]
            liste = self._listes.get(genre, sans_constat())
            du_lot = lot[list(CONSTATS)].sort("ligne", nulls_last=False, maintain_order=True)
            place = LIGNES_LISTEES - liste.height
            tous, suite = pl.concat([liste, du_lot.head(place)]), du_lot.slice(place)
            if genre[0] in _PAR_VALEUR:
                tous = pl.concat([tous, suite])
                somme = pl.col("nombre").cast(pl.Int64).sum().cast(pl.UInt32)
                cles = ["code", "colonne", "entete", "valeur", "detail"]
                tous = tous.group_by(cles, maintain_order=True).agg(pl.col("ligne").first(), somme)[list(CONSTATS)]
                tous, suite = tous.head(LIGNES_LISTEES), tous.slice(LIGNES_LISTEES)
            # As Python texts: a view would keep the whole lot in memory.
            valeurs = [v and v[:_VALEUR_GARDEE] for v in tous["valeur"].to_list()]
            self._listes[genre] = tous.with_columns(valeur=pl.Series(valeurs, dtype=pl.String))
            if not suite.is_empty():
                code, ligne, colonne, entete, _, detail, nombre = self._suites.get(genre, (*suite.row(0)[:6], 0))
                self._suites[genre] = code, ligne, colonne, entete, None, detail, nombre + int(suite["nombre"].sum())

    def constats(self) -> pl.DataFrame:
        """All of them (columns `CONSTATS`): about the file first, then by line; what counts the others ends its kind."""
        suites = pl.DataFrame(list(self._suites.values()), schema=CONSTATS, orient="row")
        return (
            pl.concat(
                [
                    c.with_columns(suite=fin)
                    for fin, cs in ((False, self._listes.values()), (True, [suites]))
                    for c in cs
                ]
            )
            .sort("ligne", "code", "colonne", "suite", "valeur", nulls_last=False)
            .drop("suite")
        )


class _Brut:
    """Rows of a file as they are accepted, lot by lot: in memory, and from the second lot on in one parquet file."""

    def __init__(self, chemin: Path) -> None:
        self.chemin = chemin
        self.hauteur = 0
        self._seul_lot = pl.DataFrame()
        self._ecrivain: pq.ParquetWriter | None = None

    def __enter__(self) -> _Brut:
        self.chemin.unlink(missing_ok=True)
        return self

    def ajouter(self, lignes: pl.DataFrame) -> None:
        if lignes.is_empty():
            return
        self.hauteur += lignes.height
        if self.hauteur == lignes.height:
            self._seul_lot = lignes
            return
        arrow = lignes.to_arrow(compat_level=pl.CompatLevel.oldest())
        if self._ecrivain is None:
            self._ecrivain = pq.ParquetWriter(self.chemin, arrow.schema, compression="zstd")
            self._ecrivain.write_table(self._seul_lot.to_arrow(compat_level=pl.CompatLevel.oldest()))
            self._seul_lot = self._seul_lot.clear()
        self._ecrivain.write_table(arrow)

    def relues(self) -> pl.LazyFrame:
        """The rows together, once all are there."""
        if self._ecrivain is None:
            return self._seul_lot.lazy()
        self._ecrivain.close()
        return pl.scan_parquet(self.chemin, glob=False)

    def ranger(self, sortie: Path, contexte: Contexte, ecartees: pl.DataFrame) -> None:
        """Write the kept rows sorted by bucket, ESSMS and order in the file; nothing when there never was one.

        Those of one lot in memory: most files, for which opening DuckDB would cost more than all the rest.
        """
        if not self.hauteur:
            return
        colonnes = [LIGNE, *champs_de(contexte.table), "seau"]
        if self._ecrivain is None:
            (
                self._seul_lot.lazy()
                .filter(~pl.col(RANG).is_in(ecartees[RANG].implode()))
                .sort("seau", "finess_et", RANG)
                .select(pl.lit(contexte.depot).alias("depot"), *colonnes)
                .collect()
                .write_parquet(sortie, compression="zstd", row_group_size=_LIGNES_PAR_GROUPE)
            )
            return
        with _duckdb(sortie.parent) as base:
            base.register("ecartees", ecartees.to_arrow())
            base.execute(
                f"""COPY (SELECT CAST($3 AS VARCHAR) AS depot, {", ".join(colonnes)} FROM read_parquet($1)
                          WHERE rang NOT IN (SELECT rang FROM ecartees) ORDER BY seau, finess_et, rang)
                    TO $2 (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {_LIGNES_PAR_GROUPE})""",
                [str(self.chemin), str(sortie), contexte.depot],
            )

    def __exit__(self, *_: object) -> None:
        if self._ecrivain is not None:
            self._ecrivain.close()


def _duckdb(dossier: Path) -> duckdb.DuckDBPyConnection:
    """What sorts a whole file: in bounded memory, the rest in `dossier`."""
    return duckdb.connect(
        config={
            "memory_limit": _MEMOIRE_TRI,
            "threads": 2,
            "preserve_insertion_order": False,
            "temp_directory": str(dossier / ".tri"),
        }
    )
