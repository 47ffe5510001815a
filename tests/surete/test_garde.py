"""The guard (specification §8): only plain files are read, by children with bounds, and one never stops the others."""

from __future__ import annotations

import errno
import io
import logging
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import xlsxwriter

from flows.reception import inventaire, isolement, reception
from flows.reception.inventaire import Depose
from flows.reception.reception import Dossier, Recu
from flows.reglages import Bornes, ReglageInvalide, Reglages, lire_reglages
from flows.staging.registre import RegistreDepots
from transforms.lecture.archive import Limites
from transforms.lecture.modele import LectureImpossible
from transforms.lecture.ouverture import Lecture, Piece

F1 = "970400123"
BON = f"finess_et;id_dossier;id_personne\n{F1};D1;P1\n"
NOM = "dossiers_2026-04-01.csv"
DOSSIER = Dossier("alpha", "ouvert", projet=frozenset({F1})).avec_contexte()


class Maison:
    """A data root with the drop folder of `alpha`."""

    def __init__(self, racine: Path) -> None:
        self.reglages = Reglages(racine)
        self.alpha = self.reglages.depots / "alpha"
        self.alpha.mkdir(parents=True)

    def deposer(self, nom: str = NOM, contenu: str = BON) -> Path:
        chemin = self.alpha / nom
        chemin.parent.mkdir(parents=True, exist_ok=True)
        chemin.write_text(contenu, encoding="utf-8")
        return chemin

    def vus(self) -> list[Depose]:
        return list(inventaire.parcourir(self.reglages.depots))

    def recevoir(self, depose: Depose) -> Recu | None:
        with RegistreDepots(self.reglages.registre) as registre:
            return reception.recevoir(
                depose,
                DOSSIER,
                reglages=self.reglages,
                registre=registre,
                cle=b"0" * 32,
                maintenant=datetime(2026, 4, 2, tzinfo=UTC),
            )

    def a_relire(self) -> list[str]:
        with RegistreDepots(self.reglages.registre) as registre:
            deposes = self.vus()
            return [d.chemin for d in reception.nouveaux(deposes, {"alpha": DOSSIER}, registre.apercus())]

    def motifs(self) -> dict[str, str | None]:
        with RegistreDepots(self.reglages.registre) as registre:
            return dict(registre.depots().select("nom", "motif").iter_rows())


@pytest.fixture
def maison(tmp_path: Path) -> Maison:
    return Maison(tmp_path)


# ---- what lies in the drop folders


def test_un_dossier_de_porteur_qui_est_un_lien_n_est_pas_suivi(
    maison: Maison, caplog: pytest.LogCaptureFixture
) -> None:
    maison.deposer()
    (maison.reglages.depots / "beta").symlink_to(maison.alpha)
    (maison.reglages.depots / "perdu.csv").write_text(BON, encoding="utf-8")
    with caplog.at_level(logging.WARNING, "duimetre"):
        assert [(d.porteur, d.chemin) for d in maison.vus()] == [("alpha", NOM)]
    assert [r.getMessage() for r in caplog.records] == [
        "Dans raw/depots, ce qui n'est pas le dossier d'un porteur n'est pas lu.",
    ] * 2


def test_mille_cinq_cents_dossiers_l_un_dans_l_autre_n_arretent_rien(maison: Maison) -> None:
    maison.deposer()
    dossier = maison.alpha
    for _ in range(1500):
        dossier /= "a"
        dossier.mkdir()
    (dossier / NOM).write_text(BON, encoding="utf-8")
    try:
        assert sorted(len(d.chemin) for d in maison.vus()) == [len(NOM), 3000 + len(NOM)]
    finally:  # Python's own rmtree, which cleans up after the tests, does not go so deep
        subprocess.run(["rm", "-rf", maison.alpha / "a"], check=True)


def test_un_chemin_plus_long_que_ce_que_le_systeme_ouvre_est_dit(maison: Maison) -> None:
    maison.deposer()
    descripteur = os.open(maison.alpha, os.O_RDONLY)
    for _ in range(20):
        os.mkdir("x" * 240, dir_fd=descripteur)
        plus_bas = os.open("x" * 240, os.O_RDONLY, dir_fd=descripteur)
        os.close(descripteur)
        descripteur = plus_bas
    os.close(descripteur)
    vus = maison.vus()
    try:
        assert len(vus) == 2
        assert [maison.recevoir(d).statuts for d in vus] == [("accepte",), ("refuse",)]  # type: ignore[union-attr]
        assert set(maison.motifs().values()) == {None, "FICHIER_INACCESSIBLE"}
    finally:
        subprocess.run(["rm", "-rf", maison.alpha / ("x" * 240)], check=True)


@pytest.mark.parametrize("code", [errno.EACCES, errno.EIO])
def test_un_fichier_qu_on_ne_peut_pas_ouvrir_est_dit_et_relu_ensuite(
    maison: Maison, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    maison.deposer()
    (depose,) = maison.vus()
    ouvrir = os.open

    def refuser(chemin: Path | str, *reste: int, dir_fd: int | None = None) -> int:
        if chemin == NOM:
            raise OSError(code, os.strerror(code))
        return ouvrir(chemin, *reste, dir_fd=dir_fd)

    with monkeypatch.context() as m:
        m.setattr(os, "open", refuser)
        assert maison.recevoir(depose) == Recu("alpha", NOM, ("refuse",), 0)
    assert maison.motifs() == {NOM: "FICHIER_INACCESSIBLE"}
    assert maison.a_relire() == [NOM]
    assert maison.recevoir(depose) == Recu("alpha", NOM, ("accepte",), 0)
    assert maison.a_relire() == []


def test_un_disque_plein_n_est_pas_la_faute_du_fichier(maison: Maison, monkeypatch: pytest.MonkeyPatch) -> None:
    maison.deposer()
    (depose,) = maison.vus()

    def plein(*_: object) -> int:
        raise OSError(errno.ENOSPC, "plein")

    monkeypatch.setattr(os, "open", plein)
    with pytest.raises(OSError, match="plein"):
        maison.recevoir(depose)


def _lien(chemin: Path, ailleurs: Path) -> None:
    chemin.unlink()
    chemin.symlink_to(ailleurs)


def _lien_physique(chemin: Path, ailleurs: Path) -> None:
    chemin.unlink()
    os.link(ailleurs, chemin)


def _dossier_en_lien(chemin: Path, ailleurs: Path) -> None:
    chemin.unlink()
    chemin.parent.rmdir()
    chemin.parent.symlink_to(ailleurs.parent)


def _tube(chemin: Path, _: Path) -> None:
    chemin.unlink()
    os.mkfifo(chemin)


def _allonge(chemin: Path, _: Path) -> None:
    with chemin.open("a", encoding="utf-8") as flux:
        flux.write("x" * 100)


def _disparu(chemin: Path, _: Path) -> None:
    chemin.unlink()


def _dossier(chemin: Path, _: Path) -> None:
    chemin.unlink()
    chemin.mkdir()


def _prise(chemin: Path, _: Path) -> None:
    chemin.unlink()
    with socket.socket(socket.AF_UNIX) as ouverte:
        ouverte.bind(str(chemin.parent.parent / "s"))  # a short name: the address of a socket has 108 bytes
    (chemin.parent.parent / "s").rename(chemin)


def _peripherique(chemin: Path, _: Path) -> None:
    chemin.unlink()
    try:
        os.mknod(chemin, stat.S_IFCHR | 0o600, os.makedev(240, 7))
    except PermissionError:
        pytest.skip("only root makes devices")


def _dossier_en_fichier(chemin: Path, _: Path) -> None:
    chemin.unlink()
    chemin.parent.rmdir()
    chemin.parent.write_text("", encoding="utf-8")


def _porteur_en_lien(chemin: Path, ailleurs: Path) -> None:
    chemin.parents[1].rename(chemin.parents[1].with_name(".alpha"))
    chemin.parents[1].symlink_to(ailleurs.parent.parent)


_CHANGEMENTS = [
    _lien,
    _lien_physique,
    _dossier_en_lien,
    _tube,
    _allonge,
    _disparu,
    _dossier,
    _prise,
    _peripherique,
    _dossier_en_fichier,
    _porteur_en_lien,
]


@pytest.mark.parametrize("changer", _CHANGEMENTS)
def test_un_fichier_change_entre_deux_regards_attend(maison: Maison, changer: Callable[[Path, Path], None]) -> None:
    ailleurs = maison.reglages.depots / "beta" / "sous" / NOM
    ailleurs.parent.mkdir(parents=True)
    ailleurs.write_text(BON.replace("D1", "SECRET"), encoding="utf-8")
    chemin = maison.deposer(f"sous/{NOM}")
    (depose,) = [d for d in maison.vus() if d.porteur == "alpha"]
    assert inventaire.inchange(depose)
    changer(chemin, ailleurs)
    assert not inventaire.inchange(depose)
    assert maison.recevoir(depose) is None
    assert maison.motifs() == {}
    assert list((maison.reglages.staging / ".reception").iterdir()) == []


def test_un_fichier_change_pendant_sa_copie_attend(maison: Maison, monkeypatch: pytest.MonkeyPatch) -> None:
    chemin = maison.deposer()
    (depose,) = maison.vus()
    lire = inventaire.lire_octets

    def lire_et_dater(descripteur: int, octets: int) -> bytes:
        os.utime(chemin)
        return lire(descripteur, octets)

    monkeypatch.setattr(inventaire, "lire_octets", lire_et_dater)
    assert maison.recevoir(depose) is None


def test_un_dossier_echange_pendant_la_liste_ne_montre_pas_celui_du_voisin(maison: Maison) -> None:
    """The folder is seen, then becomes a link to the neighbour's before it is listed."""
    maison.deposer()
    maison.deposer(f"a/{NOM}")
    voisin = maison.reglages.depots / "beta"
    voisin.mkdir()
    (voisin / NOM).write_text(BON.replace("D1", "SECRET"), encoding="utf-8")
    vus = []
    for depose in inventaire.parcourir(maison.reglages.depots):
        vus.append((depose.porteur, depose.chemin))
        if vus == [("alpha", NOM)]:
            (maison.alpha / "a").rename(maison.alpha / ".a")
            (maison.alpha / "a").symlink_to(voisin)
    assert vus == [("alpha", NOM), ("beta", NOM)]


def test_un_fichier_devenu_dossier_pendant_la_liste_attend(maison: Maison) -> None:
    maison.deposer("a_2026-04-01.csv")
    chemin = maison.deposer("b_2026-04-01.csv")
    vus = []
    for depose in inventaire.parcourir(maison.reglages.depots):
        vus.append(depose.chemin)
        if chemin.is_file():
            _dossier(chemin, chemin)
    assert vus == ["a_2026-04-01.csv"]


def test_un_dossier_qu_on_ne_peut_pas_lister_ne_regarde_que_son_porteur(
    maison: Maison, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    maison.deposer()
    (maison.alpha / "prive" / NOM).mkdir(parents=True)
    (maison.reglages.depots / "beta").mkdir()
    (maison.reglages.depots / "beta" / NOM).write_text(BON, encoding="utf-8")
    ouvrir = os.open

    def refuser(chemin: Path | str, *reste: int, dir_fd: int | None = None) -> int:
        if chemin == "prive":
            raise PermissionError(errno.EACCES, "")
        return ouvrir(chemin, *reste, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", refuser)
    with caplog.at_level(logging.WARNING, "duimetre"):
        vus = maison.vus()
    assert [(d.porteur, d.chemin, d.mode > 0) for d in vus] == [
        ("alpha", NOM, True),
        ("alpha", "prive", False),
        ("beta", NOM, True),
    ]
    assert [r.getMessage() for r in caplog.records] == [
        "Dans le dossier de dépôt de alpha, 1 élément illisible : vérifiez les droits et la longueur des chemins."
    ]
    assert all(inventaire.inchange(d) for d in vus)
    assert maison.recevoir(vus[1]) == Recu("alpha", "prive", ("refuse",), 0)
    assert maison.motifs() == {"prive": "FICHIER_INACCESSIBLE"}


def test_une_machine_qui_n_ouvre_plus_rien_n_est_pas_un_dossier_illisible(
    maison: Maison, monkeypatch: pytest.MonkeyPatch
) -> None:
    maison.deposer()

    def refuser(*_: object, **__: object) -> int:
        raise OSError(errno.EMFILE, "trop de fichiers ouverts")

    monkeypatch.setattr(os, "open", refuser)
    with pytest.raises(OSError, match="trop de fichiers"):
        maison.vus()


def _ouverts() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_des_dossiers_profonds_restent_peu_nombreux_a_la_fois(maison: Maison) -> None:
    """At each level a folder that waits while the other is walked down to the bottom."""
    profondeur = 3 * inventaire.OUVERTS_MAX
    dossier = maison.alpha
    for _ in range(profondeur):
        (dossier / "a").mkdir()
        (dossier / "a" / NOM).write_text(BON, encoding="utf-8")
        dossier /= "b"
        dossier.mkdir()
    avant = _ouverts()
    vus, ouverts = [], []
    for depose in inventaire.parcourir(maison.reglages.depots):
        ouverts.append(_ouverts() - avant)
        vus.append(depose.chemin)
    assert vus == ["b/" * n + f"a/{NOM}" for n in reversed(range(profondeur))]
    assert 1 < max(ouverts) <= inventaire.OUVERTS_MAX
    assert _ouverts() == avant


# ---- the children


@pytest.fixture
def lecture(tmp_path: Path) -> Lecture:
    return Lecture(Limites(), tmp_path, {}, None)


def _lire(chemin: Path, lecture: Lecture, bornes: Bornes | None = None) -> Iterator[Piece]:
    return isolement.lire_pieces(chemin.name, chemin, "sha", lecture, bornes or Bornes())


def _refus(chemin: Path, lecture: Lecture, bornes: Bornes) -> list[tuple[str, str]]:
    codes = []
    for piece in _lire(chemin, lecture, bornes):
        try:
            assert piece.lire is not None
            assert sum(lot.height for lot in piece.lire().lots) > 0
            codes.append((piece.table, "lue"))
        except LectureImpossible as erreur:
            codes.append((piece.table, erreur.code))
    return codes


def _csv(tmp_path: Path, lignes: int) -> Path:
    chemin = tmp_path / NOM
    chemin.write_text(BON + f"{F1};D2;P2\n" * (lignes - 1), encoding="utf-8")
    return chemin


def _classeur(tmp_path: Path) -> Path:
    chemin = tmp_path / "duimetre_2026-04-01.xlsx"
    with xlsxwriter.Workbook(chemin) as classeur:
        for table in ("dossiers", "sejours", "projets"):
            feuille = classeur.add_worksheet(table)
            feuille.write_row(0, 0, ["finess_et", "id_dossier"])
            feuille.write_row(1, 0, [F1, f"{table}-1"])
    return chemin


def _enfants(pid: int) -> list[int]:
    return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


def _serveur() -> int:
    isolement.preparer()
    programmes = {p: Path(f"/proc/{p}/cmdline").read_bytes() for p in _enfants(os.getpid())}
    (serveur,) = [p for p, programme in programmes.items() if b"flows.reception.isolement" in programme]
    return serveur


def test_l_enfant_rend_ce_que_le_lecteur_rend(tmp_path: Path, lecture: Lecture) -> None:
    (piece,) = _lire(_csv(tmp_path, 250_000), lecture)
    assert (piece.table, piece.date_extraction, piece.format, piece.sha256) == (
        "dossiers",
        date(2026, 4, 1),
        "csv",
        "sha",
    )
    assert piece.lire is not None
    # The child is gone once the piece is passed: read it in its turn.
    for piece in _lire(tmp_path / NOM, lecture):
        assert piece.lire is not None
        feuille = piece.lire()
        assert feuille.entetes == ("finess_et", "id_dossier", "id_personne")
        lots = list(feuille.lots)
        assert [lot.height for lot in lots] == [100_000, 100_000, 50_000]
        assert lots[0].row(0) == (F1, "D1", "P1", 2, False)
        assert lots[2]["ligne"][-1] == 250_001


def test_trop_de_memoire(tmp_path: Path, lecture: Lecture) -> None:
    bornes = Bornes(memoire_octets=1 << 20)
    assert _refus(_csv(tmp_path, 100_000), lecture, bornes) == [("dossiers", "LECTURE_TROP_LONGUE")]


def test_trop_de_temps(tmp_path: Path, lecture: Lecture) -> None:
    assert _refus(_csv(tmp_path, 2_000_000), lecture, Bornes(duree_secondes=1)) == [("dossiers", "LECTURE_TROP_LONGUE")]


def test_les_bornes_suivent_la_taille_et_ne_passent_pas_les_reglages() -> None:
    petit, grand = isolement.bornes_pour(1000, Bornes()), isolement.bornes_pour(1 << 34, Bornes())
    assert (petit.memoire_octets >> 20, petit.duree_secondes) == (320, 5)
    assert grand == Bornes()


def test_une_feuille_qui_tue_son_lecteur_n_emporte_pas_les_suivantes(tmp_path: Path, lecture: Lecture) -> None:
    recues = []
    for piece in _lire(_classeur(tmp_path), lecture):
        assert piece.lire is not None
        feuille = piece.lire()
        if piece.table == "sejours":
            for lecteur in _enfants(_serveur()):
                os.kill(lecteur, signal.SIGKILL)
            with pytest.raises(LectureImpossible, match="LECTURE_TROP_LONGUE"):
                list(feuille.lots)
        else:
            recues += [lot["c1"].to_list() for lot in feuille.lots]
    assert recues == [["dossiers-1"], ["projets-1"]]


def test_une_table_dont_l_entete_suffit_n_est_pas_lue_plus_loin(tmp_path: Path, lecture: Lecture) -> None:
    entetes = []
    for piece in _lire(_classeur(tmp_path), lecture):
        assert piece.lire is not None
        entetes.append((piece.table, piece.lire().entetes))
    assert entetes == [(t, ("finess_et", "id_dossier")) for t in ("dossiers", "sejours", "projets")]


def test_un_serveur_mort_n_est_pas_la_faute_du_fichier_et_un_autre_le_remplace(
    tmp_path: Path, lecture: Lecture
) -> None:
    ancien = _serveur()
    os.kill(ancien, signal.SIGKILL)
    for _ in range(2):  # the first call may find it dead, none says that the file is at fault
        try:
            resultat = _refus(_csv(tmp_path, 10), lecture, Bornes())
        except OSError:
            continue
        assert resultat == [("dossiers", "lue")]
        break
    else:
        pytest.fail("no other server")
    assert _serveur() != ancien


def test_deux_fils_lisent_a_la_fois(tmp_path: Path, lecture: Lecture) -> None:
    chemin = _csv(tmp_path, 1000)
    with ThreadPoolExecutor(4) as fils:
        resultats = list(fils.map(lambda _: _refus(chemin, lecture, Bornes()), range(40)))
    assert resultats == [[("dossiers", "lue")]] * 40


def test_les_lecteurs_n_ont_pas_la_cle_des_pseudonymes(tmp_path: Path) -> None:
    programme = (
        "import os; from pathlib import Path; from flows.reception.isolement import preparer; preparer();"
        "e = Path(f'/proc/{os.getpid()}/task/{os.getpid()}/children').read_text().split();"
        "print(all(b'SECRETE' not in Path(f'/proc/{p}/environ').read_bytes() for p in e), len(e))"
    )
    sortie = subprocess.run(
        [sys.executable, "-c", programme],
        env={**os.environ, "DUIMETRE_CLE": "SECRETE" * 6},
        capture_output=True,
        text=True,
        check=True,
    )
    assert sortie.stdout.split() == ["True", "1"]


def test_une_nuit_tuee_ne_laisse_aucun_lecteur(tmp_path: Path) -> None:
    chemin = _csv(tmp_path, 250_000)
    programme = f"""
import sys, time
from pathlib import Path
from flows.reception.isolement import lire_pieces
from flows.reglages import Bornes
from transforms.lecture.archive import Limites
from transforms.lecture.ouverture import Lecture
lecture = Lecture(Limites(), Path({str(tmp_path)!r}), {{}}, None)
for piece in lire_pieces({NOM!r}, Path({str(chemin)!r}), "sha", lecture, Bornes()):
    feuille = piece.lire()
    print("lit", flush=True)
    time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", programme], stdout=subprocess.PIPE, text=True) as nuit:
        assert nuit.stdout is not None and nuit.stdout.readline() == "lit\n"
        serveurs = _enfants(nuit.pid)
        restants = serveurs + [e for s in serveurs for e in _enfants(s)]
        assert len(restants) == 2
        nuit.kill()
    limite = time.monotonic() + 10
    while any(Path(f"/proc/{p}").exists() and b"flows.reception.isolement" in _programme(p) for p in restants):
        assert time.monotonic() < limite
        time.sleep(0.02)


def _programme(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_une_panne_du_disque_dans_l_enfant_reste_une_panne_du_disque(tmp_path: Path, lecture: Lecture) -> None:
    absente = tmp_path / NOM
    absente.write_text(BON, encoding="utf-8")
    pieces = _lire(absente, lecture)
    piece = next(iter(pieces))
    absente.unlink()
    assert piece.lire is not None
    with pytest.raises(FileNotFoundError):
        piece.lire()


def test_les_reglages_de_lecture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUIMETRE_MEMOIRE_LECTURE_OCTETS", "1000000")
    monkeypatch.setenv("DUIMETRE_DUREE_LECTURE_SECONDES", "7")
    reglages = lire_reglages(tmp_path)
    assert reglages.bornes == Bornes(1_000_000, 7)
    monkeypatch.setenv("DUIMETRE_DUREE_LECTURE_SECONDES", "0")
    with pytest.raises(ReglageInvalide, match="duree_lecture_secondes"):
        lire_reglages(tmp_path)


def test_les_limites_des_reglages_valent_pour_tous_les_formats(tmp_path: Path, lecture: Lecture) -> None:
    etroite = Lecture(Limites(taille_octets=1000), tmp_path, {}, None)
    tampon = io.BytesIO()
    with xlsxwriter.Workbook(tampon, {"in_memory": True}) as classeur:
        classeur.add_worksheet("dossiers").write_row(0, 0, ["finess_et", "id_dossier", "id_personne"])
    (tmp_path / "dossiers_2026-04-01.xlsx").write_bytes(tampon.getvalue())
    assert _refus(tmp_path / "dossiers_2026-04-01.xlsx", etroite, Bornes()) == [("dossiers", "CLASSEUR_DEMESURE")]
