"""A run in Python: what was trained, how good it is, and where it goes next."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tlzoo.errors import DataError
from tlzoo.metrics.calibration import softmax
from tlzoo.metrics.classification import Scores, score

if TYPE_CHECKING:
    import keras

    from tlzoo.backbones.backbone import Backbone
    from tlzoo.data.dataset import Dataset
    from tlzoo.export.predictor import Predictor
    from tlzoo.training.context import Context


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

    def __init__(self, path: str | Path, *, trained: tuple[Context, Any] | None = None) -> None:
        from tlzoo.training.rundir import RunDir

        self.folder = RunDir.open(Path(path))
        self.metrics: Mapping[str, Any] = self.folder.metrics
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
        dataset = data if isinstance(data, Dataset) else load(data)
        check_fingerprint(run.folder.config, dataset)
        run.__dict__["context"] = make_context(run.folder, dataset)
        return run

    def __repr__(self) -> str:
        return f"Run('{self.path}', test accuracy {self.metrics['test']['accuracy']:.4f})"

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
    def temperature(self) -> float:
        """What logits are divided by before the softmax, fitted on the validation split."""
        return float(self.metrics["temperature"])

    @property
    def dataset(self) -> Dataset:
        """The data the run was trained on, loaded again and checked against the run's fingerprint."""
        return self.context.dataset

    @cached_property
    def model(self) -> keras.Model:
        """An ordinary Keras model: float32 pixels (b, h, w, 3) in 0..255 to logits (b, c)."""
        from tlzoo.training.runner import load_model

        return load_model(self.context)

    @cached_property
    def backbone(self) -> Backbone:
        """The backbone inside `model`, with the weights training left it."""
        _ = self.model
        return self.context.backbone

    def evaluate(self, data: Any = None) -> Scores:
        """Scores the run.

        Args:
            data: Anything `tlzoo.load` takes; its classes must be among the run's. By default the test split
                the run held back, whose scores are already known.

        Raises:
            DataError: `data` has a class the run has never seen.
        """
        if data is None:
            return Scores.from_dict(self.metrics["test"])
        from tlzoo.data.dataset import Dataset
        from tlzoo.data.load import load

        dataset = data if isinstance(data, Dataset) else load(data, to_learn=False)
        unknown = sorted(set(dataset.class_names) - set(self.class_names))
        if unknown:
            raise DataError(
                f"{len(unknown)} classes were never trained: {', '.join(unknown[:5])}.",
                allowed=f"{', '.join(self.class_names[:20])}.",
                do="Rename these labels, or train a run that knows them.",
            )
        place = np.array([self.class_names.index(name) for name in dataset.class_names])
        return score(place[dataset.labels], self.probabilities(dataset), self.class_names)

    def probabilities(self, dataset: Dataset) -> np.ndarray:
        """Returns calibrated probabilities (n, c) of every item of a data set."""
        from tlzoo.data.stream import stream_pixels
        from tlzoo.features.engines import GraphEngine

        plan = self.folder.plan
        kernel, bias = (np.asarray(weight) for weight in self.model.get_layer("head").weights)
        engine = GraphEngine(self.backbone)
        stream = stream_pixels(dataset, np.arange(len(dataset)), plan.size, plan.resize, engine.batch_size)
        logits = [engine(pixels) @ kernel + bias for pixels, _ in stream]
        return softmax(np.concatenate(logits), self.temperature)

    def export(self, directory: str | Path, *, progress: Any = None) -> Predictor:
        """Exports the run as the next version of a bundle.

        Args:
            directory: The bundle's folder; `directory/<version>/` appears whole.
            progress: Called with the name of each step.

        Returns:
            The bundle, loaded: `.predict([...])`.

        Raises:
            ParityError: The bundle does not answer as the model in memory does; nothing appears.
        """
        from tlzoo.export.predictor import Predictor
        from tlzoo.export.saved_model import export_saved_model

        version = export_saved_model(
            self.exportable(Path(directory).name), Path(directory), progress=progress
        )
        return Predictor.load(version)

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

        return make_context(self.folder)

    def exportable(self, name: str) -> Any:
        """Returns what an export needs.

        Args:
            name: What the bundle is called.
        """
        from tlzoo.export.exportable import Exportable
        from tlzoo.workflows.inputs import samples

        config, plan = self.folder.config, self.folder.plan
        facts = {
            "run": str(self.path.resolve()),
            "recipe": plan.recipe,
            "data_fingerprint": config["data"]["fingerprint"],
            "weights_hash": config["weights_hash"],
            "metrics": {
                key: self.metrics["test"][key] for key in ("accuracy", "balanced_accuracy", "macro_f1", "ece")
            },
        }
        return Exportable(
            model=self.model,
            features=self.backbone.model,
            class_names=self.class_names,
            temperature=self.temperature,
            size=plan.size,
            resize=plan.resize,
            name=name,
            card=self.folder.card,
            facts=facts,
            samples=samples(self.folder, self.dataset),
            head=self.model.get_layer("head"),
        )
