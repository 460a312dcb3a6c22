"""The container files of a submission, read once: what every check of exercise 5 that needs no engine asks."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from graders.expect import Unmet
from graders.running.containers import compose, dockerfile
from graders.running.containers.compose import Built, Compose, Service, health_in
from graders.running.containers.context import Context
from graders.running.containers.dockerfile import Dockerfile
from graders.running.containers.listening import USUAL_PORT, Overrides, port_inside
from graders.running.containers.starting import Health, Start, health_of, start_of, words_of

MAX_BYTES = 2**20


class Files:
    """Dockerfile, compose file and `.dockerignore` of one folder; each is read when it is first asked for."""

    def __init__(self, root: Path, scratch: Path) -> None:
        self.root = root
        self._scratch = scratch

    def text(self, relative: str) -> str | None:
        """The text of a file of the submission; `None` where there is none, or none that is a text of bearable size."""
        path = (self.root / relative).resolve()
        try:
            if not path.is_relative_to(self.root.resolve()) or path.stat().st_size > MAX_BYTES:
                return None
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return None

    @functools.cached_property
    def _dockerfile(self) -> Dockerfile | Unmet:
        text = self.text("Dockerfile")
        did, wanted, cause = "read the Dockerfile", "one that Docker can read", "Dockerfile"
        if text is None:
            look = "the folder that holds app/: is there a file called Dockerfile in it?"
            return Unmet(did, "there is none, or it is no text", wanted, look, cause)
        try:
            return dockerfile.read(text)
        except dockerfile.UnreadableError as error:
            look = "the Dockerfile: each line begins with an instruction such as FROM, COPY or RUN; which comes first?"
            return Unmet(did, str(error), wanted, look, cause)

    @property
    def dockerfile(self) -> Dockerfile:
        """The Dockerfile; `Unmet` where it cannot be read."""
        if isinstance(self._dockerfile, Unmet):
            raise self._dockerfile
        return self._dockerfile

    @functools.cached_property
    def _compose(self) -> Compose | Unmet | None:
        try:
            found = compose.read(self.root, self._scratch)
            return found and replace(found, services=tuple(replace(s, built=self._built(s)) for s in found.services))
        except compose.InvalidError as error:
            file = compose.file_in(self.root)
            name = file.name if file else "compose.yaml"
            return Unmet(
                f"let Compose read {name}: docker-compose config",
                str(error),
                "a compose file that Compose takes",
                f"{name}: which line does it complain about, and what belongs there?",
                cause="compose",
            )

    def _built(self, service: Service) -> Built | None:
        """What the image of a service brings along; `None` where it builds none, or none that can be read here."""
        build = service.builds
        text = self._dockerfile_of(build) if build is not None else None
        if build is None or text is None:
            return None
        try:
            read = dockerfile.read(text)
        except dockerfile.UnreadableError:
            return None
        image = read.up_to(str(build.get("target", "")))
        start = start_of(image, self.text)
        entrypoint, command = (
            tuple(words_of(step, self.text)) if step is not None else () for step in (start.entrypoint, start.command)
        )
        return Built(image.image, entrypoint, command, image.env)

    def _dockerfile_of(self, build: Mapping[str, Any]) -> str | None:
        """The Dockerfile that a `build` section means, where it stands in the submission or in the section itself."""
        if "dockerfile_inline" in build:
            return str(build["dockerfile_inline"])
        file = Path(str(build.get("context", "")), str(build.get("dockerfile", "Dockerfile"))).resolve()
        root = self.root.resolve()
        return self.text(file.relative_to(root).as_posix()) if file.is_relative_to(root) else None

    @property
    def compose(self) -> Compose:
        """The compose file; `Unmet` where there is none or Compose refuses it."""
        found = self._compose
        if found is None:
            look = "docker-compose.yml, beside the Dockerfile"
            raise Unmet("looked for a compose file", "there is none", " or ".join(compose.NAMES), look, "compose")
        if isinstance(found, Unmet):
            raise found
        return found

    @property
    def service(self) -> Service | None:
        """The compose service that builds the Dockerfile; `None` where the file is missing, broken or has none."""
        return self._compose.app(self.root) if isinstance(self._compose, Compose) else None

    @functools.cached_property
    def context(self) -> Context:
        """The build context; `Unmet` with the line of `.dockerignore` that is no pattern."""
        try:
            return Context.of(self.text(".dockerignore") or "")
        except ValueError as error:
            look = ".dockerignore: which line is that?"
            raise Unmet("read .dockerignore", str(error), "patterns, one a line", look, "dockerignore") from None

    @property
    def start(self) -> Start:
        """What the image starts."""
        return start_of(self.dockerfile, self.text)

    @property
    def health(self) -> tuple[bool, Health | None]:
        """Whether the compose file turns the health check off, and the check that holds in the end."""
        is_off, replaced = (False, None)
        if self.service is not None and isinstance(self._compose, Compose):
            is_off, replaced = health_in(self.service, self._compose.file)
        if is_off:
            return True, None
        return False, replaced or health_of(self.dockerfile, self.text)

    @property
    def listens_on(self) -> int | None:
        """The port on which the compose service listens inside; `None` where the files leave it open."""
        if self.service is None or isinstance(self._dockerfile, Unmet):
            return None
        overrides = Overrides.of(self.service.data)
        if overrides.target and overrides.target.lower() != self._dockerfile.stages[-1].name:
            return None  # another image than the one that is read here
        return port_inside(self.start, self._dockerfile.env, overrides)

    @property
    def port(self) -> int:
        """The port inside: what the compose file publishes, else what EXPOSE names, else 8000."""
        if self.service is not None and self.service.ports:
            return self.service.ports[0][1]
        step = None if isinstance(self._dockerfile, Unmet) else self._dockerfile.last("EXPOSE")
        number = step.args[0].split("/")[0] if step is not None and step.args else ""
        return int(number) if number.isdecimal() else USUAL_PORT
