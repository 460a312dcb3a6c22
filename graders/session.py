"""A graded run as a whole: the processes it starts, the verdicts as they come, the card it prints. Knows no pytest."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from graders.curriculum import EXERCISES, LAB, exercise
from graders.expect import Picture
from graders.grading import Grading, state_folder
from graders.running.aside import aside
from graders.running.confine import Confinement
from graders.running.launcher import Launcher
from graders.running.packages import Packages
from graders.running.service import Service
from graders.running.taping import Taping
from graders.submission import Submission
from graders.unlocking import Memory
from graders.verdict import Check, Outcome, ReportCard, State

if TYPE_CHECKING:
    from rich.text import Text

    from graders.reporting.terminal import Card

PAGE = "report.html"


class Session:
    """Starts the service before anything else happens, then keeps the record and prints it."""

    def __init__(
        self,
        submission: Submission,
        reports: Mapping[Path, str],
        write: Callable[[str], object],
        new_card: Callable[[], Card],
    ) -> None:
        self.launcher = Launcher()
        self.service = Service(self.launcher, submission)
        self.service.start()
        self.packages = Packages(self.launcher, state_folder(LAB))
        self.packages.start()
        self.grading = Grading(submission, Memory(state_folder(LAB)))
        self._taping = Taping(state_folder(LAB))
        self._reports = reports
        self._write = write
        self._new_card = new_card
        self._card: Card | None = None
        self._entered: set[str] = set()
        self._told: set[str] = set()
        self._is_for_bonus = False

    @property
    def card(self) -> Card:
        """The renderer, made when the first line is due: its libraries load while the service starts."""
        if self._card is None:
            self._card = self._new_card()
        return self._card

    def say(self, *lines: Text | str) -> None:
        """Print lines of the card."""
        self._write(self.card.text(lines))

    def write_reports(self) -> None:
        """Bring every requested report up to date."""
        if self._reports:
            from graders.reporting.reports import write_reports

            for trouble in write_reports(self.grading.card(), self._reports):
                if trouble not in self._told:  # reports are written after every check
                    self._told.add(trouble)
                    self.say(trouble)

    def begin(self, selected: Iterable[Check]) -> list[Check]:
        """Plan the run, print its head, write reports in which nothing is graded yet."""
        asked = list(selected)
        self._is_for_bonus = all(check.bonus for check in asked)
        plan = self.grading.plan(asked)
        self.write_reports()
        if plan:
            submission = self.grading.submission
            self.say(
                self.card.heading("app/ in this repository" if submission.is_the_labs_own else str(submission.root))
            )
            first = exercise(plan[0].exercise).number
            for of in EXERCISES:
                if of.number < first and self.grading.is_trusted(of):
                    self.say(self.card.passed_line(of))
        return plan

    def record(self, check: Check, outcome: Outcome) -> None:
        """Keep a verdict, print its line, bring the reports up to date."""
        self.grading.record(check, outcome)
        self._taping.cut(check, outcome)
        self.write_reports()
        if check.exercise not in self._entered:
            self._entered.add(check.exercise)
            if outcome.state is State.LOCKED:
                self.say("", self.card.locked_line(exercise(check.exercise), outcome.message))
            else:
                self.say("", self.card.exercise_line(exercise(check.exercise)))
        if outcome.state is not State.LOCKED:
            self.say(self.card.check_line(check, outcome), *self.card.beside(outcome))

    def told(self, check: Check, outcome: Outcome) -> str:
        """What a failed check has to say, with its picture, as plain text for other tools."""
        lines = self.card.details(check, outcome, picture_in(outcome))
        return self.card.text(lines).strip()

    def finish(self) -> None:
        """Remember the verdicts, write the final reports, print what failed and what is next."""
        if not self.grading.graded:
            return
        self.launcher.begin_close()
        self.grading.remember()
        self.write_reports()
        card = self.grading.card()
        for check, outcome, same_as in self._worth_telling():
            if same_as is None:
                self.say(*self.card.details(check, outcome, picture_in(outcome)))
            else:
                self.say(*self.card.same_reason(check, outcome, same_as))
        for result in (card.exercise(exercise_id) for exercise_id in self.grading.graded):
            for reason, checks in result.unjudged.items():
                self.say(*self.card.unjudged(reason, checks))
        self.say(*self.card.summary(card, self.grading.graded, self.grading.left_open))
        self._keep_page(card)

    def _keep_page(self, card: ReportCard) -> None:
        """Have the learner's own page written beside the end of the run, which does not wait for it.

        Somebody else's work leaves no trace here: whoever grades it writes the reports.
        """
        if Confinement.from_environment(os.environ).kind != "open":
            return
        folder, outcomes, root = state_folder(LAB), self.grading.outcomes, self.grading.submission.root

        def keep() -> None:
            from graders.reporting.own_page import keep_run

            keep_run(folder, card, outcomes, root)

        path = folder / PAGE
        self.say(f"  page  {path.relative_to(LAB) if path.is_relative_to(LAB) else path}")
        aside(keep)

    def _worth_telling(self) -> list[tuple[Check, Outcome, Check | None]]:
        """The failures to explain, each cause in full once; only the first where nothing works yet."""
        first_with: dict[str, Check] = {}
        found: list[tuple[Check, Outcome, Check | None]] = []
        for check, outcome in self.grading.outcomes.items():
            if outcome.state in (State.FAILED, State.INCONCLUSIVE):
                first = first_with.setdefault(outcome.cause or f"{check.exercise}.{check.id}", check)
                found.append((check, outcome, None if first == check else first))
        if found and self._is_untouched(found[0][0].exercise):
            return found[:1]
        return found

    def _is_untouched(self, exercise_id: str) -> bool:
        states = [o.state for c, o in self.grading.outcomes.items() if c.exercise == exercise_id and c.points]
        return State.PASSED not in states

    @property
    def succeeded(self) -> bool:
        """Whether something was graded and all of it that could be judged here passed.

        A bonus check counts only where nothing else was asked for.
        """
        outcomes = self.grading.outcomes
        states = {outcome.state for check, outcome in outcomes.items() if not check.bonus or self._is_for_bonus}
        return State.PASSED in states and states <= {State.PASSED, State.NOT_RUN}

    def close(self) -> None:
        """Leave nothing running."""
        self.launcher.close()


def picture_in(outcome: Outcome) -> Picture | None:
    """The picture that an outcome carries."""
    data = outcome.evidence.get("timeline")
    if not data:
        return None
    from graders.reporting.pictures import picture_from  # all kinds of pictures: what failed may wait for them

    return picture_from(data)
