"""What goes in and out of every prediction."""

from pydantic import BaseModel

MODEL_VERSION = "1.0.0"


class PredictRequest(BaseModel):
    """What a client must send."""

    # No defaults: a feature that was left out is the client's mistake and becomes a 422, not a silent zero.
    feature_1: float
    feature_2: float


class EntityRequest(BaseModel):
    """What a client sends who does not know the features: whose they are."""

    entity_id: str


class PredictResponse(BaseModel):
    """What a client gets back, and nothing more."""

    prediction: float
    # Predictions change when the model does; with the version beside them, a surprise can be traced.
    model_version: str = MODEL_VERSION
