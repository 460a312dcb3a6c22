"""`lab experiment`: say what you expect, then see what the machine does."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from contextlib import aclosing

from rich.text import Text

from graders.commands.common import card, console, stop
from graders.experiments.handlers import CASES, Case, measure, measure_exactly
from graders.measuring.timeline import Timeline
from graders.reporting.waterfall import waterfall
from graders.running.launcher import Launcher

EXPERIMENTS = {"handlers": "three ways to wait 0.1 s, with 5 and with 100 requests at once (lesson 1)"}


def run(name: str, ask: bool, exact: bool) -> None:
    """Run one experiment; predictions are asked for first where somebody is there to answer."""
    if name not in EXPERIMENTS:
        known = "\n".join(f"  {key:12} {text}" for key, text in EXPERIMENTS.items())
        stop(f"{name}: there is no such experiment. There are:\n{known}")
    try:
        guesses = _ask(CASES) if ask and sys.stdin.isatty() else {}
        asyncio.run(_handlers(guesses, exact))
    except (KeyboardInterrupt, EOFError):
        console().print("\nStopped; nothing is left running.")


def _ask(cases: Sequence[Case]) -> dict[Case, float]:
    out = console()
    out.print(Text("How long until the last answer, in seconds? Guess first (Enter passes).\n", "bold"))
    guesses = {}
    for case in cases:
        text = input(f"  {case.text}: ").strip().removesuffix("s").strip().replace(",", ".")
        try:
            guesses[case] = float(text)
        except ValueError:
            if text:
                out.print(f"    {text!r} is no number of seconds; passed")
    out.print()
    return guesses


async def _handlers(guesses: dict[Case, float], exact: bool) -> None:
    out = console()
    measured: list[tuple[Case, Timeline]] = []
    with Launcher() as launcher:
        async with aclosing(measure(launcher)) as results:
            async for case, timeline in results:
                measured.append((case, timeline))
                guess = f"   you said {guesses[case]:g} s" if case in guesses else ""
                out.print(Text.assemble((case.text, "bold"), (f"   {timeline.wall_s:.2f} s", "cyan"), guess))
                _draw(timeline)
                if exact and (virtual := await measure_exactly(launcher, case)):
                    out.print(f"  in exact time: {virtual.wall_s:.2f} s")
                    _draw(virtual)
    out.print(Text("For app/observations.py (yours to copy):", "bold"))
    for case, timeline in measured:
        if case.name:
            out.print(f"  {case.name:30} {timeline.wall_s:.2f}")


def _draw(timeline: Timeline) -> None:
    out = console()
    for line in waterfall(timeline, min(out.width - 2, 84), card().glyphs):
        out.print(f"  {line}", soft_wrap=True)
    out.print()
