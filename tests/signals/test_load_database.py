"""Database files: what is taken over, how things are looked up, and what bad files are told."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import DatabaseError, UnknownSignalError
from harness.signals.database import Database, check_together, load_database

FEATURES = Path(__file__).parent / "data" / "features.dbc"
COLLECTION = Path(__file__).parents[3] / "shared" / "data" / "dbc" / "files"
MS = 1_000_000


@pytest.fixture(scope="module")
def features() -> Database:
    return load_database(FEATURES)


def written(folder: Path, text: str, name: str = "net.dbc") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_a_message_carries_all_that_is_said_about_sending(features: Database) -> None:
    timed = features.message("Timed")
    assert (timed.id, timed.key, timed.extended, timed.length) == (0x10B, 0x10B, False, 8)
    assert (timed.cycle_time_ns, timed.cycle_time_fast_ns) == (100 * MS, 20 * MS)
    assert (timed.send_type, timed.repetitions) == ("cyclicAndSpontaneous", 3)
    assert (timed.min_delay_ns, timed.start_delay_ns) == (5 * MS, 15 * MS)
    assert timed.senders == ("ECU",)
    assert timed.receivers == ("TESTER",)
    assert timed.comment == "All that can be said about sending."
    assert timed.attributes["GenMsgSendType"] == "cyclicAndSpontaneous"
    assert timed.attributes["VFrameFormat"] == "StandardCAN", "the default of the file"


def test_what_is_not_said_is_none(features: Database) -> None:
    bare = features.message("Bare")
    assert (bare.cycle_time_ns, bare.cycle_time_fast_ns, bare.start_delay_ns) == (None, None, None)
    assert (bare.repetitions, bare.min_delay_ns, bare.comment) == (0, 0, "")
    assert features.message("Intel").start_delay_ns == 0, "an explicit 0 is said"


def test_can_fd_is_told_by_attribute_or_length(features: Database) -> None:
    assert (features.message("Bare").fd, features.message("Bare").brs) == (True, False)
    assert (features.message("Wide").fd, features.message("Wide").brs) == (True, True)
    assert (features.message("Intel").fd, features.message("Intel").brs) == (False, False)


def test_a_signal_carries_its_definition(features: Database) -> None:
    signal = features.signal("Intel.Signed")
    assert (signal.unit, signal.scale, signal.offset, signal.signed, signal.length) == ("°C", 0.5, -10, True, 12)
    assert (signal.minimum, signal.maximum, signal.raw_range) == (-1034, 1013.5, (-2048, 2047))
    assert features.signal("Intel.Narrow").receivers == ("TESTER",)
    assert features.signal("Nibble").minimum is None
    assert features.signal("Gear").choices == {0: "P", 1: "R", 2: "N", 3: "D", 7: "Invalid"}
    assert features.signal("Set").send_type == "OnChange"
    assert features.signal("Set").comment == "How far it is open."
    assert features.signal("Leaf35").multiplexer_ids == (3, 5)
    assert (features.signal("Inner").multiplexer, features.signal("Inner").is_multiplexer) == ("Outer", True)


@pytest.mark.parametrize(
    ("signal", "raw", "why"),
    [
        ("Set", 60, "GenSigStartValue is raw"),
        ("Unset", 5, "without one, the nearest to 0 in range"),
        ("Wild", 15, "as far as the bits go"),
        ("Inner", 2, "a multiplexer starts with a number that selects something"),
        ("Intel.Byte", 0, "0 where the range allows it"),
    ],
)
def test_start_values(features: Database, signal: str, raw: int, why: str) -> None:
    assert features.signal(signal).start_raw == raw, why


def test_a_default_start_value_counts_unless_it_is_0(tmp_path: Path) -> None:
    for default, start in ((7, 7), (0, 5)):
        attribute = f'BA_DEF_ SG_ "GenSigStartValue" INT 0 9;\nBA_DEF_DEF_ "GenSigStartValue" {default};\n'
        text = f'BO_ 1 M: 1 E\n SG_ A : 0|8@1+ (1,0) [5|9] "" E\n{attribute}'
        assert load_database(written(tmp_path, text)).signal("A").start_raw == start


def test_every_start_value_can_be_sent() -> None:
    for path in sorted((Path(__file__).parents[2] / "dbc").glob("*.dbc")):
        for message in load_database(path).messages:
            raws = {signal.name: signal.start_raw for signal in message.signals}
            chosen = message.codec.selected({name: message.signal(name).to_physical(raw) for name, raw in raws.items()})
            payload = message.codec.encode_raw({signal.name: signal.start_raw for signal in chosen})
            assert message.codec.encode({}, strict=False) == payload


@pytest.mark.parametrize(
    ("signal", "low", "high"),
    [
        ("Narrow", 10, 20),
        ("Down", -124.75, 3),
        ("Ratio", 0, 50),
        ("Intel.Byte", -40, 215),
        ("LongSigned", -(2**55), 2**55 - 1),
    ],
)
def test_the_physical_range_is_what_bits_and_range_allow(
    features: Database, signal: str, low: float, high: float
) -> None:
    assert features.signal(signal).physical_range == (low, high)


def test_a_range_that_the_bits_cannot_reach_counts_for_nothing(tmp_path: Path) -> None:
    text = 'BO_ 1 M: 1 E\n SG_ A : 0|4@1+ (1,0) [100|200] "" E\n SG_ B : 4|4@1+ (1,0) [0|200] "" E\n'
    database = load_database(written(tmp_path, text))
    assert database.signal("A").physical_range == (0, 15)
    assert database.signal("B").physical_range == (0, 15)


def test_look_up(features: Database) -> None:
    assert features.message("Wide") is features.by_id(0x103)
    assert features.by_id(0x18FEF201, extended=True) is features.message("Floats")
    assert features.by_id(0x18FEF201) is None
    assert features.by_id(0x103, extended=True) is None
    assert features.signal("Cell1") is features.signal("Cells.Cell1")
    assert features.nodes == ("ECU", "TESTER")
    assert features.sha256 == hashlib.sha256(FEATURES.read_bytes()).hexdigest()
    assert features.remarks == ()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Cel1", "database features.dbc has no signal 'Cel1'; did you mean one of 'Cell1'"),
        ("Cells.Cel1", "message 'Cells' has no signal 'Cel1'; did you mean one of 'Cell1'"),
        ("Cels.Cell1", "database features.dbc has no message 'Cels'; did you mean 'Cells'"),
        ("Bit", "signal 'Bit' is in 2 messages: write one of 'Intel.Bit', 'Motorola.Bit'"),
        ("Signed", "write one of 'Intel.Signed', 'Motorola.Signed'"),
    ],
)
def test_a_misspelt_or_ambiguous_name_says_what_to_write(features: Database, name: str, words: str) -> None:
    with pytest.raises(UnknownSignalError, match=words):
        features.signal(name)


def test_a_missing_file_names_the_nearest(tmp_path: Path) -> None:
    written(tmp_path, "", "powertrain.dbc")
    with pytest.raises(DatabaseError, match=r"powertain\.dbc does not exist; did you mean 'powertrain\.dbc'"):
        load_database(tmp_path / "powertain.dbc")
    with pytest.raises(DatabaseError, match=r"does not exist; the folder has powertrain\.dbc"):
        load_database(tmp_path / "zzz.dbc")
    with pytest.raises(DatabaseError, match="there is no folder"):
        load_database(tmp_path / "nowhere" / "x.dbc")
    with pytest.raises(DatabaseError, match="cannot be read"):
        load_database(tmp_path)


MESSAGE = 'VERSION ""\n\nBO_ 1 M: 2 E\n SG_ A : 0|8@1+ (1,0) [0|0] "" E\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (MESSAGE + "BO_ 2 2ND: 8 E\n", r"net\.dbc:5 does not load: Invalid syntax.*a name must not begin with a digit"),
        (MESSAGE + " SG_ B : 8|8@1+ (1,0) [0|0] E\n", r"net\.dbc:5 does not load: Invalid syntax at line 5, column"),
        (MESSAGE + "BO_ 4096 Far: 8 E\n", r"net\.dbc:5 does not load: Standard frame id 0x1000 .*0x80000000 added"),
        (MESSAGE + ' SG_ B : 8|0@1+ (1,0) [0|0] "" E\n', r"net\.dbc:5 does not load: The signal B length 0"),
    ],
)
def test_a_file_that_does_not_load_names_line_and_mend(tmp_path: Path, text: str, words: str) -> None:
    path = written(tmp_path, text)
    for strict in (True, False):
        with pytest.raises(DatabaseError, match=words):
            load_database(path, strict=strict)


@pytest.mark.parametrize(
    ("signal", "words"),
    [
        ("B : 4|8@1+ (1,0)", r"net\.dbc:5 is refused: The signals B and A are overlapping in message M; 'strict = fal"),
        ("B : 12|8@1+ (1,0)", r"net\.dbc:5 is refused: The signal B does not fit in message M; 'strict = false' for"),
    ],
)
def test_a_file_that_loads_only_leniently_is_refused_with_line_and_option(
    tmp_path: Path, signal: str, words: str
) -> None:
    path = written(tmp_path, f'{MESSAGE} SG_ {signal} [0|0] "" E\nBO_ 3 N: 1 E\n SG_ B : 0|1@1+ (1,0) [0|0] "" E\n')
    with pytest.raises(DatabaseError, match=words):
        load_database(path)
    assert load_database(path, strict=False).remarks


def test_other_formats_name_the_line_too() -> None:
    for name, words in (
        ("message_layout.kcd", r"kcd:25 is refused: The signal Signal1 does not fit"),
        ("issue_138.sym", r"sym:\d+ does not load: The signal M length 0"),
        ("example.cdd", r"is a diagnostics database \(CDD\): it describes no CAN messages"),
    ):
        path = COLLECTION / "cantools" / name
        if not path.exists():
            pytest.skip(f"no {path}")
        with pytest.raises(DatabaseError, match=words):
            load_database(path)


def test_any_file_of_the_collection_loads_or_says_why() -> None:
    if not COLLECTION.is_dir():
        pytest.skip(f"the collection of public databases is not at {COLLECTION}")
    refused = 0
    for path in sorted(COLLECTION.rglob("*.*")):
        try:
            load_database(path)
        except DatabaseError as error:
            refused += 1
            assert path.name in str(error)
    assert 20 <= refused <= 28


def test_odd_things_are_taken_with_a_remark(tmp_path: Path) -> None:
    text = MESSAGE + (
        "BO_ 1 Twin: 1 E\nBO_ 2 Mux: 1 E\n"
        ' SG_ Page m : 0|4@1+ (1,0) [0|0] "" E\n SG_ Deep m2 : 4|4@1+ (1,0) [0|0] "" E\n'
        "SG_MUL_VAL_ 2 Deep Page 2-2;\n"
    )
    database = load_database(written(tmp_path, text))
    assert database.by_id(1) is database.message("Twin")
    assert database.remarks == (
        "signal Mux.Deep: left out, its multiplexer Page is not marked M",
        "messages M and Twin: both have identifier 0x1, the last one holds",
    )


def test_two_databases_on_one_channel_must_not_contradict_each_other(tmp_path: Path) -> None:
    one = load_database(written(tmp_path, "BO_ 1 M: 2 E\n", "one.dbc"))
    same_id = load_database(written(tmp_path, "BO_ 1 N: 2 E\n", "two.dbc"))
    same_name = load_database(written(tmp_path, "BO_ 2 M: 2 E\n", "three.dbc"))
    extended = load_database(written(tmp_path, "BO_ 2147483649 N: 2 E\n", "four.dbc"))
    check_together([one, extended])
    with pytest.raises(DatabaseError, match=r"0x001 is message 'M' in .*one\.dbc and 'N' in .*two\.dbc"):
        check_together([one, same_id])
    with pytest.raises(DatabaseError, match=r"message 'M' is in .*one\.dbc and in .*three\.dbc"):
        check_together([one, same_name])


def test_cantools_is_imported_only_to_load_a_file() -> None:
    code = "import sys, harness.signals.database; sys.exit('cantools' in sys.modules or 'can' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
