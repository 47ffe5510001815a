"""The typography of French set aside, to look for words."""

from __future__ import annotations


def espaces(texte: str) -> str:
    """The same text with ordinary spaces only."""
    return texte.replace("\u00a0", " ").replace("\u202f", " ")
