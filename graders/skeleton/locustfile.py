"""Your load test: the file behind `uv run locust`.

Locust can load it, and finds nobody who does anything yet. Each TODO names the step of the lesson that explains it.
When you think that a step is done: `uv run pytest -k exercise3`.
"""

from locust import HttpUser, LoadTestShape

P95_OBJECTIVE_MS = 250
MAX_FAILURE_RATIO = 0.01


class InferenceUser(HttpUser):
    """Somebody who uses your service."""

    # TODO (lessons/exercise3.md, step 1): think for a while between two requests: `wait_time`.

    # TODO (lessons/exercise3.md, step 2): a task that sends POST /predict, and one that sends GET /health;
    # most requests are predictions.

    # TODO (lessons/exercise3.md, step 4): report an answer as a failure if it is wrong although its status is 200,
    # or if it came later than the objective allows.


class StepLoad(LoadTestShape):
    """How many users there are, and when."""

    # TODO (lessons/exercise3.md, step 6): delete this line; it hides the shape from Locust, so that `-u 10` works.
    abstract = True

    def tick(self):
        """The users wanted now and how many come per second; None at the end."""
        # TODO (lessons/exercise3.md, step 6): rise in steps, by self.get_run_time().
        users, spawn_rate = 1, 1
        return users, spawn_rate


def find_breaking_point(steps):
    """The users of the last step before the service breaks; None where there is no such step."""
    # TODO (lessons/exercise3.md, step 7): find the first miss that is no blip.
    raise NotImplementedError("lessons/exercise3.md, step 7")


# TODO (lessons/exercise3.md, step 8): sort requests into steps, and write the report when the test stops.
