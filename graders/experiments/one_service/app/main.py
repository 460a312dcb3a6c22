"""Three predictions that are short of something: of a core, of places at a device, of calls of a model."""

import asyncio
import os

from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI
from fastapi.responses import JSONResponse

from app import model

PLACES = 4
TAKES_S = 0.1
LIMIT = int(os.environ.get("MAX_CONCURRENCY") or 0)
BATCH_SIZE = int(os.environ.get("BATCH_SIZE") or 1)
BATCH_WAIT_S = 0.005

app = FastAPI(title="One service, short of three things")
computing = CapacityLimiter(1)
places = asyncio.Semaphore(PLACES)
model_is_free = asyncio.Lock()
waiting: list[asyncio.Future[None]] = []
in_flight = 0


@app.post("/compute")
async def compute():  # type: ignore[no-untyped-def] # no declared response: checking one costs time of its own
    await to_thread.run_sync(model.infer, 1.0, 2.0, limiter=computing)
    return {"prediction": 0.85}


@app.post("/device")
async def device():  # type: ignore[no-untyped-def]
    """A device that works on four predictions at a time; the others queue for it, or are turned away."""
    global in_flight
    if LIMIT and in_flight >= LIMIT:
        return JSONResponse({"detail": "full"}, 503, headers={"Retry-After": "1"})
    in_flight += 1
    try:
        async with places:
            await asyncio.sleep(TAKES_S)
    finally:
        in_flight -= 1
    return {"prediction": 0.85}


@app.post("/batched")
async def batched():  # type: ignore[no-untyped-def]
    """Whoever comes first takes the others along: all that are there when the model is free, up to BATCH_SIZE."""
    served: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    waiting.append(served)
    if len(waiting) == 1:
        await asyncio.sleep(BATCH_WAIT_S)
    while not served.done():
        async with model_is_free:
            if served.done():
                break
            batch = waiting[:BATCH_SIZE]
            del waiting[:BATCH_SIZE]
            await asyncio.to_thread(model.infer_batch, [(1.0, 2.0)] * len(batch))
            for one in batch:
                one.set_result(None)
    return {"prediction": 0.85}
