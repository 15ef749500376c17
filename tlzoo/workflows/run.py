"""A run in Python: what was trained, how good it is, and where it goes next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tlzoo.errors import DataError, UsageError
from tlzoo.metrics import multilabel, regression
from tlzoo.metrics.calibration import softmax
from tlzoo.metrics.classification import Scores, score

if TYPE_CHECKING:
    import keras

    from tlzoo.backbones.backbone import Backbone
    from tlzoo.data.dataset import Dataset
    from tlzoo.export.ood import OodScore
    from tlzoo.export.predictor import Predictor
    from tlzoo.plans import TaskName
    from tlzoo.predictions import Prediction
    from tlzoo.training.context import Context
    from tlzoo.workflows.answers import Features
    from tlzoo.workflows.heat_maps import Explained

OodMethod = Literal["auto", "mahalanobis", "energy", "none"]

EXPORTED = {
    "classification": ("accuracy", "balanced_accuracy", "macro_f1", "ece"),
    "multilabel": ("macro_f1", "micro_f1", "mean_average_precision", "subset_accuracy"),
    "regression": ("rmse", "mae", "r2", "spearman"),
}
"""Scores of the test split that travel into a bundle."""


class Run:
    """A finished run.

    Args:
        path: Its folder.

    Raises:
        RunError: It is no run folder, or the run is not finished.

    Example:
        >>> run = Run("runs/first")  # doctest: +SKIP
        >>> run.evaluate().accuracy  # doctest: +SKIP
        0.87
    """

    def __init__(
        self,
        path: str | Path,
        *,
        trained: tuple[Context, Any] | None = None,
        metrics: Mapping[str, Any] | None = None,
    ) -> None:
        from tlzoo.training.rundir import RunDir

        self.folder = RunDir.open(Path(path))
        self._ood: dict[OodMethod, OodScore] = {}
        # A run that was trained a moment ago is asked before its folder is complete.
        self.metrics: Mapping[str, Any] = self.folder.metrics if metrics is None else metrics
        if trained is not None:
            # Straight after training, context and model are at hand; the model holds the context's backbone.
            self.__dict__["context"], self.__dict__["model"] = trained

    @classmethod
    def with_data(cls, path: str | Path, data: Any) -> Run:
        """Opens a run whose data was given in memory, with that data.

        Raises:
            RunError: The data is not what the run was trained on.
        """
        from tlzoo.data.dataset import Dataset
        from tlzoo.data.load import load
        from tlzoo.workflows.inputs import check_fingerprint, make_context

        run = cls(path)
        options = run.folder.config["data"]["options"]
        dataset = data if isinstance(data, Dataset) else load(data, **options)
        check_fingerprint(run.folder.config, dataset)
        run.__dict__["context"] = make_context(run.folder, dataset)
        return run

    def __repr__(self) -> str:
        metric = {"regression": "rmse", "multilabel": "macro_f1"}.get(self.task, "accuracy")
        return f"Run('{self.path}', test {metric} {self.metrics['test'][metric]:.4f})"

    @property
    def path(self) -> Path:
        """The run folder."""
        return self.folder.path

    @property
    def report(self) -> Path:
        """The report, one self-contained HTML file."""
        return self.path / "report.html"

    @property
    def class_names(self) -> tuple[str, ...]:
        """Class names in label order."""
        return self.folder.labels

    @property
    def task(self) -> TaskName:
        """What was learned: `classification`, `multilabel` or `regression`."""
        return self.folder.plan.task

    @property
    def temperature(self) -> float:
        """What logits are divided by before they become probabilities, fitted on the validation split."""
        return float(self.metrics.get("temperature", 1.0))

    @property
    def thresholds(self) -> tuple[float, ...]:
        """Probability from which on each label is predicted; empty where not several labels are."""
        return tuple(self.metrics.get("thresholds", ()))

    @property
    def band(self) -> float | None:
        """Half the width of the band that holds 90% of the right numbers; None where no numbers are predicted."""
        return self.metrics["band"]["radius"] if "band" in self.metrics else None

    @property
    def dataset(self) -> Dataset:
        """The data the run was trained on, loaded again and checked against the run's fingerprint."""
        return self.context.dataset

    @cached_property
    def model(self) -> keras.Model:
        """An ordinary Keras model: float32 pixels (b, h, w, 3) in 0..255, or tokens (b, t), to logits (b, c).

        Where a number is predicted, it gives the number (b, 1), in the unit of the labels.
        """
        from tlzoo.training.runner import load_model

        return load_model(self.folder, self._begun_with)

    @cached_property
    def backbone(self) -> Backbone:
        """The backbone inside `model`, with the weights training left it."""
        _ = self.model
        return self._begun_with

    @cached_property
    def _begun_with(self) -> Backbone:
        """The one backbone of model and context, with whatever weights it has by now."""
        from tlzoo.workflows.inputs import backbone_of

        context: Context | None = self.__dict__.get("context")
        return backbone_of(self.folder) if context is None else context.backbone

    def predict(self, items: Any, *, ood: OodMethod = "auto") -> list[Prediction]:
        """Answers for any items, as the exported bundle would; see `tlzoo.workflows.answers.predict`.

        Args:
            items: Paths, folders, encoded bytes, arrays, Pillow images; or texts.
            ood: How `ood_score` is computed; as for `export`.
        """
        from tlzoo.workflows.answers import predict

        return predict(self, items, self.ood(ood))

    def ood(self, method: OodMethod = "auto", progress: Any = None) -> OodScore | None:
        """Returns what tells foreign inputs, with its `threshold`; None where nothing does.

        Args:
            method: As for `export`; `mahalanobis` is fitted on the training split and kept in the run folder.
            progress: Told how far that is.

        Raises:
            RunError: It is to be fitted, and the data the run was trained on is gone or has changed.
        """
        from tlzoo.workflows.foreign import ood_score

        if method not in self._ood:
            found = ood_score(self, method, progress)
            if found is None:  # not kept: `tlzoo trust` may leave a detector any time
                return None
            self._ood[method] = found
        return self._ood[method]

    @cached_property
    def features(self) -> Features:
        """What computes features float32 (n, d) of pixels uint8 (h, w, 3), or texts, under the run's own weights."""
        from tlzoo.workflows.answers import feature_function

        return feature_function(self)

    def samples(self, count: int = 4) -> tuple[bytes, ...]:
        """Returns a few encoded images, or texts, of the validation split."""
        from tlzoo.workflows.inputs import samples

        return samples(self.folder, self.dataset, count)

    def evaluate(self, data: Any = None, **options: Any) -> Any:
        """Scores the run.

        Args:
            data: Anything `tlzoo.load` takes; its classes must be among the run's. By default the test split
                the run held back, whose scores are already known.
            **options: How `data` is read; see `tlzoo.data.load.load`.

        Returns:
            `Scores`, `MultilabelScores` or `RegressionScores`, by task.

        Raises:
            DataError: `data` has a class the run has never seen.
            UsageError: There are options and no `data`, or `data` is of the other modality.
        """
        if data is None and options:
            raise UsageError(
                f"{', '.join(sorted(options))} for the test split the run held back.",
                allowed="options for other data.",
                do="Name the data, or leave the options out.",
            )
        if data is None:
            return self._kind.from_dict(self.metrics["test"])
        from tlzoo.data.dataset import Dataset
        from tlzoo.data.load import load

        dataset = data if isinstance(data, Dataset) else load(data, to_learn=False, task=self.task, **options)
        self._refuse_other(dataset)
        if self.task == "regression":
            return regression.score_values(dataset.labels, self.probabilities(dataset)[:, 0])
        place = self._places(dataset)
        probabilities = self.probabilities(dataset)
        if self.task == "classification":
            return score(place[dataset.labels], probabilities, self.class_names)
        labels = np.zeros_like(probabilities, np.int64)
        labels[:, place] = dataset.labels
        return multilabel.score_sets(labels, probabilities, self.thresholds, self.class_names)

    def _refuse_other(self, dataset: Dataset) -> None:
        if dataset.modality != (takes := self.folder.card.modality):
            raise UsageError(
                f"'{dataset.name}' holds {dataset.modality}s, and the run was trained on {takes}s.",
                allowed=f"labelled {takes}s.",
                do="Name other data, or another run.",
            )
        if dataset.task != self.task:
            raise UsageError(
                f"data of {dataset.task} for a run of {self.task}.",
                allowed=f"data loaded with task='{self.task}'.",
                do="Load it again.",
            )

    @property
    def _kind(self) -> Any:
        kinds = {"regression": regression.RegressionScores, "multilabel": multilabel.MultilabelScores}
        return kinds.get(self.task, Scores)

    def _places(self, dataset: Dataset) -> np.ndarray:
        """Returns where each class of a data set stands among the run's, int (k,)."""
        unknown = sorted(set(dataset.class_names) - set(self.class_names))
        if unknown:
            raise DataError(
                f"{len(unknown)} classes were never trained: {', '.join(unknown[:5])}.",
                allowed=f"{', '.join(self.class_names[:20])}.",
                do="Rename these labels, or train a run that knows them.",
            )
        return np.array([self.class_names.index(name) for name in dataset.class_names], np.int64)

    def probabilities(self, dataset: Dataset) -> np.ndarray:
        """Returns calibrated probabilities (n, c) of every item of a data set; for regression, numbers (n, 1)."""
        kernel, bias = (np.asarray(weight) for weight in self.model.get_layer("head").weights)
        logits = self._features(dataset) @ kernel + bias
        if self.task == "regression":
            return np.asarray(logits, np.float64)
        return (multilabel.sigmoid if self.task == "multilabel" else softmax)(logits, self.temperature)

    def _features(self, dataset: Dataset) -> np.ndarray:
        if dataset.modality == "text":
            from tlzoo.features.text_extract import features_of
            from tlzoo.features.tokens import open_texts

            texts = open_texts(self.backbone.encoder, dataset.items)  # type: ignore[arg-type]
            return features_of(self.backbone, texts, np.arange(len(dataset)))
        from tlzoo.data.stream import stream_pixels
        from tlzoo.features.engines import GraphEngine

        plan, engine = self.folder.plan, GraphEngine(self.backbone)
        stream = stream_pixels(dataset, np.arange(len(dataset)), plan.size, plan.resize, engine.batch_size)
        return np.concatenate([engine(pixels) for pixels, _ in stream])

    def export(self, directory: str | Path, *, ood: OodMethod = "auto", progress: Any = None) -> Predictor:
        """Exports the run as the next version of a bundle.

        Args:
            directory: The bundle's folder; `directory/<version>/` appears whole.
            ood: How the output `ood_score` is computed: `mahalanobis` of features, `energy` of logits (classifiers),
                or `none`; `auto` takes the detector that `tlzoo trust` left in the run folder, if it did.
            progress: Called with the name of each step.

        Returns:
            The bundle, loaded: `.predict([...])`.

        Raises:
            ParityError: The bundle does not answer as the model in memory does; nothing appears.
        """
        from tlzoo.export.predictor import Predictor
        from tlzoo.export.saved_model import export_saved_model
        from tlzoo.features.engines import network_file

        exportable = self.exportable(Path(directory).name, ood)
        version = export_saved_model(
            exportable, Path(directory), network=lambda: network_file(self.backbone), progress=progress
        )
        return Predictor.load(version)

    def explain(self, items: Any, labels: Sequence[str] | None = None) -> list[Explained]:
        """Returns where in pictures the evidence for a class lies; see `tlzoo.workflows.heat_maps.explain`."""
        from tlzoo.workflows.heat_maps import explain

        return explain(self, items, labels)

    def export_litert(self, directory: str | Path, kind: str = "float32") -> Any:
        """Exports the run as a LiteRT file, measured on the test split.

        Args:
            directory: Where `model_<kind>.tflite` goes.
            kind: `float32`, `float16` or `int8` (calibrated on training images).

        Returns:
            Its size, its accuracy, and how that differs from the model in memory.
        """
        from tlzoo.workflows.litert import export_run_litert

        return export_run_litert(self, Path(directory), kind)

    @cached_property
    def context(self) -> Context:
        """Backbone, data, splits and task of the run, as training had them."""
        from tlzoo.workflows.inputs import make_context

        return make_context(self.folder, backbone=self._begun_with)

    def exportable(self, name: str, ood: OodMethod = "none") -> Any:
        """Returns what an export needs.

        Args:
            name: What the bundle is called.
            ood: As for `export`.
        """
        from tlzoo.export.exportable import Exportable
        from tlzoo.workflows.foreign import conformal_facts
        from tlzoo.workflows.inputs import front_of, samples

        config, plan = self.folder.config, self.folder.plan
        facts = {
            "run": str(self.path.resolve()),
            "recipe": plan.recipe,
            "data_fingerprint": config["data"]["fingerprint"],
            "weights_hash": config["weights_hash"],
            "metrics": {key: self.metrics["test"][key] for key in EXPORTED[self.task]},
            **({"transductive": True} if plan.transductive else {}),
        }
        return Exportable(
            model=self.model,
            features=self.backbone.model,
            class_names=self.class_names,
            temperature=self.temperature,
            thresholds=self.thresholds,
            band=self.band,
            task=self.task,
            front=front_of(self.backbone, plan),
            name=name,
            card=self.folder.card,
            facts=facts,
            samples=samples(self.folder, self.dataset),
            head=self.model.get_layer("head"),
            resources=self.backbone.resources,
            ood=self.ood(ood),
            conformal=conformal_facts(self),
        )
