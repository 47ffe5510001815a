"""The acknowledgement of one received file: what it is, what was used of it, and everything to correct in it (§1, §5)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any

import polars as pl

from schemas.constats import Niveau, catalogue
from transforms.dire.constats import HORS_VERDICT, NIVEAUX, dire_constat, gravite
from transforms.dire.effets import effet_des_rejets
from transforms.dire.formats import accord, citer, enumerer, insecables, instant, jour, majuscule, milliers
from transforms.dire.libelles import LIGNES_REJETEES, STATUTS_DEPOT, nom_de_table
from transforms.dire.texte_sur import csv_excel, dire_texte, lisible
from transforms.en_place import EnPlace
from transforms.pages.environnement import TONS, remplir
from transforms.refus import DU_NOM, accompagne
from transforms.sort_depot import SortDepot, sort_du_fichier
from transforms.validation.constats import LIGNES_LISTEES, est_la_suite

# What a page shows: the whole list is in the error file.
LIGNES_CITEES = 8
VALEURS_CITEES = 4
LONGUEUR_CITEE = 80
GROUPES_MAX = 300
# The error file: of each kind, the first of these numbers of rows that keeps it small enough.
ERREURS_MAX_OCTETS = 4 << 20
_LISTEES = (LIGNES_LISTEES, 300, 100, 30, 10, 3)
PARTIES_MAX = 300


@dataclass(frozen=True)
class Premier:
    """Under which name and when a content was received for the first time; both None: it is twice in the same file."""

    nom: str | None
    recu_le: datetime | None


@dataclass(frozen=True)
class Partie:
    """What one table of the file gives; the file itself when it has only one (`membre` "").

    `constats` has the columns `CONSTATS` of the validation. `premier`: the same content was received before, and this is its
    verdict.
    """

    membre: str
    table: str
    date_extraction: date | None
    partiel: bool
    sort: SortDepot
    constats: pl.DataFrame
    premier: Premier | None = None

    @cached_property
    def groupes(self) -> list[Groupe]:
        """Its findings as the page and its JSON tell them, see `grouper`."""
        return grouper(self.constats, self.table)

    @property
    def effet(self) -> str:
        """What its rejected rows leave in doubt, empty when there is none."""
        return effet_des_rejets(self.table, self.sort.lignes_a_corriger, refuse=self.sort.statut == "refuse")

    @property
    def ecartees(self) -> int:
        """Its rows of structures that the agency has set aside in its register."""
        return int(self.constats.filter(pl.col("code") == "ESSMS_ECARTE")["nombre"].cast(pl.Int64).sum())

    def en_donnees(self) -> dict[str, Any]:
        """What the JSON of an acknowledgement and of a verification say of it, before its findings."""
        return {
            "membre": self.membre or None,
            "table": self.table or None,
            "date_extraction": self.date_extraction.isoformat() if self.date_extraction else None,
            "partiel": self.partiel,
            **self.sort.en_donnees(),
            "effet": self.effet or None,
        }


@dataclass(frozen=True)
class Accuse:
    """A received file. `numero`: its receipt number; `recu_le`, and `examine_le` when it was judged again later, in the time
    zone of the reader; `erreurs`: name of the error file, None when nothing was found; `en_place`: what its path held before it.
    """

    numero: str
    porteur: str
    nom: str
    sha256: str
    taille_octets: int
    recu_le: datetime
    examine_le: datetime
    parties: Sequence[Partie]
    erreurs: str | None = None
    en_place: EnPlace | None = None

    @property
    def statut(self) -> str:
        """The verdict on the whole file, what only goes with its exports left out."""
        return sort_du_fichier(p.sort.statut for p in self.exports if p.premier is None)

    @cached_property
    def exports(self) -> Sequence[Partie]:
        """Its parts but the documents that go with them; all of them when it is nothing else."""
        return [p for p in self.parties if not accompagne(p.membre or self.nom, p.sort.motif)] or self.parties

    @property
    def inutilise(self) -> bool:
        """Whether it is accepted although no row of it counts."""
        return self.statut == "accepte" and not any(p.sort.lignes_utilisees for p in self.exports)

    @property
    def document(self) -> bool:
        """Whether it is no export at all."""
        return all(accompagne(p.membre or self.nom, p.sort.motif) for p in self.parties)


@dataclass(frozen=True)
class Groupe:
    """The findings of one kind on one column: said once, with how many rows and where."""

    code: str
    niveau: Niveau
    message: str
    que_faire: str
    exemple: str
    colonne: str | None
    nombre: int
    lignes: tuple[int, ...]
    documents: tuple[str, ...]
    valeurs: tuple[str, ...]
    autres_valeurs: int
    non_listees: int

    @property
    def gravite(self) -> str:
        """How grave it is, in words."""
        return gravite(self.code)

    @property
    def ton(self) -> str:
        """The class of its colour."""
        return "neutre" if self.code in HORS_VERDICT else TONS[self.niveau]

    @property
    def lieux(self) -> str:
        """« lignes 12, 15, 18… », each with its document where there are several, empty for a finding about the whole file."""
        if not self.lignes:
            return ""
        if self.documents:
            cites = ", ".join(
                f"ligne {milliers(ligne)} de «\u00a0{document}\u00a0»"
                for ligne, document in zip(self.lignes, self.documents, strict=True)
            )
            return f"{cites}{'…' if self.nombre > len(self.lignes) else ''}"
        cites = ", ".join(map(milliers, self.lignes))
        if self.nombre == 1:
            return f"ligne {cites}"
        return f"lignes {cites}{'…' if self.nombre > len(self.lignes) else ''}"


def _phrases(paires: pl.DataFrame, table: str) -> pl.DataFrame:
    """`message`, `que_faire`, `exemple`, `niveau` of each distinct (`code`, `colonne`, `detail`, `ligne_dite`)."""
    dits = []
    for code, colonne, detail, ligne in paires.iter_rows():
        dits.append(dire_constat(code, colonne, table, ligne, dire_texte(detail, 300)))
    return paires.hstack(
        pl.DataFrame(
            dits,
            schema={"niveau": pl.String, "message": pl.String, "que_faire": pl.String, "exemple": pl.String},
            orient="row",
        )
    )


# Only a finding about the whole file names a line in its sentence.
_CLE = ["code", "colonne", "detail", "ligne_dite"]


def _avec_phrases(constats: pl.DataFrame, table: str) -> pl.DataFrame:
    fichier = [c.code for c in catalogue().values() if c.niveau == "fichier"]
    cles = constats.with_columns(
        colonne=pl.coalesce("entete", "colonne"), ligne_dite=pl.when(pl.col("code").is_in(fichier)).then("ligne")
    )
    phrases = _phrases(cles.select(_CLE).unique(maintain_order=True), table)
    return cles.with_columns(suite=est_la_suite()).join(
        phrases, on=_CLE, how="left", nulls_equal=True, maintain_order="left"
    )


def grouper(constats: pl.DataFrame, table: str) -> list[Groupe]:
    """The findings of a part (columns `CONSTATS`), one group per kind and column: the gravest, then the most numerous first."""
    if constats.is_empty():
        return []
    groupes = (
        _avec_phrases(constats, table)
        .group_by("code", "colonne", "message", "que_faire", "exemple", "niveau", maintain_order=True)
        .agg(
            pl.col("nombre").cast(pl.Int64).sum(),
            non_listees=pl.col("nombre").filter("suite").cast(pl.Int64).sum(),
            lignes=pl.col("ligne").drop_nulls().sort().head(LIGNES_CITEES),
            documents=pl.struct("document", "ligne").filter(pl.col("document").is_not_null()).head(LIGNES_CITEES),
            valeurs=lisible(
                pl.col("valeur").drop_nulls().unique(maintain_order=True).head(VALEURS_CITEES), LONGUEUR_CITEE
            ),
            distinctes=pl.col("valeur").drop_nulls().n_unique(),
        )
    )
    ordre = {niveau: rang for rang, niveau in enumerate(NIVEAUX)}
    resultat = [
        Groupe(
            code=g["code"],
            niveau=g["niveau"],
            message=g["message"],
            que_faire=g["que_faire"],
            exemple=g["exemple"],
            colonne=g["colonne"],
            nombre=g["nombre"],
            lignes=tuple(d["ligne"] for d in g["documents"]) or tuple(g["lignes"]),
            documents=tuple(dire_texte(d["document"], LONGUEUR_CITEE) for d in g["documents"]),
            valeurs=tuple(g["valeurs"]),
            autres_valeurs=g["distinctes"] - len(g["valeurs"]),
            non_listees=g["non_listees"],
        )
        for g in groupes.iter_rows(named=True)
    ]
    return sorted(resultat, key=lambda g: (ordre[g.niveau], g.code in HORS_VERDICT, -g.nombre, g.code, g.colonne or ""))


def verdict(accuse: Accuse) -> str:
    """The fate of the file and what comes next, in a few sentences."""
    return insecables(_verdict(accuse)) if accuse.statut != "deja_recu" else _deja_recu_verdict(accuse)


def _verdict(accuse: Accuse) -> str:
    refusees = [p for p in accuse.exports if p.sort.statut == "refuse"]
    match accuse.statut:
        case "accepte":
            return _accepte(accuse)
        case "refuse" if accuse.document:
            return "Ce fichier n'est pas un export : il n'est pas lu. S'il accompagne vos exports, vous n'avez rien à faire."
        case "refuse":
            meme = "" if any(p.sort.motif in DU_NOM for p in refusees) else " sous le même nom"
            return (
                f"Rien de ce fichier n'est utilisé. Corrigez ce qui est indiqué ici, puis déposez-le de nouveau{meme}."
            )
        case "en_attente":
            return (
                "Le fichier est bien reçu et attend : l'agence doit d'abord corriger son registre des projets. "
                "Vous n'avez rien à refaire ; il sera lu de lui-même. Prévenez votre contact à l'ARS."
            )
        case _ if refusees:
            combien = accord(len(refusees), "partie", "parties")
            return (
                f"{combien} sur {milliers(len(accuse.exports))} {'est refusée' if len(refusees) < 2 else 'sont refusées'} : "
                "le reste est utilisé. Corrigez, puis déposez de nouveau le fichier entier sous le même nom."
            )
        case _:
            a_corriger = sum(p.sort.lignes_a_corriger for p in accuse.exports)
            les = "la ligne rejetée" if a_corriger == 1 else "les lignes rejetées"
            sauf = [accord(a_corriger, *LIGNES_REJETEES), *_laissees(accuse)]
            return (
                f"Le fichier est utilisé, sauf {enumerer(sauf)}. "
                f"Corrigez {les} dans votre logiciel, puis déposez l'export corrigé sous le même nom."
            )


def _accepte(accuse: Accuse) -> str:
    laissees = _laissees(accuse)
    if accuse.inutilise and laissees:
        return (
            f"Rien de ce fichier n'est utilisé : il ne contient que {enumerer(laissees)}. "
            "Vérifiez les structures choisies dans l'export ; si c'est voulu, vous n'avez rien à refaire."
        )
    if any("INS_A_VERIFIER" in p.constats["code"] for p in accuse.exports):
        suite = "À vérifier : une INS sur cinq, ou plus, n'est pas utilisable."
    else:
        suite = "Vous n'avez rien à refaire."
    return f"Le fichier est utilisé{f', sauf {enumerer(laissees)}' if laissees else ' en entier'}. {suite}"


def _laissees(accuse: Accuse) -> list[str]:
    """The rows that ask nothing of the porteur."""
    ecartees = sum(p.ecartees for p in accuse.exports)
    hors_projet = sum(p.sort.lignes_hors_projet for p in accuse.exports) - ecartees
    dites = []
    if hors_projet > 0:
        dites.append(accord(hors_projet, "ligne hors de votre projet", "lignes hors de votre projet"))
    if ecartees:
        que = "que l'agence doit rétablir dans son registre"
        dites.append(accord(ecartees, f"ligne d'une structure {que}", f"lignes de structures {que}"))
    return dites


def _deja_recu_verdict(accuse: Accuse) -> str:
    premier = next(p.premier for p in accuse.parties if p.premier)
    return f"{_deja_recu(premier)} Rien n'est compté deux fois. Le verdict de ce premier envoi est rappelé ici."


def dire_place(accuse: Accuse) -> str:
    """What becomes of the file that it was put in the place of (§4), or that the agency withdrew this one; else empty."""
    if accuse.en_place is None:
        return ""
    if accuse.en_place.retire:
        return (
            "L'agence a retiré ce contenu : il ne compte pas, sous quelque nom qu'il soit déposé. "
            "Votre contact à l'ARS vous dira pourquoi."
        )
    if accuse.en_place.avant is None:
        return ""
    recu, recu_le = accuse.en_place.avant
    autre = f"le fichier reçu le {instant(recu_le)} sous ce nom (reçu {recu})"
    if all(p.sort.motif for p in accuse.parties):
        return f"Il ne remplace rien : {autre} compte toujours."
    if accuse.en_place.recu_le is not None and accuse.en_place.recu_le < recu_le:
        return f"Ce contenu, déjà reçu sous ce nom, compte de nouveau : il remplace {autre}."
    return f"Il remplace {autre}, qui ne compte plus."


def _deja_recu(premier: Premier) -> str:
    if premier.nom is None or premier.recu_le is None:
        return insecables("Ce contenu est deux fois dans le fichier : il compte une fois.")
    return (
        f"Ce contenu a déjà été reçu le {instant(premier.recu_le)} sous le nom {citer(dire_texte(premier.nom, 300))}."
    )


def en_html(accuse: Accuse) -> str:
    """The acknowledgement as a page: under 1 MB whatever the number of findings."""
    reste = GROUPES_MAX
    sections = []
    caches = 0
    for partie in accuse.parties:
        if reste == 0:
            caches += partie.constats.select("code", "colonne", "detail").n_unique()
            continue
        groupes = partie.groupes[:reste]
        caches += len(partie.groupes) - len(groupes)
        reste -= len(groupes)
        if groupes:
            sections.append((partie, groupes))
    return remplir(
        "porteur/accuse",
        accuse=accuse,
        verdict=verdict(accuse),
        place=dire_place(accuse),
        ton="attention" if accuse.inutilise else "neutre" if accuse.document else TONS[accuse.statut],
        libelle_statut="Non lu" if accuse.document else majuscule(STATUTS_DEPOT[accuse.statut]),
        effets=[(resume(p), p.effet) for p in accuse.parties if p.effet],
        nom=dire_texte(accuse.nom, 300),
        parties=accuse.parties[:PARTIES_MAX],
        parties_cachees=len(accuse.parties) - len(accuse.parties[:PARTIES_MAX]),
        sections=sections,
        groupes_caches=caches,
        tronque=any(p.constats.select(est_la_suite().any()).item() for p in accuse.parties),
        resume=resume,
        deja_recu=_deja_recu,
        lisible=dire_texte,
    )


def en_json(accuse: Accuse) -> str:
    """The same for machines: findings grouped by kind and column."""
    contenu = {
        "numero": accuse.numero,
        "porteur": accuse.porteur,
        "nom": accuse.nom,
        "sha256": accuse.sha256 or None,
        "taille_octets": accuse.taille_octets,
        "recu_le": accuse.recu_le.isoformat(),
        "examine_le": accuse.examine_le.isoformat(),
        "statut": accuse.statut,
        "verdict": verdict(accuse),
        "place": dire_place(accuse) or None,
        "fichier_des_erreurs": accuse.erreurs,
        "parties": [_partie_json(p) for p in accuse.parties],
    }
    return json.dumps(contenu, ensure_ascii=False, indent=1)


def _partie_json(partie: Partie) -> dict[str, Any]:
    return {
        **partie.en_donnees(),
        "deja_recu_le": partie.premier.recu_le.isoformat() if partie.premier and partie.premier.recu_le else None,
        "constats": [
            {
                "code": g.code,
                "niveau": g.niveau,
                "message": g.message,
                "que_faire": g.que_faire,
                "exemple": g.exemple or None,
                "colonne": g.colonne,
                "nombre": g.nombre,
                "non_listees": g.non_listees,
                "lignes": list(g.lignes),
                "documents": list(g.documents),
                "valeurs": list(g.valeurs),
            }
            for g in partie.groupes
        ],
    }


def _erreurs(accuse: Accuse) -> pl.DataFrame:
    """The findings of all parts of a file, with their sentences; empty when there is none."""
    lots = [
        _avec_phrases(partie.constats, partie.table).with_columns(
            partie=pl.coalesce("document", pl.lit(partie.membre)),
            table=pl.lit(partie.table),
            valeur=lisible(pl.col("valeur")),
        )
        for partie in accuse.parties
        if not partie.constats.is_empty()
    ]
    return pl.concat(lots) if lots else pl.DataFrame()


def _lister(erreurs: pl.DataFrame, par_sorte: int) -> pl.DataFrame:
    """The error file: the first rows of each kind one by one, then one row that counts the others."""
    sorte, seules = ["code", "colonne"], "Seules les premières lignes sont listées"
    rang = pl.int_range(pl.len()).over(sorte)
    suite = (
        erreurs.filter(pl.col("suite") | (rang >= par_sorte))
        .group_by(sorte, maintain_order=True)
        .agg(
            pl.col("nombre").cast(pl.Int64).sum(),
            pl.col("partie", "table", "ligne", "niveau", "message", "que_faire", "exemple").first(),
        )
        .with_columns(
            valeur=pl.lit(None, pl.String),
            message=pl.concat_str(
                "message", pl.lit(insecables(f" {seules} ({milliers(par_sorte)} au plus) : ici, les autres."))
            ),
        )
    )
    return pl.concat(
        [erreurs.filter(~pl.col("suite") & (rang < par_sorte)).cast({"nombre": pl.Int64}), suite], how="diagonal"
    ).select(
        "partie",
        "table",
        "ligne",
        "colonne",
        pl.col("valeur").alias("valeur reçue"),
        pl.col("code").replace_strict(HORS_VERDICT, default=pl.col("niveau").replace_strict(NIVEAUX)).alias("niveau"),
        pl.col("message").alias("ce qui ne va pas"),
        pl.col("que_faire").alias("que faire"),
        pl.col("exemple"),
        pl.col("nombre").alias("lignes concernées"),
        "code",
    )


def en_csv(accuse: Accuse) -> bytes | None:
    """The findings of the file, row by row, for Excel, in a few megabytes whatever their number; None when there is none."""
    erreurs = _erreurs(accuse)
    if erreurs.is_empty():
        return None
    for par_sorte in _LISTEES:
        octets = csv_excel(_lister(erreurs, par_sorte))
        if len(octets) <= ERREURS_MAX_OCTETS:
            break
    return octets


def resume(partie: Partie) -> str:
    """« dossiers du 01/04/2026 », for a title."""
    quoi = nom_de_table(partie.table) if partie.table else "contenu non reconnu"
    quand = f" du {jour(partie.date_extraction)}" if partie.date_extraction else ""
    return f"{quoi}{quand}{', extraction partielle' if partie.partiel else ''}"
