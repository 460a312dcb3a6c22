import asyncio

from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()


def warm_up(rounds: int) -> float:
    done = 0
    score = 0.0
    while done < rounds:
        score += 0.85 / rounds
    return score


baseline = warm_up(100)


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
