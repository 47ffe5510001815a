"""What pydantic finds wrong in a file that people write (settings, editors' profiles, rule sets), said in French."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Annotated, Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Texte = Annotated[str, Field(pattern=r"\S")]

ENTIER = "un nombre entier positif est attendu"
_LIGNES = "des lignes « nom = valeur » sont attendues"
_PHRASES = {
    "missing": "« {cle} » manque",
    "extra_forbidden": "« {cle} » n'a pas de sens ({conseil})",
    "value_error": "« {cle} » : {error}",
    "too_short": "« {cle} » : il en faut au moins {min_length}",
    "bool_type": "« {cle} » : true ou false est attendu",
    "literal_error": "« {cle} » : {expected} est attendu",
    **dict.fromkeys(("string_type", "string_pattern_mismatch"), "« {cle} » : un texte est attendu"),
    **dict.fromkeys(("tuple_type", "frozen_set_type"), "« {cle} » : une liste est attendue"),
    **dict.fromkeys(("dict_type", "model_type"), f"« {{cle}} » : {_LIGNES}"),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float", "greater_than"), f"« {{cle}} » : {ENTIER}"),
}


class Saisie(BaseModel):
    """What people write in a TOML file."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        str_strip_whitespace=True,
        json_schema_extra=lambda schema: schema.pop("description", None),  # the docstring is no text for people
    )


S = TypeVar("S", bound=Saisie)


def analyser_toml(contenu: bytes) -> dict[str, Any]:
    """What a file says. Raises ValueError when it is no TOML."""
    try:
        return tomllib.loads(contenu.decode("utf-8"))
    except ValueError as erreur:
        raise ValueError(f"ne peut pas être lu : {erreur}") from erreur


def comprendre(modele: type[S], valeurs: Mapping[str, Any]) -> S:
    """Judge what a file says. Raises ValueError with all its faults, each with its place: `fichiers n° 1, tables n° 2 : …`."""
    try:
        return modele.model_validate(valeurs)
    except ValidationError as erreur:
        dites = [f"{_nommer(lieu[: -_mots(lieu)])} : {phrase}".strip(" :") for lieu, phrase in fautes(erreur, modele)]
        raise ValueError(f"ne peut pas être utilisé : {' ; '.join(dites)}.") from erreur


def fautes(erreur: ValidationError, modele: type[BaseModel]) -> Iterator[tuple[tuple[int | str, ...], str]]:
    """Each fault: its place in the file (keys, and ranks from 0), and a sentence that names the last key and the cure."""
    for faute in erreur.errors():
        lieu = faute["loc"]
        if not lieu:
            yield lieu, str(faute["ctx"]["error"])  # said by a validator of the whole
            continue
        mots: dict[str, Any] = {"cle": _nommer(lieu[-_mots(lieu) :]), **faute.get("ctx", {})}
        if faute["type"] == "literal_error":
            mots["expected"] = mots["expected"].replace(" or ", " ou ")
        if faute["type"] == "extra_forbidden":
            mots["conseil"] = _conseil(str(lieu[-1]), _cles(modele, lieu[:-1]))
        yield lieu, _PHRASES[faute["type"]].format_map(mots)


def _mots(lieu: tuple[int | str, ...]) -> int:
    """How many parts of a place name the faulty thing: a key, or a key and a rank."""
    return 2 if lieu and isinstance(lieu[-1], int) else 1


def _nommer(lieu: tuple[int | str, ...]) -> str:
    return "".join(f" n° {cle + 1}" if isinstance(cle, int) else f", {cle}" for cle in lieu).strip(" ,")


def _conseil(cle: str, connues: list[str]) -> str:
    proches = get_close_matches(cle, connues, n=1)
    return f"vouliez-vous dire « {proches[0]} » ?" if proches else f"attendu : {', '.join(connues)}"


def _cles(modele: type[BaseModel], lieu: tuple[int | str, ...]) -> list[str]:
    """The keys that may stand at a place of a file; those that only the environment gives (an alias) are not among them."""
    for cle in lieu:
        if isinstance(cle, str) and cle in modele.model_fields:
            annotation: Any = modele.model_fields[cle].annotation
            while dedans := [a for a in get_args(annotation) if isinstance(a, type) and a is not type(None)]:
                annotation = dedans[-1]  # of `tuple[M, ...]`, `dict[str, M]`, `M | None`
            modele = annotation
    return [nom for nom, champ in modele.model_fields.items() if champ.validation_alias is None]
