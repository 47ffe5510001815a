"""Random regions whose files are replaced, moved, taken away and withdrawn between nights equal the same contents dropped once.

What stands is told by a model of §4 of its own, from the files of each night alone. `DUIMETRE_TEST_REMPLACEMENTS=500` plays 500
regions; `DUIMETRE_TEST_GRAINE` is the first of them.
"""

from __future__ import annotations

import io
import os
import random
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from mondes import Decor, jours_pivots, tirer_lignes
from oracle import CLES_ETAT, Essms
from polars.testing import assert_frame_equal
from scenario import ESSMS, projets

from flows import mesure, nuit
from flows.reception import registres_ars
from flows.reglages import Reglages, cle_des_pseudonymes
from flows.staging import compaction
from flows.staging.registre import RegistreDepots
from transforms.nommage import numero_de_recu

REGIONS = int(os.environ.get("DUIMETRE_TEST_REMPLACEMENTS", "6"))
GRAINE = int(os.environ.get("DUIMETRE_TEST_GRAINE", "1"))
D = date(2026, 4, 1)
PORTEURS = {"asso": ("E1", "E2"), "ght": ("E3",)}
TABLES = ("dossiers", "sejours", "mises_a_jour", "agenda", "mss")
EXTRACTIONS = tuple(D + timedelta(days=x) for x in (-20, 0, 1, 44, 50))
RELATIONS = ("indicateurs", "maturin_sms", "alertes", "populations", "sources")

Lieu = tuple[str, str]
# What the name says and the bytes: porteur, table, date, partial or not, SHA-256.
Unite = tuple[str, str, str, bool, str]


@dataclass(frozen=True)
class Contenu:
    """The bytes of a file, and its members (name → bytes) when it is an archive."""

    octets: bytes
    membres: Mapping[str, bytes] | None = None

    def unites(self, lieu: Lieu) -> dict[str, Unite]:
        """Member ("" for the file itself) → content."""
        porteur, chemin = lieu
        fichiers = self.membres if self.membres is not None else {"": self.octets}
        unites = {}
        for membre, octets in fichiers.items():
            table, jour, *suite = (membre or chemin).rpartition("/")[2].removesuffix(".csv").rsplit("_", 2)
            if not jour[:1].isdigit():
                table, jour, suite = f"{table}_{jour}", suite[0], []
            unites[membre] = (porteur, table, jour, suite == ["partiel"], sha256(octets).hexdigest())
        return unites


@dataclass
class Modele:
    """§4, from the files of each night: contents of each path in the order they came, what lies there, what has moved."""

    passes: dict[Lieu, list[Contenu]] = field(default_factory=dict)
    la: dict[Lieu, Contenu] = field(default_factory=dict)
    deplaces: set[tuple[Lieu, Unite]] = field(default_factory=set)
    retires: set[Unite] = field(default_factory=set)

    def voir(self, fichiers: Mapping[Lieu, Contenu]) -> None:
        self.la = dict(fichiers)
        for lieu, contenu in fichiers.items():
            vus = self.passes.setdefault(lieu, [])
            if not vus or vus[-1] != contenu:
                self.passes[lieu] = [*(c for c in vus if c != contenu), contenu]
            self.deplaces -= {(lieu, u) for u in contenu.unites(lieu).values()}
        presents = {u for lieu, contenu in fichiers.items() for u in contenu.unites(lieu).values()}
        for lieu, vus in self.passes.items():
            if lieu not in fichiers:
                self.deplaces |= {(lieu, u) for c in vus for u in c.unites(lieu).values() if u in presents}

    def debout(self, acceptees: set[Unite]) -> dict[Lieu, Contenu]:
        """What a root where all is dropped once holds: what stands, less what moved or was withdrawn, and what is pending."""
        resultat = {}
        for lieu, vus in self.passes.items():
            acceptes = [c for c in vus if acceptees & {*c.unites(lieu).values()}]
            retenus = [(lieu, acceptes[-1])] if acceptes else []
            if vus[-1] not in acceptes and self.la.get(lieu) == vus[-1]:
                retenus.append(((lieu[0], f"en suspens/{lieu[1]}"), vus[-1]))
            for ici, contenu in retenus:
                gardees = {
                    membre
                    for membre, u in contenu.unites(lieu).items()
                    if (lieu, u) not in self.deplaces and u not in self.retires
                }
                if contenu.membres is None and gardees:
                    resultat[ici] = contenu
                elif contenu.membres is not None and gardees:
                    resultat[ici] = archive({m: o for m, o in contenu.membres.items() if m in gardees})
        return resultat


def archive(membres: Mapping[str, bytes]) -> Contenu:
    flux = io.BytesIO()
    with zipfile.ZipFile(flux, "w") as zip_:
        for nom, octets in membres.items():
            zip_.writestr(zipfile.ZipInfo(nom, (2026, 4, 1, 0, 0, 0)), octets)
    return Contenu(flux.getvalue(), membres)


def en_csv(rng: random.Random, table: str, lignes: tuple[dict[str, Any], ...]) -> bytes:
    """Rows as a file, a few of them to reject, sometimes all; sometimes no table at all."""
    if rng.random() < 0.12:
        return rng.choice([b"", b"bonjour", b"finess_et;rien\n1;2\n"])
    colonnes = dict.fromkeys(["finess_et", *(c for ligne in lignes for c in ligne if c != "ligne")])
    colonnes |= dict.fromkeys(CLES_ETAT.get(table, ("id_dossier",) if table != "mss" else ()))
    textes = [[_texte(ligne.get(c)) for c in colonnes] for ligne in lignes]
    for _ in range(rng.choice((0, 0, 0, 1, 4))):
        textes.append(["pas un finess" if c == "finess_et" and rng.random() < 0.5 else "" for c in colonnes])
    return "\n".join(map(";".join, [list(colonnes), *textes, [""]])).encode()


def _texte(valeur: object) -> str:
    if valeur is None:
        return ""
    if isinstance(valeur, bool):
        return "oui" if valeur else "non"
    return valeur.isoformat() if isinstance(valeur, date) else str(valeur)


def tirer_contenu(rng: random.Random, lieu: Lieu, decor: Decor) -> Contenu:
    """A content for a path: that of an archive, or of the table that its name says."""

    def fichier(nom: str) -> bytes:
        table = next(t for t in TABLES if nom.rpartition("/")[2].startswith(t))
        jour = date.fromisoformat(next(p for p in nom.removesuffix(".csv").split("_") if p[:1].isdigit()))
        return en_csv(rng, table, tirer_lignes(rng, decor, table, jour))

    if not lieu[1].endswith(".zip"):
        return Contenu(fichier(lieu[1]))
    noms = rng.sample([f"{t}_{j}.csv" for t in TABLES for j in EXTRACTIONS[1:3]], rng.randint(1, 3))
    return archive({nom: fichier(nom) for nom in noms})


def tirer_lieux(rng: random.Random) -> list[Lieu]:
    """The paths of a region: several for one table and date, so that contents meet."""
    sortes = [("asso", "dossiers", D), ("asso", "sejours", D)]
    sortes += rng.sample([(p, t, j) for p in PORTEURS for t in TABLES for j in EXTRACTIONS], rng.randint(1, 3))
    lieux = {
        (porteur, f"{dossier}{table}_{jour}{suite}.csv")
        for porteur, table, jour in sortes
        for dossier, suite in rng.sample([("", ""), ("a/", ""), ("z/", ""), ("", "_partiel")], rng.randint(1, 3))
    }
    lieux |= {("asso", nom) for nom in rng.sample(["a.zip", "z.zip"], rng.randint(0, 2))}
    return sorted(lieux)


def copies(lieu: Lieu, fichiers: Mapping[Lieu, Contenu]) -> list[tuple[Lieu, Contenu]]:
    """What lies at other paths of the porteur and may be put at this one: the same table and date, a member of an archive."""
    if lieu[1].endswith(".zip"):
        return [(ici, c) for ici, c in fichiers.items() if ici[0] == lieu[0] and ici != lieu and c.membres is not None]
    nom = _sans_suite(lieu[1])
    trouves = [
        (ici, Contenu(octets))
        for ici, c in fichiers.items()
        if ici[0] == lieu[0] and ici != lieu
        for membre, octets in (c.membres or {"": c.octets}).items()
        if _sans_suite(membre or ici[1]) == nom
    ]
    return sorted(trouves, key=lambda trouve: trouve[0])


def _sans_suite(nom: str) -> str:
    return nom.rpartition("/")[2].removesuffix(".csv").removesuffix("_partiel")


class Racine:
    """A data root to put files in, and its nights without their publication."""

    def __init__(self, dossier: Path) -> None:
        self.reglages = Reglages(dossier, DUIMETRE_CLE="0" * 64)
        projets(dossier, "\n".join(f"{e} porteur={p}" for p, siens in PORTEURS.items() for e in siens))
        self._ecrits = 0
        self._la: dict[Lieu, Contenu] = {}

    def poser(self, fichiers: Mapping[Lieu, Contenu]) -> None:
        """Make the drop folders hold these files and no other; those that stay are not written again."""
        for porteur, chemin in self._la.keys() - fichiers.keys():
            (self.reglages.depots / porteur / chemin).unlink()
        for lieu, contenu in fichiers.items():
            if self._la.get(lieu) != contenu:
                cible = self.reglages.depots / lieu[0] / lieu[1]
                cible.parent.mkdir(parents=True, exist_ok=True)
                cible.write_bytes(contenu.octets)
                self._ecrits += 1
                os.utime(cible, (1_600_000_000 + self._ecrits,) * 2)
        self._la = dict(fichiers)

    def nuit(self, jour: int) -> dict[str, pl.DataFrame]:
        """Receive, fold and measure; the relations of `RELATIONS`."""
        instant = datetime.combine(D + timedelta(days=100 + jour), time(3), UTC)
        de_nuit = nuit.Nuit(self.reglages, instant, (D,), cle_des_pseudonymes(self.reglages), None, None, False)
        registres = registres_ars.lire_registres(self.reglages)
        _, a_lire = nuit.inventorier(de_nuit, registres)
        nuit.recevoir_lot(a_lire, de_nuit, nuit.Compteur(len(a_lire)))
        nuit.reunir_fichiers(de_nuit)
        with RegistreDepots(self.reglages.registre) as registre:
            assert registre.replis(perimes=True) == {}
            entrees = mesure.entrees(
                self.reglages,
                {D: registres.inscrits(D)},
                registre.depots(),
                registre.bilans(date.min),
                registre.replis(),
            )
        seaux = sorted(set(entrees[D].essms["seau"]))
        mesures = mesure.mesurer_dates(entrees, seaux, None)[D]
        return {nom: mesures[nom].sort(pl.all()) for nom in RELATIONS}

    def acceptees(self) -> set[Unite]:
        """The contents of which a row is used, whatever became of them."""
        with RegistreDepots(self.reglages.registre) as registre:
            depots = registre.depots().filter(pl.col("sort").is_in(["accepte", "accepte_avec_rejets"]))
        colonnes = ("porteur", "nom_table", pl.col("date_extraction").cast(pl.String), "partiel", "sha256")
        return set(depots.select(colonnes).iter_rows())


@pytest.fixture(scope="module")
def issues() -> set[str]:
    """What became of the deposits of the regions played."""
    return set()


@pytest.mark.parametrize("graine", range(GRAINE, GRAINE + REGIONS))
def test_remplacer_puis_mesurer_est_deposer_une_fois(
    graine: int, issues: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(graine)
    monkeypatch.setattr(compaction, "FICHIERS_MAX", rng.choice((0, 1, 8)))
    monkeypatch.setattr(compaction, "PART_REPLIEE_MAX", rng.choice((0.5, 1.0)))
    jours = jours_pivots([Essms(ESSMS["E1"], "asso", "2025")], D)
    decors = {
        porteur: Decor(porteur, tuple(ESSMS[e] for e in siens), tuple(rng.sample(jours, 6)), (time(12),), *[()] * 6)
        for porteur, siens in PORTEURS.items()
    }
    lieux = tirer_lieux(rng)
    racine, modele = Racine(tmp_path / "region"), Modele()
    fichiers: dict[Lieu, Contenu] = {}
    for jour in range(rng.randint(2, 4)):
        for lieu in lieux:
            geste, ailleurs = rng.random(), copies(lieu, fichiers)
            if geste < 0.3 or (not jour and geste < 0.6):
                fichiers[lieu] = tirer_contenu(rng, lieu, decors[lieu[0]])
            elif geste < 0.4 and lieu in modele.passes:
                fichiers[lieu] = rng.choice(modele.passes[lieu])
            elif geste < 0.65 and ailleurs:
                dou, fichiers[lieu] = rng.choice(ailleurs)
                if rng.random() < 0.5:
                    del fichiers[dou]
            elif geste < 0.8:
                fichiers.pop(lieu, None)
        racine.poser(fichiers)
        obtenu = racine.nuit(jour)
        modele.voir(fichiers)
        if rng.random() < 0.3 and modele.passes:
            lieu = rng.choice(sorted(modele.passes))
            contenu = rng.choice(modele.passes[lieu])
            modele.retires |= set(contenu.unites(lieu).values())
            with RegistreDepots(racine.reglages.registre) as registre:
                recu = numero_de_recu(*lieu, sha256(contenu.octets).hexdigest())
                registre.retirer(recu, "au hasard", datetime(2026, 8, 1, tzinfo=UTC))
                if rng.random() < 0.4:
                    registre.remettre(recu)
                    modele.retires -= set(contenu.unites(lieu).values())
            obtenu = racine.nuit(jour)
    with RegistreDepots(racine.reglages.registre) as registre:
        depots = registre.depots()
    issues.update(depots["statut"], *({"en suspens"} for vu in depots["en_suspens"] if vu))
    issues.update({"déplacé"} if modele.deplaces else (), {"parti"} if modele.passes.keys() - fichiers.keys() else ())
    neuve = Racine(tmp_path / "neuve")
    neuve.poser(modele.debout(racine.acceptees()))
    attendu = neuve.nuit(9)
    for nom, table in attendu.items():
        assert_frame_equal(obtenu[nom], table)
    shutil.rmtree(tmp_path)


def test_les_regions_atteignent_toutes_les_issues(issues: set[str]) -> None:
    assert issues >= {"accepte", "remplace", "retire", "deja_recu", "refuse", "en suspens", "déplacé", "parti"}
