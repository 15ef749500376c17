"""Few-shot training end to end: the backbone moves, the head learns on what it has become."""

import numpy as np
import pytest

import tlzoo
from tlzoo.training.rundir import RunDir

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("tiny_text")]

FEW = {
    **{"backbone": "tiny_text", "recipe": "few_shot", "validation": 0.2, "test": 0.25, "engine": "graph"},
    **{"most_pairs": 64, "epochs": 2, "batch_size": 8, "rate": 1e-3, "head_epochs": 5},
}


@pytest.fixture(scope="module")
def few(tiny_text, corpus, tmp_path_factory):
    return tlzoo.train(corpus, out=tmp_path_factory.mktemp("few") / "run", **FEW)


def test_every_stage_has_moved_and_the_head_fits_what_came_of_it(few):
    before = tlzoo.load_backbone("tiny_text")
    moved = {
        stage.name: any(
            not np.array_equal(now, then)
            for layer, old in zip(stage.layers, other.layers, strict=True)
            for now, then in zip(layer.get_weights(), old.get_weights(), strict=True)
        )
        for stage, other in zip(few.backbone.stages, before.stages, strict=True)
    }
    assert moved == dict.fromkeys(moved, True)
    with np.load(few.path / "predictions.npz") as kept:
        index, logits = kept["test_index"], kept["test_logits"]
    texts = [few.dataset.items[at] for at in index]
    said = few.model(few.backbone.encoder(texts), training=False)
    np.testing.assert_allclose(said, logits, atol=1e-4)


def test_nothing_but_the_run_is_kept(few):
    assert not (few.path / "checkpoints").exists()
    assert [phase.name for phase in few.folder.plan.phases] == ["contrast", "head"]
    assert few.evaluate().n == 22


@pytest.mark.parametrize(("phase", "calls"), [("contrast", 10), ("head", 3)])
def test_an_interrupted_run_resumes_to_the_very_same_result(few, corpus, tmp_path, phase, calls):
    left = [calls]

    def stop(done, total, what):
        left[0] -= what.startswith(phase)
        if left[0] < 0:
            raise KeyboardInterrupt

    out = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        tlzoo.train(corpus, out=out, progress=stop, **FEW)
    assert not RunDir.open(out).finished
    run = tlzoo.resume(out)
    with np.load(run.path / "weights.npz") as one, np.load(few.path / "weights.npz") as two:
        for mine, whole in zip(one.files, two.files, strict=True):
            np.testing.assert_array_equal(one[mine], two[whole])
