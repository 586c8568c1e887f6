"""The command: what it listens to, what it prints, how it ends; and that it never sends."""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread

import can
import pytest
from listened import MS, bench_file, pedals

from harness.adapter.items import Heard, Item
from harness.adapter.spec import AdapterSpec, Capabilities
from harness.bench import Blueprint
from harness.errors import AdapterError, AdapterLost, ConfigError
from harness.frames import Frame
from harness.lease import FOLDER_VARIABLE
from harness.screen import cli_monitor
from harness.screen.listening import Listening, adapters, exclusive, listening
from harness.screen.monitoring import monitor
from harness.screen.snapshot import Wanted
from harness.wall import clock_ns

ROOT = Path(__file__).parents[2]
WAIT_S = 30.0
"""Only what hangs exceeds it."""


def chosen(*options: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    cli_monitor.add_options(parser)
    return parser.parse_args(options)


def until(happened: Callable[[], bool], what: str = "it did not happen") -> None:
    end = clock_ns() + round(WAIT_S * 1e9)
    while not happened():
        assert clock_ns() < end, what
        Event().wait(0.01)


@pytest.fixture(autouse=True)
def leases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "leases"))


# -- adapters that come and go -----------------------------------------------------------------------------------------


class Scripted:
    """An adapter that reports what it was given, one after the other; an exception is raised. It has no way to send."""

    capabilities = Capabilities("host", 0, False, False, False, False, False)

    def __init__(self, *script: Item | Exception, reopens: int = 1) -> None:
        self.script = list(script)
        self.reopened = 0
        self.closed = False
        self._reopens = reopens

    def receive(self, timeout_s: float) -> Item | None:
        if not self.script:
            Event().wait(min(timeout_s, 0.01))
            return None
        step = self.script.pop(0)
        if isinstance(step, Exception):
            raise step
        return step

    def reopen(self) -> None:
        self.reopened += 1
        if self.reopened < self._reopens:
            raise AdapterError("still not there")

    def close(self) -> None:
        self.closed = True


def heard_by(blueprint: Blueprint, adapter: Scripted) -> Listening:
    return Listening(blueprint, adapters(blueprint.file, [], acknowledge=False), lambda _: adapter)


@pytest.fixture
def garage(tmp_path: Path) -> Blueprint:
    return Blueprint.load(bench_file(tmp_path))


def test_an_adapter_that_is_gone_is_told_and_found_again(garage: Blueprint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.screen.listening.RETRY_S", 0.01)
    frame = Heard(clock_ns(), Frame(300, bytes(2)))
    adapter = Scripted(frame, AdapterLost("unplugged"), frame, reopens=3)
    source = heard_by(garage, adapter)
    troubles: set[str] = set()

    def found_again() -> bool:
        troubles.add(source.shot(Wanted()).channels[0].trouble)
        return adapter.reopened == 3

    source.start()
    try:
        until(found_again)
        until(lambda: source.shot(Wanted()).channels[0].count == 2)
        assert "unplugged" in troubles and source.shot(Wanted()).channels[0].trouble == ""
    finally:
        source.close()
    assert adapter.closed and source.fault is None


def test_a_listener_that_breaks_ends_the_monitor_with_its_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    adapter = Scripted(ZeroDivisionError("the listener is at fault"))
    code = monitor(chosen(str(bench_file(tmp_path))), Event(), lambda _: adapter)
    printed = capsys.readouterr()
    assert code == 1 and adapter.closed
    assert "ZeroDivisionError: the listener is at fault" in printed.err and "bench garage" in printed.out


def test_when_one_adapter_cannot_be_opened_none_stays_open(tmp_path: Path) -> None:
    blueprint = Blueprint.load(ROOT / "benches" / "udp.toml", code=False)
    first = Scripted()

    def open_adapter(spec: AdapterSpec) -> Scripted:
        if spec.channel == "body":
            raise AdapterError("no such adapter")
        return first

    with pytest.raises(AdapterError, match="no such adapter"):
        Listening(blueprint, adapters(blueprint.file, [], acknowledge=False), open_adapter)
    assert first.closed


def test_what_a_stalled_terminal_leaves_waiting_is_bounded_and_told(
    garage: Blueprint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.screen.listening.MOST_WAITING", 10)
    adapter = Scripted(*[Heard(number * MS, Frame(300, bytes(2))) for number in range(30)])
    source = heard_by(garage, adapter)
    source.start()
    until(lambda: not adapter.script)
    source.close()
    row = source.shot(Wanted()).channels[0]
    assert row.count + row.overruns == 30 and row.count == 9


def test_a_reset_begins_anew(garage: Blueprint) -> None:
    adapter = Scripted(Heard(clock_ns(), Frame(300, bytes(2))))
    with listening(garage, adapters(garage.file, [], acknowledge=False), lambda _: adapter) as source:
        until(lambda: source.shot(Wanted()).channels[0].count == 1)
        source.reset()
        assert source.shot(Wanted()).channels[0].count == 0


# -- which adapters ----------------------------------------------------------------------------------------------------


def test_it_listens_only_where_it_can_unless_it_is_asked_to_acknowledge(garage: Blueprint) -> None:
    assert [spec.listen_only for spec in adapters(garage.file, [], acknowledge=False)] == [True]
    assert [spec.listen_only for spec in adapters(garage.file, ["can"], acknowledge=True)] == [False]


def test_a_channel_is_chosen_by_name(garage: Blueprint) -> None:
    file = Blueprint.load(ROOT / "benches" / "udp.toml", code=False).file
    assert [spec.channel for spec in adapters(file, [], acknowledge=False)] == ["powertrain", "body"]
    assert [spec.channel for spec in adapters(file, ["body"], acknowledge=False)] == ["body"]
    with pytest.raises(ConfigError, match="no channel 'bodi'; did you mean 'body'"):
        adapters(file, ["bodi"], acknowledge=False)


def test_only_serial_ports_are_leased() -> None:
    for name, count in (("slcan", 2), ("udp", 0)):
        file = Blueprint.load(ROOT / "benches" / f"{name}.toml", code=False).file
        assert len(exclusive(file, adapters(file, [], acknowledge=False)).channels) == count


# -- the command -------------------------------------------------------------------------------------------------------


def command(*options: str) -> list[str]:
    return [sys.executable, "-m", "harness.cli", "monitor", *options]


@pytest.fixture
def sender(tmp_path: Path) -> Iterator[tuple[Path, can.BusABC]]:
    """A bench over udp_multicast, and somebody who sends there."""
    pytest.importorskip("msgpack")
    path = bench_file(tmp_path, "udp_multicast", "239.74.163.2", "options = { port = 43117 }")
    with can.Bus(interface="udp_multicast", channel="239.74.163.2", port=43117) as bus:
        yield path, bus


class Sending:
    """Sends Pedals over and over while a ``with`` lasts, and keeps what others send."""

    def __init__(self, path: Path, bus: can.BusABC) -> None:
        self._plan = Blueprint.load(path).channels[0].messages["Pedals"]
        self._bus = bus
        self._end = Event()
        self.others: set[int] = set()
        self._thread = Thread(target=self._run)

    def _run(self) -> None:
        number = 0
        while not self._end.wait(0.005):
            frame = pedals(self._plan, number % 15, 40.0)
            self._bus.send(can.Message(arbitration_id=frame.id, data=frame.data, is_extended_id=False))
            number += 1
            while (message := self._bus.recv(0)) is not None:
                self.others |= {message.arbitration_id} - {160}

    def __enter__(self) -> Sending:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()


def test_into_a_pipe_it_prints_one_snapshot_in_the_end(sender: tuple[Path, can.BusABC]) -> None:
    with Sending(*sender) as sending:
        done = subprocess.run(
            command(str(sender[0]), "--seconds", "1.5", "--filter", "brake"),
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode == 0 and done.stderr == "listening to can (udp_multicast:239.74.163.2) for 1.5 s\n"
    assert re.search(r"0x0A0\s+Pedals\s+PEDAL\s+10 ms", done.stdout) and "BrakePedal  40.0 %" in done.stdout
    assert "\x1b" not in done.stdout
    assert sending.others == set()  # and it has sent nothing


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_what_was_seen_is_json(sender: tuple[Path, can.BusABC], number: signal.Signals) -> None:
    with subprocess.Popen(
        command(str(sender[0]), "--json"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "listening to can (udp_multicast:239.74.163.2); Ctrl-C ends it\n"
        process.send_signal(number)
        out, errors = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0 and errors == ""
    found = json.loads(out)
    assert found["bench"] == "garage" and [channel["name"] for channel in found["channels"]] == ["can"]


@pytest.mark.parametrize(
    ("bench", "options", "why"),
    [
        ("virtual.toml", [], "powertrain and body are simulated, so there is no adapter to listen to"),
        ("virtual.toml", [], "harness simulate"),
        ("udp.toml", ["--channel", "bodi"], "has no channel 'bodi'"),
        ("slcan.toml", ["--channel", "body"], "cannot be opened"),
        ("no_such.toml", [], "does not exist"),
    ],
)
def test_what_cannot_be_listened_to_is_one_line_and_code_2(
    bench: str, options: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = signal.getsignal(signal.SIGINT)
    assert cli_monitor.run(chosen(str(ROOT / "benches" / bench), *options)) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.count("\n") == 1 and why in printed.err
    assert signal.getsignal(signal.SIGINT) is before


def test_without_rich_the_extra_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "rich.console", None)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert cli_monitor.run(chosen(str(bench_file(tmp_path)))) == 2
    assert "vehicle-harness[bench]" in capsys.readouterr().err


def test_a_serial_port_that_somebody_else_reads_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from harness.bench.rig import resources
    from harness.lease import take

    path = bench_file(tmp_path, "slcan", "./port")
    with take(resources(Blueprint.load(path).file), "garage", "pytest suites"):
        assert cli_monitor.run(chosen(str(path))) == 2
    assert "pytest suites" in capsys.readouterr().err


# -- the live view, in a terminal of its own ---------------------------------------------------------------------------

pty = pytest.importorskip("pty", reason="pseudo-terminals exist on POSIX only")


class Terminal:
    """The command in a terminal of its own, as somebody sits before it."""

    def __init__(self, *options: str, rows: int = 40, columns: int = 120) -> None:
        import fcntl
        import struct
        import termios

        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.before = termios.tcgetattr(slave)
        self.process = subprocess.Popen(
            command(*options), stdin=slave, stdout=slave, stderr=slave, env={**os.environ, "TERM": "xterm-256color"}
        )
        self._slave = slave
        self.shown = ""

    def read(self) -> str:
        import select

        while select.select([self.master], [], [], 0.02)[0]:
            self.shown += os.read(self.master, 65536).decode("utf-8", "replace")
        return self.shown

    def until(self, text: str, after: int = 0) -> int:
        """Wait until a text is shown; returns how much has been."""
        until(lambda: text in self.read()[after:], f"{text!r} is not shown")
        return len(self.shown)

    def press(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def end(self) -> None:
        """It ends by itself, with success, and the terminal is as before."""
        import termios

        until(lambda: (self.read(), self.process.poll())[1] is not None, "it does not end")
        self.read()
        assert self.process.returncode == 0, self.shown[-2000:]
        assert self.shown.count("\x1b[?1049h") == self.shown.count("\x1b[?1049l") == 1  # the alternate screen
        assert self.shown.rindex("\x1b[?25h") > self.shown.rindex("\x1b[?25l")  # the cursor
        assert termios.tcgetattr(self._slave)[3] == self.before[3]

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self._slave)


@pytest.fixture
def terminal(sender: tuple[Path, can.BusABC]) -> Iterator[Terminal]:
    pytest.importorskip("rich")
    with Sending(*sender):
        terminal = Terminal(str(sender[0]))
        yield terminal
        terminal.close()


def test_what_comes_is_shown_filtered_and_left_with_a_key(terminal: Terminal) -> None:
    terminal.until("Pedals")
    terminal.until("40.0 %")
    terminal.press("/zz")
    terminal.until("filter:")
    seen = terminal.until("matches 'zz'")
    terminal.press("\x1b")
    terminal.until("Pedals", after=seen)
    terminal.press("q")
    terminal.end()
    assert "0x0A0" not in terminal.shown.split("\x1b[?1049l")[1]  # only a summary stays
    assert "bench garage" in terminal.shown.split("\x1b[?1049l")[1]


@pytest.mark.parametrize("how", ["ctrl-c", "SIGTERM", "SIGHUP"])
def test_the_terminal_is_as_before_however_it_ends(terminal: Terminal, how: str) -> None:
    terminal.until("Pedals")
    if how == "ctrl-c":
        terminal.process.send_signal(signal.SIGINT)  # what the terminal's driver sends
    else:
        terminal.process.send_signal(getattr(signal, how))
    terminal.end()
