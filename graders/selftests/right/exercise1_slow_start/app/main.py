import asyncio
import time
from contextlib import asynccontextmanager

from fastapi import FastAPI
from pydantic import BaseModel

models: dict[str, float] = {}


@asynccontextmanager
async def lifespan(app: FastAPI):
    time.sleep(1.0)
    models["1.0.0"] = 0.85
    yield
    models.clear()


app = FastAPI(lifespan=lifespan)


class PredictRequest(BaseModel):
    feature_1: float
    feature_2: float


class PredictResponse(BaseModel):
    prediction: float
    model_version: str


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "healthy" if models else "starting"}


@app.post("/predict")
async def predict(request: PredictRequest) -> PredictResponse:
    await asyncio.sleep(0.1)
    version, prediction = next(iter(models.items()))
    return PredictResponse(prediction=prediction, model_version=version)
