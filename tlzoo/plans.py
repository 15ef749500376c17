"""Plans: frozen values that say exactly what a run will do, before TensorFlow is imported."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Resize = Literal["stretch", "crop", "pad"]
Rate = Annotated[float, Field(ge=0, le=100)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Augment(_Frozen):
    """Random changes to training images that do not change their label.

    Attributes:
        flip: Mirror left to right, or also top to bottom.
        quarter_turns: Turn by 0, 90, 180 or 270 degrees (square inputs only).
        crop: Smallest share of the area a random crop keeps; 1 crops nothing.
        brightness: Largest shift, as a share of the full range.
        contrast: Largest relative change of contrast.
        mixup: Alpha of the Beta distribution that blends pairs of images and labels; 0 blends nothing.
    """

    flip: Literal["none", "horizontal", "both"] = "horizontal"
    quarter_turns: bool = False
    crop: float = Field(default=1.0, gt=0, le=1)
    brightness: float = Field(default=0.0, ge=0, lt=1)
    contrast: float = Field(default=0.0, ge=0, lt=1)
    mixup: float = Field(default=0.0, ge=0, le=1)

    @property
    def active(self) -> bool:
        """True if any change can happen."""
        return self != Augment(flip="none")


class Phase(_Frozen):
    """One stretch of training with one set of trainable stages and one schedule.

    Attributes:
        name: What logs and TensorBoard call it.
        inputs: `features` (cached, the backbone does not run) or `pixels`.
        trains: Stages that train, stem first; `head` is the classifier.
        rates: Peak learning rate of each of them.
        epochs: Passes over the training split.
        batch_size: Examples a step.
        optimizer: `adamw` or `sgd` (momentum 0.9, Nesterov off).
        schedule: Shape of the rate after warm-up.
        warmup: Share of all steps over which the rate rises linearly from 0.
        weight_decay: Decoupled decay of kernels (never of biases or normalisation).
        l2: Penalties on the head tried side by side; the best on validation is kept. `features` phases only.
        label_smoothing: Share of each label spread over all classes.
        dropout: Share of features dropped before the head while training.
        clip_norm: Largest global norm of the gradient; 0 leaves it alone.
        augment: Random changes to images; for `features` phases they apply to the cached views.
        views: Augmented copies of each training image that are cached beside the plain one.
        batchnorm: `frozen` keeps every moving statistic; `train` lets trained stages update theirs.
        patience: Epochs without a better validation loss before the phase stops; 0 never stops early.
    """

    name: str
    inputs: Literal["features", "pixels"]
    trains: tuple[str, ...] = Field(min_length=1)
    rates: dict[str, Rate]
    epochs: int = Field(gt=0)
    batch_size: int = Field(gt=0)
    optimizer: Literal["adamw", "sgd"] = "adamw"
    schedule: Literal["cosine", "constant", "one_cycle"] = "cosine"
    warmup: float = Field(default=0.1, ge=0, lt=1)
    weight_decay: float = Field(default=0.0, ge=0)
    l2: tuple[float, ...] = ()
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    clip_norm: float = Field(default=0.0, ge=0)
    augment: Augment = Augment(flip="none")
    views: int = Field(default=0, ge=0)
    batchnorm: Literal["frozen", "train"] = "frozen"
    patience: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _hangs_together(self) -> Phase:
        if set(self.rates) != set(self.trains):
            raise ValueError(
                f"phase '{self.name}': rates for {sorted(self.rates)}, trains {sorted(self.trains)}"
            )
        if self.inputs == "features" and self.trains != ("head",):
            raise ValueError(f"phase '{self.name}' runs on features, so only the head can train")
        if self.inputs == "pixels" and (self.l2 or self.views):
            raise ValueError(
                f"phase '{self.name}' runs on pixels; `l2` and `views` belong to cached features"
            )
        return self


class Plan(_Frozen):
    """Everything a run will do.

    Attributes:
        recipe: The recipe that wrote it.
        backbone: Name of the card.
        pretrained: False for random weights.
        size: Height and width of the images, in pixels.
        resize: `stretch` to the size, `crop` the centre, or `pad` with black.
        phases: In order.
        class_weights: `none`, `balanced` (inverse frequency) or `sqrt` (its square root).
        precision: `float32` or `mixed_float16` / `mixed_bfloat16` where the device gains.
        seed: Of everything random.
    """

    recipe: str
    backbone: str
    pretrained: bool = True
    size: tuple[int, int]
    resize: Resize = "stretch"
    phases: tuple[Phase, ...] = Field(min_length=1)
    class_weights: Literal["none", "balanced", "sqrt"] = "none"
    precision: Literal["float32", "mixed_float16", "mixed_bfloat16"] = "float32"
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _phases_differ(self) -> Plan:
        names = [phase.name for phase in self.phases]
        if len(set(names)) != len(names):
            raise ValueError(f"phase names repeat: {names}")
        return self

    @property
    def digest(self) -> str:
        """First 12 hexadecimal digits of the SHA-256 of the plan's JSON."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]

    def diff(self, other: Plan) -> dict[str, tuple[Any, Any]]:
        """Returns what differs, as `{"phases.0.epochs": (mine, theirs)}`."""
        mine, theirs = _flatten(self.model_dump()), _flatten(other.model_dump())
        keys = sorted(mine.keys() | theirs.keys())
        return {key: (mine.get(key), theirs.get(key)) for key in keys if mine.get(key) != theirs.get(key)}


def _flatten(value: Any, prefix: str = "") -> dict[str, Any]:
    if isinstance(value, dict):
        pairs = [(str(key), inner) for key, inner in value.items()]
    elif isinstance(value, (list, tuple)) and value and isinstance(value[0], dict):
        pairs = [(str(index), inner) for index, inner in enumerate(value)]
    else:
        return {prefix: value}
    flat: dict[str, Any] = {}
    for key, inner in pairs:
        flat.update(_flatten(inner, f"{prefix}.{key}" if prefix else key))
    return flat
