"""What this machine has: versions, devices, cache, weights at hand. Imports TensorFlow only if asked to."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any

from tlzoo import paths
from tlzoo.workflows import zoo

_MIN_FREE_BYTES = 2_000_000_000


def examine(*, deep: bool = False) -> dict[str, Any]:
    """Looks at the machine.

    Args:
        deep: Import TensorFlow (seconds) and ask it for its devices.

    Returns:
        `python`, `platform`, `versions` (None where a requirement is missing), `devices`, `cache`, `zoo`,
        `at_hand` and `problems`, a list of sentences that is empty on a healthy machine.

    Example:
        >>> examine()["problems"]
        []
    """
    versions = _versions()
    found: dict[str, Any] = {
        "python": {"version": platform.python_version(), "executable": sys.executable},
        "platform": platform.platform(),
        "versions": versions,
        "devices": {"cores": _cores(), "memory_bytes": _memory(), "gpus": _gpus()},
        "cache": _cache(paths.cache_dir()),
        "zoo": str(paths.zoo_dir()),
        "at_hand": {
            "backbones": [entry.card.name for entry in zoo.backbones(zoo.Filter(offline=True))],
            "datasets": [entry.card.name for entry in zoo.datasets(zoo.Filter(offline=True))],
        },
    }
    if deep:
        found["tensorflow"] = _tensorflow()
    return found | {"problems": _problems(found)}


def _versions() -> dict[str, str | None]:
    """Returns the installed versions of what tlzoo requires, without importing any of it."""
    import re

    try:
        required = metadata.requires("tlzoo") or []
    except metadata.PackageNotFoundError:
        required = []
    names = [re.split(r"[^\w.-]", line)[0] for line in required if "extra ==" not in line]
    return {name: _version(name) for name in ("tlzoo", *names)}


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory() -> int | None:
    """Returns the machine's memory in bytes, where the system says."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def _gpus() -> list[str]:
    """Returns the names of NVIDIA GPUs the driver knows; TensorFlow may still be unable to use them."""
    names = []
    for file in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information")):
        lines = file.read_text(errors="replace").splitlines()
        names += [line.partition(":")[2].strip() for line in lines if line.startswith("Model")]
    if names or not shutil.which("nvidia-smi"):
        return names
    try:
        command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
        said = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in said.splitlines() if line.strip()]


def _cache(folder: Path) -> dict[str, Any]:
    """Returns where the cache is, how large its parts are and how much room is left, in bytes."""
    there = folder
    while not there.exists():
        there = there.parent
    parts = {}
    if folder.is_dir():
        parts = {part.name: _bytes_in(part) for part in sorted(folder.iterdir()) if part.is_dir()}
    return {
        "path": str(folder),
        "bytes": sum(parts.values()),
        "parts": parts,
        "free_bytes": shutil.disk_usage(there).free,
        "writable": os.access(there, os.W_OK),
    }


def _bytes_in(folder: Path) -> int:
    total = 0
    for where, _, files in os.walk(folder):
        for name in files:
            try:
                total += (Path(where) / name).stat().st_size
            except OSError:  # another process removed it just now
                continue
    return total


def _tensorflow() -> dict[str, Any]:
    """Imports TensorFlow and asks it what it can compute on."""
    started = time.perf_counter()
    import tensorflow as tf

    seconds = round(time.perf_counter() - started, 2)
    devices = [f"{device.device_type}: {device.name}" for device in tf.config.list_physical_devices()]
    return {"version": tf.__version__, "import_seconds": seconds, "devices": devices}


def _problems(found: dict[str, Any]) -> list[str]:
    cache = found["cache"]
    problems = [
        f"{name} is not installed: pip install tlzoo installs it."
        for name, version in found["versions"].items()
        if version is None
    ]
    if not any(Path(found["zoo"]).glob("backbones/*.toml")):
        problems.append(f"{found['zoo']} holds no cards: reinstall tlzoo, or correct TLZOO_ZOO.")
    if not cache["writable"]:
        problems.append(f"{cache['path']} cannot be written: set TLZOO_CACHE to a folder that can.")
    if cache["free_bytes"] < _MIN_FREE_BYTES:
        problems.append(f"Only {cache['free_bytes'] / 1e9:.1f} GB are free at {cache['path']}.")
    seen = found.get("tensorflow", {}).get("devices", ["GPU"])
    if found["devices"]["gpus"] and not any(device.startswith("GPU") for device in seen):
        problems.append("There is a GPU that TensorFlow does not see: pip install 'tensorflow[and-cuda]'.")
    return problems
