"""Random registers for the worlds of `mondes`: projects, periods, moves, former numbers, faults, attributes, expenses."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from oracle import CIBLES, Publie, reculer
from oracle_conventions import ACQUISITION, MONTEE, Depense
from oracle_registre import Essms, registre_du

FINESS = ("010000123", "2A0000014", "970400019", "750000001", "2B0000020", "970200025", "980500033", "690000042")
ANCIENS = ("010999001", "010999002", "010999003", "010999004", "010999005", "010999006")
# Rare, so that projects where everything counts stay frequent.
FORMES = (*["simple"] * 11, *["borne"] * 3, *["demenagement"] * 3, *["nouveau_numero"] * 3, "chaine", "anciens_seuls",
          "fusion", "chevauchement", "conflit", "fautive")  # fmt: skip
PARTS = (None, None, None, None, Decimal("0.5"), Decimal("0.3333"), Decimal("0.0001"), Decimal(0), Decimal(1))
MONTANTS = ("0", "0.01", "10500", "10500.01", "21000", "21000.01", "42000", "12345.67", "5000", "2500", "84000")
MASSE = 60


def tirer_attributs_du_projet(rng: random.Random, d: date) -> dict[str, Any]:
    """Draw what a project has once: scope, dates and amount on both sides of what they decide."""
    return {
        "portee": rng.choice((None, "regional", "regional", "national")),
        "date_convention": rng.choice((None, reculer(d, 20), reculer(d, 10))),
        "date_debut_projet": rng.choice(
            (None, *(reculer(d, mois) + timedelta(days=x) for mois in (3, 9, 18) for x in (-1, 0, 1)))
        ),
        "date_vsr": rng.choice((None, d - timedelta(days=30), d - timedelta(days=1), d, d, d + timedelta(days=1))),
        "montant_accorde": rng.choice((None, None, *map(Decimal, MONTANTS))),
    }


def tirer_ligne(rng: random.Random, modele: Essms, d: date) -> Essms:
    """Draw one row of a project after `modele`: most attributes shared, some left empty or contradicted."""
    propres: dict[str, Any] = {
        "date_premiere_mesure": rng.choice((None, None, *(d + timedelta(days=x) for x in (-31, -3, -2, -1, -1, 0, 1)))),
        "part_medico_sociale": rng.choice(PARTS),
        "dui_reference": rng.random() < 0.7,
        "exemption_socles": rng.random() < 0.12,
    }
    if rng.random() < 0.2:
        propres["regles"] = rng.choice(("2022", "2023", "2025", "2025-martinique"))
    if rng.random() < 0.15:
        propres["type"] = rng.choice((None, ACQUISITION, MONTEE))
    if rng.random() < 0.3:
        propres["sous_secteur"] = rng.choice((None, "PA", "PH", "PJM", "PJM"))
    for nom, valeur in tirer_attributs_du_projet(rng, d).items():
        if rng.random() < 0.25:
            propres[nom] = valeur if rng.random() < 0.3 else None
    return replace(modele, **propres)


def tirer_modeles(rng: random.Random, d: date) -> list[Essms]:
    """Draw 1 to 5 projects of 1 to 3 porteurs; one of a porteur may bear its name (§4.6: the default)."""
    modeles = []
    for porteur in [f"p{i}" for i in range(1, rng.choice((1, 1, 1, 2, 3)) + 1)]:
        for projet in rng.sample((None, f"{porteur}-A", f"{porteur}-B"), rng.choice((1, 1, 2))):
            modeles.append(
                Essms(
                    "", porteur, rng.choice(("2025", "2025", "2023", "2022", "2025-martinique")), projet=projet,
                    type=rng.choice((ACQUISITION, ACQUISITION, MONTEE, MONTEE, None)),
                    sous_secteur=rng.choice((None, "PA", "PH", "PJM", "PJM")),
                    **tirer_attributs_du_projet(rng, d),
                )
            )  # fmt: skip
    return modeles


def tirer_histoire(
    rng: random.Random, finess: str, modeles: Sequence[Essms], libres: list[str], d: date
) -> Iterator[Essms]:
    """Draw the rows of one ESSMS: one open row, or periods cut around D, other numbers, faults."""
    un, autre = rng.choice(modeles), rng.choice(modeles)
    coupe = rng.choice([d + timedelta(days=x) for x in (-40, -1, 0, 0, 1, 1, 20)])
    veille = coupe - timedelta(days=1)
    ligne, suivante = (replace(tirer_ligne(rng, x, d), finess_et=finess) for x in (un, autre))
    forme = rng.choice(FORMES) if len(libres) >= 2 else "simple"
    if forme == "simple":
        yield ligne
    elif forme == "borne":
        yield replace(ligne, **rng.choice(({"debut": coupe}, {"fin": coupe}, {"debut": coupe, "fin": coupe})))
    elif forme == "demenagement":
        yield replace(ligne, fin=veille)
        yield replace(suivante, debut=coupe)
    elif forme in ("nouveau_numero", "chaine"):
        ancien = libres.pop()
        yield replace(
            ligne, finess_et=ancien, fin=veille, finess_precedent=(libres.pop(),) if forme == "chaine" else ()
        )
        yield replace(suivante, debut=coupe, finess_precedent=(ancien,))
    elif forme == "anciens_seuls":
        yield replace(ligne, finess_precedent=(libres.pop(), libres.pop())[: rng.choice((1, 2))])
    elif forme == "fusion":
        anciens = libres.pop(), libres.pop()
        for ancien in anciens:
            yield replace(ligne, finess_et=ancien, fin=veille)
        yield replace(suivante, debut=coupe, finess_precedent=anciens)
    elif forme == "chevauchement":
        yield replace(ligne, fin=coupe)
        yield replace(suivante, debut=coupe)
    elif forme == "conflit":
        ancien = libres.pop()
        yield replace(ligne, finess_et=ancien)
        yield replace(suivante, finess_precedent=(ancien,), debut=rng.choice((None, coupe)))
    else:
        yield replace(ligne, fautive=True)


def tirer_au_hasard(rng: random.Random, modeles: Sequence[Essms], d: date) -> Iterator[Essms]:
    """Draw rows of few numbers that meet in time and as former numbers in every way."""
    numeros = rng.sample(FINESS, 5)
    jours = [d + timedelta(days=x) for x in (-60, -30, -1, 0, 1, 30)]
    for _ in range(rng.randint(2, 5)):
        finess, *anciens = rng.sample(numeros, rng.choice((1, 1, 2, 2, 3)))
        debut, fin = sorted(rng.sample(jours, 2))
        yield replace(
            tirer_ligne(rng, rng.choice(modeles), d),
            finess_et=finess,
            finess_precedent=tuple(anciens),
            debut=rng.choice((None, debut)),
            fin=rng.choice((None, None, fin)),
        )


def tirer_registre(rng: random.Random, d: date) -> tuple[Essms, ...]:
    """Draw a register of 1 to 4 ESSMS, at times of a project past the 49th, no two rows the same."""
    modeles, libres = tirer_modeles(rng, d), list(ANCIENS)
    rng.shuffle(libres)
    lignes = [
        x
        for finess in rng.sample(FINESS, rng.choice((1, 1, 2, 2, 3, 4)))
        for x in tirer_histoire(rng, finess, modeles, libres, d)
    ]
    if rng.random() < 0.02:
        modele = rng.choice(modeles)
        lignes += [
            replace(tirer_ligne(rng, modele, d), finess_et=f"9900000{i:02d}") for i in range(rng.randint(48, MASSE))
        ]
    if rng.random() < 0.1:
        lignes = list(tirer_au_hasard(rng, modeles, d))
    rng.shuffle(lignes)
    return tuple(dict.fromkeys(lignes))


def tirer_depenses(rng: random.Random, lignes: Sequence[Essms], d: date) -> tuple[Depense, ...]:
    """Draw 0 to 3 statements per project around D, each of another day."""
    jours = [d + timedelta(days=x) for x in (-90, -1, 0, 1)]
    return tuple(
        Depense(projet, Decimal(rng.choice(MONTANTS)), jour)
        for projet in sorted({x.convention for x in lignes})
        for jour in rng.sample(jours, rng.choice((0, 1, 1, 2, 3)))
    )


def tirer_publie(rng: random.Random, lignes: Sequence[Essms], d: date) -> Publie:
    """Draw what was published before: one of three calendars, and for some ESSMS and projects what their measures gave."""
    veille, avant_veille = d - timedelta(days=1), d - timedelta(days=2)
    premiere, dates = rng.choice(((None, ()), (avant_veille, (veille,)), (reculer(d, 3), (reculer(d, 1),))))
    finess = sorted({x.finess_et for x in registre_du(lignes, d).valides if not x.finess_et.startswith("99")})
    nombres = (None, 0, 3, 10, 14, 15)
    return Publie(
        premiere,
        dates,
        {(x, y): (rng.choice((None, 30.0, 100.0, 130.0, 131.0)), rng.choice(nombres))
         for x in finess if rng.random() < 0.3 for y in CIBLES},
        tuple(sorted({(x.convention, reculer(d, rng.randint(1, 3))) for x in lignes if rng.random() < 0.15})),
    )  # fmt: skip
