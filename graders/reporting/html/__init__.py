"""The report card as one self-contained web page; its libraries are loaded when a page is asked for."""

from __future__ import annotations

from graders.verdict import ReportCard


def html(card: ReportCard) -> str:
    """The page of a card."""
    from graders.reporting.html.render import render

    return render(card.to_json())
