"""The inference service, mounted in another application, as where several services share a process."""

import asyncio

from fastapi import FastAPI
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.routing import Mount

from app.logs import RequestLogMiddleware
from app.metrics import Metrics
from app.pipeline import infer, postprocess, preprocess
from app.timing import TimingMiddleware, stage

MODEL_VERSION = "1.0.0"

service = FastAPI(title="Inference service", version="1.0.0")
metrics = Metrics()
service.add_middleware(TimingMiddleware, metrics=metrics)
service.add_middleware(RequestLogMiddleware)  # added last, so it is the outermost and sees all of it


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


@service.get("/health")
async def health() -> dict[str, str]:
    """Say that the process is alive."""
    # Nothing here waits, so the answer comes at once, however many predictions are in flight.
    return {"status": "healthy"}


@service.get("/metrics")
async def read_metrics() -> dict[str, object]:
    """Say how many requests there were and how long they took."""
    return metrics.snapshot()


@service.post("/predict")
async def predict(request: PredictRequest) -> PredictResponse:
    """Predict from two features."""
    # Stands for a call to a model elsewhere that takes 0.1 s. `await` hands the event loop back meanwhile,
    # so other requests are served; time.sleep() here would stop every one of them.
    await asyncio.sleep(0.1)
    return PredictResponse(prediction=0.85, model_version=MODEL_VERSION)


@service.post("/predict/staged")
async def predict_staged(request: PredictRequest) -> PredictResponse:
    """Predict in three stages, each of which is timed."""
    with stage("preprocess"):
        features = await preprocess((request.feature_1, request.feature_2))
    with stage("infer"):
        raw = await infer(features)
    with stage("postprocess"):
        prediction = await postprocess(raw)
    return PredictResponse(prediction=prediction, model_version=MODEL_VERSION)


app = Starlette(routes=[Mount("/", service)])
