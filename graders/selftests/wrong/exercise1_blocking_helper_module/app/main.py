from fastapi import FastAPI
from pydantic import BaseModel

from app.inference import Model

app = FastAPI()
model = Model(version="1.0.0")


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
    prediction = await model.predict([request.feature_1, request.feature_2])
    return PredictResponse(prediction=prediction, model_version=model.version)
