"""Bundles that the pictures of apps are taken with: trained where they are missing, in a minute each."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODALITIES = {
    "CT": ("693_J2KI.dcm", "J2K_pixelrep_mismatch.dcm", "CT_small.dcm"),
    "MRI": ("examples_overlay.dcm", "MR_small.dcm"),
    "ultrasound": ("examples_ybr_color.dcm", "examples_rgb_color.dcm", "examples_palette.dcm"),
}
"""Files inside pydicom's package, by what they were made with."""


def bundle(name: str) -> str:
    """Returns the folder of a bundle below `models/`, trained and judged first if it is not there.

    Args:
        name: A data set's, or `modalities`.
    """
    folder, run = ROOT / "models" / name, ROOT / "runs" / f"app_{name}"
    if not folder.is_dir():
        data = str(modalities(ROOT / "runs" / "modalities")) if name == "modalities" else name
        if not (run / "metrics.json").is_file():
            _tlzoo("train", data, "--out", str(run))
        _tlzoo("trust", str(run))
        _tlzoo("export", str(run), str(folder))
    return str(folder)


def modalities(folder: Path, each: int = 60) -> Path:
    """Writes crops of CT, MRI and ultrasound pictures, a folder for each: what tells them apart is no diagnosis."""
    import numpy as np
    from PIL import Image
    from pydicom.data import get_testdata_file

    sys.path.insert(0, str(ROOT))
    from apps.medical.study import open_study

    random = np.random.default_rng(0)
    for kind, names in MODALITIES.items():
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for number in range(each):
            path = get_testdata_file(names[number % len(names)], download=False)
            study = open_study(Path(str(path)).read_bytes())
            picture = Image.fromarray(study.plane(int(random.integers(study.frames))).shown())
            share = random.uniform(0.55, 1)
            left, top = random.uniform(0, 1 - share, 2) * picture.size
            width, height = (int(share * side) for side in picture.size)
            box = (int(left), int(top), int(left) + width, int(top) + height)
            picture.crop(box).save(folder / kind / f"{number:02}.png")
    return folder


def _tlzoo(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "tlzoo", *words, "--quiet"], check=True)
