"""A mutant: the vehicle with one fault, and the requirement that it violates."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Literal

from harness.ecu import Ecu, RxMessage
from harness.frames import Received
from harness.loop import Loop
from harness.plant import Plant
from harness.restbus import MessagePlan
from harness.units import Duration

Kind = Literal["threshold", "time", "check", "state"]
"""What is wrong: a limit of a value; a limit of time (or a number of cycles); something is not looked at, or wrongly;
something sticks, gets lost, or is mixed up."""
Method = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Mutant:
    """One faulty variant of an ECU model or of the plant.

    fault: what is wrong with it, in words; unique. requirement: the one that it violates. model: the faulty class.
    test: name of the test function that is to notice; it has to be marked with the requirement. shows: what its
    failure has to speak of, so that it fails for the right reason and not for any.
    """

    fault: str
    requirement: str
    kind: Kind
    model: type[Ecu] | type[Plant]
    test: str
    shows: str

    @property
    def node(self) -> str:
        """Name of the faulty node, or ``plant``."""
        return self.model.node if issubclass(self.model, Ecu) else "plant"

    def __str__(self) -> str:
        return f"{self.requirement} {self.node}: {self.fault}"


def mutant(
    requirement: str, kind: Kind, fault: str, sound: type[Any], test: str, shows: str, /, **changes: object
) -> Mutant:
    """A mutant whose class is ``sound`` with some constants or methods replaced; its hooks stay as they are."""
    for name in changes:
        assert hasattr(sound, name), f"{sound.__name__} has nothing called {name}"
    faulty = type(f"Faulty{sound.__name__}", (sound,), {"__module__": __name__, **changes})
    return Mutant(fault, requirement, kind, faulty, test, shows)


def late(method: Method, by: Duration) -> Method:
    """A method that does the same, but ``by`` later, with what it was given then; what it looks up itself is new."""

    def delayed(self: Ecu, *arguments: Any, **keywords: Any) -> None:
        self.after(by, lambda: method(self, *arguments, **keywords))

    return delayed


def hears_late(message: str, by: Duration) -> Method:
    """The method by which a node gets its receivers, so that it hears of every frame of a message ``by`` late."""

    def receiver(self: Ecu, channel: str, plan: MessagePlan) -> RxMessage:
        received = Ecu._receiver(self, channel, plan)
        if plan.message.name == message and not isinstance(received._port, _LatePort):
            received._port = _LatePort(self.loop, received._port, by)
        return received

    return receiver


class _LatePort:
    """Hands on every frame so much late; for receiving only."""

    def __init__(self, loop: Loop, port: Any, by: Duration) -> None:
        self.channel = port.channel
        self._loop, self._port, self._by = loop, port, by

    def subscribe(self, callback: Callable[[Received], object], keys: Collection[int] | None = None) -> Method:
        cancel: Method = self._port.subscribe(lambda rx: self._loop.after(self._by, lambda: callback(rx)), keys)
        return cancel


def past(method: Method, by: Duration) -> Method:
    """A method that returns what it would have returned ``by`` ago; for one that is called over and over."""

    def remembered(self: Ecu) -> object:
        values: deque[tuple[int, object]] = self.__dict__.setdefault(f"past {method.__name__}", deque())
        if values and values[-1][0] < self.now - by:
            values.clear()  # nobody asked for so long: the last answer is none of that time
        values.append((self.now, method(self)))
        while len(values) > 1 and values[1][0] <= self.now - by:
            values.popleft()
        return values[0][1]

    return remembered


def always(value: object) -> Method:
    """A method that does nothing and returns ``value``."""
    return lambda self, *arguments, **keywords: value


nothing = always(None)
"""A method that does nothing."""
