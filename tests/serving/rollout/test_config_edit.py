import re
from pathlib import Path

import pytest
from google.protobuf import text_format
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from tlzoo.errors import BundleError
from tlzoo.serving.options import ModelConfig, Policy
from tlzoo.serving.rollout.config_edit import edited, parsed

FILE = Path("models.config")
BY_HAND = """\
# Ask ops before you touch this.
model_config_list: {
  config {
    name: "photos"  # the old one
    base_path: '/models/photos'
    model_platform: "tensorflow"
    model_version_policy {
      specific { versions: 1 versions: 2 }  # { not a bracket
    }
    version_labels { key: "stable" value: 1 }
    # canaries come on Mondays
    version_labels { key: "canary" value: 2 };
    logging_config {
      log_collector_config { type: "x" filename_prefix: "# no comment" }
      sampling_config { sampling_rate: 0.5 }
    }
  },
  config < name: "texts" base_path: "/models" "/texts" model_platform: "tensorflow" >
}
"""


def model(name, policy=None, **labels):
    return ModelConfig(name, Path("/models") / name, policy or Policy(), labels)


def message(text):
    return text_format.Parse(text, ModelServerConfig())


def test_a_file_written_by_hand_is_read():
    photos, texts = parsed(BY_HAND, FILE)
    assert photos == model("photos", Policy("specific", versions=(1, 2)), stable=1, canary=2)
    assert texts == model("texts")


def test_a_label_moves_and_all_the_rest_stays_where_it_is():
    text = edited(BY_HAND, model("photos", Policy("specific", versions=(1, 2)), stable=2, canary=2), FILE)
    assert dict(message(text).model_config_list.config[0].version_labels) == {"stable": 2, "canary": 2}
    old, new = (set(lines.splitlines()) for lines in (BY_HAND, text))
    assert {line.strip() for line in old - new} == {
        'version_labels { key: "stable" value: 1 }',
        'version_labels { key: "canary" value: 2 };',
    }
    assert {line.strip() for line in new - old} == {
        'version_labels { key: "stable" value: 2 }',
        'version_labels { key: "canary" value: 2 }',
    }


def test_a_comment_inside_what_is_replaced_is_kept():
    text = edited(BY_HAND, model("photos", Policy("latest", 3), stable=1, canary=2), FILE)
    assert "    # { not a bracket\n    model_version_policy { latest { num_versions: 3 } }\n" in text


def test_a_model_on_one_line_stays_on_it():
    text = edited(BY_HAND, model("texts", Policy("latest", 2), stable=7), FILE)
    assert (
        'model_platform: "tensorflow" model_version_policy { latest { num_versions: 2 } } '
        'version_labels { key: "stable" value: 7 } >'
    ) in text


def test_what_says_it_already_is_not_touched():
    assert edited(BY_HAND, model("texts"), FILE) == BY_HAND
    implied = 'model_config_list { config { name: "m" model_version_policy { latest { } } } }'
    assert edited(implied, ModelConfig("m", Path("/m")), FILE) == implied


@pytest.mark.parametrize(
    "text", ["", "# nothing yet", "# nothing yet\n", "model_config_list {\n}\n", "model_config_list { }"]
)
def test_a_first_model_is_added(text):
    new = edited(text, model("photos", stable=1), FILE)
    assert parsed(new, FILE) == (model("photos", stable=1),)
    assert message(new).model_config_list.config[0].model_platform == "tensorflow"
    assert new.startswith(text.rstrip("{} \n"))


def test_a_further_model_is_added_at_the_end():
    new = edited(BY_HAND, model("sounds"), FILE)
    assert [one.name for one in parsed(new, FILE)] == ["photos", "texts", "sounds"]
    assert new.startswith(BY_HAND.rstrip("}\n"))


def test_labels_vanish_with_their_lines():
    text = edited(BY_HAND, model("photos", Policy("specific", versions=(1, 2))), FILE)
    assert "version_labels" not in text
    assert "# canaries come on Mondays\n    logging_config {" in re.sub(r"\n *\n", "\n", text)


def test_names_and_paths_are_quoted():
    strange = ModelConfig('zoë "x"', Path("/mo dels/a\\b\n漢"), labels={"it's": 1})
    assert parsed(edited("", strange, FILE), FILE) == (strange,)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("model_config_list { config { nome: 'x' } }", "nome"),
        ("model_config_list {", "cannot be read"),
        ("custom_model_config { }", "custom_model_config"),
        ('model_config_list { config { name: "m" } config { name: "m" } }', "lists m more than once"),
    ],
)
def test_what_is_not_understood_is_refused(text, reason):
    for call in (lambda: parsed(text, FILE), lambda: edited(text, model("m"), FILE)):
        with pytest.raises(BundleError, match=reason) as caught:
            call()
        assert caught.value.do == "Mend it by hand; it was left as it is."


names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8)
policies = st.one_of(
    st.builds(Policy, st.just("latest"), st.integers(1, 9)),
    st.just(Policy("all")),
    st.builds(
        lambda versions: Policy("specific", versions=tuple(versions)),
        st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=3),
    ),
)
models = st.builds(
    ModelConfig,
    names,
    names.filter(lambda name: "/" not in name and name not in (".", "..")).map(
        lambda name: Path("/m") / name
    ),
    policies,
    st.dictionaries(names, st.integers(1, 2**63 - 1), max_size=3),
)
comments = st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=10).map(
    lambda text: f"# {text}\n"
)


def spelt(listed, style):
    """A message as text, in one of the ways protobuf writes it."""
    text = ""
    for one in listed:
        text = edited(text, one, FILE)
    return text_format.MessageToString(message(text), **style)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(models, min_size=1, max_size=3, unique_by=lambda one: one.name),
    models,
    st.sampled_from(
        [{}, {"as_one_line": True}, {"pointy_brackets": True}, {"use_short_repeated_primitives": True}]
    ),
    st.data(),
)
def test_any_edit_of_any_file_says_what_was_wanted_and_keeps_comments(listed, new, style, data):
    text = spelt(listed, style)
    if not style.get("as_one_line"):
        lines = [f"{line}\n" for line in text.split("\n")]
        said = data.draw(st.lists(comments, min_size=len(lines), max_size=len(lines)))
        text = "".join(line for pair in zip(said, lines, strict=True) for line in pair)
    else:
        said = []
    if data.draw(st.booleans()):
        new = ModelConfig(listed[0].name, listed[0].base_path, new.policy, new.labels)
    after = parsed(edited(text, new, FILE), FILE)
    wanted = {one.name: one for one in listed} | {new.name: new}
    wanted[new.name] = ModelConfig(
        new.name, {one.name: one for one in listed}.get(new.name, new).base_path, new.policy, new.labels
    )
    assert {one.name: one for one in after} == wanted
    result = edited(text, new, FILE)
    at = -1
    for comment in said:
        at = result.index(comment.rstrip("\n"), at + 1)
