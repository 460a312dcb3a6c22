"""A first inference endpoint: two features in, one prediction out."""

import asyncio

from fastapi import FastAPI
from pydantic import BaseModel
from typing_extensions import TypeAliasType

app = FastAPI(title="Inference service", version="1.0.0")

Feature = TypeAliasType("Feature", float)


class PredictRequest(BaseModel):
    """What a client must send."""

    # No defaults: a feature that was left out is the client's mistake and becomes a 422, not a silent zero.
    feature_1: Feature
    feature_2: Feature


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


@app.post("/predict")
async def predict(request: PredictRequest) -> PredictResponse:
    """Predict from two features."""
    # Stands for a call to a model elsewhere that takes 0.1 s. `await` hands the event loop back meanwhile,
    # so other requests are served; time.sleep() here would stop every one of them.
    await asyncio.sleep(0.1)
    return PredictResponse(prediction=0.85, model_version="1.0.0")
