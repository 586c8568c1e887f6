"""Resets of a device that is not a served vehicle: declared with a scope, verified, timed; blocked without effect."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from live_car import NODES, Car, Outcome, Served

from harness.adapter.stimulation import Operation

pytest.importorskip("serial", reason="instruments need pyserial")
pytest.importorskip("msgpack", reason="python-can's udp_multicast needs msgpack")

RESETS = {
    "frame": 'by = "frame"\nchannel = "can"\nid = 402\ndata = "01"',
    "key cycle": 'by = "key cycle"\nsignal = "Key"\noff_for = "300 ms"',
    "diagnostic": 'by = "diagnostic"\nchannel = "can"\nid = 0x7A0\nanswer_id = 0x7A8',
    "power cycle": 'by = "power cycle"\ninstrument = "supply"\noff_for = "300 ms"',
}

SUPPLY = """
[instruments.supply]
driver = "scpi-supply"
port = "$SUPPLY"
max_voltage = "15 V"
max_current = "2 A"
"""

HEAD = """
from harness.adapter.stimulation import Operation, Request, subject_of
from harness.instruments.emulators import SupplyEmulator


class Supply(SupplyEmulator):
    # The car's lamp hangs on it.
    connected = True

    def obey(self, word, argument):
        known = super().obey(word, argument)
        if word == "OUTP" and self.connected:
            operation = Operation.POWER_ON if self.output.on else Operation.POWER_OFF
            frame = Request(operation, 254, subject_of("LAMP")).frame()
            self.bus.send(can.Message(arbitration_id=frame.id, data=frame.data, is_extended_id=True))
        return known


EMULATED = Supply()
EMULATED.bus = intruder_bus()
EMULATED.__enter__()
os.environ["SUPPLY"] = EMULATED.port


AT_END += [EMULATED.bus.shutdown, lambda: EMULATED.__exit__(None, None, None)]


def starts(bench):
    bench.wait_until(bench.signal("Starts") >= 1, timeout=2 * s)
    return bench.signal("Starts").value


def told(bench):
    return [event.title for event in bench.journal if event.title.startswith("reset by")]
"""

EVERY_TEST = """
BEFORE = []


def test_1(bench):
    BEFORE.append(starts(bench))
    (note,) = told(bench)
    assert "all real nodes heard again" in note and "LAMP was silent for" in note, note


def test_2(bench):
    assert starts(bench) == BEFORE[0] + 1
    bench.set("BrakePedal", 40 * percent)
    bench.expect(bench.signal("BrakeLamp") == "On", within=1500 * ms)


def test_3_sulks_from_its_next_reset_on(bench):
    assert starts(bench) == BEFORE[0] + 2
    bench.set("Wish", "Sulk")


def test_4(bench):
    pass


def test_5(bench):
    pass
"""

ONCE = """
BEFORE = []


@pytest.mark.parametrize("number", range(3))
def test_it(bench, number):
    BEFORE.append(starts(bench))
    assert BEFORE[number] == BEFORE[0]
    assert len(told(bench)) == (number == 0)
"""


@pytest.fixture(scope="module")
def served(car: Car) -> Iterator[Served]:
    with car.serve_udp(car.bench("lamp", None, nodes={"LAMP": "Lamp"})) as served:
        yield served


def run(car: Car, reset: str, body: str, scope: str = "test", more: str = "") -> Outcome:
    car.ask(Operation.POWER_ON, "LAMP")  # the last run has left its supply off
    car.tell(400, 0)  # it is not to sulk any more
    car.tell(402, 1)
    table = f'[reset]\n{RESETS[reset]}\nscope = "{scope}"\nwithin = "1 s"\n{more}'
    tables = [table, SUPPLY] if reset == "power cycle" else [table]
    bench = car.udp("reset", *tables, served=False, nodes={**NODES, "HORN": "absent"})
    return car.run(bench, HEAD + body)


@pytest.mark.parametrize("reset", RESETS)
def test_before_every_test_and_blocked_when_the_device_does_not_come_back(car: Car, served: Served, reset: str) -> None:
    outcome = run(car, reset, EVERY_TEST)
    assert list(outcome.verdicts.values()) == ["passed", "passed", "passed", "blocked", "blocked"], outcome.out
    for name in ("test_4", "test_5"):
        why = outcome.message(name)
        if reset == "diagnostic":
            assert "reset by diagnostic request to 0x7A0: the answer 03 7f 11" in why
        else:
            assert f"reset by {reset}: LAMP was not heard again within 1 s" in why


def test_a_node_that_goes_on_while_its_supply_is_off_blocks_the_test(car: Car, served: Served) -> None:
    outcome = run(car, "power cycle", "\nSupply.connected = False\n" + ONCE)
    assert set(outcome.verdicts.values()) == {"blocked"}
    assert "LAMP went on sending while it was off for 300 ms" in outcome.message("test_it[0]")


@pytest.mark.parametrize("scope", ["module", "run"])
def test_once_per_file_or_once_per_run(car: Car, served: Served, scope: str) -> None:
    outcome = run(car, "frame", ONCE, scope)
    assert set(outcome.verdicts.values()) == {"passed"}, outcome.out


def test_a_reset_that_has_failed_is_due_again(car: Car, served: Served) -> None:
    body = "\nSupply.connected = False\n\ndef test_0(bench):\n    pass\n\ndef test_1():\n    Supply.connected = True\n"
    outcome = run(car, "power cycle", f"{body}\n{ONCE}", "run")
    verdicts = outcome.verdicts
    assert verdicts.pop("test_0") == "blocked"
    assert set(verdicts.values()) == {"passed"}, outcome.out
