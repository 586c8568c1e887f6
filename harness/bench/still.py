"""What a test calls runs in a world that stands still: on the wall clock another thread drives it meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from types import FunctionType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from harness.bench.world import World


class _OfWorld(Protocol):
    """Something that belongs to a world."""

    @property
    def world(self) -> World: ...


Kind = TypeVar("Kind", bound=type[_OfWorld])


def still(kind: Kind) -> Kind:
    """Decorates a class: during each public method but ``close`` the world is up to date and stands still.

    A wait inside lets it go on. Such a method raises what came up while the world was brought up to date; and, but for
    those that end the world or watch it, why it had stopped before this test began.
    """
    for name, method in list(vars(kind).items()):
        public = not name.startswith("_") or name in ("__getitem__", "__setitem__")
        if public and name != "close" and isinstance(method, FunctionType):
            setattr(kind, name, _held(method, whatever=name in ("attach", "attach_own", "detach", "check")))
    return kind


def _held(method: Callable[..., Any], *, whatever: bool) -> Callable[..., Any]:
    @wraps(method)
    def held(self: _OfWorld, *arguments: Any, **named: Any) -> Any:
        if not whatever:
            self.world.must_run()
        with self.world.loop.held():
            return method(self, *arguments, **named)

    return held
