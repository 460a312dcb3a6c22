"""Exercise 3: load testing. The learner's load test is judged by what it notices."""

import random
from collections import Counter

import pytest

from graders.curriculum import check
from graders.expect import Inconclusive, Unmet
from graders.measuring.breaking_cases import random_cases, telling_cases
from graders.measuring.load_test import LoadPicture, report_trouble, unit_trouble
from graders.measuring.mix import Mix, is_prediction, share_by_weights
from graders.measuring.schedule import APART, UNLIMITED, dips, leaps
from graders.running.loads import FAULTS, FEW, LEAST_REQUESTS, TICK_EVERY_S, Loads, is_excused
from graders.running.locust_troubles import raised_instead, tick_trouble
from graders.running.troubles import traceback_of

FIRST_USERS = 10
PEAK_USERS = 80
LEAST_STEPS = 4
LEAST_HOLD_S = 5.0
LONGEST_RUN_S = 600.0
LEAST_WRONG = 5
REFUSED = "the path and the body that you send: a status of 400 to 499 says that the request itself is wrong"


@pytest.fixture(scope="module")
async def loads(lab, submission, request):
    """Every run that the selected checks need; the first check that asks has all of them started."""
    checks = [item.name.removeprefix("test_") for item in request.session.items if item.path == request.path]
    runs = Loads(lab.launcher, submission, checks)
    yield runs
    await runs.close()


@check(points=3)
async def test_runs_headless(loads, expect):
    """Locust runs it headless: users send requests to a healthy service, none fails, and they wait in between."""
    run = await loads.healthy()

    did = "ran `locust --headless` on locustfile.py against a healthy service"
    if trouble := await loads.trouble(did, run):
        raise trouble
    expect.show(f"{len(run.events)} sent", requests=len(run.events), served=len(run.record))
    expect(
        min(len(run.events), len(run.record)) >= LEAST_REQUESTS,
        did=did,
        saw=f"{len(run.events)} requests by Locust's count and {len(run.record)} by the service's own, "
        f"in {run.seconds:.0f} s{raised_instead(run)}",
        wanted=f"at least {LEAST_REQUESTS} requests, all of them to the host that Locust was given",
        look_at="class InferenceUser: which tasks has it, and where do they send their requests?",
    )
    errors = run.users.get("errors", 0)
    expect(
        errors <= FEW,
        did=did,
        saw=f"{errors} times a task or its wait broke off with an exception{raised_instead(run)}",
        wanted="tasks that end: to Locust an exception is no failed request, and what it broke off is counted nowhere",
        look_at="the line that raised it",
    )
    failures = [event for event in run.events if event.failed and not is_excused(event)]
    reasons = Counter(f"{event.method} {event.path}: {event.why}" for event in failures)
    expect(
        not failures,
        did=did,
        saw=f"{len(failures)} of {len(run.events)} requests were reported as failures:\n"
        + "\n".join(f"{count} times {reason}" for reason, count in reasons.most_common(3)),
        wanted="no failure: every answer was right, and came within 250 ms",
        look_at=REFUSED
        if any(400 <= (event.status or 0) < 500 for event in failures)
        else "what does your check ask of an answer that a right one does not have?",
    )
    if sum(not is_excused(event) for event in run.events) < LEAST_REQUESTS:
        raise Inconclusive("this machine is too busy to tell: most answers of a healthy service came late")
    expect(
        run.users["waits"] * 10 >= len(run.events),
        did=did,
        saw=f"{run.users['waits']} waits among {len(run.events)} requests: who has an answer sends the next at once",
        wanted="users that wait between requests, as people do",
        look_at="class InferenceUser: what is its wait_time?",
    )


@check(points=2)
async def test_mixes_endpoints(loads, expect):
    """Users ask for predictions and for health, and most of their requests are predictions."""
    run = await loads.healthy()
    did = "counted what arrived at a healthy service"
    if trouble := await loads.trouble(did, run):
        raise trouble
    seen = Counter((served.method, served.path) for served in run.record)
    for method, path in (("POST", "/predict"), ("GET", "/health")):
        expect(
            seen[method, path] > 0,
            did=did,
            saw=(", ".join(f"{n} {m} {p}" for (m, p), n in seen.most_common(4)) or "no request") + raised_instead(run),
            wanted=f"both POST /predict and GET /health; there was no {method} {path}",
            look_at="class InferenceUser: which tasks has it?",
        )

    mix = mix_of([run])
    if mix.is_majority is None:  # drawn at random, and close to a half: more requests will tell
        mix = mix_of([run, *[(await loads.breaking(which)).run for which in (0, 1)]])
    if mix.is_majority is None:
        raise Inconclusive(
            f"{mix.predictions} of {mix.requests} requests are predictions: as they are drawn at random, that is too "
            "close to a half to tell. Make predictions a clear majority, such as three for each GET /health."
        )
    expect.show(f"{100 * mix.share:.0f} %", predictions=mix.predictions, requests=mix.requests)
    expect(
        mix.is_majority,
        did=did,
        saw=f"{100 * mix.share:.0f} % predictions" + (", by the weights of your tasks" if mix.by_weights else ""),
        wanted="predictions are the majority: more than half of all requests",
        look_at="@task takes a weight: what are yours?",
    )


def mix_of(runs):
    records = [served for run in runs for served in run.record]
    predictions = sum(is_prediction(served.method, served.path) for served in records)
    users = runs[0].users
    weights = None if users.get("errors") else runs[0].weights  # a task that broke off has not sent what it would
    return Mix(predictions, len(records), share_by_weights(weights, users.get("executions", {})))


@check(points=5)
async def test_notices_wrong_answers(loads, expect):
    """Against services that are broken on purpose, every wrong answer is counted as a failed request."""
    look_at = {
        "AnswersWith500": "what happens to an answer whose status is not 200?",
        "SlowTail": "an answer that comes too late is of no use: does your check look at how long it took?",
    }
    counts = {}
    for kind, answers in FAULTS.items():
        run = await loads.broken(kind)
        did = f"ran it against a service that answers POST /predict with {answers}"
        if trouble := await loads.trouble(did, run):
            raise trouble
        faults = {served.answer for served in run.record if served.fault}
        refused = sum(is_prediction(s.method, s.path) and 400 <= s.status < 500 for s in run.record)
        expect(
            len(faults) >= LEAST_WRONG,
            did=did,
            saw=f"only {len(faults)} of its answers reached your users{raised_instead(run)}"
            + (f"\n{refused} of your predictions were answered with a status of 400 to 499" if refused else ""),
            wanted=f"at least {LEAST_WRONG} predictions asked for, so that there is something to notice",
            look_at=REFUSED if refused else "class InferenceUser: which of its tasks send POST /predict?",
        )
        wrong = [event for event in run.events if event.answer in faults]
        noticed = sum(event.failed for event in wrong)
        # Whoever has a timeout gives up before the late answer, and reports a failure that has none.
        given_up = sum(event.failed and event.answer is None and event.path == "/predict" for event in run.events)
        counts[kind] = f"{noticed + given_up} of {len(faults)}"
        expect(
            noticed + given_up >= LEAST_WRONG and noticed == len(wrong),
            did=did,
            saw=f"{len(faults)} wrong answers were given; Locust reported {len(wrong)} of them, {noticed} as failures"
            + raised_instead(run),
            wanted="each of them reported as a failed request",
            look_at=look_at.get(kind, "a status of 200 says nothing about the body: what does your check read?"),
        )
    expect.show(f"{len(counts)} faults", noticed=counts)


@check(points=3)
async def test_steps_up(loads, expect):
    """StepLoad starts small, rises in steps that it holds, at most doubling, up to 80 users or more, and ends."""
    rehearsal = await loads.rehearsal()

    did = "drove StepLoad.tick() through its run time, a tenth of a second at a time"
    look_at = "StepLoad.tick(): which users does it give for which run time?"
    expect(
        rehearsal.name == "StepLoad",
        did="looked for a class StepLoad(LoadTestShape) in locustfile.py",
        saw=f"a shape called {rehearsal.name}" if rehearsal.name else "no load shape",
        wanted="a class StepLoad(LoadTestShape)",
        look_at="locustfile.py: is it there, and is it not abstract?",
        cause="no StepLoad",
    )
    if rehearsal.raised:
        raise tick_trouble(rehearsal.raised, rehearsal.at_s)
    schedule = rehearsal.schedule
    steps, told = schedule.rising, f"users: {schedule.described()}"
    expect.show(f"{len(steps)} steps", users=[step.users for step in schedule.steps])

    def require(holds, saw, wanted, look_at=look_at, cause=""):
        expect(holds, did=did, saw=f"{saw}\n{told}", wanted=wanted, look_at=look_at, cause=cause)

    require(bool(steps), "it ended before it had begun: tick() returned None at once", "users to begin with")
    first = steps[0].users
    require(first <= FIRST_USERS, f"it starts at {first} users", f"a start at {FIRST_USERS} users or fewer")
    require(
        len(schedule.steps) > 1 or schedule.end_s is not None,
        f"it stays at {first} users however late it is",
        "steps that follow the run time",
        "StepLoad.tick(): does it read self.get_run_time()?",
        cause="never ends",
    )
    for before, after in dips(steps):
        require(False, f"it falls from {before.users} to {after.users} users before its peak", "a rise up to the peak")
    for before, after in leaps(steps):
        require(
            False,
            f"it leaps from {before.users} to {after.users} users",
            "no step more than double the one before: whatever breaks between them cannot be told apart",
        )
    seldom = (await loads.rehearsal(TICK_EVERY_S[1])).schedule

    def require_same_plan():
        require(
            is_same_plan(seldom, schedule),
            f"asked once a second, as Locust does, it gives other steps: {seldom.described(with_times=True)}",
            "steps that follow the run time, and not the number of calls",
            "StepLoad.tick(): what does it count?",
        )

    if all(step.hold_s >= LEAST_HOLD_S for step in seldom.rising):
        require_same_plan()  # steps that are too short only where it is asked more often are counted in calls
    for step in steps:
        require(
            step.hold_s >= LEAST_HOLD_S - TICK_EVERY_S[0],
            f"it holds {step.users} users for {step.hold_s:.1f} s",
            f"each step held for at least {LEAST_HOLD_S:.0f} s, so that there is something to measure",
        )
    require(steps[-1].users >= PEAK_USERS, f"its peak is {steps[-1].users} users", f"{PEAK_USERS} users or more")
    require(
        len(steps) >= LEAST_STEPS,
        f"it rises in {len(steps)} step{'s' * (len(steps) > 1)}",
        f"at least {LEAST_STEPS} different steps",
    )
    require(
        ends_in_time(schedule),
        "it does not end" if schedule.end_s is None else f"it ends after {schedule.end_s:.0f} s",
        f"an end by itself, within {LONGEST_RUN_S:.0f} s: tick() returns None",
        cause="never ends",
    )
    require_same_plan()


def is_same_plan(seldom, schedule):
    """Whether a shape that is asked less often has the same steps, each found at most one question later."""
    pairs = list(zip(seldom.steps, schedule.steps, strict=False))
    return len(seldom.steps) == len(schedule.steps) and all(
        late.users == step.users and late.start_s - step.start_s <= TICK_EVERY_S[1] for late, step in pairs
    )


def ends_in_time(schedule):
    return schedule.end_s is not None and schedule.end_s <= LONGEST_RUN_S + TICK_EVERY_S[0]


@check(points=3)
async def test_breaking_point_math(loads, expect):
    """find_breaking_point(steps) names the users of the last step before the service breaks, blips aside."""
    cases = [*telling_cases(), *random_cases(random.Random(loads.seed))]
    told = await loads.arithmetic([case.numbers for case in cases])

    look_at = "find_breaking_point(): what is a miss, what is a blip, and which step is asked for?"
    expect(
        told is not None,
        did="looked for a function find_breaking_point in locustfile.py",
        saw="there is none",
        wanted="find_breaking_point(steps)",
        look_at="locustfile.py: what is it called there?",
    )
    for case, answer in zip(cases, told["answers"], strict=False):
        expect(
            answer["shown"] == "None" if case.wanted is None else answer["value"] == case.wanted,
            did=f"called find_breaking_point(steps) where {case.about}:\n{case.described()}",
            saw=answer["shown"],
            wanted=f"{case.wanted}",
            look_at=look_at,
        )
    if raised := told.get("raised"):
        case = cases[len(told["answers"])]
        raise Unmet(
            f"called find_breaking_point(steps) where {case.about}:\n{case.described()}",
            f"it raised:\n{traceback_of(raised)}",
            f"{case.wanted}",
            look_at,
        )
    expect.show(f"{len(cases)} cases")


@check(points=4)
async def test_breaking_point_found(loads, expect):
    """The report names the step at which a service of unknown capacity breaks, for two capacities far apart."""
    rehearsal = await loads.rehearsal()
    if rehearsal.raised:
        raise tick_trouble(rehearsal.raised, rehearsal.at_s)
    schedule = rehearsal.schedule
    expect(
        rehearsal.name == "StepLoad" and bool(schedule.steps) and ends_in_time(schedule),
        did="looked for a StepLoad that can be run from its first step to its end",
        saw=f"users: {schedule.described()}" + ("" if schedule.end_s is not None else "; and no end"),
        wanted=f"steps, and an end within {LONGEST_RUN_S:.0f} s: the report is written when the test stops",
        look_at="the check steps_up says more",
        cause="no StepLoad" if rehearsal.name != "StepLoad" else "never ends" if schedule.steps else "",
    )

    tests, reported = [], []
    for which in (0, 1):
        breaking = await loads.breaking(which)
        tests.append(breaking.test)
        reported.append(await judge_report(loads, breaking, expect))
    apart = abs(min(tests[0].named) - min(tests[1].named))
    if apart < APART and any(test.is_disturbed for test in tests):
        raise Inconclusive("this machine is too busy to tell: it held up the load test in every attempt")
    sent = min(sum(is_prediction(s.method, s.path) for s in test.record) for test in tests)
    expect(
        apart >= APART or len(schedule.rising) <= APART,
        did="ran it against two services of which one holds three steps more than the other",
        saw=f"both broke at the same place by their own records, which hold {sent} predictions",
        wanted="predictions in every step, so many that a service can break under them",
        look_at="class InferenceUser: how often does it ask for a prediction?",
    )
    expect(
        len(set(reported)) == 2 or apart == 0,
        did="compared the two reports",
        saw=f"both name {named(reported[0])}",
        wanted="different breaking points: one of the services holds far more users than the other",
        look_at="where does breaking_point_users come from?",
    )
    expect.show(" and ".join("none" if users is None else f"{users:g}" for users in reported), seed=loads.seed)


async def judge_report(loads, breaking, expect):
    """The users that a report names, if it names the step at which the service broke, or a neighbour."""
    run, test = breaking.run, breaking.test
    holds = "any number of" if test.capacity == UNLIMITED else test.capacity
    did = f"ran it, on a faster clock, against a service that can hold {holds} users, and read the file LOAD_REPORT"
    if trouble := await loads.trouble(did, run):
        raise trouble
    expect(
        run.is_over,
        did=did,
        saw=f"Locust was still running after {run.seconds:.0f} s",
        wanted="an end soon after StepLoad.tick() has returned None",
        look_at="what runs when the test stops?",
    )
    trouble = run.report_trouble or report_trouble(test.report)
    printed = f"\nthe last exception that Locust printed:\n{run.printed}" if run.printed else ""
    expect(
        not trouble,
        did=did,
        saw=trouble + printed,
        wanted="JSON with breaking_point_users and steps, each with users, rps, p95_ms and failure_ratio",
        look_at="what writes the report, when, and into which file? Locust tells its end with the event test_stop"
        if run.report_trouble
        else "what writes the report: what does it put where?",
    )
    trouble = unit_trouble(test.report, test.record)
    expect(
        not trouble,
        did=did,
        saw=trouble + printed,
        wanted="p95_ms in milliseconds, as Locust's own response times are",
        look_at="where does p95_ms come from, and in which unit?",
    )
    users = test.report["breaking_point_users"]
    picture = LoadPicture(tuple(test.recorded), users, test.breaking_users)
    expect.show(picture=picture, capacity=test.capacity, reported_steps=test.report["steps"][:20])
    expect.evidence.setdefault("attempts", []).append(breaking.attempts)
    expect(
        any(is_prediction(served.method, served.path) for served in test.record),
        did=did,
        saw="your users sent that service 0 predictions, by its own record",
        wanted="predictions in every step, so many that a service can break under them",
        look_at="self.client: a path alone goes to the host that Locust was given",
    )
    if not test.fits_report and test.is_disturbed and run.users["waits"]:
        raise Inconclusive("this machine is too busy to tell: it held up the load test in every attempt")
    expect(
        test.fits_report,
        did=did,
        saw=f"your report names {named(users)}; by the service's own record it is {named(test.breaking_users)}\n"
        + steps_of(test.report)
        + ("" if run.users["waits"] else "\nyour users never wait, and Locust itself may have been at its limit")
        + printed,
        wanted="that step, or a direct neighbour of it",
        look_at="which requests count for which step, and what is a step's p95?",
    )
    return users


def named(users):
    return "no step" if users is None else f"{users:g} users"


def steps_of(report):
    """The steps of a sound report for a person to read, and whether the breaking point is one of them."""
    users, steps = report["breaking_point_users"], report["steps"]
    told = ", ".join(
        f"{s['users']:g} ({s['p95_ms'] or 0:.0f} ms, {100 * (s['failure_ratio'] or 0):.0f} %)" for s in steps[:12]
    )
    is_none = users is not None and users not in [step["users"] for step in steps]
    return f"your steps, with p95 and failures: {told}" + (f"; {users:g} users is none of them" if is_none else "")
