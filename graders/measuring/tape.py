"""The requests that a check sends, kept as they went out, so that a failed one can be replayed by hand."""

from __future__ import annotations

import functools
import json
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from graders.measuring.wire import Connection

MOST_KEPT = 500
MOST_SINGLES = 10
REFERENCE_HEADER = "x-lab-spin-ms"
"""Only requests to the lab's own reference service carry it."""
OF_THE_CLIENT = frozenset(
    {"host", "accept", "accept-encoding", "connection", "content-length", "user-agent", REFERENCE_HEADER}
)


@dataclass(frozen=True, slots=True)
class Sent:
    """One request as it went out: when (`time.monotonic()`), to which port, on which connection, its bytes."""

    at: float
    port: int
    connection: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Taped:
    """One request to be sent again; `burst` counts from 0, `at_s` is seconds after its burst began."""

    burst: int
    at_s: float
    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""

    @property
    def is_the_labs_own(self) -> bool:
        """Whether it asks for a route that only the grader adds."""
        return self.path.startswith("/_lab/")

    def to_json(self) -> dict[str, Any]:
        """Data for the file."""
        return asdict(self)


class Tape:
    """What was sent lately; bounded, and cheap while it records."""

    def __init__(self) -> None:
        self._sent: deque[Sent] = deque(maxlen=MOST_KEPT)

    def listen(self) -> None:
        """Record whatever any `Connection` sends from now on, until the process ends."""
        sends = Connection.send
        sent = self._sent

        @functools.wraps(sends)
        def send(connection: Connection, data: bytes) -> Any:
            finished = sends(connection, data)
            transport = connection.transport
            peer = transport.get_extra_info("peername") if transport is not None else None
            sent.append(Sent(connection.sent, peer[1] if peer else 0, id(connection), data))
            return finished

        setattr(Connection, "send", send)  # noqa: B010 - the senders need not know that they are recorded

    def hooked(self, new_client: Callable[[str], Any]) -> Callable[[str], Any]:
        """The same maker of httpx clients, with every request recorded."""

        @functools.wraps(new_client)
        def new(url: str) -> Any:
            client = new_client(url)

            async def record(request: Any) -> None:
                head = f"{request.method} {request.url.raw_path.decode()} HTTP/1.1\r\n"
                head += "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
                self._sent.append(
                    Sent(
                        time.monotonic(), request.url.port or 80, id(client), head.encode() + b"\r\n" + request.content
                    )
                )

            client.event_hooks["request"].append(record)
            return client

        return new

    def take(self) -> list[Sent]:
        """What was sent since the last time, which is then forgotten."""
        taken = list(self._sent)
        self._sent.clear()
        return taken


def worth_replaying(sent: Iterable[Sent]) -> list[Taped]:
    """The last burst of those requests, or the last few that were sent one by one, whichever came last.

    A new burst begins when a connection is used again. Requests to other services than the last one's are left out,
    and so is what is no whole request.
    """
    requests = [(s, parsed) for s in sent if (parsed := parse(s.data)) is not None]
    if not requests:
        return []
    port = requests[-1][0].port
    bursts: list[list[tuple[Sent, Taped]]] = [[]]
    for s, parsed in requests:
        if s.port != port:
            continue
        if any(s.connection == earlier.connection for earlier, _ in bursts[-1]):
            bursts.append([])
        bursts[-1].append((s, parsed))
    kept = bursts[-1:]
    while len(kept[0]) == 1 and len(kept) < min(MOST_SINGLES, len(bursts)) and len(bursts[-len(kept) - 1]) == 1:
        kept.insert(0, bursts[-len(kept) - 1])
    return [
        Taped(number, round(s.at - burst[0][0].at, 4), taped.method, taped.path, taped.headers, taped.body)
        for number, burst in enumerate(kept)
        for s, taped in burst
    ]


def parse(data: bytes) -> Taped | None:
    """A request from its bytes; `None` where they are no whole request, or one to the lab's reference service."""
    head, end, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    words = first.split(" ")
    if not end or len(words) != 3:
        return None
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if REFERENCE_HEADER in headers or len(body) < int(headers.get("content-length", "0") or 0):
        return None
    kept = {name: value for name, value in headers.items() if name not in OF_THE_CLIENT}
    return Taped(0, 0.0, words[0], words[1], kept, body.decode(errors="replace"))


def written(check: str, told: Mapping[str, Any], requests: Sequence[Taped]) -> str:
    """The file of one failed check."""
    about = {key: str(told.get(key, "")) for key in ("did", "saw", "wanted")}
    return json.dumps({"version": 1, "check": check, **about, "requests": [r.to_json() for r in requests]}, indent=1)


def read(text: str) -> tuple[str, Mapping[str, str], list[Taped]]:
    """Check, what was told, and the requests; `ValueError` where the file is none of ours."""
    try:
        data = json.loads(text)
        requests = [Taped(**request) for request in data["requests"]]
        return data["check"], {key: data[key] for key in ("did", "saw", "wanted")}, requests
    except (KeyError, TypeError) as error:
        raise ValueError(f"no record of requests: {error}") from None
