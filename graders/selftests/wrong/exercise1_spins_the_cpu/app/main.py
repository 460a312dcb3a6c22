import math
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


def infer(feature_1: float, feature_2: float) -> float:
    """A more honest model: it really computes for 100 ms."""
    until = time.perf_counter() + 0.1
    score = 0.0
    while time.perf_counter() < until:
        score = math.tanh(score + 0.5)
    return score


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "healthy"}


@app.post("/predict")
async def predict(request: PredictRequest) -> PredictResponse:
    score = infer(request.feature_1, request.feature_2)
    return PredictResponse(prediction=score, model_version="1.0.0")
