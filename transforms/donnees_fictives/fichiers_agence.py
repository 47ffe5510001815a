"""The referentials of the synthetic region: projets.csv, depenses.csv, the FINESS file, bal.csv (§4.6)."""

from __future__ import annotations

import gzip
import json
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from transforms.donnees_fictives.region import EssmsFictif, Etablissement, Porteur, Region

NOM_FINESS = "finess-structures-journalier-{jour:%Y%m%d}.json.gz"
_COLONNES_PROJETS = (
    "porteur", "nom", "finess_et", "regles", "date_premiere_mesure", "sous_secteur", "exemption_socles", "profil",
    "type", "part_medico_sociale", "projet", "portee", "date_convention", "date_debut_projet", "date_vsr", "montant_accorde",
)  # fmt: skip


@dataclass(frozen=True)
class _Convention:
    """What the agency knows of the project of a porteur: days from the first measure, amounts as it writes them.

    `rangs`: which ESSMS of the porteur are in it (none said: all that no other has). `depenses`: (day, amount).
    """

    nom: str = ""
    rangs: tuple[int, ...] = ()
    portee: str = ""
    convention: int | None = None
    debut: int | None = None
    vsr: int | None = None
    montant: str = ""
    depenses: tuple[tuple[int, str], ...] = ()


# By the key of the kind of porteur, so that the demonstration shows a project in each situation.
_CONVENTIONS = {
    "trois-ravines": (
        _Convention("-pilotes", (0, 2, 5, 12), "regional", -600, -580, -90, depenses=((-30, "60000,00"),)),
        _Convention("-2024", (4, 8, 10, 14, 15), "regional", -450, -400, -20, depenses=((-30, "50000,00"),)),
        _Convention("-2025", (), "regional", -150, -120, 60),
    ),
    "ght-hautes-vallees": (
        _Convention("", (), "regional", -400, -390, montant="30000,00", depenses=((-60, "12000"),)),
    ),
    "baobab-soutien": (_Convention("", (), "regional", -300, -280, -40, "21000", ((-90, "9000"), (-31, "18250,55"))),),
    "tutelaire-piemont": (_Convention("", (), "national", -500, None, -100, depenses=((-20, "250000"),)),),
    "enfance-deux-lagons": (_Convention("", (), "regional", -200, -180),),
}
_SANS_CONVENTION = (_Convention(),)
_VOIES = ("DES ECOLES", "DU MARCHE", "DE LA GARE", "VICTOR HUGO", "DES FLEURS", "DE LA REPUBLIQUE", "JEAN MOULIN")
_ADRESSE_POSTALE, _ADRESSE_ANNEXE = "03", "06"


def bals(porteur: Porteur, essms: EssmsFictif) -> tuple[str, str]:
    """Return the two MSSanté mailboxes of an ESSMS (a domain that cannot exist)."""
    domaine = f"{porteur.identifiant}.mssante.example"
    return f"secretariat.{essms.finess_et}@{domaine}", f"soins.{essms.finess_et}@{domaine}"


def projets_csv(region: Region, premiere_mesure: date) -> bytes:
    """Return projets.csv, one row per ESSMS (`;`, UTF-8 with BOM as a spreadsheet saves it)."""
    lignes = [";".join(_COLONNES_PROJETS)]
    for porteur in region.porteurs:
        modele = porteur.modele
        mesure = premiere_mesure.isoformat() if modele.regles == "2023" else ""
        for convention, inscrits in _conventions(porteur):
            dates = (convention.convention, convention.debut, convention.vsr)
            du_projet = (
                porteur.identifiant + convention.nom if convention.nom else "",
                convention.portee,
                *("" if d is None else (premiere_mesure + timedelta(days=d)).isoformat() for d in dates),
                convention.montant,
            )
            lignes += [
                ";".join(
                    (
                        porteur.identifiant,
                        porteur.nom,
                        essms.finess_et,
                        modele.regles,
                        mesure,
                        essms.sous_secteur_force,
                        "oui" if essms.exemption_socles else "non",
                        "",
                        modele.type_projet,
                        modele.part_medico_sociale,
                        *du_projet,
                    )
                )
                for essms in inscrits
            ]
    return ("\r\n".join(lignes) + "\r\n").encode("utf-8-sig")


def depenses_csv(region: Region, premiere_mesure: date) -> bytes:
    """Return depenses.csv: what the accountants have visé, for the projects that have a statement."""
    lignes = ["projet;montant;date"]
    lignes += [
        f"{porteur.identifiant}{convention.nom};{montant};{premiere_mesure + timedelta(days=jour)}"
        for porteur in region.porteurs
        for convention, _ in _conventions(porteur)
        for jour, montant in convention.depenses
    ]
    return ("\r\n".join(lignes) + "\r\n").encode("utf-8-sig")


def _conventions(porteur: Porteur) -> Iterator[tuple[_Convention, list[EssmsFictif]]]:
    """The conventions of a porteur, each with its ESSMS."""
    conventions = _CONVENTIONS.get(porteur.modele.cle, _SANS_CONVENTION)
    pris = {rang for convention in conventions for rang in convention.rangs}
    for convention in conventions:
        siens = [
            e for k, e in enumerate(porteur.essms) if (k in convention.rangs if convention.rangs else k not in pris)
        ]
        if siens:
            yield convention, siens


def bal_csv(porteurs: Iterable[Porteur]) -> bytes:
    """Return bal.csv: which ESSMS sends from which mailbox, for the porteurs whose operator only knows mailboxes."""
    lignes = ["bal;finess_et"]
    lignes += [f"{bal};{essms.finess_et}" for p in porteurs for essms in p.essms for bal in bals(p, essms)]
    return ("\n".join(lignes) + "\n").encode()


def finess_json(region: Region, jour: date) -> bytes:
    """Return the FINESS file of that day in today's format, gzipped: ESSMS (but those said absent) and neighbours."""
    entites: dict[str, tuple[str, list[dict[str, object]]]] = {}
    for porteur in region.porteurs:
        for essms in porteur.essms:
            _, liste = entites.setdefault(essms.finess_ej, (porteur.nom, []))
            if not essms.absent_finess:
                liste.append(_ege(essms, jour))
    for voisin in region.hors_projet:
        _, liste = entites.setdefault(voisin.finess_ej, (f"Entité {voisin.commune.nom}", []))
        liste.append(_ege(voisin, jour))
    contenu = {
        "schemaVersion": "v1.0.0",
        "generatedAt": f"{jour}T03:12:45+02:00",
        "pmej": [_pmej(finess_ej, nom, liste) for finess_ej, (nom, liste) in entites.items()],
        "gco": [],
        "gcc": [],
    }
    return gzip.compress(json.dumps(contenu, ensure_ascii=False, indent=1).encode(), mtime=0)


def _pmej(finess_ej: str, nom: str, etablissements: list[dict[str, object]]) -> dict[str, object]:
    return {
        "informationsGeneralesPMEJ": {
            "pmSmsseId": f"PM-{finess_ej}",
            "numFinessPm": finess_ej,
            "denominationPm": _capitales(nom)[:38],
            "denominationLonguePmSmsse": _capitales(nom),
            "siren": None,
            "statutJuridique": "60",
            "dateCreation": "1990-01-01",
            "dateFermeture": None,
        },
        "adresse": [],
        "contact": [],
        "etatObjet": "A",
        "ege": etablissements,
    }


def _ege(lieu: EssmsFictif | Etablissement, jour: date) -> dict[str, object]:
    adresse = {
        "usageAdresse": _ADRESSE_POSTALE,
        "numeroVoie": str(1 + int(lieu.finess_et[-4:]) % 90),
        "typeVoie": "R",
        "libelleVoie": _VOIES[int(lieu.finess_et[-5:-1]) % len(_VOIES)],
        "codePostal": lieu.commune.code_postal,
        "cogCommune": lieu.commune.cog,
        "ligneAcheminement": lieu.commune.nom,
    }
    # The postal address is not always the first one.
    annexe = (
        [adresse | {"usageAdresse": _ADRESSE_ANNEXE, "libelleVoie": "ANNEXE"}] if lieu.finess_et[-1] in "037" else []
    )
    return {
        "informationsGeneralesEGE": {
            "egeId": f"EGE-{lieu.finess_et}",
            "numFinessEge": lieu.finess_et,
            "nomEgeCourt": _capitales(lieu.nom)[:38],
            "nomEgeLong": _capitales(lieu.nom),
            "siret": None,
            "dateOuverture": lieu.ouverture.isoformat(),
            "datePremiereAutorisation": lieu.ouverture.isoformat(),
            "dateFermeture": lieu.fermeture.isoformat() if lieu.fermeture else None,
        },
        "categorieentiteGeographiqueExercice": lieu.categorie,
        "modefixationtarifaire": "99",
        "adresse": [*annexe, adresse],
        "etatObjet": "I" if lieu.fermeture else "A",
        "dateDerniereMaj": f"{jour}T02:00:00+02:00",
    }


def _capitales(texte: str) -> str:
    sans_accents = unicodedata.normalize("NFKD", texte).encode("ascii", "ignore").decode()
    return sans_accents.upper()
