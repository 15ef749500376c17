"""Pictures to click: those that came with the model, a drawn phantom, and pydicom's own where it is installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PHANTOM = Path(__file__).with_name("examples") / "phantom.tif"
TESTED = {
    "CT slice": "CT_small.dcm",
    "MRI slice": "examples_overlay.dcm",
    "Ultrasound, 30 frames": "examples_ybr_color.dcm",
}
"""Files inside pydicom's package, which it tests itself with, by title."""


@dataclass(frozen=True)
class Offered:
    """A picture to click.

    Attributes:
        title: On its button.
        data: The file.
        ending: Of its name.
    """

    title: str
    data: bytes
    ending: str


def offered(given: Sequence[bytes]) -> list[Offered]:
    """Returns all there are.

    Args:
        given: Encoded pictures that came with the model.
    """
    found = [Offered(f"From training {number + 1}", data, ".png") for number, data in enumerate(given[:2])]
    found.append(Offered("Phantom, 16 bits", PHANTOM.read_bytes(), ".tif"))
    if importlib.util.find_spec("pydicom") is None:
        return found
    from pydicom.data import get_testdata_file

    for title, name in TESTED.items():
        path = get_testdata_file(name, download=False)
        if isinstance(path, str):
            found.append(Offered(title, Path(path).read_bytes(), ".dcm"))
    return found
