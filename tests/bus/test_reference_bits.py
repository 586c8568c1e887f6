"""The bit-by-bit reference against what others published and against the rules of ISO 11898-1 themselves.

Beside the examples below, random frames were compared with two independent implementations, all in agreement: the
lengths of 220 000 Classical frames with can-utils' canframelen.c in its exact mode
(https://github.com/linux-can/can-utils); every bit, both phase lengths and the stuff count of 220 000 FD frames with
the ISO generator in Pierre Molinaro's CANFDFrameGenerator.h (https://github.com/pierremolinaro/codes-can). So were the
frames of vectors.json; for a DLC above 8 and for remote frames the first was told the length of the data field.
"""

from __future__ import annotations

import json
from typing import NamedTuple, TypedDict

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from make_vectors import VECTORS
from reference_bits import CRC_15, CRC_17, CRC_21, FD_LENGTHS, Bit, crc, frame_bits, length_bits, levels


class Kind(TypedDict):
    """The arguments of frame_bits beside identifier and data."""

    extended: bool
    fd: bool
    brs: bool
    esi: bool
    remote: bool
    dlc: int


class Frame(NamedTuple):
    id: int
    data: bytes
    kind: Kind

    def bits(self) -> list[Bit]:
        return frame_bits(self.id, self.data, **self.kind)


def kind(
    *, extended: bool = False, fd: bool = False, brs: bool = False, esi: bool = False, remote: bool = False, dlc: int
) -> Kind:
    return Kind(extended=extended, fd=fd, brs=brs, esi=esi, remote=remote, dlc=dlc)


RUNS = st.sampled_from([0x00, 0xFF, 0x0F, 0xF0, 0x1F, 0xE0, 0x3C, 0xC3, 0x78, 0x87])


@st.composite
def frames(draw: st.DrawFn, fd: bool | None = None) -> Frame:
    """Any frame there can be; half of the data fields are rich in stuff bits."""
    is_fd = draw(st.booleans()) if fd is None else fd
    extended, dlc = draw(st.booleans()), draw(st.integers(0, 15))
    remote = not is_fd and draw(st.booleans())
    length = 0 if remote else FD_LENGTHS[dlc] if is_fd else min(dlc, 8)
    data = draw(st.binary(min_size=length, max_size=length) | st.lists(RUNS, min_size=length, max_size=length))
    id = draw(st.integers(0, (1 << (29 if extended else 11)) - 1))
    brs, esi = (is_fd and draw(st.booleans()), is_fd and draw(st.booleans()))
    return Frame(id, bytes(data), kind(extended=extended, fd=is_fd, brs=brs, esi=esi, remote=remote, dlc=dlc))


def wire(bits: list[Bit]) -> str:
    """Levels, with the dynamic stuff bits as letters, o dominant and i recessive, as in linux/can/length.h."""
    return "".join("oi"[bit.level] if bit.stuff == "dynamic" else "01"[bit.level] for bit in bits)


def crc_sequence(bits: list[Bit]) -> int:
    return int(levels(bit for bit in bits if bit.field == "CRC" and not bit.stuff), 2)


class TestPublished:
    """Values and wire captures others published."""

    @pytest.mark.parametrize(
        ("width", "polynomial", "check"), [(15, CRC_15, 0x059E), (17, CRC_17, 0x04F03), (21, CRC_21, 0x0ED841)]
    )
    def test_crc_check_values(self, width: int, polynomial: int, check: int) -> None:
        """Check values (of the nine ASCII digits, register starting at 0) of CRC-15/CAN, CRC-17/CAN-FD and
        CRC-21/CAN-FD in the CRC catalogue of Greg Cook, https://reveng.sourceforge.io/crc-catalogue/all.htm."""
        digits = [byte >> place & 1 for byte in b"123456789" for place in range(7, -1, -1)]
        assert crc(digits, width, polynomial) == check

    @pytest.mark.parametrize(
        ("id", "data", "extended", "remote", "dlc", "published"),
        [
            # Logic analyser captures in https://github.com/QuickRecon/DiveCAN (protocol documentation).
            (0xD040004, "003a4243", True, False, 4, 0x20E8),
            (0xD130201, "6403f6", True, False, 3, 0x2146),
            (0xD370401, "a8f300", True, False, 3, 0x29DB),
            # Captures in https://github.com/sigrokproject/sigrok-test, decoder/test/can/nmea2000_fuel_flow_gps_snippet,
            # at two samples for a bit: in other frames there (0x9E80200, 0xDF01000) a bit is lost and the CRC shows it.
            (0x9F80100, "aab0c513a02d44c6", True, False, 8, 0x226B),
            (0x19FA0300, "24d3d30003016400", True, False, 8, 0x204C),
            # Decoded by sigrok from an independent CAN transmitter's simulation.
            (0x123, "dead", False, False, 2, 0x0B6E),
            (0x555, "00ff55aa01807ffe", False, False, 8, 0x7480),
            (0x0F0, "", False, True, 4, 0x1459),
        ],
    )
    def test_crc_15_of_frames(
        self, id: int, data: str, extended: bool, remote: bool, dlc: int, published: int
    ) -> None:
        bits = frame_bits(id, bytes.fromhex(data), extended=extended, remote=remote, dlc=dlc)
        assert crc_sequence(bits) == published

    @pytest.mark.parametrize(
        ("id", "data", "extended", "captured"),
        [
            pytest.param(
                0x222, "0011223344", False,
                "0 01000100010 0 0 0 0i101"
                " 00000i000 00i010001 00100010 00110011 01000100 110011011011010 1 0 1 1111111",
                id="msg_222_5bytes",
            ),
            pytest.param(
                0x11223344, "00112233445566", True,
                "0 10001001000 1 1 100011001101000100 0 0 0i 0111"
                " 00000i000 00i010001 00100010 00110011 01000100 01010101 01100110 000110100110000 1 0 1 1111111",
                id="extmsg_11223344_7bytes",
            ),
            pytest.param(
                0x14611234, "00010203", True,
                "0 10100011000 1 1 010001001000110100 0 0 0i 0100"
                " 000i00000i 00000i001 00000i010 0000i0011 011111o11011111o1 1 0 1 1111111",
                id="bus_load_25percent, stuff bits within the CRC",
            ),
            pytest.param(
                0x110, "0011", False,
                "0 00100010000 0i 0 0 0010 0000i0000 0i0010001 1001100000i10010 1 0 1 1111111",
                id="bus_load_25percent, stuff bit after RTR",
            ),
            pytest.param(
                0x550, "aabbccddeeff0a0b", False,
                "0 10101010000 0i 0 0 1000 10101010 10111011 11001100 11011101 11101110 11111o111 00001010 0000i1011"
                " 10011111o0111100 1 0 1 1111111",
                id="bus_load_25percent, 8 bytes",
            ),
        ],
    )
    def test_classical_captures(self, id: int, data: str, extended: bool, captured: str) -> None:
        """Every bit of frames of a Microchip MCP2515 board captured on the wire, from
        https://github.com/sigrokproject/sigrok-test, decoder/test/can/mcp2515dm-bm-125kbits_*.output."""
        assert wire(frame_bits(id, bytes.fromhex(data), extended=extended)) == captured.replace(" ", "")

    DATA_0_TO_7 = "00i00000i0 0000i0001 00000i010 0000i0011 00000i100 000i00101 00000i110 0000i0111"

    @pytest.mark.parametrize(
        ("extended", "captured"),
        [
            pytest.param(
                False, f"0 0000i1000010 0 0 1 0 1 0 1000 {DATA_0_TO_7} 001101110101011010110111101 1 0 1 1111111",
                id="can_fd_std_brs_8",
            ),
            pytest.param(
                True,
                "0 0000i00000i00 1 1 00000i00000i01000010 0 1 0 1 0 1000"
                f" {DATA_0_TO_7} 011110100100111010110011100 1 0 1 1111111",
                id="can_fd_ext_brs_8",
            ),
        ],
    )
    def test_fd_captures(self, extended: bool, captured: str) -> None:
        """Every bit of ISO CAN FD frames of a PEAK PCAN-USB Pro FD with identifier 0x42 and data 0, 1, ... 7, from
        sigrok-test, decoder/test/can/can_fd_*.output; set-up in sigrok-dumps, can/can_fd/arbitrary_traffic/README."""
        bits = frame_bits(0x42, bytes(range(8)), extended=extended, fd=True, brs=True)
        assert wire(bits) == captured.replace(" ", "")

    @pytest.mark.parametrize(
        ("extended", "length", "captured"),
        [(False, 8, 0x1BAB5BD), (True, 8, 0x3D2759C), (False, 64, 0x36B5ECB5), (True, 64, 0x7AB2B54D)],
    )
    def test_crc_fields_of_fd_captures(self, extended: bool, length: int, captured: int) -> None:
        """Stuff count, CRC sequence and fixed stuff bits of the four FD captures as one number, as that version of the
        sigrok decoder shows them; CRC-17 with 8 bytes, CRC-21 with 64."""
        bits = frame_bits(0x42, bytes(range(length)), extended=extended, fd=True, brs=True)
        assert int(levels(bit for bit in bits if bit.field in ("stuff count", "CRC")), 2) == captured

    @pytest.mark.parametrize(
        ("extended", "length", "begin", "end"),
        [(False, 8, 1014, 9031), (True, 8, 2047, 12265), (True, 64, 4998, 38669)],
    )
    def test_durations_of_fd_captures(self, extended: bool, length: int, begin: int, end: int) -> None:
        """Time from SOF to the end of EOF in the captures, in samples of 10 ns at 1 and 2 Mbit/s: the counts of the two
        phases explain it, but for the ACK slot, which the receiver begins one loop delay late (17 to 21 samples)."""
        nominal, in_data_phase = length_bits(0x42, bytes(range(length)), extended=extended, fd=True, brs=True)
        assert 17 <= end - begin - (100 * nominal + 50 * in_data_phase) <= 21

    @pytest.mark.parametrize(
        ("fd", "extended", "length", "unstuffed", "longest"),
        [
            (False, False, 8, 111, 135),
            (False, True, 8, 131, 160),
            (True, False, 64, 579, 712),
            (True, True, 64, 598, 736 - 1),  # Linux counts a stuff bit after the last data bit, see most_stuff_bits
        ],
    )
    def test_frame_lengths(self, fd: bool, extended: bool, length: int, unstuffed: int, longest: int) -> None:
        """Lengths with intermission, without and with the most stuff bits: table in V. Mailhol, "can: length: refactor
        frame lengths definition to add size in bits", Linux include/linux/can/length.h, 2023. 135 and 160 are also in
        Davis, Burns, Bril, Lukkien, "Controller Area Network (CAN) schedulability analysis: Refuted, revisited and
        revised", Real-Time Systems 35 (2007), section 3, as the bound 8s + g + 13 + (g + 8s - 1) // 4."""
        bits = frame_bits(0, bytes(length), extended=extended, fd=fd)
        assert sum(bit.stuff != "dynamic" for bit in bits) + 3 == unstuffed
        assert unstuffed + most_stuff_bits(fd, extended, length) == longest

    def test_frame_of_zeros(self) -> None:
        """By hand: identifier 0, no data, CRC 0. 34 dominant bits take a stuff bit after each five, the rest is 10."""
        assert wire(frame_bits(0)) == "00000i" * 6 + "0000" + "1" + "01" + "1111111"


def most_stuff_bits(fd: bool, extended: bool, length: int) -> int:
    """The bound of Davis et al. 2007: the first of n stuffed bits aside, one stuff bit for every four.

    No dynamic stuff bit follows the last data bit of an FD frame, which is one place less than the bound of Linux has.
    """
    if fd:
        return ((41 if extended else 22) + 8 * length - 2) // 4
    return ((54 if extended else 34) + 8 * length - 1) // 4


class Reader:
    """Takes a frame apart bit by bit as a receiver does, sharing no code with the reference."""

    def __init__(self, received: str) -> None:
        self.received = [int(level) for level in received]
        self.place = 0
        self.run = 0
        self.stuff_bits = 0
        self.covered_raw: list[int] = []

    def raw(self) -> int:
        level = self.received[self.place]
        self.run = self.run + 1 if self.place and self.received[self.place - 1] == level else 1
        self.place += 1
        return level

    def destuff(self) -> None:
        """Drops the stuff bit that is due before the next bit."""
        if self.run == 5:
            before = self.received[self.place - 1]
            stuff = self.raw()
            assert stuff == 1 - before, f"stuff error at bit {self.place}"
            self.covered_raw.append(stuff)
            self.stuff_bits += 1

    def number(self, width: int) -> int:
        value = 0
        for _ in range(width):
            self.destuff()
            level = self.raw()
            self.covered_raw.append(level)
            value = 2 * value + level
        return value

    def fixed_number(self, width: int, first: int) -> int:
        """A number in the CRC field of an FD frame whose first bit is the ``first``th of that field."""
        value = 0
        for offset in range(width):
            if (first + offset) % 4 == 0:
                before = self.received[self.place - 1]
                assert self.raw() == 1 - before, f"fixed stuff bit equals the bit before it, at bit {self.place}"
            value = 2 * value + self.raw()
        return value

    def end(self) -> None:
        assert self.received[self.place :] == [1, 0, 1, *[1] * 7], "CRC delimiter, ACK field, EOF"


def received_frame(received: str) -> Frame:
    """The frame in a sequence of levels, with stuff bits, stuff count, form of the tail checked."""
    reader = Reader(received)
    assert reader.number(1) == 0, "SOF"
    id, request, extended = reader.number(11), reader.number(1), bool(reader.number(1))
    if extended:
        assert request == 1, "SRR"
        id, request = id << 18 | reader.number(18), reader.number(1)
    fd = bool(reader.number(1))
    brs = esi = False
    if fd:
        assert (request, reader.number(1)) == (0, 0), "RRS, res"
        brs, esi = bool(reader.number(1)), bool(reader.number(1))
    elif extended:
        assert reader.number(1) == 0, "r0"
    remote = bool(request)
    dlc = reader.number(4)
    length = [*range(9), 12, 16, 20, 24, 32, 48, 64][dlc] if fd else 0 if remote else min(dlc, 8)
    data = bytes(reader.number(8) for _ in range(length))
    if fd:
        gray_and_parity = reader.fixed_number(4, 0)
        assert gray_and_parity.bit_count() % 2 == 0, "parity of the stuff count"
        gray = gray_and_parity >> 1
        assert gray ^ gray >> 1 ^ gray >> 2 == reader.stuff_bits % 8, "stuff count"
        reader.fixed_number(17 if length <= 16 else 21, 4)
    else:
        reader.number(15)
        reader.destuff()
    reader.end()
    return Frame(id, data, kind(extended=extended, fd=fd, brs=brs, esi=esi, remote=remote, dlc=dlc))


class TestRules:
    """What holds for every frame."""

    @given(frames())
    @example(Frame(0, b"", kind(dlc=0)))
    @example(Frame(0, bytes([0xFF]), kind(fd=True, dlc=1)))  # five equal bits at the end of the data field
    def test_receiver_finds_the_frame_again(self, frame: Frame) -> None:
        assert received_frame(levels(frame.bits())) == frame

    @given(frames(), st.data())
    def test_receiver_notices_a_flipped_stuff_bit(self, frame: Frame, choice: st.DataObject) -> None:
        """The receiver of these tests is no rubber stamp."""
        bits = frame.bits()
        stuff = [place for place, bit in enumerate(bits) if bit.stuff]
        if stuff:
            place = choice.draw(st.sampled_from(stuff))
            bits[place] = bits[place]._replace(level=1 - bits[place].level)
            with pytest.raises(AssertionError):
                received_frame(levels(bits))

    @given(frames(fd=False))
    def test_crc_15_leaves_no_remainder(self, frame: Frame) -> None:
        """A codeword is divisible by the generator (Bosch CAN 2.0, 3.1.1); here by division of an integer."""
        bits = frame.bits()
        codeword = int(levels(bit for bit in bits if not bit.stuff and bit.field not in TAIL), 2)
        assert remainder(codeword, 1 << 15 | CRC_15) == 0

    @given(frames(fd=True))
    def test_crc_17_and_21_leave_no_remainder(self, frame: Frame) -> None:
        """As above with the dynamic stuff bits in the codeword; the register starts at 1, 0, ... 0, which is the same
        as to invert the first bit, the dominant SOF."""
        bits = frame.bits()
        codeword = "1" + levels(bit for bit in bits if bit.stuff != "fixed" and bit.field not in TAIL)[1:]
        generator = 1 << 17 | CRC_17 if len(frame.data) <= 16 else 1 << 21 | CRC_21
        assert remainder(int(codeword, 2), generator) == 0

    @given(frames())
    def test_never_six_equal_bits_before_the_ack_slot(self, frame: Frame) -> None:
        """Six equal bits are an error flag (Bosch CAN 2.0, 3.1.3)."""
        sent = levels(bit for bit in frame.bits() if bit.field not in ("ACK slot", "ACK delimiter", "EOF"))
        assert "000000" not in sent
        assert "111111" not in sent

    @given(frames())
    def test_bounds_of_the_stuff_bits(self, frame: Frame) -> None:
        """See most_stuff_bits; and the CRC field of an FD frame has 6 fixed stuff bits with CRC-17, 7 with CRC-21."""
        bits, length = frame.bits(), len(frame.data)
        dynamic = sum(bit.stuff == "dynamic" for bit in bits)
        assert 0 <= dynamic <= most_stuff_bits(frame.kind["fd"], frame.kind["extended"], length)
        fixed = sum(bit.stuff == "fixed" for bit in bits)
        assert fixed == (0 if not frame.kind["fd"] else 6 if length <= 16 else 7)

    @given(frames())
    def test_data_phase(self, frame: Frame) -> None:
        """With BRS: ESI up to and including the CRC delimiter, without a gap. Otherwise nothing."""
        bits = frame.bits()
        fields = [bit.field for bit in bits]
        first, after = (fields.index("ESI"), fields.index("ACK slot")) if frame.kind["brs"] else (0, 0)
        assert [bit.data_phase for bit in bits] == [first <= place < after for place in range(len(bits))]
        assert length_bits(frame.id, frame.data, **frame.kind) == (len(bits) - (after - first), after - first)

    def test_one_stuff_bit_where_dynamic_and_fixed_coincide(self) -> None:
        """Data 0x1F ends in five recessive bits: the fixed stuff bit stands for the dynamic one and is not counted
        (ISO 11898-1:2015, CRC field). In a Classical frame the dynamic one stays, also after the last CRC bit."""
        bits = frame_bits(0x555, bytes([0x1F]), fd=True)
        crc_field = next(place for place, bit in enumerate(bits) if bit.field == "stuff count")
        assert wire(bits[crc_field - 8 : crc_field + 5]) == "00011111" + "0" + "0011"
        assert bits[crc_field].stuff == "fixed"
        ending = next(bits for id in range(2048) if (bits := frame_bits(id))[-11].stuff)
        assert (ending[-11].field, ending[-10].field) == ("CRC", "CRC delimiter")

    @pytest.mark.parametrize(
        ("stuffed", "coded"),
        [(0, "0000"), (1, "0011"), (2, "0110"), (3, "0101"), (4, "1100"), (5, "1111"), (6, "1010"), (7, "1001")],
    )
    def test_stuff_count(self, stuffed: int, coded: str) -> None:
        """ISO 11898-1:2015, CRC field: Gray code and even parity. Every count, and the same one eight stuff bits later.

        A zero byte has one or two stuff bits, 0x55 has none."""
        found = set()
        for zeros in range(17):
            for last in (b"\x55", b"\x00"):
                data = (bytes(zeros) + b"\x55" * 16)[:15] + last
                bits = frame_bits(0x555, data, fd=True)
                count = sum(bit.stuff == "dynamic" for bit in bits)
                if count % 8 == stuffed:
                    found.add(count)
                    assert levels(bit for bit in bits if bit.field == "stuff count" and not bit.stuff) == coded
        assert len(found) >= 2


TAIL = ("CRC delimiter", "ACK slot", "ACK delimiter", "EOF")


def remainder(dividend: int, divisor: int) -> int:
    """Of polynomials over GF(2)."""
    while dividend.bit_length() >= divisor.bit_length():
        dividend ^= divisor << (dividend.bit_length() - divisor.bit_length())
    return dividend


@pytest.mark.parametrize(
    ("id", "data", "arguments"),
    [
        (0x800, b"", {}),
        (-1, b"", {}),
        (1 << 29, b"", {"extended": True}),
        (1, bytes(9), {}),
        (1, bytes(9), {"fd": True}),
        (1, bytes(65), {"fd": True}),
        (1, b"", {"brs": True}),
        (1, b"", {"esi": True}),
        (1, b"", {"fd": True, "remote": True}),
        (1, b"\0", {"remote": True}),
        (1, bytes(7), {"dlc": 9}),
        (1, b"", {"remote": True, "dlc": 16}),
    ],
)
def test_frames_that_cannot_exist(id: int, data: bytes, arguments: dict[str, bool]) -> None:
    with pytest.raises(ValueError, match=r"expected|no FD remote|FD frames only"):
        frame_bits(id, data, **arguments)


def test_vectors_are_those_of_the_reference() -> None:
    vectors = json.loads(VECTORS.read_text(encoding="utf-8"))
    assert len(vectors) >= 300
    for vector in vectors:
        arguments = {name: vector[name] for name in Kind.__annotations__}
        bits = frame_bits(vector["id"], bytes.fromhex(vector["data"]), **arguments)
        counts = length_bits(vector["id"], bytes.fromhex(vector["data"]), **arguments)
        assert counts == (vector["nominal_bits"], vector["data_bits"]), vector
        assert sum(bit.stuff == "dynamic" for bit in bits) == vector["stuff_bits"], vector
        assert sum(bit.stuff == "fixed" for bit in bits) == vector["fixed_stuff_bits"], vector
        assert crc_sequence(bits) == vector["crc"], vector
