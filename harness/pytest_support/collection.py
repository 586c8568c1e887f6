"""Whether a run collects all of the project's suites, or only those that its command line names."""

from __future__ import annotations

from collections.abc import Iterable
from glob import glob
from pathlib import Path

import pytest


def is_partial(config: pytest.Config) -> bool:
    """Whether tests were left out before they were collected: by paths, ``--ignore`` or ``--lf``.

    Whole are a run without paths, and one whose paths contain all ``testpaths`` (the root directory where there are
    none) or the folder of the requirement file, beside which the suites lie. What is deselected (``-k``, ``-m``) was
    collected.
    """
    if any(config.getoption(name, None) for name in ("ignore", "ignore_glob", "lf")):
        return True
    if config.args_source is pytest.Config.ArgsSource.TESTPATHS:
        return False
    given = {(config.invocation_params.dir / each).resolve() for each in config.args}
    root = config.rootpath.resolve()
    suites = [root / path for each in config.getini("testpaths") for path in glob(each, root_dir=root)] or [root]
    requirements = (root / str(config.getini("harness_requirements"))).parent
    return not (_contain(given, suites) or (requirements != root and _contain(given, [requirements])))


def _contain(given: Iterable[Path], folders: Iterable[Path]) -> bool:
    return all(any(folder.is_relative_to(each) for each in given) for folder in folders)
