"""What the experiment showed, in seconds."""

FIVE_ASYNC_SLEEP = None
FIVE_TIME_SLEEP_IN_ASYNC_DEF = None
FIVE_TIME_SLEEP_IN_DEF = None
HUNDRED_TIME_SLEEP_IN_DEF = None
