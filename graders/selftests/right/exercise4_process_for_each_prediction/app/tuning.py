"""The predictions of exercise 4: each waits for something else, and each must leave the event loop free."""

import asyncio
import sys
import time

from fastapi import APIRouter, HTTPException, Request

from app.feature_store import FeatureStore, StoreFaultError, StoreTimeoutError, UnknownEntityError
from app.models import EntityRequest, PredictRequest, PredictResponse

router = APIRouter()

COMPUTE = "import sys; from app.model import infer; print(repr(infer(*map(float, sys.argv[1:]))))"


@router.post("/predict/cpu")
async def predict_cpu(request: PredictRequest) -> PredictResponse:
    """Compute in a process that lives for this one prediction: dear, but nobody waits for anybody."""
    words = (sys.executable, "-c", COMPUTE, repr(request.feature_1), repr(request.feature_2))
    process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE)
    printed, _ = await process.communicate()
    return PredictResponse(prediction=float(printed))


@router.post("/predict/sync")
def predict_sync(request: PredictRequest) -> PredictResponse:
    """Block a thread of the pool, as a library without async does."""
    time.sleep(0.1)
    return PredictResponse(prediction=0.85)


@router.post("/predict/entity")
async def predict_entity(wanted: EntityRequest, request: Request) -> PredictResponse:
    """Predict from the features that the store has; its faults are never reported as this service's own."""
    store: FeatureStore = request.state.store
    try:
        features = await store.features(wanted.entity_id)
    except UnknownEntityError:
        raise HTTPException(404, f"no entity {wanted.entity_id!r}") from None
    except StoreTimeoutError:
        raise HTTPException(504, "the feature store took too long") from None
    except StoreFaultError:
        raise HTTPException(502, "the feature store gave no usable answer") from None
    return PredictResponse(prediction=0.7 * features.feature_1 + 0.3 * features.feature_2)


@router.post("/predict/batched")
async def predict_batched(wanted: PredictRequest, request: Request) -> PredictResponse:
    """Share one call of the model with whoever asks at the same time."""
    result = await request.state.batcher.predict((wanted.feature_1, wanted.feature_2))
    if isinstance(result, ValueError):
        raise HTTPException(422, str(result))
    return PredictResponse(prediction=result)
