"""The report card as Markdown, for a step summary or a comment; what the learner controls is kept inside code."""

from __future__ import annotations

import re

from graders.reporting.pictures import drawn, picture_from
from graders.verdict import CheckResult, ReportCard, State

MAX_WIDTH = 72
MARKS = {
    State.PASSED: "✅",
    State.FAILED: "❌",
    State.LOCKED: "🔒",
    State.NOT_RUN: "➖",
    State.INCONCLUSIVE: "❔",
}


def markdown(card: ReportCard) -> str:
    """The card as one Markdown document: totals, a table per exercise, then what failed."""
    lines = [f"# Inference Lab: {card.points} of {card.max_points} points", ""]
    for exercise in card.exercises:
        if exercise.state is State.NOT_RUN:
            continue
        lines += [
            f"## {exercise.id.replace('exercise', 'Exercise ')}: {exercise.title}",
            "",
            f"{MARKS[exercise.state]} {exercise.points} of {exercise.max_points} points",
            "",
            "| | check | promise | measured | points |",
            "|---|---|---|---|---|",
        ]
        lines += [_row(result) for result in exercise.results]
        lines.append("")
        for reason, checks in exercise.unjudged.items():
            lines += _unjudged(reason, [check.id for check in checks])
        for result in exercise.results:
            if result.outcome.state in (State.FAILED, State.INCONCLUSIVE) and result.outcome.message:
                lines += _details(result)
    return "\n".join(lines) + "\n"


def _row(result: CheckResult) -> str:
    check, outcome = result.check, result.outcome
    bonus = " (bonus)" if check.bonus else ""
    points = f"{result.points} / {check.points}" if result.counts else "–"
    title = _cell(check.title + bonus)
    beside = str(outcome.evidence.get("beside", "")) if outcome.state is State.PASSED else ""
    measured = "; ".join(part for part in (outcome.figure, beside) if part)
    return f"| {MARKS[outcome.state]} | `{check.id}` | {title} | {_code(measured)} | {points} |"


def _unjudged(reason: str, check_ids: list[str]) -> list[str]:
    named = ", ".join(f"`{check_id}`" for check_id in check_ids)
    return [f"➖ **Not run**, left out of the total and not counted as passed: {named}", "", *_fenced(reason), ""]


def _details(result: CheckResult) -> list[str]:
    text = result.outcome.message
    if timeline := result.outcome.evidence.get("timeline"):
        text += "\n\n" + "\n".join(drawn(picture_from(timeline), MAX_WIDTH))
    lines = [f"**`{result.check.id}`**", "", *_fenced(text), ""]
    return [*lines, f"Hint: {result.hint}", ""] if result.hint else lines


def _fenced(text: str) -> list[str]:
    fence = "```"
    while fence in text:
        fence += "`"
    return [fence + "text", text, fence]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def _code(text: str) -> str:
    """What a learner may have chosen, as code inside a table's cell; a bar would end the cell, however escaped."""
    shown = " ".join(text.replace("|", "¦").split())
    ticks = "`" * (1 + max(map(len, re.findall("`+", shown)), default=0))
    return f"{ticks} {shown} {ticks}" if len(ticks) > 1 else shown and f"`{shown}`"
