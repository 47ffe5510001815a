"""§4 "A file put in the place of another": what counts is the content that stands at each path."""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import polars as pl
import pytest
from nuits import publie
from polars.testing import assert_frame_equal
from scenario import ESSMS, PORTEUR, deposer, nuit_directe, projets
from typographie import espaces

from flows import etat, mesure
from flows.cli.principal import main
from flows.reception import reception
from flows.reglages import Reglages, lire_reglages
from flows.staging import compaction
from flows.staging.registre import RegistreDepots
from transforms.nommage import numero_de_recu

D = date(2026, 4, 1)
DEBUT = datetime(2026, 4, 9, 3, tzinfo=UTC)
E1 = ESSMS["E1"]
NOM, COPIE = "dossiers_2026-04-01.csv", "dossiers_2026-04-01_bis.csv"
ENTETES = "finess_et;id_dossier;id_personne\n"


def dossiers(nombre: int, premier: int = 1) -> str:
    return ENTETES + "".join(f"{E1};D{i};P{i}\n" for i in range(premier, premier + nombre))


# A: 3 persons, B: 5 (2 of them test dossiers, say), C: 4.
A, B, C = dossiers(3), dossiers(5), dossiers(4)
REFUSE = ENTETES + f"{E1};;P1\n" * 4
SEJOURS = "finess_et;id_dossier;date_entree\n" + "".join(f"{E1};D{i};2025-06-01\n" for i in range(1, 20))


class Maison:
    """A data root, its nights one after the other."""

    def __init__(self, racine: Path) -> None:
        self.racine, self.quand = racine, DEBUT
        projets(racine, "E1\nE2 porteur=ght")
        deposer(racine, "sejours_2026-04-01.csv", SEJOURS)

    @property
    def reglages(self) -> Reglages:
        return lire_reglages(self.racine)

    def mettre(self, nom: str, contenu: str | bytes, porteur: str = PORTEUR) -> Path:
        return deposer(self.racine, nom, contenu, porteur)

    def fichier(self, nom: str) -> Path:
        return self.racine / "raw" / "depots" / PORTEUR / nom

    def nuit(self, **options: bool) -> int | None:
        """One more night; the file active of E1."""
        self.quand += timedelta(days=1)
        nuit_directe(self.racine, [D], self.quand, **options)
        maturin = publie(self.racine)[f"maturin_sms/date_mesure={D}/maturin_sms.parquet"]
        (nombre,) = maturin.filter(pl.col("finess_et") == E1)["file_active"]
        return nombre  # type: ignore[no-any-return]

    def statuts(self, contenu: str | bytes | None = None) -> list[str]:
        """Of the deposits of dossiers published, by date of arrival then name; of one content only when it is given."""
        with RegistreDepots(self.reglages.registre) as registre:
            depots = registre.depots().filter((pl.col("nom_table") == "dossiers") & (pl.col("porteur") == PORTEUR))
        publies = publie(self.racine)["depots/depots.parquet"]
        lus = depots.sort("recu_le", "rang").join(
            publies.select("recu", "depot", "membre", publie="statut").unique(["recu", "depot"]),
            on=["recu", "depot"],
            maintain_order="left",
        )
        assert lus["publie"].to_list() == lus["statut"].to_list()
        if contenu is not None:
            octets = contenu.encode() if isinstance(contenu, str) else contenu
            lus = lus.filter(pl.col("taille") == len(octets))
        return lus["statut"].to_list()

    def recu(self, nom: str, contenu: str) -> str:
        return numero_de_recu(PORTEUR, nom, sha256(contenu))

    def alertes(self) -> pl.DataFrame:
        return publie(self.racine)[f"alertes/date_mesure={D}/alertes.parquet"]

    def accuse(self, nom: str) -> dict[str, object]:
        """The latest acknowledgement written for a file of that name."""
        dits = [json.loads(f.read_bytes()) for f in (self.racine / "retours" / PORTEUR).rglob("accuse_*.json")]
        return max((d for d in dits if d["nom"] == nom), key=lambda d: str(d["examine_le"]))


def sha256(contenu: str) -> str:
    return hashlib.sha256(contenu.encode()).hexdigest()


def archive(**membres: str) -> bytes:
    flux = io.BytesIO()
    with zipfile.ZipFile(flux, "w") as zip_:
        for nom, contenu in membres.items():
            zip_.writestr(zipfile.ZipInfo(f"{nom}_2026-04-01.csv", (2026, 4, 1, 0, 0, 0)), contenu)
    return flux.getvalue()


def lancer(*arguments: str) -> int:
    with pytest.raises(SystemExit) as fin:
        main(arguments)
    return int(str(fin.value.code))


@pytest.fixture
def maison(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Maison:
    monkeypatch.setenv("DUIMETRE_CLE", "0" * 64)
    return Maison(tmp_path / "data")


def figures(racine: Path) -> dict[str, pl.DataFrame]:
    """What was published, but for the history of the deposits and the age of the data."""
    return {n: t for n, t in publie(racine).items() if not n.startswith(("depots/", "constats/", "fraicheur/"))}


def assert_memes(obtenues: dict[str, pl.DataFrame], attendues: dict[str, pl.DataFrame]) -> None:
    assert obtenues.keys() == attendues.keys()
    for nom, table in attendues.items():
        assert_frame_equal(obtenues[nom], table)


def comme_neuf(maison: Maison, contenus: dict[str, str | bytes]) -> None:
    """The figures are those of a fresh root where these files were dropped once."""
    neuve = Maison(maison.racine.parent / "neuve")
    for nom, contenu in contenus.items():
        neuve.mettre(nom, contenu)
    neuve.quand = maison.quand - timedelta(days=1)
    neuve.nuit()
    assert_memes(figures(maison.racine), figures(neuve.racine))


def test_un_fichier_corrige_remplace_le_premier_puis_le_premier_revient(maison: Maison) -> None:
    maison.mettre(NOM, B)
    assert maison.nuit() == 5
    assert maison.accuse(NOM)["place"] is None
    maison.mettre(NOM, A)
    assert maison.nuit() == 3
    assert maison.statuts() == ["remplace", "accepte"]
    assert espaces(str(maison.accuse(NOM)["place"])) == (
        f"Il remplace le fichier reçu le 10/04/2026 à 05 h 00 sous ce nom (reçu {maison.recu(NOM, B)}), qui ne compte plus."
    )
    # Once more: nothing new.
    assert maison.nuit() == 3
    maison.mettre(NOM, B)
    assert maison.nuit() == 5
    assert maison.statuts() == ["accepte", "remplace"]
    dit = maison.accuse(NOM)
    assert (dit["sha256"], dit["statut"]) == (sha256(B), "accepte")
    assert espaces(str(dit["place"])) == (
        "Ce contenu, déjà reçu sous ce nom, compte de nouveau : il remplace le fichier reçu le 11/04/2026 à 05 h 00 "
        f"sous ce nom (reçu {maison.recu(NOM, A)})."
    )
    comme_neuf(maison, {NOM: B})


def test_un_contenu_en_deux_lieux_compte_une_fois_et_tant_qu_il_est_en_place_en_un(maison: Maison) -> None:
    maison.mettre(NOM, A)
    maison.mettre(COPIE, A)
    assert maison.nuit() == 3
    assert maison.statuts() == ["accepte", "deja_recu"]
    maison.mettre(NOM, dossiers(1, 9))
    assert maison.nuit() == 4  # three of the copy, and the other file completes it
    assert maison.statuts(A) == ["remplace", "accepte"]
    maison.mettre(COPIE, dossiers(2, 8))
    assert maison.nuit() == 2
    assert maison.statuts(A) == ["remplace", "remplace"]
    comme_neuf(maison, {NOM: dossiers(1, 9), COPIE: dossiers(2, 8)})


def test_un_fichier_deplace_n_est_plus_qu_a_sa_nouvelle_place(maison: Maison) -> None:
    ancien = maison.mettre(NOM, A)
    assert maison.nuit() == 3
    ancien.rename(maison.fichier(COPIE))
    assert maison.nuit() == 3
    assert maison.statuts(A) == ["deja_recu", "accepte"]
    maison.mettre(COPIE, dossiers(1, 9))
    assert maison.nuit() == 1
    assert maison.statuts(A) == ["remplace", "remplace"]
    # Put back where it was, it counts again, beside the other.
    maison.mettre(NOM, A)
    assert maison.nuit() == 4


def test_une_copie_dont_l_original_part_le_remplace(maison: Maison) -> None:
    """Seen at both paths first, gone from one the next night: the other alone bears it, the file not being read again."""
    maison.mettre(NOM, A)
    maison.mettre(COPIE, A)
    maison.nuit()
    maison.fichier(NOM).unlink()
    assert maison.nuit() == 3
    assert maison.statuts(A) == ["deja_recu", "accepte"]
    maison.mettre(COPIE, dossiers(1, 9))
    assert maison.nuit() == 1


def test_partis_tous_deux_ils_comptent_encore_une_fois(maison: Maison) -> None:
    maison.mettre(NOM, A)
    maison.mettre(COPIE, A)
    maison.nuit()
    maison.fichier(NOM).unlink()
    maison.fichier(COPIE).unlink()
    assert maison.nuit() == 3
    assert maison.statuts(A) == ["accepte", "deja_recu"]


def test_un_fichier_parti_compte_encore_et_revient_sans_rien_changer(maison: Maison) -> None:
    ailleurs = maison.racine / "ailleurs.csv"
    maison.mettre(NOM, A).rename(ailleurs)
    assert maison.nuit() is None
    ailleurs.rename(maison.fichier(NOM))
    assert maison.nuit() == 3
    maison.fichier(NOM).rename(ailleurs)
    assert maison.nuit() == 3
    ailleurs.rename(maison.fichier(NOM))
    assert maison.nuit() == 3
    assert maison.statuts() == ["accepte"]


def test_une_correction_refusee_ne_remplace_rien_et_reste_a_corriger(maison: Maison) -> None:
    maison.mettre(NOM, A)
    maison.nuit()
    maison.mettre(NOM, REFUSE)
    assert maison.nuit() == 3
    assert maison.statuts() == ["accepte", "refuse"]
    assert ("REJETS", 4) in maison.alertes().select("code", "nombre").rows()
    assert espaces(str(maison.accuse(NOM)["place"])) == (
        f"Il ne remplace rien : le fichier reçu le 10/04/2026 à 05 h 00 sous ce nom (reçu {maison.recu(NOM, A)}) compte toujours."
    )
    # An accepted content at its path settles it.
    maison.mettre(NOM, C)
    assert maison.nuit() == 4
    assert maison.statuts() == ["remplace", "refuse", "accepte"]
    assert "REJETS" not in maison.alertes()["code"].to_list()
    assert etat.constater(maison.reglages, maison.quand).refus_en_attente == {}


@pytest.mark.parametrize("geste", ["parti", "autre refus"])
def test_un_refus_ne_pese_plus_une_fois_parti_ou_suivi_d_un_autre(maison: Maison, geste: str) -> None:
    maison.mettre(NOM, A)
    maison.nuit()
    maison.mettre(NOM, REFUSE)
    maison.nuit()
    assert ("REJETS", 4) in maison.alertes().select("code", "nombre").rows()
    if geste == "parti":
        maison.fichier(NOM).unlink()
    else:
        maison.mettre(NOM, REFUSE + f"{E1};;P1\n")
    assert maison.nuit() == 3
    rejets = maison.alertes().filter(pl.col("code") == "REJETS")["nombre"].to_list()
    assert rejets == ([] if geste == "parti" else [5])


def test_une_archive_est_remplacee_entiere(maison: Maison) -> None:
    maison.fichier("sejours_2026-04-01.csv").unlink()
    maison.mettre("envoi.zip", archive(dossiers=A, sejours=SEJOURS))
    assert maison.nuit() == 3
    maison.mettre("envoi.zip", archive(dossiers=B))
    assert maison.nuit() is None  # its séjours went with it
    assert maison.statuts() == ["remplace", "accepte"]
    # Partly refused, it replaces all the same.
    maison.mettre("envoi.zip", archive(dossiers=REFUSE, sejours=SEJOURS))
    assert maison.nuit() is None
    assert maison.statuts() == ["remplace", "remplace", "refuse"]
    maison.mettre("envoi.zip", archive(dossiers=REFUSE))  # nothing of it is accepted: it replaces nothing
    maison.nuit()
    maison.mettre("autre.zip", archive(dossiers=A))  # the content of the first, alone
    assert maison.nuit() == 3


def test_un_membre_depose_seul_reste_quand_son_archive_est_remplacee(maison: Maison) -> None:
    maison.mettre("envoi.zip", archive(dossiers=A, mises_a_jour="finess_et;id_dossier;horodatage\n"))
    maison.mettre(NOM, A)
    assert maison.nuit() == 3
    maison.mettre("envoi.zip", archive(dossiers=dossiers(1, 9)))
    assert maison.nuit() == 4


def test_un_contenu_retire_le_reste_ou_qu_il_revienne(maison: Maison, capsys: pytest.CaptureFixture[str]) -> None:
    maison.mettre(NOM, A)
    maison.mettre("dossiers_2026-04-02.csv", C)
    assert maison.nuit() == 4
    recu = maison.recu("dossiers_2026-04-02.csv", C)
    donnees = ("--data", str(maison.racine))
    assert lancer("retirer", recu.lower(), "--motif", "autre structure", *donnees) == 0
    assert f"Retiré : porteur asso, dossiers du 02/04/2026 (reçu {recu})" in capsys.readouterr().out
    assert maison.nuit() == 3
    assert maison.statuts(C) == ["retire"]
    constat = etat.constater(maison.reglages, maison.quand)
    assert constat.depots_par_statut == {"accepte": 2, "retire": 1}
    page = (maison.racine / "retours" / PORTEUR / "index.html").read_text(encoding="utf-8")
    assert "etiré par l&#39;agence" in page.replace("’", "&#39;")
    # The same path after another content, then another path: it stays withdrawn.
    maison.mettre("dossiers_2026-04-02.csv", dossiers(1, 9))
    assert maison.nuit() == 1
    maison.mettre("dossiers_2026-04-02.csv", C)
    assert maison.nuit() == 3
    assert "L'agence a retiré ce contenu" in str(maison.accuse("dossiers_2026-04-02.csv")["place"])
    maison.mettre("dossiers_2026-04-02_bis.csv", C)
    assert maison.nuit() == 3
    assert maison.statuts(C) == ["retire", "retire"]
    maison.nuit(reconstruire=True)
    assert maison.statuts(C) == ["retire", "retire"]
    assert lancer("retirer", "--remettre", recu, *donnees) == 0
    assert maison.nuit() == 4
    assert maison.statuts(C) == ["accepte", "deja_recu"]
    with RegistreDepots(maison.reglages.registre) as registre:
        assert registre._base.execute("SELECT count(*) FROM retraits").fetchone() == (0,)


def test_retirer_ce_qu_on_ne_connait_pas_ou_pendant_une_nuit(
    maison: Maison, capsys: pytest.CaptureFixture[str]
) -> None:
    maison.mettre(NOM, A)
    maison.nuit()
    donnees = ("--data", str(maison.racine))
    assert lancer("retirer", "0000-0000-0000", "--motif", "erreur", *donnees) == 5
    assert "Aucun fichier reçu ne porte le numéro de reçu 0000-0000-0000" in capsys.readouterr().err
    assert lancer("retirer", "--remettre", "0000-0000-0000", *donnees) == 5
    assert lancer("retirer", "--remettre", maison.recu(NOM, A), *donnees) == 0
    assert "rien n'a changé" in capsys.readouterr().out
    for fautifs in (["X"], ["X", "--motif", " "], ["X", "--motif", "m", "--remettre", "X"], ["--motif", "m"], []):
        assert lancer("retirer", *fautifs, *donnees) == 2
    with (maison.racine / "staging" / "verrou").open("w") as verrou:
        fcntl.flock(verrou, fcntl.LOCK_EX)
        assert lancer("retirer", maison.recu(NOM, A), "--motif", "erreur", *donnees) == 10
    assert maison.nuit() == 3


def test_partiel_et_complet_sont_deux_contenus(maison: Maison) -> None:
    """The same bytes: as a complete extraction they make the state; as a partial one they come after it."""
    partiel = "dossiers_2026-04-01_partiel.csv"
    maison.mettre(NOM, A)
    maison.mettre(partiel, A)
    assert maison.nuit() == 3
    assert maison.statuts() == ["accepte", "accepte"]
    with RegistreDepots(maison.reglages.registre) as registre:
        depots = registre.depots().filter(pl.col("nom_table") == "dossiers")
    assert dict(depots.select("nom", "partiel").iter_rows()) == {NOM: False, partiel: True}
    assert depots["depot"].n_unique() == 2
    maison.mettre(NOM, dossiers(1, 9))
    assert maison.nuit() == 4


def test_deux_porteurs_ne_se_rencontrent_pas(maison: Maison) -> None:
    de_ght = ENTETES + f"{ESSMS['E2']};D1;P1\n"
    maison.mettre(NOM, A)
    maison.mettre(NOM, de_ght, "ght")
    maison.nuit()
    maison.fichier(NOM).unlink()
    maison.mettre(COPIE, A, "ght")  # not its structures: all rows outside its project
    maison.mettre(NOM, A, "ght")
    assert maison.nuit() == 3
    assert maison.statuts(A) == ["accepte"]


@pytest.fixture
def mourir() -> Iterator[Callable[[str], object]]:
    """The night dies where a function is called."""

    def mourir_a(cible: str) -> object:
        return patch(cible, side_effect=KeyboardInterrupt)

    yield mourir_a


@pytest.mark.parametrize(
    "instant",
    [
        "flows.nuit.reception.nouveaux",
        "flows.staging.registre._passer",
        "flows.staging.registre._deplacer",
        "flows.nuit.compaction.compacter",
        "flows.nuit.publier",
    ],
)
def test_tuee_entre_deux_la_nuit_suivante_est_juste(
    maison: Maison, mourir: Callable[[str], object], instant: str
) -> None:
    maison.mettre(NOM, A)
    maison.mettre("dossiers_2026-04-01_sud.csv", dossiers(2, 15))
    assert maison.nuit() == 5
    maison.mettre(NOM, C)
    maison.fichier("dossiers_2026-04-01_sud.csv").rename(maison.fichier("dossiers_2026-04-01_est.csv"))
    with mourir(instant), pytest.raises(KeyboardInterrupt):  # type: ignore[attr-defined]
        maison.nuit()
    assert maison.nuit() == 6
    assert maison.statuts(A) == ["remplace"]
    assert maison.statuts(dossiers(2, 15)) == ["deja_recu", "accepte"]
    maison.mettre("dossiers_2026-04-01_est.csv", dossiers(1, 18))
    assert maison.nuit() == 5


def test_registre_perdu_et_reconstruction(maison: Maison) -> None:
    for contenu in (A, B, A):
        maison.mettre(NOM, contenu)
        maison.nuit()
    maison.mettre(COPIE, REFUSE)
    assert maison.nuit() == 3
    attendu, statuts = figures(maison.racine), maison.statuts()
    assert maison.nuit(reconstruire=True) == 3
    assert_memes(figures(maison.racine), attendu)
    assert maison.statuts() == statuts == ["accepte", "remplace", "refuse"]
    for reste in maison.reglages.registre.parent.glob("registre.sqlite*"):
        reste.unlink()
    assert maison.nuit() == 3  # what lies in raw/ is all there is to know
    assert maison.statuts() == ["accepte", "refuse"]


MAJ = "finess_et;id_dossier;horodatage\n"


@pytest.mark.parametrize("geste", ["remplacer", "retirer"])
def test_un_repli_suit_ce_qui_est_en_place(maison: Maison, monkeypatch: pytest.MonkeyPatch, geste: str) -> None:
    """Each night repeats all updates: a fold keeps those of the last. Once that one no longer stands, the others speak."""
    monkeypatch.setattr(compaction, "FICHIERS_MAX", 1)
    maison.mettre(NOM, dossiers(6))
    for jour in range(1, 6):
        lignes = "".join(f"{E1};D{i};2026-03-0{i}\n" for i in range(1, jour + 1))
        maison.mettre(f"mises_a_jour_2026-04-0{jour}.csv", MAJ + lignes)
    derniere = "mises_a_jour_2026-04-05.csv"
    contenu = maison.fichier(derniere).read_text(encoding="utf-8")
    maison.nuit()

    def actifs() -> int:
        maison.nuit()
        maturin = publie(maison.racine)[f"maturin_sms/date_mesure={D}/maturin_sms.parquet"]
        return int(maturin.filter(pl.col("finess_et") == E1)["nb_dossiers_actifs"].item())

    def replie() -> bool:
        with RegistreDepots(maison.reglages.registre) as registre:
            assert registre.replis(perimes=True) == {}
            return any(f.startswith("mises_a_jour/") for f in registre.replis())

    assert actifs() == 5
    assert replie()
    recu = maison.recu(derniere, contenu)
    if geste == "remplacer":
        maison.mettre(derniere, MAJ + f"{E1};D6;2026-03-06\n")
        assert actifs() == 5  # D1 to D4 of the others, D6
    else:
        with RegistreDepots(maison.reglages.registre) as registre:
            registre.retirer(recu, "erreur", DEBUT)
        assert actifs() == 4
    assert replie()
    avec_replis = figures(maison.racine)
    with patch.object(mesure, "entrees", lambda *a, **k: ENTREES(*a[:4])):
        maison.nuit()
    assert_memes(figures(maison.racine), avec_replis)
    if geste == "remplacer":
        maison.mettre(derniere, contenu)
    else:
        with RegistreDepots(maison.reglages.registre) as registre:
            registre.remettre(recu)
    assert actifs() == 5
    assert replie()


ENTREES = mesure.entrees


def test_les_lignes_d_un_contenu_remplace_peuvent_s_abimer(maison: Maison, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its bytes are gone from raw/: nobody could make them again, and nobody needs them."""
    monkeypatch.setattr(compaction, "FICHIERS_MAX", 0)
    maison.mettre(NOM, A)
    maison.mettre(COPIE, dossiers(1, 9))
    maison.nuit()
    maison.mettre(NOM, C)
    assert maison.nuit() == 5
    for fichier in (maison.racine / "staging" / "dossiers").glob("reunis-*"):
        fichier.write_bytes(b"")
    assert maison.nuit() == 5


def test_sous_une_autre_cle_ce_qui_est_remplace_n_arrete_pas_la_nuit(
    maison: Maison, monkeypatch: pytest.MonkeyPatch
) -> None:
    maison.mettre(NOM, A)
    maison.nuit()
    maison.mettre(NOM, C)
    maison.nuit()
    monkeypatch.setenv("DUIMETRE_CLE", "1" * 64)
    assert maison.nuit() == 4
    maison.mettre(NOM, A)  # staged under the former key: judged again
    assert maison.nuit() == 3


def test_un_dossier_illisible_n_est_pas_un_fichier_parti(maison: Maison) -> None:
    maison.mettre(f"sous/{NOM}", REFUSE)
    maison.nuit()
    rejets = maison.alertes().filter(pl.col("code") == "REJETS").height
    vus = reception.inventaire.parcourir

    def sans_le_sous_dossier(depots: Path) -> Iterator[reception.Depose]:
        for depose in vus(depots):
            cache = depose.chemin.startswith("sous/")
            yield depose._replace(chemin="sous", reel=f"{PORTEUR}/sous", mode=0) if cache else depose

    with patch.object(reception.inventaire, "parcourir", sans_le_sous_dossier):
        maison.nuit()
    with RegistreDepots(maison.reglages.registre) as registre:
        assert registre.depots().filter(pl.col("nom") == f"sous/{NOM}")["en_suspens"].to_list() == [True]
    assert maison.alertes().filter(pl.col("code") == "REJETS").height == rejets


def test_le_meme_contenu_sous_une_date_plus_recente_est_dit(maison: Maison) -> None:
    maison.mettre(NOM, A)
    maison.mettre("dossiers_2026-04-03.csv", A)
    maison.nuit()
    (dite,) = maison.alertes().filter(pl.col("code") == "EXTRACTION_REDATEE").to_dicts()
    assert (dite["finess_et"], dite["porteur"], dite["table"]) == (None, PORTEUR, "dossiers")
    assert dite["message"] == (
        f"Le même contenu de « dossiers » est déposé comme extrait le 01/04/2026 (reçu {maison.recu(NOM, A)}) puis le "
        f"03/04/2026 (reçu {maison.recu('dossiers_2026-04-03.csv', A)}) : l'une des dates est fausse, ou l'export n'a pas "
        "été refait."
    )
    # The earlier one replaced, it is said still; the later one replaced, no more.
    maison.mettre(NOM, C)
    maison.nuit()
    assert "EXTRACTION_REDATEE" in maison.alertes()["code"].to_list()
    maison.mettre("dossiers_2026-04-03.csv", C)
    maison.nuit()
    assert [
        m
        for c, m in maison.alertes().select("code", "message").rows()
        if c == "EXTRACTION_REDATEE" and "03/04" not in m
    ] == []


def test_la_preuve_nomme_ce_qui_compte_et_ce_qui_a_ete_remplace_ou_retire(maison: Maison) -> None:
    maison.mettre(NOM, A)
    maison.nuit()
    maison.mettre(NOM, C)
    maison.mettre("dossiers_2026-04-01_sud.csv", dossiers(2, 15))
    assert maison.nuit() == 6
    maison.mettre(NOM, B)
    with RegistreDepots(maison.reglages.registre) as registre:
        registre.retirer(maison.recu("dossiers_2026-04-01_sud.csv", dossiers(2, 15)), "erreur", DEBUT)
    maison.quand += timedelta(days=1)
    nuit_directe(maison.racine, [date(2026, 5, 1)], maison.quand)  # the first figure is the published one still
    sortie = maison.racine / "preuve.zip"
    donnees = ("--data", str(maison.racine))
    assert lancer("preuve", E1, "--date-mesure", D.isoformat(), "--sortie", str(sortie), *donnees) == 0
    assert lancer("preuve", "--verifier", str(sortie), *donnees) == 0
    with zipfile.ZipFile(sortie) as zip_:
        dit = json.loads(zip_.read("preuve.json"))
    debout = {(d["recu"], d["sha256"], d["statut"]) for d in dit["depots"] if d["table"] == "dossiers"}
    ecartes = {(d["recu"], d["sha256"], d["statut"]) for d in dit["depots_ecartes"]}
    sud = (maison.recu("dossiers_2026-04-01_sud.csv", dossiers(2, 15)), sha256(dossiers(2, 15)))
    assert debout == {(maison.recu(NOM, C), sha256(C), "accepte"), (*sud, "accepte")}
    assert ecartes == {
        (maison.recu(NOM, A), sha256(A), "remplace"),
        (maison.recu(NOM, C), sha256(C), "remplace"),
        (*sud, "retire"),
    }
    assert {d["nom"] for d in dit["depots_ecartes"]} == {NOM}
