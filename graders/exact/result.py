"""What the exact judge found, as the lab sees it: built from the events that the child sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from graders.measuring.timeline import Answer, Blocked, PoolQueue, Timeline

NEVER_ENDS = {"virtual", "stuck", "real"}
"""Kinds of stop that are the submission's own failure; the others mean that virtual time cannot judge it."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a run ended before its last burst: `virtual`, `stuck`, `real`, `spins`, `outside`, `waits` or `died`."""

    kind: str
    reason: str
    stage: str
    where: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ExactBurst:
    """One burst in virtual seconds; `cannot_judge` says what the virtual clock did not see, if there was such.

    `computing` is the processor time that it did not see, as a multiple of what it may leave out.
    """

    name: str
    timeline: Timeline
    cannot_judge: str | None = None
    stop: Stop | None = None
    computing: float = 0.0


@dataclass(frozen=True, slots=True)
class ExactResult:
    """A whole run; bursts after a stop are missing."""

    bursts: tuple[ExactBurst, ...]
    stop: Stop | None = None
    trouble: Mapping[str, Any] | None = None
    import_s: float | None = None

    @property
    def cannot_judge(self) -> str | None:
        """The first thing that virtual time cannot judge, in a few words; `None` where all of it can be judged."""
        if self.stop is not None and self.stop.kind not in NEVER_ENDS:
            return self.stop.reason
        return next((b.cannot_judge for b in self.bursts if b.cannot_judge), None)

    @property
    def computing(self) -> float:
        """The most that a burst computed, as a multiple of what virtual time may leave out."""
        return max((burst.computing for burst in self.bursts), default=0.0)

    @property
    def never_ends(self) -> str | None:
        """Why the submission would never have answered; `None` where it did."""
        return self.stop.reason if self.stop is not None and self.stop.kind in NEVER_ENDS else None

    def burst(self, name: str) -> ExactBurst | None:
        """The first burst of that name."""
        return next((b for b in self.bursts if b.name == name), None)


@dataclass(frozen=True, slots=True)
class Unjudged:
    """Why virtual time cannot judge something, in a few words."""

    why: str


@dataclass(frozen=True, slots=True)
class InstantVerdict:
    """What is said of one check at once: the figure that was seen, and the reason where it is not met or unclear."""

    check_id: str
    says: Literal["met", "missed", "unclear"]
    figure: str = ""
    why: str = ""


def result_of(events: Iterable[Mapping[str, Any]]) -> ExactResult:
    """Put the child's events together; a child that fell silent before its `end` has died."""
    bursts: list[ExactBurst] = []
    stop = trouble = import_s = None
    ended = False
    for event in events:
        match event.get("event"):
            case "burst":
                bursts.append(burst_of(event))
            case "stopped":
                stop = stop_of(event)
            case "broken" | "stuck":
                trouble = dict(event)
            case "started":
                import_s = float(event["import_s"])
            case "end":
                ended = True
    if not ended and stop is None and trouble is None:
        stop = Stop("died", "its process ended in the middle of the run", "serve" if bursts else "startup")
    return ExactResult(tuple(bursts), stop, trouble, import_s)


def stop_of(event: Mapping[str, Any]) -> Stop:
    """A stop from its event."""
    return Stop(event["kind"], event["reason"], event["stage"], event.get("where"))


def burst_of(event: Mapping[str, Any]) -> ExactBurst:
    """A burst from its event."""
    timeline = Timeline(
        answers=tuple(Answer(**{**answer, "body": answer["body"].encode("latin-1")}) for answer in event["answers"]),
        blocked=tuple(Blocked(**interval) for interval in event["blocked"]),
        pool=PoolQueue(**event["pool"]) if event["pool"] else None,
        clock="exact",
    )
    stop = stop_of(event["stopped"]) if event["stopped"] else None
    return ExactBurst(event["name"], timeline, event["cannot_judge"], stop, event["computing"])
