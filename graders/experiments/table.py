"""Every experiment of `lab experiment`, in the order of the lessons."""

from __future__ import annotations

from typing import Any

from graders.experiments import batching, handlers, open_closed, shedding, workers
from graders.experiments.shape import Experiment, Question

LOAD = "exact time is for requests that come at one moment, and this is a load that goes on for seconds"

TABLE: tuple[Experiment[Any], ...] = (
    Experiment(
        name="handlers",
        line="three ways to wait 0.1 s, 5 and 100 requests at once",
        lesson=1,
        takes_s=15,
        asks="How long until the last answer, in seconds?",
        questions=handlers.questions(),
        measure=handlers.measure,
        says=handlers.says,
        each=handlers.each,
        notes=handlers.notes,
        exactly=handlers.exactly,
    ),
    Experiment(
        name="open-closed",
        line="one stall, seen by a closed and an open load test",
        lesson=3,
        takes_s=13,
        asks="Answers take 10 ms; for one of six seconds there are none. Which p99 does each load test report, in ms?",
        questions=(
            Question("closed: 3 users who wait for their answers", "ms", lambda s: open_closed.p99_ms(s, "closed")),
            Question("open: 100 requests a second, no matter what", "ms", lambda s: open_closed.p99_ms(s, "open")),
        ),
        measure=open_closed.measure,
        pictures=list,
        says=open_closed.says,
        no_exact=LOAD,
    ),
    Experiment(
        name="workers",
        line="a model that computes, at 1, 2 and more workers",
        lesson=4,
        takes_s=14,
        asks="One prediction computes for about 50 ms. How many answers a second, at most?",
        questions=workers.questions(),
        measure=workers.measure,
        pictures=workers.pictures,
        says=workers.says,
        no_exact="a virtual clock cannot tell how fast a processor computes, nor how processes share it",
    ),
    Experiment(
        name="shedding",
        line="too many requests, with a limit and without",
        lesson=4,
        takes_s=14,
        asks="40 predictions a second can be done; 80 come, for 2 s. How long does the slowest one take, in seconds?",
        questions=(
            Question("no limit: everybody waits", "s", lambda parts: shedding.slowest_s(parts, shedding.QUEUE)),
            Question(
                "at most 4 in flight: the slowest of the accepted",
                "s",
                lambda parts: shedding.slowest_s(parts, shedding.LIMIT),
            ),
        ),
        measure=shedding.measure,
        pictures=shedding.pictures,
        says=shedding.says,
        no_exact=LOAD,
    ),
    Experiment(
        name="batching",
        line="a model that takes 1, 4, 16 or 32 items in a call",
        lesson=4,
        takes_s=12,
        asks="A call takes 50 ms, and 1 ms for each item. How many predictions a second do 32 users get?",
        questions=(
            Question("1 item a call", "/s", lambda rows: batching.per_s(rows, 1)),
            Question("32 items a call", "/s", lambda rows: batching.per_s(rows, 32)),
        ),
        measure=batching.measure,
        pictures=batching.pictures,
        says=batching.says,
        no_exact=LOAD,
    ),
)
EXPERIMENTS = {experiment.name: experiment for experiment in TABLE}


def listed() -> list[str]:
    """A line for each experiment, with its lesson."""
    width = max(map(len, EXPERIMENTS))
    return [f"{row.name:{width}}  {row.line} (lesson {row.lesson})" for row in TABLE]
