"""The inference service, measured: metrics, a request log, and a pipeline whose stages are timed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from pydantic import BaseModel

from app.logs import RequestLogMiddleware
from app.metrics import Metrics
from app.pipeline import infer, postprocess, preprocess
from app.timing import TimingMiddleware, stage

MODEL_VERSION = "1.0.0"

metrics = Metrics()


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Keep the figures fresh as long as the service runs."""
    task = asyncio.create_task(metrics.keep_fresh())
    yield
    task.cancel()


app = FastAPI(title="Inference service", version="1.0.0", lifespan=lifespan)
app.add_middleware(TimingMiddleware, metrics=metrics)
app.add_middleware(RequestLogMiddleware)  # added last, so it is the outermost and sees all of it


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
