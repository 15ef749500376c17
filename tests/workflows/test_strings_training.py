"""Networks that take strings themselves: through training, resuming and export."""

import numpy as np
import pytest

import tlzoo
from tlzoo.training.rundir import RunDir

pytestmark = pytest.mark.usefixtures("tiny_text")

TUNE = {
    "backbone": "tiny_strings", "validation": 0.2, "test": 0.25, "recipe": "fine_tune", "head_epochs": 5,
    "epochs": 4, "batch_size": 16, "rate": 3e-3, "top": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def tuned(tiny_text, corpus, tmp_path_factory):
    return tlzoo.train(corpus, out=tmp_path_factory.mktemp("tuned") / "run", **TUNE)


def weights(run):
    with np.load(run.path / "weights.npz") as kept:
        return [kept[name] for name in kept.files]


def test_it_learns_and_only_where_it_should(tuned):
    assert tuned.evaluate().accuracy > 0.5
    fresh = tlzoo.load_backbone("tiny_strings")
    for name, moves in (("hidden", False), ("top", True)):
        pairs = zip(
            fresh.network.get_layer(name).weights, tuned.backbone.network.get_layer(name).weights, strict=True
        )
        assert all(np.array_equal(np.asarray(a), np.asarray(b)) != moves for a, b in pairs)


@pytest.mark.slow
def test_an_interrupted_run_resumes_to_the_very_same_result(corpus, tmp_path, tuned):
    def stop(done, total, what):
        if what.startswith("tune, epoch 3"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tlzoo.train(corpus, out=tmp_path / "run", progress=stop, **TUNE)
    assert not RunDir.open(tmp_path / "run").finished
    for mine, theirs in zip(weights(tlzoo.resume(tmp_path / "run")), weights(tuned), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_the_bundle_needs_nothing_but_tensorflow_and_has_no_tokens(tuned, tmp_path):
    bundle = tuned.export(tmp_path / "bundle")
    assert sorted(bundle.facts.signatures) == ["classify", "features", "serving_default"]
    assert (bundle.facts.needs_ops, bundle.facts.length, bundle.facts.modality) == ((), 0, "text")
    answers = bundle.predict(list(tuned.dataset.items))
    found = [list(one.probabilities.values()) for one in answers]
    np.testing.assert_allclose(found, tuned.probabilities(tuned.dataset), atol=1e-5)


def test_a_random_twin_keeps_its_vocabulary():
    twin, fresh = (
        tlzoo.load_backbone("tiny_strings", pretrained=False, seed=3),
        tlzoo.load_backbone("tiny_strings"),
    )
    assert twin.weights_hash != fresh.weights_hash
    assert twin.network.get_layer("bag").get_vocabulary() == fresh.network.get_layer("bag").get_vocabulary()
    assert twin.weights_hash == tlzoo.load_backbone("tiny_strings", pretrained=False, seed=3).weights_hash
