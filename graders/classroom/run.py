"""A class graded: what is handed in, what is known already, what is to do; results kept one by one as they come."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from graders.classroom.cards import card_of, cut_short, empty_card, has_inconclusive
from graders.classroom.gradebook import as_csv
from graders.classroom.intake.entries import DiskError
from graders.classroom.intake.unpack import HandedIn, take_in
from graders.classroom.ledger import DiskFullError, Entry, Ledger, now
from graders.classroom.order import Ended, Result
from graders.classroom.page import page
from graders.classroom.pool import Pool, pool_for
from graders.classroom.work import Task, fingerprint, grade, lab_fingerprint, level_here, pack, stop_all
from graders.grading import environment
from graders.verdict import OUTSIDE_RUN, ReportCard, State

AGAIN = ("inconclusive", "died")
"""What is graded once more, alone, when everything else is done: then nothing of the class disturbs it."""

BOOK_EVERY_S = 10.0


@dataclass(frozen=True, slots=True)
class Options:
    """What the teacher asked for."""

    paths: tuple[Path, ...]
    out: Path
    exercises: tuple[str, ...]
    isolate: str = "auto"
    timeout_s: float = 600.0
    jobs: int | None = None
    scheduler: str | None = None
    columns: dict[str, str] = field(default_factory=dict)
    state: Path = Path()
    attempts: int = 2
    reports: tuple[str, ...] = ()


class Audience(Protocol):
    """Who is told how it goes."""

    def warn(self, text: str) -> None:
        """Something the teacher should know."""
        ...

    def begin(self, todo: int, kept: int, refused: int, width: int) -> None:
        """So many submissions to grade, so many graded in an earlier run, so many refused; how many at a time."""
        ...

    def done(self, entry: Entry, is_last_word: bool) -> None:
        """One more is graded; where it is not the last word, it will be graded again, alone."""
        ...


@dataclass(frozen=True, slots=True)
class Graded:
    """What came of it: all entries, and why the run stopped early, if it did."""

    entries: tuple[Entry, ...]
    stopped: str = ""

    @property
    def troubled(self) -> tuple[Entry, ...]:
        """Entries that a person should look at."""
        return tuple(entry for entry in self.entries if entry.status != "graded")


def grade_class(options: Options, audience: Audience) -> Graded:
    """Grade everything that is not graded yet; raises what `Ledger`, `choose` and `pool_for` raise."""
    with Ledger(options.out, options.reports) as ledger:
        if options.scheduler is None:
            for warning in level_here(options.isolate).warnings:
                audience.warn(warning)
        run = _Run(options, ledger, audience)
        stopped = ""
        try:
            run.take_in()
            with pool_for(options.scheduler, options.jobs) as pool:
                run.grade(pool)
        except (DiskFullError, DiskError) as error:
            stopped = f"{error}. What was graded is kept; free some space and run the same command again."
        except KeyboardInterrupt:
            stop_all()
            stopped = "interrupted. What was graded is kept; run the same command again to go on."
        return Graded(run.write_book(), stopped)


class _Run:
    def __init__(self, options: Options, ledger: Ledger, audience: Audience) -> None:
        self._options = options
        self._ledger = ledger
        self._audience = audience
        self._entries = ledger.entries()
        self._mine: dict[str, HandedIn] = {}
        self._prints: dict[str, str] = {}
        self._book_at = time.monotonic()

    def take_in(self) -> None:
        """Unpack, and commit at once what is refused."""
        for given in take_in(self._options.paths, self._ledger.work / "in", self._audience.warn):
            self._mine[given.slug] = given
            self._prints[given.slug] = fingerprint(given.folder) if given.folder else ""
            if given.folder is None:
                entry = self._blank(given, "refused")
                if not self._is_known(given):
                    card = empty_card(given.student, given.trouble, environment() | {"isolation": ""})
                    self._commit(replace(entry, why=given.trouble, notes=given.notes), card, "")

    def grade(self, pool: Pool) -> None:
        """Grade what is not known; then once more, alone, what could not be judged in the crowd."""
        todo = [given for given in self._mine.values() if given.folder and not self._is_known(given)]
        alone = [given for given in self._mine.values() if given.folder and self._is_to_repeat(given)]
        refused = sum(given.folder is None for given in self._mine.values())
        self._audience.begin(len(todo), len(self._mine) - len(todo) - refused, refused, pool.width)
        try:
            self._grade(pool, pool.width, todo)
            alone += [given for given in todo if self._is_to_repeat(given)]
            self._grade(pool, 1, alone)
        except BaseException:
            stop_all()
            raise

    def _grade(self, pool: Pool, width: int, todo: Iterable[HandedIn]) -> None:
        waiting, running = deque(todo), dict[Future[Result], HandedIn]()
        full: DiskFullError | None = None
        while running or (waiting and full is None):
            while waiting and full is None and len(running) < width:
                given = waiting.popleft()
                running[pool.executor.submit(grade, self._task(given, pool.is_remote))] = given
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                given = running.pop(future)
                try:
                    self._keep(given, _result_of(future))
                except DiskFullError as error:
                    full = full or error  # those under way are still kept, as far as the reserve goes
            if time.monotonic() - self._book_at > BOOK_EVERY_S:
                self.write_book()
        if full is not None:
            raise full

    def _task(self, given: HandedIn, is_remote: bool) -> Task:
        assert given.folder is not None
        options = self._options
        return Task(
            given.slug,
            "" if is_remote else str(given.folder.resolve()),
            pack(given.folder) if is_remote else b"",
            options.exercises,
            options.isolate,
            options.timeout_s,
            lab_fingerprint(),
            "" if is_remote else str(options.state),
        )

    def _keep(self, given: HandedIn, result: Result) -> None:
        earlier = self._entries.get(given.slug)
        attempts = earlier.attempts + 1 if earlier is not None and self._is_mine(earlier, given) else 1
        entry, card = self._judged(given, result)
        entry = replace(entry, attempts=attempts)
        try:
            self._commit(entry, card, result.printed)
        finally:
            self._audience.done(entry, entry.status not in AGAIN or attempts >= self._options.attempts)

    def _judged(self, given: HandedIn, result: Result) -> tuple[Entry, ReportCard]:
        """The row and the card of one result."""
        card = _card_in(result, given.slug)
        if result.ended is Ended.FINISHED:
            status = "inconclusive" if has_inconclusive(card) else "graded"
        else:
            status, card = result.ended.value, cut_short(card, result.why)
        strays = f"{result.survivors} of its processes outlived the grading and were ended" if result.survivors else ""
        in_run = [
            e
            for e in card.exercises
            if any(r.outcome.state is not State.NOT_RUN or r.outcome.message != OUTSIDE_RUN for r in e.results)
        ]
        entry = replace(
            self._blank(given, status),
            isolation=str(card.environment.get("isolation", "")),
            graded_at=now(),
            seconds=round(result.seconds, 2),
            exercises={e.id: sum(r.points for r in e.results if not r.check.bonus) for e in in_run},
            bonus=sum(r.points for e in in_run for r in e.results if r.check.bonus),
            max_points=sum(e.max_points for e in in_run),
            states={f"{e.id}.{r.check.id}": r.outcome.state.value for e in in_run for r in e.results},
            why=result.why,
            notes=(*given.notes, *([strays] if strays else [])),
        )
        return entry, replace(card, submission=given.student)

    def _blank(self, given: HandedIn, status: str) -> Entry:
        return Entry(
            given.student,
            given.slug,
            given.source,
            status,
            self._prints[given.slug],
            lab_fingerprint(),
            self._options.exercises,
            graded_at=now(),
        )

    def _commit(self, entry: Entry, card: ReportCard, printed: str) -> None:
        self._entries[entry.slug] = entry
        try:
            self._entries[entry.slug] = self._ledger.commit(entry, card, printed)
        except DiskFullError:
            kept = self._ledger.entries().get(entry.slug)
            if kept is None:
                del self._entries[entry.slug]
            else:
                self._entries[entry.slug] = kept
            raise

    def _is_mine(self, entry: Entry, given: HandedIn) -> bool:
        return entry.holds_for(self._prints[given.slug], lab_fingerprint(), self._options.exercises)

    def _is_known(self, given: HandedIn) -> bool:
        entry = self._entries.get(given.slug)
        if entry is None or (entry.status == "refused") != (given.folder is None):
            return False
        return self._is_mine(entry, given) and (given.folder is not None or entry.why == given.trouble)

    def _is_to_repeat(self, given: HandedIn) -> bool:
        entry = self._entries.get(given.slug)
        known = entry is not None and self._is_mine(entry, given)
        return known and entry is not None and entry.status in AGAIN and entry.attempts < self._options.attempts

    def write_book(self) -> tuple[Entry, ...]:
        """Write the gradebook of everybody who is known so far, in the order of names."""
        self._book_at = time.monotonic()
        here = {given.student for given in self._mine.values()}
        shown = [e for slug, e in self._entries.items() if slug in self._mine or e.student not in here]
        shown.sort(key=lambda entry: (entry.student.casefold(), entry.slug))
        books: list[tuple[str, Callable[[], str]]] = [
            ("gradebook.csv", lambda: as_csv(shown)),
            ("gradebook.html", lambda: page(shown)),
        ]
        if self._options.columns:
            books.append(("gradebook-columns.csv", lambda: as_csv(shown, self._options.columns)))
        for name, text in books:
            try:
                self._ledger.write(name, text())
            except OSError as error:
                self._audience.warn(f"{name} could not be written: {error.strerror}")
        return tuple(shown)


def _result_of(future: Future[Result]) -> Result:
    """What a grading returned; where it was lost (by a cluster, too often), that."""
    try:
        return future.result()
    except Exception as error:
        return Result(Ended.DIED, why=f"the grading was lost: {type(error).__name__}: {error}"[:400])


def _card_in(result: Result, name: str) -> ReportCard:
    if result.card is not None:
        try:
            return card_of(result.card)
        except (KeyError, TypeError, ValueError):
            pass
    return empty_card(name, result.why or "the grading told nothing", environment() | {"isolation": ""})


def totals(entries: Sequence[Entry]) -> dict[str, int]:
    """How many entries there are of each status."""
    found: dict[str, int] = {}
    for entry in entries:
        found[entry.status] = found.get(entry.status, 0) + 1
    return found
