"""Exercise 5 in pictures: the steps of a build, the layers of an image, process and container side by side."""

from __future__ import annotations

import json
import tomllib
from itertools import count

from graders.curriculum import LAB, SOLUTIONS
from graders.measuring.layers import Layer, Layers
from graders.measuring.parity import Parity
from graders.reporting.layers import ASCII, layers
from graders.reporting.parity import parity
from graders.running.containers.buildlog import BuildLog, BuiltStep

PODMAN = """STEP 1/4: FROM python:3.12-slim
STEP 2/4: COPY requirements.txt .
--> Using cache 1d1924e4547
--> 1d1924e4547
STEP 3/4: RUN pip install -r requirements.txt
Collecting fastapi
--> e4046ce3c7c
STEP 4/4: CMD ["uvicorn"]
COMMIT lab/app"""
DOCKER = """Step 1/3 : FROM python:3.12-slim
 ---> 91f8aac0c8c2
Step 2/3 : RUN pip install fastapi
 ---> Using cache
Step 3/3 : COPY app/ app/"""
BUILDKIT = """#1 [internal] load build definition from Dockerfile
#1 DONE 0.0s
#4 [1/3] FROM docker.io/library/python:3.12-slim
#4 CACHED
#5 [2/3] RUN pip install fastapi
#5 0.912 Collecting fastapi
#5 DONE 8.1s
#6 [build 3/3] COPY app/ app/
#6 CACHED"""


def steps_of(output: str) -> tuple[BuiltStep, ...]:
    """The steps of a build whose every line comes a second after the one before."""
    seconds = count()
    log = BuildLog(clock=lambda: float(next(seconds)))
    for line in output.splitlines():
        log.line(line)
    log.end()
    return log.steps


def test_three_kinds_of_progress_are_read() -> None:
    """Podman, Docker and BuildKit tell their steps in different words; kept ones are told from made ones."""
    assert [(s.text.split()[0], s.is_kept) for s in steps_of(PODMAN)] == [("COPY", True), ("RUN", False)]
    assert [(s.text.split()[0], s.is_kept) for s in steps_of(DOCKER)] == [("RUN", True), ("COPY", False)]
    assert steps_of(BUILDKIT) == (
        BuiltStep("RUN pip install fastapi", 8.1, is_kept=False),
        BuiltStep("COPY app/ app/", 0.0, is_kept=True),
    )


def test_what_a_build_says_otherwise_is_no_step() -> None:
    """A program that prints the words of an engine inside a step changes nothing before it."""
    assert steps_of("#7 0.1 STEP 1/9: RUN rm\nall fine\n#8 DONE soon") == ()


IMAGE = Layers(
    (
        Layer("base image", 122_000_000),
        Layer("RUN pip install --no-cache-dir --requirement requirements.txt", 29_500_000, 9.8, is_anew=False),
        Layer("COPY app/ app/", 12_800, 0.1, is_anew=True),
    ),
    limit_bytes=350_000_000,
)


def test_layers_survive_a_report() -> None:
    """What a report holds is enough to draw the picture again."""
    assert Layers.from_json(json.loads(json.dumps(IMAGE.to_json()))) == IMAGE


def test_layers_are_drawn_by_weight() -> None:
    """The heaviest layer has the longest bar, the smallest is still seen, what an edit made anew looks different."""
    base, pip, app, total, legend = layers(IMAGE, 84, ASCII)

    assert base.count("-") > pip.split("~")[-1].count("-") >= 1
    assert "#" in app
    assert "29.5 MB" in pip
    assert "9.8 s" in pip
    assert total.split() == ["in", "all", "(max", "350", "MB)", "151.5", "MB"]
    assert "made in this build" in legend


def test_pictures_keep_to_their_width() -> None:
    """No line is wider than it may be, however narrow the terminal."""
    both = Parity({"start": (0.2, 2.0), "stop": (0.1, None)})
    for width in (60, 84, 110):
        assert max(map(len, layers(IMAGE, width))) <= width
        assert max(map(len, parity(both, width))) <= width


def test_parity_says_what_was_not_measured() -> None:
    """Two bars to one scale; a missing number is said and not drawn."""
    lines = parity(Parity.from_json(Parity({"start": (0.5, 1.0), "stop": (None, 0.25)}).to_json()), 60, "#")

    assert abs(2 * lines[0].count("#") - lines[1].count("#")) <= 1
    assert "not measured" in lines[2]


def test_pictures_in_a_line() -> None:
    """The card of a passed check has the picture in a few words: pairs that were measured, layers by their weight."""
    both = Parity({"start": (0.2, 2.0), "stop": (None, 0.5), "five at once": (0.15, 0.154)})

    assert both.short() == "process / container: start 0.20 / 2.00 s, five at once 0.15 / 0.15 s"
    assert both.short("start") == "process / container: start 0.20 / 2.00 s"
    assert both.short("stop") == Parity().short() == ""
    assert IMAGE.short(2) == "base image 122.0 MB, RUN pip install 29.5 MB, 1 more 0.0 MB"
    assert IMAGE.short().endswith("29.5 MB, COPY app/ app/ 0.0 MB")


def test_nothing_is_drawn_of_nothing() -> None:
    """Empty pictures say so."""
    assert layers(Layers(())) == ["(no layers)"]
    assert parity(Parity()) == ["(nothing was measured)"]


def test_the_image_installs_what_the_project_names() -> None:
    """The reference's list is the project's own."""
    project = tomllib.loads((LAB / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    listed = (SOLUTIONS / "exercise5" / "requirements.txt").read_text(encoding="utf-8").splitlines()

    assert [line for line in listed if line and not line.startswith("#")] == project["dependencies"]
