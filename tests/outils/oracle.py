"""Reference implementation of SPECIFICATION §6 in plain Python: one ESSMS at a time, sets and dicts, no engine.

Written from the sentences of the specification alone, each quoted where it is applied, so that the production SQL
can be compared with something that shares nothing with it. Slow and literal on purpose.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import PurePosixPath
from typing import Any

from oracle_registre import Essms, Registre, registre_du

Ligne = dict[str, Any]
Personne = tuple[str, str]  # kind of identifier (ins, id_personne, id_dossier) and its value
Alerte = tuple[str, str, str | None, int | None]


@dataclass(frozen=True)
class Depot:
    """One file, sheet, archive member or table of a bundle, after validation (§5).

    `chemin` is relative to the porteur's folder, `membre` names the member or sheet inside it. `lignes` are accepted
    rows with typed values (horodatages: naive local time of the ESSMS; defaults applied; `ins` only if valid; absent
    key = null). `rejets` has one item per rejected row of the project: the ESSMS it names, None where its FINESS is
    missing or malformed; for a file refused for its rows, all of them.
    """

    porteur: str
    chemin: str
    table: str
    date_extraction: date
    partiel: bool = False
    membre: str = ""
    statut: str = "accepte"
    lignes: tuple[Ligne, ...] = ()
    rejets: tuple[str | None, ...] = ()


@dataclass(frozen=True)
class Forfait:
    """Euros of one ESSMS: the full amount up to the `rang_max`-th of the project, then the reduced one (§6.6)."""

    plein: Decimal
    reduit: Decimal
    rang_max: int = 49


@dataclass(frozen=True)
class Regles:
    """One set of rules (§6.1): months of the window, targets in %, exemption of PJM, forfaits.

    `forfaits`: by `nature`, `type` and `dui_reference`; an ESSMS without one receives nothing of that nature.
    """

    nom: str
    mois: int
    mois_premiere_mesure: int | None
    cibles: dict[str, int]
    exemption_pjm: str
    forfaits: dict[tuple[str, str, bool], Forfait]


@dataclass(frozen=True)
class Publie:
    """What the published versions hold beside a measure.

    `premiere`: the day of the first publication, None when it is to come; `dates`: the other measure dates; `precedents`:
    taux and denominateur at the previous measure date by (finess_et, indicateur); `atteintes`: the projects and earlier
    measure dates at which `cibles_usage` was `remplie`.
    """

    premiere: date | None = None
    dates: tuple[date, ...] = ()
    precedents: Mapping[tuple[str, str], tuple[float | None, int | None]] = field(default_factory=dict)
    atteintes: tuple[tuple[str, date], ...] = ()


RIEN_DE_PUBLIE = Publie()


@dataclass
class Resultat:
    """What a measure gives.

    Rows by (finess_et, indicateur), of maturin_sms and verifications_aptitude by finess_et, of conventions by projet, of
    conditions_solde by (projet, condition), and alerts.
    """

    indicateurs: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    maturin: dict[str, dict[str, Any]] = field(default_factory=dict)
    conventions: dict[str, dict[str, Any]] = field(default_factory=dict)
    conditions: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    aptitudes: dict[str, dict[str, Any]] = field(default_factory=dict)
    alertes: set[Alerte] = field(default_factory=set)


INDICATEURS = ("dossiers_actifs", "projet_personnalise", "agenda", "mss", "dmp", "eprescription", "eparcours")
SOCLES = frozenset({"mss", "dmp"})
DUI = ("dossiers_actifs", "projet_personnalise", "agenda")

# §6.5, table of the indicators, column "target %".
CIBLES = {"dossiers_actifs": 90, "projet_personnalise": 90, "agenda": 90, "mss": 70, "dmp": 70}


def forfaits(equipement: Mapping[bool, Forfait]) -> dict[tuple[str, str, bool], Forfait]:
    """Give the forfaits of a rule set from its equipment in acquisition, by `dui_reference` (§6.6).

    "usage 7 k€ per ESSMS up to the 49th then 2 k€ in acquisition, 5 k€ then 2 k€ in version upgrade"; no equipment is
    named for a version upgrade.
    """
    return {
        **{("usage", "acquisition", x): Forfait(Decimal(7000), Decimal(2000)) for x in (True, False)},
        **{("usage", "montee_de_version", x): Forfait(Decimal(5000), Decimal(2000)) for x in (True, False)},
        **{("equipement", "acquisition", x): y for x, y in equipement.items()},
    }


# "equipment 14 k€ then 3 k€ in acquisition; 2022: the same usage, equipment 14.5 k€ then 3 k€, or 12 k€ then 1 k€ where
# `dui_reference` is false" (§6.6).
FORFAITS = forfaits(dict.fromkeys((True, False), Forfait(Decimal(14000), Decimal(3000))))
FORFAITS_2022 = forfaits({True: Forfait(Decimal(14500), Decimal(3000)), False: Forfait(Decimal(12000), Decimal(1000))})

# §6.1 (months), "`exemption_pjm` = `jamais` (`2023`, `2022`), `projet_pjm_seul` (`2025`) or `par_essms`
# (`2025-martinique`)" (§6.5).
REGLES = {
    "2022": Regles("2022", 1, 3, CIBLES, "jamais", FORFAITS_2022),
    "2023": Regles("2023", 1, 3, CIBLES, "jamais", FORFAITS),
    "2025": Regles("2025", 3, None, CIBLES, "projet_pjm_seul", FORFAITS),
    "2025-martinique": Regles("2025-martinique", 3, None, CIBLES, "par_essms", FORFAITS),
}

# §4.1: "Key: (`finess_et`, `id_dossier`)", "(`finess_et`, `id_dossier`, `date_entree`)", "(`finess_et`, `id_projet`)".
NOMS_DE_TABLES = (
    "dossiers", "sejours", "mises_a_jour", "projets", "agenda", "mss", "dmp", "eprescription", "eparcours",
    "tddui", "duimetre",
)  # fmt: skip
CLES_ETAT = {"dossiers": ("id_dossier",), "sejours": ("id_dossier", "date_entree"), "projets": ("id_projet",)}

# §6.5, Sources, the table "numerator needs | denominator needs".
BESOINS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "dossiers_actifs": (("dossiers", "sejours", "maj"), ("dossiers", "sejours")),
    "projet_personnalise": (("dossiers", "sejours", "maj", "projets"), ("dossiers", "sejours", "maj")),
    "agenda": (("dossiers", "sejours", "maj", "agenda"), ("dossiers", "sejours", "maj")),
    "mss": (("mss",), ("dossiers", "sejours")),
    "dmp": (("dmp", "dossiers", "sejours"), ("dossiers", "sejours")),
    "eprescription": (("eprescription",), ()),
    "eparcours": (("eparcours",), ()),
}


# §6.1 Window


def reculer(jour: date, mois: int) -> date:
    """Give `jour` minus some months: "month arithmetic clips: 31 May − 3 months = 28/29 February" (§6.1)."""
    rang = jour.year * 12 + jour.month - 1 - mois
    annee, mois_0 = divmod(rang, 12)
    numero = jour.day
    while True:
        try:
            return date(annee, mois_0 + 1, numero)
        except ValueError:
            numero -= 1


def fenetre(essms: Essms, d: date, regles: Regles) -> tuple[date, date]:
    """Give (debut_fenetre, fin_fenetre) of a measure (§6.1).

    "Rules `2025`: the 3 months before *D*: days from *D* − 3 months to *D* − 1, both included. Rules `2023`: the month
    before *D*: from *D* − 1 month to *D* − 1; 3 months for the first measure: when *D* is the `date_premiere_mesure` of
    the ESSMS or the day after."
    """
    mois = regles.mois
    if regles.mois_premiere_mesure is not None and essms.date_premiere_mesure in (d, d - timedelta(days=1)):
        mois = regles.mois_premiere_mesure
    return reculer(d, mois), d - timedelta(days=1)


# §6.2 What is current


Place = tuple[str, int, str]


def ordre(depot: Depot) -> tuple[date, Place, Place, Place]:
    """Give the place of a deposit in the order of date and name (§4).

    "the name so folded, without extension, digits compared as numbers; then the copy mark (none, `Copie`, 1, 2, …); then
    the path by code point; inside an archive or workbook the container's name first."
    """
    classeur, _, _ = depot.membre.rpartition("/")
    fichier = classeur if classeur.lower().endswith(".xlsx") else depot.membre
    return (depot.date_extraction, place(depot.chemin), place(fichier), place(depot.membre))


@cache
def place(chemin: str) -> Place:
    """Fold a name: its table and date first, whatever their order, then the rest; its copy mark; its path."""
    nom = re.sub(r"(?i)\.(csv\.gz|csv|xlsx|parquet|json|zip)$", "", PurePosixPath(chemin).name)
    nom = "".join(c for c in unicodedata.normalize("NFKD", nom.lower()) if not unicodedata.combining(c))
    nom = re.sub("[-_. ]+", " ", nom)
    marque = -1
    while trouve := re.search(r" \(?cop(?:ie|y) ?\(?(\d{1,4})?\)*$| ?\((\d{1,4})\)$", nom):
        nom = nom[: trouve.start()]
        marque = int(trouve[1] or trouve[2] or 0) if marque < 0 else marque
    en_nombres = re.sub(
        r"\d+", lambda n: f"{len(n[0].lstrip('0')):03}{n[0].lstrip('0')}", " ".join(mots_dits(nom.split(" ")))
    )
    return en_nombres, marque, chemin


def mots_dits(mots: list[str]) -> list[str]:
    """Put the table first, then the date as year, month and day: "table and date in either order"."""
    for table in (t.split("_") for t in NOMS_DE_TABLES):
        n = len(table)
        for taille in (1, 3):
            for nom, jour in (
                (mots[:n], date_dite(mots[n : n + taille])),
                (mots[taille : taille + n], date_dite(mots[:taille])),
            ):
                if nom == table and jour:
                    return [*table, *f"{jour:%Y %m %d}".split(), *mots[n + taille :]]
    return mots


def date_dite(mots: Sequence[str]) -> date | None:
    """Read a date: "`AAAA-MM-JJ`, `AAAAMMJJ`, `JJ-MM-AAAA` or `JJMMAAAA` (the first reading that is a real date)"."""
    for forme in ("%Y-%m-%d", "%Y%m%d", "%d-%m-%Y", "%d%m%Y"):
        texte = "-".join(mots)
        try:
            jour = datetime.strptime(texte, forme).date()
        except ValueError:
            continue
        if len(texte) == len(f"{jour:{forme}}") and 1990 <= jour.year <= 2100:
            return jour
    return None


def acceptes(depots: Iterable[Depot], table: str) -> list[Depot]:
    """List the accepted deposits of a table, with or without rejected rows, in the order of date and name."""
    return sorted((x for x in depots if x.table == table and x.statut != "refuse"), key=ordre)


def utilisables(depots: Iterable[Depot], table: str, debut: date) -> list[Depot]:
    """List usable deposits: "when it is accepted and was extracted on or after `debut_fenetre`" (§6.2)."""
    return [x for x in acceptes(depots, table) if x.date_extraction >= debut]


def lignes_de(depot: Depot, finess: str) -> list[Ligne]:
    """List the accepted rows of one ESSMS in a deposit."""
    return [x for x in depot.lignes if x["finess_et"] == finess]


def extraction_de_reference(dates: Collection[date], d: date) -> date | None:
    """Choose the reference extraction among the dates of the complete deposits (§6.2).

    "the latest extraction date ≤ *D* + 45 days; if there is none, the earliest after."
    """
    limite = d + timedelta(days=45)
    avant = [x for x in dates if x <= limite]
    if avant:
        return max(avant)
    return min(dates, default=None)


@dataclass(frozen=True)
class Etat:
    """A state table of one ESSMS: its current rows, its reference extraction and the bound of §6.2."""

    lignes: list[Ligne]
    reference: date | None
    borne: date


def etat_courant(depots: Iterable[Depot], table: str, finess: str, debut: date, d: date) -> Etat:
    """Give what is current of a state table of one ESSMS (§6.2), by replaying its deposits one after the other."""
    cles = CLES_ETAT[table]

    def cle(ligne: Ligne) -> tuple[Any, ...]:
        return tuple(ligne[x] for x in cles)

    # "among usable complete deposits with an accepted row of that ESSMS"
    siens = [x for x in utilisables(depots, table, debut) if lignes_de(x, finess)]
    complets = [x for x in siens if not x.partiel]
    reference = extraction_de_reference({x.date_extraction for x in complets}, d)

    # "up to a bound: the later of *D* + 45 days and the reference extraction"
    limite = d + timedelta(days=45)
    borne = limite if reference is None else max(limite, reference)

    # "Its rows are those of all complete deposits of that date: they complete each other, and on one key the later
    # file name wins."
    courantes: dict[tuple[Any, ...], Ligne] = {}
    for depot in complets:
        if depot.date_extraction == reference:
            for ligne in lignes_de(depot, finess):
                courantes[cle(ligne)] = ligne

    # "Then the usable partial deposits extracted from the reference extraction on (any usable date if there is no
    # reference), up to a bound [...] Date by date: for every dossier of which the partial deposits of that date have an
    # accepted row, their rows together replace those of that dossier; one row per key throughout, the later wins (by
    # date, then name)."
    partiels = [x for x in siens if x.partiel and (reference or debut) <= x.date_extraction <= borne]
    for jour in sorted({x.date_extraction for x in partiels}):
        nouvelles = [ligne for x in partiels if x.date_extraction == jour for ligne in lignes_de(x, finess)]
        touches = {x["id_dossier"] for x in nouvelles}
        courantes = {k: x for k, x in courantes.items() if x["id_dossier"] not in touches}
        for ligne in nouvelles:
            courantes[cle(ligne)] = ligne
    return Etat(list(courantes.values()), reference, borne)


def mises_a_jour(depots: Sequence[Depot], finess: str) -> set[tuple[str, date]]:
    """Give the (id_dossier, day) of all mises à jour of one ESSMS (§6.2).

    "Event tables: union over all accepted deposits whatever their date"; "`date_derniere_maj` of every accepted row of
    `dossiers`, superseded ones included, is also a mise à jour of that dossier."
    """
    faits = {(dossier, jour.date()) for dossier, jour in faits_de_maj(depots, finess)}
    for depot in acceptes(depots, "dossiers"):
        for ligne in lignes_de(depot, finess):
            if ligne.get("date_derniere_maj") is not None:
                faits.add((ligne["id_dossier"], ligne["date_derniere_maj"].date()))
    return faits


def faits_de_maj(depots: Iterable[Depot], finess: str) -> set[tuple[str, datetime]]:
    """Give the rows of `mises_a_jour` of one ESSMS: "just facts (duplicates change nothing)" (§6.2)."""
    return {
        (x["id_dossier"], x["horodatage"])
        for depot in acceptes(depots, "mises_a_jour")
        for x in lignes_de(depot, finess)
    }


def agenda_courant(depots: Iterable[Depot], finess: str) -> set[tuple[str, str, datetime, str]]:
    """Give the current agenda rows (id_dossier, id_evenement, debut, statut) of one ESSMS (§4.1).

    "One event may repeat [...] and may concern several dossiers: the rows of the latest extraction that contains
    (`finess_et`, `id_dossier`, `id_evenement`) replace the earlier ones." An exact duplicate row is "kept once" (§5).
    """
    par_cle: dict[tuple[str, str], set[tuple[str, str, datetime, str]]] = {}
    for depot in acceptes(depots, "agenda"):
        du_fichier: dict[tuple[str, str], set[tuple[str, str, datetime, str]]] = {}
        for x in lignes_de(depot, finess):
            du_fichier.setdefault((x["id_dossier"], x["id_evenement"]), set()).add(
                (x["id_dossier"], x["id_evenement"], x["debut"], x["statut"])
            )
        par_cle.update(du_fichier)
    return {x for lignes in par_cle.values() for x in lignes}


def premieres_lignes(lignes: Iterable[Ligne], cle: Callable[[Ligne], tuple[str, ...]]) -> dict[tuple[str, ...], Ligne]:
    """Keep one row per key of a file: "inside a file the row with the smallest `horodatage` stands for its key" (§4.2).

    Rows of the same horodatage: the first of the file.
    """
    gardees: dict[tuple[str, ...], Ligne] = {}
    for ligne in sorted(lignes, key=lambda x: (x["horodatage"], x["ligne"])):
        gardees.setdefault(cle(ligne), ligne)
    return gardees


def messages_envoyes(depots: Iterable[Depot], finess: str, debut: date, fin: date) -> int:
    """Count the messages sent in the window: "`sens` = envoye; sum of `nb_messages`" (§6.5), of both grains (§4.2)."""
    identifies: dict[tuple[str, ...], Ligne] = {}
    quotidiens: dict[tuple[str | None, str, date], int] = {}
    for depot in acceptes(depots, "mss"):
        lignes = lignes_de(depot, finess)
        # "A row with `id_message` is one line of a message, counted once: key (`finess_et`, `id_message`, `sens`);
        # inside a file the row with the smallest `horodatage` stands for its key; across files the latest extraction
        # wins."
        identifies.update(
            premieres_lignes(
                (x for x in lignes if x.get("id_message") is not None), lambda x: (x["id_message"], x["sens"])
            )
        )
        # "A row without `id_message` is a daily count: key (`finess_et`, `bal_emettrice`, `sens`, day); inside a file
        # such rows of one key add up; across files the latest extraction wins."
        du_fichier: Counter[tuple[str | None, str, date]] = Counter()
        for x in lignes:
            if x.get("id_message") is None:
                du_fichier[(x.get("bal_emettrice"), x["sens"], x["horodatage"].date())] += x["nb_messages"]
        quotidiens.update(du_fichier)

    # "Where both grains give the same (`finess_et`, `bal_emettrice`, `sens`, day), the identified messages count and
    # the daily count does not; a daily count without `bal_emettrice` gives way to any identified message of that ESSMS,
    # `sens` and day." Of an identified message, a missing bal_emettrice is a value like another.
    couverts = {(x.get("bal_emettrice"), x["sens"], x["horodatage"].date()) for x in identifies.values()}
    couverts |= {(None, sens, jour) for _, sens, jour in couverts}
    total = 0
    for x in identifies.values():
        if x["sens"] == "envoye" and debut <= x["horodatage"].date() <= fin:
            total += x["nb_messages"]
    for (bal, sens, jour), nombre in quotidiens.items():
        if sens == "envoye" and debut <= jour <= fin and (bal, sens, jour) not in couverts:
            total += nombre
    return total


def evenements_de_la_fenetre(depots: Iterable[Depot], table: str, finess: str, debut: date, fin: date) -> int:
    """Count the imports or exchanges "in the window" (§6.5).

    §4.3: "For both, inside a file the smallest `horodatage` stands for its key; across files the latest extraction
    wins."
    """
    identifiant = {"eprescription": "id_import", "eparcours": "id_echange"}[table]
    courants: dict[tuple[str, ...], Ligne] = {}
    for depot in acceptes(depots, table):
        courants.update(premieres_lignes(lignes_de(depot, finess), lambda x: (x[identifiant],)))
    return sum(debut <= x["horodatage"].date() <= fin for x in courants.values())


# §6.3 Persons


@dataclass(frozen=True)
class Identites:
    """The persons of one ESSMS.

    `par_dossier`: of each current dossier; `par_id_personne`: of each `id_personne` that identifies somebody; `par_ins`:
    those whose dossiers bear an `ins`; `ins_de_personne`: the `ins` that identify nobody; `doutes`: whether identities
    contradict each other.
    """

    par_dossier: dict[str, Personne]
    par_id_personne: dict[str, Personne]
    par_ins: dict[str, set[Personne]]
    ins_de_personne: set[str]
    doutes: bool


def identites(dossiers: Sequence[Ligne]) -> Identites:
    """Tell who is who "inside one ESSMS, among its current dossiers" (§6.3)."""
    # "An `ins` borne by more than two `id_personne` of the ESSMS identifies nobody (same alert): it is left out
    # everywhere."
    porteurs: dict[str, set[str]] = {}
    for x in dossiers:
        if x.get("ins") is not None:
            porteurs.setdefault(x["ins"], set()).add(x["id_personne"])
    ins_de_personne = {ins for ins, siens in porteurs.items() if len(siens) > 2}

    def ins_de(dossier: Ligne) -> str | None:
        return None if dossier.get("ins") in ins_de_personne else dossier.get("ins")

    par_dossier: dict[str, Personne] = {}
    par_id_personne: dict[str, Personne] = {}
    doutes = bool(ins_de_personne)
    for id_personne in {x["id_personne"] for x in dossiers}:
        siens = [x for x in dossiers if x["id_personne"] == id_personne]
        connus = {ins for x in siens if (ins := ins_de(x)) is not None}
        tous_du_meme = len(connus) == 1 and all(ins_de(x) is not None for x in siens)
        if len(siens) > 2 and not tous_du_meme:
            # "An `id_personne` of more than two current dossiers that do not all bear one same valid `ins` identifies
            # nobody either (same alert): each of these dossiers is a person of its own (its `ins`, if valid)."
            doutes = True
            for x in siens:
                seul = ins_de(x)
                par_dossier[x["id_dossier"]] = ("dossier", x["id_dossier"]) if seul is None else ("ins", seul)
        else:
            # "take the distinct valid `ins` of all dossiers of one `id_personne`. Exactly one: the person is that `ins`
            # [...]. None, or several (alert `IDENTITE_INCOHERENTE`): the person is that `id_personne`."
            doutes = doutes or len(connus) > 1
            personne = ("ins", *connus) if len(connus) == 1 else ("id_personne", id_personne)
            par_id_personne[id_personne] = personne
            par_dossier.update({x["id_dossier"]: personne for x in siens})

    par_ins: dict[str, set[Personne]] = {}
    for x in dossiers:
        if (ins := ins_de(x)) is not None:
            par_ins.setdefault(ins, set()).add(par_dossier[x["id_dossier"]])
    return Identites(par_dossier, par_id_personne, par_ins, ins_de_personne, doutes)


def personne_du_document(ligne: Ligne, connues: Identites) -> Personne | None:
    """Give the person of a `dmp` row (§6.5), from the persons of the current dossiers; None: nobody.

    "that of the dossier if `id_dossier` is given and known among the current dossiers of this ESSMS; else, where the
    current dossiers of exactly one person bear the valid `ins`, that person, else that `ins`; else that of `id_personne`
    if it is known there; else the given `id_personne`, else `id_dossier`." An `ins` that identifies nobody "is left out
    everywhere" (§6.3).
    """
    id_dossier, id_personne, ins = ligne.get("id_dossier"), ligne.get("id_personne"), ligne.get("ins")
    if id_dossier is not None and id_dossier in connues.par_dossier:
        return connues.par_dossier[id_dossier]
    if ins is not None and ins not in connues.ins_de_personne:
        siennes = connues.par_ins.get(ins, set())
        return next(iter(siennes)) if len(siennes) == 1 else ("ins", ins)
    if id_personne is not None:
        return connues.par_id_personne.get(id_personne, ("id_personne", id_personne))
    return None if id_dossier is None else ("id_dossier", id_dossier)


# §6.4 Populations


def de_la_fenetre(sejour: Ligne, debut: date, fin: date) -> bool:
    """Say whether somebody is there: "`date_entree` ≤ `fin_fenetre` and (`date_sortie` null or ≥ `debut_fenetre`)"."""
    return sejour["date_entree"] <= fin and (sejour.get("date_sortie") is None or sejour["date_sortie"] >= debut)


def file_active(sejours: Iterable[Ligne], personnes: Mapping[str, Personne], debut: date, fin: date) -> set[Personne]:
    """Give the persons of the file active (§6.4); a séjour "of a dossier unknown there has no effect" (§6.5)."""
    return {
        personnes[x["id_dossier"]] for x in sejours if x["id_dossier"] in personnes and de_la_fenetre(x, debut, fin)
    }


def debut_annuel(debut: date, fin: date) -> date:
    """Give the first day of the file active annuelle (§6.4).

    "the same from 1 January of the year of `fin_fenetre`, if earlier, instead of `debut_fenetre`."
    """
    return min(debut, date(fin.year, 1, 1))


# §6.5 Indicators


def en_vigueur(projet: Ligne, debut: date, fin: date) -> bool:
    """Say whether a projet is *en vigueur* (§6.5).

    "`en_preparation` always; `actif` if `date_debut` is null or ≤ `fin_fenetre` (a planned end that has passed does not
    end it); `termine` if (`date_debut` null or ≤ `fin_fenetre`) and `date_fin` not null and ≥ `debut_fenetre`. Others
    never."
    """
    commence = projet.get("date_debut") is None or projet["date_debut"] <= fin
    if projet["statut"] == "en_preparation":
        return True
    if projet["statut"] == "actif":
        return commence
    if projet["statut"] == "termine":
        return commence and projet.get("date_fin") is not None and projet["date_fin"] >= debut
    return False


def est_echu(projet: Ligne, debut: date) -> bool:
    """Say whether the planned end of a projet en vigueur has passed: "`date_fin` < `debut_fenetre`" (§6.5)."""
    return projet["statut"] == "actif" and projet.get("date_fin") is not None and projet["date_fin"] < debut


def exemption_pjm(essms: Essms, du_projet: Iterable[Essms], regles: Regles) -> bool | None:
    """Say whether the rule set exempts PJM (§6.5); None where a sub-sector that decides of it is unknown.

    "`jamais` [...], `projet_pjm_seul` (every ESSMS of the project valid at *D* is PJM) or `par_essms` (this ESSMS is
    PJM)."
    """
    if regles.exemption_pjm == "jamais":
        return False
    secteurs = {x.sous_secteur for x in ([essms] if regles.exemption_pjm == "par_essms" else du_projet)}
    if secteurs - {"PJM", None}:
        return False
    return None if None in secteurs else True


def est_opposable(essms: Essms, indicateur: str, regles: Regles, exemptes: bool | None) -> bool:
    """Say whether a target binds the ESSMS (§6.5).

    "`opposable` is false for indicators without a target, and for `mss` and `dmp` where `exemption_socles` is true or
    the rule set exempts PJM".
    """
    if indicateur not in regles.cibles:
        return False
    return not (indicateur in SOCLES and (essms.exemption_socles or exemptes is True))


def est_atteint(numerateur: int, denominateur: int, cible: int) -> bool:
    """Decide on integers: "100 × numerateur ≥ cible × denominateur" (§6.5)."""
    return 100 * numerateur >= cible * denominateur


def reste(numerateur: int, denominateur: int, cible: int) -> int:
    """Give "the smallest number of extra units of numerator that reaches the target (0 when reached)" (§6.5)."""
    manque = 0
    while not est_atteint(numerateur + manque, denominateur, cible):
        manque += 1
    return manque


# §6.5 Sources


def depots_donnant(depots: Iterable[Depot], table: str, debut: date) -> list[Depot]:
    """List "a usable deposit of that table with at least one accepted row, whoever it is about" (§6.5, Sources)."""
    return [x for x in utilisables(depots, table, debut) if x.lignes]


@dataclass(frozen=True)
class Source:
    """Whether a table is present for an ESSMS, which of the reasons 3(a) to 3(e) leave a doubt, and how much they miss.

    `rejets`: rejected rows of 3(c); `inconnus`: the unknown dossiers of 3(d).
    """

    presente: bool
    raisons: frozenset[str]
    rejets: int = 0
    inconnus: frozenset[str] = frozenset()


def rejets_nommant(depot: Depot, finess: str, du_porteur: Collection[str]) -> int:
    """Count the rejected rows of a deposit that name an ESSMS (§6.5, 3(c)).

    "all rows of a file refused for its rows count as rejected; a rejected row whose FINESS is missing or malformed
    names every ESSMS of the porteur that the file names, all of the porteur's if it names none".
    """
    nommes = {x["finess_et"] for x in depot.lignes} | {x for x in depot.rejets if x is not None}
    nommes_du_porteur = (nommes & set(du_porteur)) or set(du_porteur)
    return sum(finess in (nommes_du_porteur if x is None else {x}) for x in depot.rejets)


def depots_de_la_mesure(depots: Iterable[Depot], table: str, etat: Etat, debut: date) -> list[Depot]:
    """List the deposits whose faults matter for a measure, refused ones included (§6.5, 3(c) and 3(e)).

    "extracted from the reference extraction on up to the bound of §6.2"; any usable date where there is no reference.
    """
    return [x for x in depots if x.table == table and (etat.reference or debut) <= x.date_extraction <= etat.borne]


def source_etat(
    depots: Iterable[Depot], table: str, etat: Etat, *, finess: str, du_porteur: Collection[str],
    bornes: tuple[date, date], d: date,
) -> Source:  # fmt: skip
    """Judge `dossiers` or `sejours` as a source, without 3(d) (§6.5): "present [...] when §6.2 leaves it a row"."""
    debut, fin = bornes
    raisons = set()
    # "(a) its latest extraction date [the reference extraction] is ≤ `fin_fenetre`"
    if etat.reference is not None and etat.reference <= fin:
        raisons.add("a")
    # "(b) it is `dossiers` or `sejours` and has no reference extraction (partial deposits only), or one later than
    # *D* + 45 days"
    if etat.reference is None or etat.reference > d + timedelta(days=45):
        raisons.add("b")
    # "(c) [...] a standing or pending deposit of it, complete or partial, refused ones included [...] has rejected rows
    # naming that ESSMS"
    concernes = depots_de_la_mesure(depots, table, etat, debut)
    rejets = sum(rejets_nommant(x, finess, du_porteur) for x in concernes)
    if rejets:
        raisons.add("c")
    # "(e) [...] a standing or pending deposit of it of those dates is refused for another reason than its rows or having
    # none"
    if any(x.statut == "refuse" and not x.rejets for x in concernes):
        raisons.add("e")
    return Source(bool(etat.lignes), frozenset(raisons), rejets)


def derniere_extraction(depots: Collection[Depot], finess: str) -> date:
    """Give the latest extraction date of another table than `dossiers` and `sejours` (§6.5).

    "others: of the porteur's usable deposits with an accepted row of that ESSMS, else with any."
    """
    return max(x.date_extraction for x in ([y for y in depots if lignes_de(y, finess)] or depots))


def source_depots(depots: Collection[Depot], finess: str, fin: date, reference: date | None = None) -> Source:
    """Judge any other table from the deposits that give it: "(a) its latest extraction date is ≤ `fin_fenetre`" (§6.5).

    "Latest extraction date: `dossiers`, `sejours`, `projets`: the reference extraction where there is one".
    """
    if not depots:
        return Source(False, frozenset())
    derniere = reference or derniere_extraction(depots, finess)
    return Source(True, frozenset("a" if derniere <= fin else ""))


def source_maj(depots: Sequence[Depot], finess: str, debut: date, fin: date) -> Source:
    """Judge *maj* (§6.5).

    "*maj* is present when `mises_a_jour` is, or when a usable deposit of `dossiers` has a `date_derniere_maj` in an
    accepted row of that ESSMS"; "the later of `mises_a_jour` and of the usable deposits of `dossiers` that give it".
    """
    dates = [
        x.date_extraction
        for x in utilisables(depots, "dossiers", debut)
        if any(ligne.get("date_derniere_maj") is not None for ligne in lignes_de(x, finess))
    ]
    if donnent := depots_donnant(depots, "mises_a_jour", debut):
        dates.append(derniere_extraction(donnent, finess))
    return Source(bool(dates), frozenset("a" if dates and max(dates) <= fin else ""))


def statut_de(besoins: Iterable[str], sources: Mapping[str, Source], denominateur: int | None) -> str:
    """Give the `statut` of an indicator: "first that applies" of the four of §6.5."""
    utiles = [sources[x] for x in besoins]
    if not all(x.presente for x in utiles):
        return "source_absente"
    if denominateur == 0:
        return "denominateur_nul"
    if any(x.raisons for x in utiles):
        return "source_partielle"
    return "calcule"


# §6.5 Verdict


@dataclass(frozen=True)
class Compte:
    """Numerator and denominator of an indicator, and what `taux_plancher` counts otherwise (§6.5).

    `prouve`: the numerator, "for `dossiers_actifs` [...] counts each person once"; `manques`: what may miss from the
    denominator beside the gaps of its sources (rejected rows of `mises_a_jour`).
    """

    numerateur: int
    denominateur: int | None
    prouve: int
    manques: int = 0


def ecart_sans_borne(indicateur: str, sources: Mapping[str, Source]) -> bool:
    """Say whether the gap has no bound (§6.5).

    "3(b); 3(e); 3(a) for `dossiers` or `sejours`, for `maj` in `projet_personnalise` and `agenda` (its absence shrinks
    their denominator), for `projets` in `projet_personnalise` and `agenda` in `agenda` (a later extraction may cancel)."
    """
    if any(sources[x].raisons & {"a", "b", "e"} for x in ("dossiers", "sejours")):
        return True
    propres = {"projet_personnalise": ("maj", "projets"), "agenda": ("maj", "agenda")}.get(indicateur, ())
    return any("a" in sources[x].raisons for x in propres)


def manques(compte: Compte, sources: Mapping[str, Source]) -> int:
    """Give *n* (§6.5).

    "the rejected rows of 3(c) in the needed tables `dossiers` and `sejours`, added, plus the distinct unknown dossiers of
    3(d); for `projet_personnalise` and `agenda`, plus the rejected rows of `mises_a_jour`".
    """
    rejets = sources["dossiers"].rejets + sources["sejours"].rejets
    return rejets + len(sources["dossiers"].inconnus) + compte.manques


def verdict_de(x: Mapping[str, Any], indicateur: str, tenu: bool, *, raisons: bool, exemptes: bool | None) -> str:
    """Give the `verdict` of a row of `indicateurs`: "first that applies" (§6.5).

    `tenu`: its `taux_plancher` is known and reaches the target; `raisons`: a needed table has a reason 3.
    """
    # "Where the sub-sector that an exemption needs is unknown, `non_atteint` and `non_demontre` of `mss` and `dmp` are
    # `a_confirmer`."
    doute = indicateur in SOCLES and exemptes is None
    if not x["opposable"]:
        return "non_opposable"
    if x["statut"] == "source_absente":
        return "a_confirmer" if doute else "non_demontre"
    if x["statut"] == "denominateur_nul":
        return "sans_objet" if indicateur in ("projet_personnalise", "agenda") and not raisons else "a_confirmer"
    if not x["atteint"]:
        return "a_confirmer" if doute else "non_atteint"
    return "atteint" if tenu else "a_confirmer"


def ligne_indicateur(
    essms: Essms,
    indicateur: str,
    compte: Compte,
    *,
    sources: Mapping[str, Source],
    regles: Regles,
    bornes: tuple[date, date],
    exemptes: bool | None,
) -> dict[str, Any]:
    """Give the row of `indicateurs` of one ESSMS from its raw numerator and denominator (§6.5)."""
    pour_numerateur, pour_denominateur = BESOINS[indicateur]
    besoins = {*pour_numerateur, *pour_denominateur}
    # "A numerator or denominator is null when a table it needs is not present."
    numerateur = compte.numerateur if all(sources[x].presente for x in pour_numerateur) else None
    denominateur = compte.denominateur if all(sources[x].presente for x in pour_denominateur) else None
    cible = regles.cibles.get(indicateur)

    # "`taux` = 100 × numerateur / denominateur, a double, not rounded"; "denominator 0 (taux null)"; "`atteint` and
    # `reste_a_faire` are null where `taux` is"; `taux_plancher` "the lowest rate that the known gaps allow, null where
    # `taux` is": "100 × numerateur / (denominateur + *n*)".
    taux: float | None = None
    plancher: float | None = None
    atteint: bool | None = None
    reste_a_faire: int | None = None
    tenu = False
    if numerateur is not None and denominateur:
        taux = 100 * numerateur / denominateur
        borne = denominateur + manques(compte, sources)
        borne_connue = not ecart_sans_borne(indicateur, sources)
        if borne_connue:
            plancher = 100 * compte.prouve / borne
        if cible is not None:
            atteint = est_atteint(numerateur, denominateur, cible)
            reste_a_faire = reste(numerateur, denominateur, cible)
            tenu = borne_connue and est_atteint(compte.prouve, borne, cible)
    ligne = {
        "numerateur": numerateur,
        "denominateur": denominateur,
        "taux": taux,
        "cible": cible,
        "opposable": est_opposable(essms, indicateur, regles, exemptes),
        "atteint": atteint,
        "reste_a_faire": reste_a_faire,
        "statut": statut_de(besoins, sources, denominateur),
        "debut_fenetre": bornes[0],
        "fin_fenetre": bornes[1],
        "regles": regles.nom,
        "projet": essms.convention,
        "taux_plancher": plancher,
    }
    raisons = any(sources[x].raisons for x in besoins)
    return {**ligne, "verdict": verdict_de(ligne, indicateur, tenu, raisons=raisons, exemptes=exemptes)}


# §7 maturin_sms and alertes


ACQUIS = frozenset({"atteint", "sans_objet"})


def a_la_cible(verdicts: Collection[str]) -> bool:
    """Say whether an ESSMS is "*à la cible*: every opposable verdict is `atteint` or `sans_objet`" (§6.5)."""
    return set(verdicts) <= ACQUIS


def a_confirmer(verdicts: Collection[str]) -> bool:
    """Say whether an ESSMS is "*à confirmer*: when the others [than atteint, sans_objet] are all `a_confirmer`" (§6.5)."""
    return set(verdicts) - ACQUIS == {"a_confirmer"}


def alertes_des_taux(essms: Essms, lignes: Mapping[str, Mapping[str, Any]]) -> set[Alerte]:
    """Give the alerts read on the indicators of one ESSMS (§6.5, §6.6, §7).

    "may pass 100 % [...]; that raises an alert, never a clip"; `SOURCE_ABSENTE`, `SOURCE_PARTIELLE`: the statut.
    "**Vérification d'aptitude** (SONS, version upgrades only): [...] the three DUI rates supplied and not zero [...]
    `VALEUR_NULLE` speaks of it for `montee_de_version` only, and also where a rate cannot be supplied." The optional
    sources (§4.3), without target, may be absent.
    """
    alertes: set[Alerte] = set()
    for indicateur, x in lignes.items():
        if x["taux"] is not None and x["numerateur"] > x["denominateur"]:
            alertes.add(("TAUX_SUP_100", essms.finess_et, indicateur, None))
        if essms.type == "montee_de_version" and indicateur in DUI and not x["taux"]:
            alertes.add(("VALEUR_NULLE", essms.finess_et, indicateur, None))
        if x["statut"] in ("source_absente", "source_partielle") and x["cible"] is not None:
            alertes.add((x["statut"].upper(), essms.finess_et, indicateur, None))
    return alertes


def alertes_des_personnes(
    finess: str, dossiers: Iterable[Ligne], connues: Identites, actives: set[Personne]
) -> set[Alerte]:
    """Give the alerts about the persons of one ESSMS.

    "alert `IDENTITE_INCOHERENTE`" (§6.3); "`DOUBLON_PERSONNE` (several current dossiers of one person)" (§7): number of
    persons; "null counts as eligible and raises an alert" (§6.4): `ELIGIBILITE_ABSENTE`, number of persons of the file
    active with a current dossier whose `eligible_projet` is null.
    """
    doublons = sum(x > 1 for x in Counter(connues.par_dossier.values()).values())
    sans_reponse = {
        connues.par_dossier[x["id_dossier"]] for x in dossiers if x.get("eligible_projet") is None
    } & actives
    nombres = {"DOUBLON_PERSONNE": doublons, "ELIGIBILITE_ABSENTE": len(sans_reponse)}
    alertes: set[Alerte] = {(code, finess, None, nombre) for code, nombre in nombres.items() if nombre}
    return alertes | ({("IDENTITE_INCOHERENTE", finess, None, None)} if connues.doutes else set())


def dossiers_inconnus(
    finess: str, connus: Collection[str], etats: Mapping[str, Etat], depots: Sequence[Depot], bornes: tuple[date, date]
) -> set[Alerte]:
    """Count, per table, the rows of dossiers unknown among the current ones (§6.5).

    "A séjour, projet, agenda event or mise à jour of a dossier unknown there has no effect (alert `DOSSIER_INCONNU`,
    with the count)." Counted: the current séjours and projets; the current agenda rows and the distinct rows of
    `mises_a_jour` whose day is in the window, since the others have no effect whatever their dossier.
    """
    debut, fin = bornes
    dossiers_nommes = {
        "sejours": [x["id_dossier"] for x in etats["sejours"].lignes],
        "projets": [x["id_dossier"] for x in etats["projets"].lignes],
        "agenda": [x[0] for x in agenda_courant(depots, finess) if debut <= x[2].date() <= fin and x[3] != "annule"],
        "mises_a_jour": [x[0] for x in faits_de_maj(depots, finess) if debut <= x[1].date() <= fin],
    }
    nombres = {table: sum(x not in connus for x in nommes) for table, nommes in dossiers_nommes.items()}
    return {("DOSSIER_INCONNU", finess, table, nombre) for table, nombre in nombres.items() if nombre}


def alertes_des_sources(finess: str, etats: Mapping[str, Etat], sources: Mapping[str, Source], d: date) -> set[Alerte]:
    """Give `REJETS` (§6.5, 3(c)) and "`SOURCE_TARDIVE` (reference extraction more than 45 days after *D*)" (§7)."""
    tardives: set[Alerte] = {
        ("SOURCE_TARDIVE", finess, table, None)
        for table, etat in etats.items()
        if etat.reference is not None and etat.reference > d + timedelta(days=45)
    }
    return tardives | {("REJETS", finess, table, x.rejets) for table, x in sources.items() if x.rejets}


def alertes_du_passe(essms: Essms, lignes: Mapping[str, Mapping[str, Any]], publie: Publie, d: date) -> set[Alerte]:
    """Give the alerts that compare a measure with what was published (§6.1, §7).

    "`CHUTE` (more than 30 points since the previous measure date)"; "`POPULATION_CHUTE` (file active more than 30 % under
    that of the previous measure date)"; "`PREMIERE_MESURE_MANQUEE` when *D* is later [than the `date_premiere_mesure` and
    the day after], no version holds a measure of those two days, and the date is not before the first publication".
    """
    finess, premiere = essms.finess_et, essms.date_premiere_mesure
    alertes: set[Alerte] = set()
    for indicateur, x in lignes.items():
        avant, _ = publie.precedents.get((finess, indicateur), (None, None))
        if avant is not None and x["taux"] is not None and avant - x["taux"] > 30:
            alertes.add(("CHUTE", finess, indicateur, None))
    _, avaient = publie.precedents.get((finess, "dossiers_actifs"), (None, None))
    ont = lignes["dossiers_actifs"]["denominateur"]
    if avaient is not None and ont is not None and 10 * ont < 7 * avaient:
        alertes.add(("POPULATION_CHUTE", finess, None, None))
    if premiere is not None and publie.premiere is not None:
        jours = {premiere, premiere + timedelta(days=1)}
        if d > max(jours) and not jours & set(publie.dates) and premiere >= publie.premiere:
            alertes.add(("PREMIERE_MESURE_MANQUEE", finess, None, None))
    return alertes


# The measure


@dataclass(frozen=True)
class Vue:
    """What the measure of one ESSMS reads: its row, those of its project, the numbers and the deposits of its porteur."""

    essms: Essms
    du_projet: tuple[Essms, ...]
    du_porteur: frozenset[str]
    depots: tuple[Depot, ...]


def vue(essms: Essms, registre: Registre, depots: Iterable[Depot]) -> Vue:
    """Give what the measure of one ESSMS reads: "the deposits of the porteur of *D* only" (§4.6).

    "Rows of deposits that bear any number of a chain of `finess_precedent` count for the row of that chain valid at *D*."
    "past measures stay what they were" when a row is added: what is about an ESSMS that is not valid at *D* counts for none.
    """
    valides = frozenset(x.finess_et for x in registre.valides if x.porteur == essms.porteur)
    actuel = {numero: x for x, numeros in registre.numeros.items() for numero in numeros}

    def renumeroter(depot: Depot) -> Depot:
        return replace(
            depot,
            lignes=tuple(
                {**x, "finess_et": du_jour}
                for x in depot.lignes
                if (du_jour := actuel.get(x["finess_et"], x["finess_et"])) in valides
            ),
            rejets=tuple(None if x is None else actuel.get(x, x) for x in depot.rejets),
        )

    return Vue(
        essms,
        tuple(x for x in registre.valides if x.convention == essms.convention),
        valides,
        tuple(renumeroter(x) for x in depots if x.porteur == essms.porteur),
    )


def sources_de(
    lu: Vue, etats: Mapping[str, Etat], bornes: tuple[date, date], connus: Collection[str], d: date
) -> dict[str, Source]:
    """Judge all the sources of an ESSMS (§6.5); `connus`: its current dossiers."""
    finess, (debut, fin) = lu.essms.finess_et, bornes
    sources = {
        table: source_etat(lu.depots, table, etats[table], finess=finess, du_porteur=lu.du_porteur, bornes=bornes, d=d)
        for table in ("dossiers", "sejours")
    }
    # "(d) it is `dossiers` and current séjours of the window are of dossiers unknown there"
    inconnus = {x["id_dossier"] for x in etats["sejours"].lignes if de_la_fenetre(x, debut, fin)} - set(connus)
    if inconnus:
        dossiers = sources["dossiers"]
        sources["dossiers"] = replace(dossiers, raisons=dossiers.raisons | {"d"}, inconnus=frozenset(inconnus))
    for table in ("projets", "agenda", "mss", "dmp", "eprescription", "eparcours"):
        reference = etats[table].reference if table in etats else None
        sources[table] = source_depots(depots_donnant(lu.depots, table, debut), finess, fin, reference)
    sources["maj"] = source_maj(lu.depots, finess, debut, fin)
    return sources


def mesurer_essms(lu: Vue, d: date, regles: Regles) -> tuple[dict[str, dict[str, Any]], dict[str, Any], set[Alerte]]:
    """Measure one ESSMS from the deposits of its porteur: rows by indicator, row of maturin_sms, alerts."""
    essms, depots = lu.essms, lu.depots
    finess = essms.finess_et
    bornes = debut, fin = fenetre(essms, d, regles)
    etats = {table: etat_courant(depots, table, finess, debut, d) for table in CLES_ETAT}
    dossiers, sejours = etats["dossiers"].lignes, etats["sejours"].lignes
    connues = identites(dossiers)
    personnes = connues.par_dossier
    sources = sources_de(lu, etats, bornes, personnes, d)
    actives = file_active(sejours, personnes, debut, fin)
    annuelles = file_active(sejours, personnes, debut_annuel(debut, fin), fin)

    # "*personnes éligibles*: persons of the file active with at least one dossier whose `eligible_projet` is not false"
    eligibles = {personnes[x["id_dossier"]] for x in dossiers if x.get("eligible_projet") is not False} & actives

    # "*dossier actif*: a dossier whose person is in the file active, and with at least one mise à jour whose day is in
    # the window."
    tenus_a_jour = {x for x, jour in mises_a_jour(depots, finess) if debut <= jour <= fin}
    actifs = {x for x in tenus_a_jour & set(personnes) if personnes[x] in actives}

    vigueur = [x for x in etats["projets"].lignes if x["id_dossier"] in actifs and en_vigueur(x, debut, fin)]
    avec_projet = {x["id_dossier"] for x in vigueur}
    echus = avec_projet - {x["id_dossier"] for x in vigueur if not est_echu(x, debut)}

    # "dossiers actifs with ≥ 1 agenda event, not `annule`, whose day is in the window"
    avec_agenda = actifs & {
        id_dossier
        for id_dossier, _, quand, statut in agenda_courant(depots, finess)
        if statut != "annule" and debut <= quand.date() <= fin
    }

    # "personnes éligibles with ≥ 1 `succes` document whose day is in the window"; "Persons so fed who are not in the
    # personnes éligibles are counted apart".
    alimentes = {
        personne_du_document(x, connues)
        for depot in acceptes(depots, "dmp")
        for x in lignes_de(depot, finess)
        if x["statut"] == "succes" and debut <= x["horodatage"].date() <= fin
    } - {None}

    # "plus the rejected rows of `mises_a_jour` that name the ESSMS and lie in usable deposits, at most the dossiers of the
    # file active that are not actifs"
    inactifs = {x for x, personne in personnes.items() if personne in actives} - actifs
    maj_rejetees = sum(rejets_nommant(x, finess, lu.du_porteur) for x in utilisables(depots, "mises_a_jour", debut))
    manquants = min(maj_rejetees, len(inactifs))
    messages = messages_envoyes(depots, finess, debut, fin)
    imports, echanges = (
        evenements_de_la_fenetre(depots, x, finess, debut, fin) for x in ("eprescription", "eparcours")
    )
    comptes = {
        "dossiers_actifs": Compte(len(actifs), len(actives), len({personnes[x] for x in actifs})),
        "projet_personnalise": Compte(len(avec_projet), len(actifs), len(avec_projet), manquants),
        "agenda": Compte(len(avec_agenda), len(actifs), len(avec_agenda), manquants),
        "mss": Compte(messages, len(eligibles), messages),
        "dmp": Compte(len(alimentes & eligibles), len(eligibles), len(alimentes & eligibles)),
        "eprescription": Compte(imports, None, imports),
        "eparcours": Compte(echanges, None, echanges),
    }
    exemptes = exemption_pjm(essms, lu.du_projet, regles)
    lignes = {
        x: ligne_indicateur(essms, x, comptes[x], sources=sources, regles=regles, bornes=bornes, exemptes=exemptes)
        for x in INDICATEURS
    }

    # "The counts of persons are null when `dossiers` or `sejours` is not present" (§6.4)
    population = sources["dossiers"].presente and sources["sejours"].presente
    hors_population = len(alimentes - eligibles) if lignes["dmp"]["numerateur"] is not None else None
    verdicts = [x["verdict"] for x in lignes.values() if x["opposable"]]
    maturin = {
        "file_active": len(actives) if population else None,
        "file_active_annuelle": len(annuelles) if population else None,
        "personnes_eligibles": len(eligibles) if population else None,
        "nb_dossiers_actifs": lignes["dossiers_actifs"]["numerateur"],
        "nb_dossiers_projet": lignes["projet_personnalise"]["numerateur"],
        "nb_dossiers_agenda": lignes["agenda"]["numerateur"],
        "nb_messages_mss": lignes["mss"]["numerateur"],
        "nb_dmp_alimentes": lignes["dmp"]["numerateur"],
        "nb_eprescriptions": lignes["eprescription"]["numerateur"],
        "nb_echanges_eparcours": lignes["eparcours"]["numerateur"],
        **{f"taux_{x}": lignes[x]["taux"] for x in CIBLES},
        "cibles_atteintes": a_la_cible(verdicts),
        "projet": essms.convention,
        "cibles_a_confirmer": a_confirmer(verdicts),
        "nb_dmp_hors_population": hors_population,
    }
    alertes = (
        alertes_des_taux(essms, lignes)
        | alertes_des_personnes(finess, dossiers, connues, actives)
        | dossiers_inconnus(finess, set(personnes), etats, depots, bornes)
        | alertes_des_sources(finess, etats, sources, d)
    )
    # "alert `PROJET_ECHU` with the number of dossiers actifs that only have such ones"
    if echus and lignes["projet_personnalise"]["numerateur"] is not None:
        alertes.add(("PROJET_ECHU", finess, None, len(echus)))
    if hors_population:
        alertes.add(("DMP_HORS_POPULATION", finess, None, hors_population))
    # "alert `FIN_DE_MOIS` when the window is of whole months and *D* is the last day of a month" (§6.1)
    if (d + timedelta(days=1)).day == 1:
        alertes.add(("FIN_DE_MOIS", finess, None, None))
    return lignes, maturin, alertes


def mesurer(lignes: Sequence[Essms], depots: Sequence[Depot], d: date, publie: Publie = RIEN_DE_PUBLIE) -> Resultat:
    """Measure every ESSMS of a register valid at date `d` (§6), without a look at the order of `depots`."""
    resultat = Resultat()
    registre = registre_du(lignes, d)
    for un in registre.valides:
        mesures, maturin, alertes = mesurer_essms(vue(un, registre, depots), d, REGLES[un.regles])
        resultat.indicateurs.update({(un.finess_et, x): ligne for x, ligne in mesures.items()})
        resultat.maturin[un.finess_et] = maturin
        resultat.alertes |= alertes | alertes_du_passe(un, mesures, publie, d)
    return resultat
