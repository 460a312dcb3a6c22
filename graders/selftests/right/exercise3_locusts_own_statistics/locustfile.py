import json
import os
from collections import Counter

from locust import HttpUser, LoadTestShape, constant_pacing, events, task
from locust.stats import calculate_response_time_percentile

LIMIT_MS, LIMIT_RATIO = 250, 0.01


class InferenceUser(HttpUser):
    wait_time = constant_pacing(1.2)

    @task(9)
    def predict(self):
        with self.client.post(
            "/predict", json={"feature_1": 1.5, "feature_2": -2.0}, catch_response=True
        ) as response:
            if response.status_code != 200:
                response.failure(f"unexpected status {response.status_code}")
                return
            try:
                body = response.json()
            except json.JSONDecodeError:
                response.failure("not JSON")
                return
            if not isinstance(body.get("prediction"), float | int):
                response.failure("no number")
            elif response.elapsed.total_seconds() * 1000 > LIMIT_MS:
                response.failure("slow")

    @task
    def health(self):
        self.client.get("/health", name="health check")


class Snapshot:
    def __init__(self, total, seconds):
        self.requests = total.num_requests
        self.failures = total.num_failures
        self.times = Counter(total.response_times)
        self.seconds = seconds


class Step:
    def __init__(self, users, before, after):
        self.users = users
        requests = after.requests - before.requests
        self.rps = requests / max(after.seconds - before.seconds, 1e-9)
        self.p95_ms = calculate_response_time_percentile(after.times - before.times, requests, 0.95) if requests else 0
        self.failure_ratio = (after.failures - before.failures) / requests if requests else 0.0


class StepLoad(LoadTestShape):
    plan = [(10, 20), (20, 20), (35, 20), (50, 20), (70, 20), (90, 20)]

    def __init__(self):
        super().__init__()
        self.entered = []

    def snapshot(self):
        return Snapshot(self.runner.stats.total, self.get_run_time())

    def tick(self):
        at = self.get_run_time()
        for users, seconds in self.plan:
            if at < seconds:
                if not self.entered or self.entered[-1][0] != users:
                    self.entered.append((users, self.snapshot()))
                return users, 20
            at -= seconds
        return None

    def steps(self):
        ends = [snapshot for _, snapshot in self.entered[1:]] + [self.snapshot()]
        return [Step(users, start, end) for (users, start), end in zip(self.entered, ends)]


def misses(step):
    return step.p95_ms > LIMIT_MS or step.failure_ratio > LIMIT_RATIO


def find_breaking_point(steps):
    last_good = None
    for this, following in zip(steps, [*steps[1:], None]):
        if misses(this) and (following is None or misses(following)):
            return last_good
        last_good = this.users
    return last_good


@events.test_stop.add_listener
def report(environment, **kwargs):
    shape = environment.shape_class
    steps = shape.steps() if shape else []
    with open(os.environ["LOAD_REPORT"], "w") as file:
        json.dump({"breaking_point_users": find_breaking_point(steps), "steps": [vars(s) for s in steps]}, file)
