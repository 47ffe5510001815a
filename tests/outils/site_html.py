"""A page of the report as a tree, read strictly: what HTML does not allow is an error, end tags it lets out are put back."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

SEULES = {"meta", "link", "br", "input"}
PHRASE = {"a", "strong", "small", "span", "i"}
# An open element that the start of another one ends (HTML Living Standard, "optional tags").
FERME_PAR = {
    "td": {"td", "th", "tr", "tbody"},
    "th": {"td", "th", "tr", "tbody"},
    "tr": {"tr", "tbody"},
    "thead": {"tbody"},
    "li": {"li"},
    "dt": {"dt", "dd"},
    "dd": {"dt", "dd"},
}
PARENTS = {
    "td": {"tr"},
    "th": {"tr"},
    "tr": {"thead", "tbody"},
    "thead": {"table"},
    "tbody": {"table"},
    "caption": {"table"},
    "li": {"ul"},
    "dt": {"dl"},
    "dd": {"dl"},
}


@dataclass
class Noeud:
    tag: str
    attributs: dict[str, str] = field(default_factory=dict)
    enfants: list[Noeud | str] = field(default_factory=list)

    def tous(self, tag: str = "") -> list[Noeud]:
        """The descendants of a tag (all without one), in the order of the page."""
        trouves = []
        for enfant in self.enfants:
            if isinstance(enfant, Noeud):
                trouves += [enfant] if tag in ("", enfant.tag) else []
                trouves += enfant.tous(tag)
        return trouves

    def par_id(self, identifiant: str) -> Noeud:
        (trouve,) = [n for n in self.tous() if n.attributs.get("id") == identifiant]
        return trouve

    @property
    def texte(self) -> str:
        return " ".join(mot for mot in "".join(self._morceaux()).split(" ") if mot)

    def _morceaux(self) -> list[str]:
        morceaux = []
        for enfant in self.enfants:
            if isinstance(enfant, str):
                morceaux.append(enfant.replace("\n", " "))
            else:
                bloc = enfant.tag in ("small", "span", "p", "dd", "li", "td", "th", "tr")
                morceaux += [" "] * bloc + enfant._morceaux()
        return morceaux

    def lignes(self) -> list[list[str]]:
        """The texts of a table's body, cell by cell."""
        (corps,) = self.tous("tbody")
        return [[c.texte for c in tr.enfants if isinstance(c, Noeud)] for tr in corps.tous("tr")]

    def entetes(self) -> list[str]:
        (tete,) = self.tous("thead")
        return [th.texte for th in tete.tous("th")]


class _Lecteur(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pile = [Noeud("document")]
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        while tag in FERME_PAR.get(self.pile[-1].tag, ()):
            self.pile.pop()
        parent = self.pile[-1].tag
        assert parent in PARENTS.get(tag, {parent}), f"<{tag}> dans <{parent}>"
        if parent in ("p", *PHRASE):
            assert tag in PHRASE, f"<{tag}> dans <{parent}>"
        if parent in ("table", "thead", "tbody", "tr", "ul", "dl"):
            assert parent in PARENTS[tag], f"<{tag}> dans <{parent}>"
        assert len({nom for nom, _ in attrs}) == len(attrs), f"attribut répété dans <{tag}>"
        noeud = Noeud(tag, {nom: valeur or "" for nom, valeur in attrs})
        if identifiant := noeud.attributs.get("id"):
            assert identifiant not in self.ids, f"id répété : {identifiant}"
            self.ids.add(identifiant)
        self.pile[-1].enfants.append(noeud)
        if tag not in SEULES:
            self.pile.append(noeud)

    def handle_endtag(self, tag: str) -> None:
        assert tag not in SEULES
        while self.pile[-1].tag != tag:
            assert self.pile[-1].tag in FERME_PAR or self.pile[-1].tag == "tbody", (
                f"</{tag}> ferme <{self.pile[-1].tag}>"
            )
            self.pile.pop()
        self.pile.pop()

    def handle_data(self, data: str) -> None:
        if self.pile[-1].tag in ("table", "thead", "tbody", "tr", "ul", "dl"):
            assert not data.strip(), f"texte {data!r} dans <{self.pile[-1].tag}>"
        self.pile[-1].enfants.append(data)


def analyser(html: str) -> Noeud:
    """The tree of a page; raises `AssertionError` on the first fault."""
    assert html.startswith("<!doctype html>\n<html lang=fr>")
    lecteur = _Lecteur()
    lecteur.feed(html)
    lecteur.close()
    assert [n.tag for n in lecteur.pile] == ["document"], f"restent ouverts : {[n.tag for n in lecteur.pile]}"
    return lecteur.pile[0]
