"""Facts about the pictures on the page: each kind is drawn, says in words what it shows, and lists its numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import pytest

from graders.measuring.timeline import Answer, Timeline
from graders.reporting.html.latencies import draw_latencies
from graders.reporting.html.load_steps import draw_load_steps
from graders.reporting.html.picture import Drawn
from graders.reporting.html.pictures import KINDS, pictures_in
from graders.reporting.html.svg import Axis, share, tag
from graders.reporting.html.tuning import draw_shedding
from graders.reporting.html.waterfall import what_it_shows
from graders.selftests.page_samples import (
    BLOCK,
    LATENCIES,
    LAYERS,
    LOAD_STEPS,
    PICTURES,
    SHEDDING,
    STAIRCASE,
    UNANSWERED,
    WAVES,
)


def drawn(data: Mapping[str, Any], **evidence: Any) -> Drawn:
    (picture,) = pictures_in({"timeline": data, **evidence})
    return picture


@pytest.mark.parametrize("data", PICTURES.values(), ids=PICTURES)
def test_every_kind_is_drawn_as_well_formed_markup(data: Mapping[str, Any]) -> None:
    """Drawing and thumbnail are XML, there is a sentence, and no style attribute, which the policy forbids."""
    picture = drawn(data, floor_s=0.2)

    for markup in (picture.svg, picture.mini):
        ElementTree.fromstring(str(markup))
        assert "style=" not in markup
        assert not re.search(r"\b(nan|inf)\b", re.sub(r">[^<]*<", "><", markup), re.IGNORECASE)
    assert picture.says.endswith(".")


def test_the_samples_show_every_kind() -> None:
    """No kind goes untested."""
    assert {str(data.get("kind", "timeline")) for data in PICTURES.values()} == set(KINDS)


def test_a_picture_is_one_image_with_a_name() -> None:
    """To a screen reader a plot is an image whose name says what it shows; a thumbnail is nothing."""
    picture = drawn(STAIRCASE.to_json())

    assert 'role="img"' in picture.svg
    assert f'aria-label="{picture.says}"' in picture.svg
    assert 'aria-hidden="true"' in picture.mini


@pytest.mark.parametrize(
    ("timeline", "says"),
    [
        (BLOCK, "5 × POST /predict: a block, answered together after 0.10 to 0.11 s."),
        (STAIRCASE, "5 × POST /predict: a staircase, one answer at a time from 0.10 to 0.50 s."),
        (WAVES, "81 × POST /predict: 3 waves, 40 after 0.10 s, 40 after 0.20 s, 1 after 0.30 s."),
        (UNANSWERED, "2 × POST /predict: one answered after 0.11 s. 1 had no answer within 1.2 s."),
        (replace(UNANSWERED, answers=UNANSWERED.answers[1:]), "1 × POST /predict: no answer within 1.2 s."),
        (replace(UNANSWERED, answers=UNANSWERED.answers[:1]), "POST /predict: answered after 0.110 s."),
    ],
)
def test_a_waterfall_says_which_shape_it_has(timeline: Timeline, says: str) -> None:
    """A block, a staircase, waves, silence."""
    assert says == what_it_shows(timeline)


def test_a_waterfall_shows_the_floor_and_the_line_that_held_the_loop() -> None:
    """Where the evidence has them."""
    picture = drawn(STAIRCASE.to_json(), floor_s=0.2)

    assert "floor 0.2 s" in picture.svg
    assert picture.notes == ("app/main.py, line 27, in predict: time.sleep(0.1)",)
    assert [kind for kind, _ in picture.legend] == ["work", "wait", "held", "floor", "clock"]


def test_a_request_that_was_refused_looks_it() -> None:
    """Status 400 and above is drawn in another class and named in the legend."""
    answers = (Answer(0, "POST /predict", 0.0, None, 0.1, 200), Answer(1, "POST /predict", 0.0, None, 0.1, 500))

    picture = drawn(Timeline(answers).to_json())

    assert 'class="bad"' in picture.svg
    assert "bad" in dict(picture.legend)
    assert "0.10 s · 500" in picture.svg


def test_a_large_crowd_is_thinned_but_keeps_its_ends() -> None:
    """At most 160 rows are drawn of 2,000 requests; the sentence speaks of all of them."""
    answers = tuple(Answer(i, "POST /predict", 0.0, None, 0.1 + i / 1000, 200) for i in range(2_000))

    picture = drawn(Timeline(answers).to_json())

    assert picture.svg.count('class="work"') == 160
    assert picture.says.startswith("2000 × POST /predict")


def test_a_figure_outside_of_its_sandwich_is_named() -> None:
    """The reported p99 of the sample cannot be right, and the picture says between what it lies."""
    picture = draw_latencies(LATENCIES, {})

    assert "p99 was reported as 140.2 ms; it lies from 39 to 121 ms." in picture.says
    assert 'class="bad"' in picture.svg
    assert picture.table.rows[0] == ("p50", "9.1", "8.9", "9.4")


def test_a_load_test_names_both_breaking_points() -> None:
    """What the report says, what the service says, where the first miss is."""
    picture = draw_load_steps(LOAD_STEPS, {})

    assert "your report says 40 users, the service&#39;s own record says 30 users" in str(tag("p", picture.says))
    assert "The first miss is at 60 users (p95)." in picture.says
    assert "▲ your report" in picture.svg
    assert picture.svg.count('class="bad"') == 4


def test_shedding_counts_who_was_accepted() -> None:
    """Accepted, turned away, and the routes that are never shed."""
    picture = draw_shedding(SHEDDING, {})

    assert picture.says.startswith(
        "20 predictions at a limit of 4: 4 accepted (done after 0.10 to 0.11 s), 16 turned away"
    )
    assert [kind for kind, _ in picture.legend] == ["work", "shed", "other"]


def test_layers_show_the_limit_and_what_a_build_made() -> None:
    """Sizes in MB, the whole image against its limit."""
    picture = drawn(LAYERS)

    assert (
        picture.says
        == "3 layers, 185 MB in all of 350 MB allowed. This build made 1 of them, 0.0 MB; the others were there before."
    )
    assert [kind for kind, _ in picture.legend] == ["work", "shed", "limit"]


@pytest.mark.parametrize(
    ("most", "span", "step"), [(0.5, 0.5, 0.1), (0.53, 0.6, 0.1), (8.1, 10, 2), (250, 250, 50), (1e-9, 1e-9, 2e-10)]
)
def test_an_axis_has_few_round_steps(most: float, span: float, step: float) -> None:
    """Steps of 1, 2 or 5 times a power of ten, at most six of them, the last at or above the largest value."""
    axis = Axis.covering(most)

    assert axis.step == pytest.approx(step)
    assert axis.span == pytest.approx(span)
    assert len(axis.marks) <= 7


def test_places_are_shares_of_the_width() -> None:
    """Percentages without needless digits; nothing of nothing is nothing."""
    assert (share(1, 3), share(1, 2), share(1, 0)) == ("33.333%", "50%", "0%")


def test_an_element_escapes_its_text_and_its_attributes() -> None:
    """Only markup stays markup."""
    assert tag("text", "<b>", class_='"') == '<text class="&#34;">&lt;b&gt;</text>'
    assert tag("g", tag("rect", rx=None)) == "<g><rect/></g>"
