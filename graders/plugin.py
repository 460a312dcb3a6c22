"""The pytest side of the lab, in pytest's own order: options, configure, collection, run, report.

Thin: what is graded and how it came out lives in `session` and `grading`. The plugin wakes up when pytest is asked to
run the graded suite, and lies still otherwise (the lab's own tests, other folders).

PYTEST_DONT_REWRITE: there is no bare assert in it.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from graders.curriculum import EXERCISES, LAB, SUITE, exercise
from graders.expect import Expect
from graders.grading import exact_keyword, exercise_word
from graders.running.packages import Packages
from graders.running.service import Service
from graders.session import Session
from graders.submission import NoSubmissionError, Submission
from graders.verdict import Check, State
from graders.voices import LockedError, outcome_of

if TYPE_CHECKING:
    from graders.reporting.terminal import Card
    from graders.running.contest import Contest

SETTINGS = LAB / "pyproject.toml"
LEARNERS_FOLDERS = (LAB / "app", LAB / "lessons")
"""Where a learner may stand when typing `pytest`, without a thought of where the suite is."""
SESSION = pytest.StashKey[Session]()
ASKED = pytest.StashKey[tuple[list[str], str]]()
"""The paths of the command line, none for everything, and its -k."""
KNOWN = f"There are {', '.join(e.id for e in EXERCISES)}"
CHECK = pytest.StashKey[Check]()
EXPECT = pytest.StashKey[Expect]()
STARTED = pytest.StashKey[float]()


# --- options ---------------------------------------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("lab", "Inference Lab")
    group.addoption(
        "--submission",
        metavar="DIR",
        default=os.environ.get("LAB_SUBMISSION") or None,
        help="grade the submission in this folder instead of the repository's own (also: LAB_SUBMISSION)",
    )
    group.addoption(
        "--lab-report",
        metavar="FORMAT=PATH",
        action="append",
        default=[],
        help="write the card as json, markdown, html, gradescope, github, classroom50 or exercism; may be repeated",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config, args: list[str]) -> None:
    """Start over with the lab's own settings where pytest took the folder after --submission for one of tests.

    pytest looks for its settings before it knows any plugin's options, beside whatever existing folder it is given;
    it would obey a learner's pyproject.toml and overlook the lab's.
    """
    submission = early_config.known_args_namespace.submission
    if submission and early_config.inipath != SETTINGS and early_config.known_args_namespace.inifilename is None:
        raise SystemExit(
            pytest.main(["-c", str(SETTINGS), "--rootdir", str(LAB), *early_config.invocation_params.args])
        )


# --- configure -------------------------------------------------------------------------------------------------------


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    if not _is_graded_run(config):
        return
    here = config.invocation_params.dir
    folder = config.getoption("--submission")
    try:
        submission = Submission.at(Path(here, folder) if folder else LAB)
        reports = _report_requests(config.getoption("--lab-report"), here)
    except (NoSubmissionError, ValueError) as error:
        raise pytest.UsageError(str(error)) from None
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    write = terminal.write if terminal is not None else lambda text: None
    config.stash[SESSION] = Session(submission, reports, write, lambda: _new_card(terminal))
    paths = config.args if config.args_source is pytest.Config.ArgsSource.ARGS else []
    config.stash[ASKED] = (list(paths), config.option.keyword)
    config.args = [str(e.suite) for e in EXERCISES]  # earlier exercises may have to be graded first
    config.option.keyword = exact_keyword(config.option.keyword)
    config.addinivalue_line("filterwarnings", "default")  # a library's warning is no verdict on a learner
    config.option.tbstyle = "native"  # the cheapest: the lab's own words take the place of every traceback
    if config.option.verbose == 0:
        config.option.verbose = -2  # the card says it all
        config.option.no_summary = True


def _is_graded_run(config: pytest.Config) -> bool:
    if config.option.help or getattr(config.option, "version", 0) or config.option.collectonly:
        return False
    paths = [Path(config.invocation_params.dir, str(a).split("::")[0]).resolve() for a in config.args]
    return any(path in (LAB, SUITE, *LEARNERS_FOLDERS) or SUITE in path.parents for path in paths)


def _report_requests(requests: list[str], here: Path) -> dict[Path, str]:
    if not requests:
        return {}
    from graders.reporting.reports import parse_request

    return {here / path: name for name, path in map(parse_request, requests)}


def _new_card(terminal: Any) -> Card:
    from graders.reporting.terminal import Card

    writer = getattr(terminal, "_tw", None)  # pytest offers no public way to ask for width and colours
    encoding = (getattr(sys.__stdout__, "encoding", None) or "ascii").lower()
    return Card(
        width=getattr(writer, "fullwidth", 100),
        colour=bool(getattr(writer, "hasmarkup", False)),
        plain="utf" not in encoding,
    )


# --- collection ------------------------------------------------------------------------------------------------------


def pytest_itemcollected(item: pytest.Item) -> None:
    if SUITE not in item.path.parents:
        return
    exercise_id = item.path.stem.removeprefix("test_")
    name = getattr(item, "originalname", item.name).removeprefix("test_")
    for check in exercise(exercise_id).checks:
        if check.id == name:
            item.stash[CHECK] = check
            item.extra_keyword_matches.add(exercise_word(exercise_id))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Generator[None, None, None]:
    session = config.stash.get(SESSION, None)
    if session is None:
        return (yield)
    collected = {item.stash[CHECK]: item for item in items if CHECK in item.stash}
    here = config.invocation_params.dir
    paths, keyword = config.stash[ASKED]
    for path in paths:
        if not any(_is_below(item, path, here) for item in items):
            raise pytest.UsageError(f"{path}: holds no check. {KNOWN}, in tests/test_exercise1.py and so on.")
    if paths:
        items[:] = [item for item in items if any(_is_below(item, path, here) for path in paths)]
    yield
    gc.freeze()  # what was imported stays: a collection that looks through it would disturb whatever is timed
    plan = session.begin(item.stash[CHECK] for item in items)
    items[:] = [collected[check] for check in plan]
    if not plan:
        asked = f"-k {keyword}" if keyword else "the command line"
        session.say(f"Nothing is graded: no check matches {asked}. {KNOWN}.")
    return None


def _is_below(item: pytest.Item, argument: str, here: Path) -> bool:
    """Whether an argument such as `tests`, `tests/test_exercise1.py` or `…::test_health` asks for the item."""
    path, *names = argument.split("::")
    wanted = (here / path).resolve()
    if item.path != wanted and wanted not in item.path.parents:
        return False
    return item.nodeid.split("::")[1 : 1 + len(names)] == names


# --- run -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def expect(request: pytest.FixtureRequest) -> Expect:
    """States a requirement; keeps the figure and the picture for the card."""
    notes = Expect()
    request.node.stash[EXPECT] = notes
    return notes


@pytest.fixture(scope="session")
def lab(request: pytest.FixtureRequest) -> Session:
    """The graded run itself."""
    return request.config.stash[SESSION]


@pytest.fixture(scope="session")
def submission(lab: Session) -> Submission:
    """The learner's files."""
    return lab.grading.submission


@pytest.fixture(scope="session")
def service(lab: Session) -> Service:
    """The learner's service under uvicorn; ordered before collection, waited for by whoever asks it first."""
    return lab.service


@pytest.fixture
async def start_service(lab: Session) -> AsyncIterator[Callable[..., Awaitable[Service]]]:
    """Starts further services of the same submission, with an environment and a probe of their own."""
    started: list[Service] = []

    async def start(**options: Any) -> Service:
        started.append(Service(lab.launcher, lab.grading.submission, **options))
        await started[-1].ready()
        return started[-1]

    yield start
    for service in started:
        await service.end()


@pytest.fixture(scope="session")
def packages(lab: Session) -> Packages:
    """The packages that the lab needs."""
    return lab.packages


@pytest.fixture(scope="session")
async def race(lab: Session) -> AsyncIterator[Contest]:
    """Bursts against a floor, with the reference service as the measure of the machine."""
    from graders.running.contest import Contest

    contest = Contest(lab.service, lab.launcher)
    yield contest
    await contest.end()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    session = item.config.stash.get(SESSION, None)
    if session is not None:
        item.stash[STARTED] = time.perf_counter()
        if lock := session.grading.lock(item.stash[CHECK]):
            raise LockedError(lock.text)
    return (yield)


# --- report ----------------------------------------------------------------------------------------------------------


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    session = item.config.stash.get(SESSION, None)
    error = call.excinfo.value if call.excinfo else None
    is_verdict = call.when == "call" or (call.when == "setup" and error is not None)
    if session is None or not is_verdict or isinstance(error, KeyboardInterrupt | SystemExit):
        return report
    seconds = time.perf_counter() - item.stash.get(STARTED, time.perf_counter())
    check, outcome = item.stash[CHECK], outcome_of(error, item.stash.get(EXPECT, Expect()), seconds)
    session.record(check, outcome)
    item.user_properties += [("points", check.points), ("state", outcome.state.value)]  # JUnit reads them at teardown
    report.user_properties += item.user_properties
    if outcome.state is State.NOT_RUN:
        report.outcome, report.longrepr = "skipped", (str(item.path), 0, outcome.message)
    elif outcome.state is not State.PASSED:
        report.outcome, report.longrepr = "failed", session.told(check, outcome)
    return report


def pytest_report_teststatus(report: pytest.TestReport, config: pytest.Config) -> tuple[str, str, str] | None:
    if config.stash.get(SESSION, None) is None or config.option.verbose > 0:
        return None
    return ("failed" if report.failed else report.outcome if report.when == "call" else ""), "", ""


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> Generator[None, Any, Any]:
    run = session.config.stash.get(SESSION, None)
    if run is not None and exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        session.exitstatus = pytest.ExitCode.OK if run.succeeded else pytest.ExitCode.TESTS_FAILED
    result = yield
    if run is not None:
        run.finish()
    return result


def pytest_unconfigure(config: pytest.Config) -> None:
    session = config.stash.get(SESSION, None)
    if session is not None:
        session.close()
        gc.freeze()  # or the interpreter would look through all of it once more before it ends
