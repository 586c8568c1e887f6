"""Opening a channel through python-can: its keyword arguments, and what to do when it does not open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import can

from harness.adapter.options import check_options
from harness.adapter.refusals import text_of
from harness.adapter.spec import AdapterSpec
from harness.adapter.traits import Traits
from harness.errors import AdapterError, ConfigError, HarnessError, MissingExtra, nearest

SAMPLE_POINT = 80.0
"""Percent of the bit at which controllers sample where the options do not say it: ``sample_point``,
``data_sample_point`` (CiA 601-3 asks for the same point in all nodes)."""

_OWN_OPTIONS = ("sample_point", "data_sample_point")  # ours, not python-can's


@dataclass(frozen=True, slots=True)
class Opened:
    """A channel that python-can has opened. echo: own frames come back."""

    bus: can.BusABC
    echo: bool


def arguments(spec: AdapterSpec, traits: Traits, *, echo: bool = True) -> dict[str, Any]:
    """The keyword arguments for ``can.Bus``, without interface and channel. The spec's options win over all others.

    echo: ask for own frames. Raises :class:`~harness.errors.ConfigError` for bit rates that the controller cannot have.

    >>> from harness.adapter.traits import traits_of
    >>> arguments(AdapterSpec("body", "slcan", "/dev/ttyACM0", 500_000), traits_of("slcan"))
    {'sleep_after_open': 0.0, 'bitrate': 500000}
    >>> spec = AdapterSpec("body", "kvaser", "0", 500_000, 2_000_000)
    >>> timing = arguments(spec, traits_of("kvaser"))["timing"]
    >>> timing.f_clock, timing.nom_bitrate, timing.nom_sample_point, timing.data_bitrate, timing.data_sample_point
    (80000000, 500000, 80.0, 2000000, 80.0)
    """
    if spec.fd and traits.fd == "none":
        raise ConfigError(f"{spec}: python-can's interface {spec.interface!r} has no CAN FD; leave data_bitrate out")
    chosen: dict[str, Any] = dict(traits.options)
    if traits.bitrate:
        chosen["bitrate"] = spec.bitrate
    if traits.fd in ("flag", "rates"):
        chosen["fd"] = spec.fd
    if traits.fd == "rates" and spec.fd:
        chosen[traits.data_bitrate] = spec.data_bitrate
    if echo:
        chosen |= traits.echo_options
    if spec.listen_only and traits.listen_only is not None:
        chosen |= traits.listen_only
    if traits.fd == "timing" and spec.fd and "timing" not in spec.options:
        chosen["timing"] = _timing(spec, traits)
    chosen |= {name: value for name, value in spec.options.items() if name not in _OWN_OPTIONS}
    if isinstance(chosen.get("timing"), Mapping):
        chosen["timing"] = _timing_of(spec, chosen["timing"])
    if isinstance(chosen.get("state"), str):
        chosen["state"] = can.BusState[chosen["state"].upper()]
    return chosen


def open_bus(spec: AdapterSpec, traits: Traits) -> Opened:
    """Open a channel.

    Raises :class:`~harness.errors.AdapterError` with python-can's reason and what to do,
    :class:`~harness.errors.MissingExtra` when an optional package is missing, and
    :class:`~harness.errors.ConfigError` for options that cannot be.
    """
    if spec.interface not in can.VALID_INTERFACES:
        known = ", ".join(sorted(can.VALID_INTERFACES))
        raise ConfigError(
            f"channel {spec.channel!r}: python-can has no interface {spec.interface!r}"
            f"{nearest(spec.interface, can.VALID_INTERFACES)}; it has {known}"
        )
    check_options(spec, _OWN_OPTIONS)
    chosen = arguments(spec, traits)
    wants_echo = traits.echo != "none" and all(chosen.get(name) for name in traits.echo_options)
    try:
        return Opened(_open(spec, traits, chosen), wants_echo)
    except AdapterError:
        if not (wants_echo and traits.echo_may_fail):
            raise
    return Opened(_open(spec, traits, arguments(spec, traits, echo=False)), False)


def _open(spec: AdapterSpec, traits: Traits, chosen: Mapping[str, Any]) -> can.BusABC:
    channel: Any = int(spec.where) if traits.number and spec.where.isdecimal() else spec.where
    try:
        # A bench is described by its bench file alone: no ~/.canrc, no CAN_BITRATE in the environment.
        return can.Bus(channel=channel, interface=spec.interface, ignore_config=True, **chosen)
    except HarnessError:
        raise
    except Exception as error:  # a vendor's library may raise anything; all of it means that nothing is open
        if traits.extra and isinstance(error, (ImportError, can.CanInterfaceNotImplementedError)):
            raise MissingExtra(f"the interface {spec.interface!r} ({traits.needs})", traits.extra) from error
        options = ", ".join(f"{name}={value!r}" for name, value in chosen.items())
        raise AdapterError(
            f"channel {spec.channel!r}: {spec} cannot be opened with {options or 'no options'}: {text_of(error)}; "
            f"{_advice(spec, traits, error)}"
        ) from error


def _advice(spec: AdapterSpec, traits: Traits, error: Exception) -> str:
    missing = isinstance(error, (ImportError, can.CanInterfaceNotImplementedError))
    if missing and traits.needs:
        if traits.needs.startswith("python-can["):
            return f"it needs: pip install '{traits.needs}'"
        return f"it needs {traits.needs}"
    if isinstance(error, (TypeError, ValueError, KeyError)):
        return "look at the channel's options in the bench file"
    text = str(error).lower()
    if "permission" in text:
        return "you may not open it: on Linux be in the group that owns the port (mostly dialout)"
    if "busy" in text or "in use" in text or "lock" in text:
        return "somebody else has it open"
    return "is it plugged in, and is this the right name? `harness doctor` lists what is there"


def _timing(spec: AdapterSpec, traits: Traits) -> can.BitTimingFd:
    nominal = float(spec.options.get("sample_point", SAMPLE_POINT))
    data = float(spec.options.get("data_sample_point", SAMPLE_POINT))
    reason = ""
    for clock in traits.clocks_hz:
        try:
            return can.BitTimingFd.from_sample_point(
                f_clock=clock, nom_bitrate=spec.bitrate, nom_sample_point=nominal,
                data_bitrate=spec.data_bitrate or spec.bitrate, data_sample_point=data,
            )  # fmt: skip
        except ValueError as error:
            reason = str(error)
    raise ConfigError(
        f"{spec}: a controller clocked with {' or '.join(f'{clock // 1_000_000} MHz' for clock in traits.clocks_hz)} "
        f"cannot have {spec.bitrate} and {spec.data_bitrate} bit/s, sampled at {nominal:g} % and {data:g} %: {reason}; "
        f"give other sample points, or the option timing = {{ f_clock = …, nom_brp = …, … }} (can.BitTimingFd)"
    )


def _timing_of(spec: AdapterSpec, values: Mapping[str, Any]) -> can.BitTiming | can.BitTimingFd:
    try:
        return can.BitTimingFd(**values) if "data_brp" in values else can.BitTiming(**values)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{spec}: option timing: {error}") from error
