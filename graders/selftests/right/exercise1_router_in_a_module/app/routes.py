import asyncio

from fastapi import APIRouter

from app.models import PredictRequest, PredictResponse

router = APIRouter(tags=["inference"])


@router.get("/health")
async def health() -> dict[str, str]:
    return {"status": "healthy"}


@router.post("/predict")
async def predict(request: PredictRequest) -> PredictResponse:
    await asyncio.sleep(0.1)
    return PredictResponse(prediction=0.85, model_version="1.0.0")
