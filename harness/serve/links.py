"""Names that stay: a folder of links to emulated adapters, whose terminals have another name each time. POSIX only."""

from __future__ import annotations

import fcntl
import os
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
            self._descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise ConfigError(f"--links {folder}: {error.strerror}; it takes a folder") from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.close()
            raise ConfigError(
                f"--links {folder}: another server that runs has its links there; end it, or take another folder"
            ) from None

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
