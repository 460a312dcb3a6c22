"""The starts of `python -m app` that exercise 4 needs: few, each with several settings, shared by its checks."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections.abc import Iterable, Mapping

from graders.expect import Unmet
from graders.running.launcher import Launcher
from graders.running.program import LOCAL, Program
from graders.running.quiet import Machine
from graders.submission import Submission

SETTINGS: Mapping[str, Mapping[str, str]] = {
    "two": {"WEB_CONCURRENCY": "2", "FEATURE_STORE_TIMEOUT": "0.5", "BATCH_SIZE": "8"},
    "unset": {},
    "one": {"WEB_CONCURRENCY": "1", "THREAD_POOL_SIZE": "90", "FEATURE_STORE_TIMEOUT": "30"},
    "limited": {
        "WEB_CONCURRENCY": "1",
        "MAX_CONCURRENCY": "4",
        "FEATURE_STORE_TIMEOUT": "30",
        "PIPELINE_DELAYS_MS": "0,500,0",
    },
    "narrow": {
        "WEB_CONCURRENCY": "1",
        "THREAD_POOL_SIZE": "10",
        "FEATURE_STORE_POOL": "3",
        "FEATURE_STORE_TIMEOUT": "3.0",
        "BATCH_WAIT_MS": "100",
    },
}
"""Name to settings, in the order in which they are needed.

A FEATURE_STORE_TIMEOUT of 30 s stands where time is not the question, so that a busy machine cannot make it one.
"""

OTHER_HOST = "127.0.0.2"


class Programs:
    """Starts programs when they are needed, a few at a time, and ends all of them."""

    def __init__(self, launcher: Launcher, submission: Submission, wanted: Iterable[str] = tuple(SETTINGS)) -> None:
        hosts = {"unset": other_host()}
        self.machine = Machine(launcher)
        self._wanted = [name for name in SETTINGS if name in set(wanted)]
        self._programs = {
            name: Program(launcher, submission, settings, hosts.get(name, LOCAL)) for name, settings in SETTINGS.items()
        }
        self._starting: asyncio.Task[None] | None = None

    async def __call__(self, *names: str) -> list[Program]:
        """These programs, ready to be asked; raises `Unmet` where one of them does not start.

        The first call starts all that the run will need; those that nobody waits for yet come up meanwhile.
        """
        if self._starting is None:
            self._starting = asyncio.create_task(self._start([*names, *self._wanted]))
        found = [self._programs[name] for name in names]
        await asyncio.gather(*(program.ready() for program in found))
        return found

    async def one(self, name: str) -> Program:
        """One of them."""
        return (await self(name))[0]

    async def _start(self, names: Iterable[str]) -> None:
        for name in dict.fromkeys(names):
            with contextlib.suppress(Unmet):  # told to whoever asks for it
                await self._programs[name].ready()

    async def end(self) -> None:
        """End every program and the reference service."""
        if self._starting is not None:
            self._starting.cancel()
        await asyncio.gather(*(program.end() for program in self._programs.values()), self.machine.end())


def other_host() -> str:
    """A second address of this machine's loopback where there is one (on Linux), to see that HOST is obeyed."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind((OTHER_HOST, 0))
            return OTHER_HOST
    return LOCAL
