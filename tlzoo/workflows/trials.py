"""Short trainings whose weights nobody keeps: the learning rate finder and the surgical check of single stages."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlzoo.errors import UsageError
from tlzoo.progress import Progress
from tlzoo.workflows.prepare import prepare
from tlzoo.workflows.request import Request

if TYPE_CHECKING:
    from tlzoo.backbones.backbone import Backbone
    from tlzoo.data.dataset import Dataset
    from tlzoo.data.splits import Splits
    from tlzoo.plans import Phase, Plan
    from tlzoo.training.context import Context
    from tlzoo.training.head_path import Head


@contextmanager
def trial_context(
    dataset: Dataset, splits: Splits, plan: Plan, backbone: Backbone | None = None, progress: Any = None
) -> Iterator[Context]:
    """Yields what phases need, in a run folder that goes when the context ends.

    Args:
        dataset: The data.
        splits: Its splits.
        plan: Whose phases are tried.
        backbone: As the plan has it, if it is loaded already.
        progress: Told how far things are.
    """
    import keras

    from tlzoo import registry
    from tlzoo.backbones.load import load_backbone
    from tlzoo.tasks.task import task_of
    from tlzoo.training.context import Context
    from tlzoo.training.rundir import RunDir

    keras.utils.set_random_seed(plan.seed)
    backbone = backbone or load_backbone(
        registry.backbones().get(plan.backbone),
        pretrained=plan.pretrained,
        size=plan.size,
        length=plan.length or None,
        long_text=plan.long_text,
        seed=plan.seed,
    )
    task = task_of(plan.task, dataset.class_names, dataset.labels[splits.train])
    with tempfile.TemporaryDirectory(prefix="tlzoo-trial-") as folder:
        run = RunDir(Path(folder))
        (run.path / "checkpoints").mkdir()
        yield Context(plan, run, backbone, dataset, splits, task, progress)


@dataclass(frozen=True)
class RateFinding:
    """What the learning rate finder found.

    Attributes:
        data: Name of the data.
        backbone: Name of the backbone.
        recipe: Name of the recipe.
        phase: The phase whose rates were tried.
        suggestion: The highest rate of that phase that is suggested; None where the loss never fell.
        rates: The rates that were tried, ascending.
        losses: Loss of each step.
        smoothed: The same, smoothed.
    """

    data: str
    backbone: str
    recipe: str
    phase: str
    suggestion: float | None
    rates: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]

    def to_dict(self) -> dict[str, Any]:
        """Returns everything as JSON can hold it."""
        return asdict(self)

    def write(self, path: Path) -> None:
        """Writes the picture: SVG or PNG, by the file's ending."""
        from tlzoo.evaluation.pictures import write_rates

        write_rates(path, self.rates, self.smoothed, self.suggestion)


def find_rate(data: Any, request: Request, *, progress: Progress | None = None) -> RateFinding:
    """Tries a hundred rates on the first phase of a recipe that runs the backbone, and suggests one.

    Args:
        data: Anything `tlzoo.load` takes, or a `Dataset`.
        request: What would be trained; nothing is kept of it.
        progress: Told how far things are.

    Raises:
        UsageError: The recipe has no such phase.
    """
    dataset, splits, plan = prepare(data, request)
    at = next((n for n, phase in enumerate(plan.phases) if phase.inputs in ("pixels", "tokens")), None)
    if at is None or any(phase.inputs == "pairs" for phase in plan.phases[:at]):
        raise UsageError(
            f"recipe '{plan.recipe}' has no phase that trains backbone and head on examples.",
            allowed="fine_tune, scratch, lora and the like.",
            do="Name another --recipe.",
        )
    from tlzoo.training.classifiers import refuse_impossible
    from tlzoo.training.rate_finder import find_rate as tried

    with trial_context(dataset, splits, plan, progress=progress) as context:
        refuse_impossible(context)
        sound = context.without_broken()
        curve = tried(sound, plan.phases[at], head_of(sound, plan.phases[:at]))
    return RateFinding(
        dataset.name,
        plan.backbone,
        plan.recipe,
        plan.phases[at].name,
        None if curve.suggestion is None else float(f"{curve.suggestion:.3g}"),
        curve.rates,
        curve.losses,
        curve.smoothed,
    )


def head_of(context: Context, phases: tuple[Phase, ...]) -> Head | None:
    """Returns the head that phases on cached features give; None if there are none."""
    from tlzoo.training.phases import train_head

    found = None
    for phase in phases:
        found = train_head(context, phase, 0)
    return found


def journal(context: Context, phase: str) -> list[dict[str, Any]]:
    """Returns what the log of a trial says of a phase."""
    lines = (context.run.path / "log.jsonl").read_text(encoding="utf-8").splitlines()
    return [entry for entry in map(json.loads, lines) if entry["phase"] == phase]
