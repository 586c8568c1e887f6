"""The databases of the reference vehicle: they load strictly, use what real databases use, and fit on their buses."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cantools.database import Database, load_file
from cantools.database.can import Message, Signal

ROOT = Path(__file__).parents[2]
BENCH = tomllib.loads((ROOT / "benches" / "virtual.toml").read_text(encoding="utf-8"))
CHANNELS = ("powertrain", "body")

#: Node whose messages the database leaves without cycle, send type and protection: the bench file supplies them.
SUPPLEMENTED_NODE = "DOORS"

NODES = {
    "powertrain": {"VCU", "BMS", "INV", "ESP", "GW", "PEDAL", "SRS"},
    "body": {"BCM", "IC", "HVAC", "GW", "STALK", "DOORS", "KEY"},
}

ROUTES = {
    "Pedals", "DriveStatus", "VehicleSpeed", "BatteryWarnings", "BatteryCharge", "CrashStatus", "OccupantStatus",
    "KeyStatus", "DriverRequest", "HvacRequest",
}  # fmt: skip


def load(channel: str) -> Database:
    database = load_file(ROOT / "dbc" / f"{channel}.dbc", strict=True)
    assert isinstance(database, Database)
    return database


DATABASES = {channel: load(channel) for channel in CHANNELS}


def messages(channel: str | None = None) -> Iterator[tuple[str, Message]]:
    for name, database in DATABASES.items():
        if channel in (None, name):
            for message in database.messages:
                yield name, message


def signals() -> Iterator[tuple[str, Message, Signal]]:
    for channel, message in messages():
        for signal in message.signals:
            yield channel, message, signal


def attribute(item: Message | Signal, name: str) -> Any:
    """The attribute's own value, the database's default, enumerations as text."""
    assert item.dbc is not None
    found = item.dbc.attributes.get(name)
    definition = item.dbc.attribute_definitions[name]
    value = definition.default_value if found is None else found.value
    return definition.choices[value] if definition.choices and isinstance(value, int) else value


def protection(message: Message) -> dict[str, Any] | None:
    """Profile, data ID, names of counter and CRC: from the database, or from the bench file."""
    if message.name in BENCH["protect"]:
        return dict(BENCH["protect"][message.name])
    if not attribute(message, "E2EProfile"):
        return None
    keys = {"profile": "E2EProfile", "data_id": "E2EDataId", "mode": "E2EMode"}
    keys |= {"counter": "E2ECounterSignal", "crc": "E2ECrcSignal"}
    return {key: attribute(message, name) for key, name in keys.items()}


def cycle_ms(message: Message) -> int | None:
    supplied = BENCH["cycle"].get(message.name)
    return int(supplied.removesuffix(" ms")) if supplied else message.cycle_time


def worst_classic_bits(length: int, extended: bool) -> int:
    """Longest classic frame with inter-frame space: ISO 11898-1, one stuff bit for every four bits after the first."""
    header = 54 if extended else 34
    return header + 13 + 8 * length + (header + 8 * length - 1) // 4


def worst_fd_seconds(length: int, bitrate: int, data_bitrate: int) -> float:
    """Longest CAN FD frame with 11-bit identifier and bit-rate switch, with inter-frame space."""
    arbitration = 17 + 16 // 4 + 13
    crc = 17 + 6 if length <= 16 else 21 + 7
    data = 5 + 8 * length + (5 + 8 * length) // 4 + 4 + crc
    return arbitration / bitrate + data / data_bitrate


def worst_frame_seconds(channel: str, message: Message) -> float:
    if channel == "powertrain":
        return worst_classic_bits(message.length, message.is_extended_frame) / 500_000
    return worst_fd_seconds(message.length, 500_000, 2_000_000)


@pytest.mark.parametrize("channel", CHANNELS)
def test_nodes_and_senders(channel: str) -> None:
    database = DATABASES[channel]
    assert {node.name for node in database.nodes} == NODES[channel] == NODES[channel] & set(BENCH["nodes"])
    assert {message.senders[0] for message in database.messages} == NODES[channel]
    for message in database.messages:
        assert len(message.senders) == 1
        receivers = {receiver for signal in message.signals for receiver in signal.receivers}
        assert message.senders[0] not in receivers, message.name
        assert receivers or message.name == "GatewayStatistics", message.name


def test_size_of_the_network() -> None:
    assert 40 <= len(list(messages())) <= 50
    assert 250 <= len(list(signals())) <= 380


def test_every_name_is_unique_on_the_whole_vehicle() -> None:
    message_names = [message.name for _, message in messages()]
    signal_names = [signal.name for _, _, signal in signals()]
    assert len(set(message_names)) == len(message_names)
    assert len(set(signal_names)) == len(signal_names)
    assert all(name.isidentifier() for name in message_names + signal_names)


def test_both_byte_orders_signs_and_scales() -> None:
    assert {signal.byte_order for _, _, signal in signals() if signal.length > 8} == {"little_endian", "big_endian"}
    assert {signal.byte_order for _, _, signal in signals() if signal.is_signed} == {"little_endian", "big_endian"}
    assert any(signal.scale != 1 and signal.offset for _, _, signal in signals())
    assert sum(bool(signal.choices) for _, _, signal in signals()) > 100


def test_96_cell_voltages_are_multiplexed() -> None:
    message = DATABASES["powertrain"].get_message_by_name("CellVoltages")
    cells = [signal for signal in message.signals if signal.multiplexer_signal == "CellPage"]
    assert sorted(signal.name for signal in cells) == sorted(f"CellVoltage{number:02d}" for number in range(1, 97))
    for signal in cells:
        number = int(signal.name[-2:])
        assert signal.multiplexer_ids == [(number - 1) // 4]


def test_extended_multiplexing_is_nested_and_has_ranges() -> None:
    message = DATABASES["powertrain"].get_message_by_name("VcuInfo")
    slot = message.get_signal_by_name("FaultSlot")
    assert slot.is_multiplexer and slot.multiplexer_signal == "InfoPage"
    assert message.get_signal_by_name("StoredFaultCode").multiplexer_signal == "FaultSlot"
    assert message.get_signal_by_name("StoredFaultCode").multiplexer_ids == [0, 1, 2, 3]
    assert message.get_signal_by_name("PowerOnCount").multiplexer_ids == [2, 3]


def test_one_ieee_float_and_its_copy() -> None:
    floats = {signal.name: signal.length for _, _, signal in signals() if signal.is_float}
    assert floats == {"ChargeCounter": 32, "ChargeCounterBody": 32}


def test_identifiers_and_frame_formats() -> None:
    for channel, message in messages():
        kind = ("ExtendedCAN" if message.is_extended_frame else "StandardCAN") + ("_FD" if channel == "body" else "")
        assert attribute(message, "VFrameFormat") == kind, message.name
        assert message.is_fd == (channel == "body")
        lengths = range(9) if channel == "powertrain" else [*range(9), 12, 16, 20, 24, 32, 48, 64]
        assert message.length in lengths, message.name
    assert any(message.is_extended_frame for _, message in messages("powertrain"))
    assert max(message.length for _, message in messages("body")) == 64
    for channel in CHANNELS:
        identifiers = [message.frame_id for _, message in messages(channel)]
        assert len(set(identifiers)) == len(identifiers)


def test_send_types_and_times() -> None:
    send_types = {message.send_type for _, message in messages()}
    assert {"Cyclic", "CyclicAndOnChange", "CyclicAndOnChangeWithRepetition"} <= send_types
    for _, message in messages():
        assert 0 <= attribute(message, "GenMsgStartDelayTime") < 2 * (cycle_ms(message) or 1)
        if message.senders == [SUPPLEMENTED_NODE]:
            continue
        assert (message.cycle_time or 0) > 0, f"{message.name} has no cycle time"
        assert message.send_type != "NoMsgSendType", message.name
        repeats = "Repetition" in (message.send_type or "")
        assert (attribute(message, "GenMsgNrOfRepetition") > 0) == repeats
        assert (attribute(message, "GenMsgCycleTimeFast") > 0) == repeats
        triggers = {attribute(signal, "GenSigSendType") for signal in message.signals} - {"NoSigSendType", "Cyclic"}
        assert bool(triggers) == ("OnChange" in (message.send_type or "")), message.name
    assert any(attribute(message, "GenMsgDelayTime") for _, message in messages())


def test_one_message_set_is_left_to_the_bench_file() -> None:
    left = {message.name for _, message in messages() if message.send_type == "NoMsgSendType"}
    assert left == {message.name for _, message in messages() if message.senders == [SUPPLEMENTED_NODE]}
    assert left == set(BENCH["sendtype"]) and set(BENCH["cycle"]) <= left and set(BENCH["protect"]) <= left
    for name in left:
        message = DATABASES["body"].get_message_by_name(name)
        assert message.cycle_time is None and not attribute(message, "E2EProfile")


def test_every_signal_says_what_it_is() -> None:
    for _, message, signal in signals():
        name = f"{message.name}.{signal.name}"
        assert signal.comment and message.comment, f"{name} has no comment"
        if signal.unit:
            assert f"[{signal.unit}]" in signal.comment, f"the comment of {name} does not give its unit"
        elif not signal.choices:  # what is left may only be a plain number: a counter, a CRC, a page
            assert signal.scale == 1 and signal.offset == 0 and not signal.is_float, f"{name} has no unit"
            assert "[" not in signal.comment, f"{name} has a unit in its comment only"


def test_ranges_fit_the_bits_and_start_values_fit_the_ranges() -> None:
    for _, message, signal in signals():
        name = f"{message.name}.{signal.name}"
        assert signal.minimum is not None and signal.maximum is not None and signal.minimum < signal.maximum, name
        if not signal.is_float:
            low, high = (-(1 << signal.length - 1), (1 << signal.length - 1) - 1) if signal.is_signed else (
                0, (1 << signal.length) - 1)  # fmt: skip
            raws = [round((value - signal.offset) / signal.scale) for value in (signal.minimum, signal.maximum)]
            assert low <= raws[0] < raws[1] <= high, f"the range of {name} does not fit its bits"
            assert all(low <= raw <= high for raw in signal.choices or {}), name
        start = (signal.raw_initial or 0) * signal.scale + signal.offset
        assert signal.minimum - 1e-9 <= start <= signal.maximum + 1e-9, f"start value {start} of {name}"
        if signal.choices and "SNA" not in map(str, signal.choices.values()):
            assert (signal.raw_initial or 0) in signal.choices, f"start value of {name} has no name"


def test_start_values_encode_strictly() -> None:
    for _, message in messages():
        start: dict[str, Any] = {
            signal.name: (signal.raw_initial or 0) * signal.scale + signal.offset for signal in message.signals
        }
        assert len(message.encode(message.gather_signals(start), strict=True)) == message.length


def test_protected_messages_have_counter_and_crc_where_the_profile_wants_them() -> None:
    data_ids = []
    for channel, message in messages():
        found = protection(message)
        if found is None:
            assert not any(signal.name.endswith(("Crc", "Counter")) and signal.name.startswith(message.name)
                           for signal in message.signals)  # fmt: skip
            continue
        assert found["profile"] == {"powertrain": "P01", "body": "P05"}[channel]
        data_ids.append(found["data_id"])
        bits = {}
        for role in ("crc", "counter"):
            signal = message.get_signal_by_name(found[role])
            lowest = signal.start - signal.length + 1 if signal.byte_order == "big_endian" else signal.start
            bits[role] = (lowest, signal.length, signal.maximum)
        if channel == "powertrain":
            assert bits == {"crc": (0, 8, 255), "counter": (8, 4, 14)}, message.name
        else:
            assert bits == {"crc": (0, 16, 65535), "counter": (16, 8, 255)}, message.name
            assert message.get_signal_by_name(found["crc"]).byte_order == "little_endian"
        if found.get("mode") == "NIBBLE":  # profile 1C keeps part of the data ID beside the counter
            assert all(not 12 <= signal.start < 16 for signal in message.signals), message.name
    assert len(set(data_ids)) == len(data_ids) >= 25
    modes = {found["mode"] for _, message in messages("powertrain") if (found := protection(message))}
    assert modes == {"BOTH", "ALT", "LOW", "NIBBLE"}


def test_routed_copies_carry_what_their_source_carries() -> None:
    by_name = {message.name: (channel, message) for channel, message in messages()}
    copies = [(channel, message) for channel, message in messages() if attribute(message, "RoutedFrom")]
    assert {attribute(message, "RoutedFrom") for _, message in copies} == ROUTES
    for channel, copy in copies:
        source_channel, source = by_name[attribute(copy, "RoutedFrom")]
        suffix = channel.capitalize()
        assert channel != source_channel and copy.name == source.name + suffix and copy.frame_id == source.frame_id
        assert copy.senders == ["GW"]
        assert (copy.cycle_time, copy.send_type) == (source.cycle_time, source.send_type)
        header = {f"{source.name}Crc", f"{source.name}Counter"}
        kept = {signal.name: signal for signal in copy.signals}
        assert {name + suffix for name in {signal.name for signal in source.signals} - header} == set(kept) - {
            f"{copy.name}Crc", f"{copy.name}Counter"}  # fmt: skip
        for signal in source.signals:
            if signal.name not in header:
                twin = kept[signal.name + suffix]
                assert [twin.scale, twin.offset, twin.minimum, twin.maximum, twin.unit, twin.choices, twin.length,
                        twin.raw_initial] == [signal.scale, signal.offset, signal.minimum, signal.maximum, signal.unit,
                        signal.choices, signal.length, signal.raw_initial]  # fmt: skip


@pytest.mark.parametrize("channel", CHANNELS)
def test_bus_load_is_below_half_with_the_worst_stuffing(channel: str) -> None:
    load = sum(
        worst_frame_seconds(channel, message) / (cycle * 1e-3)
        for _, message in messages(channel)
        if (cycle := cycle_ms(message))
    )
    assert 0.05 < load < 0.5


@pytest.mark.parametrize("channel", CHANNELS)
def test_no_10_ms_window_exceeds_60_percent_when_every_message_falls_into_it(channel: str) -> None:
    burst = sum(worst_frame_seconds(channel, message) for _, message in messages(channel))
    assert burst < 0.6 * 10e-3


def test_a_known_worst_case_frame_length() -> None:
    assert worst_classic_bits(8, extended=False) == 135  # the usual figure for 8 bytes, 11-bit identifier
    assert worst_classic_bits(8, extended=True) == 160
