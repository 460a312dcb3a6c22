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
        for result in exercise.results:
            if result.outcome.state in (State.FAILED, State.INCONCLUSIVE) and result.outcome.message:
                lines += _details(result)
    return "\n".join(lines) + "\n"


def _row(result: CheckResult) -> str:
    check, outcome = result.check, result.outcome
    bonus = " (bonus)" if check.bonus else ""
    points = f"{result.points} / {check.points}"
    title = _cell(check.title + bonus)
    return f"| {MARKS[outcome.state]} | `{check.id}` | {title} | {_code(outcome.figure)} | {points} |"


def _details(result: CheckResult) -> list[str]:
    text = result.outcome.message
    if timeline := result.outcome.evidence.get("timeline"):
        text += "\n\n" + "\n".join(drawn(picture_from(timeline), MAX_WIDTH))
    fence = "```"
    while fence in text:
        fence += "`"
    lines = [f"**`{result.check.id}`**", "", fence + "text", text, fence, ""]
    return [*lines, f"Hint: {result.hint}", ""] if result.hint else lines


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def _code(text: str) -> str:
    """What a learner may have chosen, as code inside a table's cell; a bar would end the cell, however escaped."""
    shown = " ".join(text.replace("|", "¦").split())
    ticks = "`" * (1 + max(map(len, re.findall("`+", shown)), default=0))
    return f"{ticks} {shown} {ticks}" if len(ticks) > 1 else shown and f"`{shown}`"
