"""The container engine of this machine, for the tests that need one."""

from __future__ import annotations

import os

import pytest

from graders.running.containers.engine import Engine, Readiness, find_engine
from graders.running.containers.names import USUAL


async def probed() -> Readiness:
    """What there is; a failure where LAB_REQUIRE_ENGINE is set, as in CI, and there is none."""
    found = await find_engine([USUAL])
    if found.engine is None and os.environ.get("LAB_REQUIRE_ENGINE"):
        pytest.fail(f"LAB_REQUIRE_ENGINE is set, and the engine checks would silently not run: {found.reason}")
    return found


async def engine_or_skip() -> Engine:
    """The engine; skips the test where there is none and nobody requires one."""
    found = await probed()
    if found.engine is None:
        pytest.skip(found.reason)
    return found.engine
