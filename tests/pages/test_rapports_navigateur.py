"""The report in a real browser: its charts are drawn from its tables, axe-core finds no violation, nothing leaves the page."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from datetime import date
from pathlib import Path

import pytest
from region_publiee import CIBLES, region
from test_accessibilite import CHROMIUM, axe, pytestmark  # noqa: F401 - the same condition to run

from transforms.pages.rapport import pages
from transforms.pages.rapport.pages import ecrire_statiques

NATURES = {
    "index.html": "",
    "projets.html": "",
    "aptitude.html": "",
    "essms.html": "",
    "porteurs/porteur-0.html": "porteurs",
    "projets/projet-0.html": "projets",
    "essms/000000007.html": "essms",
}
SANS_COURBE = {"essms.html", "projets.html", "aptitude.html", "projets/projet-0.html"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    racine = tmp_path_factory.mktemp("rapports")
    for dossier in ("essms", "porteurs", "projets"):
        (racine / dossier).mkdir()
    for chemin, html in pages(region(80, [date(2026, m, 1) for m in (1, 2, 3, 4)])):
        (racine / chemin).write_text(html, encoding="utf-8")
    ecrire_statiques(racine / "statiques")
    return racine


def afficher(page: Path, travail: Path, largeur: int) -> tuple[str, list[str]]:
    """The page once its scripts have run, and the addresses it asked the network for."""
    assert CHROMIUM is not None, "Chromium est demandé (DUIMETRE_CHROMIUM) et absent"
    trace = travail / "reseau.json"
    options = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    options += " --disable-component-update --disable-sync --virtual-time-budget=20000 --dump-dom"
    rendu = subprocess.run(
        [
            CHROMIUM,
            *options.split(),
            f"--user-data-dir={travail / 'profil'}",
            f"--window-size={largeur},1600",
            f"--log-net-log={trace}",
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    ).stdout
    evenements = json.loads(trace.read_text(encoding="utf-8"))["events"]
    demandes = [e["params"] for e in evenements if "url" in e.get("params", {}) and "initiator" in e["params"]]
    # What the browser asks for itself (the time, its updates) comes from no origin.
    return rendu, [d["url"] for d in demandes if d["initiator"] != "not an origin"]


@pytest.mark.parametrize("largeur", [1280, 390])
@pytest.mark.parametrize("chemin", NATURES)
def test_aucune_faute_d_accessibilite(site: Path, chemin: str, largeur: int, tmp_path: Path) -> None:
    rendu, demandes = afficher(site / chemin, tmp_path, largeur)
    assert not demandes
    dessins = re.findall(r'<svg[^>]*role="img"[^>]*aria-label="([^"]+)"', rendu.replace("&nbsp;", " "))
    # Two windows: two sets of bars on the first page, two sets of curves there and on the porteur's.
    attendus = {"index.html": 4, "porteurs/porteur-0.html": 2}.get(chemin, int(chemin not in SANS_COURBE)) * len(CIBLES)
    assert len(dessins) == attendus, "one chart per indicator that has a target"
    courbes = [dit for dit in dessins if re.search(r"\d{2}/\d{2}/\d{4} : ", dit)]
    de_sommes = courbes if chemin in ("index.html", "porteurs/porteur-0.html") else []
    assert all(" ESSMS)" in dit and "Panel constant : " in dit for dit in de_sommes)
    assert rendu.count("<small>panel constant : ") == len(de_sommes) == (0 if not de_sommes else 2 * len(CIBLES))
    assert all("Valeurs dans le tableau qui suit." in dit for dit in dessins)
    assert ('class="filtres"' in rendu) == (chemin not in ("index.html", "projets.html", "essms/000000007.html"))
    # The page as the scripts left it: they need not run again.
    fige = re.sub(r"<script.*?</script>", "", rendu, flags=re.DOTALL)
    copie = shutil.copytree(site / "statiques", tmp_path / "statiques").parent
    dossier = copie / NATURES[chemin]
    dossier.mkdir(exist_ok=True)
    bilan = axe(fige, dossier, largeur)
    assert bilan["violations"] == []
    assert int(str(bilan["passes"])) > 15


def test_une_demande_au_dehors_se_voit(site: Path, tmp_path: Path) -> None:
    ailleurs = "http://127.0.0.1:9/image.png"
    page = site / "dehors.html"
    page.write_text(
        (site / "index.html").read_text("utf-8").replace("<h1>", f"<img src={ailleurs} alt=''><h1>"), "utf-8"
    )
    _, demandes = afficher(page, tmp_path, 1280)
    assert set(demandes) == {ailleurs}
