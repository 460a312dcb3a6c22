"""Micro-batching with a timer and a lock: whoever comes first sets the alarm."""

import asyncio
from collections.abc import Callable

Item = tuple[float, float]
Answer = asyncio.Future[float | ValueError]


class Batcher:
    """Gathers items until an alarm rings or there are enough, and lets one batch at a time go to the model."""

    def __init__(self, model: Callable[[list[Item]], list[float | ValueError]], size: int, wait_s: float) -> None:
        self._model = model
        self._size = size
        self._wait_s = wait_s
        self._waiting: list[tuple[Item, Answer]] = []
        self._alarm: asyncio.TimerHandle | None = None
        self._is_due = False
        self._is_busy = False
        self._going: set[asyncio.Task[None]] = set()

    async def predict(self, item: Item) -> float | ValueError:
        """The model's result for one item."""
        loop = asyncio.get_running_loop()
        answer: Answer = loop.create_future()
        self._waiting.append((item, answer))
        if self._alarm is None:
            self._alarm = loop.call_later(self._wait_s, self._ring)
        self._go_if_ready()
        return await answer

    def _ring(self) -> None:
        self._is_due = True
        self._go_if_ready()

    def _go_if_ready(self) -> None:
        if self._is_busy or not self._waiting or (len(self._waiting) < self._size and not self._is_due):
            return
        batch, self._waiting = self._waiting[: self._size], self._waiting[self._size :]
        self._is_busy = True
        if not self._waiting:
            self._is_due = False
            if self._alarm is not None:
                self._alarm.cancel()
                self._alarm = None
        task = asyncio.create_task(self._serve(batch))
        self._going.add(task)
        task.add_done_callback(self._going.discard)

    async def _serve(self, batch: list[tuple[Item, Answer]]) -> None:
        try:
            results = await asyncio.to_thread(self._model, [item for item, _ in batch])
            for (_, answer), result in zip(batch, results, strict=True):
                if not answer.done():
                    answer.set_result(result)
        finally:
            self._is_busy = False
            self._go_if_ready()

    async def run(self) -> None:
        """Nothing to do: the alarm does it."""
