"""What a burst of requests did: who was sent when, who was answered when, and what blocked meanwhile."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Clock = Literal["live", "exact"]


@dataclass(frozen=True, slots=True)
class Answer:
    """One request of a burst, in seconds since the burst's first request was sent."""

    user: int
    label: str
    sent_s: float
    first_byte_s: float | None
    done_s: float | None
    status: int | None
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    error: str | None = None

    @property
    def is_complete(self) -> bool:
        """Whether the last byte of an answer arrived."""
        return self.done_s is not None and self.error is None

    @property
    def latency_s(self) -> float | None:
        """Seconds from sending to the last byte; `None` without an answer."""
        return None if self.done_s is None else self.done_s - self.sent_s

    def excerpt(self, limit: int = 160) -> str:
        """The beginning of the body, fit to be shown."""
        text = self.body[: 4 * limit].decode(errors="replace")
        text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
        if not text:
            return "an empty body"
        return text if len(text) <= limit else text[:limit] + "..."

    def json(self) -> Any:
        """The body as JSON; `None` where it is not JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


@dataclass(frozen=True, slots=True)
class Blocked:
    """An interval in which the event loop could run nothing else, and the learner's line that held it."""

    start_s: float
    end_s: float
    file: str
    line: int
    function: str
    code: str

    @property
    def length_s(self) -> float:
        """How long the loop was held, in seconds."""
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True)
class PoolQueue:
    """The most that was ever seen of a thread pool that ran full: its threads and the requests waiting for one."""

    threads: int
    waiting: int


@dataclass(frozen=True, slots=True)
class Timeline:
    """All requests of one burst, on the machine's clock (`live`) or on a virtual one (`exact`).

    `watched_s` is how long the lab waited for answers; `loop_cpu_s` is the processor time of the event loop's thread.
    """

    answers: tuple[Answer, ...]
    blocked: tuple[Blocked, ...] = ()
    pool: PoolQueue | None = None
    clock: Clock = "live"
    watched_s: float = 0.0
    loop_cpu_s: float = 0.0

    @property
    def wall_s(self) -> float:
        """Seconds from the first request sent to the last answer; infinite if one never came."""
        if not all(answer.is_complete for answer in self.answers):
            return float("inf")
        return max((answer.done_s or 0.0) for answer in self.answers)

    @property
    def fastest_s(self) -> float:
        """The shortest latency in the burst, in seconds; infinite if no answer came."""
        return min((a.latency_s for a in self.answers if a.latency_s is not None), default=float("inf"))

    @property
    def span_s(self) -> float:
        """Seconds that a picture of this burst has to cover."""
        ends = [a.done_s if a.done_s is not None else a.sent_s for a in self.answers]
        unanswered = any(a.done_s is None for a in self.answers)
        return max([*ends, *(b.end_s for b in self.blocked), self.watched_s * unanswered], default=0.0)

    @property
    def arrival(self) -> str:
        """When the answers came, in words: "the last answer came after 0.52 s, the first after 0.10 s"."""
        came = sorted(a.done_s for a in self.answers if a.done_s is not None)
        if len(came) == len(self.answers) == 1:
            return f"the answer came after {came[0]:.2f} s"
        if len(came) == len(self.answers):
            return f"the last answer came after {came[-1]:.2f} s, the first after {came[0]:.2f} s"
        first = f", the first after {came[0]:.2f} s" if came else ""
        return f"{len(came) or 'none'} of {len(self.answers)} were answered within {self.watched_s:.1f} s{first}"

    def only(self, label: str) -> Timeline:
        """The same burst with the requests of one label alone."""
        return replace(self, answers=tuple(a for a in self.answers if a.label == label))

    def blocking_line(self) -> Blocked | None:
        """The learner's line that held the loop longest in all, with the sum as its length."""
        lines: dict[tuple[str, int], list[Blocked]] = {}
        for interval in self.blocked:
            lines.setdefault((interval.file, interval.line), []).append(interval)
        if not lines:
            return None
        worst = max(lines.values(), key=lambda found: sum(b.length_s for b in found))
        total = sum(b.length_s for b in worst)
        return replace(worst[0], end_s=worst[0].start_s + total)

    def to_json(self) -> dict[str, Any]:
        """Data for pictures and reports, times rounded to 0.1 ms; bodies are left out."""
        return {
            "clock": self.clock,
            "watched_s": round(self.watched_s, 4),
            "requests": [
                {
                    "label": a.label,
                    "sent_s": round(a.sent_s, 4),
                    "done_s": None if a.done_s is None else round(a.done_s, 4),
                    "status": a.status,
                    **({"error": a.error} if a.error else {}),
                }
                for a in self.answers
            ],
            "blocked": [
                {
                    "start_s": round(b.start_s, 4),
                    "end_s": round(b.end_s, 4),
                    "where": f"{b.file}:{b.line}",
                    "function": b.function,
                    "code": b.code,
                }
                for b in self.blocked
            ],
            **({"pool": {"threads": self.pool.threads, "waiting": self.pool.waiting}} if self.pool else {}),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Timeline:
        """The timeline again from what `to_json` made of it."""
        answers = tuple(
            Answer(i, r["label"], r["sent_s"], r["done_s"], r["done_s"], r["status"], error=r.get("error"))
            for i, r in enumerate(data["requests"])
        )
        blocked = []
        for b in data["blocked"]:
            file, _, line = b["where"].rpartition(":")
            blocked.append(Blocked(b["start_s"], b["end_s"], file, int(line), b["function"], b["code"]))
        pool = PoolQueue(**data["pool"]) if "pool" in data else None
        return cls(answers, tuple(blocked), pool, data["clock"], data["watched_s"])
