"""The reference service as an image, and Locust against it: from a fresh clone, with nothing made by hand before."""

from __future__ import annotations

import json
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from graders.curriculum import EXERCISES, LAB, SOLUTIONS
from graders.running.containers import compose as compose_files
from graders.running.containers.container import Container
from graders.running.containers.dockerfile import Dockerfile, read
from graders.running.containers.engine import CAGE
from graders.running.containers.image import build
from graders.running.launcher import Launcher
from graders.selftests.corpus import compose
from graders.selftests.engine_here import engine_or_skip
from graders.submission import Submission

FILE = SOLUTIONS / "compose.yaml"
ORIGINS = {"build", "image", "volumes"}
OF_THE_LEARNER = "*\n!app\n!requirements.txt\n"  # a .dockerignore that lets nothing of the reference in
LIST_FILES = "cd /service && find . -type f -exec sha256sum {} +"


def dockerfile(name: str) -> Dockerfile:
    return read((SOLUTIONS / name).read_text(encoding="utf-8"))


def config(file: Path, *profiles: str) -> dict[str, Any]:
    """The services of a compose file, as Compose itself spells them out."""
    options = [part for profile in profiles for part in ("--profile", profile)]
    command = [compose_files.program() or "docker-compose", "-f", str(file), *options, "config", "--format", "json"]
    told = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=30, check=False)
    assert told.returncode == 0, told.stderr
    services: dict[str, Any] = json.loads(told.stdout)["services"]
    return services


# --- the files -------------------------------------------------------------------------------------------------------


def test_the_service_comes_up_alone() -> None:
    """Without a profile Compose starts the service and nothing else, from a Dockerfile that is there."""
    services = config(FILE)

    assert list(services) == ["service"]
    section = services["service"]["build"]
    assert Path(section["context"]) == LAB
    assert (LAB / section["dockerfile"]).samefile(SOLUTIONS / "Dockerfile")
    assert services["service"]["environment"] == {"WEB_CONCURRENCY": "2"}
    assert services["service"]["restart"] == "unless-stopped"


def test_locust_comes_up_distributed() -> None:
    """Under the profile `load` there are a master that expects two workers, and two workers, with the same users."""
    services = config(FILE, "load")
    master, worker = services["load"], services["load-worker"]

    assert master["command"][:3] == ["--master", "--expect-workers", "2"]
    assert worker["command"][:3] == ["--worker", "--master-host", "load"]
    assert worker["deploy"]["replicas"] == 2
    assert master["depends_on"]["service"]["condition"] == "service_healthy"
    for service in (master, worker):
        assert [Path(volume["source"]) for volume in service["volumes"]] == [SOLUTIONS / "exercise3" / "locustfile.py"]
        assert Path(service["build"]["context"], service["build"]["dockerfile"]).is_file()


def test_nothing_is_said_twice() -> None:
    """The compose file names only where things come from: all else stands in the reference of exercise 5."""
    ours, plain = config(FILE, "load"), config(SOLUTIONS / "exercise5" / "docker-compose.yml", "load")
    for service in (*ours.values(), *plain.values()):
        for origin in ORIGINS & service.keys():
            del service[origin]

    assert ours == plain


def test_the_image_is_the_one_of_exercise_5() -> None:
    """The Dockerfile of the whole reference differs from exercise 5's in nothing but where COPY takes its files."""
    ours, plain = dockerfile("Dockerfile"), dockerfile("exercise5/Dockerfile")
    names, sources = [step.name for step in ours.steps], [s.args[0] for s in ours.steps if s.name == "COPY"]

    assert [s.text for s in ours.steps if s.name != "COPY"] == [s.text for s in plain.steps if s.name != "COPY"]
    assert [n for i, n in enumerate(names) if names[i - 1 : i + 1] != ["COPY", "COPY"]] == [s.name for s in plain.steps]
    assert ours.image == plain.image
    layers = [f"graders/solutions/{e.id}/app/" for e in EXERCISES if (SOLUTIONS / e.id / "app").is_dir()]
    assert sources == ["graders/solutions/exercise5/requirements.txt", "graders/skeleton/app/", *layers]


# --- the image -------------------------------------------------------------------------------------------------------


def clone(into: Path) -> Path:
    """What a clone of this repository has: the files that Git knows, and no others."""
    if not (LAB / ".git").exists():
        pytest.skip("this copy of the lab is no clone")
    git = ["git", "-C", str(LAB), "ls-files", "-z", "--cached"]
    listed = subprocess.run(git, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        if (LAB / name).is_file():
            (into / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(LAB / name, into / name)
    return into


def digests(root: Path) -> dict[str, str]:
    """The files of the service below a folder, as an image should have them."""
    parts = [root / "requirements.txt", *(path for path in (root / "app").rglob("*") if path.is_file())]
    return {f"./{path.relative_to(root).as_posix()}": sha256(path.read_bytes()).hexdigest() for path in parts}


async def test_a_clone_builds_and_serves(tmp_path: Path) -> None:
    """The image of a fresh clone holds the composed reference, file by file, and serves; whatever a learner ignores."""
    engine = await engine_or_skip()
    context, reference = clone(tmp_path / "clone"), compose(5, tmp_path / "reference")
    (context / ".dockerignore").write_text(OF_THE_LEARNER, encoding="utf-8")
    try:
        image = await build(engine, dockerfile("Dockerfile"), context, "reference", file="graders/solutions/Dockerfile")

        once = ("run", "--rm", "--pull=never", "--network=none", *engine.marked(), *engine.limits, *CAGE)
        listed = await engine.run(*once, "--entrypoint", "/bin/sh", image.name, "-c", LIST_FILES)
        inside = {name: digest for digest, name in (line.split() for line in listed.out.splitlines())}
        assert inside == digests(reference)

        with Launcher() as launcher:
            container = Container(launcher, Submission.at(reference), engine, image, 8000, "reference")
            try:
                await container.ready()
                assert (await container.get("/health")).status == 200
                assert (await container.get("/metrics")).status == 200
            finally:
                await container.end()
    finally:
        await engine.remove_everything()
