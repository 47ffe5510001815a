"""`duimetre expliquer`: one ESSMS explained from what is published."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import demo_publiee
import polars as pl
import pytest
from typographie import espaces

from schemas.erreurs import Inconnu
from transforms.explication import Explication, dire, en_json, expliquer

FINESS = "970490025"
D = demo_publiee.DATE_MESURE


def publie(table: str, finess: str = FINESS) -> list[dict[str, Any]]:
    fichier = demo_publiee.version() / table / f"date_mesure={D}" / f"{table}.parquet"
    return pl.read_parquet(fichier).filter(pl.col("finess_et") == finess).to_dicts()


def test_les_nombres_sont_ceux_de_la_publication() -> None:
    e = expliquer(demo_publiee.version(), FINESS)
    assert (e.date_mesure, e.debut_fenetre, e.fin_fenetre, e.regles) == (D, date(2026, 1, 1), date(2026, 3, 31), "2025")
    vus = {i.indicateur: (i.numerateur, i.denominateur, i.taux, i.statut, i.reste_a_faire) for i in e.indicateurs}
    assert vus == {
        x["indicateur"]: (x["numerateur"], x["denominateur"], x["taux"], x["statut"], x["reste_a_faire"])
        for x in publie("indicateurs")
    }
    (populations,) = publie("populations")
    assert [x.nombre for x in e.etapes] == [
        populations[c]
        for c in ("dossiers_connus", "dossiers_accompagnes", "dossiers_actifs", "dossiers_projet", "dossiers_agenda")
    ]


def test_chaque_etape_dit_ce_qu_elle_perd() -> None:
    connus, accompagnes, actifs, projet, agenda = expliquer(demo_publiee.version(), FINESS).etapes
    assert connus.perdus is None
    for avant, apres in ((connus, accompagnes), (accompagnes, actifs), (actifs, projet), (actifs, agenda)):
        assert avant.nombre is not None and apres.nombre is not None
        assert apres.perdus == avant.nombre - apres.nombre


def test_l_ecran_se_lit_d_un_trait() -> None:
    ecran = espaces(dire(expliquer(demo_publiee.version(), FINESS)))
    assert ecran.startswith(
        f"IME LES LETCHIS ({FINESS}, PH), porteur trois-ravines\nMesure du 1er avril 2026, règles 2025"
    )
    (ligne,) = [x for x in publie("indicateurs") if x["indicateur"] == "dossiers_actifs"]
    taux = f"{ligne['taux']:.1f}".replace(".", ",")
    assert (
        f"Dossiers actifs : {ligne['numerateur']} dossiers actifs pour {ligne['denominateur']} personnes de la file active, "
        f"soit {taux}" in ecran
    )
    assert "Sources : dossiers du DUI (extraction du 01/05/2026)" in ecran
    assert "None" not in ecran


def test_tous_les_essms_de_la_demo_s_expliquent() -> None:
    """Absent and partial sources, zero denominators, exemptions: every sentence holds together."""
    finess = pl.read_parquet(demo_publiee.version() / "essms" / "essms.parquet")["finess_et"]
    for e in (expliquer(demo_publiee.version(), f) for f in finess):
        verifier_phrases(e)


def verifier_phrases(e: Explication) -> None:
    ecran = dire(e)
    assert "None" not in ecran
    for i in e.indicateurs:
        assert i.phrase in ecran
        assert ("non calculé" in i.phrase) == (i.taux is None and (i.cible is not None or i.statut == "source_absente"))
        assert ("reste" in i.phrase) == (i.atteint is False)
        assert ("peut être flatté" in i.phrase) == (i.statut == "source_partielle" and i.cible is not None)
        assert ("à confirmer" in i.phrase) == (i.verdict == "a_confirmer" and i.atteint is True)
        assert bool(i.doutes) == (i.verdict == "a_confirmer")
        assert all(f"À confirmer\u00a0: {d.phrase}" in ecran for d in i.doutes)
        if i.statut == "source_absente":
            assert any(not s.presente for s in i.sources)
    json.loads(en_json(e))


def test_une_mesure_publiee_avant_les_verdicts_s_explique(tmp_path: Path) -> None:
    """« Columns are added »: the files of an older version lack them, and nothing is said of a verdict."""
    depuis = {
        "indicateurs": ["projet", "taux_plancher", "verdict"],
        "sources": ["tardive", "refusee", "sejours_inconnus"],
    }
    for table in ("indicateurs", "sources", "maturin_sms", "populations", "alertes"):
        fichier = tmp_path / table / f"date_mesure={D}" / f"{table}.parquet"
        fichier.parent.mkdir(parents=True)
        publiee = demo_publiee.version() / table / f"date_mesure={D}" / f"{table}.parquet"
        pl.read_parquet(publiee).drop(depuis.get(table, [])).write_parquet(fichier)
    avant, apres = expliquer(tmp_path, FINESS), expliquer(demo_publiee.version(), FINESS)
    assert {(i.verdict, i.taux_plancher, i.doutes) for i in avant.indicateurs} == {(None, None, ())}
    assert [i.taux for i in avant.indicateurs] == [i.taux for i in apres.indicateurs]
    assert "None" not in dire(avant)


def test_inconnus() -> None:
    with pytest.raises(Inconnu, match="999999999"):
        expliquer(demo_publiee.version(), "999999999")
    with pytest.raises(Inconnu, match="01/04/2026"):
        expliquer(demo_publiee.version(), FINESS, date(2025, 1, 1))


def commande(*arguments: str, data: Path) -> subprocess.CompletedProcess[str]:
    appel = [sys.executable, "-c", "from flows.cli.principal import main; main()", *arguments, "--data", str(data)]
    return subprocess.run(appel, capture_output=True, text=True, cwd="/", env=dict(os.environ), check=False)


def test_codes_de_sortie(tmp_path: Path) -> None:
    bon = commande("expliquer", FINESS.lower(), "--json", data=demo_publiee.demo())
    assert bon.returncode == 0
    assert json.loads(bon.stdout)["finess_et"] == FINESS
    for arguments in (("000000000",), (FINESS, "--date-mesure", "2020-01-01")):
        inconnu = commande("expliquer", *arguments, data=demo_publiee.demo())
        assert (inconnu.returncode, inconnu.stdout) == (5, "")
        assert "Traceback" not in inconnu.stderr and inconnu.stderr.strip()
    rien = commande("expliquer", FINESS, data=tmp_path)
    assert rien.returncode == 1
    assert "Aucune version" in rien.stderr
