"""Decorators that say when a method of an ECU model runs.

An overriding method keeps the hook of the one it overrides, so a variant of a model need not repeat it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from harness.units import Duration, duration

Method = TypeVar("Method", bound=Callable[..., Any])

_ATTRIBUTE = "__harness_hooks__"


@dataclass(frozen=True, slots=True)
class Hook:
    """When a method runs. name: message or signal; period, start: ns, for ``every``."""

    kind: Literal["message", "signal", "every", "protection"]
    name: str = ""
    period: int = 0
    start: int | None = None


def on_message(message: str, *, channel: str | None = None) -> Callable[[Method], Method]:
    """Run ``method(self, message: RxMessage)`` for every valid frame of a message, in the instant of its end.

    channel: needed where the message is received on several channels.
    """
    return _mark(Hook("message", _qualified(message, channel)))


def on_signal(signal: str, *, channel: str | None = None) -> Callable[[Method], Method]:
    """Run ``method(self, value, previous)`` when a received signal has another valid value than before.

    signal: ``"Signal"`` or ``"Message.Signal"``. The values are physical, in the signal's unit; ``previous`` is None
    for the first value since power-on or reset. A frame that does not carry a multiplexed signal changes nothing.
    """
    return _mark(Hook("signal", _qualified(signal, channel)))


def every(period: Duration, *, start: Duration | None = None) -> Callable[[Method], Method]:
    """Run ``method(self)`` every ``period`` of the node's own clock while it is powered.

    start: first run this long after power-on or reset; default one period; ``0 * ms``: at once, after ``start()``.
    """
    first = None if start is None else duration(start, "start")
    return _mark(Hook("every", period=duration(period, "every", zero=False), start=first))


def on_protection_error(message: str, *, channel: str | None = None) -> Callable[[Method], Method]:
    """Run ``method(self, message: RxMessage)`` for every frame of a message that is short or wrongly protected.

    ``message.errors`` counts how many came one after the other; its values are still those of the last valid frame.
    """
    return _mark(Hook("protection", _qualified(message, channel)))


def hooks_of(model: type) -> dict[str, tuple[Hook, ...]]:
    """The hooks of a class by method name, in the order of definition, those of its bases first."""
    found: dict[str, tuple[Hook, ...]] = {}
    for base in reversed(model.__mro__):
        for name, value in vars(base).items():
            hooks = getattr(value, _ATTRIBUTE, None)
            if hooks:
                found[name] = tuple(hooks)
            elif name in found and not callable(value):
                del found[name]  # `method = None` in a variant takes the hook away
    return found


def _mark(hook: Hook) -> Callable[[Method], Method]:
    def decorate(method: Method) -> Method:
        setattr(method, _ATTRIBUTE, [*getattr(method, _ATTRIBUTE, ()), hook])
        return method

    return decorate


def _qualified(name: str, channel: str | None) -> str:
    return name if channel is None else f"{channel}:{name}"
