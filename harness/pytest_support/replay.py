"""The command that runs one test again: the same world, and all that had a say in the verdict."""

from __future__ import annotations

import re
import shlex

import pytest

from harness.evidence.json_sink import shown_path
from harness.pytest_support.worlds import Worlds


def replay_command(item: pytest.Item, worlds: Worlds, *, shared: bool) -> str:
    """What to type in the project's root directory. shared: the test came into a world in which others had been.

    Such a world is not the same without the others, so all of the test's file is run.
    """
    config = item.config
    root, called_in = config.rootpath, config.invocation_params.dir
    words = ["pytest", f'"{item.nodeid.partition("::")[0]}"' if shared else quoted(item.nodeid, always=True)]
    words += ["--bench", quoted(shown_path(worlds.bench_file, root))]
    if worlds.recording is None:
        words += ["--harness-seed", str(worlds.seed)]
    else:
        words += ["--trace", quoted(str(worlds.recording.path)), *_given(config, "--channel"), *_damaged(config)]
    for each in config.getoption("--watch"):
        path = called_in / each
        words += ["--watch", quoted(shown_path(path, root) if path.is_file() else each)]
    return " ".join([*words, *_marker_expression(config)])


def _given(config: pytest.Config, option: str) -> list[str]:
    return [word for value in config.getoption(option) for word in (option, quoted(value))]


def _damaged(config: pytest.Config) -> list[str]:
    meaning = config.getoption("--damaged")
    return [] if meaning == "inconclusive" else ["--damaged", meaning]


def _marker_expression(config: pytest.Config) -> list[str]:
    """Which tests this run selected, where the project's own options would leave others out."""
    own = config.getini("addopts")
    given = config.option.markexpr
    return ["-m", quoted(given)] if given not in own and any(each.startswith("-m") for each in own) else []


def quoted(word: str, *, always: bool = False) -> str:
    """A word of a command as shells take it: in double quotes, unless something in it has a meaning there.

    always: quote it also where there is no need to.

    >>> print(quoted("benches/rack.toml"), quoted("not slow"), quoted('say "$HOME"'))
    benches/rack.toml "not slow" 'say "$HOME"'
    """
    if not always and re.fullmatch(r"[\w./=:+-]+", word):
        return word
    return shlex.quote(word) if any(letter in word for letter in '"$`\\!') else f'"{word}"'
