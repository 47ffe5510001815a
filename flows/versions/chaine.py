"""Is a version still what was published? Its files against its manifest, its manifest against the chain (§7)."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

from flows.versions.manifeste import (
    MAILLON,
    MANIFESTE,
    Inode,
    Maillon,
    VersionInvalide,
    charger_json,
    comprendre_maillon,
    empreinte_fichier,
    parcourir_version,
    sha256_de,
)
from flows.versions.version import LienInvalide, Version, actuelle, lister_versions
from schemas.curated import PARTITION


class VersionAbimee(VersionInvalide):
    """A version is no longer what was sealed; `fautes`: path of each damaged file ("" for the version itself), in French."""

    def __init__(self, dossier: Path, fautes: Sequence[tuple[str, str]]) -> None:
        jours = sorted({jour for chemin, _ in fautes if (jour := _date_du_fichier(chemin))})
        recalcul = "".join(f" --date-mesure {jour}" for jour in jours[:31])
        super().__init__(
            f"La version {dossier.name} n'est plus telle qu'elle a été publiée : "
            f"{' ; '.join(dit for _, dit in fautes[:3])}{' …' if len(fautes) > 3 else ''}. Remettre ses fichiers depuis "
            "une sauvegarde de curated/, ou choisir une version entière avec « duimetre revenir <version> »"
            + (f", ou recalculer avec « duimetre nuit{recalcul} »." if jours else ".")
        )
        self.fautes = fautes

    def touche(self, tables: Collection[str]) -> bool:
        """Whether the manifest or one of these tables is damaged."""
        return any(chemin.partition("/")[0] in ("", *tables) for chemin, _ in self.fautes)


def verifier_version(dossier: Path) -> list[str]:
    """What is wrong with one version, in French: files missing, added or changed since sealing; empty when whole."""
    return [dit for _, dit in _examiner(dossier, {})]


def abimee(version: Path, empreintes: dict[Inode, dict[str, Any]] | None = None) -> VersionAbimee | None:
    """That a version is no longer what was sealed, and what to do; None when it is whole. Reads all its files.

    `empreintes` remembers what was read, for the files that versions share.
    """
    fautes = _examiner(version, {} if empreintes is None else empreintes)
    return VersionAbimee(version, fautes) if fautes else None


def controler(curated: Path, publiee: Path, *, sauf: Collection[date], rang: int) -> list[str]:
    """What is wrong with the current version and with one other (the `rang`-th, turning), in French; each file is read once.

    Raises VersionAbimee when the next version would carry over what is damaged: its manifest, or a partition that is not
    among the measure dates `sauf`, which are computed again. So are all other files.
    """
    empreintes: dict[Inode, dict[str, Any]] = {}
    refaits = {None, *(jour.isoformat() for jour in sauf)}
    constats = []
    if abime := abimee(publiee, empreintes):
        if any(not chemin or _date_du_fichier(chemin) not in refaits for chemin, _ in abime.fautes):
            raise abime
        constats.append(f"{abime} Cette nuit refait ce qui est abîmé.")
    if autres := [version.dossier for version in lister_versions(curated) if version.dossier != publiee]:
        autre = autres[rang % len(autres)]
        if fautes := _examiner(autre, empreintes):
            constats.append(
                f"La version {autre.name}, qui n'est plus l'actuelle, a changé : {fautes[0][1]}. La remettre depuis une "
                "sauvegarde de curated/. Tout voir : « duimetre versions --verifier »."
            )
    return constats


def _date_du_fichier(chemin: str) -> str | None:
    """The measure date (AAAA-MM-JJ) of a file of a version, None when it is about all of them."""
    trouve = re.match(rf"[^/]+/{PARTITION}=([^/]+)/", chemin)
    return trouve[1] if trouve else None


def verifier_chaine(curated: Path) -> list[str]:
    """What is wrong with the versions and their chain, in French; empty when everything is as it was published.

    Every file against its manifest (a hard-linked file is read once), every manifest and link against the ones before,
    removed versions included.
    """
    versions = lister_versions(curated)
    maillons, problemes = _rassembler_maillons(curated, versions)
    premieres = sorted(id_version for id_version, (maillon, _) in maillons.items() if maillon.precedente is None)
    if len(premieres) > 1:
        problemes.append(f"la chaîne a plusieurs débuts : {', '.join(premieres)}")
    for id_version, (maillon, _) in sorted(maillons.items()):
        if maillon.precedente is None:
            continue
        if maillon.precedente not in maillons:
            problemes.append(f"{id_version} : le maillon de la version précédente {maillon.precedente} manque")
        elif maillons[maillon.precedente][1] != maillon.precedente_sha256:
            problemes.append(f"{id_version} : le maillon de la version précédente {maillon.precedente} a changé")
    empreintes: dict[Inode, dict[str, Any]] = {}
    for version in versions:
        problemes += [f"{version.id} : {dit}" for _, dit in _examiner(version.dossier, empreintes)]
    try:
        actuelle(curated)
    except LienInvalide as erreur:
        problemes.append(str(erreur))
    return problemes


def premiere_publication(curated: Path) -> date | None:
    """The day, in the region, of the first publication, even if retention has removed its version; None before it."""
    chemins = [*(curated / "chaine").glob("[!.]*.json"), *(v.dossier / MAILLON for v in lister_versions(curated))]
    dates = []
    for chemin in chemins:
        with suppress(OSError, ValueError):  # `verifier_chaine` says which link is damaged
            dates.append(comprendre_maillon(chemin.read_bytes()).cree_le)
    return min(dates).date() if dates else None


def _examiner(dossier: Path, empreintes: dict[Inode, dict[str, Any]]) -> list[tuple[str, str]]:
    """The faults of one version: path of the file ("" for the version itself), and what is wrong, in French.

    `empreintes` remembers by inode what was read, for the files that versions share.
    """
    try:
        manifeste = (dossier / MANIFESTE).read_bytes()
        maillon = comprendre_maillon((dossier / MAILLON).read_bytes())
        if maillon.manifeste_sha256 != sha256_de(manifeste):
            return [("", "le manifeste a changé")]
        contenu = charger_json(manifeste)
        version, attendus = contenu["version"], dict(contenu["fichiers"])
        inodes, _ = parcourir_version(dossier)
    except (OSError, ValueError, KeyError, TypeError):
        return [("", "le manifeste ou le maillon est absent ou illisible")]
    except VersionInvalide as erreur:
        return [("", str(erreur))]
    if not dossier.name == maillon.version == version:
        return [("", f"son manifeste est celui de la version {version}")]
    presents = inodes.keys() - {MANIFESTE, MAILLON}
    problemes = [(chemin, f"le fichier {chemin} manque") for chemin in sorted(attendus.keys() - presents)]
    problemes += [(chemin, f"le fichier {chemin} a été ajouté") for chemin in sorted(presents - attendus.keys())]
    for chemin in sorted(attendus.keys() & presents):
        inode = inodes[chemin]
        if inode not in empreintes:
            empreintes[inode] = empreinte_fichier(dossier / chemin)
        if empreintes[inode] != attendus[chemin]:
            problemes.append((chemin, f"le fichier {chemin} a changé"))
    return problemes


def _rassembler_maillons(
    curated: Path, versions: Sequence[Version]
) -> tuple[dict[str, tuple[Maillon, str]], list[str]]:
    """The links of all versions, removed ones included, each with its SHA-256; and the faults met."""
    maillons: dict[str, tuple[Maillon, str]] = {}
    problemes = []
    sources = [(chemin.stem, chemin) for chemin in sorted((curated / "chaine").glob("[!.]*.json"))]
    sources += [(version.id, version.dossier / MAILLON) for version in versions]
    for id_version, chemin in sources:
        try:
            octets = chemin.read_bytes()
            maillon = comprendre_maillon(octets)
        except (OSError, ValueError):
            problemes.append(f"{id_version} : le maillon est absent ou illisible")
            continue
        if maillon.version != id_version:
            problemes.append(f"{id_version} : le maillon est celui de la version {maillon.version}")
        elif maillons.setdefault(id_version, (maillon, sha256_de(octets)))[1] != sha256_de(octets):
            problemes.append(f"{id_version} : deux maillons se contredisent")
    return maillons, problemes
