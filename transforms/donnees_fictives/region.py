"""The structures of the synthetic region: porteurs, their ESSMS, their neighbours, and how far each has got."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import count
from random import Random
from typing import Any

from schemas.erreurs import DemandeImpossible
from transforms.donnees_fictives.hasard import Hasard
from transforms.donnees_fictives.periode import Periode
from transforms.donnees_fictives.territoires_et_genres import (
    GENRES,
    MARTINIQUE,
    MAYOTTE,
    OCCITANIE,
    REUNION,
    Commune,
    Departement,
    Genre,
    Territoire,
)


@dataclass(frozen=True)
class Taux:
    """Share of the people (0..1, may pass 1 for `mss` and `dmp`) that each use reaches in a quarter."""

    maj: float
    projet: float
    agenda: float
    mss: float
    dmp: float


@dataclass(frozen=True)
class EssmsFictif:
    """One structure. `taux` holds one value per quarter of the period; the flags are particular cases of the demo."""

    finess_et: str
    finess_ej: str
    nom: str
    genre: Genre
    departement: Departement
    commune: Commune
    effectif: int
    taux: tuple[Taux, ...]
    ouverture: date
    fermeture: date | None = None
    absent_finess: bool = False
    sans_depot: bool = False
    sans_activite: bool = False
    saisie_negligente: bool = False
    exemption_socles: bool = False
    sous_secteur_force: str = ""

    @property
    def categorie(self) -> str:
        """Category of establishment in FINESS."""
        return self.genre.categorie


@dataclass(frozen=True)
class Modele:
    """A kind of porteur: what it runs, where, and (by its key) the software that writes its exports."""

    cle: str
    nom: str
    territoire: Territoire
    poids: int
    categories: tuple[str, ...]
    regles: str = "2025"
    type_projet: str = "acquisition"
    part_medico_sociale: str = "1"
    plusieurs_entites: bool = False


@dataclass(frozen=True)
class Porteur:
    """A project: identifier (its folder), name, kind, territory, legal entities and ESSMS."""

    identifiant: str
    nom: str
    modele: Modele
    territoire: Territoire
    essms: tuple[EssmsFictif, ...]


@dataclass(frozen=True)
class Etablissement:
    """An establishment of the FINESS file that belongs to no project; `categorie` may be outside the programme."""

    finess_et: str
    finess_ej: str
    nom: str
    categorie: str
    commune: Commune
    ouverture: date
    fermeture: date | None


@dataclass(frozen=True)
class Region:
    """Everything the referentials describe."""

    porteurs: tuple[Porteur, ...]
    hors_projet: tuple[Etablissement, ...]


MODELES = (
    Modele(
        "trois-ravines",
        "Association Trois Ravines",
        REUNION,
        18,
        (
            "500",
            "183",
            "182",
            "197",
            "354",
            "186",
            "446",
            "214",
            "255",
            "460",
            "202",
            "189",
            "246",
            "165",
            "445",
            "207",
            "448",
            "180",
        ),
    ),
    Modele(
        "ght-hautes-vallees",
        "Groupement hospitalier des Hautes Vallées",
        OCCITANIE,
        14,
        ("500", "500", "354", "255", "500", "448", "207", "500", "460", "180", "500", "445", "354", "202"),
        type_projet="montee_de_version",
        part_medico_sociale="0.35",
        plusieurs_entites=True,
    ),
    Modele(
        "gcsms-parcours-madinina",
        "GCSMS Parcours et Proximité",
        MARTINIQUE,
        10,
        ("500", "182", "460", "354", "258", "202", "446", "255", "189", "219"),
        regles="2023",
        part_medico_sociale="0.8",
    ),
    Modele("baobab-soutien", "Association Baobab Soutien", MAYOTTE, 1, ("182", "183", "446")),
    Modele(
        "tutelaire-piemont",
        "Association tutélaire du Piémont et du Littoral",
        OCCITANIE,
        7,
        ("340", "340", "344", "340", "340", "344", "340"),
    ),
    Modele(
        "enfance-deux-lagons",
        "Établissement public départemental Enfance des Deux Lagons",
        MAYOTTE,
        10,
        ("175", "177", "295", "462", "166", "177", "462", "295", "177", "462"),
        type_projet="montee_de_version",
    ),
)
"""The kinds of porteurs, in order; beyond six porteurs they come round again, in Occitanie."""

_CATEGORIES_VOISINES = (
    ("355", "Centre hospitalier"),
    ("620", "Pharmacie"),
    ("124", "Centre de santé"),
    ("500", "EHPAD"),
    ("183", "IME"),
)
_BANDES = {
    "avance": ((0.94, 0.99), (0.92, 0.985), (0.92, 0.985), (0.76, 1.10), (0.74, 0.97)),
    "tout_pres": ((0.87, 0.893), (0.87, 0.893), (0.91, 0.97), (0.63, 0.69), (0.64, 0.69)),
    "en_cours": ((0.60, 0.82), (0.45, 0.80), (0.50, 0.85), (0.35, 0.60), (0.40, 0.62)),
    "debut": ((0.10, 0.40), (0.10, 0.40), (0.0, 0.0), (0.0, 0.0), (0.0, 0.0)),
}
_NIVEAUX = ("avance", "tout_pres", "avance", "en_cours", "avance", "avance", "debut", "tout_pres", "avance", "en_cours")
_PROGRES_PAR_TRIMESTRE = 0.025


def cle_luhn(numero: str) -> str:
    """Return the Luhn key of the first 8 characters of a FINESS number (§4.6: letters of Corsica A→1, B→2)."""
    somme = 0
    for rang, caractere in enumerate(reversed(numero)):
        chiffre = int({"A": "1", "B": "2"}.get(caractere, caractere))
        double = chiffre * 2 if rang % 2 == 0 else chiffre
        somme += double - 9 if double > 9 else double
    return str(-somme % 10)


def repartir(total: int, poids: Sequence[float], minimum: int = 0) -> list[int]:
    """Share `total` in proportion to `poids`, at least `minimum` each (largest remainders); the sum is `total`."""
    reste = total - minimum * len(poids)
    if reste < 0:
        raise DemandeImpossible(f"{total} ne suffit pas pour {len(poids)} parts d'au moins {minimum}")
    exact = [reste * p / sum(poids) for p in poids]
    parts = [math.floor(x) for x in exact]
    plus_forts = sorted(range(len(poids)), key=lambda i: (parts[i] - exact[i], i))
    for i in plus_forts[: reste - sum(parts)]:
        parts[i] += 1
    return [p + minimum for p in parts]


@dataclass
class Numerotation:
    """Hands out invented FINESS numbers, all different, each with a valid key."""

    _rangs: dict[str, count[int]] = field(default_factory=dict)

    def suivant(self, departement: Departement) -> str:
        """Return the next number of a département. Raises DemandeImpossible when its range is exhausted."""
        taille = 10 ** (8 - len(departement.prefixe))
        rang = next(self._rangs.setdefault(departement.prefixe, count()))
        if rang >= taille:
            raise DemandeImpossible(
                f"plus de numéro FINESS libre dans le département {departement.code} : demander moins d'ESSMS"
            )
        # Start high in the range: real structures have the low numbers.
        serie = (taille * 9 // 10 + rang) % taille
        debut = f"{departement.prefixe}{serie:0{8 - len(departement.prefixe)}d}"
        return debut + cle_luhn(debut)


def construire_region(hasard: Hasard, periode: Periode, *, porteurs: int, essms: int, personnes: int) -> Region:
    """Return a region of that many porteurs, ESSMS and people, with the rates of each quarter of the period.

    Raises DemandeImpossible when there are fewer ESSMS than porteurs or when a département runs out of FINESS numbers.
    """
    modeles = [MODELES[i % len(MODELES)] for i in range(porteurs)]
    plusieurs = [m for m in modeles if m.poids > 1]
    seuls = porteurs - len(plusieurs)
    # A mono-structure stays one, whatever the size of the region.
    tailles = iter(repartir(essms - seuls, [m.poids for m in plusieurs], minimum=1))
    genres = [
        [GENRES[m.categories[k % len(m.categories)]] for k in range(next(tailles) if m.poids > 1 else 1)]
        for m in modeles
    ]
    tirage = hasard.python("effectifs")
    places = [genre.places * tirage.uniform(0.8, 1.2) for liste in genres for genre in liste]
    effectifs = iter(repartir(personnes, places, minimum=1))
    numeros = Numerotation()
    construits = []
    for rang, (modele, liste) in enumerate(zip(modeles, genres, strict=True)):
        tailles_ = [(genre, next(effectifs)) for genre in liste]
        construits.append(_porteur(hasard.sous(rang), rang, modele, tailles_, numeros=numeros, periode=periode))
    return Region(tuple(construits), _hors_projet(hasard.sous("hors-projet"), numeros, periode))


def _porteur(
    hasard: Hasard,
    rang: int,
    modele: Modele,
    genres: Sequence[tuple[Genre, int]],
    *,
    numeros: Numerotation,
    periode: Periode,
) -> Porteur:
    tour = rang // len(MODELES)
    territoire = modele.territoire if tour == 0 else OCCITANIE
    tirage = hasard.python("structures")
    departements = territoire.departements
    sieges = departements if modele.plusieurs_entites else departements[:1]
    entites = [numeros.suivant(siege) for siege in sieges]
    enseignes = list(territoire.enseignes)
    tirage.shuffle(enseignes)
    essms = []
    for k, (genre, effectif) in enumerate(genres):
        departement = departements[k % len(departements)]
        commune = tirage.choice(departement.communes)
        niveau = "avance" if len(genres) == 1 else _NIVEAUX[(k + rang) % len(_NIVEAUX)]
        essms.append(
            EssmsFictif(
                finess_et=numeros.suivant(departement),
                finess_ej=entites[k % len(entites)],
                nom=f"{genre.libelle} {_enseigne(enseignes, k)}",
                genre=genre,
                departement=departement,
                commune=commune,
                effectif=effectif,
                taux=_taux(tirage, niveau, genre, len(periode.trimestres), chute=modele.plusieurs_entites and k == 2),
                ouverture=periode.debut - timedelta(days=tirage.randint(900, 14000)),
                **_particularites(modele.cle, k, len(genres), periode.debut),
            )
        )
    suffixe, numero = (f"-{tour + 1}", f" {tour + 1}") if tour else ("", "")
    return Porteur(modele.cle + suffixe, modele.nom + numero, modele, territoire, tuple(essms))


def _enseigne(enseignes: Sequence[str], k: int) -> str:
    tour, rang = divmod(k, len(enseignes))
    return enseignes[rang] + (f" {tour + 1}" if tour else "")


def _taux(tirage: Random, niveau: str, genre: Genre, trimestres: int, *, chute: bool) -> tuple[Taux, ...]:
    maj, projet, agenda, mss, dmp = (tirage.uniform(*bande) for bande in _BANDES[niveau])
    if genre.sous_secteur in ("AHI", "PDE"):
        mss, dmp = mss * 0.8, dmp * 0.6
    if genre.sous_secteur == "PJM":
        mss, dmp = mss * 0.2, 0.0
    suite = []
    for k in range(trimestres):
        progres = k * _PROGRES_PAR_TRIMESTRE
        # The structure that lost its messaging exchanges halfway: a fall of more than 30 points (§7, CHUTE).
        mss_k = mss * 0.3 if chute and k else mss
        suite.append(
            Taux(
                maj=min(maj + progres, 0.99),
                projet=min(projet + progres, 0.99),
                agenda=min(agenda + progres, 0.99) if agenda else 0.0,
                mss=mss_k + progres if mss_k else 0.0,
                dmp=dmp + progres if dmp else 0.0,
            )
        )
    return tuple(suite)


def _particularites(cle: str, k: int, taille: int, debut: date) -> dict[str, Any]:
    """Return the particular cases of the demo that fall on the ESSMS of this rank (small porteurs have none)."""
    if taille < 4:
        return {}
    dernier, cas = k == taille - 1, dict[str, Any]()
    if k % 7 == 3:
        cas["saisie_negligente"] = True
    if cle == "trois-ravines" and dernier:
        cas["sans_depot"] = True
    if cle == "ght-hautes-vallees" and dernier:
        cas["fermeture"] = debut + timedelta(days=45)
    if cle == "gcsms-parcours-madinina" and dernier:
        cas |= {"absent_finess": True, "sous_secteur_force": "AHI"}
    if cle == "enfance-deux-lagons" and dernier:
        cas["sans_activite"] = True
    if cle == "enfance-deux-lagons" and k == 2:
        cas["exemption_socles"] = True
    return cas


def _hors_projet(hasard: Hasard, numeros: Numerotation, periode: Periode) -> tuple[Etablissement, ...]:
    tirage = hasard.python("etablissements")
    trouves = []
    for territoire in (REUNION, MARTINIQUE, MAYOTTE, OCCITANIE):
        for departement in territoire.departements:
            entite = numeros.suivant(departement)
            for categorie, libelle in _CATEGORIES_VOISINES:
                nom = f"{libelle} {tirage.choice(territoire.enseignes)}"
                trouves.append(
                    Etablissement(
                        finess_et=numeros.suivant(departement),
                        finess_ej=entite,
                        nom=nom,
                        categorie=categorie,
                        commune=tirage.choice(departement.communes),
                        ouverture=periode.debut - timedelta(days=5000),
                        fermeture=periode.debut - timedelta(days=400) if categorie == "124" else None,
                    )
                )
    return tuple(trouves)
