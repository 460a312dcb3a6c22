"""Whether the packages that the lab needs can be imported: tried in a child process, remembered until they change."""

from __future__ import annotations

import contextlib
import importlib
import json
import re
import sys
import sysconfig
import tomllib
from pathlib import Path
from typing import Any

from graders.curriculum import LAB
from graders.files import write_atomically
from graders.running.control import Control
from graders.running.launcher import Child, Launcher

IMPORT_LIMIT_S = 30.0
NOT_FOR_IMPORT = frozenset({"pytest-asyncio"})  # a plugin: this run would not have begun without it


def main(spec: dict[str, Any], control: Control) -> None:
    """In the child: import each of `spec["names"]` and tell which failed, and why."""
    broken = {}
    for name in spec["names"]:
        try:
            importlib.import_module(name)
        except BaseException as error:
            broken[name] = f"{type(error).__name__}: {error}"
    control.send("imported", broken=broken)


class Packages:
    """The packages that pyproject.toml names for the service, the lab and its load tests."""

    def __init__(self, launcher: Launcher, state: Path) -> None:
        self._launcher = launcher
        self._memory = state / "packages.json"
        self._child: Child | None = None
        self._known: dict[str, str] | None = None
        self.names: list[str] = []

    def start(self) -> None:
        """Begin to import them, unless they are known to import; returns at once."""
        project = tomllib.loads((LAB / "pyproject.toml").read_text(encoding="utf-8"))
        groups = project["dependency-groups"]
        wanted = [*project["project"]["dependencies"], *groups["lab"], *groups["load"]]
        named = [re.split(r"[^A-Za-z0-9_-]", requirement)[0] for requirement in wanted]
        self.names = [name.replace("-", "_") for name in named if name not in NOT_FOR_IMPORT]
        if self._remembered() == self._state():
            self._known = {}
        else:
            self._child = self._launcher.start("graders.running.packages:main", {"names": self.names})

    async def broken(self) -> dict[str, str]:
        """Package to error message; empty where all of them import."""
        if self._known is None and self._child is not None:
            news = await self._child.wait_for("imported", "exited", timeout_s=IMPORT_LIMIT_S)
            if news is None or news["event"] != "imported":
                return {"packages": f"importing them did not end well ({news or f'within {IMPORT_LIMIT_S:.0f} s'})"}
            self._known = dict(news["broken"])
            if not self._known:
                with contextlib.suppress(OSError):
                    write_atomically(self._memory, json.dumps(self._state()))
        return self._known or {}

    def _state(self) -> list[Any]:
        """What the answer depends on: this Python, and when packages were last put in or taken out."""
        installed = Path(sysconfig.get_path("purelib"))
        return [sys.version, str(installed), installed.stat().st_mtime_ns, self.names]

    def _remembered(self) -> Any:
        try:
            return json.loads(self._memory.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
