import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()
executor = ThreadPoolExecutor(max_workers=4)


class PredictRequest(BaseModel):
    feature_1: float
    feature_2: float


class PredictResponse(BaseModel):
    prediction: float
    model_version: str


def infer(request: PredictRequest) -> float:
    time.sleep(0.1)
    return 0.85


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "healthy"}


@app.post("/predict")
async def predict(request: PredictRequest) -> PredictResponse:
    loop = asyncio.get_running_loop()
    prediction = await loop.run_in_executor(executor, infer, request)
    return PredictResponse(prediction=prediction, model_version="1.0.0")
