"""Exercise 0: set up. Passes on the untouched skeleton."""

import sys

from graders.curriculum import check


@check(points=0)
def test_python_version(expect):
    """Python is 3.11 or newer."""
    version = ".".join(map(str, sys.version_info[:3]))
    expect.show(version)
    expect(
        sys.version_info >= (3, 11),
        did="asked the Python that runs this for its version",
        saw=version,
        wanted="3.11 or newer",
        look_at="`uv python pin 3.11`, then `uv run pytest -k exercise0`: what does it find?",
    )


@check(points=0)
async def test_dependencies(expect, packages):
    """Every package that the lab needs imports."""
    broken = await packages.broken()

    expect.show(f"{len(packages.names)} packages")
    expect(
        not broken,
        did=f"imported {', '.join(packages.names)}",
        saw="\n".join(f"{name}: {why}" for name, why in broken.items()),
        wanted="each of them imports",
        look_at="`uv sync` installs what pyproject.toml names: does it end without an error?",
    )


@check(points=0)
async def test_app_imports(service):
    """app/main.py can be imported."""
    await service.is_imported()


@check(points=0)
async def test_app_is_asgi(service, expect):
    """app.main:app is an ASGI application, which uvicorn can serve."""
    expect.show(await service.is_application())
