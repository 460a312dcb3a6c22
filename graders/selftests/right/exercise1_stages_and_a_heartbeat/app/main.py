import asyncio
from contextlib import asynccontextmanager

from fastapi import FastAPI
from pydantic import BaseModel

beats = 0


async def beat() -> None:
    global beats
    while True:
        await asyncio.sleep(0.02)
        beats += 1


@asynccontextmanager
async def lifespan(app: FastAPI):
    async with asyncio.TaskGroup() as tasks:
        heartbeat = tasks.create_task(beat())
        yield
        heartbeat.cancel()


app = FastAPI(lifespan=lifespan)


class PredictRequest(BaseModel):
    feature_1: float
    feature_2: float


class PredictResponse(BaseModel):
    prediction: float
    model_version: str


async def embed(feature: float) -> float:
    await asyncio.sleep(0.03)
    return feature


async def score(first: float, second: float) -> float:
    await asyncio.sleep(0.08)
    return 0.85


@app.get("/health")
async def health() -> dict[str, str | int]:
    return {"status": "healthy", "beats": beats}


@app.post("/predict")
async def predict(request: PredictRequest) -> PredictResponse:
    embedded = await asyncio.gather(embed(request.feature_1), embed(request.feature_2))
    return PredictResponse(prediction=await score(*embedded), model_version="1.0.0")
