"""Micro-batching (bonus): requests that come close together share one call of app.model.infer_batch."""

# TODO (lessons/exercise4.md, step 8): gather at most BATCH_SIZE items, for at most BATCH_WAIT_MS milliseconds, call the
# model once for all of them, and give each caller its own result.
