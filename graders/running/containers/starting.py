"""How an image starts its service and asks after its health: the words that its files give to programs."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from e2b_dockerfile_utils import ShellLex

from graders.running.containers.commands import commands_of
from graders.running.containers.dockerfile import Dockerfile, Step
from graders.running.containers.names import ImageName

EVERYWHERE = ("0.0.0.0", "[::]", "::")
ASKS_AT = re.compile(r"http://(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\])(?::(?P<port>[0-9]{1,5}))?/health")
HOST_IN_CODE = re.compile(r"\bhost=[\"']?(?:0\.0\.0\.0|::)(?![\w.:])")
"""As uvicorn.run gets it."""

ReadText = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Start:
    """The command of an image: the steps that give it, all its words, and where it binds to."""

    entrypoint: Step | None
    command: Step | None
    words: tuple[str, ...]

    @property
    def steps(self) -> list[Step]:
        """ENTRYPOINT and CMD, as far as they are there."""
        return [step for step in (self.entrypoint, self.command) if step is not None]

    @property
    def shell_form(self) -> Step | None:
        """The first that is not in exec form."""
        return next((step for step in self.steps if not step.is_exec), None)

    @property
    def glued(self) -> str:
        """A word of an exec form in which several words stand, as in a shell line; empty where there is none."""
        steps = [step for step in self.steps if step.is_exec]
        first = next((step.args[0] for step in steps if step.args), "")
        options = [word for step in steps for word in step.args if word.startswith("--")]
        return next((word for word in (first, *options) if " " in word.strip().partition("=")[0]), "")

    @property
    def reloads(self) -> str:
        """What makes it watch files and restart; empty where nothing does."""
        if "--reload" in self.words:
            return "--reload"
        is_dev = ("fastapi", "dev") in pairwise(self.words) and "--no-reload" not in self.words
        return "fastapi dev, which reloads" if is_dev else ""

    @property
    def is_uvicorn(self) -> bool:
        """Whether uvicorn's own command line reads the arguments, which knows no HOST."""
        return "uvicorn" in self.words or any(w.endswith("/uvicorn") for w in self.words)

    def binds_everywhere(self, env: dict[str, str]) -> bool:
        """Whether it listens on every address, by its arguments, its environment or its habit (`fastapi run`)."""
        names = ("UVICORN_HOST",) if self.is_uvicorn else ("HOST",)
        for word in self.words:
            if word in [f"{name}={address}" for name in names for address in EVERYWHERE]:
                return True  # given by a shell, or by env
            if HOST_IN_CODE.search(word):
                return True
            value = _put_in(word.partition("=")[2] if word.startswith("-") else word, env)
            if value in EVERYWHERE or value.startswith(tuple(f"{a}:" for a in EVERYWHERE[:2])):
                return True
        if {"fastapi", "run"} <= set(self.words) and not any(w.startswith("--host") for w in self.words):
            return True
        return any(env.get(name) in EVERYWHERE for name in names)


def start_of(dockerfile: Dockerfile, read_text: ReadText) -> Start:
    """What the image starts; the words of a script of the submission's own are read along."""
    entrypoint, command = dockerfile.last("ENTRYPOINT"), dockerfile.last("CMD")
    if entrypoint is not None and command is not None:
        of_stage = {id(step): stage.number for stage in dockerfile.final for step in stage.steps}
        if of_stage[id(command)] < of_stage[id(entrypoint)]:
            command = None  # an ENTRYPOINT forgets the CMD of the image that it builds upon
    words = [w for step in (entrypoint, command) if step is not None for w in words_of(step, read_text)]
    return Start(entrypoint, command, tuple(words))


def words_of(step: Step, read_text: ReadText) -> list[str]:
    """Every word that a command consists of: its own, those of a shell's -c, those of a script it runs."""
    words = [w for c in commands_of(step) for w in (c.program, *c.words)]
    words += [w for arg in step.args for w in arg.split()]
    for word in list(words):
        if script := _script(word, words, read_text):
            words += _lenient_split(script)
    return words


@dataclass(frozen=True, slots=True)
class Health:
    """A health check: its command as Docker keeps it, its kind first, and where it is written."""

    test: tuple[str, ...]
    at: str
    words: tuple[str, ...]
    programs: tuple[str, ...]

    @property
    def kind(self) -> str:
        """CMD or CMD-SHELL; whatever else stands in their place is no check to Docker."""
        return self.test[0]

    @property
    def port(self) -> int | None:
        """The port at which it asks this machine for `/health`; `None` where no URL of its words says so."""
        found = [ASKS_AT.search(word) for word in self.words]
        ports = {int(match["port"] or 80) for match in found if match is not None}
        return ports.pop() if len(ports) == 1 else None

    @property
    def asks_health(self) -> bool:
        """Whether `/health` stands in its words."""
        return any("/health" in word for word in self.words)


def health_of(dockerfile: Dockerfile, read_text: ReadText) -> Health | None:
    """The health check of the image; `None` where it has none or turns it off."""
    step = dockerfile.last("HEALTHCHECK")
    if step is None or not step.args or step.args[0].upper() == "NONE":
        return None
    kind = "CMD" if step.is_exec else "CMD-SHELL"
    if step.args[0].upper() != "CMD":
        kind = step.text.split()[1 + len(step.flags)]
    programs = tuple(c.program for c in commands_of(step))
    return Health((kind, *step.args[1:]), step.at, tuple(words_of(step, read_text)), programs)


def missing_program(health: Health, dockerfile: Dockerfile) -> str | None:
    """The program of a health check that a slim image is known not to have and that no step brings."""
    if not ImageName.of(dockerfile.image).is_slim:
        return None
    brought = " ".join(s.text for s in dockerfile.steps if s.name in ("RUN", "COPY", "ADD"))
    brought += " ".join(script for s in dockerfile.steps for script in s.scripts)
    return next((p for p in health.programs if p in ("curl", "wget") and p not in brought), None)


def _script(word: str, words: list[str], read_text: ReadText) -> str | None:
    """The text of a file of the submission that a word names: a script, or a module after -m."""
    if word.endswith((".sh", ".py")):
        parts = word.lstrip("./").split("/")
        candidates = ["/".join(parts[i:]) for i in range(len(parts))]  # /srv/start.sh may be start.sh here
    elif ("-m", word) in pairwise(words) and word.replace(".", "").isidentifier():
        candidates = [word.replace(".", "/") + ".py"]
    else:
        return None
    return next((text for c in candidates if (text := read_text(c)) is not None), None)


def _put_in(word: str, env: dict[str, str]) -> str:
    """A word with the variables that a shell would put in."""
    try:
        return ShellLex("\\", env=env, skip_unset_env=False).process_word(word) if "$" in word else word
    except ValueError:
        return word


def _lenient_split(text: str) -> list[str]:
    try:
        return shlex.split(text, comments=True)
    except ValueError:
        return text.split()
