"""What a program printed, cut down to the learner's own lines."""

from __future__ import annotations

from pathlib import Path

from graders.running.printed import last_lines, tail, traceback_in

ROOT = Path("/somewhere/submission")
PRINTED = """INFO:     Started server process [7]
Traceback (most recent call last):
  File "/somewhere/submission/app/old.py", line 1, in old
    raise ValueError("an earlier one")
ValueError: an earlier one
ERROR:    Exception in ASGI application
Traceback (most recent call last):
  File "/usr/lib/python3/site-packages/starlette/routing.py", line 10, in app
    await func(request)
  File "/somewhere/submission/app/tuning.py", line 12, in predict_cpu
    return compute(request)
           ^^^^^^^^^^^^^^^^
  File "/somewhere/submission/app/work.py", line 3, in compute
    raise RuntimeError("no core left")
RuntimeError: no core left
INFO:     127.0.0.1 - "POST /predict/cpu HTTP/1.1" 500
"""


def test_last_traceback_with_own_frames() -> None:
    """Only the last traceback counts, only frames below the submission are shown, and the innermost is the place."""
    found = traceback_in(PRINTED, ROOT)

    assert found is not None
    text, place = found
    assert place == "app/work.py, line 3"
    assert text.splitlines() == [
        "  app/tuning.py, line 12, in predict_cpu",
        "      return compute(request)",
        "  app/work.py, line 3, in compute",
        '      raise RuntimeError("no core left")',
        "RuntimeError: no core left",
    ]


def test_no_traceback() -> None:
    """Without a traceback there is nothing to show."""
    assert traceback_in("INFO:     all is well\n", ROOT) is None


def test_syntax_errors_have_a_place() -> None:
    """A frame without a function, as a syntax error has it, is a place too."""
    text = """Traceback (most recent call last):
  File "/somewhere/submission/app/main.py", line 4
    async def health(
                    ^
SyntaxError: '(' was never closed
"""
    found = traceback_in(text, ROOT)

    assert found is not None
    assert found[1] == "app/main.py, line 4"
    assert found[0].splitlines()[-1] == "SyntaxError: '(' was never closed"


def test_last_lines() -> None:
    """The last lines come under a heading; nothing printed is nothing shown."""
    assert last_lines("a\n\nb\n", 2) == "\nthe last it printed:\n    a\n    b"
    assert last_lines(" \n") == ""


def test_tail_from_a_mark(tmp_path: Path) -> None:
    """Only what was printed after the mark is read; a file that is not there is empty."""
    output = tmp_path / "output.txt"
    output.write_text("before|after", encoding="utf-8")

    assert tail(output, since=7) == "after"
    assert tail(tmp_path / "none.txt") == ""
