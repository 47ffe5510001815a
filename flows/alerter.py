"""Tell somebody that a night failed or did not come: webhook or mail, both optional (settings `webhook`, `mail_…`).

The text says what happened and what to do; it never holds a value of a file.
"""

from __future__ import annotations

import json
import smtplib
import socket
import sqlite3
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage

from flows.journal import journal, lieu
from flows.reglages import Reglages
from schemas.erreurs import ErreurDite

DELAI_S = 10.0


def dire_echec(erreur: BaseException) -> str:
    """Why a night failed and what to do, in French, without any value of a file."""
    if isinstance(erreur, ErreurDite):
        return str(erreur)
    if isinstance(erreur, OSError) and erreur.strerror:
        return f"{erreur.strerror}. Vérifiez l'espace disque et les droits, puis relancez."
    if isinstance(erreur, sqlite3.Error):
        nom = getattr(erreur, "sqlite_errorname", type(erreur).__name__)
        return f"Le registre des dépôts ne répond pas ({nom}). Vérifiez l'espace disque et les droits, puis relancez."
    return (
        f"{lieu(erreur)}. Vérifiez l'espace disque et les droits, puis relancez ; si cela recommence, "
        "transmettez le dernier fichier de staging/journaux/."
    )


def avertir(reglages: Reglages, sujet: str, texte: str) -> list[str]:
    """Send `texte` to the webhook and to the mail addresses of the settings; gives what went wrong, in French.

    Never raises: telling must not make things worse. Without any setting, does nothing.
    """
    problemes = []
    if reglages.webhook:
        try:
            _poster(reglages.webhook, sujet, texte)
        except (OSError, ValueError) as erreur:
            raison = getattr(erreur, "reason", None) or erreur
            problemes.append(f"Le webhook n'a pas répondu : {raison}.")
    if reglages.mail_serveur and reglages.mail_de and reglages.mail_a:
        try:
            _envoyer(reglages.mail_serveur, reglages.mail_de, reglages.mail_a, sujet, texte)
        except (OSError, smtplib.SMTPException, ValueError) as erreur:
            problemes.append(f"Le courriel n'est pas parti : {type(erreur).__name__}.")
    return problemes


def _poster(adresse: str, sujet: str, texte: str) -> None:
    corps = json.dumps({"sujet": sujet, "text": f"{sujet}\n{texte}"}, ensure_ascii=False).encode()
    requete = urllib.request.Request(
        adresse, data=corps, headers={"Content-Type": "application/json; charset=utf-8"}, method="POST"
    )
    with urllib.request.urlopen(requete, timeout=DELAI_S):
        pass


def _envoyer(serveur: str, de: str, a: str, sujet: str, texte: str) -> None:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = sujet, de, a
    message.set_content(texte)
    hote, _, port = serveur.partition(":")
    with smtplib.SMTP(hote, int(port or 25), timeout=DELAI_S) as smtp:
        smtp.ehlo()
        if smtp.has_extn("starttls"):
            smtp.starttls()
        smtp.send_message(message)


@contextmanager
def si_echec(reglages: Reglages) -> Iterator[None]:
    """Tell the failure of what the `with` holds, then let it go on."""
    try:
        yield
    except Exception as erreur:
        sujet = f"duimetre : la nuit a échoué sur {socket.gethostname()}"
        texte = f"Rien n'est publié : la version précédente reste en place. {dire_echec(erreur)}"
        for probleme in avertir(reglages, sujet, texte):
            journal().warning(probleme)
        raise
