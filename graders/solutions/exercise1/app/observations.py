"""What the experiment showed, in seconds from the first request to the last answer."""

# Five waited on one event loop at the same time: as long as one.
FIVE_ASYNC_SLEEP = 0.11

# Each held the event loop until it was done: one after another, five times 0.1.
FIVE_TIME_SLEEP_IN_ASYNC_DEF = 0.51

# A plain `def` runs in a thread pool, so five sleep side by side.
FIVE_TIME_SLEEP_IN_DEF = 0.11

# The pool has 40 threads: 40, then 40, then the last 20.
HUNDRED_TIME_SLEEP_IN_DEF = 0.36
