import asyncio
from contextlib import asynccontextmanager
from typing import Annotated

import uvicorn
from fastapi import Depends, FastAPI, Request
from pydantic import BaseModel


class PredictRequest(BaseModel):
    feature_1: float
    feature_2: float


class PredictResponse(BaseModel):
    prediction: float
    model_version: str


class Model:
    version = "1.0.0"

    async def predict(self, feature_1: float, feature_2: float) -> float:
        await asyncio.sleep(0.1)
        return 0.85


@asynccontextmanager
async def lifespan(app: FastAPI):
    app.state.model = Model()
    yield
    del app.state.model


async def loaded_model(request: Request) -> Model:
    return request.app.state.model


def create_app() -> FastAPI:
    app = FastAPI(lifespan=lifespan)

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "healthy"}

    @app.post("/predict")
    async def predict(
        request: PredictRequest, model: Annotated[Model, Depends(loaded_model)]
    ) -> PredictResponse:
        prediction = await model.predict(request.feature_1, request.feature_2)
        return PredictResponse(prediction=prediction, model_version=model.version)

    return app


app = create_app()

if __name__ == "__main__":
    uvicorn.run(app)
