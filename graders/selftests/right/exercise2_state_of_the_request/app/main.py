"""The inference service."""

from fastapi import FastAPI

from app.observing import Observing, router as metrics_router
from app.predicting import router as predict_router

app = FastAPI()
app.include_router(predict_router)
app.include_router(metrics_router)
app.add_middleware(Observing)


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "healthy"}
