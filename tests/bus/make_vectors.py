"""Writes vectors.json: frames of every kind with their bit counts, from the reference in reference_bits.py.

Run as ``python tests/bus/make_vectors.py``; the outcome is the same every time. Half of the data fields are made of
bytes with long runs of equal bits, so that stuffing occurs at every place: uniform bytes alone would hardly stuff.

Each vector holds the arguments of ``frame_bits`` and

* ``nominal_bits``, ``data_bits``: bits at the two bit rates, SOF to EOF, stuff bits included, without intermission;
* ``stuff_bits``: dynamic stuff bits among them; ``fixed_stuff_bits``: fixed ones (FD only);
* ``crc``: the CRC sequence as a number.
"""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

from reference_bits import FD_LENGTHS, frame_bits, length_bits, levels

VECTORS = Path(__file__).with_name("vectors.json")
RUNS = (0x00, 0xFF, 0x0F, 0xF0, 0x1F, 0xE0, 0xF8, 0x07, 0x3C, 0xC3, 0x78, 0x87)


def main() -> None:
    random = Random(11898)
    frames: list[dict[str, int | bool | str]] = []
    for extended in (False, True):
        for dlc in (*range(9), *range(9), *range(9), *range(16), *range(16), *range(16)):
            frames.append(_frame(random, extended=extended, dlc=dlc, length=min(dlc, 8)))
        for dlc in range(16):
            frames.append(_frame(random, extended=extended, dlc=dlc, length=0, remote=True))
        for brs in (False, True):
            for dlc in (*range(16), *range(16)):
                frames.append(_frame(random, extended=extended, dlc=dlc, length=FD_LENGTHS[dlc], fd=True, brs=brs))
    lines = ",\n".join(json.dumps(frame) for frame in frames)
    VECTORS.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def _frame(
    random: Random,
    *,
    extended: bool,
    dlc: int,
    length: int,
    fd: bool = False,
    brs: bool = False,
    remote: bool = False,
) -> dict[str, int | bool | str]:
    id_bits = 29 if extended else 11
    id = random.choice((random.getrandbits(id_bits), random.getrandbits(id_bits), 0, (1 << id_bits) - 1))
    data = random.choice((random.randbytes(length), bytes(random.choices(RUNS, k=length))))
    esi = fd and random.random() < 0.25
    bits = frame_bits(id, data, extended=extended, fd=fd, brs=brs, esi=esi, remote=remote, dlc=dlc)
    nominal, in_data_phase = length_bits(
        id, data, extended=extended, fd=fd, brs=brs, esi=esi, remote=remote, dlc=dlc
    )
    return {
        "id": id, "data": data.hex(), "extended": extended, "fd": fd, "brs": brs, "esi": esi, "remote": remote,
        "dlc": dlc, "nominal_bits": nominal, "data_bits": in_data_phase,
        "stuff_bits": sum(bit.stuff == "dynamic" for bit in bits),
        "fixed_stuff_bits": sum(bit.stuff == "fixed" for bit in bits),
        "crc": int(levels(bit for bit in bits if bit.field == "CRC" and not bit.stuff), 2),
    }


if __name__ == "__main__":
    main()
