"""Bursts as drawings: what a learner sees is compared line by line."""

from __future__ import annotations

import random

import pytest

from graders.measuring.timeline import Answer, Blocked, Clock, Timeline
from graders.reporting.waterfall import ASCII, PRETTY, Glyphs, waterfall


def burst(*done_s: float | None, blocked: tuple[Blocked, ...] = (), clock: Clock = "live") -> Timeline:
    """Predictions that were sent together and answered at these times, or never."""
    answers = (Answer(i, "POST /predict", 0.0, at, at, 200 if at else None) for i, at in enumerate(done_s))
    return Timeline(tuple(answers), blocked, clock=clock, watched_s=1.2)


def drawn(timeline: Timeline, width: int = 60, glyphs: Glyphs = PRETTY) -> str:
    return "\n".join(waterfall(timeline, width, glyphs)) + "\n"


STAIRCASE = """\
  0         0.1      0.2       0.3      0.4       0.5 s
1 ██████████ 0.10
2 ░░░░░░░░░██████████ 0.20
3 ░░░░░░░░░░░░░░░░░░░██████████ 0.30
4 ░░░░░░░░░░░░░░░░░░░░░░░░░░░░██████████ 0.40
5 ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░██████████ 0.50
█ as long as the fastest one took  ░ waited
"""

BLOCK = """\
  0       0.02    0.04    0.06    0.08    0.1     0.12 s
1 ████████████████████████████████████████ 0.10
2 ████████████████████████████████████████ 0.10
3 ████████████████████████████████████████ 0.10
4 ░░░░████████████████████████████████████████ 0.11
5 ░░░░░░░░████████████████████████████████████████ 0.12
█ as long as the fastest one took  ░ waited
"""

THREE_ROUNDS = """\
      0      0.05    0.1    0.15   0.2     0.25   0.3 s
  1-9 ███████████████ 0.10
10-18 ███████████████ 0.10
19-27 ███████████████ 0.10
28-36 ███████████████ 0.10
37-45 ░░░░░░░░░░░░░░███████████████ 0.20
46-54 ░░░░░░░░░░░░░░███████████████ 0.20
55-63 ░░░░░░░░░░░░░░███████████████ 0.20
64-72 ░░░░░░░░░░░░░░███████████████ 0.20
73-81 ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░███████████████ 0.30
█ as long as the fastest one took  ░ waited
"""


UNANSWERED = """\
  0       0.2     0.4     0.6     0.8     1       1.2 s
1 ████ 0.10
2 ░░░░████ 0.20
3 ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░??? no answer
█ as long as the fastest one took  ░ waited
"""

HELD = """\
     0       0.05   0.1    0.15    0.2     0.25   0.3 s
   1 ███████████████ 0.10
   2 ░░░░░░░░░░░░░░░███████████████ 0.20
   3 ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░███████████████ 0.30
loop ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒        ▒▒▒▒▒▒▒
█ as long as the fastest one took  ░ waited  ▒ loop held
"""

HELD_IN_ASCII = """\
     0       0.05   0.1    0.15    0.2     0.25   0.3 s
   1 ############### 0.10
   2 ---------------############### 0.20
   3 ------------------------------############### 0.30
loop xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx        xxxxxxx
# as long as the fastest one took  - waited  x loop held
"""

EXACT = """\
  0         0.02     0.04      0.06     0.08      0.1 s
1 ████████████████████████████████████████████████ 0.10
2 ████████████████████████████████████████████████ 0.10
█ as long as the fastest one took  ░ waited
· exact time, no noise
"""


def held(start_s: float, end_s: float) -> Blocked:
    return Blocked(start_s, end_s, "app/main.py", 12, "predict", "time.sleep(0.1)")


def test_staircase() -> None:
    """Five requests one after another are a staircase."""
    assert drawn(burst(0.1, 0.2, 0.3, 0.4, 0.5)) == STAIRCASE


def test_order_of_answers() -> None:
    """Rows are in the order of the answers, in whatever order the requests were sent."""
    assert drawn(burst(0.4, 0.1, 0.5, 0.3, 0.2)) == STAIRCASE


def test_block() -> None:
    """Five requests that wait together are a block."""
    assert drawn(burst(0.1, 0.11, 0.1, 0.12, 0.1)) == BLOCK


def test_rounds_of_a_pool() -> None:
    """81 requests through 40 threads are three blocks, each behind the one before, in rows of neighbours."""
    assert drawn(burst(*[0.1] * 40, *[0.2] * 40, 0.3)) == THREE_ROUNDS


def test_two_rounds_of_a_pool() -> None:
    """80 requests through 40 threads are two blocks of equal length, the second of which waited for the first."""
    rows = waterfall(burst(*[0.1] * 40, *[0.2] * 40), 60)[1:-1]

    assert len(rows) == 10
    assert [row.count("░") for row in rows] == [0] * 5 + [22] * 5
    assert {row.count("█") for row in rows} == {22}


def test_unanswered() -> None:
    """A request without an answer waits until the lab stopped to watch, and ends in question marks."""
    assert drawn(burst(0.1, None, 0.2)) == UNANSWERED


def test_nothing_answered() -> None:
    """Where no answer came there is nothing to compare with, and the rows say so."""
    assert waterfall(burst(None, None), 60)[1:-1] == [f"{n} {'░' * 45}??? no answer" for n in (1, 2)]


def test_nothing_sent() -> None:
    """A burst of nobody is one sentence."""
    assert waterfall(burst()) == ["(no request was sent)"]


def test_blocked_loop() -> None:
    """A row of its own shows when a line of the learner's held the event loop."""
    assert drawn(burst(0.1, 0.2, 0.3, blocked=(held(0.0, 0.2), held(0.255, 0.3)))) == HELD


def test_ascii() -> None:
    """Where the terminal knows no block characters, plain ones draw the same picture."""
    plain = drawn(burst(0.1, 0.2, 0.3, blocked=(held(0.0, 0.2), held(0.255, 0.3))), glyphs=ASCII)

    assert plain == HELD_IN_ASCII
    assert plain.isascii()


def test_exact_time() -> None:
    """A burst on the virtual clock says that it is one."""
    assert drawn(burst(0.1, 0.1, clock="exact")) == EXACT


def test_two_kinds_of_requests() -> None:
    """Rows are named after the path where several paths take part; each kind has its own shortest time."""
    answers = [Answer(i, "POST /predict", 0.0, 0.1, 0.1, 200) for i in range(2)]
    health = Answer(2, "GET /health", 0.025, 0.03, 0.03, 200)
    rows = waterfall(Timeline((*answers, health)), 60)

    assert [row.split("█")[0].rstrip("░ ") for row in rows[1:-1]] == ["predict 1", "predict 2", "   health"]
    assert rows[3].startswith("   health           ██")


@pytest.mark.parametrize("seed", range(40))
def test_width(seed: int) -> None:
    """Whatever happened, every line stays within the width, down to 45 characters."""
    draw = random.Random(seed)
    ends = [draw.choice([None, draw.uniform(0.0005, draw.choice([0.1, 3, 200]))]) for _ in range(draw.randint(1, 120))]
    blocked = tuple(held(at, at + draw.random()) for at in (draw.random() for _ in range(draw.randint(0, 3))))
    width = draw.randint(45, 110)
    lines = waterfall(burst(*ends, blocked=blocked, clock=draw.choice(["live", "exact"])), width)

    assert max(map(len, lines)) <= width, "\n".join(lines)
    assert 3 <= len(lines) <= 16


def test_data_and_back() -> None:
    """A timeline survives the report: the drawing of its data is the drawing of itself."""
    whole = burst(0.1, None, 0.25, blocked=(held(0.0, 0.2),))

    assert drawn(whole) == drawn(Timeline.from_json(whole.to_json()))
