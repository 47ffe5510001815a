"""Immutable versions, atomic publication, retention, chain (specification §2, §7, §8)."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import hashlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import duckdb
import pytest

from flows import disque
from flows.versions import catalogue, chaine, publication, retention, version
from flows.versions.catalogue import ColonneVue, Vue
from flows.versions.manifeste import VersionInvalide, ecrire_neuf, octets_json
from flows.versions.version import LienInvalide

RACINE = Path(__file__).parents[2]
DEBUT = datetime(2026, 4, 1, 4, 0, tzinfo=timezone(timedelta(hours=2)))
VUES = (
    Vue(
        "indicateurs",
        "Un taux par ESSMS, indicateur et date de mesure",
        (
            ColonneVue("date_mesure", "DATE", "Date de mesure"),
            ColonneVue("finess_et", "VARCHAR", "Numéro FINESS de l'établissement"),
            ColonneVue("numerateur", "BIGINT", "Numérateur"),
            ColonneVue("version", "VARCHAR", "Version publiée"),
        ),
        True,
    ),
    Vue(
        "essms",
        "Les ESSMS du projet",
        (
            ColonneVue("finess_et", "VARCHAR", "Numéro FINESS de l'établissement"),
            ColonneVue("version", "VARCHAR", "Version publiée"),
        ),
        False,
    ),
    Vue(
        "alertes",
        "Ce qu'il faut regarder",
        (
            ColonneVue("date_mesure", "DATE", "Date de mesure"),
            ColonneVue("code", "VARCHAR", "Code de l'alerte"),
            ColonneVue("nombre", "BIGINT", "Nombre de lignes"),
        ),
        True,
    ),
)


def ecrire_parquet(chemin: Path, requete: str) -> None:
    chemin.parent.mkdir(parents=True, exist_ok=True)
    cible = str(chemin).replace("'", "''")
    with duckdb.connect() as base:
        base.execute(f"COPY ({requete}) TO '{cible}' (FORMAT parquet)")


def ecrire_tables(nouvelle: Path, id_version: str, jours: tuple[date, ...]) -> None:
    for jour in jours:
        ecrire_parquet(
            nouvelle / "indicateurs" / f"date_mesure={jour}" / "indicateurs.parquet",
            f"SELECT '97040001' || i AS finess_et, i AS numerateur, '{id_version}' AS version FROM range(3) r(i)",
        )
    ecrire_parquet(nouvelle / "essms" / "essms.parquet", f"SELECT '970400012' AS finess_et, '{id_version}' AS version")


def publier(
    curated: Path, id_version: str, *jours: date, cree_le: datetime = DEBUT, vues: tuple[Vue, ...] = VUES
) -> Path:
    nouvelle = publication.preparer_version(curated, id_version)
    precedente = version.actuelle(curated)
    ecrire_tables(nouvelle, id_version, jours)
    if precedente:
        publication.reporter(precedente, nouvelle, sauf=jours)
    catalogue.construire_catalogue(nouvelle, vues)
    contenu = {"entrees": [{"nom": "dossiers_2026-04-01.csv", "lignes": 3}], "regles": ["2025"], "code": "0.1.0"}
    publication.sceller(nouvelle, cree_le=cree_le, precedente=precedente, contenu=contenu)
    return publication.publier(curated, nouvelle)


def lire(catalogue: Path, requete: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(catalogue), read_only=True) as base:
        return base.execute(requete).fetchall()


def ids(curated: Path) -> list[str]:
    return [version.id for version in version.lister_versions(curated)]


def restes(curated: Path) -> list[str]:
    return sorted(chemin.name for dossier in (curated, curated / "versions") for chemin in dossier.glob(".*"))


AVRIL, MAI = date(2026, 4, 1), date(2026, 5, 1)


def test_publication_carries_over_other_dates_by_hard_link(tmp_path: Path) -> None:
    curated = tmp_path / "curated"
    assert version.actuelle(curated) is None
    un = publier(curated, "v1", AVRIL)
    deux = publier(curated, "v2", MAI)

    assert (curated / "actuel").readlink() == Path("versions/v2")
    assert version.actuelle(curated) == deux == curated / "versions" / "v2"
    assert [(v.id, v.actuelle, v.cree_le) for v in version.lister_versions(curated)] == [
        ("v1", False, DEBUT),
        ("v2", True, DEBUT),
    ]
    reportee = Path("indicateurs/date_mesure=2026-04-01/indicateurs.parquet")
    assert (un / reportee).samefile(deux / reportee)
    assert (deux / reportee).stat().st_nlink == 2
    requete = "SELECT date_mesure, version, count(*) FROM indicateurs GROUP BY ALL ORDER BY ALL"
    assert lire(curated / "actuel" / "catalogue.duckdb", requete) == [(AVRIL, "v1", 3), (MAI, "v2", 3)]
    assert lire(un / "catalogue.duckdb", requete) == [(AVRIL, "v1", 3)]
    assert lire(un / "catalogue.duckdb", "SELECT version FROM essms") == [("v1",)]
    assert [c for c in deux.rglob("*") if c.is_file() and c.stat().st_mode & 0o222] == []
    assert restes(curated) == []
    assert chaine.verifier_chaine(curated) == []


def test_a_file_written_again_as_it_was_is_shared_unless_the_former_is_damaged(tmp_path: Path) -> None:
    curated, relatif = tmp_path / "curated", Path("rapports/d3.js")

    def publier_script(id_version: str) -> Path:
        nouvelle = publication.preparer_version(curated, id_version)
        (nouvelle / "rapports").mkdir()
        (nouvelle / relatif).write_bytes(b"script")
        publication.sceller(nouvelle, cree_le=DEBUT, precedente=version.actuelle(curated), contenu={})
        return publication.publier(curated, nouvelle)

    un, deux = publier_script("v1"), publier_script("v2")
    assert (un / relatif).samefile(deux / relatif)
    (deux / relatif).chmod(0o600)
    (deux / relatif).write_bytes(b"abime!")
    trois = publier_script("v3")
    assert not (deux / relatif).samefile(trois / relatif)
    assert chaine.verifier_version(trois) == []


def test_measured_dates_are_not_carried_over_even_for_tables_without_a_row(tmp_path: Path) -> None:
    precedente, nouvelle = tmp_path / "a", tmp_path / "b"
    for table, jour in (("indicateurs", AVRIL), ("alertes", AVRIL), ("alertes", MAI), ("indicateurs", MAI)):
        chemin = precedente / table / f"date_mesure={jour}" / f"{table}.parquet"
        chemin.parent.mkdir(parents=True)
        chemin.write_bytes(b"ancien")
    (precedente / "essms").mkdir()
    (precedente / "essms" / "essms.parquet").write_bytes(b"ancien")
    recalculee = nouvelle / "indicateurs" / "date_mesure=2026-05-01" / "indicateurs.parquet"
    recalculee.parent.mkdir(parents=True)
    recalculee.write_bytes(b"nouveau")

    assert publication.reporter(precedente, nouvelle, sauf=(MAI,)) == 2
    assert sorted(str(c.relative_to(nouvelle)) for c in nouvelle.rglob("*.parquet")) == [
        "alertes/date_mesure=2026-04-01/alertes.parquet",
        "indicateurs/date_mesure=2026-04-01/indicateurs.parquet",
        "indicateurs/date_mesure=2026-05-01/indicateurs.parquet",
    ]
    assert publication.reporter(precedente, nouvelle) == 1
    assert (nouvelle / "alertes" / "date_mesure=2026-05-01" / "alertes.parquet").read_bytes() == b"ancien"
    assert recalculee.read_bytes() == b"nouveau"


@pytest.mark.parametrize("code", [errno.EXDEV, errno.EPERM, errno.EMLINK])
def test_copies_where_hard_links_are_impossible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    curated = tmp_path / "curated"
    un = publier(curated, "v1", AVRIL)

    def refuser(*_: Any, **__: Any) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "link", refuser)
    deux = publier(curated, "v2", MAI)
    reportee = "indicateurs/date_mesure=2026-04-01/indicateurs.parquet"
    assert (deux / reportee).read_bytes() == (un / reportee).read_bytes()
    assert not (deux / reportee).samefile(un / reportee)
    assert (deux / reportee).stat().st_mode & 0o222 == 0
    assert chaine.verifier_chaine(curated) == []


def test_manifest_and_chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    curated = tmp_path / "curated"
    un = publier(curated, "v1", AVRIL)
    lus: list[Path] = []
    veritable = publication.empreinte_fichier  # as imported there

    def empreinte(chemin: Path) -> dict[str, Any]:
        lus.append(chemin)
        return veritable(chemin)

    monkeypatch.setattr(publication, "empreinte_fichier", empreinte)
    deux = publier(curated, "v2", MAI)

    octets = (deux / "manifeste.json").read_bytes()
    manifeste = json.loads(octets)
    assert list(manifeste) == ["code", "cree_le", "entrees", "fichiers", "precedente", "regles", "version"]
    assert manifeste["version"] == "v2"
    assert manifeste["cree_le"] == "2026-04-01T04:00:00+02:00"
    assert manifeste["entrees"] == [{"nom": "dossiers_2026-04-01.csv", "lignes": 3}]
    assert manifeste["precedente"] == {
        "version": "v1",
        "sha256": hashlib.sha256((un / "manifeste.json").read_bytes()).hexdigest(),
    }
    assert manifeste["fichiers"] == {
        chemin: {
            "taille_octets": (deux / chemin).stat().st_size,
            "sha256": hashlib.sha256((deux / chemin).read_bytes()).hexdigest(),
        }
        for chemin in (
            "catalogue.duckdb",
            "essms/essms.parquet",
            "indicateurs/date_mesure=2026-04-01/indicateurs.parquet",
            "indicateurs/date_mesure=2026-05-01/indicateurs.parquet",
        )
    }
    assert json.loads((deux / "maillon.json").read_bytes()) == {
        "version": "v2",
        "cree_le": "2026-04-01T04:00:00+02:00",
        "manifeste_sha256": hashlib.sha256(octets).hexdigest(),
        "precedente": {"version": "v1", "sha256": hashlib.sha256((un / "maillon.json").read_bytes()).hexdigest()},
    }
    # The hash of a carried-over file comes from the previous manifest.
    assert "date_mesure=2026-04-01" not in {chemin.parent.name for chemin in lus}
    assert json.loads((un / "manifeste.json").read_bytes())["precedente"] is None


@pytest.mark.parametrize("avec_syncfs", [True, False])
def test_everything_is_on_disk_before_the_link_moves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, avec_syncfs: bool
) -> None:
    publier(tmp_path, "v1", AVRIL)
    faits: list[str] = []
    synchroniser, remplacer = os.fsync, os.replace

    def chemin(descripteur: int) -> str:
        return str(Path(f"/proc/self/fd/{descripteur}").readlink().relative_to(tmp_path))

    def noter_fsync(descripteur: int) -> None:
        faits.append(chemin(descripteur))
        synchroniser(descripteur)

    def noter_syncfs(descripteur: int) -> int:
        racine = Path(chemin(descripteur))
        faits.extend(str(racine / dossier.relative_to(tmp_path / racine)) for dossier in _dossiers(tmp_path / racine))
        return 0

    def noter_replace(source: Path, cible: Path) -> None:
        faits.append(f"{source.name} -> {cible.name}")
        remplacer(source, cible)

    monkeypatch.setattr(disque, "_syncfs", lambda: noter_syncfs if avec_syncfs else None)
    monkeypatch.setattr(os, "fsync", noter_fsync)
    monkeypatch.setattr(os, "replace", noter_replace)
    publier(tmp_path, "v2", MAI)
    en_cours = "versions/.v2.en_cours"
    assert set(faits[:-4]) == {en_cours} | {
        f"{en_cours}/{chemin}"
        for chemin in (
            "manifeste.json",
            "maillon.json",
            "catalogue.duckdb",
            "essms",
            "essms/essms.parquet",
            "indicateurs",
            # The file carried over from April is on disk since v1: only its new name is synced.
            "indicateurs/date_mesure=2026-04-01",
            "indicateurs/date_mesure=2026-05-01",
            "indicateurs/date_mesure=2026-05-01/indicateurs.parquet",
        )
    }
    assert faits[-4:] == [".", "versions", ".actuel.v2 -> actuel", "."]


def test_seal_refuses_what_it_cannot_vouch_for(tmp_path: Path) -> None:
    curated = tmp_path / "curated"
    nouvelle = publication.preparer_version(curated, "v1")
    with pytest.raises(ValueError, match="offset"):
        publication.sceller(nouvelle, cree_le=datetime(2026, 4, 1), precedente=None, contenu={})
    with pytest.raises(ValueError, match="version"):
        publication.sceller(nouvelle, cree_le=DEBUT, precedente=None, contenu={"version": "x"})
    with pytest.raises(VersionInvalide, match="pas scellée"):
        publication.publier(curated, nouvelle)
    (nouvelle / "lien").symlink_to("/etc/hostname")
    with pytest.raises(VersionInvalide, match="ni un fichier ni un dossier"):
        publication.sceller(nouvelle, cree_le=DEBUT, precedente=None, contenu={})


@pytest.mark.parametrize("id_version", ["", ".cache", "a/b", "..", "a b", "é" * 3, "x" * 101])
def test_malformed_identifiers(tmp_path: Path, id_version: str) -> None:
    with pytest.raises(VersionInvalide, match="Identifiant"):
        publication.preparer_version(tmp_path / "curated", id_version)


def test_a_published_version_is_never_made_again(tmp_path: Path) -> None:
    publier(tmp_path, "v1", AVRIL)
    with pytest.raises(VersionInvalide, match="existe déjà"):
        publication.preparer_version(tmp_path, "v1")


def test_link_foreign_dangling_or_gone(tmp_path: Path) -> None:
    publier(tmp_path, "v1", AVRIL)
    lien = tmp_path / "actuel"
    for cible in ("versions/v9", "/etc", "versions/../versions/v1", "versions/.v1.en_cours"):
        lien.unlink()
        lien.symlink_to(cible)
        with pytest.raises(LienInvalide, match="duimetre revenir"):
            version.actuelle(tmp_path)
    lien.unlink()
    with pytest.raises(LienInvalide, match="a disparu"):
        version.actuelle(tmp_path)
    lien.mkdir()
    with pytest.raises(LienInvalide, match="doit être un lien"):
        version.actuelle(tmp_path)
    lien.rmdir()
    assert publication.revenir(tmp_path, "v1") == version.actuelle(tmp_path)


# --- catalogue ---------------------------------------------------------------------------------------------------


def test_catalogue_is_typed_documented_and_readable_since_duckdb_1_4(tmp_path: Path) -> None:
    version = publier(tmp_path, "v1", AVRIL, MAI)
    catalogue = version / "catalogue.duckdb"
    stockage = "SELECT tags['storage_version'] FROM duckdb_databases() WHERE database_name = 'catalogue'"
    assert lire(catalogue, stockage) == [("v1.4.0+",)]
    assert lire(
        catalogue, "SELECT view_name, comment FROM duckdb_views() WHERE NOT internal ORDER BY view_name"
    ) == sorted((vue.nom, vue.description) for vue in VUES)
    assert lire(
        catalogue, "SELECT table_name, column_name, data_type, comment FROM duckdb_columns() WHERE NOT internal"
    ) == [(v.nom, c.nom, c.type_sql, c.description) for v in sorted(VUES, key=lambda v: v.nom) for c in v.colonnes]
    # No alert at all: an empty view, with its types.
    assert lire(catalogue, "SELECT count(*) FROM alertes WHERE date_mesure > DATE '2026-01-01' AND nombre > 0") == [
        (0,)
    ]
    assert not (version / "catalogue.duckdb.wal").exists()


def test_columns_added_over_the_years(tmp_path: Path) -> None:
    publier(tmp_path, "v1", AVRIL)
    indicateurs = VUES[0]
    elargie = Vue(
        indicateurs.nom,
        indicateurs.description,
        (*indicateurs.colonnes, ColonneVue("taux", "DOUBLE", "Taux, %"), ColonneVue("region", "VARCHAR", "Région")),
        True,
    )
    nouvelle = publication.preparer_version(tmp_path, "v2")
    publication.reporter(tmp_path / "versions" / "v1", nouvelle)
    ecrire_parquet(
        nouvelle / "indicateurs" / "date_mesure=2026-05-01" / "indicateurs.parquet",
        "SELECT 50.5::DOUBLE AS taux, 7::BIGINT AS numerateur, 'v2' AS version, '970400012' AS finess_et",
    )
    catalogue.construire_catalogue(nouvelle, (elargie,))
    publication.sceller(nouvelle, cree_le=DEBUT, precedente=tmp_path / "versions" / "v1", contenu={})
    version = publication.publier(tmp_path, nouvelle)
    assert lire(version / "catalogue.duckdb", "FROM indicateurs WHERE numerateur IN (2, 7) ORDER BY date_mesure") == [
        (AVRIL, "970400012", 2, "v1", None, None),
        (MAI, "970400012", 7, "v2", 50.5, None),
    ]


def test_catalogue_under_a_hard_path_from_anywhere_and_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    racine = tmp_path / 'l\'été [2026] * "données"'
    monkeypatch.chdir(tmp_path)
    publier(Path(racine.name) / "curated", "v1", AVRIL)
    publier(racine / "curated", "v2", MAI)
    monkeypatch.chdir("/")
    requete = "SELECT count(*), count(DISTINCT date_mesure) FROM indicateurs"
    assert lire(racine / "curated" / "versions" / "v1" / "catalogue.duckdb", requete) == [(3, 1)]
    assert lire(racine / "curated" / "actuel" / "catalogue.duckdb", requete) == [(6, 2)]
    with duckdb.connect() as base:
        base.execute(
            f"ATTACH '{str(racine).replace(chr(39), chr(39) * 2)}/curated/actuel/catalogue.duckdb' AS c (READ_ONLY)"
        )
        assert base.execute("SELECT count(*) FROM c.indicateurs").fetchall() == [(6,)]

    demenagee = racine.rename(tmp_path / "ailleurs")
    dossier = demenagee / "curated" / "versions" / "v2"
    with duckdb.connect(str(dossier / "catalogue.duckdb"), read_only=True) as base:
        with pytest.raises(duckdb.IOException, match="No files found"):
            base.execute(requete)
        base.execute(f"SET VARIABLE {catalogue.VARIABLE_DOSSIER} = '{dossier}'")
        assert base.execute(requete).fetchall() == [(6, 2)]


# --- retention and return ----------------------------------------------------------------------------------------


def version_nue(curated: Path, id_version: str, cree_le: datetime) -> Path:
    """A version with one small file, without DuckDB: for tests of many."""
    nouvelle = publication.preparer_version(curated, id_version)
    (nouvelle / "essms").mkdir()
    (nouvelle / "essms" / "essms.parquet").write_bytes(id_version.encode())
    precedente = version.actuelle(curated)
    publication.sceller(nouvelle, cree_le=cree_le, precedente=precedente, contenu={})
    return publication.publier(curated, nouvelle)


def vieillir(curated: Path, *, heures: float = 72) -> None:
    instant = time.time() - heures * 3600
    for dossier in (curated / "versions").iterdir():
        os.utime(dossier, (instant, instant))


def test_retention_keeps_thirty_nights_and_firsts_of_month_for_ever(tmp_path: Path) -> None:
    jours = [date(2026, 1, 20) + timedelta(days=rang) for rang in range(100)]
    for jour in jours:
        if jour == date(2026, 3, 1):
            continue
        version_nue(tmp_path, f"{jour:%Y%m%d}T0400", datetime(jour.year, jour.month, jour.day, 4, tzinfo=UTC))
        if jour == date(2026, 2, 1):
            version_nue(tmp_path, f"{jour:%Y%m%d}T0900", datetime(jour.year, jour.month, jour.day, 9, tzinfo=UTC))
    vieillir(tmp_path)
    tous = ids(tmp_path)
    supprimees = retention.conserver(tmp_path, maintenant=datetime.now(UTC), nuits=30, citees={"20260210T0400"})
    # First publication of the series; last of 1 February; 1 March has none; an evidence bundle; the last 30 nights.
    attendues = ["20260120T0400", "20260201T0900", "20260210T0400", "20260302T0400"]
    attendues += [f"{jour:%Y%m%d}T0400" for jour in jours[-30:]]
    assert ids(tmp_path) == attendues
    assert sorted(supprimees + attendues) == tous
    assert restes(tmp_path) == [".reserve"]
    assert chaine.verifier_chaine(tmp_path) == []
    assert sorted(chemin.stem for chemin in (tmp_path / "chaine").iterdir()) == sorted(supprimees)
    assert retention.conserver(tmp_path, maintenant=datetime.now(UTC)) == ["20260210T0400"]
    assert chaine.verifier_chaine(tmp_path) == []


def trois_versions(curated: Path) -> list[str]:
    for rang in range(3):
        version_nue(curated, f"v{rang}", DEBUT + timedelta(days=rang + 1))
    return [f"v{rang}" for rang in range(3)]


def test_a_removed_version_gives_its_directories_to_the_next_one(tmp_path: Path) -> None:
    juin, juillet, aout = date(2026, 6, 1), date(2026, 7, 1), date(2026, 8, 1)
    publier(tmp_path, "v0", AVRIL, MAI, cree_le=DEBUT)
    deux = publier(tmp_path, "v1", juin, cree_le=DEBUT + timedelta(days=1))
    # May is measured again: the file of the version to be removed is no longer the good one.
    publier(tmp_path, "v2", MAI, juillet, cree_le=DEBUT + timedelta(days=2))
    vieillir(tmp_path)

    def partitions(version: Path) -> dict[str, int]:
        return {d.name: d.stat().st_ino for d in (version / "indicateurs").iterdir()}

    (deux / "indicateurs" / f"date_mesure={AVRIL}" / "intrus.parquet").write_bytes(b"")
    retirees = partitions(deux)
    # v0 is the first of its month.
    assert retention.conserver(tmp_path, maintenant=datetime.now(UTC), nuits=1) == ["v1"]
    trois = publier(tmp_path, "v3", aout, cree_le=DEBUT + timedelta(days=3))
    reprises = {nom for nom, inode in partitions(trois).items() if inode == retirees.get(nom)}
    assert reprises == {f"date_mesure={juin}"}
    assert restes(tmp_path) == []
    assert chaine.verifier_chaine(tmp_path) == []
    assert lire(trois / "catalogue.duckdb", "SELECT DISTINCT date_mesure, version FROM indicateurs ORDER BY 1") == [
        *[(AVRIL, "v0"), (MAI, "v2"), (juin, "v1"), (juillet, "v2"), (aout, "v3")]
    ]


def test_retention_spares_what_was_current_until_recently(tmp_path: Path) -> None:
    trois_versions(tmp_path)
    # v0 is the first of its month, v2 is current.
    maintenant = datetime.now(UTC)
    assert retention.conserver(tmp_path, maintenant=maintenant, nuits=1) == []
    assert retention.conserver(tmp_path, maintenant=maintenant + timedelta(hours=47), nuits=1) == []
    assert retention.conserver(tmp_path, maintenant=maintenant + timedelta(hours=49), nuits=1) == ["v1"]
    assert ids(tmp_path) == ["v0", "v2"]


def test_leaving_a_version_starts_its_delay(tmp_path: Path) -> None:
    trois_versions(tmp_path)
    publication.revenir(tmp_path, "v1")
    vieillir(tmp_path)
    version_nue(tmp_path, "v3", DEBUT + timedelta(days=5))
    # v2 ceased to be current long ago, v1 a moment ago.
    assert retention.conserver(tmp_path, maintenant=datetime.now(UTC), nuits=1) == ["v2"]


def test_retention_spares_the_current_version_whatever_its_age(tmp_path: Path) -> None:
    trois_versions(tmp_path)
    publication.revenir(tmp_path, "v1")
    vieillir(tmp_path)
    assert retention.conserver(tmp_path, maintenant=datetime.now(UTC), nuits=1) == []
    assert retention.conserver(tmp_path, maintenant=datetime.now(UTC), nuits=0) == ["v2"]
    assert ids(tmp_path) == ["v0", "v1"]


def test_retention_spares_a_version_held_by_a_reader(tmp_path: Path) -> None:
    version_nue(tmp_path, "v0", DEBUT)
    version_nue(tmp_path, "v1", DEBUT + timedelta(days=1))
    with version.lecture(tmp_path) as dossier:
        assert dossier == tmp_path / "versions" / "v1"
        version_nue(tmp_path, "v2", DEBUT + timedelta(days=2))
        vieillir(tmp_path)
        assert retention.conserver(tmp_path, maintenant=datetime.now(UTC), nuits=1) == []
        assert (dossier / "essms" / "essms.parquet").read_bytes() == b"v1"
    assert retention.conserver(tmp_path, maintenant=datetime.now(UTC), nuits=1) == ["v1"]


def test_a_version_removed_just_before_it_is_held_is_not_the_one_that_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version_nue(tmp_path, "v1", DEBUT)
    verrouiller = fcntl.flock

    def trop_tard(descripteur: int, operation: int) -> None:
        monkeypatch.setattr(fcntl, "flock", verrouiller)
        version_nue(tmp_path, "v2", DEBUT)
        shutil.rmtree(tmp_path / "versions" / "v1")
        verrouiller(descripteur, operation)

    monkeypatch.setattr(fcntl, "flock", trop_tard)
    with version.lecture(tmp_path) as dossier:
        assert (dossier / "essms" / "essms.parquet").read_bytes() == b"v2"


def test_retention_spares_a_version_whose_catalogue_a_plain_duckdb_client_has_open(tmp_path: Path) -> None:
    publier(tmp_path, "v0", AVRIL)
    publier(tmp_path, "v1", AVRIL, cree_le=DEBUT + timedelta(days=1))
    code = (
        "import duckdb, sys; c = duckdb.connect(sys.argv[1], read_only=True); print('ok', flush=True); "
        "sys.stdin.readline(); print(c.execute('SELECT count(*) FROM indicateurs').fetchone()[0])"
    )
    commande = [sys.executable, "-c", code, str(tmp_path / "actuel" / "catalogue.duckdb")]
    with subprocess.Popen(commande, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:
        assert client.stdout is not None
        assert client.stdout.readline() == "ok\n"
        publier(tmp_path, "v2", AVRIL, cree_le=DEBUT + timedelta(days=2))
        vieillir(tmp_path)
        assert retention.conserver(tmp_path, maintenant=datetime.now(UTC), nuits=1) == []
        assert client.communicate("\n")[0] == "3\n"
    assert retention.conserver(tmp_path, maintenant=datetime.now(UTC), nuits=1) == ["v1"]


def test_a_version_that_cannot_be_removed_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for rang in range(5):
        version_nue(tmp_path, f"v{rang}", DEBUT + timedelta(days=rang))
    vieillir(tmp_path)
    renommer = os.rename

    def echouer(source: Any, cible: Any, **autres: Any) -> None:
        if Path(source).name == "v2":
            raise PermissionError(errno.EACCES, "Permission denied")
        renommer(source, cible, **autres)

    monkeypatch.setattr(os, "rename", echouer)
    assert retention.conserver(tmp_path, maintenant=datetime.now(UTC), nuits=1) == ["v1", "v3"]
    assert "La version v2 n'a pas pu être supprimée" in caplog.text
    monkeypatch.undo()
    assert retention.conserver(tmp_path, maintenant=datetime.now(UTC), nuits=1) == ["v2"]
    assert chaine.verifier_chaine(tmp_path) == []


def test_reading_without_any_version(tmp_path: Path) -> None:
    with pytest.raises(LienInvalide, match="Aucune version"), version.lecture(tmp_path):
        pass


def test_return_to_an_earlier_version_and_on_from_it(tmp_path: Path) -> None:
    for rang, jour in enumerate((AVRIL, MAI)):
        publier(tmp_path, f"v{rang}", jour)
    assert publication.revenir(tmp_path, "v0") == tmp_path / "versions" / "v0"
    catalogue = tmp_path / "actuel" / "catalogue.duckdb"
    assert lire(catalogue, "SELECT DISTINCT date_mesure, version FROM indicateurs") == [(AVRIL, "v0")]
    publier(tmp_path, "v2", date(2026, 6, 1))
    assert lire(catalogue, "SELECT DISTINCT date_mesure FROM indicateurs ORDER BY 1") == [(AVRIL,), (date(2026, 6, 1),)]
    assert ids(tmp_path) == ["v0", "v1", "v2"]
    assert chaine.verifier_chaine(tmp_path) == []
    with pytest.raises(VersionInvalide, match="n'est pas publiée"):
        publication.revenir(tmp_path, "v9")


def test_no_return_to_a_damaged_version(tmp_path: Path) -> None:
    un = publier(tmp_path, "v1", AVRIL)
    publier(tmp_path, "v2", AVRIL)
    (un / "essms" / "essms.parquet").unlink()
    with pytest.raises(VersionInvalide, match=r"essms/essms\.parquet manque"):
        publication.revenir(tmp_path, "v1")
    assert (tmp_path / "actuel").readlink() == Path("versions/v2")


# --- verification ------------------------------------------------------------------------------------------------


def alterer(chemin: Path) -> None:
    chemin.chmod(0o644)
    octets = bytearray(chemin.read_bytes())
    octets[len(octets) // 2] ^= 1
    chemin.write_bytes(octets)


@pytest.mark.parametrize(
    ("chemin", "attendu"),
    [
        ("versions/v1/essms/essms.parquet", ["v1 : le fichier essms/essms.parquet a changé"]),
        ("versions/v2/essms/essms.parquet", ["v2 : le fichier essms/essms.parquet a changé"]),
        ("versions/v1/manifeste.json", ["v1 : le manifeste a changé"]),
        ("versions/v2/manifeste.json", ["v2 : le manifeste a changé"]),
        ("chaine/v0.json", ["v1 : le maillon de la version précédente v0 a changé"]),
    ],
)
def test_one_changed_byte_is_seen(tmp_path: Path, chemin: str, attendu: list[str]) -> None:
    version_nue(tmp_path, "vx", DEBUT - timedelta(days=40))
    version_nue(tmp_path, "v0", DEBUT - timedelta(days=39))
    version_nue(tmp_path, "v1", DEBUT)
    version_nue(tmp_path, "v2", DEBUT + timedelta(days=1))
    vieillir(tmp_path)
    assert retention.conserver(tmp_path, maintenant=datetime.now(UTC), nuits=2) == ["v0"]
    assert chaine.verifier_chaine(tmp_path) == []
    if chemin.startswith("chaine"):
        texte = (tmp_path / chemin).read_text()
        (tmp_path / chemin).chmod(0o644)
        (tmp_path / chemin).write_text(texte.replace("02-21", "02-20"))
    else:
        alterer(tmp_path / chemin)
    assert chaine.verifier_chaine(tmp_path) == attendu


def test_rewritten_link_missing_link_added_and_removed_files(tmp_path: Path) -> None:
    un = version_nue(tmp_path, "v1", DEBUT)
    version_nue(tmp_path, "v2", DEBUT + timedelta(days=1))
    # A forger makes v1 consistent with itself: its successor gives it away.
    (un / "essms" / "essms.parquet").unlink()
    (un / "essms" / "essms.parquet").write_bytes(b"faux")
    manifeste = json.loads((un / "manifeste.json").read_bytes())
    manifeste["fichiers"]["essms/essms.parquet"] = {
        "taille_octets": 4,
        "sha256": hashlib.sha256(b"faux").hexdigest(),
    }
    octets = octets_json(manifeste)
    maillon = json.loads((un / "maillon.json").read_bytes()) | {"manifeste_sha256": hashlib.sha256(octets).hexdigest()}
    for nom, contenu in (("manifeste.json", octets), ("maillon.json", octets_json(maillon))):
        (un / nom).unlink()
        (un / nom).write_bytes(contenu)
    assert chaine.verifier_version(un) == []
    assert chaine.verifier_chaine(tmp_path) == ["v2 : le maillon de la version précédente v1 a changé"]

    (un / "essms" / "essms.parquet").unlink()
    (un / "catalogue.duckdb.wal").write_bytes(b"")
    assert chaine.verifier_version(un) == [
        "le fichier essms/essms.parquet manque",
        "le fichier catalogue.duckdb.wal a été ajouté",
    ]
    shutil.rmtree(un)
    assert chaine.verifier_chaine(tmp_path) == ["v2 : le maillon de la version précédente v1 manque"]
    (tmp_path / "versions" / "v2" / "maillon.json").unlink()
    assert "v2 : le maillon est absent ou illisible" in chaine.verifier_chaine(tmp_path)
    assert [(v.id, v.cree_le) for v in version.lister_versions(tmp_path)] == [("v2", None)]


def _dossiers(racine: Path) -> list[Path]:
    return [racine, *(d for d in racine.rglob("*") if d.is_dir())]


# --- faults ------------------------------------------------------------------------------------------------------

APPELS = ("fsync", "rename", "replace", "symlink", "link", "mkdir", "chmod", "utime", "open")


@contextmanager
def panne(monkeypatch: pytest.MonkeyPatch, rang: int, code: int, *, avec_syncfs: bool = True) -> Iterator[list[str]]:
    """The `rang`-th call to the file system fails; yields the calls made, the failed one being the last."""
    appels: list[str] = []

    def piege(nom: str, veritable: Callable[..., Any]) -> Callable[..., Any]:
        def appel(*arguments: Any, **autres: Any) -> Any:
            appels.append(nom)
            if len(appels) == rang:
                raise OSError(code, os.strerror(code))
            return veritable(*arguments, **autres)

        return appel

    def syncfs(_: int) -> int:
        appels.append("syncfs")
        if len(appels) == rang:
            ctypes.set_errno(code)
            return -1
        return 0

    with monkeypatch.context() as contexte:
        for nom in APPELS:
            contexte.setattr(os, nom, piege(nom, getattr(os, nom)))
        contexte.setattr(publication, "ecrire_neuf", piege("ecrire", ecrire_neuf))
        contexte.setattr(disque, "_syncfs", lambda: syncfs if avec_syncfs else None)
        yield appels


@pytest.mark.parametrize(
    ("code", "avec_syncfs"),
    [(errno.ENOSPC, True), (errno.EIO, True), (errno.EACCES, True), (errno.EIO, False)],
)
def test_any_failing_call_leaves_the_old_version_and_the_next_night_heals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, *, avec_syncfs: bool
) -> None:
    modele = tmp_path / "modele"
    publier(modele, "v1", AVRIL)
    vues: set[str] = set()
    for rang in range(1, 500):
        curated = tmp_path / f"essai{rang}"
        shutil.copytree(modele, curated, symlinks=True)
        apres_la_permutation = False
        with panne(monkeypatch, rang, code, avec_syncfs=avec_syncfs) as appels:
            try:
                nouvelle = publication.preparer_version(curated, "v2")
                precedente = version.actuelle(curated)
                assert precedente is not None
                (nouvelle / "essms").mkdir()
                shutil.copyfile(precedente / "essms" / "essms.parquet", nouvelle / "essms" / "essms.parquet")
                publication.reporter(precedente, nouvelle)
                publication.sceller(nouvelle, cree_le=DEBUT, precedente=precedente, contenu={})
                publication.publier(curated, nouvelle)
                apres_la_permutation = True
            except OSError as erreur:
                assert erreur.errno == code
        if len(appels) < rang:
            break
        vues.add(appels[-1])
        # The only failures that still publish are those of the last directory sync, after the version took its name and the
        # link was replaced.
        en_place = appels.index("rename") if "rename" in appels else len(appels)
        assert apres_la_permutation == ("replace" in appels[en_place:-1])
        assert (curated / "actuel").readlink() == Path("versions/v2" if apres_la_permutation else "versions/v1")
        assert ids(curated) == ["v1", "v2"] if apres_la_permutation else ["v1"]
        assert chaine.verifier_chaine(curated) == []
        # The same identifier again, as a repeated night would: what the failed one left is no obstacle.
        suivante = "v3" if apres_la_permutation else "v2"
        version_nue(curated, suivante, DEBUT + timedelta(days=1))
        assert (curated / "actuel").readlink() == Path(f"versions/{suivante}")
        assert restes(curated) == []
        assert chaine.verifier_chaine(curated) == []
        shutil.rmtree(curated)
    else:
        pytest.fail("the faults never ended")
    assert vues == {*APPELS, "ecrire"} | ({"syncfs"} if avec_syncfs else set())


def test_a_full_disk_while_writing_the_manifest_or_the_catalogue(tmp_path: Path) -> None:
    publier(tmp_path, "v1", AVRIL)

    def au_plus(octets: int, action: Callable[[], object]) -> None:
        souple, dure = resource.getrlimit(resource.RLIMIT_FSIZE)
        ancien = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (octets, dure))
        try:
            action()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (souple, dure))
            signal.signal(signal.SIGXFSZ, ancien)

    nouvelle = publication.preparer_version(tmp_path, "v2")
    ecrire_tables(nouvelle, "v2", (MAI,))
    with pytest.raises(duckdb.Error):
        au_plus(4096, lambda: catalogue.construire_catalogue(nouvelle, VUES))
    nouvelle = publication.preparer_version(tmp_path, "v2")
    ecrire_tables(nouvelle, "v2", (MAI,))
    with pytest.raises(OSError, match="too large"):
        au_plus(100, lambda: publication.sceller(nouvelle, cree_le=DEBUT, precedente=None, contenu={"x": "y" * 9000}))
    assert lire(tmp_path / "actuel" / "catalogue.duckdb", "SELECT version FROM essms") == [("v1",)]
    publier(tmp_path, "v2", MAI)
    assert lire(tmp_path / "actuel" / "catalogue.duckdb", "SELECT version FROM essms") == [("v2",)]
    assert chaine.verifier_chaine(tmp_path) == []


def test_directories_that_cannot_be_synced_are_tolerated_files_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    veritable = os.fsync

    def sans_syncfs(_: int) -> int:
        ctypes.set_errno(errno.ENOSYS)
        return -1

    def sans_dossiers(descripteur: int) -> None:
        if Path(f"/proc/self/fd/{descripteur}").resolve().is_dir():
            raise OSError(errno.EINVAL, "Invalid argument")
        veritable(descripteur)

    with monkeypatch.context() as contexte:
        contexte.setattr(os, "fsync", sans_dossiers)
        contexte.setattr(disque, "_syncfs", lambda: sans_syncfs)
        version_nue(tmp_path, "v1", DEBUT)

    def rien(_: int) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    with monkeypatch.context() as contexte, pytest.raises(OSError, match="Invalid argument"):
        contexte.setattr(os, "fsync", rien)
        version_nue(tmp_path, "v2", DEBUT)
    assert ids(tmp_path) == ["v1"]


def test_locks_that_the_file_system_lacks_leave_the_delay_in_charge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trois_versions(tmp_path)
    vieillir(tmp_path)

    def absent(*_: Any) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", absent)
    with version.lecture(tmp_path) as dossier:
        assert dossier.name == "v2"
    assert retention.conserver(tmp_path, maintenant=datetime.now(UTC), nuits=1) == ["v1"]


# --- kills -------------------------------------------------------------------------------------------------------

NUITS = """
import os, sys
from datetime import date, datetime, timedelta
from pathlib import Path
sys.path[:0] = sys.argv[2:4]
import test_publication as t
from flows.versions import retention
curated = Path(sys.argv[1])
for _ in sys.stdin:
    nuits = os.fork()
    if nuits:
        print(nuits, flush=True)
        os.waitpid(nuits, 0)
        print("mort", flush=True)
        continue
    while True:
        rang = t.prochain_rang(curated)
        jour = date(2026, 4, 1) + timedelta(days=rang % 3)
        t.publier(curated, f"v{rang:04d}", jour, cree_le=t.DEBUT + timedelta(days=rang))
        maintenant = datetime.now().astimezone()
        retention.conserver(curated, maintenant=maintenant, nuits=2, delai=timedelta(seconds=2))
"""


def prochain_rang(curated: Path) -> int:
    return 1 + max(int(version.id.removeprefix("v")) for version in version.lister_versions(curated))


class Lecteur(threading.Thread):
    """Reads the published version without a pause; keeps what it saw torn."""

    def __init__(self, curated: Path) -> None:
        super().__init__(daemon=True)
        self.curated, self.fini = curated, threading.Event()
        self.lectures, self.fautes, self.versions = 0, list[str](), set[str]()

    def run(self) -> None:
        while not self.fini.is_set():
            try:
                self.par_le_catalogue()
                self.par_les_fichiers()
            except Exception as erreur:
                self.fautes.append(repr(erreur))
            self.lectures += 1

    def guetter(self) -> None:
        """Look at the link alone, a thousand times a second."""
        while not self.fini.wait(0.001):
            try:
                version.actuelle(self.curated)
            except Exception as erreur:
                self.fautes.append(repr(erreur))

    def par_le_catalogue(self) -> None:
        with duckdb.connect(str(self.curated / "actuel" / "catalogue.duckdb"), read_only=True) as base:
            essms = base.execute("SELECT version FROM essms").fetchall()
            mesures = base.execute("SELECT version, count(*) FROM indicateurs GROUP BY ALL").fetchall()
            chemin = base.execute("SELECT sql FROM duckdb_views() WHERE view_name = 'essms'").fetchall()[0][0]
        self.comparer(essms[0][0], dict(mesures), chemin)

    def par_les_fichiers(self) -> None:
        with version.lecture(self.curated) as dossier, duckdb.connect() as base:
            essms = base.execute(f"SELECT version FROM '{dossier}/essms/essms.parquet'").fetchall()
            mesures = base.execute(
                f"SELECT version, count(*) FROM '{dossier}/indicateurs/*/indicateurs.parquet' GROUP BY ALL"
            ).fetchall()
            manifeste = json.loads((dossier / "manifeste.json").read_bytes())
        self.comparer(essms[0][0], dict(mesures), f"/{manifeste['version']}/")
        if dossier.name != essms[0][0]:
            self.fautes.append(f"{dossier.name} holds {essms}")

    def comparer(self, essms: str, mesures: dict[str, int], chemin: str) -> None:
        self.versions.add(essms)
        rang = int(essms.removeprefix("v"))
        # Three measure dates in turn: a version holds those of its two predecessors and its own.
        attendues = {f"v{r:04d}": 3 for r in range(max(0, rang - 2), rang + 1)}
        if mesures != attendues or (f"/{essms}/" not in chemin and f"/{essms}'" not in chemin):
            self.fautes.append(f"{essms}: {mesures} {chemin}")


def test_kills_at_random_moments_never_show_a_torn_version(tmp_path: Path) -> None:
    curated = tmp_path / "curated"
    publier(curated, "v0000", AVRIL)
    hasard = random.Random(20260401)
    lecteur = Lecteur(curated)
    lecteur.start()
    threading.Thread(target=lecteur.guetter, daemon=True).start()
    debut = time.monotonic()
    for rang in (1, 2, 3):
        publier(curated, f"v{rang:04d}", date(2026, 4, 1) + timedelta(days=rang % 3))
    duree = (time.monotonic() - debut) / 3
    # One interpreter forks all the nights: only they are killed, and nothing is imported again.
    commande = [sys.executable, "-c", NUITS, str(curated), str(RACINE), str(Path(__file__).parent)]
    with subprocess.Popen(commande, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as lanceur:
        assert lanceur.stdin is not None
        assert lanceur.stdout is not None
        morts = 0
        # At least 15 kills, and until some nights got through between them.
        while morts < 15 or prochain_rang(curated) < 9:
            morts += 1
            print("nuit", file=lanceur.stdin, flush=True)
            nuits = int(lanceur.stdout.readline())
            time.sleep(hasard.uniform(0, 2.5 * duree))
            os.kill(nuits, signal.SIGKILL)
            assert lanceur.stdout.readline() == "mort\n"
            assert version.actuelle(curated) is not None
            assert chaine.verifier_chaine(curated) == []
        lanceur.stdin.close()
    lecteur.fini.set()
    lecteur.join(20)
    assert lecteur.fautes == []
    assert lecteur.lectures > 10
    assert len(lecteur.versions) > 1

    publier(curated, f"v{prochain_rang(curated):04d}", AVRIL)
    assert restes(curated) == []
    assert chaine.verifier_chaine(curated) == []


def mourir_a(etape: str, apres: bool, action: Callable[[], object]) -> None:
    """Run `action` in a process that SIGKILL ends just before or after its first call of `os.<etape>`."""
    enfant = os.fork()
    if enfant == 0:
        veritable = getattr(os, etape)

        def mourir(*arguments: Any, **autres: Any) -> None:
            if apres:
                veritable(*arguments, **autres)
            os.kill(os.getpid(), signal.SIGKILL)

        setattr(os, etape, mourir)
        with suppress(BaseException):
            action()
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(enfant, 0)[1]) == -signal.SIGKILL


@pytest.mark.parametrize("etape", ["symlink", "rename", "utime", "replace"])
@pytest.mark.parametrize("apres", [False, True])
def test_a_kill_around_each_step_of_the_publication(tmp_path: Path, etape: str, apres: bool) -> None:
    version_nue(tmp_path, "v1", DEBUT)
    mourir_a(etape, apres, lambda: version_nue(tmp_path, "v2", DEBUT))
    publiee = etape == "replace" and apres
    assert ids(tmp_path) == (["v1", "v2"] if publiee else ["v1"])
    assert chaine.verifier_chaine(tmp_path) == []
    suivante = "v3" if publiee else "v2"
    version_nue(tmp_path, suivante, DEBUT)
    assert ids(tmp_path) == (["v1", "v2", "v3"] if publiee else ["v1", "v2"])
    assert restes(tmp_path) == []
    assert chaine.verifier_chaine(tmp_path) == []


def test_a_kill_in_the_very_first_publication(tmp_path: Path) -> None:
    mourir_a("replace", False, lambda: version_nue(tmp_path, "v1", DEBUT))
    assert (tmp_path / "versions" / "v1" / "manifeste.json").exists()
    assert version.actuelle(tmp_path) is None
    version_nue(tmp_path, "v2", DEBUT)
    assert ids(tmp_path) == ["v2"]


@pytest.mark.parametrize("etape", ["symlink", "utime", "replace"])
@pytest.mark.parametrize("apres", [False, True])
def test_a_kill_in_a_return_costs_no_version(tmp_path: Path, etape: str, apres: bool) -> None:
    trois_versions(tmp_path)
    mourir_a(etape, apres, lambda: publication.revenir(tmp_path, "v0"))
    assert (tmp_path / "actuel").readlink() == Path("versions/v0" if etape == "replace" and apres else "versions/v2")
    version_nue(tmp_path, "v3", DEBUT + timedelta(days=9))
    assert ids(tmp_path) == ["v0", "v1", "v2", "v3"]
    assert restes(tmp_path) == []
    assert chaine.verifier_chaine(tmp_path) == []


@pytest.mark.parametrize("etape", ["mkdir", "replace", "rename", "rmdir"])
def test_a_kill_in_the_retention_breaks_no_chain(tmp_path: Path, etape: str) -> None:
    trois_versions(tmp_path)
    version_nue(tmp_path, "v3", DEBUT + timedelta(days=4))
    vieillir(tmp_path)
    plus_tard = datetime.now(UTC)
    mourir_a(etape, False, lambda: retention.conserver(tmp_path, maintenant=plus_tard, nuits=1))
    assert chaine.verifier_chaine(tmp_path) == []
    version_nue(tmp_path, "v4", DEBUT + timedelta(days=5))
    vieillir(tmp_path)
    retention.conserver(tmp_path, maintenant=datetime.now(UTC), nuits=1)
    assert ids(tmp_path) == ["v0", "v4"]
    assert restes(tmp_path) == [".reserve"]
    publier(tmp_path, "v5", AVRIL, cree_le=DEBUT + timedelta(days=6))
    assert restes(tmp_path) == []
    assert chaine.verifier_chaine(tmp_path) == []
