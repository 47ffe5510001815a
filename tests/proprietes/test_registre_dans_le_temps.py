"""Random changes of the register after publication: the past stays, and what changes is what `verifier` says (§4.6).

`DUIMETRE_TEST_REGISTRES`: how many of them.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from scenario import deposer, ecrire, fichier_csv, finess, nuit_directe

from flows.reception import verification_registres
from flows.reception.registres_ars import ouvrir_registre
from flows.reglages import lire_reglages
from schemas.curated import PAR_DATE
from transforms import changements
from transforms.changements import NUMERO, NUMEROS
from transforms.projets import lire_projets
from transforms.registre_projets import RegistreProjets

GRAINES = range(int(os.environ.get("DUIMETRE_TEST_REGISTRES", "12")))
D1, D2 = date(2026, 4, 1), date(2026, 7, 1)
LE_LENDEMAIN = datetime(2026, 7, 2, 3, tzinfo=UTC)
PORTEURS = ("p1", "p2", "p3")
NUMEROS_CONNUS = [finess(f"010001{rang:02d}") for rang in range(12)]
INSCRITS = {numero: PORTEURS[rang % 3] for rang, numero in enumerate(NUMEROS_CONNUS[:7])}
COLONNES = ("porteur", "nom", "finess_et", "debut", "fin", "finess_precedent", "regles", "type", "montant_accorde")
Registre = list[dict[str, str]]


def en_csv(registre: Registre) -> str:
    return "\n".join([";".join(COLONNES), *(";".join(ligne.get(c, "") for c in COLONNES) for ligne in registre)]) + "\n"


@pytest.fixture(scope="module")
def publiee(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Registre]:
    """A data root with two published measures. Each porteur sends rows of every structure: what is not his yet is outside
    his project, and may become his.
    """
    racine = tmp_path_factory.mktemp("publiee")
    registre = [
        {"porteur": p, "nom": p, "finess_et": numero, "type": "acquisition", "montant_accorde": "1000"}
        for numero, p in INSCRITS.items()
    ]
    ecrire(racine / "raw" / "referentiels" / "projets.csv", en_csv(registre))
    hasard = random.Random("depots")
    for porteur in PORTEURS:
        for extraction, maj in (("2026-04-02", "2026-03-10"), ("2026-07-02", "2026-06-10")):
            lignes: dict[str, list[str]] = {"dossiers": [], "sejours": [], "mises_a_jour": [], "mss": []}
            for numero in NUMEROS_CONNUS:
                if INSCRITS.get(numero) != porteur and hasard.random() < 0.6:
                    continue
                for rang in range(3):
                    lignes["dossiers"].append(f"D{rang}")
                    lignes["sejours"].append(f"D{rang} 2025-06-01 →")
                    lignes["mises_a_jour"].append(f"D{rang} {maj if hasard.random() < 0.7 else '2025-07-01'}")
                # p2 sends the messages of structures that are not his only: mss is absent for his own.
                if porteur != "p2" or INSCRITS.get(numero) != "p2":
                    lignes["mss"].append(f"{maj} bal=b{numero}@s.fr ×{hasard.randint(1, 5)}")
                for table, textes in lignes.items():
                    lignes[table] = [t if t.startswith("@") else f"@{numero} {t}" for t in textes]
            for table, textes in lignes.items():
                deposer(racine, f"{table}_{extraction}.csv", _csv(table, textes), porteur)
    nuit_directe(racine, [D1, D2], LE_LENDEMAIN)
    return racine, registre


def _csv(table: str, lignes: list[str]) -> str:
    """`fichier_csv`, each line about the structure it begins with."""
    entete, *corps = fichier_csv(table, [ligne.partition(" ")[2] for ligne in lignes]).splitlines()
    siens = [ligne.partition(" ")[0][1:] for ligne in lignes]
    return "\n".join([entete, *(f"{n};{c.partition(';')[2]}" for n, c in zip(siens, corps, strict=True))]) + "\n"


def _suite(registre: Registre, hasard: random.Random, le: date, **change: str) -> None:
    """End a row that runs on that day and add the one that follows it."""
    ligne = hasard.choice([x for x in registre if not x.get("fin") and x.get("debut", "") < le.isoformat()])
    ligne["fin"] = (le - timedelta(days=1)).isoformat()
    if change.get("finess_et"):
        change["finess_precedent"] = ligne["finess_et"]
    registre.append({**ligne, "fin": "", "debut": le.isoformat(), **change})


def _libre(registre: Registre, hasard: random.Random) -> str:
    return hasard.choice(sorted({*NUMEROS_CONNUS, finess("01000200")} - {x["finess_et"] for x in registre}))


def _porteur(registre: Registre, hasard: random.Random, le: date) -> None:
    porteur = hasard.choice(PORTEURS)
    _suite(registre, hasard, le, porteur=porteur, nom=porteur)


def _numero(registre: Registre, hasard: random.Random, le: date) -> None:
    _suite(registre, hasard, le, finess_et=_libre(registre, hasard))


def _regles(registre: Registre, hasard: random.Random, le: date) -> None:
    _suite(registre, hasard, le, regles=hasard.choice(["2023", "2025"]))


def _type(registre: Registre, hasard: random.Random, le: date) -> None:
    _suite(registre, hasard, le, type="montee_de_version")


def _fin(registre: Registre, hasard: random.Random, le: date) -> None:
    hasard.choice([x for x in registre if not x.get("fin")])["fin"] = le.isoformat()


def _entree(registre: Registre, hasard: random.Random, le: date) -> None:
    porteur = hasard.choice(PORTEURS)
    registre.append(
        {
            "porteur": porteur,
            "nom": porteur,
            "finess_et": _libre(registre, hasard),
            "debut": le.isoformat(),
            "regles": "2025",
        }
    )


def _sans_periode(registre: Registre, hasard: random.Random, le: date) -> None:
    """What rewrites the past: told, not forbidden."""
    colonne, valeur = hasard.choice([("regles", "2023"), ("type", "montee_de_version"), ("porteur", "p3")])
    hasard.choice(registre)[colonne] = valeur


def _retrait(registre: Registre, hasard: random.Random, le: date) -> None:
    registre.remove(hasard.choice(registre))


DATES: tuple[Callable[..., None], ...] = (_porteur, _numero, _regles, _type, _fin, _entree)
TOUS = (*DATES, _sans_periode, _retrait)


def _tables(version: Path, jour: date) -> dict[str, pl.DataFrame]:
    chemins = {t: version / t / f"date_mesure={jour}" / f"{t}.parquet" for t in PAR_DATE}
    return {t: pl.read_parquet(c, hive_partitioning=False).drop("version") for t, c in chemins.items()}


def _sans_les_fautes(tables: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Without what a row set aside takes the amount from (§6.6): `verifier` says the row, with its cure."""
    codes = ("REFERENTIEL", "MONTANT")
    figures = {t: x for t, x in tables.items() if t not in ("conventions", "conditions_solde", "financement")}
    return {**figures, "alertes": tables["alertes"].filter(~pl.col("code").is_in(codes))}


def _lignes(table: pl.DataFrame) -> dict[str, list[dict[str, Any]]]:
    """Rows by ESSMS."""
    lignes: dict[str, list[dict[str, Any]]] = {}
    for ligne in table.iter_rows(named=True):
        lignes.setdefault(ligne["finess_et"], []).append(ligne)
    return lignes


def _changes(avant: pl.DataFrame, apres: pl.DataFrame) -> set[str]:
    """The ESSMS of which a row is not the same."""
    a, b = _lignes(avant), _lignes(apres)
    return {f for f in a.keys() | b.keys() if a.get(f) != b.get(f)}


@pytest.mark.parametrize("graine", GRAINES)
def test_le_passe_reste_et_ce_qui_change_est_annonce(
    publiee: tuple[Path, Registre], tmp_path: Path, graine: int
) -> None:
    """« So changing porteur or number means ending a row and adding one, and past measures stay what they were »."""
    origine, inscrit = publiee
    racine = tmp_path / "data"
    shutil.copytree(origine, racine, symlinks=True)
    hasard = random.Random(f"registre {graine}")
    registre = [dict(ligne) for ligne in inscrit]
    apres_tout = hasard.random() < 0.5
    for _ in range(hasard.randint(1, 3)):
        le = date(2026, 7, 2 if apres_tout else 1) + timedelta(days=hasard.randint(0 if apres_tout else -120, 90))
        hasard.choice(DATES if apres_tout else TOUS)(registre, hasard, le)
    hasard.shuffle(registre)

    en_place = racine / "raw" / "referentiels" / "projets.csv"
    prochain = tmp_path / "projets.csv"
    ecrire(prochain, en_csv(registre))
    (verdict,) = verification_registres.verifier_registres([prochain], lire_reglages(racine))
    trouves = changements.comparer_registres(
        ouvrir_registre(en_place, lire_projets), ouvrir_registre(prochain, lire_projets)
    )

    avant = {jour: _tables(racine / "curated" / "actuel", jour) for jour in (D1, D2)}
    shutil.copyfile(prochain, en_place)
    nuit_directe(racine, [D1, D2], LE_LENDEMAIN + timedelta(days=1))
    for jour in (D1, D2):
        apres = _tables(racine / "curated" / "actuel", jour)
        annonces = [c for c in trouves if c.du <= jour <= c.au]
        _verifier(*(map(_sans_les_fautes, (avant[jour], apres)) if verdict.fautes else (avant[jour], apres)), annonces)
    touches = [m.partition(" ")[0].rstrip("\u00a0:") for m in verdict.mesures]
    assert touches == [f"{jour:%d/%m/%Y}" for jour in changements.touches(trouves, (D1, D2))]


def _verifier(
    avant: dict[str, pl.DataFrame], apres: dict[str, pl.DataFrame], annonces: list[changements.Changement]
) -> None:
    if not annonces:
        for table, lignes in avant.items():
            assert lignes.equals(apres[table]), table
        return
    dits = {c.finess_et for c in annonces if c.quoi != NUMEROS} | {c.avant for c in annonces if c.quoi == NUMERO}
    communes = [c for c in avant["essms_mesures"].columns if c != "numeros"]
    vus = _changes(*(t["essms_mesures"].select(communes) for t in (avant, apres)))
    assert vus == dits
    # What one structure brings to its porteur and to its project is seen in the figures of the others.
    porteurs = {c.porteur for c in annonces} | {c.avant for c in annonces if c.quoi == "porteur"}
    des_porteurs = {
        f
        for t in (avant, apres)
        for f, p in t["essms_mesures"].select("finess_et", "porteur").iter_rows()
        if p in porteurs
    }
    for table in ("indicateurs", "maturin_sms", "populations", "sources"):
        assert _changes(avant[table], apres[table]) <= dits | des_porteurs, table


def test_le_meme_registre_dans_un_autre_ordre_dit_la_meme_chose(publiee: tuple[Path, Registre]) -> None:
    """No change between a register and itself, whatever the order of its rows; an empty one makes every ESSMS enter."""
    racine, registre = publiee
    ecrire(racine / "autre.csv", en_csv(registre[::-1]))
    memes = [
        ouvrir_registre(c, lire_projets)
        for c in (racine / "raw" / "referentiels" / "projets.csv", racine / "autre.csv")
    ]
    assert changements.comparer_registres(*memes) == []
    entrees = changements.comparer_registres(RegistreProjets.vide(), memes[0])
    assert [(c.finess_et, c.quoi, c.du, c.au) for c in entrees] == [
        (numero, changements.AJOUTE, date.min, date.max) for numero in sorted(INSCRITS)
    ]
