"""What the shell lines of a Dockerfile do, as far as they install something: words by `shlex`, no more."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from graders.running.containers.dockerfile import Step

TOOLS = frozenset({"pip", "setuptools", "wheel", "uv", "poetry", "pipenv", "pdm", "hatch", "pip-tools"})
SHELLS = frozenset({"sh", "bash", "dash", "ash"})
WRAPPERS = frozenset({"exec", "sudo", "env", "time", "then", "do", "!", "tini", "dumb-init", "--", "-s", "-g"})
INSTALLS: dict[str, set[tuple[str, ...]]] = {
    "uv": {("sync",), ("add",), ("pip", "install"), ("pip", "sync")},
    "pip": {("install",)},
    "poetry": {("install",), ("sync",)},
    "pdm": {("install",), ("sync",)},
    "pipenv": {("install",), ("sync",)},
    "conda": {("install",), ("create",), ("env", "create"), ("env", "update")},
    "mamba": {("install",), ("create",), ("env", "create"), ("env", "update")},
    "micromamba": {("install",), ("create",), ("env", "create"), ("env", "update")},
}
PROJECT_INSTALLS = [(tool, (verb,)) for tool in ("uv", "poetry", "pdm") for verb in ("install", "sync")]
ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
NO = frozenset({"", "0", "false", "no", "off"})
TAKES_A_VALUE = frozenset(
    [
        "-r",
        "--requirement",
        "-c",
        "--constraint",
        "--index-url",
        "-i",
        "--extra-index-url",
        "--find-links",
        "-f",
        "--target",
        "-t",
        "--prefix",
        "--root",
        "--python",
        "-p",
        "--timeout",
        "--retries",
        "--trusted-host",
        "--cache-dir",
        "--upgrade-strategy",
        "--group",
        "--extra",
    ]
)


@dataclass(frozen=True, slots=True)
class Command:
    """One simple command: the variables set before it, its program (a bare name), its words."""

    env: dict[str, str]
    program: str
    words: tuple[str, ...]

    @property
    def text(self) -> str:
        """As it would be typed."""
        return shlex.join([self.program, *self.words])


@dataclass(frozen=True, slots=True)
class Install:
    """A command that installs Python packages: its tool (uv), its kind (pip, install), and what else it is given."""

    step: Step
    command: Command
    tool: str
    kind: tuple[str, ...]
    words: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """What it is asked to install, options aside."""
        found, skip = [], False
        for word in self.words:
            if skip or word.startswith("-"):
                skip = not skip and word in TAKES_A_VALUE
            else:
                found.append(word)
        return found

    @property
    def is_of_tools(self) -> bool:
        """Whether it only brings pip, uv and their like."""
        bare = {re.split(r"[<>=!~\[;@ ]", name)[0].lower() for name in self.names}
        return bool(bare) and bare <= TOOLS

    @property
    def is_of_project(self) -> bool:
        """Whether it installs the project itself, whose source is the application."""
        if (self.tool, self.kind) in PROJECT_INSTALLS:
            return not {"--no-install-project", "--no-root", "--no-self"} & set(self.words)
        paths = [name for name in self.names if not _is_of_wheels(name)]
        return any(path.rstrip("/").startswith(".") or path.startswith("/") for path in paths)

    @property
    def brings_dependencies(self) -> bool:
        """Whether packages come with it: a tool is none, and `--no-deps` brings what it names, so of a project none."""
        if self.is_of_tools:
            return False
        if "--no-deps" not in self.words or self.kind == ("pip", "sync"):
            return True
        has_list = any(word.startswith(("-r", "--requirement")) for word in self.words)
        return has_list or any(_is_of_wheels(name) or not _is_path(name) for name in self.names)


def _is_of_wheels(name: str) -> bool:
    """Whether it is a wheel of a folder for wheels, such as /wheels/*.whl, where the dependencies are kept."""
    path = PurePosixPath(name)
    return path.suffix == ".whl" and any("wheel" in part.lower() for part in path.parent.parts)


def _is_path(name: str) -> bool:
    return name.startswith(".") or "/" in name or name.endswith(".whl")


def commands(text: str) -> list[Command]:
    """The simple commands of a shell line or script, in order; a shell's -c is looked into."""
    found = []
    for line in re.sub(r"\\\r?\n", " ", text).splitlines():
        for words in _split(line):
            found += list(_command(words))
    return found


def commands_in(words: Sequence[str]) -> list[Command]:
    """The command that a list of words is, as an exec form has it; a shell's -c is looked into."""
    return list(_command(list(words)))


def commands_of(step: Step) -> list[Command]:
    """The commands that a RUN, CMD, ENTRYPOINT or HEALTHCHECK runs, those of its heredocs included."""
    args = step.args
    if step.name == "HEALTHCHECK":
        args = args[1:]
    if step.is_exec:
        return commands_in(args)
    return [c for text in (*args, *step.scripts) for c in commands(text)]


def installs(step: Step) -> list[Install]:
    """The commands of a RUN that install Python packages."""
    found = []
    if step.name == "RUN":
        for command in commands_of(step):
            words = command.words
            program = command.program
            if re.fullmatch(r"python[\d.]*", program) and words[:1] == ("-m",) and len(words) > 1:
                program, words = words[1], words[2:]
            tool = "pip" if re.fullmatch(r"pip[\d.]*", program) else program
            found += [Install(step, command, tool, kind, rest) for kind, rest in _kinds(tool, words)]
    return found


def _kinds(tool: str, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """The ways to install that the words ask for, each with the words that are left; options may stand in front."""
    for kind in INSTALLS.get(tool, ()):
        for start in range(len(words) - len(kind) + 1):
            before = [w for w in words[:start] if not w.startswith("-")]
            takes_values = sum(w in TAKES_A_VALUE or w == "--python" for w in words[:start])
            if words[start : start + len(kind)] == kind and len(before) <= takes_values:
                yield kind, words[:start] + words[start + len(kind) :]
                break


def leaves_cache(install: Install) -> bool:
    """Whether the tool's download cache stays in the layer: nothing turns it off, mounts over it or removes it."""
    tool = install.tool
    off = {"pip": "PIP_NO_CACHE_DIR", "uv": "UV_NO_CACHE"}.get(tool, f"{tool.upper()}_NO_CACHE")
    env = install.step.env | install.command.env
    is_off = env.get(off, "").lower() not in NO
    if tool == "pip" and env.get(off):
        is_off = True  # to pip, for the sake of old Dockerfiles, even "off" and "0" mean: no cache
    if is_off or {"--no-cache-dir", "--no-cache"} & set(install.command.words):
        return False
    if tool == "uv" and "-n" in install.command.words:
        return False
    if any(m.get("type") == "cache" and "/var/" not in m.get("target", "") for m in install.step.mounts()):
        return False
    for command in commands_of(install.step):
        words = " ".join(command.words)
        if (command.program == "rm" and "cache" in words.lower()) or words.startswith(("cache purge", "cache clean")):
            return False
        if command.program == "export" and f"{off}=" in words:
            return False
        if re.search(r"^-m pip cache purge|^clean -", words):
            return False
    return True


def _split(line: str) -> Iterator[list[str]]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|()")
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        tokens = list(lexer)
    except ValueError:  # a quote that is never closed: the shell will say so
        tokens = line.split()
    words: list[str] = []
    for token in tokens:
        if set(token) <= set(";&|()"):
            yield words
            words = []
        else:
            words.append(token)
    yield words


def _command(words: list[str]) -> Iterator[Command]:
    env: dict[str, str] = {}
    words = list(words)
    while words and (words[0] in WRAPPERS or ASSIGNMENT.match(words[0]) or _bare(words[0]) in WRAPPERS):
        name, equals, value = words.pop(0).partition("=")
        if equals:
            env[name] = value
    if not words:
        return
    program, rest = _bare(words[0]), words[1:]
    script = next((i for i, w in enumerate(rest) if w.startswith("-") and w.endswith("c")), None)
    if program in SHELLS and script is not None and len(rest) > script + 1:
        for inner in commands(rest[script + 1]):
            yield Command(env | inner.env, inner.program, inner.words)
    else:
        yield Command(env, program, tuple(rest))


def _bare(word: str) -> str:
    return PurePosixPath(word).name
