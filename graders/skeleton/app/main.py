"""Your inference service: the file behind `uv run uvicorn app.main:app`.

It starts, and answers nothing useful yet. Each TODO names the step of the lesson that explains it.
When you think that a step is done: `uv run pytest -k exercise1`.
"""

from fastapi import FastAPI

app = FastAPI(title="Inference service", version="1.0.0")


# TODO (lessons/exercise1.md, step 1): answer GET /health with {"status": "healthy"}.


# TODO (lessons/exercise1.md, step 3): describe the request and the response, before the endpoint:
# a PredictRequest (feature_1 and feature_2, both numbers, both required) and a PredictResponse
# (prediction, a number; model_version, a text).


# TODO (lessons/exercise1.md, step 4): answer POST /predict. The simulated inference takes 0.1 s;
# then come the prediction 0.85 and the model version "1.0.0".


# TODO (lessons/exercise1.md, step 7): let POST /predict wait without holding up everybody else.
