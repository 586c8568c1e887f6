"""What adapters do wrong: blocked in the test during which they do, with what they said."""

from __future__ import annotations

import fake_interfaces
import killers
import pytest
from killers import Killer
from live_car import GROUP, Car, Outcome

pytest.importorskip("serial", reason="python-can's slcan driver needs pyserial")
pytest.importorskip("msgpack", reason="python-can's udp_multicast needs msgpack")

WAITS = "bench.wait(5 * s)"

# -- a cable that can be pulled ----------------------------------------------------------------------------------------

CABLE = '''
import threading

import serial
from harness.instruments.emulators.terminal import Terminal


class Cable:
    """Between the tester and the adapter of the served car."""

    def __init__(self):
        self.opened = threading.Event()
        self.far = serial.Serial("adapters/can", exclusive=False, timeout=0.1)
        self.near = Terminal(self._out)
        self._ending = False
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _out(self, data):
        self.far.write(data)
        if b"O\\r" in data:
            self.opened.set()

    def _run(self):
        while not self._ending:
            data = self.far.read(max(1, self.far.in_waiting))
            try:
                self.near.send(data)
            except OSError:
                pass  # it is pulled

    def pull(self):
        self.opened.clear()
        self.near.unplug()

    def put(self):
        self.near.plug()

    def close(self):
        self._ending = True
        self._thread.join()
        self.near.close()
        self.far.close()


CABLES = [Cable()]
os.environ["CABLE"] = CABLES[0].near.port


@pytest.fixture(scope="module", autouse=True)
def end_of_the_cable():
    yield
    CABLES[0].close()


@pytest.fixture
def cable():
    return CABLES[0]
'''

PULLED = "channel 'can'.* is gone"
PUT = "cable.put()\nassert cable.opened.wait(20)"

PULLED_CABLES = [
    Killer("pulled_and_put", f"cable.pull()\ntry:\n    {WAITS}\nfinally:\n    cable.put()", "blocked", PULLED,
           takes="cable"),
    Killer("pulled_and_put_while_the_test_sleeps", f"cable.pull()\ntime.sleep(0.1)\n{PUT}", "blocked", PULLED,
           takes="cable"),
    Killer("pulled_and_never_put", f"cable.pull()\n{WAITS}", "blocked", PULLED, takes="cable", after="blocked"),
]  # fmt: skip

RECONNECTED = [
    Killer("pulled_and_put_and_the_world_goes_on", f"cable.pull()\ntime.sleep(0.1)\n{PUT}\nbench.wait(300 * ms)",
           "inconclusive", f"{PULLED}.*until it was back is not known", takes="cable"),
    Killer("pulled_and_put_and_the_test_fails",
           f"cable.pull()\ntime.sleep(0.1)\n{PUT}\nbench.wait(300 * ms)\nassert 1 == 2", "blocked", PULLED,
           takes="cable"),
]  # fmt: skip

# -- an adapter with faults --------------------------------------------------------------------------------------------

FAULTY = """
@pytest.fixture
def order():
    made = []

    def order(name):
        with open(f"orders/{name}", "w"):
            made.append(name)

    yield order
    for each in made:
        if os.path.exists(f"orders/{each}"):
            os.unlink(f"orders/{each}")
"""

FAULTS = [
    Killer("the_reader_thread_ended", f'order("exit")\n{WAITS}', "error", "SystemExit: 7", takes="order"),
    Killer("the_reader_thread_ended_while_the_test_sleeps", 'order("exit")\ntime.sleep(0.5)',
           "error", "SystemExit: 7", takes="order"),
    Killer("overrun", f'order("overrun")\n{WAITS}', "inconclusive", "received frames were lost.*read too late",
           takes="order"),
    Killer("send_buffer_full_for_two_seconds", f'order("full")\n{WAITS}',
           "blocked", "send buffer has been full for 2 s.*nobody acknowledges", takes="order"),
    Killer("bus_off", f'order("off")\n{WAITS}', "blocked", "bus-off", takes="order"),
    Killer("gone", f'order("gone")\n{WAITS}', "blocked", "is gone: .*no such device", takes="order"),
]  # fmt: skip

# -- a process that cannot read in time --------------------------------------------------------------------------------

FLOOD = """
# More than the largest receive buffer holds, which counts bytes: each says for long which channel it comes from.
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
data = pack_message(can.Message(arbitration_id=301, data=[1] * 4, is_extended_id=False, channel="x" * 3700))
pid = bench.world.live.rig.lines["can"].adapter.pid
os.kill(pid, signal.SIGSTOP)
for _ in range(6_000):
    sock.sendto(data, (GROUP, int(os.environ["LIVE_PORT"])))
os.kill(pid, signal.SIGCONT)
sock.close()
bench.wait(5 * s)
"""

FLOODING = f"""
import socket

import can
from can.interfaces.udp_multicast.utils import pack_message

GROUP = {GROUP!r}
"""

OVERRUNS = [Killer("receive_queue_overrun", FLOOD, "blocked|inconclusive", "received frames (are being|were) lost")]


@pytest.fixture(scope="module")
def pulled(car: Car) -> Outcome:
    with car.serve_slcan():
        return killers.run(car, car.slcan("cable", where="$CABLE"), PULLED_CABLES, head=CABLE)


@pytest.fixture(scope="module")
def reconnected(car: Car) -> Outcome:
    with car.serve_slcan():
        bench = car.slcan("reconnect", where="$CABLE", reconnect=True)
        return killers.run(car, bench, RECONNECTED, head=CABLE)


@pytest.fixture(scope="module")
def faulty(car: Car) -> Outcome:
    fake_interfaces.install(car.folder)
    (car.folder / "orders").mkdir()
    bench = car.bench("faulty", "faulty", where="./adapters/can", options=f'orders = "{car.folder / "orders"}"')
    with car.serve_slcan():
        return killers.run(car, bench, FAULTS, head=FAULTY)


@pytest.fixture(scope="module")
def flooded(car: Car) -> Outcome:
    with car.serve_udp():
        return killers.run(car, car.udp(), OVERRUNS, head=FLOODING)


@pytest.mark.parametrize("killer", PULLED_CABLES, ids=str)
def test_a_cable_that_is_pulled(pulled: Outcome, killer: Killer) -> None:
    killers.check(pulled, PULLED_CABLES, killer)


@pytest.mark.parametrize("killer", RECONNECTED, ids=str)
def test_a_cable_that_is_put_in_again_while_the_world_goes_on(reconnected: Outcome, killer: Killer) -> None:
    killers.check(reconnected, RECONNECTED, killer)


@pytest.mark.parametrize("killer", FAULTS, ids=str)
def test_an_adapter_with_a_fault(faulty: Outcome, killer: Killer) -> None:
    killers.check(faulty, FAULTS, killer)


@pytest.mark.parametrize("killer", OVERRUNS, ids=str)
def test_frames_that_nobody_reads_in_time(flooded: Outcome, killer: Killer) -> None:
    killers.check(flooded, OVERRUNS, killer)
