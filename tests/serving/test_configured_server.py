"""What flags say reaches a running server: arguments of its gRPC port, and batching that each version chooses."""

from __future__ import annotations

import shutil

from tensorflow_serving.apis import get_model_status_pb2, model_management_pb2

from tests.serving.running import SECONDS, Running, options, refused
from tlzoo.serving.batching_config import PER_MODEL_FILE
from tlzoo.serving.configs import model_config_text
from tlzoo.serving.flags import parse
from tlzoo.serving.loading import load
from tlzoo.serving.metrics import Metrics
from tlzoo.serving.options import ModelConfig


def status_of(name: str) -> get_model_status_pb2.GetModelStatusRequest:
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = name
    return request


def test_channel_arguments_reach_grpc(models):
    flags = ["--model_base_path=/m", "--grpc_channel_arguments=grpc.max_receive_message_length=100"]
    arguments = parse(flags).options.grpc_arguments
    with Running(options(models, grpc_arguments=arguments)) as server:
        assert server.model.GetModelStatus(status_of("half_plus_two"), timeout=SECONDS).model_version_status
        code, text = refused(server.model.GetModelStatus, status_of("x" * 200))
    assert code == "RESOURCE_EXHAUSTED"
    assert "larger than max" in text


def test_a_written_configuration_is_taken_over(models):
    from google.protobuf import text_format

    text = model_config_text([ModelConfig("other", models / "classes3")])
    request = model_management_pb2.ReloadConfigRequest()
    text_format.Parse(text, request.config)
    with Running(options(models)) as server:
        reply = server.model.HandleReloadConfigRequest(request, timeout=SECONDS)
        assert reply.status.error_code == 0
        assert server.model.GetModelStatus(status_of("other"), timeout=SECONDS).model_version_status
        request.config.model_config_list.config[0].model_platform = "torch"
        code, text = refused(server.model.HandleReloadConfigRequest, request)
    assert code == "INVALID_ARGUMENT"
    assert text.startswith("Illegal to change a model's platform. For model other platform was tensorflow")


def test_versions_choose_their_batching(models, tmp_path):
    found = parse(
        ["--enable_batching", "--enable_per_model_batching_parameters", f"--model_base_path={models}/shapes"]
    ).options
    folder = tmp_path / "1"
    shutil.copytree(models / "shapes" / "1", folder)
    alone = load(folder, found, Metrics())
    assert alone.batching is None
    (folder / PER_MODEL_FILE).write_text("max_batch_size { value: 4 }")
    joined = load(folder, found, Metrics())
    assert joined.batching is not None
    joined.close()
