"""Given files and expected figures as one table that a professional of the sector can read, over the real path.

The cells become CSV files in the drop folders of a temporary data root; the functions of the night (all but Prefect and
the publication) receive and measure them. One row of the table reads:

    dossiers | sejours         | mises_a_jour  | attendu le 2026-04-01
    D1 IPP1  | D1 2025-06-01 → | D1 2026-01-01 | file_active 1, dossiers_actifs 1/1

A heading is a deposit, `[porteur/]table [date d'extraction] [suite du nom]`; without a date it is the first measure
date (so the deposit covers the window). A cell is one row of that file, written as `_ECRIRE` says; `E2: D1 …` is about
the ESSMS E2 (E1 when nothing is said). A wide table is folded: other columns follow a blank line. The columns `attendu
le AAAA-MM-JJ` hold what the measure must give, see `_verifier_attente`; empty cells say nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import zip_longest
from pathlib import Path
from typing import Any

import polars as pl

from flows import mesure, nuit
from flows.reception import inventaire, reception, registres_ars
from flows.reglages import Reglages, cle_des_pseudonymes, lire_reglages
from flows.staging.registre import RegistreDepots
from schemas.champs import champs
from schemas.referentiels import ProjetsArs
from transforms.finess import cle_luhn_valide

PORTEUR = "asso"
AUJOURD_HUI = date(2027, 12, 31)
VIDE = ("–", "-", "∅")


def finess(huit: str) -> str:
    """A FINESS number with a right key from its first eight characters."""
    return next(huit + cle for cle in "0123456789" if cle_luhn_valide(huit + cle))


# By département for the time zones; `AUTRE` is in nobody's project; `FAUX` is not a number at all.
ESSMS = {
    "E1": finess("01000001"),
    "E2": finess("01000002"),
    "E3": finess("01000003"),
    "PARIS": finess("75000001"),
    "CORSE": finess("2A000001"),
    "GUADELOUPE": finess("97010001"),
    "MARTINIQUE": finess("97020001"),
    "GUYANE": finess("97030001"),
    "REUNION": finess("97040001"),
    "MIQUELON": finess("97050001"),
    "MAYOTTE": finess("98050001"),
    "AUTRE": finess("69000009"),
    "FAUX": "12-45",
    "SANS": "",
}
HORS_PROJET = ("AUTRE", "FAUX", "SANS")


def ins(treize: str) -> str:
    """An INS with a right key from its 13 characters (§4.1)."""
    nombre = int(treize[:5] + treize[5:7].replace("2A", "19").replace("2B", "18") + treize[7:])
    return f"{treize}{97 - nombre % 97:02d}"


@dataclass(frozen=True)
class Mesure:
    """What one measure gives: rows by ESSMS (and indicator), alerts as (code, finess_et, indicator or table, number)."""

    indicateurs: Mapping[tuple[str, str], dict[str, Any]]
    maturin: Mapping[str, dict[str, Any]]
    alertes: frozenset[tuple[str, str, str | None, int | None]]


@dataclass(frozen=True)
class Nuit:
    """A night without its publication: measures by date, register of deposits, findings, registers of the agency."""

    mesures: Mapping[date, Mesure]
    depots: pl.DataFrame
    constats: pl.DataFrame
    registres: registres_ars.Referentiels
    reglages: Reglages


def jouer(racine: Path, dates_mesure: Sequence[date] = (), aujourd_hui: date = AUJOURD_HUI) -> Nuit:
    """Receive and measure the files of a data root as the night does."""
    reglages = Reglages(racine, DUIMETRE_CLE="0" * 64)
    registres = registres_ars.lire_registres(reglages)
    deposes = list(inventaire.parcourir(reglages.depots))
    dossiers = {d.porteur: registres.dossier(d.porteur) for d in deposes}
    maintenant = datetime.combine(aujourd_hui, datetime.min.time(), UTC)
    with RegistreDepots(reglages.registre) as registre:
        for depose in reception.nouveaux(deposes, dossiers, registre.apercus()):
            reception.recevoir(
                depose,
                dossiers[depose.porteur],
                reglages=reglages,
                registre=registre,
                cle=cle_des_pseudonymes(reglages),
                maintenant=maintenant,
            )
        depots, constats, bilans = registre.depots(), registre.constats(), registre.bilans(date.min)
    entrees = mesure.entrees(reglages, {jour: registres.inscrits(jour) for jour in dates_mesure}, depots, bilans)
    seaux = sorted({seau for du_jour in entrees.values() for seau in du_jour.essms["seau"]})
    parts = [mesure.mesurer_dates(entrees, [seau], None) for seau in seaux]
    mesures = {
        jour: _rassembler({nom: pl.concat([p[jour][nom] for p in parts]) for nom in parts[0][jour]})
        for jour in dates_mesure
    }
    return Nuit(mesures, depots, constats, registres, reglages)


def _rassembler(relations: Mapping[str, pl.DataFrame]) -> Mesure:
    return Mesure(
        {(x["finess_et"], x["indicateur"]): x for x in relations["indicateurs"].iter_rows(named=True)},
        {x["finess_et"]: x for x in relations["maturin_sms"].iter_rows(named=True)},
        frozenset(
            (x["code"], x["finess_et"], x["indicateur"] or x["nom_table"], x["nombre"])
            for x in relations["alertes"].iter_rows(named=True)
        ),
    )


def deposer(racine: Path, nom: str, contenu: str | bytes, porteur: str = PORTEUR) -> Path:
    """Drop a file, last touched long ago."""
    chemin = racine / "raw" / "depots" / porteur / nom
    ecrire(chemin, contenu)
    return chemin


def ecrire(chemin: Path, contenu: str | bytes) -> None:
    """Write a file, last touched long ago (the night looks twice at a file that may still be growing)."""
    chemin.parent.mkdir(parents=True, exist_ok=True)
    chemin.write_bytes(contenu.encode() if isinstance(contenu, str) else contenu)
    os.utime(chemin, (1_700_000_000, 1_700_000_000))


def projets(racine: Path, texte: str) -> None:
    """Write projets.csv: one ESSMS a line, `E1 porteur=asso regles=2023 finess_precedent=E2+E3 …`."""
    colonnes = tuple(champs(ProjetsArs))
    lignes = [";".join(colonnes)]
    for ligne in texte.strip().splitlines():
        alias, *options = ligne.split()
        valeurs = {"porteur": PORTEUR, "nom": "Association", "finess_et": ESSMS[alias], **_options(options)}
        avant = valeurs.get("finess_precedent", "")
        valeurs["finess_precedent"] = " ".join(ESSMS[a] for a in avant.split("+") if a)
        lignes.append(";".join(valeurs.get(c, "") for c in colonnes))
    ecrire(racine / "raw" / "referentiels" / "projets.csv", "\n".join(lignes) + "\n")


def _options(mots: Iterable[str]) -> dict[str, str]:
    return dict(mot.partition("=")[::2] for mot in mots)


def _periode(mots: Sequence[str]) -> tuple[list[str], str, str]:
    """`… 2026-01-01 → 2026-02-01`: what is before, the first day and the last, either of them may be missing."""
    rang = mots.index("→")
    debut = mots[rang - 1] if rang and mots[rang - 1][:1].isdigit() else ""
    return list(mots[: rang - 1 if debut else rang]), debut, mots[rang + 1] if len(mots) > rang + 1 else ""


def _dossiers(mots: Sequence[str]) -> dict[str, str]:
    noms = [m for m in mots if "=" not in m]
    personne = noms[1] if len(noms) > 1 else f"P{noms[0]}"
    ligne = {"id_dossier": noms[0], "id_personne": personne, "eligible_projet": "oui"}
    courts = {"maj": "date_derniere_maj", "creation": "date_creation", "eligible": "eligible_projet", "ins": "ins"}
    return ligne | {courts[nom]: valeur for nom, valeur in _options(m for m in mots if "=" in m).items()}


def _sejours(mots: Sequence[str]) -> dict[str, str]:
    (dossier,), entree, sortie = _periode(mots)
    return {"id_dossier": dossier, "date_entree": entree, "date_sortie": sortie}


def _projets(mots: Sequence[str]) -> dict[str, str]:
    (dossier, projet, statut), debut, fin = _periode(mots)
    return {"id_dossier": dossier, "id_projet": projet, "statut": statut, "date_debut": debut, "date_fin": fin}


def _agenda(mots: Sequence[str]) -> dict[str, str]:
    dossier, evenement, debut, *statut = mots
    return {"id_dossier": dossier, "id_evenement": evenement, "debut": debut, "statut": "".join(statut)}


def _mss(mots: Sequence[str]) -> dict[str, str]:
    moment, *reste = mots
    nombre = next((m[1:] for m in reste if m.startswith("×")), "")
    courts = {"message": "id_message", "bal": "bal_emettrice"}
    options = {courts[nom]: valeur for nom, valeur in _options(m for m in reste if "=" in m).items()}
    return {"horodatage": moment, "nb_messages": nombre, "sens": "recu" if "recu" in reste else ""} | options


def _dmp(mots: Sequence[str]) -> dict[str, str]:
    moment, *reste = mots
    courts = {"dossier": "id_dossier", "ins": "ins", "personne": "id_personne", "document": "id_document"}
    options = {courts[nom]: valeur for nom, valeur in _options(m for m in reste if "=" in m).items()}
    return {"horodatage": moment, "statut": "echec" if "echec" in reste else ""} | options


_ECRIRE: Mapping[str, Callable[[Sequence[str]], dict[str, str]]] = {
    # D1 [IPP1] [ins=…] [maj=moment] [creation=jour] [eligible=non]
    "dossiers": _dossiers,
    # D1 2025-06-01 → [2026-01-01]
    "sejours": _sejours,
    # D1 2026-01-01[T10:00[Z]]
    "mises_a_jour": lambda mots: {"id_dossier": mots[0], "horodatage": mots[1]},
    # D1 PP1 actif [2025-06-01] → [2026-01-01]
    "projets": _projets,
    # D1 RDV1 2026-01-01T10:00 [annule]
    "agenda": _agenda,
    # 2026-01-01T10:00 [message=M1] [bal=…] [recu] [×3]
    "mss": _mss,
    # 2026-01-01T10:00 [dossier=D1] [ins=…] [personne=IPP1] [echec]
    "dmp": _dmp,
    # I1 2026-01-01T10:00
    "eprescription": lambda mots: {"id_import": mots[0], "horodatage": mots[1]},
    "eparcours": lambda mots: {"id_echange": mots[0], "horodatage": mots[1]},
}


def _nommer(texte: str) -> tuple[str, str]:
    """`E2: D1 …` → (alias of the ESSMS, the rest)."""
    alias, deux_points, reste = texte.partition(":")
    return (alias, reste) if deux_points and alias in ESSMS else ("E1", texte)


def fichier_csv(table: str, cellules: Iterable[str]) -> str:
    """The CSV file of a column of cells."""
    lignes = []
    for cellule in cellules:
        alias, reste = _nommer(cellule)
        lignes.append({"finess_et": ESSMS[alias]} | _ECRIRE[table](reste.split()))
    colonnes = list(dict.fromkeys(c for ligne in lignes for c in ligne))
    return "\n".join([";".join(colonnes), *(";".join(x.get(c, "") for c in colonnes) for x in lignes)]) + "\n"


def _colonnes(tableau: str) -> Iterator[tuple[str, list[str]]]:
    """Heading and cells of each column; a blank line starts other columns below, as wide tables are folded."""
    for bloc in re.split(r"\n\s*\n", tableau.strip()):
        textes = [[c.strip() for c in ligne.split("|")] for ligne in bloc.strip().splitlines()]
        for titre, *cellules in zip_longest(*textes, fillvalue=""):
            yield titre, [c for c in cellules if c]


def scenario(racine: Path, tableau: str, essms: str = "", aujourd_hui: date = AUJOURD_HUI) -> Nuit:
    """Drop the files of a table, run the night, check what is expected. `essms`: projets.csv, see `projets`."""
    colonnes = list(_colonnes(tableau))
    attentes = [(date.fromisoformat(t.split()[-1]), c) for t, c in colonnes if t.startswith("attendu")]
    fichiers = [(t, c) for t, c in colonnes if not t.startswith("attendu")]
    nommes = {"E1", *(_nommer(c)[0] for _, cellules in fichiers for c in cellules)}
    projets(racine, essms or "\n".join(sorted(nommes.difference(HORS_PROJET))))
    for titre, cellules in fichiers:
        porteur, barre, nom = titre.rpartition("/")
        table, *suite = nom.split()
        if not suite or not suite[0][:1].isdigit():
            suite.insert(0, attentes[0][0].isoformat())
        deposer(racine, "_".join([table, *suite]) + ".csv", fichier_csv(table, cellules), porteur if barre else PORTEUR)
    jouee = jouer(racine, [jour for jour, _ in attentes], aujourd_hui)
    fautes = [
        f"le {jour}, « {attente.strip()} » : {faute}"
        for jour, cellules in attentes
        for cellule in cellules
        for attente in cellule.split(",")
        if (faute := _verifier_attente(attente, jouee.mesures[jour]))
    ]
    assert not fautes, "\n".join(fautes)
    return jouee


def _verifier_attente(attente: str, mesure_: Mesure) -> str | None:
    """What is wrong with one expectation, None when it holds. Expectations (each may start with `E2:`):

    `file_active 2` (or any other column of maturin_sms); `dossiers_actifs 1/2`, then, if wanted, `50.0 %`, `atteint` or
    `manqué`, `reste 1`, `opposable` or `libre`, `plancher 9/11` (or `plancher –`), `verdict a_confirmer`, and
    the `statut`; `fenêtre 2026-01-01 → 2026-03-31`;
    `alerte CODE [indicateur ou table] [nombre]` and `pas d'alerte CODE [indicateur ou table]`. `–` is null.
    """
    alias, reste = _nommer(attente.strip())
    numero, mots = ESSMS[alias], reste.split()
    if mots[0] == "fenêtre":
        vue = mesure_.maturin[numero]
        obtenu = f"{vue['debut_fenetre']} → {vue['fin_fenetre']}"
        return None if obtenu == " ".join(mots[1:]) else obtenu
    if "alerte" in mots or "d'alerte" in mots:
        voulue = "alerte" in mots
        attendue = mots[mots.index("alerte" if voulue else "d'alerte") + 1 :]
        vues = [
            [str(v) for v in (code, objet, n) if v is not None] for code, f, objet, n in mesure_.alertes if f == numero
        ]
        trouvee = any(vue[: len(attendue)] == attendue for vue in vues)
        return None if trouvee == voulue else str(sorted(vues))
    if (numero, mots[0]) in mesure_.indicateurs:
        return _verifier_indicateur(mots[1:], mesure_.indicateurs[numero, mots[0]])
    obtenu = mesure_.maturin[numero][mots[0]]
    return None if _egal(mots[1], obtenu) else str(obtenu)


def _egal(texte: str, obtenu: Any) -> bool:
    if obtenu is None or texte in VIDE:
        return obtenu is None and texte in VIDE
    return obtenu == {"oui": True, "non": False}.get(texte) if isinstance(obtenu, bool) else float(texte) == obtenu


def _verifier_indicateur(mots: Sequence[str], ligne: Mapping[str, Any]) -> str | None:
    lus = list(mots)
    while lus:
        mot = lus.pop(0)
        if "/" in mot:
            numerateur, denominateur = mot.split("/")
            bon = _egal(numerateur, ligne["numerateur"]) and _egal(denominateur, ligne["denominateur"])
        elif mot == "reste":
            bon = _egal(lus.pop(0), ligne["reste_a_faire"])
        elif mot == "verdict":
            bon = ligne["verdict"] == lus.pop(0)
        elif mot == "plancher":
            haut, _, bas = lus.pop(0).partition("/")
            bon = ligne["taux_plancher"] == (100 * int(haut) / int(bas) if bas else None)
        elif mot in ("atteint", "manqué"):
            bon = ligne["atteint"] is (mot == "atteint")
        elif mot in ("opposable", "libre"):
            bon = ligne["opposable"] is (mot == "opposable")
        elif lus[:1] == ["%"]:
            lus.pop(0)
            bon = _egal(mot, ligne["taux"])
        else:
            bon = ligne["statut"] == mot
        if not bon:
            return f"« {mot} » contre {dict(ligne)}"
    return None


def nuit_directe(
    racine: Path, dates_mesure: Sequence[date], maintenant: datetime | None = None, *, reconstruire: bool = False
) -> nuit.Bilan:
    """The whole night, publication included, as `flows/nuit.py` writes it."""
    return nuit.executer(lire_reglages(racine), dates_mesure, maintenant, reconstruire=reconstruire)
