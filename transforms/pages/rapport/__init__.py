"""The report: one static site made from the tables of a version (specification §1, §3; no server, no network)."""

from transforms.pages.rapport.pages import ecrire, pages

__all__ = ["ecrire", "pages"]
