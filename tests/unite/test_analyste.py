"""The questions of docs/analyste.md: each query runs on the demo and gives the result printed under it.

`python tests/unite/test_analyste.py` writes the results of the page again.
"""

from __future__ import annotations

import re
from pathlib import Path

import demo_publiee
import duckdb
import pytest

from flows.versions import vues

PAGE = Path(__file__).parents[2] / "docs" / "analyste.md"
_QUESTION = re.compile(r"```sql\n(?P<requete>.*?)```\n\n```text\n(?P<resultat>.*?)```", re.DOTALL)


def repondre(requete: str) -> str:
    """The result of a query as aligned text: names, a rule, rows, null as a dash."""
    with duckdb.connect(str(demo_publiee.version() / "catalogue.duckdb"), read_only=True) as base:
        lignes = base.execute(requete).fetchall()
        noms = [c[0] for c in base.description or []]
    textes = [noms, *(["–" if v is None else _dire(v) for v in ligne] for ligne in lignes)]
    largeurs = [max(len(t[i]) for t in textes) for i in range(len(noms))]
    rendu = ["  ".join(t.ljust(n) for t, n in zip(x, largeurs, strict=True)).rstrip() for x in textes]
    return "\n".join([rendu[0], "  ".join("-" * n for n in largeurs), *rendu[1:]]) + "\n"


def _dire(valeur: object) -> str:
    if isinstance(valeur, bool):
        return "oui" if valeur else "non"
    if isinstance(valeur, list):
        return ", ".join(map(str, valeur))
    return str(valeur)


def questions() -> list[tuple[str, str]]:
    return [(x["requete"], x["resultat"]) for x in _QUESTION.finditer(PAGE.read_text(encoding="utf-8"))]


def test_la_page_pose_dix_questions() -> None:
    assert len(questions()) == 10
    assert len(re.findall("^## [0-9]+\\. ", PAGE.read_text(encoding="utf-8"), re.MULTILINE)) == 10


@pytest.mark.parametrize(("requete", "resultat"), questions())
def test_chaque_requete_donne_le_resultat_imprime(requete: str, resultat: str) -> None:
    assert repondre(requete) == resultat


def test_chaque_macro_est_documentee_et_son_exemple_marche_de_partout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attached under another name, from another folder: what an analyst's own base does."""
    monkeypatch.chdir(tmp_path)
    with duckdb.connect() as base:
        base.execute(f"ATTACH '{demo_publiee.version() / 'catalogue.duckdb'}' AS ars (READ_ONLY)")
        macros = base.execute(
            "SELECT function_name, comment FROM duckdb_functions() WHERE database_name = 'ars' AND NOT internal"
        ).fetchall()
        assert {nom for nom, _ in macros} == {m.nom for m in vues.macros()}
        for nom, commentaire in macros:
            _, _, exemple = commentaire.partition(" Exemple : ")
            assert base.execute(exemple.replace(f"FROM {nom}", f"FROM ars.{nom}")).fetchall(), nom


if __name__ == "__main__":
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(
        _QUESTION.sub(lambda x: f"```sql\n{x['requete']}```\n\n```text\n{repondre(x['requete'])}```", page),
        encoding="utf-8",
    )
