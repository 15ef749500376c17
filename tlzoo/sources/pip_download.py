"""Runs `pip download` for one wheel, quietly, with progress."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO

from tlzoo.errors import UnreachableError

_UNITS = {"bytes": 1, "kB": 1_000, "MB": 1_000_000, "GB": 1_000_000_000}
_TICK_SECONDS = 0.2
_SETTINGS = {"PIP_RESUME_RETRIES": "5"}
"""pip 25.1 and newer then continues a download whose connection broke; older ones ignore it."""


def download(
    name: str, version: str, folder: Path, progress: Callable[[int, int | None, str], None] | None = None
) -> Path:
    """Downloads the wheel of `name` `version`, without what it depends on.

    Args:
        name: The package's name.
        version: Its exact version.
        folder: An empty folder. pip's temporary files are kept inside it too, so that removing it removes
            everything an interrupted download leaves.
        progress: Told `(done_bytes, total_bytes or None, text)` about five times a second.

    Returns:
        The wheel.

    Raises:
        UnreachableError: pip is missing or failed; the error holds pip's own reason.
    """
    out, scratch = folder / "wheel", folder / "scratch"
    out.mkdir()
    scratch.mkdir()
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input"]
    command += ["--progress-bar=off", "--disable-pip-version-check", "--dest", str(out), f"{name}=={version}"]

    def tell(done: int, total: int | None) -> None:
        if progress:
            progress(min(done, total) if total else done, total, "downloading")

    code, said = _watch(command, scratch, tell)
    wheels = sorted(out.glob("*.whl"))
    if code or len(wheels) != 1:
        raise _unreachable(name, version, said)
    whole = wheels[0].stat().st_size
    tell(whole, whole)
    return wheels[0]


def _watch(command: list[str], scratch: Path, tell: Callable[[int, int | None], None]) -> tuple[int, str]:
    """Runs pip to its end, telling how many bytes lie in its scratch folder; returns its code and output."""
    lines: list[str] = []
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**_SETTINGS, **os.environ, "TMPDIR": str(scratch), "PYTHONUNBUFFERED": "1", "NO_COLOR": "1"},
    )
    reader = threading.Thread(target=_collect, args=(process.stdout, lines), daemon=True)
    reader.start()
    try:
        while True:
            try:
                process.wait(timeout=_TICK_SECONDS)
                break
            except subprocess.TimeoutExpired:
                tell(_largest_in(scratch), _announced(lines))
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        reader.join(timeout=5)
        if process.stdout:
            process.stdout.close()
    return process.returncode, "".join(lines)


def _collect(stream: IO[str] | None, lines: list[str]) -> None:
    for line in stream or ():
        lines.append(line)


def _largest_in(folder: Path) -> int:
    """Returns the size of the largest file: the wheel. pip may write a second copy for its own cache."""
    largest = 0
    for where, _, files in os.walk(folder):
        for file in files:
            try:
                largest = max(largest, (Path(where) / file).stat().st_size)
            except OSError:  # pip moves files away while we look
                continue
    return largest


def _announced(lines: list[str]) -> int | None:
    """Returns the size pip announces ("Downloading x.whl (17.5 MB)"), in bytes."""
    for line in reversed(lines):
        if match := re.search(r"Downloading .*\((?P<number>[\d.]+) (?P<unit>bytes|kB|MB|GB)\)", line):
            return int(float(match["number"]) * _UNITS[match["unit"]])
    return None


def _unreachable(name: str, version: str, said: str) -> UnreachableError:
    """Builds the error from what pip said, without any credentials an index address may carry."""
    said = re.sub(r"//[^/@\s]+@", "//", said)
    reasons = [line.strip() for line in said.splitlines() if re.match(r"\s*(ERROR|error):", line)]
    warnings = [line.strip() for line in said.splitlines() if "Retrying" in line or "onnection" in line]
    cause = " ".join(warnings[-1:] + reasons) or " ".join(said.split()[-40:]) or "pip said nothing"
    if "No module named pip" in said:
        do = f"Install pip: {sys.executable} -m ensurepip --upgrade"
    elif "No matching distribution" in said and "from versions: none" not in said and not warnings:
        do = "Correct the version in the card, or point pip at an index that carries it (PIP_INDEX_URL)."
    else:
        do = (
            "Check the network and the index pip uses (`pip config list`, PIP_INDEX_URL), or copy the wheel "
            "to a folder and set PIP_FIND_LINKS to it."
        )
    return UnreachableError(
        f"{name} {version} could not be downloaded as a wheel: {cause[:1500]}",
        allowed="a package that pip can download, is installed, or is in the cache.",
        do=do,
    )
