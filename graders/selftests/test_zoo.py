"""The zoo: each service has the fault of its name and no other, and its record says what it served."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from graders.measuring.load_record import Served
from graders.measuring.wire import Request, connect
from graders.running.launcher import Launcher
from graders.running.zoo import ZOO
from graders.running.zoo_service import ZooService

FEATURES = {"feature_1": 1.0, "feature_2": 2.0}


@pytest.fixture(scope="module")
async def launcher() -> AsyncIterator[Launcher]:
    with Launcher() as launcher:
        yield launcher


Answer = tuple[int | None, bytes, str | None]


async def asked(
    launcher: Launcher, kind: str, *requests: Request, **options: object
) -> tuple[list[Answer], list[Served]]:
    """What one client is answered by a fresh service of that kind, request by request, and the service's record."""
    service = ZooService(launcher, kind, **options)  # type: ignore[arg-type]
    await service.start()
    answers = []
    for request in requests:
        (connection,) = await connect(service.port, 1)
        await connection.send(request.encoded("127.0.0.1"))
        status, _, body = connection.answer()
        answers.append((status, body, connection.error))
        connection.close()
    record = await service.record()
    await service.end()
    return answers, record


def predict(times: int = 1) -> list[Request]:
    return [Request("POST", "/predict", FEATURES) for _ in range(times)]


async def test_the_healthy_one(launcher: Launcher) -> None:
    """It answers as the service of the lessons does: right, after a tenth of a second, and 422 for half a request."""
    health, bad = Request("GET", "/health"), Request("POST", "/predict", {"feature_1": 1.0})

    answers, record = await asked(launcher, "Service", *predict(), health, bad, Request("GET", "/nothing"))

    assert [status for status, _, _ in answers] == [200, 200, 422, 404]
    assert set(json.loads(answers[0][1])) == {"prediction", "model_version"}
    assert json.loads(answers[1][1]) == {"status": "healthy"}
    assert record[0].latency_ms >= 99
    assert [(s.method, s.path, s.status) for s in record[:2]] == [("POST", "/predict", 200), ("GET", "/health", 200)]
    assert not any(served.fault for served in record)


@pytest.mark.parametrize(
    ("kind", "status", "body"),
    [
        ("AnswersWith500", 500, "Internal Server Error"),
        ("LeavesOutThePrediction", 200, '{"model_version": "1.0.0"}'),
        ("PredictsNull", 200, '"prediction": null'),
        ("AnswersNoJson", 200, '{"prediction": 0.85'),
    ],
)
async def test_wrong_answers(launcher: Launcher, kind: str, status: int, body: str) -> None:
    """Every prediction is wrong in one way, /health is well, and the record marks the wrong ones."""
    answers, record = await asked(launcher, kind, *predict(), Request("GET", "/health"))

    assert answers[0][0] == status
    assert body in answers[0][1].decode()
    assert answers[1][0] == 200
    assert [served.fault for served in record] == [True, False]


async def test_no_json_is_no_json(launcher: Launcher) -> None:
    """A body that was cut off cannot be read as JSON, although it begins like it."""
    answers, _ = await asked(launcher, "AnswersNoJson", *predict())

    with pytest.raises(ValueError, match="Unterminated"):
        json.loads(answers[0][1])


async def test_a_slow_tail(launcher: Launcher) -> None:
    """Every second prediction takes longer than the objective, and the record marks it."""
    _, record = await asked(launcher, "SlowTail", *predict(4))

    assert [served.fault for served in record] == [False, True, False, True]
    assert all(served.latency_ms > 250 for served in record if served.fault)


async def test_one_per_cent(launcher: Launcher) -> None:
    """One prediction in a hundred ends in 500."""
    service = ZOO["OnePercentErrors"]()
    service.predictions = 98

    for wanted in (200, 500, 200):
        service.predictions += 1
        assert (await service.predict())[0] == wanted


async def test_dropped_connections(launcher: Launcher) -> None:
    """Every third prediction ends without a whole answer."""
    answers, record = await asked(launcher, "DropsConnections", *predict(3))

    assert [error for _, _, error in answers[:2]] == [None, None]
    assert "closed" in str(answers[2][2])
    assert record[2].fault


async def test_a_capacity(launcher: Launcher, tmp_path: Path) -> None:
    """It is fast for a crowd up to its capacity, too slow every third time for a larger one, and never wrong."""
    crowd = tmp_path / "crowd.txt"
    service = ZooService(launcher, "LimitedCapacity", capacity=30)
    await service.start(crowd)
    for users in ("", "30", "31", "300"):
        crowd.write_text(users, encoding="ascii")
        (connection,) = await connect(service.port, 1)
        for request in predict(3):
            await connection.send(request.encoded("127.0.0.1"))
            assert connection.answer()[0] == 200
        connection.close()
    record = await service.record()
    await service.end()

    late = [served.latency_ms > 250 for served in record]
    assert late == [*[False] * 6, *[False, False, True] * 2]
    assert not any(served.fault for served in record)


async def test_it_tells_when_it_was_wrong_often_enough(launcher: Launcher) -> None:
    """Whoever waits for wrong answers hears of them without asking."""
    service = ZooService(launcher, "AnswersWith500", enough=2)
    await service.start()
    found = []
    for _ in range(2):
        (connection,) = await connect(service.port, 1)
        await connection.send(predict()[0].encoded("127.0.0.1"))
        connection.close()
        await service.record()  # what was told before has been heard
        found.append(service.was_wrong_often_enough)
    await service.end()

    assert found == [False, True]
