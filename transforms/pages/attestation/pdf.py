"""The page in PDF: the same bytes for the same content (no clock, no random identifier, the fonts of this folder)."""

from __future__ import annotations

import io
from bisect import bisect_left
from functools import cache
from importlib.resources import as_file, files

from markupsafe import Markup

from transforms.dire.formats import FINE, INSECABLE
from transforms.pages.attestation.contenu import Attestee, contenu
from transforms.pages.environnement import remplir

ESSMS_MAX = 16


def page(attestee: Attestee) -> bytes:
    """The attestation as one page of A4: it lists as many ESSMS as fit, those that block first."""

    def imprimer(essms_max: int) -> tuple[bytes, int]:
        return _imprimer(remplir("attestation/page", **contenu(attestee, essms_max), style_de_la_page=_style()))

    return imprimer(bisect_left(range(1, ESSMS_MAX + 1), True, key=lambda nb: imprimer(nb)[1] > 1))[0]


@cache
def _style() -> Markup:
    return Markup(files(__package__).joinpath("attestation.css").read_text(encoding="utf-8"))


def _imprimer(html: str) -> tuple[bytes, int]:
    """A page in PDF, and how many sheets it takes."""
    from pypdf import PdfReader  # noqa: PLC0415
    from reportlab import rl_config  # noqa: PLC0415  half a second that no other command needs
    from xhtml2pdf.config.resources import ResourceAccessPolicy  # noqa: PLC0415
    from xhtml2pdf.pisa import CreatePDF  # noqa: PLC0415

    rl_config.invariant = 1  # neither the time nor a random identifier is written
    flux = io.BytesIO()
    with as_file(files(__package__)) as dossier:
        regles = ResourceAccessPolicy(allow_remote=False, base_dir=dossier)
        # The thin no-break space is a space like others for xhtml2pdf: it would break lines there.
        CreatePDF(html.replace(FINE, INSECABLE), dest=flux, path=str(dossier / "page.html"), resource_policy=regles)
    return flux.getvalue(), len(PdfReader(flux).pages)
