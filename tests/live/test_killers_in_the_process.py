"""What breaks in the test's own process or in those that belong to it is red, or blocked, in the running test."""

from __future__ import annotations

from collections.abc import Iterator

import killers
import pytest
from killers import Killer
from live_car import Car, Outcome

pytest.importorskip("serial", reason="python-can's slcan driver needs pyserial")

HEAD = """
import ctypes
import threading
from dataclasses import dataclass


class Curious:
    title, due, settles = "curious", None, False

    def wants(self, channel):
        return None

    def begin(self, time):
        pass

    def receive(self, rx):
        raise LookupError("the checker stumbles")

    def receive_error(self, error):
        return ()

    advance = receive_error
    finish = receive_error


@dataclass
class Clumsy:
    def __call__(self, data, counter):
        raise LookupError("the tamper stumbles")


def shot(name):
    # As a library that is at fault does it: SystemExit comes from anywhere.
    (thread,) = [each for each in threading.enumerate() if each.name == name]
    assert ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit)) == 1
    thread.join(10)


def raises(error):
    raise error


def adapter(bench):
    return bench.world.live.rig.lines["can"].adapter
"""

WAITS = "bench.wait(5 * s)"

KILLERS = [
    Killer("raise_in_a_monitor", f"bench.attach(Curious())\n{WAITS}", "error", "LookupError: the checker stumbles"),
    Killer("raise_in_a_subscriber",
           f'bench.world.channel("can").bus.observe(lambda rx: raises(LookupError("stumbled")))\n{WAITS}',
           "error", "LookupError: stumbled"),
    Killer("raise_in_a_subscriber_while_the_test_sleeps",
           'bench.world.channel("can").bus.observe(lambda rx: raises(LookupError("stumbled")))\ntime.sleep(0.3)',
           "error", "LookupError: stumbled"),
    Killer("raise_in_a_subscriber_and_nobody_listens",
           'bench.world.channel("can").bus.observe(lambda rx: raises(LookupError("stumbled")))\n'
           f"try:\n    {WAITS}\nexcept Exception:\n    pass",
           "error", "LookupError: stumbled"),
    Killer("raise_in_a_model_of_the_test_process", f'bench.set("Wish", "BreakHorn")\n{WAITS}',
           "error", "RuntimeError: the horn has a wish"),
    Killer("raise_in_a_model_of_the_served_process", f'bench.set("Wish", "BreakLamp")\n{WAITS}',
           "error", "the served vehicle broke"),
    Killer("raise_in_a_sender", f'bench.world.tx("Pedals").tamper = Clumsy()\n{WAITS}',
           "error", "LookupError: the tamper stumbles"),
    Killer("system_exit_in_a_callback", f"bench.world.loop.after(1_000_000, lambda: raises(SystemExit(3)))\n{WAITS}",
           "error", "SystemExit"),
    Killer("the_bench_thread_ended", 'shot("harness bench")', "error", "SystemExit"),
    Killer("the_reports_reader_ended", 'shot("harness channel can")', "blocked", "SystemExit"),
    Killer("the_channel_process_killed", f"os.kill(adapter(bench).pid, signal.SIGKILL)\n{WAITS}",
           "blocked", r"signal 9 \(SIGKILL\)"),
    Killer("the_channel_process_killed_while_the_test_sleeps",
           "os.kill(adapter(bench).pid, signal.SIGKILL)\ntime.sleep(0.5)", "blocked", r"signal 9 \(SIGKILL\)"),
    Killer("the_channel_process_stopped",
           "pid = adapter(bench).pid\nos.kill(pid, signal.SIGSTOP)\n"
           f"try:\n    {WAITS}\nfinally:\n    os.kill(pid, signal.SIGCONT)",
           "blocked", "no sign of life"),
]  # fmt: skip


@pytest.fixture(scope="module")
def outcome(car: Car) -> Iterator[Outcome]:
    served = car.bench("only_lamp", None, nodes={"LAMP": "Lamp"})
    mixed = car.slcan("mixed", nodes={"LAMP": "real", "HORN": "Horn"})
    with car.serve_slcan(served):
        yield killers.run(car, mixed, KILLERS, head=HEAD)


@pytest.mark.parametrize("killer", KILLERS, ids=str)
def test_it_ends_the_test_in_which_it_happens(outcome: Outcome, killer: Killer) -> None:
    killers.check(outcome, KILLERS, killer)
