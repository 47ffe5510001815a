"""Input tables (specification §4.1–§4.3): one pandera model each.

A model is validated on a typed frame that also carries where the rows come from (`ligne`, `date_extraction`). The name
of a check is, in lower case, the code of its finding in `constats.toml`. Checks look at values only: what depends on
the whole file (keys) or on the porteur's project is decided in `transforms/validation/`.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

import pandera.polars as pa
import polars as pl
from pandera.api.polars.types import PolarsData

from schemas.champs import Champ, champ, champs

Grain = Literal["etat", "evenement"]

Horodatage = Annotated[pl.Datetime, "us", None]

PREMIER_JOUR = date(1900, 1, 1)
DATE_SANS_FIN = date(2099, 1, 1)
IDENTIFIANT_CARACTERES_MAX = 64
# The Message-ID of mail, and names of documents, are longer (§4).
_CARACTERES_MAX = {"id_message": 998, "id_document": 256}

_FINESS = "Numéro FINESS de l'établissement ou service (9 caractères, zéros de tête compris)"
_DOSSIER = "Identifiant du dossier de l'usager dans le DUI"


def caracteres_max(colonne: str) -> int:
    """How long an identifier may be (§4)."""
    return _CARACTERES_MAX.get(colonne, IDENTIFIANT_CARACTERES_MAX)


def _jour(donnees: PolarsData) -> pl.Expr:
    return pl.col(donnees.key).cast(pl.Date)


class Depot(pa.DataFrameModel):
    """What all input tables share: provenance of a row and the checks on dates and identifiers (§4, §5)."""

    ligne: pl.UInt32 = pa.Field(nullable=False, description="Ligne dans le fichier reçu (en-tête = 1)")
    date_extraction: pl.Date = pa.Field(nullable=False, description="Date d'extraction portée par le nom du fichier")

    @pa.check(
        r"^(date_creation|date_derniere_maj|date_entree|date_sortie|date_debut|date_fin|horodatage|debut)$", regex=True
    )
    @classmethod
    def date_trop_ancienne(cls, donnees: PolarsData) -> pl.LazyFrame:
        """No date before 1900 (§5)."""
        return donnees.lazyframe.select(_jour(donnees) >= PREMIER_JOUR)

    @pa.check(r"^(horodatage|date_derniere_maj|date_creation)$", regex=True)
    @classmethod
    def fait_futur(cls, donnees: PolarsData) -> pl.LazyFrame:
        """A fact is dated at most one day after the extraction (§5)."""
        return donnees.lazyframe.select(_jour(donnees) <= pl.col("date_extraction").dt.offset_by("1d"))

    @pa.check(r"^id_", regex=True)
    @classmethod
    def identifiant_invalide(cls, donnees: PolarsData) -> pl.LazyFrame:
        """An identifier has 1 to 64 characters, some have more (§4)."""
        return donnees.lazyframe.select(pl.col(donnees.key).str.len_chars() <= caracteres_max(donnees.key))

    class Config:
        """Grain and key of the table (§4): `cle` is empty where every row is a fact of its own.

        `alternatives`: groups of columns of which a row needs one at least.
        """

        strict = "filter"
        metadata = {"grain": "evenement", "cle": (), "libelle": ""}


class Dossiers(Depot):
    """Dossiers of the DUI: one row per dossier (state)."""

    finess_et: pl.String = champ("finess", _FINESS, requis=True, exemple="970400123")
    id_dossier: pl.String = champ("id", _DOSSIER, requis=True, pseudonyme=True, exemple="D-2024-0017")
    id_personne: pl.String = champ(
        "id", "Identifiant de la personne dans le DUI", requis=True, pseudonyme=True, exemple="IPP-4711"
    )
    ins: pl.String = champ(
        "ins",
        "Identité nationale de santé : 13 caractères et clé à 2 chiffres",
        pseudonyme=True,
        exemple="190017400400133",
    )
    date_creation: pl.Date = champ("date", "Jour de création du dossier", exemple="2024-09-02")
    date_derniere_maj: Horodatage = champ("horodatage", "Dernière mise à jour du dossier", exemple="2026-03-14 10:25")
    eligible_projet: pl.Boolean = champ(
        "bool",
        "Peut avoir un projet d'accueil et d'accompagnement (art. L311-3 7° CASF) ; vide = oui, avec alerte",
        exemple="oui",
    )

    class Config:
        """State table."""

        metadata = {"grain": "etat", "cle": ("finess_et", "id_dossier"), "libelle": "dossiers du DUI"}


class Sejours(Depot):
    """Stays: one row per dossier and entry (state)."""

    finess_et: pl.String = champ("finess", _FINESS, requis=True, exemple="970400123")
    id_dossier: pl.String = champ("id", _DOSSIER, requis=True, pseudonyme=True, exemple="D-2024-0017")
    date_entree: pl.Date = champ("date", "Jour d'entrée", requis=True, exemple="2024-09-02")
    date_sortie: pl.Date = champ(
        "date",
        "Jour de sortie définitive ; vide tant que la personne est accompagnée (absence temporaire comprise)",
        sans_fin=True,
        vide_signifie=True,
        exemple="",
    )

    @pa.check("date_entree")
    @classmethod
    def date_trop_lointaine(cls, donnees: PolarsData) -> pl.LazyFrame:
        """An entry is at most one year after the extraction (§5)."""
        return donnees.lazyframe.select(pl.col(donnees.key) <= pl.col("date_extraction").dt.offset_by("1y"))

    @pa.check("date_sortie")
    @classmethod
    def sortie_avant_entree(cls, donnees: PolarsData) -> pl.LazyFrame:
        """`date_sortie` ≥ `date_entree` (§4.1)."""
        return donnees.lazyframe.select(pl.col(donnees.key) >= pl.col("date_entree"))

    class Config:
        """State table."""

        metadata = {
            "grain": "etat",
            "cle": ("finess_et", "id_dossier", "date_entree"),
            "libelle": "séjours",
        }


class MisesAJour(Depot):
    """Updates of dossiers (facts)."""

    finess_et: pl.String = champ("finess", _FINESS, requis=True, exemple="970400123")
    id_dossier: pl.String = champ("id", _DOSSIER, requis=True, pseudonyme=True, exemple="D-2024-0017")
    horodatage: Horodatage = champ(
        "horodatage", "Moment de la mise à jour du dossier", requis=True, exemple="2026-03-14 10:25"
    )

    class Config:
        """Facts: duplicates change nothing."""

        metadata = {"grain": "evenement", "cle": (), "libelle": "mises à jour des dossiers"}


class Projets(Depot):
    """Personal projects (state)."""

    finess_et: pl.String = champ("finess", _FINESS, requis=True, exemple="970400123")
    id_dossier: pl.String = champ("id", _DOSSIER, requis=True, pseudonyme=True, exemple="D-2024-0017")
    id_projet: pl.String = champ(
        "id", "Identifiant du projet personnalisé", requis=True, pseudonyme=True, exemple="PP-2025-031"
    )
    statut: pl.String = champ(
        "liste",
        "Statut du projet personnalisé",
        requis=True,
        valeurs=("en_preparation", "actif", "suspendu", "termine", "annule"),
        synonymes={"en_cours": "actif"},
        exemple="actif",
    )
    date_debut: pl.Date = champ("date", "Premier jour du projet", exemple="2025-10-01")
    date_fin: pl.Date = champ(
        "date", "Dernier jour du projet ; vide sans échéance", sans_fin=True, exemple="2026-09-30"
    )

    class Config:
        """State table."""

        metadata = {"grain": "etat", "cle": ("finess_et", "id_projet"), "libelle": "projets personnalisés"}


class Agenda(Depot):
    """Agenda events; one event may repeat and concern several dossiers."""

    finess_et: pl.String = champ("finess", _FINESS, requis=True, exemple="970400123")
    id_dossier: pl.String = champ("id", _DOSSIER, requis=True, pseudonyme=True, exemple="D-2024-0017")
    id_evenement: pl.String = champ(
        "id", "Identifiant de l'événement d'agenda", requis=True, pseudonyme=True, exemple="EVT-88112"
    )
    debut: Horodatage = champ("horodatage", "Début de l'événement", requis=True, exemple="2026-03-14 10:00")
    statut: pl.String = champ(
        "liste",
        "Statut de l'événement ; vide = planifié",
        valeurs=("planifie", "realise", "annule"),
        defaut="planifie",
        exemple="realise",
    )

    @pa.check("debut")
    @classmethod
    def date_trop_lointaine(cls, donnees: PolarsData) -> pl.LazyFrame:
        """An event starts at most two years after the extraction (§5)."""
        return donnees.lazyframe.select(_jour(donnees) <= pl.col("date_extraction").dt.offset_by("2y"))

    class Config:
        """Facts: the rows of the latest extraction that contains the key replace the earlier ones."""

        metadata = {
            "grain": "evenement",
            "cle": ("finess_et", "id_dossier", "id_evenement"),
            "libelle": "agenda",
        }


class Mss(Depot):
    """Secure mail: one line per message (or recipient), or daily counts."""

    finess_et: pl.String = champ(
        "finess",
        _FINESS + " ; peut manquer si la boîte émettrice est connue de l'agence",
        requis=True,
        colonne_requise=False,
        exemple="970400123",
    )
    horodatage: Horodatage = champ(
        "horodatage", "Envoi ou réception du message, ou jour du comptage", requis=True, exemple="2026-03-14 10:25"
    )
    id_message: pl.String = champ(
        "id",
        "Identifiant du message ; vide pour un comptage quotidien",
        pseudonyme=True,
        exemple="20260314.1025.77@mssante.exemple",
    )
    bal_emettrice: pl.String = champ(
        "texte",
        "Adresse de la boîte aux lettres MSSanté",
        pseudonyme=True,
        exemple="secretariat@structure.mssante.exemple",
    )
    sens: pl.String = champ(
        "liste", "Sens du message ; vide = envoyé", valeurs=("envoye", "recu"), defaut="envoye", exemple="envoye"
    )
    nb_messages: pl.Int64 = champ(
        "entier", "Nombre de messages de la ligne ; vide = 1", unite="messages", defaut=1, exemple="1"
    )

    @pa.check("nb_messages")
    @classmethod
    def entier_negatif(cls, donnees: PolarsData) -> pl.LazyFrame:
        """A count is not negative (§4.2)."""
        return donnees.lazyframe.select(pl.col(donnees.key) >= 0)

    class Config:
        """Key of the identified rows; the others are daily counts, which add up."""

        metadata = {
            "grain": "evenement",
            "cle": ("finess_et", "id_message", "sens"),
            "libelle": "messages MSSanté",
            "alternatives": (("finess_et", "bal_emettrice"),),
        }


class Dmp(Depot):
    """Documents sent to the shared medical record (facts)."""

    finess_et: pl.String = champ("finess", _FINESS, requis=True, exemple="970400123")
    horodatage: Horodatage = champ("horodatage", "Envoi du document au DMP", requis=True, exemple="2026-03-14 10:25")
    id_document: pl.String = champ("id", "Identifiant du document", pseudonyme=True, exemple="DOC-5512")
    id_dossier: pl.String = champ("id", _DOSSIER, pseudonyme=True, exemple="D-2024-0017")
    ins: pl.String = champ(
        "ins",
        "Identité nationale de santé : 13 caractères et clé à 2 chiffres",
        pseudonyme=True,
        exemple="190017400400133",
    )
    id_personne: pl.String = champ("id", "Identifiant de la personne dans le DUI", pseudonyme=True, exemple="IPP-4711")
    statut: pl.String = champ(
        "liste", "Résultat de l'envoi ; vide = succès", valeurs=("succes", "echec"), defaut="succes", exemple="succes"
    )

    @pa.dataframe_check
    @classmethod
    def sans_identifiant(cls, donnees: PolarsData) -> pl.LazyFrame:
        """At least one of `id_dossier`, `ins`, `id_personne` (§4.2)."""
        return donnees.lazyframe.select(pl.any_horizontal(pl.col("id_dossier", "ins", "id_personne").is_not_null()))

    class Config:
        """Facts: duplicates change nothing."""

        metadata = {
            "grain": "evenement",
            "cle": (),
            "libelle": "documents envoyés au DMP",
            "alternatives": (("id_dossier", "ins", "id_personne"),),
        }


class Eprescription(Depot):
    """Electronic prescriptions imported (optional source)."""

    finess_et: pl.String = champ("finess", _FINESS, requis=True, exemple="970400123")
    id_import: pl.String = champ("id", "Identifiant de l'import", requis=True, pseudonyme=True, exemple="IMP-31")
    horodatage: Horodatage = champ("horodatage", "Moment de l'import", requis=True, exemple="2026-03-14 10:25")

    class Config:
        """One row per import."""

        metadata = {
            "grain": "evenement",
            "cle": ("finess_et", "id_import"),
            "libelle": "imports e-prescription",
        }


class Eparcours(Depot):
    """Exchanges with the e-parcours service (optional source)."""

    finess_et: pl.String = champ("finess", _FINESS, requis=True, exemple="970400123")
    id_echange: pl.String = champ("id", "Identifiant de l'échange", requis=True, pseudonyme=True, exemple="ECH-902")
    horodatage: Horodatage = champ("horodatage", "Moment de l'échange", requis=True, exemple="2026-03-14 10:25")

    class Config:
        """One row per exchange."""

        metadata = {
            "grain": "evenement",
            "cle": ("finess_et", "id_echange"),
            "libelle": "échanges e-parcours",
        }


TABLES: dict[str, type[Depot]] = {
    "dossiers": Dossiers,
    "sejours": Sejours,
    "mises_a_jour": MisesAJour,
    "projets": Projets,
    "agenda": Agenda,
    "mss": Mss,
    "dmp": Dmp,
    "eprescription": Eprescription,
    "eparcours": Eparcours,
}


def champs_de(table: str) -> dict[str, Champ]:
    """The declared columns of an input table, in order."""
    return champs(TABLES[table])


def _propriete(table: str, nom: str) -> Any:
    return (TABLES[table].Config.metadata or {})[nom]


def grain(table: str) -> Grain:
    """`etat` (a picture at the extraction date) or `evenement` (facts)."""
    valeur: Grain = _propriete(table, "grain")
    return valeur


def cle(table: str) -> tuple[str, ...]:
    """The key of a table (§4.1–§4.3), empty where rows are plain facts."""
    valeur: tuple[str, ...] = _propriete(table, "cle")
    return valeur


def groupes_requis(table: str) -> tuple[tuple[str, ...], ...]:
    """Groups of columns of which a row needs one each (§4.1–§4.3): the required ones alone, then the alternatives."""
    requises = tuple((c.nom,) for c in champs_de(table).values() if c.colonne_requise)
    alternatives: Any = (TABLES[table].Config.metadata or {}).get("alternatives", ())
    return (*requises, *alternatives)


def libelle(table: str) -> str:
    """What a porteur calls the table, in French."""
    valeur: str = _propriete(table, "libelle")
    return valeur
