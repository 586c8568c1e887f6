"""Names that stay: a folder of links to emulated adapters, whose terminals have another name each time. POSIX only."""

from __future__ import annotations

import fcntl
import os
import sys
from pathlib import Path

from harness.errors import ConfigError


class Links:
    """A folder that one server at a time fills with links, one per channel. Made when there is none.

    What a server that was killed has left there is replaced; the links of one that lives are not: the folder itself is
    locked, so the lock goes with the process. Raises :class:`~harness.errors.ConfigError`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._descriptor = _opened(folder)
        except OSError as error:
            raise ConfigError(f"--links {folder}: {error.strerror}; it takes a folder") from error
        if not _locked(self._descriptor):
            self.close()
            raise ConfigError(
                f"--links {folder}: another server that runs has its links there; end it, or take another folder"
            )

    def free(self, channel: str) -> Path:
        """The place for a channel's link; a dead server's is taken away."""
        link = self.folder / channel
        if link.is_symlink():
            link.unlink()
        elif link.exists():
            raise ConfigError(f"--links {self.folder}: {link} is there already, and is no link; move it away")
        return link

    def close(self) -> None:
        """Let another server use the folder."""
        os.close(self._descriptor)


if sys.platform == "win32":  # for type checkers: `fcntl` cannot be imported there

    def _opened(folder: Path) -> int:
        raise NotImplementedError

    def _locked(descriptor: int) -> bool:
        raise NotImplementedError

else:

    def _opened(folder: Path) -> int:
        return os.open(folder, os.O_RDONLY | os.O_DIRECTORY)

    def _locked(descriptor: int) -> bool:
        """Whether the folder is ours now."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
