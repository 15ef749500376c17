"""`keras-hub:PRESET` or `keras-hub:FOLDER`: KerasHub backbones, from its hub's cache or a local folder."""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlzoo.errors import CardError, UnreachableError, WeightsError
from tlzoo.sources import strict
from tlzoo.sources.locator import parse_locator

if TYPE_CHECKING:
    import keras

    from tlzoo.cards import BackboneCard
    from tlzoo.progress import Progress

_HUB = "https://api.kaggle.com"
_FILES = ("config.json", "model.weights.h5")
_WEIGHTS = ("model.weights.h5", "model.weights.json", "model.safetensors", "model.safetensors.index.json")

# What a text's tokenizer is made of: in KerasHub's form (one of these), and in Hugging Face's.
_VOCABULARIES = {
    "WordPieceTokenizer": ("vocabulary.txt",),
    "BytePairTokenizer": ("vocabulary.json", "merges.txt"),
    "SentencePieceTokenizer": ("vocabulary.spm",),
}
_THEIR_VOCABULARIES = (
    "vocab.txt",
    "vocab.json",
    "spiece.model",
    "sentencepiece.bpe.model",
    "tokenizer.model",
)


def is_whole(folder: Path) -> bool:
    """Tells if a folder holds a configuration and weights, in KerasHub's or Hugging Face's form."""
    return (folder / "config.json").is_file() and any((folder / name).is_file() for name in _WEIGHTS)


def has_vocabulary(folder: Path) -> bool:
    """Tells if a folder holds what a tokenizer is made of, in KerasHub's or Hugging Face's form."""
    ours = [folder / "assets" / "tokenizer" / name for names in _VOCABULARIES.values() for name in names]
    theirs = [folder / name for name in _THEIR_VOCABULARIES]
    alone = (folder / "tokenizer_config.json").is_file() and (folder / "tokenizer.json").is_file()
    return alone or any(path.is_file() for path in ours + theirs)


def is_ready(card: BackboneCard, folder: Path) -> bool:
    """Tells if a folder in a hub's cache holds all a card needs: a text also needs its vocabulary."""
    return is_whole(folder) and (card.modality != "text" or has_vocabulary(folder))


def find(card: BackboneCard) -> Path | None:
    """Returns the folder of the preset: the one named, or the newest whole one in the hub's cache."""
    rest = parse_locator(card.locator).rest
    if _is_folder(rest):
        folder = Path(rest).expanduser()
        return folder if is_whole(folder) else None
    cache = Path(os.environ.get("KAGGLEHUB_CACHE") or "~/.cache/kagglehub").expanduser()
    folders = [
        path
        for path in cache.glob(f"models/*/*/keras/{rest}/*")
        if path.name.isdigit() and is_ready(card, path)
    ]
    return max(folders, key=lambda path: int(path.name), default=None)


def at_hand(card: BackboneCard) -> bool:
    """Tells if the preset's configuration and weights are on this machine."""
    return find(card) is not None


def fetch(card: BackboneCard, progress: Progress | None = None) -> Path:
    """Returns the preset's folder, downloaded into the hub's own cache if it is not there.

    Args:
        card: A card with a `keras-hub:` locator.
        progress: Told what is being fetched; the hub's library does not say how far it is.

    Raises:
        UnreachableError: The folder is incomplete, or the hub does not answer.
        CardError: KerasHub knows no such preset.
    """
    if (folder := find(card)) is not None:
        return folder
    rest = parse_locator(card.locator).rest
    if _is_folder(rest):
        raise UnreachableError(
            f"folder {rest}, which lacks config.json or weights.", do=f"Put {' and '.join(_FILES)} there."
        )
    from tlzoo.sources.download import require_answer

    require_answer(_HUB)
    import kagglehub  # type: ignore[import-untyped]
    import keras_hub

    presets = keras_hub.models.Backbone.presets
    if rest not in presets:
        raise CardError(f"{card.name}: KerasHub has no preset '{rest}'.", do="Mend the card's locator.")
    handle = presets[rest]["kaggle_handle"].removeprefix("kaggle://")
    with quiet_stdout():
        for name in (*_tokenizer_files(card), *_FILES):
            if progress:
                progress(0, None, name)
            try:
                path = kagglehub.model_download(handle, name)
            except Exception as error:  # the hub's library raises its own, requests' and plain errors
                raise UnreachableError(f"{_HUB}: {error}.", do="Check the network.") from error
    return Path(path).parent


def _tokenizer_files(card: BackboneCard) -> list[str]:
    """Returns the files of a preset that its tokenizer is made of; none for images."""
    if card.tokenizer is None:
        return []
    import keras_hub

    kind = getattr(keras_hub.tokenizers, card.tokenizer.kind, None)
    for base, names in _VOCABULARIES.items():
        if kind is not None and issubclass(kind, getattr(keras_hub.tokenizers, base)):
            return ["tokenizer.json", *(f"assets/tokenizer/{name}" for name in names)]
    raise CardError(
        f"{card.name}: tokenizer kind '{card.tokenizer.kind}'.",
        allowed=f"a class of keras_hub.tokenizers that is a {', a '.join(_VOCABULARIES)}.",
        do="Mend the card's [tokenizer].",
    )


def load(card: BackboneCard, *, pretrained: bool, size: tuple[int, int]) -> keras.Model:
    """Builds the network; without weights from the card's `architecture`, or from the folder's configuration.

    Raises:
        UnreachableError: The preset is not here and cannot be fetched.
        WeightsError: The weights do not fit completely.
        CardError: The card's `architecture` cannot be built.
    """
    if pretrained or not card.architecture:
        return build(card, fetch(card), size, weights=pretrained)
    return build(card, None, size)


def build(
    card: BackboneCard, folder: Path | None, size: tuple[int, int], *, weights: bool = True
) -> keras.Model:
    """Builds what a card, or a folder, describes.

    Args:
        card: The card.
        folder: Where architecture and weights are; None builds the card's `architecture` with random weights.
        size: Height and width in pixels; not looked at for texts.
        weights: False leaves the weights of a folder's architecture random.
    """
    if card.modality == "text":
        from tlzoo.sources import keras_hub_text

        return keras_hub_text.load(card, folder, weights=weights)
    if folder is None:
        return from_architecture(card, size)
    return from_folder(card, folder, size, weights=weights)


def from_folder(card: BackboneCard, folder: Path, size: tuple[int, int], *, weights: bool) -> keras.Model:
    """Builds what a preset folder describes.

    Args:
        card: The card.
        folder: Holds `config.json` and weights, in KerasHub's or Hugging Face's form.
        size: Height and width in pixels.
        weights: False leaves the weights random.

    Raises:
        WeightsError: The folder does not describe a vision backbone, or its weights do not fit.
    """
    import keras_hub

    _know_false_alarms()
    # A pyramid backbone answers with all its levels unless told which.
    levels = {key: value for key, value in card.architecture.items() if key == "out_features"}
    try:
        with quiet_stdout(), strict.nothing_skipped():
            backbone = keras_hub.models.Backbone.from_preset(
                str(folder), load_weights=weights, image_shape=(*size, 3), **levels
            )
    except (ValueError, TypeError, KeyError, OSError, UserWarning) as error:
        raise WeightsError(
            f"{card.name}: {folder} does not load at {size} pixels: {error}.",
            allowed="a whole KerasHub preset or a Hugging Face folder KerasHub converts.",
            do="Fetch it again, or mend the card.",
        ) from error
    return one_in_one_out(card, backbone)


def from_architecture(card: BackboneCard, size: tuple[int, int]) -> keras.Model:
    """Builds `architecture = {class = "...", ...}` with random weights.

    Args:
        card: Its `class` names a class of `keras_hub.models`; other keys are the class's arguments.
        size: Height and width in pixels.

    Raises:
        CardError: There is no such class, or it does not take these arguments.
    """
    _know_false_alarms()
    build, name = named_class(card, "ViTBackbone"), card.architecture["class"]
    arguments = {key: value for key, value in card.architecture.items() if key != "class"}
    try:
        backbone = build(**{**arguments, "image_shape": (*size, 3)})
    except (ValueError, TypeError) as error:
        raise CardError(
            f"{card.name}: {name} cannot be built for {size} pixels: {error}.",
            do="Use another size, or mend the card's [architecture].",
        ) from error
    return one_in_one_out(card, backbone)


def named_class(card: BackboneCard, example: str) -> Any:
    """Returns the class of `keras_hub.models` that a card's `architecture` names.

    Args:
        card: The card.
        example: A class that would do, for the error.

    Raises:
        CardError: There is no such class.
    """
    import keras_hub

    name = card.architecture.get("class", "")
    found = getattr(keras_hub.models, name, None)
    if found is None:
        raise CardError(
            f"{card.name}: keras_hub.models has no class '{name}'.",
            allowed=f'architecture = {{ class = "{example}", ... }}.',
            do="Mend the card's [architecture].",
        )
    return found


def one_in_one_out(card: BackboneCard, backbone: keras.Model) -> keras.Model:
    """Returns the backbone as a plain functional model from one image tensor to one tensor.

    Raises:
        CardError: The backbone has several inputs or outputs.
    """
    import keras

    if len(backbone.inputs) != 1 or len(backbone.outputs) != 1:
        raise CardError(
            f"{card.name}: the backbone has {len(backbone.inputs)} inputs and {len(backbone.outputs)} outputs.",
            allowed="one image in, one tensor out.",
            do="Use another preset.",
        )
    return keras.Model(backbone.inputs[0], backbone.outputs[0], name=card.name)


@contextlib.contextmanager
def quiet_stdout() -> Iterator[None]:
    """Sends what hub libraries print to standard error: standard output belongs to the command's answer."""
    with contextlib.redirect_stdout(sys.stderr):
        yield


def _know_false_alarms() -> None:
    """Silences a warning that KerasHub's Swin draws at every call: it names its attention windows `mask`."""
    warnings.filterwarnings("ignore", r"(?s).*WindowAttention. was passed an input with a mask", UserWarning)


def _is_folder(rest: str) -> bool:
    return rest.startswith(("/", "./", "../", "~")) or (len(rest) > 1 and rest[1] == ":")
