"""What python-can is asked for, on every interface, and what is said when it does not open."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import can
import pytest
from can.interfaces import BACKENDS

from harness.adapter import opening
from harness.adapter.driver import Driver
from harness.adapter.opening import arguments, open_bus
from harness.adapter.options import check_options, known_options
from harness.adapter.spec import AdapterSpec
from harness.adapter.traits import INTERFACES, traits_of
from harness.errors import AdapterError, ConfigError, MissingExtra

CLASSIC = AdapterSpec("body", "", "0", 500_000)
FD = replace(CLASSIC, data_bitrate=2_000_000)


def asked(spec: AdapterSpec, interface: str, **changes: object) -> dict[str, object]:
    return arguments(replace(spec, interface=interface, **changes), traits_of(interface))  # type: ignore[arg-type]


def test_the_table_knows_every_interface_of_python_can() -> None:
    assert set(BACKENDS) <= set(INTERFACES)


@pytest.mark.parametrize("interface", sorted(INTERFACES))
@pytest.mark.parametrize("listen_only", [False, True], ids=["", "listening"])
@pytest.mark.parametrize("spec", [CLASSIC, FD], ids=["classic", "fd"])
def test_every_argument_is_one_that_the_interface_names(interface: str, spec: AdapterSpec, listen_only: bool) -> None:
    traits = traits_of(interface)
    if spec.fd and traits.fd == "none":
        with pytest.raises(ConfigError, match="has no CAN FD"):
            asked(spec, interface)
        return
    found = importlib.util.find_spec(BACKENDS[interface][0])  # imports no vendor's library
    assert found is not None and found.origin is not None
    file = Path(found.origin)
    files = file.parent.glob("*.py") if found.submodule_search_locations else [file]
    source = "".join(each.read_text(encoding="utf-8") for each in files)
    for argument in asked(spec, interface, listen_only=listen_only):
        assert argument in source, f"{interface} takes no {argument}"


def test_can_fd_by_interface() -> None:
    assert asked(FD, "socketcan") == {"fd": True, "receive_own_messages": True}
    assert asked(CLASSIC, "udp_multicast") == {"fd": False}
    assert asked(FD, "ixxat")["data_bitrate"] == 2_000_000
    assert asked(FD, "nixnet")["fd_bitrate"] == 2_000_000
    for interface in ("slcan", "pcan", "kvaser", "vector"):
        timing = asked(FD, interface)["timing"]
        assert isinstance(timing, can.BitTimingFd)
        assert (timing.nom_bitrate, timing.data_bitrate, timing.f_clock) == (500_000, 2_000_000, 80_000_000)
        assert "timing" not in asked(CLASSIC, interface)


def test_sample_points_and_timings_from_the_options() -> None:
    timing = asked(FD, "pcan", options={"sample_point": 87.5, "data_sample_point": 75})["timing"]
    assert isinstance(timing, can.BitTimingFd)
    assert (timing.nom_sample_point, timing.data_sample_point) == (87.5, 75.0)
    numbers = {
        "f_clock": 80_000_000, "nom_brp": 2, "nom_tseg1": 63, "nom_tseg2": 16, "nom_sjw": 16,
        "data_brp": 2, "data_tseg1": 14, "data_tseg2": 5, "data_sjw": 5,
    }  # fmt: skip
    assert asked(FD, "pcan", options={"timing": numbers})["timing"] == can.BitTimingFd(**numbers)
    classic = {"f_clock": 8_000_000, "brp": 1, "tseg1": 13, "tseg2": 2, "sjw": 1}
    assert asked(CLASSIC, "slcan", options={"timing": classic})["timing"] == can.BitTiming(**classic)
    with pytest.raises(ConfigError, match="option timing: "):
        asked(FD, "pcan", options={"timing": {"f_clock": 1, "data_brp": 1}})


def test_bit_rates_that_no_clock_divides() -> None:
    with pytest.raises(ConfigError, match=r"a controller clocked with 80 MHz cannot have 500000 and 3100000 bit/s"):
        asked(FD, "kvaser", data_bitrate=3_100_000)


def test_the_users_options_win() -> None:
    chosen = asked(CLASSIC, "slcan", options={"sleep_after_open": 2.0, "tty_baudrate": 1_000_000})
    assert chosen == {"sleep_after_open": 2.0, "tty_baudrate": 1_000_000, "bitrate": 500_000}
    assert asked(CLASSIC, "pcan", options={"state": "passive"})["state"] is can.BusState.PASSIVE


def test_listening() -> None:
    assert asked(CLASSIC, "slcan", listen_only=True)["listen_only"] is True
    assert asked(CLASSIC, "pcan", listen_only=True)["state"] is can.BusState.PASSIVE
    assert asked(CLASSIC, "kvaser", listen_only=True)["driver_mode"] is False


def test_an_echo_that_is_not_wanted() -> None:
    driver = Driver(AdapterSpec("body", "virtual", "no echo", 500_000, options={"receive_own_messages": False}))
    assert not driver.capabilities.echo
    driver.close()


def test_an_interface_that_refuses_echoes_is_opened_without(monkeypatch: pytest.MonkeyPatch) -> None:
    asked_for: list[dict[str, object]] = []

    def bus(**wanted: object) -> object:
        asked_for.append(wanted)
        if wanted.get("receive_own_messages"):
            raise can.CanInitializationError("An invalid parameter was specified")
        return object()

    monkeypatch.setattr(opening.can, "Bus", bus)
    opened = open_bus(AdapterSpec("body", "pcan", "PCAN_USBBUS1", 500_000), traits_of("pcan"))
    assert not opened.echo and len(asked_for) == 2


def test_no_configuration_of_the_machine_gets_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAN_CONFIG", '{"receive_own_messages": false, "preserve_timestamps": true}')
    driver = Driver(AdapterSpec("body", "virtual", "no configuration", 500_000))
    assert driver.capabilities.echo and not driver._channel.bus.preserve_timestamps  # type: ignore[attr-defined]
    driver.close()


# -- options that nobody knows -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("interface", "option", "hint"),
    [
        ("slcan", "bitrat", "'bitrate'"),
        ("udp_multicast", "prot", "'port'"),
        ("virtual", "recieve_own_messages", "'receive_own_messages'"),
        ("pcan", "nom_brb", "'nom_brp'"),
        ("slcan", "sample_pint", "'sample_point'"),
        ("socketcan", "xyz", ""),
    ],
)
def test_an_option_that_the_interface_would_swallow(interface: str, option: str, hint: str) -> None:
    spec = AdapterSpec("body", interface, "x", 500_000, options={option: 5})
    with pytest.raises(ConfigError) as caught:
        open_bus(spec, traits_of(interface))
    text = str(caught.value)
    assert text.startswith(f"channel 'body': python-can's interface {interface!r} has no option {option!r}")
    assert hint in text and ("did you mean" in text) is bool(hint)


@pytest.mark.parametrize("interface", sorted(INTERFACES))
def test_what_we_ask_for_ourselves_is_known(interface: str) -> None:
    known, traits = known_options(interface), traits_of(interface)
    spec = CLASSIC if traits.fd == "none" else FD
    assert known is None or set(asked(spec, interface, listen_only=True)) <= known


def test_former_names_and_such_as_are_looked_up_are_known() -> None:
    known = known_options("slcan")
    assert known is not None and {"ttyBaudrate", "tty_baudrate", "btr", "timing", "can_filters"} <= known


class Foreign(can.BusABC):
    """A constructor of somebody else, who may hand its options to a library."""

    def __init__(self, channel: object, **options: object) -> None:
        super().__init__(channel)


class Strict(can.BusABC):
    """One that says what it takes."""

    def __init__(self, channel: object, speed: int = 0) -> None:
        super().__init__(channel)


def test_where_it_cannot_be_told_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BACKENDS, "foreign", (__name__, "Foreign"))
    monkeypatch.setitem(BACKENDS, "strict", (__name__, "Strict"))
    monkeypatch.setitem(BACKENDS, "gone", ("there_is_no_such_module", "Bus"))
    assert known_options("strict") == {"speed"}
    for interface in ("foreign", "gone", "there is none"):
        assert known_options(interface) is None
        check_options(AdapterSpec("body", interface, "x", 500_000, options={"whatever": 5}))


# -- what is said ------------------------------------------------------------------------------------------------------


def refusal(interface: str, where: str = "x", **changes: object) -> str:
    with pytest.raises(AdapterError) as caught:
        Driver(AdapterSpec("body", interface, where, 500_000, **changes))  # type: ignore[arg-type]
    return str(caught.value)


def test_a_port_that_is_not_there() -> None:
    pytest.importorskip("serial")
    text = refusal("slcan", "/dev/there-is-no-such-port")
    assert text.startswith(
        "channel 'body': slcan:/dev/there-is-no-such-port cannot be opened with sleep_after_open=0.0"
    )
    assert "No such file" in text and "is it plugged in" in text


def test_a_vendors_library_that_is_not_there() -> None:
    assert "it needs Vector's XL driver library" in refusal("vector", "0")
    assert "it needs: pip install 'python-can[gs-usb]'" in refusal("gs_usb", "0")


def test_a_wrong_option() -> None:
    assert "knows no option colour" in refusal("harness", options={"colour": "red"})


def test_an_interface_that_does_not_exist() -> None:
    with pytest.raises(ConfigError, match=r"no interface 'slcn'; did you mean .*'slcan'"):
        Driver(AdapterSpec("body", "slcn", "x", 500_000))


def test_a_missing_package_is_named_by_the_extra_that_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def bus(**_: object) -> object:
        raise can.CanInterfaceNotImplementedError("The serial module is not installed")

    monkeypatch.setattr(opening.can, "Bus", bus)
    with pytest.raises(MissingExtra, match=r"vehicle-harness\[bench\]"):
        Driver(AdapterSpec("body", "slcan", "x", 500_000))


def test_a_reason_is_told_once_though_it_is_tried_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[bool] = []

    def refuse(**options: object) -> NoReturn:
        tried.append("receive_own_messages" in options)
        raise OSError("pcanbasic library not found.")

    monkeypatch.setattr(can, "Bus", refuse)
    with pytest.raises(AdapterError) as caught:
        Driver(AdapterSpec("body", "pcan", "PCAN_USBBUS1", 500_000))
    assert tried == [True, False]
    assert str(caught.value).count("pcanbasic library not found") == 1
