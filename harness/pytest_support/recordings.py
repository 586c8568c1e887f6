"""The option ``--trace RECORDING``: every bench of the run is fed from a recording."""

from __future__ import annotations

from glob import glob
from importlib.util import find_spec
from pathlib import Path

import pytest

from harness.bench.recorded import Recording
from harness.errors import MissingExtra, StimulatesRecording, nearest

SUFFIXES = (".blf", ".asc", ".log", ".mf4", ".trc")


def take_recording(config: pytest.Config) -> None:
    """Find the recording among the arguments, and refuse at once what cannot be read.

    pytest has an option ``--trace`` of its own, without a value: so a recording that follows it is taken for a path to
    collect tests from. It is what ``--trace`` is about, and without one pytest's own meaning holds.
    """
    given = [config.getoption("--trace-file")] if config.getoption("--trace-file") else []
    if config.option.trace:
        named = [each for each in config.args if Path(each).suffix.casefold() in SUFFIXES]
        if named:
            given += named
            config.option.trace = False
            config.args[:] = [each for each in config.args if each not in named] or _suites(config)
    if len(given) > 1:
        raise pytest.UsageError(
            f"--trace takes one recording, not {len(given)}: {', '.join(given)}; `harness check` judges several"
        )
    if given:
        if find_spec("numpy") is None:
            raise pytest.UsageError(f"--trace: {MissingExtra('reading recordings', 'logs')}")
        config.option.trace_file = str(_existing(config.invocation_params.dir / given[0]))
        _channels(config)


def recording_of(config: pytest.Config) -> Recording | None:
    """What the benches of this run are fed from; None: nodes are simulated."""
    given = config.getoption("--trace-file")
    if not given:
        return None
    return Recording(Path(given), _channels(config), config.getoption("--damaged"))


def as_skip(failure: BaseException | None) -> BaseException | None:
    """What pytest is to see: a test that would act on a recording is skipped."""
    if isinstance(failure, StimulatesRecording):
        return pytest.skip.Exception(str(failure))
    return failure


def _suites(config: pytest.Config) -> list[str]:
    """What pytest would have collected without any argument."""
    found = [path for each in config.getini("testpaths") for path in sorted(glob(each, root_dir=config.rootpath))]
    source = pytest.Config.ArgsSource
    config.args_source = source.TESTPATHS if found else source.INVOCATION_DIR
    return [str(config.rootpath / path) for path in found] or [str(config.invocation_params.dir)]


def _existing(path: Path) -> Path:
    if not path.is_file():
        near = nearest(path.name, (each.name for each in path.parent.glob("*"))) if path.parent.is_dir() else ""
        raise pytest.UsageError(f"--trace {path}: there is no such file{near}")
    return path


def _channels(config: pytest.Config) -> dict[str, str]:
    found = {}
    for each in config.getoption("--channel"):
        name, equals, recorded = each.partition("=")
        if not (name and equals and recorded):
            raise pytest.UsageError(f"--channel {each}: write NAME=RECORDED, for instance --channel body=2")
        found[name.strip()] = recorded.strip()
    return found
