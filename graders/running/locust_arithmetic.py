"""In the child: the learner's `find_breaking_point` on given steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graders.running.control import Control
    from graders.running.culprit import LearnersCode


@dataclass
class MeasuredStep:
    """One step, as the contract describes it."""

    users: int
    rps: float
    p95_ms: float
    failure_ratio: float


def answer_cases(module: ModuleType, cases: Sequence[Sequence[Any]], control: Control, code: LearnersCode) -> None:
    """Ask about each case, a list of steps of four numbers each; tells `answered`, with `raised` if a case raised."""
    answers: list[dict[str, Any]] = []
    for case in cases:
        try:
            answer = module.find_breaking_point([MeasuredStep(*step) for step in case])
        except BaseException as error:
            control.send("answered", answers=answers, raised=code.describe(error))
            return
        is_number = isinstance(answer, int | float) and not isinstance(answer, bool)
        answers.append({"value": answer if is_number else None, "shown": repr(answer)[:80]})
    control.send("answered", answers=answers)
