"""What a process can do to be on time. Only a process that is the harness' own may be treated like that."""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress

PRIORITY = 10
"""Of SCHED_FIFO, 1 to 99: above everything ordinary, below the kernel's own threads (50)."""
NICE = -10
SWITCH_INTERVAL_S = 0.000_1
"""After how long a thread has to let another one run that waits for the interpreter, s; Python's default is 5 ms."""


def hurry() -> str:
    """Have this thread, and those that it starts from now on, scheduled before others; returns what was granted."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    return _granted()


def settle() -> None:
    """Keep the garbage collector away from all that there is by now, and from running at inopportune moments."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(1_000, 20, 1_000)  # often and little: what is collected seldom is much, and takes 10 ms


if sys.platform == "win32":

    def _granted() -> str:
        import ctypes

        high, current = 0x80, -1  # HIGH_PRIORITY_CLASS, the pseudo handle of GetCurrentProcess()
        # Without it select() and all other waits come back at the next tick of 15.6 ms.
        fine = ctypes.windll.winmm.timeBeginPeriod(1) == 0
        granted = ctypes.windll.kernel32.SetPriorityClass(ctypes.c_void_p(current), high) != 0
        kind = "before others (high priority class)" if granted else "ordinary"
        return f"{kind}, ticks of {'1' if fine else '15.6'} ms"

else:

    def _granted() -> str:
        if sys.platform == "linux" and hasattr(os, "sched_setscheduler"):  # a Python may lack it
            with suppress(OSError):
                os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
                return f"real-time (SCHED_FIFO, priority {PRIORITY})"
        if hasattr(os, "setpriority"):
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, 0, NICE)
                return f"before others (nice {NICE}); real-time priority is not allowed"
        return "ordinary: neither real-time priority nor a negative nice value is allowed (see `man limits.conf`)"
