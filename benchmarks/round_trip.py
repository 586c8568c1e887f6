"""There and back between processes, and throughput inside one: the harness beside raw python-can, in the same run.

Run ``python -m benchmarks.round_trip`` (``--quick`` for a sample).

Round trip: a request goes out, a simulated ECU in another process (``harness simulate``) answers, the answer is seen.
The tester is either raw python-can (``send``, then ``recv`` until the answer is there), or a test (``bench.set``, then
``bench.expect``); they take turns. With ``udp_multicast`` there is a third figure: raw python-can
on both sides, so no simulated bus, whose two frames take 0.3 ms of bit times at 500 kbit/s, and no ECU model.

Throughput: frames per second of processor time through python-can's ``send`` and ``recv``, and through a ``Notifier``,
of the interface ``harness``, whose bus has arbitration and bit times, beside python-can's ``virtual``, which is a
queue. The simulated bus runs at a bit rate that carries whatever Python can send, so that the bit times do not count.
"""

from __future__ import annotations

import argparse
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import can

from harness.bench import Bench
from harness.units import s

REQUEST, ANSWER = 0x100, 0x101
GROUP, PORT, RAW_PORT = "239.74.163.62", 43_701, 43_702
PATIENCE_S = 5.0
TURNS = 5
"""Testers take turns: two who send the same frame on one channel at a time would be a fault of the bench."""
COLD = 5
"""Rounds at the beginning of a turn that are not counted."""
RATE = 20_000_000
"""Bit rate of the simulated bus for throughput, bit/s: a frame takes 6 µs."""

DATABASE = """VERSION ""
NS_ :
BS_:
BU_: TESTER ECHO
BO_ 256 Request: 4 TESTER
 SG_ Asked : 0|32@1+ (1,0) [0|4294967295] "" ECHO
BO_ 257 Answer: 4 ECHO
 SG_ Answered : 0|32@1+ (1,0) [0|4294967295] "" TESTER
BA_DEF_ BO_ "GenMsgSendType" ENUM "Cyclic","OnChange";
BA_DEF_DEF_ "GenMsgSendType" "OnChange";
"""
MODEL = """from harness import Ecu, on_message

class Echo(Ecu):
    node = "ECHO"

    @on_message("Request")
    def asked(self, message):
        self.set(Answered=self.get("Asked"))
"""
SERVED = """[channels.can]
database = "echo.dbc"
[nodes]
ECHO = { model = "echo:Echo" }
"""
LIVE = """[channels.can]
database = "echo.dbc"
port = "can"
interface = "%s"
channel = "%s"
%s
[served]
channel = "can"
[reset]
by = "served"
[nodes]
ECHO = { state = "real" }
"""
RAW_ECHO = """
import sys, can
with can.Bus(interface="udp_multicast", channel=sys.argv[1], port=int(sys.argv[2])) as bus:
    print("serving", flush=True)
    while True:
        message = bus.recv()
        if message.arbitration_id == 0x100:
            bus.send(can.Message(arbitration_id=0x101, data=message.data, is_extended_id=False))
"""


def run(quick: bool) -> list[tuple[str, str, str]]:
    """Rows of (figure, measured, target)."""
    rounds = 200 if quick else 1_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write(folder)
        rows = [*_udp(folder, rounds), *_slcan(folder, rounds)]
    return [*rows, *_throughput(5_000 if quick else 30_000)]


def _write(folder: Path) -> None:
    files = {
        "echo.dbc": DATABASE,
        "echo.py": MODEL,
        "served.toml": SERVED,
        "udp.toml": LIVE % ("udp_multicast", GROUP, f"options = {{ port = {PORT} }}"),
        "slcan.toml": LIVE % ("slcan", "./adapters/can", ""),
    }
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8")


# -- there and back ----------------------------------------------------------------------------------------------------

Round = Callable[[int], None]
"""One round trip; the number makes each request differ from the one before."""
Tester = AbstractContextManager[Round]


def _udp(folder: Path, rounds: int) -> Iterator[tuple[str, str, str]]:
    served = ["--interface", "udp_multicast", "--channel", f"can={GROUP}?port={PORT}"]
    with (
        _running("-m", "harness.cli", "simulate", str(folder / "served.toml"), *served),
        _running("-c", RAW_ECHO, GROUP, str(RAW_PORT)),
    ):
        testers = {
            "raw python-can on both sides": _Raw("udp_multicast", GROUP, port=RAW_PORT),
            "raw python-can, served ECU": _Raw("udp_multicast", GROUP, port=PORT),
            "bench.expect, served ECU": _Test(folder / "udp.toml"),
        }
        yield from _figures("udp_multicast", testers, rounds)


def _slcan(folder: Path, rounds: int) -> Iterator[tuple[str, str, str]]:
    served = ["--slcan", "--links", str(folder / "adapters")]
    with _running("-m", "harness.cli", "simulate", str(folder / "served.toml"), *served):
        port = str(folder / "adapters" / "can")
        testers = {
            "raw python-can, served ECU": _Raw("slcan", port, bitrate=500_000, sleep_after_open=0.0),
            "bench.expect, served ECU": _Test(folder / "slcan.toml"),
        }
        yield from _figures("slcan", testers, rounds)


def _figures(interface: str, testers: Mapping[str, Tester], rounds: int) -> Iterator[tuple[str, str, str]]:
    times: dict[str, list[float]] = {name: [] for name in testers}
    for first in range(0, rounds, rounds // TURNS):
        for name, tester in testers.items():
            with tester as there_and_back:
                times[name] += _measured(there_and_back, first, rounds // TURNS)
    yield from _rows(interface, times)


def _rows(interface: str, times: dict[str, list[float]]) -> Iterator[tuple[str, str, str]]:
    for name, each in times.items():
        median, rare = statistics.median(each), statistics.quantiles(each, n=100)[98]
        yield f"round trip over {interface}, {name}: median, p99", f"{median * 1e3:.2f}, {rare * 1e3:.2f} ms", ""


def _measured(there_and_back: Round, first: int, count: int) -> list[float]:
    """Seconds of each round; the first ones of a turn, when caches are cold, are not counted."""
    times = []
    for number in range(first, first + COLD + count):
        start = time.perf_counter()
        there_and_back(number)
        times.append(time.perf_counter() - start)
    return times[COLD:]


class _Raw:
    """A tester with nothing but python-can."""

    def __init__(self, interface: str, channel: str, **options: Any) -> None:
        self._open = partial(can.Bus, interface=interface, channel=channel, **options)

    def __enter__(self) -> Round:
        self._bus = self._open()
        return self._there_and_back

    def __exit__(self, *_: object) -> None:
        self._bus.shutdown()

    def _there_and_back(self, number: int) -> None:
        data = (number + 1).to_bytes(4, "little")
        self._bus.send(can.Message(arbitration_id=REQUEST, data=data, is_extended_id=False))
        while True:
            seen = self._bus.recv(PATIENCE_S)
            if seen is None:
                raise TimeoutError(f"no answer to request {number}")
            if seen.arbitration_id == ANSWER and seen.data == data:
                return


class _Test:
    """A tester that is a test."""

    def __init__(self, bench_file: Path) -> None:
        self._file = bench_file

    def __enter__(self) -> Round:
        self._bench = Bench.open(self._file)
        self._answered = self._bench.signal("Answered")
        return self._there_and_back

    def __exit__(self, *_: object) -> None:
        self._bench.close()

    def _there_and_back(self, number: int) -> None:
        self._bench.set("Asked", number + 1)
        self._bench.expect(self._answered == number + 1, within=round(PATIENCE_S) * s)


@contextmanager
def _running(*command: str) -> Iterator[None]:
    """A process of Python's, from when it says that it serves."""
    with subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if line.strip() == "serving":
                    break
            else:
                raise RuntimeError(f"{' '.join(command[:4])} does not serve")
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=PATIENCE_S)


# -- throughput --------------------------------------------------------------------------------------------------------


def _throughput(count: int) -> Iterator[tuple[str, str, str]]:
    options: dict[str, dict[str, int]] = {"virtual": {}, "harness": {"bitrate": RATE}}
    rates: dict[tuple[str, str], list[float]] = {}
    for _ in range(3):  # in turns; the best of three
        for interface, more in options.items():
            with (
                can.Bus(interface=interface, channel="throughput", **more) as one,  # type: ignore[arg-type]
                can.Bus(interface=interface, channel="throughput", **more) as two,  # type: ignore[arg-type]
            ):
                rates.setdefault(("send + recv", interface), []).append(_alternating(one, two, count))
                rates.setdefault(("send, all read afterwards", interface), []).append(_streaming(one, two, count))
                rates.setdefault(("send, Notifier", interface), []).append(_notified(one, two, count))
    best = {key: max(each) for key, each in rates.items()}
    for how in dict.fromkeys(how for how, _ in best):
        ours, peer = best[how, "harness"], best[how, "virtual"]
        yield (
            f"interface harness, {how}: frames per CPU second, share of virtual's",
            f"{ours:,.0f}, {ours / peer:.2f}",
            "",
        )


def _message(number: int) -> can.Message:
    return can.Message(arbitration_id=REQUEST, data=number.to_bytes(8, "little"), is_extended_id=False)


def _alternating(one: can.BusABC, two: can.BusABC, count: int) -> float:
    start = time.process_time()
    for number in range(count):
        one.send(_message(number))
        _demand(two.recv(PATIENCE_S), number)
    return count / (time.process_time() - start)


def _streaming(one: can.BusABC, two: can.BusABC, count: int) -> float:
    start = time.process_time()
    for number in range(count):
        one.send(_message(number))
    for number in range(count):
        _demand(two.recv(PATIENCE_S), number)
    return count / (time.process_time() - start)


def _notified(one: can.BusABC, two: can.BusABC, count: int) -> float:
    seen: list[can.Message] = []
    start = time.process_time()
    notifier = can.Notifier(two, [seen.append], timeout=0.1)
    for number in range(count):
        one.send(_message(number))
    until = time.monotonic() + PATIENCE_S + count / 1_000
    while len(seen) < count:
        if time.monotonic() > until:
            raise TimeoutError(f"{len(seen)} of {count} messages came")
        time.sleep(0.000_5)
    spent = time.process_time() - start
    notifier.stop()
    return count / spent


def _demand(message: can.Message | None, number: int) -> None:
    if message is None or message.data != number.to_bytes(8, "little"):
        raise RuntimeError(f"message {number} expected, {message} came")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    for figure, measured, target in run(parser.parse_args().quick):
        print(f"{figure:86} {measured:>18}   {target}", flush=True)


if __name__ == "__main__":
    main()
