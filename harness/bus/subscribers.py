"""Who gets which frame of a simulated bus."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING

from harness.frames import Frame, Received

if TYPE_CHECKING:
    from harness.bus.controller import Controller

_ROUTES_LIMIT = 4096


class Subscription:
    """Somebody who wants frames: of the others on the bus, or, without a controller, of all."""

    __slots__ = ("controller", "deliver", "keys")

    def __init__(
        self, deliver: Callable[[Received], object], keys: Collection[int] | None, controller: Controller | None
    ) -> None:
        self.deliver = deliver
        self.keys = None if keys is None else frozenset(keys)
        self.controller = controller

    def cancelled(self, _: Received) -> None:
        """Stands in for the callback once it is cancelled: also within the delivery that is going on."""


class Subscribers:
    """All subscriptions of one bus, and for each sender and identifier the few that are to be served.

    controllers: the controllers of the bus, a list that grows; each keeps its own ``routes``.
    """

    def __init__(self, controllers: Sequence[Controller]) -> None:
        self._controllers = controllers
        self._subscriptions: list[Subscription] = []
        self._routed = False  # whether some controller has routes

    def add(self, subscription: Subscription, *, first: bool = False) -> Callable[[], None]:
        """Serve a subscription from the next frame on; returns what cancels it, at once. first: before all others."""
        self._subscriptions.insert(0 if first else len(self._subscriptions), subscription)
        self.forget_routes()

        def cancel() -> None:
            if subscription in self._subscriptions:
                self._subscriptions.remove(subscription)
                subscription.deliver = subscription.cancelled
                self.forget_routes()

        return cancel

    def forget_routes(self) -> None:
        """Somebody came or went."""
        if self._routed:
            self._routed = False
            for controller in self._controllers:
                controller.routes.clear()

    def route(self, sender: Controller, order: int, frame: Frame) -> list[Subscription]:
        """Who gets the frames of this sender and arbitration order, in the order of subscription."""
        key = frame.key
        route = [
            subscription
            for subscription in self._subscriptions
            if subscription.controller is not sender
            and (subscription.controller is None or subscription.controller.online)
            and (subscription.keys is None or key in subscription.keys)
        ]
        if len(sender.routes) >= _ROUTES_LIMIT:
            sender.routes.clear()
        sender.routes[order] = route
        self._routed = True
        return route
