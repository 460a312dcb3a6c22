"""What a learner's program said is harmless wherever it is printed, written or shown."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from graders.expect import Expect, Unmet
from graders.tame import MAX_TEXT, tame, tame_data
from graders.verdict import State
from graders.voices import outcome_of


def test_escapes_are_made_visible() -> None:
    """A terminal gets no command, a reader no text that runs backwards."""
    assert tame("\x1b[31mred\x07 \u202eevil\r") == r"\x1b[31mred\x07 \u202eevil\r"


def test_layout_and_languages_stay() -> None:
    """Lines, tabs, accents, emoji and other scripts are left as they are."""
    text = "a\n\tnaïve 日本語 👩\u200d💻"

    assert tame(text) == text


def test_floods_are_cut() -> None:
    """A text is cut, and says how much is missing."""
    assert tame("x" * (MAX_TEXT + 5)).endswith("\n… (5 more characters)")


def test_evidence_is_plain_json() -> None:
    """NaN, infinity, lone surrogates and endless nesting become data that every JSON reader takes."""
    nested: list[object] = []
    for _ in range(5000):
        nested = [nested]

    data = tame_data({"nan": float("nan"), "inf": float("inf"), "key\ud800": "\ud800", "deep": nested})

    json.dumps(data, allow_nan=False).encode("utf-8")
    assert data["nan"] is None


@given(st.text(), st.floats())
def test_anything_can_be_kept(text: str, number: float) -> None:
    """Whatever a check notes can be written as UTF-8 and as JSON."""
    notes = Expect(evidence={text: number, "text": text})

    outcome = outcome_of(Unmet("did", text, "wanted", "look"), notes, 0.0)

    assert outcome.state is State.FAILED
    outcome.message.encode("utf-8")
    json.dumps(dict(outcome.evidence), allow_nan=False, ensure_ascii=False).encode("utf-8")
