"""What the exact judge is asked to do, as data: requests with their moments, gathered into bursts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from graders.running.replies import Manner, Reply


@dataclass(frozen=True, slots=True)
class Request:
    """One request of a burst, sent `at_s` virtual seconds after the burst began.

    With `after`, the place of another request in the burst, its time counts from that one's answer instead.
    """

    method: str
    path: str
    json: Any = None
    body: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    at_s: float = 0.0
    user: int = 0
    label: str = ""
    after: int | None = None


@dataclass(frozen=True, slots=True)
class Burst:
    """Requests that belong together; it begins once everything that the one before started has ended.

    `repeat` sends it so many times and gives as many results.
    """

    name: str
    requests: tuple[Request, ...]
    pause_s: float = 0.0
    repeat: int = 1


@dataclass(frozen=True, slots=True)
class Limits:
    """When to give up, and from where on the processor's part is too large to be left out.

    A quiet service spends about 0.3 ms of processor time on a request here; the limits are far above that.
    """

    virtual_s: float = 60.0
    real_s: float = 5.0
    import_s: float = 8.0
    step_cpu_s: float = 0.02
    request_cpu_s: float = 0.005


@dataclass(frozen=True, slots=True)
class Upstream:
    """A feature store inside the virtual world: its usual reply, and others for some entities (`replies.Reply`)."""

    reply: Reply = field(default_factory=Reply)
    replies: Mapping[str, Reply] = field(default_factory=dict)


def predictions(count: int, series: int = 0, path: str = "/predict", at_s: float = 0.0) -> tuple[Request, ...]:
    """So many predictions at one moment, every one with a payload of its own that no other series has."""
    return tuple(
        Request(
            "POST",
            path,
            json={"feature_1": 1.0 + n, "feature_2": 2.0 + series},
            at_s=at_s,
            user=n,
            label="predict",
        )
        for n in range(count)
    )


def spec_of(
    root: Path,
    bursts: tuple[Burst, ...],
    limits: Limits | None = None,
    env: Mapping[str, str] | None = None,
    probe: str | None = None,
    upstream: Upstream | None = None,
    as_program: bool = False,
) -> dict[str, Any]:
    """The order for the child: JSON-able.

    `probe` names a function, `module:function`, that gets the FastAPI app. `upstream` is reachable as
    `FEATURE_STORE_URL` says. `as_program` runs `python -m app` instead of importing `app.main`.
    """
    return {
        "root": str(root.resolve()),
        "bursts": [asdict(burst) for burst in bursts],
        "limits": asdict(limits or Limits()),
        "env": dict(env or {}),
        "probe": probe,
        "upstream": _upstream_data(upstream) if upstream is not None else None,
        "as_program": as_program,
    }


def _upstream_data(upstream: Upstream) -> dict[str, Any]:
    return {
        "reply": _reply_data(upstream.reply),
        "replies": {entity: _reply_data(reply) for entity, reply in upstream.replies.items()},
    }


def _reply_data(reply: Reply) -> dict[str, Any]:
    return {**asdict(reply), "body": reply.body.decode("latin-1"), "manner": str(reply.manner)}


def upstream_of(data: Mapping[str, Any]) -> Upstream:
    """The upstream again, in the child."""
    return Upstream(_reply_of(data["reply"]), {entity: _reply_of(reply) for entity, reply in data["replies"].items()})


def _reply_of(data: Mapping[str, Any]) -> Reply:
    return Reply(**{**data, "body": data["body"].encode("latin-1"), "manner": Manner(data["manner"])})
