"""What was done to a model: one JSON line each, appended so that a killed process spoils nothing."""

from __future__ import annotations

import errno
import getpass
import json
import os
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tlzoo.serving.rollout.copying import flush


@dataclass(frozen=True)
class History:
    """The history of a model's folder.

    Attributes:
        path: The file; made at the first line.
    """

    path: Path

    def append(self, action: str, **facts: Any) -> None:
        """Adds a line: when, who, where, what.

        Args:
            action: `deploy`, `rollback`, `promote` or `remove`.
            facts: What else is to be said, JSON-able.

        Raises:
            OSError: The file cannot be written.
        """
        when = datetime.now(UTC).isoformat(timespec="seconds")
        line = {"time": when, "action": action, "user": _user(), "host": socket.gethostname(), **facts}
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            # A line that a full disk or a power cut has left unfinished must not swallow this one.
            size = os.fstat(descriptor).st_size
            torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
            content = b"\n" * torn + json.dumps(line).encode() + b"\n"
            if os.write(descriptor, content) != len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if not size:
            flush(self.path.parent)

    def lines(self) -> list[dict[str, Any]]:
        """Returns what was done, oldest first; lines that cannot be read are passed over."""
        if not self.path.is_file():
            return []
        return [line for text in self.path.read_bytes().splitlines() if (line := _read(text))]

    def versions(self) -> set[int]:
        """Returns every number that was ever deployed."""
        named = (line.get("version") for line in self.lines())
        return {number for number in named if isinstance(number, int) and number > 0}


def _read(text: bytes) -> dict[str, Any] | None:
    try:
        line = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return line if isinstance(line, dict) else None


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container's user may have no name
        return str(os.getuid())
