"""What the experiment showed on a slow laptop, in seconds."""

from typing import Final

FIVE_ASYNC_SLEEP: Final = 0.13
FIVE_TIME_SLEEP_IN_ASYNC_DEF: Final[float] = 5.3e-1
FIVE_TIME_SLEEP_IN_DEF: float = 0.12
HUNDRED_TIME_SLEEP_IN_DEF: float = 0.385
