"""Archives (specification §4, §5): what is judged before anything is unpacked, and what comes out."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from transforms.lecture.archive import MEMBRES_MAX, RATIO_JUGE_AU_DELA_OCTETS, Limites, extraire
from transforms.lecture.modele import LectureImpossible
from transforms.lecture.ouverture import Fichier, Lecture, Piece, membres


def _zip(tmp_path: Path, contenus: Mapping[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    chemin = tmp_path / "recu"
    with zipfile.ZipFile(chemin, "w", compression) as archive:
        for nom, contenu in contenus.items():
            archive.writestr(nom, contenu)
    return chemin


def _code(archive: Path, limites: Limites | None = None) -> str | None:
    sortie = archive.parent / "sortie"
    sortie.mkdir(exist_ok=True)
    try:
        for membre in extraire(archive, sortie, limites or Limites()):
            if membre.erreur:
                return membre.erreur.code
    except LectureImpossible as erreur:
        return erreur.code
    return None


def test_les_membres_viennent_dans_l_ordre_sous_des_noms_a_nous(tmp_path: Path) -> None:
    sortie = tmp_path / "sortie"
    sortie.mkdir()
    archive = _zip(tmp_path, {"../b.csv": b"2", "a\\..\\..\\c.csv": b"3", "/etc/a.csv": b"1"})
    vus = []
    for membre in extraire(archive, sortie, Limites()):
        assert [p.name for p in sortie.iterdir()] == [membre.copie.name]  # the one before is gone
        vus.append((membre.nom, membre.copie.parent, membre.copie.read_bytes()))
    assert vus == [("../b.csv", sortie, b"2"), ("/etc/a.csv", sortie, b"1"), ("a/../../c.csv", sortie, b"3")]
    assert list(sortie.iterdir()) == []
    assert sorted(p.name for p in tmp_path.iterdir()) == ["recu", "sortie"]


def test_la_taille_a_une_limite(tmp_path: Path) -> None:
    archive = _zip(tmp_path, {"a.csv": bytes(600), "b.csv": bytes(400)})
    assert _code(archive, Limites(taille_octets=1000)) is None
    assert _code(archive, Limites(taille_octets=999)) == "ARCHIVE_DEMESUREE"


def test_le_taux_ne_compte_que_pour_ce_qui_est_grand(tmp_path: Path) -> None:
    petit = _zip(tmp_path, {"a.csv": bytes(RATIO_JUGE_AU_DELA_OCTETS)}, zipfile.ZIP_DEFLATED)
    assert _code(petit) is None
    grand = _zip(tmp_path, {"a.csv": bytes(RATIO_JUGE_AU_DELA_OCTETS + 1)}, zipfile.ZIP_DEFLATED)
    assert _code(grand) == "ARCHIVE_DEMESUREE"
    assert _code(grand, Limites(ratio=5000)) is None


def test_le_nombre_de_fichiers_a_une_limite(tmp_path: Path) -> None:
    contenus = {f"{i}.csv": b"" for i in range(MEMBRES_MAX)}
    assert _code(_zip(tmp_path, contenus)) is None
    assert _code(_zip(tmp_path, contenus | {"un de plus.csv": b""})) == "ARCHIVE_DEMESUREE"


@pytest.mark.parametrize("nom", ["x.zip", "X.ZIP", "d/x.7z", "x.rar", "x.tar", "x.tar.gz", "x.tgz", "x.tar.xz"])
def test_une_archive_dans_une_archive_refuse_tout(tmp_path: Path, nom: str) -> None:
    assert _code(_zip(tmp_path, {"dossiers_2026-04-01.csv": b"x", nom: b"x"})) == "ARCHIVE_IMBRIQUEE"


def test_un_csv_gz_n_est_pas_une_archive(tmp_path: Path) -> None:
    assert _code(_zip(tmp_path, {"dossiers_2026-04-01.csv.gz": b"x"})) is None


def test_rien_n_est_copie_quand_l_archive_est_refusee(tmp_path: Path) -> None:
    _code(_zip(tmp_path, {"a.csv": b"x", "b.zip": b"x"}))
    assert list((tmp_path / "sortie").iterdir()) == []


def test_un_membre_abime_ne_prive_pas_des_autres(tmp_path: Path) -> None:
    archive = _zip(tmp_path, {"a.csv": b"A" * 50, "b.csv": b"B" * 50, "c.csv": b"C" * 50})
    archive.write_bytes(archive.read_bytes().replace(b"B" * 50, b"X" * 50))
    sortie = tmp_path / "sortie"
    sortie.mkdir()
    recus = [(m.nom, m.erreur.code if m.erreur else m.copie.read_bytes()) for m in extraire(archive, sortie, Limites())]
    assert recus == [("a.csv", b"A" * 50), ("b.csv", "FICHIER_ILLISIBLE"), ("c.csv", b"C" * 50)]


def test_deux_membres_abimes_restent_deux(tmp_path: Path) -> None:
    archive = _zip(tmp_path, {"a.csv": b"A" * 50, "b.csv": b"A" * 50})
    archive.write_bytes(archive.read_bytes().replace(b"A" * 50, b"X" * 50))
    sortie = tmp_path / "sortie"
    sortie.mkdir()
    assert len({m.sha256 for m in extraire(archive, sortie, Limites())}) == 2


def test_un_membre_en_cours_d_ecriture_est_laisse_et_une_archive_sans_autre_est_vide(tmp_path: Path) -> None:
    def lus(contenus: Mapping[str, bytes]) -> list[str]:
        archive = Fichier("x.zip", "", _zip(tmp_path, contenus), "sha")
        return [
            m.erreur.code if isinstance(m, Piece) and m.erreur else m.membre
            for m in membres(archive, Lecture(Limites(), tmp_path, {}, None))
        ]

    assert lus({"a.csv": b"x", "b.csv.part": b"x", "~$c.xlsx": b"x"}) == ["a.csv"]
    assert lus({"b.csv.part": b"x"}) == ["ARCHIVE_VIDE"]


def test_une_archive_de_zip64_passe(tmp_path: Path) -> None:
    chemin, tampon = tmp_path / "recu", io.BytesIO()
    with zipfile.ZipFile(tampon, "w") as archive, archive.open("a.csv", "w", force_zip64=True) as flux:
        flux.write(b"x")
    chemin.write_bytes(tampon.getvalue())
    assert _code(chemin) is None
