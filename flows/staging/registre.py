"""The register of deposits (private, `staging/registre.sqlite`): every file ever received, what was found in it, its fate.

SQLite with a write-ahead log: one transaction per file, durable when it returns, whole or not at all after a kill.
"""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from flows.staging.fichiers import Scelle, deposer, empreinte
from schemas.curated import ACCEPTES
from schemas.erreurs import ErreurDite, Inconnu
from transforms.en_place import EnPlace, mettre_en_place
from transforms.nommage import numero_de_recu, rang_des_noms
from transforms.sort_depot import SortDepot

# One transaction per step, statements parted by blank lines.
_ETAPES = {
    int(numero): ordres.split("\n\n")
    for numero, ordres in re.findall(
        r"^== (\d+)\n\n(.*?)(?=\n\n== |\Z)", Path(__file__).with_suffix(".sql").read_text("utf-8"), re.M | re.S
    )
}
VERSION = max(_ETAPES)
_LOT = 20_000
_COPIE = "depots-"
# The copy is made again when this part of the deposits changed: read from it, one costs a tenth of what it costs here.
_PART_CHANGEE = 0.02
_DEPOTS = (
    "SELECT u.depot, r.porteur, r.chemin AS nom, u.membre, u.nom_table, u.sha256, u.date_extraction, u.partiel,"
    " r.recu_le, e.statut, e.motif, e.lignes_lues, e.lignes_utilisees, e.lignes_rejetees, e.lignes_hors_projet,"
    " e.fichier, e.contexte, r.taille, r.sha256 AS sha256_fichier,"
    " numero_de_recu(r.porteur, r.chemin, r.sha256) AS recu, r.id AS reception"
    " FROM unites AS u JOIN receptions AS r ON r.id = u.reception JOIN examens AS e ON e.depot = u.depot"
)
_COMPTES = ("lignes_lues", "lignes_utilisees", "lignes_rejetees", "lignes_hors_projet")
_ENTIERS = {"partiel", "taille", "ligne", "nombre", "reception", "deplace", *_COMPTES}
_A_REFAIRE = "'à refaire'"
# The fingerprint of the key stays: contents without their file keep their pseudonyms.
_EXAMEN_A_REFAIRE = "'à refaire-' || substr(contexte, -8)"
# How many deposits of a staged file are borne by a file that was received.
_PORTES = (
    "SELECT count(*) FROM examens AS e WHERE e.fichier = {}"
    " AND EXISTS (SELECT 1 FROM unites AS u WHERE u.depot = e.depot)"
)


# Porteur and path of a file.
Lieu = tuple[str, str]
# By place: the three of `Apercu`, the context of that reading, and whether the file was still there at the last inventory.
Connus = Mapping[Lieu, tuple[Any, ...]]


class RegistreInconnu(ErreurDite):
    """The register was written by a duimètre that is too old or too new."""


class Apercu(NamedTuple):
    """Size, modification time and inode of a file: the same three, the same content."""

    taille: int
    mtime_ns: int
    inode: int


@dataclass(frozen=True)
class Reception:
    """A file received: its content under its name, and the context in which it was last judged."""

    porteur: str
    chemin: str
    sha256: str
    taille: int
    recu_le: datetime
    contexte: str


@dataclass(frozen=True)
class Unite:
    """A file, or one sheet, member or table of it. `depot` names the content (`reception.nom_du_contenu`)."""

    membre: str
    nom_table: str
    date_extraction: date | None
    partiel: bool
    sha256: str
    depot: str


@dataclass(frozen=True)
class FicheExamen:
    """What was found in a content, and its fate.

    `fichier`: staged parquet, None when no row is used. `bilan`: columns `finess_et`,
    `lignes_utilisees`, `lignes_rejetees`. `constats`: columns of `transforms.validation.constats.CONSTATS`, without values that
    may identify a person.
    """

    depot: str
    contexte: str
    sort: SortDepot
    fichier: Scelle | None
    bilan: pl.DataFrame
    constats: pl.DataFrame


@dataclass(frozen=True)
class Retrait:
    """Something that the agency withdrew or put back: porteur, table ("" when unknown), extraction date, receipt number."""

    porteur: str
    nom_table: str
    date_extraction: date | None
    recu: str


@dataclass(frozen=True)
class FichierRange:
    """A staged file, its table and the month (AAAA-MM) of the extractions it holds."""

    table: str
    mois: str
    fichier: str


class RegistreDepots:
    """The register of one data root. One instance per thread."""

    def __init__(self, chemin: Path) -> None:
        chemin.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._dossier = chemin.parent
        self._base = sqlite3.connect(chemin, timeout=60, isolation_level=None)
        self._base.create_function("numero_de_recu", 3, numero_de_recu, deterministic=True)
        self._base.execute("PRAGMA journal_mode = WAL")
        self._base.execute("PRAGMA synchronous = FULL")
        self._base.execute("PRAGMA foreign_keys = ON")
        if self._version() != VERSION:
            self._migrer()

    def __enter__(self) -> RegistreDepots:
        return self

    def __exit__(self, *_: object) -> None:
        self._base.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._base.execute("BEGIN IMMEDIATE")
        try:
            yield self._base
        except BaseException:
            self._base.execute("ROLLBACK")
            raise
        self._base.execute("COMMIT")

    def _version(self) -> int:
        return int(self._base.execute("PRAGMA user_version").fetchone()[0])

    def _migrer(self) -> None:
        """Take the steps from the version found to the last one, whole or not at all, once whoever comes first."""
        with self._transaction() as base:
            trouvee = self._version()
            if trouvee not in (0, *_ETAPES):
                raise RegistreInconnu(
                    f"Le registre des dépôts est de la version {trouvee}, ce duimètre connaît les versions "
                    f"{min(_ETAPES)} à {VERSION} : installez le duimètre qui l'a écrit."
                )
            for numero, ordres in _ETAPES.items():
                if numero > trouvee:
                    for ordre in ordres:
                        base.execute(ordre)
            base.execute(f"PRAGMA user_version = {VERSION}")

    def apercus(self) -> Connus:
        """What each file looked like when it was last read, by porteur and path."""
        lignes = self._base.execute(
            "SELECT a.porteur, a.chemin, a.taille, a.mtime_ns, a.inode, r.contexte, a.present"
            " FROM apercus AS a JOIN receptions AS r ON r.id = a.reception"
        )
        return {ligne[:2]: ligne[2:] for ligne in lignes}

    def noter_les_vus(self, vus: Mapping[Lieu, Apercu], connus: Connus, caches: Callable[[Lieu], bool]) -> None:
        """Write down which files went away or came back, and the contents that are now at another path only (§4).

        `vus`: the files in the drop folders; `connus`: those of the register; `caches`: nobody can tell whether that one is
        still there.
        """
        partis = [lieu for lieu, vu in connus.items() if vu[-1] and lieu not in vus and not caches(lieu)]
        revenus = [lieu for lieu in vus if lieu in connus and not connus[lieu][-1]]
        if not partis and not revenus:
            return

        def inchange(lieu: Lieu) -> bool:
            return lieu in vus and vus[lieu] == connus[lieu][:3]

        with self._transaction() as base:
            for present, lieux in ((0, partis), (1, revenus)):
                base.executemany(f"UPDATE apercus SET present = {present} WHERE porteur = ? AND chemin = ?", lieux)
            base.executemany(
                "DELETE FROM deplaces WHERE reception = (SELECT reception FROM apercus WHERE porteur = ? AND chemin = ?)",
                [lieu for lieu in revenus if inchange(lieu)],
            )
            depots = base.execute(
                "SELECT DISTINCT u.depot FROM json_each(?) AS l JOIN receptions AS r"
                " ON r.porteur = l.value ->> 0 AND r.chemin = l.value ->> 1 JOIN unites AS u ON u.reception = r.id",
                (json.dumps([*partis, *revenus]),),
            )
            _deplacer(base, [depot for (depot,) in depots], inchange)

    def examen(self, depot: str, contexte: str) -> bool:
        """True when this content was already examined in this context."""
        trouve = self._base.execute("SELECT 1 FROM examens WHERE depot = ? AND contexte = ?", (depot, contexte))
        return trouve.fetchone() is not None

    def reception(self, porteur: str, chemin: str, sha256: str) -> tuple[datetime, str] | None:
        """When this content was first received under this name, and the context it was last judged in."""
        trouve = self._base.execute(
            "SELECT recu_le, contexte FROM receptions WHERE porteur = ? AND chemin = ? AND sha256 = ?",
            (porteur, chemin, sha256),
        ).fetchone()
        return None if trouve is None else (datetime.fromisoformat(trouve[0]), trouve[1])

    def premier_examen(self, depot: str, sauf: str | None = None) -> tuple[SortDepot, str, datetime] | None:
        """The fate of a content already examined, the path it came first under and when.

        With `sauf`, among the other paths where it stands; None when there is none.
        """
        ailleurs = (
            " AND r.chemin <> ? AND NOT EXISTS (SELECT 1 FROM hors_place AS h"
            " WHERE h.reception = u.reception AND h.depot = u.depot)"
        )
        trouve = self._base.execute(
            f"SELECT r.chemin, r.recu_le, e.motif, {', '.join(f'e.{c}' for c in _COMPTES)} FROM examens AS e"
            " JOIN unites AS u ON u.depot = e.depot JOIN receptions AS r ON r.id = u.reception"
            f" WHERE e.depot = ?{'' if sauf is None else ailleurs} ORDER BY r.recu_le, r.chemin LIMIT 1",
            (depot,) if sauf is None else (depot, sauf),
        ).fetchone()
        if trouve is None:
            return None
        chemin, recu_le, *sort = trouve
        return SortDepot(*sort), chemin, datetime.fromisoformat(recu_le)

    def en_place(self, porteur: str, chemin: str, sha256: str) -> EnPlace:
        """What the path where this content is found held before it."""
        passes = self._base.execute(
            "SELECT r.sha256, r.recu_le, a.reception = r.id, EXISTS (SELECT 1 FROM unites AS u JOIN examens AS e"
            f" ON e.depot = u.depot WHERE u.reception = r.id AND e.statut IN {ACCEPTES}) FROM receptions AS r"
            " JOIN apercus AS a ON a.porteur = r.porteur AND a.chemin = r.chemin"
            " LEFT JOIN passages AS p ON p.porteur = r.porteur AND p.chemin = r.chemin AND p.reception = r.id"
            " WHERE r.porteur = ? AND r.chemin = ? ORDER BY p.ordre",
            (porteur, chemin),
        ).fetchall()
        recu_le = next((datetime.fromisoformat(quand) for sha, quand, *_ in passes if sha == sha256), None)
        nouveau = (sha256, 1) not in {(sha, la) for sha, _, la, _ in passes}
        avant = [(sha, quand) for sha, quand, _, acceptee in passes if acceptee and sha != sha256]
        if not avant:
            return EnPlace(nouveau, recu_le, None)
        sha, quand = avant[-1]
        return EnPlace(nouveau, recu_le, (numero_de_recu(porteur, chemin, sha), datetime.fromisoformat(quand)))

    def inscrire(
        self, reception: Reception, apercu: Apercu, unites: Sequence[Unite], examens: Iterable[FicheExamen]
    ) -> None:
        """Write down a file, what it holds and what was found, in one transaction."""
        with self._transaction() as base:
            (numero,) = base.execute(
                "INSERT INTO receptions (porteur, chemin, sha256, taille, recu_le, contexte)"
                " VALUES (:porteur, :chemin, :sha256, :taille, :recu_le, :contexte)"
                " ON CONFLICT (porteur, chemin, sha256) DO UPDATE SET contexte = excluded.contexte RETURNING id",
                _valeurs(vars(reception)),
            ).fetchone()
            nom = {"porteur": reception.porteur, "chemin": reception.chemin}
            _passer(base, nom, numero)
            _ecrire(base, "apercus", [{**nom, **apercu._asdict(), "reception": numero}])
            base.execute("DELETE FROM unites WHERE reception = ?", (numero,))
            _ecrire(base, "unites", [{"reception": numero, **vars(unite)} for unite in unites], verbe="INSERT")
            for examen in examens:
                de = {"depot": examen.depot}
                fichier = examen.fichier and examen.fichier.chemin
                donnees = examen.sort.en_donnees()
                _ecrire(base, "examens", [{**de, "contexte": examen.contexte, **donnees, "fichier": fichier}])
                if examen.fichier:
                    _sceller(base, [examen.fichier])
                for table, cadre, colonnes in (
                    ("bilans", examen.bilan, ("finess_et", "lignes_utilisees", "lignes_rejetees")),
                    ("constats", examen.constats, ("code", "ligne", "colonne", "valeur", "detail", "nombre")),
                ):
                    base.execute(f"DELETE FROM {table} WHERE depot = :depot", de)
                    _ecrire(base, table, [{**de, **ligne} for ligne in cadre.select(colonnes).iter_rows(named=True)])
            base.execute("DELETE FROM deplaces WHERE reception = ?", (numero,))
            _deplacer(base, {u.depot for u in unites}, lambda lieu: lieu == (reception.porteur, reception.chemin))

    def _lire(self, requete: str, valeurs: Sequence[str] = ()) -> pl.DataFrame:
        """The rows of a query, taken in lots: as Python values a million deposits would weigh gigabytes."""
        curseur = self._base.execute(requete, valeurs)
        schema = {nom: pl.Int64() if nom in _ENTIERS else pl.String() for nom, *_ in curseur.description}
        lots = [pl.DataFrame(lot, schema=schema, orient="row") for lot in iter(lambda: curseur.fetchmany(_LOT), [])]
        return pl.concat(lots) if lots else pl.DataFrame(schema=schema)

    def depots(self) -> pl.DataFrame:
        """Every unit ever received, with its fate, in an order that does not depend on arrival.

        Columns: `depot`, `porteur`, `nom`, `membre`, `nom_table`, `sha256`, `date_extraction`, `partiel`, `recu_le`
        (UTC), `statut`, `motif`, the four counts, `fichier`, `contexte` (that it was judged in), `taille`,
        `sha256_fichier` (of the whole file), `recu` (receipt number of the file), `rang` (order of names, §6.2),
        and those of `transforms.en_place.mettre_en_place`. So neither the
        order of arrival nor a second copy changes a figure.
        """
        self._base.execute("BEGIN")  # the copy, what changed since and what stands, at one moment
        try:
            lus = self._lire_depots(self._lire_copie())
            hors_place = self._lire("SELECT reception, depot, deplace FROM hors_place")
            absents = self._lire("SELECT reception FROM apercus WHERE present = 0")["reception"]
            retires = self._lire("SELECT depot FROM retraits")["depot"]
        finally:
            self._base.execute("COMMIT")
        ranges = lus.with_columns(
            pl.col("date_extraction").str.to_date("%Y-%m-%d"),
            pl.col("partiel").cast(pl.Boolean),
            pl.col("recu_le").str.to_datetime(time_zone="UTC", time_unit="us"),
            rang_des_noms().cast(pl.Int64).alias("rang"),
        ).sort("porteur", "rang", "nom_table", "sha256", "recu_le")
        return mettre_en_place(ranges, hors_place, absents, retires).drop("reception")

    def ecartes(self) -> set[str]:
        """The contents that count nowhere: replaced wherever they were, or withdrawn."""
        hors_place = {(reception, depot) for reception, depot, _ in self._base.execute("SELECT * FROM hors_place")}
        lieux = self._base.execute(
            "SELECT reception, depot FROM unites WHERE depot IN (SELECT value FROM json_each(?))",
            (json.dumps([depot for _, depot in hors_place]),),
        )
        debout = {depot for reception, depot in lieux if (reception, depot) not in hors_place}
        retires = {depot for (depot,) in self._base.execute("SELECT depot FROM retraits")}
        return ({depot for _, depot in hors_place} - debout) | retires

    def retraits(self, depots: Iterable[str]) -> bool:
        """Whether the agency has withdrawn one of these contents."""
        trouve = self._base.execute(
            "SELECT 1 FROM retraits WHERE depot IN (SELECT value FROM json_each(?))", (json.dumps(list(depots)),)
        )
        return trouve.fetchone() is not None

    def retirer(self, recu: str, motif: str, quand: datetime) -> list[Retrait]:
        """Withdraw the contents of the file of this receipt number, wherever they are. Raises `Inconnu`."""
        with self._transaction() as base:
            contenus = self._contenus_du_recu(recu)
            _ecrire(base, "retraits", [{"depot": d, "motif": motif, "retire_le": quand} for d, _ in contenus])
        return [retrait for _, retrait in contenus]

    def remettre(self, recu: str) -> list[Retrait]:
        """Put back what was withdrawn of the contents of this file; gives what was. Raises `Inconnu`."""
        with self._transaction() as base:
            return [
                retrait
                for depot, retrait in self._contenus_du_recu(recu)
                if base.execute("DELETE FROM retraits WHERE depot = ?", (depot,)).rowcount
            ]

    def _contenus_du_recu(self, recu: str) -> list[tuple[str, Retrait]]:
        lignes = self._base.execute(
            "SELECT u.depot, r.porteur, u.nom_table, u.date_extraction FROM receptions AS r"
            " JOIN unites AS u ON u.reception = r.id WHERE numero_de_recu(r.porteur, r.chemin, r.sha256) = ?",
            (recu,),
        ).fetchall()
        if not lignes:
            raise Inconnu(
                f"Aucun fichier reçu ne porte le numéro de reçu {recu} : il est sur l'accusé de réception, et dans la "
                "colonne « recu » de la table « depots »."
            )
        return [
            (depot, Retrait(porteur, table, jour and date.fromisoformat(jour), recu))
            for depot, porteur, table, jour in lignes
        ]

    def _lire_depots(self, copie: pl.DataFrame | None) -> pl.DataFrame:
        """The rows of `_DEPOTS`, those that did not change since the copy was made being taken from it."""
        if copie is None:
            return self._lire(_DEPOTS)
        changes = self._lire("SELECT depot FROM changes")
        neufs = self._lire(f"{_DEPOTS} WHERE u.depot IN (SELECT depot FROM changes)")
        return pl.concat([copie.join(changes, on="depot", how="anti"), neufs])

    def _lire_copie(self) -> pl.DataFrame | None:
        """The copy, None when there is none, it is no longer what was written or it has other columns."""
        connue = self._base.execute("SELECT fichier, sha256 FROM copie").fetchone()
        if connue is None:
            return None
        try:
            octets = (self._dossier / connue[0]).read_bytes()
        except OSError:
            return None
        if hashlib.sha256(octets).hexdigest() != connue[1]:
            return None
        copie = pl.read_parquet(octets)
        return copie if copie.schema == self._lire(f"{_DEPOTS} LIMIT 0").schema else None

    def recopier(self) -> None:
        """Make the copy that `depots` reads again, when enough has changed; the caller holds the lock of the night.

        So what a night reads of the register depends on what arrived more than on history. Killed at any moment, the
        register names a copy that is whole, or none.
        """
        with self._transaction() as base:
            changes, tous = base.execute("SELECT (SELECT count(*) FROM changes), count(*) FROM examens").fetchone()
            copie = self._lire_copie()
            if copie is not None and changes <= _PART_CHANGEE * tous:
                return
            provisoire = self._dossier / f".{_COPIE}en_cours.parquet"
            self._lire_depots(copie).write_parquet(provisoire, compression="zstd", compression_level=1)
            nom = f"{_COPIE}{(empreinte(provisoire) or '')[:16]}.parquet"
            base.execute("DELETE FROM changes")
            base.execute("DELETE FROM copie")
            base.execute("INSERT INTO copie (fichier, sha256) VALUES (?, ?)", deposer(provisoire, self._dossier, nom))
        for ancienne in self._dossier.glob(f"*{_COPIE}*.parquet"):
            if ancienne.name != nom:
                ancienne.unlink()

    def bilans(self, depuis: date) -> pl.DataFrame:
        """Rows used and rejected per deposit and FINESS (null: missing or malformed), of the extractions from a day on."""
        return self._lire(
            "SELECT b.depot, b.finess_et, b.lignes_utilisees, b.lignes_rejetees FROM bilans AS b"
            " WHERE b.depot IN (SELECT depot FROM unites WHERE date_extraction >= ?)",
            (depuis.isoformat(),),
        )

    def constats(self, depot: str | None = None) -> pl.DataFrame:
        """Findings of every content (or of one), without identifying values."""
        return self._lire(
            "SELECT depot, code, ligne, colonne, valeur, detail, nombre FROM constats"
            + (" WHERE depot = ?" if depot is not None else ""),
            () if depot is None else (depot,),
        )

    def fichiers_ranges(self) -> list[FichierRange]:
        """The staged files with their table and extraction month, in that order; all deposits of a file have the same."""
        lignes = self._base.execute(
            # From one file to the next in the index, not over all their deposits.
            "WITH RECURSIVE ranges (fichier) AS (SELECT min(fichier) FROM examens UNION ALL"
            " SELECT (SELECT min(e.fichier) FROM examens AS e WHERE e.fichier > ranges.fichier) FROM ranges"
            " WHERE fichier IS NOT NULL)"
            " SELECT u.nom_table, substr(u.date_extraction, 1, 7) AS mois, f.fichier FROM ranges AS f JOIN unites AS u"
            " ON u.depot = (SELECT e.depot FROM examens AS e WHERE e.fichier = f.fichier"
            " AND EXISTS (SELECT 1 FROM unites AS porte WHERE porte.depot = e.depot) LIMIT 1)"
            " GROUP BY u.nom_table, f.fichier, mois ORDER BY u.nom_table, mois, f.fichier"
        )
        return [FichierRange(*ligne) for ligne in lignes]

    def provenance(self, fichiers: Sequence[str]) -> pl.DataFrame:
        """The deposits whose rows lie in these staged files (columns `depot`, `fichier`, `porteur`, `date_extraction`).

        The last two are null for a content that no file bears at the moment, the porteur for one that counts nowhere.
        """
        lus = self._lire(
            "SELECT DISTINCT e.depot, e.fichier, r.porteur, u.date_extraction FROM examens AS e"
            " LEFT JOIN unites AS u ON u.depot = e.depot LEFT JOIN receptions AS r ON r.id = u.reception"
            " WHERE e.fichier IN (SELECT value FROM json_each(?))",
            (json.dumps(list(fichiers)),),
        )
        ecartes = pl.Series(list(self.ecartes()), dtype=pl.String)
        return lus.with_columns(
            pl.col("date_extraction").str.to_date("%Y-%m-%d"),
            porteur=pl.when(~pl.col("depot").is_in(ecartes.implode())).then("porteur"),
        )

    def deplacer(self, fichiers: Sequence[str], vers: Scelle, repli: Scelle | None) -> None:
        """Say that the rows of `fichiers` now lie in the file `vers`, and those of its facts that matter in `repli`."""
        with self._transaction() as base:
            base.executemany("UPDATE examens SET fichier = ? WHERE fichier = ?", [(vers.chemin, f) for f in fichiers])
            base.executemany("DELETE FROM replis WHERE fichier = ?", [(f,) for f in fichiers])
            _sceller(base, [vers])
            if repli is not None:
                self._replier(base, vers.chemin, repli)

    def replie(self, fichier: str, repli: Scelle) -> None:
        """Say that the fold of this staged file was made again from the deposits that count now."""
        with self._transaction() as base:
            self._replier(base, fichier, repli)

    def _replier(self, base: sqlite3.Connection, fichier: str, repli: Scelle) -> None:
        _sceller(base, [repli])
        base.execute(
            f"REPLACE INTO replis (fichier, repli, depots, ecartes) SELECT ?1, ?2, ({_PORTES.format('?1')}), ?3",
            (fichier, repli.chemin, json.dumps(self._ecartes_par_fichier().get(fichier, []))),
        )

    def _ecartes_par_fichier(self) -> dict[str, list[str]]:
        """Staged file → the contents whose rows it holds that count nowhere, for the files that hold any."""
        lignes = self._base.execute(
            "SELECT fichier, depot FROM examens WHERE depot IN (SELECT value FROM json_each(?))"
            " AND fichier IS NOT NULL ORDER BY depot",
            (json.dumps(list(self.ecartes())),),
        )
        par_fichier: dict[str, list[str]] = {}
        for fichier, depot in lignes:
            par_fichier.setdefault(fichier, []).append(depot)
        return par_fichier

    def replis(self, *, perimes: bool = False) -> dict[str, str]:
        """Staged file → its fold (`transforms.faits_replies`), for those whose deposits are all still as they were folded.

        With `perimes`, for the others: one was judged again, or no longer counts, or counts again.
        """
        ecartes = self._ecartes_par_fichier()
        lignes = self._base.execute(
            f"SELECT p.fichier, p.repli, p.ecartes, p.depots = ({_PORTES.format('p.fichier')}) FROM replis AS p"
        )
        return {
            fichier: repli
            for fichier, repli, alors, autant in lignes
            if (autant and json.loads(alors) == ecartes.get(fichier, [])) != perimes
        }

    def abimes(self, fichiers: Iterable[str]) -> list[str]:
        """Those of these staged files (relative to `staging/`) that are missing or no longer what was written.

        A file without a seal, staged by a duimètre that made none, gets it here: nobody knows better what it was, and the
        change of schema would have to read the whole of staging.
        """
        sceaux = dict(self._base.execute("SELECT fichier, sha256 FROM sceaux").fetchall())
        vus = [(fichier, empreinte(self._dossier / fichier)) for fichier in fichiers]
        neufs = [Scelle(fichier, vu) for fichier, vu in vus if vu and fichier not in sceaux]
        if neufs:
            with self._transaction() as base:
                _sceller(base, neufs)
        return [fichier for fichier, vu in vus if vu is None or vu != sceaux.get(fichier, vu)]

    def rejuger(self, fichier: str, presents: Set[tuple[str, str, int, int, int]]) -> list[str]:
        """Have the deposits of a staged file read and judged again from raw/.

        `presents`: porteur, path and the three of `Apercu` of the files in the drop folders. Gives the contents that count
        and that none of them holds (porteur, table and extraction date, in French); nothing changes when there are any.
        """
        portes = self._base.execute(
            "SELECT e.depot, r.porteur || ', ' || u.nom_table || ' du ' || u.date_extraction, r.id,"
            " r.porteur, r.chemin, a.taille, a.mtime_ns, a.inode FROM examens AS e"
            " JOIN unites AS u ON u.depot = e.depot JOIN receptions AS r ON r.id = u.reception"
            " LEFT JOIN apercus AS a ON a.reception = r.id WHERE e.fichier = ?",
            (fichier,),
        ).fetchall()
        relisibles = {depot: reception for depot, _, reception, *vu in portes if tuple(vu) in presents}
        inutiles = self.ecartes()
        perdus = {dit for depot, dit, *_ in portes if depot not in relisibles and depot not in inutiles}
        if not perdus:
            with self._transaction() as base:
                base.executemany(
                    f"UPDATE receptions SET contexte = {_A_REFAIRE} WHERE id = ?", [(n,) for n in relisibles.values()]
                )
                base.execute(f"UPDATE examens SET contexte = {_EXAMEN_A_REFAIRE} WHERE fichier = ?", (fichier,))
        return sorted(perdus)

    def tout_refaire(self) -> None:
        """Have every file that is still in raw/ read and judged again, tonight or, after a kill, the next nights."""
        with self._transaction() as base:
            base.execute(f"UPDATE receptions SET contexte = {_A_REFAIRE}")
            base.execute(f"UPDATE examens SET contexte = {_EXAMEN_A_REFAIRE}")

    def sous_autre_cle(self, empreinte: str) -> int:
        """How many contents that count are staged under another key than that of this fingerprint."""
        autres = self._base.execute(
            "SELECT e.depot FROM examens AS e WHERE e.fichier IS NOT NULL AND e.contexte NOT LIKE '%-' || ?"
            " AND EXISTS (SELECT 1 FROM unites AS u WHERE u.depot = e.depot)",
            (empreinte,),
        ).fetchall()
        return len({depot for (depot,) in autres} - self.ecartes()) if autres else 0

    def lever_les_sceaux(self, utiles: Set[str]) -> None:
        """Forget the seals of the staged files that are not among these."""
        with self._transaction() as base:
            base.execute(
                "DELETE FROM sceaux WHERE fichier NOT IN (SELECT value FROM json_each(?))", (json.dumps(list(utiles)),)
            )

    def fichiers(self) -> set[str]:
        """Staged files in use, relative to `staging/`."""
        ranges = self._base.execute("SELECT DISTINCT fichier FROM examens WHERE fichier IS NOT NULL")
        return {f for (f,) in ranges} | set(self.replis().values())


def _valeurs(ligne: Mapping[str, Any]) -> dict[str, Any]:
    """What SQLite stores: days and instants as ISO text."""
    return {colonne: v.isoformat() if isinstance(v, date) else v for colonne, v in ligne.items()}


def _ecrire(base: sqlite3.Connection, table: str, lignes: Sequence[Mapping[str, Any]], verbe: str = "REPLACE") -> None:
    """Write rows, column → value, all with the same columns."""
    if lignes:
        colonnes, places = ", ".join(lignes[0]), ", ".join(f":{colonne}" for colonne in lignes[0])
        base.executemany(f"{verbe} INTO {table} ({colonnes}) VALUES ({places})", map(_valeurs, lignes))


def _sceller(base: sqlite3.Connection, scelles: Iterable[Scelle]) -> None:
    base.executemany("REPLACE INTO sceaux (fichier, sha256) VALUES (?, ?)", scelles)


def _passer(base: sqlite3.Connection, lieu: Mapping[str, str], reception: int) -> None:
    """This content is put at its path, after the one that was last seen there."""
    dernier = base.execute(
        "SELECT reception FROM apercus WHERE porteur = :porteur AND chemin = :chemin", lieu
    ).fetchone()
    if dernier is None or dernier[0] == reception:
        return
    (ordre,) = base.execute(
        "SELECT max(ordre) FROM passages WHERE porteur = :porteur AND chemin = :chemin", lieu
    ).fetchone()
    if ordre is None:
        ordre = 1
        _ecrire(base, "passages", [{**lieu, "reception": dernier[0], "ordre": ordre}])
    _ecrire(base, "passages", [{**lieu, "reception": reception, "ordre": ordre + 1}])


def _deplacer(base: sqlite3.Connection, depots: Collection[str], inchange: Callable[[Lieu], bool]) -> None:
    """Those of these contents that lie at a path (`inchange`: what lies there is what the register knows) have left the paths
    whose file is gone."""
    lieux = base.execute(
        "SELECT u.depot, u.reception, r.porteur, r.chemin, a.present, a.reception = u.reception FROM unites AS u"
        " JOIN receptions AS r ON r.id = u.reception JOIN apercus AS a ON a.porteur = r.porteur AND a.chemin = r.chemin"
        " WHERE u.depot IN (SELECT value FROM json_each(?))",
        (json.dumps(list(depots)),),
    ).fetchall()
    vus = {depot for depot, _, porteur, chemin, present, la in lieux if present and la and inchange((porteur, chemin))}
    partis = [(reception, depot) for depot, reception, _, _, present, _ in lieux if depot in vus and not present]
    base.executemany("INSERT OR IGNORE INTO deplaces (reception, depot) VALUES (?, ?)", partis)
