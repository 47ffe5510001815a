"""Reference implementation of SPECIFICATION §6.6 in plain Python: one project at a time, amounts in decimals."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_DOWN, Decimal
from typing import Any

from oracle import ACQUIS, DUI, REGLES, RIEN_DE_PUBLIE, Alerte, Depot, Forfait, Publie, Resultat, mesurer, reculer
from oracle_registre import Essms, registre_du

CENTIME = Decimal("0.01")
ACQUISITION, MONTEE = "acquisition", "montee_de_version"


@dataclass(frozen=True)
class Depense:
    """One row of depenses.csv (§4.6)."""

    projet: str
    montant: Decimal
    date: date


def premiere(valeurs: Iterable[Any]) -> Any:
    """Choose an attribute of a project: "the first non-empty value of the rows valid at *D* counts" (§4.6)."""
    return next((x for x in valeurs if x is not None), None)


def commune(valeurs: Iterable[Any]) -> Any:
    """Give the value that all share: "null when mixed" (§7)."""
    distinctes = set(valeurs)
    return next(iter(distinctes)) if len(distinctes) == 1 else None


# Amounts


def forfait_de(un: Essms, nature: str) -> Forfait:
    """Give the forfait of an ESSMS: "The rule set of each ESSMS gives the forfaits: usage and equipment, by `type`"."""
    rien = Forfait(Decimal(0), Decimal(0))
    return REGLES[un.regles].forfaits.get((nature, str(un.type), un.dui_reference), rien)


def montant_d_une_nature(essms: Sequence[Essms], nature: str) -> Decimal:
    """Sum usage or equipment of a project (§6.6).

    "each ESSMS scaled by its `part_medico_sociale` (null: whole; where the ESSMS of a project differ, the first 49 are
    those that gain most, usage and equipment each on their own)".
    """
    total, gains = Decimal(0), []
    for un in essms:
        part = Decimal(1) if un.part_medico_sociale is None else un.part_medico_sociale
        forfait = forfait_de(un, nature)
        total += forfait.reduit * part
        gains.append((forfait.plein - forfait.reduit) * part)
    return total + sum(sorted(gains, reverse=True)[:49], Decimal(0))


def montant_theorique(essms: Sequence[Essms], ecartees: Sequence[Essms]) -> Decimal | None:
    """Give `montant_theorique`: the sum of the forfaits (§6.6).

    "An ESSMS without `type`, or a row set aside that names the project, makes `montant_theorique` null".
    """
    if ecartees or any(x.type is None for x in essms):
        return None
    total = montant_d_une_nature(essms, "usage") + montant_d_une_nature(essms, "equipement")
    return total.quantize(CENTIME)


def avance_et_solde(montant: Decimal | None) -> tuple[Decimal | None, Decimal | None]:
    """Cut an amount: "Advance and balance are 50 % each, in exact cents, the odd one in the balance" (§6.6)."""
    if montant is None:
        return None, None
    avance = (montant / 2).quantize(CENTIME, ROUND_DOWN)
    return avance, montant - avance


# Conditions


def etat_des_cibles(verdicts: Mapping[str, Collection[str]], ecartees: Collection[Essms]) -> str:
    """Judge `cibles_usage` from the opposable verdicts of each ESSMS (§6.6).

    "every ESSMS of the project is à la cible and at least one verdict is `atteint` (`sans_objet` when all are à la cible
    and none is `atteint`); `a_confirmer` when each is à la cible or à confirmer; else `non_remplie`"; "with a row set
    aside `cibles_usage` is `a_confirmer` at best".
    """
    tous = {x for siens in verdicts.values() for x in siens}
    if tous - ACQUIS - {"a_confirmer"}:
        return "non_remplie"
    if "a_confirmer" in tous or ecartees:
        return "a_confirmer"
    return "remplie" if "atteint" in tous else "sans_objet"


def etat_du_service(essms: Iterable[Essms], vsr: date | None, d: date) -> str:
    """Judge `service_regulier` (§6.6).

    "`date_vsr` is not null and ≤ *D*; `non_remplie` when it is later; `inconnue` when null; `sans_objet` when all ESSMS
    of the project are version upgrades".
    """
    if all(x.type == MONTEE for x in essms):
        return "sans_objet"
    if vsr is None:
        return "inconnue"
    return "remplie" if vsr <= d else "non_remplie"


def depenses_justifiees(depenses: Iterable[Depense], projet: str, d: date) -> Decimal | None:
    """Give the justified expenses: "the latest row of a project dated ≤ *D* counts" (§4.6)."""
    connues = [x for x in depenses if x.projet == projet and x.date <= d]
    return max(connues, key=lambda x: x.date).montant if connues else None


# Calendar


def mois_ecoules(debut: date, d: date) -> int:
    """Count the whole months since a day, with the month arithmetic of §6.1 (it clips)."""
    mois = 0
    while reculer(debut, -(mois + 1)) <= d:
        mois += 1
    return mois


def delai_indicatif(essms: Iterable[Essms], portee: str | None) -> int | None:
    """Give `delai_indicatif_mois` (§6.6).

    "18 for an acquisition, 9 for a version upgrade (the longest of the project; null for `portee` `national`)".
    """
    delais = [{ACQUISITION: 18, MONTEE: 9}[x.type] for x in essms if x.type is not None]
    return None if portee == "national" else max(delais, default=None)


# The project


def mesurer_projets(
    lignes: Sequence[Essms], mesures: Resultat, d: date, depenses: Sequence[Depense], publie: Publie
) -> Resultat:
    """Add to what a measure gives the tables of §6.6: "A *project* is the rows of one `projet` valid at *D*"."""
    registre = registre_du(lignes, d)
    for projet in {x.convention for x in registre.valides}:
        siens = [x for x in registre.valides if x.convention == projet]
        ecartees = [x for x in registre.ecartees if x.convention == projet]
        ligne, conditions, alertes = juger(projet, siens, ecartees, mesures, d=d, depenses=depenses)
        # "the first published measure date at which `cibles_usage` is `remplie`".
        dates = [jour for sien, jour in publie.atteintes if sien == projet]
        dates += [d] if conditions["cibles_usage"] == "remplie" else []
        mesures.conventions[projet] = {**ligne, "date_cibles_atteintes": min(dates, default=None)}
        mesures.conditions.update({(projet, x): {"etat": etat} for x, etat in conditions.items()})
        mesures.alertes |= alertes
    for un in registre.valides:
        if un.type == MONTEE:
            mesures.aptitudes[un.finess_et] = aptitude(un, mesures)
    return mesures


def juger(
    projet: str, essms: Sequence[Essms], ecartees: Sequence[Essms], mesures: Resultat, *, d: date,
    depenses: Sequence[Depense],
) -> tuple[dict[str, Any], dict[str, str], set[Alerte]]:  # fmt: skip
    """Judge one project: its row of conventions, the state of its conditions, its alerts (§6.6)."""
    theorique = montant_theorique(essms, ecartees)
    accorde = premiere(x.montant_accorde for x in essms)
    # "`montant_accorde`, when the register has it, is what counts".
    avance, solde = avance_et_solde(theorique if accorde is None else accorde)
    justifiees = depenses_justifiees(depenses, projet, d)
    # "`solde_payable` = min(balance, justified expenses − advance), never below 0; null without amount or expenses."
    payable = None
    if avance is not None and solde is not None and justifiees is not None:
        payable = max(min(solde, justifiees - avance), Decimal(0))

    verdicts = {
        x.finess_et: {
            y["verdict"] for (finess, _), y in mesures.indicateurs.items() if finess == x.finess_et and y["opposable"]
        }
        for x in essms
    }
    vsr = premiere(x.date_vsr for x in essms)
    conditions = {
        "cibles_usage": etat_des_cibles(verdicts, ecartees),
        "service_regulier": etat_du_service(essms, vsr, d),
        # "`depenses.csv` has a row of the project dated ≤ *D*; else `inconnue`".
        "depenses": "inconnue" if justifiees is None else "remplie",
    }
    # "`solde_exigible` is true when `cibles_usage` is `remplie`, `service_regulier` `remplie` or `sans_objet`, and
    # `solde_payable` > 0."
    exigible = (
        conditions["cibles_usage"] == "remplie"
        and conditions["service_regulier"] in ("remplie", "sans_objet")
        and payable is not None
        and payable > 0
    )
    portee = premiere(x.portee for x in essms)
    convention, debut = premiere(x.date_convention for x in essms), premiere(x.date_debut_projet for x in essms)
    # "`mois_ecoules` since `date_debut_projet` (else `date_convention`), `echeance_indicative`".
    depart = debut or convention
    delai = delai_indicatif(essms, portee)
    echeance = None if depart is None or delai is None else reculer(depart, -delai)
    ligne = {
        "porteur": commune(x.porteur for x in essms),
        "type": commune(x.type for x in essms),
        "portee": portee,
        "nb_essms": len(essms),
        "nb_essms_a_la_cible": sum(mesures.maturin[x.finess_et]["cibles_atteintes"] for x in essms),
        "nb_essms_a_confirmer": sum(mesures.maturin[x.finess_et]["cibles_a_confirmer"] for x in essms),
        "montant_theorique": theorique,
        "montant_accorde": accorde,
        "avance": avance,
        "solde": solde,
        "depenses_justifiees": justifiees,
        "solde_payable": payable,
        "solde_exigible": exigible,
        "date_convention": convention,
        "date_debut_projet": debut,
        "date_vsr": vsr,
        "delai_indicatif_mois": delai,
        "mois_ecoules": None if depart is None else mois_ecoules(depart, d),
        "echeance_indicative": echeance,
    }
    alertes: set[Alerte] = set()
    # "a difference raises an alert `MONTANT`"; "makes `montant_theorique` null (same alert)".
    if theorique is None or (accorde is not None and accorde != theorique):
        alertes.add(("MONTANT", projet, None, None))
    if echeance is not None and d > echeance:
        alertes.add(("DELAI_DEPASSE", projet, None, None))
    return ligne, conditions, alertes


def aptitude(un: Essms, mesures: Resultat) -> dict[str, Any]:
    """Judge the vérification d'aptitude: "the three DUI rates supplied and not zero: `pret` or `bloque`" (§6.6)."""
    pret = all(mesures.indicateurs[(un.finess_et, x)]["taux"] for x in DUI)
    return {"porteur": un.porteur, "projet": un.convention, "etat": "pret" if pret else "bloque"}


def mesurer_monde(
    lignes: Sequence[Essms],
    depots: Sequence[Depot],
    d: date,
    depenses: Sequence[Depense] = (),
    publie: Publie = RIEN_DE_PUBLIE,
) -> Resultat:
    """Measure a world whole: its ESSMS (§6.5), then its projects (§6.6)."""
    return mesurer_projets(lignes, mesurer(lignes, depots, d, publie), d, depenses, publie)
