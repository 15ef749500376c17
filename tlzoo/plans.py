"""Plans: frozen values that say exactly what a run will do, before TensorFlow is imported."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Resize = Literal["stretch", "crop", "pad"]
LongText = Literal["head", "head_tail", "chunks"]
TaskName = Literal["classification", "multilabel", "regression"]
Rate = Annotated[float, Field(ge=0, le=100)]
Share = Annotated[float, Field(ge=0, le=1)]

_LATER = ("keep", "milestones", "penalty", "batch_share", "co_tuning", "soup", "lora", "pseudo")
"""Fields of `Phase` that came later: where they say nothing, digests are as they were before."""

_RUNNING = ("penalty", "co_tuning", "soup", "lora", "pseudo")
"""Fields of phases that run the backbone on labelled examples."""


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


class Penalty(_Frozen):
    """What training loss pays for leaving the pretrained network; validation loss never does.

    Attributes:
        kind: `l2_sp`: half the squared distance of the trained stages' weights from their pretrained values (Li et al.,
            ICML 2018). `delta`: half the squared distance of the trained stages' feature maps from those of the
            pretrained network (Li et al., ICLR 2019), averaged over positions and examples. `bss`: the squared
            smallest singular values of a batch's features (Chen et al., NeurIPS 2019).
        strength: What it is multiplied with.
        head: What half the squared norm of the head is multiplied with.
        smallest: How many singular values `bss` takes.
    """

    kind: Literal["l2_sp", "delta", "bss"]
    strength: float = Field(gt=0)
    head: float = Field(default=0.0, ge=0)
    smallest: int = Field(default=1, gt=0)


class Lora(_Frozen):
    """Low-rank changes that train in place of kernels and are merged into them when the phase ends.

    Attributes:
        rank: Of each change.
        alpha: Changes are multiplied with alpha / rank.
        targets: Globs over names and paths of layers; empty takes the query and value projections of attention where
            the stages have some, else every dense layer and every convolution that is not depthwise.
    """

    rank: int = Field(gt=0)
    alpha: float = Field(gt=0)
    targets: tuple[str, ...] = ()


class Pseudo(_Frozen):
    """Examples of the test split, without their labels, that train with the labels the model gives them.

    They are chosen once, by the model as it is when the phase begins.

    Attributes:
        confidence: Least probability, calibrated on the validation split, of those that train.
        weight: What each of them weighs beside an example whose label is known.
    """

    confidence: float = Field(ge=0, le=1)
    weight: float = Field(default=1.0, gt=0)


class Phase(_Frozen):
    """One stretch of training with one set of trainable stages and one schedule.

    Attributes:
        name: What logs and TensorBoard call it.
        inputs: `features` (cached, the backbone does not run), `pixels`, `tokens`, or `pairs` of either.
        trains: Stages that train, stem first; `head` is the classifier.
        rates: Peak learning rate of each of them.
        epochs: Passes over the training split.
        steps: Steps of an epoch, for `pairs`, which are drawn; 0 where an epoch is a pass.
        batch_size: Examples a step.
        optimizer: `adamw` or `sgd` (momentum 0.9, Nesterov off).
        schedule: Shape of the rate after warm-up: half a `cosine`, `constant`, `one_cycle`, a `slanted` triangle, or
            a tenth of the rate from each of the `milestones` on.
        warmup: Share of all steps over which the rate rises linearly from 0 (`slanted`: from a 32nd).
        milestones: Shares of all steps at which the rate falls to a tenth, ascending; with that schedule only.
        weight_decay: Decoupled decay of kernels (never of biases or normalisation).
        l2: Penalties on the head tried side by side; the best on validation is kept. `features` phases only.
        label_smoothing: Share of each label spread over all classes.
        dropout: Share of features dropped before the head while training.
        clip_norm: Largest global norm of the gradient; 0 leaves it alone.
        augment: Random changes to images; for `features` phases they apply to the cached views.
        views: Augmented copies of each training image that are cached beside the plain one.
        batchnorm: `frozen` keeps every moving statistic; `train` lets trained stages update theirs, so fast from random
            weights that they arrive within the phase; `stochastic` too, and each channel is normalised by the batch's
            statistics or by the moving ones, by chance.
        patience: Epochs without a better validation loss before the phase stops; 0 never stops early.
        keep: Whose weights are kept: of the epoch with the `best` validation loss, or of the `last` one.
        penalty: What the loss pays for leaving the pretrained network.
        batch_share: Chance that a channel is normalised by the batch's statistics, where `batchnorm` is `stochastic`.
        co_tuning: What the loss of the classifier of the pretraining data is multiplied with; 0 leaves it out.
        soup: How many of the best epochs may be averaged; 0 averages none.
        lora: Low-rank changes that train in place of kernels.
        pseudo: Examples of the test split that train too, with labels the model gives them; never with their own.
    """

    name: str
    inputs: Literal["features", "pixels", "tokens", "pairs"]
    trains: tuple[str, ...] = Field(min_length=1)
    rates: dict[str, Rate]
    epochs: int = Field(gt=0)
    steps: int = Field(default=0, ge=0)
    batch_size: int = Field(gt=0)
    optimizer: Literal["adamw", "sgd"] = "adamw"
    schedule: Literal["cosine", "constant", "one_cycle", "slanted", "milestones"] = "cosine"
    warmup: float = Field(default=0.1, ge=0, lt=1)
    weight_decay: float = Field(default=0.0, ge=0)
    l2: tuple[float, ...] = ()
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    clip_norm: float = Field(default=0.0, ge=0)
    augment: Augment = Augment(flip="none")
    views: int = Field(default=0, ge=0)
    batchnorm: Literal["frozen", "train", "stochastic"] = "frozen"
    patience: int = Field(default=0, ge=0)
    keep: Literal["best", "last"] = "best"
    milestones: tuple[Share, ...] = ()
    penalty: Penalty | None = None
    batch_share: float = Field(default=0.5, ge=0, le=1)
    co_tuning: float = Field(default=0.0, ge=0)
    soup: int = Field(default=0, ge=0)
    lora: Lora | None = None
    pseudo: Pseudo | None = None

    @model_validator(mode="after")
    def _hangs_together(self) -> Phase:
        if set(self.rates) != set(self.trains):
            raise ValueError(
                f"phase '{self.name}': rates for {sorted(self.rates)}, trains {sorted(self.trains)}"
            )
        if (self.inputs == "pairs") != (self.steps > 0):
            raise ValueError(f"phase '{self.name}': `steps` go with pairs, and only with them")
        if self.inputs == "pairs" and "head" in self.trains:
            raise ValueError(f"phase '{self.name}' runs on pairs, which have no head")
        if self.inputs == "features" and self.trains != ("head",):
            raise ValueError(f"phase '{self.name}' runs on features, so only the head can train")
        if self.keep == "last" and (self.patience or self.inputs == "features"):
            raise ValueError(f"phase '{self.name}': keep='last' goes with no patience, and not with features")
        if self.inputs != "features" and (self.l2 or self.views):
            raise ValueError(
                f"phase '{self.name}' runs on {self.inputs}; `l2` and `views` belong to cached features"
            )
        if (wrong := [name for name in _RUNNING if getattr(self, name)]) and self.inputs not in (
            "pixels",
            "tokens",
        ):
            raise ValueError(f"phase '{self.name}' runs on {self.inputs}, for which {wrong[0]} means nothing")
        if self.lora and (self.batchnorm != "frozen" or self.penalty):
            raise ValueError(f"phase '{self.name}': with lora nothing else moves, and nothing else is held")
        if self.soup and self.keep == "last":
            raise ValueError(
                f"phase '{self.name}': a soup is of the best epochs, so keep='last' means nothing"
            )
        if (self.schedule == "milestones") != bool(self.milestones):
            raise ValueError(f"phase '{self.name}': `milestones` go with the schedule of that name")
        return self

    @property
    def unsaid(self) -> set[str]:
        """Names of later fields that are at their default."""
        return {name for name in _LATER if getattr(self, name) == type(self).model_fields[name].default}


class Plan(_Frozen):
    """Everything a run will do.

    Attributes:
        recipe: The recipe that wrote it.
        backbone: Name of the card.
        task: What is learned: one label of several, any of several, or a number.
        pretrained: False for random weights.
        size: Height and width of the images, in pixels; (0, 0) for texts.
        resize: `stretch` to the size, `crop` the centre, or `pad` with black.
        length: Longest text in tokens, those that mark its ends included; 0 for images and for strings.
        long_text: What becomes of longer ones: their `head` is kept, or `head_tail` (a quarter of the room for the
            beginning, the rest for the end), or all of it in `chunks` whose features are averaged.
        phases: In order.
        class_weights: `none`, `balanced` (inverse frequency) or `sqrt` (its square root).
        precision: `float32` or `mixed_float16` / `mixed_bfloat16` where the device gains.
        seed: Of everything random.
    """

    recipe: str
    backbone: str
    task: TaskName = "classification"
    pretrained: bool = True
    size: tuple[int, int] = (0, 0)
    resize: Resize = "stretch"
    length: int = Field(default=0, ge=0)
    long_text: LongText = "head"
    phases: tuple[Phase, ...] = Field(min_length=1)
    class_weights: Literal["none", "balanced", "sqrt"] = "none"
    precision: Literal["float32", "mixed_float16", "mixed_bfloat16"] = "float32"
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _phases_differ(self) -> Plan:
        names = [phase.name for phase in self.phases]
        if len(set(names)) != len(names):
            raise ValueError(f"phase names repeat: {names}")
        if self.phases[0].pseudo:
            raise ValueError(f"phase '{names[0]}' is the first, and nothing before it could label examples")
        strays = [
            phase.penalty.kind for phase in self.phases if phase.penalty and phase.penalty.kind != "bss"
        ]
        if strays and not self.pretrained:
            raise ValueError(f"penalty {strays[0]} without pretrained weights, from which nothing can stray")
        return self

    @property
    def digest(self) -> str:
        """First 12 hexadecimal digits of the SHA-256 of the plan's JSON."""
        # Plans of classifiers keep the digest they had before there were other tasks.
        unsaid: dict[str, Any] = {"task": True} if self.task == "classification" else {}
        # Where one phase keeps the last epoch, every phase says which it keeps, as when that field was the newest.
        said = set() if all(phase.keep == "best" for phase in self.phases) else {"keep"}
        unsaid["phases"] = {at: phase.unsaid - said for at, phase in enumerate(self.phases)}
        return hashlib.sha256(self.model_dump_json(exclude=unsaid).encode()).hexdigest()[:12]

    @property
    def transductive(self) -> bool:
        """Whether training looks at examples of the test split, though not at their labels."""
        return any(phase.pseudo for phase in self.phases)

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
