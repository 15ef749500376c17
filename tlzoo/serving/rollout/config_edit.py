"""Changes one model in a `models.config` and leaves every other byte of it alone, comments included.

TensorFlow Serving keeps version labels in this file only (`ModelServerConfig`, a text protocol buffer). Writing a
parsed message back would lose the comments that people keep there, so the text itself is edited, and protobuf's own
parser then says whether the text means what was wanted. If it does not, nothing is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlzoo.errors import BundleError
from tlzoo.serving.options import ModelConfig, Policy
from tlzoo.serving.rollout.text_proto import Field, comments, fields

if TYPE_CHECKING:
    from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

_PLATFORM = "tensorflow"


def parsed(text: str, source: Path) -> tuple[ModelConfig, ...]:
    """Reads the models of a `models.config`.

    Args:
        text: Its content.
        source: Its path, for messages.

    Raises:
        BundleError: It does not parse, lists a name twice, or has no list of models (`custom_model_config`).
    """
    return tuple(_value(one) for one in _message(text, source).model_config_list.config)


def edited(text: str, model: ModelConfig, source: Path) -> str:
    """Returns the text with one model's policy and labels replaced, or with one model more.

    Args:
        text: A `models.config`; "" for a new one.
        model: What the file shall say. The base path of a model that is listed already is left alone.
        source: The file's path, for messages.

    Raises:
        BundleError: The text cannot be edited without changing what it says of something else.

    Example:
        >>> text = 'model_config_list { config { name: "m" base_path: "/m" } } # mine'
        >>> edited(text, ModelConfig("m", Path("/m"), labels={"stable": 3}), Path("models.config"))
        'model_config_list { config { name: "m" base_path: "/m" version_labels { key: "stable" value: 3 } } } # mine'
    """
    wanted = _message(text, source)
    entries = wanted.model_config_list.config
    at = next((at for at, entry in enumerate(entries) if entry.name == model.name), None)
    if at is None:
        entry = entries.add(name=model.name, base_path=str(model.base_path), model_platform=_PLATFORM)
        head = f'name: {_quoted(model.name)}\nbase_path: {_quoted(str(model.base_path))}\nmodel_platform: "{_PLATFORM}"'
        result = _with_entry(text, "\n".join([head, *_fill(entry, model).values()]))
    else:
        result = _with_fields(text, at, _fill(entries[at], model))
    if _message(result, source) != wanted:
        raise _unusable(f"'{source}' is written in a way that cannot be edited without losing something.")
    return result


def _message(text: str, source: Path) -> ModelServerConfig:
    from google.protobuf import text_format
    from tensorflow_serving.config import model_server_config_pb2

    try:
        message = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    except (text_format.ParseError, UnicodeError) as error:
        raise _unusable(f"'{source}' cannot be read: {error}") from error
    if message.HasField("custom_model_config"):
        raise _unusable(f"'{source}' holds a custom_model_config.")
    names = [entry.name for entry in message.model_config_list.config]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise _unusable(f"'{source}' lists {', '.join(twice)} more than once.")
    return message


def _unusable(what: str) -> BundleError:
    return BundleError(
        what,
        allowed="a text ModelServerConfig with one model_config_list, and each model in it once.",
        do="Mend it by hand; it was left as it is.",
    )


def _value(entry: Any) -> ModelConfig:
    policy = entry.model_version_policy
    kind: Any = policy.WhichOneof("policy_choice") or "latest"
    read = Policy(kind, max(1, policy.latest.num_versions), tuple(policy.specific.versions))
    return ModelConfig(entry.name, Path(entry.base_path), read, dict(entry.version_labels))


def _fill(entry: Any, model: ModelConfig) -> dict[str, str]:
    """Makes a message say what a value says; returns the new text of each field that had to change."""
    now, new = _value(entry), {}
    if now.policy != model.policy:
        entry.ClearField("model_version_policy")
        new["model_version_policy"] = f"model_version_policy {{ {_fill_policy(entry, model.policy)} }}"
    if now.labels != dict(model.labels):
        entry.ClearField("version_labels")
        for label, version in model.labels.items():
            entry.version_labels[label] = version
        pairs = sorted(model.labels.items())
        lines = [f"version_labels {{ key: {_quoted(label)} value: {version} }}" for label, version in pairs]
        new["version_labels"] = "\n".join(lines)
    return new


def _fill_policy(entry: Any, policy: Policy) -> str:
    into = entry.model_version_policy
    if policy.kind == "latest":
        into.latest.num_versions = policy.latest
        return f"latest {{ num_versions: {policy.latest} }}"
    if policy.kind == "all":
        into.all.SetInParent()
        return "all { }"
    into.specific.versions.extend(policy.versions)
    return f"specific {{ {' '.join(f'versions: {number}' for number in policy.versions)} }}"


def _quoted(text: str) -> str:
    from google.protobuf import text_encoding

    return f'"{text_encoding.CEscape(text, as_utf8=True)}"'


def _with_entry(text: str, body: str) -> str:
    """Adds a model at the end of the list, which is made if there is none."""
    found = [span for field in fields(text) if field.name == "model_config_list" for span in field.messages]
    if not found:
        text = f"{text.rstrip()}\nmodel_config_list {{\n}}\n".lstrip("\n")
        return _with_entry(text, body)
    lines = "\n".join(f"  {line}" for line in body.split("\n"))
    return _inserted(text, found[0], f"config {{\n{lines}\n}}")


def _with_fields(text: str, at: int, new: dict[str, str]) -> str:
    """Replaces fields of the model at one place of the list."""
    for name, content in new.items():
        span = list(_entries(text))[at]
        old = [field for field in fields(text, span[0] + 1, span[1]) if field.name == name]
        if not old:
            text = _inserted(text, span, content)
        for field in reversed(old):
            text = _replaced(text, field, content if field is old[0] else "")
    return text


def _entries(text: str) -> Iterator[tuple[int, int]]:
    lists = (span for field in fields(text) if field.name == "model_config_list" for span in field.messages)
    for start, end in lists:
        for field in fields(text, start + 1, end):
            if field.name == "config":
                yield from field.messages


def _replaced(text: str, field: Field, content: str) -> str:
    """Puts other text in the place of a field; what comments it held stay, each on its own line."""
    indent = _indent(text, field.start)
    kept = comments(text, field.start, field.end)
    lines = [*kept, *(content.split("\n") if content else [])]
    new = f"\n{indent}".join(lines)
    if kept and not content:
        new += f"\n{indent}"
    before, behind = text[: field.start], text[field.end :]
    if not new and re.match(r"[^\S\n]*\n", behind) and not before.rpartition("\n")[2].strip():
        return before.rpartition("\n")[0] + "\n" + behind.partition("\n")[2]
    return before + new + behind


def _inserted(text: str, span: tuple[int, int], content: str) -> str:
    """Puts text at the end of a message: on lines of its own where the message has lines."""
    start, end = span
    body, _, last = text[start + 1 : end].rpartition("\n")
    if last.strip():
        body = text[start + 1 : end].rstrip()
    if "\n" not in text[start:end]:
        return f"{text[: start + 1]}{body} {content.replace(chr(10), ' ')} {text[end:]}"
    outer = _indent(text, start)
    inner = next((_indent(text, field.start) for field in fields(text, start + 1, end)), f"{outer}  ")
    lines = content.replace("\n", f"\n{inner}")
    return f"{text[: start + 1]}{body}\n{inner}{lines}\n{outer}{text[end:]}"


def _indent(text: str, at: int) -> str:
    """Returns the white space at the beginning of the line."""
    line = text[:at].rpartition("\n")[2]
    return line[: len(line) - len(line.lstrip())]
