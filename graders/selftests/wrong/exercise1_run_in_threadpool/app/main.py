import time

from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel

app = FastAPI()


class PredictRequest(BaseModel):
    feature_1: float
    feature_2: float


class PredictResponse(BaseModel):
    prediction: float
    model_version: str


def infer(feature_1: float, feature_2: float) -> float:
    time.sleep(0.1)
    return 0.85


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "healthy"}


@app.post("/predict")
async def predict(request: PredictRequest) -> PredictResponse:
    prediction = await run_in_threadpool(infer, request.feature_1, request.feature_2)
    return PredictResponse(prediction=prediction, model_version="1.0.0")
