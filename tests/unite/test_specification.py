"""docs/specification.md is the contract: what the code cites of it exists, and what it marks as to come is readable."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

RACINE = Path(__file__).resolve().parents[2]
CONTRAT = RACINE / "docs" / "specification.md"
FEUILLES = ("*.py", "*.sql", "*.toml", "*.jinja")
DOSSIERS = ("schemas", "transforms", "flows", "tests", "benchmarks")
# A `§` of another page names that page: `docs/exploitation.md §3`, `[I-2023 annexe 5, AAP-2025 §4.4]`.
CITATION = re.compile(r"(?<!\.md )(?<!AAP-2025 )§ ?([0-9]+(?:\.[0-9]+)?)")
TITRE = re.compile(r"^#{2,3} ([0-9]+(?:\.[0-9]+)?)\b", re.MULTILINE)
MARQUE = re.compile(r"(?:^|(?<=[ *|]))\(à venir\)(?=[ *,.;:)/]|$)", re.MULTILINE)


def citations(texte: str) -> list[str]:
    """Sections that a text cites of the contract."""
    return CITATION.findall(texte)


def defauts_de_marques(texte: str) -> list[str]:
    """Lines where the mark is misspelt, stands in a code span or a title, or comes twice for one thing."""
    return [
        ligne
        for ligne in texte.splitlines()
        if len(re.findall("venir", ligne, re.IGNORECASE)) != len(MARQUE.findall(re.sub(r"`[^`]*`", "", ligne)))
        or (ligne.startswith("#") and "venir" in ligne)
        or re.search(r"\(à venir\)[ *]*\(à venir\)", ligne)
    ]


def test_chaque_section_citee_par_le_code_existe() -> None:
    titres = set(TITRE.findall(CONTRAT.read_text(encoding="utf-8")))
    citees = {
        (section, fichier.relative_to(RACINE).as_posix())
        for dossier in DOSSIERS
        for motif in FEUILLES
        for fichier in (RACINE / dossier).rglob(motif)
        if fichier != Path(__file__).resolve()
        for section in citations(fichier.read_text(encoding="utf-8"))
    }
    assert {"4.6", "6.5", "8"} <= {section for section, _ in citees}  # the search does find citations
    assert sorted((s, f) for s, f in citees if s not in titres) == []


def test_ce_qu_est_une_citation() -> None:
    assert citations("§4.1–§4.3, §6 ; (docs/exploitation.md §9) [AAP-2025 §4.4]") == ["4.1", "4.3", "6"]


def test_les_marques_du_contrat_sont_bien_formees() -> None:
    assert defauts_de_marques(CONTRAT.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("ligne", "fautive"),
    [
        ("(à venir) A sentence. A word (à venir), another.", False),
        ("| (à venir) `recevoir` | **(à venir)** |", False),
        ("A word (a venir).", True),
        ("A word (À venir).", True),
        ("A word(à venir).", True),
        ("`code (à venir)`", True),
        ("### 6.7 Later (à venir)", True),
        ("A word (à venir) (à venir).", True),
    ],
)
def test_une_marque_mal_formee_se_voit(ligne: str, fautive: bool) -> None:
    assert bool(defauts_de_marques(ligne)) == fautive


def test_les_chemins_de_l_architecture_existent() -> None:
    """`docs/architecture.md` names files and folders as they are."""
    page = (RACINE / "docs" / "architecture.md").read_text(encoding="utf-8")
    cites = re.findall(r"`((?:flows|transforms|schemas|tests)/[\w/.]+)`", page)
    assert len(cites) > 20
    assert [c for c in cites if not (RACINE / c).exists()] == []
