"""Cyclic sending by Linux' broadcast manager (``net/can/bcm.c``), through python-can's ``send_periodic``.

The kernel sends without us: no process has to wake up for a frame. What it does not do: keep an absolute schedule (it
sets its timer anew after each frame, so the period is longer by the timer's latency, and drifts), and tell when its
frame found no room (it is dropped; count the echoes).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import can

from harness.adapter.messages import message_to_send
from harness.adapter.refusals import text_of
from harness.errors import AdapterError, BusError
from harness.frames import Frame, check_frame, id_text

MOST_FRAMES = 256
"""Frames of one sequence at most (``MAX_NFRAMES`` of ``net/can/bcm.c``)."""

RECENT = 16
"""Updates whose frames are recognised when they come back: the newest, and those that may still be on their way."""

Known = dict[int, tuple[frozenset[Frame], ...]]
"""By identifier key, frames that are ours when the kernel sends them, the newest first."""


class KernelCyclic:
    """One frame, or a sequence of up to :data:`MOST_FRAMES` sent in turn, one each ``period_ns``.

    A sequence holds a protected message with every value of its counter, each with its checksum, so that the kernel
    sends right counters and checksums. All have the same identifier. Made by
    :meth:`harness.adapter.driver.Driver.cyclic`. Not started. bus: python-can's, open, of interface ``socketcan``.
    period_ns: at least 1 µs, with a resolution of 1 µs. known: gets, by identifier key, the frames whose echoes are
    ours.

    Raises :class:`~harness.errors.BusError` for frames that the channel does not carry, or that are no sequence.
    """

    def __init__(self, bus: Any, frames: Sequence[Frame], period_ns: int, *, fd: bool, known: Known) -> None:
        if period_ns < 1000:
            raise BusError(f"the kernel's shortest period is 1 µs, not {period_ns} ns")
        self._bus, self._fd, self._known = bus, fd, known
        self._period_ns = period_ns
        self._frames = self._checked(frames)
        self._task: Any = None
        self._remember()

    @property
    def running(self) -> bool:
        """Whether the kernel sends."""
        return self._task is not None

    def start(self) -> None:
        """Send the first frame now, and the others a period apart; from the first one again when it runs already.

        To begin at an instant, call it at that instant: the kernel has no later beginning. Raises
        :class:`~harness.errors.AdapterError` when the kernel refuses.
        """
        with _refusals("start", self._frames[0]):
            if self._task is None:
                # python-can cuts to whole microseconds, and 0.29 s is a little less than 290 000 of them.
                self._task = self._bus.send_periodic(
                    _messages(self._frames), self._period_ns / 1e9 + 1e-7, store_task=False, autostart=False
                )
            self._task.start()

    def update(self, frames: Sequence[Frame]) -> None:
        """Send these instead, from the next one on.

        The same number of frames keeps schedule and place in the sequence: after the third old frame comes the fourth
        new one. With another number it starts anew, at once. Raises as the constructor and :meth:`start` do.
        """
        checked = self._checked(frames)
        if checked[0].key != self._frames[0].key:
            raise BusError(f"{id_text(self._frames[0].key)} cannot become {id_text(checked[0].key)}: start another one")
        same = len(checked) == len(self._frames)
        self._frames = checked
        self._remember()
        if self._task is not None:
            with _refusals("change", checked[0]):
                if same:
                    self._task.modify_data(_messages(checked))
                else:
                    self.stop()
                    self.start()

    def stop(self) -> None:
        """Send no more. May be called when it does not run."""
        task, self._task = self._task, None
        if task is not None:
            with _refusals("stop", self._frames[0]):
                task.stop()

    def _remember(self) -> None:
        # Those of a former task of this identifier may be on their way, too.
        key = self._frames[0].key
        self._known[key] = (frozenset(self._frames), *self._known.get(key, ())[: RECENT - 1])

    def _checked(self, frames: Sequence[Frame]) -> tuple[Frame, ...]:
        if not 1 <= len(frames) <= MOST_FRAMES:
            raise BusError(f"the kernel sends a sequence of 1 to {MOST_FRAMES} frames in turn, not {len(frames)}")
        for frame in frames:
            check_frame(frame, fd=self._fd)
            if (frame.key, frame.fd) != (frames[0].key, frames[0].fd):
                raise BusError(f"the frames of a sequence have one identifier and format: {frames[0]} and {frame}")
        return tuple(frames)


class _refusals:
    """Turn what python-can raises into an :class:`~harness.errors.AdapterError`."""

    def __init__(self, what: str, frame: Frame) -> None:
        self._what, self._frame = what, frame

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, (can.CanError, OSError, ValueError)):
            raise AdapterError(
                f"the kernel does not {self._what} the cyclic {id_text(self._frame.key)}: {text_of(error)}"
            ) from error


def _messages(frames: Sequence[Frame]) -> list[can.Message]:
    return [message_to_send(frame) for frame in frames]
