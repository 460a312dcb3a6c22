"""Runs the exact judge in a child that the warm process forks: a verdict in tenths of a second."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from graders.exact.result import ExactResult, result_of
from graders.exact.scenario import Burst, Limits, Request, Upstream, spec_of
from graders.exact.upstream import URL
from graders.measuring import wire
from graders.running.launcher import Launcher
from graders.running.model_log import ModelLog
from graders.running.service import preload_for
from graders.running.troubles import start_trouble
from graders.submission import Submission

PATIENCE_S = 20.0
MOST_RUNS = 3
NOISE = 3.0
"""The same work takes up to so many times the processor time while others use the rest of the core and its caches."""


def burst(requests: Iterable[wire.Request], name: str = "burst") -> Burst:
    """The same requests as on the wire, for the virtual clock."""
    return Burst(
        name,
        tuple(
            Request(r.method, r.path, json=r.json, headers=r.headers, at_s=r.at_s, user=i, label=r.label)
            for i, r in enumerate(requests)
        ),
    )


async def judge(
    launcher: Launcher,
    submission: Submission,
    bursts: tuple[Burst, ...],
    *,
    limits: Limits | None = None,
    env: Mapping[str, str] | None = None,
    probe: str | None = None,
) -> ExactResult:
    """The submission in virtual time; a child that is not done in `PATIENCE_S` real seconds is ended."""
    return (await _least_disturbed(launcher, submission, lambda root: spec_of(root, bursts, limits, env, probe)))[0]


async def judge_program(
    launcher: Launcher,
    submission: Submission,
    bursts: tuple[Burst, ...],
    settings: Mapping[str, str],
    upstream: Upstream | None = None,
) -> tuple[ExactResult, ModelLog]:
    """`python -m app` in virtual time, as one process, with these settings and a feature store; and MODEL_LOG."""

    def spec(root: Path) -> dict[str, Any]:
        env = {**settings, "WEB_CONCURRENCY": "1", "FEATURE_STORE_URL": URL, "MODEL_LOG": str(_model_log(root))}
        return spec_of(root, bursts, env=env, upstream=upstream or Upstream(), as_program=True)

    result, root = await _least_disturbed(launcher, submission, spec)
    return result, ModelLog(_model_log(root))


def why_it_did_not_start(result: ExactResult) -> str:
    """What the learner did so that it does not start, on a virtual clock or on any; empty where it does."""
    if result.trouble is None:
        return ""
    return start_trouble({**result.trouble, "event": result.trouble.get("event", "broken")}, "", 0.0).saw


async def _least_disturbed(
    launcher: Launcher, submission: Submission, spec: Callable[[Path], dict[str, Any]]
) -> tuple[ExactResult, Path]:
    """Run it in a fresh copy, and once more where it computed a little too much: a busy machine may have added that.

    The exact times are the same in every run, so that the run with the least noise is the one to believe. Returns
    the folder of that run's copy, too.
    """
    for runs_left in reversed(range(MOST_RUNS)):
        root = submission.copy_to(launcher.folder("exact") / "submission")
        result = await _run(launcher, submission, root, spec(root))
        if result.stop is not None or not 1 < result.computing <= NOISE or not runs_left:
            break
    return result, root


async def _run(launcher: Launcher, submission: Submission, root: Path, spec: Mapping[str, object]) -> ExactResult:
    more = {"output": str(root.with_name("output.txt")), "preload": preload_for(submission)}
    child = launcher.start("graders.exact.child:serve", {**spec, **more})
    try:
        await child.wait_for("end", "stopped", "broken", "exited", timeout_s=PATIENCE_S)
        return result_of(list(child.events))
    finally:
        await child.end()


def _model_log(root: Path) -> Path:
    return root.with_name("model.jsonl")
