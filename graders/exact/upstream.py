"""The feature store inside the virtual world: the lab's own one, on a port that only this process knows."""

from __future__ import annotations

from graders.exact.scenario import Upstream
from graders.running.feature_store import FeatureStore

PORT = 8100
URL = f"http://127.0.0.1:{PORT}"


async def open_store(upstream: Upstream) -> FeatureStore:
    """Start it; its delays take virtual time."""
    store = FeatureStore(upstream.reply)
    store.replies = dict(upstream.replies)
    store.port = PORT
    await store.start()
    return store
