"""A Dockerfile as data: stages and their steps, variables put in, as BuildKit's own parser reads it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from e2b_dockerfile_utils import DockerfileInstruction, ShellLex, parse_dockerfile_ast


class UnreadableError(ValueError):
    """The file is no Dockerfile; the message says why, and on which line."""


@dataclass(frozen=True, slots=True)
class Step:
    """One instruction: its arguments with variables put in, and the variables that hold when it runs."""

    name: str
    args: tuple[str, ...]
    flags: tuple[str, ...]
    is_exec: bool
    text: str
    line: int
    scripts: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)

    @property
    def at(self) -> str:
        """Where it stands: Dockerfile, line 7."""
        return f"Dockerfile, line {self.line}"

    def flag(self, name: str) -> list[str]:
        """The values of a flag such as `from`, of each time it is given."""
        return [f.split("=", 1)[1] for f in self.flags if f.startswith(f"--{name}=")]

    def mounts(self) -> list[dict[str, str]]:
        """What `RUN --mount=` brings, each as its keys and values."""
        return [dict(part.partition("=")[::2] for part in value.split(",")) for value in self.flag("mount")]


@dataclass(frozen=True, slots=True)
class Stage:
    """One `FROM` and what follows it; `base` is an image or an earlier stage, `env` what holds at its end."""

    number: int
    base: str
    name: str
    line: int
    steps: tuple[Step, ...]
    env: dict[str, str]


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """All stages, in order."""

    stages: tuple[Stage, ...]

    def chain(self, stage: Stage) -> list[Stage]:
        """A stage and the stages that it builds upon, the first one first."""
        found = [stage]
        while (parent := self.stage(found[0].base, before=found[0].number)) is not None:
            found.insert(0, parent)
        return found

    def stage(self, name: str, before: int) -> Stage | None:
        """The earlier stage of that name or number; `None` if it means an image."""
        earlier = self.stages[:before]
        if name.isdecimal():
            return earlier[int(name)] if int(name) < before else None
        return next((s for s in reversed(earlier) if s.name and s.name == name.lower()), None)

    def up_to(self, target: str) -> Dockerfile:
        """What a build with this target builds; the whole where the target is empty or unknown."""
        found = self.stage(target, before=len(self.stages)) if target else None
        return Dockerfile(self.stages[: found.number + 1]) if found is not None else self

    @property
    def final(self) -> list[Stage]:
        """The stages whose layers end in the image."""
        return self.chain(self.stages[-1])

    @property
    def image(self) -> str:
        """The image that the last stage builds upon."""
        return self.final[0].base

    @property
    def steps(self) -> list[Step]:
        """The instructions whose effects end in the image, in order."""
        return [step for stage in self.final for step in stage.steps]

    def needed(self) -> list[Stage]:
        """The stages that the image is made of, those that it only copies from included, in order."""
        numbers: set[int] = set()
        todo = list(self.final)
        while todo:
            stage = todo.pop()
            if stage.number in numbers:
                continue
            numbers.add(stage.number)
            sources = [name for step in stage.steps for name in _sources(step)]
            found = [self.stage(name, before=stage.number) for name in sources]
            todo += [chained for s in found if s is not None for chained in self.chain(s)]
        return [s for s in self.stages if s.number in numbers]

    def images(self) -> list[str]:
        """Every image from elsewhere that a build needs, the last stage's first."""
        wanted = [self.image]
        for stage in self.needed():
            for name in [stage.base, *(name for step in stage.steps for name in _sources(step))]:
                if self.stage(name, before=stage.number) is None and name != "scratch":
                    wanted.append(name)
        return list(dict.fromkeys(wanted))

    def last(self, name: str) -> Step | None:
        """The last instruction of that name that ends in the image."""
        return next((s for s in reversed(self.steps) if s.name == name), None)

    @property
    def env(self) -> dict[str, str]:
        """The environment that the image gives to its process."""
        return self.stages[-1].env


def _sources(step: Step) -> Iterator[str]:
    """Images or stages that a step copies or mounts from."""
    yield from step.flag("from")
    yield from (mount["from"] for mount in step.mounts() if "from" in mount)


def read(text: str) -> Dockerfile:
    """The Dockerfile in the text; `UnreadableError` where there is none in it."""
    try:
        parsed = parse_dockerfile_ast(text)
    except ValueError as error:
        raise UnreadableError(str(error).removeprefix("Dockerfile parse ")) from None
    given: dict[str, str] = {}
    stages: list[Stage] = []
    current: _Open | None = None
    for instruction in parsed.instructions:
        if instruction.name == "FROM":
            if current is not None:
                stages.append(current.closed())
            current = _Open(stages, instruction, parsed.escape_token, given)
        elif current is not None:
            current.add(instruction)
        elif instruction.name == "ARG":
            given |= _arguments(instruction.args, _lexer(parsed.escape_token, given), {})
        else:
            raise UnreadableError(f"line {instruction.start_line}: {instruction.name} stands before the first FROM")
    if current is None:
        raise UnreadableError("it has no FROM in it" if parsed.instructions else "it has no instruction in it")
    return Dockerfile((*stages, current.closed()))


class _Open:
    """A stage while it is being read."""

    def __init__(self, earlier: list[Stage], start: DockerfileInstruction, escape: str, given: dict[str, str]) -> None:
        self._escape = escape
        self._given = given
        words = [_lexer(escape, given).process_word(word) for word in start.args]
        if not words or not words[0]:
            raise UnreadableError(f"line {start.start_line}: FROM names no image")
        named = len(words) == 3 and words[1].lower() == "as"
        self._head = (len(earlier), words[0], words[2].lower() if named else "", start.start_line)
        parent = next((s for s in reversed(earlier) if s.name == words[0].lower()), None)
        self._env = dict(parent.env) if parent is not None else {}
        self._args: dict[str, str] = {}
        self._steps: list[Step] = []

    def add(self, instruction: DockerfileInstruction) -> None:
        """Take up one instruction, with the variables that hold there."""
        known = self._args | self._env
        lex = _lexer(self._escape, known)
        args = tuple(instruction.args)
        if instruction.name == "ENV":
            args = tuple(lex.process_word(a) for a in args)
            self._env |= _pairs(args)
        elif instruction.name == "ARG":
            self._args |= _arguments(instruction.args, lex, self._given)
        elif instruction.name in ("USER", "WORKDIR", "COPY", "ADD", "EXPOSE", "STOPSIGNAL") and not instruction.json:
            args = tuple(lex.process_word(a) for a in args)
        flags = tuple(lex.process_word(f) for f in instruction.flags)
        self._steps.append(
            Step(
                instruction.name,
                args,
                flags,
                instruction.json,
                " ".join(instruction.original.split()),
                instruction.start_line,
                tuple(h.content for h in instruction.heredocs),
                known,
            )
        )

    def closed(self) -> Stage:
        """The stage as it was read."""
        return Stage(*self._head, tuple(self._steps), self._env)


def _lexer(escape: str, known: dict[str, str]) -> ShellLex:
    return ShellLex(escape, env=known, skip_unset_env=False)


def _arguments(words: list[str], lex: ShellLex, given: dict[str, str]) -> dict[str, str]:
    """What ARG defines: its default, or what an ARG before the first FROM gave to that name."""
    found = {}
    for word in words:
        name, equals, value = word.partition("=")
        if equals:
            found[name] = lex.process_word(value)
        elif name in given:
            found[name] = given[name]
    return found


def _pairs(args: tuple[str, ...]) -> dict[str, str]:
    """ENV's arguments, which come as name, value, delimiter."""
    return dict(zip(args[::3], args[1::3], strict=False))
