"""axe-core on the pages the porteurs read, in a real browser (colours and sizes count): no violation, at desk and phone width.

Needs Chromium: `.ci/run` installs it and asks for this test (DUIMETRE_CHROMIUM=1 makes its absence a failure); elsewhere it is
skipped where there is none.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from datetime import UTC, date, datetime
from html import unescape
from importlib.resources import files
from pathlib import Path

import pytest
from conftest import Region
from scenario import nuit_directe

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None and not os.environ.get("DUIMETRE_CHROMIUM"), reason="Chromium n'est pas installé"
)

_REGLES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
_LANCER = """
axe.run(document, {runOnly: %s, resultTypes: ["violations", "incomplete"]}).then(resultat => {
  const dire = listes => listes.map(r => ({id: r.id, ou: r.nodes.map(n => n.html.slice(0, 200))}));
  const bilan = document.createElement("pre");
  bilan.id = "axe";
  bilan.textContent = JSON.stringify({violations: dire(resultat.violations), passes: resultat.passes.length,
    contraste: resultat.incomplete.filter(r => r.id === "color-contrast").length});
  document.body.append(bilan);
});
"""


def axe(page: str, travail: Path, largeur: int) -> dict[str, object]:
    """What axe-core says of a page at a width in pixels: the rules it breaks and how many it keeps."""
    assert CHROMIUM is not None, "Chromium est demandé (DUIMETRE_CHROMIUM) et absent"
    moteur = (
        files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8").replace("</script", "<\\/script")
    )
    essai = travail / "essai.html"
    lancer = _LANCER % json.dumps(_REGLES)
    essai.write_text(
        page.replace("</body>", f"<script>{moteur}</script><script>{lancer}</script></body>"), encoding="utf-8"
    )
    options = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    options += " --disable-component-update --disable-sync --virtual-time-budget=60000 --dump-dom"
    rendu = subprocess.run(
        [
            CHROMIUM,
            *options.split(),
            f"--user-data-dir={travail / 'profil'}",
            f"--window-size={largeur},1600",
            essai.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    ).stdout
    trouve = re.search(r'<pre id="axe">(.*?)</pre>', rendu, re.DOTALL)
    assert trouve, rendu[-500:]
    bilan: dict[str, object] = json.loads(unescape(trouve[1]))
    return bilan


@pytest.fixture(scope="module")
def pages(region: Region, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The page of a porteur, and its acknowledgements: accepted, with rejected rows, refused."""
    racine = region.copier(tmp_path_factory.mktemp("pages"))
    nuit_directe(racine, [date(2026, 4, 1)], datetime(2026, 4, 2, 2, tzinfo=UTC))
    trouvees: dict[str, str] = {}
    for fichier in sorted((racine / "retours").glob("*/**/*.html")):
        nature = "index"
        if fichier.name != "index.html":
            nature = json.loads(fichier.with_suffix(".json").read_text(encoding="utf-8"))["statut"]
        html = fichier.read_text(encoding="utf-8")
        trouvees[nature] = max(trouvees.get(nature, ""), html, key=len)
    return trouvees


@pytest.mark.parametrize("largeur", [1280, 390])
@pytest.mark.parametrize("nature", ["index", "accepte", "accepte_avec_rejets", "refuse"])
def test_aucune_faute_d_accessibilite(pages: dict[str, str], nature: str, largeur: int, tmp_path: Path) -> None:
    bilan = axe(pages[nature], tmp_path, largeur)
    assert bilan["violations"] == []
    assert int(str(bilan["passes"])) > 15, "axe looked at the page"


def test_axe_voit_les_fautes(pages: dict[str, str], tmp_path: Path) -> None:
    """A page without its language, a table header and its contrast is not let through."""
    faute = pages["index"].replace('lang="fr"', "").replace("--gris:#525a6b", "--gris:#b5b9c2")
    fautes = {v["id"] for v in axe(faute, tmp_path, 1280)["violations"]}  # type: ignore[attr-defined]
    assert {"html-has-lang", "color-contrast"} <= fautes
