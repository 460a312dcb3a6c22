"""Exercise 4: workers, threads, limits, connections: what a service does when more comes than it can take.

`programs` are starts of `python -m app` with different settings (graders/running/programs.py); `tuning` is what the
lab does to them and sees (graders/running/tuning/).
"""

import asyncio

import pytest

from graders.curriculum import PREDICT_S, check
from graders.grading import usable_cores

FLOOR_OF_POOL_S = 3 * PREDICT_S  # 81 predictions through 40 threads, or 21 through 10: three rounds
RESOLUTION_S = 3 * 0.001  # each of the three rounds may end 1 ms early
DEFAULT_THREADS = 40

NEEDS = {
    "workers": ("two", "unset", "one"),
    "cpu_bound_keeps_loop_free": ("one",),
    "thread_pool_size": ("one", "narrow"),
    "sheds_load": ("limited", "one"),
    "recovers": ("limited",),
    "reuses_connections": ("one", "narrow"),
    "upstream_faults": ("one", "unset", "narrow", "two"),
    "micro_batching": ("narrow", "one", "two"),
    "metrics_across_workers": ("two",),
}
"""Check to the programs that it asks: only what a run needs is started."""


@pytest.fixture(scope="module")
def tuning():
    """The lab's hands and eyes for this exercise; imported here, so that the other exercises need not wait for it."""
    from graders.running import tuning

    return tuning


@pytest.fixture(scope="module")
async def programs(request, lab, submission, tuning):
    """`python -m app` of the submission, started once for each of a few settings."""
    checks = {item.originalname.removeprefix("test_") for item in request.session.items if item.path == request.path}
    programs = tuning.Programs(lab.launcher, submission, {name for check_id in checks for name in NEEDS[check_id]})
    yield programs
    await programs.end()


@pytest.fixture(scope="module")
def payloads(tuning):
    """Makes bodies that were never sent before."""
    return tuning.Payloads()


@pytest.fixture
def exact(tuning, lab, submission, expect):
    """The judge in virtual time, asked where the live clock could not tell, and to explain a failure."""
    return tuning.InExactTime(lab.launcher, submission, expect)


# --- workers ---------------------------------------------------------------------------------------------------------


@check(points=3)
async def test_workers(programs, payloads, tuning, expect):
    """WEB_CONCURRENCY says how many processes answer, and each of them works; unset, there is one for each core."""
    cores = usable_cores()
    started = await programs("two", "one", "unset")
    wanted = (
        (2, "WEB_CONCURRENCY=2"),
        (1, "WEB_CONCURRENCY=1"),
        (cores, f"WEB_CONCURRENCY is not set, and {cores} cores can be used"),
    )

    found = await asyncio.gather(*(tuning.answering(p, count) for p, (count, _) in zip(started, wanted, strict=True)))

    for program, (count, why), seen in zip(started, wanted, found, strict=True):
        tuning.require.answered(program, seen)
        more = "at least " if len(seen.pids) > count else ""
        expect(
            len(seen.pids) == count,
            did=f"{program.did}, then opened connections and looked which process took each",
            saw=f"{more}{tuning.require.processes(len(seen.pids))} answered",
            wanted=f"{tuning.require.processes(count)}: {why}",
            look_at="app/__main__.py: how many workers does it ask for, and where does that number come from?",
        )

    two = started[0]
    burned = await tuning.burn(two, payloads, wanted=2)

    figures = " + ".join(f"{burned.cpu_s[pid]:.1f}" for pid in burned.burners)
    expect.show(f"{figures or 0} s", burned.picture)
    did = f"{two.did}, then sent {len(burned.answers)} POST /predict/cpu on fresh connections"
    expect(
        sum(burned.calls.values()) >= len(burned.answers),
        did=did,
        saw=f"{sum(burned.calls.values())} calls of app.model.infer in MODEL_LOG",
        wanted="one call for each prediction",
        look_at="the handler of /predict/cpu: who does the computing?",
    )
    expect(
        len(burned.burners) >= 2,
        did=did,
        saw=f"{tuning.require.processes(len(burned.burners))} did all the computing"
        if burned.burners
        else "no process that called app.model.infer used the time that it takes",
        wanted="two processes that compute, each with processor time of its own",
        look_at="the handler of /predict/cpu: which process computes, and has every worker one?",
    )


# --- the event loop and its threads ----------------------------------------------------------------------------------


@check(points=3)
async def test_cpu_bound_keeps_loop_free(programs, payloads, tuning, expect):
    """While POST /predict/cpu computes, GET /health is answered before it."""
    (program,) = await programs("one")
    tuning.require.prediction(expect, await program.ask_200("POST", "/predict/cpu", payloads.fresh()))

    decided = await tuning.decide(
        lambda: tuning.overtake(program, payloads), lambda seen: seen.sight, lambda seen: seen.was_quiet, least_quiet=6
    )

    seen = decided.seen
    expect.show(f"{1000 * seen.health.latency_s:.0f} ms", seen.timeline)
    expect(
        seen.calls > 0,
        did="sent POST /predict/cpu",
        saw="200, but no call of app.model.infer in MODEL_LOG",
        wanted="the prediction comes from app.model.infer",
        look_at="the handler of /predict/cpu: what does it call?",
    )
    tuning.require.conclusive(decided)
    expect(
        decided.is_shown,
        did=f"sent POST /predict/cpu, and GET /health when app.model.infer had begun, {decided.looks} times",
        saw=f"/health was never answered first; here it took {tuning.require.seconds(seen.health.latency_s)}, "
        f"and {tuning.require.seconds(seen.alone_s)} when nothing else was in flight",
        wanted="/health first: it has nothing to compute",
        look_at="the handler of /predict/cpu: which thread, or which process, runs app.model.infer?",
    )


@check(points=3)
async def test_thread_pool_size(programs, payloads, tuning, exact, expect):
    """THREAD_POOL_SIZE is the number of threads behind plain `def` handlers, up and down."""
    look_at = "where is the pool's limiter set: at import, or in the lifespan, when the event loop runs?"
    wide, narrow = await programs("one", "narrow")
    for program in (wide, narrow):
        tuning.require.prediction(expect, await program.ask_200("POST", "/predict/sync", payloads.fresh()))

    def sight_under_the_floor(seen, under, not_under):
        return under if tuning.is_under(seen.timeline.wall_s, FLOOR_OF_POOL_S) else not_under

    def shows_more_than_the_default(seen):
        if seen.timeline.wall_s < FLOOR_OF_POOL_S or seen.new_threads > DEFAULT_THREADS:
            return tuning.Sight.SHOWN
        return tuning.Sight.REFUTED if seen.were_waiting else tuning.Sight.UNCLEAR

    many = await tuning.decide(
        lambda: tuning.threaded_burst(wide, payloads, 81),
        shows_more_than_the_default,
        lambda _: programs.machine.answers_within(0.75 * FLOOR_OF_POOL_S, payloads.predictions(81)),
    )
    many = await exact.decided(
        many,
        lambda: exact.threaded(wide, payloads.predictions(81, "/predict/sync")),
        lambda seen: sight_under_the_floor(seen, tuning.Sight.SHOWN, tuning.Sight.REFUTED),
    )
    expect.show(tuning.require.seconds(many.seen.timeline.wall_s), many.seen.timeline)
    tuning.require.conclusive(many)
    expect(
        many.is_shown,
        did=f"{wide.did}, then sent 81 POST /predict/sync at the same moment{exact.said}",
        saw=many.seen.timeline.arrival,
        wanted=f"the last one before {FLOOR_OF_POOL_S:.1f} s, which is the least that 40 threads need for 81",
        look_at=look_at,
    )

    def shows_ten(seen):
        if seen.timeline.wall_s < FLOOR_OF_POOL_S - RESOLUTION_S:
            return tuning.Sight.REFUTED
        return tuning.Sight.SHOWN if seen.were_waiting and seen.new_threads <= 10 else tuning.Sight.UNCLEAR

    few = await tuning.decide(
        lambda: tuning.threaded_burst(narrow, payloads, 21),
        shows_ten,
        lambda _: programs.machine.answers_within(0.75 * FLOOR_OF_POOL_S, payloads.predictions(21)),
    )
    few = await exact.decided(
        few,
        lambda: exact.threaded(narrow, payloads.predictions(21, "/predict/sync")),
        lambda seen: sight_under_the_floor(seen, tuning.Sight.REFUTED, tuning.Sight.SHOWN),
        passes=(tuning.Finding.SHOWN, tuning.Finding.MISSED),
    )
    tuning.require.conclusive(few)
    expect(
        few.is_shown or few.was_missed,  # missed: a quiet machine was never earlier than ten threads can be
        did=f"{narrow.did}, then sent 21 POST /predict/sync at the same moment{exact.said}",
        saw=few.seen.timeline.arrival,
        wanted=f"at least {FLOOR_OF_POOL_S:.1f} s: ten threads that sleep 0.1 s each need three rounds for 21",
        look_at=look_at,
        picture=few.seen.timeline,
    )
    expect.show(picture=many.seen.timeline)


# --- limits ----------------------------------------------------------------------------------------------------------


@check(points=3)
async def test_sheds_load(programs, payloads, tuning, exact, expect):
    """With MAX_CONCURRENCY=4 a burst gets four predictions and the others 503 at once; without it there is no limit."""
    limited, free = await programs("limited", "one")
    staged_s = 0.5  # PIPELINE_DELAYS_MS of this program
    takes_s = {
        "/predict/staged": staged_s,
        "/predict": PREDICT_S,
        "/predict/sync": PREDICT_S,
        "/predict/entity": 0.2,
        "/predict/batched": 0.05,
        "/predict/cpu": 0.01,  # as fast as no machine is
    }
    limited.store.reply = tuning.after(takes_s["/predict/entity"])
    for path in ("/predict", "/predict/staged"):
        await limited.ask_200("POST", path, payloads.fresh())

    async def decide(predictions):
        return await exact.decided(
            await tuning.limited_burst(limited, programs.machine, predictions, takes_s, payloads),
            lambda: exact.limited(limited, predictions(), takes_s),
            tuning.sight_of,
        )

    decided = await decide(lambda: payloads.predictions(tuning.BURST))
    expect.show(f"{len(decided.seen.accepted)} + {len(decided.seen.shed)}")
    did = f"{limited.did}, then sent {tuning.BURST} POST /predict at the same moment{exact.said}"
    tuning.require.limit(expect, limited, decided, did)

    others = [path for path in takes_s if path != "/predict/staged" and await limited.has(path)]

    def spread():
        """The slowest take all places; each other path is asked while they have them."""
        behind = (others[i % len(others)] for i in range(tuning.BURST - tuning.LIMIT))
        slowest = payloads.predictions(tuning.LIMIT, "/predict/staged")
        return [*slowest, *(payloads.predict(path, at_s=staged_s / 10) for path in behind)]

    decided = await decide(spread)
    did = f"{limited.did}, then sent {tuning.LIMIT} POST /predict/staged, and {tuning.BURST - tuning.LIMIT} to "
    did += f"{', '.join(others)} while they were in flight{exact.said}"
    tuning.require.limit(expect, limited, decided, did)

    crowd = await free.burst(payloads.predictions(120), limit_s=6.0)
    refused = next((answer for answer in crowd.answers if answer.status != 200), None)
    expect(
        refused is None,
        did=f"{free.did}, without MAX_CONCURRENCY, then sent 120 POST /predict at the same moment",
        saw=f"one was answered {refused.status or 'not at all'}" if refused else "",
        wanted="200 for all: without the setting there is no limit",
        look_at="what does the limit become when MAX_CONCURRENCY is not set?",
    )


@check(points=2)
async def test_recovers(programs, payloads, tuning, expect):
    """After bursts, clients that hang up, 422s and errors, four predictions fit in again, and no fifth."""
    (program,) = await programs("limited")
    if not (await tuning.recovered(program, payloads)).is_complete:
        await program.restart()  # what an earlier check left behind is not this one's subject
    burst = payloads.predictions(tuning.BURST)
    events = {
        f"after a burst of {len(burst)}": lambda: program.burst(burst, limit_s=6.0),
        "after clients that hung up half way": lambda: tuning.hangups.of_all_kinds(program, payloads),
        "after requests that were answered 422": lambda: tuning.mishaps.invalid_requests(program),
        "after handlers that raised": lambda: tuning.mishaps.errors(program, payloads),
    }
    slowest_s = 0.0
    for when, happen in events.items():
        await happen()
        again = await tuning.recovered(program, payloads)
        slowest_s = max(slowest_s, again.seconds)
        if again.strange is not None:
            raise program.wrong(again.strange)
        expect(
            again.is_complete,
            did=f"{program.did}; {when}, sent {tuning.LIMIT} POST /predict at once, {again.tries} times in a second",
            saw=f"the last time {again.accepted} of {tuning.LIMIT} were accepted",
            wanted=f"all {tuning.LIMIT}: no prediction is in flight any more",
            look_at="where is a place given back, and on which ways out is it not?",
        )
        decided = await tuning.limited_burst(
            program, programs.machine, lambda: payloads.predictions(tuning.BURST), {"/predict": PREDICT_S}, payloads
        )
        did = f"{program.did}; {when}, sent {tuning.BURST} POST /predict at once"
        tuning.require.limit(expect, program, decided, did)
    expect.show(f"{slowest_s:.2f} s")


# --- others ----------------------------------------------------------------------------------------------------------

ODD_ID = "user 7/50%?#é"
STORE_S = 0.04


@check(points=3)
async def test_reuses_connections(programs, payloads, tuning, expect):
    """POST /predict/entity asks the feature store over few connections, and uses them again."""
    one, narrow = await programs("one", "narrow")
    store = one.store
    answer = await one.ask("POST", "/predict/entity", {"entity_id": ODD_ID})
    asked = store.asked[-1] if store.asked else None
    if asked is None and answer.status != 200:
        raise one.wrong(answer)
    expect(
        asked is not None and asked.method == "GET" and asked.entity_id == ODD_ID,
        did=f"sent POST /predict/entity for the entity {ODD_ID!r}",
        saw=f"the feature store was asked {asked.method} {asked.target}" if asked else "the store was never asked",
        wanted="one GET /features/ with the whole id, percent-encoded, as one segment",
        look_at="how does the id get into the URL?",
    )
    tuning.require.prediction(expect, await one.ask_200("POST", "/predict/entity", payloads.entity()))

    accepts, requests = store.accepts, len(store.asked)
    for _ in range(30):
        await one.ask_200("POST", "/predict/entity", payloads.entity())
    opened, asked_for = store.accepts - accepts, len(store.asked) - requests
    did = "sent 30 POST /predict/entity for 30 entities, one after another"
    expect(
        asked_for >= 30,
        did=did,
        saw=f"the feature store was asked {asked_for} times",
        wanted="one request for each entity",
        look_at="the handler of /predict/entity: where do the features come from?",
    )
    expect(
        opened <= 1,
        did=did,
        saw=f"the feature store saw {opened} new connections",
        wanted="one connection, used thirty times",
        look_at="where is the HTTP client made, and how many are made in the end?",
    )

    seen = []
    for program, setting, most in (
        (one, "FEATURE_STORE_POOL not set", 10),
        (narrow, "FEATURE_STORE_POOL=3", 3),
    ):
        crowd = await tuning.crowd_at_the_store(program, payloads, 40, STORE_S)
        seen.append(str(crowd.connections))
        expect(
            crowd.connections <= most,
            did=f"ran python -m app with {setting}, then sent 40 POST /predict/entity at the same moment",
            saw=f"the feature store saw {crowd.connections} connections",
            wanted=f"at most {most}",
            look_at="the limits of the HTTP client: how many connections may it open, and how many may it keep?",
        )
        if crowd.wrong is not None:
            raise program.wrong(crowd.wrong)
    expect.show(", ".join(["1", *seen]))


@check(points=3)
async def test_upstream_faults(programs, payloads, tuning, exact, expect):
    """Whatever the feature store does, the caller gets the status that says so: 504, 502, 404, never 500."""
    one, unset, narrow, two = await programs("one", "unset", "narrow", "two")
    await one.ask_200("POST", "/predict/entity", payloads.entity())
    faults = tuning.faults

    told = await faults.suffered(
        faults.one_after_another(one, payloads, [*faults.BROKEN, faults.UNKNOWN]),
        faults.together(unset, payloads, [faults.HANGS, faults.DRIPS, *faults.around(1.0)]),
        faults.together(narrow, payloads, [faults.answers_after(1.5, 200)]),
        faults.together(two, payloads, [faults.answers_after(1.5, 504)]),
    )
    told = await exact.without_noise(told, programs.machine)
    told += await faults.gone_and_back(one, payloads)

    expect.show(f"{len(told)} faults", faults.table(told))
    for each in told:
        settings = f" with {each.settings}" if each.settings else ""
        did = f"sent POST /predict/entity{settings}, while the feature store {each.fault.words}"
        if each.answer.status == 500:
            since, until = each.printed
            raise each.program.wrong(each.answer, str(each.fault.status), since, did, until)
        expect(
            each.is_right,
            did=did,
            saw=f"{each.answer.status} after {tuning.require.seconds(each.answer.latency_s)}",
            wanted=str(each.fault.status),
            look_at="the call of the feature store: which of its failures are caught, and what limits its whole time?",
        )


# --- bonus -----------------------------------------------------------------------------------------------------------

FIRST_WAITS_S = 3 * 0.1  # BATCH_WAIT_MS=100: whoever has come by then is in one of the first four batches
TRICKLE = 26  # requests, 20 ms apart: the first has waited long enough when a fifth of them has come
WAIT_S = 0.1
ALONE_S = 0.1  # the model takes 51 ms; with this as its limit, a wait of 49 ms is too long, and the default is 5


@check(points=4, bonus=True)
async def test_micro_batching(programs, payloads, tuning, exact, expect):
    """Predictions that come together share calls of the model, and each caller gets its own answer."""
    narrow, one, two = await programs("narrow", "one", "two")
    look_at = "what gathers the requests: when does it stop waiting, and what ends a batch besides time?"
    tuning.require.prediction(expect, await one.ask_200("POST", "/predict/batched", payloads.fresh()))

    decided = await tuning.decide(
        lambda: tuning.crowd(narrow, 64),
        lambda seen: tuning.shares_calls(seen, 4),
        lambda _: programs.machine.answers_within(FIRST_WAITS_S, payloads.predictions(64)),
    )
    decided = await exact.decided(
        decided, lambda: exact.crowd(narrow, tuning.growing(64)), lambda seen: tuning.shares_calls(seen, 4)
    )
    many = decided.seen
    did = f"{narrow.did}, then sent 64 POST /predict/batched at the same moment, with features that grow{exact.said}"
    expect.show(f"{len(many.calls)} calls", many.picture)
    if wrong := many.other_than(200):
        raise narrow.wrong(wrong, did=did)
    tuning.require.conclusive(decided)
    expect(
        len(many.calls) > 0,
        did=did,
        saw="no call of app.model.infer_batch in MODEL_LOG",
        wanted="calls of it, at most 4",
        look_at="the handler of /predict/batched: which function of app.model does it end up in?",
    )
    expect(
        len(many.calls) <= 4,
        did=did,
        saw=f"{len(many.calls)} calls of app.model.infer_batch",
        wanted="at most 4",
        look_at=look_at,
    )
    expect(
        many.largest <= 32,
        did=did,
        saw=f"a call with {many.largest} items",
        wanted="at most 32 items a call: BATCH_SIZE is not set",
        look_at=look_at,
    )
    for answer in many.answers:
        tuning.require.prediction(expect, answer)
    expect(
        many.mixed_up is None,
        did=did,
        saw=f"the prediction of request {many.mixed_up} is not above the one before",
        wanted="each caller's own score: the model's scores grow with the features",
        look_at="how does a result find its caller?",
    )

    small = await tuning.crowd(two, 20)
    expect(
        0 < small.largest <= 8,
        did=f"{two.did}, then sent 20 POST /predict/batched at the same moment",
        saw=f"a call of app.model.infer_batch with {small.largest} items",
        wanted="at most 8: BATCH_SIZE=8",
        look_at=look_at,
    )

    trickle = await tuning.decide(
        lambda: tuning.crowd(narrow, TRICKLE, tuning.trickling),
        lambda seen: tuning.closes_in_time(seen, WAIT_S),
        lambda _: programs.machine.answers_within(FIRST_WAITS_S, payloads.predictions(TRICKLE)),
    )
    trickle = await exact.decided(
        trickle,
        lambda: exact.crowd(narrow, tuning.trickling(TRICKLE)),
        lambda seen: tuning.closes_in_time(seen, WAIT_S),
    )
    did = f"{narrow.did}, then sent {TRICKLE} POST /predict/batched, one each 20 ms{exact.said}"
    if wrong := trickle.seen.other_than(200):
        raise narrow.wrong(wrong, did=did)
    tuning.require.conclusive(trickle)
    expect(
        trickle.is_shown,
        did=did,
        saw=f"the first answer came after {trickle.seen.first_done_s:.2f} s; calls in all: {len(trickle.seen.calls)}",
        wanted=f"calls while others still come, which they do for {trickle.seen.last_sent_s:.2f} s: "
        f"nobody waits longer than {WAIT_S:g} s for company",
        look_at="how long does a batch wait: counted from its first request, or anew from each?",
    )

    spoilt = await tuning.crowd(narrow, 8, tuning.spoilt)
    for number, answer in enumerate(spoilt.answers, 1):
        is_bad = answer.user == tuning.BAD
        expect(
            answer.status == (422 if is_bad else 200),
            did="sent 8 POST /predict/batched at the same moment, the fourth with feature_1 = -1, the last two alike",
            saw=f"number {number} was answered {answer.status or 'not at all'}",
            wanted="422 for the fourth, 200 for all others",
            look_at="the results of app.model.infer_batch: what is there in the place of a bad item?"
            if answer.status is not None
            else "how does a result find its caller, where two ask for the same?",
        )

    alone = await tuning.decide(
        lambda: one.ask_200("POST", "/predict/batched", payloads.fresh()),
        lambda answer: tuning.Sight.SHOWN if answer.latency_s < ALONE_S else tuning.Sight.UNCLEAR,
        lambda _: programs.machine.answers_within(PREDICT_S + 0.02, payloads.predictions(1)),
    )
    alone = await exact.decided(
        alone,
        lambda: exact.alone(one, [payloads.predict("/predict/batched")]),
        lambda answer: tuning.Sight.SHOWN if tuning.is_under(answer.latency_s, ALONE_S) else tuning.Sight.REFUTED,
    )
    tuning.require.conclusive(alone)
    expect(
        alone.is_shown,
        did=f"{one.did}, then sent one POST /predict/batched, {alone.looks} times{exact.said}",
        saw=f"the answer took {1000 * alone.seen.latency_s:.0f} ms",
        wanted=f"under {1000 * ALONE_S:.0f} ms: 51 ms of the model, and BATCH_WAIT_MS is 5 where it is not set",
        look_at="how long does the first request of a batch wait for others?",
    )


@check(points=3, bonus=True)
async def test_metrics_across_workers(programs, payloads, tuning, expect):
    """With two workers, GET /metrics counts what both of them served."""
    (two,) = await programs("two")
    before = await tuning.settled_count(two)
    served = 0
    for _ in range(2):
        seen = await tuning.answering(two, 2, and_no_more=False)
        tuning.require.answered(two, seen)
        served += seen.sent
        expect(
            len(seen.pids) == 2,
            did=f"{two.did}, then opened connections and looked which process took each",
            saw=f"{tuning.require.processes(len(seen.pids))} answered",
            wanted="two processes",
            look_at="app/__main__.py: how many workers does it ask for?",
        )

    said = await tuning.counted(two, before + served)

    expect.show(f"{served} of {served}")
    expect(
        set(said) == {before + served},
        did=f"{two.did}, sent {served} GET /health, some to each worker, then asked GET /metrics {len(said)} times",
        saw=f"count was {before}, then {' and '.join(map(str, sorted(set(said))))}",
        wanted=f"{before + served} every time, a second later at the latest",
        look_at="which process keeps the numbers, and how do the others get to know them?",
    )
