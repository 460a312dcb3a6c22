"""How far the exact judge's word goes: it runs in one process with the learner's code, which could speak for it."""

from __future__ import annotations

import os

from graders.running.confine import Confinement

STRANGERS = "somebody else's work is passed on a live clock alone"


def may_excuse() -> bool:
    """Whether what is met in exact time passes: not where somebody else's work is graded."""
    return Confinement.from_environment(os.environ).kind == "open"
