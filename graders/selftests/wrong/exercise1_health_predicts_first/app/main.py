import asyncio

from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()

GOLDEN = [(0.0, 0.0), (1.0, 2.0)]


class PredictRequest(BaseModel):
    feature_1: float
    feature_2: float


class PredictResponse(BaseModel):
    prediction: float
    model_version: str


async def infer(feature_1: float, feature_2: float) -> float:
    await asyncio.sleep(0.1)
    return 0.85


@app.get("/health")
async def health() -> dict[str, str]:
    scores = [await infer(*example) for example in GOLDEN]
    return {"status": "healthy" if all(0 <= score <= 1 for score in scores) else "unhealthy"}


@app.post("/predict")
async def predict(request: PredictRequest) -> PredictResponse:
    score = await infer(request.feature_1, request.feature_2)
    return PredictResponse(prediction=score, model_version="1.0.0")
