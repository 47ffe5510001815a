"""Fixtures shared by the tests."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def verifier(tmp_path: Path) -> Callable[..., Any]:
    """`scenario.scenario` on a data root of its own."""
    from scenario import scenario  # noqa: PLC0415 - the tests that need no night do not wait for it

    return partial(scenario, tmp_path)
