"""The codec against cantools, message by message, over every database at hand.

Run ``python -m benchmarks.codec`` (``--quick`` for a sample). Both engines work on the same payloads and values in
turns, and the best of several turns counts, so that other load on the machine disturbs both alike.
"""

from __future__ import annotations

import argparse
import logging
import random
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from harness.errors import DatabaseError, SignalError
from harness.signals.database import load_database
from harness.signals.definitions import MessageDef

ROOT = Path(__file__).parent.parent
PAYLOADS = 8


class Ratios(NamedTuple):
    """How many times faster than cantools; None where a message offers nothing to measure."""

    decode: float
    encode: float | None
    signal: float


def run(quick: bool) -> list[tuple[str, str, str]]:
    """Rows of (figure, measured, target)."""
    rng = random.Random(1)
    by_database = [
        ratios for pairs in _databases() if (ratios := _measure_database(pairs, rng, messages=3 if quick else 8))
    ]
    rows = [("databases measured", str(len(by_database)), "")]
    for figure, field, median, worst in (
        ("decode", "decode", 3.5, 2.0),
        ("strict encode", "encode", 6.0, 4.0),
        ("one signal (full decode by cantools)", "signal", 12.0, 3.5),
    ):
        found = [getattr(ratios, field) for ratios in by_database if getattr(ratios, field) is not None]
        rows.append(
            (
                f"codec: {figure}, times cantools, median database (worst)",
                f"{statistics.median(found):.1f} ({min(found):.1f})",
                f">= {median} ({worst})",
            )
        )
    return rows


def _databases() -> Iterator[list[tuple[MessageDef, Any]]]:
    """Our message and cantools' for each message with signals, one list per database."""
    from cantools.database import load_file
    from cantools.database.errors import Error

    logging.getLogger("cantools").setLevel(logging.ERROR)
    for path in _files():
        try:
            ours = load_database(path)
            theirs: Any = load_file(path)
        except (DatabaseError, Error):
            continue
        pairs = [(own, peer) for own, peer in zip(ours.messages, theirs.messages, strict=True) if own.signals]
        if pairs:
            yield pairs


def _files() -> Iterable[Path]:
    folders = [ROOT / "dbc", ROOT.parent / "shared" / "data" / "dbc" / "files"]
    return [path for folder in folders for path in sorted(folder.rglob("*.*")) if path.is_file()]


def _measure_database(pairs: list[tuple[MessageDef, Any]], rng: random.Random, messages: int) -> Ratios | None:
    chosen = rng.sample(pairs, min(messages, len(pairs)))
    measured = [ratios for own, peer in chosen if (ratios := _measure(own, peer, rng))]
    if not measured:
        return None
    encodes = [ratios.encode for ratios in measured if ratios.encode is not None]
    return Ratios(
        statistics.median(ratios.decode for ratios in measured),
        statistics.median(encodes) if encodes else None,
        statistics.median(ratios.signal for ratios in measured),
    )


def _measure(own: MessageDef, peer: Any, rng: random.Random) -> Ratios | None:
    payloads = [data for _ in range(40) if own.codec.decodable(data := rng.randbytes(own.length)) is None][:PAYLOADS]
    if not payloads:
        return None
    encodable = [values for data in payloads if _is_encodable(own, peer, values := own.codec.decode(data))]
    carried = own.codec.decode(payloads[0])
    reader = own.codec.signal_raw(rng.choice(list(carried)))
    decode, signal = _times_faster(
        lambda data: peer.decode(data, decode_choices=False), [own.codec.decode, reader], payloads
    )
    if not encodable:
        return Ratios(decode, None, signal)
    own.codec.encode(encodable[0])
    (encode,) = _times_faster(peer.encode, [own.codec.encode], encodable)
    return Ratios(decode, encode, signal)


def _is_encodable(own: MessageDef, peer: Any, values: dict[str, Any]) -> bool:
    from cantools.database.errors import Error

    try:
        return bool(own.codec.encode(values) == peer.encode(values))
    except (SignalError, Error, OverflowError):
        return False


def _times_faster(peer: Callable[[Any], Any], own: list[Callable[[Any], Any]], arguments: list[Any]) -> list[float]:
    """Ratio of the best times, taken in turns."""
    best = [float("inf")] * (1 + len(own))
    for _ in range(7):
        for index, function in enumerate([peer, *own]):
            best[index] = min(best[index], _time(function, arguments, 3 if index == 0 else 12))
    return [best[0] / each for each in best[1:]]


def _time(function: Callable[[Any], Any], arguments: list[Any], rounds: int) -> float:
    """Seconds of one call."""
    start = time.perf_counter()
    for _ in range(rounds):
        for argument in arguments:
            function(argument)
    return (time.perf_counter() - start) / (rounds * len(arguments))


def main() -> None:
    """Print the figures as a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer messages per database")
    for figure, measured, target in run(parser.parse_args().quick):
        print(f"{figure:88} {measured:>14}   {target}")


if __name__ == "__main__":
    main()
