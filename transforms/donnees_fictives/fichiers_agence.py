"""The referentials of the synthetic region: projets.csv, the FINESS file, bal.csv (§4.6)."""

from __future__ import annotations

import gzip
import json
import unicodedata
from collections.abc import Iterable
from datetime import date

from transforms.donnees_fictives.region import EssmsFictif, Etablissement, Porteur, Region

NOM_FINESS = "finess-structures-journalier-{jour:%Y%m%d}.json.gz"
_COLONNES_PROJETS = (
    "porteur", "nom", "finess_et", "regles", "date_premiere_mesure", "sous_secteur", "exemption_socles", "profil",
    "type", "part_medico_sociale",
)  # fmt: skip
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
                )
            )
            for essms in porteur.essms
        ]
    return ("\r\n".join(lignes) + "\r\n").encode("utf-8-sig")


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
