"""Numbers as a monitor shows them: short, and as wide from one moment to the next."""

from __future__ import annotations

from harness.bus.port import ErrorState
from harness.frames import id_text
from harness.screen.snapshot import ChannelRow, MessageRow


def span_text(time_ns: int | None) -> str:
    """A span in at most 8 characters; an en dash for None.

    >>> [span_text(each) for each in (None, 0, 123_456, 9_998_765, 100_000_000, 12_340_000_000, 900_000_000_000)]
    ['–', '0.0 ms', '0.1 ms', '10.0 ms', '100 ms', '12.3 s', '15 min']
    """
    if time_ns is None:
        return "–"
    if time_ns < 99_950_000:
        return f"{time_ns / 1e6:.1f} ms"
    if time_ns < 999_500_000:
        return f"{time_ns / 1e6:.0f} ms"
    if time_ns < 599_950_000_000:
        return f"{time_ns / 1e9:.1f} s"
    return f"{time_ns / 60e9:.0f} min"


def cycle_text(cycle_ns: int | None) -> str:
    """A nominal cycle time, without decimals that say nothing.

    >>> cycle_text(10_000_000), cycle_text(2_500_000), cycle_text(None)
    ('10 ms', '2.5 ms', '–')
    """
    return "–" if cycle_ns is None else f"{cycle_ns / 1e6:g} ms"


def age_text(row: MessageRow) -> str:
    """How long ago the newest frame came; ``never`` when none has."""
    return "never" if row.age_ns is None else span_text(row.age_ns)


def protection_text(row: MessageRow) -> str:
    """``ok``, or how often what was wrong; nothing for a message that is neither protected nor wrong."""
    wrong = [
        f"{what} {count}×"
        for what, count in (("CRC", row.crc_wrong), ("counter", row.counter_wrong), ("length", row.undecodable))
        if count
    ]
    if wrong:
        return ", ".join(wrong)
    return "ok" if row.protected and row.count else ""


def rate_text(row: ChannelRow) -> str:
    """A channel's bit rates.

    >>> from harness.screen.texts import bits_text
    >>> bits_text(500_000), bits_text(2_000_000)
    ('500 kbit/s', '2 Mbit/s')
    """
    rate = bits_text(row.bitrate)
    return rate if row.data_bitrate is None else f"{rate}, data {bits_text(row.data_bitrate)}"


def bits_text(rate: int) -> str:
    """A bit rate."""
    return f"{rate / 1e6:g} Mbit/s" if rate >= 1_000_000 else f"{rate / 1e3:g} kbit/s"


def remarks(row: ChannelRow) -> list[tuple[str, bool]]:
    """What there is to say of a channel's health, each with whether it is bad: a line's worth."""
    found: list[tuple[str, bool]] = []
    if row.trouble:
        found.append((f"adapter lost: {row.trouble}", True))
    if row.state is not ErrorState.ACTIVE:
        found.append((row.state.value + (f" ({row.state_text})" if row.state_text else ""), True))
    if row.errors:
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(row.errors.items()))
        found.append((f"{sum(row.errors.values())} error frames ({kinds})", True))
    if row.overruns:
        found.append((f"{row.overruns} frames lost unread", True))
    if row.unknown:
        found.append((unknown_text(row), True))
    if not row.count and not row.trouble:
        found.append(("nothing heard", False))
    return found


def unknown_text(row: ChannelRow, shown: int = 3) -> str:
    """The identifiers of a channel that no database has, the most frequent ones first."""
    frequent = sorted(row.unknown, key=lambda each: (-each.count, each.key))
    names = ", ".join(f"{id_text(each.key)} {each.count}×" for each in frequent[:shown])
    rest = len(frequent) - shown
    more = f" and {rest} more" if rest > 0 else ""
    return f"unknown: {names}{more}"
