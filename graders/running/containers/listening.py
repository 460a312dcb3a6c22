"""On which port the service listens inside its container, as far as the files say so beyond doubt."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import PurePosixPath
from typing import Any

from graders.running.containers.commands import commands_in
from graders.running.containers.dockerfile import Step
from graders.running.containers.starting import Start

USUAL_PORT = 8000  # uvicorn's own default, that of `fastapi run`, and by contract that of `python -m app`
ASIDE = frozenset({"cd", "echo", "mkdir"})  # what a script may do besides, and which changes no port
RUNNERS = frozenset({"uv", "poetry", "pdm", "pipenv"})
QUIET = frozenset({"--no-sync", "--frozen", "--locked", "--no-dev", "--offline"})
ONE_VALUE = ("--host", "--workers", "--log-level")  # a variable behind one of these is no port


@dataclass(frozen=True, slots=True)
class Overrides:
    """What a compose service puts in the place of the image's own; `None` where it leaves that alone."""

    entrypoint: tuple[str, ...] | None = None
    command: tuple[str, ...] | None = None
    env: Mapping[str, str | None] = field(default_factory=dict)
    target: str = ""
    hides_env: bool = False  # a file of variables that is not here, or a build whose ARGs are given from outside

    @classmethod
    def of(cls, service: Mapping[str, Any]) -> Overrides:
        """Those of a service as Compose spells it out."""
        build = service.get("build") or {}
        return cls(
            _unescaped(service.get("entrypoint")),
            _unescaped(service.get("command")),
            service.get("environment") or {},
            str(build.get("target", "")),
            bool(build.get("args") or service.get("env_file")),
        )


def port_inside(start: Start, env: Mapping[str, str], overrides: Overrides) -> int | None:
    """The port of the one server that is started; `None` where a script, a variable or another program decides."""
    words = _started(start, overrides)
    found = [command for command in commands_in(words) if command.program not in ASIDE]
    if len(found) != 1:
        return None
    command = found[0]
    is_set_aside = any("PORT" in word for word in words)  # by the script itself, or by `env`
    certain = overrides.env if overrides.hides_env else {**env, **overrides.env}
    given = command.env if is_set_aside else certain
    return _port(command.program, command.words, _Variables(given, overrides.hides_env or is_set_aside))


@dataclass(frozen=True, slots=True)
class _Variables:
    """The environment of a command; some of it may be out of sight."""

    given: Mapping[str, str | None]
    hides_some: bool

    def port(self, name: str) -> int | None:
        """The port that a program takes which reads this variable, and else the usual one."""
        if name not in self.given:
            return None if self.hides_some else USUAL_PORT
        return _number(self.given[name])


def _started(start: Start, overrides: Overrides) -> tuple[str, ...]:
    """What the container runs: an entrypoint of the compose file forgets the image's command, too."""
    command = _words(start.command) if overrides.command is None else overrides.command
    if overrides.entrypoint is not None:
        return (*overrides.entrypoint, *(overrides.command or ()))
    if start.entrypoint is not None and not start.entrypoint.is_exec:
        return _words(start.entrypoint)
    return (*_words(start.entrypoint), *command)


def _words(step: Step | None) -> tuple[str, ...]:
    if step is None:
        return ()
    return step.args if step.is_exec else ("sh", "-c", "\n".join(step.args))


def _port(program: str, words: Sequence[str], variables: _Variables) -> int | None:
    """The port of a server that is known here, by its arguments or by the variable that it reads."""
    if re.fullmatch(r"python[\d.]*", program) and "-m" in words:
        at = list(words).index("-m")
        module = list(words[at + 1 :])
        if module == ["app"]:
            return variables.port("PORT")
        return _port(module[0], module[1:], variables) if module[:1] in (["uvicorn"], ["fastapi"]) else None
    if program in RUNNERS and words[:1] and words[0] == "run":
        rest = [word for word in words[1:] if word not in QUIET]
        return _port(PurePosixPath(rest[0]).name, rest[1:], variables) if rest else None
    if program not in ("uvicorn", "fastapi") or _is_filled_in_later(words):
        return None
    if given := _values(words, "--port"):
        return _number(given[-1])
    if program == "uvicorn":
        return variables.port("UVICORN_PORT")
    usual = variables.port("PORT")  # newer versions of `fastapi run` read it, older ones do not
    return usual if words[:1] and words[0] == "run" and usual == USUAL_PORT else None


def _is_filled_in_later(words: Sequence[str]) -> bool:
    """Whether variables may bring further arguments, or a socket takes the place of a port."""
    loose = [word for before, word in zip(["", *words], words, strict=False) if before not in ONE_VALUE]
    unknown = any(mark in word for word in loose for mark in "$`" if not word.startswith(ONE_VALUE))
    return unknown or any(word.startswith(("--uds", "--fd")) for word in words)


def _values(words: Sequence[str], option: str) -> list[str]:
    """The values of an option, of each time it is given."""
    found = []
    for word, after in zip_longest(words, words[1:], fillvalue=""):
        if word == option:
            found.append(after)
        elif word.startswith(f"{option}="):
            found.append(word.partition("=")[2])
    return found


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() else None


def _unescaped(value: Any) -> tuple[str, ...] | None:
    """A command as Compose prints it, in which a dollar that it should leave alone stands twice."""
    if value is None:
        return None
    return tuple(str(word).replace("$$", "$") for word in ([value] if isinstance(value, str) else value))
