"""The catalogue of findings (`constats.toml`): what can be said about a file, and to whom. `transforms/dire` says it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

Niveau = Literal["fichier", "ligne", "avertissement"]


@dataclass(frozen=True)
class Constat:
    """One kind of finding: a stable code, its level, the French texts, and whether the received value may be published."""

    code: str
    niveau: Niveau
    message: str
    que_faire: str
    exemple: str
    publiable: bool = False


@cache
def catalogue() -> Mapping[str, Constat]:
    """All findings by code."""
    brut = tomllib.loads(files("schemas").joinpath("constats.toml").read_text(encoding="utf-8"))
    return {code: Constat(code, **valeurs) for code, valeurs in brut.items()}
