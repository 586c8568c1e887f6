"""Links that keep their names, whatever becomes of the servers that made them."""

from __future__ import annotations

import signal
from pathlib import Path

import can
import pytest
from serving import WAIT_S, Command, plugged

from harness.errors import ConfigError

links = pytest.importorskip("harness.serve.links", reason="pseudo-terminals exist on POSIX only")


def test_links_stand_for_the_terminals_as_long_as_the_server_runs(tmp_path: Path) -> None:
    folder = tmp_path / "reports" / "adapters"
    for _ in range(2):
        with Command("--slcan", "--links", str(folder)) as served:
            assert served.channels == {name: str(folder / name) for name in ("powertrain", "body")}
            for place in served.channels.values():
                assert Path(place).is_symlink()
                with plugged(place) as bus:
                    assert bus.recv(WAIT_S) is not None
            assert served.end()[0] == 0
        assert list(folder.iterdir()) == []


def test_what_a_killed_server_has_left_is_replaced_and_what_a_living_one_has_is_not(tmp_path: Path) -> None:
    with Command("--slcan", "--links", str(tmp_path), "--channel", "body") as killed:
        killed.end(signal.SIGKILL)
    assert (tmp_path / "body").is_symlink()
    with Command("--slcan", "--links", str(tmp_path), "--channel", "body") as living:
        with pytest.raises(ConfigError, match="another server that runs has its links there"):
            links.Links(tmp_path)
        with plugged(living.channels["body"]) as bus:
            assert bus.recv(WAIT_S) is not None
        assert living.end()[0] == 0


def test_a_file_in_the_place_of_a_link_stays(tmp_path: Path) -> None:
    (tmp_path / "body").write_text("mine")
    folder = links.Links(tmp_path)
    with pytest.raises(ConfigError, match="is no link; move it away"):
        folder.free("body")
    folder.close()
    assert (tmp_path / "body").read_text() == "mine"
    with pytest.raises(ConfigError, match="it takes a folder"):
        links.Links(tmp_path / "body")


def test_an_interface_has_no_links(tmp_path: Path) -> None:
    code, errors = Command.refused("--interface", "virtual", "--links", str(tmp_path))
    assert code == 2 and "--links goes with --slcan" in errors


def test_a_link_that_leads_nowhere_is_no_adapter(tmp_path: Path) -> None:
    with pytest.raises((can.CanError, OSError)):
        plugged(str(tmp_path / "body"))
