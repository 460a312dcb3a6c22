"""Exercise 2: timing middleware, and figures that are right.

The lab adds routes under /_lab/ to the service. Each injects a delay that its handler measures itself, and whatever
the service reports must lie between that delay and the time that the client saw (graders/measuring/sandwich.py).
"""

import asyncio
import random
import uuid
from itertools import combinations

import pytest

from graders.curriculum import check, exercise
from graders.exact.second import SecondJudge
from graders.expect import Inconclusive
from graders.measuring.growth import Growth
from graders.measuring.ledger import most_in_flight
from graders.measuring.sample import Latencies
from graders.measuring.sandwich import Interval
from graders.running import known_traffic
from graders.running.asking import (
    delay,
    error,
    flood,
    flooded,
    health,
    invalid,
    item,
    jump,
    pipeline,
    refuse,
    staged,
    stream,
    tick,
    unmatched,
    wrong_method,
)
from graders.running.contest import wrong_status
from graders.running.reported import (
    figures_are_right,
    header_is_right,
    ids_are_right,
    log_is_right,
    logged_ids_are_right,
    ms,
    stages_are_right,
)
from graders.running.service import Service
from graders.running.stock import Stock
from graders.running.traffic import Traffic

PROBE = "graders.running.probes:install"
STRETCHES = (1, 3, 8, 20)  # a busy machine blurs short delays: they are tried again, longer
SPREAD = known_traffic.SPREAD
TOO_BUSY = "this machine is too busy to tell: {}, although the delays were made longer and longer. Try again later."


@pytest.fixture(scope="module")
async def stock(lab):
    """Services that nobody has asked anything yet, one started ahead."""
    stock = Stock(lambda: Service(lab.launcher, lab.grading.submission, probe=PROBE))
    yield stock
    await stock.end()


@pytest.fixture
async def new_traffic(stock):
    """Begins requests to a service of their own."""
    services = []

    async def begin():
        services.append(await stock.take())
        return Traffic(services[-1])

    yield begin
    stock.give_back(services)


@pytest.fixture
def exact(lab, expect):
    """The judge in virtual time, asked where the live clock could not tell, and to explain a failure."""
    return SecondJudge(lab.launcher, lab.grading.submission, expect)


@pytest.fixture(scope="module")
def metrics_are_there(lab):
    """GET /metrics is answered 200: asked before seconds of traffic, of another process, where it spoils no count.

    Whoever wants to know, also at the same time, hears of one and the same request.
    """
    asked = []

    async def ask():
        answer = await lab.service.get("/metrics")
        if answer.status != 200:
            raise await wrong_status(lab.service, answer)

    async def answered():
        asked[:] = asked or [asyncio.ensure_future(ask())]
        await asyncio.shield(asked[0])

    return answered


@check(points=2)
async def test_metrics_shape(new_traffic, expect):
    """GET /metrics answers with all keys and the right types; before any traffic each figure is null."""
    traffic = await new_traffic()
    fresh = await traffic.metrics()

    expect(
        fresh["count"] == 0 and not any(row["count"] for row in fresh["routes"].values()),
        did="sent GET /metrics to a service that nobody had asked anything",
        saw=f"count is {fresh['count']}, routes has {', '.join(fresh['routes']) or 'no entry'}",
        wanted="count 0, and no route that was ever asked",
        look_at="the middleware: does it count the very request that reads the metrics?",
    )
    await traffic.one_by_one([delay(5), item(1), delay()])

    def has_counted(told):
        asked = [name for name, row in told["routes"].items() if row["count"]]
        expect(
            told["count"] > 0 and asked != [],
            did="sent 3 requests, then GET /metrics",
            saw=f"count is {told['count']}, routes has {', '.join(asked) or 'no entry'}",
            wanted="a count, and an entry in routes for each route that was asked",
            look_at="is the middleware added to the application, and what does it do when a response is sent?",
        )

    told = await traffic.settled(has_counted)
    expect.show(f"{len(told)} keys")


@check(points=3)
async def test_counts_every_request(new_traffic, expect):
    """Every request is counted, 404, 405 and 422 included; reading /metrics is not."""
    traffic = await new_traffic()
    asks = {
        "GET /health": [health()] * 2,
        "GET /_lab/delay": [delay()] * 3,
        "to paths without a route (404)": [unmatched(f"/_lab/nowhere/{n}") for n in range(3)],
        "DELETE where there is only GET (405)": [wrong_method("/_lab/delay")] * 2,
        "with a body that is refused (422)": [invalid()] * 2,
    }
    for requests in asks.values():
        await traffic.one_by_one(requests)
        await traffic.read_metrics()
    sent = len(traffic.counted())
    did = f"sent {', '.join(f'{len(requests)} {name}' for name, requests in asks.items())}, and read /metrics between"

    def all_counted(told):
        routes = {name: row["count"] for name, row in told["routes"].items() if row["count"]}
        listed = ", ".join(f"{name}: {count}" for name, count in routes.items()) or "no entry"
        for saw, count in (("count is", told["count"]), ("the counts in routes add up to", sum(routes.values()))):
            expect(
                count == sent,
                did=did,
                saw=f"{saw} {count}; routes has {listed}",
                wanted=f"{sent}",
                look_at="the middleware: which requests does it not record, or record twice?",
            )
        not_allowed = routes.get("DELETE unmatched", 0) + routes.get("DELETE /_lab/delay", 0)
        for count, wanted, label in (
            (routes.get("GET unmatched", 0), 3, '"GET unmatched"'),
            (not_allowed, 2, '"DELETE unmatched" or "DELETE /_lab/delay"'),
            (routes.get("POST /_lab/numbers", 0), 2, '"POST /_lab/numbers"'),
        ):
            expect(
                count == wanted,
                did=did,
                saw=f"routes has {listed}",
                wanted=f"{wanted} under {label}",
                look_at="the middleware: what does the scope know after a request with a route, and after one without?",
            )

    await traffic.settled(all_counted)
    all_counted(await traffic.metrics())  # reading changes nothing
    expect.show(f"{sent} of {sent}")


@check(points=4)
async def test_percentiles(metrics_are_there, new_traffic, exact, expect):
    """Minimum, mean, maximum, p50, p95 and p99 are right for known delays, by any standard definition."""
    await metrics_are_there()
    for stretch in STRETCHES:
        known = known_traffic.spread(stretch)
        traffic = await new_traffic()
        await traffic.one_by_one(known.asks)

        await exact.settled(traffic, known)
        await traffic.one_by_one([item(1), tick(), stream(0), tick()])
        told = await exact.settled(traffic, known.read_again("after 4 quick requests more"))

        row = known_traffic.ROW
        if traffic.sandwich(row).is_sharp:
            found = told["routes"][row]
            expect.show(f"p95 {found['p95_ms']:.1f} ms", Latencies.of(traffic.sandwich(row), found), stretch=stretch)
            return
        if virtual := await exact.passes(known):
            found = virtual.told["routes"][row]
            expect.show(f"exact {found['p95_ms']:.1f} ms", Latencies.of(virtual.sandwich(row), found))
            return
    raise exact.inconclusive(TOO_BUSY.format("the client's own delays blurred the ranks"))


@check(points=4)
async def test_overlapping_requests(metrics_are_there, new_traffic, exact, expect):
    """The figures are also right for requests that are in flight together."""
    await metrics_are_there()
    for stretch in STRETCHES:
        known = known_traffic.overlapping(stretch)
        traffic = await new_traffic()
        sent = await traffic.together(known.timed, connections=known_traffic.OVERLAPPING + 5)

        told = await exact.settled(traffic, known)

        in_flight = most_in_flight(sent)
        if in_flight > known_traffic.OVERLAPPING // 2:
            expect.show(f"{in_flight} at once", max_ms=told["max_ms"], in_flight=in_flight)
            return
        if virtual := await exact.passes(known):
            expect.show(f"exact {virtual.told['max_ms']:.0f} ms", max_ms=virtual.told["max_ms"])
            return
    raise exact.inconclusive(TOO_BUSY.format("too few requests were in flight together"))


@check(points=2)
async def test_errors_are_counted(new_traffic, expect):
    """A handler that raises is answered 500, counted as an error and timed, and the server goes on; 4xx is none."""
    traffic = await new_traffic()
    await traffic.one_by_one([delay(5), refuse(409, 3), refuse(403, 3), invalid()])
    for timed in ([(0.0, stream(70)), (0.01, error(30))], [(0.0, error(45))]):
        *_, failed = await traffic.together(timed)
        if failed.status != 500:
            raise await traffic.unexpected(failed, wanted="status 500: the handler raised an exception")
        after = await traffic.send(tick())
        if after.status != 200:
            raise await traffic.unexpected(after)
    sent = len(traffic.counted())
    did = f"sent {sent} requests: 2 to a handler that raises, 3 that are answered 4xx, 4 that are answered 200, "
    did += "one of them with a stream that was under way while a handler raised"

    def all_right(told):
        expect(
            (told["count"], told["errors"]) == (sent, 2),
            did=did,
            saw=f"count is {told['count']}, errors is {told['errors']}",
            wanted=f"count {sent}, errors 2",
            look_at="the middleware: which of its lines run when the application raises, and what is an error?",
        )
        figures_are_right(expect, told, "GET /_lab/error", traffic.sandwich("GET /_lab/error"), did, SPREAD)
        errors = {name: row["errors"] for name, row in told["routes"].items() if row["errors"]}
        expect(
            errors == {"GET /_lab/error": 2},
            did=did,
            saw=f"errors by route: {errors}",
            wanted='2 under "GET /_lab/error", none elsewhere',
            look_at="the middleware: which status makes an error?",
        )

    await traffic.settled(all_right)
    expect.show("2 errors")


@check(points=2)
async def test_labels_are_templates(new_traffic, expect):
    """50 requests to one route with 50 ids make one entry, named after the route's template."""
    traffic = await new_traffic()
    await traffic.one_by_one([item(uuid.uuid4().hex[:8]) for _ in range(50)])

    def one_entry(told):
        routes = {name: row["count"] for name, row in told["routes"].items() if row["count"]}
        expect(
            routes == {"GET /_lab/items/{id}": 50},
            did="sent 50 requests to /_lab/items/{id}, each with an id of its own",
            saw=f"{len(routes)} {'entry' if len(routes) == 1 else 'entries'} in routes: {', '.join(list(routes)[:3])}"
            + (", and so on" if len(routes) > 3 else ""),
            wanted='one: "GET /_lab/items/{id}", with count 50',
            look_at="the middleware: how many names can it ever see, and what does the scope know of the route?",
        )

    await traffic.settled(one_entry)
    expect.show("1 entry")


@check(points=2)
async def test_server_timing(new_traffic, exact, expect):
    """Every response of a route carries the header Server-Timing with the time that the service took for it."""
    known = known_traffic.of_all_kinds()
    traffic = await new_traffic()
    await traffic.one_by_one(known.asks)

    known.requirements(expect, {}, traffic)

    expect.show(f"{len(known.asks) // 2} headers")
    intervals = [traffic.interval(exchange) for exchange in traffic.counted()[:6:2]]
    if any(not a.is_apart_from(b) for a, b in combinations(intervals, 2)):  # one request's time would do for another's
        await exact.passes(known)


async def staged_prediction(traffic, expect, did):
    """One POST /predict/staged that is answered with a prediction."""
    exchange = await traffic.send(staged(random.random(), random.random()))
    if exchange.status != 200:
        raise await traffic.unexpected(exchange)
    body = exchange.json()
    expect(
        isinstance(body, dict)
        and isinstance(body.get("prediction"), int | float)
        and isinstance(body.get("model_version"), str),
        did=did,
        saw=f"200 with {exchange.body[:160].decode(errors='replace')}",
        wanted="prediction, a number, and model_version, a text",
        look_at="the handler of /predict/staged: what does it return?",
    )
    return exchange


@check(points=2)
async def test_stages(new_traffic, exact, expect):
    """Server-Timing of POST /predict/staged names each stage with its duration, so the bottleneck is in plain sight."""
    for stretch in STRETCHES:
        delays = known_traffic.StageDelays.stretched(stretch)
        traffic = await new_traffic()
        sharp = []
        for delays_ms in (delays.slow_start, delays.slow_end):
            await traffic.send(pipeline(delays_ms))
            did = f"sent POST /predict/staged with PIPELINE_DELAYS_MS={','.join(map(str, delays_ms))}"
            exchange = await staged_prediction(traffic, expect, did)
            calls = (await traffic.send(pipeline(delays_ms))).json()["readings"]
            expect(
                calls == 3,
                did=did,
                saw=f"{calls} calls of the stages in app/pipeline.py",
                wanted="3, one of each",
                look_at="the handler of /predict/staged: does it run the given pipeline?",
            )
            sharp.append(stages_are_right(expect, traffic, exchange, delays_ms, did))

        await traffic.send(pipeline(delays.long))
        did = "sent POST /predict/staged twice, the second while the first was in its last stage, with delays of "
        first = asyncio.ensure_future(staged_prediction(traffic, expect, did))
        await traffic.send(pipeline(delays.short, after_readings=3))
        second = await staged_prediction(traffic, expect, did)
        await traffic.send(tick())
        first = await first
        await traffic.send(tick())
        for exchange, delays_ms in ((first, delays.long), (second, delays.short)):
            its = did + ", ".join(f"{delay_ms} ms" for delay_ms in delays_ms)
            sharp.append(stages_are_right(expect, traffic, exchange, delays_ms, its))
        if all(sharp) and second.done_s < first.done_s:
            expect.show("3 stages")
            return
        if await exact.passes(known_traffic.stages(delays)):
            expect.show("exact time")
            return
    raise exact.inconclusive(TOO_BUSY.format("quick stages took as long as slow ones"))


@check(points=2)
async def test_request_log(new_traffic, submission, expect):
    """Each request writes one line of JSON to standard output, failed ones too, and none is lost under load."""
    traffic = await new_traffic()
    await traffic.one_by_one([delay(5), item("first", 20), invalid(), unmatched("/_lab/nowhere")])
    await traffic.one_by_one([wrong_method("/_lab/delay"), error(15)])
    await traffic.together([(0.0, stream(60)), (0.01, refuse(409, 10))])  # a 409 while a 200 is still being sent
    await traffic.together([(0.0, item(n, n % 5)) for n in range(150)], connections=12)
    did = f"sent {len(traffic.counted())} requests, most of them in one burst, and read the service's standard output"

    def one_line_each(lines):
        log_is_right(expect, traffic, lines, did)

    await traffic.logged(one_line_each)
    await traffic.send(item("last"))  # once its line is there, a second line of an earlier request is, too
    await traffic.logged(one_line_each)
    expect(
        submission.imports("structlog"),
        did=did,
        saw="the lines are right, but no file in app/ imports structlog",
        wanted="lines that structlog writes",
        look_at="who writes the line, and how would the request's id get into the lines of other modules?",
    )
    expect.show(f"{len(traffic.counted())} lines")


@check(points=2)
async def test_request_id(new_traffic, expect):
    """X-Request-ID is echoed, or made where there is none, and stands in the request's log line."""
    for stretch in STRETCHES:
        traffic = await new_traffic()
        given = {}

        def named(ask, given=given):
            given[ask.label] = f"Lab-{uuid.uuid4().hex[:12]}"  # whose id it is says how it looks: not all are UUIDs
            return ask.named(given[ask.label])

        await traffic.one_by_one([delay(), named(item("known")), named(unmatched("/_lab/nowhere")), invalid()])
        await traffic.send(named(error()))
        longest_first = [item(n, (200 - 8 * n) * stretch) for n in range(20)]
        nested = [(0.004 * stretch * n, named(ask) if n % 2 else ask) for n, ask in enumerate(longest_first)]
        overlapping = await traffic.together(nested)
        did = f"sent {len(traffic.counted())} requests, 20 of them overlapping, {len(given)} with an X-Request-ID"
        ids = ids_are_right(expect, traffic.counted(), given, did)
        await traffic.logged(lambda lines, ids=ids, did=did: logged_ids_are_right(expect, lines, ids, did))
        if most_in_flight(overlapping) > len(nested) // 2:
            expect.show(f"{len(ids)} ids")
            return
    raise Inconclusive(TOO_BUSY.format("too few requests were in flight together"))


HOUR_S = 3600
SENT_AHEAD = {
    "streaming": [stream(60), tick(), stream(90), tick()],
    "clock_jump": [jump(40, HOUR_S), tick(), jump(60, -HOUR_S), tick()],
}
"""What mostly waits and disturbs nobody: one after another, beside the first checks."""


@pytest.fixture(scope="module")
def awaited(request, lab):
    """The names of the checks that will run."""
    if lab.grading.lock(exercise("exercise2").checks[0]):
        return set()
    return {item.originalname.removeprefix("test_") for item in request.session.items}


@pytest.fixture(scope="module", autouse=True)
async def sent_ahead(awaited, metrics_are_there, stock):
    """For each check of SENT_AHEAD a task that ends with its traffic, of a service of its own."""
    services = []

    async def send(asks, after):
        await asyncio.wait(after) if after else await metrics_are_there()
        services.append(await stock.take())
        traffic = Traffic(services[-1])
        await traffic.one_by_one(asks)
        return traffic

    tasks = {}
    for name, asks in SENT_AHEAD.items():
        if name in awaited:
            tasks[name] = asyncio.ensure_future(send(asks, [*tasks.values()]))
    yield tasks
    for task in tasks.values():
        task.cancel()
    await asyncio.gather(*tasks.values(), return_exceptions=True)
    stock.give_back(services)


@check(points=2, bonus=True)
async def test_streaming(sent_ahead, expect):
    """A streamed answer is timed to its last byte."""
    traffic = await sent_ahead["streaming"]
    did = "sent 2 requests whose answers stream: the first bytes at once, the last ones 60 and 90 ms later"

    def timed_to_the_end(told):
        look_at = "the middleware: when does its clock stop, and which part of the answer has left by then?"
        figures_are_right(expect, told, "GET /_lab/stream", traffic.sandwich("GET /_lab/stream"), did, SPREAD, look_at)

    told = await traffic.settled(timed_to_the_end)
    expect.show(f"{told['routes']['GET /_lab/stream']['max_ms']:.0f} ms")


@check(points=2, bonus=True)
async def test_clock_jump(sent_ahead, expect):
    """Latencies are right although the wall clock is set while requests are in flight."""
    traffic = await sent_ahead["clock_jump"]
    there, back = traffic.counted("POST /_lab/jump")
    did = "sent 2 requests; while each was in flight, the wall clock jumped by an hour, first forwards, then back"

    def still_right(told):
        look_at = "the middleware: which clock does it read, and who may set that one?"
        figures_are_right(expect, told, "POST /_lab/jump", traffic.sandwich("POST /_lab/jump"), did, SPREAD, look_at)

    told = await traffic.settled(still_right)
    for exchange in (there, back):
        header_is_right(expect, traffic, exchange, did)
    expect.show(f"{told['routes']['POST /_lab/jump']['max_ms']:.0f} ms")


@pytest.fixture(scope="module", autouse=True)
async def flooding(awaited, metrics_are_there, lab):
    """The traffic of `bounded_memory`, begun before the first check and beside the others: it takes seconds."""
    if "bounded_memory" not in awaited:
        yield None
        return
    service = Service(lab.launcher, lab.grading.submission, probe=PROBE)
    service.start()

    async def flooded_traffic():
        await metrics_are_there()
        await service.ready()
        traffic = Traffic(service)
        await traffic.send(flood())
        return traffic, await traffic.send(flooded())

    task = asyncio.ensure_future(flooded_traffic())
    yield task
    task.cancel()
    await service.end()


@check(points=3, bonus=True)
async def test_bounded_memory(flooding, expect):
    """After 50,000 requests the store has stopped growing, and the percentiles speak of the latest ones."""
    traffic, answer = await flooding
    seen = answer.json()
    did = "sent 50,000 requests: 37,800 quick ones, 1,200 that take 250 ms and more, then 11,000 quick ones, "
    did += "but for 600 that take 100 ms and more, before the last 940"
    expect(
        "failed" not in seen,
        did=did,
        saw=f"your application let an exception through: {seen.get('failed')}",
        wanted="an answer to each",
        look_at="what does the middleware expect of a request?",
    )
    if "limit_s" in seen:
        raise Inconclusive(f"50,000 requests were not over after {seen['limit_s']:.0f} s, here and now")
    growth = Growth.of(seen["weights"], full_after=20_000)
    largest = seen["largest"]
    expect(
        not growth.is_unbounded,
        did=did,
        saw=f"each of the last 30,000 left {growth.late_bytes:.0f} bytes behind; the largest store is {largest}",
        wanted="a window of 1,000 to 10,000 latencies, and nothing else that grows",
        look_at="what becomes of a latency that no figure needs any more?",
    )
    sent = seen["requests"] + len(traffic.counted())
    longer = Interval(seen["longer_least_ms"], seen["latest_most_ms"])  # 6 in 100 of any window of 1,000 to 10,000

    def of_the_latest(told):
        expect(
            told["count"] == sent,
            did=did,
            saw=f"count is {told['count']}",
            wanted=f"{sent}",
            look_at="does count speak of the window, or of everything since the start?",
        )
        for name in ("p95_ms", "p99_ms"):
            expect(
                longer.holds(told[name]),
                did=did,
                saw=f"{name} is {ms(told[name])}",
                wanted=f"{name} {longer}, as with any window of the last 1,000 to 10,000",
                look_at="which latencies does the store hold: the first, the latest, all of them, and how many?",
            )

    await traffic.settled(of_the_latest)
    expect.show(
        **{name: seen[name] for name in ("slow_least_ms", "longer_least_ms", "latest_most_ms", "quick_most_ms")}
    )
    if longer.most_ms >= seen["slow_least_ms"] or seen["quick_most_ms"] >= longer.least_ms:
        raise Inconclusive("this machine is too busy to tell: quick requests took as long as slow ones")
    cost_us = round(seen["middleware_us"], 1)  # beside a bare application, in the quietest moments of both
    expect.show(f"{cost_us:.0f} µs each", middleware_us=cost_us, bytes_kept_per_request=round(growth.late_bytes, 1))
