import dataclasses

import keras
import numpy as np
import pytest

from tlzoo.backbones.load import load_backbone
from tlzoo.models.heat_maps import _grid, _is_map, heat_maps_of, scaled

pytestmark = pytest.mark.usefixtures("tiny")


@pytest.fixture(scope="module")
def backbone(tiny):
    return load_backbone(tiny)


@pytest.fixture(scope="module")
def kernel():
    return np.random.default_rng(0).normal(size=(32, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def pixels(digits):
    return digits[0][[0, 50, 100]]


def feature_maps(backbone, pixels):
    prepared = backbone.model.get_layer("preprocess")(pixels.astype(np.float32))
    return np.asarray(backbone.network(prepared, training=False))


def test_the_mean_of_the_exact_map_is_the_logit(backbone, kernel, pixels):
    classes = np.array([0, 1, 2])
    apart = kernel - kernel.mean(axis=1, keepdims=True)
    plain = np.einsum("nhwd,dn->nhw", feature_maps(backbone, pixels), apart[:, classes])
    logits = np.asarray(backbone.model(pixels.astype(np.float32), training=False)) @ apart
    np.testing.assert_allclose(plain.mean(axis=(1, 2)), logits[np.arange(3), classes], rtol=1e-4, atol=1e-5)
    maps = heat_maps_of(backbone, kernel)
    assert maps.method == "cam"
    np.testing.assert_allclose(maps(pixels, classes), scaled(plain), atol=1e-4)


def test_grad_cam_on_the_last_map_is_the_exact_map(backbone, kernel, pixels):
    exact = heat_maps_of(backbone, kernel)
    prepared = backbone.model.get_layer("preprocess")(backbone.model.input)
    last = backbone.network(prepared)
    taps = keras.Model(backbone.model.input, [last, keras.layers.GlobalAveragePooling2D()(last)])
    same = dataclasses.replace(exact, method="grad_cam", taps=taps)
    np.testing.assert_allclose(same(pixels, [1, 2, 0]), exact(pixels, [1, 2, 0]), atol=1e-4)


def test_maps_lie_in_0_to_1_and_name_the_strongest_place(backbone, kernel, pixels):
    for gradient in (False, True):
        found = heat_maps_of(backbone, kernel, gradient=gradient)(pixels, [0, 0, 0])
        assert found.dtype == np.float32
        assert found.shape == ((3, 8, 8) if gradient else (3, 4, 4))
        assert ((found >= 0) & (found <= 1)).all()
        assert set(found.max(axis=(1, 2)).tolist()) <= {0.0, 1.0}


def test_what_all_logits_share_does_not_show(backbone, kernel, pixels):
    shared = kernel + np.random.default_rng(1).normal(size=(32, 1)).astype(np.float32)
    one, two = (heat_maps_of(backbone, each)(pixels, [0, 1, 2]) for each in (kernel, shared))
    np.testing.assert_allclose(one, two, atol=1e-4)


def test_evidence_in_a_corner_is_found_there(backbone, pixels):
    # A class that is the brightness of the first filter that tells a bright corner from a dark picture.
    dark = np.zeros((1, 32, 32, 3), np.uint8)
    lit = dark.copy()
    lit[:, :10, :10] = 255
    difference = feature_maps(backbone, lit)[0] - feature_maps(backbone, dark)[0]
    channel = int(difference[0, 0].argmax())
    kernel = np.zeros((32, 2), np.float32)
    kernel[channel, 1] = 1
    before, after = (heat_maps_of(backbone, kernel)(each, [1])[0] for each in (dark, lit))
    assert after[0, 0] >= before[0, 0]
    assert after[:2, :2].mean() >= after[2:, 2:].mean()


def test_a_token_that_speaks_for_all_needs_the_stage_before(kernel):
    keras.utils.set_random_seed(0)
    images = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(32, 8, 8)(images)
    x = keras.layers.Reshape((16, 32), name="patches")(x)
    x = keras.layers.MultiHeadAttention(2, 16, name="attend")(x, x)
    network = keras.Model(images, x)

    @dataclasses.dataclass(frozen=True)
    class Stage:
        layers: tuple

    base = load_backbone("tiny")
    pixels = keras.Input((32, 32, 3))
    prepared = keras.layers.Rescaling(1 / 255, name="preprocess")(pixels)
    backbone = dataclasses.replace(
        base,
        network=network,
        model=keras.Model(pixels, network(prepared)[:, 0]),
        stages=(Stage(tuple(network.layers[:3])), Stage(tuple(network.layers[3:]))),
        card=base.card.model_copy(update={"pooling": "cls"}),
    )
    maps = heat_maps_of(backbone, kernel)
    assert maps.method == "grad_cam"
    found = maps(np.random.default_rng(0).integers(0, 255, (2, 32, 32, 3)), [0, 1])
    assert found.shape == (2, 4, 4)
    assert found.max() > 0


def test_networks_without_places_have_no_map(backbone, kernel):
    flat = keras.Model(backbone.network.input, keras.layers.GlobalAveragePooling2D()(backbone.network.output))
    alone = dataclasses.replace(backbone, network=flat, stages=backbone.stages[:1])
    assert heat_maps_of(alone, kernel) is None
    texts = dataclasses.replace(backbone, card=backbone.card.model_copy(update={"modality": "text"}))
    assert heat_maps_of(texts, kernel) is None


@pytest.mark.parametrize(
    ("shape", "extra", "yes"),
    [
        ((None, 7, 7, 9), False, True),
        ((None, 1, 1, 9), False, False),
        ((None, 49, 9), False, True),
        ((None, 50, 9), False, False),
        ((None, 50, 9), True, True),
        ((None, 9), True, False),
        ((None, None, 9), True, False),
    ],
)
def test_what_counts_as_a_map(shape, extra, yes):
    assert _is_map(shape, extra=extra) == yes


def test_tokens_become_a_square_without_the_extra_one():
    tokens = np.arange(2 * 10 * 3, dtype=np.float32).reshape(2, 10, 3)
    np.testing.assert_array_equal(_grid(tokens).numpy(), tokens[:, 1:].reshape(2, 3, 3, 3))


def test_nothing_for_the_class_is_all_dark():
    assert scaled(-np.ones((1, 2, 2))).tolist() == [[[0, 0], [0, 0]]]
