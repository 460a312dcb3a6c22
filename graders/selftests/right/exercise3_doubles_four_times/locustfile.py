import json
import math
import os
import time
from pathlib import Path

from locust import HttpUser, LoadTestShape, TaskSet, constant_throughput, events, tag, task


class Visit(TaskSet):
    @tag("predict")
    @task(3)
    def predict(self):
        with self.user.rest("POST", "/predict", json={"feature_1": 0.1, "feature_2": 0.2}) as response:
            assert response.status_code == 200, f"status {response.status_code}"
            assert response.js is not None, "no JSON"
            assert isinstance(response.js["prediction"], float), "prediction is no number"
            assert response.request_meta["response_time"] <= 250, "too slow"

    @task(1)
    def health(self):
        self.client.get("/health")


class InferenceUser(HttpUser):
    tasks = [Visit]
    wait_time = constant_throughput(0.6)


class StepLoad(LoadTestShape):
    current = None

    def tick(self):
        number = math.ceil(self.get_run_time() / 40)
        if number > 4:
            log.close()
            return None
        users = 5 * 2**number
        if users != self.current:
            self.current = users
            log.open(users)
        return (users, 5)


class Log:
    def __init__(self):
        self.steps = []

    def open(self, users):
        self.close()
        self.steps.append({"users": users, "since": time.perf_counter(), "ms": [], "failed": 0})

    def close(self):
        if self.steps and "until" not in self.steps[-1]:
            self.steps[-1]["until"] = time.perf_counter()

    def note(self, ms, failed):
        if self.steps:
            self.steps[-1]["ms"].append(ms)
            self.steps[-1]["failed"] += bool(failed)


log = Log()


class Row:
    def __init__(self, raw):
        ms = sorted(raw["ms"])
        self.users = raw["users"]
        self.rps = round(len(ms) / (raw["until"] - raw["since"]), 2)
        self.p95_ms = round(ms[int(0.95 * (len(ms) - 1))], 1) if ms else 0.0
        self.failure_ratio = round(raw["failed"] / len(ms), 4) if ms else 0.0


def ok(step):
    return step.p95_ms <= 250 and step.failure_ratio <= 0.01


def find_breaking_point(steps):
    steps = list(steps)
    for i in range(len(steps)):
        if ok(steps[i]):
            continue
        if i + 1 < len(steps) and ok(steps[i + 1]):
            continue
        return None if i == 0 else steps[i - 1].users
    if not steps:
        return None
    return steps[-1].users


def on_request(request_type, name, response_time, response_length, exception, context, **kw):
    log.note(response_time, exception)


def on_stop(environment, **kw):
    log.close()
    rows = [Row(raw) for raw in log.steps]
    target = Path(os.getenv("LOAD_REPORT") or "report.json")
    target.write_text(json.dumps(dict(breaking_point_users=find_breaking_point(rows), steps=[vars(r) for r in rows])))


@events.init.add_listener
def on_init(environment, **kw):
    environment.events.request.add_listener(on_request)
    environment.events.test_stop.add_listener(on_stop)
