"""What the process opens before the first request and closes after the last."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TypedDict

from anyio import to_thread
from fastapi import FastAPI

from app import model
from app.batching import Batcher
from app.feature_store import FeatureStore
from app.peers import Peers
from app.settings import settings


class State(TypedDict):
    """What handlers find in `request.state`."""

    store: FeatureStore
    batcher: Batcher
    peers: Peers


@contextlib.asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[State]:
    """Open what belongs to the event loop; none of it could be made at import, when there is no loop yet."""
    # The pool that serves every plain `def` handler. At import this line would fail: the limiter belongs to a loop.
    to_thread.current_default_thread_limiter().total_tokens = max(40, settings.thread_pool_size)
    store = FeatureStore(settings.feature_store_url, settings.feature_store_pool, settings.feature_store_timeout_s)
    batcher = Batcher(model.infer_batch, settings.batch_size, settings.batch_wait_s)
    serving = asyncio.create_task(batcher.run())
    peers = Peers(app.state.metrics)
    await peers.start()
    yield {"store": store, "batcher": batcher, "peers": peers}
    await peers.stop()
    serving.cancel()
    await store.close()
