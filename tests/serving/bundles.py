"""Folders that look like bundles and SavedModels from outside, for tests that load nothing."""

from __future__ import annotations

from pathlib import Path

from tlzoo.bundle import BundleFacts, ParityFacts, sha256_of, write_facts


def saved_model(base_path: Path, number: int | str = 1) -> Path:
    """Makes a version folder with a graph of no model, and returns the folder of all versions."""
    folder = base_path / str(number)
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    return base_path


def bundle(base_path: Path, name: str, number: int = 1, *, needs: str = "2.21.0") -> Path:
    """Makes a version folder that describes itself, and returns the folder of all versions."""
    saved_model(base_path, number)
    parity = ParityFacts(checked=(), max_difference=0.0, tolerance=1e-4, n=1, passed=True)
    facts = BundleFacts(
        name=name,
        created="2026-01-01T00:00:00+00:00",
        tlzoo_version="0.1.0",
        keras_version="3.15.1",
        tensorflow_version=needs,
        min_serving_version=needs,
        class_names=("cat", "dog"),
        temperature=1.0,
        signatures={},
        backbone="tiny",
        card={},
        parity=parity,
        checksums={"saved_model.pb": sha256_of(b"graph")},
    )
    write_facts(base_path / str(number), facts)
    return base_path
