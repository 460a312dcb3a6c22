"""What every platform's report needs of a check: one name, one text, one number, the code that grades it."""

from __future__ import annotations

import ast
import functools
import inspect
from pathlib import Path

from graders.curriculum import exercise
from graders.verdict import OUTSIDE_RUN, CheckResult, State

UNSAID = {
    State.LOCKED: "This check is locked: an earlier exercise has to pass first.",
    State.NOT_RUN: "This check was not run: nothing here can judge it.",
    State.INCONCLUSIVE: "This check could not be judged.",
    State.FAILED: "This check failed.",
    State.PASSED: "",
}


def name(result: CheckResult) -> str:
    """The promise, marked where it is a bonus."""
    return f"{result.check.title}{' (bonus)' if result.check.bonus else ''}"


def text(result: CheckResult) -> str:
    """What is to be said about a check: the message and a hint, or the figure where it passed."""
    outcome = result.outcome
    if outcome.state is State.PASSED:
        return outcome.figure
    said = outcome.message or UNSAID[outcome.state]
    if outcome.state is State.INCONCLUSIVE:
        said = f"unclear, and not counted as passed: {said}"
    return f"{said}\nhint: {result.hint}" if result.hint and outcome.state is State.FAILED else said


def command(result: CheckResult) -> str:
    """What the learner types to see it."""
    return f"uv run pytest -k {result.check.exercise}"


def is_outside_run(result: CheckResult) -> bool:
    """Whether the run left the check out because nobody asked for it."""
    return result.outcome.state is State.NOT_RUN and result.outcome.message == OUTSIDE_RUN


def source(result: CheckResult) -> str:
    """The body of the test function, without its docstring."""
    suite = exercise(result.check.exercise).suite
    return _bodies(suite).get(f"test_{result.check.id}", "")


@functools.cache
def _bodies(suite: Path) -> dict[str, str]:
    lines = suite.read_text(encoding="utf-8").splitlines()
    found = {}
    for node in ast.parse("\n".join(lines)).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) and len(node.body) > 1 else node.body
            found[node.name] = inspect.cleandoc("\n" + "\n".join(lines[body[0].lineno - 1 : node.end_lineno])).strip()
    return found
