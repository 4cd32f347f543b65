"""Accelerators are read from their driver; what has no counter is modelled, and a constant says that it is one."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from apps.carbon.engine.energy import Component, Kind, Method, weakest
from apps.carbon.engine.readers import models
from apps.carbon.engine.readers.models import Modelled, Source, sources
from apps.carbon.engine.readers.nvml import Nvml


class Driver:
    """A driver with two accelerators: a new one that counts millijoules, an old one that tells its power."""

    def __init__(self) -> None:
        self.millijoules = 5_000.0
        self.milliwatts = 100_000.0
        self.failing = False

    def nvmlInit(self) -> None:
        pass

    def nvmlDeviceGetCount(self) -> int:
        return 2

    def nvmlDeviceGetHandleByIndex(self, number: int) -> int:
        return number

    def nvmlDeviceGetName(self, handle: int) -> bytes:
        return b"H100" if handle == 0 else b"K80"

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: int) -> float:
        if handle == 1 or self.failing:
            raise RuntimeError("Not Supported")
        return self.millijoules

    def nvmlDeviceGetPowerUsage(self, handle: int) -> float:
        if self.failing:
            raise RuntimeError("GPU is lost")
        return self.milliwatts


def test_a_counter_of_the_driver_is_taken_and_a_power_summed_up() -> None:
    driver = Driver()
    reader = Nvml(driver)
    assert [str(one) for one in reader.components] == ["gpu:0", "gpu:1"]
    assert reader.names() == ["H100", "K80"]
    reader.read(0, 0)
    driver.millijoules = 9_000.0
    new, old = reader.read(10, 10)
    assert (new.joules, new.lasts, new.uncertainty) == (9.0, True, None)
    assert (old.joules, old.lasts, old.uncertainty) == (1000.0, False, 0.15)


def test_a_device_that_is_lost_is_unknown() -> None:
    driver = Driver()
    reader = Nvml(driver)
    driver.failing = True
    assert [(one.joules, one.fault) for one in reader.read(0, 0)] == [
        (None, "the driver gave no reading of gpu:0"),
        (None, "the driver gave no reading of gpu:1"),
    ]


def test_without_a_driver_there_are_no_accelerators() -> None:
    class Nothing:
        def __getattr__(self, name: str) -> Any:
            raise RuntimeError("NVML Shared Library Not Found")

    assert Nvml(Nothing()).components == ()


def test_a_model_is_summed_up_and_its_failure_is_a_gap() -> None:
    watts = iter([10.0, 20.0])
    reader = Modelled([Source(models.CPU, lambda: next(watts), Method.MODELLED, 0.3, "by load")])
    assert [reader.read(at, at)[0].joules for at in (0.0, 5.0)] == [0.0, 100.0]
    (failed,) = reader.read(9.0, 9.0)
    assert failed.joules is None
    assert failed.fault.startswith("the model of cpu failed")


def test_where_codecarbon_is_missing_constants_stand_in_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "codecarbon.core.cpu", None)
    found = sources(cores=4, memory_gb=16, watts_per_core=8)
    assert [(one.component, one.watts(), one.method) for one in found] == [
        (models.CPU, 32.0, Method.CONSTANT),
        (models.RAM, 6.0, Method.CONSTANT),
    ]


def test_what_is_measured_is_not_modelled_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "codecarbon.core.cpu", None)
    found = sources(cores=4, memory_gb=16, watts_per_core=8, without=frozenset({Kind.CPU}))
    assert [one.component for one in found] == [models.RAM]


def test_the_models_of_codecarbon_are_used_where_it_is_installed() -> None:
    pytest.importorskip("codecarbon")
    processor, memory = sources(cores=2, memory_gb=16, watts_per_core=8)
    assert processor.words.startswith("codecarbon: ")
    assert (processor.method, memory.method) == (Method.MODELLED, Method.MODELLED)
    assert processor.base_watts <= processor.watts() <= processor.base_watts * 10
    assert memory.watts() > 0


def test_a_sum_is_as_good_as_its_worst_part() -> None:
    assert weakest([Method.MEASURED, Method.CONSTANT, Method.MODELLED]) == "constant"
    assert str(Component(Kind.RAM, "")) == "ram"
