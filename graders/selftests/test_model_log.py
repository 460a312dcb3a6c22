"""The record of the model's calls, as the given model writes it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from graders.curriculum import SKELETON
from graders.running.model_log import Call, ModelLog, by_process


@pytest.fixture
def log(tmp_path: Path) -> ModelLog:
    return ModelLog(tmp_path / "model.jsonl")


def write(log: ModelLog, *lines: object) -> None:
    with log.path.open("a", encoding="utf-8") as file:
        for line in lines:
            file.write((line if isinstance(line, str) else json.dumps(line)) + "\n")


def test_calls_in_order(log: ModelLog) -> None:
    """Calls are kept in order, by function if one is named; what is no record is passed over."""
    write(log, {"call": "infer", "items": 1, "pid": 7}, "nonsense", [1], {"call": "infer_batch", "items": 3, "pid": 8})

    assert log.calls() == [Call("infer", 1, 7), Call("infer_batch", 3, 8)]
    assert log.calls("infer_batch") == [Call("infer_batch", 3, 8)]
    assert by_process(log.calls()) == {7: 1, 8: 1}


def test_since_a_mark(log: ModelLog) -> None:
    """A mark cuts off what was before; a log that nobody has written is empty."""
    assert log.mark() == 0
    write(log, {"call": "infer", "items": 1, "pid": 7})
    mark = log.mark()
    write(log, {"call": "infer", "items": 1, "pid": 8})

    assert log.since(mark) == [Call("infer", 1, 8)]


def test_the_given_model_writes_it(log: ModelLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """The model that learners call notes each call with its items and its process."""
    model: dict[str, object] = {"__name__": "model"}
    monkeypatch.setenv("MODEL_LOG", str(log.path))
    exec((SKELETON / "app/model.py").read_text(encoding="utf-8"), model)
    results = model["infer_batch"]([(1.0, 2.0), (-1.0, 2.0)])  # type: ignore[operator]

    assert [(call.name, call.items) for call in log.calls()] == [("infer_batch", 2)]
    assert isinstance(results[1], ValueError)


def test_out_of_reach(log: ModelLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the log is out of reach every call of the model raises; afterwards all is as it was."""
    model: dict[str, object] = {"__name__": "model"}
    monkeypatch.setenv("MODEL_LOG", str(log.path))
    exec((SKELETON / "app/model.py").read_text(encoding="utf-8"), model)
    write(log, {"call": "infer", "items": 1, "pid": 7})
    with log.out_of_reach(), pytest.raises(OSError, match="directory"):
        model["infer"](1.0, 2.0)  # type: ignore[operator]

    assert log.calls() == [Call("infer", 1, 7)]
