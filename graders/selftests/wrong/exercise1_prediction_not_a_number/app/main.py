import asyncio
import math

from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()

# nothing was fitted yet, so the bounds are still open
LOWEST, HIGHEST = -math.inf, math.inf


class PredictRequest(BaseModel):
    feature_1: float
    feature_2: float


class PredictResponse(BaseModel):
    prediction: float
    model_version: str


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "healthy"}


@app.post("/predict")
async def predict(request: PredictRequest) -> PredictResponse:
    await asyncio.sleep(0.1)
    score = (request.feature_1 - LOWEST) / (HIGHEST - LOWEST)
    return PredictResponse(prediction=score, model_version="1.0.0")
