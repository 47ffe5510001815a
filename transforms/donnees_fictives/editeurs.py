"""The six ways exports reach the agency: which files, when, in which style. One function per kind of porteur."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import PurePosixPath

import polars as pl

from transforms.donnees_fictives import ecriture
from transforms.donnees_fictives.activite import (
    Activite,
    extraire_activite,
    ins_complet,
    par_destinataire,
    par_jour,
    par_message,
)
from transforms.donnees_fictives.desordre import Desordre, salir
from transforms.donnees_fictives.ecriture import Style, Tableau
from transforms.donnees_fictives.hasard import Hasard
from transforms.donnees_fictives.periode import JOUR, Periode
from transforms.donnees_fictives.region import Porteur

_ETATS = ("dossiers", "sejours", "projets")
_COLONNES = {
    "dossiers": (
        "finess_et", "id_dossier", "id_personne", "nom", "prenom", "date_naissance", "ins", "date_creation",
        "eligible_projet", "date_derniere_maj",
    ),
    "sejours": ("finess_et", "id_dossier", "nom", "prenom", "date_entree", "date_sortie"),
    "projets": ("finess_et", "id_dossier", "id_projet", "statut", "date_debut", "date_fin"),
    "mises_a_jour": ("finess_et", "id_dossier", "horodatage", "utilisateur"),
    "agenda": ("finess_et", "id_dossier", "id_evenement", "debut", "statut", "libelle"),
    "dmp": ("finess_et", "horodatage", "id_document", "id_dossier", "ins", "id_personne", "statut"),
}  # fmt: skip
"""Order of the columns in the exports; `nom`, `prenom`… are the unknown columns the reading must drop (§4)."""

_TAUX_REFUSE_PCT = 35.0
_RECOUVREMENT_JOURS = 15
_STATUTS_EN_CLAIR = {
    "en_preparation": "En préparation",
    "actif": "En cours",
    "suspendu": "Suspendu",
    "termine": "Terminé",
    "annule": "Annulé",
    "planifie": "Planifié",
    "realise": "Réalisé",
    "envoye": "Envoyé",
    "recu": "Reçu",
}
_SYSTEME_USAGER = "https://identifiant-medicosocial-localusager.esante.gouv.fr"
_SYSTEME_INS = "urn:oid:1.2.250.1.213.1.4.8"
_PROFIL_TDDUI = "https://interop.esante.gouv.fr/ig/fhir/tddui/StructureDefinition"


@dataclass(frozen=True)
class FichierFictif:
    """A file of a drop folder: path inside the folder, bytes, and the tables it holds (none for what is no deposit)."""

    chemin: str
    contenu: bytes
    tableaux: tuple[Tableau, ...] = ()


@dataclass(frozen=True)
class Atelier:
    """What it takes to write the exports of a porteur. `voisin`: FINESS of a structure nearby, outside the project."""

    hasard: Hasard
    porteur: Porteur
    activite: Activite
    periode: Periode
    mauvaises_pct: float
    voisin: str

    @property
    def veille(self) -> date:
        """First day the first incremental exports go back to."""
        return self.periode.debut - timedelta(days=_RECOUVREMENT_JOURS)

    def tableau(
        self,
        table: str,
        extraction: date,
        style: Style,
        *,
        depuis: date | None = None,
        reprise: Callable[[pl.DataFrame], pl.DataFrame] | None = None,
        desordre: Desordre = Desordre(),  # noqa: B008 - frozen
    ) -> Tableau:
        """Return a table as exported on that day (see `extraire_activite`), reworked by its software, mess included."""
        cadre = extraire_activite(self.activite, table, extraction, depuis)
        if reprise is not None:
            cadre = reprise(cadre)
        cadre = cadre.select(c for c in _COLONNES.get(table, cadre.columns) if c in cadre.columns)
        if desordre.mauvaises_pct is None:
            desordre = replace(desordre, mauvaises_pct=self.mauvaises_pct)
        texte, invalides = salir(
            self.hasard.sous(f"{table}-{extraction}"),
            ecriture.en_texte(cadre, style, self.porteur.territoire.fuseau),
            table,
            desordre,
            [e.finess_et for e in self.porteur.essms if e.saisie_negligente],
        )
        return Tableau(table, texte, ecriture.natures(cadre), invalides)


def exports(atelier: Atelier) -> Iterator[FichierFictif]:
    """Yield the files of the drop folder of a porteur, one at a time."""
    return _EDITEURS[atelier.porteur.modele.cle](atelier)


def _sauf(*colonnes: str) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """What a software does that does not export these columns."""
    return lambda cadre: cadre.drop(colonnes, strict=False)


def _csv(chemin: str, tableau: Tableau, style: Style) -> FichierFictif:
    return FichierFictif(chemin, ecriture.csv(tableau, style), (tableau,))


def _association(a: Atelier) -> Iterator[FichierFictif]:
    """Monthly extractions in dated sub-folders; events in UTC, re-extracted over 45 days; one line per recipient."""
    style = Style(
        entetes="libelles",
        date="%d/%m/%Y",
        instant="%Y-%m-%dT%H:%M:%SZ",
        fuseau="utc",
        valeurs=_STATUTS_EN_CLAIR,
        encodage="utf-8-sig",
        lignes_vides=True,
    )
    for jour in a.periode.mois_clos:
        depuis = jour - timedelta(days=45)
        for table in _ETATS:
            yield _csv(
                f"{jour:%Y-%m}/{table}_{jour}.csv",
                a.tableau(table, jour, style, desordre=Desordre(voisin=a.voisin)),
                style,
            )
        for table, sans in (
            ("mises_a_jour", ()),
            ("agenda", ()),
            ("dmp", ("ins", "id_personne")),
            ("eprescription", ()),
        ):
            tableau = a.tableau(
                table,
                jour,
                style,
                depuis=depuis,
                reprise=_sauf(*sans),
                desordre=Desordre(voisin=a.voisin, surplus=True),
            )
            yield _csv(f"{jour:%Y-%m}/{table}_{jour}.csv", tableau, style)
        messages = a.tableau("mss", jour, style, depuis=depuis, reprise=par_destinataire)
        yield _csv(f"{jour:%Y-%m}/mss_{jour}_operateur.csv", messages, style)
    # A connector gone wrong: too many unreadable rows, the file will be refused.
    trop_pct = _TAUX_REFUSE_PCT if a.mauvaises_pct else 0.0
    refuse = a.tableau("eparcours", a.periode.premiere_mesure, style, desordre=Desordre(mauvaises_pct=trop_pct))
    yield _csv(f"eparcours_{a.periode.premiere_mesure}.csv", refuse, style)


def _hopital(a: Atelier) -> Iterator[FichierFictif]:
    """A data warehouse: gzipped CSV and Parquet, offsets; its messaging operator only counts per day and mailbox."""
    style = Style(
        instant="%Y-%m-%dT%H:%M:%S%:z",
        fuseau="decalage",
        booleens=("true", "false"),
        separateur=",",
        fin_de_ligne="\n",
        guillemets="always",
    )
    natif = Style(entetes="majuscules")
    depuis = a.veille
    premiere = a.periode.premiere_mesure + JOUR
    for jour in dict.fromkeys((premiere, max(premiere, a.periode.lendemain))):
        for table in _ETATS:
            tableau = a.tableau(table, jour, style, desordre=Desordre(voisin=a.voisin))
            fichier = FichierFictif(f"{table}_{jour}.csv.gz", ecriture.csv_gz(tableau, style), (tableau,))
            yield fichier
            if table == "dossiers":
                # Sent twice, byte for byte.
                yield FichierFictif(f"renvoi/{table}_{jour}_renvoi.csv.gz", fichier.contenu, (tableau,))
        maj = a.tableau("mises_a_jour", jour, style, depuis=depuis, desordre=Desordre(voisin=a.voisin))
        yield FichierFictif(f"mises_a_jour_{jour:%Y%m%d}.parquet", ecriture.parquet(maj, style), (maj,))
        agenda = a.tableau("agenda", jour, natif, depuis=depuis)
        yield FichierFictif(f"agenda_{jour:%Y%m%d}.parquet", ecriture.parquet(agenda, natif), (agenda,))
        dmp = a.tableau("dmp", jour, style, depuis=depuis, reprise=_sauf("id_dossier"))
        yield FichierFictif(f"dmp_{jour}.csv.gz", ecriture.csv_gz(dmp, style), (dmp,))
        yield _csv(f"mss_{jour}.csv", a.tableau("mss", jour, style, depuis=depuis, reprise=par_jour), style)
        yield _csv(f"eprescription_{jour}.csv", a.tableau("eprescription", jour, style, depuis=depuis), style)
        depuis = jour - timedelta(days=_RECOUVREMENT_JOURS)
    yield FichierFictif(
        "LISEZ-MOI.txt", "Dépôts du groupement : contacter le service informatique en cas d'anomalie.\n".encode()
    )
    essai = a.tableau("sejours", premiere, style, desordre=Desordre(mauvaises_pct=0))
    # A name that says neither the table nor the date.
    yield _csv("export DUI avril.csv", essai, style)


def _groupement(a: Atelier) -> Iterator[FichierFictif]:
    """Workbooks, one of all tables; projects extracted a week too early; a correction a week later (`partiel`)."""
    style = Style(entetes="libelles", valeurs=_STATUTS_EN_CLAIR, booleens=("Oui", "Non"))
    plat = Style(entetes="tirets", separateur=",", fin_de_ligne="\n", instant="%d/%m/%Y %H:%M:%S", espaces=True)
    depuis = a.veille
    for jour in dict.fromkeys((a.periode.premiere_mesure, a.periode.lendemain)):
        tableaux = [a.tableau(table, jour, style) for table in ("dossiers", "sejours")]
        tableaux.append(a.tableau("mss", jour, style, depuis=depuis, reprise=par_destinataire))
        tableaux.append(a.tableau("dmp", jour, style, depuis=depuis, reprise=_sauf("id_dossier")))
        yield from _classeur(
            f"duimetre_{jour}.xlsx", tableaux, style, "Export du dossier usager, une feuille par table."
        )
        yield from _classeur(f"AGENDA_{jour}.xlsx", [a.tableau("agenda", jour, style, depuis=depuis)], style)
        maj = a.tableau("mises_a_jour", jour, plat, depuis=depuis, desordre=Desordre(surplus=True))
        yield _csv(f"traces/mises_a_jour_{jour}.csv", maj, plat)
        yield _csv(f"traces/eparcours_{jour}.csv", a.tableau("eparcours", jour, plat, depuis=depuis), plat)
        tot = jour - timedelta(days=8)
        yield from _classeur(f"projets_{tot}.xlsx", [a.tableau("projets", tot, style)], style)
        yield FichierFictif(f"~$duimetre_{jour}.xlsx", bytes(165))
        depuis = jour - timedelta(days=_RECOUVREMENT_JOURS)
    corrige = a.periode.premiere_mesure + timedelta(days=7)
    quelques = a.activite.dossiers["id_dossier"].head(8).to_list()
    for table in ("dossiers", "sejours"):
        tableau = a.tableau(
            table,
            corrige,
            plat,
            reprise=lambda c: c.filter(pl.col("id_dossier").is_in(quelques)),
            desordre=Desordre(mauvaises_pct=0),
        )
        yield _csv(f"corrections/{table}_{corrige}_partiel.csv", tableau, plat)


def _classeur(chemin: str, tableaux: Sequence[Tableau], style: Style, notice: str = "") -> Iterator[FichierFictif]:
    """Yield a workbook, or one CSV per table when one of them is too long for it."""
    if max(t.cadre.height for t in tableaux) <= ecriture.LIGNES_MAX_CLASSEUR:
        yield FichierFictif(chemin, ecriture.classeur_d_export(tableaux, style, notice), tuple(tableaux))
        return
    lieu = PurePosixPath(chemin)
    jour = lieu.stem.rsplit("_", 1)[1]
    for tableau in tableaux:
        yield _csv(str(lieu.with_name(f"{tableau.table}_{jour}.csv")), tableau, style)


def _petite_structure(a: Atelier) -> Iterator[FichierFictif]:
    """One extraction, French dates in Windows-1252; no messaging, only the last update of each file; a TDDUI bundle."""
    style = Style(
        entetes="majuscules",
        date="%d/%m/%Y",
        instant="%d/%m/%Y %H:%M",
        booleens=("O", "N"),
        valeurs=_STATUTS_EN_CLAIR,
        encodage="cp1252",
        lignes_courtes=True,
    )
    jour = a.periode.premiere_mesure
    for table in ("dossiers", "sejours", "projets", "agenda", "dmp"):
        tableau = a.tableau(table, jour, style, reprise=_sauf("ins", "id_personne") if table == "dmp" else None)
        yield _csv(f"{table.capitalize()}_{jour}_logiciel.csv", tableau, style)
    yield FichierFictif(f"transferts/tddui_{jour + timedelta(days=5)}_admissions.json", _tddui(a))


def _tutelaire(a: Atelier) -> Iterator[FichierFictif]:
    """One extraction: workbooks where numbers lost their zero, Unicode text of Excel; no DMP in this sector."""
    style = Style(entetes="libelles", valeurs=_STATUTS_EN_CLAIR, booleens=("VRAI", "FAUX"))
    texte = Style(
        entetes="libelles",
        date="%d/%m/%Y",
        instant="%d/%m/%Y %H:%M:%S",
        valeurs=_STATUTS_EN_CLAIR,
        finess_sans_zero=True,
        encodage="utf-16",
        separateur="\t",
    )
    jour = a.periode.premiere_mesure + JOUR
    dossier = f"Dépôt du {jour:%d-%m-%Y}"
    for table in _ETATS:
        yield from _classeur(f"{dossier}/{table.upper()}_{jour:%Y%m%d}.XLSX", [a.tableau(table, jour, style)], style)
    for table in ("mises_a_jour", "agenda"):
        yield _csv(
            f"{dossier}/{table.upper()}_{jour:%Y%m%d}.CSV",
            a.tableau(table, jour, texte, desordre=Desordre(surplus=True)),
            texte,
        )
    messages = a.tableau("mss", jour, texte, reprise=par_destinataire)
    yield _csv(f"{dossier}/MSS_{jour:%Y%m%d}.CSV", messages, texte)


def _enfance(a: Atelier) -> Iterator[FichierFictif]:
    """Archives of ISO-8859-15 files; free text with line breaks; wrong columns, then corrected; an old DMP export."""
    style = Style(
        entetes="points",
        instant="%Y-%m-%d %H:%M",
        booleens=("1", "0"),
        fin_ouverte="2099-12-31",
        encodage="iso8859-15",
        separateur="|",
    )
    depuis = a.veille
    remarque = pl.when(pl.col("horodatage").dt.day() == 1).then(
        pl.lit('Point avec la sœur aînée.\nParticipation : 12 € ; accord "oral"')
    )
    for jour in dict.fromkeys((a.periode.premiere_mesure, a.periode.lendemain)):
        etats = [a.tableau(table, jour, style, reprise=_sauf("date_derniere_maj")) for table in _ETATS]
        membres = {f"{t.table}_{jour}.csv": ecriture.csv(t, style) for t in etats}
        yield FichierFictif(f"exports_{jour}.zip", ecriture.archive(membres), tuple(etats))
        maj = a.tableau(
            "mises_a_jour",
            jour,
            style,
            depuis=depuis,
            reprise=lambda c: c.with_columns(remarque.fill_null("").alias("utilisateur")),
        )
        yield _csv(f"{jour:%Y}/mises_a_jour_{jour}.csv", maj, style)
        agenda = a.tableau("agenda", jour, style, depuis=depuis)
        if jour == a.periode.premiere_mesure:
            renommees = {"id_evenement": "Référence RDV", "debut": "Quand"}
            yield FichierFictif(f"{jour:%Y}/agenda_{jour}.csv", ecriture.csv(agenda, style, renommees), (agenda,))
            yield _csv(f"{jour:%Y}/agenda_{jour}_corrige.csv", agenda, style)
        else:
            yield _csv(f"{jour:%Y}/agenda_{jour}.csv", agenda, style)
        messages = a.tableau("mss", jour, style, depuis=depuis, reprise=par_message)
        yield _csv(f"{jour:%Y}/mss_{jour}.csv", messages, style)
        depuis = jour - timedelta(days=_RECOUVREMENT_JOURS)
    ancien = a.periode.debut - timedelta(days=14)
    recul = pl.col("horodatage") - (a.periode.lendemain - ancien)
    dmp = a.tableau(
        "dmp",
        a.periode.lendemain,
        style,
        reprise=lambda cadre: cadre.with_columns(recul.alias("horodatage")).drop("ins", "id_personne"),
    )
    yield _csv(f"{ancien:%Y}/dmp_{ancien}.csv", dmp, style)


def _tddui(a: Atelier) -> bytes:
    """A national transfer bundle (§4.4): two people just admitted, with a stay, an appointment and a project each."""
    essms, admission = a.porteur.essms[0], a.periode.premiere_mesure - timedelta(days=21)
    numeros = ins_complet(pl.Series([f"1140397611{401 + k}" for k in range(2)]))
    entrees: list[dict[str, object]] = [
        {
            "resourceType": "Organization",
            "id": "structure",
            "meta": {"profile": [f"{_PROFIL_TDDUI}/tddui-organization"]},
            "identifier": [{"type": {"coding": [{"code": "IDNST"}]}, "value": f"1{essms.finess_et}"}],
            "name": essms.nom,
        }
    ]
    for k, ins in enumerate(numeros):
        local = f"3{essms.finess_et}/2026{901 + k}"
        sujet = {"reference": f"Patient/usager-{k}"}
        structure = {"reference": "Organization/structure"}
        entrees += [
            {
                "resourceType": "Patient",
                "id": f"usager-{k}",
                "meta": {
                    "profile": [f"{_PROFIL_TDDUI}/tddui-patient-ins"],
                    "lastUpdated": f"{admission + JOUR}T09:1{k}:00+03:00",
                },
                "identifier": [{"system": _SYSTEME_INS, "value": ins}, {"system": _SYSTEME_USAGER, "value": local}],
                "name": [{"use": "official", "family": "Madi", "given": ["Naïm", "Anli"][k : k + 1]}],
            },
            {
                "resourceType": "Encounter",
                "id": f"sejour-{k}",
                "meta": {"profile": [f"{_PROFIL_TDDUI}/tddui-encounter-sejour"]},
                "identifier": [{"value": f"{local}-SEJOUR-1"}],
                "status": "in-progress",
                "subject": sujet,
                "period": {"start": admission.isoformat()},
                "serviceProvider": structure,
            },
            {
                "resourceType": "Encounter",
                "id": f"rendez-vous-{k}",
                "meta": {"profile": [f"{_PROFIL_TDDUI}/tddui-encounter-evenement"]},
                "identifier": [{"value": f"{local}-EVN-1"}],
                "status": "finished",
                "subject": sujet,
                "period": {
                    "start": f"{admission + 3 * JOUR}T10:00:00+03:00",
                    "end": f"{admission + 3 * JOUR}T11:00:00+03:00",
                },
                "serviceProvider": structure,
            },
            {
                "resourceType": "CarePlan",
                "id": f"projet-{k}",
                "meta": {"profile": [f"{_PROFIL_TDDUI}/tddui-careplan-projet-personnalise"]},
                "identifier": [{"value": f"{local}-PPER-1"}],
                "status": "active",
                "intent": "plan",
                "subject": sujet,
                "period": {"start": (admission + 10 * JOUR).isoformat()},
            },
        ]
    paquet = {
        "resourceType": "Bundle",
        "id": "admissions",
        "meta": {"profile": [f"{_PROFIL_TDDUI}/tddui-bundle"]},
        "type": "transaction",
        "entry": [{"fullUrl": f"https://dui.example/{e['resourceType']}/{e['id']}", "resource": e} for e in entrees],
    }
    return json.dumps(paquet, ensure_ascii=False, indent=1).encode()


_EDITEURS: dict[str, Callable[[Atelier], Iterator[FichierFictif]]] = {
    "trois-ravines": _association,
    "ght-hautes-vallees": _hopital,
    "gcsms-parcours-madinina": _groupement,
    "baobab-soutien": _petite_structure,
    "tutelaire-piemont": _tutelaire,
    "enfance-deux-lagons": _enfance,
}
"""Kind of porteur → its editor; a test checks that none of `MODELES` is missing."""
