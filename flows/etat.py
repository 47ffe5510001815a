"""One-screen verdict for the operator (specification §3, `duimetre etat`)."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl

from flows.publication import MANIFESTE, actuelle
from flows.registre import Registre
from flows.reglages import Reglages

PEREMPTION = timedelta(hours=26)


@dataclass(frozen=True)
class Etat:
    """What the operator must know. `perime`: nothing was published in the last 26 hours."""

    version: str | None
    publie_le: datetime | None
    perime: bool
    dates_mesure: list[str]
    depots_par_statut: dict[str, int]
    porteurs_sans_depot: list[str]
    alertes_par_code: dict[str, int]


def constater(reglages: Reglages, maintenant: datetime) -> Etat:
    """The state of a data root. Raises `LienInvalide` when `curated/actuel` is damaged."""
    publiee = actuelle(reglages.curated)
    if publiee is None:
        return Etat(None, None, True, [], {}, [], {})
    manifeste = json.loads((publiee / MANIFESTE).read_text(encoding="utf-8"))
    publie_le = datetime.fromisoformat(manifeste["cree_le"])
    with Registre(reglages.registre) as registre:
        depots = registre.depots()
    essms = _lire(publiee / "essms" / "essms.parquet")
    alertes = pl.concat(
        [_lire(publiee / "alertes" / f"date_mesure={d}" / "alertes.parquet") for d in manifeste["dates_mesure"]]
    )
    porteurs = set(essms["porteur"].to_list())
    return Etat(
        version=manifeste["version"],
        publie_le=publie_le,
        perime=maintenant - publie_le > PEREMPTION,
        dates_mesure=manifeste["dates_mesure"],
        depots_par_statut=_decompte(depots["statut"]),
        porteurs_sans_depot=sorted(porteurs - set(depots["porteur"].to_list())),
        alertes_par_code=_decompte(alertes["code"]),
    )


def _lire(fichier: Path) -> pl.DataFrame:
    with fichier.open("rb") as flux:
        return pl.read_parquet(flux)


def _decompte(valeurs: pl.Series) -> dict[str, int]:
    return dict(valeurs.value_counts(sort=True).sort(valeurs.name).iter_rows())


def dire(etat: Etat, fuseau: ZoneInfo) -> str:
    """The state in a few French lines."""
    if etat.publie_le is None:
        return "Aucune publication. Lancez « duimetre nuit »."
    lignes = [
        f"{'PÉRIMÉ' if etat.perime else 'OK'} — dernière publication le "
        f"{etat.publie_le.astimezone(fuseau):%d/%m/%Y à %H:%M} (version {etat.version})",
        f"Dates de mesure : {', '.join(etat.dates_mesure)}",
        "Dépôts : " + (", ".join(f"{n} {s.replace('_', ' ')}" for s, n in etat.depots_par_statut.items()) or "aucun"),
        "Porteurs sans dépôt : " + (", ".join(etat.porteurs_sans_depot) or "aucun"),
        "Alertes : " + (", ".join(f"{code} {n}" for code, n in etat.alertes_par_code.items()) or "aucune"),
    ]
    if etat.perime:
        lignes.append("La dernière publication a plus de 26 heures : vérifiez la planification et relancez la nuit.")
    return "\n".join(lignes)


def en_json(etat: Etat) -> str:
    """The same for machines."""
    return json.dumps(asdict(etat), ensure_ascii=False, default=lambda d: d.isoformat(), indent=2)
