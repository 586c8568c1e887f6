"""Which options python-can's interfaces know: most take any name, and say nothing about one that means nothing."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterable, Iterator
from types import CodeType, FunctionType

from can.interfaces import BACKENDS

from harness.adapter.spec import AdapterSpec
from harness.errors import ConfigError, nearest

_PYTHON_CAN = "can."
"""Whoever else takes any names may hand them to a library that knows more of them than can be seen."""


def check_options(spec: AdapterSpec, own: tuple[str, ...] = ()) -> None:
    """Raise :class:`~harness.errors.ConfigError` for an option that the interface does not know, with the nearest ones.

    own: options that are not for python-can. Says nothing where it cannot be told: of an interface that is not there,
    and of one outside python-can that takes any names.
    """
    known = known_options(spec.interface)
    if known is None:
        return
    for name in spec.options:
        if name not in known and name not in own:
            raise ConfigError(
                f"channel {spec.channel!r}: python-can's interface {spec.interface!r} has no option {name!r}"
                f"{nearest(name, [*sorted(known), *own])}"
            )


def known_options(interface: str) -> frozenset[str] | None:
    """The names that an interface's constructor takes; ``None`` where that cannot be told.

    >>> sorted(known_options("virtual") or ())
    ['can_filters', 'preserve_timestamps', 'protocol', 'receive_own_messages', 'rx_queue_size']
    """
    module, name = BACKENDS.get(interface, ("", ""))
    try:
        bus = getattr(importlib.import_module(module), name)
    except Exception:  # noqa: BLE001  # a vendor's library that is not there: opening the channel says so
        return None
    found: set[str] = set()
    for each in inspect.getmro(bus):
        made = vars(each).get("__init__")
        if made is None:
            continue
        if not isinstance(made, FunctionType):
            return None if each is not object else frozenset(found)
        takes_any = _add_names(made, found)
        if not takes_any:
            break
        if not each.__module__.startswith(_PYTHON_CAN):
            return None
    return frozenset(found)


def _add_names(made: FunctionType, found: set[str]) -> bool:
    """Add the names that a constructor takes. Returns whether it takes any others, too."""
    for cell in made.__closure__ or ():
        if isinstance(cell.cell_contents, dict):  # python-can's own decorator: former names
            found.update(cell.cell_contents)
    inner = inspect.unwrap(made)
    parameters = inspect.signature(inner).parameters.values()
    found.update(each.name for each in parameters if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY))
    found.difference_update({"self", "channel"})
    takes_any = any(each.kind is each.VAR_KEYWORD for each in parameters)
    if takes_any:  # what it looks up among them stands in its code, as in kwargs.get("tseg1"), or in a list
        for code in _codes(inner.__code__):
            found.update(_names(code.co_consts))
            found.update(_names([inner.__globals__.get(each) for each in code.co_names]))
    return takes_any


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from _codes(each)


def _names(values: Iterable[object]) -> Iterator[str]:
    for each in values:
        if isinstance(each, str) and each.isidentifier():
            yield each
        elif isinstance(each, (list, tuple, set, frozenset)):
            yield from _names(each)
