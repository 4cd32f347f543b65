"""The probe says alive or not and nothing else; members see the parts in the specs' shapes."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.db import OperationalError, connection
from django.test import Client

from apps.core import health
from apps.core.health import parse_gpus

from .conftest import People

GPU_KEYS = {"available", "count", "name", "memory_free_gb", "memory_total_gb", "memory_used_gb", "compute_capability"}
STORAGE_KEYS = {"free_gb", "total_gb", "used_gb", "models_count", "datasets_count", "total_size_gb"}


@pytest.fixture(autouse=True)
def fresh_measurements() -> Iterator[None]:
    health.gpu_info.forget()  # type: ignore[attr-defined]
    yield
    health.gpu_info.forget()  # type: ignore[attr-defined]


def database_away(monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> Any:
        raise OperationalError("password of the database: secret")

    monkeypatch.setattr(connection, "cursor", away)


def test_the_probe_is_open_and_bare(anonymous: Client) -> None:
    answer = anonymous.get("/healthz")
    assert (answer.status_code, answer.content) == (200, b"ok")
    assert anonymous.head("/healthz").status_code == 200
    assert anonymous.post("/healthz").status_code == 405


def test_the_probe_says_503_without_a_database_and_not_why(anonymous: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        database_away(patch)
        answer = anonymous.get("/healthz")
    assert (answer.status_code, answer.content) == (503, b"unavailable")


def test_other_apps_tell_the_health_of_their_parts_and_count_what_they_store(
    as_: Callable[..., Client], people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "_parts", {})
    monkeypatch.setattr(health, "_counts", {})
    client = as_(people.viewer)
    health.part_register("vllm", lambda: health.ComponentHealth.DEGRADED)
    health.storage_count_register("models", lambda: 3)
    body = client.get("/api/v1/system/health").json()
    assert (body["components"]["vllm"], body["status"]) == ("degraded", "healthy")
    assert (body["storage"]["models_count"], body["storage"]["datasets_count"]) == (3, None)

    def broken() -> health.ComponentHealth:
        raise OSError("no socket")

    health.part_register("vllm", broken)
    assert client.get("/api/v1/system/health").json()["components"]["vllm"] == "unhealthy"
    with pytest.raises(ValueError, match="no part 'coffee'"):
        health.part_register("coffee", broken)
    with pytest.raises(ValueError, match="counts no 'cups'"):
        health.storage_count_register("cups", lambda: 1)


def test_health_has_the_specs_shape(as_: Callable[..., Client], people: People) -> None:
    body = as_(people.viewer).get("/api/v1/system/health").json()
    assert set(body) == {"status", "version", "components", "gpu", "storage"}
    assert set(body["components"]) == {"api", "gpu", "storage", "vllm"}
    assert body["status"] == body["components"]["api"] == body["components"]["storage"] == "healthy"
    assert body["components"]["vllm"] == "unhealthy"
    assert set(body["gpu"]) == GPU_KEYS
    assert set(body["storage"]) == STORAGE_KEYS


def test_the_parts_have_endpoints_of_their_own(as_: Callable[..., Client], people: People) -> None:
    browser = as_(people.viewer)
    assert set(browser.get("/api/v1/system/gpu").json()) == GPU_KEYS
    storage = browser.get("/api/v1/system/storage").json()
    assert set(storage) == STORAGE_KEYS
    assert storage["models_count"] is None
    assert storage["total_gb"] >= storage["free_gb"] > 0
    info = browser.get("/api/v1/system/info").json()
    assert set(info) == {"version", "python_version", "dependencies", "hardware", "storage"}
    assert info["dependencies"]["Django"].startswith("5.2")
    assert info["hardware"]["cpu_count"] >= 1


def test_a_full_disk_or_a_lost_cache_degrades_and_a_lost_folder_fails(
    as_: Callable[..., Client], people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = as_(people.viewer)
    with monkeypatch.context() as patch:
        patch.setattr(health, "LOW_DISK_GB", 10.0**9)
        assert browser.get("/api/v1/system/health").json()["status"] == "degraded"
    with monkeypatch.context() as patch:
        patch.setattr(cache, "get", lambda *_: None)
        assert browser.get("/api/v1/system/health").json()["components"]["api"] == "degraded"
    with monkeypatch.context() as patch:
        patch.setattr(health, "storage_takes_writes", lambda: False)
        assert browser.get("/api/v1/system/health").json()["status"] == "unhealthy"


def test_gpus_are_read_from_the_drivers_report() -> None:
    gpu = parse_gpus("NVIDIA H200, 143000, 143771, 771, 9.0\nNVIDIA H200, 143771, 143771, 0, 9.0\n")
    assert (gpu.available, gpu.count, gpu.name, gpu.compute_capability) == (True, 2, "NVIDIA H200", "9.0")
    assert gpu.memory_total_gb == pytest.approx(280.8, abs=0.1)
    assert gpu.memory_used_gb == pytest.approx(0.753, abs=0.001)
    sliced = parse_gpus("NVIDIA A100, [N/A], 81920, [N/A], 8.0\n")
    assert (sliced.count, sliced.memory_used_gb, sliced.memory_total_gb) == (1, 0.0, 80.0)
    for nothing in ("", "No devices were found\n", "NVIDIA-SMI has failed because, it couldn't\n"):
        assert parse_gpus(nothing).available is False


def test_a_driver_that_hangs_or_fails_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _name: "/usr/bin/nvidia-smi")
    for trouble in (
        subprocess.TimeoutExpired("nvidia-smi", 5),
        subprocess.CalledProcessError(9, "nvidia-smi"),
        OSError(),
    ):
        health.gpu_info.forget()  # type: ignore[attr-defined]

        def fail(*_args: Any, trouble: Exception = trouble, **_more: Any) -> None:
            raise trouble

        monkeypatch.setattr("subprocess.run", fail)
        assert health.gpu_info().available is False
