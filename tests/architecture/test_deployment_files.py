"""The files that start Terrarium elsewhere are well formed and agree with each other."""

from __future__ import annotations

import json
import re
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
import yaml
from compose_spec import PyCompose

from config.env import AppConfig

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())


def test_compose_runs_web_a_worker_for_each_queue_and_both_stores() -> None:
    services = COMPOSE["services"]
    assert {"web", "postgres", "redis", "migrate", "worker-cpu", "worker-gpu", "worker-agents"} <= set(services)
    for queue in ("cpu", "gpu", "agents"):
        assert services[f"worker-{queue}"]["command"][-2:] == ["--queues", queue]


def test_compose_names_only_settings_that_exist() -> None:
    known = {f"TERRARIUM_{name.upper()}" for name in AppConfig.model_fields} | {"DATABASE_URL", "REDIS_URL"}
    for name, service in COMPOSE["services"].items():
        if "image" in service and service["image"].startswith("terrarium"):
            assert set(service["environment"]) <= known, name


def test_compose_names_its_proxy_and_no_other() -> None:
    (network,) = COMPOSE["networks"]["default"]["ipam"]["config"]
    named = COMPOSE["services"]["web"]["environment"]["TERRARIUM_TRUSTED_PROXIES"]
    assert named == network["gateway"]
    assert ip_address(named) in ip_network(network["subnet"])
    assert all(port.startswith("127.0.0.1:") for port in COMPOSE["services"]["web"]["ports"]), "only it comes that way"
    for start in ((ROOT / "Dockerfile").read_text(), (ROOT / "apps/lab/management/commands/up.py").read_text()):
        assert "--no-proxy-headers" in start


def test_every_secret_of_compose_must_be_set_by_the_operator() -> None:
    variables = set(re.findall(r"\$\{(\w+)", (ROOT / "compose.yaml").read_text()))
    required = set(re.findall(r"\$\{(\w+):\?", (ROOT / "compose.yaml").read_text()))
    example = set(re.findall(r"^(\w+)=", (ROOT / ".env.example").read_text(), re.M))
    assert variables == required == example


@pytest.mark.parametrize("service", ["web", "worker-cpu", "worker-agents", "worker-gpu"])
def test_no_process_starts_before_the_database_is_ready(service: str) -> None:
    assert COMPOSE["services"][service]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"


def test_the_image_does_not_run_as_root_and_has_a_gpu_target() -> None:
    stages = (ROOT / "Dockerfile").read_text()
    assert re.search(r"^USER terrarium$", stages, re.M)
    assert re.search(r"^FROM \S+ AS gpu$", stages, re.M)


def test_compose_holds_to_the_compose_specification() -> None:
    # The parser refuses YAML merge keys, which Compose itself resolves before checking: resolve them first.
    parsed = PyCompose.from_json(json.dumps(COMPOSE))
    assert "web" in parsed.service_names()
    broken = json.loads(json.dumps(COMPOSE))
    broken["services"]["web"]["portz"] = ["8000:8000"]
    with pytest.raises(ValueError, match="portz"):
        PyCompose.from_json(json.dumps(broken))
