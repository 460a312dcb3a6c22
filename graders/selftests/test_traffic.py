"""Requests to a service, kept in a ledger: connections are used again, header lines kept, figures waited for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from graders.expect import Unmet
from graders.measuring.sandwich import FIGURES
from graders.running import traffic as traffic_module
from graders.running.asking import STDOUT, delay, error, item
from graders.running.service import Service
from graders.running.traffic import Traffic

Answer = Callable[[str, int], bytes | None]
EMPTY: dict[str, Any] = {"count": 0, "errors": 0, **dict.fromkeys(FIGURES), "routes": {}}


class StandIn:
    """As much of a service as its traffic needs."""

    def __init__(self, port: int, folder: Path) -> None:
        self.port = port
        self.output = folder / "output.txt"
        self.connections = 0

    async def no_answer(self, label: str, what: str | None = None) -> Unmet:
        return Unmet(f"sent {label}", what or "", "an answer", "")


@asynccontextmanager
async def served(answer: Answer, folder: Path) -> AsyncIterator[StandIn]:
    """A server that answers by request line and by how many requests there were; `None` closes the connection."""
    seen = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal seen
        stand_in.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                seen += 1
                told = answer(head.split(b"\r\n")[0].decode(), seen)
                if told is None:
                    break
                writer.write(told)
        except asyncio.IncompleteReadError:
            pass
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    stand_in = StandIn(server.sockets[0].getsockname()[1], folder)
    async with server:
        yield stand_in


def response(body: Any, status: int = 200, *headers: str) -> bytes:
    """A whole answer."""
    payload = json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} -", f"content-length: {len(payload)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + payload


def traffic_of(stand_in: StandIn) -> Traffic:
    return Traffic(cast(Service, stand_in))


async def test_requests_are_kept(tmp_path: Path) -> None:
    """One connection serves one request after another; each answer is kept with its row and its header lines."""
    timing = ("Server-Timing: a;dur=1", "Server-Timing: app;dur=2")
    async with served(lambda line, n: response({"n": n}, 200, *timing), tmp_path) as stand_in:
        traffic = traffic_of(stand_in)
        first, second = await traffic.one_by_one([delay(), item(7)])
        traffic.hang_up()

    assert (first.row, second.row, second.label) == ("GET /_lab/delay", "GET /_lab/items/{id}", "GET /_lab/items/7")
    assert first.sent_s <= first.done_s <= second.sent_s
    assert second.header("server-timing") == "a;dur=1, app;dur=2"
    assert second.json() == {"n": 2}
    assert stand_in.connections == 1


async def test_a_500_ends_its_connection(tmp_path: Path) -> None:
    """After a 500 the next request takes a fresh connection: uvicorn closes the old one without saying so."""
    async with served(lambda line, n: response({}, 500 if "error" in line else 200), tmp_path) as stand_in:
        traffic = traffic_of(stand_in)
        sent = await traffic.one_by_one([error(), delay()])
        traffic.hang_up()

    assert [exchange.status for exchange in sent] == [500, 200]
    assert stand_in.connections == 2


async def test_the_handlers_own_wait_is_believed_where_it_can_be_true(tmp_path: Path) -> None:
    """A wait that lies outside of the request is not."""
    async with served(lambda line, n: response({"began_s": 1.0, "ended_s": 2.0}), tmp_path) as stand_in:
        traffic = traffic_of(stand_in)
        exchange = await traffic.send(delay(1))
        traffic.hang_up()

    assert exchange.waited is None
    assert exchange.injected_s == 0.001


async def test_a_closed_connection_is_told(tmp_path: Path) -> None:
    """A request without a whole answer is the learner's to read, not the lab's fault."""
    async with served(lambda line, n: None, tmp_path) as stand_in:
        with pytest.raises(Unmet, match="the connection was closed without a whole answer"):
            await traffic_of(stand_in).send(delay())


async def test_silence_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that never answers is not waited for for ever."""
    monkeypatch.setattr(traffic_module, "LIMIT_S", 0.1)
    async with served(lambda line, n: b"", tmp_path) as stand_in:
        with pytest.raises(Unmet, match=r"no answer within 0\.1 s"):
            await traffic_of(stand_in).send(delay())


async def test_requests_overlap(tmp_path: Path) -> None:
    """Requests that are sent together each have a connection, and come back in the order in which they were given."""
    async with served(lambda line, n: response({}), tmp_path) as stand_in:
        traffic = traffic_of(stand_in)
        sent = await traffic.together([(0.02, item(1)), (0.0, item(2)), (0.01, item(3))])
        traffic.hang_up()

    assert [exchange.path[-1] for exchange in sent] == ["1", "2", "3"]
    assert sent[1].sent_s < sent[2].sent_s < sent[0].sent_s
    assert stand_in.connections == 3


async def test_figures_may_come_a_moment_late(tmp_path: Path) -> None:
    """A judge that is not satisfied at once is asked again, and the readings are not counted."""
    async with served(lambda line, n: response({**EMPTY, "errors": n}), tmp_path) as stand_in:
        traffic = traffic_of(stand_in)

        def third(told: dict[str, Any]) -> None:
            if told["errors"] < 3:
                raise Unmet("", "too early", "", "")

        told = await traffic.settled(third)
        traffic.hang_up()

    assert told["errors"] == 3
    assert traffic.counted() == []


async def test_figures_may_be_null_for_a_moment(tmp_path: Path) -> None:
    """A count that runs ahead of figures refreshed now and then is waited for; one that stays alone is told."""
    ahead, caught_up = {**EMPTY, "count": 1}, {**EMPTY, "count": 1, **dict.fromkeys(FIGURES, 1.5)}
    async with served(lambda line, n: response(caught_up if n > 3 else ahead), tmp_path) as stand_in:
        traffic = traffic_of(stand_in)

        told = await traffic.settled(lambda told: None)
        traffic.hang_up()

    assert told == caught_up


async def test_figures_that_stay_null_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second after the traffic, the shape must be right."""
    monkeypatch.setattr(traffic_module, "SETTLE_S", 0.1)
    async with served(lambda line, n: response({**EMPTY, "count": 1}), tmp_path) as stand_in:
        traffic = traffic_of(stand_in)
        with pytest.raises(Unmet, match="min_ms is null although count is 1"):
            await traffic.settled(lambda told: None)
        traffic.hang_up()


async def test_figures_that_stay_wrong_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the time is over, what the judge said last stands."""
    monkeypatch.setattr(traffic_module, "SETTLE_S", 0.1)
    async with served(lambda line, n: response(EMPTY), tmp_path) as stand_in:
        traffic = traffic_of(stand_in)

        def never(told: dict[str, Any]) -> None:
            raise Unmet("", "still wrong", "", "")

        with pytest.raises(Unmet, match="still wrong"):
            await traffic.settled(never)
        traffic.hang_up()


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ([1], "the answer is a JSON array, not an object"),
        ({**EMPTY, "p99_ms": 0}, "p99_ms is 0 although nothing was measured"),
    ],
)
async def test_metrics_of_another_shape_are_told(tmp_path: Path, body: Any, says: str) -> None:
    """The trouble is named, and the beginning of the answer is shown."""
    async with served(lambda line, n: response(body), tmp_path) as stand_in:
        traffic = traffic_of(stand_in)
        with pytest.raises(Unmet, match=says):
            await traffic.metrics()
        traffic.hang_up()


async def test_the_log_is_read_until_it_is_whole(tmp_path: Path) -> None:
    """Lines that are written a moment later are found."""
    log = tmp_path / STDOUT
    async with served(lambda line, n: response(EMPTY), tmp_path) as stand_in:
        traffic = traffic_of(stand_in)
        seen: list[int] = []

        def two(lines: list[dict[str, Any]]) -> None:
            seen.append(len(lines))
            with log.open("a") as file:
                file.write('INFO: starting\n{"event": "request"}\n')
            if len(lines) < 2:
                raise Unmet("", "too early", "", "")

        await traffic.logged(two)
        traffic.hang_up()

    assert seen == [0, 1, 2]
