"""A load test that simulates users, steps up, and reports where the service breaks.

With the web page at http://localhost:8089, or headless; LOAD_REPORT names the file of the report.

    uv run locust --host http://127.0.0.1:8000
    uv run locust --host http://127.0.0.1:8000 --headless
"""

import json
import math
import os
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from locust import HttpUser, LoadTestShape, between, events, task

P95_OBJECTIVE_MS = 250
MAX_FAILURE_RATIO = 0.01


def what_is_wrong(response, elapsed_ms: float) -> str:
    """What is wrong with an answer to POST /predict; empty where it is right and in time."""
    if response.status_code != 200:
        return f"status {response.status_code}"
    try:
        prediction = response.json()["prediction"]
    except (ValueError, KeyError, TypeError):
        return "no prediction in the body"
    # bool is a kind of int in Python, and NaN is a float: neither is a prediction.
    if isinstance(prediction, bool) or not isinstance(prediction, int | float) or not math.isfinite(prediction):
        return f"prediction is {prediction!r}"
    if elapsed_ms > P95_OBJECTIVE_MS:
        return f"slower than {P95_OBJECTIVE_MS} ms"
    return ""


class InferenceUser(HttpUser):
    """Somebody who asks for a prediction, thinks for about a second, and asks again."""

    wait_time = between(0.5, 1.5)

    @task(4)
    def predict(self) -> None:
        """Ask for a prediction and look at the answer, not only at its status."""
        features = {"feature_1": random.random(), "feature_2": random.random()}
        timeout_s = P95_OBJECTIVE_MS / 1000  # who waits no longer has a failure, and no answer to look at
        with self.client.post("/predict", json=features, catch_response=True, timeout=timeout_s) as response:
            if problem := what_is_wrong(response, response.request_meta["response_time"]):
                response.failure(problem)

    @task(1)
    def health(self) -> None:
        """Ask as a load balancer does."""
        self.client.get("/health")


@dataclass
class Step:
    """What was measured while so many users were there."""

    users: int
    began: float
    ended: float = 0.0
    latencies_ms: list[float] = field(default_factory=list)
    failures: int = 0

    @property
    def rps(self) -> float:
        """Requests per second of real time."""
        return len(self.latencies_ms) / max(self.ended - self.began, 0.001)

    @property
    def p95_ms(self) -> float:
        """95 % of the requests were answered within this time."""
        ordered = sorted(self.latencies_ms)
        return ordered[math.ceil(0.95 * len(ordered)) - 1] if ordered else 0.0

    @property
    def failure_ratio(self) -> float:
        """The part of the requests that failed."""
        return self.failures / max(len(self.latencies_ms), 1)


class Recorder:
    """Sorts requests into the steps during which they were answered."""

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def enter(self, users: int) -> None:
        """A step begins, and the one before ends."""
        self.close()
        self.steps.append(Step(users, began=time.monotonic()))

    def add(self, latency_ms: float, failed: bool) -> None:
        """A request was answered."""
        if self.steps:
            self.steps[-1].latencies_ms.append(latency_ms)
            self.steps[-1].failures += failed

    def close(self) -> None:
        """The last step is over."""
        if self.steps:
            self.steps[-1].ended = time.monotonic()


recorder: Recorder


@events.init.add_listener
def begin(**_) -> None:
    """Locust is ready to start."""
    global recorder
    recorder = Recorder()


class StepLoad(LoadTestShape):
    """Climbs one stair at a time: each is held long enough to be measured, none doubles the crowd."""

    stairs = (10, 20, 30, 45, 60, 80, 100)
    hold_s = 30

    def tick(self) -> tuple[int, float] | None:
        """The users wanted now, and how fast they come; `None` at the end."""
        # get_run_time() and no clock of our own: whoever runs the test may make its time pass faster.
        index = int(self.get_run_time() // self.hold_s)
        if index >= len(self.stairs):
            return None
        users = self.stairs[index]
        if not recorder.steps or recorder.steps[-1].users != users:
            recorder.enter(users)
        return users, users


def meets_objective(step) -> bool:
    """Whether a step meets the objective."""
    return step.p95_ms <= P95_OBJECTIVE_MS and step.failure_ratio <= MAX_FAILURE_RATIO


def find_breaking_point(steps: Sequence) -> int | None:
    """The users of the last step before the first miss that lasts; `None` where there is none."""
    for i, step in enumerate(steps):
        is_blip = i + 1 < len(steps) and meets_objective(steps[i + 1])
        if not meets_objective(step) and not is_blip:
            return steps[i - 1].users if i > 0 else None
    return steps[-1].users if steps else None


@events.request.add_listener
def note_request(response_time: float, exception: BaseException | None, **_) -> None:
    """Every request, right after it was answered; Locust's own tables round."""
    recorder.add(response_time, failed=exception is not None)


@events.test_stop.add_listener
def write_report(**_) -> None:
    """The report, when the test stops."""
    recorder.close()
    fields = ("users", "rps", "p95_ms", "failure_ratio")
    report = {
        "breaking_point_users": find_breaking_point(recorder.steps),
        "steps": [{name: getattr(step, name) for name in fields} for step in recorder.steps],
    }
    Path(os.environ.get("LOAD_REPORT", "load_report.json")).write_text(json.dumps(report, indent=2), encoding="utf-8")
