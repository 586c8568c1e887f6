"""What could not be opened is not tried anew by every test; but it is found again."""

from __future__ import annotations

import pytest

from harness.bench.refusal import AGAIN_NS, Refusal
from harness.errors import AdapterError, Blocked, ConfigError


class Adapter:
    """What is to be opened. error: why it cannot be."""

    def __init__(self) -> None:
        self.tried, self.now = 0, 1_000_000_000
        self.error: Exception | None = AdapterError("no such port")
        self.refusal = Refusal(lambda: self.now)

    def open(self) -> None:
        with self.refusal.trying():
            self.tried += 1
            if self.error is not None:
                raise self.error


def test_it_is_tried_again_after_a_while_and_found_again() -> None:
    adapter = Adapter()
    with pytest.raises(AdapterError):
        adapter.open()
    adapter.now += AGAIN_NS - 1
    for _ in range(2):
        with pytest.raises(Blocked, match=r"^no such port \(5 s ago; it is tried again after 5 s\)$"):
            adapter.open()
    assert adapter.tried == 1
    adapter.now += 1
    with pytest.raises(AdapterError, match=r"^no such port$"):
        adapter.open()
    adapter.error, adapter.now = None, adapter.now + AGAIN_NS
    adapter.open()
    adapter.open()
    assert adapter.tried == 4


def test_what_is_wrong_with_the_bench_file_is_not_remembered() -> None:
    adapter = Adapter()
    adapter.error = ConfigError("no such interface")
    for _ in range(2):
        with pytest.raises(ConfigError):
            adapter.open()
    assert adapter.tried == 2
