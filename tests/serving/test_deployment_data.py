"""What `serving/` holds for TensorFlow Serving itself fits schemas, the flags there are, and its own other files."""

from __future__ import annotations

import http.server
import json
import os
import re
import shlex
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from compose_spec import PyCompose
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from tests.serving.bundles import saved_model
from tlzoo.cli.main import build_parser
from tlzoo.serving import deployment
from tlzoo.serving.batching_config import read_batching
from tlzoo.serving.configs import models_of, read_metrics_path, read_model_config
from tlzoo.serving.flag_table import FLAGS, MODEL_SERVER
from tlzoo.serving.metrics import Metrics
from tlzoo.serving.options import METRICS_PATH, ModelConfig, ServerOptions

SERVING = Path(__file__).resolve().parents[2] / "serving"
KUBERNETES = SERVING / "kubernetes"
LOCAL_ONLY = re.compile(r"127\.0\.0\.1:\d+:\d+")
KNOWN = {flag.name for flag in MODEL_SERVER if not flag.refused}


def interpolated(text: str, **variables: str) -> str:
    """Fills `${NAME:-default}` in, as Compose does."""
    return re.sub(r"\$\{(\w+):-([^}]*)\}", lambda found: variables.get(found[1], found[2]), text)


COMPOSE_TEXT = (SERVING / "compose.yaml").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load(interpolated(COMPOSE_TEXT))
SERVICES = COMPOSE["services"]


def manifest(name: str):
    return yaml.safe_load((KUBERNETES / f"{name}.yaml").read_text(encoding="utf-8"))


DEPLOYMENT = manifest("deployment")
POD = DEPLOYMENT["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]
CONFIGMAP = manifest("configmap")["data"]


def flags_in(words) -> dict[str, str]:
    """Values by flag; every word must be a flag that TensorFlow Serving has."""
    found = dict(word.removeprefix("--").partition("=")[::2] for word in words)
    assert found.keys() <= KNOWN
    return found


def version(tag: str) -> tuple[int, ...]:
    return tuple(int(part) for part in tag.split("."))


# Compose


def test_compose_fits_the_specification():
    PyCompose.from_yaml(interpolated(COMPOSE_TEXT))
    with pytest.raises(ValueError, match="inti"):
        PyCompose.from_yaml(interpolated(COMPOSE_TEXT).replace("init: true", "inti: true"))


def test_ports_are_open_to_this_machine_only():
    ports = [port for service in SERVICES.values() for port in service["ports"]]
    assert len(ports) == 4
    assert all(LOCAL_ONLY.fullmatch(port) for port in ports)


def test_images_have_versions_and_servings_is_new_enough():
    for service in SERVICES.values():
        assert re.search(r":v?\d+\.\d+\.\d+$", service["image"])
    tag = SERVICES["serving"]["image"].rpartition(":")[2]
    assert tag == deployment.TAG
    assert version(tag) >= (2, 20)


def test_the_server_has_a_first_process_that_minds_signals_and_may_not_do_much():
    serving = SERVICES["serving"]
    assert serving["init"] is True
    assert (serving["read_only"], serving["cap_drop"], serving["user"]) == (True, ["ALL"], "65534:65534")
    mounts = {mount["target"]: mount for mount in serving["volumes"]}
    assert mounts.keys() == {"/models", "/config", "/usr/local/bin/healthcheck"}
    assert all(mount["read_only"] for mount in mounts.values())
    assert serving["healthcheck"]["test"] == ["CMD", "bash", "/usr/local/bin/healthcheck"]


def test_compose_uses_flags_that_exist_and_files_that_are_mounted():
    found = flags_in(shlex.split(SERVICES["serving"]["command"]))
    files = [value for name, value in found.items() if name.endswith("_file")]
    assert files
    for file in files:
        assert (SERVING / "config" / file.removeprefix("/config/")).is_file()


def test_what_compose_mounts_is_here():
    sources = [
        mount["source"] for one in SERVICES.values() for mount in one["volumes"] if mount["type"] == "bind"
    ]
    assert "./models" in sources
    for source in set(sources) - {"./models"}:
        assert (SERVING / source).exists(), source


def test_variables_that_write_config_sets_are_those_of_compose():
    command = deployment.deployment(
        ServerOptions((ModelConfig("photos", Path("/m/photos")),), rest_port=1, grpc_port=2, cors=True)
    ).compose(Path("/c"))
    words = shlex.split(command)
    settings = dict(word.split("=", 1) for word in words[: words.index("docker")])
    assert set(settings) <= set(re.findall(r"\$\{(\w+)", COMPOSE_TEXT))
    serving = yaml.safe_load(interpolated(COMPOSE_TEXT, **settings))["services"]["serving"]
    assert serving["ports"] == ["127.0.0.1:1:8501", "127.0.0.1:2:8500"]
    assert [mount["source"] for mount in serving["volumes"][:2]] == ["/m", "/c"]
    assert flags_in(shlex.split(serving["command"]))["rest_api_enable_cors_support"] == "true"
    assert words[words.index("-f") + 1] == "serving/compose.yaml"


# Samples


def test_samples_are_read():
    assert read_model_config(SERVING / "config" / deployment.CONFIG) == (
        ModelConfig("photos", Path("/models/photos")),
    )
    assert read_batching(SERVING / "config" / deployment.BATCHING).max_batch_size == 32
    assert read_metrics_path(SERVING / "config" / deployment.MONITORING) == METRICS_PATH


# Prometheus and Grafana


def test_prometheus_asks_the_server_where_its_metrics_are():
    (job,) = yaml.safe_load((SERVING / "prometheus/prometheus.yml").read_text())["scrape_configs"]
    assert job["metrics_path"] == METRICS_PATH
    ((target,),) = [one["targets"] for one in job["static_configs"]]
    service, _, port = target.partition(":")
    assert SERVICES[service]["ports"][0].endswith(f":{port}")


def test_grafana_finds_its_data_and_its_dashboard():
    provisioning = SERVING / "grafana/provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources/prometheus.yaml").read_text())["datasources"]
    assert source["url"] == "http://prometheus:9090"
    assert SERVICES["prometheus"]["ports"][0].endswith(":9090")
    (provider,) = yaml.safe_load((provisioning / "dashboards/dashboards.yaml").read_text())["providers"]
    mounts = {mount["target"]: mount["source"] for mount in SERVICES["grafana"]["volumes"]}
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    folder = provider["options"]["path"]
    assert home.startswith(f"{folder}/")
    assert (SERVING / mounts[folder] / Path(home).name).is_file()
    variables = {one["name"]: one for one in dashboard()["templating"]["list"]}
    assert variables["datasource"]["current"]["value"] == source["uid"]


def dashboard():
    return json.loads((SERVING / "grafana/dashboards/tensorflow-serving.json").read_text(encoding="utf-8"))


def series() -> dict[str, set[str]]:
    """Labels by series that a server shows, once everything has happened once."""
    from tlzoo.protocol.status import Code

    metrics = Metrics()
    metrics.request("m", Code.OK)
    metrics.request_latency("m", "predict", "REST", 1.0)
    metrics.runtime_latency("m", "Predict", 1.0)
    metrics.examples("m", 1)
    metrics.request_log("m", Code.OK)
    metrics.load_attempt("/m/1", ok=True)
    metrics.warmup("/m/1", Code.OK, 1.0, 1)
    metrics.queuing(1.0)
    metrics.batch_input(1)
    metrics.batch_size(1)
    found: dict[str, set[str]] = {}
    for line in metrics.render().splitlines():
        if parts := re.match(r"(:[\w:]+)\{(.*)\} ", line):
            found.setdefault(parts[1], set()).update(re.findall(r'(\w+)="', parts[2]))
    return found


CONTRACT = """
request_count request_latency runtime_latency request_example_counts request_example_count_total request_log_count
model_warmup_latency model_warmup_records_read batching_session:queuing_latency
""".split()  # noqa: SIM905
"""Names below `:tensorflow:serving:` that TensorFlow Serving has."""


def test_the_dashboard_asks_for_what_servers_show():
    known = series()
    names = [f":tensorflow:serving:{name}" for name in CONTRACT]
    names += [":tensorflow:cc:saved_model:load_attempt_count", ":tensorflow:core:graph_runs"]
    asked = [target["expr"] for panel in dashboard()["panels"] for target in panel.get("targets", [])]
    assert len(asked) > 10
    for expression in asked:
        for name, selector in re.findall(r"(:tensorflow:[\w:]+)(?:\{([^}]*)\})?", expression):
            assert name in known, name
            assert re.sub(r"_(bucket|sum|count)$", "", name) in names or name in names
            assert set(re.findall(r"(\w+)(?==|!=|=~)", selector)) <= known[name]
        for grouped in re.findall(r"by \(([^)]*)\)", expression):
            labels = set(re.split(r",\s*", grouped))
            assert any(labels <= known[name] for name in re.findall(r":tensorflow:[\w:]+", expression))


def test_panels_do_not_overlap_and_have_numbers_of_their_own():
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = set()
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        taken = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not taken & cells, panel["title"]
        cells |= taken


# Kubernetes


@pytest.mark.parametrize("path", sorted(KUBERNETES.glob("[!k]*.yaml")), ids=lambda path: path.stem)
def test_manifests_fit_kubernetes_schemas(path):
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    kubernetes_validate.validate(content, "1.36", strict=True)
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate({**content, "kindness": 1}, "1.36", strict=True)


def test_kustomize_knows_every_manifest_and_the_image():
    kustomization = manifest("kustomization")
    others = {path.name for path in KUBERNETES.glob("*.yaml")} - {"kustomization.yaml"}
    assert set(kustomization["resources"]) == others
    (image,) = kustomization["images"]
    assert (image["name"], image["newTag"]) == (CONTAINER["image"], deployment.TAG)


def test_whoever_selects_pods_selects_these():
    labels = DEPLOYMENT["spec"]["template"]["metadata"]["labels"]
    assert DEPLOYMENT["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert manifest("service")["spec"]["selector"].items() <= labels.items()
    assert manifest("disruption")["spec"]["selector"]["matchLabels"].items() <= labels.items()
    target = manifest("autoscaler")["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Deployment", DEPLOYMENT["metadata"]["name"])
    assert manifest("autoscaler")["spec"]["minReplicas"] > manifest("disruption")["spec"]["minAvailable"]
    assert "replicas" not in DEPLOYMENT["spec"]
    assert "requests" in CONTAINER["resources"]


def test_names_in_manifests_lead_somewhere():
    ports = {port["name"]: port["containerPort"] for port in CONTAINER["ports"]}
    assert {port["targetPort"] for port in manifest("service")["spec"]["ports"]} <= ports.keys()
    volumes = {volume["name"]: volume for volume in POD["volumes"]}
    assert {mount["name"] for mount in CONTAINER["volumeMounts"]} == volumes.keys()
    assert volumes["models"]["persistentVolumeClaim"]["claimName"] == manifest("storage")["metadata"]["name"]
    assert volumes["config"]["configMap"]["name"] == manifest("configmap")["metadata"]["name"]
    found = flags_in(CONTAINER["args"])
    assert (int(found["port"]), int(found["rest_api_port"])) == (ports["grpc"], ports["http"])
    files = {Path(value).name for name, value in found.items() if name.endswith("_file")}
    assert files == set(CONFIGMAP)


def test_the_pod_is_ready_once_its_model_can_be_asked():
    config = text_format.Parse(CONFIGMAP["models.config"], model_server_config_pb2.ModelServerConfig())
    (model,) = models_of(config)
    for probe in ("startupProbe", "readinessProbe"):
        assert CONTAINER[probe]["httpGet"] == {"path": f"/v1/models/{model.name}/metadata", "port": "http"}
    assert "httpGet" not in CONTAINER["livenessProbe"]
    assert set(model.labels) == {"stable", "canary"}
    assert set(model.labels.values()) == set(model.policy.versions)
    # Labels are judged before anything is loaded.
    assert "--allow_version_labels_for_unavailable_models" in CONTAINER["args"]


def test_texts_of_the_configmap_are_those_of_the_samples(tmp_path):
    for name, read in {deployment.BATCHING: read_batching, deployment.MONITORING: read_metrics_path}.items():
        (tmp_path / name).write_text(CONFIGMAP[name])
        assert read(tmp_path / name) == read(SERVING / "config" / name)


def test_a_pod_that_goes_lets_requests_end():
    ((_, seconds),) = [CONTAINER["lifecycle"]["preStop"]["exec"]["command"]]
    assert int(seconds) < POD["terminationGracePeriodSeconds"]
    assert POD["shareProcessNamespace"] is True


def test_the_pod_may_not_do_much():
    assert POD["securityContext"]["runAsNonRoot"] is True
    assert POD["automountServiceAccountToken"] is False
    context = CONTAINER["securityContext"]
    assert (context["allowPrivilegeEscalation"], context["readOnlyRootFilesystem"]) == (False, True)
    assert context["capabilities"] == {"drop": ["ALL"]}
    mounts = {mount["mountPath"]: mount for mount in CONTAINER["volumeMounts"]}
    assert mounts["/models"]["readOnly"]
    assert not any("subPath" in mount for mount in mounts.values())


# Dockerfile

DOCKERFILE = (SERVING / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")


def instructions(name: str) -> list[str]:
    return [
        line.removeprefix(name).strip() for line in DOCKERFILE.splitlines() if line.startswith(f"{name} ")
    ]


def test_the_image_of_the_local_server():
    assert instructions("USER") == ["10001:10001"]
    entry = json.loads(instructions("ENTRYPOINT")[0])
    assert entry[:2] == ["tlzoo", "serve"]
    assert build_parser().parse_args([*entry[1:], "/models/photos"]).host == "0.0.0.0"
    assert re.search(r":8501/readyz", instructions("HEALTHCHECK")[0])
    assert json.loads(instructions("HEALTHCHECK")[0].partition("CMD ")[2])[0] == "python"
    assert all("--no-cache-dir" in line for line in instructions("RUN") if "pip install" in line)
    assert instructions("EXPOSE") == ["8500 8501"]
    assert re.fullmatch(r"PYTHON=3\.\d+-slim-\w+", instructions("ARG")[0])


def test_the_image_is_built_from_what_is_here():
    kept = {
        line[1:]
        for line in (SERVING / "Dockerfile.dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    copied = set()
    for line in instructions("COPY"):
        if not line.startswith("--from"):
            copied |= set(line.split()[:-1])
    assert copied == kept
    assert all((SERVING.parent / name).exists() for name in copied)


# The health check of the container


@contextmanager
def answering(codes: dict[str, int]):
    """An HTTP server that answers paths with these codes, and its port."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(codes.get(self.path, 404))
            self.end_headers()

        def log_message(self, *_):
            """Nothing is told."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1], asked
        finally:
            server.shutdown()
            thread.join()


def healthcheck(config: Path, port: int):
    return subprocess.run(
        ["bash", SERVING / "healthcheck", config, str(port)], capture_output=True, text=True, timeout=60
    )


@pytest.fixture
def two_models(tmp_path):
    path = tmp_path / "models.config"
    path.write_text(
        '# name: "comment"\nmodel_config_list {\n  config {\n    name: "photos"\n    base_path: "/models/photos"\n  }\n'
        '  config { name: "zoë & co" base_path: "/models/zoë" }\n}\n',
        encoding="utf-8",
    )
    return path


def metadata(name: str) -> str:
    return f"/v1/models/{name}/metadata"


def test_the_container_is_healthy_once_all_models_can_be_asked(two_models):
    names = [metadata("photos"), metadata("zo%C3%AB%20%26%20co")]
    with answering(dict.fromkeys(names, 200)) as (port, asked):
        done = healthcheck(two_models, port)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert asked == names


def test_a_model_that_cannot_be_asked_is_named(two_models):
    with answering({metadata("photos"): 200}) as (port, _):
        done = healthcheck(two_models, port)
    assert (done.returncode, done.stdout) == (1, "zoë & co is not available: 404\n")


def test_silence_and_no_models_are_unhealthy(two_models, tmp_path):
    with answering({}) as (port, _):
        pass
    assert healthcheck(two_models, port).returncode == 1
    (tmp_path / "empty").write_text("model_config_list { }")
    done = healthcheck(tmp_path / "empty", port)
    assert (done.returncode, done.stdout) == (1, f"no models in {tmp_path}/empty\n")


def test_the_health_check_reads_what_write_config_writes(tmp_path):
    models = tuple(ModelConfig(name, tmp_path / name) for name in ("a", "b-c"))
    deployment.write(deployment.deployment(ServerOptions(models)).files, tmp_path / "deploy")
    with answering(dict.fromkeys(map(metadata, ("a", "b-c")), 200)) as (port, asked):
        assert healthcheck(tmp_path / "deploy" / deployment.CONFIG, port).returncode == 0
    assert asked == [metadata("a"), metadata("b-c")]


def test_the_health_check_can_be_run():
    assert os.access(SERVING / "healthcheck", os.X_OK)


# README

README = (SERVING / "README.md").read_text(encoding="utf-8")


def test_the_readme_names_every_file_and_every_variable():
    for path in (*SERVING.iterdir(), *KUBERNETES.glob("[!k]*.yaml")):
        if path.name not in ("README.md", "Dockerfile.dockerignore"):
            assert path.name in README, path.name
    for name, default in re.findall(r"\$\{(\w+):-([^}]*)\}", COMPOSE_TEXT):
        assert f"`{name}`" in README
        assert default.removeprefix("./") in README


def test_commands_of_the_readme_parse():
    lines = [line.strip() for line in README.splitlines() if line.startswith("    tlzoo serve")]
    assert len(lines) == 4
    for line in lines:
        build_parser().parse_args(shlex.split(re.split(r"\s{3,}", line)[0])[1:])


def test_flags_the_readme_names_exist():
    own = {"write-config", "force", "rm", "instances"}
    for name in re.findall(r"--([a-z][\w-]+)", README):
        assert name.replace("-", "_") in FLAGS or name in own, name


def test_samples_work_with_tlzoo_serve_too(tmp_path):
    """The command that README shows, but for the folder, which a container has and this machine has not."""
    from tlzoo.serving.flags import parse

    saved_model(tmp_path / "photos")
    words = [
        f"--{name}_file={SERVING}/config/{file}"
        for name, file in (
            ("model_config", deployment.CONFIG),
            ("batching_parameters", deployment.BATCHING),
            ("monitoring_config", deployment.MONITORING),
        )
    ]
    options = parse([*words, "--enable_batching"]).options
    assert options.models == (ModelConfig("photos", Path("/models/photos")),)
    assert options.metrics_path == METRICS_PATH
