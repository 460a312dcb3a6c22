"""The report card in a terminal: a line per check as it ends, then what failed and what is next."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.text import Text

from graders.curriculum import EXERCISES, Exercise, exercise
from graders.exact.result import InstantVerdict
from graders.expect import Picture
from graders.reporting.pictures import drawn
from graders.reporting.waterfall import ASCII, PRETTY, Glyphs
from graders.verdict import Check, ExerciseResult, Outcome, ReportCard, State

MARKS = {
    State.PASSED: ("✓", "+", "green"),
    State.FAILED: ("✗", "x", "red"),
    State.LOCKED: ("⊘", "-", "dim"),
    State.NOT_RUN: ("–", "-", "dim"),
    State.INCONCLUSIVE: ("?", "?", "yellow"),
}
UNSHOWN = dict.fromkeys((*range(9), *range(11, 32), *range(127, 160), *range(0xD800, 0xE000)), "?")
"""What a learner's text may hold and no terminal should be sent: control characters and halves of characters."""

WORDS = {State.NOT_RUN: "not run", State.INCONCLUSIVE: "unclear", State.LOCKED: "locked"}


class Card:
    """Renders to text with or without colours, for any width, with plain characters where others cannot be shown."""

    def __init__(self, width: int = 100, colour: bool = False, plain: bool = False) -> None:
        self._width = max(60, min(width, 110))
        self.is_plain = plain
        self._colour = colour
        self.glyphs: Glyphs = ASCII if plain else PRETTY

    def text(self, lines: Iterable[Text | str]) -> str:
        """Lines as a string, ANSI colours included where they are wanted."""
        out = io.StringIO()
        console = Console(
            file=out,
            width=self._width + 20,
            force_terminal=self._colour,
            color_system="standard" if self._colour else None,
            highlight=False,
            markup=False,
            emoji=False,
            legacy_windows=False,
        )
        for line in lines:
            shown = Text(line) if isinstance(line, str) else line.copy()
            shown.plain = shown.plain.translate(UNSHOWN)
            console.print(shown, soft_wrap=True)
        text = out.getvalue()
        return text.encode("ascii", "backslashreplace").decode() if self.is_plain else text

    def mark(self, state: State) -> Text:
        """One character for a state."""
        pretty, plain, style = MARKS[state]
        return Text(plain if self.is_plain else pretty, style)

    def heading(self, submission: str) -> Text:
        """The first line of a run."""
        return Text.assemble(("Inference Lab", "bold"), f"  grading {submission}")

    def exercise_line(self, of: Exercise) -> Text:
        """The line above an exercise's checks."""
        return Text.assemble((f"{of.id.replace('exercise', 'Exercise ')}", "bold"), f"  {of.title}")

    def check_line(self, check: Check, outcome: Outcome) -> Text:
        """One check: mark, name, promise, number."""
        figure = outcome.figure or WORDS.get(outcome.state, "")
        bonus = " (bonus)" if check.bonus else ""
        style = "dim" if outcome.state in (State.LOCKED, State.NOT_RUN) else ""
        return Text.assemble(
            "  ", self.mark(outcome.state), " ", (f"{check.id:21}", style or "bold"),
            (f"{figure:>10}  ", "cyan"), (check.title + bonus, style),
        )  # fmt: skip

    def beside(self, outcome: Outcome) -> list[Text]:
        """What a passed check has to say in a few words more than its number."""
        told = str(outcome.evidence.get("beside", "")) if outcome.state is State.PASSED else ""
        return [Text(f"{'':4}{line}", "dim") for line in textwrap.wrap(told, self._width - 4)]

    def instant_line(self, verdict: InstantVerdict) -> Text:
        """One check as the exact judge sees it."""
        state = {"met": State.PASSED, "missed": State.FAILED, "unclear": State.INCONCLUSIVE}[verdict.says]
        return Text.assemble(
            "  ", self.mark(state), f" {verdict.check_id:21}", (f"{verdict.figure:>10}  ", "cyan"), verdict.why
        )

    def passed_line(self, of: Exercise) -> Text:
        """An exercise that passed earlier on these very files, in one line."""
        name = f" exercise {of.number:<12}"
        return Text.assemble("  ", self.mark(State.PASSED), (name, "bold"), f" {of.title}: passed on these very files")

    def locked_line(self, of: Exercise, why: str) -> Text:
        """An exercise that is not open, in one line."""
        return Text.assemble("  ", self.mark(State.LOCKED), (f" {of.id}", "bold"), f"  {of.title}: {why}")

    def details(self, check: Check, outcome: Outcome, picture: Picture | None) -> list[Text]:
        """A check that did not pass: its promise, what was seen and wanted, the picture."""
        head = Text.assemble(self.mark(outcome.state), " ", (check.id, "bold"), f"  {check.title}")
        lines = [Text(), head]
        for line in outcome.message.splitlines():
            label, colon, rest = line.partition(":")
            if colon and label in ("did", "saw", "wanted", "look at"):
                lines.append(Text.assemble("    ", (f"{label}:", "cyan"), rest))
            else:
                lines.append(Text(f"    {line}"))
        if picture is not None and (drawing := drawn(picture, min(self._width - 4, 84), self.is_plain)):
            lines.append(Text())
            lines += [Text(f"    {line}", "") for line in drawing]
        return lines

    def unjudged(self, reason: str, checks: Sequence[Check]) -> list[Text]:
        """Checks that nothing here could judge, with the reason that they have in common."""
        count = "1 check was" if len(checks) == 1 else f"{len(checks)} checks were"
        named = ", ".join(check.id for check in checks)
        lines = [*_wrapped(reason, self._width - 4), *_wrapped(f"for: {named}", self._width - 4)]
        what = ", left out of the total and not counted as passed"
        head = Text.assemble(self.mark(State.NOT_RUN), (f" {count} not run", "bold"), what)
        return [Text(), head, *(Text(f"    {line}") for line in lines)]

    def same_reason(self, check: Check, outcome: Outcome, first: Check) -> list[Text]:
        """A check that did not pass for a reason that was told already."""
        saw = str(outcome.evidence.get("saw", "")).split("\n")[0]
        head = Text.assemble(self.mark(outcome.state), " ", (check.id, "bold"), f"  {check.title}")
        return [Text(), head, Text(f"    for the same reason as {first.id}; {saw}" if saw else f"    as {first.id}")]

    def summary(self, card: ReportCard, graded: Sequence[str], left_open: Exercise | None = None) -> list[Text]:
        """Points, what is open, the next file and the next command."""
        lines: list[Text] = [Text()]
        for result in (e for e in card.exercises if e.id in graded and e.max_points):
            lines.append(_points(result))
        lines += self._next(card, graded, left_open)
        return lines

    def _next(self, card: ReportCard, graded: Sequence[str], left_open: Exercise | None) -> list[Text]:
        for result in card.exercises:
            if result.id in graded and result.missing:
                return self._what_is_missing(result)
        if left_open is not None:
            return [Text(f"That was a part of {left_open.id}. All of it: uv run pytest -k {left_open.id}")]
        last = exercise(graded[-1]) if graded else EXERCISES[-1]
        following = next((e for e in EXERCISES if e.number == last.number + 1), None)
        if following is None:
            judged = "All that could be judged here passes." if _has_unjudged(card, graded) else "All of it passes."
            return [Text.assemble((judged, "bold green"), f" Compare: uv run lab solution {last.id}")]
        first = following.checks[0]
        return [
            Text.assemble(
                (f"{following.id.replace('exercise', 'Exercise ')} is open: ", "bold green"), following.title
            ),
            Text(f"  read  {following.reading}"),
            Text(f"  run   uv run pytest -k {following.id}   (first check: {first.id}: {first.title})"),
        ]

    def _what_is_missing(self, result: ExerciseResult) -> list[Text]:
        of = exercise(result.id)
        first = result.missing[0]
        hints = of.hints.get(first.check.id)
        lesson = f"lessons/{hints.lesson if hints else of.lesson.name}"
        where = of.file_of(first.check.id)
        following = next((e for e in EXERCISES if e.number == of.number + 1), None)
        count = len(result.missing)
        opens = f"; {following.id} opens when none is" if following else ""
        return [
            *_welcome(result),
            Text(f"{count} {'check is' if count == 1 else 'checks are'} missing in {result.id}{opens}."),
            Text.assemble(("Next: ", "bold"), f"{first.check.id} in {where}" if where else first.check.id),
            Text(f"  read  {lesson}"),
            Text(f"  stuck uv run lab hint {first.check.id}"),
            Text(f"  run   uv run pytest -k {result.id}   (or leave `uv run lab watch` open)"),
        ]


def _has_unjudged(card: ReportCard, graded: Sequence[str]) -> bool:
    return any(result.unjudged for result in card.exercises if result.id in graded)


def _wrapped(text: str, width: int) -> list[str]:
    """Lines of a message, the long ones broken between words; an address stays whole."""
    return [
        part
        for line in text.splitlines()
        for part in textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False)
    ]


def _welcome(result: ExerciseResult) -> list[Text]:
    """The first line for somebody whose service starts and of whose exercise nothing is built yet."""
    outcomes = [r.outcome for r in result.results if r.check.points and not r.check.bonus]
    if any(o.state is not State.FAILED or o.cause == "start" for o in outcomes):
        return []
    name = result.id.replace("exercise", "exercise ")
    return [Text(f"Welcome to {name}: before the first step every check is red, and nothing is wrong.")]


def _points(result: ExerciseResult) -> Text:
    style = "bold green" if not result.missing else "bold"
    return Text.assemble((f"{result.id}: {result.points} of {result.max_points} points", style))
