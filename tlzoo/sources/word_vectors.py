"""Networks over word vectors: `family = "word_vectors"`, from packages and from files.

A card says what stands above the vectors in `[architecture]`:

    rows, width         shape of the vectors, the unknown word's among them
    pool = "mean"       their mean
    pool = "sif"        their mean, weighted by how rare words are (with `a`, by default 0.001)
    pool = "cnn"        convolutions over `widths` words with `filters` each, and their maxima
    pool = "gru"        a GRU of `units` in each direction, and its last states

Every one gives (b, d) itself, so cards say `pooling = "none"`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tlzoo.errors import CardError, WeightsError

if TYPE_CHECKING:
    import keras

    from tlzoo.cards import BackboneCard

OPTIONS: dict[str, tuple[str, ...]] = {
    "mean": (),
    "sif": ("a",),
    "cnn": ("widths", "filters"),
    "gru": ("units",),
}
"""What `pool` may be, and the options each takes."""


def load(card: BackboneCard, *, pretrained: bool, size: tuple[int, int]) -> keras.Model:
    """Builds the network of a card of word vectors.

    Args:
        card: Its `architecture` is as above.
        pretrained: False makes random vectors of the same shape and reads no file.
        size: Of no meaning to texts.

    Returns:
        A functional model from tokens int32 (b, t), -1 where a text has ended, to float32 (b, d).

    Raises:
        UnreachableError: The vectors are not here and cannot be fetched.
        WeightsError: They are damaged, or not of the card's shape.
        CardError: The card's `architecture` says something else.

    Example:
        >>> load(card, pretrained=False, size=(0, 0)).output_shape  # doctest: +SKIP
        (None, 50)
    """
    _check(card)
    matrix = None
    if pretrained:
        from tlzoo.sources.vectors import vectors_of  # NumPy, which `tlzoo list` must not wait for

        matrix = vectors_of(card).matrix
        shape = (card.architecture["rows"], card.architecture["width"])
        if matrix.shape != shape:
            raise WeightsError(
                f"{card.name}: its file gives vectors {matrix.shape}, those of unknown words among them.",
                allowed=f"the card's (rows, width) = {shape}.",
                do=f"Write rows = {matrix.shape[0]} and width = {matrix.shape[1]} into [architecture].",
            )
    from tlzoo.sources.convert_word_vectors import build

    return build(card.name, card.architecture, matrix)


def _check(card: BackboneCard) -> None:
    options = dict(card.architecture)
    pool, shape = options.pop("pool", "mean"), (options.pop("rows", None), options.pop("width", None))
    counts = all(isinstance(number, int) and number > 0 for number in shape)
    if pool not in OPTIONS or not counts or set(options) - set(OPTIONS[pool]):
        takes = "; ".join(
            f"{name} takes {', '.join(more) or 'nothing more'}" for name, more in OPTIONS.items()
        )
        raise CardError(
            f"{card.name}: [architecture] = {card.architecture}.",
            allowed=f"rows and width (numbers), and pool: {takes}.",
            do="Mend the card.",
        )
    if card.pooling != "none":
        raise CardError(
            f"{card.name}: pooling = '{card.pooling}'.",
            allowed="pooling = 'none': the network pools by itself, as `pool` says.",
            do="Mend the card.",
        )
