"""Settings: the environment first, then `duimetre.toml` of the data root, then the defaults. Read once, here."""

from __future__ import annotations

import os
import secrets
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flows.journal import journal
from transforms.lecture.archive import Limites

DOSSIER_PAR_DEFAUT = Path("data")
CLE_SURE_CARACTERES = 32
# Each one may stand in duimetre.toml, or in the environment as DUIMETRE_<NAME>.
_ENTIERS = (
    "taille_max_octets",
    "ratio_max",
    "memoire_lecture_octets",
    "duree_lecture_secondes",
    "nuits_conservees",
    "journaux_conserves",
    "silence_jours",
    "espace_min_octets",
    "seuil_publication",
)
_TEXTES = ("fuseau", "webhook", "mail_serveur", "mail_de", "mail_a")


class ReglageInvalide(Exception):
    """A setting that cannot be used; the French message names it."""


@dataclass(frozen=True)
class Bornes:
    """The most that reading one file may take, however big it is: memory, and time of the processor."""

    memoire_octets: int = 2 << 30
    duree_secondes: int = 3600


@dataclass(frozen=True)
class Reglages:
    """Where the data is and how the night runs.

    `fuseau`: time zone of the region, which says what day it is. `limites`: how far a deposit may unpack. `bornes`:
    the most that reading one file may take.
    `nuits_conservees`, `journaux_conserves`: versions and logs kept. `silence_jours`: a porteur without a deposit for
    longer is named by `duimetre etat`. `espace_min_octets`: below it the disk is an alert. `seuil_publication`: counts below
    it are hidden in `territoires` and in public exports. `webhook`, `mail_serveur`
    (`hôte[:port]`), `mail_de`, `mail_a` (comma-separated): where a failed or absent night is told.
    """

    data: Path
    fuseau: str = "Europe/Paris"
    limites: Limites = field(default_factory=Limites)
    bornes: Bornes = field(default_factory=Bornes)
    cle: str | None = None
    nuits_conservees: int = 30
    journaux_conserves: int = 60
    silence_jours: int = 45
    espace_min_octets: int = 5 * 2**30
    seuil_publication: int = 11
    webhook: str | None = None
    mail_serveur: str | None = None
    mail_de: str | None = None
    mail_a: str | None = None

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


def lire(
    data: Path | None = None, environnement: Mapping[str, str] | None = None, *, fuseau: str | None = None
) -> Reglages:
    """The settings of a data root; `fuseau` given by the caller wins over them. Raises `ReglageInvalide`."""
    env = os.environ if environnement is None else environnement
    racine = (data or Path(env.get("DUIMETRE_DATA") or DOSSIER_PAR_DEFAUT)).expanduser().absolute()
    fichier = racine / "duimetre.toml"
    brut: dict[str, object] = {}
    if fichier.is_file():
        try:
            brut = tomllib.loads(fichier.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as erreur:
            raise ReglageInvalide(f"duimetre.toml ne peut pas être lu : {erreur}") from erreur
    inconnus = set(brut) - {*_ENTIERS, *_TEXTES}
    if inconnus:
        raise ReglageInvalide(f"duimetre.toml : réglage inconnu « {sorted(inconnus)[0]} ».")
    brut |= {nom: valeur for nom in (*_ENTIERS, *_TEXTES) if (valeur := env.get(f"DUIMETRE_{nom.upper()}"))}
    fuseau = fuseau or _texte(brut, "fuseau") or "Europe/Paris"
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
        bornes=Bornes(
            memoire_octets=_entier(brut, "memoire_lecture_octets", Bornes.memoire_octets),
            duree_secondes=_entier(brut, "duree_lecture_secondes", Bornes.duree_secondes),
        ),
        cle=env.get("DUIMETRE_CLE") or None,
        nuits_conservees=_entier(brut, "nuits_conservees", Reglages.nuits_conservees),
        journaux_conserves=_entier(brut, "journaux_conserves", Reglages.journaux_conserves),
        silence_jours=_entier(brut, "silence_jours", Reglages.silence_jours),
        espace_min_octets=_entier(brut, "espace_min_octets", Reglages.espace_min_octets),
        seuil_publication=_entier(brut, "seuil_publication", Reglages.seuil_publication),
        webhook=_webhook(brut),
        **_mail(brut),
    )


def _entier(brut: Mapping[str, object], nom: str, defaut: int) -> int:
    valeur = brut.get(nom, defaut)
    if isinstance(valeur, str) and valeur.isascii() and valeur.isdigit():
        valeur = int(valeur)
    if not isinstance(valeur, int) or isinstance(valeur, bool) or valeur <= 0:
        raise ReglageInvalide(f"Réglage « {nom} » : un nombre entier positif est attendu.")
    return valeur


def _texte(brut: Mapping[str, object], nom: str) -> str | None:
    valeur = brut.get(nom)
    if valeur is not None and (not isinstance(valeur, str) or not valeur.strip()):
        raise ReglageInvalide(f"Réglage « {nom} » : un texte est attendu.")
    return valeur


def _webhook(brut: Mapping[str, object]) -> str | None:
    adresse = _texte(brut, "webhook")
    if adresse is not None and not adresse.startswith(("http://", "https://")):
        raise ReglageInvalide("Réglage « webhook » : une adresse http:// ou https:// est attendue.")
    return adresse


def _mail(brut: Mapping[str, object]) -> dict[str, str | None]:
    mail = {nom: _texte(brut, nom) for nom in ("mail_serveur", "mail_de", "mail_a")}
    if any(mail.values()) and not all(mail.values()):
        raise ReglageInvalide("Réglages « mail_serveur », « mail_de » et « mail_a » : les trois vont ensemble.")
    if (mail["mail_serveur"] or "").partition(":")[2].strip("0123456789"):
        raise ReglageInvalide("Réglage « mail_serveur » : la forme « hôte » ou « hôte:port » est attendue.")
    return mail


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
        descripteur = os.open(provisoire, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descripteur, "w", encoding="ascii") as flux:
            flux.write(secrets.token_hex(32))
            flux.flush()
            os.fsync(flux.fileno())
        provisoire.rename(fichier)
    valeur = fichier.read_text(encoding="ascii").strip()
    if len(valeur) < CLE_SURE_CARACTERES:
        raise ReglageInvalide(f"La clé des pseudonymes est vide ou abîmée : {fichier}")
    return valeur.encode()
