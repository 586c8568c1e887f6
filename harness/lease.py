"""One bench, one run: whoever uses an adapter or a serial port holds a lock on it that others can read.

A *resource* is a string such as ``slcan:/dev/ttyACM0`` or ``serial:/dev/ttyUSB0``. :func:`take` locks all resources of
a bench or none: a bench that waits for its second adapter keeps nobody from the first, and resources are tried in
sorted order, so two benches that share an adapter cannot block each other.

The lock is the operating system's (``flock``; ``msvcrt.locking`` on Windows), so it ends with its process, however that
ends; what a dead holder left in the file is no lock. The file says who holds it, as JSON. Lock files stay in their
folder: deleting them would let two processes lock two files of one name.
"""

from __future__ import annotations

import getpass
import json
import os
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

from harness.errors import AdapterError
from harness.units import time_text

FOLDER_VARIABLE = "HARNESS_LEASES"
"""Environment variable that names the folder of the lock files. All users of a machine have to use the same one."""

_SETTLE_NS = 50_000_000
_NAMELESS_NS = 500_000_000
"""A refusal is believed after so long; a holder without a name is probably just looking (:func:`holder_of`)."""
_POLL_S = 0.05
PROGRESS_NS = 1_000_000_000
"""How often it is told that somebody waits, ns."""
_LONGEST_NAME = 200
"""Of a lock file, in characters; file systems take 255 bytes."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a resource. ``since`` is Unix time in seconds, ``pid`` a process id on ``host``; 0 when not known."""

    user: str
    host: str
    pid: int
    since: float
    bench: str
    command: str

    @classmethod
    def of_this_process(cls, bench: str, command: str) -> Holder:
        """This process, from now on."""
        return cls(_user(), socket.gethostname(), os.getpid(), time.time(), bench, command)

    def __str__(self) -> str:
        """One phrase.

        >>> print(Holder("anna", "rig-3", 4711, 0.0, "slcan", "pytest suites"))  # doctest: +ELLIPSIS
        anna on host rig-3 since 1970-01-01 ... (pytest suites, process 4711)
        """
        if not self.pid:
            return self.user
        return f"{self.user} on host {self.host} since {_since(self.since)} ({self.command}, process {self.pid})"


NOBODY_KNOWN = Holder("a process that left no name", "", 0, 0.0, "", "")
"""The holder of a lock file that does not say who it is."""


class Lease:
    """Locked resources, until :meth:`release` or the end of the process. A context manager; made by :func:`take`."""

    def __init__(self, resources: tuple[str, ...], holder: Holder) -> None:
        self.resources = resources
        self.holder = holder
        self._files: list[int] = []
        if sys.platform != "win32":
            # A forked child shares the lock with its parent and would keep it alive after the parent's death.
            os.register_at_fork(after_in_child=self._close)

    @property
    def held(self) -> bool:
        """Whether this process holds the resources; never so in a forked child."""
        return bool(self._files)

    def release(self) -> None:
        """Give the resources back. May be called again."""
        for file in self._files:
            os.ftruncate(file, 0)
        self._close()

    def _close(self) -> None:
        while self._files:
            os.close(self._files.pop())

    def _take(self, folder: Path) -> str | None:
        """Lock all; or none, and return the resource that somebody else holds."""
        try:
            for resource in self.resources:
                file = _locked(lock_file(resource, folder))
                if file is None:
                    self._close()
                    return resource
                self._files.append(file)
            text = json.dumps(asdict(self.holder), ensure_ascii=False).encode()
            for file in self._files:
                os.ftruncate(file, 0)
                os.lseek(file, 0, os.SEEK_SET)
                os.write(file, text)
        except BaseException:
            self._close()
            raise
        return None

    def __enter__(self) -> Lease:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def take(
    resources: Iterable[str],
    bench: str,
    command: str,
    *,
    wait_ns: int = 0,
    progress: Callable[[Holder, str, int], object] | None = None,
    folder: Path | None = None,
) -> Lease:
    """Lock all resources of a bench for this process, or none of them.

    resources: one name per adapter and port; the same thing must have the same name for everybody, so the caller
    resolves symbolic links. bench, command: told to others. wait_ns: how long to wait for others to end, ns; 0: not.
    progress: called with (holder, resource, waited ns) when a wait begins and every second from then on. folder:
    default :func:`leases_folder`.

    Raises :class:`~harness.errors.AdapterError`, naming the holder, when a resource is still in use after ``wait_ns``,
    and when the lock files cannot be used. A process that asks twice is refused as well.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as name:
    ...     folder = Path(name)
    ...     with take(["slcan:/dev/ttyACM0"], "slcan", "pytest suites", folder=folder) as lease:
    ...         print(lease.held, holder_of("slcan:/dev/ttyACM0", folder) == lease.holder)
    ...     print(lease.held, holder_of("slcan:/dev/ttyACM0", folder))
    True True
    False None
    """
    place = _usable(folder or leases_folder())
    lease = Lease(tuple(sorted(set(resources))), Holder.of_this_process(bench, command))
    began = time.monotonic_ns()
    told: int | None = None
    while True:
        try:
            busy = lease._take(place)
        except OSError as error:
            raise _unusable(place, error) from error
        if busy is None:
            return lease
        holder = _holder_in(lock_file(busy, place))
        waited = time.monotonic_ns() - began
        if waited >= max(wait_ns, _NAMELESS_NS if holder == NOBODY_KNOWN else _SETTLE_NS):
            raise AdapterError(_refusal(bench, busy, holder, wait_ns))
        if progress is not None and waited < wait_ns and (told is None or waited - told >= PROGRESS_NS):
            told = waited
            progress(holder, busy, waited)
        time.sleep(_POLL_S if told is not None else _POLL_S / 10)


def holder_of(resource: str, folder: Path | None = None) -> Holder | None:
    """Who holds a resource at the moment; None: it is free. Raises AdapterError as :func:`take` does."""
    place = folder or leases_folder()
    path = lock_file(resource, place)
    if not path.exists():
        return None
    try:
        file = _locked(path)
    except OSError as error:
        raise _unusable(place, error) from error
    if file is None:
        return _holder_in(path)
    os.ftruncate(file, 0)  # a dead holder's name would be taken for that of whoever looks next
    os.close(file)
    return None


def leases_folder() -> Path:
    """Where lock files lie: ``HARNESS_LEASES``, or a folder that all users of this machine share.

    Not the user's own temporary folder (``TMPDIR``), in which two users would never meet.
    """
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        return Path(named)
    shared = os.environ.get("PROGRAMDATA", tempfile.gettempdir()) if sys.platform == "win32" else "/tmp"
    return Path(shared) / "harness-leases"


def lock_file(resource: str, folder: Path) -> Path:
    """The lock file of a resource.

    >>> lock_file("slcan:/dev/ttyACM0", Path("leases")).name
    'slcan%3A%2Fdev%2FttyACM0.lock'
    """
    name = quote(resource, safe="")
    if len(name) > _LONGEST_NAME:
        name = f"{name[:_LONGEST_NAME]}-{sha256(name.encode()).hexdigest()[:16]}"
    return folder / f"{name}.lock"


def _usable(folder: Path) -> Path:
    """Make the folder when it is missing: everybody may write, nobody may delete another's file."""
    try:
        folder.mkdir(parents=True)
        folder.chmod(0o1777)  # the umask has taken away what others need
    except FileExistsError:
        pass
    except OSError as error:
        raise _unusable(folder, error) from error
    return folder


if sys.platform == "win32":
    import msvcrt

    _LOCKED_BYTE = 1 << 20
    """Far behind the text: others may not read locked bytes."""

    def _locked(path: Path) -> int | None:
        """The file, open and locked; None: somebody else has locked it."""
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOINHERIT)
        os.lseek(file, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError:
            os.close(file)
            return None
        return file

else:
    import fcntl

    def _locked(path: Path) -> int | None:
        """The file, open (closed by exec) and locked; None: somebody else has locked it."""
        while True:
            file = _opened(path)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(file)
                return None
            except OSError:
                os.close(file)
                raise
            if _is_still(path, file):
                return file
            os.close(file)  # deleted between opening and locking, by someone who cleans up

    def _opened(path: Path) -> int:
        # Without O_CREAT first: Linux refuses it for another user's file in a sticky folder (fs.protected_regular).
        flags = os.O_RDWR | os.O_NOFOLLOW
        while True:
            try:
                return os.open(path, flags)
            except FileNotFoundError:
                pass
            try:
                file = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o666)
            except FileExistsError:
                continue
            os.fchmod(file, 0o666)  # other users lock the same file, whatever the umask
            return file

    def _is_still(path: Path, file: int) -> bool:
        try:
            return os.path.samestat(os.stat(path), os.fstat(file))
        except FileNotFoundError:
            return False


def _holder_in(path: Path) -> Holder:
    """Who the lock file names."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        names = [str(told[key]) for key in ("user", "host", "bench", "command")]
        return Holder(names[0], names[1], int(told["pid"]), float(told["since"]), names[2], names[3])
    except (OSError, ValueError, TypeError, KeyError):
        return NOBODY_KNOWN


def _refusal(bench: str, resource: str, holder: Holder, waited_ns: int) -> str:
    also = f" as bench {holder.bench!r}" if holder.bench not in ("", bench) else ""
    advice = f"waited {time_text(waited_ns)} in vain" if waited_ns else "wait with --wait-for-bench 10m"
    return f"bench {bench!r} is in use: {holder}{also}, adapter {resource}; {advice}"


def _unusable(folder: Path, error: OSError) -> AdapterError:
    where = error.filename or folder
    return AdapterError(
        f"cannot lock the bench: {where}: {error.strerror}. The lock files of a machine lie in a folder where all its "
        f"users may write (mode 1777, files 666); mend that, or name another one for all of them in {FOLDER_VARIABLE}"
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a process without a name, as in a container
        if sys.platform != "win32":
            return f"user {os.getuid()}"
        else:
            return "somebody"


def _since(seconds: float) -> str:
    """Local time: the hour of today, or date and hour."""
    today = time.localtime()[:3] == time.localtime(seconds)[:3]
    return time.strftime("%H:%M" if today else "%Y-%m-%d %H:%M", time.localtime(seconds))
