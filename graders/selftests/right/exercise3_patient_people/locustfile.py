import json
import os
import random
from collections import defaultdict
from dataclasses import asdict, dataclass

from locust import HttpUser, LoadTestShape, between, events, task

OBJECTIVE = {"p95_ms": 250.0, "failure_ratio": 0.01}


@dataclass(frozen=True)
class Step:
    users: int
    rps: float
    p95_ms: float
    failure_ratio: float


def is_fine(step):
    return all(getattr(step, name) <= limit for name, limit in OBJECTIVE.items())


def find_breaking_point(steps):
    fine = [is_fine(step) for step in steps]
    held = [now or after for now, after in zip(fine, [*fine[1:], False])]
    count = held.index(False) if False in held else len(held)
    return steps[count - 1].users if count else None


class Person(HttpUser):
    abstract = True
    wait_time = between(3, 8)

    def on_start(self):
        self.client.headers["Connection"] = "close"


class InferenceUser(Person):
    weight = 4

    @task
    def predict(self):
        body = {"feature_1": random.gauss(0, 1), "feature_2": random.gauss(0, 1)}
        with self.client.request("POST", "/predict", json=body, catch_response=True) as answer:
            try:
                answer.raise_for_status()
                float(answer.json()["prediction"])
                assert answer.elapsed.total_seconds() <= 0.25, "late"
            except Exception as error:
                answer.failure(repr(error))


class Monitor(Person):
    weight = 1

    @task
    def health(self):
        self.client.get("/health")


class StepLoad(LoadTestShape):
    step_s = 12.0

    def tick(self):
        step = int(self.get_run_time() / self.step_s) + 1
        return (10 * step, 100) if step <= 8 else None


seen = defaultdict(list)
times = {}


@events.request.add_listener
def remember(environment=None, response_time=0.0, exception=None, **_):
    runner, shape = state["environment"].runner, state["environment"].shape_class
    users = round(runner.user_count, -1)
    seen[users].append((response_time, exception is not None))
    now = shape.get_run_time() if shape else 0.0
    first, _ = times.setdefault(users, (now, now))
    times[users] = (first, now)


state = {}


@events.init.add_listener
def keep(environment, **_):
    state["environment"] = environment


@events.quit.add_listener
def write(exit_code, **_):
    steps = []
    for users in sorted(seen):
        ms = sorted(t for t, _ in seen[users])
        first, last = times[users]
        failed = sum(f for _, f in seen[users])
        steps.append(Step(users, len(ms) / max(last - first, 1.0), ms[(95 * len(ms) + 99) // 100 - 1], failed / len(ms)))
    if "LOAD_REPORT" in os.environ:
        with open(os.environ["LOAD_REPORT"], "w") as out:
            json.dump({"breaking_point_users": find_breaking_point(steps), "steps": [asdict(s) for s in steps]}, out)
