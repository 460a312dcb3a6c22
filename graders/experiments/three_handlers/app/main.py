"""The three handlers of lesson 1: the same 0.1 s, waited for in three ways. Given, for `lab experiment`."""

import asyncio
import time

from fastapi import FastAPI

app = FastAPI(title="Three ways to wait")


@app.post("/a")
async def a_awaits():  # type: ignore[no-untyped-def] # no declared response: checking one would need the pool again
    await asyncio.sleep(0.1)
    return {"prediction": 0.85}


@app.post("/b")
async def b_blocks():  # type: ignore[no-untyped-def]
    time.sleep(0.1)  # noqa: ASYNC251 - the mistake that this handler is here to show
    return {"prediction": 0.85}


@app.post("/c")
def c_in_the_pool():  # type: ignore[no-untyped-def]
    time.sleep(0.1)
    return {"prediction": 0.85}
