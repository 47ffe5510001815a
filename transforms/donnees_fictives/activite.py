"""What happens to the people of a porteur over the period: files, stays, projects, events, messages, documents.

Frames are typed (dates, local civil date-times, booleans) and clean; how editors write them is in `ecriture`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date, timedelta

import polars as pl

from transforms.donnees_fictives.fichiers_agence import bals
from transforms.donnees_fictives.hasard import Hasard
from transforms.donnees_fictives.periode import JOUR, Periode, Trimestre
from transforms.donnees_fictives.region import Porteur

_LIEUX_AILLEURS = ("2A004", "2B033", "75056", "13055", "99350")
_LIBELLES = (
    "Entretien individuel",
    "Synthèse pluridisciplinaire",
    "Visite à domicile",
    "Point d’étape – famille",
    "Rendez-vous médical",
    "Atelier d’expression",
)
_NUMEROS = {
    "trois-ravines": ("D-", "P", 6),
    "ght-hautes-vallees": ("80", "IPP", 6),
    "gcsms-parcours-madinina": ("", "U", 6),
    "baobab-soutien": ("DOS/2026/", "USAGER ", 4),
    "tutelaire-piemont": ("M-", "MP", 5),
    "enfance-deux-lagons": ("E", "J", 5),
}
"""Prefix of `id_dossier`, of `id_personne` and number of digits, by kind of porteur."""

_MAJ_MOYENNES, _RENDEZ_VOUS_MOYENS, _DOCUMENTS_MOYENS = 12.0, 5.5, 0.7
_JOURS_AVANT, _JOURS_APRES, _JOURS_AVANT_PURGE = 20, 21, 150
_BORDS = {"sortie_premier_jour": 3, "sortie_veille": 5, "entree_dernier_jour": 7, "entree_lendemain": 9}
"""Rank, inside its ESSMS, of the person whose stay touches a border of the first quarter."""


@dataclass(frozen=True)
class Activite:
    """The true activity of a porteur, one frame per table of §4 (columns named as there, plus those editors add)."""

    dossiers: pl.DataFrame
    sejours: pl.DataFrame
    projets: pl.DataFrame
    mises_a_jour: pl.DataFrame
    agenda: pl.DataFrame
    mss: pl.DataFrame
    dmp: pl.DataFrame
    eprescription: pl.DataFrame
    eparcours: pl.DataFrame


def construire_activite(hasard: Hasard, porteur: Porteur, periode: Periode) -> Activite:
    """Return the activity of a porteur; the shares of people follow the `taux` of each ESSMS, quarter by quarter."""
    dossiers = _dossiers(hasard.sous("dossiers"), porteur, _structures(porteur, periode), periode)
    sejours = _sejours(hasard.sous("sejours"), dossiers)
    trimestres = periode.trimestres
    veille = Trimestre(periode.debut - timedelta(days=_JOURS_AVANT), periode.debut - JOUR)
    apres = Trimestre(periode.lendemain, periode.fin + timedelta(days=_JOURS_APRES))
    morceaux: dict[str, list[pl.DataFrame]] = {f.name: [] for f in fields(Activite)}
    premier = _population(dossiers, sejours, porteur, trimestres[0], 0)
    # Those without any update in the quarter were seen just before it: facts outside the window, on its border.
    morceaux["mises_a_jour"].append(_mises_a_jour(hasard.sous("veille"), _inactifs(premier, veille)))
    for rang, trimestre in enumerate((*trimestres, apres)):
        source = hasard.sous(f"trimestre-{rang}")
        population = _population(dossiers, sejours, porteur, trimestre, min(rang, len(trimestres) - 1))
        morceaux["agenda"].append(_agenda(source.sous("agenda"), population, rang))
        if trimestre is apres:
            break
        morceaux["mises_a_jour"].append(_mises_a_jour(source.sous("maj"), population.filter("actif")))
        morceaux["mss"].append(_mss(source.sous("mss"), population, porteur, trimestre))
        morceaux["dmp"].append(_dmp(source.sous("dmp"), population, rang))
        prescrits = population.filter("prescripteur")
        morceaux["eprescription"].append(_flux(source.sous("eprescription"), prescrits, "id_import", f"ORD{rang}", 1.5))
        morceaux["eparcours"].append(_flux(source.sous("eparcours"), population, "id_echange", f"ECH{rang}", 0.8))
    evenements = {nom: pl.concat(liste).sort(pl.all()) for nom, liste in morceaux.items() if liste}
    return Activite(
        dossiers=dossiers.select(
            "finess_et",
            "id_dossier",
            "id_personne",
            "ins",
            "date_creation",
            "eligible_projet",
            "nom",
            "prenom",
            "date_naissance",
            "purge",
        ).sort("finess_et", "id_dossier"),
        sejours=sejours.sort("finess_et", "id_dossier", "date_entree"),
        projets=_projets(hasard.sous("projets"), dossiers, premier, periode),
        **evenements,
    )


def extraire_activite(activite: Activite, table: str, extraction: date, depuis: date | None = None) -> pl.DataFrame:
    """Return what an editor's export of `table` holds on the morning of `extraction`.

    State tables are as known that day (purged files gone, future exits unknown, `date_derniere_maj` filled in); event
    tables hold the facts from `depuis` to the day before, agenda also the appointments of the three weeks to come.
    """
    cadre: pl.DataFrame = getattr(activite, table)
    if table == "dossiers":
        connus = cadre.filter(
            (pl.col("date_creation") < extraction) & (pl.col("purge").is_null() | (pl.col("purge") > extraction))
        )
        dernieres = (
            activite.mises_a_jour.filter(pl.col("horodatage").dt.date() < extraction)
            .group_by("finess_et", "id_dossier")
            .agg(pl.col("horodatage").max().alias("date_derniere_maj"))
        )
        return connus.drop("purge").join(dernieres, on=["finess_et", "id_dossier"], how="left", maintain_order="left")
    if table == "sejours":
        purges = activite.dossiers.filter(pl.col("purge") <= extraction)
        return (
            cadre.filter(pl.col("date_entree") < extraction)
            .join(purges, on=["finess_et", "id_dossier"], how="anti", maintain_order="left")
            .with_columns(_si_passe("date_sortie", extraction))
        )
    if table == "projets":
        en_cours = (pl.col("statut") == "termine") & (pl.col("date_fin") >= extraction)
        return cadre.filter(pl.col("date_debut") <= extraction).with_columns(
            pl.when(en_cours).then(pl.lit("actif")).otherwise("statut").alias("statut")
        )
    if table == "agenda":
        bornes = pl.col("ancre") < extraction + timedelta(days=_JOURS_APRES)
        a_venir = pl.col("debut").dt.date() >= extraction
        statut = pl.when(a_venir & (pl.col("statut") == "realise")).then(pl.lit("planifie")).otherwise("statut")
        choisis = cadre.filter(bornes if depuis is None else bornes & (pl.col("ancre") >= depuis))
        return choisis.with_columns(statut.alias("statut")).drop("ancre")
    jour = pl.col("horodatage").dt.date()
    return cadre.filter((jour < extraction) if depuis is None else (jour < extraction) & (jour >= depuis))


def par_destinataire(messages: pl.DataFrame) -> pl.DataFrame:
    """Return one line per recipient of each message, as some operators export them (§4.2, grain of the message)."""
    lignes = _repeter(messages, messages["destinataires"])
    return lignes.with_columns(
        horodatage=pl.col("horodatage") + pl.duration(seconds=pl.col("occurrence")),
        destinataire=pl.format("correspondant{}@mssante.example", pl.col("occurrence") + 1),
    ).drop("occurrence", "destinataires")


def par_message(messages: pl.DataFrame) -> pl.DataFrame:
    """Return one line per message, recipients left out (§4.2, grain of the message)."""
    return messages.drop("destinataires")


def par_jour(messages: pl.DataFrame) -> pl.DataFrame:
    """Return daily counts per mailbox, without any structure number (§4.2, grain of the day)."""
    return (
        messages.group_by("bal_emettrice", pl.col("horodatage").dt.date(), "sens")
        .agg(pl.len().cast(pl.Int64).alias("nb_messages"))
        .sort("horodatage", "bal_emettrice", "sens")
    )


def _si_passe(colonne: str, extraction: date) -> pl.Expr:
    return pl.when(pl.col(colonne) < extraction).then(colonne).alias(colonne)


def _repeter(cadre: pl.DataFrame, nombre: pl.Series) -> pl.DataFrame:
    """Repeat each row that number of times, with its 0-based rank in `occurrence`."""
    utile, nombre = cadre.filter(nombre > 0), nombre.filter(nombre > 0)
    indices = pl.int_range(utile.height, eager=True).repeat_by(nombre).explode()
    return utile[indices].with_columns(occurrence=pl.int_ranges(0, nombre, eager=True).explode())


def _exponentielle(u: pl.Series, moyenne: float | pl.Series, plafond: int) -> pl.Series:
    """Turn uniform draws into whole numbers ≥ 0 of about that mean, capped."""
    return (-((1 - u).log()) * moyenne).floor().clip(0, plafond).cast(pl.Int64)


def _rang_relatif(colonne: str, *groupe: str) -> pl.Expr:
    """Rank of a draw in its group, in ]0, 1[: `rang < taux` picks that share of the group, to the nearest unit."""
    return (pl.col(colonne).rank("ordinal").over(groupe) - 0.5) / pl.len().over(groupe)


def _structures(porteur: Porteur, periode: Periode) -> pl.DataFrame:
    """One row per ESSMS that has activity, with what the draws need to know of it."""
    return pl.DataFrame(
        [
            {
                "finess_et": e.finess_et,
                "effectif": e.effectif,
                "age_min": e.genre.age_min,
                "age_max": e.genre.age_max,
                "sejour_moyen_jours": e.genre.sejour_moyen_jours,
                "rotation": e.genre.rotation_pct / 100,
                "prescripteur": e.genre.prescripteur,
                "mineurs": e.genre.sous_secteur == "PDE",
                "fin_activite": periode.debut - timedelta(days=40) if e.sans_activite else e.fermeture,
            }
            for e in porteur.essms
            if not e.sans_depot
        ],
        schema_overrides={"fin_activite": pl.Date},
    )


def _dossiers(h: Hasard, porteur: Porteur, structures: pl.DataFrame, periode: Periode) -> pl.DataFrame:
    """One row per file, with the stay it opens (`date_entree`, `date_sortie`) and the draws of its person's habits."""
    personnes = _personnes(h.sous("personnes"), porteur, structures, periode)
    n = personnes.height
    # Some people are followed by two structures of the porteur, some have two files in one structure.
    voisine = dict(
        zip(structures["finess_et"], [*structures["finess_et"][1:], structures["finess_et"][0]], strict=True)
    )
    ailleurs = (
        personnes.filter(h.uniforme("ailleurs", n) < (0.04 if structures.height > 1 else 0.0))
        .select("id_personne", "nom", "prenom", "date_naissance", "ins", "autre_ins", "finess_et")
        .with_columns(pl.col("finess_et").replace_strict(voisine))
        .join(structures, on="finess_et", maintain_order="left")
        .select(personnes.columns)
    )
    doublons = personnes.filter(h.uniforme("doublon", n) < 0.008)
    variante = pl.int_range(doublons.height, eager=True) % 3
    doublons = doublons.with_columns(
        # Same person twice; same INS under another local number; one local number under two INS.
        id_personne=pl.when(variante == 1).then(pl.col("id_personne") + "B").otherwise("id_personne"),
        ins=pl.when(variante == 2).then(pl.col("autre_ins")).otherwise("ins"),
    )
    tous = pl.concat([personnes, ailleurs, doublons])
    n = tous.height
    prefixe, _, largeur = _NUMEROS[porteur.modele.cle]
    tous = tous.with_columns(
        id_dossier=prefixe + pl.int_range(1, n + 1, eager=True).cast(pl.String).str.zfill(largeur),
        rang=pl.int_range(pl.len()).over("finess_et"),
        **{f"u_{nom}": h.uniforme(nom, n) for nom in ("maj", "projet", "agenda", "dmp", "anterieur", "detail")},
    )
    tous = _avec_dates(h, tous, periode)
    eligible = h.uniforme("eligible", n)
    delai = pl.duration(days=pl.lit(h.entiers("delai", n, 0, 8)))
    return tous.with_columns(
        date_creation=pl.col("date_entree") - delai,
        eligible_projet=pl.when(pl.col("mineurs") & (eligible < 0.08)).then(None).otherwise(pl.lit(eligible >= 0.05)),
        purge=pl.when(h.uniforme("purge", n) < 0.5).then(pl.col("date_sortie") + pl.duration(days=_JOURS_AVANT_PURGE)),
    )


def _personnes(h: Hasard, porteur: Porteur, structures: pl.DataFrame, periode: Periode) -> pl.DataFrame:
    base = _repeter(structures, structures["effectif"]).drop("occurrence", "effectif")
    n = base.height
    territoire = porteur.territoire
    _, prefixe, largeur = _NUMEROS[porteur.modele.cle]
    age_jours = (base["age_min"] + h.uniforme("age", n) * (base["age_max"] - base["age_min"] + 1)) * 365.25
    femme = h.uniforme("sexe", n) < 0.55
    lieux = [c.cog for d in territoire.departements for c in d.communes] * 3 + list(_LIEUX_AILLEURS)
    base = base.with_columns(
        id_personne=prefixe + pl.int_range(1, n + 1, eager=True).cast(pl.String).str.zfill(largeur),
        nom=h.choix("nom", n, territoire.noms),
        prenom=pl.when(femme)
        .then(h.choix("prenom_f", n, territoire.prenoms_f))
        .otherwise(h.choix("prenom_m", n, territoire.prenoms_m)),
        date_naissance=pl.lit(periode.debut) - pl.duration(days=pl.lit(age_jours.cast(pl.Int64))),
    )
    naissance = base["date_naissance"].dt.strftime("%y%m")
    sexe = pl.select(pl.when(femme).then(pl.lit("2")).otherwise(pl.lit("1"))).to_series()
    suite = naissance + h.choix("lieu", n, lieux) + (pl.int_range(n, eager=True) % 997 + 1).cast(pl.String).str.zfill(3)
    ins = ins_complet(sexe + suite)
    defaut = h.uniforme("defaut_ins", n)
    faux = ins.str.head(13) + (99 - ins.str.tail(2).cast(pl.Int64)).cast(pl.String).str.zfill(2)
    return base.with_columns(
        ins=pl.when(defaut < 0.06)
        .then(None)
        .when(defaut < 0.07)
        .then(faux)
        .when(defaut < 0.074)
        .then(ins.str.head(13))
        .otherwise(ins),
        autre_ins=ins_complet(pl.select(pl.when(femme).then(pl.lit("1")).otherwise(pl.lit("2"))).to_series() + suite),
    )


def ins_complet(numeros: pl.Series) -> pl.Series:
    """Return 13-character numbers followed by their key (§4.1: 97 − number mod 97, `2A`/`2B` counting as 19/18)."""
    chiffres = numeros.str.replace("2A", "19", literal=True).str.replace("2B", "18", literal=True).cast(pl.Int64)
    return numeros + (97 - chiffres % 97).cast(pl.String).str.zfill(2)


def _avec_dates(h: Hasard, cadre: pl.DataFrame, periode: Periode) -> pl.DataFrame:
    """Draw entries and definitive exits; in each ESSMS a few people stand on the borders of the first quarter."""
    n = cadre.height
    debut, fin, premiere = periode.debut, periode.fin, periode.premiere_mesure
    duree = (fin - debut).days + 1
    nouveau = h.uniforme("nouveau", n) < (cadre["rotation"] * duree / 100).clip(0, 0.5)
    anciennete = _exponentielle(h.uniforme("anciennete", n), cadre["sejour_moyen_jours"], 14_000) + 1
    entree = (
        pl.when(nouveau)
        .then(pl.lit(debut) + pl.duration(days=pl.lit(h.entiers("arrivee", n, 0, duree - 1))))
        .otherwise(
            pl.max_horizontal(
                pl.lit(debut) - pl.duration(days=pl.lit(anciennete)), pl.col("date_naissance") + pl.duration(days=20)
            )
        )
    )
    entree = (
        pl.when(pl.col("rang") == _BORDS["entree_dernier_jour"])
        .then(pl.lit(premiere - JOUR))
        .when(pl.col("rang") == _BORDS["entree_lendemain"])
        .then(pl.lit(premiere))
        .when(pl.col("rang").is_in([_BORDS["sortie_premier_jour"], _BORDS["sortie_veille"]]))
        .then(pl.min_horizontal(entree, pl.lit(debut - timedelta(days=30))))
        .otherwise(entree)
    )
    cadre = cadre.with_columns(date_entree=pl.min_horizontal(entree, pl.col("fin_activite") - pl.duration(days=30)))
    part = h.uniforme("sort", n) < (cadre["rotation"] * (duree + 90) / 90).clip(0, 0.8)
    depuis = pl.max_horizontal(pl.col("date_entree") + pl.duration(days=3), pl.lit(debut - timedelta(days=90)))
    ecart = (pl.lit(fin) - depuis).dt.total_days() + 1
    sortie = depuis + pl.duration(days=(h.uniforme("depart", n) * ecart.clip(1)).floor())
    sortie = (
        pl.when(pl.col("rang") == _BORDS["sortie_premier_jour"])
        .then(pl.lit(debut))
        .when(pl.col("rang") == _BORDS["sortie_veille"])
        .then(pl.lit(debut - JOUR))
        .when(pl.lit(part) & (ecart > 0))
        .then(sortie)
    )
    return cadre.with_columns(date_sortie=pl.min_horizontal(sortie, pl.col("fin_activite")))


def _sejours(h: Hasard, dossiers: pl.DataFrame) -> pl.DataFrame:
    """The stays: that of each file, and for a few readmissions an earlier one."""
    colonnes = ["finess_et", "id_dossier", "date_entree", "date_sortie", "nom", "prenom"]
    assez_ages = dossiers["date_entree"] - dossiers["date_naissance"] > timedelta(days=3 * 365)
    revenus = dossiers.filter((h.uniforme("retour", dossiers.height) < 0.03) & assez_ages)
    anterieurs = revenus.with_columns(
        date_entree=pl.col("date_entree") - pl.duration(days=400),
        date_sortie=pl.col("date_entree") - pl.duration(days=45),
    )
    return pl.concat([dossiers.select(colonnes), anterieurs.select(colonnes)])


def _presents(sejours: pl.DataFrame, jours: Trimestre) -> pl.DataFrame:
    """Files in the file active of these days (§6.4), with the first and last day [`du`, `au`] of presence in them."""
    dedans = (pl.col("date_entree") <= jours.fin) & (
        pl.col("date_sortie").is_null() | (pl.col("date_sortie") >= jours.debut)
    )
    return (
        sejours.filter(dedans)
        .group_by("finess_et", "id_dossier")
        .agg(
            du=pl.col("date_entree").min().clip(jours.debut),
            au=pl.col("date_sortie").fill_null(jours.fin).max().clip(None, jours.fin),
        )
    )


def _population(
    dossiers: pl.DataFrame, sejours: pl.DataFrame, porteur: Porteur, jours: Trimestre, rang_taux: int
) -> pl.DataFrame:
    """The file active of a quarter, with `actif`: is the file updated in it (share `taux.maj` of each ESSMS)."""
    taux = pl.DataFrame([{"finess_et": e.finess_et, **vars(e.taux[rang_taux])} for e in porteur.essms])
    taux = taux.rename({nom: f"t_{nom}" for nom in vars(porteur.essms[0].taux[0])})
    return (
        dossiers.drop("date_entree", "date_sortie", "fin_activite")
        .join(_presents(sejours, jours), on=["finess_et", "id_dossier"])
        .join(taux, on="finess_et")
        .sort("finess_et", "id_dossier")
        .with_columns(actif=_rang_relatif("u_maj", "finess_et") < pl.col("t_maj"))
    )


def _instants(h: Hasard, cadre: pl.DataFrame) -> pl.Series:
    """Draw a civil date-time between the days `du` and `au` of each row, mostly on working days and hours.

    Rows whose `isole` is true stand, one time in four, in the first or the last hour of these days.
    """
    n = cadre.height
    ecart = (pl.col("au") - pl.col("du")).dt.total_days() + 1
    jour = pl.col("du") + pl.duration(days=(h.uniforme("jour", n) * ecart).floor())
    vendredi = jour - pl.duration(days=2)
    ouvre = (
        pl.when((jour.dt.weekday() > 5) & (vendredi >= pl.col("du")) & (h.uniforme("repos", n) < 0.7))
        .then(vendredi)
        .otherwise(jour)
    )
    seconde = 7 * 3600 + (h.uniforme("matin", n) + h.uniforme("soir", n)) * 6.5 * 3600
    bord = pl.when(pl.col("isole")).then(h.uniforme("bord", n)).otherwise(1.0)
    minute = h.entiers("minute", n, 1, 58)
    jour = pl.when(bord < 0.125).then("du").when(bord < 0.25).then("au").otherwise(ouvre)
    seconde_du_jour = (
        pl.when(bord < 0.125).then(minute * 60).when(bord < 0.25).then(23 * 3600 + minute * 60).otherwise(seconde)
    )
    instant = jour.cast(pl.Datetime("ms")) + pl.duration(seconds=seconde_du_jour.cast(pl.Int64))
    return cadre.select(instant.alias("horodatage")).to_series()


def _inactifs(population: pl.DataFrame, jours: Trimestre) -> pl.DataFrame:
    """Files without any update in the quarter of `population` that were already open in `jours`."""
    return population.filter(~pl.col("actif") & (pl.col("date_creation") < jours.debut)).with_columns(
        du=pl.lit(jours.debut), au=pl.lit(jours.fin)
    )


def _mises_a_jour(h: Hasard, population: pl.DataFrame) -> pl.DataFrame:
    nombre = _exponentielle(h.uniforme("nombre", population.height), _MAJ_MOYENNES, 60) + 1
    cadre = _repeter(population.with_columns(isole=nombre == 1), nombre)
    auteurs = ("éducatrice", "infirmier", "secrétariat", "cheffe de service", "psychologue")
    return cadre.select(
        "finess_et",
        "id_dossier",
        _instants(h, cadre),
        h.choix("utilisateur", cadre.height, auteurs).alias("utilisateur"),
    )


def _agenda(h: Hasard, population: pl.DataFrame, rang: int) -> pl.DataFrame:
    """Appointments of a quarter. A share `taux.agenda` of the active files has at least one that is not cancelled."""
    n = population.height
    suivis = _rang_relatif("u_agenda", "finess_et", "actif") < pl.col("t_agenda")
    population = population.with_columns(suivi=pl.col("actif") & suivis)
    # The others only have appointments that were cancelled.
    annules = pl.when(pl.col("actif") & (pl.col("u_detail") < 0.5)).then(1).otherwise(0)
    nombre = population.select(
        pl.when("suivi").then(_exponentielle(h.uniforme("nombre", n), _RENDEZ_VOUS_MOYENS, 40) + 1).otherwise(annules)
    ).to_series()
    cadre = _repeter(population.with_columns(isole=nombre == 1), nombre)
    n = cadre.height
    sort = h.uniforme("statut", n)
    realise = pl.when(pl.lit(sort) < 0.85).then(pl.lit("realise")).otherwise(pl.lit("planifie"))
    cadre = cadre.with_columns(
        debut=_instants(h, cadre).dt.truncate("15m"),
        forme=h.uniforme("forme", n),
        libelle=h.choix("libelle", n, _LIBELLES),
        id_evenement=pl.format("EV{}-{}", pl.lit(rang), pl.int_range(n)),
        statut=pl.when(~pl.col("suivi") | ((pl.col("occurrence") > 0) & (pl.lit(sort) > 0.92)))
        .then(pl.lit("annule"))
        .otherwise(realise),
    )
    collectif = pl.col("suivi") & (pl.col("forme") < 0.08)
    jour = pl.col("debut").dt.date()
    cadre = cadre.with_columns(
        debut=pl.when(collectif).then(jour.cast(pl.Datetime("ms")) + pl.duration(minutes=870)).otherwise("debut"),
        id_evenement=pl.when(collectif)
        .then(pl.format("COL-{}-{}", pl.col("finess_et").str.tail(5), jour.dt.strftime("%y%m%d")))
        .otherwise("id_evenement"),
        libelle=pl.when(collectif).then(pl.lit("Activité collective")).otherwise("libelle"),
        ancre=jour,
    ).drop("occurrence")
    semaines = pl.select(pl.when(cadre["forme"] > 0.95).then(4).otherwise(1)).to_series()
    return (
        _repeter(cadre, semaines)
        .with_columns(debut=pl.col("debut") + pl.duration(weeks=pl.col("occurrence")))
        .filter((pl.col("occurrence") == 0) | (pl.col("debut").dt.date() <= pl.col("au")))
        .select("finess_et", "id_dossier", "id_evenement", "debut", "statut", "libelle", "ancre")
        .unique(["finess_et", "id_dossier", "id_evenement", "debut"], keep="first", maintain_order=True)
    )


def _mss(h: Hasard, population: pl.DataFrame, porteur: Porteur, jours: Trimestre) -> pl.DataFrame:
    """Messages of a quarter: `taux.mss` sent per eligible person, and about half as many received."""
    adresses = pl.DataFrame(
        [{"finess_et": e.finess_et, "bal_0": b[0], "bal_1": b[1]} for e in porteur.essms for b in [bals(porteur, e)]]
    )
    par_essms = (
        population.group_by("finess_et")
        .agg(pl.col("eligible_projet").fill_null(True).sum().alias("eligibles"), pl.col("t_mss").first())
        .join(adresses, on="finess_et")
        .sort("finess_et")
        .with_columns(
            envoyes=(pl.col("eligibles") * pl.col("t_mss")).round().cast(pl.Int64),
            du=pl.lit(jours.debut),
            au=pl.lit(jours.fin),
        )
        .with_columns(recus=pl.col("envoyes") // 2 + 1)
    )
    messages = pl.concat(
        [
            _repeter(par_essms, par_essms["envoyes"]).with_columns(sens=pl.lit("envoye")),
            _repeter(par_essms, par_essms["recus"]).with_columns(sens=pl.lit("recu")),
        ]
    ).with_columns(isole=pl.col("occurrence") < 8)
    n = messages.height
    code = (h.uniforme("code", n) * 1e9).cast(pl.Int64)
    return messages.with_columns(horodatage=_instants(h, messages), soins=h.uniforme("bal", n)).select(
        "finess_et",
        "horodatage",
        pl.format(
            "{}.{}.{}@mssante.example", pl.col("horodatage").dt.strftime("%Y%m%d%H%M%S"), pl.int_range(n), code
        ).alias("id_message"),
        pl.when(pl.col("soins") < 0.5).then("bal_0").otherwise("bal_1").alias("bal_emettrice"),
        "sens",
        (1 + h.uniforme("destinataires", n).pow(2) * 4).floor().cast(pl.Int64).alias("destinataires"),
    )


def _dmp(h: Hasard, population: pl.DataFrame, rang: int) -> pl.DataFrame:
    """Documents sent to DMPs: `taux.dmp` of the people have one that succeeded; beyond 1, people without a file."""
    population = population.with_columns(part=_rang_relatif("u_dmp", "finess_et"), isole=pl.lit(True))
    nombre = _exponentielle(h.uniforme("nombre", population.height), _DOCUMENTS_MOYENS, 12) + 1
    servis = population["part"] < population["t_dmp"]
    reussis = _repeter(population.filter(servis), nombre.filter(servis)).with_columns(statut=pl.lit("succes"))
    # A document that failed, sent again or not.
    echecs = population.filter(h.uniforme("echec", population.height) < 0.05 * population["t_dmp"].sign())
    inconnus = population.filter(pl.col("part") < pl.col("t_dmp") - 1).with_columns(
        id_personne=pl.col("id_personne") + "-EXT", id_dossier=pl.lit(None, pl.String), ins=pl.lit(None, pl.String)
    )
    cadre = pl.concat(
        [reussis, echecs.with_columns(statut=pl.lit("echec")), inconnus.with_columns(statut=pl.lit("succes"))],
        how="diagonal",
    )
    return cadre.select(
        "finess_et",
        _instants(h, cadre),
        pl.format("DOC{}-{}", pl.lit(rang), pl.int_range(cadre.height)).alias("id_document"),
        "id_dossier",
        "ins",
        "id_personne",
        "statut",
    )


def _flux(h: Hasard, population: pl.DataFrame, identifiant: str, prefixe: str, moyenne: float) -> pl.DataFrame:
    """Facts of an optional source (§4.3), some for each person."""
    nombre = _exponentielle(h.uniforme("nombre", population.height), moyenne, 12)
    cadre = _repeter(population.with_columns(isole=pl.lit(False)), nombre)
    numero = pl.format("{}-{}", pl.lit(prefixe), pl.int_range(cadre.height)).alias(identifiant)
    return cadre.select("finess_et", numero, _instants(h, cadre))


def _projets(h: Hasard, dossiers: pl.DataFrame, premier: pl.DataFrame, periode: Periode) -> pl.DataFrame:
    """Projects: `taux.projet` of the files active in the first quarter have one in force; others ended or on hold."""
    taux = premier.select("finess_et", "t_projet").unique()
    actifs = premier.select("finess_et", "id_dossier", "actif")
    cadre = (
        dossiers.join(taux, on="finess_et")
        .join(actifs, on=["finess_et", "id_dossier"], how="left")
        .with_columns(pl.col("actif").fill_null(False))
        .sort("finess_et", "id_dossier")
    )
    n = cadre.height
    cadre = cadre.with_columns(
        en_vigueur=_rang_relatif("u_projet", "finess_et", "actif") < pl.col("t_projet"),
        age=h.entiers("age", n, 5, 330),
        suite=h.uniforme("suite", n),
    )
    debut = pl.lit(periode.debut)
    recent = pl.max_horizontal(debut - pl.duration(days=pl.col("age")), pl.col("date_entree"))
    ancien = debut - pl.duration(days=pl.col("age") + 400)
    en_vigueur = cadre.filter("en_vigueur").with_columns(
        statut=pl.when(pl.col("suite") < 0.86).then(pl.lit("actif")).otherwise(pl.lit("en_preparation")),
        date_debut=recent,
        date_fin=pl.when(pl.col("suite") < 0.40).then(recent + pl.duration(days=730)),
        version=2,
    )
    # Ended inside the quarter (still in force in it), some on its first day, and followed by another.
    termines = en_vigueur.filter((pl.col("suite") > 0.95) & (pl.col("date_debut") < debut)).with_columns(
        statut=pl.lit("termine"),
        date_fin=pl.when(pl.col("suite") > 0.98).then(debut).otherwise(debut + pl.duration(days=pl.col("age") // 4)),
        version=1,
    )
    autres = (
        cadre.filter(~pl.col("en_vigueur") & (pl.col("suite") > 0.35))
        .with_columns(
            statut=pl.when(pl.col("suite") < 0.55)
            .then(pl.lit("suspendu"))
            .when(pl.col("suite") < 0.7)
            .then(pl.lit("annule"))
            .otherwise(pl.lit("termine")),
            date_debut=pl.max_horizontal(ancien, pl.col("date_entree")),
            date_fin=pl.when(pl.col("suite") >= 0.7).then(debut - pl.duration(days=1 + pl.col("age") // 3)),
            version=1,
        )
        .filter(pl.col("date_fin").is_null() | (pl.col("date_fin") >= pl.col("date_debut")))
    )
    anciens = cadre.filter((pl.col("u_anterieur") < 0.25) & (pl.col("date_entree") < ancien)).with_columns(
        statut=pl.lit("termine"), date_debut=ancien, date_fin=ancien + pl.duration(days=380), version=0
    )
    return (
        pl.concat([en_vigueur, termines, autres, anciens], how="diagonal")
        .select(
            "finess_et",
            "id_dossier",
            pl.format("{}-PP{}", pl.col("id_dossier"), pl.col("version")).alias("id_projet"),
            "statut",
            "date_debut",
            "date_fin",
        )
        .sort("finess_et", "id_dossier", "id_projet")
    )
