"""The marker ``requirement`` of tests, and the project's requirement file."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import RequirementError
from harness.requirements import Requirements, load_requirements

_LOADED = pytest.StashKey[Requirements]()


def requirements_of(config: pytest.Config) -> Requirements:
    """The project's requirements; none when there is no file. Raises :class:`~harness.errors.RequirementError`."""
    if _LOADED not in config.stash:
        path = config.rootpath / str(config.getini("harness_requirements"))
        config.stash[_LOADED] = load_requirements(path) if path.exists() else Requirements(path=path)
    return config.stash[_LOADED]


def requirement_ids(item: pytest.Item) -> list[str]:
    """The ids that a test, its class and its module name; the test's own first, each once."""
    ids = [str(identifier) for marker in item.iter_markers("requirement") for identifier in marker.args]
    return list(dict.fromkeys(ids))


def check_markers(item: pytest.Item) -> None:
    """Turn an unknown id, or a marker without id, into an error of the collection that names test and candidates."""
    known = requirements_of_collector(item)
    for marker in item.iter_markers("requirement"):
        try:
            if not marker.args or marker.kwargs or not all(isinstance(each, str) for each in marker.args):
                raise RequirementError('a requirement marker takes ids: @pytest.mark.requirement("VEH-020")')
            for identifier in marker.args:
                known[identifier]
        except RequirementError as error:
            raise pytest.Collector.CollectError(f"{item.nodeid}: {error}") from error


def requirements_of_collector(item: pytest.Item) -> Requirements:
    """The requirements, with a broken requirement file reported as an error of the collection."""
    try:
        known = requirements_of(item.config)
    except RequirementError as error:
        raise pytest.Collector.CollectError(str(error)) from error
    if not known and known.path is not None and not Path(known.path).exists():
        raise pytest.Collector.CollectError(
            f"{item.nodeid} names a requirement, but there is no {known.path}; "
            "write it, or name another file in the ini option harness_requirements"
        )
    return known
