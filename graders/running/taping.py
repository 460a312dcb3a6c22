"""Keeping what failed checks sent: `lab replay` sends it again."""

from __future__ import annotations

import contextlib
from pathlib import Path

from graders.files import write_atomically
from graders.measuring.tape import Tape, worth_replaying, written
from graders.running import service
from graders.verdict import Check, Outcome, State

FOLDER = "replay"


class Taping:
    """The tape of a run: cut after every check, kept where it failed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / FOLDER
        self._tape = Tape()
        self._tape.listen()
        # The senders need not know that they are recorded.
        setattr(service, "new_client", self._tape.hooked(service.new_client))  # noqa: B010

    def cut(self, check: Check, outcome: Outcome) -> None:
        """Keep the requests of a failed check, forget those of one that passed; a full disk costs nothing else."""
        sent = self._tape.take()
        name = f"{check.exercise}.{check.id}"
        path = self._folder / f"{name}.json"
        with contextlib.suppress(OSError):
            if outcome.state is State.PASSED:
                path.unlink(missing_ok=True)
            elif outcome.state is State.FAILED and (requests := worth_replaying(sent)):
                write_atomically(path, written(name, outcome.evidence, requests))
