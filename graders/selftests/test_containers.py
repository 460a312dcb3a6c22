"""Real containers: an honest probe with and without an engine, limits that hold, nothing left behind."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from graders.curriculum import SOLUTIONS
from graders.expect import Inconclusive, NotRun, Unmet
from graders.running.containers import engine as engines
from graders.running.containers.bench import Bench
from graders.running.containers.dockerfile import read
from graders.running.containers.engine import STORES, Engine, Ran, call, find_engine
from graders.running.containers.files import Files
from graders.running.containers.image import build, complaint
from graders.running.containers.names import USUAL
from graders.running.containers.reach import listeners
from graders.running.launcher import Launcher
from graders.selftests.corpus import compose, overlay
from graders.selftests.engine_here import engine_or_skip
from graders.submission import Submission

NAPPING = f"import time; time.sleep(60 + {os.getpid()} * 0)"
SLOW_BUILD = f"FROM {USUAL}\nRUN python -c '{NAPPING}'\n"


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    """An engine that runs containers here; everything that a test made with it is removed."""
    found = await engine_or_skip()
    yield found
    await found.remove_everything()


# --- no engine -------------------------------------------------------------------------------------------------------


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with nothing in it but what a test puts there."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def put(folder: Path, name: str, script: str) -> None:
    """A program of that name that does what a few lines of Python say."""
    path = folder / name
    path.write_text(f"#!{sys.executable} -I\nimport sys\nargs = ' '.join(sys.argv[1:])\n{script}\n", encoding="utf-8")
    path.chmod(0o755)


async def test_nothing_installed(programs: Path) -> None:
    """Without any engine the reason says what to install."""
    found = await find_engine([USUAL])

    assert found.engine is None
    assert "install Docker" in found.reason
    assert "Podman" in found.reason


async def test_a_client_without_a_daemon_is_no_engine(programs: Path) -> None:
    """`docker` on the PATH proves nothing; its server has to answer."""
    put(programs, "docker", "sys.exit('Cannot connect to the Docker daemon')")

    found = await find_engine([USUAL])
    assert found.engine is None
    assert "no Docker daemon answers" in found.reason


async def test_an_engine_without_the_base_image_is_not_ready(programs: Path) -> None:
    """An engine that lacks an image says which, and how to get it."""
    put(programs, "docker", "print('28.2.2') if args.startswith('version') else sys.exit('Error: No such image: x')")

    found = await find_engine(["python:3.13-slim"])
    assert found.engine is None
    assert "`docker pull python:3.13-slim`" in found.reason


async def test_an_engine_that_cannot_run_is_none(programs: Path) -> None:
    """What answers every question and runs nothing is told with its own complaint."""
    put(programs, "docker", "sys.exit('runc create failed') if args.startswith('run') else print('28.2.2')")

    found = await find_engine([USUAL])
    assert found.engine is None
    assert "cannot run a container" in found.reason
    assert "runc create failed" in found.reason


async def test_a_long_complaint_of_an_engine_ends_between_words(programs: Path) -> None:
    """What is cut off is a whole word, and a mark says that there was more."""
    put(programs, "docker", "sys.exit('a-dozen-chars ' * 20) if args.startswith('run') else print('28.2.2')")

    found = await find_engine([USUAL])
    assert found.reason.endswith(": " + "a-dozen-chars " * 8 + "…")


async def test_an_engine_without_limits_is_used_without(programs: Path) -> None:
    """Where memory cannot be limited (rootless, old control groups), containers run all the same."""
    put(programs, "docker", "sys.exit('no cgroups') if '--memory' in args else print(42)")

    found = await find_engine([USUAL])
    assert found.engine is not None
    assert found.engine.limits == ()


async def test_a_program_that_hangs_is_killed() -> None:
    """A call of an engine ends with its limit, and so does all that it started."""
    ran = await call([sys.executable, "-c", "import time; time.sleep(60)"], 0.3)

    assert ran.code is None
    assert ran.seconds < 10


def test_listeners_are_read_from_the_kernel() -> None:
    """Addresses stand in the byte order of the machine, ports as they are; only listening sockets count."""
    if sys.byteorder == "big":
        pytest.skip("the sample is of a little-endian machine")
    table = """  sl  local_address rem_address   st tx_queue
   0: 0100007F:1F40 00000000:0000 0A 00000000
   1: 00000000:1F90 00000000:0000 0A 00000000
   2: 0100007F:1F91 0100007F:1F40 01 00000000
   0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 00000000
   1: 00000000000000000000000001000000:0051 00000000000000000000000000000000:0000 0A 00000000"""

    assert listeners(table) == {("127.0.0.1", 8000), ("0.0.0.0", 8080), ("::", 80), ("::1", 81)}


# --- what an engine cannot read --------------------------------------------------------------------------------------


async def test_an_old_engines_limits_are_not_the_learners(tmp_path: Path) -> None:
    """Heredocs in front of a Podman that does not know them leave the check open."""
    old = Engine("Podman", "podman", "4.3.1")

    with pytest.raises(NotRun, match="does not know heredocs"):
        await build(old, read(f"FROM {USUAL}\nRUN <<EOF\ntrue\nEOF\n"), tmp_path, "x")


@pytest.mark.parametrize(("flag", "outcome"), [("--link", NotRun), ("--chwon=app", Unmet)])
async def test_a_flag_of_buildkits_is_told_from_a_typing_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flag: str, outcome: type[Exception]
) -> None:
    """A flag that newer builders know is the engine's limit; one that nobody knows is a mistake."""

    async def refuse(command: object, limit_s: float, *options: object) -> Ran:
        return Ran(125, "", "Error: COPY only supports the --chmod, --chown and --from flags", 0.1)

    monkeypatch.setattr(engines, "call", refuse)
    with pytest.raises(outcome):
        await build(Engine("Podman", "podman", "4.3.1"), read(f"FROM {USUAL}\nCOPY {flag} a b\n"), tmp_path, "x")


def test_a_complaint_is_short_and_names_no_folder() -> None:
    """Of a long output the lines that tell are kept, without where the lab put the context."""
    told = "STEP 1\n" + 50 * "fine\n" + 'Error: checking on sources under "/tmp/x/context": stat "/y": no such file'

    assert complaint(told).count("\n") == 0
    assert "/tmp/x" not in complaint(told)
    assert "no such file" in complaint(told)


# --- an engine -------------------------------------------------------------------------------------------------------


async def everything(engine: Engine) -> tuple[set[str], set[str]]:
    """The user's own containers and images."""
    ps = await call([engine.program, "ps", "-aq"], 20)
    images = await call([engine.program, "images", "-aq"], 20)
    return set(ps.out.split()), set(images.out.split())


def lying_about() -> set[Path]:
    """Whatever lies where the lab keeps its stores, and where a build keeps its own things if nobody tells it."""
    return set(Path(STORES).iterdir())


async def test_a_build_that_takes_too_long_leaves_nothing(engine: Engine, tmp_path: Path) -> None:
    """Past its limit a build is stopped, and judged no one's fault; container, layers and store are gone afterwards."""
    before, stores = await everything(engine), lying_about()
    (tmp_path / "Dockerfile").write_text(SLOW_BUILD, encoding="utf-8")

    with pytest.raises(Inconclusive, match="was stopped at `RUN python"):
        await build(engine, read(SLOW_BUILD), tmp_path, "slow", limit_s=5)
    await engine.remove_everything()

    assert await everything(engine) == before
    assert engine.folder is None or not engine.folder.exists()
    assert lying_about() <= stores
    assert [p for p in psutil.process_iter(["cmdline"]) if NAPPING in " ".join(p.info["cmdline"] or [])] == []


async def test_memory_is_limited(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that takes more than its share is killed, and the machine is not; no note of it is left lying about."""
    monkeypatch.chdir(tmp_path)
    ran = await engine.run(
        "run", "--rm", "--pull=never", "--network=none", "--memory", "64m", USUAL, "python", "-c", "bytearray(2**28)"
    )

    assert ran.code == 137 or not engine.limits
    assert not (tmp_path / "oom").exists()


@pytest.fixture
async def bench(engine: Engine, tmp_path: Path) -> AsyncIterator[Bench]:
    """The reference service of exercise 1 with the reference container files."""
    root = compose(1, tmp_path / "submission")
    overlay(SOLUTIONS / "exercise5", root)
    with Launcher() as launcher:
        made = Bench(Files(root, tmp_path), Submission.at(root), launcher)
        yield made
        await made.close()


async def test_a_container_is_asked_like_a_service(bench: Bench) -> None:
    """No port is published by hand, and requests arrive; inside, nobody is root and somebody listens everywhere."""
    container = await bench.container()

    answers = await asyncio.gather(
        container.get("/health"), container.post("/predict", {"feature_1": 1, "feature_2": 2})
    )
    users = await container.users()
    assert [answer.status for answer in answers] == [200, 200]
    assert {uid for uid, _ in users.values()} == {10001}


async def test_what_is_closed_is_gone(bench: Bench, engine: Engine) -> None:
    """After the last check nothing of the lab's is left in the user's engine."""
    before = await everything(engine)

    await bench.container()
    await bench.image_after_edit()
    await bench.close()

    assert await everything(engine) == before
