"""The safe state: in order, whatever fails, whatever interrupts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from emulated import LIMITS, console_spec, relay_spec, supply_spec

from harness.errors import InstrumentError
from harness.instruments import open_instruments
from harness.instruments.safety import SafeReport, SafeResult, Safety, raising_on_sigterm
from harness.units import V


class Member:
    """Something with a safe state. fails: what its attempts raise, one by one."""

    def __init__(self, name: str, text: str = "off", *fails: BaseException, order: list[str] | None = None) -> None:
        self.name, self.text, self.fails = name, text, list(fails)
        self.order = [] if order is None else order

    def safe(self) -> str:
        self.order.append(self.name)
        if self.fails:
            raise self.fails.pop(0)
        return self.text


def test_nothing_to_reach() -> None:
    report = Safety().reach()
    assert report.confirmed and str(report) == "safe state confirmed: nothing has one to reach"


def test_in_the_declared_order_and_those_that_need_none_are_not_named() -> None:
    order: list[str] = []
    safety = Safety([Member("supply", order=order), Member("meter", "", order=order)])
    safety.add(Member("powertrain", "silent", order=order))
    assert safety.report is None
    report = safety.reach()
    assert order == ["supply", "meter", "powertrain"]
    assert str(report) == "safe state confirmed: supply off, powertrain silent"
    assert safety.report is report


def test_one_that_fails_keeps_no_other() -> None:
    order: list[str] = []
    members = [
        Member("supply", "off", InstrumentError("supply on /dev/ttyUSB0: no answer"), order=order),
        Member("odd", "off", ZeroDivisionError(), order=order),
        Member("relay", "main open", order=order),
    ]
    safety = Safety(members)
    report = safety.reach()
    assert order == ["supply", "odd", "relay"] and not report.confirmed
    assert str(report) == (
        "safe state NOT confirmed: supply (/dev/ttyUSB0: no answer), odd (ZeroDivisionError); "
        "confirmed: relay main open"
    )
    assert safety.reach().confirmed  # reached again, and now they answer


def test_a_report_crosses_processes() -> None:
    report = SafeReport((SafeResult("supply", False, "no answer"), SafeResult("relay", True, "main open")))
    assert SafeReport.from_json(json.loads(json.dumps(report.to_json()))) == report


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt(), SystemExit(143)])
def test_an_interrupt_does_not_keep_the_bench_from_being_safe(interrupt: BaseException) -> None:
    order: list[str] = []
    safety = Safety([Member("supply", "off", interrupt, order=order), Member("relay", "main open", order=order)])
    with pytest.raises(type(interrupt)) as caught:
        safety.reach()
    assert caught.value is interrupt
    assert order == ["supply", "supply", "relay"]
    assert str(safety.report) == "safe state confirmed: supply off, relay main open"


def test_somebody_who_interrupts_again_and_again() -> None:
    many = [KeyboardInterrupt() for _ in range(5)]
    safety = Safety([Member("supply", "off", *many), Member("relay", "main open")])
    with pytest.raises(KeyboardInterrupt):
        safety.reach()
    assert str(safety.report) == (
        "safe state NOT confirmed: supply (interrupted by KeyboardInterrupt); confirmed: relay main open"
    )


def test_sigterm_raises_in_the_block_only() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as caught, raising_on_sigterm():
        os.kill(os.getpid(), signal.SIGTERM)
    assert caught.value.code == 143
    assert signal.getsignal(signal.SIGTERM) is before
    entered: list[bool] = []

    def elsewhere() -> None:
        with raising_on_sigterm():
            entered.append(True)

    thread = Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert entered


# -- against emulators -------------------------------------------------------------------------------------------------

pytest.importorskip("serial", reason="instruments need pyserial")
emulators = pytest.importorskip("harness.instruments.emulators", reason="pseudo-terminals exist on POSIX only")


def test_a_bench_is_made_safe() -> None:
    with (
        emulators.SupplyEmulator() as supply,
        emulators.RelayBoardEmulator() as relay,
        emulators.ConsoleEmulator() as ecu,
    ):
        specs = [supply_spec(supply.port), relay_spec(relay.port), console_spec(ecu.port)]
        instruments = open_instruments(specs)
        instruments.supply().set_voltage(12 * V)
        instruments.supply().switch_on()
        instruments.relay().close("main")
        safety = Safety(instruments)
        report = safety.reach()
        assert str(report) == "safe state confirmed: supply off, relay main open"
        assert not supply.output.on and not relay.driven[0]
        relay.driven[0] = True
        supply.fault = emulators.Fault.SILENCE
        report = safety.reach()
        assert str(report).startswith(f"safe state NOT confirmed: supply ({supply.port}: ")
        assert "no answer within 2 s" in str(report) and str(report).endswith("; confirmed: relay main open")
        assert not relay.driven[0]
        instruments.disconnect()


RUN = """
import sys, time
from harness.instruments import InstrumentSpec, open_instruments
from harness.instruments.safety import Safety, raising_on_sigterm
spec = InstrumentSpec("supply", "scpi-supply", sys.argv[1], options={limits})
instruments = open_instruments([spec])
safety = Safety(instruments)
with raising_on_sigterm():
    try:
        instruments.supply().set_voltage(12.0)
        instruments.supply().switch_on()
        print("on", flush=True)
        {what}
    finally:
        print(safety.reach(), flush=True)
        instruments.disconnect()
"""


@pytest.mark.parametrize(
    ("what", "number", "code"),
    [
        ("sys.stdin.read()", signal.SIGINT, -signal.SIGINT),
        ("sys.stdin.read()", signal.SIGTERM, 143),
        ("1 / 0", None, 1),
        ("pass", None, 0),
    ],
)
def test_however_a_run_ends(what: str, number: Any, code: int, tmp_path: Path) -> None:
    with emulators.SupplyEmulator() as supply:
        run = subprocess.Popen(
            [sys.executable, "-c", RUN.format(limits=LIMITS, what=what), supply.port],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert run.stdout is not None
        assert run.stdout.readline() == "on\n"
        if number is not None:
            assert supply.output.on
            run.send_signal(number)
        out, _ = run.communicate(timeout=30)
        assert out == "safe state confirmed: supply off\n"
        assert run.returncode == code and not supply.output.on
