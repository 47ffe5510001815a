"""Where the rows of a file lie: which header is which column, which row is in the project (specification §4, §5)."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import polars as pl

from schemas.champs import Champ
from schemas.depots import TABLES, champs_de, groupes_requis
from transforms.finess import cle_luhn_valide
from transforms.lecture.entetes import apparier, est_non_coupe, nom_normalise
from transforms.lecture.modele import LIGNE, NATIVE, SURPLUS, Feuille
from transforms.texte import nettoyer, propre, propres
from transforms.validation.constats import RANG, constat_de_fichier, constats_de_lignes
from transforms.validation.marques import NATIF, manquantes, marquer

# What a table whose required columns are those of others is known by: one of these at least.
_PROPRES = {
    "dmp": ("id_document", "id_dossier", "ins", "id_personne"),
    "mss": ("id_message", "bal_emettrice", "sens", "nb_messages"),
}


# What the first cell of a row that only counts or closes the others says, without case and accents.
_MOT_DE_FIN = r"^(?:sous[ _-]?total|total|somme|nombre|fin)(?:[\s:0-9].*)?$|^\(.*\b(?:lignes?|rows?)\b.*\)$"
_TIRETS = r"^[-+]+$"


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


def autre_table(feuille: Feuille, table: str) -> str | None:
    """The other table whose required columns are all there: the one that knows most of the headers, then misses fewest."""
    candidates = []
    for nom in TABLES:
        modele = champs_de(nom)
        presentes = apparier(feuille.entetes, modele).positions
        connue = nom not in _PROPRES or any(c in presentes for c in _PROPRES[nom])
        if nom != table and connue and all(c.nom in presentes for c in modele.values() if c.colonne_requise):
            candidates.append((len(presentes), -len(modele), nom))
    return max(candidates)[2] if candidates else None


def table_douteuse(feuille: Feuille, table: str, positions: Mapping[str, int]) -> str | None:
    """Another table that knows more of the headers than the one named, although none that it needs is missing.

    Only where the headers that it alone knows hold an identifier: an export often has a column more than it should.
    """
    autre = autre_table(feuille, table)
    siennes = apparier(feuille.entetes, champs_de(autre)).positions if autre else {}
    en_plus = siennes.keys() - positions.keys()
    return autre if len(siennes) > len(positions) and any(c.startswith("id_") for c in en_plus) else None


def constats_de_l_entete(feuille: Feuille, table: str) -> list[pl.DataFrame]:
    """Why the header does not do for the table: columns named twice, or missing with what stands there instead."""
    colonnes = champs_de(table)
    lue = apparier(feuille.entetes, colonnes)
    constats = [constat_de_fichier("COLONNE_EN_DOUBLE", colonne=c) for c in lue.doubles]
    manquantes = [c.nom for c in colonnes.values() if c.colonne_requise and c.nom not in lue.positions]
    detail = f"L'en-tête a été lu à la ligne {feuille.ligne_entete}." if feuille.ligne_entete else ""
    recus = [propre(feuille.noms.get(e, e)) for e in feuille.entetes]
    ou = f"feuille « {feuille.nom} », " if feuille.nom else ""
    contenu = " ; ".join(recu for recu in recus if recu)
    if est_non_coupe(feuille.entetes, (*colonnes, *feuille.noms.values())):
        detail += " Toutes ses colonnes sont dans une seule cellule : séparez-les par des points-virgules."
    inconnues = {nom_normalise(e): e for e in lue.inconnues}
    for nom in manquantes:
        voisines = difflib.get_close_matches(nom_normalise(feuille.noms.get(nom, nom)), inconnues, 1)
        proche = f"le plus proche : « {inconnues[voisines[0]]} » ; " if voisines else ""
        constats.append(
            constat_de_fichier(
                "COLONNE_MANQUANTE", colonne=nom, detail=detail, valeur=f"{proche}{ou}en-tête lu : {contenu}"
            )
        )
    return constats


def hors_tableau(
    lot: pl.DataFrame, texte: pl.DataFrame, feuille: Feuille, table: str, positions: Mapping[str, int]
) -> pl.DataFrame | None:
    """Findings on the rows of a lot that are no data (§4, "Where the table is"), None without any.

    The header again; a row of dashes; a row that lacks what the table needs and begins with the word of a total or of an
    end. `texte`: the lot as `colonnes_de_texte` gives it. A lot without any such row pays for two looks at one column.
    """
    groupes = [[c for c in groupe if c in positions] for groupe in groupes_requis(table)]
    vides_min = len(groupes) if len(groupes) < 3 else len(groupes) - 1
    entetes = [propre(feuille.noms.get(e, e)) for e in feuille.entetes]
    temoin = next(c for groupe in groupes for c in groupe)
    douteuses = (texte[temoin].str.starts_with("-") | (texte[temoin] == entetes[positions[temoin]])).fill_null(False)
    incompletes = pl.repeat(False, texte.height, eager=True)
    if sum(all(texte[c].has_nulls() for c in groupe) for groupe in groupes) >= vides_min:
        vides = (pl.all_horizontal(pl.lit(True), *(pl.col(c).is_null() for c in groupe)) for groupe in groupes)
        incompletes = texte.select(pl.sum_horizontal(vides) >= vides_min).to_series()
    if not (douteuses | incompletes).any():
        return None
    lues = texte.select(RANG, LIGNE, incomplete=incompletes).filter(douteuses | incompletes)
    cellules = [f"c{rang}" for rang in range(len(entetes))]
    premiere = pl.coalesce(cellules)
    pliee = premiere.str.normalize("NFKD").str.replace_all(r"\p{M}", "").str.to_lowercase()
    brut = (
        lot.lazy()
        .filter(pl.col(LIGNE).is_in(lues[LIGNE].implode()))
        .with_columns(propres(pl.col(c)) for c in cellules)
        .select(
            LIGNE,
            premiere=premiere,
            fin=pliee.str.contains(_MOT_DE_FIN),
            tirets=pl.all_horizontal(pl.col(cellules).fill_null("-").str.contains(_TIRETS)),
            entete=pl.all_horizontal(pl.col(f"c{p}").eq_missing(pl.lit(entetes[p])) for p in positions.values()),
        )
        .collect()
    )
    hors = lues.join(brut, on=LIGNE, how="inner", maintain_order="left").filter(
        pl.col("premiere").is_not_null(), pl.col("tirets") | pl.col("entete") | (pl.col("incomplete") & pl.col("fin"))
    )
    return None if hors.is_empty() else constats_de_lignes("LIGNE_HORS_TABLEAU", hors, None, "premiere")


def colonnes_de_texte(
    lot: pl.DataFrame, positions: Mapping[str, int], colonnes: Mapping[str, Champ], premier_rang: int
) -> pl.DataFrame:
    """The known columns of a lot as clean text, blank rows dropped; `surplus` tells the rows with too many cells.

    What programs wrote in place of values is beside them, see `marques`.
    """
    connues = {nom: f"c{position}" for nom, position in positions.items()}
    natives = {NATIF + nom: NATIVE + c for nom, c in connues.items() if NATIVE + c in lot.columns}
    retenues = {nom: pl.col(c) for nom, c in (connues | natives).items()}
    net, singulieres = nettoyer(lot.select(LIGNE, SURPLUS, **retenues), connues)
    vides = net.select(pl.all_horizontal(pl.col(list(connues)).is_null()) & ~pl.col(SURPLUS)).to_series()
    if vides.any():
        autres = [c for c in lot.columns if c.startswith("c") and c not in connues.values()]
        net = net.filter(vides.not_() | lot.select(_une_remplie(autres)).to_series())
    absentes = (pl.lit(None, pl.String).alias(nom) for nom in colonnes if nom not in connues)
    texte = net.with_columns(absentes).with_row_index(RANG, premier_rang)
    return marquer(texte, colonnes, singulieres)


def _une_remplie(colonnes: list[str]) -> pl.Expr:
    return pl.any_horizontal(pl.lit(False), *(propres(pl.col(c)).is_not_null() for c in colonnes))


def _resoudre(numero: str, contexte: Contexte) -> tuple[str, str, str | None]:
    """The FINESS that a received number stands for, its situation, and the code of what there is to say."""
    if numero.isascii() and numero.isalnum():
        if len(numero) == 8 and numero.isdigit():
            numero = "0" + numero
            if numero in contexte.projet:
                return numero, "projet", "ZERO_PERDU"
        elif len(numero) == 9 and numero in contexte.projet:
            return numero, "projet", None if cle_luhn_valide(numero) else "FINESS_CLE"
        elif numero in contexte.entites_juridiques:
            return numero, "invalide", "EJ_SANS_ESSMS_UNIQUE"
        if len(numero) == 9 and numero in contexte.ecartes:
            return numero, "hors_projet", "ESSMS_ECARTE"
        if len(numero) == 9 and cle_luhn_valide(numero):
            return numero, "hors_projet", "HORS_PROJET"
    return numero, "invalide", "FINESS_INVALIDE"


def situer(texte: pl.DataFrame, contexte: Contexte) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Add `situation` and the FINESS as it counts (§4 Types, §4.2 mailbox, §5 project); give the findings on it.

    `situation`: `projet`, `hors_projet` (well-formed, not in the project), `manquant`, `invalide`.
    """
    # What the porteur wrote stays apart: a FINESS found by the mailbox may be that of somebody else.
    texte = texte.with_columns(ecrit="finess_et")
    if "bal_emettrice" in texte.columns and contexte.bal:
        boite = pl.col("bal_emettrice").str.to_lowercase().replace_strict(contexte.bal, default=None)
        texte = texte.with_columns(finess_et=pl.coalesce("finess_et", boite))
    resolus = {recu: _resoudre(recu.upper(), contexte) for recu in texte["finess_et"].drop_nulls().unique().to_list()}
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
            constats_de_lignes(str(code), lignes, "finess_et", "ecrit")
            for (code,), lignes in a_dire.group_by("constat", maintain_order=True)
        ]
    if texte["finess_et"].has_nulls():
        constats += manquantes(situe.filter(pl.col("situation") == "manquant"), "finess_et")
    return situe, constats
