"""Transmitters whose schedule runs in a channel process."""

from __future__ import annotations

from harness.restbus import Transmitter


class RemoteTransmitter(Transmitter):
    """A :class:`~harness.restbus.Transmitter` whose messages are sent by a channel process."""
