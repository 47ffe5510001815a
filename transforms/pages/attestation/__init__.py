"""The attestation of a project: one page to print, from its HTML template to its PDF (specification §3 `attestation`)."""

from transforms.pages.attestation.contenu import Attestee
from transforms.pages.attestation.pdf import page

__all__ = ["Attestee", "page"]
