import asyncio
from contextlib import asynccontextmanager

from fastapi import FastAPI
from pydantic import BaseModel

model_is_loaded = asyncio.Event()


@asynccontextmanager
async def lifespan(app: FastAPI):
    await model_is_loaded.wait()
    yield


app = FastAPI(lifespan=lifespan)


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
