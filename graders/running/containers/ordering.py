"""Which packages an edit to the application would install again, and which caches stay in the image."""

from __future__ import annotations

from dataclasses import dataclass

from graders.running.containers.commands import Install, installs, leaves_cache
from graders.running.containers.context import reads_app
from graders.running.containers.dockerfile import Dockerfile, Step


@dataclass(frozen=True, slots=True)
class LateInstall:
    """An installation that runs again at every edit, because the application is already there: brought by `after`."""

    install: Install
    after: Step


def dependency_installs(dockerfile: Dockerfile) -> list[Install]:
    """Every command of the build that installs the service's dependencies."""
    steps = [step for stage in dockerfile.needed() for step in stage.steps]
    return [install for step in steps for install in installs(step) if install.brings_dependencies]


def late_installs(dockerfile: Dockerfile) -> list[LateInstall]:
    """Installations of dependencies that come after the application was copied.

    The project itself may be installed then, when its dependencies are there already.
    """
    found: dict[int, LateInstall] = {}
    for stage in dockerfile.needed():
        app: Step | None = None
        has_dependencies = False
        for step in (step for part in dockerfile.chain(stage) for step in part.steps):
            app = app or (step if reads_app(step) else None)
            for install in installs(step):
                if not install.brings_dependencies:
                    continue
                if app is None:
                    has_dependencies = True
                elif not (install.is_of_project and has_dependencies):
                    found.setdefault(id(install.step), LateInstall(install, app))
    return list(found.values())


def caches_left(dockerfile: Dockerfile) -> list[Install]:
    """Installations whose download cache ends in a layer of the image."""
    return [install for step in dockerfile.steps for install in installs(step) if leaves_cache(install)]
