"""The inference service: measured, limited, and ready for several workers."""

import asyncio

from fastapi import FastAPI

from app.lifespan import lifespan
from app.logs import RequestLogMiddleware
from app.metrics import Metrics
from app.models import PredictRequest, PredictResponse
from app.pipeline import infer, postprocess, preprocess
from app.settings import settings
from app.shedding import SheddingMiddleware
from app.timing import TimingMiddleware, stage
from app.tuning import router

app = FastAPI(title="Inference service", version="1.0.0", lifespan=lifespan)
app.state.metrics = Metrics()
app.add_middleware(SheddingMiddleware, limit=settings.max_concurrency)  # innermost: what is shed is counted, too
app.add_middleware(TimingMiddleware, metrics=app.state.metrics)
app.add_middleware(RequestLogMiddleware)  # added last, so it is the outermost and sees all of it
app.include_router(router)


@app.get("/health")
async def health() -> dict[str, str]:
    """Say that the process is alive."""
    # Nothing here waits, so the answer comes at once, however many predictions are in flight.
    return {"status": "healthy"}


@app.get("/metrics")
async def read_metrics() -> dict[str, object]:
    """Say how many requests there were and how long they took, in this process."""
    return app.state.metrics.snapshot()


@app.post("/predict")
async def predict(request: PredictRequest) -> PredictResponse:
    """Predict from two features."""
    # Stands for a call to a model elsewhere that takes 0.1 s. `await` hands the event loop back meanwhile,
    # so other requests are served; time.sleep() here would stop every one of them.
    await asyncio.sleep(0.1)
    return PredictResponse(prediction=0.85)


@app.post("/predict/staged")
async def predict_staged(request: PredictRequest) -> PredictResponse:
    """Predict in three stages, each of which is timed."""
    with stage("preprocess"):
        features = await preprocess((request.feature_1, request.feature_2))
    with stage("infer"):
        raw = await infer(features)
    with stage("postprocess"):
        prediction = await postprocess(raw)
    return PredictResponse(prediction=prediction)
