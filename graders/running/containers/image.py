"""An image made from a submission: build it, build it again, weigh it, and say why it could not be built."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graders.expect import Inconclusive, NotRun, Unmet
from graders.measuring.layers import Layer, Layers
from graders.running.containers.buildlog import MAKE_FILES, BuildLog, BuiltStep
from graders.running.containers.dockerfile import Dockerfile
from graders.running.containers.engine import Engine, Ran

BUILD_LIMIT_S = 300.0
HEREDOCS_SINCE = (4, 8)  # Podman whose Buildah (1.33) knows them
NEWER_FLAGS = {  # BuildKit's, which older builders refuse
    "COPY": {"link", "parents", "exclude", "chmod"},
    "ADD": {"link", "checksum", "keep-git-dir", "exclude", "chmod", "unpack"},
    "RUN": {"network", "security", "device"},
    "HEALTHCHECK": {"start-interval"},
}
OLDER_FLAGS = {"COPY": {"from", "chown"}, "ADD": {"chown"}, "RUN": {"mount"}, "FROM": {"platform"}}
REFUSED_FLAG = re.compile(r"only supports? the|flag provided but not defined|unknown flag", re.IGNORECASE)
NO_NETWORK = re.compile(
    r"Temporary failure in name resolution|Network is unreachable|NewConnectionError|dns error", re.IGNORECASE
)
NO_FRONTEND = re.compile(
    r"docker/dockerfile[:@].*(failed|not found|denied|timeout)|failed.*docker/dockerfile", re.DOTALL
)
INSTRUCTION = re.compile(r"[A-Z]{3,11}( |$)")
OPAQUE = re.compile(r"\b(dir|file|multi):[0-9a-f]{32,}( in)?")


@dataclass(frozen=True, slots=True)
class Image:
    """A built image: its name, what the engine knows about it, how the build went."""

    name: str
    data: dict[str, Any]
    seconds: float
    steps: tuple[BuiltStep, ...]
    layers: Layers

    @property
    def health_test(self) -> list[str]:
        """The health check that the image carries, as Docker keeps it (CMD or CMD-SHELL first); empty for none."""
        config = self.data.get("Config") or {}
        check = config.get("Healthcheck") or self.data.get("Healthcheck") or self.data.get("HealthCheck") or {}
        return list(check.get("Test") or [])

    @property
    def stop_signal(self) -> str:
        """What a stop sends."""
        return str((self.data.get("Config") or {}).get("StopSignal") or "SIGTERM")


async def build(
    engine: Engine,
    dockerfile: Dockerfile,
    context: Path,
    tag: str,
    limit_s: float = BUILD_LIMIT_S,
    file: str = "Dockerfile",
) -> Image:
    """Build a folder's Dockerfile; `Unmet` with the step and its complaint, `NotRun` at the engine's own limits."""
    _known_to(engine, dockerfile)
    name = f"{engine.tag}:{tag}"
    options = ["--tag", name, *engine.marked(), "--file", str(context / file)]
    if engine.is_podman:  # its own format drops HEALTHCHECK; the host's network needs no bridge
        options += ["--format", "docker", "--pull=never", "--network=host", "--force-rm"]
    else:
        options += ["--progress=plain"] if await _has_buildkit(engine) else ["--force-rm"]
    log = BuildLog()
    ran = await engine.run("build", *options, str(context), limit_s=limit_s, on_line=log.line)
    log.end()
    if not ran.is_ok:
        raise _failure(engine, dockerfile, ran, log)
    layers = await _layers(engine, name, dockerfile.image, log.steps)
    return Image(name, await _inspected(engine, name), ran.seconds, log.steps, layers)


async def _has_buildkit(engine: Engine) -> bool:
    return (await engine.run("buildx", "version")).is_ok


async def _inspected(engine: Engine, name: str) -> dict[str, Any]:
    found = await engine.run("image", "inspect", name)
    return dict(json.loads(found.out)[0])


async def _layers(engine: Engine, name: str, base: str, steps: Sequence[BuiltStep]) -> Layers:
    """The image's history, oldest first, its base as one row."""
    sized = await _history(engine, name)
    inherited = len(await _history(engine, base))
    layers = [Layer("base image", sum(size for _, size in sized[:inherited]))]
    mine = [(_readable(text), size) for text, size in sized[inherited:]]
    makers = [text for text, _ in mine if text.startswith(MAKE_FILES)]
    told_steps = list(steps[-len(makers) :]) if makers else []
    for text, size in mine:
        step = told_steps.pop(0) if text.startswith(MAKE_FILES) and told_steps else None
        if size and step:
            layers.append(Layer(step.text, size, round(step.seconds, 2), not step.is_kept))
        elif size:
            layers.append(Layer(text, size))
    return Layers(tuple(layers))


async def _history(engine: Engine, name: str) -> list[tuple[str, int]]:
    """What made each layer and its size in bytes, oldest first; nothing of an image that is not there (scratch)."""
    form = "json" if engine.is_podman else "{{json .}}"
    told = await engine.run("history", "--no-trunc", "--human=false", "--format", form, name)
    if not told.is_ok:
        return []
    rows = json.loads(told.out) if engine.is_podman else [json.loads(line) for line in told.out.splitlines()]
    return [(str(r.get("CreatedBy", "")), int(r.get("Size", r.get("size", 0)))) for r in reversed(rows)]


def _readable(created_by: str) -> str:
    text = re.sub(r"^(\|\d+ (\S+=\S* )*)?/bin/sh -c (#\(nop\) +)?", "", created_by.strip())
    text = OPAQUE.sub("…", text.removesuffix("# buildkit").strip())
    return text if INSTRUCTION.match(text) else f"RUN {text}"


def _known_to(engine: Engine, dockerfile: Dockerfile) -> None:
    """Raise `NotRun` for syntax that this engine is known not to read, before it makes something else of it."""
    if not engine.is_podman or tuple(map(int, re.findall(r"\d+", engine.version)[:2])) >= HEREDOCS_SINCE:
        return
    if any(step.scripts for stage in dockerfile.stages for step in stage.steps):
        raise NotRun(
            f"Podman {engine.version} does not know heredocs, which this Dockerfile uses; Podman "
            f"{'.'.join(map(str, HEREDOCS_SINCE))} and Docker with BuildKit do"
        )


def _failure(engine: Engine, dockerfile: Dockerfile, ran: Ran, log: BuildLog) -> Exception:
    told = f"{ran.out}\n{ran.err}"
    if (REFUSED_FLAG.search(told) and _uses_newer_flags(dockerfile)) or NO_FRONTEND.search(told):
        return NotRun(
            f"{engine.name} {engine.version} does not know the syntax that this Dockerfile uses "
            f"({ran.tail(1)[:160]}); a newer one does"
        )
    if NO_NETWORK.search(told):
        return Inconclusive(f"the build could not reach the network from here: {NO_NETWORK.findall(told)[0]}")
    where = f" at `{log.last.text[:120]}`" if log.last else ""
    if ran.code is None:
        return Inconclusive(
            f"the build was not done after {ran.seconds:.0f} s, and was stopped{where}. A slow network does that, or a "
            f"step that never ends: `{engine.name.lower()} build .` shows which"
        )
    return Unmet(
        f"built the image with {engine.name}: {engine.name.lower()} build .",
        f"the build ended with exit code {ran.code}{where}:\n{complaint(told)}",
        "an image",
        _question(told),
        cause="build",
    )


def _uses_newer_flags(dockerfile: Dockerfile) -> bool:
    """Whether flags are used that older builders refuse, and none that nobody knows."""
    used = {(s.name, f.lstrip("-").split("=")[0]) for stage in dockerfile.stages for s in stage.steps for f in s.flags}
    newer = {(name, flag) for name, flags in NEWER_FLAGS.items() for flag in flags}
    older = {(name, flag) for name, flags in OLDER_FLAGS.items() for flag in flags}
    older |= {("HEALTHCHECK", flag) for flag in ("interval", "timeout", "start-period", "retries")}
    return bool(used & newer) and used <= newer | older


def complaint(told: str) -> str:
    """The lines of a build's output that say what went wrong, without the lab's own folders."""
    lines = [line.rstrip() for line in told.splitlines() if line.strip()]
    telling = [line for line in lines if re.search(r"error|not found|no such|denied|invalid|unknown", line, re.I)]
    shown = list(dict.fromkeys((telling or lines)[-4:]))
    return "\n".join(re.sub(r'under "[^"]*"', "in the build context", line)[:240] for line in shown)


def _question(told: str) -> str:
    if re.search(r"no such file|not found in build context|failed to compute cache key", told, re.I):
        return "the COPY it names: is there such a path beside the Dockerfile, and does .dockerignore let it in?"
    if re.search(r"no matching distribution|could not find a version", told, re.I):
        return "the list of dependencies: is there a package of that name and version for this Python?"
    if re.search(r"unable to find user|no matching entries in passwd", told, re.I):
        return "USER: which step creates that user?"
    return "the step it names: what does it need that is not there?"
