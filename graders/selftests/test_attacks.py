"""Submissions that attack the grading get nothing out of it, at any level of isolation that this machine offers.

The whole corpus is handed in as one class, with an honest student in it, at each level that it must fail at.
LAB_ATTACKS=namespaces,user tries these levels alone.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest

from graders.classroom.gradebook import FORMULA
from graders.selftests.attack_class import HONEST, AttackedClass, grade_attacks, remove, why_not
from graders.selftests.attacks import LEVELS, MARK, PROOF, Attack, attacks

ATTACKS = attacks()
TRIED = tuple(level for level in LEVELS if level in os.environ.get("LAB_ATTACKS", ",".join(LEVELS)).split(","))
CASES = [(level, attack) for level in TRIED for attack in ATTACKS if level in attack.levels]
MAX_REPORT_BYTES = 3 * 2**20
Graded = Callable[[str], AttackedClass]


@pytest.fixture(scope="module")
def graded() -> Iterator[Graded]:
    """Grades a class of all attackers at a level, once."""
    done: list[AttackedClass] = []

    @functools.cache
    def at(level: str) -> AttackedClass:
        if reason := why_not(level):
            pytest.skip(f"isolation {level} does not hold here: {reason}")
        done.append(grade_attacks([a for a in ATTACKS if level in a.levels], level))
        return done[-1]

    yield at
    for each in done:
        remove(each)


def name(value: Any) -> str:
    return value.name if isinstance(value, Attack) else str(value)


@pytest.mark.parametrize(("level", "attack"), CASES, ids=name)
def test_attack(graded: Graded, level: str, attack: Attack) -> None:
    """It earns what its work is worth, proves nothing, and its author reads what went wrong."""
    left = graded(level)
    entry = left.entry(attack)
    files = left.files(entry)

    assert entry.status in ("graded", "inconclusive"), (entry, left.printed)
    assert entry.isolation == level
    assert attack.points[0] <= entry.total <= attack.points[1], files["card.txt"].decode()
    assert [file for file, content in files.items() if PROOF.encode() in content] == [], files["card.txt"].decode()
    assert not (left.canaries / attack.name).exists()
    report = files["report.json"].decode()
    assert [phrase for phrase in attack.data.get("says", []) if phrase not in report] == [], files["card.txt"].decode()
    assert sum(map(len, files.values())) < MAX_REPORT_BYTES


@pytest.mark.parametrize("level", TRIED)
def test_the_honest_student_is_unharmed(graded: Graded, level: str) -> None:
    """Whoever sits beside sixty attackers gets what the work is worth; only a busy machine may leave a check open."""
    entry = graded(level).entries[HONEST]

    assert entry.status in ("graded", "inconclusive")
    assert {entry.states[c] for c in entry.states or () if not c.endswith("parallel")} == {"passed"}  # type: ignore[index]
    assert "failed" not in (entry.states or {}).values()


@pytest.mark.parametrize("level", TRIED)
def test_nothing_is_left_behind(graded: Graded, level: str) -> None:
    """No process of a submission outlives the class, and no folder of its is left."""
    left = graded(level)

    marked = [p.info for p in psutil.process_iter(["pid", "cmdline"]) if MARK in (p.info["cmdline"] or [])]
    assert marked == []
    assert not (left.out / ".work").exists()
    known = {".lock", "gradebook.csv", "gradebook.html", "reports"}
    found = {p.name for p in left.out.iterdir()}
    assert found == known or (level == "none" and found > known)  # a plain process may write where its user may


@pytest.mark.parametrize("level", TRIED)
def test_nothing_hostile_is_shown(graded: Graded, level: str) -> None:
    """Books and reports hold no markup, no control character and no formula of a stranger's."""
    left = graded(level)
    texts = {p: p.read_bytes() for p in left.out.rglob("*") if p.is_file()} | {
        left.out / "printed": left.printed.encode()
    }

    control = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")
    pages = [p for p, text in texts.items() if p.suffix == ".html" and re.search(rb"<img src=x|<script>document", text)]
    assert pages == []
    assert [p for p, text in texts.items() if control.search(text.replace(b"\r\n", b"\n"))] == []
    assert [p for p, text in texts.items() if "\u202e".encode() in text] == []
    rows = texts[left.out / "gradebook.csv"].decode().split("\r\n")
    assert [row for row in rows if row.lstrip('"').startswith(FORMULA)] == []


def test_there_are_enough_of_them() -> None:
    """At least forty attacks, each at some level, each with a sentence that says what it tries."""
    assert len(ATTACKS) >= 40
    assert all(attack.data["about"].endswith(".") and attack.levels for attack in ATTACKS)
