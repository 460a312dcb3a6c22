"""`lab replay` as a learner uses it: a failed check's requests, once more, at a service of their own."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner

from graders.cli import app
from graders.measuring.tape import Taped, written
from graders.selftests.corpus import Specimen, grade

WRONG = Path(__file__).parent / "wrong"
ROUTES = [
    Taped(0, 0.0, "POST", "/predict", {"content-type": "application/json"}, '{"feature_1": 1.0}'),
    Taped(0, 0.0, "GET", "/health"),
]


class Answers(BaseHTTPRequestHandler):
    """A service that answers everything, and remembers what it was asked."""

    protocol_version = "HTTP/1.1"
    asked: list[tuple[str, str, str]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
        self.asked.append((self.command, self.path, body))
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_GET = do_POST  # noqa: N815 - the name is the library's

    def log_message(self, *ignored: object) -> None:
        """Quiet."""


@pytest.fixture
def service() -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    Answers.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", Answers.asked
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAB_STATE", str(tmp_path))
    return tmp_path


def keep(state: Path, check: str, requests: list[Taped]) -> None:
    (state / "replay").mkdir(exist_ok=True)
    told = {"did": "sent 2 requests", "saw": "nothing\ngood", "wanted": "better"}
    (state / "replay" / f"{check}.json").write_text(written(check, told, requests), encoding="utf-8")


def lab(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["replay", *arguments])
    return result.exit_code, result.output


def test_the_requests_arrive_at_the_service_as_they_were(
    state: Path, service: tuple[str, list[tuple[str, str, str]]]
) -> None:
    """Methods, paths and bodies; the learner reads status, time and the shape of the burst."""
    keep(state, "exercise1.predict", ROUTES)
    url, asked = service

    code, said = lab("predict", "--url", url)

    assert sorted(asked) == [("GET", "/health", ""), ("POST", "/predict", '{"feature_1": 1.0}')]
    assert code == 0
    assert "200" in said
    assert "ms  POST /predict  {}" in said
    assert "nothing\n           good" in said


def test_the_first_failed_check_of_the_course_is_the_default(state: Path) -> None:
    """Without a name: the check that a learner works on."""
    keep(state, "exercise1.five_parallel", ROUTES)
    keep(state, "exercise1.predict", ROUTES)

    assert lab("--curl")[1].startswith("exercise1.predict  sent 2 requests")


def test_without_a_service_the_learner_gets_curl_lines(state: Path) -> None:
    """How to start the service, and the requests for a shell."""
    keep(state, "exercise1.predict", ROUTES)

    code, said = lab("--url", "http://127.0.0.1:9")

    assert code == 0
    assert "uv run uvicorn app.main:app" in said
    assert "curl -si -X POST http://127.0.0.1:9/predict -H 'content-type: application/json'" in said


@pytest.mark.parametrize("url", ["http://example.com", "http://10.0.0.1:8000", "https://127.0.0.1", "nonsense"])
def test_nothing_is_sent_to_another_machine(state: Path, url: str) -> None:
    """Only plain HTTP to this machine."""
    keep(state, "exercise1.predict", ROUTES)

    code, said = lab("--url", url)

    assert code == 2
    assert "on this machine alone" in said


def test_what_is_not_there_is_named(state: Path) -> None:
    """No record at all; no record of that check; a record that cannot be read."""
    assert "No failed check has sent a request yet" in lab()[1]

    keep(state, "exercise1.predict", ROUTES)
    assert "There are those of exercise1.predict." in lab("five_parallel")[1]

    (state / "replay" / "exercise1.predict.json").write_text("{", encoding="utf-8")
    assert "cannot be read" in lab("predict")[1]


def test_a_run_keeps_the_requests_of_what_failed(tmp_path: Path) -> None:
    """Graded as a learner would: five requests of five_parallel are kept, none of a check that passed."""
    submission = Specimen(WRONG / "exercise1_blocking_sleep_in_async_def").compose(tmp_path / "submission")

    grade(submission, "-k", "exercise1", scratch=tmp_path)

    kept = tmp_path / "state" / "replay"
    assert sorted(path.stem for path in kept.iterdir()) == [
        f"exercise1.{name}" for name in ("five_parallel", "many_parallel", "stays_responsive")
    ]
    five = json.loads((kept / "exercise1.five_parallel.json").read_text(encoding="utf-8"))["requests"]
    assert [request["path"] for request in five] == ["/predict"] * 5
    assert len({request["body"] for request in five}) == 5
    assert "x-lab-spin-ms" not in json.dumps(five)
