import keras
import numpy as np
import pytest

from tlzoo.backbones.load import load_backbone
from tlzoo.errors import UsageError
from tlzoo.models.lora import lora_targets, low_rank
from tlzoo.plans import Lora

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("zoo")]

RANDOM = np.random.default_rng(0)
PIXELS = RANDOM.integers(0, 256, (3, 32, 32, 3)).astype(np.float32)
TOKENS = np.array([[2, 60, 61, 70, 3], [2, 62, 3, -1, -1]], np.int32)


@pytest.fixture(scope="module")
def zoo(tiny_text_zoo):
    """A zoo with both tiny backbones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TLZOO_ZOO", str(tiny_text_zoo))
        yield


def change(backbone):
    """Moves every variable that trains, as training would."""
    for variable in backbone.network.trainable_variables:
        variable.assign(np.array(variable) + RANDOM.normal(0, 0.05, variable.shape))


def test_attention_changes_by_its_queries_and_values():
    backbone = load_backbone("tiny_text")
    found = lora_targets(backbone, ["block1", "block2"], Lora(rank=2, alpha=2))
    assert {path.rpartition("/")[2] for path in found} == {"query", "value"}
    assert len(found) == 4
    assert len(lora_targets(backbone, ["block2"], Lora(rank=2, alpha=2))) == 2


def test_convolutions_change_where_there_is_no_attention():
    found = lora_targets(load_backbone("tiny"), ["block", "top"], Lora(rank=2, alpha=2))
    assert set(found) == {"block_conv", "top_conv"}


def test_depthwise_convolutions_do_not():
    from tlzoo.backbones.backbone import Backbone
    from tlzoo.backbones.stages import Stage

    x = pixels = keras.Input((8, 8, 3))
    for layer in (
        keras.layers.DepthwiseConv2D(3, name="depthwise"),
        keras.layers.Conv2D(4, 1, name="pointwise"),
    ):
        x = layer(x)
    network = keras.Model(pixels, x)
    card = load_backbone("tiny").card
    backbone = Backbone(card, network, network, (Stage("all", tuple(network.layers)),), (8, 8), False)
    assert list(lora_targets(backbone, ["all"], Lora(rank=1, alpha=1))) == ["pointwise"]


def test_globs_select_by_name_or_path():
    backbone = load_backbone("tiny_text")
    by_name = lora_targets(backbone, ["block1"], Lora(rank=1, alpha=1, targets=("feedforward_*",)))
    assert len(by_name) == 2
    assert lora_targets(backbone, ["block1"], Lora(rank=1, alpha=1, targets=("*/key",))).keys() < {
        *lora_targets(backbone, ["block1"], Lora(rank=1, alpha=1, targets=("*",)))
    }


def test_what_selects_nothing_says_what_it_could_have_matched():
    with pytest.raises(UsageError, match=r"\*query\* selects no layer of top.*top_conv.*Change `targets`"):
        lora_targets(load_backbone("tiny"), ["top"], Lora(rank=1, alpha=1, targets=("*query*",)))


@pytest.mark.parametrize(("name", "stages", "inputs"), [
    ("tiny", ["block", "top"], PIXELS),
    ("tiny_text", ["block1", "block2"], TOKENS),
])  # fmt: skip
@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_merged_is_what_was_trained(name, stages, inputs, policy):
    keras.config.set_dtype_policy(policy)
    try:
        backbone = load_backbone(name)
    finally:
        keras.config.set_dtype_policy("float32")
    backbone.train(stages)
    plain = [(v.path, np.array(v)) for v in backbone.network.weights]
    before = np.array(backbone.model(inputs))
    with low_rank(backbone, stages, Lora(rank=2, alpha=4)):
        trainable = backbone.network.trainable_variables
        assert {v.path.rpartition("/")[2] for v in trainable} == {"lora_kernel_a", "lora_kernel_b"}
        # Changes begin at zero.
        np.testing.assert_allclose(backbone.model(inputs), before, atol=1e-6)
        change(backbone)
        changed = np.array(backbone.model(inputs))
        targets = list(lora_targets(backbone, stages, Lora(rank=2, alpha=4)).values())
        kernels = {id(layer._kernel) for layer in targets}
    merged = np.array(backbone.model(inputs))
    assert np.abs(changed - before).max() > 1e-3
    np.testing.assert_allclose(merged, changed, atol=1e-5 if policy == "float32" else 2e-2)
    # A plain network again: the same variables, and only kernels that were meant have moved.
    assert [v.path for v in backbone.network.weights] == [path for path, _ in plain]
    for variable, (_, value) in zip(backbone.network.weights, plain, strict=True):
        assert np.array_equal(np.array(variable), value) == (id(variable) not in kernels)
    backbone.train(stages)
    assert all(layer._kernel.trainable and not layer.lora_enabled for layer in targets)


def test_it_can_be_done_again_and_after_an_error():
    backbone = load_backbone("tiny")
    for _ in range(2):
        with pytest.raises(RuntimeError), low_rank(backbone, ["top"], Lora(rank=1, alpha=1)):
            raise RuntimeError
    backbone.train(["top"])
    assert not any("lora" in variable.path for variable in backbone.network.weights)
