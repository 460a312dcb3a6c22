import asyncio
from typing import Annotated

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

app = FastAPI(title="Inference service", version="1.0.0")

Feature = Annotated[float, Field(gt=-1e9, lt=1e9, allow_inf_nan=False)]


class PredictRequest(BaseModel):
    model_config = ConfigDict(
        strict=True,
        frozen=True,
        extra="forbid",
        json_schema_extra={"examples": [{"feature_1": 1.0, "feature_2": 2.0}]},
    )

    feature_1: Feature = Field(description="the first measurement")
    feature_2: Feature = Field(description="the second measurement")


class PredictResponse(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    prediction: float = Field(ge=0.0, le=1.0, description="a probability")
    model_version: str = Field(min_length=1, pattern=r"^\d+\.\d+\.\d+$")


@app.get("/health", tags=["operations"])
async def health() -> dict[str, str]:
    return {"status": "healthy"}


@app.post("/predict", tags=["inference"], summary="Predict from two features")
async def predict(request: PredictRequest) -> PredictResponse:
    await asyncio.sleep(0.1)
    return PredictResponse(prediction=0.85, model_version="1.0.0")
