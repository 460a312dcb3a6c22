"""The page as text: one file, nothing loaded from anywhere, everything escaped, and a policy that lets no script in."""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import BaseLoader, Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from graders.reporting.html.svg import share
from graders.reporting.html.view import Page, view

PARTS = Path(__file__).with_name("parts")


def render(
    report: Mapping[str, Any],
    *,
    at: datetime | None = None,
    trends: Mapping[str, Sequence[Any]] | None = None,
    live: bool = False,
) -> str:
    """The page of a `json` report.

    Args:
        report: version 1 of the `json` report (contract).
        at: when it was graded.
        trends: per check ("exercise1.five_parallel") the learner's own figures over time.
        live: with the script that asks the server of `lab watch --page` for news.
    """
    page = view(report)
    css, js, live_js = _part("page.css"), _part("page.js"), _part("live.js")
    found = trends or {}
    return _template().render(
        page=page,
        policy=_policy(css, [js, live_js] if live else [js], live),
        css=css,
        js=js,
        live_js=live_js,
        live=live,
        at=at.isoformat(timespec="seconds") if at else "",
        at_text=f"{at:%d %B %Y, %H:%M}".lstrip("0") if at else "",
        unfolded=_unfolded(page),
        trends=found,
        journey=[trend for of in found.values() for trend in of],
    )


def _unfolded(page: Page) -> set[str]:
    """The exercises whose checks are shown at once: the one to work on, and the last one that was graded."""
    graded = [step.id for step in page.steps if any(c.state not in ("elsewhere", "locked") for c in step.checks)]
    return {*graded[-1:], *([page.current.id] if page.current else [])}


def _policy(css: str, scripts: Sequence[str], live: bool) -> str:
    allowed = " ".join(_hash(script) for script in scripts)
    news = "connect-src 'self'; " if live else ""
    return (
        f"default-src 'none'; {news}style-src {_hash(css)}; script-src {allowed}; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@functools.cache
def _part(name: str) -> Markup:
    """A file of the lab's own, not escaped."""
    return Markup((PARTS / name).read_text(encoding="utf-8"))


@functools.cache
def _template() -> Template:
    loader: BaseLoader = FileSystemLoader(PARTS)
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals["filled"] = lambda part, whole: share(min(part, whole), whole)
    return environment.get_template("page.html")
