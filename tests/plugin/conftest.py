"""A project of its own for every test of the plugin, and one run of the sample suite for many of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from plugin_project import SAMPLE, Outcome, Project


@pytest.fixture(scope="session")
def make_project(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Project]:
    return lambda: Project(tmp_path_factory.mktemp("project") / "lamp")


@pytest.fixture
def project(make_project: Callable[[], Project]) -> Project:
    return make_project()


@pytest.fixture(scope="session")
def sample(make_project: Callable[[], Project]) -> Outcome:
    """The sample suite, one test per verdict, with Allure and JUnit."""
    project = make_project()
    project.write("suites/test_sample.py", SAMPLE.read_text())
    return project.run("-m", "not slow", "--harness-seed", "5", allure=True)
