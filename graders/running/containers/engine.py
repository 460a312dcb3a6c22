"""Docker or Podman, found by trying: a client without a daemon, or an engine that cannot run a container, is none."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from graders.running.containers.names import USUAL
from graders.running.containers.store import remove_store

ANSWER_LIMIT_S = 20.0
MAX_OUTPUT_BYTES = 2 * 2**20
MARK = "inference-lab"
STORES = "/var/tmp"  # Podman takes no path of more than 50 characters, and layers need more room than a tmpfs has
NO_IMAGE = re.compile(r"no such image|image not known|not found", re.IGNORECASE)
LIMITS = ("--memory", "512m", "--pids-limit", "128")
CAGE = ("--cap-drop", "all", "--security-opt", "no-new-privileges")
INSTALL = (
    "install Docker (https://docs.docker.com/get-started/get-docker/) or Podman (https://podman.io/docs/installation)"
)


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of one call of an engine: its exit code (`None`: the time was over), what it printed, how long."""

    code: int | None
    out: str
    err: str
    seconds: float

    @property
    def is_ok(self) -> bool:
        """Whether it ended by itself, and well."""
        return self.code == 0

    def tail(self, lines: int = 6) -> str:
        """The end of what it printed, complaints last."""
        text = [line for line in f"{self.out}\n{self.err}".splitlines() if line.strip()]
        return "\n".join(line[:200] for line in text[-lines:])


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine that was seen to run a container.

    `store` holds options that keep everything of the lab's apart from the user's images, where the engine can do that.
    Everything carries the same random `tag`, so that the lab finds again what is its own and removes nothing else.
    `limits` cap a container's memory and processes; empty where this engine cannot do that.
    """

    name: str
    program: str
    version: str
    store: tuple[str, ...] = ()
    limits: tuple[str, ...] = LIMITS
    folder: Path | None = None
    tag: str = field(default_factory=lambda: f"{MARK}-{secrets.token_hex(4)}")

    @property
    def is_podman(self) -> bool:
        """Whether it is Podman."""
        return self.name == "Podman"

    async def run(
        self, *arguments: str, limit_s: float = ANSWER_LIMIT_S, on_line: Callable[[str], object] | None = None
    ) -> Ran:
        """Call the engine; past the limit the call is killed, with all that it started."""
        # What a build keeps aside, cache mounts among it, and the note that a container wanted too much memory, which
        # is left in the working folder, go with the private store.
        env = None if self.folder is None else {**os.environ, "TMPDIR": str(self.folder / "tmp")}
        cwd = self.folder if self.folder is not None and self.folder.is_dir() else None
        return await call([self.program, *self.store, *arguments], limit_s, on_line, env, cwd)

    def marked(self) -> tuple[str, str]:
        """The option that marks an image or a container as the lab's."""
        return "--label", f"{MARK}={self.tag}"

    async def remove(self, containers: Sequence[str]) -> None:
        """Remove containers with what they wrote, running or not."""
        at_once = ("--time", "0") if self.is_podman else ()
        await self.run("rm", "--force", "--volumes", *at_once, *containers, limit_s=60)

    async def remove_everything(self) -> None:
        """Remove the lab's containers and images, and the private store with whatever a broken build left in it."""
        every = ("--filter", f"label={MARK}={self.tag}")
        if ids := (await self.run("ps", "-aq", *every)).out.split():
            await self.remove(ids)
        if ids := list(dict.fromkeys((await self.run("images", "-q", *every)).out.split())):
            await self.run("rmi", "--force", *ids, limit_s=60)
        if self.folder is not None:
            await self.remove(["--all"])  # a build that was cut off leaves a working container
            await remove_store(self.folder, self.program, call)


@dataclass(frozen=True, slots=True)
class Readiness:
    """The engine, or in one sentence why there is none to judge with and what to do about it."""

    engine: Engine | None
    reason: str = ""


async def find_engine(images: Sequence[str]) -> Readiness:
    """The first engine that runs the first of these images and has them all; Docker is asked before Podman."""
    reasons = []
    for candidate in (_docker, _podman):
        found = await candidate(list(images) or [USUAL])
        if found.engine is not None:
            return found
        reasons.append(found.reason)
    told = [reason for reason in reasons if reason]
    return Readiness(None, "; ".join(told) if told else f"no container engine is installed here: {INSTALL}")


async def _docker(images: list[str]) -> Readiness:
    program = shutil.which("docker")
    if program is None:
        return Readiness(None)
    asked = await call([program, "version", "--format", "{{.Server.Version}}"], 5)
    if not asked.is_ok or not asked.out.strip():
        return Readiness(None, "docker is installed, but no Docker daemon answers: start it (Docker Desktop, dockerd)")
    return await _tried(Engine("Docker", program, asked.out.strip()), images)


async def _podman(images: list[str]) -> Readiness:
    program = shutil.which("podman")
    if program is None:
        return Readiness(None)
    quiet = ("--log-level", "fatal")
    template = "{{.Version.Version}}|{{.Host.ServiceIsRemote}}|{{.Store.GraphRoot}}|{{.Store.GraphDriverName}}"
    asked = await call([program, *quiet, "info", "--format", template], 20)
    if not asked.is_ok:
        return Readiness(None, f"podman is installed, but does not answer ({asked.tail(1) or 'no word in time'})")
    version, remote, shared, driver = asked.out.strip().split("|")
    store: tuple[str, ...] = quiet
    folder = None
    if remote == "false":  # a private store over the user's images: read, and never changed
        folder = Path(tempfile.mkdtemp(prefix="lab-", dir=STORES))
        (folder / "tmp").mkdir()
        store = (*quiet, "--root", str(folder / "graph"), "--runroot", str(folder / "run"))
        store += ("--storage-driver", driver, "--storage-opt", f"additionalimagestore={shared}")
    engine = Engine("Podman", program, version, store, folder=folder)
    found = await _tried(engine, images)
    if found.engine is None:
        await engine.remove_everything()
    return found


async def _tried(engine: Engine, images: list[str]) -> Readiness:
    """The engine, if it has the images and runs the first of them."""
    present = await asyncio.gather(*(engine.run("image", "inspect", "--format", "{{.Id}}", i) for i in images))
    missing = [image for image, seen in zip(images, present, strict=True) if not seen.is_ok]
    if broken := next((seen for seen in present if not seen.is_ok and not NO_IMAGE.search(seen.err)), None):
        return Readiness(None, f"{engine.name} is installed, but does not answer ({broken.tail(1) or 'no word'})")
    if missing:
        pulls = " and ".join(f"`{engine.name.lower()} pull {image}`" for image in missing)
        return Readiness(None, f"{engine.name} answers, but has no image {', '.join(missing)}: {pulls}")
    for able in (engine, replace(engine, limits=())):
        ran = await able.run(
            *("run", "--rm", "--pull=never", "--network=none", *able.marked(), *able.limits, *CAGE),
            *("--entrypoint", "python", images[0], "-c", "print(6 * 7)"),
            limit_s=30,
        )
        if ran.is_ok and ran.out.strip() == "42":
            return Readiness(able)
    why = _cut(ran.tail(1)) or f"no word within {ran.seconds:.0f} s"
    return Readiness(None, f"{engine.name} is installed, but cannot run a container from {images[0]}: {why}")


def _cut(complaint: str, most: int = 120) -> str:
    """A complaint, ended between two words where it is long."""
    return complaint if len(complaint) <= most else f"{complaint[:most].rsplit(maxsplit=1)[0]} …"


async def call(
    command: Sequence[str],
    limit_s: float,
    on_line: Callable[[str], object] | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Ran:
    """Run a program with a limit of time and of output; its group is killed past the limit or when cancelled."""
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        *command,
        env=env,
        cwd=cwd,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None and process.stderr is not None
    reading = asyncio.gather(_read(process.stdout, on_line), _read(process.stderr, on_line), process.wait())
    try:
        out, err, code = await asyncio.wait_for(asyncio.shield(reading), limit_s)
    except TimeoutError:
        kill_group(process.pid)
        out, err, _ = await reading
        code = None
    except asyncio.CancelledError:
        kill_group(process.pid)
        raise
    return Ran(code, out, err, time.monotonic() - began)


async def _read(stream: asyncio.StreamReader, on_line: Callable[[str], object] | None) -> str:
    kept, open_line = bytearray(), b""
    while chunk := await stream.read(65536):
        kept += chunk
        if len(kept) > MAX_OUTPUT_BYTES:
            del kept[: MAX_OUTPUT_BYTES // 2]
        if on_line is not None:
            *lines, open_line = (open_line[-65536:] + chunk).split(b"\n")
            for line in lines:
                on_line(line.decode(errors="replace").rstrip("\r"))
    return kept.decode(errors="replace")


def kill_group(pid: int) -> None:
    """End a process that leads a group of its own, with all that it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if sys.platform == "win32":
            os.kill(pid, signal.SIGTERM)
        else:
            os.killpg(pid, signal.SIGKILL)
