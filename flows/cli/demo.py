"""`duimetre demo`: a generated region, its night, the rates by sub-sector, and one query to try."""

from __future__ import annotations

import argparse
from datetime import date
from pathlib import Path

from flows.cli.commun import Declarer, Sortie, afficher
from flows.cli.generer import raconter
from flows.cli.nuit import lancer_nuit
from transforms.dire.formats import jour, nombre

DATE_MESURE = date(2026, 4, 1)

_TAUX_PAR_SOUS_SECTEUR = """
    SELECT
        coalesce(e.sous_secteur, '?') AS sous_secteur,
        count(DISTINCT i.finess_et) AS essms,
        i.indicateur,
        100.0 * sum(i.numerateur) / nullif(sum(i.denominateur), 0) AS taux
    FROM indicateurs AS i
    JOIN essms AS e USING (finess_et)
    WHERE i.date_mesure = $1 AND i.cible IS NOT NULL AND i.taux IS NOT NULL
    GROUP BY ALL
"""


def ajouter(declarer: Declarer) -> None:
    """Declare the command."""
    declarer("demo", "Génère une région, fait la nuit du 1er avril 2026 et montre les taux.", _executer)


def _executer(options: argparse.Namespace) -> int:
    from flows import reglages  # noqa: PLC0415
    from transforms import donnees_fictives  # noqa: PLC0415

    r = reglages.lire_reglages(options.data)
    afficher(raconter(donnees_fictives.generer(r.data, donnees_fictives.Demande()), str(r.raw)) + "\n")
    code = lancer_nuit(r.data, [DATE_MESURE])
    if code == Sortie.OK:
        afficher("\n" + _taux(r.curated / "actuel" / "catalogue.duckdb") + "\n")
        afficher(_requete(r.curated))
    return code


def _taux(catalogue: Path) -> str:
    import duckdb  # noqa: PLC0415

    from transforms.dire.libelles import AVEC_CIBLE, INDICATEURS  # noqa: PLC0415

    with duckdb.connect(str(catalogue.resolve()), read_only=True) as base:
        lignes = base.execute(_TAUX_PAR_SOUS_SECTEUR, [DATE_MESURE]).fetchall()
    secteurs = sorted({secteur for secteur, _, _, _ in lignes})
    taux = {(secteur, indicateur): valeur for secteur, _, indicateur, valeur in lignes}
    essms = {secteur: max(n for s, n, _, _ in lignes if s == secteur) for secteur in secteurs}
    tableau = [f"Taux par sous-secteur au {jour(DATE_MESURE)} (%)"]
    tableau.append(f"{'':6}{'ESSMS':>6}" + "".join(f"{INDICATEURS[i].nom:>21}" for i in AVEC_CIBLE))
    for secteur in secteurs:
        cellules = [taux.get((secteur, i)) for i in AVEC_CIBLE]
        tableau.append(f"{secteur:6}{essms[secteur]:>6}" + "".join(f"{nombre(c):>21}" for c in cellules))
    return "\n".join(tableau)


def _requete(curated: Path) -> str:
    chemin = curated / "actuel" / "indicateurs" / "*" / "*.parquet"
    return (
        "À essayer dans DuckDB : les ESSMS les plus proches de la cible.\n"
        "  SELECT finess_et, porteur, indicateur, numerateur, denominateur, round(taux, 1) AS taux, reste_a_faire\n"
        f"  FROM read_parquet('{chemin}', hive_partitioning = true)\n"
        "  WHERE opposable AND reste_a_faire > 0 ORDER BY reste_a_faire LIMIT 10;"
    )
