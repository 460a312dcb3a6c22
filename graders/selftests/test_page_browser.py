"""The page in a real browser, opened from disk: silent, self-contained, reachable by keyboard, legible, harmless."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import pytest

from graders.curriculum import EXERCISES
from graders.measuring.figures import FIGURES
from graders.measuring.trend import trend
from graders.reporting.html.render import render
from graders.reporting.html.trends import trend_views
from graders.selftests.browser import browser, opened
from graders.selftests.page_samples import HOSTILE, card_with
from graders.verdict import ReportCard, State

CONTRAST = Path(__file__).with_name("contrast.js").read_text(encoding="utf-8")
TEXT_CONTRAST = 4.5
SHAPE_CONTRAST = 3.0
MIXED = (State.PASSED, State.PASSED, State.FAILED, State.INCONCLUSIVE, State.NOT_RUN, State.LOCKED)
FOCUS = "document.activeElement.hash || document.activeElement.closest('[id]')?.id || ''"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as found:
        yield found


def written(folder: Path, card: ReportCard) -> Path:
    path = folder / "report.html"
    found = trend_views((figure, trend([0.5, 0.52, 0.51, 0.55, 0.12], "lower")) for figure in FIGURES)
    path.write_text(
        render(card.to_json(), at=datetime(2026, 11, 22, 20, 0, tzinfo=UTC), trends=found), encoding="utf-8"
    )
    return path


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_opens_from_disk_in_silence(chromium: Any, tmp_path: Path, scheme: Literal["light", "dark"]) -> None:
    """No message in the console, and no request but the one for the file itself."""
    path = written(tmp_path, card_with(*MIXED))

    with opened(chromium, path, scheme) as found:
        found.page.click("[data-does=unfold]")

        assert found.said == []
        assert found.asked == [path.as_uri()]
        assert found.page.locator("h1").inner_text() == "app"


def test_every_exercise_is_reached_by_keyboard(chromium: Any, tmp_path: Path) -> None:
    """Tab stops at every exercise on the path and at its heading; Enter unfolds what is folded."""
    with opened(chromium, written(tmp_path, card_with(*MIXED))) as found:
        keyboard, page = found.page.keyboard, found.page
        stops = []
        for _ in range(400):
            keyboard.press("Tab")
            if page.evaluate("document.activeElement === document.body"):
                break
            stops.append(page.evaluate(FOCUS))
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"

        assert {f"#{e.id}" for e in EXERCISES} <= set(stops)
        assert {e.id for e in EXERCISES} <= set(stops)
        assert page.evaluate("document.activeElement === document.body"), "the focus never left the page"

        first = EXERCISES[0].id
        before = page.evaluate(f"document.getElementById('{first}').open")
        page.focus(f"#{first} > summary")
        keyboard.press("Enter")
        assert before != page.evaluate(f"document.getElementById('{first}').open")


def test_a_link_of_the_path_opens_its_exercise(chromium: Any, tmp_path: Path) -> None:
    """Enter on the path unfolds the exercise and moves the focus into it."""
    with opened(chromium, written(tmp_path, card_with(*MIXED))) as found:
        last = EXERCISES[-1].id
        found.page.focus(f"a[href='#{last}']")
        found.page.keyboard.press("Enter")
        found.page.locator(f"#{last}[open]").wait_for()

        assert found.page.evaluate(FOCUS) == last


@pytest.mark.parametrize("width", [320, 1100])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_legible(chromium: Any, tmp_path: Path, scheme: Literal["light", "dark"], width: int) -> None:
    """Every text has a contrast of 4.5 to what lies behind it, every shape that carries meaning one of 3."""
    with opened(chromium, written(tmp_path, card_with(*MIXED)), scheme, width) as found:
        found.page.click("[data-does=unfold]")
        found.page.evaluate("document.querySelectorAll('details').forEach((fold) => { fold.open = true; })")
        measured = found.page.evaluate(CONTRAST)

        texts = [m for m in measured if m["kind"] == "text"]
        shapes = [m for m in measured if m["kind"] == "shape"]
        assert len(texts) > 200
        assert len(shapes) > 100
        assert [m for m in texts if m["ratio"] < TEXT_CONTRAST] == []
        assert [m for m in shapes if m["ratio"] < SHAPE_CONTRAST] == []
        assert found.page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_scheme_can_be_chosen(chromium: Any, tmp_path: Path) -> None:
    """A button turns the page dark, whatever the system prefers."""
    with opened(chromium, written(tmp_path, card_with(State.PASSED))) as found:
        light = found.page.evaluate("getComputedStyle(document.body).backgroundColor")
        found.page.click("[data-does=theme]")

        assert light != found.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert found.page.inner_text("[data-does=theme]") == "Light"


def test_a_hostile_learner_executes_nothing(chromium: Any, tmp_path: Path) -> None:
    """Markup and scripts in names, messages and evidence are shown as the text that they are."""
    with opened(chromium, written(tmp_path, card_with(State.FAILED, text=HOSTILE, name=HOSTILE))) as found:
        found.page.click("[data-does=unfold]")

        assert found.said == []
        assert len(found.asked) == 1
        assert found.page.inner_text("h1") == HOSTILE
        assert found.page.title().startswith(HOSTILE)
        assert found.page.evaluate("document.querySelectorAll('img, iframe, object, embed').length") == 0
        assert found.page.evaluate("document.scripts.length") == 1


def test_the_policy_lets_no_other_script_in(chromium: Any, tmp_path: Path) -> None:
    """Even markup that got into the page would not run: the policy names the page's own script alone."""
    path = written(tmp_path, card_with(State.PASSED))
    spoilt = path.read_text(encoding="utf-8").replace("</main>", "<script>document.title='gotcha'</script></main>")
    path.write_text(spoilt, encoding="utf-8")

    with opened(chromium, path) as found:
        assert found.page.title() != "gotcha"
        assert "Content Security Policy" in "".join(found.said)


def test_it_speaks_to_a_screen_reader(chromium: Any, tmp_path: Path) -> None:
    """Landmarks, headings in order, a state in words for every check, and a name for every picture."""
    with opened(chromium, written(tmp_path, card_with(*MIXED))) as found:
        page = found.page
        page.click("[data-does=unfold]")

        assert page.locator("main").count() == page.locator("h1").count() == 1
        assert page.get_by_role("navigation", name="The path of exercises").count() == 1
        levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3')].map((h) => +h.tagName[1])")
        assert levels[0] == 1
        assert all(after - before <= 1 for before, after in pairwise(levels))
        assert page.evaluate(
            "[...document.querySelectorAll('svg[role=img]')].every((s) => s.getAttribute('aria-label'))"
        )
        assert page.evaluate(
            "[...document.querySelectorAll('svg:not([role=img])')].every((s) => s.closest('[aria-hidden], [role=img]'))"
        )
        states = page.evaluate("[...document.querySelectorAll('.promise .sr')].map((s) => s.textContent)")
        assert {"passed: ", "failed: ", "unclear: ", "not judged here: "} <= set(states)


def test_it_works_without_scripts(chromium: Any, tmp_path: Path) -> None:
    """Where scripts are off, exercises still unfold, and no button stands there that does nothing."""
    with opened(chromium, written(tmp_path, card_with(*MIXED)), java_script_enabled=False) as found:
        found.page.click(f"#{EXERCISES[1].id} > summary")

        assert found.page.locator("button:visible").count() == 0
        assert found.page.locator(f"#{EXERCISES[1].id} .check").first.is_visible()
