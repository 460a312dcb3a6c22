import time


class Model:
    """Our model, with an async interface."""

    def __init__(self, version: str) -> None:
        self.version = version

    async def predict(self, features: list[float]) -> float:
        return self._infer(features)

    def _infer(self, features: list[float]) -> float:
        time.sleep(0.1)
        return 0.85
