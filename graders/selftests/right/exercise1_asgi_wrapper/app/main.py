import asyncio

from fastapi import FastAPI
from pydantic import BaseModel

api = FastAPI()


class PredictRequest(BaseModel):
    feature_1: float
    feature_2: float


class PredictResponse(BaseModel):
    prediction: float
    model_version: str


@api.get("/health")
async def health() -> dict[str, str]:
    return {"status": "healthy"}


@api.post("/predict")
async def predict(request: PredictRequest) -> PredictResponse:
    await asyncio.sleep(0.1)
    return PredictResponse(prediction=0.85, model_version="1.0.0")


class NoSniff:
    """Adds one header to every answer."""

    def __init__(self, inner) -> None:
        self.inner = inner

    async def __call__(self, scope, receive, send) -> None:
        async def send_with_header(message) -> None:
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", []), (b"x-content-type-options", b"nosniff")]
                message = {**message, "headers": headers}
            await send(message)

        await self.inner(scope, receive, send_with_header if scope["type"] == "http" else send)


app = NoSniff(api)
