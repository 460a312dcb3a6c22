import json
import os
import random
import threading
import time

import numbers

from locust import HttpUser, LoadTestShape, events, task

MAX_P95_MS = 250
STEPS = [10, 20, 40, 60, 80]
STEP_SECONDS = 60


class InferenceUser(HttpUser):
    host = "http://127.0.0.1:8000"

    @task
    def act(self):
        if random.random() < 0.8:
            self.predict()
        else:
            self.client.get("/health")
        time.sleep(random.uniform(0.5, 1.0))

    def predict(self):
        started = time.perf_counter()
        with self.client.post("/predict", json={"feature_1": 3, "feature_2": 4}, catch_response=True) as response:
            elapsed_ms = (time.perf_counter() - started) * 1000
            if not response.ok:
                return response.failure(f"{response.status_code}")
            try:
                payload = json.loads(response.content)
            except ValueError as error:
                return response.failure(str(error))
            if not isinstance(payload, dict) or not isinstance(payload.get("prediction"), numbers.Real):
                return response.failure("prediction missing")
            if elapsed_ms > MAX_P95_MS:
                return response.failure(f"{elapsed_ms:.0f} ms")
            return response.success()


class StepLoad(LoadTestShape):
    use_common_options = False

    def tick(self):
        elapsed = self.get_run_time()
        if elapsed > STEP_SECONDS * len(STEPS):
            return None
        index = min(int(elapsed / STEP_SECONDS), len(STEPS) - 1)
        with lock:
            if not rows or rows[-1]["users"] != STEPS[index]:
                rows.append({"users": STEPS[index], "start": elapsed, "latencies": [], "errors": 0})
            rows[-1]["end"] = elapsed
        return (STEPS[index], 10)


lock = threading.Lock()
rows = []


@events.test_start.add_listener
def begin(environment, **kwargs):
    del rows[1:]


@events.request.add_listener
def each(response_time, exception, **kwargs):
    with lock:
        if rows:
            rows[-1]["latencies"].append(response_time)
            rows[-1]["errors"] += exception is not None


class Result:
    def __init__(self, row):
        latencies = sorted(row["latencies"])
        self.users = row["users"]
        self.rps = len(latencies) / max(1.0, row["end"] - row["start"])
        self.p95_ms = latencies[min(len(latencies) - 1, int(len(latencies) * 0.95))] if latencies else 0
        self.failure_ratio = row["errors"] / len(latencies) if latencies else 0


def find_breaking_point(steps):
    candidate = None
    previous_missed = False
    for step in steps:
        missed = step.p95_ms > MAX_P95_MS or step.failure_ratio > 0.01
        if missed and previous_missed:
            return candidate
        if not missed:
            candidate = step.users
        elif step is steps[-1]:
            return candidate
        previous_missed = missed
    return candidate


@events.test_stop.add_listener
def done(environment, **kwargs):
    results = [Result(row) for row in rows]
    document = {
        "breaking_point_users": find_breaking_point(results),
        "steps": [
            {"users": r.users, "rps": r.rps, "p95_ms": r.p95_ms, "failure_ratio": r.failure_ratio} for r in results
        ],
    }
    with open(os.environ.get("LOAD_REPORT", os.devnull), "w") as file:
        json.dump(document, file)
