"""Report cards for the tests of the page: every kind of picture, every state, and a hostile learner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graders.curriculum import EXERCISES
from graders.measuring.timeline import Answer, Blocked, Timeline
from graders.verdict import CheckResult, ExerciseResult, Outcome, ReportCard, State

HOSTILE = (
    """</script><script>document.title='gotcha'</script><img src=x onerror="document.title='gotcha'">'"><!--&{{7*7}}"""
)

STAIRCASE = Timeline(
    tuple(Answer(i, "POST /predict", 0.0, None, 0.1 * (i + 1), 200) for i in range(5)),
    (Blocked(0.0, 0.5, "app/main.py", 27, "predict", "time.sleep(0.1)"),),
    clock="exact",
)
BLOCK = Timeline(tuple(Answer(i, "POST /predict", 0.001 * i, None, 0.104 + 0.001 * i, 200) for i in range(5)))
WAVES = Timeline(tuple(Answer(i, "POST /predict", 0.0, None, 0.1 * (i // 40 + 1), 200) for i in range(81)))
UNANSWERED = Timeline(
    (Answer(0, "POST /predict", 0.0, None, 0.11, 200), Answer(1, "POST /predict", 0.0, None, None, None)), watched_s=1.2
)
LATENCIES = {
    "kind": "latencies",
    "latencies_ms": [3 + 0.1 * i for i in range(100)] + [20 + i for i in range(20)] + [120.0, 140.0],
    "figures": {
        "p50_ms": {"reported_ms": 9.1, "interval_ms": [8.9, 9.4]},
        "p95_ms": {"reported_ms": 36.2, "interval_ms": [33.0, 36.9]},
        "p99_ms": {"reported_ms": 140.2, "interval_ms": [39.0, 121.0]},
    },
}
DOTS = {
    "kind": "dots",
    "figure": "p95_ms",
    "reported_ms": 9.0,
    "interval_ms": [33.0, 36.9],
    "latencies_ms": LATENCIES["latencies_ms"],
}
LOAD_STEPS = {
    "kind": "load_steps",
    "steps": [
        {"users": users, "rps": min(4.6 * users, 182.0), "p95_ms": p95_ms, "failure_ratio": 0.0 if users < 80 else 0.04}
        for users, p95_ms in ((5, 104.0), (10, 105.2), (20, 109.9), (30, 131.5), (40, 218.0), (60, 320.4), (80, 486.0))
    ],
    "reported": 40,
    "recorded": 30,
}
SHEDDING = {
    "kind": "shedding",
    "limit": 4,
    "requests": [
        *({"label": "POST /predict", "sent_s": 0.0, "done_s": 0.103 + i / 1000, "status": 200} for i in range(4)),
        *({"label": "POST /predict/sync", "sent_s": 0.0, "done_s": 0.004 + i / 1000, "status": 503} for i in range(16)),
        {"label": "GET /health", "sent_s": 0.02, "done_s": 0.022, "status": 200},
    ],
}
SHARES = {"kind": "shares", "rows": [{"calls": 7, "cpu_s": 0.41}, {"calls": 5, "cpu_s": 0.33}]}
BATCHES = {"kind": "batches", "requests": 64, "calls": [32, 31, 1], "wall_s": 0.27}
FAULTS = {
    "kind": "faults",
    "rows": [
        {"fault": "hangs", "settings": "FEATURE_STORE_TIMEOUT=0.5", "wanted": 504, "status": 504, "seconds": 0.51},
        {"fault": "answered 500", "settings": "", "wanted": 502, "status": 500, "seconds": 0.02},
    ],
}
LAYERS = {
    "kind": "layers",
    "layers": [
        {"step": "FROM python:3.12-slim", "bytes": 124_000_000},
        {
            "step": "RUN pip install --no-cache-dir -r requirements.txt",
            "bytes": 61_000_000,
            "seconds": 14.2,
            "anew": False,
        },
        {"step": "COPY app/ app/", "bytes": 9_000, "seconds": 0.3, "anew": True},
    ],
    "limit_bytes": 350_000_000,
}
PARITY = {
    "kind": "parity",
    "rows": [
        {"quantity": "start", "process_s": 0.8, "container_s": 1.3},
        {"quantity": "five at once", "process_s": 0.11, "container_s": None},
    ],
}
PICTURES: Mapping[str, Mapping[str, Any]] = {
    "staircase": STAIRCASE.to_json(),
    "block": BLOCK.to_json(),
    "waves": WAVES.to_json(),
    "unanswered": UNANSWERED.to_json(),
    "latencies": LATENCIES,
    "dots": DOTS,
    "load_steps": LOAD_STEPS,
    "shedding": SHEDDING,
    "shares": SHARES,
    "batches": BATCHES,
    "faults": FAULTS,
    "layers": LAYERS,
    "parity": PARITY,
}


def told(state: State, picture: Mapping[str, Any] | None = None, text: str = "", figure: str = "0.53 s") -> Outcome:
    """An outcome with everything that a check can have."""
    evidence: dict[str, Any] = {"floor_s": 0.2} if picture else {}
    if picture:
        evidence["timeline"] = picture
    if state is State.FAILED:
        evidence |= {
            "did": f"sent 5 POST /predict {text}",
            "saw": f"the last answer came after 0.53 s {text}\n    time.sleep(0.1)",
            "wanted": f"the last one before 0.2 s {text}",
            "look_at": f"the handler of /predict {text}",
        }
    return Outcome(state, f"in words {text}", figure, "", evidence, 0.6)


def card_with(*states: State, text: str = "", name: str = "app", pictures: int = 1) -> ReportCard:
    """The course in these states, one for each exercise and the last for all that follow; so many of each picture."""
    supply = iter([*PICTURES.values()] * pictures)
    exercises = []
    for number, of in enumerate(EXERCISES):
        state = states[min(number, len(states) - 1)]
        results = [CheckResult(c, told(state, next(supply, None), text), f"a hint {text}") for c in of.checks]
        exercises.append(ExerciseResult(of.id, of.title, tuple(results)))
    return ReportCard(name, tuple(exercises), {"python": "3.11.7", "platform": f"Linux {text}", "cores": 2})
