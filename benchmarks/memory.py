"""Peak memory of `feature_extraction` on 1,000 and on 10,000 generated images, each in its own process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from common import finish

CHILD = """
import json, resource, sys
import tlzoo
run = tlzoo.train(sys.argv[1], recipe=sys.argv[3], out=sys.argv[2], size=(96, 96), **json.loads(sys.argv[4]))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"peak_mb": peak, "seconds": run.metrics["seconds"]}))
"""


def generate(folder: Path, count: int) -> None:
    """Writes JPEG pictures of two classes: noise that is warm, or cold."""
    import numpy as np
    from PIL import Image

    random = np.random.default_rng(0)
    for number in range(count):
        label = "warm" if number % 2 else "cold"
        (folder / label).mkdir(parents=True, exist_ok=True)
        pixels = random.integers(0, 200, (12, 12, 3), dtype=np.uint8)
        pixels[..., 0 if label == "warm" else 2] += 40
        Image.fromarray(pixels).resize((128, 128)).save(folder / label / f"{number:06d}.jpg")


def main() -> None:
    """Prints both peaks and their ratio."""
    recipe = sys.argv[1] if len(sys.argv) > 1 else "feature_extraction"
    options = {} if recipe == "feature_extraction" else {"epochs": 1}
    peaks = {}
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["TLZOO_CACHE"] = os.environ.get("TLZOO_CACHE", str(Path.home() / ".cache" / "tlzoo"))
        for count in (1_000, 10_000):
            data = Path(scratch) / f"data{count}"
            generate(data, count)
            words = [
                sys.executable,
                "-c",
                CHILD,
                str(data),
                f"{scratch}/run{count}",
                recipe,
                json.dumps(options),
            ]
            said = subprocess.run(words, check=True, capture_output=True, text=True).stdout
            facts = json.loads(said.splitlines()[-1])
            peaks[count] = facts["peak_mb"]
            print(f"{count:6d} images: peak {facts['peak_mb']:.0f} MiB, {facts['seconds']:.1f} s", flush=True)
    ratio = peaks[10_000] / peaks[1_000]
    print(f"ten times the images need {ratio:.3f}x the memory")
    finish(recipe=recipe, small_mb=peaks[1_000], large_mb=peaks[10_000], ratio=ratio)


if __name__ == "__main__":
    main()
