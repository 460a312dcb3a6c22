import asyncio
import time

from fastapi import FastAPI, Request
from pydantic import BaseModel

app = FastAPI()


class PredictRequest(BaseModel):
    feature_1: float
    feature_2: float


class PredictResponse(BaseModel):
    prediction: float
    model_version: str


def write_audit_record(line: str) -> None:
    """Stands for a database driver that has no async version."""
    time.sleep(0.05)


@app.middleware("http")
async def audit(request: Request, call_next):
    write_audit_record(f"{request.method} {request.url.path}")
    return await call_next(request)


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "healthy"}


@app.post("/predict")
async def predict(request: PredictRequest) -> PredictResponse:
    await asyncio.sleep(0.1)
    return PredictResponse(prediction=0.85, model_version="1.0.0")
