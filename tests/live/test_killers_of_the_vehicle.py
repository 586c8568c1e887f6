"""The served vehicle is killed, or stands: the test during which that happens is blocked."""

from __future__ import annotations

import killers
import pytest
from killers import Killer
from live_car import Car, Outcome

pytest.importorskip("serial", reason="python-can's slcan driver needs pyserial")
pytest.importorskip("msgpack", reason="python-can's udp_multicast needs msgpack")

HEAD = """
def killed():
    os.kill(served(), signal.SIGKILL)
    if os.path.lexists("adapters/can"):
        os.unlink("adapters/can")  # as the name of a stick that is pulled; its number may soon be somebody else's
    while os.path.exists("served"):
        time.sleep(0.01)


@pytest.fixture
def stopped():
    # It goes on when the test is over.
    pid = served()
    yield lambda: os.kill(pid, signal.SIGSTOP)
    os.kill(pid, signal.SIGCONT)
"""

GONE = "the served vehicle .*(does not answer|has left out)"
LOST = "channel 'can'.* is gone"
SERVES_AGAIN = "try:\n    {}\nfinally:\n    served()"

UDP = [
    Killer("killed_while_the_test_sleeps", "killed()\nserved()", "blocked", GONE),
    Killer("stopped_while_the_test_sleeps", "stopped()\ntime.sleep(0.2)", "blocked", GONE, takes="stopped"),
]

ALSO_UDP = [
    Killer("killed_while_the_test_waits", "killed()\n" + SERVES_AGAIN.format("bench.wait(5 * s)"), "blocked", GONE),
    Killer("killed_and_silence_expected",
           'killed()\nbench.silent("Lamps", during=200 * ms)\nserved()', "blocked", GONE),
    Killer("stopped_while_the_test_waits", "stopped()\nbench.wait(10 * minute)", "blocked", GONE, takes="stopped"),
    Killer("stopped_and_a_reaction_expected",
           'stopped()\nbench.set("BrakePedal", 40)\nbench.expect(bench.signal("BrakeLamp") == "On", within=100 * ms)',
           "blocked", GONE, takes="stopped"),
    Killer("killed_for_good", 'open("leave", "w").close()\nkilled()\ntime.sleep(0.2)', "blocked", GONE,
           after="blocked"),
]  # fmt: skip

SLCAN = [
    Killer("killed_behind_an_adapter_while_the_test_sleeps", "killed()\nserved()", "blocked", LOST),
]

ALSO_SLCAN = [
    Killer("killed_behind_an_adapter", "killed()\n" + SERVES_AGAIN.format("bench.wait(5 * s)"), "blocked", LOST),
    Killer("stopped_behind_an_adapter", "stopped()\nbench.wait(5 * s)", "blocked", GONE, takes="stopped"),
    Killer("killed_behind_an_adapter_for_good", 'open("leave", "w").close()\nkilled()\ntime.sleep(0.2)',
           "blocked", LOST, after="blocked"),
]  # fmt: skip


@pytest.fixture(scope="module")
def over_udp(car: Car) -> Outcome:
    with car.serve_udp():
        return killers.run(car, car.udp(), UDP, head=HEAD)


@pytest.fixture(scope="module")
def also_over_udp(car: Car) -> Outcome:
    with car.serve_udp():
        return killers.run(car, car.udp(), ALSO_UDP, head=HEAD)


@pytest.fixture(scope="module")
def behind_an_adapter(car: Car) -> Outcome:
    with car.serve_slcan():
        return killers.run(car, car.slcan(), SLCAN, head=HEAD)


@pytest.fixture(scope="module")
def also_behind_an_adapter(car: Car) -> Outcome:
    with car.serve_slcan():
        return killers.run(car, car.slcan(), ALSO_SLCAN, head=HEAD)


@pytest.mark.parametrize("killer", UDP, ids=str)
def test_whoever_needs_it_is_blocked(over_udp: Outcome, killer: Killer) -> None:
    killers.check(over_udp, UDP, killer)


@pytest.mark.slow
@pytest.mark.parametrize("killer", ALSO_UDP, ids=str)
def test_whoever_needs_it_is_blocked_whatever_it_does(also_over_udp: Outcome, killer: Killer) -> None:
    killers.check(also_over_udp, ALSO_UDP, killer)


@pytest.mark.parametrize("killer", SLCAN, ids=str)
def test_whoever_needs_its_adapter_is_blocked(behind_an_adapter: Outcome, killer: Killer) -> None:
    killers.check(behind_an_adapter, SLCAN, killer)


@pytest.mark.slow
@pytest.mark.parametrize("killer", ALSO_SLCAN, ids=str)
def test_whoever_needs_its_adapter_is_blocked_whatever_it_does(also_behind_an_adapter: Outcome, killer: Killer) -> None:
    killers.check(also_behind_an_adapter, ALSO_SLCAN, killer)
