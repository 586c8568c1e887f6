"""What watching costs: the reference vehicle's own traffic, judged frame by frame as in a running world.

Run ``python -m benchmarks.monitors`` (``--quick`` for a sample). The frames of a drive are played through a loop; the
cost is the time with monitors less the time without, deadlines included, the best of several rounds. What every world
does anyway with each frame (its checksum and counter are understood once, for guard and receivers; the bus knows how
long it was busy) is in both. Decoding is one call of the message's codec for each frame. What a bench has found out
about payloads it keeps for all its worlds; the last figure is for a bench that sees each of them for the first time.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from types import SimpleNamespace
from typing import Any

from benchmarks.vehicle import BENCH, driving
from harness.bench.blueprint import Blueprint
from harness.bench.contract import bench_checks
from harness.bench.integrity import Incidents
from harness.bench.watching import Watching
from harness.frames import Received
from harness.loop import DELIVER, Loop
from harness.monitors.check import Check
from harness.monitors.contents import Contents
from harness.monitors.contract import bus_contract
from harness.monitors.cycle import CycleCheck
from harness.monitors.e2e import E2ECheck
from harness.units import s


class Tap:
    """Stands for a channel's bus: remembers who observes it."""

    def __init__(self) -> None:
        self.callbacks: list[Callable[[Received], object]] = []

    def observe(self, callback: Callable[[Received], object]) -> Callable[[], None]:
        """Remember it."""
        self.callbacks.append(callback)
        return lambda: None

    def observe_errors(self, callback: object) -> Callable[[], None]:
        """There are none."""
        return lambda: None


def run(quick: bool) -> list[tuple[str, str, str]]:
    """Rows of (figure, measured, target)."""
    blueprint = Blueprint.load(BENCH)
    bench = driving(blueprint)
    bench.wait((3 if quick else 15) * s)
    channels = bench.world.channels
    frames = sorted(
        (rx for channel in channels.values() for rx in channel.network.trace.frames), key=lambda rx: rx.time
    )
    rounds = 3 if quick else 7

    def contract() -> list[Check]:
        return list(bench_checks(blueprint, bus_contract(), {name: lambda now: 0 for name in channels}))

    def three() -> list[Check]:
        return [
            each for each in contract() if isinstance(each, (CycleCheck, Contents, E2ECheck)) and each.rule.protector
        ]

    watched = {(each.rule.channel, each.rule.message.key) for each in three() if isinstance(each, E2ECheck)}
    protected = [rx for rx in frames if (rx.channel, rx.frame.key) in watched]
    pair, decoding = _pair(), _decoding(blueprint, frames, rounds)
    cost_of_three = _cost(blueprint, protected, three, rounds)
    cost_of_all = _cost(blueprint, frames, contract, rounds)

    def contract_anew() -> list[Check]:
        blueprint.rules.clear()
        return contract()

    cost_anew = _cost(blueprint, frames, contract_anew, rounds)
    return [
        ("monitors, three checks on every frame, us a frame", f"{cost_of_three * 1e6:.2f}", "<= 1.5"),
        ("  in heap pairs", f"{cost_of_three / pair:.1f} ({pair * 1e9:.0f} ns)", ""),
        ("monitors, whole bus contract, us a frame", f"{cost_of_all * 1e6:.2f}", ""),
        ("  in heap pairs", f"{cost_of_all / pair:.1f}", ""),
        ("  times decoding each frame once", f"{cost_of_all / decoding:.2f} x ({decoding * 1e6:.2f} us)", "<= 1.5 x"),
        ("  each payload for the first time, us a frame", f"{cost_anew * 1e6:.2f}", ""),
        ("  frames, checks", f"{len(frames)}, {len(contract())}", ""),
    ]


def _cost(
    blueprint: Blueprint, frames: Sequence[Received], checks: Callable[[], Sequence[Check]], rounds: int
) -> float:
    """Seconds a frame."""
    best = {True: 9.9, False: 9.9}
    for _ in range(rounds):
        for watched in (False, True):
            spent = _play(blueprint, frames, checks() if watched else ())
            best[watched] = min(best[watched], spent)
    return (best[True] - best[False]) / len(frames)


def _play(blueprint: Blueprint, frames: Sequence[Received], checks: Sequence[Check]) -> float:
    loop = Loop()
    journal: list[Any] = []
    taps = {channel.name: Tap() for channel in blueprint.channels}
    world = SimpleNamespace(
        loop=loop,
        incidents=Incidents(loop, blueprint.file.policy, journal),
        channels={name: SimpleNamespace(bus=tap) for name, tap in taps.items()},
    )
    excuses = SimpleNamespace(until=lambda violation: None)
    bench: Any = SimpleNamespace(world=world, excuses=excuses, journal=journal)
    readings = {
        channel.name: {plan.message.key: plan.readings for plan in channel.messages.values()}
        for channel in blueprint.channels
    }
    if checks:
        Watching(bench, checks)
    observers = {name: tap.callbacks[0] if tap.callbacks else None for name, tap in taps.items()}
    following = iter(frames)

    def deliver(rx: Received) -> None:
        readings[rx[1]][rx[2].key][rx[2][1]]
        observer = observers[rx[1]]
        if observer is not None:
            observer(rx)
        coming = next(following, None)
        if coming is not None:
            loop.post(coming[0], DELIVER, deliver, coming)

    deliver(next(following))
    start = time.process_time()
    loop.run_until(frames[-1].time)
    return time.process_time() - start


def _decoding(blueprint: Blueprint, frames: Sequence[Received], rounds: int) -> float:
    """Seconds to decode a frame."""
    codecs = {
        (channel.name, plan.message.key): plan.message.codec.decode
        for channel in blueprint.channels
        for plan in channel.messages.values()
    }
    work = [(codecs[rx.channel, rx.frame.key], rx.frame.data) for rx in frames]
    best = 9.9
    for _ in range(rounds):
        start = time.process_time()
        for decode, data in work:
            decode(data)
        best = min(best, time.process_time() - start)
    return best / len(frames)


def _pair() -> float:
    """Seconds for one push and pop on a heap like the loop's."""
    heap: list[tuple[int, int, int, None, None]] = [(index, 0, index, None, None) for index in range(60)]
    best = 9.9
    for _ in range(5):
        start = time.process_time()
        for index in range(20_000):
            heappush(heap, (index + 60, 0, index, None, None))
            heappop(heap)
        best = min(best, time.process_time() - start)
    return best / 20_000


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="shorter runs")
    for figure, measured, target in run(parser.parse_args().quick):
        print(f"{figure:65} {measured:>16}   {target}")


if __name__ == "__main__":
    main()
