"""What only runs on texts prove: which words led astray, and how much of the texts was seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tlzoo.evaluation.attribution import METHOD, Push, allotment, explain, log_odds, pieces
from tlzoo.evaluation.mistakes import SHOWN_TEXT, Mistake
from tlzoo.evaluation.texts import text_facts

if TYPE_CHECKING:
    import keras

    from tlzoo.training.context import Context

EXPLAINED = 12
"""Mistakes whose words are weighed, worst first: so many, and each word by word, rather than more and coarser."""
TOKENS = 25_000
"""Tokens that weighing them may cost: five seconds of MiniLM on two cores."""
MOST_CHARACTERS = 20_000
"""Characters of a text of which variants are made; what comes after them is left out of all."""
BYTES_A_TOKEN = 4
"""Of networks that take strings, whose tokens nobody counts."""
BEGINNING = 160
"""Characters of a text that the projector shows."""


def explain_mistakes(
    context: Context, model: keras.Model, mistakes: Sequence[Mistake], temperature: float
) -> list[list[Push]]:
    """Returns what the words of the worst mistakes did for the class that won, for the first `EXPLAINED` of them.

    Args:
        context: What was trained on what; its backbone has the weights that training left.
        model: From what the backbone eats to logits.
        mistakes: On items of the context's data set, worst first.
        temperature: What logits are divided by.
    """
    from tlzoo.features.text_engines import choose_text_engine
    from tlzoo.features.text_extract import features_of
    from tlzoo.features.tokens import Tokens, open_texts

    mistakes = mistakes[:EXPLAINED]
    texts = [str(context.dataset.items[mistake.index])[:MOST_CHARACTERS] for mistake in mistakes]
    if not texts:
        return []
    winners = np.array([mistake.predicted for mistake in mistakes])
    kernel, bias = (np.asarray(weight) for weight in model.get_layer("head").weights)

    engine = choose_text_engine(context.backbone, "graph")

    def support(variants: Sequence[tuple[int, str]]) -> np.ndarray:
        inputs = open_texts(context.backbone.encoder, [text for _, text in variants])
        features = features_of(context.backbone, inputs, np.arange(len(variants)), engine)
        return log_odds((features @ kernel + bias) / temperature, winners[[number for number, _ in variants]])

    inputs = open_texts(context.backbone.encoder, texts)
    costs = inputs.lengths if isinstance(inputs, Tokens) else inputs.lengths // BYTES_A_TOKEN
    words = [len(pieces(text[:SHOWN_TEXT])) for text in texts]
    return explain(texts, allotment(words, costs.tolist(), TOKENS), support, SHOWN_TEXT)


def attribution(mistakes: Sequence[Mistake]) -> str:
    """Returns what a report says about how the words of these mistakes were weighed."""
    return METHOD + (f", for the {EXPLAINED} worst" if len(mistakes) > EXPLAINED else "")


def seen_of_texts(context: Context) -> dict[str, Any]:
    """Returns what `metrics.json` says about how long the texts are and how much of them was seen."""
    from tlzoo.features.tokens import Tokens

    inputs, plan = context.inputs, context.plan
    if not isinstance(inputs, Tokens):
        return text_facts(None)
    return text_facts(
        inputs.whole,
        shortened=inputs.shortened,
        length=plan.length,
        long_text=plan.long_text,
        unknown=inputs.unknown,
    )


def beginnings(context: Context, indices: np.ndarray) -> dict[int, str]:
    """Returns how each of some texts begins, in one line, by its index in the data set."""
    texts = {int(index): str(context.dataset.items[index]) for index in indices}
    return {index: " ".join(text[: 2 * BEGINNING].split())[:BEGINNING] for index, text in texts.items()}
