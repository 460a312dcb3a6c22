"""What exercise 4 does to a program, to see how it shares work, limits it and talks to others.

All of it in one name for the suite, which imports it when its first check runs: nobody else has to wait for it.
"""

from graders.measuring.attempts import Finding, Sight, decide
from graders.running.programs import Programs
from graders.running.replies import after
from graders.running.tuning import faults, hangups, mishaps, require
from graders.running.tuning.answering import answering
from graders.running.tuning.batches import BAD, closes_in_time, crowd, growing, shares_calls, spoilt, trickling
from graders.running.tuning.burning import burn
from graders.running.tuning.counting import counted, settled_count
from graders.running.tuning.in_exact_time import InExactTime, is_under
from graders.running.tuning.limits import BURST, LIMIT, limited_burst, recovered, sight_of
from graders.running.tuning.overtaking import overtake
from graders.running.tuning.payloads import Payloads
from graders.running.tuning.store_crowd import crowd_at_the_store
from graders.running.tuning.threads import threaded_burst

__all__ = [
    "BAD",
    "BURST",
    "LIMIT",
    "Finding",
    "InExactTime",
    "Payloads",
    "Programs",
    "Sight",
    "after",
    "answering",
    "burn",
    "closes_in_time",
    "counted",
    "crowd",
    "crowd_at_the_store",
    "decide",
    "faults",
    "growing",
    "hangups",
    "is_under",
    "limited_burst",
    "mishaps",
    "overtake",
    "recovered",
    "require",
    "settled_count",
    "shares_calls",
    "sight_of",
    "spoilt",
    "threaded_burst",
    "trickling",
]
