"""ECU models: simulated nodes that use signals and the plant, and know nothing of each other's Python state."""

from __future__ import annotations

from harness.ecu.context import EcuContext, Link
from harness.ecu.ecu import Ecu
from harness.ecu.hooks import every, on_message, on_protection_error, on_signal
from harness.ecu.machine import StateMachine
from harness.ecu.names import Names
from harness.ecu.receive import RxMessage

__all__ = [
    "Ecu",
    "EcuContext",
    "Link",
    "Names",
    "RxMessage",
    "StateMachine",
    "every",
    "on_message",
    "on_protection_error",
    "on_signal",
]
