"""Frames that no right vehicle sends, from somebody else on the bus: red in the test during which they came."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import killers
import pytest
from killers import Killer
from live_car import Car, Outcome, Served

pytest.importorskip("msgpack", reason="python-can's udp_multicast needs msgpack")

HEAD = """
LAMPS, HEALTH, TONES = 300, 301, 310


def newest(bench, message):
    bench.expect(bench.signal("BrakeLamp") == "Off", within=1500 * ms)
    return bench.traffic(message).frames[-1].frame.data
"""

SEEN = "bench.wait(100 * ms)"
USED = 'bench.signal("BrakeLamp"), bench.signal("Horn")\n'

KILLERS = [
    Killer("a_short_frame", f"{USED}intruder(LAMPS, [1])\n{SEEN}",
           "failed", r"message 'Lamps' has 4 bytes, the frame has 1", takes="intruder"),
    Killer("a_frame_that_is_too_long", f"{USED}intruder(TONES, [1, 2, 3, 4, 5, 6, 7, 8])\n{SEEN}",
           "failed", r"message 'Tones' has 1 bytes, the frame has 8", takes="intruder"),
    Killer("an_unknown_identifier", f"intruder(0x555, [1, 2])\n{SEEN}",
           "failed", "identifier 0x555 is in no database of channel 'can'", takes="intruder"),
    Killer("a_wrong_counter", f'data = bytearray(newest(bench, "Lamps"))\nintruder(LAMPS, data)\n{SEEN}',
           "failed", r"Lamps \(0x12C\) has the counter \d+, expected", takes="intruder"),
    Killer("a_wrong_crc", f'data = bytearray(newest(bench, "Lamps"))\ndata[0] ^= 1\nintruder(LAMPS, data)\n{SEEN}',
           "failed", r"Lamps \(0x12C\) has a wrong checksum", takes="intruder"),
    Killer("a_wrong_crc_where_nobody_looks", f"intruder(HEALTH, [0x55] * 4)\n{SEEN}",
           "failed", r"Health \(0x12D\) has a wrong checksum", takes="intruder"),
    Killer("two_senders", f"intruder(160, [1, 2, 3, 4])\n{SEEN}",
           "blocked", r"two senders: 0x0A0 came from somebody else on 'can'.* this bench sends it for PEDAL",
           takes="intruder"),
    Killer("a_frame_that_is_swallowed",
           f"intruder(0x555, [1, 2])\ntry:\n    {SEEN}\nexcept Exception:\n    pass",
           "failed", "identifier 0x555 is in no database of channel 'can'", takes="intruder"),
    Killer("a_frame_while_the_test_sleeps", "intruder(0x555, [1, 2])\ntime.sleep(0.2)",
           "failed", "identifier 0x555 is in no database of channel 'can'", takes="intruder"),
]  # fmt: skip


@pytest.fixture(scope="module")
def served(car: Car) -> Iterator[Served]:
    with car.serve_udp() as served:
        yield served


@pytest.fixture(scope="module")
def strict(car: Car) -> Path:
    return car.udp("strict", '[policy]\nunknown_frame = "fail"\nprotection = "fail"')


@pytest.fixture(scope="module")
def outcome(car: Car, served: Served, strict: Path) -> Outcome:
    return killers.run(car, strict, KILLERS, head=HEAD)


@pytest.mark.parametrize("killer", KILLERS, ids=str)
def test_it_is_red_in_the_test_in_which_it_came(outcome: Outcome, killer: Killer) -> None:
    killers.check(outcome, KILLERS, killer)
