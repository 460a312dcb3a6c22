import asyncio
import time
from typing import Literal

from fastapi import FastAPI
from pydantic import BaseModel

STARTED_AT = time.monotonic()
MODEL_VERSION = "2026-03"

app = FastAPI()


class Health(BaseModel):
    status: Literal["healthy", "unhealthy"]
    model_version: str
    uptime_s: float


class PredictRequest(BaseModel):
    feature_1: float
    feature_2: float


class PredictResponse(BaseModel):
    prediction: float
    model_version: str


@app.get("/health")
async def health() -> Health:
    uptime_s = round(time.monotonic() - STARTED_AT, 3)
    return Health(status="healthy", model_version=MODEL_VERSION, uptime_s=uptime_s)


@app.post("/predict")
async def predict(request: PredictRequest) -> PredictResponse:
    await asyncio.sleep(0.1)
    prediction = 0.25 * request.feature_1 - 0.5 * request.feature_2
    return PredictResponse(prediction=prediction, model_version=MODEL_VERSION)
