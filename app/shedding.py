"""Backpressure: when MAX_CONCURRENCY predictions are in flight, the next one is turned away instead of waiting."""

# TODO (lessons/exercise4.md, step 5): count the predictions in flight, all paths that begin with /predict together.
# At the limit, answer 503 with the header Retry-After at once. Give every place back, whatever ends the prediction.
