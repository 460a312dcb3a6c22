import asyncio
from contextlib import asynccontextmanager

from fastapi import FastAPI
from pydantic import BaseModel


class PredictRequest(BaseModel):
    feature_1: float
    feature_2: float


class PredictResponse(BaseModel):
    prediction: float
    model_version: str


async def work(jobs: asyncio.Queue) -> None:
    while True:
        request, answer = await jobs.get()
        await asyncio.sleep(0.1)
        if not answer.done():
            answer.set_result(0.85)


@asynccontextmanager
async def lifespan(app: FastAPI):
    app.state.jobs = asyncio.Queue()
    worker = asyncio.create_task(work(app.state.jobs))
    yield
    worker.cancel()


app = FastAPI(lifespan=lifespan)


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "healthy"}


@app.post("/predict")
async def predict(request: PredictRequest) -> PredictResponse:
    answer = asyncio.get_running_loop().create_future()
    await app.state.jobs.put((request, answer))
    return PredictResponse(prediction=await answer, model_version="1.0.0")
