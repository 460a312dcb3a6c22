from fastapi import FastAPI

from app.inference import infer
from app.schemas import PredictRequest, PredictResponse

app = FastAPI()


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "healthy"}


@app.post("/predict")
async def predict(request: PredictRequest) -> PredictResponse:
    prediction = await infer(request.feature_1, request.feature_2)
    return PredictResponse(prediction=prediction, model_version="1.0.0")
