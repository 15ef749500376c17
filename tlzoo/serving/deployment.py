"""From options to what the real TensorFlow Serving needs: its files, and the command that starts its container."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tlzoo import paths
from tlzoo.errors import UsageError
from tlzoo.serving.options import Additions, ModelConfig, ServerOptions

IMAGE = "tensorflow/serving"
TAG = "2.21.0"
"""The image's version should be no older than the TensorFlow that exported a model."""

MODELS, CONFIG, BATCHING, MONITORING = (
    "/models",
    "models.config",
    "batching_parameters.txt",
    "monitoring.config",
)
_INSIDE = "/config"
_PORTS = {"REST_PORT": 8501, "GRPC_PORT": 8500}
"""Variables of compose.yaml by the ports of the image."""


@dataclass(frozen=True)
class Deployment:
    """What starts TensorFlow Serving with the models of `tlzoo serve`.

    Attributes:
        files: Texts by file name; models stand below `/models`, as the container sees them.
        flags: Flags of `tensorflow_model_server`, which finds the files in `/config`.
        mounts: Folders of this machine by folder of the container.
        publish: Ports of this machine by port of the container.
        host: Address they are published at.
        tag: Version of the image.
        notes: What TensorFlow Serving cannot take over, for people.
    """

    files: Mapping[str, str]
    flags: Sequence[str]
    mounts: Mapping[str, Path]
    publish: Mapping[int, int]
    host: str
    tag: str
    notes: Sequence[str] = ()

    def docker(self, folder: Path) -> str:
        """Returns the command that runs it.

        Args:
            folder: Where its files are.
        """
        mounts = {**self.mounts, _INSIDE: folder.absolute()}
        address = f"[{self.host}]" if ":" in self.host else self.host
        words = ["docker", "run", "--rm", "--init"]
        words += [f"--publish={address}:{here}:{there}" for there, here in self.publish.items()]
        words += [f"--mount={_mount(source, target)}" for target, source in mounts.items()]
        return shlex.join([*words, f"{IMAGE}:{self.tag}", *self.flags])

    def compose(self, folder: Path) -> str:
        """Returns the command that runs it by `serving/compose.yaml`; "" where models share no folder.

        Args:
            folder: Where its files are.
        """
        parents = {source.parent for source in self.mounts.values()}
        if len(parents) != 1 or any(
            f"{MODELS}/{path.name}" != target for target, path in self.mounts.items()
        ):
            return ""
        ports = {name: self.publish.get(inside, inside) for name, inside in _PORTS.items()}
        variables = {
            "MODELS_DIR": str(parents.pop()),
            "CONFIG_DIR": str(folder.absolute()),
            "TF_SERVING_TAG": self.tag,
            **{name: str(port) for name, port in ports.items() if port != _PORTS[name]},
            "SERVING_FLAGS": shlex.join(
                flag for flag in self.flags if not flag.endswith((CONFIG, MONITORING))
            ),
        }
        settings = " ".join(f"{name}={shlex.quote(value)}" for name, value in variables.items() if value)
        return f"{settings} docker compose -f serving/compose.yaml up"


def deployment(options: ServerOptions) -> Deployment:
    """Returns what serves the same models by TensorFlow Serving itself.

    Args:
        options: The local server's.

    Example:
        >>> print(deployment(options).docker(Path("deploy")))  # doctest: +SKIP
        docker run --rm --init --publish=127.0.0.1:8501:8501 … tensorflow/serving:2.21.0 …
    """
    from tlzoo.serving.batching_config import batching_text
    from tlzoo.serving.configs import model_config_text, monitoring_text

    mounts = {_inside(model, place): model.base_path for place, model in enumerate(options.models)}
    moved = [
        replace(model, base_path=Path(target)) for model, target in zip(options.models, mounts, strict=True)
    ]
    files = {CONFIG: model_config_text(moved), MONITORING: monitoring_text(options.metrics_path)}
    flags = [f"--model_config_file={_INSIDE}/{CONFIG}", f"--monitoring_config_file={_INSIDE}/{MONITORING}"]
    if options.batching:
        files[BATCHING] = batching_text(options.batching)
        flags += ["--enable_batching", f"--batching_parameters_file={_INSIDE}/{BATCHING}"]
    ports = {_PORTS["REST_PORT"]: options.rest_port, _PORTS["GRPC_PORT"]: options.grpc_port}
    return Deployment(
        files,
        [*flags, *flags_of(options)],
        mounts,
        {inside: outside for inside, outside in ports.items() if outside},
        "127.0.0.1" if options.host == "localhost" else options.host,
        _tag(options.models),
        _left_behind(options),
    )


def flags_of(options: ServerOptions) -> list[str]:
    """Returns the flags of `tensorflow_model_server` that say the same as options do, but for ports and files.

    Args:
        options: What holds by default is left out.
    """
    defaults = ServerOptions(())
    found = []
    for field, (flag, convert) in _WRITTEN.items():
        value = getattr(options, field)
        if value != getattr(defaults, field):
            found.append(f"--{flag}={convert(value)}")
    return found


def _bool(value: bool) -> str:
    return str(value).lower()


def _scaled(scale: float) -> Callable[[float], str]:
    return lambda value: str(round(value * scale))


_WRITTEN: dict[str, tuple[str, Callable[[Any], str]]] = {
    "config_poll_seconds": ("model_config_file_poll_wait_seconds", _scaled(1)),
    "poll_seconds": ("file_system_poll_wait_seconds", _scaled(1)),
    "max_load_retries": ("max_num_load_retries", str),
    "load_retry_seconds": ("load_retry_interval_micros", _scaled(1e6)),
    "load_threads": ("num_load_threads", str),
    "labels_for_unavailable": ("allow_version_labels_for_unavailable_models", _bool),
    "per_model_batching": ("enable_per_model_batching_parameters", _bool),
    "cors": ("rest_api_enable_cors_support", _bool),
    "rest_timeout_seconds": ("rest_api_timeout_in_ms", _scaled(1e3)),
    "threads": ("rest_api_num_threads", str),
    "warmup": ("enable_model_warmup", _bool),
    "warmup_iterations": ("num_request_iterations_for_warmup", str),
    "grpc_health": ("enable_grpc_healthcheck_service", _bool),
    "tensor_content": ("enable_serialization_as_tensor_content", _bool),
    "intra_op_threads": ("tensorflow_intra_op_parallelism", str),
    "inter_op_threads": ("tensorflow_inter_op_parallelism", str),
    "grpc_arguments": ("grpc_channel_arguments", lambda pairs: ",".join(f"{k}={v}" for k, v in pairs)),
}


def _left_behind(options: ServerOptions) -> list[str]:
    notes = []
    if options.tls:
        notes.append(
            "TLS is not written, since it holds a private key: mount its file, add --ssl_config_file."
        )
    if options.additions != Additions():
        notes.append(
            "TensorFlow Serving has no tokens, limits, logs or index page: put a proxy in front of it."
        )
    if any(model.labels for model in options.models) and not options.labels_for_unavailable:
        notes.append("Labels stop its start without --allow_version_labels_for_unavailable_models.")
    return notes


def _inside(model: ModelConfig, place: int) -> str:
    # Names come from files too, and may be anything; only a plain one may name a folder.
    plain = re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]*", model.name)
    return f"{MODELS}/{model.name}" if plain else f"{MODELS}/.model-{place}"


def _mount(source: Path, target: str) -> str:
    """Writes a bind mount as `docker run --mount` reads it: fields of a CSV line."""
    field = f"source={source}"
    if any(character in field for character in ',"\n'):
        field = '"' + field.replace('"', '""') + '"'
    return f"type=bind,{field},target={target},readonly"


def _tag(models: Sequence[ModelConfig]) -> str:
    """Returns the oldest version of the image that knows every op of all bundles, and is no older than `TAG`."""
    from tlzoo.bundle import read_bundle
    from tlzoo.errors import BundleError

    wanted = [TAG]
    for model in models:
        try:
            wanted.append(read_bundle(model.base_path)[1].min_serving_version)
        except BundleError:  # other SavedModels do not say what they need
            continue
    usable = [tag for tag in wanted if re.fullmatch(r"\d+(\.\d+){1,2}", tag)]
    return max(usable, key=lambda tag: [int(part) for part in tag.split(".")])


def write(files: Mapping[str, str], folder: Path, *, force: bool = False) -> list[Path]:
    """Writes files into a folder, each whole or not at all; nothing if one of them would be lost.

    Args:
        files: Texts by name.
        folder: Made if it is missing, and then it appears with all of them at once.
        force: Whether files with other contents may be replaced.

    Returns:
        The files, in the order of `files`.

    Raises:
        UsageError: Files with other contents are there.
    """
    if not folder.exists():
        with paths.new_dir(folder) as new:
            for name, text in files.items():
                paths.write_text(new / name, text)
        return [folder / name for name in files]
    other = [name for name, text in files.items() if _differs(folder / name, text)]
    if other and not force:
        raise UsageError(
            f"'{folder}' has other contents in {', '.join(other)}.",
            allowed="a new folder, or one with the same files.",
            do="Give another folder, or --force to replace them.",
        )
    for name in (name for name in files if name in other or not (folder / name).exists()):
        paths.write_text(folder / name, files[name])
    return [folder / name for name in files]


def _differs(file: Path, text: str) -> bool:
    return file.exists() and file.read_bytes() != text.encode()
