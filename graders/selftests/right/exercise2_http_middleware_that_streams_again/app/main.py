"""The inference service, measured: metrics, a request log, and a pipeline whose stages are timed."""

import asyncio
from collections.abc import AsyncIterator
from time import perf_counter

from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse
from starlette.middleware.base import RequestResponseEndpoint
from pydantic import BaseModel

from app.logs import RequestLogMiddleware
from app.metrics import Metrics
from app.pipeline import infer, postprocess, preprocess
from app.timing import begin_stages, elapsed_ms, route_label, server_timing, stage

MODEL_VERSION = "1.0.0"

app = FastAPI(title="Inference service", version="1.0.0")
metrics = Metrics()


async def recorded(
    body: AsyncIterator[bytes], request: Request, started: float, status_code: int
) -> AsyncIterator[bytes]:
    """Hand a body on, and record the request when it is through."""
    try:
        async for chunk in body:
            yield chunk
    finally:
        metrics.record(route_label(request.scope), elapsed_ms(started), status_code >= 500)


@app.middleware("http")
async def measure(request: Request, call_next: RequestResponseEndpoint) -> Response:
    """Time one request."""
    if request.url.path == "/metrics":
        return await call_next(request)
    started = perf_counter()
    stages_ms = begin_stages()
    try:
        response = await call_next(request)
    except Exception:
        metrics.record(route_label(request.scope), elapsed_ms(started), is_error=True)
        raise
    body = recorded(response.body_iterator, request, started, response.status_code)
    headers = {**response.headers, "Server-Timing": server_timing(stages_ms, elapsed_ms(started))}
    return StreamingResponse(body, response.status_code, headers, background=response.background)


app.add_middleware(RequestLogMiddleware)


class PredictRequest(BaseModel):
    """What a client must send."""

    # No defaults: a feature that was left out is the client's mistake and becomes a 422, not a silent zero.
    feature_1: float
    feature_2: float


class PredictResponse(BaseModel):
    """What a client gets back, and nothing more."""

    prediction: float
    # Predictions change when the model does; with the version beside them, a surprise can be traced.
    model_version: str


@app.get("/health")
async def health() -> dict[str, str]:
    """Say that the process is alive."""
    # Nothing here waits, so the answer comes at once, however many predictions are in flight.
    return {"status": "healthy"}


@app.get("/metrics")
async def read_metrics() -> dict[str, object]:
    """Say how many requests there were and how long they took."""
    return metrics.snapshot()


@app.post("/predict")
async def predict(request: PredictRequest) -> PredictResponse:
    """Predict from two features."""
    # Stands for a call to a model elsewhere that takes 0.1 s. `await` hands the event loop back meanwhile,
    # so other requests are served; time.sleep() here would stop every one of them.
    await asyncio.sleep(0.1)
    return PredictResponse(prediction=0.85, model_version=MODEL_VERSION)


@app.post("/predict/staged")
async def predict_staged(request: PredictRequest) -> PredictResponse:
    """Predict in three stages, each of which is timed."""
    with stage("preprocess"):
        features = await preprocess((request.feature_1, request.feature_2))
    with stage("infer"):
        raw = await infer(features)
    with stage("postprocess"):
        prediction = await postprocess(raw)
    return PredictResponse(prediction=prediction, model_version=MODEL_VERSION)
