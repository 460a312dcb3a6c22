import asyncio

from fastapi import Body, FastAPI
from fastapi.responses import JSONResponse
from pydantic import BaseModel

app = FastAPI()


class PredictRequest(BaseModel):
    feature_1: float
    feature_2: float


class PredictResponse(BaseModel):
    prediction: float
    model_version: str


@app.get("/health")
async def health():
    return JSONResponse({"status": "healthy"}, headers={"Cache-Control": "no-store"})


@app.post("/predict", responses={200: {"model": PredictResponse, "description": "The prediction"}})
async def predict(payload: PredictRequest = Body(description="two features")):
    await asyncio.sleep(0.1)
    answer = PredictResponse(prediction=1, model_version="v1")
    return JSONResponse(answer.model_dump())
