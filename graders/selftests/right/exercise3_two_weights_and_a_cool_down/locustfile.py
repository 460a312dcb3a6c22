import json
import os
import statistics
import time

from locust import HttpUser, LoadTestShape, between, events, run_single_user, task

PLAN = [(users, 15) for users in (5, 10, 20, 30, 40, 50, 60, 70, 80, 90)] + [(10, 6)]
SLOW = "slower than 250 ms"
samples = []  # (when it was sent, milliseconds, failed)
entered = []  # (when, users)


def check(response):
    if response.status_code >= 400:
        return f"HTTP {response.status_code}"
    try:
        value = response.json().get("prediction")
    except ValueError:
        return "broken body"
    if type(value) not in (int, float):
        return f"not a prediction: {value}"
    return SLOW if response.request_meta["response_time"] > 250 else None


class InferenceUser(HttpUser):
    wait_time = between(0.8, 1.6)

    def on_start(self):
        self.n = 0

    @task
    def visit(self):
        for _ in range(2):
            self.n += 1
            with self.client.post("/predict", json={"feature_1": self.n, "feature_2": 0.5}, catch_response=True) as r:
                if reason := check(r):
                    r.failure(reason)
        with self.client.get("/health", catch_response=True) as r:
            if r.status_code != 200 or r.json().get("status") != "healthy":
                r.failure("unhealthy")


class StepLoad(LoadTestShape):
    def tick(self):
        run_time = self.get_run_time()
        for users, seconds in PLAN:
            if run_time <= seconds:
                if not entered or entered[-1][1] != users:
                    entered.append((time.time(), users))
                return users, 50
            run_time -= seconds
        entered.append((time.time(), 0))


class Measured:
    def __init__(self, users, times, failures, seconds):
        self.users = users
        self.rps = len(times) / seconds
        self.p95_ms = statistics.quantiles(times, n=100, method="inclusive")[94] if len(times) > 1 else None
        self.failure_ratio = failures / len(times) if times else 0.0


def good(step):
    return (step.p95_ms is None or step.p95_ms <= 250) and step.failure_ratio <= 0.01


def find_breaking_point(steps):
    best = None
    i = 0
    while i < len(steps):
        if good(steps[i]) or (i + 1 < len(steps) and good(steps[i + 1])):
            best = steps[i].users
            i += 1
        else:
            break
    return best


@events.request.add_listener
def on_request(response_time, exception, start_time, **kwargs):
    failed = exception is not None and SLOW not in str(exception)
    samples.append((start_time, response_time, failed))


@events.quitting.add_listener
def on_quitting(environment, **kwargs):
    path = os.environ.get("LOAD_REPORT")
    if not path:
        return
    steps = []
    for (start, users), (end, _) in zip(entered, entered[1:]):
        begin = start + (end - start) / 3
        inside = [(ms, failed) for sent, ms, failed in samples if begin <= sent < end]
        steps.append(Measured(users, [ms for ms, _ in inside], sum(f for _, f in inside), end - begin))
    rising = steps[: [s.users for s in steps].index(max(s.users for s in steps)) + 1] if steps else []
    with open(path, "w", encoding="utf-8") as out:
        out.write(json.dumps({"breaking_point_users": find_breaking_point(rising), "steps": [s.__dict__ for s in steps]}))


if __name__ == "__main__":
    run_single_user(InferenceUser)
