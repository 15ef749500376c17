"""The linear head on cached features, trained for a whole path of L2 penalties at once, and cross-validated.

One Dense layer holds a head per penalty, and once more for each fold of the training split, which that head never
learns from. Adam works per weight and the losses are summed, so the heads do not influence each other: one `fit()`
gives the same as one `fit()` per penalty and fold. Penalty and epoch are chosen by what the heads say of the folds
they have not seen: a validation split of sixty examples tosses coins, five hundred out-of-fold answers do not.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from tlzoo.tasks.classification import cross_entropy, judged_classes

SAMPLE = 4096
"""Training examples on which loss and accuracy are measured after each epoch."""

FOLDS = 5
"""Parts of the training split that take turns being held out."""

MOST_FOLDED = 8192
"""Training examples up to which heads are cross-validated; beyond, a validation split says as much for less."""

MOST_ANSWERS = 400_000
"""Training examples times outputs up to which heads are cross-validated: each of some fifty heads holds so much."""


@dataclass(frozen=True)
class Head:
    """A trained linear head.

    Attributes:
        kernel: float32 (d, c).
        bias: float32 (c,).
        l2: The penalty it was trained with.
        val_loss: Its loss on the validation split.
    """

    kernel: np.ndarray
    bias: np.ndarray
    l2: float
    val_loss: float

    def logits(self, features: np.ndarray) -> np.ndarray:
        """Returns float32 logits (n, c) of features (n, d)."""
        return (features @ self.kernel + self.bias).astype(np.float32)


@keras.saving.register_keras_serializable("tlzoo")
class PathPenalty(keras.regularizers.Regularizer):
    """Half the squared norm of each head's kernel, times that head's own penalty.

    Args:
        l2: The penalty of every head, in their order.
    """

    def __init__(self, l2: tuple[float, ...]) -> None:
        self.l2 = tuple(l2)

    def __call__(self, kernel: Any) -> Any:
        """Returns the penalty of a kernel (d, heads * classes)."""
        ops = keras.ops
        heads = ops.reshape(kernel, (kernel.shape[0], len(self.l2), -1))
        squares = ops.sum(ops.square(heads), axis=(0, 2))
        return 0.5 * ops.sum(squares * ops.convert_to_tensor(self.l2, dtype=kernel.dtype))

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments."""
        return {"l2": self.l2}


def path_model(
    features: np.ndarray,
    classes: int,
    l2: tuple[float, ...],
    folds: int = 0,
    floor: float = 0.0,
    start: tuple[float, ...] = (),
) -> keras.Model:
    """Returns the model from features (b, d) to logits (b, heads, classes).

    The first heads, one per penalty, learn from everything; then come those of the first fold, and so on.

    Args:
        features: Training features (n, d); they give the means and deviations of the standardisation.
        classes: How many classes there are.
        l2: Penalties.
        folds: How many folds are held out in turn; 0 for none.
        floor: As for `standardisation`.
        start: Bias every head begins with (c,); empty for zeros.
    """
    mean, deviation = standardisation(features, floor)
    penalties = tuple(l2) * (folds + 1)
    inputs = keras.Input((features.shape[1],), name="features")
    scaled = keras.layers.Rescaling(
        (1.0 / deviation).tolist(), (-mean / deviation).tolist(), name="standardise"
    )(inputs)
    heads = keras.layers.Dense(
        len(penalties) * classes,
        kernel_initializer="zeros",
        bias_initializer=keras.initializers.Constant(np.tile(start, len(penalties))) if start else "zeros",
        kernel_regularizer=PathPenalty(penalties),
        name="heads",
    )(scaled)
    return keras.Model(inputs, keras.layers.Reshape((len(penalties), classes))(heads), name="head_path")


def path_loss(targets: Any, logits: Any, each_head: Callable[[Any, Any], Any] = cross_entropy) -> Any:
    """Returns the loss of every head, summed over heads: (b,).

    Args:
        targets: (b, c), one-hot for classes, and behind it what each fold's heads weigh the example with (b, folds).
        logits: (b, heads, c).
        each_head: Gives the loss (b, heads) of logits against targets (b, 1, c).
    """
    ops = keras.ops
    classes = logits.shape[-1]
    folds = targets.shape[-1] - classes
    each = each_head(ops.expand_dims(targets[:, :classes], 1), logits)
    if not folds:
        return ops.sum(each, axis=-1)
    by_fold = ops.sum(ops.reshape(each, (-1, folds + 1, logits.shape[1] // (folds + 1))), axis=-1)
    return by_fold[:, 0] + ops.sum(by_fold[:, 1:] * targets[:, classes:], axis=-1)


class PathLoss(keras.losses.Loss):
    """`path_loss` for one task, which Keras would hand a single column of outputs without that column.

    Args:
        each_head: Gives the loss (b, heads) of logits against targets (b, 1, c).
    """

    def __init__(self, each_head: Callable[[Any, Any], Any]) -> None:
        super().__init__(name="path_loss")
        self._each_head = each_head

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns the loss of each example (b,)."""
        return path_loss(y_true, y_pred, self._each_head)


def fold_of(labels: np.ndarray, groups: Sequence[str], seed: int, *, outputs: int = 2) -> np.ndarray | None:
    """Returns the fold 0 … k-1 of every training example, int (n,); None where folds would not help or hold.

    Args:
        labels: Integers (n,): classes, or other strata.
        groups: What must not be in two folds: duplicates, or the data set's own groups.
        seed: The same seed gives the same folds.
        outputs: Of a head: with a thousand classes, six times as many heads would take gigabytes.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    folds = min(FOLDS, int(np.bincount(labels)[np.unique(labels)].min()), len(set(groups)))
    if len(labels) > MOST_FOLDED or len(labels) * outputs > MOST_ANSWERS or folds < 2:
        return None
    found = np.zeros(len(labels), np.int64)
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", UserWarning
        )  # a class with fewer groups than folds: then folds differ
        for fold, (_, held_out) in enumerate(splitter.split(labels, labels, np.asarray(groups))):
            found[held_out] = fold
    return found


def with_fold_weights(targets: np.ndarray, fold: np.ndarray | None) -> np.ndarray:
    """Returns targets float32 (n, c) with the weight of each example for each fold's heads behind them.

    Examples of the held-out fold weigh nothing; the others a little more, so that a penalty means the same for all.
    """
    if fold is None:
        return targets
    seen = fold[:, None] != np.arange(fold.max() + 1)
    return np.concatenate([targets, seen / seen.mean(axis=0)], axis=1).astype(np.float32)


def standardisation(features: np.ndarray, floor: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Returns means and deviations (d,); a feature that never varies gets deviation 1.

    Args:
        features: (n, d).
        floor: Least deviation, as a share of the median one.
    """
    mean = features.mean(axis=0, dtype=np.float64)
    squares = np.zeros_like(mean)
    for at in range(0, len(features), SAMPLE):  # in parts: a whole float64 copy would double the memory
        squares += np.square(features[at : at + SAMPLE] - mean).sum(axis=0)
    deviation = np.sqrt(squares / len(features))
    least = floor * float(np.median(deviation))
    deviation = np.maximum(np.where(deviation < 1e-6, 1.0, deviation), least)
    return mean.astype(np.float32), deviation.astype(np.float32)


@dataclass(frozen=True)
class Known:
    """Features with their labels.

    Attributes:
        features: float32 (n, d).
        labels: Integers (n,), or what else the task has.
        fold: Which fold each example is in, int (n,); None without folds.
    """

    features: np.ndarray
    labels: np.ndarray
    fold: np.ndarray | None = None

    def some(self) -> Known:
        """Returns up to `SAMPLE` of the examples, the same ones every time; all of them where there are folds."""
        if self.fold is not None:
            return self
        chosen = np.sort(np.random.default_rng(0).permutation(len(self.labels))[:SAMPLE])
        return Known(np.asarray(self.features[chosen]), self.labels[chosen])


class BestOfPath(keras.callbacks.Callback):
    """Keeps the best head over penalties and epochs: by held-out folds where there are some, else by validation.

    It writes loss and accuracy (or what else the task shows) of the currently best head into the epoch's logs, so that
    callbacks after it show those.

    Args:
        l2: The penalties.
        train: The training split, with its folds.
        validation: The validation split.
        standard: Means and deviations folded into the kept head.
        patience: Epochs without gain before training stops; 0 never stops.
        judged: Gives loss and what is shown, (n, heads) each, of outputs (n, heads, c) and labels.
        shown: What that is called.
    """

    def __init__(
        self,
        l2: tuple[float, ...],
        train: Known,
        validation: Known,
        standard: tuple[np.ndarray, np.ndarray],
        patience: int = 0,
        judged: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]] = judged_classes,
        shown: str = "accuracy",
    ) -> None:
        super().__init__()
        self._judge, self._shown = judged, shown
        self._l2, self._validation, self._standard, self._patience = l2, validation, standard, patience
        self._train = train.some()

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Forgets earlier trainings."""
        self.best: Head | None = None
        self._least = np.inf
        self._waited = 0

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Measures every head, keeps the best, stops when nothing improves."""
        kernel, bias = self._unstandardised()
        losses, accuracies = self._measured(self._validation, kernel, bias)
        train_losses, train_accuracies, held_out = self._trained(kernel, bias)
        judged = losses if held_out is None else held_out
        at = int(np.argmin(judged))
        self._waited += 1
        if self.best is None or judged[at] < self._least:
            self._least, self._waited = float(judged[at]), 0
            self.best = self._picked(at, kernel, bias, float(losses[at]))
        if logs is not None:
            logs["loss"], logs[self._shown] = float(train_losses[at]), float(train_accuracies[at])
            logs["val_loss"], logs[f"val_{self._shown}"] = float(losses[at]), float(accuracies[at])
            logs["l2"] = self._l2[at]
            if held_out is not None:
                logs["cv_loss"] = float(held_out[at])
        if self._patience and self._waited >= self._patience:
            self.model.stop_training = True

    def _measured(self, known: Known, kernel: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns loss and accuracy, by penalty, of the heads that learn from everything."""
        columns = len(self._l2) * (kernel.shape[1] // self._heads(kernel))
        each, right = self._judged(known, kernel[:, :columns], bias[:columns], len(self._l2))
        return each.mean(axis=0), right.mean(axis=0)

    def _trained(
        self, kernel: np.ndarray, bias: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Returns training loss and accuracy by penalty, and the loss on held-out folds, if there are any."""
        known, penalties = self._train, len(self._l2)
        if known.fold is None:
            return *self._measured(known, kernel, bias), None
        each, right = self._judged(known, kernel, bias, self._heads(kernel))
        own = (known.fold[:, None] + 1) * penalties + np.arange(penalties)
        held_out = np.take_along_axis(each, own, axis=1).mean(axis=0)
        return each[:, :penalties].mean(axis=0), right[:, :penalties].mean(axis=0), held_out

    def _judged(
        self, known: Known, kernel: np.ndarray, bias: np.ndarray, heads: int
    ) -> tuple[np.ndarray, np.ndarray]:
        outputs = known.features @ kernel + bias
        return self._judge(outputs.reshape(len(outputs), heads, -1), known.labels)

    def _heads(self, kernel: np.ndarray) -> int:
        folds = 0 if self._train.fold is None else int(self._train.fold.max()) + 1
        return len(self._l2) * (folds + 1)

    def _picked(self, at: int, kernel: np.ndarray, bias: np.ndarray, val_loss: float) -> Head:
        classes = len(bias) // self._heads(kernel)
        columns = slice(at * classes, (at + 1) * classes)
        return Head(kernel[:, columns].copy(), bias[columns].copy(), self._l2[at % len(self._l2)], val_loss)

    def _unstandardised(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns kernel and bias of all heads for features as they are, the standardisation folded in."""
        layer = self.model.get_layer("heads")
        kernel, bias = (keras.ops.convert_to_numpy(weight) for weight in layer.weights)
        mean, deviation = self._standard
        folded = kernel / deviation[:, None]
        return folded, bias - mean @ folded
