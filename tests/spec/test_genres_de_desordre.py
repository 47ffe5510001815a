"""The kinds of mess of the public cases (`test_cas_publics`), each in other inputs of ours, in CSV and in a workbook.

One night for all: every input is what one porteur drops beside clean files of `SOCLE`, for one ESSMS with 4 dossiers (invented
people). What is not said of an input is that of the clean files: accepted, no finding, and the figures of `PROPRE` that the
table makes.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import xlsxwriter
from scenario import Nuit, deposer, ecrire, finess, ins, jouer, nuit_directe

from transforms.dire.constats import dire_constat

JOUR = date(2026, 4, 1)
INDICATEURS = {
    "dossiers_actifs": "actifs",
    "projet_personnalise": "projet",
    "agenda": "agenda",
    "mss": "mss",
    "dmp": "dmp",
}
SOCLE = ("dossiers", "sejours", "mises_a_jour")
PROPRE = {"actifs": "3/4", "projet": "2/3", "agenda": "2/3", "mss": "3/4", "dmp": "2/4"}
INS = [ins(f"184039740400{n}") for n in range(1, 4)] + [ins("18403" + "2A" + "404001")]

F = "FINESS"
TABLES: dict[str, list[list[str]]] = {
    "dossiers": [
        ["finess_et", "id_dossier", "id_personne", "ins", "eligible_projet"],
        *([F, f"D{n}", f"P{n}", INS[n - 1], "oui"] for n in (1, 2, 3, 4)),
    ],
    "sejours": [
        ["finess_et", "id_dossier", "date_entree", "date_sortie"],
        *([F, f"D{n}", "2025-06-25", ""] for n in (1, 2, 3, 4)),
    ],
    "mises_a_jour": [
        ["finess_et", "id_dossier", "horodatage"],
        *([F, f"D{n}", f"2026-02-1{n} 10:25"] for n in (1, 2, 3)),
    ],
    "projets": [
        ["finess_et", "id_dossier", "id_projet", "statut", "date_debut", "date_fin"],
        *([F, f"D{n}", f"PP{n}", "actif", "2025-09-01", ""] for n in (1, 2)),
    ],
    "agenda": [
        ["finess_et", "id_dossier", "id_evenement", "debut", "statut"],
        *([F, f"D{n}", f"E{n}", f"2026-03-1{n} 09:00", "réalisé"] for n in (1, 2)),
    ],
    "mss": [
        ["finess_et", "horodatage", "id_message", "nb_messages"],
        *([F, f"2026-02-1{n} 11:00", f"M{n}", ""] for n in (1, 2, 3)),
    ],
    "dmp": [
        ["finess_et", "horodatage", "id_document", "id_dossier", "ins"],
        *([F, f"2026-02-1{n} 11:00", f"DOC{n}", "", INS[n - 1]] for n in (1, 2)),
    ],
}


@dataclass(frozen=True)
class Erreur:
    """A cell of type error, that a formula gave."""

    texte: str


@dataclass(frozen=True)
class Format:
    """A number shown with a format of the workbook."""

    valeur: float
    format: str


@dataclass(frozen=True)
class Cas:
    """An input: the table that is changed and how, the forms it is dropped in, and what must come out.

    `cellules`: column → what stands in every row, or in each. `entetes`: header → as written. `lignes`: rows put in the place of
    those of the table (by position, header = 0) or between them. `avis`: (level, column or code, line) of each finding, any
    code. `dit`: text of one of them. `csv`: how the CSV text becomes bytes. `rejets`: rows rejected.
    """

    genre: str
    table: str
    cellules: Mapping[str, Any] = field(default_factory=dict)
    entetes: Mapping[str, str] = field(default_factory=dict)
    lignes: Mapping[int, Sequence[Any]] = field(default_factory=dict)
    formes: tuple[str, ...] = ("csv", "xlsx")
    encodage: str = "utf-8"
    separateur: str = ";"
    statut: str = "accepte"
    rejets: int = 0
    chiffres: Mapping[str, str] = field(default_factory=dict)
    avis: tuple[tuple[str, str | None, int | None], ...] = ()
    dit: str = ""


def un(rang: int, valeur: Any, nombre: int = 4) -> list[Any]:
    """A value in one row only (0 is the first)."""
    return [valeur if n == rang else None for n in range(nombre)]


def averti(colonne: str) -> tuple[tuple[str, str | None, int | None], ...]:
    """One warning on a column, wherever it says it stands."""
    return (("avertissement", colonne, None),)


def rejete(colonne: str, *lignes: int) -> tuple[tuple[str, str | None, int | None], ...]:
    return tuple(("ligne", colonne, n) for n in lignes)


REJET = "accepte_avec_rejets"
TROIS = {"actifs": "2/3"}
SANS_MAJ = {"actifs": "–/4"}
SANS_SEJOURS = {"actifs": "–/–"}
REFUS = {"statut": "refuse"}

CAS = [
    # a word for nothing: null, one warning per column
    *(Cas("rien", "mss", {"id_message": mot}, avis=averti("id_message")) for mot in ("(null)", "NaN", "<NA>", "n/a")),
    *(Cas("rien", "sejours", {"date_sortie": mot}, avis=averti("date_sortie")) for mot in (r"\N", "None", "undefined")),
    Cas("rien", "agenda", {"statut": "nil"}, avis=averti("statut")),
    Cas("rien", "dossiers", {"eligible_projet": "Null"}, avis=averti("eligible_projet")),
    # an error of a spreadsheet: null, but nobody knows what stood in a column with a default nor in date_sortie
    Cas("erreur", "mss", {"id_message": "#N/A"}, avis=averti("id_message")),
    Cas("erreur", "mss", {"id_message": Erreur("#REF!")}, formes=("xlsx",), avis=averti("id_message")),
    *(
        Cas(
            "erreur",
            "sejours",
            {"date_sortie": un(0, mot)},
            formes=formes,
            statut=REJET,
            rejets=1,
            chiffres=TROIS,
            avis=rejete("date_sortie", 2),
        )
        for mot, formes in (("#VALEUR!", ("csv", "xlsx")), (Erreur("#VALUE!"), ("xlsx",)))
    ),
    *(
        Cas(
            "erreur",
            "agenda",
            {"statut": un(1, mot)},
            formes=formes,
            statut=REJET,
            rejets=1,
            chiffres={"agenda": "1/3"},
            avis=rejete("statut", 3),
        )
        for mot, formes in (("#DIV/0!", ("csv", "xlsx")), (Erreur("#NAME?"), ("xlsx",)))
    ),
    Cas(
        "erreur",
        "mss",
        {"nb_messages": un(2, "#NOM?")},
        statut=REJET,
        rejets=1,
        chiffres={"mss": "2/4"},
        avis=rejete("nb_messages", 4),
    ),
    # an identifier in scientific notation
    Cas(
        "scientifique",
        "mss",
        {"id_message": un(0, "1,58E+18")},
        statut=REJET,
        rejets=1,
        chiffres={"mss": "2/4"},
        avis=rejete("id_message", 2),
        dit="Texte",
    ),
    Cas(
        "scientifique",
        "dmp",
        {"id_document": un(1, "2.1e+15")},
        statut=REJET,
        rejets=1,
        chiffres={"dmp": "1/4"},
        avis=rejete("id_document", 3),
        dit="Texte",
    ),
    Cas(
        "scientifique",
        "sejours",
        {"id_dossier": ["1,2E+11", "1,2E+11", "1,2E+11", None]},
        **REFUS,
        rejets=4,
        chiffres=SANS_SEJOURS,
        avis=(("fichier", None, None), *rejete("id_dossier", 2, 3, 4)),
        dit="Texte",
    ),
    Cas("scientifique", "mss", {"id_message": un(0, "12E34")}),
    # ="…" and the leading apostrophe
    Cas("enveloppe", "dossiers", {"finess_et": f'="{F}"', "id_personne": ['="P1"', "'P2", None, None]}),
    Cas(
        "enveloppe", "mises_a_jour", {"horodatage": '="2026-02-10 10:25"', "id_dossier": ["'D1", "'D2", '="D3"', None]}
    ),
    Cas("enveloppe", "mss", {"id_message": ['="M1"', "'M2", "M3", None]}),
    # an offset
    Cas("decalage", "mises_a_jour", {"horodatage": "2026-02-10T10:25:00+01"}),
    Cas(
        "decalage",
        "mises_a_jour",
        {"horodatage": ["2026-02-10 10:25+0400", "2026-02-10 10:25:00.5-05:00", "2026-02-10T10:25Z"]},
    ),
    Cas(
        "decalage",
        "mises_a_jour",
        {"horodatage": ["2026-01-01T00:30:00+02", "2025-12-31T23:30:00Z", None]},
        chiffres={"actifs": "2/4"},
    ),
    # hours
    Cas("heure", "agenda", {"debut": ["2026-03-11 9:05", "12/03/2026 8:00:01"]}),
    Cas("heure", "mises_a_jour", {"horodatage": ["2025-12-31 24:00", "2026-02-11T7:30", "2026-02-12 07:30:00.123"]}),
    Cas("heure", "agenda", {"debut": un(0, "2026-03-31 24:00")}, chiffres={"agenda": "1/3"}),
    # what Excel and MySQL write for no date
    *(
        Cas("zero", "sejours", {"date_sortie": jour}, avis=averti("date_sortie"))
        for jour in ("00/01/1900", "0000-00-00", "1899-12-30", "01/01/1900")
    ),
    Cas("zero", "projets", {"date_fin": "1899-12-31"}, avis=averti("date_fin")),
    Cas("zero", "sejours", {"date_sortie": Format(0, "dd/mm/yyyy")}, formes=("xlsx",), avis=averti("date_sortie")),
    # lengths of identifiers
    Cas("longueur", "mss", {"id_message": [f"<{n}{'a' * 300}@mail.example>" for n in range(3)]}),
    Cas(
        "longueur",
        "mss",
        {"id_message": ["a" * 998, "a" * 999, None]},
        statut=REJET,
        rejets=1,
        chiffres={"mss": "2/4"},
        avis=rejete("id_message", 3),
    ),
    Cas(
        "longueur",
        "dmp",
        {"id_document": ["a" * 256, "a" * 257]},
        statut=REJET,
        rejets=1,
        chiffres={"dmp": "1/4"},
        avis=rejete("id_document", 3),
    ),
    Cas(
        "longueur",
        "dossiers",
        {"id_personne": ["a" * 64, "a" * 65, None, None]},
        statut=REJET,
        rejets=1,
        chiffres=TROIS,
        avis=rejete("id_personne", 3),
    ),
    # Unicode and characters without width
    Cas("unicode", "sejours", encodage="utf-16", separateur="\t"),
    Cas("unicode", "agenda", {"statut": ["re\u0301alise\u0301", "réa\u00adlisé"]}),
    Cas("largeur", "dossiers", {"id_dossier": ["\u200bD1", "D\u20602", "D3\ufeff", "\u00a0D4\u202f"]}),
    Cas("largeur", "sejours", entetes={"finess_et": "\ufefffiness\u00a0et", "date_entree": "date\u200c_entrée\u00ad"}),
    Cas("largeur", "mss", {"finess_et": f"{F}\u200d", "horodatage": "\u20602026-02-10\u00a011:00"}),
    # quotes
    Cas(
        "guillemet",
        "mises_a_jour",
        lignes={2: [F, "D2", "2026-02-12 10:25", '"suite']},
        formes=("csv",),
        **REFUS,
        chiffres=SANS_MAJ,
        avis=(("fichier", "GUILLEMET_OUVERT", 3),),
    ),
    Cas(
        "guillemet",
        "sejours",
        lignes={
            1: [F, "D1", "2025-06-25", "", '"une'],
            2: [F, "D2", "2025-06-25", "", "rien"],
            3: [F, "D3", "2025-06-25", "", 'fin"'],
        },
        entetes={"date_sortie": "date_sortie;note"},
        formes=("csv",),
        **REFUS,
        chiffres=SANS_SEJOURS,
        avis=(("avertissement", "COLONNE_IGNOREE", None), ("fichier", "GUILLEMET_OUVERT", 2)),
    ),
    Cas(
        "guillemet",
        "agenda",
        lignes={1: [F, "D1", "E1", "2026-03-11 09:00", "realise", '"deux\nlignes ; et ""plus"""']},
        entetes={"statut": "statut;note"},
        formes=("csv",),
        avis=(("avertissement", "COLONNE_IGNOREE", None),),
    ),
    Cas("guillemet", "mss", {"id_message": ['"M1', 'M2"', 'M"3', None]}, formes=("xlsx",)),
    # rows that are no data
    *(
        Cas(
            "hors_tableau",
            "sejours",
            lignes=lignes,
            avis=tuple(("avertissement", "LIGNE_HORS_TABLEAU", n) for n in rangs),
        )
        for lignes, rangs in (
            ({0.5: ["-----", "----", "---------", "---"], 9: ["(4 lignes affectées)"]}, (2, 7)),
            ({2.5: ["finess_et", "id_dossier", "date_entree", "date_sortie"], 9: ["Total : 4"]}, (4, 7)),
            ({9: ["Fin"]}, (6,)),
            ({9: ["", "", "Nombre 4"]}, (6,)),
        )
    ),
    # localised number formats
    *(
        Cas("format", "mss", {"nb_messages": Format(1, nom)}, formes=("xlsx",))
        for nom in ("Standard", "General", "GENERAL")
    ),
    *(Cas("format", "mss", {"nb_messages": mot}) for mot in ("1,0", "1.0", "1")),
    # an identifier that became a date
    *(
        Cas(
            "date_detruite",
            table,
            {colonne: un(0, datetime(2026, 3, 1))},
            formes=("xlsx",),
            statut=REJET,
            rejets=1,
            chiffres=chiffres,
            avis=rejete(colonne, 2),
            dit="date",
        )
        for table, colonne, chiffres in (
            ("sejours", "id_dossier", TROIS),
            ("dossiers", "id_personne", TROIS),
            ("mss", "id_message", {"mss": "2/4"}),
        )
    ),
    # midnight in UTC
    Cas("minuit", "sejours", {"date_sortie": un(0, "2025-12-31T23:00:00Z")}),
    Cas("minuit", "sejours", {"date_sortie": un(0, "2025-12-30T23:00:00.000Z")}, chiffres=TROIS),
    Cas("minuit", "sejours", {"date_sortie": un(0, "2025-12-31T00:00:00Z")}, chiffres=TROIS),
    Cas("minuit", "sejours", {"date_sortie": un(0, "2026-01-01T00:00:00+00:00")}),
    # encodings
    *(
        Cas("encodage", "agenda", {"statut": ["Réalisé", "Planifié"]}, formes=("csv",), encodage=e)
        for e in ("cp850", "mac_roman", "cp1252", "iso8859-15", "utf-16-le", "utf-8-sig")
    ),
    *(
        Cas(
            "encodage",
            "agenda",
            {"statut": ["Annulé", "Réalisé"]},
            formes=("csv",),
            encodage=e,
            chiffres={"agenda": "1/3"},
        )
        for e in ("cp850", "mac_roman")
    ),
    # an INS written otherwise
    Cas("ins", "dmp", {"ins": [" ".join(INS[0]), f"{INS[1][:1]} {INS[1][1:13]} {INS[1][13:]}"]}),
    Cas("ins", "dmp", {"ins": [f"{INS[0]}.0", f"{INS[3]}^^^&1.2.250.1.213.1.4.8&ISO^NH"]}),
    Cas("ins", "dossiers", {"ins": [INS[0][:13], *INS[1:]]}, avis=averti("ins")),
    Cas(
        "ins",
        "dmp",
        {"ins": [INS[0], "1,84040E+14"]},
        statut=REJET,
        rejets=1,
        chiffres={"dmp": "1/4"},
        avis=(("avertissement", "ins", None), ("avertissement", "ins", 3), ("ligne", "SANS_IDENTIFIANT", 3)),
    ),
    # American dates
    Cas(
        "americain",
        "mises_a_jour",
        {"horodatage": "02/13/2026 10:25"},
        **REFUS,
        rejets=3,
        chiffres=SANS_MAJ,
        dit="MM/JJ/AAAA",
    ),
    Cas(
        "americain",
        "sejours",
        {"date_entree": "06/25/2025"},
        **REFUS,
        rejets=4,
        chiffres=SANS_SEJOURS,
        dit="MM/JJ/AAAA",
    ),
    Cas(
        "americain",
        "mss",
        {"horodatage": ["02/13/2026", "02/14/2026", "02/15/2026"]},
        **REFUS,
        rejets=3,
        chiffres={"mss": "–/4"},
        dit="MM/JJ/AAAA",
    ),
]
ESSAIS = [(numero, forme, cas) for numero, (cas, forme) in enumerate((c, f) for c in CAS for f in c.formes)]


def porteur_de(numero: int) -> tuple[str, str]:
    return f"p{numero}", finess(f"01{numero:06}")


def lignes_de(cas: Cas) -> list[list[Any]]:
    """The rows of the changed table, header first."""
    entete, *lignes = TABLES[cas.table]
    rangees: dict[float, list[Any]] = {0: [cas.entetes.get(nom, nom) for nom in entete]}
    for rang, ligne in enumerate(lignes):
        changee: list[Any] = list(ligne)
        for nom, valeurs in cas.cellules.items():
            voulue = valeurs[rang] if isinstance(valeurs, list) else valeurs
            if voulue is not None:
                changee[entete.index(nom)] = voulue
        rangees[rang + 1] = changee
    rangees |= {rang: list(ligne) for rang, ligne in cas.lignes.items()}
    return [rangees[rang] for rang in sorted(rangees)]


def numerote(cellule: Any, numero: str) -> Any:
    return cellule.replace(F, numero) if isinstance(cellule, str) else cellule


def en_csv(lignes: list[list[Any]], cas: Cas, numero: str) -> bytes:
    """A text cell that a quote begins stands as it is; an apostrophe or ="…" is what other programs wrote, quoted as they do."""

    def cellule(valeur: str) -> str:
        return '"' + valeur.replace('"', '""') + '"' if valeur.startswith('="') else valeur

    texte = "\n".join(cas.separateur.join(cellule(numerote(v, numero)) for v in ligne) for ligne in lignes) + "\n"
    return ("\ufeff" if cas.encodage == "utf-16-le" else "").encode(cas.encodage) + texte.encode(cas.encodage)


def en_classeur(tables: Mapping[str, list[list[Any]]], numero: str) -> bytes:
    tampon = io.BytesIO()
    classeur = xlsxwriter.Workbook(tampon, {"in_memory": True, "default_date_format": "dd/mm/yyyy"})
    for nom, lignes in tables.items():
        feuille = classeur.add_worksheet(nom)
        for rang, ligne in enumerate(lignes):
            for colonne, valeur in enumerate(ligne):
                if isinstance(valeur, Erreur):
                    feuille.write_formula(rang, colonne, "=NA()", None, valeur.texte)
                elif isinstance(valeur, Format):
                    feuille.write_number(
                        rang, colonne, valeur.valeur, classeur.add_format({"num_format": valeur.format})
                    )
                elif isinstance(valeur, datetime):
                    feuille.write_datetime(rang, colonne, valeur)
                elif valeur:
                    feuille.write_string(rang, colonne, numerote(valeur, numero))
    classeur.close()
    return tampon.getvalue()


def registre(racine: Path, essms: Sequence[tuple[str, str]]) -> None:
    lignes = ["porteur;nom;finess_et", *(f"{porteur};Association {porteur};{numero}" for porteur, numero in essms)]
    ecrire(racine / "raw" / "referentiels" / "projets.csv", "\n".join(lignes) + "\n")


@pytest.fixture(scope="module")
def nuit(tmp_path_factory: pytest.TempPathFactory) -> Nuit:
    racine = tmp_path_factory.mktemp("genres")
    registre(racine, [porteur_de(numero) for numero, _, _ in ESSAIS])
    for numero, forme, cas in ESSAIS:
        porteur, du_porteur = porteur_de(numero)
        autres = {nom: TABLES[nom] for nom in SOCLE if nom != cas.table}
        deposer(racine, "duimetre_2026-04-01.xlsx", en_classeur(autres, du_porteur), porteur)
        lignes = lignes_de(cas)
        octets = en_csv(lignes, cas, du_porteur) if forme == "csv" else en_classeur({"Export": lignes}, du_porteur)
        deposer(racine, f"{cas.table}_2026-04-01.{forme}", octets, porteur)
    return jouer(racine, [JOUR])


def chiffres(nuit: Nuit, numero: str) -> dict[str, str]:
    lus = {court: nuit.mesures[JOUR].indicateurs[numero, nom] for nom, court in INDICATEURS.items()}
    return {
        nom: "/".join("–" if x[terme] is None else str(x[terme]) for terme in ("numerateur", "denominateur"))
        for nom, x in lus.items()
    }


@pytest.mark.parametrize(
    ("numero", "forme", "cas"), ESSAIS, ids=[f"{c.genre}-{c.table}-{forme}-{n}" for n, forme, c in ESSAIS]
)
def test_un_desordre(numero: int, forme: str, cas: Cas, nuit: Nuit) -> None:
    porteur, du_porteur = porteur_de(numero)
    (depot,) = nuit.depots.filter(porteur=porteur, nom=f"{cas.table}_2026-04-01.{forme}").iter_rows(named=True)
    constats = [
        x | dire_constat(x["code"], x["colonne"], cas.table, x["ligne"], x["detail"])._asdict()
        for x in nuit.constats.filter(depot=depot["depot"]).iter_rows(named=True)
    ]
    assert (depot["statut"], depot["lignes_rejetees"]) == (cas.statut, cas.rejets), constats
    attendus = PROPRE | dict(cas.chiffres)
    regardes = {"actifs", cas.table.removesuffix("s") if cas.table == "projets" else cas.table} & attendus.keys()
    lus = chiffres(nuit, du_porteur)
    assert {nom: lus[nom] for nom in regardes} == {nom: attendus[nom] for nom in regardes}
    if cas.genre != "americain":
        recus = [
            (x["niveau"], voulu[1], x["ligne"] if voulu[2] is not None else None)
            for x, voulu in zip(_ranges(constats), _voulus(cas), strict=False)
            if voulu[1] in (None, x["colonne"], x["code"])
        ]
        assert len(constats) == len(cas.avis) and recus == _voulus(cas), constats
    assert not cas.dit or any(cas.dit in f"{x['message']} {x['que_faire']}" for x in constats), constats


def _voulus(cas: Cas) -> list[tuple[str, str | None, int | None]]:
    return sorted(cas.avis, key=lambda x: (x[2] or 0, x[0]))


def _ranges(constats: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """In the order of `_voulus`: the whole file first, then line by line."""
    return sorted(constats, key=lambda x: (x["ligne"] or 0, x["niveau"]))


def test_chaque_genre_a_trois_entrees_ou_plus() -> None:
    for genre in {c.genre for c in CAS} - {"unicode", "largeur"}:
        assert sum(c.genre == genre for c in CAS) >= 3, genre
    assert sum(c.genre in ("unicode", "largeur") for c in CAS) >= 3


# --- a file put in the place of another ------------------------------------------------------------------------------

# What the second night finds under the name of the first file of séjours: rows, and the figures that follow.
CORRECTIONS: dict[str, tuple[list[list[str]], str]] = {
    "une personne sortie": ([*TABLES["sejours"][:4], [F, "D4", "2025-06-25", "2025-12-31"]], "3/3"),
    "une ligne de moins": (TABLES["sejours"][:4], "3/3"),
    "une correction refusée": ([[F, "D4"]], "3/4"),
}


@pytest.mark.parametrize("forme", ["csv", "xlsx"])
def test_un_fichier_mis_a_la_place_d_un_autre(forme: str, tmp_path: Path) -> None:
    essms = {nom: porteur_de(numero) for numero, nom in enumerate(CORRECTIONS)}
    registre(tmp_path, list(essms.values()))
    sejours = Cas("remplace", "sejours")
    for nuit_numero in (1, 2):
        for nom, (porteur, numero) in essms.items():
            lignes = TABLES["sejours"] if nuit_numero == 1 else CORRECTIONS[nom][0]
            octets = en_csv(lignes, sejours, numero) if forme == "csv" else en_classeur({"sejours": lignes}, numero)
            deposer(tmp_path, f"sejours_2026-04-01.{forme}", octets, porteur)
            autres = {table: TABLES[table] for table in SOCLE if table != "sejours"}
            deposer(tmp_path, "duimetre_2026-04-01.xlsx", en_classeur(autres, numero), porteur)
        nuit_directe(tmp_path, [JOUR], datetime(2026, 4, 1 + nuit_numero, 4, tzinfo=UTC))
        publies = pl.read_parquet(tmp_path / "curated/actuel/indicateurs/**/*.parquet")
        actifs = {
            x["finess_et"]: f"{x['numerateur']}/{x['denominateur']}"
            for x in publies.filter(indicateur="dossiers_actifs").iter_rows(named=True)
        }
        attendus = {numero: "3/4" if nuit_numero == 1 else CORRECTIONS[nom][1] for nom, (_, numero) in essms.items()}
        assert actifs == attendus


# --- TDDUI -----------------------------------------------------------------------------------------------------------

IG = "https://interop.esante.gouv.fr/ig/fhir/tddui/StructureDefinition/tddui-"
SYSTEME = "https://identifiant-medicosocial-localusager.esante.gouv.fr"


def lot(*ressources: Mapping[str, Any]) -> str:
    return json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": [{"resource": r} for r in ressources]})


def ressource(genre: str, identifiant: str, profil: str, **champs: Any) -> dict[str, Any]:
    return {"resourceType": genre, "id": identifiant, "meta": {"profile": [IG + profil]}, **champs}


def organisation(numero: str) -> dict[str, Any]:
    return ressource(
        "Organization",
        "o",
        "organization",
        identifier=[{"type": {"coding": [{"code": "IDNST"}]}, "value": f"1{numero}"}],
    )


def suivi(personne: str, profil_du_projet: str = "careplan-projet-personnalise") -> list[dict[str, Any]]:
    """A séjour and a projet of a person."""
    lien = {"reference": f"Patient/{personne}"}
    return [
        ressource(
            "Encounter",
            f"s{personne}",
            "encounter-sejour",
            status="finished",
            subject=lien,
            period={"start": "2025-06-25"},
        ),
        ressource(
            "CarePlan", f"c{personne}", profil_du_projet, status="active", subject=lien, period={"start": "2025-09-01"}
        ),
    ]


@pytest.mark.parametrize(
    ("genre", "nom", "partiel"),
    [
        ("sans numéro local, par son INS", "tddui_2026-04-01.json", True),
        ("sans numéro local ni INS", "tddui_2026-04-01_partiel.json", True),
        ("numéro local, ancien profil de projet", "TDDUI 01.04.2026 Complet.json", False),
    ],
)
def test_tddui(genre: str, nom: str, partiel: bool, tmp_path: Path) -> None:
    porteur, numero = porteur_de(0)
    registre(tmp_path, [(porteur, numero)])
    identifiants = {
        "sans numéro local, par son INS": [{"system": "urn:oid:1.2.250.1.213.1.4.8", "value": INS[0]}],
        "sans numéro local ni INS": [],
        "numéro local, ancien profil de projet": [{"system": SYSTEME, "value": f"3{numero}/1"}],
    }[genre]
    ancien = "careplan-projet-perso" if "ancien" in genre else "careplan-projet-personnalise"
    patients = [
        ressource("Patient", "a", "patient", identifier=identifiants),
        ressource("Patient", "b", "patient", identifier=[{"system": SYSTEME, "value": f"3{numero}/2"}]),
    ]
    deposer(tmp_path, nom, lot(organisation(numero), *patients, *suivi("a", ancien), *suivi("b")), porteur)
    depots = jouer(tmp_path, [JOUR]).depots
    lus = {(x["nom_table"], x["statut"], x["lignes_utilisees"], x["partiel"]) for x in depots.iter_rows(named=True)}
    assert lus == {(table, "accepte", 2, partiel) for table in ("dossiers", "sejours", "projets")}
