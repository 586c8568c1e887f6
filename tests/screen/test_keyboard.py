"""What a terminal sends as keys."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.screen import controls
from harness.screen.keyboard import keys_of


@settings(deadline=None)
@given(st.text())
def test_whatever_comes_is_taken_apart(text: str) -> None:
    keys = keys_of(text)
    assert len(keys) <= len(text) and all(keys)


@settings(deadline=None)
@given(st.lists(st.sampled_from(["\x1b[A", "\x1b[B", "\x1b[5~", "\x1b[6~", "\x1bOH", "q", "\r", "\x7f", "ö"])))
def test_keys_that_come_together_are_told_apart(parts: list[str]) -> None:
    single = {
        "\x1b[A": controls.UP, "\x1b[B": controls.DOWN, "\x1b[5~": controls.PAGE_UP, "\x1b[6~": controls.PAGE_DOWN,
        "\x1bOH": controls.HOME, "q": "q", "\r": controls.ENTER, "\x7f": controls.BACKSPACE, "ö": "ö",
    }  # fmt: skip
    assert keys_of("".join(parts)) == [single[part] for part in parts]


def test_a_key_that_means_nothing_here_is_none() -> None:
    assert keys_of("\x1b[15~q") == ["q"] and keys_of("\x1b[1;5Cq") == ["q"] and keys_of("\x1bOPq") == ["q"]
