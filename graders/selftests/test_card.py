"""The report card in a terminal: what is printed, on terminals of every kind."""

from __future__ import annotations

import re

import pytest

from graders.curriculum import EXERCISES, LAB, exercise
from graders.expect import Unmet
from graders.measuring.timeline import Answer, Timeline
from graders.reporting.terminal import Card
from graders.selftests.corpus import Graded, compose, grade
from graders.verdict import OUTSIDE_RUN, Check, CheckResult, ExerciseResult, Outcome, ReportCard, State

LONG_ADDRESS = "https://engine.example/how-to-install-it-on-a-machine-such-as-this-one/"
ONE, LAST, NEXT = exercise("exercise1"), EXERCISES[-1], EXERCISES[2] if len(EXERCISES) > 2 else None
FIVE = Check("five_parallel", "exercise1", "Five predictions sent together take about as long as one.", 4)
STAIRCASE = Timeline(tuple(Answer(i, "POST /predict", 0.0, (i + 1) / 10, (i + 1) / 10, 200) for i in range(3)))
UNMET = Unmet(
    did="sent 3 POST /predict",
    saw="the last answer came after 0.30 s\napp/main.py, line 12, held the event loop:\n    time.sleep(0.1)",
    wanted="under 0.2 s",
    look_at="the handler: what can the loop do meanwhile?",
)
FAILED = Outcome(State.FAILED, UNMET.text, "0.30 s", "app/main.py:12", {"timeline": STAIRCASE.to_json()})

DETAILS = """\

✗ five_parallel  Five predictions sent together take about as long as one.
    did:     sent 3 POST /predict
    saw:     the last answer came after 0.30 s
             app/main.py, line 12, held the event loop:
                 time.sleep(0.1)
    wanted:  under 0.2 s
    look at: the handler: what can the loop do meanwhile?

      0      0.05    0.1    0.15   0.2     0.25   0.3 s
    1 ███████████████ 0.10
    2 ░░░░░░░░░░░░░░███████████████ 0.20
    3 ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░███████████████ 0.30
    █ as long as the fastest one took  ░ waited
"""

LINES = """\
  ✓ five_parallel            0.11 s  Five predictions sent together take about as long as one.
  ✗ five_parallel            0.30 s  Five predictions sent together take about as long as one.
  ⊘ five_parallel            locked  Five predictions sent together take about as long as one.
  – five_parallel           not run  Five predictions sent together take about as long as one.
  ? five_parallel           unclear  Five predictions sent together take about as long as one.
"""


def lines(card: Card) -> str:
    states = (State.PASSED, State.FAILED, State.LOCKED, State.NOT_RUN, State.INCONCLUSIVE)
    figures = ("0.11 s", "0.30 s", "", "", "")
    outcomes = [Outcome(state, figure=figure) for state, figure in zip(states, figures, strict=True)]
    return card.text(card.check_line(FIVE, outcome) for outcome in outcomes)


def without_colours(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


# --- what is printed -------------------------------------------------------------------------------------------------


def test_check_lines() -> None:
    """A check is one line: a mark for its state, its name, its number, its promise."""
    assert lines(Card()) == LINES


def test_details() -> None:
    """A failed check tells what was done, seen and wanted and where to look, and draws what happened."""
    card = Card(width=60)

    assert card.text(card.details(FIVE, FAILED, STAIRCASE)) == DETAILS


def test_same_reason() -> None:
    """A second check that fails for the same reason points to the first, with its own number."""
    card, health = Card(), Check("stays_responsive", "exercise1", "Health comes first.", 2)
    text = card.text(card.same_reason(health, Outcome(State.FAILED, evidence={"saw": "late\nvery"}), FIVE))

    assert "✗ stays_responsive  Health comes first.\n    for the same reason as five_parallel; late\n" in text


def test_a_few_words_beside_a_number() -> None:
    """What a check has to say beside its number stands below it once it has passed, and not before."""
    card, evidence = Card(), {"beside": "process / container: stop 0.14 / 0.51 s"}

    assert card.text(card.beside(Outcome(State.PASSED, evidence=evidence))) == f"    {evidence['beside']}\n"
    assert card.beside(Outcome(State.FAILED, evidence=evidence)) == card.beside(Outcome(State.PASSED)) == []


def test_why_checks_were_not_run() -> None:
    """Checks that nothing here could judge are named with the one reason that they share, told once."""
    engine = Outcome(State.NOT_RUN, f"no engine: install one ({LONG_ADDRESS})")
    outcomes = [Outcome(State.PASSED), engine, engine, Outcome(State.NOT_RUN, "one core only")]
    outcomes += [Outcome(State.NOT_RUN, OUTSIDE_RUN)] * (len(LAST.checks) - len(outcomes))
    result = ExerciseResult(LAST.id, LAST.title, tuple(map(CheckResult, LAST.checks, outcomes)))
    card = Card(width=60)
    told = card.text(line for reason, checks in result.unjudged.items() for line in card.unjudged(reason, checks))

    one, two, three = (check.id for check in LAST.checks[1:4])
    assert (
        told
        == f"""
– 2 checks were not run, left out of the total and not counted as passed
    no engine: install one
    ({LONG_ADDRESS})
    for: {one}, {two}

– 1 check was not run, left out of the total and not counted as passed
    one core only
    for: {three}
"""
    )
    whole = card.text(card.summary(ReportCard("alice", (result,)), [LAST.id]))
    assert "All that could be judged here passes." in whole


def test_colours() -> None:
    """Colours are added to the text and take nothing away from it."""
    coloured, plain = Card(colour=True), Card()

    assert "\x1b[32m✓" in lines(coloured)
    assert without_colours(lines(coloured)) == lines(plain)


def test_bonus() -> None:
    """A bonus check is marked as one."""
    bonus = Check("streaming", "exercise2", "A stream is timed to its end.", 2, bonus=True)

    assert Card().check_line(bonus, Outcome(State.PASSED)).plain.endswith("A stream is timed to its end. (bonus)")


# --- every terminal --------------------------------------------------------------------------------------------------


def test_plain_characters() -> None:
    """Where the terminal's encoding is no Unicode, every character of the card is ASCII, the learner's own included."""
    card = Card(width=60, plain=True)
    foreign = Outcome(State.FAILED, "saw:     {'größe': '…'}", evidence=FAILED.evidence)
    text = lines(card) + card.text(card.details(FIVE, foreign, STAIRCASE))

    assert text.isascii()
    assert "gr\\xf6\\xdfe" in text
    assert "    2 --------------############### 0.20\n" in text
    assert [line[2] for line in lines(card).splitlines()] == ["+", "x", "-", "-", "?"]


@pytest.mark.parametrize("width", [20, 60, 80, 100, 400])
def test_width(width: int) -> None:
    """A drawing fits a terminal of 60 characters or more, and grows with it up to a width that can be read."""
    card = Card(width=width)
    drawing = card.text(card.details(FIVE, FAILED, STAIRCASE)).splitlines()[-5:]

    assert max(map(len, drawing)) <= max(60, min(width, 110))


@pytest.mark.parametrize("text", ["[bold]loud[/bold]", "[/]", ":smile:", "[link=http://x]y[/link]", "a\\[b"])
def test_markup_of_the_learners(text: str) -> None:
    """What the learner's program says is printed as it is, and never read as markup."""
    card = Card(colour=True)

    assert text in card.text(card.details(FIVE, Outcome(State.FAILED, f"saw:     {text}"), None))


def test_control_characters_of_the_learners() -> None:
    """Escape sequences, carriage returns and half characters in a learner's text do not reach the terminal."""
    card = Card()
    text = card.text(
        card.details(FIVE, Outcome(State.FAILED, "saw: \x1b[2J\x1b]0;title\x07 \x9b31m \udcff", "\r1"), None)
    )

    assert "saw: ?[2J?]0;title ?31m ?" in text
    assert set(text) & {"\x1b", "\r", "\x07", "\x9b", "\udcff"} == set()


# --- what is next ----------------------------------------------------------------------------------------------------


def result_of(*states: State, cause: str = "") -> ReportCard:
    """Exercise 1 with its first checks in these states and all others passed."""
    wanted = [*states, *[State.PASSED] * (len(ONE.checks) - len(states))]
    results = [CheckResult(c, Outcome(s, cause=cause)) for c, s in zip(ONE.checks, wanted, strict=True)]
    return ReportCard("alice", (ExerciseResult("exercise1", ONE.title, tuple(results)),))


def summary(card: ReportCard) -> str:
    shown = Card()
    return shown.text(shown.summary(card, ["exercise1"]))


def test_one_check_is_missing() -> None:
    """With one check missing, the card names it, its lesson's step, its file, its hint and the command."""
    text = summary(result_of(State.PASSED, State.FAILED))

    assert "exercise1: 18 of 20 points\n" in text
    assert "1 check is missing in exercise1" in text
    assert "Next: predict in app/main.py\n" in text
    assert f"read  lessons/{ONE.hints['predict'].lesson}\n" in text
    assert "stuck uv run lab hint predict\n" in text
    assert "run   uv run pytest -k exercise1" in text
    assert "Welcome" not in text


@pytest.mark.parametrize(
    ("check_id", "file"),
    [
        ("app_imports", "app/main.py"),
        ("observations", "app/observations.py"),
        ("percentiles", "app/metrics.py"),
        ("overlapping_requests", "app/timing.py"),
        ("request_log", "app/logs.py"),
        ("upstream_faults", "app/feature_store.py"),
        ("dockerignore", ".dockerignore"),
        ("compose", "docker-compose.yml"),
    ],
)
def test_next_file(check_id: str, file: str) -> None:
    """The card names the file in which the next check is met, and not the first one of its exercise."""
    assert f"Next: {check_id} in {file}\n" in summary_without(check_id)


def test_no_next_file() -> None:
    """Where no file of the learner's decides a check, the card names the check alone."""
    assert "Next: python_version\n  read  lessons/exercise0.md#" in summary_without("python_version")


def summary_without(check_id: str) -> str:
    """What the card says at the end where all of an exercise passes but one check."""
    of = next(e for e in EXERCISES if check_id in {check.id for check in e.checks})
    outcomes = [Outcome(State.FAILED if check.id == check_id else State.PASSED) for check in of.checks]
    result = ExerciseResult(of.id, of.title, tuple(map(CheckResult, of.checks, outcomes)))
    shown = Card()
    return shown.text(shown.summary(ReportCard("alice", (result,)), [of.id]))


def test_nothing_is_built_yet() -> None:
    """Where every check is red and the service starts, the card welcomes the learner and names the first step."""
    text = summary(result_of(*[State.FAILED] * len(ONE.checks)))

    assert "Welcome to exercise 1: before the first step every check is red, and nothing is wrong.\n" in text
    assert "Next: health in app/main.py\n" in text


def test_a_service_that_does_not_start_is_no_beginning() -> None:
    """Where the service does not start, nobody is told that nothing is wrong."""
    assert "Welcome" not in summary(result_of(*[State.FAILED] * len(ONE.checks), cause="start"))


def test_inconclusive_is_missing_too() -> None:
    """A check that nobody could judge keeps the next exercise closed."""
    assert "1 check is missing in exercise1" in summary(result_of(State.INCONCLUSIVE))


def test_passed() -> None:
    """Where everything passes, the card names the next exercise, its first check and its command."""
    text = summary(result_of())

    assert "exercise1: 20 of 20 points\n" in text
    assert "missing" not in text
    if NEXT is not None and NEXT.number == 2:
        assert f"Exercise 2 is open: {NEXT.title}\n" in text
        assert f"read  lessons/exercise2.md, edit {', '.join(NEXT.edits)}\n" in text
        assert f"uv run pytest -k exercise2   (first check: {NEXT.checks[0].id}: " in text
    else:
        assert "uv run lab solution exercise1" in text


# --- the first run of all --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> Graded:
    """The untouched skeleton, graded on a terminal that knows no Unicode and is 50 characters wide."""
    scratch = tmp_path_factory.mktemp("first_run")
    terminal = {"PYTHONIOENCODING": "ascii", "COLUMNS": "50"}
    return grade(compose(0, scratch / "alice"), "-k", "exercise1", scratch=scratch, env=terminal)


def test_first_run_is_red(first_run: Graded) -> None:
    """The skeleton passes exercise 0 and fails every check of exercise 1."""
    assert first_run.exit_code == 1
    assert set(first_run.states("exercise0").values()) == {"passed"}
    assert set(first_run.states("exercise1").values()) == {"failed"}


def test_first_run_reads_as_a_welcome(first_run: Graded) -> None:
    """The first card explains one check, welcomes the learner, and ends with a next step that exists."""
    printed = first_run.printed
    lesson, anchor = next(re.finditer(r"read  (lessons/\S+\.md)#(\S+)", printed)).groups()

    assert printed.count("did:") == printed.count("look at:") == 1
    assert "Welcome to exercise 1" in printed
    assert "Next: health in app/main.py" in printed
    assert (LAB / lesson).is_file() and anchor == "step-1-a-health-endpoint"
    assert printed.index("Welcome") > printed.index("look at:")


def test_first_run_is_no_crash(first_run: Graded) -> None:
    """No traceback, no file of the lab's own, no summary of pytest's stands on the first card."""
    for word in ("Traceback", "Error", "error", "graders/", "assert", "FAILED", "====", "broke"):
        assert word not in first_run.printed, word


def test_first_run_in_ascii(first_run: Graded) -> None:
    """A terminal without Unicode gets plain characters and nothing that is escaped."""
    assert first_run.printed.isascii()
    assert "\\u" not in first_run.printed and "\\x" not in first_run.printed
    assert "  + app_imports" in first_run.printed
    assert "  x health" in first_run.printed
