"""Editors' profiles (specification §4.5): all of the folder load, and their files give the rows of the plain format."""

import gzip
import io
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter
from typographie import espaces

from flows.reception import inventaire, reception, registres_ars, verification
from flows.reception.reception import Dossier
from flows.reception.verification import verifier
from flows.reglages import Reglages
from flows.staging.registre import RegistreDepots
from schemas.depots import TABLES, champs_de
from transforms import profils
from transforms.lecture.archive import Limites
from transforms.lecture.ouverture import Fichier, Lecture, pieces
from transforms.nommage import format_de
from transforms.pages.porteur.accuse import Accuse
from transforms.profils import FormatDate, Profil, ProfilInvalide, charger, disponibles, lire_profil
from transforms.validation.examen import examiner
from transforms.validation.situation import Contexte

A, B = "970400123", "970400024"
MAINTENANT = datetime(2026, 4, 2, 6, tzinfo=UTC)


def lire(tmp_path: Path, nom: str, contenu: bytes | str, profil: str | None) -> dict[str, list[tuple[object, ...]]]:
    """Accepted rows by table, as (line, columns of the model), without pseudonyms of a fixed key: compared between two files."""
    copie = tmp_path / "copie"
    copie.write_bytes(contenu if isinstance(contenu, bytes) else contenu.encode())
    lecture = Lecture(Limites(), tmp_path, {}, charger(profil) if profil else None)
    rows: dict[str, list[tuple[object, ...]]] = {}
    for rang, piece in enumerate(pieces(Fichier(nom, "", copie, "0" * 64), lecture)):
        assert piece.erreur is None and piece.lire is not None and piece.date_extraction is not None, piece.erreur
        sortie = tmp_path / f"{rang}.parquet"
        contexte = Contexte("d", piece.table, piece.date_extraction, frozenset({A, B}), b"cle")
        examen = examiner(piece.lire(), contexte, sortie)
        assert examen.sort.motif is None, examen.constats
        rows[piece.table] = (
            pl.read_parquet(sortie).sort("ligne").select("ligne", *champs_de(piece.table)).rows()
            if sortie.exists()
            else []
        )
    return rows


def juger(tmp_path: Path, nom: str, contenu: str, profil: Profil | None) -> Accuse:
    chemin = tmp_path / nom
    chemin.write_text(contenu, encoding="utf-8")
    dossier = Dossier("p1", "ouvert", projet=frozenset({A, B}), profil=profil).avec_contexte()
    return verifier(chemin, dossier, Reglages(tmp_path / "data"), MAINTENANT)


def sans_lignes(tables: dict[str, list[tuple[object, ...]]]) -> dict[str, list[tuple[object, ...]]]:
    return {t: [ligne[1:] for ligne in lignes] for t, lignes in tables.items()}


# --- profiles ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("nom", disponibles())
def test_chaque_profil_du_dossier_se_charge(nom: str) -> None:
    profil = charger(nom)
    assert profil.nom == nom and profil.editeur and profil.fichiers
    for fichier in profil.fichiers:
        for table in fichier.tables:
            requises = {c.nom for c in champs_de(table.table).values() if c.colonne_requise}
            assert table.table in TABLES and requises <= table.colonnes.keys() <= champs_de(table.table).keys()


def test_il_y_en_a_deux_dont_un_journal_de_deux_tables() -> None:
    assert {"heliade", "atrium"} <= set(disponibles())
    assert ["mises_a_jour", "agenda"] in [[t.table for t in f.tables] for f in charger("heliade").fichiers]


def test_un_profil_inconnu_nomme_ceux_qui_existent() -> None:
    with pytest.raises(ProfilInvalide, match=r"« helyade » n'existe pas .*atrium, heliade"):
        charger("helyade")


BON = """
editeur = "Essai"
formats_de_date = ["JJ-MM-AA"]
[[fichiers]]
motif = "sej_{AAAAMMJJ}*"
[[fichiers.tables]]
table = "sejours"
[fichiers.tables.colonnes]
finess_et = "ET"
id_dossier = "Num"
date_entree = "Du"
"""


@pytest.mark.parametrize(
    ("ecrit", "a_la_place", "dit"),
    [
        ('table = "sejours"', 'table = "sejour"', "« sejour » n'est pas une table"),
        ('date_entree = "Du"', "", "« date_entree » de « sejours » est obligatoire"),
        ('date_entree = "Du"', 'date_entree = "Du"\ndate_venue = "x"', "« date_venue » n'est pas une colonne"),
        ('date_entree = "Du"', "date_entree = 3", "« date_entree » : un texte est attendu"),
        ("{AAAAMMJJ}", "", "« fichiers n° 1 » : motif « sej_* » : la date d'extraction y figure une fois"),
        ("{AAAAMMJJ}", "{AAAAMM}", "n'est pas un format de date"),
        ('"JJ-MM-AA"', '"MM/JJ/AAAA"', "ressemble trop à JJ/MM/AAAA"),
        ('"JJ-MM-AA"', '"JJ-MM-AA", "AA-MM-JJ"', "ne se distingue pas"),
        ('"JJ-MM-AA"', '"JJ-MM"', "n'est pas un format de date"),
        ('editeur = "Essai"', "", "« editeur » manque"),
        (
            'editeur = "Essai"',
            'editeur = "Essai"\nmotifs = []',
            "« motifs » n'a pas de sens (attendu : editeur, formats_de_date, ",
        ),
        (
            'table = "sejours"',
            'table = "sejours"\nvaleurs = {id_dossier = {"1" = "2"}}',
            "n'est pas une colonne à liste",
        ),
        (
            'table = "sejours"',
            'table = "sejours"\nfiltre = {colonne = "Type", valeurs = []}',
            "filtre : « valeurs » : il en faut au moins 1",
        ),
        ("editeur", "editeur = ", "ne peut pas être lu"),
        (BON, "", "« fichiers » manque"),
        (
            "[fichiers.tables.colonnes]",
            "[fichiers.tables.colonne]",
            "vouliez-vous dire « colonnes » ?",
        ),
        (
            "[[fichiers.tables]]",
            "partiel = 1\n[[fichiers.tables]]",
            "fichiers n° 1 : « partiel » : true ou false est attendu",
        ),
    ],
)
def test_un_profil_faux_dit_ou_et_pourquoi(ecrit: str, a_la_place: str, dit: str) -> None:
    lire_profil("essai", BON.encode())
    assert ecrit in BON
    texte = BON.replace(ecrit, a_la_place).encode()
    with pytest.raises(ProfilInvalide) as erreur:
        lire_profil("essai", texte)
    assert "« essai »" in str(erreur.value) and dit in str(erreur.value)


def test_des_valeurs_hors_liste_sont_refusees() -> None:
    texte = BON.replace('"sejours"', '"projets"').replace('date_entree = "Du"', 'id_projet = "P"\nstatut = "S"')
    lire_profil("essai", (texte + '[fichiers.tables.valeurs.statut]\n"x" = "actif"\n').encode())
    with pytest.raises(ProfilInvalide, match=r"valeurs de statut : « x » doit donner en_preparation"):
        lire_profil("essai", (texte + '[fichiers.tables.valeurs.statut]\n"x" = "en cours"\n').encode())


@pytest.mark.parametrize(
    ("format_", "recu", "lu"),
    [
        ("JJ-MM-AA", "14-03-26", "2026-03-14"),
        ("JJ-MM-AA", "14-03-68", "2068-03-14"),
        ("JJ-MM-AA", "14-03-69", "1969-03-14"),
        ("JJ-MM-AA", "14-03-99", "1999-03-14"),
        ("JJ-MM-AA", "31-02-26", "31-02-26"),
        ("JJ-MM-AA", "14-03-2026", "14-03-2026"),
        ("JJ-MM-AA", "2026-03-14", "2026-03-14"),
        ("AAAAMMJJHHMM", "202603141025", "2026-03-14 10:25"),
        ("AAAAMMJJHHMM", "202603142460", "202603142460"),
        ("AAAAMMJJHHMMSS", "20260314102559", "2026-03-14 10:25:59"),
        ("JJ.MM.AAAA HHhMM", "14.03.2026 10h25", "2026-03-14 10:25"),
        ("JJ.MM.AAAA", "14x03x2026", "14x03x2026"),
    ],
)
def test_dates_reecrites(format_: str, recu: str, lu: str) -> None:
    cadre = pl.DataFrame({"d": [recu, None]})
    assert cadre.select(profils._dates_reecrites(pl.col("d"), [FormatDate.lire(format_)]))["d"].to_list() == [lu, None]


# --- files ------------------------------------------------------------------------------------------------------------

JOURNAL = (
    "N° FINESS;N° usager;Réf. fait;Type;Date et heure;État du rendez-vous;Auteur\r\n"
    f"{A};U1;F1;Transmission;14/03/2026 10:25;;Mme Durand\r\n"
    f"{A};U1;F2;RENDEZ VOUS;15/03/2026 09:00;Honoré;M. Petit\r\n"
    "\r\n"
    f"{B};U2;F3;Évaluation;16-03-26 08:30;;\r\n"
    f"{A};U3;F4;Connexion;16/03/2026 08:31;;\r\n"
    f"{B};U2;F5;Rendez-vous;17-03-26 14:00;Non honoré;\r\n"
)


def test_un_journal_donne_deux_tables_avec_ses_numeros_de_ligne(tmp_path: Path) -> None:
    lu = lire(tmp_path, "EXPORT_JOURNAL_01042026_v2.csv", JOURNAL, "heliade")
    assert list(lu) == ["mises_a_jour", "agenda"]
    assert [ligne[0] for ligne in lu["mises_a_jour"]] == [2, 5]
    assert [ligne[0] for ligne in lu["agenda"]] == [3, 7]
    simple = f"finess_et;id_dossier;horodatage\n{A};U1;2026-03-14 10:25\n{B};U2;2026-03-16 08:30\n"
    attendu = lire(tmp_path, "mises_a_jour_2026-04-01.csv", simple, None)
    simple = (
        "finess_et;id_dossier;id_evenement;debut;statut\n"
        f"{A};U1;F2;2026-03-15 09:00;realise\n{B};U2;F5;2026-03-17 14:00;annule\n"
    )
    attendu |= lire(tmp_path, "agenda_2026-04-01.csv", simple, None)
    assert sans_lignes(lu) == sans_lignes(attendu)


def test_un_journal_sale_donne_les_memes_tables(tmp_path: Path) -> None:
    """§4: « the same rules for profiles »: values, dates and the column that sorts the rows are compared as clean text."""
    sale = JOURNAL.replace("Transmission", "\u200bTransmission").replace("Honoré;M", "Honore\u0301\u00a0;M")
    sale = sale.replace("16-03-26 08:30", "\ufeff16-03-26 08:30").replace(";U1;F2", ";'U1;\u202fF2")
    assert lire(tmp_path, "EXPORT_JOURNAL_01042026_v2.csv", sale, "heliade") == lire(
        tmp_path, "EXPORT_JOURNAL_01042026_v2.csv", JOURNAL, "heliade"
    )


def test_un_journal_sans_rendez_vous_n_est_pas_un_depot_d_agenda(tmp_path: Path) -> None:
    sans = "\r\n".join(ligne for ligne in JOURNAL.split("\r\n") if "endez" not in ligne.lower() or "FINESS" in ligne)
    assert list(lire(tmp_path, "export_journal_01042026.csv", sans, "heliade")) == ["mises_a_jour"]
    vide = JOURNAL.split("\r\n", maxsplit=1)[0] + "\r\n"
    accuse = juger(tmp_path, "export_journal_01042026.csv", vide, charger("heliade"))
    assert [(p.table, p.sort.motif) for p in accuse.parties] == [("mises_a_jour", "AUCUNE_LIGNE")]


def test_un_journal_sans_sa_colonne_de_type_dit_laquelle(tmp_path: Path) -> None:
    accuse = juger(tmp_path, "export_journal_01042026.csv", JOURNAL.replace(";Type;", ";Genre;"), charger("heliade"))
    assert accuse.statut == "refuse" and accuse.parties[0].sort.motif == "CONTENU_INATTENDU"
    assert "« Type »" in accuse.parties[0].constats["detail"][0]


def test_codes_et_dates_collees(tmp_path: Path) -> None:
    recu = (
        "ET_FINESS,DOS_NUM,BEN_NUM,BEN_ELIG,DOS_CREA,DOS_MAJ,BEN_NOM\n"
        f"{A},D1,P1,1 - Oui,20240902,202603141025,X\n{A},D2,P2,2 - NON,02/09/2024,20260314,Y\n{B},D3,P3,,,,\n"
    )
    lu = lire(tmp_path, "ATR_DOSSIER_20260401_COMPLET.csv", recu, "atrium")
    simple = (
        "finess_et;id_dossier;id_personne;eligible_projet;date_creation;date_derniere_maj\n"
        f"{A};D1;P1;oui;2024-09-02;2026-03-14 10:25\n{A};D2;P2;non;2024-09-02;2026-03-14\n{B};D3;P3;;;\n"
    )
    assert lu == lire(tmp_path, "dossiers_2026-04-01.csv", simple, None)


def test_une_colonne_de_l_editeur_peut_donner_deux_des_notres(tmp_path: Path) -> None:
    lu = lire(tmp_path, "export_usagers_01042026.csv", f"N° FINESS;N° usager\n{A};U1\n", "heliade")
    simple = f"finess_et;id_dossier;id_personne\n{A};U1;U1\n"
    assert lu == lire(tmp_path, "dossiers_2026-04-01.csv", simple, None)


@pytest.mark.parametrize("extension", ["csv.gz", "xlsx", "parquet"])
def test_tous_les_contenants(extension: str, tmp_path: Path) -> None:
    lignes = [["N° FINESS", "N° usager", "Date d'admission"], [A, "U1", "01-02-26"]]
    lu = lire(tmp_path, f"export_sejours_01042026.{extension}", _contenant(extension, lignes), "heliade")
    simple = f"finess_et;id_dossier;date_entree\n{A};U1;2026-02-01\n"
    attendu = lire(tmp_path, "sejours_2026-04-01.csv", simple, None)
    assert sans_lignes(lu) == sans_lignes(attendu)


def _contenant(extension: str, lignes: list[list[str]]) -> bytes:
    if extension == "csv.gz":
        return gzip.compress("\n".join(";".join(ligne) for ligne in lignes).encode())
    tampon = io.BytesIO()
    if extension == "parquet":
        pl.DataFrame(dict(zip(lignes[0], zip(*lignes[1:], strict=True), strict=True))).write_parquet(tampon)
        return tampon.getvalue()
    with xlsxwriter.Workbook(tampon) as livre:
        feuille = livre.add_worksheet("Export")
        for i, ligne in enumerate(lignes):
            feuille.write_row(i, 0, ligne)
    return tampon.getvalue()


def partiels(profil: str, noms: Iterable[str]) -> list[bool]:
    trouves = [profils.candidat(charger(profil), nom) for nom in noms]
    return [t.nom.partiel for t in trouves if t is not None]


def test_un_delta_est_une_extraction_partielle() -> None:
    noms = ["ATR_DOSSIER_20260401_DELTA.csv", "ATR_DOSSIER_20260401_COMPLET.csv", "ATR_SEJOUR_20260401_partiel.csv"]
    assert partiels("atrium", noms) == [True, False, True]


@pytest.mark.parametrize(
    "nom",
    [
        "ATR_DOSSIER_20261301_COMPLET.csv",
        "ATR_SEJOUR_2026-04-01.csv",
        "X_ATR_SEJOUR_20260401.csv",
        "ATR_SEJOUR_20260401.json",
    ],
)
def test_noms_qu_un_profil_ne_reconnait_pas(nom: str) -> None:
    assert profils.candidat(charger("atrium"), nom) is None


def test_un_nom_etranger_rappelle_ceux_de_l_editeur(tmp_path: Path) -> None:
    accuse = juger(tmp_path, "truc.csv", "a;b\n1;2\n", charger("atrium"))
    assert accuse.parties[0].sort.motif == "NOM_INVALIDE"
    detail = accuse.parties[0].constats["detail"][0]
    assert "Atrium DUI" in detail and "ATR_SEJOUR_AAAAMMJJ…" in detail


# --- plain files of a porteur with a profile ---------------------------------------------------------------------------

SIMPLES = {
    "sejours": f"finess_et;id_dossier;date_entree;date_sortie\n{A};D1;2026-01-05;\n{B};D2;05/01/2026;2026-02-01\n",
    "agenda": f"FINESS ET;Id Dossier;Id événement;Début;Statut\n{A};D1;E1;14/03/2026 10:00;réalisé\n",
    "projets": f"finess_et;id_dossier;id_projet;statut\n{A};D1;P1;en cours\n",
    "mss": f"finess_et;horodatage;nb_messages\n{A};2026-03-14;3\n",
}


@pytest.mark.parametrize("table", SIMPLES)
@pytest.mark.parametrize("profil", ["heliade", "atrium"])
def test_le_format_simple_passe_avec_un_profil(table: str, profil: str, tmp_path: Path) -> None:
    nom = f"{table}_2026-04-01.csv"
    assert lire(tmp_path, nom, SIMPLES[table], profil) == lire(tmp_path, nom, SIMPLES[table], None)


def test_un_nom_simple_avec_les_colonnes_de_l_editeur_passe(tmp_path: Path) -> None:
    recu = f"N° FINESS;N° usager;Date d'admission\n{A};U1;01-02-26\n"
    simple = f"finess_et;id_dossier;date_entree\n{A};U1;2026-02-01\n"
    lu = lire(tmp_path, "sejours_2026-04-01.csv", recu, "heliade")
    assert lu == lire(tmp_path, "sejours_2026-04-01.csv", simple, None)


def test_une_colonne_a_notre_nom_complete_le_profil_sans_le_contredire(tmp_path: Path) -> None:
    recu = f"N° FINESS;N° usager;Date d'admission;date_sortie;Date Entrée\n{A};U1;01-02-26;15-02-26;2020-01-01\n"
    simple = f"finess_et;id_dossier;date_entree;date_sortie\n{A};U1;2026-02-01;2026-02-15\n"
    lu = lire(tmp_path, "export_sejours_01042026.csv", recu, "heliade")
    assert lu == lire(tmp_path, "sejours_2026-04-01.csv", simple, None)


# --- findings ---------------------------------------------------------------------------------------------------------


def test_les_constats_parlent_avec_les_mots_du_porteur(tmp_path: Path) -> None:
    bonnes = "".join(f"{A};U{n};01-02-26;;\n" for n in range(10, 40))
    recu = (
        "N° FINESS;N° usager;Date d'admission;Date de sortie définitive;Nom\n"
        f"{A};U1;01-02-26;31-01-26;\n{A};;01-02-26;;\n{A};U3;31-02-26;;\n{A};U4;14-06-28;;\n{bonnes}"
    )
    accuse = juger(tmp_path, "export_sejours_01042026.csv", recu, charger("heliade"))
    constats = accuse.parties[0].constats.sort("ligne", nulls_last=False)
    assert constats.select("code", "ligne", "colonne", "entete", "valeur").rows() == [
        ("COLONNE_IGNOREE", None, None, None, "Nom"),
        ("SORTIE_AVANT_ENTREE", 2, "date_sortie", "Date de sortie définitive", "31-01-26"),
        ("VALEUR_MANQUANTE", 3, "id_dossier", "N° usager", None),
        ("DATE_INVALIDE", 4, "date_entree", "Date d'admission", "31-02-26"),
        ("DATE_TROP_LOINTAINE", 5, "date_entree", "Date d'admission", "14-06-28"),
    ]
    texte = espaces(verification.dire(accuse))
    assert "« N° usager » est vide." in texte and "reçu « 14-06-28 »" in texte and "date_entree" not in texte


def test_une_colonne_manquante_est_nommee_comme_dans_le_logiciel(tmp_path: Path) -> None:
    accuse = juger(tmp_path, "export_sejours_01042026.csv", f"N° FINESS;N° usager\n{A};U1\n", charger("heliade"))
    assert "La colonne « Date d'admission » manque." in espaces(verification.dire(accuse))


def test_une_valeur_hors_liste_donne_celles_du_logiciel(tmp_path: Path) -> None:
    lignes = "".join(f"{A};U{n};P{n};Signé\n" for n in range(9))
    recu = f"N° FINESS;N° usager;Réf. projet;Avancement\n{lignes}{A};U9;P9;Rédigé\n"
    texte = espaces(verification.dire(juger(tmp_path, "export_projets_01042026.csv", recu, charger("heliade"))))
    assert "« Rédigé »" in texte and "Valeurs acceptées : À rédiger, Signé, En pause, Clos, Abandonné." in texte


# --- register ---------------------------------------------------------------------------------------------------------


def donnees(tmp_path: Path, *lignes: str) -> Reglages:
    reglages = Reglages(tmp_path / "data")
    reglages.referentiels.mkdir(parents=True)
    texte = "\n".join(["porteur;nom;finess_et;profil", *lignes]) + "\n"
    (reglages.referentiels / "projets.csv").write_text(texte, encoding="utf-8")
    return reglages


def test_le_profil_vient_de_projets_csv(tmp_path: Path) -> None:
    registres = registres_ars.lire_registres(
        donnees(tmp_path, f"p1;Un;{A};Heliade", f"p1;Un;{B};", "p2;Deux;970400032;")
    )
    assert registres.dossier("p1").profil == charger("heliade")
    assert registres.dossier("p2").profil is None


@pytest.mark.parametrize(
    ("lignes", "dit"),
    [
        ([f"p1;Un;{A};helyade"], "« helyade » n'existe pas"),
        ([f"p1;Un;{A};heliade", f"p1;Un;{B};atrium"], "Plusieurs profils pour un même porteur : atrium, heliade."),
    ],
)
def test_un_profil_inutilisable_fait_attendre_les_fichiers_et_alerte(
    lignes: list[str], dit: str, tmp_path: Path
) -> None:
    reglages = donnees(tmp_path, *lignes, "p2;Deux;970400032;")
    registres = registres_ars.lire_registres(reglages)
    dossier = registres.dossier("p1")
    assert dossier.etat == "profil" and dit in dossier.motif
    assert [(c, a.porteur) for c, a in registres.alertes if dit in a.message] == [("REFERENTIEL", "p1")]
    assert registres.dossier("p2").etat == "ouvert"
    chemin = tmp_path / "sejours_2026-04-01.csv"
    chemin.write_text(SIMPLES["sejours"], encoding="utf-8")
    accuse = verifier(chemin, dossier, reglages, MAINTENANT)
    assert accuse.statut == "en_attente" and accuse.parties[0].sort.motif == "PROFIL_INCONNU"


def test_le_contexte_change_avec_le_profil() -> None:
    base = Dossier("p1", "ouvert", projet=frozenset({A}))
    atrium = charger("atrium")
    contextes = {
        base.avec_contexte().contexte,
        replace(base, profil=atrium).avec_contexte().contexte,
        replace(base, profil=charger("heliade")).avec_contexte().contexte,
        replace(base, profil=replace(atrium, empreinte="autre")).avec_contexte().contexte,
        replace(base, etat="profil", motif="n'existe pas").avec_contexte().contexte,
    }
    assert len(contextes) == 5


def test_la_nuit_recoit_un_export_selon_son_profil(tmp_path: Path) -> None:
    reglages = donnees(tmp_path, f"p1;Un;{A};heliade", f"p1;Un;{B};heliade")
    depot = reglages.depots / "p1"
    depot.mkdir(parents=True)
    (depot / "export_journal_01042026.csv").write_text(JOURNAL, encoding="utf-8")
    reglages.staging.mkdir(mode=0o700)
    dossier = registres_ars.lire_registres(reglages).dossier("p1")
    with RegistreDepots(reglages.registre) as registre:
        (depose,) = inventaire.parcourir(reglages.depots)
        recu = reception.recevoir(
            depose,
            dossier,
            reglages=reglages,
            registre=registre,
            cle=b"k" * 32,
            maintenant=MAINTENANT,
        )
        depots = registre.depots().sort("nom_table")
    assert recu is not None and recu.statuts == ("accepte", "accepte")
    assert depots.select("nom_table", "statut", "lignes_utilisees").rows() == [
        ("agenda", "accepte", 2),
        ("mises_a_jour", "accepte", 2),
    ]
    assert format_de(depots["nom"][0]) == "csv"
