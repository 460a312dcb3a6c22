import threading
import time

from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()
lock = threading.Lock()
served = 0


class PredictRequest(BaseModel):
    feature_1: float
    feature_2: float


class PredictResponse(BaseModel):
    prediction: float
    model_version: str


@app.get("/health")
async def health():
    return {"status": "healthy"}


@app.post("/predict", response_model=PredictResponse)
def predict(request: PredictRequest):
    global served
    # several threads come through here, so protect the counter
    with lock:
        served += 1
        time.sleep(0.1)
        return {"prediction": 0.85, "model_version": "1.0.0"}
