"""`lab experiment`: say what you expect, then see what the machine does."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from typing import Any

import typer
from rich.console import Console
from rich.text import Text

from graders.commands.common import card, console, stop
from graders.expect import GraderFaultError, Picture, Unmet
from graders.experiments.shape import Experiment, Question
from graders.experiments.table import EXPERIMENTS, listed
from graders.measuring.timeline import Timeline
from graders.reporting.pictures import drawn
from graders.running.launcher import Launcher

LIMIT_S = 90.0
STOPPED = 130
Guesses = dict[Question[Any], float]


def run(name: str, ask: bool, exact: bool) -> None:
    """Run one experiment; predictions are asked for first where somebody is there to answer."""
    if name not in EXPERIMENTS:
        stop(f"{name}: there is no such experiment. There are:\n" + "\n".join(f"  {line}" for line in listed()))
    experiment, out = EXPERIMENTS[name], console()
    if exact and experiment.exactly is None:
        out.print(f"--exact does not apply to {name}: {experiment.no_exact}. Real time only.\n")
    try:
        guesses = _ask(experiment, out) if ask and sys.stdin.isatty() else {}
        asyncio.run(_experiment(experiment, guesses, exact, out))
    except (KeyboardInterrupt, EOFError):
        out.print("\nStopped; nothing is left running.")
        raise typer.Exit(STOPPED) from None
    except TimeoutError:
        stop(f"{name}: not done after {LIMIT_S:g} s; this machine is too busy for it. Try again when less is running.")
    except (Unmet, GraderFaultError, OSError) as error:
        stop(f"{name}: the lab's own service could not be measured; this is no fault of yours.\n{error}")


def _ask(experiment: Experiment[Any], out: Console) -> Guesses:
    out.print(Text(f"{experiment.asks} Guess first (Enter passes).\n", "bold"))
    guesses: Guesses = {}
    for question in experiment.questions:
        typed = input(f"  {question.text}: ")
        try:
            if (number := question.number(typed)) is not None:
                guesses[question] = number
        except ValueError:
            out.print(f"    {typed!r} is no number of {question.unit}; passed")
    out.print()
    return guesses


async def _experiment(experiment: Experiment[Any], guesses: Guesses, exact: bool, out: Console) -> None:
    parts: list[Any] = []
    with Launcher() as launcher, _progress(experiment, out) as tell:
        async with asyncio.timeout(LIMIT_S), aclosing(experiment.measure(launcher, tell)) as measured:
            async for part in measured:
                parts.append(part)
                if experiment.each is not None:
                    heading, picture = experiment.each(part)
                    out.print(Text(heading, "bold"))
                    _print(_compared(guesses, parts), out)
                    _draw(picture, out)
                if exact and experiment.exactly is not None:
                    _draw_exact(await experiment.exactly(launcher, part), out)
    for picture in experiment.pictures(parts):
        _draw(picture, out)
    for block in (_compared(guesses, parts), experiment.notes(parts)):
        if block:
            _print([*block, ""], out)
    out.print(Text(experiment.says(parts), "bold"))


@contextmanager
def _progress(experiment: Experiment[Any], out: Console) -> Iterator[Callable[[str], None]]:
    """Say what is measured: in one moving line on a terminal, else in a line each."""
    if not out.is_terminal:
        yield lambda text: out.print(f"... {text}", soft_wrap=True)
        return
    with out.status(f"about {experiment.takes_s} s in all", spinner="line", refresh_per_second=4) as status:
        yield lambda text: status.update(f"{text} (about {experiment.takes_s} s in all)")


def _compared(guesses: Guesses, parts: Sequence[Any]) -> list[str]:
    """Each prediction beside its figure, once that is known."""
    known = {question: found for question in guesses if (found := question.found(parts)) is not None}
    return [
        f"  {question.text}: you said {question.shown(guesses.pop(question))}, it was {question.shown(found)}"
        for question, found in known.items()
    ]


def _draw(picture: Picture, out: Console) -> None:
    lines = drawn(picture, min(out.width - 2, 84), card().is_plain)
    _print([*(f"  {line}".rstrip() for line in lines), ""], out)


def _print(lines: Sequence[str], out: Console) -> None:
    for line in lines:
        out.print(line, soft_wrap=True)


def _draw_exact(picture: Picture | None, out: Console) -> None:
    if isinstance(picture, Timeline):
        out.print(f"  in exact time: {picture.wall_s:.2f} s")
        _draw(picture, out)
    else:
        out.print("  in exact time: could not be had on this machine\n")
