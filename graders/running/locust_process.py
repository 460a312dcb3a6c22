"""Locust in a child process, forked from one that has it imported: order it, hear it, end it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from graders.measuring.load_record import Reported
from graders.running.launcher import CAN_FORK, Child, Launcher, clean_environment
from graders.running.locust_troubles import load_trouble, missing_file, no_user_class
from graders.submission import Submission

WARM_LOCUST = Path(__file__).with_name("warm_locust.py")
FORK_LIMIT_S = 30.0
LOAD_LIMIT_S = 8.0
WHERE_LIMIT_S = 2.0
USERS_WITHOUT_SHAPE = 20
SECONDS_WITHOUT_SHAPE = 20
LOOK_EVERY_S = 0.1
NOBODY = "http://127.0.0.1:9"  # where no user is ever sent


class LocustLauncher(Launcher):
    """Starts children that have Locust imported already."""

    def __new__(cls, fork: bool = CAN_FORK) -> LocustLauncher:
        """Always one of its own: nobody lends a process with Locust in it."""
        return object.__new__(cls)

    def _python(self, *arguments: str, pass_fds: tuple[int, ...] = ()) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-I", str(WARM_LOCUST), *arguments],
            env=clean_environment(self.scratch),
            cwd=self.scratch,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=pass_fds,
            start_new_session=CAN_FORK,
        )


class LocustProcess:
    """One start of Locust on a fresh copy of the submission, in a folder of its own."""

    def __init__(self, launcher: LocustLauncher, submission: Submission, job: str) -> None:
        self._launcher = launcher
        self._submission = submission
        self._job = job
        self._folder = launcher.folder(job)
        self._root = self._folder / "submission"
        self.crowd = self._folder / "crowd.txt"
        self.report = self._folder / "load_report.json"
        self.output = self._folder / "output.txt"
        self.child: Child | None = None

    def start(self, host: str = NOBODY, **more: Any) -> Child:
        """Order the process; returns at once. Raises `Unmet` where there is no locustfile."""
        self._root = self._submission.copy_to(self._root)
        if not (self._root / "locustfile.py").is_file():
            raise missing_file()
        spec = {
            "root": str(self._root),
            "job": self._job,
            "arguments": [
                *("-f", "locustfile.py", "--headless", "--host", host),
                *("-u", str(USERS_WITHOUT_SHAPE), "-r", str(USERS_WITHOUT_SHAPE), "-t", f"{SECONDS_WITHOUT_SHAPE}s"),
            ],
            "output": str(self.output),
            "crowd": str(self.crowd),
            "env": {"LOAD_REPORT": str(self.report)},
            **more,
        }
        self.child = self._launcher.start("graders.running.locust_child:main", spec)
        return self.child

    async def loaded(self) -> Mapping[str, Any]:
        """What the locustfile defines; raises `Unmet` where Locust cannot load it or finds nobody to send."""
        assert self.child is not None
        await self.child.wait_for("forked", "exited", timeout_s=FORK_LIMIT_S)  # Locust itself may still be imported
        told = await self.child.wait_for("loaded", "broken", "exited", timeout_s=LOAD_LIMIT_S)
        if told is None or told["event"] != "loaded":
            where = None if told else await self.where()
            trouble = load_trouble(told, where, LOAD_LIMIT_S)
            await self.child.end()
            raise trouble
        if "InferenceUser" not in told["users"]:
            await self.child.end()
            raise no_user_class(told["users"])
        return told

    async def until(self, is_enough: Callable[[], bool], limit_s: float) -> bool:
        """Wait until there is enough to judge by, or the process is over; false where neither came in time."""
        assert self.child is not None
        deadline = time.monotonic() + limit_s
        while not is_enough() and not self.is_over:
            if time.monotonic() > deadline:
                return False
            await self.child.wait_for("exited", timeout_s=LOOK_EVERY_S)
        return True

    @property
    def is_over(self) -> bool:
        """Whether the process has ended."""
        return self.child is not None and self.child.is_over

    async def end(self) -> None:
        """End it and everything that it started."""
        if self.child is not None:
            await self.child.end()

    async def where(self) -> dict[str, Any] | None:
        """The learner's line in which it stands; that of a user only if no user has sent anything yet."""
        assert self.child is not None
        told = await self.child.ask("where", "where", timeout_s=WHERE_LIMIT_S, users=not self.rows)
        return told["where"] if told else None

    @property
    def root(self) -> Path:
        """The copy of the submission that it runs in."""
        return self._root

    def told(self, name: str) -> list[dict[str, Any]]:
        """Every event of that name so far."""
        return [e for e in self.child.events if e["event"] == name] if self.child else []

    @property
    def requests(self) -> list[Reported]:
        """Locust's raw request events so far."""
        return [Reported(*row) for row in self.rows]

    @property
    def rows(self) -> list[Sequence[Any]]:
        """The same as plain rows."""
        return [row for told in self.told("requests") for row in told["rows"]]

    @property
    def ticks(self) -> list[tuple[float, int | None]]:
        """The moments at which the shape changed its answer, with the number of users; `None` for the end."""
        return [(e["at_s"], e["users"]) for e in self.told("ticked")]

    def raised(self) -> dict[str, Any] | None:
        """The first exception that a task let through."""
        return next(iter(self.told("raised")), None)
