"""Small random worlds (ESSMS, deposits, measure date) that go looking for trouble, for differential tests.

Everything a world holds could have passed validation (§5): facts no later than the day after the extraction, one
row per key of a state table in a file, exits after entries, few enough rejected rows in an accepted file. People and
structures are invented.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime, time, timedelta
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from mondes_registre import tirer_depenses, tirer_publie, tirer_registre
from oracle import CLES_ETAT, REGLES, Depot, Essms, Ligne, Publie, fenetre, reculer
from oracle_conventions import Depense
from oracle_registre import chaine, numeros_du_porteur, registre_du


class Monde(NamedTuple):
    """A register, the deposits that stand or are pending, a measure date, statements of expenses, what was published."""

    registre: tuple[Essms, ...]
    depots: tuple[Depot, ...]
    d: date
    depenses: tuple[Depense, ...] = ()
    publie: Publie = Publie()


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
    ins: tuple[str | None, ...] = (None, None, *INS)
    personnes: tuple[str, ...] = (*PERSONNES, *PERSONNES, INS[0])
    # FINESS → one number of its chain: rows of a file under two numbers of a chain are rows of one ESSMS.
    familles: Mapping[str, str] = field(default_factory=dict)


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


def tirer_fait(rng: random.Random, decor: Decor, extraction: date) -> datetime:
    """Draw the moment of a fact, at most one day after the extraction (§5)."""
    possibles = [x for x in decor.jours if x <= extraction + timedelta(days=1)]
    jour = rng.choice(possibles) if possibles else extraction
    return datetime.combine(jour, rng.choice(decor.heures))


def ligne_dossiers(rng: random.Random, decor: Decor, extraction: date) -> Ligne:
    """Draw one row of `dossiers`: persons shared by dossiers, 0 to several INS, an INS used as `id_personne`."""
    id_dossier = rng.choice(DOSSIERS)
    id_personne = id_dossier if rng.random() < 0.4 else rng.choice(decor.personnes)
    return {
        "id_dossier": id_dossier,
        "id_personne": id_personne,
        "ins": rng.choice(decor.ins),
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
            finess = ligne["finess_et"]
            cle = (decor.familles.get(finess, finess), *(ligne[x] for x in CLES_ETAT[table]))
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


def lignes_socle(rng: random.Random, table: str, finess: str, nombre: int, d: date, exemplaire: bool) -> list[Ligne]:
    """Draw the rows of a table for an ESSMS in order: `nombre` dossiers accompanied, most of them in use.

    With ten dossiers the targets of 70 and 90 % fall on whole numbers. `exemplaire`: nearly all of them in use.
    """
    fait = datetime.combine(d - timedelta(days=rng.choice((1, 2))), rng.choice(HEURES))
    dossiers = [str(x + 1) for x in range(nombre)]
    oublies = 0 if exemplaire and rng.random() < 0.95 else rng.choice((0, 0, 1, 1, 2, 3, 4))
    servis = dossiers[: max(0, nombre - oublies)] or dossiers[:1]
    if exemplaire and rng.random() < 0.04:  # a structure where nobody is, or nobody's dossier is in use
        servis = []
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
            if exemplaire or rng.random() < 0.8
            else {"id_dossier": x, "date_entree": ancienne, "date_sortie": rng.choice(bords)}
            for x in dossiers
        ],
        "mises_a_jour": [{"id_dossier": x, "horodatage": fait} for x in servis],
        "projets": [
            {
                "id_dossier": x,
                "id_projet": f"s{x}",
                "statut": "actif"
                if exemplaire
                else rng.choice(("actif", "actif", "actif", "en_preparation", "termine", "suspendu")),
                "date_debut": rng.choice((None, ancienne, *bords[: 4 if exemplaire else 6])),
                "date_fin": rng.choice((None, None, None, d, *bords)),
            }
            for x in servis
        ],
        "agenda": [{"id_dossier": x, "id_evenement": "s", "debut": fait, "statut": "realise"} for x in servis],
        "mss": [{"horodatage": fait, "sens": "envoye", "nb_messages": len(servis)}],
        "dmp": [
            {"id_dossier": x, "horodatage": fait, "statut": "succes"} for x in (*servis, *(["z"] * (fait.day % 2)))
        ],
        "eprescription": [{"id_import": "s", "horodatage": fait}],
        "eparcours": [{"id_echange": "s", "horodatage": fait}],
    }
    if table == "sejours" and rng.random() < 0.12:
        lignes[table].append({"id_dossier": "x", "date_entree": ancienne, "date_sortie": rng.choice((None, *bords))})
    return [{"finess_et": finess, **x} for x in lignes[table]]


def tirer_socle(rng: random.Random, decor: Decor, essms: Sequence[str], d: date, exemplaire: bool) -> Iterator[Depot]:
    """Draw a complete deposit of every table after the window, so that most worlds have rates to disturb."""
    nombres = {x: rng.choice((1, 2, 3, 4, 10, 10)) for x in essms}
    for table in TABLES:
        if table not in ("dossiers", "sejours") and rng.random() < (0.03 if exemplaire else 0.2):
            continue
        habituelle = decor.extractions[0]
        if exemplaire:
            habituelle = min(habituelle, d + timedelta(days=45))
        ancienne = rng.random() < (0.04 if exemplaire else 1 / 6)
        extraction = d - timedelta(days=1) if ancienne else habituelle
        lignes = [
            x for finess, nombre in nombres.items() for x in lignes_socle(rng, table, finess, nombre, d, exemplaire)
        ]
        chemin = f"{table}_{extraction}{rng.choice(decor.suffixes)}.csv"
        numerotees = tuple({**x, "ligne": i + 2} for i, x in enumerate(lignes))
        rejets: tuple[str | None, ...] = ()
        if rng.random() < 0.05:
            rejets = (rng.choice((None, *decor.finess)),)
        statut = "accepte_avec_rejets" if rejets or not lignes else "accepte"
        yield Depot(decor.porteur, chemin, table, extraction, statut=statut, lignes=numerotees, rejets=rejets)


def numero_ecrit(rng: random.Random, finess: str, numeros: frozenset[str], connus: frozenset[str]) -> str:
    """Choose the number under which a porteur writes an ESSMS: its own, or another of its chain that it may name."""
    return finess if rng.random() < 0.6 else rng.choice(sorted(numeros & connus))


def tirer_du_porteur(rng: random.Random, registre: tuple[Essms, ...], porteur: str, d: date) -> Iterator[Depot]:
    """Draw the deposits of one porteur, under all the numbers it may name."""
    connus = numeros_du_porteur(registre, porteur)
    if not connus:
        return
    du_jour = registre_du(registre, d)
    jours = jours_pivots([x for x in registre if x.porteur == porteur], d)
    pivots = extractions_pivots(d)
    # Few dates, the first of them after the window: ties and complete worlds must be frequent.
    extractions = (rng.choice(pivots[1:9]), *rng.choices(pivots, k=rng.randint(1, 3)))
    courants = tuple(x for x in sorted(connus) if not x.startswith("99"))
    decor = Decor(
        porteur,
        courants,
        tuple(rng.sample(jours, min(len(jours), rng.randint(2, 8)))),
        tuple(rng.sample(HEURES, 2)),
        extractions,
        rng.choice(SUFFIXES),
        rng.choice(SUFFIXES_PARTIELS),
        tuple(rng.sample(DOSSIERS_DE_DEPOT, 2)),
        tuple(rng.sample(ARCHIVES, rng.randint(1, 2))),
        rng.choice((FORMES, FORMES, ("archive",), ("fichier",))),
        # At times an INS or an id_personne on nearly everything.
        rng.choice(((None, None, *INS), (INS[0], INS[0], INS[1], None))),
        rng.choice(((*PERSONNES, *PERSONNES, INS[0]), ("1", "1", "2"))),
        {x: min(chaine(x, registre)) for x in courants},
    )
    exemplaire = rng.random() < 0.5
    siens = [x.finess_et for x in du_jour.valides if x.porteur == porteur]
    if exemplaire or rng.random() < 0.75:
        ecrits = [numero_ecrit(rng, x, du_jour.numeros[x], connus) for x in siens]
        yield from tirer_socle(rng, decor, ecrits, d, exemplaire)
    agitation = rng.choice((0, 0, 1)) if exemplaire else rng.choice((2, 4, 8))
    for table in TABLES:
        if courants and (not exemplaire or rng.random() < 0.4):
            yield from tirer_depots(rng, decor, table, agitation)


def monde(rng: random.Random) -> Monde:
    """Draw a world, with the deposits in no order and each name once."""
    d = rng.choice(DATES_MESURE)
    registre = tirer_registre(rng, d)
    depots = [
        x for porteur in sorted({x.porteur for x in registre}) for x in tirer_du_porteur(rng, registre, porteur, d)
    ]
    uniques = {(x.porteur, x.chemin, x.membre, x.table): x for x in depots}
    melange = list(uniques.values())
    rng.shuffle(melange)
    return Monde(registre, tuple(melange), d, tirer_depenses(rng, registre, d), tirer_publie(rng, registre, d))


def repr_valeur(valeur: object) -> str:
    """Write a value the way a reader of a table expects it."""
    if isinstance(valeur, datetime):
        return valeur.isoformat(sep=" ")
    if isinstance(valeur, bool):
        return "oui" if valeur else "non"
    return str(valeur)


def repr_monde(un_monde: Monde) -> str:
    """Write a world as text: measure, rows of the register with windows, expenses, deposits in order with rows."""
    registre, depots, d, depenses, publie = un_monde
    textes = [f"D = {d}   D+45 = {d + timedelta(days=45)}"]
    for un in registre:
        debut, fin = fenetre(un, d, REGLES[un.regles])
        autres = {x.name: getattr(un, x.name) for x in fields(un) if getattr(un, x.name) != x.default}
        propres = [
            f"{nom} {repr_valeur(x)}" for nom, x in autres.items() if nom not in ("finess_et", "porteur", "regles")
        ]
        textes.append(
            " | ".join(
                (
                    f"ESSMS {un.finess_et} | porteur {un.porteur} | règles {un.regles} | fenêtre {debut} → {fin}",
                    *propres,
                )
            )
        )
    textes += [f"dépenses | {x.projet} | {x.montant} | {x.date}" for x in depenses]
    textes += [f"cibles_usage remplie | {projet} | {jour}" for projet, jour in publie.atteintes]
    textes += [f"précédent | {finess} | {nom} | {x}" for (finess, nom), x in publie.precedents.items()]
    textes += [f"publié depuis {publie.premiere} | {', '.join(map(str, publie.dates))}"] if publie.premiere else []
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


def accorder(un_monde: Monde) -> Monde:
    """Leave out of the deposits and expenses what the register does not know (any more)."""
    registre, depots, d, depenses, publie = un_monde
    gardes = []
    for x in depots:
        if connus := numeros_du_porteur(registre, x.porteur):
            lignes = tuple(ligne for ligne in x.lignes if ligne["finess_et"] in connus)
            gardes.append(replace(x, lignes=lignes, rejets=tuple(r for r in x.rejets if r is None or r in connus)))
    projets = {x.convention for x in registre}
    return Monde(
        registre,
        tuple(gardes),
        d,
        tuple(x for x in depenses if x.projet in projets),
        replace(
            publie,
            atteintes=tuple(x for x in publie.atteintes if x[0] in projets),
            precedents={k: x for k, x in publie.precedents.items() if k[0] in {y.finess_et for y in registre}},
        ),
    )


def plus_petits(un_monde: Monde) -> Iterator[Monde]:
    """Give the worlds one step smaller: without a deposit, a row of any table, a rejected row, a value of the register."""
    registre, depots, _, depenses, publie = un_monde
    for i in range(len(depots)):
        yield un_monde._replace(depots=(*depots[:i], *depots[i + 1 :]))
    for i in range(len(registre) if len(registre) > 1 else 0):
        yield accorder(un_monde._replace(registre=(*registre[:i], *registre[i + 1 :])))
    for i in range(len(depenses)):
        yield un_monde._replace(depenses=(*depenses[:i], *depenses[i + 1 :]))
    if publie != Publie():
        yield un_monde._replace(publie=Publie())
    for i, depot in enumerate(depots):
        for j in range(len(depot.lignes)):
            reduit = replace(depot, lignes=(*depot.lignes[:j], *depot.lignes[j + 1 :]))
            yield un_monde._replace(depots=(*depots[:i], reduit, *depots[i + 1 :]))
        for j in range(len(depot.rejets)):
            reduit = replace(depot, rejets=(*depot.rejets[:j], *depot.rejets[j + 1 :]))
            yield un_monde._replace(depots=(*depots[:i], reduit, *depots[i + 1 :]))
    for i, un in enumerate(registre):
        for champ in fields(un)[2:]:
            if getattr(un, champ.name) != champ.default:
                reduit_a = replace(un, **{champ.name: champ.default})
                if reduit_a not in registre:
                    yield accorder(un_monde._replace(registre=(*registre[:i], reduit_a, *registre[i + 1 :])))


def reduire(un_monde: Monde, echoue: Callable[[Monde], bool]) -> Monde:
    """Shrink a world on which `echoue` is true, as long as it stays true; the order of deposits is kept."""
    while True:
        for candidat in plus_petits(un_monde):
            if echoue(candidat):
                un_monde = candidat
                break
        else:
            return un_monde
