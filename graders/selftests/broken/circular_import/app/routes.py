import asyncio

from fastapi import APIRouter
from pydantic import BaseModel

from app.main import MODEL_VERSION

router = APIRouter()


class PredictRequest(BaseModel):
    feature_1: float
    feature_2: float


class PredictResponse(BaseModel):
    prediction: float
    model_version: str


@router.get("/health")
async def health() -> dict[str, str]:
    return {"status": "healthy"}


@router.post("/predict")
async def predict(request: PredictRequest) -> PredictResponse:
    await asyncio.sleep(0.1)
    return PredictResponse(prediction=0.85, model_version=MODEL_VERSION)
