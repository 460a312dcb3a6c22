import asyncio
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from pydantic import BaseModel


class PredictRequest(BaseModel):
    feature_1: float
    feature_2: float


class PredictResponse(BaseModel):
    prediction: float
    model_version: str


def infer(features: PredictRequest) -> float:
    time.sleep(0.1)
    return 0.85


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, ThreadPoolExecutor]]:
    with ThreadPoolExecutor(max_workers=100, thread_name_prefix="model") as pool:
        yield {"pool": pool}


app = FastAPI(lifespan=lifespan)


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "healthy"}


@app.post("/predict")
async def predict(features: PredictRequest, request: Request) -> PredictResponse:
    loop = asyncio.get_running_loop()
    prediction = await loop.run_in_executor(request.state.pool, infer, features)
    return PredictResponse(prediction=prediction, model_version="1.0.0")
