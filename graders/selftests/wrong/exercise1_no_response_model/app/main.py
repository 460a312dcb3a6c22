import asyncio

from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()


class PredictRequest(BaseModel):
    feature_1: float
    feature_2: float


@app.get("/health")
async def health():
    return {"status": "healthy"}


@app.post("/predict")
async def predict(request: PredictRequest):
    await asyncio.sleep(0.1)
    return {"prediction": 0.85, "model_version": "1.0.0"}
