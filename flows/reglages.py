"""Settings: the environment first, then `duimetre.toml` of the data root, then the defaults. Read once, here."""

from __future__ import annotations

import os
import secrets
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from transforms.lecture.archive import Limites

DOSSIER_PAR_DEFAUT = Path("data")


class ReglageInvalide(Exception):
    """A setting that cannot be used; the French message names it."""


@dataclass(frozen=True)
class Reglages:
    """Where the data is and how the night runs.

    `fuseau`: time zone of the region, which says what day it is. `limites`: how far a deposit may unpack.
    """

    data: Path
    fuseau: str = "Europe/Paris"
    limites: Limites = field(default_factory=Limites)
    cle_hexa: str | None = None

    @property
    def raw(self) -> Path:
        """Drop folders and registers, never written."""
        return self.data / "raw"

    @property
    def depots(self) -> Path:
        """One drop folder per porteur."""
        return self.raw / "depots"

    @property
    def referentiels(self) -> Path:
        """projets.csv, bal.csv, the FINESS file."""
        return self.raw / "referentiels"

    @property
    def staging(self) -> Path:
        """Private: validated and pseudonymised rows, register of deposits."""
        return self.data / "staging"

    @property
    def curated(self) -> Path:
        """Published versions."""
        return self.data / "curated"

    @property
    def retours(self) -> Path:
        """What goes back to each porteur."""
        return self.data / "retours"

    @property
    def registre(self) -> Path:
        """The register of deposits."""
        return self.staging / "registre.sqlite"


def lire(data: Path | None = None, environnement: Mapping[str, str] | None = None) -> Reglages:
    """The settings of a data root. Raises `ReglageInvalide`."""
    env = os.environ if environnement is None else environnement
    racine = (data or Path(env.get("DUIMETRE_DATA") or DOSSIER_PAR_DEFAUT)).expanduser().absolute()
    fichier = racine / "duimetre.toml"
    brut: dict[str, object] = {}
    if fichier.is_file():
        try:
            brut = tomllib.loads(fichier.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as erreur:
            raise ReglageInvalide(f"duimetre.toml ne peut pas être lu : {erreur}") from erreur
    inconnus = set(brut) - {"fuseau", "taille_max_octets", "ratio_max"}
    if inconnus:
        raise ReglageInvalide(f"duimetre.toml : réglage inconnu « {sorted(inconnus)[0]} ».")
    fuseau = env.get("DUIMETRE_FUSEAU") or str(brut.get("fuseau", "Europe/Paris"))
    try:
        ZoneInfo(fuseau)
    except (ZoneInfoNotFoundError, ValueError) as erreur:
        raise ReglageInvalide(f"Fuseau horaire inconnu : « {fuseau} » (exemple : Indian/Reunion).") from erreur
    defaut = Limites()
    return Reglages(
        data=racine,
        fuseau=fuseau,
        limites=Limites(
            taille_octets=_entier(brut, "taille_max_octets", defaut.taille_octets),
            ratio=_entier(brut, "ratio_max", defaut.ratio),
        ),
        cle_hexa=env.get("DUIMETRE_CLE") or None,
    )


def _entier(brut: Mapping[str, object], nom: str, defaut: int) -> int:
    valeur = brut.get(nom, defaut)
    if not isinstance(valeur, int) or isinstance(valeur, bool) or valeur <= 0:
        raise ReglageInvalide(f"duimetre.toml : « {nom} » doit être un nombre entier positif.")
    return valeur


def cle_des_pseudonymes(reglages: Reglages) -> bytes:
    """The key of the pseudonyms (§8): `DUIMETRE_CLE`, else the 0600 file of `staging/`, made on the first run.

    A new key would part every person in two: with deposits already staged, a missing file is an error, not a new key.
    Raises `ReglageInvalide`.
    """
    if reglages.cle_hexa is not None:
        if len(reglages.cle_hexa) < 32:
            raise ReglageInvalide("DUIMETRE_CLE doit avoir au moins 32 caractères.")
        return reglages.cle_hexa.encode()
    fichier = reglages.staging / "cle"
    if not fichier.exists():
        if reglages.registre.exists():
            raise ReglageInvalide(
                f"La clé des pseudonymes manque ({fichier}) alors que des dépôts sont déjà enregistrés. "
                "Restaurez-la depuis la sauvegarde, ou donnez-la dans DUIMETRE_CLE."
            )
        reglages.staging.mkdir(parents=True, exist_ok=True, mode=0o700)
        provisoire = fichier.with_name(f".cle.{secrets.token_hex(4)}")
        descripteur = os.open(provisoire, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descripteur, "w", encoding="ascii") as flux:
            flux.write(secrets.token_hex(32))
            flux.flush()
            os.fsync(flux.fileno())
        provisoire.rename(fichier)
    valeur = fichier.read_text(encoding="ascii").strip()
    if len(valeur) < 32:
        raise ReglageInvalide(f"La clé des pseudonymes est vide ou abîmée : {fichier}")
    return valeur.encode()
