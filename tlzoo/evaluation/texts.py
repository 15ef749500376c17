"""What a network saw of the texts it was given, and what to do where that was too little."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

#: Share of tokens outside the vocabulary that is worth a remark.
MANY_UNKNOWN = 0.1


def text_facts(
    tokens: npt.NDArray[np.integer[Any]] | None,
    *,
    shortened: int = 0,
    length: int = 0,
    long_text: str = "",
    unknown: int | None = None,
) -> dict[str, Any]:
    """Returns what `metrics.json` says about the texts of a run.

    Args:
        tokens: (n,) tokens of each text before it is shortened, without those that mark its ends; None where the
            network takes strings.
        shortened: Texts that were longer than what is seen of them.
        length: Most tokens of a text that are looked at; 0 if there is no bound.
        long_text: What becomes of longer ones.
        unknown: Tokens that are not in the vocabulary; None where the tokenizer has no such token.

    Example:
        >>> text_facts(np.array([4, 6]), length=256, long_text="head", unknown=1)["out_of_vocabulary"]
        0.1
    """
    count = 0 if tokens is None else len(tokens)
    total = 0 if tokens is None else int(tokens.sum())
    return {
        "tokens": _spread(tokens) if tokens is not None and count else None,
        "shortened": shortened,
        "shortened_share": shortened / count if count else 0.0,
        "length": length,
        "long_text": long_text,
        "out_of_vocabulary": None if unknown is None or not total else unknown / total,
    }


def _spread(tokens: npt.NDArray[np.integer[Any]]) -> dict[str, int]:
    median, p95 = np.quantile(tokens, [0.5, 0.95], method="inverted_cdf")
    return {"median": int(median), "p95": int(p95), "max": int(tokens.max())}


def fact_rows(facts: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """Returns what `text_facts` gave as titles and words; none for images."""
    rows = []
    if facts and (tokens := facts["tokens"]):
        spread = f"median {tokens['median']:,}, 95% have up to {tokens['p95']:,}, the longest has {tokens['max']:,}"
        rows.append(("Tokens a text", spread))
        rows.append(("Shortened", f"{facts['shortened']:,} texts ({facts['shortened_share']:.1%})"))
    if facts and facts["out_of_vocabulary"] is not None:
        rows.append(("Not in the vocabulary", f"{facts['out_of_vocabulary']:.1%} of the tokens"))
    return rows


def remarks(facts: Mapping[str, Any] | None, longest: int) -> list[str]:
    """Returns sentences that say what was lost of the texts, and what to do about it; none if all is well.

    Args:
        facts: What `text_facts` gave; None for images.
        longest: Most tokens that the backbone can be built for.

    Example:
        >>> facts = text_facts(np.array([4, 300]), shortened=1, length=256, long_text="head")
        >>> remarks(facts, 512)[0]
        '1 text (50.0%) was longer than 256 tokens and was shortened: try --set length=512 or --set long_text=chunks.'
    """
    if facts is None:
        return []
    found = []
    if facts["shortened"]:
        words = "1 text" if facts["shortened"] == 1 else f"{facts['shortened']:,} texts"
        was = "was" if facts["shortened"] == 1 else "were"
        chunked, length = facts["long_text"] == "chunks", facts["length"]
        bound = f"the chunks of {length} tokens that are read" if chunked else f"{length} tokens"
        ways = [f"--set length={min(2 * length, longest)}"] if length < longest else []
        ways += [] if chunked else ["--set long_text=chunks"]
        found.append(
            f"{words} ({facts['shortened_share']:.1%}) {was} longer than {bound} and {was} shortened"
            + (f": try {' or '.join(ways)}." if ways else ".")
        )
    if (facts["out_of_vocabulary"] or 0) > MANY_UNKNOWN:
        found.append(
            f"{facts['out_of_vocabulary']:.1%} of the tokens are not in the backbone's vocabulary: try another "
            "backbone, or vectors of your own texts (tlzoo train-vectors)."
        )
    return found
