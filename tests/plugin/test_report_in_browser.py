"""A look at the report as a reviewer has it: in a browser.

Screenshots go to ``reports/screenshots``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from browser import Page, browser, chromium
from plugin_project import Project

from harness.errors import ReportError
from harness.evidence.report import build_report, npx_command

SUITE = Path(__file__).parent / "evidence_suite.py"
SCREENSHOTS = Path(__file__).parents[2] / "reports" / "screenshots"

DOCUMENTS = (
    "[document, ...[...document.querySelectorAll('iframe')].map((each) => each.contentDocument).filter(Boolean)]"
)
"""Allure shows a description with a picture in a frame of its own."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def results(make_project: Callable[[], Project]) -> Path:
    """Results of the suite on two benches."""
    if chromium() is None:
        pytest.skip("there is no Chromium: apt install chromium")
    try:
        npx_command()
    except ReportError as error:
        pytest.skip(str(error))
    project = make_project()
    project.write("suites/test_lamps.py", SUITE.read_text())
    lamp = project.folder / "bench" / "lamp.toml"
    (project.folder / "bench" / "rack.toml").write_text(lamp.read_text().replace('"lamp"', '"rack 7"', 1))
    first = project.run(allure=True)
    assert any(first.folder.glob("results/*-result.json")), first.out
    project.run("--bench", "bench/rack.toml", "-k", "follows", allure=True)
    return project.folder / "results"


@pytest.fixture(scope="module")
def index(results: Path) -> Path:
    """The report of a second run, so that there is a history."""
    history = results.parent / "history.jsonl"
    try:
        build_report(results, results.parent / "html", "Lamp", history)
    except ReportError as error:
        pytest.skip(f"no report can be built here: {error}")
    (results / "history-told").unlink()
    index = build_report(results, results.parent / "html", "Lamp", history)
    build_report(results, results.parent / "html", "Lamp", history)
    assert len(history.read_text().splitlines()) == 2, "the third report is of a run that is in there"
    return index


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with browser() as page:
        yield page


def show(page: Page, index: Path, test: str, *, dark: bool = False) -> str:
    """Open the page of a test as a reviewer would, and return what there is to read."""
    page.size(1000, 1500, dark=dark)
    page.open("about:blank")
    page.open(index.as_uri())
    page.click(test)
    page.wait_for("document.body.innerText.includes('Test body')", "the steps")
    return text_of(page)


def text_of(page: Page) -> str:
    return str(page.evaluate("document.body.innerText"))


def table_of(page: Page) -> str:
    """The first table of the page: that of the verdicts."""
    return str(
        page.wait_for(f"{DOCUMENTS}.map((each) => each.querySelector('table')?.innerText).find(Boolean)", "a table")
    )


def plots(page: Page, count: int) -> None:
    """Wait for so many plots that are drawn."""
    drawn = f"{DOCUMENTS}.flatMap((each) => [...each.images]).filter((each) => each.naturalWidth === 860).length"
    page.wait_for(f"{drawn} === {count}", f"{count} plots")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_failure_shows_table_and_plot_before_anything_is_opened(page: Page, index: Path, dark: bool) -> None:
    text = show(page, index, "Lamp is faster than it can be", dark=dark)
    assert "expect BrakeLamp == On within 20 ms: not seen" in text
    table = table_of(page)
    for part in ("failed", "BrakeLamp == On within 20 ms", "not seen; last: BrakeLamp = Off"):
        assert part in table
    plots(page, 1)
    page.screenshot(SCREENSHOTS / f"failure-{'dark' if dark else 'light'}.png")


def test_the_failed_step_has_plot_values_and_frames(page: Page, index: Path) -> None:
    show(page, index, "Lamp is faster than it can be")
    plots(page, 1)
    page.click("plot of expect BrakeLamp == On within 20 ms: not seen")
    plots(page, 2)
    page.screenshot(SCREENSHOTS / "failed-step.png")
    text = text_of(page)
    for part in ("values around 1.0289 s", "frames around 1.0289 s.asc", "verdicts", ".blf"):
        assert part in text


def test_a_violated_property(page: Page, index: Path) -> None:
    text = show(page, index, "Level is never too high")
    assert "Level <= 42" in text
    plots(page, 1)
    page.screenshot(SCREENSHOTS / "violated-property.png")


def test_a_violated_bus_contract(page: Page, index: Path) -> None:
    text = show(page, index, "Bus is all but idle")
    assert "failed" in table_of(page) and "load of can" in text
    page.screenshot(SCREENSHOTS / "bus-contract.png")


@pytest.mark.parametrize(
    ("test", "word"),
    [("Switch is not observed", "INCONCLUSIVE: "), ("Pressure is not there", "BLOCKED: this world's plant")],
)
def test_what_says_nothing_about_the_product(page: Page, index: Path, test: str, word: str) -> None:
    assert word in show(page, index, test)
    page.screenshot(SCREENSHOTS / f"{word.partition(':')[0].lower()}.png")


def test_overview_has_both_benches_and_every_verdict(page: Page, index: Path) -> None:
    page.size(1100, 1200)
    page.open("about:blank")
    page.open(index.as_uri())
    page.wait_for("document.body.innerText.includes('Environment')", "the benches")
    text = text_of(page)
    assert 'Environment: "lamp"' in text and 'Environment: "rack 7"' in text
    assert re.search(r"Results\s*9", text), "seven on one bench, two of them on the other too"
    page.screenshot(SCREENSHOTS / "overview.png")
    page.click("Report")
    page.click("Metrics")
    page.wait_for("document.body.innerText.includes('reaction time of BrakeLamp == On')", "the metrics")
    page.screenshot(SCREENSHOTS / "metrics.png")


def test_the_plot_by_itself_tells_values_and_zooms(page: Page, results: Path) -> None:
    found = [path for path in results.glob("*.svg") if "within 20 ms: not seen" in path.read_text()]
    page.size(880, 420)
    page.open(found[0].as_uri())
    page.wait_for("document.querySelector('#hint').textContent.startsWith('move')", "the script")
    page.mouse("mouseMoved", 800, 200)
    page.wait_for("document.querySelector('#cursor').style.display === 'block'", "the cursor")
    values = page.evaluate("[...document.querySelectorAll('text[id^=v]')].map((each) => each.textContent)")
    assert values == ["Off", "40 %"]
    page.screenshot(SCREENSHOTS / "plot-with-cursor.png")
    before = page.evaluate("document.querySelector('#plot').getAttribute('viewBox')")
    page.mouse("mouseWheel", 800, 200, deltaX=0, deltaY=-240)
    page.wait_for(f"document.querySelector('#plot').getAttribute('viewBox') !== {before!r}", "the zoom")
    page.screenshot(SCREENSHOTS / "plot-zoomed.png")
