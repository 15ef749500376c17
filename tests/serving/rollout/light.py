"""Bundles without a model inside: whole and described, made in a millisecond."""

from pathlib import Path

from tests.test_bundle import facts
from tlzoo.bundle import ParityFacts, SignatureFacts, TensorFacts, checksums, write_facts, write_labels

PASSED = ParityFacts(checked=("serving_default",), max_difference=1e-6, tolerance=1e-4, n=3, passed=True)
FAILED = PASSED.model_copy(update={"passed": False, "max_difference": 0.3})


def signature(width=3, dtype="float32", output="scores"):
    return SignatureFacts(
        inputs={"pixels": TensorFacts(dtype=dtype, shape=(None, width))},
        outputs={output: TensorFacts(dtype="float32", shape=(None, 2))},
    )


def make(folder, content=b"graph", *, size=10_000, **changes):
    """Writes a version folder of a few files, about `size` bytes in all; returns it."""
    folder = Path(folder)
    (folder / "variables").mkdir(parents=True)
    (folder / "assets" / "words").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(content)
    (folder / "variables" / "variables.index").write_bytes(b"index")
    (folder / "variables" / "variables.data-00000-of-00001").write_bytes(content * (size // len(content)))
    (folder / "assets" / "words" / "vocabulary.txt").write_text("a\nb\n")
    given = {"parity": PASSED, "signatures": {"serving_default": signature()}, **changes}
    write_labels(folder, given.get("class_names", ("cat", "dog")))
    write_facts(folder, facts(**given, checksums=checksums(folder)))
    return folder
