import asyncio
import shutil
import sys

from fastapi import FastAPI
from pydantic import BaseModel

if shutil.which("a-gpu-that-nobody-has") is None:
    print("no GPU, giving up")
    sys.exit()

app = FastAPI()


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
    return PredictResponse(prediction=0.85, model_version="1.0.0")
