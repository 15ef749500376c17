"""Texts a second under MiniLM-L6: tlzoo against sentence-transformers (PyTorch) on the same weights and texts.

    python benchmarks/text_encoding.py /path/to/python-with-sentence-transformers [ROUNDS [TEXTS]]

Short texts are sentences of the drug reviews of about 15 tokens, long ones whole reviews of up to 256. Both sides are
given strings and give vectors, so tokenisation counts. After a warm pass they take turns, so that a machine that is
busy at times is busy for both, and the best of ROUNDS (5) turns counts. sentence-transformers lives in an environment
of its own; without it only ours are printed. TEXTS takes so many of each kind at random, for short turns.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from common import finish

PEER = r"""
import json, sys, time, numpy as np, torch
torch.set_num_threads(2)
import sentence_transformers
folder, out = sys.argv[1:3]
model = sentence_transformers.SentenceTransformer(folder, device="cpu")
model.max_seq_length = 256
texts = json.load(open(f"{out}/texts.json"))
print(json.dumps([sentence_transformers.__version__, torch.__version__]), flush=True)
for line in sys.stdin:
    name = line.strip()
    start = time.perf_counter()
    vectors = model.encode(texts[name], batch_size=32, normalize_embeddings=True, show_progress_bar=False)
    seconds = time.perf_counter() - start
    np.save(f"{out}/{name}.npy", vectors)
    print(seconds, flush=True)
"""

Turn = Callable[[str], tuple[float, Any]]
"""Encodes the texts of one kind: seconds, and vectors (n, 384)."""


def texts() -> dict[str, list[str]]:
    """Returns short and long texts, real ones."""
    import tlzoo

    reviews = list(tlzoo.load("drug_reviews").items)
    sentences = [part.strip() for review in reviews for part in re.split(r"(?<=[.!?])\s+", review)]
    short = [part for part in sentences if 8 <= len(part.split()) <= 15]
    return {"short": short[:2000], "long": [review for review in reviews if len(review.split()) > 60]}


def ours(given: dict[str, list[str]]) -> Turn:
    """Returns our turn."""
    import numpy as np

    from tlzoo.backbones.load import load_backbone
    from tlzoo.features.text_engines import choose_text_engine
    from tlzoo.features.text_extract import computed
    from tlzoo.features.tokens import open_texts

    backbone = load_backbone("minilm_l6", length=256)
    engine = choose_text_engine(backbone)
    print(f"engine: {engine.name}", flush=True)

    def turn(name: str) -> tuple[float, Any]:
        some = given[name]
        start = time.perf_counter()
        vectors = computed(engine, open_texts(backbone.encoder, some), np.arange(len(some)), 384)
        return time.perf_counter() - start, vectors

    return turn


def theirs(python: str, folder: Path, out: Path) -> tuple[Turn, list[str]]:
    """Returns the peer's turn, and the versions of what it runs on."""
    import numpy as np

    command = [python, "-c", PEER, str(folder), str(out)]
    peer = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    asked, said = peer.stdin, peer.stdout
    assert asked is not None
    assert said is not None

    def turn(name: str) -> tuple[float, Any]:
        print(name, file=asked, flush=True)
        return float(said.readline()), np.load(out / f"{name}.npy")

    return turn, json.loads(said.readline())


def main() -> None:
    """Prints texts a second of each, the ratios, and how far the vectors differ."""
    import numpy as np

    from tlzoo import registry
    from tlzoo.sources import networks

    rounds, most = (int(word) for word in (sys.argv[2:] + ["5", "1000000"][len(sys.argv[2:]) :]))
    given = {name: random.Random(0).sample(some, min(most, len(some))) for name, some in texts().items()}
    folder = networks.fetch(registry.backbones().get("minilm_l6"))
    figures: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / "texts.json").write_text(json.dumps(given))
        sides = {"tlzoo": ours(given)}
        if len(sys.argv) > 1:
            sides["sentence-transformers"], figures["peer"] = theirs(sys.argv[1], folder, Path(scratch))
        for name, some in given.items():
            best, vectors = dict.fromkeys(sides, 9e9), {}
            for number in range(rounds + 1):
                for side, turn in sides.items():
                    seconds, vectors[side] = turn(name)
                    best[side] = min(best[side], seconds) if number else best[side]
            rates = {side: len(some) / seconds for side, seconds in best.items()}
            print(
                f"{name:6s} {len(some):5d} texts:", *(f"{side} {rate:.1f}/s" for side, rate in rates.items())
            )
            figures[f"{name}_texts_per_second"] = rates
            if len(sides) > 1:
                mine, other = vectors.values()
                apart = float(np.abs(mine - other).max())
                ratio = rates["tlzoo"] / rates["sentence-transformers"]
                print(f"{name:6s} {ratio:.2f}x; vectors differ by {apart:.1e} at most", flush=True)
                figures |= {f"{name}_ratio": ratio, f"{name}_difference": apart}
    finish(**figures)


if __name__ == "__main__":
    main()
