"""What the night says: plain French lines, and the advance of long steps, through one logger."""

from __future__ import annotations

import logging

NOM = "duimetre"


def journal() -> logging.Logger:
    """The logger of the night. Nothing that identifies a person ever goes through it."""
    return logging.getLogger(NOM)


def avancement(etape: str, fait: int, total: int) -> None:
    """Say how far a step has come; a terminal shows a bar, elsewhere only its end is a line."""
    journal().info("%s : %d sur %d", etape, fait, total, extra={"avancement": (etape, fait, total)})
