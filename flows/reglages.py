"""Settings: the environment first, then `duimetre.toml` of the data root, then the defaults. Read once, here.

`python -m flows.reglages docs` writes their table into docs/exploitation.md.
"""

from __future__ import annotations

import os
import re
import secrets
import sys
import tomllib
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, PositiveInt, ValidationError, model_validator
from pydantic_settings import BaseSettings, InitSettingsSource, SettingsConfigDict, TomlConfigSettingsSource
from pydantic_settings import PydanticBaseSettingsSource as Source

from flows.disque import ecrire_prive
from flows.journal import journal
from schemas.erreurs import ErreurDite
from transforms.lecture.archive import Limites
from transforms.traduction import ENTIER, Texte, fautes

CLE_SURE_CARACTERES = 32
FICHIER = "duimetre.toml"
_PREFIXE = "DUIMETRE_"
_TABLEAU = re.compile(r"(?<=<!-- réglages -->\n).*(?=<!-- fin des réglages -->)", re.DOTALL)


class ReglageInvalide(ErreurDite):
    """A setting that cannot be used; the French message names it."""


@dataclass(frozen=True)
class Bornes:
    """The most that reading one file may take, however big it is: memory, and time of the processor."""

    memoire_octets: int = 2 << 30
    duree_secondes: int = 3600


def _pas_un_oui_non(valeur: object) -> object:
    if isinstance(valeur, bool):  # pydantic takes true for 1
        raise ValueError(ENTIER)
    return valeur


def _fuseau_connu(nom: str) -> str:
    try:
        ZoneInfo(nom)
    except (ZoneInfoNotFoundError, ValueError) as erreur:
        raise ValueError(f"fuseau horaire inconnu : « {nom} » (exemple : Indian/Reunion)") from erreur
    return nom


def _forme(motif: str, attendu: str) -> AfterValidator:
    def juger(valeur: str) -> str:
        if not re.fullmatch(motif, valeur):
            raise ValueError(f"{attendu} est attendue")
        return valeur

    return AfterValidator(juger)


Entier = Annotated[PositiveInt, BeforeValidator(_pas_un_oui_non)]
Adresse = Annotated[Texte, _forme(r"https?://.*", "une adresse http:// ou https://")]
Serveur = Annotated[Texte, _forme(r"[^:]*(:\d*)?", "la forme « hôte » ou « hôte:port »")]


class Reglages(BaseSettings):
    """Where the data is and how the night runs. `data` and `cle` come from the caller or the environment only."""

    model_config = SettingsConfigDict(env_prefix=_PREFIXE, env_ignore_empty=True, frozen=True, extra="forbid")

    data: Annotated[Path, AfterValidator(lambda racine: racine.expanduser().absolute())] = Field(
        Path("data"), validation_alias=f"{_PREFIXE}DATA"
    )
    cle: str | None = Field(None, validation_alias=f"{_PREFIXE}CLE", repr=False)
    fuseau: Annotated[Texte, AfterValidator(_fuseau_connu)] = Field(
        "Europe/Paris", description="fuseau de la région : quel jour on est"
    )
    nuits_conservees: Entier = Field(
        30,
        description="nuits publiées gardées ; le premier de chaque mois, les versions citées par une preuve et celles "
        "qui ont calculé une mesure officielle le sont toujours",
    )
    journaux_conserves: Entier = Field(60, description="fichiers de `staging/journaux/`")
    silence_jours: Entier = Field(45, description="au-delà, un porteur sans dépôt est nommé par `etat`")
    espace_min_octets: Entier = Field(5 << 30, description="au-dessous, le disque est une alarme")
    seuil_publication: Entier = Field(
        11, description="effectif au-dessous duquel un compte est masqué dans l'export public"
    )
    seuil_publication_essms: Entier = Field(
        3, description="nombre d'ESSMS au-dessous duquel leur somme est masquée dans l'export public"
    )
    webhook: Adresse | None = Field(None, description="adresse qui reçoit les alarmes (JSON, clé `text`)")
    mail_serveur: Serveur | None = Field(
        None,
        description="relais SMTP interne (`hôte` ou `hôte:port`, sans mot de passe) ; les trois `mail_` vont ensemble",
    )
    mail_de: Texte | None = Field(None, description="expéditeur des alarmes")
    mail_a: Texte | None = Field(None, description="destinataires des alarmes, séparés par des virgules")
    taille_max_octets: Entier = Field(Limites.taille_octets, description="jusqu'où un dépôt peut se déplier")
    ratio_max: Entier = Field(Limites.ratio, description="combien de fois sa taille un dépôt peut se déplier")
    memoire_lecture_octets: Entier = Field(
        Bornes.memoire_octets, description="mémoire que la lecture d'un fichier peut prendre"
    )
    duree_lecture_secondes: Entier = Field(
        Bornes.duree_secondes, description="temps de processeur que la lecture d'un fichier peut prendre"
    )

    def __init__(self, data: Path | None = None, **valeurs: Any) -> None:
        """The settings of a data root (default: `DUIMETRE_DATA`, then ./data); values given here win over all others."""
        super().__init__(**{cle: v for cle, v in ({f"{_PREFIXE}DATA": data} | valeurs).items() if v is not None})

    @model_validator(mode="after")
    def _mail_entier(self) -> Self:
        if len({valeur is None for valeur in (self.mail_serveur, self.mail_de, self.mail_a)}) > 1:
            raise ValueError("« mail_serveur », « mail_de » et « mail_a » : les trois vont ensemble")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: Source,
        env_settings: Source,
        dotenv_settings: Source,
        file_secret_settings: Source,
    ) -> tuple[Source, ...]:
        """What the caller gives, the environment, the file."""
        assert isinstance(init_settings, InitSettingsSource)
        fichier = _racine(init_settings.init_kwargs.get(f"{_PREFIXE}DATA")) / FICHIER
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, fichier)

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of the region."""
        return ZoneInfo(self.fuseau)

    def aujourd_hui(self, instant: datetime) -> date:
        """The day it is in the region at an instant."""
        return instant.astimezone(self.zone).date()

    @property
    def limites(self) -> Limites:
        """How far a deposit may unpack."""
        return Limites(self.taille_max_octets, self.ratio_max)

    @property
    def bornes(self) -> Bornes:
        """The most that reading one file may take."""
        return Bornes(self.memoire_lecture_octets, self.duree_lecture_secondes)

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

    @property
    def journaux(self) -> Path:
        """One log file per night."""
        return self.staging / "journaux"


def _racine(data: Any) -> Path:
    return Path(data or os.environ.get(f"{_PREFIXE}DATA") or Reglages.model_fields["data"].default).expanduser()


def lire_reglages(data: Path | None = None, *, fuseau: str | None = None) -> Reglages:
    """The settings of a data root; `fuseau` given by the caller wins over them. Raises `ReglageInvalide`, all faults said."""
    try:
        return Reglages(data, fuseau=fuseau)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as erreur:
        raise ReglageInvalide(f"{FICHIER} ne peut pas être lu : {erreur}") from erreur
    except ValidationError as erreur:
        fichier = _racine(data) / FICHIER
        texte = fichier.read_text(encoding="utf-8") if fichier.is_file() else ""
        dites = [f"{_lieu(lieu, texte)} : {phrase}." for lieu, phrase in fautes(erreur, Reglages)]
        raise ReglageInvalide("\n".join(dites)) from erreur


def _lieu(lieu: tuple[int | str, ...], texte: str) -> str:
    """Where a setting was read: variable of the environment, or line of the file."""
    nom = str(lieu[0]) if lieu else ""
    if nom and os.environ.get(variable := f"{_PREFIXE}{nom.upper()}"):
        return variable
    cle = re.search(rf"""^[ \t\["']*{re.escape(nom)}\b""", texte, re.MULTILINE) if nom else None
    return f"{FICHIER}, ligne {texte.count(chr(10), 0, cle.start()) + 1}" if cle else "Réglages"


def avec_tableau(page: str) -> str:
    """docs/exploitation.md with its table of the settings as this class says it."""
    lignes = "".join(
        f"| `{nom}` | {_defaut(nom, champ.default)} | {champ.description} |\n"
        for nom, champ in Reglages.model_fields.items()
        if champ.description
    )
    return _TABLEAU.sub(lambda _: f"| réglage | défaut | sens |\n|---|---|---|\n{lignes}", page)


def _defaut(nom: str, valeur: Any) -> str:
    return f"{valeur >> 30} Gio" if nom.endswith("_octets") else "" if valeur is None else f"`{valeur}`"


def cle_des_pseudonymes(reglages: Reglages) -> bytes:
    """The key of the pseudonyms (§8): `DUIMETRE_CLE`, else the 0600 file of `staging/`, made on the first run.

    A new key would part every person in two: with deposits already staged, a missing file is an error, not a new key.
    Raises `ReglageInvalide`.
    """
    if reglages.cle is not None:
        if len(reglages.cle) < CLE_SURE_CARACTERES:
            journal().warning("DUIMETRE_CLE est courte : %d caractères au moins sont conseillés.", CLE_SURE_CARACTERES)
        return reglages.cle.encode()
    fichier = reglages.staging / "cle"
    if not fichier.exists():
        if reglages.registre.exists():
            raise ReglageInvalide(
                f"La clé des pseudonymes manque ({fichier}) alors que des dépôts sont déjà enregistrés. "
                "Restaurez-la depuis la sauvegarde, ou donnez-la dans DUIMETRE_CLE."
            )
        reglages.staging.mkdir(parents=True, exist_ok=True, mode=0o700)
        provisoire = fichier.with_name(f".cle.{secrets.token_hex(4)}")
        ecrire_prive(provisoire, secrets.token_hex(32).encode())
        provisoire.rename(fichier)
    valeur = fichier.read_text(encoding="ascii").strip()
    if len(valeur) < CLE_SURE_CARACTERES:
        raise ReglageInvalide(f"La clé des pseudonymes est vide ou abîmée : {fichier}")
    return valeur.encode()


if __name__ == "__main__":
    exploitation = Path(sys.argv[1]) / "exploitation.md"
    exploitation.write_text(avec_tableau(exploitation.read_text(encoding="utf-8")), encoding="utf-8")
