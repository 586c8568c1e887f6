"""The lease: one bench, one run. Other holders are real processes, since the lock has to end with its process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.errors import AdapterError
from harness.lease import Holder, Lease, holder_of, leases_folder, lock_file, take

A, B, C = "slcan:/dev/ttyACM0", "slcan:/dev/ttyACM1", "serial:/dev/ttyUSB0"
BOUND_S = 10

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX processes and permissions")

HOLD = """
import sys
from pathlib import Path
from harness.lease import take
with take(sys.argv[2:], "other", "pytest other_suites", folder=Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
print("released", flush=True)
"""


@contextmanager
def another_process(folder: Path, *resources: str, script: str = HOLD) -> Iterator[subprocess.Popen[str]]:
    """A process that holds resources until its standard input ends."""
    command = [sys.executable, "-c", script, str(folder), *resources]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def refused(*resources: str, folder: Path, bench: str = "slcan") -> str:
    with pytest.raises(AdapterError) as caught:
        take(resources, bench, "pytest suites", folder=folder)
    return str(caught.value)


def wait_until_free(resource: str, folder: Path) -> None:
    end = time.monotonic() + BOUND_S
    while holder_of(resource, folder) is not None:
        assert time.monotonic() < end, f"{resource} is still held"
        time.sleep(0.005)


def test_the_second_is_told_who_holds_the_bench(tmp_path: Path) -> None:
    with another_process(tmp_path, A) as process:
        text = refused(A, folder=tmp_path)
        holder = holder_of(A, tmp_path)
    assert holder is not None
    assert (holder.pid, holder.bench, holder.command) == (process.pid, "other", "pytest other_suites")
    assert text == (
        f"bench 'slcan' is in use: {holder.user} on host {holder.host} since "
        f"{time.strftime('%H:%M', time.localtime(holder.since))} (pytest other_suites, process {process.pid}) "
        f"as bench 'other', adapter {A}; wait with --wait-for-bench 10m"
    )


def test_the_holder_stands_in_the_lock_file_as_json(tmp_path: Path) -> None:
    before = time.time()
    with take([A], "slcan", "pytest suites", folder=tmp_path):
        told = json.loads(lock_file(A, tmp_path).read_text(encoding="utf-8"))
    assert sorted(told) == ["bench", "command", "host", "pid", "since", "user"]
    assert (told["pid"], told["bench"], told["command"]) == (os.getpid(), "slcan", "pytest suites")
    assert before <= told["since"] <= time.time()


def test_released_is_free_and_names_nobody(tmp_path: Path) -> None:
    lease = take([A, B], "slcan", "first", folder=tmp_path)
    lease.release()
    lease.release()
    assert not lease.held
    assert holder_of(A, tmp_path) is None
    assert lock_file(A, tmp_path).read_bytes() == b""
    with take([A, B], "slcan", "second", folder=tmp_path) as again:
        assert again.held


def test_one_process_does_not_hold_it_twice(tmp_path: Path) -> None:
    with take([A], "slcan", "pytest suites", folder=tmp_path):
        assert f"process {os.getpid()}" in refused(A, folder=tmp_path)


@posix
def test_a_killed_holder_holds_nothing(tmp_path: Path) -> None:
    with another_process(tmp_path, A, B) as process:
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait(BOUND_S) == -signal.SIGKILL
        assert json.loads(lock_file(A, tmp_path).read_text())["pid"] == process.pid  # its words are still there
        with take([A, B], "slcan", "pytest suites", folder=tmp_path) as lease:
            assert lease.held
            assert json.loads(lock_file(A, tmp_path).read_text())["pid"] == os.getpid()


FORKS = """
import os, subprocess, sys, time
from pathlib import Path
from harness.lease import take
lease = take(sys.argv[2:], "other", "forks", folder=Path(sys.argv[1]))
forked = os.fork()
if forked == 0:
    time.sleep(600)
spawned = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], close_fds=False,
                           stdout=subprocess.DEVNULL)
print("held", flush=True)
print(forked, spawned.pid, flush=True)
sys.stdin.readline()
"""


@posix
def test_children_do_not_keep_the_lock_of_a_dead_holder(tmp_path: Path) -> None:
    with another_process(tmp_path, A, script=FORKS) as process:
        assert process.stdout is not None
        children = [int(each) for each in process.stdout.readline().split()]
        try:
            assert f"process {process.pid}" in refused(A, folder=tmp_path)
            process.kill()
            process.wait(BOUND_S)
            # The forked child may not have come to closing its copy yet when its parent dies at once.
            wait_until_free(A, tmp_path)
            for child in children:
                os.kill(child, 0)  # both are alive
        finally:
            for child in children:
                os.kill(child, signal.SIGKILL)


def test_a_wait_ends_with_the_other_run(tmp_path: Path) -> None:
    told: list[tuple[Holder, str, int]] = []
    with another_process(tmp_path, A) as process:
        assert process.stdin is not None

        def progress(holder: Holder, resource: str, waited_ns: int) -> None:
            told.append((holder, resource, waited_ns))
            process.stdin.close()  # type: ignore[union-attr]

        with take(
            [B, A], "slcan", "pytest suites", wait_ns=BOUND_S * 10**9, progress=progress, folder=tmp_path
        ) as lease:
            assert lease.held
            assert lease.resources == (A, B)
    holder, resource, waited_ns = told[0]
    assert (holder.pid, resource) == (process.pid, A)
    assert 0 <= waited_ns < BOUND_S * 10**9


def test_a_wait_in_vain_says_so(tmp_path: Path) -> None:
    with another_process(tmp_path, A), pytest.raises(AdapterError, match=r"waited 100 ms in vain$"):
        take([A], "slcan", "pytest suites", wait_ns=100_000_000, folder=tmp_path)


def test_two_benches_that_share_one_adapter(tmp_path: Path) -> None:
    with another_process(tmp_path, A, B):
        assert f"adapter {B};" in refused(B, C, folder=tmp_path)
        with take([C], "third", "pytest suites", folder=tmp_path):
            pass  # the refused bench has kept nothing


def test_who_waits_for_one_adapter_keeps_nobody_from_the_other(tmp_path: Path) -> None:
    waiting = threading.Event()
    leases: list[Lease] = []

    def wait() -> None:
        leases.append(
            take([A, B], "both", "w", wait_ns=BOUND_S * 10**9, progress=lambda *_: waiting.set(), folder=tmp_path)
        )

    with take([B], "one", "holds the second", folder=tmp_path):
        thread = threading.Thread(target=wait)
        thread.start()
        assert waiting.wait(BOUND_S)
        with take([A], "another", "the first is free", folder=tmp_path):
            pass
    thread.join(BOUND_S)
    with leases[0] as lease:
        assert lease.held


def test_nobody_holds_what_nobody_ever_took(tmp_path: Path) -> None:
    assert holder_of(A, tmp_path / "missing") is None
    assert not (tmp_path / "missing").exists()


@posix
def test_who_just_looks_refuses_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking takes the lock for an instant; here it ends when the other has been refused for the first time."""
    import fcntl

    with open(lock_file(A, tmp_path), "w") as looking:
        fcntl.flock(looking, fcntl.LOCK_EX)
        monkeypatch.setattr(time, "sleep", lambda _seconds: fcntl.flock(looking, fcntl.LOCK_UN))
        with take([A], "slcan", "pytest suites", folder=tmp_path) as lease:
            assert lease.held


@posix
def test_looking_removes_the_name_of_the_dead(tmp_path: Path) -> None:
    with another_process(tmp_path, A) as process:
        process.kill()
        process.wait(BOUND_S)
    assert lock_file(A, tmp_path).read_bytes() != b""
    assert holder_of(A, tmp_path) is None
    assert lock_file(A, tmp_path).read_bytes() == b""


FORKED_CHILD = """
import os, sys
from pathlib import Path
from harness.lease import holder_of, take
lease = take(sys.argv[2:], "other", "forks", folder=Path(sys.argv[1]))
if os.fork() == 0:
    lease.release()
    os._exit(lease.held)
_, status = os.wait()
assert status == 0
assert lease.held and holder_of(sys.argv[2], Path(sys.argv[1])) == lease.holder
print("held", flush=True)
"""


@posix
def test_a_forked_child_holds_nothing_and_releases_nothing(tmp_path: Path) -> None:
    with another_process(tmp_path, A, script=FORKED_CHILD):
        pass


@pytest.mark.parametrize("text", ["", "{", "[]", '{"user": "anna"}', '{"user": 1, "pid": "x"}'])
def test_a_holder_without_words_holds_all_the_same(tmp_path: Path, text: str) -> None:
    with take([A], "slcan", "pytest suites", folder=tmp_path):
        lock_file(A, tmp_path).write_text(text)
        assert "in use: a process that left no name, adapter" in refused(A, folder=tmp_path)


def test_long_names_of_resources_stay_apart(tmp_path: Path) -> None:
    long = "socket://" + 400 * "x"
    with take([long + "1", long + "2"], "slcan", "pytest suites", folder=tmp_path) as lease:
        assert lease.held
    assert max(len(path.name) for path in tmp_path.iterdir()) < 255


@posix
def test_a_lock_file_that_is_deleted_meanwhile_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    real = fcntl.flock

    def flock(file: int, operation: int) -> None:
        monkeypatch.setattr(fcntl, "flock", real)
        lock_file(A, tmp_path).unlink()  # between opening and locking
        real(file, operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    with take([A], "slcan", "pytest suites", folder=tmp_path):
        assert "in use" in refused(A, folder=tmp_path)


@posix
def test_folder_and_files_serve_every_user(tmp_path: Path) -> None:
    folder = tmp_path / "leases"
    before = os.umask(0o077)
    try:
        take([A], "slcan", "pytest suites", folder=folder).release()
    finally:
        os.umask(before)
    assert folder.stat().st_mode & 0o7777 == 0o1777
    assert lock_file(A, folder).stat().st_mode & 0o777 == 0o666


def test_the_folder_has_a_name_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_LEASES", str(tmp_path / "rig"))
    assert leases_folder() == tmp_path / "rig"
    monkeypatch.delenv("HARNESS_LEASES")
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # a user's own; others would lock elsewhere
    assert tmp_path not in leases_folder().parents


@posix
def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    text = refused(A, folder=tmp_path / "file" / "leases")
    assert "file" in text
    assert "HARNESS_LEASES" in text


NOBODY = """
import os, pwd
from harness import lease
os.setuid(65534)
"""
"""Becomes another user once everything is imported that root alone may read."""


@posix
@pytest.mark.skipif(sys.platform == "win32" or os.getuid() != 0, reason="only root can be two users")
def test_two_users_of_one_machine() -> None:
    """The other user's file is locked; where it cannot be, the error says so."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        folder = Path(name) / "leases"
        take([A], "slcan", "root makes folder and file", folder=folder).release()
        with another_process(folder, A, B, script=NOBODY + HOLD) as process:
            assert f"process {process.pid}" in refused(A, folder=folder)
            assert f"process {process.pid}" in refused(B, folder=folder)
        lock_file(A, folder).chmod(0o600)
        command = [sys.executable, "-c", NOBODY + HOLD, str(folder), A]
        ended = subprocess.run(command, text=True, capture_output=True)
    assert f"AdapterError: cannot lock the bench: {lock_file(A, folder)}: Permission denied. " in ended.stderr
