"""Where gradings run: threads of this process that each keep a process, or a Dask cluster; both as executors."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from graders.grading import usable_cores

CONNECT_LIMIT_S = 10


class NoClusterError(Exception):
    """The cluster cannot be used; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Pool:
    """An executor, how many gradings it runs at once, and whether it is on other machines."""

    executor: Executor
    width: int
    is_remote: bool


def default_jobs() -> int:
    """One more than there are cores: a grading mostly waits."""
    return usable_cores() + 1


@contextlib.contextmanager
def local_pool(jobs: int) -> Iterator[Pool]:
    """Gradings on this machine, so many at a time."""
    executor = ThreadPoolExecutor(jobs, thread_name_prefix="grading")
    try:
        yield Pool(executor, jobs, False)
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


@contextlib.contextmanager
def dask_pool(address: str) -> Iterator[Pool]:
    """Gradings on the workers of a Dask scheduler; a worker that is lost costs a repetition and no result."""
    try:
        distributed: Any = importlib.import_module("distributed")
    except ImportError as error:
        raise NoClusterError("--scheduler needs Dask: uv sync --group cluster") from error
    try:
        client: Any = distributed.Client(address, timeout=CONNECT_LIMIT_S, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise NoClusterError(f"no Dask scheduler answers at {address} ({error})") from error
    with client:
        threads = client.nthreads()
        if not threads:
            raise NoClusterError(f"the scheduler at {address} has no workers yet; start some: dask worker {address}")
        width = sum(threads.values())
        executor = client.get_executor(pure=False, retries=0)
        try:
            yield Pool(executor, width, True)
        finally:
            executor.shutdown(wait=False)


def pool_for(scheduler: str | None, jobs: int | None) -> contextlib.AbstractContextManager[Pool]:
    """The cluster, if one is named; else this machine."""
    if scheduler:
        return dask_pool(scheduler)
    return local_pool(jobs or default_jobs())
