import asyncio
import time

from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()


class PredictRequest(BaseModel):
    feature_1: float
    feature_2: float


class PredictResponse(BaseModel):
    prediction: float
    model_version: str
    latency_ms: float


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "healthy"}


@app.post("/predict")
async def predict(request: PredictRequest) -> PredictResponse:
    started = time.perf_counter()
    await asyncio.sleep(0.1)
    latency_ms = (time.perf_counter() - started) * 1000
    return PredictResponse(prediction=0.85, model_version="1.0.0", latency_ms=latency_ms)
