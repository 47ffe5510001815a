"""Small random worlds (ESSMS, deposits, measure date) that go looking for trouble, for differential tests.

Everything a world holds could have passed validation (§5): facts no later than the day after the extraction, one
row per key of a state table in a file, exits after entries, few enough rejected rows in an accepted file. People and
structures are invented.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from pathlib import PurePosixPath
from typing import Any

from oracle import CLES_ETAT, REGLES, Depot, Essms, Ligne, fenetre, reculer

Monde = tuple[tuple[Essms, ...], tuple[Depot, ...], date]

TABLES = (
    "dossiers",
    "sejours",
    "mises_a_jour",
    "projets",
    "agenda",
    "mss",
    "dmp",
    "eprescription",
    "eparcours",
)
TABLES_TDDUI = ("dossiers", "sejours", "mises_a_jour", "projets", "agenda")

# Clipped months (31 May, 31 March, 29 March), leap days, the turn of the year, an ordinary day.
DATES_MESURE = (
    date(2026, 4, 1),
    date(2026, 5, 31),
    date(2024, 5, 31),
    date(2024, 3, 29),
    date(2025, 3, 31),
    date(2026, 1, 1),
    date(2026, 2, 1),
    date(2025, 7, 15),
)
FINESS = ("010000123", "2A0000014", "970400019", "750000001", "2B0000020", "970200025", "980500033", "690000042")

DOSSIERS = ("1", "2", "3", "4")
PERSONNES = ("1", "2", "3", "p")
EVENEMENTS = ("1", "2", "r")
HEURES = (time(0, 0), time(0, 0, 1), time(12, 0), time(23, 59, 59), time(23, 59, 59, 999000))
# Families of ends of names whose order is easily wrong: upper before lower case, digits as text, prefixes of one
# another, accents after z, code points in another order than UTF-16 units (U+FF5E before U+1D49C).
SUFFIXES = (
    ("_a", "_B", "_b"),
    ("_10", "_9", ""),
    ("", "_a", "_a_b"),
    ("_é", "_z", "_f"),
    ("_\uff5e", "_\U0001d49c"),
)
SUFFIXES_PARTIELS = (
    ("_partiel", "_PARTIEL", "_Partiel2"),
    ("_partiel_a", "_partiel", "_a_partiel"),
    ("_partiel_\uff5e", "_partiel_\U0001d49c"),
)
FORMES = ("fichier", "fichier", "fichier", "archive", "archive", "classeur", "tddui")
DOSSIERS_DE_DEPOT = ("", "", "a/", "Z/", "b/c/")
ARCHIVES = ("envoi.zip", "Envoi2.zip", "a.zip")


def ins_valide(treize: str) -> str:
    """Give an INS of 15 characters from its first 13 digits, "key = 97 − number mod 97" (§4.1)."""
    return f"{treize}{97 - int(treize) % 97:02d}"


INS = tuple(ins_valide(x) for x in ("1990175999001", "2990275999002", "1990375999003"))


@dataclass(frozen=True)
class Decor:
    """What the files of one porteur share, few values of each so that they meet: ESSMS, days, dates, parts of names."""

    porteur: str
    finess: tuple[str, ...]
    jours: tuple[date, ...]
    heures: tuple[time, ...]
    extractions: tuple[date, ...]
    suffixes: tuple[str, ...]
    suffixes_partiels: tuple[str, ...]
    dossiers: tuple[str, ...]
    archives: tuple[str, ...]
    formes: tuple[str, ...]


def jours_pivots(essms: Sequence[Essms], d: date) -> tuple[date, ...]:
    """List the days on the borders of the windows of a world, and one inside each; the borders of years too."""
    jours: list[date] = []
    for un in essms:
        debut, fin = fenetre(un, d, REGLES[un.regles])
        jours += [debut - timedelta(days=1), debut, debut + timedelta(days=1), debut + (fin - debut) / 2]
        jours += [fin - timedelta(days=1), fin, d, d + timedelta(days=1)]
    jours += [date(d.year - 1, 12, 31), date(d.year, 1, 1), date(d.year - 1, 1, 1), reculer(d, 5)]
    return tuple(jours)


def extractions_pivots(d: date) -> tuple[date, ...]:
    """List the extraction dates that change a measure: around D and D + 45 days, and around the starts of windows."""
    autour_d = [d + timedelta(days=x) for x in (-1, 0, 1, 5, 10, 44, 45, 46, 47, 80)]
    autour_debut = [reculer(d, mois) + timedelta(days=x) for mois in (1, 3) for x in (-1, 0, 1)]
    return (*autour_d, *autour_debut, d - timedelta(days=7), reculer(d, 14))


def tirer_essms(rng: random.Random, d: date) -> tuple[Essms, ...]:
    """Draw 1 to 4 ESSMS under 1 to 3 porteurs, with rules, first measure, sub-sector and exemption of all kinds."""
    nombre = rng.choice((1, 1, 2, 2, 3, 4))
    porteurs = [f"p{i}" for i in range(1, rng.choice((1, 1, 1, 2, 3)) + 1)]
    return tuple(
        Essms(
            finess,
            rng.choice(porteurs),
            rng.choice(("2025", "2025", "2023")),
            rng.choice((None, None, d, d, d - timedelta(days=1), d + timedelta(days=1))),
            rng.choice((None, None, "PA", "PH", "PJM")),
            rng.random() < 0.15,
        )
        for finess in rng.sample(FINESS, nombre)
    )


def tirer_fait(rng: random.Random, decor: Decor, extraction: date) -> datetime:
    """Draw the moment of a fact, at most one day after the extraction (§5)."""
    possibles = [x for x in decor.jours if x <= extraction + timedelta(days=1)]
    jour = rng.choice(possibles) if possibles else extraction
    return datetime.combine(jour, rng.choice(decor.heures))


def ligne_dossiers(rng: random.Random, decor: Decor, extraction: date) -> Ligne:
    """Draw one row of `dossiers`: persons shared by dossiers, 0 to several INS, an INS used as `id_personne`."""
    id_dossier = rng.choice(DOSSIERS)
    id_personne = id_dossier if rng.random() < 0.4 else rng.choice((*PERSONNES, *PERSONNES, INS[0]))
    return {
        "id_dossier": id_dossier,
        "id_personne": id_personne,
        "ins": rng.choice((None, None, *INS)),
        "date_derniere_maj": tirer_fait(rng, decor, extraction) if rng.random() < 0.5 else None,
        "eligible_projet": rng.choice((True, True, False, None)),
    }


def ligne_sejours(rng: random.Random, decor: Decor, extraction: date) -> Ligne:
    """Draw one row of `sejours`, entries and exits on the borders of the windows."""
    ancienne = reculer(extraction, 36)
    limite = extraction + timedelta(days=365)
    entree = rng.choice([ancienne, ancienne, *(x for x in decor.jours if x <= limite)])
    sorties = [x for x in decor.jours if x >= entree]
    sortie = rng.choice(sorties) if sorties and rng.random() < 0.5 else None
    return {"id_dossier": rng.choice(DOSSIERS), "date_entree": entree, "date_sortie": sortie}


def ligne_mises_a_jour(rng: random.Random, decor: Decor, extraction: date) -> Ligne:
    """Draw one row of `mises_a_jour`."""
    return {"id_dossier": rng.choice((*DOSSIERS, "5")), "horodatage": tirer_fait(rng, decor, extraction)}


def ligne_projets(rng: random.Random, decor: Decor, extraction: date) -> Ligne:
    """Draw one row of `projets`; few identifiers, so that they move from dossier to dossier."""
    del extraction  # A projet may start or end on any day (§5).
    return {
        "id_dossier": rng.choice((*DOSSIERS, "5")),
        "id_projet": rng.choice(("1", "2", "3")),
        "statut": rng.choice(("actif", "actif", "en_preparation", "termine", "termine", "suspendu", "annule")),
        "date_debut": rng.choice((None, *decor.jours)),
        "date_fin": rng.choice((None, *decor.jours)),
    }


def ligne_agenda(rng: random.Random, decor: Decor, extraction: date) -> Ligne:
    """Draw one row of `agenda`; few identifiers, so that events repeat and are collective."""
    jours = [x for x in decor.jours if x <= extraction + timedelta(days=700)]
    return {
        "id_dossier": rng.choice((*DOSSIERS, "5")),
        "id_evenement": rng.choice(EVENEMENTS),
        "debut": datetime.combine(rng.choice(jours or [extraction]), rng.choice(decor.heures)),
        "statut": rng.choice(("planifie", "realise", "annule")),
    }


def ligne_mss(rng: random.Random, decor: Decor, extraction: date) -> Ligne:
    """Draw one row of `mss`, of either grain, with messages of several lines."""
    return {
        "horodatage": tirer_fait(rng, decor, extraction),
        "id_message": rng.choice((None, None, "1", "2", "3")),
        "bal_emettrice": rng.choice((None, "bal1", "bal2")),
        "sens": rng.choice(("envoye", "envoye", "envoye", "recu")),
        "nb_messages": rng.choice((0, 1, 1, 1, 2, 7)),
    }


def ligne_dmp(rng: random.Random, decor: Decor, extraction: date) -> Ligne:
    """Draw one row of `dmp`, with at least one identifier, known or not (the same strings name other things)."""
    while True:
        identifiants = {
            "id_dossier": rng.choice((None, None, *DOSSIERS, "5", "p")),
            "ins": rng.choice((None, None, None, *INS)),
            "id_personne": rng.choice((None, None, *PERSONNES, "5", INS[0])),
        }
        if any(x is not None for x in identifiants.values()):
            break
    return {
        **identifiants,
        "horodatage": tirer_fait(rng, decor, extraction),
        "id_document": rng.choice((None, "1", "2")),
        "statut": rng.choice(("succes", "succes", "succes", "echec")),
    }


def ligne_eprescription(rng: random.Random, decor: Decor, extraction: date) -> Ligne:
    """Draw one row of `eprescription`."""
    return {"id_import": rng.choice(EVENEMENTS), "horodatage": tirer_fait(rng, decor, extraction)}


def ligne_eparcours(rng: random.Random, decor: Decor, extraction: date) -> Ligne:
    """Draw one row of `eparcours`."""
    return {"id_echange": rng.choice(EVENEMENTS), "horodatage": tirer_fait(rng, decor, extraction)}


LIGNES: dict[str, Callable[[random.Random, Decor, date], Ligne]] = {
    "dossiers": ligne_dossiers,
    "sejours": ligne_sejours,
    "mises_a_jour": ligne_mises_a_jour,
    "projets": ligne_projets,
    "agenda": ligne_agenda,
    "mss": ligne_mss,
    "dmp": ligne_dmp,
    "eprescription": ligne_eprescription,
    "eparcours": ligne_eparcours,
}


def tirer_lignes(rng: random.Random, decor: Decor, table: str, extraction: date) -> tuple[Ligne, ...]:
    """Draw 0 to 8 accepted rows about some of the ESSMS of a porteur, one per key for a state table (§5)."""
    nommes = rng.sample(decor.finess, rng.randint(1, len(decor.finess)))
    lignes: list[Ligne] = []
    cles: set[tuple[Any, ...]] = set()
    for _ in range(rng.choice((0, 1, 2, 3, 4, 5, 6, 8))):
        ligne = {"finess_et": rng.choice(nommes), **LIGNES[table](rng, decor, extraction)}
        if table in CLES_ETAT:
            cle = (ligne["finess_et"], *(ligne[x] for x in CLES_ETAT[table]))
            if cle in cles:
                continue
            cles.add(cle)
        lignes.append(ligne)
    # Header = 1; gaps stand for blank and rejected lines.
    numeros = sorted(rng.sample(range(2, 30), len(lignes)))
    return tuple({**ligne, "ligne": numero} for ligne, numero in zip(lignes, numeros, strict=True))


def tirer_nom(rng: random.Random, decor: Decor, table: str, extraction: date) -> tuple[str, str, bool]:
    """Draw (chemin, membre, partiel) of a deposit: plain file, archive member, sheet or bundle (§4)."""
    jour = rng.choice((extraction.isoformat(), extraction.isoformat(), f"{extraction:%Y%m%d}"))
    partiel = rng.random() < 0.4
    suffixe = rng.choice(decor.suffixes_partiels if partiel else decor.suffixes)
    prefixe = rng.choice((table, table, table, table.upper()))
    fichier = f"{prefixe}_{jour}{suffixe}{rng.choice(('.csv', '.csv', '.csv.gz', '.xlsx', '.parquet'))}"
    dossier = rng.choice(decor.dossiers)
    forme = rng.choice(decor.formes)
    if forme == "archive":
        return dossier + rng.choice(decor.archives), rng.choice(("", "A/", "z/")) + fichier, partiel
    if forme == "classeur":
        return f"{dossier}duimetre_{jour}{suffixe}.xlsx", table, partiel
    if forme == "tddui" and table in TABLES_TDDUI:
        return f"{dossier}tddui_{jour}{rng.choice(decor.suffixes)}.json", "", True
    return dossier + fichier, "", partiel


def tirer_etat_de_reception(rng: random.Random, decor: Decor, lignes: tuple[Ligne, ...]) -> dict[str, Any]:
    """Draw the outcome of validation of a file: accepted, with 1 or 2 rejected rows, refused for its rows or else."""
    forme = rng.random()
    if forme < 0.72:
        # No row left: the file was about structures outside the project.
        return {"statut": "accepte" if lignes else "accepte_avec_rejets", "lignes": lignes}
    candidats = (None, *decor.finess, *(x["finess_et"] for x in lignes))
    rejets = tuple(rng.choice(candidats) for _ in range(rng.randint(1, 2)))
    if forme < 0.86:
        return {"statut": "accepte_avec_rejets", "lignes": lignes, "rejets": rejets}
    if forme < 0.95:
        toutes = (*(x["finess_et"] for x in lignes), *rejets, rng.choice(candidats), rng.choice(candidats))
        return {"statut": "refuse", "rejets": toutes}
    return {"statut": "refuse"}


def tirer_depots(rng: random.Random, decor: Decor, table: str, agitation: int) -> Iterator[Depot]:
    """Draw at most `agitation` deposits of one table of one porteur, dates often equal."""
    for _ in range(rng.randint(0, agitation)):
        extraction = rng.choice(decor.extractions)
        chemin, membre, partiel = tirer_nom(rng, decor, table, extraction)
        lignes = tirer_lignes(rng, decor, table, extraction)
        etat = tirer_etat_de_reception(rng, decor, lignes)
        yield Depot(decor.porteur, chemin, table, extraction, partiel, membre, **etat)


def lignes_socle(rng: random.Random, table: str, finess: str, nombre: int, d: date) -> list[Ligne]:
    """Draw the rows of a table for an ESSMS in order: `nombre` dossiers accompanied, most of them in use.

    With ten dossiers the targets of 70 and 90 % fall on whole numbers.
    """
    fait = datetime.combine(d - timedelta(days=rng.choice((1, 2))), rng.choice(HEURES))
    dossiers = [str(x + 1) for x in range(nombre)]
    servis = dossiers[: max(0, nombre - rng.choice((0, 0, 1, 1, 2, 3, 4)))] or dossiers[:1]
    debuts = [reculer(d, mois) for mois in (1, 3)]
    bords = [x - timedelta(days=recul) for x in (*debuts, d) for recul in (0, 1)]
    ancienne = reculer(d, 24)
    lignes: dict[str, list[Ligne]] = {
        "dossiers": [{"id_dossier": x, "id_personne": x, "eligible_projet": True} for x in dossiers],
        "sejours": [
            {
                "id_dossier": x,
                "date_entree": rng.choice([ancienne] * 9 + [d - timedelta(days=1)]),
                "date_sortie": rng.choice([None] * 9 + [d, d - timedelta(days=1)]),
            }
            if rng.random() < 0.8
            else {"id_dossier": x, "date_entree": ancienne, "date_sortie": rng.choice(bords)}
            for x in dossiers
        ],
        "mises_a_jour": [{"id_dossier": x, "horodatage": fait} for x in servis],
        "projets": [
            {
                "id_dossier": x,
                "id_projet": f"s{x}",
                "statut": rng.choice(("actif", "actif", "actif", "en_preparation", "termine", "suspendu")),
                "date_debut": rng.choice((None, ancienne, *bords)),
                "date_fin": rng.choice((None, None, None, d, *bords)),
            }
            for x in servis
        ],
        "agenda": [{"id_dossier": x, "id_evenement": "s", "debut": fait, "statut": "realise"} for x in servis],
        "mss": [{"horodatage": fait, "sens": "envoye", "nb_messages": len(servis)}],
        "dmp": [{"id_dossier": x, "horodatage": fait, "statut": "succes"} for x in servis],
        "eprescription": [{"id_import": "s", "horodatage": fait}],
        "eparcours": [{"id_echange": "s", "horodatage": fait}],
    }
    return [{"finess_et": finess, **x} for x in lignes[table]]


def tirer_socle(rng: random.Random, decor: Decor, d: date) -> Iterator[Depot]:
    """Draw a complete deposit of every table after the window, so that most worlds have rates to disturb."""
    nombres = {x: rng.choice((1, 2, 3, 4, 10, 10)) for x in decor.finess}
    for table in TABLES:
        if table not in ("dossiers", "sejours") and rng.random() < 0.2:
            continue
        extraction = rng.choice((*[decor.extractions[0]] * 5, d - timedelta(days=1)))
        lignes = [x for finess, nombre in nombres.items() for x in lignes_socle(rng, table, finess, nombre, d)]
        chemin = f"{table}_{extraction}{rng.choice(decor.suffixes)}.csv"
        yield Depot(
            decor.porteur, chemin, table, extraction, lignes=tuple({**x, "ligne": i + 2} for i, x in enumerate(lignes))
        )


def monde(rng: random.Random) -> Monde:
    """Draw a world: (essms, depots, measure date), with the deposits in no order and each name once."""
    d = rng.choice(DATES_MESURE)
    essms = tirer_essms(rng, d)
    jours = jours_pivots(essms, d)
    depots: list[Depot] = []
    for porteur in sorted({x.porteur for x in essms}):
        finess = tuple(x.finess_et for x in essms if x.porteur == porteur)
        pivots = extractions_pivots(d)
        # Few dates, the first of them after the window: ties and complete worlds must be frequent.
        extractions = (rng.choice(pivots[1:9]), *rng.choices(pivots, k=rng.randint(1, 3)))
        decor = Decor(
            porteur,
            finess,
            tuple(rng.sample(jours, rng.randint(2, 8))),
            tuple(rng.sample(HEURES, 2)),
            extractions,
            rng.choice(SUFFIXES),
            rng.choice(SUFFIXES_PARTIELS),
            tuple(rng.sample(DOSSIERS_DE_DEPOT, 2)),
            tuple(rng.sample(ARCHIVES, rng.randint(1, 2))),
            rng.choice((FORMES, FORMES, ("archive",), ("fichier",))),
        )
        if rng.random() < 0.75:
            depots += tirer_socle(rng, decor, d)
        agitation = rng.choice((1, 3, 6))
        for table in TABLES:
            depots += tirer_depots(rng, decor, table, agitation)
    uniques = {(x.porteur, x.chemin, x.membre, x.table): x for x in depots}
    melange = list(uniques.values())
    rng.shuffle(melange)
    return essms, tuple(melange), d


def repr_valeur(valeur: object) -> str:
    """Write a value the way a reader of a table expects it."""
    if isinstance(valeur, datetime):
        return valeur.isoformat(sep=" ")
    if isinstance(valeur, bool):
        return "oui" if valeur else "non"
    return str(valeur)


def repr_monde(un_monde: Monde) -> str:
    """Write a world as text: measure, ESSMS with their windows, deposits in the order of date and name with rows."""
    essms, depots, d = un_monde
    textes = [f"D = {d}   D+45 = {d + timedelta(days=45)}"]
    for un in essms:
        debut, fin = fenetre(un, d, REGLES[un.regles])
        textes.append(
            f"ESSMS {un.finess_et} | porteur {un.porteur} | règles {un.regles} | fenêtre {debut} → {fin} | "
            f"première mesure {un.date_premiere_mesure} | sous-secteur {un.sous_secteur} | "
            f"exemption {repr_valeur(un.exemption_socles)}"
        )
    cle = {x: i for i, x in enumerate(TABLES)}
    for depot in sorted(
        depots, key=lambda x: (x.porteur, cle[x.table], x.date_extraction, PurePosixPath(x.chemin).name, x.chemin)
    ):
        textes.append(
            f"\n{depot.table} | {depot.date_extraction} | {'partiel' if depot.partiel else 'complet'} | {depot.statut} "
            f"| {depot.porteur}/{depot.chemin}{'!' + depot.membre if depot.membre else ''}"
        )
        presentes = dict.fromkeys(x for ligne in depot.lignes for x in ligne)
        colonnes = sorted(presentes, key=lambda x: (x != "ligne", x != "finess_et"))
        tableau = [colonnes] if colonnes else []
        tableau += [["" if x.get(c) is None else repr_valeur(x[c]) for c in colonnes] for x in depot.lignes]
        largeurs = [max(len(x[i]) for x in tableau) for i in range(len(colonnes))]
        textes += ["  " + " | ".join(x.ljust(n) for x, n in zip(t, largeurs, strict=True)).rstrip() for t in tableau]
        if depot.rejets:
            textes.append("  rejets : " + ", ".join(x or "sans FINESS" for x in depot.rejets))
    return "\n".join(textes)


def plus_petits(un_monde: Monde) -> Iterator[Monde]:
    """Give the worlds one step smaller: without a deposit, an ESSMS and its rows, a row, or a rejected row."""
    essms, depots, d = un_monde
    for i in range(len(depots)):
        yield essms, (*depots[:i], *depots[i + 1 :]), d
    for un in essms if len(essms) > 1 else ():
        restants = tuple(x for x in essms if x != un)
        porteurs = {x.porteur for x in restants}
        sans_lui = tuple(
            replace(
                x,
                lignes=tuple(ligne for ligne in x.lignes if ligne["finess_et"] != un.finess_et),
                rejets=tuple(rejet for rejet in x.rejets if rejet != un.finess_et),
            )
            for x in depots
            if x.porteur in porteurs
        )
        yield restants, sans_lui, d
    for i, depot in enumerate(depots):
        for j in range(len(depot.lignes)):
            reduit = replace(depot, lignes=(*depot.lignes[:j], *depot.lignes[j + 1 :]))
            yield essms, (*depots[:i], reduit, *depots[i + 1 :]), d
        for j in range(len(depot.rejets)):
            reduit = replace(depot, rejets=(*depot.rejets[:j], *depot.rejets[j + 1 :]))
            yield essms, (*depots[:i], reduit, *depots[i + 1 :]), d


def reduire(un_monde: Monde, echoue: Callable[[Monde], bool]) -> Monde:
    """Shrink a world on which `echoue` is true, as long as it stays true; the order of deposits is kept."""
    while True:
        for candidat in plus_petits(un_monde):
            if echoue(candidat):
                un_monde = candidat
                break
        else:
            return un_monde
