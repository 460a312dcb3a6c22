"""A Dockerfile as it is read: stages, the base image, installations and their order."""

from __future__ import annotations

import pytest

from graders.running.containers.commands import installs, leaves_cache
from graders.running.containers.dockerfile import UnreadableError, read
from graders.running.containers.names import ImageName, complaint
from graders.running.containers.ordering import caches_left, dependency_installs, late_installs

TWO_STAGES = """
ARG PYTHON=3.12
FROM python:${PYTHON}-slim AS build
RUN pip install -r requirements.txt
FROM python:3.13 AS unused
FROM python:${PYTHON}-slim
COPY --from=build /venv /venv
COPY --from=ghcr.io/astral-sh/uv:0.9 /uv /bin/
USER ${WHO:-app}
"""

# --- Dockerfile ------------------------------------------------------------------------------------------------------


def test_variables_are_put_in() -> None:
    """An ARG before the first FROM names the base; a default holds where nothing is given."""
    dockerfile = read(TWO_STAGES)

    user = dockerfile.last("USER")
    assert dockerfile.image == "python:3.12-slim"
    assert user is not None
    assert user.args == ("app",)


def test_only_what_is_needed_counts() -> None:
    """A stage that nothing copies from is not built, and its base is not asked for."""
    dockerfile = read(TWO_STAGES)

    assert [stage.name for stage in dockerfile.needed()] == ["build", ""]
    assert dockerfile.images() == ["python:3.12-slim", "ghcr.io/astral-sh/uv:0.9"]


def test_a_stage_passes_on_what_it_set() -> None:
    """A stage that builds upon another one ends with its environment and its user."""
    dockerfile = read("FROM python:3.12 AS base\nENV HOST=0.0.0.0\nUSER app\nFROM base\nCMD ['x']")

    assert dockerfile.env == {"HOST": "0.0.0.0"}
    assert dockerfile.last("USER") is not None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no instruction"),
        ("# only a comment\n", "no instruction"),
        ("ARG X=1\n", "no FROM"),
        ("RUN true\nFROM python:3.12\n", "before the first FROM"),
        ("FROM python:3.12\nINSTALL pip\n", "unknown instruction: INSTALL"),
        ("FROM python:3.12\nRUN <<EOF\ntrue\n", "unterminated heredoc"),
        ("FROM ${NOTHING}\n", "names no image"),
    ],
)
def test_what_is_no_dockerfile_says_why(text: str, says: str) -> None:
    """What cannot be read is told in the parser's words, with the line."""
    with pytest.raises(UnreadableError, match=says):
        read(text)


# --- the base --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "python:3.11",
        "python:3.12-slim",
        "python:3.13.1-slim-bookworm",
        "docker.io/library/python:3.14-alpine",
        "public.ecr.aws/docker/library/python:3.12-slim",
        "python:3.12-slim@sha256:" + 64 * "a",
    ],
)
def test_a_pinned_official_python_is_right(name: str) -> None:
    """Any variant of the official image is a base, by whichever of its names."""
    assert complaint(name) == ""


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("python", "names no version"),
        ("python:latest", "'latest'"),
        ("python:slim", "'slim'"),
        ("python:3", "only Python 3"),
        ("python:3.10-slim", "older than 3.11"),
        ("python:2.7", "older"),
        ("python@sha256:" + 64 * "a", "nobody can read it"),
        ("ubuntu:24.04", "no official Python"),
        ("evil.example:5000/python:3.12", "no official Python"),
        ("someone/python:3.12", "no official Python"),
    ],
)
def test_another_base_is_wrong_for_a_reason(name: str, says: str) -> None:
    """What is wrong with a base is said in a few words."""
    assert says in complaint(name)


def test_a_registry_with_a_port_is_no_tag() -> None:
    """The colon of a port is not taken for that of a tag."""
    assert ImageName("localhost:5000/python", "", "") == ImageName.of("localhost:5000/python")


# --- installations ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "RUN pip install -r requirements.txt",
        "RUN python3.12 -m pip install fastapi uvicorn",
        "RUN /opt/venv/bin/pip3 install fastapi",
        "RUN pip --python /opt/venv install -r requirements.txt",
        "RUN apt-get update && pip install fastapi",
        'RUN ["pip", "install", "fastapi"]',
        'RUN sh -c "pip install fastapi"',
        "RUN <<EOF\nset -e\npip install \\\n  fastapi\nEOF",
        "RUN uv sync --no-install-project",
        "RUN uv pip install --system -r requirements.txt",
        "RUN uv export | uv pip install -r -",
        "RUN poetry install --no-root",
        "RUN pip install --no-deps -r requirements.txt",
        "RUN pip install --no-deps --requirement=requirements.txt",
        "RUN pip install --no-deps fastapi==0.136 uvicorn==0.44",
        "RUN pip install --no-index --no-deps /wheels/*.whl",
        "RUN pip install ./wheelhouse/*.whl",
    ],
)
def test_an_installation_is_seen(line: str) -> None:
    """Whatever the tool and the form of RUN, an installation of packages is one, and it keeps its cache by itself."""
    (found,) = installs(read(f"FROM python:3.12\n{line}").steps[0])

    assert found.brings_dependencies
    assert leaves_cache(found)


@pytest.mark.parametrize(
    "what", [".", "./", "/srv", "-e .", "--editable=.", "'.[fast]'", "dist/*.whl", "/tmp/lab-1.whl"]
)
def test_the_project_alone_brings_no_dependencies(what: str) -> None:
    """With --no-deps the project comes alone, from its folder or as its own wheel."""
    (found,) = installs(read(f"FROM python:3.12\nRUN pip install --no-deps {what}").steps[0])

    assert not found.brings_dependencies


@pytest.mark.parametrize(
    "line", ["pip uninstall install", "echo pip install", "pip download fastapi", "apt install pip"]
)
def test_other_commands_install_nothing(line: str) -> None:
    """The words alone are no installation."""
    assert installs(read(f"FROM python:3.12\nRUN {line}").steps[0]) == []


@pytest.mark.parametrize(
    "step",
    [
        "RUN pip install --no-cache-dir fastapi",
        "ENV PIP_NO_CACHE_DIR=1\nRUN pip install fastapi",
        "RUN PIP_NO_CACHE_DIR=1 pip install fastapi",
        "RUN export PIP_NO_CACHE_DIR=1 && pip install fastapi",
        "RUN --mount=type=cache,target=/root/.cache/pip pip install fastapi",
        "RUN pip install fastapi && rm -rf /root/.cache",
        "RUN pip install fastapi && pip cache purge",
        "RUN uv pip install --no-cache fastapi",
        "ENV UV_NO_CACHE=1\nRUN uv sync",
        "RUN --mount=type=cache,target=/root/.cache/uv uv sync",
        "RUN uv sync && uv cache clean",
        'RUN poetry install --no-root && rm -rf "$POETRY_CACHE_DIR"',
    ],
)
def test_a_cache_can_be_kept_out(step: str) -> None:
    """An option, a variable, a cache mount or a removal in the same step leaves nothing behind."""
    assert caches_left(read(f"FROM python:3.12\n{step}")) == []


def test_a_cache_in_an_earlier_stage_stays_there() -> None:
    """Only layers of the image itself can hold a cache."""
    text = "FROM python:3.12 AS build\nRUN pip install fastapi\nFROM python:3.12\nCOPY --from=build /venv /venv"

    assert caches_left(read(text)) == []


@pytest.mark.parametrize(
    "steps",
    [
        "COPY . .\nRUN pip install -r requirements.txt",
        "COPY app app\nRUN pip install fastapi",
        "COPY ap[p] ./\nRUN pip install fastapi",
        "ADD . /srv\nRUN uv sync",
        "RUN --mount=type=bind,target=/src pip install -r /src/requirements.txt",
        "COPY . .\nRUN pip install .",
        "COPY . .\nRUN pip install --no-deps -r requirements.txt",
        "COPY . .\nRUN pip wheel -r requirements.txt -w /wheels && pip install --no-deps /wheels/*.whl",
        "RUN pip install fastapi\nCOPY . .\nRUN pip install /wheels/*.whl",
    ],
)
def test_an_installation_after_the_application_is_late(steps: str) -> None:
    """Whatever brings app/ before the installation makes every edit install again."""
    assert len(late_installs(read(f"FROM python:3.12\n{steps}"))) == 1


@pytest.mark.parametrize(
    "steps",
    [
        "COPY requirements.txt .\nRUN pip install -r requirements.txt\nCOPY . .",
        "COPY pyproject.toml uv.lock ./\nRUN uv sync --no-install-project\nCOPY . .\nRUN uv sync",
        "RUN --mount=type=bind,source=requirements.txt,target=r.txt pip install -r r.txt\nCOPY app app",
        "COPY --exclude=app . .\nRUN pip install -r requirements.txt\nCOPY app app",
        "RUN pip install fastapi\nCOPY . .\nRUN pip install --no-deps .",
        "RUN pip install fastapi\nCOPY . .\nRUN pip wheel --no-deps -w dist . && pip install --no-deps dist/*.whl",
        "COPY --from=wheels /wheels /wheels\nRUN pip install --no-index --no-deps /wheels/*.whl\nCOPY app app",
        "COPY app app\nRUN pip install uv",
        "COPY application.toml .\nRUN pip install fastapi\nCOPY app app",
    ],
)
def test_an_installation_before_the_application_is_not(steps: str) -> None:
    """The project itself, or a tool, may be installed later."""
    assert late_installs(read(f"FROM python:3.12\n{steps}")) == []


def test_an_order_in_an_earlier_stage_counts() -> None:
    """A stage that is copied from is built again as well."""
    text = "FROM python:3.12 AS b\nCOPY . .\nRUN pip install .\nFROM python:3.12\nCOPY --from=b /v /v"

    assert len(late_installs(read(text))) == 1
    assert len(dependency_installs(read(text))) == 1
