import json
import threading
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.export.tiny_classifier import HOSTILE, SAMPLES, SIZE, encoded, exportable_of
from tlzoo.bundle import read_bundle, verify_checksums
from tlzoo.errors import BundleError, ParityError
from tlzoo.export import saved_model
from tlzoo.export.fronts import ImageFront
from tlzoo.export.saved_model import export_saved_model
from tlzoo.export.signatures import example, sample_inputs
from tlzoo.export.verify import check_parity

VARIED = (
    encoded("JPEG", (31, 77)),
    encoded("PNG", (5, 3)),
    encoded("BMP", (20, 16)),
    encoded("GIF", (12, 12)),
    encoded("WEBP", (30, 30)),
)


@pytest.fixture(scope="module")
def signatures(bundle_dir):
    loaded = tf.saved_model.load(str(bundle_dir / "1"))
    yield loaded.signatures
    del loaded


def reference(exportable, pixels):
    logits = exportable.model.predict(pixels, verbose=0)
    return tf.nn.softmax(logits / exportable.temperature).numpy()


@pytest.mark.slow
def test_serving_default_answers_as_the_model(signatures, exportable):
    answer = signatures["serving_default"](image_bytes=tf.constant(SAMPLES))
    expected = reference(exportable, sample_inputs(exportable))
    np.testing.assert_allclose(answer["probabilities"], expected, atol=1e-5)
    np.testing.assert_allclose(answer["score"], expected.max(-1), atol=1e-5)
    assert [label.decode() for label in answer["label"].numpy()] == [HOSTILE[i] for i in expected.argmax(-1)]
    assert {tensor.dtype.name for tensor in answer.values()} == {"string", "float32"}


def test_images_of_every_size_and_format_in_one_batch(signatures):
    answer = signatures["serving_default"](image_bytes=tf.constant(VARIED))
    assert answer["probabilities"].shape == (len(VARIED), len(HOSTILE))
    np.testing.assert_allclose(tf.reduce_sum(answer["probabilities"], -1), 1, atol=1e-5)


def test_an_empty_batch_is_answered(signatures):
    answer = signatures["serving_default"](image_bytes=tf.constant([], tf.string))
    assert answer["probabilities"].shape == (0, len(HOSTILE))


def test_a_broken_image_is_an_invalid_argument(signatures):
    with pytest.raises(tf.errors.InvalidArgumentError):
        signatures["serving_default"](image_bytes=tf.constant([b"no image"]))


def test_pixels_of_the_right_size_are_left_alone(signatures, exportable):
    pixels = np.random.default_rng(0).uniform(0, 255, (2, *SIZE, 3)).astype(np.float32)
    answer = signatures["pixels"](pixels=tf.constant(pixels))
    np.testing.assert_allclose(answer["probabilities"], reference(exportable, pixels), atol=1e-5)


def test_pixels_of_another_size_are_resized_as_files_are(signatures):
    file = encoded("PNG", (50, 41))
    pixels = tf.cast(tf.io.decode_png(file, channels=3), tf.float32)[None]
    from_pixels = signatures["pixels"](pixels=pixels)["probabilities"]
    from_file = signatures["serving_default"](image_bytes=tf.constant([file]))["probabilities"]
    np.testing.assert_allclose(from_pixels, from_file, atol=1e-6)


def test_features(signatures, exportable):
    answer = signatures["features"](image_bytes=tf.constant(SAMPLES))
    expected = exportable.features.predict(sample_inputs(exportable), verbose=0)
    np.testing.assert_allclose(answer["features"], expected, rtol=1e-4, atol=1e-5)


def test_classify_is_sorted_and_agrees(signatures):
    answer = signatures["classify"](inputs=tf.constant([example(one, "image/encoded") for one in SAMPLES]))
    plain = signatures["serving_default"](image_bytes=tf.constant(SAMPLES))
    assert set(answer) == {"classes", "scores"}
    assert answer["classes"].shape == answer["scores"].shape == (len(SAMPLES), len(HOSTILE))
    assert answer["scores"].dtype == tf.float32
    assert (np.diff(answer["scores"], axis=-1) <= 0).all()
    assert (answer["classes"][:, 0].numpy() == plain["label"].numpy()).all()
    for row, label in enumerate(HOSTILE):
        places = answer["classes"].numpy() == label.encode()
        np.testing.assert_allclose(
            answer["scores"].numpy()[places], plain["probabilities"][:, row], atol=1e-6
        )


def test_no_output_looks_like_base64_to_rest(bundle_dir):
    facts = read_bundle(bundle_dir)[1]
    outputs = [name for signature in facts.signatures.values() for name in signature.outputs]
    assert outputs
    assert not [name for name in outputs if name.endswith("_bytes")]


def test_bundle_json_tells_the_truth(bundle_dir, signatures, exportable):
    folder, facts = read_bundle(bundle_dir, verify=True)
    assert folder == bundle_dir / "1"
    assert facts.class_names == HOSTILE
    assert (facts.size, facts.resize, facts.temperature) == (SIZE, "stretch", 1.7)
    assert facts.data_fingerprint == "f" * 64
    assert facts.metrics == {"test": {"accuracy": 0.9}}
    assert facts.facts == {"note": "n"}
    assert facts.card == json.loads(exportable.card.model_dump_json())
    assert facts.parity.passed
    assert facts.parity.max_difference <= facts.parity.tolerance
    assert facts.parity.n == len(SAMPLES)
    assert set(facts.parity.checked) == set(facts.signatures) == set(signatures)
    for name, described in facts.signatures.items():
        loaded = signatures[name]
        outputs = {key: (t.dtype.name, tuple(t.shape)) for key, t in loaded.structured_outputs.items()}
        assert {key: (t.dtype, t.shape) for key, t in described.outputs.items()} == outputs
        inputs = {
            key: (t.dtype.name, tuple(t.shape)) for key, t in loaded.structured_input_signature[1].items()
        }
        assert {key: (t.dtype, t.shape) for key, t in described.inputs.items()} == inputs


def test_weights_are_written_once(bundle_dir, exportable):
    written = (bundle_dir / "1" / "variables" / "variables.data-00000-of-00001").stat().st_size
    assert written <= 4 * exportable.model.count_params() + 2048


def test_exporting_says_nothing(exportable, tmp_path, capfd):
    steps = []
    export_saved_model(exportable, tmp_path, progress=steps.append)
    assert capfd.readouterr().out == ""
    assert len(steps) == 3


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_answers_in_float32(card, tmp_path, dtype):
    folder = export_saved_model(exportable_of(card, dtype, head=None), tmp_path)
    for name, signature in tf.saved_model.load(str(folder)).signatures.items():
        floats = {
            tensor.dtype for tensor in signature.structured_outputs.values() if tensor.dtype != tf.string
        }
        assert floats == {tf.float32}, name


@pytest.mark.slow
@pytest.mark.parametrize("resize", ["crop", "pad"])
def test_the_other_resize_policies(card, tmp_path, resize):
    folder = export_saved_model(exportable_of(card, front=ImageFront(SIZE, resize)), tmp_path)
    assert read_bundle(folder)[1].resize == resize


@pytest.mark.slow
@pytest.mark.parametrize("step", ["write_warmup", "check_parity", "_flush"])
def test_a_killed_export_leaves_nothing_visible(exportable, tmp_path, monkeypatch, step):
    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(saved_model, step, killed)
    with pytest.raises(KeyboardInterrupt):
        export_saved_model(exportable, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_a_dead_process_left_is_cleaned_and_what_a_live_one_holds_is_not(exportable, tmp_path):
    from filelock import FileLock

    for name in ("dead", "live"):
        (tmp_path / f".export-{name}").mkdir()
        (tmp_path / f".export-{name}.lock").touch()
    with FileLock(tmp_path / ".export-live.lock"):
        export_saved_model(exportable, tmp_path)
        assert sorted(p.name for p in tmp_path.iterdir()) == [".export-live", ".export-live.lock", "1"]


@pytest.mark.slow
def test_a_model_that_answers_otherwise_is_not_published(card, tmp_path):
    model, features, _ = (exportable_of(card).model, exportable_of(card).features, None)
    other = exportable_of(card).head.__class__(len(HOSTILE), name="other")
    other.build((None, 6))
    with pytest.raises(ParityError, match=r"Signature '.*' of the export differs .* nothing was published"):
        export_saved_model(exportable_of(card, model=model, features=features, head=other), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_parity_needs_only_the_folder(bundle_dir, exportable):
    facts = check_parity(bundle_dir / "1", exportable)
    assert facts.passed
    assert facts.max_difference < 1e-5


@pytest.mark.slow
def test_exports_at_once_get_different_versions(exportable, tmp_path, monkeypatch):
    both = threading.Barrier(2)
    publish = saved_model._publish

    def together(folder: Path, directory: Path) -> Path:
        both.wait(timeout=120)
        return publish(folder, directory)

    monkeypatch.setattr(saved_model, "_publish", together)
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(export_saved_model(exportable, tmp_path)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(path.name for path in found) == ["1", "2"] == sorted(p.name for p in tmp_path.iterdir())


def test_a_race_is_lost_to_the_version_that_is_there(tmp_path, monkeypatch):
    folder = tmp_path / ".export-x"
    folder.mkdir()
    taken = tmp_path / "1"
    taken.mkdir()
    (taken / "file").touch()
    numbers = iter([1, 2])
    monkeypatch.setattr(saved_model.bundle, "next_version", lambda _: next(numbers))
    assert saved_model._publish(folder, tmp_path) == tmp_path / "2"


def test_tampering_is_noticed(exportable, tmp_path):
    folder = export_saved_model(exportable, tmp_path)
    facts = read_bundle(folder)[1]
    verify_checksums(folder, facts)
    file = folder / "variables" / "variables.data-00000-of-00001"
    content = bytearray(file.read_bytes())
    content[10] ^= 1
    file.write_bytes(content)
    with pytest.raises(BundleError, match=r"variables\.data"):
        read_bundle(tmp_path, verify=True)


def test_a_folder_that_cannot_be_made_is_named(exportable, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(BundleError, match=r"file.*cannot be written.*Allowed:.*What to do:"):
        export_saved_model(exportable, tmp_path / "file" / "models")
