"""What goes wrong in a world is taken once, whatever it is busy with at that time."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any, cast

from harness.bench import Bench
from harness.bench.following import FollowingLoop
from harness.errors import IntegrityError
from harness.pytest_support.open_world import OpenWorld


def world_on(loop: FollowingLoop) -> OpenWorld:
    bench = SimpleNamespace(world=SimpleNamespace(loop=loop), incidents=SimpleNamespace(raised=[]))
    return OpenWorld(cast(Bench, bench))


def behind(callback: Any) -> FollowingLoop:
    """A loop that has to catch up with an event, and that nobody else drives."""
    loop = FollowingLoop(["can"], lambda: 0)
    loop._thread = threading.current_thread()
    loop.feed("can", [(1, callback, None)], 2)
    return loop


def test_what_comes_up_while_a_world_is_stopped_is_a_failure_and_raises_nothing() -> None:
    seen = IntegrityError("an unknown frame")

    def hear(_: None) -> None:
        raise seen

    world = world_on(behind(hear))
    with world.still():
        assert world.take_failures() == [seen]
    assert world.take_failures() == []


def test_an_incident_that_is_told_after_the_world_has_stopped_is_not_lost() -> None:
    loop = behind(lambda _: None)
    world = world_on(loop)
    loop.failure = IntegrityError("it stopped")
    assert world.take_failures() == [loop.failure]
    late = IntegrityError("a property, told at the end")
    world.bench.incidents.raised.append(late)
    assert world.take_failures() == [late]
