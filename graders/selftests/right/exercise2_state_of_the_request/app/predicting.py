"""Predictions."""

import asyncio
import time

from fastapi import APIRouter, Request
from pydantic import BaseModel

from app import pipeline

router = APIRouter(prefix="/predict")


class PredictRequest(BaseModel):
    feature_1: float
    feature_2: float


class PredictResponse(BaseModel):
    prediction: float
    model_version: str


@router.post("")
async def predict(request: PredictRequest) -> PredictResponse:
    await asyncio.sleep(0.1)
    return PredictResponse(prediction=0.85, model_version="1.0.0")


@router.post("/staged", response_model=PredictResponse)
async def staged(body: PredictRequest, request: Request) -> dict[str, object]:
    value = (body.feature_1, body.feature_2)
    for stage in (pipeline.preprocess, pipeline.infer, pipeline.postprocess):
        began = time.monotonic()
        value = await stage(value)
        request.state.stages[stage.__name__] = 1000 * (time.monotonic() - began)
    return {"prediction": round(value, 3), "model_version": "1.0.0"}
