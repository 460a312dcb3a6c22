"""What exact time can say at once about exercise 4: one burst for each promise of a limit, on a fresh start each."""

from __future__ import annotations

import asyncio

from graders.curriculum import PREDICT_S
from graders.exact.result import InstantVerdict, Unjudged
from graders.exact.scenario import Upstream
from graders.expect import Expect
from graders.measuring.attempts import Sight
from graders.measuring.wire import Request
from graders.running.launcher import Launcher
from graders.running.program import Program
from graders.running.programs import SETTINGS
from graders.running.tuning import faults, store_crowd
from graders.running.tuning.batches import growing, shares_calls
from graders.running.tuning.in_exact_time import ENTITY, InExactTime, is_under
from graders.running.tuning.limits import BURST, sight_of
from graders.running.tuning.payloads import Payloads
from graders.submission import Submission

FLOOR_OF_POOL_S = 3 * PREDICT_S
POOLS = (("one", 81, True), ("narrow", 21, False))
"""A program's settings, how many at once, and whether its threads are enough to stay under three rounds."""

TIMEOUTS = ("narrow", "two")
MOST_CALLS = 4


async def of_programs(launcher: Launcher, submission: Submission) -> list[InstantVerdict]:
    """A verdict for each check that virtual time can judge by one burst."""
    hand = _Hand(launcher, submission)
    return list(await asyncio.gather(hand.thread_pool(), hand.shedding(), hand.timeouts(), hand.batching()))


class _Hand:
    """Starts the submission in virtual time, with the settings of `programs`."""

    def __init__(self, launcher: Launcher, submission: Submission) -> None:
        self._judge = InExactTime(launcher, submission, Expect())
        self._programs = {name: Program(launcher, submission, settings) for name, settings in SETTINGS.items()}
        self._payloads = Payloads()

    async def thread_pool(self) -> InstantVerdict:
        """81 at once with 90 threads take less than three rounds, 21 with 10 do not."""
        name, walls_s = "thread_pool_size", []
        for settings, count, is_wide in POOLS:
            program = self._programs[settings]
            seen = await self._judge.threaded(program, self._payloads.predictions(count, "/predict/sync"))
            if isinstance(seen, Unjudged):
                return InstantVerdict(name, "unclear", why=seen.why)
            walls_s.append(seen.timeline.wall_s)
            if is_under(walls_s[-1], FLOOR_OF_POOL_S) is not is_wide:
                size = program.settings["THREAD_POOL_SIZE"]
                why = f"THREAD_POOL_SIZE={size}, {count} at once: {seen.timeline.arrival}"
                return InstantVerdict(name, "missed", f"{walls_s[-1]:.2f} s", why)
        return InstantVerdict(name, "met", f"{walls_s[0]:.2f} s")

    async def shedding(self) -> InstantVerdict:
        """Of twenty at once, four are accepted and the others told so before those are done."""
        requests = [self._payloads.predict("/predict") for _ in range(BURST)]
        shed = await self._judge.limited(self._programs["limited"], requests, {"/predict": PREDICT_S})
        if isinstance(shed, Unjudged):
            return InstantVerdict("sheds_load", "unclear", why=shed.why)
        figure = f"{len(shed.accepted)} + {len(shed.shed)}"
        if sight_of(shed) is Sight.SHOWN:
            return InstantVerdict("sheds_load", "met", figure)
        why = (
            f"MAX_CONCURRENCY=4, {BURST} at once: {len(shed.accepted)} accepted, {len(shed.shed)} answered 503 "
            "(wanted: 4, and 503 for the others before the first of those is done)"
        )
        if strange := next(iter(shed.strange), None):
            why = f"{strange.label} was answered {strange.status or 'not at all'}"
        return InstantVerdict("sheds_load", "missed", figure, why)

    async def timeouts(self) -> InstantVerdict:
        """A store that is faster than the timeout gives 200, one that is slower 504."""
        name, right = "upstream_faults", 0
        request = Request("POST", store_crowd.PATH, {"entity_id": ENTITY})
        for program in (self._programs[settings] for settings in TIMEOUTS):
            timeout = program.settings["FEATURE_STORE_TIMEOUT"]
            for fault in faults.around(float(timeout)):
                seen = await self._judge.burst(program, [request], Upstream(replies={ENTITY: fault.reply}))
                if isinstance(seen, Unjudged):
                    return InstantVerdict(name, "unclear", why=seen.why)
                status = seen.timeline.answers[0].status
                if status != fault.status:
                    why = f"FEATURE_STORE_TIMEOUT={timeout}, and the store {fault.words}: {status or 'no answer'}"
                    return InstantVerdict(name, "missed", why=f"{why} (wanted: {fault.status})")
                right += 1
        return InstantVerdict(name, "met", f"{right} of {right}")

    async def batching(self) -> InstantVerdict:
        """64 at once share a few calls of the model."""
        seen = await self._judge.crowd(self._programs["narrow"], growing(64))
        if isinstance(seen, Unjudged):
            return InstantVerdict("micro_batching", "unclear", why=seen.why)
        figure = f"{len(seen.calls)} calls"
        if shares_calls(seen, MOST_CALLS) is Sight.SHOWN:
            return InstantVerdict("micro_batching", "met", figure)
        why = f"64 at once: {len(seen.calls)} calls of app.model.infer_batch (wanted: at most {MOST_CALLS})"
        return InstantVerdict("micro_batching", "missed", figure, why)
