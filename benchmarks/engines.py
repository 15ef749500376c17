"""Features a second: tlzoo's engines against a `tf.function`, `Model.predict` and PyTorch eager.

PyTorch runs in its own environment: pass its python as the first argument (`torch` installed there); without it
that row is left out.
"""

from __future__ import annotations

import json
import subprocess
import sys

from common import best_of, finish

BATCH = 16

TORCH = r"""
import json, sys, time, torch, torch.nn as nn
class Block(nn.Module):
    def __init__(s, i, o, e, k, st):
        super().__init__(); m = i * e; L = []
        if e > 1: L += [nn.Conv2d(i, m, 1, bias=False), nn.BatchNorm2d(m, eps=1e-3), nn.ReLU6()]
        L += [nn.Conv2d(m, m, k, st, k // 2, groups=m, bias=False), nn.BatchNorm2d(m, eps=1e-3), nn.ReLU6(),
              nn.Conv2d(m, o, 1, bias=False), nn.BatchNorm2d(o, eps=1e-3)]
        s.f = nn.Sequential(*L); s.r = st == 1 and i == o
    def forward(s, x): return x + s.f(x) if s.r else s.f(x)
rows = [(1,16,1,3,1),(2,24,6,3,2),(2,40,6,5,2),(3,80,6,3,2),(3,112,6,5,1),(4,192,6,5,2),(1,320,6,3,1)]
layers = [nn.Conv2d(3, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32, eps=1e-3), nn.ReLU6()]; i = 32
for n, o, e, k, st in rows:
    for j in range(n): layers.append(Block(i, o, e, k, st if j == 0 else 1)); i = o
layers += [nn.Conv2d(320, 1280, 1, bias=False), nn.BatchNorm2d(1280, eps=1e-3), nn.ReLU6(), nn.AdaptiveAvgPool2d(1)]
net = nn.Sequential(*layers).eval().to(memory_format=torch.channels_last)
x = torch.rand(BATCH, 3, 224, 224).to(memory_format=torch.channels_last)
best = 9e9
with torch.inference_mode():
    for _ in range(8):
        t = time.perf_counter(); net(x); best = min(best, time.perf_counter() - t)
print(json.dumps({"rate": BATCH / best, "version": torch.__version__, "threads": torch.get_num_threads()}))
"""


def main() -> None:
    """Prints images a second of each, and the ratios."""
    import keras
    import numpy as np

    from tlzoo.backbones.load import load_backbone
    from tlzoo.features.engines import GraphEngine, choose_engine

    keras.utils.disable_interactive_logging()
    backbone = load_backbone("efficientnet_lite0")
    pixels = np.random.default_rng(0).integers(0, 256, (BATCH, *backbone.size, 3), dtype=np.uint8)
    chosen, graph = choose_engine(backbone), GraphEngine(backbone)
    rates = {
        f"tlzoo ({chosen.name})": BATCH / best_of(8, lambda: chosen(pixels)),
        "tf.function": BATCH / best_of(8, lambda: graph(pixels)),
        "Model.predict": BATCH
        / best_of(4, lambda: backbone.model.predict(pixels.astype(np.float32), batch_size=BATCH, verbose=0)),
    }
    if len(sys.argv) > 1:
        code = TORCH.replace("BATCH", str(BATCH))
        said = subprocess.run([sys.argv[1], "-c", code], check=True, capture_output=True, text=True).stdout
        facts = json.loads(said.splitlines()[-1])
        rates[f"PyTorch {facts['version']} eager, channels-last, {facts['threads']} threads"] = facts["rate"]
    ours = next(iter(rates.values()))
    for name, rate in rates.items():
        print(f"{name:58s} {rate:7.1f} images/s   tlzoo is {ours / rate:.2f}x")
    finish(**rates)


if __name__ == "__main__":
    main()
