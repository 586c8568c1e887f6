"""What a process can do for its punctuality; only a process that is the server's own may be treated like that."""

from __future__ import annotations

import gc
import os
import sys

PRIORITY = 10
"""Of SCHED_FIFO, 1 to 99: above everything ordinary, below the kernel's own threads (50)."""
NICE = -10
SWITCH_INTERVAL_S = 0.000_2
"""After how long a thread has to let another one run that waits for the interpreter, s; Python's default is 5 ms."""


def hurry() -> str:
    """Have this thread, and those that it starts from now on, scheduled before others; returns what was granted."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    except (AttributeError, OSError):
        pass
    else:
        return f"real-time (SCHED_FIFO, priority {PRIORITY})"
    try:
        os.setpriority(os.PRIO_PROCESS, 0, NICE)
    except (AttributeError, OSError):
        return "ordinary: neither real-time priority nor a negative nice value is allowed (see `man limits.conf`)"
    return f"before others (nice {NICE}); real-time priority is not allowed"


def settle() -> None:
    """Keep the garbage collector away from all that there is by now, and from running at inopportune moments."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 1_000)
