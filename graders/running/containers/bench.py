"""What the engine checks share: one engine, one image, one container; found and made once, removed at the end."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from graders.expect import NotRun, Unmet
from graders.running.containers.container import Container
from graders.running.containers.context import copy_context
from graders.running.containers.engine import CAGE, Engine, Ran, find_engine
from graders.running.containers.files import Files
from graders.running.containers.image import Image, build
from graders.running.containers.names import USUAL
from graders.running.launcher import Launcher
from graders.submission import Submission

Made = TypeVar("Made")
EDIT = "\n# an edit, made by the lab to see what it rebuilds\n"


class Bench:
    """Makes things when they are first asked for; what could not be made fails with the same words each time."""

    def __init__(self, files: Files, submission: Submission, launcher: Launcher) -> None:
        self._files = files
        self._submission = submission
        self._launcher = launcher
        self._scratch = launcher.folder("containers")
        self._made: dict[str, object] = {}
        self._containers: list[Container] = []
        self._engine: Engine | None = None

    async def _once(self, name: str, make: Callable[[], Awaitable[Made]]) -> Made:
        if name not in self._made:
            try:
                self._made[name] = await make()
            except Exception as error:
                self._made[name] = error
        made = self._made[name]
        if isinstance(made, Exception):
            raise made
        return made  # type: ignore[return-value]

    async def engine(self) -> Engine:
        """An engine that runs the image that the submission builds upon; `NotRun` where there is none."""
        return await self._once("engine", self._find)

    async def _find(self) -> Engine:
        try:
            images = self._files.dockerfile.images()
        except Unmet:
            images = [USUAL]  # a file that cannot be read fails by itself, wherever an engine is
        found = await find_engine([i for i in images if i != "scratch"])
        if found.engine is None:
            raise NotRun(found.reason)
        self._engine = found.engine
        return found.engine

    @property
    def _context(self) -> Path:
        return self._scratch / "context"

    async def image(self) -> Image:
        """The submission's image; `Unmet` where it cannot be built."""
        return await self._once("image", self._build)

    async def _build(self) -> Image:
        engine = await self.engine()
        dockerfile = self._files.dockerfile
        copy_context(self._files.root, self._context, self._files.context)
        return await build(engine, dockerfile, self._context, "first")

    async def image_after_edit(self) -> Image:
        """The image again, after a line was added to `app/main.py`."""
        return await self._once("edited", self._build_again)

    async def _build_again(self) -> Image:
        engine = await self.engine()
        edited = self._scratch / "edited"
        shutil.copytree(self._context, edited)
        with (edited / "app" / "main.py").open("a", encoding="utf-8") as file:
            file.write(EDIT)
        return await build(engine, self._files.dockerfile, edited, "edited")

    async def container(self) -> Container:
        """The image, running and listening; `Unmet` where it does not get that far."""
        return await self._once("container", lambda: self.start("one"))

    async def start(self, name: str) -> Container:
        """A further container of the image, listening."""
        image = await self.image()
        engine = await self.engine()
        container = Container(self._launcher, self._submission, engine, image, self._files.port, name)
        self._containers.append(container)
        await container.ready()
        return container

    async def run(self, image: Image, command: list[str], *, as_root: bool = False, limit_s: float = 15) -> Ran:
        """Run a command in a container of its own, without the service; as the image's user or as root."""
        engine = await self.engine()
        user = ("--user", "0") if as_root else ()
        return await engine.run(
            *("run", "--rm", "--pull=never", "--network=none", *engine.marked(), *engine.limits, *CAGE),
            *(*user, "--entrypoint", command[0], image.name, *command[1:]),
            limit_s=limit_s,
        )

    async def close(self) -> None:
        """Remove every container and image of the lab's, and its private store."""
        await asyncio.gather(*(container.end() for container in self._containers))
        if self._engine is not None:
            await self._engine.remove_everything()
