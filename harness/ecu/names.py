"""What the names of messages and signals mean to one node; worked out once, for all worlds of a bench."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from harness.errors import ConfigError, UnknownSignalError, nearest
from harness.memo import Memo
from harness.restbus import Catalogue, MessagePlan

Place = tuple[str, MessagePlan]
"""A message and the name of its channel."""
Target = tuple[str, str, tuple[tuple[str, str], ...] | None]
"""What to set in one message: its channel, its name, and pairs of a signal's own name and the name as it was given;
None in place of the pairs: all signals that were given, under their own names."""


class Names:
    """The names that one node uses, from ``"Signal"`` to ``"channel:Message.Signal"``.

    node: its name. messages: by channel, all messages of the channel. sent: by channel, those that the node sends
    itself. The tables raise :class:`~harness.errors.UnknownSignalError` for a name that nothing or too much bears,
    and :class:`~harness.errors.ConfigError` for an unknown channel.

    received: messages that the database says the node receives. messages: others' messages by name.
    signals: of others by name: the place, and the signal's own name. sent: own messages by name: channel and name.
    targets: what to set where, by the tuple of the given signals' names.
    """

    def __init__(
        self, node: str, messages: Mapping[str, Catalogue], sent: Mapping[str, Iterable[MessagePlan]]
    ) -> None:
        self._node = node
        self._messages = messages
        self._sent = {channel: Catalogue(plans) for channel, plans in sent.items()}
        self.received: tuple[Place, ...] = tuple(
            (channel, plan)
            for channel, plans in messages.items()
            for plan in plans.values()
            if node in plan.message.receivers
        )
        self.messages = Memo(self._message)
        self.signals = Memo(self._signal)
        self.sent = Memo(self._sent_message)
        self.targets = Memo(self._targets)

    def channels(self, channel: str) -> Iterable[str]:
        """The channel of that name; for an empty name all of them."""
        if not channel:
            return self._messages
        if channel not in self._messages:
            raise ConfigError(f"{self._node} is not on channel {channel!r}{nearest(channel, self._messages)}")
        return (channel,)

    # -- what others send ------------------------------------------------------------------------------------------

    def _others(self, channel: str) -> Iterator[Place]:
        for where in self.channels(channel):
            for plan in self._messages[where].values():
                if plan.message.name not in self._sent[where]:
                    yield where, plan

    def _message(self, message: str) -> Place:
        channel, _, name = message.rpartition(":")
        found = [
            (where, self._messages[where][name])
            for where in self.channels(channel)
            if name in self._messages[where] and name not in self._sent[where]
        ]
        if len(found) == 1:
            return found[0]
        if found:
            choice = " or ".join(f"'{where}:{name}'" for where, _ in found)
            raise UnknownSignalError(f"{self._node} receives {name!r} on several channels: write {choice}")
        known = [plan.message.name for _, plan in self._others(channel)]
        raise UnknownSignalError(f"{self._node} can receive no message {name!r}{nearest(name, known)}")

    def _signal(self, signal: str) -> tuple[Place, str]:
        message, dot, name = signal.rpartition(".")
        if dot:
            place = self.messages[message]
            place[1].message.signal(name)
            return place, name
        channel, _, name = signal.rpartition(":")
        found = [
            (where, plan)
            for where in self.channels(channel)
            for plan in self._messages[where].with_signal(name)
            if plan.message.name not in self._sent[where]
        ]
        if len(found) == 1:
            return found[0], name
        if found:
            choice = " or ".join(f"'{where}:{plan.message.name}.{name}'" for where, plan in found)
            raise UnknownSignalError(f"{self._node} can receive {name!r} in several messages: write {choice}")
        known = [each for _, plan in self._others("") for each in plan.start_values]
        raise UnknownSignalError(f"{self._node} can receive no signal {name!r}{nearest(name, known)}")

    # -- what the node sends ---------------------------------------------------------------------------------------

    def _sent_message(self, message: str) -> tuple[str, str]:
        channel, _, name = message.rpartition(":")
        found = [(where, name) for where in self.channels(channel) if name in self._sent[where]]
        if len(found) == 1:
            return found[0]
        if found:
            choice = " or ".join(f"'{where}:{name}'" for where, _ in found)
            raise UnknownSignalError(f"{self._node} sends {name!r} on several channels: write {choice}")
        known = [each for where in self.channels(channel) for each in self._sent[where]]
        raise UnknownSignalError(f"{self._node} sends no message {name!r}{nearest(name, known)}")

    def _targets(self, names: tuple[str, ...]) -> list[Target]:
        pairs: dict[tuple[str, str], list[tuple[str, str]]] = {}
        for name in names:
            for message, own in self._carriers(name):
                pairs.setdefault(message, []).append((own, name))
        same = [(name, name) for name in names]
        return [(*message, None if group == same else tuple(group)) for message, group in pairs.items()]

    def _carriers(self, signal: str) -> list[tuple[tuple[str, str], str]]:
        """The own messages that a signal is set in, each with the signal's own name."""
        message, dot, name = signal.rpartition(".")
        if dot:
            channel, message = self.sent[message]
            self._sent[channel][message].message.signal(name)
            return [((channel, message), name)]
        channel, _, name = signal.rpartition(":")
        found: list[tuple[tuple[str, str], str]] = []
        for where in self.channels(channel):
            here = [plan.message.name for plan in self._sent[where].with_signal(name)]
            if len(here) > 1:
                choice = " or ".join(f"'{each}.{name}'" for each in here)
                raise UnknownSignalError(
                    f"{self._node} sends {name!r} in several messages of one channel: set {choice}"
                )
            found += [((where, each), name) for each in here]
        if not found:
            known = [each for plans in self._sent.values() for plan in plans.values() for each in plan.start_values]
            raise UnknownSignalError(f"{self._node} sends no signal {name!r}{nearest(name, known)}")
        return found
