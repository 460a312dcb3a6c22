"""Every setting of the service, read once from the environment, with its default."""

import os
from dataclasses import dataclass


def usable_cores() -> int:
    """The cores that this process may use: fewer than the machine has, where a container or `taskset` says so."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True)
class Settings:
    """What can be tuned without touching the code."""

    host: str
    port: int
    workers: int
    thread_pool_size: int
    max_concurrency: int | None
    feature_store_url: str
    feature_store_pool: int
    feature_store_timeout_s: float
    batch_size: int
    batch_wait_s: float


def from_environment() -> Settings:
    """Read them; a value that makes no sense stops the start with a ValueError, before any request is taken."""
    env = os.environ
    limit = env.get("MAX_CONCURRENCY", "100")
    return Settings(
        host=env.get("HOST", "127.0.0.1"),
        port=int(env.get("PORT", "8000")),
        workers=int(env.get("WEB_CONCURRENCY") or usable_cores()),
        thread_pool_size=int(env.get("THREAD_POOL_SIZE", "40")),  # AnyIO's own default
        max_concurrency=int(limit) if limit else None,
        feature_store_url=env.get("FEATURE_STORE_URL", "http://127.0.0.1:8100"),
        feature_store_pool=int(env.get("FEATURE_STORE_POOL", "10")),
        feature_store_timeout_s=float(env.get("FEATURE_STORE_TIMEOUT", "1.0")),
        batch_size=int(env.get("BATCH_SIZE", "32")),
        batch_wait_s=float(env.get("BATCH_WAIT_MS", "5")) / 1000,
    )


settings = from_environment()
