"""Agreement with cantools on every database at hand, and the cases where cantools is wrong, one by one.

Databases: this repository's own, and the public collection beside it (``../shared/data/dbc``) where it is there.
"""

from __future__ import annotations

import logging
import math
import random
import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cantools.database import load_file, load_string
from cantools.database.errors import DecodeError as PeerDecodeError
from cantools.database.errors import EncodeError as PeerEncodeError
from cantools.database.errors import UnsupportedDatabaseFormatError

from harness.errors import DatabaseError, DecodeError, SignalError, UnknownSignalError, ValueRangeError
from harness.signals.database import Database, load_database
from harness.signals.definitions import MessageDef

ROOT = Path(__file__).parents[2]
COLLECTION = ROOT.parent / "shared" / "data" / "dbc" / "files"
OWN = [*sorted((ROOT / "dbc").glob("*.dbc")), ROOT / "tests" / "signals" / "data" / "features.dbc"]
FOUND = sorted(path for path in COLLECTION.rglob("*.*") if path.is_file())
FILES = [*OWN, *FOUND]
RANDOM_PAYLOADS = 4


def test_there_is_something_to_agree_on() -> None:
    assert len(OWN) >= 3
    if not COLLECTION.is_dir():
        pytest.skip(f"the collection of public databases is not at {COLLECTION}")
    assert sum(1 for path in FOUND if loaded(path)) >= 75


@cache
def loaded(path: Path) -> tuple[Database, Any] | None:
    """The database as we and as cantools have it, strictly if possible; None where it does not load at all."""
    logging.getLogger("cantools").setLevel(logging.ERROR)
    for strict in (True, False):
        try:
            own = load_database(path, strict=strict)
        except DatabaseError:
            continue
        try:
            text = path.read_text(encoding="utf-8-sig")  # fault 12 of the table below
        except UnicodeDecodeError:
            text = path.read_text(encoding="cp1252", errors="replace")
        try:
            return own, load_string(text, path.suffix[1:].lower(), strict=False)
        except UnsupportedDatabaseFormatError as error:
            # The one kind of file that only we load: fault 3 of the table below.
            assert "unused VAL_ entries" in str(error) or "unused SIG_VALTYPE_ entries" in str(error)
            return None
    return None


def payloads(message: MessageDef) -> Iterator[bytes]:
    rng = random.Random(zlib.crc32(message.name.encode()))
    yield bytes(message.length)
    yield b"\xff" * message.length
    yield b"\x01" * (message.length + 1)
    if message.length:
        yield bytes(message.length - 1)
    for _ in range(RANDOM_PAYLOADS):
        yield rng.randbytes(message.length)


def same(one: Any, other: Any) -> bool:
    """Equal in value and in kind, int or float."""
    return type(one) is type(other) and (one == other or (one != one and other != other))


def is_excepted(own: MessageDef, peer: Any, remarks: str) -> bool:
    """Messages that cantools cannot decode at all: faults 1 and 2 of the table below."""
    return f" {own.name}." in remarks or peer.is_container


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_frame_decodes_as_with_cantools(path: Path) -> None:
    if (both := loaded(path)) is None:
        pytest.skip("does not load")
    own_database, peer_database = both
    remarks = " ".join(own_database.remarks)
    for own, peer in zip(own_database.messages, peer_database.messages, strict=True):
        for data in payloads(own):
            try:
                wanted = peer.decode(data, decode_choices=False)
            except PeerDecodeError:
                if not is_excepted(own, peer, remarks) or len(data) < own.length or own.container:
                    assert own.codec.decodable(data)
                    with pytest.raises(DecodeError):
                        own.codec.decode(data)
                continue
            assert own.codec.decodable(data) is None
            found = own.codec.decode(data)
            assert found.keys() == wanted.keys(), own.name
            assert not {n: (found[n], wanted[n]) for n in wanted if not same(found[n], wanted[n])}, own.name
            if own.name == "Shifted":
                continue  # fault 9 of the table below
            raws = peer.decode(data, decode_choices=False, scaling=False)
            found_raws = own.codec.decode_raw(data)
            assert not {n: (found_raws[n], raws[n]) for n in raws if not same(found_raws[n], raws[n])}, own.name
            for signal in own.signals:
                lazily = own.codec.signal_raw(signal.name)(data)
                assert lazily is None if signal.name not in raws else same(lazily, raws[signal.name]), signal.full_name


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_value_encodes_as_with_cantools(path: Path) -> None:
    if (both := loaded(path)) is None:
        pytest.skip("does not load")
    own_database, peer_database = both
    for own, peer in zip(own_database.messages, peer_database.messages, strict=True):
        for data in payloads(own):
            try:
                values = peer.decode(data, decode_choices=False)
            except PeerDecodeError:
                continue
            labelled: dict[str, Any] = {**values}
            for name, raw in own.codec.decode_raw(data).items():
                labels = [label for other, label in own.signal(name).choices.items() if other == raw]
                if labels and own.signal(name).raw_of_label(labels[0]) == raw:
                    labelled[name] = labels[0]
            for given in (values, labelled):
                compare_encoding(own, peer, given)


def compare_encoding(own: MessageDef, peer: Any, values: dict[str, Any]) -> None:
    try:
        wanted = peer.encode(values)
    except (PeerEncodeError, OverflowError):
        with pytest.raises(ValueRangeError):
            own.codec.encode(values)
    else:
        ranged = [signal for signal in own.signals if signal.minimum is not None or signal.maximum is not None]
        if any(values.get(signal.name) != values.get(signal.name) for signal in ranged):
            return  # fault 5 of the table below
        assert own.codec.encode(values) == wanted, own.name
    try:
        wanted = peer.encode(values, strict=False)
    except OverflowError:
        return  # fault 6 of the table below
    assert own.codec.encode(values, strict=False) == wanted, own.name


# Where cantools 45.1 is wrong on real files, or leaves Python's own errors to its user. Each test first shows what
# cantools does: when that part fails, cantools has changed, and the exception can go.


def both(folder: Path, text: str, *, strict: bool = False) -> tuple[Database, Any]:
    path = folder / "fault.dbc"
    path.write_text(text)
    return load_database(path, strict=strict), load_string(text, "dbc", strict=strict)


def test_fault_1_overlapping_signals_make_a_message_undecodable(tmp_path: Path) -> None:
    """Right: each signal is where it is declared. Encoding needs values that agree on the shared bits."""
    own, peer = both(tmp_path, 'BO_ 1 M: 2 E\n SG_ A : 0|8@1+ (1,0) [0|0] "" E\n SG_ B : 4|8@1+ (1,0) [0|0] "" E\n')
    with pytest.raises(PeerDecodeError, match="unpacking failed"):
        peer.messages[0].decode(b"\x34\x12")
    codec = own.messages[0].codec
    assert codec.decode(b"\x34\x12") == {"A": 0x34, "B": 0x23}
    assert codec.encode({"A": 0x34, "B": 0x23}) == b"\x34\x02"
    with pytest.raises(ValueRangeError, match="shares bits"):
        codec.encode({"A": 0x34, "B": 0x24})
    assert codec.decode(codec.encode({"A": 0x34, "B": 0x24}, strict=False))["B"] == 0x24
    assert own.remarks == ("signals M.A and B: share bits",)


def test_fault_2_a_signal_outside_its_message_makes_the_message_undecodable(tmp_path: Path) -> None:
    """Right: it is never there; the others are."""
    signals = ' SG_ A : 0|8@1+ (1,0) [0|0] "" E\n SG_ B : 12|8@1+ (1,0) [0|0] "" E\n'
    own, peer = both(tmp_path, "BO_ 1 M: 2 E\n" + signals)
    with pytest.raises(PeerDecodeError, match="unpacking failed"):
        peer.messages[0].decode(b"\x34\x12")
    assert own.messages[0].codec.decode(b"\x34\x12") == {"A": 0x34}
    assert own.remarks == ("signal M.B: left out, it does not fit in the 2 bytes of its message",)


@pytest.mark.parametrize(
    "entry", ['VAL_ 1 Gone 0 "Off; really"\n 1 "On" ;', "SIG_VALTYPE_ 1 Gone : 1;", 'VAL_ 9 A 0 "Off" ;']
)
def test_fault_3_a_value_table_of_no_signal_refuses_the_file(tmp_path: Path, entry: str) -> None:
    """Right: refused strictly, with the line; otherwise left out with a remark."""
    text = f'BO_ 1 M: 1 E\n SG_ A : 0|8@1+ (1,0) [0|0] "" E\n{entry}\nVAL_ 1 A 0 "Off" ;\n'
    with pytest.raises(UnsupportedDatabaseFormatError, match="unused"):
        load_string(text, "dbc", strict=False)
    path = tmp_path / "stray.dbc"
    path.write_text(text)
    with pytest.raises(DatabaseError, match=r"stray\.dbc:3 is refused: unused .*'strict = false'"):
        load_database(path)
    database = load_database(path, strict=False)
    assert database.signal("A").choices == {0: "Off"}
    assert "left out, no such signal" in database.remarks[0]


FLOAT = 'BO_ 1 M: 4 E\n SG_ A : 0|32@1- (1,0) [{}] "" E\nSIG_VALTYPE_ 1 A : 1;\n'


def test_fault_4_a_float_beyond_its_format_is_sent_as_infinity(tmp_path: Path) -> None:
    """Right: refused; forced, the largest that the format has."""
    own, peer = both(tmp_path, FLOAT.format("0|0"), strict=True)
    assert peer.messages[0].encode({"A": 1e39}) == peer.messages[0].encode({"A": math.inf})
    codec = own.messages[0].codec
    with pytest.raises(ValueRangeError, match="32 bits signed float"):
        codec.encode({"A": 1e39})
    assert codec.decode(codec.encode({"A": 1e39}, strict=False))["A"] == 3.4028234663852886e38


def test_fault_5_nan_is_inside_every_range(tmp_path: Path) -> None:
    """Right: NaN lies in no range, and in a signal without one it is a value like others."""
    own, peer = both(tmp_path, FLOAT.format("0|10"), strict=True)
    assert peer.messages[0].encode({"A": math.nan})
    with pytest.raises(ValueRangeError, match="takes 0 to 10, not nan"):
        own.messages[0].codec.encode({"A": math.nan})
    assert both(tmp_path, FLOAT.format("0|0"))[0].messages[0].codec.encode({"A": math.nan})


NARROW = 'BO_ 1 M: 1 E\n SG_ A : 0|4@1+ (1,0) [0|255] "" E\n'


def test_fault_6_a_value_beyond_the_bits_is_an_overflow_error(tmp_path: Path) -> None:
    """Right: refused as a range is; forced, the nearest that the bits hold."""
    own, peer = both(tmp_path, NARROW, strict=True)
    for strict in (True, False):
        with pytest.raises(OverflowError):
            peer.messages[0].encode({"A": 16}, strict=strict)
    with pytest.raises(ValueRangeError, match="has 4 bits"):
        own.messages[0].codec.encode({"A": 16})
    assert own.messages[0].codec.encode({"A": 16}, strict=False) == b"\x0f"
    assert own.signal("A").physical_range == (0, 15)


def test_fault_7_an_unknown_label_is_a_bare_key_error(tmp_path: Path) -> None:
    own, peer = both(tmp_path, NARROW, strict=True)
    with pytest.raises(KeyError):
        peer.messages[0].encode({"A": "On"})
    with pytest.raises(ValueRangeError, match="has no label 'On'"):
        own.messages[0].codec.encode({"A": "On"})


MULTIPLEXED = """BO_ 1 M: 2 E
 SG_ Page M : 0|4@1+ ({},0) [0|15] "" E
 SG_ One m1 : 8|8@1+ (1,0) [0|255] "" E
 SG_ Two m2 : 8|8@1+ (1,0) [0|255] "" E
"""


def test_fault_8_a_fractional_multiplexer_value_sends_one_number_with_the_signals_of_another(tmp_path: Path) -> None:
    """Right: the number that is sent selects the signals."""
    own, peer = both(tmp_path, MULTIPLEXED.format(1), strict=True)
    assert peer.messages[0].encode({"Page": 1.6, "One": 5}) == b"\x02\x05"
    codec = own.messages[0].codec
    with pytest.raises(UnknownSignalError, match="needs a value of Two too"):
        codec.encode({"Page": 1.6, "One": 5})
    assert codec.encode({"Page": 1.6, "Two": 5}) == b"\x02\x05"


def test_fault_9_label_and_raw_value_of_a_scaled_multiplexer_select_other_signals_than_its_number(
    tmp_path: Path,
) -> None:
    """Right: which signals a frame carries does not depend on how they are read."""
    own, peer = both(tmp_path, MULTIPLEXED.format(2) + 'VAL_ 1 Page 1 "First" 2 "Second";', strict=True)
    assert peer.messages[0].decode(b"\x01\x05") == {"Page": "First", "One": 5}
    assert peer.messages[0].decode(b"\x01\x05", decode_choices=False) == {"Page": 2, "Two": 5}
    assert peer.messages[0].decode(b"\x01\x05", decode_choices=False, scaling=False) == {"Page": 1, "One": 5}
    codec = own.messages[0].codec
    assert codec.decode(b"\x01\x05") == {"Page": 2, "Two": 5}
    assert codec.decode_raw(b"\x01\x05") == {"Page": 1, "Two": 5}
    assert codec.encode({"Page": "First", "Two": 5}) == codec.encode({"Page": 2, "Two": 5}) == b"\x01\x05"


def test_fault_10_of_two_signals_with_one_name_one_gives_the_bits_and_the_other_the_scale(tmp_path: Path) -> None:
    """Right: the definition that lies last in the bits, as a look-up by name gives in cantools too."""
    own, peer = both(tmp_path, 'BO_ 1 M: 2 E\n SG_ A : 0|8@1+ (1,0) [0|0] "" E\n SG_ A : 8|8@1+ (2,0) [0|0] "" E\n')
    assert peer.messages[0].decode(b"\x01\x05") == {"A": 2}
    assert own.messages[0].codec.decode(b"\x01\x05") == {"A": 10}
    assert own.messages[0].codec.encode({"A": 10}) == b"\x00\x05"
    assert "defined twice" in own.remarks[0]


def test_fault_12_a_dbc_in_utf_8_has_garbled_units_and_labels(tmp_path: Path) -> None:
    """Right: a file that is valid UTF-8 is UTF-8; only then the Windows code page."""
    text = 'BO_ 1 M: 1 E\n SG_ A : 0|8@1+ (1,0) [0|0] "°C" E\nVAL_ 1 A 0 "für" ;\n'
    for encoding in ("utf-8", "utf-8-sig", "cp1252"):
        path = tmp_path / f"{encoding}.dbc"
        path.write_text(text, encoding=encoding)
        signal = load_database(path).signal("A")
        assert (signal.unit, signal.choices[0]) == ("°C", "für")
    assert load_file(tmp_path / "utf-8.dbc").messages[0].signals[0].unit == "Â°C"  # type: ignore[union-attr]


def test_fault_11_a_frame_of_a_container_is_refused_by_name_only(tmp_path: Path) -> None:
    """Not wrong, but ours too: containers are not decoded, and say so."""
    path = COLLECTION / "cantools" / "system-4.2.arxml"
    if not path.exists():
        pytest.skip(f"no {path}")
    message = load_database(path).message("OneToContainThemAll")
    for use in (message.codec.decode, lambda data: message.codec.encode({})):
        with pytest.raises(SignalError, match="AUTOSAR container"):
            use(bytes(64))
    assert "AUTOSAR container" in str(message.codec.decodable(bytes(64)))
