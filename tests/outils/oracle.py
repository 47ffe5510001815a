"""Reference implementation of SPECIFICATION §6 in plain Python: one ESSMS at a time, sets and dicts, no engine.

Written from the sentences of the specification alone, each quoted where it is applied, so that the production SQL
can be compared with something that shares nothing with it. Slow and literal on purpose.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import PurePosixPath
from typing import Any

Ligne = dict[str, Any]
Personne = tuple[str, str]  # kind of identifier (ins, id_personne, id_dossier) and its value
Alerte = tuple[str, str, str | None, int | None]


@dataclass(frozen=True)
class Essms:
    """One row of projets.csv (§4.6)."""

    finess_et: str
    porteur: str
    regles: str = "2025"
    date_premiere_mesure: date | None = None
    sous_secteur: str | None = None
    exemption_socles: bool = False


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
class Regles:
    """One set of rules: months of the window, targets in %, indicators not opposable per sub-sector."""

    nom: str
    mois: int
    mois_premiere_mesure: int | None
    cibles: dict[str, int]
    non_opposables_par_sous_secteur: dict[str, frozenset[str]]


@dataclass
class Resultat:
    """What a measure gives: rows by (finess_et, indicateur), rows of maturin_sms by finess_et, alerts."""

    indicateurs: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    maturin: dict[str, dict[str, Any]] = field(default_factory=dict)
    alertes: set[Alerte] = field(default_factory=set)


INDICATEURS = ("dossiers_actifs", "projet_personnalise", "agenda", "mss", "dmp", "eprescription", "eparcours")
SOCLES = frozenset({"mss", "dmp"})

# §6.5, table of the indicators, column "target %".
CIBLES = {"dossiers_actifs": 90, "projet_personnalise": 90, "agenda": 90, "mss": 70, "dmp": 70}

# §6.1 (months) and §6.5 ("`opposable` is false for `mss` and `dmp` in sub-sector PJM": said of no rules in particular).
REGLES = {
    "2025": Regles("2025", 3, None, CIBLES, {"PJM": SOCLES}),
    "2023": Regles("2023", 1, 3, CIBLES, {"PJM": SOCLES}),
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
    "dmp": (("dmp",), ("dossiers", "sejours")),
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
    before *D*: from *D* − 1 month to *D* − 1; 3 months when *D* equals the `date_premiere_mesure` of the ESSMS."
    """
    mois = regles.mois
    if regles.mois_premiere_mesure is not None and essms.date_premiere_mesure == d:
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
    # reference), up to a bound [...] In order of date and name: for every dossier of which a partial deposit has an
    # accepted row, its rows replace those of that dossier; one row per key throughout, the later wins."
    for depot in siens:
        depuis_reference = reference is None or depot.date_extraction >= reference
        if depot.partiel and depuis_reference and depot.date_extraction <= borne:
            nouvelles = lignes_de(depot, finess)
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
    # the daily count does not." A missing bal_emettrice is a value like another.
    couverts = {(x.get("bal_emettrice"), x["sens"], x["horodatage"].date()) for x in identifies.values()}
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


def ins_par_id_personne(dossiers: Iterable[Ligne]) -> dict[str, set[str]]:
    """Give "the distinct valid `ins` of all dossiers of one `id_personne`", "among its current dossiers" (§6.3)."""
    ins: dict[str, set[str]] = {}
    for x in dossiers:
        connus = ins.setdefault(x["id_personne"], set())
        if x.get("ins") is not None:
            connus.add(x["ins"])
    return ins


def personne_de(id_personne: str, ins: Mapping[str, set[str]]) -> Personne:
    """Give the person behind an `id_personne` of the current dossiers (§6.3).

    "Exactly one: the person is that `ins` [...]. None, or several: the person is that `id_personne`."
    """
    connus = ins[id_personne]
    if len(connus) == 1:
        (seul,) = connus
        return ("ins", seul)
    return ("id_personne", id_personne)


def personne_du_document(ligne: Ligne, personnes: Mapping[str, Personne], ins: Mapping[str, set[str]]) -> Personne:
    """Give the person of a `dmp` row (§6.5), from the persons of the current dossiers.

    "that of the dossier if `id_dossier` is given and known among the current dossiers of this ESSMS; else the valid
    `ins`; else that of `id_personne` if it is known there; else the given `id_personne`, else `id_dossier`."
    """
    id_dossier, id_personne = ligne.get("id_dossier"), ligne.get("id_personne")
    if id_dossier is not None and id_dossier in personnes:
        return personnes[id_dossier]
    if ligne.get("ins") is not None:
        return ("ins", ligne["ins"])
    if id_personne is not None and id_personne in ins:
        return personne_de(id_personne, ins)
    if id_personne is not None:
        return ("id_personne", id_personne)
    return ("id_dossier", str(id_dossier))


# §6.4 Populations


def file_active(sejours: Iterable[Ligne], personnes: Mapping[str, Personne], debut: date, fin: date) -> set[Personne]:
    """Give the persons of the file active (§6.4); a séjour "of a dossier unknown there has no effect" (§6.5).

    "persons having a séjour with `date_entree` ≤ `fin_fenetre` and (`date_sortie` null or ≥ `debut_fenetre`)".
    """
    return {
        personnes[x["id_dossier"]]
        for x in sejours
        if x["id_dossier"] in personnes
        and x["date_entree"] <= fin
        and (x.get("date_sortie") is None or x["date_sortie"] >= debut)
    }


def debut_annuel(debut: date, fin: date) -> date:
    """Give the first day of the file active annuelle (§6.4).

    "the same from 1 January of the year of `fin_fenetre`, if earlier, instead of `debut_fenetre`."
    """
    return min(debut, date(fin.year, 1, 1))


# §6.5 Indicators


def en_vigueur(projet: Ligne, debut: date, fin: date) -> bool:
    """Say whether a projet is *en vigueur* (§6.5).

    "if (`date_debut` null or ≤ `fin_fenetre`) and, for `en_preparation` or `actif`, (`date_fin` null or ≥
    `debut_fenetre`); for `termine`, `date_fin` not null and ≥ `debut_fenetre`. Others never."
    """
    date_debut, date_fin = projet.get("date_debut"), projet.get("date_fin")
    if date_debut is not None and date_debut > fin:
        return False
    if projet["statut"] in ("en_preparation", "actif"):
        return date_fin is None or date_fin >= debut
    if projet["statut"] == "termine":
        return date_fin is not None and date_fin >= debut
    return False


def est_opposable(essms: Essms, indicateur: str, regles: Regles) -> bool:
    """Say whether a target binds the ESSMS (§6.5).

    "`opposable` is false for `mss` and `dmp` in sub-sector PJM and where `exemption_socles` is true, and for indicators
    without a target".
    """
    if indicateur not in regles.cibles:
        return False
    if indicateur in SOCLES and essms.exemption_socles:
        return False
    return indicateur not in regles.non_opposables_par_sous_secteur.get(essms.sous_secteur or "", frozenset())


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


def depots_donnant_maj(depots: Sequence[Depot], finess: str, debut: date) -> list[Depot]:
    """List the deposits that make *maj* present (§6.5, Sources).

    "*maj* is present when `mises_a_jour` is, or when a usable deposit of `dossiers` has a `date_derniere_maj` in an
    accepted row of that ESSMS."
    """
    par_dossiers = [
        x
        for x in utilisables(depots, "dossiers", debut)
        if any(ligne.get("date_derniere_maj") is not None for ligne in lignes_de(x, finess))
    ]
    return depots_donnant(depots, "mises_a_jour", debut) + par_dossiers


@dataclass(frozen=True)
class Source:
    """Whether a table is present for an ESSMS, and whether it leaves a doubt: (a), (b) or (c) of source_partielle."""

    presente: bool
    partielle: bool


def rejets_nommant(depot: Depot, finess: str, du_porteur: Collection[str]) -> int:
    """Count the rejected rows of a deposit that name an ESSMS (§6.5, (c)).

    "all rows of a file refused for its rows count as rejected; a rejected row whose FINESS is missing or malformed
    names every ESSMS of the project that the file names, all of the porteur's if it names none".
    """
    nommes = {x["finess_et"] for x in depot.lignes} | {x for x in depot.rejets if x is not None}
    nommes_du_projet = (nommes & set(du_porteur)) or set(du_porteur)
    return sum(finess in (nommes_du_projet if x is None else {x}) for x in depot.rejets)


def rejets_de_la_mesure(
    depots: Iterable[Depot], table: str, etat: Etat, *, finess: str, du_porteur: Collection[str], debut: date
) -> int:
    """Count the rejected rows naming an ESSMS that matter for a measure (§6.5, (c)).

    "a deposit of it, complete or partial, refused ones included, extracted from the reference extraction on (any usable
    date if none) up to the bound of §6.2, has rejected rows naming that ESSMS".
    """
    depuis = debut if etat.reference is None else etat.reference
    return sum(
        rejets_nommant(x, finess, du_porteur)
        for x in depots
        if x.table == table and depuis <= x.date_extraction <= etat.borne
    )


def source_etat(etat: Etat, rejets: int, fin: date) -> Source:
    """Judge `dossiers` or `sejours` as a source (§6.5).

    "present [...] when §6.2 leaves it a row"; partial when "(a) its latest extraction date [the reference extraction]
    is ≤ `fin_fenetre`; (b) it [...] has no reference extraction (partial deposits only); (c) [...] has rejected rows
    naming that ESSMS".
    """
    ancienne = etat.reference is not None and etat.reference <= fin
    return Source(bool(etat.lignes), ancienne or etat.reference is None or rejets > 0)


def source_depots(depots: Collection[Depot], fin: date) -> Source:
    """Judge any other table from the deposits that give it (§6.5).

    "(a) its latest extraction date is ≤ `fin_fenetre`"; "Latest extraction date: [...] others: of the porteur's usable
    deposits with an accepted row"; *maj*: "the later of `mises_a_jour` and of the usable deposits of `dossiers` that
    give it".
    """
    if not depots:
        return Source(False, False)
    return Source(True, max(x.date_extraction for x in depots) <= fin)


def statut_de(besoins: Iterable[str], sources: Mapping[str, Source], denominateur: int | None) -> str:
    """Give the `statut` of an indicator: "first that applies" of the four of §6.5."""
    utiles = [sources[x] for x in besoins]
    if not all(x.presente for x in utiles):
        return "source_absente"
    if denominateur == 0:
        return "denominateur_nul"
    if any(x.partielle for x in utiles):
        return "source_partielle"
    return "calcule"


def ligne_indicateur(
    essms: Essms,
    indicateur: str,
    comptes: tuple[int, int | None],
    *,
    sources: Mapping[str, Source],
    regles: Regles,
    bornes: tuple[date, date],
) -> dict[str, Any]:
    """Give the row of `indicateurs` of one ESSMS from its raw numerator and denominator (§6.5)."""
    pour_numerateur, pour_denominateur = BESOINS[indicateur]
    # "A numerator or denominator is null when a table it needs is not present."
    numerateur = comptes[0] if all(sources[x].presente for x in pour_numerateur) else None
    denominateur = comptes[1] if all(sources[x].presente for x in pour_denominateur) else None
    cible = regles.cibles.get(indicateur)

    # "`taux` = 100 × numerateur / denominateur, a double, not rounded"; "denominator 0 (taux null)"; "`atteint` and
    # `reste_a_faire` are null where `taux` is."
    taux: float | None = None
    atteint: bool | None = None
    reste_a_faire: int | None = None
    if numerateur is not None and denominateur:
        taux = 100 * numerateur / denominateur
        if cible is not None:
            atteint = est_atteint(numerateur, denominateur, cible)
            reste_a_faire = reste(numerateur, denominateur, cible)
    return {
        "numerateur": numerateur,
        "denominateur": denominateur,
        "taux": taux,
        "cible": cible,
        "opposable": est_opposable(essms, indicateur, regles),
        "atteint": atteint,
        "reste_a_faire": reste_a_faire,
        "statut": statut_de({*pour_numerateur, *pour_denominateur}, sources, denominateur),
        "debut_fenetre": bornes[0],
        "fin_fenetre": bornes[1],
        "regles": regles.nom,
    }


# §7 maturin_sms and alertes


def toutes_cibles(lignes: Iterable[Mapping[str, Any]]) -> bool:
    """Give `cibles_atteintes` ("all opposable targets", §7): a target whose rate is unknown is not reached."""
    return all(x["atteint"] is True for x in lignes if x["opposable"])


def alertes_des_taux(finess: str, lignes: Mapping[str, Mapping[str, Any]]) -> set[Alerte]:
    """Give the alerts read on the indicators of one ESSMS (§6.5, §7).

    "may pass 100 % [...]; that raises an alert, never a clip"; `SOURCE_ABSENTE`, `SOURCE_PARTIELLE`: the statut;
    "`VALEUR_NULLE` (an opposable rate at 0)". The optional sources (§4.3), without target, may be absent.
    """
    alertes: set[Alerte] = set()
    for indicateur, x in lignes.items():
        if x["taux"] is not None and x["numerateur"] > x["denominateur"]:
            alertes.add(("TAUX_SUP_100", finess, indicateur, None))
        if x["taux"] is not None and x["numerateur"] == 0 and x["opposable"]:
            alertes.add(("VALEUR_NULLE", finess, indicateur, None))
        if x["statut"] in ("source_absente", "source_partielle") and x["cible"] is not None:
            alertes.add((x["statut"].upper(), finess, indicateur, None))
    return alertes


def alertes_des_personnes(
    finess: str, dossiers: Iterable[Ligne], personnes: Mapping[str, Personne], actives: set[Personne]
) -> set[Alerte]:
    """Give the alerts about the persons of one ESSMS.

    "several (alert `IDENTITE_INCOHERENTE`)" (§6.3): number of `id_personne`; "`DOUBLON_PERSONNE` (several current
    dossiers of one person)" (§7): number of persons; "null counts as eligible and raises an alert" (§6.4):
    `ELIGIBILITE_ABSENTE`, number of persons of the file active with a current dossier whose `eligible_projet` is null.
    """
    dossiers = list(dossiers)
    incoherents = sum(len(x) > 1 for x in ins_par_id_personne(dossiers).values())
    doublons = sum(x > 1 for x in Counter(personnes.values()).values())
    sans_reponse = {personnes[x["id_dossier"]] for x in dossiers if x.get("eligible_projet") is None} & actives
    nombres = {
        "IDENTITE_INCOHERENTE": incoherents,
        "DOUBLON_PERSONNE": doublons,
        "ELIGIBILITE_ABSENTE": len(sans_reponse),
    }
    return {(code, finess, None, nombre) for code, nombre in nombres.items() if nombre}


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


def alertes_des_sources(finess: str, etats: Mapping[str, Etat], rejets: Mapping[str, int], d: date) -> set[Alerte]:
    """Give `REJETS` (§6.5 (c)) and "`SOURCE_TARDIVE` (reference extraction more than 45 days after *D*)" (§7)."""
    tardives: set[Alerte] = {
        ("SOURCE_TARDIVE", finess, table, None)
        for table, etat in etats.items()
        if etat.reference is not None and etat.reference > d + timedelta(days=45)
    }
    return tardives | {("REJETS", finess, table, nombre) for table, nombre in rejets.items() if nombre}


# The measure


def mesurer_essms(
    essms: Essms, du_porteur: Collection[str], depots: Sequence[Depot], d: date, regles: Regles
) -> tuple[dict[str, dict[str, Any]], dict[str, Any], set[Alerte]]:
    """Measure one ESSMS from the deposits of its porteur: rows by indicator, row of maturin_sms, alerts."""
    finess = essms.finess_et
    bornes = debut, fin = fenetre(essms, d, regles)
    etats = {table: etat_courant(depots, table, finess, debut, d) for table in CLES_ETAT}
    rejets = {
        table: rejets_de_la_mesure(depots, table, etats[table], finess=finess, du_porteur=du_porteur, debut=debut)
        for table in ("dossiers", "sejours")
    }
    sources = {
        table: source_etat(etats[table], rejets[table], fin)
        if table in rejets
        else source_depots(depots_donnant(depots, table, debut), fin)
        for table in ("dossiers", "sejours", "projets", "agenda", "mss", "dmp", "eprescription", "eparcours")
    }
    sources["maj"] = source_depots(depots_donnant_maj(depots, finess, debut), fin)

    dossiers, sejours = etats["dossiers"].lignes, etats["sejours"].lignes
    ins = ins_par_id_personne(dossiers)
    personnes = {x["id_dossier"]: personne_de(x["id_personne"], ins) for x in dossiers}
    actives = file_active(sejours, personnes, debut, fin)
    annuelles = file_active(sejours, personnes, debut_annuel(debut, fin), fin)

    # "*personnes éligibles*: persons of the file active with at least one dossier whose `eligible_projet` is not false"
    eligibles = {personnes[x["id_dossier"]] for x in dossiers if x.get("eligible_projet") is not False} & actives

    # "*dossier actif*: a dossier whose person is in the file active, and with at least one mise à jour whose day is in
    # the window."
    tenus_a_jour = {x for x, jour in mises_a_jour(depots, finess) if debut <= jour <= fin}
    actifs = {x for x in tenus_a_jour & set(personnes) if personnes[x] in actives}

    avec_projet = actifs & {x["id_dossier"] for x in etats["projets"].lignes if en_vigueur(x, debut, fin)}

    # "dossiers actifs with ≥ 1 agenda event, not `annule`, whose day is in the window"
    avec_agenda = actifs & {
        id_dossier
        for id_dossier, _, quand, statut in agenda_courant(depots, finess)
        if statut != "annule" and debut <= quand.date() <= fin
    }

    # "distinct persons with ≥ 1 `succes` document whose day is in the window"
    alimentes = {
        personne_du_document(x, personnes, ins)
        for depot in acceptes(depots, "dmp")
        for x in lignes_de(depot, finess)
        if x["statut"] == "succes" and debut <= x["horodatage"].date() <= fin
    }

    comptes: dict[str, tuple[int, int | None]] = {
        "dossiers_actifs": (len(actifs), len(actives)),
        "projet_personnalise": (len(avec_projet), len(actifs)),
        "agenda": (len(avec_agenda), len(actifs)),
        "mss": (messages_envoyes(depots, finess, debut, fin), len(eligibles)),
        "dmp": (len(alimentes), len(eligibles)),
        "eprescription": (evenements_de_la_fenetre(depots, "eprescription", finess, debut, fin), None),
        "eparcours": (evenements_de_la_fenetre(depots, "eparcours", finess, debut, fin), None),
    }
    lignes = {
        x: ligne_indicateur(essms, x, comptes[x], sources=sources, regles=regles, bornes=bornes) for x in INDICATEURS
    }

    # "The counts of persons are null when `dossiers` or `sejours` is not present" (§6.4)
    population = sources["dossiers"].presente and sources["sejours"].presente
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
        "cibles_atteintes": toutes_cibles(lignes.values()),
    }
    alertes = (
        alertes_des_taux(finess, lignes)
        | alertes_des_personnes(finess, dossiers, personnes, actives)
        | dossiers_inconnus(finess, set(personnes), etats, depots, bornes)
        | alertes_des_sources(finess, etats, rejets, d)
    )
    return lignes, maturin, alertes


def mesurer(
    essms: Sequence[Essms], depots: Sequence[Depot], d: date, regles: Mapping[str, Regles] = REGLES
) -> Resultat:
    """Measure every ESSMS of a register at date `d` (§6), without a look at the order of `essms` and `depots`."""
    resultat = Resultat()
    for un in essms:
        du_porteur = {x.finess_et for x in essms if x.porteur == un.porteur}
        siens = [x for x in depots if x.porteur == un.porteur]
        lignes, maturin, alertes = mesurer_essms(un, du_porteur, siens, d, regles[un.regles])
        resultat.indicateurs.update({(un.finess_et, x): ligne for x, ligne in lignes.items()})
        resultat.maturin[un.finess_et] = maturin
        resultat.alertes |= alertes
    return resultat
