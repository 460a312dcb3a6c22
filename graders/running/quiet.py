"""Was the machine quiet just now? The lab's own reference service is asked to do what the learner's has to do."""

from __future__ import annotations

from dataclasses import replace

from graders.measuring.crowd import WireCrowd
from graders.measuring.wire import Request
from graders.running.launcher import Launcher
from graders.running.service import Service

SPIN_MS = 1.2
"""What a request costs a learner's service in processor time: 0.6 to 1.1 ms were measured, and threads cost more."""


class Machine:
    """Bursts at the reference service, which is started when it is first needed."""

    def __init__(self, launcher: Launcher) -> None:
        self._launcher = launcher
        self._reference: Service | None = None

    async def answers_within(self, within_s: float, requests: list[Request]) -> bool:
        """Whether the reference service answers all of these in the time, in seconds, at a learner's cost each."""
        if self._reference is None:
            self._reference = Service(self._launcher, None)
            self._reference.start()
        await self._reference.ready()
        crowd = WireCrowd(self._reference.port)
        spin = {"x-lab-spin-ms": f"{SPIN_MS:.2f}"}
        try:
            _, timeline = await crowd.burst([replace(r, headers=spin) for r in requests], 4 * within_s)
        finally:
            await crowd.leave()
        return timeline.wall_s < within_s

    async def end(self) -> None:
        """End the reference service."""
        if self._reference is not None:
            await self._reference.end()
