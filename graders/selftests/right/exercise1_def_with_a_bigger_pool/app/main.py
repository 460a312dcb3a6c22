import time
from contextlib import asynccontextmanager

from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI
from pydantic import BaseModel


@asynccontextmanager
async def lifespan(app: FastAPI):
    current_default_thread_limiter().total_tokens = 200
    yield


app = FastAPI(lifespan=lifespan)


class PredictRequest(BaseModel):
    feature_1: float
    feature_2: float


class PredictResponse(BaseModel):
    prediction: float
    model_version: str


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "healthy"}


@app.post("/predict")
def predict(request: PredictRequest) -> PredictResponse:
    time.sleep(0.1)
    return PredictResponse(prediction=0.85, model_version="1.0.0")
