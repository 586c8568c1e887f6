"""Where a test belongs in a report, from its requirements, its module and its bench."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from html import escape

import pytest

from harness.requirements import Requirement, Requirements

SEVERITY = {"D": "blocker", "C": "critical", "B": "normal", "A": "minor", "QM": "trivial"}
"""Allure has five severities, as ISO 26262 has five levels of integrity."""

_STORY = 90


def labels(item: pytest.Item, requirements: Sequence[Requirement], title: str) -> Iterator[tuple[str, str]]:
    """Labels as name and value; what the test says itself with ``@allure.epic`` and so on has precedence.

    epic: the product. feature: the test's module. story: its requirements. severity: the highest ASIL of these.
    """
    own = {marker.kwargs.get("label_type") for marker in item.iter_markers("allure_label")}
    if "epic" not in own:
        yield "epic", title
    if "feature" not in own:
        yield "feature", feature_of(item)
    for requirement in requirements:
        yield "requirement", requirement.id
        if "story" not in own:
            yield "story", _shortened(f"{requirement.id} {requirement.text}")
    if requirements:
        asil = max((each.asil for each in requirements), key=tuple(reversed(SEVERITY)).index)
        yield "asil", asil
        if "severity" not in own:
            yield "severity", SEVERITY[asil]


def title_of(item: pytest.Item) -> str | None:
    """A test's name in words, its parameters as they are; ``None`` where ``@allure.title`` gives one.

    ``test_lamp_on[3.0-N]`` becomes ``Lamp on [3.0-N]``.
    """
    if getattr(getattr(item, "obj", None), "__allure_display_name__", None) is not None:
        return None
    name, bracket, parameters = item.name.partition("[")
    return f"{_in_words(name)}{f' [{parameters}' if bracket else ''}"


def feature_of(item: pytest.Item) -> str:
    """The first line of the test module's docstring, else the module's name in words."""
    module = getattr(item, "module", None)
    text = (getattr(module, "__doc__", None) or "").strip().splitlines()
    if text:
        return text[0].rstrip(". ")
    return _in_words(item.path.stem)


def description(doc: str | None, requirements: Sequence[Requirement], command: str, hashes: dict[str, str]) -> str:
    """What a reviewer reads above the steps, in Markdown: intent, requirements, how to run it again, fingerprint."""
    parts = [_dedented(doc)] if doc else []
    parts += [f"> **{each.id}** (ASIL {each.asil}) {each.text}" for each in requirements]
    parts.append(f"Run again: `{command}`")
    if hashes:
        found = ", ".join(f"{name} `{value[:16]}`" for name, value in hashes.items())
        parts.append(f"Frames (SHA-256): {found}")
    return "\n\n".join(parts)


def description_html(
    doc: str | None,
    requirements: Sequence[Requirement],
    command: str,
    hashes: dict[str, str],
    table: str,
    picture: str | None,
) -> str:
    """The same as HTML, with the table of what was judged and a plot (SVG; None: none) of what went wrong on top."""
    parts = [table]
    if picture is not None:
        source = b64encode(picture.encode()).decode()
        parts.append(f'<p><img alt="plot" style="max-width:100%" src="data:image/svg+xml;base64,{source}"></p>')
    parts += [f"<p>{'<br>'.join(escape(line) for line in _dedented(doc).splitlines())}</p>"] if doc else []
    parts += [
        f"<blockquote><b>{escape(each.id)}</b> (ASIL {escape(each.asil)}) {escape(each.text)}</blockquote>"
        for each in requirements
    ]
    parts.append(f"<p>Run again: <code>{escape(command)}</code></p>")
    if hashes:
        found = ", ".join(f"{escape(name)} <code>{value[:16]}</code>" for name, value in hashes.items())
        parts.append(f"<p>Frames (SHA-256): {found}</p>")
    return "".join(parts)


def known_requirements(ids: Sequence[str], requirements: Requirements) -> list[Requirement]:
    """The requirements behind ids that the collection has checked."""
    return [requirements[identifier] for identifier in ids if identifier in requirements]


def _in_words(name: str) -> str:
    words = name.removeprefix("test_").replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def _dedented(doc: str) -> str:
    return "\n".join(line.strip() for line in doc.strip().splitlines())


def _shortened(text: str) -> str:
    if len(text) <= _STORY:
        return text
    return f"{text[:_STORY].rsplit(' ', 1)[0].rstrip(',;:')} …"
