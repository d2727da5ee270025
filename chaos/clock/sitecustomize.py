"""Python runs this before anything else: the wall clock of a node is wrong by CHAOS_CLOCK_OFFSET seconds.

Only `time.time` and `time.time_ns` lie, which is all that the system asks for the time of day;
deadlines are measured with the monotonic clock, which no setting of the clock moves.
"""

import os
import time

_OFFSET = int(os.environ.get("CHAOS_CLOCK_OFFSET", "0"))

if _OFFSET:
    _time, _time_ns = time.time, time.time_ns
    time.time = lambda: _time() + _OFFSET
    time.time_ns = lambda: _time_ns() + _OFFSET * 1_000_000_000
