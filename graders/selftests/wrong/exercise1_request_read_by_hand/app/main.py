import asyncio

from fastapi import FastAPI, Request
from pydantic import BaseModel

app = FastAPI()


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
    return {"status": "healthy"}


@app.post("/predict")
async def predict(request: Request) -> PredictResponse:
    features = PredictRequest(**await request.json())
    prediction = await infer(features.feature_1, features.feature_2)
    return PredictResponse(prediction=prediction, model_version="1.0.0")
