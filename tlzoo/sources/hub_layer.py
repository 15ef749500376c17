"""A TF Hub module as an ordinary layer of Keras 3: it trains, it is frozen by parts, and it is saved whole.

`hub.KerasLayer` does not work with Keras 3 (hub#920, hub#930), and `keras.layers.TFSMLayer` shows no parts, forgets its
files, and needs `safe_mode=False`. Here the variables come first: Keras makes them, and TensorFlow, while it loads the
module, is handed these (`tf.variable_creator_scope`), so that what Keras trains is what the module reads.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from tlzoo.errors import UsageError, WeightsError
from tlzoo.sources import hub_call, hub_format, hub_split
from tlzoo.sources.hub_format import HubModule
from tlzoo.sources.hub_graph import VariableSpec
from tlzoo.sources.hub_parts import HubPart

_LIVING: weakref.WeakValueDictionary[str, _Held] = weakref.WeakValueDictionary()
"""Modules of this process by fingerprint, so that a layer can be made again from its configuration."""


class _Held:
    """A module that layers share for as long as one of them lives."""

    def __init__(self, module: HubModule) -> None:
        self.module = module


@keras.saving.register_keras_serializable("tlzoo")
class HubLayer(keras.layers.Layer):
    """Calls a SavedModel.

    A module that is given `training=True` runs in training mode if Keras trains, some part is trainable, and, where it
    has moving statistics, some of these are trainable. In training mode all its BatchNorms use the batch's statistics,
    since a module is one function; the moving statistics of frozen parts stay as they are, bit for bit.

    Args:
        module: Folder of a SavedModel, which is read once and may go; or what `hub_format.read_module` gave, which
            holds no values, so that the variables are filled anew.
        signature: Name of a signature to call; None calls the root.
        output_key: Which of several named outputs to return; None returns them as they are.
        as_dict: Return a signature's outputs by name, even if there is only one.
        parts: Globs over the names of variables by the part's name; None puts all into one part, `all`. See
            `hub_split.split`.
        arguments: Further keyword arguments of the root, constants.
        pretrained: False fills the variables anew, from `seed`: kernels by Glorot's uniform rule, biases and moving
            means with zeros, scales and moving variances with ones.
        seed: Of these.
        **kwargs: Keras's own layer arguments. The module computes in its own types whatever the `dtype` policy.

    Raises:
        SourceError: The folder holds no SavedModel that can be used.
        CardError: The parts do not hold every variable once.
        UsageError: There is no such signature.

    Example:
        >>> layer = HubLayer("nnlm/", trainable=True)  # doctest: +SKIP
        >>> layer(tf.constant(["a text"])).shape  # doctest: +SKIP
        TensorShape([1, 50])
    """

    def __init__(
        self,
        module: str | Path | HubModule,
        *,
        signature: str | None = None,
        output_key: str | None = None,
        as_dict: bool = False,
        parts: Mapping[str, Sequence[str]] | None = None,
        arguments: Mapping[str, Any] | None = None,
        pretrained: bool = True,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        trainable = kwargs.pop("trainable", True)
        super().__init__(**{**kwargs, "dtype": "float32", "autocast": False})
        # Lookup tables and strings are unknown to XLA.
        self.supports_jit = False
        read = module if isinstance(module, HubModule) else hub_format.read_module(Path(module).expanduser())
        self.signature, self.output_key, self.as_dict = signature, output_key, as_dict
        self.globs = {name: tuple(globs) for name, globs in (parts or {"all": ("*",)}).items()}
        self.arguments = dict(arguments or {})
        self._specs, self._fingerprint = read.variables, read.fingerprint
        self._held: _Held | None = None
        self._seen: dict[str, Any] = {}
        self._box = _Box()
        self.parts = self._cut()
        filled = pretrained and not isinstance(module, HubModule)
        self._box.variables = self._adopt(None if filled else seed)
        self.built = True
        if read.files:
            self._bind(read)
        if filled:
            self._fill(hub_format.read_values(Path(str(module)).expanduser(), read))
        self.trainable = trainable

    def part(self, name: str) -> HubPart:
        """Returns the part of that name.

        Raises:
            UsageError: There is none.
        """
        for part in self.parts:
            if part.name == name:
                return part
        raise UsageError(
            f"{self.name} has no part '{name}'.", allowed=f"{', '.join(self.globs)}.", do="Pick one of these."
        )

    @property
    def variable_names(self) -> tuple[str, ...]:
        """Names of the module's variables, in the order of the object graph; globs are matched with these."""
        return tuple(spec.name for spec in self._specs)

    @property
    def resources(self) -> tuple[Any, ...]:
        """Lookup tables, which whatever exports a graph that calls this layer must track."""
        return tuple(self._tables.tables) if self._held else ()

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Runs the module.

        Args:
            inputs: What it takes: a tensor, or tensors by name; floats are cast to its type.
            training: Whether Keras trains.

        Returns:
            What it gives: a tensor, or tensors by name.

        Raises:
            UsageError: The module does not take such inputs, or `output_key` names none of its outputs.
            WeightsError: Only the module's description is known, as after `keras.models.model_from_json`.
        """
        entry = self._loaded()
        training = bool(training) and self._trains_statistics()
        frozen = self._frozen_statistics() if training and entry.wants_training else []
        before = [tf.identity(variable) for variable in frozen]
        outputs = entry(inputs, training=training)
        # TensorFlow orders what touches the same variable, so this comes after the module moved it.
        for variable, value in zip(frozen, before, strict=True):
            variable.assign(value)
        for loss, variables in entry.losses:
            if any(self._is_trained(variable) for variable in variables):
                self.add_loss(loss())
        return outputs

    def compute_output_spec(self, inputs: Any, training: bool | None = None) -> Any:
        """Returns the shapes and types of outputs, as the module says, or as it said when it was saved."""
        key = hub_call.describe(inputs)
        if self._held is not None:
            self._seen[key] = hub_call.to_config(super().compute_output_spec(inputs, training=False))
        elif key not in self._seen:
            raise self._only_described()
        return hub_call.from_config(self._seen[key])

    def get_config(self) -> dict[str, Any]:
        """Returns what `from_config` needs; the module itself travels as an asset of the `.keras` file."""
        variables = [
            [spec.name, list(spec.shape), spec.dtype, spec.trainable, spec.node] for spec in self._specs
        ]
        return {
            **super().get_config(),
            "module": {"fingerprint": self._fingerprint, "variables": variables},
            "signature": self.signature,
            "output_key": self.output_key,
            "as_dict": self.as_dict,
            "parts": {name: list(globs) for name, globs in self.globs.items()},
            "arguments": self.arguments,
            "seen": self._seen,
            "frozen": [name for name, layer in self._freezable() if not layer.trainable],
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> HubLayer:
        """Makes the layer again, with fresh weights; it can be called once its module is here.

        The module is here if a layer of this process holds it, or when `keras.saving.load_model` has read it.
        """
        config = dict(config)
        described, seen, frozen = config.pop("module"), config.pop("seen", {}), config.pop("frozen", [])
        held = _LIVING.get(described["fingerprint"])
        specs = tuple(
            VariableSpec(name, tuple(shape), *rest) for name, shape, *rest in described["variables"]
        )
        layer = cls(held.module if held else HubModule({}, specs, described["fingerprint"]), **config)
        layer._seen = dict(seen)
        for name, part in layer._freezable():
            if name in frozen:
                part.trainable = False
        return layer

    def save_assets(self, dir: str) -> None:
        """Writes the module into a folder of the `.keras` file."""
        if self._held is None:
            raise self._only_described()
        hub_format.write_module(self._held.module, Path(dir))

    def load_assets(self, dir: str) -> None:
        """Reads the module from a folder of the `.keras` file, and lets it read this layer's variables."""
        root = Path(dir)
        files = {
            path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()
        }
        module = hub_format.from_files(files, f"layer '{self.name}'")
        if (module.fingerprint, module.variables) != (self._fingerprint, self._specs):
            raise WeightsError(
                f"layer '{self.name}': the module has fingerprint {module.fingerprint[:12]}.",
                allowed=f"the one it was saved with, {self._fingerprint[:12]}.",
                do="Do not use the file; save the model again.",
            )
        if self._held is None:
            self._bind(module)

    def _cut(self) -> list[HubPart]:
        if not self._specs:
            self._owners = {}
            return []
        chosen = hub_split.split(self.variable_names, self.globs, origin=self.name)
        self._owners = {at: name for name, positions in chosen.items() for at in positions}
        return [HubPart(name=name, dtype="float32") for name in self.globs]

    def _adopt(self, seed: int | None) -> list[keras.Variable]:
        """Makes the variables, each by its part."""
        made = []
        with keras.name_scope(self.name):
            for at, spec in enumerate(self._specs):
                start = hub_call.initializer(spec, None if seed is None else seed + at)
                made.append(self.part(self._owners[at]).adopt(spec, start))
        for part in self.parts:
            part.built = True
        return made

    def _bind(self, module: HubModule) -> None:
        """Loads the module so that its functions read this layer's variables."""
        # TensorFlow copies assets from here whenever the model is exported, so it stays as long as the layer does.
        folder = tempfile.mkdtemp(prefix="tlzoo-hub-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        hub_format.write_module(module, Path(folder))
        variables = dict(zip((spec.node for spec in self._specs), self._box.variables, strict=True))
        loaded = hub_call.load(
            folder, {node: variable.value for node, variable in variables.items()}, self.name
        )
        self._box.entry = hub_call.Entry(
            loaded, self.signature, self.output_key, self.as_dict, self.arguments, self.name
        )
        self._tables = hub_call.Tables(loaded)
        self._held = _LIVING.get(module.fingerprint) or _Held(module)
        _LIVING[module.fingerprint] = self._held

    def _fill(self, values: Iterable[Any]) -> None:
        for variable, value in zip(self._box.variables, values, strict=True):
            variable.assign(value)

    def _loaded(self) -> hub_call.Entry:
        if self._box.entry is None:
            raise self._only_described()
        return self._box.entry

    def _freezable(self) -> list[tuple[str, keras.layers.Layer]]:
        """Returns the parts by name, each before its statistics."""
        both = [((part.name, part), (f"{part.name}/statistics", part.statistics)) for part in self.parts]
        return [(name, layer) for pair in both for name, layer in pair if layer is not None]

    def _trains_statistics(self) -> bool:
        statistics = [part.statistics for part in self.parts if part.statistics is not None]
        moving = any(layer.trainable for layer in statistics) or not statistics
        return moving and any(part.trainable for part in self.parts)

    def _frozen_statistics(self) -> list[Any]:
        layers = [part.statistics for part in self.parts if part.statistics is not None]
        return [weight.value for layer in layers if not layer.trainable for weight in layer.weights]

    def _is_trained(self, variable: Any) -> bool:
        return any(weight.value is variable and weight.trainable for weight in self.trainable_weights)

    def _only_described(self) -> WeightsError:
        return WeightsError(
            f"layer '{self.name}' has no module: its configuration only describes one.",
            allowed="a layer made from a folder, or read by keras.saving.load_model from a .keras file.",
            do="Load the .keras file, or make HubLayer(folder).",
        )


class _Box:
    """Keeps TensorFlow's loaded object out of Keras's tracking: its variables are tracked as weights already."""

    entry: hub_call.Entry | None = None
    variables: Sequence[keras.Variable] = ()
