"""What you measured: four numbers, in seconds, from `uv run lab experiment`.

`lessons/exercise1.md`, step 5, says how. Write plain numbers such as 0.25: the file is read, never run.
Each counts as right when it is within 0.1 s of what theory gives.
"""

# TODO (lessons/exercise1.md, step 5): replace each None by the wall time that you measured.

# 5 requests at once to an `async def` handler that awaits asyncio.sleep(0.1):
FIVE_ASYNC_SLEEP = None

# 5 requests at once to an `async def` handler that calls time.sleep(0.1):
FIVE_TIME_SLEEP_IN_ASYNC_DEF = None

# 5 requests at once to a plain `def` handler that calls time.sleep(0.1):
FIVE_TIME_SLEEP_IN_DEF = None

# 100 requests at once to that same plain `def` handler:
HUNDRED_TIME_SLEEP_IN_DEF = None
