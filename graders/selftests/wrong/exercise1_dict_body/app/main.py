import asyncio

from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()


class PredictResponse(BaseModel):
    prediction: float
    model_version: str


async def infer(feature_1: float, feature_2: float) -> float:
    await asyncio.sleep(0.1)
    return 0.85


@app.get("/health")
async def health():
    return {"status": "healthy"}


@app.post("/predict")
async def predict(data: dict) -> PredictResponse:
    prediction = await infer(float(data["feature_1"]), float(data["feature_2"]))
    return PredictResponse(prediction=prediction, model_version="1.0.0")
