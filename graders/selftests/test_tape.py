"""Facts about the tape: which requests of a failed check are kept, and how they are written for a shell."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from graders.curriculum import exercise
from graders.measuring.tape import Sent, Taped, parse, read, worth_replaying, written
from graders.measuring.wire import Request
from graders.reporting.curl import curl_line, curl_script
from graders.running.taping import Taping
from graders.verdict import Outcome, State

URL = "http://127.0.0.1:8000"
HEADERS = {"content-type": "application/json"}


def sent(at: float, connection: int, path: str = "/predict", port: int = 8000, number: int = 1) -> Sent:
    return Sent(at, port, connection, Request("POST", path, {"feature_1": number}).encoded(f"127.0.0.1:{port}"))


def paths(requests: list[Taped]) -> list[tuple[int, str]]:
    return [(request.burst, request.path) for request in requests]


def test_a_request_is_read_back_from_its_bytes() -> None:
    """Method, path, the headers that matter, and the body, valid JSON or not."""
    assert parse(sent(0, 1).data) == Taped(0, 0.0, "POST", "/predict", HEADERS, '{"feature_1": 1}')
    broken = b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\n{{\xff!"
    assert parse(broken) == Taped(0, 0.0, "POST", "/predict", {}, "{{\ufffd!")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"POST /predict HTTP/1.1\r\nhost: x\r\n",
        b"POST /predict HTTP/1.1\r\ncontent-length: 9\r\n\r\n{",
        b"nonsense\r\n\r\n",
        Request("POST", "/predict", {}, {"x-lab-spin-ms": "0.60"}).encoded("x"),
    ],
)
def test_what_is_no_whole_request_to_the_learner_is_left_out(data: bytes) -> None:
    """Halves that a check sends on purpose, and requests to the lab's own reference service."""
    assert parse(data) is None


def test_of_several_attempts_the_last_burst_is_kept() -> None:
    """A burst is over as soon as a connection is used again; its moments count from its first request."""
    first = [sent(1.0, connection) for connection in range(5)]
    second = [sent(2.0 + connection / 1000, connection) for connection in range(5)]

    kept = worth_replaying([*first, *second])

    assert [request.at_s for request in kept] == [0.0, 0.001, 0.002, 0.003, 0.004]
    assert {0} == {request.burst for request in kept}


def test_requests_sent_one_by_one_are_kept_in_order() -> None:
    """The last ten of them, each a burst of its own; a crowd before them is not part of it."""
    crowd = [sent(1.0, connection) for connection in range(5)]
    singles = [sent(2.0 + number, 0, f"/item/{number}") for number in range(12)]

    kept = worth_replaying([*crowd, *singles])

    assert paths(kept) == [(i, f"/item/{i + 2}") for i in range(10)]


def test_only_the_last_service_counts() -> None:
    """What went to another port belongs to another service of the same check."""
    kept = worth_replaying([sent(1.0, 1, port=9000), sent(1.1, 2, "/a"), sent(1.2, 1, port=9000), sent(1.3, 3, "/b")])

    assert paths(kept) == [(0, "/a"), (0, "/b")]
    assert worth_replaying([]) == []


def test_a_record_is_read_back_as_it_was_written() -> None:
    """With the check's name and what was told of it."""
    requests = worth_replaying([sent(1.0, 1), sent(1.0, 2)])

    check, told, again = read(written("exercise1.five_parallel", {"did": "sent 5", "saw": "slow"}, requests))

    assert (check, told["did"], told["wanted"]) == ("exercise1.five_parallel", "sent 5", "")
    assert again == requests


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"requests": [{}]}', '{"requests": [3]}'])
def test_a_spoilt_record_is_refused(text: str) -> None:
    """`ValueError`, whatever is wrong with it."""
    with pytest.raises(ValueError, match=r"."):
        read(text)


def test_a_curl_line_survives_the_shell() -> None:
    """Quotes, dollars and newlines of a body arrive as they are."""
    body = '{"a": "it\'s $HOME\n`x`"}'
    line = curl_line(Taped(0, 0.0, "POST", "/predict", HEADERS, body), URL + "/")

    assert shlex.split(line) == [
        *("curl", "-si", "-X", "POST", f"{URL}/predict"),
        *("-H", "content-type: application/json", "--data-raw", body),
    ]


def test_a_burst_is_sent_in_the_background_at_its_moments() -> None:
    """Together, a little later what came later, then a wait for all of them."""
    burst = [Taped(0, at_s, "GET", "/health") for at_s in (0.0, 0.0, 0.025)]

    assert curl_script(burst, URL) == [
        f"curl -si {URL}/health &",
        f"curl -si {URL}/health &",
        "sleep 0.025",
        f"curl -si {URL}/health &",
        "wait",
    ]


def test_a_passed_check_forgets_its_requests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record stays only as long as its check fails."""
    monkeypatch.setattr("graders.measuring.tape.Tape.listen", lambda tape: None)
    monkeypatch.setattr("graders.running.service.new_client", lambda url: None)
    check = exercise("exercise1").checks[0]
    taping = Taping(tmp_path)
    taping._tape._sent.append(sent(1.0, 1))

    taping.cut(check, Outcome(State.FAILED, evidence={"did": "sent one"}))
    path = tmp_path / "replay" / f"exercise1.{check.id}.json"
    assert json.loads(path.read_text(encoding="utf-8"))["did"] == "sent one"

    taping.cut(check, Outcome(State.PASSED))
    assert not path.exists()
