"""The lab's feature store tells the truth about its callers, and misbehaves exactly as it is told to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from urllib.parse import quote

import httpx
import pytest

from graders.running import replies
from graders.running.feature_store import Asked, FeatureStore
from graders.running.replies import FEATURES, Reply


@pytest.fixture
async def store() -> AsyncIterator[FeatureStore]:
    store = FeatureStore()
    await store.start()
    yield store
    store.end()


def client(store: FeatureStore, **options: object) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=store.url, trust_env=False, timeout=2.0, **options)  # type: ignore[arg-type]


async def raw(store: FeatureStore, text: bytes) -> bytes:
    """What comes back to bytes on a connection of their own, until the store closes it or stays silent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", store.port)
    writer.write(text)
    received = b""
    try:
        async with asyncio.timeout(0.3):
            while chunk := await reader.read(4096):
                received += chunk
    except TimeoutError:
        received += b"(silence)"
    writer.close()
    return received


async def test_one_client_is_one_connection(store: FeatureStore) -> None:
    """Thirty calls of one client, one after another, are one accept; each answer holds both features."""
    async with client(store) as one:
        answers = [(await one.get(f"/features/e{i}")).json() for i in range(30)]

    assert answers == [FEATURES] * 30
    assert store.accepts == store.most_open == 1
    assert [asked.entity_id for asked in store.asked] == [f"e{i}" for i in range(30)]


async def test_thirty_clients_are_thirty_connections(store: FeatureStore) -> None:
    """A client for each call is an accept for each call, and none of them stays open."""
    for i in range(30):
        async with client(store) as one:
            await one.get(f"/features/e{i}")

    assert store.accepts == 30
    assert store.most_open <= 2  # the last one's end may be seen after the next one's beginning


async def test_crowd_of_connections(store: FeatureStore) -> None:
    """Forty calls at once over a pool of seven are seven accepts, and as many open at the same time."""
    store.reply = replies.after(0.02)
    async with client(store, limits=httpx.Limits(max_connections=7)) as pool:
        await asyncio.gather(*(pool.get(f"/features/e{i}") for i in range(40)))

    assert store.accepts == store.most_open == 7
    assert len(store.asked) == 40


@pytest.mark.parametrize("entity_id", ["plain", "user 7/50%?#é", "a+b", "%2F", "日本"])
async def test_ids_come_back_decoded(store: FeatureStore, entity_id: str) -> None:
    """An id that was percent-encoded as one segment comes back as it was."""
    async with client(store) as one:
        answer = await one.get(
            httpx.URL(store.url).copy_with(raw_path=f"/features/{quote(entity_id, safe='')}".encode())
        )

    assert answer.status_code == 200
    assert store.asked[-1].entity_id == entity_id


@pytest.mark.parametrize("target", ["/features/a/b", "/features/a?b", "/features/", "/other/a", "/features"])
def test_paths_that_name_no_entity(target: str) -> None:
    """A path that is not one segment below /features/ names no entity."""
    assert Asked("GET", target, 1).entity_id is None


async def test_unknown_paths_and_methods(store: FeatureStore) -> None:
    """What is not a GET of one entity is answered 404."""
    async with client(store) as one:
        assert (await one.get("/features/a/b")).status_code == 404
        assert (await one.post("/features/a")).status_code == 404


@pytest.mark.parametrize(
    ("reply", "status", "body"),
    [
        (replies.of_status(500), 500, b'{"detail": "said by the store"}'),
        (replies.of_text("<html>"), 200, b"<html>"),
        (replies.of_json([1, 2]), 200, b"[1, 2]"),
        (replies.of_json(None), 200, b"null"),
        (replies.dripped(0.2), 200, json.dumps(FEATURES).encode()),
    ],
)
async def test_replies_for_one_entity(store: FeatureStore, reply: Reply, status: int, body: bytes) -> None:
    """One entity gets the reply that is meant for it; another gets the usual one."""
    store.replies["odd"] = reply
    async with client(store) as one:
        odd, usual = await one.get("/features/odd"), await one.get("/features/other")

    assert (odd.status_code, odd.content) == (status, body)
    assert (usual.status_code, usual.json()) == (200, FEATURES)


async def test_slow_reply(store: FeatureStore) -> None:
    """A delay delays, for its own request alone."""
    store.replies["slow"] = replies.after(0.2)
    loop = asyncio.get_running_loop()
    async with client(store) as one:
        began = loop.time()
        slow = asyncio.create_task(one.get("/features/slow"))
        await one.get("/features/quick")
        quick_s = loop.time() - began
        await slow
        slow_s = loop.time() - began

    assert quick_s < 0.2 <= slow_s + 0.001


REQUEST = b"GET /features/odd HTTP/1.1\r\nhost: x\r\n\r\n"


async def test_hangs(store: FeatureStore) -> None:
    """A store that hangs says nothing and keeps the connection."""
    store.replies["odd"] = replies.HANGS

    assert await raw(store, REQUEST) == b"(silence)"


async def test_hangs_up(store: FeatureStore) -> None:
    """A store that hangs up closes the connection without a word."""
    store.replies["odd"] = replies.HANGS_UP

    assert await raw(store, REQUEST) == b""


async def test_cuts_off(store: FeatureStore) -> None:
    """A store that cuts off promises more bytes than it sends."""
    store.replies["odd"] = replies.CUTS_OFF
    head, _, body = (await raw(store, REQUEST)).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 200")
    assert 0 < len(body) < len(json.dumps(FEATURES))


async def test_speaks_otherwise(store: FeatureStore) -> None:
    """A store that does not speak HTTP says something else."""
    store.replies["odd"] = replies.SPEAKS_OTHERWISE

    assert (await raw(store, REQUEST)).startswith(b"220 ready for mail")


async def test_requests_in_a_row_are_answered_in_order(store: FeatureStore) -> None:
    """Two requests in one write get two answers, the slow first one first."""
    store.replies["odd"] = Reply(body=b"1", delay_s=0.1)
    answered = await raw(store, REQUEST + REQUEST.replace(b"odd", b"even"))

    assert answered.index(b"\r\n\r\n1") < answered.index(b"feature_1")


async def test_down_and_up_again(store: FeatureStore) -> None:
    """A store that is down refuses connections and breaks the open ones; later it is back on the same port."""
    port = store.port
    async with client(store) as one:
        await one.get("/features/a")
        store.go_down()
        with pytest.raises(httpx.TransportError):  # whether the broken connection or a refused one is met first
            await one.get("/features/a")
        with pytest.raises(httpx.ConnectError):
            await one.get("/features/a")
        await store.start()
        back = await one.get("/features/a")

    assert back.status_code == 200
    assert store.port == port
    assert store.open <= 1
