"""A real server over the repository: callers are served all the while, and by whom they should be."""

import contextlib
import json
import threading
from dataclasses import replace

import pytest
import tensorflow as tf

from tests.serving.whole_server import running
from tlzoo.errors import BundleError
from tlzoo.serving.configs import read_model_config
from tlzoo.serving.options import ServerOptions
from tlzoo.serving.rollout.availability import Server
from tlzoo.serving.rollout.deploy import Order, deploy
from tlzoo.serving.rollout.promote import promote
from tlzoo.serving.rollout.rollback import rollback

PLAIN = frozenset(["plain"])


class Times(tf.Module):
    def __init__(self, factor):
        self.factor = tf.Variable(factor)
        spec = tf.TensorSpec([None], tf.float32, name="x")
        self.times = tf.function(lambda x: {"y": x * self.factor}, input_signature=[spec])


@pytest.fixture(scope="module")
def times(tmp_path_factory):
    """Plain SavedModels that multiply by 1 … 4, by their factor."""
    folders = {}
    for factor in range(1, 5):
        model = Times(float(factor))
        folders[factor] = tmp_path_factory.mktemp("export") / "times" / "1"
        tf.saved_model.save(model, str(folders[factor]), signatures={"serving_default": model.times})
    return folders


@contextlib.contextmanager
def served(site):
    """A server that looks at folders and configuration often; gives it, and the site that asks it."""
    file = site.repository / "models.config"
    options = ServerOptions(
        read_model_config(file),
        grpc_port=0,
        config_file=file,
        config_poll_seconds=0.3,
        poll_seconds=0.2,
        labels_for_unavailable=True,
    )
    with running(options) as server:
        url = f"http://127.0.0.1:{server.rest_port}"
        yield server, replace(site, server=Server(url, seconds=60))


def answer(server, where=""):
    """What 1 becomes: by default, for a label or for a version."""
    reply = server.ask("POST", f"/v1/models/times{where}:predict", json.dumps({"instances": [1.0]}))
    return reply.json["predictions"][0] if reply.status == 200 else reply.json["error"]


@contextlib.contextmanager
def callers(server, *where):
    """Asks all the while, and gives all answers by who was asked."""
    answers, done = {one: set() for one in where}, threading.Event()

    def ask():
        while not done.is_set():
            for one in where:
                answers[one].add(answer(server, one))

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield answers
    finally:
        done.set()
        thread.join()


@pytest.mark.slow
def test_callers_notice_nothing_but_other_answers(site, times):
    deploy(times[1], site, Order(labels=("stable",), allow=PLAIN))
    with served(site) as (server, asked), callers(server, "", "/labels/stable") as answers:
        assert answer(server, "/labels/stable") == 1.0
        deploy(times[2], asked, Order(labels=("canary",), allow=PLAIN))
        assert (answer(server), answer(server, "/labels/canary"), answer(server, "/labels/stable")) == (
            2.0,
            2.0,
            1.0,
        )
        promote(asked, "times", "canary", "stable")
        assert answer(server, "/labels/stable") == 2.0
        deploy(times[3], asked, Order(labels=("canary",), allow=PLAIN, keep=1))
        assert (answer(server), answer(server, "/labels/stable")) == (3.0, 2.0)
        rollback(asked, "times")
        assert answer(server, "/labels/canary") == 2.0
        rollback(asked, "times", 3)
        promote(asked, "times", "3", "stable")
        assert answer(server, "/labels/stable") == 3.0
    assert answers[""] <= {1.0, 2.0, 3.0}
    assert answers["/labels/stable"] <= {1.0, 2.0, 3.0}


def test_nor_where_the_policy_names_versions(site, times):
    deploy(times[1], site, Order(labels=("stable",), allow=PLAIN))
    file = site.repository / "models.config"
    file.write_text(file.read_text().replace("latest { num_versions: 2 }", "specific { versions: 1 }"))
    with served(site) as (server, asked), callers(server, "", "/labels/stable") as answers:
        deploy(times[2], asked, Order(labels=("stable",), allow=PLAIN))
        assert (answer(server), answer(server, "/labels/stable")) == (2.0, 2.0)
        rollback(asked, "times")
        assert (answer(server, "/labels/stable")) == 1.0
    assert answers[""] <= {1.0, 2.0}
    assert answers["/labels/stable"] <= {1.0, 2.0}


def test_nobody_need_be_asked_where_labels_leave_room(site, times):
    """The server follows by itself, sooner or later; until then it answers as before."""
    deploy(times[1], site, Order(labels=("stable",), allow=PLAIN))
    with served(site) as (server, asked), callers(server, "", "/labels/stable") as answers:
        deploy(times[2], site, Order(labels=("stable", "canary"), allow=PLAIN))
        for label in ("stable", "canary"):
            asked.server.wait_for_label("times", label, 2)
    assert answers["/labels/stable"] <= {1.0, 2.0}
    assert answers[""] <= {1.0, 2.0}


@pytest.mark.slow
def test_a_version_that_does_not_load_gets_no_label_and_is_rolled_back(site, times, tmp_path):
    deploy(times[1], site, Order(labels=("stable",), allow=PLAIN))
    with served(site) as (server, asked), callers(server, "", "/labels/stable") as answers:
        broken = tmp_path / "broken" / "times" / "1"
        broken.mkdir(parents=True)
        (broken / "saved_model.pb").write_bytes((times[2] / "saved_model.pb").read_bytes())
        impatient = replace(asked, server=replace(asked.server, seconds=2))
        with pytest.raises(
            BundleError, match=r"times/2' is in place and whole, but what comes after is not done"
        ):
            deploy(broken, impatient, Order(labels=("stable",), allow=PLAIN))
        done = rollback(asked, "times")
        assert (done.version, done.labels) == (1, {"stable": 1})
    assert answers == {"": {1.0}, "/labels/stable": {1.0}}
