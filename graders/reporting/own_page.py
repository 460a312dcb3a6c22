"""The learner's own page, `.lab/report.html`: the card of the latest run, and what all runs here measured."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from graders.files import write_atomically
from graders.reporting.history import History, Run, of_submission, trends

if TYPE_CHECKING:
    from graders.verdict import Check, Outcome, ReportCard


def keep_run(folder: Path, card: ReportCard, outcomes: Mapping[Check, Outcome], root: Path) -> None:
    """Add the run to the history and write the page; `OSError` where it cannot be written."""
    from graders.reporting.html.render import render
    from graders.reporting.html.trends import trend_views

    history, run = History(folder), Run.of(card, outcomes, root)
    history.add(run)
    found = trends(of_submission(history.read(), root), run.machine)
    page = render(card.to_json(), at=datetime.now().astimezone(), trends=trend_views(found))
    write_atomically(folder / "report.html", page)
