"""Landscape of the synthetic region: territories, kinds of structures, names. Communes are real, the rest is not."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Commune:
    """A commune as FINESS writes it (capitals, no accents)."""

    code_postal: str
    cog: str
    nom: str


@dataclass(frozen=True)
class Departement:
    """A département; `prefixe` starts the FINESS numbers of its structures (§4.6)."""

    code: str
    prefixe: str
    communes: tuple[Commune, ...]


@dataclass(frozen=True)
class Territoire:
    """A region of the programme, its civil time zone (§6.1) and the names people and places bear there."""

    nom: str
    fuseau: str
    departements: tuple[Departement, ...]
    noms: tuple[str, ...]
    prenoms_f: tuple[str, ...]
    prenoms_m: tuple[str, ...]
    enseignes: tuple[str, ...]


@dataclass(frozen=True)
class Genre:
    """A kind of ESSMS: FINESS category, sub-sector of the programme, usual size, age of people and length of stays."""

    categorie: str
    libelle: str
    sous_secteur: str
    places: int
    age_min: int
    age_max: int
    sejour_moyen_jours: int
    rotation_pct: int
    prescripteur: bool = False


def _communes(texte: str) -> tuple[Commune, ...]:
    return tuple(Commune(*ligne.split(None, 2)) for ligne in texte.split(";"))


_NOMS_METROPOLE = (
    "Martin", "Bernard", "Durand", "Fabre", "Garcia", "Vidal", "Roques", "Pujol", "Lafont", "Delmas", "Bonnet",
    "Cazals", "Barthès", "Soler", "Rouquette", "Marty", "Escudié", "Mas", "Lopez", "Cabrol", "Sœur-Dupré",
    "Benali", "Nguyen", "Ferrer",
)  # fmt: skip
_PRENOMS_F = (
    "Marie", "Jeanne", "Denise", "Colette", "Zoé", "Inès", "Chloé", "Françoise", "Hélène", "Léa", "Monique",
    "Andrée", "Noémie", "Yvette", "Camille", "Manon",
)  # fmt: skip
_PRENOMS_M = (
    "Jean", "André", "René", "Louis", "Théo", "Hugo", "Raphaël", "Michel", "Gérard", "Noé", "Léo", "Joël",
    "Lucas", "François", "Marcel", "Étienne",
)  # fmt: skip
_ENSEIGNES_TROPIQUES = (
    "Les Filaos", "Les Tamarins", "Les Flamboyants", "Les Lataniers", "Les Vacoas", "Les Alizés",
    "Les Balisiers", "Les Hibiscus", "Les Jacarandas", "Les Frangipaniers", "Les Lauriers roses",
    "Le Grand Bassin", "La Ravine claire", "Les Orangers", "Les Bambous", "La Source", "L'Horizon",
    "Les Cannes", "Les Letchis", "Le Tulipier",
)  # fmt: skip
_ENSEIGNES_METROPOLE = (
    "Les Micocouliers", "Les Oliviers", "Les Cyprès", "La Garrigue", "Les Amandiers", "Les Cèdres",
    "Le Belvédère", "Les Platanes", "La Bastide", "Les Chênes verts", "Le Val fleuri", "Les Genêts",
    "Les Tilleuls", "Le Clos des vignes", "La Fontaine", "Les Arbousiers", "Le Pont vieux", "Les Glycines",
    "Le Moulin", "Les Pins",
)  # fmt: skip

REUNION = Territoire(
    "La Réunion",
    "Indian/Reunion",
    (
        Departement(
            "974",
            "9704",
            _communes(
                "97400 97411 ST DENIS;97410 97416 ST PIERRE;97430 97422 LE TAMPON;97460 97415 ST PAUL;97440 97409 "
                "ST ANDRE;97470 97410 ST BENOIT;97480 97412 ST JOSEPH;97420 97407 LE PORT"
            ),
        ),
    ),
    (
        "Hoarau",
        "Payet",
        "Grondin",
        "Fontaine",
        "Boyer",
        "Dijoux",
        "Lebon",
        "Técher",
        "Maillot",
        "Robert",
        "Rivière",
        "Nativel",
    ),
    (*_PRENOMS_F, "Marie-Josée", "Lucie", "Océane"),
    (*_PRENOMS_M, "Jean-Yves", "Expédit", "Mickaël"),
    _ENSEIGNES_TROPIQUES,
)
MARTINIQUE = Territoire(
    "Martinique",
    "America/Martinique",
    (
        Departement(
            "972",
            "9702",
            _communes(
                "97200 97209 FORT DE FRANCE;97232 97213 LE LAMENTIN;97224 97207 DUCOS;97220 97230 LA TRINITE;"
                "97231 97222 LE ROBERT;97233 97229 SCHOELCHER"
            ),
        ),
    ),
    (
        "Jean-Baptiste",
        "Marie-Sainte",
        "Louis-Joseph",
        "Élisabeth",
        "Rosamond",
        "Sainte-Rose",
        "Charles",
        "Lagier",
        "Édouard",
        "Cadet",
    ),
    (*_PRENOMS_F, "Rose-Aimée", "Célia", "Maëva"),
    (*_PRENOMS_M, "Jean-Claude", "Évrard", "Loïc"),
    _ENSEIGNES_TROPIQUES,
)
MAYOTTE = Territoire(
    "Mayotte",
    "Indian/Mayotte",
    (
        Departement(
            "976",
            "9805",
            _communes(
                "97600 97611 MAMOUDZOU;97620 97606 CHIRONGUI;97615 97608 DZAOUDZI;97650 97602 BANDRABOUA;97640 97616 "
                "SADA;97690 97610 KOUNGOU"
            ),
        ),
    ),
    (
        "Abdou",
        "Saïd",
        "Madi",
        "Boina",
        "Ali",
        "Attoumani",
        "Houmadi",
        "Bacar",
        "Soilihi",
        "Mohamed",
        "Combo",
        "Ousséni",
    ),
    ("Fatima", "Zaïnaba", "Échati", "Anrafa", "Nadia", "Raïssa", "Moinécha", "Amina"),
    ("Ibrahim", "Nassur", "Saïd", "Anli", "Kamal", "Naïm", "Rachid", "Yassine"),
    _ENSEIGNES_TROPIQUES,
)
OCCITANIE = Territoire(
    "Occitanie",
    "Europe/Paris",
    (
        Departement(
            "31",
            "319",
            _communes("31000 31555 TOULOUSE;31600 31395 MURET;31800 31483 ST GAUDENS;31770 31149 COLOMIERS"),
        ),
        Departement("09", "099", _communes("09000 09122 FOIX;09100 09225 PAMIERS;09200 09261 ST GIRONS")),
        Departement(
            "34", "349", _communes("34000 34172 MONTPELLIER;34500 34032 BEZIERS;34200 34301 SETE;34700 34142 LODEVE")
        ),
        Departement("66", "669", _communes("66000 66136 PERPIGNAN;66500 66149 PRADES;66400 66049 CERET")),
        Departement("81", "819", _communes("81000 81004 ALBI;81100 81065 CASTRES")),
        Departement("11", "119", _communes("11000 11069 CARCASSONNE;11100 11262 NARBONNE")),
    ),
    _NOMS_METROPOLE,
    _PRENOMS_F,
    _PRENOMS_M,
    _ENSEIGNES_METROPOLE,
)

GENRES: dict[str, Genre] = {
    genre.categorie: genre
    for genre in (
        Genre("500", "EHPAD", "PA", 84, 70, 99, 900, 7, prescripteur=True),
        Genre("202", "Résidence autonomie", "PA", 60, 66, 95, 1500, 4),
        Genre("207", "Accueil de jour", "PA", 24, 68, 93, 500, 9),
        Genre("354", "SSIAD", "DOM", 70, 60, 97, 600, 10, prescripteur=True),
        Genre("460", "Service autonomie à domicile", "DOM", 110, 60, 97, 900, 7),
        Genre("183", "IME", "PH", 72, 6, 20, 1600, 3),
        Genre("186", "ITEP", "PH", 48, 6, 18, 900, 5),
        Genre("182", "SESSAD", "PH", 54, 3, 20, 900, 6),
        Genre("189", "CMPP", "PH", 120, 3, 18, 500, 12),
        Genre("246", "ESAT", "PH", 80, 20, 60, 3200, 2),
        Genre("255", "MAS", "PH", 46, 20, 70, 3500, 2, prescripteur=True),
        Genre("448", "EAM", "PH", 44, 20, 70, 3000, 2, prescripteur=True),
        Genre("445", "SAMSAH", "PH", 40, 20, 62, 1200, 4),
        Genre("446", "SAVS", "PH", 60, 20, 62, 1200, 4),
        Genre("197", "CSAPA", "PDS", 130, 18, 65, 400, 18),
        Genre("165", "Appartements de coordination thérapeutique", "PDS", 22, 18, 65, 400, 12),
        Genre("180", "Lits halte soins santé", "PDS", 12, 18, 70, 60, 45, prescripteur=True),
        Genre("214", "CHRS", "AHI", 58, 18, 65, 250, 25),
        Genre("258", "Pension de famille", "AHI", 25, 25, 70, 1500, 4),
        Genre("219", "Centre d'accueil de jour", "AHI", 70, 18, 65, 150, 30),
        Genre("175", "Foyer de l'enfance", "PDE", 48, 1, 17, 200, 30),
        Genre("177", "MECS", "PDE", 52, 4, 17, 600, 10),
        Genre("166", "Établissement d'accueil mère-enfant", "PDE", 30, 16, 32, 300, 20),
        Genre("295", "Service d'AEMO", "PDE", 150, 1, 17, 450, 15),
        Genre("462", "Lieu de vie et d'accueil", "PDE", 7, 8, 17, 500, 10),
        Genre("340", "Service mandataire judiciaire", "PJM", 190, 20, 97, 2200, 3),
        Genre("344", "Service délégué aux prestations familiales", "PJM", 60, 22, 55, 500, 8),
    )
}
