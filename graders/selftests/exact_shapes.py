"""Shapes of waiting whose times are known by thought: a learner's code beside the answer times it must give.

Times are in milliseconds since the burst began, sorted. All shapes live in one application, a route for each.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI

from graders.exact.scenario import Burst, Request, predictions

PRELUDE = """
import _thread
import asyncio
import os
import queue
import select
import selectors
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed, wait
from multiprocessing.pool import ThreadPool
from time import perf_counter as precise, sleep

import anyio
import anyio.from_thread
import anyio.to_thread
from fastapi import BackgroundTasks, Depends, FastAPI
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from starlette.middleware.base import BaseHTTPMiddleware

app = FastAPI()


class PredictResponse(BaseModel):
    prediction: float


@app.get("/health")
async def health():
    return {"status": "healthy"}
"""


@dataclass(frozen=True)
class Shape:
    """One way to wait; `ms` are the answer times of the requests, `blocked_ms` how long the loop was held in all."""

    name: str
    code: str
    requests: tuple[Request, ...]
    ms: tuple[float, ...]
    blocked_ms: float = 0
    first_byte_ms: tuple[float, ...] | None = None

    @property
    def is_crowd(self) -> bool:
        """Whether it has dozens of requests."""
        return len(self.requests) > 20

    def burst(self, repeat: int) -> Burst:
        """The shape as an order to the judge."""
        return Burst(self.name, self.requests, repeat=repeat)


def crowd(count: int, route: str, at_s: float = 0.0) -> tuple[Request, ...]:
    """So many POSTs to a shape's route."""
    return predictions(count, path=f"/{route}", at_s=at_s)


def waves(*waves_: tuple[int, float]) -> tuple[float, ...]:
    """Answer times from pairs of how many and when."""
    return tuple(ms for count, ms in waves_ for _ in range(count))


def staircase(count: int, step_ms: float) -> tuple[float, ...]:
    """One after another."""
    return tuple(step_ms * n for n in range(1, count + 1))


HEALTH = Request("GET", "/health", at_s=0.02, user=99, label="health")

ASYNC_SLEEP = """
@app.post("/async_sleep")
async def async_sleep():
    await asyncio.sleep(0.1)
"""
LOCKED = """
the_lock = asyncio.Lock()

@app.post("/locked")
async def locked():
    async with the_lock:
        await asyncio.sleep(0.1)
"""
FORTY_AT_ONCE = """
forty = asyncio.Semaphore(40)

@app.post("/forty_at_once")
async def forty_at_once():
    async with forty:
        await asyncio.sleep(0.1)
"""
BLOCKS = """
@app.post("/blocks")
async def blocks():
    time.sleep(0.1)
"""
IN_POOL = """
@app.post("/in_pool")
def in_pool():
    time.sleep(0.1)
"""

TABLE = (
    Shape("async_sleep", ASYNC_SLEEP, crowd(5, "async_sleep"), waves((5, 100))),
    Shape("async_sleep_81", "", crowd(81, "async_sleep"), waves((81, 100))),
    Shape("locked", LOCKED, crowd(5, "locked"), staircase(5, 100)),
    Shape("locked_81", "", crowd(81, "locked"), staircase(81, 100)),
    Shape("forty_at_once", FORTY_AT_ONCE, crowd(5, "forty_at_once"), waves((5, 100))),
    Shape("forty_at_once_81", "", crowd(81, "forty_at_once"), waves((40, 100), (40, 200), (1, 300))),
    Shape("blocks", BLOCKS, crowd(5, "blocks"), staircase(5, 100), blocked_ms=500),
    Shape("blocks_81", "", crowd(81, "blocks"), staircase(81, 100), blocked_ms=8100),
    Shape("in_pool", IN_POOL, crowd(5, "in_pool"), waves((5, 100))),
    Shape("in_pool_81", "", crowd(81, "in_pool"), waves((40, 100), (40, 200), (1, 300))),
)
"""The table of the lesson: five ways to wait 0.1 s, five and 81 at once."""

THREADS = (
    Shape(
        # FastAPI validates the answer of a plain def in the same pool: it queues behind those who wait for a thread.
        "in_pool_with_model_81",
        """
@app.post("/in_pool_with_model_81")
def in_pool_with_model_81() -> PredictResponse:
    time.sleep(0.1)
    return PredictResponse(prediction=1.0)
""",
        crowd(81, "in_pool_with_model_81"),
        waves((80, 200), (1, 300)),
    ),
    Shape(
        "sleep_by_name",
        """
@app.post("/sleep_by_name")
def sleep_by_name():
    sleep(0.1)
""",
        crowd(5, "sleep_by_name"),
        waves((5, 100)),
    ),
    Shape(
        "executor_of_four",
        """
four = ThreadPoolExecutor(4)

@app.post("/executor_of_four")
async def executor_of_four():
    await asyncio.get_running_loop().run_in_executor(four, time.sleep, 0.1)
""",
        crowd(9, "executor_of_four"),
        waves((4, 100), (4, 200), (1, 300)),
    ),
    Shape(
        "own_limiter",
        """
three = anyio.CapacityLimiter(3)

@app.post("/own_limiter")
async def own_limiter():
    await anyio.to_thread.run_sync(time.sleep, 0.1, limiter=three)
""",
        crowd(7, "own_limiter"),
        waves((3, 100), (3, 200), (1, 300)),
    ),
    Shape(
        "to_thread",
        """
@app.post("/to_thread")
async def to_thread():
    await asyncio.to_thread(time.sleep, 0.1)
""",
        crowd(5, "to_thread"),
        waves((5, 100)),
    ),
    Shape(
        "run_in_def",
        """
@app.post("/run_in_def")
def run_in_def():
    asyncio.run(asyncio.sleep(0.1))
""",
        crowd(5, "run_in_def"),
        waves((5, 100)),
    ),
    Shape(
        "thread_lock",
        """
thread_lock_ = threading.Lock()

@app.post("/thread_lock")
def thread_lock():
    with thread_lock_:
        time.sleep(0.1)
""",
        crowd(5, "thread_lock"),
        staircase(5, 100),
    ),
    Shape(
        "back_to_the_loop",
        """
@app.post("/back_to_the_loop")
def back_to_the_loop():
    time.sleep(0.03)
    anyio.from_thread.run(asyncio.sleep, 0.04)
    time.sleep(0.02)
""",
        crowd(5, "back_to_the_loop"),
        waves((5, 90)),
    ),
    Shape(
        "waits_for_result",
        """
two = ThreadPoolExecutor(2)

@app.post("/waits_for_result")
async def waits_for_result():
    two.submit(time.sleep, 0.1).result()
""",
        crowd(3, "waits_for_result"),
        staircase(3, 100),
        blocked_ms=300,
    ),
    Shape(
        "results_as_they_come",
        """
@app.post("/results_as_they_come")
def results_as_they_come():
    with ThreadPoolExecutor(3) as own:
        jobs = [own.submit(time.sleep, seconds) for seconds in (0.03, 0.01, 0.02)]
        assert jobs[1] is next(as_completed(jobs, timeout=1))
        assert len(wait(jobs, timeout=0.015).done) == 2
""",
        crowd(3, "results_as_they_come"),
        waves((3, 30)),
    ),
    Shape(
        "timed_waits",
        """
@app.post("/timed_waits")
def timed_waits():
    assert not threading.Event().wait(0.03)
    try:
        queue.Queue().get(timeout=0.02)
    except queue.Empty:
        pass
    assert not threading.Semaphore(0).acquire(timeout=0.01)
    held = threading.Lock()
    held.acquire()
    assert not held.acquire(timeout=0.01)
    select.select([], [], [], 0.005)
""",
        crowd(5, "timed_waits"),
        waves((5, 75)),
    ),
    Shape(
        "own_thread",
        """
@app.post("/own_thread")
def own_thread():
    done = threading.Event()
    threading.Timer(0.04, done.set).start()
    assert done.wait(1)
    sleeper = threading.Thread(target=time.sleep, args=(0.05,))
    sleeper.start()
    sleeper.join(0.02)
    assert sleeper.is_alive()
    sleeper.join()
    assert not sleeper.is_alive()
""",
        crowd(3, "own_thread"),
        waves((3, 90)),
    ),
    Shape(
        "bare_thread",
        """
@app.post("/bare_thread")
def bare_thread():
    knocked = threading.Event()

    def knock():
        time.sleep(0.04)
        knocked.set()

    _thread.start_new_thread(knock, ())
    knocked.wait()
""",
        crowd(3, "bare_thread"),
        waves((3, 40)),
    ),
    Shape(
        "pool_of_multiprocessing",
        """
pool_of_two = ThreadPool(2)

@app.post("/pool_of_multiprocessing")
def pool_of_multiprocessing():
    pool_of_two.map(time.sleep, [0.03, 0.05])
""",
        crowd(2, "pool_of_multiprocessing"),
        (50, 100),
    ),
    Shape(
        "pipe_between_threads",
        """
@app.post("/pipe_between_threads")
def pipe_between_threads():
    reader, writer = os.pipe()
    threading.Timer(0.03, os.write, (writer, b"!")).start()
    assert select.select([reader], [], [], 0.01) == ([], [], [])
    with selectors.DefaultSelector() as waiting:
        waiting.register(reader, selectors.EVENT_READ)
        assert waiting.select(1)
    os.close(reader)
    os.close(writer)
""",
        crowd(3, "pipe_between_threads"),
        waves((3, 30)),
    ),
    Shape(
        "batches_in_a_thread",
        """
jobs = queue.Queue()

def work():
    while True:
        batch = [jobs.get()]
        until = time.monotonic() + 0.005
        while len(batch) < 4 and (left := until - time.monotonic()) > 0:
            try:
                batch.append(jobs.get(timeout=left))
            except queue.Empty:
                break
        time.sleep(0.05 + 0.001 * len(batch))
        for loop, answer in batch:
            loop.call_soon_threadsafe(answer.set_result, None)

threading.Thread(target=work, daemon=True).start()

@app.post("/batches_in_a_thread")
async def batches_in_a_thread():
    loop = asyncio.get_running_loop()
    answer = loop.create_future()
    jobs.put((loop, answer))
    await answer
""",
        crowd(9, "batches_in_a_thread"),
        waves((4, 54), (4, 108), (1, 164)),
    ),
    Shape(
        "wakes_while_blocked",
        """
@app.post("/wakes_while_blocked")
def wakes_while_blocked():
    start = precise()
    seen = []
    for pause in (0.03, 0.04, 0.06):
        time.sleep(pause)
        seen.append(round((precise() - start) * 1e6))
    assert seen == [30_000, 70_000, 130_000], seen
""",
        (*crowd(2, "wakes_while_blocked"), *crowd(1, "blocks", at_s=0.01)),
        (110, 130, 130),
        blocked_ms=100,
    ),
)
"""Everything that can wait in a thread."""

LOOP = (
    Shape(
        "task_group",
        """
@app.post("/task_group")
async def task_group():
    async with asyncio.TaskGroup() as group:
        for seconds in (0.03, 0.08, 0.05):
            group.create_task(asyncio.sleep(seconds))
""",
        crowd(5, "task_group"),
        waves((5, 80)),
    ),
    Shape(
        "anyio_task_group",
        """
@app.post("/anyio_task_group")
async def anyio_task_group():
    async with anyio.create_task_group() as group:
        group.start_soon(anyio.sleep, 0.06)
        group.start_soon(anyio.to_thread.run_sync, time.sleep, 0.07)
""",
        crowd(5, "anyio_task_group"),
        waves((5, 70)),
    ),
    Shape(
        "wait_for",
        """
@app.post("/wait_for")
async def wait_for():
    try:
        await asyncio.wait_for(asyncio.sleep(0.5), 0.05)
    except TimeoutError:
        await asyncio.wait_for(asyncio.sleep(0.02), 0.5)
""",
        crowd(5, "wait_for"),
        waves((5, 70)),
    ),
    Shape(
        "timeouts",
        """
@app.post("/timeouts")
async def timeouts():
    try:
        async with asyncio.timeout(0.1):
            with anyio.move_on_after(0.03):
                await asyncio.sleep(1)
            await asyncio.sleep(1)
    except TimeoutError:
        pass
""",
        crowd(5, "timeouts"),
        waves((5, 100)),
    ),
    Shape(
        "nested_sleeps",
        """
async def outer():
    await asyncio.sleep(0.01)
    await asyncio.gather(asyncio.sleep(0.02), inner())

async def inner():
    await asyncio.sleep(0.03)
    await asyncio.to_thread(time.sleep, 0.004)

@app.post("/nested_sleeps")
async def nested_sleeps():
    await asyncio.gather(outer(), outer())
""",
        crowd(2, "nested_sleeps"),
        waves((2, 44)),
    ),
    Shape(
        "sleeping_dependency",
        """
def database():
    time.sleep(0.05)
    yield "a connection"

async def model():
    await asyncio.sleep(0.02)

@app.post("/sleeping_dependency")
async def sleeping_dependency(db=Depends(database), model=Depends(model)):
    await asyncio.sleep(0.1)
""",
        crowd(5, "sleeping_dependency"),
        waves((5, 170)),
    ),
    Shape("two_waves", "", crowd(3, "locked") + crowd(3, "locked", at_s=0.15), staircase(6, 100)),
    Shape(
        "second_wave_waits",
        "",
        crowd(40, "in_pool") + crowd(40, "in_pool", at_s=0.05),
        waves((40, 100), (40, 200)),
    ),
    Shape("health_beside_sleep", "", (*crowd(5, "async_sleep"), HEALTH), (20, *waves((5, 100)))),
    Shape("health_behind_block", "", (*crowd(1, "blocks"), HEALTH), (100, 100), blocked_ms=100),
    Shape(
        "one_queue_worker",
        """
work_queue = asyncio.Queue()

async def serve_queue():
    while True:
        answer = await work_queue.get()
        await asyncio.sleep(0.1)
        answer.set_result(None)

worker_task = None

@app.post("/one_queue_worker")
async def one_queue_worker():
    global worker_task
    worker_task = worker_task or asyncio.create_task(serve_queue())
    answer = asyncio.get_running_loop().create_future()
    await work_queue.put(answer)
    await answer
""",
        crowd(5, "one_queue_worker"),
        staircase(5, 100),
    ),
    Shape(
        "streamed",
        """
async def parts():
    for _ in range(3):
        await asyncio.sleep(0.02)
        yield b"part"

@app.post("/streamed")
async def streamed():
    await asyncio.sleep(0.01)
    return StreamingResponse(parts())
""",
        crowd(3, "streamed"),
        waves((3, 70)),
        first_byte_ms=waves((3, 10)),
    ),
    Shape(
        "middleware_of_starlette",
        """
async def slow_audit(request, call_next):
    await asyncio.sleep(0.01)
    response = await call_next(request)
    await asyncio.sleep(0.02)
    return response

audited = FastAPI()
audited.add_middleware(BaseHTTPMiddleware, dispatch=slow_audit)

@audited.post("/predict")
async def audited_predict():
    await asyncio.sleep(0.1)

app.mount("/middleware_of_starlette", audited)
""",
        crowd(3, "middleware_of_starlette/predict"),
        waves((3, 130)),
    ),
    Shape(
        "works_on_after_the_answer",
        """
@app.post("/works_on_after_the_answer")
async def works_on_after_the_answer(later: BackgroundTasks):
    later.add_task(time.sleep, 0.2)
    await asyncio.sleep(0.05)
""",
        crowd(3, "works_on_after_the_answer"),
        waves((3, 50)),
    ),
)
"""Everything that can wait on the loop."""

SHAPES = TABLE + THREADS + LOOP


def write_submission(root: Path, *code: str) -> Path:
    """A submission in a folder, made of the imports above and this code; without any, of all the shapes."""
    (root / "app").mkdir(parents=True)
    (root / "app/__init__.py").touch()
    text = "\n".join([PRELUDE, *(code or (shape.code for shape in SHAPES))])
    (root / "app/main.py").write_text(text, encoding="utf-8")
    return root


def what_is_wrong(
    shape: Shape, answers: Sequence[tuple[int | None, float | None, float | None]], blocked_s: float
) -> str:
    """Where a run differs from the thought, to the microsecond; nothing where it does not.

    `answers` are triples of status, first byte and last byte, in seconds.
    """
    wrong = [f"status {status}" for status, _, _ in answers if status != 200]
    done = sorted(_us(done_s) for _, _, done_s in answers)
    if done != [_us(ms / 1000) for ms in shape.ms]:
        wrong.append(f"answered at {done} us")
    first = sorted(_us(first_s) for _, first_s, _ in answers)
    if shape.first_byte_ms is not None and first != [_us(ms / 1000) for ms in shape.first_byte_ms]:
        wrong.append(f"first bytes at {first} us")
    if _us(blocked_s) != _us(shape.blocked_ms / 1000):
        wrong.append(f"loop held for {blocked_s} s")
    return "; ".join(wrong)


def add_probe(app: FastAPI) -> None:
    """A probe such as the lab's: a route that waits as long as it is told."""

    async def delay(ms: float) -> dict[str, float]:
        await asyncio.sleep(ms / 1000)
        return {"ms": ms}

    app.add_api_route("/_lab/delay/{ms}", delay)


def _us(seconds: float | None) -> int:
    return -1 if seconds is None else round(seconds * 1e6)
