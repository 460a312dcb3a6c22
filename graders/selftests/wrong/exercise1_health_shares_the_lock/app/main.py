import asyncio

from fastapi import FastAPI
from pydantic import BaseModel


class PredictRequest(BaseModel):
    feature_1: float
    feature_2: float


class PredictResponse(BaseModel):
    prediction: float
    model_version: str


class Model:
    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.version = "1.0.0"

    async def predict(self, features: PredictRequest) -> float:
        async with self.lock:
            await asyncio.sleep(0.1)
            return 0.85

    async def is_loaded(self) -> bool:
        async with self.lock:
            return self.version is not None


app = FastAPI()
model = Model()


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "healthy" if await model.is_loaded() else "loading"}


@app.post("/predict")
async def predict(request: PredictRequest) -> PredictResponse:
    return PredictResponse(prediction=await model.predict(request), model_version=model.version)
