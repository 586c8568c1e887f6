"""Loop and bus against hilspy's clock in the same run: 20 messages at 10 ms on one bus of 500 kbit/s.

Run ``python -m benchmarks.kernel`` (``--quick`` for a sample). Speeds are simulated seconds per second of processor
time, the best of several rounds; our rounds and the peer's alternate. A cost in *heap pairs* is divided by what one
push and pop on a heap like the loop's costs in the same run, so it can be compared between machines.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from heapq import heappop, heappush
from pathlib import Path
from typing import Any

import hilspy

from harness.bus.port import Port
from harness.bus.simulated import SimBus
from harness.frames import Frame, Received
from harness.loop import Loop
from harness.protection import ProtectionSpec, Protector, make_protector
from harness.signals.definitions import MessageDef, SignalDef
from harness.signals.trace import Trace

MESSAGES = 20
CYCLE_NS = 10_000_000
FRAMES_PER_SECOND = MESSAGES * 1_000_000_000 // CYCLE_NS


class CountingLoop(Loop):
    """Counts the events that go through its heap."""

    def __init__(self) -> None:
        super().__init__()
        self.posted = 0

    def post(self, time: int, phase: int, callback: Callable[[Any], object], argument: Any) -> None:
        """Count it, and post it."""
        self.posted += 1
        super().post(time, phase, callback, argument)


class ProtectedSender:
    """A cyclic message with an alive counter and a CRC-8 in every frame."""

    def __init__(self, port: Port, key: int, protector: Protector) -> None:
        self.port = port
        self.key = key
        self.protector = protector
        self.data = bytearray([0, 0, key & 0xFF, 0x12, 0x34, 0x56, 0x78, 0x9A])
        self.counter = 0

    def send(self) -> None:
        """Protect the payload anew, and send it."""
        self.counter = (self.counter + 1) % self.protector.counter_modulo
        self.protector.protect(self.data, self.counter)
        self.port.send(Frame(self.key, bytes(self.data)))


class RandomSender:
    """A cyclic message with another random payload in every frame."""

    def __init__(self, port: Port, key: int, source: random.Random) -> None:
        self.port = port
        self.key = key
        self.random_bytes = source.randbytes

    def send(self) -> None:
        """Send eight random bytes."""
        self.port.send(Frame(self.key, self.random_bytes(8)))


class Checker:
    """A receiver that checks CRC and counter of every frame."""

    def __init__(self, protectors: dict[int, Protector]) -> None:
        self.protectors = protectors
        self.expected: dict[int, int] = {}
        self.frames = self.errors = 0

    def receive(self, received: Received) -> None:
        """Check one frame."""
        frame = received.frame
        protector = self.protectors[frame.id]
        valid, counter = protector.check(frame.data)
        self.frames += 1
        if not valid or self.expected.get(frame.id, counter) != counter:
            self.errors += 1
        self.expected[frame.id] = (counter + 1) % protector.counter_modulo


def protectors() -> dict[int, Protector]:
    """AUTOSAR profile 11 (CRC-8 in byte 0, counter in byte 1) for every message."""
    result: dict[int, Protector] = {}
    for index in range(MESSAGES):
        name = f"Message{index}"
        signals = (SignalDef("Crc", name, start=0, length=8), SignalDef("Counter", name, start=8, length=4))
        message = MessageDef(name, 0x100 + index, 8, signals)
        result[message.id] = make_protector(ProtectionSpec("P11", message.id, None, "Counter", "Crc"), message)
    return result


def world(loop: Loop, senders: str, receivers: int = 0) -> Callable[[], int]:
    """Build the scene on ``loop``; the result tells how many frames arrived, and raises if one was wrong.

    senders: ``protected`` or ``random``. receivers: how many nodes check the protection, with a recorder beside them;
    0: one node that only counts.
    """
    bus = SimBus(loop, "bus")
    known = protectors()
    source = random.Random(0)
    for index, (key, protector) in enumerate(known.items()):
        port = bus.attach(f"Node{index}")
        sender = ProtectedSender(port, key, protector) if senders == "protected" else RandomSender(port, key, source)
        loop.every(CYCLE_NS, sender.send)
    if not receivers:
        frames = [0]

        def receive(_: Received) -> None:
            frames[0] += 1

        bus.attach("Receiver").subscribe(receive)
        return lambda: frames[0]
    trace = Trace("bus")
    bus.observe(trace.append)
    checkers = [Checker(known) for _ in range(receivers)]
    for index, checker in enumerate(checkers):
        bus.attach(f"Receiver{index}").subscribe(checker.receive)

    def result() -> int:
        if any(checker.errors or checker.frames != len(trace.frames) for checker in checkers):
            raise SystemExit("a receiver missed frames, or found wrong ones")
        return len(trace.frames)

    return result


def ours(seconds: int, senders: str, receivers: int = 0) -> float:
    """Simulated seconds per second."""
    loop = Loop()
    arrived = world(loop, senders, receivers)
    begin = time.process_time()
    loop.run_until(seconds * 1_000_000_000 + CYCLE_NS // 2)
    spent = time.process_time() - begin
    if arrived() != seconds * FRAMES_PER_SECOND:
        raise SystemExit(f"{arrived()} frames arrived, not {seconds * FRAMES_PER_SECOND}")
    return seconds / spent


def theirs(seconds: int, database: Path) -> float:
    """hilspy's virtual clock: the same messages, without bit times, arbitration, counter or CRC; decoded on arrival."""
    clock = hilspy.Clock()
    codec = f"dbc:{database}"
    with (
        hilspy.open("mem://kernel", codec, clock=clock) as sender,
        hilspy.open("mem://kernel", codec, clock=clock) as receiver,
    ):
        fields = {f"Value{index}": index for index in range(4)}
        cyclic = [sender.every(CYCLE_NS / 1e9, f"Message{index}", fields) for index in range(MESSAGES)]
        frames = 0
        begin = time.process_time()
        for _ in range(seconds * 10):
            clock.advance(0.1)
            while receiver.recv(0) is not None:
                frames += 1
        spent = time.process_time() - begin
        for message in cyclic:
            message.stop()
    if abs(frames - seconds * FRAMES_PER_SECOND) > 2 * MESSAGES:
        raise SystemExit(f"hilspy delivered {frames} frames, not {seconds * FRAMES_PER_SECOND}")
    return seconds / spent


def write_database(path: Path) -> None:
    """The messages as hilspy reads them."""
    lines = ['VERSION ""', "BU_: Sender Receiver"]
    for index in range(MESSAGES):
        lines.append(f"BO_ {0x100 + index} Message{index}: 8 Sender")
        lines += [f' SG_ Value{i} : {16 * i}|16@1+ (1,0) [0|65535] "" Receiver' for i in range(4)]
    path.write_text("\n".join(lines) + "\n")


def heap_pair(pairs: int) -> float:
    """Seconds for one push and pop on a heap as the loop's, with as many events as there are messages."""
    heap: list[tuple[int, int, int, object, object]] = []
    for index in range(MESSAGES):
        heappush(heap, (index * CYCLE_NS // MESSAGES, 1, index, heap_pair, None))
    begin = time.process_time()
    for index in range(pairs):
        event = heappop(heap)
        heappush(heap, (event[0] + CYCLE_NS, 1, index, heap_pair, None))
    return (time.process_time() - begin) / pairs


def run(quick: bool) -> list[tuple[str, str, str]]:
    """Rows of (figure, measured, target)."""
    seconds, rounds = (5, 3) if quick else (20, 7)
    scenes: list[tuple[str, int, Callable[[], float]]] = [
        ("counter and CRC-8, one subscriber", 100, partial(ours, seconds, "protected")),
        ("eight random bytes, one subscriber", 100, partial(ours, seconds, "random")),
        ("recorder, two receivers, protection checks", 50, partial(ours, seconds, "protected", 2)),
    ]
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "kernel.dbc"
        write_database(database)
        best = [0.0] * len(scenes)
        peer, pair = 0.0, 1.0
        for _ in range(rounds):
            pair = min(pair, *(heap_pair(10_000) for _ in range(10)))
            peer = max(peer, theirs(seconds, database))
            best = [max(speed, measure()) for speed, (_, _, measure) in zip(best, scenes, strict=True)]
    rows = [("kernel, hilspy's clock: decoded, no bit times or arbitration", f"{peer:.0f} x real time", "")]
    for speed, (title, target, _) in zip(best, scenes, strict=True):
        cost = 1 / (speed * FRAMES_PER_SECOND)
        rows.append((f"kernel, {title}", f"{speed:.0f} x real time", f"{target} x"))
        rows.append(("  against hilspy's clock", f"{speed / peer:.2f} x", ""))
        rows.append(("  cost of a frame in heap pairs", f"{cost / pair:.1f} ({cost * 1e6:.2f} us)", ""))
    loop = CountingLoop()
    arrived = world(loop, "protected")
    loop.run_until(1_000_000_000 + CYCLE_NS // 2)
    # Every frame goes once through the queue that orders those who wait for the bus.
    pairs = loop.posted / arrived() + 1
    rows.append(("kernel, heap push and pop pairs per frame (loop and queue)", f"{pairs:.2f}", ""))
    return rows


def main() -> None:
    """Print the table."""
    for figure, measured, target in run(quick="--quick" in sys.argv):
        print(f"{figure:65} {measured:>20}   {target}")


if __name__ == "__main__":
    main()
