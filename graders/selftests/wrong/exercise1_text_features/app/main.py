import asyncio

from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()


class PredictRequest(BaseModel):
    feature_1: float | str
    feature_2: float | str


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
async def predict(request: PredictRequest) -> PredictResponse:
    # some clients send numbers in quotes
    prediction = await infer(float(request.feature_1), float(request.feature_2))
    return PredictResponse(prediction=prediction, model_version="1.0.0")
