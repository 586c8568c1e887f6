"""Remembered results."""

from __future__ import annotations

import pytest

from harness.memo import Memo


def test_the_function_is_called_once_per_argument() -> None:
    calls: list[int] = []

    def square(number: int) -> int:
        calls.append(number)
        return number * number

    memo = Memo(square)
    assert [memo[number] for number in (3, 4, 3, 4)] == [9, 16, 9, 16]
    assert calls == [3, 4]


def test_results_are_forgotten_beyond_the_limit() -> None:
    memo = Memo(str, 3)
    assert [memo[number] for number in range(5)] == ["0", "1", "2", "3", "4"]
    assert dict(memo) == {3: "3", 4: "4"}


def test_an_error_is_not_remembered() -> None:
    answers = iter([0, 1])
    memo: Memo[int, float] = Memo(lambda number: number / next(answers))
    with pytest.raises(ZeroDivisionError):
        memo[5]
    assert memo[5] == 5.0
