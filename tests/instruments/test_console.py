"""The console against an emulated ECU: every line is recorded, and a reader that dies is noticed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import pytest
from emulated import console_spec

from harness.errors import ExpectationFailed, InstrumentError, UnitError
from harness.instruments import open_instrument
from harness.instruments.hooks import Hooks
from harness.instruments.serial_console import LONGEST_LINE
from harness.units import Duration, ms, s
from harness.wall import clock_ns

pytest.importorskip("serial", reason="instruments need pyserial")
emulators = pytest.importorskip("harness.instruments.emulators", reason="pseudo-terminals exist on POSIX only")
Fault, ConsoleEmulator = emulators.Fault, emulators.ConsoleEmulator

WAIT = 10 * s
BOOT = ["U-Boot 2024.01\r\n", 5 * ms, "Loading kernel ", 5 * ms, "... done\r\n", "\r\n", "login: "]


@dataclass
class Ears:
    """What the hooks were told."""

    lines: list[tuple[int, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    failures: list[InstrumentError] = field(default_factory=list)
    failed: Event = field(default_factory=Event)

    def failure(self, error: InstrumentError) -> None:
        self.failures.append(error)
        self.failed.set()

    def hooks(self, line: Callable[[int, str], object] | None = None) -> Hooks:
        return Hooks(self.notes.append, line or (lambda time, text: self.lines.append((time, text))), self.failure)


@pytest.fixture
def ecu() -> Iterator[Any]:
    with ConsoleEmulator(BOOT, answers={"root": "root\r\n# ", "version": "1.2.3\r\n# "}) as emulator:
        yield emulator


@pytest.fixture
def ears() -> Ears:
    return Ears()


@pytest.fixture
def console(ecu: Any, ears: Ears) -> Iterator[Any]:
    instrument = open_instrument(console_spec(ecu.port), ears.hooks())
    yield instrument
    instrument.disconnect()


def test_lines_prompts_and_answers(console: Any, ecu: Any, ears: Ears) -> None:
    before = clock_ns()
    ecu.reset()
    assert console.expect(r"kernel \.\.\. done", within=WAIT).text == "Loading kernel ... done"
    assert console.expect("login: $", within=WAIT).text == "login: "
    console.write("root\n")
    console.expect(re.compile("^# "), within=WAIT)
    console.write("version\n")
    line = console.expect(r"(\d+)\.(\d+)", within=WAIT)
    assert line.text == "# 1.2.3" and before <= line.time <= clock_ns()
    console.expect("#", within=WAIT)
    console.disconnect()
    assert [text for _, text in ears.lines] == [
        "U-Boot 2024.01",
        "Loading kernel ... done",
        "",
        "login: root",
        "# 1.2.3",
        "# ",
    ]
    assert all(before <= time <= clock_ns() for time, _ in ears.lines)
    assert ears.notes[0] == r"console: 'kernel \\.\\.\\. done' found in 'Loading kernel ... done'"
    assert "console: typed 'root\\n'" in ears.notes
    assert not ears.failures


def test_what_came_before_the_call_counts_once(console: Any, ecu: Any) -> None:
    ecu.print("ready 1\nready 2\nnothing\nready 3\n")
    console.expect("ready 3", within=WAIT)
    ecu.print("ready 4\n")
    assert console.expect("ready", within=WAIT).text == "ready 4"
    with pytest.raises(ExpectationFailed):
        console.expect("ready", within=100 * ms)


def test_expectations_go_on_where_the_last_one_found(console: Any, ecu: Any) -> None:
    ecu.print("one\ntwo\nthree\n")
    assert console.expect("o|t", within=WAIT).text == "one"
    assert console.expect("o|t", within=WAIT).text == "two"
    assert console.expect("o|t", within=WAIT).text == "three"


def test_a_prompt_is_found_once_also_when_its_line_ends_later(console: Any, ecu: Any) -> None:
    ecu.print("name? ")
    console.expect("name", within=WAIT)
    with pytest.raises(ExpectationFailed):
        console.expect("name", within=200 * ms)
    ecu.print("Bob, and my name is long\nnext\n")
    assert console.expect("name is", within=WAIT).text == "name? Bob, and my name is long"
    assert console.expect("next", within=WAIT).text == "next"


def test_half_a_line_is_no_prompt(console: Any, ecu: Any) -> None:
    """A byte comes, and then the others: what is found is the number, not its first digit."""
    for number in range(50):
        ecu.print("v")
        ecu.print(f"ersion 12{number}\n")
        assert console.expect(r"v.*\d", within=WAIT).text == f"version 12{number}"


def test_an_empty_line_is_found_once(console: Any, ecu: Any) -> None:
    ecu.print("one\n\ntwo\n\nthree\n")
    console.expect("^$", within=WAIT)
    console.expect("^$", within=WAIT)
    with pytest.raises(ExpectationFailed):
        console.expect("^$", within=100 * ms)


def test_forget(console: Any, ecu: Any) -> None:
    ecu.print("old\nol")
    console.expect("ol$", within=WAIT)
    ecu.print("d 2\nrest")
    console.expect("rest", within=WAIT)
    ecu.print(" of old\n old again")
    console.expect("again", within=WAIT)
    console.forget()
    with pytest.raises(ExpectationFailed):
        console.expect("old", within=200 * ms)


def test_what_does_not_come_is_told_with_what_came(console: Any, ecu: Any) -> None:
    ecu.print("one\ntwo\nthr")
    console.expect("thr", within=WAIT)
    with pytest.raises(ExpectationFailed) as caught:
        console.expect("ready", within=20 * ms)
    assert str(caught.value) == (
        "expect 'ready' on console console within 20 ms: not seen\n  the latest of 2 lines:\n    one\n    two\n"
        "    thr (no end of line yet)"
    )


def test_a_silent_ecu(console: Any) -> None:
    with pytest.raises(ExpectationFailed, match="it has printed no line"):
        console.expect("x", within=10 * ms)


@pytest.mark.parametrize("within", [10, 0.5, None])
def test_within_is_a_duration(console: Any, within: Any) -> None:
    with pytest.raises(UnitError):
        console.expect("x", within=within)


def test_bytes_that_are_no_text_are_not_lost(console: Any, ecu: Any, ears: Ears) -> None:
    ecu.send(b"caf\xc3")
    ecu.send(b"\xa9 \xff\xfe ok\n")
    assert console.expect("ok", within=WAIT).text == r"café \xff\xfe ok"


def test_a_line_without_end_is_cut(console: Any, ecu: Any, ears: Ears) -> None:
    ecu.send(b"a" * LONGEST_LINE)
    console.expect("a{100}", within=WAIT)
    ecu.send(b"b" * 100 + b"\n")
    console.expect("^b+$", within=WAIT)
    assert [len(line.text) for line in console.lines] == [LONGEST_LINE, 100]


def test_a_line_that_is_too_long_is_cut(console: Any, ecu: Any) -> None:
    """However its bytes arrive: here most of them are there before the console looks."""
    ecu.send(b"a" * LONGEST_LINE * 3 + b"b\nend\n")
    console.expect("^end$", within=WAIT)
    assert [len(line.text) for line in console.lines] == [LONGEST_LINE] * 3 + [1, 3]


def test_many_lines_are_all_recorded(console: Any, ecu: Any, ears: Ears) -> None:
    for number in range(2000):
        ecu.print(f"line {number}\r\n")
    console.expect("line 1999", within=WAIT)
    console.disconnect()
    assert [text for _, text in ears.lines] == [f"line {number}" for number in range(2000)]


def test_the_last_unfinished_line_is_recorded_at_the_end(console: Any, ecu: Any, ears: Ears) -> None:
    ecu.print("panic: at 0x")
    console.expect("panic", within=WAIT)
    console.disconnect()
    assert [text for _, text in ears.lines] == ["panic: at 0x"]


# -- a reader that dies ------------------------------------------------------------------------------------------------


def calls(console: Any) -> Iterator[Callable[[], object]]:
    yield lambda: console.expect("x", within=1 * s)
    yield lambda: console.write("x\n")
    yield lambda: console.lines
    yield console.forget
    yield console.check


@pytest.mark.parametrize("error", [ValueError("disk full"), SystemExit(3), KeyboardInterrupt()])
def test_a_hook_that_raises_is_never_lost(ecu: Any, ears: Ears, error: BaseException) -> None:
    def line(time: int, text: str) -> None:
        raise error

    console = open_instrument(console_spec(ecu.port), ears.hooks(line))
    ecu.print("hello\n")
    assert ears.failed.wait(10)
    assert len(ears.failures) == 1 and ears.failures[0].__cause__ is error
    for call in calls(console):
        with pytest.raises(InstrumentError, match=f"its reader is dead: {type(error).__name__}"):
            call()
    console.disconnect()


def test_the_cable_pulled_is_never_lost(console: Any, ecu: Any, ears: Ears) -> None:
    ecu.unplug()
    assert ears.failed.wait(10)
    for call in calls(console):
        with pytest.raises(InstrumentError, match=f"^console on {ecu.port}: its port is gone"):
            call()


def test_who_waits_is_woken_by_the_failure(console: Any, ecu: Any) -> None:
    begin = clock_ns()
    ecu.script = (20 * ms,)
    ecu.reset()
    ecu._printer.join()
    ecu.unplug()
    with pytest.raises(InstrumentError, match="its port is gone"):
        console.expect("x", within=60 * s)
    assert clock_ns() - begin < Duration(30 * s)  # and not after a minute


def test_a_reader_that_just_ends_is_never_lost(console: Any, ears: Ears, monkeypatch: pytest.MonkeyPatch) -> None:
    def ended(_: int) -> bytes:
        raise SystemExit

    monkeypatch.setattr(console._port, "read", ended)
    assert ears.failed.wait(10)
    with pytest.raises(InstrumentError, match="its reader is dead: SystemExit"):
        console.check()


def test_after_disconnect_every_call_raises(console: Any, ears: Ears) -> None:
    console.disconnect()
    console.disconnect()
    for call in calls(console):
        with pytest.raises(InstrumentError, match="disconnected"):
            call()
    assert not ears.failures


def test_it_needs_no_safe_state(console: Any) -> None:
    assert console.safe() == ""


@pytest.mark.parametrize("fault", [Fault.GARBAGE, Fault.HALF, Fault.SILENCE])
def test_a_faulty_line_does_not_kill_the_reader(console: Any, ecu: Any, fault: Any) -> None:
    ecu.fault = fault
    ecu.print("hello\n")
    ecu.fault = None
    ecu.print("\nthere\n")
    console.expect("^there$", within=WAIT)
