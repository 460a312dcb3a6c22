"""Requirements that several checks of exercise 4 share, told to the learner."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from graders.expect import Expect, Inconclusive, Unmet
from graders.measuring.attempts import Decided, Seen
from graders.measuring.shedding import Shed
from graders.measuring.timeline import Answer
from graders.running.tuning.limits import LIMIT, wrongly_refused
from graders.running.tuning.payloads import strangeness

if TYPE_CHECKING:
    from graders.running.program import Program
    from graders.running.tuning.answering import Answering


def seconds(value: float | None) -> str:
    """A time to be read."""
    return "no answer" if value is None or math.isinf(value) else f"{value:.2f} s"


def processes(count: int) -> str:
    """A number of processes to be read."""
    return "no process" if count == 0 else "one process" if count == 1 else f"{count} processes"


def conclusive(decided: Decided[Seen]) -> Decided[Seen]:
    """What was decided; raises `Inconclusive` where the machine was never quiet enough to tell."""
    if decided.is_busy:
        raise Inconclusive(decided.busy_text)
    return decided


def answered(program: Program, seen: Answering) -> None:
    """Every request that was sent to find out who answers was answered itself."""
    if (wrong := next((a for a in seen.answers if a.status not in (200, None)), None)) is not None:
        raise program.wrong(wrong)
    if seen.unanswered:
        raise Unmet(
            f"{program.did}, then sent {len(seen.answers)} GET /health on fresh connections",
            f"{seen.unanswered} of them got no answer",
            "200 for each",
            "what happens to a connection that one of the processes has taken?",
        )


def prediction(expect: Expect, answer: Answer) -> None:
    """The answer is a `PredictResponse`."""
    strange = strangeness(answer)
    expect(
        not strange,
        did=f"sent {answer.label}",
        saw=f"200, but {strange}",
        wanted="a PredictResponse: prediction, a finite number, and model_version, a text",
        look_at=f"the handler of {answer.label}: which model does it return?",
    )


def limit(expect: Expect, program: Program, decided: Decided[Shed], did: str) -> None:
    """The burst shows the limit; `did` says which burst it was."""
    shed = decided.seen
    expect.show(picture=shed.picture)
    refused = wrongly_refused(shed)
    expect(
        refused is None,
        did=did + ", with GET /health and GET /metrics behind them",
        saw=f"{refused.label} was answered {refused.status or 'not at all'}" if refused else "",
        wanted="200: who watches the service must get through, above all when it is full",
        look_at="where predictions are turned away: which paths does it look at?",
    )
    if strange := next(iter(shed.strange), None):
        raise program.wrong(strange, wanted=f"200 for {LIMIT} of them, 503 for the others", did=did)
    _at_most(expect, shed, did)
    bare = next((a for a in shed.shed if not a.headers.get("retry-after", "").strip()), None)
    expect(
        bare is None,
        did=did,
        saw="503 without the header Retry-After",
        wanted="503 with Retry-After, so that clients know when to come again",
        look_at="where the 503 is made: which headers does it get?",
    )
    conclusive(decided)
    expect(
        len(shed.accepted) >= LIMIT,
        did=did,
        saw=f"only {len(shed.accepted)} were accepted, {len(shed.shed)} got 503",
        wanted=f"{LIMIT} accepted: MAX_CONCURRENCY={LIMIT}",
        look_at="the comparison with the limit: is it off by one, or is a place already taken by something else?",
    )
    expect(
        decided.is_shown,
        did=did,
        saw=f"{len(shed.accepted)} were accepted; {_turned_away(shed)}, "
        f"the first accepted one was done after {seconds(shed.first_accepted_s)}",
        wanted=f"{LIMIT} accepted, and everybody else told 503 before the first of those is done",
        look_at="does a prediction that finds no place wait for one, instead of being turned away?",
    )


def _turned_away(shed: Shed) -> str:
    return f"the last 503 came after {seconds(shed.last_shed_s)}" if shed.shed else "nobody was turned away"


def _at_most(expect: Expect, shed: Shed, did: str) -> None:
    if excess := shed.excess:
        expect(
            False,
            did=did,
            saw=f"{excess.count} were accepted and done within {excess.window_s:.2f} s; {len(shed.shed)} got 503",
            wanted=f"at most {excess.most} in that time: {LIMIT} at once, of at least {excess.takes_s:g} s each",
            look_at="what counts the predictions in flight, and does every /predict path pass it?",
        )
