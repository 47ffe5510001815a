"""The porteurs' pages hold on a phone (375 px) and on paper (A4): nothing to scroll sideways, no cell cropped, no word cut.

Needs Chromium, as `test_accessibilite` says.
"""

from __future__ import annotations

import json
import re
import subprocess
from datetime import timedelta
from html import escape, unescape
from pathlib import Path

import pytest
from test_accessibilite import CHROMIUM, pages, pytestmark  # noqa: F401 - the same pages, the same condition to run
from test_mots import page
from test_retours import D, accuse, constats, partie

from transforms.pages.porteur.accuse import en_html

TELEPHONE = 375
# 210 mm less the margins of the style, at 96 pixels an inch.
FEUILLE = round((210 - 2 * 12) / 25.4 * 96)
_LONG = "export_definitif_mises_a_jour_du_logiciel_" + "x" * 120 + ".csv"

# A frame has the width asked for, which a window of Chromium has not under 500 pixels.
_MESURER = """
addEventListener("load", () => {
  const page = document.getElementById("cadre").contentDocument, largeur = page.documentElement.clientWidth;
  const dehors = [], coupes = [], trou = document.createElement("pre");
  const cache = element => {
    const zone = element.closest(".invisible, .evitement, thead");
    return zone && page.defaultView.getComputedStyle(zone).position === "absolute";
  };
  for (const cellule of page.querySelectorAll("main *, header *")) {
    if (cache(cellule)) continue;
    const boite = cellule.getBoundingClientRect();
    if (boite.width && (boite.right > largeur + 1 || boite.left < -1)) dehors.push(cellule.outerHTML.slice(0, 90));
    if (cellule.matches("td, th") && cellule.scrollWidth > cellule.clientWidth + 1) coupes.push(cellule.outerHTML.slice(0, 90));
  }
  const mots = page.createTreeWalker(page.body, NodeFilter.SHOW_TEXT), casses = [];
  for (let noeud; (noeud = mots.nextNode());) {
    if (noeud.parentElement.closest("style") || cache(noeud.parentElement)) continue;
    for (const mot of noeud.data.matchAll(/(?<![\\p{L}\\d_.-])[\\p{L}\\d_]{3,22}(?![\\p{L}\\d_.-])/gu)) {
      const etendue = page.createRange();
      etendue.setStart(noeud, mot.index); etendue.setEnd(noeud, mot.index + mot[0].length);
      const hauts = new Set([...etendue.getClientRects()].filter(r => r.width).map(r => Math.round(r.top)));
      if (hauts.size > 1) casses.push(mot[0]);
    }
  }
  trou.id = "mesures";
  trou.textContent = JSON.stringify({largeur: page.documentElement.scrollWidth, dehors, coupes, casses});
  document.body.append(trou);
});
"""


def mesurer(html: str, travail: Path, largeur: int) -> dict[str, object]:
    """The width a page asks for in a frame of `largeur` pixels, what sticks out of it or of its cell, the words cut in two."""
    assert CHROMIUM is not None, "Chromium est demandé (DUIMETRE_CHROMIUM) et absent"
    essai = travail / "cadre.html"
    cadre = f'<iframe id="cadre" style="border:0;width:{largeur}px;height:3000px" srcdoc="{escape(html)}"></iframe>'
    essai.write_text(f'<!doctype html><meta charset="utf-8"><script>{_MESURER}</script>{cadre}', encoding="utf-8")
    options = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    options += " --disable-component-update --disable-sync --hide-scrollbars --virtual-time-budget=20000 --dump-dom"
    profil = f"--user-data-dir={travail / 'profil'}"
    rendu = subprocess.run(
        [CHROMIUM, *options.split(), profil, essai.as_uri()], capture_output=True, text=True, timeout=120, check=True
    ).stdout
    trouve = re.search(r'<pre id="mesures">(.*?)</pre>', rendu, re.DOTALL)
    assert trouve, rendu[-500:]
    mesures: dict[str, object] = json.loads(unescape(trouve[1]))
    return mesures


def imprimee(html: str) -> str:
    """The page with the style it has on paper."""
    assert "@media print" in html and "@media screen and" in html
    return re.sub(r"@media (screen and )?\(max-width", "@media not all and (max-width", html).replace(
        "@media print", "@media all"
    )


@pytest.fixture(scope="module")
def toutes(pages: dict[str, str]) -> dict[str, str]:  # noqa: F811 - the fixture
    """Those of a night, and two with long names, long values and every kind of action."""
    hostile = accuse(partie(constats(3, valeur="V" * 300), membre=_LONG), partie(constats(2), table="mises_a_jour"))
    return pages | {
        "accuse_long": en_html(hostile),
        "index_long": page(D + timedelta(days=10), 2).replace("sejours_2026-04-01.csv", _LONG).replace("x.csv", _LONG),
    }


_NATURES = ["index", "accepte", "accepte_avec_rejets", "refuse", "accuse_long", "index_long"]


@pytest.mark.parametrize("nature", _NATURES)
def test_une_page_tient_sur_un_telephone(toutes: dict[str, str], nature: str, tmp_path: Path) -> None:
    vu = mesurer(toutes[nature], tmp_path, TELEPHONE)
    assert vu == {"largeur": TELEPHONE, "dehors": [], "coupes": [], "casses": []}


@pytest.mark.parametrize("nature", _NATURES)
def test_une_page_tient_sur_une_feuille(toutes: dict[str, str], nature: str, tmp_path: Path) -> None:
    vu = mesurer(imprimee(toutes[nature]), tmp_path, FEUILLE)
    assert vu == {"largeur": FEUILLE, "dehors": [], "coupes": [], "casses": []}


def test_ce_qui_depasse_se_voit(toutes: dict[str, str], tmp_path: Path) -> None:
    large = toutes["index"].replace("</main>", "<table><tr><td style='min-width:450px'>x</td></tr></table></main>")
    vu = mesurer(large, tmp_path, TELEPHONE)
    assert int(str(vu["largeur"])) > TELEPHONE and vu["dehors"]
    etroit = toutes["index"].replace("<p>", '<p style="width:3rem;overflow-wrap:anywhere">', 1)
    assert mesurer(etroit, tmp_path, TELEPHONE)["casses"]
