"""Small files put together, staging rebuilt from raw/, the key of the pseudonyms changed: the figures stay."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest
from conftest import Region
from nuits import memes_lignes, publie
from scenario import finess, nuit_directe

from flows.reglages import ReglageInvalide, lire_reglages
from flows.staging import compaction
from flows.staging.registre import RegistreDepots

D = date(2026, 4, 1)


def ranges(racine: Path) -> set[str]:
    with RegistreDepots(lire_reglages(racine).registre) as registre:
        return registre.fichiers()


def test_reunir_les_fichiers_puis_reconstruire_ne_change_aucun_chiffre(
    region: Region, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    racine = region.copier(tmp_path)
    nuit_directe(racine, [D])
    attendu, un_par_depot = publie(racine), ranges(racine)
    monkeypatch.setattr(compaction, "FICHIERS_MAX", 1)
    nuit_directe(racine, [D])
    memes_lignes(racine, attendu)
    assert len(ranges(racine)) < len(un_par_depot)
    monkeypatch.setattr(compaction, "FICHIERS_MAX", 10_000)
    bilan = nuit_directe(racine, [D], reconstruire=True)
    memes_lignes(racine, attendu)
    assert ranges(racine) == un_par_depot
    assert len(bilan.recus) > 0
    assert nuit_directe(racine, [D]).recus == ()


def test_un_depot_juge_de_nouveau_ne_compte_qu_une_fois_dans_le_fichier_reuni(
    region: Region, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows of the first judgement stay in the file that was made before it: the next one must leave them behind."""
    racine = region.copier(tmp_path)
    monkeypatch.setattr(compaction, "FICHIERS_MAX", 1)
    nuit_directe(racine, [D])
    projets = racine / "raw" / "referentiels" / "projets.csv"
    entete, premiere, *autres = projets.read_text(encoding="utf-8").splitlines()
    nouvel_essms = dict(zip(entete.split(";"), premiere.split(";"), strict=True)) | {"finess_et": finess("01999999")}
    projets.write_text("\n".join([entete, ";".join(nouvel_essms.values()), premiere, *autres]), encoding="utf-8")
    monkeypatch.setattr(compaction, "FICHIERS_MAX", 0)
    assert len(nuit_directe(racine, [D]).recus) > 0
    attendu = publie(racine)
    with RegistreDepots(lire_reglages(racine).registre) as registre:
        (reuni,) = {f.fichier for f in registre.fichiers_ranges() if f.table == "mises_a_jour" and f.mois == "2026-04"}
    lignes = pl.read_parquet(racine / "staging" / reuni)
    assert lignes.height == lignes.unique(["depot", "ligne"]).height
    monkeypatch.setattr(compaction, "FICHIERS_MAX", 10_000)
    nuit_directe(racine, [D], reconstruire=True)
    memes_lignes(racine, attendu)


def test_changer_la_cle_rejuge_les_fichiers_et_garde_les_chiffres(
    region: Region, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    racine = region.copier(tmp_path)
    nuit_directe(racine, [D])
    attendu, avant = publie(racine), ranges(racine)
    monkeypatch.setenv("DUIMETRE_CLE", "une autre clé, tout aussi longue que la première")
    nuit_directe(racine, [D])
    memes_lignes(racine, attendu)
    assert not ranges(racine) & avant


def test_deux_cles_ne_se_melangent_jamais(region: Region, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    racine = region.copier(tmp_path)
    nuit_directe(racine, [D])
    with RegistreDepots(lire_reglages(racine).registre) as registre:
        depots = registre.depots().filter(pl.col("fichier").is_not_null() & (pl.col("membre") == ""))
    porteur, nom = depots.select("porteur", "nom").row(0)
    (racine / "raw" / "depots" / porteur / nom).unlink()
    monkeypatch.setenv("DUIMETRE_CLE", "une autre clé, tout aussi longue que la première")
    with pytest.raises(ReglageInvalide, match="La clé des pseudonymes a changé"):
        nuit_directe(racine, [D])
